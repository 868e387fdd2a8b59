//! What somebody who reports is shown first: forms, services by name, matters that are open already, the policy, links.

use super::Items;
use super::intake::FOUND_BY_GUEST;
use super::view::{ContextView, time};
use crate::code::Code;
use crate::extract::{JsonBody, MaybeAs, NoParams, Params};
use crate::problem::{Problem, ProblemBody};
use crate::report_lookup::is_open;
use crate::report_parts::Reports;
use crate::state::App;
use access::{Admitted, Purpose};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use model::{Incident, Visibility};
use report::form::FormView;
use report::link::{LinkRefused, ReportLink};
use report::related::RelatedQuery;
use report::service_index::{Audience, ServiceHit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Services that are offered when it is not said how many.
const SERVICES_DEFAULT: usize = 8;
/// Open matters that are offered.
const RELATED_MAX: usize = 3;
/// Open matters that are looked at for these.
const RELATED_LOOKED_AT_MAX: usize = 64;
/// Longest text that matters are looked for by, in bytes.
const RELATED_TEXT_BYTES_MAX: usize = 64 * 1024;
/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A field of a form.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FormFieldView {
    /// Its name in `fields`.
    name: String,
    /// What stands beside it.
    label: String,
    /// `text`, `textarea`, `choice`, `service`, `commit`, `url`, `time` or `list`.
    #[schema(value_type = String)]
    kind: report::form::FieldKind,
    /// Whether a report without it is refused.
    required: bool,
    /// A sentence below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// The answers to choose from.
    #[serde(skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<String>>,
    /// Longest answer, in characters; of a list: of one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_chars: Option<u64>,
    /// Most lines of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_items: Option<u64>,
    /// Whether a surface fills it where it can.
    prefilled: bool,
    /// With what: a key of the report's context, or `now`.
    #[serde(skip_serializing_if = "Option::is_none")]
    prefill: Option<String>,
}

/// A matter that does not belong into a report.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForbiddenMatter {
    /// Its name.
    category: String,
    /// What the reporter is told.
    message: String,
    /// Lower-case words or phrases it is told by.
    words: Vec<String>,
}

/// A kind of report.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportForm {
    /// Its name, such as `leaked-secret`.
    #[serde(rename = "type")]
    form_type: String,
    /// Grows with every change of what it asks.
    version: u32,
    /// What people call it.
    title: String,
    /// When to take it.
    description: String,
    /// What must not be written into it.
    warning: String,
    /// Matters that do not belong into it.
    forbidden: Vec<ForbiddenMatter>,
    /// Names of the required fields.
    required: Vec<String>,
    /// In the order in which they are shown.
    fields: Vec<FormFieldView>,
    /// JSON Schema (draft 2020-12) of the answers.
    #[schema(value_type = Object)]
    schema: Value,
}

impl From<FormView> for ReportForm {
    fn from(form: FormView) -> Self {
        let field = |field: report::form::FieldView| FormFieldView {
            name: field.name,
            label: field.label,
            kind: field.kind,
            required: field.required,
            help: field.help,
            choices: field.choices,
            max_chars: field.max_chars,
            max_items: field.max_items,
            prefilled: field.prefilled,
            prefill: field.prefill,
        };
        let matter = |matter: report::form::ForbiddenView| ForbiddenMatter {
            category: matter.category,
            message: matter.message,
            words: matter.words,
        };
        Self {
            form_type: form.form_type,
            version: form.version,
            title: form.title,
            description: form.description,
            warning: form.warning,
            forbidden: form.forbidden.into_iter().map(matter).collect(),
            required: form.required,
            fields: form.fields.into_iter().map(field).collect(),
            schema: form.schema,
        }
    }
}

/// List forms
///
/// The kinds of reports, and what each asks for.
#[utoipa::path(
    get,
    path = "/api/v1/forms",
    tag = "reports",
    responses(
        (status = 200, description = "All of them", body = Items<ReportForm>),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    reports: Reports,
    MaybeAs(known): MaybeAs,
    _: Params<NoParams>,
) -> Result<Json<Items<ReportForm>>, Problem> {
    reports.open_to(known.as_ref())?;
    Ok(Json(Items { items: reports.0.forms.iter().map(|form| form.view().into()).collect() }))
}

/// Which services.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct NamedServices {
    /// What was typed.
    q: String,
    /// How many at most, 1 to 50; 8 if not said.
    limit: Option<usize>,
}

/// A service that fits what was typed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoundService {
    /// Its name.
    name: String,
    /// Who answers for it; not told to guests.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// How well it fits, 0 to 1.
    score: f64,
}

impl From<ServiceHit> for FoundService {
    fn from(hit: ServiceHit) -> Self {
        Self { name: hit.name, owner: hit.owner, score: hit.score }
    }
}

