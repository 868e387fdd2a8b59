//! `fleet.isolate_host`: Fleet and osquery are imitated as their documentation says they answer; the scripts are run, by a real
//! shell with a real `nft` on a host that the imitation reaches only over the network that they cut.

use crate::connectors::shipped;
use crate::durable::kit::{Kit, MINUTE_MS, setup, undo, vote};
use crate::net::{Net, PATH};
use model::{Containment, ContainmentState};
use respond::connector::{Answer, Method, Remote, Request, Unanswered, Values};
use respond::protect::{Protected, Protection, TargetKind};
use respond::{Connection, FixedSetup, RespondError, Responder, ResponderOptions};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Where Fleet is.
const FLEET: &str = "10.9.0.3";

/// The UUID of the host.
const HOST: &str = "392547dc-0000-0000-a87a-d701ff75bc65";

struct Fleet {
    net: Arc<Net>,
    host: Value,
    /// Scripts that wait for the agent.
    waiting: Mutex<Vec<String>>,
    /// How long an isolation holds unconfirmed, where that is not as the script says.
    hold: Option<&'static str>,
    /// Which request to scripts, from 0, is done and its answer lost; or is refused because another script is under way.
    lost: Option<usize>,
    busy: Option<usize>,
    scripts: Mutex<usize>,
    /// How often a script has cut the host off from it.
    cuts: AtomicUsize,
}

impl Fleet {
    fn new(net: &Arc<Net>) -> Self {
        let host = json!({
            "id": 7, "hostname": "build-7", "uuid": HOST, "hardware_serial": "C02XYZ",
            "os_version": "Debian GNU/Linux 12", "platform": "debian", "status": "online", "scripts_enabled": true,
        });
        let (waiting, scripts, cuts) = (Mutex::default(), Mutex::default(), AtomicUsize::new(0));
        Self { net: Arc::clone(net), host, waiting, hold: None, lost: None, busy: None, scripts, cuts }
    }

    fn is_reached(&self) -> bool {
        self.net.reaches(FLEET)
    }

    fn run(&self, script: &str) -> (i32, String) {
        let script = self.hold.map_or(script.to_owned(), |hold| script.replace("timeout 180s", hold));
        let words = self.net.own();
        let mut command = Command::new(&words[0]);
        // the agent writes the script to a file and starts that, with what the system finds programs by
        let output =
            command.args(&words[1..]).args(["sh", "-c", &script]).env("PATH", PATH).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8(said).unwrap())
    }

    /// What the agent does when it reaches Fleet: everything that waits, in its order. A script whose outcome it cannot tell goes on
    /// waiting, and is run again.
    fn agent(&self) -> Vec<(i32, String)> {
        let mut waiting = self.waiting.lock().unwrap();
        let mut came = Vec::new();
        while let Some(script) = waiting.first().filter(|_| self.is_reached()) {
            came.push(self.run(script));
            if !self.is_reached() {
                self.cuts.fetch_add(1, Ordering::Relaxed);
                break;
            }
            waiting.remove(0);
        }
        came
    }

    fn script(&self, script: &str) -> Result<(u16, Value), Unanswered> {
        let number = {
            let mut scripts = self.scripts.lock().unwrap();
            *scripts += 1;
            *scripts - 1
        };
        self.agent();
        let is_busy = !self.waiting.lock().unwrap().is_empty();
        if is_busy || self.busy == Some(number) {
            return Ok((
                409,
                json!({ "message": "Conflict", "errors": [{ "reason": "a script is running" }] }),
            ));
        }
        self.waiting.lock().unwrap().push(script.to_owned());
        let came = self.agent().pop();
        let is_told = self.waiting.lock().unwrap().is_empty();
        match came.filter(|_| is_told && self.lost != Some(number)) {
            Some((exit_code, output)) => Ok((
                200,
                json!({ "host_id": 7, "execution_id": "e", "exit_code": exit_code, "output": output }),
            )),
            None => Err(Unanswered::Lost("no answer in time".to_owned())),
        }
    }

    fn query(&self, sql: &str) -> Value {
        if !self.is_reached() {
            return json!({ "host_id": 7, "status": "offline", "error": null, "rows": null });
        }
        let rows = if sql.contains("interface_addresses") {
            json!([{ "address": "10.9.0.1" }, { "address": "2001:db8::7" }])
        } else if sql.contains("logged_in_users") {
            json!([{ "user": "ann", "host": "10.9.0.2" }])
        } else {
            json!([{ "program": "sshd", "peer": "10.9.0.2", "number": "2" }])
        };
        json!({ "host_id": 7, "status": "online", "error": null, "rows": rows })
    }
}

