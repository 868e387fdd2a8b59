//! What is said of letters that do not reach people: on the incident, in the store and in the log.

use crate::actor::Actor;
use model::{AuditRecord, Clock, Comment, CommentId, Entropy, Letter, LetterState};
use ports::store::{StoreError, UnitOfWork};
use serde_json::json;

/// What is kept of a letter that no server takes for its reader.
pub(super) const REFUSED: &str = "refused";
/// What is kept of a letter for which nobody has an address.
pub(super) const NOBODY: &str = "nobody of those who are to be told has an address";

/// Why people are not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untold {
    /// No server took it in time.
    Late,
    /// No server takes it for one of them.
    Refused,
    /// None of them has an address.
    Nobody,
    /// They are more than are told of one thing, by so many.
    TooMany(usize),
}

impl Untold {
    /// By what is kept of a letter that was given up.
    pub(super) fn of(kept: Option<&str>) -> Self {
        match kept {
            Some(NOBODY) => Self::Nobody,
            Some(kept) if kept.starts_with(REFUSED) => Self::Refused,
            _ => Self::Late,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Late => "Nobody could be told by e-mail, or not everybody: no mail server took it for a day.".to_owned(),
            Self::Refused => "Somebody was not told by e-mail: the mail server refused the address of one person, or of more.".to_owned(),
            Self::Nobody => "Nobody was told by e-mail: nobody of those who may decide on it has an address here.".to_owned(),
            Self::TooMany(left) => format!("Not everybody was told by e-mail: {left} people are more than are told of one thing."),
        }
    }
}

/// Says on the incident that people are not told, once for each thing that they are not told of, and why. What a server said is for
/// the log.
pub(super) async fn say(
    unit: &mut dyn UnitOfWork,
    (clock, entropy): (&dyn Clock, &dyn Entropy),
    letter: &Letter,
    why: Untold,
) -> Result<(), StoreError> {
    let Some(incident) = letter.incident else { return Ok(()) };
    let others = unit.letters().about(letter.about).await?;
    let is_said = |other: &Letter| {
        let is_same = match why {
            Untold::TooMany(_) => other.state == LetterState::Addressed,
            _ => other.state == LetterState::GivenUp && Untold::of(other.problem.as_deref()) == why,
        };
        is_same && other.kind == letter.kind && other.id != letter.id
    };
    if others.iter().any(is_said) {
        return Ok(());
    }
    let (words, about, kind) = (why.words(), letter.about, letter.kind.as_str());
    let comment = Comment {
        id: CommentId::new(clock, entropy),
        incident,
        author: "Hue & Cry".to_owned(),
        text: format!("{words} It was about {about} ({kind}). The log says more."),
        created_at_ms: clock.now_ms(),
    };
    let after = json!({ "comment": comment.id, "bytes": comment.text.len() });
    let actor = Actor::system().principal;
    let audit =
        AuditRecord { after, ..AuditRecord::new(clock, entropy, actor, "incident.comment", incident) };
    unit.comments().add(&comment, &audit).await
}

/// What is kept of a server's words: the reply code alone, for the rest may name people.
pub(super) fn kept(what: &str, words: &str) -> String {
    let code = words.split_once(" error (").map_or(words, |(_, rest)| rest);
    let (code, rest) = code.split_at_checked(3).unwrap_or(("", ""));
    let is_code = code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
    if is_code && !rest.starts_with('.') { format!("{what} ({code})") } else { what.to_owned() }
}

/// Words for the log, without what may be an address.
pub(super) fn without_addresses(words: &str) -> String {
    let cut = words.split(' ').map(|word| if word.contains('@') { "…" } else { word });
    cut.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_servers_words_the_code_is_kept() {
        for (words, code, logged) in [
            ("250 OK", "x (250)", "250 OK"),
            ("250 <ann@acme.example> ok", "x (250)", "250 … ok"),
            (
                "permanent error (550): no <ann@acme.example> here",
                "x (550)",
                "permanent error (550): no … here",
            ),
            (
                "127.0.0.1:465: transient error (421): later",
                "x (421)",
                "127.0.0.1:465: transient error (421): later",
            ),
            ("127.0.0.1:465: refused", "x", "127.0.0.1:465: refused"),
            ("ä", "x", "ä"),
            ("", "x", ""),
        ] {
            assert_eq!((&*kept("x", words), &*without_addresses(words)), (code, logged));
        }
        assert_eq!(Untold::of(Some(&kept(REFUSED, "permanent error (550): no"))), Untold::Refused);
        assert_eq!(Untold::of(Some(&kept("not sent", "x"))), Untold::Late);
        assert_eq!(Untold::of(Some(NOBODY)), Untold::Nobody);
    }
}
