//! How the program ends.

use crate::config::ConfigError;
use std::process::ExitCode;

/// Exit codes, as `huecry --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The input has faults; the output says which.
    Faults = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// The server cannot be reached, or it failed.
    Server = 3,
    /// Not allowed.
    NotAllowed = 4,
    /// Conflict with another change.
    Conflict = 5,
    /// What was signed was changed.
    Tampered = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command ended early: the code, what happened, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without advice.
    pub fn new(exit: Exit, message: impl std::fmt::Display) -> Self {
        Self { exit, message: message.to_string(), hint: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl std::fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = match &error {
            ConfigError::Invalid { suggestion: Some(key), .. } => Some(format!("did you mean `{key}`?")),
            ConfigError::Invalid { .. } => Some("`huecry config --schema` lists every key".to_owned()),
            _ => None,
        };
        Self { hint, ..Self::new(Exit::Usage, error) }
    }
}

impl From<crate::reader::ReadError> for Failure {
    fn from(error: crate::reader::ReadError) -> Self {
        Self::new(Exit::Faults, error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Faults, error)
    }
}
