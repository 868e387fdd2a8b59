//! One family of correlations in one lane: matches wait until time has passed them, and are judged in order.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::correlator::Counts;
use super::set::{CorrelationSet, Linked};
use super::streams::Watermark;
use super::threshold::Micro;
use super::window::{Entry, EntryValue, EventRef, Firing, GroupKey, Window};

/// Which clock a match belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// What happens now.
    Live = 0,
    /// History that is brought in later, with watermarks of its own, so that it meets the history around it and not a
    /// watermark that is long past it.
    Past = 1,
}

impl Lane {
    /// Both.
    pub const ALL: [Lane; 2] = [Lane::Live, Lane::Past];
}

/// About what a match that waits takes in memory, besides its texts.
const WAITING_BYTES: usize = 160;
/// A part of the lateness: so much must have passed before matches that wait are sorted anew.
const RELEASE_PART: i64 = 16;
/// Groups from which on stale ones are looked for.
const SWEEP_GROUPS_MIN: usize = 256;

/// What is kept of one group.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) window: Window,
    /// When it last fired.
    pub(crate) fired_ms: Option<i64>,
    /// Its latest match.
    pub(crate) last_ms: i64,
    pub(crate) bytes: usize,
}

/// The state of one family in one lane.
#[derive(Debug, Default)]
pub(crate) struct FamilyLane {
    pub(crate) waiting: Vec<Entry>,
    waiting_bytes: usize,
    earliest_ms: Option<i64>,
    pub(crate) watermark_ms: Option<i64>,
    /// When, by the log's clock, it began.
    pub(crate) opened_ms: Option<i64>,
    released_ms: Option<i64>,
    pub(crate) groups: HashMap<(usize, GroupKey), Group>,
    group_bytes: usize,
    sweep_at: usize,
}

/// A borrowed view of what a step needs.
pub(crate) struct Step<'a> {
    pub(crate) set: &'a CorrelationSet,
    pub(crate) counts: &'a mut Counts,
    pub(crate) firings: &'a mut Vec<Firing>,
    /// What is no copy fires from this time on.
    pub(crate) fires_from_ms: i64,
}

fn entry_bytes(entry: &Entry) -> usize {
    let text = match &entry.value {
        EntryValue::Text(text) => text.len(),
        EntryValue::None | EntryValue::Number(_) => 0,
    };
    WAITING_BYTES
        + text
        + key_bytes(&entry.group)
        + entry.carried.iter().flatten().map(|carried| carried.len() + 16).sum::<usize>()
}

/// What the values of a group take; senders choose them.
fn key_bytes(group: &GroupKey) -> usize {
    group.iter().map(|value| value.len() + size_of::<Box<str>>()).sum()
}

/// The order in which matches are judged: by time; at the same time what others are made of first, then (where it
/// matters) by position among the rules, then by identity.
fn order(set: &CorrelationSet, a: &Entry, b: &Entry) -> Ordering {
    let by_position = |entry: &Entry| match set.get(entry.correlation) {
        Some(linked) if linked.rule.kind.is_temporal() => entry.position,
        _ => 0,
    };
    let rank = |entry: &Entry| set.get(entry.correlation).map_or(0, |linked| linked.rank);
    (a.event.time_ms, rank(a), a.correlation)
        .cmp(&(b.event.time_ms, rank(b), b.correlation))
        .then_with(|| by_position(a).cmp(&by_position(b)))
        .then_with(|| a.event.id.cmp(&b.event.id))
        .then_with(|| a.group.cmp(&b.group))
        .then_with(|| a.value.cmp(&b.value))
        .then_with(|| (a.position, a.event.at).cmp(&(b.position, b.event.at)))
}

/// What a correlation says that fires with this match.
fn firing(entry: &Entry, group: &Group, linked: &Linked, measure: Micro) -> Firing {
    let (now_ms, span_ms) = (entry.event.time_ms, linked.rule.timespan_ms);
    let (contributed, events) = group.window.evidence(&linked.logic, now_ms, span_ms);
    let from_ms = now_ms.saturating_sub(span_ms);
    Firing {
        correlation: entry.correlation,
        group: GroupKey::clone(&entry.group),
        first: events.first().copied().unwrap_or(entry.event),
        last: entry.event,
        measure,
        contributed,
        events,
        is_approximate: group.window.cut_ms.is_some_and(|cut| cut >= from_ms),
    }
}

