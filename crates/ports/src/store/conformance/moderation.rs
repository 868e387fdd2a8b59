//! Appeals, notices, digests, thanks.

use super::bench::Bench;
use super::reports::submitted;
use crate::store::{LedgerChange, PageRequest, Store, StoreError};
use model::{
    Appeal, AppealBy, AppealId, AppealOutcome, AppealState, Credit, Digest, DigestId, DigestState,
    LedgerEntry, NoticeId, NoticeKind, Outcome, PersonId, Principal, ReportId, ReportNotice, Ulid,
};
use serde_json::json;

fn eve() -> Principal {
    Principal::Local { account: "eve".to_owned() }
}

fn appeal(bench: &Bench, report: ReportId, by: AppealBy, due_at_ms: i64) -> Appeal {
    Appeal {
        id: AppealId::new(&bench.clock, &bench.entropy),
        report,
        by,
        appellant: Principal::Guest,
        reason: "it is real".to_owned(),
        decision_at_ms: 40,
        created_at_ms: 50,
        due_at_ms,
        state: AppealState::Open,
        outcome: None,
        explanation: None,
        decided_by: None,
        decided_at_ms: None,
        region: "default".to_owned(),
    }
}

/// One appeal a side and decision; what is due first comes first; what was decided is not decided again.
pub async fn appeals_are_made_and_decided_once(store: &dyn Store) {
    let bench = Bench::new(96);
    let reports = submitted(&bench, store, 2).await;
    let late = appeal(&bench, reports[0].id, AppealBy::Reporter, 900);
    let soon = appeal(&bench, reports[0].id, AppealBy::Subject, 800);
    let other = Appeal { decision_at_ms: 41, ..appeal(&bench, reports[0].id, AppealBy::Reporter, 950) };
    let mut unit = store.begin().await.unwrap();
    for one in [&late, &soon, &other] {
        unit.appeals().add(one, &bench.audit(one.id)).await.unwrap();
    }
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let twin = appeal(&bench, reports[0].id, AppealBy::Reporter, 1);
    let refused = unit.appeals().add(&twin, &bench.audit(twin.id)).await;
    assert!(matches!(refused, Err(StoreError::Exists { .. })), "{refused:?}");
    drop(unit);
    let decided = Appeal {
        state: AppealState::Decided,
        outcome: Some(AppealOutcome::Overturned),
        explanation: Some("you were right".to_owned()),
        decided_by: Some(eve()),
        decided_at_ms: Some(60),
        ..late.clone()
    };
    let mut unit = store.begin().await.unwrap();
    unit.appeals().decide(&decided, &bench.audit(late.id)).await.unwrap();
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let again = unit.appeals().decide(&decided, &bench.audit(late.id)).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })), "{again:?}");
    drop(unit);
    let mut view = store.read().await.unwrap();
    assert_eq!(view.appeals().get(late.id).await.unwrap(), Some(decided.clone()));
    assert_eq!(
        view.appeals().of_report(reports[0].id).await.unwrap(),
        [other.clone(), soon.clone(), decided.clone()]
    );
    assert_eq!(view.appeals().of_report(reports[1].id).await.unwrap(), []);
    let open = view.appeals().list(Some(AppealState::Open), &PageRequest::first(1)).await.unwrap();
    assert_eq!(open.items, std::slice::from_ref(&soon));
    let rest = PageRequest::after(9, open.next.unwrap());
    let rest = view.appeals().list(Some(AppealState::Open), &rest).await.unwrap();
    assert_eq!(rest.items, std::slice::from_ref(&other));
    assert_eq!(
        view.appeals().list(None, &PageRequest::first(9)).await.unwrap().items,
        [soon, decided, other]
    );
}

