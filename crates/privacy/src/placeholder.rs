//! Placeholders: what stands where something was masked, such as `[email 1]`.

use crate::class::Class;
use crate::detectors::Detectors;
use crate::limits::NUMBERED_VALUES_MAX;
use std::collections::HashMap;

/// The most digits of a placeholder's number; longer ones are text.
const DIGITS_MAX: usize = 6;

/// The highest number in a text that others go on after. Past it there might be too few of [`DIGITS_MAX`] digits left: a
/// text of the longest length holds fewer values than that leaves.
const NUMBER_TAKEN_MAX: u32 = 800_000;

/// The highest number that is given: past it a placeholder would be text. Only a stream can come so far; what is beyond
/// shares it.
const NUMBER_MAX: u32 = 999_999;

/// Labels by class.
#[derive(Debug, Clone)]
pub(crate) struct Placeholders {
    labels: Vec<(Class, String)>,
}

/// A placeholder in a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) class: Class,
    pub(crate) number: u32,
}

impl Placeholders {
    pub(crate) fn new(detectors: &Detectors) -> Self {
        let label = |label: &crate::detectors::ClassLabel| (label.class, label.label.clone());
        Self { labels: detectors.classes.iter().map(label).collect() }
    }

    /// Every placeholder in `text`.
    pub(crate) fn in_text<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Found> + 'a {
        text.match_indices('[').filter_map(|(start, _)| self.at(text, start))
    }

    /// The placeholder that begins at `start`, where a `[` stands.
    fn at(&self, text: &str, start: usize) -> Option<Found> {
        let inside = &text[start + 1..];
        self.labels.iter().find_map(|(class, label)| {
            let rest = inside.strip_prefix(label.as_str())?.strip_prefix(' ')?;
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 || digits > DIGITS_MAX || !rest[digits..].starts_with(']') {
                return None;
            }
            let number = rest[..digits].parse().ok()?;
            let end = start + 1 + label.len() + 1 + digits + 1;
            Some(Found { start, end, class: *class, number })
        })
    }

    pub(crate) fn label(&self, class: Class) -> &str {
        self.labels.iter().find(|(known, _)| *known == class).map_or(class.name(), |(_, label)| label)
    }
}

/// Gives values their numbers: the same value the same number, counted by class in the order of the text, and going on
/// after those that stand there already.
#[derive(Debug)]
pub(crate) struct Numbers {
    last: HashMap<Class, u32>,
    given: HashMap<(Class, String), u32>,
}

impl Numbers {
    pub(crate) fn after(taken: impl Iterator<Item = Found>) -> Self {
        let mut numbers = Self { last: HashMap::new(), given: HashMap::new() };
        numbers.go_on_after(taken);
        numbers
    }

    /// From now on no number is given that one of these has.
    pub(crate) fn go_on_after(&mut self, taken: impl Iterator<Item = Found>) {
        for found in taken.filter(|found| found.number <= NUMBER_TAKEN_MAX) {
            let highest = self.last.entry(found.class).or_insert(0);
            *highest = found.number.max(*highest);
        }
    }

    pub(crate) fn of(&mut self, class: Class, value: &str) -> u32 {
        let key = (class, same_value(class, value));
        if let Some(number) = self.given.get(&key) {
            return *number;
        }
        let last = self.last.entry(class).or_insert(0);
        *last = (*last + 1).min(NUMBER_MAX);
        let number = *last;
        // a value that is not remembered gets another number the next time
        if self.given.len() < NUMBERED_VALUES_MAX {
            self.given.insert(key, number);
        }
        number
    }
}

/// What two mentions of one value have in common. Only where punctuation is no part of a value is it left out: the dots of
/// an address tell one from another.
fn same_value(class: Class, value: &str) -> String {
    match class {
        Class::Token | Class::PrivateKey | Class::Password => value.to_owned(),
        Class::Phone | Class::Card | Class::Iban | Class::NationalId => {
            value.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
        }
        Class::Ip => value.to_lowercase().replace("[.]", ".").replace("(.)", "."),
        Class::Email | Class::Username => value.to_lowercase(),
        Class::Person => {
            let words = value.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
            words.collect::<Vec<_>>().join(" ").to_lowercase()
        }
    }
}
