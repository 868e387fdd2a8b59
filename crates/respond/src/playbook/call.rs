//! Commands of type `huecry-action`: an action of a connector, in one line.
//!
//! `aws.deactivate_key target=__key__:value ttl=4h`: the first word is connector and action; the others are
//! `name=value`. `target` is required, `ttl` is minutes, hours or days, all others are inputs of the action.
//!
//! **Invariant:** words are told apart before values are put in. Whatever a variable's value has in it, it stays in its
//! word: it names no other target, no time and no input.

use super::variable::{Unresolved, Variables, references};
use crate::plan::TTL_MS;
use std::collections::BTreeMap;

/// The type of these commands; of an extension of ours, as section 5 allows it.
pub const ACTION_COMMAND: &str = "huecry-action";

/// Most words of one command.
const WORDS_MAX: usize = 50;

/// What a command asks for; texts have references to variables in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionCall {
    /// `connector.action`.
    pub action: String,
    /// On what.
    pub target: String,
    /// What else is said, by name.
    pub inputs: BTreeMap<String, String>,
    /// After what time it is taken back, in milliseconds; the action's default if not said.
    pub ttl_ms: Option<u64>,
}

/// The text is no such command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It does not begin with the name of an action.
    #[error("{0:?} names no action, which is such as aws.deactivate_key")]
    Action(String),
    /// A word is of another form.
    #[error("{0:?} is not of the form name=value; what has spaces comes from a variable")]
    Word(String),
    /// A name stands there twice.
    #[error("{0} is said twice")]
    Twice(String),
    /// There is no target.
    #[error("target=… is missing: on what?")]
    Target,
    /// The time is none.
    #[error("{0:?} is no time until it is taken back, which is such as 30m, 4h or 2d, from {least} min to {most} days",
        least = TTL_MS.start() / 60_000, most = TTL_MS.end() / 86_400_000)]
    Ttl(String),
    /// There are too many words.
    #[error("a command has at most {WORDS_MAX} words")]
    Words,
}

