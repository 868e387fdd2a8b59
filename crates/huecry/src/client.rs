//! The CLI's side of the API.

use crate::cli::Cli;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::storage::FIRST_TOKEN_FILE;
use serde_json::Value;
use std::time::Duration;

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A server and the right to ask it.
#[derive(Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
    token: String,
}

/// An answer that was not a problem.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The body; null where there is none.
    pub(crate) body: Value,
}

impl Client {
    /// The server that the command line or the configuration names, with the token given by variable, file
    /// or data folder.
    pub(crate) fn of(cli: &Cli, config: &Config) -> Result<Self, Failure> {
        let base = cli.url.clone().unwrap_or_else(|| format!("http://{}", config.server.listen));
        Ok(Self::new(base.trim_end_matches('/'), &token(cli, config)?))
    }

    /// A client for a server at `base` (no slash at its end).
    pub(crate) fn new(base: &str, token: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_MAX))
            .build()
            .into();
        Self { agent, base: base.to_owned(), token: token.to_owned() }
    }

    /// Where the server is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// GET.
    pub(crate) fn get(&self, path: &str) -> Result<Answer, Failure> {
        let request = self.agent.get(format!("{}{path}", self.base));
        self.finish(request.header("authorization", self.bearer()).call())
    }

    /// GET of text, such as metrics.
    pub(crate) fn get_text(&self, path: &str) -> Result<String, Failure> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let mut answer =
            request.header("authorization", self.bearer()).call().map_err(|e| self.unreachable(&e))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        if (200..300).contains(&status) {
            return Ok(text);
        }
        Err(problem(status, &serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// POST of JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        let request = self.agent.post(format!("{}{path}", self.base));
        self.finish(request.header("authorization", self.bearer()).send_json(body))
    }

    /// PATCH of JSON on the version that was read.
    pub(crate) fn patch(&self, path: &str, version: Option<u64>, body: &Value) -> Result<Answer, Failure> {
        let mut request =
            self.agent.patch(format!("{}{path}", self.base)).header("authorization", self.bearer());
        if let Some(version) = version {
            request = request.header("if-match", format!("\"{version}\""));
        }
        self.finish(request.send_json(body))
    }

    /// DELETE.
    pub(crate) fn delete(&self, path: &str) -> Result<Answer, Failure> {
        let request = self.agent.delete(format!("{}{path}", self.base));
        self.finish(request.header("authorization", self.bearer()).call())
    }

    /// POST of records to a door; the answer with its status, so that the caller can wait and try again.
    pub(crate) fn send(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(u16, Option<u64>, Value), Failure> {
        let mut request =
            self.agent.post(format!("{}{path}", self.base)).header("authorization", self.bearer());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.send(body).map_err(|e| self.unreachable(&e))?;
        let retry_after_s =
            answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok((answer.status().as_u16(), retry_after_s, body))
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn finish(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, Failure> {
        let mut answer = answer.map_err(|e| self.unreachable(&e))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if (200..300).contains(&status) { Ok(Answer { body }) } else { Err(problem(status, &body)) }
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        Failure::new(Exit::Server, format!("no answer from {}: {error}", self.base))
            .hint("is the server running? `huecry serve` starts it; --url names another")
    }
}

/// A problem document (RFC 9457) as a failure.
pub(crate) fn problem(status: u16, body: &Value) -> Failure {
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let exit = match status {
        401 | 403 => Exit::NotAllowed,
        409 | 412 => Exit::Conflict,
        500.. => Exit::Server,
        _ => Exit::Faults,
    };
    let what = text("detail").or_else(|| text("title")).unwrap_or("the server gave no reason");
    let code = text("code").map_or_else(|| format!("HTTP {status}"), str::to_owned);
    Failure { hint: text("hint").map(str::to_owned), ..Failure::new(exit, format!("{what} ({code})")) }
}

fn token(cli: &Cli, config: &Config) -> Result<String, Failure> {
    if let Ok(token) = std::env::var("HUECRY_TOKEN") {
        return Ok(token);
    }
    let path = match &cli.token_file {
        Some(path) => path.clone(),
        None => config.storage.data_dir.join(FIRST_TOKEN_FILE),
    };
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Failure::new(Exit::NotAllowed, format!("cannot read the token in {}: {e}", path.display()))
            .hint("set HUECRY_TOKEN, --token-file, or --data-dir of a server on this machine")
    })?;
    Ok(text.trim().to_owned())
}
