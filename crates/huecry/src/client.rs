//! The CLI's side of the API.

use crate::cli::Cli;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::storage::FIRST_TOKEN_FILE;
use access::{Secret, SecretKind};
use serde_json::Value;
use std::io::Read;
use std::time::Duration;

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// Largest file that is read, in bytes: more than a day of the audit log's checkpoints.
const FILE_BYTES_MAX: u64 = 256 << 20;

type Response = ureq::http::Response<ureq::Body>;

/// The variable with a source token, for `huecry ingest` alone.
const SOURCE_TOKEN: &str = "HUECRY_SOURCE_TOKEN";

/// A server and the right to ask it.
#[derive(Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
    /// Why there is none is said when it is needed, so that what else is wrong with a command is said first.
    token: Result<String, Failure>,
    /// Whether requests go without a token where there is none.
    is_guest: bool,
}

/// One request with what it needs beyond a token.
#[derive(Debug, Default)]
pub(crate) struct Ask<'a> {
    /// GET, POST, DELETE, ….
    pub(crate) method: &'a str,
    /// The path with its query.
    pub(crate) path: &'a str,
    /// Headers besides.
    pub(crate) headers: Vec<(&'a str, String)>,
    /// The body; its media type is JSON unless a header says another.
    pub(crate) body: Option<&'a [u8]>,
}

/// What came back, whether it was a problem or not.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: u16,
    /// The body; null where there is none, or where it is no JSON.
    pub(crate) body: Value,
    /// The first cookie that is set, as `name=value`.
    pub(crate) cookie: Option<String>,
    /// How long to wait before trying again, in seconds.
    pub(crate) retry_after_s: Option<u64>,
}

