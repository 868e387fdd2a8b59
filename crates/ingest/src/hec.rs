//! The Splunk HTTP Event Collector's format: objects one after the other, with or without white space
//! between, each with its `event`.
//!
//! What becomes the record (docs/guide/sources.md tells senders the same):
//! - A source of a vendor's kind ([`Kind::unwraps_hec`](crate::Kind)): the value of `event`, its bytes
//!   untouched; a string that holds the text of an object is that object. The vendor's list answer
//!   (`{"Records":[…]}`) is opened, as the other doors do. HEC's own `time`, `host` and `sourcetype` are left
//!   out, since the vendor's event carries its own.
//! - Any other source: the whole HEC object, untouched, with everything around the event.
//!
//! Unlike Splunk, which keeps the events before a bad one, a request is taken whole or not at all.

use crate::Kind;
use crate::json::{Members, ScanError, skip_space, value_end};
use crate::limits::{BODY_RECORDS_MAX, RECORD_BODY_BYTES_MAX};
use crate::split::{EnvelopePath, SplitError, opened_object};
use std::borrow::Cow;

/// Splunk's answers by number ("Troubleshoot HTTP Event Collector", *Possible error codes*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HecCode {
    /// 0
    Success,
    /// 1
    TokenDisabled,
    /// 2
    TokenRequired,
    /// 3
    InvalidAuthorization,
    /// 4
    InvalidToken,
    /// 5
    NoData,
    /// 6
    InvalidDataFormat,
    /// 7
    IncorrectIndex,
    /// 8
    InternalError,
    /// 9
    ServerBusy,
    /// 10
    ChannelMissing,
    /// 11
    ChannelInvalid,
    /// 12
    EventRequired,
    /// 13
    EventBlank,
    /// 14
    AckDisabled,
    /// 16
    QueryTokenRefused,
    /// 17
    Healthy,
    /// 18
    Unhealthy,
    /// 27
    TooLarge,
}

impl HecCode {
    /// Splunk's number, the HTTP status and Splunk's text.
    pub const fn answer(self) -> (u16, u16, &'static str) {
        match self {
            Self::Success => (0, 200, "Success"),
            Self::TokenDisabled => (1, 403, "Token disabled"),
            Self::TokenRequired => (2, 401, "Token is required"),
            Self::InvalidAuthorization => (3, 401, "Invalid authorization"),
            Self::InvalidToken => (4, 403, "Invalid token"),
            Self::NoData => (5, 400, "No data"),
            Self::InvalidDataFormat => (6, 400, "Invalid data format"),
            Self::IncorrectIndex => (7, 400, "Incorrect index"),
            Self::InternalError => (8, 500, "Internal server error"),
            Self::ServerBusy => (9, 503, "Server is busy"),
            Self::ChannelMissing => (10, 400, "Data channel is missing"),
            Self::ChannelInvalid => (11, 400, "Invalid data channel"),
            Self::EventRequired => (12, 400, "Event field is required"),
            Self::EventBlank => (13, 400, "Event field cannot be blank"),
            Self::AckDisabled => (14, 400, "ACK is disabled"),
            Self::QueryTokenRefused => (16, 400, "Query string authorization is not enabled"),
            Self::Healthy => (17, 200, "HEC is healthy"),
            Self::Unhealthy => (18, 503, "HEC is unhealthy, queues are full"),
            Self::TooLarge => (27, 413, "Request entity too large"),
        }
    }
}

/// A HEC body that was refused; nothing of it was accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", .code.answer().2, .event_number.map(|n| format!(" (event {n})")).unwrap_or_default())]
pub struct HecError {
    /// What was wrong.
    pub code: HecCode,
    /// Which event, counted from 0 as Splunk's `invalid-event-number` does.
    pub event_number: Option<usize>,
}

impl HecError {
    const fn at(code: HecCode, event_number: usize) -> Self {
        Self { code, event_number: Some(event_number) }
    }
}

/// The records of a body of `/services/collector` or `/services/collector/event`.
///
/// # Errors
/// [`HecError`] with the number of the first event that is wrong.
pub fn events<'b>(body: &'b [u8], kind: &Kind) -> Result<Vec<Cow<'b, [u8]>>, HecError> {
    let mut records = Vec::new();
    let (mut at, mut number) = (skip_space(body, 0), 0);
    while at < body.len() {
        let malformed = |_: ScanError| HecError::at(HecCode::InvalidDataFormat, number);
        if body[at] != b'{' {
            return Err(HecError::at(HecCode::InvalidDataFormat, number));
        }
        let end = value_end(body, at).map_err(malformed)?;
        event_records(&body[at..end], kind, &mut records).map_err(|code| HecError::at(code, number))?;
        number += 1;
        at = skip_space(body, end);
    }
    if number == 0 {
        return Err(HecError { code: HecCode::NoData, event_number: None });
    }
    Ok(records)
}

