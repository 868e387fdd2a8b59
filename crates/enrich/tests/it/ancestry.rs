//! Process trees against a plain model that forgets nothing.

use huecry_enrich::limits::{ANCESTORS_MAX, HOSTS_MAX, PROCESSES_PER_HOST_MAX};
use huecry_enrich::{ProcessEvent, ProcessRef, ProcessTree};
use model::AncestryBuffer;
use proptest::prelude::*;

fn process(pid: u64, image: &str) -> ProcessRef<'_> {
    ProcessRef { pid, started_at_ms: None, image }
}

fn start<'a>(host: &'a str, own: ProcessRef<'a>, parent: Option<ProcessRef<'a>>) -> ProcessEvent<'a> {
    ProcessEvent { host, process: own, parent, starts: true, ends: false }
}

fn chain(tree: &mut ProcessTree, event: &ProcessEvent<'_>, time_ms: i64) -> Vec<(u64, String)> {
    let mut buffer = AncestryBuffer::default();
    tree.ancestors(event, time_ms, &mut buffer);
    buffer.get().iter().map(|ancestor| (ancestor.pid, ancestor.image.to_owned())).collect()
}

fn pairs(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    expected.iter().map(|(pid, image)| (*pid, (*image).to_owned())).collect()
}

#[test]
fn a_pid_that_is_given_again_is_another_process() {
    let mut tree = ProcessTree::default();
    let (init, sshd) = (process(1, "/sbin/init"), process(10, "/usr/sbin/sshd"));
    tree.note(&start("web", init, None), 0);
    tree.note(&start("web", sshd, Some(init)), 10);
    let early = start("web", process(50, "/bin/bash"), Some(sshd));
    tree.note(&early, 20);
    tree.note(&ProcessEvent { ends: true, starts: false, ..start("web", sshd, None) }, 30);
    // process id 10 comes back as another program, which starts another shell
    let cron = process(10, "/usr/sbin/cron");
    tree.note(&start("web", cron, Some(init)), 40);
    let late = start("web", process(60, "/bin/bash"), Some(process(10, "")));
    tree.note(&late, 50);
    assert_eq!(chain(&mut tree, &early, 60), pairs(&[(10, "/usr/sbin/sshd"), (1, "/sbin/init")]));
    assert_eq!(chain(&mut tree, &late, 60), pairs(&[(10, "/usr/sbin/cron"), (1, "/sbin/init")]));
    // the same ids on another host are nobody's children
    let elsewhere = start("db", process(50, "/bin/bash"), Some(process(10, "")));
    assert_eq!(chain(&mut tree, &elsewhere, 60), pairs(&[(10, "")]));
}

#[test]
fn what_a_start_says_of_its_parent_counts_until_the_parent_is_seen() {
    let mut tree = ProcessTree::default();
    let child = start("web", process(7, "cmd.exe"), Some(process(5, "winword.exe")));
    tree.note(&child, 100);
    assert_eq!(chain(&mut tree, &child, 100), pairs(&[(5, "winword.exe")]));
    // the parent's start arrives late, and knows more
    let parent = ProcessRef { started_at_ms: Some(40), ..process(5, r"C:\Office\winword.exe") };
    tree.note(&start("web", parent, Some(process(2, "explorer.exe"))), 40);
    let expected = pairs(&[(5, r"C:\Office\winword.exe"), (2, "explorer.exe")]);
    assert_eq!(chain(&mut tree, &child, 100), expected);
    // a file that the child writes has the child's ancestors
    let writes = ProcessEvent { starts: false, ..start("web", process(7, "cmd.exe"), None) };
    assert_eq!(chain(&mut tree, &writes, 150), expected);
}

#[test]
fn a_parent_that_had_ended_is_not_one() {
    let mut tree = ProcessTree::default();
    let old = process(5, "old");
    tree.note(&start("web", old, None), 0);
    tree.note(&ProcessEvent { starts: false, ends: true, ..start("web", old, None) }, 10);
    let child = start("web", process(7, "child"), Some(process(5, "unseen")));
    tree.note(&child, 20);
    assert_eq!(chain(&mut tree, &child, 20), pairs(&[(5, "unseen")]));
}

