//! How the API shows a form.

use super::file::{FieldKind, FormFile};
use serde::Serialize;
use serde_json::Value;

/// A form as surfaces get it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FormView {
    /// Its name, such as `leaked-secret`.
    #[serde(rename = "type")]
    pub form_type: String,
    /// Grows with every change of what it asks.
    pub version: u32,
    /// What people call it.
    pub title: String,
    /// When to take it.
    pub description: String,
    /// What must not be written into it; shown above it.
    pub warning: String,
    /// Matters that do not belong into it, with the words that a surface may warn at while somebody types.
    pub forbidden: Vec<ForbiddenView>,
    /// Names of the required fields.
    pub required: Vec<String>,
    /// In the order in which they are shown.
    pub fields: Vec<FieldView>,
    /// JSON Schema (draft 2020-12) of the answers.
    pub schema: Value,
}

/// A matter that does not belong into a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForbiddenView {
    /// Its name.
    pub category: String,
    /// What the reporter is told.
    pub message: String,
    /// Lower-case words or phrases it is told by.
    pub words: Vec<String>,
}

/// A field as surfaces get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldView {
    /// Its name in `fields`.
    pub name: String,
    /// What stands beside it.
    pub label: String,
    /// How it is shown.
    pub kind: FieldKind,
    /// Whether a report without it is refused.
    pub required: bool,
    /// A sentence below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The answers to choose from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<String>>,
    /// Longest answer, in characters; of a list: of one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u64>,
    /// Most lines of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u64>,
    /// Whether a surface fills it where it can.
    pub prefilled: bool,
    /// With what: a key of the report's context, or `now`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefill: Option<String>,
}

impl FormView {
    pub(super) fn of(spec: &FormFile) -> Self {
        let required: Vec<String> = spec.required().map(str::to_owned).collect();
        let fields = spec.fields.iter().map(|field| {
            let property = spec.property(&field.name);
            let text = if field.kind == FieldKind::List { &property["items"] } else { property };
            let choices = text["enum"].as_array();
            FieldView {
                name: field.name.clone(),
                label: field.label.clone(),
                kind: field.kind,
                required: required.contains(&field.name),
                help: field.help.clone(),
                choices: choices.map(|c| c.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
                max_chars: text["maxLength"].as_u64(),
                max_items: property["maxItems"].as_u64(),
                prefilled: field.prefill.is_some(),
                prefill: field.prefill.clone(),
            }
        });
        let forbidden = spec.forbidden.iter().map(|forbidden| ForbiddenView {
            category: forbidden.category.clone(),
            message: forbidden.message.clone(),
            words: forbidden.words.clone(),
        });
        Self {
            form_type: spec.form_type.clone(),
            version: spec.version,
            title: spec.title.clone(),
            description: spec.description.clone(),
            warning: spec.warning.clone(),
            forbidden: forbidden.collect(),
            fields: fields.collect(),
            required,
            schema: spec.schema.clone(),
        }
    }
}
