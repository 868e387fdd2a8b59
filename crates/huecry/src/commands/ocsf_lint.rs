//! Names in rules of `product: ocsf` that no event has.

use normalize::{Schema, UnknownAttribute};
use sigma::rule::Scalar;
use sigma::{Lint, Modifier, Rule};
use std::sync::Arc;

/// From this similarity on (0 to 1, Jaro-Winkler), a name is taken for a misspelt one.
const MISSPELT_MIN: f64 = 0.8;
/// What is known beside a record stands under this name, and not in the schema.
const KNOWN_BESIDE: &str = "enrich.";

/// Every field of a rule on normalized events that no class of the schema has.
pub(super) fn unknown_fields(schema: &Schema, rule: &Rule) -> Vec<Lint> {
    let mut lints = Vec::new();
    let searches = rule.detection.selections.iter().map(|selection| &selection.search);
    for (path, item) in searches.flat_map(|search| search.items_within()) {
        let Some(path) = path else { continue };
        // within elements, a name that is compared with is one of the element
        let is_on_event = item.field.as_deref() == Some(path.as_str());
        let compared = item.values.iter().filter_map(|value| match value {
            Scalar::Text(name) if is_on_event && item.modifiers.contains(&Modifier::FieldRef) => Some(name),
            _ => None,
        });
        for name in std::iter::once(&path).chain(compared) {
            if name.starts_with(KNOWN_BESIDE) {
                continue;
            }
            if let Err(unknown) = schema.find(name) {
                let message = message(schema, name, &unknown);
                lints.push(Lint {
                    file: Arc::clone(&rule.file),
                    line: item.line,
                    code: "unknown-field",
                    message,
                });
            }
        }
    }
    lints
}

fn message(schema: &Schema, path: &str, unknown: &UnknownAttribute<'_>) -> String {
    let UnknownAttribute { name, known } = unknown;
    let alike = |known: &&str| strsim::jaro_winkler(known, name);
    let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    let advice = match nearest.filter(|known| alike(known) >= MISSPELT_MIN) {
        Some(known) => format!("; did you mean `{known}`?"),
        None => String::new(),
    };
    format!("OCSF {} has no `{path}`: no class has `{name}` there{advice}", schema.version())
}
