//! What comes of looking and sending.

use super::{Said, ask_person, await_end, begin_revert, end, go, is_reversible, machine, phase, plan};
use crate::connector::{ActError, Outcome};
use crate::plan::{BlastRadius, Plan};
use crate::times::Times;
use model::{Containment, ContainmentState};

/// What came of a phase; an error says that no request could be written.
type Came = Result<Outcome, ActError>;

/// Tries once more later; false if it was tried often enough.
fn again(containment: &mut Containment, problem: String, tries_max: u32, now_ms: i64, wait_ms: i64) -> bool {
    let progress = &mut containment.progress;
    progress.tries = progress.tries.saturating_add(1);
    progress.problem = Some(problem);
    containment.lease = None;
    containment.due_at_ms = Some(now_ms.saturating_add(wait_ms));
    progress.tries < tries_max
}

fn fail(containment: &mut Containment, reason: String, now_ms: i64) -> Option<Said> {
    end(containment, ContainmentState::Failed, &machine(), Some(reason.clone()), now_ms);
    Some(Said::of("containment.fail", reason))
}

/// Nobody can tell: a person is asked. What has a time-to-live is looked at again, and taken back, when that is over.
fn ask(containment: &mut Containment, reason: String, now_ms: i64, times: &Times) -> Option<Said> {
    go(containment, ContainmentState::Unknown, &machine(), Some(reason.clone()), now_ms);
    containment.progress.problem = Some(reason.clone());
    if containment.revert_at_ms.is_none() {
        containment.revert_at_ms = ttl_end_ms(containment, now_ms);
    }
    ask_person(containment, now_ms, times);
    if let Some(said) = wanted_back(containment, now_ms) {
        return Some(said);
    }
    Some(Said::of("containment.unknown", reason))
}

/// Somebody wanted it taken back while it was being applied.
fn wanted_back(containment: &mut Containment, now_ms: i64) -> Option<Said> {
    let (by, reason) = containment.progress.undo.take()?;
    begin_revert(containment, &by, &reason, now_ms);
    Some(Said::of("containment.revert", reason))
}

fn ttl_end_ms(containment: &Containment, since_ms: i64) -> Option<i64> {
    let ttl_ms = containment.ttl_ms?;
    Some(since_ms.saturating_add(i64::try_from(ttl_ms).unwrap_or(i64::MAX)))
}

/// An earlier try may have had its effect, and no look can tell: it is not sent again.
pub fn cannot_tell(containment: &mut Containment, now_ms: i64, times: &Times) -> Said {
    let reason =
        "an earlier try may have had its effect, and only its answer, which was lost, told what a look needs";
    let said = ask(containment, reason.to_owned(), now_ms, times);
    said.unwrap_or(Said { action: "containment.unknown", reason: Some(reason.to_owned()) })
}

/// Of a look right before it is applied. Nothing was sent.
pub fn looked(
    containment: &mut Containment,
    came: Result<(Outcome, Option<Plan>), ActError>,
    now_ms: i64,
    times: &Times,
) -> Option<Said> {
    match came {
        Ok((Outcome::Done(facts), Some(found))) => {
            if !plan(containment).is_some_and(|approved| is_same(&approved, &found)) {
                let reason = "things have changed since it was planned; ask again".to_owned();
                return fail(containment, reason, now_ms);
            }
            containment.facts = facts;
            phase(containment, false);
            let reason = "things are as planned".to_owned();
            go(containment, ContainmentState::Applying, &machine(), Some(reason.clone()), now_ms);
            Some(Said::of("containment.apply", reason))
        }
        Ok((Outcome::Later(reason) | Outcome::Unknown(reason), _)) => {
            let wait_ms = times.wait_ms(containment.progress.tries + 1);
            if again(containment, reason.clone(), times.apply_tries_max, now_ms, wait_ms) {
                return None;
            }
            fail(containment, reason, now_ms)
        }
        Ok((Outcome::Done(_), None)) => fail(containment, "there is no plan".to_owned(), now_ms),
        Ok((Outcome::Refused(reason) | Outcome::Partly(reason), _)) => fail(containment, reason, now_ms),
        Err(error) => fail(containment, error.to_string(), now_ms),
    }
}

/// Whether what would be done is all that was approved, and whose the target is too, in whatever order that is told. What
/// else feels it, what is known of the target besides, and notes about what changes by itself, may be other by now.
fn is_same(approved: &Plan, found: &Plan) -> bool {
    let told = |plan: &Plan| {
        let mut plan = Plan { blast_radius: BlastRadius::default(), about: Vec::new(), ..plan.clone() };
        plan.target.belongs_to.sort();
        plan.target.belongs_to.dedup();
        plan
    };
    told(approved) == told(found)
}

