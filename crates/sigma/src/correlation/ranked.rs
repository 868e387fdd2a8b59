//! Numbers in order, of which any can be put in, taken out, and asked for by its rank, without moving all of them.

use super::threshold::Micro;

/// Numbers that one run holds at most. A window of 262,144 numbers is some hundred runs: putting one in moves at most
/// this many and looks at as many runs, where a single sorted list would move all.
const RUN_NUMBERS_MAX: usize = 1_024;

/// Sorted numbers, with repetitions, in runs of bounded length (the leaves of a B+ tree, without the tree above them).
#[derive(Clone, Debug, Default)]
pub(crate) struct RankedNumbers {
    /// None is empty; each is sorted, and not less than the one before. Two neighbours have more than half a run.
    runs: Vec<Vec<Micro>>,
    len: usize,
}

impl RankedNumbers {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts a number in.
    pub(crate) fn insert(&mut self, number: Micro) {
        self.len += 1;
        // the first run that ends with the number or past it; past all, the last
        let at = self.run_of(number).min(self.runs.len().saturating_sub(1));
        let Some(run) = self.runs.get_mut(at) else {
            self.runs.push(vec![number]);
            return;
        };
        run.insert(run.partition_point(|known| *known <= number), number);
        if run.len() > RUN_NUMBERS_MAX {
            let rest = run.split_off(run.len() / 2);
            self.runs.insert(at + 1, rest);
        }
    }

    /// Takes one such number out, if there is one.
    pub(crate) fn remove(&mut self, number: Micro) {
        let at = self.run_of(number);
        let Some(run) = self.runs.get_mut(at) else { return };
        let Ok(place) = run.binary_search(&number) else { return };
        run.remove(place);
        self.len -= 1;
        // runs stay few, whatever is taken out
        let before = at.saturating_sub(1);
        if !self.merge(at) && before != at {
            self.merge(before);
        }
        if self.runs.get(at).is_some_and(Vec::is_empty) {
            self.runs.remove(at);
        }
    }

    /// Joins a run with the next, where both are half a run.
    fn merge(&mut self, at: usize) -> bool {
        let [Some(one), Some(next)] = [self.runs.get(at), self.runs.get(at + 1)] else { return false };
        let are_few = one.len() + next.len() <= RUN_NUMBERS_MAX / 2;
        if are_few {
            let next = self.runs.remove(at + 1);
            if let Some(one) = self.runs.get_mut(at) {
                one.extend(next);
            }
        }
        are_few
    }

    /// The number at a rank, from 0.
    pub(crate) fn get(&self, rank: usize) -> Option<Micro> {
        let mut left = rank;
        for run in &self.runs {
            match left.checked_sub(run.len()) {
                Some(rest) => left = rest,
                None => return run.get(left).copied(),
            }
        }
        None
    }

    /// The first run whose last number is not less.
    fn run_of(&self, number: Micro) -> usize {
        self.runs.partition_point(|run| run.last().is_none_or(|last| *last < number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::WINDOW_ENTRIES_MAX;
    use proptest::prelude::*;

    fn check(numbers: &RankedNumbers, model: &[Micro]) {
        assert_eq!(numbers.len(), model.len());
        for rank in [0, 1, model.len() / 3, model.len() / 2, model.len().saturating_sub(1), model.len()] {
            assert_eq!(numbers.get(rank), model.get(rank).copied(), "rank {rank} of {}", model.len());
        }
        let longest = numbers.runs.iter().map(Vec::len).max().unwrap_or(0);
        assert!(longest <= RUN_NUMBERS_MAX, "{longest}");
        let most = 4 * model.len() / RUN_NUMBERS_MAX + 2;
        assert!(numbers.runs.len() <= most, "{} runs of {} numbers", numbers.runs.len(), model.len());
        assert!(numbers.runs.iter().all(|run| !run.is_empty()));
    }

    /// What one number costs is bounded by the length of a run and their number.
    #[test]
    fn a_full_window_is_some_hundred_runs() {
        let mut numbers = RankedNumbers::default();
        let scattered = |n: usize| Micro((n as i128).wrapping_mul(7_919) % 100_003);
        for n in 0..WINDOW_ENTRIES_MAX {
            numbers.insert(scattered(n));
        }
        let mut model: Vec<Micro> = (0..WINDOW_ENTRIES_MAX).map(scattered).collect();
        model.sort_unstable();
        check(&numbers, &model);
        // all but a few leave, as when a flood is over
        for n in 0..WINDOW_ENTRIES_MAX - 10 {
            numbers.remove(scattered(n));
        }
        let mut model: Vec<Micro> = (WINDOW_ENTRIES_MAX - 10..WINDOW_ENTRIES_MAX).map(scattered).collect();
        model.sort_unstable();
        check(&numbers, &model);
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_list(
            steps in prop::collection::vec((any::<bool>(), 0..40_i128), 0..300),
            begin in 0..3_000_usize,
        ) {
            let mut numbers = RankedNumbers::default();
            let mut model: Vec<Micro> = Vec::new();
            let begun = (0..begin).map(|n| (true, (n as i128) % 37));
            for (adds, number) in begun.chain(steps) {
                let number = Micro(number);
                if adds {
                    numbers.insert(number);
                    model.insert(model.partition_point(|known| *known <= number), number);
                } else {
                    numbers.remove(number);
                    if let Ok(at) = model.binary_search(&number) {
                        model.remove(at);
                    }
                }
            }
            check(&numbers, &model);
        }
    }
}
