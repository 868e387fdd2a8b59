//! Which events a partition has seen lately, so that redeliveries are counted and not worked on again.

use foldhash::HashSet;
use model::EventId;
use std::collections::VecDeque;

/// A bounded window over the ids of a partition's latest events, in their order.
///
/// The window is a function of the log: after a restart it is filled again from the records before the
/// worker's position. A redelivery from further back than the window is worked on again; that changes
/// nothing either, because findings have derived ids, but it is counted as stored.
#[derive(Debug)]
pub(crate) struct RecentIds {
    order: VecDeque<EventId>,
    ids: HashSet<EventId>,
    ids_max: usize,
}

impl RecentIds {
    /// An empty window over `ids_max` ids (about 60 bytes each when full).
    pub(crate) fn new(ids_max: usize) -> Self {
        Self { order: VecDeque::new(), ids: HashSet::default(), ids_max: ids_max.max(1) }
    }

    /// Notes an id; false if it is in the window already.
    pub(crate) fn insert(&mut self, id: EventId) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        if self.order.len() == self.ids_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.order.push_back(id);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_forgets_the_oldest() {
        let id = |n: u8| EventId([n; 16]);
        let mut recent = RecentIds::new(2);
        assert!(recent.insert(id(1)) && recent.insert(id(2)));
        assert!(!recent.insert(id(1)), "still in the window");
        assert!(recent.insert(id(3)), "pushes 1 out");
        assert!(recent.insert(id(1)), "forgotten, so new again");
        assert!(!recent.insert(id(3)));
    }
}
