//! What the holder of a receipt sees, and what never comes into it.

use crate::kit::{Kit, person, person_id, reporter};
use model::{
    Attachment, AttachmentId, AttachmentState, Decision, DecisionKind, MessageFrom, MessageId, Principal,
    PublicMessage, Report, ReportMessage, ReportState, Reporter, Ulid,
};
use ports::store::conformance::{Bench, new_report};
use proptest::prelude::*;
use report::{Actor, DecisionRequest, Error, MessageRequest, ReceiptParts, ReceiptView, Shown};

proptest! {
    #[test]
    fn no_internal_note_no_name_and_no_id_of_a_person_comes_into_a_receipt(
        notes in prop::collection::vec("[a-z ]{0,40}", 0..6),
        internal in prop::collection::vec(any::<bool>(), 6),
        state in prop::sample::select(ReportState::ALL.to_vec()),
        who in any::<u64>(),
        held in any::<bool>(),
    ) {
        let id = model::PersonId(Ulid(u128::from(who) << 40 | 0xFFFF));
        let moderator = Principal::Person { id: id.to_string(), name: "NAME-OF-MODERATOR".to_owned() };
        let base = new_report(&Bench::new(3), 1).report;
        let report = Report {
            state,
            reporter: Reporter::Person { id },
            held_reason: held.then(|| "HELD-REASON".to_owned()),
            decision: Some(Decision {
                kind: DecisionKind::Decline,
                reason: Some("spam".to_owned()),
                policy_version: "1".to_owned(),
                note: "a note".to_owned(),
                lesson: Some("INTERNAL".to_owned()),
                severity: None,
                by: moderator.clone(),
                at_ms: 5,
                automation: false,
                confirmed: None,
                news: false,
            }),
            ..base
        };
        let said = notes.iter().zip(&internal).map(|(text, internal)| ReportMessage {
            id: MessageId(Ulid(9)),
            report: report.id,
            from: MessageFrom::Team,
            author: moderator.clone(),
            text: if *internal { format!("INTERNAL {text}") } else { format!("PUBLIC {text}") },
            internal: *internal,
            region: "default".to_owned(),
            at_ms: 6,
        });
        let messages: Vec<PublicMessage> = said.filter_map(PublicMessage::of).collect();
        let attachments = [Attachment {
            id: AttachmentId(Ulid(4)),
            report: report.id,
            name: "log.txt".to_owned(),
            media_type: "text/plain".to_owned(),
            bytes: 3,
            sha256: [1; 32],
            state: AttachmentState::Stored,
            region: "default".to_owned(),
            at_ms: 6,
        }];
        let parts = ReceiptParts { messages: &messages, attachments: &attachments, ..ReceiptParts::default() };
        let view = serde_json::to_string(&ReceiptView::of(&report, &parts)).unwrap();
        for planted in ["INTERNAL", "NAME-OF-MODERATOR", "HELD-REASON", "\"held_reason\"", &id.to_string(), "per_"] {
            prop_assert!(!view.contains(planted), "{planted} in {view}");
        }
        let public = internal.iter().take(notes.len()).filter(|internal| !**internal).count();
        prop_assert_eq!(view.matches("PUBLIC").count(), public);
    }
}

#[tokio::test]
async fn a_receipt_shows_what_became_of_the_report() {
    let kit = Kit::new().await;
    let filed = kit.submit(Reporter::Anonymous).await;
    let id = filed.report.id;
    let say = |text: &str, internal| MessageRequest {
        actor: person("mona"),
        report: id,
        from: MessageFrom::Team,
        text: text.to_owned(),
        internal,
    };
    kit.desk.message(&say("among us", true)).await.unwrap();
    kit.desk.message(&say("we are looking", false)).await.unwrap();
    let file = kit
        .desk
        .attach(&Actor::guest(), id, "../run of ana@acme.example.txt", b"step 3 by ana@acme.example\n")
        .await;
    let file = file.unwrap();
    let mut decline = kit.request(id, DecisionKind::Decline, "mona").await;
    decline.reason = Some("expected".to_owned());
    kit.desk.decide(&decline).await.unwrap();
    let shown = Shown { form_title: "Suspicious CI run".to_owned(), ..Shown::default() };
    let view = serde_json::to_value(kit.desk.receipt(id, &shown).await.unwrap()).unwrap();
    assert_eq!((view["state"].as_str(), view["can_appeal"].as_bool()), (Some("declined"), Some(true)));
    assert_eq!(view["decision"]["reason"], "expected");
    assert_eq!(view["messages"].as_array().unwrap().len(), 1);
    assert_eq!(view["attachments"][0]["id"], file.id.to_string());
    let text = view.to_string();
    for planted in ["among us", "mona", &person_id("mona").to_string(), "acme.example"] {
        assert!(!text.contains(planted), "{planted} in {text}");
    }
    let (_, bytes) = kit.desk.file(id, file.id).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains('@'), "text is masked: {bytes:?}");
    assert_eq!(kit.desk.file(model::ReportId(Ulid(1)), file.id).await.unwrap(), None, "of another report");
}

