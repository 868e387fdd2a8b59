//! The one shape of an error answer: `application/problem+json` (RFC 9457).

use crate::code::Code;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// An error on its way out. The edge adds the request id and writes the body.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Which.
    pub code: Code,
    /// What happened this time.
    pub detail: String,
    /// When to come again, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The state that the caller did not know of; for [`Code::Conflict`].
    pub current: Option<Box<serde_json::Value>>,
    /// Who else changed it, when, and what; for [`Code::Conflict`].
    pub other: Option<Box<serde_json::Value>>,
    /// What is wrong field by field; for [`Code::ReportInvalid`].
    pub errors: Vec<FieldProblem>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The field's name.
    pub field: String,
    /// What is wrong with it; never repeats what was sent.
    pub message: String,
}

/// How a problem is written.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// The page about this code on this server.
    #[serde(rename = "type")]
    pub type_: String,
    /// Stable; programs go by this.
    pub code: &'static str,
    /// The same for each occurrence of the code.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// What to do about it.
    pub hint: &'static str,
    /// To find this request in the server's own log.
    pub request_id: String,
    /// The state that the caller did not know of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<serde_json::Value>,
    /// Who changed it meanwhile (`by`, `at_ms`), and each of the `changes` since the version that the caller saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<serde_json::Value>,
    /// What is wrong with which field of a report.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

impl Problem {
    /// A problem of this code.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after_ms: None,
            current: None,
            other: None,
            errors: Vec::new(),
        }
    }

    /// With the time after which to come again.
    #[must_use]
    pub fn retry_after(mut self, retry_after_ms: Option<u64>) -> Self {
        self.retry_after_ms = retry_after_ms;
        self
    }

    /// With the state that the caller did not know of.
    #[must_use]
    pub fn with_current(mut self, current: &impl Serialize) -> Self {
        self.current = serde_json::to_value(current).ok().map(Box::new);
        self
    }

    /// With what others changed meanwhile.
    #[must_use]
    pub fn with_other(mut self, other: &impl Serialize) -> Self {
        self.other = serde_json::to_value(other).ok().filter(|other| !other.is_null()).map(Box::new);
        self
    }

    /// With what is wrong field by field.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldProblem>) -> Self {
        self.errors = errors;
        self
    }

    /// There is no such `what`.
    pub fn not_found(what: &str, name: impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("there is no {what} {name}"))
    }

    /// The whole answer.
    pub fn render(&self, request_id: &str) -> Response {
        let body = ProblemBody {
            type_: format!("/docs/errors/{}", self.code.as_str()),
            code: self.code.as_str(),
            title: self.code.title(),
            status: self.code.status(),
            detail: self.detail.clone(),
            hint: self.code.hint(),
            request_id: request_id.to_owned(),
            current: self.current.as_deref().cloned(),
            other: self.other.as_deref().cloned(),
            errors: self.errors.clone(),
        };
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(retry_after_ms) = self.retry_after_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_ms.div_ceil(1_000).max(1)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"huecry\""));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
