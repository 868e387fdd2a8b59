//! Containments, plans and runs for people.

pub(super) use crate::commands::incident::text;
use crate::terminal;
use serde_json::Value;
use std::fmt::Write;

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A page of something, as a table.
pub(super) fn page(body: &Value, (none, header): (&str, &[&str]), row: impl Fn(&Value) -> Vec<String>) {
    let rows: Vec<_> = items(&body["items"]).iter().map(row).collect();
    if rows.is_empty() {
        return terminal::line(none);
    }
    terminal::line(terminal::table(header, &rows));
    if let Some(next) = body["next_cursor"].as_str() {
        terminal::note(format_args!("more: --cursor '{next}'"));
    }
}

pub(super) fn containments(body: &Value) {
    let header = ["containment", "state", "action", "target", "asked by", "incident", "taken back"];
    page(body, ("no containments", &header), |row| {
        ["id", "state", "action", "target"]
            .map(|name| text(&row[name]))
            .into_iter()
            .chain([text(&row["requested_by"]["name"]), text(&row["incident"]), end(row)])
            .collect()
    });
}

/// When it is taken back, and what else must not be overseen.
fn end(row: &Value) -> String {
    let end = if row["kept"] == true { "kept".to_owned() } else { text(&row["revert_at"]) };
    if row["broken_glass"].is_object() { format!("{end} (glass broken)") } else { end }
}

/// What people say yes to, as it is: each further line with a mark before it, and signs that are not seen, or that turn the
/// order of others, by their numbers.
fn shown(value: &Value, indent: usize) -> String {
    let mut out = String::new();
    for sign in text(value).chars() {
        // `escape_debug` knows what is not printed
        let is_seen = sign == ' ' || matches!(sign, '\\' | '\'' | '"') || sign.escape_debug().len() == 1;
        if sign == '\n' {
            // a write to a string cannot fail
            let _ = write!(out, "\n{:indent$}| ", "");
        } else if is_seen {
            out.push(sign);
        } else {
            let _ = write!(out, "<U+{:04X}>", u32::from(sign));
        }
    }
    out
}

/// Everything that a plan says.
pub(super) fn plan(plan: &Value) {
    let target = &plan["target"];
    terminal::line(format_args!(
        "{} on {} {}",
        text(&plan["action"]),
        text(&target["kind"]),
        shown(&target["name"], 2)
    ));
    for owner in items(&target["belongs_to"]) {
        terminal::line(format_args!("  of {} {}", text(&owner["kind"]), shown(&owner["name"], 2)));
    }
    for about in items(&plan["about"]) {
        terminal::line(format_args!("  {}: {}", text(&about["title"]), shown(&about["text"], 4)));
    }
    for change in items(&plan["changes"]) {
        terminal::line(format_args!("  {}", shown(&change["what"], 2)));
        terminal::line(format_args!("    {} → {}", shown(&change["before"], 4), shown(&change["after"], 4)));
    }
    let blast = &plan["blast_radius"];
    let words = |value: &Value| items(value).iter().map(text).collect::<Vec<_>>().join(", ");
    for (label, value) in [
        ("services", words(&blast["services"])),
        ("people", text(&blast["people"])),
        ("notes", words(&blast["notes"])),
    ] {
        if !value.is_empty() && value != "-" {
            terminal::line(format_args!("  feels it: {label} {value}"));
        }
    }
    terminal::line(format_args!("  impact {}, {}", text(&plan["impact"]), text(&plan["reversibility"])));
    if let Some(minutes) = plan["ttl_minutes"].as_u64() {
        terminal::line(format_args!("  taken back after {minutes} min"));
    }
}

pub(super) fn preview(body: &Value) {
    plan(&body["plan"]);
    terminal::line(format_args!("plan {}", text(&body["plan_sha256"])));
    let decision = &body["decision"];
    let who = match decision["people"].as_u64() {
        Some(people) if people > 0 => format!("{people} other than who asks for it must approve"),
        _ => "it is applied at once".to_owned(),
    };
    let limit = &body["limit"];
    terminal::line(format_args!(
        "{who}; {} of {} targets in {} min; nothing was done",
        limit["used"], limit["max"], limit["window_minutes"]
    ));
}

