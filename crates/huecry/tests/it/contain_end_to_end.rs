//! Acme's leaked key, all the way: CloudTrail says so, one person asks, another approves, the key is inactive at (an emulator
//! of) AWS, and active again when somebody takes it back; and the same by the playbook. The audit log verifies in the end.

use crate::audit::Auditor;
use crate::program::{Server, huecry};
use respond::connector::{Connector, Exchange, HttpRemote, Remote, Values, read};
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// An emulator of AWS that ends with the test.
struct Moto {
    process: Child,
    url: String,
    connector: Connector,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn moto() -> Option<Moto> {
    let Some(program) = std::env::var_os("HUECRY_MOTO") else {
        assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "HUECRY_MOTO names no emulator");
        eprintln!("SKIPPED: HUECRY_MOTO names no emulator of AWS (.ci/moto installs it)");
        return None;
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(program);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    let process = command.spawn().unwrap();
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "the emulator does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/connectors/aws.yaml");
    let connector = read(&std::fs::read_to_string(file).unwrap()).unwrap();
    Some(Moto { process, url: format!("http://127.0.0.1:{port}"), connector })
}

impl Moto {
    fn ask(&self, method: &str, parameters: &[(&str, &str)]) -> String {
        let query: Values = parameters
            .iter()
            .chain([&("Version", "2010-05-08")])
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let exchange = json!({ "method": method, "path": "/", "query": query, "expect": [200] });
        let exchange: Exchange = serde_json::from_value(exchange).unwrap();
        let values = [
            ("aws_iam_url", self.url.as_str()),
            ("aws_region", "us-east-1"),
            ("aws_access_key_id", "AKIAIOSFODNN7EXAMPLE"),
            ("aws_secret_access_key", SECRET),
        ];
        let values: Values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let request = exchange.request(&self.connector, &values, 1_795_000_000_000).unwrap();
        let answer = HttpRemote::default().send(&request).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    fn key_of(&self, user: &str) -> String {
        self.ask("POST", &[("Action", "CreateUser"), ("UserName", user)]);
        let body = self.ask("POST", &[("Action", "CreateAccessKey"), ("UserName", user)]);
        between(&body, "<AccessKeyId>")
    }

    fn status(&self, user: &str) -> String {
        between(&self.ask("GET", &[("Action", "ListAccessKeys"), ("UserName", user)]), "<Status>")
    }
}

fn between(body: &str, tag: &str) -> String {
    body.split_once(tag).unwrap().1.split_once('<').unwrap().0.to_owned()
}

/// Somebody with a token of their own.
pub(crate) struct Person<'a> {
    server: &'a Server,
    token: String,
}

