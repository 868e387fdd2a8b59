//! What the API tells of rules and does with them.

use super::record::{self, OwnedRecord};
use super::series;
use super::service::{Error, LoadedBy, Rollout, date_of};
use super::tune::Judged;
use super::{Generation, Place, RuleInForce};
use access::Caller;
use async_trait::async_trait;
use lake::sql::Masker;
use model::{EventRef, Finding, Stage, Verdict};
use ports::store::{FindingFilter, PageRequest, RuleRow, StoreError};
use ports::{Log, Query};
use server::{
    ExpiredFilterView, Pasted, RefusedRule, Replay, RuleActivity, RuleBook, RuleCommit, RuleDayView,
    RuleExplanation, RuleSampleView, RuleState, Rules, RulesError, RulesReloaded, Tuning,
};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Days that are told of a rule.
const DAYS_MAX: u32 = 31;
/// Findings of a rule that are looked at for verdicts, the latest first.
const JUDGED_MAX: usize = 2_000;
/// Records that are looked for in the lake because the log has them no more.
const LAKE_LOOKS_MAX: usize = 50;
/// About how many other records of the sources a filter is held against.
const ORDINARY_MAX: usize = 500;

/// Filters that are made at once.
const TUNINGS_MAX: usize = 1;
/// Most bytes of records that one filter is made of, what it is held against included.
const TUNING_BYTES_MAX: usize = 64 << 20;

/// Records that are held against rules at once, for whoever may read.
const TRIALS_MAX: usize = 2;
/// Those that may wait besides.
const TRIALS_WAITING_MAX: usize = 4;

/// What whoever may read can make the server work on.
struct Trials {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// A place among the trials; it is held to the end of the work, also where nobody waits for the answer any more.
type Trial = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Trials {
    fn new() -> Self {
        let of = |permits| Arc::new(Semaphore::new(permits));
        Self { admitted: of(TRIALS_MAX + TRIALS_WAITING_MAX), running: of(TRIALS_MAX) }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`RulesError::TooManyTrials`] where too many wait already.
    async fn enter(&self) -> Result<Trial, RulesError> {
        let full = || RulesError::TooManyTrials { running: TRIALS_MAX };
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| full())?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| full())?;
        Ok((admitted, running))
    }
}

/// Rules in production, for the API.
pub(crate) struct Book {
    rollout: Arc<Rollout>,
    log: Arc<dyn Log>,
    query: Option<Arc<dyn Query>>,
    masker: Masker,
    tunings: Arc<Semaphore>,
    trials: Trials,
}

impl From<Error> for RulesError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unsteady => Self::Unsteady,
            Error::NotFound(rule) => Self::NotFound(rule),
            Error::Refused(why) => Self::Refused(why),
            Error::Store(error) => Self::Store(error),
            Error::Unusable(why) => Self::Failed(why),
        }
    }
}

fn by(caller: &Caller) -> LoadedBy {
    LoadedBy {
        principal: caller.principal.clone(),
        origin: caller.origin.clone(),
        request_id: caller.request_id.clone(),
    }
}

/// What the author of a rule or correlation says of it.
struct Written<'a> {
    title: &'a str,
    level: Option<sigma::Level>,
    status: Option<sigma::Status>,
    file: &'a str,
}

fn written<'a>(generation: &'a Generation, rule: &RuleInForce) -> Option<Written<'a>> {
    let detector = generation.engine.detector();
    Some(match rule.place {
        Place::Rule(hit) => {
            let sigma::Rule { title, level, status, file, .. } = detector.rule(hit)?;
            Written { title, level: *level, status: *status, file }
        }
        Place::Correlation(place) => {
            let one = &detector.correlations().set().get(place)?.rule;
            Written { title: &one.title, level: one.level, status: one.status, file: &one.file }
        }
    })
}

fn state(generation: &Generation, rule: &RuleInForce, row: Option<&RuleRow>) -> RuleState {
    let written = written(generation, rule);
    let written = written.as_ref();
    RuleState {
        id: rule.rule_id.clone(),
        title: written.map_or("", |written| written.title).to_owned(),
        level: written.and_then(|written| written.level).map_or("medium", sigma::Level::as_str).to_owned(),
        status: written.and_then(|written| Some(written.status?.as_str().to_owned())),
        file: written.map_or("", |written| written.file).to_owned(),
        hash: rule.hash.clone(),
        is_correlation: rule.hit().is_none(),
        stage: rule.stage.as_str(),
        decided_stage: rule.decided.as_str(),
        held_by: generation.held_by(rule).map(|member| member.rule_id.clone()),
        stage_reason: rule.reason.clone(),
        tests: rule.tests.as_str(),
        alert_budget: rule.alert_budget,
        matches: row.map_or(0, |row| row.matches),
        last_match_ms: row.and_then(|row| row.last_matched_at_ms),
        first_loaded_ms: row.map(|row| row.first_loaded_at_ms),
    }
}

