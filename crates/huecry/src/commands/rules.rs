//! `huecry rules`: test, check and measure rules. Nothing here needs a server, except `list`.

mod coverage;
mod diff;
mod explain;
mod git;
mod junit;
mod lint;
mod mutate;
mod sarif;
mod test;

use super::load_engine as load_rules;
use super::rule_files::of as rule_files;
use crate::cli::Rules;
use crate::config::Config;
use crate::content::{RuleFile, rules_under};
use crate::exit::{Exit, Failure};
use crate::terminal;
use serde::Serialize;
use std::path::Path;

/// Runs one of the verbs.
pub(super) fn run(command: Rules, config: &Config, json: bool) -> Result<Exit, Failure> {
    match command {
        Rules::Load { dirs } => load(&rule_files(&dirs, &config.rules)?, json),
        Rules::Test { dirs, junit, sarif } => {
            test::run(&rule_files(&dirs, &config.rules)?, junit.as_deref(), sarif.as_deref(), json)
        }
        Rules::Lint { dirs, sarif } => lint::run(&rule_files(&dirs, &config.rules)?, sarif.as_deref(), json),
        Rules::Explain { rule, event, rules, source } => {
            // its own file has the rule, where a path names it
            let path = Path::new(&rule);
            let files = match path.exists() {
                true => rules_under(&[path.to_owned()]),
                false => rule_files(&rules, &config.rules)?,
            };
            explain::run(&files, &rule, &event, source.as_deref(), &config.enrich, json)
        }
        Rules::Mutate { dirs, min_score } => mutate::run(&rule_files(&dirs, &config.rules)?, min_score, json),
        Rules::Coverage { dirs, attack, source, navigator, gaps } => {
            let options = coverage::Options { attack, sources: source, navigator, gaps };
            coverage::run(&rule_files(&dirs, &config.rules)?, &options, json)
        }
        Rules::Diff { old, new, dir, markdown } => {
            diff::run(&old, new.as_deref(), dir.as_deref(), markdown, json)
        }
        Rules::Match { rules, source, files } => {
            let rules = rule_files(&rules, &config.rules)?;
            super::rules_match::run(&rules, source.as_deref(), &files, &config.enrich, json)
        }
        Rules::Bench { rules, source, files } => {
            let rules = rule_files(&rules, &config.rules)?;
            super::rules_bench::run(&rules, source.as_deref(), &files, &config.enrich, json)
        }
        Rules::List
        | Rules::Reload
        | Rules::Stage(_)
        | Rules::Backtest(_)
        | Rules::Replay { .. }
        | Rules::Tune(_) => Err(Failure::new(Exit::Usage, "this verb asks a server")),
    }
}

/// Writes a report for another program.
fn write_report(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::new(Exit::Faults, format!("{} cannot be written: {error}", path.display()))
            .hint("the folder must be there")
    })
}

#[derive(Serialize)]
struct Refused<'a> {
    file: &'a str,
    line: u32,
    code: &'a str,
    reason: &'a str,
}

impl<'a> Refused<'a> {
    fn of(error: &'a sigma::RuleError) -> Self {
        Self { file: &error.file, line: error.line, code: error.code.as_str(), reason: &error.reason }
    }
}

/// Rules of a report, in the form that `--json` promises.
fn refused(errors: &[sigma::RuleError]) -> Vec<Refused<'_>> {
    errors.iter().map(Refused::of).collect()
}

/// The same for SARIF.
fn refused_remarks(errors: &[sigma::RuleError]) -> Vec<sarif::Remark> {
    errors.iter().map(sarif::Remark::from).collect()
}

/// A rule that no record can reach. That is no fault: records of its kind may be read one day.
#[derive(Serialize)]
struct Unreached<'a> {
    file: &'a str,
    line: u32,
    title: &'a str,
    logsource: &'a sigma::Logsource,
}

impl<'a> Unreached<'a> {
    fn of(rule: &'a sigma::Rule) -> Self {
        Self { file: &rule.file, line: rule.line, title: &rule.title, logsource: &rule.logsource }
    }
}

/// Tests of such a rule may pass, and it never fires.
fn note_unreached(rules: usize) {
    if rules > 0 {
        terminal::note(format_args!(
            "{rules} rules are for logsources that no mapping gives; `huecry rules lint` names them"
        ));
    }
}

/// `aws/cloudtrail`, `windows/process_creation`.
fn logsource_words(logsource: &sigma::Logsource) -> String {
    let sigma::Logsource { product, category, service, .. } = logsource;
    let parts: Vec<&str> = [product, category, service].into_iter().filter_map(Option::as_deref).collect();
    parts.join("/")
}

fn load(files: &[RuleFile], json: bool) -> Result<Exit, Failure> {
    let (engine, report) = load_rules(files)?;
    let exit = if report.refused.is_empty() { Exit::Done } else { Exit::Faults };
    let unreached: Vec<_> = engine.unreached_rules().map(Unreached::of).collect();
    if json {
        let answer = serde_json::json!({
            "loaded": report.loaded,
            "refused": refused(&report.refused),
            "unreached": unreached,
        });
        terminal::line(answer);
        return Ok(exit);
    }
    note_unreached(unreached.len());
    for error in &report.refused {
        terminal::note(error);
    }
    let (loaded, refused) = (report.loaded, report.refused.len());
    terminal::line(format_args!("{loaded} rules loaded, {refused} refused, from {} files", files.len()));
    Ok(exit)
}
