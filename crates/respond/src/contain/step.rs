//! What comes next for a containment, and what comes of it: pure, so that every way can be tried.

mod outcome;

pub use outcome::{applied, cannot_tell, looked, reverted, verified, verified_revert};

use crate::approval::{Delegation, Request, Standing, Vote, Voter};
use crate::error::RespondError;
use crate::impact::Reversibility;
use crate::plan::{Plan, PlanHash};
use crate::times::Times;
use model::{
    Containment, ContainmentState, ContainmentVote, Principal, Progress, Transition, VoteDelegation,
};

/// Most steps that a row tells. Of more, the earliest and the latest stay; the audit log has all.
pub const HISTORY_MAX: usize = 200;

/// The one next thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The time to decide, or to apply, is over.
    Expire,
    /// Look whether things are as planned.
    Look,
    /// Send what applies it; look first if it may have been sent.
    Apply,
    /// Look whether it took effect.
    Verify,
    /// Its time is over, or nobody can tell and it is to be taken back.
    BeginRevert,
    /// Send what takes it back; look first if that may have been sent.
    Revert,
    /// Look whether it is taken back.
    VerifyRevert,
    /// Tell people that its time ends soon.
    TellEnd,
    /// Tell people again that nobody can tell.
    Remind,
}

/// What is recorded of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The action of the audit record.
    pub action: &'static str,
    /// Why, in words.
    pub reason: Option<String>,
}

impl Said {
    fn of(action: &'static str, reason: impl Into<Option<String>>) -> Self {
        Self { action, reason: reason.into() }
    }
}

/// The one next thing of what is due at `now_ms`.
pub fn next(containment: &Containment, now_ms: i64, times: &Times) -> Next {
    use ContainmentState as S;
    let progress = &containment.progress;
    match containment.state {
        S::Planned | S::AwaitingApproval => Next::Expire,
        S::Approved | S::Applying if !progress.sent && now_ms >= apply_by_ms(containment, times) => {
            Next::Expire
        }
        S::Approved => Next::Look,
        S::Applying => Next::Apply,
        S::Applied => Next::Verify,
        S::Verified if !ttl_is_over(containment, now_ms) => Next::TellEnd,
        S::Verified => Next::BeginRevert,
        S::Reverting if progress.answered => Next::VerifyRevert,
        S::Reverting => Next::Revert,
        S::Unknown
            if is_reversible(containment) && (progress.reverting || ttl_is_over(containment, now_ms)) =>
        {
            Next::BeginRevert
        }
        S::Unknown | S::Reverted | S::Denied | S::Expired | S::Failed | S::Cancelled => Next::Remind,
    }
}

/// An approval is for now.
fn apply_by_ms(containment: &Containment, times: &Times) -> i64 {
    let approved = containment.history.iter().rev().find(|step| step.state == ContainmentState::Approved);
    approved.map_or(i64::MIN, |step| step.at_ms.saturating_add(times.apply_within_ms))
}

fn ttl_is_over(containment: &Containment, now_ms: i64) -> bool {
    containment.revert_at_ms.is_some_and(|at_ms| at_ms <= now_ms)
}

/// Whether it can be taken back, by the plan.
pub fn is_reversible(containment: &Containment) -> bool {
    plan(containment).is_some_and(|plan| plan.reversibility == Reversibility::Reversible)
}

fn plan(containment: &Containment) -> Option<Plan> {
    serde_json::from_value(containment.plan.clone()).ok()
}

fn machine() -> Principal {
    crate::actor::Actor::system().principal
}

fn go(
    containment: &mut Containment,
    state: ContainmentState,
    by: &Principal,
    reason: Option<String>,
    now_ms: i64,
) {
    containment.state = state;
    note(containment, by, reason, now_ms);
    containment.lease = None;
    containment.due_at_ms = Some(now_ms);
}

/// A line of the history, where it stands.
fn note(containment: &mut Containment, by: &Principal, reason: Option<String>, now_ms: i64) {
    if containment.history.len() >= HISTORY_MAX {
        containment.history.remove(HISTORY_MAX / 2);
    }
    let state = containment.state;
    containment.history.push(Transition { state, at_ms: now_ms, by: by.clone(), reason });
}

