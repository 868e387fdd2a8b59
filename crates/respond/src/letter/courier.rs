//! The courier: addresses letters, gives mails to a server, and tries again.

use super::said::{self, NOBODY, REFUSED, Untold};
use super::text;
use async_trait::async_trait;
use model::{
    Clock, Containment, ContainmentState, Entropy, Incident, Lease, LeaseId, Letter, LetterAbout, LetterId,
    LetterKind, LetterState, PersonId, RunState, StepState,
};
use ports::mail::{Mail, MailAddress, MailError, Mailer};
use ports::store::{Person, Snapshot, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// After what time a letter is given up that no mail server takes, in milliseconds: who is told later than this is told of
/// something else.
pub const GIVE_UP_MS: i64 = 24 * 60 * 60_000;
/// Most people who are told of one thing.
pub const RECIPIENTS_MAX: usize = 500;
/// The wait after the first try that failed, in milliseconds; doubled after each.
const RETRY_FIRST_MS: i64 = 30_000;
/// The longest wait between tries.
const RETRY_LONGEST_MS: i64 = 30 * 60_000;
/// How often it is looked at what waits where no mail is configured.
const UNCONFIGURED_MS: i64 = 10 * 60_000;
/// How long a courier has for one letter; longer than a mail takes, also one to a slow server.
const LEASE_MS: i64 = 3 * 60_000;
/// How long a mailer is waited for that does not end by itself.
const SEND_WAIT_MAX: Duration = Duration::from_secs(100);
/// How often it is looked whether something is due.
const PAUSE: Duration = Duration::from_secs(1);
/// The pause after an error of the store.
const ERROR_PAUSE: Duration = Duration::from_secs(5);

/// Who reads letters: those who may decide on containments, by the policies as they are now.
#[async_trait]
pub trait Readers: Send + Sync {
    /// Everyone who may decide on containments and for whom this incident exists (`None`: what is for no incident).
    ///
    /// # Errors
    /// Those of the store.
    async fn all(&self, incident: Option<&Incident>) -> Result<Vec<Arc<Person>>, StoreError>;

    /// The person, if they are one of these.
    ///
    /// # Errors
    /// Those of the store.
    async fn one(&self, id: PersonId, incident: Option<&Incident>)
    -> Result<Option<Arc<Person>>, StoreError>;
}

/// What it works with.
#[derive(Clone)]
pub struct CourierOptions {
    /// Where letters are kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For ids.
    pub entropy: Arc<dyn Entropy>,
    /// What gives mails to a server; `None` where no mail is configured. Letters wait then, for a day.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// Who reads them.
    pub readers: Arc<dyn Readers>,
    /// Where people reach the console: `https://hue.example.com`.
    pub console_url: String,
}

/// What came of one turn at a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// There is one for each of so many people now.
    Addressed(usize),
    /// A server took it.
    Sent,
    /// There is nothing to tell any more, or nobody.
    Moot,
    /// It is tried again.
    Later,
    /// It was tried for long enough, no server takes it, or nobody of those to tell has an address.
    GivenUp,
    /// No mail is configured.
    Unconfigured,
}

impl Delivery {
    /// Its name, for counting.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Addressed(_) => "addressed",
            Self::Sent => "sent",
            Self::Moot => "moot",
            Self::Later => "later",
            Self::GivenUp => "given_up",
            Self::Unconfigured => "unconfigured",
        }
    }
}

/// One turn at a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The letter.
    pub letter: LetterId,
    /// What it tells.
    pub kind: LetterKind,
    /// What came of it.
    pub delivery: Delivery,
    /// What a mail server said, and what was in the way; without addresses.
    pub problem: Option<String>,
}

/// What a letter tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Matter {
    /// What `name` is.
    pub(super) what: &'static str,
    /// The action's or the playbook's name.
    pub(super) name: String,
    /// Who did it and why.
    pub(super) word: Option<(String, String)>,
    /// Until when something can be done.
    pub(super) until_ms: Option<i64>,
    /// Who is not told, by id: those who asked, and those who have answered.
    pub(super) left_out: Vec<String>,
}

