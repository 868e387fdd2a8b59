//! A compiled case: a flat list of steps in output order.

use crate::eval::{Context, Given, Want};
use crate::normalizer::LogsourceId;
use crate::sink::{EventSink, Out, Slot};
use crate::unmapped::Reads;
use crate::value::{Condition, Get, Value};
use model::EntityKind;
use std::ops::Range;

/// One class of event of one source.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) when: Vec<Condition>,
    pub(crate) class_uid: u32,
    pub(crate) logsource: LogsourceId,
    pub(crate) event_id: Value,
    pub(crate) time: Value,
    pub(crate) entities: Vec<EntityRule>,
    pub(crate) ops: Vec<Op>,
    pub(crate) frame: Frame,
    /// Bit of `actor` in the event's frame.
    pub(crate) actor_bit: u8,
    /// What of the record it reads.
    pub(crate) reads: Reads,
}

/// Something that findings are grouped by.
#[derive(Debug, Clone)]
pub(crate) struct EntityRule {
    pub(crate) kind: EntityKind,
    pub(crate) each: Option<Get>,
    pub(crate) when: Vec<Condition>,
    pub(crate) value: Value,
}

/// Bit of every member that no constraint names.
pub(crate) const BIT_OTHER: u8 = 63;

/// What an object must have to be kept, as bits of its members.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Frame {
    pub(crate) required: u64,
    pub(crate) at_least_one: u64,
    pub(crate) just_one: u64,
}

impl Frame {
    pub(crate) fn is_satisfied(self, seen: u64) -> bool {
        seen != 0
            && seen & self.required == self.required
            && (self.at_least_one == 0 || seen & self.at_least_one != 0)
            && (self.just_one == 0 || (seen & self.just_one).count_ones() == 1)
    }
}

/// One step. `end` is the index after the last step of the body that follows.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Put {
        slot: Slot,
        bit: u8,
        value: Value,
        want: Want,
    },
    Object {
        slot: Slot,
        bit: u8,
        frame: Frame,
        end: usize,
    },
    Array {
        slot: Slot,
        bit: u8,
        end: usize,
    },
    /// Members of an array: one object, or one for each member of a source array.
    Members {
        slot: Slot,
        when: Vec<Condition>,
        each: Option<Get>,
        frame: Frame,
        end: usize,
    },
    /// Members of an array: every scalar of a source path.
    Scalars {
        slot: Slot,
        when: Vec<Condition>,
        value: Value,
        want: Want,
    },
}

/// Runs the steps of a range and answers the bits of the members that were written.
pub(crate) fn run<'e>(
    ops: &'e [Op],
    range: Range<usize>,
    context: &Context<'e>,
    sink: &mut impl EventSink,
) -> u64 {
    let mut seen = 0;
    let mut at = range.start;
    while at < range.end {
        match &ops[at] {
            Op::Put { slot, bit, value, want } => {
                if let Some(given) = context.value(value, *want) {
                    put(slot, given, *want, context, sink);
                    seen |= 1 << bit;
                }
                at += 1;
            }
            Op::Object { slot, bit, frame, end } => {
                let mark = sink.open_object(slot);
                let keep = frame.is_satisfied(run(ops, at + 1..*end, context, sink));
                sink.close_object(mark, keep);
                seen |= u64::from(keep) << bit;
                at = *end;
            }
            Op::Array { slot, bit, end } => {
                let mark = sink.open_array(slot);
                let keep = run(ops, at + 1..*end, context, sink) != 0;
                sink.close_array(mark, keep);
                seen |= u64::from(keep) << bit;
                at = *end;
            }
            Op::Members { slot, when, each, frame, end } => {
                if context.all(when) {
                    seen |= members(ops, at + 1..*end, (slot, *frame), each.as_ref(), context, sink);
                }
                at = *end;
            }
            Op::Scalars { slot, when, value, want } => {
                if context.all(when) {
                    context.each_scalar(value, *want, |given| {
                        put(slot, given, *want, context, sink);
                        seen = 1;
                    });
                }
                at += 1;
            }
        }
    }
    seen
}

fn members<'e>(
    ops: &'e [Op],
    body: Range<usize>,
    (slot, frame): (&Slot, Frame),
    each: Option<&Get>,
    context: &Context<'e>,
    sink: &mut impl EventSink,
) -> u64 {
    let mut seen = 0;
    let mut one = |context: &Context<'e>| {
        let mark = sink.open_object(slot);
        let keep = frame.is_satisfied(run(ops, body.clone(), context, sink));
        sink.close_object(mark, keep);
        seen |= u64::from(keep);
    };
    match each {
        None => one(context),
        Some(get) => context.items(get).for_each(|item| one(&Context { item: Some(item), ..*context })),
    }
    seen
}

fn put<'e>(slot: &Slot, given: Given<'e>, want: Want, context: &Context<'e>, sink: &mut impl EventSink) {
    match given {
        Given::Parts(parts) => {
            sink.put_parts(slot, &mut parts.iter().filter_map(|part| context.text(part)));
        }
        // a number or a boolean where the schema wants a text
        Given::One(out @ (Out::Int(_) | Out::Float(_) | Out::Bool(_))) if matches!(want, Want::Text(_)) => {
            sink.put_parts(slot, &mut std::iter::once(out));
        }
        Given::One(out) => sink.put(slot, out),
    }
}
