//! `cargo xtask sigma-differential`: the compiled rules against the reference evaluator, in an optimised build.

use std::path::Path;
use std::process::{Command, ExitCode};

/// Builds and runs `crates/detect/examples/sigma_differential.rs`; arguments are handed on.
pub(crate) fn run(root: &Path, args: &[&str]) -> ExitCode {
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
