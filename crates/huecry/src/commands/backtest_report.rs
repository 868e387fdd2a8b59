//! What a backtest found, for people, programs and pull requests.

use super::backtest_records::Span;
use crate::rollout::date_of;
use crate::terminal;
use detect::delta::{Change, Delta, RuleDelta, Sample};
use serde_json::{Value, json};
use sigma::RuleError;
use std::fmt::Write;

/// Days and services that are listed of a rule, the busiest first.
const LISTED_MAX: usize = 10;

/// The whole, for programs.
pub(super) fn json(delta: &Delta, span: Span) -> Value {
    let mut json = delta.to_json(date_of);
    json["from_ms"] = json!(span.from_ms);
    json["until_ms"] = json!(span.until_ms);
    json
}

fn signed(change: &Change) -> String {
    format!("+{} −{}", change.new, change.gone)
}

fn busiest<K: Clone + Ord>(changes: &std::collections::BTreeMap<K, Change>) -> Vec<(K, Change)> {
    let mut sorted: Vec<_> = changes.iter().map(|(key, change)| (key.clone(), *change)).collect();
    sorted.sort_by_key(|(key, change)| (std::cmp::Reverse(change.new + change.gone), key.clone()));
    sorted.truncate(LISTED_MAX);
    sorted
}

fn day(day: i64) -> String {
    if day == i64::MAX { "(others)".to_owned() } else { date_of(day) }
}

fn sample(sample: &Sample) -> String {
    format!("{} {} {}", terminal::time(sample.time_ms), sample.source, sample.event_id)
}

/// In one sentence.
fn headline(delta: &Delta, span: Span) -> String {
    let total = delta.total();
    let days = (span.until_ms - span.from_ms) as f64 / 86_400_000.0;
    let rules = delta.changed().count();
    format!(
        "{rules} rules differ: {} new and {} gone matches on {} events of {days:.1} days ({:.1} new a day)",
        total.new,
        total.gone,
        delta.events,
        total.new as f64 / days.max(1e-9)
    )
}

/// For a terminal.
pub(super) fn text(delta: &Delta, span: Span) -> String {
    let mut text = headline(delta, span) + "\n";
    let row = |(id, rule): (&str, &RuleDelta)| {
        let matches = format!("{} → {}", rule.matches.0, rule.matches.1);
        vec![rule.kind().to_owned(), signed(&rule.change), matches, rule.title.clone(), id.to_owned()]
    };
    let rows: Vec<_> = delta.changed().map(row).collect();
    // a write to a string cannot fail
    if !rows.is_empty() {
        let _ = writeln!(text, "\n{}", terminal::table(&["rule", "matches", "all", "title", "id"], &rows));
    }
    for (_, rule) in delta.changed().filter(|(_, rule)| rule.change != Change::default()) {
        let _ = writeln!(text, "\n{}", rule.title);
        for (at, change) in busiest(&rule.by_day) {
            let _ = writeln!(text, "  {}  {}", day(at), signed(&change));
        }
        for (service, change) in busiest(&rule.by_service) {
            let _ = writeln!(text, "  service {service}  {}", signed(&change));
        }
        for (what, samples) in [("new", &rule.new), ("gone", &rule.gone)] {
            for event in samples {
                let _ = writeln!(text, "  {what}: {}", sample(event));
            }
        }
    }
    for (what, errors) in refusals(delta) {
        let _ = writeln!(text, "\n{what}:");
        for error in errors {
            let _ = writeln!(text, "  {error}");
        }
    }
    if let Some(what) = left_out(delta) {
        let _ = writeln!(text, "\n{what}");
    }
    text
}

/// What does not run, of each set that has such documents.
fn refusals(delta: &Delta) -> Vec<(String, &[RuleError])> {
    let (now, before) = (delta.refused.as_slice(), delta.refused_before.as_slice());
    let told = [
        (format!("{} documents are refused and will not run", now.len()), now),
        (format!("{} documents of the set before are refused and not compared", before.len()), before),
    ];
    told.into_iter().filter(|(_, errors)| !errors.is_empty()).collect()
}

fn left_out(delta: &Delta) -> Option<String> {
    (delta.left_out > 0).then(|| {
        format!(
            "{} matches or groups did not fit into the memory for correlations, whose numbers are too low: take a shorter \
             time",
            delta.left_out
        )
    })
}

/// Text in a cell of a table: no line breaks, and nothing that Markdown or HTML would read.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '@' | '!' | '~' => {
                cell.push('\\');
                cell.push(c);
            }
            c if c.is_control() => cell.push(' '),
            c => cell.push(c),
        }
    }
    cell
}