fn refused(generation: &Generation) -> Vec<RefusedRule> {
    let one = |error: &sigma::RuleError| RefusedRule {
        file: error.file.to_string(),
        line: Some(u64::from(error.line)),
        reason: error.reason.clone(),
    };
    generation.report.refused.iter().map(one).collect()
}

fn ended(filter: &super::expiry::ExpiredFilter) -> ExpiredFilterView {
    let (file, line, expires) = (filter.file.clone(), u64::from(filter.line), filter.expires.clone());
    ExpiredFilterView { file, line, expires }
}

impl Book {
    pub(crate) fn new(
        rollout: Arc<Rollout>,
        log: Arc<dyn Log>,
        query: Option<Arc<dyn Query>>,
        masker: Masker,
    ) -> Self {
        Self {
            rollout,
            log,
            query,
            masker,
            tunings: Arc::new(Semaphore::new(TUNINGS_MAX)),
            trials: Trials::new(),
        }
    }

    fn generation(&self) -> Arc<Generation> {
        self.rollout.live().current()
    }

    /// The record of a finding, and where it was found.
    async fn record_of(
        &self,
        finding: &Finding,
        look_in_lake: bool,
    ) -> Result<Option<(OwnedRecord, &'static str)>, RulesError> {
        let event = EventRef { event_id: finding.event_id, position: finding.position };
        self.record_of_event(event, look_in_lake).await
    }

    /// The record of an event, and where it was found.
    async fn record_of_event(
        &self,
        EventRef { event_id, position }: EventRef,
        look_in_lake: bool,
    ) -> Result<Option<(OwnedRecord, &'static str)>, RulesError> {
        let on_log = record::from_log(&*self.log, position).await.map_err(|error| {
            tracing::error!(%error, %position, "raw record not read");
            RulesError::Log
        })?;
        if let Some(record) = on_log {
            return Ok(Some((record, "log")));
        }
        let Some(query) = self.query.as_ref().filter(|_| look_in_lake) else { return Ok(None) };
        Ok(record::from_lake(&**query, event_id).await.map(|record| (record, "lake")))
    }

    /// Makes the finding of the correlation at a place again: of the records that it names, and where those are not all
    /// that was counted, of all of its time.
    async fn replay_series(
        &self,
        (generation, place): (Arc<Generation>, usize),
        finding: &Finding,
        personal: bool,
        trial: Trial,
    ) -> Result<Replay, RulesError> {
        let trial = Arc::new(trial);
        let (own, mut found_in) = self.record_of(finding, true).await?.ok_or(RulesError::RecordGone)?;
        let mut named = vec![own];
        for (at, event) in finding.further_events.iter().enumerate() {
            let further = self.record_of_event(*event, at < LAKE_LOOKS_MAX).await?;
            if let Some((record, place)) = further {
                found_in = if place == "lake" { place } else { found_in };
                named.push(record);
            }
        }
        let made = |records: Vec<OwnedRecord>, found_in| {
            let (generation, finding) = (Arc::clone(&generation), finding.clone());
            let (masker, trial) = ((!personal).then(|| self.masker.clone()), Arc::clone(&trial));
            blocking(move || {
                let _trial = trial;
                series::replay(&generation, place, &finding, &records, found_in, masker.as_ref())
            })
        };
        let told = made(series::together(named.clone(), Vec::new()), found_in).await?;
        if !told.may_rest_on_more {
            return Ok(told.replay);
        }
        let window = series::window(&generation, place, finding);
        let others = match &self.query {
            Some(query) => record::of_window(&**query, &window).await.map_err(|unread| unread.to_string()),
            None => Err("there is no lake to ask".to_owned()),
        };
        match others {
            Ok(mut others) => {
                // what came later was not counted
                others.retain(|record| record.received_at_ms <= finding.detected_at_ms);
                Ok(made(series::together(named, others), "lake").await?.replay)
            }
            Err(why) => {
                let difference = told
                    .replay
                    .difference
                    .map(|what| format!("{what}; it names not all that it may have counted, and {why}"));
                Ok(Replay { difference, ..told.replay })
            }
        }
    }

