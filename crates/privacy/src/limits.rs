//! The limits of masking, each with its unit in its name.

/// The longest text that is masked, in bytes of UTF-8. A report is a page or a pasted log, not an archive.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// How often a text is looked at again because something was found in it. Two are usual; a text that needs more than
/// these was made to, and is refused.
pub const ROUNDS_MAX: usize = 32;

/// The most detectors of one file.
pub const DETECTORS_MAX: usize = 200;

/// The longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 4_096;

/// A match that is refused is looked into again, word by word, if it has at most so many characters.
pub const RETRY_CHARS_MAX: usize = 512;

/// So much of a stream is looked at at once, in bytes, beside [`STREAM_OVERLAP_BYTES`] before and after it.
pub const STREAM_WINDOW_BYTES: usize = 128 * 1024;

/// So much before and after a part of a stream is looked at with it, in bytes: more than the longest private key and the
/// words that stand around a name.
pub const STREAM_OVERLAP_BYTES: usize = 32 * 1024;

/// The most different values whose numbers are remembered. A text of [`TEXT_BYTES_MAX`] has fewer.
pub const NUMBERED_VALUES_MAX: usize = 250_000;