/// Of sending what applies it. `before`: an earlier try may have arrived.
pub fn applied(
    containment: &mut Containment,
    came: Came,
    before: bool,
    now_ms: i64,
    times: &Times,
) -> Option<Said> {
    match came {
        Ok(Outcome::Done(told)) => {
            containment.facts.extend(told);
            phase(containment, false);
            containment.revert_at_ms = ttl_end_ms(containment, now_ms);
            go(containment, ContainmentState::Applied, &machine(), None, now_ms);
            Some(wanted_back(containment, now_ms).unwrap_or(Said::of("containment.applied", None)))
        }
        Ok(Outcome::Later(reason)) => {
            containment.progress.sent = before;
            let wait_ms = times.wait_ms(containment.progress.tries + 1);
            if again(containment, reason.clone(), times.apply_tries_max, now_ms, wait_ms) {
                return None;
            }
            if before { ask(containment, reason, now_ms, times) } else { fail(containment, reason, now_ms) }
        }
        Ok(Outcome::Unknown(reason)) => {
            let wait_ms = times.wait_ms(containment.progress.tries + 1).max(times.lost_wait_ms);
            if again(containment, reason.clone(), times.apply_tries_max, now_ms, wait_ms) {
                return None;
            }
            ask(containment, reason, now_ms, times)
        }
        Ok(Outcome::Partly(reason)) => ask(containment, reason, now_ms, times),
        Ok(Outcome::Refused(reason)) if before => ask(containment, reason, now_ms, times),
        Err(error) if before => ask(containment, error.to_string(), now_ms, times),
        Ok(Outcome::Refused(reason)) => without_effect(containment, reason, now_ms),
        Err(error) => without_effect(containment, error.to_string(), now_ms),
    }
}

/// It was refused, or could not be written: nothing has happened.
fn without_effect(containment: &mut Containment, reason: String, now_ms: i64) -> Option<Said> {
    containment.progress.sent = false;
    fail(containment, reason, now_ms)
}

/// Of a look whether it took effect.
pub fn verified(containment: &mut Containment, came: Came, now_ms: i64, times: &Times) -> Option<Said> {
    let (reason, is_not) = match came {
        Ok(Outcome::Done(_)) => {
            phase(containment, false);
            go(containment, ContainmentState::Verified, &machine(), None, now_ms);
            await_end(containment, now_ms, times);
            return Some(Said::of("containment.verified", None));
        }
        Ok(Outcome::Refused(reason)) => (reason, true),
        Ok(Outcome::Partly(reason) | Outcome::Later(reason) | Outcome::Unknown(reason)) => (reason, false),
        Err(error) => (error.to_string(), false),
    };
    let wait_ms = times.wait_ms(containment.progress.tries + 1);
    if again(containment, reason.clone(), times.verify_tries_max, now_ms, wait_ms) {
        return None;
    }
    if !is_not {
        return ask(containment, format!("nobody can see whether it took effect: {reason}"), now_ms, times);
    }
    let reason = format!("it did not take effect: {reason}");
    if !is_reversible(containment) {
        return fail(containment, reason, now_ms);
    }
    containment.progress.failing = true;
    begin_revert(containment, &machine(), &reason, now_ms);
    containment.progress.problem = Some(reason.clone());
    Some(Said::of("containment.revert", reason))
}

/// Of sending what takes it back; as [`applied`].
pub fn reverted(
    containment: &mut Containment,
    came: Came,
    before: bool,
    now_ms: i64,
    times: &Times,
) -> Option<Said> {
    let (reason, wait_ms) = match came {
        Ok(Outcome::Done(told)) => {
            containment.facts.extend(told);
            let progress = &mut containment.progress;
            (progress.answered, progress.problem) = (true, None);
            containment.lease = None;
            containment.due_at_ms = Some(now_ms);
            return Some(Said::of("containment.taken_back", None));
        }
        Ok(Outcome::Unknown(reason)) => {
            (reason, times.wait_ms(containment.progress.tries + 1).max(times.lost_wait_ms))
        }
        Ok(Outcome::Partly(reason)) => (reason, times.wait_ms(containment.progress.tries + 1)),
        Ok(Outcome::Later(reason) | Outcome::Refused(reason)) => {
            containment.progress.sent = before;
            (reason, times.wait_ms(containment.progress.tries + 1))
        }
        Err(error) => return ask(containment, error.to_string(), now_ms, times),
    };
    if again(containment, reason.clone(), times.revert_tries_max, now_ms, wait_ms) {
        return None;
    }
    ask(containment, reason, now_ms, times)
}

/// Of a look whether it is taken back.
pub fn verified_revert(
    containment: &mut Containment,
    came: Came,
    now_ms: i64,
    times: &Times,
) -> Option<Said> {
    let (reason, is_in_effect) = match came {
        Ok(Outcome::Done(_)) if containment.progress.failing => {
            let reason = "it did not take effect, and was taken back".to_owned();
            return fail(containment, reason, now_ms);
        }
        Ok(Outcome::Done(_)) => {
            end(containment, ContainmentState::Reverted, &machine(), None, now_ms);
            return Some(Said::of("containment.reverted", None));
        }
        Ok(Outcome::Refused(reason)) => (reason, true),
        Ok(Outcome::Later(reason) | Outcome::Partly(reason) | Outcome::Unknown(reason)) => (reason, false),
        Err(error) => return ask(containment, error.to_string(), now_ms, times),
    };
    let wait_ms = times.wait_ms(containment.progress.tries + 1);
    let goes_on = again(containment, reason.clone(), times.revert_tries_max, now_ms, wait_ms);
    // what is still in effect after some looks is taken back once more; that looks first
    containment.progress.answered = !(is_in_effect && containment.progress.tries.is_multiple_of(4));
    if goes_on { None } else { ask(containment, reason, now_ms, times) }
}
