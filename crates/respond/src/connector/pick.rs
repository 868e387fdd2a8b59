//! Where something stands in an answer.
//!
//! A JSON pointer (RFC 6901), in which a part `[name={value}]` is the first element of a list whose `name` is that value:
//! `/keys/[id={target}]/status`.

use super::answer::text_of;
use super::template::{Place, Template, Values};
use serde::Deserialize;
use serde_json::Value;

/// Most parts.
const PARTS_MAX: usize = 32;

/// A place in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pick {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Name(String),
    Which { name: String, value: Template },
}

/// The text is no place in an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place in an answer, such as /user/status or /keys/[id={{target}}]/status")]
pub struct PickError(String);

impl TryFrom<String> for Pick {
    type Error = PickError;

    fn try_from(text: String) -> Result<Self, PickError> {
        if text.is_empty() {
            return Ok(Self { text, parts: Vec::new() });
        }
        let rest = text.strip_prefix('/').ok_or_else(|| PickError(text.clone()))?;
        let parts: Option<Vec<Part>> = rest.split('/').take(PARTS_MAX + 1).map(part).collect();
        match parts.filter(|parts| parts.len() <= PARTS_MAX) {
            Some(parts) => Ok(Self { text, parts }),
            None => Err(PickError(text)),
        }
    }
}

fn part(text: &str) -> Option<Part> {
    let Some(inner) = text.strip_prefix('[') else {
        return Some(Part::Name(text.replace("~1", "/").replace("~0", "~")));
    };
    let (name, value) = inner.strip_suffix(']')?.split_once('=')?;
    Some(Part::Which { name: name.to_owned(), value: Template::parse(value).ok()? })
}

impl Pick {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the values that it takes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(|part| match part {
            Part::Which { value, .. } => value.names().collect(),
            Part::Name(_) => Vec::new(),
        })
    }

    /// What stands there in `body`.
    pub fn of<'b>(&self, body: &'b Value, values: &Values) -> Option<&'b Value> {
        self.parts.iter().try_fold(body, |at, part| match part {
            Part::Name(name) => match at {
                Value::Object(map) => map.get(name),
                Value::Array(list) => list.get(name.parse::<usize>().ok()?),
                _ => None,
            },
            Part::Which { name, value } => {
                let wanted = value.fill(values, Place::Json).ok()?;
                at.as_array()?.iter().find(|one| one.get(name).is_some_and(|found| text_of(found) == wanted))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_are_found() {
        let body = json!({
            "keys": [{ "id": "A", "status": "Active" }, { "id": "B", "status": "Inactive" }, { "id": 7, "status": "x" }],
            "a/b": { "": 1 },
        });
        let values = Values::from([("target".to_owned(), "B".to_owned())]);
        for (place, found) in [
            ("/keys/[id={target}]/status", Some(json!("Inactive"))),
            ("/keys/[id=7]/status", Some(json!("x"))),
            ("/keys/[id=C]/status", None),
            ("/keys/0/id", Some(json!("A"))),
            ("/a~1b/", Some(json!(1))),
            ("/keys/[id={other}]/status", None),
            ("", Some(body.clone())),
        ] {
            let pick = Pick::try_from(place.to_owned()).unwrap();
            assert_eq!(pick.of(&body, &values).cloned(), found, "{place}");
        }
        for bad in ["keys", "/[id]", "/[id=a", "/[id={]", &"/a".repeat(PARTS_MAX + 1)] {
            assert!(Pick::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
