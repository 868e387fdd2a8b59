//! People's decisions on reports: each checked, versioned, and recorded in the same transaction.

use crate::appeals::{behind, behind_reporter};
use crate::corroboration::{case_of, corroborated, groups, has_telemetry};
use crate::decision::{self, By, Decided, Wanted, check_text};
use crate::decision_table::allowed;
use crate::finding::finding_id;
use crate::form::{Form, Forms};
use crate::incident::{Added, merged_text};
use crate::policy::Policy;
use crate::telemetry::DecisionLabel;
use crate::{DecisionError, Error, Feed, Telemetry};
use model::{
    AuditRecord, Clock, DecisionKind, Entropy, IncidentId, MessageFrom, MessageId, Principal, Report,
    ReportId, ReportMessage, ReportProvenance, ReportState, Severity,
};
use ports::store::{Store, StoreError, UnitOfWork};
use ports::{Blobs, Mask};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Notify;

/// What the desk works with.
#[derive(Clone)]
pub struct DeskOptions {
    /// Where reports are.
    pub store: Arc<dyn Store>,
    /// Where files are.
    pub blobs: Arc<dyn Blobs>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For ids.
    pub entropy: Arc<dyn Entropy>,
    /// What takes out of texts what is personal or secret.
    pub mask: Arc<dyn Mask>,
    /// Kinds of reports.
    pub forms: Arc<Forms>,
    /// How reports are decided.
    pub policy: Arc<Policy>,
    /// So long after a question or an answer the reporter hears again at the latest, in milliseconds.
    pub update_due_ms: i64,
    /// So long an appeal may wait, in milliseconds.
    pub appeal_due_ms: i64,
    /// Of a digest: a number smaller than this is not told.
    pub digest_k: usize,
    /// Largest file, in bytes.
    pub attachment_bytes_max: usize,
    /// Most bytes of the files of all reports without a name together.
    pub guest_bytes_max: u64,
    /// Whether what the table of automation lets be accepted is, without a person.
    pub accept_by_automation: bool,
    /// Who waits for changes of reports.
    pub feed: Feed,
    /// What is counted.
    pub telemetry: Telemetry,
}

/// Where people's decisions on reports are taken. Cheap to clone.
#[derive(Clone)]
pub struct ReportDesk {
    pub(crate) options: DeskOptions,
    /// Told when there is something to publish.
    wake: Arc<Notify>,
}

/// Who acts, and from where; for records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub principal: Principal,
    /// The address that it came from.
    pub origin: Option<String>,
    /// The request that carried it.
    pub request_id: Option<String>,
}

impl Actor {
    /// The holder of a receipt: nobody knows who, and nothing is kept of from where.
    pub const fn guest() -> Self {
        Self { principal: Principal::Guest, origin: None, request_id: None }
    }
}

/// A moderator's decision.
#[derive(Debug, Clone)]
pub struct DecisionRequest {
    /// Who decides.
    pub actor: Actor,
    /// On what.
    pub report: ReportId,
    /// The version that they saw.
    pub version: u64,
    /// What to do.
    pub kind: DecisionKind,
    /// The incident, for a merge.
    pub incident: Option<IncidentId>,
    /// How grave, for what is accepted; the form's, within the limit of the anonymous, where it is not said.
    pub severity: Option<Severity>,
    /// The reason's id, for what is declined.
    pub reason: Option<String>,
    /// To the reporter; may be empty for what is accepted or merged.
    pub note: String,
    /// What others may learn of it, for a digest; shown to nobody else.
    pub lesson: Option<String>,
    /// The template that the note was made of, for the record.
    pub template: Option<String>,
}

/// Words on a report.
#[derive(Debug, Clone)]
pub struct MessageRequest {
    /// Who speaks.
    pub actor: Actor,
    /// On what.
    pub report: ReportId,
    /// For which side.
    pub from: MessageFrom,
    /// What; it is masked.
    pub text: String,
    /// Among those who moderate only.
    pub internal: bool,
}

impl ReportDesk {
    /// A desk; `wake` is told when there is something to publish.
    pub(crate) const fn new(options: DeskOptions, wake: Arc<Notify>) -> Self {
        Self { options, wake }
    }

    /// Tells those who wait that the report changed: after a unit with an `…_in` method was committed.
    pub fn announce(&self, id: ReportId) {
        self.options.feed.tell(id);
        self.wake.notify_one();
    }

    /// The feed of changes.
    pub const fn feed(&self) -> &Feed {
        &self.options.feed
    }

    /// Takes a decision; returns the report as it is then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`] with the current version, [`DecisionError`].
    pub async fn decide(&self, request: &DecisionRequest) -> Result<Report, Error> {
        let mut unit = self.options.store.begin().await?;
        let report = self.decide_in(&mut *unit, request).await?;
        unit.commit().await?;
        self.announce(report.id);
        self.forget_dropped(&report).await;
        Ok(report)
    }

