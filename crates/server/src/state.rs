//! What every handler shares.

use crate::contain_parts::ContainParts;
use crate::report_lookup::{Matters, ServiceNames};
use crate::report_parts::ReportParts;
use crate::rule_book::Rules;
use crate::service_catalog::ServiceCatalog;
use crate::streams::Streams;
use crate::uploads::{Pace, Uploads};
use access::{Denials, Directory, Gate, Oidc, People, Registry as AccessRegistry, Sessions};
use model::{Clock, Entropy};
use ports::{Log, Query, Store};
use prometheus_client::registry::Registry;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Streams of one receipt at once.
const RECEIPT_STREAMS_MAX: usize = 4;

/// Bounds of the server.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Longest time from a request's head to its answer's, in milliseconds.
    pub request_ms_max: u64,
    /// Longest time that requests in work get after shutdown was asked for, in milliseconds.
    pub drain_ms_max: u64,
    /// Most streams of changes at once.
    pub streams_max: usize,
    /// Most of them of one person, with all their sessions and tokens, or of one machine's token.
    pub streams_of_one_max: usize,
    /// So long a file with a report may take to begin, in milliseconds.
    pub upload_grace_ms: u64,
    /// From then on at least so many bytes of it a second, on average.
    pub upload_bytes_per_s: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            request_ms_max: 60_000,
            drain_ms_max: 10_000,
            streams_max: 256,
            streams_of_one_max: 16,
            upload_grace_ms: 10_000,
            upload_bytes_per_s: 16 * 1024,
        }
    }
}

impl Options {
    /// How fast a file with a report must come. It is told so before the time of the whole request is over.
    pub(crate) const fn pace(&self) -> Pace {
        Pace {
            grace: Duration::from_millis(self.upload_grace_ms),
            bytes_per_s: self.upload_bytes_per_s,
            whole: Duration::from_millis(self.request_ms_max - self.request_ms_max / 12),
        }
    }
}

/// Everything that the handlers use.
pub struct Parts {
    /// The durable log.
    pub log: Arc<dyn Log>,
    /// The state of people and machines.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Stage 1.
    pub ingest: Arc<ingest::Service>,
    /// Who may do what.
    pub directory: Arc<Directory>,
    /// Who comes through a route.
    pub gate: Arc<Gate>,
    /// Who signs in, and what they are.
    pub people: Arc<People>,
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// Who was told no.
    pub denials: Arc<Denials>,
    /// Identity providers.
    pub oidc: Vec<Arc<Oidc>>,
    /// Where people reach this server, as `https://host`, without a path; `None` for wherever they ask.
    pub public_url: Option<String>,
    /// Tokens and sources.
    pub access: Arc<AccessRegistry>,
    /// People's decisions.
    pub desk: triage::Desk,
    /// Answers questions about events; `None` where no lake is kept.
    pub query: Option<Arc<dyn Query>>,
    /// The signed tree over audit records.
    pub audit: audit::Prover,
    /// Erases personal values from audit records.
    pub eraser: audit::Eraser,
    /// The rules that run.
    pub rules: Arc<dyn Rules>,
    /// Who answers for what.
    pub services: Arc<dyn ServiceCatalog>,
    /// People's reports; `None` where none are taken.
    pub reports: Option<Arc<ReportParts>>,
    /// What contains, and undoes it; `None` where nothing is contained.
    pub containment: Option<Arc<ContainParts>>,
    /// Every metric of the process.
    pub metrics: Arc<Registry>,
    /// The server's own metrics; registered in `metrics` by the caller.
    pub telemetry: crate::Telemetry,
    /// Bounds.
    pub options: Options,
    /// Ends streams and readiness when shutdown begins.
    pub shutdown: CancellationToken,
}

/// A shared handle to [`Parts`] with what the server adds of its own.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// What [`App`] derefs to.
pub struct Shared {
    parts: Parts,
    pub(crate) acks: ingest::hec_ack::HecAcks,
    pub(crate) streams: Arc<Streams>,
    /// Streams of those who follow by a receipt: they take no place of those who work here.
    pub(crate) receipt_streams: Arc<Streams>,
    /// Places for files that are on their way in.
    pub(crate) uploads: Arc<Uploads>,
    pub(crate) service_names: Arc<ServiceNames>,
    pub(crate) matters: Matters,
    /// The reference, written once.
    pub(crate) openapi: std::sync::OnceLock<crate::openapi::Document>,
}

impl App {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let streams = Arc::new(Streams::new(&parts.options));
        let receipt_streams = Options { streams_of_one_max: RECEIPT_STREAMS_MAX, ..parts.options };
        Self(Arc::new(Shared {
            acks: ingest::hec_ack::HecAcks::default(),
            streams,
            receipt_streams: Arc::new(Streams::new(&receipt_streams)),
            uploads: Arc::new(Uploads::default()),
            service_names: Arc::default(),
            matters: Matters::default(),
            openapi: std::sync::OnceLock::new(),
            parts,
        }))
    }
}

impl Shared {
    /// Whether people reach this server over TLS only.
    pub(crate) fn is_secure(&self) -> bool {
        self.parts.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }
}

impl Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Deref for Shared {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("options", &self.options).finish_non_exhaustive()
    }
}
