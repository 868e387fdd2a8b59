//! From the texts of rules to a generation, and what that changes.

use super::expiry::{self, ExpiredFilter};
use super::generation::{
    Place, RuleInForce, RuleSetVersion, correlation_hash, correlation_id, hash, rule_id,
};
use super::git::GitState;
use crate::content::RuleFile;
use crate::engine::{Engine, Mappings};
use detect::stage::{
    Arrival, NewRuleStage, TestState, alert_budget, effective, first_stage, stage_without_tests,
};
use detect::{Hit, LoadReport};
use foldhash::HashMap;
use model::Stage;
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
    /// Rules in the order of the engine, correlations in that of its set.
    pub(crate) rules: [Vec<RuleInForce>; 2],
    pub(crate) version: RuleSetVersion,
    /// What the store does not know yet.
    pub(crate) change: RuleSetChange,
    /// Rules that were active for tests which are gone: id, stage, and why. The store does not know this yet either.
    pub(crate) restaged: Vec<(String, Stage, String)>,
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
        *state = state.and(outcome.matches, &outcome.result);
    }
    let series = series_states(&engine);
    let tested_by = tested_by_correlations(&engine, &series);
    let mut staging = Staging::new(known, policy);
    let detector = engine.detector();
    let rules = detector.rules().map(|(hit, rule)| {
        let own = tests.get(&hit).copied().unwrap_or_default();
        // one that correlations take the place of raises nothing: their tests are tests of it
        let beginning = match tested_by.get(&hit) {
            Some(tests) if own == TestState::Untested => *tests,
            _ => own,
        };
        let budget = alert_budget(&rule.custom, policy.alert_budget);
        let found =
            Found { rule_id: rule_id(rule), hash: hash(rule), file: &rule.file, tests: own, beginning };
        staging.put(Place::Rule(hit), found, budget)
    });
    let rules = rules.collect();
    let linked = detector.correlations().set().all().iter().zip(series).enumerate();
    let correlations = linked.map(|(place, (linked, tests))| {
        let budget = alert_budget(&linked.rule.custom, policy.alert_budget);
        let (rule_id, hash) = (correlation_id(linked), correlation_hash(linked));
        let found = Found { rule_id, hash, file: &linked.rule.file, tests, beginning: tests };
        staging.put(Place::Correlation(place), found, budget)
    });
    let correlations = correlations.collect();
    let (change, restaged) = staging.finish();
    let version = RuleSetVersion { digest: digest(files), git };
    Loaded { engine, report, rules: [rules, correlations], version, change, restaged, expired }
}

/// A rule or correlation that was loaded.
struct Found<'a> {
    rule_id: String,
    hash: String,
    file: &'a str,
    /// What its own tests say.
    tests: TestState,
    /// What its first stage goes by.
    beginning: TestState,
}

/// Gives stages, and notes what the store does not know yet.
struct Staging<'a> {
    by_id: BTreeMap<&'a str, &'a RuleRow>,
    policy: Policy,
    seen: BTreeSet<String>,
    change: RuleSetChange,
    restaged: Vec<(String, Stage, String)>,
}

impl<'a> Staging<'a> {
    fn new(known: &'a [RuleRow], policy: Policy) -> Self {
        let by_id = known.iter().map(|row| (row.rule_id.as_str(), row)).collect();
        let (seen, change, restaged) = (BTreeSet::new(), RuleSetChange::default(), Vec::new());
        Self { by_id, policy, seen, change, restaged }
    }

    /// The stage that was decided, unless it was for tests that are gone; of a new rule its first.
    fn put(&mut self, place: Place, found: Found<'_>, alert_budget: Option<u64>) -> RuleInForce {
        let Found { rule_id, hash, file, tests, beginning } = found;
        let row = self.by_id.get(rule_id.as_str()).copied();
        let policy = self.policy.new_rule_stage;
        let without = row.and_then(|row| stage_without_tests(policy, (row.stage, &row.reason), beginning));
        let (decided, reason) = match row {
            Some(row) => {
                without.map_or_else(|| (row.stage, row.reason.clone()), |(s, why)| (s, why.to_owned()))
            }
            None => {
                let arrival = match self.by_id.is_empty() {
                    true => Arrival::First,
                    false if file.starts_with("builtin:") => Arrival::Builtin,
                    false => Arrival::Later,
                };
                let (stage, reason) = first_stage(policy, beginning, arrival);
                (stage, reason.to_owned())
            }
        };
        if self.seen.insert(rule_id.clone()) {
            if without.is_some() {
                self.restaged.push((rule_id.clone(), decided, reason.clone()));
            }
            match row {
                None => self.change.added.push((rule_id.clone(), hash.clone(), decided, reason.clone())),
                Some(row) if row.hash != hash || !row.is_loaded => {
                    self.change.changed.push((rule_id.clone(), hash.clone()));
                }
                Some(_) => {}
            }
        }
        let stage = effective(decided, tests);
        RuleInForce { place, rule_id, hash, tests, decided, stage, reason, alert_budget }
    }

