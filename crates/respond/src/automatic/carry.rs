//! Carries out one order for one finding.

use super::order::{Deed, Order};
use super::service::{AGE_MS_MAX, Automated, Automation, CONSUMER, EVENT_AGE_MS_MAX, Halted, Outcome};
use crate::actor::Actor;
use crate::contain::{ContainRequest, Grounds, REASON_CHARS_MAX};
use crate::decision::{Confidence, ReporterTier, Signal};
use crate::error::RespondError;
use crate::plan::BlastRadius;
use crate::run::StartRunRequest;
use model::{
    AuditRecord, Comment, CommentId, ContainmentId, ContainmentState, Finding, Incident, IncidentId,
    LetterAbout, LetterKind,
};
use ports::store::{StoreError, StoredResponse, UnitOfWork};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long it is remembered that an order was carried out, in milliseconds. More than a finding may be old.
const REMEMBERED_MS: i64 = 24 * 60 * 60_000;
/// How often it is looked whether triage has put a finding into an incident: at first, and when that takes long.
const INCIDENT_LOOK_FIRST: Duration = Duration::from_millis(25);
const INCIDENT_LOOK_LONGEST: Duration = Duration::from_secs(2);
/// Looks at a system that does not answer, with doubled waits between them: about a minute.
const LOOKS_MAX: u32 = 7;
const LOOK_WAIT_FIRST: Duration = Duration::from_secs(1);
/// So often in an hour people are told by e-mail of what one order could not do; each time it stands on the incident.
const LETTERS_PER_HOUR_MAX: u32 = 10;

impl Automation {
    /// What comes of it.
    pub(super) async fn carry_out(&self, order: &Order, finding: &Finding) -> Result<Automated, Halted> {
        let told = |incident, outcome| Automated { order: order.name.clone(), incident, outcome };
        let Some(incident) = self.incident(finding).await? else { return Ok(told(None, Outcome::Late)) };
        let id = Some(incident.id);
        if self.is_done(&key(order, &finding.id)).await? {
            return Ok(told(id, Outcome::Already));
        }
        if self.is_late(finding) {
            self.say(order, (incident.id, &finding.region), "the finding, or what it tells of, is too old")
                .await?;
            return Ok(told(id, Outcome::Late));
        }
        let done = match &order.deed {
            Deed::Action { .. } => self.ask(order, finding, &incident).await,
            Deed::Playbook { .. } => self.begin(order, finding, &incident).await,
        };
        let why = match done {
            Ok(outcome) => return Ok(told(id, outcome)),
            // it is in effect
            Err(RespondError::Already(_)) => return Ok(told(id, Outcome::Already)),
            Err(RespondError::UnderWay(other)) => match self.in_the_way(other).await? {
                Some(why) => why,
                None => return Ok(told(id, Outcome::Already)),
            },
            Err(RespondError::Store(error)) => return Err(error.into()),
            Err(error) => error.to_string(),
        };
        self.say(order, (incident.id, &finding.region), &why).await?;
        Ok(told(id, Outcome::Refused(why)))
    }

    /// Why the same by somebody else does not do what the order is for; `None` where it is in effect, or about to be.
    async fn in_the_way(&self, other: ContainmentId) -> Result<Option<String>, StoreError> {
        use ContainmentState as S;
        let store = &self.options.responder.options().store;
        let other = store.read().await?.containments().get(other).await?;
        let Some(other) = other else { return Ok(Some("the same was under way".to_owned())) };
        let goes_on = matches!(other.state, S::Approved | S::Applying | S::Applied | S::Verified)
            && other.progress.undo.is_none();
        let state = other.state.as_str();
        Ok((!goes_on)
            .then(|| format!("somebody has asked for the same, and it is {state}: decide on that one")))
    }

    fn is_found_late(&self, finding: &Finding) -> bool {
        self.options.responder.now_ms().saturating_sub(finding.detected_at_ms) > AGE_MS_MAX
    }

    fn is_late(&self, finding: &Finding) -> bool {
        let age_ms = self.options.responder.now_ms().saturating_sub(finding.time_ms);
        self.is_found_late(finding) || age_ms > EVENT_AGE_MS_MAX
    }

