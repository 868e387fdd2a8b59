//! Actions as data: `content/connectors/*.yaml` says which requests an action makes to look, to apply, to verify and to
//! revert.
//!
//! | part | does |
//! |---|---|
//! | [`Connector`], [`ActionSpec`], [`Exchange`] | the file, checked |
//! | [`Template`] | texts with places for values; what is put in cannot leave its place |
//! | [`Request`] | what would be sent |
//! | [`Answer`], [`judge`] | what came back, and what it means |
//!
//! **Invariant:** every action can be verified, and a reversible one reverted: a file that lacks either is refused.
//!
//! **Invariant:** a value never changes the shape of a request: it is encoded for the place where it stands.

mod answer;
mod exchange;
mod read;
mod spec;
mod template;

pub use answer::{ANSWER_BYTES_MAX, Answer, Judged, judge};
pub use exchange::{Exchange, Expectation, FormatError, Method, Request};
pub use read::{CONNECTOR_BYTES_MAX, ConnectorError, Fault, read};
pub use spec::{ActionSpec, Auth, BadForm, ChangeSpec, Connector, Input, Setting, SettingKind};
pub use template::{Place, Template, TemplateError, Values};
