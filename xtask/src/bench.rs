//! `cargo xtask bench`: where the benches are started from.
//!
//! A bench is a row of [`BENCHES`]: what it measures, and the cargo arguments that run it. It runs in the
//! profile `demo`, prints its own figures, and exits with another code than 0 if a limit is broken.

use std::path::Path;
use std::process::{Command, ExitCode};

/// Name, what it measures, the arguments of cargo.
type Bench = (&'static str, &'static str, &'static [&'static str]);

/// In the order in which they run.
const BENCHES: &[Bench] = &[];

/// Runs the benches named, or all of them.
pub(crate) fn run(root: &Path, names: &[&str]) -> ExitCode {
    if let Some(unknown) = names.iter().find(|name| !BENCHES.iter().any(|(known, ..)| known == *name)) {
        eprintln!("bench: no bench `{unknown}`");
        BENCHES.iter().for_each(|(name, measures, _)| eprintln!("  {name:12} {measures}"));
        return ExitCode::from(2);
    }
    if BENCHES.is_empty() {
        eprintln!("bench: there is no bench yet; add a row in xtask/src/bench.rs");
        return ExitCode::FAILURE;
    }
    let mut all_well = true;
    for (name, measures, args) in BENCHES.iter().filter(|(name, ..)| names.is_empty() || names.contains(name))
    {
        println!("── {name}: {measures}");
        let status = Command::new("cargo").args(*args).current_dir(root).status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("bench: `{name}` failed (cargo {})", args.join(" "));
            all_well = false;
        }
    }
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
