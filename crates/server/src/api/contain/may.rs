//! What the asker could do with a containment as it stands.

use super::asker::Asker;
use access::Scope;
use model::{Containment, ContainmentState};
use respond::contain::step;
use respond::impact::Reversibility;
use respond::plan::Plan;
use serde::Serialize;
use utoipa::ToSchema;

/// What the asker can do now.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ContainmentCan {
    /// Say yes or no.
    approve: bool,
    /// Why not, where people are asked and the asker cannot answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    approve_why: Option<&'static str>,
    /// Take it back.
    undo: bool,
    /// Give it another end.
    keep: bool,
    /// Also for longer than a day, or without an end.
    keep_for_good: bool,
    /// Say what nobody could tell.
    settle: bool,
    /// Have it applied without the approvals.
    break_glass: bool,
    /// Call it off before anything is sent.
    cancel: bool,
}

/// What the asker can do with it.
pub(super) fn can(asker: &Asker, row: &Containment, now_ms: i64) -> ContainmentCan {
    use ContainmentState as S;
    let is_asked = row.state == S::AwaitingApproval;
    let approve_why = why_not_approve(asker, row, now_ms).filter(|_| is_asked);
    let (asks, decides) =
        (asker.decides(Scope::ContainmentsRequest), asker.decides(Scope::ContainmentsApprove));
    let is_sent = row.state != S::Applying || row.progress.sent;
    let is_open = matches!(row.state, S::Planned | S::AwaitingApproval | S::Approved) || !is_sent;
    let may_be_in_effect =
        matches!(row.state, S::Applied | S::Verified | S::Unknown) || (row.state == S::Applying && is_sent);
    let is_kept = matches!(row.state, S::Applied | S::Verified | S::Unknown) && !row.progress.reverting;
    let keeps = decides && is_kept && step::is_reversible(row);
    let is_own = asker.person_id().is_none_or(|person| row.requesters.contains(&person));
    let plan = serde_json::from_value::<Plan>(row.plan.clone()).ok();
    let is_irreversible = plan.is_none_or(|plan| plan.reversibility == Reversibility::Irreversible);
    ContainmentCan {
        approve: is_asked && approve_why.is_none(),
        approve_why,
        undo: asks && may_be_in_effect && step::is_reversible(row),
        keep: keeps,
        keep_for_good: keeps && !is_own,
        settle: decides && row.state == S::Unknown,
        break_glass: decides && is_asked && !is_irreversible && now_ms < row.decision.expires_at_ms,
        cancel: asks && is_open,
    }
}

fn why_not_approve(asker: &Asker, row: &Containment, now_ms: i64) -> Option<&'static str> {
    let Some(person) = asker.person_id() else { return Some("only people approve") };
    let has_answered = row.votes.iter().any(|vote| {
        let from = vote.delegation.as_ref().map(|delegation| &delegation.from);
        vote.person == person || from == Some(&person)
    });
    if !asker.admitted.scopes.has(Scope::ContainmentsApprove) {
        Some("your roles do not let you approve")
    } else if row.requesters.contains(&person) {
        Some("you have asked for it: somebody else decides")
    } else if has_answered {
        Some("you have answered")
    } else if now_ms >= row.decision.expires_at_ms {
        Some("the time to answer is over")
    } else {
        None
    }
}