    /// Findings of a rule that people judged, with what they said; the latest first, up to a number.
    async fn judged(&self, rule_id: &str) -> Result<Vec<(Finding, Verdict)>, StoreError> {
        let mut view = self.rollout.store().read().await?;
        let filter = FindingFilter { rule_id: Some(rule_id.to_owned()), ..FindingFilter::default() };
        let (mut judged, mut looked) = (Vec::new(), 0);
        let mut verdicts: HashMap<_, Option<Verdict>> = HashMap::new();
        let mut page = Some(PageRequest::first(500));
        while let Some(request) = page.filter(|_| looked < JUDGED_MAX) {
            let found = view.findings().list(&filter, &request).await?;
            looked += found.items.len();
            for finding in found.items {
                let Some(incident) = view.findings().incident_of(finding.id).await? else { continue };
                let verdict = match verdicts.get(&incident) {
                    Some(verdict) => *verdict,
                    None => {
                        let verdict = view.incidents().get(incident).await?.and_then(|case| case.verdict);
                        verdicts.insert(incident, verdict);
                        verdict
                    }
                };
                judged.extend(verdict.map(|verdict| (finding, verdict)));
            }
            page = found.next.map(|next| PageRequest::after(500, next));
        }
        Ok(judged)
    }

    /// The records of a rule's judged findings, at most so many bytes, with others of their sources.
    async fn judged_records(&self, rule_id: &str, bytes_max: usize) -> Result<Judged, RulesError> {
        let (mut judged, mut looks, mut bytes) = (Judged::default(), 0, 0);
        for (finding, verdict) in self.judged(rule_id).await? {
            let is_false = match verdict {
                Verdict::FalsePositive => true,
                Verdict::TruePositive => false,
                _ => continue,
            };
            if bytes >= bytes_max {
                // a true positive that is not looked at proves nothing, so the answer must say that it was not
                judged.left_out += 1;
                continue;
            }
            match self.record_of(&finding, looks < LAKE_LOOKS_MAX).await? {
                Some((record, found_in)) => {
                    looks += usize::from(found_in == "lake");
                    bytes += record.body.len();
                    if found_in == "log" && judged.ordinary.len() < ORDINARY_MAX {
                        let before = record::before(&*self.log, finding.position, &finding.source).await;
                        let before = before.unwrap_or_default();
                        bytes += before.iter().map(|record| record.body.len()).sum::<usize>();
                        judged.ordinary.extend(before);
                    }
                    match is_false {
                        true => judged.false_positives.push(record),
                        false => judged.true_positives.push(record),
                    }
                }
                None => {
                    looks += 1;
                    judged.gone += 1;
                }
            }
        }
        Ok(judged)
    }
}

#[async_trait]
impl Rules for Book {
    async fn book(&self) -> Result<RuleBook, RulesError> {
        let rows = self.rollout.store().read().await?.rules().list().await?;
        let rows: HashMap<_, _> = rows.iter().map(|row| (row.rule_id.as_str(), row)).collect();
        let generation = self.generation();
        let loaded = generation.all().map(|rule| state(&generation, rule, rows.get(&*rule.rule_id).copied()));
        let commit = |git: &super::git::GitState| RuleCommit {
            folder: git.folder.clone(),
            commit: git.commit.clone(),
            dirty: git.is_dirty,
        };
        Ok(RuleBook {
            rule_set: generation.word.clone(),
            loaded_at_ms: generation.loaded_at_ms,
            git: generation.version.git.iter().map(commit).collect(),
            loaded: loaded.collect(),
            refused: refused(&generation),
            expired_filters: generation.expired.iter().map(ended).collect(),
        })
    }

    async fn activity(&self, rule_id: &str) -> Result<RuleActivity, RulesError> {
        let generation = self.generation();
        let rule = generation.rule_by_id(rule_id).ok_or_else(|| RulesError::NotFound(rule_id.to_owned()))?;
        let mut view = self.rollout.store().read().await?;
        let row = view.rules().get(&rule.rule_id).await?;
        let day = |day: ports::store::RuleDay| RuleDayView {
            day: date_of(day.day),
            matches: day.matches,
            findings: day.findings,
        };
        let days = view.rules().days(&rule.rule_id, DAYS_MAX).await?.into_iter().map(day).collect();
        let samples = view.rules().samples(&rule.rule_id).await?.into_iter();
        let samples =
            samples.map(|(id, time_ms)| RuleSampleView { event_id: id.to_string(), time_ms }).collect();
        Ok(RuleActivity { rule: state(&generation, rule, row.as_ref()), days, samples })
    }

