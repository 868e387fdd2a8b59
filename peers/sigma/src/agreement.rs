//! Which pairs of rule and event the two engines answer differently, and who is right by the words of the specification.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde::Deserialize;

use crate::Failure;
use crate::corpus;
use crate::generated::{Generated, Group, Shape};
use crate::measure::{Measurement, matches_file};
use crate::workload::{Contender, Row};

/// Whose answer was "matches".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Ours,
    Peer,
}

/// `disagreements.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Explanations {
    cause: Vec<Cause>,
}

/// Why the two differ.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cause {
    name: String,
    /// Who is right: `ours`, `peer`, or `open` where the specification leaves it so.
    right: String,
    /// Where the specification says so.
    section: String,
    why: String,
    /// Who says that the rule matches.
    matched_by: Option<Side>,
    /// The rules' ids; of a lowered rule its own, or that of the rule it was made from.
    #[serde(default)]
    rules: Vec<String>,
    /// Instead: every rule that has this in its text.
    rules_with: Option<String>,
    /// Instead, of the generated pairs: all whose modifiers, values and field are among these; an empty list is any.
    #[serde(default)]
    shapes: Vec<ShapePattern>,
    /// Rules that one of the two refuses to load, and who.
    refused_by: Option<Side>,
}

/// Which generated pairs.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapePattern {
    /// Who says that the rule matches, or `ours refuses`, `peer refuses`.
    answer: String,
    /// One of these modifiers stands in the item; `keywords` for keywords, `none` for no modifier.
    #[serde(default)]
    modifiers: Vec<String>,
    /// The rule has one of these kinds of value.
    #[serde(default)]
    values: Vec<String>,
    /// The event's field is one of these kinds, or a list that has one.
    #[serde(default)]
    field: Vec<String>,
}

impl ShapePattern {
    fn is_of(&self, shape: &Shape) -> bool {
        let any = |wanted: &[String], holds: &dyn Fn(&str) -> bool| {
            wanted.is_empty() || wanted.iter().any(|one| holds(one))
        };
        let has_modifier = |wanted: &str| match wanted {
            "none" => shape.modifiers.is_empty(),
            wanted => shape.modifiers.split('|').any(|modifier| modifier == wanted),
        };
        self.answer == shape.answer
            && any(&self.modifiers, &has_modifier)
            && any(&self.values, &|wanted| shape.values.split(' ').any(|kind| kind == wanted))
            && any(&self.field, &|wanted| {
                shape.field == wanted || shape.field.split(' ').any(|kind| kind == wanted)
            })
    }
}

/// One rule that the two answer differently.
pub(crate) struct Difference {
    row: Row,
    rule: String,
    title: String,
    side: Side,
    events: usize,
    cause: Option<usize>,
}

/// Two match sets beside each other.
pub(crate) struct Comparison {
    pub(crate) row: Row,
    pub(crate) contender: Contender,
    equal: usize,
    only_ours: usize,
    only_peer: usize,
}

impl Comparison {
    pub(crate) fn words(&self) -> String {
        match (self.only_ours, self.only_peer) {
            (0, 0) => format!("equal ({})", self.equal),
            (ours, peer) => format!("{} equal, {ours} only ours, {peer} only its", self.equal),
        }
    }
}

#[derive(Default)]
pub(crate) struct Agreement {
    pub(crate) comparisons: Vec<Comparison>,
    differences: Vec<Difference>,
    refused: Vec<(Side, String, String, Option<usize>)>,
    causes: Vec<Cause>,
    asked: u64,
    matched: u64,
    generated: Vec<(Group, Option<usize>)>,
    pub(crate) unexplained: Vec<String>,
}

type Pairs = BTreeSet<(usize, String)>;

fn read(folder: &Path, row: Row, contender: Contender) -> Result<Pairs, Failure> {
    let text = std::fs::read_to_string(matches_file(folder, row, contender))?;
    text.lines()
        .map(|line| {
            let (number, rule) = line.split_once('\t').ok_or("a line without a tab")?;
            Ok((number.parse()?, rule.to_owned()))
        })
        .collect()
}

