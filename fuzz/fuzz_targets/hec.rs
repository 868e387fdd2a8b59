//! Any bytes as the body of a Splunk HEC request: an answer always, and the right one where the body is
//! sound JSON by another parser's judgement.
#![no_main]

use ingest::hec::{RawMetadata, events, raw_lines};
use ingest::{Format, Kind, split};
use libfuzzer_sys::fuzz_target;
use serde_json::{Deserializer, Value};

/// The events that `serde_json` sees, when every one is a good HEC object.
fn sound(body: &[u8]) -> Option<Vec<Value>> {
    let objects: Result<Vec<Value>, _> = Deserializer::from_slice(body).into_iter().collect();
    let objects = objects.ok().filter(|objects| !objects.is_empty())?;
    let good = |object: &Value| {
        let event = object.get("event").filter(|event| !event.is_null() && **event != "")?;
        let index_fits = object.get("index").is_none_or(Value::is_string);
        index_fits.then(|| event.clone())
    };
    objects.iter().map(good).collect()
}

fn is_plain(body: &[u8]) -> bool {
    // a key written with escapes or given twice means the same to one parser and not to the other
    let keys: Vec<_> = body.windows(7).filter(|window| *window == b"\"event\"").collect();
    !body.contains(&b'\\') && keys.len() == body.iter().filter(|&&b| b == b'{').count()
}

fuzz_target!(|body: &[u8]| {
    let vendor = events(body, Kind::of("okta"));
    let whole = events(body, Kind::of("syslog"));
    assert_eq!(vendor.is_ok(), whole.is_ok());
    if let (Ok(vendor), Ok(whole)) = (&vendor, &whole) {
        assert_eq!(vendor.len(), whole.len());
        let bytes: usize = whole.iter().map(|record| record.len()).sum();
        assert!(bytes <= body.len(), "records are parts of the body");
    }
    if let Some(expected) = sound(body).filter(|_| is_plain(body)) {
        let records = vendor.expect("a sound body is taken");
        assert_eq!(records.len(), expected.len());
        for (record, event) in records.iter().zip(expected).filter(|(_, event)| !event.is_string()) {
            assert_eq!(serde_json::from_slice::<Value>(record).expect("a sound event"), event);
        }
    }
    let lines = raw_lines(body, Kind::of("okta"), &RawMetadata::default()).map_or(0, |lines| lines.len());
    let wrapped = raw_lines(body, Kind::of("syslog"), &RawMetadata::default()).map_or(0, |lines| lines.len());
    assert_eq!(lines, wrapped);
    for format in [Format::Auto, Format::Lines] {
        for record in split(body, format, Kind::of("aws_cloudtrail").envelopes).unwrap_or_default() {
            let inside = body.as_ptr_range();
            assert!(record.is_empty() || inside.contains(&record.as_ptr()), "a record is a slice of the body");
        }
    }
});
