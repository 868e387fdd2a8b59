//! Of which changes people are told.

use super::courier::GIVE_UP_MS;
use crate::error::RespondError;
use crate::service::Responder;
use model::{
    Containment, ContainmentState, IncidentId, Letter, LetterAbout, LetterId, LetterKind, LetterState,
    RunStep, StepState,
};
use ports::store::UnitOfWork;

/// How long before the end of the time to approve people are reminded, in milliseconds; a quarter of that time, if that is
/// less.
const REMIND_BEFORE_MS: i64 = 15 * 60_000;
/// Less is no reminder: who reads it could do nothing about it.
const REMIND_BEFORE_MS_MIN: i64 = 60_000;

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

impl Responder {
    /// Writes letters with the change that they tell of.
    pub(crate) async fn write_letters(
        &self,
        unit: &mut dyn UnitOfWork,
        (about, incident, region): (LetterAbout, Option<IncidentId>, &str),
        occasions: Vec<(LetterKind, i64)>,
    ) -> Result<(), RespondError> {
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
        Ok(unit.letters().add(&letters).await?)
    }
}
