//! Variables and references to them (section 10.18).
//!
//! **Invariant:** a value is put in once and never read for references again, so whoever controls a value cannot name
//! another variable.

use super::object::Object;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The types of variables (section 10.18.4).
pub const VARIABLE_TYPES: [&str; 17] = [
    "boolean",
    "dictionary",
    "float",
    "hexadecimal",
    "integer",
    "ipv4-addr",
    "ipv6-addr",
    "list",
    "long",
    "mac-addr",
    "hash",
    "md5-hash",
    "sha256-hash",
    "string",
    "uri",
    "uuid",
    "iri",
];

/// What playbooks in use call some of them.
const OTHER_NAMES: [(&str, &str); 1] = [("bool", "boolean")];

/// Most variables in one scope.
const VARIABLES_MAX: usize = 500;
/// Longest value, in bytes.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Longest name between its underscores, in bytes; the specification's pattern has 200.
const NAME_BYTES_MAX: usize = 200;
/// Longest text with its values put in, in bytes.
const RESOLVED_BYTES_MAX: usize = 256 * 1024;
/// What follows a variable's name where its value is meant.
const VALUE_REFERENCE: &str = ":value";

/// One variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// One of [`VARIABLE_TYPES`].
    pub kind: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Its value as text; none until somebody gives one.
    pub value: Option<String>,
    /// Whether nothing may change it.
    #[serde(default)]
    pub constant: bool,
    /// Whether the value comes from where the playbook is executed.
    #[serde(default)]
    pub external: bool,
}

/// Variables of one scope, or of several with the inner ones over the outer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Variables(BTreeMap<String, Variable>);

/// A text cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// No such variable in scope.
    #[error("there is no variable {0}")]
    Unknown(String),
    /// It has no value.
    #[error("the variable {0} has no value yet")]
    Empty(String),
    /// What comes out would be too long.
    #[error("with its values put in, the text has more than {RESOLVED_BYTES_MAX} bytes")]
    TooLong,
}

/// A variable cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// It may not change.
    #[error("the variable {0} is constant")]
    Constant(String),
    /// No such variable.
    #[error("there is no variable {0}")]
    Unknown(String),
    /// The value is not of its type.
    #[error("{name}: {reason}")]
    BadValue {
        /// Which.
        name: String,
        /// Why.
        reason: String,
    },
}

impl Variables {
    pub(super) fn read(object: &mut Object<'_, '_>, name: &str) -> Self {
        let mut read = BTreeMap::new();
        let entries = object.entries(name);
        if entries.len() > VARIABLES_MAX {
            object.error(
                name,
                format!("there are {} variables, at most {VARIABLES_MAX} are read", entries.len()),
            );
            return Self(read);
        }
        for (key, pointer, value) in entries {
            if !is_name(key) {
                let message = format!("{key:?} is no name of a variable, which is such as __name__");
                object.complaints.error(pointer, message);
                continue;
            }
            let Some(mut entry) = Object::of(pointer, value, object.complaints) else { continue };
            if let Some(variable) = one(&mut entry, key) {
                read.insert(key.to_owned(), variable);
            }
        }
        Self(read)
    }

    /// The variable of that name, with its underscores.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.0.get(name)
    }

    /// The value of the variable of that name.
    ///
    /// # Errors
    /// [`Unresolved`] where there is none.
    pub fn value(&self, name: &str) -> Result<&str, Unresolved> {
        let variable = self.get(name).ok_or_else(|| Unresolved::Unknown(name.to_owned()))?;
        variable.value.as_deref().ok_or_else(|| Unresolved::Empty(name.to_owned()))
    }

    /// Each with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.0.iter().map(|(name, variable)| (name.as_str(), variable))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These, and of `outer` those that have other names.
    #[must_use]
    pub fn over(&self, outer: &Self) -> Self {
        let mut all = outer.0.clone();
        all.extend(self.0.iter().map(|(name, variable)| (name.clone(), variable.clone())));
        Self(all)
    }

    /// Gives a variable a value.
    ///
    /// # Errors
    /// [`VariableError`]; then nothing has changed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), VariableError> {
        let variable = self.0.get_mut(name).ok_or_else(|| VariableError::Unknown(name.to_owned()))?;
        // a constant that waits for its value from outside gets it once
        if variable.constant && variable.value.is_some() {
            return Err(VariableError::Constant(name.to_owned()));
        }
        let bad = |reason| VariableError::BadValue { name: name.to_owned(), reason };
        check(&variable.kind, value).map_err(bad)?;
        variable.value = Some(value.to_owned());
        Ok(())
    }

    /// `text` for people: with values put in, and the name of the variable where there is no value. It never fails, so
    /// that a person is asked even if nobody knows everything. What would be too long is cut.
    pub fn show(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = reference(rest) {
            out.push_str(before);
            let value = self.get(name).and_then(|variable| variable.value.as_deref());
            out.push_str(value.unwrap_or(name));
            rest = after;
            if out.len() > RESOLVED_BYTES_MAX {
                break;
            }
        }
        out.push_str(rest);
        out.truncate(out.floor_char_boundary(RESOLVED_BYTES_MAX));
        out
    }

    /// `text` with `__name__:value` replaced by the value of `__name__`.
    ///
    /// # Errors
    /// [`Unresolved`].
    pub fn resolve(&self, text: &str) -> Result<String, Unresolved> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = reference(rest) {
            out.push_str(before);
            out.push_str(self.value(name)?);
            if out.len() > RESOLVED_BYTES_MAX {
                return Err(Unresolved::TooLong);
            }
            rest = after;
        }
        out.push_str(rest);
        if out.len() > RESOLVED_BYTES_MAX {
            return Err(Unresolved::TooLong);
        }
        Ok(out)
    }
}

