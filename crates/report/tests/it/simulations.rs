//! Whole plays, many times: a ring of fifty, an honest burst in an outage, a newcomer among a flood.
//!
//! The texts are put together here from phrases about made-up services; people write about the same outage in their own words, and
//! some of them paste the same line of a log.

use crate::chance::Chance;
use model::SeededEntropy;
use report::decision_table::{Case, ReporterKind, allowed};
use report::provenance::Channel;
use report::rate::{Decision, Sender, Tiers};
use report::reputation::Tier;
use report::ring::{Detector, NEW_ACCOUNT_MS, Notice, Observation};
use report::similarity::Signature;

const NOW_MS: i64 = 1_800_000_000_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

const STARTS: &[&str] = &[
    "since about ten minutes",
    "this morning",
    "when I open the cart",
    "after the last deployment",
    "again",
    "for me and two colleagues",
    "on my phone",
    "in the office and from home",
    "since the coffee break",
    "as of right now",
    "every second time",
    "without any warning",
];
const SYMPTOMS: &[&str] = &[
    "the page stays white",
    "I get an error 503",
    "nothing happens when I press pay",
    "it loads for ever",
    "the spinner never ends",
    "orders vanish after I submit them",
    "I am thrown back to the login",
    "the numbers on the dashboard are all zero",
    "requests time out after thirty seconds",
    "I see a gateway error",
    "half of the pictures are missing",
    "the API answers with nothing",
    "I was charged twice",
    "my session is gone after each click",
    "prices show as not a number",
];
const REMARKS: &[&str] = &[
    "is anybody looking into it",
    "could be an attack",
    "maybe the database",
    "our customers are calling",
    "not sure that this belongs here",
    "let me know if you need more",
    "it worked yesterday",
    "the status page says all is well",
    "please have a look",
    "reloading does not help",
    "other services seem fine",
    "I tried two browsers",
    "looks strange to me",
    "the queue is growing fast",
];
const PASTED: &str =
    "error upstream connect error or disconnect reset before headers reset reason connection failure";

fn honest_text(chance: &Chance, pasting: f64) -> String {
    let own = format!("{}, {}. {}", chance.pick(STARTS), chance.pick(SYMPTOMS), chance.pick(REMARKS));
    if chance.is(pasting) { format!("{} {PASTED}", chance.pick(SYMPTOMS)) } else { own }
}

fn ring_text(chance: &Chance, copied: bool) -> String {
    if !copied {
        return honest_text(chance, 0.0);
    }
    let call = ["shut it down", "take it offline", "stop them now"];
    format!(
        "The checkout service leaks the cards of all customers to a foreign company and the owner knows it, {}",
        chance.pick(&call)
    )
}

/// An account that made a report.
struct Account {
    id: String,
    age_ms: i64,
    tier: Tier,
}

fn observation(report: usize, account: Option<&Account>, at_ms: i64, text: &str) -> Observation {
    Observation {
        report: format!("rep_{report:06}"),
        reporter: account.map(|account| account.id.clone()),
        account_age_ms: account.map(|account| account.age_ms),
        at_ms,
        signature: Signature::of(text),
    }
}

/// A month of ordinary reports on a service.
fn ordinary_month(detector: &mut Detector, service: &str, a_day: f64, chance: &Chance) -> usize {
    let mut reports = 0;
    for hour in 0..30 * 24 {
        if chance.is(a_day / 24.0) {
            let account = Account {
                id: format!("per_old_{}", chance.below(400)),
                age_ms: 400 * DAY_MS,
                tier: Tier::Regular,
            };
            let at_ms = NOW_MS - 30 * DAY_MS + hour * HOUR_MS;
            detector.observe(
                service,
                observation(900_000 + reports, Some(&account), at_ms, &honest_text(chance, 0.1)),
            );
            reports += 1;
        }
    }
    reports
}

#[derive(Clone, Copy, Debug)]
enum Ring {
    FreshCopied,
    FreshOwnWords,
    AgedCopied,
    AgedTogetherHalfCopied,
    GuestsCopied,
    HalfFreshHalfCopied,
}

const RINGS: [Ring; 6] = [
    Ring::FreshCopied,
    Ring::FreshOwnWords,
    Ring::AgedCopied,
    Ring::AgedTogetherHalfCopied,
    Ring::GuestsCopied,
    Ring::HalfFreshHalfCopied,
];

