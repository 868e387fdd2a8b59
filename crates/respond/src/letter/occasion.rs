//! Of which changes people are told.

use super::courier::GIVE_UP_MS;
use crate::actor::Actor;
use crate::service::Responder;
use model::{
    Containment, ContainmentState, IncidentId, Letter, LetterAbout, LetterId, LetterKind, LetterState, Run,
    RunState, RunStep, StepState,
};
use ports::store::{StoreError, StoredResponse, UnitOfWork};
use sha2::{Digest, Sha256};

/// How long before the end of the time to approve people are reminded, in milliseconds; a quarter of that time, if that is
/// less.
const REMIND_BEFORE_MS: i64 = 15 * 60_000;
/// Less is no reminder: who reads it could do nothing about it.
const REMIND_BEFORE_MS_MIN: i64 = 60_000;
/// For how long an action that contains by itself is told of once for each incident, in milliseconds.
const ONCE_MS: i64 = 60 * 60_000;
/// By whose name it is kept what was told.
const KEEPER: &str = "letters";

/// What is told of a change of a containment, and when; `action` is that of its audit record.
pub(crate) fn of_containment(
    containment: &Containment,
    before: ContainmentState,
    action: Option<&str>,
) -> Vec<(LetterKind, i64)> {
    use ContainmentState as S;
    let (state, now_ms) = (containment.state, containment.updated_at_ms);
    match action {
        Some("containment.break_glass") => return vec![(LetterKind::BrokenGlass, now_ms)],
        Some("containment.ending") => return vec![(LetterKind::Ending, now_ms)],
        Some("containment.remind") => return vec![(LetterKind::Unknown, now_ms)],
        _ if state == before => return Vec::new(),
        _ => {}
    }
    let by_itself = containment.decision.people == 0;
    match state {
        S::AwaitingApproval => {
            let mut all = vec![(LetterKind::ApprovalAsked, now_ms)];
            let expires_at_ms = containment.decision.expires_at_ms;
            let before_ms = REMIND_BEFORE_MS.min(expires_at_ms.saturating_sub(now_ms) / 4);
            if before_ms >= REMIND_BEFORE_MS_MIN {
                all.push((LetterKind::ApprovalEnding, expires_at_ms - before_ms));
            }
            all
        }
        // one that a person has looked at is known to that person
        S::Verified if by_itself && before == S::Applied => vec![(LetterKind::Contained, now_ms)],
        S::Failed | S::Expired if by_itself => vec![(LetterKind::NotContained, now_ms)],
        S::Unknown => vec![(LetterKind::Unknown, now_ms)],
        _ => Vec::new(),
    }
}

/// What is told of steps of a run that have changed: that nobody can tell what came of one. Where that is so of a containment, it
/// is told of that.
pub(crate) fn of_steps(steps: &[RunStep], now_ms: i64) -> Vec<(LetterKind, i64)> {
    let is_unknown = |step: &RunStep| step.state == StepState::Unknown && step.containment.is_none();
    steps.iter().any(is_unknown).then_some((LetterKind::StepUnknown, now_ms)).into_iter().collect()
}

/// What is told of a run that has ended: that one which began by itself has failed. One that another run has called is that one's
/// to tell.
pub(crate) fn of_run(run: &Run, now_ms: i64) -> Option<(LetterKind, i64)> {
    let by_itself = run.requester == Actor::system().principal && run.parent.is_none();
    (by_itself && run.state == RunState::Failed).then_some((LetterKind::NotContained, now_ms))
}

impl Responder {
    /// As [`write_letters`](Self::write_letters) for a run, once for each kind.
    pub(crate) async fn write_letters_once(
        &self,
        unit: &mut dyn UnitOfWork,
        run: &Run,
        mut occasions: Vec<(LetterKind, i64)>,
    ) -> Result<(), StoreError> {
        let about = LetterAbout::Run(run.id);
        if occasions.iter().any(|(kind, _)| *kind == LetterKind::NotContained) {
            let written = unit.letters().about(about).await?;
            let is_written = written.iter().any(|letter| letter.kind == LetterKind::NotContained);
            occasions.retain(|(kind, _)| *kind != LetterKind::NotContained || !is_written);
        }
        self.write_letters(unit, (about, run.incident, &run.region), occasions).await
    }

    /// Leaves out what would be told too often: that the same action has contained something by itself for the same incident.
    pub(crate) async fn told_seldom(
        &self,
        unit: &mut dyn UnitOfWork,
        containment: &Containment,
        occasions: &mut Vec<(LetterKind, i64)>,
    ) -> Result<(), StoreError> {
        let Some(incident) = containment.incident else { return Ok(()) };
        if !occasions.iter().any(|(kind, _)| *kind == LetterKind::Contained) {
            return Ok(());
        }
        let (now_ms, of) = (self.now_ms(), Sha256::digest(containment.action.as_bytes()));
        let key = format!("contained/{incident}/{}", crate::plan::PlanHash(of.into()));
        if unit.idempotency().get(KEEPER, &key, now_ms).await?.is_some() {
            occasions.retain(|(kind, _)| *kind != LetterKind::Contained);
            return Ok(());
        }
        let told = StoredResponse {
            request_sha256: of.into(),
            status: 201,
            content_type: "text/plain".to_owned(),
            body: Vec::new(),
            expires_at_ms: now_ms.saturating_add(ONCE_MS),
        };
        unit.idempotency().put(KEEPER, &key, &told, now_ms).await
    }

    /// Writes letters with the change that they tell of.
    pub(crate) async fn write_letters(
        &self,
        unit: &mut dyn UnitOfWork,
        (about, incident, region): (LetterAbout, Option<IncidentId>, &str),
        occasions: Vec<(LetterKind, i64)>,
    ) -> Result<(), StoreError> {
        if occasions.is_empty() {
            return Ok(());
        }
        let (now_ms, clock, entropy) = (self.now_ms(), &*self.options.clock, &*self.options.entropy);
        let letter = |(kind, due_at_ms): (LetterKind, i64)| Letter {
            id: LetterId::new(clock, entropy),
            region: region.to_owned(),
            kind,
            about,
            incident,
            person: None,
            state: LetterState::Waiting,
            tries: 0,
            problem: None,
            due_at_ms: Some(due_at_ms),
            give_up_at_ms: due_at_ms.saturating_add(GIVE_UP_MS),
            lease: None,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        };
        let letters: Vec<Letter> = occasions.into_iter().map(letter).collect();
        unit.letters().add(&letters).await
    }
}
