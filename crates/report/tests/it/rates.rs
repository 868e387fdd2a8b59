//! Rates hold reports back; they refuse none.

use crate::chance::Chance;
use model::SeededEntropy;
use proptest::prelude::*;
use report::provenance::Channel;
use report::rate::{
    BUCKETS_MAX, Decision, GUEST_LIMIT, GUESTS_LIMIT, HeldFor, MCP_LIMIT, Sender, Tiers, limit_of,
};
use report::reputation::Tier;
use std::net::IpAddr;

const NOW_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn guest(address: &str) -> Sender<'static> {
    Sender::Guest { address: Some(address.parse::<IpAddr>().unwrap()) }
}

/// How many of `count` reports at once are received.
fn received(
    tiers: &mut Tiers,
    sender: Sender<'_>,
    channel: Channel,
    service: Option<&str>,
    count: usize,
    now_ms: i64,
) -> usize {
    let entropy = SeededEntropy::new(1);
    let one = |_: &usize| tiers.admit(sender, channel, service, now_ms, &entropy) == Decision::Received;
    (0..count).filter(one).count()
}

#[test]
fn a_burst_goes_the_short_way_and_the_rest_is_held() {
    for tier in Tier::ALL {
        for channel in Channel::ALL {
            let limit = limit_of(tier, channel);
            let mut tiers = Tiers::new(NOW_MS, &SeededEntropy::new(1));
            let sender = Sender::Named { id: "per_1", tier };
            assert_eq!(received(&mut tiers, sender, channel, None, 1_000, NOW_MS), limit.burst as usize);
            // an hour later the bucket holds what came in, at most a burst
            let later = received(&mut tiers, sender, channel, None, 1_000, NOW_MS + HOUR_MS);
            assert_eq!(later, limit.burst.min(limit.per_hour) as usize, "{tier:?} {channel:?}");
            if channel == Channel::Mcp {
                assert!(limit.burst <= MCP_LIMIT.burst && limit.per_hour <= MCP_LIMIT.per_hour);
            }
        }
    }
    for pair in Tier::ALL.windows(2) {
        assert!(limit_of(pair[0], Channel::Web).burst < limit_of(pair[1], Channel::Web).burst);
    }
}

#[test]
fn held_says_why_and_for_how_long() {
    let (mut tiers, entropy) = (Tiers::new(NOW_MS, &SeededEntropy::new(1)), SeededEntropy::new(1));
    let sender = guest("192.0.2.1");
    assert_eq!(received(&mut tiers, sender, Channel::Web, None, 9, NOW_MS), GUEST_LIMIT.burst as usize);
    let Decision::Held { reason: HeldFor::SenderRate, wait_ms } =
        tiers.admit(sender, Channel::Web, None, NOW_MS, &entropy)
    else {
        panic!("it is past its rate")
    };
    assert_eq!(wait_ms, HOUR_MS as u64 / u64::from(GUEST_LIMIT.per_hour));
    let before = tiers.admit(sender, Channel::Web, None, NOW_MS + wait_ms as i64 - 1, &entropy);
    assert_eq!(before, Decision::Held { reason: HeldFor::SenderRate, wait_ms: 1 });
    assert_eq!(
        tiers.admit(sender, Channel::Web, None, NOW_MS + wait_ms as i64, &entropy),
        Decision::Received
    );
}

#[test]
fn many_guests_fill_the_bucket_of_guests_and_nobody_elses() {
    let (mut tiers, entropy) = (Tiers::new(NOW_MS, &SeededEntropy::new(1)), SeededEntropy::new(1));
    let chance = Chance::new(1);
    let decisions: Vec<Decision> = (0..1_000)
        .map(|_| {
            tiers.admit(
                Sender::Guest { address: Some(chance.address()) },
                Channel::Web,
                None,
                NOW_MS,
                &entropy,
            )
        })
        .collect();
    let received_count = decisions.iter().filter(|decision| **decision == Decision::Received).count();
    assert_eq!(received_count, GUESTS_LIMIT.burst as usize);
    assert!(matches!(decisions.last(), Some(Decision::Held { reason: HeldFor::GuestsRate, .. })));
    for (id, tier) in [("per_new", Tier::Newcomer), ("per_old", Tier::Trusted)] {
        assert_eq!(
            tiers.admit(Sender::Named { id, tier }, Channel::Web, None, NOW_MS, &entropy),
            Decision::Received
        );
    }
    // without an address (a proxy that hides it) guests have the limit of all guests
    assert_eq!(
        tiers.admit(Sender::Guest { address: None }, Channel::Web, None, NOW_MS + HOUR_MS, &entropy),
        Decision::Received
    );
}

