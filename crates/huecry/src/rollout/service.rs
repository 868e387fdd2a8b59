//! Loads rules, decides stages, and watches both files and budgets.

use super::generation::{Generation, Live, RuleInForce};
use super::git;
use super::loader::{self, Loaded, Policy};
use super::telemetry::Telemetry;
use super::watch::{self, Fingerprint};
use crate::config::RulesConfig;
use crate::engine::Mappings;
use crate::exit::{Exit, Failure};
use detect::LoadReport;
use detect::stage::TestState;
use enrich::Enricher;
use model::{AuditRecord, Clock, Entropy, Principal, Stage};
use ports::Store;
use ports::store::{AuditFilter, PageRequest, RULE_SET_OBJECT, RuleBudget, RuleRow, StoreError, rule_object};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Longest time between two looks at budgets.
const BUDGETS_EVERY: Duration = Duration::from_secs(60);
/// Days over their budget that are worked off at once, the busiest first.
const BUSY_DAYS_MAX: u32 = 1_000;
/// Files still changing are looked at again so soon, unless the interval is shorter.
const SETTLE_PAUSE: Duration = Duration::from_secs(1);
/// What the audit record of a load is called.
const LOAD_ACTION: &str = "rules.load";
/// What audit records of a stage say was done.
const STAGE_ACTION: &str = "rule.stage";
const DAY_MS: i64 = 86_400_000;

/// What loading and staging work with.
pub struct Options {
    /// Where rules are, and what decides their stages.
    pub config: RulesConfig,
    /// Where stages and counts are kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For ids.
    pub entropy: Arc<dyn Entropy>,
    /// What is known beside records; every generation has the same.
    pub enricher: Arc<Enricher>,
    /// What is counted.
    pub telemetry: Telemetry,
}

/// On whose word rules are loaded or staged.
#[derive(Debug, Clone)]
pub struct LoadedBy {
    /// Who.
    pub principal: Principal,
    /// The address that the request came from.
    pub origin: Option<String>,
    /// The request.
    pub request_id: Option<String>,
}

impl LoadedBy {
    /// This program, because files changed, it began, or a budget was exceeded.
    pub fn system() -> Self {
        Self { principal: Principal::System { part: "rules".to_owned() }, origin: None, request_id: None }
    }
}

/// What a load came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Whether another generation is in force than before.
    pub changed: bool,
    /// New rules.
    pub added: Vec<String>,
    /// Rules whose hash is another now.
    pub altered: Vec<String>,
    /// Rules that are gone.
    pub removed: Vec<String>,
}

