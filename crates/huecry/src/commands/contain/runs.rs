//! `huecry run`: playbooks that are being executed.

use super::{print, show};
use crate::cli::{Run, StepAnswerArg};
use crate::client::Client;
use crate::commands::incident::Query;
use crate::commands::playbook::pairs;
use crate::exit::{Exit, Failure};
use serde_json::json;

const RUNS: &str = "/api/v1/runs";

/// Runs one of the verbs.
pub(crate) fn run(command: &Run, client: &Client, json: bool) -> Result<Exit, Failure> {
    match command {
        Run::List { state, incident, limit, cursor } => {
            let mut query = Query::new(RUNS);
            query.add("state", Some(state));
            query.add("incident", incident.as_deref());
            query.add("limit", Some(&limit.to_string()));
            query.add("cursor", cursor.as_deref());
            show(&client.get(&query.0)?.body, json, print::runs)
        }
        Run::Show { id } => show(&client.get(&format!("{RUNS}/{id}"))?.body, json, print::run),
        Run::Answer { id, step, answer, reason, set } => {
            let word = match answer {
                StepAnswerArg::Done => "done",
                StepAnswerArg::Failed => "failed",
                StepAnswerArg::Skipped => "skipped",
            };
            let body = json!({ "answer": word, "reason": reason, "values": pairs(set)? });
            let path = format!("{RUNS}/{id}/steps/{step}");
            show(&client.post(&path, &body)?.body, json, print::run)
        }
        Run::Stop { id, reason } => {
            let body = client.post(&format!("{RUNS}/{id}/stop"), &json!({ "reason": reason }))?.body;
            show(&body, json, print::run)
        }
    }
}
