//! `huecry rules lint`: what is allowed but unwise.

use super::sarif::{Remark, Weight};
use super::{Unreached, load_rules, sarif, write_report};
use crate::commands::{logsource_lint, ocsf_lint};
use crate::content::RuleFile;
use crate::engine::Engine;
use crate::exit::{Exit, Failure};
use crate::terminal;
use detect::Attack;
use model::{Clock, SystemClock};
use normalize::Schema;
use sigma::Lint;
use std::path::Path;

pub(super) fn run(files: &[RuleFile], sarif_file: Option<&Path>, json: bool) -> Result<Exit, Failure> {
    let (engine, report) = load_rules(files)?;
    let lints = lints(&engine);
    let unreached: Vec<Unreached<'_>> = engine.unreached_rules().map(Unreached::of).collect();
    if let Some(path) = sarif_file {
        let mut remarks = super::refused_remarks(&report.refused);
        remarks.extend(lints.iter().map(remark));
        remarks.extend(unreached.iter().map(|rule| Remark {
            code: "logsource-unmapped".to_owned(),
            weight: Weight::Note,
            file: rule.file.to_owned(),
            line: rule.line,
            message: "no mapping gives this logsource, so no record reaches the rule".to_owned(),
        }));
        write_report(path, &format!("{:#}\n", sarif::document(&remarks)))?;
    }
    for lint in &lints {
        if json {
            terminal::line(serde_json::to_string(lint).unwrap_or_default());
        } else {
            let Lint { file, line, code, message } = lint;
            terminal::line(format_args!("{file}:{line}: {code}: {message}"));
        }
    }
    for ended in crate::rollout::expiry::in_force(files, SystemClock.now_ms()).1 {
        let (file, line, expires) = (ended.file, ended.line, ended.expires);
        terminal::note(format_args!(
            "{file}:{line}: filter_expired: it ended on {expires}; renew or remove it"
        ));
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
    for Unreached { file, line, .. } in &unreached {
        terminal::note(format_args!("{file}:{line}: info: no mapping gives this logsource"));
    }
    terminal::note(format_args!(
        "{} rules: {} remarks, {} refused, {} for logsources that no mapping gives",
        report.loaded,
        lints.len(),
        report.refused.len(),
        unreached.len()
    ));
    Ok(if lints.is_empty() && report.refused.is_empty() { Exit::Done } else { Exit::Faults })
}

fn lints(engine: &Engine) -> Vec<Lint> {
    let (detector, attack) = (engine.detector(), Attack::builtin());
    let mut lints: Vec<Lint> = Vec::new();
    for (_, rule) in detector.rules() {
        lints.extend(sigma::lint(rule));
        lints.extend(detect::lint_rule(&attack, rule));
    }
    lints.extend(detector.rule_sets().into_iter().flat_map(sigma::lint_set));
    for linked in detector.correlations().set().all() {
        lints.extend(sigma::correlation::lint(&linked.rule));
        lints.extend(detect::lint_correlation(&attack, &linked.rule));
    }
    lints.extend(engine.unreached_rules().filter_map(|rule| logsource_lint::unknown(engine, rule)));
    let mut on_events = detector.rules().filter(|(_, rule)| rule.logsource.is_ocsf()).peekable();
    if on_events.peek().is_some() {
        let schema = Schema::builtin();
        lints.extend(on_events.flat_map(|(_, rule)| ocsf_lint::unknown_fields(&schema, rule)));
    }
    lints
}

fn remark(lint: &Lint) -> Remark {
    Remark {
        code: lint.code.to_owned(),
        weight: Weight::Warning,
        file: lint.file.to_string(),
        line: lint.line,
        message: lint.message.clone(),
    }
}
