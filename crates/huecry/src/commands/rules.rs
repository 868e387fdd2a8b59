//! `huecry rules`: test, check and measure rules. Nothing here needs a server, except `list`.

use super::{load_engine, logsource_lint};
use crate::cli::Rules;
use crate::config::{Config, RulesConfig};
use crate::content::{RuleFile, configured_rules, rules_under};
use crate::engine::Engine;
use crate::exit::{Exit, Failure};
use crate::terminal;
use detect::RuleTestResult;
use serde::Serialize;
use std::path::PathBuf;

/// Runs one of the verbs.
pub(super) fn run(command: Rules, config: &Config, json: bool) -> Result<Exit, Failure> {
    match command {
        Rules::Load { dirs } => load(&rule_files(&dirs, &config.rules), json),
        Rules::Test { dirs } => test(&rule_files(&dirs, &config.rules), json),
        Rules::Lint { dirs } => lint(&rule_files(&dirs, &config.rules), json),
        Rules::Match { rules, source, files } => {
            let rules = rule_files(&rules, &config.rules);
            super::rules_match::run(&rules, source.as_deref(), &files, &config.enrich, json)
        }
        Rules::Bench { rules, source, files } => {
            let rules = rule_files(&rules, &config.rules);
            super::rules_bench::run(&rules, source.as_deref(), &files, &config.enrich, json)
        }
        Rules::List => Err(Failure::new(Exit::Usage, "`rules list` asks a server")),
    }
}

fn rule_files(paths: &[PathBuf], config: &RulesConfig) -> Vec<RuleFile> {
    if paths.is_empty() { configured_rules(config) } else { rules_under(paths) }
}

#[derive(Serialize)]
struct Refused<'a> {
    file: &'a str,
    line: u32,
    code: &'a str,
    reason: &'a str,
}

/// Rules of a report, in the form that `--json` promises.
fn refused(errors: &[sigma::RuleError]) -> Vec<Refused<'_>> {
    errors
        .iter()
        .map(|e| Refused { file: &e.file, line: e.line, code: e.code.as_str(), reason: &e.reason })
        .collect()
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

fn load(files: &[RuleFile], json: bool) -> Result<Exit, Failure> {
    let (engine, report) = load_engine(files)?;
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
    if !unreached.is_empty() {
        terminal::note(format_args!(
            "{} rules are for logsources that no mapping gives; `huecry rules lint` names them",
            unreached.len()
        ));
    }
    for error in &report.refused {
        terminal::note(error);
    }
    let (loaded, refused) = (report.loaded, report.refused.len());
    terminal::line(format_args!("{loaded} rules loaded, {refused} refused, from {} files", files.len()));
    Ok(exit)
}

#[derive(Serialize)]
struct TestRow<'a> {
    file: &'a str,
    line: u32,
    rule: &'a str,
    test: &'a str,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

fn test_rows(engine: &Engine) -> Vec<(bool, String)> {
    let outcomes = engine.run_rule_tests();
    let rows = outcomes.iter().filter_map(|outcome| {
        let rule = engine.detector().rule(outcome.rule)?;
        let reason = match &outcome.result {
            RuleTestResult::Passed => None,
            RuleTestResult::Failed { matched: true } => Some("it matched and must not".to_owned()),
            RuleTestResult::Failed { matched: false } => Some("it did not match and must".to_owned()),
            RuleTestResult::Invalid { reason } => Some(format!("the event cannot be used: {reason}")),
        };
        let row = TestRow {
            file: &rule.file,
            line: outcome.line,
            rule: &rule.title,
            test: &outcome.name,
            passed: reason.is_none(),
            reason,
        };
        Some((row.passed, serde_json::to_string(&row).ok()?))
    });
    rows.collect()
}

fn test(files: &[RuleFile], json: bool) -> Result<Exit, Failure> {
    let (engine, report) = load_engine(files)?;
    let rows = test_rows(&engine);
    let failed = rows.iter().filter(|(passed, _)| !passed).count();
    let untested: Vec<_> =
        engine.detector().rules().filter(|(_, rule)| rule.tests.is_empty()).map(|(_, rule)| rule).collect();
    for (passed, row) in &rows {
        if json {
            terminal::line(row);
        } else if !passed {
            terminal::note(row);
        }
    }
    for error in &report.refused {
        terminal::note(error);
    }
    if !json {
        terminal::line(format_args!(
            "{} rules, {} tests: {} passed, {failed} failed; {} rules without tests, {} refused",
            report.loaded,
            rows.len(),
            rows.len() - failed,
            untested.len(),
            report.refused.len()
        ));
    }
    let good = failed == 0 && report.refused.is_empty();
    Ok(if good { Exit::Done } else { Exit::Faults })
}

fn lint(files: &[RuleFile], json: bool) -> Result<Exit, Failure> {
    let (engine, report) = load_engine(files)?;
    let mut lints: Vec<_> = engine.detector().rules().flat_map(|(_, rule)| sigma::lint(rule)).collect();
    lints.extend(engine.detector().rule_sets().into_iter().flat_map(sigma::lint_set));
    lints.extend(engine.unreached_rules().filter_map(|rule| logsource_lint::unknown_service(&engine, rule)));
    for lint in &lints {
        if json {
            terminal::line(serde_json::to_string(lint).unwrap_or_default());
        } else {
            let sigma::Lint { file, line, code, message } = lint;
            terminal::line(format_args!("{file}:{line}: {code}: {message}"));
        }
    }
    for error in &report.refused {
        terminal::note(error);
    }
    let unmapped = logsource_lint::unmapped_products(&engine);
    if !unmapped.is_empty() {
        let names: Vec<_> = unmapped.iter().map(String::as_str).collect();
        terminal::note(format_args!(
            "some rules are for products that no mapping gives: {}",
            names.join(", ")
        ));
    }
    let mut unreached = 0;
    for Unreached { file, line, .. } in engine.unreached_rules().map(Unreached::of) {
        unreached += 1;
        terminal::note(format_args!("{file}:{line}: info: no mapping gives this logsource"));
    }
    terminal::note(format_args!(
        "{} rules: {} remarks, {} refused, {unreached} for logsources that no mapping gives",
        report.loaded,
        lints.len(),
        report.refused.len()
    ));
    Ok(if lints.is_empty() && report.refused.is_empty() { Exit::Done } else { Exit::Faults })
}
