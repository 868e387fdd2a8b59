//! What is computed beside an event: its columns, and what the mapping left over.

use crate::corpora::each_text;
use crate::judge::Judge;
use huecry_normalize::Output;
use model::{COLUMNS, ColumnValue};
use serde_json::{Value, json};

/// The columns are what stands in the event at their paths.
pub(crate) fn assert_columns(output: &Output, event: &Value, name: &str) {
    for (column, value) in COLUMNS.iter().zip(output.columns().iter()) {
        let there = at(event, &mut column.path.split('.'));
        let promoted = value.map(|value| match value {
            ColumnValue::Int(value) => json!(value),
            ColumnValue::Text(text) => json!(text),
        });
        assert_eq!(promoted.as_ref(), there, "{name}: {}", column.name);
    }
}

/// The value at a path; of an array the first that any member gives.
fn at<'v, 'p>(value: &'v Value, path: &mut (impl Iterator<Item = &'p str> + Clone)) -> Option<&'v Value> {
    if let Value::Array(members) = value {
        return members.iter().find_map(|member| at(member, &mut path.clone()));
    }
    match path.next() {
        None => Some(value),
        Some(key) => at(value.get(key)?, path),
    }
}

/// What is left over is a part of the record.
pub(crate) fn assert_rest(rest: &[u8], record: &[u8], name: &str) {
    let rest: Value = serde_json::from_slice(rest).unwrap_or_else(|e| panic!("{name}: unmapped: {e}"));
    let record: Value = serde_json::from_slice(record).unwrap();
    assert!(rest.is_object(), "{name}: {rest}");
    let mut texts = std::collections::BTreeSet::new();
    each_text(&record, &mut |text| {
        texts.insert(text.to_owned());
    });
    each_text(&rest, &mut |text| assert!(texts.contains(text), "{name}: {text:?} is not of the record"));
    assert!(rest.to_string().len() <= record.to_string().len(), "{name}");
}

#[test]
fn what_the_mapping_does_not_read_is_left_over() {
    let mut judge = Judge::new();
    let record = json!({
        "eventVersion": "1.11", "eventTime": "2026-01-01T00:00:00Z", "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject", "eventID": "e1", "awsRegion": "eu-west-1",
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::1:user/bob", "novel": [1, { "x": null }] },
        "resources": [
            { "ARN": "arn:aws:s3:::b", "type": "AWS::S3::Bucket" },
            { "ARN": "arn:aws:s3:::b/k", "wholly": "new" },
        ],
        "newest": "field",
    });
    let body = serde_json::to_vec(&record).unwrap();
    judge.take("aws_cloudtrail", None, &body, "a record with novel fields").unwrap();
    let rest = judge.unmapped("aws_cloudtrail", None, &body);
    assert_eq!(
        serde_json::from_slice::<Value>(&rest).unwrap(),
        json!({
            "userIdentity": { "novel": [1, { "x": null }] },
            "resources": [{ "wholly": "new" }],
            "newest": "field",
        })
    );
}
