//! Reports: taken in together, found, decided, published, spoken about.

use super::bench::Bench;
use crate::store::{
    LedgerChange, NewReport, OnceKey, PageRequest, REPORT_ATTACHMENTS_MAX, REPORTS_SUBMITTED_MAX,
    ReportFilter, ReportOrder, Store, StoreError,
};
use model::{
    Attachment, AttachmentId, AttachmentState, AuditRecord, Channel, Decision, DecisionKind, FindingId,
    LedgerEntry, MessageFrom, MessageId, Offset, Outcome, Partition, PersonId, Position, Principal,
    PublicMessage, Report, ReportContext, ReportId, ReportMessage, ReportProvenance, ReportState, Reporter,
    Severity, Similarity, Tier, Topic, Ulid,
};
use serde_json::json;

/// A report whose receipt is `number`, and the record of its submission.
pub fn new_report(bench: &Bench, number: u8) -> NewReport {
    let id = ReportId::new(&bench.clock, &bench.entropy);
    let audit = AuditRecord { action: "report.submit".to_owned(), ..bench.audit(id) };
    let report = Report {
        id,
        form: "suspicious-ci".to_owned(),
        form_version: 1,
        service: Some("checkout".to_owned()),
        title: format!("Report {number}"),
        text: format!("the build {number} pushed 100% of an image"),
        fields: json!({ "signs": ["a", "b"] }).as_object().cloned().unwrap_or_default(),
        context: ReportContext { branch: Some("main".to_owned()), ..ReportContext::default() },
        reporter: Reporter::Anonymous,
        claimed: false,
        channel: Channel::Web,
        tier: Tier::Anonymous,
        provenance: ReportProvenance { channel_strength: 1, ..ReportProvenance::default() },
        state: ReportState::Received,
        held_reason: None,
        automation_held: false,
        unread: false,
        decision: None,
        finding: None,
        incident: None,
        related_hint: None,
        masked_count: 2,
        personal_held: true,
        similarity: Some(Similarity([u32::from(number); model::SIMILARITY_HASHES])),
        next_update_due_ms: Some(7),
        receipt_sha256: [number; 32],
        submit_record: audit.id,
        region: "default".to_owned(),
        created_at_ms: 100 + i64::from(number),
        updated_at_ms: 100 + i64::from(number),
        version: 1,
    };
    NewReport { report, audit, once: None }
}

/// Stores reports 1 to `count` and returns them.
pub(super) async fn submitted(bench: &Bench, store: &dyn Store, count: u8) -> Vec<Report> {
    let new: Vec<NewReport> = (1..=count).map(|number| new_report(bench, number)).collect();
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.reports().submit(&new).await.unwrap().len(), new.len());
    unit.commit().await.unwrap();
    new.into_iter().map(|new| new.report).collect()
}

/// Reports that came together are there with their records in order, all or none, and are found by all their names.
pub async fn reports_come_in_together(store: &dyn Store) {
    let bench = Bench::new(90);
    bench.opened(store, 1, "root").await;
    let mut new: Vec<NewReport> = (1..=60).map(|number| new_report(&bench, number)).collect();
    let once = OnceKey { key_sha256: [1; 32], request_sha256: [2; 32] };
    new[7].once = Some(once);
    new[8].report.reporter = Reporter::Person { id: PersonId(Ulid(5)) };
    let mut unit = store.begin().await.unwrap();
    let before = unit.audit().count().await.unwrap();
    let recorded = unit.reports().submit(&new).await.unwrap();
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    for (place, (new, recorded)) in new.iter().zip(&recorded).enumerate() {
        assert_eq!(view.reports().get(new.report.id).await.unwrap().as_ref(), Some(&new.report));
        let by_receipt = view.reports().by_receipt(&new.report.receipt_sha256).await.unwrap();
        assert_eq!(by_receipt.as_ref(), Some(&new.report));
        let stored = view.audit().entry(new.audit.id).await.unwrap().unwrap();
        assert_eq!((stored.entry.index, stored.leaf_hash), (before + place as u64, recorded.leaf_hash));
        assert_eq!((recorded.index, stored.entry.leaf_hash()), (stored.entry.index, recorded.leaf_hash));
    }
    let found = view.reports().by_once(&once.key_sha256).await.unwrap();
    assert_eq!(found, Some((new[7].report.clone(), once.request_sha256)));
    assert_eq!(view.reports().by_once(&[9; 32]).await.unwrap(), None);
    assert_eq!(view.reports().by_receipt(&[200; 32]).await.unwrap(), None);
    drop(view);
    refuses_all_of_them(&bench, store, &new[7]).await;
}

