//! Forms: what a report of a kind asks for, as data.
//!
//! A form is a file, `content/forms/<type>.yaml`: how its fields look, and a JSON Schema (draft 2020-12) that their answers
//! satisfy. The two are held to each other when the file is read, so that no surface shows a field that is then refused.
//!
//! **Invariant:** a form has at most [`REQUIRED_FIELDS_MAX`] required fields, and every answer has a bound.
//!
//! **Invariant:** what is refused names its field and never repeats the answer: it may be a secret.

mod file;
mod view;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use model::{Entity, EntityKind, Severity};
use serde_json::{Map, Value};
use std::path::Path;

use file::FormFile;
pub use file::{FieldKind, FieldSpec, Forbidden};
pub use view::{FieldView, ForbiddenView, FormView};

/// Most forms of an installation.
pub const FORMS_MAX: usize = 64;
/// Longest file of a form, in bytes.
pub const FORM_BYTES_MAX: usize = 64 * 1024;
/// Most fields of a form.
pub const FIELDS_MAX: usize = 16;
/// Most fields that a form insists on: every further one costs reports.
pub const REQUIRED_FIELDS_MAX: usize = 3;
/// Longest answer, in characters.
pub const ANSWER_CHARS_MAX: u64 = 8_000;
/// Most items of a list.
pub const LIST_ITEMS_MAX: u64 = 50;
/// Longest title of a report, in characters.
pub const TITLE_CHARS_MAX: usize = 160;
/// Longest name of a service, in characters.
pub const SERVICE_CHARS_MAX: usize = 128;
/// Most complaints about one submission; the rest waits for the next try.
pub const ERRORS_MAX: usize = 32;

/// The field whose answer is the report's own `service`.
pub const SERVICE_FIELD: &str = "service";
/// The field whose answer is the report's own `title`.
pub const TITLE_FIELD: &str = "title";

/// The forms that the product comes with: type and file.
const SHIPPED: &[(&str, &str)] = &[
    ("suspicious-activity.yaml", include_str!("../../../content/forms/suspicious-activity.yaml")),
    ("leaked-secret.yaml", include_str!("../../../content/forms/leaked-secret.yaml")),
    ("malicious-dependency.yaml", include_str!("../../../content/forms/malicious-dependency.yaml")),
    ("suspicious-ci.yaml", include_str!("../../../content/forms/suspicious-ci.yaml")),
    ("phishing.yaml", include_str!("../../../content/forms/phishing.yaml")),
    ("policy-or-other.yaml", include_str!("../../../content/forms/policy-or-other.yaml")),
];

/// A file of a form cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("form `{file}`: {reason}")]
pub struct FormError {
    /// The file's name.
    pub file: String,
    /// What is wrong, and what to do.
    pub reason: String,
}

/// What is wrong with one answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// For the person at the form; never holds the answer.
    pub message: String,
}

/// Answers that a form takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// The service it is about, trimmed.
    pub service: Option<String>,
    /// What the report is called: the reporter's own title, else made of the form's and of the text.
    pub title: String,
    /// The answer that tells what happened.
    pub text: String,
    /// All other answers, without empty ones, in the form's order; the text is among them.
    pub fields: Map<String, Value>,
}

/// One kind of report.
#[derive(Debug)]
pub struct Form {
    spec: FormFile,
    validator: Validator,
}

impl Form {
    /// Reads a form; `file` is what errors call it.
    ///
    /// # Errors
    /// It is no form, or its fields and its schema do not fit each other.
    pub fn parse(file: &str, yaml: &str) -> Result<Self, FormError> {
        let error = |reason: String| FormError { file: file.to_owned(), reason };
        if yaml.len() > FORM_BYTES_MAX {
            return Err(error(format!("it has {} bytes, {FORM_BYTES_MAX} at most", yaml.len())));
        }
        let spec: FormFile = serde_saphyr::from_str(yaml).map_err(|e| error(e.to_string()))?;
        spec.check().map_err(error)?;
        let validator = jsonschema::draft202012::options()
            // linear time, whatever the answer
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .build(&spec.schema)
            .map_err(|e| error(format!("its schema cannot be used: {e}")))?;
        Ok(Self { spec, validator })
    }

