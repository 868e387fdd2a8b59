//! Following a report by its receipt: state, messages, appeal, attachments.

use super::outbox::{Attachment, attachment, masker, unmaskable};
use super::plain;
use crate::cli::{Cli, ReceiptArg};
use crate::client::{Ask, Client, Reply};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::terminal;
use report::draft::ReceiptLink;
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest text that is read from standard input, in bytes.
const STDIN_BYTES_MAX: u64 = 256 << 10;
/// States after which nothing more happens by itself.
const FINAL: [&str; 4] = ["accepted", "merged", "declined", "withdrawn"];

/// A receipt that is open for an hour, as in a browser.
pub(super) struct Receipt {
    client: Client,
    secret: String,
    cookie: String,
    /// Which report it is of, so that a request is about no other.
    report: String,
}

impl Receipt {
    /// Opens the receipt that a link leads to.
    pub(super) fn open(link: &ReceiptArg, cli: &Cli, config: &Config) -> Result<Self, Failure> {
        let link = match link {
            ReceiptArg::Link(link) => link.clone(),
            ReceiptArg::Stdin => stdin()?.parse().map_err(|e| super::wrong(&e))?,
        };
        let base = match link.base {
            Some(base) => base,
            None => crate::client::base(cli, config),
        };
        Self::open_at(&base, &link.secret)
    }

    /// Opens the receipt with this secret on the server at `base`.
    pub(super) fn open_at(base: &str, secret: &str) -> Result<Self, Failure> {
        // the secret is enough, and a token beside it would say who follows the report
        let mut receipt = Self {
            client: Client::guest(base),
            secret: secret.to_owned(),
            cookie: String::new(),
            report: String::new(),
        };
        receipt.exchange()?;
        Ok(receipt)
    }

    fn exchange(&mut self) -> Result<(), Failure> {
        let body = json!({ "secret": self.secret }).to_string();
        (self.cookie, self.report) = (String::new(), String::new());
        let answer = self.ask("POST", "/api/v1/receipts", Vec::new(), Some(body.as_bytes()))?.good()?;
        self.report = answer.body["report"]["id"].as_str().unwrap_or_default().to_owned();
        self.cookie = answer.cookie.ok_or_else(|| {
            Failure::new(Exit::Server, "the server opened no receipt")
                .hint("is it behind a proxy that takes cookies away?")
        })?;
        Ok(())
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        mut headers: Vec<(&str, String)>,
        body: Option<&[u8]>,
    ) -> Result<Reply, Failure> {
        if !self.cookie.is_empty() {
            headers.push(("cookie", self.cookie.clone()));
        }
        if !self.report.is_empty() {
            headers.push(("huecry-report", self.report.clone()));
        }
        // as a browser says it, which is what keeps other sites from using the cookie
        headers.push(("origin", ReceiptLink::origin_of(self.client.base())));
        self.client.ask(&Ask { method, path, headers, body })
    }

    /// A request, once more where the hour is over.
    fn request(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let body = body.map(Value::to_string);
        let bytes = body.as_ref().map(String::as_bytes);
        let answer = self.ask(method, path, Vec::new(), bytes)?;
        if answer.status != 401 {
            return Ok(answer.good()?.body);
        }
        self.exchange()?;
        Ok(self.ask(method, path, Vec::new(), bytes)?.good()?.body)
    }

    fn view(&mut self) -> Result<Value, Failure> {
        self.request("GET", "/api/v1/receipt", None)
    }

    fn send_file(&self, file: &Attachment) -> Result<Value, Failure> {
        let kind = if file.is_text { "text/plain; charset=utf-8" } else { "application/octet-stream" };
        // a name is a header here, so what is not ASCII is percent-encoded (RFC 3986)
        let name: String = file.name.bytes().map(encoded).collect();
        let headers = vec![("content-type", kind.to_owned()), ("huecry-filename", name)];
        Ok(self.ask("POST", "/api/v1/receipt/attachments", headers, Some(&file.bytes))?.good()?.body)
    }
}

