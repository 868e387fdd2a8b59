//! How containments look. Times are RFC 3339, in UTC.

use super::asker::Asker;
use super::may::{ContainmentCan, can};
use super::minutes;
use crate::api::reports::view::{hex, time};
use crate::problem::Problem;
use crate::state::App;
use access::Scope;
use model::{Containment, ContainmentState, PersonId, Principal};
use ports::Snapshot;
use ports::mail::MailAddress;
use ports::store::Person;
use respond::approval::Standing;
use respond::contain::step;
use respond::plan::Plan;
use respond::protect::Target;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Somebody who did something.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ByView {
    /// `person`, `token`, `system` or `local`.
    kind: &'static str,
    /// `per_…`, `tok_…`, or the part of the product.
    id: String,
    /// The name that people see.
    name: String,
}

impl From<&Principal> for ByView {
    fn from(principal: &Principal) -> Self {
        let (kind, id) = match principal {
            Principal::Person { id, .. } => ("person", id.clone()),
            Principal::Token { id, .. } => ("token", id.clone()),
            Principal::System { part } => ("system", part.clone()),
            Principal::Local { account } => ("local", account.clone()),
            Principal::Guest | Principal::Erased | Principal::Withheld => ("nobody", String::new()),
        };
        Self { kind, id, name: principal.name().to_owned() }
    }
}

/// What a target is, and whose.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TargetView {
    /// `account`, `credential`, `host`, `network`, `repository` or `service`.
    kind: &'static str,
    /// Its name at the system that knows it.
    name: String,
    /// Whose it is.
    belongs_to: Vec<OwnerView>,
}

/// Whose a target is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnerView {
    /// As of a target.
    kind: &'static str,
    /// Its name.
    name: String,
}

impl From<&Target> for TargetView {
    fn from(target: &Target) -> Self {
        let owner = |owner: &Target| OwnerView { kind: owner.kind.as_str(), name: owner.name.clone() };
        Self {
            kind: target.kind.as_str(),
            name: target.name.clone(),
            belongs_to: target.belongs_to.iter().map(owner).collect(),
        }
    }
}

/// One change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlannedChange {
    /// Of what.
    what: String,
    /// As it is.
    before: String,
    /// As it would be.
    after: String,
}

/// Something that is known of the target.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AboutView {
    /// What it is: *roles*.
    title: String,
    /// As it was when it was planned; what could not be found out says why.
    text: String,
}

/// What else would feel it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlastRadiusView {
    /// Services.
    services: Vec<String>,
    /// How many people, if somebody can say.
    people: Option<u64>,
    /// In words.
    notes: Vec<String>,
}

/// Everything that an action would do: what people approve, by its hash.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanView {
    /// The connector's action.
    action: String,
    /// The version of its description.
    action_version: String,
    /// On what.
    target: TargetView,
    /// What would change.
    changes: Vec<PlannedChange>,
    /// What else would feel it.
    blast_radius: BlastRadiusView,
    /// `low`, `medium` or `high`.
    impact: &'static str,
    /// `reversible`, `compensable` or `irreversible`.
    reversibility: &'static str,
    /// After how many minutes it is taken back by itself.
    ttl_minutes: Option<u64>,
    /// The incident that it is for; empty for none.
    incident: String,
    /// What is known of the target: an identity's roles, second factors, last sign-in.
    about: Vec<AboutView>,
}

impl From<&Plan> for PlanView {
    fn from(plan: &Plan) -> Self {
        let about =
            |about: &respond::plan::About| AboutView { title: about.title.clone(), text: about.text.clone() };
        let change = |change: &respond::plan::Change| PlannedChange {
            what: change.what.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
        };
        Self {
            action: plan.action.clone(),
            action_version: plan.action_version.clone(),
            target: (&plan.target).into(),
            changes: plan.changes.iter().map(change).collect(),
            blast_radius: BlastRadiusView {
                services: plan.blast_radius.services.clone(),
                people: plan.blast_radius.people,
                notes: plan.blast_radius.notes.clone(),
            },
            impact: plan.impact.as_str(),
            reversibility: plan.reversibility.as_str(),
            ttl_minutes: plan.ttl_ms.map(minutes),
            incident: plan.incident.clone(),
            about: plan.about.iter().map(about).collect(),
        }
    }
}