    /// Its name in the API, such as `leaked-secret`; also the category of a reputation.
    pub fn form_type(&self) -> &str {
        &self.spec.form_type
    }

    /// Grows with every change of what it asks.
    pub const fn version(&self) -> u32 {
        self.spec.version
    }

    /// The UUID under which findings made of its reports are raised, constant over versions.
    pub fn rule_id(&self) -> &str {
        &self.spec.rule
    }

    /// What people call it.
    pub fn title(&self) -> &str {
        &self.spec.title
    }

    /// The severity of a finding made of an accepted report, unless the moderator names another.
    pub const fn severity(&self) -> Severity {
        self.spec.severity
    }

    /// The JSON Schema of `fields`.
    pub const fn schema(&self) -> &Value {
        &self.spec.schema
    }

    /// Its fields, in the order in which they are shown.
    pub fn fields(&self) -> &[FieldSpec] {
        &self.spec.fields
    }

    /// How the API shows it.
    pub fn view(&self) -> FormView {
        FormView::of(&self.spec)
    }

    /// Judges a submission: answers by field, and the report's own service and title where they were sent beside them.
    ///
    /// Answers are trimmed and empty ones dropped before they are judged; CR LF becomes LF.
    ///
    /// # Errors
    /// What is wrong, by field, in the form's order; at most [`ERRORS_MAX`].
    pub fn validate(
        &self,
        fields: &Map<String, Value>,
        service: Option<&str>,
        title: Option<&str>,
    ) -> Result<Answers, Vec<FieldError>> {
        let mut answers = self.tidied(fields);
        let mut errors = Vec::new();
        let own = [(SERVICE_FIELD, service, SERVICE_CHARS_MAX), (TITLE_FIELD, title, TITLE_CHARS_MAX)];
        for (name, sent, chars_max) in own {
            let sent = sent.map(str::trim).filter(|text| !text.is_empty());
            if sent.is_some_and(|text| text.chars().count() > chars_max || text.contains(['\n', '\r', '\0']))
            {
                errors.push(FieldError {
                    field: name.to_owned(),
                    message: format!("must be one line of at most {chars_max} characters"),
                });
            } else if let Some(sent) = sent
                && !answers.contains_key(name)
            {
                answers.insert(name.to_owned(), sent.into());
            }
        }
        let title = take_text(&mut answers, TITLE_FIELD);
        let has_service_field = self.spec.fields.iter().any(|field| field.name == SERVICE_FIELD);
        let service = if has_service_field {
            text_of(&answers, SERVICE_FIELD)
        } else {
            take_text(&mut answers, SERVICE_FIELD)
        };
        let instance = Value::Object(answers);
        errors.extend(self.validator.iter_errors(&instance).flat_map(|error| self.complaints(&error)));
        if !errors.is_empty() {
            return Err(self.in_order(errors));
        }
        let Value::Object(mut answers) = instance else { return Err(Vec::new()) };
        answers.remove(SERVICE_FIELD);
        let text = text_of(&answers, &self.spec.text).unwrap_or_default();
        let title = title.unwrap_or_else(|| self.title_of(&text));
        Ok(Answers { service, title, text, fields: answers })
    }

