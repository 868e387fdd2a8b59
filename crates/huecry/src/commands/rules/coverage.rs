//! `huecry rules coverage`: ATT&CK techniques, the sources on which rules look for them, and where that is blind.

use super::load_rules;
use crate::content::RuleFile;
use crate::exit::{Exit, Failure};
use crate::terminal;
use detect::{Attack, Coverage, Sight, TechniqueCoverage};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is asked.
#[derive(Debug)]
pub(super) struct Options {
    /// STIX objects, instead of the list that comes along.
    pub(super) attack: Option<PathBuf>,
    /// The kinds that send; none: all that have a mapping.
    pub(super) sources: Vec<String>,
    /// File for a layer of ATT&CK Navigator.
    pub(super) navigator: Option<PathBuf>,
    /// List techniques without a rule too.
    pub(super) gaps: bool,
}

pub(super) fn run(files: &[RuleFile], options: &Options, json: bool) -> Result<Exit, Failure> {
    let attack = match &options.attack {
        None => Attack::builtin(),
        Some(path) => read_attack(path)?,
    };
    let (engine, report) = load_rules(files)?;
    let known: BTreeSet<&str> = engine.normalizer().kinds().collect();
    let sending: BTreeSet<&str> = match options.sources.as_slice() {
        [] => known.clone(),
        some => some.iter().map(String::as_str).collect(),
    };
    if let Some(unknown) = sending.difference(&known).next() {
        let kinds: Vec<&str> = known.iter().copied().collect();
        return Err(Failure::new(Exit::Usage, format!("`{unknown}` is no kind of record"))
            .hint(format!("the kinds are {}", kinds.join(", "))));
    }
    let coverage = Coverage::of(&attack, &engine.rule_reach(), &sending);
    if let Some(path) = &options.navigator {
        super::write_report(path, &format!("{:#}\n", coverage.navigator_layer()))?;
    }
    if json {
        terminal::line(serde_json::to_string(&coverage).unwrap_or_default());
    } else {
        print(&coverage, options.gaps);
    }
    for error in &report.refused {
        terminal::note(error);
    }
    Ok(if report.refused.is_empty() { Exit::Done } else { Exit::Faults })
}

fn read_attack(path: &Path) -> Result<Attack, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Faults, format!("{}: {error}", path.display()))
            .hint("enterprise-attack.json of https://github.com/mitre/cti is one that can be read")
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    Attack::from_stix(&text).map_err(|error| failed(&error))
}

fn print(coverage: &Coverage, gaps: bool) {
    for tactic in &coverage.tactics {
        terminal::line(format_args!(
            "{}: {} of {} techniques{}",
            tactic.tactic,
            tactic.covered,
            tactic.techniques,
            if tactic.blind > 0 { format!(", {} blind", tactic.blind) } else { String::new() }
        ));
        let of_tactic =
            coverage.techniques.iter().filter(|row| row.technique.tactics.contains(&tactic.tactic));
        let rows: Vec<Vec<String>> =
            of_tactic.filter(|row| gaps || row.sight != Sight::NoRule).map(technique_row).collect();
        for line in terminal::table(&["", "", ""], &rows).lines().filter(|line| !line.is_empty()) {
            terminal::line(format_args!("  {line}"));
        }
    }
    for (tag, place) in &coverage.unknown_tags {
        terminal::note(format_args!("{place}: `{tag}` is no technique of this release of ATT&CK"));
    }
    if !coverage.untagged.is_empty() {
        terminal::note(format_args!("{} rules name no technique", coverage.untagged.len()));
    }
    terminal::line(format_args!(
        "{} techniques covered, {} blind, {} without a rule; sources: {}",
        coverage.count(Sight::Covered),
        coverage.count(Sight::Blind),
        coverage.count(Sight::NoRule),
        coverage.sources.join(", ")
    ));
}

fn technique_row(row: &TechniqueCoverage) -> Vec<String> {
    let mut said: Vec<String> =
        row.by_source.iter().map(|(source, rules)| format!("{source} {}", rules.len())).collect();
    if !row.blind.is_empty() {
        let needs: BTreeSet<&str> = row.blind.iter().map(|rule| rule.needs.as_str()).collect();
        let needs: Vec<&str> = needs.into_iter().collect();
        said.push(format!("blind: {} rules need {}", row.blind.len(), needs.join(", ")));
    }
    if said.is_empty() {
        said.push("no rule".to_owned());
    }
    vec![row.technique.id.clone(), row.full_name.clone(), said.join(", ")]
}