impl Remote for Fleet {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        let authorization = request.headers.iter().find(|(name, _)| name == "authorization");
        assert_eq!(authorization.map(|(_, value)| value.as_str()), Some("Bearer t0k3n"));
        let path = request.url.strip_prefix("https://fleet.example/api/v1/fleet").unwrap();
        let body: Value =
            request.body.as_deref().map(|body| serde_json::from_str(body).unwrap()).unwrap_or_default();
        let (status, answer) = match (request.method, path) {
            (Method::Get, "/hosts/identifier/392547dc-0000-0000-a87a-d701ff75bc65") => {
                (200, json!({ "host": self.host }))
            }
            (Method::Get, _) => (404, json!({ "message": "Resource Not Found" })),
            (Method::Post, "/hosts/7/query") => (200, self.query(body["query"].as_str().unwrap())),
            (Method::Post, "/scripts/run/sync") => {
                assert_eq!(body["host_id"], 7);
                let script = body["script_contents"].as_str().unwrap();
                // Fleet takes no longer ones, and runs what names no other interpreter by sh
                assert!(script.len() <= 10_000 && script.starts_with("#!/bin/sh\n"));
                self.script(script)?
            }
            other => panic!("{other:?}"),
        };
        Ok(Answer { status, body: answer.to_string(), retry_after_ms: None })
    }
}

const OWN_RULES: &str =
    "add table inet own; add chain inet own input { type filter hook input priority 0; policy accept; }";

/// Responders that reach it by Fleet, where these addresses are let through.
async fn kit(fleet: Fleet, let_through: &str, protected: &[(TargetKind, &str)]) -> (Kit, Arc<Fleet>) {
    let connector = shipped().into_iter().find(|connector| connector.connector == "fleet").unwrap();
    let settings = Values::from([
        ("fleet_url".to_owned(), "https://fleet.example".to_owned()),
        ("fleet_token".to_owned(), "t0k3n".to_owned()),
        ("fleet_management_ipv4".to_owned(), let_through.to_owned()),
    ]);
    let protected: Vec<Protected> = protected
        .iter()
        .map(|(kind, pattern)| Protected {
            kind: *kind,
            pattern: (*pattern).to_owned(),
            reason: "it must stay".to_owned(),
        })
        .collect();
    let (mut kit, fleet) = (Kit::new().await, Arc::new(fleet));
    let setup = FixedSetup {
        connections: [("fleet".to_owned(), Connection::new(Arc::new(connector), Arc::new(settings)))].into(),
        protection: Arc::new(Protection::new(&protected).unwrap()),
        ..setup("http://toy.example")
    };
    let remote: Arc<dyn Remote> = Arc::clone(&fleet) as _;
    kit.options = ResponderOptions { remote, setup: Arc::new(setup), ..kit.options.clone() };
    kit.responder = Responder::new(kit.options.clone());
    (kit, fleet)
}

fn net() -> Option<Arc<Net>> {
    Net::start().map(Arc::new)
}

async fn approved(kit: &Kit) -> Containment {
    let asked = kit.request("fleet.isolate_host", HOST).await.unwrap();
    kit.responder.vote(&vote("bob", &asked)).await.unwrap()
}

#[tokio::test]
async fn a_host_is_cut_off_and_given_back() {
    let Some(net) = net() else { return };
    net.nft(&[OWN_RULES]);
    let before = net.nft(&["list", "ruleset"]);
    let (kit, _) = kit(Fleet::new(&net), FLEET, &[]).await;
    let asked = kit.request("fleet.isolate_host", HOST).await.unwrap();
    let plan = asked.plan.to_string();
    for told in [
        "10.9.0.1",
        "Debian GNU/Linux 12",
        "ann from 10.9.0.2",
        "sshd with 10.9.0.2 (2)",
        "after three minutes",
    ] {
        assert!(plan.contains(told), "{told}: {plan}");
    }
    assert_eq!(net.nft(&["list", "ruleset"]), before, "a plan changes nothing");
    kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    assert!(net.is_reached());
    kit.work().await;
    assert_eq!(kit.get(asked.id).await.state, ContainmentState::Verified, "{:?}", kit.get(asked.id).await);
    assert!(!net.is_reached());
    let again = kit.request("fleet.isolate_host", HOST).await;
    assert!(matches!(again, Err(RespondError::Already(_) | RespondError::UnderWay(_))), "{again:?}");
    kit.pass(241 * MINUTE_MS).await;
    assert_eq!(kit.get(asked.id).await.state, ContainmentState::Reverted);
    assert_eq!(net.nft(&["list", "ruleset"]), before);
    assert!(net.is_reached());
}

