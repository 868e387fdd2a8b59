//! `POST /api/v1/reports`: the one way in, behind every surface.
//!
//! **Invariant:** of a report that names nobody, no address, account, browser or request id goes further than this handler:
//! the address serves to tell guests' rates apart, in memory, and is not kept.

use super::forms::{own_url, with_link};
use super::view::{ContextView, hex, time};
use crate::api::idempotency::Key;
use crate::code::Code;
use crate::edge::{RequestId, address};
use crate::extract::{JsonBody, MaybeAs};
use crate::problem::{Problem, ProblemBody};
use crate::report_parts::Reports;
use crate::state::App;
use access::{Admitted, Credential as By, Purpose, TicketError};
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{Extensions, HeaderMap, Method, StatusCode};
use model::{Channel, IncidentId, Principal, Reporter};
use report::link::LinkRefused;
use report::provenance::{self, Credential, channel_of};
use report::service_index::Audience;
use report::{Filed, Submission};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Shortest idempotency key of somebody who is nobody here, in bytes: guests share one space of keys, and whoever repeats
/// another's request by its key gets the receipt of it.
const GUEST_KEY_BYTES_MIN: usize = 16;

/// A report.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReport {
    /// The form's type.
    pub(crate) form: String,
    /// The service that it is about.
    pub(crate) service: Option<String>,
    /// One line; made of the text if not said.
    pub(crate) title: Option<String>,
    /// The form's other fields.
    #[schema(value_type = Object)]
    pub(crate) fields: Map<String, Value>,
    /// Where in the work it was seen.
    #[serde(default)]
    pub(crate) context: ContextView,
    /// `web`, `cli`, `link` or `api`.
    pub(crate) channel: Option<String>,
    /// Whether whoever is signed in stays unknown.
    #[serde(default)]
    pub(crate) anonymous: bool,
    /// The open matter that it adds to: a `reference` of `/reports/related`.
    pub(crate) add_to: Option<String>,
    /// The token of the signed link that it was begun by.
    pub(crate) link: Option<String>,
    /// How many places were masked before it was sent.
    #[serde(default)]
    pub(crate) client_masked: u32,
}

/// The way back to a report.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiptIssued {
    /// Opens it in a browser; what stands after `#` is sent to no server.
    url: String,
    /// The same, to be pasted. It is stored nowhere and shown this once.
    secret: String,
}

/// What was masked here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MaskedView {
    /// How many places, beside those that were masked before it was sent.
    count: u32,
    /// What they were.
    kinds: Vec<String>,
}

/// That the submission is recorded, and where.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ProofView {
    /// The audit record.
    pub(crate) audit_id: String,
    /// The hash of its leaf, 64 hex digits.
    pub(crate) leaf: String,
    /// The leaf's place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<u64>,
    /// Records of the signed tree that it is proved to be in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tree_size: Option<u64>,
    /// That tree's root, 64 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) root: Option<String>,
    /// The siblings on the way to the root, the lowest first, 64 hex digits each (RFC 6962 §2.1.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hashes: Option<Vec<String>>,
    /// Whether it is not signed yet.
    pub(crate) pending: bool,
}

/// A report that was taken in.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportFiled {
    /// `rep_…`
    id: String,
    /// `received` or `held`.
    state: &'static str,
    /// The way back to it.
    receipt: ReceiptIssued,
    /// When it was durable.
    acknowledged_at: String,
    /// When the reporter hears again at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_update_due: Option<String>,
    /// What was masked here.
    masked: MaskedView,
    /// That it is recorded.
    proof: ProofView,
}

impl ReportFiled {
    pub(crate) fn of(filed: Filed, own_url: &str) -> Self {
        let secret = filed.secret.reveal().to_owned();
        let (index, leaf) = filed
            .recorded
            .map_or((None, String::new()), |recorded| (Some(recorded.index), hex(&recorded.leaf_hash)));
        let audit_id = filed.report.submit_record.to_string();
        Self {
            id: filed.report.id.to_string(),
            state: filed.report.state.as_str(),
            receipt: ReceiptIssued { url: format!("{own_url}/receipt#{secret}"), secret },
            acknowledged_at: time(filed.report.created_at_ms),
            next_update_due: filed.report.next_update_due_ms.map(time),
            masked: MaskedView { count: filed.masked.count, kinds: filed.masked.kinds.into_iter().collect() },
            proof: ProofView { audit_id, leaf, index, pending: true, ..ProofView::default() },
        }
    }
}

