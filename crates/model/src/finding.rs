//! "Something is wrong here": a rule hit on an event (OCSF Detection Finding, class 2004).

use crate::{EventId, FindingId, Ownership, Position, Stage};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// How bad it would be if true; OCSF `severity_id` 1 to 5, Sigma `level` by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// OCSF 1; Sigma `informational`.
    Informational,
    /// OCSF 2.
    Low,
    /// OCSF 3.
    Medium,
    /// OCSF 4.
    High,
    /// OCSF 5.
    Critical,
}

impl Severity {
    /// From least to most.
    pub const ALL: [Severity; 5] = [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// OCSF `severity_id`.
    pub const fn ocsf_id(self) -> u8 {
        self as u8 + 1
    }

    /// The name in the API; Sigma's `level` has the same.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }
}

/// What kind of thing an [`Entity`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A person's or machine's account, by its most stable name (ARN, login, e-mail).
    Actor,
    /// A credential, such as an access key id (never a secret).
    Credential,
    /// A network address.
    Address,
    /// A repository, `owner/name`.
    Repository,
    /// A cloud account, tenant or organisation.
    Account,
    /// Anything acted upon.
    Resource,
    /// A host.
    Host,
}

impl EntityKind {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::Credential => "credential",
            Self::Address => "address",
            Self::Repository => "repository",
            Self::Account => "account",
            Self::Resource => "resource",
            Self::Host => "host",
        }
    }

    /// In the order of the enum.
    pub const ALL: [EntityKind; 7] = [
        Self::Actor,
        Self::Credential,
        Self::Address,
        Self::Repository,
        Self::Account,
        Self::Resource,
        Self::Host,
    ];

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == name)
    }
}

/// Something that a finding is about and by which findings are grouped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// Its name.
    pub value: String,
}

/// Longest value of an entity, in bytes. A record may be megabytes large, and every entity is copied into
/// findings, incidents and lists: without a bound, one record would fill them all.
pub const ENTITY_VALUE_BYTES_MAX: usize = 1024;

/// What stands between the kept beginning of a long value and the digest of the whole.
const DIGEST_MARK: &str = "…sha256:";
const DIGEST_HEX_BYTES: usize = 64;

/// Appends an entity's value to `text`, in ASCII lower case where `lower` says so.
///
/// A value over [`ENTITY_VALUE_BYTES_MAX`] keeps its beginning, followed by `…sha256:` and the SHA-256 of
/// the whole value in hex: the same value stays one entity, and values that differ stay apart.
pub fn push_entity_value(text: &mut String, value: &str, lower: bool) {
    let start = text.len();
    if value.len() <= ENTITY_VALUE_BYTES_MAX {
        text.push_str(value);
    } else {
        let room = ENTITY_VALUE_BYTES_MAX - DIGEST_MARK.len() - DIGEST_HEX_BYTES;
        text.push_str(value.get(..value.floor_char_boundary(room)).unwrap_or_default());
    }
    if lower && let Some(kept) = text.get_mut(start..) {
        kept.make_ascii_lowercase();
    }
    if value.len() > ENTITY_VALUE_BYTES_MAX {
        text.push_str(DIGEST_MARK);
        for byte in digest(value, lower) {
            // a write to a string cannot fail
            let _ = write!(text, "{byte:02x}");
        }
    }
}

/// SHA-256 of the value as it would have been kept, piece by piece: a long value is not copied.
fn digest(value: &str, lower: bool) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut piece = [0; 512];
    for bytes in value.as_bytes().chunks(piece.len()) {
        let piece = &mut piece[..bytes.len()];
        piece.copy_from_slice(bytes);
        if lower {
            piece.make_ascii_lowercase();
        }
        hash.update(piece);
    }
    hash.finalize().into()
}

/// A field of the event that made the rule fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedField {
    /// The rule's selection.
    pub selection: String,
    /// The field's path in the rule's vocabulary; empty for a keyword.
    pub field: String,
    /// The value that matched, as text.
    pub value: String,
}

/// An event and where its raw record stands: enough to read it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRef {
    /// Derived identity.
    pub event_id: EventId,
    /// Where the raw record stands.
    pub position: Position,
}

/// Most events that a finding names beside its first: a correlation over millions of events stays one record of
/// bounded size.
pub const FURTHER_EVENTS_MAX: usize = 255;

fn default_region() -> String {
    "default".to_owned()
}

