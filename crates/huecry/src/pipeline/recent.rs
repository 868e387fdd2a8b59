//! Which events a partition has seen lately, so that redeliveries are counted and not worked on again.

use foldhash::HashMap;
use model::{EventId, Offset};
use std::collections::VecDeque;

/// The ids of the latest records of a partition.
///
/// A record is a redelivery if one of the `records_max` records before it has its id. That is a function of
/// the log alone: whoever reads the partition again from any offset, after the ids of as many records before
/// it were noted, judges every record as before. So the lake, which may have to be fed again from further
/// back than the store, gets the same events. A redelivery from further back is worked on again; that changes
/// nothing, because findings have derived ids, but it is counted as stored.
#[derive(Debug)]
pub(crate) struct RecentIds {
    /// Each id with the offset that has it, oldest first.
    order: VecDeque<(EventId, Offset)>,
    /// The latest offset of each id.
    latest: HashMap<EventId, Offset>,
    records_max: u64,
}

impl RecentIds {
    /// An empty window over `records_max` records (about 80 bytes each when full).
    pub(crate) fn new(records_max: u64) -> Self {
        Self { order: VecDeque::new(), latest: HashMap::default(), records_max: records_max.max(1) }
    }

    /// Notes the id of the record at `offset`; false if it is a redelivery. Offsets must not go back.
    pub(crate) fn insert(&mut self, id: EventId, offset: Offset) -> bool {
        while let Some(&(old, at)) = self.order.front()
            && at.0 + self.records_max < offset.0
        {
            self.order.pop_front();
            if self.latest.get(&old) == Some(&at) {
                self.latest.remove(&old);
            }
        }
        self.order.push_back((id, offset));
        self.latest.insert(id, offset).is_none()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.order.clear();
        self.latest.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> EventId {
        EventId([n; 16])
    }

    #[test]
    fn the_window_forgets_what_is_too_far_back() {
        let mut recent = RecentIds::new(2);
        assert!(recent.insert(id(1), Offset(0)) && recent.insert(id(2), Offset(1)));
        assert!(!recent.insert(id(1), Offset(2)), "two records back");
        assert!(recent.insert(id(3), Offset(3)));
        assert!(recent.insert(id(2), Offset(4)), "three records back, so new again");
        assert!(!recent.insert(id(1), Offset(4)), "its redelivery is two records back");
    }

    proptest::proptest! {
        /// Starting anywhere with the window refilled judges as one run from the start does.
        #[test]
        fn a_restart_judges_as_before(ids in proptest::collection::vec(0u8..12, 1..60), start in 0usize..60) {
            let (window, start) = (7u64, start.min(ids.len()));
            let judge = |recent: &mut RecentIds, range: std::ops::Range<usize>| {
                range.map(|at| recent.insert(id(ids[at]), Offset(at as u64))).collect::<Vec<_>>()
            };
            let whole = judge(&mut RecentIds::new(window), 0..ids.len());
            let mut again = RecentIds::new(window);
            judge(&mut again, start.saturating_sub(window as usize)..start);
            proptest::prop_assert_eq!(&judge(&mut again, start..ids.len())[..], &whole[start..]);
            for (at, fresh) in whole.iter().enumerate() {
                let back = ids[at.saturating_sub(window as usize)..at].contains(&ids[at]);
                proptest::prop_assert_eq!(*fresh, !back);
            }
        }
    }
}
