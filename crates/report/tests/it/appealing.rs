//! Appeals: by whom, decided by whom, and what an overturned one leaves.

use crate::kit::{DAY_MS, Kit, NOW_MS, by_token_of, person, reporter};
use model::{
    Appeal, AppealBy, AppealOutcome, DecisionKind, Finding, Principal, ReportId, ReportState, Reporter,
    Severity, Topic,
};
use ports::store::PageRequest;
use ports::store::conformance::Bench;
use report::{Actor, AppealDecisionRequest, AppealRequest, DecisionError, Error, reputation_of};

async fn declined(kit: &Kit, who: Reporter, reason: &str) -> ReportId {
    let id = kit.submit(who).await.report.id;
    let mut decline = kit.request(id, DecisionKind::Decline, "mona").await;
    decline.reason = Some(reason.to_owned());
    kit.desk.decide(&decline).await.unwrap();
    id
}

async fn appeal(kit: &Kit, id: ReportId, by: AppealBy) -> Result<Appeal, Error> {
    let actor = if by == AppealBy::Reporter { Actor::guest() } else { person("sven") };
    kit.desk.appeal(&AppealRequest { actor, report: id, by, reason: "it is real".to_owned() }).await
}

fn ruling(appeal: &Appeal, actor: Actor, outcome: AppealOutcome) -> AppealDecisionRequest {
    AppealDecisionRequest { actor, appeal: appeal.id, outcome, explanation: "we looked again".to_owned() }
}

#[tokio::test]
async fn an_overturned_decline_leaves_what_accepting_would_have_left() {
    let kit = Kit::new().await;
    let id = declined(&kit, reporter("rita"), "spam").await;
    let accepted = kit.submit(reporter("otto")).await.report.id;
    let accept = kit.request(accepted, DecisionKind::Accept, "mona").await;
    kit.desk.decide(&accept).await.unwrap();
    assert_eq!(kit.ledger(id).await[0].weight, -1);
    kit.clock.advance_ms(2 * DAY_MS);
    let made = appeal(&kit, id, AppealBy::Reporter).await.unwrap();
    assert_eq!(made.due_at_ms, NOW_MS + 9 * DAY_MS);
    assert_eq!(kit.report(id).await.next_update_due_ms, Some(made.due_at_ms));
    kit.clock.advance_ms(DAY_MS);
    let (_, report) =
        kit.desk.decide_appeal(&ruling(&made, person("omar"), AppealOutcome::Overturned)).await.unwrap();
    assert_eq!((report.state, report.next_update_due_ms), (ReportState::Accepted, None));
    let (overturned, direct) = (kit.ledger(id).await, kit.ledger(accepted).await);
    assert_eq!(overturned.len(), 1, "{overturned:?}");
    let now_ms = NOW_MS + 3 * DAY_MS;
    let reputation = |ledger| {
        let of = reputation_of(ledger, "suspicious-ci", now_ms);
        (of.mean.to_bits(), of.low.to_bits(), of.high.to_bits(), of.tier)
    };
    assert_eq!(reputation(&overturned), reputation(&direct), "not a bit differs");
    let publisher = kit.publisher();
    publisher.step().await.unwrap();
    let findings = crate::kit::records(&*kit.log, Topic::Finding).await;
    let ids: Vec<_> =
        findings.iter().map(|body| serde_json::from_slice::<Finding>(body).unwrap().id).collect();
    assert!(ids.contains(&report.finding.unwrap()), "what was declined is raised after all");
}

#[tokio::test]
async fn an_appeal_is_decided_by_somebody_else() {
    let kit = Kit::new().await;
    let id = declined(&kit, reporter("rita"), "expected").await;
    let made = appeal(&kit, id, AppealBy::Reporter).await.unwrap();
    let by_token = by_token_of(&kit, "mona").await;
    for same in [person("mona"), by_token, person("rita"), Actor::guest()] {
        let refused =
            kit.desk.decide_appeal(&ruling(&made, same.clone(), AppealOutcome::Upheld)).await.unwrap_err();
        assert!(matches!(refused, Error::Decision(DecisionError::AppealSamePerson)), "{same:?}: {refused}");
    }
    let (decided, report) =
        kit.desk.decide_appeal(&ruling(&made, person("omar"), AppealOutcome::Upheld)).await.unwrap();
    assert_eq!((decided.outcome, report.state), (Some(AppealOutcome::Upheld), ReportState::Declined));
    let again =
        kit.desk.decide_appeal(&ruling(&made, person("omar"), AppealOutcome::Upheld)).await.unwrap_err();
    assert!(matches!(again, Error::Decision(DecisionError::AppealDecided)), "{again}");
    let twice = appeal(&kit, id, AppealBy::Reporter).await.unwrap_err();
    assert!(matches!(twice, Error::Decision(DecisionError::AppealExists)), "{twice}");
}

