//! Events that other people's rules are tested with: ours speak up on theirs that are attacks, and are silent
//! on the others.
//!
//! A positive counts where its rule has an ATT&CK tag: the rest are hygiene and products' own news.

use crate::shared_data;
use crate::shipped::{Shipped, logsource};
use serde_json::Value as Json;
use sigma::Logsource;
use std::collections::BTreeMap;

/// Least part of the positives that our rules fire on, of all log types together.
const POSITIVES_MIN: f64 = 0.60;
/// Greatest part of the negatives.
const NEGATIVES_MAX: f64 = 0.05;

/// The row of all log types together.
pub(crate) const ALL: &str = "together";

/// One event and what its rule says of it.
struct Case {
    log_type: String,
    rule: String,
    technique: bool,
    name: String,
    positive: bool,
    event: Json,
}

/// Which of our logsources reads an event of a log type.
fn source_of(log_type: &str, event: &Json) -> Option<Logsource> {
    let text = |path: &str| event.pointer(path).and_then(Json::as_str);
    Some(match log_type {
        "AWS.CloudTrail" => logsource("aws", Some("cloudtrail")),
        "Okta.SystemLog" => logsource("okta", Some("okta")),
        "GitHub.Audit" => logsource("github", Some("audit")),
        "GitHub.Webhook" => logsource("github", Some("webhook")),
        "Amazon.EKS.Audit" => logsource("kubernetes", Some("audit")),
        "Azure.Audit" if text("/category").is_some_and(|category| category.contains("SignIn")) => {
            logsource("azure", Some("signinlogs"))
        }
        "Azure.Audit" => logsource("azure", Some("auditlogs")),
        "Azure.MonitorActivity" => logsource("azure", Some("activitylogs")),
        "GSuite.ActivityEvent" | "GSuite.Reports" => {
            let application = text("/id/applicationName").unwrap_or("admin");
            logsource("gcp", Some(&format!("google_workspace.{application}")))
        }
        "GCP.AuditLog" => logsource("gcp", Some("gcp.audit")),
        "GitLab.API" | "GitLab.Audit" => logsource("gitlab", Some("audit")),
        "Windows.EventLogs" => logsource("windows", None),
        "Osquery.Differential" => logsource("osquery", None),
        _ => return None,
    })
}

fn cases() -> Option<Vec<Case>> {
    let folder = shared_data::folder("detections-panther")?;
    let mut cases = Vec::new();
    for path in shared_data::files(&folder, ".yml") {
        let text = std::fs::read_to_string(&path).unwrap();
        for rule in serde_saphyr::from_multiple::<Json>(&text).unwrap() {
            let log_types: Vec<&str> = list(&rule["LogTypes"]).iter().filter_map(Json::as_str).collect();
            for test in list(&rule["Tests"]) {
                let event = match &test["Log"] {
                    Json::String(text) => serde_json::from_str(text).unwrap(),
                    event => event.clone(),
                };
                let own = event["p_log_type"].as_str();
                let Some(log_type) = own.or(log_types.first().copied()) else { continue };
                cases.push(Case {
                    log_type: log_type.to_owned(),
                    rule: rule["RuleID"].as_str().unwrap_or_default().to_owned(),
                    technique: !list(&rule["Reports"]["MITRE ATT&CK"]).is_empty(),
                    name: test["Name"].as_str().unwrap_or_default().to_owned(),
                    positive: test["ExpectedResult"].as_bool().unwrap_or_default(),
                    event,
                });
            }
        }
    }
    Some(cases)
}

/// A record that carries one of another system as text, which the mappings open.
fn inner<'c>(log_type: &'c str, event: &Json) -> (&'c str, Json) {
    let kubernetes = event.pointer("/properties/log").and_then(Json::as_str);
    match kubernetes.and_then(|text| serde_json::from_str(text).ok()) {
        Some(record) if log_type == "Azure.MonitorActivity" => ("Amazon.EKS.Audit", record),
        _ => (log_type, event.clone()),
    }
}

fn list(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// How the cases of one log type ended.
#[derive(Default)]
pub(crate) struct Tally {
    positives: usize,
    fired: usize,
    negatives: usize,
    false_alarms: usize,
}

impl Tally {
    /// One row of a table in Markdown.
    pub(crate) fn row(&self, name: &str) -> String {
        let part = |n: usize, of: usize| 100.0 * n as f64 / of.max(1) as f64;
        format!(
            "| {name} | {} of {} | {:.1} % | {} of {} | {:.1} % |",
            self.fired,
            self.positives,
            part(self.fired, self.positives),
            self.false_alarms,
            self.negatives,
            part(self.false_alarms, self.negatives)
        )
    }
}

/// How our rules do on each log type that they are for, and on all; `None` without the data.
pub(crate) fn judge(shipped: &mut Shipped) -> Option<BTreeMap<String, Tally>> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for case in &cases()? {
        let (log_type, event) = inner(&case.log_type, &case.event);
        let Some(source) = source_of(log_type, &event) else { continue };
        if !shipped.covers(&source) || (case.positive && !case.technique) {
            continue;
        }
        let matched: Vec<String> =
            shipped.matches(&source, &event).iter().map(|rule| rule.title.clone()).collect();
        if case.positive == matched.is_empty() {
            let what = if case.positive { "missed" } else { "false alarm" };
            println!("{what}: {} {}: {}: {matched:?}", case.log_type, case.rule, case.name);
        }
        for name in [case.log_type.as_str(), ALL] {
            let tally = tallies.entry(name.to_owned()).or_default();
            let (all, hit) = match case.positive {
                true => (&mut tally.positives, &mut tally.fired),
                false => (&mut tally.negatives, &mut tally.false_alarms),
            };
            *all += 1;
            *hit += usize::from(!matched.is_empty());
        }
    }
    Some(tallies)
}

#[test]
fn our_rules_fire_on_attacks_that_others_describe_and_not_on_their_harmless_events() {
    let Some(tallies) = judge(&mut Shipped::load()) else { return };
    for (log_type, tally) in &tallies {
        println!("{}", tally.row(log_type));
    }
    let all = &tallies[ALL];
    assert!(all.positives > 150 && all.negatives > 150, "too few cases to judge by");
    assert!(all.fired as f64 >= POSITIVES_MIN * all.positives as f64, "{}", all.row(ALL));
    assert!(all.false_alarms as f64 <= NEGATIVES_MAX * all.negatives as f64, "{}", all.row(ALL));
}
