//! `huecry rules test`: every rule against its own tests.

use super::junit::{Case, End, Suite};
use super::sarif::{Remark, Weight};
use super::{Refused, junit, load_rules, logsource_words, sarif, write_report};
use crate::content::RuleFile;
use crate::engine::Engine;
use crate::exit::{Exit, Failure};
use crate::terminal;
use detect::{LoadReport, RuleTestOutcome, RuleTestResult, SeriesTestOutcome};
use serde::Serialize;
use sigma::{Explanation, Reason, Rule};
use std::path::Path;

/// One test, in the form that `--json` promises: one object a line.
#[derive(Debug, Serialize)]
struct TestRow<'a> {
    file: &'a str,
    line: u32,
    rule: &'a str,
    rule_id: Option<&'a str>,
    test: &'a str,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What decided it: selection, field, what the event has and what the rule wants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    why: Vec<Reason>,
}

impl TestRow<'_> {
    /// The reasons as lines that an editor can follow.
    fn why_lines(&self) -> Vec<String> {
        self.why.iter().map(|why| format!("{}:{}: {}", self.file, why.line, why.text)).collect()
    }
}

/// `stranger` says what is known of a record that a rule is not for.
fn why_failed(result: &RuleTestResult, stranger: impl FnOnce() -> String) -> Option<String> {
    match result {
        RuleTestResult::Passed => None,
        RuleTestResult::Failed { matched: true } => Some("it matched and must not".to_owned()),
        RuleTestResult::Failed { matched: false } => Some("it did not match and must".to_owned()),
        RuleTestResult::OtherLogsource => Some(stranger()),
        RuleTestResult::Invalid { reason } => Some(format!("the event cannot be used: {reason}")),
    }
}

/// A correlation's test. What decided it is the tests of the rules that it counts, and the numbers of the series.
fn series_row<'a>(engine: &'a Engine, outcome: &'a SeriesTestOutcome) -> Option<TestRow<'a>> {
    let rule = &engine.detector().correlations().set().get(outcome.correlation)?.rule;
    let reason = why_failed(&outcome.result, || {
        "it did not fire and must: a rule that it counts would match, but is not for such a record".to_owned()
    });
    Some(TestRow {
        file: &rule.file,
        line: outcome.line,
        rule: &rule.title,
        rule_id: rule.id.as_deref(),
        test: &outcome.name,
        passed: reason.is_none(),
        reason,
        why: Vec::new(),
    })
}

fn row<'a>(engine: &'a Engine, outcome: &'a RuleTestOutcome) -> Option<TestRow<'a>> {
    let rule = engine.detector().rule(outcome.rule)?;
    let reason = why_failed(&outcome.result, || {
        let logsource = logsource_words(&rule.logsource);
        format!("it would match, but is not for this record: the rule is for {logsource}")
    });
    let why = match &outcome.result {
        RuleTestResult::Failed { .. } => why(engine, outcome, rule),
        _ => Vec::new(),
    };
    Some(TestRow {
        file: &rule.file,
        line: outcome.line,
        rule: &rule.title,
        rule_id: rule.id.as_deref(),
        test: &outcome.name,
        passed: reason.is_none(),
        reason,
        why,
    })
}

fn why(engine: &Engine, outcome: &RuleTestOutcome, rule: &Rule) -> Vec<Reason> {
    let test = rule.tests.iter().find(|test| test.line == outcome.line && test.name == outcome.name);
    let explained: Option<Explanation> = test.and_then(|test| engine.explain_test(outcome.rule, test).ok());
    explained.map_or(Vec::new(), |explained| explained.reasons)
}

