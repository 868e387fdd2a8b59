//! What people may decide, and what is recorded of it; pure.

use crate::DecisionError;
use model::{Incident, Status};
use ports::store::IncidentEdit;
use serde_json::{Map, Value, json};

/// Longest comment, in bytes of Markdown.
pub const COMMENT_BYTES_MAX: usize = 64 * 1024;
/// Longest reason, in bytes.
pub const REASON_BYTES_MAX: usize = 4 * 1024;
/// Longest name of an assignee, in bytes.
pub const ASSIGNEE_BYTES_MAX: usize = 256;

/// Where an incident may go from `from`. Going back to work from *resolved* or *closed* is a person's
/// decision and needs a reason; nothing goes back to *new*.
pub const fn next_statuses(from: Status) -> &'static [Status] {
    use Status::{Closed, InProgress, New, OnHold, Resolved};
    match from {
        New => &[InProgress, OnHold, Resolved, Closed],
        InProgress => &[OnHold, Resolved, Closed],
        OnHold => &[InProgress, Resolved, Closed],
        Resolved => &[InProgress, Closed],
        Closed => &[InProgress],
    }
}

/// A decision that is allowed, cut down to what changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// What to write.
    pub edit: IncidentEdit,
    /// For the audit record: `incident.assign`, `incident.status`, `incident.reopen`, `incident.severity`,
    /// `incident.verdict`, or `incident.edit` for several at once.
    pub action: &'static str,
    /// The values before, by field.
    pub before: Value,
    /// The values after.
    pub after: Value,
}

/// Judges a decision on `incident`. `None` when everything already is as wanted.
///
/// # Errors
/// [`DecisionError`] when it is not allowed.
pub fn decide(
    incident: &Incident,
    wanted: &IncidentEdit,
    reason: Option<&str>,
) -> Result<Option<Decided>, DecisionError> {
    if let Some(into) = incident.merged_into {
        return Err(DecisionError::Merged { into });
    }
    check_texts(wanted, reason)?;
    let edit = IncidentEdit {
        status: wanted.status.filter(|status| *status != incident.status),
        assignee: wanted.assignee.clone().filter(|assignee| *assignee != incident.assignee),
        severity_override: wanted
            .severity_override
            .filter(|severity| *severity != incident.severity_override),
        verdict: wanted.verdict.filter(|verdict| *verdict != incident.verdict),
    };
    check_status(incident, &edit, reason)?;
    if edit.severity_override.is_some() && reason.is_none() {
        return Err(DecisionError::ReasonMissing { what: "another severity" });
    }
    Ok(recorded(incident, edit))
}

fn check_texts(wanted: &IncidentEdit, reason: Option<&str>) -> Result<(), DecisionError> {
    if let Some(Some(assignee)) = &wanted.assignee {
        check_text("an assignee", assignee, ASSIGNEE_BYTES_MAX, false)?;
    }
    reason.map_or(Ok(()), |reason| check_text("a reason", reason, REASON_BYTES_MAX, true))
}

fn check_status(incident: &Incident, edit: &IncidentEdit, reason: Option<&str>) -> Result<(), DecisionError> {
    if let Some(to) = edit.status {
        let next = next_statuses(incident.status);
        if !next.contains(&to) {
            let next: Vec<_> = next.iter().map(|status| status.as_str()).collect();
            return Err(DecisionError::Transition { from: incident.status, to, next: next.join(", ") });
        }
        if !incident.status.is_open() && to.is_open() && reason.is_none() {
            return Err(DecisionError::ReasonMissing { what: "opening an incident again" });
        }
    }
    let closed = edit.status.unwrap_or(incident.status) == Status::Closed;
    if closed && edit.verdict.unwrap_or(incident.verdict).is_none() {
        return Err(DecisionError::VerdictMissing);
    }
    Ok(())
}

fn recorded(incident: &Incident, edit: IncidentEdit) -> Option<Decided> {
    let (mut before, mut after, mut action) = (Map::new(), Map::new(), None);
    let mut record = |field: &str, was: Value, is: Value, this: &'static str| {
        before.insert(field.to_owned(), was);
        after.insert(field.to_owned(), is);
        action = Some(if action.is_none() { this } else { "incident.edit" });
    };
    if let Some(status) = edit.status {
        let again = !incident.status.is_open() && status.is_open();
        let action = if again { "incident.reopen" } else { "incident.status" };
        record("status", json!(incident.status), json!(status), action);
    }
    if let Some(assignee) = &edit.assignee {
        record("assignee", json!(incident.assignee), json!(assignee), "incident.assign");
    }
    if let Some(severity) = edit.severity_override {
        record("severity_override", json!(incident.severity_override), json!(severity), "incident.severity");
    }
    if let Some(verdict) = edit.verdict {
        record("verdict", json!(incident.verdict), json!(verdict), "incident.verdict");
    }
    let action = action?;
    Some(Decided { edit, action, before: before.into(), after: after.into() })
}

