//! Many workers on one store: each thing is done by one of them.

use super::emulator::{Emulator, connector};
use super::kit::{Kit, MINUTE_MS, setup};
use model::{ContainmentState as State, LeaseId, ManualClock};
use respond::connector::{Answer as RemoteAnswer, Connector, Remote, Request, Unanswered, Values};
use respond::contain::BUSY_MS;
use respond::{Advanced, Connection, Duty, Responder, ResponderOptions};
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

/// A system that takes its time, on the workers' clock, and lets other workers look for work meanwhile.
struct Slow {
    system: Emulator,
    clock: Arc<ManualClock>,
    inside: AtomicUsize,
    most: AtomicUsize,
    asked: AtomicUsize,
}

/// How long each of its answers takes, in milliseconds; three of them are longer than workers keep others away.
const SLOW_MS: i64 = BUSY_MS / 2 - 1_000;

impl Remote for Slow {
    fn send(&self, request: &Request) -> Result<RemoteAnswer, Unanswered> {
        if request.url.starts_with("http://slow.example") {
            let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(inside, Ordering::SeqCst);
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.clock.advance_ms(SLOW_MS);
            std::thread::sleep(Duration::from_millis(120));
            self.inside.fetch_sub(1, Ordering::SeqCst);
        }
        self.system.send(request)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_system_has_one_worker_and_holds_up_no_other() {
    let mut fixed = setup("http://toy.example");
    let mut slow = Connector { connector: "slow".to_owned(), ..connector() };
    let lock = slow.actions.get_mut("low_lock").unwrap();
    // a step of five requests
    lock.read = vec![lock.read[0].clone(); 5];
    lock.ttl_minutes_default = Some(24 * 60);
    let settings = Values::from([("toy_url".to_owned(), "http://slow.example".to_owned())]);
    fixed.connections.insert("slow".to_owned(), Connection::new(Arc::new(slow), Arc::new(settings)));
    let kit = Kit::with(fixed).await;
    for number in 0..3 {
        kit.request("slow.low_lock", &format!("s{number}")).await.unwrap();
        kit.request("toy.low_lock", &format!("t{number}")).await.unwrap();
    }
    let remote = Arc::new(Slow {
        system: kit.emulator.clone(),
        clock: Arc::clone(&kit.clock),
        inside: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        asked: AtomicUsize::new(0),
    });
    let shutdown = CancellationToken::new();
    let workers = (0..WORKERS).map(|seed| {
        let entropy = Arc::new(model::SeededEntropy::new(500 + seed));
        let options = ResponderOptions { entropy, remote: remote.clone(), ..kit.options.clone() };
        let (responder, shutdown) = (Responder::new(options), shutdown.clone());
        tokio::spawn(async move { responder.work_at(Duty::Containments, shutdown, |_| {}).await })
    });
    let workers: Vec<_> = workers.collect();
    let verified = async |prefix: &str| {
        let all = kit.containments().await;
        all.iter().filter(|one| one.target.starts_with(prefix) && one.state == State::Verified).count()
    };
    let mut asked_by_then = 0;
    for _ in 0..3_000 {
        if asked_by_then == 0 && verified("t").await == 3 {
            asked_by_then = remote.asked.load(Ordering::SeqCst).max(1);
        }
        if verified("s").await == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    shutdown.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!((verified("s").await, verified("t").await), (3, 3));
    assert_eq!(remote.most.load(Ordering::SeqCst), 1, "one worker at a time");
    assert!((1..=15).contains(&asked_by_then), "the other system waited for {asked_by_then} slow answers");
    let effects = kit.emulator.effects();
    assert_eq!(effects.iter().collect::<BTreeSet<_>>().len(), effects.len(), "nothing twice: {effects:?}");
}

#[tokio::test]
async fn a_worker_that_was_away_for_too_long_sends_nothing_more() {
    let mut fixed = setup("http://toy.example");
    let toy = fixed.connections.get_mut("toy").unwrap();
    let mut spec = (*toy.connector).clone();
    let lock = spec.actions.get_mut("low_lock").unwrap();
    // it locks, and locks once more
    lock.apply = vec![lock.apply[0].clone(); 2];
    toy.connector = Arc::new(spec);
    let kit = Kit::with(fixed).await;
    let asked = kit.request("toy.low_lock", "a").await.unwrap();
    kit.responder.advance().await.unwrap();
    assert_eq!(kit.get(asked.id).await.state, State::Applying);
    /// The machine stands still after the first change.
    struct Asleep(Emulator, Arc<ManualClock>, i64);
    impl Remote for Asleep {
        fn send(&self, request: &Request) -> Result<RemoteAnswer, Unanswered> {
            let answer = self.0.send(request);
            self.1.advance_ms(self.2);
            answer
        }
    }
    let asleep = Asleep(kit.emulator.clone(), Arc::clone(&kit.clock), kit.options.times.lease_ms);
    let slow = Responder::new(ResponderOptions { remote: Arc::new(asleep), ..kit.options.clone() });
    slow.advance().await.unwrap();
    assert_eq!(kit.emulator.effects(), ["lock a"], "its lease had ended before the second");
    // and what it has done is found by a look
    kit.pass(10 * MINUTE_MS).await;
    assert_eq!(kit.get(asked.id).await.state, State::Verified);
    assert_eq!(kit.emulator.effects(), ["lock a"]);
}

/// Answers only when it is let.
struct Gate(Emulator, Mutex<Receiver<()>>);

impl Remote for Gate {
    fn send(&self, request: &Request) -> Result<RemoteAnswer, Unanswered> {
        self.1.lock().unwrap().recv().unwrap();
        self.0.send(request)
    }
}

/// A command on a host, or a mail, may take longer than workers keep others away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_slow_answer_keeps_others_away_until_it_comes() {
    let kit = Kit::new().await;
    for name in ["a", "b"] {
        kit.request("toy.low_lock", name).await.unwrap();
    }
    let (open, gate) = std::sync::mpsc::channel();
    let remote = Arc::new(Gate(kit.emulator.clone(), Mutex::new(gate)));
    let slow = Responder::new(ResponderOptions { remote, ..kit.options.clone() });
    let slow = tokio::spawn(async move { slow.advance().await.unwrap() });
    while kit.containments().await.iter().all(|one| one.lease.is_none()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let until_ms = kit.now_ms() + 2 * BUSY_MS;
    while kit.now_ms() < until_ms {
        kit.clock.advance_ms(BUSY_MS / 4);
        let told = Duration::from_millis(1_500);
        tokio::time::sleep(told).await;
        assert!(kit.responder.advance().await.unwrap().is_none(), "another is at it");
    }
    for _ in 0..10 {
        open.send(()).unwrap();
    }
    assert!(slow.await.unwrap().is_some());
    kit.work().await;
    assert!(kit.containments().await.iter().all(|one| one.state == State::Verified));
    assert_eq!(kit.emulator.effects().len(), 2);
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
