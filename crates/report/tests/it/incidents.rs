//! What a receipt tells of an incident and of the team's work, what it does not, and what is said on incidents.

use crate::kit::{DAY_MS, Kit, person, reporter};
use model::{AppealBy, AppealOutcome, Comment, DecisionKind, IncidentId, MessageFrom, ReportId, Visibility};
use ports::StoreError;
use ports::store::conformance::Bench;
use ports::store::{PageRequest, REPORTER_MESSAGES_MAX, Regrouping};
use report::{
    Actor, AppealDecisionRequest, AppealRequest, Error, MessageRequest, Shown, incident_for_reporter,
};
use serde_json::{Value, json};

async fn shown(kit: &Kit, id: ReportId) -> Value {
    serde_json::to_value(kit.desk.receipt(id, &Shown::default()).await.unwrap()).unwrap()
}

async fn merged_into(kit: &Kit, incident: IncidentId) -> ReportId {
    let id = kit.submit(reporter("rita")).await.report.id;
    let mut merge = kit.request(id, DecisionKind::Merge, "mona").await;
    merge.incident = Some(incident);
    kit.desk.decide(&merge).await.unwrap();
    id
}

async fn comments(kit: &Kit, incident: IncidentId) -> Vec<Comment> {
    let mut view = kit.store.read().await.unwrap();
    view.comments().of_incident(incident, &PageRequest::first(9)).await.unwrap().items
}

/// As people merge incidents.
async fn merge(kit: &Kit, bench: &Bench, from: IncidentId, into: IncidentId) {
    let (audit, other_audit) = (bench.audit(from), bench.audit(into));
    let mut unit = kit.unit().await;
    let regrouping = Regrouping { version: None, at_ms: 50, audit: &audit, other_audit: &other_audit };
    unit.moves().merge(from, into, regrouping).await.unwrap();
    unit.commit().await.unwrap();
}

#[tokio::test]
async fn a_receipt_tells_nothing_of_an_incident_that_few_may_see() {
    let kit = Kit::new().await;
    let bench = Bench::new(8);
    let incident = bench.opened(&*kit.store, 1, "acme/checkout").await;
    let id = merged_into(&kit, incident.id).await;
    assert_eq!(shown(&kit, id).await["incident"], json!({ "status": "new", "contained": false }));
    for visibility in [Visibility::Team, Visibility::Restricted] {
        let mut unit = kit.unit().await;
        let version = unit.incidents().get(incident.id).await.unwrap().unwrap().version;
        let audit = bench.audit(incident.id);
        unit.incidents().set_visibility(incident.id, version, visibility, 9, &audit).await.unwrap();
        unit.commit().await.unwrap();
        let view = shown(&kit, id).await;
        assert!(view.get("incident").is_none(), "{visibility:?}: {view}");
        let report = kit.report(id).await;
        let mut state = kit.store.read().await.unwrap();
        assert_eq!(incident_for_reporter(&mut *state, &report).await.unwrap(), None, "{visibility:?}");
    }
}

#[tokio::test]
async fn a_subjects_appeal_changes_nothing_that_the_receipt_shows() {
    let kit = Kit::new().await;
    let id = kit.submit(reporter("rita")).await.report.id;
    let accept = kit.request(id, DecisionKind::Accept, "mona").await;
    kit.desk.decide(&accept).await.unwrap();
    let (before, version) = (shown(&kit, id).await, kit.report(id).await.version);
    kit.clock.advance_ms(DAY_MS);
    let (by, reason) = (AppealBy::Subject, "it was a drill".to_owned());
    let request = AppealRequest { actor: person("sven"), report: id, by, reason };
    let appeal = kit.desk.appeal(&request).await.unwrap();
    assert_eq!((shown(&kit, id).await, kit.report(id).await.version), (before.clone(), version), "made");
    let (outcome, explanation) = (AppealOutcome::Upheld, "it stands".to_owned());
    let upheld = AppealDecisionRequest { actor: person("omar"), appeal: appeal.id, outcome, explanation };
    kit.desk.decide_appeal(&upheld).await.unwrap();
    assert_eq!((shown(&kit, id).await, kit.report(id).await.version), (before, version), "decided");
}

#[tokio::test]
async fn the_team_can_answer_however_much_a_reporter_writes() {
    let kit = Kit::new().await;
    let id = kit.submit(reporter("rita")).await.report.id;
    let say = |from: MessageFrom| MessageRequest {
        actor: if from == MessageFrom::Team { person("mona") } else { Actor::guest() },
        report: id,
        from,
        text: "more of it".to_owned(),
        internal: false,
    };
    for _ in 0..REPORTER_MESSAGES_MAX {
        kit.desk.message(&say(MessageFrom::Reporter)).await.unwrap();
    }
    let refused = kit.desk.message(&say(MessageFrom::Reporter)).await.unwrap_err();
    assert!(matches!(refused, Error::Store(StoreError::BadQuery { .. })), "{refused}");
    kit.desk.message(&say(MessageFrom::Team)).await.unwrap();
    let ask = kit.request(id, DecisionKind::Ask, "mona").await;
    kit.desk.decide(&ask).await.unwrap();
    let said = shown(&kit, id).await["messages"].as_array().unwrap().len();
    assert_eq!(said, REPORTER_MESSAGES_MAX as usize + 2);
}

#[tokio::test]
async fn a_merge_is_said_on_the_incident_that_holds_the_work() {
    let kit = Kit::new().await;
    let bench = Bench::new(8);
    let (one, other) = (
        bench.opened(&*kit.store, 1, "acme/checkout").await.id,
        bench.opened(&*kit.store, 2, "acme/wiki").await.id,
    );
    merge(&kit, &bench, one, other).await;
    let id = merged_into(&kit, one).await;
    let title = kit.report(id).await.title;
    let said = comments(&kit, other).await;
    assert!(said.len() == 1 && said[0].text.contains(&title), "{title}: {said:?}");
    assert_eq!(comments(&kit, one).await, []);
}

#[tokio::test]
async fn an_overturned_report_is_taken_from_the_incident_that_holds_the_work() {
    let kit = Kit::new().await;
    let bench = Bench::new(8);
    let (one, other) = (
        bench.opened(&*kit.store, 1, "acme/checkout").await.id,
        bench.opened(&*kit.store, 2, "acme/wiki").await.id,
    );
    let id = merged_into(&kit, one).await;
    merge(&kit, &bench, one, other).await;
    let (by, reason) = (AppealBy::Subject, "it was a drill".to_owned());
    let appeal =
        kit.desk.appeal(&AppealRequest { actor: person("sven"), report: id, by, reason }).await.unwrap();
    let (outcome, explanation) = (AppealOutcome::Overturned, "it was".to_owned());
    let overturn = AppealDecisionRequest { actor: person("omar"), appeal: appeal.id, outcome, explanation };
    kit.desk.decide_appeal(&overturn).await.unwrap();
    let said = comments(&kit, other).await;
    assert!(said.len() == 1 && said[0].text.contains(&id.to_string()), "{said:?}");
}
