//! Identity, source code and cluster services: real records where they are at hand, and the names that
//! stock rules use for their fields.

use crate::corpora::{each_text, files, rule_tests, shared_data};
use crate::judge::{Judge, Judged};
use huecry_normalize::{Normalizer, Schema};
use model::{FieldTable, Scalar, Tape};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The raw records of the pairs whose folder has this path.
fn raw_of_pairs(folder: &Path, path: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder.join("normalise-pairs/sekoia-intake-formats").join(path);
    let raw = |path: std::path::PathBuf| {
        let pair: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, pair["input"]["message"].as_str().unwrap().as_bytes().to_vec())
    };
    files(&folder, &[".json"]).into_iter().map(raw).collect()
}

/// The events of rules' tests that say they are of this log type or, of rules for it alone, say nothing.
fn panther(folder: &Path, log_type: &str) -> Vec<(String, Vec<u8>)> {
    rule_tests(folder, log_type).into_iter().map(|(name, _, body)| (name, body)).collect()
}

fn logsource(judge: &Judge, judged: &Judged) -> String {
    let logsource = judge.normalizer.logsource(judged.summary.logsource).unwrap();
    format!("{} {}", logsource.product, logsource.service.as_deref().unwrap_or_default())
}

/// An actor stands in the event only in words of the record, beside the schema's own.
fn check_words_of_actor(event: &Value, body: &[u8], name: &str) {
    let raw = String::from_utf8_lossy(body);
    let captions = ["User", "Admin", "System", "Service", "OAuth client"];
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    each_text(event.get("actor").unwrap_or(&Value::Null), &mut |text| {
        assert!(captions.contains(&text) || raw.contains(&escaped(text)), "{name}: {text}");
    });
}

#[test]
fn every_kubernetes_audit_event_becomes_an_event() {
    let Some(folder) = shared_data() else { return };
    let mut judge = Judge::new();
    let own = panther(&folder, "Amazon.EKS.Audit");
    let pairs = raw_of_pairs(&folder, "Kubernetes/audit-log/tests");
    // Azure Monitor wraps them as a text
    let wrapped = panther(&folder, "Azure.MonitorActivity").into_iter();
    let wrapped = wrapped.filter(|(_, body)| String::from_utf8_lossy(body).contains("kube-audit"));
    for (name, body) in own.into_iter().chain(pairs).chain(wrapped) {
        let judged = judge.take("kubernetes_audit", None, &body, &name).unwrap();
        let named = String::from_utf8_lossy(&body).contains("username");
        assert_eq!(judged.event.get("actor").is_some(), named, "{name}");
        check_words_of_actor(&judged.event, &body, &name);
        assert_eq!(logsource(&judge, &judged), "kubernetes audit", "{name}");
    }
    assert!(judge.score.records >= 60, "{}", judge.score.records);
    judge.score.assert_good("Kubernetes audit events", 1);
}

#[test]
fn every_workspace_activity_becomes_an_event() {
    let Some(folder) = shared_data() else { return };
    let mut judge = Judge::new();
    let own = panther(&folder, "GSuite.ActivityEvent");
    for (name, body) in own.into_iter().chain(raw_of_pairs(&folder, "Google Cloud/google-report/tests")) {
        let judged = judge.take("google_workspace", None, &body, &name).unwrap();
        let record: Value = serde_json::from_slice(&body).unwrap();
        let named = ["email", "profileId", "key"].iter().any(|key| record["actor"][key].is_string());
        assert_eq!(judged.event.get("actor").is_some(), named, "{name}");
        check_words_of_actor(&judged.event, &body, &name);
    }
    judge.score.assert_good("Google Workspace activities", 3);
}

