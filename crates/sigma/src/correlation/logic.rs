//! A condition in the form in which it is asked.

use crate::condition::Expression;
use crate::limits::CORRELATION_ALTERNATIVES_MAX;

use super::rule::{CorrelationKind, Wanted};
use super::threshold::{Micro, Threshold};

/// What is asked of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Logic {
    Events(Threshold),
    Values(Threshold),
    Sum(Threshold),
    Mean(Threshold),
    Quantile(Micro, Threshold),
    /// So many different rules, in any order.
    Rules(Threshold),
    /// One of these.
    Alternatives {
        ordered: bool,
        any: Vec<Alternative>,
    },
}

/// Rules, by position, that must have matched, and rules that must not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alternative {
    /// Ascending, at least one.
    pub(crate) present: Vec<u16>,
    /// Ascending.
    pub(crate) absent: Vec<u16>,
}

/// Why a condition cannot be used.
pub(crate) enum LogicFault {
    TooMany,
    Bad(String),
}

impl Logic {
    /// `labels` are the names that each rule goes by, by position.
    pub(crate) fn of(kind: &CorrelationKind, labels: &[Vec<String>]) -> Result<Self, LogicFault> {
        Ok(match kind {
            CorrelationKind::EventCount(threshold) => Logic::Events(threshold.clone()),
            CorrelationKind::ValueCount(_, threshold) => Logic::Values(threshold.clone()),
            CorrelationKind::ValueSum(_, threshold) => Logic::Sum(threshold.clone()),
            CorrelationKind::ValueAvg(_, threshold) => Logic::Mean(threshold.clone()),
            CorrelationKind::ValuePercentile(_, rank, threshold) => Logic::Quantile(*rank, threshold.clone()),
            CorrelationKind::Temporal { ordered: false, wanted: Wanted::Count(threshold) } => {
                Logic::Rules(threshold.clone())
            }
            CorrelationKind::Temporal { ordered, wanted } => {
                let any = match wanted {
                    Wanted::All => vec![all_of(labels.len())],
                    Wanted::Count(threshold) => subsets(threshold, labels.len())?,
                    Wanted::Expression(expression) => alternatives(expression, labels)?,
                };
                Logic::Alternatives { ordered: *ordered, any }
            }
        })
    }
}

impl Logic {
    /// One text for one meaning.
    pub(crate) fn canonical(&self) -> String {
        match self {
            Logic::Events(threshold) => format!("events {threshold}"),
            Logic::Values(threshold) => format!("values {threshold}"),
            Logic::Sum(threshold) => format!("sum {threshold}"),
            Logic::Mean(threshold) => format!("mean {threshold}"),
            Logic::Quantile(rank, threshold) => format!("quantile {rank} {threshold}"),
            Logic::Rules(threshold) => format!("rules {threshold}"),
            Logic::Alternatives { ordered, any } => {
                let mut text = String::from(if *ordered { "ordered" } else { "together" });
                for Alternative { present, absent } in any {
                    let list = |positions: &[u16]| {
                        positions.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")
                    };
                    text += &format!("; {} not {}", list(present), list(absent));
                }
                text
            }
        }
    }
}

fn all_of(rules: usize) -> Alternative {
    Alternative { present: (0..rules as u16).collect(), absent: Vec::new() }
}

/// Every choice of as many rules as an ordered count asks for.
fn subsets(threshold: &Threshold, rules: usize) -> Result<Vec<Alternative>, LogicFault> {
    let holds = |count: usize| threshold.holds(Micro::of_count(count));
    let fewest = (1..=rules).find(|count| holds(*count));
    let Some(fewest) = fewest.filter(|fewest| (*fewest..=rules).all(holds)) else {
        let reason = "`temporal_ordered` counts with `gte` or `gt`, up to the number of its rules";
        return Err(LogicFault::Bad(reason.to_owned()));
    };
    let mut chosen: Vec<Vec<u16>> = vec![Vec::new()];
    for position in 0..rules as u16 {
        let with = chosen.iter().filter(|set| set.len() < fewest).map(|set| {
            let mut more = set.clone();
            more.push(position);
            more
        });
        let with: Vec<_> = with.collect();
        chosen.extend(with);
        if chosen.len() > CORRELATION_ALTERNATIVES_MAX * CORRELATION_ALTERNATIVES_MAX {
            return Err(LogicFault::TooMany);
        }
    }
    chosen.retain(|set| set.len() == fewest);
    chosen.sort_unstable();
    if chosen.len() > CORRELATION_ALTERNATIVES_MAX {
        return Err(LogicFault::TooMany);
    }
    Ok(chosen.into_iter().map(|present| Alternative { present, absent: Vec::new() }).collect())
}

fn alternatives(expression: &Expression, labels: &[Vec<String>]) -> Result<Vec<Alternative>, LogicFault> {
    let mut any = spread(expression, false, labels)?;
    any.retain(|one| one.present.iter().all(|position| !one.absent.contains(position)));
    any.sort_unstable();
    any.dedup();
    if any.is_empty() {
        return Err(LogicFault::Bad("the condition contradicts itself and can never hold".to_owned()));
    }
    if any.iter().any(|one| one.present.is_empty()) {
        let reason = "the condition holds where nothing happened; ask for at least one match besides `not`";
        return Err(LogicFault::Bad(reason.to_owned()));
    }
    Ok(any)
}

