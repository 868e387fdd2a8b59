//! An evidence pack as a page for people. No script, nothing loaded from elsewhere.

use crate::line::hex;
use crate::pack::{Pack, ProvenEntry};
use model::{AuditField, CommittedValue};
use std::fmt::Write;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;\
color:#1b1f24;background:#fff}table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{text-align:left;\
vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #d0d7de;overflow-wrap:anywhere}th{width:11rem;\
font-weight:600}h2{font-size:1.05rem;margin-top:2rem}code,pre{font:13px/1.5 ui-monospace,monospace}\
pre{background:#f6f8fa;padding:.8rem;overflow:auto}.gone{color:#6e7781;font-style:italic}";

/// The page.
pub(crate) fn render(pack: &Pack<'_>) -> String {
    let mut html = String::new();
    let object = escape(&pack.list.object);
    let checkpoint = &pack.checkpoint.checkpoint;
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Evidence: {object}</title>\
         <style>{STYLE}</style>\n<h1>Evidence: {object}</h1>\n\
         <p>{} records of the audit log, each proved to be one of the {} that were signed at {} (UTC). \
         This page is for reading; what is proved is in <code>records.jsonl</code>. To check it, take the public \
         key from elsewhere and run:</p>\n<pre>python3 verify.py . --key '{}'</pre>\n",
        pack.records.len(),
        checkpoint.size,
        time(checkpoint.time_ms),
        escape(&pack.key.to_string()),
    );
    for record in pack.records {
        entry(&mut html, record);
    }
    html.push_str("<h2>Attachments</h2>\n<table>\n");
    for attachment in &pack.list.attachments {
        let file = escape(&attachment.file);
        let _ = writeln!(
            html,
            "<tr><th><a href=\"{file}\">{file}</a><td>{} bytes, SHA-256 <code>{}</code>",
            attachment.bytes,
            escape(&attachment.sha256)
        );
    }
    let _ = write!(
        html,
        "</table>\n<h2>Checkpoint</h2>\n<pre>{}</pre>\n</html>\n",
        escape(&pack.checkpoint.note)
    );
    html
}

fn entry(html: &mut String, record: &ProvenEntry) {
    let entry = &record.entry;
    let _ = writeln!(
        html,
        "<h2>{} · {}</h2>\n<table>\n<tr><th>record<td>number {}, <code>{}</code>\n<tr><th>time (UTC)<td>{}",
        time(entry.at_ms),
        escape(&entry.action),
        entry.index,
        entry.id,
        time(entry.at_ms)
    );
    if entry.clock_ms != entry.at_ms {
        let _ = writeln!(html, "<tr><th>clock<td>{}", time(entry.clock_ms));
    }
    for field in AuditField::ALL {
        let text = match entry.value(field) {
            CommittedValue::Open { text: None, .. } => continue,
            CommittedValue::Open { text: Some(text), .. } => escape(text),
            CommittedValue::Erased { .. } => "<span class=\"gone\">erased</span>".to_owned(),
            CommittedValue::Withheld { .. } => "<span class=\"gone\">withheld</span>".to_owned(),
        };
        let _ = writeln!(html, "<tr><th>{}<td>{text}", field.as_str());
    }
    let _ = writeln!(html, "<tr><th>leaf hash<td><code>{}</code>\n</table>", hex(&entry.leaf_hash()));
}

fn time(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms);
    at.map_or_else(|_| format!("{ms} ms"), |at| at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string())
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
