//! `huecry query`: questions to the lake from a terminal.

use crate::cli::{Query, QueryFormat};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::terminal;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where questions go.
const PATH: &str = "/api/v1/query";
/// Most rows of a table for people, if the command line does not say.
const TABLE_ROWS: u64 = 1_000;
/// Most rows of any other answer, if the command line does not say.
const FILE_ROWS: u64 = 1_000_000;
/// What the client waits longer than the server works.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longest text in a table, in characters; the other formats have the whole.
const CELL_CHARS_MAX: usize = 80;

/// The ends of answers whose rows were cut off, in formats that have no other place to say so.
const MARKS: [&[u8]; 2] = [b"{\"huecry_truncated\":true}\n", b"# truncated\r\n"];

const TABLES: &str =
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
const COLUMNS: &str = "SELECT column_name, data_type FROM information_schema.columns \
    WHERE table_name = $1 AND table_schema = 'public' ORDER BY ordinal_position";

/// Asks and prints.
pub(super) fn run(query: &Query, client: &Client, json: bool) -> Result<Exit, Failure> {
    let format = query.format.unwrap_or(if json { QueryFormat::Json } else { QueryFormat::Table });
    if format == QueryFormat::Parquet && query.output.is_none() {
        return Err(
            Failure::new(Exit::Usage, "Parquet is not for terminals").hint("name a file with -o FILE")
        );
    }
    if format == QueryFormat::Table && query.output.is_some() {
        return Err(Failure::new(Exit::Usage, "a table is not for files")
            .hint("choose --format csv, json, ndjson or parquet"));
    }
    let answer = client.stream(PATH, &body(query, format)?, Duration::from_secs(query.timeout) + PATIENCE)?;
    if format == QueryFormat::Table {
        return table(answer);
    }
    let truncated = match &query.output {
        Some(path) => to_file(answer, path)?,
        None => copy(answer, &mut terminal::stdout()).map_err(|error| broke_off(&error))?,
    };
    if truncated {
        cut_off();
    }
    Ok(Exit::Done)
}

fn body(query: &Query, format: QueryFormat) -> Result<Value, Failure> {
    let (sql, parameters) = match (&query.sql, &query.schema) {
        (Some(sql), _) => (sql.as_str(), query.params.iter().map(|text| parameter(text)).collect()),
        (None, Some(table)) => (COLUMNS, vec![json!(table)]),
        (None, None) if query.tables => (TABLES, Vec::new()),
        (None, None) => {
            return Err(Failure::new(Exit::Usage, "there is no question").hint(
                "huecry query \"SELECT count(*) FROM events\"; --tables and --schema say what is there",
            ));
        }
    };
    let rows = if format == QueryFormat::Table { TABLE_ROWS } else { FILE_ROWS };
    let name = match format {
        QueryFormat::Table | QueryFormat::Json => "json",
        QueryFormat::Ndjson => "ndjson",
        QueryFormat::Csv => "csv",
        QueryFormat::Parquet => "parquet",
    };
    let limits =
        json!({ "rows": query.max_rows.unwrap_or(rows), "time_ms": query.timeout.saturating_mul(1_000) });
    Ok(json!({ "sql": sql, "parameters": Value::Array(parameters), "format": name, "limits": limits }))
}

/// A parameter as its text reads: numbers, true, false and null are what they look like, all else is text.
/// Quotes make any of them text.
fn parameter(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_))) => value,
        _ => json!(text),
    }
}

fn table(mut answer: impl Read) -> Result<Exit, Failure> {
    let mut text = String::new();
    answer.read_to_string(&mut text).map_err(|error| broke_off(&error))?;
    let answer: Value = serde_json::from_str(&text).map_err(|error| {
        Failure::new(Exit::Server, format!("the answer is not what it should be: {error}"))
    })?;
    let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let columns: Vec<String> = array(&answer["columns"]).iter().map(super::incident::text).collect();
    let rows: Vec<Vec<String>> =
        array(&answer["rows"]).iter().map(|row| array(row).iter().map(cell).collect()).collect();
    let header: Vec<&str> = columns.iter().map(String::as_str).collect();
    terminal::line(terminal::table(&header, &rows));
    terminal::note(format_args!("{} rows", rows.len()));
    if answer["truncated"] == true {
        cut_off();
    }
    Ok(Exit::Done)
}

