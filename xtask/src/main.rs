//! Repository chores: `cargo xtask tidy | fuzz | bench | attack | sigma-differential`.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line tool: these are its output

mod attack;
mod bench;
mod fuzz;
mod sigma_differential;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  tidy                             check layering, sizes, names, banned text, lock files, documents
  fuzz [TARGET] [--minutes N]      run one fuzz target (10 minutes unless told); without a name, list them
  attack FILE                      write content/attack from STIX objects of MITRE ATT&CK
  bench [--profile NAME] [ARGS]    build in a profile (demo unless told), run crates/bench with ARGS
  bench --sigma [ARGS]             matching beside another engine, in a workspace of its own (peers/sigma)
  sigma-differential [--pairs N] [--seed N]
                                   compiled rules against the reference: real records, generated pairs

exit codes: 0 all well, 1 complaints or a failed run, 2 wrong usage
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = workspace_root();
    match args.as_slice() {
        ["tidy"] => tidy::run(&root),
        ["fuzz", rest @ ..] => fuzz::run(&root, rest),
        ["attack", rest @ ..] => attack::run(&root, rest),
        ["bench", "--sigma", rest @ ..] => bench::run_sigma(&root, rest),
        ["sigma-differential", rest @ ..] => sigma_differential::run(&root, rest),
        ["bench", rest @ ..] => bench::run(&root, rest),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The folder above this crate's; cargo says where that is, so xtask works from any folder.
fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
