//! `cargo xtask fuzz`: cargo-fuzz on the stable tool chain, bounded in time.

use std::path::Path;
use std::process::{Command, ExitCode};
use toml::{Table, Value};

const MINUTES_DEFAULT: u64 = 10;

/// Runs one target, or lists the targets if none is named.
pub(crate) fn run(root: &Path, args: &[&str]) -> ExitCode {
    let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap_or_default();
    let targets = targets(&manifest);
    let (target, minutes) = match parse(args) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            targets.iter().for_each(|target| println!("{target}"));
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("fuzz: {message}");
            return ExitCode::from(2);
        }
    };
    if !targets.contains(&target) {
        eprintln!("fuzz: no target `{target}` in fuzz/Cargo.toml; there are: {}", targets.join(", "));
        return ExitCode::from(2);
    }
    // the sanitizer's flags are unstable, the rest of the build is not: no second tool chain needed
    let status = Command::new("cargo")
        .args(["fuzz", "run", &target, "--", &format!("-max_total_time={}", minutes * 60)])
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(root)
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => {
            eprintln!("fuzz: `{target}` failed; a crash is kept in fuzz/artifacts/{target}/");
            eprintln!(
                "hint: it needs cargo-fuzz (cargo install --locked cargo-fuzz) and a C++ compiler (g++)"
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("fuzz: cargo could not be started: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The target and for how many minutes; nothing if no target is named.
fn parse(args: &[&str]) -> Result<Option<(String, u64)>, String> {
    let (mut target, mut minutes) = (None, MINUTES_DEFAULT);
    let mut rest = args.iter();
    while let Some(&arg) = rest.next() {
        if arg == "--minutes" {
            let value = rest.next().ok_or("--minutes needs a number")?;
            minutes =
                value.parse().ok().filter(|m| (1..=1_440).contains(m)).ok_or("--minutes is 1 to 1440")?;
        } else if arg.starts_with('-') || target.is_some() {
            return Err(format!("unexpected `{arg}`; usage: cargo xtask fuzz TARGET [--minutes N]"));
        } else {
            target = Some(arg.to_owned());
        }
    }
    Ok(target.map(|target| (target, minutes)))
}

/// The names of the binaries of a manifest.
fn targets(manifest: &str) -> Vec<String> {
    let manifest: Table = manifest.parse().unwrap_or_default();
    let binaries = manifest.get("bin").and_then(Value::as_array).into_iter().flatten();
    binaries.filter_map(|binary| Some(binary.get("name")?.as_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_a_target_and_minutes() {
        assert_eq!(parse(&[]), Ok(None));
        assert_eq!(parse(&["hec"]), Ok(Some(("hec".into(), 10))));
        assert_eq!(parse(&["--minutes", "3", "hec"]), Ok(Some(("hec".into(), 3))));
        for wrong in
            [vec!["hec", "log"], vec!["--fast"], vec!["hec", "--minutes"], vec!["hec", "--minutes", "0"]]
        {
            assert!(parse(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn targets_are_the_binaries_of_the_manifest() {
        let manifest = "[package]\nname = \"fuzz\"\n[[bin]]\nname = \"hec\"\n[[bin]]\nname = \"log\"\n";
        assert_eq!(targets(manifest), ["hec", "log"]);
        assert!(targets("").is_empty());
    }
}
