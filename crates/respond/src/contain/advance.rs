//! The worker: takes what is due, does the one next thing, writes what came of it.

use super::bound::Bound;
use super::record::Record;
use super::step::{self, Next, Said};
use crate::actor::Actor;
use crate::connector::{ActError, Asked, Outcome};
use crate::error::RespondError;
use crate::plan::Plan;
use crate::service::Responder;
use model::{Containment, ContainmentId, ContainmentState, IncidentId, Lease, LeaseId};
use ports::store::UnitOfWork;

/// How long a worker keeps others from its connector, in milliseconds, since it began or said last that it is still at it,
/// which it does before each request and every two seconds while one is under way. So one worker at most is at a connector,
/// however slow its system is; and one that was killed keeps its row until its lease ends, and its connector no longer than this.
pub const BUSY_MS: i64 = 20_000;

/// What a worker has done, for those who tell people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which.
    pub id: ContainmentId,
    /// The incident that it is for.
    pub incident: Option<IncidentId>,
    /// The action.
    pub action: String,
    /// On what.
    pub target: String,
    /// Where it stood.
    pub from: ContainmentState,
    /// Where it stands; the same where it was tried and is to be tried again.
    pub to: ContainmentState,
    /// What is wrong, in words.
    pub problem: Option<String>,
    /// What was recorded of it, by the audit record's action (`containment.remind`), if anything was.
    pub said: Option<&'static str>,
}

/// What came of the part that waits for the remote side.
enum Came {
    Look(Box<Result<(Outcome, Option<Plan>), ActError>>),
    Phase(Result<Outcome, ActError>),
}

impl Responder {
    /// Takes one that is due, does its one next thing, and writes what came of it; `None` if nothing is due of which the
    /// system is free: what is to be taken back comes first, and no two of one connector are worked on at a time. Any
    /// number of workers may do this at once.
    ///
    /// # Errors
    /// [`RespondError::Store`]; then whatever was begun is taken up again when the lease has ended.
    pub async fn advance_containment(&self) -> Result<Option<Moved>, RespondError> {
        let (now_ms, times) = (self.now_ms(), &self.options.times);
        let id = LeaseId::new(&*self.options.clock, &*self.options.entropy);
        let lease = Lease { id, until_ms: now_ms.saturating_add(times.lease_ms) };
        let mut unit = self.options.store.begin().await?;
        // all leases are as long as this one: those that end later were taken, or renewed, so short ago
        let busy_after_ms = lease.until_ms.saturating_sub(BUSY_MS);
        let Some(mut row) = unit.containments().take(lease, now_ms, busy_after_ms).await? else {
            return Ok(None);
        };
        let from = row.state;
        let next = step::next(&row, now_ms, times);
        // an earlier try may have arrived
        let before = row.progress.sent;
        let void = match next {
            Next::Look | Next::Apply => self.void(&mut *unit, &row).await?,
            _ => None,
        };
        let prepared = self.prepare(&mut row, next, (before, void), now_ms);
        let said = match &prepared {
            Prepared::Settled(said) => said.clone(),
            Prepared::AtRemote { .. } if matches!(next, Next::Apply | Next::Revert) => {
                Some(step::sending(&mut row, now_ms, times))
            }
            Prepared::AtRemote { .. } => None,
        };
        let is_settled = matches!(prepared, Prepared::Settled(_));
        let told = said.as_ref().map(|said| said.action);
        if is_settled || said.is_some() {
            self.write(&mut *unit, &mut row, from, said.map(record)).await?;
        }
        unit.commit().await?;
        let Prepared::AtRemote { bound } = prepared else {
            return Ok(Some(Moved { said: told, ..moved(&row, from) }));
        };
        if self.now_ms() >= lease.until_ms {
            // the store kept us waiting for so long that another worker may be at it
            return Ok(Some(moved(&row, from)));
        }
        let bound = bound.watched(self.still_mine(row.id, lease));
        let came = self.wait_for(&row, bound, next, before).await?;
        self.write_outcome(&row, lease, next, (came, before)).await.map(Some)
    }

    /// Why it may not be applied, or not now, though it stands as approved.
    async fn void(
        &self,
        unit: &mut dyn UnitOfWork,
        row: &Containment,
    ) -> Result<Option<Outcome>, RespondError> {
        if let Some(why) = step::tampered(row) {
            return Ok(Some(Outcome::Refused(why.to_owned())));
        }
        let by_people = row.decision.people > 0 && row.progress.broken_glass.is_none();
        let is_withdrawn = by_people && !self.withdrawn(unit, row).await?.is_empty();
        if is_withdrawn {
            let why = "somebody who said yes may not approve any more, or answered for another who does not let them; ask again";
            return Ok(Some(Outcome::Refused(why.to_owned())));
        }
        self.too_many(unit, row).await
    }

    /// Whether the action would have too many targets in the window if it were applied now, however long ago it was asked for.
    async fn too_many(
        &self,
        unit: &mut dyn UnitOfWork,
        row: &Containment,
    ) -> Result<Option<Outcome>, RespondError> {
        if row.progress.sent || row.progress.broken_glass.is_some() {
            return Ok(None);
        }
        let (now_ms, limit) = (self.now_ms(), self.options.setup.limit(&row.action));
        let since_ms = now_ms.saturating_sub(limit.window_ms);
        let past = unit.containments().applied_since(&row.action, since_ms).await?;
        let of_past = past.iter().map(|(at_ms, target)| (*at_ms, target.as_str()));
        let many = limit.admit(of_past, &row.target, now_ms).err();
        Ok(many.map(|many| Outcome::Later(many.to_string())))
    }

