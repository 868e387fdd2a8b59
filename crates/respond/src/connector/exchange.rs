//! One request of an action and what its answer means, as data.

use super::host::{COMMAND_SECONDS_MAX, HostError};
use super::pick::Pick;
use super::sign::{self, SignError};
use super::spec::{Auth, Connector};
use super::template::{Place, Template, TemplateError, Values, encoded};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The methods of requests: those of RFC 9110 and RFC 5789, one of these that only asks, and two of commands on hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Method {
    Get,
    /// A `POST` by which something is only asked, as the vendor describes it.
    Ask,
    Post,
    Put,
    Patch,
    Delete,
    /// A command that changes nothing.
    Look,
    /// A command that changes something.
    Run,
}

impl Method {
    /// As it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Ask | Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Look => "LOOK",
            Self::Run => "RUN",
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
    /// What must not stand there (any more), as text, or several of such.
    #[serde(default)]
    pub is_not: OneOrMany,
    /// Whether there must be nothing there, or an empty list.
    #[serde(default)]
    pub empty: bool,
    /// Of a list of network policies of Kubernetes: none that lets something through may select what has these labels,
    /// which are JSON.
    pub lets_nothing_through: Option<Template>,
    /// What it means if it is not so, for people.
    pub because: Option<String>,
    /// Whether nobody can tell where it is not so, as where a host did not answer: that is no refusal.
    #[serde(default)]
    pub unclear: bool,
}

impl Expectation {
    pub(super) const fn says_nothing(&self) -> bool {
        !self.empty
            && self.lets_nothing_through.is_none()
            && matches!((&self.is, &self.is_not), (OneOrMany::None, OneOrMany::None))
    }

    /// The names of the values that it takes.
    fn names(&self) -> impl Iterator<Item = &str> {
        let compared = self.is.all().iter().chain(self.is_not.all()).chain(&self.lets_nothing_through);
        compared.flat_map(Template::names).chain(self.at.names())
    }
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
    /// Where it goes, if not to the connector's base.
    pub base_url: Option<Template>,
    /// The path below that base, with places for values.
    #[serde(default = "Template::empty")]
    pub path: Template,
    /// The command and its arguments, where the connector goes by SSH. Each is one word there, whatever its values are.
    #[serde(default)]
    pub run: Vec<Template>,
    /// What the command reads.
    pub stdin: Option<Template>,
    /// How long the command or request may take, in seconds; at most
    /// [`COMMAND_SECONDS_MAX`](super::COMMAND_SECONDS_MAX).
    pub seconds_max: Option<u64>,
    /// For which values of what is known it is sent, by name: a text or several. Where it is not for them, it is left
    /// out.
    #[serde(default)]
    pub when: BTreeMap<String, OneOrMany>,
    /// Parameters of the query. A name that ends in `.#` stands for as many as its value, a JSON list of texts, has:
    /// `GroupId.1`, `GroupId.2`.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// The JSON that is sent; its texts are templates, `{$number: "{name}"}` is the value as a number, and
    /// `{$json: "{name}"}` the JSON that was read (null if there was none). A text that begins with `#!` is a script, and takes
    /// values of plain signs only ([`Place::Plain`]). Where `content_type` is XML: a text.
    pub body: Option<Value>,
    /// What the body is; JSON if not said.
    pub content_type: Option<String>,
    /// Statuses that mean that it went well: of a command, its exit codes.
    pub expect: Vec<u16>,
    /// Statuses that mean that it was so before: applying again is no failure.
    #[serde(default)]
    pub already: Vec<u16>,
    /// Statuses that mean that it is refused for now, and had no effect: something else is under way.
    #[serde(default)]
    pub later: Vec<u16>,
    /// Statuses after which it may have its effect all the same: it waits there for its turn.
    #[serde(default)]
    pub unclear: Vec<u16>,
    /// Whether it is sent once more after an earlier try that is in no effect, where the action is
    /// [not made a second time](super::ActionSpec::apply_once): it only goes on with what that one began, and fails where there is
    /// nothing.
    #[serde(default)]
    pub resumes: bool,
    /// What other statuses mean here, for people.
    #[serde(default)]
    pub means: BTreeMap<u16, String>,
    /// What must be so in the answer besides.
    #[serde(default, rename = "where")]
    pub holds: Vec<Expectation>,
    /// What the answer tells, by name, for later requests and for people.
    #[serde(default)]
    pub facts: BTreeMap<String, Pick>,
}

/// What would be sent. Secrets are in `headers`, and in the body of a form, by which one signs in.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Where.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Its text.
    pub body: Option<String>,
    /// How long it may take, in seconds, where that is not as of others.
    pub seconds_max: Option<u64>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        let mut shown = f.debug_struct("Request");
        shown.field("method", &self.method).field("url", &self.url).field("headers", &names);
        if names_form(&self.headers) {
            return shown.finish_non_exhaustive();
        }
        shown.field("body", &self.body).finish()
    }
}

/// The form of requests by which one signs in.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

