//! What is in force, as one.

use super::expiry::ExpiredFilter;
use super::git::GitState;
use crate::engine::Engine;
use detect::stage::TestState;
use detect::{Hit, LoadReport};
use foldhash::{HashMap, HashSet};
use model::{Finding, Severity, Stage};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Notify;

/// Which set of rules it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSetVersion {
    /// The beginning of the SHA-256 of all texts, 16 hex digits; the folder and the names of files do not matter.
    pub digest: String,
    /// The work trees that folders of rules are in.
    pub git: Vec<GitState>,
}

impl RuleSetVersion {
    /// In one word, as findings carry it: `DIGEST`, `DIGEST@COMMIT`, and `+dirty` where files differ from the commit.
    pub fn word(&self) -> String {
        let mut word = self.digest.clone();
        for git in &self.git {
            word.push('@');
            word.push_str(&git.commit);
            if git.is_dirty == Some(true) {
                word.push_str("+dirty");
            }
        }
        word
    }
}

/// One rule of a generation.
#[derive(Debug, Clone)]
pub struct RuleInForce {
    /// Its handle in the engine.
    pub hit: Hit,
    /// As findings name it: its UUID, or its title.
    pub rule_id: String,
    /// Hex SHA-256 of logsource and detection.
    pub hash: String,
    /// What its own tests say.
    pub tests: TestState,
    /// The stage that was decided.
    pub decided: Stage,
    /// The stage in force.
    pub stage: Stage,
    /// Why it was decided.
    pub reason: String,
    /// Most findings a day.
    pub alert_budget: Option<u64>,
}

/// One correlation of a generation, by its place in the engine's set.
#[derive(Debug, Clone)]
pub struct CorrelationInForce {
    /// As findings name it: its UUID, or its title.
    pub rule_id: String,
    /// What its own tests say. One whose tests fail raises nothing.
    pub tests: TestState,
}

/// One set of rules, compiled, with the stage of each rule. Immutable.
#[derive(Debug)]
pub struct Generation {
    /// Mappings and rules.
    pub engine: Arc<Engine>,
    /// Which set it is.
    pub version: RuleSetVersion,
    /// [`RuleSetVersion::word`]
    pub word: String,
    /// What came of loading it.
    pub report: Arc<LoadReport>,
    /// When it was loaded.
    pub loaded_at_ms: i64,
    /// Filters whose day is over; they were left out.
    pub(crate) expired: Arc<[ExpiredFilter]>,
    rules: Vec<RuleInForce>,
    correlations: Arc<[CorrelationInForce]>,
    /// Rules that raise nothing of their own, because a correlation that is in force takes their place.
    silent: Arc<HashSet<Hit>>,
    by_hit: Arc<HashMap<Hit, usize>>,
}

impl Generation {
    /// A generation of what was loaded.
    pub fn new(
        engine: Arc<Engine>,
        report: LoadReport,
        rules: Vec<RuleInForce>,
        version: RuleSetVersion,
        loaded_at_ms: i64,
    ) -> Self {
        let by_hit = rules.iter().enumerate().map(|(at, rule)| (rule.hit, at)).collect();
        let word = version.word();
        let (report, by_hit) = (Arc::new(report), Arc::new(by_hit));
        let (expired, correlations) = (Arc::default(), Arc::default());
        let silent = Arc::new(silent(&engine, |_| true));
        Self { engine, version, word, report, loaded_at_ms, expired, rules, correlations, silent, by_hit }
    }

    /// The same; says which filters were left out because their day is over.
    #[must_use]
    pub(crate) fn without(self, expired: Vec<ExpiredFilter>) -> Self {
        Self { expired: expired.into(), ..self }
    }

    /// The same with its correlations, in the order of the engine's set.
    #[must_use]
    pub(crate) fn correlating(self, correlations: Vec<CorrelationInForce>) -> Self {
        let mut this = Self { correlations: correlations.into(), ..self };
        this.silent = Arc::new(silent(&this.engine, |place| this.correlation_stage(place) != Stage::Shadow));
        this
    }

    /// Every rule of the engine, active: for programs that load once.
    pub fn all_active(engine: Arc<Engine>) -> Self {
        let rules = engine.detector().rules().map(|(hit, rule)| RuleInForce {
            hit,
            rule_id: rule_id(rule),
            hash: hash(rule),
            tests: TestState::Untested,
            decided: Stage::Active,
            stage: Stage::Active,
            reason: String::new(),
            alert_budget: None,
        });
        let rules = rules.collect();
        Self::new(engine, LoadReport::default(), rules, RuleSetVersion::default(), 0)
    }

