//! `huecry rules mutate`: what the rules' own tests are worth.

use super::load_rules;
use crate::content::RuleFile;
use crate::exit::{Exit, Failure};
use crate::terminal;
use detect::{CorrelationMutations, MissingTest, RuleMutations, Standing};
use serde::Serialize;
use serde_json::Value;
use sigma::correlation::{CorrelationMutation, CorrelationRule};
use sigma::{Mutation, Rule};

/// One rule, in the form that `--json` promises: one object a line, then one of totals.
#[derive(Serialize)]
struct RuleRow<'a> {
    file: &'a str,
    line: u32,
    rule: &'a str,
    rule_id: Option<&'a str>,
    standing: &'static str,
    /// Percent; null where nothing can be told or the tests fail.
    score: Option<f64>,
    killed: usize,
    survived: Vec<SurvivorRow<'a>>,
    /// Changes that no event was found to tell from the rule; they do not count.
    equivalent: &'a [Mutation],
    left_out: usize,
}

#[derive(Serialize)]
struct SurvivorRow<'a> {
    #[serde(flatten)]
    mutation: &'a Mutation,
    /// Null where no event was found that shows what a part of the rule is for.
    missing_test: Value,
}

/// One correlation, in a line of the same output.
#[derive(Serialize)]
struct CorrelationRow<'a> {
    file: &'a str,
    line: u32,
    correlation: &'a str,
    correlation_id: Option<&'a str>,
    standing: &'static str,
    /// Percent; null where nothing was changed or the tests fail.
    score: Option<f64>,
    killed: usize,
    survived: &'a [CorrelationMutation],
    /// Changes that give no correlation.
    refused: usize,
}

/// All rules together.
#[derive(Debug, Default, Serialize)]
struct Totals {
    rules: usize,
    correlations: usize,
    mutations: usize,
    killed: usize,
    survived: usize,
    equivalent: usize,
    left_out: usize,
    untested_rules: usize,
    failing_rules: usize,
    refused: usize,
    /// Percent of those that an event can tell from the rule.
    score: Option<f64>,
    /// Rules below `--min-score`.
    below_min_score: usize,
}

pub(super) fn run(files: &[RuleFile], min_score: Option<f64>, json: bool) -> Result<Exit, Failure> {
    let (engine, report) = load_rules(files)?;
    let mut totals = Totals { refused: report.refused.len(), ..Totals::default() };
    let mut judged: Vec<(&Rule, RuleMutations)> = Vec::new();
    for (hit, rule) in engine.detector().rules() {
        let Some(found) = engine.mutate_rule(hit) else { continue };
        totals.add(&found, min_score);
        judged.push((rule, found));
    }
    // the weakest last, next to the totals
    judged.sort_by(|(_, a), (_, b)| b.score().unwrap_or(100.0).total_cmp(&a.score().unwrap_or(100.0)));
    for (rule, found) in &judged {
        if json {
            terminal::line(serde_json::to_string(&row(rule, found)).unwrap_or_default());
        } else {
            print(rule, found);
        }
    }
    let correlations = engine.detector().correlations().set().all().iter().enumerate();
    for (found, linked) in correlations.filter_map(|(at, one)| Some((engine.mutate_correlation(at)?, one))) {
        totals.add_correlation(&found, min_score);
        if json {
            let row = correlation_row(&linked.rule, &found);
            terminal::line(serde_json::to_string(&row).unwrap_or_default());
        } else {
            print_correlation(&linked.rule, &found);
        }
    }
    for error in &report.refused {
        terminal::note(error);
    }
    totals.finish();
    if json {
        terminal::line(serde_json::json!({ "totals": totals }));
    } else {
        totals.print(min_score);
    }
    let good = totals.refused == 0 && totals.failing_rules == 0 && totals.below_min_score == 0;
    Ok(if good { Exit::Done } else { Exit::Faults })
}

impl Totals {
    fn add(&mut self, found: &RuleMutations, min_score: Option<f64>) {
        self.rules += 1;
        self.killed += found.killed;
        self.survived += found.survivors.len();
        self.equivalent += found.equivalent.len();
        self.left_out += found.left_out;
        self.untested_rules += usize::from(found.standing == Standing::Untested);
        self.failing_rules += usize::from(found.standing == Standing::Failing);
        if let (Some(least), Some(score)) = (min_score, found.score()) {
            self.below_min_score += usize::from(score < least);
        }
    }

    fn add_correlation(&mut self, found: &CorrelationMutations, min_score: Option<f64>) {
        self.correlations += 1;
        self.killed += found.killed;
        self.survived += found.survivors.len();
        self.untested_rules += usize::from(found.standing == Standing::Untested);
        self.failing_rules += usize::from(found.standing == Standing::Failing);
        if let (Some(least), Some(score)) = (min_score, found.score()) {
            self.below_min_score += usize::from(score < least);
        }
    }

    fn finish(&mut self) {
        let told_apart = self.killed + self.survived;
        self.mutations = told_apart + self.equivalent;
        self.score = (told_apart > 0).then(|| 100.0 * self.killed as f64 / told_apart as f64);
    }