#[tokio::test]
async fn nobody_judges_an_appeal_about_their_own_report() {
    let kit = Kit::new().await;
    let by_token = by_token_of(&kit, "otto").await;
    let Principal::Token { id: token, .. } = &by_token.principal else { panic!("{by_token:?}") };
    let token = Reporter::Token { id: token.parse().unwrap(), name: "otto's laptop".to_owned() };
    for own in [reporter("otto"), token] {
        for by in [AppealBy::Subject, AppealBy::Reporter] {
            let id = match by {
                AppealBy::Reporter => declined(&kit, own.clone(), "spam").await,
                AppealBy::Subject => {
                    let id = kit.submit(own.clone()).await.report.id;
                    kit.desk.decide(&kit.request(id, DecisionKind::Accept, "mona").await).await.unwrap();
                    id
                }
            };
            let made = appeal(&kit, id, by).await.unwrap();
            for same in [person("otto"), by_token.clone()] {
                let ruling = ruling(&made, same.clone(), AppealOutcome::Upheld);
                let refused = kit.desk.decide_appeal(&ruling).await.unwrap_err();
                let is_same = matches!(refused, Error::Decision(DecisionError::AppealSamePerson));
                assert!(is_same, "{own:?} {by:?} {same:?}: {refused}");
            }
            let ruling = ruling(&made, person("omar"), AppealOutcome::Upheld);
            kit.desk.decide_appeal(&ruling).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_appeal_needs_a_decision_of_the_other_kind_and_comes_in_time() {
    let kit = Kit::new().await;
    let open = kit.submit(reporter("rita")).await.report.id;
    let late = declined(&kit, reporter("rita"), "expected").await;
    for (id, by) in [(open, AppealBy::Reporter), (open, AppealBy::Subject), (late, AppealBy::Subject)] {
        let refused = appeal(&kit, id, by).await.unwrap_err();
        assert!(matches!(refused, Error::Decision(DecisionError::AppealNotPossible)), "{refused}");
    }
    kit.clock.advance_ms(7 * DAY_MS + 1);
    let refused = appeal(&kit, late, AppealBy::Reporter).await.unwrap_err();
    assert!(matches!(refused, Error::Decision(DecisionError::AppealNotPossible)), "{refused}");
}

#[tokio::test]
async fn a_subjects_appeal_takes_the_report_from_the_incident_and_says_so_there() {
    let kit = Kit::new().await;
    let bench = Bench::new(8);
    let incident = bench.opened(&*kit.store, 1, "acme/checkout").await;
    let id = kit.submit(reporter("rita")).await.report.id;
    let accept = kit.request(id, DecisionKind::Accept, "mona").await;
    let finding = kit.desk.decide(&accept).await.unwrap().finding.unwrap();
    // as triage does when it takes the finding
    let row = Finding { id: finding, ..bench.finding(9, "acme/checkout", 5, Severity::Low) };
    let mut unit = kit.unit().await;
    unit.findings().insert(&[(&row, incident.id)]).await.unwrap();
    unit.commit().await.unwrap();
    let made = appeal(&kit, id, AppealBy::Subject).await.unwrap();
    for same in [person("mona"), person("sven")] {
        assert!(kit.desk.decide_appeal(&ruling(&made, same, AppealOutcome::Overturned)).await.is_err());
    }
    let (_, report) =
        kit.desk.decide_appeal(&ruling(&made, person("omar"), AppealOutcome::Overturned)).await.unwrap();
    assert_eq!((report.state, report.finding, report.incident), (ReportState::Declined, None, None));
    let ledger = kit.ledger(id).await;
    assert_eq!(ledger.iter().map(|entry| entry.weight).collect::<Vec<_>>(), [0], "it counts against nobody");
    let mut view = kit.store.read().await.unwrap();
    let comments = view.comments().of_incident(incident.id, &PageRequest::first(9)).await.unwrap().items;
    assert!(comments.len() == 1 && comments[0].text.contains(&id.to_string()), "{comments:?}");
    assert_eq!(view.reports().unraised(9).await.unwrap(), []);
}
