//! As whom a connector is signed in: its own account and key are no targets, since without them nothing could be taken
//! back.

use super::act::{ActError, Outcome, Remote, now};
use super::owner;
use super::send::Sending;
use super::spec::Connector;
use super::template::Values;
use crate::protect::Target;

/// As whom a connector is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// By these names; none for a connector that need not know.
    Known(Vec<Target>),
    /// It was not told; asking again may help.
    Later(String),
    /// It is not told.
    Refused(String),
}

/// Asks the other side as whom it knows us; `settings` has the connector's settings. Changes nothing.
///
/// # Errors
/// [`ActError`] for a request that cannot be written.
pub fn whoami(
    connector: &Connector,
    settings: &Values,
    remote: &dyn Remote,
    now_ms: i64,
) -> Result<Identity, ActError> {
    let Some(whoami) = &connector.whoami else { return Ok(Identity::Known(Vec::new())) };
    let because = |reason: &str| {
        format!("nobody can tell as whom Hue & Cry is signed in to {}: {reason}", connector.title)
    };
    let mut values = connector.values(settings);
    values.insert("now".to_owned(), now(now_ms));
    match (Sending { connector, remote, now_ms, is_proof: false }).each(&whoami.read, &values)? {
        Outcome::Done(facts) => {
            values.extend(facts);
            let own = owner::known(&whoami.is, &values);
            Ok(if own.is_empty() {
                Identity::Refused(because("the answer names nobody"))
            } else {
                Identity::Known(own)
            })
        }
        Outcome::Refused(reason) | Outcome::Partly(reason) => Ok(Identity::Refused(because(&reason))),
        // a question has no effect, so one whose answer was lost may be asked again
        Outcome::Later(reason) | Outcome::Unknown(reason) => Ok(Identity::Later(because(&reason))),
    }
}
