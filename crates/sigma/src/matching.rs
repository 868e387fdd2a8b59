//! A route over one event: look the values of the fields up, gather the rules whose guard holds, try those.

use std::ops::Range;

use crate::field_index::LookupBuffers;
use crate::field_reference::Others;
use crate::limits::{PLACES_PER_FIELD_MAX, REFERENCE_PAIRS_MAX};
use crate::lower::Place;
use crate::memo::Memo;
use crate::placed::{Placed, What};
use crate::program::{Node, NodeId, PredicateId};
use crate::route::{LocalPredicate, Route, RouteProgram};
use crate::rule_set::RuleIndex;
use crate::scratch::{EventScratch, MatchScratch, RouteState, SlotState, Span};
use crate::value::{Content, EventView, FieldId, Places, Spelled, Value};

/// Values of one field whose predicates are kept apart; those of more are merged.
const SPANS_PER_SLOT_MAX: usize = 16;

/// Calls `hit` for each rule that matches, in the order of the set.
pub(crate) fn run(
    route: &Route,
    view: &impl EventView,
    scratch: &mut MatchScratch,
    hit: &mut impl FnMut(RuleIndex),
) {
    let program = &*route.program;
    if program.roots.is_empty() {
        return;
    }
    let (at, counts) = scratch.begin(route);
    let MatchScratch { memo, event, lookup, states, .. } = scratch;
    let Some(state) = states.get_mut(at) else { return };
    let mut run = Run { program, view, state, memo, event, lookup };
    run.event.rules.extend_from_slice(&run.state.plan.unguarded);
    if counts {
        run.count();
    }
    for active in 0..run.state.plan.active.len() {
        if let Some(&slot) = run.state.plan.active.get(active) {
            run.load(slot);
        }
    }
    run.event.rules.sort_unstable();
    run.event.rules.dedup();
    // Look-ups for rules that are tried add their own; those are here already.
    for at in 0..run.event.rules.len() {
        let rule = run.event.rules.get(at).copied().unwrap_or_default();
        let root = program.roots.get(rule as usize);
        if root.is_some_and(|root| run.node(*root, None))
            && let Some(&index) = program.rules.get(rule as usize)
        {
            hit(index);
        }
    }
}

/// Tells spellings from texts in the memory: the same bytes may be both, of different values.
const SPELLED: u32 = 1 << 31;

/// What a value is remembered under.
struct Key<'k> {
    field: u32,
    text: &'k str,
}

struct Run<'a, V> {
    program: &'a RouteProgram,
    view: &'a V,
    state: &'a mut RouteState,
    memo: &'a mut Memo,
    event: &'a mut EventScratch,
    lookup: &'a mut LookupBuffers,
}

