//! Which ATT&CK techniques the rules look for, on which sources, and which of them are blind.

use crate::attack::{Attack, Technique};
use serde::Serialize;
use sigma::Rule;
use sigma::correlation::CorrelationRule;
use std::collections::{BTreeMap, BTreeSet};

/// The column of rules on normalized events, which every source feeds.
pub const ANY_SOURCE: &str = "ocsf";

/// A rule or correlation and the kinds of record that it sees.
#[derive(Debug, Clone)]
pub struct RuleReach<'r> {
    /// Its title.
    pub title: &'r str,
    /// Its tags.
    pub tags: &'r [String],
    /// File and line.
    pub place: String,
    /// The logsource it is for: `windows/process_creation`; of a correlation those of its rules.
    pub needs: String,
    /// Kinds such as `aws_cloudtrail`; [`ANY_SOURCE`] for rules on normalized events; empty where no mapping gives
    /// records of the rule's logsource.
    pub kinds: Vec<&'r str>,
}

impl<'r> RuleReach<'r> {
    /// A rule that sees records of these kinds.
    pub fn of_rule(rule: &'r Rule, kinds: Vec<&'r str>) -> Self {
        let (title, tags) = (rule.title.as_str(), rule.tags.as_slice());
        Self { title, tags, place: format!("{}:{}", rule.file, rule.line), needs: logsource(rule), kinds }
    }

    /// A correlation, which sees what the rules that it counts see.
    pub fn of_correlation(correlation: &'r CorrelationRule, rules: &[&Self]) -> Self {
        let mut kinds: Vec<&'r str> = rules.iter().flat_map(|rule| rule.kinds.iter().copied()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let needs: BTreeSet<&str> = rules.iter().map(|rule| rule.needs.as_str()).collect();
        Self {
            title: &correlation.title,
            tags: &correlation.tags,
            place: format!("{}:{}", correlation.file, correlation.line),
            needs: needs.into_iter().collect::<Vec<_>>().join(", "),
            kinds,
        }
    }
}

/// How far the rules see.
#[derive(Debug, Clone, Serialize)]
pub struct Coverage {
    /// The kinds that send, as asked; every kind if nobody asked.
    pub sources: Vec<String>,
    /// Every technique, by id.
    pub techniques: Vec<TechniqueCoverage>,
    /// Per tactic, in the order of the matrix.
    pub tactics: Vec<TacticCoverage>,
    /// Tags that name no technique of this release: (tag, file and line).
    pub unknown_tags: Vec<(String, String)>,
    /// Rules without a technique's tag: file and line.
    pub untagged: Vec<String>,
}

/// Whether a technique is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// By a rule that a source feeds.
    Covered,
    /// Only by rules that no source feeds.
    Blind,
    /// By no rule.
    NoRule,
}

/// Titles of rules by the kind that feeds them.
type RulesBySource = BTreeMap<String, Vec<String>>;

/// One technique.
#[derive(Debug, Clone, Serialize)]
pub struct TechniqueCoverage {
    /// It.
    #[serde(flatten)]
    pub technique: Technique,
    /// Its name with its parent's.
    pub full_name: String,
    /// Whether it is looked for.
    pub sight: Sight,
    /// Rules by the kind that feeds them; a rule that several feed is under each.
    pub by_source: RulesBySource,
    /// Rules that no source feeds, each with the logsource that it lacks.
    pub blind: Vec<BlindRule>,
}

/// A rule that no source feeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlindRule {
    /// Its title.
    pub title: String,
    /// What it needs: `windows/process_creation`.
    pub needs: String,
}

/// One tactic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TacticCoverage {
    /// Its short name.
    pub tactic: String,
    /// Techniques that a rule fed by a source looks for.
    pub covered: usize,
    /// Techniques that only rules which no source feeds look for.
    pub blind: usize,
    /// All of them, sub-techniques included.
    pub techniques: usize,
}

