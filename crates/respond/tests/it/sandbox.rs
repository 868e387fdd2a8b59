//! Scripts of playbooks try to get out, and to take more than they have.

use crate::durable::kit::{Kit, setup, start};
use crate::ssh::lacks;
use crate::workflow::{document, id};
use model::{RunState, StepState};
use respond::connector::HttpRemote;
use respond::protect::Protection;
use respond::sandbox::{Ran, Sandbox};
use respond::window::Limit;
use respond::{Connection, FixedSetup, Responder, ResponderOptions, Setup};
use serde_json::json;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A sandbox, where one can be made.
fn sandbox() -> Option<Sandbox> {
    let sandbox = Sandbox { seconds_max: 20, ..Sandbox::default() };
    match sandbox.probe() {
        Ok(()) => Some(sandbox),
        Err(error) => {
            lacks(&format!("no sandbox can be made here (Debian: bubblewrap): {error}"));
            None
        }
    }
}

fn said(sandbox: &Sandbox, script: &str) -> Ran {
    sandbox.run(script).unwrap()
}

#[test]
fn a_script_computes() {
    let Some(sandbox) = sandbox() else { return };
    let ran =
        said(&sandbox, "echo 'b a' | tr ' ' '\\n' | sort | awk '{ print NR, $1 }'; echo no >&2; exit 3");
    assert_eq!((ran.code, ran.output.as_str(), ran.errors.as_str()), (Some(3), "1 a\n2 b\n", "no\n"));
    let ran = said(&sandbox, "echo kept > file; cat file; cat <<< here; ls -A");
    assert_eq!(ran.output, "kept\nhere\nfile\n");
    // nothing is left of it for the next one
    assert_eq!(said(&sandbox, "ls -A").output, "");
}

#[test]
fn it_sees_nothing_of_ours() {
    let Some(sandbox) = sandbox() else { return };
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("huecry.toml");
    std::fs::write(&secret, "token = 1").unwrap();
    let (secret, home) = (secret.display(), env!("CARGO_MANIFEST_DIR"));
    for script in [
        format!("cat {secret}"),
        format!("cat /proc/self/root{secret}"),
        format!("ls {home}"),
        "cat /etc/passwd".to_owned(),
        "ls /root /home /var /run /sys".to_owned(),
        "cat /proc/1/environ | tr '\\0' '\\n' | grep -v '^\\(PATH\\|HOME\\|LC_ALL\\|PWD\\|SHLVL\\|_\\)=' | grep .".to_owned(),
        "env | grep -i 'cargo\\|huecry\\|token'".to_owned(),
        // other processes are not there, so neither are their files and memory
        "ls -d /proc/[0-9]* | sed 's|/proc/||' | awk '$1 > 50' | grep .".to_owned(),
    ] {
        let ran = said(&sandbox, &script);
        assert!(ran.code.is_some_and(|code| code != 0), "{script}: {ran:?}");
    }
    assert_eq!(said(&sandbox, "ls /etc").output, "alternatives\nld.so.cache\n");
}

#[test]
fn it_changes_nothing() {
    let Some(sandbox) = sandbox() else { return };
    for script in [
        "touch /usr/x",
        "touch /x",
        "touch /dev/shm/x",
        "touch /etc/x",
        "mount -t tmpfs none /tmp",
        "mount -o remount,rw /usr",
        "unshare --user --map-root-user true",
        "unshare --net true",
        "echo 1 > /proc/sys/kernel/panic",
        "echo b > /proc/sysrq-trigger",
        "mknod /tmp/disk b 8 0",
        "chroot / true",
        "kill -0 $PPID && kill -0 1000",
        "nsenter --target 1 --net true",
    ] {
        let ran = said(&sandbox, script);
        assert!(ran.code.is_some_and(|code| code != 0), "{script}: {ran:?}");
    }
    // whom it ends are its own
    said(&sandbox, "kill -9 -1");
}

