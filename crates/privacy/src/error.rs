//! Why a text was not masked, or detectors could not be read.

/// Why a text was not masked. There is no partial result: what is not masked must not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// The text is longer than [`crate::limits::TEXT_BYTES_MAX`].
    #[error("the text is {bytes} bytes long, and at most {bytes_max} are masked at once")]
    TextTooLarge {
        /// Its length.
        bytes: usize,
        /// The most.
        bytes_max: usize,
    },
    /// What was masked kept showing something more, [`crate::limits::ROUNDS_MAX`] times.
    #[error("the text does not settle: after {rounds} rounds masking still finds something new")]
    Unsettled {
        /// How often it was looked at.
        rounds: usize,
    },
}

impl MaskError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TextTooLarge { .. } => "text_too_large",
            Self::Unsettled { .. } => "text_unsettled",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TextTooLarge { .. } => "send the part that matters, or cut the text and mask the parts",
            Self::Unsettled { .. } => "take long runs of keys, numbers or names out of the text by hand",
        }
    }
}

/// Why a file of detectors was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectorsError {
    /// It is not YAML of the right shape.
    #[error("the detectors cannot be read: {0}")]
    Shape(String),
    /// One detector is wrong.
    #[error("detector `{detector}`: {reason}")]
    Detector {
        /// Which one.
        detector: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file as a whole is wrong.
    #[error("the detectors are refused: {0}")]
    Whole(String),
}