/// One that cannot be stored takes the others of its unit along.
async fn refuses_all_of_them(bench: &Bench, store: &dyn Store, known: &NewReport) {
    let good = new_report(bench, 100);
    let mut receipt = new_report(bench, 101);
    receipt.report.receipt_sha256 = known.report.receipt_sha256;
    let once = NewReport { once: known.once, ..new_report(bench, 102) };
    for bad in [receipt, once, known.clone()] {
        let mut unit = store.begin().await.unwrap();
        let refused = unit.reports().submit(&[good.clone(), bad]).await;
        assert!(matches!(refused, Err(StoreError::Exists { .. })), "{refused:?}");
        assert!(matches!(unit.commit().await, Err(StoreError::Aborted)));
    }
    let (mut elsewhere, mut unnamed) = (new_report(bench, 103), new_report(bench, 104));
    elsewhere.audit.object = "rep_1".to_owned();
    unnamed.report.submit_record = known.audit.id;
    for bad in [elsewhere, unnamed] {
        let mut unit = store.begin().await.unwrap();
        let refused = unit.reports().submit(&[good.clone(), bad]).await;
        assert!(matches!(refused, Err(StoreError::AuditMismatch { .. })), "{refused:?}");
    }
    let many: Vec<NewReport> = (0..=REPORTS_SUBMITTED_MAX).map(|_| good.clone()).collect();
    let mut unit = store.begin().await.unwrap();
    let refused = unit.reports().submit(&many).await;
    assert!(matches!(refused, Err(StoreError::BadQuery { .. })), "{refused:?}");
    drop(unit);
    assert_eq!(store.read().await.unwrap().reports().get(good.report.id).await.unwrap(), None);
}

