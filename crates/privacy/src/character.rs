//! Characters beside a place, as both readers of the detectors understand them.

/// A letter or digit of any script, or `_`. The browser says `[\p{Alphabetic}\p{N}_]`.
pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The character that ends right before `at`.
pub(crate) fn before(text: &str, at: usize) -> Option<char> {
    let bytes = text.as_bytes();
    match at.checked_sub(1).map(|last| bytes[last]) {
        None => None,
        Some(byte) if byte.is_ascii() => Some(byte as char),
        Some(_) => text[..at].chars().next_back(),
    }
}

/// The character that begins at `at`.
pub(crate) fn after(text: &str, at: usize) -> Option<char> {
    text[at..].chars().next()
}

/// Whether `digits` before `at` go on: a digit, a letter, `_`, or a separator of `separators` after a digit.
pub(crate) fn number_before(text: &str, at: usize, separators: &[char]) -> bool {
    match before(text, at) {
        None => false,
        Some(c) if is_word(c) => true,
        Some(c) if separators.contains(&c) => {
            before(text, at - c.len_utf8()).is_some_and(|earlier| earlier.is_ascii_digit())
        }
        Some(_) => false,
    }
}

/// Whether a number goes on at `at`: a digit, a letter, `_`, or a separator of `separators` before a digit.
pub(crate) fn number_after(text: &str, at: usize, separators: &[char]) -> bool {
    match after(text, at) {
        None => false,
        Some(c) if is_word(c) => true,
        Some(c) if separators.contains(&c) => {
            after(text, at + c.len_utf8()).is_some_and(|later| later.is_ascii_digit())
        }
        Some(_) => false,
    }
}
