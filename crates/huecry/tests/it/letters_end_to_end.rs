//! People are told by a real mail server: of broken glass, and nobody of an incident that is hidden from them.

use crate::contain_end_to_end::Person;
use crate::program::{Server, huecry};
use crate::smtp_kit::MailServer;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

const PASSWORD: &str = "the-password-of-mail";

/// A system of one's own on which nothing is contained, and nothing ever is.
fn system() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let _ = stream.write_all(b"HTTP/1.1 404 X\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}");
        }
    });
    url
}

fn configuration(folder: &Path, mail_port: u16) -> String {
    let secret = folder.join("secret");
    std::fs::write(&secret, format!("{PASSWORD}\n")).unwrap();
    format!(
        "[enrich]\ncatalog = []\n\
         [respond.connections.webhook]\nwebhook_url = {:?}\nwebhook_token = {{ file = {secret:?} }}\n\
         [mail]\nhost = \"127.0.0.1\"\nport = {mail_port}\ntls = \"none\"\nuser = \"huecry\"\n\
         password = {{ file = {secret:?} }}\nfrom = \"huecry@acme.example\"\nallowed_domains = [\"acme.example\"]\n",
        system()
    )
}

fn admin(server: &Server, folder: &Path, args: &[&str]) -> Output {
    let mut command = huecry();
    command.args(args).args(["--url", &server.url, "--data-dir"]).arg(folder.join("data")).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

/// Waits for so many mails that have these words.
fn until_received(server: &MailServer, words: &str, count: usize) -> Vec<String> {
    let began = Instant::now();
    loop {
        let mut all = server.received();
        all.retain(|mail| mail.contains(words));
        if all.len() >= count {
            return all;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{words}: {all:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn broken_glass_is_told_to_who_may_decide_and_sees_it() {
    let sign_in = format!("huecry:{PASSWORD}");
    let Some(mail) = MailServer::start(&["--sign-in", &sign_in]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &configuration(folder.path(), mail.port));
    let sign_in = |name| Person::sign_in(&server, folder.path(), name);
    let (ana, _ben) = (sign_in("Ana"), sign_in("Ben"));
    let people = admin(&server, folder.path(), &["people", "list", "--json"]);
    let people: serde_json::Value = serde_json::from_slice(&people.stdout).unwrap();
    for person in people["items"].as_array().unwrap() {
        let (id, name) = (person["id"].as_str().unwrap(), person["name"].as_str().unwrap());
        let bad = admin(&server, folder.path(), &["people", "set", id, "--email", "no address"]);
        assert!(!bad.status.success(), "{}", said(&bad));
        let address = format!("{}@acme.example", name.to_lowercase());
        let set = admin(&server, folder.path(), &["people", "set", id, "--email", &address]);
        assert!(set.status.success(), "{}", said(&set));
    }

    let contain = |target: &str| {
        let request = ["contain", "request", "webhook.contain", target, "--reason", "it spreads"];
        ana.json(&request)["id"].as_str().unwrap().to_owned()
    };
    let id = contain("shop/web");
    let asked = until_received(&mail, "Subject: Hue & Cry: an approval is asked for", 1);
    assert!(asked.iter().all(|mail| mail.contains("To: ben@")), "not who asked: {asked:#?}");
    ana.good(&["contain", "break-glass", &id, "--yes", "--reason", "nobody answers"]);
    let told = until_received(&mail, "Subject: Hue & Cry: glass was broken", 2);
    for (mail, to) in told.iter().zip(["ana", "ben"]) {
        let place = format!("{}/containments/{id}", server.url);
        assert!(told.iter().any(|mail| mail.contains(&format!("To: {to}@acme.example"))), "{told:#?}");
        for part in ["By: Ana", "Because: nobody answers", "webhook.contain", &place] {
            assert!(mail.contains(part), "{part}: {mail}");
        }
    }
    let told = said(&admin(&server, folder.path(), &["doctor", "--config", &config(folder.path())]));
    assert!(told.contains("ok   e-mail: 127.0.0.1") && told.contains("signed in"), "{told}");
    let (began, sent) = (Instant::now(), r#"huecry_letters_total{kind="broken_glass",outcome="sent"} 2"#);
    while !server.get("/metrics").contains(sent) {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", server.get("/metrics"));
        std::thread::sleep(Duration::from_millis(100));
    }
    let log = std::fs::read_to_string(folder.path().join("stderr.log")).unwrap();
    assert!(!log.contains(PASSWORD), "the password is told to nobody");
}

fn config(folder: &Path) -> String {
    folder.join("huecry.toml").display().to_string()
}

/// The same to an address that is allowed, as an action; `connector test` asks the mail server.
#[test]
fn an_action_tells_somebody() {
    let sign_in = format!("huecry:{PASSWORD}");
    let Some(mail) = MailServer::start(&["--sign-in", &sign_in]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &configuration(folder.path(), mail.port));
    let (ana, ben) =
        (Person::sign_in(&server, folder.path(), "Ana"), Person::sign_in(&server, folder.path(), "Ben"));
    let test =
        huecry().args(["connector", "test", "email", "--config", &config(folder.path())]).output().unwrap();
    assert!(test.status.success() && said(&test).contains("answers"), "{}", said(&test));
    let asked = ana.json(&["contain", "request", "email.notify", "kim@acme.example", "--reason", "told"]);
    let id = asked["id"].as_str().unwrap();
    assert_eq!(asked["decision"]["people"], json!(1), "{asked}");
    ben.good(&["contain", "approve", id, "--yes"]);
    let told = until_received(&mail, "To: kim@acme.example", 1);
    assert!(told[0].contains("Your sessions were ended"), "{told:#?}");
    ana.until(&["contain", "show", id], |row| row["state"] == "verified");
    let elsewhere = ana.run(&["contain", "request", "email.notify", "kim@other.example", "--reason", "told"]);
    assert!(!elsewhere.status.success() && said(&elsewhere).contains("not allowed"), "{}", said(&elsewhere));
    assert_eq!(mail.received().iter().filter(|mail| mail.contains("kim@")).count(), 1);
}