    /// The incident of the finding, which is there when triage has had it too; `None` where it is too late by then. Nothing
    /// is asked for without one: who may see it, and who reported it, is known by the incident.
    async fn incident(&self, finding: &Finding) -> Result<Option<Incident>, Halted> {
        let store = &self.options.responder.options().store;
        let mut wait = INCIDENT_LOOK_FIRST;
        loop {
            let mut snapshot = store.read().await?;
            if let Some(id) = snapshot.findings().incident_of(finding.id).await? {
                return Ok(snapshot.incidents().get(id).await?);
            }
            drop(snapshot);
            if self.is_found_late(finding) {
                return Ok(None);
            }
            tokio::time::sleep(wait).await;
            wait = (wait + INCIDENT_LOOK_FIRST).min(INCIDENT_LOOK_LONGEST);
        }
    }

    async fn is_done(&self, key: &str) -> Result<bool, StoreError> {
        let responder = &self.options.responder;
        let mut snapshot = responder.options().store.read().await?;
        let kept = snapshot.idempotency().get(CONSUMER, key, responder.now_ms()).await?;
        Ok(kept.is_some())
    }

    /// Remembers in `unit` that it is done; [`StoreError::Exists`] where it was done meanwhile.
    async fn done_in(&self, unit: &mut dyn UnitOfWork, key: &str, what: &str) -> Result<(), StoreError> {
        let now_ms = self.options.responder.now_ms();
        let response = StoredResponse {
            request_sha256: Sha256::digest(key.as_bytes()).into(),
            status: 201,
            content_type: "text/plain".to_owned(),
            body: what.as_bytes().to_vec(),
            expires_at_ms: now_ms.saturating_add(REMEMBERED_MS),
        };
        unit.idempotency().put(CONSUMER, key, &response, now_ms).await
    }

    /// Asks for an action, waiting for a while for a system that does not answer.
    async fn ask(
        &self,
        order: &Order,
        finding: &Finding,
        incident: &Incident,
    ) -> Result<Outcome, RespondError> {
        let Deed::Action { action, target, inputs, ttl_ms } = &order.deed else {
            return Ok(Outcome::Already);
        };
        let cause = self.cause(incident).await?;
        let inputs = filled(inputs, finding)?;
        let request = ContainRequest {
            actor: Actor::system(),
            requesters: cause.requesters,
            action: action.clone(),
            target: target.of(finding).ok_or_else(|| RespondError::NoSubject("target".to_owned()))?,
            belongs_to: Vec::new(),
            inputs,
            ttl_ms: *ttl_ms,
            blast_radius: cause.blast_radius,
            incident: Some(incident.id),
            task: None,
            region: finding.region.clone(),
            grounds: cause.grounds,
            quorum: BTreeSet::new(),
            wait_ms: None,
            seen: None,
            reason: reason(order, finding),
        };
        let responder = &self.options.responder;
        let mut wait = LOOK_WAIT_FIRST;
        for look in 1.. {
            match responder.check_and_preview(&request).await {
                Ok(preview) => {
                    let mut unit = responder.options().store.begin().await?;
                    let made = responder.request_in(&mut *unit, &request, preview).await?;
                    self.done_in(&mut *unit, &key(order, &finding.id), &made.id.to_string()).await?;
                    unit.commit().await?;
                    return Ok(Outcome::Asked(made.id));
                }
                Err(RespondError::Later(_)) if look < LOOKS_MAX => tokio::time::sleep(wait).await,
                Err(error) => return Err(error),
            }
            wait *= 2;
        }
        Ok(Outcome::Already)
    }

    async fn begin(
        &self,
        order: &Order,
        finding: &Finding,
        incident: &Incident,
    ) -> Result<Outcome, RespondError> {
        let Deed::Playbook { text, values } = &order.deed else { return Ok(Outcome::Already) };
        let cause = self.cause(incident).await?;
        let request = StartRunRequest {
            actor: Actor::system(),
            requesters: cause.requesters,
            playbook: Arc::clone(text),
            values: filled(values, finding)?.into_iter().collect(),
            incident: Some(incident.id),
            region: finding.region.clone(),
            grounds: cause.grounds,
            limit_ms: None,
            reason: reason(order, finding),
        };
        let responder = &self.options.responder;
        let mut unit = responder.options().store.begin().await?;
        let run = responder.begin_run(&mut *unit, &request).await?;
        self.done_in(&mut *unit, &key(order, &finding.id), &run.id.to_string()).await?;
        unit.commit().await?;
        Ok(Outcome::Begun(run.id))
    }

