//! What automation accepted waits for a person, who lets it stand or takes it back with all that followed.

use crate::automation::accepted_by_automation;
use crate::kit::{Kit, by_token_of, person};
use model::{
    AppealBy, AppealOutcome, DecisionKind, MessageFrom, Outcome, Principal, Report, ReportId, ReportState,
};
use ports::StoreError;
use ports::store::{PageRequest, ReportFilter};
use report::{
    Actor, AppealDecisionRequest, AppealRequest, DecisionError, Error, MayReview, MessageRequest, OVERTURNED,
    Review, ReviewRequest,
};

async fn unreviewed(kit: &Kit) -> Vec<ReportId> {
    let filter = ReportFilter { unreviewed: true, ..ReportFilter::default() };
    let found =
        kit.store.read().await.unwrap().reports().list(&filter, &PageRequest::first(50)).await.unwrap();
    found.items.into_iter().map(|report| report.id).collect()
}

fn request(report: &Report, by: &str, outcome: Review) -> ReviewRequest {
    ReviewRequest {
        actor: person(by),
        answers_for_service: false,
        report: report.id,
        version: report.version,
        outcome,
    }
}

fn overturn() -> Review {
    Review::Overturn { explanation: "it was a drill; write to rita@example.com".to_owned() }
}

#[tokio::test]
async fn what_automation_accepted_waits_until_a_person_confirmed_it() {
    let kit = Kit::running().await;
    let report = accepted_by_automation(&kit).await;
    assert_eq!(unreviewed(&kit).await, [report.id], "and none that people accepted");
    assert_eq!(kit.counted("huecry_reports_unreviewed").await, 1);
    // words of the team's are no review
    let words = MessageRequest {
        actor: person("mona"),
        report: report.id,
        from: MessageFrom::Team,
        text: "we look at it".to_owned(),
        internal: false,
    };
    let of_reporter = MessageRequest { actor: Actor::guest(), from: MessageFrom::Reporter, ..words.clone() };
    assert!(!report.has_news() && report.unread, "its reporter said nothing");
    kit.desk.message(&of_reporter).await.unwrap();
    assert!(kit.report(report.id).await.has_news(), "their words are announced");
    kit.desk.message(&MessageRequest { internal: true, ..words.clone() }).await.unwrap();
    assert!(kit.report(report.id).await.has_news(), "who was not answered was not heard");
    kit.desk.message(&words).await.unwrap();
    let heard = kit.report(report.id).await;
    assert!(!heard.has_news() && heard.unread);
    kit.desk.attach(&Actor::guest(), report.id, "run.log", b"a log line").await.unwrap();
    assert!(kit.report(report.id).await.has_news(), "so is a file");
    assert_eq!(unreviewed(&kit).await, [report.id]);
    let ledger = kit.ledger(report.id).await;
    let report = kit.report(report.id).await;
    let confirmed = kit.desk.review(&request(&report, "mona", Review::Confirm)).await.unwrap();
    assert_eq!(confirmed, kit.report(report.id).await);
    let decision = confirmed.decision.clone().unwrap();
    assert_eq!(decision.confirmed.unwrap().by, person("mona").principal);
    assert_eq!((confirmed.state, confirmed.finding, confirmed.unread), (report.state, report.finding, false));
    assert_eq!(
        (unreviewed(&kit).await, kit.ledger(report.id).await),
        (vec![], ledger),
        "nothing else changes"
    );
    assert_eq!(kit.counted("huecry_reports_unreviewed").await, 0);
    assert_eq!(kit.metric("huecry_reports_reviewed_total{outcome=\"confirmed\"}"), 1);
    for outcome in [Review::Confirm, overturn()] {
        let again = kit.desk.review(&request(&confirmed, "omar", outcome)).await.unwrap_err();
        assert!(matches!(again, Error::Decision(DecisionError::NothingToReview)), "{again}");
    }
}

#[tokio::test]
async fn what_a_person_takes_back_is_as_if_it_had_never_been_accepted() {
    let kit = Kit::running().await;
    let report = accepted_by_automation(&kit).await;
    assert_eq!(kit.ledger(report.id).await[0].weight, 1);
    let taken = kit.desk.review(&request(&report, "mona", overturn())).await.unwrap();
    assert_eq!((taken.state, taken.finding, taken.unread), (ReportState::Declined, None, false));
    let decision = taken.decision.clone().unwrap();
    assert_eq!((decision.kind, decision.reason.as_deref()), (DecisionKind::Decline, Some(OVERTURNED)));
    assert!(!decision.automation && decision.note.contains("[email 1]"), "{decision:?}");
    let ledger = kit.ledger(report.id).await;
    assert!(
        ledger.len() == 1 && ledger[0].weight == 0 && ledger[0].outcome == Outcome::Declined,
        "{ledger:?}"
    );
    assert_eq!(ledger[0].at_ms, report.decision.unwrap().at_ms, "as if it had been decided so at once");
    assert_eq!(unreviewed(&kit).await, []);
    assert_eq!(kit.metric("huecry_reports_reviewed_total{outcome=\"overturned\"}"), 1);
    // the reporter may ask for another look
    let appeal = report::AppealRequest {
        actor: Actor::guest(),
        report: taken.id,
        by: model::AppealBy::Reporter,
        reason: "it was none".to_owned(),
    };
    kit.desk.appeal(&appeal).await.unwrap();
}