impl<'a> Person<'a> {
    /// Signs in by a one-time link, and makes themselves a token.
    pub(crate) fn sign_in(server: &'a Server, folder: &Path, name: &str) -> Self {
        let mut command = huecry();
        command.args(["people", "link", "--role", "responder", "--name", name, "--url", &server.url]);
        let made = command.arg("--data-dir").arg(folder.join("data")).output().unwrap();
        let link = String::from_utf8(made.stdout).unwrap();
        let (base, secret) = link.trim().split_once("/enter#").unwrap();
        let body = json!({ "link": secret, "name": name }).to_string();
        let mut answer = server.agent.post(format!("{base}/api/v1/session")).send(body.as_bytes()).unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let session: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        let scopes = ["containments:read", "containments:request", "containments:approve", "incidents:read"];
        let own = json!({ "name": "terminal", "scopes": scopes }).to_string();
        let request = server.agent.post(format!("{base}/api/v1/me/tokens")).header("cookie", cookie);
        let request = request.header("x-csrf-token", session["csrf"].as_str().unwrap());
        let mut answer = request.send(own.as_bytes()).unwrap();
        let made: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        let token = made["secret"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        Self { server, token }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let mut command = huecry();
        command.args(args).args(["--url", &self.server.url]).env("HUECRY_TOKEN", &self.token);
        command.stdin(Stdio::null()).output().unwrap()
    }

    pub(crate) fn good(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{args:?}: {said}");
        text(&output.stdout)
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let said = self.good(&[args, &["--json"]].concat());
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{args:?}: {e}: {said}"))
    }

    /// Waits until something is so.
    pub(crate) fn until(&self, args: &[&str], is: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let seen = self.json(args);
            if is(&seen) {
                return seen;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{args:?}: {seen}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until some incident has a comment with these words.
    fn until_commented(&self, words: &str) {
        self.until(&["incident", "list"], |page| {
            let mut ids = page["items"].as_array().unwrap().iter().filter_map(|item| item["id"].as_str());
            ids.any(|id| self.json(&["incident", "show", id])["comments"].to_string().contains(words))
        });
    }

    fn until_state(&self, id: &str, state: &str) -> Value {
        self.until(&["contain", "show", id], |row| row["state"] == state)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What CloudTrail says when AWS has found the key in public.
fn quarantined(user: &str, key: &str) -> String {
    json!({
        "eventVersion": "1.10",
        "userIdentity": {
            "type": "IAMUser", "principalId": "AIDAEXAMPLE0000000001", "accountId": "111122223333",
            "arn": format!("arn:aws:iam::111122223333:user/{user}"), "accessKeyId": key, "userName": user,
        },
        "eventTime": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "eventSource": "iam.amazonaws.com", "eventName": "AttachUserPolicy",
        "awsRegion": "eu-west-1", "sourceIPAddress": "192.0.2.10", "userAgent": "aws-internal/3",
        "requestParameters": {
            "userName": user, "policyArn": "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3",
        },
        "responseElements": null, "eventID": "0b8f0000-0000-4000-8000-000000000029", "readOnly": false,
        "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    })
    .to_string()
}

fn configuration(folder: &Path, moto: &Moto) -> String {
    let secret = folder.join("aws-secret");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    format!(
        "[enrich]\ncatalog = []\n\
         [respond.connections.aws]\naws_iam_url = {:?}\naws_access_key_id = \"AKIAIOSFODNN7EXAMPLE\"\n\
         aws_secret_access_key = {{ file = {:?} }}\n\
         [[respond.protected]]\nkind = \"account\"\npattern = \"deploy\"\nreason = \"deploys stop without it\"\n",
        moto.url,
        secret.display().to_string()
    )
}

#[test]
fn a_leaked_key_is_contained_by_two_people_and_given_back() {
    let Some(moto) = moto() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (key, deploy_key, other_key) = (moto.key_of("ann"), moto.key_of("deploy"), moto.key_of("bob"));
    let configuration = configuration(folder.path(), &moto);
    let server = Server::start_with(folder.path(), &configuration);
    connector_answers(folder.path(), &key);
    let (ana, ben) =
        (Person::sign_in(&server, folder.path(), "Ana"), Person::sign_in(&server, folder.path(), "Ben"));

    // telemetry becomes an incident
    let door = server.add_source("trail", "aws_cloudtrail");
    let (status, said) =
        server.post("/api/v1/ingest/trail", &door, quarantined("ann", &key).as_bytes()).unwrap();
    assert!(status < 300, "{said}");
    let listed = ana.until(&["incident", "list"], |page| page["items"][0]["id"].is_string());
    let incident = listed["items"][0]["id"].as_str().unwrap();
    let playbooks = ana.json(&["playbook", "list", "--incident", incident]);
    assert_eq!(
        (&playbooks["items"][0]["name"], &playbooks["items"][0]["fits"]),
        (&json!("Leaked AWS access key"), &json!(true))
    );

    // planned, asked for, approved by somebody else
    let plan = ana.good(&["contain", "plan", "aws.deactivate_key", &key, "--incident", incident]);
    assert!(plan.contains("of account ann") && plan.contains("Active → Inactive"), "{plan}");
    let asked = ana.json(&[
        "contain",
        "request",
        "aws.deactivate_key",
        &key,
        "--incident",
        incident,
        "--reason",
        "AWS quarantined it",
    ]);
    let id = asked["id"].as_str().unwrap();
    let own = ana.run(&["contain", "approve", id, "--yes"]);
    assert_eq!(own.status.code(), Some(4), "{}", text(&own.stderr));
    let unasked = ben.run(&["contain", "approve", id]);
    assert_eq!(unasked.status.code(), Some(2), "nobody is there to say y: {}", text(&unasked.stderr));
    assert_eq!(moto.status("ann"), "Active");
    let said = ben.good(&["contain", "approve", id, "--yes", "--reason", "it is public"]);
    assert!(said.contains(asked["plan_sha256"].as_str().unwrap()), "what is approved was shown: {said}");
    let held = ana.until_state(id, "verified");
    assert_eq!(moto.status("ann"), "Inactive");
    assert!(held["revert_at"].is_string());
    let protected = ana.run(&["contain", "request", "aws.deactivate_key", &deploy_key, "--reason", "r"]);
    assert!(text(&protected.stderr).contains("containment_protected"), "{}", text(&protected.stderr));

    // what is in effect outlives the process, and is taken back by the next one
    let tokens = (ana.token, ben.token);
    drop(server);
    let server = Server::start_with(folder.path(), &configuration);
    let person = |token| Person { server: &server, token };
    let (ana, ben) = (person(tokens.0), person(tokens.1));
    ben.good(&["contain", "undo", id, "--reason", "the key was replaced"]);
    ana.until_state(id, "reverted");
    assert_eq!(moto.status("ann"), "Active");

    by_playbook(&moto, (&ana, &ben), incident, &other_key);
    one_lets_the_other_answer(&ana, &ben);
    let signed = Auditor::new(&folder.path().join("auditor")).audit(&server);
    assert!(signed > 10, "{signed} records are signed");
    let log = std::fs::read_to_string(folder.path().join("stderr.log")).unwrap();
    assert!(!log.contains(SECRET), "the secret is told to nobody");
    assert!(server.get("/metrics").contains("huecry_incident_contained_seconds_count 1"));
}

/// `huecry connector test`, as the operator calls it.
/// By name, until a day; both see it, and it is ended.
fn one_lets_the_other_answer(ana: &Person<'_>, ben: &Person<'_>) {
    let day = |days: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        at.strftime("%Y-%m-%d").to_string()
    };
    let delegate = |to: &str, until: &str| {
        ana.run(&["contain", "delegate", to, "--until", until, "--reason", "on holiday"])
    };
    for (to, until, said) in [
        ("Nobody", day(3), "nobody who is called \"Nobody\" may approve"),
        ("Ana", day(3), "nobody who is called \"Ana\" may approve"),
        ("Ben", day(31), "within 30 days"),
        ("Ben", day(-2), "a time that is to come"),
        ("Ben", "soon".to_owned(), "this is no time"),
    ] {
        let refused = delegate(to, &until);
        let words = text(&refused.stderr);
        assert!(!refused.status.success() && words.contains(said), "{to} {until}: {words}");
    }
    let given = delegate("Ben", &day(3));
    assert!(text(&given.stdout).contains("Ben may answer for you until"), "{given:?}");
    let listed = ana.json(&["contain", "delegations"]);
    let id = listed["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{listed}"));
    assert!(ben.good(&["contain", "delegations"]).contains("you may answer for Ana until"));
    ben.good(&["contain", "undelegate", id]);
    assert_eq!(ana.json(&["contain", "delegations"])["items"], json!([]));
}

fn connector_answers(folder: &Path, key: &str) {
    let mut command = huecry();
    command.args(["connector", "test", "aws", "--look", &format!("deactivate_key={key}"), "--config"]);
    let output = command.arg(folder.join("huecry.toml")).output().unwrap();
    let said = text(&output.stdout);
    assert!(said.contains("signed in as account "), "{said}");
    assert!(output.status.success() && said.contains("user=ann"), "{said}{}", text(&output.stderr));
    assert!(!said.contains(SECRET));
}

/// The same by the playbook that ships: contained, answered, stopped.
fn by_playbook(moto: &Moto, (ana, ben): (&Person<'_>, &Person<'_>), incident: &str, key: &str) {
    let (key_value, user) = (format!("__key__={key}"), "__user__=bob");
    let begun = ana.json(&[
        "playbook",
        "run",
        "Leaked AWS access key",
        "--set",
        &key_value,
        "--set",
        user,
        "--incident",
        incident,
        "--reason",
        "the same person had it",
    ]);
    let run = begun["id"].as_str().unwrap();
    let waits = ana.until(&["run", "show", run], |run| run["steps"][0]["containment"].is_string());
    let id = waits["steps"][0]["containment"].as_str().unwrap();
    assert_eq!(
        ana.run(&["contain", "approve", id, "--yes"]).status.code(),
        Some(4),
        "who began the run does not"
    );
    ben.good(&["contain", "approve", id, "--yes"]);
    ana.until_state(id, "verified");
    assert_eq!(moto.status("bob"), "Inactive");
    let asks = ana.until(&["run", "show", run], |run| run["steps"][1]["state"] == "awaiting_person");
    assert_eq!(asks["steps"][1]["out_args"], json!(["__misused__"]), "{asks}");
    let shown = ana.json(&["playbook", "show", "Leaked AWS access key"]);
    let choice = |step: &&Value| step["kind"] == "if-condition";
    let choice = shown["steps"].as_array().unwrap().iter().find(choice).unwrap();
    assert_eq!(choice["branches"][0]["when"], "__misused__:value = true", "{choice}");
    let task = asks["steps"][1]["task"].to_string();
    let answered = ben.json(&["run", "answer", run, &task, "done", "--set", "__misused__=false"]);
    assert_eq!(answered["steps"][1]["state"], "succeeded", "{answered}");
    let skipped = |name: &str| {
        let at = ana.until(&["run", "show", run], |run| {
            run["steps"]
                .as_array()
                .unwrap()
                .iter()
                .any(|step| step["name"] == name && step["state"] == "awaiting_person")
        });
        let steps = at["steps"].as_array().unwrap();
        let task = steps.iter().find(|step| step["name"] == name).unwrap()["task"].to_string();
        ana.json(&["run", "answer", run, &task, "skipped", "--reason", "a test"]);
    };
    skipped("Put a new key in its place");
    let stopped = ana.json(&["run", "stop", run, "--reason", "the test is over"]);
    assert_eq!(stopped["state"], "stopped");
    assert_eq!(moto.status("bob"), "Inactive", "what was applied stays");
    ana.good(&["contain", "undo", id, "--reason", "the test is over"]);
    ben.until_state(id, "reverted");
    assert_eq!(moto.status("bob"), "Active");
}

const ORDER: &str = "[[respond.automatic]]\nname = \"Quarantined keys\"\n\
     rule = \"27f12671-087d-4145-ab44-87009bfd8d20\"\nsources = [\"trail\"]\n\
     action = \"aws.deactivate_key\"\ntarget = \"{credential}\"\nttl_minutes = 1\n";

#[test]
fn a_standing_order_contains_at_once_and_once_and_its_time_ends() {
    let Some(moto) = moto() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (key, deploy_key) = (moto.key_of("ann"), moto.key_of("deploy"));
    let (cat_key, eve_key) = (moto.key_of("cat"), moto.key_of("eve"));
    let configuration = format!("{}{ORDER}", configuration(folder.path(), &moto));
    let server = Server::start_with(folder.path(), &configuration);
    let ana = Person::sign_in(&server, folder.path(), "Ana");
    let (door, other_door) =
        (server.add_source("trail", "aws_cloudtrail"), server.add_source("rumours", "aws_cloudtrail"));
    let record = quarantined("ann", &key);
    let tell = |source: &str, door: &str| {
        let (status, said) =
            server.post(&format!("/api/v1/ingest/{source}"), door, record.as_bytes()).unwrap();
        assert!(status < 300, "{said}");
    };

    // a source that is not authoritative raises an incident, and nothing more
    tell("rumours", &other_door);
    ana.until(&["incident", "list"], |page| page["items"][0]["id"].is_string());
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(ana.json(&["contain", "list", "--state", "any"])["items"], json!([]));

    // one that is: the key is inactive before anybody was asked
    tell("trail", &door);
    let held =
        ana.until(&["contain", "list", "--state", "any"], |page| page["items"][0]["state"] == "verified");
    let held = &held["items"][0];
    assert_eq!(moto.status("ann"), "Inactive");
    assert_eq!((&held["decision"]["people"], &held["requested_by"]["kind"]), (&json!(0), &json!("system")));
    assert!(
        held["incident"].is_string() && held["reason"].as_str().unwrap().contains("Quarantined keys"),
        "{held}"
    );
    let id = held["id"].as_str().unwrap();
    ana.good(&["contain", "undo", id, "--reason", "it is a canary"]);
    ana.until_state(id, "reverted");

    what_is_old_or_undecided_is_for_people((&server, &door, &ana), &deploy_key, &cat_key);

    // people have the last word: what they give back is not taken again for the same record, also by the next process
    let timed = held_for_a_minute((&server, &door, &ana), &eve_key);
    assert_eq!(moto.status("eve"), "Inactive");
    let token = ana.token;
    drop(server);
    let server = Server::start_with(folder.path(), &configuration);
    let ana = Person { server: &server, token };
    let tell = |record: String| {
        assert!(server.post("/api/v1/ingest/trail", &door, record.as_bytes()).unwrap().0 < 300);
    };
    tell(record.clone());

    // what is protected stays so, and the incident says that nothing was done
    tell(quarantined("deploy", &deploy_key).replace("000000000029", "000000000030"));
    ana.until_commented("is protected");
    assert_eq!((moto.status("ann"), moto.status("deploy")), ("Active".to_owned(), "Active".to_owned()));
    assert_eq!(ana.json(&["contain", "list", "--state", "any"])["items"].as_array().unwrap().len(), 3);
    let metrics = server.get("/metrics");
    assert!(
        metrics.contains("huecry_automatic_orders_total{order=\"Quarantined keys\",outcome=\"refused\"} 1")
    );

    // what has a time is given back when that is over, by whichever process there is then
    let given_back = Instant::now();
    while moto.status("eve") != "Active" {
        assert!(given_back.elapsed() < Duration::from_secs(90), "its time is over");
        std::thread::sleep(Duration::from_millis(200));
    }
    ana.until_state(&timed, "reverted");
}

/// Neither does an order do: what people have dealt with, or are about to.
fn what_is_old_or_undecided_is_for_people(
    (server, door, ana): (&Server, &str, &Person<'_>),
    deploy_key: &str,
    cat_key: &str,
) {
    // what people have dealt with long ago is not done again because it is sent late
    let old = quarantined("deploy", deploy_key).replace("000000000029", "000000000031");
    let mut old: Value = serde_json::from_str(&old).unwrap();
    old["eventTime"] = json!("2026-11-20T09:14:05Z");
    let (status, said) = server.post("/api/v1/ingest/trail", door, old.to_string().as_bytes()).unwrap();
    assert!(status < 300, "{said}");
    ana.until_commented("too old");

    // what somebody has asked for and nobody has decided is not taken for done
    let asked = ["contain", "request", "aws.deactivate_key", cat_key, "--reason", "it looks odd"];
    ana.good(&asked);
    let again = quarantined("cat", cat_key).replace("000000000029", "000000000032");
    assert!(server.post("/api/v1/ingest/trail", door, again.as_bytes()).unwrap().0 < 300);
    ana.until_commented("somebody has asked for the same");
}

/// The containment of eve's key, by the order.
fn held_for_a_minute((server, door, ana): (&Server, &str, &Person<'_>), key: &str) -> String {
    let timed = quarantined("eve", key).replace("000000000029", "000000000033");
    assert!(server.post("/api/v1/ingest/trail", door, timed.as_bytes()).unwrap().0 < 300);
    let of_eve = |page: &Value| {
        let items = page["items"].as_array().unwrap().iter();
        let found = items.filter(|item| item["target"] == *key && item["state"] == "verified");
        found.map(|item| item["id"].as_str().unwrap().to_owned()).next()
    };
    let timed = ana.until(&["contain", "list", "--state", "any"], |page| of_eve(page).is_some());
    of_eve(&timed).unwrap()
}

/// An order of that rule; with sources unless they are said.
fn order(rule: &str, rest: &str) -> String {
    let sources = if rest.contains("sources") { "" } else { "sources = [\"trail\"]\n" };
    format!("[[respond.automatic]]\nname = \"n\"\nrule = {rule:?}\n{sources}{rest}\n")
}

#[test]
fn a_server_that_cannot_contain_as_it_is_told_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("playbooks")).unwrap();
    std::fs::write(folder.path().join("playbooks/mine.yaml"), "type: playbook\n").unwrap();
    let dir = folder.path().join("playbooks").display().to_string();
    let wazuh = "[respond.connections.wazuh]\nwazuh_url = \"https://w.example\"\nwazuh_user = \"w\"\n\
        wazuh_password = { env = \"PATH\" }\n";
    for (text, told) in [
        ("[respond.connections.awz]\n".to_owned(), "respond.connections.awz"),
        (
            "[respond.connections.aws]\naws_access_key_id = \"A\"\naws_secret_access_key = \"s3cr3t\"\n".to_owned(),
            "aws_secret_access_key: it is a secret",
        ),
        (
            "[respond.connections.aws]\naws_access_key_id = \"A\"\naws_secret_access_key = { env = \"HUECRY_NONE\" }\n"
                .to_owned(),
            "no variable HUECRY_NONE",
        ),
        ("[respond.connections.aws]\naws_access_key_id = \"A\"\n".to_owned(), "aws_secret_access_key: it is not set"),
        (
            format!("{wazuh}ca_file = \"/nowhere/ca.pem\"\n"),
            "respond.connections.wazuh.ca_file: /nowhere/ca.pem",
        ),
        (format!("{wazuh}ca_file = {:?}\n", format!("{dir}/mine.yaml")), "there is no certificate (PEM) in it"),
        (format!("{wazuh}ca_file = {{ file = \"/x\" }}\n"), "it is a path: write \"/x\""),
        ("[respond.connections.aws]\nregion = \"A\"\n".to_owned(), "aws has no such setting"),
        ("[[respond.protected]]\nkind = \"network\"\npattern = \"x\"\nreason = \"r\"\n".to_owned(), "respond.protected"),
        (format!("[respond]\nplaybooks_dir = {dir:?}\n"), "mine.yaml"),
        ("[respond.approval]\nwait_minutes = 0\n".to_owned(), "wait_minutes"),
        ("[respond.limit.targets_by_action]\n\"aws.nothing\" = 3\n".to_owned(), "aws.nothing"),
        (order("", "playbook = \"Leaked AWS access key\""), "it names no rule"),
        (order("r", "playbook = \"Nothing\""), "there is no playbook"),
        (order("r", "playbook = \"Leaked AWS access key\"\nsources = [\"reports\"]"), "a report alone starts nothing"),
        (order("r", "playbook = \"Leaked AWS access key\"\nset = { \"__no__\" = \"x\" }"), "no variable __no__"),
        (order("r", "action = \"okta.suspend_user\"\ntarget = \"{actor}\""), "okta is not connected"),
        (order("r", "action = \"okta.suspend_user\"\nplaybook = \"x\""), "one of them"),
        (order("r", "action = \"okta.nothing\"\ntarget = \"x\""), "there is no action"),
        (
            format!(
                "[respond.connections.aws]\naws_access_key_id = \"A\"\naws_secret_access_key = {{ env = \"PATH\" }}\n{}",
                order("r", "action = \"aws.delete_key\"\ntarget = \"{credential}\"\nttl_minutes = 60")
            ),
            "it has no ttl_minutes",
        ),
    ] {
        let config = folder.path().join("huecry.toml");
        std::fs::write(&config, &text).unwrap();
        let mut command = huecry();
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(&config);
        let output = command.arg("--data-dir").arg(folder.path().join("data")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}{said}");
        assert!(said.contains(told), "{text}{said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
}
