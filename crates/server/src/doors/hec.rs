//! `/services/collector…`: what senders of the Splunk HTTP Event Collector expect.

use super::intake::{cut, receive, unpack};
use super::{Receipt, STREAM_HEADER, Transport, header_text, open_door};
use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;
use ::ingest::Kind;
use ::ingest::hec::{HecCode, HecError, RawMetadata, events, raw_lines};
use ::ingest::hec_ack::ChannelId;
use ::ingest::limits::HEC_ACKS_PER_QUERY_MAX;
use access::{AdmitError, Authority, Denied, Grant, SourceDoor};
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

const CHANNEL: &str = "x-splunk-request-channel";

/// HEC's own answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HecAnswer {
    /// What happened, in Splunk's words.
    text: Cow<'static, str>,
    /// Splunk's number for it.
    code: u16,
    /// The event that is wrong, counted from 0.
    #[serde(rename = "invalid-event-number", skip_serializing_if = "Option::is_none")]
    invalid_event_number: Option<usize>,
    /// What to ask `/services/collector/ack` for.
    #[serde(rename = "ackId", skip_serializing_if = "Option::is_none")]
    ack_id: Option<u64>,
    #[serde(skip)]
    status: u16,
    #[serde(skip)]
    retry_after_ms: Option<u64>,
}

impl HecAnswer {
    pub(crate) fn of(code: HecCode) -> Self {
        let (number, status, text) = code.answer();
        Self {
            text: text.into(),
            code: number,
            invalid_event_number: None,
            ack_id: None,
            status,
            retry_after_ms: None,
        }
    }

    pub(crate) fn denied(error: &AdmitError) -> Self {
        Self::of(match error {
            AdmitError::Denied(Denied::TokenMissing) => HecCode::TokenRequired,
            AdmitError::Denied(Denied::TokenMalformed(_)) => HecCode::InvalidAuthorization,
            AdmitError::Denied(Denied::TokenExpired | Denied::TokenRevoked) => HecCode::TokenDisabled,
            AdmitError::Denied(_) | AdmitError::Forbidden { .. } => HecCode::InvalidToken,
            AdmitError::Unavailable(_) => HecCode::ServerBusy,
        })
    }

    /// A problem of the common part of all doors, in Splunk's numbers; the text says more.
    fn of_problem(problem: &Problem) -> Self {
        let code = match problem.code {
            Code::Overloaded | Code::LogDiskFull | Code::LogUnavailable | Code::StoreBusy => {
                HecCode::ServerBusy
            }
            Code::SourceDisabled | Code::SourceNotFound => HecCode::TokenDisabled,
            Code::Internal | Code::StoreUnavailable => HecCode::InternalError,
            Code::BodyTooLarge | Code::DecompressedTooLarge | Code::RecordTooLarge => HecCode::TooLarge,
            _ => HecCode::InvalidDataFormat,
        };
        let mut answer = Self::of(code);
        answer.text = format!("{} ({}: {})", answer.text, problem.code.as_str(), problem.detail).into();
        answer.retry_after_ms = problem.retry_after_ms;
        answer
    }
}

impl From<HecError> for HecAnswer {
    fn from(error: HecError) -> Self {
        Self { invalid_event_number: error.event_number, ..Self::of(error.code) }
    }
}

impl From<HecCode> for HecAnswer {
    fn from(code: HecCode) -> Self {
        Self::of(code)
    }
}

impl From<Problem> for HecAnswer {
    fn from(problem: Problem) -> Self {
        Self::of_problem(&problem)
    }
}

