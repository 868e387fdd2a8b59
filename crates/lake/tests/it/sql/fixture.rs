//! A small lake: rows as data, written to files of the product's schema, with what is fresh beside them.

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::DataType;
use huecry_lake::schema::file_schema;
use huecry_lake::snapshot::{DataFile, Snapshot, Snapshots};
use huecry_lake::sql::{Class, MASK_KEY_BYTES, Options, SqlEngine};
use model::{ManualClock, Position, RawRecord};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use ports::query::{Bounds, Chunks, Derive, Format, Question, Reader};
use ports::{Query, QueryError};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// 2026-03-01T00:00:00Z
pub(crate) const START_MS: i64 = 1_772_323_200_000;
pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
pub(crate) const NOW_MS: i64 = START_MS + 10 * DAY_MS;

/// One row by column names; what is not said is null or a plain default.
pub(crate) type Row = Map<String, Value>;

/// A row of a class at a time.
pub(crate) fn row(class_uid: i64, time_ms: i64, columns: Value) -> Row {
    let mut row = Row::from_iter([
        ("class_uid".to_owned(), json!(class_uid)),
        ("time".to_owned(), json!(time_ms)),
        ("received_at".to_owned(), json!(time_ms + 500)),
        ("region".to_owned(), json!("default")),
        ("source".to_owned(), json!("aws-prod")),
        ("kind".to_owned(), json!("aws_cloudtrail")),
        ("event_id".to_owned(), json!(format!("{time_ms:032x}"))),
        ("log_partition".to_owned(), json!(0)),
        ("log_offset".to_owned(), json!(time_ms - START_MS)),
        ("raw".to_owned(), json!("{}")),
    ]);
    row.extend(columns.as_object().cloned().unwrap_or_default());
    row
}