/// A new phase: nothing of it was tried yet. What people want, and what they did, stays.
fn phase(containment: &mut Containment, reverting: bool) {
    let old = std::mem::take(&mut containment.progress);
    containment.progress = Progress {
        reverting,
        failing: old.failing,
        undo: old.undo,
        broken_glass: old.broken_glass,
        ..Progress::default()
    };
}

/// It begins: it is planned.
pub fn begin(containment: &mut Containment, now_ms: i64) {
    let (by, reason) = (containment.requester.clone(), containment.reason.clone());
    go(containment, ContainmentState::Planned, &by, Some(reason), now_ms);
}

/// Whoever decides is known: it is approved, or people are asked.
pub fn decided(containment: &mut Containment, by: &Principal, now_ms: i64) {
    if containment.decision.people == 0 {
        let reason = "the table of decisions lets it be applied by itself".to_owned();
        return approve(containment, by, Some(reason), now_ms);
    }
    go(containment, ContainmentState::AwaitingApproval, by, None, now_ms);
    containment.due_at_ms = Some(containment.decision.expires_at_ms);
}

/// It may be applied.
pub fn approve(containment: &mut Containment, by: &Principal, reason: Option<String>, now_ms: i64) {
    phase(containment, false);
    go(containment, ContainmentState::Approved, by, reason, now_ms);
}

/// It ends.
pub fn end(
    containment: &mut Containment,
    state: ContainmentState,
    by: &Principal,
    reason: Option<String>,
    now_ms: i64,
) {
    if reason.is_some() && by == &machine() {
        containment.progress.problem.clone_from(&reason);
    }
    go(containment, state, by, reason, now_ms);
    containment.due_at_ms = None;
}

/// Nobody decided in time, or it was not applied in time.
pub fn expire(containment: &mut Containment, now_ms: i64) -> Said {
    let reason = match containment.state {
        ContainmentState::Planned | ContainmentState::AwaitingApproval => {
            "nobody said enough in time: that is a no"
        }
        _ => "it was not applied in time; ask again",
    };
    end(containment, ContainmentState::Expired, &machine(), Some(reason.to_owned()), now_ms);
    Said::of("containment.expire", reason.to_owned())
}

/// It is to be taken back. Where nobody can tell what is so, that is looked at first.
pub fn begin_revert(containment: &mut Containment, by: &Principal, reason: &str, now_ms: i64) {
    let may_have_been_sent = containment.state == ContainmentState::Unknown;
    phase(containment, true);
    containment.progress.sent = may_have_been_sent;
    go(containment, ContainmentState::Reverting, by, Some(reason.to_owned()), now_ms);
}

/// Its time is over; or it could not be taken back, and is tried once more.
pub fn revert_due(containment: &mut Containment, now_ms: i64, times: &Times) -> Said {
    let again = containment.state == ContainmentState::Unknown;
    let reason =
        if again { "looking again, and taking it back if it is in effect" } else { "its time is over" };
    let reminders = containment.progress.reminders;
    begin_revert(containment, &machine(), reason, now_ms);
    if again {
        // one try: the next is when people are reminded
        containment.progress.tries = times.revert_tries_max.saturating_sub(1);
        containment.progress.reminders = reminders.saturating_add(1);
    }
    Said::of("containment.revert", reason.to_owned())
}

/// People are told again that nobody can tell.
pub fn remind(containment: &mut Containment, now_ms: i64, times: &Times) -> Said {
    containment.progress.reminders = containment.progress.reminders.saturating_add(1);
    containment.lease = None;
    ask_person(containment, now_ms, times);
    Said::of("containment.remind", containment.progress.problem.clone())
}

/// Less is no warning: who reads it could do nothing about it.
const TELL_END_MS_MIN: i64 = 60_000;

/// When the end of what is in effect is due: that people are told of it, or that it comes.
fn await_end(containment: &mut Containment, now_ms: i64, times: &Times) {
    containment.due_at_ms = containment.revert_at_ms;
    let Some(end_ms) = containment.revert_at_ms.filter(|_| !containment.progress.end_told) else { return };
    let before_ms = times.tell_end_ms.min(end_ms.saturating_sub(now_ms) / 4);
    if before_ms >= TELL_END_MS_MIN {
        containment.due_at_ms = Some(end_ms - before_ms);
    }
}

