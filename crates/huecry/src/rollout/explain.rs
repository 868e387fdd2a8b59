//! Why a rule in force matches what somebody pasted, or not; for a correlation, what it needs.

use super::generation::{Generation, Place, RuleInForce};
use super::needs::needs;
use crate::engine::{Considered, RuleOutcome, Scratch};
use crate::kind_guess::KindGuess;
use detect::{Hit, MatchGroups};
use model::{Offset, Partition, Position, RawRecord, Topic};
use normalize::{RawData, Refusal, RefusalCode};
use server::{
    ConditionView, CorrelationView, ElementView, ElementsView, ExplainedReasonView, ExplanationView,
    FoundView, ItemView, MemberView, Outcome, Pasted, RefusalView, RuleExplanation, RulesError, SearchView,
    SelectionView,
};
use sigma::correlation::{Linked, Member};
use sigma::{Explanation, Found, ItemTold, Logsource, SearchTold};

/// Most members of a correlation that are told, those of its members included.
const MEMBERS_TOLD_MAX: usize = 64;

/// Most values of what is held against a rule: questions about elements of an array are worked out by an evaluator that
/// looks at each element once for each of the others.
const VALUES_MAX: u32 = 20_000;

/// Holds `rule` against what was pasted.
///
/// # Errors
/// [`RulesError::UnknownKind`].
pub(super) fn explain(
    generation: &Generation,
    rule: &RuleInForce,
    pasted: &Pasted,
) -> Result<RuleExplanation, RulesError> {
    let mut told = named(generation, rule);
    let mut scratch = Scratch::new(RawData::Exclude);
    let engine = &generation.engine;
    let outcome = match pasted {
        Pasted::Event(event) => engine
            .consider_event(event, &mut scratch, |considered| tell(generation, rule, considered, &mut told)),
        Pasted::Record { kind, source, body } => {
            let kind = match kind {
                Some(kind) => known_kind(generation, kind)?,
                None => KindGuess::new().of(body),
            };
            told.kind = Some(kind.to_owned());
            let record = RawRecord {
                source: source.as_deref().unwrap_or(kind),
                kind,
                event_type: None,
                delivery_id: None,
                region: "default",
                received_at_ms: 0,
                body,
            };
            let position = Position::new(Topic::Raw, Partition(0), Offset(0));
            engine.consider(&record, position, &mut scratch, |considered| {
                told.logsource = Some(considered.logsource.clone());
                tell(generation, rule, considered, &mut told);
            })
        }
    };
    if let Err(Refusal { code, reason }) = outcome {
        told.outcome = Outcome::Refused;
        told.refusal = Some(RefusalView { code: code.as_str(), reason });
    }
    Ok(told)
}

fn known_kind<'k>(generation: &Generation, kind: &'k str) -> Result<&'k str, RulesError> {
    let mut kinds: Vec<&str> = generation.engine.normalizer().kinds().collect();
    if kinds.contains(&kind) {
        return Ok(kind);
    }
    kinds.sort_unstable();
    Err(RulesError::UnknownKind { kind: kind.to_owned(), known: kinds.join(", ") })
}

/// What is known of a rule before anything is held against it.
fn named(generation: &Generation, rule: &RuleInForce) -> RuleExplanation {
    let detector = generation.engine.detector();
    let (title, file, line, logsource) = match rule.place {
        Place::Rule(hit) => detector.rule(hit).map_or(("", "", 0, None), |rule| {
            (rule.title.as_str(), &*rule.file, rule.line, Some(in_words(&rule.logsource)))
        }),
        Place::Correlation(place) => {
            detector.correlations().set().get(place).map_or(("", "", 0, None), |one| {
                (one.rule.title.as_str(), &*one.rule.file, one.rule.line, None)
            })
        }
    };
    RuleExplanation {
        rule_id: rule.rule_id.clone(),
        title: title.to_owned(),
        file: file.to_owned(),
        line,
        outcome: Outcome::NoMatch,
        kind: None,
        logsource: None,
        rule_logsource: logsource,
        refusal: None,
        explanation: None,
        correlation: None,
    }
}

/// `aws/cloudtrail`, `windows/process_creation`.
fn in_words(logsource: &Logsource) -> String {
    let Logsource { product, category, service, .. } = logsource;
    let parts: Vec<&str> = [product, category, service].into_iter().filter_map(Option::as_deref).collect();
    parts.join("/")
}

fn tell(
    generation: &Generation,
    rule: &RuleInForce,
    considered: &Considered<'_>,
    told: &mut RuleExplanation,
) {
    if considered.values() > VALUES_MAX {
        told.outcome = Outcome::Refused;
        let reason = format!("more than {VALUES_MAX} values, too many to explain; shorten its lists");
        told.refusal = Some(RefusalView { code: RefusalCode::RecordTooComplex.as_str(), reason });
        return;
    }
    match rule.place {
        Place::Rule(hit) => (told.outcome, told.explanation) = outcome(considered.rule(hit)),
        Place::Correlation(place) => {
            told.outcome = Outcome::Correlation;
            let mut left = MEMBERS_TOLD_MAX;
            let set = generation.engine.detector().correlations().set();
            told.correlation =
                set.get(place).map(|linked| correlation(generation, considered, (place, linked), &mut left));
        }
    }
}

