//! Which containments and runs exist for somebody: those of incidents that do, and those of none.

use super::asker::Asker;
use crate::problem::Problem;
use model::{Containment, ContainmentId, Incident, IncidentId, LedgerEntry, Principal, RunId, TokenId};
use ports::store::{AuditFilter, PageRequest};
use ports::{Snapshot, UnitOfWork};
use report::reputation::Tier;
use respond::contain::Grounds;
use respond::decision::{Confidence, ReporterTier, Signal};
use respond::key_of;
use respond::plan::BlastRadius;
use respond::run::RunView;
use std::collections::BTreeSet;

/// Most tokens that were made by one another and are followed.
const TOKENS_BEHIND_MAX: usize = 8;

/// Whether what is for this incident exists for the asker.
pub(super) async fn sees(
    asker: &Asker,
    snapshot: &mut dyn Snapshot,
    incident: Option<IncidentId>,
) -> Result<bool, Problem> {
    let Some(id) = incident else { return Ok(true) };
    if asker.admitted.visible.is_everything() {
        return Ok(true);
    }
    let incident = snapshot.incidents().get(id).await?;
    Ok(incident.is_some_and(|incident| asker.admitted.visible.sees(&incident)))
}

/// The containment, if it exists for the asker.
pub(super) async fn containment(
    asker: &Asker,
    snapshot: &mut dyn Snapshot,
    id: ContainmentId,
) -> Result<Containment, Problem> {
    let none = || Problem::not_found("containment", id);
    let found = snapshot.containments().get(id).await?.ok_or_else(none)?;
    if sees(asker, snapshot, found.incident).await? { Ok(found) } else { Err(none()) }
}

/// The run with its steps, if it exists for the asker.
pub(super) async fn run(asker: &Asker, snapshot: &mut dyn Snapshot, id: RunId) -> Result<RunView, Problem> {
    let none = || Problem::not_found("run", id);
    let run = snapshot.runs().get(id).await?.ok_or_else(none)?;
    if !sees(asker, snapshot, run.incident).await? {
        return Err(none());
    }
    let steps = snapshot.runs().steps(id, false).await?;
    Ok(RunView { run, steps })
}

/// The incident that a request names, if it exists for the asker.
pub(super) async fn incident(
    asker: &Asker,
    snapshot: &mut dyn Snapshot,
    id: Option<IncidentId>,
) -> Result<Option<Incident>, Problem> {
    let Some(id) = id else { return Ok(None) };
    let incident = snapshot.incidents().get(id).await?;
    let incident = incident.filter(|incident| asker.admitted.visible.sees(incident));
    incident.map(Some).ok_or_else(|| Problem::not_found("incident", id))
}

/// The same as it is in the transaction that would write for it: it may have been hidden since.
pub(super) async fn check_in(
    asker: &Asker,
    unit: &mut dyn UnitOfWork,
    id: Option<IncidentId>,
) -> Result<(), Problem> {
    match id {
        Some(id) => crate::incident_guard::check_in(unit, &asker.admitted, id, false).await,
        None => Ok(()),
    }
}

/// What an incident says about an action for it.
#[derive(Debug, Default)]
pub(super) struct Cause {
    /// What the table of decisions is asked.
    pub(super) grounds: Grounds,
    /// Who reported: they do not approve.
    pub(super) requesters: BTreeSet<String>,
    /// Whose service feels it.
    pub(super) blast_radius: BlastRadius,
}

/// What calls for an action, by the incident that it is for. What nobody knows is taken for the least: then people decide.
pub(super) async fn cause(
    asker: &Asker,
    snapshot: &mut dyn Snapshot,
    incident: Option<&Incident>,
    now_ms: i64,
) -> Result<Cause, Problem> {
    let mut requesters = BTreeSet::new();
    if let Principal::Token { id, .. } = &asker.actor.principal {
        requesters.extend(behind(snapshot, id).await?);
    }
    let Some(incident) = incident else { return Ok(Cause { requesters, ..Cause::default() }) };
    let reports = snapshot.reports().of_incident(incident.id).await?;
    // each report is at most one finding; any further one is of a rule
    let is_told_by_records = incident.findings > reports.len() as u64;
    // of several reporters the least trusted
    let mut reporter = if reports.is_empty() { ReporterTier::Regular } else { ReporterTier::Trusted };
    for report in &reports {
        let ledger = match report.reporter.key() {
            Some(key) => snapshot.ledger().of_reporter(&key).await?,
            None => Vec::new(),
        };
        reporter = reporter.min(reporter_tier(&ledger, &report.form, now_ms));
    }
    let grounds = Grounds {
        confidence: Confidence::Low,
        signal: if is_told_by_records { Signal::Uncorroborated } else { Signal::ReportAlone },
        reporter,
    };
    for reporter in reports.iter().filter_map(|report| report.reporter.key()) {
        requesters.extend(behind(snapshot, &reporter).await?);
        requesters.insert(reporter);
    }
    Ok(Cause { grounds, requesters, blast_radius: BlastRadius::of_incident(incident) })
}

/// What automation may assume of a reporter, by what came of their reports of that category.
pub fn reporter_tier(ledger: &[LedgerEntry], category: &str, now_ms: i64) -> ReporterTier {
    match report::reputation_of(ledger, category, now_ms).tier {
        Tier::Watched => ReporterTier::Watched,
        Tier::Newcomer => ReporterTier::Newcomer,
        Tier::Regular => ReporterTier::Regular,
        Tier::Trusted => ReporterTier::Trusted,
    }
}

/// Who made a token, and who made the token that it was made by: whoever has one in hand to ask with does not approve.
async fn behind(snapshot: &mut dyn Snapshot, id: &str) -> Result<Vec<String>, Problem> {
    let mut makers = Vec::new();
    let mut id = id.to_owned();
    while id.parse::<TokenId>().is_ok() && makers.len() < TOKENS_BEHIND_MAX {
        let filter = AuditFilter {
            object: Some(id),
            action: Some("token.issue".to_owned()),
            ..AuditFilter::default()
        };
        let found = snapshot.audit().list(&filter, &PageRequest::first(1)).await?;
        let Some(maker) = found.items.first().and_then(|record| key_of(&record.principal)) else { break };
        makers.push(maker.clone());
        id = maker;
    }
    Ok(makers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Outcome, ReportId, Ulid};

    #[test]
    fn who_made_things_up_is_watched() {
        let entries = |outcome: Outcome, weight: i8| -> Vec<LedgerEntry> {
            let one = |number: u128| LedgerEntry {
                report: ReportId(Ulid(number)),
                reporter: "per_1".to_owned(),
                category: "phishing".to_owned(),
                outcome,
                reason: None,
                weight,
                region: "default".to_owned(),
                at_ms: 0,
            };
            (1..=20).map(one).collect()
        };
        let tier = |ledger: &[LedgerEntry]| reporter_tier(ledger, "phishing", 1);
        assert_eq!(tier(&[]), ReporterTier::Newcomer);
        assert_eq!(tier(&entries(Outcome::Declined, -1)), ReporterTier::Watched);
        assert_eq!(tier(&entries(Outcome::Accepted, 1)), ReporterTier::Trusted);
    }
}
