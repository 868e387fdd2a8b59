//! Where something stands in an answer.
//!
//! A JSON pointer (RFC 6901), in which a part `[name={value}]` is the first element of a list whose `name` is that value:
//! `/keys/[id={target}]/status`; `[={value}]` is the first element that is the value itself, and
//! `[a={x},b={y}]` the first of which both hold; `a.b` is `b` of `a`. A part `*` is every element:
//! what is found in each is a list, sorted as text, because interfaces tell the same list in changing order.

use super::answer::text_of;
use super::template::{Place, Template, Values};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

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
    Which(Vec<(String, Template)>),
    Each,
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
    if text == "*" {
        return Some(Part::Each);
    }
    let Some(inner) = text.strip_prefix('[') else {
        return Some(Part::Name(text.replace("~1", "/").replace("~0", "~")));
    };
    let pair = |text: &str| {
        let (name, value) = text.split_once('=')?;
        Some((name.to_owned(), Template::parse(value).ok()?))
    };
    Some(Part::Which(inner.strip_suffix(']')?.split(',').map(pair).collect::<Option<_>>()?))
}

impl Pick {
    /// The member of that name.
    pub(super) fn below(name: &str) -> Self {
        Self { text: format!("/{name}"), parts: vec![Part::Name(name.to_owned())] }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the values that it takes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(|part| match part {
            Part::Which(pairs) => pairs.iter().flat_map(|(_, value)| value.names()).collect(),
            Part::Name(_) | Part::Each => Vec::new(),
        })
    }

    /// What stands there in `body`.
    pub fn of<'b>(&self, body: &'b Value, values: &Values) -> Option<Cow<'b, Value>> {
        find(&self.parts, body, values)
    }
}

fn find<'b>(parts: &[Part], at: &'b Value, values: &Values) -> Option<Cow<'b, Value>> {
    let Some((part, rest)) = parts.split_first() else { return Some(Cow::Borrowed(at)) };
    let next = match part {
        Part::Name(name) => match at {
            Value::Object(map) => map.get(name),
            Value::Array(list) => list.get(name.parse::<usize>().ok()?),
            _ => None,
        },
        Part::Which(pairs) => {
            let pair = |(name, value): &(String, Template)| {
                Some((name.clone(), value.fill(values, Place::Json).ok()?))
            };
            let wanted: Vec<_> = pairs.iter().map(pair).collect::<Option<_>>()?;
            let is = |one: &Value, name: &str, wanted: &str| {
                let below = || name.split('.').try_fold(one, |at, part| at.get(part));
                let found = if name.is_empty() { Some(one) } else { one.get(name).or_else(below) };
                found.is_some_and(|found| text_of(found) == wanted)
            };
            at.as_array()?.iter().find(|one| wanted.iter().all(|(name, wanted)| is(one, name, wanted)))
        }
        Part::Each => {
            let each = at.as_array()?.iter().filter_map(|one| find(rest, one, values));
            let mut list: Vec<Value> = each.map(Cow::into_owned).collect();
            list.sort_by_cached_key(text_of);
            return Some(Cow::Owned(Value::Array(list)));
        }
    };
    find(rest, next?, values)
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
            "groups": ["b", "B"],
            "tables": [{ "other": 1 }, { "table": { "name": "b", "family": "inet" } }],
        });
        let values = Values::from([("target".to_owned(), "B".to_owned())]);
        for (place, found) in [
            ("/keys/[id={target}]/status", Some(json!("Inactive"))),
            ("/keys/[id=7]/status", Some(json!("x"))),
            ("/keys/[id=C]/status", None),
            ("/keys/0/id", Some(json!("A"))),
            ("/keys/*/status", Some(json!(["Active", "Inactive", "x"]))),
            ("/keys/*/id", Some(json!([7, "A", "B"]))),
            ("/keys/*/none", Some(json!([]))),
            ("/none/*/id", None),
            ("/groups/[={target}]", Some(json!("B"))),
            ("/groups/[=c]", None),
            ("/keys/[id={target},status=Inactive]/id", Some(json!("B"))),
            ("/keys/[id={target},status=Active]/id", None),
            ("/tables/[table.name=b]/table/family", Some(json!("inet"))),
            ("/tables/[table.name=c]", None),
            ("/a~1b/", Some(json!(1))),
            ("/keys/[id={other}]/status", None),
            ("", Some(body.clone())),
        ] {
            let pick = Pick::try_from(place.to_owned()).unwrap();
            assert_eq!(pick.of(&body, &values).map(Cow::into_owned), found, "{place}");
        }
        for bad in ["keys", "/[id]", "/[id=a,b]", "/[id=a", "/[id={]", &"/a".repeat(PARTS_MAX + 1)] {
            assert!(Pick::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