/// For a comment on a pull request.
pub(super) fn markdown(delta: &Delta, span: Span) -> String {
    let mut text = format!("### Backtest of the changed rules\n\n{}.\n", headline(delta, span));
    // writes to a string cannot fail
    for (what, errors) in refusals(delta) {
        let _ = write!(text, "\n**{what}:**\n\n");
        for error in errors {
            let _ = writeln!(text, "- {}", cell(&error.to_string()));
        }
    }
    if let Some(what) = left_out(delta) {
        let _ = write!(text, "\n{what}.\n");
    }
    if delta.changed().next().is_none() {
        return text;
    }
    let _ = write!(text, "\n| rule | | new | gone | before | after |\n|---|---|---:|---:|---:|---:|\n");
    for (_, rule) in delta.changed() {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            cell(&rule.title),
            rule.kind(),
            rule.change.new,
            rule.change.gone,
            rule.matches.0,
            rule.matches.1
        );
    }
    for (_, rule) in delta.changed().filter(|(_, rule)| rule.change != Change::default()) {
        let _ = write!(
            text,
            "\n<details><summary>{}</summary>\n\n| day | new | gone |\n|---|---:|---:|\n",
            html(&rule.title)
        );
        for (at, change) in busiest(&rule.by_day) {
            let _ = writeln!(text, "| {} | {} | {} |", day(at), change.new, change.gone);
        }
        let _ = write!(text, "\n| service | new | gone |\n|---|---:|---:|\n");
        for (service, change) in busiest(&rule.by_service) {
            let _ = writeln!(text, "| {} | {} | {} |", cell(&service), change.new, change.gone);
        }
        for (what, samples) in [("New", &rule.new), ("Gone", &rule.gone)] {
            if !samples.is_empty() {
                let events: Vec<_> = samples.iter().map(|event| format!("`{}`", event.event_id)).collect();
                let _ = write!(text, "\n{what}, for example: {}\n", events.join(", "));
            }
        }
        text.push_str("\n</details>\n");
    }
    text
}

fn html(text: &str) -> String {
    let mut html = String::new();
    for c in text.chars() {
        match c {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            c if c.is_control() => html.push(' '),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::EventId;

    const SPAN: Span = Span { from_ms: 0, until_ms: 2 * 86_400_000 };

    fn delta() -> Delta {
        let mut delta = Delta::default();
        delta.rule("a", "A | <b> *x*", "h1".to_owned(), false);
        delta.rule("a", "A | <b> *x*", "h2".to_owned(), true);
        delta.rule("b", "B", "h".to_owned(), true);
        for number in 0..4 {
            let time_ms = i64::from(number) * 43_200_000;
            let (source, service) = ("trail".to_owned(), "pay|ments".to_owned());
            let event = Sample { event_id: EventId([number; 16]), time_ms, source, service };
            let (before, after): (&[&str], &[&str]) =
                if number == 0 { (&["a"], &[]) } else { (&[], &["a", "b"]) };
            delta.event(&event, before, after);
            delta.events += 1;
        }
        delta
    }

    #[test]
    fn each_form_says_the_same() {
        let delta = delta();
        let line = "2 rules differ: 6 new and 1 gone matches on 4 events of 2.0 days (3.0 new a day)";
        let (text, markdown, json) = (text(&delta, SPAN), markdown(&delta, SPAN), json(&delta, SPAN));
        assert!(text.starts_with(line) && markdown.contains(line), "{text}\n{markdown}");
        assert!(text.contains("1970-01-02  +2 −0") && text.contains("service pay|ments  +3 −1"), "{text}");
        assert!(markdown.contains("| A \\| \\<b\\> \\*x\\* | changed | 3 | 1 | 1 | 3 |"), "{markdown}");
        assert!(markdown.contains("<summary>A | &lt;b&gt; *x*</summary>"), "{markdown}");
        assert!(markdown.contains("| 1970-01-01 | 1 | 1 |") && markdown.contains("| pay\\|ments | 3 | 1 |"));
        assert_eq!(
            (&json["new"], &json["gone"], &json["until_ms"]),
            (&json!(6), &json!(1), &json!(SPAN.until_ms))
        );
        assert_eq!(json["rules"][1]["by_day"]["1970-01-02"], json!({ "new": 2, "gone": 0 }));
    }

    #[test]
    fn what_does_not_run_is_said_in_every_form() {
        let error = |file: &str| RuleError {
            file: file.into(),
            line: 3,
            code: sigma::ErrorCode::BadYaml,
            reason: "a <b> | c".to_owned(),
        };
        let mut delta = Delta::new(vec![error("b.yml")], vec![error("a.yml")]);
        delta.left_out = 7;
        let (text, markdown, json) = (text(&delta, SPAN), markdown(&delta, SPAN), json(&delta, SPAN));
        assert!(text.contains("\n1 documents are refused and will not run:\n  a.yml:3: "), "{text}");
        assert!(text.contains("1 documents of the set before are refused") && text.contains("  b.yml:3: "));
        assert!(
            markdown.contains("**1 documents are refused and will not run:**\n\n- a.yml:3: "),
            "{markdown}"
        );
        assert!(markdown.contains("a \\<b\\> \\| c") && markdown.contains("- b.yml:3: "), "{markdown}");
        assert!(text.contains("7 matches or groups") && markdown.contains("7 matches or groups"));
        let named = (&json["refused"][0]["file"], &json["refused_before"][0]["line"], &json["left_out"]);
        assert_eq!(named, (&json!("a.yml"), &json!(3), &json!(7)));
    }

    #[test]
    fn nothing_is_said_of_what_stays() {
        let mut delta = Delta::default();
        delta.rule("a", "A", "h".to_owned(), false);
        delta.rule("a", "A", "h".to_owned(), true);
        assert_eq!(text(&delta, SPAN).lines().count(), 1);
        assert!(!markdown(&delta, SPAN).contains('|'));
    }
}
