//! What may be decided of a report, and what follows from it; pure.
//!
//! ```text
//! held, received, needs_info ──accept──► accepted ─┐ appeal of the subject overturned: declined
//!   ▲     │          ▲  │      ──merge───► merged  ─┘ (of the reporter, for merged: accepted)
//!   │     └──ask─────┘  │      ──decline─► declined ── appeal of the reporter overturned: accepted
//!   └─ the reporter answers    ──withdraw► withdrawn
//! ```
//! **Invariant:** what was decided changes by an appeal only, and an appeal that is overturned leaves the ledger as if
//! the last decision had been the first.

use crate::DecisionError;
use crate::policy::{self, Policy};
use model::{
    Appeal, AppealBy, AppealOutcome, Confirmed, Decision, DecisionKind, FindingId, IncidentId, LedgerEntry,
    Outcome, Principal, Report, ReportState, Reporter, Severity,
};
use ports::store::LedgerChange;
use serde_json::{Value, json};

/// Longest note, question, message, reason or explanation, in bytes.
pub const NOTE_BYTES_MAX: usize = 8 * 1024;
/// What an anonymous report that no telemetry bears out is at most.
pub const ANONYMOUS_SEVERITY_MAX: Severity = Severity::Medium;
/// The reason of a decline that an overturned appeal of the subject comes to; it counts against nobody.
pub const OVERTURNED: &str = "overturned";

/// What a moderator wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What to do.
    pub kind: DecisionKind,
    /// The incident, for a merge.
    pub incident: Option<IncidentId>,
    /// How grave, for what is accepted; the form's, within the limit of the anonymous, where nobody said.
    pub severity: Severity,
    /// The reason's id, for what is declined.
    pub reason: Option<String>,
    /// To the reporter; masked already.
    pub note: String,
    /// What others may learn, for a digest; masked already.
    pub lesson: Option<String>,
}

/// Who decides, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub principal: Principal,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// Until when the reporter hears again, where something stays open.
    pub next_update_due_ms: i64,
    /// Whether the product decides by itself.
    pub automation: bool,
}

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The report as it is then, at the version before.
    pub report: Report,
    /// What becomes of the reporter's ledger.
    pub ledger: Vec<LedgerChange>,
    /// For the audit record.
    pub before: Value,
    /// For the audit record.
    pub after: Value,
}

/// Judges a decision on a report that is open. `finding` is what it would become.
///
/// # Errors
/// [`DecisionError`] when it is not allowed.
pub fn decide(
    report: &Report,
    wanted: &Wanted,
    finding: FindingId,
    policy: &Policy,
    by: &By,
) -> Result<Decided, DecisionError> {
    if !report.state.is_open() {
        return Err(DecisionError::Decided { state: report.state });
    }
    if wanted.kind == DecisionKind::Ask || !wanted.note.is_empty() {
        check_text("a note to the reporter", &wanted.note)?;
    }
    if let Some(lesson) = &wanted.lesson {
        check_text("a lesson for others", lesson)?;
    }
    let reason = policy.reason_for(kind_of(wanted.kind), wanted.reason.as_deref())?;
    let weight = match wanted.kind {
        DecisionKind::Ask => {
            let state = ReportState::NeedsInfo;
            let next_update_due_ms = Some(by.next_update_due_ms);
            let changed = Report {
                state,
                next_update_due_ms,
                unread: false,
                updated_at_ms: by.at_ms,
                ..report.clone()
            };
            return Ok(recorded(report, changed, Vec::new()));
        }
        DecisionKind::Accept => {
            if anonymous_alone(report) && wanted.severity > ANONYMOUS_SEVERITY_MAX {
                return Err(DecisionError::SeverityTooHigh { max: ANONYMOUS_SEVERITY_MAX });
            }
            1
        }
        DecisionKind::Merge if wanted.incident.is_none() => return Err(DecisionError::IncidentMissing),
        DecisionKind::Merge => 1,
        DecisionKind::Decline => -i8::from(reason.is_some_and(|reason| reason.counts_against)),
    };
    let changed = settled(report, wanted, finding, &policy.version, by);
    let ledger = entry(&changed, weight, by.at_ms).map(LedgerChange::Add).into_iter().collect();
    Ok(recorded(report, changed, ledger))
}