    /// As [`decide`](Self::decide), as part of a unit that the caller commits and announces, with
    /// [`forget_dropped`](Self::forget_dropped) after that.
    ///
    /// # Errors
    /// As [`decide`](Self::decide).
    pub async fn decide_in(
        &self,
        unit: &mut dyn UnitOfWork,
        request: &DecisionRequest,
    ) -> Result<Report, Error> {
        let report = self.at_version(unit, request.report, request.version).await?;
        let reporter = behind_reporter(unit.tokens(), &report.reporter).await?;
        if behind(unit.tokens(), &request.actor.principal).await?.is_some_and(|who| Some(who) == reporter) {
            return Err(DecisionError::OwnReport.into());
        }
        let report = self.weighed(unit, report).await?;
        if let Some(incident) = request.incident.filter(|_| request.kind == DecisionKind::Merge) {
            let known = unit.incidents().get(incident).await?;
            known.ok_or_else(|| StoreError::not_found("incident", incident))?;
        }
        let note = self.masked(&request.note)?;
        let form = self.options.forms.get(&report.form);
        let wanted = Wanted {
            kind: request.kind,
            incident: request.incident,
            severity: request.severity.unwrap_or_else(|| {
                decision::severity_unasked(&report, form.map_or(Severity::Low, Form::severity))
            }),
            reason: request.reason.clone(),
            note: note.clone(),
            lesson: request.lesson.as_deref().map(|lesson| self.masked(lesson)).transpose()?,
        };
        let by = self.by(&request.actor, false);
        let decided =
            decision::decide(&report, &wanted, finding_id(&report, form), &self.options.policy, &by)?;
        let report =
            self.write(unit, decided, "report.decide", &request.actor, request.template.as_deref()).await?;
        if request.kind == DecisionKind::Merge {
            self.tell_incident(unit, &request.actor, &report, merged_text(&report)).await?;
        }
        if self.is_spam(&report) {
            self.drop_files(unit, &request.actor, report.id).await?;
        }
        if request.kind == DecisionKind::Ask {
            self.say(unit, &request.actor, (report.id, &report.region), MessageFrom::Team, note, false)
                .await?;
        }
        self.options.telemetry.decided.get_or_create(&DecisionLabel { kind: request.kind.as_str() }).inc();
        Ok(report)
    }

    /// The report with what others say and what telemetry shows by now.
    async fn weighed(&self, unit: &mut dyn UnitOfWork, report: Report) -> Result<Report, Error> {
        let form = self.options.forms.get(&report.form);
        let corroborated = report.provenance.corroborated || corroborated(unit.reports(), &report).await?;
        let groups = groups(&report, form);
        let open = unit.incidents().open_in_groups(&groups).await?;
        let mut telemetry_match = report.provenance.telemetry_match;
        for incident in open {
            telemetry_match |=
                has_telemetry(unit.findings(), incident.incident.id, report.created_at_ms).await?;
        }
        let provenance = ReportProvenance { corroborated, telemetry_match, ..report.provenance };
        Ok(Report { provenance, ..report })
    }

    /// Accepts a report that the table of automation lets be accepted, where the installation wants that; says whether it was.
    pub(crate) async fn accept_by_automation(&self, id: ReportId) -> Result<bool, Error> {
        if !self.options.accept_by_automation {
            return Ok(false);
        }
        let mut unit = self.options.store.begin().await?;
        let report = self.read(&mut *unit, id).await?;
        let report = self.weighed(&mut *unit, report).await?;
        if report.state != ReportState::Received || !allowed(&case_of(&report)).may_accept {
            return Ok(false);
        }
        let actor = Actor {
            principal: Principal::System { part: "reports".to_owned() },
            origin: None,
            request_id: None,
        };
        let form = self.options.forms.get(&report.form);
        let wanted = Wanted {
            kind: DecisionKind::Accept,
            incident: None,
            severity: form.map_or(Severity::Low, Form::severity).min(allowed(&case_of(&report)).severity_max),
            reason: None,
            note: String::new(),
            lesson: None,
        };
        let by = self.by(&actor, true);
        let decided =
            decision::decide(&report, &wanted, finding_id(&report, form), &self.options.policy, &by)?;
        self.write(&mut *unit, decided, "report.decide", &actor, None).await?;
        unit.commit().await?;
        self.options.telemetry.decided.get_or_create(&DecisionLabel { kind: "accept" }).inc();
        self.options.telemetry.by_automation.inc();
        self.announce(id);
        Ok(true)
    }

    /// Says something; words of the reporter's on an open question put the report back among those that wait.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`DecisionError::Text`], [`Error::Mask`].
    pub async fn message(&self, request: &MessageRequest) -> Result<ReportMessage, Error> {
        let mut unit = self.options.store.begin().await?;
        let message = self.message_in(&mut *unit, request).await?;
        unit.commit().await?;
        self.announce(request.report);
        Ok(message)
    }

