//! What senders are told when the server cannot take more, and what happens to requests in work.

use crate::fixture::{Server, Setup};
use crate::http::{Answer, request};
use model::{Offset, Partition, Topic};
use ports::log::{Bounds, Retained};
use ports::{Log, LogError, RecordBatch, Records};
use std::sync::Arc;
use tokio::sync::Semaphore;

const PATH: &str = "/api/v1/ingest/trail";

/// A log that appends only as its gate says.
struct Gated {
    inner: Arc<dyn Log>,
    gate: Gate,
}

enum Gate {
    Refuse(fn() -> LogError),
    /// Appends say that they are there, and wait for a permit.
    Wait {
        there: Semaphore,
        permits: Semaphore,
    },
}

#[async_trait::async_trait]
impl Log for Gated {
    fn partitions(&self, topic: Topic) -> u32 {
        self.inner.partitions(topic)
    }
    async fn append(&self, t: Topic, p: Partition, batch: RecordBatch, at: i64) -> Result<Offset, LogError> {
        match &self.gate {
            Gate::Refuse(error) => return Err(error()),
            Gate::Wait { there, permits } => {
                there.add_permits(1);
                permits.acquire().await.unwrap().forget();
            }
        }
        self.inner.append(t, p, batch, at).await
    }
    async fn read(&self, t: Topic, p: Partition, from: Offset, max: usize) -> Result<Records, LogError> {
        self.inner.read(t, p, from, max).await
    }
    async fn bounds(&self, t: Topic, p: Partition) -> Result<Bounds, LogError> {
        self.inner.bounds(t, p).await
    }
    async fn wait_for(&self, t: Topic, p: Partition, offset: Offset) -> Result<Offset, LogError> {
        self.inner.wait_for(t, p, offset).await
    }
    async fn register(&self, g: &str, t: Topic, p: Partition) -> Result<Offset, LogError> {
        self.inner.register(g, t, p).await
    }
    async fn commit(&self, g: &str, t: Topic, p: Partition, next: Offset) -> Result<(), LogError> {
        self.inner.commit(g, t, p, next).await
    }
    async fn committed(&self, g: &str, t: Topic, p: Partition) -> Result<Option<Offset>, LogError> {
        self.inner.committed(g, t, p).await
    }
    async fn unregister(&self, g: &str, t: Topic, p: Partition) -> Result<(), LogError> {
        self.inner.unregister(g, t, p).await
    }
    async fn retain(&self, now_ms: i64) -> Result<Retained, LogError> {
        self.inner.retain(now_ms).await
    }
    async fn close(&self) -> Result<(), LogError> {
        self.inner.close().await
    }
}

fn refusing(error: fn() -> LogError) -> Server {
    let wrap = move |inner| -> Arc<dyn Log> { Arc::new(Gated { inner, gate: Gate::Refuse(error) }) };
    Server::start_with(Setup { wrap_log: Box::new(wrap), ..Setup::default() })
}

#[test]
fn each_refusal_of_the_log_has_its_answer() {
    type Case = (fn() -> LogError, u16, &'static str, Option<&'static str>);
    let cases: [Case; 4] = [
        (|| LogError::Overloaded { retry_after_ms: 2_500 }, 429, "overloaded", Some("3")),
        (|| LogError::DiskFull, 503, "log_disk_full", Some("30")),
        (|| LogError::Closed, 503, "log_unavailable", Some("30")),
        (|| LogError::TooLarge { bytes: 2, bytes_max: 1 }, 413, "record_too_large", None),
    ];
    for (error, status, code, retry_after) in cases {
        let server = refusing(error);
        let token = server.source_token("trail");
        let answer = server.post(PATH).bearer(&token).body("{}").send(server.at);
        assert_eq!(answer.code(), (status, code.to_owned()));
        assert_eq!(answer.header("retry-after"), retry_after, "{code}");
        let hec = request("POST", "/services/collector").header("authorization", format!("Splunk {token}"));
        let hec = hec.body("{\"event\":{}}").send(server.at);
        let expected = if status == 413 { (413, 27) } else { (503, 9) };
        assert_eq!((hec.status, hec.json()["code"].as_u64().unwrap()), expected, "{code}");
    }
}

#[test]
fn bodies_together_stay_below_their_bound() {
    let ingest = ingest::Options { in_flight_bytes_max: 64 * 1024 };
    let server = Server::start_with(Setup { ingest, ..Setup::default() });
    let token = server.source_token("trail");
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(100 * 1024));
    let answer = server.post(PATH).bearer(&token).body(&large).send(server.at);
    assert_eq!(answer.code(), (429, "overloaded".into()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    let packed = crate::fixture::gzip(large.as_bytes());
    let answer = server.post(PATH).bearer(&token).body(&packed).send(server.at);
    assert_eq!(answer.code(), (429, "overloaded".into()), "unpacked bytes count too");
    for _ in 0..50 {
        assert_eq!(
            server.post(PATH).bearer(&token).body("{}").send(server.at).status,
            200,
            "room comes back"
        );
    }
}

/// A server whose appends wait, and the log to let them go.
fn waiting(options: huecry_server::Options) -> (Server, Arc<std::sync::OnceLock<Arc<Gated>>>) {
    let place = Arc::new(std::sync::OnceLock::new());
    let kept = place.clone();
    let wrap = move |inner| -> Arc<dyn Log> {
        let gate = Gate::Wait { there: Semaphore::new(0), permits: Semaphore::new(0) };
        let gated = Arc::new(Gated { inner, gate });
        let _ = kept.set(gated.clone());
        gated
    };
    (Server::start_with(Setup { options, wrap_log: Box::new(wrap), ..Setup::default() }), place)
}

fn send_in_background(server: &Server, token: &str) -> std::thread::JoinHandle<Answer> {
    let (at, token) = (server.at, token.to_owned());
    std::thread::spawn(move || request("POST", PATH).bearer(&token).body("{}").send(at))
}

fn gate(place: &std::sync::OnceLock<Arc<Gated>>) -> (&Semaphore, &Semaphore) {
    match &place.get().unwrap().gate {
        Gate::Wait { there, permits } => (there, permits),
        Gate::Refuse(_) => unreachable!(),
    }
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable_and_shutdown_waits_for_it() {
    let (server, place) = waiting(huecry_server::Options::default());
    let token = server.source_token("trail");
    let sender = send_in_background(&server, &token);
    let (there, permits) = gate(&place);
    server.runtime.block_on(there.acquire()).unwrap().forget();
    assert!(!sender.is_finished(), "the record is not durable yet");
    server.app.shutdown.cancel();
    permits.add_permits(1);
    let answer = sender.join().unwrap();
    assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (200, Some(1)));
    assert_eq!(server.raw().len(), 1);
}

#[test]
fn a_request_without_end_is_answered() {
    let options = huecry_server::Options { request_ms_max: 50, ..Default::default() };
    let (server, _place) = waiting(options);
    let token = server.source_token("trail");
    let answer = server.post(PATH).bearer(&token).body("{}").send(server.at);
    assert_eq!(answer.code(), (408, "request_timeout".into()));
}
