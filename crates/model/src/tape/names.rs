//! Values of a record under names that its kind gives them beyond their paths.

use super::{Builder, EMPTY, Entry, Payload, Place, Span, Tape};
use crate::field::NOWHERE;
use crate::vocabulary::Vocabulary;

impl Tape {
    /// The entries of the members of an object or array.
    fn children(&self, at: u32) -> impl Iterator<Item = u32> {
        let end = self.entries[at as usize].end;
        let first = Some(at + 1).filter(|child| *child < end);
        std::iter::successors(first, move |child| {
            Some(self.entries[*child as usize].end).filter(|next| *next < end)
        })
    }

    /// Puts what the vocabulary says in other words after the record, where only its field's name leads to.
    pub(super) fn say(&mut self, vocabulary: &Vocabulary, record: &str) {
        let end = self.entries.len() as u32;
        for words in &vocabulary.words {
            let slot = self.slots[words.from.0 as usize];
            let mut next = if slot.epoch == self.epoch { slot.first } else { NOWHERE };
            while let Some(link) = self.links.get(next as usize).copied().filter(|link| link.entry < end) {
                next = link.next;
                let mut digits = [0; 20];
                let word = match self.entries[link.entry as usize].payload {
                    Payload::Uint(number) => decimal(number, &mut digits),
                    payload => match self.string(payload, record) {
                        Some(text) => text,
                        None => continue,
                    },
                };
                let Some(said) = words.of(word) else { continue };
                let start = self.text.len() as u32;
                self.text.push_str(said);
                let payload = Payload::Str(Span { start, len: said.len() as u32, decoded: true });
                let at = self.entries.len() as u32;
                self.entries.push(Entry { key: EMPTY, payload, end: at + 1 });
                self.note(words.name, at);
            }
        }
    }
}

impl Builder<'_, '_> {
    fn key_is(&self, at: Span, key: &str) -> bool {
        self.tape.span(at, self.record) == key
    }

    /// Notes the values of a pair under its name, if the object at `at` is one.
    pub(super) fn note_pair(&mut self, at: u32, place: Place) {
        let (Some(vocabulary), fields) = (self.vocabulary, self.fields) else { return };
        let also = Some(place.also).filter(|also| *also != place.path);
        for list in [Some(place.path), also].into_iter().flatten() {
            let Some(key) = vocabulary.pair_key(list) else { continue };
            let name = self.tape.children(at).find_map(|child| {
                let Entry { key: at_key, payload, .. } = self.tape.entries[child as usize];
                self.tape.string(payload, self.record).filter(|_| self.key_is(at_key, key))
            });
            let Some(name) = name else { continue };
            let named = vocabulary.step(fields, list, name);
            let names = vocabulary.names_of(named).iter().copied();
            let names = fields.field_at(named).into_iter().chain(names);
            let mut child = at + 1;
            while child < self.tape.entries[at as usize].end {
                let Entry { key: at_key, payload, end } = self.tape.entries[child as usize];
                let members = if matches!(payload, Payload::Array) { end } else { child + 1 };
                let is_name = self.key_is(at_key, key);
                for value in (child..members).filter(|_| !is_name) {
                    if !matches!(self.tape.entries[value as usize].payload, Payload::Null | Payload::Object) {
                        names.clone().for_each(|name| self.tape.note_once(name, value));
                    }
                }
                child = end;
            }
        }
    }
}

fn decimal(number: u64, digits: &mut [u8; 20]) -> &str {
    use std::io::Write;
    let mut rest = &mut digits[..];
    // 20 digits hold every number of 64 bits
    let _ = write!(rest, "{number}");
    let len = 20 - rest.len();
    std::str::from_utf8(&digits[..len]).unwrap_or_default()
}