/// The names that `text` refers to.
pub(super) fn references(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, name, after) = reference(rest)?;
        rest = after;
        Some(name)
    })
}

/// The first reference in `text`: what is before it, its name, what is after it.
pub(crate) fn reference(text: &str) -> Option<(&str, &str, &str)> {
    for (at, _) in text.match_indices(VALUE_REFERENCE) {
        let (head, after) = (&text[..at], &text[at + VALUE_REFERENCE.len()..]);
        if after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        let word = head
            .rfind(|c: char| !is_name_char(c))
            .map_or(0, |end| end + head[end..].chars().next().map_or(1, char::len_utf8));
        // `a__b__` ends with the name `__b__`
        let name = head[word..]
            .match_indices("__")
            .map(|(start, _)| &head[word + start..])
            .find(|name| is_name(name));
        if let Some(name) = name {
            return Some((&head[..head.len() - name.len()], name, after));
        }
    }
    None
}

const fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// `__name__`, by the pattern of section 10.18.
pub(super) fn is_name(text: &str) -> bool {
    let inner = text.strip_prefix("__").and_then(|text| text.strip_suffix("__")).unwrap_or_default();
    let first = inner.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && inner.len() <= NAME_BYTES_MAX && inner.chars().all(is_name_char)
}

fn one(entry: &mut Object<'_, '_>, name: &str) -> Option<Variable> {
    let mut kind = entry.required_text("type")?.to_owned();
    if let Some((_, name)) = OTHER_NAMES.iter().find(|(other, _)| *other == kind) {
        entry.warn("type", format!("the specification calls this {name:?}"));
        kind = (*name).to_owned();
    }
    if !VARIABLE_TYPES.contains(&kind.as_str()) && !kind.ends_with("-hash") {
        entry.error(
            "type",
            format!("there is no type {kind:?} of variables; types are {}", VARIABLE_TYPES.join(", ")),
        );
        return None;
    }
    let value = match entry.get("value") {
        None => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    // an empty text is what is written for "none yet"; only texts can be empty
    let value = value.filter(|value| !value.is_empty() || kind == "string");
    if let Some(Err(reason)) = value.as_deref().map(|value| check(&kind, value)) {
        entry.error("value", reason);
    }
    let (constant, external) = (entry.flag("constant"), entry.flag("external"));
    if constant && value.is_none() && !external {
        entry.warn("value", format!("{name} is constant and has no value: nothing can give it one"));
    }
    let description = entry.text("description").unwrap_or_default().to_owned();
    Some(Variable { kind, description, value, constant, external })
}

/// Whether `value` is one of that type.
fn check(kind: &str, value: &str) -> Result<(), String> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(format!("the value has {} bytes, at most {VALUE_BYTES_MAX} are kept", value.len()));
    }
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let fits = match kind {
        "boolean" => matches!(value, "true" | "false"),
        "integer" => value.parse::<i32>().is_ok(),
        "long" => value.parse::<i64>().is_ok(),
        "float" => value.parse::<f64>().is_ok_and(f64::is_finite),
        "hexadecimal" => is_hex(value.strip_prefix("0x").unwrap_or(value)),
        "ipv4-addr" => is_network(value, |text| text.parse::<std::net::Ipv4Addr>().is_ok(), 32),
        "ipv6-addr" => is_network(value, |text| text.parse::<std::net::Ipv6Addr>().is_ok(), 128),
        "mac-addr" => {
            value.len() == 17 && value.split([':', '-']).all(|pair| pair.len() == 2 && is_hex(pair))
        }
        "md5-hash" => value.len() == 32 && is_hex(value),
        "sha256-hash" => value.len() == 64 && is_hex(value),
        "uuid" => {
            value.parse::<super::Identifier>().is_ok()
                || format!("uuid--{value}").parse::<super::Identifier>().is_ok()
        }
        "dictionary" => matches!(serde_json::from_str(value), Ok(Value::Object(_))),
        "list" => matches!(serde_json::from_str(value), Ok(Value::Array(_))),
        _ => true,
    };
    if fits { Ok(()) } else { Err(format!("{:?} is no {kind}", value.chars().take(80).collect::<String>())) }
}

