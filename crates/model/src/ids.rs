//! Ids: derived from content for machine-made things, time-ordered for people's.

use crate::{Clock, Entropy, Position};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The text is not an id of this type; with what such an id looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("such an id is {0}")]
pub struct ParseIdError(&'static str);

/// What ids look like that are derived from content.
const DIGEST_FORM: &str = "32 hex digits";
/// What ULIDs look like.
const ULID_FORM: &str = "26 digits and capital letters, such as 01ARZ3NDEKTSV4RRFFQ69G5FAV";

macro_rules! derived_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                if text.len() != 32 || !text.is_ascii() {
                    return Err(ParseIdError(DIGEST_FORM));
                }
                let mut bytes = [0; 16];
                for (i, byte) in bytes.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16)
                        .map_err(|_| ParseIdError(DIGEST_FORM))?;
                }
                Ok(Self(bytes))
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

derived_id! {
    /// Identity of an event: the first 128 bits of SHA-256 over the source and the source's own id of the
    /// record, else over the source and the record's position. Text form: 32 hex digits.
    EventId
}
derived_id! {
    /// Identity of a finding: the first 128 bits of SHA-256 over the rule's UUID, the semantic hash of its
    /// logsource and detection, and the event's id. Text form: 32 hex digits.
    FindingId
}

/// Hashes parts unambiguously: each part is preceded by its length.
fn digest(domain: &str, parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in std::iter::once(&domain.as_bytes()).chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let full: [u8; 32] = hash.finalize().into();
    let mut short = [0; 16];
    short.copy_from_slice(&full[..16]);
    short
}

impl EventId {
    /// The id of a record that the source numbered itself: redelivery gives the same id.
    pub fn of_source_id(source: &str, own_id: &str) -> Self {
        Self(digest("event/source-id", &[source.as_bytes(), own_id.as_bytes()]))
    }

    /// The id of a record without an id of its own.
    pub fn of_position(source: &str, position: Position) -> Self {
        let (partition, offset) = (position.partition.0.to_le_bytes(), position.offset.0.to_le_bytes());
        Self(digest(
            "event/position",
            &[source.as_bytes(), position.topic.as_str().as_bytes(), &partition, &offset],
        ))
    }
}

impl FindingId {
    /// The id of the finding that `rule` (its UUID and semantic hash) raises on `event`.
    pub fn of_rule(rule_id: &str, semantic_hash: &[u8; 32], event: EventId) -> Self {
        Self(digest("finding/rule", &[rule_id.as_bytes(), semantic_hash, &event.0]))
    }

    /// The id of the finding that a correlation (its UUID and semantic hash) raises for a group (the values that its
    /// matches have in common, in order); `first` is the earliest event that contributed.
    pub fn of_correlation(rule_id: &str, semantic_hash: &[u8; 32], group: &[&str], first: EventId) -> Self {
        let mut parts: Vec<&[u8]> = vec![rule_id.as_bytes(), semantic_hash, &first.0];
        parts.extend(group.iter().map(|value| value.as_bytes()));
        Self(digest("finding/correlation", &parts))
    }
}

/// Crockford's base 32, as ULIDs use it.
const BASE32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A ULID (github.com/ulid/spec): 48 bits of milliseconds, 80 random bits; 26 characters that sort by time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ulid(pub u128);

impl Ulid {
    /// A fresh id.
    pub fn new(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
        let time = u128::from(clock.now_ms().max(0) as u64 & ((1 << 48) - 1));
        let mut random = [0; 16];
        entropy.fill(&mut random[6..]);
        Self(time << 80 | u128::from_be_bytes(random))
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..26).rev().try_for_each(|i| {
            let digit = BASE32[(self.0 >> (5 * i)) as usize & 31];
            fmt::Write::write_char(f, char::from(digit))
        })
    }
}