    /// As [`message`](Self::message), as part of a unit that the caller commits and announces.
    ///
    /// # Errors
    /// As [`message`](Self::message).
    pub async fn message_in(
        &self,
        unit: &mut dyn UnitOfWork,
        request: &MessageRequest,
    ) -> Result<ReportMessage, Error> {
        let report = self.read(unit, request.report).await?;
        let text = self.masked(&request.text)?;
        check_text("a message", &text)?;
        let about = (report.id, report.region.as_str());
        let internal = request.internal && request.from == MessageFrom::Team;
        let message = self.say(unit, &request.actor, about, request.from, text, internal).await?;
        match request.from {
            MessageFrom::Reporter => {
                self.hear(unit, report, &request.actor, &Added::Words(&message.text)).await?;
            }
            MessageFrom::Team if !internal && (report.unread || report.state.is_open()) => {
                let seen = decision::seen(&report, &self.by(&request.actor, false));
                self.write(unit, seen, "report.look", &request.actor, None).await?;
            }
            MessageFrom::Team => {}
        }
        Ok(message)
    }

    /// The reporter added something: what was asked is answered, and whatever was decided, somebody should look; who works on
    /// the report's incident is told there.
    pub(crate) async fn hear(
        &self,
        unit: &mut dyn UnitOfWork,
        report: Report,
        actor: &Actor,
        added: &Added<'_>,
    ) -> Result<(), Error> {
        let by = self.by(actor, false);
        let (heard, action) = match report.state {
            ReportState::NeedsInfo => (decision::answered(&report, &by), "report.answer"),
            _ => (decision::added(&report, &by), "report.add"),
        };
        let report = self.write(unit, heard, action, actor, None).await?;
        if matches!(report.state, ReportState::Accepted | ReportState::Merged) {
            self.tell_added(unit, actor, &report, added).await?;
        }
        Ok(())
    }

    /// Writes a message with its record; the words stay with the message, so that erasing them never touches the record.
    pub(crate) async fn say(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        (report, region): (ReportId, &str),
        from: MessageFrom,
        text: String,
        internal: bool,
    ) -> Result<ReportMessage, Error> {
        let message = ReportMessage {
            id: MessageId::new(&*self.options.clock, &*self.options.entropy),
            report,
            from,
            author: actor.principal.clone(),
            text,
            internal,
            region: region.to_owned(),
            at_ms: self.options.clock.now_ms(),
        };
        let mut audit = self.record(actor, "report.message", report);
        audit.after =
            json!({ "message": message.id, "from": from, "internal": internal, "bytes": message.text.len() });
        unit.report_messages().add(&message, &audit).await?;
        Ok(message)
    }

    /// The text without what is personal or secret.
    pub(crate) fn masked(&self, text: &str) -> Result<String, Error> {
        Ok(self.options.mask.mask(text)?.text)
    }

    pub(crate) async fn read(&self, unit: &mut dyn UnitOfWork, id: ReportId) -> Result<Report, StoreError> {
        unit.reports().get(id).await?.ok_or_else(|| StoreError::not_found("report", id))
    }

    pub(crate) async fn at_version(
        &self,
        unit: &mut dyn UnitOfWork,
        id: ReportId,
        version: u64,
    ) -> Result<Report, StoreError> {
        let report = self.read(unit, id).await?;
        if report.version == version {
            Ok(report)
        } else {
            Err(StoreError::Conflict { current: report.version })
        }
    }

    /// Who decides now.
    pub(crate) fn by(&self, actor: &Actor, automation: bool) -> By {
        let at_ms = self.options.clock.now_ms();
        let next_update_due_ms = at_ms.saturating_add(self.options.update_due_ms);
        By { principal: actor.principal.clone(), at_ms, next_update_due_ms, automation }
    }

    /// Writes what was decided; returns the report at its new version.
    pub(crate) async fn write(
        &self,
        unit: &mut dyn UnitOfWork,
        decided: Decided,
        action: &str,
        actor: &Actor,
        template: Option<&str>,
    ) -> Result<Report, Error> {
        let mut audit = self.record(actor, action, decided.report.id);
        audit.reason = decided.report.decision.as_ref().and_then(|decision| decision.reason.clone());
        (audit.before, audit.after) = (decided.before, decided.after);
        if let (Some(template), Value::Object(after)) = (template, &mut audit.after) {
            after.insert("template".to_owned(), json!(template));
        }
        let version = unit.reports().replace(&decided.report, &decided.ledger, &audit).await?;
        Ok(Report { version, ..decided.report })
    }

    /// A record of now that says nothing yet of before and after.
    pub(crate) fn record(&self, actor: &Actor, action: &str, object: impl ToString) -> AuditRecord {
        let (clock, entropy) = (&*self.options.clock, &*self.options.entropy);
        AuditRecord {
            origin: actor.origin.clone(),
            request_id: actor.request_id.clone(),
            ..AuditRecord::new(clock, entropy, actor.principal.clone(), action, object)
        }
    }
}
