//! Who owns it: from the engine's pass to the incident, and on the command line.

use crate::program::{Server, huecry, run};
use enrich::{CatalogBuilder, Document, Enricher, GeoDatabases};
use huecry::engine::{Engine, Scratch, Wanted};
use model::{Offset, Partition, Position, RawRecord, Topic};
use normalize::{RawData, Schema};
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SERVICES: &str = "\
services:
  - name: trails
    owner: '@acme/platform'
    criticality: critical
    environment: production
    accounts: ['111122223333']
";

const RULES: &str = r"
title: Trail of a critical service stopped
id: 5f1ddf0e-6e0f-4a62-9f11-3b8a4a1d7a01
status: test
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: StopLogging, enrich.criticality: critical}, condition: s}
level: high
---
title: Platform's API calls
id: 5f1ddf0e-6e0f-4a62-9f11-3b8a4a1d7a02
status: test
logsource: {product: ocsf}
detection: {s: {class_uid: 6003, enrich.team: platform}, condition: s}
level: low
";

fn record(account: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.08","eventID":"e-{account}","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","eventTime":"2026-03-01T10:00:00Z","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-cli/2","userIdentity":{{"type":"IAMUser","userName":"ana","arn":"arn:aws:iam::{account}:user/ana","accountId":"{account}"}},"recipientAccountId":"{account}","eventType":"AwsApiCall","readOnly":false,"enrich":{{"criticality":"critical","team":"platform"}}}}"#
    )
}

fn findings(engine: &Engine, body: &str) -> Vec<model::Finding> {
    let record = RawRecord {
        source: "trail",
        kind: "aws_cloudtrail",
        event_type: None,
        delivery_id: None,
        region: "default",
        received_at_ms: 0,
        body: body.as_bytes(),
    };
    let position = Position::new(Topic::Raw, Partition(0), Offset(0));
    let mut scratch = Scratch::new(RawData::Exclude);
    let mut findings = Vec::new();
    let hit = |matched: &mut huecry::engine::Matched<'_, '_>| findings.extend(matched.finding(9));
    engine.process(&record, position, &mut scratch, |_| Wanted::EventAndRules, |_| (), hit).unwrap();
    // the same is told where no rule runs
    let mut again = Scratch::new(RawData::Exclude);
    let summary = engine.remember(&record, position, &mut again).unwrap();
    let known = again.known(engine, &record, &summary).ownership();
    assert!(findings.iter().all(|finding| finding.ownership == known));
    findings
}