/// Fifty agreed accounts on one service within an hour. Gives the notices, how many reports came before the first, and how many
/// automation accepted.
fn play_ring(ring: Ring, seed: u64) -> (Vec<Notice>, usize, usize) {
    let chance = Chance::new(seed);
    let mut detector = Detector::new();
    ordinary_month(&mut detector, "checkout", 2.0, &chance);
    let is_fresh = |i: usize| match ring {
        Ring::FreshCopied | Ring::FreshOwnWords => true,
        Ring::HalfFreshHalfCopied => i % 10 < 6,
        _ => false,
    };
    let account = |i: usize| Account {
        id: format!("per_ring_{i}"),
        age_ms: if is_fresh(i) { chance.below(6 * DAY_MS as usize) as i64 } else { 300 * DAY_MS },
        // even accounts that were bought with a good name
        tier: if is_fresh(i) { Tier::Newcomer } else { Tier::Trusted },
    };
    let accounts: Vec<Account> = (0..50).map(account).collect();
    if matches!(ring, Ring::AgedTogetherHalfCopied) {
        // they came together on other services before
        for (earlier, service) in ["payments", "login", "search"].iter().enumerate() {
            for (i, account) in accounts.iter().enumerate().take(40) {
                let at_ms = NOW_MS - (20 - 5 * earlier as i64) * DAY_MS + i as i64 * 20_000;
                detector.observe(
                    service,
                    observation(800_000 + i, Some(account), at_ms, &ring_text(&chance, false)),
                );
            }
            detector.observe(service, observation(700_000, None, NOW_MS - DAY_MS, "ok"));
        }
    }
    let copied = match ring {
        Ring::FreshOwnWords => 0.0,
        Ring::AgedTogetherHalfCopied => 0.75,
        Ring::HalfFreshHalfCopied => 0.7,
        _ => 1.0,
    };
    let span_ms = chance.between(5, 50) as i64 * MINUTE_MS;
    let (mut notices, mut first, mut accepted) = (Vec::new(), 50, 0);
    for (i, account) in accounts.iter().enumerate() {
        let is_guest = matches!(ring, Ring::GuestsCopied);
        let text = ring_text(&chance, chance.is(copied));
        let at_ms = NOW_MS + span_ms * i as i64 / 50;
        let verdict =
            detector.observe("checkout", observation(i, (!is_guest).then_some(account), at_ms, &text));
        if verdict.notice.is_some() {
            first = first.min(i + 1);
        }
        notices.extend(verdict.notice);
        let case = Case {
            reporter: if is_guest { ReporterKind::Anonymous } else { ReporterKind::Person },
            tier: account.tier,
            channel_strength: if is_guest { 0 } else { 3 },
            corroborated: i > 0,
            telemetry_match: false,
            ring: verdict.ring.is_some(),
            rate_held: false,
        };
        accepted += usize::from(allowed(&case).may_accept || allowed(&case).may_act);
    }
    (notices, first, accepted)
}

#[test]
fn a_ring_of_fifty_leads_to_no_automation_and_exactly_one_notice() {
    for ring in RINGS {
        let mut latest = 0;
        for seed in 0..100 {
            let (notices, first, accepted) = play_ring(ring, seed);
            assert_eq!(notices.len(), 1, "{ring:?} {seed}: {notices:?}");
            assert_eq!(accepted, 0, "{ring:?} {seed}");
            latest = latest.max(first);
        }
        println!(
            "ring of 50, {ring:?}: one notice in each of 100 plays, after {latest} reports at the latest"
        );
    }
}

/// An outage: people of all ages of account, in their own words. Whether it was taken for a ring, and how many reported.
fn play_outage(seed: u64) -> (bool, usize) {
    let chance = Chance::new(seed ^ 0x0DD);
    let mut detector = Detector::new();
    ordinary_month(&mut detector, "checkout", chance.unit() * 4.0, &chance);
    // colleagues who met in earlier outages, also of other services
    let regulars = chance.between(5, 40);
    for (earlier, service) in ["payments", "login", "search"].iter().enumerate().take(chance.below(4)) {
        for i in 0..regulars {
            if chance.is(0.6) {
                let account =
                    Account { id: format!("per_old_{i}"), age_ms: 400 * DAY_MS, tier: Tier::Regular };
                let at_ms = NOW_MS - (20 - 5 * earlier as i64) * DAY_MS + i as i64 * 20_000;
                detector.observe(
                    service,
                    observation(800_000 + i, Some(&account), at_ms, &honest_text(&chance, 0.2)),
                );
            }
        }
        detector.observe(service, observation(700_000, None, NOW_MS - DAY_MS, "ok"));
    }
    let reporters = chance.between(10, 150);
    // up to a third joined this week, up to two thirds have no account, up to half paste the same line
    let (new, guests, pasting) = (chance.unit() * 0.33, chance.unit() * 0.66, chance.unit() * 0.5);
    let span_ms = chance.between(5, 60) as i64 * MINUTE_MS;
    let mut is_taken_for_a_ring = false;
    for i in 0..reporters {
        let who = if chance.is(0.3) { chance.below(regulars) } else { 1_000 + i };
        let age_ms = if chance.is(new) {
            chance.below(7) as i64 * DAY_MS
        } else {
            chance.between(8, 2_000) as i64 * DAY_MS
        };
        let account = Account { id: format!("per_old_{who}"), age_ms, tier: Tier::Regular };
        let at_ms = NOW_MS + span_ms * i as i64 / reporters as i64;
        let text = honest_text(&chance, pasting);
        let verdict = detector
            .observe("checkout", observation(i, (!chance.is(guests)).then_some(&account), at_ms, &text));
        is_taken_for_a_ring |= verdict.ring.is_some();
    }
    (is_taken_for_a_ring, reporters)
}