#[test]
fn it_reaches_nobody() {
    let Some(sandbox) = sandbox() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for address in ["127.0.0.1", "localhost", "192.0.2.1"] {
        let ran = said(&sandbox, &format!("timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/{port}'"));
        assert!(ran.code.is_some_and(|code| code != 0), "{address}: {ran:?}");
    }
    assert!(listener.accept().is_err());
    let interfaces = said(&sandbox, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '");
    assert_eq!(interfaces.output, "lo\n");
    // sockets of this machine's names are of another namespace
    assert_eq!(said(&sandbox, "grep -c @ /proc/net/unix").code, Some(1));
}

#[test]
fn it_takes_no_more_than_it_has() {
    let Some(sandbox) = sandbox() else { return };
    let quick = Sandbox { seconds_max: 3, ..sandbox.clone() };
    let begun = Instant::now();
    for script in ["sleep 60", "while :; do :; done", "trap '' TERM INT HUP XCPU; while :; do sleep 1; done"]
    {
        let ran = said(&quick, script);
        assert!(ran.is_late || ran.code != Some(0), "{script}: {ran:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(30));
    // so many processes and no more; and none of them is left
    let name = format!("bomb{}", std::process::id());
    let bomb = format!("exec -a {name} bash -c '{name}() {{ {name} | {name} & }}; {name}; sleep 60'");
    let (limited, script) = (quick.clone(), bomb.clone());
    let bombing = std::thread::spawn(move || limited.run(&script).unwrap());
    let mut most = 0;
    while !bombing.is_finished() {
        most = most.max(running(&name));
    }
    let ran = bombing.join().unwrap();
    assert!(ran.is_late || ran.code != Some(0), "{ran:?}");
    assert!((2..=sandbox.processes_max).contains(&most), "{most} processes at one time");
    let until = Instant::now() + Duration::from_secs(5);
    while running(&name) > 0 {
        assert!(Instant::now() < until, "something of it goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
    // a flood is thrown away
    let ran = said(&quick, "yes");
    assert!(ran.is_late && ran.output.len() <= 64 << 10, "{}", ran.output.len());
    for (script, what) in [
        ("x=$(head -c 300000000 /dev/zero | tr '\\0' x); echo ${#x}", "memory"),
        ("head -c 30000000 /dev/zero > big", "a file"),
        ("for i in 1 2 3 4 5; do head -c 8000000 /dev/zero > $i || exit 1; done", "its folder"),
    ] {
        assert_ne!(said(&sandbox, script).code, Some(0), "{what}");
    }
}

/// How many processes of that name there are.
fn running(name: &str) -> u64 {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).next() == Some(name.as_bytes())).count() as u64
}

#[test]
fn where_there_is_none_nothing_is_run() {
    let none = Sandbox { program: "/no/such/bwrap".into(), ..Sandbox::default() };
    assert!(none.probe().is_err());
    assert!(none.run("true").is_err());
    // what only says that it is one is found out
    let dir = tempfile::tempdir().unwrap();
    let fake = dir.path().join("bwrap");
    std::fs::write(&fake, "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"\n").unwrap();
    std::fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert!(Sandbox { program: fake, ..Sandbox::default() }.probe().is_err());
}

/// A setup with a sandbox.
struct Enabled(FixedSetup, Sandbox);

impl Setup for Enabled {
    fn connection(&self, connector: &str) -> Option<Connection> {
        self.0.connection(connector)
    }

    fn protection(&self) -> Arc<Protection> {
        self.0.protection()
    }

    fn limit(&self, action: &str) -> Limit {
        self.0.limit(action)
    }

    fn allows_host(&self, host: &str) -> bool {
        self.0.allows_host(host)
    }

    fn may_approve(&self, roles: &[String]) -> bool {
        self.0.may_approve(roles)
    }

    fn sandbox(&self) -> Option<Sandbox> {
        Some(self.1.clone())
    }

    fn playbook(&self, id: &str, version_ms: Option<i64>) -> Option<Arc<str>> {
        self.0.playbook(id, version_ms)
    }
}

#[tokio::test]
async fn a_step_of_a_run_gets_values_of_a_script() {
    let Some(sandbox) = sandbox() else { return };
    let kit = Kit::new().await;
    let responder = Responder::new(ResponderOptions {
        remote: Arc::new(HttpRemote::default()),
        setup: Arc::new(Enabled(setup("http://toy.example"), sandbox)),
        ..kit.options.clone()
    });
    for (commands, end, value) in [
        (&["echo \"__host__=$(echo __url__:value | cut -d . -f 1)\""][..], RunState::Completed, "it's $(id)"),
        (&["echo __host__=no; exit 1"], RunState::Failed, ""),
        (&["echo __other__=no"], RunState::Completed, ""),
        // what one gives, the next ones know
        (&["echo __host__=web", "echo \"__host__=x-$(echo __host__:value)\""], RunState::Completed, "x-web"),
        (&["echo __host__=web", "true"], RunState::Completed, "web"),
        (&["echo __host__=web; echo __host__=db"], RunState::Failed, ""),
    ] {
        let steps = json!({
            "start/s": { "on_completion": "action/c" },
            "action/c": { "name": "c", "on_completion": "end/e", "out_args": ["__host__"] },
            "end/e": {},
        });
        let variables = json!({
            "__url__": { "type": "string", "value": "it's $(id).example" },
            "__host__": { "type": "string", "value": "" },
            "__other__": { "type": "string", "value": "" },
        });
        let mut text = document("start/s", &steps, &json!({ "playbook_variables": variables }));
        text["agent_definitions"] = json!({ id("security-category/us"): { "type": "security-category", "name": "Us", "category": ["server"] } });
        text["workflow"][id("action/c")]["agent"] = id("security-category/us").into();
        text["workflow"][id("action/c")]["commands"] = commands
            .iter()
            .map(|command| json!({ "type": "bash", "command": command }))
            .collect::<Vec<_>>()
            .into();
        let run = responder.start_run(&start(&text.to_string())).await.unwrap();
        responder.advance_all(100).await.unwrap();
        let view = responder.run(run.id).await.unwrap();
        assert_eq!(view.run.state, end, "{commands:?}: {:?}", view.run.problem);
        assert_eq!(view.run.machine["variables"]["__host__"]["value"], value, "{commands:?}");
        let step = if end == RunState::Completed { StepState::Succeeded } else { StepState::Failed };
        assert_eq!(view.steps[0].state, step);
    }
}