#[test]
fn a_flood_on_a_service_does_not_hold_those_of_standing() {
    let (mut tiers, entropy) = (Tiers::new(NOW_MS, &SeededEntropy::new(1)), SeededEntropy::new(1));
    for i in 0..500 {
        let id = format!("per_{i}");
        tiers.admit(
            Sender::Named { id: &id, tier: Tier::Newcomer },
            Channel::Web,
            Some("checkout"),
            NOW_MS,
            &entropy,
        );
    }
    let newcomer = Sender::Named { id: "per_x", tier: Tier::Newcomer };
    let held = tiers.admit(newcomer, Channel::Web, Some("checkout"), NOW_MS, &entropy);
    assert!(matches!(held, Decision::Held { reason: HeldFor::ServiceRate, .. }), "{held:?}");
    assert_eq!(tiers.admit(newcomer, Channel::Web, Some("payments"), NOW_MS, &entropy), Decision::Received);
    let regular = Sender::Named { id: "per_y", tier: Tier::Regular };
    assert_eq!(tiers.admit(regular, Channel::Web, Some("checkout"), NOW_MS, &entropy), Decision::Received);
}

#[test]
fn addresses_are_told_apart_for_a_day_and_not_kept() {
    let (mut tiers, entropy) = (Tiers::new(NOW_MS, &SeededEntropy::new(1)), SeededEntropy::new(2));
    let midnight = NOW_MS.div_euclid(DAY_MS) * DAY_MS + DAY_MS;
    let at = midnight - 1_000;
    assert_eq!(received(&mut tiers, guest("203.0.113.77"), Channel::Web, None, 9, at), 5);
    // the same written otherwise is the same; another of one's own network too
    assert_eq!(received(&mut tiers, guest("::ffff:203.0.113.77"), Channel::Web, None, 9, at), 0);
    assert_eq!(received(&mut tiers, guest("2001:db8:1:2::1"), Channel::Web, None, 9, at), 5);
    assert_eq!(received(&mut tiers, guest("2001:db8:1:2:ffff::9"), Channel::Web, None, 9, at), 0);
    assert_eq!(received(&mut tiers, guest("2001:db8:1:3::1"), Channel::Web, None, 9, at), 5);
    let state = format!("{tiers:?}");
    assert!(!state.contains("203.0.113") && !state.contains("203, 0, 113"), "{state}");
    assert_eq!(tiers.len(), 4);
    // after midnight the key is another, and what was known of guests is gone
    assert_eq!(
        tiers.admit(guest("203.0.113.77"), Channel::Web, None, midnight, &entropy),
        Decision::Received
    );
    assert_eq!(tiers.len(), 2, "that guest, and all guests");
}

#[test]
fn memory_is_bounded() {
    let (mut tiers, entropy) = (Tiers::new(NOW_MS, &SeededEntropy::new(1)), SeededEntropy::new(1));
    for i in 0..BUCKETS_MAX + 2_000 {
        let id = format!("tok_{i}");
        tiers.admit(Sender::Named { id: &id, tier: Tier::Newcomer }, Channel::Api, None, NOW_MS, &entropy);
    }
    assert!(tiers.len() <= BUCKETS_MAX + 1, "{}", tiers.len());
    let late = Sender::Named { id: "tok_late", tier: Tier::Newcomer };
    assert!(matches!(tiers.admit(late, Channel::Api, None, NOW_MS, &entropy), Decision::Held { .. }));
    // an hour later full buckets are swept out
    assert_eq!(tiers.admit(late, Channel::Api, None, NOW_MS + HOUR_MS, &entropy), Decision::Received);
    assert!(tiers.len() < 10, "{}", tiers.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_more_than_the_limit_goes_the_short_way_whatever_the_clock_does(
        steps in prop::collection::vec(-2 * HOUR_MS..2 * HOUR_MS, 1..200), tier in 0..4_usize,
    ) {
        let tier = Tier::ALL[tier];
        let limit = limit_of(tier, Channel::Web);
        let entropy = SeededEntropy::new(3);
        let mut tiers = Tiers::new(NOW_MS, &entropy);
        let sender = Sender::Named { id: "per_1", tier };
        let (mut now_ms, mut forward_ms, mut received) = (NOW_MS, 0, 0_u32);
        for step in steps {
            now_ms += step;
            forward_ms += step.abs();
            match tiers.admit(sender, Channel::Web, None, now_ms, &entropy) {
                Decision::Received => received += 1,
                // never longer than a bucket takes to let one in
                Decision::Held { wait_ms, .. } => {
                    let most = u64::from(limit.burst + 1) * (HOUR_MS as u64 / u64::from(limit.per_hour));
                    prop_assert!(wait_ms > 0 && wait_ms <= most);
                }
            }
        }
        let refilled = forward_ms as f64 / HOUR_MS as f64 * f64::from(limit.per_hour);
        prop_assert!(f64::from(received) <= f64::from(limit.burst) + refilled + 1.0);
    }
}
