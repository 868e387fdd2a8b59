//! The phases of an action against the remote side: look, plan, apply, verify, revert, and verify that.
//!
//! **Invariant:** a request that may have taken effect is never sent again before a look. Where the look cannot tell, the
//! outcome is [`Outcome::Unknown`], for a person.

use super::answer::Answer;
use super::exchange::{Exchange, FormatError, Request, names_of};
use super::host::HostCommand;
use super::owner::{self, NoOwner};
use super::send::Sending;
use super::spec::{ActionSpec, BadForm, Connector};
use super::template::{Place, TemplateError, Values};
use crate::plan::{About, BlastRadius, Change, Draft, Plan, PlanError};
use crate::protect::{Admitted, Protection, Refusal, Target, TargetKind};

/// Something that answers requests: HTTP, or an emulator.
pub trait Remote: Send + Sync {
    /// Sends a request and waits for its answer, within bounds of time and size of its own.
    ///
    /// # Errors
    /// [`Unanswered`].
    fn send(&self, request: &Request) -> Result<Answer, Unanswered>;

    /// Runs a command on a host, within its bounds of time and size. The answer's status is its exit code.
    ///
    /// # Errors
    /// [`Unanswered`].
    fn run(&self, command: &HostCommand) -> Result<Answer, Unanswered> {
        Err(Unanswered::Refused(format!("no commands are run on {} from here", command.host)))
    }
}

/// There is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The request did not leave: it had no effect.
    #[error("the request was not sent: {0}")]
    NotSent(String),
    /// It did not leave, and would not if it were tried again: somebody is not who they should be.
    #[error("the request was not sent: {0}")]
    Refused(String),
    /// It may have arrived, and may have had its effect.
    #[error("no answer came: {0}")]
    Lost(String),
}

/// What came of a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is so.
    Done(Values),
    /// It is not, and had no effect; trying again later may help.
    Later(String),
    /// It is refused, and had no effect.
    Refused(String),
    /// A part of it was done and the rest is refused; a person must look.
    Partly(String),
    /// Nobody can tell; a person must look.
    Unknown(String),
}

/// An action cannot be asked for like this.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// No such action.
    #[error("{connector} has no action {action:?}")]
    UnknownAction {
        /// Where it was looked for.
        connector: String,
        /// Its name.
        action: String,
    },
    /// The target's name or an input is not of the right form.
    #[error(transparent)]
    BadForm(#[from] BadForm),
    /// The target is protected, or names nothing.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The look did not tell whose it is.
    #[error(transparent)]
    NoOwner(#[from] NoOwner),
    /// A request cannot be written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The plan cannot be told.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The plan does not hold.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// What came of an earlier try.
enum Earlier {
    /// It had no effect, or has none any more; why so.
    HadNone(String),
    /// That settles it.
    Came(Outcome),
}

/// An action of a connector, on a target that was let through.
#[derive(Debug)]
pub struct Act<'c> {
    connector: &'c Connector,
    name: &'c str,
    action: &'c ActionSpec,
    target: Admitted,
    values: Values,
}

/// What is said of an action besides its target.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Its inputs by name.
    pub inputs: Values,
    /// After what time it is taken back, in milliseconds; its default if not said.
    pub ttl_ms: Option<u64>,
    /// What else would feel it.
    pub blast_radius: BlastRadius,
    /// The incident that it is for.
    pub incident: String,
    /// What people should know of the target.
    pub about: Vec<About>,
}

impl<'c> Act<'c> {
    /// Binds an action to its target: the form of the name is checked, and the list of what is protected asked.
    /// `settings` has the connector's settings.
    ///
    /// # Errors
    /// [`ActError`]; then nothing was sent.
    pub fn bind(
        connector: &'c Connector,
        action: &str,
        (target, belongs_to): (&str, Vec<Target>),
        (settings, inputs): (&Values, &Values),
        protection: &Protection,
    ) -> Result<Self, ActError> {
        let found = connector.actions.get_key_value(action);
        let (name, action) = found.ok_or_else(|| ActError::UnknownAction {
            connector: connector.connector.clone(),
            action: action.to_owned(),
        })?;
        let mut values = connector.values(settings);
        values.extend(action.target_values(target)?);
        values.extend(action.input_values(inputs)?);
        let mut belongs_to = belongs_to;
        // what its name says of whose it is needs no look
        let parts = owner::known(&action.belongs_to, &values);
        belongs_to.extend(parts.into_iter().filter(|part| !belongs_to.contains(part)).collect::<Vec<_>>());
        let target = Target { kind: action.target, name: target.to_owned(), belongs_to };
        let target = if action.of_any_kind {
            protection.admit_of_any_kind(target)?
        } else {
            protection.admit(target)?
        };
        Ok(Self { connector, name, action, target, values })
    }

    /// What it is about.
    pub const fn kind(&self) -> TargetKind {
        self.action.target
    }

