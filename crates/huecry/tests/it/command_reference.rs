//! `docs/reference/command-line.md` is what the program says of itself.

use clap::{Arg, Command, CommandFactory};
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "# Command line\n\n\
    Every command of `huecry` with its options, as `--help` tells them. Written by a test\n\
    (`HUECRY_BLESS=1 cargo nextest run -p huecry command_reference`); do not edit.\n\n\
    Exit codes: 0 done · 1 the input has faults · 2 wrong usage or configuration · 3 the server cannot be reached or failed ·\n\
    4 not allowed · 5 conflict with another change · 6 what was signed was changed.\n";

fn flag(arg: &Arg) -> String {
    let names = arg
        .get_value_names()
        .map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    let takes = arg.get_action().takes_values();
    let value = names.filter(|_| takes).unwrap_or_default();
    match (arg.get_long(), arg.get_short()) {
        (Some(long), short) => {
            let short = short.map(|short| format!("-{short}, ")).unwrap_or_default();
            format!("{short}--{long} {value}").trim_end().to_owned()
        }
        (None, Some(short)) => format!("-{short} {value}").trim_end().to_owned(),
        (None, None) => value,
    }
}

fn list(text: &mut String, args: &[&Arg]) {
    for arg in args {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let defaults: Vec<_> =
            arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect();
        let is_told = defaults.is_empty() || !arg.get_action().takes_values() || defaults == [""];
        let default = if is_told { String::new() } else { format!(" [default: {}]", defaults.join(" ")) };
        writeln!(text, "- `{}`: {help}{default}", flag(arg)).unwrap();
    }
}

fn describe(text: &mut String, path: &str, command: &Command) {
    writeln!(text, "\n## {path}\n").unwrap();
    let about = command.get_long_about().or_else(|| command.get_about());
    writeln!(text, "{}", about.map(ToString::to_string).unwrap_or_default().trim()).unwrap();
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| {
            !arg.is_global_set()
                && !arg.is_hide_set()
                && !["help", "version"].contains(&arg.get_id().as_str())
        })
        .collect();
    if !own.is_empty() {
        text.push('\n');
        list(text, &own);
    }
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        describe(text, &format!("{path} {}", below.get_name()), below);
    }
}

#[test]
fn the_committed_reference_is_this_program() {
    let mut command = huecry::cli::Cli::command();
    command.build();
    let mut text = HEAD.to_owned();
    text.push_str("\n## Everywhere\n\n");
    let everywhere: Vec<&Arg> = command.get_arguments().filter(|arg| arg.is_global_set()).collect();
    list(&mut text, &everywhere);
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        describe(&mut text, &format!("huecry {}", below.get_name()), below);
    }
    assert!(text.contains("## huecry report dep") && text.contains("- `--json`"), "{text}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/command-line.md");
    if std::env::var_os("HUECRY_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "run with HUECRY_BLESS=1");
}
