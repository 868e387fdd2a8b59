//! Which reports somebody may read: whose service they are about, by the catalogue as it is now.

use crate::problem::Problem;
use crate::state::App;
use access::{Admitted, Credential, ReportSight, Scope, SignedIn};
use model::{AppealBy, Ownership, Report, ReportId, Reporter};
use ports::Snapshot;
use ports::store::ReportFilter;
use std::collections::BTreeSet;

/// Most services that are listed for somebody who reads about their own only.
const OWN_SERVICES_MAX: usize = 1_000;

/// Services that are read from the catalogue at once.
const SERVICES_PER_READ: usize = 1_000;

/// Who answers for a service.
pub(crate) fn ownership(app: &App, service: Option<&str>) -> Ownership {
    let Some(name) = service else { return Ownership::default() };
    let known = app.services.get(name).map(|(service, _)| service).unwrap_or_default();
    Ownership { service: Some(name.to_owned()), owner: known.owner, team: known.team, ..Ownership::default() }
}

pub(crate) fn may_read(app: &App, admitted: &Admitted, report: &Report) -> bool {
    admitted.reports.is_everything() || admitted.reports.sees(&ownership(app, report.service.as_deref()))
}

/// Whether the report is the asker's own, by their name or their token's.
pub(crate) fn is_own(admitted: &Admitted, report: &Report) -> bool {
    let person = match &admitted.by {
        Credential::Session(signed_in) => Some(signed_in.person.id),
        Credential::Token(grant) => grant.person,
    };
    match &report.reporter {
        Reporter::Person { id } => person == Some(*id),
        Reporter::Token { id, .. } => matches!(&admitted.by, Credential::Token(grant) if grant.id == *id),
        Reporter::Anonymous => false,
    }
}

/// Whether the asker answers for the service that the report is about, by whatever token of theirs.
pub(crate) fn answers_for(app: &App, admitted: &Admitted, report: &Report) -> bool {
    admitted.reports.is_own(&ownership(app, report.service.as_deref()))
}

/// Whether the asker moderates: what automation accepted and nobody reviewed is told to these only.
pub(crate) fn moderates(admitted: &Admitted) -> bool {
    admitted.scopes.has(Scope::ReportsModerate)
}

/// For which side of the report somebody who is signed in can appeal: it is theirs, or about what they answer for.
pub(crate) fn side_of(app: &App, signed_in: &SignedIn, report: &Report) -> Option<AppealBy> {
    let person = &signed_in.person;
    let own = ReportSight::of(0b10, person.teams.clone(), person.services.clone());
    if report.reporter == (Reporter::Person { id: person.id }) {
        Some(AppealBy::Reporter)
    } else {
        own.is_own(&ownership(app, report.service.as_deref())).then_some(AppealBy::Subject)
    }
}

/// Whether somebody sees what those who moderate say and know of a report among themselves: never of their own.
pub(crate) fn sees_inside(admitted: &Admitted, report: &Report) -> bool {
    moderates(admitted) && !is_own(admitted, report)
}

/// The filter that leaves what somebody may read.
pub(crate) fn narrow(app: &App, admitted: &Admitted, filter: ReportFilter) -> ReportFilter {
    if admitted.reports.is_everything() {
        return filter;
    }
    let mut names: BTreeSet<String> = admitted.reports.services().iter().cloned().collect();
    let mut after: Option<String> = None;
    while names.len() < OWN_SERVICES_MAX && !admitted.reports.teams().is_empty() {
        let page = app.services.page(&[], after.as_deref(), SERVICES_PER_READ);
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        let is_own =
            |of: &Option<String>| of.as_ref().is_some_and(|name| admitted.reports.teams().contains(name));
        let own = page.into_iter().filter(|service| is_own(&service.team) || is_own(&service.owner));
        names.extend(own.map(|service| service.name));
    }
    let services = names.into_iter().take(OWN_SERVICES_MAX).collect();
    ReportFilter { services: Some(services), ..filter }
}

/// The report, if it exists for the asker.
pub(crate) async fn report(
    app: &App,
    admitted: &Admitted,
    snapshot: &mut dyn Snapshot,
    id: ReportId,
) -> Result<Report, Problem> {
    let report = snapshot.reports().get(id).await?.filter(|report| may_read(app, admitted, report));
    report.ok_or_else(|| Problem::not_found("report", id))
}