    /// What the table of decisions is asked: the operator says that rule and source are to be relied on.
    async fn cause(&self, incident: &Incident) -> Result<Cause, RespondError> {
        let grounds = Grounds {
            confidence: Confidence::High,
            signal: Signal::Corroborated,
            reporter: ReporterTier::Regular,
        };
        let mut cause = Cause { grounds, requesters: BTreeSet::new(), blast_radius: BlastRadius::default() };
        let mut snapshot = self.options.responder.options().store.read().await?;
        let reports = snapshot.reports().of_incident(incident.id).await?;
        let now_ms = self.options.responder.options().clock.now_ms();
        for report in &reports {
            let ledger = match report.reporter.key() {
                Some(key) => snapshot.ledger().of_reporter(&key).await?,
                None => Vec::new(),
            };
            let tier = (self.options.reporter_tier)(&ledger, &report.form, now_ms);
            cause.grounds.reporter = cause.grounds.reporter.min(tier);
        }
        cause.requesters = reports.iter().filter_map(|report| report.reporter.key()).collect();
        cause.blast_radius.services = incident.ownership.service.iter().cloned().collect();
        Ok(cause)
    }

    /// Says on the incident that nothing was asked for, and why, once, and tells people of it: whoever relies on an order must
    /// see that it did nothing.
    async fn say(
        &self,
        order: &Order,
        (incident, region): (IncidentId, &str),
        why: &str,
    ) -> Result<(), StoreError> {
        let said = key(order, &format_args!("{incident}/{}", short(why)));
        if self.is_done(&said).await? {
            return Ok(());
        }
        let responder = &self.options.responder;
        let (clock, entropy) = (&*responder.options().clock, &*responder.options().entropy);
        let text = format!("The standing order {:?} asked for nothing: {why}", order.name);
        let comment = Comment {
            id: CommentId::new(clock, entropy),
            incident,
            author: "Hue & Cry".to_owned(),
            text: text.chars().take(REASON_CHARS_MAX).collect(),
            created_at_ms: responder.now_ms(),
        };
        let actor = Actor::system().principal;
        let after = json!({ "comment": comment.id, "bytes": comment.text.len() });
        let audit =
            AuditRecord { after, ..AuditRecord::new(clock, entropy, actor, "incident.comment", incident) };
        let mut unit = responder.options().store.begin().await?;
        unit.comments().add(&comment, &audit).await?;
        self.done_in(&mut *unit, &said, "said").await?;
        if self.may_write(&mut *unit, order).await? {
            let about = (LetterAbout::Incident(incident), Some(incident), region);
            let told = vec![(LetterKind::NotContained, responder.now_ms())];
            responder.write_letters(&mut *unit, about, told).await?;
        }
        unit.commit().await
    }

    /// Whether people may be told once more in this hour of what this order could not do: one that is wrong must not flood them.
    async fn may_write(&self, unit: &mut dyn UnitOfWork, order: &Order) -> Result<bool, StoreError> {
        let now_ms = self.options.responder.now_ms();
        let hour = now_ms.div_euclid(60 * 60_000);
        for place in 0..LETTERS_PER_HOUR_MAX {
            let place = key(order, &format_args!("letter/{hour}/{place}"));
            if unit.idempotency().get(CONSUMER, &place, now_ms).await?.is_none() {
                self.done_in(unit, &place, "told").await?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// As of a person's request.
struct Cause {
    grounds: Grounds,
    requesters: BTreeSet<String>,
    blast_radius: BlastRadius,
}

/// What is remembered of an order: what of, in at most some bytes.
fn key(order: &Order, of: &dyn std::fmt::Display) -> String {
    format!("{}/{of}", short(&order.name))
}

fn short(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn filled(
    wanted: &BTreeMap<String, super::Wanted>,
    finding: &Finding,
) -> Result<BTreeMap<String, String>, RespondError> {
    let missing = |name: &str| RespondError::NoSubject(name.to_owned());
    let values = wanted.iter().map(|(name, value)| {
        let value = value.of(finding).ok_or_else(|| missing(name))?;
        Ok((name.clone(), value))
    });
    values.collect()
}

fn reason(order: &Order, finding: &Finding) -> String {
    let reason = format!("standing order {:?}: {} in {}", order.name, finding.rule_title, finding.source);
    reason.chars().take(REASON_CHARS_MAX).collect()
}