impl Coverage {
    /// Works it out; `sending` are the kinds that send.
    pub fn of(attack: &Attack, rules: &[RuleReach<'_>], sending: &BTreeSet<&str>) -> Self {
        let mut rows: BTreeMap<&str, (RulesBySource, Vec<BlindRule>)> = BTreeMap::new();
        let (mut unknown_tags, mut untagged) = (Vec::new(), Vec::new());
        for reach in rules {
            let place = &reach.place;
            let ids = technique_ids(reach.tags);
            if ids.is_empty() {
                untagged.push(place.clone());
            }
            for id in ids {
                let Some(technique) = attack.get(&id) else {
                    unknown_tags.push((format!("attack.{}", id.to_ascii_lowercase()), place.clone()));
                    continue;
                };
                let (by_source, blind) = rows.entry(&technique.id).or_default();
                note(reach, sending, by_source, blind);
            }
        }
        let techniques: Vec<TechniqueCoverage> = attack
            .iter()
            .map(|technique| {
                let (by_source, blind) = rows.remove(technique.id.as_str()).unwrap_or_default();
                let sight = match (by_source.is_empty(), blind.is_empty()) {
                    (false, _) => Sight::Covered,
                    (true, false) => Sight::Blind,
                    (true, true) => Sight::NoRule,
                };
                let full_name = attack.full_name(technique);
                TechniqueCoverage { technique: technique.clone(), full_name, sight, by_source, blind }
            })
            .collect();
        let tactics = crate::attack::TACTICS.iter().map(|tactic| of_tactic(tactic, &techniques)).collect();
        let sources = sending.iter().map(|kind| (*kind).to_owned()).collect();
        Self { sources, techniques, tactics, unknown_tags, untagged }
    }

    /// How many techniques are in sight so.
    pub fn count(&self, sight: Sight) -> usize {
        self.techniques.iter().filter(|technique| technique.sight == sight).count()
    }

    /// A layer for ATT&CK Navigator, format 4.5
    /// (<https://github.com/mitre-attack/attack-navigator/tree/master/layers>). The score is the number of rules that
    /// a source feeds; a technique that is blind has the score 0 and a colour of its own.
    pub fn navigator_layer(&self) -> serde_json::Value {
        const BLIND_COLOUR: &str = "#f4a582";
        const COVERED_COLOURS: [&str; 2] = ["#d1e5f0", "#2166ac"];
        let techniques: Vec<serde_json::Value> = self
            .techniques
            .iter()
            .filter(|technique| technique.sight != Sight::NoRule)
            .map(|technique| {
                let rules: BTreeSet<&String> = technique.by_source.values().flatten().collect();
                let comment = match technique.sight {
                    Sight::Blind => format!("no source feeds: {}", needs(&technique.blind)),
                    _ => rules.iter().map(|title| title.as_str()).collect::<Vec<_>>().join("; "),
                };
                let sources = technique.by_source.iter().map(
                    |(source, rules)| serde_json::json!({ "name": source, "value": rules.len().to_string() }),
                );
                let mut entry = serde_json::json!({
                    "techniqueID": technique.technique.id,
                    "score": rules.len(),
                    "comment": comment,
                    "enabled": true,
                    "metadata": sources.collect::<Vec<_>>(),
                });
                if technique.sight == Sight::Blind {
                    entry["color"] = BLIND_COLOUR.into();
                }
                entry
            })
            .collect();
        let most = techniques.iter().filter_map(|technique| technique["score"].as_u64()).max().unwrap_or(0);
        serde_json::json!({
            "name": "Hue & Cry rules",
            "versions": { "layer": "4.5" },
            "domain": "enterprise-attack",
            "description": format!("rules by technique; sources: {}", self.sources.join(", ")),
            "sorting": 3,
            "hideDisabled": false,
            "techniques": techniques,
            "gradient": { "colors": COVERED_COLOURS, "minValue": 0, "maxValue": most.max(1) },
            "legendItems": [
                { "label": "rules that a source feeds", "color": COVERED_COLOURS[1] },
                { "label": "blind: rules, but no source feeds them", "color": BLIND_COLOUR },
            ],
        })
    }
}

fn note(
    reach: &RuleReach<'_>,
    sending: &BTreeSet<&str>,
    by_source: &mut RulesBySource,
    blind: &mut Vec<BlindRule>,
) {
    let fed = reach
        .kinds
        .iter()
        .filter(|kind| sending.contains(*kind) || (**kind == ANY_SOURCE && !sending.is_empty()));
    let mut is_blind = true;
    for kind in fed {
        by_source.entry((*kind).to_owned()).or_default().push(reach.title.to_owned());
        is_blind = false;
    }
    if is_blind {
        blind.push(BlindRule { title: reach.title.to_owned(), needs: reach.needs.clone() });
    }
}

/// What blind rules need, each once.
pub(crate) fn needs(blind: &[BlindRule]) -> String {
    let needs: BTreeSet<&str> = blind.iter().map(|rule| rule.needs.as_str()).collect();
    needs.into_iter().collect::<Vec<_>>().join(", ")
}

fn logsource(rule: &Rule) -> String {
    let sigma::Logsource { product, service, category, .. } = &rule.logsource;
    let parts: Vec<&str> = [product, category, service].into_iter().filter_map(Option::as_deref).collect();
    parts.join("/")
}

/// `T1078.004` of `attack.t1078.004`.
fn technique_ids(tags: &[String]) -> Vec<String> {
    let id = |tag: &String| {
        let (space, id) = tag.split_once('.')?;
        let is_technique = id.get(..1).is_some_and(|first| first.eq_ignore_ascii_case("t"))
            && id.get(1..5).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        (space.eq_ignore_ascii_case("attack") && is_technique).then(|| id.to_ascii_uppercase())
    };
    let mut ids: Vec<String> = tags.iter().filter_map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn of_tactic(tactic: &str, techniques: &[TechniqueCoverage]) -> TacticCoverage {
    let of: Vec<&TechniqueCoverage> =
        techniques.iter().filter(|t| t.technique.tactics.iter().any(|name| name == tactic)).collect();
    let count = |sight| of.iter().filter(|technique| technique.sight == sight).count();
    TacticCoverage {
        tactic: tactic.to_owned(),
        covered: count(Sight::Covered),
        blind: count(Sight::Blind),
        techniques: of.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(tags: &str, product: &str) -> Rule {
        let text = format!(
            "title: On {product}\ntags: {tags}\nlogsource: {{product: {product}}}\ndetection: {{s: {{a: 1}}, condition: s}}\n"
        );
        sigma::parse_rules(&text, "r.yml").remove(0).unwrap()
    }

    #[test]
    fn a_technique_is_covered_where_a_source_feeds_its_rule() {
        let rules = [
            (rule("[attack.t1078.004, attack.persistence]", "aws"), vec!["aws_cloudtrail"]),
            (rule("[attack.T1078.004, attack.t1110]", "okta"), vec!["okta"]),
            (rule("[attack.t1059]", "macos"), vec![]),
            (rule("[attack.t1485]", "ocsf"), vec![ANY_SOURCE]),
            (rule("[attack.t9999]", "aws"), vec!["aws_cloudtrail"]),
            (rule("[attack.impact]", "aws"), vec!["aws_cloudtrail"]),
        ];
        let reach: Vec<_> =
            rules.iter().map(|(rule, kinds)| RuleReach::of_rule(rule, kinds.clone())).collect();
        let of = |sending: &[&'static str]| {
            Coverage::of(&Attack::builtin(), &reach, &sending.iter().copied().collect())
        };
        let coverage = of(&["aws_cloudtrail", "okta"]);
        let row = |coverage: &Coverage, id: &str| {
            coverage.techniques.iter().find(|row| row.technique.id == id).unwrap().clone()
        };
        let cloud = row(&coverage, "T1078.004");
        assert_eq!(cloud.by_source.keys().collect::<Vec<_>>(), ["aws_cloudtrail", "okta"]);
        assert_eq!(row(&coverage, "T1059").sight, Sight::Blind);
        assert_eq!(row(&coverage, "T1059").blind[0].needs, "macos");
        assert_eq!(row(&coverage, "T1485").sight, Sight::Covered);
        assert_eq!(row(&coverage, "T1078").sight, Sight::NoRule);
        assert_eq!(coverage.unknown_tags, [("attack.t9999".to_owned(), "r.yml:1".to_owned())]);
        assert_eq!(coverage.untagged.len(), 1);
        assert_eq!((coverage.count(Sight::Covered), coverage.count(Sight::Blind)), (3, 1));
        let less = of(&["okta"]);
        assert_eq!(row(&less, "T1078.004").by_source.keys().collect::<Vec<_>>(), ["okta"]);
        assert_eq!(row(&of(&["github_audit"]), "T1110").sight, Sight::Blind);
        let layer = less.navigator_layer();
        assert_eq!(layer["versions"]["layer"], "4.5");
        let entry = |id: &str| {
            layer["techniques"]
                .as_array()
                .unwrap()
                .iter()
                .find(|entry| entry["techniqueID"] == id)
                .unwrap()
                .clone()
        };
        assert_eq!(entry("T1078.004")["score"], 1);
        assert_eq!((entry("T1059")["score"].clone(), entry("T1059")["color"].is_string()), (0.into(), true));
    }
}
