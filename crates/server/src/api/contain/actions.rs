//! `/api/v1/actions`: what could be done.

use super::{ContainItems, asker::Asker};
use crate::contain_parts::Containing;
use crate::extract::{NoParams, Params};
use crate::problem::{Problem, ProblemBody};
use axum::Json;
use respond::connector::{ActionSpec, Connector};
use serde::Serialize;
use utoipa::ToSchema;

/// Something that whoever asks says.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionInput {
    /// Its name.
    name: String,
    /// What to say.
    help: String,
    /// Whether it must be said.
    required: bool,
    /// The form of it, as a regular expression over the whole value.
    pattern: String,
}

/// An action of a connector.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionView {
    /// `aws.deactivate_key`
    name: String,
    /// The connector.
    connector: String,
    /// What people call the connector.
    connector_title: String,
    /// What people call the action, as a command.
    title: String,
    /// What kind of thing it is about.
    target: &'static str,
    /// The form of the target's name, as a regular expression over the whole of it.
    target_pattern: String,
    /// `low`, `medium` or `high`.
    impact: &'static str,
    /// `reversible`, `compensable` or `irreversible`.
    reversibility: &'static str,
    /// After how many minutes it is taken back unless something else is said.
    ttl_minutes_default: Option<u64>,
    /// What else is said.
    inputs: Vec<ActionInput>,
    /// The vendor's page about it.
    documentation: String,
    /// Whether its system can be reached from here.
    connected: bool,
}

impl ActionView {
    fn of(connector: &Connector, name: &str, action: &ActionSpec, connected: bool) -> Self {
        let inputs = action.inputs.iter().map(|(name, input)| ActionInput {
            name: name.clone(),
            help: input.help.clone(),
            required: input.default.is_none(),
            pattern: input.pattern.clone(),
        });
        Self {
            name: format!("{}.{name}", connector.connector),
            connector: connector.connector.clone(),
            connector_title: connector.title.clone(),
            title: action.title.clone(),
            target: action.target.as_str(),
            target_pattern: action.target_pattern.clone(),
            impact: action.impact.as_str(),
            reversibility: action.reversibility.as_str(),
            ttl_minutes_default: action.ttl_minutes_default,
            inputs: inputs.collect(),
            documentation: action.documentation.clone(),
            connected,
        }
    }
}

/// List actions
///
/// Every action of every connector that is known; `connected` says whether it can be asked for here.
#[utoipa::path(
    get,
    path = "/api/v1/actions",
    tag = "containment",
    responses(
        (status = 200, description = "All of them, by name", body = ContainItems<ActionView>),
        (status = 404, description = "Nothing is contained here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    Containing(parts): Containing,
    _: Asker,
    _: Params<NoParams>,
) -> Result<Json<ContainItems<ActionView>>, Problem> {
    let mut items = Vec::new();
    for connector in &parts.knows.known().connectors {
        let connected = parts.is_connected(&connector.connector);
        let actions = connector.actions.iter();
        items.extend(actions.map(|(name, action)| ActionView::of(connector, name, action, connected)));
    }
    Ok(Json(ContainItems { items }))
}
