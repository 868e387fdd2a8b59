//! Events a second of CPU time through the parse, the choice of the route and its rules, on one thread.
//!
//! `cargo run -p huecry-detect --profile bench-release --example match_throughput -- --shared ../shared/data`
//! prints `{"rows": [{"name", "events", "events_per_cpu_s", "matches", "rss_bytes", "load_ms", …}]}`.
//! `--row NAME` (repeatable) picks rows, `--events N` how many events a round has at least, `--rounds N`
//! how many are timed, `--write FOLDER` writes each row's events as JSON lines and its matches as
//! `event TAB rule id` lines beside them, for other engines to be held against.
//!
//! Each row runs in a process of its own, so that its memory is its own. `matches` are those of one round.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, missing_docs)]

extern crate huecry_detect as detect;

mod events;
mod rows;

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value as Json, json};

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Options {
    shared: PathBuf,
    rows: Vec<String>,
    events: usize,
    rounds: usize,
    write: Option<PathBuf>,
    /// In this process, not in one of its own.
    here: bool,
}

fn options() -> Options {
    let mut options = Options {
        shared: std::env::var_os("HUECRY_SHARED_DATA").map_or_else(|| "../shared/data".into(), PathBuf::from),
        rows: Vec::new(),
        events: 25_000,
        rounds: 4,
        write: None,
        here: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match argument.as_str() {
            "--shared" => options.shared = value().into(),
            "--row" => options.rows.push(value()),
            "--events" => options.events = value().parse().unwrap(),
            "--rounds" => options.rounds = value().parse().unwrap(),
            "--write" => options.write = Some(value().into()),
            "--here" => options.here = true,
            other => panic!("{other} is no option; see the head of the source"),
        }
    }
    if options.rows.is_empty() {
        options.rows = rows::ROWS.iter().map(|row| row.name.to_owned()).collect();
    }
    options
}

fn main() {
    let options = options();
    let mut found = Vec::new();
    for name in &options.rows {
        let row = rows::ROWS.iter().find(|row| row.name == name);
        let row =
            row.unwrap_or_else(|| panic!("no row {name}; there are {:?}", rows::ROWS.map(|row| row.name)));
        if options.here {
            println!("{}", row.measure(&options));
        } else {
            found.push(in_a_process_of_its_own(name, &options));
        }
    }
    if !options.here {
        println!("{}", serde_json::to_string_pretty(&json!({ "rows": found })).unwrap());
    }
}

fn in_a_process_of_its_own(name: &str, options: &Options) -> Json {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--here", "--row", name]).arg("--shared").arg(&options.shared);
    command.args(["--events", &options.events.to_string(), "--rounds", &options.rounds.to_string()]);
    if let Some(folder) = &options.write {
        command.arg("--write").arg(folder);
    }
    let output = command.stderr(std::process::Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{name} failed");
    let row: Json = serde_json::from_slice(&output.stdout).unwrap();
    eprintln!("{row}");
    row
}
