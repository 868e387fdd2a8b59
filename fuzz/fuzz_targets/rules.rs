//! Any text as a rule file, any JSON as an event: each document is a rule or an error with a line of the file, and
//! what matched once matches again, with buffers that are new and with those that have seen the event before.
#![no_main]

use detect::{Detector, Hit, Scratch};
use libfuzzer_sys::fuzz_target;
use model::{Enrichment, FieldTable, Tape};
use sigma::Logsource;

// a line of dashes cannot stand between rule and event, since YAML separates documents by it
const SEPARATOR: &str = "\n####\n";

fuzz_target!(|input: &str| {
    let (text, event) = input.split_once(SEPARATOR).unwrap_or((input, "{}"));
    let (mut fields, mut ocsf) = (FieldTable::default(), FieldTable::default());
    let (detector, report) = Detector::load([("fuzz.yml", text)], &mut fields, &mut ocsf);
    // a carriage return alone ends a line too (YAML 1.2.2 §5.4)
    let lines = text.split(['\n', '\r']).count() as u32 + 1;
    for error in &report.refused {
        assert!((1..=lines).contains(&error.line), "line {} of {lines}: {}", error.line, error.reason);
    }
    let mut tape = Tape::new();
    let Ok(view) = tape.parse(&fields, event.as_bytes()) else { return };
    let sources: Vec<Logsource> = detector.rules().map(|(_, rule)| rule.logsource.clone()).collect();
    let (mut used, known) = (Scratch::default(), Enrichment::default());
    for source in &sources {
        let routes = detector.route(source);
        let mut run = |scratch: &mut Scratch| {
            let mut hits: Vec<Hit> = Vec::new();
            detector.detect(&routes, (&view, None), &known, scratch, &mut |hit| hits.push(hit));
            hits
        };
        let first = run(&mut used);
        assert_eq!(first, run(&mut used), "the second time");
        assert_eq!(first, run(&mut Scratch::default()), "with new buffers");
    }
});
