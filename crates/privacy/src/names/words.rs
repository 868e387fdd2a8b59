//! The words of a text, with what is known of each.

use super::Names;
use crate::character::{after, before};

/// What lists a word is in.
pub(crate) mod flag {
    pub(crate) const TITLE: u32 = 1;
    pub(crate) const VERB: u32 = 1 << 1;
    pub(crate) const WEAK_VERB: u32 = 1 << 2;
    pub(crate) const PRONOUN: u32 = 1 << 3;
    pub(crate) const BELONGING: u32 = 1 << 4;
    pub(crate) const PARTICLE: u32 = 1 << 5;
    pub(crate) const ORGANISATION: u32 = 1 << 6;
    pub(crate) const PLACE: u32 = 1 << 7;
    pub(crate) const PLACE_WORD: u32 = 1 << 8;
    pub(crate) const GIVEN: u32 = 1 << 9;
    pub(crate) const GIVEN_AMBIGUOUS: u32 = 1 << 10;
    pub(crate) const NOT_NAME: u32 = 1 << 11;
    /// In a label or an introduction.
    pub(crate) const SAID: u32 = 1 << 12;
    pub(crate) const FAMILY_AMBIGUOUS: u32 = 1 << 13;
    pub(crate) const SUFFIX: u32 = 1 << 14;
    /// Any of these is no name, unless it is a given name as well.
    pub(crate) const NEVER: u32 =
        TITLE | VERB | PRONOUN | BELONGING | ORGANISATION | PLACE | PLACE_WORD | NOT_NAME | SAID | PARTICLE;
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One capital letter.
    Initial,
    /// A capital and small letters, also in parts: `Jean-Pierre`, `O'Brien`, `McKay`.
    Capital,
    /// Capitals only.
    Upper,
    /// No capital.
    Lower,
    /// Anything else: `GitHub`.
    Mixed,
}

/// A word: letters, also with `'` or `-` between them.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) start: usize,
    /// Its end without `'s`.
    pub(crate) end: usize,
    /// Its end with it.
    pub(crate) whole_end: usize,
    /// In small letters, without `'s`.
    pub(crate) lower: String,
    /// In small letters, with it.
    pub(crate) whole_lower: String,
    pub(crate) shape: Shape,
    pub(crate) flags: u32,
    pub(crate) possessive: bool,
    /// Not a part of a path, an address, a name of a program's.
    pub(crate) stands_free: bool,
    pub(crate) first_of_sentence: bool,
    /// Ends as names do not.
    pub(crate) ends_otherwise: bool,
}

impl Word {
    pub(crate) fn is(&self, bits: u32) -> bool {
        self.flags & bits != 0
    }

    /// Whether it could be a part of a name by itself.
    pub(crate) fn is_name(&self) -> bool {
        let never = self.is(flag::NEVER) || self.ends_otherwise || self.is(flag::GIVEN_AMBIGUOUS);
        self.shape == Shape::Capital && self.stands_free && (self.is(flag::GIVEN) || !never)
    }

    /// Whether it goes on with a name after a given name: `Zoe Young`.
    pub(crate) fn is_family_name(&self) -> bool {
        self.shape == Shape::Capital && self.stands_free && self.is(flag::FAMILY_AMBIGUOUS)
    }

    /// Whether it could be if another follows: `Will Smith`.
    pub(crate) fn is_name_before_another(&self) -> bool {
        self.shape == Shape::Capital && self.stands_free && self.is(flag::GIVEN_AMBIGUOUS)
    }
}

impl Names {
    /// The words of a text.
    pub(super) fn words(&self, text: &str) -> Vec<Word> {
        let mut words = Vec::new();
        let mut sentence_begins = true;
        let mut at = 0;
        while let Some((start, end)) = next_word(text, at) {
            let between = &text[at..start];
            sentence_begins |= between.contains(['.', '!', '?', '\n', ':', ';']);
            words.push(self.word(text, start, end, sentence_begins));
            sentence_begins = false;
            at = end;
        }
        words
    }

    fn word(&self, text: &str, start: usize, whole_end: usize, first_of_sentence: bool) -> Word {
        let whole = &text[start..whole_end];
        let bare = ["'s", "’s", "'S", "’S"].iter().find_map(|ending| whole.strip_suffix(ending));
        let bare = bare.filter(|rest| !rest.is_empty()).unwrap_or(whole);
        let end = start + bare.len();
        let lower = bare.to_lowercase();
        let flags = self.flags.get(&lower).copied().unwrap_or(0);
        let previous_bad = before(text, start).is_some_and(|c| c.is_numeric() || "_/@#$\\.<-".contains(c));
        let next = after(text, whole_end);
        let following = next.and_then(|c| after(text, whole_end + c.len_utf8()));
        let next_bad = match next {
            None => false,
            Some('_' | '/' | '@' | '(' | '=' | '\\') => true,
            Some('.' | '-') => following.is_some_and(char::is_alphanumeric),
            Some(':') => following.is_some_and(|c| c == ':' || c == '/'),
            Some(c) => c.is_numeric(),
        };
        // `.` before an initial's word is the initial's own
        let after_initial = before(text, start) == Some('.')
            && text[..start - 1].chars().next_back().is_some_and(char::is_uppercase);
        Word {
            start,
            end,
            whole_end,
            shape: shape_of(bare),
            flags,
            possessive: end != whole_end,
            stands_free: (!previous_bad || after_initial) && !next_bad,
            first_of_sentence,
            ends_otherwise: self.has_ending(&lower),
            whole_lower: whole.to_lowercase(),
            lower,
        }
    }
}

/// The next run of letters from `at` on; `'`, `’` and `-` belong to it between two letters.
fn next_word(text: &str, at: usize) -> Option<(usize, usize)> {
    let start = at + text[at..].find(char::is_alphabetic)?;
    let mut end = start;
    let mut characters = text[start..].char_indices().peekable();
    while let Some((offset, c)) = characters.next() {
        let joins = matches!(c, '\'' | '’' | '-')
            && characters.peek().is_some_and(|(_, following)| following.is_alphabetic());
        if !c.is_alphabetic() && !joins {
            break;
        }
        end = start + offset + c.len_utf8();
    }
    Some((start, end))
}

fn shape_of(word: &str) -> Shape {
    let mut letters = word.chars().filter(|c| c.is_alphabetic());
    let Some(first) = letters.next() else { return Shape::Mixed };
    let rest: Vec<char> = letters.collect();
    let uppers = rest.iter().filter(|c| c.is_uppercase()).count();
    if !first.is_uppercase() {
        return if uppers == 0 { Shape::Lower } else { Shape::Mixed };
    }
    if rest.is_empty() {
        return Shape::Initial;
    }
    if uppers == rest.len() {
        return Shape::Upper;
    }
    // a capital inside is a name's only after a sign that joins, or after Mc and Mac
    let mut earlier = ' ';
    let mut inner = 0;
    for (at, c) in word.char_indices() {
        let scottish = matches!(&word[..at], "Mc" | "Mac");
        if at > 0 && c.is_uppercase() && !matches!(earlier, '\'' | '’' | '-') && !scottish {
            inner += 1;
        }
        earlier = c;
    }
    if inner == 0 { Shape::Capital } else { Shape::Mixed }
}