/// Report something
///
/// From anybody: who sends a token or a session is the reporter, unless `anonymous` is true; nothing is kept of who sends
/// neither. Texts are masked. It is answered when it is durable. Nobody is refused for how much they send; what comes too
/// fast waits until a person looks (`held`). With an `Idempotency-Key` it can be sent again safely, and gets the same receipt.
#[utoipa::path(
    post,
    path = "/api/v1/reports",
    tag = "reports",
    params(("idempotency-key" = Option<String>, Header, description = "To send the request again safely; of guests at least 16 characters")),
    request_body = NewReport,
    responses(
        (status = 201, description = "It is durable", body = ReportFiled),
        (status = 404, description = "There is no such form, or no reports are taken here", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It does not fit its form; `errors` says where", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    reports: Reports,
    MaybeAs(known): MaybeAs,
    head: (Method, OriginalUri, HeaderMap, Extensions),
    JsonBody { value: new, bytes }: JsonBody<NewReport>,
) -> Result<(StatusCode, Json<ReportFiled>), Problem> {
    let (method, OriginalUri(uri), headers, extensions) = head;
    reports.open_to(known.as_ref())?;
    // whoever wants to stay unknown is nobody from here on
    let known = known.filter(|_| !new.anonymous);
    let of_whom = match known.as_deref() {
        Some(Admitted { principal: Principal::Person { id, .. } | Principal::Token { id, .. }, .. }) => {
            id.as_str()
        }
        _ => "guest",
    };
    let key = Key::of(&headers, of_whom, (&method, uri.path(), &bytes))?;
    if key.as_ref().is_some_and(|key| known.is_none() && key.len() < GUEST_KEY_BYTES_MIN) {
        let detail = format!("a guest's key has at least {GUEST_KEY_BYTES_MIN} characters, such as a UUID");
        return Err(Problem::new(Code::IdempotencyKeyInvalid, detail));
    }
    let mut submission = submission(&app, &reports, known.as_deref(), new, false).await?;
    submission.once = key.map(|key| key.once());
    submission.address = address(&extensions);
    submission.request_id = extensions.get::<RequestId>().filter(|_| known.is_some()).map(|id| id.0.clone());
    let filed = reports.0.intake.submit(submission).await?;
    Ok((StatusCode::CREATED, Json(ReportFiled::of(filed, &own_url(&app, &headers)))))
}

/// What somebody sends, without what only the transport knows.
pub(crate) async fn submission(
    app: &App,
    reports: &Reports,
    known: Option<&Admitted>,
    new: NewReport,
    is_mcp: bool,
) -> Result<Submission, Problem> {
    let link = match new.link.as_deref().map(|token| reports.0.links.check(token, app.clock.now_ms())) {
        // while somebody wrote; what they wrote is taken, only the link vouches for nothing any more
        None | Some(Err(LinkRefused::Expired)) => None,
        Some(checked) => Some(checked?.link),
    };
    let context = match &link {
        Some(link) => with_link(new.context, link),
        None => new.context,
    };
    let (context, signed_commit) = context.context();
    let (reporter, principal, credential) = reporting(app, known);
    let (channel, credential) = way(new.channel.as_deref(), link.is_some(), credential, is_mcp)?;
    let service = match link.as_ref().and_then(|link| link.service.clone()).or(new.service) {
        Some(name) => Some(as_catalogued(app, reports, known, name).await),
        None => None,
    };
    Ok(Submission {
        form: new.form,
        service,
        title: new.title,
        fields: new.fields,
        context,
        signed_commit,
        reporter,
        principal,
        credential,
        channel,
        address: None,
        request_id: None,
        related: new
            .add_to
            .as_deref()
            .map(|reference| referred(app, known, reference))
            .transpose()?
            .flatten(),
        client_masked: new.client_masked,
        region: reports.0.options.region.clone(),
        once: None,
    })
}

/// The service's name as the catalogue spells it, where whoever reports may know that it is there; else as they wrote it.
async fn as_catalogued(app: &App, reports: &Reports, known: Option<&Admitted>, name: String) -> String {
    let audience = if known.is_some() { Audience::Insider } else { Audience::Guest };
    let public = &reports.0.options.public_services;
    let index = app.service_names.index(&app.services, public, app.clock.now_ms()).await;
    index.get(&name, audience).map_or(name, |service| service.name.clone())
}

/// What stands before an incident in a reference that a guest was given.
pub(crate) const FOUND_BY_GUEST: &str = "guest ";

/// Whose report it is: a person's, also by a token of theirs; a machine's by its token; else nobody's.
fn reporting(app: &App, known: Option<&Admitted>) -> (Reporter, Principal, Credential) {
    let Some(admitted) = known else { return (Reporter::Anonymous, Principal::Guest, Credential::None) };
    let (reporter, credential) = match &admitted.by {
        By::Session(signed_in) => {
            let sso = app.oidc.iter().any(|oidc| oidc.settings().id == signed_in.session.provider);
            (Reporter::Person { id: signed_in.person.id }, Credential::Session { sso })
        }
        By::Token(grant) => {
            let machine = || Reporter::Token { id: grant.id, name: grant.name.clone() };
            let reporter = grant.person.map_or_else(machine, |id| Reporter::Person { id });
            (reporter, Credential::Token)
        }
    };
    (reporter, admitted.principal.clone(), credential)
}

/// By which way it came, and what was verified of it. A link whose signature holds is one, whoever came by it.
fn way(
    claimed: Option<&str>,
    by_link: bool,
    known: Credential,
    is_mcp: bool,
) -> Result<(Channel, Credential), Problem> {
    let claimed = claimed.map(|name| {
        let known =
            provenance::Channel::from_name(name).filter(|channel| *channel != provenance::Channel::Mcp);
        known.ok_or_else(|| Problem::new(Code::RequestInvalid, "channel is web, cli, link or api"))
    });
    let credential = if by_link && known == Credential::None { Credential::Link } else { known };
    let channel = match channel_of(claimed.transpose()?, credential, is_mcp) {
        _ if by_link && !is_mcp => Channel::Link,
        provenance::Channel::Web => Channel::Web,
        provenance::Channel::Cli => Channel::Cli,
        provenance::Channel::Link => Channel::Link,
        provenance::Channel::Mcp => Channel::Mcp,
        provenance::Channel::Api => Channel::Api,
    };
    Ok((channel, credential))
}

/// The incident of a reference. One that does not hold any more is no reason to lose a report.
fn referred(app: &App, known: Option<&Admitted>, reference: &str) -> Result<Option<IncidentId>, Problem> {
    match app.gate.tickets().read(Purpose::Related, reference) {
        // what only somebody who is signed in can have found would say who they are
        Ok(ticket) => Ok(match ticket.subject.strip_prefix(FOUND_BY_GUEST) {
            Some(incident) => incident.parse().ok(),
            None => ticket.subject.parse().ok().filter(|_| known.is_some()),
        }),
        Err(TicketError::Expired) => Ok(None),
        Err(TicketError::NotOurs) => {
            Err(Problem::new(Code::RequestInvalid, "add_to is no reference of /reports/related"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_what_can_be_checked_of_it() {
        let (none, token) = (Credential::None, Credential::Token);
        let session = Credential::Session { sso: true };
        let cases = [
            (Some("link"), true, none, false, Some((Channel::Link, Credential::Link))),
            (Some("web"), true, session, false, Some((Channel::Link, session))),
            (Some("link"), false, none, false, Some((Channel::Api, none))),
            (Some("web"), false, none, false, Some((Channel::Web, none))),
            (Some("cli"), false, token, false, Some((Channel::Cli, token))),
            (None, false, session, false, Some((Channel::Web, session))),
            (None, false, token, false, Some((Channel::Api, token))),
            (None, false, token, true, Some((Channel::Mcp, token))),
            (Some("mcp"), false, token, false, None),
            (Some("phone"), false, none, false, None),
        ];
        for (claimed, by_link, known, is_mcp, expected) in cases {
            let found = way(claimed, by_link, known, is_mcp).ok();
            assert_eq!(found, expected, "{claimed:?} {by_link} {known:?} {is_mcp}");
        }
    }
}
