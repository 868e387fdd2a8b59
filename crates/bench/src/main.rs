//! Measures the product beside the limits of the machine it runs on, in one run.
//!
//! Absolute figures differ from machine to machine; the ratios to the limits measured beside them do not.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints measurements")]

mod desk;
mod hot_path;
mod limits;
mod load;
mod process;
mod server;
mod whole_way;

use clap::Parser;
use std::path::PathBuf;

/// What to measure.
#[derive(Debug, Parser)]
struct Args {
    /// The program to measure.
    #[arg(long, default_value = "huecry")]
    huecry: PathBuf,
    /// Records for the whole way.
    #[arg(long, default_value_t = 300_000)]
    records: u64,
    /// Records for in-process measurements.
    #[arg(long, default_value_t = 100_000)]
    sample: u64,
    /// Records in one request at full speed.
    #[arg(long, default_value_t = 500)]
    batch: usize,
    /// Senders at once.
    #[arg(long, default_value_t = 4)]
    senders: usize,
    /// Folders of rules beside the built-in ones; may be given several times.
    #[arg(long)]
    rules: Vec<PathBuf>,
    /// At most this many rules in all.
    #[arg(long, default_value_t = 250)]
    rules_max: usize,
    /// Seconds at each of the paced loads.
    #[arg(long, default_value_t = 10)]
    paced_seconds: u64,
    /// Only this: the desk over HTTP, while records come in at a third of the most; a state as
    /// `desk_at_scale 100000 10 0 0 FILE` (huecry-backends) fills one. It is copied.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Services in the catalogue, for the desk.
    #[arg(long, default_value_t = 100_000)]
    services: u32,
    /// Only the in-process measurements.
    #[arg(long)]
    no_server: bool,
}

/// A measurement that could not be made.
type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let args = Args::parse();
    let sample: Vec<String> = acme::bench_records(1, args.sample).map(|r| r.body).collect();
    let bytes: usize = sample.iter().map(String::len).sum();
    println!("records: {} of {} bytes on average, no two alike", sample.len(), bytes / sample.len().max(1));
    let (rules, noise) = hot_path::without_noise(&sample, rules(&args)?)?;
    if !noise.is_empty() {
        println!("rules left out, since they match more than 1 % of normal records: {}", noise.join(", "));
    }
    if let Some(state) = &args.state {
        let desk = desk::measure(&args, state, &rules)?;
        println!("{desk}");
        return if desk.is_kept() { Ok(()) } else { Err("a promise is not kept".into()) };
    }
    let limits = limits::measure(&sample, args.batch)?;
    println!("{limits}");
    let hot_path = hot_path::measure(&sample, &rules, &limits)?;
    println!("{hot_path}");
    drop(sample);
    if !args.no_server {
        println!("{}", whole_way::measure(&args, &rules, &limits)?);
    }
    Ok(())
}

/// The built-in rules and those of the folders, `rules_max` at most.
fn rules(args: &Args) -> Result<Vec<(String, String)>, Failed> {
    let mut files = huecry::content::builtin_rules();
    files.extend(huecry::content::rules_under(&args.rules));
    let mut rules = Vec::new();
    for file in files {
        if rules.len() < args.rules_max {
            rules.push((file.name, file.text?));
        }
    }
    Ok(rules)
}
