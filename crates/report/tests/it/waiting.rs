//! What waits: for an update that was promised, for room that spam takes, for responders who should hear.

use crate::kit::{DAY_MS, Kit, person, reporter};
use model::{AppealBy, AttachmentState, DecisionKind, MessageFrom, ReportId, Reporter};
use ports::store::conformance::Bench;
use ports::store::{PageRequest, ReportFilter, ReportOrder};
use report::{Actor, AppealRequest, DecisionError, DecisionRequest, Error, MessageRequest};

async fn decide(kit: &Kit, id: ReportId, kind: DecisionKind, reason: Option<&str>) {
    let request = kit.request(id, kind, "mona").await;
    let request = DecisionRequest { reason: reason.map(str::to_owned), ..request };
    kit.desk.decide(&request).await.unwrap();
}

async fn by_due(kit: &Kit) -> Vec<ReportId> {
    let filter = ReportFilter { waiting: true, order: ReportOrder::Due, ..ReportFilter::default() };
    let found =
        kit.store.read().await.unwrap().reports().list(&filter, &PageRequest::first(50)).await.unwrap();
    found.items.into_iter().map(|report| report.id).collect()
}

#[tokio::test]
async fn whoever_was_promised_an_update_is_overdue_until_they_hear() {
    let kit = Kit::new().await;
    let first = kit.submit(Reporter::Anonymous).await.report.id;
    kit.clock.advance_ms(DAY_MS);
    let second = kit.submit(reporter("rita")).await.report.id;
    kit.clock.advance_ms(DAY_MS);
    let third = kit.submit(reporter("otto")).await.report.id;
    assert_eq!(kit.counted("huecry_reports_overdue").await, 0);
    assert_eq!(by_due(&kit).await, [first, second, third], "what was promised first");
    kit.clock.advance_ms(DAY_MS + 1);
    assert_eq!(kit.counted("huecry_reports_overdue").await, 1);
    // asked: their answer is awaited, however long it takes them
    decide(&kit, first, DecisionKind::Ask, None).await;
    assert!(!kit.report(first).await.is_overdue(i64::MAX));
    // and answered: a new promise, behind the others
    let answer = MessageRequest {
        actor: Actor::guest(),
        report: first,
        from: MessageFrom::Reporter,
        text: "in run 7".to_owned(),
        internal: false,
    };
    kit.desk.message(&answer).await.unwrap();
    assert_eq!(kit.counted("huecry_reports_overdue").await, 0);
    assert_eq!(by_due(&kit).await, [second, third, first]);
    kit.clock.advance_ms(3 * DAY_MS + 1);
    assert_eq!(kit.counted("huecry_reports_overdue").await, 3);
    decide(&kit, second, DecisionKind::Decline, Some("expected")).await;
    decide(&kit, third, DecisionKind::Accept, None).await;
    assert_eq!(kit.counted("huecry_reports_overdue").await, 1, "who was answered waits for nothing");
    // an appeal of the reporter's is a promise too
    let reason = "it was no drill".to_owned();
    let appeal = AppealRequest { actor: person("rita"), report: second, by: AppealBy::Reporter, reason };
    kit.desk.appeal(&appeal).await.unwrap();
    kit.clock.advance_ms(7 * DAY_MS + 1);
    assert_eq!(kit.counted("huecry_reports_overdue").await, 2);
}

#[tokio::test]
async fn an_answer_is_a_new_promise_and_who_is_asked_is_awaited() {
    let kit = Kit::new().await;
    let (told, asked) =
        (kit.submit(Reporter::Anonymous).await.report.id, kit.submit(Reporter::Anonymous).await.report.id);
    decide(&kit, asked, DecisionKind::Ask, None).await;
    kit.clock.advance_ms(2 * DAY_MS);
    let say = |report, text: &str, internal| MessageRequest {
        actor: person("mona"),
        report,
        from: MessageFrom::Team,
        text: text.to_owned(),
        internal,
    };
    let due = async |id| kit.report(id).await.next_update_due_ms.unwrap();
    let promised = due(told).await;
    kit.desk.message(&say(told, "who has seen this before?", true)).await.unwrap();
    assert_eq!(due(told).await, promised, "the reporter heard nothing");
    kit.desk.message(&say(told, "we are still looking", false)).await.unwrap();
    assert_eq!(due(told).await, promised + 2 * DAY_MS);
    kit.clock.advance_ms(2 * DAY_MS);
    let now_ms = crate::kit::NOW_MS + 4 * DAY_MS;
    assert_eq!(kit.counted("huecry_reports_overdue").await, 0);
    assert!(!kit.report(told).await.is_overdue(now_ms) && !kit.report(asked).await.is_overdue(now_ms));
    kit.clock.advance_ms(DAY_MS + 1);
    assert_eq!(kit.counted("huecry_reports_overdue").await, 1, "not of whom the team waits for");
    assert!(kit.report(told).await.is_overdue(now_ms + DAY_MS + 1));
    // what is decided promises nothing more by words
    decide(&kit, told, DecisionKind::Decline, Some("expected")).await;
    kit.desk.message(&say(told, "thank you all the same", false)).await.unwrap();
    assert_eq!(kit.report(told).await.next_update_due_ms, None);
}