    fn finish(mut self) -> (RuleSetChange, Vec<(String, Stage, String)>) {
        let gone = self.by_id.values().filter(|row| row.is_loaded && !self.seen.contains(&row.rule_id));
        self.change.removed = gone.map(|row| row.rule_id.clone()).collect();
        (self.change, self.restaged)
    }
}

/// What the correlations' own tests say, in the order of the set.
fn series_states(engine: &Engine) -> Vec<TestState> {
    let mut states = vec![TestState::Untested; engine.detector().correlations().set().all().len()];
    for outcome in engine.run_series_tests() {
        if let Some(state) = states.get_mut(outcome.correlation) {
            *state = state.and(outcome.matches, &outcome.result);
        }
    }
    states
}

/// Rules that raise nothing by themselves and are named by a correlation that has tests, with what those say; of several
/// correlations the one whose tests are proof.
fn tested_by_correlations(engine: &Engine, series: &[TestState]) -> HashMap<Hit, TestState> {
    let detector = engine.detector();
    let mut tested = HashMap::default();
    for (place, state) in series.iter().enumerate().filter(|(_, state)| **state != TestState::Untested) {
        let named = detector.rules_of_correlation(place).into_iter();
        for hit in named.filter(|hit| detector.correlations().is_silent(*hit)) {
            let known = tested.entry(hit).or_insert(*state);
            if state.is_proof() {
                *known = *state;
            }
        }
    }
    tested
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
        "loaded": loaded.rules.iter().map(Vec::len).sum::<usize>(),
        "refused": loaded.report.refused.len(),
        "added": added, "added_count": change.added.len(),
        "changed": changed, "changed_count": change.changed.len(),
        "removed": removed, "removed_count": change.removed.len(),
        "restaged_count": loaded.restaged.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str, value: &str, tests: &str) -> RuleFile {
        let text = format!(
            "title: {id}\nid: {id}\nlogsource: {{product: aws, service: cloudtrail}}\n\
             detection: {{s: {{eventName: {value}}}, condition: s}}\n{tests}"
        );
        RuleFile { name: format!("{id}.yml"), text: Ok(text) }
    }

    const PASSES: &str = "tests: [{name: t, event: {eventName: A}, matches: true}, \
        {name: u, event: {eventName: Z}, matches: false}]\n";
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
        loaded.rules.iter().flatten().map(row).collect()
    }

    #[test]
    fn a_load_says_what_it_changes_and_keeps_what_was_decided() {
        let (policy, mappings) = (Policy::default(), Arc::new(Mappings::builtin().unwrap()));
        let first = load(&mappings, &[rule("a", "A", ""), rule("b", "A", FAILS)], vec![], &[], policy, 0);
        let stages = |loaded: &Loaded| -> Vec<_> {
            loaded.rules[0].iter().map(|rule| (rule.rule_id.clone(), rule.decided, rule.stage)).collect()
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
        assert_eq!(second.change.changed, [(a, second.rules[0][0].hash.clone())]);
        let values = audit_values(&second);
        assert_eq!(values["changed"][0]["hash"], second.rules[0][0].hash);
        assert_eq!(values["rule_set"], second.version.digest);

        let same = load(&mappings, &next, vec![], &rows(&second), policy, 0);
        assert!(same.change.is_empty() && same.version == second.version);
    }

    /// A rule is active for its tests: it is not any more when what they said is gone, whatever else changed.
    #[test]
    fn a_rule_that_loses_the_tests_it_is_active_for_goes_back_to_shadow() {
        let (policy, mappings) = (Policy::default(), Arc::new(Mappings::builtin().unwrap()));
        let load = |files: &[RuleFile], known: &[RuleRow]| load(&mappings, files, vec![], known, policy, 0);
        let first = load(&[rule("first", "A", PASSES), rule("old", "A", "")], &[]);
        let all = [rule("first", "A", PASSES), rule("old", "A", ""), rule("new", "A", PASSES)];
        let tested = load(&all, &rows(&first));
        assert!(tested.rules[0].iter().all(|rule| rule.stage == Stage::Active) && tested.restaged.is_empty());

        let wide = "'*'";
        let vacuous = "tests: [{name: t, event: {}, matches: false}]\n";
        for (tests, what) in [("", "no tests"), (vacuous, "a test that says nothing")] {
            for value in ["A", wide] {
                let files = [rule("first", value, tests), rule("old", value, ""), rule("new", value, tests)];
                let after = load(&files, &rows(&tested));
                let stages: Vec<_> = after.rules[0].iter().map(|rule| rule.stage).collect();
                assert_eq!(stages, [Stage::Shadow, Stage::Active, Stage::Shadow], "{what} {value}");
                let ids: Vec<_> = after.restaged.iter().map(|(id, stage, _)| (id.as_str(), *stage)).collect();
                assert_eq!(ids, [("first", Stage::Shadow), ("new", Stage::Shadow)]);
                // what was noted is not noted again
                assert!(load(&files, &rows(&after)).restaged.is_empty());
            }
        }
        // one whose test fails is held back by that, and not switched on by deleting the test
        let failing = [rule("first", "A", FAILS), rule("old", "A", ""), rule("new", "A", FAILS)];
        let held = load(&failing, &rows(&tested));
        let stages: Vec<_> = held.rules[0].iter().map(|rule| (rule.decided, rule.stage)).collect();
        assert_eq!(stages[2], (Stage::Active, Stage::Shadow));
        let files = [rule("first", "A", PASSES), rule("old", "A", ""), rule("new", "A", "")];
        assert_eq!(load(&files, &rows(&held)).rules[0][2].stage, Stage::Shadow);
        // what a person decided stays
        let mut known = rows(&tested);
        known[2].reason = "two weeks on trial".to_owned();
        assert_eq!(load(&files, &known).rules[0][2].stage, Stage::Active);
    }

    /// A test that says nothing of what the rule finds is none.
    #[test]
    fn a_new_rule_is_active_with_tests_of_each_kind_only() {
        let (policy, mappings) = (Policy::default(), Arc::new(Mappings::builtin().unwrap()));
        let known = rows(&load(&mappings, &[rule("a", "A", "")], vec![], &[], policy, 0));
        for (value, tests, expected) in [
            ("'*'", "tests: [{name: t, event: {}, matches: false}]\n", Stage::Shadow),
            ("'*'", "tests: [{name: t, event: {eventName: A}, matches: true}]\n", Stage::Shadow),
            ("A", PASSES, Stage::Active),
        ] {
            let files = [rule("a", "A", ""), rule("b", value, tests)];
            let loaded = load(&mappings, &files, vec![], &known, policy, 0);
            assert_eq!(loaded.report.refused, []);
            assert_eq!(loaded.rules[0][1].decided, expected, "{value} {tests}");
        }
    }

    #[test]
    fn broken_files_are_named_and_the_rest_is_loaded() {
        let mappings = Arc::new(Mappings::builtin().unwrap());
        let mut files: Vec<_> = (0..50).map(|n| rule(&format!("bad-{n}"), "{", "")).collect();
        files.extend((0..5).map(|n| rule(&format!("good-{n}"), "A", PASSES)));
        files.push(RuleFile { name: "gone.yml".to_owned(), text: Err("it cannot be read".to_owned()) });
        let loaded = load(&mappings, &files, vec![], &[], Policy::default(), 0);
        assert_eq!((loaded.rules[0].len(), loaded.report.loaded), (5, 5));
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

    #[test]
    fn correlations_have_rows_and_stages_and_what_they_name_is_tested_by_them() {
        let mappings = Arc::new(Mappings::builtin().unwrap());
        let policy = Policy::default();
        let known = rows(&load(&mappings, &[rule("a", "A", "")], vec![], &[], policy, 0));
        let base = rule("b", "B", "");
        let correlation = |tests: &str| RuleFile {
            name: "c.yml".to_owned(),
            text: Ok(format!(
                "title: Many\nid: c\nalert_budget: 5\ncorrelation: {{type: event_count, rules: [b], timespan: 1m, condition: {{gte: 2}}}}\n{tests}"
            )),
        };
        let tests = |matches| {
            format!(
                "tests: [{{name: t, matches: {matches}, events: [{{event: {{eventName: B}}, repeat: 2, every: 1s}}]}}, \
                 {{name: u, matches: false, events: [{{event: {{eventName: B}}}}]}}]\n"
            )
        };
        for (tests, decided, in_force, state) in [
            (tests(true), [Stage::Active, Stage::Active], Stage::Active, "passed"),
            (tests(false), [Stage::Active, Stage::Active], Stage::Shadow, "failed"),
            (String::new(), [Stage::Shadow, Stage::Shadow], Stage::Shadow, "untested"),
        ] {
            let files = [rule("a", "A", ""), base.clone(), correlation(&tests)];
            let loaded = load(&mappings, &files, vec![], &known, policy, 0);
            assert_eq!(loaded.report.refused, [], "{tests}");
            let (b, c) = (&loaded.rules[0][1], &loaded.rules[1][0]);
            assert_eq!(([b.decided, c.decided], c.stage), (decided, in_force), "{tests}");
            assert_eq!((c.rule_id.as_str(), c.tests.as_str(), c.alert_budget), ("c", state, Some(5)));
            let added: Vec<_> = loaded.change.added.iter().map(|(id, ..)| id.as_str()).collect();
            assert_eq!(added, ["b", "c"]);
            let again = load(&mappings, &files, vec![], &rows(&loaded), policy, 0);
            assert!(again.change.is_empty());
        }
    }
}
