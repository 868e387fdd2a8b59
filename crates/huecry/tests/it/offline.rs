//! What needs no server: judging files and rules.

use crate::program::{huecry, run, shared_data};
use serde_json::Value;
use std::path::Path;
use std::process::{Output, Stdio};

pub(crate) fn last_json(text: &[u8]) -> Value {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn judge(source: &str, path: &Path) -> (Output, Value) {
    let output = huecry()
        .args(["ingest", "--dry-run", "--validate", "--json", "--source", source])
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let summary = last_json(&output.stderr);
    (output, summary)
}

#[test]
fn a_dry_run_prints_events_and_one_summary() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trail.json");
    let event = r#"{"eventVersion":"1.08","eventID":"e1","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","eventTime":"2026-03-01T10:00:00Z","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.7","userIdentity":{"type":"IAMUser","userName":"ana","arn":"arn:aws:iam::111122223333:user/ana","accountId":"111122223333"},"recipientAccountId":"111122223333","eventType":"AwsApiCall"}"#;
    std::fs::write(&file, format!("{event}\nnot json\n{event}\n")).unwrap();
    let (output, summary) = judge("aws_cloudtrail", &file);
    assert_eq!(output.status.code(), Some(1), "a dead letter is a fault");
    assert_eq!(summary["in"], 3);
    assert_eq!(summary["valid"], 2, "{summary}");
    assert_eq!(summary["dead_lettered"], 1);
    assert_eq!(summary["with_actor"], 2);
    assert_eq!(summary["dead_letter_codes"]["json_invalid"], 1);
    let events: Vec<Value> =
        String::from_utf8_lossy(&output.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["raw_data"], event, "the untouched record");
}

