//! One rule over one event, the plain way: predicate by predicate, text by text. For single rules and for
//! explaining a hit; runs over whole routes are in [`crate::matching`].

use std::ops::{ControlFlow, Range};

use crate::field_reference::Others;
use crate::limits::PLACES_PER_FIELD_MAX;
use crate::placed::{Placed, PlacedSlots, What};
use crate::predicate::{Form, Predicate};
use crate::program::{Node, NodeId, Program, Slot};
use crate::value::{Content, EventView, Places, Value};

/// What is known so far about the event at hand. Nothing is cleared between events: an entry is valid if it
/// carries the current epoch.
#[derive(Debug, Default)]
pub(crate) struct SingleScratch {
    epoch: u32,
    /// By predicate: the epoch it was answered in, and the answer.
    answers: Vec<(u32, bool)>,
    slots: Vec<SlotTexts>,
    texts: Vec<Text>,
    /// The characters of [`Self::texts`].
    arena: String,
    placed: PlacedSlots<Text>,
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

impl SingleScratch {
    /// Starts on the next event.
    fn begin(&mut self, predicates: usize, slots: usize) {
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
        self.placed.clear();
    }

    fn answer(&self, predicate: u32) -> Option<bool> {
        let (epoch, answer) = *self.answers.get(predicate as usize)?;
        (epoch == self.epoch).then_some(answer)
    }

    fn remember(&mut self, predicate: u32, answer: bool) {
        if let Some(entry) = self.answers.get_mut(predicate as usize) {
            *entry = (self.epoch, answer);
        }
    }

