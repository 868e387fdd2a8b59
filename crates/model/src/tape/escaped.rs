//! Strings with escapes, decoded when they are first asked for.

use std::cell::{OnceCell, RefCell};

use super::json::decode_onto;
use super::{Payload, Span, Tape};

/// Buffers that are kept from record to record, at most this many.
const SPARE_BUFFERS_MAX: usize = 64;
/// A buffer that has grown beyond this many bytes is not kept.
const SPARE_BUFFER_BYTES_MAX: usize = 1 << 16;

/// One string with escapes.
#[derive(Debug)]
struct Escaped {
    /// As it was sent, without its quotes.
    sent: Span,
    decoded: OnceCell<String>,
}

/// The strings with escapes of the record at hand, and buffers for what they mean.
#[derive(Debug, Default)]
pub(super) struct EscapedStrings {
    strings: Vec<Escaped>,
    spare: RefCell<Vec<String>>,
}

impl EscapedStrings {
    /// Forgets the record; keeps buffers.
    pub(super) fn clear(&mut self) {
        let spare = self.spare.get_mut();
        for mut text in self.strings.drain(..).filter_map(|string| string.decoded.into_inner()) {
            if spare.len() < SPARE_BUFFERS_MAX && text.capacity() <= SPARE_BUFFER_BYTES_MAX {
                text.clear();
                spare.push(text);
            }
        }
    }

    pub(super) fn push(&mut self, sent: Span) -> Payload {
        let at = self.strings.len() as u32;
        self.strings.push(Escaped { sent, decoded: OnceCell::new() });
        Payload::Escaped(at)
    }

    fn buffer(&self) -> String {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }
}

impl Tape {
    /// The string of an entry; `record` is what the tape was read from.
    pub(crate) fn string<'t>(&'t self, payload: Payload, record: &'t str) -> Option<&'t str> {
        match payload {
            Payload::Str(span) => Some(self.span(span, record)),
            Payload::Escaped(at) => self.decode(at, record),
            _ => None,
        }
    }

    /// How an entry's string was sent, without its quotes; `None` where it has no escapes.
    pub(crate) fn spelling<'t>(&'t self, payload: Payload, record: &'t str) -> Option<&'t str> {
        let Payload::Escaped(at) = payload else { return None };
        self.escaped.strings.get(at as usize).map(|string| self.span(string.sent, record))
    }

    pub(crate) fn span<'t>(&'t self, span: Span, record: &'t str) -> &'t str {
        let text: &'t str = if span.decoded { &self.text } else { record };
        &text[span.start as usize..(span.start + span.len) as usize]
    }

    fn decode<'t>(&'t self, at: u32, record: &str) -> Option<&'t str> {
        let string = self.escaped.strings.get(at as usize)?;
        Some(string.decoded.get_or_init(|| {
            let mut text = self.escaped.buffer();
            decode_onto(self.span(string.sent, record), &mut text);
            text
        }))
    }
}