    /// What needs no remote side is done at once; of the rest, what is needed there is put together. `void`: why it may not
    /// be applied.
    fn prepare(
        &self,
        row: &mut Containment,
        next: Next,
        (before, void): (bool, Option<Outcome>),
        now_ms: i64,
    ) -> Prepared {
        let times = &self.options.times;
        let done = |said: Said| Prepared::Settled(Some(said));
        match next {
            Next::Expire => return done(step::expire(row, now_ms)),
            Next::BeginRevert => return done(step::revert_due(row, now_ms, times)),
            Next::TellEnd => return done(step::tell_end(row, now_ms, times)),
            Next::Remind => return done(step::remind(row, now_ms, times)),
            Next::Look | Next::Apply | Next::Verify | Next::Revert | Next::VerifyRevert => {}
        }
        let taking_back = matches!(next, Next::Verify | Next::Revert | Next::VerifyRevert);
        let setup = &*self.options.setup;
        let nothing_sent = match Bound::stored(setup, row, taking_back) {
            Ok(bound) => match (bound.check(), void) {
                (Ok(()), Some(void)) => Ok(void),
                (Ok(()), _)
                    if before
                        && matches!(next, Next::Apply | Next::Revert)
                        && !bound.can_tell(&row.facts, next == Next::Revert) =>
                {
                    return done(step::cannot_tell(row, now_ms, times));
                }
                (Ok(()), _) => {
                    return Prepared::AtRemote { bound };
                }
                (Err(error), _) => Err(error),
            },
            // a connector that is not set up now may be later
            Err(RespondError::NoConnector(name)) => Ok(Outcome::Later(format!("{name} is not set up"))),
            Err(error) => Ok(Outcome::Refused(error.to_string())),
        };
        let came = match next {
            Next::Look => Came::Look(Box::new(nothing_sent.map(|outcome| (outcome, None)))),
            _ => Came::Phase(nothing_sent),
        };
        Prepared::Settled(settle(row, next, (came, before), now_ms, times))
    }

    async fn wait_for(
        &self,
        row: &Containment,
        bound: Bound,
        next: Next,
        before: bool,
    ) -> Result<Came, RespondError> {
        let (facts, now_ms) = (row.facts.clone(), self.now_ms());
        if next == Next::Look {
            let plan: Option<Plan> = serde_json::from_value(row.plan.clone()).ok();
            let asked = Asked {
                inputs: row.inputs.clone(),
                ttl_ms: row.ttl_ms,
                blast_radius: plan.map(|plan| plan.blast_radius).unwrap_or_default(),
                incident: row.incident.map(|id| id.to_string()).unwrap_or_default(),
                about: Vec::new(),
            };
            let came = self.at_remote(move |remote| bound.look_and_plan(remote, asked, now_ms)).await?;
            return Ok(Came::Look(Box::new(came)));
        }
        let came = self.at_remote(move |remote| match next {
            Next::Apply => bound.apply(remote, &facts, (before, now_ms)),
            Next::Revert => bound.revert(remote, &facts, (before, now_ms)),
            Next::VerifyRevert => bound.verify_revert(remote, &facts, now_ms),
            _ => bound.verify(remote, &facts, now_ms),
        });
        Ok(Came::Phase(came.await?))
    }

    /// Writes what came of it, unless another worker has taken over or a person has decided otherwise meanwhile: then what
    /// was found is of the past.
    async fn write_outcome(
        &self,
        row: &Containment,
        lease: Lease,
        next: Next,
        came: (Came, bool),
    ) -> Result<Moved, RespondError> {
        let mut unit = self.options.store.begin().await?;
        let mut fresh = Self::stored(&mut *unit, row.id).await?;
        if fresh.lease.map(|held| held.id) != Some(lease.id) || fresh.state != row.state {
            return Ok(moved(&fresh, row.state));
        }
        let said = settle(&mut fresh, next, came, self.now_ms(), &self.options.times);
        let told = said.as_ref().map(|said| said.action);
        self.write(&mut *unit, &mut fresh, row.state, said.map(record)).await?;
        unit.commit().await?;
        Ok(Moved { said: told, ..moved(&fresh, row.state) })
    }
}

enum Prepared {
    /// All of it.
    Settled(Option<Said>),
    /// The remote side is asked.
    AtRemote { bound: Bound },
}

fn settle(
    row: &mut Containment,
    next: Next,
    (came, before): (Came, bool),
    now_ms: i64,
    times: &crate::times::Times,
) -> Option<Said> {
    match (came, next) {
        (Came::Look(came), _) => step::looked(row, *came, now_ms, times),
        (Came::Phase(came), Next::Apply) => step::applied(row, came, before, now_ms, times),
        (Came::Phase(came), Next::Revert) => step::reverted(row, came, before, now_ms, times),
        (Came::Phase(came), Next::VerifyRevert) => step::verified_revert(row, came, now_ms, times),
        (Came::Phase(came), _) => step::verified(row, came, now_ms, times),
    }
}

fn record(said: Said) -> Record {
    let mut record = Record::of(&Actor::system(), said.action);
    record.reason = said.reason;
    record
}

fn moved(row: &Containment, from: ContainmentState) -> Moved {
    Moved {
        id: row.id,
        incident: row.incident,
        action: row.action.clone(),
        target: row.target.clone(),
        from,
        to: row.state,
        problem: row.progress.problem.clone(),
        said: None,
    }
}
