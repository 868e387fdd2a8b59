//! Cuts a body into records: each a borrowed slice of the body, its bytes untouched.
//!
//! **Invariant:** a body is cut whole or refused whole. What cannot be cut (an array that does not end)
//! gives an error and no record; what can be cut is not judged: a line that is no JSON is a record too,
//! and normalize dead-letters it with the reason. So a bad record never costs its neighbours.

use crate::audit_lines;
use crate::json::{Elements, Members, ScanError, skip_space, trim, value_end};
use crate::limits::{BODY_RECORDS_MAX, BROKEN_STARTS_MAX, RECORD_BODY_BYTES_MAX};
use memchr::memchr;

/// How the sender says that the body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Not said: JSON values, or lines, whichever fits. Among lines a record may stand over several.
    #[default]
    Auto,
    /// One record a line (`application/x-ndjson`): every line stands for itself.
    Lines,
}

impl Format {
    /// What a `Content-Type` says. Anything but the known names for lines is [`Format::Auto`], since
    /// senders label line-wise bodies as `application/json` all the time.
    pub fn of_content_type(content_type: &str) -> Self {
        const LINES: [&str; 5] = [
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
            "application/x-jsonlines",
            "application/json-lines",
        ];
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if LINES.iter().any(|lines| essence.eq_ignore_ascii_case(lines)) { Self::Lines } else { Self::Auto }
    }
}

/// Where a vendor's envelope keeps its records: keys from the outside in, such as `data`, `events`.
pub type EnvelopePath<'p> = &'p [&'p str];

/// Why a body was refused. Offsets are in the decompressed body, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// There is nothing in it.
    #[error("the body is empty")]
    Empty,
    /// The body ends inside a value.
    #[error("the body ends inside the JSON value that begins at byte {start}; nothing was accepted")]
    Truncated {
        /// Where the unfinished value begins.
        start: usize,
    },
    /// The body is not JSON, nor lines of it.
    #[error("expected {expected} at byte {offset}; nothing was accepted")]
    Unexpected {
        /// Where.
        offset: usize,
        /// What would have been right.
        expected: &'static str,
    },
    /// One record is over [`RECORD_BODY_BYTES_MAX`].
    #[error("record {number} has {bytes} bytes, the limit is {RECORD_BODY_BYTES_MAX}; nothing was accepted")]
    RecordTooLarge {
        /// Which one, counted from 1.
        number: usize,
        /// Its size.
        bytes: usize,
    },
    /// More than [`BODY_RECORDS_MAX`] records.
    #[error("more than {BODY_RECORDS_MAX} records in one body; nothing was accepted; send smaller bodies")]
    TooManyRecords,
}

impl From<ScanError> for SplitError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Truncated { start } => Self::Truncated { start },
            ScanError::Unexpected { offset, expected } => Self::Unexpected { offset, expected },
        }
    }
}

/// The records of `body`, in order.
///
/// Taken are: one object; an array; an envelope (an object with an array at one of `envelopes`, the first
/// that fits; its other members are not records and are left out); objects one after the other; lines.
/// A line that is itself an envelope is opened too. Text of the Linux audit system is cut by event.
///
/// # Errors
/// [`SplitError`]; then nothing of the body counts as accepted.
pub fn split<'b>(
    body: &'b [u8],
    format: Format,
    envelopes: &[EnvelopePath<'_>],
) -> Result<Vec<&'b [u8]>, SplitError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut records = Records { found: Vec::new() };
    let start = skip_space(body, 0);
    if audit_lines::is_audit(body) {
        for event in audit_lines::events(body) {
            records.push(event)?;
        }
        return Ok(records.found);
    }
    match (format, body.get(start)) {
        (_, None) => return Err(SplitError::Empty),
        (Format::Lines, Some(_)) => lines(body, envelopes, &mut records)?,
        (Format::Auto, Some(b'{')) if all_lines_are_objects(body) => lines(body, envelopes, &mut records)?,
        (Format::Auto, Some(first)) => match document(body, start, envelopes, &mut records) {
            Ok(()) => {}
            Err(limit @ (SplitError::RecordTooLarge { .. } | SplitError::TooManyRecords)) => {
                return Err(limit);
            }
            Err(_) if *first != b'[' && is_line_wise(body) => {
                records.found.clear();
                lines_and_documents(body, envelopes, &mut records)?;
            }
            Err(error) => return Err(error),
        },
    }
    Ok(records.found)
}

