//! Appeals: somebody else looks at a decision again; and what reporters do with their own reports.

use crate::decision::{can_appeal, check_text, claimed_entry, on_appeal, said, withdrawn};
use crate::finding::finding_id;
use crate::form::Form;
use crate::{Actor, DecisionError, Error, ReportDesk};
use model::{
    Appeal, AppealBy, AppealId, AppealOutcome, AppealState, PersonId, Principal, Report, ReportId, Reporter,
    Severity, TokenId,
};
use ports::store::{LedgerChange, ReadTokens, Snapshot, StoreError, UnitOfWork};
use serde_json::json;

/// An appeal.
#[derive(Debug, Clone)]
pub struct AppealRequest {
    /// Who appeals. Whether a subject is one is for the caller to check.
    pub actor: Actor,
    /// About what.
    pub report: ReportId,
    /// For which side.
    pub by: AppealBy,
    /// Why; it is masked.
    pub reason: String,
}

/// A decision on an appeal.
#[derive(Debug, Clone)]
pub struct AppealDecisionRequest {
    /// Who decides.
    pub actor: Actor,
    /// On what.
    pub appeal: AppealId,
    /// What becomes of it.
    pub outcome: AppealOutcome,
    /// To who appealed; it is masked.
    pub explanation: String,
}

impl ReportDesk {
    /// Makes an appeal.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`DecisionError::AppealNotPossible`], [`DecisionError::AppealExists`],
    /// [`DecisionError::Text`], [`Error::Mask`].
    pub async fn appeal(&self, request: &AppealRequest) -> Result<Appeal, Error> {
        let mut unit = self.options.store.begin().await?;
        let appeal = self.appeal_in(&mut *unit, request).await?;
        unit.commit().await?;
        self.announce(request.report);
        Ok(appeal)
    }

    /// As [`appeal`](Self::appeal), as part of a unit that the caller commits and announces.
    ///
    /// # Errors
    /// As [`appeal`](Self::appeal).
    pub async fn appeal_in(
        &self,
        unit: &mut dyn UnitOfWork,
        request: &AppealRequest,
    ) -> Result<Appeal, Error> {
        let report = self.read(unit, request.report).await?;
        let now_ms = self.options.clock.now_ms();
        let earlier = unit.appeals().of_report(report.id).await?;
        let decision_at_ms = can_appeal(&report, request.by, &earlier, (now_ms, self.options.appeal_due_ms))?;
        let reason = self.masked(&request.reason)?;
        check_text("the reason of an appeal", &reason)?;
        let appeal = Appeal {
            id: AppealId::new(&*self.options.clock, &*self.options.entropy),
            report: report.id,
            by: request.by,
            appellant: request.actor.principal.clone(),
            reason,
            decision_at_ms,
            created_at_ms: now_ms,
            due_at_ms: now_ms.saturating_add(self.options.appeal_due_ms),
            state: AppealState::Open,
            outcome: None,
            explanation: None,
            decided_by: None,
            decided_at_ms: None,
            region: report.region.clone(),
        };
        let mut audit = self.record(&request.actor, "appeal.make", appeal.id);
        audit.after = json!({ "report": report.id, "by": appeal.by, "due_at_ms": appeal.due_at_ms,
            "reason_bytes": appeal.reason.len() });
        unit.appeals().add(&appeal, &audit).await?;
        self.options.telemetry.appeals.inc();
        if appeal.by == AppealBy::Subject {
            // the receipt shows the report's times: that a subject appeals is not for the reporter to see in them
            return Ok(appeal);
        }
        let waits = Report { next_update_due_ms: Some(appeal.due_at_ms), updated_at_ms: now_ms, ..report };
        let mut audit = self.record(&request.actor, "report.appeal", waits.id);
        audit.after = json!({ "appeal": appeal.id, "by": appeal.by });
        unit.reports().replace(&waits, &[], &audit).await?;
        Ok(appeal)
    }

    /// Whether that side can appeal now against what was decided.
    ///
    /// # Errors
    /// As all reads.
    pub async fn may_appeal(
        &self,
        state: &mut dyn Snapshot,
        report: &Report,
        by: AppealBy,
    ) -> Result<bool, StoreError> {
        let earlier = state.appeals().of_report(report.id).await?;
        let time = (self.options.clock.now_ms(), self.options.appeal_due_ms);
        Ok(can_appeal(report, by, &earlier, time).is_ok())
    }

    /// Decides an appeal, and takes the decision and its effects back where it is overturned; returns the report as it
    /// is then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`DecisionError::AppealDecided`], [`DecisionError::AppealSamePerson`],
    /// [`DecisionError::Text`], [`Error::Mask`].
    pub async fn decide_appeal(&self, request: &AppealDecisionRequest) -> Result<(Appeal, Report), Error> {
        let mut unit = self.options.store.begin().await?;
        let decided = self.decide_appeal_in(&mut *unit, request).await?;
        unit.commit().await?;
        self.announce(decided.1.id);
        Ok(decided)
    }

