//! From the texts of rules to a generation, and what that changes.

use super::expiry::{self, ExpiredFilter};
use super::generation::{CorrelationInForce, RuleInForce, RuleSetVersion, hash, rule_id};
use super::git::GitState;
use crate::content::RuleFile;
use crate::engine::{Engine, Mappings};
use detect::stage::{Arrival, NewRuleStage, TestState, alert_budget, effective, first_stage};
use detect::{Hit, LoadReport};
use foldhash::HashMap;
use ports::store::{RuleRow, RuleSetChange};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// Bytes of the digest that name a set of rules.
const DIGEST_BYTES: usize = 8;
/// Rules that an audit record names one by one.
const NAMED_MAX: usize = 200;

/// What decides the stage of rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Where new rules begin.
    pub(crate) new_rule_stage: NewRuleStage,
    /// Most findings a day, where the rule does not say.
    pub(crate) alert_budget: Option<u64>,
}

/// Rules that were loaded and are not in force yet.
pub(crate) struct Loaded {
    pub(crate) engine: Engine,
    pub(crate) report: LoadReport,
    pub(crate) rules: Vec<RuleInForce>,
    pub(crate) correlations: Vec<CorrelationInForce>,
    pub(crate) version: RuleSetVersion,
    /// What the store does not know yet.
    pub(crate) change: RuleSetChange,
    /// Filters whose day is over; they were left out.
    pub(crate) expired: Vec<ExpiredFilter>,
}

/// Compiles `files`, runs the rules' own tests, and gives each rule its stage: the one that `known` says, else
/// its first.
pub(crate) fn load(
    mappings: &Arc<Mappings>,
    files: &[RuleFile],
    git: Vec<GitState>,
    known: &[RuleRow],
    policy: Policy,
    now_ms: i64,
) -> Loaded {
    let (files, expired) = expiry::in_force(files, now_ms);
    let files = &files[..];
    let (engine, report) = crate::commands::engine_of(mappings, files);
    let mut tests: HashMap<Hit, TestState> = HashMap::default();
    for outcome in engine.run_rule_tests() {
        let state = tests.entry(outcome.rule).or_default();
        *state = state.and(&outcome.result);
    }
    let by_id: BTreeMap<&str, &RuleRow> = known.iter().map(|row| (row.rule_id.as_str(), row)).collect();
    let mut change = RuleSetChange::default();
    let mut seen = BTreeSet::new();
    let mut rules = Vec::new();
    for (hit, rule) in engine.detector().rules() {
        let (rule_id, hash) = (rule_id(rule), hash(rule));
        let state = tests.get(&hit).copied().unwrap_or_default();
        let row = by_id.get(rule_id.as_str());
        let (decided, reason) = match row {
            Some(row) => (row.stage, row.reason.clone()),
            None => {
                let arrival = match known.is_empty() {
                    true => Arrival::First,
                    false if rule.file.starts_with("builtin:") => Arrival::Builtin,
                    false => Arrival::Later,
                };
                let (stage, reason) = first_stage(policy.new_rule_stage, state, arrival);
                (stage, reason.to_owned())
            }
        };
        if seen.insert(rule_id.clone()) {
            match row {
                None => change.added.push((rule_id.clone(), hash.clone(), decided, reason.clone())),
                Some(row) if row.hash != hash || !row.is_loaded => {
                    change.changed.push((rule_id.clone(), hash.clone()));
                }
                Some(_) => {}
            }
        }
        let (stage, alert_budget) = (effective(decided, state), alert_budget(rule, policy.alert_budget));
        rules.push(RuleInForce { hit, rule_id, hash, tests: state, decided, stage, reason, alert_budget });
    }
    let gone = known.iter().filter(|row| row.is_loaded && !seen.contains(&row.rule_id));
    change.removed = gone.map(|row| row.rule_id.clone()).collect();
    let version = RuleSetVersion { digest: digest(files), git };
    let correlations = correlations_of(&engine);
    Loaded { engine, report, rules, correlations, version, change, expired }
}

/// The correlations of an engine, their own tests run.
fn correlations_of(engine: &Engine) -> Vec<CorrelationInForce> {
    let all = engine.detector().correlations().set().all().iter();
    let mut known: Vec<_> = all
        .map(|linked| CorrelationInForce {
            rule_id: linked.rule.id.clone().unwrap_or_else(|| linked.rule.title.clone()),
            tests: TestState::Untested,
        })
        .collect();
    for outcome in engine.run_series_tests() {
        if let Some(correlation) = known.get_mut(outcome.correlation) {
            correlation.tests = correlation.tests.and(&outcome.result);
        }
    }
    known
}

