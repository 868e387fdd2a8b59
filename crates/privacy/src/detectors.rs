//! The file of detectors, read and checked.

use crate::check::Check;
use crate::class::{Class, Confidence};
use crate::error::DetectorsError;
use crate::limits::{DETECTORS_MAX, PATTERN_BYTES_MAX};
use crate::pattern;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The detectors that the product comes with.
const SHIPPED: &str = include_str!("../../../content/privacy/detectors.yaml");

/// Everything that decides what is masked. It is data: the browser reads the same as JSON ([`Detectors::to_json`]).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detectors {
    /// The classes and what stands for them in a masked text.
    pub classes: Vec<ClassLabel>,
    /// The detectors, in the order in which they are asked.
    pub detectors: Vec<Detector>,
    /// What is no secret though it stands where one would.
    pub not_secrets: Vec<String>,
    /// Accounts of systems, which are nobody's.
    pub system_accounts: Vec<String>,
    /// Mailboxes that are nobody's, with their `@`.
    pub service_mailboxes: Vec<String>,
    /// Words that names are told by.
    pub names: NameWords,
}

/// A class and the word in its placeholders.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassLabel {
    /// The class.
    pub class: Class,
    /// The word, lower-case ASCII letters: `[label 1]`.
    pub label: String,
    /// What the class holds, in plain words.
    pub what: String,
}

/// One detector.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detector {
    /// Its name, of lower-case letters, digits and `_`.
    pub name: String,
    /// What it finds.
    pub class: Class,
    /// What it finds, in a sentence.
    pub about: String,
    /// It is asked only if the text holds one of these, ASCII case aside. Empty: always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub literals: Vec<String>,
    /// The pattern, in the subset that both readers share; empty for a scanner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pattern: String,
    /// Whether case matters not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ignore_case: bool,
    /// What must not stand right beside the match.
    #[serde(default)]
    pub boundary: Boundary,
    /// A judgement by code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// Words that must stand nearby.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<Context>,
    /// Words that must not stand right before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<Context>,
    /// Code that finds by itself, instead of a pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanner: Option<Scanner>,
    /// Whose class a place has that several found: the highest.
    pub priority: u8,
    /// How sure it is.
    pub confidence: Confidence,
}

/// What must not stand right beside a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// Anything may.
    #[default]
    None,
    /// A letter, a digit or `_` on either side.
    Word,
    /// A letter or a digit before.
    Start,
    /// What would make the number a longer one: a digit, a letter, or `.` `,` `-` and a digit.
    Digits,
    /// The same with `.` alone, so that ranges such as `a-b` have two addresses.
    Dotted,
}

/// Words beside a match.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Lower-case words of ASCII letters.
    pub words: Vec<String>,
    /// Within so many characters.
    pub chars: usize,
    /// The check is told, and decides itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
}

/// Code that finds by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scanner {
    /// People's names: [`crate::names`].
    Names,
}

/// Words that names are told by; the aim of each list is in [`crate::names`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the file explains each list beside it")]
pub struct NameWords {
    pub titles: Vec<String>,
    pub labels: Vec<String>,
    pub introductions: Vec<String>,
    pub weak_introductions: Vec<String>,
    pub verbs: Vec<String>,
    pub weak_verbs: Vec<String>,
    pub pronouns: Vec<String>,
    pub belongings: Vec<String>,
    pub particles: Vec<String>,
    pub organisations: Vec<String>,
    pub places: Vec<String>,
    pub place_words: Vec<String>,
    pub given: Vec<String>,
    pub given_ambiguous: Vec<String>,
    pub family_ambiguous: Vec<String>,
    pub suffixes: Vec<String>,
    pub not_names: Vec<String>,
    pub not_name_endings: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Detectors {
    /// Those that the product comes with.
    ///
    /// # Errors
    /// None as long as the tests pass: they read the same file.
    pub fn shipped() -> Result<Self, DetectorsError> {
        Self::parse(SHIPPED)
    }

    /// Reads a file of detectors.
    ///
    /// # Errors
    /// What is wrong with it, and with which detector.
    pub fn parse(yaml: &str) -> Result<Self, DetectorsError> {
        let detectors: Self =
            serde_saphyr::from_str(yaml).map_err(|error| DetectorsError::Shape(error.to_string()))?;
        detectors.check()?;
        Ok(detectors)
    }

    /// The same as JSON, for the browser; the order of keys is fixed.
    ///
    /// # Errors
    /// None: there is nothing in it that JSON lacks.
    pub fn to_json(&self) -> Result<String, DetectorsError> {
        serde_json::to_string(self).map_err(|error| DetectorsError::Shape(error.to_string()))
    }

    /// The same with some classes left out, for whoever must see them.
    #[must_use]
    pub fn without(mut self, classes: &[Class]) -> Self {
        self.detectors.retain(|detector| !classes.contains(&detector.class));
        self
    }

    fn check(&self) -> Result<(), DetectorsError> {
        let whole = |message: String| Err(DetectorsError::Whole(message));
        if self.detectors.len() > DETECTORS_MAX {
            return whole(format!(
                "{} detectors are more than the {DETECTORS_MAX} allowed",
                self.detectors.len()
            ));
        }
        for class in Class::ALL {
            let labels = self.classes.iter().filter(|label| label.class == class).count();
            if labels != 1 {
                return whole(format!("class `{}` must have one label, not {labels}", class.name()));
            }
        }
        for label in &self.classes {
            let sound = !label.label.is_empty() && label.label.bytes().all(|b| b.is_ascii_lowercase());
            let same = self.classes.iter().filter(|other| other.label == label.label).count();
            if !sound || same != 1 {
                return whole(format!("label `{}` must be lower-case ASCII letters and unique", label.label));
            }
        }
        let mut names = HashSet::new();
        self.detectors.iter().try_for_each(|detector| {
            let reason = if names.insert(detector.name.as_str()) {
                detector.fault()
            } else {
                Some("the name is taken".to_owned())
            };
            reason.map_or(Ok(()), |reason| {
                Err(DetectorsError::Detector { detector: detector.name.clone(), reason })
            })
        })
    }
}

impl Detector {
    fn fault(&self) -> Option<String> {
        let name_is_sound =
            self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if self.name.is_empty() || !name_is_sound {
            return Some("the name must be lower-case letters, digits and _".to_owned());
        }
        if self.scanner.is_some() != self.pattern.is_empty() {
            return Some("either a pattern or a scanner is needed, and not both".to_owned());
        }
        if self.pattern.len() > PATTERN_BYTES_MAX {
            return Some(format!("the pattern is longer than {PATTERN_BYTES_MAX} bytes"));
        }
        let words = self.near.iter().chain(&self.unless).flat_map(|context| &context.words);
        for word in words {
            if word.is_empty() || !word.bytes().all(|b| b.is_ascii_lowercase()) {
                return Some(format!("the word `{word}` must be lower-case ASCII letters"));
            }
        }
        if self.literals.iter().any(String::is_empty) {
            return Some("a literal is empty".to_owned());
        }
        if self.scanner.is_some() { None } else { pattern::fault(&self.pattern) }
    }
}
