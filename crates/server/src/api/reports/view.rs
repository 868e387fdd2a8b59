//! How reports look to those who read and decide them. Times are RFC 3339, in UTC.

use super::sight;
use super::view_parts::message_view;
pub(crate) use super::view_parts::{
    AppealView, AttachmentView, BesideIncident, NoticeView, ReportMessageView,
};
use crate::problem::Problem;
use crate::state::App;
use access::{Admitted, Sight};
use jiff::Timestamp;
use model::{
    AppealBy, AppealState, Attachment, Decision, IncidentId, Report, ReportContext, ReportMessage,
    ReportNotice, ReportProvenance, Reporter,
};
use ports::Snapshot;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// RFC 3339, in UTC; a time that no calendar has is the epoch.
pub(crate) fn time(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).unwrap_or_default().to_string()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    audit::line::hex(bytes)
}

/// Who reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ReporterView {
    /// `anonymous`, `person` or `token`.
    kind: &'static str,
    /// The name that people see.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// `per_…` or `tok_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

impl ReporterView {
    /// Who reports; to those who do not moderate only of which kind: a report may be about whoever reads it.
    async fn of(app: &App, reporter: &Reporter, inside: bool) -> Result<Self, Problem> {
        if !inside {
            return Ok(Self { kind: reporter.kind(), name: None, id: None });
        }
        let name = match reporter {
            Reporter::Anonymous => None,
            Reporter::Token { name, .. } => Some(name.clone()),
            Reporter::Person { id } => app.directory.person(*id).await?.map(|person| person.name.clone()),
        };
        Ok(Self { kind: reporter.kind(), name, id: reporter.key() })
    }
}

/// A report in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ReportSummary {
    /// `rep_…`
    pub(crate) id: String,
    /// The form's type.
    form: String,
    /// One line; masked, and in the reporter's words.
    title: String,
    /// The service that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// Who answers for the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// `held`, `received`, `needs_info`, `accepted`, `merged`, `declined` or `withdrawn`.
    state: &'static str,
    /// What the reporter had earned: `anonymous`, `newcomer`, `regular`, `trusted` or `watched`.
    ///
    /// Told to those who moderate.
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<&'static str>,
    /// Who reports; by name to those who moderate.
    reporter: ReporterView,
    /// The reporter said or sent something since the team last did anything.
    unread: bool,
    /// Automation accepted it, and no person has reviewed that; told to those who moderate.
    unreviewed: bool,
    /// `web`, `cli`, `link`, `mcp` or `api`.
    channel: &'static str,
    /// When it came.
    created_at: String,
    /// When anything about it last changed.
    updated_at: String,
    /// Send it back in `If-Match`.
    pub(crate) version: u64,
    /// The incident that it belongs to, if the asker may see that.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
    /// `open` or `decided`, where somebody appealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    appeal: Option<&'static str>,
    /// When the reporter must hear again.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    /// That time is over.
    overdue: bool,
    /// Why it waits for a person before any automation may touch it; told to those who moderate.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_reason: Option<String>,
}

impl ReportSummary {
    pub(crate) async fn of(
        app: &App,
        admitted: &Admitted,
        snapshot: &mut dyn Snapshot,
        report: &Report,
    ) -> Result<Self, Problem> {
        let incident = match (report.finding, report.incident) {
            (Some(finding), _) => snapshot.findings().incident_of(finding).await?,
            (None, incident) => incident,
        };
        let appeals = snapshot.appeals().of_report(report.id).await?;
        // what the subject appeals is between them and those who decide, until it changes the report
        let own = sight::is_own(admitted, report);
        let told = || appeals.iter().filter(|appeal| !own || appeal.by == AppealBy::Reporter);
        let open = told().find(|appeal| appeal.state == AppealState::Open);
        let incident = Sight::of_snapshot(snapshot, &admitted.visible).seen(incident).await?;
        let whose = sight::ownership(app, report.service.as_deref());
        let inside = sight::sees_inside(admitted, report);
        Ok(Self {
            id: report.id.to_string(),
            form: report.form.clone(),
            title: report.title.clone(),
            service: report.service.clone(),
            owner: whose.owner,
            state: report.state.as_str(),
            tier: inside.then(|| report.tier.as_str()),
            reporter: ReporterView::of(app, &report.reporter, inside || own).await?,
            unread: report.has_news(),
            unreviewed: inside && report.awaits_review(),
            channel: report.channel.as_str(),
            created_at: time(report.created_at_ms),
            updated_at: time(report.updated_at_ms),
            version: report.version,
            incident: incident.map(|id| id.to_string()),
            appeal: open.or_else(|| told().next()).map(|appeal| appeal.state.as_str()),
            due_at: report.next_update_due_ms.map(time),
            overdue: report.is_overdue(app.clock.now_ms()),
            held_reason: report.held_reason.clone().filter(|_| inside),
        })
    }

