//! Words beside a place.

use crate::character::{after, before};
use foldhash::HashSet;

/// Words to look for beside a place, and how far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nearby {
    words: HashSet<String>,
    chars: usize,
}

impl Nearby {
    pub(crate) fn new(words: &[String], chars: usize) -> Self {
        Self { words: words.iter().cloned().collect(), chars }
    }

    /// Whether one of the words stands, whole, within the characters before `at`.
    pub(crate) fn before(&self, text: &str, at: usize) -> bool {
        let start = back(text, at, self.chars);
        self.holds(text, start, at)
    }

    /// The same within the characters from `at` on.
    pub(crate) fn after(&self, text: &str, at: usize) -> bool {
        let end = forth(text, at, self.chars);
        self.holds(text, at, end)
    }

    /// Words are runs of ASCII letters that stand whole inside `start..end`: one that the window cuts does not count.
    fn holds(&self, text: &str, start: usize, end: usize) -> bool {
        let window = &text[start..end];
        let mut word_start = None;
        let letters = window.bytes().enumerate().map(|(at, byte)| (at, byte.is_ascii_alphabetic()));
        for (at, letter) in letters.chain(std::iter::once((window.len(), false))) {
            match (word_start, letter) {
                (None, true) => word_start = Some(at),
                (Some(first), false) => {
                    word_start = None;
                    let cut_before =
                        first == 0 && before(text, start).is_some_and(|c| c.is_ascii_alphabetic());
                    let cut_after =
                        at == window.len() && after(text, end).is_some_and(|c| c.is_ascii_alphabetic());
                    let word = window[first..at].to_ascii_lowercase();
                    if !cut_before && !cut_after && self.words.contains(&word) {
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }
}

/// `chars` characters before `at`, or the beginning.
pub(crate) fn back(text: &str, at: usize, chars: usize) -> usize {
    text[..at].char_indices().rev().take(chars).last().map_or(at, |(start, _)| start)
}

/// `chars` characters from `at` on, or the end.
pub(crate) fn forth(text: &str, at: usize, chars: usize) -> usize {
    text[at..].char_indices().nth(chars).map_or(text.len(), |(end, _)| at + end)
}
