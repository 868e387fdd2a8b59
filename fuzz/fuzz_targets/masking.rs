//! Any text: masking settles, masks nothing twice, and cuts no character.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privacy::{Detectors, Masker};
use std::sync::OnceLock;

/// Patterns are compiled once, not for every text.
fn masker() -> &'static Masker {
    static MASKER: OnceLock<Masker> = OnceLock::new();
    MASKER.get_or_init(|| Masker::new(&Detectors::shipped().unwrap()).unwrap())
}

fuzz_target!(|text: &str| {
    let mut work = 0;
    let Ok(masked) = masker().mask_counting(text, &mut work) else { return };
    let again = masker().mask(&masked.text).unwrap();
    assert_eq!(again.text, masked.text, "masking twice is masking once");
    assert!(again.spans.is_empty(), "nothing is found in what was masked");
    let mut at = 0;
    for span in &masked.spans {
        assert!(at <= span.start && span.start < span.end && span.end <= text.len());
        assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
        at = span.end;
    }
});
