//! Reviews: a person looks at what automation accepted, and lets it stand or takes it back.

use crate::appeals::{behind, behind_reporter};
use crate::decision::{confirmed, overturned};
use crate::finding::finding_id;
use crate::telemetry::ReviewLabel;
use crate::{Actor, DecisionError, Error, ReportDesk};
use model::{Appeal, AppealBy, AppealState, Principal, Report, ReportId};
use ports::store::{ReadTokens, Snapshot, StoreError, UnitOfWork};

/// A person's word on what automation accepted.
#[derive(Debug, Clone)]
pub struct ReviewRequest {
    /// Who looked.
    pub actor: Actor,
    /// Whether they answer for the service that it is about, which is for the caller to know: then it is not theirs to review.
    pub answers_for_service: bool,
    /// At what.
    pub report: ReportId,
    /// The version that they saw.
    pub version: u64,
    /// What they say.
    pub outcome: Review,
}

/// What a review comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Review {
    /// It stands.
    Confirm,
    /// It is taken back with all that followed from it, as an appeal that is granted would.
    Overturn {
        /// To the reporter; it is masked.
        explanation: String,
    },
}

impl Review {
    /// The name in metrics.
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Confirm => "confirmed",
            Self::Overturn { .. } => "overturned",
        }
    }
}

/// What somebody's review of a report may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MayReview {
    /// That it stands.
    pub confirm: bool,
    /// That it is taken back.
    pub overturn: bool,
}

impl ReportDesk {
    /// Lets stand what automation accepted, or takes it back; returns the report as it is then. Nobody reviews their own
    /// report, what they appealed against, or what is about their service. While its subject's appeal is open it is taken back
    /// by a decision on that only.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](ports::StoreError::NotFound), [`StoreError::Conflict`](ports::StoreError::Conflict) with the
    /// current version, [`DecisionError::NothingToReview`], [`DecisionError::OwnReport`], [`DecisionError::Involved`],
    /// [`DecisionError::AppealOpen`], [`DecisionError::NotAPerson`], [`DecisionError::Text`], [`Error::Mask`].
    pub async fn review(&self, request: &ReviewRequest) -> Result<Report, Error> {
        let mut unit = self.options.store.begin().await?;
        let report = self.review_in(&mut *unit, request).await?;
        unit.commit().await?;
        self.options
            .telemetry
            .reviewed
            .get_or_create(&ReviewLabel { outcome: request.outcome.as_str() })
            .inc();
        self.announce(report.id);
        Ok(report)
    }

    /// What a review of the report by `who` could come to now; `answers_for_service` as of a [`ReviewRequest`].
    ///
    /// # Errors
    /// As all reads.
    pub async fn may_review(
        &self,
        state: &mut dyn Snapshot,
        report: &Report,
        who: &Principal,
        answers_for_service: bool,
    ) -> Result<MayReview, StoreError> {
        if !report.awaits_review() {
            return Ok(MayReview::default());
        }
        let appeals = state.appeals().of_report(report.id).await?;
        let barred = barred(state.tokens(), report, &appeals, (who, answers_for_service)).await?;
        let confirm = barred.is_none();
        Ok(MayReview { confirm, overturn: confirm && !subject_waits(report, &appeals) })
    }

    async fn review_in(&self, unit: &mut dyn UnitOfWork, request: &ReviewRequest) -> Result<Report, Error> {
        let report = self.at_version(unit, request.report, request.version).await?;
        let appeals = unit.appeals().of_report(report.id).await?;
        let who = (&request.actor.principal, request.answers_for_service);
        if let Some(why) = barred(unit.tokens(), &report, &appeals, who).await? {
            return Err(why.into());
        }
        let by = self.by(&request.actor, false);
        match &request.outcome {
            Review::Confirm => {
                let follows = confirmed(&report, &by)?;
                self.write(unit, follows, "report.confirm", &request.actor, None).await
            }
            Review::Overturn { .. } if report.awaits_review() && subject_waits(&report, &appeals) => {
                Err(DecisionError::AppealOpen.into())
            }
            Review::Overturn { explanation } => {
                let explanation = self.masked(explanation)?;
                let finding = finding_id(&report, self.options.forms.get(&report.form));
                let policy = &self.options.policy.version;
                let follows = overturned(&report, &explanation, finding, policy, &by)?;
                let text = format!(
                    "Report {} no longer counts for this incident: automation had accepted it, and a person did not agree.",
                    report.id
                );
                self.tell_incident(unit, &request.actor, &report, text).await?;
                self.write(unit, follows, "report.overturn", &request.actor, None).await
            }
        }
    }
}

/// Why it is not theirs to review the report, by whatever token; `None` if it is.
async fn barred(
    tokens: &mut dyn ReadTokens,
    report: &Report,
    appeals: &[Appeal],
    (who, answers_for_service): (&Principal, bool),
) -> Result<Option<DecisionError>, StoreError> {
    let Some(who) = behind(tokens, who).await? else {
        return Ok(Some(DecisionError::NotAPerson { what: "review what automation accepted" }));
    };
    if behind_reporter(tokens, &report.reporter).await?.as_ref() == Some(&who) {
        return Ok(Some(DecisionError::OwnReport));
    }
    if answers_for_service {
        return Ok(Some(DecisionError::Involved));
    }
    for appeal in appeals {
        if behind(tokens, &appeal.appellant).await?.as_ref() == Some(&who) {
            return Ok(Some(DecisionError::Involved));
        }
    }
    Ok(None)
}

/// Whether the subject's appeal against what was decided is open.
fn subject_waits(report: &Report, appeals: &[Appeal]) -> bool {
    let decided_at_ms = report.decision.as_ref().map(|decision| decision.at_ms);
    let waits = |appeal: &Appeal| appeal.by == AppealBy::Subject && appeal.state == AppealState::Open;
    appeals.iter().any(|appeal| waits(appeal) && Some(appeal.decision_at_ms) == decided_at_ms)
}
