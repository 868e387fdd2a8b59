//! Where a backtest has its records from: the lake of a data folder that no server has open, else a server's lake,
//! in slices of time.

use super::rules_backtest::Backtest;
use crate::cli::Cli;
use crate::client::Client;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::rollout::record::{COLUMNS, OwnedRecord};
use ::lake::{FileLake, Filter};
use jiff::Timestamp;
use ports::LakeError;
use serde_json::{Value, json};
use std::io::Read;
use std::time::Duration;

/// Most bytes of one slice, which is held in memory.
const SLICE_BYTES_MAX: u64 = 64 << 20;
/// Most rows of one slice.
const SLICE_ROWS_MAX: u64 = 500_000;
/// The first slice, in milliseconds.
const SLICE_MS: i64 = 3_600_000;
/// The largest slice.
const SLICE_MS_MAX: i64 = 7 * 86_400_000;
/// Longest time of one question, in milliseconds.
const SLICE_TIME_MS_MAX: u64 = 50_000;
const MARK: &[u8] = b"{\"huecry_truncated\":true}";

/// From when to when, milliseconds since the epoch; the end is not a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
}

/// Hands every record of the time to `backtest`; says from where. Nothing is written but what opening a lake that a
/// server left behind tidies up.
pub(super) fn read(
    cli: &Cli,
    config: &Config,
    span: Span,
    backtest: &mut Backtest,
) -> Result<String, Failure> {
    let dir = config.lake_dir()?.filter(|dir| cli.url.is_none() && dir.is_dir());
    if let Some(dir) = dir {
        match FileLake::open(&config.lake.options(dir.clone())) {
            Ok(lake) => {
                let filter = Filter { time_ms: Some(span.from_ms..span.until_ms), ..Filter::default() };
                let read = lake.records(&filter, |stored| {
                    backtest.record(&stored.record, stored.position, stored.service)
                });
                read.map_err(|error| Failure::new(Exit::Faults, error))?;
                return Ok(dir.display().to_string());
            }
            // a server has it open: it is asked
            Err(LakeError::Locked { .. }) => {}
            Err(error) => {
                return Err(Failure::new(Exit::Faults, format!("lake {}: {error}", dir.display()))
                    .hint("`huecry lake verify` names what is damaged"));
            }
        }
    }
    let client = Client::of(cli, config)?;
    let mut ask = |slice: Span| fetch(&client, slice);
    in_slices(span, &mut ask, &mut |row| {
        let record = OwnedRecord::of_row(row).ok_or_else(|| {
            Failure::new(Exit::NotAllowed, "the server shows no whole records")
                .hint("the token needs the scopes events:read and events:read_personal")
        })?;
        backtest.record(&record.as_raw(), record.position, row["service"].as_str());
        Ok(())
    })?;
    Ok(client.base().to_owned())
}

/// What came of asking for a slice.
#[derive(Debug)]
enum Fetched {
    /// All of it: lines of JSON.
    Whole(Vec<u8>),
    /// It is too much for one question.
    TooMuch(Failure),
}

/// Asks slice by slice; what is too much is asked in halves. A slice is worked on when it is whole, so nothing is
/// counted twice.
fn in_slices(
    span: Span,
    fetch: &mut dyn FnMut(Span) -> Result<Fetched, Failure>,
    each: &mut dyn FnMut(&Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (mut at, mut width) = (span.from_ms, SLICE_MS);
    while at < span.until_ms {
        let slice = Span { from_ms: at, until_ms: at.saturating_add(width).min(span.until_ms) };
        match fetch(slice)? {
            Fetched::Whole(lines) => {
                for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    let row = serde_json::from_slice(line).map_err(|error| {
                        Failure::new(Exit::Server, format!("the answer is not what it should be: {error}"))
                    })?;
                    each(&row)?;
                }
                at = slice.until_ms;
                if (lines.len() as u64) < SLICE_BYTES_MAX / 4 {
                    width = (width * 2).min(SLICE_MS_MAX);
                }
            }
            Fetched::TooMuch(failure) if slice.until_ms - slice.from_ms <= 1 => return Err(failure),
            Fetched::TooMuch(_) => width = ((slice.until_ms - slice.from_ms) / 2).max(1),
        }
    }
    Ok(())
}

fn moment(ms: i64) -> Result<String, Failure> {
    let at = Timestamp::from_millisecond(ms).map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

fn fetch(client: &Client, slice: Span) -> Result<Fetched, Failure> {
    let sql = format!(
        "SELECT {COLUMNS}, service FROM events WHERE time >= TIMESTAMP '{}' AND time < TIMESTAMP '{}'",
        moment(slice.from_ms)?,
        moment(slice.until_ms)?
    );
    let body = json!({ "sql": sql, "format": "ndjson",
        "limits": { "rows": SLICE_ROWS_MAX, "time_ms": SLICE_TIME_MS_MAX } });
    let patience = Duration::from_millis(SLICE_TIME_MS_MAX + 10_000);
    let answer = match client.stream("/api/v1/query", &body, patience) {
        Ok(answer) => answer,
        Err(failure)
            if ["query_too_slow", "query_too_much_memory"].iter().any(|c| failure.message.contains(c)) =>
        {
            return Ok(Fetched::TooMuch(failure));
        }
        Err(failure) => return Err(failure),
    };
    let mut lines = Vec::new();
    let too_much = |why: String| Ok(Fetched::TooMuch(Failure::new(Exit::Server, why)));
    if let Err(error) = answer.take(SLICE_BYTES_MAX + 1).read_to_end(&mut lines) {
        return too_much(format!("the answer broke off: {error}"));
    }
    if lines.len() as u64 > SLICE_BYTES_MAX {
        return too_much(format!("one millisecond has over {SLICE_BYTES_MAX} bytes of records"));
    }
    if lines.trim_ascii_end().ends_with(MARK) {
        return too_much(format!("one millisecond has over {SLICE_ROWS_MAX} records"));
    }
    Ok(Fetched::Whole(lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_millisecond_is_asked_once_whatever_is_too_much() {
        let span = Span { from_ms: 1_000, until_ms: 1_000 + 3 * SLICE_MS };
        let mut covered = Vec::new();
        let mut fetch = |slice: Span| {
            // at first nothing over ten minutes can be answered, then anything
            if slice.until_ms - slice.from_ms > 600_000 && slice.from_ms < span.from_ms + SLICE_MS {
                return Ok(Fetched::TooMuch(Failure::new(Exit::Server, "too much")));
            }
            covered.push(slice);
            Ok(Fetched::Whole(format!("{{\"at\":{}}}\n", slice.from_ms).into_bytes()))
        };
        let mut rows = Vec::new();
        in_slices(span, &mut fetch, &mut |row| {
            rows.push(row["at"].as_i64().unwrap());
            Ok(())
        })
        .unwrap();
        assert_eq!(covered.first().unwrap().from_ms, span.from_ms);
        assert_eq!(covered.last().unwrap().until_ms, span.until_ms);
        assert!(covered.is_sorted_by(|a, b| a.until_ms == b.from_ms));
        assert_eq!(rows, covered.iter().map(|slice| slice.from_ms).collect::<Vec<_>>());

        let mut never = |_: Span| Ok(Fetched::TooMuch(Failure::new(Exit::Server, "too much")));
        let failed = in_slices(span, &mut never, &mut |_| Ok(()));
        assert_eq!(failed.unwrap_err().message, "too much", "it ends");
    }

    #[test]
    fn moments_are_written_as_sql_reads_them() {
        assert_eq!(moment(1_772_359_200_250).unwrap(), "2026-03-01T10:00:00.250Z");
    }
}