#[test]
fn rings_and_long_chains_end() {
    let mut tree = ProcessTree::default();
    let (a, b) = (process(1, "a"), process(2, "b"));
    tree.note(&start("web", a, Some(b)), 0);
    tree.note(&start("web", b, Some(a)), 0);
    assert_eq!(chain(&mut tree, &start("web", a, Some(b)), 0), pairs(&[(2, "b")]));
    for pid in 10..100 {
        tree.note(&start("web", process(pid, "sh"), Some(process(pid - 1, "sh"))), pid as i64);
    }
    let last = start("web", process(99, "sh"), None);
    assert_eq!(chain(&mut tree, &last, 100).len(), ANCESTORS_MAX);
}

#[test]
fn memory_is_bounded_by_host_and_in_all() {
    let mut tree = ProcessTree::default();
    let init = process(1, "/sbin/init");
    tree.note(&start("web", init, None), 0);
    for number in 0..3 * PROCESSES_PER_HOST_MAX as u64 {
        let (pid, time_ms) = (2 + number, 1 + number as i64);
        let own = process(pid, "/bin/true");
        let event = start("web", own, Some(init));
        tree.note(&event, time_ms);
        assert_eq!(chain(&mut tree, &event, time_ms), pairs(&[(1, "/sbin/init")]), "what is asked for stays");
        tree.note(&ProcessEvent { starts: false, ends: true, ..event }, time_ms);
    }
    assert!(tree.len() <= PROCESSES_PER_HOST_MAX);
    for host in 0..HOSTS_MAX + 10 {
        let name = format!("host-{host}");
        tree.note(&start(&name, init, None), host as i64);
    }
    assert!(tree.len() <= HOSTS_MAX, "{}", tree.len());
    assert!(tree.evicted() > 0);
}

#[derive(Debug, Clone)]
struct Born {
    pid: u64,
    started: i64,
    ended: i64,
    parent: u64,
}

/// The parent of a process is whoever had its parent's id at its start.
fn model_chain(all: &[Born], own: &Born) -> Vec<(u64, String)> {
    let (mut chain, mut at) = (Vec::new(), own.clone());
    loop {
        let held = all.iter().filter(|p| p.pid == at.parent && p.started <= at.started);
        let Some(up) = held.max_by_key(|p| p.started).filter(|p| p.ended >= at.started) else {
            chain.push((at.parent, "told".to_owned()));
            return chain;
        };
        if chain.len() == ANCESTORS_MAX {
            return chain;
        }
        chain.push((up.pid, format!("{}@{}", up.pid, up.started)));
        at = up.clone();
    }
}

proptest! {
    /// Ids from a small set, so that they come back again and again; times all differ, so that a process is
    /// known by its id and start.
    #[test]
    fn ancestors_are_those_of_the_model(
        steps in prop::collection::vec((0_u64..6, 0_u64..6, any::<bool>()), 1..60),
        order in any::<u64>(),
    ) {
        let mut all: Vec<Born> = Vec::new();
        for (time, (pid, parent, ends)) in (0_i64..).zip(&steps) {
            let time = time * 10;
            if *ends {
                if let Some(alive) = all.iter_mut().rev().find(|p| p.pid == *pid) {
                    alive.ended = alive.ended.min(time);
                }
            } else if pid != parent {
                all.push(Born { pid: *pid, started: time, ended: i64::MAX, parent: *parent });
            }
        }
        let images: Vec<String> = all.iter().map(|p| format!("{}@{}", p.pid, p.started)).collect();
        let events: Vec<_> = all.iter().zip(&images).map(|(p, image)| {
            let own = ProcessRef { pid: p.pid, started_at_ms: Some(p.started), image };
            start("web", own, Some(process(p.parent, "told")))
        }).collect();
        // starts arrive in any order, then the ends
        let mut arrival: Vec<usize> = (0..events.len()).collect();
        arrival.sort_by_key(|n| (*n as u64 + 1).wrapping_mul(order | 1).rotate_left(17));
        let mut tree = ProcessTree::default();
        for n in arrival {
            tree.note(&events[n], all[n].started);
        }
        for (event, born) in events.iter().zip(&all).filter(|(_, born)| born.ended != i64::MAX) {
            tree.note(&ProcessEvent { starts: false, ends: true, ..*event }, born.ended);
        }
        for (event, born) in events.iter().zip(&all) {
            prop_assert_eq!(chain(&mut tree, event, born.started), model_chain(&all, born));
        }
    }
}
