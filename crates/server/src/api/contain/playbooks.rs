//! `/api/v1/playbooks`: what could be run, and what a run would do.

use super::asker::Asker;
use super::{ContainItems, sight};
use crate::api::reports::view::time;
use crate::contain_parts::{Containing, KnownPlaybook};
use crate::extract::{JsonBody, NoParams, Params};
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use axum::Json;
use axum::extract::{Path, State};
use model::{Incident, IncidentId};
use ports::Snapshot;
use respond::playbook::{Identifier, Step, StepKind, Subject};
use respond::run::{End, Rehearsed, rehearse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Which incidents a playbook is offered for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttachView {
    /// Classes of incidents.
    classes: Vec<String>,
    /// Ids of rules, or their names with `*` for any text.
    rules: Vec<String>,
    /// Severities; any if empty.
    severities: Vec<String>,
    /// Services with `*` for any text; any if empty.
    services: Vec<String>,
}

/// A variable of a playbook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VariableView {
    /// `__key__`
    name: String,
    /// Its type.
    #[serde(rename = "type")]
    kind: String,
    /// What it is for.
    description: String,
    /// Its value, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// Whether whoever begins a run says it.
    external: bool,
}

/// What is told of a playbook everywhere.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaybookHead {
    /// `playbook--…`
    id: String,
    /// What people call it.
    name: String,
    /// What it does.
    description: String,
    /// The team that answers for it.
    owner: Option<String>,
    /// By when somebody looks whether it still holds: a day.
    review_by: Option<String>,
    /// When it was made.
    created_at: String,
    /// What it is for, in the words of CACAO.
    types: Vec<String>,
    /// Which incidents it is offered for.
    attach: Option<AttachView>,
    /// Whether it is offered for the incident that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    fits: Option<bool>,
    /// What can be said when a run begins.
    variables: Vec<VariableView>,
    /// The names of the actions that it asks for.
    actions: Vec<String>,
}

/// A playbook in the list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaybookSummary {
    /// What it is.
    #[serde(flatten)]
    head: PlaybookHead,
    /// How many steps it has.
    steps: usize,
}

/// A way out of a step that has several.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepBranch {
    /// When it is taken: the condition, `else`, a case, or empty for branches that are taken all at once.
    when: String,
    /// The step that it begins with.
    step: String,
}

/// A step of a playbook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaybookStepView {
    /// Its name in the playbook.
    id: String,
    /// What people call it.
    name: String,
    /// `action`, `if-condition`, …
    kind: &'static str,
    /// What it does.
    description: String,
    /// Its commands, one a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The ways out of it, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    branches: Vec<StepBranch>,
    /// What comes next if it went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_success: Option<String>,
    /// What comes next if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_failure: Option<String>,
    /// What comes next in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_completion: Option<String>,
}

/// A playbook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaybookView {
    /// What it is.
    #[serde(flatten)]
    head: PlaybookHead,
    /// Its steps: those that are begun first come first.
    steps: Vec<PlaybookStepView>,
    /// Its text.
    text: String,
}

impl PlaybookHead {
    fn of(known: &KnownPlaybook, fits: Option<bool>) -> Self {
        let playbook = &known.playbook;
        let extension = playbook.extension.as_ref();
        let attach = extension.map(|extension| AttachView {
            classes: extension.attach.classes.clone(),
            rules: extension.attach.rules.clone(),
            severities: extension.attach.severities.clone(),
            services: extension.attach.services.clone(),
        });
        let variables = playbook.variables.iter().map(|(name, variable)| VariableView {
            name: name.to_owned(),
            kind: variable.kind.clone(),
            description: variable.description.clone(),
            value: variable.value.clone(),
            external: variable.external,
        });
        Self {
            id: playbook.id.to_string(),
            name: playbook.name.clone(),
            description: playbook.description.clone(),
            owner: extension.map(|extension| extension.owner.clone()),
            review_by: extension.map(|extension| extension.review_by.to_string()),
            created_at: time(playbook.created_at_ms),
            types: playbook.types.clone(),
            attach,
            fits,
            variables: variables.collect(),
            actions: known.actions(),
        }
    }
}