/// What comes of a letter.
enum Came {
    /// To these, and to so many more not.
    Addressed(Vec<PersonId>, usize),
    Sent(String),
    Moot(&'static str),
    /// Nobody of those who are to be told has an address.
    Nobody,
    /// No server takes it for this person.
    Refused(String),
    NotYet(String),
    Unconfigured,
}

/// Addresses and sends letters. Cheap to clone; any number of them work on one store.
#[derive(Clone)]
pub struct Courier {
    options: CourierOptions,
}

impl Courier {
    /// The courier.
    pub const fn new(options: CourierOptions) -> Self {
        Self { options }
    }

    /// Delivers what is due until `shutdown`, and tells of each turn.
    pub async fn run(&self, shutdown: CancellationToken, tell: impl Fn(&Delivered) + Send + Sync) {
        while !shutdown.is_cancelled() {
            // one that is cut off is taken up again when its lease has ended
            let pause = match shutdown.run_until_cancelled(self.advance()).await {
                None => return,
                Some(Ok(Some(delivered))) => {
                    tell(&delivered);
                    Duration::ZERO
                }
                Some(Ok(None)) => PAUSE,
                Some(Err(error)) => {
                    tracing::error!(%error, "a letter was not delivered; it is taken up again");
                    ERROR_PAUSE
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes one turn at the letter that is due longest; `None` if none is.
    ///
    /// # Errors
    /// Those of the store; then the letter is taken up again when the lease has ended.
    pub async fn advance(&self) -> Result<Option<Delivered>, StoreError> {
        let (now_ms, store) = (self.options.clock.now_ms(), &self.options.store);
        let due_ms = store.read().await?.letters().next_due().await?;
        if due_ms.is_none_or(|due_ms| due_ms > now_ms) {
            return Ok(None);
        }
        let id = LeaseId::new(&*self.options.clock, &*self.options.entropy);
        let lease = Lease { id, until_ms: now_ms.saturating_add(LEASE_MS) };
        let mut unit = store.begin().await?;
        let Some(letter) = unit.letters().take(lease, now_ms).await? else { return Ok(None) };
        unit.commit().await?;
        let came = self.deliver(&letter).await?;
        self.settle(letter, came, lease.id).await
    }

    async fn deliver(&self, letter: &Letter) -> Result<Came, StoreError> {
        let Some(mailer) = &self.options.mailer else { return Ok(Came::Unconfigured) };
        let mut snapshot = self.options.store.read().await?;
        let incident = match letter.incident {
            Some(id) => match snapshot.incidents().get(id).await? {
                Some(incident) => Some(incident),
                None => return Ok(Came::Moot("its incident is not there any more")),
            },
            None => None,
        };
        let matter = match self.matter(&mut *snapshot, letter).await? {
            Ok(matter) => matter,
            Err(why) => return Ok(Came::Moot(why)),
        };
        drop(snapshot);
        let Some(person) = letter.person else { return self.addressed(&matter, incident.as_ref()).await };
        // roles, incidents and votes may be others than when it was addressed
        let reader = self.options.readers.one(person, incident.as_ref()).await?;
        let reader = reader.filter(|reader| !matter.left_out.contains(&reader.id.to_string()));
        let Some(to) = reader.as_deref().and_then(address) else {
            return Ok(Came::Moot("who was to be told is not to be told any more, or has no address"));
        };
        let about = (letter.about, letter.incident);
        let text = text::text(letter.kind, about, &matter, &self.options.console_url);
        let id = letter.id.to_string();
        let mail = match Mail::new(&id, to, text::subject(letter.kind), &text, letter.created_at_ms) {
            Ok(mail) => mail,
            Err(error) => return Ok(Came::NotYet(error.to_string())),
        };
        Ok(match given(Arc::clone(mailer), mail).await {
            Ok(said) => Came::Sent(said),
            Err(MailError::Refused(why)) => Came::Refused(why),
            // one that may have arrived is sent again: it has the same id
            Err(MailError::NotSent(why) | MailError::Unknown(why)) => Came::NotYet(why),
        })
    }

    async fn addressed(&self, matter: &Matter, incident: Option<&Incident>) -> Result<Came, StoreError> {
        let readers = self.options.readers.all(incident).await?;
        let is_told = |reader: &&Arc<Person>| !matter.left_out.contains(&reader.id.to_string());
        let to_tell: Vec<_> = readers.iter().filter(is_told).collect();
        if to_tell.is_empty() && !matter.left_out.is_empty() {
            return Ok(Came::Moot("there is nobody else who may decide on it"));
        }
        let with_address = to_tell.iter().filter(|reader| address(reader).is_some());
        let mut people: Vec<PersonId> = with_address.map(|reader| reader.id).collect();
        if people.is_empty() {
            return Ok(Came::Nobody);
        }
        people.sort();
        let left = people.len().saturating_sub(RECIPIENTS_MAX);
        people.truncate(RECIPIENTS_MAX);
        Ok(Came::Addressed(people, left))
    }

    /// What it tells of, or why there is nothing to tell.
    async fn matter(
        &self,
        snapshot: &mut dyn Snapshot,
        letter: &Letter,
    ) -> Result<Result<Matter, &'static str>, StoreError> {
        let now_ms = self.options.clock.now_ms();
        let id = match letter.about {
            LetterAbout::Containment(id) => id,
            LetterAbout::Run(id) => {
                let Some(run) = snapshot.runs().get(id).await? else {
                    return Ok(Err("the run is not there any more"));
                };
                if letter.kind == LetterKind::NotContained {
                    return Ok(Ok(Matter { what: "Playbook", name: run.name, ..Matter::default() }));
                }
                let steps = snapshot.runs().steps(id, true).await?;
                let waits = run.state == RunState::Running
                    && steps.iter().any(|step| step.state == StepState::Unknown);
                let matter = Matter { what: "Playbook", name: run.name, ..Matter::default() };
                return Ok(if waits { Ok(matter) } else { Err("somebody has said what is so") });
            }
            LetterAbout::Incident(_) => {
                let name = "a comment on the incident says which order, and why".to_owned();
                return Ok(Ok(Matter { what: "Standing order", name, ..Matter::default() }));
            }
        };
        let Some(row) = snapshot.containments().get(id).await? else {
            return Ok(Err("the containment is not there any more"));
        };
        Ok(of_containment(letter.kind, &row, now_ms))
    }

    /// Writes what came of it, if it is still ours.
    async fn settle(
        &self,
        letter: Letter,
        came: Came,
        held: LeaseId,
    ) -> Result<Option<Delivered>, StoreError> {
        let (now_ms, clock, entropy) =
            (self.options.clock.now_ms(), &*self.options.clock, &*self.options.entropy);
        let told = Told::of(&letter, &came, now_ms);
        let changed = Letter {
            state: told.state,
            tries: letter.tries.saturating_add(1),
            problem: told.kept.clone(),
            due_at_ms: told.due_at_ms,
            lease: None,
            updated_at_ms: now_ms,
            ..letter.clone()
        };
        let mut unit = self.options.store.begin().await?;
        if !unit.letters().settle(&changed, held).await? {
            return Ok(None);
        }
        if let Came::Addressed(people, left) = &came {
            let to = |person: &PersonId| Letter {
                id: LetterId::new(clock, entropy),
                person: Some(*person),
                created_at_ms: now_ms,
                updated_at_ms: now_ms,
                lease: None,
                tries: 0,
                problem: None,
                due_at_ms: Some(now_ms),
                ..letter.clone()
            };
            let all: Vec<Letter> = people.iter().map(to).collect();
            unit.letters().add(&all).await?;
            if *left > 0 {
                tracing::error!(letter = %letter.id, left, "more people are to be told than are told of one thing");
                said::say(&mut *unit, (clock, entropy), &letter, Untold::TooMany(*left)).await?;
            }
        }
        if told.delivery == Delivery::GivenUp && self.options.mailer.is_some() {
            let untold = Untold::of(told.kept.as_deref());
            said::say(&mut *unit, (clock, entropy), &letter, untold).await?;
        }
        unit.commit().await?;
        let (kind, delivery, problem) = (letter.kind, told.delivery, told.problem);
        Ok(Some(Delivered { letter: letter.id, kind, delivery, problem }))
    }
}

/// Gives it to the server on a thread of its own, which nobody waits for when the program ends.
async fn given(mailer: Arc<dyn Mailer>, mail: Mail) -> Result<String, MailError> {
    let (done, answer) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("mail".to_owned());
    let begun = thread.spawn(move || {
        // where nobody waits any more, the letter is taken up again
        let _ = done.send(mailer.send(&mail));
    });
    begun.map_err(|error| MailError::NotSent(format!("no thread: {error}")))?;
    match tokio::time::timeout(SEND_WAIT_MAX, answer).await {
        Ok(Ok(came)) => came,
        Ok(Err(_)) => Err(MailError::Unknown("it was cut off".to_owned())),
        Err(_) => Err(MailError::Unknown("the server is too slow".to_owned())),
    }
}

/// What is written of a turn.
struct Told {
    state: LetterState,
    due_at_ms: Option<i64>,
    delivery: Delivery,
    /// What is kept: no words of a server.
    kept: Option<String>,
    /// What is logged: no addresses.
    problem: Option<String>,
}

impl Told {
    fn of(letter: &Letter, came: &Came, now_ms: i64) -> Self {
        let over = |state, delivery| Self { state, due_at_ms: None, delivery, kept: None, problem: None };
        let again = |wait_ms: i64, delivery| {
            if now_ms >= letter.give_up_at_ms {
                return over(LetterState::GivenUp, Delivery::GivenUp);
            }
            // one more try at the end
            let due_at_ms = now_ms.saturating_add(wait_ms).min(letter.give_up_at_ms);
            Self { due_at_ms: Some(due_at_ms), ..over(LetterState::Waiting, delivery) }
        };
        let said = |told: Self, what: &str, words: &str| Self {
            kept: Some(said::kept(what, words)),
            problem: Some(said::without_addresses(words)),
            ..told
        };
        let because = |told: Self, why: &str| Self {
            kept: Some(why.to_owned()),
            problem: Some(why.to_owned()),
            ..told
        };
        match came {
            Came::Addressed(people, _) => over(LetterState::Addressed, Delivery::Addressed(people.len())),
            Came::Sent(words) => said(over(LetterState::Sent, Delivery::Sent), "taken", words),
            Came::Moot(why) => because(over(LetterState::Moot, Delivery::Moot), why),
            Came::Nobody => because(over(LetterState::GivenUp, Delivery::GivenUp), NOBODY),
            Came::Refused(words) => said(over(LetterState::GivenUp, Delivery::GivenUp), REFUSED, words),
            Came::NotYet(words) => said(again(retry_ms(letter.tries), Delivery::Later), "not sent", words),
            Came::Unconfigured => {
                because(again(UNCONFIGURED_MS, Delivery::Unconfigured), "no e-mail is configured")
            }
        }
    }
}

fn retry_ms(tries: u32) -> i64 {
    let doubled = 1_i64.checked_shl(tries.min(30)).unwrap_or(i64::MAX);
    RETRY_FIRST_MS.saturating_mul(doubled).min(RETRY_LONGEST_MS)
}

fn address(person: &Person) -> Option<MailAddress> {
    person.email.as_deref()?.trim().parse().ok()
}

/// What a letter about a containment tells as it stands now, or why there is nothing to tell.
fn of_containment(kind: LetterKind, row: &Containment, now_ms: i64) -> Result<Matter, &'static str> {
    use ContainmentState as S;
    let is_asked = row.state == S::AwaitingApproval && now_ms < row.decision.expires_at_ms;
    let holds = match kind {
        LetterKind::ApprovalAsked | LetterKind::ApprovalEnding => is_asked,
        LetterKind::Ending => row.state == S::Verified && row.progress.end_told && row.revert_at_ms.is_some(),
        LetterKind::Unknown => row.state == S::Unknown,
        LetterKind::BrokenGlass | LetterKind::Contained | LetterKind::NotContained => true,
        LetterKind::StepUnknown => false,
    };
    if !holds {
        return Err("it is not so any more");
    }
    let glass = row.progress.broken_glass.as_ref().filter(|_| kind == LetterKind::BrokenGlass);
    let mut matter = Matter { what: "Action", name: row.action.clone(), ..Matter::default() };
    matter.word = glass.map(|(by, reason)| (by.name().to_owned(), reason.clone()));
    match kind {
        LetterKind::ApprovalAsked | LetterKind::ApprovalEnding => {
            matter.until_ms = Some(row.decision.expires_at_ms);
            matter.left_out.clone_from(&row.requesters);
            matter.left_out.extend(row.votes.iter().map(|vote| vote.person.clone()));
        }
        LetterKind::Ending => matter.until_ms = row.revert_at_ms,
        _ => {}
    }
    Ok(matter)
}

#[cfg(test)]
mod tests {
    use super::retry_ms;

    #[test]
    fn pauses_grow_to_a_longest_one() {
        let all: Vec<i64> =
            [0, 1, 2, 5, 6, 40, u32::MAX].into_iter().map(|tries| retry_ms(tries) / 1_000).collect();
        assert_eq!(all, [30, 60, 120, 960, 1_800, 1_800, 1_800]);
    }
}
