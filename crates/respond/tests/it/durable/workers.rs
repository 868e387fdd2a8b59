//! Many workers on one store: each thing is done by one of them.

use super::emulator::Emulator;
use super::kit::{Kit, MINUTE_MS};
use model::{ContainmentState as State, LeaseId};
use respond::connector::{Answer as RemoteAnswer, Remote, Request, Unanswered};
use respond::{Advanced, Responder, ResponderOptions};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const THINGS: usize = 24;
const WORKERS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_do_each_thing_once() {
    let kit = Kit::new().await;
    for number in 0..THINGS {
        kit.request("toy.low_lock", &format!("t{number}")).await.unwrap();
    }
    let (shutdown, told) = (CancellationToken::new(), Arc::new(AtomicUsize::default()));
    let mut workers = Vec::new();
    for seed in 0..WORKERS {
        let entropy = Arc::new(model::SeededEntropy::new(100 + seed));
        let responder = Responder::new(ResponderOptions { entropy, ..kit.options.clone() });
        let (shutdown, told) = (shutdown.clone(), Arc::clone(&told));
        workers.push(tokio::spawn(async move {
            let tell = |_: &Advanced| {
                told.fetch_add(1, Ordering::SeqCst);
            };
            responder.work(shutdown, tell).await;
        }));
    }
    for (state, minutes) in [(State::Verified, 61), (State::Reverted, 0)] {
        for _ in 0..2_000 {
            if kit.containments().await.iter().all(|one| one.state == state) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(kit.containments().await.iter().all(|one| one.state == state), "{state:?}");
        kit.clock.advance_ms(minutes * MINUTE_MS);
    }
    shutdown.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    let effects = kit.emulator.effects();
    assert_eq!(effects.len(), 2 * THINGS);
    assert_eq!(effects.iter().collect::<BTreeSet<_>>().len(), 2 * THINGS);
    // look, apply, verify; then begin, revert, verify
    assert_eq!(told.load(Ordering::SeqCst), 6 * THINGS);
}

#[tokio::test]
async fn a_worker_that_comes_back_too_late_writes_nothing() {
    let kit = Kit::new().await;
    let asked = kit.request("toy.low_lock", "a").await.unwrap();
    let lease = |id: u128, until_ms| model::Lease { id: LeaseId(model::Ulid(id)), until_ms };
    // somebody took it and was never heard of again
    let mut unit = kit.store.begin().await.unwrap();
    let taken = unit.containments().take(lease(1, kit.now_ms() + 1_000), kit.now_ms(), 0).await.unwrap();
    assert_eq!(taken.unwrap().id, asked.id);
    unit.commit().await.unwrap();
    assert!(kit.responder.advance().await.unwrap().is_none(), "it is another's until the lease ends");
    assert_eq!(kit.responder.next_due().await.unwrap(), Some(kit.now_ms() + 1_000));
    kit.clock.advance_ms(1_000);
    kit.work().await;
    assert_eq!(kit.get(asked.id).await.state, State::Verified);
}

/// Answers only when it is let.
struct Gate(Emulator, Mutex<Receiver<()>>);

impl Remote for Gate {
    fn send(&self, request: &Request) -> Result<RemoteAnswer, Unanswered> {
        self.1.lock().unwrap().recv().unwrap();
        self.0.send(request)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_slow_worker_finds_when_its_lease_has_ended_is_of_the_past() {
    let kit = Kit::new().await;
    let asked = kit.request("toy.low_lock", "a").await.unwrap();
    for _ in 0..2 {
        kit.responder.advance().await.unwrap();
    }
    assert_eq!(kit.get(asked.id).await.state, State::Applied);
    let (open, gate) = std::sync::mpsc::channel();
    // it stands though the worker is too late to come to it
    let remote = Arc::new(Gate(kit.emulator.clone(), Mutex::new(gate)));
    let slow = Responder::new(ResponderOptions { remote: remote.clone(), ..kit.options.clone() });
    let slow = tokio::spawn(async move { slow.advance().await.unwrap() });
    while kit.get(asked.id).await.lease.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    kit.clock.advance_ms(kit.options.times.lease_ms);
    let next = model::Lease { id: LeaseId(model::Ulid(2)), until_ms: kit.now_ms() + 1_000 };
    let mut unit = kit.store.begin().await.unwrap();
    assert!(unit.containments().take(next, kit.now_ms(), 0).await.unwrap().is_some());
    unit.commit().await.unwrap();
    open.send(()).unwrap();
    slow.await.unwrap();
    drop(remote);
    let now = kit.get(asked.id).await;
    assert_eq!((now.state, now.lease), (State::Applied, Some(next)), "the other worker says what is so");
    kit.clock.advance_ms(1_000);
    kit.work().await;
    assert_eq!(kit.get(asked.id).await.state, State::Verified);
}
