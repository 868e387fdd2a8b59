//! A report before it is sent: answers by field, what the machine knows, and the body that leaves.
//!
//! The form is read as the API shows it, so that an installation's own forms are asked here like the shipped ones. What is
//! judged here spares a way to the server; the server judges everything again.
//!
//! **Invariant:** every text of the body that a person or a machine wrote is among [`Draft::texts_mut`], so that nothing
//! leaves unmasked but names out of closed lists, commits and times.

mod asked;
mod error;
mod package;
mod receipt_link;

pub use asked::{AskedField, AskedForm, Matter};
pub use error::DraftError;
pub use package::{Digest, PackageUrl};
pub use receipt_link::ReceiptLink;

use crate::context::{Context, Known};
use serde_json::{Map, Value, json};

/// Longest list of answers to one field.
const ITEMS_MAX: usize = 200;

/// The field that is the body's own `service`.
const SERVICE: &str = "service";
/// The field that is the body's own `title`.
const TITLE: &str = "title";

/// An answer that nobody typed: the field, the value, and what says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// The field's name.
    pub field: String,
    /// The value and where it is from.
    pub known: Known,
}

/// A report before it is sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// The form's name.
    pub form: String,
    /// The service it is about.
    pub service: Option<String>,
    /// The reporter's own title.
    pub title: Option<String>,
    /// Answers by field.
    pub fields: Map<String, Value>,
    /// What the machine knows.
    pub context: Map<String, Value>,
    /// Whether the sender is to be nobody, though there is a token.
    pub is_anonymous: bool,
    /// The matter that it is added to, as `POST /reports/related` named it.
    pub add_to: Option<String>,
    /// The token of a signed link.
    pub link: Option<String>,
    /// Places that were masked before it was sent.
    pub masked_count: usize,
}

impl Draft {
    /// An empty report of a kind.
    pub fn new(form: &AskedForm) -> Self {
        Self { form: form.form_type.clone(), ..Self::default() }
    }

    /// Answers a field; a list is given line by line, and again for more.
    ///
    /// # Errors
    /// The form has no such field, or the field does not take this answer.
    pub fn set(&mut self, form: &AskedForm, name: &str, answer: &str) -> Result<(), DraftError> {
        let answer = answer.replace("\r\n", "\n");
        let answer = answer.trim();
        let field = match form.field(name) {
            Some(field) => field,
            // a report has these whether its form asks or not
            None if name == SERVICE || name == TITLE => return self.put(name, json!(answer), answer),
            None => return Err(form.unknown(name)),
        };
        let value = match field.kind.as_str() {
            "list" => self.items(field, answer)?,
            "choice" => json!(field.choice(answer)?),
            _ => {
                field.check_length(answer)?;
                json!(answer)
            }
        };
        self.put(&field.name, value, answer)
    }

    fn put(&mut self, name: &str, value: Value, answer: &str) -> Result<(), DraftError> {
        match name {
            SERVICE => self.service = Some(answer.to_owned()).filter(|text| !text.is_empty()),
            TITLE => self.title = Some(answer.to_owned()).filter(|text| !text.is_empty()),
            _ if answer.is_empty() => drop(self.fields.remove(name)),
            _ => drop(self.fields.insert(name.to_owned(), value)),
        }
        Ok(())
    }

    fn items(&self, field: &AskedField, answer: &str) -> Result<Value, DraftError> {
        let before = self.fields.get(&field.name).and_then(Value::as_array).cloned().unwrap_or_default();
        let lines = answer.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut items = before;
        for line in lines {
            field.check_length(line)?;
            items.push(json!(line));
        }
        let items_max = field.max_items.map_or(ITEMS_MAX, |most| ITEMS_MAX.min(most as usize));
        if items.len() > items_max {
            return Err(DraftError::TooMany { field: field.name.clone(), items_max });
        }
        Ok(Value::Array(items))
    }