/// People are told that its time ends soon: they can still keep it.
pub fn tell_end(containment: &mut Containment, now_ms: i64, times: &Times) -> Said {
    containment.progress.end_told = true;
    containment.lease = None;
    await_end(containment, now_ms, times);
    Said::of(
        "containment.ending",
        "its time ends soon; it is taken back then unless somebody keeps it".to_owned(),
    )
}

/// It has another end, or none.
///
/// # Errors
/// [`RespondError::NotReversible`], [`RespondError::State`] where it is not in effect.
pub fn kept_until(
    containment: &mut Containment,
    until_ms: Option<i64>,
    (by, reason): (&Principal, &str),
    now_ms: i64,
    times: &Times,
) -> Result<(), RespondError> {
    use ContainmentState as S;
    let state = containment.state;
    let is_in_effect = matches!(state, S::Applied | S::Verified | S::Unknown);
    if !is_in_effect || containment.progress.reverting {
        return Err(RespondError::State { state, why: "only what is in effect is kept" });
    }
    check_reversible(containment)?;
    containment.revert_at_ms = until_ms;
    containment.progress.end_told = false;
    note(containment, by, Some(reason.to_owned()), now_ms);
    match state {
        S::Verified => await_end(containment, now_ms, times),
        S::Unknown => ask_person(containment, now_ms, times),
        // what is being looked at goes on
        _ => {}
    }
    Ok(())
}

/// When a person is reminded; or, if that is sooner, when its time is over.
fn ask_person(containment: &mut Containment, now_ms: i64, times: &Times) {
    let remind_at_ms = now_ms.saturating_add(times.remind_ms);
    let ttl_at_ms = containment.revert_at_ms.filter(|at_ms| *at_ms > now_ms).unwrap_or(i64::MAX);
    containment.due_at_ms = Some(remind_at_ms.min(ttl_at_ms));
}

/// What changes something is about to be sent: from here on it may have been.
pub fn sending(containment: &mut Containment, now_ms: i64, times: &Times) -> Said {
    let progress = &mut containment.progress;
    let what = if progress.reverting { "takes it back" } else { "applies it" };
    let how = if progress.sent { "is sent unless a look finds that it was done" } else { "is sent" };
    let reason = format!("the request that {what} {how}, try {}", progress.tries + 1);
    progress.sent = true;
    // whoever holds the lease writes what comes of it; if nobody does, another worker looks when it has ended
    containment.due_at_ms = Some(now_ms.saturating_add(times.lease_ms));
    Said::of("containment.send", reason)
}

/// Somebody wants it taken back, or called off; what of that is recorded, if anything came of it.
///
/// # Errors
/// [`RespondError::NotReversible`], [`RespondError::State`] at an end.
pub fn undone(
    containment: &mut Containment,
    by: &Principal,
    reason: &str,
    now_ms: i64,
) -> Result<Option<&'static str>, RespondError> {
    use ContainmentState as S;
    let state = containment.state;
    let is_sent = state != S::Applying || containment.progress.sent;
    match state {
        S::Planned | S::AwaitingApproval | S::Approved => {}
        S::Applying if !is_sent => {}
        S::Applying => {
            check_reversible(containment)?;
            containment.progress.undo = Some((by.clone(), reason.to_owned()));
            return Ok(Some("containment.undo"));
        }
        S::Applied | S::Verified | S::Unknown => {
            check_reversible(containment)?;
            begin_revert(containment, by, reason, now_ms);
            return Ok(Some("containment.undo"));
        }
        S::Reverting => return Ok(None),
        S::Reverted | S::Denied | S::Expired | S::Failed | S::Cancelled => {
            return Err(RespondError::State { state, why: "there is nothing to take back" });
        }
    }
    end(containment, S::Cancelled, by, Some(reason.to_owned()), now_ms);
    Ok(Some("containment.cancel"))
}

