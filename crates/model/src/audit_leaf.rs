//! What the Merkle tree covers of an audit record: its leaf.
//!
//! In clear are only the fields that prove order and time. Of every value that may be personal the leaf has a
//! commitment, SHA-256 over a random salt and the value. Value and salt stand apart from the tree, so that both
//! can be erased without breaking a proof, and without the salt nobody can try out which value it was.
//!
//! ```text
//! leaf       = "HCA1" index:u64 id:16 at_ms:i64 clock_ms:i64 action_bytes:u32 action commitment:32 × 7
//! commitment = SHA-256(salt:16 tag:u8 0x00)          for a value that was not given
//!            | SHA-256(salt:16 tag:u8 0x01 text)     for one that was, as UTF-8
//! leaf hash  = SHA-256(0x00 leaf)                    RFC 6962 §2.1
//! ```
//! Numbers are big endian; commitments stand in the order of [`AuditField::ALL`]. The noun of the action names
//! the kind of object.
//!
//! **Invariant:** the leaf follows from the entry alone, so a change of any field of an entry changes its hash.

use crate::{AuditId, AuditRecord, Entropy};
use sha2::{Digest, Sha256};
use std::fmt;

/// The bytes that a leaf begins with: its format.
pub const LEAF_MAGIC: &[u8; 4] = b"HCA1";
/// Length of a salt, in bytes.
pub const SALT_BYTES: usize = 16;
/// Longest action that is recorded, in bytes.
pub const ACTION_BYTES_MAX: usize = 128;
/// How many values of a record are committed to.
pub const AUDIT_FIELDS: usize = AuditField::ALL.len();

/// Random bytes in front of a value.
pub type Salt = [u8; SALT_BYTES];
/// SHA-256.
pub type Hash = [u8; 32];

/// A field of an audit record whose value stands apart from the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuditField {
    /// Who, as JSON text.
    Principal,
    /// On what.
    Object,
    /// The values before, as JSON text.
    Before,
    /// The values after, as JSON text.
    After,
    /// Why.
    Reason,
    /// From which address.
    Origin,
    /// By which request.
    RequestId,
}

impl AuditField {
    /// Every field, in the order of the leaf.
    pub const ALL: [Self; 7] = [
        Self::Principal,
        Self::Object,
        Self::Before,
        Self::After,
        Self::Reason,
        Self::Origin,
        Self::RequestId,
    ];

    /// The name in API, command line and exported copies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Object => "object",
            Self::Before => "before",
            Self::After => "after",
            Self::Reason => "reason",
            Self::Origin => "origin",
            Self::RequestId => "request_id",
        }
    }

    /// The field of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }

    /// Its byte in a commitment, 1 to 7.
    pub const fn tag(self) -> u8 {
        self as u8 + 1
    }
}

/// One salt a value; `None` where value and salt were erased.
#[derive(Clone, PartialEq, Eq)]
pub struct Salts(pub [Option<Salt>; AUDIT_FIELDS]);

impl Salts {
    /// Fresh ones.
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self(std::array::from_fn(|_| {
            let mut salt = [0; SALT_BYTES];
            entropy.fill(&mut salt);
            Some(salt)
        }))
    }

    /// The salt of that field.
    pub const fn of(&self, field: AuditField) -> Option<Salt> {
        self.0[field as usize]
    }

    /// The fields whose values were erased.
    pub fn erased(&self) -> impl Iterator<Item = AuditField> + '_ {
        AuditField::ALL.into_iter().filter(|field| self.of(*field).is_none())
    }
}

impl fmt::Debug for Salts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salts")
    }
}

/// A value of an entry, or what is left of it.
#[derive(Clone, PartialEq, Eq)]
pub enum CommittedValue {
    /// The value, and what it was salted with.
    Open {
        /// Its salt.
        salt: Salt,
        /// Its text; `None` where nothing was given.
        text: Option<String>,
    },
    /// Value and salt are gone; the commitment keeps the leaf whole.
    Erased {
        /// What the leaf has of it.
        commitment: Hash,
    },
    /// The reader may not know value and salt; the log has them. Nothing is stored so.
    Withheld {
        /// What the leaf has of it.
        commitment: Hash,
    },
}

