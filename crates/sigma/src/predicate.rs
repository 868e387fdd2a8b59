//! A question made ready to be answered about one text, the plain way: for explaining a hit and for single
//! rules. Runs over whole routes go through [`crate::field_index`].

use regex::Regex;

use crate::error::ErrorCode;
use crate::limits::{
    REGEX_DEPTH_MAX, REGEX_PROGRAM_BYTES_MAX, REGEX_PROGRAMS_PER_RULE_BYTES_MAX, REGEX_SIZES_BYTES,
};
use crate::literal;
use crate::lower::{Order, Place, Question, RegexSource};
use crate::modifier::Modifier;
use crate::network::Network;
use crate::pattern::{Glob, Pattern};
use crate::time;
use crate::value::Number;

/// Bytes of the lazily built automaton of one regular expression.
const REGEX_CACHE_BYTES_MAX: usize = 1024 * 1024;

/// A question ready to be answered. Which form of the texts it reads is [`Predicate::reads`].
#[derive(Debug)]
pub(crate) enum Predicate {
    Text(TextPredicate),
    Regex(Regexes),
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
            Question::Text { cased, patterns } => Predicate::Text(TextPredicate::new(*cased, patterns)),
            Question::Regex(sources) => Predicate::Regex(Regexes(
                sources
                    .iter()
                    .map(|source| Ok((regexes.build(source)?, literal::required(source))))
                    .collect::<Result<_, _>>()?,
            )),
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
            Predicate::Regex(regexes) => regexes.iter().any(|(regex, _)| regex.is_match(text)),
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

/// Alternatives, each with groups of literals: one of every group stands (folded) in each text it is found in.
#[derive(Debug)]
pub(crate) struct Regexes(Vec<(Regex, Vec<Vec<String>>)>);

impl Regexes {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Regex, &[Vec<String>])> {
        self.0.iter().map(|(regex, groups)| (regex, groups.as_slice()))
    }
}

/// Alternatives over a text.
#[derive(Debug)]
pub(crate) struct TextPredicate {
    pub(crate) cased: bool,
    /// A pattern with wildcards within it stands beside its compiled form.
    patterns: Vec<(Pattern, Option<Glob>)>,
}

impl TextPredicate {
    fn new(cased: bool, patterns: &[Pattern]) -> Self {
        let glob = |pattern: &Pattern| match pattern {
            Pattern::Glob(tokens) => Some(Glob::new(tokens)),
            _ => None,
        };
        TextPredicate { cased, patterns: patterns.iter().map(|p| (p.clone(), glob(p))).collect() }
    }

    pub(crate) fn patterns(&self) -> impl Iterator<Item = (&Pattern, Option<&Glob>)> {
        self.patterns.iter().map(|(pattern, glob)| (pattern, glob.as_ref()))
    }

    fn is_match(&self, text: &str) -> bool {
        self.patterns().any(|(pattern, glob)| match pattern {
            Pattern::Any => true,
            Pattern::Exact(exact) => text == exact,
            Pattern::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Pattern::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Pattern::Contains(part) => memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some(),
            Pattern::Glob(_) => glob.is_some_and(|glob| glob.is_match(text)),
        })
    }
}
