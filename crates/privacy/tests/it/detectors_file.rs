//! A file of detectors is refused with a reason, or read whole.

use privacy::{Class, Detectors, DetectorsError, Masker};

const SHIPPED: &str = include_str!("../../../../content/privacy/detectors.yaml");

#[test]
fn a_wrong_file_is_refused_with_the_detector_and_the_reason() {
    let cases = [
        ("pattern: '[0-9]{9}'", r"pattern: '\d{9}'", "us_ssn_bare", "would read otherwise"),
        ("pattern: '[0-9]{9}'", r"pattern: '(?=x)[0-9]{9}'", "us_ssn_bare", "cannot be read"),
        ("words: [ssn, social]", "words: [SSN]", "us_ssn_bare", "lower-case"),
        ("- name: email_spelled", "- name: email", "email", "taken"),
        ("- name: email_spelled", "- name: Email", "Email", "lower-case"),
        ("scanner: names", "pattern: x\n    scanner: names", "person", "not both"),
        ("literals: [ssn, social]", "literals: ['']", "us_ssn_bare", "empty"),
    ];
    for (from, to, name, words) in cases {
        assert!(SHIPPED.contains(from), "{from}");
        match Detectors::parse(&SHIPPED.replacen(from, to, 1)) {
            Err(DetectorsError::Detector { detector, reason }) => {
                assert_eq!(detector, name, "{reason}");
                assert!(reason.contains(words), "{reason}");
            }
            other => panic!("{to}: {other:?}"),
        }
    }
}

#[test]
fn classes_have_one_label_each() {
    let twice = SHIPPED.replacen("class: phone, label: phone", "class: email, label: phone", 1);
    assert!(matches!(Detectors::parse(&twice), Err(DetectorsError::Whole(_))));
    let same = SHIPPED.replacen("class: phone, label: phone", "class: phone, label: email", 1);
    assert!(matches!(Detectors::parse(&same), Err(DetectorsError::Whole(_))));
    assert!(matches!(Detectors::parse("detectors: []"), Err(DetectorsError::Shape(_))));
    let unknown = SHIPPED.replacen("check: card", "check: cards", 1);
    assert!(matches!(Detectors::parse(&unknown), Err(DetectorsError::Shape(_))));
}

#[test]
fn classes_can_be_left_out() {
    let text = "jane@example.org from 8.8.4.4";
    let masker = Masker::new(&Detectors::shipped().unwrap().without(&[Class::Ip])).unwrap();
    assert_eq!(masker.mask(text).unwrap().text, "[email 1] from 8.8.4.4");
}