fn encoded(byte: u8) -> String {
    let is_plain = byte.is_ascii_alphanumeric() || b"-._~ ()[]+,=@".contains(&byte);
    if is_plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

fn stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().lock().take(STDIN_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// A text, or standard input for `-`; masked.
fn text_to_send(text: &str) -> Result<String, Failure> {
    let text = if text == "-" { stdin()? } else { text.to_owned() };
    let masked = masker()?.mask(text.trim()).map_err(|e| unmaskable(&e))?;
    if masked.text.is_empty() {
        return Err(Failure::new(Exit::Usage, "there is nothing to send"));
    }
    if !masked.spans.is_empty() {
        terminal::note(format_args!("masked before it is sent: {} places", masked.spans.len()));
    }
    Ok(masked.text)
}

/// `huecry report status`
pub(super) fn status(
    receipt: &mut Receipt,
    watch: bool,
    interval_s: u64,
    json: bool,
) -> Result<Exit, Failure> {
    let mut last = Value::Null;
    loop {
        let view = receipt.view()?;
        if view != last {
            if json {
                terminal::line(&view);
            } else {
                show(&view, &last);
            }
        }
        let is_final = FINAL.iter().any(|state| view["state"] == *state) && view["appeal"]["state"] != "open";
        if !watch || is_final {
            return Ok(Exit::Done);
        }
        last = view;
        std::thread::sleep(Duration::from_secs(interval_s));
    }
}

/// `huecry report reply`, `appeal`, `withdraw`
pub(super) fn say(receipt: &mut Receipt, verb: Saying<'_>, json: bool) -> Result<Exit, Failure> {
    let (path, body, done) = match verb {
        Saying::Reply(text) => ("/api/v1/receipt/messages", json!({ "text": text_to_send(text)? }), "sent"),
        Saying::Appeal(text) => (
            "/api/v1/receipt/appeal",
            json!({ "reason": text_to_send(text)? }),
            "the appeal is in; somebody else decides it",
        ),
        Saying::Withdraw => ("/api/v1/receipt/withdraw", json!({}), "withdrawn"),
    };
    receipt.request("POST", path, Some(&body))?;
    // what the receipt shows now, as the page in the browser would
    let view = receipt.view()?;
    if json {
        terminal::line(&view);
    } else {
        terminal::line(done);
        if let Some(due) = view["appeal"]["due_at"].as_str().or_else(|| view["next_update_due"].as_str()) {
            terminal::line(format_args!("an answer is due until {}", moment(due)));
        }
    }
    Ok(Exit::Done)
}

/// What is said to a receipt.
pub(super) enum Saying<'a> {
    Reply(&'a str),
    Appeal(&'a str),
    Withdraw,
}

/// `huecry report attach`, and the files of a new report.
pub(super) fn attach(receipt: &Receipt, files: &[PathBuf], json: bool) -> Result<Exit, Failure> {
    // all are read first, so that one that cannot be sent stops the rest
    let files = files.iter().map(|path| attachment(path.as_ref() as &Path)).collect::<Result<Vec<_>, _>>()?;
    for file in &files {
        let answer = receipt.send_file(file)?;
        if json {
            terminal::line(&answer);
            continue;
        }
        let how = match (file.is_text, file.masked_count) {
            (true, 0) => String::new(),
            (true, places) => format!(", {places} places masked"),
            (false, _) => ", as it is: only text is masked".to_owned(),
        };
        terminal::line(format_args!("attached  {} ({} bytes{how})", file.name, file.bytes.len()));
    }
    Ok(Exit::Done)
}

/// A moment as people read it.
pub(super) fn moment(rfc3339: &str) -> String {
    let at = rfc3339.parse::<jiff::Timestamp>();
    at.map_or_else(|_| rfc3339.to_owned(), |at| terminal::time(at.as_millisecond()) + " UTC")
}

/// A receipt for people; where an earlier look is given, only what is new of messages.
fn show(view: &Value, last: &Value) {
    let text = |value: &Value| plain(value.as_str().unwrap_or("-"));
    let mut rows = vec![("report", text(&view["id"])), ("title", text(&view["title"]))];
    rows.push(("state", text(&view["state"]).replace('_', " ")));
    for (label, value) in
        [("", &view["state_text"]), ("service", &view["service"]), ("team", &view["owner_team"])]
    {
        if let Some(value) = value.as_str() {
            rows.push((label, plain(value)));
        }
    }
    if let Some(due) = view["next_update_due"].as_str() {
        rows.push(("next", format!("an update is due until {}", moment(due))));
    }
    let decision = &view["decision"];
    if decision.is_object() {
        let title =
            decision["reason_title"].as_str().or_else(|| decision["kind"].as_str()).unwrap_or_default();
        rows.push((
            "decision",
            format!(
                "{} ({}, policy {})",
                plain(title),
                moment(&text(&decision["decided_at"])),
                text(&decision["policy_version"])
            ),
        ));
        if let Some(note) = decision["note"].as_str().filter(|note| !note.is_empty()) {
            rows.push(("", plain(note)));
        }
    }
    let incident = &view["incident"];
    if incident.is_object() {
        let contained = if incident["contained"] == true { ", contained" } else { "" };
        rows.push(("incident", format!("{}{contained}", text(&incident["status"]).replace('_', " "))));
    }
    let appeal = &view["appeal"];
    if appeal.is_object() {
        let due = appeal["due_at"].as_str().map(|due| format!(", due {}", moment(due))).unwrap_or_default();
        let outcome = appeal["outcome"].as_str().map_or(due, |outcome| format!(": {outcome}"));
        rows.push(("appeal", format!("{}{outcome}", text(&appeal["state"]))));
        if let Some(why) = appeal["explanation"].as_str() {
            rows.push(("", plain(why)));
        }
    } else if view["can_appeal"] == true {
        rows.push(("appeal", "possible: `huecry report appeal LINK 'why'`".to_owned()));
    }
    for (label, value) in rows {
        terminal::line(format_args!("{label:<9} {value}"));
    }
    let count = |view: &Value| view["messages"].as_array().map_or(0, Vec::len);
    for message in view["messages"].as_array().into_iter().flatten().skip(count(last)) {
        let from = if message["from"] == "you" { "you" } else { "team" };
        terminal::line(format_args!("{}  {from}: {}", moment(&text(&message["at"])), text(&message["text"])));
    }
}
