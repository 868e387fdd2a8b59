//! What values satisfied, remembered across events: most values of a field come again and again.
//!
//! **Invariant:** the memo never holds more than its limit in bytes, whatever values a sender chooses. A value is
//! remembered only when it is seen again while its mark is still there, so that values that never come again (ids,
//! times) do not displace those that do. **Invariant:** a look-up costs the hash of the text and a bounded number
//! of probes: values made to collide only fail to be remembered.
//!
//! Two generations stand for an order of use: what is found in the old one moves to the young one; when the young
//! one has taken half of the limit, it becomes the old one, and what was there is forgotten.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use crate::limits::{MEMO_MARKS, MEMO_PROBES_MAX, MEMO_VALUE_BYTES_MAX};

/// Places of a generation's first table.
const TABLE_MIN: usize = 256;

/// What one value of one field leads to, as numbers in [`Memo::list`]: first the rules to try, then the
/// predicates that hold, sorted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    generation: u8,
    pub(crate) from: u32,
    pub(crate) rules: u32,
    pub(crate) predicates: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    hash: u64,
    /// The field, as the caller numbers it; 0 for an empty place.
    field: u32,
    text: u32,
    text_bytes: u32,
    from: u32,
    rules: u32,
    predicates: u32,
}

#[derive(Debug, Default)]
struct Generation {
    table: Vec<Place>,
    used: usize,
    texts: Vec<u8>,
    numbers: Vec<u32>,
    /// Something found no room.
    is_full: bool,
}

#[derive(Debug)]
pub(crate) struct Memo {
    hasher: FixedState,
    generations: [Generation; 2],
    /// Which of the two is young.
    young: u8,
    marks: Vec<u16>,
    bytes_max: usize,
}

impl Memo {
    pub(crate) fn new(seed: u64, bytes_max: usize) -> Self {
        Memo {
            hasher: FixedState::with_seed(seed),
            generations: Default::default(),
            young: 0,
            marks: Vec::new(),
            bytes_max,
        }
    }

    /// Whether a text is worth a look-up; `None` if it is too long to be remembered.
    #[inline]
    pub(crate) fn hash(&self, field: u32, text: &[u8]) -> Option<u64> {
        if text.len() > MEMO_VALUE_BYTES_MAX || self.bytes_max == 0 {
            return None;
        }
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u32(field);
        hasher.write(text);
        Some(hasher.finish())
    }

    /// What is remembered of a value.
    #[inline]
    pub(crate) fn get(&mut self, hash: u64, field: u32, text: &[u8]) -> Option<Found> {
        let young = self.young;
        if let Some(place) = self.generation(young).get(hash, field, text) {
            return Some(place.found(young));
        }
        self.promote(hash, field, text)
    }

    fn generation(&self, at: u8) -> &Generation {
        let [first, second] = &self.generations;
        if at == 0 { first } else { second }
    }

    fn halves(&mut self) -> (&mut Generation, &mut Generation) {
        let [first, second] = &mut self.generations;
        if self.young == 0 { (first, second) } else { (second, first) }
    }

    fn promote(&mut self, hash: u64, field: u32, text: &[u8]) -> Option<Found> {
        let (young_at, bytes_max) = (self.young, self.bytes_max / 2);
        let (young, old) = self.halves();
        let place = old.get(hash, field, text)?;
        let length = (place.rules + place.predicates) as usize;
        let numbers = old.numbers.get(place.from as usize..place.from as usize + length)?;
        match young.insert(&place, text, numbers, bytes_max) {
            Some(kept) => Some(kept.found(young_at)),
            None => Some(place.found(1 - young_at)),
        }
    }

    /// Whether the value was seen before, not long ago; it is marked now.
    pub(crate) fn seen_before(&mut self, hash: u64) -> bool {
        if self.marks.is_empty() {
            self.marks.resize(MEMO_MARKS, 0);
        }
        let (at, tag) = (hash as usize % MEMO_MARKS, (hash >> 48) as u16 | 1);
        let Some(mark) = self.marks.get_mut(at) else { return false };
        std::mem::replace(mark, tag) == tag
    }

    /// Remembers a value, if there is room in the young generation.
    pub(crate) fn insert(&mut self, hash: u64, field: u32, text: &[u8], rules: &[u32], predicates: &[u32]) {
        let bytes_max = self.bytes_max / 2;
        let place = Place {
            hash,
            field,
            rules: rules.len() as u32,
            predicates: predicates.len() as u32,
            ..Place::default()
        };
        let (young, _) = self.halves();
        if young.insert(&place, text, rules, bytes_max).is_some() {
            young.numbers.extend_from_slice(predicates);
        }
    }

    /// Forgets the old generation if the young one is full. Between events only: what [`Self::get`] gave is good
    /// until then.
    #[inline]
    pub(crate) fn turn_if_full(&mut self) {
        if self.generation(self.young).is_full {
            self.turn();
        }
    }

    #[cold]
    fn turn(&mut self) {
        self.young = 1 - self.young;
        let (young, _) = self.halves();
        young.table.fill(Place::default());
        (young.used, young.is_full) = (0, false);
        young.texts.clear();
        young.numbers.clear();
    }

    /// Forgets everything.
    pub(crate) fn forget(&mut self) {
        self.generations = Default::default();
        self.marks.clear();
    }

