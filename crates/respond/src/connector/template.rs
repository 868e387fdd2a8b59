//! Texts with places for values: `/api/v1/users/{target}/sessions`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Values by name.
pub type Values = BTreeMap<String, String>;

/// Longest value, in bytes.
const VALUE_BYTES_MAX: usize = 8 * 1024;

/// A text with names in braces. A brace that is meant is doubled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(String),
}

/// Where a value stands, and so how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A segment of a path: everything but unreserved characters is percent-encoded (RFC 3986, section 2.3), so a value
    /// is one segment. `.` and `..` alone are refused: they would name another path.
    Path,
    /// A value in a query: percent-encoded likewise, with the text around it.
    Query,
    /// A header's value: visible ASCII and spaces only.
    Header,
    /// A text in JSON; JSON's own writer escapes it.
    Json,
    /// A text in XML: what means something there is written as a reference; control characters are refused.
    Xml,
    /// A text that a program reads as its own language, with no way to write all of it: letters, digits, spaces and
    /// `.:/_-,` only. An empty value is refused too.
    Plain,
}

/// A text is no template, or a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace without its partner, or a name of other characters than `a-z`, `0-9` and `_`.
    #[error("{0:?}: a value is written as {{name}}, a brace as two")]
    Braces(String),
    /// Nobody gives the value.
    #[error("there is no value {0}")]
    Missing(String),
    /// The value cannot stand there.
    #[error("the value of {name} cannot stand there: {reason}")]
    Unfit {
        /// Which.
        name: String,
        /// Why not.
        reason: &'static str,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError::Braces`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let bad = || TemplateError::Braces(text.chars().take(80).collect());
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let (name, after) = rest.split_once('}').filter(|_| brace == "{").ok_or_else(bad)?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(bad());
            }
            parts.extend((!plain.is_empty()).then(|| Part::Text(std::mem::take(&mut plain))));
            parts.push(Part::Value(name.to_owned()));
            rest = after;
        }
        plain.push_str(rest);
        parts.extend((!plain.is_empty()).then_some(Part::Text(plain)));
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The value of that name.
    pub(super) fn value(name: &str) -> Self {
        Self { text: format!("{{{name}}}"), parts: vec![Part::Value(name.to_owned())] }
    }

    /// Nothing.
    pub(super) const fn empty() -> Self {
        Self { text: String::new(), parts: Vec::new() }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of its values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// With its values put in, as they are written in that place.
    ///
    /// # Errors
    /// [`TemplateError::Missing`], [`TemplateError::Unfit`].
    pub fn fill(&self, values: &Values, place: Place) -> Result<String, TemplateError> {
        let mut out = String::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                // what stands in a query is written plainly in the file
                Part::Text(text) if place == Place::Query => encode(&mut out, text),
                Part::Text(text) => out.push_str(text),
                Part::Value(name) => {
                    let value = values.get(name).ok_or_else(|| TemplateError::Missing(name.clone()))?;
                    write(&mut out, value, place)
                        .map_err(|reason| TemplateError::Unfit { name: name.clone(), reason })?;
                }
            }
        }
        Ok(out)
    }
}

fn write(out: &mut String, value: &str, place: Place) -> Result<(), &'static str> {
    if value.len() > VALUE_BYTES_MAX {
        return Err("it is too long");
    }
    match place {
        Place::Path if value.is_empty() => Err("it is empty"),
        Place::Path if matches!(value, "." | "..") => Err("it would name another path"),
        Place::Path | Place::Query => {
            encode(out, value);
            Ok(())
        }
        Place::Header if !value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) => {
            Err("a header has visible ASCII only")
        }
        Place::Plain if value.is_empty() || !value.bytes().all(is_plain) => {
            Err("it is empty, or has more than letters, digits, spaces and .:/_-,")
        }
        Place::Xml if value.chars().any(char::is_control) => Err("XML has no control characters"),
        Place::Xml => {
            for character in value.chars() {
                match character {
                    '&' => out.push_str("&amp;"),
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    '"' => out.push_str("&quot;"),
                    '\'' => out.push_str("&apos;"),
                    other => out.push(other),
                }
            }
            Ok(())
        }
        Place::Header | Place::Json | Place::Plain => {
            out.push_str(value);
            Ok(())
        }
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'/' | b'_' | b'-' | b',' | b' ')
}

/// `text` as a value in a query.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode(&mut out, text);
    out
}

/// Everything but unreserved characters percent-encoded (RFC 3986, section 2.3).
fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // a write to a string cannot fail
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;
    fn try_from(text: String) -> Result<Self, TemplateError> {
        Self::parse(&text)
    }
}

impl From<Template> for String {
    fn from(template: Template) -> String {
        template.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(of: &[(&str, &str)]) -> Values {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_stay_in_their_place() {
        let template = Template::parse("/users/{target}/sessions?{{x}}").unwrap();
        assert_eq!(template.names().collect::<Vec<_>>(), ["target"]);
        for (value, filled) in [
            ("ann", "/users/ann/sessions?{x}"),
            ("a/../b", "/users/a%2F..%2Fb/sessions?{x}"),
            ("a?b#c&d=e", "/users/a%3Fb%23c%26d%3De/sessions?{x}"),
            ("a\r\nHost: b", "/users/a%0D%0AHost%3A%20b/sessions?{x}"),
            ("{other}", "/users/%7Bother%7D/sessions?{x}"),
            ("ä", "/users/%C3%A4/sessions?{x}"),
        ] {
            assert_eq!(
                template.fill(&values(&[("target", value)]), Place::Path).as_deref(),
                Ok(filled),
                "{value}"
            );
        }
        for bad in ["", ".", "..", &"a".repeat(VALUE_BYTES_MAX + 1)] {
            let refused = template.fill(&values(&[("target", bad)]), Place::Path);
            assert!(matches!(refused, Err(TemplateError::Unfit { .. })), "{bad}");
        }
        assert_eq!(template.fill(&Values::new(), Place::Path), Err(TemplateError::Missing("target".into())));
        let header = Template::parse("SSWS {token}").unwrap();
        assert!(header.fill(&values(&[("token", "a\r\nX: y")]), Place::Header).is_err());
        assert_eq!(header.fill(&values(&[("token", "abc")]), Place::Header).as_deref(), Ok("SSWS abc"));
        let xml = Template::parse("<a>{x}</a>").unwrap();
        let filled = xml.fill(&values(&[("x", "</a>&'\"")]), Place::Xml);
        assert_eq!(filled.as_deref(), Ok("<a>&lt;/a&gt;&amp;&apos;&quot;</a>"));
        assert!(xml.fill(&values(&[("x", "\0")]), Place::Xml).is_err());
    }

    #[test]
    fn braces_come_in_pairs() {
        for bad in ["{", "}", "{a", "a}", "{}", "{ä}", "{a b}", "{a{b}}", "{{a}"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Template::parse("").unwrap().fill(&Values::new(), Place::Json).as_deref(), Ok(""));
    }
}
