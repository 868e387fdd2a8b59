//! The states that the catalogue was in, so that an event is told what was true when it happened.

use crate::catalog::Catalog;
use crate::limits::GENERATIONS_MAX;
use std::sync::Arc;

/// States of the catalogue, oldest first; at most [`GENERATIONS_MAX`].
#[derive(Debug, Clone, Default)]
pub struct History {
    generations: Vec<Arc<Catalog>>,
}

impl History {
    /// Adds a state. States that begin when it does or later are replaced: it corrects them.
    pub fn push(&mut self, catalog: Catalog) {
        self.generations.retain(|known| known.valid_from_ms() < catalog.valid_from_ms());
        self.generations.push(Arc::new(catalog));
        let surplus = self.generations.len().saturating_sub(GENERATIONS_MAX);
        self.generations.drain(..surplus);
    }

    /// The state at a time, and whether the time is before all that is known (the oldest is given then).
    pub fn at(&self, time_ms: i64) -> Option<(&Catalog, bool)> {
        let after = self.generations.partition_point(|known| known.valid_from_ms() <= time_ms);
        let at = self.generations.get(after.saturating_sub(1))?;
        Some((at, after == 0))
    }

    /// The newest state.
    pub fn newest(&self) -> Option<&Catalog> {
        self.generations.last().map(|newest| &**newest)
    }

    /// How many states are kept.
    pub fn len(&self) -> usize {
        self.generations.len()
    }

    /// Whether no state is known.
    pub fn is_empty(&self) -> bool {
        self.generations.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(valid_from_ms: i64) -> Catalog {
        Catalog { valid_from_ms, ..Catalog::default() }
    }

    fn starts(history: &History) -> Vec<i64> {
        history.generations.iter().map(|known| known.valid_from_ms()).collect()
    }

    #[test]
    fn a_time_finds_the_state_it_was_in() {
        let mut history = History::default();
        assert!(history.at(5).is_none());
        [10, 20, 30].into_iter().for_each(|from| history.push(catalog(from)));
        let cases = [(5, 10, true), (10, 10, false), (19, 10, false), (20, 20, false), (99, 30, false)];
        for (time, from, before) in cases {
            let found = history.at(time).map(|(known, before)| (known.valid_from_ms(), before));
            assert_eq!(found, Some((from, before)), "{time}");
        }
    }

    #[test]
    fn a_correction_replaces_what_it_corrects() {
        let mut history = History::default();
        [10, 20, 30, 20].into_iter().for_each(|from| history.push(catalog(from)));
        assert_eq!(starts(&history), [10, 20]);
    }

    #[test]
    fn the_oldest_states_are_forgotten() {
        let mut history = History::default();
        (0..100).for_each(|from| history.push(catalog(from)));
        assert_eq!(history.len(), GENERATIONS_MAX);
        assert_eq!(starts(&history).first(), Some(&(100 - GENERATIONS_MAX as i64)));
    }
}