    /// The same rules with another stage decided for one of them.
    pub(crate) fn restaged(&self, rule_id: &str, decided: Stage, reason: &str) -> Self {
        let mut rules = self.rules.clone();
        for rule in rules.iter_mut().filter(|rule| rule.rule_id == rule_id) {
            rule.decided = decided;
            rule.stage = detect::stage::effective(decided, rule.tests);
            reason.clone_into(&mut rule.reason);
        }
        Self {
            engine: Arc::clone(&self.engine),
            version: self.version.clone(),
            word: self.word.clone(),
            report: Arc::clone(&self.report),
            loaded_at_ms: self.loaded_at_ms,
            expired: Arc::clone(&self.expired),
            rules,
            correlations: Arc::clone(&self.correlations),
            silent: Arc::clone(&self.silent),
            by_hit: Arc::clone(&self.by_hit),
        }
    }

    /// The rules, in the order of the engine.
    pub fn rules(&self) -> &[RuleInForce] {
        &self.rules
    }

    /// The correlations, in the order of the engine's set.
    pub fn correlations(&self) -> &[CorrelationInForce] {
        &self.correlations
    }

    /// How far the findings of the correlation at this place go.
    pub fn correlation_stage(&self, place: usize) -> Stage {
        let tests = self.correlations.get(place).map(|known| known.tests).unwrap_or_default();
        detect::stage::effective(Stage::Active, tests)
    }

    /// Whether the rule raises nothing of its own, because a correlation in force takes its place. One in shadow does
    /// not: else its fault would silence good rules.
    pub fn is_silent(&self, hit: Hit) -> bool {
        self.silent.contains(&hit)
    }

    /// The rule of a hit.
    pub fn rule(&self, hit: Hit) -> Option<&RuleInForce> {
        self.rules.get(*self.by_hit.get(&hit)?)
    }

    /// The rule of that id.
    pub fn rule_by_id(&self, rule_id: &str) -> Option<&RuleInForce> {
        self.rules.iter().find(|rule| rule.rule_id.eq_ignore_ascii_case(rule_id))
    }

    /// Says on a finding which rules made it and at which stage. A canary's finding is no graver than low.
    pub fn mark(&self, finding: &mut Finding, stage: Stage) {
        self.word.clone_into(&mut finding.rule_set);
        finding.stage = stage;
        if stage != Stage::Active {
            finding.severity = finding.severity.min(Severity::Low);
        }
    }
}

/// The rules that correlations silence, of those correlations that `counts`.
fn silent(engine: &Engine, counts: impl Fn(usize) -> bool) -> HashSet<Hit> {
    let detector = engine.detector();
    let places = (0..detector.correlations().set().all().len()).filter(|place| counts(*place));
    let taken = places.flat_map(|place| detector.rules_of_correlation(place));
    taken.filter(|hit| detector.correlations().is_silent(*hit)).collect()
}

/// As findings name a rule: its UUID, or the title of a rule without one.
pub(crate) fn rule_id(rule: &sigma::Rule) -> String {
    rule.id.clone().unwrap_or_else(|| rule.title.clone())
}

/// Hex SHA-256 of a rule's logsource and detection.
pub(crate) fn hash(rule: &sigma::Rule) -> String {
    rule.semantic_hash().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The generation in force. Workers take it once a batch.
#[derive(Debug)]
pub struct Live {
    current: RwLock<Arc<Generation>>,
    /// Told after a batch in which rules matched.
    pub(crate) matched: Notify,
}

impl Live {
    /// With a first generation.
    pub fn new(generation: Generation) -> Self {
        Self { current: RwLock::new(Arc::new(generation)), matched: Notify::new() }
    }

    /// What is in force now.
    pub fn current(&self) -> Arc<Generation> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in force, whole. Batches that have begun end with the one that they have.
    pub fn exchange(&self, generation: Generation) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(generation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_one_word() {
        let git =
            |commit: &str, is_dirty| GitState { folder: "rules".into(), commit: commit.into(), is_dirty };
        let word = |git: Vec<GitState>| RuleSetVersion { digest: "0123456789abcdef".into(), git }.word();
        assert_eq!(word(vec![]), "0123456789abcdef");
        assert_eq!(word(vec![git("aa", Some(false))]), "0123456789abcdef@aa");
        assert_eq!(word(vec![git("aa", Some(true)), git("bb", None)]), "0123456789abcdef@aa+dirty@bb");
    }

    #[test]
    fn a_stage_is_exchanged_without_the_engine() {
        let rule = "title: A\nlogsource: {product: aws}\ndetection: {s: {a: b}, condition: s}\n";
        let (engine, _) = Engine::load([("a.yml", rule)]).unwrap();
        let live = Live::new(Generation::all_active(Arc::new(engine)));
        let before = live.current();
        live.exchange(before.restaged("A", Stage::Shadow, "loud"));
        let after = live.current();
        assert!(Arc::ptr_eq(&before.engine, &after.engine));
        assert_eq!(before.rules()[0].stage, Stage::Active, "who has the one before keeps it");
        assert_eq!((after.rules()[0].stage, after.rules()[0].reason.as_str()), (Stage::Shadow, "loud"));
    }
}