impl IntoResponse for HecAnswer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after_ms = self.retry_after_ms;
        let mut response = (status, Json(self)).into_response();
        if let Some(retry_after_ms) = retry_after_ms {
            let seconds = HeaderValue::from(retry_after_ms.div_ceil(1_000).max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// The channel in the query string, for senders that cannot set headers.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct ChannelQuery {
    /// A GUID; the same as the header `X-Splunk-Request-Channel`.
    channel: Option<String>,
}

macro_rules! event_route {
    ($name:ident, $path:literal) => {
        /// Send events (Splunk HEC)
        ///
        /// Objects one after the other, each with its `event`. Taken whole or not at all.
        #[utoipa::path(
                            post,
                            path = $path,
                            tag = "doors",
                            params(ChannelQuery),
                            request_body(content = String, content_type = "application/json"),
                            responses(
                                (status = 200, description = "Every event is durable", body = HecAnswer),
                                (status = "default", description = "Nothing was accepted", body = HecAnswer),
                            ),
                        )]
        pub(crate) async fn $name(
            State(app): State<App>,
            Query(query): Query<ChannelQuery>,
            Extension(grant): Extension<Arc<Grant>>,
            headers: HeaderMap,
            body: Body,
        ) -> HecAnswer {
            let cut = |body: &Bytes, kind: &Kind| Ok(shared(body, events(body, kind)?));
            let answer = accept(&app, &grant, &headers, query.channel.as_deref(), body, cut).await;
            counted(&app, answer)
        }
    };
}

event_route!(collector, "/services/collector");
event_route!(event, "/services/collector/event");
event_route!(event_1_0, "/services/collector/event/1.0");

/// What a sender of raw lines says about all of them.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct RawQuery {
    /// A GUID; the same as the header `X-Splunk-Request-Channel`.
    channel: Option<String>,
    /// Seconds since the epoch.
    time: Option<String>,
    /// Which host the lines are of.
    host: Option<String>,
    /// Which file or port.
    source: Option<String>,
    /// Which format.
    sourcetype: Option<String>,
    /// Kept, not used.
    index: Option<String>,
}

macro_rules! raw_route {
    ($name:ident, $path:literal) => {
        /// Send lines (Splunk HEC)
        ///
        /// Each line is an event.
        #[utoipa::path(
                            post,
                            path = $path,
                            tag = "doors",
                            params(RawQuery),
                            request_body(content = String, content_type = "text/plain"),
                            responses(
                                (status = 200, description = "Every line is durable", body = HecAnswer),
                                (status = "default", description = "Nothing was accepted", body = HecAnswer),
                            ),
                        )]
        pub(crate) async fn $name(
            State(app): State<App>,
            Query(query): Query<RawQuery>,
            Extension(grant): Extension<Arc<Grant>>,
            headers: HeaderMap,
            body: Body,
        ) -> HecAnswer {
            let RawQuery { channel, time, host, source, sourcetype, index } = query;
            let metadata = RawMetadata { time, host, source, sourcetype, index };
            let cut = move |body: &Bytes, kind: &Kind| Ok(shared(body, raw_lines(body, kind, &metadata)?));
            let answer = accept(&app, &grant, &headers, channel.as_deref(), body, cut).await;
            counted(&app, answer)
        }
    };
}

raw_route!(raw, "/services/collector/raw");
raw_route!(raw_1_0, "/services/collector/raw/1.0");

fn shared(body: &Bytes, records: Vec<Cow<'_, [u8]>>) -> Vec<Bytes> {
    let share = |record: Cow<'_, [u8]>| match record {
        Cow::Borrowed(slice) => body.slice_ref(slice),
        Cow::Owned(bytes) => bytes.into(),
    };
    records.into_iter().map(share).collect()
}

fn counted(app: &App, answer: Result<HecAnswer, HecAnswer>) -> HecAnswer {
    answer.unwrap_or_else(|refusal| {
        let code = match refusal.code {
            9 => "busy",
            27 => "too_large",
            8 => "internal",
            1..=4 => "token",
            _ => "invalid",
        };
        app.ingest.telemetry().refused("hec", code);
        refusal
    })
}

