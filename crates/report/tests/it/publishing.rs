//! Reports on the log: all of them, each one event, whatever breaks on the way.

use crate::kit::{Kit, records, reporter, reports_on};
use async_trait::async_trait;
use model::{
    DecisionKind, Entity, EntityKind, EventId, Finding, Offset, Partition, RawRecord, Reporter, TokenId,
    Topic, Ulid,
};
use ports::log::{BATCH_BYTES_MAX, Bounds, RecordBatch, Records, Retained};
use ports::store::NewReport;
use ports::store::conformance::{Bench, new_report};
use ports::{Log, LogError};
use report::{KIND, Published, SOURCE, event_id, record_body};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A log whose appends fail in turn: before anything happened, and after all did.
struct Shaky(Arc<dyn Log>, AtomicU32);

#[async_trait]
impl Log for Shaky {
    fn partitions(&self, topic: Topic) -> u32 {
        self.0.partitions(topic)
    }
    async fn append(
        &self,
        topic: Topic,
        p: Partition,
        batch: RecordBatch,
        at_ms: i64,
    ) -> Result<Offset, LogError> {
        let broken = || LogError::io("append", std::io::Error::other("a fault"));
        match self.1.fetch_add(1, Ordering::SeqCst) % 3 {
            0 => Err(broken()),
            1 => self.0.append(topic, p, batch, at_ms).await.and(Err(broken())),
            _ => self.0.append(topic, p, batch, at_ms).await,
        }
    }
    async fn read(
        &self,
        topic: Topic,
        p: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Records, LogError> {
        self.0.read(topic, p, from, bytes_max).await
    }
    async fn bounds(&self, topic: Topic, p: Partition) -> Result<Bounds, LogError> {
        self.0.bounds(topic, p).await
    }
    async fn wait_for(&self, topic: Topic, p: Partition, offset: Offset) -> Result<Offset, LogError> {
        self.0.wait_for(topic, p, offset).await
    }
    async fn register(&self, group: &str, topic: Topic, p: Partition) -> Result<Offset, LogError> {
        self.0.register(group, topic, p).await
    }
    async fn commit(&self, group: &str, topic: Topic, p: Partition, next: Offset) -> Result<(), LogError> {
        self.0.commit(group, topic, p, next).await
    }
    async fn committed(&self, group: &str, topic: Topic, p: Partition) -> Result<Option<Offset>, LogError> {
        self.0.committed(group, topic, p).await
    }
    async fn unregister(&self, group: &str, topic: Topic, p: Partition) -> Result<(), LogError> {
        self.0.unregister(group, topic, p).await
    }
    async fn retain(&self, now_ms: i64) -> Result<Retained, LogError> {
        self.0.retain(now_ms).await
    }
    async fn close(&self) -> Result<(), LogError> {
        self.0.close().await
    }
}

#[tokio::test]
async fn a_report_is_put_on_the_log_once_and_its_finding_when_it_is_accepted() {
    let kit = Kit::new().await;
    let filed = kit.submit(reporter("rita")).await;
    let publisher = kit.publisher();
    assert_eq!(publisher.step().await.unwrap(), Published { records: 1, findings: 0 });
    assert_eq!(publisher.step().await.unwrap(), Published::default(), "all is there");
    let raw = records(&*kit.log, Topic::Raw).await;
    let record = RawRecord::decode(&raw[0]).unwrap();
    let id = filed.report.id.to_string();
    assert_eq!((record.source, record.kind, record.delivery_id), (SOURCE, KIND, Some(id.as_str())));
    let body: serde_json::Value = serde_json::from_slice(record.body).unwrap();
    assert_eq!((&body["id"], &body["service"]), (&serde_json::json!(id), &serde_json::json!("checkout")));
    let accept = kit.request(filed.report.id, DecisionKind::Accept, "mona").await;
    let decided = kit.desk.decide(&accept).await.unwrap();
    assert_eq!(publisher.step().await.unwrap(), Published { records: 0, findings: 1 });
    assert_eq!(publisher.step().await.unwrap(), Published::default());
    let found: Finding = serde_json::from_slice(&records(&*kit.log, Topic::Finding).await[0]).unwrap();
    assert_eq!((Some(found.id), found.event_id), (decided.finding, event_id(&decided)));
    assert_eq!(found.event_id, EventId::of_source_id(SOURCE, &id));
    assert_eq!(found.rule_title, "Suspicious CI run");
    let repository = Entity { kind: EntityKind::Repository, value: "acme/checkout".to_owned() };
    assert_eq!(found.entities[0], repository, "grouped with what machines say of the repository");
    assert_eq!(found.ownership.service.as_deref(), Some("checkout"));
}

#[tokio::test]
async fn rules_can_count_reporters_and_guests_are_one() {
    let kit = Kit::new().await;
    let token = Reporter::Token { id: TokenId(Ulid(7)), name: "ci".to_owned() };
    let mut keys = Vec::new();
    for who in [Reporter::Anonymous, Reporter::Anonymous, reporter("rita"), reporter("otto"), token] {
        let body = record_body(&kit.submit(who).await.report);
        keys.push(body["reporter"]["key"].as_str().unwrap().to_owned());
    }
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys.into_iter().collect::<BTreeSet<_>>().len(), 4);
}