/// The steps in the order in which the workflow leads to them; those that it never comes to are last.
fn steps(known: &KnownPlaybook) -> Vec<PlaybookStepView> {
    let playbook = &known.playbook;
    let (mut order, mut ahead) = (Vec::new(), std::collections::VecDeque::from([&playbook.start]));
    ahead.extend(&playbook.exception);
    while let Some(id) = ahead.pop_front() {
        let Some(step) = playbook.step(id).filter(|_| !order.contains(&id)) else { continue };
        order.push(id);
        ahead.extend(inner(&step.kind).into_iter().map(|(_, id)| id));
        ahead.extend([&step.on_success, &step.on_failure, &step.on_completion].into_iter().flatten());
    }
    let rest: Vec<_> = playbook.steps.keys().filter(|id| !order.contains(id)).collect();
    let all = order.into_iter().chain(rest);
    all.filter_map(|id| Some((id, playbook.step(id)?))).map(|(id, step)| view(id.as_str(), step)).collect()
}

/// The ways out of a step, with what leads there.
fn inner(kind: &StepKind) -> Vec<(String, &Identifier)> {
    match kind {
        StepKind::Parallel { branches } => branches.iter().map(|id| (String::new(), id)).collect(),
        StepKind::If { condition, on_true, on_false } => {
            let on_false = on_false.iter().map(|id| ("else".to_owned(), id));
            std::iter::once((condition.as_str().to_owned(), on_true)).chain(on_false).collect()
        }
        StepKind::While { condition, on_true } => vec![(condition.as_str().to_owned(), on_true)],
        StepKind::Switch { cases, .. } => cases.iter().map(|(case, id)| (case.clone(), id)).collect(),
        _ => Vec::new(),
    }
}

fn view(id: &str, step: &Step) -> PlaybookStepView {
    let text = match &step.kind {
        StepKind::Action { commands, .. } => {
            let texts =
                commands.iter().map(|command| command.text.as_deref().unwrap_or(&command.description));
            Some(texts.collect::<Vec<_>>().join("\n"))
        }
        StepKind::PlaybookAction { playbook, .. } => Some(playbook.to_string()),
        _ => None,
    };
    let name = |id: &Option<Identifier>| id.as_ref().map(ToString::to_string);
    PlaybookStepView {
        id: id.to_owned(),
        name: step.name.clone(),
        kind: step.kind.as_str(),
        description: step.description.clone(),
        text,
        branches: inner(&step.kind)
            .into_iter()
            .map(|(when, id)| StepBranch { when, step: id.to_string() })
            .collect(),
        on_success: name(&step.on_success),
        on_failure: name(&step.on_failure),
        on_completion: name(&step.on_completion),
    }
}

/// For which incident.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PlaybookParams {
    /// The incident; `fits` says then whether the playbook is offered for it, and those that fit come first.
    incident: Option<String>,
}

/// What is asked about an incident.
struct Case {
    classes: Vec<String>,
    rules: Vec<(String, String)>,
    severity: &'static str,
    services: Vec<String>,
}

impl Case {
    async fn of(snapshot: &mut dyn Snapshot, incident: &Incident) -> Result<Self, Problem> {
        let titles = snapshot.incidents().rule_titles(&incident.rules).await?;
        let title = |id: &String| titles.iter().find(|(of, _)| of == id).map(|(_, title)| title.clone());
        let rules = incident.rules.iter().map(|id| (id.clone(), title(id).unwrap_or_default()));
        let reports = snapshot.reports().of_incident(incident.id).await?;
        Ok(Self {
            classes: reports.into_iter().map(|report| report.form).collect(),
            rules: rules.collect(),
            severity: incident.severity().as_str(),
            services: incident.ownership.service.iter().cloned().collect(),
        })
    }

    fn fits(&self, known: &KnownPlaybook) -> bool {
        let classes: Vec<&str> = self.classes.iter().map(String::as_str).collect();
        let services: Vec<&str> = self.services.iter().map(String::as_str).collect();
        let rules: Vec<(&str, &str)> =
            self.rules.iter().map(|(id, title)| (id.as_str(), title.as_str())).collect();
        let subject =
            Subject { classes: &classes, rules: &rules, severity: self.severity, services: &services };
        let extension = known.playbook.extension.as_ref();
        extension.is_some_and(|extension| extension.attach.fits(&subject))
    }
}