    /// The categories of personal matters that a text seems to touch and that do not belong into a report of this kind. A
    /// surface warns; what is sent all the same is held, so that no automation touches it before a person did.
    pub fn forbidden_in(&self, text: &str) -> Vec<&Forbidden> {
        let words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric() && c != '\'')
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let holds = |phrase: &String| {
            let phrase: Vec<&str> = phrase.split(' ').collect();
            words.windows(phrase.len()).any(|window| window.iter().eq(phrase.iter()))
        };
        self.spec.forbidden.iter().filter(|forbidden| forbidden.words.iter().any(holds)).collect()
    }

    /// What a finding made of these answers is about: fields that name an entity, in the form's order; else the service.
    pub fn entities(&self, fields: &Map<String, Value>, service: Option<&str>) -> Vec<Entity> {
        let named = self.spec.fields.iter().filter_map(|field| {
            let value = fields.get(&field.name)?.as_str()?.trim();
            let kind = field.entity?;
            (!value.is_empty()).then(|| entity(kind, value))
        });
        let mut entities: Vec<Entity> = named.collect();
        if entities.is_empty()
            && let Some(service) = service
        {
            entities.push(entity(EntityKind::Resource, &format!("service:{service}")));
        }
        entities
    }

    /// Strings trimmed, empty answers gone, known fields first in the form's order.
    fn tidied(&self, fields: &Map<String, Value>) -> Map<String, Value> {
        let known = self.spec.fields.iter().filter_map(|f| fields.get_key_value(&f.name));
        let unknown = fields.iter().filter(|(name, _)| !self.spec.fields.iter().any(|f| &f.name == *name));
        known.chain(unknown).filter_map(|(name, value)| Some((name.clone(), tidied_value(value)?))).collect()
    }

    fn title_of(&self, text: &str) -> String {
        let line = text.lines().next().unwrap_or_default().trim();
        let room = TITLE_CHARS_MAX.saturating_sub(self.spec.title.chars().count() + 2);
        if line.is_empty() {
            self.spec.title.clone()
        } else {
            format!("{}: {}", self.spec.title, cut(line, room))
        }
    }

    fn complaints(&self, error: &ValidationError<'_>) -> Vec<FieldError> {
        let place = error.instance_path().to_string();
        let at = place.trim_start_matches('/').split('/').next().unwrap_or_default();
        let one = |field: &str, message: String| vec![FieldError { field: field.to_owned(), message }];
        let fallback = || self.hint(at).unwrap_or_else(|| "is not of the form that is asked for".to_owned());
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                one(property.as_str().unwrap_or_default(), "is required".to_owned())
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
                .iter()
                .map(|name| FieldError {
                    field: cut(name, 64),
                    message: format!("`{}` has no such field", self.spec.form_type),
                })
                .collect(),
            ValidationErrorKind::MaxLength { limit } => one(at, format!("has at most {limit} characters")),
            ValidationErrorKind::MinLength { limit } => one(at, format!("has at least {limit} characters")),
            ValidationErrorKind::MaxItems { limit } => one(at, format!("has at most {limit} lines")),
            ValidationErrorKind::MinItems { limit } => one(at, format!("has at least {limit} lines")),
            ValidationErrorKind::UniqueItems => one(at, "names something twice".to_owned()),
            ValidationErrorKind::Enum { options } => {
                let options = options.as_array().into_iter().flatten().filter_map(Value::as_str);
                one(at, format!("is one of: {}", options.collect::<Vec<_>>().join(", ")))
            }
            ValidationErrorKind::Type { .. } => one(at, self.type_message(at).to_owned()),
            ValidationErrorKind::Format { format } if format == "date-time" => {
                one(at, "must be a time such as 2026-11-27T08:30:00Z".to_owned())
            }
            _ => one(at, fallback()),
        }
    }

    fn hint(&self, field: &str) -> Option<String> {
        self.spec.fields.iter().find(|known| known.name == field)?.hint.clone()
    }

    fn type_message(&self, field: &str) -> &'static str {
        let kind = self.spec.fields.iter().find(|known| known.name == field).map(|known| known.kind);
        if kind == Some(FieldKind::List) { "must be a list of texts" } else { "must be a text" }
    }

    fn in_order(&self, mut errors: Vec<FieldError>) -> Vec<FieldError> {
        let rank = |error: &FieldError| {
            self.spec.fields.iter().position(|field| field.name == error.field).unwrap_or(usize::MAX)
        };
        errors.sort_by(|a, b| (rank(a), &a.field).cmp(&(rank(b), &b.field)));
        errors.dedup();
        errors.truncate(ERRORS_MAX);
        errors
    }
}

