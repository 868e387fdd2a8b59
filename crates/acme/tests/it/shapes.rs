//! Every body is the JSON its source would send.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use acme::{Acme, Record, Source};
use serde_json::Value;

use crate::play::END_MS;

fn required(record: &Record) -> (&'static [&'static str], &'static str, &'static str) {
    match record.source {
        Source::AwsCloudtrail => (
            &[
                "/eventVersion",
                "/userIdentity/type",
                "/eventTime",
                "/eventSource",
                "/eventName",
                "/awsRegion",
                "/sourceIPAddress",
                "/userAgent",
                "/requestParameters",
                "/responseElements",
                "/requestID",
                "/eventID",
                "/readOnly",
                "/eventType",
                "/managementEvent",
                "/recipientAccountId",
                "/eventCategory",
            ],
            "/eventTime",
            "/eventID",
        ),
        Source::Okta => (
            &[
                "/actor/id",
                "/actor/alternateId",
                "/client/ipAddress",
                "/client/geographicalContext/country",
                "/client/userAgent/rawUserAgent",
                "/displayMessage",
                "/eventType",
                "/outcome/result",
                "/published",
                "/securityContext/asNumber",
                "/severity",
                "/debugContext/debugData/requestUri",
                "/legacyEventType",
                "/transaction/id",
                "/uuid",
                "/version",
                "/request/ipChain/0/ip",
                "/target",
                "/authenticationContext/externalSessionId",
            ],
            "/published",
            "/uuid",
        ),
        Source::GithubAudit => (
            &[
                "/@timestamp",
                "/_document_id",
                "/action",
                "/actor",
                "/actor_id",
                "/created_at",
                "/org",
                "/operation_type",
            ],
            "/@timestamp",
            "/_document_id",
        ),
        Source::GithubWebhook { .. } => {
            (&["/sender/login", "/organization/login", "/installation/id"], "", "")
        }
    }
}

fn time_of(value: &Value) -> i64 {
    match value {
        Value::String(text) => text.parse::<jiff::Timestamp>().unwrap().as_millisecond(),
        other => other.as_i64().unwrap(),
    }
}

#[test]
fn every_body_parses_and_has_what_its_source_always_sends() {
    let mut events = BTreeSet::new();
    for record in Acme::new(21, END_MS, 150, 0.3) {
        let body: Value =
            serde_json::from_str(&record.body).unwrap_or_else(|error| panic!("{error} in {}", record.body));
        assert!(body.is_object());
        assert!(
            !record.body.contains('$') || record.body.contains("$SECRETS") || record.body.contains("$LATEST")
        );
        let (pointers, time, id) = required(&record);
        for pointer in pointers {
            assert!(body.pointer(pointer).is_some(), "no {pointer} in {}", record.body);
        }
        if !time.is_empty() {
            assert_eq!(time_of(&body.pointer(time).unwrap().clone()), record.time_ms, "{}", record.body);
            assert_eq!(body.pointer(id).unwrap().as_str(), Some(record.id.as_str()));
        }
        if let Source::GithubWebhook { event } = record.source {
            events.insert(event);
        }
    }
    let wanted = [
        "branch_protection_rule",
        "code_scanning_alert",
        "dependabot_alert",
        "deploy_key",
        "member",
        "organization",
        "pull_request",
        "push",
        "repository",
        "secret_scanning_alert",
        "workflow_job",
        "workflow_run",
    ];
    for event in wanted {
        assert!(events.contains(event), "no {event} webhook in {events:?}");
    }
}

/// Every address in every record is a documentation address, a service's name or a private one.
#[test]
fn no_address_is_anybodys() {
    for record in Acme::new(22, END_MS, 20, 1.0) {
        let body: Value = serde_json::from_str(&record.body).unwrap();
        let address = match record.source {
            Source::AwsCloudtrail => &body["sourceIPAddress"],
            Source::Okta => &body["client"]["ipAddress"],
            Source::GithubAudit => &body["actor_ip"],
            Source::GithubWebhook { .. } => continue,
        };
        let address = address.as_str().unwrap();
        let reserved = ["192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:"];
        assert!(
            address.ends_with(".amazonaws.com") || reserved.iter().any(|range| address.starts_with(range)),
            "{address} in {}",
            record.body
        );
        if !address.ends_with(".amazonaws.com") {
            address.parse::<std::net::IpAddr>().unwrap();
        }
    }
}

