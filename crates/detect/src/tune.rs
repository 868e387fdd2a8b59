//! What events judged false positives have in common that true positives have not: the smallest filter.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Fewest false positives that make a pattern: one event is described by its own id.
pub const FALSE_POSITIVES_MIN: usize = 2;
/// Most conditions of one alternative.
const CONDITIONS_MAX: usize = 3;
/// Most alternatives of a filter.
const ALTERNATIVES_MAX: usize = 4;
/// Most candidate conditions that are combined.
const CANDIDATES_MAX: usize = 60;
/// Most fields of one event that are looked at.
const FIELDS_MAX: usize = 2_000;
/// Longest value of a condition, in bytes.
const VALUE_BYTES_MAX: usize = 256;
/// A condition that more than one in so many ordinary events meets describes the source, not what is harmless.
const ORDINARY_SHARE: usize = 5;
/// Fewer ordinary events say nothing about what is common.
const ORDINARY_MIN: usize = 20;

/// A field that must have a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Path in the rule's vocabulary.
    pub field: String,
    /// Text, number or boolean.
    pub value: Value,
}

/// A filter: an event is filtered out if it meets all conditions of one alternative.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proposal {
    /// Each with its conditions.
    pub alternatives: Vec<Vec<Condition>>,
    /// For each false positive, whether it is filtered out.
    pub gone: Vec<bool>,
}

/// An event's fields with their values, comparable: Sigma compares text without regard to case.
#[derive(Debug, Clone, Default)]
pub struct Fields(BTreeMap<(String, String), Value>);

impl Fields {
    /// Of a JSON object: members by dotted paths, of arrays every member. What cannot be named in a rule is left
    /// out.
    pub fn of(event: &Value) -> Self {
        let mut fields = Self::default();
        fields.add("", event);
        fields
    }

    fn add(&mut self, path: &str, value: &Value) {
        if self.0.len() >= FIELDS_MAX {
            return;
        }
        match value {
            Value::Null => {}
            Value::Object(members) => {
                for (key, member) in members.iter().filter(|(key, _)| is_plain(key)) {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.add(&path, member);
                }
            }
            Value::Array(members) => members.iter().for_each(|member| self.add(path, member)),
            _ if path.is_empty() => {}
            scalar => {
                let text = comparable(scalar);
                if !text.is_empty() && text.len() <= VALUE_BYTES_MAX {
                    self.0.entry((path.to_owned(), text)).or_insert_with(|| scalar.clone());
                }
            }
        }
    }

    fn has(&self, key: &(String, String)) -> bool {
        self.0.contains_key(key)
    }
}

/// Whether a key can stand in a path of a rule as it is.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && !key.contains(['.', '|']) && !key.chars().any(char::is_control)
}

fn comparable(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    }
}

type Key = (String, String);

/// A candidate condition, with the events that meet it.
struct Candidate<'a> {
    key: &'a Key,
    value: &'a Value,
    false_positives: BTreeSet<usize>,
    true_positives: BTreeSet<usize>,
}

/// The smallest filter that leaves every true positive: first one alternative that takes all false positives,
/// with as few conditions as can be; else up to four that each take at least two of them. What more than a fifth of
/// `ordinary`, other events of the sources, have as well is no condition: without true positives to hold against it, it
/// would silence the rule.
pub fn propose(false_positives: &[Fields], true_positives: &[Fields], ordinary: &[Fields]) -> Proposal {
    let mut proposal = Proposal { gone: vec![false; false_positives.len()], ..Proposal::default() };
    if false_positives.len() < FALSE_POSITIVES_MIN {
        return proposal;
    }
    let candidates = candidates(false_positives, true_positives, ordinary);
    let mut left: BTreeSet<usize> = (0..false_positives.len()).collect();
    while proposal.alternatives.len() < ALTERNATIVES_MAX {
        let Some((chosen, taken)) = best(&candidates, &left) else { break };
        let condition = |at: &usize| Condition {
            field: candidates[*at].key.0.clone(),
            value: candidates[*at].value.clone(),
        };
        proposal.alternatives.push(chosen.iter().map(condition).collect());
        left.retain(|at| !taken.contains(at));
        if left.len() < FALSE_POSITIVES_MIN {
            break;
        }
    }
    for (fields, gone) in false_positives.iter().zip(&mut proposal.gone) {
        *gone = proposal.alternatives.iter().any(|conditions| meets(conditions, fields));
    }
    proposal
}

fn meets(conditions: &[Condition], fields: &Fields) -> bool {
    conditions.iter().all(|c| fields.has(&(c.field.clone(), comparable(&c.value))))
}