/// Whether nothing but somebody without a name speaks for the report. Others who say the same do not change it: fifty
/// accounts can agree.
fn anonymous_alone(report: &Report) -> bool {
    report.reporter == Reporter::Anonymous && !report.provenance.telemetry_match
}

/// How grave a report is that is accepted without a word on it: as its form says, as far as its reporter carries.
pub(crate) fn severity_unasked(report: &Report, of_form: Severity) -> Severity {
    if anonymous_alone(report) { of_form.min(ANONYMOUS_SEVERITY_MAX) } else { of_form }
}

/// The reporter answered what was asked: the report waits for a decision again.
pub(crate) fn answered(report: &Report, by: &By) -> Decided {
    let (state, next_update_due_ms) = (ReportState::Received, Some(by.next_update_due_ms));
    let changed =
        Report { state, next_update_due_ms, unread: true, updated_at_ms: by.at_ms, ..report.clone() };
    recorded(report, changed, Vec::new())
}

/// The reporter added something: it waits for somebody to look, whatever was decided.
pub(crate) fn added(report: &Report, by: &By) -> Decided {
    let decision = with_news(report, true);
    let changed = Report { unread: true, decision, updated_at_ms: by.at_ms, ..report.clone() };
    recorded(report, changed, Vec::new())
}

/// Somebody of the team said something to the reporter, who has heard: while nothing is decided they hear again as late as
/// after a question. What awaits a review goes on waiting for it.
pub(crate) fn seen(report: &Report, by: &By) -> Decided {
    let next_update_due_ms =
        if report.state.is_open() { Some(by.next_update_due_ms) } else { report.next_update_due_ms };
    let (unread, decision) = (report.awaits_review(), with_news(report, false));
    let changed = Report { unread, decision, next_update_due_ms, updated_at_ms: by.at_ms, ..report.clone() };
    recorded(report, changed, Vec::new())
}

/// The report's decision; where it awaits a review, with whether its reporter has been heard.
fn with_news(report: &Report, news: bool) -> Option<Decision> {
    let news = news && report.awaits_review();
    report.decision.clone().map(|decision| Decision { news, ..decision })
}

/// A person lets stand what automation accepted.
///
/// # Errors
/// [`DecisionError::NothingToReview`].
pub(crate) fn confirmed(report: &Report, by: &By) -> Result<Decided, DecisionError> {
    let decision = report.decision.clone().filter(|_| report.awaits_review());
    let mut decision = decision.ok_or(DecisionError::NothingToReview)?;
    decision.confirmed = Some(Confirmed { by: by.principal.clone(), at_ms: by.at_ms });
    decision.news = false;
    let changed =
        Report { decision: Some(decision), unread: false, updated_at_ms: by.at_ms, ..report.clone() };
    Ok(recorded(report, changed, Vec::new()))
}

/// A person takes back what automation accepted, with all that followed from it, as an appeal of the subject would.
///
/// # Errors
/// [`DecisionError::NothingToReview`], [`DecisionError::Text`].
pub(crate) fn overturned(
    report: &Report,
    explanation: &str,
    finding: FindingId,
    policy: &str,
    by: &By,
) -> Result<Decided, DecisionError> {
    let decision = report.decision.as_ref().filter(|_| report.awaits_review());
    let decided_at_ms = decision.ok_or(DecisionError::NothingToReview)?.at_ms;
    check_text("an explanation", explanation)?;
    let severity = ANONYMOUS_SEVERITY_MAX; // of what is declined nobody reads it
    Ok(reversed(report, (AppealBy::Subject, decided_at_ms), (severity, explanation), finding, policy, by))
}

