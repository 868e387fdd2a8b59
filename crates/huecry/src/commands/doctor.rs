//! `huecry doctor`: looks at everything a node needs and says what to mend.

use super::load_engine;
use crate::cli::Cli;
use crate::client::Client;
use crate::config::Config;
use crate::content::configured_rules;
use crate::exit::{Exit, Failure};
use crate::storage::{FIRST_TOKEN_FILE, OTHERS};
use crate::terminal;
use serde::Serialize;
use std::os::unix::fs::PermissionsExt;

/// One look at one thing.
#[derive(Serialize)]
struct Look {
    what: &'static str,
    good: bool,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Look {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, good: true, found: found.into(), hint: None }
    }

    fn bad(what: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what, good: false, found: found.into(), hint: Some(hint.into()) }
    }
}

/// Looks, prints, and answers whether all is well.
pub(super) fn run(cli: &Cli, config: &Config, json: bool) -> Result<Exit, Failure> {
    let mut looks = vec![data_folder(config)];
    if config.storage.data_dir.exists() {
        looks.push(privacy(config));
    }
    looks.extend([mappings_and_rules(config), rule_tests(config), server(cli, config)]);
    for look in &looks {
        if json {
            terminal::line(serde_json::to_string(look).unwrap_or_default());
            continue;
        }
        let mark = if look.good { "ok  " } else { "BAD " };
        terminal::line(format_args!("{mark} {}: {}", look.what, look.found));
        if let Some(hint) = &look.hint {
            terminal::line(format_args!("     hint: {hint}"));
        }
    }
    Ok(if looks.iter().all(|look| look.good) { Exit::Done } else { Exit::Faults })
}

fn data_folder(config: &Config) -> Look {
    const WHAT: &str = "data folder";
    let dir = &config.storage.data_dir;
    let name = dir.display().to_string();
    if let Err(error) = config.log_dir().and(config.state_file()) {
        return Look::bad(WHAT, error.to_string(), "use file: and sqlite:");
    }
    if !dir.exists() {
        return Look::bad(
            WHAT,
            format!("{name} is not there"),
            "`huecry serve` makes it; or name it with --data-dir",
        );
    }
    let probe = dir.join(".doctor");
    let writable = std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe));
    if let Err(error) = writable {
        return Look::bad(WHAT, format!("{name}: {error}"), "give this account the right to write there");
    }
    if !dir.join(FIRST_TOKEN_FILE).exists() {
        return Look::good(WHAT, format!("{name}, writable; its first token was moved away"));
    }
    Look::good(WHAT, format!("{name}, writable"))
}

/// The folder holds records, state and the key of the secrets: nobody else's to read.
fn privacy(config: &Config) -> Look {
    const WHAT: &str = "data folder's privacy";
    let dir = &config.storage.data_dir;
    let name = dir.display();
    match std::fs::metadata(dir).map(|metadata| metadata.permissions().mode() & 0o777) {
        Err(error) => {
            Look::bad(WHAT, format!("{name}: {error}"), "give this account the right to look at it")
        }
        Ok(mode) if mode & OTHERS == 0 => Look::good(WHAT, format!("mode {mode:04o}, for its owner only")),
        Ok(mode) => Look::bad(
            WHAT,
            format!(
                "{name} has mode {mode:04o}: other accounts of this machine can read the log and the state"
            ),
            format!("chmod 700 {name}"),
        ),
    }
}

fn mappings_and_rules(config: &Config) -> Look {
    const WHAT: &str = "mappings and rules";
    match load_engine(&configured_rules(&config.rules)) {
        Err(failure) => Look::bad(WHAT, failure.message, "mend the mapping"),
        Ok((engine, report)) if report.refused.is_empty() => {
            let kinds: Vec<_> = engine.normalizer().kinds().collect();
            Look::good(WHAT, format!("{} rules over {}", report.loaded, kinds.join(", ")))
        }
        Ok((_, report)) => {
            let found = format!("{} rules, {} refused", report.loaded, report.refused.len());
            Look::bad(WHAT, found, "`huecry rules load` says which and why")
        }
    }
}

fn rule_tests(config: &Config) -> Look {
    const WHAT: &str = "the rules' own tests";
    let Ok((engine, _)) = load_engine(&configured_rules(&config.rules)) else {
        return Look::bad(WHAT, "cannot be run", "mend the mapping");
    };
    let outcomes = engine.run_rule_tests();
    let failed = outcomes.iter().filter(|o| o.result != detect::RuleTestResult::Passed).count();
    if failed == 0 {
        Look::good(WHAT, format!("{} passed", outcomes.len()))
    } else {
        Look::bad(WHAT, format!("{failed} of {} failed", outcomes.len()), "`huecry rules test` says which")
    }
}

fn server(cli: &Cli, config: &Config) -> Look {
    const WHAT: &str = "server";
    let client = match Client::of(cli, config) {
        Ok(client) => client,
        Err(failure) => return Look::bad(WHAT, failure.message, failure.hint.unwrap_or_default()),
    };
    let answered = client.get("/readyz").and_then(|_| client.get("/api/v1/sources"));
    match answered {
        Ok(answer) => {
            let sources = answer.body["items"].as_array().map_or(0, Vec::len);
            Look::good(WHAT, format!("{} answers, {sources} sources", client.base()))
        }
        Err(failure) => Look::bad(WHAT, failure.message, failure.hint.unwrap_or_default()),
    }
}
