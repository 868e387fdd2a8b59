//! What is kept of one group: the matches of its window, so that the next one is judged in constant time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::limits::{EVIDENCE_EVENTS_MAX, WINDOW_ENTRIES_MAX};

use super::logic::{Alternative, Logic};
use super::ranked::RankedNumbers;
use super::threshold::Micro;

/// The values that a group has in common, in the order of `group-by`.
pub type GroupKey = Arc<[Box<str>]>;

/// An event that a base rule matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventRef {
    /// When it happened, milliseconds since the epoch.
    pub time_ms: i64,
    /// Its identity.
    pub id: [u8; 16],
    /// Where its record stands: partition and offset, as the caller counts them.
    pub at: (u32, u64),
}

/// What of an event is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryValue {
    /// The event itself.
    None,
    /// A distinct value, or several joined.
    Text(Arc<str>),
    /// A number.
    Number(Micro),
}

/// A match of a base rule, for one correlation and one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Place in the [`super::CorrelationSet`].
    pub correlation: usize,
    /// Which of the correlation's `rules` matched.
    pub position: u16,
    /// The event.
    pub event: EventRef,
    /// The group.
    pub group: GroupKey,
    /// What of it is counted.
    pub value: EntryValue,
    /// What correlations above need of it, in the order of their fields; `None` where the event has none.
    pub carried: Box<[Option<Box<str>>]>,
}

/// A correlation that fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// Place in the [`super::CorrelationSet`].
    pub correlation: usize,
    /// The group.
    pub group: GroupKey,
    /// The earliest event that contributed: a part of the finding's identity.
    pub first: EventRef,
    /// The event that completed it.
    pub last: EventRef,
    /// What was compared: a count, a sum, how many rules matched.
    pub measure: Micro,
    /// How many events contributed.
    pub contributed: usize,
    /// The first of them, at most [`EVIDENCE_EVENTS_MAX`].
    pub events: Vec<EventRef>,
    /// Whether the window had more than [`WINDOW_ENTRIES_MAX`] matches: `measure` is then about the latest of them.
    pub is_approximate: bool,
}

/// About what one kept match takes in memory, and one distinct value besides its text.
const ENTRY_BYTES: usize = 64;
const VALUE_BYTES: usize = 80;

/// The matches of a window, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    pub(crate) entries: VecDeque<(EventRef, EntryValue)>,
    /// References to each distinct value.
    distinct: HashMap<Arc<str>, u32>,
    text_bytes: usize,
    sum: i128,
    /// The numbers in order, kept for percentiles alone.
    ranked: RankedNumbers,
    /// The time of the latest match that had to be forgotten.
    pub(crate) cut_ms: Option<i64>,
    /// By position: the latest match.
    pub(crate) latest: Vec<Option<EventRef>>,
    /// By alternative, then by number of its rules that matched in order: the run that began last.
    pub(crate) runs: Vec<Vec<Vec<EventRef>>>,
}

