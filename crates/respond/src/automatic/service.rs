//! Takes findings off the log, and does what orders say.

use super::order::{Deed, Order};
use crate::actor::Actor;
use crate::contain::{ContainRequest, Grounds, REASON_CHARS_MAX};
use crate::decision::{Confidence, ReporterTier, Signal};
use crate::error::RespondError;
use crate::plan::BlastRadius;
use crate::run::StartRunRequest;
use crate::service::Responder;
use memchr::memmem;
use model::{
    AuditRecord, Comment, CommentId, ContainmentId, ContainmentState, Finding, Incident, IncidentId, Offset,
    Partition, RunId, Topic,
};
use ports::Log;
use ports::log::{LogError, Records};
use ports::store::{Counters, StoreError, StoredResponse, UnitOfWork};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The name of this consumer, on the log and in the store.
pub const CONSUMER: &str = "automation";

/// How old a finding may be to be acted on by itself, in milliseconds: what is older was missed, and is for people.
pub const AGE_MS_MAX: i64 = 15 * 60_000;

/// How long ago what a finding tells may have happened, in milliseconds: a source that is connected late, or sent anew, tells
/// of what people have dealt with long ago.
pub const EVENT_AGE_MS_MAX: i64 = 24 * 60 * 60_000;

/// How long it is remembered that an order was carried out, in milliseconds. More than a finding may be old.
const REMEMBERED_MS: i64 = 24 * 60 * 60_000;

const BATCH_BYTES_MAX: usize = 4 << 20;
/// How often it is looked whether triage has put a finding into an incident: at first, and when that takes long.
const INCIDENT_LOOK_FIRST: Duration = Duration::from_millis(25);
const INCIDENT_LOOK_LONGEST: Duration = Duration::from_secs(2);
/// Orders of one batch that are carried out at once: one system that does not answer holds up none but its own.
const ORDERS_AT_ONCE: usize = 32;
/// Looks at a system that does not answer, with doubled waits between them: about a minute.
const LOOKS_MAX: u32 = 7;
const LOOK_WAIT_FIRST: Duration = Duration::from_secs(1);
/// The pause after an error of store or log.
const ERROR_PAUSE: Duration = Duration::from_secs(2);
/// So often the log hears what retention may take.
const LOG_COMMIT_EVERY: Duration = Duration::from_secs(60);

/// What carries out orders.
#[derive(Clone)]
pub struct AutomationOptions {
    /// Where findings come from.
    pub log: Arc<dyn Log>,
    /// What asks and begins.
    pub responder: Responder,
    /// What to do; each by a name of its own.
    pub orders: Vec<Order>,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A containment was asked for: applied at once, or waiting for people.
    Asked(ContainmentId),
    /// A run began.
    Begun(RunId),
    /// Nothing was asked for, and the incident says why.
    Refused(String),
    /// The finding was too old.
    Late,
    /// It was done before, or is in effect already.
    Already,
}

impl Outcome {
    /// The name in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Asked(_) => "asked",
            Self::Begun(_) => "begun",
            Self::Refused(_) => "refused",
            Self::Late => "late",
            Self::Already => "already",
        }
    }
}

/// An order met a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Automated {
    /// Which order.
    pub order: String,
    /// The incident of the finding.
    pub incident: Option<IncidentId>,
    /// What came of it.
    pub outcome: Outcome,
}

/// Why it waits, and tries again.
#[derive(Debug, thiserror::Error)]
enum Halted {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Carries out standing orders for ever.
#[derive(Clone)]
pub struct Automation {
    options: Arc<AutomationOptions>,
}

impl Automation {
    /// One that has not begun.
    pub fn new(options: AutomationOptions) -> Self {
        Self { options: Arc::new(options) }
    }

