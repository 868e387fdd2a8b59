//! The borrowed reading of one parsed record.

use crate::field::{FieldId, FieldTable, NOWHERE};
use crate::tape::{Entry, Kind, Payload, Scalar, Tape};
use std::fmt;

/// One record, borrowed: what mappings and rules read.
#[derive(Clone, Copy)]
pub struct EventView<'t> {
    pub(crate) tape: &'t Tape,
    pub(crate) record: &'t str,
    pub(crate) fields: &'t FieldTable,
}

impl<'t> EventView<'t> {
    /// The record's text as it came.
    pub fn record(&self) -> &'t str {
        self.record
    }

    /// The table that the field ids are of.
    pub fn fields(&self) -> &'t FieldTable {
        self.fields
    }

    /// The record's object.
    pub fn root(&self) -> Node<'t> {
        Node { view: *self, at: 0 }
    }

    /// The first value of a field, `None` when the record has none.
    pub fn first(&self, field: FieldId) -> Option<Node<'t>> {
        self.all(field).next()
    }

    /// Every value of a field in the record's order: scalars, arrays and objects; the members of an
    /// array follow the array.
    pub fn all(&self, field: FieldId) -> Values<'t> {
        let next = match self.tape.slots.get(field.0 as usize) {
            Some(slot) if slot.epoch == self.tape.epoch => slot.first,
            _ => NOWHERE,
        };
        Values { view: *self, next }
    }

    /// Every scalar anywhere in the record, in its order.
    pub fn scalars(&self) -> impl Iterator<Item = Scalar<'t>> + use<'t> {
        let view = *self;
        // what stands after the record is not of the record
        let end = self.tape.entries.first().map_or(0, |record| record.end);
        (0..end).filter_map(move |at| Node { view, at }.scalar())
    }

    /// The record's text if it has every string and number of [`Self::scalars`] in it as they read, but for
    /// escapes of one letter (`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`) in strings.
    pub fn verbatim(&self) -> Option<&'t str> {
        self.tape.is_verbatim.then_some(self.record)
    }
}

impl fmt::Debug for EventView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventView").field(&self.record).finish()
    }
}

/// The values of one field.
#[derive(Debug, Clone)]
pub struct Values<'t> {
    view: EventView<'t>,
    next: u32,
}

impl<'t> Iterator for Values<'t> {
    type Item = Node<'t>;
    fn next(&mut self) -> Option<Node<'t>> {
        if self.next == NOWHERE {
            return None;
        }
        let link = self.view.tape.links[self.next as usize];
        self.next = link.next;
        Some(Node { view: self.view, at: link.entry })
    }
}

/// One value of a record.
#[derive(Debug, Clone, Copy)]
pub struct Node<'t> {
    view: EventView<'t>,
    at: u32,
}

impl<'t> Node<'t> {
    fn entry(&self) -> &'t Entry {
        &self.view.tape.entries[self.at as usize]
    }

    /// The number of this place in its record: the same for the same node, however it was reached.
    pub fn place(&self) -> u32 {
        self.at
    }

    /// The place after the last that stands within this value; places within it lie between.
    pub fn place_after(&self) -> u32 {
        self.entry().end
    }

    /// What stands here.
    pub fn kind(&self) -> Kind {
        match self.entry().payload {
            Payload::Null => Kind::Null,
            Payload::Bool(_) => Kind::Bool,
            Payload::Int(_) | Payload::Uint(_) | Payload::Float(_) => Kind::Number,
            Payload::Str(_) | Payload::Escaped(_) => Kind::Str,
            Payload::Array => Kind::Array,
            Payload::Object => Kind::Object,
        }
    }

    /// The scalar here; `None` for an array or object.
    pub fn scalar(&self) -> Option<Scalar<'t>> {
        Some(match self.entry().payload {
            Payload::Null => Scalar::Null,
            Payload::Bool(v) => Scalar::Bool(v),
            Payload::Int(v) => Scalar::Int(v),
            Payload::Uint(v) => Scalar::Uint(v),
            Payload::Float(v) => Scalar::Float(v),
            Payload::Str(_) | Payload::Escaped(_) => return self.str().map(Scalar::Str),
            Payload::Array | Payload::Object => return None,
        })
    }

    /// The string here; `None` for anything else.
    pub fn str(&self) -> Option<&'t str> {
        self.view.tape.string(self.entry().payload, self.view.record)
    }

    /// How the string here was sent, without its quotes, if that is not how it reads: with escapes (RFC 8259 §7). The
    /// same spelling always reads as the same string, and [`Self::str`] alone decodes it.
    pub fn spelling(&self) -> Option<&'t str> {
        self.view.tape.spelling(self.entry().payload, self.view.record)
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.entry().payload, Payload::Null)
    }

    /// The key under which this stands in its object; empty for a member of an array.
    pub fn key(&self) -> &'t str {
        self.view.tape.span(self.entry().key, self.view.record)
    }

    /// The members of an array or the values of an object; nothing for a scalar.
    pub fn children(&self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let (view, end) = (self.view, self.entry().end);
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let node = Node { view, at };
            at = node.entry().end;
            Some(node)
        })
    }

    /// The value under `key` of an object.
    pub fn get(&self, key: &str) -> Option<Node<'t>> {
        if self.kind() != Kind::Object {
            return None;
        }
        self.children().find(|child| child.key() == key)
    }

    /// The value at a path of keys below this object.
    pub fn at<'k>(&self, path: impl IntoIterator<Item = &'k str>) -> Option<Node<'t>> {
        path.into_iter().try_fold(*self, |node, key| node.get(key))
    }
}
