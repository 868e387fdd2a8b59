//! Commands of type `http-api` (CACAO 2.0, section 5.5): a request, to hosts that the operator allows.

use crate::connector::{Method, Request};
use crate::playbook::{Command, Playbook, Step, StepKind};
use serde_json::Value;
use ureq::http::Uri;

/// Most headers of a request.
const HEADERS_MAX: usize = 50;

/// The request of a command; `resolve` puts values of variables into texts.
///
/// # Errors
/// Why it cannot be sent, in words.
pub(super) fn request(
    playbook: &Playbook,
    step: &Step,
    command: &Command,
    allows_host: impl Fn(&str) -> bool,
    resolve: impl Fn(&str) -> Result<String, String>,
) -> Result<Request, String> {
    // told apart before values are put in: none of them makes another request line
    let text = command.text.as_deref().ok_or("a command in base 64 is not sent")?;
    let mut words = text.split_ascii_whitespace();
    let method = method(words.next().unwrap_or_default())?;
    let path = resolve(words.next().unwrap_or_default())?;
    let url = if path.contains("://") { path } else { base(playbook, step, &resolve)? + &path };
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("there is white space in the address".to_owned());
    }
    let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no address: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(format!("{url:?} is no address of HTTP"));
    }
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    if authority.is_empty() || authority.contains('@') {
        return Err(format!("{url:?} names no host, or somebody who signs in"));
    }
    if !allows_host(&authority.to_ascii_lowercase()) {
        return Err(format!("requests to {authority} are not allowed; the operator lists hosts that are"));
    }
    let properties = &command.properties;
    let body = properties.get("content").and_then(Value::as_str).map(&resolve).transpose()?;
    Ok(Request { method, url, headers: headers(properties, &resolve)?, body, seconds_max: None })
}

fn method(word: &str) -> Result<Method, String> {
    let all = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];
    let found = all.into_iter().find(|method| method.as_str() == word);
    found.ok_or_else(|| format!("requests with {word:?} are not sent"))
}

/// Where requests of the step go: the agent, or the first target.
fn base(
    playbook: &Playbook,
    step: &Step,
    resolve: &impl Fn(&str) -> Result<String, String>,
) -> Result<String, String> {
    let StepKind::Action { agent, targets, .. } = &step.kind else {
        return Err("it has no agent".to_owned());
    };
    let target = targets.first().and_then(|target| playbook.targets.get(target));
    let parties = target.into_iter().chain(playbook.agents.get(agent));
    for party in parties.filter(|party| party.kind == "http-api") {
        let first =
            |kind: &str| party.properties.pointer(&format!("/address/{kind}/0")).and_then(Value::as_str);
        let port = party.properties.get("port").and_then(Value::as_str).map(|port| format!(":{port}"));
        if let Some(url) = first("url") {
            return Ok(resolve(url)?.trim_end_matches('/').to_owned());
        }
        if let Some(host) = first("dname").or_else(|| first("ipv4")) {
            return Ok(format!("https://{}{}", resolve(host)?, port.unwrap_or_default()));
        }
    }
    Err("its agent says no address".to_owned())
}

fn headers(
    properties: &Value,
    resolve: &impl Fn(&str) -> Result<String, String>,
) -> Result<Vec<(String, String)>, String> {
    let mut headers = Vec::new();
    for (name, values) in properties.get("headers").and_then(Value::as_object).into_iter().flatten() {
        for value in values.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let value = resolve(value)?;
            if headers.len() >= HEADERS_MAX || value.chars().any(char::is_control) {
                return Err(format!("the header {name:?} cannot be sent"));
            }
            headers.push((name.to_ascii_lowercase(), value));
        }
    }
    if properties.get("content").is_some() && !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    Ok(headers)
}