    /// For the reporter: what holds a report up is no verdict on them, and may tell a ring that it was seen.
    pub(crate) fn for_reporter(self) -> Self {
        Self { held_reason: None, unreviewed: false, ..self }
    }

    /// Several, in their order.
    pub(crate) async fn all(
        app: &App,
        admitted: &Admitted,
        snapshot: &mut dyn Snapshot,
        reports: &[Report],
    ) -> Result<Vec<Self>, Problem> {
        let mut items = Vec::with_capacity(reports.len());
        for report in reports {
            items.push(Self::of(app, admitted, snapshot, report).await?);
        }
        Ok(items)
    }
}

/// Where in the work something was seen.
#[derive(Debug, Clone, Serialize, serde::Deserialize, ToSchema, Default, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ContextView {
    /// The commit, as hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<String>,
    /// The repository, `owner/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repository: Option<String>,
    /// `production`, `staging`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<String>,
    /// The run of a pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ci_run: Option<String>,
    /// A file, relative to its repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// Lines of that file: `12` or `12-20`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lines: Option<String>,
    /// Whether the reporter's machine says that the commit is signed; of a report that is read, the provenance says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signed_commit: Option<bool>,
}

impl ContextView {
    pub(crate) fn context(self) -> (ReportContext, Option<bool>) {
        let Self { commit, branch, repository, environment, ci_run, file, lines, signed_commit } = self;
        (ReportContext { commit, branch, repository, environment, ci_run, file, lines }, signed_commit)
    }
}

impl From<ReportContext> for ContextView {
    fn from(context: ReportContext) -> Self {
        let ReportContext { commit, branch, repository, environment, ci_run, file, lines } = context;
        Self { commit, branch, repository, environment, ci_run, file, lines, signed_commit: None }
    }
}

/// What speaks for a report beside its words.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ProvenanceView {
    /// How hard its channel is to forge, 0 (anybody) to 3.
    channel_strength: u8,
    /// The reporter signed in by the organisation's identity provider.
    sso: bool,
    /// Whether the commit that it names is signed; absent where nobody can say.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_commit: Option<bool>,
    /// Another reporter, independent of this one, says the same.
    corroborated: bool,
    /// An authoritative source has telemetry about the same entity.
    telemetry_match: bool,
}

impl From<ReportProvenance> for ProvenanceView {
    fn from(provenance: ReportProvenance) -> Self {
        let ReportProvenance { channel_strength, sso, signed_commit, corroborated, telemetry_match } =
            provenance;
        Self { channel_strength, sso, signed_commit, corroborated, telemetry_match }
    }
}

/// What was decided of a report.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DecisionView {
    /// `accept`, `merge` or `decline`.
    kind: &'static str,
    /// The reason's id in the moderation policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What the policy calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_title: Option<String>,
    /// The version of the policy that it was decided under.
    policy_version: String,
    /// To the reporter.
    note: String,
    /// How grave an accepted report is.
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    /// Who decided; told to those who moderate.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Whether the product decided by itself.
    automation: bool,
    /// Who reviewed what the product decided by itself, and let it stand; told to those who moderate.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_by: Option<String>,
    /// When they did; told to those who moderate.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<String>,
    /// When.
    decided_at: String,
}

impl DecisionView {
    fn of(decision: &Decision, reason_title: Option<String>, inside: bool) -> Self {
        let confirmed = decision.confirmed.as_ref().filter(|_| inside);
        Self {
            kind: decision.kind.as_str(),
            reason: decision.reason.clone(),
            reason_title,
            policy_version: decision.policy_version.clone(),
            note: decision.note.clone(),
            severity: decision.severity.map(|severity| severity.as_str()),
            by: inside.then(|| decision.by.name().to_owned()),
            automation: decision.automation,
            confirmed_by: confirmed.map(|confirmed| confirmed.by.name().to_owned()),
            confirmed_at: confirmed.map(|confirmed| time(confirmed.at_ms)),
            decided_at: time(decision.at_ms),
        }
    }
}

