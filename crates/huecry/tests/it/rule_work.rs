//! Detection as code at the command line: test, explain, mutate, coverage, diff, on real folders of rules.

use crate::offline::last_json;
use crate::program::{huecry, run};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const TRAIL: &str = "title: Trail stopped
id: 6d3b6b52-8c0c-4b4d-9f3e-0f1d2c3b4a59
status: test
level: high
tags: [attack.defense-evasion, attack.t1562.008]
logsource: {product: aws, service: cloudtrail}
detection:
  selection: {eventName: [StopLogging, DeleteTrail]}
  filter_tool: {userAgent|contains: terraform}
  condition: selection and not filter_tool
tests:
  - {name: stops, event: {eventName: StopLogging}, matches: true}
  - {name: starts, event: {eventName: StartLogging}, matches: false}
";

const RECORD: &str = r#"{"eventVersion":"1.08","eventID":"e1","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","eventTime":"2026-03-01T10:00:00Z","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.7","userAgent":"HashiCorp Terraform/1.9","userIdentity":{"type":"IAMUser","userName":"ana","arn":"arn:aws:iam::111122223333:user/ana","accountId":"111122223333"},"recipientAccountId":"111122223333","eventType":"AwsApiCall"}"#;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/rules")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A folder with one good rule and fifty broken ones.
fn fifty_broken() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.yml"), TRAIL).unwrap();
    let faults = [
        ("{eventName: [StopLogging, DeleteTrail]}", "{eventName|nonsense: x}"),
        ("condition: selection and", "condition: another and"),
        ("logsource: {product: aws, service: cloudtrail}", "logsource: {}"),
        ("level: high", "level: grave"),
        ("detection:", "detection: [:"),
    ];
    for number in 0..50 {
        let (from, to) = faults[number % faults.len()];
        let broken = TRAIL.replacen(from, to, 1).replace("4a59", &format!("{number:04}"));
        std::fs::write(folder.path().join(format!("broken-{number:02}.yml")), broken).unwrap();
    }
    folder
}

#[test]
fn fifty_broken_files_are_named_and_the_rest_is_tested() {
    let folder = fifty_broken();
    let dir = folder.path().to_str().unwrap();
    for verb in [&["load"][..], &["test"], &["lint"], &["mutate"], &["coverage"]] {
        let output = huecry().arg("rules").args(verb).arg(dir).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{verb:?}");
        let said = text(&output.stderr);
        for number in 0..50 {
            let named =
                said.lines().filter(|line| line.contains(&format!("broken-{number:02}.yml:"))).count();
            assert_eq!(named, 1, "{verb:?} {number}: {said}");
        }
    }
    let (junit, sarif) = (folder.path().join("out.xml"), folder.path().join("out.sarif"));
    let (junit_arg, sarif_arg) = (junit.to_str().unwrap(), sarif.to_str().unwrap());
    let output = run(&["rules", "test", dir, "--junit", junit_arg, "--sarif", sarif_arg]);
    assert!(
        text(&output.stdout)
            .contains("1 rules, 2 tests: 2 passed, 0 failed; 0 rules without tests, 50 refused")
    );
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("tests=\"52\" failures=\"0\" errors=\"50\""), "{xml}");
    let sarif: Value = serde_json::from_str(&std::fs::read_to_string(&sarif).unwrap()).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 50);
}