    /// Looks, changing nothing: what the plan tells.
    ///
    /// # Errors
    /// [`ActError`] for a request that cannot be written.
    pub fn look(&self, remote: &dyn Remote, now_ms: i64) -> Result<Outcome, ActError> {
        self.each(&self.action.read, remote, &self.with(&Values::new(), now_ms), now_ms)
    }

    /// Whether it is in effect already, where a look has found nothing to do: by the proof of the action, if its file says
    /// that this tells it, and with what the look told before it was refused.
    ///
    /// # Errors
    /// [`ActError`] for a request that cannot be written.
    pub fn already(&self, remote: &dyn Remote, now_ms: i64) -> Result<bool, ActError> {
        if !self.action.verify_tells_already {
            return Ok(false);
        }
        let (read, none) = (&self.action.read, self.with(&Values::new(), now_ms));
        for before in (0..read.len()).rev() {
            let Outcome::Done(facts) = self.each(&read[..before], remote, &none, now_ms)? else { continue };
            let is_known = self.can_tell(&facts, false);
            return Ok(is_known && matches!(self.verify(remote, &facts, now_ms)?, Outcome::Done(_)));
        }
        Ok(false)
    }

    /// Whose the target is, as its name says and a look has found; held against what is protected as well.
    ///
    /// # Errors
    /// [`ActError::NoOwner`].
    pub fn owners(&self, facts: &Values) -> Result<Vec<Target>, ActError> {
        Ok(owner::found(&self.action.belongs_to, &self.with(facts, 0))?)
    }

    /// What people should know of the target before they decide, by looks of their own.
    pub fn about(&self, remote: &dyn Remote, facts: &Values, now_ms: i64) -> Vec<About> {
        let sending = Sending { connector: self.connector, remote, now_ms, is_proof: false };
        super::about::look(sending, &self.action.about, &self.with(facts, now_ms))
    }

    /// The plan, of what a look has found.
    ///
    /// # Errors
    /// [`ActError`].
    pub fn plan(&self, facts: &Values, asked: Asked, now_ms: i64) -> Result<Plan, ActError> {
        let values = self.with(facts, now_ms);
        let mut changes = Vec::with_capacity(self.action.changes.len());
        for change in &self.action.changes {
            changes.push(Change {
                what: change.what.fill(&values, Place::Json)?,
                before: change.before.fill(&values, Place::Json)?,
                after: change.after.fill(&values, Place::Json)?,
            });
        }
        let mut blast_radius = asked.blast_radius;
        // a note about what nothing was told of says nothing
        let is_told = |name: &str| values.get(name).is_some_and(|value| !value.is_empty() && value != "null");
        for note in self.action.notes.iter().filter(|note| note.names().all(is_told)) {
            blast_radius.notes.push(note.fill(&values, Place::Json)?);
        }
        let draft = Draft {
            action: format!("{}.{}", self.connector.connector, self.name),
            action_version: self.connector.edition(&values),
            changes,
            blast_radius,
            impact: self.action.impact,
            reversibility: self.action.reversibility,
            ttl_ms: asked.ttl_ms.or(self.action.ttl_minutes_default.map(|minutes| minutes * 60_000)),
            incident: asked.incident,
            about: asked.about,
        };
        Ok(Plan::of(draft, &self.target)?)
    }

    /// Applies it. `before` says whether an earlier try may have arrived: then it looks first.
    ///
    /// # Errors
    /// [`ActError`] for a request that cannot be written; then nothing was sent.
    pub fn apply(
        &self,
        remote: &dyn Remote,
        facts: &Values,
        (before, now_ms): (bool, i64),
    ) -> Result<Outcome, ActError> {
        let proof = &self.action.verify;
        if before && self.action.apply_once {
            let values = self.with(facts, now_ms);
            return match self.earlier(proof, remote, &values, now_ms)? {
                Earlier::HadNone(reason) => self.resume(remote, &values, (reason, now_ms)),
                Earlier::Came(outcome) => Ok(outcome),
            };
        }
        self.change((&self.action.apply, proof), remote, facts, (before, now_ms))
    }

    /// Goes on with what an earlier try began, and begins nothing.
    fn resume(
        &self,
        remote: &dyn Remote,
        values: &Values,
        (reason, now_ms): (String, i64),
    ) -> Result<Outcome, ActError> {
        let rest: Vec<Exchange> = self.action.apply.iter().filter(|one| one.resumes).cloned().collect();
        let why = format!("a try was sent, and is not in effect: {reason}");
        if rest.is_empty() {
            return Ok(Outcome::Partly(why));
        }
        Ok(match self.each(&rest, remote, values, now_ms)? {
            Outcome::Refused(refused) | Outcome::Partly(refused) => {
                Outcome::Partly(format!("{why}; {refused}"))
            }
            outcome => outcome,
        })
    }