impl Window {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let events = self.latest.len() + self.runs.iter().flatten().map(Vec::len).sum::<usize>();
        256 + ENTRY_BYTES * (self.entries.len() + events)
            + self.text_bytes
            + VALUE_BYTES * self.distinct.len()
            + size_of::<Micro>() * self.ranked.len()
    }

    /// Takes a match, which is not earlier than any before it, and lets go of what is older than the timespan.
    pub(crate) fn push(
        &mut self,
        logic: &Logic,
        position: u16,
        event: EventRef,
        value: EntryValue,
        span_ms: i64,
    ) {
        match logic {
            Logic::Rules(_) => self.note(position, event),
            Logic::Alternatives { ordered, any } => {
                self.note(position, event);
                if *ordered {
                    self.extend_runs(any, position, event, span_ms);
                }
            }
            counting => {
                self.expire(counting, event.time_ms.saturating_sub(span_ms));
                self.append(counting, event, value);
            }
        }
    }

    fn note(&mut self, position: u16, event: EventRef) {
        let at = usize::from(position);
        if self.latest.len() <= at {
            self.latest.resize(at + 1, None);
        }
        if let Some(latest) = self.latest.get_mut(at) {
            *latest = Some(event);
        }
    }

    /// A run of the first `n` rules of an alternative is continued by a match of the next; of all such runs the one that
    /// began last is kept, since it stays in the window longest.
    fn extend_runs(&mut self, any: &[Alternative], position: u16, event: EventRef, span_ms: i64) {
        self.runs.resize_with(any.len(), Vec::new);
        for (alternative, runs) in any.iter().zip(&mut self.runs) {
            let Ok(step) = alternative.present.binary_search(&position) else { continue };
            runs.resize_with(alternative.present.len(), Vec::new);
            let mut run = Vec::with_capacity(step + 1);
            if let Some(before) = step.checked_sub(1) {
                let from_ms = event.time_ms.saturating_sub(span_ms);
                match runs.get(before) {
                    Some(known) if known.first().is_some_and(|first| first.time_ms >= from_ms) => {
                        run.extend_from_slice(known);
                    }
                    _ => continue,
                }
            }
            run.push(event);
            if let Some(slot) = runs.get_mut(step) {
                *slot = run;
            }
        }
    }

    fn append(&mut self, logic: &Logic, event: EventRef, value: EntryValue) {
        let value = match (logic, value) {
            (Logic::Values(_), EntryValue::Text(text)) => EntryValue::Text(self.refer(text)),
            (Logic::Sum(_) | Logic::Mean(_), EntryValue::Number(number)) => {
                self.sum += number.0;
                EntryValue::Number(number)
            }
            (Logic::Quantile(..), EntryValue::Number(number)) => {
                self.ranked.insert(number);
                EntryValue::Number(number)
            }
            (Logic::Events(_), _) => EntryValue::None,
            _ => return,
        };
        self.entries.push_back((event, value));
        if self.entries.len() > WINDOW_ENTRIES_MAX
            && let Some((dropped, value)) = self.entries.pop_front()
        {
            self.forget(logic, &value);
            self.cut_ms = Some(dropped.time_ms);
        }
    }

    fn refer(&mut self, text: Arc<str>) -> Arc<str> {
        if let Some((known, _)) = self.distinct.get_key_value(&text) {
            let known = Arc::clone(known);
            if let Some(references) = self.distinct.get_mut(&text) {
                *references += 1;
            }
            return known;
        }
        self.text_bytes += text.len();
        self.distinct.insert(Arc::clone(&text), 1);
        text
    }

    fn expire(&mut self, logic: &Logic, from_ms: i64) {
        while self.entries.front().is_some_and(|(event, _)| event.time_ms < from_ms) {
            if let Some((_, value)) = self.entries.pop_front() {
                self.forget(logic, &value);
            }
        }
    }

    fn forget(&mut self, logic: &Logic, value: &EntryValue) {
        match value {
            EntryValue::None => {}
            EntryValue::Text(text) => {
                if let Some(references) = self.distinct.get_mut(text) {
                    *references -= 1;
                    if *references == 0 {
                        self.text_bytes -= text.len();
                        self.distinct.remove(text);
                    }
                }
            }
            EntryValue::Number(number) if matches!(logic, Logic::Quantile(..)) => {
                self.ranked.remove(*number);
            }
            EntryValue::Number(number) => self.sum -= number.0,
        }
    }

    /// What is compared, where the condition holds for the window that ends at `now_ms`.
    pub(crate) fn holds(&self, logic: &Logic, now_ms: i64, span_ms: i64) -> Option<Micro> {
        let from_ms = now_ms.saturating_sub(span_ms);
        let (measure, holds) = match logic {
            Logic::Events(threshold) => {
                let count = Micro::of_count(self.entries.len());
                (count, threshold.holds(count))
            }
            Logic::Values(threshold) => {
                let count = Micro::of_count(self.distinct.len());
                (count, threshold.holds(count))
            }
            Logic::Sum(threshold) => (Micro(self.sum), threshold.holds(Micro(self.sum))),
            Logic::Mean(threshold) => {
                let count = self.entries.len();
                let compare = |limit| Micro::mean_cmp(Micro(self.sum), count, limit);
                (Micro(self.sum / count.max(1) as i128), threshold.holds_by(compare))
            }
            Logic::Quantile(rank, threshold) => {
                let value = self.ranked.get(nearest_rank(*rank, self.ranked.len()))?;
                (value, threshold.holds(value))
            }
            Logic::Rules(threshold) => {
                let count = Micro::of_count(self.present(from_ms).count());
                (count, threshold.holds(count))
            }
            Logic::Alternatives { ordered, any } => {
                let held = self.alternative(*ordered, any, from_ms)?;
                (Micro::of_count(any.get(held).map_or(0, |one| one.present.len())), true)
            }
        };
        let has_values = !self.entries.is_empty() || !self.latest.is_empty();
        (holds && has_values).then_some(measure)
    }

    fn present(&self, from_ms: i64) -> impl Iterator<Item = EventRef> {
        self.latest.iter().flatten().copied().filter(move |event| event.time_ms >= from_ms)
    }

    fn is_present(&self, position: u16, from_ms: i64) -> bool {
        let latest = self.latest.get(usize::from(position)).copied().flatten();
        latest.is_some_and(|event| event.time_ms >= from_ms)
    }

    /// The first alternative that holds.
    fn alternative(&self, ordered: bool, any: &[Alternative], from_ms: i64) -> Option<usize> {
        (0..any.len()).find(|at| {
            let Some(one) = any.get(*at) else { return false };
            if one.absent.iter().any(|position| self.is_present(*position, from_ms)) {
                return false;
            }
            if ordered {
                let run = self.runs.get(*at).and_then(|runs| runs.last());
                return run.and_then(|run| run.first()).is_some_and(|first| first.time_ms >= from_ms);
            }
            one.present.iter().all(|position| self.is_present(*position, from_ms))
        })
    }

    /// The events that contribute to a window that holds, in the order of time: how many, and the first of them.
    pub(crate) fn evidence(&self, logic: &Logic, now_ms: i64, span_ms: i64) -> (usize, Vec<EventRef>) {
        let from_ms = now_ms.saturating_sub(span_ms);
        let events: Vec<EventRef> = match logic {
            Logic::Rules(_) => sorted(self.present(from_ms)),
            Logic::Alternatives { ordered, any } => match self.alternative(*ordered, any, from_ms) {
                Some(at) if *ordered => {
                    self.runs.get(at).and_then(|runs| runs.last()).cloned().unwrap_or_default()
                }
                Some(at) => {
                    let present = any.get(at).map_or(&[][..], |one| &one.present);
                    let latest = present.iter().filter_map(|p| self.latest.get(usize::from(*p)).copied()?);
                    sorted(latest)
                }
                None => Vec::new(),
            },
            _ => {
                let first = self.entries.iter().map(|(event, _)| *event).take(EVIDENCE_EVENTS_MAX);
                return (self.entries.len(), first.collect());
            }
        };
        (events.len(), events.into_iter().take(EVIDENCE_EVENTS_MAX).collect())
    }

    /// Puts a window together from its matches.
    pub(crate) fn restore(&mut self, logic: &Logic, entries: Vec<(EventRef, EntryValue)>) {
        for (event, value) in entries {
            self.append(logic, event, value);
        }
    }
}

fn sorted(events: impl Iterator<Item = EventRef>) -> Vec<EventRef> {
    let mut events: Vec<_> = events.collect();
    events.sort_unstable();
    events.dedup();
    events
}

/// Index of the value at a percentile (in millionths of a percent) of `count` sorted values, by nearest rank.
pub(crate) fn nearest_rank(rank: Micro, count: usize) -> usize {
    let hundred = 100_000_000_i128;
    let place = (rank.0 * count as i128 + hundred - 1) / hundred;
    usize::try_from(place - 1).unwrap_or(0)
}