/// The disjunctive normal form; recursion is as deep as the condition, which its parser bounds.
fn spread(
    expression: &Expression,
    negated: bool,
    labels: &[Vec<String>],
) -> Result<Vec<Alternative>, LogicFault> {
    match expression {
        Expression::Selection(name) => {
            let position = labels.iter().position(|known| known.contains(name)).ok_or_else(|| {
                LogicFault::Bad(format!("the condition names `{name}`, which is none of its `rules`"))
            })?;
            Ok(vec![single(position, negated)])
        }
        Expression::Of { all, target } => {
            let meant = |known: &&Vec<String>| known.iter().any(|label| target.includes(label));
            let positions: Vec<usize> =
                (0..labels.len()).filter(|at| labels.get(*at).iter().any(meant)).collect();
            if positions.is_empty() {
                return Err(LogicFault::Bad(format!("`{expression}` names none of its `rules`")));
            }
            let members: Vec<_> = positions.into_iter().map(|at| vec![single(at, negated)]).collect();
            if *all == negated { either(members) } else { both(members) }
        }
        Expression::Not(inner) => spread(inner, !negated, labels),
        Expression::And(members) | Expression::Or(members) => {
            let is_and = matches!(expression, Expression::And(_));
            let members = members.iter().map(|member| spread(member, negated, labels));
            let members = members.collect::<Result<Vec<_>, _>>()?;
            if is_and == negated { either(members) } else { both(members) }
        }
    }
}

fn single(position: usize, negated: bool) -> Alternative {
    let one = vec![position as u16];
    if negated {
        Alternative { present: Vec::new(), absent: one }
    } else {
        Alternative { present: one, absent: Vec::new() }
    }
}

fn either(members: Vec<Vec<Alternative>>) -> Result<Vec<Alternative>, LogicFault> {
    let all: Vec<_> = members.into_iter().flatten().collect();
    if all.len() > CORRELATION_ALTERNATIVES_MAX { Err(LogicFault::TooMany) } else { Ok(all) }
}

fn both(members: Vec<Vec<Alternative>>) -> Result<Vec<Alternative>, LogicFault> {
    let mut all = vec![Alternative { present: Vec::new(), absent: Vec::new() }];
    for member in members {
        if all.len().saturating_mul(member.len()) > CORRELATION_ALTERNATIVES_MAX {
            return Err(LogicFault::TooMany);
        }
        let join = |one: &Alternative, other: &Alternative| Alternative {
            present: union(&one.present, &other.present),
            absent: union(&one.absent, &other.absent),
        };
        all = all.iter().flat_map(|one| member.iter().map(move |other| join(one, other))).collect();
    }
    Ok(all)
}

fn union(a: &[u16], b: &[u16]) -> Vec<u16> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::Target;
    use proptest::prelude::*;

    const NAMES: [&str; 4] = ["one", "two", "three", "four"];

    fn expression() -> impl Strategy<Value = Expression> {
        let leaf = prop_oneof![
            (0..NAMES.len()).prop_map(|at| Expression::Selection(NAMES[at].to_owned())),
            any::<bool>().prop_map(|all| Expression::Of { all, target: Target::Pattern("t*".to_owned()) }),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|inner| Expression::Not(Box::new(inner))),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::And),
                prop::collection::vec(inner, 2..4).prop_map(Expression::Or),
            ]
        })
    }

    /// The expression itself, asked of the rules that matched.
    fn holds(expression: &Expression, matched: &[&str]) -> bool {
        match expression {
            Expression::Selection(name) => matched.contains(&name.as_str()),
            Expression::Of { all, target } => {
                let mut meant = NAMES.iter().filter(|name| target.includes(name));
                if *all {
                    meant.all(|name| matched.contains(name))
                } else {
                    meant.any(|name| matched.contains(name))
                }
            }
            Expression::Not(inner) => !holds(inner, matched),
            Expression::And(members) => members.iter().all(|member| holds(member, matched)),
            Expression::Or(members) => members.iter().any(|member| holds(member, matched)),
        }
    }

    proptest! {
        /// For every choice of rules that may have matched, the alternatives say what the expression says.
        #[test]
        fn alternatives_are_the_expression(expression in expression()) {
            let labels: Vec<_> = NAMES.iter().map(|name| vec![(*name).to_owned()]).collect();
            let Ok(any) = alternatives(&expression, &labels) else { return Ok(()) };
            for chosen in 0_u16..1 << NAMES.len() {
                let is_in = |position: &u16| chosen >> position & 1 == 1;
                let matched: Vec<_> = (0..4).filter(is_in).map(|at| NAMES[usize::from(at)]).collect();
                let by_alternatives =
                    any.iter().any(|one| one.present.iter().all(is_in) && !one.absent.iter().any(is_in));
                prop_assert_eq!(by_alternatives, holds(&expression, &matched), "{} {:?}", expression, matched);
            }
        }
    }
}
