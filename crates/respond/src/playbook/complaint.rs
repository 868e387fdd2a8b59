//! What is wrong with a playbook, and where.

use std::fmt;

/// Most complaints that are kept of one playbook.
pub(super) const COMPLAINTS_MAX: usize = 200;

/// Whether a playbook with it can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gravity {
    /// It holds all the same; somebody should look.
    Warning,
    /// It is refused.
    Error,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Complaint {
    /// How grave.
    pub gravity: Gravity,
    /// Where, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What, in a sentence.
    pub message: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gravity = match self.gravity {
            Gravity::Warning => "warning",
            Gravity::Error => "error",
        };
        let place = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{gravity} at {place}: {}", self.message)
    }
}

/// Where complaints are gathered.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    all: Vec<Complaint>,
}

impl Complaints {
    pub(super) fn error(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.add(Gravity::Error, pointer.into(), message.into());
    }

    pub(super) fn warn(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.add(Gravity::Warning, pointer.into(), message.into());
    }

    fn add(&mut self, gravity: Gravity, pointer: String, message: String) {
        let complaint = Complaint { gravity, pointer, message };
        // an error is never lost to warnings
        if self.all.len() >= COMPLAINTS_MAX {
            let warning = self.all.iter().rposition(|kept| kept.gravity == Gravity::Warning);
            match warning.filter(|_| gravity == Gravity::Error) {
                Some(at) => self.all.remove(at),
                None => return,
            };
        }
        self.all.push(complaint);
    }

    pub(super) fn has_errors(&self) -> bool {
        self.all.iter().any(|complaint| complaint.gravity == Gravity::Error)
    }

    /// Errors first, each in the order of the playbook.
    pub(super) fn into_all(mut self) -> Vec<Complaint> {
        self.all.sort_by_key(|complaint| std::cmp::Reverse(complaint.gravity));
        self.all
    }
}
