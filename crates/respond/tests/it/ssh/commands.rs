//! One command on one host: who is spoken to, what is said, what comes of it, and whether it was begun at all.

use super::kit::{Sshd, make_key};
use crate::connectors::shipped;
use respond::connector::{
    Act, Answer, HostCommand, HttpRemote, Outcome, Remote, Request, SshKey, Unanswered, Values,
};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn run(command: &HostCommand) -> Result<Answer, Unanswered> {
    HttpRemote::default().run(command)
}

fn said(command: &HostCommand) -> Value {
    serde_json::from_str(&run(command).unwrap().body).unwrap()
}

fn refused(command: &HostCommand) -> String {
    match run(command) {
        Err(Unanswered::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_command_says_what_came_of_it() {
    let Some(sshd) = Sshd::start() else { return };
    let answer = run(&sshd.command(&["sh", "-c", "echo out; echo no >&2; exit 3"])).unwrap();
    assert_eq!(answer.status, 3);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&body["exit"], &body["stdout"], &body["error"]), (&3.into(), &"out\n".into(), &"no".into()));
    // whatever a word has in it, it arrives as it is
    for word in
        ["it's", "$(id)", "`id`", "a  b", "*", "\\", "\"", "; exit 9", "a\nb", "-n", "", "ä€", "!!", "~"]
    {
        let body = said(&sshd.command(&["printf", "%s.", word]));
        assert_eq!(body["stdout"], format!("{word}."), "{word:?}");
    }
    let reads = HostCommand { stdin: "one\ngo\n".repeat(10_000), ..sshd.command(&["wc", "-c"]) };
    assert_eq!(said(&reads)["lines"][0], "70000");
    assert_eq!(said(&sshd.command(&["echo", "{\"a\": [1]}"]))["json"]["a"][0], 1);
    // a code that the client has for itself is never the command's
    assert_eq!(said(&sshd.command(&["sh", "-c", "exit 255"]))["exit"], 254);
    // a program that is not there, and one that is killed
    assert_eq!(said(&sshd.command(&["no-such-program"]))["exit"], 127);
    assert_eq!(said(&sshd.command(&["sh", "-c", "kill -9 $$"]))["exit"], 137);
    // nothing of ours is there
    let environment = said(&sshd.command(&["env"]));
    assert!(!environment["stdout"].as_str().unwrap().contains("CARGO"), "{environment}");
    // of a flood the beginning is kept, and how it ended
    let flood = said(&sshd.command(&["sh", "-c", "yes | head -c 5000000; exit 7"]));
    assert_eq!((&flood["exit"], &flood["is_cut"]), (&7.into(), &true.into()));
    assert_eq!(flood["stdout"].as_str().unwrap().len(), 256 << 10);
}

#[test]
fn a_host_that_is_not_known_is_not_spoken_to() {
    let Some(sshd) = Sshd::start() else { return };
    let mark = sshd.path("mark");
    let touch = sshd.command(&["touch", &mark]);
    std::fs::write(sshd.file("none"), "").unwrap();
    let unknown = HostCommand { known_hosts: sshd.path("none"), ..touch.clone() };
    assert!(refused(&unknown).contains("is not known"), "{}", refused(&unknown));
    let missing = HostCommand { known_hosts: sshd.path("missing"), ..touch.clone() };
    assert!(refused(&missing).contains("is not known"));
    // nothing is learnt by being asked
    assert_eq!(std::fs::read_to_string(sshd.file("none")).unwrap(), "");
    assert!(!sshd.file("missing").exists());

    make_key(&sshd.file("other"));
    let other = std::fs::read_to_string(sshd.file("other.pub")).unwrap();
    std::fs::write(sshd.file("changed"), format!("[127.0.0.1]:{} {other}", sshd.port)).unwrap();
    let changed = HostCommand { known_hosts: sshd.path("changed"), ..touch.clone() };
    assert!(refused(&changed).contains("is not the one that is known"), "{}", refused(&changed));

    let own = std::fs::read_to_string(sshd.file("known")).unwrap();
    std::fs::write(sshd.file("revoked"), format!("{own}@revoked * {}", own.split_once(' ').unwrap().1))
        .unwrap();
    let revoked = HostCommand { known_hosts: sshd.path("revoked"), ..touch.clone() };
    assert!(refused(&revoked).contains("revoked"), "{}", refused(&revoked));

    // nor does one get in by another key, or by one that lies open
    let stranger = HostCommand { key: SshKey::File(sshd.path("other")), ..touch.clone() };
    assert!(refused(&stranger).contains("does not let"), "{}", refused(&stranger));
    use std::os::unix::fs::PermissionsExt;
    std::fs::copy(sshd.file("user"), sshd.file("open")).unwrap();
    std::fs::set_permissions(sshd.file("open"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = HostCommand { key: SshKey::File(sshd.path("open")), ..touch.clone() };
    assert!(refused(&open).contains("open to others"), "{}", refused(&open));
    assert!(!sshd.file("mark").exists());
    run(&touch).unwrap();
    assert!(sshd.file("mark").exists());
}

#[test]
fn what_was_not_begun_is_told_from_what_may_have_been() {
    let Some(sshd) = Sshd::start() else { return };
    let nobody = HostCommand { port: 1, ..sshd.command(&["true"]) };
    assert!(matches!(run(&nobody), Err(Unanswered::NotSent(_))), "{:?}", run(&nobody));
    let nowhere = HostCommand { host: "no-such-host.invalid".into(), ..sshd.command(&["true"]) };
    assert!(matches!(run(&nowhere), Err(Unanswered::NotSent(_))), "{:?}", run(&nowhere));
    // the connection ends while it runs: the command's parent is the server's session
    let mark = sshd.path("mark");
    let cut = sshd.command(&[
        "sh",
        "-c",
        "echo x >> \"$1\"; kill -9 $(cut -d ' ' -f 4 /proc/$PPID/stat); sleep 1",
        "sh",
        &mark,
    ]);
    let came = run(&cut);
    assert!(matches!(came, Err(Unanswered::Lost(_))), "{came:?}");
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "x\n");
    // it takes too long
    let begun = Instant::now();
    let slow = HostCommand { seconds_max: 2, ..sshd.command(&["sleep", "30"]) };
    let came = run(&slow);
    assert!(matches!(&came, Err(Unanswered::Lost(reason)) if reason.contains("2 s")), "{came:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_host_that_never_says_that_it_is_there_has_begun_nothing() {
    let Some(sshd) = Sshd::start_with("ForceCommand cat; sleep 30") else { return };
    let mark = sshd.path("mark");
    let touch = HostCommand { seconds_max: 2, ..sshd.command(&["touch", &mark]) };
    let came = run(&touch);
    assert!(matches!(came, Err(Unanswered::NotSent(_))), "{came:?}");
    assert!(!sshd.file("mark").exists());
}

#[test]
fn words_that_are_approved_hide_nothing() {
    let all = shipped();
    let connector = all.iter().find(|connector| connector.connector == "ssh_command").unwrap();
    let takes = |command: &str| {
        let said = Values::from([("command".to_owned(), command.to_owned())]);
        connector.actions["run"].input_values(&said).is_ok()
    };
    assert!(takes("if true; then\n\techo 'ä€ 日本' \"$HOME\"; fi\n"));
    for hidden in [
        '\r', '\u{1b}', '\u{7f}', '\u{9b}', '\u{a0}', '\u{ad}', '\u{200b}', '\u{202e}', '\u{2028}',
        '\u{2066}', '\u{3164}', '\u{feff}', '\0',
    ] {
        assert!(!takes(&format!("echo a{hidden}b")), "{hidden:?}");
    }
}

/// A host that does not let us in any more.
struct Locked;

impl Remote for Locked {
    fn send(&self, _: &Request) -> Result<Answer, Unanswered> {
        Err(Unanswered::Refused("locked".to_owned()))
    }

    fn run(&self, _: &HostCommand) -> Result<Answer, Unanswered> {
        Err(Unanswered::Refused("locked".to_owned()))
    }
}

#[test]
fn a_host_that_cannot_be_asked_proves_nothing() {
    let Some(sshd) = Sshd::start() else { return };
    let (connection, none) = (sshd.connection("ssh_host", &[]), Values::new());
    let of = ("127.0.0.1", Vec::new());
    let act =
        Act::bind(&connection.connector, "isolate_host", of, (&connection.settings, &none), &<_>::default());
    let act = act.unwrap();
    assert!(matches!(act.look(&Locked, 0).unwrap(), Outcome::Refused(_)));
    for came in [
        act.verify(&Locked, &none, 0),
        act.verify_revert(&Locked, &none, 0),
        // so it is not sent again
        act.apply(&Locked, &none, (true, 0)),
        act.revert(&Locked, &none, (true, 0)),
    ] {
        assert_eq!(came.unwrap(), Outcome::Later("locked".to_owned()));
    }
}

#[test]
fn what_takes_too_long_ends_at_the_host_too() {
    let Some(sshd) = Sshd::start() else { return };
    let mark = sshd.path("mark");
    let slow = HostCommand {
        // signing in counts as well
        seconds_max: 4,
        ..sshd.command(&[
            "sh",
            "-c",
            "exec 2>/dev/null; trap 'echo ended >> \"$0\"; exit' TERM; echo begun > \"$0\"; while :; do sleep 0.1; done",
            &mark,
        ])
    };
    assert!(matches!(run(&slow), Err(Unanswered::Lost(_))));
    let until = Instant::now() + Duration::from_secs(20);
    let said = || std::fs::read_to_string(&mark).unwrap_or_default();
    while said() != "begun\nended\n" {
        assert!(Instant::now() < until, "{}", said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_agent_signs_in_too() {
    let Some(sshd) = Sshd::start() else { return };
    let socket = sshd.path("agent");
    let agent = Command::new("ssh-agent").args(["-D", "-a", &socket]).stdout(Stdio::null()).spawn();
    let mut agent = agent.unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while !sshd.file("agent").exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    let by_agent = HostCommand { key: SshKey::Agent(socket.clone()), ..sshd.command(&["echo", "in"]) };
    let before = run(&by_agent);
    let mut add = Command::new("ssh-add");
    let added = add.arg("-q").arg(sshd.file("user")).env("SSH_AUTH_SOCK", &socket).status().unwrap();
    let after = run(&by_agent);
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(matches!(before, Err(Unanswered::Refused(_))), "{before:?}");
    assert!(added.success());
    assert_eq!(after.unwrap().status, 0);
}