/// An isolation that cuts the host off from Fleet too could not be taken back by anybody: it takes itself back.
#[tokio::test]
async fn a_host_that_fleet_does_not_reach_opens_itself() {
    let Some(net) = net() else { return };
    let fleet = Fleet { hold: Some("timeout 3s"), ..Fleet::new(&net) };
    let (kit, fleet) = kit(fleet, "10.10.0.1", &[]).await;
    let containment = approved(&kit).await;
    let until = Instant::now() + Duration::from_secs(60);
    while kit.get(containment.id).await.state != ContainmentState::Unknown {
        assert!(Instant::now() < until, "{:?}", kit.get(containment.id).await);
        kit.work().await;
        kit.clock.advance_ms(20_000);
    }
    assert_eq!(fleet.cuts.load(Ordering::Relaxed), 1);
    tokio::time::sleep(Duration::from_secs(4)).await;
    fleet.agent();
    // what the agent ran once more, and what was tried again, has not cut it off a second time
    assert_eq!(fleet.cuts.load(Ordering::Relaxed), 1);
    assert!(net.is_reached() && fleet.is_reached(), "{}", net.nft(&["list", "ruleset"]));
}

/// What another way has isolated is not opened by taking back what never was in effect.
#[tokio::test]
async fn what_is_isolated_otherwise_stays_so() {
    let Some(net) = net() else { return };
    let (kit, _) = kit(Fleet { lost: Some(0), ..Fleet::new(&net) }, FLEET, &[]).await;
    let containment = approved(&kit).await;
    net.nft(&["create table inet huecry_isolation; add chain inet huecry_isolation owner; \
              add rule inet huecry_isolation owner accept comment \"ssh 10.9.0.1\""]);
    let before = net.nft(&["list", "ruleset"]);
    kit.pass(10 * MINUTE_MS).await;
    assert_eq!(kit.get(containment.id).await.state, ContainmentState::Unknown);
    kit.pass(300 * MINUTE_MS).await;
    assert_eq!(kit.get(containment.id).await.state, ContainmentState::Reverted, "there is nothing of it");
    assert_eq!(net.nft(&["list", "ruleset"]), before);
}

/// Whatever answer is lost, or comes while another script is under way, it is done once and taken back.
#[tokio::test]
async fn lost_answers_and_busy_agents_change_nothing() {
    let Some(net) = net() else { return };
    for number in 0..6 {
        for is_lost in [true, false] {
            let disturbed = Some(number);
            let (lost, busy) = if is_lost { (disturbed, None) } else { (None, disturbed) };
            let (kit, _) = kit(Fleet { lost, busy, ..Fleet::new(&net) }, FLEET, &[]).await;
            let containment = approved(&kit).await;
            kit.pass(10 * MINUTE_MS).await;
            let what = format!("{number}, lost: {is_lost}");
            assert_eq!(kit.get(containment.id).await.state, ContainmentState::Verified, "{what}");
            assert!(!net.is_reached(), "{what}");
            kit.responder.undo(&undo("bob", containment.id)).await.unwrap();
            kit.pass(10 * MINUTE_MS).await;
            assert_eq!(kit.get(containment.id).await.state, ContainmentState::Reverted, "{what}");
            assert_eq!(net.nft(&["list", "ruleset"]), "", "{what}");
        }
    }
}

#[tokio::test]
async fn what_is_not_for_it_is_refused_before_anything_is_done() {
    let Some(net) = net() else { return };
    for (member, value, why) in [
        ("status", json!("offline"), "does not reach"),
        ("platform", json!("darwin"), "for Linux"),
        ("scripts_enabled", json!(false), "runs no scripts"),
    ] {
        let mut fleet = Fleet::new(&net);
        fleet.host[member] = value;
        let (kit, _) = kit(fleet, FLEET, &[]).await;
        let refused = kit.request("fleet.isolate_host", HOST).await.unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
    }
    for entry in [
        (TargetKind::Host, "BUILD-*"),
        (TargetKind::Host, "c02xyz"),
        (TargetKind::Host, "392547DC-*"),
        (TargetKind::Network, "2001:db8::/32"),
    ] {
        let (kit, _) = kit(Fleet::new(&net), FLEET, &[entry]).await;
        let refused = kit.request("fleet.isolate_host", HOST).await;
        assert!(crate::owning::is_refused_as_protected(&refused), "{entry:?}: {refused:?}");
    }
    let (kit, _) = kit(Fleet::new(&net), FLEET, &[]).await;
    for (target, why) in [
        (HOST.replace('3', "4"), "no host of that UUID"),
        // hosts of one name are several, or one that calls itself so
        ("build-7".to_owned(), "not of the form"),
        (HOST.to_uppercase(), "no host of that UUID"),
    ] {
        let refused = kit.request("fleet.isolate_host", &target).await.unwrap_err();
        assert!(refused.to_string().contains(why), "{target}: {refused}");
    }
    assert_eq!(net.nft(&["list", "ruleset"]), "");
}
