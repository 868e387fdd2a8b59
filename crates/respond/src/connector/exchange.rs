//! One request of an action and what its answer means, as data.

use super::pick::Pick;
use super::sign::{self, SignError};
use super::spec::{Auth, Connector};
use super::template::{Place, Template, TemplateError, Values};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The methods of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they are those of RFC 9110 and RFC 5789")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// As it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What must be so in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Where.
    pub at: Pick,
    /// What must stand there, as text; a list of texts means any of them.
    #[serde(default)]
    pub is: OneOrMany,
    /// Whether there must be nothing there, or an empty list.
    #[serde(default)]
    pub empty: bool,
}

/// A text, or several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// Nothing.
    #[default]
    None,
    /// One.
    One(Template),
    /// Several.
    Many(Vec<Template>),
}

impl OneOrMany {
    /// All of them.
    pub fn all(&self) -> &[Template] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A request, and what its answer means.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// How.
    pub method: Method,
    /// The path below the connector's base, with places for values.
    pub path: Template,
    /// Parameters of the query.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// The JSON that is sent; its texts are templates, and `{$number: "{name}"}` is the value as a number.
    pub body: Option<Value>,
    /// What the body is; JSON if not said.
    pub content_type: Option<String>,
    /// Statuses that mean that it went well.
    pub expect: Vec<u16>,
    /// Statuses that mean that it was so before: applying again is no failure.
    #[serde(default)]
    pub already: Vec<u16>,
    /// What must be so in the answer besides.
    #[serde(default, rename = "where")]
    pub holds: Vec<Expectation>,
    /// What the answer tells, by name, for later requests and for people.
    #[serde(default)]
    pub facts: BTreeMap<String, Pick>,
}

/// What would be sent. Secrets are in `headers` only.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Where.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// JSON text.
    pub body: Option<String>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        let mut shown = f.debug_struct("Request");
        shown.field("method", &self.method).field("url", &self.url).field("headers", &names);
        shown.field("body", &self.body).finish()
    }
}

/// A request cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A value is missing or does not fit.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// It cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl Exchange {
    /// Whether it changes something at the remote side.
    pub const fn changes(&self) -> bool {
        !matches!(self.method, Method::Get)
    }

    /// The names of all values that it takes.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.path.names().collect();
        names.extend(self.query.values().flat_map(Template::names));
        names.extend(self.holds.iter().flat_map(|holds| holds.is.all()).flat_map(Template::names));
        names.extend(
            self.holds.iter().map(|holds| &holds.at).chain(self.facts.values()).flat_map(Pick::names),
        );
        names
    }

    /// The request with its values put in, signed at `now_ms`.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn request(
        &self,
        connector: &Connector,
        values: &Values,
        now_ms: i64,
    ) -> Result<Request, FormatError> {
        let mut url = connector.base_url.fill(values, Place::Json)?;
        url.truncate(url.trim_end_matches('/').len());
        url.push_str(&self.path.fill(values, Place::Path)?);
        for (at, (name, value)) in self.query.iter().enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(&value.fill(values, Place::Query)?);
        }
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        for (name, value) in &connector.headers {
            headers.push((name.to_ascii_lowercase(), value.fill(values, Place::Header)?));
        }
        match &connector.auth {
            Auth::Header { value } => {
                headers.push(("authorization".to_owned(), value.fill(values, Place::Header)?));
            }
            Auth::AwsSigv4 { .. } | Auth::None => {}
        }
        let body = self.body.as_ref().map(|body| filled(body, values)).transpose()?;
        if body.is_some() {
            let content_type = self.content_type.as_deref().unwrap_or("application/json");
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        let mut request =
            Request { method: self.method, url, headers, body: body.map(|body| body.to_string()) };
        if let Auth::AwsSigv4 { service, region, access_key, secret_key } = &connector.auth {
            let fill = |template: &Template| template.fill(values, Place::Header);
            let (region, key, secret) = (fill(region)?, fill(access_key)?, fill(secret_key)?);
            sign::aws(&mut request, service, &region, (&key, &secret), now_ms)?;
        }
        Ok(request)
    }
}

/// The name under which a value stands as a number.
const NUMBER: &str = "$number";

fn number(body: &Value, values: &Values) -> Result<Value, TemplateError> {
    let text = body.get(NUMBER).and_then(Value::as_str).unwrap_or_default();
    let value = Template::parse(text)?.fill(values, Place::Json)?;
    let number = value.parse::<i64>().map(Value::from);
    number.map_err(|_| TemplateError::Unfit { name: text.to_owned(), reason: "it is no whole number" })
}

/// JSON with values put into its texts.
fn filled(body: &Value, values: &Values) -> Result<Value, TemplateError> {
    Ok(match body {
        Value::String(text) => Value::String(Template::parse(text)?.fill(values, Place::Json)?),
        Value::Array(list) => list.iter().map(|value| filled(value, values)).collect::<Result<_, _>>()?,
        Value::Object(map) if map.len() == 1 && map.contains_key(NUMBER) => number(body, values)?,
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| Ok((key.clone(), filled(value, values)?)));
            Value::Object(entries.collect::<Result<_, TemplateError>>()?)
        }
        other => other.clone(),
    })
}

/// The names of the values in the texts of a body.
pub(super) fn names_of(body: &Value) -> Result<Vec<String>, TemplateError> {
    Ok(match body {
        Value::String(text) => Template::parse(text)?.names().map(str::to_owned).collect(),
        Value::Array(list) => list.iter().map(names_of).collect::<Result<Vec<_>, _>>()?.concat(),
        Value::Object(map) => map.values().map(names_of).collect::<Result<Vec<_>, _>>()?.concat(),
        _ => Vec::new(),
    })
}
