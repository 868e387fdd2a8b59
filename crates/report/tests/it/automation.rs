//! What is accepted before a person looked: what a trusted person of record reports and telemetry bears out, and nothing else.

use crate::kit::{Kit, reporter};
use model::{
    DecisionKind, Entity, EntityKind, Finding, Principal, Report, ReportId, ReportState, Reporter, Severity,
    Tier,
};
use ports::store::conformance::Bench;

/// Makes Rita somebody whose reports hold, and shows her repository to a rule.
async fn trusted_and_borne_out(kit: &Kit) {
    let first = kit.submit(reporter("rita")).await.report.id;
    let accept = kit.request(first, DecisionKind::Accept, "mona").await;
    kit.desk.decide(&accept).await.unwrap();
    for _ in 0..8 {
        let id = kit.submit(reporter("rita")).await.report.id;
        let accept = kit.request(id, DecisionKind::Accept, "mona").await;
        kit.desk.decide(&accept).await.unwrap();
    }
    // a rule has seen something in the same repository
    let bench = Bench::new(6);
    let repository = Entity { kind: EntityKind::Repository, value: "acme/checkout".to_owned() };
    let time_ms = crate::kit::NOW_MS;
    let finding = Finding { entities: vec![repository], time_ms, ..bench.finding(3, "x", 5, Severity::High) };
    let mut unit = kit.unit().await;
    bench.open(&mut *unit, &finding).await;
    unit.commit().await.unwrap();
}

/// A report that automation accepts, once it has.
pub(crate) async fn accepted_by_automation(kit: &Kit) -> Report {
    trusted_and_borne_out(kit).await;
    let id = kit.submit(reporter("rita")).await.report.id;
    until_accepted(kit, id).await
}

async fn until_accepted(kit: &Kit, id: ReportId) -> Report {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let report = kit.report(id).await;
        if report.state == ReportState::Accepted {
            return report;
        }
        assert!(tokio::time::Instant::now() < deadline, "automation never accepted it");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_trusted_report_that_telemetry_bears_out_is_accepted_at_once() {
    let kit = Kit::running().await;
    trusted_and_borne_out(&kit).await;
    let trusted = kit.submit(reporter("rita")).await.report;
    let others = [kit.submit(Reporter::Anonymous).await.report, kit.submit(reporter("otto")).await.report];
    let last = kit.submit(reporter("rita")).await.report;
    assert_eq!((trusted.tier, others[1].tier), (Tier::Trusted, Tier::Newcomer));
    until_accepted(&kit, last.id).await;
    for id in [trusted.id, last.id] {
        let report = kit.report(id).await;
        let decision = report.decision.unwrap();
        assert!(decision.automation && report.provenance.telemetry_match, "{decision:?}");
        assert!(decision.confirmed.is_none() && report.unread, "a person looks afterwards");
        assert_eq!(decision.by, Principal::System { part: "reports".to_owned() });
    }
    for other in others {
        let report = kit.report(other.id).await;
        assert_eq!((report.state, report.decision), (ReportState::Received, None), "a person looks first");
    }
}