/// Conditions that at least two false positives meet and not every true positive does, the most common first.
fn candidates<'a>(
    false_positives: &'a [Fields],
    true_positives: &[Fields],
    ordinary: &[Fields],
) -> Vec<Candidate<'a>> {
    let mut met: BTreeMap<&Key, (&Value, BTreeSet<usize>)> = BTreeMap::new();
    for (at, fields) in false_positives.iter().enumerate() {
        for (key, value) in &fields.0 {
            met.entry(key).or_insert_with(|| (value, BTreeSet::new())).1.insert(at);
        }
    }
    let mut found: Vec<_> = met
        .into_iter()
        .filter(|(_, (_, at))| at.len() >= FALSE_POSITIVES_MIN)
        .filter(|(key, _)| {
            let met = ordinary.iter().filter(|fields| fields.has(key)).count();
            ordinary.len() < ORDINARY_MIN || met * ORDINARY_SHARE <= ordinary.len()
        })
        .map(|(key, (value, false_positives))| {
            let holds = true_positives.iter().enumerate().filter(|(_, fields)| fields.has(key));
            let true_positives = holds.map(|(at, _)| at).collect();
            Candidate { key, value, false_positives, true_positives }
        })
        // what every true positive meets as well tells nothing apart
        .filter(|c| true_positives.is_empty() || c.true_positives.len() < true_positives.len())
        .collect();
    // shorter paths are nearer to what people know; the order must not depend on chance
    found.sort_by_key(|c| {
        let depth = c.key.0.matches('.').count();
        (std::cmp::Reverse(c.false_positives.len()), c.true_positives.len(), depth, c.key.clone())
    });
    found.truncate(CANDIDATES_MAX);
    found
}

/// The conditions that take the most of `left` and no true positive: of those that take as many, the fewest.
fn best(candidates: &[Candidate<'_>], left: &BTreeSet<usize>) -> Option<(Vec<usize>, BTreeSet<usize>)> {
    let mut best: Option<(Vec<usize>, BTreeSet<usize>)> = None;
    let mut open = vec![(Vec::new(), left.clone(), None::<BTreeSet<usize>>)];
    for count in 1..=CONDITIONS_MAX {
        let mut next = Vec::new();
        for (chosen, taken, hurt) in &open {
            let from = chosen.last().map_or(0, |last| last + 1);
            for (at, candidate) in candidates.iter().enumerate().skip(from) {
                let taken: BTreeSet<_> = taken.intersection(&candidate.false_positives).copied().collect();
                let known = best.as_ref().map_or(0, |(_, taken)| taken.len());
                // more conditions only take fewer: what cannot become better is left
                if taken.len() < FALSE_POSITIVES_MIN || taken.len() <= known {
                    continue;
                }
                let harmed: BTreeSet<_> = match hurt {
                    None => candidate.true_positives.clone(),
                    Some(hurt) => hurt.intersection(&candidate.true_positives).copied().collect(),
                };
                // a condition that saves no true positive is of no use
                if hurt.as_ref().is_some_and(|hurt| hurt.len() == harmed.len()) {
                    continue;
                }
                let mut chosen: Vec<usize> = chosen.clone();
                chosen.push(at);
                if harmed.is_empty() {
                    best = Some((chosen, taken));
                } else if count < CONDITIONS_MAX {
                    next.push((chosen, taken, Some(harmed)));
                }
            }
        }
        if best.as_ref().is_some_and(|(_, taken)| taken.len() == left.len()) {
            break;
        }
        open = next;
    }
    best
}

/// A value as a rule writes it: JSON, which YAML can read, with Sigma's wildcards escaped.
pub fn sigma_value(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let mut escaped = String::with_capacity(text.len());
            for c in text.chars() {
                if matches!(c, '\\' | '*' | '?') {
                    escaped.push('\\');
                }
                escaped.push(c);
            }
            Value::String(escaped).to_string()
        }
        other => other.to_string(),
    }
}