    /// As [`decide_appeal`](Self::decide_appeal), as part of a unit that the caller commits and announces.
    ///
    /// # Errors
    /// As [`decide_appeal`](Self::decide_appeal).
    pub async fn decide_appeal_in(
        &self,
        unit: &mut dyn UnitOfWork,
        request: &AppealDecisionRequest,
    ) -> Result<(Appeal, Report), Error> {
        let found = unit.appeals().get(request.appeal).await?;
        let appeal = found.ok_or_else(|| StoreError::not_found("appeal", request.appeal))?;
        if appeal.state == AppealState::Decided {
            return Err(DecisionError::AppealDecided.into());
        }
        let report = self.read(unit, appeal.report).await?;
        self.check_other_person(unit, &request.actor.principal, &report, &appeal).await?;
        let explanation = self.masked(&request.explanation)?;
        let by = self.by(&request.actor, false);
        let grave = (self.severity_after(&report), explanation.as_str());
        let (policy, form) = (&self.options.policy.version, self.options.forms.get(&report.form));
        let finding = finding_id(&report, form);
        let follows = on_appeal(&report, &appeal, request.outcome, grave, finding, policy, &by)?;
        let decided = Appeal {
            state: AppealState::Decided,
            outcome: Some(request.outcome),
            explanation: Some(explanation),
            decided_by: Some(request.actor.principal.clone()),
            decided_at_ms: Some(by.at_ms),
            ..appeal
        };
        let mut audit = self.record(&request.actor, "appeal.decide", decided.id);
        audit.before = json!({ "state": AppealState::Open });
        audit.after =
            json!({ "state": AppealState::Decided, "outcome": request.outcome, "report": report.id });
        unit.appeals().decide(&decided, &audit).await?;
        let report = match follows {
            Some(follows) => {
                let text = format!(
                    "Report {} no longer counts for this incident: an appeal was granted.",
                    report.id
                );
                self.tell_incident(unit, &request.actor, &report, text).await?;
                self.options.telemetry.overturned.inc();
                self.write(unit, follows, "report.overturn", &request.actor, None).await?
            }
            None if decided.by == AppealBy::Subject => report,
            None => {
                let stays = Report { next_update_due_ms: None, updated_at_ms: by.at_ms, ..report };
                let mut audit = self.record(&request.actor, "report.uphold", stays.id);
                audit.after = json!({ "appeal": decided.id });
                let version = unit.reports().replace(&stays, &[], &audit).await?;
                Report { version, ..stays }
            }
        };
        Ok((decided, report))
    }

    /// How grave a report is that an appeal has accepted.
    fn severity_after(&self, report: &Report) -> Severity {
        let form = self.options.forms.get(&report.form);
        form.map_or(Severity::Low, Form::severity)
    }

    /// Neither who decided or confirmed that, nor who appeals, nor who reported decides the appeal, by whatever token of theirs.
    async fn check_other_person(
        &self,
        unit: &mut dyn UnitOfWork,
        decider: &Principal,
        report: &Report,
        appeal: &Appeal,
    ) -> Result<(), Error> {
        let decider = behind(unit.tokens(), decider).await?;
        let mut involved = vec![behind(unit.tokens(), &appeal.appellant).await?];
        for by in deciders(report) {
            involved.push(behind(unit.tokens(), by).await?);
        }
        involved.push(behind_reporter(unit.tokens(), &report.reporter).await?);
        if decider.is_none() || involved.contains(&decider) {
            return Err(DecisionError::AppealSamePerson.into());
        }
        Ok(())
    }

    /// Takes a report back that nobody has decided.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`DecisionError::Decided`].
    pub async fn withdraw(&self, actor: &Actor, id: ReportId) -> Result<Report, Error> {
        let mut unit = self.options.store.begin().await?;
        let report = self.withdraw_in(&mut *unit, actor, id).await?;
        unit.commit().await?;
        self.announce(id);
        Ok(report)
    }

    /// As [`withdraw`](Self::withdraw), as part of a unit that the caller commits and announces.
    ///
    /// # Errors
    /// As [`withdraw`](Self::withdraw).
    pub async fn withdraw_in(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        id: ReportId,
    ) -> Result<Report, Error> {
        let report = self.read(unit, id).await?;
        let withdrawn = withdrawn(&report, &self.by(actor, false))?;
        self.write(unit, withdrawn, "report.withdraw", actor, None).await
    }

