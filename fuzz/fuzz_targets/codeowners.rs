//! Any text as a CODEOWNERS file: rules or faults with their lines, and any path gets an answer.
#![no_main]

use enrich::{Codeowners, Dialect};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (text, path) = input;
    let lines = text.lines().count() + 1;
    for dialect in [Dialect::Github, Dialect::Gitlab] {
        let (owners, faults) = Codeowners::parse("CODEOWNERS", text, dialect);
        assert!(owners.rules() <= lines, "a rule is a line");
        for fault in &faults {
            assert!((1..=lines).contains(&(fault.line as usize)), "{fault:?}");
        }
        assert!(owners.claims(path).len() <= owners.rules());
    }
});