fn names_form(headers: &[(String, String)]) -> bool {
    headers.iter().any(|(name, value)| name == "content-type" && value == FORM)
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
    /// It cannot be run on that host.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl Exchange {
    /// Whether it changes something at the remote side.
    pub const fn changes(&self) -> bool {
        !matches!(self.method, Method::Get | Method::Ask | Method::Look)
    }

    /// The names of all values that it takes.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.path.names().collect();
        names.extend(self.query.values().flat_map(Template::names));
        names.extend(self.run.iter().chain(&self.stdin).flat_map(Template::names));
        names.extend(self.base_url.iter().flat_map(Template::names));
        names.extend(self.when.values().flat_map(OneOrMany::all).flat_map(Template::names));
        names.extend(self.when.keys().map(String::as_str));
        names.extend(self.holds.iter().flat_map(Expectation::names));
        names.extend(self.facts.values().flat_map(Pick::names));
        names
    }

    /// Whether it is for these values.
    pub fn is_for(&self, values: &Values) -> bool {
        self.when.iter().all(|(name, wanted)| {
            let value = values.get(name).map(String::as_str).unwrap_or_default();
            let mut wanted = wanted.all().iter().filter_map(|is| is.fill(values, Place::Json).ok());
            wanted.any(|wanted| wanted == value)
        })
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
        let base_url = self.base_url.as_ref().unwrap_or(&connector.base_url);
        let mut url = base_url.fill(values, Place::Json)?;
        url.truncate(url.trim_end_matches('/').len());
        url.push_str(&self.path.fill(values, Place::Path)?);
        for (at, (name, value)) in self.parameters(values)?.iter().enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(value);
        }
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        for (name, value) in &connector.headers {
            headers.push((name.to_ascii_lowercase(), value.fill(values, Place::Header)?));
        }
        match &connector.auth {
            Auth::Header { value } => {
                headers.push(("authorization".to_owned(), value.fill(values, Place::Header)?));
            }
            Auth::Token { .. } => {
                let token = Template::parse("Bearer {access_token}")?.fill(values, Place::Header)?;
                headers.push(("authorization".to_owned(), token));
            }
            Auth::AwsSigv4 { .. } | Auth::Ssh { .. } | Auth::None => {}
        }
        let body = self.body.as_ref().map(|body| self.written(body, values)).transpose()?;
        if body.is_some() {
            let content_type = self.content_type.as_deref().unwrap_or("application/json");
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        // what a method means to us is not what is sent
        let method = if self.method == Method::Ask { Method::Post } else { self.method };
        let seconds_max = self.seconds_max.map(|seconds| seconds.min(COMMAND_SECONDS_MAX));
        let mut request = Request { method, url, headers, body, seconds_max };
        if let Auth::AwsSigv4 { service, region, access_key, secret_key } = &connector.auth {
            let fill = |template: &Template| template.fill(values, Place::Header);
            let (region, key, secret) = (fill(region)?, fill(access_key)?, fill(secret_key)?);
            sign::aws(&mut request, service, &region, (&key, &secret), now_ms)?;
        }
        Ok(request)
    }
}

impl Exchange {
    /// The query's parameters, written as they are sent.
    fn parameters(&self, values: &Values) -> Result<Vec<(String, String)>, TemplateError> {
        let mut parameters = Vec::with_capacity(self.query.len());
        for (name, value) in &self.query {
            let Some(name) = name.strip_suffix(".#") else {
                parameters.push((name.clone(), value.fill(values, Place::Query)?));
                continue;
            };
            let list = serde_json::from_str::<Vec<String>>(&value.fill(values, Place::Json)?);
            let unfit = |_| TemplateError::Unfit { name: name.to_owned(), reason: "it is no list of texts" };
            let numbered = list.map_err(unfit)?.into_iter().zip(1..);
            parameters.extend(numbered.map(|(value, at)| (format!("{name}.{at}"), encoded(&value))));
        }
        Ok(parameters)
    }

    fn written(&self, body: &Value, values: &Values) -> Result<String, TemplateError> {
        match (body, self.content_type.as_deref()) {
            (Value::String(text), Some(kind)) if kind.ends_with("xml") => {
                Template::parse(text)?.fill(values, Place::Xml)
            }
            _ => filled(body, values).map(|body| body.to_string()),
        }
    }
}

/// The name under which a value stands as a number.
const NUMBER: &str = "$number";

/// How a text begins that is a script for some host.
const SCRIPT: &str = "#!";

/// The name under which JSON stands that was read.
const JSON: &str = "$json";

fn json(body: &Value, values: &Values) -> Result<Value, TemplateError> {
    let text = body.get(JSON).and_then(Value::as_str).unwrap_or_default();
    let value = Template::parse(text)?.fill(values, Place::Json)?;
    if value.is_empty() {
        return Ok(Value::Null);
    }
    let json = serde_json::from_str(&value);
    json.map_err(|_| TemplateError::Unfit { name: text.to_owned(), reason: "it is no JSON" })
}

fn number(body: &Value, values: &Values) -> Result<Value, TemplateError> {
    let text = body.get(NUMBER).and_then(Value::as_str).unwrap_or_default();
    let value = Template::parse(text)?.fill(values, Place::Json)?;
    let number = value.parse::<i64>().map(Value::from);
    number.map_err(|_| TemplateError::Unfit { name: text.to_owned(), reason: "it is no whole number" })
}

/// JSON with values put into its texts.
fn filled(body: &Value, values: &Values) -> Result<Value, TemplateError> {
    Ok(match body {
        // no value may become a part of a program
        Value::String(text) if text.starts_with(SCRIPT) => {
            Value::String(Template::parse(text)?.fill(values, Place::Plain)?)
        }
        Value::String(text) => Value::String(Template::parse(text)?.fill(values, Place::Json)?),
        Value::Array(list) => list.iter().map(|value| filled(value, values)).collect::<Result<_, _>>()?,
        Value::Object(map) if map.len() == 1 && map.contains_key(NUMBER) => number(body, values)?,
        Value::Object(map) if map.len() == 1 && map.contains_key(JSON) => json(body, values)?,
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
