//! `ssh_host.isolate_host` with a real `nft`: what the host's sessions call nft works in a network namespace that has a
//! neighbour, so that one sees what comes through.

use super::kit::{Sshd, lacks};
use crate::durable::kit::{MINUTE_MS, request, vote};
use model::ContainmentState;
use respond::RespondError;
use respond::protect::TargetKind;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A network namespace at 10.9.0.1, and in it a neighbour's at 10.9.0.2.
struct Net {
    holder: Child,
    neighbour: String,
}

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

const HOLDER: &str = "unshare --net sleep 600 >/dev/null 2>&1 & b=$!; sleep 0.5; \
    ip link set lo up; ip link add a0 type veth peer name b0 netns $b; ip addr add 10.9.0.1/24 dev a0; ip link set a0 up; \
    nsenter -t $b -n ip addr add 10.9.0.2/24 dev b0; nsenter -t $b -n ip link set b0 up; \
    nft list tables || { kill $b; exit 1; }; echo $b; exec sleep 600";

impl Net {
    fn start() -> Option<Self> {
        let mut command = Command::new("unshare");
        command.env("PATH", PATH);
        command.args(["--user", "--map-root-user", "--net", "sh", "-c", HOLDER]);
        let holder = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut holder) = holder else {
            lacks("there is no unshare");
            return None;
        };
        let mut neighbour = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut neighbour).unwrap();
        let net = Self { holder, neighbour: neighbour.trim().to_owned() };
        if net.neighbour.is_empty() {
            lacks("no network namespace with nft and veth can be made here (Debian: nftables, iproute2)");
            return None;
        }
        Some(net)
    }

    /// The words before a command that runs in it.
    fn enter(pid: &str) -> Vec<String> {
        let target = format!("--target={pid}");
        let words = ["nsenter", &target, "--user", "--net", "--preserve-credentials"];
        words.map(str::to_owned).into()
    }

    fn own(&self) -> Vec<String> {
        Self::enter(&self.holder.id().to_string())
    }

    fn nft(&self, more: &[&str]) -> String {
        let mut words = self.own();
        words.push("nft".to_owned());
        words.extend(more.iter().map(|word| (*word).to_owned()));
        let output = Command::new(&words[0]).args(&words[1..]).env("PATH", PATH).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Whether the neighbour reaches it: a port that nobody listens on refuses at once, and what is dropped is silent.
    fn is_reached(&self) -> bool {
        let mut words = Self::enter(&self.neighbour);
        words.extend(["timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/10.9.0.1/9"].map(str::to_owned));
        let status = Command::new(&words[0]).args(&words[1..]).stderr(Stdio::null()).status().unwrap();
        status.code() == Some(1)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if self.neighbour.parse::<u32>().is_ok() {
            let _ = Command::new("kill").arg(&self.neighbour).status();
        }
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn host() -> Option<(Sshd, Net)> {
    let (sshd, net) = (Sshd::start()?, Net::start()?);
    let real = "#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin exec ";
    sshd.install("nft", &format!("{real}{} nft \"$@\"\n", net.own().join(" ")));
    Some((sshd, net))
}

const OWN_RULES: &str = "add table inet own; add chain inet own input { type filter hook input priority 0; policy accept; }; \
    add rule inet own input tcp dport 9 accept";

#[tokio::test]
async fn a_host_is_cut_off_and_given_back() {
    let Some((sshd, net)) = host() else { return };
    net.nft(&[OWN_RULES]);
    let before = net.nft(&["list", "ruleset"]);
    assert!(net.is_reached());
    let kit = sshd.kit("ssh_host", &[("ssh_become", "env")], &[]).await;
    let asked = kit.request("ssh_host.isolate_host", "127.0.0.1").await.unwrap();
    assert_eq!(asked.state, ContainmentState::AwaitingApproval);
    let plan = asked.plan.to_string();
    assert!(plan.contains("SSH goes on from 127.0.0.1") && plan.contains("running since"), "{plan}");
    assert_eq!(net.nft(&["list", "ruleset"]), before, "a plan changes nothing");
    let done = kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    kit.work().await;
    let now = kit.get(done.id).await;
    assert_eq!(now.state, ContainmentState::Verified, "{now:?}");
    // its own rules are as they were, and let nothing in any more; what we are signed in by goes on
    assert!(!net.is_reached());
    assert!(net.nft(&["list", "ruleset"]).starts_with(&before));
    // it is in effect, and is said to be
    let again = kit.request("ssh_host.isolate_host", "127.0.0.1").await;
    assert!(matches!(again, Err(RespondError::Already(_) | RespondError::UnderWay(_))), "{again:?}");
    kit.pass(241 * MINUTE_MS).await;
    assert_eq!(kit.get(now.id).await.state, ContainmentState::Reverted);
    assert_eq!(net.nft(&["list", "ruleset"]), before);
    assert!(net.is_reached());
}

#[tokio::test]
async fn those_who_manage_it_reach_it_all_the_same() {
    let Some((sshd, net)) = host() else { return };
    let more = [("ssh_become", "env"), ("ssh_management_ipv4", "10.9.0.2, 10.10.0.0/16")];
    let kit = sshd.kit("ssh_host", &more, &[]).await;
    let done = kit.verified("ssh_host.isolate_host", "127.0.0.1").await;
    assert!(net.is_reached());
    kit.responder.undo(&crate::durable::kit::undo("bob", done.id)).await.unwrap();
    kit.work().await;
    assert_eq!(kit.get(done.id).await.state, ContainmentState::Reverted);
    assert_eq!(net.nft(&["list", "ruleset"]), "");
    // what is no list of addresses is refused before anything is sent
    let more = [("ssh_become", "env"), ("ssh_management_ipv4", "10.9.0.2 } accept; add rule")];
    let kit = sshd.kit("ssh_host", &more, &[]).await;
    let asked = kit.request("ssh_host.isolate_host", "127.0.0.1").await.unwrap();
    kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    kit.work().await;
    assert_eq!(kit.get(asked.id).await.state, ContainmentState::Failed);
    assert_eq!(net.nft(&["list", "ruleset"]), "");
}

/// Every phase may come twice, and a table that is not ours as we made it proves nothing.
#[tokio::test]
async fn phases_may_come_twice_and_a_proof_is_one() {
    use respond::connector::{Act, HttpRemote, Outcome, Values};
    let Some((sshd, net)) = host() else { return };
    let connection = sshd.connection("ssh_host", &[("ssh_become", "env")]);
    let inputs = Values::new();
    let act = Act::bind(
        &connection.connector,
        "isolate_host",
        ("127.0.0.1", Vec::new()),
        (&connection.settings, &inputs),
        &respond::protect::Protection::default(),
    )
    .unwrap();
    let remote = HttpRemote::default();
    let Outcome::Done(facts) = act.look(&remote, 0).unwrap() else { panic!("there is something to do") };
    let is = |outcome: Result<Outcome, _>| matches!(outcome.unwrap(), Outcome::Done(_));
    assert!(!is(act.verify(&remote, &facts, 0)));
    assert!(is(act.apply(&remote, &facts, (false, 0))));
    for _ in 0..2 {
        assert!(is(act.verify(&remote, &facts, 0)));
        assert!(!is(act.verify_revert(&remote, &facts, 0)));
        assert!(act.already(&remote, 0).unwrap());
        assert!(is(act.apply(&remote, &facts, (true, 0))), "it looks, and it is so");
        // who asks by another name of the host has not made it, and would open it for the first
        let other = act.apply(&remote, &facts, (false, 0)).unwrap();
        assert!(matches!(&other, Outcome::Refused(why) if why.contains("isolated already")), "{other:?}");
    }
    let applied = net.nft(&["-s", "list", "ruleset"]);
    for spoiled in [
        "add rule inet huecry_isolation input accept",
        "flush chain inet huecry_isolation output",
        "add chain inet huecry_isolation input { policy accept; }",
        "delete table inet huecry_isolation",
    ] {
        net.nft(&[spoiled]);
        assert!(!is(act.verify(&remote, &facts, 0)), "{spoiled}");
        if !spoiled.starts_with("delete") {
            assert!(!is(act.apply(&remote, &facts, (true, 0))), "{spoiled}: it is not ours to mend");
            assert!(is(act.revert(&remote, &facts, (false, 0))), "{spoiled}");
        }
        assert!(is(act.apply(&remote, &facts, (true, 0))), "{spoiled}");
        assert_eq!(net.nft(&["-s", "list", "ruleset"]), applied, "{spoiled}");
    }
    for _ in 0..2 {
        assert!(is(act.revert(&remote, &facts, (false, 0))));
        assert!(is(act.verify_revert(&remote, &facts, 0)));
        assert_eq!(net.nft(&["list", "ruleset"]), "");
    }
}

#[tokio::test]
async fn what_is_protected_is_so_by_any_name() {
    let Some((sshd, net)) = host() else { return };
    let output = Command::new("uname").arg("-n").output().unwrap();
    let name = String::from_utf8(output.stdout).unwrap().trim().to_uppercase();
    let address = Command::new("hostname").arg("-I").output().unwrap();
    let addresses = String::from_utf8(address.stdout).unwrap();
    let mut protected = vec![(TargetKind::Host, name.as_str()), (TargetKind::Host, "127.*")];
    if let Some(address) = addresses.split_whitespace().find(|address| address.contains('.')) {
        protected.push((TargetKind::Network, address));
    }
    for entry in protected {
        let kit = sshd.kit("ssh_host", &[("ssh_become", "env")], &[entry]).await;
        let refused = kit.request("ssh_host.isolate_host", "127.0.0.1").await;
        assert!(crate::owning::is_refused_as_protected(&refused), "{entry:?}: {refused:?}");
    }
    // a host that is not listed is not even asked
    let kit = sshd.kit("ssh_host", &[("ssh_become", "env"), ("ssh_hosts", "web-*")], &[]).await;
    let refused = kit.responder.request(&request("ssh_host.isolate_host", "127.0.0.1")).await;
    assert!(refused.unwrap_err().to_string().contains("not allowed"));
    assert_eq!(net.nft(&["list", "ruleset"]), "");
}
