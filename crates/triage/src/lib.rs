//! Findings become incidents; people decide what they are.
//!
//! | who | does |
//! |---|---|
//! | [`Service`] | takes findings off the log in batches, stores each batch in one transaction |
//! | [`Grouping`] | the rule by which a finding joins an incident, as numbers |
//! | [`Case`] | what machines know of one incident, as findings join it; pure |
//! | [`Desk`] | people's decisions: assign, status, severity, verdict, comment; merge, split, link, and back |
//! | [`why()`], [`Graph`] | why an incident is there, and what its findings name; pure |
//! | [`decide`] | whether a decision is allowed, and what its audit record says; pure |
//!
//! **Invariant:** the next offset is stored in the transaction of the incidents that it produced, so a finding
//! that is delivered again, or a process that dies at any moment, changes nothing.
//!
//! **Invariant:** the incidents that come out do not depend on the order in which findings arrive, as long as
//! people have not decided anything in between.
//!
//! **Invariant:** machines never write what people decide. A closed incident stays closed: what comes later
//! opens a new one, linked by [`related`](model::Incident::related). What people split stays split.
//!
//! **Invariant:** every merge and split is kept and can be taken back; what is made of findings is then as before.

mod bulk;
mod case;
mod conflict;
mod desk;
mod error;
mod graph;
mod grouping;
mod incident;
mod placement;
mod regroup;
mod service;
mod telemetry;
mod why;

pub use bulk::{BULK_INCIDENTS_MAX, BulkRequest};
pub use case::{Case, INCIDENT_TITLE_BYTES_MAX};
pub use conflict::{CHANGES_TOLD_MAX, ChangesSince, FieldChange, changes_since};
pub use desk::{Actor, CommentRequest, Desk, EditRequest};
pub use error::{DecisionError, Error};
pub use graph::{Edge, GRAPH_FINDINGS_MAX, GRAPH_NODES_MAX, Graph, GraphBuilder, Node};
pub use grouping::{Grouping, WINDOW_MS_DEFAULT, group_of};
pub use incident::{
    ASSIGNEE_BYTES_MAX, COMMENT_BYTES_MAX, Decided, REASON_BYTES_MAX, check_comment, decide, next_statuses,
};
pub use regroup::{RegroupLimits, Regrouped, SPLIT_FINDINGS_MAX};
pub use service::{BATCH_BYTES_MAX, BATCH_FINDINGS_MAX, CONSUMER, Options, Service, Stepped};
pub use telemetry::Telemetry;
pub use why::{Reason, ReasonKind, why};