#[test]
fn every_record_of_azure_and_entra_becomes_an_event() {
    let Some(folder) = shared_data() else { return };
    let mut judge = Judge::new();
    let mut all = [panther(&folder, "Azure.Audit"), panther(&folder, "Azure.MonitorActivity")].concat();
    for tests in
        ["Azure/azure-ad/tests", "Microsoft/microsoft-entraid-graphapi/tests", "Azure/azure-key-vault/tests"]
    {
        all.extend(raw_of_pairs(&folder, tests));
    }
    for (name, body) in all {
        let judged = judge.take("entra", None, &body, &name).unwrap();
        check_words_of_actor(&judged.event, &body, &name);
        let record: Value = serde_json::from_slice(&body).unwrap();
        let service = match record["category"].as_str() {
            Some("AuditLogs") => "auditlogs",
            Some(category) if category.ends_with("SignInLogs") => "signinlogs",
            Some("UserRiskEvents") => "riskdetection",
            Some("MicrosoftGraphActivityLogs") => "microsoftgraphactivitylogs",
            _ if record["activityDateTime"].is_string() => "auditlogs",
            _ => "activitylogs",
        };
        assert_eq!(logsource(&judge, &judged), format!("azure {service}"), "{name}");
        let initiator = &record["properties"]["initiatedBy"];
        let initiator = if initiator.is_null() { &record["initiatedBy"] } else { initiator };
        if initiator["user"]["id"].is_string() || initiator["app"]["displayName"].is_string() {
            assert!(judged.summary.has_actor, "{name}");
        }
    }
    assert!(judge.score.records >= 130, "{}", judge.score.records);
    judge.score.assert_good("Azure and Entra records", 1);
}

#[test]
fn every_record_of_gitlab_becomes_an_event() {
    let Some(folder) = shared_data() else { return };
    let mut judge = Judge::new();
    for path in files(&folder.join("devops-gitlab"), &[".json"]) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let records = file.as_array().cloned().unwrap_or_else(|| vec![file]);
        // answers of the API about runners and tokens are no events
        let is_event = |record: &&Value| {
            ["object_kind", "event_name", "entity_type"].iter().any(|key| record[key].is_string())
        };
        for record in records.iter().filter(is_event) {
            let body = record.to_string().into_bytes();
            let judged = judge.take("gitlab", None, &body, &name).unwrap();
            let service = if record["entity_type"].is_string() { "audit" } else { "webhook" };
            assert_eq!(logsource(&judge, &judged), format!("gitlab {service}"), "{name}");
            check_words_of_actor(&judged.event, &body, &name);
            let named = record["user"]["username"].is_string() || record["author_id"].is_number();
            assert!(!named || judged.summary.has_actor, "{name}");
        }
    }
    assert!(judge.score.records >= 25, "{}", judge.score.records);
    judge.score.assert_good("GitLab hooks and audit events", 1);

    let mut judge = Judge::new();
    let log = folder.join("parsers-panther/panther-parser-testdata/gitlablogs/testdata/apilog_samples.jsonl");
    for (i, line) in fs::read_to_string(log).unwrap().lines().enumerate() {
        let judged = judge.take("gitlab", None, line.as_bytes(), &format!("line {i}")).unwrap();
        assert_eq!(logsource(&judge, &judged), "gitlab api", "line {i}");
        assert_eq!(judged.summary.has_actor, line.contains("meta.user"), "line {i}");
    }
    judge.score.assert_good("GitLab API log", 1);
}

#[test]
fn every_google_cloud_audit_entry_becomes_an_event() {
    let Some(folder) = shared_data() else { return };
    let mut judge = Judge::new();
    let lines =
        folder.join("parsers-panther/panther-parser-testdata/gcplogs/testdata/auditlog_samples.jsonl");
    let lines = fs::read_to_string(lines).unwrap();
    let mut all = panther(&folder, "GCP.AuditLog");
    all.extend(raw_of_pairs(&folder, "Google Cloud/Google Cloud Audit/tests"));
    all.extend(lines.lines().map(|line| ("a line of the parser's".to_owned(), line.as_bytes().to_vec())));
    // two tests are a method's name alone, which is no entry of a log
    let is_entry = |body: &[u8]| String::from_utf8_lossy(body).to_ascii_lowercase().contains("payload");
    for (name, body) in all.into_iter().filter(|(_, body)| is_entry(body)) {
        let judged = judge.take("gcp_audit", None, &body, &name).unwrap();
        check_words_of_actor(&judged.event, &body, &name);
        let record: Value = serde_json::from_slice(&body).unwrap();
        let caller = &record["protoPayload"]["authenticationInfo"]["principalEmail"];
        let named = caller.as_str().is_some_and(|caller| !caller.is_empty());
        assert!(!named || judged.summary.has_actor, "{name}");
    }
    assert!(judge.score.records >= 60, "{}", judge.score.records);
    judge.score.assert_good("Google Cloud audit entries", 1);
}

