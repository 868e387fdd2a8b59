//! What may be decided of a report, and what is written then.

use crate::kit::{Kit, NOW_MS, by_token_of, person, person_id, reporter, submission};
use model::{
    AppealBy, AppealOutcome, DecisionKind, FindingId, MessageFrom, Principal, Report, ReportState, Reporter,
    Severity, Tier, TokenId,
};
use ports::StoreError;
use ports::store::conformance::{Bench, new_report};
use report::policy::Policy;
use report::{
    Actor, AppealDecisionRequest, AppealRequest, By, DecisionError, DecisionRequest, Error, MessageRequest,
    Submission, Wanted, decide,
};
use serde_json::json;

fn report(state: ReportState) -> Report {
    Report { state, reporter: reporter("rita"), tier: Tier::Newcomer, ..new_report(&Bench::new(1), 1).report }
}

fn wanted(kind: DecisionKind) -> Wanted {
    Wanted {
        kind,
        incident: (kind == DecisionKind::Merge).then(|| "inc_01HF7YAT00P6EPMXVRN5EMYMNE".parse().unwrap()),
        severity: Severity::Medium,
        reason: (kind == DecisionKind::Decline).then(|| "expected".to_owned()),
        note: "a note".to_owned(),
        lesson: None,
    }
}

fn by() -> By {
    let principal = Principal::Local { account: "mona".to_owned() };
    By { principal, at_ms: NOW_MS, next_update_due_ms: NOW_MS + 9, automation: false }
}

#[test]
fn every_state_and_decision_has_one_outcome() {
    use ReportState::{Accepted, Declined, Held, Merged, NeedsInfo, Received, Withdrawn};
    let policy = Policy::shipped().unwrap();
    for state in ReportState::ALL {
        for (kind, then, weight) in [
            (DecisionKind::Accept, Accepted, Some(1)),
            (DecisionKind::Merge, Merged, Some(1)),
            (DecisionKind::Ask, NeedsInfo, None),
            (DecisionKind::Decline, Declined, Some(0)),
        ] {
            let answer = decide(&report(*state), &wanted(kind), FindingId([9; 16]), &policy, &by());
            let Ok(decided) = answer else {
                let decided = matches!(answer, Err(DecisionError::Decided { state: at }) if at == *state);
                assert!(
                    decided && matches!(state, Accepted | Merged | Declined | Withdrawn),
                    "{state:?} {kind:?}"
                );
                continue;
            };
            assert!(matches!(state, Held | Received | NeedsInfo), "{state:?} {kind:?}");
            assert_eq!(decided.report.state, then);
            assert_eq!(decided.report.finding.is_some(), kind == DecisionKind::Accept);
            assert_eq!(decided.report.incident.is_some(), kind == DecisionKind::Merge);
            assert_eq!(decided.report.decision.is_some(), kind != DecisionKind::Ask);
            assert_eq!(decided.report.next_update_due_ms.is_some(), kind == DecisionKind::Ask);
            let weights: Vec<i8> = decided.ledger.iter().map(weight_of).collect();
            assert_eq!(weights, weight.into_iter().collect::<Vec<_>>(), "{kind:?}");
            let anonymous = Report { reporter: Reporter::Anonymous, ..report(*state) };
            let decided = decide(&anonymous, &wanted(kind), FindingId([9; 16]), &policy, &by()).unwrap();
            assert_eq!(decided.ledger, [], "nobody's ledger");
        }
    }
}

fn weight_of(change: &ports::store::LedgerChange) -> i8 {
    match change {
        ports::store::LedgerChange::Add(entry) => entry.weight,
        ports::store::LedgerChange::Revert { .. } => i8::MIN,
    }
}

#[test]
fn only_reasons_that_say_so_count_against() {
    let policy = Policy::shipped().unwrap();
    for reason in policy.reasons.iter().filter(|r| r.kinds.contains(&report::policy::DecisionKind::Decline)) {
        let wanted = Wanted { reason: Some(reason.id.clone()), ..wanted(DecisionKind::Decline) };
        let decided =
            decide(&report(ReportState::Received), &wanted, FindingId([9; 16]), &policy, &by()).unwrap();
        let weights: Vec<i8> = decided.ledger.iter().map(weight_of).collect();
        assert_eq!(weights, [if reason.counts_against { -1 } else { 0 }], "{}", reason.id);
    }
}

