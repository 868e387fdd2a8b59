//! Why an incident is in the queue, in a few words.

use model::Incident;

/// Most rules that are named; further ones are counted.
const RULES_NAMED_MAX: usize = 3;
/// Longest text of one reason, in bytes.
const REASON_TEXT_BYTES_MAX: usize = 200;

/// What a reason speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasonKind {
    /// A rule that hit.
    Rule,
    /// What the findings have in common.
    Entity,
    /// How many findings in what time.
    Count,
    /// Whose it is.
    Owner,
}

impl ReasonKind {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Entity => "entity",
            Self::Count => "count",
            Self::Owner => "owner",
        }
    }
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What it speaks of.
    pub kind: ReasonKind,
    /// In words.
    pub text: String,
}

/// Why `incident` is here: the rules that hit, what they have in common, how many findings in what time, and whose it
/// is. `titles` are those of rules, by UUID; a rule without one is named by its UUID.
pub fn why(incident: &Incident, titles: &[(String, String)]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut say = |kind, text: String| {
        let end = text.floor_char_boundary(REASON_TEXT_BYTES_MAX);
        reasons.push(Reason { kind, text: text[..end].to_owned() });
    };
    for rule in incident.rules.iter().take(RULES_NAMED_MAX) {
        // of a rule that was renamed, the name that this incident knows it by
        let mut known = titles.iter().filter(|(id, _)| id == rule);
        let own = known.clone().find(|(_, title)| incident.title.starts_with(title.as_str()));
        let title = own.or_else(|| known.next());
        say(ReasonKind::Rule, title.map_or(rule, |(_, title)| title).clone());
    }
    let more = incident.rules.len().saturating_sub(RULES_NAMED_MAX);
    if more > 0 {
        say(ReasonKind::Rule, format!("and {more} more {}", plural(more as u64, "rule")));
    }
    say(ReasonKind::Entity, format!("{} {}", incident.group.kind.as_str(), incident.group.value));
    let span_ms = incident.last_seen_ms.saturating_sub(incident.first_seen_ms);
    let findings = format!("{} {}", incident.findings, plural(incident.findings, "finding"));
    say(ReasonKind::Count, if span_ms > 0 { format!("{findings} in {}", span(span_ms)) } else { findings });
    let ownership = &incident.ownership;
    let owner = ownership.owner.as_ref().map(|owner| format!("owned by {owner}"));
    let critical = ownership.criticality.as_ref().map(|criticality| format!("criticality {criticality}"));
    let told: Vec<_> = [ownership.service.clone(), owner, critical].into_iter().flatten().collect();
    if !told.is_empty() {
        say(ReasonKind::Owner, told.join(", "));
    }
    reasons
}

fn plural(count: u64, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

/// `3 hours`: the largest unit of which there are at least two, or seconds.
fn span(ms: i64) -> String {
    let seconds = ms.unsigned_abs().div_ceil(1_000);
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (unit, noun) = units.into_iter().find(|(unit, _)| seconds >= 2 * unit).unwrap_or((1, "second"));
    let count = seconds / unit;
    format!("{count} {}", plural(count, noun))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Ownership, Severity};
    use ports::store::conformance::Bench;

    #[test]
    fn a_row_says_why_it_is_there() {
        let bench = Bench::new(1);
        let plain = bench.incident(&bench.finding(1, "ana", 0, Severity::High));
        let named = |rule: &str, title: &str| (rule.to_owned(), title.to_owned());
        let titles = [named("r1", "Root login")];
        let told = |incident: &Incident| {
            let reasons = why(incident, &titles);
            reasons.iter().map(|r| format!("{}: {}", r.kind.as_str(), r.text)).collect::<Vec<_>>()
        };
        assert_eq!(told(&plain), ["rule: Root login", "entity: actor ana", "count: 1 finding"]);
        let busy = Incident {
            rules: ["r1", "r2", "r3", "r4", "r5"].map(str::to_owned).to_vec(),
            findings: 12,
            last_seen_ms: plain.first_seen_ms + 3 * 3_600_000,
            ownership: Ownership {
                service: Some("payments".to_owned()),
                criticality: Some("high".to_owned()),
                ..Ownership::default()
            },
            ..plain
        };
        let expected = [
            "rule: Root login",
            "rule: r2",
            "rule: r3",
            "rule: and 2 more rules",
            "entity: actor ana",
            "count: 12 findings in 3 hours",
            "owner: payments, criticality high",
        ];
        assert_eq!(told(&busy), expected);
        let renamed = [named("r1", "An older name"), named("r1", "Rule on ana")];
        assert_eq!(why(&busy, &renamed)[0].text, "Rule on ana", "its title has it");
    }

    #[test]
    fn spans_are_in_a_unit_that_one_can_grasp() {
        for (ms, text) in [
            (1, "1 second"),
            (90_000, "90 seconds"),
            (120_000, "2 minutes"),
            (3_600_000, "60 minutes"),
            (7_200_000, "2 hours"),
            (86_400_000 * 3, "3 days"),
        ] {
            assert_eq!(span(ms), text);
        }
    }
}
