//! Keeps everyone to the incidents that exist for them, on every route below `/incidents/{id}` and `/findings/{id}`.
//!
//! **Invariant:** it stands before the handler and goes by the route's template, so a new route below these paths is
//! guarded before anybody thinks of it.

use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;
use access::Admitted;
use axum::http::Method;
use model::{FindingId, Incident, IncidentId};
use ports::UnitOfWork;

/// What a route is about, by its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Incident,
    Finding,
    Else,
}

impl About {
    pub(crate) fn of(template: &str) -> Self {
        let below = |prefix: &str| {
            template.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match (below("/api/v1/incidents/{id}"), below("/api/v1/findings/{id}")) {
            (true, _) => Self::Incident,
            (_, true) => Self::Finding,
            _ => Self::Else,
        }
    }
}

/// Refuses a request about the incident or finding `id` (as the handler reads it: percent-encoding undone) that does not exist for the asker (404) or that they may not change (403).
pub(crate) async fn check(
    app: &App,
    about: About,
    admitted: &Admitted,
    method: &Method,
    id: Option<&str>,
) -> Result<(), Problem> {
    let unbounded = admitted.visible.is_everything() && admitted.workable.is_everything();
    if about == About::Else || unbounded {
        return Ok(());
    }
    let Some(id) = id else { return Err(Problem::not_found("incident", "of that id")) };
    let mut snapshot = app.store.read().await?;
    let (what, found) = match about {
        // what has not the form of an id names nothing; the handler says so
        About::Incident => match id.parse::<IncidentId>() {
            Ok(id) => ("incident", Some(id)),
            Err(_) => return Ok(()),
        },
        _ => match id.parse::<FindingId>() {
            Ok(id) => ("finding", snapshot.findings().incident_of(id).await?),
            Err(_) => return Ok(()),
        },
    };
    let incident = match found {
        Some(incident) => snapshot.incidents().get(incident).await?,
        None => None,
    };
    // one that is not there is answered here too, so that nobody can tell it from one that is hidden
    let decided =
        incident.map_or(Err(Code::NotFound), |incident| may(admitted, &incident, changes(about, method)));
    decided.map_err(|code| refusal(code, what, id))
}

/// Whether a request changes an incident: whatever is asked of a finding, also to make it again, only reads.
fn changes(about: About, method: &Method) -> bool {
    about == About::Incident && !method.is_safe()
}

/// Whether somebody may read an incident, and change it if they want to.
pub(crate) fn may(admitted: &Admitted, incident: &Incident, change: bool) -> Result<(), Code> {
    let (reads, works) = (admitted.visible.sees(incident), admitted.workable.sees(incident));
    match (change, reads, works) {
        // a token may be made to write and not to read
        (true, _, true) | (false, true, _) => Ok(()),
        (true, true, false) => Err(Code::NotPermitted),
        (_, false, _) => Err(Code::NotFound),
    }
}

/// Opens a unit of work on an incident, and checks in it again what was checked before the handler: the incident may
/// have been hidden since, and an answer must not show it then.
pub(crate) async fn begin(
    app: &App,
    admitted: &Admitted,
    id: IncidentId,
) -> Result<Box<dyn UnitOfWork>, Problem> {
    let mut unit = app.store.begin().await?;
    check_in(&mut *unit, admitted, id, true).await?;
    Ok(unit)
}

/// Refuses an incident, such as one that a body names, that does not exist for the asker or that they may not `change`,
/// as it is in this transaction.
pub(crate) async fn check_in(
    unit: &mut dyn UnitOfWork,
    admitted: &Admitted,
    id: IncidentId,
    change: bool,
) -> Result<(), Problem> {
    let incident = unit.incidents().get(id).await?;
    // as one that is not there: the handler says so where nothing is hidden from the asker
    let Some(incident) = incident else { return Err(Problem::not_found("incident", id)) };
    may(admitted, &incident, change).map_err(|code| refusal(code, "incident", &id.to_string()))
}

fn refusal(code: Code, what: &str, id: &str) -> Problem {
    match code {
        Code::NotFound => Problem::not_found(what, id),
        _ => Problem::new(code, "your roles let you read this incident, not change it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_guarded_by_their_template() {
        for (template, about) in [
            ("/api/v1/incidents/{id}", About::Incident),
            ("/api/v1/incidents/{id}/anything/new", About::Incident),
            ("/api/v1/findings/{id}/replay", About::Finding),
            ("/api/v1/incidents", About::Else),
            ("/api/v1/incidents/{id}x", About::Else),
            ("/api/v1/tokens/{id}", About::Else),
        ] {
            assert_eq!(About::of(template), about, "{template}");
        }
    }
}
