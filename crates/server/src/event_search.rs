//! Questions about events that are put together here: what comes from a request is a parameter, never SQL.

use crate::code::Code;
use crate::problem::Problem;
use futures::StreamExt;
use ports::Query;
use ports::query::{Bounds, Format, Question, Reader};
use serde_json::{Map, Value, json};

/// What a page shows of an event.
const COLUMNS: &str = "CAST(time AS BIGINT) AS time_ms, event_id, class_uid, class_name, activity_id, severity_id, \
    status_id, source, kind, region, service, owner, actor_user_name, actor_user_uid, src_endpoint_ip, src_country, \
    api_service_name, api_operation, resources_name, device_hostname, process_name, message, log_partition, log_offset";
/// Where a text is looked for; whole records are null for those who may not see them.
const TEXTS: [&str; 7] =
    ["raw", "api_operation", "api_service_name", "resources_name", "process_name", "message", "event_type"];
/// Most spans of a histogram.
const BUCKETS_MAX: i64 = 60;
/// How long a span may be, in milliseconds: from a second to 30 days.
const BUCKETS_MS: [i64; 13] = [
    1_000,
    5_000,
    15_000,
    60_000,
    300_000,
    900_000,
    3_600_000,
    10_800_000,
    21_600_000,
    86_400_000,
    172_800_000,
    604_800_000,
    2_592_000_000,
];
/// Longest answer that is read, in bytes: 500 rows of bounded values are far smaller.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// What is left of a request's time to say that the question took too long, in milliseconds.
const ANSWER_MS: u64 = 1_000;
/// Longest value of a filter, in bytes.
const VALUE_BYTES_MAX: usize = 1_024;

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EventSearch {
    pub(crate) from_ms: i64,
    pub(crate) until_ms: i64,
    pub(crate) source: Option<String>,
    pub(crate) class: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) text: Option<String>,
    /// Where the page before ended: time and event id.
    pub(crate) after: Option<(i64, String)>,
}

/// Conditions with their parameters.
#[derive(Debug, Default)]
struct Conditions {
    sql: String,
    parameters: Vec<Value>,
}

impl Conditions {
    /// The name of a new parameter.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.parameters.push(value.into());
        format!("${}", self.parameters.len())
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(if self.sql.is_empty() { "" } else { " AND " });
        self.sql.push_str(condition);
    }

    /// Any of these columns is the value.
    fn any_is(&mut self, columns: &[&str], value: &str) {
        let at = self.bind(value);
        let parts: Vec<_> = columns.iter().map(|column| format!("{column} = {at}")).collect();
        self.and(&format!("({})", parts.join(" OR ")));
    }
}

impl EventSearch {
    /// How long a span of the histogram is, in milliseconds.
    pub(crate) fn bucket_ms(&self) -> i64 {
        let span_ms = self.until_ms.saturating_sub(self.from_ms);
        let fits = |ms: &&i64| span_ms / **ms < BUCKETS_MAX;
        BUCKETS_MS.iter().find(fits).or(BUCKETS_MS.last()).copied().unwrap_or(1_000)
    }

    fn conditions(&self) -> Result<Conditions, Problem> {
        let mut all = Conditions::default();
        let (from, until) = (all.bind(self.from_ms), all.bind(self.until_ms));
        all.and(&format!("time >= to_timestamp_millis({from}) AND time < to_timestamp_millis({until})"));
        for value in [&self.source, &self.class, &self.actor, &self.address, &self.service, &self.text] {
            if value.as_ref().is_some_and(|value| value.len() > VALUE_BYTES_MAX) {
                let detail = format!("a filter has at most {VALUE_BYTES_MAX} bytes");
                return Err(Problem::new(Code::RequestInvalid, detail));
            }
        }
        if let Some(source) = &self.source {
            all.any_is(&["source", "kind"], source);
        }
        match self.class.as_deref().map(|class| (class, class.parse::<i64>())) {
            Some((_, Ok(number))) => {
                let at = all.bind(number);
                all.and(&format!("class_uid = {at}"));
            }
            Some((name, Err(_))) => {
                let at = all.bind(name.to_lowercase().replace('_', " "));
                all.and(&format!("lower(class_name) = {at}"));
            }
            None => {}
        }
        if let Some(actor) = &self.actor {
            let names =
                ["actor_user_name", "actor_user_uid", "actor_user_email_addr", "user_name", "user_uid"];
            all.any_is(&names, actor);
        }
        if let Some(address) = &self.address {
            all.any_is(&["src_endpoint_ip", "dst_endpoint_ip"], address);
        }
        if let Some(service) = &self.service {
            all.any_is(&["service"], service);
        }
        if let Some(text) = &self.text {
            let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let at = all.bind(format!("%{escaped}%"));
            let parts = TEXTS.map(|column| format!("{column} ILIKE {at}"));
            all.and(&format!("({})", parts.join(" OR ")));
        }
        Ok(all)
    }

