//! `huecry rules tune`: a filter made of verdicts.

use super::incident::text;
use super::rules_stage::path_segment;
use crate::cli::RulesTune;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::terminal;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;

/// Asks, and prints or writes the filter.
pub(super) fn run(args: &RulesTune, client: &Client, json: bool) -> Result<Exit, Failure> {
    let body = client.post(&format!("/api/v1/rules/{}/tune", path_segment(&args.rule)), &json!({}))?.body;
    let Some(filter) = body["filter"].as_str() else {
        let why = text(&body["obstacle"]);
        if json {
            terminal::line(&body);
            return Ok(Exit::Faults);
        }
        return Err(Failure::new(Exit::Faults, format!("there is no filter: {why}")).hint(
            "verdicts come from `huecry incident close ID --verdict false_positive` and true_positive",
        ));
    };
    if let Some(path) = &args.output {
        let cannot =
            |e: std::io::Error| Failure::new(Exit::Usage, format!("cannot write {}: {e}", path.display()));
        let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(cannot)?;
        file.write_all(filter.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)?;
    }
    if json {
        terminal::line(&body);
        return Ok(Exit::Done);
    }
    if args.output.is_none() {
        terminal::line(filter.trim_end());
    }
    let count = |key: &str| text(&body[key]);
    terminal::note(format_args!(
        "proven: {} of {} false positives gone, {} of {} true positives still fire; it ends on {}",
        count("false_positives_gone"),
        count("false_positives"),
        count("true_positives_kept"),
        count("true_positives"),
        count("expires")
    ));
    if body["true_positives"] == 0 {
        terminal::note(
            "no finding of the rule was judged a true positive: nothing shows what the filter must leave",
        );
    }
    if body["records_gone"].as_u64().is_some_and(|gone| gone > 0) {
        terminal::note(format_args!("the records of {} judged findings are gone", count("records_gone")));
    }
    if body["records_left_out"].as_u64().is_some_and(|left_out| left_out > 0) {
        terminal::note(format_args!(
            "{} judged findings were left out: the records are as many bytes as may be",
            count("records_left_out")
        ));
    }
    terminal::note("what else it would take out: `huecry rules backtest` with the filter in the folder");
    Ok(Exit::Done)
}
