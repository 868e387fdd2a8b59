//! Correlations judged window by window over the whole list of matches: slow, independent of the state machine, the
//! oracle that tests hold it against.

use std::collections::{BTreeMap, BTreeSet};

use super::logic::{Alternative, Logic};
use super::set::CorrelationSet;
use super::threshold::{Micro, Threshold};
use super::window::{Entry, EntryValue, EventRef, GroupKey};

/// A firing, as far as it must be the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fired {
    /// Place in the set.
    pub correlation: usize,
    /// The group.
    pub group: GroupKey,
    /// The event that completed it.
    pub last: EventRef,
    /// The earliest event that contributed.
    pub first: EventRef,
    /// What was compared.
    pub measure: Micro,
}

/// Judges every match of every correlation; none is late.
pub fn firings(set: &CorrelationSet, matches: &[Entry]) -> Vec<Fired> {
    let mut lists: BTreeMap<usize, Vec<Entry>> = BTreeMap::new();
    for entry in matches {
        lists.entry(entry.correlation).or_default().push(entry.clone());
    }
    let mut fired = Vec::new();
    let mut places: Vec<usize> = (0..set.linked.len()).collect();
    places.sort_by_key(|place| set.linked.get(*place).map_or(0, |linked| linked.rank));
    for place in places {
        let list = lists.remove(&place).unwrap_or_default();
        for entry in judge(set, place, list, &mut fired) {
            lists.entry(entry.correlation).or_default().push(entry);
        }
    }
    fired.retain(|fired| set.get(fired.correlation).is_some_and(|linked| !linked.is_copy()));
    fired.sort();
    fired
}

/// Judges one correlation; gives the matches that others make of it.
fn judge(set: &CorrelationSet, place: usize, mut list: Vec<Entry>, fired: &mut Vec<Fired>) -> Vec<Entry> {
    let Some(linked) = set.get(place) else { return Vec::new() };
    let temporal = linked.rule.kind.is_temporal();
    let position = |entry: &Entry| if temporal { entry.position } else { 0 };
    list.sort_by_key(|entry| {
        (entry.event.time_ms, position(entry), entry.event.id, entry.position, entry.event.at)
    });
    let mut seen = BTreeSet::new();
    list.retain(|entry| {
        let EventRef { time_ms, id, .. } = entry.event;
        seen.insert((time_ms, id, entry.group.clone(), entry.value.clone(), position(entry)))
    });
    let mut groups: BTreeMap<GroupKey, Vec<Entry>> = BTreeMap::new();
    for entry in list {
        groups.entry(entry.group.clone()).or_default().push(entry);
    }
    let mut lifted = Vec::new();
    for (group, list) in groups {
        let mut last_fired: Option<i64> = None;
        for end in 0..list.len() {
            let entry = &list[end];
            let from_ms = entry.event.time_ms - linked.rule.timespan_ms;
            let window: Vec<&Entry> = list[..=end].iter().filter(|e| e.event.time_ms >= from_ms).collect();
            let Some((measure, first)) = holds(&linked.logic, &window) else { continue };
            let rested = last_fired.is_none_or(|at| entry.event.time_ms - at > linked.rule.timespan_ms);
            if rested {
                last_fired = Some(entry.event.time_ms);
                fired.push(Fired {
                    correlation: place,
                    group: group.clone(),
                    last: entry.event,
                    first,
                    measure,
                });
            }
            let lifts = linked.lifts.iter().filter(|lift| lift.is_temporal || rested);
            lifted.extend(lifts.filter_map(|lift| lift.entry(entry)));
        }
    }
    lifted
}

/// What is compared and the first event that contributes, if the condition holds for a window in the order of time.
fn holds(logic: &Logic, window: &[&Entry]) -> Option<(Micro, EventRef)> {
    let first = window.first()?.event;
    let numbers = || {
        let mut numbers: Vec<i128> = window
            .iter()
            .filter_map(|entry| if let EntryValue::Number(n) = &entry.value { Some(n.0) } else { None })
            .collect();
        numbers.sort_unstable();
        numbers
    };
    let asked = |threshold: &Threshold, measure| threshold.holds(measure).then_some((measure, first));
    match logic {
        Logic::Events(threshold) => asked(threshold, Micro::of_count(window.len())),
        Logic::Values(threshold) => {
            let distinct: BTreeSet<_> = window.iter().map(|entry| &entry.value).collect();
            asked(threshold, Micro::of_count(distinct.len()))
        }
        Logic::Sum(threshold) => asked(threshold, Micro(numbers().iter().sum())),
        Logic::Mean(threshold) => {
            let (sum, count) = (numbers().iter().sum::<i128>(), window.len() as i128);
            let holds = threshold.0.iter().all(|(comparison, limit)| {
                // multiplied instead of divided, so that nothing is rounded
                Threshold(vec![(*comparison, Micro(limit.0 * count))]).holds(Micro(sum))
            });
            holds.then_some((Micro(sum / count), first))
        }
        Logic::Quantile(rank, threshold) => {
            let numbers = numbers();
            let place = (rank.0 as f64 / 100_000_000.0 * numbers.len() as f64).ceil().max(1.0);
            asked(threshold, Micro(numbers[place as usize - 1]))
        }
        Logic::Rules(threshold) => {
            let latest: BTreeMap<u16, EventRef> = window.iter().map(|e| (e.position, e.event)).collect();
            let first = latest.values().min().copied()?;
            let measure = Micro::of_count(latest.len());
            threshold.holds(measure).then_some((measure, first))
        }
        Logic::Alternatives { ordered, any } => any.iter().find_map(|one| {
            let first = if *ordered { in_order(one, window) } else { together(one, window) }?;
            Some((Micro::of_count(one.present.len()), first))
        }),
    }
}

fn is_kept_away(one: &Alternative, window: &[&Entry]) -> bool {
    window.iter().any(|entry| one.absent.contains(&entry.position))
}

fn together(one: &Alternative, window: &[&Entry]) -> Option<EventRef> {
    if is_kept_away(one, window) {
        return None;
    }
    let latest = |position: &u16| window.iter().rev().find(|e| e.position == *position).map(|e| e.event);
    one.present.iter().map(latest).collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// The latest match of the first rule from which the others follow.
fn in_order(one: &Alternative, window: &[&Entry]) -> Option<EventRef> {
    if is_kept_away(one, window) {
        return None;
    }
    let (begin, rest) = one.present.split_first()?;
    (0..window.len()).rev().find_map(|start| {
        if window[start].position != *begin {
            return None;
        }
        let mut at = start;
        for position in rest {
            at = (at + 1..window.len()).find(|next| window[*next].position == *position)?;
        }
        Some(window[start].event)
    })
}
