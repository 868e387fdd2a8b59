//! `huecry rules list`, `reload`, `stage`: the rules that a server runs.

use super::incident::text;
use crate::cli::{RulesStage, StageArg};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::terminal;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/rules";

/// `huecry rules list`
pub(super) fn list(client: &Client, json: bool) -> Result<Exit, Failure> {
    let body = client.get(PATH)?.body;
    if json {
        terminal::line(&body);
        return Ok(Exit::Done);
    }
    let loaded = body["loaded"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |r: &Value| {
        let last = r["last_match_ms"].as_i64().map_or_else(|| "never".to_owned(), terminal::time);
        vec![
            text(&r["stage"]),
            text(&r["tests"]),
            text(&r["matches"]),
            last,
            text(&r["level"]),
            text(&r["title"]),
        ]
    };
    let rows: Vec<_> = loaded.iter().map(row).collect();
    terminal::line(terminal::table(&["stage", "tests", "matches", "last (UTC)", "level", "rule"], &rows));
    let is_held = |rule: &&Value| rule["stage"] == "shadow" || !rule["held_by"].is_null();
    for rule in loaded.iter().filter(is_held) {
        terminal::note(format_args!(
            "in {}: {} ({}): {}",
            text(&rule["stage"]),
            text(&rule["title"]),
            text(&rule["id"]),
            why(rule)
        ));
    }
    for refused in body["refused"].as_array().into_iter().flatten() {
        let (file, line, reason) = (text(&refused["file"]), text(&refused["line"]), text(&refused["reason"]));
        terminal::note(format_args!("refused: {file}:{line}: {reason}"));
    }
    for ended in body["expired_filters"].as_array().into_iter().flatten() {
        let (file, line, day) = (text(&ended["file"]), text(&ended["line"]), text(&ended["expires"]));
        terminal::note(format_args!("filter over since {day}: {file}:{line}; renew or remove it"));
    }
    terminal::note(format_args!("set of rules {}", text(&body["rule_set"])));
    for git in body["git"].as_array().into_iter().flatten() {
        let state = match git["dirty"].as_bool() {
            Some(true) => " and changes that are not committed",
            Some(false) => "",
            None => ", git could not be asked for changes",
        };
        terminal::note(format_args!("{} is at commit {}{state}", text(&git["folder"]), text(&git["commit"])));
    }
    Ok(Exit::Done)
}

/// Why a rule is in shadow, or not as far as was decided.
fn why(rule: &Value) -> String {
    match (rule["tests"] == "failed", rule["held_by"].as_str()) {
        (true, _) => "its own tests fail".to_owned(),
        (false, Some(held_by)) => format!("the rule {held_by}, which it is made of, goes no further"),
        (false, None) => text(&rule["stage_reason"]),
    }
}

/// `huecry rules reload`
pub(super) fn reload(client: &Client, json: bool) -> Result<Exit, Failure> {
    let body = client.post(&format!("{PATH}/reload"), &json!({}))?.body;
    let refused = body["refused"].as_array().map(Vec::as_slice).unwrap_or_default();
    let exit = if refused.is_empty() { Exit::Done } else { Exit::Faults };
    if json {
        terminal::line(&body);
        return Ok(exit);
    }
    for refused in refused {
        let (file, line, reason) = (text(&refused["file"]), text(&refused["line"]), text(&refused["reason"]));
        terminal::note(format_args!("refused: {file}:{line}: {reason}"));
    }
    let count = |key: &str| body[key].as_array().map_or(0, Vec::len);
    let (added, altered, removed) = (count("added"), count("altered"), count("removed"));
    let loaded = text(&body["loaded"]);
    match body["changed"].as_bool() {
        Some(true) => terminal::line(format_args!(
            "{loaded} rules in force: {added} new, {altered} changed, {removed} gone; {} refused",
            refused.len()
        )),
        _ => terminal::line(format_args!("{loaded} rules in force, as before; {} refused", refused.len())),
    }
    Ok(exit)
}

/// `huecry rules stage`
pub(super) fn run(args: &RulesStage, client: &Client, json: bool) -> Result<Exit, Failure> {
    let stage = match args.stage {
        StageArg::Shadow => "shadow",
        StageArg::Canary => "canary",
        StageArg::Active => "active",
    };
    let rule = path_segment(&args.rule);
    let decision = json!({ "stage": stage, "reason": args.reason });
    let body = client.post(&format!("{PATH}/{rule}/stage"), &decision)?.body;
    if json {
        terminal::line(&body);
    } else {
        terminal::line(format_args!("{} is {}", text(&body["title"]), text(&body["stage"])));
        if body["stage"] != body["decided_stage"] {
            terminal::note(format_args!("{} was decided: {}", text(&body["decided_stage"]), why(&body)));
        }
    }
    Ok(Exit::Done)
}

/// Text as one segment of a path (RFC 3986 §2.1): the id of a rule without one is its title.
pub(super) fn path_segment(text: &str) -> String {
    let mut segment = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_what_keeps_a_rule_back() {
        for (rule, part) in [
            (json!({ "tests": "failed", "held_by": "b", "stage_reason": "r" }), "own tests"),
            (json!({ "tests": "passed", "held_by": "b", "stage_reason": "r" }), "the rule b"),
            (json!({ "tests": "passed", "stage_reason": "on trial" }), "on trial"),
        ] {
            assert!(why(&rule).contains(part), "{rule}");
        }
    }

    #[test]
    fn a_title_is_one_segment() {
        assert_eq!(path_segment("0b0f9a34-3c26"), "0b0f9a34-3c26");
        assert_eq!(path_segment("a/b ?é"), "a%2Fb%20%3F%C3%A9");
    }
}
