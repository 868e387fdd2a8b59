//! What every mask must do. Failures panic with what was promised, as assertions of a test do.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that lives in a library so that every implementation can run it"
)]

use super::Mask;

/// Masks addresses of e-mail, and keeps the promise of [`Mask`] on texts with and without something to mask.
pub fn keeps_its_promise(mask: &dyn Mask) {
    let plain = "the build of checkout pushed an image that nobody had asked for";
    let masked = mask.mask(plain).unwrap();
    assert_eq!((masked.text.as_str(), masked.count), (plain, 0), "nothing to mask");
    assert!(masked.kinds.is_empty());

    let personal = "write to ana.marsh@example.org, not to ana.marsh@example.org's manager";
    let masked = mask.mask(personal).unwrap();
    assert!(!masked.text.contains("ana.marsh@"), "{}", masked.text);
    assert!(masked.count >= 2 && !masked.kinds.is_empty(), "{masked:?}");
    assert!(masked.kinds.is_sorted(), "{:?}", masked.kinds);
    assert_eq!(mask.mask(personal).unwrap(), masked, "the same text, the same result");

    let together = mask.mask_all(&[plain, personal, ""]).unwrap();
    assert_eq!(together.len(), 3);
    assert_eq!((together[0].text.as_str(), together[1].count), (plain, masked.count), "in order");
    assert!(!together[1].text.contains("ana.marsh@") && together[2].text.is_empty(), "{together:?}");

    for text in ["", " ", "é🙂", plain, personal, "a\u{0}b\nc", "[email 1] said so"] {
        let once = mask.mask(text).unwrap();
        let twice = mask.mask(&once.text).unwrap();
        assert_eq!((twice.text, twice.count), (once.text, 0), "{text:?} twice");
    }
}