/// Rows in the schema of a file.
pub(crate) fn batch(rows: &[Row]) -> RecordBatch {
    let schema = file_schema();
    let columns = schema.fields().iter().map(|field| {
        let values = rows.iter().map(|row| row.get(field.name()).filter(|value| !value.is_null()));
        let array: ArrayRef = match field.data_type() {
            DataType::Utf8 => {
                Arc::new(values.map(|v| v.map(|v| v.as_str().unwrap())).collect::<StringArray>())
            }
            DataType::Int32 => Arc::new(
                values
                    .map(|v| v.map(|v| i32::try_from(v.as_i64().unwrap()).unwrap()))
                    .collect::<Int32Array>(),
            ),
            DataType::Int64 => {
                Arc::new(values.map(|v| v.map(|v| v.as_i64().unwrap())).collect::<Int64Array>())
            }
            DataType::Timestamp(..) => {
                let times = values.map(|v| v.map(|v| v.as_i64().unwrap()));
                Arc::new(times.collect::<TimestampMillisecondArray>().with_timezone("UTC"))
            }
            other => panic!("no values of {other}"),
        };
        array
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

/// Writes a file of these rows, without the columns named in `without`.
pub(crate) fn file(dir: &Path, name: &str, rows: &[Row], without: &[&str]) -> Arc<DataFile> {
    let mut batch = batch(rows);
    for column in without {
        let index = batch.schema().index_of(column).unwrap();
        batch.remove_column(index);
    }
    let path = dir.join(name);
    let properties = WriterProperties::builder()
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(64))
        .build();
    let mut writer =
        ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let same = |name: &str| {
        let first = rows.first()?.get(name)?;
        rows.iter().all(|row| row.get(name) == Some(first)).then_some(first)
    };
    let times = || rows.iter().map(|row| row["time"].as_i64().unwrap());
    Arc::new(DataFile {
        bytes: path.metadata().unwrap().len(),
        path,
        rows: rows.len() as u64,
        region: same("region").map(|region| region.as_str().unwrap().into()),
        class_uid: same("class_uid").map(|uid| u32::try_from(uid.as_u64().unwrap()).unwrap()),
        time_ms: (times().min().unwrap(), times().max().unwrap()),
    })
}

/// A snapshot that does not change.
#[derive(Debug)]
pub(crate) struct Still(pub(crate) Snapshot);

impl Snapshots for Still {
    fn snapshot(&self) -> Snapshot {
        self.0.clone()
    }
}

/// Says what it was given.
pub(crate) struct Echo;

impl Derive for Echo {
    fn event(&self, record: &RawRecord<'_>, position: Position, out: &mut Vec<u8>) -> bool {
        let said = json!({ "source": record.source, "kind": record.kind, "type": record.event_type,
            "received": record.received_at_ms, "position": position.to_string(), "bytes": record.body.len() });
        out.extend_from_slice(said.to_string().as_bytes());
        true
    }

    fn unmapped(&self, record: &RawRecord<'_>, _: Position, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(record.body);
        record.body.starts_with(b"{\"")
    }
}

pub(crate) fn classes() -> Vec<Class> {
    let class = |uid, name: &str, caption: &str| Class { uid, name: name.into(), caption: caption.into() };
    vec![
        class(6003, "api_activity", "API Activity"),
        class(3002, "authentication", "Authentication"),
        class(1007, "process_activity", "Process Activity"),
    ]
}

/// The bounds of the tests' engine, to be changed before it starts.
pub(crate) fn options(snapshot: Snapshot) -> Options {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let mut options = Options::new(Arc::new(Still(snapshot)), clock, [7; MASK_KEY_BYTES]);
    options.classes = classes();
    options.derive = Some(Arc::new(Echo));
    options.threads = 2;
    // other tests run beside these, and some of these have little time
    options.yields = false;
    options
}

pub(crate) fn engine(snapshot: Snapshot) -> SqlEngine {
    SqlEngine::start(options(snapshot)).unwrap()
}

/// Sees everything.
pub(crate) fn everything() -> Reader {
    Reader { personal: true, regions: None, sources: None }
}

/// Sees every event, masked.
pub(crate) fn masked() -> Reader {
    Reader { personal: false, ..everything() }
}

pub(crate) fn question(sql: &str, parameters: &[Value], format: Format) -> Question {
    let bounds = Bounds { rows_max: 10_000, time_ms_max: 60_000 };
    Question { sql: sql.into(), parameters: parameters.to_vec(), format, bounds }
}

pub(crate) async fn whole(mut chunks: Chunks) -> Result<Vec<u8>, QueryError> {
    use futures::StreamExt;
    let mut out = Vec::new();
    while let Some(chunk) = chunks.next().await {
        out.extend_from_slice(&chunk?);
    }
    Ok(out)
}

/// The whole answer as JSON.
pub(crate) async fn answer(
    engine: &SqlEngine,
    reader: &Reader,
    sql: &str,
    parameters: &[Value],
) -> Result<Value, QueryError> {
    let chunks = engine.ask(reader, question(sql, parameters, Format::Json)).await?;
    Ok(serde_json::from_slice(&whole(chunks).await?).unwrap())
}

/// The rows of an answer.
pub(crate) async fn rows(engine: &SqlEngine, reader: &Reader, sql: &str, parameters: &[Value]) -> Value {
    match answer(engine, reader, sql, parameters).await {
        Ok(mut answer) => answer["rows"].take(),
        Err(error) => panic!("{sql}: {error}"),
    }
}

/// Two files of ten days, and three fresh events; two regions, three classes, four people.
pub(crate) fn small_lake(dir: &Path) -> Snapshot {
    let people = ["alice", "bob", "carol", "dave"];
    let address = |n: i64| format!("198.51.100.{}", n % 7);
    let api = |n: i64| {
        let time = START_MS + n * HOUR_MS;
        row(
            6003,
            time,
            json!({
                "actor_user_name": people[(n % 4) as usize], "src_endpoint_ip": address(n),
                "api_operation": if n % 50 == 0 { "DeleteTrail" } else { "ListBuckets" },
                "actor_session_uid": format!("s{}", n % 12), "activity_id": 2, "status_id": 1,
                "message": format!("call {n} by {}", people[(n % 4) as usize]),
                "raw": json!({ "n": n, "who": { "name": people[(n % 4) as usize], "tags": ["a", "b"] } }).to_string(),
            }),
        )
    };
    let login = |n: i64| {
        row(
            3002,
            START_MS + n * HOUR_MS,
            json!({
                "source": "okta-eu", "kind": "okta", "region": "eu", "user_name": people[(n % 4) as usize],
                "src_endpoint_ip": address(n + 3), "status_id": if n % 9 == 0 { 2 } else { 1 },
            }),
        )
    };
    let fresh = |n: i64| {
        let process = if n == 1 { "mimikatz" } else { "sh" };
        row(
            1007,
            NOW_MS - n * 60_000,
            json!({
                "source": "edr", "kind": "sysmon", "process_name": process, "device_hostname": format!("host{n}"),
                "process_pid": 100 + n,
            }),
        )
    };
    let api_rows: Vec<_> = (0..200).map(api).collect();
    let login_rows: Vec<_> = (0..100).map(login).collect();
    let fresh_rows: Vec<_> = (1..=3).map(fresh).collect();
    Snapshot {
        files: vec![
            file(dir, "api.parquet", &api_rows, &[]),
            // written before these columns were known
            file(dir, "login.parquet", &login_rows, &["query_hostname", "src_country"]),
        ],
        fresh: vec![batch(&fresh_rows)],
    }
}
