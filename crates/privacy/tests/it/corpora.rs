//! Texts with labels by others: what is found of them, and what is not, stays above floors.

use crate::shared_data;
use privacy::measure::{self, Score, Scores};
use privacy::{Class, Detectors, Masker};
use std::fs;

/// Recall that must be reached on both halves together.
const RECALL_MIN: &[(Class, f64)] = &[
    (Class::Card, 0.98),
    (Class::Email, 0.98),
    (Class::Iban, 0.98),
    (Class::Ip, 0.98),
    (Class::NationalId, 0.98),
    (Class::Phone, 0.90),
    (Class::Person, 0.60),
];
const PRECISION_MIN: f64 = 0.80;
const SECRETS_RECALL_MIN: f64 = 0.60;
const SECRETS_PRECISION_MIN: f64 = 0.60;

/// The texts of people, or nothing where they are absent.
pub(crate) fn people() -> Vec<measure::Labelled> {
    let Some(folder) = shared_data::folder("pii/presidio-research") else { return Vec::new() };
    let files = ["generated_small.json", "synth_dataset_v2.visible.json"];
    let read =
        |name: &str| measure::texts_with_spans(&fs::read_to_string(folder.join(name)).unwrap()).unwrap();
    files.into_iter().flat_map(read).collect()
}

/// The files with secrets, or nothing where they are absent.
pub(crate) fn secrets() -> Vec<measure::Labelled> {
    let Some(folder) = shared_data::folder("secrets/credsweeper-samples") else { return Vec::new() };
    let mut files: Vec<(String, String)> = fs::read_dir(folder.join("tests/samples"))
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?.to_owned();
            fs::read_to_string(&path).ok().map(|text| (name, text))
        })
        .collect();
    files.sort();
    let findings = fs::read_to_string(folder.join("expected_findings.json")).unwrap();
    measure::files_with_findings(&findings, &files).unwrap()
}

#[test]
fn personal_data_in_texts_with_labels_is_found() {
    let texts = people();
    let masker = Masker::new(&Detectors::shipped().unwrap()).unwrap();
    let mut scores = Scores::new();
    for labelled in &texts {
        measure::count(&mut scores, labelled, &masker.mask(&labelled.text).unwrap().spans, |class| class);
    }
    let mut all = Score::default();
    for &(class, recall_min) in RECALL_MIN.iter().filter(|_| !texts.is_empty()) {
        let mut score = Score::default();
        scores.iter().filter(|((of, _), _)| *of == class).for_each(|(_, half)| score.add(*half));
        assert!(score.labels > 0, "{class:?} has no labels");
        assert!(score.recall() >= recall_min, "{class:?}: {score:?}");
    }
    scores.values().for_each(|score| all.add(*score));
    assert!(all.precision() >= PRECISION_MIN, "{all:?}");
}

#[test]
fn secrets_in_files_with_labels_are_found() {
    let files = secrets();
    let masker = Masker::new(&Detectors::shipped().unwrap()).unwrap();
    let mut scores = Scores::new();
    let one_class = |class: Class| if class.is_secret() { Class::Token } else { class };
    for labelled in &files {
        measure::count(&mut scores, labelled, &masker.mask(&labelled.text).unwrap().spans, one_class);
    }
    let mut all = Score::default();
    scores.iter().filter(|((class, _), _)| *class == Class::Token).for_each(|(_, score)| all.add(*score));
    assert!(files.is_empty() || all.labels > 100, "{all:?}");
    assert!(all.recall() >= SECRETS_RECALL_MIN && all.precision() >= SECRETS_PRECISION_MIN, "{all:?}");
}
