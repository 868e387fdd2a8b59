//! `cargo xtask bench`: builds the product and the bench in one profile, and runs the one on the other.
//!
//! What is measured, and with which arguments, is `crates/bench`'s to say.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Unless `--profile` says otherwise; the one that `make demo` has built already.
const PROFILE_DEFAULT: &str = "demo";

/// Builds and runs; the bench's own arguments are handed on.
pub(crate) fn run(root: &Path, args: &[&str]) -> ExitCode {
    let (profile, args) = match args {
        ["--profile", profile, rest @ ..] => (*profile, rest),
        _ => (PROFILE_DEFAULT, args),
    };
    let build = ["build", "--locked", "--profile", profile, "-p", "huecry", "-p", "huecry-bench"];
    if !succeeds(Command::new("cargo").args(build).current_dir(root)) {
        eprintln!("bench: cargo {} failed", build.join(" "));
        return ExitCode::FAILURE;
    }
    let folder = target_folder(root, std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from), profile);
    let mut bench = Command::new(folder.join("huecry-bench"));
    bench.arg("--huecry").arg(folder.join("huecry")).args(args).current_dir(root);
    if succeeds(&mut bench) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Builds `peers/sigma`, which is a workspace of its own, and runs it on the shared data.
///
/// The other engine states a newer compiler than ours and builds with ours (`--ignore-rust-version`).
pub(crate) fn run_sigma(root: &Path, args: &[&str]) -> ExitCode {
    let cargo = [
        "run",
        "--locked",
        "--quiet",
        "--release",
        "--ignore-rust-version",
        "--manifest-path",
        "peers/sigma/Cargo.toml",
        "--",
    ];
    let mut run = Command::new("cargo");
    run.args(cargo).args(args).current_dir(root);
    if succeeds(&mut run) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn succeeds(command: &mut Command) -> bool {
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("bench: {} could not be started: {error}", command.get_program().to_string_lossy());
            false
        }
    }
}

/// Where cargo puts the programs of a profile.
fn target_folder(root: &Path, target: Option<PathBuf>, profile: &str) -> PathBuf {
    let folder = if profile == "dev" { "debug" } else { profile };
    root.join(target.unwrap_or_else(|| "target".into())).join(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_where_cargo_puts_them() {
        let root = Path::new("/r");
        assert_eq!(target_folder(root, None, "dev"), Path::new("/r/target/debug"));
        assert_eq!(target_folder(root, None, "demo"), Path::new("/r/target/demo"));
        assert_eq!(target_folder(root, Some("/t".into()), "demo"), Path::new("/t/demo"));
        assert_eq!(target_folder(root, Some("t".into()), "demo"), Path::new("/r/t/demo"));
    }
}
