//! An action bound to its target, with everything that it needs: so that it can be taken to the thread that waits.

use super::request::ContainRequest;
use super::watch::{StillMine, Watched};
use crate::connector::{Act, ActError, Asked, Identity, Outcome, Remote, Values, whoami};
use crate::error::RespondError;
use crate::plan::Plan;
use crate::protect::{Protection, Target};
use crate::setup::{Connection, Setup};
use model::Containment;
use std::sync::Arc;

pub(crate) struct Bound {
    connection: Connection,
    action: String,
    target: String,
    belongs_to: Vec<Target>,
    inputs: Values,
    protection: Arc<Protection>,
    /// What the look found by which it was planned, where it was.
    planned: Option<Values>,
    /// What is asked before each request, where a worker sends it.
    still_mine: Option<StillMine>,
}

impl Bound {
    pub(super) fn new(setup: &dyn Setup, request: &ContainRequest) -> Result<Self, RespondError> {
        let (connection, action) = connection(setup, &request.action)?;
        let taken = connection.connector.actions.get(&action).map(|action| &action.inputs);
        let unknown =
            request.inputs.keys().find(|name| taken.is_some_and(|taken| !taken.contains_key(*name)));
        if let Some(input) = unknown {
            return Err(RespondError::UnknownInput { action: request.action.clone(), input: input.clone() });
        }
        Ok(Self {
            connection,
            action,
            target: request.target.clone(),
            belongs_to: request.belongs_to.clone(),
            inputs: request.inputs.clone(),
            protection: setup.protection(),
            planned: None,
            still_mine: None,
        })
    }

    /// Of what is stored. What was applied can be taken back though it is protected since.
    pub(super) fn stored(
        setup: &dyn Setup,
        containment: &Containment,
        taking_back: bool,
    ) -> Result<Self, RespondError> {
        let (connection, action) = connection(setup, &containment.action)?;
        let plan: Result<Plan, _> = serde_json::from_value(containment.plan.clone());
        let plan =
            plan.map_err(|error| RespondError::CutOff(format!("the stored plan cannot be read: {error}")))?;
        Ok(Self {
            connection,
            action,
            target: containment.target.clone(),
            belongs_to: if taking_back { Vec::new() } else { plan.target.belongs_to },
            inputs: containment.inputs.clone(),
            protection: if taking_back { Arc::default() } else { setup.protection() },
            planned: Some(containment.facts.clone()),
            still_mine: None,
        })
    }

    /// For a worker, who holds it for a time.
    pub(super) fn watched(self, still_mine: StillMine) -> Self {
        Self { still_mine: Some(still_mine), ..self }
    }

    fn remote<'r>(&'r self, shared: &'r dyn Remote) -> Watched<'r> {
        Watched { remote: self.connection.remote(shared), still_mine: self.still_mine.as_ref() }
    }

    fn bind(&self) -> Result<Act<'_>, ActError> {
        self.bind_for(self.belongs_to.clone(), &self.protection)
    }

    fn bind_for(&self, belongs_to: Vec<Target>, protection: &Protection) -> Result<Act<'_>, ActError> {
        Act::bind(
            &self.connection.connector,
            &self.action,
            (&self.target, belongs_to),
            (&self.connection.settings, &self.inputs),
            protection,
        )
    }

    /// Whether it may be done now, by its form and by what is protected.
    pub(super) fn check(&self) -> Result<(), ActError> {
        self.bind().map(drop)
    }

    /// Whose the target is by those who asked: all that was planned but what the look had found.
    fn said(&self, act: &Act<'_>) -> Vec<Target> {
        let found = self.planned.as_ref().and_then(|facts| act.owners(facts).ok()).unwrap_or_default();
        self.belongs_to.iter().filter(|owner| !found.contains(owner)).cloned().collect()
    }

    /// Looks; and plans, where there is something to do. Whose the target is counts as the look has found it, and what we
    /// are signed in by ourselves is no target.
    pub(super) fn look_and_plan(
        &self,
        remote: &dyn Remote,
        asked: Asked,
        now_ms: i64,
    ) -> Result<(Outcome, Option<Plan>), ActError> {
        let remote = &self.remote(remote);
        let connector = &self.connection.connector;
        // what is protected is refused before anything is asked
        let act = self.bind()?;
        let own = match whoami(connector, &self.connection.settings, remote, now_ms)? {
            Identity::Known(own) => own,
            Identity::Later(reason) => return Ok((Outcome::Later(reason), None)),
            Identity::Refused(reason) => return Ok((Outcome::Refused(reason), None)),
        };
        let reason = format!("Hue & Cry is signed in to {} by it", connector.title);
        let protection = self.protection.with_own(&own, &reason);
        self.bind_for(self.belongs_to.clone(), &protection)?;
        let outcome = act.look(remote, now_ms)?;
        let Outcome::Done(facts) = &outcome else { return Ok((outcome, None)) };
        let (mut belongs_to, owners) = (self.said(&act), act.owners(facts)?);
        belongs_to.extend(owners.into_iter().filter(|owner| !belongs_to.contains(owner)).collect::<Vec<_>>());
        let act = self.bind_for(belongs_to, &protection)?;
        // for those who decide; once they have, nobody reads it again
        let about = if self.planned.is_none() { act.about(remote, facts, now_ms) } else { Vec::new() };
        let plan = act.plan(facts, Asked { about, ..asked }, now_ms)?;
        Ok((outcome, Some(plan)))
    }

    /// Whether a look can tell what came of an earlier try.
    pub(super) fn can_tell(&self, facts: &Values, taking_back: bool) -> bool {
        // what cannot be bound was found out before
        self.bind().is_ok_and(|act| act.can_tell(facts, taking_back))
    }

    pub(super) fn apply(
        &self,
        remote: &dyn Remote,
        facts: &Values,
        (before, now_ms): (bool, i64),
    ) -> Result<Outcome, ActError> {
        self.bind()?.apply(&self.remote(remote), facts, (before, now_ms))
    }

    pub(super) fn verify(
        &self,
        remote: &dyn Remote,
        facts: &Values,
        now_ms: i64,
    ) -> Result<Outcome, ActError> {
        self.bind()?.verify(&self.remote(remote), facts, now_ms)
    }

    pub(super) fn revert(
        &self,
        remote: &dyn Remote,
        facts: &Values,
        (before, now_ms): (bool, i64),
    ) -> Result<Outcome, ActError> {
        self.bind()?.revert(&self.remote(remote), facts, (before, now_ms))
    }

    pub(super) fn verify_revert(
        &self,
        remote: &dyn Remote,
        facts: &Values,
        now_ms: i64,
    ) -> Result<Outcome, ActError> {
        self.bind()?.verify_revert(&self.remote(remote), facts, now_ms)
    }
}

fn connection(setup: &dyn Setup, action: &str) -> Result<(Connection, String), RespondError> {
    let (connector, action) =
        action.split_once('.').ok_or_else(|| RespondError::BadAction(action.chars().take(80).collect()))?;
    let connection = setup.connection(connector);
    Ok((connection.ok_or_else(|| RespondError::NoConnector(connector.to_owned()))?, action.to_owned()))
}
