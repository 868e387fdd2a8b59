//! What detectors look at: the text with each placeholder as one character.
//!
//! A placeholder is never looked into, and how long it is must not matter: `[email 1]` and `[email 10]` are the same to a
//! detector. So both are [`MASKED`] in the view. From that follows that masking what was masked changes nothing: the view
//! of the result is the last view that was looked at, and nothing was found in it.
//!
//! [`MASKED`] in a text that was given is an ordinary character there (a page leaves one where an image stood), so the view has
//! [`STAND_IN`] for it: else a text could say that something is masked which is not.

use crate::placeholder::Placeholders;

/// Stands in a view for a place that is masked.
pub const MASKED: char = '\u{FFFC}';

/// Stands in a view for [`MASKED`] in the text: as long in UTF-8 and in UTF-16, and like it no part of any word.
pub(crate) const STAND_IN: char = '\u{FFFD}';

/// A part of the view that is a part of the text, byte for byte.
#[derive(Debug, Clone, Copy)]
struct Piece {
    view: usize,
    source: usize,
    bytes: usize,
}

/// The text as detectors see it.
#[derive(Debug, Clone)]
pub struct View {
    /// What is looked at.
    pub text: String,
    pieces: Vec<Piece>,
}

impl View {
    /// The view of a text in which some places may be masked already.
    pub(crate) fn of(source: &str, placeholders: &Placeholders) -> Self {
        let masked: Vec<(usize, usize)> =
            placeholders.in_text(source).map(|found| (found.start, found.end)).collect();
        Self::without(source, &masked)
    }

    /// The view of `source` in which the places of `masked` (sorted, apart) are one character each.
    pub(crate) fn without(source: &str, masked: &[(usize, usize)]) -> Self {
        let mut view = Self { text: String::with_capacity(source.len()), pieces: Vec::new() };
        let mut at = 0;
        for &(start, end) in masked {
            view.copy(source, at, start);
            view.text.push(MASKED);
            at = end;
        }
        view.copy(source, at, source.len());
        view
    }

    fn copy(&mut self, source: &str, start: usize, end: usize) {
        if start < end {
            self.pieces.push(Piece { view: self.text.len(), source: start, bytes: end - start });
            self.text.extend(source[start..end].chars().map(|c| if c == MASKED { STAND_IN } else { c }));
        }
    }

    /// Where in the text `start..end` of the view stands; nothing if a masked place is in it.
    pub(crate) fn in_source(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let index = self.pieces.partition_point(|piece| piece.view <= start).checked_sub(1)?;
        let piece = self.pieces[index];
        (start < end && end <= piece.view + piece.bytes)
            .then(|| (start - piece.view + piece.source, end - piece.view + piece.source))
    }
}
