//! Actions as data: `content/connectors/*.yaml` says which requests an action makes to look, to apply, to verify and to
//! revert.
//!
//! | part | does |
//! |---|---|
//! | [`Connector`], [`ActionSpec`], [`Exchange`] | the file, checked |
//! | [`Template`] | texts with places for values; what is put in cannot leave its place |
//! | [`Request`] | what would be sent |
//! | [`Answer`], [`judge`] | what came back, and what it means |
//! | [`Act`] | the phases of an action, against a [`Remote`] |
//! | [`HttpRemote`] | the same over HTTP |
//! | [`HostCommand`] | a command on a host, by SSH |
//! | [`MailRemote`] | the same by a mail server |
//! | [`whoami()`] | as whom a connector is signed in |
//!
//! **Invariant:** every action can be verified, and a reversible one reverted: a file that lacks either is refused. Only a
//! command on a host that cannot be taken back may have its own answer as the proof (`answer_is_proof`).
//!
//! **Invariant:** an action on an account or a credential says whose it is, or why nobody can know; its connector says as
//! whom it is signed in, or why that cannot be found out.
//!
//! **Invariant:** a value never changes the shape of a request: it is encoded for the place where it stands.

mod about;
mod act;
mod answer;
mod exchange;
mod host;
mod http;
mod mail;
mod owner;
mod pick;
mod read;
mod selector;
mod send;
mod sign;
mod spec;
mod ssh;
mod template;
mod token;
mod whoami;
mod xml;

pub use act::{Act, ActError, Asked, Outcome, Remote, Unanswered};
pub use answer::{ANSWER_BYTES_MAX, Answer, Judged, judge};
pub use exchange::{Exchange, Expectation, FormatError, Method, Request};
pub use host::{
    COMMAND_SECONDS_DEFAULT, COMMAND_SECONDS_MAX, HostCommand, HostError, STEP_SECONDS_MAX, SshKey,
};
pub use http::{BadCertificates, HttpRemote};
pub(crate) use mail::MAIL_ACTION;
pub use mail::{MAIL_CONNECTOR, MailRemote};
pub use owner::NoOwner;
pub use pick::{Pick, PickError};
pub use read::{CONNECTOR_BYTES_MAX, ConnectorError, Fault, read};
pub use sign::SignError;
pub use spec::{
    ActionSpec, AnswerForm, Auth, BadForm, Basic, ChangeSpec, Connector, Input, OwnerSpec, Setting,
    SettingKind, WhoAmI,
};
pub use ssh::ssh_client;
pub use template::{Place, Template, TemplateError, Values};
pub use whoami::{Identity, whoami};
