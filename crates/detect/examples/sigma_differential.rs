//! The compiled rules against the reference evaluator, whole: `cargo xtask sigma-differential [--pairs N] [--seed N]`.
//!
//! Every visible record with the rules of its route, each tenth with all rules there are, and pairs of generated rules
//! and events from a seed. Exit code 1 at any difference.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

extern crate huecry_detect as detect;

#[path = "../tests/it/corpus.rs"]
mod corpus;
#[path = "../../sigma/tests/it/generate.rs"]
#[allow(dead_code)]
mod generate;
#[path = "../../sigma/tests/it/json_view.rs"]
mod json_view;
#[path = "../tests/it/oracle.rs"]
#[allow(dead_code)]
mod oracle;
#[path = "../../sigma/tests/it/shared_data.rs"]
mod shared_data;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use oracle::{Both, Source, Tally, routed, unrouted};
use serde_json::Value as Json;

const FOLDERS: &[&str] = &["rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance"];
/// The reference needs seconds for a thousand events and every rule.
const ALL_RULES_EVERY: usize = 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, otherwise: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)).map_or(otherwise, |text| text.parse().unwrap())
    };
    let (pairs, seed) = (number("--pairs", 1_000_000), number("--seed", 1));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let records = shared_data::folder("sigma").is_none_or(|sigma| on_records(&sigma, threads));
    if on_pairs(seed, pairs, threads as u64) && records { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn on_records(sigma: &Path, threads: usize) -> bool {
    let both = Both::load(&corpus::sigma_rules(sigma, FOLDERS));
    let data = sigma.parent().unwrap_or(sigma);
    let (windows, cloudtrail) = (corpus::windows_events(data), corpus::cloudtrail_events(data));
    println!("{} rules", both.plain.rules().len());
    let whole = |events: &[Json], name: &str, run: &(dyn Fn(&[&Json]) -> Tally + Sync), every: usize| {
        let started = Instant::now();
        let picked: Vec<&Json> = events.iter().step_by(every).collect();
        let tally = in_parallel(&picked, threads, run);
        let (count, seconds) = (tally.differences.len(), started.elapsed().as_secs());
        println!("{name}: {} events, {} hits, {count} differences, {seconds} s", tally.events, tally.hits);
        tally.differences.iter().take(5).for_each(|difference| println!("  {difference}"));
        count == 0 && tally.hits > 0
    };
    let answers = [
        whole(&windows, "windows, rules of the route", &|e| routed(&both, Source::EventLog, e), 1),
        whole(&cloudtrail, "cloudtrail, rules of the route", &|e| routed(&both, Source::CloudTrail, e), 1),
        whole(&windows, "windows, all rules, each tenth", &|e| unrouted(&both, e), ALL_RULES_EVERY),
        whole(&cloudtrail, "cloudtrail, all rules, each tenth", &|e| unrouted(&both, e), ALL_RULES_EVERY),
    ];
    answers.iter().all(|agreed| *agreed)
}

fn in_parallel(events: &[&Json], threads: usize, run: &(dyn Fn(&[&Json]) -> Tally + Sync)) -> Tally {
    let part = events.len().div_ceil(threads).max(1);
    let mut whole = Tally::default();
    std::thread::scope(|scope| {
        let parts: Vec<_> = events.chunks(part).map(|events| scope.spawn(move || run(events))).collect();
        parts.into_iter().for_each(|part| whole.add(part.join().unwrap()));
    });
    whole
}

fn on_pairs(seed: u64, pairs: u64, threads: u64) -> bool {
    let started = Instant::now();
    let parts: Vec<generate::Pairs> = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || generate::seeded(seed + thread, pairs.div_ceil(threads))))
            .collect();
        parts.into_iter().map(|part| part.join().unwrap()).collect()
    });
    let asked: u64 = parts.iter().map(|part| part.asked).sum();
    let matched: u64 = parts.iter().map(|part| part.matched).sum();
    let differences: Vec<_> = parts.iter().flat_map(|part| &part.differences).collect();
    let (count, seconds) = (differences.len(), started.elapsed().as_secs());
    println!("generated from seed {seed}: {asked} pairs, {matched} match, {count} differences, {seconds} s");
    differences.iter().take(5).for_each(|difference| println!("  {difference}"));
    count == 0
}
