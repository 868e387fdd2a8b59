//! Attachments: what a file is, without what it should not carry, or why it is not taken.
//!
//! The bytes decide, not the name and not what the sender says. Of an image only what a picture needs is copied, by lists of what may
//! stay: location, camera, comments, profiles, thumbnails and whatever stands behind the end are gone. Text is taken as text.
//! What cannot be looked into (PDF, archives, captures of packets) is kept as it is and said to be opaque; it is never unpacked.
//!
//! **Invariant:** what comes out is one thing only: no file that is an image and an archive, or a document and a page.
//!
//! **Invariant:** the work is linear in the file, and what it would unpack to by its own account is bounded.

mod archive;
mod document;
mod image;
mod name;

use serde::Serialize;
use sha2::{Digest, Sha256};

pub use name::{NAME_CHARS_MAX, file_name};

/// Largest file unless the configuration says less, in bytes.
pub const ATTACHMENT_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Most files of a report.
pub const ATTACHMENTS_MAX: usize = 5;
/// Most pixels of an image: what a viewer needs memory for.
pub const IMAGE_PIXELS_MAX: u64 = 64_000_000;
/// Widest GIF: the second byte of its width is then a control character, so that no browser reads the file as a script.
pub const GIF_WIDTH_MAX: u16 = 2_303;
/// Most entries of an archive.
pub const ARCHIVE_ENTRIES_MAX: usize = 10_000;
/// What an archive may unpack to, in bytes.
pub const ARCHIVE_UNPACKED_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// How much larger than packed that may be, for more than [`ARCHIVE_RATIO_FREE_BYTES`].
pub const ARCHIVE_RATIO_MAX: u64 = 100;
/// Below this, any ratio goes.
pub const ARCHIVE_RATIO_FREE_BYTES: u64 = 1024 * 1024;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A picture; cleaned.
    Image,
    /// UTF-8; the caller masks it as every text.
    Text,
    /// PDF; opaque.
    Document,
    /// ZIP or gzip; opaque.
    Archive,
    /// pcap or pcapng; opaque.
    Capture,
}

/// A file that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Without folders and tricks, with the ending of what it is.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// As which it is given out; never a type that a browser runs.
    pub media_type: &'static str,
    /// What is kept.
    pub bytes: Vec<u8>,
    /// Of `bytes`.
    pub sha256: [u8; 32],
    /// What was taken out, in plain words, each once.
    pub removed: Vec<&'static str>,
    /// It could not be looked into: whoever opens it is warned.
    pub opaque: bool,
}

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has no bytes.
    #[error("the file is empty")]
    Empty,
    /// It has too many.
    #[error("the file is larger than {bytes_max} bytes; send a part of it, or a link")]
    TooLarge {
        /// How many it may have.
        bytes_max: usize,
    },
    /// Nothing of what is taken.
    #[error(
        "a file of this kind ({found}) is not taken; send PNG, JPEG, GIF, WebP, PDF, text, ZIP, gzip or a capture of packets"
    )]
    Kind {
        /// What it seems to be.
        found: &'static str,
    },
    /// It is cut off or broken.
    #[error("the file is damaged ({0}); save it again and send that")]
    Damaged(&'static str),
    /// It would be run by what opens it.
    #[error("the file holds what would be run when it is opened ({0}); send a picture of it, or its text")]
    Active(&'static str),
    /// It is two things at once.
    #[error("the file is two things at once ({0}); send each by itself")]
    Polyglot(&'static str),
    /// Files of people without an account have used up their room.
    #[error(
        "there is no room for files of people without an account at the moment; the report stands without it"
    )]
    Full,
    /// It unpacks to too much.
    #[error("the file unpacks to more than is safe ({0}); send a part of it")]
    Bomb(&'static str),
}

impl Refusal {
    /// A word for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too_large",
            Self::Kind { .. } => "kind",
            Self::Damaged(_) => "damaged",
            Self::Active(_) => "active",
            Self::Polyglot(_) => "polyglot",
            Self::Full => "full",
            Self::Bomb(_) => "bomb",
        }
    }
}

/// What is made of the bytes by their kind.
struct Taken {
    kind: Kind,
    media_type: &'static str,
    extensions: &'static [&'static str],
    bytes: Vec<u8>,
    removed: Vec<&'static str>,
}

