//! One JSON record, parsed once; read by mappings and rules alike.
//!
//! [`Tape`] is the reusable storage, [`EventView`] the borrowed reading of one record. Parsing notes,
//! for every field id of a [`FieldTable`], where its values stand, so that reading a field is an array
//! look-up. Strings without escapes are borrowed from the record; the rest is decoded into the tape.
//!
//! **Invariant:** after the buffers have grown to the size of the largest record, parsing allocates
//! nothing of its own (the JSON library allocates a scratch buffer for a record with escaped strings).

use crate::field::{FieldId, FieldTable, NOWHERE, ROOT};
use crate::view::EventView;
use crate::vocabulary::Vocabulary;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use std::fmt;

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
    Array,
    Object,
}

/// Bytes of the record, or (escaped strings) of the tape's own text.
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
        let text = simdutf8::compat::from_utf8(record)
            .map_err(|e| TapeError::InvalidUtf8 { offset: e.valid_up_to() })?;
        self.clear(fields.len());
        let mut stop = None;
        let builder = Builder { tape: self, fields, vocabulary, record: text, stop: &mut stop };
        let mut json = sonic_rs::Deserializer::from_str(text);
        let place = Place { path: ROOT, also: vocabulary.map_or(NOWHERE, Vocabulary::start) };
        let parsed =
            Seed { builder, key: EMPTY, place, depth: 0 }.deserialize(&mut json).and_then(|()| json.end());
        if let Err(error) = parsed {
            return Err(stop.unwrap_or_else(|| invalid_json(&error)));
        }
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

fn invalid_json(error: &sonic_rs::Error) -> TapeError {
    let message = error.to_string();
    let reason = message.split(" at line").next().unwrap_or_default().to_owned();
    TapeError::InvalidJson { offset: error.offset(), reason }
}

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
    stop: &'b mut Option<TapeError>,
}

impl<'r> Builder<'_, 'r> {
    fn reborrow(&mut self) -> Builder<'_, 'r> {
        Builder {
            tape: self.tape,
            fields: self.fields,
            vocabulary: self.vocabulary,
            record: self.record,
            stop: self.stop,
        }
    }

    /// The span of a string that is a part of the record's own text.
    fn borrowed(&self, part: &str) -> Span {
        let start = part.as_ptr() as usize - self.record.as_ptr() as usize;
        Span { start: start as u32, len: part.len() as u32, decoded: false }
    }

    fn decoded(&mut self, part: &str) -> Span {
        let start = self.tape.text.len() as u32;
        self.tape.text.push_str(part);
        Span { start, len: part.len() as u32, decoded: true }
    }

    fn step(&self, place: Place, key: &str) -> Place {
        let also = self.vocabulary.map_or(NOWHERE, |names| names.step(self.fields, place.also, key));
        Place { path: self.fields.step(place.path, key), also }
    }

    fn push<E: serde::de::Error>(&mut self, key: Span, place: Place, payload: Payload) -> Result<u32, E> {
        let at = self.tape.entries.len();
        if at >= RECORD_VALUES_MAX {
            return Err(self.refuse(TapeError::TooManyValues));
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

    fn text(&self, span: Span) -> &str {
        let text = if span.decoded { &self.tape.text } else { self.record };
        &text[span.start as usize..(span.start + span.len) as usize]
    }

    fn close(&mut self, at: u32) {
        let end = self.tape.entries.len() as u32;
        self.tape.entries[at as usize].end = end;
    }

    fn refuse<E: serde::de::Error>(&mut self, error: TapeError) -> E {
        let message = E::custom("refused");
        *self.stop = Some(error);
        message
    }
}

struct Seed<'b, 'r> {
    builder: Builder<'b, 'r>,
    key: Span,
    place: Place,
    depth: u32,
}

impl Seed<'_, '_> {
    fn scalar<E: serde::de::Error>(mut self, payload: Payload) -> Result<(), E> {
        self.builder.push(self.key, self.place, payload).map(|_| ())
    }

    fn open<E: serde::de::Error>(&mut self, payload: Payload) -> Result<u32, E> {
        if self.depth >= NESTING_DEPTH_MAX {
            return Err(self.builder.refuse(TapeError::TooDeep));
        }
        self.builder.push(self.key, self.place, payload)
    }
}

impl<'r> DeserializeSeed<'r> for Seed<'_, 'r> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'r>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'r> Visitor<'r> for Seed<'_, 'r> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.scalar(Payload::Null)
    }
    fn visit_bool<E: serde::de::Error>(self, v: bool) -> Result<(), E> {
        self.scalar(Payload::Bool(v))
    }
    fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<(), E> {
        self.scalar(u64::try_from(v).map_or(Payload::Int(v), Payload::Uint))
    }
    fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<(), E> {
        self.scalar(Payload::Uint(v))
    }
    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<(), E> {
        self.scalar(Payload::Float(v))
    }
    fn visit_borrowed_str<E: serde::de::Error>(self, v: &'r str) -> Result<(), E> {
        let span = self.builder.borrowed(v);
        self.scalar(Payload::Str(span))
    }
    fn visit_str<E: serde::de::Error>(mut self, v: &str) -> Result<(), E> {
        let span = self.builder.decoded(v);
        self.scalar(Payload::Str(span))
    }

    fn visit_seq<A: SeqAccess<'r>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let at = self.open(Payload::Array)?;
        let (place, depth) = (self.place, self.depth + 1);
        loop {
            let builder = self.builder.reborrow();
            let member = Seed { builder, key: EMPTY, place, depth };
            if seq.next_element_seed(member)?.is_none() {
                break;
            }
        }
        self.builder.close(at);
        Ok(())
    }

    fn visit_map<A: MapAccess<'r>>(mut self, mut map: A) -> Result<(), A::Error> {
        let at = self.open(Payload::Object)?;
        let depth = self.depth + 1;
        loop {
            let key = KeySeed { builder: self.builder.reborrow(), place: self.place };
            let Some((key, place)) = map.next_key_seed(key)? else { break };
            map.next_value_seed(Seed { builder: self.builder.reborrow(), key, place, depth })?;
        }
        self.builder.close(at);
        self.builder.note_pair(at, self.place);
        Ok(())
    }
}

