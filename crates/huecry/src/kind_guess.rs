//! The kind of a record by its own fields, for files whose kind nobody names.

use ingest::audit_lines;
use model::{FieldId, FieldTable, Tape};

/// Tells kinds apart by fields that every record of a kind has.
#[derive(Debug)]
pub(crate) struct KindGuess {
    fields: FieldTable,
    tape: Tape,
    marks: Vec<(&'static str, Vec<FieldId>)>,
    audit_id: FieldId,
}

/// A record is of the first kind all of whose fields it has, a line of auditd of auditd's; anything else is
/// tried as GitHub's, whose webhooks share no field.
const MARKS: &[(&str, &[&str])] = &[
    ("aws_cloudtrail", &["eventSource", "eventName", "eventTime"]),
    ("okta", &["eventType", "published", "actor"]),
    ("windows_eventlog", &["Event.System.EventID"]),
    ("windows_eventlog", &["System.EventID"]),
    ("windows_eventlog", &["winlog.event_id"]),
    ("windows_eventlog", &["EventID", "Channel"]),
    ("windows_eventlog", &["EventID", "SourceName"]),
    ("windows_eventlog", &["EventID", "Provider_Name"]),
    ("windows_eventlog", &["event_id", "log_name"]),
    ("falco", &["rule", "priority", "output"]),
    ("falco", &["rule", "output_fields"]),
    ("osquery", &["name", "hostIdentifier"]),
    ("osquery", &["unixTime", "hostIdentifier"]),
    ("kubernetes_audit", &["verb", "auditID"]),
    ("kubernetes_audit", &["verb", "objectRef"]),
    ("kubernetes_audit", &["category", "properties.log"]),
    ("google_workspace", &["id.applicationName", "actor"]),
    ("google_workspace", &["id.applicationName", "type"]),
    ("gitlab", &["object_kind"]),
    ("gitlab", &["entity_type", "author_id"]),
    ("gitlab", &["entity_type", "details.author_name"]),
    ("gitlab", &["event_name", "created_at", "updated_at"]),
    ("gitlab", &["severity", "correlation_id"]),
    ("gcp_audit", &["protoPayload.methodName"]),
    ("gcp_audit", &["data.protoPayload.methodName"]),
    ("gcp_audit", &["logName", "insertId"]),
    ("m365", &["Operation", "Workload", "CreationTime"]),
    ("slack_audit", &["action", "date_create", "actor"]),
    ("entra", &["category", "operationName", "time"]),
    ("entra", &["operationName", "resourceId"]),
    ("entra", &["createdDateTime", "appId", "status"]),
    ("entra", &["activityDateTime", "activityDisplayName"]),
    ("entra", &["riskEventType", "riskState"]),
    ("entra", &["Category", "OperationName", "TimeGenerated"]),
];

impl KindGuess {
    pub(crate) fn new() -> Self {
        let mut fields = FieldTable::default();
        let marks = MARKS
            .iter()
            .map(|(kind, names)| (*kind, names.iter().map(|name| fields.intern(name)).collect()))
            .collect();
        let audit_id = fields.intern("ID");
        Self { fields, tape: Tape::new(), marks, audit_id }
    }

    pub(crate) fn of(&mut self, body: &[u8]) -> &'static str {
        self.told(body).unwrap_or("github")
    }

    /// The kind, where the record itself says it.
    pub(crate) fn told(&mut self, body: &[u8]) -> Option<&'static str> {
        if audit_lines::is_audit(body) {
            return Some("linux_auditd");
        }
        let view = self.tape.parse(&self.fields, body).ok()?;
        let has_all = |fields: &[FieldId]| fields.iter().all(|&field| view.first(field).is_some());
        // JSON of laurel has nothing but the event's id in common
        let is_audit_id = |text: &str| {
            text.split_once(':')
                .is_some_and(|(time, serial)| time.parse::<f64>().is_ok() && serial.parse::<u64>().is_ok())
        };
        if view.first(self.audit_id).and_then(|node| node.str()).is_some_and(is_audit_id) {
            return Some("linux_auditd");
        }
        self.marks.iter().find(|(_, fields)| has_all(fields)).map(|(kind, _)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_fields() {
        let mut guess = KindGuess::new();
        let trail = br#"{"eventSource":"iam.amazonaws.com","eventName":"X","eventTime":"t"}"#;
        assert_eq!(guess.of(trail), "aws_cloudtrail");
        assert_eq!(guess.of(br#"{"eventType":"user.session.start","published":"t","actor":{}}"#), "okta");
        assert_eq!(guess.of(br#"{"action":"created","sender":{}}"#), "github");
        assert_eq!(guess.of(b"nonsense"), "github");
        assert_eq!(guess.of(br#"{"Event":{"System":{"EventID":1}}}"#), "windows_eventlog");
        assert_eq!(guess.of(br#"{"EventID":1,"Channel":"System"}"#), "windows_eventlog");
        assert_eq!(guess.of(br#"{"winlog":{"event_id":1,"channel":"System"}}"#), "windows_eventlog");
        assert_eq!(guess.of(b"type=CWD msg=audit(1700000000.123:42): cwd=\"/\""), "linux_auditd");
        assert_eq!(guess.of(br#"{"ID":"1700000000.123:42","SYSCALL":{}}"#), "linux_auditd");
        assert_eq!(guess.of(br#"{"rule":"r","priority":"Notice","output":"o"}"#), "falco");
        assert_eq!(guess.of(br#"{"name":"n","hostIdentifier":"h"}"#), "osquery");
        assert_eq!(guess.of(br#"{"kind":"Event","verb":"get","auditID":"a"}"#), "kubernetes_audit");
        assert_eq!(guess.of(br#"{"category":"kube-audit","properties":{"log":"{}"}}"#), "kubernetes_audit");
        let activity = br#"{"id":{"applicationName":"admin"},"actor":{},"events":[{"name":"CREATE_ROLE"}]}"#;
        assert_eq!(guess.of(activity), "google_workspace");
        assert_eq!(guess.of(br#"{"object_kind":"push","ref":"refs/heads/main"}"#), "gitlab");
        assert_eq!(guess.of(br#"{"author_id":1,"entity_type":"User"}"#), "gitlab");
        assert_eq!(guess.of(br#"{"category":"SignInLogs","operationName":"o","time":"t"}"#), "entra");
        assert_eq!(guess.of(br#"{"protoPayload":{"methodName":"m"}}"#), "gcp_audit");
        assert_eq!(guess.of(br#"{"Operation":"o","Workload":"Exchange","CreationTime":"t"}"#), "m365");
        assert_eq!(guess.of(br#"{"action":"user_login","date_create":1,"actor":{}}"#), "slack_audit");
        assert_eq!(guess.of(br#"{"activityDateTime":"t","activityDisplayName":"Add user"}"#), "entra");
    }
}