    /// The rules of what [`Self::get`] found.
    #[inline]
    pub(crate) fn rules(&self, found: Found) -> &[u32] {
        let from = found.from as usize;
        self.generation(found.generation).numbers.get(from..from + found.rules as usize).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn predicates(&self, found: Found) -> &[u32] {
        let from = (found.from + found.rules) as usize;
        let numbers = &self.generation(found.generation).numbers;
        numbers.get(from..from + found.predicates as usize).unwrap_or_default()
    }

    /// Bytes in use.
    pub(crate) fn bytes(&self) -> usize {
        self.generations.iter().map(Generation::bytes).sum()
    }
}

impl Place {
    fn found(&self, generation: u8) -> Found {
        Found { generation, from: self.from, rules: self.rules, predicates: self.predicates }
    }
}

impl Generation {
    fn bytes(&self) -> usize {
        size_of::<Place>() * self.table.len() + self.texts.len() + size_of::<u32>() * self.numbers.len()
    }

    #[inline]
    fn get(&self, hash: u64, field: u32, text: &[u8]) -> Option<Place> {
        let mask = self.table.len().wrapping_sub(1);
        for probe in 0..MEMO_PROBES_MAX {
            let place = self.table.get((hash as usize).wrapping_add(probe) & mask)?;
            if place.field == 0 {
                return None;
            }
            if place.hash == hash && place.field == field {
                let from = place.text as usize;
                if self.texts.get(from..from + place.text_bytes as usize) == Some(text) {
                    return Some(*place);
                }
            }
        }
        None
    }

    /// Puts a copy of the place with its text and numbers here. `None` when there is no room.
    fn insert(&mut self, place: &Place, text: &[u8], numbers: &[u32], bytes_max: usize) -> Option<Place> {
        let more = text.len() + size_of::<u32>() * (place.rules + place.predicates) as usize;
        let wants_growth = self.table.is_empty() || self.used * 2 >= self.table.len();
        let length = if wants_growth { (self.table.len() * 2).max(TABLE_MIN) } else { self.table.len() };
        if self.bytes() + more + size_of::<Place>() * (length - self.table.len()) > bytes_max {
            self.is_full = true;
            return None;
        }
        if wants_growth {
            self.grow(length);
        }
        let free = self.free_place(place.hash)?;
        let kept = Place {
            text: self.texts.len() as u32,
            text_bytes: text.len() as u32,
            from: self.numbers.len() as u32,
            ..*place
        };
        *self.table.get_mut(free)? = kept;
        self.used += 1;
        self.texts.extend_from_slice(text);
        self.numbers.extend_from_slice(numbers);
        Some(kept)
    }

    fn free_place(&self, hash: u64) -> Option<usize> {
        let mask = self.table.len().wrapping_sub(1);
        let mut probes = (0..MEMO_PROBES_MAX).map(|probe| (hash as usize).wrapping_add(probe) & mask);
        probes.find(|at| self.table.get(*at).is_some_and(|place| place.field == 0))
    }

    #[cold]
    fn grow(&mut self, length: usize) {
        let old = std::mem::replace(&mut self.table, vec![Place::default(); length]);
        self.used = 0;
        for place in old.into_iter().filter(|place| place.field != 0) {
            // One that finds no place any more is forgotten.
            if let Some(free) = self.free_place(place.hash).and_then(|at| self.table.get_mut(at)) {
                *free = place;
                self.used += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remember(memo: &mut Memo, field: u32, text: &str, numbers: &[u32]) {
        let hash = memo.hash(field, text.as_bytes()).unwrap();
        memo.insert(hash, field, text.as_bytes(), &[], numbers);
    }

    fn recall(memo: &mut Memo, field: u32, text: &str) -> Option<Vec<u32>> {
        let hash = memo.hash(field, text.as_bytes()).unwrap();
        let found = memo.get(hash, field, text.as_bytes())?;
        Some(memo.predicates(found).to_vec())
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten_within_the_limit() {
        let mut memo = Memo::new(1, 256 * 1024);
        remember(&mut memo, 1, "often", &[3, 4]);
        for number in 0..100_000_u32 {
            memo.turn_if_full();
            remember(&mut memo, 2, &format!("value {number}"), &[number]);
            assert!(memo.bytes() <= 256 * 1024);
            if number % 500 == 0 {
                assert_eq!(recall(&mut memo, 1, "often"), Some(vec![3, 4]), "{number}");
            }
        }
        let last = (99_000..100_000)
            .filter(|n| recall(&mut memo, 2, &format!("value {n}")) == Some(vec![*n]))
            .count();
        assert!(last > 500, "{last} of the last thousand");
        assert_eq!(recall(&mut memo, 3, "often"), None, "another field's");
        assert_eq!(recall(&mut memo, 2, "value 0"), None);
    }

    #[test]
    fn only_what_comes_again_is_marked() {
        let mut memo = Memo::new(7, 1024);
        let hash = memo.hash(1, b"x").unwrap();
        assert!(!memo.seen_before(hash));
        assert!(memo.seen_before(hash));
        assert!(memo.hash(1, &[b'x'; MEMO_VALUE_BYTES_MAX + 1]).is_none());
        assert!(Memo::new(7, 0).hash(1, b"x").is_none());
    }
}