#[test]
fn every_unified_audit_record_becomes_an_event() {
    let Some(folder) = shared_data() else { return };
    let mut judge = Judge::new();
    let mut all = raw_of_pairs(&folder, "Office 365/o365/tests");
    for path in files(&folder.join("saas-m365"), &[".jsonl.gz"]) {
        let mut text = String::new();
        let mut file = flate2::read::MultiGzDecoder::new(fs::File::open(path).unwrap());
        std::io::Read::read_to_string(&mut file, &mut text).unwrap();
        let lines = text.lines().enumerate();
        all.extend(lines.map(|(i, line)| (format!("line {i}"), line.as_bytes().to_vec())));
    }
    for (name, body) in all {
        let judged = judge.take("m365", None, &body, &name).unwrap();
        check_words_of_actor(&judged.event, &body, &name);
        assert!(judged.summary.has_actor, "{name}: every record names a user or an application");
    }
    assert!(judge.score.records >= 3_300, "{}", judge.score.records);
    judge.score.assert_good("Microsoft 365 audit records", 1);
}

#[test]
fn every_slack_audit_entry_becomes_an_event() {
    let Some(folder) = shared_data() else { return };
    let mut judge = Judge::new();
    for (name, body) in panther(&folder, "Slack.AuditLogs") {
        let judged = judge.take("slack_audit", None, &body, &name).unwrap();
        check_words_of_actor(&judged.event, &body, &name);
        assert!(judged.summary.has_actor, "{name}");
    }
    judge.score.assert_good("Slack audit entries", 1);
}

#[test]
fn a_logsource_leads_to_the_vocabulary_of_its_kind() {
    let mut fields = FieldTable::default();
    let normalizer = Normalizer::builtin(&mut fields, &Schema::builtin()).unwrap();
    let is = |product, service, kind| {
        let of_logsource = normalizer.vocabulary_of_logsource(product, service).map(std::ptr::from_ref);
        assert!(of_logsource.is_some(), "{product} {service:?}");
        assert_eq!(
            of_logsource,
            normalizer.vocabulary(kind).map(std::ptr::from_ref),
            "{product} {service:?}"
        );
    };
    is("azure", Some("auditlogs"), "entra");
    is("Azure", None, "entra");
    is("gcp", Some("gcp.audit"), "gcp_audit");
    is("gcp", Some("google_workspace.admin"), "google_workspace");
    is("m365", Some("threat_management"), "m365");
    is("windows", Some("security"), "windows_eventlog");
    assert!(normalizer.vocabulary_of_logsource("elsewhere", None).is_none());
}

// Records of the test below, each as its sender writes it.
const EXPORT: &str = r#"{"category":"SignInLogs","operationName":"Sign-in activity","resultType":"50126",
        "properties":{"status":{"errorCode":50126},"authenticationRequirement":"singleFactorAuthentication",
        "authenticationProtocol":"deviceCode","deviceDetail":{"trustType":""},"userAgent":"axios/1"}}"#;
const GRAPH: &str = r#"{"appId":"a","createdDateTime":"2026-01-01T00:00:00Z","status":{"errorCode":0}}"#;
const AUDIT: &str = r#"{"category":"AuditLogs","properties":{"activityDisplayName":"Add user","category":"UserManagement",
        "loggedByService":"Core Directory","result":"success","targetResources":[{"type":"Role",
        "modifiedProperties":[{"displayName":"Role.TemplateId","newValue":"\"62e90394\""}]}],
        "additionalDetails":[{"key":"additionalInfo","value":"recovered"}]}}"#;
const ACTIVITY: &str = r#"{"category":"Administrative","operationName":"MICROSOFT.PORTAL/CONSOLES/WRITE"}"#;
const WORKSPACE: &str = r#"{"id":{"applicationName":"admin"},"events":[{"name":"CHANGE_APPLICATION_SETTING",
        "parameters":[{"name":"SETTING_NAME","value":"ContextAwareAccess"},{"name":"NEW_VALUE","value":"false"}]}]}"#;
const POD: &str = r#"{"verb":"create","objectRef":{"resource":"deployments","apiGroup":"apps"},"requestObject":{"spec":
        {"template":{"spec":{"containers":[{"securityContext":{"capabilities":{"add":["SYS_ADMIN"]}}}]}}}}}"#;
const CALL: &str =
    r#"{"data":{"protoPayload":{"methodName":"v1.compute.firewalls.delete","serviceName":"s"}}}"#;