    /// Takes in what the machine knows: the report's context, and answers to the fields that the form has filled from it. What
    /// was answered stays. `now` is RFC 3339.
    pub fn fill(&mut self, form: &AskedForm, context: &Context, now: &str) -> Vec<Filled> {
        self.context = context.to_json();
        let mut filled = Vec::new();
        let known = |key: &str| match key {
            "now" => Some(Known { value: now.to_owned(), from: "the clock".to_owned() }),
            SERVICE => context.service.clone(),
            _ => context.values().find(|(name, _)| *name == key).map(|(_, known)| known.clone()),
        };
        for field in &form.fields {
            let known = field.prefill.as_deref().and_then(known);
            let Some(known) = known.filter(|_| !self.is_answered(&field.name)) else { continue };
            // what a machine says and the field does not take is not asked for, and not sent
            if self.set(form, &field.name, &known.value).is_ok() {
                filled.push(Filled { field: field.name.clone(), known });
            }
        }
        if self.service.is_none()
            && let Some(known) = &context.service
        {
            self.service = Some(known.value.clone());
            filled.push(Filled { field: SERVICE.to_owned(), known: known.clone() });
        }
        filled
    }

    /// Whether a field has an answer.
    pub fn is_answered(&self, name: &str) -> bool {
        match name {
            SERVICE => self.service.is_some(),
            TITLE => self.title.is_some(),
            _ => self.fields.contains_key(name),
        }
    }

    /// Required fields without an answer, in the form's order.
    pub fn missing<'a>(&'a self, form: &'a AskedForm) -> impl Iterator<Item = &'a AskedField> {
        form.fields.iter().filter(|field| field.required && !self.is_answered(&field.name))
    }

    /// Every text that may hold what must not leave, with a name for people. Not among them: choices, which are names out of
    /// lists, commits, and times.
    pub fn texts_mut(&mut self, form: &AskedForm) -> Vec<(String, &mut String)> {
        let is_closed = |name: &str| form.field(name).is_some_and(AskedField::is_closed);
        let mut found = Vec::new();
        if let Some(title) = &mut self.title {
            found.push((TITLE.to_owned(), title));
        }
        if let Some(service) = &mut self.service {
            found.push((SERVICE.to_owned(), service));
        }
        for (name, value) in self.fields.iter_mut().filter(|(name, _)| !is_closed(name)) {
            texts_in(name, value, &mut found);
        }
        for (name, value) in self.context.iter_mut().filter(|(name, _)| *name != "commit") {
            texts_in(name, value, &mut found);
        }
        found
    }

    /// The body as it is sent.
    pub fn body(&self) -> Value {
        let mut body = json!({ "form": self.form });
        for (key, value) in [("service", &self.service), ("title", &self.title)] {
            if let Some(value) = value {
                body[key] = json!(value);
            }
        }
        body["fields"] = Value::Object(self.fields.clone());
        if !self.context.is_empty() {
            body["context"] = Value::Object(self.context.clone());
        }
        body["channel"] = json!("cli");
        body["anonymous"] = json!(self.is_anonymous);
        for (key, value) in [("add_to", &self.add_to), ("link", &self.link)] {
            if let Some(value) = value {
                body[key] = json!(value);
            }
        }
        body["client_masked"] = json!(self.masked_count);
        body
    }
}

