//! Who may do what: people, sessions, tokens, roles and scopes, policies, the rule of a route, sealed secrets.
//!
//! | part | does |
//! |---|---|
//! | [`Gate`] | decides who comes through a route: a token, or a person's session |
//! | [`Policies`] | what roles and scopes come to, by Cedar |
//! | [`People`], [`Sessions`] | sign-in by one-time link or identity provider, roles, sign-out |
//! | [`Oidc`] | one identity provider |
//! | [`Directory`], [`Registry`] | tokens, people and sources in memory; making and taking back tokens and sources |
//! | [`Denials`] | who was told no |
//! | [`Tickets`] | what is given out to be known again: an open receipt, a matter that a guest may add to |
//! | [`Sight`] | what somebody may see of the incidents that something else names |
//!
//! **Invariant:** a secret exists only where it was shown once; the store has its SHA-256.
//!
//! **Invariant:** a source's token sends records as that source and does nothing else.
//!
//! **Invariant:** what no policy permits is denied.
//!
//! **Invariant:** where a person may come as a guest, no use of their session or token is written down.

mod denials;
mod directory;
mod gate;
mod oidc;
mod people;
mod policy;
mod registry;
mod role;
mod rule;
mod scope;
mod seal;
mod secret;
mod session;
mod sight;
mod throttle;
mod ticket;

pub use denials::{DENIAL_NOTED_MS, DENIALS_MAX, DENY_ACTION, Denials};
pub use directory::{
    AdmitError, Directory, FRESH_MS_MAX, PEOPLE_MAX, STALE_MS_MAX, SourceDoor, TOKEN_REST_MS, TOKENS_MAX,
    USE_NOTED_MS,
};
pub use gate::{Admitted, Credential, Gate, Presented};
pub use oidc::{
    Callback, DISCOVERY_MS, FLOW_MS, KEYS_FETCH_MS_MIN, LogoutSaid, Oidc, OidcError, OidcSettings,
    RETURN_BYTES_MAX, Started, TOKEN_AGE_MS_MAX, Vouched, is_own_path, public_origin,
};
pub use people::{
    CameIn, Claims, Door, LINK_MS, PERSON_TEXT_BYTES_MAX, People, PersonChange, SignInError,
    TEAMS_OF_PERSON_MAX,
};
pub use policy::{IncidentFacts, Policies, PolicyError, REACHES_MAX, Reach, ReportSight, Resource, Subject};
pub use registry::{
    Caller, KIND_BYTES_MAX, NewAuthority, Registry, RegistryError, SourceSettings, TOKEN_NAME_BYTES_MAX,
    TOKENS_OF_PERSON_MAX,
};
pub use role::{ParseRoleError, Role, RoleSet};
pub use rule::{Authority, Denied, Grant, Rule, Scheme, presented};
pub use scope::{ParseScopeError, Scope, ScopeSet};
pub use seal::{KEY_BYTES, SEALED_SECRET_BYTES_MAX, SealError, Sealer};
pub use secret::names_secret;
pub use secret::{ParseSecretError, SECRET_BYTES, Secret, SecretHash, SecretKind};
pub use session::{
    Arrival, ROTATION_GRACE_MS, SESSION_USE_NOTED_MS, SessionTimes, Sessions, SignedIn, USER_AGENT_BYTES_MAX,
};
pub use sight::{SeenRecord, Sight};
pub use throttle::{ADDRESSES_MAX, FAILURES_ALL_MAX, FAILURES_MAX, Throttle, Throttled, WINDOW_MS};
pub use ticket::{Purpose, SUBJECT_BYTES_MAX, TICKET_BYTES_MAX, TICKET_MS, Ticket, TicketError, Tickets};
