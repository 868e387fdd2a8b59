//! People's decisions, with their records.

use crate::world::{World, finding};
use huecry_triage::{CommentRequest, DecisionError, EditRequest, Error};
use model::{AuditRecord, Clock, Incident, IncidentId, Principal, Severity, Status, Ulid, Verdict};
use ports::store::{AuditFilter, IncidentEdit, PageRequest};
use ports::{Store, StoreError};
use serde_json::json;

fn ana() -> Principal {
    Principal::Token { id: "tok_1".to_owned(), name: "ana".to_owned() }
}

fn request(incident: &Incident, edit: IncidentEdit) -> EditRequest {
    EditRequest {
        principal: ana(),
        incident: incident.id,
        version: incident.version,
        edit,
        reason: Some("seen in the shell history".to_owned()),
        origin: Some("192.0.2.7".to_owned()),
        request_id: Some("req-7".to_owned()),
    }
}

async fn opened(world: &World) -> Incident {
    world.triage(&[finding(1, "root", 0, 1, Severity::Medium)]).await;
    world.incidents().await.remove(0)
}

async fn records(world: &World, incident: IncidentId) -> Vec<AuditRecord> {
    let about = AuditFilter { object: Some(incident.to_string()), ..AuditFilter::default() };
    let mut view = world.store.read().await.unwrap();
    view.audit().list(&about, &PageRequest::default()).await.unwrap().items
}

#[tokio::test]
async fn a_decision_is_written_with_who_what_and_why() {
    let world = World::new().await;
    let incident = opened(&world).await;
    let edit = IncidentEdit {
        status: Some(Status::Closed),
        verdict: Some(Some(Verdict::TruePositive)),
        ..IncidentEdit::default()
    };
    world.clock.advance_ms(5);
    let closed = world.desk.edit(&request(&incident, edit)).await.unwrap();
    assert_eq!((closed.status, closed.version), (Status::Closed, 2));
    assert_eq!(world.incident(incident.id).await, closed);
    let record = records(&world, incident.id).await.remove(0);
    assert_eq!((record.principal, record.action.as_str()), (ana(), "incident.edit"));
    assert_eq!(record.before, json!({ "status": "new", "verdict": null }));
    assert_eq!(record.after, json!({ "status": "closed", "verdict": "true_positive" }));
    assert_eq!(record.reason.as_deref(), Some("seen in the shell history"));
    assert_eq!((record.request_id.as_deref(), record.at_ms), (Some("req-7"), world.clock.now_ms()));
}

#[tokio::test]
async fn what_is_not_allowed_or_not_new_writes_nothing() {
    let world = World::new().await;
    let incident = opened(&world).await;
    let before = records(&world, incident.id).await;
    let status = |status| IncidentEdit { status: Some(status), ..IncidentEdit::default() };

    let unverdicted = world.desk.edit(&request(&incident, status(Status::Closed))).await;
    assert!(matches!(unverdicted, Err(Error::Decision(DecisionError::VerdictMissing))), "{unverdicted:?}");
    let stale = EditRequest { version: 7, ..request(&incident, status(Status::OnHold)) };
    let stale = world.desk.edit(&stale).await;
    assert!(matches!(stale, Err(Error::Store(StoreError::Conflict { current: 1 }))), "{stale:?}");
    let nobody = EditRequest { incident: IncidentId(Ulid(1)), ..request(&incident, status(Status::OnHold)) };
    let missing = world.desk.edit(&nobody).await;
    assert!(matches!(missing, Err(Error::Store(StoreError::NotFound { .. }))), "{missing:?}");
    let same = world.desk.edit(&request(&incident, status(Status::New))).await.unwrap();
    assert_eq!(same, incident);
    assert_eq!(records(&world, incident.id).await, before);
    assert_eq!(world.incident(incident.id).await, incident);
}

#[tokio::test]
async fn a_comment_keeps_its_text_out_of_the_record() {
    let world = World::new().await;
    let incident = opened(&world).await;
    let say = |text: &str| CommentRequest {
        principal: ana(),
        incident: incident.id,
        text: text.to_owned(),
        origin: None,
        request_id: None,
    };
    let comment = world.desk.comment(&say("my **laptop** was stolen")).await.unwrap();
    assert!(matches!(world.desk.comment(&say(" ")).await, Err(Error::Decision(DecisionError::Text { .. }))));
    let mut view = world.store.read().await.unwrap();
    let page = view.comments().of_incident(incident.id, &PageRequest::default()).await.unwrap();
    assert_eq!(comment.author, "ana");
    assert_eq!(page.items, [comment]);
    let record = records(&world, incident.id).await.remove(0);
    assert_eq!(record.action, "incident.comment");
    assert!(!format!("{record:?}").contains("laptop"));
}