/// Who decides.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContainmentDecisionView {
    /// How many people must approve; 0 for what is applied by itself.
    people: u8,
    /// Roles or teams of which each must be among them.
    quorum: Vec<String>,
    /// Since when they are asked.
    asked_at: String,
    /// Until when they can answer.
    expires_at: String,
    /// What the table of decisions was asked, by name.
    why: BTreeMap<String, String>,
}

/// An answer that counts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VoteView {
    /// `per_…`
    person: String,
    /// Their name.
    name: String,
    /// Yes or no.
    approves: bool,
    /// Why.
    reason: Option<String>,
    /// When.
    at: String,
    /// For whom, if not for themselves: `per_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    delegated_from: Option<String>,
    /// Their name.
    #[serde(skip_serializing_if = "Option::is_none")]
    delegated_from_name: Option<String>,
}

/// One step on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransitionView {
    /// Where it came to.
    state: &'static str,
    /// When.
    at: String,
    /// By whom.
    by: ByView,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Approvals that were passed by.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BrokenGlassView {
    /// On whose word.
    by: ByView,
    /// Why.
    reason: String,
}

/// One action on one target, from the plan to its end.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContainmentView {
    /// `act_…`
    id: String,
    /// `planned`, `awaiting_approval`, `approved`, `applying`, `applied`, `verified`, `reverting`, `reverted`, `denied`,
    /// `expired`, `failed`, `unknown` or `cancelled`.
    state: &'static str,
    /// The connector's action.
    action: String,
    /// What people call the action.
    title: String,
    /// The target's name.
    target: String,
    /// What kind of thing it is.
    target_kind: String,
    /// What else was said.
    inputs: BTreeMap<String, String>,
    /// `inc_…`
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
    /// What the incident is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident_title: Option<String>,
    /// The run that asked for it: `run_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// The number of the step in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u32>,
    /// Why, in the words of who asked.
    reason: String,
    /// Who asked.
    requested_by: ByView,
    /// Everything that it changes; none where what is stored cannot be read.
    plan: Option<PlanView>,
    /// SHA-256 of the plan, in hex digits: what is approved.
    plan_sha256: String,
    /// Who decides.
    decision: ContainmentDecisionView,
    /// What they said.
    votes: Vec<VoteView>,
    /// How many more people must approve.
    approvals_missing: u8,
    /// What the look found, and what answers told.
    facts: BTreeMap<String, String>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Whether it is in effect now, as far as anybody knows.
    in_effect: bool,
    /// After how many minutes it is taken back by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_minutes: Option<u64>,
    /// When it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    revert_at: Option<String>,
    /// Whether it is in effect until somebody takes it back, though it would have had an end.
    kept: bool,
    /// Who had it applied without the approvals, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_glass: Option<BrokenGlassView>,
    /// Whether who may decide on it is told by e-mail of what waits for them and of broken glass. Where not, that is not configured,
    /// or none of them has an address, and it stands here alone.
    told_by_email: bool,
    /// How it came here, the first step first.
    history: Vec<TransitionView>,
    /// When it was asked for.
    created_at: String,
    /// When it changed last.
    updated_at: String,
    /// Send it back in `If-Match`.
    version: u64,
    /// What the asker can do now.
    can: ContainmentCan,
}

/// Whether something may be in effect in this state.
pub(super) const IN_EFFECT: [ContainmentState; 3] =
    [ContainmentState::Applied, ContainmentState::Verified, ContainmentState::Reverting];

impl ContainmentView {
    /// With the incident's title as it is now.
    pub(super) async fn read(
        app: &App,
        asker: &Asker,
        snapshot: &mut dyn Snapshot,
        row: &Containment,
    ) -> Result<Self, Problem> {
        let incident = match row.incident {
            Some(id) => snapshot.incidents().get(id).await?,
            None => None,
        };
        Self::of(app, asker, row, incident.map(|incident| incident.shown_title().to_owned())).await
    }