impl<V: EventView> Run<'_, V> {
    /// Looks up every slot and counts what holds.
    #[cold]
    fn count(&mut self) {
        self.state.counts.events += 1;
        for slot in 0..self.program.slots.len() as u32 {
            self.load(slot);
            let Some(&SlotState { from, to, .. }) = self.event.slots.get(slot as usize) else { continue };
            if let Some(values) = self.state.counts.values.get_mut(slot as usize) {
                *values += to - from;
            }
            for span in self.event.spans.get(from as usize..to as usize).unwrap_or_default() {
                for &predicate in predicates(self.memo, &self.event.predicates, *span) {
                    if let Some(held) = self.state.counts.held.get_mut(predicate as usize) {
                        *held += 1;
                    }
                }
            }
        }
    }

    /// Looks up the values of a slot, once an event.
    fn load(&mut self, slot: u32) {
        let epoch = self.event.epoch;
        if self.event.slots.get(slot as usize).is_none_or(|known| known.epoch == epoch) {
            return;
        }
        let Some(known) = self.program.slots.get(slot as usize) else { return };
        if known.field.is_none()
            && let Some(sieve) = known.index.sieve()
            && !sieve.may_hold(self.view, &mut self.event.sieve)
        {
            let from = self.event.spans.len() as u32;
            if let Some(known) = self.event.slots.get_mut(slot as usize) {
                *known = SlotState { epoch, from, to: from, has_null: false };
            }
            return;
        }
        let (from, own) = (self.event.spans.len(), self.event.predicates.len());
        let mut has_null = false;
        let view = self.view;
        let mut visit = |value: Spelled<'_>| {
            if self.event.spans.len() - from >= SPANS_PER_SLOT_MAX {
                self.merge(from, own);
            }
            let span = match value {
                Spelled::Plain(value) => self.span_of(slot, value),
                Spelled::Text(spelling, text) => Some(self.look_up_spelled(slot, spelling, text)),
            };
            match span {
                Some(span) => self.event.spans.push(span),
                None => has_null = true,
            }
            false
        };
        match known.field {
            Some(field) => view.any_spelled(field, &mut visit),
            None => view.any_scalar(&mut |value| visit(Spelled::Plain(value))),
        };
        let to = self.event.spans.len() as u32;
        if let Some(known) = self.event.slots.get_mut(slot as usize) {
            *known = SlotState { epoch, from: from as u32, to, has_null };
        }
    }

    /// Makes one of the spans from a place on, so that a field of very many values takes no more memory than there
    /// are predicates, and no longer to ask than one of few.
    #[cold]
    fn merge(&mut self, from: usize, own: usize) {
        let mut all = std::mem::take(&mut self.event.found);
        all.clear();
        for span in self.event.spans.drain(from..) {
            all.extend_from_slice(predicates(self.memo, &self.event.predicates, span));
        }
        all.sort_unstable();
        all.dedup();
        self.event.predicates.truncate(own);
        self.event.predicates.extend_from_slice(&all);
        let to = self.event.predicates.len() as u32;
        self.event.spans.push(Span::Own { from: own as u32, to });
        self.event.found = all;
        self.event.rules.sort_unstable();
        self.event.rules.dedup();
    }

    /// What a value satisfies; `None` for null.
    fn span_of(&mut self, slot: u32, value: Value<'_>) -> Option<Span> {
        Some(match value {
            Value::Str(text) => self.look_up(slot, text),
            Value::Null => return None,
            Value::Bool(value) => self.look_up(slot, if value { "true" } else { "false" }),
            number => {
                let mut text = std::mem::take(&mut self.event.text);
                text.clear();
                number.write_text(&mut text);
                let span = self.look_up(slot, &text);
                self.event.text = text;
                span
            }
        })
    }

    fn look_up(&mut self, slot: u32, text: &str) -> Span {
        let key = Key { field: self.state.field + slot, text };
        self.recall(&key).unwrap_or_else(|hash| self.work_out(slot, text, &key, hash))
    }

    /// The same for a text that is remembered as it is spelled, and decoded if it is not.
    fn look_up_spelled<'t>(&mut self, slot: u32, spelling: &str, text: &dyn Fn() -> &'t str) -> Span {
        let key = Key { field: (self.state.field + slot) | SPELLED, text: spelling };
        self.recall(&key).unwrap_or_else(|hash| self.work_out(slot, text(), &key, hash))
    }

    /// What is remembered under a key; else its hash, if it is worth one.
    fn recall(&mut self, key: &Key<'_>) -> Result<Span, Option<u64>> {
        let Key { field, text } = *key;
        let hash = self.memo.hash(field, text.as_bytes()).ok_or(None)?;
        let found = self.memo.get(hash, field, text.as_bytes()).ok_or(Some(hash))?;
        if found.rules > 0 {
            self.event.rules.extend_from_slice(self.memo.rules(found));
        }
        Ok(Span::Memo(found))
    }

    /// Asks the index, and remembers what it said if the value was seen before.
    fn work_out(&mut self, slot: u32, text: &str, key: &Key<'_>, hash: Option<u64>) -> Span {
        let Some(known) = self.program.slots.get(slot as usize) else { return Span::Own { from: 0, to: 0 } };
        let mut found = std::mem::take(&mut self.event.found);
        let mut to_try = std::mem::take(&mut self.event.to_try);
        known.index.find(text, self.lookup, &mut found);
        to_try.clear();
        found.iter().for_each(|predicate| to_try.extend_from_slice(self.state.plan.rules(*predicate)));
        to_try.sort_unstable();
        to_try.dedup();
        if let Some(hash) = hash
            && self.memo.seen_before(hash)
        {
            self.memo.insert(hash, key.field, key.text.as_bytes(), &to_try, &found);
        }
        let from = self.event.predicates.len() as u32;
        self.event.predicates.extend_from_slice(&found);
        self.event.rules.extend_from_slice(&to_try);
        (self.event.found, self.event.to_try) = (found, to_try);
        Span::Own { from, to: self.event.predicates.len() as u32 }
    }

    /// Of the event, or within one of its elements. Recursion is as deep as the rule's nesting, which the parser
    /// bounds.
    fn node(&mut self, id: NodeId, within: Option<Places>) -> bool {
        let program = self.program;
        match program.nodes.get(id as usize) {
            Some(Node::Predicate(predicate)) => match within {
                None => self.predicate(*predicate),
                Some(places) => self.predicate_within(*predicate, places),
            },
            Some(Node::Not(inner)) => !self.node(*inner, within),
            Some(&Node::All { from, to }) => {
                program.members(from, to).iter().all(|member| self.node(*member, within))
            }
            Some(&Node::Any { from, to }) => {
                program.members(from, to).iter().any(|member| self.node(*member, within))
            }
            Some(&Node::Elements { slot, quantifier, body }) => {
                let range = self.load_placed(slot);
                let range = self.event.placed.within(range, within);
                quantifier.of(range.filter_map(|at| {
                    let element = self.event.placed.get(at).filter(Placed::is_element)?;
                    Some(self.node(body, Some(element.places)))
                }))
            }
            None => false,
        }
    }

    /// Looks up the values of a slot with their places, once an event.
    fn load_placed(&mut self, slot: u32) -> Range<usize> {
        if let Some(range) = self.event.placed.range(slot) {
            return range;
        }
        let from = self.event.placed.all.len();
        if let Some(field) = self.program.slots.get(slot as usize).and_then(|known| known.field) {
            let view = self.view;
            view.each_placed(field, &mut |places, content| {
                if self.event.placed.all.len() - from >= PLACES_PER_FIELD_MAX {
                    return;
                }
                let what = match content {
                    Content::Scalar(value) => self.span_of(slot, value).map_or(What::Null, What::Text),
                    Content::Object => What::Object,
                    Content::Array => What::Array,
                };
                self.event.placed.all.push(Placed { places, what });
            });
        }
        self.event.placed.loaded(slot, from)
    }

    fn predicate_within(&mut self, id: PredicateId, within: Places) -> bool {
        let Some(&predicate) = self.program.predicates.get(id as usize) else { return false };
        let (LocalPredicate::Value { slot }
        | LocalPredicate::Exists { slot }
        | LocalPredicate::Null { slot }
        | LocalPredicate::SameAs { slot, .. }) = predicate;
        let range = self.load_placed(slot);
        let range = self.event.placed.within(range, Some(within));
        let mut here = self.event.placed.all.get(range).unwrap_or_default().iter().map(|placed| placed.what);
        match predicate {
            LocalPredicate::Value { .. } => here.any(|what| match what {
                What::Text(span) => {
                    predicates(self.memo, &self.event.predicates, span).binary_search(&id).is_ok()
                }
                _ => false,
            }),
            LocalPredicate::Exists { .. } => here.next().is_some(),
            LocalPredicate::Null { .. } => here.len() == 0 || here.any(|what| matches!(what, What::Null)),
            LocalPredicate::SameAs { other, place, cased, .. } => {
                self.same_as(slot, other, place, cased, Some(within))
            }
        }
    }

    fn predicate(&mut self, id: PredicateId) -> bool {
        match self.program.predicates.get(id as usize) {
            Some(&LocalPredicate::Value { slot }) => {
                self.load(slot);
                let Some(&SlotState { from, to, .. }) = self.event.slots.get(slot as usize) else {
                    return false;
                };
                let spans = self.event.spans.get(from as usize..to as usize).unwrap_or_default();
                spans.iter().any(|span| {
                    predicates(self.memo, &self.event.predicates, *span).binary_search(&id).is_ok()
                })
            }
            Some(&LocalPredicate::Exists { slot }) => self.exists(slot),
            Some(&LocalPredicate::Null { slot }) => {
                self.load(slot);
                self.event.slots.get(slot as usize).is_some_and(|known| known.has_null) || !self.exists(slot)
            }
            Some(&LocalPredicate::SameAs { slot, other, place, cased }) => {
                self.same_as(slot, other, place, cased, None)
            }
            None => false,
        }
    }

    fn exists(&self, slot: u32) -> bool {
        let field = self.program.slots.get(slot as usize).and_then(|known| known.field);
        field.is_some_and(|field| self.view.exists(field))
    }

    /// Compares each value of one field with each of the other, of the event or of one element.
    fn same_as(&mut self, slot: u32, other: u32, place: Place, cased: bool, within: Option<Places>) -> bool {
        let field = |slot: u32| self.program.slots.get(slot as usize).and_then(|known| known.field);
        let (Some(field), Some(other_field)) = (field(slot), field(other)) else { return false };
        let (mine, theirs) = (&mut self.event.text, &mut self.event.other);
        let view = self.view;
        let mut pairs = 0_usize;
        let found = any_within(view, field, within, &mut |value| {
            pairs <= REFERENCE_PAIRS_MAX
                && form(&value, cased, mine)
                && any_within(view, other_field, within, &mut |value| {
                    pairs += 1;
                    pairs <= REFERENCE_PAIRS_MAX && form(&value, cased, theirs) && place.holds(mine, theirs)
                })
        });
        if found || pairs <= REFERENCE_PAIRS_MAX {
            return found;
        }
        self.same_as_of_many([field, other_field], place, cased, within)
    }

    /// The same for so many values that comparing each with each would take longer than the event deserves.
    #[cold]
    fn same_as_of_many(
        &mut self,
        [field, other]: [FieldId; 2],
        place: Place,
        cased: bool,
        within: Option<Places>,
    ) -> bool {
        let (text, view) = (&mut self.event.text, self.view);
        let mut texts_of = |field| {
            let mut texts: Vec<Box<str>> = Vec::new();
            any_within(view, field, within, &mut |value| {
                if form(&value, cased, text) {
                    texts.push(text.as_str().into());
                }
                false
            });
            texts
        };
        let (mine, theirs) = (texts_of(field), texts_of(other));
        let others = Others::new(place, theirs.iter().map(|text| &**text).collect(), mine.len());
        mine.iter().any(|text| others.any_for(text))
    }
}