/// Earlier reports.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HistoryView {
    /// Of the same reporter, the newest first; none of an anonymous one.
    pub(crate) reporter: Vec<ReportSummary>,
    /// About the same service, the newest first.
    pub(crate) service: Vec<ReportSummary>,
}

/// How reliable somebody's reports have been.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct StandingView {
    /// The expected share that holds.
    pub(crate) mean: f64,
    /// 5 % lie below.
    pub(crate) low: f64,
    /// 5 % lie above.
    pub(crate) high: f64,
    /// `newcomer`, `regular`, `trusted` or `watched`.
    pub(crate) tier: &'static str,
}

/// What the asker may do with a report beside what their role lets them do with every one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CanView {
    /// For which side they can appeal now, where they can: `subject` or `reporter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) appeal: Option<&'static str>,
    /// Whether they can say that automation was right to accept it.
    pub(crate) review: bool,
    /// Whether they can take back that it was accepted; not while its subject's appeal is open.
    pub(crate) overturn: bool,
}

/// A report with all that belongs to it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ReportView {
    /// The report.
    #[serde(flatten)]
    pub(crate) summary: ReportSummary,
    /// The form's main text; masked.
    text: String,
    /// The form's other fields; masked.
    #[schema(value_type = Object)]
    fields: Map<String, Value>,
    /// Where in the work it was seen.
    context: ContextView,
    /// What speaks for it beside its words.
    provenance: ProvenanceView,
    /// What was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionView>,
    /// What was said, the earliest first; what is internal is told to those who moderate, unless it is their own report.
    messages: Vec<ReportMessageView>,
    /// The reporter's files.
    attachments: Vec<AttachmentView>,
    /// Earlier reports of the same reporter and about the same service.
    history: HistoryView,
    /// The incident that the reporter said it adds to, and those that are like it.
    related: Vec<BesideIncident>,
    /// What moderators were told of it; told to them.
    notices: Vec<NoticeView>,
    /// What the reporter's earlier reports of this kind came to; told to those who moderate, none of an anonymous one.
    #[serde(skip_serializing_if = "Option::is_none")]
    reputation: Option<StandingView>,
    /// How many places were masked.
    masked_count: u32,
    /// Something was masked here that the reporter's machine had let through.
    personal_held: bool,
    /// No automation may act on it; told to those who moderate.
    automation_held: bool,
    /// What the asker may do with it.
    can: CanView,
}

/// What a report's view is put together from.
pub(crate) struct Beside {
    pub(crate) summary: ReportSummary,
    pub(crate) reason_title: Option<String>,
    pub(crate) messages: Vec<ReportMessage>,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) history: HistoryView,
    pub(crate) related: Vec<BesideIncident>,
    pub(crate) notices: Vec<ReportNotice>,
    pub(crate) reputation: Option<StandingView>,
    pub(crate) automation_held: bool,
    pub(crate) can: CanView,
    /// Whether the asker sees what those who moderate do.
    pub(crate) inside: bool,
}

impl ReportView {
    pub(crate) fn of(report: Report, beside: Beside) -> Self {
        Self {
            summary: beside.summary,
            text: report.text,
            fields: report.fields,
            context: report.context.into(),
            provenance: report.provenance.into(),
            decision: report
                .decision
                .map(|decision| DecisionView::of(&decision, beside.reason_title, beside.inside)),
            messages: beside
                .messages
                .into_iter()
                .map(|message| message_view(message, beside.inside))
                .collect(),
            attachments: beside.attachments.into_iter().map(Into::into).collect(),
            history: beside.history,
            related: beside.related,
            notices: beside.notices.into_iter().map(Into::into).collect(),
            reputation: beside.reputation,
            masked_count: report.masked_count,
            personal_held: report.personal_held,
            automation_held: beside.automation_held,
            can: beside.can,
        }
    }
}

/// The incidents that the asker may see, of some.
pub(crate) async fn incidents_beside(
    snapshot: &mut dyn Snapshot,
    admitted: &Admitted,
    ids: impl IntoIterator<Item = IncidentId>,
) -> Result<Vec<BesideIncident>, Problem> {
    let mut found = Vec::new();
    for id in ids {
        let incident = snapshot.incidents().get(id).await?;
        found.extend(incident.filter(|incident| admitted.visible.sees(incident)).as_ref().map(Into::into));
    }
    Ok(found)
}