impl CommittedValue {
    /// What the leaf has of it.
    pub fn commitment(&self, field: AuditField) -> Hash {
        match self {
            Self::Open { salt, text } => commit(salt, field, text.as_deref()),
            Self::Erased { commitment } | Self::Withheld { commitment } => *commitment,
        }
    }

    /// The text, unless it was erased, is withheld, or was not given.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Open { text, .. } => text.as_deref(),
            Self::Erased { .. } | Self::Withheld { .. } => None,
        }
    }

    /// Whether it was erased.
    pub const fn is_erased(&self) -> bool {
        matches!(self, Self::Erased { .. })
    }

    /// Whether it is withheld from the reader.
    pub const fn is_withheld(&self) -> bool {
        matches!(self, Self::Withheld { .. })
    }
}

impl fmt::Debug for CommittedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { text, .. } => write!(f, "{text:?}"),
            Self::Erased { .. } => f.write_str("erased"),
            Self::Withheld { .. } => f.write_str("withheld"),
        }
    }
}

fn commit(salt: &Salt, field: AuditField, text: Option<&str>) -> Hash {
    let hash = Sha256::new().chain_update(salt).chain_update([field.tag()]);
    match text {
        None => hash.chain_update([0]).finalize().into(),
        Some(text) => hash.chain_update([1]).chain_update(text).finalize().into(),
    }
}

/// An audit record as it stands in the sequence of all: with its number, and its values as the exact texts that
/// were committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place, counted from 0 without a gap.
    pub index: u64,
    /// The record's name.
    pub id: AuditId,
    /// When, milliseconds since the epoch; never less than in the entry before.
    pub at_ms: i64,
    /// What the clock showed; less than `at_ms` where it stood before an earlier entry's time.
    pub clock_ms: i64,
    /// What was done.
    pub action: String,
    /// The values, in the order of [`AuditField::ALL`].
    pub values: [CommittedValue; AUDIT_FIELDS],
}

impl AuditEntry {
    /// The entry of `record` at place `index`, not earlier than `at_ms_min`, the time of the entry before.
    ///
    /// # Errors
    /// When a value has no JSON text, which those of [`AuditRecord`] always have.
    pub fn of(record: &AuditRecord, index: u64, at_ms_min: i64) -> Result<Self, serde_json::Error> {
        let mut texts: [Option<String>; AUDIT_FIELDS] = [
            Some(serde_json::to_string(&record.principal)?),
            Some(record.object.clone()),
            Some(serde_json::to_string(&record.before)?),
            Some(serde_json::to_string(&record.after)?),
            record.reason.clone(),
            record.origin.clone(),
            record.request_id.clone(),
        ];
        let values = AuditField::ALL.map(|field| CommittedValue::Open {
            salt: record.salts.of(field).unwrap_or_default(),
            text: texts[field as usize].take(),
        });
        Ok(Self {
            index,
            id: record.id,
            at_ms: record.at_ms.max(at_ms_min),
            clock_ms: record.at_ms,
            action: record.action.clone(),
            values,
        })
    }

    /// The value of that field.
    pub const fn value(&self, field: AuditField) -> &CommittedValue {
        &self.values[field as usize]
    }

    /// Takes this value out of what is shown, its salt too; the leaf stays. Whether it was erased is not told either.
    pub fn withhold(&mut self, field: AuditField) {
        let commitment = self.value(field).commitment(field);
        self.values[field as usize] = CommittedValue::Withheld { commitment };
    }

    /// The leaf, as the module describes it.
    pub fn leaf(&self) -> Vec<u8> {
        let mut leaf = Vec::with_capacity(48 + self.action.len() + AUDIT_FIELDS * 32);
        leaf.extend_from_slice(LEAF_MAGIC);
        leaf.extend_from_slice(&self.index.to_be_bytes());
        leaf.extend_from_slice(&self.id.0.0.to_be_bytes());
        leaf.extend_from_slice(&self.at_ms.to_be_bytes());
        leaf.extend_from_slice(&self.clock_ms.to_be_bytes());
        leaf.extend_from_slice(&(self.action.len() as u32).to_be_bytes());
        leaf.extend_from_slice(self.action.as_bytes());
        for field in AuditField::ALL {
            leaf.extend_from_slice(&self.value(field).commitment(field));
        }
        leaf
    }