#[test]
fn what_is_missing_or_too_much_is_refused() {
    let policy = Policy::shipped().unwrap();
    let anonymous = Report { reporter: Reporter::Anonymous, ..report(ReportState::Received) };
    let (mut agreed, mut seen) = (anonymous.clone(), anonymous.clone());
    agreed.provenance.corroborated = true;
    seen.provenance.telemetry_match = true;
    let high = Wanted { severity: Severity::High, ..wanted(DecisionKind::Accept) };
    let cases: [(&Report, Wanted, bool); 9] = [
        (&anonymous, Wanted { reason: None, ..wanted(DecisionKind::Decline) }, false),
        (&anonymous, Wanted { reason: Some("weather".into()), ..wanted(DecisionKind::Decline) }, false),
        (&anonymous, Wanted { incident: None, ..wanted(DecisionKind::Merge) }, false),
        (&anonymous, Wanted { note: " ".into(), ..wanted(DecisionKind::Ask) }, false),
        (&anonymous, Wanted { note: "a\u{0}".into(), ..wanted(DecisionKind::Accept) }, false),
        (&anonymous, Wanted { note: String::new(), ..wanted(DecisionKind::Accept) }, true),
        (&anonymous, high.clone(), false),
        (&agreed, high.clone(), false),
        (&seen, high, true),
    ];
    for (report, wanted, good) in cases {
        let answer = decide(report, &wanted, FindingId([9; 16]), &policy, &by());
        assert_eq!(answer.is_ok(), good, "{wanted:?}: {answer:?}");
    }
}

#[tokio::test]
async fn an_anonymous_report_is_accepted_as_its_form_says_within_its_limit() {
    let kit = Kit::new().await;
    for (who, asked, then) in [
        (Reporter::Anonymous, None, Some(Severity::Medium)),
        (reporter("rita"), None, Some(Severity::High)),
        (Reporter::Anonymous, Some(Severity::Low), Some(Severity::Low)),
        (Reporter::Anonymous, Some(Severity::High), None),
    ] {
        let fields = json!({ "where": "https://paste.example/1", "secret_kind": "Password" });
        let leaked = Submission {
            form: "leaked-secret".to_owned(),
            fields: fields.as_object().unwrap().clone(),
            ..submission(who.clone())
        };
        let id = kit.intake.submit(leaked).await.unwrap().report.id;
        let accept =
            DecisionRequest { severity: asked, ..kit.request(id, DecisionKind::Accept, "mona").await };
        let decided = kit.desk.decide(&accept).await;
        match then {
            Some(then) => {
                assert_eq!(decided.unwrap().decision.unwrap().severity, Some(then), "{who:?} {asked:?}");
            }
            None => {
                let refused = decided.unwrap_err();
                let too_high = matches!(refused, Error::Decision(DecisionError::SeverityTooHigh { .. }));
                assert!(too_high, "{refused}");
            }
        }
    }
}

#[tokio::test]
async fn a_decision_names_the_version_that_it_was_made_on() {
    let kit = Kit::new().await;
    let id = kit.submit(reporter("rita")).await.report.id;
    let accept = kit.request(id, DecisionKind::Accept, "mona").await;
    let decline = report::DecisionRequest {
        reason: Some("spam".into()),
        ..kit.request(id, DecisionKind::Decline, "otto").await
    };
    let mut heard = kit.desk.feed().listen();
    assert_eq!(kit.desk.decide(&accept).await.unwrap().state, ReportState::Accepted);
    assert_eq!(heard.next().await, Some(report::News::Of(id)));
    let late = kit.desk.decide(&decline).await.unwrap_err();
    assert!(matches!(late, Error::Store(StoreError::Conflict { current: 2 })), "{late}");
    let again = report::DecisionRequest { version: 2, ..decline };
    let decided = kit.desk.decide(&again).await.unwrap_err();
    assert!(matches!(decided, Error::Decision(DecisionError::Decided { .. })), "{decided}");
    let mut view = kit.store.read().await.unwrap();
    let filter = ports::store::AuditFilter { object: Some(id.to_string()), ..Default::default() };
    let records = view.audit().list(&filter, &ports::store::PageRequest::first(9)).await.unwrap().items;
    let actions: Vec<&str> = records.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(actions, ["report.decide", "report.submit"]);
    assert_eq!(records[0].after["decision"]["policy_version"], Policy::shipped().unwrap().version);
    assert_eq!((records[0].principal.name(), kit.ledger(id).await.len()), ("mona", 1));
}