/// An address, or one with the length of a prefix.
fn is_network(value: &str, is_address: impl Fn(&str) -> bool, bits_max: u8) -> bool {
    match value.split_once('/') {
        None => is_address(value),
        Some((address, bits)) => is_address(address) && bits.parse::<u8>().is_ok_and(|bits| bits <= bits_max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(of: &[(&str, &str, Option<&str>)]) -> Variables {
        let one = |(name, kind, value): &(&str, &str, Option<&str>)| {
            let value = value.map(str::to_owned);
            let variable = Variable {
                kind: (*kind).into(),
                description: String::new(),
                value,
                constant: false,
                external: false,
            };
            ((*name).to_owned(), variable)
        };
        Variables(of.iter().map(one).collect())
    }

    #[test]
    fn references_become_values_once() {
        let all = variables(&[
            ("__ip__", "string", Some("10.0.0.1")),
            ("__twice__", "string", Some("__ip__:value")),
            ("__none__", "string", None),
        ]);
        for (text, resolved) in [
            ("", ""),
            ("no reference to __ip__ here", "no reference to __ip__ here"),
            ("http://__ip__:value/by", "http://10.0.0.1/by"),
            ("__ip__:value__ip__:value", "__ip__:value10.0.0.1"),
            ("__ip__:values", "__ip__:values"),
            ("a__ip__:value", "a10.0.0.1"),
            ("é__ip__:value é", "é10.0.0.1 é"),
            ("__twice__:value", "__ip__:value"),
            (":value ____:value", ":value ____:value"),
        ] {
            assert_eq!(all.resolve(text).as_deref(), Ok(resolved), "{text}");
        }
        assert_eq!(
            all.show("ask __none__:value at __ip__:value, __gone__:value"),
            "ask __none__ at 10.0.0.1, __gone__"
        );
        assert_eq!(all.show("__twice__:value"), "__ip__:value");
        assert_eq!(all.resolve("__gone__:value"), Err(Unresolved::Unknown("__gone__".into())));
        assert_eq!(all.resolve("__none__:value"), Err(Unresolved::Empty("__none__".into())));
    }

    #[test]
    fn a_short_text_does_not_become_a_long_one() {
        let long = "x".repeat(VALUE_BYTES_MAX);
        let all = variables(&[("__x__", "string", Some(&long))]);
        assert_eq!(all.resolve(&"__x__:value ".repeat(5)), Err(Unresolved::TooLong));
        let accents = all.show(&("é".to_owned() + &"__x__:value é".repeat(500)));
        assert!((RESOLVED_BYTES_MAX - 3..=RESOLVED_BYTES_MAX).contains(&accents.len()), "{}", accents.len());
    }

    #[test]
    fn values_are_of_their_type() {
        for (kind, good, bad) in [
            ("boolean", "true", "yes"),
            ("integer", "-3", "3.5"),
            ("long", "9000000000", "9e9"),
            ("float", "0.5", "inf"),
            ("hexadecimal", "0xfF", "0x"),
            ("ipv4-addr", "10.0.0.0/8", "10.0.0.0/33"),
            ("ipv6-addr", "2001:db8::1", "10.0.0.1"),
            ("mac-addr", "00:1b:44:11:3a:b7", "00:1b:44:11:3a"),
            ("sha256-hash", &"a".repeat(64), "a"),
            ("uuid", "9e7d62b2-88ac-4656-94e1-dbd4413ba008", "9e7d62b2"),
            ("dictionary", r#"{"a":1}"#, "[]"),
            ("list", "[1]", "1"),
        ] {
            let mut all = variables(&[("__v__", kind, None)]);
            assert!(all.set("__v__", bad).is_err(), "{kind} {bad}");
            assert_eq!(all.get("__v__").unwrap().value, None);
            assert_eq!(all.set("__v__", good), Ok(()), "{kind} {good}");
        }
    }

    #[test]
    fn a_constant_gets_its_value_once() {
        let mut all = variables(&[("__v__", "string", None)]);
        all.0.get_mut("__v__").unwrap().constant = true;
        assert_eq!(all.set("__v__", "first"), Ok(()));
        assert_eq!(all.set("__v__", "second"), Err(VariableError::Constant("__v__".into())));
        assert_eq!(all.set("__w__", "x"), Err(VariableError::Unknown("__w__".into())));
    }
}