pub(super) fn run(
    files: &[RuleFile],
    junit_file: Option<&Path>,
    sarif_file: Option<&Path>,
    json: bool,
) -> Result<Exit, Failure> {
    let (engine, report) = load_rules(files)?;
    let outcomes = engine.run_rule_tests();
    let series = engine.run_series_tests();
    let of_series = series.iter().filter_map(|outcome| series_row(&engine, outcome));
    let rows: Vec<TestRow<'_>> =
        outcomes.iter().filter_map(|outcome| row(&engine, outcome)).chain(of_series).collect();
    let untested = untested(&engine);
    if let Some(path) = junit_file {
        write_report(path, &junit::document(&suites(&rows, &untested, &report)))?;
    }
    if let Some(path) = sarif_file {
        write_report(path, &format!("{:#}\n", sarif::document(&remarks(&rows, &untested, &report))))?;
    }
    let failed = rows.iter().filter(|row| !row.passed).count();
    for row in &rows {
        if json {
            terminal::line(serde_json::to_string(row).unwrap_or_default());
        } else if !row.passed {
            print_failure(row);
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
    super::note_unreached(engine.unreached_rules().count());
    let good = failed == 0 && report.refused.is_empty();
    Ok(if good { Exit::Done } else { Exit::Faults })
}

/// A rule or correlation without tests.
struct Untested<'a> {
    file: &'a str,
    line: u32,
    title: &'a str,
}

fn untested(engine: &Engine) -> Vec<Untested<'_>> {
    let rules = engine.detector().rules().map(|(_, rule)| rule).filter(|rule| rule.tests.is_empty());
    let rules = rules.map(|rule| Untested { file: &rule.file, line: rule.line, title: &rule.title });
    let correlations = engine.detector().correlations().set().all().iter().map(|linked| &linked.rule);
    let correlations = correlations.filter(|rule| rule.tests.is_empty());
    let correlations =
        correlations.map(|rule| Untested { file: &rule.file, line: rule.line, title: &rule.title });
    rules.chain(correlations).collect()
}

fn print_failure(row: &TestRow<'_>) {
    let TestRow { file, line, rule, test, .. } = row;
    let reason = row.reason.as_deref().unwrap_or_default();
    terminal::line(format_args!("{file}:{line}: FAILED: {rule}: test \"{test}\": {reason}"));
    for why in row.why_lines() {
        terminal::line(format_args!("    {why}"));
    }
}

fn suites(rows: &[TestRow<'_>], untested: &[Untested<'_>], report: &LoadReport) -> Vec<Suite> {
    let mut suites: Vec<Suite> = Vec::new();
    let mut add = |file: &str, name: String, end: End| {
        let at = suites.iter().position(|suite| suite.name == file).unwrap_or_else(|| {
            suites.push(Suite { name: file.to_owned(), cases: Vec::new() });
            suites.len() - 1
        });
        if let Some(suite) = suites.get_mut(at) {
            suite.cases.push(Case { name, end });
        }
    };
    for row in rows {
        let end = match &row.reason {
            None => End::Passed,
            Some(reason) => {
                let line = format!("{}:{}: {reason}", row.file, row.line);
                End::Failed(line.clone(), [vec![line], row.why_lines()].concat().join("\n"))
            }
        };
        add(row.file, format!("{}: {}", row.rule, row.test), end);
    }
    for rule in untested {
        add(rule.file, rule.title.to_owned(), End::Skipped("the rule has no tests".to_owned()));
    }
    for error in &report.refused {
        add(&error.file, format!("the document at line {}", error.line), End::Error(error.to_string()));
    }
    suites
}

fn remarks(rows: &[TestRow<'_>], untested: &[Untested<'_>], report: &LoadReport) -> Vec<Remark> {
    let mut remarks = super::refused_remarks(&report.refused);
    remarks.extend(rows.iter().filter_map(|row| {
        let reason = row.reason.as_deref()?;
        let message =
            [vec![format!("test \"{}\" of {}: {reason}", row.test, row.rule)], row.why_lines()].concat();
        Some(Remark {
            code: "test-failed".to_owned(),
            weight: Weight::Error,
            file: row.file.to_owned(),
            line: row.line,
            message: message.join("\n"),
        })
    }));
    remarks.extend(untested.iter().map(|rule| Remark {
        code: "no-tests".to_owned(),
        weight: Weight::Note,
        file: rule.file.to_owned(),
        line: rule.line,
        message: format!("{} has no tests", rule.title),
    }));
    remarks
}

impl From<&sigma::RuleError> for Remark {
    fn from(error: &sigma::RuleError) -> Self {
        let Refused { file, line, code, reason } = Refused::of(error);
        Self {
            code: code.to_owned(),
            weight: Weight::Error,
            file: file.to_owned(),
            line,
            message: format!("the rule is refused: {reason}"),
        }
    }
}
