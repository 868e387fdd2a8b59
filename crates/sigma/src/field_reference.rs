//! Values of one field compared with those of another (`fieldref`).
//!
//! Few are compared pair by pair. A sender chooses how many there are, and two arrays of a hundred thousand values make
//! ten thousand million pairs; past [`REFERENCE_PAIRS_MAX`] the other field's texts are put in an order in which one
//! look-up answers for all of them.

use std::collections::HashSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use foldhash::fast::FixedState;

use crate::limits::REFERENCE_PAIRS_MAX;
use crate::lower::Place;

/// The texts of the other field.
pub(crate) enum Others<'t> {
    /// To be compared one by one.
    Few { place: Place, texts: Vec<&'t str> },
    /// Equal to one.
    Equal(HashSet<&'t str, FixedState>),
    /// Begins with one. Sorted, and none begins with another: the one that a text begins with is then the last that is
    /// not greater than the text, since whatever stands between would begin with it too.
    Begins(Vec<&'t str>),
    /// Ends with one: the same for texts read from the end.
    Ends(Vec<Vec<u8>>),
    /// Has one anywhere.
    Holds(AhoCorasick),
}

impl<'t> Others<'t> {
    /// The texts of the other field, prepared for being compared with `count` texts.
    pub(crate) fn new(place: Place, texts: Vec<&'t str>, count: usize) -> Self {
        if texts.len().saturating_mul(count) <= REFERENCE_PAIRS_MAX {
            return Others::Few { place, texts };
        }
        match place {
            Place::Whole => Others::Equal(texts.into_iter().collect()),
            Place::Start => Others::Begins(without_longer(texts, |longer, text| longer.starts_with(text))),
            Place::End => {
                let reversed = texts.iter().map(|text| text.bytes().rev().collect()).collect();
                Others::Ends(without_longer(reversed, |longer: &Vec<u8>, text| longer.starts_with(text)))
            }
            Place::Anywhere => {
                let mut builder = AhoCorasick::builder();
                let automaton = builder.kind(Some(AhoCorasickKind::NoncontiguousNFA)).build(&texts);
                // it is refused for texts beyond 2 GiB only, which no record has
                automaton.map_or(Others::Few { place, texts }, Others::Holds)
            }
        }
    }

    /// Whether the text stands so to one of them.
    pub(crate) fn any_for(&self, text: &str) -> bool {
        match self {
            Others::Few { place, texts } => texts.iter().any(|other| place.holds(text, other)),
            Others::Equal(texts) => texts.contains(text),
            Others::Begins(texts) => {
                let after = texts.partition_point(|other| *other <= text);
                after.checked_sub(1).and_then(|at| texts.get(at)).is_some_and(|other| text.starts_with(other))
            }
            Others::Ends(texts) => {
                let text: Vec<u8> = text.bytes().rev().collect();
                let after = texts.partition_point(|other| *other <= text);
                after.checked_sub(1).and_then(|at| texts.get(at)).is_some_and(|other| text.starts_with(other))
            }
            Others::Holds(automaton) => automaton.is_match(text),
        }
    }

    /// Texts that [`Self::any_for`] may look at for one text.
    #[cfg(test)]
    fn looks(&self) -> usize {
        match self {
            Others::Few { texts, .. } => texts.len(),
            Others::Begins(texts) => texts.len().checked_ilog2().unwrap_or(0) as usize + 2,
            Others::Ends(texts) => texts.len().checked_ilog2().unwrap_or(0) as usize + 2,
            Others::Equal(_) | Others::Holds(_) => 1,
        }
    }
}

/// Sorted, without those that `begins` with another: whatever such a one answers, the other answers too.
fn without_longer<T: Ord>(mut texts: Vec<T>, begins: impl Fn(&T, &T) -> bool) -> Vec<T> {
    texts.sort_unstable();
    let mut kept: Vec<T> = Vec::with_capacity(texts.len());
    for text in texts {
        if kept.last().is_none_or(|last| !begins(&text, last)) {
            kept.push(text);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLACES: [Place; 4] = [Place::Whole, Place::Start, Place::End, Place::Anywhere];

    #[test]
    fn many_texts_are_not_compared_pair_by_pair() {
        let texts: Vec<String> = (0..2_000).map(|n| format!("value {n}")).collect();
        for place in PLACES {
            let others = Others::new(place, texts.iter().map(String::as_str).collect(), texts.len());
            assert!(others.looks() <= 16, "{place:?}: {} looks for each text", others.looks());
            for (text, expected) in [("value 77", true), ("Value 77", false), ("", false)] {
                assert_eq!(others.any_for(text), expected, "{place:?} {text}");
            }
        }
        let few = Others::new(Place::Whole, vec!["a", "b"], REFERENCE_PAIRS_MAX / 2);
        assert!(matches!(few, Others::Few { .. }), "what is usual allocates no index");
    }

    proptest! {
        #[test]
        fn an_index_answers_as_pairs_do(
            texts in prop::collection::vec("[abé]{0,4}", 0..12),
            asked in prop::collection::vec("[abé]{0,6}", 1..12),
        ) {
            for place in PLACES {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let few = Others::Few { place, texts: texts.clone() };
                let many = Others::new(place, texts, usize::MAX);
                for text in &asked {
                    prop_assert_eq!(few.any_for(text), many.any_for(text), "{:?} {:?}", place, text);
                }
            }
        }
    }
}
