//! What another set of rules would have done: new and gone matches by rule, day and service. Of a correlation the
//! findings are counted, each at the event that completed it.

use model::EventId;
use serde_json::{Value, json};
use sigma::RuleError;
use std::collections::BTreeMap;

/// Sample events that are kept of what is new, and of what is gone, of each rule.
pub const SAMPLES_MAX: usize = 5;
/// Services that are told apart for each rule; further ones are counted together.
const SERVICES_MAX: usize = 50;
/// Days that are told apart for each rule; further ones are counted together.
const DAYS_MAX: usize = 1_000;
const OTHERS: &str = "(others)";
const DAY_MS: i64 = 86_400_000;

/// One event, as far as the delta tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its identity.
    pub event_id: EventId,
    /// When it happened, milliseconds since the epoch.
    pub time_ms: i64,
    /// The source's name.
    pub source: String,
    /// Whose service it is about; empty where the catalogue does not know.
    pub service: String,
}

/// New and gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Matches that were not there before.
    pub new: u64,
    /// Matches that are not there any more.
    pub gone: u64,
}

/// What changes about one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleDelta {
    /// Its title.
    pub title: String,
    /// Its hash in each set; empty where it is not there.
    pub hashes: (String, String),
    /// Matches of each set.
    pub matches: (u64, u64),
    /// All together.
    pub change: Change,
    /// By day of the events, from 1970-01-01; the days past the limit under `i64::MAX`.
    pub by_day: BTreeMap<i64, Change>,
    /// By service.
    pub by_service: BTreeMap<String, Change>,
    /// Events that are new.
    pub new: Vec<Sample>,
    /// Events that are gone.
    pub gone: Vec<Sample>,
}

impl RuleDelta {
    /// What happens to the rule: `new`, `removed`, `changed` or `same`.
    pub fn kind(&self) -> &'static str {
        match (self.hashes.0.is_empty(), self.hashes.1.is_empty()) {
            (true, _) => "new",
            (_, true) => "removed",
            _ if self.hashes.0 != self.hashes.1 => "changed",
            _ => "same",
        }
    }

    fn note(&mut self, event: &Sample, is_new: bool) {
        let add = |change: &mut Change| match is_new {
            true => change.new += 1,
            false => change.gone += 1,
        };
        let day = event.time_ms.div_euclid(DAY_MS);
        let day = if self.by_day.len() < DAYS_MAX || self.by_day.contains_key(&day) { day } else { i64::MAX };
        let service = match event.service.as_str() {
            "" => "(unknown)",
            known if self.by_service.len() < SERVICES_MAX || self.by_service.contains_key(known) => known,
            _ => OTHERS,
        };
        add(&mut self.change);
        add(self.by_day.entry(day).or_default());
        add(self.by_service.entry(service.to_owned()).or_default());
        let samples = if is_new { &mut self.new } else { &mut self.gone };
        if samples.len() < SAMPLES_MAX {
            samples.push(event.clone());
        }
    }
}

/// What changes from one set of rules to another. Bounded by the number of rules, not of events.
#[derive(Debug, Clone, Default)]
pub struct Delta {
    /// By rule id.
    rules: BTreeMap<String, RuleDelta>,
    /// Events that were run.
    pub events: u64,
    /// Records that gave no event.
    pub unreadable: u64,
    /// Matches that correlations did not weigh, and groups that they forgot, for the limit of memory.
    pub left_out: u64,
    /// Documents of the set before that do not run.
    pub refused_before: Vec<RuleError>,
    /// Documents of the set after that do not run.
    pub refused: Vec<RuleError>,
}

impl Delta {
    /// Nothing was run yet; some documents of either set do not run at all.
    pub fn new(refused_before: Vec<RuleError>, refused: Vec<RuleError>) -> Self {
        Self { refused_before, refused, ..Self::default() }
    }

    /// A rule or correlation of the set before (`after` false) or after.
    pub fn rule(&mut self, id: &str, title: &str, hash: String, after: bool) {
        let rule = self.rules.entry(id.to_owned()).or_default();
        rule.title = title.to_owned();
        if after {
            rule.hashes.1 = hash;
        } else {
            rule.hashes.0 = hash;
        }
    }

    /// The rules that matched an event, by id, with each set.
    pub fn event(&mut self, event: &Sample, before: &[&str], after: &[&str]) {
        for (ids, others, is_new) in [(before, after, false), (after, before, true)] {
            for id in ids {
                let Some(rule) = self.rules.get_mut(*id) else { continue };
                if is_new {
                    rule.matches.1 += 1;
                } else {
                    rule.matches.0 += 1;
                }
                if !others.contains(id) {
                    rule.note(event, is_new);
                }
            }
        }
    }

    /// The rules that are not the same in both sets, or do not match the same.
    pub fn changed(&self) -> impl Iterator<Item = (&str, &RuleDelta)> {
        let differs = |rule: &RuleDelta| rule.kind() != "same" || rule.change != Change::default();
        self.rules.iter().filter(move |(_, rule)| differs(rule)).map(|(id, rule)| (id.as_str(), rule))
    }

