//! What the routes of containment work with, beside the store.

use crate::code::Code;
use crate::contain_telemetry::ContainTelemetry;
use crate::problem::Problem;
use crate::state::App;
use axum::extract::FromRequestParts;
use axum::http::request::Parts as Head;
use respond::Responder;
use respond::connector::Connector;
use respond::playbook::{Playbook, StepKind};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A playbook that can be run here.
#[derive(Debug, Clone)]
pub struct KnownPlaybook {
    /// As it was read.
    pub playbook: Playbook,
    /// Its text; a run keeps it.
    pub text: Arc<str>,
}

impl KnownPlaybook {
    /// The names of the actions that it asks for.
    pub(crate) fn actions(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        for step in self.playbook.steps.values() {
            if let StepKind::Action { commands, .. } = &step.kind {
                names.extend(
                    commands.iter().filter_map(|command| Some(command.call.as_ref()?.action.clone())),
                );
            }
        }
        names.into_iter().collect()
    }
}

/// Connectors and playbooks, as they are at one moment.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Every connector, set up or not, by name.
    pub connectors: Vec<Arc<Connector>>,
    /// Every playbook.
    pub playbooks: Vec<Arc<KnownPlaybook>>,
}

/// Knows connectors and playbooks, as they are now.
pub trait Knows: Send + Sync {
    /// All of them.
    fn known(&self) -> Arc<Known>;
}

impl Knows for Arc<Known> {
    fn known(&self) -> Arc<Known> {
        Arc::clone(self)
    }
}

/// Everything about containment that the handlers use.
pub struct ContainParts {
    /// Plans, asks, applies, takes back. On the server's own store.
    pub responder: Responder,
    /// Connectors and playbooks.
    pub knows: Arc<dyn Knows>,
    /// What is counted.
    pub telemetry: ContainTelemetry,
    /// Where containments and runs without an incident are kept.
    pub region: String,
    /// Whether e-mail is configured, by which people are told.
    pub tells_by_email: bool,
}

impl std::fmt::Debug for ContainParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = self.knows.known();
        let (connectors, playbooks) = (known.connectors.len(), known.playbooks.len());
        f.debug_struct("ContainParts")
            .field("connectors", &connectors)
            .field("playbooks", &playbooks)
            .finish_non_exhaustive()
    }
}

impl ContainParts {
    /// Whether the connector's system can be reached, as far as settings go.
    pub(crate) fn is_connected(&self, connector: &str) -> bool {
        self.responder.options().setup.connection(connector).is_some()
    }

    /// Refuses an action that there is not, or whose system cannot be reached.
    pub(crate) fn check_action(&self, name: &str) -> Result<(), Problem> {
        let unknown = || {
            let shown: String = name.chars().take(80).collect();
            Problem::new(Code::ConnectorUnknown, format!("there is no action {shown:?}"))
        };
        let (connector, action) = name.split_once('.').ok_or_else(unknown)?;
        let all = self.knows.known();
        let known = all.connectors.iter().find(|known| known.connector == connector).ok_or_else(unknown)?;
        if !known.actions.contains_key(action) {
            return Err(unknown());
        }
        if !self.is_connected(connector) {
            let detail = format!("{} is not connected here", known.title);
            return Err(Problem::new(Code::ConnectorNotConnected, detail));
        }
        Ok(())
    }

    pub(crate) fn playbook(&self, id: &str) -> Result<Arc<KnownPlaybook>, Problem> {
        let all = self.knows.known();
        let found = all.playbooks.iter().find(|known| known.playbook.id.as_str() == id);
        found.map(Arc::clone).ok_or_else(|| {
            let shown: String = id.chars().take(80).collect();
            Problem::new(Code::PlaybookUnknown, format!("there is no playbook {shown:?}"))
        })
    }
}

/// The parts, where this server contains.
#[derive(Debug, Clone)]
pub(crate) struct Containing(pub(crate) Arc<ContainParts>);

impl FromRequestParts<App> for Containing {
    type Rejection = Problem;
    async fn from_request_parts(_: &mut Head, app: &App) -> Result<Self, Problem> {
        let parts = app.containment.as_ref().map(Arc::clone).map(Self);
        parts.ok_or_else(|| Problem::new(Code::ContainmentDisabled, "nothing is contained here"))
    }
}