fn texts_in<'a>(name: &str, value: &'a mut Value, found: &mut Vec<(String, &'a mut String)>) {
    match value {
        Value::String(text) => found.push((name.to_owned(), text)),
        Value::Array(items) => items.iter_mut().for_each(|item| texts_in(name, item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> AskedForm {
        serde_json::from_value(json!({
            "type": "leaked-secret", "version": 1, "title": "Leaked secret", "description": "d", "warning": "w",
            "required": ["where", "secret_kind"],
            "forbidden": [{ "category": "c", "message": "Not the secret, please.", "words": ["password is", "secret"] }],
            "fields": [
                { "name": "where", "label": "Where?", "kind": "textarea", "required": true, "max_chars": 40 },
                { "name": "secret_kind", "label": "Kind?", "kind": "choice", "required": true,
                  "choices": ["API key or token", "Password", "Private key"] },
                { "name": "service", "label": "Service?", "kind": "service", "prefill": "service" },
                { "name": "repository", "label": "Repository", "kind": "text", "prefill": "repository", "max_chars": 12 },
                { "name": "commit", "label": "Commit", "kind": "commit", "prefill": "commit" },
                { "name": "seen", "label": "Seen", "kind": "time", "prefill": "now" },
                { "name": "links", "label": "Links", "kind": "list", "max_chars": 30, "max_items": 3 },
            ],
            "schema": {},
        }))
        .unwrap()
    }

    fn known(value: &str, from: &str) -> Option<Known> {
        Some(Known { value: value.to_owned(), from: from.to_owned() })
    }

    #[test]
    fn answers_are_judged_by_their_field() {
        let form = form();
        let mut draft = Draft::new(&form);
        for (name, answer, expected) in [
            ("where", "in a log", Ok(())),
            ("secret_kind", "password", Ok(())),
            ("links", "https://a.example\n\nhttps://b.example", Ok(())),
            ("links", "https://c.example", Ok(())),
            ("title", "A key in a log", Ok(())),
            ("wheer", "x", Err("`leaked-secret` has no field `wheer`; did you mean `where`?")),
            ("zebra", "x", Err("`leaked-secret` has no field `zebra`")),
            ("secret_kind", "P", Err("`P` is no answer to `secret_kind`")),
            ("links", "https://d.example", Err("`links` takes at most 3")),
            ("where", &"x".repeat(41), Err("`where` takes at most 40 characters, and this has 41")),
        ] {
            let result = draft.set(&form, name, answer).map_err(|error| error.to_string());
            match expected {
                Ok(()) => assert_eq!(result, Ok(()), "{name}={answer}"),
                Err(part) => {
                    assert!(
                        result.clone().is_err_and(|text| text.contains(part)),
                        "{name}={answer}: {result:?}"
                    );
                }
            }
        }
        assert_eq!(draft.fields["secret_kind"], "Password", "as the form writes it");
        let links = json!(["https://a.example", "https://b.example", "https://c.example"]);
        assert_eq!(draft.fields["links"], links);
        assert_eq!(draft.missing(&form).count(), 0);
        draft.set(&form, "where", " ").unwrap();
        assert_eq!(draft.missing(&form).map(|field| field.name.as_str()).collect::<Vec<_>>(), ["where"]);
    }

    #[test]
    fn what_does_not_belong_into_a_report_is_warned_of() {
        let form = form();
        for (text, expected) in [
            ("The PASSWORD is hunter2", 1),
            ("it is in Secret.", 1),
            ("the password was is", 0),
            ("secretly", 0),
            ("", 0),
        ] {
            assert_eq!(form.warnings(text).len(), expected, "{text}");
        }
    }

    #[test]
    fn what_the_machine_knows_fills_only_what_nobody_answered() {
        let form = form();
        let mut draft = Draft::new(&form);
        draft.set(&form, "service", "till").unwrap();
        let context = Context {
            commit: known("0123456", "git"),
            repository: known("acme/far-too-long", "git"),
            service: known("web", ".huecry.toml"),
            ..Context::default()
        };
        let filled = draft.fill(&form, &context, "2026-11-27T08:00:00Z");
        let told: Vec<_> = filled.iter().map(|f| (f.field.as_str(), f.known.value.as_str())).collect();
        assert_eq!(told, [("commit", "0123456"), ("seen", "2026-11-27T08:00:00Z")]);
        assert_eq!(draft.service.as_deref(), Some("till"));
        assert_eq!(draft.context, context.to_json(), "the context has it all the same");
        let mut other = Draft::new(&form);
        other.fill(&form, &context, "now");
        assert_eq!(other.service.as_deref(), Some("web"));
    }

    #[test]
    fn every_open_text_is_among_those_to_mask_and_the_body_is_the_contract() {
        let form = form();
        let mut draft = Draft::new(&form);
        for (name, answer) in [
            ("where", "SECRET"),
            ("secret_kind", "Password"),
            ("links", "SECRET\nSECRET"),
            ("title", "SECRET"),
        ] {
            draft.set(&form, name, answer).unwrap();
        }
        let context = Context {
            commit: known("0123456", "git"),
            branch: known("SECRET", "git"),
            service: known("till", "x"),
            signed_commit: Some(true),
            ..Context::default()
        };
        draft.fill(&form, &context, "2026-11-27T08:00:00Z");
        let mut names = Vec::new();
        for (name, text) in draft.texts_mut(&form) {
            "[key 1]".clone_into(text);
            names.push(name);
        }
        assert_eq!(names, ["title", "service", "where", "links", "links", "branch"]);
        draft.masked_count = 5;
        let body = draft.body();
        assert!(!body.to_string().contains("SECRET"), "{body}");
        let expected = json!({
            "form": "leaked-secret", "service": "[key 1]", "title": "[key 1]",
            "fields": { "where": "[key 1]", "secret_kind": "Password", "links": ["[key 1]", "[key 1]"],
                        "commit": "0123456", "seen": "2026-11-27T08:00:00Z" },
            "context": { "commit": "0123456", "branch": "[key 1]", "signed_commit": true },
            "channel": "cli", "anonymous": false, "client_masked": 5,
        });
        assert_eq!(body, expected);
    }
}
