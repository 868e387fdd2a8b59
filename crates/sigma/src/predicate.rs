//! A question made ready to be answered over the texts of a field.

use std::collections::HashSet;

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;
use regex::Regex;

use crate::error::ErrorCode;
use crate::limits::{
    REGEX_DEPTH_MAX, REGEX_PROGRAM_BYTES_MAX, REGEX_PROGRAMS_PER_RULE_BYTES_MAX, REGEX_SIZES_BYTES,
};
use crate::lower::{Order, Place, Question, RegexSource};
use crate::modifier::Modifier;
use crate::network::Network;
use crate::pattern::{Glob, Pattern};
use crate::time;
use crate::value::Number;

/// Up to this many texts are compared one by one; more are hashed.
const LINEAR_MAX: usize = 6;
/// Up to this many contained texts are searched one by one; more share an automaton.
const FINDERS_MAX: usize = 3;
/// Bytes of the lazily built automaton of one regular expression.
const REGEX_CACHE_BYTES_MAX: usize = 256 * 1024;

type TextSet = HashSet<Box<[u8]>, foldhash::fast::FixedState>;

/// A question ready to be answered. Which form of the texts it reads is [`Predicate::reads`].
#[derive(Debug)]
pub(crate) enum Predicate {
    Text(TextPredicate),
    Regex(Vec<Regex>),
    Network(Vec<Network>),
    Order(Order, Number),
    Time(Modifier, Order, Number),
    /// The slot of the other field.
    SameAs {
        other: u32,
        place: Place,
        cased: bool,
    },
    Exists,
    Null,
}

/// The form of a field's texts a predicate reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Raw,
    Folded,
}

impl Predicate {
    /// `slot_of` gives the slot of another field.
    pub(crate) fn build(
        question: &Question,
        regexes: &mut RegexBudget,
        slot_of: &mut impl FnMut(&str) -> u32,
    ) -> Result<Predicate, (ErrorCode, String)> {
        let number = |text: &str| {
            let fault = || (ErrorCode::BadValue, format!("`{text}` is no number"));
            Number::parse(text).ok_or_else(fault)
        };
        Ok(match question {
            Question::Text { cased, patterns } => Predicate::Text(TextPredicate::build(*cased, patterns)?),
            Question::Regex(sources) => Predicate::Regex(
                sources.iter().map(|source| regexes.build(source)).collect::<Result<_, _>>()?,
            ),
            Question::Network(networks) => Predicate::Network(networks.clone()),
            Question::Order(order, bound) => Predicate::Order(*order, number(bound)?),
            Question::Time(part, order, bound) => Predicate::Time(*part, *order, number(bound)?),
            Question::SameAs { other, place, cased } => {
                Predicate::SameAs { other: slot_of(other), place: *place, cased: *cased }
            }
            Question::Exists => Predicate::Exists,
            Question::Null => Predicate::Null,
        })
    }

    pub(crate) fn reads(&self) -> Form {
        match self {
            Predicate::Text(text) if !text.cased => Form::Folded,
            Predicate::SameAs { cased: false, .. } => Form::Folded,
            _ => Form::Raw,
        }
    }

    /// Whether one text of the field answers the question. Not for those that ask about more than
    /// a text: `SameAs`, `Exists`, `Null`.
    pub(crate) fn holds_for(&self, text: &str) -> bool {
        match self {
            Predicate::Text(predicate) => predicate.is_match(text),
            Predicate::Regex(regexes) => regexes.iter().any(|regex| regex.is_match(text)),
            Predicate::Network(networks) => networks.iter().any(|network| network.contains(text)),
            Predicate::Order(order, bound) => {
                Number::parse(text).is_some_and(|number| order.holds(number.compare(bound)))
            }
            Predicate::Time(part, order, bound) => {
                time::part_of(text, *part).is_some_and(|n| order.holds(Number::Int(n).compare(bound)))
            }
            Predicate::SameAs { .. } | Predicate::Exists | Predicate::Null => false,
        }
    }
}

impl Place {
    pub(crate) fn holds(self, text: &str, other: &str) -> bool {
        match self {
            Place::Whole => text == other,
            Place::Start => text.starts_with(other),
            Place::End => text.ends_with(other),
            Place::Anywhere => memchr::memmem::find(text.as_bytes(), other.as_bytes()).is_some(),
        }
    }
}

/// What the regular expressions of one rule may still take.
#[derive(Debug)]
pub(crate) struct RegexBudget {
    bytes_left: usize,
}

impl RegexBudget {
    pub(crate) fn of_one_rule() -> Self {
        RegexBudget { bytes_left: REGEX_PROGRAMS_PER_RULE_BYTES_MAX }
    }