#[tokio::test]
async fn bytes_go_when_no_report_has_them_any_more() {
    let kit = Kit::new().await;
    let (one, two) =
        (kit.submit(reporter("rita")).await.report.id, kit.submit(reporter("rita")).await.report.id);
    let mut files = Vec::new();
    for id in [one, two] {
        files.push(kit.desk.attach(&Actor::guest(), id, "a.txt", b"the same text").await.unwrap());
    }
    let kept = || std::fs::read_dir(kit.dir.path().join("blobs")).unwrap().count();
    assert_eq!((files[0].sha256, kept()), (files[1].sha256, 1));
    kit.desk.remove_file(&Actor::guest(), one, files[0].id).await.unwrap();
    assert_eq!((kept(), kit.desk.file(one, files[0].id).await.unwrap()), (1, None));
    kit.desk.remove_file(&Actor::guest(), two, files[1].id).await.unwrap();
    assert_eq!(kept(), 0);
    let refused =
        kit.desk.attach(&Actor::guest(), one, "x.exe", b"MZ\x90\x00\x03\x00\x00\x00\x04").await.unwrap_err();
    assert!(matches!(refused, Error::AttachmentRefused(_)), "{refused}");
    let nowhere =
        kit.desk.attach(&Actor::guest(), model::ReportId(Ulid(1)), "a.txt", b"lost text").await.unwrap_err();
    assert!(matches!(nowhere, Error::Store(_)), "{nowhere}");
    assert_eq!(kept(), 0, "what belongs to no report is not kept");
}

#[tokio::test]
async fn a_digest_is_drafted_of_what_was_decided_and_thanks_are_asked_for() {
    let kit = Kit::new().await;
    for number in 0..12 {
        let id = kit.submit(reporter(&format!("r{number}"))).await.report.id;
        let accept = kit.request(id, DecisionKind::Accept, "mona").await;
        kit.desk.decide(&DecisionRequest { note: String::new(), ..accept }).await.unwrap();
    }
    let (from_ms, to_ms) = (crate::kit::NOW_MS - 10, crate::kit::NOW_MS + 10);
    let draft = kit.desk.draft_digest(&person("mona"), from_ms, to_ms).await.unwrap();
    assert_eq!(draft.content["groups"][0]["reports_min"], 10, "a multiple of five");
    let next = kit.desk.draft_digest(&person("mona"), from_ms - 1, to_ms).await.unwrap();
    let published = kit.desk.publish_digest(&person("omar"), draft.id).await.unwrap();
    assert_eq!(published.published_by, Some(person("omar").principal));
    assert!(kit.desk.publish_digest(&person("omar"), draft.id).await.is_err(), "once");
    let twice = kit.desk.publish_digest(&person("omar"), next.id).await.unwrap_err();
    assert!(matches!(twice, Error::Digest { .. }), "both together would tell single reports: {twice}");
    assert!(kit.desk.draft_digest(&person("mona"), to_ms, from_ms).await.is_err());
    kit.desk.set_credit(&person("r1"), Some("Rosa".to_owned()), true).await.unwrap();
    assert!(kit.desk.set_credit(&Actor::guest(), None, true).await.is_err());
    assert!(kit.desk.set_credit(&person("r1"), Some("r@acme.example".to_owned()), true).await.is_err());
    let thanked = kit.store.read().await.unwrap().credits().shown().await.unwrap();
    assert_eq!(
        thanked.iter().map(|(c, n)| (c.display_name.as_deref(), *n)).collect::<Vec<_>>(),
        [(Some("Rosa"), 1)]
    );
}
