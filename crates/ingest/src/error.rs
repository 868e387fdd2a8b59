//! Why records were not put on the log.

use crate::limits::NO_ROOM_RETRY_AFTER_MS;
use ports::LogError;

/// What a door answers when the log, or the memory for bodies, does not take more.
///
/// `NoRoom`, `Overloaded`, `DiskFull` and `TooLarge` for a request of one batch promise that nothing was
/// kept. After `Unavailable` some of it may be there: the sender sends again, duplicates are recognised.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IngestError {
    /// The bytes of all requests in work are at their limit.
    #[error("too many bytes are being received at once; send again in {NO_ROOM_RETRY_AFTER_MS} ms")]
    NoRoom,
    /// The log is behind its disk.
    #[error("the log is behind its disk; send again in {retry_after_ms} ms")]
    Overloaded {
        /// When to come again.
        retry_after_ms: u64,
    },
    /// There is no space on the disk of the log.
    #[error("the disk of the log is full; nothing was accepted")]
    DiskFull,
    /// A record is larger than the log takes.
    #[error("a record of {bytes} bytes is over the log's limit of {bytes_max}")]
    TooLarge {
        /// What was given.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The log cannot append now.
    #[error("the log cannot take records now: {0}")]
    Unavailable(LogError),
}

impl IngestError {
    /// When the sender should come again, in milliseconds; `None` where waiting alone does not help.
    pub const fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::NoRoom => Some(NO_ROOM_RETRY_AFTER_MS),
            Self::Overloaded { retry_after_ms } => Some(*retry_after_ms),
            Self::DiskFull | Self::Unavailable(_) => Some(30_000),
            Self::TooLarge { .. } => None,
        }
    }
}

impl From<LogError> for IngestError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Overloaded { retry_after_ms } => Self::Overloaded { retry_after_ms },
            LogError::DiskFull => Self::DiskFull,
            LogError::TooLarge { bytes, bytes_max } => Self::TooLarge { bytes, bytes_max },
            other => Self::Unavailable(other),
        }
    }
}
