//! Rules that no record can reach, by their logsource.

use crate::engine::Engine;
use sigma::logsource::event_log;
use sigma::{Lint, Rule};
use std::collections::BTreeSet;
use std::sync::Arc;

/// From this similarity on (0 to 1, Jaro-Winkler), a service is taken for a misspelt one.
const MISSPELT_MIN: f64 = 0.75;

/// Of a rule that no record can reach: whether it is for a product that is mapped, and for a service or category of it
/// that no mapping gives, which is most often a misspelt word.
pub(super) fn unknown(engine: &Engine, rule: &Rule) -> Option<Lint> {
    unknown_service(engine, rule).or_else(|| unknown_category(engine, rule))
}

/// Categories of the event log are many, and records of those that the table does not have may come one day.
fn unknown_category(engine: &Engine, rule: &Rule) -> Option<Lint> {
    let (category, product) = (rule.logsource.category.as_deref()?, rule.logsource.product.as_deref()?);
    let logsources = engine.normalizer().logsources().iter();
    let mut of_product = logsources.filter(|one| one.product.eq_ignore_ascii_case(product)).peekable();
    of_product.peek()?;
    let is_it = |known: &str| known.eq_ignore_ascii_case(category);
    if event_log::services(product).next().is_some()
        || of_product.any(|one| one.category.as_deref().is_some_and(is_it))
    {
        return None;
    }
    let message = format!(
        "no mapping of `{product}` gives the category `{category}`, so this never fires; leave it out, or name a service"
    );
    Some(Lint { file: Arc::clone(&rule.file), line: rule.line, code: "logsource-unknown", message })
}

fn unknown_service(engine: &Engine, rule: &Rule) -> Option<Lint> {
    let service = rule.logsource.service.as_deref()?;
    let product = rule.logsource.product.as_deref()?;
    let known: Vec<String> = services(engine, product).into_iter().flatten().collect();
    if known.is_empty() || known.contains(&service.to_ascii_lowercase()) {
        return None;
    }
    let alike = |known: &str| strsim::jaro_winkler(known, service);
    let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    let advice = match nearest.filter(|known| alike(known) >= MISSPELT_MIN) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("there is {}", known.join(", ")),
    };
    let message =
        format!("no mapping of `{product}` gives the service `{service}`, so this never fires; {advice}");
    Some(Lint { file: Arc::clone(&rule.file), line: rule.line, code: "logsource-unknown", message })
}

/// The products that some rules are for and no mapping gives; records of them may come one day.
pub(super) fn unmapped_products(engine: &Engine) -> BTreeSet<String> {
    let products = engine.detector().rules().filter(|(_, rule)| !rule.logsource.is_ocsf());
    let products = products.filter_map(|(_, rule)| rule.logsource.product.as_deref());
    products.filter(|product| services(engine, product).is_empty()).map(str::to_ascii_lowercase).collect()
}

/// The services of a product that mappings give, in lower case; `None` among them for a product without.
fn services(engine: &Engine, product: &str) -> BTreeSet<Option<String>> {
    let logsources = engine.normalizer().logsources().iter();
    let of_product = logsources.filter(|logsource| logsource.product.eq_ignore_ascii_case(product));
    let mapped = of_product.map(|logsource| logsource.service.as_deref().map(str::to_ascii_lowercase));
    // records of the event log say theirs themselves
    mapped.chain(event_log::services(product).map(|service| Some(service.to_owned()))).collect()
}