/// All kinds of reports.
#[derive(Debug)]
pub struct Forms {
    forms: Vec<Form>,
}

impl Forms {
    /// The forms that the product comes with.
    ///
    /// # Errors
    /// None in a product that passed its tests.
    pub fn shipped() -> Result<Self, FormError> {
        let forms = SHIPPED.iter().map(|(file, yaml)| Form::parse(file, yaml));
        Ok(Self { forms: forms.collect::<Result<_, _>>()? })
    }

    /// The shipped forms and those of a folder: each `*.yaml` in it replaces the shipped form of its type, or adds one.
    ///
    /// # Errors
    /// The folder cannot be read, or a file in it is no form.
    pub fn load(folder: Option<&Path>) -> Result<Self, FormError> {
        let mut forms = Self::shipped()?;
        let Some(folder) = folder else { return Ok(forms) };
        let unread = |path: &Path, error: std::io::Error| FormError {
            file: path.display().to_string(),
            reason: format!("it cannot be read ({error}); check `[reports] forms_dir`"),
        };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|e| unread(folder, e))? {
            let path = entry.map_err(|e| unread(folder, e))?.path();
            if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                paths.push(path);
            }
        }
        paths.sort();
        for path in paths {
            let yaml = std::fs::read_to_string(&path).map_err(|e| unread(&path, e))?;
            forms.put(Form::parse(&path.display().to_string(), &yaml)?)?;
        }
        Ok(forms)
    }

    /// Replaces the form of its type, or adds it.
    ///
    /// # Errors
    /// There are [`FORMS_MAX`] already, or another form raises findings under its UUID.
    pub fn put(&mut self, form: Form) -> Result<(), FormError> {
        let refused = |reason: String| FormError { file: form.form_type().to_owned(), reason };
        let twin = |known: &&Form| known.rule_id() == form.rule_id() && known.form_type() != form.form_type();
        if let Some(twin) = self.forms.iter().find(twin) {
            return Err(refused(format!(
                "its `rule` is that of `{}`; give it a fresh UUID",
                twin.form_type()
            )));
        }
        if let Some(known) = self.forms.iter_mut().find(|known| known.form_type() == form.form_type()) {
            *known = form;
        } else if self.forms.len() == FORMS_MAX {
            return Err(refused(format!("there are {FORMS_MAX} forms already, which is the most")));
        } else {
            self.forms.push(form);
        }
        Ok(())
    }

    /// The form of that type.
    pub fn get(&self, form_type: &str) -> Option<&Form> {
        self.forms.iter().find(|form| form.form_type() == form_type)
    }

    /// All, in the order in which they are offered.
    pub fn iter(&self) -> impl Iterator<Item = &Form> {
        self.forms.iter()
    }
}

fn entity(kind: EntityKind, value: &str) -> Entity {
    let mut text = String::new();
    model::push_entity_value(&mut text, value, false);
    Entity { kind, value: text }
}

fn tidied_value(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) => {
            let text = text.replace("\r\n", "\n");
            let text = text.trim();
            (!text.is_empty()).then(|| text.into())
        }
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter_map(tidied_value).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        other => Some(other.clone()),
    }
}

fn text_of(answers: &Map<String, Value>, name: &str) -> Option<String> {
    answers.get(name)?.as_str().map(str::to_owned)
}

/// Takes an answer out if it is a text; of another type it stays, for the schema to refuse.
fn take_text(answers: &mut Map<String, Value>, name: &str) -> Option<String> {
    let text = text_of(answers, name)?;
    answers.shift_remove(name);
    Some(text)
}

/// At most `chars_max` characters, cut at a word where there is one, with an ellipsis.
fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    let at_word = kept.rfind(' ').filter(|at| *at * 2 > kept.len()).unwrap_or(kept.len());
    format!("{}…", kept.get(..at_word).unwrap_or(&kept).trim_end())
}
