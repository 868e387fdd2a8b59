//! Bounds that hold: time, rows, memory, how many at once.

use crate::sql::fixture::{
    HOUR_MS, Row, START_MS, answer, batch, everything, options, question, row, rows, small_lake, whole,
};
use arrow::array::RecordBatch;
use futures::StreamExt;
use huecry_lake::snapshot::{Snapshot, Snapshots};
use huecry_lake::sql::{Options, OutcomeLabels, SqlEngine};
use ports::query::{Bounds, Format, Question};
use ports::{Query, QueryError};
use serde_json::json;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// `rows` events in memory.
fn many(rows: i64) -> Snapshot {
    let event = |n: i64| {
        row(
            6003,
            START_MS + n % 9 * HOUR_MS,
            json!({ "actor_session_uid": format!("{:08}", n * 7919 % 100_003),
            "log_offset": n, "message": format!("a message of the usual length, number {n}") }),
        )
    };
    let thousand: Vec<Row> = (0..1000).map(event).collect();
    let one: RecordBatch = batch(&thousand);
    Snapshot { files: vec![], fresh: vec![one; usize::try_from(rows / 1000).unwrap()] }
}

fn bounded(sql: &str, rows_max: u64, time_ms_max: u64) -> Question {
    Question { bounds: Bounds { rows_max, time_ms_max }, ..question(sql, &[], Format::Ndjson) }
}

/// The error of a question, wherever in its answer it comes.
async fn error(engine: &SqlEngine, question: Question) -> Option<QueryError> {
    match engine.ask(&everything(), question).await {
        Ok(chunks) => whole(chunks).await.err(),
        Err(error) => Some(error),
    }
}

#[tokio::test]
async fn what_takes_too_long_is_stopped() {
    let engine = SqlEngine::start(options(many(20_000))).unwrap();
    for sql in [
        "SELECT max(a.log_offset + b.log_offset + c.log_offset) FROM events a CROSS JOIN events b CROSS JOIN events c",
        "SELECT count(*) FROM events a, events b, events c WHERE a.log_offset + b.log_offset = c.log_offset * 3 - 1",
        "SELECT max(a.message || b.message) FROM events a CROSS JOIN events b CROSS JOIN events c",
        "SELECT a.message FROM events a CROSS JOIN events b CROSS JOIN events c ORDER BY 1 LIMIT 10",
        "SELECT count(*) FROM events a CROSS JOIN events b WHERE a.message ~ '(a|b|ab)*(c|d)*z$' OR b.raw = 'x'
            OR a.message || b.message ~ '((a*)*)*[^a-z0-9 ,]{4}'",
    ] {
        let got = error(&engine, bounded(sql, 10, 300)).await;
        assert!(matches!(got, Some(QueryError::TooSlow { time_ms_max: 300 })), "{sql}: {got:?}");
    }
    // and nothing of it runs on: the next ones have their turn
    for _ in 0..8 {
        assert_eq!(rows(&engine, &everything(), "SELECT 1", &[]).await, json!([[1]]));
    }
}

#[tokio::test]
async fn a_regular_expression_has_a_size() {
    let dir = tempfile::tempdir().unwrap();
    let engine = SqlEngine::start(options(small_lake(dir.path()))).unwrap();
    for pattern in ["(a{1000}){1000}", "((a{200}){200}){200}", "(\\pL{500}){100}"] {
        for sql in [
            "SELECT count(*) FROM events WHERE message ~ $1",
            "SELECT count(*) FROM events WHERE regexp_like(message, $1)",
            "SELECT max(regexp_replace(message, $1, 'x')) FROM events",
        ] {
            let got = answer(&engine, &everything(), sql, &[json!(pattern)]).await;
            assert!(matches!(got, Err(QueryError::Invalid(_))), "{sql} with {pattern}: {got:?}");
        }
    }
    // what takes other engines exponential time
    let sql = "SELECT count(*) FROM events WHERE message ~ '^(([a-z ])+.)+[A-Z]([a-z])+$' OR message ~ '(.*)*x{9}$'";
    assert_eq!(rows(&engine, &everything(), sql, &[]).await, json!([[0]]));
}

