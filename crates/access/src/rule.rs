//! Who may use a route: the rule as data, and the one place that decides by it.

use crate::scope::{Scope, ScopeSet};
use crate::secret::{Secret, SecretKind};
use model::{PersonId, Principal, SourceName, TokenId};

/// The word before a token in the `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `Bearer` (RFC 6750).
    Bearer,
    /// `Splunk`, as HEC senders write it.
    Splunk,
}

impl Scheme {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Splunk => "Splunk",
        }
    }
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Anyone. The reason stands beside it.
    Public {
        /// Why nothing needs protection.
        why: &'static str,
    },
    /// A source that puts a proof beside the body; the door checks it against the source's own secret.
    Signed {
        /// What the proof is.
        proof: &'static str,
    },
    /// The holder of a source's token, and nobody else.
    SourceToken(Scheme),
    /// The holder of an API token with this scope, or a person whose roles come to it.
    Scope(Scope),
    /// A person who is signed in, whatever their roles; no token.
    Person,
    /// Anyone, as a guest; whoever sends a token or a session is who they are by it, so these must hold. Nothing of a
    /// guest is kept, and no use of a session or token is noted: a person may report without leaving a trace.
    Guest {
        /// Why nobody needs to be known.
        why: &'static str,
    },
    /// Whoever opened a receipt in this browser within the last hour.
    Receipt,
}

/// What a token's holder may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// Send records as this source. Nothing else.
    Source(SourceName),
    /// What the scopes say.
    Api(ScopeSet),
}

/// A known token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id, which is no secret.
    pub id: TokenId,
    /// For whom it was made.
    pub name: String,
    /// Whose it is; none for a machine's.
    pub person: Option<PersonId>,
    /// What it allows.
    pub authority: Authority,
    /// From when on it is refused, milliseconds since the epoch.
    pub expires_at_ms: Option<i64>,
    /// Whether it was taken back.
    pub revoked: bool,
    /// Whether it opens nothing until its owner signs in again.
    pub resting: bool,
}

/// Why a request was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No `Authorization` header.
    #[error("this needs a token in the Authorization header")]
    TokenMissing,
    /// The header is not of the right scheme, or its value has not the form of a token.
    #[error("the Authorization header is not of the form `{} <token>`", .0.as_str())]
    TokenMalformed(Scheme),
    /// No such token.
    #[error("this token is not known here")]
    TokenUnknown,
    /// Past its time.
    #[error("this token has expired")]
    TokenExpired,
    /// Taken back.
    #[error("this token was revoked")]
    TokenRevoked,
    /// A person's own token whose owner is away: the identity provider said that they left, or has not vouched for them for
    /// long.
    #[error("this token rests until its owner signs in again")]
    TokenResting,
    /// A source's token on a route for people, or the other way round.
    #[error("this kind of token is not for this route")]
    TokenKind,
    /// Another source's token.
    #[error("this token belongs to another source")]
    TokenSource,
    /// An API token without the scope, or a person whose roles do not come to it.
    #[error("this needs the scope {0}")]
    ScopeMissing(Scope),
    /// No session cookie, or one of another form.
    #[error("nobody is signed in here")]
    SessionMissing,
    /// No such session, or it has ended by itself or by somebody.
    #[error("this session has ended")]
    SessionEnded,
    /// A secret from before a rotation came back: somebody has a copy. The session was ended.
    #[error("this session was used with a cookie that had been exchanged; it has ended for all who had it")]
    SessionReplayed,
    /// A token on a route for people who are signed in.
    #[error("this is for people who are signed in; a token does not do")]
    SessionNeeded,
    /// No receipt was opened in this browser, or it was more than an hour ago.
    #[error("no receipt is open in this browser")]
    ReceiptMissing,
}