fn event_records<'b>(object: &'b [u8], kind: &Kind, records: &mut Vec<Cow<'b, [u8]>>) -> Result<(), HecCode> {
    let mut event = None;
    for member in Members::new(object, 0) {
        let member = member.map_err(|_| HecCode::InvalidDataFormat)?;
        match member.key {
            b"event" => event = Some(member.value),
            b"index" if !member.value.starts_with(b"\"") => return Err(HecCode::IncorrectIndex),
            _ => {}
        }
    }
    let event = match event {
        None | Some(b"null") => return Err(HecCode::EventRequired),
        Some(b"\"\"") => return Err(HecCode::EventBlank),
        Some(event) => event,
    };
    let unpacked = (kind.unwraps_hec && event.starts_with(b"\"")).then(|| object_in_string(event));
    match unpacked {
        Some(Some(text)) => {
            let found = opened(&text, kind.envelopes)?;
            records.extend(found.into_iter().map(|record| Cow::Owned(record.to_vec())));
        }
        Some(None) => records.push(Cow::Borrowed(object)),
        None if kind.unwraps_hec => {
            records.extend(opened(event, kind.envelopes)?.into_iter().map(Cow::Borrowed));
        }
        None => records.push(Cow::Borrowed(object)),
    }
    let fits = records.len() <= BODY_RECORDS_MAX
        && records.last().is_none_or(|record| record.len() <= RECORD_BODY_BYTES_MAX);
    if fits { Ok(()) } else { Err(HecCode::TooLarge) }
}

/// The records of a vendor's list answer, or the value itself.
fn opened<'b>(value: &'b [u8], envelopes: &[EnvelopePath<'_>]) -> Result<Vec<&'b [u8]>, HecCode> {
    opened_object(value, envelopes).map_err(|error| match error {
        SplitError::RecordTooLarge { .. } | SplitError::TooManyRecords => HecCode::TooLarge,
        _ => HecCode::InvalidDataFormat,
    })
}

/// The object whose text the JSON string `quoted` holds.
fn object_in_string(quoted: &[u8]) -> Option<Vec<u8>> {
    let text: String = serde_json::from_slice(quoted).ok()?;
    let object = text.trim();
    let is_object = object.starts_with('{') && value_end(object.as_bytes(), 0) == Ok(object.len());
    is_object.then(|| object.as_bytes().to_vec())
}

/// What a sender of `/services/collector/raw` says in the query string about all its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RawMetadata {
    /// Seconds since the epoch, as Splunk takes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Which host the lines are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Which file or port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Which format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sourcetype: Option<String>,
    /// Which index; kept, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
}

