//! Extractors whose refusals are problems like all others.

use crate::code::Code;
use crate::edge::{RequestId, origin};
use crate::problem::Problem;
use access::{Admitted, Caller, SignedIn, Ticket};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use model::Principal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa::openapi::path::Parameter;

/// Largest JSON body of the API (not of the doors), in bytes.
pub const API_BODY_BYTES_MAX: usize = 256 * 1024;

/// How much of an unknown parameter's name, or of what is no id, an answer repeats.
const SHOWN_NAME_CHARS_MAX: usize = 64;

/// The query string. A parameter that is not documented is refused: a misspelt filter that is ignored would
/// answer with everything.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + IntoParams> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        known_only(parts, &T::into_params(|| None))?;
        let read = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        let invalid = |error: axum::extract::rejection::QueryRejection| {
            Problem::new(Code::RequestInvalid, error.body_text())
        };
        Ok(Self(read.map_err(invalid)?.0))
    }
}

/// No query string, for routes that take none.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct NoParams {}

/// From this similarity on (0 to 1, Jaro-Winkler), a name is taken for a misspelt one.
const MISSPELT_MIN: f64 = 0.8;

fn known_only(parts: &Parts, known: &[Parameter]) -> Result<(), Problem> {
    let Some(query) = parts.uri.query().filter(|query| !query.is_empty()) else { return Ok(()) };
    let is_known = |name: &str| known.iter().any(|parameter| parameter.name == name);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or_default();
        if is_known(name) {
            continue;
        }
        let alike = |parameter: &Parameter| strsim::jaro_winkler(name, &parameter.name);
        let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
        let shown: String = name.chars().take(SHOWN_NAME_CHARS_MAX).collect();
        let advice = match nearest.filter(|parameter| alike(parameter) >= MISSPELT_MIN) {
            Some(parameter) => format!("did you mean {:?}?", parameter.name),
            None if known.is_empty() => "this route takes none".to_owned(),
            None => {
                let names: Vec<_> = known.iter().map(|parameter| parameter.name.as_str()).collect();
                format!("there is {}", names.join(", "))
            }
        };
        let detail = format!("the query parameter {shown:?} is not known; {advice}");
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    Ok(())
}

/// One segment of the path as an id.
#[derive(Debug)]
pub(crate) struct Id<T>(pub(crate) T);

impl<S: Send + Sync, T: FromStr<Err: std::fmt::Display>> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        let text = path.map_err(|error| Problem::new(Code::RequestInvalid, error.body_text()))?.0;
        // what has not the form of an id names nothing
        text.parse().map(Self).map_err(|error: T::Err| {
            let shown: String = text.chars().take(SHOWN_NAME_CHARS_MAX).collect();
            Problem::new(Code::NotFound, format!("{shown:?} names nothing here: {error}"))
        })
    }
}

/// A JSON body, with its bytes.
#[derive(Debug)]
pub(crate) struct JsonBody<T> {
    pub(crate) value: T,
    pub(crate) bytes: bytes::Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = axum::body::to_bytes(request.into_body(), API_BODY_BYTES_MAX).await.map_err(|_| {
            Problem::new(Code::BodyTooLarge, format!("the limit here is {API_BODY_BYTES_MAX} bytes"))
        })?;
        let value = serde_json::from_slice(&bytes);
        let value = value.map_err(|error| Problem::new(Code::RequestInvalid, error.to_string()))?;
        Ok(Self { value, bytes })
    }
}

/// Who asks, for audit records.
#[derive(Debug, Clone)]
pub(crate) struct Who(pub(crate) Caller);

impl Who {
    /// The person's or the token's id.
    pub(crate) fn token_id(&self) -> &str {
        match &self.0.principal {
            Principal::Token { id, .. } | Principal::Person { id, .. } => id,
            other => other.name(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let As(admitted) = As::from_request_parts(parts, state).await?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        Ok(Self(admitted.caller(origin(&parts.extensions), request_id)))
    }
}

/// Who was let in, with what exists for them.
#[derive(Debug, Clone)]
pub(crate) struct As(pub(crate) Arc<Admitted>);

impl<S: Send + Sync> FromRequestParts<S> for As {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let admitted = parts.extensions.get::<Arc<Admitted>>().cloned();
        admitted.map(Self).ok_or_else(|| Problem::new(Code::Internal, "the route lets anyone in"))
    }
}

/// Who asks, where it may be nobody who is known.
#[derive(Debug, Clone)]
pub(crate) struct MaybeAs(pub(crate) Option<Arc<Admitted>>);

impl<S: Send + Sync> FromRequestParts<S> for MaybeAs {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Arc<Admitted>>().cloned()))
    }
}

/// The receipt that is open in the browser that asks.
#[derive(Debug, Clone)]
pub(crate) struct OpenReceipt(pub(crate) Ticket);

impl<S: Send + Sync> FromRequestParts<S> for OpenReceipt {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let open = parts.extensions.get::<Self>().cloned();
        open.ok_or_else(|| Problem::new(Code::Internal, "the route has no receipt's rule"))
    }
}

/// A person who is signed in, with the session.
#[derive(Debug, Clone)]
pub(crate) struct Signed(pub(crate) SignedIn);

impl<S: Send + Sync> FromRequestParts<S> for Signed {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let As(admitted) = As::from_request_parts(parts, state).await?;
        let signed_in = admitted.signed_in().cloned();
        signed_in.map(Self).ok_or_else(|| Problem::new(Code::Internal, "the route has no person's rule"))
    }
}

/// The version in `If-Match`, as the ETag `"7"` gave it.
///
/// # Errors
/// [`Code::VersionMissing`] or [`Code::RequestInvalid`].
pub(crate) fn if_match(headers: &HeaderMap) -> Result<u64, Problem> {
    let missing = || Problem::new(Code::VersionMissing, "there is no If-Match header");
    let text = headers.get(header::IF_MATCH).ok_or_else(missing)?;
    let text = text.to_str().unwrap_or_default().trim();
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    version.parse().map_err(|_| {
        Problem::new(Code::RequestInvalid, format!("If-Match {text:?} is no ETag, such as \"7\""))
    })
}
