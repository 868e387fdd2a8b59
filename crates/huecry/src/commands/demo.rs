//! `huecry demo`: the product with an invented organisation's telemetry, through the real doors.

use super::incident::table;
use super::serve::{runtime, signalled, start_logging};
use crate::cli::Demo;
use crate::client::Client;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::node::Node;
use crate::storage::{FIRST_TOKEN_FILE, create_private_dir};
use crate::terminal;
use acme::{Acme, Source};
use ingest::signature::sign_github;
use model::{Clock, SystemClock};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const DAY_MS: i64 = 86_400_000;
/// A request of the past's records is sent at this size.
const REQUEST_BYTES: usize = 256 << 10;
/// How busy the live organisation is, against the past's.
const LIVE_SCALE: f64 = 8.0;
/// Longest wait for the incidents of what was sent.
const SETTLE_MAX: Duration = Duration::from_secs(120);

/// The doors of the demo: source name, kind.
const SOURCES: [(&str, &str); 4] = [
    ("acme-cloudtrail", "aws_cloudtrail"),
    ("acme-okta", "okta"),
    ("acme-github-audit", "github"),
    ("acme-github-webhooks", "github"),
];

/// Memory for events of the demo that wait for a file of the lake.
const LAKE_WAITING_BYTES_MAX: usize = 8 << 20;

/// Seconds that correlations of the demo wait for a stream that fell silent, or has not begun.
const CORRELATION_IDLE_S_MAX: u32 = 5;

/// Plays the past, prints the incidents, then goes on live until a signal.
pub(super) fn run(args: &Demo, config: &Config, named_data_dir: bool, json: bool) -> Result<Exit, Failure> {
    start_logging(json, "warn");
    let mut config = config.clone();
    config.server.listen = args.listen;
    // a demo must fit beside whatever else runs on a laptop
    allocator::return_memory_at_once();
    config.lake.waiting_bytes_max = config.lake.waiting_bytes_max.min(LAKE_WAITING_BYTES_MAX);
    // and says soon what its history comes to
    config.correlation.idle_s = config.correlation.idle_s.min(CORRELATION_IDLE_S_MAX);
    config.correlation.warmup_s = config.correlation.warmup_s.min(CORRELATION_IDLE_S_MAX);
    if !named_data_dir {
        config.storage.data_dir = fresh_folder()?;
    }
    if config.enrich.catalog.is_empty() {
        config.enrich.catalog = vec![services_of_acme(&config.storage.data_dir)?];
    }
    runtime()?.block_on(async {
        let node = Node::start(&config).await?;
        let (url, stop) = (node.url(), std::sync::Arc::new(AtomicBool::new(false)));
        let link = node.first_link.clone();
        let token = config.storage.data_dir.join(FIRST_TOKEN_FILE);
        let (play_stop, play_args) = (std::sync::Arc::clone(&stop), (args.seed, args.days, args.once));
        let player = tokio::task::spawn_blocking(move || {
            play((&url, link.as_deref()), &token, play_args, &play_stop, json)
        });
        let once = args.once;
        let until = async {
            if once {
                return player.await.map_err(|e| Failure::new(Exit::Server, e))?;
            }
            tokio::select! {
                played = player => played.map_err(|e| Failure::new(Exit::Server, e))?,
                () = signalled() => Ok(()),
            }
        };
        let mut played = Ok(());
        let ended = node
            .finish(async {
                played = until.await;
                stop.store(true, Ordering::Relaxed);
            })
            .await;
        played.and(ended)
    })?;
    Ok(Exit::Done)
}

fn fresh_folder() -> Result<PathBuf, Failure> {
    let name = format!("huecry-demo-{}", SystemClock.now_ms());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder)?;
    Ok(folder)
}

/// Acme's catalogue as a file, so that `huecry owners` can be tried on it.
fn services_of_acme(data_dir: &std::path::Path) -> Result<PathBuf, Failure> {
    create_private_dir(data_dir)?;
    let file = data_dir.join("acme-services.yaml");
    std::fs::write(&file, acme::SERVICES_YAML)?;
    Ok(file)
}

/// Senders to the four doors.
struct Doors {
    admin: Client,
    clients: Vec<Client>,
    webhook_secret: String,
    pending: Vec<Vec<u8>>,
    sent: u64,
}

fn play(
    (url, link): (&str, Option<&str>),
    token_file: &std::path::Path,
    (seed, days, once): (u64, u32, bool),
    stop: &AtomicBool,
    json: bool,
) -> Result<(), Failure> {
    let started = Instant::now();
    let admin = Client::new(url, std::fs::read_to_string(token_file)?.trim());
    let mut doors = Doors::open(admin, url, seed)?;
    let now_ms = SystemClock.now_ms();
    // whole days end at midnight, so that a day's demo is the same whenever it is started
    let end_ms = now_ms - now_ms % DAY_MS;
    let mut attacks = 0_u64;
    for record in Acme::new(seed, end_ms, days, 1.0) {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        attacks += u64::from(record.label.is_some());
        doors.take(&record)?;
    }
    doors.flush()?;
    let (sent, sending) = (doors.sent, started.elapsed());
    settle(&doors.admin, sent)?;
    let open = doors.admin.get("/api/v1/incidents?status=new,in_progress,on_hold&limit=20")?.body;
    let items = open["items"].as_array().cloned().unwrap_or_default();
    if json {
        terminal::line(json!({ "url": url, "records": sent, "attack_records": attacks,
            "sending_seconds": sending.as_secs_f64(), "seconds": started.elapsed().as_secs_f64(),
            "incidents": items, "token_file": token_file, "link": link }));
    } else {
        print(url, token_file, &items, (sent, attacks, days, started.elapsed()));
        if let Some(link) = link {
            terminal::line(format_args!("sign in  {link}  (opens once)"));
        }
        if !once {
            terminal::line("live records follow; Ctrl-C ends the demo");
        }
    }
    if once { Ok(()) } else { live(&mut doors, seed, end_ms, stop) }
}