#[tokio::test]
async fn more_than_a_batch_holds_is_put_on_the_log_in_several() {
    let kit = Kit::new().await;
    let bench = Bench::new(3);
    let mut new: Vec<NewReport> = (0..=u8::MAX).map(|number| new_report(&bench, number)).collect();
    for new in &mut new {
        // as large as a form with every answer at its longest; of one service, and so of one partition
        new.report.text = "x".repeat(200_000);
        // which others are alike is not asked here
        new.report.similarity = None;
    }
    let bytes: usize = new.iter().map(|new| new.report.text.len()).sum();
    assert!(bytes > BATCH_BYTES_MAX, "{bytes} bytes are one batch");
    let mut unit = kit.unit().await;
    unit.reports().submit(&new).await.unwrap();
    unit.commit().await.unwrap();
    let publisher = kit.publisher();
    assert_eq!(publisher.step().await.unwrap(), Published { records: 256, findings: 0 });
    assert_eq!(publisher.step().await.unwrap(), Published::default());
    let mut ids: Vec<String> = new.iter().map(|new| new.report.id.to_string()).collect();
    let mut on_log = reports_on(&*kit.log).await;
    ids.sort();
    on_log.sort();
    assert_eq!(on_log, ids, "each once");
    for new in &new {
        let accept = kit.request(new.report.id, DecisionKind::Accept, "mona").await;
        kit.desk.decide(&accept).await.unwrap();
    }
    assert_eq!(publisher.step().await.unwrap(), Published { records: 0, findings: 256 });
    for body in records(&*kit.log, Topic::Finding).await {
        let finding: Finding = serde_json::from_slice(&body).unwrap();
        let at = finding.position;
        let read = kit.log.read(at.topic, at.partition, at.offset, 1).await.unwrap();
        let id = RawRecord::decode(read.get(0).unwrap()).unwrap().delivery_id.unwrap().to_owned();
        assert_eq!(EventId::of_source_id(SOURCE, &id), finding.event_id);
    }
}

#[tokio::test]
async fn whatever_breaks_on_the_way_each_report_is_one_event() {
    let kit = Kit::new().await;
    let mut ids = BTreeSet::new();
    for number in 0..40 {
        let who = if number % 2 == 0 { Reporter::Anonymous } else { reporter("rita") };
        let filed = kit.submit(who).await;
        ids.insert(filed.report.id.to_string());
        if number % 4 == 0 {
            let accept = kit.request(filed.report.id, DecisionKind::Accept, "mona").await;
            kit.desk.decide(&accept).await.unwrap();
        }
    }
    let shaky = Arc::new(Shaky(Arc::clone(&kit.log), AtomicU32::new(0)));
    let (mut failures, mut done) = (0, false);
    for _ in 0..20 {
        // a fresh one each time: what it knew is gone, as after a crash
        match kit.publisher_on(Arc::clone(&shaky) as _, Arc::clone(&kit.store)).step().await {
            Err(_) => failures += 1,
            Ok(published) => {
                done = published == Published::default();
                if done {
                    break;
                }
            }
        }
    }
    assert!(done && failures >= 4, "{failures} failures");
    let on_log = reports_on(&*kit.log).await;
    assert!(on_log.len() > ids.len(), "some are there twice");
    assert_eq!(on_log.into_iter().collect::<BTreeSet<_>>(), ids);
    let findings = records(&*kit.log, Topic::Finding).await;
    let findings: Vec<Finding> = findings.iter().map(|body| serde_json::from_slice(body).unwrap()).collect();
    let distinct: BTreeSet<_> = findings.iter().map(|finding| finding.id).collect();
    assert_eq!(distinct.len(), 10, "one finding for each that was accepted");
    for finding in &findings {
        let at = finding.position;
        let read = kit.log.read(at.topic, at.partition, at.offset, 1).await.unwrap();
        let record = RawRecord::decode(read.get(0).unwrap()).unwrap();
        let event = EventId::of_source_id(record.source, record.delivery_id.unwrap());
        assert_eq!(event, finding.event_id, "a finding names its own record");
    }
}