/// A ring is told once; its reports are kept from automation, and from nothing else.
pub async fn rings_are_told_once(store: &dyn Store) {
    let bench = Bench::new(97);
    let mut reports = submitted(&bench, store, 3).await;
    reports.sort_by_key(|report| report.id);
    let notice = ReportNotice {
        id: NoticeId::new(&bench.clock, &bench.entropy),
        kind: NoticeKind::Ring,
        key: "checkout/1".to_owned(),
        service: Some("checkout".to_owned()),
        score: 0.75,
        reports: vec![reports[0].id, reports[2].id],
        features: json!({ "reporters": 12 }),
        region: "default".to_owned(),
        at_ms: 9,
        acknowledged_by: None,
        acknowledged_at_ms: None,
    };
    let mut unit = store.begin().await.unwrap();
    assert!(unit.notices().add(&notice, &bench.audit(notice.id)).await.unwrap());
    unit.commit().await.unwrap();
    let twin = ReportNotice { id: NoticeId::new(&bench.clock, &bench.entropy), ..notice.clone() };
    let mut unit = store.begin().await.unwrap();
    assert!(!unit.notices().add(&twin, &bench.audit(twin.id)).await.unwrap(), "the same ring");
    let records = unit.audit().count().await.unwrap();
    let second = ReportNotice { key: "checkout/2".to_owned(), reports: vec![reports[0].id], ..twin.clone() };
    assert!(unit.notices().add(&second, &bench.audit(second.id)).await.unwrap());
    assert_eq!(unit.audit().count().await.unwrap(), records + 1);
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.notices().get(notice.id).await.unwrap(), Some(notice.clone()));
    assert_eq!(view.notices().of_report(reports[0].id).await.unwrap(), [second.clone(), notice.clone()]);
    assert_eq!(view.notices().of_report(reports[1].id).await.unwrap(), []);
    for (report, held) in reports.iter().zip([true, false, true]) {
        let now = view.reports().get(report.id).await.unwrap().unwrap();
        assert_eq!((now.automation_held, now.version, now.state), (held, 1, report.state));
    }
    drop(view);
    let mut unit = store.begin().await.unwrap();
    assert!(unit.notices().join("checkout/2", reports[1].id).await.unwrap());
    assert!(!unit.notices().join("checkout/2", reports[1].id).await.unwrap(), "twice is once");
    assert!(!unit.notices().join("nothing", reports[1].id).await.unwrap());
    assert!(unit.reports().get(reports[1].id).await.unwrap().unwrap().automation_held);
    let second = ReportNotice { reports: vec![reports[0].id, reports[1].id], ..second };
    unit.notices().acknowledge(second.id, &eve(), 20, &bench.audit(second.id)).await.unwrap();
    unit.notices().acknowledge(second.id, &Principal::Guest, 30, &bench.audit(second.id)).await.unwrap();
    unit.commit().await.unwrap();
    let known = ReportNotice { acknowledged_by: Some(eve()), acknowledged_at_ms: Some(20), ..second };
    let mut view = store.read().await.unwrap();
    assert_eq!(view.notices().list().await.unwrap(), [notice, known], "what nobody looked at comes first");
    drop(view);
    let mut unit = store.begin().await.unwrap();
    let nothing = NoticeId(Ulid(1));
    let missing = unit.notices().acknowledge(nothing, &eve(), 1, &bench.audit(nothing)).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })), "{missing:?}");
}

/// A digest is a draft until somebody publishes it, once.
pub async fn digests_are_published_once(store: &dyn Store) {
    let bench = Bench::new(98);
    let digest = |created_at_ms| Digest {
        id: DigestId::new(&bench.clock, &bench.entropy),
        from_ms: 0,
        to_ms: 10,
        content: json!({ "groups": [] }),
        state: DigestState::Draft,
        drafted_by: eve(),
        created_at_ms,
        published_by: None,
        published_at_ms: None,
        region: "default".to_owned(),
    };
    let (first, second) = (digest(1), digest(2));
    let mut unit = store.begin().await.unwrap();
    for one in [&first, &second] {
        unit.digests().add(one, &bench.audit(one.id)).await.unwrap();
    }
    let published = Digest {
        state: DigestState::Published,
        content: json!({ "groups": [1] }),
        published_by: Some(eve()),
        published_at_ms: Some(5),
        ..first.clone()
    };
    unit.digests().publish(&published, &bench.audit(first.id)).await.unwrap();
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let again = unit.digests().publish(&published, &bench.audit(first.id)).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })), "{again:?}");
    drop(unit);
    let mut view = store.read().await.unwrap();
    assert_eq!(view.digests().get(first.id).await.unwrap(), Some(published.clone()));
    let all = PageRequest::first(5);
    assert_eq!(view.digests().list(DigestState::Draft, &all).await.unwrap().items, [second]);
    assert_eq!(view.digests().list(DigestState::Published, &all).await.unwrap().items, [published]);
}

/// Who wants to be thanked is, by what held and was not taken back.
pub async fn people_say_how_to_be_thanked(store: &dyn Store) {
    let bench = Bench::new(99);
    let reports = submitted(&bench, store, 3).await;
    let credit = |number, shown| Credit {
        person: PersonId(Ulid(number)),
        display_name: Some(format!("P{number}")),
        shown,
        region: "default".to_owned(),
        updated_at_ms: 3,
    };
    let (one, two, quiet) = (credit(1, true), credit(2, true), credit(3, false));
    let mut unit = store.begin().await.unwrap();
    for said in [&Credit { shown: false, ..one.clone() }, &one, &two, &quiet] {
        unit.credits().set(said, &bench.audit(said.person)).await.unwrap();
    }
    for (report, weight) in reports.iter().zip([1, 0, 1]) {
        let entry = LedgerEntry {
            reporter: two.person.to_string(),
            category: "phishing".to_owned(),
            report: report.id,
            outcome: Outcome::Accepted,
            reason: None,
            weight,
            region: "default".to_owned(),
            at_ms: 1,
        };
        let ledger = [LedgerChange::Add(entry)];
        unit.reports().replace(report, &ledger, &bench.audit(report.id)).await.unwrap();
    }
    let taken_back = model::Report { version: 2, ..reports[2].clone() };
    let revert = [LedgerChange::Revert { at_ms: 2 }];
    unit.reports().replace(&taken_back, &revert, &bench.audit(taken_back.id)).await.unwrap();
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.credits().get(one.person).await.unwrap(), Some(one.clone()), "the last word counts");
    assert_eq!(view.credits().get(PersonId(Ulid(9))).await.unwrap(), None);
    assert_eq!(view.credits().shown().await.unwrap(), [(two, 1), (one, 0)]);
}
