//! From a hit to a finding.

use crate::detector::{Detector, Hit};
use model::{
    Entity, EntityKind, EventId, Finding, FindingId, MatchedField, Ownership, Position, Severity, Stage,
};
use sigma::{Level, Rule};
use std::collections::BTreeMap;

/// Version of the rule engine, which findings carry: what a rule means may change with it, and nothing else of
/// the program bears on that.
pub const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a finding says about the event, from the stages before.
#[derive(Debug, Clone)]
pub struct EventFacts<'a> {
    /// The event's derived identity.
    pub event_id: EventId,
    /// Where its raw record stands.
    pub position: Position,
    /// The source's name.
    pub source: &'a str,
    /// Where the record must be kept.
    pub region: &'a str,
    /// When it happened, milliseconds since the epoch.
    pub time_ms: i64,
    /// When the door took it.
    pub received_at_ms: i64,
    /// Now.
    pub detected_at_ms: i64,
    /// What it is about, most telling first.
    pub entities: Vec<Entity>,
    /// Whose service it is about.
    pub ownership: Ownership,
    /// The OCSF event.
    pub event: serde_json::Value,
}

/// The severity of a rule's level; a rule that names none counts as medium.
pub(crate) fn severity(level: Option<Level>) -> Severity {
    match level {
        Some(Level::Informational) => Severity::Informational,
        Some(Level::Low) => Severity::Low,
        None | Some(Level::Medium) => Severity::Medium,
        Some(Level::High) => Severity::High,
        Some(Level::Critical) => Severity::Critical,
    }
}

/// A rule's own key for what its findings are grouped by: the name of an entity kind.
pub(crate) const GROUP_BY: &str = "group_by";

/// The entities with those first that the rule wants findings grouped by. Most attacks are about whom they
/// use or hit; some, such as credential stuffing, are about where they come from.
fn ordered(entities: Vec<Entity>, rule: &Rule) -> Vec<Entity> {
    ordered_by(entities, &rule.custom)
}

/// The same by a rule's further keys.
pub(crate) fn ordered_by(
    mut entities: Vec<Entity>,
    custom: &BTreeMap<String, serde_json::Value>,
) -> Vec<Entity> {
    let wanted = custom.get(GROUP_BY).and_then(|v| v.as_str()).and_then(EntityKind::from_name);
    if let Some(wanted) = wanted {
        entities.sort_by_key(|entity| entity.kind != wanted);
    }
    entities
}

impl Detector {
    /// The finding that `hit` raises; `None` for another detector's hit.
    ///
    /// Its id is derived from the rule's UUID (its title where it has none), its semantic hash and the
    /// event's id, so the same rule on the same event gives the same finding.
    pub fn finding(&self, hit: Hit, matched: Vec<MatchedField>, facts: EventFacts<'_>) -> Option<Finding> {
        let rule = self.rule(hit)?;
        let hash = rule.semantic_hash();
        let rule_id = rule.id.clone().unwrap_or_else(|| rule.title.clone());
        Some(Finding {
            id: FindingId::of_rule(&rule_id, &hash, facts.event_id),
            rule_id,
            rule_title: rule.title.clone(),
            rule_hash: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            engine_version: ENGINE_VERSION.to_owned(),
            severity: severity(rule.level),
            tags: rule.tags.clone(),
            event_id: facts.event_id,
            position: facts.position,
            further_events: Vec::new(),
            source: facts.source.to_owned(),
            region: facts.region.to_owned(),
            time_ms: facts.time_ms,
            received_at_ms: facts.received_at_ms,
            detected_at_ms: facts.detected_at_ms,
            entities: ordered(facts.entities, rule),
            ownership: facts.ownership,
            rule_set: String::new(),
            stage: Stage::Active,
            matched,
            event: facts.event,
        })
    }
}
