//! Any text: masking settles, masks nothing twice, cuts no character, and is the same in parts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privacy::{Detectors, Masker, Stream};
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
    // in parts, cut where the text itself says
    let cut = text.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte))) % (text.len() + 1);
    let cut = (0..=cut).rev().find(|at| text.is_char_boundary(*at)).unwrap();
    let mut stream = Stream::new(masker());
    let first = stream.push(&text[..cut]).unwrap();
    let second = stream.push(&text[cut..]).unwrap();
    let last = stream.finish().unwrap();
    let parts = [first, second, last];
    assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<String>(), masked.text);
    assert_eq!(parts.iter().flat_map(|part| &part.spans).collect::<Vec<_>>(), masked.spans.iter().collect::<Vec<_>>());
});