    /// Makes an anonymous report somebody's, who has its receipt and is signed in. Done again by the same person it
    /// changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown secret, [`DecisionError::ClaimNotPossible`],
    /// [`DecisionError::NotAPerson`].
    pub async fn claim(&self, actor: &Actor, secret_sha256: &[u8; 32]) -> Result<Report, Error> {
        let mut unit = self.options.store.begin().await?;
        let report = self.claim_in(&mut *unit, actor, secret_sha256).await?;
        unit.commit().await?;
        self.announce(report.id);
        Ok(report)
    }

    /// As [`claim`](Self::claim), as part of a unit that the caller commits and announces.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    pub async fn claim_in(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        secret_sha256: &[u8; 32],
    ) -> Result<Report, Error> {
        let person = person_of(actor, "claim a report")?;
        let found = unit.reports().by_receipt(secret_sha256).await?;
        let report = found.ok_or_else(|| StoreError::not_found("report of that", "receipt"))?;
        let owner = Reporter::Person { id: person };
        if report.reporter == owner {
            return Ok(report);
        }
        if report.reporter != Reporter::Anonymous {
            return Err(DecisionError::ClaimNotPossible.into());
        }
        let claimed =
            Report { reporter: owner, claimed: true, updated_at_ms: self.options.clock.now_ms(), ..report };
        let entry = if has_decided(unit, &claimed, person).await? {
            // nobody raises their own reputation
            None
        } else {
            claimed_entry(&claimed, &self.options.policy).map(LedgerChange::Add)
        };
        let ledger: Vec<LedgerChange> = entry.into_iter().collect();
        let mut audit = self.record(actor, "report.claim", claimed.id);
        audit.before = json!({ "reporter": "anonymous" });
        audit.after = json!({ "reporter": person });
        let version = unit.reports().replace(&claimed, &ledger, &audit).await?;
        tracing::debug!(state = ?said(&claimed), "a report was claimed");
        Ok(Report { version, ..claimed })
    }
}

/// The person who acts.
pub(crate) fn person_of(actor: &Actor, what: &'static str) -> Result<PersonId, DecisionError> {
    match &actor.principal {
        Principal::Person { id, .. } => id.parse().map_err(|_| DecisionError::NotAPerson { what }),
        _ => Err(DecisionError::NotAPerson { what }),
    }
}

/// Who stands for what was decided of the report: who took the decision, and who let it stand when automation did.
fn deciders(report: &Report) -> impl Iterator<Item = &Principal> {
    let decision = report.decision.as_ref();
    let confirmed = decision.and_then(|decision| decision.confirmed.as_ref());
    decision.map(|decision| &decision.by).into_iter().chain(confirmed.map(|confirmed| &confirmed.by))
}

/// Whether that person decided the report or an appeal about it, by whatever token of theirs.
async fn has_decided(
    unit: &mut dyn UnitOfWork,
    report: &Report,
    person: PersonId,
) -> Result<bool, StoreError> {
    let judges =
        unit.appeals().of_report(report.id).await?.into_iter().filter_map(|appeal| appeal.decided_by);
    let mut all: Vec<Principal> = judges.collect();
    all.extend(deciders(report).cloned());
    let person = Some(person.to_string());
    for decider in &all {
        if behind(unit.tokens(), decider).await? == person {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whose report it is: the person, also by a token of theirs; else the token; nobody for the anonymous.
pub(crate) async fn behind_reporter(
    tokens: &mut dyn ReadTokens,
    reporter: &Reporter,
) -> Result<Option<String>, StoreError> {
    match reporter {
        Reporter::Anonymous => Ok(None),
        Reporter::Person { id } => Ok(Some(id.to_string())),
        Reporter::Token { id, .. } => behind_token(tokens, *id).await.map(Some),
    }
}

/// The person whose token it is; else the token.
async fn behind_token(tokens: &mut dyn ReadTokens, id: TokenId) -> Result<String, StoreError> {
    let person = tokens.get(id).await?.and_then(|token| token.person);
    Ok(person.map_or_else(|| id.to_string(), |person| person.to_string()))
}

/// Whose deed it is: the person, also by a token of theirs; else the token or account; nobody for a guest or a machine.
pub(crate) async fn behind(
    tokens: &mut dyn ReadTokens,
    principal: &Principal,
) -> Result<Option<String>, StoreError> {
    Ok(match principal {
        Principal::Person { id, .. } => Some(id.clone()),
        Principal::Token { id, .. } => Some(match id.parse() {
            Ok(id) => behind_token(tokens, id).await?,
            Err(_) => id.clone(),
        }),
        Principal::Local { account } => Some(format!("local:{account}")),
        Principal::System { .. } | Principal::Guest | Principal::Erased | Principal::Withheld => None,
    })
}
