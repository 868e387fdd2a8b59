//! `huecry ingest`: files to a server, resumable.

use crate::cli::Ingest;
use crate::client::{Client, problem};
use crate::exit::{Exit, Failure};
use crate::progress::Progress;
use crate::reader::{ReadError, read_records};
use crate::terminal;
use indicatif::{ProgressBar, ProgressStyle};
use ingest::Kind;
use model::{Clock, SystemClock};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// A request is sent when it has this many bytes or records.
const REQUEST_BYTES: usize = 4 << 20;
const REQUEST_RECORDS: usize = 5_000;
/// Tries of one request when the server has no room.
const TRIES_MAX: u32 = 120;
/// The token that is made for one run ends after this long.
const TOKEN_MS: i64 = 86_400_000;

/// Sends every record of the files.
pub(super) fn run(args: &Ingest, client: Client, data_dir: &Path, json: bool) -> Result<Exit, Failure> {
    let name = args.source.as_deref().ok_or_else(|| {
        Failure::new(Exit::Usage, "--source names the configured sender").hint("`huecry source list`")
    })?;
    let kind = kind_of(&client, name)?;
    let base = client.base().to_owned();
    let files = super::record_files(&args.files)?;
    let bar = bar(files.len() as u64, json);
    let mut progress = Progress::load(&data_dir.join("ingest-progress.json"), args.restart);
    let mut upload = Upload {
        client: sender(client, name)?,
        path: format!("/api/v1/ingest/{name}"),
        body: Vec::new(),
        records: 0,
        lines: true,
        sent: 0,
        bytes: 0,
        damaged: 0,
    };
    let (mut skipped, mut unreadable) = (0, 0);
    for file in &files {
        bar.set_message(file.display().to_string());
        match upload.file(file, Kind::of(&kind), &mut progress, &base, name) {
            Ok(done_before) => skipped += done_before,
            Err(Stop::Failure(failure)) => return Err(failure),
            Err(Stop::Unreadable(error)) => {
                unreadable += 1;
                terminal::note(format_args!("error: {error}"));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let Upload { sent, bytes, damaged, .. } = upload;
    if json {
        terminal::line(
            json!({ "sent": sent, "bytes": bytes, "skipped": skipped, "unreadable_files": unreadable, "damaged": damaged }),
        );
    } else {
        terminal::line(format_args!(
            "{sent} records acknowledged ({:.1} MB), {skipped} sent in an earlier run, {unreadable} unreadable files",
            bytes as f64 / 1e6
        ));
    }
    Ok(if unreadable == 0 && damaged == 0 { Exit::Done } else { Exit::Faults })
}

fn kind_of(client: &Client, name: &str) -> Result<String, Failure> {
    if client.is_sources_own() {
        // a source's own token may not read the list of sources; the envelope forms are tried all the same
        return Ok("aws_cloudtrail".to_owned());
    }
    let body = client.get("/api/v1/sources")?.body;
    let sources = body["items"].as_array().cloned().unwrap_or_default();
    let found = sources.iter().find(|s| s["name"] == name);
    let found = found.and_then(|s| s["kind"].as_str()).map(str::to_owned);
    found.ok_or_else(|| {
        Failure::new(Exit::Faults, format!("there is no source {name:?}"))
            .hint(format!("`huecry source add {name} --kind KIND`"))
    })
}

/// The source's own client: that of a source token, else one with a token that is made for this run.
fn sender(client: Client, name: &str) -> Result<Client, Failure> {
    if client.is_sources_own() {
        return Ok(client);
    }
    let expires_at_ms = SystemClock.now_ms() + TOKEN_MS;
    let new = json!({ "name": "huecry ingest", "source": name, "expires_at_ms": expires_at_ms });
    let body = client.post("/api/v1/tokens", &new)?.body;
    let secret = body["secret"].as_str().map(str::to_owned);
    let secret = secret.ok_or_else(|| Failure::new(Exit::Server, "the server made no token"))?;
    Ok(Client::new(client.base(), &secret))
}

fn bar(files: u64, json: bool) -> ProgressBar {
    if json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(files);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} files  {elapsed}  {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

struct Upload {
    client: Client,
    path: String,
    body: Vec<u8>,
    records: usize,
    /// Whether the request holds one record a line; records with line breaks of their own stand one after
    /// the other instead.
    lines: bool,
    sent: u64,
    bytes: u64,
    /// Places of files that could not be read.
    damaged: u64,
}

enum Stop {
    Failure(Failure),
    Unreadable(ReadError),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Upload {
    /// Sends the file's records but those that an earlier run sent; answers how many those were.
    fn file(
        &mut self,
        file: &Path,
        kind: &Kind,
        progress: &mut Progress,
        base: &str,
        source: &str,
    ) -> Result<u64, Stop> {
        let key = Progress::key(base, source, file);
        let done_before = progress.of(&key);
        let mut number = 0_u64;
        let read = read_records(file, kind, &mut |records| -> Result<(), Stop> {
            for record in records {
                number += 1;
                if number <= done_before {
                    continue;
                }
                let lines = memchr::memchr(b'\n', record).is_none();
                if self.is_full(record.len()) || (lines != self.lines && self.records > 0) {
                    self.flush()?;
                    progress.set(&key, number - 1);
                }
                self.lines = lines;
                self.body.extend_from_slice(record);
                self.body.push(b'\n');
                self.records += 1;
            }
            Ok(())
        });
        if let Err(Stop::Failure(failure)) = read {
            return Err(failure.into());
        }
        // of a file that breaks off, what was read is sent before the fault is told
        self.flush()?;
        progress.set(&key, number);
        let notes = read?;
        super::say(&notes);
        self.damaged += notes.damage.count;
        Ok(done_before.min(number))
    }

    fn is_full(&self, more: usize) -> bool {
        self.records > 0 && (self.body.len() + more > REQUEST_BYTES || self.records >= REQUEST_RECORDS)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.records == 0 {
            return Ok(());
        }
        let kind = if self.lines { "application/x-ndjson" } else { "application/json" };
        for _ in 0..TRIES_MAX {
            let (status, retry_after_s, body) =
                self.client.send(&self.path, &[("content-type", kind)], &self.body)?;
            match status {
                200..300 => {
                    self.sent += self.records as u64;
                    self.bytes += self.body.len() as u64;
                    self.records = 0;
                    self.body.clear();
                    return Ok(());
                }
                429 | 503 => std::thread::sleep(Duration::from_secs(retry_after_s.unwrap_or(1).clamp(1, 60))),
                _ => return Err(problem(status, &body)),
            }
        }
        Err(Failure::new(Exit::Server, "the server had no room for too long; nothing sent so far is lost")
            .hint("run the same command again: it goes on where it stopped"))
    }
}
