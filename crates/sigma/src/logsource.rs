//! Which events a rule is for.

pub mod event_log;

use serde::Serialize;

/// The product name whose rules see OCSF names, and only those.
pub const OCSF_PRODUCT: &str = "ocsf";

/// What a rule asks of an event's source, or what a source says of itself. Compared ignoring
/// ASCII case; a part that is `None` is not named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Logsource {
    /// For instance `process_creation`.
    pub category: Option<String>,
    /// For instance `aws`, `okta`, `github`, `ocsf`.
    pub product: Option<String>,
    /// For instance `cloudtrail`.
    pub service: Option<String>,
    /// Words for people; never compared.
    pub definition: Option<String>,
}

impl Logsource {
    /// A source known by product and service, as most are: `Logsource::of("aws", "cloudtrail")`.
    pub fn of(product: &str, service: &str) -> Self {
        Logsource { product: Some(product.into()), service: Some(service.into()), ..Self::default() }
    }

    /// The source of events in their normalized form.
    pub fn ocsf() -> Self {
        Logsource { product: Some(OCSF_PRODUCT.into()), ..Self::default() }
    }

    /// Whether a rule with this logsource applies to events of `source`: every part it names
    /// equals the source's. OCSF events take only rules that name the product `ocsf`, so that a
    /// rule written in vendor names never runs on OCSF names by way of its category alone.
    pub fn applies_to(&self, source: &Logsource) -> bool {
        let named = |rule: &Option<String>, event: &Option<String>| match (rule, event) {
            (None, _) => true,
            (Some(rule), Some(event)) => rule.eq_ignore_ascii_case(event),
            (Some(_), None) => false,
        };
        named(&self.category, &source.category)
            && named(&self.product, &source.product)
            && named(&self.service, &source.service)
            && (self.is_ocsf() || !source.is_ocsf())
    }

    /// Whether the names are OCSF's.
    pub fn is_ocsf(&self) -> bool {
        self.product.as_deref().is_some_and(|product| product.eq_ignore_ascii_case(OCSF_PRODUCT))
    }

    /// Whether no part is named, which would apply the rule to everything.
    pub fn is_empty(&self) -> bool {
        self.category.is_none() && self.product.is_none() && self.service.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(category: &str, product: &str, service: &str) -> Logsource {
        let part = |s: &str| (!s.is_empty()).then(|| s.to_owned());
        Logsource {
            category: part(category),
            product: part(product),
            service: part(service),
            definition: None,
        }
    }

    #[test]
    fn a_rule_applies_where_every_part_it_names_is_equal() {
        for (rule, event, expected) in [
            (("", "aws", "cloudtrail"), ("", "aws", "cloudtrail"), true),
            (("", "aws", ""), ("", "aws", "cloudtrail"), true),
            (("", "AWS", "CloudTrail"), ("", "aws", "cloudtrail"), true),
            (("", "aws", "cloudtrail"), ("", "aws", ""), false),
            (("", "aws", "guardduty"), ("", "aws", "cloudtrail"), false),
            (("process_creation", "", ""), ("process_creation", "windows", ""), true),
            (("process_creation", "linux", ""), ("process_creation", "windows", ""), false),
            (("", "ocsf", ""), ("", "ocsf", ""), true),
            (("", "ocsf", ""), ("", "aws", "cloudtrail"), false),
            (("", "aws", ""), ("", "ocsf", ""), false),
            (("process_creation", "", ""), ("process_creation", "ocsf", ""), false),
            (("process_creation", "ocsf", ""), ("process_creation", "ocsf", ""), true),
        ] {
            let (rule, event) = (source(rule.0, rule.1, rule.2), source(event.0, event.1, event.2));
            assert_eq!(rule.applies_to(&event), expected, "{rule:?} {event:?}");
        }
    }
}