impl Denied {
    /// Whether to ask for (other) credentials (401) or to say no (403).
    pub const fn is_unauthenticated(self) -> bool {
        matches!(
            self,
            Self::TokenMissing
                | Self::TokenMalformed(_)
                | Self::TokenUnknown
                | Self::TokenExpired
                | Self::TokenRevoked
                | Self::TokenResting
                | Self::SessionMissing
                | Self::SessionEnded
                | Self::SessionReplayed
                | Self::ReceiptMissing
        )
    }
}

/// Takes the secret out of an `Authorization` header.
///
/// # Errors
/// [`Denied::TokenMissing`] or [`Denied::TokenMalformed`].
pub fn presented(header: Option<&str>, scheme: Scheme) -> Result<Secret, Denied> {
    let (word, token) = header.ok_or(Denied::TokenMissing)?.split_once(' ').unwrap_or_default();
    if !word.eq_ignore_ascii_case(scheme.as_str()) {
        return Err(Denied::TokenMalformed(scheme));
    }
    let is_token = |secret: &Secret| matches!(secret.kind(), SecretKind::Source | SecretKind::Api);
    let secret = Secret::parse(token.trim()).ok().filter(is_token);
    secret.ok_or(Denied::TokenMalformed(scheme))
}

impl Rule {
    /// The header's scheme, where the rule wants a token.
    pub const fn scheme(self) -> Option<Scheme> {
        match self {
            Self::Public { .. } | Self::Signed { .. } | Self::Receipt => None,
            Self::SourceToken(scheme) => Some(scheme),
            Self::Scope(_) | Self::Person | Self::Guest { .. } => Some(Scheme::Bearer),
        }
    }

    /// Whether who comes may be nobody who is known: nothing of the sender is written down then, not even by the edge.
    pub const fn is_for_guests(self) -> bool {
        matches!(self, Self::Guest { .. } | Self::Receipt)
    }

    /// Whether the holder of `grant` may use the route at `now_ms`.
    ///
    /// # Errors
    /// [`Denied`] with the first reason against it.
    pub fn decide(self, grant: Option<&Grant>, now_ms: i64) -> Result<(), Denied> {
        if self.scheme().is_none() {
            return Ok(());
        }
        let grant = grant.ok_or(Denied::TokenUnknown)?;
        if grant.revoked {
            return Err(Denied::TokenRevoked);
        }
        if grant.expires_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            return Err(Denied::TokenExpired);
        }
        if grant.resting {
            return Err(Denied::TokenResting);
        }
        match (self, &grant.authority) {
            (Self::SourceToken(_), Authority::Source(_)) => Ok(()),
            (Self::Guest { .. }, Authority::Api(_)) => Ok(()),
            (Self::Scope(scope), Authority::Api(scopes)) if scopes.has(scope) => Ok(()),
            (Self::Scope(scope), Authority::Api(_)) => Err(Denied::ScopeMissing(scope)),
            (Self::Person, Authority::Api(_)) => Err(Denied::SessionNeeded),
            _ => Err(Denied::TokenKind),
        }
    }
}

impl Grant {
    /// Who acts by it.
    pub fn principal(&self) -> Principal {
        Principal::Token { id: self.id.to_string(), name: self.name.clone() }
    }

    /// Whether the token is `source`'s own.
    ///
    /// # Errors
    /// [`Denied::TokenSource`] or [`Denied::TokenKind`].
    pub fn may_send_as(&self, source: &SourceName) -> Result<(), Denied> {
        match &self.authority {
            Authority::Source(own) if own == source => Ok(()),
            Authority::Source(_) => Err(Denied::TokenSource),
            Authority::Api(_) => Err(Denied::TokenKind),
        }
    }

