//! Rules in production through the program itself: stage, reload, replay, tune, backtest.

use crate::program::{Server, huecry};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

const ID: &str = "0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11";

fn rule(names: &str) -> String {
    format!(
        "title: Trail stopped\nid: {ID}\nlevel: high\nstatus: test\n\
         logsource: {{product: aws, service: cloudtrail}}\n\
         detection: {{s: {{eventName: {names}}}, condition: s}}\n\
         tests: [{{name: fires, event: {{eventName: StopLogging}}, matches: true}}]\n"
    )
}

fn record(number: u32, name: &str, agent: &str, user: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.08","eventID":"{number}","eventName":"{name}","eventSource":"cloudtrail.amazonaws.com","eventTime":"2026-03-01T10:00:{:02}Z","awsRegion":"eu-west-1","userAgent":"{agent}","userIdentity":{{"type":"IAMUser","userName":"{user}"}}}}"#,
        number % 60
    )
}

struct World {
    folder: tempfile::TempDir,
    rules: PathBuf,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = folder.path().join("rules");
        std::fs::create_dir(&rules).unwrap();
        Self { folder, rules }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn start(&self) -> Server {
        let dir = self.rules.display().to_string();
        // what is correlated is known a second after the last record
        let config = format!(
            "[rules]\nbuiltin = false\ndirs = [{dir:?}]\nreload_interval_s = 0\n\
             [correlation]\nidle_s = 1\nwarmup_s = 0\nlateness_s = 0\nlateness_s_by_product = {{}}\npast_after_s = 1000000000\n"
        );
        Server::start_with(self.folder.path(), &config)
    }

