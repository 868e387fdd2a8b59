//! `kill -9` while actions are applied and taken back, again and again: none takes effect twice, each with a
//! time-to-live is taken back, and no run is stuck.

use super::emulator::Emulator;
use super::kit::{actor, open, options, request, setup, start};
use super::playbooks::{action, more};
use crate::workflow::{document, id};
use model::{Clock, ContainmentState, Entropy, RunState, SeededEntropy, StepState, SystemClock};
use ports::store::{AuditFilter, ContainmentFilter, PageRequest, RunFilter};
use respond::connector::HttpRemote;
use respond::contain::ContainRequest;
use respond::run::{Answer, AnswerRequest, StartRunRequest};
use respond::{Responder, ResponderOptions, Times};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const DIR: &str = "HUECRY_TEST_KILL_DIR";
const URL: &str = "HUECRY_TEST_KILL_URL";
const ROUND: &str = "HUECRY_TEST_KILL_ROUND";
const BEGAN: &str = "HUECRY_TEST_KILL_BEGAN_MS";
/// How often it is killed, if not as often as fits.
const KILLS: &str = "HUECRY_TEST_KILLS";
/// How long it is killed for, if nothing is said.
const KILLING_MAX: Duration = Duration::from_secs(25);
/// How long the last worker has for what is left.
const STUCK_AFTER: Duration = Duration::from_secs(400);
/// How much faster the child's time goes: a minute in 0.3 s.
const FASTER: i64 = 200;

/// The time of a run and of its steps: whoever is killed holds the one system up for the rest of its lease, so that all that
/// wait for it are not done within the hours that they have by themselves.
const DAY_MS: i64 = 24 * 60 * 60_000;

/// How long a request takes to arrive, and its answer.
const SLOW: Duration = Duration::from_millis(5);

/// A clock that goes faster, the same in each child.
struct FastClock {
    began_ms: i64,
}

impl Clock for FastClock {
    fn now_ms(&self) -> i64 {
        self.began_ms + (SystemClock.now_ms() - self.began_ms) * FASTER
    }
}

/// As many tries as it takes, at the child's pace.
fn times() -> Times {
    Times {
        retry_first_ms: 2_000,
        retry_longest_ms: 20_000,
        lost_wait_ms: 20_000,
        apply_tries_max: 100,
        verify_tries_max: 100,
        revert_tries_max: 100,
        lease_ms: 60_000,
        // one request at a time, at this pace, is not many in an hour
        apply_within_ms: DAY_MS,
        ..Times::default()
    }
}

async fn responder(dir: &Path, url: &str, round: u64, began_ms: i64) -> Responder {
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(round));
    let clock: Arc<dyn Clock> = Arc::new(FastClock { began_ms });
    let remote = Arc::new(HttpRemote::default());
    let options = options(open(dir).await, clock, entropy, remote, setup(url));
    Responder::new(ResponderOptions { times: times(), ..options })
}

/// What a run of the child's does: an action, and a request that nobody can look at.
fn playbook(url: &str, name: &str) -> String {
    let steps = json!({
        "start/s": { "on_completion": "action/l" },
        "action/l": action(&format!("toy.low_lock target={name} ttl=2m"), &json!({ "name": "lock", "timeout": DAY_MS, "on_completion": "action/n" })),
        "action/n": {
            "name": "note", "agent": id("http-api/toy"), "timeout": DAY_MS, "on_completion": "end/e",
            "commands": [{ "type": "http-api", "command": format!("POST {url}/notes/{name}") }],
        },
        "end/e": {},
    });
    document("start/s", &steps, &more(&json!({}))).to_string()
}

/// Not a test by itself: what the parent below starts and kills.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let (url, number) =
        (std::env::var(URL).unwrap(), |name| std::env::var(name).unwrap().parse::<i64>().unwrap());
    let (round, began_ms) = (number(ROUND) as u64, number(BEGAN));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let responder = responder(Path::new(&dir), &url, round, began_ms).await;
        let _ = std::io::stdout().lock().write_all(b"READY\n");
        // what an earlier child asked for has another name
        let locked = ContainRequest { ttl_ms: Some(60_000), ..request("toy.low_lock", &format!("c{round}")) };
        responder.request(&locked).await.unwrap();
        let limit_ms = Some(DAY_MS);
        let begin = StartRunRequest { limit_ms, ..start(&playbook(&url, &format!("r{round}"))) };
        responder.start_run(&begin).await.unwrap();
        loop {
            if responder.advance().await.unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    });
}

/// Answers requests with what the emulator says, one thread for each connection.
fn serve(listener: TcpListener, emulator: Emulator) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let emulator = emulator.clone();
            std::thread::spawn(move || answer_all(stream, &emulator));
        }
    });
}

fn answer_all(stream: TcpStream, emulator: &Emulator) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok().filter(|read| *read > 0)?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        // there is a while before and after the effect in which a kill can fall
        std::thread::sleep(SLOW);
        let (status, body) = emulator.answer(&method, &path, &String::from_utf8(body).ok()?);
        std::thread::sleep(SLOW);
        let body = body.to_string();
        let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).ok()?;
    }
}