/// The text of every rule, by id.
fn texts(data: &Path, folder: &Path) -> BTreeMap<String, (String, String)> {
    let mut files = corpus::sigma_rules(&data.join("sigma"), &["."]);
    files.extend(corpus::sigma_rules(&folder.join("lowered"), &["."]));
    let line = |text: &str, key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key))
            .map(|rest| rest.trim().trim_matches('\'').to_owned())
    };
    files
        .into_iter()
        .filter_map(|(_, text)| {
            Some((line(&text, "id:")?, (line(&text, "title:").unwrap_or_default(), text)))
        })
        .collect()
}

pub(crate) fn compare(
    measured: &[Measurement],
    generated: &Generated,
    data: &Path,
    folder: &Path,
) -> Result<Agreement, Failure> {
    let explanations: Explanations = toml::from_str(&std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("disagreements.toml"),
    )?)?;
    let texts = texts(data, folder);
    let mut agreement = Agreement { causes: explanations.cause, ..Agreement::default() };
    agreement.add_generated(generated);
    for row in Row::ALL {
        let [of_ours, of_peer] = row.compared();
        let of = |contender| measured.iter().find(|one| one.is_of(*row, contender));
        let (Some(ours), Some(peer)) = (of(of_ours), of(of_peer)) else { continue };
        let refused: BTreeSet<&String> =
            ours.refused.iter().chain(&peer.refused).map(|(rule, _)| rule).collect();
        agreement.add_refused(Side::Ours, ours, peer, &texts);
        agreement.add_refused(Side::Peer, peer, ours, &texts);
        let pairs_of_ours = without(read(folder, *row, of_ours)?, &refused);
        for contender in row.contenders().iter().filter(|one| !one.is_ours()) {
            if measured.iter().all(|one| !one.is_of(*row, *contender)) {
                continue;
            }
            let pairs = without(read(folder, *row, *contender)?, &refused);
            agreement.comparisons.push(Comparison {
                row: *row,
                contender: *contender,
                equal: pairs.intersection(&pairs_of_ours).count(),
                only_ours: pairs_of_ours.difference(&pairs).count(),
                only_peer: pairs.difference(&pairs_of_ours).count(),
            });
            if *contender == of_peer {
                agreement.add_differences(*row, Side::Ours, pairs_of_ours.difference(&pairs), &texts);
                agreement.add_differences(*row, Side::Peer, pairs.difference(&pairs_of_ours), &texts);
            }
        }
    }
    Ok(agreement)
}

fn without(mut pairs: Pairs, refused: &BTreeSet<&String>) -> Pairs {
    pairs.retain(|(_, rule)| !refused.contains(rule));
    pairs
}

