//! A log, a store and triage between them.

use crate::log::MemoryLog;
use backends::sqlite::SqliteStore;
use huecry_triage::{Desk, EditRequest, Grouping, Options, RegroupLimits, Service, Telemetry};
use model::{
    Clock, Entity, EntityKind, Finding, FindingId, Incident, IncidentId, ManualClock, Partition, Principal,
    SeededEntropy, Severity, Topic,
};
use ports::log::RecordBatch;
use ports::store::conformance::Bench;
use ports::store::{IncidentEdit, IncidentFilter, PageRequest};
use ports::{Log, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) const PARTITION: Partition = Partition(0);
pub(crate) const WINDOW_MS: i64 = 100;

pub(crate) struct World {
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) desk: Desk,
    pub(crate) entropy: Arc<SeededEntropy>,
    _dir: TempDir,
}

/// A finding on `entity` at `time_ms` by rule number `rule`.
pub(crate) fn finding(number: u64, entity: &str, time_ms: i64, rule: u64, severity: Severity) -> Finding {
    let plain = Bench::new(0).finding(number, entity, time_ms, severity);
    Finding {
        id: FindingId::of_rule(&format!("r{rule}"), &[0; 32], plain.event_id),
        rule_id: format!("r{rule}"),
        rule_title: format!("Rule {rule}"),
        tags: vec![["attack.impact", "attack.persistence", "attack.discovery"][rule as usize % 3].to_owned()],
        ..plain
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open_path(&dir.path().join("s.db")).await.unwrap());
        let (clock, entropy) = (Arc::new(ManualClock::at(1_000_000)), Arc::new(SeededEntropy::new(5)));
        let desk = Desk::new(store.clone(), clock.clone(), entropy.clone());
        let log = Arc::new(MemoryLog::new(1));
        Self { log, store, clock, desk, entropy, _dir: dir }
    }

    /// Triage as a process that just started.
    pub(crate) fn service(&self) -> Service {
        Service::new(self.options())
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            log: self.log.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            grouping: Grouping { window_ms: WINDOW_MS },
            telemetry: Telemetry::default(),
        }
    }

    pub(crate) async fn append(&self, findings: &[Finding]) {
        let mut batch = RecordBatch::new();
        for finding in findings {
            batch.push(&serde_json::to_vec(finding).unwrap()).unwrap();
        }
        self.log.append(Topic::Finding, PARTITION, batch, self.clock.now_ms()).await.unwrap();
    }

    /// Appends, and works off everything.
    pub(crate) async fn triage(&self, findings: &[Finding]) {
        self.append(findings).await;
        while self.service().step(PARTITION).await.unwrap().counters.accepted > 0 {}
    }

    pub(crate) async fn incidents(&self) -> Vec<Incident> {
        let mut view = self.store.read().await.unwrap();
        let (filter, page) = (IncidentFilter::default(), PageRequest::first(500));
        let page = view.incidents().list(&filter, Default::default(), &page).await.unwrap();
        assert_eq!(page.next, None);
        page.items
    }

    pub(crate) async fn incident(&self, id: IncidentId) -> Incident {
        self.store.read().await.unwrap().incidents().get(id).await.unwrap().unwrap()
    }

    pub(crate) async fn findings_of(&self, id: IncidentId) -> BTreeSet<FindingId> {
        let mut view = self.store.read().await.unwrap();
        let page = view.findings().of_incident(id, &PageRequest::first(500)).await.unwrap();
        assert_eq!(page.next, None);
        page.items.into_iter().map(|finding| finding.id).collect()
    }

    /// The same world, whose desk has other bounds.
    pub(crate) fn with_limits(self, limits: RegroupLimits) -> Self {
        let desk = self.desk.clone().with_limits(limits);
        Self { desk, ..self }
    }

    pub(crate) async fn whole_findings_of(&self, id: IncidentId) -> Vec<Finding> {
        let mut view = self.store.read().await.unwrap();
        let page = view.findings().of_incident(id, &PageRequest::first(500)).await.unwrap();
        assert_eq!(page.next, None);
        page.items
    }

    pub(crate) async fn edit(&self, id: IncidentId, edit: IncidentEdit) -> Incident {
        let request = EditRequest {
            principal: Principal::Token { id: "tok_1".to_owned(), name: "ana".to_owned() },
            incident: id,
            version: self.incident(id).await.version,
            edit,
            reason: Some("because".to_owned()),
            origin: None,
            request_id: Some("req-1".to_owned()),
        };
        self.desk.edit(&request).await.unwrap()
    }

    /// What came out, without what depends on the moment (ids, times of writing, links).
    pub(crate) async fn outcome(&self) -> BTreeMap<BTreeSet<FindingId>, Outcome> {
        let mut outcome = BTreeMap::new();
        for incident in self.incidents().await {
            let findings = self.findings_of(incident.id).await;
            assert_eq!(findings.len() as u64, incident.findings, "the count is of what is there");
            let value = Outcome {
                title: incident.title,
                severity: incident.machine_severity,
                gravest: incident.gravest,
                span_ms: (incident.first_seen_ms, incident.last_seen_ms),
                rules: incident.rules,
                tactics: incident.tactics,
            };
            assert!(outcome.insert(findings, value).is_none());
        }
        outcome
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) gravest: FindingId,
    pub(crate) span_ms: (i64, i64),
    pub(crate) rules: Vec<String>,
    pub(crate) tactics: Vec<String>,
}

pub(crate) fn actor(name: &str) -> Entity {
    Entity { kind: EntityKind::Actor, value: name.to_owned() }
}
