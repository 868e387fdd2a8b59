//! `kill -9`: a child appends and says what was acknowledged; it is killed at any moment, twenty times
//! on the same folder. (Says nothing about fsync, as the page cache survives: [`super::power`] does.)

use super::{P0, batch};
use disk::simulated::Dice;
use huecry_backends::log::{FileLog, Options, TopicOptions};
use model::{Offset, SeededEntropy, Topic};
use ports::Log;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

const KILLS: u64 = 20;
const DIR_VARIABLE: &str = "HUECRY_TEST_LOG_DIR";
const LIFE_VARIABLE: &str = "HUECRY_TEST_LOG_LIFE";
const BATCH_RECORDS: u64 = 5;

fn open(dir: &Path, seed: u64) -> FileLog {
    let topic = TopicOptions { segment_bytes_max: 64 * 1024, ..TopicOptions::default() };
    let mut options = Options::new(dir);
    options.topics.insert(Topic::Raw, topic);
    FileLog::open(&options, Arc::new(SeededEntropy::new(seed))).unwrap()
}

fn record(life: u64, sender: u64, i: u64, part: u64) -> String {
    format!("{life}/{sender}/{i}/{part}/{}", "x".repeat(((i * 7 + part * 131) % 700) as usize))
}

/// Not a test by itself: what the parent below starts and kills.
#[test]
fn child() {
    let (Ok(dir), Ok(life)) = (std::env::var(DIR_VARIABLE), std::env::var(LIFE_VARIABLE)) else { return };
    let life: u64 = life.parse().unwrap();
    let log = Arc::new(open(Path::new(&dir), life));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let senders: Vec<_> =
            (0..4).map(|sender| tokio::spawn(send(Arc::clone(&log), life, sender))).collect();
        for sender in senders {
            sender.await.unwrap();
        }
    });
}

async fn send(log: Arc<FileLog>, life: u64, sender: u64) {
    for i in 0.. {
        let records = (0..BATCH_RECORDS).map(|part| record(life, sender, i, part));
        let first = log.append(Topic::Raw, P0, batch(records), 0).await.unwrap();
        let line = format!("ACK {} {life} {sender} {i}\n", first.0);
        if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
            return; // the parent is gone
        }
    }
}

#[test]
fn what_a_killed_process_acknowledged_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(9);
    let mut acknowledged: BTreeMap<u64, String> = BTreeMap::new();
    for life in 0..KILLS {
        let lines_before_kill = dice.below(150);
        for line in run_and_kill(dir.path(), life, lines_before_kill) {
            let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            let [first, life, sender, i] = numbers[..] else { panic!("{line}") };
            for part in 0..BATCH_RECORDS {
                let before = acknowledged.insert(first + part, record(life, sender, i, part));
                assert_eq!(before, None, "offset {first} was given twice");
            }
        }
        verify(&open(dir.path(), 1_000 + life), &acknowledged);
    }
    assert!(acknowledged.len() as u64 > KILLS * BATCH_RECORDS, "only {} acknowledged", acknowledged.len());
}

/// The acknowledgements, without their first word, until the kill took effect.
fn run_and_kill(dir: &Path, life: u64, lines_before_kill: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "log::kill::child", "--nocapture"])
        .env(DIR_VARIABLE, dir)
        .env(LIFE_VARIABLE, life.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut killed = false;
    loop {
        if lines.len() >= lines_before_kill && !killed {
            child.kill().unwrap(); // SIGKILL; what is in the pipe by then was acknowledged too
            killed = true;
        }
        line.clear();
        if output.read_line(&mut line).unwrap() == 0 {
            break;
        }
        if let Some(ack) = line.strip_suffix('\n').and_then(|line| line.split_once("ACK ")) {
            lines.push(ack.1.to_owned());
        }
    }
    assert!(killed, "the child ended by itself");
    child.wait().unwrap();
    lines
}

fn verify(log: &FileLog, acknowledged: &BTreeMap<u64, String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(async {
        let (mut found, mut from) = (BTreeMap::new(), Offset(0));
        let end = log.bounds(Topic::Raw, P0).await.unwrap().end;
        while from < end {
            let records = log.read(Topic::Raw, P0, from, 100_000).await.unwrap();
            let texts = records.iter().map(|(offset, record)| (offset.0, String::from_utf8(record.to_vec())));
            found.extend(texts.map(|(offset, text)| (offset, text.unwrap())));
            from = records.next();
        }
        found
    });
    for (offset, record) in acknowledged {
        assert_eq!(found.get(offset), Some(record), "offset {offset}");
    }
    let distinct: BTreeSet<&String> = found.values().collect();
    assert_eq!(distinct.len(), found.len(), "a record is there twice");
    for text in found.values() {
        let mut numbers = text.split('/').map_while(|number| number.parse::<u64>().ok());
        let mut next = || numbers.next().unwrap_or(u64::MAX);
        let (life, sender, i, part) = (next(), next(), next(), next());
        assert_eq!(*text, record(life, sender, i, part), "a record that nobody sent");
    }
}