async fn accept(
    app: &App,
    grant: &Grant,
    headers: &HeaderMap,
    channel: Option<&str>,
    body: Body,
    cut_with: impl FnOnce(&Bytes, &Kind) -> Result<Vec<Bytes>, HecError> + Send + 'static,
) -> Result<HecAnswer, HecAnswer> {
    let door = own_door(app, grant).await?;
    let channel = channel_of(headers, channel)?;
    let mut intake = unpack(app, headers, receive(app, headers, body).await?).await?;
    let kind = Kind::of(&door.kind);
    let records = cut(intake.body.clone(), move |body| cut_with(body, kind)).await??;
    let transport = Transport { stream: header_text(headers, STREAM_HEADER), ..Transport::default() };
    Receipt::of(app, &door, transport, &records, &mut intake.room).await.map_err(Problem::from)?;
    let ack_id = channel.map(|channel| app.acks.durable(door.name.as_str(), channel));
    Ok(HecAnswer { ack_id, ..HecAnswer::of(HecCode::Success) })
}

/// HEC names no source: the token does.
async fn own_door(app: &App, grant: &Grant) -> Result<Arc<SourceDoor>, HecAnswer> {
    match &grant.authority {
        Authority::Source(source) => Ok(open_door(app, source.as_str()).await?),
        Authority::Api(_) => Err(HecCode::InvalidToken.into()),
    }
}

fn channel_of(headers: &HeaderMap, query: Option<&str>) -> Result<Option<ChannelId>, HecAnswer> {
    let given = header_text(headers, CHANNEL).or(query);
    given.map(|text| ChannelId::parse(text).ok_or_else(|| HecCode::ChannelInvalid.into())).transpose()
}

/// Which acknowledgements a sender asks for.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AckQuery {
    /// The ids that its requests were answered with.
    acks: Vec<u64>,
}

/// Which of them are durable.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AckAnswer {
    /// By id.
    acks: BTreeMap<String, bool>,
}

/// Ask which requests are durable (Splunk HEC)
///
/// An id is given out when its request is durable already, so every id of this channel is true.
#[utoipa::path(
    post,
    path = "/services/collector/ack",
    tag = "doors",
    params(ChannelQuery),
    request_body = AckQuery,
    responses(
        (status = 200, description = "By id", body = AckAnswer),
        (status = "default", description = "The question is not understood", body = HecAnswer),
    ),
)]
pub(crate) async fn ack(
    State(app): State<App>,
    Query(query): Query<ChannelQuery>,
    Extension(grant): Extension<Arc<Grant>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<AckAnswer>, HecAnswer> {
    let door = own_door(&app, &grant).await?;
    let channel = channel_of(&headers, query.channel.as_deref())?.ok_or(HecCode::ChannelMissing)?;
    let intake = receive(&app, &headers, body).await?;
    let asked: AckQuery = serde_json::from_slice(&intake.body).map_err(|_| HecCode::InvalidDataFormat)?;
    if asked.acks.len() > HEC_ACKS_PER_QUERY_MAX {
        return Err(HecCode::TooLarge.into());
    }
    let durable = |id: u64| (id.to_string(), app.acks.is_durable(door.name.as_str(), channel, id));
    Ok(Json(AckAnswer { acks: asked.acks.into_iter().map(durable).collect() }))
}

macro_rules! health_route {
    ($name:ident, $path:literal) => {
        /// Ask whether events are taken (Splunk HEC)
        #[utoipa::path(
                                    get,
                                    path = $path,
                                    tag = "doors",
                                    responses(
                                        (status = 200, description = "They are", body = HecAnswer),
                                        (status = 503, description = "They are not now", body = HecAnswer),
                                    ),
                                )]
        pub(crate) async fn $name(State(app): State<App>) -> HecAnswer {
            let healthy = app.ingest.has_room() && !app.shutdown.is_cancelled();
            HecAnswer::of(if healthy { HecCode::Healthy } else { HecCode::Unhealthy })
        }
    };
}

health_route!(health, "/services/collector/health");
health_route!(health_1_0, "/services/collector/health/1.0");
