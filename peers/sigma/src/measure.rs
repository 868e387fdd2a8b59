//! One engine on one row: load time, memory, events a second of user CPU, and what matched.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::corpus::RuleFile;
use crate::workload::{Contender, Row, Workload};

/// Passes of which the median counts.
const PASSES_MAX: usize = 5;
/// CPU after which no further pass is begun, seconds.
const CPU_S_MAX: f64 = 12.0;

/// Rules loaded and ready; one thread.
pub(crate) trait Engine: Sized {
    /// Forgets what former events left in buffers and memories.
    fn fresh(&mut self);
    /// Gets ready for events like these, outside the clock.
    fn prepare(&mut self, events: &[Vec<u8>]) -> Result<(), Failure>;
    /// Parses an event and gives the id of each rule that matches.
    fn matches(&mut self, event: &[u8], hit: &mut impl FnMut(&str)) -> Result<(), Failure>;
    /// Parses an event.
    fn parse(&mut self, event: &[u8]) -> Result<(), Failure>;
    /// How many rules run.
    fn rules(&self) -> usize;
    /// The ids of rules that do not, each with the reason.
    fn refused(&self) -> Vec<(String, String)>;
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measurement {
    pub(crate) row: String,
    pub(crate) contender: String,
    pub(crate) rules: usize,
    pub(crate) refused: Vec<(String, String)>,
    pub(crate) load_ms: f64,
    /// Memory that the loaded rules added.
    pub(crate) rules_bytes: u64,
    /// Most memory of the process, with the events in it.
    pub(crate) peak_bytes: u64,
    /// Events of a pass and how many of them are distinct.
    pub(crate) events: usize,
    pub(crate) distinct_events: usize,
    /// Bytes to hits, a second of user CPU.
    pub(crate) events_per_s: f64,
    /// Parsing alone.
    pub(crate) parsed_per_s: f64,
    /// Hits of a pass.
    pub(crate) hits: u64,
}

impl Measurement {
    pub(crate) fn is_of(&self, row: Row, contender: Contender) -> bool {
        self.row == row.name() && self.contender == contender.name()
    }

    /// What matching alone would do: the whole without the parsing.
    pub(crate) fn matched_per_s(&self) -> f64 {
        1.0 / (1.0 / self.events_per_s - 1.0 / self.parsed_per_s).max(f64::MIN_POSITIVE)
    }
}

/// Where a child leaves its matches: lines of event number, tab, rule id.
pub(crate) fn matches_file(folder: &Path, row: Row, contender: Contender) -> PathBuf {
    folder.join(format!("{}.{}.matches", row.name(), contender.name()))
}

pub(crate) fn run<E: Engine>(
    load: impl FnOnce(&[RuleFile]) -> Result<E, Failure>,
    workload: Workload,
    folder: &Path,
) -> Result<Measurement, Failure> {
    let before_bytes = status_bytes("VmRSS:")?;
    let started = Instant::now();
    let mut engine = load(&workload.rules)?;
    engine.prepare(&workload.events)?;
    let load_ms = started.elapsed().as_secs_f64() * 1e3;
    let rules_bytes = status_bytes("VmRSS:")?.saturating_sub(before_bytes);
    let mut found = BTreeSet::new();
    for (number, event) in workload.events.iter().enumerate() {
        engine.matches(event, &mut |rule| {
            found.insert((number, rule.to_owned()));
        })?;
    }
    let mut file = std::io::BufWriter::new(std::fs::File::create(matches_file(
        folder,
        workload.row,
        workload.contender,
    ))?);
    for (number, rule) in &found {
        writeln!(file, "{number}\t{rule}")?;
    }
    file.flush()?;
    let mut hits = 0;
    let whole_s = median_s(&mut || {
        engine.fresh();
        hits = 0;
        each(&workload, |event| {
            engine.matches(event, &mut |rule| hits += u64::from(!black_box(rule).is_empty()))
        })
    })?;
    let parse_s = median_s(&mut || each(&workload, |event| engine.parse(event)))?;
    let events = workload.events.len() * workload.repeats;
    Ok(Measurement {
        row: workload.row.name().to_owned(),
        contender: workload.contender.name().to_owned(),
        rules: engine.rules(),
        refused: engine.refused(),
        load_ms,
        rules_bytes,
        peak_bytes: status_bytes("VmHWM:")?,
        events,
        distinct_events: workload.events.len(),
        events_per_s: events as f64 / whole_s,
        parsed_per_s: events as f64 / parse_s,
        hits,
    })
}

fn each(workload: &Workload, mut run: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
    (0..workload.repeats).flat_map(|_| &workload.events).try_for_each(|event| run(event))
}

/// User CPU of the median pass.
fn median_s(pass: &mut dyn FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let (mut passes, started) = (Vec::new(), user_cpu_s()?);
    while passes.len() < PASSES_MAX && (passes.is_empty() || user_cpu_s()? - started < CPU_S_MAX) {
        let before = user_cpu_s()?;
        pass()?;
        passes.push(user_cpu_s()? - before);
    }
    passes.sort_by(f64::total_cmp);
    passes.get(passes.len() / 2).copied().ok_or_else(|| "no pass".into())
}

/// getrusage(2).
fn user_cpu_s() -> Result<f64, Failure> {
    let time = getrusage(UsageWho::RUSAGE_SELF)?.user_time();
    Ok(time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6)
}

/// A size of /proc/self/status (proc(5)).
fn status_bytes(name: &str) -> Result<u64, Failure> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such size")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1_024)
}