    /// New and gone matches of all rules.
    pub fn total(&self) -> Change {
        self.rules.values().fold(Change::default(), |sum, rule| Change {
            new: sum.new + rule.change.new,
            gone: sum.gone + rule.change.gone,
        })
    }

    /// The whole as JSON; days by `name_of_day`.
    pub fn to_json(&self, name_of_day: impl Fn(i64) -> String) -> Value {
        let change = |change: &Change| json!({ "new": change.new, "gone": change.gone });
        let samples = |samples: &[Sample]| -> Vec<Value> {
            let one = |s: &Sample| {
                json!({ "event_id": s.event_id.to_string(), "time_ms": s.time_ms, "source": s.source,
                    "service": s.service })
            };
            samples.iter().map(one).collect()
        };
        let day = |day: i64| if day == i64::MAX { OTHERS.to_owned() } else { name_of_day(day) };
        let rules: Vec<Value> = self
            .changed()
            .map(|(id, rule)| {
                let by_day: serde_json::Map<_, _> =
                    rule.by_day.iter().map(|(d, c)| (day(*d), change(c))).collect();
                let by_service: serde_json::Map<_, _> =
                    rule.by_service.iter().map(|(s, c)| (s.clone(), change(c))).collect();
                json!({ "rule_id": id, "title": rule.title, "kind": rule.kind(),
                    "matches_before": rule.matches.0, "matches_after": rule.matches.1, "new": rule.change.new,
                    "gone": rule.change.gone, "by_day": by_day, "by_service": by_service,
                    "new_events": samples(&rule.new), "gone_events": samples(&rule.gone) })
            })
            .collect();
        let refused = |errors: &[RuleError]| -> Vec<Value> {
            let one = |e: &RuleError| json!({ "file": &*e.file, "line": e.line, "code": e.code.as_str(), "reason": e.reason });
            errors.iter().map(one).collect()
        };
        let total = self.total();
        json!({ "events": self.events, "unreadable": self.unreadable, "new": total.new, "gone": total.gone,
            "rules": rules, "left_out": self.left_out, "refused": refused(&self.refused),
            "refused_before": refused(&self.refused_before) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(number: u8, day: i64, service: &str) -> Sample {
        let (source, service) = ("trail".to_owned(), service.to_owned());
        Sample { event_id: EventId([number; 16]), time_ms: day * DAY_MS + 5, source, service }
    }

    #[test]
    fn what_is_new_and_what_is_gone() {
        let mut delta = Delta::default();
        for (id, before, after) in
            [("a", "h1", "h2"), ("b", "h", "h"), ("c", "", "h"), ("d", "h", ""), ("e", "h", "h")]
        {
            for (hash, is_after) in [(before, false), (after, true)] {
                if !hash.is_empty() {
                    delta.rule(id, id, hash.to_owned(), is_after);
                }
            }
        }
        delta.event(&sample(1, 0, "pay"), &["a", "b", "d"], &["a", "b", "c"]);
        delta.event(&sample(2, 1, ""), &["a"], &["c", "e"]);
        delta.events = 2;
        let found: Vec<_> = delta
            .changed()
            .map(|(id, rule)| (id, rule.kind(), rule.matches, (rule.change.new, rule.change.gone)))
            .collect();
        let expected = [
            ("a", "changed", (2, 1), (0, 1)),
            ("c", "new", (0, 2), (2, 0)),
            ("d", "removed", (1, 0), (0, 1)),
            ("e", "same", (0, 1), (1, 0)),
        ];
        assert_eq!(found, expected, "a rule that is as it was and matches as it did is not told of");
        assert_eq!(delta.total(), Change { new: 3, gone: 2 });
        let json = delta.to_json(|day| format!("day {day}"));
        assert_eq!(
            json["rules"][1]["by_day"],
            json!({ "day 0": { "new": 1, "gone": 0 }, "day 1": { "new": 1, "gone": 0 } })
        );
        assert_eq!(json["rules"][1]["by_service"]["(unknown)"]["new"], 1);
        assert_eq!(json["rules"][0]["gone_events"][0]["event_id"], "02".repeat(16));
    }

    #[test]
    fn memory_does_not_grow_with_events() {
        let mut delta = Delta::default();
        delta.rule("a", "a", "h".to_owned(), true);
        for number in 0..3_000 {
            delta.event(&sample(1, number, &format!("service {number}")), &[], &["a"]);
        }
        let (_, rule) = delta.changed().next().unwrap();
        assert_eq!(rule.change.new, 3_000);
        assert!(rule.by_day.len() <= DAYS_MAX + 1 && rule.by_service.len() <= SERVICES_MAX + 1);
        assert_eq!(rule.by_day.values().map(|c| c.new).sum::<u64>(), 3_000, "none is left out");
        assert_eq!(rule.by_service.values().map(|c| c.new).sum::<u64>(), 3_000);
        assert_eq!(rule.new.len(), SAMPLES_MAX);
    }
}