#[test]
fn an_unknown_kind_is_answered_with_those_there_are() {
    let output = run(&["ingest", "--dry-run", "--source", "nonsense", "x.json"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("hint:") && stderr.contains("aws_cloudtrail"), "{stderr}");
}

#[test]
fn the_rules_that_come_along_load_and_pass_their_tests() {
    let output = run(&["rules", "test"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(" 0 failed; 0 rules without tests, 0 refused"), "{text}");
}

#[test]
fn a_refused_rule_is_named_with_file_line_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("bad.yml"),
        "title: Bad\nlogsource: {product: aws}\ndetection:\n  s: {a|nonsense: b}\n  condition: s\n",
    )
    .unwrap();
    let output = run(&["rules", "load", "--json", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let answer = last_json(&output.stdout);
    assert_eq!(answer["loaded"], 0);
    let refused = &answer["refused"][0];
    assert!(refused["file"].as_str().unwrap().ends_with("bad.yml"), "{answer}");
    assert!(refused["line"].as_u64().unwrap() >= 1 && !refused["reason"].as_str().unwrap().is_empty());
}

#[test]
fn every_sigmahq_rule_is_loaded_or_refused_with_a_reason() {
    let Some(data) = shared_data() else { return };
    let output = run(&["rules", "load", "--json", data.join("sigma/rules").to_str().unwrap()]);
    let answer = last_json(&output.stdout);
    let refused = answer["refused"].as_array().unwrap();
    assert!(refused.iter().all(|r| !r["reason"].as_str().unwrap().is_empty()));
    assert!(answer["loaded"].as_u64().unwrap() > 2_800, "{}", answer["loaded"]);
    assert!(refused.len() < 30, "{refused:?}");
}

#[test]
fn real_records_become_valid_events() {
    let Some(data) = shared_data() else { return };
    let sets = [
        ("aws_cloudtrail", "cloud-aws/stratus-detonation"),
        ("aws_cloudtrail", "cloud-aws/stratus-detonation-deleaked"),
        ("aws_cloudtrail", "cloud-aws/invictus-aws_dataset"),
        ("github", "devops-github/octokit-webhook-payloads"),
    ];
    for (source, set) in sets {
        let (_, summary) = judge(source, &data.join(set));
        let number = |key: &str| summary[key].as_u64().unwrap();
        assert!(number("in") > 10, "{set}: {summary}");
        assert_eq!(number("dead_lettered"), 0, "{set}: {summary}");
        assert_eq!(number("invalid"), 0, "{set}: {summary}");
        assert_eq!(number("valid"), number("in"), "{set}: {summary}");
    }
}

#[test]
fn nested_records_become_dead_letters_at_any_depth() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep.json");
    for depth in [1_000, 100_000] {
        std::fs::write(&file, format!("{{\"a\":{}{}}}\n{{}}\n", "[".repeat(depth), "]".repeat(depth)))
            .unwrap();
        let (output, summary) = judge("aws_cloudtrail", &file);
        assert_eq!(output.status.code(), Some(1), "{depth}: {output:?}");
        assert_eq!(summary["dead_letter_codes"]["record_too_complex"], 1, "{summary}");
        let output = huecry().args(["rules", "match"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{depth}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A rule with this id and this logsource.
fn rule(id: &str, logsource: &str) -> String {
    format!(
        "title: A user is made ({id})\nid: {id}\nstatus: test\ndescription: Somebody makes a user.\n\
         author: Acme\ndate: 2026-01-01\nlevel: low\ntags: [attack.t1136]\nlogsource: {logsource}\n\
         detection:\n  made:\n    eventName: CreateUser\n  condition: made\n\
         tests:\n  - {{name: made, event: {{eventName: CreateUser}}, matches: true}}\n  \
         - {{name: other, event: {{eventName: GetUser}}, matches: false}}\n"
    )
}

#[test]
fn the_second_rule_of_an_id_is_refused_with_the_place_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let id = "3f0d5a1e-0f52-4a0e-9a43-0d9b1c6a7e01";
    for (name, logsource) in [("a.yml", "{product: aws, service: cloudtrail}"), ("b.yml", "{product: ocsf}")]
    {
        std::fs::write(folder.path().join(name), rule(id, logsource)).unwrap();
    }
    let output = huecry().args(["rules", "load", "--json"]).arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report = last_json(&output.stdout);
    assert_eq!((&report["loaded"], report["refused"].as_array().unwrap().len()), (&Value::from(1), 1));
    let refused = &report["refused"][0];
    assert_eq!(refused["code"], "duplicate-id");
    assert!(refused["file"].as_str().unwrap().ends_with("b.yml"), "{refused}");
    assert!(refused["reason"].as_str().unwrap().contains("a.yml:1"), "{refused}");
}

#[test]
fn lint_names_a_service_that_no_mapping_gives() {
    let folder = tempfile::tempdir().unwrap();
    let lint = |logsource: &str| {
        let text = rule("3f0d5a1e-0f52-4a0e-9a43-0d9b1c6a7e02", logsource);
        std::fs::write(folder.path().join("a.yml"), text).unwrap();
        let output = huecry().args(["rules", "lint"]).arg(folder.path()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let (exit, stdout, stderr) = lint("{product: aws, service: cloudtrail}");
    assert_eq!((exit, stdout.as_str()), (0, ""), "{stderr}");
    let (exit, stdout, _) = lint("{product: aws, service: cloudtrial}");
    assert_eq!(exit, 1);
    assert!(
        stdout.contains("logsource-unknown") && stdout.contains("did you mean `cloudtrail`?"),
        "{stdout}"
    );
    let (exit, stdout, stderr) = lint("{product: zeek, service: conn}");
    assert_eq!((exit, stdout.as_str()), (0, ""), "a product that is not mapped is a note: {stderr}");
    assert!(stderr.contains("products that no mapping gives: zeek"), "{stderr}");
}

/// What `rules VERB` says of one file, and its exit code.
fn said(verb: &str, text: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.yml"), text).unwrap();
    let output = huecry().args(["rules", verb]).arg(folder.path()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Records that say themselves what they are, and the logsources of rules that look for what is in them.
#[test]
fn a_test_with_a_record_that_the_rule_never_sees_fails() {
    const LOGIN: &str = "{kind: admin#reports#activity, id: {time: '2026-11-20T09:14:05Z', uniqueQualifier: '1', \
        applicationName: login}, actor: {email: mira.holt@example.com}, name: CreateUser, type: login}";
    const TRAIL: &str =
        "{eventSource: iam.amazonaws.com, eventTime: '2026-11-20T09:14:05Z', eventName: CreateUser}";
    const PROCESS: &str =
        "{Channel: Microsoft-Windows-Sysmon/Operational, EventID: 3, eventName: CreateUser}";
    for (logsource, event, is_for_rule) in [
        ("{product: gcp, service: google_workspace.login}", LOGIN, true),
        ("{product: gcp, service: google_workspace.admin}", LOGIN, false),
        ("{product: aws, service: cloudtrail}", TRAIL, true),
        ("{product: okta, service: okta}", TRAIL, false),
        ("{product: aws, category: process_creation}", TRAIL, false),
        ("{product: windows, category: network_connection}", PROCESS, true),
        ("{product: windows, category: process_creation}", PROCESS, false),
        ("{product: aws, service: cloudtrail}", PROCESS, false),
        // what says nothing of where it is from
        ("{product: okta, service: okta}", "{eventName: CreateUser}", true),
    ] {
        let text = rule("3f0d5a1e-0f52-4a0e-9a43-0d9b1c6a7e03", logsource)
            .replace(
                "- {name: made, event: {eventName: CreateUser}",
                &format!("- {{name: made, event: {event}"),
            )
            .replace("    eventName: CreateUser\n", "    - eventName: CreateUser\n    - name: CreateUser\n");
        let (exit, stdout) = said("test", &text);
        assert_eq!(exit == 0, is_for_rule, "{logsource} {event}: {stdout}");
        let told = stdout.contains("it would match, but is not for this record: the rule is for ");
        assert_eq!(told, !is_for_rule, "{stdout}");
    }
}

#[test]
fn lint_looks_up_what_attack_and_ocsf_name() {
    let good = rule("3f0d5a1e-0f52-4a0e-9a43-0d9b1c6a7e04", "{product: ocsf}")
        .replace("eventName: CreateUser", "api.operation: CreateUser")
        .replace("eventName: GetUser", "api.operation: GetUser");
    assert_eq!(said("lint", &good), (0, String::new()));
    for (from, to, code) in [
        ("tags: [attack.t1136]", "tags: [attack.t9999.123]", "unknown-technique"),
        ("tags: [attack.t1136]", "tags: [attack.nosuchtactic]", "unknown-tactic"),
        ("level: low", "level: low\nalert_budget: '20'", "bad-alert-budget"),
        ("level: low", "level: low\ngroup_by: hosts", "bad-group-by"),
        ("api.operation: C", "api.operaton: C", "did you mean `operation`?"),
        ("api.operation: C", "clas_uid: C", "did you mean `class_uid`?"),
        ("api.operation: C", "actor.user.name|fieldref: actor.user.nmae #", "unknown-field"),
    ] {
        let (exit, stdout) = said("lint", &good.replacen(from, to, 1));
        assert!(exit == 1 && stdout.contains(code), "{to}: {stdout}");
    }
    let category = rule("3f0d5a1e-0f52-4a0e-9a43-0d9b1c6a7e05", "{product: aws, category: process_creation}");
    let (exit, stdout) = said("lint", &category);
    assert!(exit == 1 && stdout.contains("logsource-unknown"), "{stdout}");
}
