//! Filters, pipelines and placeholders act on the rules of all files, whichever file they stand in.

use detect::{Detector, LoadReport, Vocabulary};
use model::FieldTable;

const RULE: &str = "title: R\nid: 6d3b6b52-8c0c-4b4d-9f3e-0f1d2c3b4a59\nlogsource: {product: aws, service: cloudtrail}\n\
                    detection: {s: {eventName: StopLogging}, condition: s}\n";

fn load(files: &[(&str, &str)]) -> (Detector, LoadReport) {
    let (mut vendor, mut ocsf) = (FieldTable::default(), FieldTable::default());
    Detector::load(files.iter().copied(), &mut vendor, &mut ocsf)
}

fn conditions(detector: &Detector) -> Vec<String> {
    let conditions = |rule: &sigma::Rule| rule.detection.conditions[0].expression.to_string();
    detector.rules().map(|(_, rule)| conditions(rule)).collect()
}

#[test]
fn a_filter_in_another_file_is_added_and_one_for_nobody_is_reported() {
    let filter = "title: F\nlogsource: {product: aws}\nfilter:\n  rules: [6d3b6b52-8c0c-4b4d-9f3e-0f1d2c3b4a59]\n  s: {userName: ci}\n  condition: not s\n";
    let (detector, report) = load(&[("f.yml", filter), ("r.yml", RULE)]);
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    assert_eq!(conditions(&detector), ["(s and not filter(F).s)"]);
    let (detector, report) = load(&[("f.yml", &filter.replace("6d3b", "0000")), ("r.yml", RULE)]);
    assert_eq!(conditions(&detector), ["s"]);
    let refused: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
    assert!(refused.len() == 1 && refused[0].starts_with("f.yml:1: filter-without-rule: "), "{refused:?}");
}

#[test]
fn a_pipeline_chooses_the_vocabulary_and_a_broken_one_leaves_the_rules_as_they_are() {
    let pipeline = "name: p\ntransformations:\n- {type: change_logsource, product: ocsf}\n- {type: field_name_mapping, mapping: {eventName: api.operation}}\n";
    let (detector, report) = load(&[("p.yml", pipeline), ("r.yml", RULE)]);
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let vocabularies: Vec<_> = detector.rules().map(|(hit, _)| hit.vocabulary).collect();
    assert_eq!(vocabularies, [Vocabulary::Ocsf]);
    let (detector, report) =
        load(&[("p.yml", &pipeline.replace("field_name_mapping", "nothing_known")), ("r.yml", RULE)]);
    assert_eq!(detector.rules().map(|(hit, _)| hit.vocabulary).collect::<Vec<_>>(), [Vocabulary::Vendor]);
    assert_eq!(report.refused.len(), 1);
    assert!(report.refused[0].reason.contains("nothing_known"), "{:?}", report.refused);
}

#[test]
fn placeholders_let_the_rules_run_that_need_them() {
    let rule = RULE.replace("{eventName: StopLogging}", "{userName|expand: '%admins%'}");
    let (_, report) = load(&[("r.yml", &rule)]);
    assert_eq!(report.refused.iter().map(|e| e.code.as_str()).collect::<Vec<_>>(), ["unknown-placeholder"]);
    let (_, report) = load(&[("r.yml", &rule), ("site.yml", "placeholders: {admins: [ana, eve]}\n")]);
    assert_eq!((report.loaded, report.refused.len()), (1, 0));
}