/// Names a set of rules by its texts, whatever their folder and order.
pub(crate) fn digest(files: &[RuleFile]) -> String {
    let of = |file: &RuleFile| -> [u8; 32] {
        Sha256::digest(file.text.as_ref().map_or(&b""[..], |text| text.as_bytes())).into()
    };
    let mut hashes: Vec<_> = files.iter().map(of).collect();
    hashes.sort_unstable();
    let mut all = Sha256::new();
    hashes.iter().for_each(|hash| all.update(hash));
    all.finalize().iter().take(DIGEST_BYTES).fold(String::new(), |mut text, byte| {
        // a write to a string cannot fail
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What an audit record says after a load: which set, and which rules by id and hash, up to a number.
pub(crate) fn audit_values(loaded: &Loaded) -> Value {
    let change = &loaded.change;
    let hashed = |rule: (&String, &String)| json!({ "rule": rule.0, "hash": rule.1 });
    let added: Vec<_> =
        change.added.iter().take(NAMED_MAX).map(|(id, hash, ..)| hashed((id, hash))).collect();
    let changed: Vec<_> =
        change.changed.iter().take(NAMED_MAX).map(|(id, hash)| hashed((id, hash))).collect();
    let removed: Vec<_> = change.removed.iter().take(NAMED_MAX).collect();
    json!({
        "rule_set": loaded.version.word(),
        "loaded": loaded.rules.len(),
        "refused": loaded.report.refused.len(),
        "added": added, "added_count": change.added.len(),
        "changed": changed, "changed_count": change.changed.len(),
        "removed": removed, "removed_count": change.removed.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Stage;

    fn rule(id: &str, value: &str, tests: &str) -> RuleFile {
        let text = format!(
            "title: {id}\nid: {id}\nlogsource: {{product: aws, service: cloudtrail}}\n\
             detection: {{s: {{eventName: {value}}}, condition: s}}\n{tests}"
        );
        RuleFile { name: format!("{id}.yml"), text: Ok(text) }
    }

    const PASSES: &str = "tests: [{name: t, event: {eventName: A}, matches: true}]\n";
    const FAILS: &str = "tests: [{name: t, event: {eventName: B}, matches: true}]\n";

    fn rows(loaded: &Loaded) -> Vec<RuleRow> {
        let row = |rule: &RuleInForce| RuleRow {
            rule_id: rule.rule_id.clone(),
            hash: rule.hash.clone(),
            is_loaded: true,
            stage: rule.decided,
            reason: rule.reason.clone(),
            first_loaded_at_ms: 0,
            staged_at_ms: 0,
            matches: 0,
            last_matched_at_ms: None,
        };
        loaded.rules.iter().map(row).collect()
    }

    #[test]
    fn a_load_says_what_it_changes_and_keeps_what_was_decided() {
        let (policy, mappings) = (Policy::default(), Arc::new(Mappings::builtin().unwrap()));
        let first = load(&mappings, &[rule("a", "A", ""), rule("b", "A", FAILS)], vec![], &[], policy, 0);
        let stages = |loaded: &Loaded| -> Vec<_> {
            loaded.rules.iter().map(|rule| (rule.rule_id.clone(), rule.decided, rule.stage)).collect()
        };
        let (a, b, c, d) = ("a".to_owned(), "b".to_owned(), "c".to_owned(), "d".to_owned());
        let expected = [(a.clone(), Stage::Active, Stage::Active), (b.clone(), Stage::Active, Stage::Shadow)];
        assert_eq!(stages(&first), expected, "the first rules are active unless their tests fail");
        assert_eq!((first.change.added.len(), first.change.changed.len()), (2, 0));

        let mut known = rows(&first);
        known[0].stage = Stage::Canary;
        let next = [rule("a", "B", ""), rule("c", "A", PASSES), rule("d", "A", "")];
        let second = load(&mappings, &next, vec![], &known, policy, 0);
        let expected = [
            (a.clone(), Stage::Canary, Stage::Canary),
            (c.clone(), Stage::Active, Stage::Active),
            (d.clone(), Stage::Shadow, Stage::Shadow),
        ];
        assert_eq!(stages(&second), expected);
        let added: Vec<_> = second.change.added.iter().map(|(id, ..)| id.clone()).collect();
        assert_eq!((added, second.change.removed.clone()), (vec![c, d], vec![b]));
        assert_eq!(second.change.changed, [(a, second.rules[0].hash.clone())]);
        let values = audit_values(&second);
        assert_eq!(values["changed"][0]["hash"], second.rules[0].hash);
        assert_eq!(values["rule_set"], second.version.digest);

        let same = load(&mappings, &next, vec![], &rows(&second), policy, 0);
        assert!(same.change.is_empty() && same.version == second.version);
    }

    #[test]
    fn broken_files_are_named_and_the_rest_is_loaded() {
        let mappings = Arc::new(Mappings::builtin().unwrap());
        let mut files: Vec<_> = (0..50).map(|n| rule(&format!("bad-{n}"), "{", "")).collect();
        files.extend((0..5).map(|n| rule(&format!("good-{n}"), "A", PASSES)));
        files.push(RuleFile { name: "gone.yml".to_owned(), text: Err("it cannot be read".to_owned()) });
        let loaded = load(&mappings, &files, vec![], &[], Policy::default(), 0);
        assert_eq!((loaded.rules.len(), loaded.report.loaded), (5, 5));
        let named: BTreeSet<_> = loaded.report.refused.iter().map(|error| error.file.to_string()).collect();
        assert_eq!(named.len(), 51, "{named:?}");
        assert!(loaded.report.refused.iter().all(|error| error.line > 0 && !error.reason.is_empty()));
    }

    #[test]
    fn a_set_is_named_by_its_texts() {
        let (a, b) = (rule("a", "A", ""), rule("b", "A", ""));
        let elsewhere = RuleFile { name: "other/a.yml".to_owned(), ..a.clone() };
        assert_eq!(digest(&[a.clone(), b.clone()]), digest(&[b.clone(), elsewhere]));
        assert_ne!(digest(&[a.clone(), b]), digest(&[a.clone(), a]));
    }
}
