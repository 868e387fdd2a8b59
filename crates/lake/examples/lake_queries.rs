//! Six investigations over files of the product's schema: CPU seconds, bytes read, time, peak memory.
//!
//! `lake_queries make DIR ROWS` writes files (one class a file, sorted by time, as merged files are);
//! `lake_queries ask DIR [masked]` asks, and prints a line of JSON for each question. `lake_queries hostile DIR`
//! asks what must be stopped, and prints how it ended and the most memory so far. `duckdb_queries.py DIR` beside
//! this file asks DuckDB the same questions of the same files and prints both with their ratios.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::expect_used, reason = "a measuring program")]

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::DataType;
use futures::StreamExt;
use huecry_lake::schema::file_schema;
use huecry_lake::snapshot::{DataFile, Snapshot, Snapshots};
use huecry_lake::sql::{Class, MASK_KEY_BYTES, Options, SqlEngine, Telemetry};
use model::ManualClock;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::FileReader;
use ports::Query;
use ports::query::{Bounds, Format, Question, Reader};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const START_MS: i64 = 1_772_323_200_000;
const DAYS: i64 = 90;
const DAY_MS: i64 = 86_400_000;
const CLASSES: [(u32, &str); 3] =
    [(6003, "api_activity"), (3002, "authentication"), (1007, "process_activity")];

/// The questions; DuckDB is asked the same text with a file list for the table.
const QUESTIONS: [(&str, &str); 6] = [
    (
        "actor over 90 days",
        "SELECT time, class_uid, api_operation, src_endpoint_ip FROM events \
        WHERE actor_user_name = 'user-00042' ORDER BY time",
    ),
    (
        "address in one hour",
        "SELECT time, actor_user_name, api_operation, status_id FROM events \
        WHERE src_endpoint_ip = '198.18.0.77' AND time >= TIMESTAMP '2026-04-01 10:00:00' \
        AND time < TIMESTAMP '2026-04-01 11:00:00' ORDER BY time",
    ),
    (
        "rare process by host",
        "SELECT process_name, device_hostname, count(*) AS n FROM events \
        WHERE class_uid = 1007 GROUP BY process_name, device_hostname HAVING count(*) < 3 ORDER BY n, 1, 2 LIMIT 100",
    ),
    (
        "top talkers",
        "SELECT src_endpoint_ip, count(*) AS n, count(DISTINCT actor_user_name) AS users FROM events \
        WHERE time >= TIMESTAMP '2026-04-01 00:00:00' AND time < TIMESTAMP '2026-04-08 00:00:00' \
        GROUP BY src_endpoint_ip ORDER BY n DESC, 1 LIMIT 20",
    ),
    (
        "timeline of a session",
        "SELECT time, api_service_name, api_operation, status_code, src_endpoint_ip \
        FROM events WHERE actor_session_uid = 'session-0000777' ORDER BY time",
    ),
    (
        "free text",
        "SELECT time, event_id, actor_user_name FROM events WHERE raw LIKE '%needle-7f3a%' ORDER BY time",
    ),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", dir, rows] => make(Path::new(dir), rows.parse().unwrap()),
        ["ask", dir] => ask(Path::new(dir), true),
        ["ask", dir, "masked"] => ask(Path::new(dir), false),
        ["hostile", dir] => hostile(Path::new(dir)),
        ["questions"] => println!("{}", json!(BTreeMap::from(QUESTIONS))),
        _ => println!("lake_queries make DIR ROWS | ask DIR [masked] | hostile DIR | questions"),
    }
}

/// A well-mixed number for each row (splitmix64).
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn text(class_uid: u32, column: &str, n: u64) -> Option<String> {
    let dice = mix(n);
    let user = format!("user-{:05}", (dice >> 8) % 5_000);
    let address = format!("198.18.{}.{}", (dice >> 24) % 40, (dice >> 32) % 256);
    let operations = ["ListBuckets", "GetObject", "AssumeRole", "DescribeInstances", "GetCallerIdentity"];
    let operation = operations[(dice >> 40) as usize % operations.len()];
    let is_process = class_uid == 1007;
    match column {
        "region" => Some("default".into()),
        "source" => Some(if is_process { "edr" } else { "aws-prod" }.into()),
        "kind" => Some(if is_process { "sysmon" } else { "aws_cloudtrail" }.into()),
        "event_id" => Some(format!("{:032x}", u128::from(dice) << 64 | u128::from(mix(dice)))),
        "actor_user_name" => Some(user),
        "actor_session_uid" => Some(format!("session-{:07}", (dice >> 16) % 200_000)),
        "src_endpoint_ip" if !is_process => Some(address),
        "api_operation" if class_uid == 6003 => Some(operation.into()),
        "api_service_name" if class_uid == 6003 => Some("s3.amazonaws.com".into()),
        "status_code" if dice.is_multiple_of(20) => Some("AccessDenied".into()),
        "device_hostname" if is_process => Some(format!("host-{:04}", (dice >> 44) % 2_000)),
        "process_name" if is_process && dice.is_multiple_of(50_000) => {
            Some(format!("tool-{}.exe", dice % 97))
        }
        "process_name" if is_process => Some(format!("app-{}.exe", (dice >> 50) % 40)),
        "process_cmd_line" if is_process => Some(format!("C:\\app.exe --run {}", dice % 1_000)),
        "raw" => {
            let needle = if dice % 400_000 == 7 { "needle-7f3a" } else { "hay" };
            Some(json!({ "eventVersion": "1.09", "userIdentity": { "type": "IAMUser", "userName": user,
                "accountId": "111122223333", "accessKeyId": format!("AKIA{:016X}", mix(dice ^ 5)) },
                "eventName": operation, "sourceIPAddress": address, "userAgent": "aws-cli/2.15 Python/3.11",
                "requestID": format!("{:032x}", mix(dice ^ 9)), "note": needle, "eventType": "AwsApiCall",
                "requestParameters": { "bucketName": format!("bucket-{}", dice % 300), "key": format!("{dice:x}") },
                "tlsDetails": { "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256" } }).to_string())
        }
        _ => None,
    }
}

