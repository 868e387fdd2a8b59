//! What is in force, as one.

use super::expiry::ExpiredFilter;
use super::git::GitState;
use crate::engine::Engine;
use detect::stage::TestState;
use detect::{Hit, LoadReport};
use foldhash::{HashMap, HashSet};
use model::{Finding, Severity, Stage};
use sigma::correlation::Member;
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

/// What a [`RuleInForce`] is in its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// A rule, by its handle.
    Rule(Hit),
    /// A correlation, by its place in the set.
    Correlation(usize),
}

/// One rule or correlation of a generation.
#[derive(Debug, Clone)]
pub struct RuleInForce {
    /// What it is in the engine.
    pub place: Place,
    /// As findings name it: its UUID, or its title.
    pub rule_id: String,
    /// Hex SHA-256 of what it means.
    pub hash: String,
    /// What its own tests say.
    pub tests: TestState,
    /// The stage that was decided.
    pub decided: Stage,
    /// The stage in force: a correlation's is no further than those of what it is made of.
    pub stage: Stage,
    /// Why it was decided.
    pub reason: String,
    /// Most findings a day.
    pub alert_budget: Option<u64>,
}

impl RuleInForce {
    /// Its handle, unless it is a correlation.
    pub fn hit(&self) -> Option<Hit> {
        match self.place {
            Place::Rule(hit) => Some(hit),
            Place::Correlation(_) => None,
        }
    }

    /// Whether its matches are worth something: of one whose own tests fail, nothing takes them.
    pub fn is_sound(&self) -> bool {
        !matches!(self.tests, TestState::Failed { .. })
    }
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
    /// Those that are rules, in the order of the engine.
    rules: Vec<RuleInForce>,
    /// Those that are correlations, in the order of the engine's set.
    correlations: Vec<RuleInForce>,
    /// Rules that raise nothing of their own, because a correlation that is in force takes their place.
    silent: HashSet<Hit>,
    by_hit: Arc<HashMap<Hit, usize>>,
}

impl Generation {
    /// A generation of what was loaded: rules in the order of the engine, correlations in that of its set.
    pub fn new(
        engine: Arc<Engine>,
        report: LoadReport,
        [rules, correlations]: [Vec<RuleInForce>; 2],
        version: RuleSetVersion,
        loaded_at_ms: i64,
    ) -> Self {
        let handles = rules.iter().enumerate().filter_map(|(at, rule)| Some((rule.hit()?, at)));
        let by_hit = Arc::new(handles.collect());
        let (word, report, expired) = (version.word(), Arc::new(report), Arc::default());
        let silent = HashSet::default();
        let this = Self {
            engine,
            version,
            word,
            report,
            loaded_at_ms,
            expired,
            rules,
            correlations,
            silent,
            by_hit,
        };
        this.settled()
    }

    /// The same; says which filters were left out because their day is over.
    #[must_use]
    pub(crate) fn without(self, expired: Vec<ExpiredFilter>) -> Self {
        Self { expired: expired.into(), ..self }
    }

    /// Works out the stages in force, and which rules correlations silence.
    fn settled(mut self) -> Self {
        for rule in self.rules.iter_mut().chain(&mut self.correlations) {
            rule.stage = detect::stage::effective(rule.decided, rule.tests);
        }
        // what a correlation is made of stands before it
        for place in 0..self.correlations.len() {
            let least = self.members_of(place).map(|member| member.stage).min().unwrap_or_default();
            if let Some(correlation) = self.correlations.get_mut(place) {
                correlation.stage = correlation.stage.min(least);
            }
        }
        self.silent = silent(&self.engine, |place| self.correlation_stage(place) != Stage::Shadow);
        self
    }

    /// What the correlation at this place names.
    fn members_of(&self, place: usize) -> impl Iterator<Item = &RuleInForce> {
        let correlations = self.engine.detector().correlations();
        let set = correlations.set();
        let members = set.get(place).map(sigma::correlation::Linked::members).unwrap_or_default();
        members.iter().filter_map(move |member| match member {
            Member::Base(base) => self.rule(correlations.hit(*base)),
            Member::Correlation(below) => self.correlations.get(set.original(*below)),
        })
    }

    /// What keeps a correlation from the stage that was decided, besides its own tests: the first of those it is made of
    /// that is at the stage in force.
    pub fn held_by(&self, rule: &RuleInForce) -> Option<&RuleInForce> {
        let Place::Correlation(place) = rule.place else { return None };
        let own = detect::stage::effective(rule.decided, rule.tests);
        if rule.stage == own {
            return None;
        }
        self.members_of(place).find(|member| member.stage == rule.stage)
    }

    /// Every rule and correlation of the engine, active: for programs that load once.
    pub fn all_active(engine: Arc<Engine>) -> Self {
        let of = |place, rule_id, hash| RuleInForce {
            place,
            rule_id,
            hash,
            tests: TestState::Untested,
            decided: Stage::Active,
            stage: Stage::Active,
            reason: String::new(),
            alert_budget: None,
        };
        let detector = engine.detector();
        let rules = detector.rules().map(|(hit, rule)| of(Place::Rule(hit), rule_id(rule), hash(rule)));
        let linked = detector.correlations().set().all().iter().enumerate();
        let correlations = linked.map(|(place, linked)| {
            of(Place::Correlation(place), correlation_id(linked), correlation_hash(linked))
        });
        let both = [rules.collect(), correlations.collect()];
        Self::new(engine, LoadReport::default(), both, RuleSetVersion::default(), 0)
    }