struct Records<'b> {
    found: Vec<&'b [u8]>,
}

impl<'b> Records<'b> {
    fn push(&mut self, record: &'b [u8]) -> Result<(), SplitError> {
        if self.found.len() >= BODY_RECORDS_MAX {
            return Err(SplitError::TooManyRecords);
        }
        if record.len() > RECORD_BODY_BYTES_MAX {
            return Err(SplitError::RecordTooLarge { number: self.found.len() + 1, bytes: record.len() });
        }
        self.found.push(record);
        Ok(())
    }

    fn push_array(&mut self, bytes: &'b [u8], start: usize) -> Result<usize, SplitError> {
        let mut elements = Elements::new(bytes, start);
        for element in elements.by_ref() {
            self.push(element?)?;
        }
        elements.end().ok_or(SplitError::Truncated { start })
    }
}

/// One array, or objects one after the other (most often just one).
fn document<'b>(
    body: &'b [u8],
    start: usize,
    envelopes: &[EnvelopePath<'_>],
    records: &mut Records<'b>,
) -> Result<(), SplitError> {
    let mut at = start;
    if body[at] == b'[' {
        at = skip_space(body, records.push_array(body, at)?);
        return match body.get(at) {
            None => Ok(()),
            Some(_) => Err(SplitError::Unexpected { offset: at, expected: "the end of the body" }),
        };
    }
    while at < body.len() {
        if body[at] != b'{' {
            return Err(SplitError::Unexpected { offset: at, expected: "an object, an array or lines" });
        }
        at = skip_space(body, object(body, at, envelopes, records)?);
    }
    Ok(())
}

/// The object at `start`: its envelope's records, or itself. Returns its end.
fn object<'b>(
    body: &'b [u8],
    start: usize,
    envelopes: &[EnvelopePath<'_>],
    records: &mut Records<'b>,
) -> Result<usize, SplitError> {
    let kept = records.found.len();
    for path in envelopes {
        match opened(body, start, path, records) {
            Ok((true, end)) => return Ok(end),
            Ok((false, _)) => {}
            // malformed where an envelope would be sound: brackets alone decide below
            Err(SplitError::Unexpected { .. }) => {
                records.found.truncate(kept);
                break;
            }
            Err(error) => return Err(error),
        }
    }
    let end = value_end(body, start)?;
    records.push(&body[start..end])?;
    Ok(end)
}

/// The records of one value: its envelope's, or itself.
pub(crate) fn opened_object<'b>(
    value: &'b [u8],
    envelopes: &[EnvelopePath<'_>],
) -> Result<Vec<&'b [u8]>, SplitError> {
    let mut records = Records { found: Vec::new() };
    if is_whole_object(value) && may_be_envelope(value, envelopes) {
        object(value, 0, envelopes, &mut records)?;
    } else {
        records.push(value)?;
    }
    Ok(records.found)
}

/// Takes the records of the array at `path` of the object at `start`, in one pass; whether there was one,
/// and the object's end.
fn opened<'b>(
    body: &'b [u8],
    start: usize,
    path: EnvelopePath<'_>,
    records: &mut Records<'b>,
) -> Result<(bool, usize), SplitError> {
    let mut found = false;
    let mut members = Members::new(body, start);
    while let Some((key, value)) = members.next_key()? {
        let wanted = !found && path.first().is_some_and(|first| first.as_bytes() == key);
        let end = match (wanted, path.len(), body.get(value)) {
            (true, 1, Some(b'[')) => {
                found = true;
                records.push_array(body, value)?
            }
            (true, 2.., Some(b'{')) => {
                let (inside, end) = opened(body, value, &path[1..], records)?;
                found = inside;
                end
            }
            _ => value_end(body, value)?,
        };
        members.go_on(end);
    }
    Ok((found, members.end()))
}

