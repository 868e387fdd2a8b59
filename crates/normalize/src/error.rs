//! What can be wrong with a mapping, and why a record is refused.

use model::TapeError;

/// A fault in a mapping file; a load reports all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct MappingError {
    /// The file's name as given to the load.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// What is wrong and what to write instead.
    pub reason: String,
}

/// Stable reason of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    /// The bytes are not one JSON object.
    JsonInvalid,
    /// The record's kind is written as text, and this text is not of it.
    TextInvalid,
    /// The record nests deeper, or has more values, than the limits of the tape.
    RecordTooComplex,
    /// No mapping of the record's kind is loaded.
    KindUnknown,
    /// The mapping says that this is not a record of its source.
    NotOfSource,
}

impl RefusalCode {
    /// Every code.
    pub const ALL: [RefusalCode; 5] =
        [Self::JsonInvalid, Self::TextInvalid, Self::RecordTooComplex, Self::KindUnknown, Self::NotOfSource];

    /// The code as dead letters show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JsonInvalid => "json_invalid",
            Self::TextInvalid => "text_invalid",
            Self::RecordTooComplex => "record_too_complex",
            Self::KindUnknown => "kind_unknown",
            Self::NotOfSource => "not_of_source",
        }
    }
}

/// Why a record did not become an event; it goes to the dead letters with this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// Stable code.
    pub code: RefusalCode,
    /// What was wrong and where.
    pub reason: String,
}

impl From<TapeError> for Refusal {
    fn from(error: TapeError) -> Self {
        let code = match error {
            TapeError::InvalidUtf8 { .. } | TapeError::InvalidJson { .. } | TapeError::NotAnObject => {
                RefusalCode::JsonInvalid
            }
            TapeError::TooDeep | TapeError::TooManyValues => RefusalCode::RecordTooComplex,
        };
        Self { code, reason: error.to_string() }
    }
}