fn path_name(sha256: &[u8; 32]) -> String {
    sha256.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Has the bytes of a file stand in the way of their removal: a folder of that name.
fn block(kit: &Kit, sha256: &[u8; 32]) -> std::path::PathBuf {
    let path = kit.dir.path().join("blobs").join(path_name(sha256));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    path
}

#[tokio::test]
async fn bytes_that_stayed_go_later_and_one_that_cannot_does_not_keep_the_others() {
    let kit = Kit::new().await;
    let (spam, other) =
        (kit.submit(Reporter::Anonymous).await.report.id, kit.submit(Reporter::Anonymous).await.report.id);
    let guest = Actor::guest();
    let stuck = kit.desk.attach(&guest, spam, "one.log", b"a first log line").await.unwrap();
    let next = kit.desk.attach(&guest, spam, "two.log", b"another log line").await.unwrap();
    let held = kit.desk.attach(&guest, other, "three.log", b"a third log line").await.unwrap();
    let there = async |sha256| kit.blobs().holds(sha256).await.unwrap();
    let path = block(&kit, &stuck.sha256);
    decide(&kit, spam, DecisionKind::Decline, Some("spam")).await;
    assert!(path.exists() && !there(&next.sha256).await);
    // as if the process had been killed after that decision, before it removed anything
    std::fs::write(path.with_file_name(path_name(&next.sha256)), b"another log line").unwrap();
    assert_eq!(kit.desk.sweep_files().await.unwrap(), 1);
    assert!(path.exists() && !there(&next.sha256).await && there(&held.sha256).await);
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, b"a first log line").unwrap();
    kit.start_whole();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while path.exists() {
        assert!(tokio::time::Instant::now() < deadline, "it never went");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(there(&held.sha256).await);
    assert_eq!(kit.desk.sweep_files().await.unwrap(), 0);
}

#[tokio::test]
async fn spam_gives_its_room_back_at_once_and_keeps_no_bytes() {
    let kit = Kit::new().await;
    let (spam, wrong, shared) = (
        kit.submit(Reporter::Anonymous).await.report.id,
        kit.submit(Reporter::Anonymous).await.report.id,
        kit.submit(Reporter::Anonymous).await.report.id,
    );
    let (one, two) = (b"a first log line".repeat(90), b"another log line".repeat(90));
    let guest = Actor::guest();
    let first = kit.desk.attach(&guest, spam, "one.log", &one).await.unwrap();
    let second = kit.desk.attach(&guest, spam, "two.log", &two).await.unwrap();
    kit.desk.attach(&guest, wrong, "one.log", &one[1..]).await.unwrap();
    kit.desk.attach(&guest, shared, "two.log", &two).await.unwrap();
    let used = async || kit.store.read().await.unwrap().attachments().guests_bytes().await.unwrap();
    let kept = async |sha256| kit.blobs().holds(sha256).await.unwrap();
    let (one, two) = (one.len() as u64, two.len() as u64);
    assert_eq!(used().await, 2 * one - 1 + 2 * two);
    decide(&kit, wrong, DecisionKind::Decline, Some("expected")).await;
    assert_eq!(used().await, 2 * one - 1 + 2 * two, "who was wrong keeps what they showed");
    decide(&kit, spam, DecisionKind::Decline, Some("spam")).await;
    assert_eq!(used().await, one - 1 + two);
    assert!(!kept(&first.sha256).await, "nobody has these bytes");
    assert!(kept(&second.sha256).await, "another report has them");
    let mut view = kit.store.read().await.unwrap();
    let files = view.attachments().of_report(spam).await.unwrap();
    assert!(files.len() == 2 && files.iter().all(|file| file.state == AttachmentState::Removed), "{files:?}");
    drop(view);
    assert_eq!(kit.desk.file(spam, first.id).await.unwrap(), None);
    let more = kit.desk.attach(&guest, spam, "three.log", b"a further log line").await.unwrap_err();
    assert!(matches!(more, Error::Decision(DecisionError::Decided { .. })), "{more}");
    assert_eq!(used().await, one - 1 + two);
}

#[tokio::test]
async fn what_a_reporter_adds_is_told_to_who_works_on_the_incident() {
    let kit = Kit::new().await;
    let incident = Bench::new(8).opened(&*kit.store, 1, "acme/checkout").await.id;
    let id = kit.submit(Reporter::Anonymous).await.report.id;
    let say = |text: &str| MessageRequest {
        actor: Actor::guest(),
        report: id,
        from: MessageFrom::Reporter,
        text: text.to_owned(),
        internal: false,
    };
    let told = async || {
        let mut view = kit.store.read().await.unwrap();
        let page = PageRequest::first(50);
        let comments = view.comments().of_incident(incident, &page).await.unwrap().items;
        comments
            .into_iter()
            .filter(|comment| comment.author == "reporter")
            .map(|c| c.text)
            .collect::<Vec<_>>()
    };
    kit.desk.message(&say("nobody works on it yet")).await.unwrap();
    let mut merge = kit.request(id, DecisionKind::Merge, "mona").await;
    merge.incident = Some(incident);
    kit.desk.decide(&merge).await.unwrap();
    assert_eq!(told().await, Vec::<String>::new());
    let from_team = MessageRequest { actor: person("mona"), from: MessageFrom::Team, ..say("thank you") };
    kit.desk.message(&from_team).await.unwrap();
    kit.desk.message(&say("ask kim@example.com\n``` [here](https://example.com)")).await.unwrap();
    kit.desk.message(&say(&"x".repeat(5_000))).await.unwrap();
    kit.desk.attach(&Actor::guest(), id, "run`7`.log", b"a log line").await.unwrap();
    let told = told().await;
    assert_eq!(told.len(), 3, "{told:?}");
    let fenced = "```text\nask [email 1]";
    assert!(told.iter().all(|text| text.contains(&id.to_string())), "{told:?}");
    let words = told.iter().find(|text| text.contains("[email 1]") || text.contains("https")).unwrap();
    assert!(words.contains("```text\n") && words.matches("```").count() == 2, "{fenced}: {words}");
    assert!(told.iter().all(|text| text.len() < 2_200), "a long one is cut");
    let file = told.iter().find(|text| text.contains("added a file")).unwrap();
    assert_eq!(file.matches('`').count(), 2, "{file}");
}