impl Taken {
    fn as_sent(
        kind: Kind,
        media_type: &'static str,
        extensions: &'static [&'static str],
        bytes: &[u8],
    ) -> Self {
        Self { kind, media_type, extensions, bytes: bytes.to_vec(), removed: Vec::new() }
    }
}

/// Judges a file. `name` is what the sender calls it.
///
/// # Errors
/// Why it is not taken.
pub fn inspect(name: &str, bytes: &[u8], bytes_max: usize) -> Result<Inspected, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::Empty);
    }
    if bytes.len() > bytes_max {
        return Err(Refusal::TooLarge { bytes_max });
    }
    let mut taken = take(bytes)?;
    // a text grows by up to a half when it is no UTF-16 any more
    if taken.bytes.len() > bytes_max {
        return Err(Refusal::TooLarge { bytes_max });
    }
    if taken.kind == Kind::Image && has_markup(&taken.bytes) {
        return Err(Refusal::Polyglot("a page inside of a picture"));
    }
    if taken.kind != Kind::Archive && taken.kind != Kind::Text && archive::ends_with_zip(&taken.bytes) {
        return Err(Refusal::Polyglot("an archive behind another file"));
    }
    taken.removed.sort_unstable();
    taken.removed.dedup();
    Ok(Inspected {
        name: file_name(name, taken.extensions),
        kind: taken.kind,
        media_type: taken.media_type,
        sha256: Sha256::digest(&taken.bytes).into(),
        opaque: matches!(taken.kind, Kind::Document | Kind::Archive | Kind::Capture),
        removed: taken.removed,
        bytes: taken.bytes,
    })
}

type Judge = fn(&[u8]) -> Result<Taken, Refusal>;

fn take(bytes: &[u8]) -> Result<Taken, Refusal> {
    match judge_of(bytes) {
        Some(judge) => judge(bytes),
        // text first: two letters at the beginning of a log are another format's mark
        None => document::text(bytes).map_err(|refusal| match (refusal, infer::get(bytes)) {
            (Refusal::Kind { .. }, Some(found)) => Refusal::Kind { found: found.mime_type() },
            (refusal, _) => refusal,
        }),
    }
}

/// Who judges a file that begins so; nobody for what may be text.
fn judge_of(bytes: &[u8]) -> Option<Judge> {
    const CAPTURES: [&[u8; 4]; 5] = [
        b"\xD4\xC3\xB2\xA1",
        b"\xA1\xB2\xC3\xD4",
        b"\x4D\x3C\xB2\xA1",
        b"\xA1\xB2\x3C\x4D",
        b"\x0A\x0D\x0D\x0A",
    ];
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some(image::png),
        [0xFF, 0xD8, 0xFF, ..] => Some(image::jpeg),
        [b'G', b'I', b'F', b'8', ..] => Some(image::gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(image::webp),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some(document::pdf),
        [b'P', b'K', 3, 4, ..] => Some(archive::zip),
        [0x1F, 0x8B, ..] => Some(archive::gzip),
        [a, b, c, d, ..] if CAPTURES.contains(&&[*a, *b, *c, *d]) => Some(capture),
        _ => None,
    }
}

/// What a network card saw (pcap, pcapng): known by its beginning only.
fn capture(bytes: &[u8]) -> Result<Taken, Refusal> {
    Ok(Taken::as_sent(Kind::Capture, "application/vnd.tcpdump.pcap", &["pcap", "pcapng", "cap"], bytes))
}

/// Whether something stands in it that a browser that guesses would take for a page: a tag, and what may follow its name. Without the
/// latter, one large picture in fifty would hold such letters by chance.
fn has_markup(bytes: &[u8]) -> bool {
    const TAGS: [&[u8]; 8] =
        [b"<script", b"<svg", b"<html", b"<iframe", b"<!doctype html", b"<?php", b"<body", b"<foreignobject"];
    memchr::memchr_iter(b'<', bytes).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        TAGS.iter().any(|tag| {
            let is_tag = rest.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
            is_tag
                && rest
                    .get(tag.len())
                    .is_none_or(|next| next.is_ascii_whitespace() || matches!(next, b'>' | b'/'))
        })
    })
}
