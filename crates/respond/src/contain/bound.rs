//! An action bound to its target, with everything that it needs: so that it can be taken to the thread that waits.

use super::request::ContainRequest;
use crate::connector::{Act, ActError, Asked, Outcome, Remote, Values};
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
        })
    }

    fn bind(&self, owners: Vec<Target>) -> Result<Act<'_>, ActError> {
        let mut belongs_to = self.belongs_to.clone();
        belongs_to.extend(owners.into_iter().filter(|owner| !self.belongs_to.contains(owner)));
        Act::bind(
            &self.connection.connector,
            &self.action,
            (&self.target, belongs_to),
            (&self.connection.settings, &self.inputs),
            &self.protection,
        )
    }

    /// Whether it may be done now, by its form and by what is protected.
    pub(super) fn check(&self) -> Result<(), ActError> {
        self.bind(Vec::new()).map(drop)
    }

    /// Whether applying it, or taking it back, is one request: then one that was refused had no effect at all.
    pub(super) fn is_one_request(&self, taking_back: bool) -> bool {
        let action = self.connection.connector.actions.get(&self.action);
        action.is_some_and(|action| if taking_back { &action.revert } else { &action.apply }.len() == 1)
    }

    /// Looks; and plans, where there is something to do. Whose the target is counts as the look has found it.
    pub(super) fn look_and_plan(
        &self,
        remote: &dyn Remote,
        asked: Asked,
        now_ms: i64,
    ) -> Result<(Outcome, Option<Plan>), ActError> {
        let outcome = self.bind(Vec::new())?.look(remote, now_ms)?;
        let Outcome::Done(facts) = &outcome else { return Ok((outcome, None)) };
        let owners = self.bind(Vec::new())?.owners(facts)?;
        let plan = self.bind(owners)?.plan(facts, asked, now_ms)?;
        Ok((outcome, Some(plan)))
    }

    /// Whether a look can tell what came of an earlier try.
    pub(super) fn can_tell(&self, facts: &Values, taking_back: bool) -> bool {
        // what cannot be bound was found out before
        self.bind(Vec::new()).is_ok_and(|act| act.can_tell(facts, taking_back))
    }

    pub(super) fn apply(
        &self,
        remote: &dyn Remote,
        facts: &Values,
        (before, now_ms): (bool, i64),
    ) -> Result<Outcome, ActError> {
        self.bind(Vec::new())?.apply(remote, facts, (before, now_ms))
    }

    pub(super) fn verify(
        &self,
        remote: &dyn Remote,
        facts: &Values,
        now_ms: i64,
    ) -> Result<Outcome, ActError> {
        self.bind(Vec::new())?.verify(remote, facts, now_ms)
    }

    pub(super) fn revert(
        &self,
        remote: &dyn Remote,
        facts: &Values,
        (before, now_ms): (bool, i64),
    ) -> Result<Outcome, ActError> {
        self.bind(Vec::new())?.revert(remote, facts, (before, now_ms))
    }

    pub(super) fn verify_revert(
        &self,
        remote: &dyn Remote,
        facts: &Values,
        now_ms: i64,
    ) -> Result<Outcome, ActError> {
        self.bind(Vec::new())?.verify_revert(remote, facts, now_ms)
    }
}

fn connection(setup: &dyn Setup, action: &str) -> Result<(Connection, String), RespondError> {
    let (connector, action) =
        action.split_once('.').ok_or_else(|| RespondError::BadAction(action.chars().take(80).collect()))?;
    let connection = setup.connection(connector);
    Ok((connection.ok_or_else(|| RespondError::NoConnector(connector.to_owned()))?, action.to_owned()))
}
