//! What each type of correlation means, as data: rules, correlations and series of events in `tests/correlations`.

use detect::{Detector, EventLogRoutes, LoadReport, Reading, RuleTestResult, SeriesTestOutcome};
use model::FieldTable;
use std::path::Path;

fn run(text: &str) -> (LoadReport, Vec<SeriesTestOutcome>) {
    let (mut vendor, mut ocsf) = (FieldTable::default(), FieldTable::default());
    let (detector, report) = Detector::load([("r.yml", text)], &mut vendor, &mut ocsf);
    let event_log = EventLogRoutes::new(&detector, &mut vendor);
    let outcomes = detector.run_series_tests(&Reading::plain(&vendor, &ocsf, &event_log));
    (report, outcomes)
}

#[test]
fn every_case_fires_or_stays_silent_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/correlations");
    let (mut cases, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let (report, outcomes) = run(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(report.refused, [], "{}", path.display());
        assert!(!outcomes.is_empty(), "{}", path.display());
        cases += outcomes.len();
        let failed = outcomes.into_iter().filter(|outcome| outcome.result != RuleTestResult::Passed);
        wrong.extend(failed.map(|o| format!("{}:{} {}: {:?}", path.display(), o.line, o.name, o.result)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases > 80, "{cases}");
}

const RULES: &str = "title: Base\nname: base\nlogsource: {product: aws}\ndetection: {s: {a: 1}, condition: s}\n---\n\
    title: Twice\ncorrelation: {type: event_count, rules: [base], group-by: [u], timespan: 1m, condition: {gte: 2}}\n\
    tests:\n- {name: wrong, matches: true, events: [{event: {a: 1, u: x}}]}\n\
    - {name: also wrong, matches: false, events: [{repeat: 2, every: 1s, event: {a: 1, u: x}}]}\n";

#[test]
fn a_wrong_test_says_what_the_correlation_did() {
    let (report, outcomes) = run(RULES);
    assert_eq!((report.loaded, report.refused.len()), (2, 0));
    let results: Vec<_> = outcomes.into_iter().map(|outcome| outcome.result).collect();
    assert_eq!(
        results,
        [RuleTestResult::Failed { matched: false }, RuleTestResult::Failed { matched: true }]
    );
}

#[test]
fn a_correlation_over_a_refused_rule_is_refused_and_named() {
    let (report, _) = run(&RULES.replace("{a: 1}, condition", "{a|nonsense: 1}, condition"));
    let codes: Vec<_> = report.refused.iter().map(|error| (error.line, error.code.as_str())).collect();
    assert_eq!(codes, [(4, "unknown-modifier"), (6, "unknown-rule")]);
}

#[test]
fn bad_series_are_refused_with_their_line() {
    for (from, to) in [
        ("repeat: 2, every: 1s", "repeat: 2"),
        ("repeat: 2, every: 1s", "repeat: 0, every: 1s"),
        ("repeat: 2, every: 1s", "at: soon"),
        ("repeat: 2, every: 1s", "at: 5s, event: {a: 1}}, {at: 1s"),
        ("repeat: 2, every: 1s", "when: 1s"),
        ("{a: 1, u: x}}]}\n- {name: also", "7}]}\n- {name: also"),
        ("matches: true", "matches: maybe"),
    ] {
        assert!(RULES.contains(from), "{from}");
        let (report, _) = run(&RULES.replacen(from, to, 1));
        assert_eq!(report.refused.first().map(|e| e.code.as_str()), Some("bad-test"), "{to}");
    }
}
