//! `/api/v1/digests`: what was reported in a while and what became of it, for everybody; drafted, read by a person, published.

use super::forms::own_url;
use super::view::time;
use super::{Items, actor};
use crate::code::Code;
use crate::extract::{Id, JsonBody, MaybeAs, Params, Who};
use crate::problem::{Problem, ProblemBody};
use crate::report_parts::{ReportParts, Reports};
use crate::state::App;
use access::{Admitted, Scope};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::{Digest, DigestId, DigestState};
use ports::store::PageRequest;
use report::digest::{self, FeedEntry, K_DEFAULT, Share};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Digests that are listed, and stand in the feed.
const LISTED_MAX: u32 = 50;

/// A line of a digest.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DigestItem {
    /// What is counted, or told.
    label: String,
    /// How many, as it is told: rounded down, or in a word.
    count: String,
}

/// A group of reports in a digest.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DigestSection {
    /// The form, and the service if enough of them are about one.
    title: String,
    /// What others may learn.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The numbers.
    items: Vec<DigestItem>,
}

/// A digest.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DigestView {
    /// `dig_…`
    id: String,
    /// What it is called.
    title: String,
    /// `draft` or `published`.
    state: &'static str,
    /// From when.
    from: String,
    /// Until when.
    to: String,
    /// In a sentence.
    text: String,
    /// No number stands for fewer reporters than this.
    k: usize,
    /// By form and service.
    sections: Vec<DigestSection>,
    /// When it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    published_at: Option<String>,
    /// Who published it; told to moderators.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<String>,
}

impl DigestView {
    fn of(parts: &ReportParts, digest: &Digest, is_moderators: bool) -> Self {
        let content: Option<digest::Digest> = serde_json::from_value(digest.content.clone()).ok();
        let groups = content.as_ref().map(|content| content.groups.as_slice()).unwrap_or_default();
        let (from, to) = (time(digest.from_ms), time(digest.to_ms));
        let day = |text: &str| text.split('T').next().unwrap_or_default().to_owned();
        let text = match groups {
            [] => "Too few people reported to tell of it without telling of them.".to_owned(),
            _ => "What was reported and decided, in numbers that point at nobody.".to_owned(),
        };
        Self {
            id: digest.id.to_string(),
            title: format!("Reports from {} to {}", day(&from), day(&to)),
            state: digest.state.as_str(),
            from,
            to,
            text,
            k: content.as_ref().map_or(K_DEFAULT, |content| content.k),
            sections: groups.iter().map(|group| section(parts, group)).collect(),
            published_at: digest.published_at_ms.map(time),
            approved_by: digest
                .published_by
                .as_ref()
                .filter(|_| is_moderators)
                .map(|who| who.name().to_owned()),
        }
    }
}

fn section(parts: &ReportParts, group: &digest::DigestGroup) -> DigestSection {
    let form = group.form.as_deref().map_or_else(|| "Others".to_owned(), |form| parts.form_title(form));
    let title = match &group.service {
        Some(service) => format!("{form}: {service}"),
        None => form,
    };
    let accepted = match group.accepted {
        Share::Few => "few",
        Share::Half => "about half",
        Share::Most => "most",
    };
    let item = |label: &str, count: String| DigestItem { label: label.to_owned(), count };
    let text = (!group.lessons.is_empty()).then(|| group.lessons.join("\n"));
    let items = vec![
        item("Reports, at least", group.reports_min.to_string()),
        item("Of them accepted", accepted.to_owned()),
    ];
    DigestSection { title, text, items }
}

/// Which digests.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DigestParams {
    /// `published` (if not said), or `draft` for those who moderate.
    state: Option<String>,
}

fn is_moderator(known: Option<&Admitted>) -> bool {
    known.is_some_and(|admitted| admitted.scopes.has(Scope::ReportsModerate))
}