/// The records of a body of `/services/collector/raw`: one a line.
///
/// A line of a vendor's source is the record as it is. A line of any other source is wrapped as the HEC
/// object that `/event` would have carried: `{"host":…,"event":"the line"}`.
///
/// # Errors
/// [`HecError`] when there is no line, a line is too large, or there are too many.
pub fn raw_lines<'b>(
    body: &'b [u8],
    kind: &Kind,
    metadata: &RawMetadata,
) -> Result<Vec<Cow<'b, [u8]>>, HecError> {
    #[derive(serde::Serialize)]
    struct Wrapped<'w> {
        #[serde(flatten)]
        metadata: &'w RawMetadata,
        event: Cow<'w, str>,
    }
    let mut records = Vec::new();
    let mut found_lines = false;
    for line in body.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        let number = records.len();
        found_lines = true;
        if number >= BODY_RECORDS_MAX || line.len() > RECORD_BODY_BYTES_MAX / 6 {
            return Err(HecError::at(HecCode::TooLarge, number));
        }
        if kind.unwraps_hec {
            // a line that breaks off stays one record, for normalize to refuse
            let found = opened(line, kind.envelopes).unwrap_or_else(|_| vec![line]);
            records.extend(found.into_iter().map(Cow::Borrowed));
            continue;
        }
        let wrapped = Wrapped { metadata, event: String::from_utf8_lossy(line) };
        let wrapped = serde_json::to_vec(&wrapped);
        let wrapped = wrapped.map_err(|_| HecError::at(HecCode::InvalidDataFormat, number))?;
        records.push(Cow::Owned(wrapped));
    }
    if records.len() > BODY_RECORDS_MAX {
        return Err(HecError::at(HecCode::TooLarge, BODY_RECORDS_MAX));
    }
    if !found_lines {
        return Err(HecError { code: HecCode::NoData, event_number: None });
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, body: &str) -> Result<Vec<String>, (u16, Option<usize>)> {
        events(body.as_bytes(), Kind::of(kind))
            .map(|records| records.iter().map(|r| String::from_utf8_lossy(r).into_owned()).collect())
            .map_err(|error| (error.code.answer().0, error.event_number))
    }

    #[test]
    fn events_become_records() {
        type Case<'c> = (&'c str, &'c str, &'c [&'c str]);
        let cases: &[Case<'_>] = &[
            ("aws_cloudtrail", r#"{"event":{"a":1}}"#, &[r#"{"a":1}"#]),
            (
                "aws_cloudtrail",
                r#"{"event":{"a":1}}{"host":"h","event":{"b":2}}"#,
                &[r#"{"a":1}"#, r#"{"b":2}"#],
            ),
            ("okta", "{\"event\":{\"a\":1}}\n\n {\"event\": {\"b\":2} }", &[r#"{"a":1}"#, r#"{"b":2}"#]),
            ("okta", r#"{"event":"{\"a\":\"\\u00e9\"}"}"#, &[r#"{"a":"\u00e9"}"#]),
            // the vendor's list answer, as it is or as text
            (
                "aws_cloudtrail",
                r#"{"event":{"v":1,"Records":[{"a":1},{"b":2}]}}{"event":{"c":3}}"#,
                &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#],
            ),
            (
                "aws_cloudtrail",
                r#"{"event":"{\"Records\":[{\"a\":1},{\"b\":2}]}"}"#,
                &[r#"{"a":1}"#, r#"{"b":2}"#],
            ),
            ("okta", r#"{"event":{"data":{"events":[{"uuid":"u"}]}}}"#, &[r#"{"uuid":"u"}"#]),
            ("aws_cloudtrail", r#"{"event":{"Records":[]}}"#, &[]),
            ("syslog", r#"{"event":{"Records":[{"a":1}]}}"#, &[r#"{"event":{"Records":[{"a":1}]}}"#]),
            // what cannot be the vendor's event stays whole, for normalize to refuse with a reason
            ("okta", r#"{"time":1,"event":"hello"}"#, &[r#"{"time":1,"event":"hello"}"#]),
            (
                "syslog",
                r#"{"time":1,"host":"h","event":{"a":1}}"#,
                &[r#"{"time":1,"host":"h","event":{"a":1}}"#],
            ),
            ("syslog", r#"{"event":"hello"}"#, &[r#"{"event":"hello"}"#]),
        ];
        for (kind, body, expected) in cases {
            assert_eq!(read(kind, body).unwrap(), *expected, "{body}");
        }
    }

    #[test]
    fn errors_carry_splunks_number_and_the_events() {
        let cases: &[(&str, (u16, Option<usize>))] = &[
            ("", (5, None)),
            (" \r\n", (5, None)),
            ("hello", (6, Some(0))),
            (r#"[{"event":1}]"#, (6, Some(0))),
            (r#"{"event":{"a":1}}{"event":"#, (6, Some(1))),
            (r#"{"event":{"a":1}},{"event":{"b":1}}"#, (6, Some(1))),
            (r#"{"event" {"a":1}}"#, (6, Some(0))),
            (r#"{"event":"x"}{"host":"h"}"#, (12, Some(1))),
            (r#"{"event":null}"#, (12, Some(0))),
            (r#"{"event":""}"#, (13, Some(0))),
            (r#"{"event":"x","index":7}"#, (7, Some(0))),
        ];
        for (body, expected) in cases {
            assert_eq!(read("okta", body), Err(*expected), "{body}");
        }
    }

    #[test]
    fn raw_lines_are_wrapped_unless_a_vendors() {
        let metadata = RawMetadata { host: Some("h\"1".into()), ..RawMetadata::default() };
        let body = b"{\"a\":1}\r\n\n<14>hello \xff\n";
        let read = |kind| -> Vec<String> {
            let records = raw_lines(body, Kind::of(kind), &metadata).unwrap();
            records.iter().map(|r| String::from_utf8_lossy(r).into_owned()).collect()
        };
        assert_eq!(read("okta"), ["{\"a\":1}", "<14>hello \u{fffd}"]);
        let wrapped = [
            r#"{"host":"h\"1","event":"{\"a\":1}"}"#,
            "{\"host\":\"h\\\"1\",\"event\":\"<14>hello \u{fffd}\"}",
        ];
        assert_eq!(read("syslog"), wrapped);
        let list = br#"{"Records":[{"a":1},{"b":2}]}"#;
        let records = raw_lines(list, Kind::of("aws_cloudtrail"), &metadata).unwrap();
        assert_eq!(records, [&br#"{"a":1}"#[..], br#"{"b":2}"#]);
        let nothing = raw_lines(b"\n \n", Kind::of("okta"), &metadata).unwrap_err();
        assert_eq!(nothing.code, HecCode::NoData);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            for kind in ["okta", "syslog"] {
                let _ = events(&bytes, Kind::of(kind));
                let _ = raw_lines(&bytes, Kind::of(kind), &RawMetadata::default());
            }
        }
    }
}