    async fn reload(&self, caller: &Caller) -> Result<RulesReloaded, RulesError> {
        let outcome = self.rollout.reload(&by(caller)).await?;
        let generation = self.generation();
        Ok(RulesReloaded {
            changed: outcome.changed,
            rule_set: generation.word.clone(),
            loaded: generation.all().count() as u64,
            added: outcome.added,
            altered: outcome.altered,
            removed: outcome.removed,
            refused: refused(&generation),
        })
    }

    async fn stage(
        &self,
        caller: &Caller,
        rule_id: &str,
        stage: Stage,
        reason: &str,
    ) -> Result<RuleState, RulesError> {
        self.rollout.stage(rule_id, stage, reason, &by(caller)).await?;
        Ok(self.activity(rule_id).await?.rule)
    }

    async fn replay(&self, finding: &Finding, personal: bool) -> Result<Replay, RulesError> {
        let trial = self.trials.enter().await?;
        let generation = self.generation();
        if let Some(Place::Correlation(place)) =
            generation.rule_by_id(&finding.rule_id).map(|rule| rule.place)
        {
            return self.replay_series((generation, place), finding, personal, trial).await;
        }
        let (record, found_in) = self.record_of(finding, true).await?.ok_or(RulesError::RecordGone)?;
        let finding = finding.clone();
        let masker = (!personal).then(|| self.masker.clone());
        blocking(move || {
            let _trial = trial;
            super::replay::replay(&generation, &finding, &record, found_in, masker.as_ref())
        })
        .await
    }

    async fn explain(&self, rule_id: &str, pasted: Pasted) -> Result<RuleExplanation, RulesError> {
        let generation = self.generation();
        let rule = generation.rule_by_id(rule_id).ok_or_else(|| RulesError::NotFound(rule_id.to_owned()))?;
        let rule = rule.clone();
        let trial = self.trials.enter().await?;
        blocking(move || {
            let _trial = trial;
            super::explain::explain(&generation, &rule, &pasted)
        })
        .await?
    }

    async fn tune(&self, rule_id: &str) -> Result<Tuning, RulesError> {
        let busy = |_| RulesError::Busy { running: TUNINGS_MAX };
        let permit = Arc::clone(&self.tunings).try_acquire_owned().map_err(busy)?;
        let generation = self.generation();
        let rule = generation.rule_by_id(rule_id).ok_or_else(|| RulesError::NotFound(rule_id.to_owned()))?;
        if rule.hit().is_none() {
            let what = "a filter is for a rule, and this is a correlation: tune the rules that it names";
            return Err(RulesError::Refused(what.to_owned()));
        }
        let rule = rule.clone();
        let judged = self.judged_records(&rule.rule_id, TUNING_BYTES_MAX).await?;
        let (now_ms, entropy) = (self.rollout.clock().now_ms(), Arc::clone(self.rollout.entropy()));
        let tuning = move || {
            // held to the end, also where nobody waits for the answer any more
            let _permit = permit;
            super::tune::tune(&generation, &rule, &judged, now_ms, &*entropy)
        };
        blocking(tuning).await
    }
}

/// Does work for a processor where it keeps no request waiting but its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, RulesError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| RulesError::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Waker};

    #[tokio::test]
    async fn so_many_records_are_held_against_rules_and_so_many_wait() {
        let trials = Trials::new();
        let first = trials.enter().await.unwrap();
        let _second = trials.enter().await.unwrap();
        let mut waiting: Vec<_> = (0..TRIALS_WAITING_MAX).map(|_| Box::pin(trials.enter())).collect();
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.iter_mut().all(|trial| trial.as_mut().poll(&mut context).is_pending()));
        let refused = trials.enter().await;
        assert!(matches!(refused, Err(RulesError::TooManyTrials { running: TRIALS_MAX })));
        drop(first);
        assert!(waiting[0].as_mut().poll(&mut context).is_ready(), "whoever waited first is next");
        drop(waiting.pop());
        assert!(
            Box::pin(trials.enter()).as_mut().poll(&mut context).is_pending(),
            "there is room to wait again"
        );
    }
}