/// [`EventView::any`], of the event or of one element.
pub(crate) fn any_within(
    view: &impl EventView,
    field: FieldId,
    within: Option<Places>,
    visit: &mut impl FnMut(Value<'_>) -> bool,
) -> bool {
    let Some(within) = within else { return view.any(field, visit) };
    let mut found = false;
    view.each_placed(field, &mut |places, content| {
        if let Content::Scalar(value) = content {
            found = found || (within.hold(places) && visit(value));
        }
    });
    found
}

/// The value's text as it is compared; `false` for null.
fn form(value: &Value<'_>, cased: bool, out: &mut String) -> bool {
    out.clear();
    match value {
        Value::Str(text) if !cased => {
            crate::fold::fold_onto(text, out);
            true
        }
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) | Value::Str(_) | Value::Null => {
            let is_text = value.write_text(out);
            if !cased {
                // Of what is no string only the `e` and the letters of infinity could have two cases; they are small.
                out.make_ascii_lowercase();
            }
            is_text
        }
    }
}

fn predicates<'m>(memo: &'m Memo, own: &'m [u32], span: Span) -> &'m [PredicateId] {
    match span {
        Span::Memo(found) => memo.predicates(found),
        Span::Own { from, to } => own.get(from as usize..to as usize).unwrap_or_default(),
    }
}