/// Lists answer every filter, in pages; counts agree with them.
pub async fn reports_are_listed(store: &dyn Store) {
    let bench = Bench::new(91);
    let mut new: Vec<NewReport> = (1..=9).map(|number| new_report(&bench, number)).collect();
    new[0].report.state = ReportState::Held;
    new[1].report.service = None;
    new[2].report.service = Some("search".to_owned());
    new[3].report.form = "phishing".to_owned();
    new[4].report.reporter = Reporter::Person { id: PersonId(Ulid(5)) };
    new[5].report.title = "A_strange Thing".to_owned();
    new[6].report.state = ReportState::NeedsInfo;
    for (at, due_ms) in [60, 20, 70, 50, 80, 10, 25, 30].into_iter().enumerate() {
        new[at].report.next_update_due_ms = Some(due_ms);
    }
    new[8].report = Report { decision: None, finding: None, ..accepted(&new[8].report, FindingId([9; 16])) };
    new[8].report.reporter = Reporter::Anonymous;
    let mut unit = store.begin().await.unwrap();
    unit.reports().submit(&new).await.unwrap();
    unit.commit().await.unwrap();
    let all = ReportFilter::default();
    let text = |text: &str| ReportFilter { text: Some(text.to_owned()), ..all.clone() };
    let only = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let cases = [
        (all.clone(), vec![9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (ReportFilter { states: vec![ReportState::Held, ReportState::Merged], ..all.clone() }, vec![1]),
        (ReportFilter { service: Some("search".into()), ..all.clone() }, vec![3]),
        (ReportFilter { services: only(&["search", "mail"]), ..all.clone() }, vec![3]),
        (ReportFilter { services: only(&[]), ..all.clone() }, vec![]),
        (ReportFilter { form: Some("phishing".into()), ..all.clone() }, vec![4]),
        (ReportFilter { reporter: Some(PersonId(Ulid(5)).to_string()), ..all.clone() }, vec![5]),
        (ReportFilter { since_ms: Some(108), until_ms: Some(109), ..all.clone() }, vec![8]),
        (text("a_STRANGE"), vec![6]),
        (text("a%strange"), vec![]),
        (text("build 7 pushed 100%"), vec![7]),
        (text("\\"), vec![]),
        (ReportFilter { due_before_ms: Some(31), ..all.clone() }, vec![8, 6, 2]),
        (ReportFilter { due_before_ms: Some(10), ..all.clone() }, vec![]),
        (ReportFilter { order: ReportOrder::Due, ..all.clone() }, vec![6, 2, 7, 8, 4, 1, 3, 5, 9]),
    ];
    let mut view = store.read().await.unwrap();
    for (filter, expected) in cases {
        let mut found = Vec::new();
        let mut page = PageRequest::first(4);
        loop {
            let items = view.reports().list(&filter, &page).await.unwrap();
            found.extend(items.items.iter().map(|report| report.created_at_ms - 100));
            let Some(next) = items.next else { break };
            page = PageRequest::after(4, next);
        }
        assert_eq!(found, expected, "{filter:?}");
        let counts = view.reports().counts(&filter).await.unwrap();
        assert_eq!(counts.iter().map(|(_, n)| *n).sum::<u64>(), expected.len() as u64, "{filter:?}");
    }
    let counts = view.reports().counts(&all).await.unwrap();
    assert!(
        counts.contains(&(ReportState::Held, 1)) && counts.contains(&(ReportState::Received, 6)),
        "{counts:?}"
    );
    let bad = PageRequest::after(4, crate::store::Cursor::new("comments", &[1], "cmt_1"));
    assert!(matches!(view.reports().list(&all, &bad).await, Err(StoreError::BadCursor)));
    let by_due = ReportFilter { order: ReportOrder::Due, ..all.clone() };
    let of_newest = view.reports().list(&all, &PageRequest::first(4)).await.unwrap().next.unwrap();
    let mixed = view.reports().list(&by_due, &PageRequest::after(4, of_newest)).await;
    assert!(matches!(mixed, Err(StoreError::BadCursor)), "{mixed:?}");
}

fn accepted(report: &Report, finding: FindingId) -> Report {
    let decision = Decision {
        kind: DecisionKind::Accept,
        reason: None,
        policy_version: "1".to_owned(),
        note: "thank you".to_owned(),
        lesson: Some("keys do not belong into logs".to_owned()),
        severity: Some(Severity::Medium),
        by: Principal::Local { account: "eve".to_owned() },
        at_ms: 500,
        automation: false,
        confirmed: None,
        news: false,
    };
    Report {
        state: ReportState::Accepted,
        finding: Some(finding),
        decision: Some(decision),
        next_update_due_ms: None,
        reporter: Reporter::Person { id: PersonId(Ulid(5)) },
        claimed: true,
        updated_at_ms: 500,
        ..report.clone()
    }
}

fn entry(report: &Report, weight: i8, at_ms: i64) -> LedgerEntry {
    LedgerEntry {
        reporter: PersonId(Ulid(5)).to_string(),
        category: report.form.clone(),
        report: report.id,
        outcome: if weight < 0 { Outcome::Declined } else { Outcome::Accepted },
        reason: (weight < 0).then(|| "spam".to_owned()),
        weight,
        region: "default".to_owned(),
        at_ms,
    }
}

/// A decision, its record and what it comes to in the ledger go together; who saw an older version is refused.
pub async fn reports_are_decided_once(store: &dyn Store) {
    let bench = Bench::new(92);
    let report = submitted(&bench, store, 1).await.remove(0);
    let decided = accepted(&report, FindingId([3; 16]));
    let first = entry(&report, 1, 500);
    let mut unit = store.begin().await.unwrap();
    let ledger = [LedgerChange::Add(first.clone())];
    assert_eq!(unit.reports().replace(&decided, &ledger, &bench.audit(report.id)).await.unwrap(), 2);
    unit.commit().await.unwrap();
    let decided = Report { version: 2, ..decided };
    let mut unit = store.begin().await.unwrap();
    let stale = unit.reports().replace(&report, &ledger, &bench.audit(report.id)).await;
    assert!(matches!(stale, Err(StoreError::Conflict { current: 2 })), "{stale:?}");
    drop(unit);
    let mut unit = store.begin().await.unwrap();
    let elsewhere = unit.reports().replace(&decided, &[], &bench.audit("rep_1")).await;
    assert!(matches!(elsewhere, Err(StoreError::AuditMismatch { .. })), "{elsewhere:?}");
    drop(unit);
    let mut view = store.read().await.unwrap();
    assert_eq!(view.reports().get(report.id).await.unwrap(), Some(decided.clone()));
    assert_eq!(view.ledger().of_report(report.id).await.unwrap(), std::slice::from_ref(&first), "not twice");
    assert_eq!(view.ledger().of_reporter(&first.reporter).await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(view.ledger().of_reporter("per_0").await.unwrap(), []);
    drop(view);
    let other = entry(&report, -1, 600);
    let mut unit = store.begin().await.unwrap();
    let ledger = [LedgerChange::Revert { at_ms: 600 }, LedgerChange::Add(other.clone())];
    let declined = Report { state: ReportState::Declined, finding: None, ..decided };
    assert_eq!(unit.reports().replace(&declined, &ledger, &bench.audit(report.id)).await.unwrap(), 3);
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.ledger().of_reporter(&first.reporter).await.unwrap(), [other], "the first is taken back");
    let nobody = Report { id: ReportId(Ulid(1)), ..declined };
    drop(view);
    let mut unit = store.begin().await.unwrap();
    let missing = unit.reports().replace(&nobody, &[], &bench.audit(nobody.id)).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })), "{missing:?}");
}