#[tokio::test]
async fn a_question_goes_to_the_reporter_and_the_answer_brings_the_report_back() {
    let kit = Kit::new().await;
    let id = kit.submit(Reporter::Anonymous).await.report.id;
    let mut ask = kit.request(id, DecisionKind::Ask, "mona").await;
    ask.note = "Where? Tell mona@acme.example".to_owned();
    assert_eq!(kit.desk.decide(&ask).await.unwrap().state, ReportState::NeedsInfo);
    let say = |from, text: &str, internal| MessageRequest {
        actor: if from == MessageFrom::Team { person("mona") } else { Actor::guest() },
        report: id,
        from,
        text: text.to_owned(),
        internal,
    };
    kit.desk.message(&say(MessageFrom::Team, "looks odd to me", true)).await.unwrap();
    assert_eq!(kit.report(id).await.state, ReportState::NeedsInfo);
    let answer =
        kit.desk.message(&say(MessageFrom::Reporter, "in run 42, by eve@acme.example", true)).await.unwrap();
    assert!(!answer.internal, "a reporter says nothing among moderators");
    assert_eq!(kit.report(id).await.state, ReportState::Received);
    let public = kit.store.read().await.unwrap().report_messages().public_of_report(id).await.unwrap();
    let texts: Vec<&str> = public.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["Where? Tell [email 1]", "in run 42, by [email 1]"]);
    for bad in ["", " \n", "a\u{1b}[2J", &"x".repeat(report::NOTE_BYTES_MAX + 1)] {
        let refused = kit.desk.message(&say(MessageFrom::Reporter, bad, false)).await.unwrap_err();
        assert!(matches!(refused, Error::Decision(DecisionError::Text { .. })), "{bad:?}: {refused}");
    }
}

#[tokio::test]
async fn what_nobody_decided_can_be_taken_back() {
    let kit = Kit::new().await;
    let (open, decided) =
        (kit.submit(reporter("rita")).await.report.id, kit.submit(reporter("rita")).await.report.id);
    assert_eq!(kit.desk.withdraw(&Actor::guest(), open).await.unwrap().state, ReportState::Withdrawn);
    let accept = kit.request(decided, DecisionKind::Accept, "mona").await;
    kit.desk.decide(&accept).await.unwrap();
    for id in [open, decided] {
        let refused = kit.desk.withdraw(&Actor::guest(), id).await.unwrap_err();
        assert!(matches!(refused, Error::Decision(DecisionError::Decided { .. })), "{refused}");
    }
}

#[tokio::test]
async fn an_anonymous_report_becomes_who_has_its_receipt_and_says_so() {
    let kit = Kit::new().await;
    let filed = kit.submit(Reporter::Anonymous).await;
    let accept = kit.request(filed.report.id, DecisionKind::Accept, "mona").await;
    kit.desk.decide(&accept).await.unwrap();
    assert_eq!(kit.ledger(filed.report.id).await, []);
    let sha256 = filed.secret.sha256();
    let nobody = kit.desk.claim(&Actor::guest(), &sha256).await.unwrap_err();
    assert!(matches!(nobody, Error::Decision(DecisionError::NotAPerson { .. })), "{nobody}");
    let claimed = kit.desk.claim(&person("rita"), &sha256).await.unwrap();
    assert_eq!((claimed.reporter.clone(), claimed.claimed), (reporter("rita"), true));
    assert_eq!(kit.desk.claim(&person("rita"), &sha256).await.unwrap(), claimed, "again is nothing");
    let other = kit.desk.claim(&person("otto"), &sha256).await.unwrap_err();
    assert!(matches!(other, Error::Decision(DecisionError::ClaimNotPossible)), "{other}");
    let unknown = kit.desk.claim(&person("otto"), &[9; 32]).await.unwrap_err();
    assert!(matches!(unknown, Error::Store(StoreError::NotFound { .. })), "{unknown}");
    let ledger = kit.ledger(filed.report.id).await;
    assert_eq!(ledger.iter().map(|entry| entry.weight).collect::<Vec<_>>(), [1], "what held is theirs now");
}

