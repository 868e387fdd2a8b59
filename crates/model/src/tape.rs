//! One JSON record, parsed once; read by mappings and rules alike.
//!
//! [`Tape`] is the reusable storage, [`EventView`] the borrowed reading of one record. Parsing notes,
//! for every field id of a [`FieldTable`], where its values stand, so that reading a field is an array
//! look-up. Strings without escapes are borrowed from the record; the rest is decoded when it is first asked for.
//!
//! **Invariant:** after the buffers have grown to what the records need, neither parsing nor reading allocates, but for
//! records of which many or very long texts with escapes are asked for.

use crate::field::{FieldId, FieldTable, NOWHERE, ROOT};
use crate::view::EventView;
use crate::vocabulary::Vocabulary;
use escaped::EscapedStrings;

mod escaped;
mod json;
mod names;

/// Deepest nesting of objects and arrays that a record may have.
pub const NESTING_DEPTH_MAX: u32 = 100;
/// Most values (scalars, objects, arrays) that a record may have.
pub const RECORD_VALUES_MAX: usize = 1 << 20;

/// Why a record could not be read as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TapeError {
    /// The bytes are not UTF-8 (RFC 8259 §8.1).
    #[error("invalid UTF-8 at byte {offset}")]
    InvalidUtf8 {
        /// Byte offset of the first bad sequence.
        offset: usize,
    },
    /// The text is not JSON.
    #[error("invalid JSON at byte {offset}: {reason}")]
    InvalidJson {
        /// Byte offset of the error.
        offset: usize,
        /// What the parser expected.
        reason: String,
    },
    /// More than [`NESTING_DEPTH_MAX`] levels.
    #[error("nested deeper than {NESTING_DEPTH_MAX} levels")]
    TooDeep,
    /// More than [`RECORD_VALUES_MAX`] values.
    #[error("more than {RECORD_VALUES_MAX} values in one record")]
    TooManyValues,
    /// The record is JSON, but not an object.
    #[error("the record is not a JSON object")]
    NotAnObject,
}

/// A borrowed JSON scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer below zero.
    Int(i64),
    /// An integer from zero.
    Uint(u64),
    /// Any other number (integers beyond 64 bits too).
    Float(f64),
    /// A string, decoded.
    Str(&'a str),
}

/// What stands at a place of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`, `false`
    Bool,
    /// Any number.
    Number,
    /// A string.
    Str,
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Payload {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Str(Span),
    /// A string with escapes: its number in [`Tape::escaped`].
    Escaped(u32),
    Array,
    Object,
}

/// Bytes of the record, or (escaped keys, other words) of the tape's own text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
    pub(crate) decoded: bool,
}

const EMPTY: Span = Span { start: 0, len: 0, decoded: true };

#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) key: Span,
    pub(crate) payload: Payload,
    /// Index of the first entry after this one's subtree.
    pub(crate) end: u32,
}

/// Places of one field's values: a chain through [`Tape::links`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slot {
    pub(crate) epoch: u32,
    pub(crate) first: u32,
    last: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) entry: u32,
    pub(crate) next: u32,
}

/// Reusable storage for one parsed record at a time.
#[derive(Debug, Default)]
pub struct Tape {
    pub(crate) entries: Vec<Entry>,
    pub(crate) text: String,
    pub(crate) slots: Vec<Slot>,
    pub(crate) links: Vec<Link>,
    pub(crate) epoch: u32,
    escaped: EscapedStrings,
    /// Whether every string and number stands in the record as it reads, but for escapes of one letter.
    pub(crate) is_verbatim: bool,
}