/// What is not known to be on the log is found until it is, in the order in which it came; findings follow their records.
pub async fn reports_wait_to_be_published(store: &dyn Store) {
    let bench = Bench::new(93);
    let incident = bench.opened(store, 1, "root").await;
    let reports = submitted(&bench, store, 3).await;
    let at = |offset| Position { topic: Topic::Raw, partition: Partition(1), offset: Offset(offset) };
    let mut view = store.read().await.unwrap();
    assert_eq!(view.reports().unpublished(2).await.unwrap(), reports[..2]);
    assert_eq!(view.reports().position(reports[0].id).await.unwrap(), None);
    drop(view);
    let finding = bench.finding(7, "root", 5, Severity::Low);
    let finding = model::Finding { source: "reports".to_owned(), ..finding };
    let decided = accepted(&reports[1], finding.id);
    let mut unit = store.begin().await.unwrap();
    unit.reports().replace(&decided, &[], &bench.audit(decided.id)).await.unwrap();
    assert_eq!(unit.reports().unraised(9).await.unwrap(), [], "its record comes first");
    unit.reports().published(&[(reports[0].id, at(4)), (reports[1].id, at(5))]).await.unwrap();
    unit.reports().published(&[(reports[0].id, at(9))]).await.unwrap();
    unit.commit().await.unwrap();
    let decided = Report { version: 2, ..decided };
    let mut view = store.read().await.unwrap();
    assert_eq!(view.reports().unpublished(9).await.unwrap(), reports[2..]);
    assert_eq!(view.reports().position(reports[0].id).await.unwrap(), Some(at(4)), "the first place counts");
    assert_eq!(view.reports().unraised(9).await.unwrap(), [(decided.clone(), at(5))]);
    assert_eq!(view.reports().of_incident(incident.id).await.unwrap(), []);
    drop(view);
    let mut unit = store.begin().await.unwrap();
    unit.reports().raised(&[(decided.id, FindingId([9; 16]))], 700).await.unwrap();
    assert_eq!(unit.reports().unraised(9).await.unwrap().len(), 1, "another finding is not it");
    unit.reports().raised(&[(decided.id, finding.id)], 700).await.unwrap();
    assert_eq!(unit.reports().unraised(9).await.unwrap(), []);
    unit.findings().insert(&[(&finding, incident.id)]).await.unwrap();
    let merged = Report { incident: Some(incident.id), state: ReportState::Merged, ..reports[2].clone() };
    unit.reports().replace(&merged, &[], &bench.audit(merged.id)).await.unwrap();
    let again = Report { finding: Some(FindingId([8; 16])), ..reports[0].clone() };
    unit.reports().replace(&again, &[], &bench.audit(again.id)).await.unwrap();
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let of_incident: Vec<ReportId> =
        view.reports().of_incident(incident.id).await.unwrap().iter().map(|report| report.id).collect();
    assert_eq!(of_incident, [merged.id, decided.id], "by finding and by merge");
    let waits = view.reports().unraised(9).await.unwrap();
    assert_eq!(waits.iter().map(|(report, at)| (report.id, *at)).collect::<Vec<_>>(), [(again.id, at(4))]);
}