/// The selections of a filter with the proposal's alternatives, as lines of YAML indented by `indent` spaces, and the
/// condition that takes out what meets one of them.
pub fn selections(proposal: &Proposal, indent: usize) -> (String, &'static str) {
    let space = " ".repeat(indent);
    let mut text = String::new();
    for (number, conditions) in proposal.alternatives.iter().enumerate() {
        text.push_str(&format!("{space}known_{}:\n", number + 1));
        for condition in conditions {
            let field = Value::String(condition.field.clone());
            text.push_str(&format!("{space}  {field}: {}\n", sigma_value(&condition.value)));
        }
    }
    (text, if proposal.alternatives.len() == 1 { "not known_1" } else { "not 1 of known_*" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn propose_of(false_positives: &[Value], true_positives: &[Value]) -> Vec<Vec<(String, Value)>> {
        let fields = |events: &[Value]| events.iter().map(Fields::of).collect::<Vec<_>>();
        let proposal = propose(&fields(false_positives), &fields(true_positives), &[]);
        let plain = |c: Condition| (c.field, c.value);
        proposal.alternatives.into_iter().map(|all| all.into_iter().map(plain).collect()).collect()
    }

    #[test]
    fn the_smallest_filter_is_found() {
        let agent =
            |agent: &str, user: &str, id: u32| json!({ "agent": agent, "who": { "user": user }, "id": id });
        // one condition is enough
        let noise = [agent("terraform", "ci", 1), agent("Terraform", "ci2", 2)];
        let attack = [agent("curl", "ci", 3), agent("curl", "eve", 4)];
        assert_eq!(propose_of(&noise, &attack), [[("agent".to_owned(), json!("terraform"))]]);
        // two are needed: the attacker uses the tool as well, and the account, but not both
        let noise = [agent("terraform", "ci", 1), agent("terraform", "ci", 2)];
        let attack = [agent("terraform", "eve", 3), agent("curl", "ci", 4)];
        let both = [("agent".to_owned(), json!("terraform")), ("who.user".to_owned(), json!("ci"))];
        assert_eq!(propose_of(&noise, &attack), [both]);
        // two kinds of noise
        let noise = [agent("a", "x", 1), agent("a", "y", 2), agent("b", "z", 3), agent("b", "w", 4)];
        let found = propose_of(&noise, &[agent("c", "x", 5)]);
        assert_eq!(found, [[("agent".to_owned(), json!("a"))], [("agent".to_owned(), json!("b"))]]);
        // nothing tells them apart
        assert_eq!(propose_of(&noise[..2], &[agent("a", "x", 9), agent("a", "y", 8)]), Vec::<Vec<_>>::new());
        assert_eq!(propose_of(&noise[..1], &[]), Vec::<Vec<_>>::new(), "one event is no pattern");
    }

    #[test]
    fn what_is_ordinary_describes_nothing() {
        let event = |user: &str, category: &str| json!({ "category": category, "who": { "user": user } });
        let fields = |events: &[Value]| events.iter().map(Fields::of).collect::<Vec<_>>();
        let noise = fields(&[event("ci", "Management"), event("ci", "Management")]);
        let ordinary: Vec<Value> = (0..20).map(|n| event(&format!("user{n}"), "Management")).collect();
        let proposal = propose(&noise, &[], &fields(&ordinary));
        let expected = Condition { field: "who.user".to_owned(), value: json!("ci") };
        assert_eq!(proposal.alternatives, [[expected]]);
        // where everything is ordinary there is no filter
        let same: Vec<Fields> = noise.iter().cycle().take(20).cloned().collect();
        assert_eq!(propose(&noise, &[], &same).alternatives, Vec::<Vec<_>>::new());
    }

    #[test]
    fn what_cannot_be_named_is_left_out() {
        let event = json!({ "a.b": 1, "": 2, "c|d": 3, "e": [{ "f": "X" }, { "f": 7 }], "n": null, "long": "x".repeat(300) });
        let found: Vec<_> = Fields::of(&event).0.into_keys().collect();
        assert_eq!(found, [("e.f".to_owned(), "7".to_owned()), ("e.f".to_owned(), "x".to_owned())]);
    }

    #[test]
    fn a_filter_is_written_so_that_nothing_in_it_is_a_wildcard() {
        let condition = Condition { field: "path".to_owned(), value: json!("C:\\a*\"b") };
        let number = Condition { field: "code".to_owned(), value: json!(5) };
        let proposal = Proposal { alternatives: vec![vec![condition], vec![number]], gone: vec![] };
        let (text, condition) = selections(&proposal, 2);
        assert_eq!(
            text,
            "  known_1:\n    \"path\": \"C:\\\\\\\\a\\\\*\\\"b\"\n  known_2:\n    \"code\": 5\n"
        );
        assert_eq!(condition, "not 1 of known_*");
    }

    fn event() -> impl Strategy<Value = Value> {
        proptest::collection::btree_map("[abcd]", 0..3u8, 1..4).prop_map(|fields| json!(fields))
    }

    proptest! {
        /// No true positive is ever filtered out, what is said to be gone is, and every alternative takes two.
        #[test]
        fn true_positives_stay(
            noise in proptest::collection::vec(event(), 0..8),
            attacks in proptest::collection::vec(event(), 0..8),
        ) {
            let fields = |events: &[Value]| events.iter().map(Fields::of).collect::<Vec<_>>();
            let (noise, attacks) = (fields(&noise), fields(&attacks));
            let proposal = propose(&noise, &attacks, &[]);
            for conditions in &proposal.alternatives {
                prop_assert!(!conditions.is_empty() && conditions.len() <= CONDITIONS_MAX);
                prop_assert!(!attacks.iter().any(|attack| meets(conditions, attack)));
                prop_assert!(noise.iter().filter(|event| meets(conditions, event)).count() >= FALSE_POSITIVES_MIN);
            }
            for (event, gone) in noise.iter().zip(&proposal.gone) {
                prop_assert_eq!(*gone, proposal.alternatives.iter().any(|conditions| meets(conditions, event)));
            }
        }
    }
}
