//! What an API token may do, as a closed list.

use std::fmt;
use std::str::FromStr;

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One permission of an API token.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Scope { $($(#[$doc])* $name,)* }

        impl Scope {
            /// Every scope.
            pub const ALL: &'static [Scope] = &[$(Self::$name,)*];

            /// The name in the API and on the command line.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

scopes! {
    /// Ask the lake; personal values are masked.
    EventsRead = "events:read",
    /// See personal values and whole records in what `events:read` shows.
    EventsReadPersonal = "events:read_personal",
    /// Read what people reported, with its history and messages.
    ReportsRead = "reports:read",
    /// Report in the name of a token, and make signed links to the form.
    ReportsWrite = "reports:write",
    /// Decide reports and appeals, write to reporters, make digests.
    ReportsModerate = "reports:moderate",
    /// See what was done to contain, and what is planned.
    ContainmentsRead = "containments:read",
    /// Plan, ask for and take back containments; begin, answer and stop runs of playbooks.
    ContainmentsRequest = "containments:request",
    /// Approve containments, say what came of unknown ones, break glass. People only.
    ContainmentsApprove = "containments:approve",
    /// Connect by the Model Context Protocol; each tool needs its own scope besides.
    McpUse = "mcp:use",
    /// Read incidents, findings and comments, and follow their stream.
    IncidentsRead = "incidents:read",
    /// Assign, comment, decide.
    IncidentsWrite = "incidents:write",
    /// See and change what else only those see who have it.
    IncidentsRestricted = "incidents:restricted",
    /// See which rules run and how they do.
    RulesRead = "rules:read",
    /// Load rules again, decide their stages, and see what a filter would be made of.
    RulesWrite = "rules:write",
    /// Read what could not be normalized, with the raw records.
    DeadLettersRead = "dead-letters:read",
    /// Drive dead letters again.
    DeadLettersWrite = "dead-letters:write",
    /// Make, list and revoke tokens of every kind.
    TokensAdmin = "tokens:admin",
    /// Make, list and remove sources, and set their secrets.
    SourcesAdmin = "sources:admin",
    /// See people, give them roles, keep them out, and make one-time links.
    PeopleAdmin = "people:admin",
    /// Read the audit record.
    AuditRead = "audit:read",
    /// Erase personal values from the audit record, and record evidence packs.
    AuditWrite = "audit:write",
    /// Scrape metrics.
    MetricsRead = "metrics:read",
}

/// The text names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scope {0:?}; scopes are: {list}", list = Scope::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", "))]
pub struct ParseScopeError(pub String);

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = ParseScopeError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|scope| scope.as_str() == text);
        found.copied().ok_or_else(|| ParseScopeError(text.chars().take(64).collect()))
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ScopeSet(u32);

impl ScopeSet {
    /// Every scope.
    pub fn all() -> Self {
        Scope::ALL.iter().copied().collect()
    }

    /// Whether `scope` is in it.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u32) != 0
    }

    /// Whether every scope of `other` is in it.
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The scopes in it, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(*scope));
        }
        let error = "incidents:delete".parse::<Scope>().unwrap_err().to_string();
        assert!(error.contains("incidents:delete") && error.contains("incidents:write"), "{error}");
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        for scope in Scope::ALL {
            let set = ScopeSet::from_iter([*scope]);
            assert_eq!(set.iter().collect::<Vec<_>>(), [*scope]);
            assert!(ScopeSet::all().covers(set) && !set.covers(ScopeSet::all()));
        }
        assert_eq!(ScopeSet::all().iter().count(), Scope::ALL.len());
    }
}