#[test]
fn a_failing_test_says_what_decided_it() {
    let folder = tempfile::tempdir().unwrap();
    let rule = folder.path().join("r.yml");
    let wrong = TRAIL.replace(
        "{eventName: StopLogging}, matches",
        "{eventName: StopLogging, userAgent: terraform}, matches",
    );
    std::fs::write(&rule, wrong).unwrap();
    let (dir, junit) = (folder.path().to_str().unwrap(), folder.path().join("out.xml"));
    let output = run(&["rules", "test", dir, "--junit", junit.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    let place = rule.display();
    assert!(
        said.contains(&format!(
            "{place}:12: FAILED: Trail stopped: test \"stops\": it did not match and must"
        )),
        "{said}"
    );
    let why = format!(
        "{place}:9: filter_tool: `userAgent|contains` holds: the event has \"terraform\"; the rule wants \"terraform\""
    );
    assert!(said.contains(&why), "{said}");
    assert!(std::fs::read_to_string(&junit).unwrap().contains("filter_tool: `userAgent|contains` holds"));
    let row = lines(&run(&["rules", "test", "--json", dir])).remove(0);
    assert_eq!((row["passed"].clone(), row["why"][0]["line"].clone()), (false.into(), 9.into()), "{row}");
}

#[test]
fn explain_names_selection_field_and_value() {
    let folder = tempfile::tempdir().unwrap();
    let (rule, event) = (folder.path().join("r.yml"), folder.path().join("e.json"));
    std::fs::write(&rule, TRAIL).unwrap();
    std::fs::write(&event, RECORD).unwrap();
    let explain = |event: &str, more: &[&str]| {
        let output = huecry()
            .args(["rules", "explain", rule.to_str().unwrap(), "--event", event])
            .args(more)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, said, _) = explain(event.to_str().unwrap(), &[]);
    assert_eq!(code, Some(1), "it does not match");
    assert!(said.contains("event 1 (aws/cloudtrail): does not match"), "{said}");
    assert!(said.contains("holds  selection (line 8)"), "{said}");
    assert!(
        said.contains("filter_tool: `userAgent|contains` holds: the event has \"HashiCorp Terraform/1.9\""),
        "{said}"
    );
    std::fs::write(&event, RECORD.replace("HashiCorp Terraform/1.9", "aws-cli")).unwrap();
    let (code, said, _) = explain(event.to_str().unwrap(), &["--json"]);
    assert_eq!(code, Some(0), "{said}");
    let answer: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (answer["applies"].clone(), answer["explanation"]["matched"].clone()),
        (true.into(), true.into())
    );
    std::fs::write(&event, r#"{"eventType":"user.session.start","published":"2026-03-01T10:00:00Z","uuid":"u","actor":{"id":"1","type":"User","alternateId":"ana@example.org"},"eventName":"StopLogging","outcome":{"result":"SUCCESS"},"severity":"INFO","displayMessage":"x","version":"0"}"#).unwrap();
    let (code, said, _) = explain(event.to_str().unwrap(), &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("the rule is for aws/cloudtrail, the record is okta/okta"), "{said}");
    let (code, _, said) = explain("/nowhere.json", &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("nowhere.json"), "{said}");
    let output = run(&["rules", "explain", "no such rule", "--event", "-"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("hint:"));
}

#[test]
fn a_shipped_rule_is_explained_by_its_title_on_an_event_from_a_pipe() {
    let mut child = huecry()
        .args(["rules", "explain", "AWS root user logged in to the console", "--event", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(RECORD.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains("`eventName` fails: the event has \"StopLogging\"; the rule wants \"ConsoleLogin\""),
        "{said}"
    );
}

#[test]
fn the_tests_of_shipped_rules_are_worth_their_score() {
    let output =
        huecry().args(["rules", "mutate", "--json", "--min-score", "80"]).arg(shipped()).output().unwrap();
    let rows = lines(&output);
    let totals = &rows.last().unwrap()["totals"];
    assert_eq!(output.status.code(), Some(0), "{totals}");
    assert!(totals["score"].as_f64().unwrap() >= 80.0, "{totals}");
    assert!(totals["rules"].as_u64().unwrap() >= 100, "{totals}");
    assert_eq!(totals["left_out"], 0);
    let weak = tempfile::tempdir().unwrap();
    std::fs::write(weak.path().join("r.yml"), TRAIL).unwrap();
    let output = huecry().args(["rules", "mutate", "--min-score", "80"]).arg(weak.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("r.yml:10: survived: drop `not filter_tool` from the condition"), "{said}");
    assert!(
        said.contains("missing test: the event of \"stops\" with `userAgent`: \"terraform\"; matches: false"),
        "{said}"
    );
    assert!(said.contains("1 rules below 80 %"), "{said}");
}

#[test]
fn coverage_says_what_is_seen_where_and_what_is_blind() {
    let folder = tempfile::tempdir().unwrap();
    let layer = folder.path().join("layer.json");
    let output = huecry()
        .args(["rules", "coverage", "--json", "--source", "okta", "--navigator", layer.to_str().unwrap()])
        .arg(shipped())
        .output()
        .unwrap();
    let coverage = last_json(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(coverage["unknown_tags"], serde_json::json!([]), "every tag is a technique");
    let row = |coverage: &Value, id: &str| {
        coverage["techniques"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone()
    };
    assert_eq!(row(&coverage, "T1525")["sight"], "blind", "only CloudTrail rules, and it does not send");
    let layer: Value = serde_json::from_str(&std::fs::read_to_string(layer).unwrap()).unwrap();
    assert_eq!(
        (layer["domain"].clone(), layer["versions"]["layer"].clone()),
        ("enterprise-attack".into(), "4.5".into())
    );
    let every =
        last_json(&huecry().args(["rules", "coverage", "--json"]).arg(shipped()).output().unwrap().stdout);
    assert_eq!(row(&every, "T1525")["sight"], "covered");
    let said = text(&huecry().args(["rules", "coverage"]).arg(shipped()).output().unwrap().stdout);
    assert!(said.contains("Valid Accounts: Cloud Accounts") && said.contains("techniques covered"), "{said}");
    let output = run(&["rules", "coverage", "--source", "nonsense"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("aws_cloudtrail"));
}

fn git(dir: &Path, args: &[&str]) {
    let done = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false"])
        .args(args)
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {}", text(&done.stderr));
}

#[test]
fn diff_compares_folders_and_git_revisions() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    for dir in [&old, &new] {
        std::fs::create_dir(dir).unwrap();
    }
    let other = TRAIL.replace("4a59", "4a60").replace("Trail stopped", "Other");
    std::fs::write(old.join("a.yml"), TRAIL).unwrap();
    std::fs::write(old.join("b.yml"), &other).unwrap();
    std::fs::write(new.join("a.yml"), TRAIL.replace("DeleteTrail", "UpdateTrail")).unwrap();
    std::fs::write(new.join("c.yml"), other.replace("4a60", "4a61")).unwrap();
    let expected = "+ c.yml:1: Other (high, test)\n- b.yml:1: Other (high, test)\n! a.yml:1: Trail stopped\n    \
        detection.selection: eventName: [StopLogging, DeleteTrail] → eventName: [StopLogging, UpdateTrail]\n\
        1 added, 1 removed, 1 changed in what they match, 0 only in words or tests, 0 unchanged\n";
    let output = run(&["rules", "diff", old.to_str().unwrap(), new.to_str().unwrap()]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), expected.to_owned()));

    git(folder.path(), &["init", "-q"]);
    let tree = folder.path().join("rules");
    std::fs::rename(&old, &tree).unwrap();
    git(folder.path(), &["add", "rules"]);
    git(folder.path(), &["commit", "-q", "-m", "before"]);
    std::fs::remove_dir_all(&tree).unwrap();
    std::fs::rename(&new, &tree).unwrap();
    let dir = tree.to_str().unwrap();
    let output = run(&["rules", "diff", "HEAD", "--dir", dir]);
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), expected.to_owned()),
        "the files as they are"
    );
    git(folder.path(), &["add", "-A", "rules"]);
    git(folder.path(), &["commit", "-q", "-m", "after"]);
    let output = run(&["rules", "diff", "HEAD~1", "HEAD", "--dir", dir]);
    assert_eq!(text(&output.stdout), expected);
    let diff = last_json(&run(&["rules", "diff", "HEAD~1", "HEAD", "--dir", dir, "--json"]).stdout);
    assert_eq!(
        (diff["changed"][0]["meaning_changed"].clone(), diff["added"][0]["level"].clone()),
        (true.into(), "high".into())
    );
    let markdown = text(&run(&["rules", "diff", "HEAD~1", "HEAD", "--dir", dir, "--markdown"]).stdout);
    assert!(markdown.contains("| added | Other<br>c.yml:1 | high | status test |"), "{markdown}");
    for (args, hint) in [
        (vec!["rules", "diff", "--dir", dir, "no-such-revision"], "revision"),
        (vec!["rules", "diff", "--dir", dir, "--", "--output=x"], "revision"),
        (vec!["rules", "diff", dir], "--dir"),
        (vec!["rules", "diff", "--dir", "no-such-folder", "HEAD"], "work tree"),
        (vec!["rules", "diff", "no-such-folder", dir], "--dir"),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            text(&output.stderr).contains("hint:") && text(&output.stderr).contains(hint),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn a_folder_that_is_not_there_or_has_no_rule_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (missing, empty, records) = (path("missing"), path("empty"), path("r.ndjson"));
    std::fs::create_dir(&empty).unwrap();
    std::fs::write(folder.path().join("empty/README.md"), "# none\n").unwrap();
    std::fs::write(folder.path().join("empty/none.yml"), "# none yet\n").unwrap();
    std::fs::write(&records, "{\"eventName\": \"StopLogging\"}\n").unwrap();
    for dir in [&missing, &empty] {
        for verb in [
            &["load", dir][..],
            &["test", dir],
            &["lint", dir],
            &["mutate", dir],
            &["coverage", dir],
            &["match", "--rules", dir, &records],
            &["bench", "--rules", dir, &records],
            &["explain", "some rule", "--rules", dir, "--event", &records],
            &["backtest", dir],
        ] {
            let output = huecry().arg("rules").args(verb).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{verb:?}: {}", text(&output.stderr));
            assert!(text(&output.stderr).contains(dir.as_str()), "{verb:?}: {}", text(&output.stderr));
        }
    }
    let config = path("huecry.toml");
    std::fs::write(&config, format!("[rules]\ndirs = [{missing:?}]\n")).unwrap();
    let output = huecry().args(["--config", &config, "rules", "test"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    // the rules before the first are none, and a name counts in whatever case
    std::fs::write(folder.path().join("empty/RULE.YML"), TRAIL).unwrap();
    let output = run(&["rules", "test", &empty]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("1 rules, 2 tests"), "{}", text(&output.stdout));
    std::fs::create_dir(&missing).unwrap();
    let output = run(&["rules", "diff", &missing, &empty]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("+ RULE.YML:1: "), "{}", text(&output.stdout));
}

#[test]
fn diff_compares_rules_as_they_run() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let filter = "title: Quiet\nid: 1b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11\nlogsource: {product: aws, service: cloudtrail}\n\
        filter:\n  rules: any\n  quiet: {awsRegion: eu-west-1}\n  condition: not quiet\n";
    for (dir, beside) in [(&old, None), (&new, Some(filter))] {
        std::fs::create_dir(dir).unwrap();
        std::fs::write(dir.join("a.yml"), TRAIL).unwrap();
        if let Some(text) = beside {
            std::fs::write(dir.join("filter.yml"), text).unwrap();
        }
    }
    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    let diff = last_json(&run(&["rules", "diff", old, new, "--json"]).stdout);
    assert_eq!((&diff["added"][0]["title"], &diff["unchanged"]), (&"Quiet".into(), &0.into()), "{diff}");
    let change = &diff["changed"][0];
    assert_eq!(
        (&change["rule"]["title"], &change["meaning_changed"]),
        (&"Trail stopped".into(), &true.into())
    );
    assert!(change["parts"].as_array().unwrap().iter().any(|part| part["key"] == "condition"), "{diff}");
    // what is refused only when rules are put together is refused here too
    let lonely = "title: Lonely\ncorrelation: {type: event_count, rules: [nobody], timespan: 1m, condition: {gte: 2}}\n";
    std::fs::write(folder.path().join("new/lonely.yml"), lonely).unwrap();
    let output = run(&["rules", "diff", old, new]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("lonely.yml:1: "), "{}", text(&output.stderr));
}