/// Why rules were not loaded or staged; what was in force is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Files went on changing.
    #[error("the files of rules do not hold still; try again")]
    Unsteady,
    /// The rules cannot be used at all.
    #[error("{0}")]
    Unusable(String),
    /// There is no such rule in force.
    #[error("there is no rule {0}")]
    NotFound(String),
    /// The rule may not have this stage.
    #[error("{0}")]
    Refused(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Rules in production.
pub struct Rollout {
    options: Options,
    mappings: Arc<Mappings>,
    live: Arc<Live>,
    /// One load or decision after the other; what the files looked like that were read last.
    turn: Mutex<Fingerprint>,
}

impl Rollout {
    /// Loads the configured rules for the first time.
    ///
    /// # Errors
    /// [`Failure`] when there is nothing to run, or the store cannot say what was decided.
    pub async fn start(options: Options) -> Result<Arc<Self>, Failure> {
        let failure = |e: &dyn std::fmt::Display| Failure::new(Exit::Server, format!("rules: {e}"));
        let mappings = Arc::new(crate::commands::mappings()?);
        let (loaded, seen) = read(&options, &mappings).await.map_err(|e| failure(&e))?;
        log(&loaded);
        let by = LoadedBy::system();
        let before = last_rule_set(&*options.store).await.map_err(|e| failure(&e))?;
        let is_known = loaded.change.is_empty() && loaded.restaged.is_empty();
        if !is_known || before.as_ref() != Some(&loaded.version.word()) {
            record(&options, &loaded, before.as_deref(), &by).await.map_err(|e| failure(&e))?;
        }
        let generation = into_generation(&options, loaded);
        options.telemetry.look(&generation);
        options.telemetry.reloaded("replaced");
        let live = Arc::new(Live::new(generation));
        Ok(Arc::new(Self { options, mappings, live, turn: Mutex::new(seen) }))
    }

    /// What is in force.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.options.store
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.options.clock
    }

    pub(super) fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.options.entropy
    }

    /// Reads the files again and puts what they say in force, whole. The same files change nothing.
    ///
    /// # Errors
    /// [`Error`]; what was in force before stays.
    pub async fn reload(self: &Arc<Self>, by: &LoadedBy) -> Result<Outcome, Error> {
        let (this, by) = (Arc::clone(self), by.clone());
        to_the_end(async move { this.reload_now(&by).await }).await
    }

    async fn reload_now(&self, by: &LoadedBy) -> Result<Outcome, Error> {
        let mut seen = self.turn.lock().await;
        let reloaded = self.reload_in_turn(by, &mut seen).await;
        self.options.telemetry.reloaded(match &reloaded {
            Ok(outcome) if outcome.changed => "replaced",
            Ok(_) => "unchanged",
            Err(_) => "failed",
        });
        reloaded
    }

    async fn reload_in_turn(&self, by: &LoadedBy, seen: &mut Fingerprint) -> Result<Outcome, Error> {
        let (loaded, fingerprint) = read(&self.options, &self.mappings).await?;
        let before = self.live.current();
        let is_known = loaded.change.is_empty() && loaded.restaged.is_empty();
        let changed = loaded.version != before.version || !is_known;
        let outcome = Outcome {
            changed,
            added: loaded.change.added.iter().map(|(id, ..)| id.clone()).collect(),
            altered: loaded.change.changed.iter().map(|(id, _)| id.clone()).collect(),
            removed: loaded.change.removed.clone(),
        };
        if changed {
            log(&loaded);
            record(&self.options, &loaded, Some(&before.word), by).await?;
            let generation = into_generation(&self.options, loaded);
            self.options.telemetry.look(&generation);
            self.live.exchange(generation);
        }
        *seen = fingerprint;
        Ok(outcome)
    }

    /// Decides how far a rule's findings go.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] for a rule whose own tests fail and is to be more than shadow.
    pub async fn stage(
        self: &Arc<Self>,
        rule: &str,
        stage: Stage,
        reason: &str,
        by: &LoadedBy,
    ) -> Result<(), Error> {
        let (this, by) = (Arc::clone(self), by.clone());
        let (rule, reason) = (rule.to_owned(), reason.to_owned());
        to_the_end(async move { this.stage_now(&rule, stage, &reason, &by).await }).await
    }

    async fn stage_now(&self, rule: &str, stage: Stage, reason: &str, by: &LoadedBy) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let generation = self.live.current();
        let rule = generation.rule_by_id(rule).ok_or_else(|| Error::NotFound(rule.to_owned()))?;
        if let TestState::Failed { failed, tests } = rule.tests
            && stage != Stage::Shadow
        {
            let what =
                format!("{failed} of the {tests} tests of {} fail; mend rule or tests first", rule.rule_id);
            return Err(Error::Refused(what));
        }
        self.decide(&generation, &rule.rule_id, stage, reason, Value::Null, by).await
    }

    async fn decide(
        &self,
        generation: &Generation,
        rule_id: &str,
        stage: Stage,
        reason: &str,
        facts: Value,
        by: &LoadedBy,
    ) -> Result<(), Error> {
        let Options { store, clock, entropy, telemetry, .. } = &self.options;
        let now_ms = clock.now_ms();
        let mut unit = store.begin().await?;
        let before = unit.rules().get(rule_id).await?.map(|row| row.stage);
        let mut after = json!({ "stage": stage, "rule_set": generation.word });
        if let (Some(after), Value::Object(facts)) = (after.as_object_mut(), facts) {
            after.extend(facts);
        }
        let (object, principal) = (rule_object(rule_id), by.principal.clone());
        let audit = AuditRecord {
            before: json!({ "stage": before }),
            after,
            reason: Some(reason.to_owned()),
            origin: by.origin.clone(),
            request_id: by.request_id.clone(),
            ..AuditRecord::new(&**clock, &**entropy, principal, STAGE_ACTION, object)
        };
        unit.rules().stage(rule_id, stage, reason, now_ms, &audit).await?;
        unit.commit().await?;
        tracing::info!(rule = rule_id, stage = stage.as_str(), reason, "rule staged");
        let restaged = generation.restaged(rule_id, stage, reason);
        telemetry.look(&restaged);
        self.live.exchange(restaged);
        Ok(())
    }

    /// Sends rules back to shadow that raised more findings on one day of events than they may; how many.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn enforce_budgets(&self) -> Result<usize, Error> {
        let budgets: Vec<_> = {
            let generation = self.live.current();
            let loud = generation.all().filter(|rule| rule.decided != Stage::Shadow);
            let budget = |rule: &RuleInForce| {
                Some(RuleBudget { rule_id: rule.rule_id.clone(), findings: rule.alert_budget? })
            };
            loud.filter_map(budget).collect()
        };
        if budgets.is_empty() {
            return Ok(0);
        }
        // those that are over the limit of rows come with the next look: these are in shadow then
        let busy = self.options.store.read().await?.rules().over_budget(&budgets, BUSY_DAYS_MAX).await?;
        let mut demoted = 0;
        for day in busy {
            let _turn = self.turn.lock().await;
            let generation = self.live.current();
            let Some(rule) = generation.rule_by_id(&day.rule_id) else { continue };
            let Some(budget) = rule.alert_budget else { continue };
            if rule.decided == Stage::Shadow || day.findings <= budget {
                continue;
            }
            let date = date_of(day.day);
            let reason =
                format!("{} findings on {date}, more than its budget of {budget} a day", day.findings);
            let facts = json!({ "findings": day.findings, "day": date, "alert_budget": budget });
            self.decide(&generation, &rule.rule_id, Stage::Shadow, &reason, facts, &LoadedBy::system())
                .await?;
            self.options.telemetry.demoted.inc();
            demoted += 1;
        }
        Ok(demoted)
    }

    /// Watches files, SIGHUP and budgets until `shutdown`.
    ///
    /// # Errors
    /// When signals cannot be heard.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) -> Result<(), String> {
        let mut hangup = signal(SignalKind::hangup()).map_err(|e| format!("rules: {e}"))?;
        let interval = Duration::from_secs(self.options.config.reload_interval_s.into());
        let mut looked = *self.turn.lock().await;
        let (mut pause, mut checked_on) = (interval, i64::MIN);
        let budgets = self.watch_budgets(&shutdown);
        let files = async {
            loop {
                let waiting = async {
                    match interval.is_zero() {
                        true => std::future::pending().await,
                        false => tokio::time::sleep(pause).await,
                    }
                };
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    _ = hangup.recv() => self.reload_and_tell().await,
                    () = waiting => {
                        pause = if self.look(&mut looked, &mut checked_on).await { interval } else { SETTLE_PAUSE.min(interval) };
                    }
                }
            }
        };
        tokio::join!(budgets, files);
        Ok(())
    }

    /// Looks at the files; reloads once they are other ones and hold still. False while they go on changing.
    async fn look(self: &Arc<Self>, looked: &mut Fingerprint, checked_on: &mut i64) -> bool {
        let paths = watch::watched(&self.options.config);
        let Ok(now) = tokio::task::spawn_blocking(move || watch::fingerprint(&paths)).await else {
            return true;
        };
        let today = self.options.clock.now_ms().div_euclid(DAY_MS);
        let loaded_on = self.live.current().loaded_at_ms.div_euclid(DAY_MS);
        // filters end with their day
        let same_as_read = now == *self.turn.lock().await && (today == loaded_on || *checked_on == today);
        let steady = now == *looked;
        *looked = now;
        match (same_as_read, steady) {
            (true, _) => true,
            (false, false) => false,
            (false, true) => {
                self.reload_and_tell().await;
                *checked_on = today;
                true
            }
        }
    }

    async fn reload_and_tell(self: &Arc<Self>) {
        match self.reload(&LoadedBy::system()).await {
            Ok(outcome) if outcome.changed => tracing::info!(
                added = outcome.added.len(),
                changed = outcome.altered.len(),
                removed = outcome.removed.len(),
                "rules loaded again"
            ),
            Ok(_) => tracing::debug!("the files of rules say what they said"),
            Err(error) => tracing::error!(%error, "rules were not loaded again; what was in force stays"),
        }
    }

    async fn watch_budgets(&self, shutdown: &CancellationToken) {
        loop {
            let matched = async {
                let _ = tokio::time::timeout(BUDGETS_EVERY, self.live.matched.notified()).await;
            };
            if shutdown.run_until_cancelled(matched).await.is_none() {
                return;
            }
            match self.enforce_budgets().await {
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "alert budgets were not looked at, trying again");
                    // a store that is not there is not asked in a loop
                    let pause = tokio::time::sleep(SETTLE_PAUSE);
                    if shutdown.run_until_cancelled(pause).await.is_none() {
                        return;
                    }
                    self.live.matched.notify_one();
                }
            }
        }
    }
}