    fn build(&mut self, source: &RegexSource) -> Result<Regex, (ErrorCode, String)> {
        for bytes_max in REGEX_SIZES_BYTES {
            if bytes_max > self.bytes_left {
                let reason = format!(
                    "the rule's regular expressions compile to more than {REGEX_PROGRAMS_PER_RULE_BYTES_MAX} bytes"
                );
                return Err((ErrorCode::LimitExceeded, reason));
            }
            match build_regex(source, bytes_max) {
                Ok(regex) => {
                    self.bytes_left -= bytes_max;
                    return Ok(regex);
                }
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(error) => {
                    let text = error.to_string();
                    let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    let reason = format!("regular expression `{}`: {last}", source.pattern);
                    return Err((ErrorCode::BadRegex, reason));
                }
            }
        }
        let reason = format!("a regular expression compiles to more than {REGEX_PROGRAM_BYTES_MAX} bytes");
        Err((ErrorCode::LimitExceeded, reason))
    }
}

fn build_regex(source: &RegexSource, bytes_max: usize) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(&source.pattern)
        .case_insensitive(source.ignore_case)
        .multi_line(source.multi_line)
        .dot_matches_new_line(source.dot_all)
        .size_limit(bytes_max)
        .dfa_size_limit(REGEX_CACHE_BYTES_MAX)
        .nest_limit(REGEX_DEPTH_MAX)
        .build()
}

/// Alternatives over a text, each kind in the structure that answers it fastest.
#[derive(Debug)]
pub(crate) struct TextPredicate {
    cased: bool,
    /// `*`: any text at all.
    any: bool,
    exact: Exact,
    prefixes: Affixes,
    suffixes: Affixes,
    contains: Contains,
    globs: Vec<Glob>,
}

#[derive(Debug)]
enum Exact {
    Few(Vec<Box<[u8]>>),
    Many(TextSet),
}

#[derive(Debug)]
enum Affixes {
    Few(Vec<Box<[u8]>>),
    /// By length: the slice of that length is looked up.
    Many(Vec<(usize, TextSet)>),
}

#[derive(Debug)]
enum Contains {
    Few(Vec<Finder<'static>>),
    Many(AhoCorasick),
}

impl TextPredicate {
    fn build(cased: bool, patterns: &[Pattern]) -> Result<Self, (ErrorCode, String)> {
        let (mut exact, mut prefixes, mut suffixes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut contains, mut globs, mut any) = (Vec::new(), Vec::new(), false);
        let bytes = |text: &String| -> Box<[u8]> { text.as_bytes().into() };
        for pattern in patterns {
            match pattern {
                Pattern::Any => any = true,
                Pattern::Exact(text) => exact.push(bytes(text)),
                Pattern::Prefix(text) => prefixes.push(bytes(text)),
                Pattern::Suffix(text) => suffixes.push(bytes(text)),
                Pattern::Contains(text) => contains.push(bytes(text)),
                Pattern::Glob(tokens) => globs.push(Glob::new(tokens)),
            }
        }
        Ok(TextPredicate {
            cased,
            any,
            exact: if exact.len() > LINEAR_MAX {
                Exact::Many(exact.into_iter().collect())
            } else {
                Exact::Few(exact)
            },
            prefixes: Affixes::build(prefixes),
            suffixes: Affixes::build(suffixes),
            contains: Contains::build(contains)?,
            globs,
        })
    }

    fn is_match(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        self.any
            || match &self.exact {
                Exact::Few(texts) => texts.iter().any(|exact| **exact == *bytes),
                Exact::Many(set) => set.contains(bytes),
            }
            || self.prefixes.any(|length| bytes.get(..length))
            || self.suffixes.any(|length| bytes.len().checked_sub(length).and_then(|at| bytes.get(at..)))
            || match &self.contains {
                Contains::Few(finders) => finders.iter().any(|finder| finder.find(bytes).is_some()),
                Contains::Many(automaton) => automaton.is_match(bytes),
            }
            || self.globs.iter().any(|glob| glob.is_match(text))
    }
}

impl Affixes {
    fn build(texts: Vec<Box<[u8]>>) -> Self {
        if texts.len() <= LINEAR_MAX {
            return Affixes::Few(texts);
        }
        let mut by_length: Vec<(usize, TextSet)> = Vec::new();
        for text in texts {
            let length = text.len();
            match by_length.iter_mut().find(|(known, _)| *known == length) {
                Some((_, set)) => drop(set.insert(text)),
                None => by_length.push((length, std::iter::once(text).collect())),
            }
        }
        Affixes::Many(by_length)
    }

    /// `end` gives the end of the text of that length, where the text is long enough.
    fn any<'t>(&self, end: impl Fn(usize) -> Option<&'t [u8]>) -> bool {
        match self {
            Affixes::Few(texts) => texts.iter().any(|affix| end(affix.len()) == Some(affix)),
            Affixes::Many(by_length) => {
                by_length.iter().any(|(length, set)| end(*length).is_some_and(|part| set.contains(part)))
            }
        }
    }
}

impl Contains {
    fn build(texts: Vec<Box<[u8]>>) -> Result<Self, (ErrorCode, String)> {
        if texts.len() <= FINDERS_MAX {
            return Ok(Contains::Few(texts.iter().map(|text| Finder::new(text).into_owned()).collect()));
        }
        AhoCorasick::new(&texts).map(Contains::Many).map_err(|error| {
            (ErrorCode::LimitExceeded, format!("the list of contained values is too large: {error}"))
        })
    }
}