#[tokio::test]
async fn only_somebody_else_who_saw_it_as_it_is_reviews_it() {
    let kit = Kit::running().await;
    let report = accepted_by_automation(&kit).await;
    let machine = Principal::System { part: "reports".to_owned() };
    let machine = Actor { principal: machine, origin: None, request_id: None };
    let own_token = by_token_of(&kit, "rita").await;
    for outcome in [Review::Confirm, overturn()] {
        let asked = |actor: Actor| ReviewRequest { actor, ..request(&report, "mona", outcome.clone()) };
        for own in [person("rita"), own_token.clone()] {
            let refused = kit.desk.review(&asked(own)).await.unwrap_err();
            assert!(matches!(refused, Error::Decision(DecisionError::OwnReport)), "{refused}");
        }
        for nobody in [machine.clone(), Actor::guest()] {
            let refused = kit.desk.review(&asked(nobody)).await.unwrap_err();
            assert!(matches!(refused, Error::Decision(DecisionError::NotAPerson { .. })), "{refused}");
        }
        let stale = ReviewRequest { version: report.version - 1, ..asked(person("mona")) };
        let stale = kit.desk.review(&stale).await.unwrap_err();
        assert!(matches!(stale, Error::Store(StoreError::Conflict { .. })), "{stale}");
    }
    let silent = Review::Overturn { explanation: " ".to_owned() };
    let silent = kit.desk.review(&request(&report, "mona", silent)).await.unwrap_err();
    assert!(matches!(silent, Error::Decision(DecisionError::Text { .. })), "{silent}");
    assert_eq!(kit.report(report.id).await, report, "nothing of it changed the report");
    // what a person decided is for an appeal
    let other = kit.submit(crate::kit::reporter("otto")).await.report;
    let accept = kit.request(other.id, DecisionKind::Accept, "mona").await;
    let other = kit.desk.decide(&accept).await.unwrap();
    let refused = kit.desk.review(&request(&other, "omar", overturn())).await.unwrap_err();
    assert!(matches!(refused, Error::Decision(DecisionError::NothingToReview)), "{refused}");
}

async fn may(kit: &Kit, report: &Report, who: &Actor, answers_for_service: bool) -> MayReview {
    let mut view = kit.store.read().await.unwrap();
    kit.desk.may_review(&mut *view, report, &who.principal, answers_for_service).await.unwrap()
}

/// Else who appeals would grant their own appeal by a review.
#[tokio::test]
async fn who_has_a_part_in_it_does_not_review_it() {
    let kit = Kit::running().await;
    let report = accepted_by_automation(&kit).await;
    let token = by_token_of(&kit, "sven").await;
    let all = MayReview { confirm: true, overturn: true };
    assert_eq!(may(&kit, &report, &person("sven"), false).await, all);
    let reason = "it was a drill".to_owned();
    let appeal = AppealRequest { actor: person("sven"), report: report.id, by: AppealBy::Subject, reason };
    let appeal = kit.desk.appeal(&appeal).await.unwrap();
    for (who, answers) in [(person("sven"), false), (token, false), (person("mona"), true)] {
        for outcome in [Review::Confirm, overturn()] {
            let request = ReviewRequest {
                actor: who.clone(),
                answers_for_service: answers,
                ..request(&report, "mona", outcome)
            };
            let refused = kit.desk.review(&request).await.unwrap_err();
            assert!(matches!(refused, Error::Decision(DecisionError::Involved)), "{who:?}: {refused}");
        }
        assert_eq!(may(&kit, &report, &who, answers).await, MayReview::default(), "{who:?}");
    }
    for own in [person("rita"), Actor::guest()] {
        assert_eq!(may(&kit, &report, &own, false).await, MayReview::default(), "{own:?}");
    }
    // while the subject waits for a decision nobody else takes it for them
    let refused = kit.desk.review(&request(&report, "mona", overturn())).await.unwrap_err();
    assert!(matches!(refused, Error::Decision(DecisionError::AppealOpen)), "{refused}");
    assert_eq!(may(&kit, &report, &person("mona"), false).await, MayReview { overturn: false, ..all });
    assert_eq!(kit.report(report.id).await, report, "nothing of it changed the report");
    let confirmed = kit.desk.review(&request(&report, "mona", Review::Confirm)).await.unwrap();
    assert_eq!(may(&kit, &confirmed, &person("omar"), false).await, MayReview::default());
    // who let it stand is not who judges the appeal against that
    let ruling = |who: &str| AppealDecisionRequest {
        actor: person(who),
        appeal: appeal.id,
        outcome: AppealOutcome::Overturned,
        explanation: "we looked again".to_owned(),
    };
    let refused = kit.desk.decide_appeal(&ruling("mona")).await.unwrap_err();
    assert!(matches!(refused, Error::Decision(DecisionError::AppealSamePerson)), "{refused}");
    let (_, report) = kit.desk.decide_appeal(&ruling("omar")).await.unwrap();
    assert_eq!(report.state, ReportState::Declined);
}

#[tokio::test]
async fn an_appeal_that_was_decided_holds_no_review_up() {
    let kit = Kit::running().await;
    let report = accepted_by_automation(&kit).await;
    let reason = "it was a drill".to_owned();
    let appeal = AppealRequest { actor: person("sven"), report: report.id, by: AppealBy::Subject, reason };
    let appeal = kit.desk.appeal(&appeal).await.unwrap();
    let upheld = AppealDecisionRequest {
        actor: person("omar"),
        appeal: appeal.id,
        outcome: AppealOutcome::Upheld,
        explanation: "it was none".to_owned(),
    };
    kit.desk.decide_appeal(&upheld).await.unwrap();
    let report = kit.report(report.id).await;
    let taken = kit.desk.review(&request(&report, "mona", overturn())).await.unwrap();
    assert_eq!(taken.state, ReportState::Declined);
}