/// Runs `work` to its end, also where nobody waits for it any more: what is stored must come into force, and a request
/// may be given up between the two.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let ended = tokio::spawn(work).await;
    ended.unwrap_or_else(|error| Err(Error::Unusable(format!("the work on rules ended: {error}"))))
}

/// A day counted from 1970-01-01, as a date.
pub(crate) fn date_of(day: i64) -> String {
    let seconds = day.saturating_mul(86_400);
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| day.to_string(), |at| at.strftime("%Y-%m-%d").to_string())
}

/// Reads and compiles the configured rules, on a thread that may wait.
async fn read(options: &Options, mappings: &Arc<Mappings>) -> Result<(Loaded, Fingerprint), Error> {
    let known: Vec<RuleRow> = options.store.read().await?.rules().list().await?;
    let mappings = Arc::clone(mappings);
    let (config, now_ms) = (options.config.clone(), options.clock.now_ms());
    let policy = Policy {
        new_rule_stage: config.new_rule_stage.policy(),
        alert_budget: config.alert_budget_per_day.map(u64::from),
    };
    let reading = move || {
        let (files, seen) = watch::read_still(&config).ok_or(Error::Unsteady)?;
        let git = config.dirs.iter().filter_map(|folder| git::state_of(folder)).collect();
        let loaded = loader::load(&mappings, &files, git, &known, policy, now_ms);
        Ok((loaded, seen))
    };
    tokio::task::spawn_blocking(reading).await.map_err(|e| Error::Unusable(format!("loading ended: {e}")))?
}