/// One rule hit. Its id is derived ([`FindingId::of_rule`]), so finding it again changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Derived identity.
    pub id: FindingId,
    /// The rule's UUID.
    pub rule_id: String,
    /// The rule's title at the time.
    pub rule_title: String,
    /// Hex SHA-256 of the rule's logsource and detection at the time.
    pub rule_hash: String,
    /// Version of the rule engine that matched; empty for findings from before it was kept.
    #[serde(default)]
    pub engine_version: String,
    /// From the rule's level.
    pub severity: Severity,
    /// The rule's tags (`attack.t1078.004`).
    pub tags: Vec<String>,
    /// The event that matched.
    pub event_id: EventId,
    /// Where the event's raw record stands.
    pub position: Position,
    /// The other events without which a correlation would not have fired, in the order of time, at most
    /// [`FURTHER_EVENTS_MAX`]; empty for a rule on one event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_events: Vec<EventRef>,
    /// The source's name.
    pub source: String,
    /// Where the data must be kept, from the raw record; `default` unless configured.
    #[serde(default = "default_region")]
    pub region: String,
    /// When it happened, milliseconds since the epoch.
    pub time_ms: i64,
    /// When the door took the record.
    pub received_at_ms: i64,
    /// When the rule matched.
    pub detected_at_ms: i64,
    /// What it is about, most telling first.
    pub entities: Vec<Entity>,
    /// Whose service it is about, where the catalogue knows.
    #[serde(default, skip_serializing_if = "Ownership::is_empty")]
    pub ownership: Ownership,
    /// Which set of rules matched: the digest of their texts and, from a git work tree, `@` and its commit;
    /// empty for findings from before it was kept.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule_set: String,
    /// The rule's stage at the time.
    #[serde(default, skip_serializing_if = "Stage::is_active")]
    pub stage: Stage,
    /// Why the rule fired.
    pub matched: Vec<MatchedField>,
    /// The OCSF event, with what is known beside it as `enrichments`.
    pub event: serde_json::Value,
}

impl Finding {
    /// Every event that the finding rests on and names, its own first. With the rule's hash and the engine's
    /// version, what it takes to have the finding again.
    pub fn events(&self) -> impl Iterator<Item = EventRef> {
        let own = EventRef { event_id: self.event_id, position: self.position };
        std::iter::once(own).chain(self.further_events.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_from_before_provenance_was_kept_is_read() {
        let old = serde_json::json!({
            "id": "00".repeat(16), "rule_id": "r", "rule_title": "R", "rule_hash": "07", "severity": "high",
            "tags": [], "event_id": "11".repeat(16), "position": "raw/0/4", "source": "trail", "time_ms": 1,
            "received_at_ms": 2, "detected_at_ms": 3, "entities": [], "matched": [], "event": {},
        });
        let mut finding: Finding = serde_json::from_value(old).unwrap();
        assert_eq!(finding.engine_version, "");
        let own = EventRef { event_id: finding.event_id, position: finding.position };
        assert_eq!(finding.events().collect::<Vec<_>>(), [own]);
        let further = EventRef { event_id: EventId([2; 16]), position: "raw/1/9".parse().unwrap() };
        finding.further_events.push(further);
        let again: Finding = serde_json::from_value(serde_json::to_value(&finding).unwrap()).unwrap();
        assert_eq!(again.events().collect::<Vec<_>>(), [own, further]);
    }

    fn pushed(value: &str, lower: bool) -> String {
        let mut text = "before".to_owned();
        push_entity_value(&mut text, value, lower);
        text.strip_prefix("before").unwrap().to_owned()
    }

    #[test]
    fn long_values_are_cut_and_stay_apart() {
        assert_eq!(pushed("Ana", false), "Ana");
        assert_eq!(pushed("Ana", true), "ana");
        let limit = "é".repeat(ENTITY_VALUE_BYTES_MAX / 2);
        assert_eq!(pushed(&limit, false), limit);
        let (long, other) = (format!("{limit}A"), format!("{limit}B"));
        for value in [&long, &other, &"x".repeat(1 << 20)] {
            let kept = pushed(value, false);
            assert!(
                kept.len() <= ENTITY_VALUE_BYTES_MAX && kept.contains(DIGEST_MARK),
                "{} bytes",
                kept.len()
            );
            assert_eq!(kept, pushed(value, false));
        }
        assert_ne!(pushed(&long, false), pushed(&other, false));
        let upper = "A".repeat(ENTITY_VALUE_BYTES_MAX + 1);
        assert_eq!(pushed(&upper, true), pushed(&upper.to_lowercase(), true));
        assert_ne!(pushed(&upper, true), pushed(&upper, false));
    }
}