    /// The question for a page, of which one row more is asked for.
    fn page(&self, limit: u32) -> Result<(String, Vec<Value>), Problem> {
        let mut all = self.conditions()?;
        if let Some((at_ms, id)) = &self.after {
            let (at, id) = (all.bind(*at_ms), all.bind(id.clone()));
            all.and(&format!(
                "(time < to_timestamp_millis({at}) OR (time = to_timestamp_millis({at}) AND event_id < {id}))"
            ));
        }
        let Conditions { sql, parameters } = all;
        let limit = u64::from(limit) + 1;
        let sql = format!(
            "SELECT {COLUMNS} FROM events WHERE {sql} ORDER BY time DESC, event_id DESC LIMIT {limit}"
        );
        Ok((sql, parameters))
    }

    fn histogram(&self) -> Result<(String, Vec<Value>), Problem> {
        let mut all = self.conditions()?;
        let width = all.bind(self.bucket_ms());
        let Conditions { sql, parameters } = all;
        let sql = format!(
            "SELECT CAST(time AS BIGINT) / {width} AS bucket, count(*) AS n FROM events WHERE {sql} \
             GROUP BY bucket ORDER BY bucket"
        );
        Ok((sql, parameters))
    }
}

/// Where a page ended.
///
/// # Errors
/// [`Code::CursorInvalid`].
pub(crate) fn after(text: &str) -> Result<(i64, String), Problem> {
    let parts = text.strip_prefix("events~").and_then(|rest| rest.split_once('~'));
    let read = parts.and_then(|(at_ms, id)| Some((at_ms.parse().ok()?, id)));
    let fits = |id: &str| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    let invalid = || Problem::new(Code::CursorInvalid, "the page cursor does not fit this list");
    read.filter(|(_, id)| fits(id)).map(|(at_ms, id)| (at_ms, id.to_owned())).ok_or_else(invalid)
}

/// A page of events, and where it goes on.
pub(crate) type EventPage = (Vec<Map<String, Value>>, Option<String>);

/// On whose behalf whom to ask.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) engine: &'a dyn Query,
    pub(crate) reader: &'a Reader,
    pub(crate) time_ms_max: u64,
}