    /// The same rules with another stage decided for one of them.
    pub(crate) fn restaged(&self, rule_id: &str, decided: Stage, reason: &str) -> Self {
        let (mut rules, mut correlations) = (self.rules.clone(), self.correlations.clone());
        let all = rules.iter_mut().chain(&mut correlations);
        for rule in all.filter(|rule| rule.rule_id == rule_id) {
            rule.decided = decided;
            reason.clone_into(&mut rule.reason);
        }
        let this = Self {
            engine: Arc::clone(&self.engine),
            version: self.version.clone(),
            word: self.word.clone(),
            report: Arc::clone(&self.report),
            loaded_at_ms: self.loaded_at_ms,
            expired: Arc::clone(&self.expired),
            rules,
            correlations,
            silent: HashSet::default(),
            by_hit: Arc::clone(&self.by_hit),
        };
        this.settled()
    }

    /// The rules, in the order of the engine.
    pub fn rules(&self) -> &[RuleInForce] {
        &self.rules
    }

    /// The correlations, in the order of the engine's set.
    pub fn correlations(&self) -> &[RuleInForce] {
        &self.correlations
    }

    /// Rules and correlations.
    pub fn all(&self) -> impl Iterator<Item = &RuleInForce> {
        self.rules.iter().chain(&self.correlations)
    }

    /// How far the findings of the correlation at this place go.
    pub fn correlation_stage(&self, place: usize) -> Stage {
        self.correlations.get(place).map_or(Stage::Shadow, |known| known.stage)
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

    /// The rule or correlation at a place.
    pub fn at(&self, place: Place) -> Option<&RuleInForce> {
        match place {
            Place::Rule(hit) => self.rule(hit),
            Place::Correlation(place) => self.correlations.get(place),
        }
    }

    /// The rule or correlation of that id.
    pub fn rule_by_id(&self, rule_id: &str) -> Option<&RuleInForce> {
        self.all().find(|rule| rule.rule_id.eq_ignore_ascii_case(rule_id))
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

/// As findings name a correlation: its UUID, or its title.
pub(crate) fn correlation_id(linked: &sigma::correlation::Linked) -> String {
    linked.rule.id.clone().unwrap_or_else(|| linked.rule.title.clone())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hex SHA-256 of what a correlation means.
pub(crate) fn correlation_hash(linked: &sigma::correlation::Linked) -> String {
    hex(&linked.hash)
}

/// Hex SHA-256 of a rule's logsource and detection.
pub(crate) fn hash(rule: &sigma::Rule) -> String {
    hex(&rule.semantic_hash())
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

    const CHAIN: &str = "title: One\nname: one\nlogsource: {product: aws}\ndetection: {s: {a: b}, condition: s}\n---\n\
        title: Two\nname: two\nlogsource: {product: aws}\ndetection: {s: {a: c}, condition: s}\n---\n\
        title: Many\nname: many\ncorrelation: {type: event_count, rules: [one], timespan: 1m, condition: {gte: 3}}\n---\n\
        title: Then\ncorrelation: {type: temporal, rules: [many, two], timespan: 1m}\n";

    #[test]
    fn a_correlation_goes_no_further_than_what_it_is_made_of() {
        let (engine, report) = Engine::load([("c.yml", CHAIN)]).unwrap();
        assert_eq!(report.refused, []);
        let all = Generation::all_active(Arc::new(engine));
        let stages = |generation: &Generation| -> Vec<_> {
            ["One", "Two", "Many", "Then"].map(|id| generation.rule_by_id(id).unwrap().stage).to_vec()
        };
        use Stage::{Active, Canary, Shadow};
        let silent = |generation: &Generation| -> Vec<_> {
            generation.rules().iter().map(|rule| generation.is_silent(rule.hit().unwrap())).collect()
        };
        assert_eq!((stages(&all), silent(&all)), (vec![Active; 4], vec![true, true]));
        for (id, stage, expected, silenced) in [
            ("One", Shadow, [Shadow, Active, Shadow, Shadow], [false, false]),
            ("One", Canary, [Canary, Active, Canary, Canary], [true, true]),
            ("Two", Shadow, [Active, Shadow, Active, Shadow], [true, false]),
            ("Many", Shadow, [Active, Active, Shadow, Shadow], [false, false]),
            ("Then", Canary, [Active, Active, Active, Canary], [true, true]),
        ] {
            let changed = all.restaged(id, stage, "on trial");
            assert_eq!((stages(&changed), silent(&changed)), (expected.to_vec(), silenced.to_vec()), "{id}");
            let then = changed.rule_by_id("Then").unwrap();
            assert_eq!(changed.held_by(then).is_some(), id != "Then", "{id}");
            let back = changed.restaged(id, Active, "trusted");
            assert_eq!((stages(&back), silent(&back)), (vec![Active; 4], vec![true, true]), "{id}");
        }
    }
}
