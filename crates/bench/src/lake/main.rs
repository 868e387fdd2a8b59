//! Measures the lake: bytes at rest, what writing costs, what questions cost, and what they do to ingestion.
//!
//! ```text
//! huecry-lake-bench fill DIR --events N [--records acme|distinct|CORPUS.ndjson]
//! huecry-lake-bench ask DIR QUESTIONS.json        (what duckdb_queries.py runs)
//! huecry-lake-bench hostile DIR                   what must be stopped, and the most memory
//! huecry-lake-bench beside DIR                    ingestion with and without hostile questions
//! ```
#![allow(clippy::print_stdout, reason = "a program that prints measurements")]

mod ask;
mod beside;
mod fill;
mod hostile;
mod process;
mod records;
mod rekey;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// A measurement that could not be made.
type Failed = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Fills a new lake, and says what it cost and what lies there.
    Fill {
        /// The lake's folder; must not exist.
        dir: PathBuf,
        /// Events.
        #[arg(long, default_value_t = 1_000_000)]
        events: u64,
        /// `acme`, `distinct`, or a file of `real_corpora.py`.
        #[arg(long, default_value = "acme")]
        records: String,
        /// Only the records of this source.
        #[arg(long)]
        source: Option<String>,
    },
    /// Asks questions of a lake, each several times, and prints a line of JSON for each.
    Ask {
        /// The lake's folder.
        dir: PathBuf,
        /// A JSON array of `{"name", "sql", "times"}`.
        questions: PathBuf,
        /// As a reader who may not see personal values.
        #[arg(long)]
        masked: bool,
    },
    /// Asks what must be stopped.
    Hostile {
        /// The lake's folder.
        dir: PathBuf,
    },
    /// Feeds a second lake while the first is asked what must be stopped.
    Beside {
        /// The lake's folder.
        dir: PathBuf,
        /// Seconds of each of the alternating turns.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Turns with, and as many without.
        #[arg(long, default_value_t = 4)]
        turns: u32,
    },
}

fn main() -> Result<(), Failed> {
    match Args::parse().verb {
        Verb::Fill { dir, events, records, source } => fill::run(&dir, events, &records, source.as_deref()),
        Verb::Ask { dir, questions, masked } => ask::run(&dir, &questions, masked),
        Verb::Hostile { dir } => hostile::run(&dir),
        Verb::Beside { dir, seconds, turns } => beside::run(&dir, seconds, turns),
    }
}
