//! Where the records come from: the demo organisation at work, or real ones in copies.

use crate::rekey::{Cutter, Template, iso_ms, mix};
use acme::{Acme, Source, bench_records};
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The end of what is played: 2026-04-01T00:00:00Z.
pub(crate) const END_MS: i64 = 1_775_001_600_000;
/// Days that are played.
pub(crate) const DAYS: u32 = 90;
const DAY_MS: i64 = 86_400_000;
/// Records of the demo organisation in 90 days at scale 1, about.
const ACME_RECORDS: f64 = 81_000.0;

/// One record as a door would put it on the log.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) source: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) event_type: Option<&'static str>,
    pub(crate) delivery_id: Option<String>,
    pub(crate) time_ms: i64,
    pub(crate) body: String,
}

pub(crate) type Records = Box<dyn Iterator<Item = Sent>>;

/// About `count` records of the demo organisation over 90 days.
pub(crate) fn acme(count: u64) -> Records {
    let play = Acme::new(7, END_MS, DAYS, count as f64 / ACME_RECORDS);
    Box::new(play.take(count as usize).map(|record| {
        let (source, kind, event_type) = match record.source {
            Source::AwsCloudtrail => ("aws-prod", "aws_cloudtrail", None),
            Source::Okta => ("okta-main", "okta", None),
            Source::GithubAudit => ("github-audit", "github", None),
            Source::GithubWebhook { event } => ("github-hooks", "github", Some(event)),
        };
        let delivery_id = event_type.is_some().then_some(record.id);
        Sent { source, kind, event_type, delivery_id, time_ms: record.time_ms, body: record.body }
    }))
}

/// CloudTrail records in which no id, address, user, role or key comes twice.
pub(crate) fn distinct(count: u64) -> Records {
    Box::new(bench_records(7, count).map(|record| Sent {
        source: "aws-prod",
        kind: "aws_cloudtrail",
        event_type: None,
        delivery_id: None,
        time_ms: record.time_ms,
        body: record.body,
    }))
}

/// The kinds of the real corpora, the member that says when, and their share of the records in percent.
const KINDS: [(&str, &str, &[&str], u64); 4] = [
    ("aws_cloudtrail", "aws-prod", &["eventTime"], 45),
    ("windows_eventlog", "endpoints", &["EventTime", "@timestamp", "SystemTime"], 45),
    ("okta", "okta-main", &["published"], 7),
    ("github", "github-audit", &["created_at", "@timestamp"], 3),
];

/// The records of one copy are dealt out to so many, each with people, machines and ids of its own: the corpora are
/// of very few.
const ORGANISATIONS: u64 = 64;

#[derive(Deserialize)]
struct Line {
    kind: String,
    body: String,
}

/// `count` copies of the records in a file of `real_corpora.py`, over 90 days.
pub(crate) fn real(corpus: &Path, count: u64) -> Result<Records, Box<dyn std::error::Error + Send + Sync>> {
    let cutter = Cutter::new()?;
    let mut templates: [Vec<Template>; KINDS.len()] = Default::default();
    for line in BufReader::new(std::fs::File::open(corpus)?).lines() {
        let line: Line = serde_json::from_str(&line?)?;
        let Some(at) = KINDS.iter().position(|(kind, ..)| *kind == line.kind) else { continue };
        let own_ms = KINDS[at].2.iter().find_map(|member| own_ms(&line.body, member));
        templates[at].push(cutter.cut(&line.body, own_ms.unwrap_or_default()));
    }
    let start_ms = END_MS - i64::from(DAYS) * DAY_MS;
    let span_ms = i64::from(DAYS) * DAY_MS;
    let mut written = [0_u64; KINDS.len()];
    Ok(Box::new((0..count).map(move |n| {
        let mut dice = mix(n) % 100;
        let mut at = 0;
        while dice >= KINDS[at].3 {
            dice -= KINDS[at].3;
            at += 1;
        }
        let (kind, source, ..) = KINDS[at];
        let of_kind = templates[at].len() as u64;
        let (copy, record) = (written[at] / of_kind, written[at] % of_kind);
        written[at] += 1;
        let time_ms = start_ms + (i128::from(n) * i128::from(span_ms) / i128::from(count)) as i64;
        let mut body = String::with_capacity(4_096);
        // each copy in an order of its own
        let record = (record * 7_919 + mix(copy)) % of_kind;
        let organisation = copy * ORGANISATIONS + record % ORGANISATIONS;
        templates[at][record as usize].write(organisation, time_ms, &mut body);
        Sent { source, kind, event_type: None, delivery_id: None, time_ms, body }
    })))
}

/// The first moment that a member of this name gives, as text or as milliseconds.
fn own_ms(body: &str, member: &str) -> Option<i64> {
    let from = body.find(&format!("\"{member}\":"))? + member.len() + 3;
    let value = body.get(from..)?.trim_start_matches(['"', ' ']);
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    if digits.len() == 13 { digits.parse().ok() } else { iso_ms(value.split('"').next()?) }
}
