//! What a correlation needs to fire, in words.

use sigma::correlation::{Comparison, CorrelationKind, CorrelationRule, Threshold, Wanted};

/// Units of a time span, the largest first, in milliseconds.
const UNITS: [(i64, &str); 4] =
    [(86_400_000, "days"), (3_600_000, "hours"), (60_000, "minutes"), (1_000, "seconds")];

/// `5 or more matches within 10 minutes, for one value of userName`.
pub(super) fn needs(rule: &CorrelationRule) -> String {
    let fields = rule.kind.value_fields().join(", ");
    let what = match &rule.kind {
        CorrelationKind::EventCount(threshold) => format!("{} matches", number(threshold)),
        CorrelationKind::ValueCount(_, threshold) => {
            format!("matches with {} different values of {fields}", number(threshold))
        }
        CorrelationKind::ValueSum(_, threshold) => {
            format!("matches whose values of {fields} come to {}", number(threshold))
        }
        CorrelationKind::ValueAvg(_, threshold) => {
            format!("matches whose values of {fields} are {} in the mean", number(threshold))
        }
        CorrelationKind::ValuePercentile(_, percent, threshold) => {
            format!(
                "matches whose values of {fields} have {} as their {percent}th percentile",
                number(threshold)
            )
        }
        CorrelationKind::Temporal { ordered, wanted } => {
            let order = if *ordered { ", in their order" } else { "" };
            match wanted {
                Wanted::All => format!("matches of each of its {} rules{order}", rule.rules.len()),
                Wanted::Count(threshold) => {
                    format!("matches of {} of its {} rules{order}", number(threshold), rule.rules.len())
                }
                Wanted::Expression(expression) => {
                    format!("matches of its rules such that {expression}{order}")
                }
            }
        }
    };
    let group = match rule.group_by.as_slice() {
        [] => String::new(),
        [field] => format!(", for one value of {field}"),
        several => format!(", for one combination of {}", several.join(", ")),
    };
    format!("{what} within {}{group}", span(rule.timespan_ms))
}

/// `5 or more`, `more than 2 and at most 9`.
fn number(threshold: &Threshold) -> String {
    let words = threshold.0.iter().map(|(comparison, limit)| match comparison {
        Comparison::Gt => format!("more than {limit}"),
        Comparison::Gte => format!("{limit} or more"),
        Comparison::Lt => format!("fewer than {limit}"),
        Comparison::Lte => format!("at most {limit}"),
        Comparison::Eq => format!("exactly {limit}"),
        Comparison::Neq => format!("other than {limit}"),
    });
    words.collect::<Vec<_>>().join(" and ")
}

/// In the largest unit that it is a whole number of.
fn span(ms: i64) -> String {
    let fits = UNITS.iter().find(|(unit_ms, _)| ms % unit_ms == 0);
    match fits {
        Some((unit_ms, unit)) if ms / unit_ms == 1 => format!("1 {}", unit.trim_end_matches('s')),
        Some((unit_ms, unit)) => format!("{} {unit}", ms / unit_ms),
        None => format!("{ms} milliseconds"),
    }
}