/// Whether a line, without white space at its ends, is one object from its first byte to its last, going by
/// strings and brackets. Whether it is good JSON is not asked, and no depth overflows a stack.
pub fn is_whole_object(line: &[u8]) -> bool {
    line.starts_with(b"{") && value_end(line, 0) == Ok(line.len())
}

/// Whether `bytes` are objects one after the other, of which the last does not end.
pub fn ends_inside_object(bytes: &[u8]) -> bool {
    let mut at = skip_space(bytes, 0);
    while bytes.get(at) == Some(&b'{') {
        match value_end(bytes, at) {
            Ok(end) => at = skip_space(bytes, end),
            Err(_) => return true,
        }
    }
    false
}

/// Whether there are two lines at least and each is one whole object, so that cutting by lines cuts no record
/// apart. Lines are cut many times faster than documents, whose envelopes are looked for.
fn all_lines_are_objects(body: &[u8]) -> bool {
    let mut lines = body.split(|&b| b == b'\n').map(trim).filter(|line| !line.is_empty());
    lines.next().is_some_and(is_whole_object)
        && lines.next().is_some_and(is_whole_object)
        && lines.all(is_whole_object)
}

/// Whether a body that is no whole document reads as lines: its first line is a whole object, or most of its
/// lines are. A document that breaks off has neither, however it is laid out.
fn is_line_wise(body: &[u8]) -> bool {
    let lines = || body.split(|&b| b == b'\n').map(trim).filter(|line| !line.is_empty());
    if lines().next().is_some_and(is_whole_object) {
        return true;
    }
    let (objects, others): (Vec<_>, Vec<_>) = lines().map(is_whole_object).partition(|&object| object);
    objects.len() > others.len()
}

/// Lines of which some are broken: each stands for itself, but a line that begins a sound object over several
/// lines is that object.
fn lines_and_documents<'b>(
    body: &'b [u8],
    envelopes: &[EnvelopePath<'_>],
    records: &mut Records<'b>,
) -> Result<(), SplitError> {
    let (mut at, mut broken_starts) = (skip_space(body, 0), 0);
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let line_end = at + memchr(b'\n', rest).unwrap_or(rest.len());
        let line = trim(&body[at..line_end]);
        let may_go_on = line.starts_with(b"{") && !is_whole_object(line) && broken_starts < BROKEN_STARTS_MAX;
        match may_go_on.then(|| sound_object(body, at)) {
            Some(Some(end)) => {
                object(body, at, envelopes, records)?;
                at = end;
            }
            tried => {
                broken_starts += usize::from(tried.is_some());
                self::line(line, envelopes, records)?;
                at = line_end;
            }
        }
        at = skip_space(body, at);
    }
    Ok(())
}

/// The end of the object at `start`, if it is good JSON and nothing stands behind it on its last line. An
/// unclosed string may find its end in another record, so brackets alone are not enough here.
fn sound_object(body: &[u8], start: usize) -> Option<usize> {
    let within = &body[..body.len().min(start + RECORD_BODY_BYTES_MAX)];
    let end = value_end(within, start).ok()?;
    let line_end = end + memchr(b'\n', &body[end..]).unwrap_or(body.len() - end);
    let alone = trim(&body[end..line_end]).is_empty();
    let sound = || serde_json::from_slice::<serde::de::IgnoredAny>(&body[start..end]).is_ok();
    (alone && sound()).then_some(end)
}

fn lines<'b>(
    body: &'b [u8],
    envelopes: &[EnvelopePath<'_>],
    records: &mut Records<'b>,
) -> Result<(), SplitError> {
    let mut rest = body;
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = trim(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
        if !line.is_empty() {
            self::line(line, envelopes, records)?;
        }
    }
    Ok(())
}

