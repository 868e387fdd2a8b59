//! Our Sigma engine beside rsigma-eval, on the same rules and the same bytes of the same events.
//!
//! `cargo xtask bench --sigma [--rows windows,lowered,cloud,all] [--pairs N] [--write]` measures each engine in a process of its own
//! (CPU time, memory), compares what the two match, and with `--write` puts the tables into the documents. It fails where
//! the two differ and `disagreements.toml` does not say why.

mod agreement;
#[path = "../../../crates/detect/tests/it/corpus.rs"]
mod corpus;
#[path = "../../../crates/sigma/tests/it/generate.rs"]
mod generate;
mod generated;
#[path = "../../../crates/sigma/tests/it/json_view.rs"]
mod json_view;
mod measure;
mod ours;
mod peer;
mod report;
#[path = "../../../crates/sigma/tests/it/shared_data.rs"]
mod shared_data;
mod workload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use measure::Measurement;
use workload::{Contender, Row, Workload};

/// The product's allocator, for both.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whatever goes wrong here ends the run with its text.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Generated pairs of one item and one event, and where they begin.
const GENERATED_PAIRS: u64 = 400_000;
const SEED: u64 = 1;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["measure", row, contender, folder] => one(row, contender, Path::new(folder)),
        rest => all(rest),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A child: one engine on one row.
fn one(row: &str, contender: &str, folder: &Path) -> Result<bool, Failure> {
    let row = Row::named(row).ok_or("no such row")?;
    let contender = Contender::named(contender).ok_or("no such contender")?;
    let workload = Workload::read(row, contender, folder)?;
    let measured = if contender.is_ours() {
        measure::run(|rules| ours::Ours::load(rules, row, contender), workload, folder)?
    } else {
        measure::run(|rules| peer::Peer::load(rules, contender), workload, folder)?
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(true)
}

/// The parent: prepares the events, starts the children one after another, compares and reports.
fn all(words: &[&str]) -> Result<bool, Failure> {
    let value = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1));
    let wanted =
        |row: &Row| value("--rows").is_none_or(|rows| rows.split(',').any(|name| name == row.name()));
    let Some(sigma) = shared_data::folder("sigma") else { return Ok(true) };
    let data = sigma.parent().unwrap_or(&sigma);
    let folder = std::env::temp_dir().join(format!("huecry-peers-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    workload::prepare(data, &folder)?;
    let mut measured = Vec::new();
    for row in Row::ALL.iter().filter(|row| wanted(row)) {
        for contender in row.contenders() {
            let one = child(*row, *contender, &folder)?;
            println!("{}", report::line(&one));
            measured.push(one);
        }
    }
    let pairs = value("--pairs").map_or(Ok(GENERATED_PAIRS), |pairs| pairs.parse())?;
    let generated = generated::differences(SEED, pairs)?;
    let agreement = agreement::compare(&measured, &generated, data, &folder)?;
    print!("{}", report::table(&measured, &agreement));
    for missing in &agreement.unexplained {
        println!("unexplained: {missing}");
    }
    if words.contains(&"--write") {
        report::write(&measured, &agreement, &repository())?;
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(agreement.unexplained.is_empty())
}

fn child(row: Row, contender: Contender, folder: &Path) -> Result<Measurement, Failure> {
    let output = std::process::Command::new(std::env::current_exe()?)
        .args(["measure", row.name(), contender.name()])
        .arg(folder)
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{} {}: {}", row.name(), contender.name(), output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