/// The reporter takes it back.
pub(crate) fn withdrawn(report: &Report, by: &By) -> Result<Decided, DecisionError> {
    if !report.state.is_open() {
        return Err(DecisionError::Decided { state: report.state });
    }
    let (state, next_update_due_ms) = (ReportState::Withdrawn, None);
    let changed =
        Report { state, next_update_due_ms, held_reason: None, updated_at_ms: by.at_ms, ..report.clone() };
    Ok(recorded(report, changed, Vec::new()))
}

/// The report with that decision.
fn settled(report: &Report, wanted: &Wanted, finding: FindingId, policy: &str, by: &By) -> Report {
    let (state, finding, incident) = match wanted.kind {
        DecisionKind::Accept => (ReportState::Accepted, Some(finding), None),
        DecisionKind::Merge => (ReportState::Merged, None, wanted.incident),
        DecisionKind::Ask | DecisionKind::Decline => (ReportState::Declined, None, None),
    };
    Report {
        state,
        finding,
        incident,
        decision: Some(Decision {
            kind: wanted.kind,
            reason: wanted.reason.clone(),
            policy_version: policy.to_owned(),
            note: wanted.note.clone(),
            lesson: wanted.lesson.clone(),
            severity: (state == ReportState::Accepted).then_some(wanted.severity),
            by: by.principal.clone(),
            at_ms: by.at_ms,
            automation: by.automation,
            confirmed: None,
            news: by.automation && report.unread,
        }),
        held_reason: None,
        // what automation decides waits for a person who looks whether it was right
        unread: by.automation,
        next_update_due_ms: None,
        updated_at_ms: by.at_ms,
        ..report.clone()
    }
}

/// What the report's decision comes to in its reporter's ledger; nothing while nobody knows the reporter.
fn entry(report: &Report, weight: i8, at_ms: i64) -> Option<LedgerEntry> {
    let decision = report.decision.as_ref()?;
    Some(LedgerEntry {
        reporter: report.reporter.key()?,
        category: report.form.clone(),
        report: report.id,
        outcome: match decision.kind {
            DecisionKind::Accept => Outcome::Accepted,
            DecisionKind::Merge => Outcome::Merged,
            DecisionKind::Ask | DecisionKind::Decline => Outcome::Declined,
        },
        reason: decision.reason.clone(),
        weight,
        region: report.region.clone(),
        at_ms,
    })
}

/// What a report that was decided before it was claimed comes to in its new owner's ledger.
pub(crate) fn claimed_entry(report: &Report, policy: &Policy) -> Option<LedgerEntry> {
    let decision = report.decision.as_ref()?;
    let against =
        decision.reason.as_ref().and_then(|reason| policy.reason(reason)).is_some_and(|r| r.counts_against);
    let weight = match decision.kind {
        DecisionKind::Accept | DecisionKind::Merge => 1,
        DecisionKind::Ask => 0,
        DecisionKind::Decline => -i8::from(against),
    };
    entry(report, weight, decision.at_ms)
}

/// The kind as the policy names it.
const fn kind_of(kind: DecisionKind) -> policy::DecisionKind {
    match kind {
        DecisionKind::Accept => policy::DecisionKind::Accept,
        DecisionKind::Merge => policy::DecisionKind::Merge,
        DecisionKind::Ask => policy::DecisionKind::Ask,
        DecisionKind::Decline => policy::DecisionKind::Decline,
    }
}

fn recorded(before: &Report, report: Report, ledger: Vec<LedgerChange>) -> Decided {
    let (was, is) = (said(before), said(&report));
    Decided { report, ledger, before: was, after: is }
}

/// What an audit record says of a report: no words of the reporter's, and who decided is the record's principal.
pub(crate) fn said(report: &Report) -> Value {
    let decision = report.decision.as_ref().map(|decision| {
        json!({ "kind": decision.kind, "reason": decision.reason, "policy_version": decision.policy_version,
            "severity": decision.severity, "note_bytes": decision.note.len(), "automation": decision.automation,
            "confirmed": decision.confirmed.is_some() })
    });
    json!({ "state": report.state, "decision": decision, "finding": report.finding, "incident": report.incident })
}

