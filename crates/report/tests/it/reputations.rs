//! What a reputation promises, on ledgers of all kinds.

use proptest::prelude::*;
use report::reputation::{Entry, HALF_LIFE_MS, Outcome, Reputation, Tier};

const NOW_MS: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const OUTCOMES: [Outcome; 4] =
    [Outcome::Accepted, Outcome::Merged, Outcome::CountedAgainst, Outcome::Neutral];

fn ledger(outcomes: &[(usize, i64)]) -> Vec<Entry> {
    let entry = |(i, (outcome, age_days)): (usize, &(usize, i64))| {
        Entry::new(format!("rep_{i:05}"), "phishing", OUTCOMES[outcome % 4], NOW_MS - age_days * DAY_MS)
    };
    outcomes.iter().enumerate().map(entry).collect()
}

fn any_ledger() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::vec((0..4_usize, -2..2_000_i64), 0..40).prop_map(|outcomes| ledger(&outcomes))
}

#[test]
fn tiers_by_fresh_outcomes() {
    // (for, against, neither) → tier
    let cases = [
        (0, 0, 0, Tier::Newcomer),
        (0, 0, 50, Tier::Newcomer),
        (2, 0, 0, Tier::Newcomer),
        (0, 2, 9, Tier::Newcomer),
        (3, 0, 0, Tier::Regular),
        (7, 0, 0, Tier::Regular),
        (8, 0, 0, Tier::Trusted),
        (8, 0, 100, Tier::Trusted),
        (8, 1, 0, Tier::Regular),
        (20, 2, 0, Tier::Trusted),
        (0, 3, 0, Tier::Regular),
        (0, 5, 0, Tier::Watched),
        (1, 5, 0, Tier::Regular),
        (2, 20, 0, Tier::Watched),
        (10, 10, 0, Tier::Regular),
    ];
    for (good, bad, neutral, want) in cases {
        let outcomes: Vec<(usize, i64)> =
            [(0, good), (2, bad), (3, neutral)].iter().flat_map(|(o, n)| vec![(*o, 0); *n]).collect();
        let reputation = Reputation::of(&ledger(&outcomes), NOW_MS);
        assert_eq!(reputation.tier, want, "{good} for, {bad} against, {neutral} neither: {reputation:?}");
        assert_eq!(reputation.counted, good + bad);
        assert_eq!(reputation.entries.len(), good + bad + neutral);
    }
}

#[test]
fn an_outcome_weighs_half_after_the_half_life() {
    let entry = Entry::new("rep_1", "phishing", Outcome::Accepted, NOW_MS);
    for (age_ms, want) in [(0, 1.0), (HALF_LIFE_MS, 0.5), (2 * HALF_LIFE_MS, 0.25), (-DAY_MS, 1.0)] {
        let weight = Reputation::of(std::slice::from_ref(&entry), NOW_MS + age_ms).entries[0].weight;
        assert!((weight - want).abs() < 1e-12, "{weight}");
    }
    // who was trusted and is silent for years is regular again, not a newcomer and not watched
    let old = ledger(&[(0, 4 * 365); 30]);
    assert_eq!(Reputation::of(&old, NOW_MS).tier, Tier::Regular);
}

#[test]
fn categories_are_apart() {
    let mut entries = ledger(&[(0, 1); 9]);
    entries.extend(
        (0..6).map(|i| Entry::new(format!("rep_x{i}"), "leaked-secret", Outcome::CountedAgainst, NOW_MS)),
    );
    let by_category = Reputation::by_category(&entries, NOW_MS);
    assert_eq!(by_category["phishing"].tier, Tier::Trusted);
    assert_eq!(by_category["leaked-secret"].tier, Tier::Watched);
    assert_eq!(Reputation::unknown().tier, Tier::Newcomer);
}

