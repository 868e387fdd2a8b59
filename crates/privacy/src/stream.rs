//! Masking what comes in parts, in bounded memory.
//!
//! A part is looked at together with what stood before it and what comes after it, [`STREAM_OVERLAP_BYTES`] each, so that a
//! value on the border is seen whole, with the words beside it. What was given out is never looked at anew for itself.
//!
//! **Invariant:** the result is the same however the text is cut into parts; and a text that fits into one window is masked
//! as [`Masker::mask`] masks it.
//!
//! **Invariant:** no more than a window is held, and nothing is given out before what comes after it was looked at.

use crate::class::Class;
use crate::error::MaskError;
use crate::limits::{STREAM_OVERLAP_BYTES, STREAM_WINDOW_BYTES};
use crate::masker::{Hit, Masked, Masker, Origin};
use crate::placeholder::Numbers;

/// A text that comes in parts.
#[derive(Debug)]
pub struct Stream<'a> {
    masker: &'a Masker,
    /// Only these are masked; empty: all.
    classes: Vec<Class>,
    /// What was given out and is still looked at, then what waits.
    window: String,
    /// How much of the window was given out, in bytes.
    given: usize,
    /// Where what waits begins, in the whole text.
    origin: Origin,
    numbers: Numbers,
}

impl<'a> Stream<'a> {
    /// A stream of which everything is masked.
    #[must_use]
    pub fn new(masker: &'a Masker) -> Self {
        Self {
            masker,
            classes: Vec::new(),
            window: String::new(),
            given: 0,
            origin: Origin::default(),
            numbers: Numbers::after(std::iter::empty()),
        }
    }

    /// The same of which only some classes are masked. Then what is masked may be found anew in the result.
    #[must_use]
    pub fn only(mut self, classes: Vec<Class>) -> Self {
        self.classes = classes;
        self
    }

    /// Takes a part, and gives what is decided by now; it may be empty. Spans are places in the whole text.
    ///
    /// # Errors
    /// Those of [`Masker::mask`], and [`MaskError::TextTooLarge`] for one value that fills a window. The stream ends
    /// there: what was not given out must not go on.
    pub fn push(&mut self, part: &str) -> Result<Masked, MaskError> {
        let mut masked = Masked { text: String::new(), spans: Vec::new() };
        let mut rest = part;
        while !rest.is_empty() {
            // a window is filled before it is looked at, so that the result does not hang on how the text comes
            let room = STREAM_WINDOW_BYTES + STREAM_OVERLAP_BYTES - (self.window.len() - self.given);
            let (now, later) = rest.split_at(boundary(rest, room));
            self.window.push_str(now);
            rest = later;
            if now.len() == room || !rest.is_empty() {
                let more = self.give(false)?;
                masked.text.push_str(&more.text);
                masked.spans.extend(more.spans);
            }
        }
        Ok(masked)
    }

    /// What is left when nothing more comes.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn finish(mut self) -> Result<Masked, MaskError> {
        self.give(true)
    }

    fn give(&mut self, is_last: bool) -> Result<Masked, MaskError> {
        let hits = self.masker.hits(&self.window, &mut 0)?;
        let end = if is_last { self.window.len() } else { self.cut(&hits)? };
        self.numbers.go_on_after(self.masker.placeholders().in_text(&self.window[..end]));
        let is_wanted =
            |hit: &Hit| self.classes.is_empty() || self.classes.contains(&self.masker.class_of(hit));
        // where a value reaches back into what was given out, what is left of it is masked
        let hits = hits.into_iter().filter(|hit| hit.end > self.given && hit.start < end && is_wanted(hit));
        let hits: Vec<Hit> = hits
            .map(|hit| Hit {
                start: hit.start.max(self.given) - self.given,
                end: hit.end - self.given,
                ..hit
            })
            .collect();
        let part = &self.window[self.given..end];
        let origin = Origin { bytes: self.origin.bytes, utf16: self.origin.utf16 };
        let masked = self.masker.render(part, &hits, origin, &mut self.numbers);
        self.origin.bytes += part.len();
        self.origin.utf16 += part.encode_utf16().count();
        let keep = boundary(&self.window, end.saturating_sub(STREAM_OVERLAP_BYTES));
        self.window.drain(..keep);
        self.given = end - keep;
        Ok(masked)
    }

    /// How far the window can be given out: to the end of a line, else to a gap, else anywhere, but through no value and no
    /// placeholder.
    fn cut(&self, hits: &[Hit]) -> Result<usize, MaskError> {
        let far = boundary(&self.window, self.window.len() - STREAM_OVERLAP_BYTES);
        let waiting = &self.window[self.given..far];
        let after = |at: usize| self.given + at + 1;
        let gap = waiting.rfind('\n').or_else(|| waiting.rfind([' ', '\t'])).map_or(far, after);
        let placeholders = self.masker.placeholders().in_text(&self.window);
        let mut whole: Vec<(usize, usize)> = placeholders.map(|found| (found.start, found.end)).collect();
        whole.extend(hits.iter().map(|hit| (hit.start, hit.end)));
        let around = |at: usize| whole.iter().find(|(start, end)| *start < at && at < *end);
        match around(gap) {
            None => Ok(gap),
            Some((start, _)) if *start > self.given => Ok(*start),
            // enough of what comes after it was looked at to know that it ends there
            Some((_, end)) if *end + STREAM_OVERLAP_BYTES / 2 <= self.window.len() => Ok(*end),
            Some(_) => {
                let bytes = self.window.len() - self.given;
                Err(MaskError::TextTooLarge { bytes, bytes_max: STREAM_WINDOW_BYTES })
            }
        }
    }
}

/// The last place between characters that is not after `at`.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