impl Agreement {
    fn add_differences<'p>(
        &mut self,
        row: Row,
        side: Side,
        pairs: impl Iterator<Item = &'p (usize, String)>,
        texts: &BTreeMap<String, (String, String)>,
    ) {
        let mut by_rule: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
        for (event, rule) in pairs {
            by_rule.entry(rule).or_default().push(*event);
        }
        for (rule, events) in by_rule {
            let (title, text) = texts.get(rule).cloned().unwrap_or_default();
            let cause = self.causes.iter().position(|cause| {
                cause.refused_by.is_none()
                    && cause.shapes.is_empty()
                    && cause.matched_by.is_none_or(|by| by == side)
                    && (cause.rules.iter().any(|id| id == rule || text.contains(id.as_str()))
                        || cause.rules_with.as_ref().is_some_and(|part| text.contains(part)))
            });
            if cause.is_none() {
                let first: Vec<_> = events.iter().take(3).collect();
                self.unexplained.push(format!(
                    "{}: only {side:?}: {rule} {title}: {} events, {first:?}",
                    row.name(),
                    events.len()
                ));
            }
            self.differences.push(Difference {
                row,
                rule: rule.clone(),
                title,
                side,
                events: events.len(),
                cause,
            });
        }
    }

    fn add_generated(&mut self, generated: &Generated) {
        (self.asked, self.matched) = (generated.asked, generated.matched);
        for group in &generated.groups {
            let is_of = |cause: &Cause| cause.shapes.iter().any(|pattern| pattern.is_of(&group.shape));
            let cause = self.causes.iter().position(is_of);
            if cause.is_none() {
                let Shape { modifiers, values, field, answer } = &group.shape;
                self.unexplained.push(format!(
                    "generated: [{answer}] modifiers `{modifiers}`, values {values}, field {field}: {} pairs, {}",
                    group.pairs, group.example
                ));
            }
            self.generated.push((group.clone(), cause));
        }
    }

    /// Rules that `one` refuses and `other` does not.
    fn add_refused(
        &mut self,
        side: Side,
        one: &Measurement,
        other: &Measurement,
        texts: &BTreeMap<String, (String, String)>,
    ) {
        for (rule, reason) in &one.refused {
            let is_known = self.refused.iter().any(|(by, known, ..)| *by == side && known == rule);
            if is_known || other.refused.iter().any(|(both, _)| both == rule) {
                continue;
            }
            let (title, text) = texts.get(rule).cloned().unwrap_or_default();
            let cause = self.causes.iter().position(|cause| {
                cause.refused_by == Some(side)
                    && (cause.rules.contains(rule)
                        || cause.rules_with.as_ref().is_some_and(|part| text.contains(part)))
            });
            if cause.is_none() {
                self.unexplained.push(format!("refused by {side:?}: {rule} {title}: {reason}"));
            }
            self.refused.push((side, rule.clone(), title, cause));
        }
    }

    /// `docs/reference/sigma-agreement.md`.
    pub(crate) fn page(&self) -> String {
        let mut out = String::from(
            "# Where two Sigma engines disagree\n\n\
             Our rules and rsigma-eval 0.26 on the same rules and the same events; every pair of rule and event that the two\n\
             answer differently, by cause, and who is right by the specification. Written by `cargo xtask bench --sigma --write`,\n\
             which fails where a difference has no cause in `peers/sigma/disagreements.toml`.\n\n\
             | rules and events | pairs both match | only ours | only rsigma-eval |\n|---|---|---|---|\n",
        );
        for one in self.comparisons.iter().filter(|one| one.row.compared().contains(&one.contender)) {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} |",
                one.row.title(),
                one.equal,
                one.only_ours,
                one.only_peer
            );
        }
        let differing: u64 = self.generated.iter().map(|(group, _)| group.pairs).sum();
        let _ = writeln!(
            out,
            "\nAnd {} generated pairs of a rule of one item and an event, of which {} match by ours; the two differ in {differing}.",
            self.asked, self.matched
        );
        for (at, cause) in self.causes.iter().enumerate() {
            let differences: Vec<_> = self.differences.iter().filter(|one| one.cause == Some(at)).collect();
            let refused: Vec<_> = self.refused.iter().filter(|(.., by)| *by == Some(at)).collect();
            let generated: Vec<_> =
                self.generated.iter().filter(|(_, by)| *by == Some(at)).map(|(one, _)| one).collect();
            if differences.is_empty() && refused.is_empty() && generated.is_empty() {
                continue;
            }
            let who = match cause.right.as_str() {
                "ours" => "ours",
                "peer" => "rsigma-eval",
                _ => "the specification leaves it open",
            };
            let _ =
                writeln!(out, "\n## {}\n\n**Right: {who}** ({}). {}\n", cause.name, cause.section, cause.why);
            if !differences.is_empty() {
                out.push_str("| rule | rules and events | matched by | events |\n|---|---|---|---|\n");
            }
            for one in differences {
                let by = if one.side == Side::Ours { "ours" } else { "rsigma-eval" };
                let _ = writeln!(
                    out,
                    "| {} (`{}`) | {} | {by} | {} |",
                    one.title,
                    one.rule,
                    one.row.title(),
                    one.events
                );
            }
            for (_, rule, title, _) in refused {
                let _ = writeln!(out, "- {title} (`{rule}`)");
            }
            write_generated(&mut out, &generated);
        }
        out
    }
}

/// How many generated pairs a cause has by who matches, and one of each.
fn write_generated(out: &mut String, groups: &[&Group]) {
    for answer in ["ours", "peer", "ours refuses", "peer refuses"] {
        let of: Vec<_> = groups.iter().filter(|group| group.shape.answer == answer).collect();
        let Some(first) = of.iter().min_by_key(|group| group.example.len()) else { continue };
        let pairs: u64 = of.iter().map(|group| group.pairs).sum();
        let who = match answer {
            "ours" => "matched by ours only",
            "peer" => "matched by rsigma-eval only",
            "ours refuses" => "refused by ours (rules)",
            _ => "refused by rsigma-eval (rules)",
        };
        let _ = writeln!(out, "- {pairs} generated, {who}, such as {}", first.example);
    }
}