impl ActionCall {
    /// Reads a command.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn parse(text: &str) -> Result<Self, CallError> {
        let mut words = text.split_ascii_whitespace();
        let action = words.next().unwrap_or_default();
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if !action.split_once('.').is_some_and(|(connector, action)| is_name(connector) && is_name(action)) {
            return Err(CallError::Action(short(action)));
        }
        let mut said: BTreeMap<String, String> = BTreeMap::new();
        for word in words {
            let bad = || CallError::Word(short(word));
            let (name, value) = word.split_once('=').ok_or_else(bad)?;
            if !is_name(name) || value.is_empty() {
                return Err(bad());
            }
            if said.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(CallError::Twice(name.to_owned()));
            }
            if said.len() > WORDS_MAX {
                return Err(CallError::Words);
            }
        }
        let target = said.remove("target").ok_or(CallError::Target)?;
        let ttl_ms = said.remove("ttl").map(|text| ttl_ms(&text).ok_or_else(|| CallError::Ttl(short(&text))));
        Ok(Self { action: action.to_owned(), target, inputs: said, ttl_ms: ttl_ms.transpose()? })
    }

    /// Its connector, and the action's name there.
    pub fn names(&self) -> (&str, &str) {
        self.action.split_once('.').unwrap_or((&self.action, ""))
    }

    /// With the values of variables put into its target and inputs.
    ///
    /// # Errors
    /// [`Unresolved`].
    pub fn resolved(&self, variables: &Variables) -> Result<Self, Unresolved> {
        let inputs = self.inputs.iter().map(|(name, text)| Ok((name.clone(), variables.resolve(text)?)));
        Ok(Self {
            action: self.action.clone(),
            target: variables.resolve(&self.target)?,
            inputs: inputs.collect::<Result<_, Unresolved>>()?,
            ttl_ms: self.ttl_ms,
        })
    }

    /// Target and inputs that are written out, without a variable in them; the target is named `target`.
    pub fn literals(&self) -> impl Iterator<Item = (&str, &str)> {
        let inputs = self.inputs.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let all = std::iter::once(("target", self.target.as_str())).chain(inputs);
        all.filter(|(_, text)| references(text).next().is_none())
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// `30m`, `4h`, `2d`, within what a plan takes.
fn ttl_ms(text: &str) -> Option<u64> {
    let unit_ms: u64 = match text.as_bytes().last()? {
        b'm' => 60_000,
        b'h' => 3_600_000,
        b'd' => 86_400_000,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let ms = number.parse::<u64>().ok()?.checked_mul(unit_ms)?;
    TTL_MS.contains(&ms).then_some(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_action_and_words() {
        let call = ActionCall::parse("  aws.deactivate_key target=__key__:value\tuser=a=b ttl=4h ").unwrap();
        let inputs = BTreeMap::from([("user".to_owned(), "a=b".to_owned())]);
        let expected = ActionCall {
            action: "aws.deactivate_key".into(),
            target: "__key__:value".into(),
            inputs,
            ttl_ms: Some(4 * 3_600_000),
        };
        assert_eq!(call, expected);
        assert_eq!(call.names(), ("aws", "deactivate_key"));
        assert_eq!(call.literals().collect::<Vec<_>>(), [("user", "a=b")]);
        for (ttl, ms) in [("30m", 1_800_000), ("2d", 172_800_000), ("120m", 7_200_000)] {
            let call = ActionCall::parse(&format!("a.b target=x ttl={ttl}")).unwrap();
            assert_eq!(call.ttl_ms, Some(ms), "{ttl}");
        }
        assert_eq!(ActionCall::parse("a.b target=x").unwrap().ttl_ms, None);
    }

    #[test]
    fn what_is_none_is_refused_with_the_reason() {
        let word = |text: &str| CallError::Word(text.to_owned());
        let ttl = |text: &str| CallError::Ttl(text.to_owned());
        for (text, error) in [
            ("", CallError::Action(String::new())),
            ("target=x", CallError::Action("target=x".into())),
            ("aws target=x", CallError::Action("aws".into())),
            ("aws. target=x", CallError::Action("aws.".into())),
            ("aws.a.b target=x", CallError::Action("aws.a.b".into())),
            ("AWS.a target=x", CallError::Action("AWS.a".into())),
            ("__a__:value target=x", CallError::Action("__a__:value".into())),
            ("aws.a", CallError::Target),
            ("aws.a ttl=4h", CallError::Target),
            ("aws.a target=", word("target=")),
            ("aws.a target", word("target")),
            ("aws.a target=x now", word("now")),
            ("aws.a target=x __n__:value=y", word("__n__:value=y")),
            ("aws.a target=x Why=y", word("Why=y")),
            ("aws.a target=x target=y", CallError::Twice("target".into())),
            ("aws.a target=x ttl=4h ttl=5h", CallError::Twice("ttl".into())),
            ("aws.a target=x ttl=4", ttl("4")),
            ("aws.a target=x ttl=h", ttl("h")),
            ("aws.a target=x ttl=+4h", ttl("+4h")),
            ("aws.a target=x ttl=4s", ttl("4s")),
            ("aws.a target=x ttl=0m", ttl("0m")),
            ("aws.a target=x ttl=-1h", ttl("-1h")),
            ("aws.a target=x ttl=1.5h", ttl("1.5h")),
            ("aws.a target=x ttl=9000d", ttl("9000d")),
            ("aws.a target=x ttl=99999999999999999999d", ttl("99999999999999999999d")),
            ("aws.a target=x ttl=ä", ttl("ä")),
            ("aws.a target=x ttl=__t__:value", ttl("__t__:value")),
        ] {
            assert_eq!(ActionCall::parse(text), Err(error), "{text}");
        }
        let many: String = (0..=WORDS_MAX).map(|at| format!(" i{at}=x")).collect();
        assert_eq!(ActionCall::parse(&format!("a.b target=x{many}")), Err(CallError::Words));
    }
}