    /// The program on this data folder, asking `server` if there is one.
    fn run(&self, server: Option<&Server>, arguments: &[&str]) -> Output {
        let mut command = huecry();
        command.arg("--config").arg(self.folder.path().join("huecry.toml"));
        command.arg("--data-dir").arg(self.folder.path().join("data"));
        if let Some(server) = server {
            command.args(["--url", &server.url]);
        }
        command.args(arguments).output().unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn parsed(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(output)))
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn items(server: &Server, path: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(&server.get(path)).unwrap();
    list["items"].as_array().unwrap().clone()
}

/// What a backtest must say of the world's records, whichever way it reads them.
fn check_backtest(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", text(output));
    let found = parsed(output);
    let told = (&found["events"], &found["new"], &found["gone"]);
    assert_eq!(told, (&json!(5), &json!(1), &json!(4)), "{found}");
    let rule = &found["rules"][0];
    assert_eq!((&rule["kind"], &rule["by_day"]["2026-03-01"]["gone"]), (&json!("changed"), &json!(4)));
    assert_eq!(rule["new_events"].as_array().map(Vec::len), Some(1));
}

#[test]
fn rules_are_staged_replayed_tuned_and_backtested() {
    let world = World::new();
    world.write("rules/trail.yml", &rule("StopLogging"));
    let server = world.start();
    let token = server.add_source("trail", "aws_cloudtrail");
    let records = [
        record(1, "StopLogging", "Terraform/1", "ci"),
        record(2, "StopLogging", "Terraform/1", "deploy"),
        record(3, "StopLogging", "curl", "eve"),
        record(4, "StopLogging", "curl", "mallory"),
        record(5, "DeleteTrail", "curl", "eve"),
    ];
    for record in &records {
        assert_eq!(server.post("/api/v1/ingest/trail", &token, record.as_bytes()).unwrap().0, 200);
    }
    wait_for("four findings", || items(&server, "/api/v1/findings").len() == 4);
    let findings = items(&server, "/api/v1/findings");
    let finding = findings[0]["id"].as_str().unwrap();
    assert_eq!(
        (&findings[0]["stage"], findings[0]["rule_set"].as_str().map(str::len)),
        (&json!("active"), Some(16))
    );

    let listed = text(&world.run(Some(&server), &["rules", "list"]));
    assert!(listed.contains("active  passed  4 ") && listed.contains("set of rules"), "{listed}");
    let replayed = world.run(Some(&server), &["rules", "replay", finding]);
    assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed));
    assert!(text(&replayed).contains("the same finding comes of its records (from the log)"));

    tune(&world, &server);
    let changed = world.path("changed");
    std::fs::create_dir(&changed).unwrap();
    world.write("changed/trail.yml", &rule("[StartLogging, DeleteTrail]"));
    let backtest = |server: Option<&Server>, format: &[&str]| {
        let arguments = ["rules", "backtest", &changed, "--since", "2026-02-01"];
        world.run(server, &[&arguments[..], format].concat())
    };
    check_backtest(&backtest(Some(&server), &["--json"]));
    let markdown = text(&backtest(Some(&server), &["--format", "markdown"]));
    assert!(markdown.contains("| Trail stopped | changed | 1 | 4 | 4 | 1 |"), "{markdown}");

    world.write("rules/trail.yml", &rule("[StopLogging, DeleteTrail]"));
    world.write("rules/broken.yml", "title: Broken\nlogsource: {product: aws}\n");
    let reloaded = world.run(Some(&server), &["rules", "reload"]);
    assert_eq!(reloaded.status.code(), Some(1), "one file was refused");
    let told = text(&reloaded);
    assert!(told.contains("1 rules in force: 0 new, 1 changed, 0 gone; 1 refused"), "{told}");
    assert!(told.contains("broken.yml:1: "), "{told}");
    assert!(server.get("/metrics").contains("\nhuecry_rules_refused 1\n"));
    let replayed = world.run(Some(&server), &["rules", "replay", finding, "--json"]);
    assert_eq!(replayed.status.code(), Some(1));
    assert!(parsed(&replayed)["difference"].as_str().unwrap().contains("changed since"));

    let staged = world.run(Some(&server), &["rules", "stage", ID, "canary", "--why", "on trial"]);
    assert_eq!(text(&staged), "Trail stopped is canary\n");
    let audit = text(&world.run(Some(&server), &["audit", "log", "--object", &format!("rule:{ID}")]));
    assert!(audit.contains("rule.stage") && audit.contains("on trial"), "{audit}");
    // a hangup loads as well
    std::fs::remove_file(world.rules.join("broken.yml")).unwrap();
    let pid = server.pid().to_string();
    assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    wait_for("the reload", || server.get("/metrics").contains("\nhuecry_rules_refused 0\n"));
    assert!(server.stop().success());
    // the running set is the configured one, which has another rule by now
    world.write("rules/trail.yml", &rule("StopLogging"));
    check_backtest(&backtest(None, &["--json"]));
}

/// Two correlations over one rule: `few` matches of a user, and `lots`.
fn correlated(few: u32, lots: u32) -> String {
    let one = |title: &str, id: &str, least: u32| {
        format!(
            "---\ntitle: {title}\nid: {id}\nlevel: high\ncorrelation: {{type: event_count, rules: [stopped], \
             group-by: [userIdentity.userName], timespan: 10m, condition: {{gte: {least}}}}}\n"
        )
    };
    let base = rule("StopLogging").replacen("title: ", "name: stopped\ntitle: ", 1);
    base + &one("Few", "1b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11", few)
        + &one("Lots", "2b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11", lots)
}

