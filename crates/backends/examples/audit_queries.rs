//! How long audit queries take on a large store: `audit_queries [RECORDS] [FILE]`, 10,000,000 records by default, in a
//! temporary file. The rows are made by SQL; their leaf hashes are random, which no query looks at.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use huecry_backends::sqlite::SqliteStore;
use model::{Entropy, SeededEntropy};
use ports::Store;
use ports::store::{AuditFilter, Cursor, PageRequest};
use std::time::Instant;

const START_MS: i64 = 1_600_000_000_000;
const STEP_MS: i64 = 15_000;
const CHUNK: u64 = 500_000;
const RUNS: usize = 300;

/// 60 of 100 records are the machine's, the rest of 500 people; 1 of 100 is about one hot source, the others about
/// incidents with some five records each; one action of ten is common, one is rare, one never happened.
const FILL: &str = r#"
INSERT INTO audit (seq, id, at_ms, clock_ms, action, principal, object, before, after, reason, origin, request_id, salts, leaf_hash)
WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2),
     r AS MATERIALIZED (SELECT i, abs(random()) AS a, abs(random()) AS b, abs(random()) AS c FROM n)
SELECT i, randomblob(16), 1600000000000 + i * 15000, 1600000000000 + i * 15000,
    CASE WHEN a % 100000 = 7 THEN 'token.revoke'
         WHEN a % 100 < 60 THEN 'incident.open' ELSE 'incident.' || (b % 8) END,
    CASE WHEN a % 100 < 60 THEN '{"kind":"system","part":"triage"}'
         ELSE '{"kind":"token","id":"tok_' || (c % 500) || '","name":"person-' || (c % 500) || '"}' END,
    CASE WHEN b % 100 = 0 THEN 'source:trail' ELSE 'inc_' || printf('%026d', (i / 10) * 2 + b % 2) END,
    '{"assignee":null,"status":"new"}', '{"assignee":"person-' || (c % 500) || '","status":"in_progress"}',
    CASE WHEN c % 3 = 0 THEN 'because of ' || b END, '192.0.2.' || (c % 250), 'req_' || printf('%026d', i),
    randomblob(112), randomblob(32)
FROM r
"#;

async fn fill(store: &SqliteStore, records: u64) {
    let mut writer = store.writer().acquire().await.unwrap();
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'audit' AND sql IS NOT NULL",
    )
    .fetch_all(&mut *writer)
    .await
    .unwrap();
    for (name, _) in &indexes {
        sqlx::query(sqlx::AssertSqlSafe(format!("DROP INDEX {name}"))).execute(&mut *writer).await.unwrap();
    }
    let mut from = 1;
    while from <= records {
        let to = (from + CHUNK - 1).min(records);
        sqlx::query(FILL).bind(from as i64).bind(to as i64).execute(&mut *writer).await.unwrap();
        println!("{to} records");
        from = to + 1;
    }
    for (name, sql) in indexes {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *writer).await.unwrap();
        println!("{name}");
    }
}

struct Dice(SeededEntropy, u64);

impl Dice {
    fn below(&self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % end
    }

    fn person(&self) -> Option<String> {
        Some(format!("person-{}", self.below(500)))
    }

    fn object(&self) -> Option<String> {
        Some(format!("inc_{:026}", self.below(self.1 / 10) * 2 + self.below(2)))
    }

    fn time_ms(&self) -> i64 {
        START_MS + self.below(self.1) as i64 * STEP_MS
    }
}

fn filter(kind: &str, dice: &Dice) -> AuditFilter {
    let all = AuditFilter::default();
    let text = |text: &str| Some(text.to_owned());
    let since_ms = dice.time_ms();
    let (day, month) = (Some(since_ms + 86_400_000), Some(since_ms + 30 * 86_400_000));
    let common = Some(format!("incident.{}", dice.below(8)));
    match kind {
        "an object" => AuditFilter { object: dice.object(), ..all },
        "the hot object" => AuditFilter { object: text("source:trail"), ..all },
        "a person" => AuditFilter { principal: dice.person(), ..all },
        "the machine" => AuditFilter { principal: text("triage"), ..all },
        "a common action" => AuditFilter { action: common, ..all },
        "a rare action" => AuditFilter { action: text("token.revoke"), ..all },
        "a person and an action" => AuditFilter { principal: dice.person(), action: common, ..all },
        "a person and what they never did" => {
            AuditFilter { principal: dice.person(), action: text("incident.9"), ..all }
        }
        "the hot object and a person" => {
            AuditFilter { object: text("source:trail"), principal: dice.person(), ..all }
        }
        "the hot object and an action" => AuditFilter { object: text("source:trail"), action: common, ..all },
        "hot object, person and action" => {
            AuditFilter { object: text("source:trail"), principal: dice.person(), action: common, ..all }
        }
        "a day" => AuditFilter { since_ms: Some(since_ms), until_ms: day, ..all },
        "a person in a month" => {
            AuditFilter { principal: dice.person(), since_ms: Some(since_ms), until_ms: month, ..all }
        }
        "an action in a day" => {
            AuditFilter { action: common, since_ms: Some(since_ms), until_ms: day, ..all }
        }
        "an object since" => AuditFilter { object: dice.object(), since_ms: Some(since_ms), ..all },
        _ => all,
    }
}

const KINDS: [&str; 17] = [
    "the newest",
    "deep in the list",
    "an object",
    "the hot object",
    "a person",
    "the machine",
    "a common action",
    "a rare action",
    "a person and an action",
    "a person and what they never did",
    "the hot object and a person",
    "the hot object and an action",
    "hot object, person and action",
    "a day",
    "a person in a month",
    "an action in a day",
    "an object since",
];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let records: u64 = arguments.next().map_or(10_000_000, |count| count.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = arguments.next().map_or_else(|| dir.path().join("audit.db"), Into::into);
    let is_there = path.exists();
    let store = SqliteStore::open_path(&path).await.unwrap();
    if !is_there {
        let began = Instant::now();
        fill(&store, records).await;
        println!("filled in {} s, {} MiB", began.elapsed().as_secs(), path.metadata().unwrap().len() >> 20);
    }
    println!("{:<36} {:>9} {:>9} {:>9}", "query, a page of 50", "p50 ms", "p99 ms", "max ms");
    let dice = Dice(SeededEntropy::new(7), records);
    for kind in KINDS {
        let mut times = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            let filter = filter(kind, &dice);
            let page = match kind {
                "deep in the list" => {
                    PageRequest::after(50, Cursor::new("audit", &[dice.below(records) as i64], ""))
                }
                _ => PageRequest::first(50),
            };
            let began = Instant::now();
            store.read().await.unwrap().audit().list(&filter, &page).await.unwrap();
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{kind:<36} {:>9.2} {:>9.2} {:>9.2}",
            times[RUNS / 2],
            times[RUNS * 99 / 100],
            times[RUNS - 1]
        );
    }
}