/// Whether two neighbours in [`order`] are the same match: delivered twice, or, where positions do not matter, found by
/// two of the rules.
fn is_same(linked: Option<&Linked>, a: &Entry, b: &Entry) -> bool {
    let positions = linked.is_some_and(|linked| linked.rule.kind.is_temporal());
    a.correlation == b.correlation
        && a.event.time_ms == b.event.time_ms
        && a.event.id == b.event.id
        && a.group == b.group
        && a.value == b.value
        && (!positions || a.position == b.position)
}

impl FamilyLane {
    /// About how much memory it takes: what waits, and what is kept of groups.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        (self.waiting_bytes, self.group_bytes)
    }

    /// Takes a match; false if it is late.
    pub(crate) fn offer(&mut self, entry: Entry) -> bool {
        if self.watermark_ms.is_some_and(|at| entry.event.time_ms <= at) {
            return false;
        }
        self.waiting_bytes += entry_bytes(&entry);
        let time_ms = entry.event.time_ms;
        self.earliest_ms = Some(self.earliest_ms.map_or(time_ms, |known| known.min(time_ms)));
        self.waiting.push(entry);
        true
    }

    /// Whether it has only begun, so that more streams may be heard of.
    pub(crate) fn is_warming_up(&mut self, now_ms: i64, warmup_ms: i64) -> bool {
        let opened_ms = *self.opened_ms.get_or_insert(now_ms);
        self.watermark_ms.is_none() && now_ms.saturating_sub(opened_ms) < warmup_ms
    }

    /// Judges what the watermark has passed.
    pub(crate) fn advance(&mut self, watermark: Watermark, lateness_ms: i64, step: &mut Step<'_>) {
        let at_ms = self.watermark_ms.map_or(watermark.at_ms, |known| known.max(watermark.at_ms));
        self.watermark_ms = Some(at_ms);
        let due = watermark.all_idle
            || self
                .released_ms
                .is_none_or(|released| at_ms.saturating_sub(released) >= lateness_ms / RELEASE_PART);
        if due {
            self.release(at_ms, step);
        }
    }

    /// Judges everything up to `at_ms`, in order.
    pub(crate) fn release(&mut self, at_ms: i64, step: &mut Step<'_>) {
        self.released_ms = Some(at_ms);
        if self.earliest_ms.is_none_or(|earliest| earliest > at_ms) {
            return;
        }
        let set = step.set;
        self.waiting.sort_by(|a, b| order(set, a, b));
        let passed = self.waiting.partition_point(|entry| entry.event.time_ms <= at_ms);
        let rest = self.waiting.split_off(passed);
        let passed = std::mem::replace(&mut self.waiting, rest);
        self.earliest_ms = self.waiting.first().map(|entry| entry.event.time_ms);
        self.waiting_bytes = self.waiting_bytes.saturating_sub(passed.iter().map(entry_bytes).sum());
        let mut passed = passed.into_iter().peekable();
        let mut moment: Vec<Entry> = Vec::new();
        while let Some(first) = passed.next() {
            let now_ms = first.event.time_ms;
            moment.push(first);
            while let Some(next) = passed.next_if(|next| next.event.time_ms == now_ms) {
                moment.push(next);
            }
            self.judge(&mut moment, step);
        }
        self.sweep(at_ms, step.set);
    }

    /// Judges the matches of one moment. What a correlation makes of them, those above it take in the same moment.
    fn judge(&mut self, moment: &mut Vec<Entry>, step: &mut Step<'_>) {
        let mut at = 0;
        let mut judged: Option<Entry> = None;
        while at < moment.len() {
            let Some(slot) = moment.get_mut(at) else { break };
            let empty = EventRef { time_ms: 0, id: [0; 16], at: (0, 0) };
            let hollow = Entry {
                correlation: slot.correlation,
                position: 0,
                event: empty,
                group: GroupKey::from([]),
                value: EntryValue::None,
                carried: Box::default(),
            };
            let entry = std::mem::replace(slot, hollow);
            at += 1;
            let linked = step.set.get(entry.correlation);
            if judged.as_ref().is_some_and(|before| is_same(linked, before, &entry)) {
                step.counts.duplicates += 1;
                continue;
            }
            let lifted = moment.len();
            self.match_one(&entry, moment, step);
            if moment.len() > lifted {
                let set = step.set;
                if let Some(rest) = moment.get_mut(at..) {
                    rest.sort_by(|a, b| order(set, a, b));
                }
            }
            judged = Some(entry);
        }
        moment.clear();
    }

    fn match_one(&mut self, entry: &Entry, moment: &mut Vec<Entry>, step: &mut Step<'_>) {
        let Some(linked) = step.set.get(entry.correlation) else { return };
        step.counts.judged += 1;
        let (now_ms, span_ms) = (entry.event.time_ms, linked.rule.timespan_ms);
        let key = (entry.correlation, GroupKey::clone(&entry.group));
        let group = self.groups.entry(key).or_default();
        group.window.push(&linked.logic, entry.position, entry.event, entry.value.clone(), span_ms);
        group.last_ms = now_ms;
        let held = group.window.holds(&linked.logic, now_ms, span_ms);
        let is_rested = group.fired_ms.is_none_or(|fired| now_ms.saturating_sub(fired) > span_ms)
            && (linked.is_copy() || now_ms >= step.fires_from_ms);
        if let (Some(measure), true) = (held, is_rested) {
            group.fired_ms = Some(now_ms);
            if !linked.is_copy() {
                step.firings.push(firing(entry, group, linked, measure));
            }
        }
        let bytes = group.window.bytes() + key_bytes(&entry.group);
        self.group_bytes = (self.group_bytes + bytes).saturating_sub(group.bytes);
        group.bytes = bytes;
        if held.is_some() {
            // a temporal correlation asks whether one below holds, a counting one how often it fired
            let lifts = linked.lifts.iter().filter(|lift| lift.is_temporal || is_rested);
            moment.extend(lifts.filter_map(|lift| lift.entry(entry)));
        }
    }

    /// Forgets groups that nothing can come of any more, when there are many.
    fn sweep(&mut self, at_ms: i64, set: &CorrelationSet) {
        if self.groups.len() >= self.sweep_at.max(SWEEP_GROUPS_MIN) {
            self.sweep_now(at_ms, set);
        }
    }

    pub(crate) fn sweep_now(&mut self, at_ms: i64, set: &CorrelationSet) {
        self.groups.retain(|(correlation, _), group| {
            let span_ms = set.get(*correlation).map_or(0, |linked| linked.rule.timespan_ms);
            at_ms.saturating_sub(group.last_ms) <= span_ms
        });
        self.group_bytes = self.groups.values().map(|group| group.bytes).sum();
        self.sweep_at = 2 * self.groups.len();
    }

    /// Forgets the groups whose latest match is oldest, until they take no more than `bytes_max`.
    pub(crate) fn evict(&mut self, bytes_max: usize, counts: &mut Counts) {
        let mut by_age: Vec<_> =
            self.groups.iter().map(|(key, group)| (group.last_ms, key.clone())).collect();
        by_age.sort_unstable();
        for (_, key) in by_age {
            if self.group_bytes <= bytes_max {
                break;
            }
            if let Some(group) = self.groups.remove(&key) {
                self.group_bytes = self.group_bytes.saturating_sub(group.bytes);
                counts.evicted_groups += 1;
            }
        }
    }

    /// Judges the older half of what waits, although more may come for its time.
    pub(crate) fn release_half(&mut self, step: &mut Step<'_>) {
        let mut times: Vec<i64> = self.waiting.iter().map(|entry| entry.event.time_ms).collect();
        let middle = times.len() / 2;
        if times.is_empty() {
            return;
        }
        let (_, &mut at_ms, _) = times.select_nth_unstable(middle);
        step.counts.forced_releases += 1;
        self.watermark_ms = Some(self.watermark_ms.map_or(at_ms, |known| known.max(at_ms)));
        self.release(at_ms, step);
    }

    /// Begins anew: nothing was seen.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn restore_group(&mut self, key: (usize, GroupKey), mut group: Group) {
        group.bytes = group.window.bytes() + key_bytes(&key.1);
        self.group_bytes += group.bytes;
        self.groups.insert(key, group);
    }
}
