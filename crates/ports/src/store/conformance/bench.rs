//! Things to put into a store.

use crate::store::{GroupKey, MachineUpdate, Store, UnitOfWork};
use model::{
    AuditRecord, Clock, Entity, EntityKind, Entropy, EventId, Finding, FindingId, Incident, IncidentId,
    ManualClock, Offset, Ownership, Partition, Position, Principal, SeededEntropy, Severity, Status, Topic,
};
use serde_json::json;

/// A clock, a seed, and things made with them.
#[derive(Debug)]
pub struct Bench {
    /// Stands still unless moved.
    pub clock: ManualClock,
    /// Gives the same bytes each run.
    pub entropy: SeededEntropy,
}

impl Bench {
    /// A bench whose things depend on `seed` only.
    pub const fn new(seed: u64) -> Self {
        Self { clock: ManualClock::at(1_700_000_000_000), entropy: SeededEntropy::new(seed) }
    }

    /// A number below `end`.
    pub fn below(&self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes) % end.max(1)
    }

    /// One of `items`.
    pub fn one_of<T: Copy>(&self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// A record about `object`.
    pub fn audit(&self, object: impl ToString) -> AuditRecord {
        let principal = Principal::Token { id: "tok_1".to_owned(), name: "ana".to_owned() };
        AuditRecord {
            before: json!({ "assignee": null }),
            after: json!({ "assignee": "ana" }),
            reason: Some("mine".to_owned()),
            origin: Some("192.0.2.1".to_owned()),
            ..AuditRecord::new(&self.clock, &self.entropy, principal, "incident.assign", object)
        }
    }

    /// A finding on `entity`; `number` makes its id.
    pub fn finding(&self, number: u64, entity: &str, time_ms: i64, severity: Severity) -> Finding {
        let position = Position::new(Topic::Raw, Partition(0), Offset(number));
        let event_id = EventId::of_position("aws", position);
        Finding {
            id: FindingId::of_rule("r1", &[7; 32], event_id),
            rule_id: "r1".to_owned(),
            rule_title: format!("Rule on {entity}"),
            rule_hash: "07".repeat(32),
            engine_version: "0.1.0".to_owned(),
            severity,
            tags: vec!["attack.persistence".to_owned()],
            event_id,
            position,
            further_events: Vec::new(),
            source: "aws".to_owned(),
            region: "default".to_owned(),
            time_ms,
            received_at_ms: time_ms + 1,
            detected_at_ms: time_ms + 2,
            entities: vec![actor(entity)],
            ownership: Ownership::default(),
            rule_set: String::new(),
            stage: model::Stage::Active,
            matched: Vec::new(),
            event: json!({ "class_uid": 3002 }),
        }
    }

    /// The incident that `finding` opens.
    pub fn incident(&self, finding: &Finding) -> Incident {
        let now_ms = self.clock.now_ms();
        Incident {
            id: IncidentId::new(&self.clock, &self.entropy),
            title: finding.rule_title.clone(),
            title_override: None,
            machine_severity: finding.severity,
            severity_override: None,
            visibility: model::Visibility::Everyone,
            status: Status::New,
            assignee: None,
            verdict: None,
            group: finding.entities[0].clone(),
            region: finding.region.clone(),
            first_seen_ms: finding.time_ms,
            last_seen_ms: finding.time_ms,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
            findings: 1,
            gravest: finding.id,
            rules: vec![finding.rule_id.clone()],
            tactics: finding.tags.clone(),
            ownership: finding.ownership.clone(),
            owned_by: None,
            related: None,
            merged_into: None,
            version: 1,
        }
    }

    /// Opens an incident with one finding, within `unit`.
    pub async fn open(&self, unit: &mut dyn UnitOfWork, finding: &Finding) -> Incident {
        let incident = self.incident(finding);
        let audit = self.audit(incident.id);
        unit.incidents().open(&incident, &finding.entities, &audit).await.expect("opens");
        unit.findings().insert(&[(finding, incident.id)]).await.expect("stores");
        incident
    }

    /// Opens an incident with one finding, and commits.
    pub async fn opened(&self, store: &dyn Store, number: u64, entity: &str) -> Incident {
        let finding = self.finding(number, entity, self.clock.now_ms(), Severity::Medium);
        let mut unit = store.begin().await.expect("begins");
        let incident = self.open(&mut *unit, &finding).await;
        unit.commit().await.expect("commits");
        incident
    }
}

/// An actor of that name.
pub(super) fn actor(name: &str) -> Entity {
    Entity { kind: EntityKind::Actor, value: name.to_owned() }
}

/// The group of that actor.
pub(super) fn group(name: &str) -> GroupKey {
    GroupKey { region: "default".to_owned(), entity: actor(name) }
}

/// An update that leaves `incident` as it is.
pub fn update_of(incident: &Incident) -> MachineUpdate {
    MachineUpdate {
        id: incident.id,
        title: incident.title.clone(),
        machine_severity: incident.machine_severity,
        gravest: incident.gravest,
        first_seen_ms: incident.first_seen_ms,
        last_seen_ms: incident.last_seen_ms,
        findings: incident.findings,
        rules: incident.rules.clone(),
        tactics: incident.tactics.clone(),
        ownership: incident.ownership.clone(),
        owned_by: incident.owned_by,
        entities: Vec::new(),
        updated_at_ms: incident.updated_at_ms,
    }
}
