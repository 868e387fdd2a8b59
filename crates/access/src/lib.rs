//! Who may do what: token secrets, scopes, the rule of a route, sealed webhook secrets.
//!
//! **Invariant:** a token's secret exists only where it was shown once; the store has its SHA-256.
//!
//! **Invariant:** a source's token sends records as that source and does nothing else.

mod directory;
mod registry;
mod rule;
mod scope;
mod seal;
mod secret;

pub use directory::{
    AdmitError, Directory, FRESH_MS_MAX, STALE_MS_MAX, SourceDoor, TOKENS_MAX, USE_NOTED_MS,
};
pub use registry::{
    Caller, KIND_BYTES_MAX, NewAuthority, Registry, RegistryError, SourceSettings, TOKEN_NAME_BYTES_MAX,
};
pub use rule::{Authority, Denied, Grant, Rule, Scheme, presented};
pub use scope::{ParseScopeError, Scope, ScopeSet};
pub use seal::{KEY_BYTES, SEALED_SECRET_BYTES_MAX, SealError, Sealer};
pub use secret::{ParseSecretError, SECRET_BYTES, Secret, SecretHash, SecretKind};