fn message(bench: &Bench, report: ReportId, internal: bool, at_ms: i64) -> ReportMessage {
    ReportMessage {
        id: MessageId::new(&bench.clock, &bench.entropy),
        report,
        from: MessageFrom::Team,
        author: Principal::Local { account: "eve".to_owned() },
        text: format!("text at {at_ms}"),
        internal,
        region: "default".to_owned(),
        at_ms,
    }
}

/// Messages are read in order; what is internal does not come out with what is public.
pub async fn reports_are_spoken_about(store: &dyn Store) {
    let bench = Bench::new(94);
    let report = submitted(&bench, store, 1).await.remove(0);
    let all = [(false, 3), (true, 4), (false, 4)]
        .map(|(internal, at_ms)| message(&bench, report.id, internal, at_ms));
    let mut unit = store.begin().await.unwrap();
    for message in &all {
        unit.report_messages().add(message, &bench.audit(report.id)).await.unwrap();
    }
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.report_messages().of_report(report.id).await.unwrap(), all);
    let public: Vec<PublicMessage> = all.iter().cloned().filter_map(PublicMessage::of).collect();
    assert_eq!(view.report_messages().public_of_report(report.id).await.unwrap(), public);
    drop(view);
    let mut unit = store.begin().await.unwrap();
    unit.report_messages().remove(all[0].id, report.id, &bench.audit(report.id)).await.unwrap();
    assert_eq!(unit.report_messages().of_report(report.id).await.unwrap(), all[1..]);
    let gone = unit.report_messages().remove(all[0].id, report.id, &bench.audit(report.id)).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    drop(unit);
    let mut unit = store.begin().await.unwrap();
    let stray = message(&bench, ReportId(Ulid(1)), false, 1);
    let refused = unit.report_messages().add(&stray, &bench.audit(stray.report)).await;
    assert!(matches!(refused, Err(StoreError::NotFound { .. })), "{refused:?}");
}

