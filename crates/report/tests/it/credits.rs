//! Credit goes to those who want it, for what reports were worth.

use model::Severity;
use proptest::prelude::*;
use report::credit::{CreditEntry, Creditor, HALF_LIFE_MS, display_name, score, thanks};

const NOW_MS: i64 = 1_800_000_000_000;

fn entry(severity: Severity, first: bool, telemetry_match: bool) -> CreditEntry {
    CreditEntry { at_ms: NOW_MS, severity, first, telemetry_match }
}

#[test]
fn volume_does_not_outweigh_worth() {
    let best = [entry(Severity::Critical, true, true)];
    let small = vec![entry(Severity::Informational, false, false); 10_000];
    assert!(score(&best, NOW_MS) > score(&small, NOW_MS));
    assert!((score(&best, NOW_MS) - 1.0).abs() < 1e-12 && score(&small, NOW_MS) < 5.0 * 0.1 + 1e-9);
    assert_eq!(score(&[], NOW_MS), 0.0);
    assert!((score(&best, NOW_MS + HALF_LIFE_MS) - 0.5).abs() < 1e-12, "it fades");
}

#[test]
fn only_those_who_asked_are_named() {
    let entries = [entry(Severity::High, true, false)];
    let more = [entry(Severity::Critical, true, true)];
    let creditor = |display_name, shown, entries| Creditor { display_name, shown, entries };
    let creditors = [
        creditor(Some("Ada"), true, &entries[..]),
        creditor(Some("Bo"), false, &more),
        creditor(None, true, &more),
        creditor(Some("  Zoe   K. "), true, &entries),
        creditor(Some("Cleo"), true, &more),
        creditor(Some("Nil"), true, &[]),
        creditor(Some("me@example.org"), true, &more),
    ];
    let names: Vec<String> =
        thanks(&creditors, NOW_MS).into_iter().map(|credit| credit.display_name).collect();
    assert_eq!(names, ["Cleo", "Ada", "Zoe K."]);
    assert!(thanks(&creditors, NOW_MS + 40 * HALF_LIFE_MS).is_empty(), "what faded is not shown");
}

#[test]
fn names_to_show() {
    for (name, want) in [
        ("Ada", Some("Ada")),
        (" Ada \t L. ", Some("Ada L.")),
        ("Ωmega 7", Some("Ωmega 7")),
        ("", None),
        ("   ", None),
        ("a@b.c", None),
        ("<b>x</b>", None),
        ("x\u{202E}y", None),
        ("x\u{0}y", None),
        ("https://x", None),
    ] {
        assert_eq!(display_name(name).ok().as_deref(), want, "{name:?}");
    }
    assert!(display_name(&"é".repeat(40)).is_ok() && display_name(&"é".repeat(41)).is_err());
}

proptest! {
    #[test]
    fn a_score_is_bounded_by_its_best_and_grows_with_each(
        entries in prop::collection::vec((0..5_usize, any::<bool>(), any::<bool>(), 0..1_000_000_000_i64), 1..60), seed in any::<u64>(),
    ) {
        let mut entries: Vec<CreditEntry> = entries.into_iter().map(|(severity, first, telemetry_match, age_ms)| {
            CreditEntry { at_ms: NOW_MS - age_ms, severity: Severity::ALL[severity], first, telemetry_match }
        }).collect();
        let whole = score(&entries, NOW_MS);
        let best = entries.iter().map(|entry| score(std::slice::from_ref(entry), NOW_MS)).fold(0.0, f64::max);
        prop_assert!(best <= whole + 1e-12 && whole < 5.0 * best);
        crate::chance::Chance::new(seed).shuffle(&mut entries);
        prop_assert_eq!(score(&entries, NOW_MS), whole);
        prop_assert!(score(&entries[1..], NOW_MS) <= whole);
    }
}