fn batch(class_uid: u32, from: u64, rows: u64, of: u64) -> RecordBatch {
    let time = |n: u64| START_MS + (n as i128 * i128::from(DAYS * DAY_MS) / of as i128) as i64;
    let numbers = from..from + rows;
    let schema = file_schema();
    let columns = schema.fields().iter().map(|field| {
        let name = field.name().as_str();
        let array: ArrayRef = match (field.data_type(), name) {
            (DataType::Timestamp(..), "catalog_as_of") => {
                Arc::new(TimestampMillisecondArray::new_null(rows as usize).with_timezone("UTC"))
            }
            (DataType::Timestamp(..), _) => Arc::new(
                numbers
                    .clone()
                    .map(|n| Some(time(n)))
                    .collect::<TimestampMillisecondArray>()
                    .with_timezone("UTC"),
            ),
            (DataType::Int32, "class_uid") => {
                Arc::new(Int32Array::from(vec![class_uid as i32; rows as usize]))
            }
            (DataType::Int32, _) => Arc::new(Int32Array::from(vec![0; rows as usize])),
            (DataType::Int64, "log_offset") => {
                Arc::new(numbers.clone().map(|n| n as i64).collect::<Int64Array>())
            }
            (DataType::Int64, "status_id") => Arc::new(
                numbers.clone().map(|n| 1 + i64::from(mix(n).is_multiple_of(20))).collect::<Int64Array>(),
            ),
            (DataType::Int64, _) => Arc::new(Int64Array::new_null(rows as usize)),
            _ => Arc::new(
                numbers
                    .clone()
                    .map(|n| text(class_uid, name, n * 3 + u64::from(class_uid)))
                    .collect::<StringArray>(),
            ),
        };
        array
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

/// Most rows of a file.
const FILE_ROWS: u64 = 500_000;

fn make(dir: &Path, rows: u64) {
    std::fs::create_dir_all(dir).unwrap();
    for (class_uid, name) in CLASSES {
        let of = rows / CLASSES.len() as u64;
        for (number, from) in (0..of).step_by(FILE_ROWS as usize).enumerate() {
            let count = FILE_ROWS.min(of - from);
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))
                .set_statistics_enabled(EnabledStatistics::Page)
                .set_max_row_group_row_count(Some(128 * 1024))
                .set_column_bloom_filter_enabled("actor_session_uid".into(), true)
                .set_column_bloom_filter_enabled("src_endpoint_ip".into(), true)
                .set_column_bloom_filter_enabled("actor_user_name".into(), true)
                .build();
            let file = File::create(dir.join(format!("{name}-{number}.parquet"))).unwrap();
            let mut writer = ArrowWriter::try_new(file, file_schema(), Some(properties)).unwrap();
            for at in (from..from + count).step_by(16_384) {
                writer.write(&batch(class_uid, at, 16_384.min(from + count - at), of)).unwrap();
            }
            writer.close().unwrap();
        }
    }
}

struct Listed(Snapshot);

impl Snapshots for Listed {
    fn snapshot(&self) -> Snapshot {
        self.0.clone()
    }
}

/// The files of a folder, as a manifest would list them.
fn listed(dir: &Path) -> Snapshot {
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "parquet"));
    paths.sort();
    let file = |path: std::path::PathBuf| {
        let footer = parquet::file::reader::SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let footer = footer.metadata();
        let bounds = |column: &str| {
            let index = file_schema().index_of(column).unwrap();
            let groups =
                footer.row_groups().iter().filter_map(|group| group.column(index).statistics().cloned());
            let value = |bytes: Option<&[u8]>| {
                let mut wide = [0; 8];
                let bytes = bytes.unwrap_or_default();
                wide[..bytes.len()].copy_from_slice(bytes);
                i64::from_le_bytes(wide)
            };
            let all: Vec<_> = groups.map(|s| (value(s.min_bytes_opt()), value(s.max_bytes_opt()))).collect();
            (all.iter().map(|b| b.0).min().unwrap(), all.iter().map(|b| b.1).max().unwrap())
        };
        let classes = bounds("class_uid");
        Arc::new(DataFile {
            bytes: path.metadata().unwrap().len(),
            rows: footer.file_metadata().num_rows() as u64,
            region: Some("default".into()),
            class_uid: (classes.0 == classes.1).then_some(classes.0 as u32),
            time_ms: bounds("time"),
            path,
        })
    };
    Snapshot { files: paths.into_iter().map(file).collect(), fresh: Vec::new() }
}

