//! `huecry doctor`: looks at everything a node needs and says what to mend.

use super::load_engine;
use crate::cli::Cli;
use crate::client::Client;
use crate::config::Config;
use crate::containment::Prepared;
use crate::content::configured_rules;
use crate::exit::{Exit, Failure};
use crate::rollout::Generation;
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
    looks.extend([mappings_and_rules(config), rule_tests(config), owners(config)]);
    looks.extend([containment(config), mail(config), server(cli, config)]);
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

fn owners(config: &Config) -> Look {
    const WHAT: &str = "owners and addresses";
    let sources = crate::enrichment::sources(&config.enrich);
    if sources.is_empty() {
        return Look::good(WHAT, "none configured: no event has an owner ([enrich] in the configuration)");
    }
    let (enricher, faults) = enrich::Enricher::load(sources, enrich::Telemetry::default());
    let state = enricher.state();
    let services = state.history.newest().map_or(&[][..], enrich::Catalog::services);
    let unowned = services.iter().filter(|service| service.owner.is_none()).count();
    let databases: Vec<_> = state.geo.databases().map(enrich::GeoDatabase::database_type).collect();
    let databases = if databases.is_empty() { "no addresses".to_owned() } else { databases.join(", ") };
    let found = format!("{} services, {unowned} of them without an owner; {databases}", services.len());
    match faults.first() {
        None => Look::good(WHAT, found),
        Some(first) => Look::bad(
            WHAT,
            format!("{found}; faults: {}, the first at {first}", faults.len()),
            "`huecry owners lint` lists them; a running server keeps what it knew before",
        ),
    }
}

/// Connectors, playbooks, settings and secrets. Nothing is asked of other systems.
fn containment(config: &Config) -> Look {
    const WHAT: &str = "containment";
    match Prepared::of(config) {
        Ok(None) => Look::good(WHAT, "nothing is contained: respond.enabled is false"),
        Ok(Some(prepared)) => match idle_orders(config, &prepared) {
            Some(names) => {
                let found =
                    format!("there are no rules for the standing orders {names}: they are never carried out");
                Look::bad(
                    WHAT,
                    found,
                    "respond.automatic names rules by the id in their file, which their page in the console has too",
                )
            }
            None => Look::good(WHAT, prepared.summary()),
        },
        Err(failure) => {
            let hint =
                failure.hint.unwrap_or_else(|| "mend it; the server does not start with it".to_owned());
            Look::bad(WHAT, failure.message, hint)
        }
    }
}

/// Whether the mail server lets us in. It is asked, and nothing is sent.
fn mail(config: &Config) -> Look {
    const WHAT: &str = "e-mail";
    const NOT_CONFIGURED: &str = "not configured: nobody is told by e-mail of what waits for them, or of broken glass \
                                  ([mail] in the configuration)";
    match crate::mail::mailer(config) {
        Ok(None) => Look::good(WHAT, NOT_CONFIGURED),
        Ok(Some(mailer)) => match mailer.check() {
            Ok(found) => Look::good(WHAT, found),
            Err(error) => {
                let hint = "letters wait for a day; mend [mail], or the server";
                Look::bad(WHAT, error.to_string(), hint)
            }
        },
        Err(failure) => {
            let hint =
                failure.hint.unwrap_or_else(|| "mend it; the server does not start with it".to_owned());
            Look::bad(WHAT, failure.message, hint)
        }
    }
}

/// Names of standing orders whose rule is not there.
fn idle_orders(config: &Config, prepared: &Prepared) -> Option<String> {
    let (engine, _) = load_engine(&configured_rules(&config.rules)).ok()?;
    let rules = Generation::all_active(engine.into());
    let is_rule = |id: &str| rules.all().any(|rule| rule.rule_id.eq_ignore_ascii_case(id));
    let names = prepared.orders_without_rule(is_rule);
    (!names.is_empty()).then(|| names.join(", "))
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
            let owners = client.get_text("/metrics").ok().and_then(|metrics| unowned_share(&metrics));
            let owners = owners.map_or_else(String::new, |share| format!(", {share}"));
            Look::good(WHAT, format!("{} answers, {sources} sources{owners}", client.base()))
        }
        Err(failure) => Look::bad(WHAT, failure.message, failure.hint.unwrap_or_default()),
    }
}

/// How many of the events since the server's start have no owner; nothing before the first event.
fn unowned_share(metrics: &str) -> Option<String> {
    let count = |name: &str| -> Option<u64> {
        metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    };
    let events = count("huecry_events_enriched_total ")?;
    let unowned = count("huecry_events_owner_unresolved_total ")?;
    let share = 100.0 * unowned as f64 / events.max(1) as f64;
    (events > 0).then(|| format!("{share:.1} % of {events} events without an owner"))
}

#[cfg(test)]
mod tests {
    use super::unowned_share;

    #[test]
    fn the_share_of_events_without_an_owner_is_told() {
        let metrics = |events: u32, unowned: u32| {
            format!(
                "# TYPE huecry_events_enriched counter\nhuecry_events_enriched_total {events}\n\
                 huecry_events_owner_unresolved_total {unowned}\n"
            )
        };
        assert_eq!(unowned_share(&metrics(8, 1)).as_deref(), Some("12.5 % of 8 events without an owner"));
        assert_eq!(unowned_share(&metrics(0, 0)), None);
        assert_eq!(unowned_share("nothing"), None);
    }
}