impl Reply {
    /// The same, unless it is a problem.
    pub(crate) fn good(self) -> Result<Self, Failure> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(problem(self.status, &self.body)) }
    }
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
        Ok(Self::with(&base(cli, config), token(cli, config)))
    }

    /// A client for a server at `base` (no slash at its end).
    pub(crate) fn new(base: &str, token: &str) -> Self {
        Self::with(base, Ok(token.to_owned()))
    }

    fn with(base: &str, token: Result<String, Failure>) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_MAX))
            .build()
            .into();
        Self { agent, base: base.to_owned(), token, is_guest: false }
    }

    /// The client of whoever reports: with the token that the environment or the command line names, else as a guest. A folder
    /// `data` where somebody happens to stand is not looked into.
    ///
    /// # Errors
    /// A file with a token is named and cannot be read.
    pub(crate) fn of_reporter(cli: &Cli, config: &Config, is_anonymous: bool) -> Result<Self, Failure> {
        let is_named = std::env::var_os("HUECRY_TOKEN").is_some()
            || cli.token_file.is_some()
            || cli.data_dir.is_some()
            || cli.config.is_some();
        let base = base(cli, config);
        if is_anonymous || !is_named {
            return Ok(Self::guest(&base));
        }
        match token(cli, config) {
            Ok(token) => Ok(Self::new(&base, &token)),
            Err(failure) if cli.token_file.is_some() => Err(failure),
            Err(_) => Ok(Self::guest(&base)),
        }
    }

    /// A client without any token, for a server at `base` (no slash at its end).
    pub(crate) fn guest(base: &str) -> Self {
        let none = Failure::new(Exit::NotAllowed, "there is no token");
        Self { is_guest: true, ..Self::with(base, Err(none)) }
    }

    /// Whether requests go without a token.
    pub(crate) fn is_guest(&self) -> bool {
        self.is_guest
    }

    /// Any request; the answer with its status, so that the caller can wait and try again. Of a success, what cannot be read
    /// is never taken for an empty answer.
    pub(crate) fn ask(&self, ask: &Ask<'_>) -> Result<Reply, Failure> {
        let mut request =
            ureq::http::Request::builder().method(ask.method).uri(format!("{}{}", self.base, ask.path));
        if !self.is_guest {
            request = request.header("authorization", self.bearer()?);
        }
        let is_typed = ask.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if ask.body.is_some() && !is_typed {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let wrong = |error: ureq::http::Error| {
            Failure::new(Exit::Usage, format!("this is no request to {}: {error}", self.base))
                .hint("the address is like https://hue.example.com; see --url")
        };
        let answer = match ask.body {
            Some(body) => self.agent.run(request.body(body).map_err(wrong)?),
            None => self.agent.run(request.body(()).map_err(wrong)?),
        };
        let mut answer = answer.map_err(|e| self.unreachable(&e))?;
        let status = answer.status().as_u16();
        let header = |name: &str| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
        let cookie = header("set-cookie").and_then(|line| Some(line.split(';').next()?.trim().to_owned()));
        let retry_after_s = header("retry-after").and_then(|value| value.parse().ok());
        let body = match status {
            204 => Value::Null,
            200..300 => self.json(&mut answer)?,
            _ => read(&mut answer).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        };
        Ok(Reply { status, body, cookie, retry_after_s })
    }

    /// The client that sends records: with the source token in HUECRY_SOURCE_TOKEN, else as [`of`](Self::of).
    pub(crate) fn of_sender(cli: &Cli, config: &Config) -> Result<Self, Failure> {
        match std::env::var(SOURCE_TOKEN) {
            Ok(token) if Secret::parse(&token).is_ok_and(|token| token.kind() == SecretKind::Source) => {
                Ok(Self::new(&base(cli, config), &token))
            }
            Ok(_) => {
                Err(Failure::new(Exit::Usage, format!("{SOURCE_TOKEN} holds no source token (hc_src_…)"))
                    .hint("`huecry token create NAME --source SOURCE` makes one"))
            }
            Err(_) => Self::of(cli, config),
        }
    }

    /// Whether the token is a source's: it sends that source's records and does nothing else.
    pub(crate) fn is_sources_own(&self) -> bool {
        self.token
            .as_ref()
            .is_ok_and(|token| Secret::parse(token).is_ok_and(|token| token.kind() == SecretKind::Source))
    }

    /// Where the server is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// GET.
    pub(crate) fn get(&self, path: &str) -> Result<Answer, Failure> {
        let request = self.agent.get(format!("{}{path}", self.base));
        self.finish(request.header("authorization", self.bearer()?).call())
    }

    /// GET of text, such as metrics.
    pub(crate) fn get_text(&self, path: &str) -> Result<String, Failure> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let mut answer =
            request.header("authorization", self.bearer()?).call().map_err(|e| self.unreachable(&e))?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) { self.text(&mut answer) } else { Err(refused(status, &mut answer)) }
    }

    /// GET of bytes, such as a tile; `None` where there is no such thing.
    pub(crate) fn get_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let mut answer =
            request.header("authorization", self.bearer()?).call().map_err(|e| self.unreachable(&e))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(FILE_BYTES_MAX).read_to_vec();
        let body = body.map_err(|e| self.unreachable(&e))?;
        match status {
            200..300 => Ok(Some(body)),
            404 => Ok(None),
            _ => Err(problem(status, &serde_json::from_slice(&body).unwrap_or(Value::Null))),
        }
    }

    /// POST of JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        let request = self.agent.post(format!("{}{path}", self.base));
        self.finish(request.header("authorization", self.bearer()?).send_json(body))
    }

    /// POST of JSON for an answer that is read as it comes, within `time_max` from first to last byte.
    pub(crate) fn stream(
        &self,
        path: &str,
        body: &Value,
        time_max: Duration,
    ) -> Result<impl Read + use<>, Failure> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("authorization", self.bearer()?);
        let request = request.config().timeout_global(Some(time_max)).build();
        let mut answer = request.send_json(body).map_err(|e| self.unreachable(&e))?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(answer.into_body().into_reader());
        }
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        Err(problem(status, &serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// PATCH of JSON on the version that was read.
    pub(crate) fn patch(&self, path: &str, version: Option<u64>, body: &Value) -> Result<Answer, Failure> {
        let mut request =
            self.agent.patch(format!("{}{path}", self.base)).header("authorization", self.bearer()?);
        if let Some(version) = version {
            request = request.header("if-match", format!("\"{version}\""));
        }
        self.finish(request.send_json(body))
    }

    /// DELETE.
    pub(crate) fn delete(&self, path: &str) -> Result<Answer, Failure> {
        let request = self.agent.delete(format!("{}{path}", self.base));
        self.finish(request.header("authorization", self.bearer()?).call())
    }

    /// POST of records to a door; the answer with its status, so that the caller can wait and try again.
    ///
    /// A success whose receipt cannot be read is a failure: something else than the door may have answered.
    pub(crate) fn send(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(u16, Option<u64>, Value), Failure> {
        let mut request =
            self.agent.post(format!("{}{path}", self.base)).header("authorization", self.bearer()?);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.send(body).map_err(|e| self.unreachable(&e))?;
        let retry_after_s =
            answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        let status = answer.status().as_u16();
        let body = if (200..300).contains(&status) {
            self.json(&mut answer)?
        } else {
            read(&mut answer).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
        };
        Ok((status, retry_after_s, body))
    }

    fn bearer(&self) -> Result<String, Failure> {
        self.token.as_ref().map(|token| format!("Bearer {token}")).map_err(Clone::clone)
    }

    fn finish(&self, answer: Result<Response, ureq::Error>) -> Result<Answer, Failure> {
        let mut answer = answer.map_err(|e| self.unreachable(&e))?;
        match answer.status().as_u16() {
            204 => Ok(Answer { body: Value::Null }),
            200..300 => Ok(Answer { body: self.json(&mut answer)? }),
            status => Err(refused(status, &mut answer)),
        }
    }

    /// The answer as JSON. What cannot be read is never taken for an empty answer.
    fn json(&self, answer: &mut Response) -> Result<Value, Failure> {
        let text = self.text(answer)?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::new(Exit::Server, format!("the answer from {} is no JSON: {error}", self.base))
                .hint("is this a huecry server, and does no proxy answer in its place? `huecry doctor` looks")
        })
    }

    fn text(&self, answer: &mut Response) -> Result<String, Failure> {
        read(answer).map_err(|error| {
            Failure::new(Exit::Server, format!("the answer from {} cannot be read: {error}", self.base)).hint(
                format!("ask for less with --limit: an answer of over {ANSWER_BYTES_MAX} bytes is not read; or try again"),
            )
        })
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        Failure::new(Exit::Server, format!("no answer from {}: {error}", self.base))
            .hint("is the server running? `huecry serve` starts it; --url names another")
    }
}

/// Where the command line or the configuration says that the server is, without a slash at its end.
pub(crate) fn base(cli: &Cli, config: &Config) -> String {
    let base = cli.url.clone().unwrap_or_else(|| format!("http://{}", config.server.listen));
    base.trim_end_matches('/').to_owned()
}

fn read(answer: &mut Response) -> Result<String, ureq::Error> {
    answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string()
}

/// A refusal; its status says enough where its body cannot be read.
fn refused(status: u16, answer: &mut Response) -> Failure {
    let body = read(answer).ok().and_then(|text| serde_json::from_str(&text).ok());
    problem(status, &body.unwrap_or_default())
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
    let mut message = format!("{what} ({code})");
    // where single fields are wrong, each says so
    for error in body.get("errors").and_then(Value::as_array).into_iter().flatten() {
        if let (Some(field), Some(wrong)) = (error["field"].as_str(), error["message"].as_str()) {
            message.push_str(&format!("\n  {field}: {wrong}"));
        }
    }
    Failure { hint: text("hint").map(str::to_owned), ..Failure::new(exit, message) }
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