    fn print(&self, min_score: Option<f64>) {
        let score = percent(self.score);
        terminal::line(format_args!(
            "{} rules and {} correlations, {} changes: {} killed, {} survived ({score}); {} not told apart by any \
             event that was tried",
            self.rules, self.correlations, self.mutations, self.killed, self.survived, self.equivalent
        ));
        if self.left_out > 0 {
            terminal::line(format_args!("{} changes past the limit of a rule were not made", self.left_out));
        }
        if self.untested_rules + self.failing_rules + self.refused > 0 {
            terminal::line(format_args!(
                "{} rules without tests, {} whose tests fail, {} refused",
                self.untested_rules, self.failing_rules, self.refused
            ));
        }
        if let Some(least) = min_score {
            terminal::line(format_args!("{} rules below {least} %", self.below_min_score));
        }
    }
}

fn percent(score: Option<f64>) -> String {
    score.map_or_else(|| "-".to_owned(), |score| format!("{score:.1} %"))
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Judged => "judged",
        Standing::Untested => "untested",
        Standing::Failing => "failing",
    }
}

fn row<'a>(rule: &'a Rule, found: &'a RuleMutations) -> RuleRow<'a> {
    let survived = found.survivors.iter().map(|survivor| {
        let missing_test = survivor.missing.as_ref().map(|missing| {
            let MissingTest { like, changes, event, matches } = missing;
            let changes: Vec<Value> = changes
                .iter()
                .map(|change| serde_json::json!({ "field": change.field, "value": change.value, "removed": change.value.is_none() }))
                .collect();
            serde_json::json!({ "like": like, "changes": changes, "event": event, "matches": matches })
        });
        let missing_test = missing_test.into();
        SurvivorRow { mutation: &survivor.mutation, missing_test }
    });
    RuleRow {
        file: &rule.file,
        line: rule.line,
        rule: &rule.title,
        rule_id: rule.id.as_deref(),
        standing: standing(found.standing),
        score: found.score(),
        killed: found.killed,
        survived: survived.collect(),
        equivalent: &found.equivalent,
        left_out: found.left_out,
    }
}

fn correlation_row<'a>(rule: &'a CorrelationRule, found: &'a CorrelationMutations) -> CorrelationRow<'a> {
    CorrelationRow {
        file: &rule.file,
        line: rule.line,
        correlation: &rule.title,
        correlation_id: rule.id.as_deref(),
        standing: standing(found.standing),
        score: found.score(),
        killed: found.killed,
        survived: &found.survivors,
        refused: found.refused,
    }
}

fn print_correlation(rule: &CorrelationRule, found: &CorrelationMutations) {
    if found.survivors.is_empty() && found.standing == Standing::Judged {
        return;
    }
    let (file, line, title) = (&rule.file, rule.line, &rule.title);
    let (score, made) = (percent(found.score()), found.killed + found.survivors.len());
    let (killed, note) = (found.killed, note(found.standing));
    terminal::line(format_args!("{file}:{line}: {title}: {score}, {killed} of {made} changes killed{note}"));
    for mutation in &found.survivors {
        terminal::line(format_args!("    {file}:{}: survived: {}", mutation.line, mutation.change));
    }
}

fn note(standing: Standing) -> &'static str {
    match standing {
        Standing::Judged => "",
        Standing::Untested => "; it has no tests",
        Standing::Failing => "; its tests fail, so nothing follows from them",
    }
}

fn print(rule: &Rule, found: &RuleMutations) {
    if found.survivors.is_empty() && found.standing == Standing::Judged {
        return;
    }
    let told_apart = found.killed + found.survivors.len();
    let note = note(found.standing);
    terminal::line(format_args!(
        "{}:{}: {}: {}, {} of {told_apart} changes killed{note}",
        rule.file,
        rule.line,
        rule.title,
        percent(found.score()),
        found.killed
    ));
    for survivor in &found.survivors {
        let Mutation { line, change, .. } = &survivor.mutation;
        terminal::line(format_args!("    {}:{line}: survived: {change}", rule.file));
        let missing = survivor.missing.as_ref().map_or_else(|| NOTHING_FOUND.to_owned(), missing);
        terminal::line(format_args!("        missing test: {missing}"));
    }
}

/// Of a part of a rule whose absence no event shows.
const NOTHING_FOUND: &str =
    "no event that was tried needs this part of the rule; show one in a test, or leave the part out";

/// The test that should exist, in one line.
fn missing(test: &MissingTest) -> String {
    let changes: Vec<String> = test
        .changes
        .iter()
        .map(|change| match &change.value {
            Some(value) => format!("`{}`: {value}", change.field),
            None => format!("no `{}`", change.field),
        })
        .collect();
    let base = match &test.like {
        Some(name) => format!("the event of \"{name}\""),
        None => format!("the event {}", test.event),
    };
    let with = match (&test.like, changes.is_empty()) {
        (Some(_), false) => format!(" with {}", changes.join(", ")),
        _ => String::new(),
    };
    format!("{base}{with}; matches: {}", test.matches)
}