fn shared_data() -> Option<PathBuf> {
    let root = std::env::var_os("HUECRY_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    if root.is_dir() {
        return Some(root);
    }
    assert!(std::env::var("HUECRY_REQUIRE_ALL").as_deref() != Ok("1"), "no shared data folder");
    eprintln!("SKIPPED: no shared data folder (set HUECRY_SHARED_DATA)");
    None
}

fn paths(prefix: &str, value: &Value, depth: usize, out: &mut BTreeSet<String>) {
    let Value::Object(fields) = value else { return };
    for (key, value) in fields {
        let path = format!("{prefix}/{key}");
        if depth > 1 {
            paths(&path, value, depth - 1, out);
        }
        out.insert(path);
    }
}

/// The fields of a real delivery must all be in ours, two levels deep.
#[test]
fn webhooks_have_every_field_of_real_ones() {
    let Some(root) = shared_data() else { return };
    let mut ours: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for record in Acme::new(23, END_MS, 150, 0.3) {
        if let Source::GithubWebhook { event } = record.source {
            let body: Value = serde_json::from_str(&record.body).unwrap();
            paths("", &body, 2, ours.entry(event).or_default());
        }
    }
    for (event, file) in [
        ("pull_request", "opened.with-organization.payload.json"),
        ("pull_request", "closed.payload.json"),
        ("workflow_run", "completed.with-pull-requests.payload.json"),
        ("workflow_job", "in_progress.payload.json"),
        ("push", "payload.json"),
        ("member", "added.payload.json"),
        ("repository", "created.with-installation.payload.json"),
        ("deploy_key", "created.payload.json"),
        ("branch_protection_rule", "edited.payload.json"),
        ("dependabot_alert", "created.payload.json"),
    ] {
        let text = std::fs::read(root.join("devops-github/octokit-webhook-payloads").join(event).join(file))
            .unwrap();
        let mut real = BTreeSet::new();
        paths("", &serde_json::from_slice(&text).unwrap(), 2, &mut real);
        // what a rule change changed differs from change to change
        let missing: Vec<&String> =
            real.difference(&ours[event]).filter(|path| !path.starts_with("/changes/")).collect();
        assert!(missing.is_empty(), "{event}/{file}: {missing:?}");
    }
}

/// The fields of a real second-factor event must all be in ours, three levels deep.
#[test]
fn okta_events_have_every_field_of_real_ones() {
    let Some(root) = shared_data() else { return };
    let folder = root.join("normalise-pairs/sekoia-intake-formats/Okta/okta-system-logs/tests");
    let mut ours = BTreeSet::new();
    for record in Acme::new(25, END_MS, 3, 1.0).filter(|record| record.source == Source::Okta) {
        paths("", &serde_json::from_str(&record.body).unwrap(), 3, &mut ours);
    }
    for file in ["test_auth_via_mfa.json", "test_send_factor.json"] {
        let pair: Value = serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap();
        let event: Value = serde_json::from_str(pair["input"]["message"].as_str().unwrap()).unwrap();
        let mut real = BTreeSet::new();
        paths("", &event, 3, &mut real);
        let missing: Vec<_> = real.difference(&ours).collect();
        assert!(!real.is_empty() && missing.is_empty(), "{file}: {missing:?}");
    }
}

/// The fields that nearly every real CloudTrail record has are in ours, and ours has none that is unknown there.
#[test]
fn cloudtrail_records_have_the_fields_of_real_ones() {
    let Some(root) = shared_data() else { return };
    let mut real: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = 0;
    for file in std::fs::read_dir(root.join("cloud-aws/invictus-aws_dataset")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|ext| ext != "json") {
            continue;
        }
        let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for record in file["Records"].as_array().unwrap() {
            count += 1;
            for key in record.as_object().unwrap().keys() {
                *real.entry(key.clone()).or_default() += 1;
            }
        }
    }
    let always: BTreeSet<&str> =
        real.iter().filter(|(_, seen)| **seen * 100 >= count * 99).map(|(key, _)| key.as_str()).collect();
    for record in Acme::new(24, END_MS, 14, 1.0).filter(|record| record.source == Source::AwsCloudtrail) {
        let body: Value = serde_json::from_str(&record.body).unwrap();
        let ours: BTreeSet<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        let missing: Vec<_> = always.difference(&ours).collect();
        assert!(missing.is_empty(), "{missing:?} in {}", record.body);
        let unknown: Vec<_> = ours.iter().filter(|key| !real.contains_key(**key)).collect();
        assert!(unknown.is_empty(), "{unknown:?} in {}", record.body);
    }
}
