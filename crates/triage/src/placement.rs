//! Puts the new findings of a batch into the cases of their groups; pure.

use crate::{Case, Grouping};
use model::{Finding, IncidentId};
use ports::store::{GroupKey, OpenIncident};
use std::collections::BTreeMap;

/// The open cases of one group, or of several that people brought together, while a batch is placed.
#[derive(Debug, Default)]
pub(crate) struct Cases {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    case: Case,
    /// Whose findings may join, as numbers of the batch's groups.
    groups: Vec<usize>,
    /// Indices into the batch.
    joined: Vec<usize>,
}

/// The groups of a batch that have to be placed together, with their cases and findings.
#[derive(Debug, Default)]
pub(crate) struct Component {
    pub(crate) cases: Cases,
    /// (index into the batch, number of the group), in the order of the batch.
    pub(crate) findings: Vec<(usize, usize)>,
}

/// Takes a batch apart: `groups` are its groups with indices of their findings, `open` the open incidents of these.
///
/// Mostly each group is for itself. Where people merged an incident of one group into one of another, findings of both
/// may join it, and its case must not be there twice.
pub(crate) fn components(groups: &[(GroupKey, Vec<usize>)], open: &[OpenIncident]) -> Vec<Component> {
    let numbers: BTreeMap<&GroupKey, usize> =
        groups.iter().enumerate().map(|(at, (key, _))| (key, at)).collect();
    let mut leader: Vec<usize> = (0..groups.len()).collect();
    let mut slots = Vec::with_capacity(open.len());
    for incident in open {
        let own = incident.group();
        let reached = std::iter::once(&own).chain(&incident.via).filter_map(|key| numbers.get(key).copied());
        let reached: Vec<usize> = reached.collect();
        for pair in reached.windows(2) {
            let (one, other) = (led(&leader, pair[0]), led(&leader, pair[1]));
            leader[one.max(other)] = one.min(other);
        }
        slots.push(Slot { case: Case::of_open(incident), groups: reached, joined: Vec::new() });
    }
    let mut components: BTreeMap<usize, Component> = BTreeMap::new();
    for slot in slots {
        if let Some(&first) = slot.groups.first() {
            components.entry(led(&leader, first)).or_default().cases.slots.push(slot);
        }
    }
    for (number, (_, members)) in groups.iter().enumerate() {
        let component = components.entry(led(&leader, number)).or_default();
        component.findings.extend(members.iter().map(|index| (*index, number)));
    }
    components
        .into_values()
        .map(|mut component| {
            component.findings.sort_unstable();
            component
        })
        .collect()
}

/// The smallest number that a group is placed together with.
fn led(leader: &[usize], mut at: usize) -> usize {
    while let Some(&next) = leader.get(at)
        && next != at
    {
        at = next;
    }
    at
}

impl Cases {
    /// Places the finding at `index` of the batch, which is of the group `number`.
    ///
    /// It joins the case that its time reaches. If it reaches several, it shows them to be one: they are
    /// absorbed by the one that people work on, else by the oldest. Further cases that people work on stay.
    pub(crate) fn place(
        &mut self,
        grouping: Grouping,
        (number, group): (usize, &GroupKey),
        (index, finding): (usize, &Finding),
        fresh_id: impl FnOnce() -> IncidentId,
    ) {
        let mut reached = Vec::new();
        for (i, slot) in self.slots.iter().enumerate() {
            if slot.groups.contains(&number) && grouping.reaches(slot.case.span_ms(), finding.time_ms) {
                reached.push((
                    !slot.case.touched_by_people,
                    !slot.case.stored,
                    slot.case.span_ms(),
                    slot.case.id,
                    i,
                ));
            }
        }
        let Some(&(.., keeper)) = reached.iter().min() else {
            let case = Case::opened_by(fresh_id(), group.clone(), finding);
            self.slots.push(Slot { case, groups: vec![number], joined: vec![index] });
            return;
        };
        self.slots[keeper].case.join(finding);
        self.slots[keeper].joined.push(index);
        let mut others: Vec<usize> = reached.iter().map(|&(.., i)| i).filter(|&i| i != keeper).collect();
        others.retain(|&i| !self.slots[i].case.touched_by_people);
        // the keeper is moved out so that removing the others, from the back, leaves no index stale
        others.push(keeper);
        others.sort_unstable();
        let mut merged: Option<Slot> = None;
        let mut rest = Vec::new();
        for i in others.into_iter().rev() {
            let slot = self.slots.remove(i);
            if i == keeper { merged = Some(slot) } else { rest.push(slot) }
        }
        if let Some(mut merged) = merged {
            for other in rest {
                merged.case.absorb(other.case);
                merged.joined.extend(other.joined);
                merged.groups.extend(other.groups);
            }
            self.slots.push(merged);
        }
    }

    /// The cases that changed, each with the indices of the findings that joined it.
    pub(crate) fn changed(self) -> impl Iterator<Item = (Case, Vec<usize>)> {
        self.slots.into_iter().filter(|slot| !slot.joined.is_empty()).map(|slot| (slot.case, slot.joined))
    }
}