fn print(
    url: &str,
    token: &std::path::Path,
    items: &[Value],
    (sent, attacks, days, took): (u64, u64, u32, Duration),
) {
    let seconds = took.as_secs_f64();
    terminal::line(format_args!(
        "{days} days of Acme: {sent} records ({attacks} of them part of an attack) in {seconds:.0} s\n"
    ));
    terminal::line("open incidents, gravest first");
    terminal::line(table(items));
    terminal::line(format_args!("\nopen  {url}/"));
    terminal::line(format_args!("token in {}", token.display()));
    let data_dir = token.parent().unwrap_or(token).display();
    terminal::line(format_args!(
        "next  huecry --url {url} --data-dir {data_dir} incident show {}",
        items.first().and_then(|i| i["id"].as_str()).unwrap_or("ID")
    ));
}

impl Doors {
    fn open(admin: Client, url: &str, seed: u64) -> Result<Self, Failure> {
        let webhook_secret = format!("acme-demo-{seed}");
        let mut clients = Vec::new();
        for (name, kind) in SOURCES {
            let source = json!({ "name": name, "kind": kind, "secret": webhook_secret });
            match admin.post("/api/v1/sources", &source) {
                // a demo on a folder of an earlier demo finds its sources there
                Err(failure) if failure.exit != Exit::Conflict => return Err(failure),
                _ => {}
            }
            let token = admin.post("/api/v1/tokens", &json!({ "name": name, "source": name }))?;
            clients.push(Client::new(url, token.body["secret"].as_str().unwrap_or_default()));
        }
        let pending = vec![Vec::new(); SOURCES.len()];
        Ok(Self { admin, clients, webhook_secret, pending, sent: 0 })
    }

    /// Takes one record: webhooks go at once, one delivery each, signed; the others in batches.
    fn take(&mut self, record: &acme::Record) -> Result<(), Failure> {
        self.sent += 1;
        let door = match record.source {
            Source::AwsCloudtrail => 0,
            Source::Okta => 1,
            Source::GithubAudit => 2,
            Source::GithubWebhook { event } => return self.deliver(event, record),
        };
        let Some(pending) = self.pending.get_mut(door) else { return Ok(()) };
        pending.extend_from_slice(record.body.as_bytes());
        pending.push(b'\n');
        if pending.len() >= REQUEST_BYTES { self.flush_door(door) } else { Ok(()) }
    }

    fn deliver(&self, event: &str, record: &acme::Record) -> Result<(), Failure> {
        let signature = sign_github(self.webhook_secret.as_bytes(), record.body.as_bytes())
            .map_err(|e| Failure::new(Exit::Server, e))?;
        let headers = [
            ("content-type", "application/json"),
            ("x-github-event", event),
            ("x-github-delivery", &record.id),
            ("x-hub-signature-256", &signature),
        ];
        let path = format!("/api/v1/hooks/github/{}", SOURCES[3].0);
        send(&self.clients[3], &path, &headers, record.body.as_bytes())
    }

    fn flush_door(&mut self, door: usize) -> Result<(), Failure> {
        let body = std::mem::take(&mut self.pending[door]);
        if body.is_empty() {
            return Ok(());
        }
        let path = format!("/api/v1/ingest/{}", SOURCES[door].0);
        send(&self.clients[door], &path, &[("content-type", "application/x-ndjson")], &body)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        (0..self.pending.len()).try_for_each(|door| self.flush_door(door))
    }
}

/// Sends until it is taken; a server without room says when to come again.
fn send(client: &Client, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(), Failure> {
    loop {
        let (status, retry_after_s, answer) = client.send(path, headers, body)?;
        match status {
            200..300 => return Ok(()),
            429 | 503 => std::thread::sleep(Duration::from_secs(retry_after_s.unwrap_or(1).min(5))),
            _ => return Err(crate::client::problem(status, &answer)),
        }
    }
}

/// Waits until everything sent has become events and every finding an incident.
fn settle(admin: &Client, sent: u64) -> Result<(), Failure> {
    let deadline = Instant::now() + SETTLE_MAX;
    while Instant::now() < deadline {
        let metrics = admin.get_text("/metrics")?;
        let sum = |names: &[&str]| -> u64 {
            let lines = metrics.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
        };
        let finished = sum(&["huecry_events_total", "huecry_duplicates_total", "huecry_dead_letters_total"]);
        let triaged = sum(&["huecry_triaged_findings_total", "huecry_triaged_duplicates_total"]);
        if finished >= sent && triaged >= sum(&["huecry_findings_total"]) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(Failure::new(Exit::Server, "the pipeline did not catch up").hint("see the log above"))
}

/// Plays on in real time.
fn live(doors: &mut Doors, seed: u64, from_ms: i64, stop: &AtomicBool) -> Result<(), Failure> {
    for record in Acme::live(seed, from_ms).scale(LIVE_SCALE) {
        // what happened between midnight and now is sent at once
        while record.time_ms > SystemClock.now_ms() {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        doors.take(&record)?;
        doors.flush()?;
    }
    Ok(())
}