/// One line: its envelope's records, or itself.
fn line<'b>(
    line: &'b [u8],
    envelopes: &[EnvelopePath<'_>],
    records: &mut Records<'b>,
) -> Result<(), SplitError> {
    if !may_be_envelope(line, envelopes) {
        return records.push(line);
    }
    let kept = records.found.len();
    match object(line, 0, envelopes, records) {
        Ok(end) if end == line.len() => Ok(()),
        Err(limit @ (SplitError::RecordTooLarge { .. } | SplitError::TooManyRecords)) => Err(limit),
        // an envelope that breaks off stays one record, for normalize to refuse
        _ => {
            records.found.truncate(kept);
            records.push(line)
        }
    }
}

/// Lines are plentiful and envelopes in them rare: only a line in which an envelope's first key stands somewhere
/// is read.
fn may_be_envelope(line: &[u8], envelopes: &[EnvelopePath<'_>]) -> bool {
    envelopes.iter().any(|path| {
        let key = path.first().map_or(&b""[..], |key| key.as_bytes());
        let quoted = |at: usize| {
            at.checked_sub(1).and_then(|before| line.get(before)) == Some(&b'"')
                && line.get(at + key.len()) == Some(&b'"')
        };
        memchr::memmem::find_iter(line, key).any(quoted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPES: &[EnvelopePath<'static>] = &[&["Records"], &["data", "events"]];

    fn cut(format: Format, body: &str) -> Result<Vec<String>, SplitError> {
        split(body.as_bytes(), format, ENVELOPES)
            .map(|records| records.iter().map(|r| String::from_utf8_lossy(r).into_owned()).collect())
    }

    #[test]
    fn bodies_are_cut_into_records() {
        use Format::{Auto, Lines};
        let cases: &[(Format, &str, &[&str])] = &[
            (Auto, r#" {"a":1} "#, &[r#"{"a":1}"#]),
            (Auto, "{\n  \"a\": {\n    \"b\": 1\n  }\n}\n", &["{\n  \"a\": {\n    \"b\": 1\n  }\n}"]),
            (Auto, r#"[{"a":1}, {"b":[2]} ,3]"#, &[r#"{"a":1}"#, r#"{"b":[2]}"#, "3"]),
            (Auto, "[]", &[]),
            (Auto, r#"{"Records":[{"a":1},{"b":2}]}"#, &[r#"{"a":1}"#, r#"{"b":2}"#]),
            (Auto, r#"{"v":"x","Records": [] }"#, &[]),
            (
                Auto,
                r#"{"eventType":"h","data":{"n":1,"events":[{"uuid":"u"}]},"z":[]}"#,
                &[r#"{"uuid":"u"}"#],
            ),
            // malformed behind its array, an envelope is one record: no part of it counts twice
            (Auto, r#"{"Records":[{"a":1}] "x"}"#, &[r#"{"Records":[{"a":1}] "x"}"#]),
            (Lines, r#"{"Records":[{"a":1}] "x"}"#, &[r#"{"Records":[{"a":1}] "x"}"#]),
            (Auto, "{\"a\":1}\n{\n\"b\":2\n}", &[r#"{"a":1}"#, "{\n\"b\":2\n}"]),
            (Auto, "{\"a\":1}\n{\"b\":2}\n{\"c\":3", &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3"#]),
            // an envelope's name over something else is an ordinary record
            (Auto, r#"{"Records":7}"#, &[r#"{"Records":7}"#]),
            (Auto, r#"{"data":{"events":{}}}"#, &[r#"{"data":{"events":{}}}"#]),
            (Auto, r#"{"a":{"Records":[1]}}"#, &[r#"{"a":{"Records":[1]}}"#]),
            (Auto, r#"{"a":1}{"b":2} {"c":3}"#, &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#]),
            (Auto, "{\"a\":1}\r\n\r\n{\"b\":2}\r\n", &[r#"{"a":1}"#, r#"{"b":2}"#]),
            // a bad line does not cost its neighbours, wherever it stands
            (Auto, "{\"a\":\n{\"b\":2}\n{}\n", &[r#"{"a":"#, r#"{"b":2}"#, "{}"]),
            (Auto, "{\"a\":1}\nnot json\n{\"b\":2}", &[r#"{"a":1}"#, "not json", r#"{"b":2}"#]),
            (Lines, "oops\n{\"b\":2}", &["oops", r#"{"b":2}"#]),
            (Lines, "oops", &["oops"]),
            (Lines, "[1]\n{\"b\":\"\\n\"}", &["[1]", r#"{"b":"\n"}"#]),
            (
                Lines,
                "{\"Records\":[{\"a\":1},{\"b\":2}]}\n{\"c\":3}",
                &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#],
            ),
            (
                Lines,
                "{\"v\":1,\"Records\":[{\"a\":1}]}\n{\"c\":\"Records\"}",
                &[r#"{"a":1}"#, r#"{"c":"Records"}"#],
            ),
            (Lines, "{\"Records\":[{\"a\":1},\n{\"c\":3}", &[r#"{"Records":[{"a":1},"#, r#"{"c":3}"#]),
            // a malformed record within a sound array is a record
            (Auto, r#"[{"a":nope},{"b":2}]"#, &[r#"{"a":nope}"#, r#"{"b":2}"#]),
            (Auto, "\u{feff}{\"a\":1}", &[r#"{"a":1}"#]),
        ];
        for (format, body, expected) in cases {
            assert_eq!(cut(*format, body).as_deref().unwrap(), *expected, "{body}");
        }
    }

    #[test]
    fn a_record_over_several_lines_stays_whole() {
        let cases: &[(&str, &[&str])] = &[
            // a record over several lines stays whole, wherever it stands and whatever stands beside it
            (
                "{\"a\":1}\n{\"b\":2}\n{\n\"c\":3\n}\n{\"d\":4}",
                &[r#"{"a":1}"#, r#"{"b":2}"#, "{\n\"c\":3\n}", r#"{"d":4}"#],
            ),
            (
                "{\"a\":1}\n{\"b\":2}\n{\"c\":3}{\"d\":4}",
                &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#, r#"{"d":4}"#],
            ),
            (
                "{\"a\":1}\noops\n{\n\"c\":3\n}\n{\"d\":\n{\"e\":5}",
                &[r#"{"a":1}"#, "oops", "{\n\"c\":3\n}", r#"{"d":"#, r#"{"e":5}"#],
            ),
            // an unclosed string swallows no neighbour
            (
                "{\"a\":1}\n{\"b\":\"x\n{\"c\":\"}\"}\n{\"d\":4}",
                &[r#"{"a":1}"#, r#"{"b":"x"#, r#"{"c":"}"}"#, r#"{"d":4}"#],
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(cut(Format::Auto, body).as_deref().unwrap(), *expected, "{body}");
        }
    }

    #[test]
    fn what_cannot_be_cut_is_refused_whole() {
        let cases: &[(&str, SplitError)] = &[
            ("", SplitError::Empty),
            (" \n ", SplitError::Empty),
            (r#"[{"a":1},{"b":"#, SplitError::Truncated { start: 9 }),
            (r#"[{"a":1},"#, SplitError::Truncated { start: 0 }),
            ("[{\"a\":1},\n{\"b\":2}", SplitError::Truncated { start: 0 }),
            (r#"{"Records":[{"a":1},"#, SplitError::Truncated { start: 11 }),
            ("{\"Records\":[\n{\"a\":1},\n{\"b\":2}\n", SplitError::Truncated { start: 11 }),
            ("{\n\"a\":[\n{\n\"b\":1\n}\n", SplitError::Truncated { start: 6 }),
            (r#"[{"a":1} {"b":2}]"#, SplitError::Unexpected { offset: 9, expected: "a comma or ]" }),
            (r#"[1] 2"#, SplitError::Unexpected { offset: 4, expected: "the end of the body" }),
            ("hello", SplitError::Unexpected { offset: 0, expected: "an object, an array or lines" }),
        ];
        for (body, expected) in cases {
            assert_eq!(cut(Format::Auto, body).unwrap_err(), *expected, "{body}");
        }
    }

    #[test]
    fn limits_refuse_the_body() {
        let many = format!("[{}0]", "0,".repeat(BODY_RECORDS_MAX));
        assert_eq!(cut(Format::Auto, &many), Err(SplitError::TooManyRecords));
        let large = format!("{{}}\n\"{}\"\n", "x".repeat(RECORD_BODY_BYTES_MAX));
        let bytes = RECORD_BODY_BYTES_MAX + 2;
        assert_eq!(cut(Format::Lines, &large), Err(SplitError::RecordTooLarge { number: 2, bytes }));
    }

    #[test]
    fn no_depth_overflows_the_stack() {
        for depth in [1_000, 100_000] {
            let deep = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
            assert!(is_whole_object(deep.as_bytes()));
            assert!(ends_inside_object(&deep.as_bytes()[..deep.len() - 1]));
            for body in [
                deep.clone(),
                format!("{{}}\n{deep}\n{{}}"),
                format!("{{}}\n{}\nx", deep.replace(':', ":\n")),
            ] {
                assert!(cut(Format::Auto, &body).unwrap().iter().any(|record| record.len() >= deep.len()));
            }
        }
    }

    #[test]
    fn content_types_name_lines() {
        assert_eq!(Format::of_content_type("application/x-ndjson; charset=utf-8"), Format::Lines);
        assert_eq!(Format::of_content_type("Application/JSONL"), Format::Lines);
        assert_eq!(Format::of_content_type("application/json"), Format::Auto);
    }

    fn json() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<i64>().prop_map(Into::into),
            ".{0,8}".prop_map(Into::into),
        ];
        let value = leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::btree_map(".{0,6}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        });
        proptest::collection::btree_map(".{0,6}", value, 0..4)
            .prop_map(|map| serde_json::Value::Object(map.into_iter().collect()))
    }

    proptest::proptest! {
        #[test]
        fn every_way_of_writing_gives_the_same_records(records in proptest::collection::vec(json(), 1..6)) {
            let texts: Vec<String> = records.iter().map(ToString::to_string).collect();
            for body in [
                format!("[{}]", texts.join(" , ")),
                format!(r#"{{"v":1,"Records":[{}]}}"#, texts.join(",")),
                texts.join("\n"),
                texts.concat(),
            ] {
                let found = split(body.as_bytes(), Format::Auto, &[&["Records"]]).unwrap();
                proptest::prop_assert_eq!(found, texts.iter().map(String::as_bytes).collect::<Vec<_>>());
            }
        }

        #[test]
        fn records_on_one_line_and_on_many_stay_whole(
            records in proptest::collection::vec((json(), proptest::bool::ANY), 1..8),
            broken in proptest::option::of(0..8_usize),
        ) {
            let text = |(record, pretty): &(serde_json::Value, bool)| match pretty {
                true => serde_json::to_string_pretty(record).unwrap(),
                false => record.to_string(),
            };
            let mut texts: Vec<String> = records.iter().map(text).collect();
            if let Some(at) = broken {
                // a bad line among them, behind one by which the body is seen to be lines
                texts.insert(0, "{}".to_owned());
                texts.insert((at + 1).min(texts.len()), "no record at all".to_owned());
            }
            let body = texts.join("\n");
            let found = split(body.as_bytes(), Format::Auto, &[&["Records"]]).unwrap();
            proptest::prop_assert_eq!(found, texts.iter().map(String::as_bytes).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            for format in [Format::Auto, Format::Lines] {
                let _ = split(&bytes, format, ENVELOPES);
            }
        }

        #[test]
        fn lines_add_up(lines in proptest::collection::vec("[ -~]{1,20}", 1..20)) {
            let expected = lines.iter().filter(|line| !line.trim().is_empty()).count();
            let body = lines.join("\n");
            let found = split(body.as_bytes(), Format::Lines, &[]);
            proptest::prop_assert_eq!(found.map_or(0, |records| records.len()), expected);
        }
    }
}