    /// The kind that the token's secret shows.
    pub const fn kind(&self) -> SecretKind {
        match self.authority {
            Authority::Source(_) => SecretKind::Source,
            Authority::Api(_) => SecretKind::Api,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ManualClock, SeededEntropy};

    const NOW_MS: i64 = 1_700_000_000_000;

    fn grant(authority: Authority) -> Grant {
        let id = TokenId::new(&ManualClock::at(NOW_MS), &SeededEntropy::new(1));
        Grant {
            id,
            name: "t".into(),
            person: None,
            authority,
            expires_at_ms: None,
            revoked: false,
            resting: false,
        }
    }

    fn source_grant() -> Grant {
        grant(Authority::Source(SourceName::new("acme").unwrap()))
    }

    #[test]
    fn each_scope_opens_its_own_rule_only() {
        for held in Scope::ALL {
            let grant = grant(Authority::Api(ScopeSet::from_iter([*held])));
            for asked in Scope::ALL {
                let expected = if held == asked { Ok(()) } else { Err(Denied::ScopeMissing(*asked)) };
                assert_eq!(Rule::Scope(*asked).decide(Some(&grant), NOW_MS), expected);
            }
            let door = Rule::SourceToken(Scheme::Bearer);
            assert_eq!(door.decide(Some(&grant), NOW_MS), Err(Denied::TokenKind));
        }
        for asked in Scope::ALL {
            let rule = Rule::Scope(*asked);
            assert_eq!(rule.decide(Some(&source_grant()), NOW_MS), Err(Denied::TokenKind));
            assert_eq!(rule.decide(None, NOW_MS), Err(Denied::TokenUnknown));
        }
    }

    #[test]
    fn expired_and_revoked_tokens_open_nothing() {
        let rule = Rule::SourceToken(Scheme::Splunk);
        let mut grant = source_grant();
        grant.expires_at_ms = Some(NOW_MS);
        assert_eq!(rule.decide(Some(&grant), NOW_MS - 1), Ok(()));
        assert_eq!(rule.decide(Some(&grant), NOW_MS), Err(Denied::TokenExpired));
        grant.resting = true;
        assert_eq!(rule.decide(Some(&grant), NOW_MS - 1), Err(Denied::TokenResting));
        grant.revoked = true;
        assert_eq!(rule.decide(Some(&grant), NOW_MS - 1), Err(Denied::TokenRevoked));
    }

    #[test]
    fn what_a_guest_sends_must_hold() {
        let rule = Rule::Guest { why: "tests" };
        let mut grant = grant(Authority::Api(ScopeSet::default()));
        assert_eq!(rule.decide(Some(&grant), NOW_MS), Ok(()));
        assert_eq!(rule.decide(None, NOW_MS), Err(Denied::TokenUnknown));
        assert_eq!(rule.decide(Some(&source_grant()), NOW_MS), Err(Denied::TokenKind));
        grant.revoked = true;
        assert_eq!(rule.decide(Some(&grant), NOW_MS), Err(Denied::TokenRevoked));
    }

    #[test]
    fn a_source_sends_as_itself_only() {
        let (own, other) = (SourceName::new("acme").unwrap(), SourceName::new("other").unwrap());
        assert_eq!(source_grant().may_send_as(&own), Ok(()));
        assert_eq!(source_grant().may_send_as(&other), Err(Denied::TokenSource));
        assert_eq!(grant(Authority::Api(ScopeSet::all())).may_send_as(&own), Err(Denied::TokenKind));
    }

    #[test]
    fn headers_are_read() {
        let secret = Secret::generate(SecretKind::Api, &SeededEntropy::new(1));
        let text = secret.reveal();
        assert_eq!(presented(Some(&format!("bearer {text}")), Scheme::Bearer), Ok(secret.clone()));
        assert_eq!(presented(Some(&format!("Splunk {text}")), Scheme::Splunk), Ok(secret.clone()));
        assert_eq!(presented(None, Scheme::Bearer), Err(Denied::TokenMissing));
        for bad in ["", text, "Bearer", "Bearer x", &format!("Basic {text}"), &format!("Splunk {text}")] {
            let denied = presented(Some(bad), Scheme::Bearer);
            assert_eq!(denied, Err(Denied::TokenMalformed(Scheme::Bearer)), "{bad}");
        }
    }
}