/// Find services by name
///
/// As somebody types, errors and all. Guests find those that the installation shows to everybody.
#[utoipa::path(
    get,
    path = "/api/v1/reports/services",
    tag = "reports",
    params(NamedServices),
    responses(
        (status = 200, description = "The best first", body = Items<FoundService>),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn services(
    State(app): State<App>,
    reports: Reports,
    MaybeAs(known): MaybeAs,
    Params(params): Params<NamedServices>,
) -> Result<Json<Items<FoundService>>, Problem> {
    reports.open_to(known.as_ref())?;
    let audience = if known.is_some() { Audience::Insider } else { Audience::Guest };
    let public = &reports.0.options.public_services;
    let index = app.service_names.index(&app.services, public, app.clock.now_ms()).await;
    let found = index.search(&params.q, params.limit.unwrap_or(SERVICES_DEFAULT), audience);
    Ok(Json(Items { items: found.into_iter().map(Into::into).collect() }))
}

/// A report that is being written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draft {
    /// The form's type.
    form: String,
    /// The service that it is about.
    service: Option<String>,
    /// What was written so far. It is not kept.
    text: String,
}

/// A matter that is open already.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RelatedMatter {
    /// Send it in `add_to`; holds for an hour.
    reference: String,
    /// What it is called; guests are told of which service it is.
    title: String,
    /// The service that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// Since when; for guests to the day.
    since: String,
    /// Where the work on it stands; for guests `open`.
    state: &'static str,
}

/// Find open matters
///
/// That a report which is being written may belong to. Guests are told that there is something open about a public service,
/// never what: their text is not compared with anything.
#[utoipa::path(
    post,
    path = "/api/v1/reports/related",
    tag = "reports",
    request_body = Draft,
    responses(
        (status = 200, description = "At most three, the likeliest first", body = Items<RelatedMatter>),
        (status = 404, description = "No reports are taken here, or no such form", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn related(
    State(app): State<App>,
    reports: Reports,
    MaybeAs(known): MaybeAs,
    JsonBody { value: draft, .. }: JsonBody<Draft>,
) -> Result<Json<Items<RelatedMatter>>, Problem> {
    reports.open_to(known.as_ref())?;
    if reports.0.forms.get(&draft.form).is_none() {
        return Err(Problem::new(Code::FormUnknown, "there is no form of that type"));
    }
    if draft.text.len() > RELATED_TEXT_BYTES_MAX {
        return Err(Problem::new(
            Code::BodyTooLarge,
            format!("text: at most {RELATED_TEXT_BYTES_MAX} bytes"),
        ));
    }
    let (service, now_ms) = (draft.service.as_deref(), app.clock.now_ms());
    // by words, a guest could ask what titles of incidents say, a word at a time
    let text = if known.is_some() { draft.text.as_str() } else { "" };
    let query = RelatedQuery { text, service, now_ms };
    let ids = app.matters.rank(&*app.store, &query, RELATED_LOOKED_AT_MAX).await?;
    let mut snapshot = app.store.read().await?;
    let mut items = Vec::new();
    for id in ids {
        let incident = snapshot.incidents().get(id).await?.filter(is_open);
        items.extend(incident.and_then(|incident| matter(&app, &reports, known.as_deref(), &incident)));
        if items.len() == RELATED_MAX {
            break;
        }
    }
    Ok(Json(Items { items }))
}

/// What the asker may know of an open incident.
fn matter(
    app: &App,
    reports: &Reports,
    known: Option<&Admitted>,
    incident: &Incident,
) -> Option<RelatedMatter> {
    let service = incident.ownership.service.clone();
    let (title, since_ms, state) = match known {
        Some(admitted) if admitted.visible.sees(incident) => {
            (incident.shown_title().to_owned(), incident.created_at_ms, incident.status.as_str())
        }
        Some(_) => return None,
        None => {
            let name = service.as_deref().filter(|name| reports.0.options.public_services.has(name))?;
            if incident.visibility != Visibility::Everyone {
                return None;
            }
            let day_ms = incident.created_at_ms.div_euclid(DAY_MS) * DAY_MS;
            (format!("an open matter on {name}"), day_ms, "open")
        }
    };
    let by_guest = if known.is_none() { FOUND_BY_GUEST } else { "" };
    let (reference, _) = app.gate.tickets().give(Purpose::Related, &format!("{by_guest}{}", incident.id))?;
    Some(RelatedMatter { reference, title, service, since: time(since_ms), state })
}

/// A reason of the policy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyReason {
    /// Its name in decisions.
    id: String,
    /// In a few words.
    title: String,
    /// What the reporter reads.
    text: String,
    /// Whether it lowers the reporter's reputation.
    counts_against: bool,
    /// The decisions that it goes with.
    kinds: Vec<&'static str>,
}

/// How reports are decided.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyView {
    /// Changes with every change of the rest.
    version: String,
    /// What it is called.
    title: String,
    /// Paragraphs, with an empty line between.
    text: String,
    /// Why a report may be decided so.
    reasons: Vec<PolicyReason>,
}

