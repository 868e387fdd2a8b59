//! `ssh_host.isolate_host` with a real `nft`: what the host's sessions call nft works in a network namespace that has a
//! neighbour, so that one sees what comes through.

use super::kit::Sshd;
use crate::durable::kit::{MINUTE_MS, request, vote};
use crate::net::Net;
use model::ContainmentState;
use respond::RespondError;
use respond::protect::TargetKind;
use std::process::Command;

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

/// What we are signed in by goes on, in the same network that is cut; and where it does not, the host is open again by itself.
#[tokio::test]
async fn our_own_way_in_stays_open_or_the_host_opens_itself() {
    let Some(net) = Net::start() else { return };
    let Some(sshd) = Sshd::start_inside(&net) else { return };
    let kit = sshd.kit("ssh_host", &[("ssh_become", "env")], &[]).await;
    // 10.9.0.3 is another address of whom we come from: from there nothing gets through
    let done = kit.verified("ssh_host.isolate_host", "127.0.0.1").await;
    assert!(!net.reaches("10.9.0.3") && !net.is_reached());
    let hold = net.nft(&["list", "set", "inet", "huecry_isolation", "hold"]);
    assert!(hold.contains("elements = { ipv4, ipv6 }"), "{hold}");
    kit.responder.undo(&crate::durable::kit::undo("bob", done.id)).await.unwrap();
    kit.work().await;
    assert_eq!(kit.get(done.id).await.state, ContainmentState::Reverted);
    assert!(net.is_reached());
    // a table that nobody confirms: its minute is over sooner here
    let real = "#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n";
    let tried = sshd.path("tried");
    sshd.install("nft", &format!("{real}case \"$*\" in '-f -') tee -a {tried} | sed 's/timeout 60s/timeout 1s/; s/tcp [sd]port/udp dport/' | exec nft -f - ;; *) exec nft \"$@\" ;; esac\n"));
    let asked = kit.request("ssh_host.isolate_host", "127.0.0.1").await.unwrap();
    kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while kit.get(asked.id).await.state != ContainmentState::Unknown {
        assert!(std::time::Instant::now() < until, "{:?}", kit.get(asked.id).await);
        kit.work().await;
        kit.clock.advance_ms(20_000);
    }
    assert!(net.is_reached(), "{}", net.nft(&["list", "ruleset"]));
    let tried = std::fs::read_to_string(sshd.file("tried")).unwrap();
    assert_eq!(
        tried.lines().filter(|line| line.contains("create table")).count(),
        1,
        "it is not cut off again"
    );
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
        "flush set inet huecry_isolation hold",
        "add chain inet huecry_isolation input { policy accept; }",
        "delete table inet huecry_isolation",
    ] {
        net.nft(&[spoiled]);
        assert!(!is(act.verify(&remote, &facts, 0)), "{spoiled}");
        if !spoiled.starts_with("delete") {
            assert!(!is(act.apply(&remote, &facts, (true, 0))), "{spoiled}: it is not ours to mend");
            assert!(is(act.revert(&remote, &facts, (false, 0))), "{spoiled}");
        }
        // one that may have been over is not made again by itself
        assert!(!is(act.apply(&remote, &facts, (true, 0))), "{spoiled}");
        assert!(is(act.apply(&remote, &facts, (false, 0))), "{spoiled}");
        assert_eq!(net.nft(&["-s", "list", "ruleset"]), applied, "{spoiled}");
    }
    // of what is isolated by another name nothing is taken away
    net.nft(&["flush chain inet huecry_isolation owner; add rule inet huecry_isolation owner accept comment \"ssh web-1\""]);
    let others = net.nft(&["-s", "list", "ruleset"]);
    assert!(!is(act.verify(&remote, &facts, 0)) && !is(act.revert(&remote, &facts, (false, 0))));
    assert!(is(act.verify_revert(&remote, &facts, 0)));
    assert_eq!(net.nft(&["-s", "list", "ruleset"]), others);
    net.nft(&["delete table inet huecry_isolation"]);
    assert!(is(act.apply(&remote, &facts, (false, 0))));
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