#[tokio::test]
async fn what_takes_too_much_memory_is_stopped() {
    let small = Options { memory_bytes_max: 2 << 20, ..options(many(40_000)) };
    let engine = SqlEngine::start(small).unwrap();
    let cases = [
        "SELECT message, actor_session_uid FROM events ORDER BY message",
        "SELECT a.message || b.actor_session_uid AS x, count(*) FROM events a JOIN events b
            ON a.log_offset = b.log_offset GROUP BY x",
        "SELECT count(DISTINCT concat(a.message, b.message)) FROM events a CROSS JOIN events b",
        "SELECT string_agg(message, ',') FROM events",
        "SELECT message, row_number() OVER (ORDER BY message) FROM events",
        "SELECT a.message FROM events a JOIN events b ON a.message = b.message WHERE a.raw <> b.region",
    ];
    for sql in cases {
        let got = error(&engine, bounded(sql, 1_000_000, 60_000)).await;
        let wanted = QueryError::TooMuchMemory { bytes_max: 2 << 20 };
        assert_eq!(format!("{got:?}"), format!("{:?}", Some(wanted)), "{sql}");
    }
    // what keeps only the best rows needs little
    let top = "SELECT max(log_offset) FROM (SELECT log_offset FROM events ORDER BY message LIMIT 10)";
    assert_eq!(rows(&engine, &everything(), top, &[]).await.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn the_lower_bound_counts() {
    let engine =
        SqlEngine::start(Options { rows_max: 5, time_ms_max: 250, ..options(many(10_000)) }).unwrap();
    for (asked, given) in [(3, 3), (1_000, 5)] {
        let sql = "SELECT log_offset FROM events ORDER BY log_offset";
        let lines =
            whole(engine.ask(&everything(), bounded(sql, asked, 60_000)).await.unwrap()).await.unwrap();
        // and the line that says that there are more
        assert_eq!(String::from_utf8(lines).unwrap().lines().count(), given + 1);
    }
    let endless = "SELECT max(a.log_offset + b.log_offset + c.log_offset) FROM events a CROSS JOIN events b CROSS JOIN events c";
    let got = error(&engine, bounded(endless, 1, 60_000)).await;
    assert!(matches!(got, Some(QueryError::TooSlow { time_ms_max: 250 })), "{got:?}");
}

/// A lake whose snapshot is only given when the test says so.
struct Held {
    go: std::sync::Mutex<Receiver<()>>,
    asked: Sender<()>,
}

impl Snapshots for Held {
    fn snapshot(&self) -> Snapshot {
        self.asked.send(()).unwrap();
        let go = self.go.lock().unwrap();
        // the test ends by dropping the other end
        let _ = go.recv();
        Snapshot::default()
    }
}

fn held(options: Options) -> (Arc<SqlEngine>, Sender<()>, Receiver<()>) {
    let (go, wait) = channel();
    let (asked, seen) = channel();
    let snapshots = Arc::new(Held { go: std::sync::Mutex::new(wait), asked });
    (Arc::new(SqlEngine::start(Options { snapshots, ..options }).unwrap()), go, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clients_are_answered_or_told_to_wait() {
    let few = Options { concurrent_max: 2, waiting_max: 3, threads: 2, ..options(Snapshot::default()) };
    let telemetry = few.telemetry.clone();
    let (engine, go, seen) = held(few);
    let ask = || {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { answer(&engine, &everything(), "SELECT 1", &[]).await })
    };
    let first: Vec<_> = (0..2).map(|_| ask()).collect();
    let both = tokio::task::spawn_blocking(move || (seen.recv().unwrap(), seen.recv().unwrap(), seen));
    let _seen = both.await.unwrap();
    // both places are taken: of 98 more, three wait
    let mut others = futures::stream::FuturesUnordered::from_iter((0..98).map(|_| ask()));
    let mut refused = 0;
    while refused < 95 {
        let got = others.next().await.unwrap().unwrap();
        assert!(matches!(got, Err(QueryError::TooMany { running: 2, .. })), "{got:?}");
        refused += 1;
    }
    assert_eq!(telemetry.running.get(), 2);
    drop(go);
    for task in first {
        assert_eq!(task.await.unwrap().unwrap()["rows"], json!([[1]]));
    }
    while let Some(got) = others.next().await {
        assert_eq!(got.unwrap().unwrap()["rows"], json!([[1]]));
    }
    let count = |outcome| telemetry.queries.get_or_create(&OutcomeLabels { outcome }).get();
    assert_eq!((count("answered"), count("too_many")), (5, 95));
}

#[tokio::test]
async fn who_waits_too_long_is_told_so() {
    let impatient = Options {
        concurrent_max: 1,
        waiting_max: 5,
        wait_ms_max: 50,
        threads: 1,
        ..options(Snapshot::default())
    };
    let (engine, go, seen) = held(impatient);
    let first = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { answer(&engine, &everything(), "SELECT 1", &[]).await }
    });
    let _seen = tokio::task::spawn_blocking(move || (seen.recv().unwrap(), seen)).await.unwrap();
    let got = answer(&engine, &everything(), "SELECT 1", &[]).await;
    assert!(matches!(got, Err(QueryError::TooMany { running: 1, .. })), "{got:?}");
    drop(go);
    assert!(first.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_dropped_answer_stops_its_question() {
    let one = Options { concurrent_max: 1, wait_ms_max: 30_000, ..options(many(20_000)) };
    let telemetry = one.telemetry.clone();
    let engine = SqlEngine::start(one).unwrap();
    let endless = "SELECT a.message, b.message FROM events a CROSS JOIN events b CROSS JOIN events c";
    for _ in 0..3 {
        let mut chunks = engine.ask(&everything(), bounded(endless, u64::MAX, 60_000)).await.unwrap();
        assert!(chunks.next().await.unwrap().is_ok());
        drop(chunks);
    }
    // there is one place only: this is answered because the others ended
    assert_eq!(rows(&engine, &everything(), "SELECT 1", &[]).await, json!([[1]]));
    let dropped = telemetry.queries.get_or_create(&OutcomeLabels { outcome: "dropped" }).get();
    let failed = telemetry.queries.get_or_create(&OutcomeLabels { outcome: "failed" }).get();
    assert_eq!((dropped, failed), (3, 0));
}

#[tokio::test]
async fn a_reader_who_does_not_read_holds_little_and_not_for_long() {
    let engine = SqlEngine::start(Options { concurrent_max: 1, ..options(many(20_000)) }).unwrap();
    let endless = "SELECT a.message, b.message FROM events a CROSS JOIN events b CROSS JOIN events c";
    let mut chunks = engine.ask(&everything(), bounded(endless, u64::MAX, 400)).await.unwrap();
    // its place is free when its time is over, though nobody took a byte
    assert_eq!(rows(&engine, &everything(), "SELECT 1", &[]).await, json!([[1]]));
    let mut bytes = 0;
    let ended = loop {
        match chunks.next().await {
            Some(Ok(chunk)) => bytes += chunk.len(),
            Some(Err(error)) => break error,
            None => panic!("the answer ended as if it were whole"),
        }
    };
    assert!(matches!(ended, QueryError::TooSlow { .. }), "{ended:?}");
    assert!(bytes < 1 << 20, "{bytes}");
}

/// (proc(5): field 2 of `stat` is the thread's name, 19 its nice value.)
#[tokio::test]
async fn threads_of_questions_take_what_ingestion_leaves() {
    let engine = SqlEngine::start(Options { yields: true, ..options(many(1_000)) }).unwrap();
    assert_eq!(rows(&engine, &everything(), "SELECT count(*) FROM events", &[]).await, json!([[1000]]));
    let stats = std::fs::read_dir("/proc/self/task").unwrap().filter_map(|task| {
        // a thread of another test may have ended
        std::fs::read_to_string(task.unwrap().path().join("stat")).ok()
    });
    let nice = |stat: &str| stat.rsplit(')').next().unwrap().split_whitespace().nth(16).unwrap().to_owned();
    let of_queries: Vec<String> =
        stats.filter(|stat| stat.contains("(query)")).map(|stat| nice(&stat)).collect();
    assert!(!of_queries.is_empty());
    assert!(of_queries.iter().all(|nice| nice == "19"), "{of_queries:?}");
}