/// Checks the text of a comment on `incident`.
///
/// # Errors
/// [`DecisionError::Text`], [`DecisionError::Merged`].
pub fn check_comment(incident: &Incident, text: &str) -> Result<(), DecisionError> {
    if let Some(into) = incident.merged_into {
        return Err(DecisionError::Merged { into });
    }
    check_text("a comment", text, COMMENT_BYTES_MAX, true)
}

pub(crate) fn check_text(
    what: &'static str,
    text: &str,
    bytes_max: usize,
    lines: bool,
) -> Result<(), DecisionError> {
    let control = |c: char| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'));
    if text.trim().is_empty() || text.len() > bytes_max || text.contains(control) {
        return Err(DecisionError::Text { what, bytes_max });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Clock, ManualClock, SeededEntropy, Severity, Verdict};
    use ports::store::conformance::Bench;

    fn incident(status: Status, verdict: Option<Verdict>) -> Incident {
        let bench = Bench { clock: ManualClock::at(1), entropy: SeededEntropy::new(1) };
        let finding = bench.finding(1, "ana", bench.clock.now_ms(), Severity::Low);
        Incident { status, verdict, ..bench.incident(&finding) }
    }

    #[test]
    fn work_goes_forward_and_back_only_with_a_reason() {
        for from in Status::ALL {
            for to in Status::ALL {
                let wanted = IncidentEdit {
                    status: Some(to),
                    verdict: Some(Some(Verdict::Benign)),
                    ..IncidentEdit::default()
                };
                for reason in [None, Some("new facts")] {
                    let answer = decide(&incident(from, Some(Verdict::Benign)), &wanted, reason);
                    let listed = from == to || next_statuses(from).contains(&to);
                    let again = from != to && !from.is_open() && to.is_open();
                    assert_eq!(
                        answer.is_ok(),
                        listed && (reason.is_some() || !again),
                        "{from:?} {to:?} {reason:?}"
                    );
                    assert_eq!(matches!(answer, Ok(None)), from == to);
                }
            }
        }
    }

    #[test]
    fn a_closed_incident_has_a_verdict() {
        let close = IncidentEdit { status: Some(Status::Closed), ..IncidentEdit::default() };
        let with = |verdict| IncidentEdit { verdict: Some(verdict), ..close.clone() };
        let answers = [
            (decide(&incident(Status::New, None), &close, None), false),
            (decide(&incident(Status::New, None), &with(Some(Verdict::Test)), None), true),
            (decide(&incident(Status::New, Some(Verdict::Test)), &close, None), true),
            (decide(&incident(Status::New, Some(Verdict::Test)), &with(None), None), false),
            (decide(&incident(Status::Closed, Some(Verdict::Test)), &with(None), None), false),
        ];
        for (answer, allowed) in answers {
            assert_eq!(answer.is_ok(), allowed, "{answer:?}");
        }
    }

    #[test]
    fn a_decision_is_recorded_with_before_and_after() {
        let wanted = IncidentEdit {
            status: Some(Status::New),
            assignee: Some(Some("ana".to_owned())),
            severity_override: Some(Some(Severity::High)),
            verdict: None,
        };
        let unexplained = decide(&incident(Status::New, None), &wanted, None);
        assert!(matches!(unexplained, Err(DecisionError::ReasonMissing { .. })), "{unexplained:?}");
        let decided = decide(&incident(Status::New, None), &wanted, Some("prod key")).unwrap().unwrap();
        assert_eq!(decided.action, "incident.edit");
        assert_eq!(decided.before, json!({ "assignee": null, "severity_override": null }));
        assert_eq!(decided.after, json!({ "assignee": "ana", "severity_override": "high" }));
        assert_eq!(decided.edit.status, None, "what does not change is not written");
    }

    #[test]
    fn texts_are_bounded() {
        let assign =
            |name: &str| IncidentEdit { assignee: Some(Some(name.to_owned())), ..IncidentEdit::default() };
        let open = incident(Status::New, None);
        for bad in ["", "  ", "a\u{0}b", "a\nb", &"a".repeat(ASSIGNEE_BYTES_MAX + 1)] {
            assert!(decide(&open, &assign(bad), None).is_err(), "{bad:?}");
        }
        assert!(decide(&open, &assign("ana"), Some("")).is_err());
        for (text, good) in [("a\nb", true), ("", false), ("\u{1b}[2J", false)] {
            assert_eq!(check_comment(&open, text).is_ok(), good, "{text:?}");
        }
        let merged = Incident { merged_into: Some(open.id), ..open.clone() };
        assert!(check_comment(&merged, "a").is_err() && decide(&merged, &assign("ana"), None).is_err());
    }
}