impl FromStr for Ulid {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let first = text.bytes().next().ok_or(ParseIdError(ULID_FORM))?;
        if text.len() != 26 || first > b'7' {
            return Err(ParseIdError(ULID_FORM));
        }
        text.bytes().try_fold(Self(0), |id, byte| {
            let digit = BASE32.iter().position(|&b| b == byte.to_ascii_uppercase());
            let digit = digit.ok_or(ParseIdError(ULID_FORM))?;
            Ok(Self(id.0 << 5 | digit as u128))
        })
    }
}

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Ulid);

        impl $name {
            /// A fresh id.
            pub fn new(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
                Self(Ulid::new(clock, entropy))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let ulid = text.strip_prefix(concat!($prefix, "_")).and_then(|ulid| ulid.parse().ok());
                ulid.map(Self).ok_or(ParseIdError(concat!(
                    $prefix,
                    "_ and 26 digits and capital letters, such as ",
                    $prefix,
                    "_01ARZ3NDEKTSV4RRFFQ69G5FAV"
                )))
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

ulid_id! {
    /// Names an incident: `inc_` and a ULID.
    IncidentId, "inc"
}
ulid_id! {
    /// Names a comment: `cmt_` and a ULID.
    CommentId, "cmt"
}
ulid_id! {
    /// Names an API or source token: `tok_` and a ULID. Not the secret.
    TokenId, "tok"
}
ulid_id! {
    /// Names a person: `per_` and a ULID.
    PersonId, "per"
}
ulid_id! {
    /// Names a person's session: `ses_` and a ULID. Not the cookie.
    SessionId, "ses"
}
ulid_id! {
    /// Names a one-time link: `lnk_` and a ULID. Not the secret.
    LinkId, "lnk"
}
ulid_id! {
    /// Names an audit record: `aud_` and a ULID.
    AuditId, "aud"
}
ulid_id! {
    /// Names a saved view of the queue: `view_` and a ULID.
    SavedViewId, "view"
}

ulid_id! {
    /// Names a report of a person: `rep_` and a ULID. Not the receipt's secret.
    ReportId, "rep"
}
ulid_id! {
    /// Names an appeal against a decision on a report: `apl_` and a ULID.
    AppealId, "apl"
}
ulid_id! {
    /// Names a message on a report: `msg_` and a ULID.
    MessageId, "msg"
}
ulid_id! {
    /// Names a file of a report: `att_` and a ULID.
    AttachmentId, "att"
}
ulid_id! {
    /// Names a notice about reports: `ntc_` and a ULID.
    NoticeId, "ntc"
}
ulid_id! {
    /// Names a digest of reports: `dig_` and a ULID.
    DigestId, "dig"
}

ulid_id! {
    /// Names a containment, one action on one target: `act_` and a ULID.
    ContainmentId, "act"
}
ulid_id! {
    /// Names a run of a playbook: `run_` and a ULID.
    RunId, "run"
}
ulid_id! {
    /// Names a delegation of answers: `dlg_` and a ULID.
    DelegationId, "dlg"
}
ulid_id! {
    /// Names one turn of a worker at something that is due: `lea_` and a ULID.
    LeaseId, "lea"
}
ulid_id! {
    /// Names a letter, what one person or everyone concerned is told by e-mail: `ltr_` and a ULID.
    LetterId, "ltr"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ManualClock, SeededEntropy};

    #[test]
    fn text_forms_round_trip() {
        let (clock, entropy) = (ManualClock::at(1_700_000_000_000), SeededEntropy::new(7));
        let id = IncidentId::new(&clock, &entropy);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 30);
        assert_eq!(
            "cmt_01".parse::<CommentId>().unwrap_err().to_string(),
            "such an id is cmt_ and 26 digits and capital letters, such as cmt_01ARZ3NDEKTSV4RRFFQ69G5FAV"
        );
        let event = EventId::of_source_id("aws", "865d9377");
        assert_eq!(event.to_string().parse(), Ok(event));
        assert_eq!("é".repeat(16).parse::<EventId>(), Err(ParseIdError(DIGEST_FORM)));
    }

    #[test]
    fn ulids_sort_by_time() {
        let (clock, entropy) = (ManualClock::at(1_000), SeededEntropy::new(7));
        let early = IncidentId::new(&clock, &entropy);
        clock.advance_ms(1);
        let late = IncidentId::new(&clock, &entropy);
        assert!(early < late && early.to_string() < late.to_string());
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(EventId::of_source_id("ab", "c"), EventId::of_source_id("a", "bc"));
    }
}