    /// With what the incident is called.
    pub(super) async fn of(
        app: &App,
        asker: &Asker,
        row: &Containment,
        incident_title: Option<String>,
    ) -> Result<Self, Problem> {
        let now_ms = app.clock.now_ms();
        let standing = step::asked(row).standing(&step::votes(row), now_ms);
        let is_asked = row.state == ContainmentState::AwaitingApproval;
        let plan: Option<Plan> = serde_json::from_value(row.plan.clone()).ok();
        Ok(Self {
            id: row.id.to_string(),
            state: row.state.as_str(),
            title: title(app, &row.action),
            action: row.action.clone(),
            target: row.target.clone(),
            target_kind: row.target_kind.clone(),
            inputs: row.inputs.clone(),
            incident: row.incident.map(|id| id.to_string()),
            incident_title,
            run: row.task.map(|task| task.run.to_string()),
            step: row.task.map(|task| task.task),
            reason: row.reason.clone(),
            requested_by: (&row.requester).into(),
            plan: plan.as_ref().map(Into::into),
            plan_sha256: hex(&row.plan_sha256),
            decision: ContainmentDecisionView {
                people: row.decision.people,
                quorum: row.decision.quorum.clone(),
                asked_at: time(row.decision.asked_at_ms),
                expires_at: time(row.decision.expires_at_ms),
                why: row.decision.asked.clone(),
            },
            votes: votes(app, row).await?,
            approvals_missing: match standing {
                Standing::Waiting { people, .. } if is_asked => people,
                _ => 0,
            },
            facts: row.facts.clone(),
            problem: row.progress.problem.clone(),
            in_effect: IN_EFFECT.contains(&row.state),
            ttl_minutes: row.ttl_ms.map(minutes),
            revert_at: row.revert_at_ms.map(time),
            kept: IN_EFFECT.contains(&row.state) && row.ttl_ms.is_some() && row.revert_at_ms.is_none(),
            broken_glass: row
                .progress
                .broken_glass
                .as_ref()
                .map(|(by, reason)| BrokenGlassView { by: by.into(), reason: reason.clone() }),
            told_by_email: told_by_email(app).await?,
            history: row.history.iter().map(transition).collect(),
            created_at: time(row.created_at_ms),
            updated_at: time(row.updated_at_ms),
            version: row.version,
            can: can(asker, row, now_ms),
        })
    }
}

fn transition(step: &model::Transition) -> TransitionView {
    TransitionView {
        state: step.state.as_str(),
        at: time(step.at_ms),
        by: (&step.by).into(),
        reason: step.reason.clone(),
    }
}

/// What people call the action; its name where it is not there any more.
fn title(app: &App, action: &str) -> String {
    let (connector, name) = action.split_once('.').unwrap_or_default();
    let all = app.containment.as_ref().map(|parts| parts.knows.known()).unwrap_or_default();
    let known = all.connectors.iter().find(|known| known.connector == connector);
    let spec = known.and_then(|known| known.actions.get(name));
    spec.map_or_else(|| action.to_owned(), |spec| spec.title.clone())
}

/// What people call somebody; the id where nobody knows.
async fn name_of(app: &App, id: &str) -> Result<String, Problem> {
    let person = match id.parse::<PersonId>() {
        Ok(id) => app.directory.person(id).await?,
        Err(_) => None,
    };
    Ok(person.map_or_else(|| id.to_owned(), |person| person.name.clone()))
}

async fn votes(app: &App, row: &Containment) -> Result<Vec<VoteView>, Problem> {
    let mut votes = Vec::with_capacity(row.votes.len());
    for vote in &row.votes {
        let from = vote.delegation.as_ref().map(|delegation| &delegation.from);
        let from_name = match from {
            Some(from) => Some(name_of(app, from).await?),
            None => None,
        };
        votes.push(VoteView {
            person: vote.person.clone(),
            name: name_of(app, &vote.person).await?,
            approves: vote.approves,
            reason: vote.reason.clone(),
            at: time(vote.at_ms),
            delegated_from: from.cloned(),
            delegated_from_name: from_name,
        });
    }
    Ok(votes)
}

/// Whether somebody is told by e-mail: it is configured, and one who may approve has an address.
async fn told_by_email(app: &App) -> Result<bool, Problem> {
    if app.containment.as_ref().is_none_or(|parts| !parts.tells_by_email) {
        return Ok(false);
    }
    let has_address = |person: &Person| {
        let email = person.email.as_deref().map(|email| email.trim().parse::<MailAddress>());
        email.is_some_and(|email| email.is_ok())
    };
    let people = app.directory.people().await?;
    let is_told = |person: &Person| {
        has_address(person) && app.directory.reach_of_person(person).0.has(Scope::ContainmentsApprove)
    };
    Ok(people.iter().any(|person| is_told(person)))
}