/// Starts a child and kills it at some moment after it is ready.
fn run_and_kill(dir: &Path, url: &str, round: u64, began_ms: i64, after: Duration) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durable::kill::child", "--nocapture"])
        .env(DIR, dir)
        .env(URL, url)
        .env(ROUND, round.to_string())
        .env(BEGAN, began_ms.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    while !line.contains("READY") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "the child ended by itself");
    }
    std::thread::sleep(after);
    assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn kills_double_no_effect_and_leave_nothing_undone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let emulator = Emulator::default();
    serve(listener, emulator.clone());
    let dir = tempfile::tempdir().unwrap();
    let (entropy, began_ms, began) = (SeededEntropy::new(5), SystemClock.now_ms(), Instant::now());
    let wanted: Option<u64> = std::env::var(KILLS).ok().map(|kills| kills.parse().unwrap());
    let mut kills = 0;
    while wanted.map_or(began.elapsed() < KILLING_MAX, |wanted| kills < wanted) {
        let mut random = [0; 2];
        entropy.fill(&mut random);
        let after = Duration::from_micros(u64::from(u16::from_le_bytes(random)) * 4);
        run_and_kill(dir.path(), &url, kills, began_ms, after);
        kills += 1;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (containments, runs, sent) = runtime.block_on(finish(dir.path(), &url, began_ms, &emulator));
    let effects = emulator.effects();
    let mut counts = std::collections::BTreeMap::new();
    for effect in &effects {
        *counts.entry(effect.as_str()).or_insert(0) += 1;
    }
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    for round in 0..kills {
        for name in [format!("c{round}"), format!("r{round}")] {
            assert_eq!(
                emulator.count(&format!("lock {name}")),
                emulator.count(&format!("open {name}")),
                "{name}"
            );
            assert!(!emulator.is_locked(&name), "{name}");
        }
    }
    let effects = effects.iter().filter(|effect| !effect.starts_with("note")).count();
    eprintln!(
        "{kills} kills: {containments} containments, {runs} runs; {sent} times something was about to be sent, \
         {effects} effects, none twice"
    );
}

/// Works until nothing is due, and people say what is left to them; how many containments and runs there were, and how
/// often the record says that something is sent.
async fn finish(dir: &Path, url: &str, began_ms: i64, emulator: &Emulator) -> (usize, usize, usize) {
    let responder = responder(dir, url, u64::MAX, began_ms).await;
    let deadline = Instant::now() + STUCK_AFTER;
    loop {
        tokio::join!(all_due(&responder), all_due(&responder), all_due(&responder), all_due(&responder));
        for run in all_runs(&responder).await {
            for step in responder.run(run.id).await.unwrap().steps {
                if step.state == StepState::Unknown {
                    let name = step.text.rsplit('/').next().unwrap();
                    let arrived = emulator.count(&format!("note {name}")) > 0;
                    let answer = if arrived { Answer::Done(Vec::new()) } else { Answer::Failed };
                    let reason = Some("I looked".to_owned());
                    let request =
                        AnswerRequest { actor: actor("bob"), run: run.id, task: step.task, answer, reason };
                    responder.answer_step(&request).await.unwrap();
                }
            }
        }
        if responder.next_due().await.unwrap().is_none() {
            break;
        }
        assert!(Instant::now() < deadline, "something is stuck");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let runs = all_runs(&responder).await;
    for run in &runs {
        let fits = matches!(run.state, RunState::Completed | RunState::Failed);
        assert!(fits, "{run:?}");
    }
    let mut all = Vec::new();
    let mut page = PageRequest::first(500);
    loop {
        let next = responder.list(&ContainmentFilter::default(), &page).await.unwrap();
        all.extend(next.items);
        let Some(cursor) = next.next else { break };
        page = PageRequest::after(500, cursor);
    }
    for one in &all {
        assert_eq!(one.state, ContainmentState::Reverted, "{one:?}");
    }
    (all.len(), runs.len(), sent(&responder).await)
}

async fn all_due(responder: &Responder) {
    while responder.advance().await.unwrap().is_some() {}
}

async fn sent(responder: &Responder) -> usize {
    let filter = AuditFilter { action: Some("containment.send".to_owned()), ..AuditFilter::default() };
    let mut view = responder.options().store.read().await.unwrap();
    let (mut count, mut page) = (0, PageRequest::first(500));
    loop {
        let next = view.audit().list(&filter, &page).await.unwrap();
        count += next.items.len();
        let Some(cursor) = next.next else { return count };
        page = PageRequest::after(500, cursor);
    }
}

async fn all_runs(responder: &Responder) -> Vec<model::Run> {
    let mut all = Vec::new();
    let mut page = PageRequest::first(500);
    loop {
        let next = responder.runs(&RunFilter::default(), &page).await.unwrap();
        all.extend(next.items);
        let Some(cursor) = next.next else { return all };
        page = PageRequest::after(500, cursor);
    }
}
