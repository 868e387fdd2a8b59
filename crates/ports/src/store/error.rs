//! What can go wrong in the store.

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such thing. At the HTTP edge: 404.
    #[error("there is no {what}")]
    NotFound {
        /// What was asked for, with its name.
        what: String,
    },
    /// Someone else changed it first. At the HTTP edge: 409 (412 for a conditional request).
    #[error("it was changed meanwhile: its version is now {current}; read it again, then repeat the change")]
    Conflict {
        /// The version now; for a consumer's position, the next offset now.
        current: u64,
    },
    /// A thing of that name exists. At the HTTP edge: 409.
    #[error("{what} exists already; choose another name")]
    Exists {
        /// What, with its name.
        what: String,
    },
    /// The audit record speaks of another object than the change: a programming error, nothing was written.
    #[error("the change is on {object}, but its audit record is about {record}")]
    AuditMismatch {
        /// What was to be changed.
        object: String,
        /// What the record says.
        record: String,
    },
    /// An incident that people have worked on cannot be merged away by a machine; nothing was written.
    #[error("people have worked on {incident}; a machine does not merge it into another")]
    TouchedByPeople {
        /// The incident.
        incident: String,
    },
    /// An earlier writing step of this unit failed or was cut off; the unit can only be dropped, so that half a
    /// change is never committed.
    #[error("an earlier step of this unit of work failed; nothing of it was written, start a new one")]
    Aborted,
    /// The cursor was not made by this store for this list. At the HTTP edge: 400.
    #[error("the page cursor does not fit this list; start again without one")]
    BadCursor,
    /// The filter cannot be answered. At the HTTP edge: 400.
    #[error("{reason}")]
    BadQuery {
        /// What to change.
        reason: String,
    },
    /// Others are writing, for too long. At the HTTP edge: 503 with Retry-After.
    #[error("the store is busy; try again in a moment")]
    Busy,
    /// No space; nothing was written. At the HTTP edge: 503.
    #[error("the disk of the store is full; free space, then try again")]
    DiskFull,
    /// A stored value is not what this program writes.
    #[error("{what} in the store cannot be read: {reason}; was it written by a newer version?")]
    Corrupt {
        /// Which value.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The URL names no backend that is compiled in.
    #[error("state {url:?}: {reason}")]
    BadUrl {
        /// What was configured (without credentials).
        url: String,
        /// What to write instead.
        reason: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The backend refused.
    #[error("{doing}: {source}")]
    Backend {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// A [`StoreError::NotFound`].
    pub fn not_found(kind: &str, name: impl std::fmt::Display) -> Self {
        Self::NotFound { what: format!("{kind} {name}") }
    }

    /// A [`StoreError::Corrupt`].
    pub fn corrupt(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Corrupt { what: what.into(), reason: reason.to_string() }
    }
}