impl Reading<'_> {
    pub(crate) async fn page(&self, search: &EventSearch, limit: u32) -> Result<EventPage, Problem> {
        let mut items = self.ask(search.page(limit)?, u64::from(limit) + 1).await?;
        let mut next = None;
        if items.len() > limit as usize {
            items.truncate(limit as usize);
            next = items.last().and_then(|last| {
                Some(format!("events~{}~{}", last.get("time_ms")?.as_i64()?, last.get("event_id")?.as_str()?))
            });
        }
        Ok((items, next))
    }

    pub(crate) async fn buckets(&self, search: &EventSearch) -> Result<Vec<(i64, u64)>, Problem> {
        let width = search.bucket_ms();
        let rows_max = BUCKETS_MAX.unsigned_abs() * 64;
        let rows = self.ask(search.histogram()?, rows_max).await?;
        let bucket = |row: &Map<String, Value>| {
            Some((row.get("bucket")?.as_i64()?.saturating_mul(width), row.get("n")?.as_u64()?))
        };
        Ok(rows.iter().filter_map(bucket).collect())
    }

    /// Asks, and reads the whole answer: its rows as objects.
    pub(crate) async fn ask(
        &self,
        (sql, parameters): (String, Vec<Value>),
        rows_max: u64,
    ) -> Result<Vec<Map<String, Value>>, Problem> {
        let time_ms_max = self.time_ms_max.saturating_sub(ANSWER_MS);
        let bounds = Bounds { rows_max, time_ms_max };
        let question = Question { sql, parameters, format: Format::Ndjson, bounds };
        let mut chunks = self.engine.ask(self.reader, question).await?;
        let mut text = Vec::new();
        while let Some(chunk) = chunks.next().await {
            text.extend_from_slice(&chunk?);
            if text.len() > ANSWER_BYTES_MAX {
                return Err(Problem::new(
                    Code::QueryTooMuchMemory,
                    "the answer is too long; ask for fewer events",
                ));
            }
        }
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut rows = Vec::new();
        for line in lines {
            let Ok(row) = serde_json::from_slice::<Map<String, Value>>(line) else {
                tracing::error!("a row of the lake is not an object");
                return Err(Problem::new(Code::QueryFailed, "the lake's answer could not be read"));
            };
            if row.get("huecry_truncated") != Some(&json!(true)) {
                rows.push(row);
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> EventSearch {
        let evil = Some("'; DROP TABLE events; --".to_owned());
        EventSearch {
            from_ms: 0,
            until_ms: 3_600_000,
            source: evil.clone(),
            class: evil.clone(),
            actor: evil.clone(),
            address: evil.clone(),
            service: evil.clone(),
            text: evil,
            after: Some((5, "0".repeat(32))),
        }
    }

    #[test]
    fn nothing_of_a_request_stands_in_the_question() {
        for (sql, parameters) in [full().page(50).unwrap(), full().histogram().unwrap()] {
            assert!(!sql.contains("DROP") && !sql.contains('\''), "{sql}");
            let highest = (1..=parameters.len()).all(|number| sql.contains(&format!("${number}")));
            assert!(highest, "{sql}: {parameters:?}");
            assert!(!sql.contains(&format!("${}", parameters.len() + 1)));
        }
        let (sql, _) = EventSearch { until_ms: 1, ..EventSearch::default() }.page(1).unwrap();
        assert!(sql.ends_with("ORDER BY time DESC, event_id DESC LIMIT 2"), "{sql}");
    }

    #[test]
    fn texts_are_taken_literally_and_bounded() {
        let search = EventSearch { text: Some("100%_\\".to_owned()), until_ms: 1, ..EventSearch::default() };
        let (_, parameters) = search.page(1).unwrap();
        assert_eq!(parameters[2], json!("%100\\%\\_\\\\%"));
        let long = EventSearch { actor: Some("x".repeat(VALUE_BYTES_MAX + 1)), ..search };
        assert!(long.page(1).is_err());
    }

    #[test]
    fn a_histogram_has_few_spans_of_a_round_length() {
        for (span_ms, bucket_ms) in [
            (1_000, 1_000),
            (3_600_000, 300_000),
            (86_400_000, 3_600_000),
            (7 * 86_400_000, 10_800_000),
            (90 * 86_400_000, 172_800_000),
        ] {
            let search = EventSearch { until_ms: span_ms, ..EventSearch::default() };
            assert_eq!(search.bucket_ms(), bucket_ms, "{span_ms}");
            assert!(span_ms / bucket_ms < BUCKETS_MAX);
        }
    }

    #[test]
    fn cursors_are_checked() {
        let id = "0f".repeat(16);
        assert_eq!(after(&format!("events~-5~{id}")).unwrap(), (-5, id));
        for bad in ["", "events~1~x", "events~x~00000000000000000000000000000000", "incidents~1~2"] {
            assert_eq!(after(bad).unwrap_err().code, Code::CursorInvalid, "{bad}");
        }
    }
}
