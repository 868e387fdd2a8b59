//! Events per second of one core's time: the JSON parser alone, the tape, and the tape with the mapping; and
//! allocations per event once the buffers have grown.
//!
//! `cargo run -p huecry-normalize --profile demo --example mapping_throughput -- KIND FILE…`
//! where each FILE holds one JSON object, an array of them, or a CloudTrail `{"Records":[…]}`.
//! Without arguments it reads a synthetic CloudTrail stream of its own.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use huecry_normalize::{Normalizer, Output, RawData, Schema};
use model::{FieldTable, Offset, Partition, Position, RawRecord, Tape, Topic};
use serde::Deserialize;
use std::time::Instant;

/// Long enough that the clock's grain and the warm-up do not matter.
const SECONDS_PER_MEASURE: f64 = 3.0;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_else(|| "aws_cloudtrail".into());
    let files: Vec<String> = arguments.collect();
    let records =
        if files.is_empty() { synthetic(1_000) } else { files.iter().flat_map(|f| read(f)).collect() };
    let bytes: usize = records.iter().map(Vec::len).sum();
    println!("{} records of {} bytes on average", records.len(), bytes / records.len());
    parse_only(&records);
    tape_only(&records, &kind);
    for raw_data in [RawData::Exclude, RawData::Include] {
        mapped(&records, &kind, raw_data);
    }
}

fn read(file: &str) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(file).expect("a readable file");
    let mut value: serde_json::Value = serde_json::from_slice(&bytes).expect("a JSON file");
    let value = value.get_mut("Records").map(serde_json::Value::take).unwrap_or(value);
    match value {
        serde_json::Value::Array(items) => items.iter().map(|item| item.to_string().into_bytes()).collect(),
        one => vec![one.to_string().into_bytes()],
    }
}

/// Records of about 1.2 KB whose names, addresses and times differ.
fn synthetic(count: u32) -> Vec<Vec<u8>> {
    let calls =
        ["GetObject", "DescribeInstances", "CreateUser", "AssumeRole", "PutBucketPolicy", "ConsoleLogin"];
    let record = |n: u32| {
        serde_json::json!({
            "eventVersion": "1.08",
            "userIdentity": {
                "type": "AssumedRole", "principalId": format!("AROAEXAMPLE{n:05}:session-{n}"),
                "arn": format!("arn:aws:sts::1111{n:08}:assumed-role/deployer/session-{n}"),
                "accountId": format!("1111{n:08}"), "accessKeyId": format!("ASIAEXAMPLE{n:08}"),
                "sessionContext": {
                    "sessionIssuer": {"type": "Role", "principalId": format!("AROAEXAMPLE{n:05}"),
                        "arn": "arn:aws:iam::111122223333:role/deployer", "accountId": "111122223333",
                        "userName": "deployer"},
                    "attributes": {"creationDate": "2026-01-05T10:00:00Z", "mfaAuthenticated": "false"}
                }
            },
            "eventTime": format!("2026-01-05T10:{:02}:{:02}Z", n / 60 % 60, n % 60),
            "eventSource": "s3.amazonaws.com", "eventName": calls[n as usize % calls.len()],
            "awsRegion": "eu-central-1",
            "sourceIPAddress": format!("198.51.{}.{}", n / 250 % 250, n % 250),
            "userAgent": format!("[aws-cli/2.15.{n} Python/3.11.6 Linux/6.5.0-1014-aws exe/x86_64.ubuntu.22]"),
            "requestParameters": {"bucketName": format!("acme-build-{n}"), "Host": "s3.eu-central-1.amazonaws.com",
                "key": format!("artifacts/{n}/service.tar.zst"), "userName": format!("user-{n}")},
            "responseElements": null,
            "additionalEventData": {"SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256",
                "bytesTransferredIn": 0, "bytesTransferredOut": n},
            "requestID": format!("REQ{n:013}"), "eventID": format!("{n:08x}-0000-4000-8000-{n:012x}"),
            "readOnly": n.is_multiple_of(2), "eventType": "AwsApiCall", "managementEvent": true,
            "resources": [{"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::acme-build-{n}/artifacts")}],
            "recipientAccountId": "111122223333", "eventCategory": "Management",
            "tlsDetails": {"tlsVersion": "TLSv1.3", "clientProvidedHostHeader": "s3.eu-central-1.amazonaws.com"}
        })
    };
    (0..count).map(|n| record(n).to_string().into_bytes()).collect()
}

/// Runs `one` over the records again and again, and prints the rate and the allocations per event.
fn measure(name: &str, records: &[Vec<u8>], mut one: impl FnMut(&[u8])) {
    records.iter().for_each(|record| one(record));
    let allocations = allocation_counter::measure(|| records.iter().for_each(|record| one(record)));
    let (start, cpu, mut events) = (Instant::now(), cpu_seconds(), 0_u64);
    while start.elapsed().as_secs_f64() < SECONDS_PER_MEASURE {
        records.iter().for_each(|record| one(record));
        events += records.len() as u64;
    }
    // other work on the machine is not this code's time
    let seconds = cpu_seconds().zip(cpu).map_or(start.elapsed().as_secs_f64(), |(now, then)| now - then);
    let rate = events as f64 / seconds;
    let per_event = allocations.count_total as f64 / records.len() as f64;
    println!(
        "{name:<28} {rate:>10.0} events/s  {:>6.2} us/event  {per_event:.3} allocations/event",
        1e6 / rate
    );
}

/// Time that this thread had the processor, where the system tells (Linux `schedstat`, nanoseconds).
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<u64>().ok()? as f64 / 1e9)
}

fn parse_only(records: &[Vec<u8>]) {
    measure("parse, no tape (sonic-rs)", records, |record| {
        let text = std::str::from_utf8(record).unwrap();
        let mut json = sonic_rs::Deserializer::from_str(text);
        serde::de::IgnoredAny::deserialize(&mut json).unwrap();
    });
}

fn normalizer() -> (Normalizer, FieldTable) {
    let mut fields = FieldTable::default();
    let normalizer = Normalizer::builtin(&mut fields, &Schema::builtin()).expect("the mappings load");
    (normalizer, fields)
}

fn tape_only(records: &[Vec<u8>], kind: &str) {
    let ((normalizer, fields), mut tape) = (normalizer(), Tape::new());
    measure(&format!("tape ({} fields, {kind})", fields.len()), records, |record| {
        tape.parse_as(&fields, normalizer.vocabulary(kind), record).unwrap();
    });
}

fn mapped(records: &[Vec<u8>], kind: &str, raw_data: RawData) {
    let ((normalizer, fields), mut tape, mut output) = (normalizer(), Tape::new(), Output::new(raw_data));
    let mut offset = 0;
    measure(&format!("tape + mapping, raw {raw_data:?}"), records, |body| {
        let record = RawRecord {
            source: "bench",
            kind,
            event_type: None,
            delivery_id: None,
            region: "default",
            received_at_ms: 1_750_000_000_000,
            body,
        };
        offset += 1;
        let position = Position::new(Topic::Raw, Partition(0), Offset(offset));
        let view = tape.parse_as(&fields, normalizer.vocabulary(kind), body).unwrap();
        normalizer.normalize(&record, &view, position, &mut output).unwrap();
    });
}
