//! Real records, written by others, where they are at hand.

use crate::judge::{Judge, Judged};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of shared data; `None`, said loudly, where there is none.
pub(crate) fn shared_data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("HUECRY_SHARED_DATA").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no shared data folder (set HUECRY_SHARED_DATA)");
    assert!(std::env::var("HUECRY_REQUIRE_ALL").as_deref() != Ok("1"), "the shared data is required");
    None
}

/// Every file below a folder with one of these endings, in order.
pub(crate) fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy();
        if path.is_dir() {
            all.extend(files(&path, endings));
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            all.push(path);
        }
    }
    all.sort();
    all
}

/// The records of a CloudTrail file: an array, or a delivery file's `Records`.
pub(crate) fn cloudtrail_records(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let sets = ["stratus-detonation", "stratus-detonation-deleaked", "invictus-aws_dataset"];
    let mut all = Vec::new();
    for path in sets.iter().flat_map(|set| files(&folder.join("cloud-aws").join(set), &[".json"])) {
        let mut file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let records = match file.get_mut("Records") {
            Some(records) => records.take(),
            None => file,
        };
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for (i, record) in records.as_array().unwrap().iter().enumerate() {
            all.push((format!("{name}#{i}"), record.to_string().into_bytes()));
        }
    }
    all
}

/// The test events of detection rules for one log type, as (name, log type of the event, body). Of rules for
/// several log types, all those events that say they are of this one; the others name theirs, so that none is
/// left out for want of a label.
pub(crate) fn rule_tests(folder: &Path, log_type: &str) -> Vec<(String, Option<String>, Vec<u8>)> {
    let mut all = Vec::new();
    for path in files(&folder.join("detections-panther"), &[".yml"]) {
        let rule: Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let reads = rule["LogTypes"].as_array().is_some_and(|types| types.iter().any(|t| t == log_type));
        if !reads {
            continue;
        }
        for test in rule["Tests"].as_array().into_iter().flatten() {
            let log = match &test["Log"] {
                Value::String(text) => serde_json::from_str(text).unwrap(),
                log => log.clone(),
            };
            let of = log["p_log_type"].as_str().map(str::to_owned);
            let only = rule["LogTypes"].as_array().is_some_and(|types| types.len() == 1);
            let file = path.file_name().unwrap().to_string_lossy();
            let name = format!("{file}: {}", test["Name"].as_str().unwrap_or("?"));
            assert!(of.is_some() || only, "{name}: of which log type?");
            if of.as_deref().is_none_or(|of| of == log_type) {
                all.push((name, of, log.to_string().into_bytes()));
            }
        }
    }
    all
}

#[test]
fn every_cloudtrail_record_becomes_an_event() {
    let Some(folder) = shared_data() else { return };
    let mut judge = Judge::new();
    for (name, body) in cloudtrail_records(&folder) {
        let judged = judge.take("aws_cloudtrail", None, &body, &name);
        let record: Value = serde_json::from_slice(&body).unwrap();
        check_aws_actor(&record, &judged.unwrap().event, &name);
    }
    assert!(judge.score.records >= 1_900);
    judge.score.assert_good("CloudTrail sets", 2);
}

#[test]
fn every_cloudtrail_rule_test_becomes_an_event() {
    let Some(folder) = shared_data() else { return };
    let mut judge = Judge::new();
    for (name, _, body) in rule_tests(&folder, "AWS.CloudTrail") {
        if let Some(judged) = judge.take("aws_cloudtrail", None, &body, &name) {
            check_aws_actor(&serde_json::from_slice(&body).unwrap(), &judged.event, &name);
        }
    }
    judge.score.assert_good("CloudTrail rule tests", 2);
}

/// An actor stands in the event exactly when the record names one.
fn check_aws_actor(record: &Value, event: &Value, name: &str) {
    let identity = &record["userIdentity"];
    let names = ["arn", "principalId", "userName", "accountId", "invokedBy", "credentialId", "accessKeyId"];
    let named = names.iter().any(|key| identity[key].as_str().is_some_and(|v| !v.is_empty()))
        || record["additionalEventData"]["UserName"].is_string();
    let actor = event.get("actor");
    assert_eq!(actor.is_some(), named, "{name}: {identity} gave {actor:?}");
    // every word of the actor is a word of the record
    let raw = record.to_string();
    each_text(actor.unwrap_or(&Value::Null), &mut |text| assert!(raw.contains(text), "{name}: {text}"));
}

pub(crate) fn each_text(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, visit)),
        Value::Object(members) => members.values().for_each(|member| each_text(member, visit)),
        _ => {}
    }
}

