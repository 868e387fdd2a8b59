//! What a door must know about each kind of source, as data.

use crate::split::EnvelopePath;

/// How records of one kind arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The mapping's name.
    pub name: &'static str,
    /// Where this vendor's list answers and files keep their records.
    pub envelopes: &'static [EnvelopePath<'static>],
    /// Whether a Splunk HEC sender only carries the vendor's own event, so that the record is the value
    /// of `event`. Otherwise the whole HEC object is the record, with its host, time and sourcetype.
    pub unwraps_hec: bool,
}

/// Kinds with a vendor's own format. A sender of any other kind names its envelope with the request
/// ([`declared_envelope`]).
pub const KINDS: &[Kind] = &[
    Kind { name: "aws_cloudtrail", envelopes: &[&["Records"]], unwraps_hec: true },
    Kind { name: "okta", envelopes: &[&["data", "events"], &["events"]], unwraps_hec: true },
    Kind { name: "github", envelopes: &[], unwraps_hec: true },
    Kind { name: "windows_eventlog", envelopes: &[&["Events"], &["Events", "Event"]], unwraps_hec: true },
    Kind { name: "linux_auditd", envelopes: &[], unwraps_hec: true },
    Kind { name: "falco", envelopes: &[], unwraps_hec: true },
    // a plugin of osqueryd posts its results in lots
    Kind { name: "osquery", envelopes: &[&["data"]], unwraps_hec: true },
    // an export of Azure Monitor, an answer of Microsoft Graph
    Kind { name: "entra", envelopes: &[&["records"], &["value"]], unwraps_hec: true },
    Kind { name: "google_workspace", envelopes: &[&["items"]], unwraps_hec: true },
    Kind { name: "gitlab", envelopes: &[], unwraps_hec: true },
    // an EventList, a subscription of CloudWatch Logs, an export of Azure Monitor
    Kind {
        name: "kubernetes_audit",
        envelopes: &[&["items"], &["logEvents"], &["records"]],
        unwraps_hec: true,
    },
    Kind { name: "gcp_audit", envelopes: &[&["entries"]], unwraps_hec: true },
    Kind { name: "m365", envelopes: &[], unwraps_hec: true },
    Kind { name: "slack_audit", envelopes: &[&["entries"]], unwraps_hec: true },
];

const GENERIC: Kind = Kind { name: "generic", envelopes: &[], unwraps_hec: false };

impl Kind {
    /// The kind of that name, else one without envelopes.
    pub fn of(name: &str) -> &'static Self {
        KINDS.iter().find(|kind| kind.name == name).unwrap_or(&GENERIC)
    }
}

/// Most keys of an envelope's path that a request declares.
const DECLARED_KEYS_MAX: usize = 4;

/// The envelope that a request declares, such as `items` or `data.events`, as its keys.
///
/// `None` when the text is empty, or deeper than a list answer ever is.
pub fn declared_envelope(path: &str) -> Option<Vec<&str>> {
    let keys: Vec<&str> = path.split('.').collect();
    let good = keys.len() <= DECLARED_KEYS_MAX && keys.iter().all(|key| !key.is_empty());
    good.then_some(keys)
}
