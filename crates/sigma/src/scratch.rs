//! Memory that one thread reuses from event to event, so that matching allocates nothing.

use crate::program::Slot;
use crate::value::{EventView, Value};

/// What is known so far about the event at hand. Reuse one for all events of a thread, also
/// across rule sets; nothing is cleared between events: an entry is valid if it carries the
/// current epoch.
#[derive(Debug, Default)]
pub struct MatchScratch {
    epoch: u32,
    /// By predicate: the epoch it was answered in, and the answer.
    answers: Vec<(u32, bool)>,
    slots: Vec<SlotTexts>,
    texts: Vec<Text>,
    /// The characters of [`Self::texts`].
    arena: String,
    pub(crate) candidates: Vec<u32>,
}

/// The texts of one slot in one event.
#[derive(Clone, Copy, Debug, Default)]
struct SlotTexts {
    epoch: u32,
    from: u32,
    to: u32,
    has_null: bool,
}

/// A text as byte ranges of the arena. One that folds to itself has one range twice.
#[derive(Clone, Copy, Debug)]
struct Text {
    raw: (u32, u32),
    folded: (u32, u32),
}

impl MatchScratch {
    /// An empty scratch; it grows to the rule set and events it meets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts on the next event.
    pub(crate) fn begin(&mut self, predicates: usize, slots: usize) {
        self.epoch = self.epoch.checked_add(1).unwrap_or_else(|| {
            // Once in four thousand million events the marks start over.
            self.answers.fill((0, false));
            self.slots.fill(SlotTexts::default());
            1
        });
        if self.answers.len() < predicates {
            self.answers.resize(predicates, (0, false));
        }
        if self.slots.len() < slots {
            self.slots.resize(slots, SlotTexts::default());
        }
        self.texts.clear();
        self.arena.clear();
        self.candidates.clear();
    }

    pub(crate) fn answer(&self, predicate: u32) -> Option<bool> {
        let (epoch, answer) = *self.answers.get(predicate as usize)?;
        (epoch == self.epoch).then_some(answer)
    }

    pub(crate) fn remember(&mut self, predicate: u32, answer: bool) {
        if let Some(entry) = self.answers.get_mut(predicate as usize) {
            *entry = (self.epoch, answer);
        }
    }

    /// Reads the slot's values from the event, once for all predicates on it.
    pub(crate) fn load(&mut self, number: u32, slot: &Slot, view: &impl EventView) {
        if self.slots.get(number as usize).is_none_or(|known| known.epoch == self.epoch) {
            return;
        }
        let from = self.texts.len() as u32;
        let mut has_null = false;
        let (texts, arena) = (&mut self.texts, &mut self.arena);
        let mut visit = |value: Value<'_>| {
            has_null |= value == Value::Null;
            push_text(texts, arena, &value, slot.is_folded);
            false
        };
        match slot.id {
            Some(field) => view.any(field, &mut visit),
            None => view.any_scalar(&mut visit),
        };
        let to = self.texts.len() as u32;
        if let Some(known) = self.slots.get_mut(number as usize) {
            *known = SlotTexts { epoch: self.epoch, from, to, has_null };
        }
    }

    /// Whether a loaded slot has a null.
    pub(crate) fn has_null(&self, slot: u32) -> bool {
        self.slots.get(slot as usize).is_some_and(|known| known.has_null)
    }

    /// The texts of a loaded slot: as they are, and folded if the slot is.
    pub(crate) fn texts(&self, slot: u32) -> impl Iterator<Item = (&str, &str)> {
        let range =
            self.slots.get(slot as usize).map_or(0..0, |known| known.from as usize..known.to as usize);
        let part = |(from, to): (u32, u32)| self.arena.get(from as usize..to as usize).unwrap_or_default();
        self.texts.get(range).unwrap_or_default().iter().map(move |text| (part(text.raw), part(text.folded)))
    }
}

fn push_text(texts: &mut Vec<Text>, arena: &mut String, value: &Value<'_>, is_folded: bool) {
    let start = arena.len();
    if !value.write_text(arena) {
        return;
    }
    // A record beyond 4 GiB of text does not come past the doors; offsets are 32 bits wide.
    let raw = (start as u32, arena.len() as u32);
    let folds_to_itself = |text: &str| text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
    let folded = if !is_folded || arena.get(start..).is_none_or(folds_to_itself) {
        raw
    } else {
        fold_in_place_after(arena, start);
        (raw.1, arena.len() as u32)
    };
    texts.push(Text { raw, folded });
}

/// Appends the folded form of what stands in the arena from `start` on.
fn fold_in_place_after(arena: &mut String, start: usize) {
    let end = arena.len();
    arena.extend_from_within(start..end);
    let is_ascii = arena.get(end..).is_some_and(str::is_ascii);
    if is_ascii {
        if let Some(copy) = arena.get_mut(end..) {
            copy.make_ascii_lowercase();
        }
        return;
    }
    arena.truncate(end);
    let mut at = start;
    while at < end {
        let Some(c) = arena.get(at..end).and_then(|rest| rest.chars().next()) else { return };
        arena.push(crate::fold::fold_char(c));
        at += c.len_utf8();
    }
}
