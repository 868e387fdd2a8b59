//! `/api/v1/query`: questions to the lake.

use crate::code::Code;
use crate::extract::{JsonBody, Who};
use crate::problem::Problem;
use crate::state::App;
use access::Scope;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use ports::query::{Bounds, Format, Question, Reader};
use serde::Deserialize;
use utoipa::ToSchema;

/// Most rows of an answer, if the question does not say.
const ROWS_DEFAULT: u64 = 10_000;
/// Most time of a question, if it does not say, in milliseconds.
const TIME_MS_DEFAULT: u64 = 30_000;
/// What is left of a request's time to say that the question took too long, in milliseconds.
const ANSWER_MS: u64 = 1_000;

/// One question.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewQuery {
    /// One SELECT statement.
    sql: String,
    /// Values of its `$1`, `$2`, …: texts, numbers, truth values or nulls. They are never read as SQL.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    parameters: Vec<serde_json::Value>,
    /// What the answer is written as.
    #[serde(default)]
    format: FormatName,
    /// Its bounds; the server has its own, and the lower ones count.
    #[serde(default)]
    limits: Limits,
}

/// What an answer is written as.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FormatName {
    /// One object: `columns`, `rows`, `truncated`.
    #[default]
    Json,
    /// One object a line; after the last row `{"huecry_truncated":true}` if rows were cut off.
    Ndjson,
    /// RFC 4180 with a header; after the last row `# truncated` if rows were cut off.
    Csv,
    /// A Parquet file; its metadata has `huecry.truncated`.
    Parquet,
}

/// Bounds of a question.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Most rows; 10,000 if not said.
    rows: Option<u64>,
    /// Most milliseconds; 30,000 if not said.
    time_ms: Option<u64>,
}

impl FormatName {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Json => Self::Json,
            FormatName::Ndjson => Self::Ndjson,
            FormatName::Csv => Self::Csv,
            FormatName::Parquet => Self::Parquet,
        }
    }
}

/// Ask about events
///
/// One SELECT over `events` and the views of its classes, in read-only SQL. Without the scope
/// `events:read_personal` personal values are tokens and whole records are null, in conditions, joins and
/// exports, too. An answer that breaks off in the middle ends its connection without its end.
#[utoipa::path(
    post,
    path = "/api/v1/query",
    tag = "events",
    request_body = NewQuery,
    responses(
        (status = 200, description = "The rows, in the format that was asked for", content_type = "application/json"),
        (status = "4XX", description = "It was not answered", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = "5XX", description = "The lake could not be asked", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    Who(caller): Who,
    JsonBody { value: query, .. }: JsonBody<NewQuery>,
) -> Result<Response, Problem> {
    let engine =
        app.query.as_ref().ok_or_else(|| Problem::new(Code::LakeDisabled, "there is no lake here"))?;
    let reader =
        Reader { personal: caller.scopes.has(Scope::EventsReadPersonal), regions: None, sources: None };
    let time_ms_max = query.limits.time_ms.unwrap_or(TIME_MS_DEFAULT);
    let bounds = Bounds {
        rows_max: query.limits.rows.unwrap_or(ROWS_DEFAULT),
        time_ms_max: time_ms_max.min(app.options.request_ms_max.saturating_sub(ANSWER_MS)),
    };
    let question =
        Question { sql: query.sql, parameters: query.parameters, format: query.format.into(), bounds };
    let chunks = engine.ask(&reader, question).await?;
    // what goes wrong now has no status any more: the body ends without its end, and the log says why
    let chunks = chunks.map(|chunk| chunk.inspect_err(|error| tracing::warn!(%error, "a query broke off")));
    let media_type = [(header::CONTENT_TYPE, query.format.media_type())];
    Ok((media_type, Body::from_stream(chunks)).into_response())
}
