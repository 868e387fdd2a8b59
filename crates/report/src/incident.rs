//! The incident that a report belongs to: which one, what its reporter may know of it, and what is said on it.

use crate::{Actor, Error, ReportDesk};
use model::{Comment, CommentId, Incident, IncidentId, Report, Visibility};
use ports::store::{COMMENT_ACTION, ReadFindings, ReadIncidents, Snapshot, StoreError, UnitOfWork};
use serde_json::json;

/// A chain of merges is followed so far.
const MERGES_MAX: usize = 16;

/// Who writes on incidents when reports do.
const AUTHOR: &str = "reports";

/// Who writes on incidents what a reporter adds.
const REPORTER: &str = "reporter";

/// So much of a reporter's words is told on an incident, in characters; the report has all of them.
const WORDS_CHARS_MAX: usize = 2_000;

/// The report's incident as its reporter may know of it: `None` too while fewer than everybody who works here see it, for
/// that it exists, rests or is over tells of it.
///
/// # Errors
/// As all reads.
pub async fn incident_for_reporter(
    state: &mut dyn Snapshot,
    report: &Report,
) -> Result<Option<Incident>, StoreError> {
    let held = held_by(state.findings(), report).await?;
    let incident = behind_merges(state.incidents(), held).await?;
    Ok(incident.filter(|incident| incident.visibility == Visibility::Everyone))
}

/// The incident that the report was put into, or whose finding it became.
async fn held_by(findings: &mut dyn ReadFindings, report: &Report) -> Result<Option<IncidentId>, StoreError> {
    match (report.finding, report.incident) {
        (Some(finding), _) => findings.incident_of(finding).await,
        (None, incident) => Ok(incident),
    }
}

/// The incident that holds what that one held, where it was merged since.
async fn behind_merges(
    incidents: &mut dyn ReadIncidents,
    id: Option<IncidentId>,
) -> Result<Option<Incident>, StoreError> {
    let Some(id) = id else { return Ok(None) };
    let mut incident = incidents.get(id).await?;
    for _ in 0..MERGES_MAX {
        let Some(into) = incident.as_ref().and_then(|incident| incident.merged_into) else { break };
        incident = incidents.get(into).await?;
    }
    Ok(incident)
}

/// What is said on an incident that a report was merged into. The title is the reporter's, so it stands as code: nothing in
/// it becomes a link or a picture.
pub(crate) fn merged_text(report: &Report) -> String {
    let plain = |c: char| if c.is_control() || c == '`' { ' ' } else { c };
    let title: String = report.title.chars().map(plain).collect();
    format!("Report {} was merged into this incident: `{}`", report.id, title.trim())
}

/// What a reporter adds to a report.
pub(crate) enum Added<'w> {
    /// Words; masked.
    Words(&'w str),
    /// A file of that name; masked.
    File(&'w str),
}

/// What is said on an incident when the reporter of a report that it holds adds something. The words are the reporter's, so they
/// stand as code too.
fn added_text(report: &Report, added: &Added<'_>) -> String {
    let plain = |c: char| match c {
        '\n' => '\n',
        '`' => '\'',
        c if c.is_control() => ' ',
        c => c,
    };
    match added {
        Added::Words(words) => {
            let mut told: String = words.trim().chars().map(plain).take(WORDS_CHARS_MAX).collect();
            if words.trim().chars().count() > WORDS_CHARS_MAX {
                told.push('…');
            }
            format!("The reporter of {} added:\n\n```text\n{told}\n```", report.id)
        }
        Added::File(name) => {
            let name: String = name.chars().map(|c| if c == '\n' { ' ' } else { plain(c) }).collect();
            format!("The reporter of {} added a file: `{}`", report.id, name.trim())
        }
    }
}

impl ReportDesk {
    /// Tells those who work on the report's incident what its reporter added.
    pub(crate) async fn tell_added(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        report: &Report,
        added: &Added<'_>,
    ) -> Result<(), Error> {
        self.comment(unit, actor, report, (REPORTER, added_text(report, added))).await
    }

    /// Says on the report's incident what became of the report, in the unit in which it became so.
    pub(crate) async fn tell_incident(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        report: &Report,
        text: String,
    ) -> Result<(), Error> {
        self.comment(unit, actor, report, (AUTHOR, text)).await
    }

    async fn comment(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        report: &Report,
        (author, text): (&str, String),
    ) -> Result<(), Error> {
        let held = held_by(unit.findings(), report).await?;
        let Some(incident) = behind_merges(unit.incidents(), held).await? else { return Ok(()) };
        let comment = Comment {
            id: CommentId::new(&*self.options.clock, &*self.options.entropy),
            incident: incident.id,
            author: author.to_owned(),
            text,
            created_at_ms: self.options.clock.now_ms(),
        };
        let mut audit = self.record(actor, COMMENT_ACTION, incident.id);
        audit.after = json!({ "comment": comment.id, "bytes": comment.text.len(), "report": report.id });
        Ok(unit.comments().add(&comment, &audit).await?)
    }
}