struct KeySeed<'b, 'r> {
    builder: Builder<'b, 'r>,
    place: Place,
}

impl<'r> DeserializeSeed<'r> for KeySeed<'_, 'r> {
    type Value = (Span, Place);
    fn deserialize<D: serde::Deserializer<'r>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'r> Visitor<'r> for KeySeed<'_, 'r> {
    type Value = (Span, Place);
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object's key")
    }
    fn visit_borrowed_str<E: serde::de::Error>(self, v: &'r str) -> Result<Self::Value, E> {
        Ok((self.builder.borrowed(v), self.builder.step(self.place, v)))
    }
    fn visit_str<E: serde::de::Error>(mut self, v: &str) -> Result<Self::Value, E> {
        Ok((self.builder.decoded(v), self.builder.step(self.place, v)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[&str], json: &str) -> Vec<Vec<String>> {
        let mut table = FieldTable::default();
        let ids: Vec<_> = fields.iter().map(|f| table.intern(f)).collect();
        let mut tape = Tape::new();
        // a first record, so that stale state of the tape would show
        tape.parse(&table, br#"{"a":{"b":"stale"},"c":["stale"]}"#).unwrap();
        let view = tape.parse(&table, json.as_bytes()).unwrap();
        ids.iter()
            .map(|&id| view.all(id).filter_map(|n| n.scalar()).map(|s| format!("{s:?}")).collect())
            .collect()
    }

    #[test]
    fn fields_are_found_at_their_paths() {
        type Case = (&'static [&'static str], &'static str, &'static [&'static [&'static str]]);
        let cases: &[Case] = &[
            (&["a.b", "c"], r#"{"c":1,"a":{"b":"x"}}"#, &[&[r#"Str("x")"#], &["Uint(1)"]]),
            (&["a.b"], r#"{"a.b":-2}"#, &[&["Int(-2)"]]),
            (&["a.b"], r#"{"a":[{"b":1},{"b":[2,3]}]}"#, &[&["Uint(1)", "Uint(2)", "Uint(3)"]]),
            (&["a{}.b"], r#"{"a":[{"b":null}]}"#, &[&["Null"]]),
            (&["a"], r#"{"a":"q\"\u00e9"}"#, &[&[r#"Str("q\"é")"#]]),
            (&["a", "a.b"], r#"{"a":{"b":true}}"#, &[&[], &["Bool(true)"]]),
            (&["a"], r#"{"b":{"a":1}}"#, &[&[]]),
        ];
        for (fields, json, expected) in cases {
            assert_eq!(&read(fields, json), expected, "{fields:?} of {json}");
        }
    }

    #[test]
    fn bad_records_are_named() {
        let table = FieldTable::default();
        let mut tape = Tape::new();
        let mut refuse = |bytes: &[u8]| tape.parse(&table, bytes).map(|_| ()).unwrap_err();
        assert_eq!(refuse(b"{\"a\":\"\xff\"}"), TapeError::InvalidUtf8 { offset: 6 });
        assert!(matches!(refuse(b"{\"a\":"), TapeError::InvalidJson { .. }));
        assert!(matches!(refuse(b"{} {}"), TapeError::InvalidJson { .. }));
        assert_eq!(refuse(b"[1]"), TapeError::NotAnObject);
        let deep = [br#"{"a":"#.repeat(100_000), b"1".to_vec(), b"}".repeat(100_000)].concat();
        assert_eq!(refuse(&deep), TapeError::TooDeep);
        assert!(tape.parse(&table, b"{}").is_ok());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            let mut table = FieldTable::default();
            table.intern("a.b");
            let _ = Tape::new().parse(&table, &bytes);
        }

        #[test]
        fn every_scalar_is_on_the_tape(words in proptest::collection::vec(".{0,12}", 0..8)) {
            let record = serde_json::json!({ "w": words }).to_string();
            let mut table = FieldTable::default();
            let field = table.intern("w");
            let mut tape = Tape::new();
            let view = tape.parse(&table, record.as_bytes()).unwrap();
            let read: Vec<_> = view.all(field).filter_map(|n| n.str()).collect();
            proptest::prop_assert_eq!(read, words);
        }
    }
}