/// A value in one line of bounded length, without what could drive a terminal.
fn cell(value: &Value) -> String {
    let text = super::incident::text(value);
    let mut shown: String =
        text.chars().take(CELL_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(CELL_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn cut_off() {
    terminal::note("there are more rows; --max-rows N asks for more of them");
}

fn broke_off(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Server, format!("the answer broke off: {error}"))
        .hint("it is not whole; the server's own log says why, often its time was over (--timeout)")
}

/// Writes a file that is there only when it is whole.
fn to_file(answer: impl Read, path: &Path) -> Result<bool, Failure> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let cannot = |error: std::io::Error| {
        Failure::new(Exit::Usage, format!("cannot write {}: {error}", path.display()))
    };
    let mut file = File::create(&partial).map_err(cannot)?;
    let copied = copy(answer, &mut file);
    let truncated = copied.map_err(|error| {
        let _ = std::fs::remove_file(&partial);
        broke_off(&error)
    })?;
    file.sync_all().map_err(cannot)?;
    std::fs::rename(&partial, path).map_err(cannot)?;
    Ok(truncated)
}

/// Copies an answer, without the mark at its end that says that rows were cut off; whether there was one.
fn copy(mut from: impl Read, to: &mut impl Write) -> std::io::Result<bool> {
    let held = MARKS.iter().map(|mark| mark.len()).max().unwrap_or_default();
    let mut buffer = Vec::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = match from.read(&mut piece) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if read == 0 {
            break;
        }
        buffer.extend_from_slice(&piece[..read]);
        let ready = buffer.len().saturating_sub(held);
        to.write_all(&buffer[..ready])?;
        buffer.drain(..ready);
    }
    let mark = MARKS.iter().find(|mark| buffer.ends_with(mark));
    buffer.truncate(buffer.len() - mark.map_or(0, |mark| mark.len()));
    to.write_all(&buffer)?;
    to.flush()?;
    Ok(mark.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_what_they_look_like() {
        let cases = [
            ("5", json!(5)),
            ("-1.5", json!(-1.5)),
            ("true", json!(true)),
            ("null", Value::Null),
            ("alice", json!("alice")),
            ("\"5\"", json!("5")),
            ("", json!("")),
            ("[1]", json!("[1]")),
            ("' OR 1=1 --", json!("' OR 1=1 --")),
        ];
        for (text, expected) in cases {
            assert_eq!(parameter(text), expected, "{text}");
        }
    }

    /// Gives a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let take = out.len().min(1);
            (&mut self.0).take(take as u64).read(out)
        }
    }

    #[test]
    fn the_mark_of_a_cut_is_noticed_and_left_out() {
        for (answer, copied, cut) in [
            ("a,b\r\n1,2\r\n# truncated\r\n", "a,b\r\n1,2\r\n", true),
            ("a,b\r\n1,2\r\n", "a,b\r\n1,2\r\n", false),
            ("{\"a\":1}\n{\"huecry_truncated\":true}\n", "{\"a\":1}\n", true),
            ("", "", false),
        ] {
            for answer in [Box::new(answer.as_bytes()) as Box<dyn Read>, Box::new(Slow(answer.as_bytes()))] {
                let mut out = Vec::new();
                assert_eq!(copy(answer, &mut out).unwrap(), cut);
                assert_eq!(String::from_utf8(out).unwrap(), copied);
            }
        }
    }

    #[test]
    fn a_cell_is_one_short_line() {
        assert_eq!(cell(&json!("a\n\u{1b}[31mb")), "a  [31mb");
        assert_eq!(cell(&json!("x".repeat(100))).chars().count(), CELL_CHARS_MAX + 1);
        assert_eq!(cell(&Value::Null), "-");
    }
}
