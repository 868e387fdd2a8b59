//! The verbs of the CLI.

mod administration;
mod audit;
mod backtest_records;
mod backtest_report;
mod contain;
mod demo;
mod doctor;
mod dry_run;
mod incident;
mod ingest;
mod init;
mod lake;
mod logsource_lint;
mod mask;
mod ocsf_lint;
mod owners;
mod people;
mod playbook;
mod query;
mod report;
mod rule_files;
mod rules;
mod rules_backtest;
mod rules_bench;
mod rules_match;
mod rules_replay;
mod rules_stage;
mod rules_tune;
mod serve;

use crate::cli::{Audit, Cli, Command, Rules};
use crate::client::Client;
use crate::config::Config;
use crate::content::RuleFile;
use crate::engine::{Engine, Mappings};
use crate::exit::{Exit, Failure};
use crate::reader::{Files, Notes, RECORD_EXTENSIONS, files_under};
use crate::terminal;
use clap::CommandFactory;
use detect::LoadReport;
use model::{Clock, SystemClock};
use std::path::PathBuf;
use std::sync::Arc;

/// Runs one command line; the answer is the exit code.
pub fn run(cli: Cli) -> Exit {
    match dispatch(cli) {
        Ok(exit) => exit,
        Err(failure) => {
            terminal::failure(&failure);
            failure.exit
        }
    }
}

fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let is_bare = match &cli.command {
        // one masks anywhere, the other mends what may be broken
        Command::Mask(_) | Command::Init(_) => true,
        // reports are sent from any work tree, and no file in it may say where they go
        Command::Report(args) => cli.config.is_none() && !args.is_of_desk(),
        _ => false,
    };
    let mut config = if is_bare { Config::default() } else { Config::load(cli.config.as_deref())? };
    if let Some(dir) = &cli.data_dir {
        config.storage.data_dir.clone_from(dir);
    }
    let json = cli.json;
    let client = || Client::of(&cli, &config);
    match &cli.command {
        Command::Ingest(args) if args.dry_run => dry_run::run(args, json),
        Command::Ingest(args) => {
            ingest::run(args, Client::of_sender(&cli, &config)?, &config.storage.data_dir, json)
        }
        Command::Query(query) => query::run(query, &client()?, json),
        Command::Incident(command) => incident::run(command.clone(), &client()?, json),
        Command::Rules(Rules::List) => rules_stage::list(&client()?, json),
        Command::Rules(Rules::Reload) => rules_stage::reload(&client()?, json),
        Command::Rules(Rules::Stage(args)) => rules_stage::run(args, &client()?, json),
        Command::Rules(Rules::Replay { finding }) => rules_replay::run(finding, &client()?, json),
        Command::Rules(Rules::Tune(args)) => rules_tune::run(args, &client()?, json),
        Command::Rules(Rules::Backtest(args)) => rules_backtest::run(args, &cli, &config, json),
        Command::Rules(command) => rules::run(command.clone(), &config, json),
        Command::Lake(command) => lake::run(command, &config, json),
        Command::Owners(command) => owners::run(command.clone(), &config, json),
        Command::Contain(command) => contain::run(command, &client()?, json),
        Command::Run(command) => contain::runs::run(command, &client()?, json),
        Command::Playbook(command) if command.is_of_server() => {
            contain::playbooks::run(command, &client()?, json)
        }
        Command::Playbook(command) => playbook::run(command, &config, json),
        Command::Connector(crate::cli::Connector::Test { name, looks }) => {
            contain::test::run(&config, name, looks)
        }
        Command::Connector(command) => playbook::connectors(command, &config, json),
        Command::DeadLetter(command) => administration::dead_letter(command.clone(), &client()?, json),
        Command::Source(command) => administration::source(command.clone(), &client()?, json),
        Command::Token(command) => administration::token(command.clone(), &client()?, json),
        Command::People(command) => people::run(command.clone(), &client()?, json),
        Command::Audit(Audit::Verify { path, key, checkpoints }) => {
            audit::verify::run(path, key, checkpoints, json)
        }
        Command::Audit(command) => audit::run(command.clone(), &client()?, json),
        Command::Report(args) => report::run(args, &cli, &config, json),
        Command::Mask(args) => mask::run(args, json),
        Command::Init(args) => init::run(args, json),
        Command::Doctor => doctor::run(&cli, &config, json),
        Command::Config(args) => print_config(&config, args.schema),
        Command::Completions { shell } => {
            // into memory first: the generator panics where it cannot write, as into a closed pipe
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "huecry", &mut script);
            terminal::write(&script)?;
            Ok(Exit::Done)
        }
        Command::Serve(args) => serve::run(args, &config, json),
        Command::Demo(args) => demo::run(args, &config, cli.data_dir.is_some(), json),
    }
}

fn print_config(config: &Config, schema: bool) -> Result<Exit, Failure> {
    let text = if schema {
        serde_json::to_string_pretty(&Config::schema()).map_err(|e| Failure::new(Exit::Faults, e))?
    } else {
        toml::to_string_pretty(config).map_err(|e| Failure::new(Exit::Faults, e))?
    };
    terminal::line(text.trim_end());
    Ok(Exit::Done)
}

/// Says what could not be read, and what was left alone.
fn say(notes: &Notes) {
    for place in &notes.damage.places {
        terminal::note(format_args!("damaged: {place}"));
    }
    let named = notes.damage.places.len() as u64;
    if notes.damage.count > named {
        terminal::note(format_args!("damaged: {} more places", notes.damage.count - named));
    }
    for entry in &notes.skipped {
        terminal::note(format_args!("skipped: {entry} holds no records"));
    }
}

/// The files of records under `paths`; says how many others their folders hold.
///
/// # Errors
/// [`Failure`] for a path that is not there, and where there is nothing to read.
fn record_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let Files { found, skipped } = files_under(paths)?;
    let endings = RECORD_EXTENSIONS.map(|ending| format!(".{ending}")).join(", ");
    if found.is_empty() {
        let what =
            format!("there is no file of records: {skipped} others, whose names end in none of {endings}");
        return Err(
            Failure::new(Exit::Faults, what).hint("a file that is named itself is read whatever its name")
        );
    }
    if skipped > 0 {
        terminal::note(format_args!("{skipped} files left alone: their names end in none of {endings}"));
    }
    Ok(found)
}

/// Compiles mappings and rules; files that cannot be read are refused like rules that cannot be parsed.
pub(crate) fn load_engine(files: &[RuleFile]) -> Result<(Engine, LoadReport), Failure> {
    let (files, _) = crate::rollout::expiry::in_force(files, SystemClock.now_ms());
    Ok(engine_of(&Arc::new(mappings()?), &files))
}

/// The built-in mappings.
pub(crate) fn mappings() -> Result<Mappings, Failure> {
    Mappings::builtin().map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Failure::new(Exit::Usage, format!("the mappings cannot be used:\n{}", lines.join("\n")))
    })
}

/// Compiles rules over `mappings`.
pub(crate) fn engine_of(mappings: &Arc<Mappings>, files: &[RuleFile]) -> (Engine, LoadReport) {
    let readable = files.iter().filter_map(|f| Some((f.name.as_str(), f.text.as_deref().ok()?)));
    let (engine, mut report) = Engine::of(mappings, readable);
    for file in files {
        if let Err(reason) = &file.text {
            report.refused.push(sigma::RuleError {
                file: file.name.as_str().into(),
                line: 1,
                code: sigma::ErrorCode::BadYaml,
                reason: format!("the file cannot be read: {reason}"),
            });
        }
    }
    (engine, report)
}