const MAILBOX: &str = r#"{"Operation":"New-InboxRule","Workload":"Exchange","ResultStatus":"True",
        "Parameters":[{"Name":"ForwardTo","Value":"eve@acme.example"}]}"#;

#[test]
fn stock_rules_find_fields_under_their_names() {
    let cases: &[(&str, &str, &str, &[&str])] = &[
        ("gcp_audit", CALL, "gcp.audit.method_name", &["v1.compute.firewalls.delete"]),
        ("gcp_audit", CALL, "data.protoPayload.serviceName", &["s"]),
        ("m365", MAILBOX, "Parameters", &["ForwardTo", "eve@acme.example"]),
        ("m365", MAILBOX, "Parameters.ForwardTo", &["eve@acme.example"]),
        ("m365", MAILBOX, "eventSource", &["Exchange"]),
        ("m365", MAILBOX, "status", &["success"]),
        ("entra", EXPORT, "ResultType", &["50126", "Uint(50126)"]),
        ("entra", EXPORT, "Status", &["Failure"]),
        ("entra", EXPORT, "properties.message", &["Sign-in activity", "Device Code"]),
        ("entra", EXPORT, "AuthenticationRequirement", &["singleFactorAuthentication"]),
        ("entra", EXPORT, "DeviceDetail.trusttype", &[""]),
        ("entra", EXPORT, "userAgent", &["axios/1"]),
        ("entra", EXPORT, "properties.userAgent", &["axios/1"]),
        ("entra", GRAPH, "ResultType", &["Uint(0)"]),
        ("entra", GRAPH, "Status", &["Success"]),
        ("entra", GRAPH, "properties.status.errorCode", &["Uint(0)"]),
        ("entra", EXPORT, "properties.status.errorCode", &["Uint(50126)"]),
        ("entra", EXPORT, "status.errorCode", &["Uint(50126)"]),
        ("entra", AUDIT, "properties.message", &["Add user"]),
        ("entra", AUDIT, "OperationName", &["Add user"]),
        ("entra", AUDIT, "Category", &["AuditLogs", "UserManagement"]),
        ("entra", AUDIT, "Status", &["success"]),
        ("entra", AUDIT, "TargetResources", &["Role.TemplateId", "\"62e90394\""]),
        ("entra", AUDIT, "additionalDetails.additionalInfo", &["recovered"]),
        ("entra", ACTIVITY, "OperationNameValue", &["MICROSOFT.PORTAL/CONSOLES/WRITE"]),
        ("entra", ACTIVITY, "CategoryValue", &["Administrative"]),
        ("entra", ACTIVITY, "Status", &[]),
        ("google_workspace", WORKSPACE, "eventService", &["admin.googleapis.com"]),
        ("google_workspace", WORKSPACE, "eventName", &["CHANGE_APPLICATION_SETTING"]),
        ("google_workspace", WORKSPACE, "protoPayload.serviceName", &["admin.googleapis.com"]),
        (
            "google_workspace",
            WORKSPACE,
            "protoPayload.metadata.event.eventName",
            &["CHANGE_APPLICATION_SETTING"],
        ),
        ("google_workspace", WORKSPACE, "setting_name", &["ContextAwareAccess"]),
        ("google_workspace", WORKSPACE, "new_value", &["false"]),
        ("google_workspace", WORKSPACE, "parameters.NEW_VALUE", &["false"]),
        ("kubernetes_audit", POD, "apiGroup", &["apps"]),
        ("kubernetes_audit", POD, "capabilities", &["SYS_ADMIN"]),
        ("kubernetes_audit", POD, "hostPath", &[]),
    ];
    let mut fields = FieldTable::default();
    let normalizer = Normalizer::builtin(&mut fields, &Schema::builtin()).unwrap();
    let mut tape = Tape::new();
    for (kind, record, field, expected) in cases {
        let id = fields.intern(field);
        let view = tape.parse_as(&fields, normalizer.vocabulary(kind), record.as_bytes()).unwrap();
        let text = |scalar| match scalar {
            Scalar::Str(text) => text.to_owned(),
            other => format!("{other:?}"),
        };
        let values: Vec<_> = view.all(id).filter_map(|node| node.scalar()).map(text).collect();
        assert_eq!(&values, expected, "{field} of {record}");
    }
}