/// Read the moderation policy
#[utoipa::path(
    get,
    path = "/api/v1/reports/policy",
    tag = "reports",
    responses(
        (status = 200, description = "The policy in force", body = PolicyView),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn policy(reports: Reports, _: Params<NoParams>) -> Json<PolicyView> {
    let policy = &reports.0.policy;
    let reason = |reason: &report::policy::Reason| PolicyReason {
        id: reason.id.clone(),
        title: reason.title.clone(),
        text: reason.text.clone(),
        counts_against: reason.counts_against,
        kinds: reason.kinds.iter().map(|kind| kind.as_str()).collect(),
    };
    Json(PolicyView {
        version: policy.version.clone(),
        title: policy.title.clone(),
        text: policy.text.clone(),
        reasons: policy.reasons.iter().map(reason).collect(),
    })
}

/// What a signed link brought.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkToken {
    /// What stands in the link after `link=`.
    token: String,
}

/// What a link says.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckedLinkView {
    /// The service that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// What else is filled in.
    context: BTreeMap<String, String>,
    /// Until when it holds.
    expires_at: String,
    /// The key that it was signed with.
    key_id: String,
}

impl From<LinkRefused> for Problem {
    fn from(refused: LinkRefused) -> Self {
        Self::new(Code::ReportLinkRefused, refused.to_string())
    }
}

/// Check a link to the form
#[utoipa::path(
    post,
    path = "/api/v1/reports/link/check",
    tag = "reports",
    request_body = LinkToken,
    responses(
        (status = 200, description = "It holds, and says this", body = CheckedLinkView),
        (status = 403, description = "It does not hold", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn check_link(
    State(app): State<App>,
    reports: Reports,
    JsonBody { value, .. }: JsonBody<LinkToken>,
) -> Result<Json<CheckedLinkView>, Problem> {
    let checked = reports.0.links.check(&value.token, app.clock.now_ms())?;
    let ReportLink { service, context, expires_at_ms } = checked.link;
    Ok(Json(CheckedLinkView { service, context, expires_at: time(expires_at_ms), key_id: checked.key_id }))
}

/// A link to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLinkToForm {
    /// The service that it is about.
    service: Option<String>,
    /// What else is filled in: `commit`, `branch`, `repository`, `environment`, `ci_run`, `file`, `lines`, `form`, …
    #[serde(default)]
    context: BTreeMap<String, String>,
    /// For how long it holds, in seconds; at most 366 days.
    expires_in_s: u32,
}

/// A link to the form.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkToForm {
    /// The whole address.
    url: String,
    /// What stands in it after `link=`.
    token: String,
    /// Until when it holds.
    expires_at: String,
    /// The key that it was signed with.
    key_id: String,
}

/// Make a link to the form
///
/// It says where a report comes from (a service, a commit, a run), never by whom, and opens nothing.
#[utoipa::path(
    post,
    path = "/api/v1/report-links",
    tag = "reports",
    request_body = NewLinkToForm,
    responses(
        (status = 201, description = "The link", body = LinkToForm),
        (status = "4XX", description = "Nothing was made", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn make_link(
    State(app): State<App>,
    reports: Reports,
    headers: HeaderMap,
    JsonBody { value: new, .. }: JsonBody<NewLinkToForm>,
) -> Result<(axum::http::StatusCode, Json<LinkToForm>), Problem> {
    let now_ms = app.clock.now_ms();
    let expires_at_ms = now_ms.saturating_add(i64::from(new.expires_in_s) * 1_000);
    let link = ReportLink { service: new.service, context: new.context, expires_at_ms };
    // what no report may say must not be found out by whoever follows the link
    report::check_context(&with_link(ContextView::default(), &link).context().0)?;
    let signed = reports.0.links.sign(&link, now_ms);
    let signed = signed.map_err(|error| Problem::new(Code::RequestInvalid, error.to_string()))?;
    let url = format!("{}/report?link={}", own_url(&app, &headers), signed.token);
    let view =
        LinkToForm { url, token: signed.token, expires_at: time(expires_at_ms), key_id: signed.key_id };
    Ok((axum::http::StatusCode::CREATED, Json(view)))
}

/// Where people reach this server: as it is configured, else where the request was sent to.
pub(crate) fn own_url(app: &App, headers: &HeaderMap) -> String {
    let host =
        || headers.get(axum::http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    app.public_url.clone().unwrap_or_else(|| format!("http://{}", host()))
}

/// A link's context over what was sent beside it: what is signed counts.
pub(crate) fn with_link(mut context: ContextView, link: &ReportLink) -> ContextView {
    let said = |key: &str| link.context.get(key).cloned();
    for (place, key) in [
        (&mut context.commit, "commit"),
        (&mut context.branch, "branch"),
        (&mut context.repository, "repository"),
        (&mut context.environment, "environment"),
        (&mut context.ci_run, "ci_run"),
        (&mut context.file, "file"),
        (&mut context.lines, "lines"),
    ] {
        *place = said(key).or(place.take());
    }
    context
}