#[test]
fn what_correlations_find_is_replayed_and_backtested() {
    let world = World::new();
    world.write("rules/many.yml", &correlated(3, 25));
    let server = world.start();
    let token = server.add_source("trail", "aws_cloudtrail");
    for number in 0..33 {
        let user = if number < 3 { "eve" } else { "mallory" };
        let record = record(number, "StopLogging", "curl", user);
        assert_eq!(server.post("/api/v1/ingest/trail", &token, record.as_bytes()).unwrap().0, 200);
    }
    wait_for("three findings", || items(&server, "/api/v1/findings").len() == 3);
    let replay =
        |finding: &Value| world.run(Some(&server), &["rules", "replay", finding["id"].as_str().unwrap()]);
    let findings = items(&server, "/api/v1/findings");
    for finding in &findings {
        let replayed = replay(finding);
        assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed));
        // it names twenty-one of twenty-five
        let place = if finding["rule_title"] == "Lots" { "lake" } else { "log" };
        assert!(text(&replayed).contains(&format!("(from the {place})")), "{finding}: {}", text(&replayed));
    }

    let changed = world.path("changed");
    std::fs::create_dir(&changed).unwrap();
    let backtest = |server: Option<&Server>, format: &str| {
        world.run(server, &["rules", "backtest", &changed, "--since", "2026-02-01", "--format", format])
    };
    let empty = backtest(Some(&server), "text");
    assert_eq!(empty.status.code(), Some(2), "{}", text(&empty));
    world.write("changed/many.yml", &correlated(4, 31));
    let told = backtest(Some(&server), "markdown");
    assert_eq!(told.status.code(), Some(0), "{}", text(&told));
    for row in ["| Few | changed | 0 | 1 | 2 | 1 |", "| Lots | changed | 0 | 1 | 1 | 0 |"] {
        assert!(text(&told).contains(row), "{}", text(&told));
    }
    assert!(!text(&told).contains("Trail stopped"), "it raises nothing by itself: {}", text(&told));
    world.write("changed/broken.yml", "title: [x\n");
    let told = backtest(Some(&server), "markdown");
    assert_eq!(told.status.code(), Some(1), "{}", text(&told));
    let markdown = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(markdown.contains("**1 documents are refused and will not run:**"), "{markdown}");

    world.write("rules/many.yml", &correlated(4, 25));
    assert_eq!(world.run(Some(&server), &["rules", "reload"]).status.code(), Some(0));
    let few = findings.iter().find(|finding| finding["rule_title"] == "Few").unwrap();
    let replayed = replay(few);
    assert_eq!(replayed.status.code(), Some(1));
    assert!(text(&replayed).contains("changed since"), "{}", text(&replayed));
    assert!(server.stop().success());
    let told = parsed(&backtest(None, "json"));
    assert_eq!((&told["refused"][0]["line"], &told["new"]), (&json!(1), &json!(0)), "{told}");
}

/// Closes incidents with verdicts and makes a filter of them.
fn tune(world: &World, server: &Server) {
    wait_for("incidents", || items(server, "/api/v1/incidents?limit=50").len() == 4);
    let early = world.run(Some(server), &["rules", "tune", ID]);
    assert_eq!(early.status.code(), Some(1));
    assert!(text(&early).contains("at least 2"), "{}", text(&early));
    for incident in items(server, "/api/v1/incidents?limit=50") {
        let who = incident["group"]["value"].as_str().unwrap();
        let harmless = ["ci", "deploy"].iter().any(|name| who.contains(name));
        let verdict = if harmless { "false_positive" } else { "true_positive" };
        let id = incident["id"].as_str().unwrap();
        let closed =
            world.run(Some(server), &["incident", "close", id, "--verdict", verdict, "--reason", "r"]);
        assert_eq!(closed.status.code(), Some(0), "{}", text(&closed));
    }
    let file = world.path("filter.yml");
    let tuned = world.run(Some(server), &["rules", "tune", ID, "--output", &file]);
    assert_eq!(tuned.status.code(), Some(0), "{}", text(&tuned));
    let proof = "2 of 2 false positives gone, 2 of 2 true positives still fire";
    assert!(text(&tuned).contains(proof), "{}", text(&tuned));
    let filter = std::fs::read_to_string(Path::new(&file)).unwrap();
    assert!(filter.contains("\"userAgent\": \"Terraform/1\"") && filter.contains("expires: 20"), "{filter}");
    let again = world.run(Some(server), &["rules", "tune", ID, "--output", &file]);
    assert_eq!(again.status.code(), Some(2), "a file that is there is not written over");
}
