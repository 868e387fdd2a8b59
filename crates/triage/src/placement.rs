//! Puts the new findings of a batch into the cases of their groups; pure.

use crate::{Case, Grouping};
use model::{Finding, IncidentId};

/// The open cases of one group while a batch is placed, and where each finding went.
#[derive(Debug, Default)]
pub(crate) struct Group {
    cases: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    case: Case,
    /// Indices into the batch.
    joined: Vec<usize>,
}

impl Group {
    /// The cases that are open in the store.
    pub(crate) fn of(cases: impl IntoIterator<Item = Case>) -> Self {
        let cases = cases.into_iter().map(|case| Slot { case, joined: Vec::new() }).collect();
        Self { cases }
    }

    /// Places the finding at `index` of the batch.
    ///
    /// It joins the case that its time reaches. If it reaches several, it shows them to be one: they are
    /// absorbed by the one that people work on, else by the oldest. Further cases that people work on stay.
    pub(crate) fn place(
        &mut self,
        grouping: Grouping,
        (index, finding): (usize, &Finding),
        fresh_id: impl FnOnce() -> IncidentId,
    ) {
        let mut reached = Vec::new();
        for (i, slot) in self.cases.iter().enumerate() {
            if grouping.reaches(slot.case.span_ms(), finding.time_ms) {
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
            self.cases.push(Slot { case: Case::opened_by(fresh_id(), finding), joined: vec![index] });
            return;
        };
        self.cases[keeper].case.join(finding);
        self.cases[keeper].joined.push(index);
        let mut others: Vec<usize> = reached.iter().map(|&(.., i)| i).filter(|&i| i != keeper).collect();
        others.retain(|&i| !self.cases[i].case.touched_by_people);
        // the keeper is moved out so that removing the others, from the back, leaves no index stale
        others.push(keeper);
        others.sort_unstable();
        let mut merged: Option<Slot> = None;
        let mut rest = Vec::new();
        for i in others.into_iter().rev() {
            let slot = self.cases.remove(i);
            if i == keeper { merged = Some(slot) } else { rest.push(slot) }
        }
        if let Some(mut merged) = merged {
            for other in rest {
                merged.case.absorb(other.case);
                merged.joined.extend(other.joined);
            }
            self.cases.push(merged);
        }
    }

    /// The cases that changed, each with the indices of the findings that joined it.
    pub(crate) fn changed(self) -> impl Iterator<Item = (Case, Vec<usize>)> {
        self.cases.into_iter().filter(|slot| !slot.joined.is_empty()).map(|slot| (slot.case, slot.joined))
    }
}