impl Tape {
    /// An empty tape; its buffers grow with use and are kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one record, which must be a JSON object, noting the places of `fields`.
    ///
    /// # Errors
    /// [`TapeError`] tells where and why; the tape stays usable.
    pub fn parse<'t>(
        &'t mut self,
        fields: &'t FieldTable,
        record: &'t [u8],
    ) -> Result<EventView<'t>, TapeError> {
        self.parse_as(fields, None, record)
    }

    /// Reads one record of a kind whose fields have the other names of `vocabulary` too.
    ///
    /// # Errors
    /// [`TapeError`] tells where and why; the tape stays usable.
    pub fn parse_as<'t>(
        &'t mut self,
        fields: &'t FieldTable,
        vocabulary: Option<&Vocabulary>,
        record: &'t [u8],
    ) -> Result<EventView<'t>, TapeError> {
        let text = simdutf8::basic::from_utf8(record).map_err(|_| invalid_utf8(record))?;
        self.clear(fields.len());
        let place = Place { path: ROOT, also: vocabulary.map_or(NOWHERE, Vocabulary::start) };
        Builder { tape: self, fields, vocabulary, record: text, at: 0 }
            .document(place)
            .map_err(|refused| *refused)?;
        match self.entries.first() {
            Some(Entry { payload: Payload::Object, .. }) => {
                if let Some(vocabulary) = vocabulary {
                    self.say(vocabulary, text);
                }
                Ok(EventView { tape: self, record: text, fields })
            }
            _ => Err(TapeError::NotAnObject),
        }
    }

    fn clear(&mut self, fields: usize) {
        self.entries.clear();
        self.text.clear();
        self.links.clear();
        self.escaped.clear();
        self.is_verbatim = true;
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.slots.fill(Slot::default());
            self.epoch = 1;
        }
        if self.slots.len() < fields {
            self.slots.resize(fields, Slot::default());
        }
    }

    fn note_once(&mut self, field: FieldId, entry: u32) {
        let slot = self.slots[field.0 as usize];
        if slot.epoch != self.epoch || self.links[slot.last as usize].entry != entry {
            self.note(field, entry);
        }
    }

    fn note(&mut self, field: FieldId, entry: u32) {
        let link = self.links.len() as u32;
        self.links.push(Link { entry, next: NOWHERE });
        let slot = &mut self.slots[field.0 as usize];
        if slot.epoch == self.epoch {
            self.links[slot.last as usize].next = link;
            slot.last = link;
        } else {
            *slot = Slot { epoch: self.epoch, first: link, last: link };
        }
    }
}

#[cold]
fn invalid_utf8(record: &[u8]) -> TapeError {
    let offset = std::str::from_utf8(record).err().map_or(0, |error| error.valid_up_to());
    TapeError::InvalidUtf8 { offset }
}

/// Small, because every step of reading returns one or none.
type Refused = Box<TapeError>;

/// Where a value stands, as the record has it and by the vocabulary's other name.
#[derive(Clone, Copy)]
struct Place {
    path: u32,
    also: u32,
}

struct Builder<'b, 'r> {
    tape: &'b mut Tape,
    fields: &'b FieldTable,
    vocabulary: Option<&'b Vocabulary>,
    record: &'r str,
    /// Bytes of the record that have been read.
    at: usize,
}

/// Where `key` leads from a place.
fn step(fields: &FieldTable, vocabulary: Option<&Vocabulary>, place: Place, key: &str) -> Place {
    let also = vocabulary.map_or(NOWHERE, |names| names.step(fields, place.also, key));
    Place { path: fields.step(place.path, key), also }
}

impl Builder<'_, '_> {
    #[inline]
    fn push(&mut self, key: Span, place: Place, payload: Payload) -> Result<u32, Refused> {
        let at = self.tape.entries.len();
        if at >= RECORD_VALUES_MAX {
            return Err(TapeError::TooManyValues.into());
        }
        let at = at as u32;
        self.tape.entries.push(Entry { key, payload, end: at + 1 });
        let field = self.fields.field_at(place.path);
        if let Some(field) = field {
            self.tape.note(field, at);
        }
        if let Some(other) = self.fields.field_at(place.also).filter(|other| Some(*other) != field) {
            self.tape.note(other, at);
        }
        if let Some(vocabulary) = self.vocabulary {
            for place in [place.path, place.also] {
                vocabulary.names_of(place).iter().for_each(|&name| self.tape.note_once(name, at));
            }
        }
        Ok(at)
    }

    fn close(&mut self, at: u32) {
        let end = self.tape.entries.len() as u32;
        self.tape.entries[at as usize].end = end;
    }
}

#[cfg(test)]
mod tests;
