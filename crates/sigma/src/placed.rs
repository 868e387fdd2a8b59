//! What fields have of one event with the places it takes, for questions about the elements of arrays.

use std::ops::Range;

use crate::value::Places;

/// Something that a field has, as the run at hand keeps a text of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<T> {
    pub(crate) places: Places,
    pub(crate) what: What<T>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What<T> {
    Text(T),
    Null,
    Object,
    Array,
}

impl<T> Placed<T> {
    /// Whether it is an element: a null is none, and an array is its members. What stands where an array could,
    /// and is none, is its own only element.
    pub(crate) fn is_element(&self) -> bool {
        matches!(self.what, What::Text(_) | What::Object)
    }
}

/// By slot, what it has; good if it carries the epoch of the event.
#[derive(Debug)]
pub(crate) struct PlacedSlots<T> {
    slots: Vec<(u32, u32, u32)>,
    pub(crate) all: Vec<Placed<T>>,
}

impl<T> Default for PlacedSlots<T> {
    fn default() -> Self {
        PlacedSlots { slots: Vec::new(), all: Vec::new() }
    }
}

impl<T: Copy> PlacedSlots<T> {
    /// Starts on the next event.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.all.clear();
    }

    /// What a slot has, if it is loaded.
    pub(crate) fn range(&self, slot: u32) -> Option<Range<usize>> {
        let (_, from, to) = self.slots.iter().find(|(known, ..)| *known == slot)?;
        Some(*from as usize..*to as usize)
    }

    /// Notes that a slot has what was added from a place on.
    pub(crate) fn loaded(&mut self, slot: u32, from: usize) -> Range<usize> {
        self.slots.push((slot, from as u32, self.all.len() as u32));
        from..self.all.len()
    }

    /// The part of a slot's range that stands within places.
    pub(crate) fn within(&self, range: Range<usize>, places: Option<Places>) -> Range<usize> {
        let Some(places) = places else { return range };
        let all = self.all.get(range.clone()).unwrap_or_default();
        let from = all.partition_point(|placed| placed.places.from < places.from);
        let to = all.partition_point(|placed| placed.places.from < places.to);
        range.start + from..range.start + to
    }

    pub(crate) fn get(&self, at: usize) -> Option<Placed<T>> {
        self.all.get(at).copied()
    }
}