pub(super) fn containment(row: &Value) {
    terminal::line(format_args!("{}\n{} ({})", text(&row["id"]), text(&row["title"]), text(&row["state"])));
    plan(&row["plan"]);
    for (label, value) in [
        ("plan", &row["plan_sha256"]),
        ("asked by", &row["requested_by"]["name"]),
        ("why", &row["reason"]),
        ("incident", &row["incident"]),
        ("run", &row["run"]),
        ("problem", &row["problem"]),
        ("taken back", &row["revert_at"]),
    ] {
        if !value.is_null() {
            terminal::line(format_args!("  {label:<10} {}", text(value)));
        }
    }
    if row["kept"] == true {
        terminal::line(format_args!("  {:<10} until somebody takes it back", "kept"));
    }
    if let Some(reason) = row["broken_glass"]["reason"].as_str() {
        let by = text(&row["broken_glass"]["by"]["name"]);
        terminal::line(format_args!("  {:<10} by {by}, without the approvals: {reason}", "glass"));
    }
    if row["state"] == "awaiting_approval" {
        terminal::line(format_args!(
            "  waits for  {} to approve it, until {}",
            row["approvals_missing"],
            text(&row["decision"]["expires_at"])
        ));
    }
    for vote in items(&row["votes"]) {
        let said = if vote["approves"] == true { "yes" } else { "no" };
        let whose = vote["delegated_from_name"].as_str();
        let whose = whose.map(|name| format!(", for {name}")).unwrap_or_default();
        terminal::line(format_args!("  {said:<10} {}{whose} {}", text(&vote["name"]), text(&vote["reason"])));
    }
    for step in items(&row["history"]) {
        let (at, state) = (text(&step["at"]), text(&step["state"]));
        let reason = step["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
        terminal::line(format_args!("  {at}  {state:<17} {}{reason}", text(&step["by"]["name"])));
    }
}

pub(super) fn runs(body: &Value) {
    let header = ["run", "state", "playbook", "begun by", "incident", "started"];
    page(body, ("no runs", &header), |row| {
        ["id", "state", "playbook_name"]
            .map(|name| text(&row[name]))
            .into_iter()
            .chain([text(&row["requested_by"]["name"]), text(&row["incident"]), text(&row["started_at"])])
            .collect()
    });
}

pub(super) fn run(row: &Value) {
    terminal::line(format_args!(
        "{}\n{} ({})",
        text(&row["id"]),
        text(&row["playbook_name"]),
        text(&row["state"])
    ));
    if let Some(reason) = row["end"]["reason"].as_str() {
        terminal::line(format_args!("  {reason}"));
    }
    for step in items(&row["steps"]) {
        let (number, state) = (text(&step["task"]), text(&step["state"]));
        let waits = step["containment"].as_str().or(step["child"].as_str()).unwrap_or_default();
        terminal::line(format_args!("  {number:>3}  {state:<15} {}  {waits}", text(&step["name"])));
        if matches!(step["state"].as_str(), Some("awaiting_person" | "unknown")) {
            for line in text(&step["text"]).lines() {
                terminal::line(format_args!("       | {line}"));
            }
        }
        if let Some(reason) = step["reason"].as_str() {
            terminal::line(format_args!("       {reason}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn nothing_of_a_plan_is_hidden_or_hides_something() {
        for (text, expected) in [
            ("grep 'a\\b' \"ä€\" 日本", "grep 'a\\b' \"ä€\" 日本"),
            ("uptime # check\nsudo userdel ann", "uptime # check\n    | sudo userdel ann"),
            ("a\rb\u{1b}[2Kc\td", "a<U+000D>b<U+001B>[2Kc<U+0009>d"),
            ("a\u{202e}b\u{200b}c\u{feff}\u{a0}", "a<U+202E>b<U+200B>c<U+FEFF><U+00A0>"),
        ] {
            assert_eq!(shown(&text.into(), 4), expected);
        }
    }
}
