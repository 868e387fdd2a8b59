//! Runs of words that could be a name.

use super::words::{Shape, Word, flag};
use crate::class::Confidence;

/// The most words of a name.
const WORDS_MAX: usize = 6;

/// One to six words that could be a name.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// How many of its words are neither initials nor particles.
    pub(crate) names: usize,
    pub(crate) initials: bool,
    pub(crate) possessive: bool,
    /// Whether it is a name, once that is judged.
    pub(crate) confidence: Option<Confidence>,
}

impl Run {
    pub(crate) fn of_words(
        words: &[Word],
        first: usize,
        last: usize,
        confidence: Option<Confidence>,
    ) -> Self {
        let part = &words[first..=last];
        let initials = part.iter().filter(|word| word.shape == Shape::Initial).count();
        let particles =
            part.iter().filter(|word| word.shape == Shape::Lower && word.is(flag::PARTICLE)).count();
        Self {
            first,
            last,
            start: words[first].start,
            end: words[last].end,
            names: part.len() - initials - particles,
            initials: initials > 0,
            possessive: words[last].possessive,
            confidence,
        }
    }

    /// Whether a list of names may take it in.
    pub(crate) fn may_be_listed(&self) -> bool {
        self.confidence.is_none() && self.names == 1
    }
}

/// The runs of a text, in order and apart.
pub(crate) fn of(text: &str, words: &[Word]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match run_from(text, words, at) {
            Some(last) => {
                let mut run = Run::of_words(words, at, last, None);
                if let Some(suffix) = suffix_after(text, words, last) {
                    run.end = words[suffix].end;
                }
                runs.push(run);
                at = last + 1;
            }
            None => at += 1,
        }
    }
    runs
}

/// The last word of the run that begins with word `first`.
fn run_from(text: &str, words: &[Word], first: usize) -> Option<usize> {
    let follows = |at: usize| words.get(at).is_some_and(Word::is_name);
    let begin = &words[first];
    let initial = begin.shape == Shape::Initial
        && begin.stands_free_as_initial(text)
        && words.get(first + 1).is_some_and(|next| text[begin.end..next.start].starts_with('.'));
    let begins = begin.is_name()
        || (begin.is_name_before_another() && follows(first + 1) && joined(text, words, first))
        || (initial && next_after(text, words, first).is_some());
    if !begins {
        return None;
    }
    let mut last = first;
    while last + 1 - first < WORDS_MAX && !words[last].possessive {
        match next_after(text, words, last) {
            Some(next) if next + 1 - first <= WORDS_MAX => last = next,
            _ => break,
        }
    }
    Some(last)
}

/// The word that goes on with the run after word `last`: the next, or one past initials and particles.
fn next_after(text: &str, words: &[Word], last: usize) -> Option<usize> {
    let mut at = last;
    for _ in 0..3 {
        if !joined(text, words, at) {
            return None;
        }
        at += 1;
        let word = &words[at];
        let after_given = at == last + 1 && words[last].is(flag::GIVEN | flag::GIVEN_AMBIGUOUS);
        if word.is_name() || (after_given && word.is_family_name()) {
            return Some(at);
        }
        let particle = word.shape == Shape::Lower && word.is(flag::PARTICLE);
        let initial = word.shape == Shape::Initial;
        if word.possessive || !(particle || initial) {
            return None;
        }
    }
    None
}

/// The word after word `last` that belongs to the name before it, such as `MD`.
fn suffix_after(text: &str, words: &[Word], last: usize) -> Option<usize> {
    let next = words.get(last + 1).filter(|word| word.is(flag::SUFFIX) && word.shape != Shape::Lower)?;
    let gap = &text[words[last].whole_end..next.start];
    (!words[last].possessive && matches!(gap, " " | ", ")).then_some(last + 1)
}

/// Whether only a space stands between word `at` and the next, or an initial's dot.
fn joined(text: &str, words: &[Word], at: usize) -> bool {
    let Some(next) = words.get(at + 1) else { return false };
    let gap = &text[words[at].whole_end..next.start];
    gap == " " || (words[at].shape == Shape::Initial && matches!(gap, ". " | "."))
}

impl Word {
    /// Whether a word of one letter is an initial, rather than the end of an abbreviation or an address.
    fn stands_free_as_initial(&self, text: &str) -> bool {
        let earlier = text[..self.start].chars().next_back();
        earlier.is_none_or(|c| !c.is_alphanumeric() && !"_/@#$\\-".contains(c))
    }
}
