//! `huecry owners`: who owns what and why, and what is wrong with the files that say so. Needs no server.

use crate::cli::Owners;
use crate::config::Config;
use crate::enrichment::sources;
use crate::exit::{Exit, Failure};
use crate::terminal;
use enrich::{Answer, Catalog, Dialect, Enricher, GeoDatabases, RepositoryFile, Sources};
use model::{Clock, SystemClock};
use serde_json::json;
use std::net::IpAddr;
use std::path::PathBuf;

/// Runs one of the verbs.
pub(super) fn run(command: Owners, config: &Config, json: bool) -> Result<Exit, Failure> {
    match command {
        Owners::Lint { files } => Ok(lint(&files, config, json)),
        Owners::Who { things, repo, at, file } => {
            let at_ms = match at {
                None => SystemClock.now_ms(),
                Some(text) => enrich::parse_time_ms(&text).ok_or_else(|| {
                    Failure::new(Exit::Usage, format!("--at {text}: this is no time"))
                        .hint("write 2026-01-31 or 2026-01-31T08:00:00Z")
                })?,
            };
            let sources = with_files(sources(&config.enrich), file, repo.as_deref())?;
            if sources.is_empty() {
                return Err(Failure::new(Exit::Usage, "nothing says who owns what")
                    .hint("name files with --file, or under [enrich] in the configuration"));
            }
            who(&sources, &things, repo.as_deref(), at_ms, json)
        }
    }
}

/// The configuration's files and those of the command line.
fn with_files(mut sources: Sources, files: Vec<PathBuf>, repo: Option<&str>) -> Result<Sources, Failure> {
    for file in files {
        match (enrich::is_codeowners(&file), repo) {
            (false, _) => sources.catalog.push(file),
            (true, Some(repository)) => {
                let repository = repository.to_owned();
                sources.codeowners.push(RepositoryFile { repository, file, dialect: Dialect::Auto });
            }
            (true, None) => {
                let message = format!("{}: of which repository?", file.display());
                return Err(Failure::new(Exit::Usage, message).hint("name it with --repo OWNER/NAME"));
            }
        }
    }
    Ok(sources)
}

fn who(
    sources: &Sources,
    things: &[String],
    repo: Option<&str>,
    at_ms: i64,
    json: bool,
) -> Result<Exit, Failure> {
    let loaded = sources.load_catalog(None);
    let (geo, errors) = sources.open_databases();
    errors.iter().for_each(terminal::note);
    let errors = loaded.faults.iter().filter(|fault| !fault.code.is_remark());
    errors.for_each(terminal::note);
    let mut exit = Exit::Done;
    for thing in things {
        if let (Ok(ip), None) = (thing.parse::<IpAddr>(), repo) {
            print_address(&geo, thing, ip, json);
            continue;
        }
        let answers = enrich::who(&loaded.catalog, thing, repo, at_ms);
        if answers.is_empty() {
            exit = Exit::Faults;
        }
        print(&loaded.catalog, thing, &answers, json);
    }
    Ok(exit)
}

fn print(catalog: &Catalog, thing: &str, answers: &[Answer], json: bool) {
    if json {
        terminal::line(json!({ "asked": thing, "answers": answers }));
        return;
    }
    if answers.is_empty() {
        let (services, repositories) = (catalog.services().len(), catalog.repositories().count());
        terminal::line(format_args!(
            "{thing}: nobody ({services} services and the CODEOWNERS of {repositories} repositories do not know it)"
        ));
    }
    for answer in answers {
        let owners = match answer.owners.is_empty() {
            true => "nobody".to_owned(),
            false => answer.owners.join(" "),
        };
        terminal::line(format_args!("{thing}: {owners}"));
        let rows = [
            ("team", answer.team.as_deref()),
            ("service", answer.service.as_deref()),
            ("criticality", answer.criticality.as_deref()),
            ("environment", answer.environment.as_deref()),
            ("because of", Some(answer.by.as_str())),
            ("source", Some(answer.source.as_str())),
        ];
        for (label, value) in rows {
            if let Some(value) = value {
                terminal::line(format_args!("  {label:<12} {value}"));
            }
        }
        terminal::line(format_args!("  {:<12} {}", "since", terminal::time(answer.since_ms)));
    }
}

fn print_address(geo: &GeoDatabases, asked: &str, ip: IpAddr, json: bool) {
    for database in geo.databases() {
        let kind = database.database_type();
        match (database.record(ip), json) {
            (Ok(record), true) => {
                let built_ms = database.built_ms();
                terminal::line(
                    json!({ "asked": asked, "database": kind, "built_ms": built_ms, "record": record }),
                );
            }
            (Ok(None), false) => terminal::line(format_args!("{asked}: not in {kind}")),
            (Ok(Some(record)), false) => terminal::line(format_args!("{asked}: {record} ({kind})")),
            (Err(error), _) => terminal::note(format_args!("{asked}: {kind}: {error}")),
        }
    }
}

/// How many services and lines of owners a catalogue has.
fn read(catalog: &Catalog) -> usize {
    let lines: usize = catalog.repositories().map(|(_, owners)| owners.rules()).sum();
    catalog.services().len() + lines
}

fn lint(files: &[PathBuf], config: &Config, json: bool) -> Exit {
    let (faults, read) = if files.is_empty() {
        // the configured databases are looked at too
        let (enricher, faults) = Enricher::load(sources(&config.enrich), enrich::Telemetry::default());
        (faults, enricher.state().history.newest().map_or(0, read))
    } else {
        enrich::lint(files)
    };
    for fault in &faults {
        if json {
            terminal::line(serde_json::to_string(fault).unwrap_or_default());
        } else {
            terminal::line(fault);
        }
    }
    let remarks = faults.iter().filter(|fault| fault.code.is_remark()).count();
    let errors = faults.len() - remarks;
    terminal::note(format_args!("{read} services and lines of owners: {errors} errors, {remarks} remarks"));
    if faults.is_empty() { Exit::Done } else { Exit::Faults }
}