#[test]
fn an_honest_burst_in_an_outage_is_seldom_taken_for_a_ring() {
    const PLAYS: u64 = 1_000;
    let plays: Vec<(bool, usize)> = (0..PLAYS).map(play_outage).collect();
    let alarms = plays.iter().filter(|(alarm, _)| *alarm).count();
    let reports: usize = plays.iter().map(|(_, reporters)| reporters).sum();
    let share = alarms as f64 / PLAYS as f64;
    println!(
        "honest bursts: {alarms} of {PLAYS} outages ({reports} reports) taken for a ring: {:.1} %",
        share * 100.0
    );
    assert!(share < 0.05, "{share}");
}

/// One report on its way to a person.
struct Waiting {
    honest_newcomer: bool,
    /// Automation rests on it: moderators see these apart, and may read the others before.
    held: bool,
    arrival: usize,
}

/// A flood of a ring and of guests on one service, and newcomers with something true among it. Gives after how many reports that a
/// person reads each newcomer's is read; `None` if never.
fn play_newcomers(seed: u64) -> Vec<Option<usize>> {
    let (chance, entropy) = (Chance::new(seed), SeededEntropy::new(seed));
    let (mut tiers, mut detector) = (Tiers::new(NOW_MS, &entropy), Detector::new());
    let mut queue = Vec::new();
    for arrival in 0..1_500 {
        let at_ms = NOW_MS + arrival as i64 * 2_000;
        let honest_newcomer = chance.is(0.01);
        let is_guest = chance.is(0.3);
        let service = if honest_newcomer && chance.is(0.5) { "payments" } else { "checkout" };
        let id = if honest_newcomer {
            format!("per_new_{arrival}")
        } else {
            format!("per_ring_{}", chance.below(50))
        };
        let sender = match is_guest {
            true => Sender::Guest { address: Some(chance.address()) },
            false => Sender::Named { id: &id, tier: Tier::Newcomer },
        };
        let decision = tiers.admit(sender, Channel::Web, Some(service), at_ms, &entropy);
        let account = Account { id: id.clone(), age_ms: NEW_ACCOUNT_MS / 2, tier: Tier::Newcomer };
        let text = if honest_newcomer { honest_text(&chance, 0.1) } else { ring_text(&chance, true) };
        let verdict =
            detector.observe(service, observation(arrival, (!is_guest).then_some(&account), at_ms, &text));
        let case = Case {
            reporter: if is_guest { ReporterKind::Anonymous } else { ReporterKind::Person },
            tier: account.tier,
            channel_strength: if is_guest { 0 } else { 3 },
            corroborated: false,
            telemetry_match: false,
            ring: verdict.ring.is_some(),
            rate_held: decision != Decision::Received,
        };
        let allowed = allowed(&case);
        if allowed.reaches_person {
            queue.push(Waiting { honest_newcomer, held: case.ring || case.rate_held, arrival });
        }
    }
    queue.sort_by_key(|waiting| (waiting.held, waiting.arrival));
    let newcomers: Vec<usize> = queue.iter().filter(|w| w.honest_newcomer).map(|w| w.arrival).collect();
    assert_eq!(queue.len(), 1_500, "nothing is dropped");
    let read =
        |arrival: &usize| queue.iter().position(|waiting| waiting.arrival == *arrival).map(|at| at + 1);
    newcomers.iter().map(read).collect()
}

#[test]
fn an_honest_newcomers_report_always_reaches_a_person() {
    let mut places: Vec<usize> = Vec::new();
    for seed in 0..30 {
        let read = play_newcomers(seed);
        assert!(read.iter().all(Option::is_some), "{seed}");
        places.extend(read.into_iter().flatten());
    }
    places.sort_unstable();
    let at = |share: usize| places[(places.len() - 1) * share / 100];
    println!(
        "{} newcomers in 30 floods of 1,500: all read; after {} reports (median), {} (worst)",
        places.len(),
        at(50),
        at(100)
    );
    assert!(places.len() > 300, "{}", places.len());
    // whoever reports on a service that is not flooded does not wait for the flood
    assert!(at(50) < 1_500 / 2, "{}", at(50));
}