/// List playbooks
///
/// All of them by name; with `incident` those that fit it come first.
#[utoipa::path(
    get,
    path = "/api/v1/playbooks",
    tag = "containment",
    params(PlaybookParams),
    responses(
        (status = 200, description = "All of them", body = ContainItems<PlaybookSummary>),
        (status = 404, description = "Nothing is contained here, or there is no such incident", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Containing(parts): Containing,
    asker: Asker,
    Params(params): Params<PlaybookParams>,
) -> Result<Json<ContainItems<PlaybookSummary>>, Problem> {
    let id: Option<IncidentId> = match &params.incident {
        Some(text) => Some(text.parse().map_err(|_| Problem::not_found("incident", text))?),
        None => None,
    };
    let mut snapshot = app.store.read().await?;
    let case = match sight::incident(&asker, &mut *snapshot, id).await? {
        Some(incident) => Some(Case::of(&mut *snapshot, &incident).await?),
        None => None,
    };
    let summary = |known: &KnownPlaybook| PlaybookSummary {
        head: PlaybookHead::of(known, case.as_ref().map(|case| case.fits(known))),
        steps: known.playbook.steps.len(),
    };
    let mut items: Vec<_> = parts.knows.known().playbooks.iter().map(|known| summary(known)).collect();
    items.sort_by(|a, b| (b.head.fits, &a.head.name).cmp(&(a.head.fits, &b.head.name)));
    Ok(Json(ContainItems { items }))
}

/// Read a playbook
#[utoipa::path(
    get,
    path = "/api/v1/playbooks/{id}",
    tag = "containment",
    params(("id" = String, Path, description = "`playbook--…`")),
    responses((status = 200, description = "The playbook", body = PlaybookView)),
)]
pub(crate) async fn get(
    Containing(parts): Containing,
    _: Asker,
    Path(id): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<PlaybookView>, Problem> {
    let known = parts.playbook(&id)?;
    Ok(Json(PlaybookView {
        head: PlaybookHead::of(&known, None),
        steps: steps(&known),
        text: known.text.to_string(),
    }))
}

/// What variables are at the beginning.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RehearsalAsk {
    /// Values by name: `__key__`.
    #[serde(default)]
    values: BTreeMap<String, String>,
}

/// A step that would be done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RehearsedStep {
    /// Its name in the playbook.
    step: String,
    /// What people call it.
    name: String,
    /// The type of its first command.
    kind: String,
    /// What would be done, one command a line; or why that cannot be said yet.
    text: String,
}

/// What a run would do if everything went well.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RehearsalView {
    /// In the order in which they would begin.
    steps: Vec<RehearsedStep>,
    /// How it would end: `completed`, `handled`, `failed` or `stopped`; `waiting` if it would not.
    ended: &'static str,
}

fn rehearsed(task: Rehearsed) -> RehearsedStep {
    let (mut kind, mut lines) = (String::new(), Vec::new());
    for command in task.commands {
        match command {
            Ok(command) => {
                let (of, text) = command.split_once(": ").unwrap_or(("playbook", &command));
                if kind.is_empty() {
                    of.clone_into(&mut kind);
                }
                lines.push(text.to_owned());
            }
            Err(reason) => lines.push(format!("cannot be said yet: {reason}")),
        }
    }
    RehearsedStep { step: task.step.to_string(), name: task.name, kind, text: lines.join("\n") }
}

/// Rehearse a playbook
///
/// What a run would do if everything went well. Nothing is asked of anybody, nothing is done, nothing is kept.
#[utoipa::path(
    post,
    path = "/api/v1/playbooks/{id}/rehearse",
    tag = "containment",
    params(("id" = String, Path, description = "`playbook--…`")),
    request_body = RehearsalAsk,
    responses(
        (status = 200, description = "What would be done", body = RehearsalView),
        (status = 422, description = "A variable does not take its value", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn rehearse_it(
    Containing(parts): Containing,
    _: Asker,
    Path(id): Path<String>,
    JsonBody { value: ask, .. }: JsonBody<RehearsalAsk>,
) -> Result<Json<RehearsalView>, Problem> {
    let known = parts.playbook(&id)?;
    let values: Vec<(String, String)> = ask.values.into_iter().collect();
    let rehearsal = rehearse(&known.playbook, &values).map_err(respond::RespondError::from)?;
    let ended = match rehearsal.end {
        Some(End::Completed) => "completed",
        Some(End::Handled { .. }) => "handled",
        Some(End::Failed { .. }) => "failed",
        Some(End::Stopped { .. }) => "stopped",
        None => "waiting",
    };
    Ok(Json(RehearsalView { steps: rehearsal.tasks.into_iter().map(rehearsed).collect(), ended }))
}
