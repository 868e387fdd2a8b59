//! A form as the API shows it, as far as questions need it.

use super::DraftError;
use serde::Deserialize;

/// A form: what is asked, and in which order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AskedForm {
    /// Its name, such as `leaked-secret`.
    #[serde(rename = "type")]
    pub form_type: String,
    /// What people call it.
    #[serde(default)]
    pub title: String,
    /// When to take it.
    #[serde(default)]
    pub description: String,
    /// What must not be written into it.
    #[serde(default)]
    pub warning: String,
    /// Matters that do not belong into it.
    #[serde(default)]
    pub forbidden: Vec<Matter>,
    /// Its fields.
    pub fields: Vec<AskedField>,
}

/// A matter that does not belong into reports of a form.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Matter {
    /// What the reporter is told.
    pub message: String,
    /// Lower-case words or phrases it is told by.
    pub words: Vec<String>,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AskedField {
    /// Its name.
    pub name: String,
    /// What stands beside it.
    #[serde(default)]
    pub label: String,
    /// How it is asked: `text`, `textarea`, `choice`, `service`, `commit`, `url`, `time`, `list`; others as `text`.
    pub kind: String,
    /// Whether a report without it is refused.
    #[serde(default)]
    pub required: bool,
    /// A sentence about it.
    pub help: Option<String>,
    /// The answers to choose from.
    pub choices: Option<Vec<String>>,
    /// Longest answer, in characters.
    pub max_chars: Option<u64>,
    /// Most answers of a list.
    pub max_items: Option<u64>,
    /// What it is filled with, unasked: a key of the context, or `now`.
    pub prefill: Option<String>,
}

impl AskedForm {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&AskedField> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// What the reporter is told of matters that a text seems to touch and that do not belong into it; nothing is refused for
    /// it. Words are compared as the server compares them.
    pub fn warnings(&self, text: &str) -> Vec<&str> {
        let words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric() && c != '\'')
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let holds = |phrase: &String| {
            let phrase: Vec<&str> = phrase.split(' ').collect();
            words.windows(phrase.len()).any(|window| window.iter().eq(phrase.iter()))
        };
        let touched = self.forbidden.iter().filter(|matter| matter.words.iter().any(holds));
        touched.map(|matter| matter.message.as_str()).collect()
    }

    pub(super) fn unknown(&self, name: &str) -> DraftError {
        let names: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
        DraftError::UnknownField {
            form: self.form_type.clone(),
            name: name.to_owned(),
            suggestion: nearest(name, &names),
            known: names.join(", "),
        }
    }

    /// The form of that name among others.
    ///
    /// # Errors
    /// There is none; the nearest name is told.
    pub fn find<'a>(forms: &'a [Self], name: &str) -> Result<&'a Self, DraftError> {
        forms.iter().find(|form| form.form_type == name).ok_or_else(|| {
            let names: Vec<&str> = forms.iter().map(|form| form.form_type.as_str()).collect();
            DraftError::UnknownForm {
                name: name.to_owned(),
                suggestion: nearest(name, &names),
                known: names.join(", "),
            }
        })
    }
}

impl AskedField {
    /// Whether its answers are names out of a list, commits or times, which nothing personal is in.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.kind.as_str(), "choice" | "service" | "commit" | "time")
    }

    /// The choice that is meant: as it is written, in any case, or by an unmistakable beginning.
    pub(super) fn choice(&self, answer: &str) -> Result<String, DraftError> {
        let choices = self.choices.as_deref().unwrap_or_default();
        let lower = answer.to_lowercase();
        let whole = choices.iter().find(|choice| choice.to_lowercase() == lower);
        let mut begun =
            choices.iter().filter(|choice| !lower.is_empty() && choice.to_lowercase().starts_with(&lower));
        let only = begun.next().filter(|_| begun.next().is_none());
        whole.or(only).cloned().ok_or_else(|| DraftError::NoChoice {
            field: self.name.clone(),
            answer: answer.to_owned(),
            choices: choices.join(", "),
        })
    }

    pub(super) fn check_length(&self, answer: &str) -> Result<(), DraftError> {
        let chars = answer.chars().count() as u64;
        match self.max_chars {
            Some(chars_max) if chars > chars_max => {
                Err(DraftError::TooLong { field: self.name.clone(), chars, chars_max })
            }
            _ => Ok(()),
        }
    }
}

/// The name that was probably meant.
fn nearest(name: &str, known: &[&str]) -> Option<String> {
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, known) = near.min()?;
    (distance <= 1 + name.chars().count() / 3).then(|| (*known).to_owned())
}