    /// Works on one partition of findings until `shutdown`, and tells what came of each order. What was half done then is
    /// done at the next start, if it is not too late. Without orders the log is told that nothing is needed of it.
    pub async fn run(
        &self,
        partition: Partition,
        shutdown: &CancellationToken,
        tell: impl Fn(Automated) + Send + Sync,
    ) {
        let mut is_registered = false;
        loop {
            let worked = shutdown.run_until_cancelled(self.work(partition, &mut is_registered, &tell)).await;
            match worked {
                None => return,
                Some(Ok(Standing::Idle)) => return,
                Some(Ok(Standing::Goes)) => {}
                Some(Err(error)) => {
                    tracing::warn!(partition = partition.0, %error, "standing orders wait");
                    if shutdown.run_until_cancelled(tokio::time::sleep(ERROR_PAUSE)).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// Works off what is there, and waits for more.
    async fn work(
        &self,
        partition: Partition,
        is_registered: &mut bool,
        tell: &(impl Fn(Automated) + Send + Sync),
    ) -> Result<Standing, Halted> {
        let log = &self.options.log;
        if self.options.orders.is_empty() {
            log.unregister(CONSUMER, Topic::Finding, partition).await?;
            return Ok(Standing::Idle);
        }
        if !*is_registered {
            log.register(CONSUMER, Topic::Finding, partition).await?;
            *is_registered = true;
        }
        while self.step(partition, tell).await? > 0 {}
        let (_, next) = self.position(partition).await?;
        if log.committed(CONSUMER, Topic::Finding, partition).await?.is_none_or(|told| told < next) {
            log.commit(CONSUMER, Topic::Finding, partition, next).await?;
        }
        let more = log.wait_for(Topic::Finding, partition, next);
        if let Ok(there) = tokio::time::timeout(LOG_COMMIT_EVERY, more).await {
            there?;
        }
        Ok(Standing::Goes)
    }

    /// Where this consumer stands, and from where it reads on. One that is new begins at the end: orders are for what
    /// comes after them.
    async fn position(&self, partition: Partition) -> Result<(Offset, Offset), Halted> {
        let bounds = self.options.log.bounds(Topic::Finding, partition).await?;
        let store = &self.options.responder.options().store;
        let stored = store.read().await?.positions().get(CONSUMER, Topic::Finding, partition).await?;
        let Some(stored) = stored.map(|position| position.next) else {
            let mut unit = store.begin().await?;
            let start = (bounds.end, bounds.end);
            unit.positions().advance(CONSUMER, Topic::Finding, partition, start, Counters::default()).await?;
            unit.commit().await?;
            return Ok(start);
        };
        Ok((stored, stored.max(bounds.start)))
    }

    /// Takes the next records; returns how many. An order that was carried out is remembered in its own transaction, so
    /// that records that are read again do nothing again.
    async fn step(
        &self,
        partition: Partition,
        tell: &(impl Fn(Automated) + Send + Sync),
    ) -> Result<u64, Halted> {
        let (from, read_from) = self.position(partition).await?;
        let records = self.options.log.read(Topic::Finding, partition, read_from, BATCH_BYTES_MAX).await?;
        if records.is_empty() {
            return Ok(0);
        }
        let (next, accepted, findings) = self.meant(&records);
        self.carry_out_all(findings, tell).await?;
        let counters = Counters { accepted, stored: accepted, ..Counters::default() };
        let mut unit = self.options.responder.options().store.begin().await?;
        unit.positions().advance(CONSUMER, Topic::Finding, partition, (from, next), counters).await?;
        unit.commit().await?;
        Ok(accepted)
    }

    /// All orders that are for these findings, at once.
    async fn carry_out_all(
        &self,
        findings: Vec<Finding>,
        tell: &(impl Fn(Automated) + Send + Sync),
    ) -> Result<(), Halted> {
        let places = Arc::new(Semaphore::new(ORDERS_AT_ONCE));
        let mut carried = JoinSet::new();
        for finding in findings.into_iter().map(Arc::new) {
            for order in self.options.orders.iter().filter(|order| order.is_for(&finding)) {
                let (this, order) = (self.clone(), order.clone());
                let (places, finding) = (Arc::clone(&places), Arc::clone(&finding));
                carried.spawn(async move {
                    // it is closed by nobody
                    let _place = places.acquire().await;
                    this.carry_out(&order, &finding).await
                });
            }
        }
        while let Some(done) = carried.join_next().await {
            match done {
                Ok(done) => tell(done?),
                Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// The findings that some order may be for; the others are not even read as JSON.
    fn meant(&self, records: &Records) -> (Offset, u64, Vec<Finding>) {
        // ids of rules are told with letters of one case, whichever
        let spelled = self.options.orders.iter().flat_map(|order| {
            [order.rule.clone(), order.rule.to_ascii_lowercase(), order.rule.to_ascii_uppercase()]
        });
        let spelled: BTreeSet<String> = spelled.collect();
        let rules: Vec<_> = spelled.iter().map(|rule| memmem::Finder::new(rule.as_bytes())).collect();
        let (mut next, mut accepted, mut findings) = (records.first(), 0, Vec::new());
        for (offset, bytes) in records.iter() {
            (next, accepted) = (offset.next(), accepted + 1);
            if rules.iter().any(|rule| rule.find(bytes).is_some()) {
                // what is no finding is a dead letter of triage
                findings.extend(serde_json::from_slice::<Finding>(bytes).ok());
            }
        }
        (next, accepted, findings)
    }

    async fn carry_out(&self, order: &Order, finding: &Finding) -> Result<Automated, Halted> {
        let told = |incident, outcome| Automated { order: order.name.clone(), incident, outcome };
        let Some(incident) = self.incident(finding).await? else { return Ok(told(None, Outcome::Late)) };
        let id = Some(incident.id);
        if self.is_done(&key(order, &finding.id)).await? {
            return Ok(told(id, Outcome::Already));
        }
        if self.is_late(finding) {
            self.say(order, incident.id, "the finding, or what it tells of, is too old").await?;
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
        self.say(order, incident.id, &why).await?;
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
        if !reports.is_empty() {
            cause.grounds.reporter = ReporterTier::Newcomer;
        }
        cause.requesters = reports.iter().filter_map(|report| report.reporter.key()).collect();
        cause.blast_radius.services = incident.ownership.service.iter().cloned().collect();
        Ok(cause)
    }

    /// Says on the incident that nothing was asked for, and why, once: whoever relies on an order must see that it did
    /// nothing.
    async fn say(&self, order: &Order, incident: IncidentId, why: &str) -> Result<(), StoreError> {
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
        unit.commit().await
    }
}

enum Standing {
    /// There is more to come.
    Goes,
    /// There are no orders.
    Idle,
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
