//! Reading JSON objects, property by property, with the place of whatever is wrong.

use super::complaint::Complaints;
use super::identifier::Identifier;
use serde_json::{Map, Value};

/// Longest text of a property, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// One object of a playbook and where it stands.
pub(super) struct Object<'v, 'c> {
    pub(super) pointer: String,
    map: &'v Map<String, Value>,
    pub(super) complaints: &'c mut Complaints,
}

/// A part of a JSON pointer (RFC 6901, section 3).
fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

/// `pointer` with one more part.
pub(super) fn below(pointer: &str, part: &str) -> String {
    format!("{pointer}/{}", escaped(part))
}

impl<'v, 'c> Object<'v, 'c> {
    /// The object `value`, if it is one.
    pub(super) fn of(pointer: String, value: &'v Value, complaints: &'c mut Complaints) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self { pointer, map, complaints }),
            other => {
                complaints.error(pointer, format!("this is {}, not an object", name_of(other)));
                None
            }
        }
    }

    pub(super) fn at(&self, name: &str) -> String {
        below(&self.pointer, name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&'v Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn error(&mut self, name: &str, message: impl Into<String>) {
        let pointer = self.at(name);
        self.complaints.error(pointer, message);
    }

    pub(super) fn warn(&mut self, name: &str, message: impl Into<String>) {
        let pointer = self.at(name);
        self.complaints.warn(pointer, message);
    }

    pub(super) fn required(&mut self, name: &str) -> Option<&'v Value> {
        let value = self.get(name);
        if value.is_none() {
            let pointer = self.pointer.clone();
            self.complaints.error(pointer, format!("`{name}` is missing"));
        }
        value
    }

    fn wrong(&mut self, name: &str, value: &Value, expected: &str) {
        self.error(name, format!("this is {}, not {expected}", name_of(value)));
    }

    pub(super) fn text(&mut self, name: &str) -> Option<&'v str> {
        match self.get(name)? {
            Value::String(text) if text.len() <= TEXT_BYTES_MAX => Some(text),
            Value::String(text) => {
                let message =
                    format!("this text has {} bytes, at most {TEXT_BYTES_MAX} are read", text.len());
                self.error(name, message);
                None
            }
            other => {
                self.wrong(name, other, "a text");
                None
            }
        }
    }

    pub(super) fn required_text(&mut self, name: &str) -> Option<&'v str> {
        self.required(name)?;
        let text = self.text(name)?;
        if text.trim().is_empty() {
            self.error(name, "this is empty");
            return None;
        }
        Some(text)
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.wrong(name, other, "true or false");
                false
            }
            None => false,
        }
    }

    /// A whole number, such as one of milliseconds.
    pub(super) fn whole(&mut self, name: &str) -> Option<u64> {
        let value = self.get(name)?;
        let whole = value.as_u64();
        if whole.is_none() {
            self.wrong(name, value, "a whole number");
        }
        whole
    }

    pub(super) fn list(&mut self, name: &str) -> &'v [Value] {
        match self.get(name) {
            Some(Value::Array(list)) => list,
            Some(other) => {
                self.wrong(name, other, "a list");
                &[]
            }
            None => &[],
        }
    }

    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for (at, value) in self.list(name).iter().enumerate() {
            match value {
                Value::String(text) => texts.push(text.clone()),
                other => {
                    let pointer = below(&self.at(name), &at.to_string());
                    self.complaints.error(pointer, format!("this is {}, not a text", name_of(other)));
                }
            }
        }
        texts
    }

    /// The entries of a dictionary, each with where it stands.
    pub(super) fn entries(&mut self, name: &str) -> Vec<(&'v str, String, &'v Value)> {
        match self.get(name) {
            Some(Value::Object(map)) => {
                let pointer = self.at(name);
                map.iter().map(|(key, value)| (key.as_str(), below(&pointer, key), value)).collect()
            }
            Some(other) => {
                self.wrong(name, other, "a dictionary");
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    pub(super) fn identifier(&mut self, name: &str) -> Option<Identifier> {
        let text = self.text(name)?;
        self.parsed(name, text)
    }

    pub(super) fn required_identifier(&mut self, name: &str) -> Option<Identifier> {
        let text = self.required_text(name)?;
        self.parsed(name, text)
    }

    fn parsed(&mut self, name: &str, text: &str) -> Option<Identifier> {
        match text.parse() {
            Ok(id) => Some(id),
            Err(error) => {
                self.error(name, format!("{error}"));
                None
            }
        }
    }

    pub(super) fn identifiers(&mut self, name: &str) -> Vec<Identifier> {
        let mut ids = Vec::new();
        for (at, text) in self.texts(name).iter().enumerate() {
            match text.parse() {
                Ok(id) => ids.push(id),
                Err(error) => {
                    let pointer = below(&self.at(name), &at.to_string());
                    self.complaints.error(pointer, format!("{error}"));
                }
            }
        }
        ids
    }

    /// A point in time (section 10.17), milliseconds since the epoch.
    pub(super) fn time(&mut self, name: &str) -> Option<i64> {
        let text = self.text(name)?;
        match text.parse::<jiff::Timestamp>() {
            Ok(time) => Some(time.as_millisecond()),
            Err(error) => {
                self.error(name, format!("{text:?} is no point in time as in RFC 3339: {error}"));
                None
            }
        }
    }

    pub(super) fn required_time(&mut self, name: &str) -> Option<i64> {
        self.required(name)?;
        self.time(name)
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