#[tokio::test]
async fn nobody_decides_what_they_reported() {
    let kit = Kit::new().await;
    let by_token = by_token_of(&kit, "mona").await;
    let Principal::Token { id: token, .. } = &by_token.principal else { panic!("{by_token:?}") };
    let token: TokenId = token.parse().unwrap();
    // by their name, and by a token of theirs
    for own in [reporter("mona"), Reporter::Token { id: token, name: "mona's laptop".to_owned() }] {
        let id = kit.submit(own.clone()).await.report.id;
        for actor in [person("mona"), by_token.clone()] {
            for kind in [DecisionKind::Accept, DecisionKind::Ask] {
                let request = DecisionRequest { actor: actor.clone(), ..kit.request(id, kind, "mona").await };
                let refused = kit.desk.decide(&request).await.unwrap_err();
                let is_own = matches!(refused, Error::Decision(DecisionError::OwnReport));
                assert!(is_own, "{own:?} {actor:?}: {refused}");
            }
        }
        let accept = kit.request(id, DecisionKind::Accept, "otto").await;
        assert_eq!(kit.desk.decide(&accept).await.unwrap().state, ReportState::Accepted);
    }
}

#[tokio::test]
async fn who_decided_a_report_gains_nothing_by_claiming_it() {
    let kit = Kit::new().await;
    let by_token = by_token_of(&kit, "mona").await;
    for actor in [person("mona"), by_token] {
        let filed = kit.submit(Reporter::Anonymous).await;
        let accept = kit.request(filed.report.id, DecisionKind::Accept, "mona").await;
        kit.desk.decide(&DecisionRequest { actor, ..accept }).await.unwrap();
        let claimed = kit.desk.claim(&person("mona"), &filed.secret.sha256()).await.unwrap();
        assert_eq!((claimed.reporter, kit.ledger(filed.report.id).await), (reporter("mona"), vec![]));
    }
    // who judged an appeal about it has decided it too
    let filed = kit.submit(Reporter::Anonymous).await;
    let mut merge = kit.request(filed.report.id, DecisionKind::Merge, "otto").await;
    let incident = Bench::new(8).opened(&*kit.store, 1, "acme/checkout").await;
    merge.incident = Some(incident.id);
    kit.desk.decide(&merge).await.unwrap();
    let (actor, reason) = (Actor::guest(), "it is another".to_owned());
    let appeal = AppealRequest { actor, report: filed.report.id, by: AppealBy::Reporter, reason };
    let appeal = kit.desk.appeal(&appeal).await.unwrap().id;
    let (outcome, explanation) = (AppealOutcome::Upheld, "it is the same".to_owned());
    let ruling = AppealDecisionRequest { actor: person("mona"), appeal, outcome, explanation };
    kit.desk.decide_appeal(&ruling).await.unwrap();
    kit.desk.claim(&person("mona"), &filed.secret.sha256()).await.unwrap();
    assert_eq!(kit.ledger(filed.report.id).await, []);
    assert_eq!(kit.report(filed.report.id).await.reporter, Reporter::Person { id: person_id("mona") });
}

#[tokio::test]
async fn what_a_reporter_adds_later_waits_for_somebody_until_the_team_does_something() {
    use ports::store::{PageRequest, ReportFilter};
    let kit = Kit::new().await;
    let id = kit.submit(Reporter::Anonymous).await.report.id;
    let decline = DecisionRequest {
        reason: Some("expected".to_owned()),
        ..kit.request(id, DecisionKind::Decline, "mona").await
    };
    kit.desk.decide(&decline).await.unwrap();
    let waiting = async || {
        let filter = ReportFilter { waiting: true, ..ReportFilter::default() };
        let page = PageRequest::first(10);
        let found = kit.store.read().await.unwrap().reports().list(&filter, &page).await.unwrap().items;
        found.into_iter().map(|report| (report.id, report.unread)).collect::<Vec<_>>()
    };
    assert_eq!(waiting().await, []);
    let say = |actor: Actor, from, internal| MessageRequest {
        actor,
        report: id,
        from,
        text: "it happens again".to_owned(),
        internal,
    };
    let version = kit.report(id).await.version;
    kit.desk.message(&say(Actor::guest(), MessageFrom::Reporter, false)).await.unwrap();
    assert_eq!(waiting().await, [(id, true)], "also after the decision");
    assert!(kit.report(id).await.version > version, "who decides by what they saw before learns of it");
    kit.desk.message(&say(person("mona"), MessageFrom::Team, true)).await.unwrap();
    assert_eq!(waiting().await.len(), 1, "a note among the team answers nobody");
    kit.desk.message(&say(person("mona"), MessageFrom::Team, false)).await.unwrap();
    assert_eq!(waiting().await, []);
}