    /// Reads the slot's values from the event, once for all predicates on it.
    fn load(&mut self, number: u32, slot: &Slot, view: &impl EventView) {
        if self.slots.get(number as usize).is_none_or(|known| known.epoch == self.epoch) {
            return;
        }
        let from = self.texts.len() as u32;
        let mut has_null = false;
        let (texts, arena) = (&mut self.texts, &mut self.arena);
        let mut visit = |value: Value<'_>| {
            has_null |= value == Value::Null;
            texts.extend(text_of(arena, &value, slot.is_folded));
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
    fn has_null(&self, slot: u32) -> bool {
        self.slots.get(slot as usize).is_some_and(|known| known.has_null)
    }

    /// The texts of a loaded slot.
    fn texts(&self, slot: u32) -> &[Text] {
        let range =
            self.slots.get(slot as usize).map_or(0..0, |known| known.from as usize..known.to as usize);
        self.texts.get(range).unwrap_or_default()
    }

    fn part(&self, (from, to): (u32, u32)) -> &str {
        self.arena.get(from as usize..to as usize).unwrap_or_default()
    }

    /// Reads what the slot has with its places.
    fn load_placed(&mut self, number: u32, slot: &Slot, view: &impl EventView) -> Range<usize> {
        if let Some(range) = self.placed.range(number) {
            return range;
        }
        let from = self.placed.all.len();
        if let Some(field) = slot.id {
            let (arena, all) = (&mut self.arena, &mut self.placed.all);
            view.each_placed(field, &mut |places, content| {
                if all.len() - from >= PLACES_PER_FIELD_MAX {
                    return;
                }
                let what = match content {
                    Content::Scalar(value) => {
                        text_of(arena, &value, slot.is_folded).map_or(What::Null, What::Text)
                    }
                    Content::Object => What::Object,
                    Content::Array => What::Array,
                };
                all.push(Placed { places, what });
            });
        }
        self.placed.loaded(number, from)
    }
}

/// The value's text in the arena; `None` for null.
fn text_of(arena: &mut String, value: &Value<'_>, is_folded: bool) -> Option<Text> {
    let start = arena.len();
    if !value.write_text(arena) {
        return None;
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
    Some(Text { raw, folded })
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

/// One run over one event.
pub(crate) struct Run<'a, V> {
    pub(crate) program: &'a Program,
    view: &'a V,
    scratch: &'a mut SingleScratch,
}

impl<'a, V: EventView> Run<'a, V> {
    pub(crate) fn begin(program: &'a Program, view: &'a V, scratch: &'a mut SingleScratch) -> Self {
        scratch.begin(program.predicates.len(), program.slots.len());
        Run { program, view, scratch }
    }

    fn load(&mut self, slot: u32) {
        if let Some(known) = self.program.slots.get(slot as usize) {
            self.scratch.load(slot, known, self.view);
        }
    }

    fn load_placed(&mut self, slot: u32, within: Option<Places>) -> Range<usize> {
        let Some(known) = self.program.slots.get(slot as usize) else { return 0..0 };
        let range = self.scratch.load_placed(slot, known, self.view);
        self.scratch.placed.within(range, within)
    }

    /// Of the event, or within one of its elements. Recursion is as deep as the rule's nesting, which the parser
    /// bounds.
    pub(crate) fn node(&mut self, id: NodeId, within: Option<Places>) -> bool {
        let program = self.program;
        match program.nodes.get(id as usize) {
            Some(Node::Predicate(predicate)) => self.predicate(*predicate, within),
            Some(Node::Not(inner)) => !self.node(*inner, within),
            Some(&Node::All { from, to }) => {
                program.members(from, to).iter().all(|member| self.node(*member, within))
            }
            Some(&Node::Any { from, to }) => {
                program.members(from, to).iter().any(|member| self.node(*member, within))
            }
            Some(&Node::Elements { slot, quantifier, body }) => {
                let elements = self.elements(slot, within);
                quantifier.of(elements.into_iter().map(|element| self.node(body, Some(element))))
            }
            None => false,
        }
    }

    /// The elements of a slot's arrays.
    pub(crate) fn elements(&mut self, slot: u32, within: Option<Places>) -> Vec<Places> {
        let range = self.load_placed(slot, within);
        let here = self.scratch.placed.all.get(range).unwrap_or_default();
        here.iter().filter(|placed| placed.is_element()).map(|placed| placed.places).collect()
    }

    /// Asks each predicate of the event at most once.
    pub(crate) fn predicate(&mut self, id: u32, within: Option<Places>) -> bool {
        if within.is_some() {
            return self.ask(id, within);
        }
        if let Some(answer) = self.scratch.answer(id) {
            return answer;
        }
        let answer = self.ask(id, None);
        self.scratch.remember(id, answer);
        answer
    }

    fn ask(&mut self, id: u32, within: Option<Places>) -> bool {
        let program = self.program;
        let Some(bound) = program.predicates.get(id as usize) else { return false };
        match &bound.predicate {
            Predicate::Exists => self.exists(bound.slot, within),
            Predicate::Null => self.has_null(bound.slot, within) || !self.exists(bound.slot, within),
            predicate => self.each_text(bound.slot, predicate, within, |_| ControlFlow::Break(())).is_break(),
        }
    }

    fn exists(&mut self, slot: u32, within: Option<Places>) -> bool {
        if within.is_some() {
            return !self.load_placed(slot, within).is_empty();
        }
        let id = self.program.slots.get(slot as usize).and_then(|known| known.id);
        id.is_some_and(|field| self.view.exists(field))
    }

    fn has_null(&mut self, slot: u32, within: Option<Places>) -> bool {
        if within.is_none() {
            self.load(slot);
            return self.scratch.has_null(slot);
        }
        let range = self.load_placed(slot, within);
        let here = self.scratch.placed.all.get(range).unwrap_or_default();
        here.iter().any(|placed| matches!(placed.what, What::Null))
    }

    /// Calls `found` with each text (as it is in the event) that answers the predicate.
    pub(crate) fn each_text(
        &mut self,
        slot: u32,
        predicate: &Predicate,
        within: Option<Places>,
        mut found: impl FnMut(&str) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let form = predicate.reads();
        let mine = self.texts(slot, within);
        let theirs = match predicate {
            Predicate::SameAs { other, .. } => self.texts(*other, within),
            _ => Vec::new(),
        };
        let pick = |text: &Text| self.scratch.part(if form == Form::Raw { text.raw } else { text.folded });
        let others = match predicate {
            Predicate::SameAs { place, .. } => {
                Some(Others::new(*place, theirs.iter().map(pick).collect(), mine.len()))
            }
            _ => None,
        };
        for text in &mine {
            let holds = match &others {
                Some(others) => others.any_for(pick(text)),
                None => predicate.holds_for(pick(text)),
            };
            if holds {
                found(self.scratch.part(text.raw))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn texts(&mut self, slot: u32, within: Option<Places>) -> Vec<Text> {
        if within.is_none() {
            self.load(slot);
            return self.scratch.texts(slot).to_vec();
        }
        let range = self.load_placed(slot, within);
        let here = self.scratch.placed.all.get(range).unwrap_or_default();
        let text = |placed: &Placed<Text>| if let What::Text(text) = placed.what { Some(text) } else { None };
        here.iter().filter_map(text).collect()
    }
}
