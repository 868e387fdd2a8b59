//! Reviews: a person looks at what automation accepted, and lets it stand or takes it back.

use crate::appeals::{behind, behind_reporter};
use crate::decision::{confirmed, overturned};
use crate::finding::finding_id;
use crate::telemetry::ReviewLabel;
use crate::{Actor, DecisionError, Error, ReportDesk};
use model::{Report, ReportId};
use ports::store::UnitOfWork;

/// A person's word on what automation accepted.
#[derive(Debug, Clone)]
pub struct ReviewRequest {
    /// Who looked.
    pub actor: Actor,
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

impl ReportDesk {
    /// Lets stand what automation accepted, or takes it back; returns the report as it is then. Nobody reviews their own
    /// report.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](ports::StoreError::NotFound), [`StoreError::Conflict`](ports::StoreError::Conflict) with the
    /// current version, [`DecisionError::NothingToReview`], [`DecisionError::OwnReport`], [`DecisionError::NotAPerson`],
    /// [`DecisionError::Text`], [`Error::Mask`].
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

    async fn review_in(&self, unit: &mut dyn UnitOfWork, request: &ReviewRequest) -> Result<Report, Error> {
        let report = self.at_version(unit, request.report, request.version).await?;
        let who = behind(unit, &request.actor.principal).await?;
        let who = who.ok_or(DecisionError::NotAPerson { what: "review what automation accepted" })?;
        if behind_reporter(unit, &report.reporter).await? == Some(who) {
            return Err(DecisionError::OwnReport.into());
        }
        let by = self.by(&request.actor, false);
        match &request.outcome {
            Review::Confirm => {
                let follows = confirmed(&report, &by)?;
                self.write(unit, follows, "report.confirm", &request.actor, None).await
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