#[test]
fn every_okta_rule_test_becomes_an_event() {
    let Some(folder) = shared_data() else { return };
    let mut judge = Judge::new();
    for (name, _, body) in rule_tests(&folder, "Okta.SystemLog") {
        if let Some(judged) = judge.take("okta", None, &body, &name) {
            let record: Value = serde_json::from_slice(&body).unwrap();
            let named =
                ["id", "alternateId", "displayName"].iter().any(|key| record["actor"][key].is_string());
            check_actor(named, &record, &judged.event, &name);
        }
    }
    judge.score.assert_good("Okta rule tests", 3);
}

#[test]
fn every_github_audit_rule_test_becomes_an_event() {
    let Some(folder) = shared_data() else { return };
    let mut judge = Judge::new();
    for (name, _, body) in rule_tests(&folder, "GitHub.Audit") {
        if let Some(judged) = judge.take("github", None, &body, &name) {
            let record: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(service(&judge, &judged), Some("audit"), "{name}");
            check_actor(record["actor"].is_string(), &record, &judged.event, &name);
        }
    }
    judge.score.assert_good("GitHub audit rule tests", 2);
}

#[test]
fn every_github_webhook_rule_test_becomes_an_event() {
    let Some(folder) = shared_data() else { return };
    let mut judge = Judge::new();
    for (name, _, body) in rule_tests(&folder, "GitHub.Webhook") {
        if let Some(judged) = judge.take("github", None, &body, &name) {
            let record: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(service(&judge, &judged), Some("webhook"), "{name}");
            check_webhook_actor(&record, &judged.event, &name);
        }
    }
    judge.score.assert_good("GitHub webhook rule tests", 2);
}

/// The kinds of delivery that have a case of their own.
const MAPPED_KINDS: &[&str] = &[
    "push",
    "pull_request",
    "workflow_run",
    "workflow_job",
    "member",
    "organization",
    "repository",
    "deploy_key",
    "code_scanning_alert",
    "secret_scanning_alert",
    "dependabot_alert",
    "branch_protection_rule",
];

#[test]
fn every_webhook_payload_becomes_an_event_with_and_without_its_header() {
    let Some(folder) = shared_data() else { return };
    let (mut with, mut without, mut mapped) = (Judge::new(), Judge::new(), Judge::new());
    for path in files(&folder.join("devops-github/octokit-webhook-payloads"), &["payload.json"]) {
        let kind = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let name = format!("{kind}/{}", path.file_name().unwrap().to_string_lossy());
        let body = fs::read(&path).unwrap();
        let record: Value = serde_json::from_slice(&body).unwrap();
        let headed = with.take("github", Some(&kind), &body, &name).unwrap();
        let bare = without.take("github", None, &body, &name).unwrap();
        assert_eq!(bare.event["metadata"]["event_code"], kind.as_str(), "{name}: the body tells its type");
        assert_eq!(headed.event, bare.event, "{name}");
        assert_eq!(service(&with, &headed), Some("webhook"), "{name}");
        check_webhook_actor(&record, &headed.event, &name);
        if MAPPED_KINDS.contains(&kind.as_str()) {
            mapped.take("github", Some(&kind), &body, &name);
        }
    }
    assert_eq!(with.score.records, 87);
    mapped.score.assert_good("mapped webhook payloads", 2);
    with.score.assert_good("webhook payloads", 5);
    without.score.assert_good("webhook payloads without header", 5);
}

fn service<'j>(judge: &'j Judge, judged: &Judged) -> Option<&'j str> {
    judge.normalizer.logsource(judged.summary.logsource)?.service.as_deref()
}

fn check_actor(named: bool, record: &Value, event: &Value, name: &str) {
    let actor = event.get("actor");
    assert_eq!(actor.is_some(), named, "{name}: {actor:?}");
    let raw = record.to_string();
    let mut visit = |text: &str| assert!(CAPTIONS.contains(&text) || raw.contains(text), "{name}: {text}");
    each_text(actor.unwrap_or(&Value::Null), &mut visit);
}

/// The schema's words for kinds of users, which no record has to say.
const CAPTIONS: &[&str] = &["User", "Service", "System"];

fn check_webhook_actor(record: &Value, event: &Value, name: &str) {
    let named = record["sender"]["login"].is_string()
        || record["pusher"]["name"].is_string()
        || record["workflow_run"]["triggering_actor"]["login"].is_string()
        || record["workflow_run"]["actor"]["login"].is_string();
    check_actor(named, record, event, name);
}