    /// The hash of the leaf.
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.leaf())
    }
}

/// The hash of a leaf in the tree (RFC 6962 §2.1).
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ManualClock, Principal, SeededEntropy};
    use serde_json::json;

    fn record() -> AuditRecord {
        let (clock, entropy) = (ManualClock::at(1_700_000_000_000), SeededEntropy::new(7));
        let principal = Principal::Local { account: "ana".into() };
        AuditRecord {
            before: json!({ "assignee": null }),
            after: json!({ "assignee": "ana" }),
            reason: Some("mine".into()),
            ..AuditRecord::new(&clock, &entropy, principal, "incident.assign", "inc_1")
        }
    }

    /// Everything that can differ between two entries, each changed once.
    fn mutations(entry: &AuditEntry) -> Vec<AuditEntry> {
        let mut all = Vec::new();
        let mut push = |change: &dyn Fn(&mut AuditEntry)| {
            let mut changed = entry.clone();
            change(&mut changed);
            all.push(changed);
        };
        push(&|e| e.index += 1);
        push(&|e| e.id.0.0 ^= 1);
        push(&|e| e.at_ms += 1);
        push(&|e| e.clock_ms += 1);
        push(&|e| e.action.push('s'));
        for field in AuditField::ALL {
            let CommittedValue::Open { salt, text } = entry.value(field).clone() else { continue };
            let with = |salt, text| CommittedValue::Open { salt, text };
            let other = Some(text.clone().map_or_else(String::new, |t| t + "x"));
            push(&|e| e.values[field as usize] = with(salt, other.clone()));
            let mut other_salt = salt;
            other_salt[15] ^= 1;
            push(&|e| e.values[field as usize] = with(other_salt, text.clone()));
            push(&|e| e.values.swap(field as usize, (field as usize + 1) % AUDIT_FIELDS));
        }
        all
    }

    #[test]
    fn every_field_of_an_entry_changes_the_hash() {
        let entry = AuditEntry::of(&record(), 3, 0).unwrap();
        let changed = mutations(&entry);
        assert_eq!(changed.len(), 5 + 3 * AUDIT_FIELDS);
        for changed in changed {
            assert_ne!(changed.leaf_hash(), entry.leaf_hash(), "{changed:?}");
        }
    }

    #[test]
    fn an_erased_value_leaves_the_leaf_whole() {
        let entry = AuditEntry::of(&record(), 3, 0).unwrap();
        let mut erased = entry.clone();
        for field in AuditField::ALL {
            let commitment = entry.value(field).commitment(field);
            erased.values[field as usize] = CommittedValue::Erased { commitment };
        }
        assert_eq!(erased.leaf(), entry.leaf());
        assert!(!format!("{erased:?}").contains("ana"));
        let mut withheld = entry.clone();
        AuditField::ALL.into_iter().for_each(|field| withheld.withhold(field));
        assert_eq!(withheld.leaf(), entry.leaf());
        assert!(!format!("{withheld:?}").contains("ana"));
    }

    #[test]
    fn the_leaf_has_the_documented_form() {
        let entry = AuditEntry::of(&record(), 3, 1_700_000_000_005).unwrap();
        let leaf = entry.leaf();
        assert_eq!(leaf.len(), 48 + "incident.assign".len() + 7 * 32);
        assert_eq!(&leaf[..12], b"HCA1\0\0\0\0\0\0\0\x03");
        assert_eq!((entry.at_ms, entry.clock_ms), (1_700_000_000_005, 1_700_000_000_000));
        let salt = record().salts.of(AuditField::Reason).unwrap();
        let expected: Hash =
            Sha256::new().chain_update(salt).chain_update([5, 1]).chain_update("mine").finalize().into();
        assert_eq!(&leaf[leaf.len() - 3 * 32..leaf.len() - 2 * 32], expected);
    }
}