/// The set of rules that was in force last, as the audit record of its load names it.
async fn last_rule_set(store: &dyn Store) -> Result<Option<String>, StoreError> {
    let filter = AuditFilter {
        object: Some(RULE_SET_OBJECT.to_owned()),
        action: Some(LOAD_ACTION.to_owned()),
        ..AuditFilter::default()
    };
    let page = store.read().await?.audit().list(&filter, &PageRequest::first(1)).await?;
    let last = page.items.first().and_then(|record| record.after["rule_set"].as_str());
    Ok(last.map(str::to_owned))
}

/// Writes what a load changes, with its record.
async fn record(
    options: &Options,
    loaded: &Loaded,
    before: Option<&str>,
    by: &LoadedBy,
) -> Result<(), StoreError> {
    let (clock, entropy) = (&*options.clock, &*options.entropy);
    let audit = AuditRecord {
        before: json!({ "rule_set": before }),
        after: loader::audit_values(loaded),
        origin: by.origin.clone(),
        request_id: by.request_id.clone(),
        ..AuditRecord::new(clock, entropy, by.principal.clone(), LOAD_ACTION, RULE_SET_OBJECT)
    };
    let mut unit = options.store.begin().await?;
    unit.rules().loaded(&loaded.change, clock.now_ms(), &audit).await?;
    let rule_set = loaded.version.word();
    for (rule_id, stage, reason) in &loaded.restaged {
        let before = unit.rules().get(rule_id).await?.map(|row| row.stage);
        let audit = AuditRecord {
            before: json!({ "stage": before }),
            after: json!({ "stage": stage, "rule_set": rule_set }),
            reason: Some(reason.clone()),
            origin: by.origin.clone(),
            request_id: by.request_id.clone(),
            ..AuditRecord::new(clock, entropy, by.principal.clone(), STAGE_ACTION, rule_object(rule_id))
        };
        unit.rules().stage(rule_id, *stage, reason, clock.now_ms(), &audit).await?;
    }
    unit.commit().await
}

fn into_generation(options: &Options, loaded: Loaded) -> Generation {
    let Loaded { engine, report, rules, version, expired, .. } = loaded;
    let engine = Arc::new(engine.with_enricher(Arc::clone(&options.enricher)));
    Generation::new(engine, report, rules, version, options.clock.now_ms()).without(expired)
}

fn log(loaded: &Loaded) {
    let LoadReport { refused, .. } = &loaded.report;
    for error in refused {
        tracing::warn!(file = %error.file, line = error.line, code = error.code.as_str(),
            reason = error.reason, "rule refused");
    }
    for (rule, stage, reason) in &loaded.restaged {
        tracing::warn!(rule, stage = stage.as_str(), reason, "rule staged");
    }
    for ended in &loaded.expired {
        tracing::warn!(
            file = ended.file,
            line = ended.line,
            expires = ended.expires,
            "filter is over; renew or remove it"
        );
    }
    let shadowed = loaded.rules.iter().flatten().filter(|rule| rule.stage == Stage::Shadow).count();
    let (rule_set, count) = (loaded.version.word(), loaded.rules.iter().map(Vec::len).sum::<usize>());
    tracing::info!(loaded = count, refused = refused.len(), shadowed, rule_set, "rules loaded");
}
