//! Questions that must not have an answer: how each ends, and the most memory.

use crate::Failed;
use crate::ask::{ask, open, options};
use crate::process::peak_mib;
use lake::sql::SqlEngine;
use ports::query::Format;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// Time that each of them has, in milliseconds.
pub(crate) const TIME_MS_MAX: u64 = 5_000;
/// Clients that ask at once.
const CLIENTS: usize = 100;

pub(crate) const HOSTILE: [(&str, &str); 6] = [
    ("cross join", "SELECT max(concat(a.raw, b.raw)) FROM events a CROSS JOIN events b"),
    (
        "join of inequality",
        "SELECT count(*) FROM events a JOIN events b ON a.log_offset < b.log_offset - 1000000",
    ),
    ("sort of everything", "SELECT raw FROM events ORDER BY raw"),
    ("group by everything", "SELECT raw, count(*) FROM events GROUP BY raw"),
    ("regular expression", "SELECT count(*) FROM events WHERE raw ~ '(a{1000}){1000}'"),
    (
        "doubled text",
        "WITH a AS (SELECT raw || raw AS x FROM events), b AS (SELECT x || x AS x FROM a), \
        c AS (SELECT x || x AS x FROM b), d AS (SELECT x || x AS x FROM c) SELECT max(x) FROM d",
    ),
];

pub(crate) fn run(dir: &Path) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lake = open(dir)?;
    let engine = SqlEngine::start(options(&lake))?;
    println!("{}", json!({ "before": "any question", "peak_mib": peak_mib() }));
    for (name, sql) in HOSTILE {
        let began = Instant::now();
        let ended = runtime.block_on(ask(&engine, sql, Format::Ndjson, true, TIME_MS_MAX));
        let ended = ended.map_or_else(|error| error.to_string(), |_| "answered".into());
        println!(
            "{}",
            json!({ "question": name, "ended": ended, "wall_s": began.elapsed().as_secs_f64(),
            "peak_mib": peak_mib() })
        );
    }
    let began = Instant::now();
    let all =
        (0..CLIENTS).map(|n| ask(&engine, HOSTILE[n % HOSTILE.len()].1, Format::Ndjson, true, TIME_MS_MAX));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for end in runtime.block_on(futures::future::join_all(all)) {
        *counts.entry(end.map_or_else(|error| error.to_string(), |_| "answered".into())).or_default() += 1;
    }
    println!(
        "{}",
        json!({ "question": format!("{CLIENTS} clients"), "ended": counts,
        "wall_s": began.elapsed().as_secs_f64(), "peak_mib": peak_mib() })
    );
    Ok(())
}