    /// Looks whether it took effect. [`Outcome::Refused`] says that it did not. Where the answer is the proof, only what was
    /// answered comes here, and nothing is asked.
    ///
    /// # Errors
    /// [`ActError`] for a request that cannot be written.
    pub fn verify(&self, remote: &dyn Remote, facts: &Values, now_ms: i64) -> Result<Outcome, ActError> {
        if self.action.answer_is_proof {
            return Ok(Outcome::Done(Values::new()));
        }
        self.prove(&self.action.verify, remote, &self.with(facts, now_ms), now_ms)
    }

    /// Takes it back, as [`Act::apply`] applies it.
    ///
    /// # Errors
    /// [`ActError`] for a request that cannot be written; then nothing was sent.
    pub fn revert(
        &self,
        remote: &dyn Remote,
        facts: &Values,
        (before, now_ms): (bool, i64),
    ) -> Result<Outcome, ActError> {
        self.change((&self.action.revert, &self.action.verify_revert), remote, facts, (before, now_ms))
    }

    /// Looks whether it is taken back.
    ///
    /// # Errors
    /// [`ActError`] for a request that cannot be written.
    pub fn verify_revert(
        &self,
        remote: &dyn Remote,
        facts: &Values,
        now_ms: i64,
    ) -> Result<Outcome, ActError> {
        self.prove(&self.action.verify_revert, remote, &self.with(facts, now_ms), now_ms)
    }

    /// Whether a look can tell whether it took effect, or is taken back: whether everything is known that it takes. Not
    /// so where only a lost answer told it, such as the number of what was made, or is the proof itself.
    pub fn can_tell(&self, facts: &Values, taken_back: bool) -> bool {
        if self.action.answer_is_proof {
            return false;
        }
        let mut known = self.with(facts, 0);
        let proof = if taken_back { &self.action.verify_revert } else { &self.action.verify };
        proof.iter().all(|exchange| {
            let of_body = exchange.body.as_ref().map(names_of).and_then(Result::ok).unwrap_or_default();
            let mut taken = exchange.names().into_iter().chain(of_body.iter().map(String::as_str));
            let is_known = taken.all(|name| known.contains_key(name));
            known.extend(exchange.facts.keys().map(|name| (name.clone(), String::new())));
            is_known
        })
    }

    fn with(&self, facts: &Values, now_ms: i64) -> Values {
        let mut values = self.values.clone();
        values.insert("now".to_owned(), now(now_ms));
        values.extend(facts.clone());
        values
    }

    fn change(
        &self,
        (exchanges, proof): (&[Exchange], &[Exchange]),
        remote: &dyn Remote,
        facts: &Values,
        (before, now_ms): (bool, i64),
    ) -> Result<Outcome, ActError> {
        let values = self.with(facts, now_ms);
        if before && let Earlier::Came(outcome) = self.earlier(proof, remote, &values, now_ms)? {
            return Ok(outcome);
        }
        self.each(exchanges, remote, &values, now_ms)
    }

    /// What came of an earlier try, which may have arrived.
    fn earlier(
        &self,
        proof: &[Exchange],
        remote: &dyn Remote,
        values: &Values,
        now_ms: i64,
    ) -> Result<Earlier, ActError> {
        if self.action.answer_is_proof {
            let reason =
                "an earlier try may have had its effect, and only its answer, which was lost, told that";
            return Ok(Earlier::Came(Outcome::Unknown(reason.to_owned())));
        }
        match self.prove(proof, remote, values, now_ms) {
            Ok(Outcome::Done(_)) => Ok(Earlier::Came(Outcome::Done(Values::new()))),
            Ok(Outcome::Refused(reason)) => Ok(Earlier::HadNone(reason)),
            Ok(Outcome::Later(reason) | Outcome::Unknown(reason) | Outcome::Partly(reason)) => {
                Ok(Earlier::Came(Outcome::Later(reason)))
            }
            // the proof needs what only the lost answer told, such as the number of what was made
            Err(ActError::Format(FormatError::Template(TemplateError::Missing(name)))) => {
                let reason =
                    format!("an earlier try may have had its effect, and its answer, with {name}, was lost");
                Ok(Earlier::Came(Outcome::Unknown(reason)))
            }
            Err(error) => Err(error),
        }
    }

    /// Exchanges in their order; what one tells, the next ones know.
    fn each(
        &self,
        exchanges: &[Exchange],
        remote: &dyn Remote,
        values: &Values,
        now_ms: i64,
    ) -> Result<Outcome, ActError> {
        Sending { connector: self.connector, remote, now_ms, is_proof: false }.each(exchanges, values)
    }

    /// As [`Act::each`], where a refusal says that something is not so: one of the connection says nothing.
    fn prove(
        &self,
        exchanges: &[Exchange],
        remote: &dyn Remote,
        values: &Values,
        now_ms: i64,
    ) -> Result<Outcome, ActError> {
        Sending { connector: self.connector, remote, now_ms, is_proof: true }.each(exchanges, values)
    }
}

/// The time as requests say it, without parts of a second.
pub(super) fn now(now_ms: i64) -> String {
    let now = jiff::Timestamp::from_millisecond(now_ms - now_ms.rem_euclid(1_000)).unwrap_or_default();
    now.to_string()
}