#[test]
fn names_of_tiers_are_stable() {
    for tier in Tier::ALL {
        assert_eq!(Tier::from_name(tier.as_str()), Some(tier));
        assert_eq!(serde_json::to_value(tier).unwrap(), tier.as_str());
    }
    assert_eq!(OUTCOMES.map(Outcome::as_str), ["accepted", "merged", "counted_against", "neutral"]);
}

proptest! {
    #[test]
    fn it_is_bounded(entries in any_ledger()) {
        let r = Reputation::of(&entries, NOW_MS);
        prop_assert!(0.0 < r.low && r.low <= r.mean && r.mean <= r.high && r.high < 1.0, "{r:?}");
        prop_assert!(r.entries.iter().all(|entry| entry.weight.abs() <= 1.0));
        prop_assert!((r.tier == Tier::Newcomer) == (r.counted < 3));
    }

    #[test]
    fn one_more_for_never_lowers_and_one_more_against_never_raises(entries in any_ledger(), age in 0..2_000_i64) {
        let before = Reputation::of(&entries, NOW_MS);
        for outcome in OUTCOMES {
            let mut more = entries.clone();
            more.push(Entry::new("rep_more", "phishing", outcome, NOW_MS - age * DAY_MS));
            let after = Reputation::of(&more, NOW_MS);
            let changes = [after.mean - before.mean, after.low - before.low, after.high - before.high];
            let sign = f64::from(outcome.sign());
            // 1e-9: what halving an interval sixty times and a continued fraction leave
            prop_assert!(changes.iter().all(|change| if sign == 0.0 { *change == 0.0 } else { change * sign >= -1e-9 }), "{outcome:?} {changes:?}");
        }
    }

    #[test]
    fn time_alone_draws_it_to_the_middle(entries in any_ledger(), days in 0..3_000_i64) {
        let (now, later) = (NOW_MS + 3 * DAY_MS, NOW_MS + (3 + days) * DAY_MS);
        let (a, b) = (Reputation::of(&entries, now), Reputation::of(&entries, later));
        prop_assert!((b.mean - 0.5).abs() <= (a.mean - 0.5).abs() + 1e-12);
        prop_assert!((b.mean - 0.5) * (a.mean - 0.5) >= -1e-12, "it does not cross over");
        let weights = |r: &Reputation| r.entries.iter().map(|entry| entry.weight.abs()).sum::<f64>();
        prop_assert!(weights(&b) <= weights(&a));
    }

    #[test]
    fn the_order_of_entries_changes_not_a_bit(entries in any_ledger(), seed in any::<u64>()) {
        let mut shuffled = entries.clone();
        crate::chance::Chance::new(seed).shuffle(&mut shuffled);
        prop_assert_eq!(Reputation::of(&entries, NOW_MS), Reputation::of(&shuffled, NOW_MS));
        // nor does an entry that is delivered twice
        shuffled.extend(entries.iter().cloned());
        prop_assert_eq!(Reputation::of(&entries, NOW_MS), Reputation::of(&shuffled, NOW_MS));
    }

    #[test]
    fn an_overturned_decision_leaves_exactly_what_the_other_would_have_left(
        entries in any_ledger(), age in 0..2_000_i64, first in 0..4_usize, then in 0..4_usize,
    ) {
        let decided = |outcome: usize| Entry::new("rep_appealed", "phishing", OUTCOMES[outcome], NOW_MS - age * DAY_MS);
        let overturned = decided(first).overturned(OUTCOMES[then]);
        let mut ledger = entries.clone();
        ledger.extend([overturned.clone(), decided(first)]);
        let mut as_if = entries.clone();
        as_if.push(decided(then));
        prop_assert_eq!(Reputation::of(&ledger, NOW_MS), Reputation::of(&as_if, NOW_MS));
        // and overturning that restores the first, to the bit
        ledger.push(overturned.overturned(OUTCOMES[first]));
        let mut never = entries;
        never.push(decided(first));
        prop_assert_eq!(Reputation::of(&ledger, NOW_MS), Reputation::of(&never, NOW_MS));
    }
}
