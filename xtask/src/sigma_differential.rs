//! `cargo xtask sigma-differential`: the compiled rules against the reference evaluator, in an optimised build.

use std::path::Path;
use std::process::{Command, ExitCode};

const USAGE: &str = "\
usage: cargo xtask sigma-differential [--pairs N] [--seed N]

Holds the compiled rules against the reference evaluator: every record of the shared data with the rules of its route,
each tenth with all rules, and N pairs (a million unless told) of generated rules and events from a seed (1 unless told).

exit codes: 0 no difference, 1 a difference or no run, 2 wrong usage
";

/// Builds and runs `crates/detect/examples/sigma_differential.rs`; arguments are handed on.
pub(crate) fn run(root: &Path, args: &[&str]) -> ExitCode {
    if args.iter().any(|arg| matches!(*arg, "help" | "--help" | "-h")) {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let is_number = |text: &str| text.parse::<u64>().is_ok();
    let is_known = args.chunks(2).all(|pair| matches!(pair, ["--pairs" | "--seed", n] if is_number(n)));
    if !is_known {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    }
    let cargo = [
        "run",
        "--locked",
        "--quiet",
        "--profile",
        "demo",
        "-p",
        "huecry-detect",
        "--example",
        "sigma_differential",
        "--",
    ];
    match Command::new("cargo").args(cargo).args(args).current_dir(root).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("sigma-differential: cargo could not be started: {error}");
            ExitCode::FAILURE
        }
    }
}
