//! The table of what automation may do, over every case there is.

use model::Severity;
use report::decision_table::{Allowed, Case, ReporterKind, allowed};
use report::reputation::Tier;
use std::collections::BTreeMap;

#[test]
fn promises_hold_in_every_row() {
    let mut rows = 0;
    for case in Case::all() {
        rows += 1;
        let it = allowed(&case);
        assert!(it.reaches_person && !it.may_act, "{case:?}");
        let anonymous = case.reporter == ReporterKind::Anonymous;
        if anonymous {
            assert!(!it.may_accept, "{case:?}");
            assert!(case.telemetry_match || it.severity_max <= Severity::Medium, "{case:?}");
            // nobody gets anything by claiming a standing without a name
            assert_eq!(it, allowed(&Case { tier: Tier::Newcomer, ..case }), "{case:?}");
        }
        if it.may_accept {
            assert!(
                case.telemetry_match && case.tier == Tier::Trusted && case.channel_strength >= 2,
                "{case:?}"
            );
            assert!(!case.ring && !case.rate_held, "{case:?}");
        }
        if case.ring {
            assert!(!it.may_accept, "{case:?}");
            assert!(case.telemetry_match || it.severity_max <= Severity::Medium, "{case:?}");
        }
        // only telemetry corroborates: reports of others change nothing that is automatic
        assert_eq!(it, allowed(&Case { corroborated: !case.corroborated, ..case }), "{case:?}");
    }
    assert_eq!(rows, 3 * 4 * 4 * 16);
}

#[test]
fn more_standing_proof_or_telemetry_never_allows_less() {
    let is_no_less = |more: &Allowed, less: &Allowed| {
        more.severity_max >= less.severity_max && more.may_accept >= less.may_accept
    };
    for case in Case::all() {
        let less = allowed(&case);
        let better = Tier::ALL.into_iter().find(|tier| *tier > case.tier).unwrap_or(case.tier);
        // watched and newcomer differ by what is known against somebody; from there on upwards more is never less
        for more in [
            Case { tier: better, ..case },
            Case { channel_strength: (case.channel_strength + 1).min(3), ..case },
            Case { telemetry_match: true, ..case },
            Case { ring: false, ..case },
            Case { rate_held: false, ..case },
        ] {
            assert!(is_no_less(&allowed(&more), &less), "{case:?} → {more:?}");
        }
    }
}

#[test]
fn the_table_as_a_whole_is_what_was_decided() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for case in Case::all() {
        let it = allowed(&case);
        *counts.entry(format!("{:?}", it.severity_max)).or_default() += 1;
        *counts.entry(format!("accept {}", it.may_accept)).or_default() += 1;
    }
    let counts: Vec<String> = counts.into_iter().map(|(what, count)| format!("{what} {count}")).collect();
    assert_eq!(counts, WHOLE);
}

const WHOLE: [&str; 5] = ["Critical 96", "High 336", "Medium 336", "accept false 760", "accept true 8"];