fn outcome(told: Option<RuleOutcome>) -> (Outcome, Option<ExplanationView>) {
    let Some(RuleOutcome { applies, explanation, .. }) = told else {
        return (Outcome::OtherLogsource, None);
    };
    let outcome = match (applies, explanation.matched) {
        (false, _) => Outcome::OtherLogsource,
        (true, true) => Outcome::Matches,
        (true, false) => Outcome::NoMatch,
    };
    (outcome, Some(explanation_view(explanation)))
}

/// Chains are bounded and have no circles, and no more members are told than are left.
fn correlation(
    generation: &Generation,
    considered: &Considered<'_>,
    (place, linked): (usize, &Linked),
    left: &mut usize,
) -> CorrelationView {
    let rule = &linked.rule;
    let mut members = Vec::new();
    for member in linked.members() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        members.extend(match member {
            Member::Base(base) => {
                let hit = generation.engine.detector().correlations().hit(*base);
                base_member(generation, considered, (place, linked), hit)
            }
            Member::Correlation(child) => correlation_member(generation, considered, *child, left),
        });
    }
    let truncated = members.len() < linked.members().len();
    CorrelationView {
        kind: rule.kind.as_str(),
        needs: needs(rule),
        timespan_ms: rule.timespan_ms,
        group_by: rule.group_by.clone(),
        condition: rule.kind.condition(),
        fields: rule.kind.value_fields().to_vec(),
        members,
        truncated,
    }
}

fn base_member(
    generation: &Generation,
    considered: &Considered<'_>,
    (place, linked): (usize, &Linked),
    hit: Hit,
) -> Option<MemberView> {
    let rule = generation.engine.detector().rule(hit)?;
    let (outcome, explanation) = outcome(considered.rule(hit));
    let match_groups = considered.match_groups(hit, place).unwrap_or_default();
    let name = |names: &[String], at: &usize| names.get(*at).cloned();
    let MatchGroups { groups, lacks_group, lacks_value } = match_groups;
    let mut missing: Vec<String> =
        lacks_group.iter().filter_map(|at| name(&linked.rule.group_by, at)).collect();
    missing.extend(lacks_value.iter().filter_map(|at| name(linked.rule.kind.value_fields(), at)));
    Some(MemberView {
        rule_id: generation.rule(hit).map_or_else(|| rule.title.clone(), |rule| rule.rule_id.clone()),
        title: rule.title.clone(),
        is_correlation: false,
        groups: if outcome == Outcome::Matches { groups } else { Vec::new() },
        outcome,
        explanation,
        missing,
        correlation: None,
    })
}

fn correlation_member(
    generation: &Generation,
    considered: &Considered<'_>,
    child: usize,
    left: &mut usize,
) -> Option<MemberView> {
    let set = generation.engine.detector().correlations().set();
    let linked = set.get(child)?;
    let in_force = generation.at(Place::Correlation(set.original(child)));
    Some(MemberView {
        rule_id: in_force.map_or_else(|| linked.rule.title.clone(), |rule| rule.rule_id.clone()),
        title: linked.rule.title.clone(),
        is_correlation: true,
        outcome: Outcome::Correlation,
        explanation: None,
        groups: Vec::new(),
        missing: Vec::new(),
        correlation: Some(Box::new(correlation(generation, considered, (child, linked), left))),
    })
}

fn explanation_view(explanation: Explanation) -> ExplanationView {
    let conditions = explanation.conditions.into_iter();
    let selections = explanation.selections.into_iter();
    let reasons = explanation.reasons.into_iter();
    ExplanationView {
        matched: explanation.matched,
        conditions: conditions
            .map(|told| ConditionView { source: told.source, line: told.line, holds: told.holds })
            .collect(),
        selections: selections
            .map(|told| SelectionView {
                name: told.name,
                line: told.line,
                holds: told.holds,
                search: search(told.search),
            })
            .collect(),
        reasons: reasons
            .map(|told| ExplainedReasonView {
                line: told.line,
                selection: told.selection,
                holds: told.holds,
                text: told.text,
            })
            .collect(),
    }
}

/// Recursion is as deep as a selection may nest.
fn search(told: SearchTold) -> SearchView {
    match told {
        SearchTold::All(items) => SearchView::All(items.into_iter().map(item).collect()),
        SearchTold::Any(members) => SearchView::Any(members.into_iter().map(search).collect()),
    }
}

fn item(told: ItemTold) -> ItemView {
    let sentence = told.sentence();
    let element = |element: sigma::ElementTold| ElementView {
        number: element.number,
        holds: element.holds,
        search: search(element.search),
    };
    ItemView {
        key: told.key,
        line: told.line,
        holds: told.holds,
        wanted: told.wanted,
        met: told.met,
        wants_all: told.wants_all,
        found: match told.found {
            Found::WholeEvent => FoundView::WholeEvent,
            Found::NoField => FoundView::NoField,
            Found::Values(values) => FoundView::Values(values),
        },
        elements: told.elements.map(|elements| ElementsView {
            quantifier: elements.quantifier,
            count: elements.count,
            answered: elements.answered,
            told: elements.told.map(element),
        }),
        sentence,
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
