//! Masking measured on texts with labels, as a table: `cargo run --release -p huecry-privacy --example masking_scores`.
//!
//! It reads the folders `pii` and `secrets` of the shared data (`HUECRY_SHARED_DATA`, or beside the workspace). With
//! `--misses` it says what was missed and what was wrong, of the half that detectors are developed on.
#![allow(clippy::print_stdout, missing_docs)]

extern crate huecry_privacy as privacy;

use privacy::measure::{self, Half, Labelled, Score, Scores};
use privacy::{Class, Detectors, Masker};
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let misses = std::env::args().any(|arg| arg == "--misses");
    let data =
        std::env::var_os("HUECRY_SHARED_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let masker = Masker::new(&Detectors::shipped()?)?;
    let mut texts = Vec::new();
    for name in ["generated_small.json", "synth_dataset_v2.visible.json"] {
        let json = fs::read_to_string(data.join("pii/presidio-research").join(name))?;
        texts.extend(measure::texts_with_spans(&json)?);
    }
    table("people", &masker, &texts, |class| class, misses)?;
    let samples = data.join("secrets/credsweeper-samples");
    let mut files = Vec::new();
    for entry in fs::read_dir(samples.join("tests/samples"))? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if let Ok(text) = fs::read_to_string(&path) {
            files.push((name, text));
        }
    }
    files.sort();
    let findings = fs::read_to_string(samples.join("expected_findings.json"))?;
    let secrets = measure::files_with_findings(&findings, &files)?;
    let one_class = |class: Class| if class.is_secret() { Class::Token } else { class };
    table("secrets", &masker, &secrets, one_class, misses)?;
    throughput(&masker, &texts)
}

fn table(
    title: &str,
    masker: &Masker,
    texts: &[Labelled],
    class_of: impl Fn(Class) -> Class + Copy,
    misses: bool,
) -> Result<(), Box<dyn Error>> {
    let mut scores = Scores::new();
    for labelled in texts {
        let masked = masker.mask(&labelled.text)?;
        measure::count(&mut scores, labelled, &masked.spans, class_of);
        if misses {
            print_misses(labelled, &masked.spans, class_of);
        }
    }
    println!("## {title}: {} texts\n", texts.len());
    println!("| class | half | labels | found | recall | in part | spans | right | precision |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut all = Score::default();
    for ((class, half), score) in &scores {
        // personal data among secrets has no labels there
        if title == "secrets" && !class.is_secret() {
            continue;
        }
        all.add(*score);
        row(class.name(), &format!("{half:?}").to_lowercase(), *score);
    }
    row("all", "both", all);
    println!();
    Ok(())
}

fn row(class: &str, half: &str, score: Score) {
    println!(
        "| {class} | {half} | {} | {} | {:.3} | {} | {} | {} | {:.3} |",
        score.labels,
        score.found,
        score.recall(),
        score.touched,
        score.spans,
        score.right,
        score.precision()
    );
}

fn print_misses(labelled: &Labelled, spans: &[privacy::Span], class_of: impl Fn(Class) -> Class) {
    let near = |start: usize, end: usize| {
        let from = (start.saturating_sub(40)..=start)
            .find(|at| labelled.text.is_char_boundary(*at))
            .unwrap_or(start);
        let to = (end + 30..)
            .find(|at| labelled.text.is_char_boundary(*at) || *at > labelled.text.len())
            .unwrap_or(end);
        format!("{:?}", &labelled.text[from..to.min(labelled.text.len())])
    };
    for label in labelled.labels.iter().filter(|label| label.half == Half::Even) {
        let Some(class) = label.class else { continue };
        for &(start, end) in &label.places {
            let covered = spans
                .iter()
                .any(|span| class_of(span.class) == class && span.start <= start && span.end >= end);
            if !covered {
                println!(
                    "MISS {class:?} {:?} in {} {}",
                    &labelled.text[start..end],
                    labelled.name,
                    near(start, end)
                );
            }
        }
    }
    for span in spans {
        let class = class_of(span.class);
        let line = labelled.text[..span.start].matches('\n').count() + 1;
        let even = labelled.half.map_or(line.is_multiple_of(2), |half| half == Half::Even);
        let right = labelled.labels.iter().any(|label| {
            label.class == Some(class)
                && label.places.iter().any(|place| place.0 < span.end && span.start < place.1)
        });
        if even && !right {
            println!(
                "WRONG {} {:?} in {} {}",
                span.detector,
                &labelled.text[span.start..span.end],
                labelled.name,
                near(span.start, span.end)
            );
        }
    }
}

/// Megabytes a second of one core, over pages put together of the texts.
fn throughput(masker: &Masker, texts: &[Labelled]) -> Result<(), Box<dyn Error>> {
    let mut pages = vec![String::new()];
    for labelled in texts {
        if pages.last().is_some_and(|page| page.len() > 10_000) {
            pages.push(String::new());
        }
        if let Some(page) = pages.last_mut() {
            page.push_str(&labelled.text);
            page.push('\n');
        }
    }
    let bytes: usize = pages.iter().map(String::len).sum();
    let begun = Instant::now();
    let rounds = 5;
    for _ in 0..rounds {
        for page in &pages {
            masker.mask(page)?;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "throughput: {:.2} MB/s of one core over {} pages of 10 KB ({:.2} ms a page)",
        (bytes * rounds) as f64 / 1e6 / seconds,
        pages.len(),
        seconds * 1e3 / (pages.len() * rounds) as f64
    );
    Ok(())
}
