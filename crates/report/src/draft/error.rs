//! What is wrong with a report before it is sent.

/// What is wrong with a report before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// There is no such form.
    #[error("there is no form `{name}`{}", meant(.suggestion.as_deref()))]
    UnknownForm {
        /// What was given.
        name: String,
        /// What was probably meant.
        suggestion: Option<String>,
        /// All there are.
        known: String,
    },
    /// The form has no such field.
    #[error("`{form}` has no field `{name}`{}", meant(.suggestion.as_deref()))]
    UnknownField {
        /// The form.
        form: String,
        /// What was given.
        name: String,
        /// What was probably meant.
        suggestion: Option<String>,
        /// All there are.
        known: String,
    },
    /// The answer is none of the choices, or the beginning of several.
    #[error("`{answer}` is no answer to `{field}`")]
    NoChoice {
        /// The field.
        field: String,
        /// What was given.
        answer: String,
        /// The choices.
        choices: String,
    },
    /// The answer is too long.
    #[error("`{field}` takes at most {chars_max} characters, and this has {chars}")]
    TooLong {
        /// The field.
        field: String,
        /// How long it is.
        chars: u64,
        /// How long it may be.
        chars_max: u64,
    },
    /// Too many answers.
    #[error("`{field}` takes at most {items_max} lines")]
    TooMany {
        /// The field.
        field: String,
        /// How many it takes.
        items_max: usize,
    },
    /// It is no package URL.
    #[error("`{text}` is no package URL: {reason}")]
    NoPackage {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is no digest of an artifact.
    #[error("`{0}` is no digest of an artifact")]
    NoDigest(String),
    /// It is no link of a receipt. What was given is not repeated: it may be a secret.
    #[error("this is no link of a receipt: {0}")]
    NoReceipt(&'static str),
}

impl DraftError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownForm { known, .. } => format!("there are: {known}"),
            Self::UnknownField { known, .. } => format!("its fields: {known}"),
            Self::NoChoice { choices, .. } => format!("one of: {choices}"),
            Self::TooLong { .. } => {
                "send the part that matters, and attach the rest with --attach".to_owned()
            }
            Self::TooMany { .. } => "name the most important ones".to_owned(),
            Self::NoPackage { .. } => "such as pkg:npm/left-pad@1.3.0 or pkg:pypi/requests@2.32.0".to_owned(),
            Self::NoDigest(_) => "sha256: and 64 hexadecimal digits; `sha256sum FILE` prints them".to_owned(),
            Self::NoReceipt(_) => {
                "give the link that was printed when the report was sent: https://…/receipt#hcrc_…".to_owned()
            }
        }
    }
}

fn meant(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
