//! A form's file, as it is written.

use super::{ANSWER_CHARS_MAX, FIELDS_MAX, LIST_ITEMS_MAX, REQUIRED_FIELDS_MAX, TITLE_FIELD};
use model::{EntityKind, Severity};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a context of a report knows, for fields that are filled from it.
const CONTEXT_KEYS: &[&str] =
    &["service", "commit", "branch", "repository", "environment", "ci_run", "file", "lines", "now"];

/// A file of a form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FormFile {
    #[serde(rename = "type")]
    pub(super) form_type: String,
    pub(super) version: u32,
    pub(super) rule: String,
    pub(super) severity: Severity,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) warning: String,
    /// The field that tells what happened.
    pub(super) text: String,
    #[serde(default)]
    pub(super) forbidden: Vec<Forbidden>,
    pub(super) fields: Vec<FieldSpec>,
    pub(super) schema: Value,
}

/// A matter that does not belong into reports of this kind, and words that it is told by.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forbidden {
    /// Its name, such as `health`.
    pub category: String,
    /// What the reporter is told.
    pub message: String,
    /// Lower-case words, or phrases of words with one space between.
    pub words: Vec<String>,
}

/// How a field is shown and typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// One line.
    Text,
    /// Several lines.
    Textarea,
    /// One of a few.
    Choice,
    /// A service of the catalogue, or any name.
    Service,
    /// A commit's hash.
    Commit,
    /// An address of the web.
    Url,
    /// A moment, RFC 3339.
    Time,
    /// Several texts, one a line.
    List,
}

/// A field of a form.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldSpec {
    /// Its name in `fields` and in the schema.
    pub name: String,
    /// What stands beside it.
    pub label: String,
    /// How it is shown.
    pub kind: FieldKind,
    /// A sentence below it.
    #[serde(default)]
    pub help: Option<String>,
    /// What is said when the schema's pattern refuses an answer: `must be …`.
    #[serde(default)]
    pub hint: Option<String>,
    /// What a surface fills it with, unasked: a key of the report's context, or `now`.
    #[serde(default)]
    pub prefill: Option<String>,
    /// Its answer names something that findings are grouped by.
    #[serde(default)]
    pub entity: Option<EntityKind>,
}

impl FormFile {
    /// Names of the fields that the schema requires.
    pub(super) fn required(&self) -> impl Iterator<Item = &str> {
        self.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    /// What the schema says of a field.
    pub(super) fn property(&self, name: &str) -> &Value {
        &self.schema["properties"][name]
    }

    /// Whether fields and schema fit each other, and everything has a bound.
    pub(super) fn check(&self) -> Result<(), String> {
        self.check_head()?;
        self.check_schema()?;
        self.fields.iter().try_for_each(|field| self.check_field(field))?;
        let is_field = |name: &str| self.fields.iter().any(|field| field.name == name);
        let names = self.schema["properties"].as_object().into_iter().flat_map(|p| p.keys());
        if let Some(name) = names.map(String::as_str).chain(self.required()).find(|name| !is_field(name)) {
            return Err(format!("the schema speaks of `{name}`, which is not among `fields`"));
        }
        if !self.required().any(|name| name == self.text) {
            return Err(format!("`text` names `{}`, which must be a required field", self.text));
        }
        Ok(())
    }

    fn check_head(&self) -> Result<(), String> {
        if !is_name(&self.form_type, '-') {
            return Err("`type` is made of lower-case letters, digits and `-`".to_owned());
        }
        if self.version == 0 {
            return Err("`version` begins with 1".to_owned());
        }
        if !is_uuid(&self.rule) {
            return Err("`rule` is a UUID in lower case".to_owned());
        }
        let texts = [("title", &self.title), ("description", &self.description), ("warning", &self.warning)];
        if let Some((name, _)) = texts.iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(format!("`{name}` is empty"));
        }
        let is_phrase = |phrase: &String| {
            !phrase.is_empty()
                && *phrase == phrase.to_lowercase()
                && phrase.split(' ').all(|word| !word.is_empty())
        };
        let bad = self.forbidden.iter().find(|f| f.words.is_empty() || !f.words.iter().all(is_phrase));
        bad.map_or(Ok(()), |bad| {
            Err(format!("forbidden category `{}` needs words in lower case, one space between", bad.category))
        })
    }

    fn check_schema(&self) -> Result<(), String> {
        if self.schema["type"] != "object" || self.schema["additionalProperties"] != Value::Bool(false) {
            return Err("`schema` must be of `type: object` with `additionalProperties: false`".to_owned());
        }
        if self.fields.is_empty() || self.fields.len() > FIELDS_MAX {
            return Err(format!("it has {} fields; 1 to {FIELDS_MAX} may be", self.fields.len()));
        }
        let required = self.required().count();
        if required > REQUIRED_FIELDS_MAX {
            return Err(format!("it requires {required} fields, {REQUIRED_FIELDS_MAX} at most"));
        }
        Ok(())
    }

    fn check_field(&self, field: &FieldSpec) -> Result<(), String> {
        let name = &field.name;
        if !is_name(name, '_') || name == TITLE_FIELD {
            return Err(format!(
                "field `{name}`: a name has lower-case letters, digits and `_`, and is not `title`"
            ));
        }
        if self.fields.iter().filter(|other| other.name == *name).count() > 1 {
            return Err(format!("field `{name}` is there twice"));
        }
        if let Some(prefill) = &field.prefill
            && !CONTEXT_KEYS.contains(&prefill.as_str())
        {
            return Err(format!("field `{name}`: `prefill` is one of {}", CONTEXT_KEYS.join(", ")));
        }
        let property = self.property(name);
        let text = if field.kind == FieldKind::List {
            if property["type"] != "array" || property["maxItems"].as_u64().is_none_or(|n| n > LIST_ITEMS_MAX)
            {
                return Err(format!(
                    "field `{name}`: a list is an array with `maxItems` of {LIST_ITEMS_MAX} or less"
                ));
            }
            &property["items"]
        } else {
            property
        };
        let is_bounded = text["maxLength"].as_u64().is_some_and(|n| n <= ANSWER_CHARS_MAX);
        let is_choice =
            text["enum"].as_array().is_some_and(|c| !c.is_empty() && c.iter().all(Value::is_string));
        if text["type"] != "string" || !(is_bounded || is_choice) {
            return Err(format!(
                "field `{name}`: the schema needs `type: string` and a `maxLength` of {ANSWER_CHARS_MAX} or less, or an `enum`"
            ));
        }
        if (field.kind == FieldKind::Choice) != is_choice {
            return Err(format!("field `{name}`: an `enum` and `kind: choice` go together"));
        }
        Ok(())
    }
}

fn is_name(text: &str, joint: char) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == joint;
    text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_inner)
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &&str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(is_hex)
}