/// Files are counted by report and by their bytes; one that was removed makes room.
pub async fn reports_have_few_files(store: &dyn Store) {
    let bench = Bench::new(95);
    let reports = submitted(&bench, store, 2).await;
    let file = |report: &Report, sha: u8| Attachment {
        id: AttachmentId::new(&bench.clock, &bench.entropy),
        report: report.id,
        name: "log.txt".to_owned(),
        media_type: "text/plain".to_owned(),
        bytes: 12,
        sha256: [sha; 32],
        state: AttachmentState::Stored,
        region: "default".to_owned(),
        at_ms: 9,
    };
    let audit = |report: &Report| bench.audit(report.id);
    let files: Vec<Attachment> = (0..REPORT_ATTACHMENTS_MAX).map(|_| file(&reports[0], 1)).collect();
    let twin = file(&reports[1], 1);
    let mut unit = store.begin().await.unwrap();
    for one in &files {
        unit.attachments().add(one, &audit(&reports[0])).await.unwrap();
    }
    unit.attachments().add(&twin, &audit(&reports[1])).await.unwrap();
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let full = unit.attachments().add(&file(&reports[0], 2), &audit(&reports[0])).await;
    assert!(matches!(full, Err(StoreError::BadQuery { .. })), "{full:?}");
    drop(unit);
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.attachments().holding(&[1; 32]).await.unwrap(), u64::from(REPORT_ATTACHMENTS_MAX) + 1);
    unit.attachments().remove(files[0].id, &audit(&reports[0])).await.unwrap();
    unit.attachments().add(&file(&reports[0], 2), &audit(&reports[0])).await.unwrap();
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let removed = Attachment { state: AttachmentState::Removed, ..files[0].clone() };
    assert_eq!(view.attachments().get(files[0].id).await.unwrap(), Some(removed));
    assert_eq!(view.attachments().of_report(reports[1].id).await.unwrap(), [twin]);
    assert_eq!(
        view.attachments().of_report(reports[0].id).await.unwrap().len() as u32,
        REPORT_ATTACHMENTS_MAX + 1
    );
    assert_eq!(view.attachments().holding(&[1; 32]).await.unwrap(), u64::from(REPORT_ATTACHMENTS_MAX));
    assert_eq!(view.attachments().holding(&[9; 32]).await.unwrap(), 0);
    let kept = u64::from(REPORT_ATTACHMENTS_MAX) + 1;
    assert_eq!(view.attachments().guests_bytes().await.unwrap(), 12 * kept, "what was removed makes room");
    drop(view);
    // a claimed report is nobody's without a name any more
    let named = Report { reporter: Reporter::Person { id: PersonId(Ulid(5)) }, ..reports[1].clone() };
    let mut unit = store.begin().await.unwrap();
    unit.reports().replace(&named, &[], &audit(&named)).await.unwrap();
    assert_eq!(unit.attachments().guests_bytes().await.unwrap(), 12 * (kept - 1));
    unit.commit().await.unwrap();
    unheld_bytes_are_listed(store, &bench, &reports[0], &files).await;
}

/// Bytes are unheld once the last file that has them is removed, and held again by the next.
async fn unheld_bytes_are_listed(store: &dyn Store, bench: &Bench, report: &Report, removed: &[Attachment]) {
    let unheld = async || {
        let (mut found, mut page) = (std::collections::BTreeSet::new(), PageRequest::first(1));
        let mut view = store.read().await.unwrap();
        loop {
            let items = view.attachments().unheld(&page).await.unwrap();
            found.extend(items.items);
            let Some(next) = items.next else { return found.into_iter().collect::<Vec<_>>() };
            page = PageRequest::after(1, next);
        }
    };
    assert_eq!(unheld().await, Vec::<[u8; 32]>::new(), "others have them");
    let mut unit = store.begin().await.unwrap();
    let stored = unit.attachments().of_report(report.id).await.unwrap();
    let stored = stored.into_iter().filter(|file| file.state == AttachmentState::Stored);
    let mut own = Vec::new();
    for (number, file) in stored.take(3).enumerate() {
        unit.attachments().remove(file.id, &bench.audit(report.id)).await.unwrap();
        let sha256 = [20 + number as u8; 32];
        own.push(Attachment { id: AttachmentId(Ulid(9_000 + number as u128)), sha256, ..removed[0].clone() });
    }
    for file in &own {
        unit.attachments().add(file, &bench.audit(report.id)).await.unwrap();
    }
    for file in &own[..2] {
        unit.attachments().remove(file.id, &bench.audit(report.id)).await.unwrap();
    }
    unit.commit().await.unwrap();
    let [first, second] = [own[0].sha256, own[1].sha256];
    assert_eq!(unheld().await, [first, second]);
    let mut unit = store.begin().await.unwrap();
    let again = Attachment { id: AttachmentId(Ulid(9_100)), ..own[0].clone() };
    unit.attachments().add(&again, &bench.audit(report.id)).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(unheld().await, [second]);
    let bad = PageRequest::after(4, crate::store::Cursor::new("comments", &[1], "cmt_1"));
    let bad = store.read().await.unwrap().attachments().unheld(&bad).await;
    assert!(matches!(bad, Err(StoreError::BadCursor)), "{bad:?}");
}
