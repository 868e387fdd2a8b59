//! The cases beside the detectors.

use privacy::vectors::Vectors;
use privacy::{Detectors, Masker};
use std::collections::BTreeMap;

/// How many cases each detector has to find something in, and to let be, at least.
const CASES_MIN: usize = 10;

#[test]
fn every_vector_is_told_as_it_says() {
    let masker = Masker::new(&Detectors::shipped().unwrap()).unwrap();
    let mut wrong = Vec::new();
    for case in Vectors::shipped().unwrap().cases() {
        let masked = masker.mask(&case.text).unwrap();
        let own = masked.spans.iter().filter(|span| span.detector == case.detector);
        let places: Vec<_> = own.map(|span| (span.start, span.end)).collect();
        if places != case.places {
            wrong.push(format!(
                "{}: {:?}\n  wants {:?}\n  has   {:?}",
                case.detector, case.text, case.places, masked
            ));
        }
    }
    assert!(wrong.is_empty(), "{} vectors:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_detector_has_cases_of_both_kinds() {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for case in Vectors::shipped().unwrap().cases() {
        let count = counts.entry(case.detector).or_default();
        if case.places.is_empty() { count.1 += 1 } else { count.0 += 1 }
    }
    for detector in Detectors::shipped().unwrap().detectors {
        let (finds, passes) = counts.remove(&detector.name).unwrap_or_default();
        assert!(finds >= CASES_MIN && passes >= CASES_MIN, "{}: {finds} and {passes}", detector.name);
    }
    assert!(counts.is_empty(), "cases of detectors that are not there: {counts:?}");
}
