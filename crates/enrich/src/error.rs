//! What can be wrong with files that say who owns what.

use serde::Serialize;
use std::fmt;

/// The stable name of a kind of fault; listed in docs/reference/ownership.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultCode {
    /// The file cannot be read.
    Unreadable,
    /// A limit was passed: bytes, values, nesting, entries, patterns.
    TooLarge,
    /// The text is not YAML.
    BadYaml,
    /// A template's placeholder stands where a value should.
    TemplateUnrendered,
    /// YAML, but neither a Backstage entity nor a `services.yaml`.
    NotACatalog,
    /// A key that nothing reads.
    UnknownKey,
    /// A value that must be there is not.
    Missing,
    /// A value of the wrong form.
    BadValue,
    /// Two entries claim the same name or thing.
    Duplicate,
    /// Entities contain each other.
    Cycle,
    /// An entity names another that is not in the catalogue.
    UnknownReference,
    /// Nobody is named as owner.
    Unowned,
    /// A path pattern that the dialect does not know.
    BadPattern,
    /// An owner that is neither `@user`, `@org/team` nor an e-mail address.
    BadOwner,
    /// A section's header that cannot be read.
    BadSection,
    /// A line of code owners that a later one always overrides.
    Shadowed,
}

impl FaultCode {
    /// The name in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too_large",
            Self::BadYaml => "bad_yaml",
            Self::TemplateUnrendered => "template_unrendered",
            Self::NotACatalog => "not_a_catalog",
            Self::UnknownKey => "unknown_key",
            Self::Missing => "missing",
            Self::BadValue => "bad_value",
            Self::Duplicate => "duplicate",
            Self::Cycle => "cycle",
            Self::UnknownReference => "unknown_reference",
            Self::Unowned => "unowned",
            Self::BadPattern => "bad_pattern",
            Self::BadOwner => "bad_owner",
            Self::BadSection => "bad_section",
            Self::Shadowed => "shadowed",
        }
    }

    /// Whether the entry is used all the same: a remark, not an error.
    pub const fn is_remark(self) -> bool {
        matches!(self, Self::Duplicate | Self::UnknownReference | Self::Unowned | Self::Shadowed)
    }
}

/// One fault at its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file, as it was named.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// What kind of fault.
    pub code: FaultCode,
    /// What is wrong and what to do.
    pub reason: String,
}

impl Fault {
    /// A fault at a place.
    pub fn new(file: &str, line: u32, code: FaultCode, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, code, reason: reason.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.code.as_str(), self.reason)
    }
}

/// Why a database of addresses cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is larger than [`crate::limits::DATABASE_BYTES_MAX`].
    #[error("{file}: larger than {max} bytes")]
    TooLarge {
        /// The file.
        file: String,
        /// The limit.
        max: u64,
    },
    /// The bytes are not a sound MaxMind database.
    #[error("{file}: not a sound MaxMind DB: {reason}")]
    Invalid {
        /// The file.
        file: String,
        /// What the reader found.
        reason: String,
    },
    /// A sound database whose type says nothing of countries or autonomous systems.
    #[error("{file}: a database of type {database_type:?} has neither countries nor autonomous systems")]
    Useless {
        /// The file.
        file: String,
        /// Its own name for what it holds.
        database_type: String,
    },
}
