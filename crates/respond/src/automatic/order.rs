//! One standing order.

use model::{EntityKind, Finding, Stage};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The source of people's reports: they alone start nothing.
const REPORTS: &str = "reports";

/// An order does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOrder {
    /// It names no rule.
    #[error("it names no rule")]
    NoRule,
    /// It names no source.
    #[error("it names no source: say which sources are authoritative for it")]
    NoSources,
    /// It names the source of reports.
    #[error("a report alone starts nothing: {REPORTS:?} is no authoritative source")]
    Reports,
    /// A place for a value that no finding has.
    #[error("{{{0}}} is nothing that findings are about; there are {kinds}", kinds = kinds())]
    NoKind(String),
    /// A brace without its partner.
    #[error("{0:?} has a brace without its partner")]
    Brace(String),
}

fn kinds() -> String {
    let all: Vec<_> = EntityKind::ALL.iter().map(|kind| format!("{{{}}}", kind.as_str())).collect();
    all.join(", ")
}

/// A value with places for what a finding is about: `{credential}`, `{repository}@main`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Entity(EntityKind),
}

impl Wanted {
    /// Reads one.
    ///
    /// # Errors
    /// [`BadOrder::NoKind`], [`BadOrder::Brace`].
    pub fn read(text: &str) -> Result<Self, BadOrder> {
        let brace = || BadOrder::Brace(text.to_owned());
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(brace)?;
            let kind = EntityKind::ALL.into_iter().find(|kind| kind.as_str() == name);
            let kind = kind.ok_or_else(|| BadOrder::NoKind(name.to_owned()))?;
            if before.contains('}') {
                return Err(brace());
            }
            parts.extend((!before.is_empty()).then(|| Part::Text(before.to_owned())));
            parts.push(Part::Entity(kind));
            rest = after;
        }
        if rest.contains('}') {
            return Err(brace());
        }
        parts.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
        Ok(Self(parts))
    }

    /// The value for a finding: of each kind the most telling one. `None` where the finding is about nothing of the kind.
    pub fn of(&self, finding: &Finding) -> Option<String> {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Entity(kind) => {
                let found = finding.entities.iter().find(|entity| entity.kind == *kind);
                found.map(|entity| entity.value.as_str())
            }
        });
        parts.collect()
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// An action of a connector.
    Action {
        /// `aws.deactivate_key`.
        action: String,
        /// On what.
        target: Wanted,
        /// What else it is told, by name.
        inputs: BTreeMap<String, Wanted>,
        /// After what time it is taken back, in milliseconds; the action's default if not said.
        ttl_ms: Option<u64>,
    },
    /// A run of a playbook.
    Playbook {
        /// Its text.
        text: Arc<str>,
        /// Values of its variables, by name.
        values: BTreeMap<String, Wanted>,
    },
}

/// What is asked for when a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What people call it.
    pub name: String,
    /// The rule's id.
    pub rule: String,
    /// Names of the sources that are authoritative for it.
    pub sources: BTreeSet<String>,
    /// What is asked for.
    pub deed: Deed,
}

impl Order {
    /// Checks what does not need connectors or playbooks.
    ///
    /// # Errors
    /// [`BadOrder`].
    pub fn check(&self) -> Result<(), BadOrder> {
        if self.rule.trim().is_empty() {
            return Err(BadOrder::NoRule);
        }
        if self.sources.is_empty() {
            return Err(BadOrder::NoSources);
        }
        if self.sources.contains(REPORTS) { Err(BadOrder::Reports) } else { Ok(()) }
    }

    /// Whether it is for this finding: of the rule, of an authoritative source, and of a rule that is past its trial.
    pub fn is_for(&self, finding: &Finding) -> bool {
        finding.rule_id.eq_ignore_ascii_case(&self.rule)
            && self.sources.contains(&finding.source)
            && finding.stage == Stage::Active
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_places_for_what_findings_are_about() {
        assert!(Wanted::read("{credential}").is_ok() && Wanted::read("{repository}@main").is_ok());
        assert!(Wanted::read("plain").is_ok() && Wanted::read("").is_ok());
        for (text, expected) in [
            ("{nothing}", BadOrder::NoKind("nothing".to_owned())),
            ("{credential", BadOrder::Brace("{credential".to_owned())),
            ("credential}", BadOrder::Brace("credential}".to_owned())),
            ("}{credential}", BadOrder::Brace("}{credential}".to_owned())),
        ] {
            assert_eq!(Wanted::read(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn an_order_names_rule_and_sources_and_never_reports() {
        let order = |rule: &str, sources: &[&str]| Order {
            name: "n".to_owned(),
            rule: rule.to_owned(),
            sources: sources.iter().map(|name| (*name).to_owned()).collect(),
            deed: Deed::Playbook { text: "".into(), values: BTreeMap::new() },
        };
        assert_eq!(order("r", &["cloudtrail"]).check(), Ok(()));
        assert_eq!(order(" ", &["cloudtrail"]).check(), Err(BadOrder::NoRule));
        assert_eq!(order("r", &[]).check(), Err(BadOrder::NoSources));
        assert_eq!(order("r", &["cloudtrail", REPORTS]).check(), Err(BadOrder::Reports));
    }
}
