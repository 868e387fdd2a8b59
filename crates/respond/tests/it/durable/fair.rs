//! One system that does not answer holds up nothing of others, and nothing waits longer for being taken back than for
//! being applied.

use super::emulator::{Emulator, connector};
use super::kit::{Kit, MINUTE_MS, setup, start, undo};
use super::playbooks::{action, more};
use crate::workflow::document;
use model::{ContainmentState as State, SystemClock};
use ports::store::{ContainmentFilter, PageRequest};
use respond::connector::{Answer, Connector, Remote, Request, Unanswered, Values};
use respond::{Advanced, Connection, Duty, Responder, ResponderOptions, crew};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long nothing is answered.
const NEVER: Duration = Duration::from_secs(30);

/// Answers for one system, and never for the other while it is dead; counts what waits at a time.
struct Half {
    alive: Emulator,
    dead: AtomicBool,
    waiting: AtomicUsize,
    most: AtomicUsize,
    order: Mutex<Vec<String>>,
}

impl Half {
    fn of(kit: &Kit, dead: bool) -> Arc<Self> {
        Arc::new(Self {
            alive: kit.emulator.clone(),
            dead: AtomicBool::new(dead),
            waiting: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            order: Mutex::new(Vec::new()),
        })
    }
}

impl Remote for Half {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        self.order.lock().unwrap().push(format!("{} {}", request.method.as_str(), request.url));
        if request.url.starts_with("http://dull.example") {
            let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(waiting, Ordering::SeqCst);
            // as good as never, and yet a test that fails ends
            let began = Instant::now();
            while self.dead.load(Ordering::SeqCst) && began.elapsed() < NEVER {
                std::thread::sleep(Duration::from_millis(2));
            }
            std::thread::sleep(Duration::from_millis(3));
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        self.alive.send(request)
    }
}

/// The toy, and another system of its kind.
async fn kit() -> Kit {
    let mut fixed = setup("http://toy.example");
    let settings = Values::from([("toy_url".to_owned(), "http://dull.example".to_owned())]);
    let dull = Connector { connector: "dull".to_owned(), ..connector() };
    let dull = Connection { connector: Arc::new(dull), settings: Arc::new(settings), remote: None };
    fixed.connections.insert("dull".to_owned(), dull);
    Kit::with(fixed).await
}

/// Workers of two processes on the same store.
fn workers(kit: &Kit, remote: &Arc<Half>, shutdown: &CancellationToken) -> Vec<tokio::task::JoinHandle<()>> {
    let mut workers = Vec::new();
    for process in 0..2 {
        for (at, duty) in crew(2).into_iter().enumerate() {
            let entropy = Arc::new(model::SeededEntropy::new(100 * (process + 1) + at as u64));
            let (remote, clock) = (remote.clone(), Arc::new(SystemClock));
            let options = ResponderOptions { entropy, remote, clock, ..kit.options.clone() };
            let (responder, shutdown) = (Responder::new(options), shutdown.clone());
            workers.push(tokio::spawn(async move { responder.work_at(duty, shutdown, |_| {}).await }));
        }
    }
    workers
}

/// Waits for it in real time.
async fn until(kit: &Kit, what: &str, target: &str, state: State) -> Duration {
    let began = Instant::now();
    let filter = ContainmentFilter { target: Some(target.to_owned()), ..ContainmentFilter::default() };
    loop {
        let page = kit.responder.list(&filter, &PageRequest::first(1)).await.unwrap();
        if page.items.first().is_some_and(|one| one.state == state) {
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{what}: {:?}", page.items);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_system_delays_no_undo_elsewhere() {
    let kit = kit().await;
    // on the workers' clock the time of all of these is over long since: a dozen are to be taken back at the dead system
    for number in 0..12 {
        kit.request("dull.low_lock", &format!("d{number}")).await.unwrap();
    }
    let locked = kit.verified("toy.forever", "a").await;
    for number in 0..3 {
        let step = action(&format!("dull.low_lock target=r{number}"), &json!({ "on_completion": "end/e" }));
        let steps = json!({ "start/s": { "on_completion": "action/l" }, "action/l": step, "end/e": {} });
        let text = document("start/s", &steps, &more(&json!({}))).to_string();
        kit.responder.start_run(&start(&text)).await.unwrap();
    }
    let (remote, shutdown) = (Half::of(&kit, true), CancellationToken::new());
    let workers = workers(&kit, &remote, &shutdown);
    while remote.waiting.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = remote.order.lock().unwrap().iter().filter(|one| one.contains("/things/d")).count();
    kit.responder.undo(&undo("kim", locked.id)).await.unwrap();
    let took = until(&kit, "undo", "a", State::Reverted).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!kit.emulator.is_locked("a"));
    let at_dead = remote.order.lock().unwrap().iter().filter(|one| one.contains("/things/d")).count();
    assert!(before <= 1 && at_dead <= 1, "{at_dead} at a time at a system that does not answer");
    shutdown.cancel();
    remote.dead.store(false, Ordering::SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_taken_back_comes_before_what_is_applied() {
    let kit = Kit::new().await;
    kit.verified("toy.low_lock", "old").await;
    let wanted = kit.verified("toy.low_lock", "wanted").await;
    kit.clock.advance_ms(30 * MINUTE_MS);
    // these are due half an hour before the time of the others is over
    for number in 0..3 {
        kit.request("toy.low_lock", &format!("n{number}")).await.unwrap();
    }
    kit.clock.advance_ms(31 * MINUTE_MS);
    kit.responder.undo(&undo("kim", wanted.id)).await.unwrap();
    let mut order = Vec::new();
    while let Some(Advanced::Containment(moved)) = kit.responder.advance().await.unwrap() {
        order.push((moved.target, moved.to));
    }
    let last_back = order.iter().rposition(|(_, to)| *to == State::Reverted).unwrap();
    let first_applied = order.iter().position(|(_, to)| *to == State::Applying).unwrap();
    assert!(last_back < first_applied, "{order:?}");
    assert_eq!(order.iter().filter(|(_, to)| *to == State::Reverted).count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_system_gets_one_request_at_a_time() {
    let kit = kit().await;
    for number in 0..8 {
        kit.request("dull.low_lock", &format!("d{number}")).await.unwrap();
    }
    let (remote, shutdown) = (Half::of(&kit, false), CancellationToken::new());
    let mut tasks = Vec::new();
    for seed in 0..6 {
        let entropy = Arc::new(model::SeededEntropy::new(300 + seed));
        let options = ResponderOptions { entropy, remote: remote.clone(), ..kit.options.clone() };
        let (responder, shutdown) = (Responder::new(options), shutdown.clone());
        let duty = Duty::Containments;
        tasks.push(tokio::spawn(async move { responder.work_at(duty, shutdown, |_| {}).await }));
    }
    for number in 0..8 {
        until(&kit, "lock", &format!("d{number}"), State::Verified).await;
    }
    shutdown.cancel();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(remote.most.load(Ordering::SeqCst), 1);
}

#[test]
fn there_is_a_worker_for_each_system_and_some_for_runs() {
    for (connectors, containments) in [(0, 1), (1, 1), (5, 5), (16, 16), (400, 16)] {
        let crew = crew(connectors);
        assert_eq!(crew.iter().filter(|duty| **duty == Duty::Containments).count(), containments);
        assert!(crew.contains(&Duty::Runs));
    }
}