/// List digests
#[utoipa::path(
    get,
    path = "/api/v1/digests",
    tag = "reports",
    params(DigestParams),
    responses(
        (status = 200, description = "The newest first, at most 50", body = Items<DigestView>),
        (status = 403, description = "Drafts are for those who moderate", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    reports: Reports,
    MaybeAs(known): MaybeAs,
    Params(params): Params<DigestParams>,
) -> Result<Json<Items<DigestView>>, Problem> {
    let state = super::desk::state_named(params.state.as_deref(), DigestState::from_name)?;
    let state = state.unwrap_or(DigestState::Published);
    let is_moderators = is_moderator(known.as_deref());
    if state == DigestState::Draft && !is_moderators {
        return Err(access::Denied::ScopeMissing(Scope::ReportsModerate).into());
    }
    let found = app.store.read().await?.digests().list(state, &PageRequest::first(LISTED_MAX)).await?;
    let view = |digest: &Digest| DigestView::of(&reports.0, digest, is_moderators);
    Ok(Json(Items { items: found.items.iter().map(view).collect() }))
}

/// Read a digest
#[utoipa::path(
    get,
    path = "/api/v1/digests/{id}",
    tag = "reports",
    params(("id" = String, Path, description = "`dig_…`")),
    responses((status = 200, description = "The digest", body = DigestView)),
)]
pub(crate) async fn get(
    State(app): State<App>,
    reports: Reports,
    MaybeAs(known): MaybeAs,
    Id(id): Id<DigestId>,
) -> Result<Json<DigestView>, Problem> {
    let is_moderators = is_moderator(known.as_deref());
    let found = app.store.read().await?.digests().get(id).await?;
    let found = found.filter(|digest| digest.state == DigestState::Published || is_moderators);
    let digest = found.ok_or_else(|| Problem::not_found("digest", id))?;
    Ok(Json(DigestView::of(&reports.0, &digest, is_moderators)))
}

/// Follow digests
///
/// An Atom feed of what was published.
#[utoipa::path(
    get,
    path = "/api/v1/digests/feed.xml",
    tag = "reports",
    responses(
        (status = 200, description = "Atom (RFC 4287)", body = String, content_type = "application/atom+xml"),
        (status = 404, description = "No reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn feed(
    State(app): State<App>,
    reports: Reports,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = PageRequest::first(LISTED_MAX);
    let found = app.store.read().await?.digests().list(DigestState::Published, &page).await?;
    let entry = |digest: &Digest| {
        let view = DigestView::of(&reports.0, digest, false);
        let told = view.sections.iter().map(|section| {
            let items = section.items.iter().map(|item| format!("{}: {}", item.label, item.count));
            format!("{} ({})", section.title, items.collect::<Vec<_>>().join(", "))
        });
        FeedEntry {
            id: view.id,
            title: view.title,
            published_at: view.published_at.unwrap_or_default(),
            summary: std::iter::once(view.text).chain(told).collect::<Vec<_>>().join("\n"),
        }
    };
    let entries: Vec<FeedEntry> = found.items.iter().map(entry).collect();
    let feed = digest::atom_feed("Hue & Cry: reports", &own_url(&app, &headers), &entries);
    Ok(([(header::CONTENT_TYPE, "application/atom+xml; charset=utf-8")], feed).into_response())
}

/// The time that a digest is about.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDigest {
    /// From when: `2026-11-01` or RFC 3339.
    from: String,
    /// Until when, which is not in it any more.
    to: String,
}

/// Draft a digest
///
/// Of what was decided in a time. Nobody sees it but those who moderate, until one of them published it.
#[utoipa::path(
    post,
    path = "/api/v1/digests",
    tag = "reports",
    request_body = NewDigest,
    responses(
        (status = 201, description = "The draft", body = DigestView),
        (status = "4XX", description = "Nothing was drafted", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn draft(
    reports: Reports,
    who: Who,
    JsonBody { value: new, .. }: JsonBody<NewDigest>,
) -> Result<(StatusCode, Json<DigestView>), Problem> {
    let (from_ms, to_ms) = (moment(&new.from)?, moment(&new.to)?);
    let digest = reports.0.desk.draft_digest(&actor(who), from_ms, to_ms).await?;
    Ok((StatusCode::CREATED, Json(DigestView::of(&reports.0, &digest, true))))
}

/// A day (its beginning, UTC) or a moment.
fn moment(text: &str) -> Result<i64, Problem> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let moment = text.parse::<Timestamp>().ok().or_else(day);
    let moment = moment.ok_or_else(|| {
        Problem::new(Code::RequestInvalid, "from and to are days (2026-11-01) or moments (RFC 3339)")
    })?;
    Ok(moment.as_millisecond())
}

/// Publish a digest
///
/// As it is; whoever does it has read it.
#[utoipa::path(
    post,
    path = "/api/v1/digests/{id}/publish",
    tag = "reports",
    params(("id" = String, Path, description = "`dig_…`")),
    responses((status = 200, description = "The digest", body = DigestView)),
)]
pub(crate) async fn publish(
    reports: Reports,
    who: Who,
    Id(id): Id<DigestId>,
) -> Result<Json<DigestView>, Problem> {
    let digest = reports.0.desk.publish_digest(&actor(who), id).await?;
    Ok(Json(DigestView::of(&reports.0, &digest, true)))
}
