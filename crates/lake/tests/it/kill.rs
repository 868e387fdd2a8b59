//! `kill -9`: a child feeds the lake and says what became durable; it is killed at any moment, again and again
//! on the same folder. (Says nothing about fsync, as the page cache survives: [`super::power`] does.)

use crate::conformance::eager;
use crate::events::{NOW_MS, event, feed, kind_of};
use crate::reading;
use disk::simulated::Dice;
use huecry_lake::{FileLake, Options, Snapshots};
use model::Partition;
use ports::Lake;
use ports::lake::conformance::Seen;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const KILLS: u64 = 15;
const DIR_VARIABLE: &str = "HUECRY_TEST_LAKE_DIR";
const P0: Partition = Partition(0);

fn open(dir: &Path) -> FileLake {
    FileLake::open(&Options { first_level_files: 3, ..eager(dir) }).unwrap()
}

/// Not a test by itself: what the parent below starts and kills.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR_VARIABLE) else { return };
    let lake = open(Path::new(&dir));
    let mut writer = lake.writer(P0).unwrap();
    let mut next = lake.position(P0).0;
    for round in 0_u64.. {
        feed(&mut *writer, P0, next..next + 1 + round % 9, NOW_MS).unwrap();
        next += 1 + round % 9;
        if round.is_multiple_of(3) {
            lake.flush().unwrap();
        }
        lake.maintain(NOW_MS, &[]).unwrap();
        let line = format!("DURABLE {}\n", lake.position(P0).0);
        if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
            return; // the parent is gone
        }
    }
}

#[test]
fn a_killed_lake_holds_each_event_once_up_to_its_position() {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(11);
    let mut durable = 0;
    for _ in 0..KILLS {
        durable = durable.max(run_and_kill(dir.path(), dice.below(40)));
        let lake = open(dir.path());
        let position = lake.position(P0).0;
        assert!(position >= durable, "the position went from {durable} to {position}");
        let mut seen = reading::all(|path| std::fs::read(path).unwrap(), &lake.snapshot());
        seen.sort();
        let expected: Vec<Seen> = (0..position).map(|offset| event(0, offset, kind_of(offset))).collect();
        assert!(seen == expected, "{} events up to {position}", seen.len());
        assert_eq!(lake.verify().unwrap().damaged, []);
    }
    assert!(durable > KILLS, "only {durable} events became durable");
}

/// The last position that the child said.
fn run_and_kill(dir: &Path, lines_before_kill: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--nocapture"])
        .env(DIR_VARIABLE, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (mut lines, mut durable, mut killed, mut line) = (0, 0, false, String::new());
    loop {
        if lines >= lines_before_kill && !killed {
            child.kill().unwrap(); // SIGKILL; what is in the pipe by then was durable too
            killed = true;
        }
        line.clear();
        if output.read_line(&mut line).unwrap() == 0 {
            break;
        }
        if let Some((_, position)) = line.trim_end().split_once("DURABLE ") {
            durable = position.parse().unwrap();
            lines += 1;
        }
    }
    assert!(killed, "the child ended by itself");
    child.wait().unwrap();
    durable
}
