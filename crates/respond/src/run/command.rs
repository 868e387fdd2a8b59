//! Commands of type `huecry-action`: `aws.deactivate_key target=__key__:value user=__user__:value ttl=4h`.

use crate::connector::Values;
use crate::playbook::Unresolved;

/// The type of commands that apply an action of a connector.
pub const ACTION_COMMAND: &str = "huecry-action";

/// Most words of a command.
const WORDS_MAX: usize = 50;

/// An action as a command asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionCommand {
    /// The connector's action: `aws.deactivate_key`.
    pub action: String,
    /// The target's name.
    pub target: String,
    /// After what time it is taken back, in milliseconds, if that is said.
    pub ttl_ms: Option<u64>,
    /// Everything else that is said, by name.
    pub inputs: Values,
}

/// The text asks for no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCommand {
    /// The first word.
    #[error("it begins with connector.action, such as aws.deactivate_key")]
    Action,
    /// Another word.
    #[error("{0:?} is no name=value")]
    Word(String),
    /// Said twice.
    #[error("{0} is said twice")]
    Twice(String),
    /// No target.
    #[error("it has no target=…")]
    NoTarget,
    /// A time that is none.
    #[error("ttl={0:?} is no time, such as 30m, 4h or 2d")]
    Ttl(String),
    /// A variable without a value.
    #[error(transparent)]
    Unresolved(#[from] Unresolved),
}

impl ActionCommand {
    /// Reads a command. Words are told apart before values are put in, so that a value with spaces or `ttl=` in it is one
    /// value; `resolve` puts them in.
    ///
    /// # Errors
    /// [`BadCommand`].
    pub fn read(
        text: &str,
        resolve: impl Fn(&str) -> Result<String, Unresolved>,
    ) -> Result<Self, BadCommand> {
        let mut words = text.split_ascii_whitespace();
        let action = words.next().filter(|word| is_action(word)).ok_or(BadCommand::Action)?.to_owned();
        let mut said = Values::new();
        for (at, word) in words.enumerate() {
            let bad = || BadCommand::Word(word.chars().take(80).collect());
            let (name, value) = word.split_once('=').filter(|(name, _)| is_name(name)).ok_or_else(bad)?;
            if at >= WORDS_MAX {
                return Err(bad());
            }
            if said.insert(name.to_owned(), resolve(value)?).is_some() {
                return Err(BadCommand::Twice(name.to_owned()));
            }
        }
        let ttl_ms = said.remove("ttl").map(|ttl| read_ttl(&ttl).ok_or(BadCommand::Ttl(ttl))).transpose()?;
        let target = said.remove("target").ok_or(BadCommand::NoTarget)?;
        Ok(Self { action, target, ttl_ms, inputs: said })
    }
}

fn is_action(word: &str) -> bool {
    word.split_once('.').is_some_and(|(connector, action)| is_name(connector) && is_name(action))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Minutes, hours or days, in milliseconds.
pub fn read_ttl(text: &str) -> Option<u64> {
    let unit_ms = match text.chars().last()? {
        'm' => 60_000,
        'h' => 60 * 60_000,
        'd' => 24 * 60 * 60_000,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ActionCommand, BadCommand> {
        ActionCommand::read(text, |value| {
            if value == "__none__:value" {
                return Err(Unresolved::Empty("__none__".to_owned()));
            }
            Ok(value.replace("__x__:value", "a b ttl=9d target=c"))
        })
    }

    #[test]
    fn words_are_told_apart_before_values_are_put_in() {
        let read = read("aws.deny_user target=__x__:value note=x=y ttl=4h").unwrap();
        assert_eq!(read.target, "a b ttl=9d target=c");
        assert_eq!(read.ttl_ms, Some(4 * 3_600_000));
        assert_eq!(read.inputs, Values::from([("note".to_owned(), "x=y".to_owned())]));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for (text, error) in [
            ("", BadCommand::Action),
            ("deny_user target=a", BadCommand::Action),
            ("aws.deny_user", BadCommand::NoTarget),
            ("aws.deny_user target=a b", BadCommand::Word("b".to_owned())),
            ("aws.deny_user target=a target=b", BadCommand::Twice("target".to_owned())),
            ("aws.deny_user target=a ttl=4", BadCommand::Ttl("4".to_owned())),
            ("aws.deny_user target=a ttl=h", BadCommand::Ttl("h".to_owned())),
            (
                "aws.deny_user target=a ttl=99999999999999999d",
                BadCommand::Ttl("99999999999999999d".to_owned()),
            ),
            ("aws.deny_user target=__none__:value", Unresolved::Empty("__none__".to_owned()).into()),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
    }
}