/// Whether that side can appeal against what was decided, and the time of that decision. It can for as long as an appeal
/// may wait.
///
/// # Errors
/// [`DecisionError::AppealNotPossible`], [`DecisionError::AppealExists`].
pub fn can_appeal(
    report: &Report,
    by: AppealBy,
    appeals: &[Appeal],
    (now_ms, appeal_due_ms): (i64, i64),
) -> Result<i64, DecisionError> {
    let decision = against(report, by).ok_or(DecisionError::AppealNotPossible)?;
    if appeals.iter().any(|appeal| appeal.by == by && appeal.decision_at_ms == decision.at_ms) {
        return Err(DecisionError::AppealExists);
    }
    if now_ms.saturating_sub(decision.at_ms) > appeal_due_ms {
        return Err(DecisionError::AppealNotPossible);
    }
    Ok(decision.at_ms)
}

/// What that side could appeal against: a decision that is not what it wants.
fn against(report: &Report, by: AppealBy) -> Option<&Decision> {
    let against = match by {
        AppealBy::Reporter => matches!(report.state, ReportState::Declined | ReportState::Merged),
        AppealBy::Subject => matches!(report.state, ReportState::Accepted | ReportState::Merged),
    };
    report.decision.as_ref().filter(|_| against)
}

/// What an appeal's outcome makes of the report; `None` when it stays as it is.
///
/// Overturned for the reporter it is accepted, with the severity given; for the subject it is declined, which counts
/// against nobody. Whatever the old decision came to in the ledger is taken back.
///
/// # Errors
/// [`DecisionError::AppealNotPossible`] when the report was decided anew since.
pub fn on_appeal(
    report: &Report,
    appeal: &Appeal,
    outcome: AppealOutcome,
    (severity, explanation): (Severity, &str),
    finding: FindingId,
    policy: &str,
    by: &By,
) -> Result<Option<Decided>, DecisionError> {
    check_text("an explanation", explanation)?;
    if outcome == AppealOutcome::Upheld {
        return Ok(None);
    }
    let decision = against(report, appeal.by).filter(|decision| decision.at_ms == appeal.decision_at_ms);
    let decided_at_ms = decision.ok_or(DecisionError::AppealNotPossible)?.at_ms;
    let granted = (appeal.by, decided_at_ms);
    Ok(Some(reversed(report, granted, (severity, explanation), finding, policy, by)))
}

/// The decision of `decided_at_ms` taken back in favour of one side.
fn reversed(
    report: &Report,
    (side, decided_at_ms): (AppealBy, i64),
    (severity, explanation): (Severity, &str),
    finding: FindingId,
    policy: &str,
    by: &By,
) -> Decided {
    let (kind, weight) = match side {
        AppealBy::Reporter => (DecisionKind::Accept, 1),
        AppealBy::Subject => (DecisionKind::Decline, 0),
    };
    let reason = (kind == DecisionKind::Decline).then(|| OVERTURNED.to_owned());
    let severity =
        if report.reporter == Reporter::Anonymous { severity.min(ANONYMOUS_SEVERITY_MAX) } else { severity };
    let wanted =
        Wanted { kind, incident: None, severity, reason, note: explanation.to_owned(), lesson: None };
    let changed = settled(report, &wanted, finding, policy, by);
    let mut ledger = vec![LedgerChange::Revert { at_ms: by.at_ms }];
    // as of the first decision: what fades has faded as if this had been it
    ledger.extend(entry(&changed, weight, decided_at_ms).map(LedgerChange::Add));
    recorded(report, changed, ledger)
}

pub(crate) fn check_text(what: &'static str, text: &str) -> Result<(), DecisionError> {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.trim().is_empty() || text.len() > NOTE_BYTES_MAX || text.contains(control) {
        return Err(DecisionError::Text { what, bytes_max: NOTE_BYTES_MAX });
    }
    Ok(())
}