fn check_reversible(containment: &Containment) -> Result<(), RespondError> {
    let why = match plan(containment).map(|plan| plan.reversibility) {
        Some(Reversibility::Reversible) => return Ok(()),
        Some(Reversibility::Compensable) => "it is made good by itself",
        _ => "it is gone for good",
    };
    Err(RespondError::NotReversible(format!("{}: {why}", containment.action)))
}

/// A person has looked at what nobody could tell.
pub fn settled(
    containment: &mut Containment,
    happened: bool,
    (by, reason): (&Principal, &str),
    now_ms: i64,
    times: &Times,
) {
    use ContainmentState as S;
    let reason = Some(reason.to_owned());
    let (reverting, failing) = (containment.progress.reverting, containment.progress.failing);
    match (reverting, happened) {
        (false, true) => {
            phase(containment, false);
            go(containment, S::Verified, by, reason, now_ms);
            await_end(containment, now_ms, times);
        }
        (false, false) => end(containment, S::Failed, by, reason, now_ms),
        (true, true) => end(containment, if failing { S::Failed } else { S::Reverted }, by, reason, now_ms),
        (true, false) => begin_revert(containment, by, reason.as_deref().unwrap_or_default(), now_ms),
    }
}

/// What people are asked.
pub fn asked(containment: &Containment) -> Request {
    Request {
        plan: PlanHash(containment.plan_sha256),
        requesters: containment.requesters.iter().cloned().collect(),
        people: containment.decision.people,
        quorum: containment.decision.quorum.iter().cloned().collect(),
        asked_at_ms: containment.decision.asked_at_ms,
        expires_at_ms: containment.decision.expires_at_ms,
    }
}

/// The answers that count.
pub fn votes(containment: &Containment) -> Vec<Vote> {
    let votes = containment.votes.iter();
    votes
        .map(|vote| Vote {
            voter: Voter { person: vote.person.clone(), functions: vote.functions.iter().cloned().collect() },
            // what is no hash is of no plan
            plan: vote.plan_sha256.parse().unwrap_or(PlanHash([0; 32])),
            approves: vote.approves,
            at_ms: vote.at_ms,
            delegation: vote.delegation.as_ref().map(|delegation| Delegation {
                from: Voter {
                    person: delegation.from.clone(),
                    functions: delegation.functions.iter().cloned().collect(),
                },
                to: vote.person.clone(),
                until_ms: delegation.until_ms,
            }),
        })
        .collect()
}

/// An answer as it is stored.
pub(super) fn kept(vote: &Vote, reason: Option<String>) -> ContainmentVote {
    ContainmentVote {
        person: vote.voter.person.clone(),
        functions: vote.voter.functions.iter().cloned().collect(),
        plan_sha256: vote.plan.to_string(),
        approves: vote.approves,
        at_ms: vote.at_ms,
        delegation: vote.delegation.as_ref().map(|delegation| VoteDelegation {
            from: delegation.from.person.clone(),
            functions: delegation.from.functions.iter().cloned().collect(),
            until_ms: delegation.until_ms,
        }),
        reason,
    }
}

/// Why it may not be applied though it stands as approved: the stored plan, or what was said of it, is not what it was.
pub fn tampered(containment: &Containment) -> Option<&'static str> {
    let hash = PlanHash(containment.plan_sha256);
    let Some(plan) = plan(containment) else { return Some("the stored plan cannot be read") };
    let is_same_thing = plan.action == containment.action
        && plan.target.name == containment.target
        && plan.ttl_ms == containment.ttl_ms;
    if plan.hash() != hash || !is_same_thing {
        return Some("the stored plan is not the one that was approved");
    }
    if containment.decision.people == 0 || containment.progress.broken_glass.is_some() {
        return None;
    }
    // each vote counted when it came; what is stored of them must still come to a yes
    let (asked, all) = (asked(containment), votes(containment));
    let mut counted = Vec::with_capacity(all.len());
    for vote in all {
        if asked.admit(&counted, &vote).is_err() {
            return Some("the stored answers do not count");
        }
        counted.push(vote);
    }
    let is_approved = asked.standing(&counted, asked.expires_at_ms) == Standing::Approved;
    (!is_approved).then_some("the stored answers are no approval")
}
