//! From a correlation that fired to a finding.

use crate::Detector;
use crate::finding::{ENGINE_VERSION, EventFacts, ordered_by, severity};
use model::{
    EventId, FURTHER_EVENTS_MAX, Finding, FindingId, MatchedField, Offset, Partition, Position, Stage, Topic,
};
use sigma::correlation::{EventRef, Firing, Linked};

/// What a correlation's finding says of the event that completed it, from the stages before.
pub type CorrelationFacts<'a> = EventFacts<'a>;

/// What the rows of a correlation's evidence are called, where a rule's have a selection.
const GROUP: &str = "group-by";
/// The row that says what was compared with what.
pub const CORRELATION_CONDITION: &str = "condition";
/// The rows that name the events and where their records stand.
pub const CORRELATION_EVENT: &str = "event";

/// Where an event's record stands.
fn position(event: &EventRef) -> Position {
    Position::new(Topic::Raw, Partition(event.at.0), Offset(event.at.1))
}

/// The events beside the finding's own without which it would not have fired, as far as the firing names them.
fn further_events(firing: &Firing, own: EventId) -> Vec<model::EventRef> {
    let events = firing.events.iter();
    let named =
        events.map(|event| model::EventRef { event_id: EventId(event.id), position: position(event) });
    named.filter(|event| event.event_id != own).take(FURTHER_EVENTS_MAX).collect()
}

/// Why it fired: the group, what was compared with what, and the events.
fn evidence(firing: &Firing, linked: &Linked) -> Vec<MatchedField> {
    let row = |selection: &str, field: &str, value: String| MatchedField {
        selection: selection.to_owned(),
        field: field.to_owned(),
        value,
    };
    let rule = &linked.rule;
    let mut rows: Vec<_> = rule
        .group_by
        .iter()
        .zip(firing.group.iter())
        .map(|(name, value)| row(GROUP, name, value.to_string()))
        .collect();
    let about = if firing.is_approximate { "at least " } else { "" };
    let seconds = rule.timespan_ms / 1_000;
    let measure = format!("{about}{} within {seconds} s ({} events)", firing.measure, firing.contributed);
    rows.push(row(CORRELATION_CONDITION, rule.kind.as_str(), measure));
    rows.extend(
        firing
            .events
            .iter()
            .map(|event| row(CORRELATION_EVENT, &EventId(event.id).to_string(), position(event).to_string())),
    );
    rows
}

impl Detector {
    /// The finding that a firing raises: `None` if its correlation is silent, or is another detector's. `facts` are of
    /// the event that completed it ([`Firing::last`]).
    ///
    /// Its id is derived from the correlation, its semantic hash, the group and the first event that contributed.
    pub fn correlation_finding(&self, firing: &Firing, facts: CorrelationFacts<'_>) -> Option<Finding> {
        let linked = self.correlations.set().get(firing.correlation).filter(|linked| !linked.silent)?;
        let rule = &linked.rule;
        let rule_id = rule.id.clone().unwrap_or_else(|| rule.title.clone());
        let group: Vec<&str> = firing.group.iter().map(|value| &**value).collect();
        let first = EventId(firing.first.id);
        let in_group = |value: &str| group.iter().any(|grouped| grouped.eq_ignore_ascii_case(value));
        Some(Finding {
            id: FindingId::of_correlation(&rule_id, &linked.hash, &group, first),
            rule_title: rule.title.clone(),
            rule_hash: linked.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            engine_version: ENGINE_VERSION.to_owned(),
            severity: severity(rule.level),
            tags: rule.tags.clone(),
            event_id: facts.event_id,
            position: facts.position,
            further_events: further_events(firing, facts.event_id),
            source: facts.source.to_owned(),
            region: facts.region.to_owned(),
            time_ms: facts.time_ms,
            received_at_ms: facts.received_at_ms,
            detected_at_ms: facts.detected_at_ms,
            entities: {
                let mut entities = facts.entities;
                // what the matches have in common is what the finding is about
                entities.sort_by_key(|entity| !in_group(&entity.value));
                ordered_by(entities, &rule.custom)
            },
            ownership: facts.ownership,
            matched: evidence(firing, linked),
            event: facts.event,
            rule_set: String::new(),
            stage: Stage::Active,
            rule_id,
        })
    }
}