#[test]
fn rules_match_on_what_is_known_and_findings_carry_it_with_source_and_age() {
    let mut builder = CatalogBuilder::default();
    let file = "services.yaml".to_owned();
    builder.document(&Document { file, text: SERVICES.to_owned(), modified_ms: 1_700_000_000_000 });
    let enricher = Enricher::of(builder.build(None).0, GeoDatabases::default());
    let (engine, report) = Engine::load([("r.yml", RULES)]).unwrap();
    assert_eq!(report.refused, []);
    let unknowing = findings(&engine, &record("111122223333"));
    assert!(unknowing.is_empty(), "a record cannot say itself whose it is: {unknowing:?}");
    let engine = engine.with_enricher(Arc::new(enricher));
    assert!(findings(&engine, &record("999900001111")).is_empty(), "an account that nobody claims");
    let found = findings(&engine, &record("111122223333"));
    let titles: Vec<_> = found.iter().map(|finding| finding.rule_title.as_str()).collect();
    assert_eq!(titles, ["Trail of a critical service stopped", "Platform's API calls"]);
    let finding = &found[0];
    assert_eq!(finding.matched[1].field, "enrich.criticality");
    assert_eq!(finding.ownership.owner.as_deref(), Some("@acme/platform"));
    let known = &finding.event["enrichments"][0];
    assert_eq!(known["name"], "cloud.account.uid");
    assert_eq!(known["value"], "111122223333");
    assert_eq!(known["provider"], "catalog:services.yaml:2");
    assert_eq!(known["created_time"], 1_700_000_000_000_i64);
    assert_eq!(known["data"]["team"], "platform");
    assert_eq!(known["data"]["age_ms"], finding.time_ms - 1_700_000_000_000);
    let violations = Schema::builtin().validate(&finding.event);
    assert!(violations.is_empty(), "{violations:?}");
    let read: model::Finding = serde_json::from_slice(&serde_json::to_vec(finding).unwrap()).unwrap();
    assert_eq!(&read, finding);
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

#[test]
fn owners_who_and_lint_say_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let services = write(folder.path(), "services.yaml", SERVICES);
    let codeowners = write(folder.path(), "CODEOWNERS", "* @all\n/api/ @api\n");
    let bad = write(folder.path(), "bad.yaml", "services:\n  - name: x\n    ownr: y\n");
    let who = |args: &[&str]| run(&[&["owners", "who", "--file", &services], args].concat());

    let output = who(&["111122223333"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for expected in ["@acme/platform", "trails", "critical", "services.yaml:2", "accounts 111122223333"] {
        assert!(text(&output).contains(expected), "{expected}: {}", text(&output));
    }
    let output = who(&["--json", "--file", &codeowners, "--repo", "acme/web", "api/x.rs"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["answers"][0]["owners"][0], "@api");
    assert!(answer["answers"][0]["source"].as_str().unwrap().ends_with("CODEOWNERS:2"), "{answer}");
    assert_eq!(who(&["nobodys"]).status.code(), Some(1));
    for (args, hint) in
        [(&["--at", "soon", "x"][..], "2026-01-31"), (&["--file", &codeowners, "x"], "--repo")]
    {
        let output = who(args);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output).contains("hint:") && text(&output).contains(hint), "{}", text(&output));
    }

    let output = run(&["owners", "lint", &services, &codeowners]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = run(&["owners", "lint", &bad, &services]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("bad.yaml:3: unknown_key") && text(&output).contains("did you mean `owner`?")
    );
    let output = run(&["owners", "lint", "--json", &bad]);
    let first: Value =
        serde_json::from_str(String::from_utf8_lossy(&output.stdout).lines().next().unwrap()).unwrap();
    assert_eq!(first["code"], "unowned");
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_incident_has_its_owner_and_a_changed_catalogue_counts_after_a_hangup() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    write(&rules, "r.yml", RULES);
    let services = write(folder.path(), "services.yaml", SERVICES);
    let config = format!(
        "[rules]\nbuiltin = false\ndirs = [{:?}]\n[enrich]\ncatalog = [{services:?}]\nreload_interval_s = 0\n",
        rules.display().to_string()
    );
    let server = Server::start_with(folder.path(), &config);
    let token = server.add_source("trail", "aws_cloudtrail");
    let send = |account: &str| {
        let sent = server.post("/api/v1/ingest/trail", &token, record(account).as_bytes()).unwrap();
        assert_eq!(sent.0, 200, "{}", sent.1);
    };
    let incidents = || -> Vec<Value> {
        let list: Value = serde_json::from_str(&server.get("/api/v1/incidents?limit=50")).unwrap();
        list["items"].as_array().unwrap().clone()
    };
    send("111122223333");
    wait_for("the first incident", || incidents().iter().any(|incident| incident["findings"] == 2));
    let first = &incidents()[0];
    for (key, value) in [
        ("service", "trails"),
        ("owner", "@acme/platform"),
        ("team", "platform"),
        ("criticality", "critical"),
        ("environment", "production"),
    ] {
        assert_eq!(first[key], value, "{first}");
    }
    let show = huecry()
        .args(["--url", &server.url, "--data-dir"])
        .arg(folder.path().join("data"))
        .args(["incident", "show", first["id"].as_str().unwrap()])
        .output()
        .unwrap();
    assert!(text(&show).contains("trails (critical, production)"), "{}", text(&show));

    // a bad file changes nothing, a good one does
    let reloads = |outcome: &str| {
        let wanted = format!("huecry_enrichment_reloads_total{{outcome=\"{outcome}\"}} 1");
        server.get("/metrics").lines().any(|line| line == wanted)
    };
    let hangup = || {
        let pid = server.pid().to_string();
        assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    };
    write(folder.path(), "services.yaml", "services: [{name: trails, criticality: enormous}]\n");
    hangup();
    wait_for("the refusal", || reloads("refused"));
    let more = "  - {name: more, owner: '@acme/more', criticality: critical, accounts: ['444455556666']}\n";
    write(folder.path(), "services.yaml", &format!("valid_from: 2020-01-01\n{SERVICES}{more}"));
    hangup();
    wait_for("the reload", || reloads("replaced"));
    send("444455556666");
    wait_for("the second incident", || incidents().iter().any(|incident| incident["owner"] == "@acme/more"));
    let metrics = server.get("/metrics");
    for line in ["huecry_events_enriched_total 2", "huecry_events_owner_unresolved_total 0"] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    assert!(server.stop().success());
}

#[test]
fn doctor_says_what_is_known_of_owners() {
    let folder = tempfile::tempdir().unwrap();
    let services = write(folder.path(), "services.yaml", "services: [{name: a, owner: x}, {name: b}]\n");
    let config = write(folder.path(), "huecry.toml", &format!("[enrich]\ncatalog = [{services:?}]\n"));
    let output = run(&["--config", &config, "doctor"]);
    let line = "owners and addresses: 2 services, 1 of them without an owner";
    assert!(text(&output).contains(line), "{}", text(&output));
    assert!(text(&output).contains("services.yaml:1: unowned"), "{}", text(&output));
}
