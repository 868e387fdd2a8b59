//! Acme: an invented software company that plays its work, and the attacks on it, as source telemetry.
//!
//! Forty engineers in ten cities, three AWS accounts and 25 repositories give CloudTrail records, Okta
//! System Log events, GitHub audit log entries and GitHub webhook deliveries in the shapes those
//! sources really use. Everything follows from a seed: equal arguments give equal bytes, on every
//! machine and in every version of this crate's dependencies.
//!
//! - [`Acme::new`] plays a stretch of days that ends at a given time (the demo's history).
//! - [`Acme::live`] plays on from a given time without an end (the demo's trickle).
//! - [`bench_records`] gives CloudTrail records for load tests, no two alike.
//!
//! **Invariant:** records come in time order, and each carries the attack it is a part of, if any: what
//! is not labelled is honest work, look-alikes included (an administrator who really attaches a policy,
//! an engineer who really travels).
//! **Invariant:** every address is of a documentation range (RFC 5737, RFC 3849), every name invented.
//! **Invariant:** the benign records do not depend on whether attacks are played.

mod attack;
mod bench;
mod cloudtrail;
mod dice;
mod github;
mod okta;
mod org;
mod play;
mod roster;
mod scribe;
mod text;
mod work;

pub use bench::{BenchRecords, bench_records};
pub use play::Acme;

/// Acme's `services.yaml`: which team answers for which service, repository, account and resource.
pub const SERVICES_YAML: &str = include_str!("../data/services.yaml");

/// Which door of the product a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// One record of AWS CloudTrail, as in the `Records` array of a delivery file.
    AwsCloudtrail,
    /// One event of the Okta System Log API (`/api/v1/logs`).
    Okta,
    /// One entry of the GitHub audit log as it is streamed.
    GithubAudit,
    /// The body of one GitHub webhook delivery.
    GithubWebhook {
        /// The value of the `X-GitHub-Event` header.
        event: &'static str,
    },
}

/// The attack that a record is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attack {
    /// A long-lived key of a pipeline user is used from abroad to look around, read secrets and persist.
    LeakedKey,
    /// A fork's pull request and a changed workflow carry secrets out of the pipeline.
    MaliciousWorkflow,
    /// Hundreds of failed sign-ins from a few addresses, one that works, and its second factor reset.
    CredentialStuffing,
    /// A session gives itself administrator rights in AWS and Okta.
    PrivilegeEscalation,
    /// Trails are stopped, narrowed and deleted; the audit log stream is turned off.
    LogTampering,
}

impl Attack {
    /// All attacks, in the order in which they are declared.
    pub const ALL: [Self; 5] = [
        Self::LeakedKey,
        Self::MaliciousWorkflow,
        Self::CredentialStuffing,
        Self::PrivilegeEscalation,
        Self::LogTampering,
    ];

    /// A short stable name in kebab case.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeakedKey => "leaked-key",
            Self::MaliciousWorkflow => "malicious-workflow",
            Self::CredentialStuffing => "credential-stuffing",
            Self::PrivilegeEscalation => "privilege-escalation",
            Self::LogTampering => "log-tampering",
        }
    }
}

/// One record as its source sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it comes from.
    pub source: Source,
    /// The source's own id: `eventID`, `uuid`, `_document_id`, or for webhooks the delivery id, which
    /// travels in the `X-GitHub-Delivery` header and not in the body.
    pub id: String,
    /// When it happened, in milliseconds since 1970-01-01 UTC; whole seconds where the source has no finer.
    pub time_ms: i64,
    /// One JSON object.
    pub body: String,
    /// The attack it belongs to; `None` for honest work.
    pub label: Option<Attack>,
}
