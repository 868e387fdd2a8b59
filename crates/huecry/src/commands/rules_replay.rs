//! `huecry rules replay`: a finding made again.

use super::incident::text;
use super::rules_stage::path_segment;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::terminal;
use serde_json::{Value, json};

/// Asks and prints; a finding that comes out differently is a fault.
pub(super) fn run(finding: &str, client: &Client, json: bool) -> Result<Exit, Failure> {
    let body = client.post(&format!("/api/v1/findings/{}/replay", path_segment(finding)), &json!({}))?.body;
    let reproduced = body["reproduced"] == Value::Bool(true);
    let exit = if reproduced { Exit::Done } else { Exit::Faults };
    if json {
        terminal::line(&body);
        return Ok(exit);
    }
    let from = text(&body["record"]);
    match reproduced {
        true => terminal::line(format_args!("the same finding comes of its records (from the {from})")),
        false => terminal::line(format_args!("not the same: {}", text(&body["difference"]))),
    }
    let rows: Vec<_> = [
        ("finding", &body["finding_id"]),
        ("event", &body["event_id"]),
        ("rule's hash then", &body["rule_hash_then"]),
        ("rule's hash now", &body["rule_hash_now"]),
        ("set of rules then", &body["rule_set_then"]),
        ("set of rules now", &body["rule_set_now"]),
    ]
    .into_iter()
    .map(|(name, value)| vec![name.to_owned(), text(value)])
    .collect();
    terminal::line(terminal::table(&["", ""], &rows));
    let fields = body["matched"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |f: &Value| vec![text(&f["selection"]), text(&f["field"]), text(&f["value"])];
    let rows: Vec<_> = fields.iter().map(row).collect();
    terminal::line(terminal::table(&["selection", "field", "value"], &rows));
    Ok(exit)
}