/// User and system time of the process so far, in seconds (proc(5): fields 14 and 15, in ticks of 1/100 s).
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// How often each question is asked; the tick of the CPU clock is a hundredth of a second.
const TIMES: u64 = 5;

fn ask(dir: &Path, personal: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let snapshots = Arc::new(Listed(listed(dir)));
    let clock = Arc::new(ManualClock::at(START_MS + DAYS * DAY_MS));
    for (name, sql) in QUESTIONS {
        let telemetry = Telemetry::default();
        let classes =
            CLASSES.map(|(uid, name)| Class { uid, name: name.into(), caption: name.into() }).to_vec();
        // a new engine for each, so that no footer is known yet the first time
        let options = Options::new(snapshots.clone(), clock.clone(), [1; MASK_KEY_BYTES]);
        let engine = SqlEngine::start(Options { classes, telemetry: telemetry.clone(), ..options }).unwrap();
        let reader = Reader { personal, regions: None, sources: None };
        let (began, cpu) = (Instant::now(), cpu_s());
        let mut rows = 0;
        for _ in 0..TIMES {
            let bounds = Bounds { rows_max: u64::MAX, time_ms_max: 600_000 };
            let question = Question { sql: sql.into(), parameters: vec![], format: Format::Json, bounds };
            let answer = runtime.block_on(async {
                let mut chunks = engine.ask(&reader, question).await.unwrap();
                let mut out = Vec::new();
                while let Some(chunk) = chunks.next().await {
                    out.extend_from_slice(&chunk.unwrap());
                }
                out
            });
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            rows = answer["rows"].as_array().unwrap().len();
        }
        let times = TIMES as f64;
        println!(
            "{}",
            json!({ "question": name, "rows": rows, "cpu_s": (cpu_s() - cpu) / times,
            "wall_s": began.elapsed().as_secs_f64() / times, "read_bytes": telemetry.read_bytes.get() / TIMES,
            "peak_mib": peak_mib() })
        );
    }
}

/// Questions that must not have an answer, each with two seconds of time.
const HOSTILE: [(&str, &str); 6] = [
    ("cross join", "SELECT max(concat(a.raw, b.raw)) FROM events a CROSS JOIN events b"),
    (
        "join of inequality",
        "SELECT count(*) FROM events a JOIN events b ON a.log_offset < b.log_offset - 1000000",
    ),
    ("sort of everything", "SELECT raw FROM events ORDER BY raw"),
    ("group by everything", "SELECT raw, count(*) FROM events GROUP BY raw"),
    ("large regular expression", "SELECT count(*) FROM events WHERE raw ~ '(a{1000}){1000}'"),
    (
        "doubled text",
        "WITH a AS (SELECT raw || raw AS x FROM events), b AS (SELECT x || x AS x FROM a), \
        c AS (SELECT x || x AS x FROM b), d AS (SELECT x || x AS x FROM c) SELECT max(x) FROM d",
    ),
];

/// Clients that ask at once.
const CLIENTS: usize = 100;

fn hostile(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let snapshots = Arc::new(Listed(listed(dir)));
    let clock = Arc::new(ManualClock::at(START_MS + DAYS * DAY_MS));
    let engine = SqlEngine::start(Options::new(snapshots, clock, [1; MASK_KEY_BYTES])).unwrap();
    let ask = async |sql: &str| {
        let bounds = Bounds { rows_max: u64::MAX, time_ms_max: 2_000 };
        let question = Question { sql: sql.into(), parameters: vec![], format: Format::Ndjson, bounds };
        let reader = Reader { personal: true, regions: None, sources: None };
        let mut chunks = engine.ask(&reader, question).await?;
        while let Some(chunk) = chunks.next().await {
            chunk?;
        }
        Ok::<_, ports::QueryError>(())
    };
    for (name, sql) in HOSTILE {
        let began = Instant::now();
        let ended = runtime.block_on(ask(sql)).map_or_else(|error| error.to_string(), |()| "answered".into());
        println!(
            "{}",
            json!({ "question": name, "ended": ended, "wall_s": began.elapsed().as_secs_f64(),
            "peak_mib": peak_mib() })
        );
    }
    let (began, all) = (Instant::now(), (0..CLIENTS).map(|n| ask(HOSTILE[n % 4].1)));
    let ended = runtime.block_on(futures::future::join_all(all));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for end in ended {
        *counts.entry(end.map_or_else(|error| error.to_string(), |()| "answered".into())).or_default() += 1;
    }
    println!(
        "{}",
        json!({ "question": format!("{CLIENTS} clients"), "ended": counts,
        "wall_s": began.elapsed().as_secs_f64(), "peak_mib": peak_mib() })
    );
}
