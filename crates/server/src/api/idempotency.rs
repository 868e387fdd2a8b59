//! `Idempotency-Key`: the same request sent again changes nothing and gets the first answer.
//!
//! The answer is stored in the transaction of the change, so there is no moment in which one exists without
//! the other. Refused requests are not stored: they changed nothing. Keys belong to the token that sent them
//! and are kept for [`KEPT_MS`].

use crate::code::Code;
use crate::problem::Problem;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ports::UnitOfWork;
use ports::store::{IDEMPOTENCY_KEY_BYTES_MAX, OnceKey, StoredResponse};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// How long an answer is kept, in milliseconds: a day.
pub(crate) const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The key of a request, and what it stands for.
#[derive(Debug)]
pub(crate) struct Key {
    key: String,
    principal: String,
    request_sha256: [u8; 32],
}

impl Key {
    /// The key in the headers; `None` when the client sent none.
    pub(crate) fn of(
        headers: &HeaderMap,
        principal: &str,
        (method, path, body): (&Method, &str, &[u8]),
    ) -> Result<Option<Self>, Problem> {
        let Some(key) = headers.get(KEY) else { return Ok(None) };
        let key = key.to_str().unwrap_or_default();
        let fits = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len());
        if !fits || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Problem::new(Code::IdempotencyKeyInvalid, "see the hint"));
        }
        let mut hash = Sha256::new();
        for part in [method.as_str().as_bytes(), path.as_bytes(), version(headers), body] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let request_sha256 = hash.finalize().into();
        Ok(Some(Self { key: key.to_owned(), principal: principal.to_owned(), request_sha256 }))
    }

    /// What it comes to where the answer must not be stored, because there is a secret in it.
    pub(crate) fn once(&self) -> OnceKey {
        let mut hash = Sha256::new();
        for part in [self.principal.as_bytes(), self.key.as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        OnceKey { key_sha256: hash.finalize().into(), request_sha256: self.request_sha256 }
    }

    /// How long the key is, in bytes.
    pub(crate) const fn len(&self) -> usize {
        self.key.len()
    }

    /// The answer that this request got before.
    pub(crate) async fn answered(
        &self,
        unit: &mut dyn UnitOfWork,
        now_ms: i64,
    ) -> Result<Option<Response>, Problem> {
        let Some(stored) = unit.idempotency().get(&self.principal, &self.key, now_ms).await? else {
            return Ok(None);
        };
        if stored.request_sha256 != self.request_sha256 {
            let detail = "the key was used with another method, path, version or body";
            return Err(Problem::new(Code::IdempotencyKeyReused, detail));
        }
        let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
        let mut response = (status, stored.body).into_response();
        let media_type = HeaderValue::from_str(&stored.content_type);
        if let Ok(media_type) = media_type {
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(Some(response))
    }

    /// Stores the answer with the change that `unit` is about to commit.
    async fn keep(
        &self,
        unit: &mut dyn UnitOfWork,
        (status, body): (StatusCode, &[u8]),
        now_ms: i64,
    ) -> Result<(), Problem> {
        let stored = StoredResponse {
            request_sha256: self.request_sha256,
            status: status.as_u16(),
            content_type: JSON.to_owned(),
            body: body.to_vec(),
            expires_at_ms: now_ms + KEPT_MS,
        };
        Ok(unit.idempotency().put(&self.principal, &self.key, &stored, now_ms).await?)
    }
}

const JSON: &str = "application/json";

fn version(headers: &HeaderMap) -> &[u8] {
    headers.get(header::IF_MATCH).map_or(&[], |value| value.as_bytes())
}

/// Commits `unit` with `answer`, which is kept where the request has a key.
pub(crate) async fn commit(
    mut unit: Box<dyn UnitOfWork>,
    key: Option<&Key>,
    status: StatusCode,
    answer: &(impl Serialize + Sync),
    now_ms: i64,
) -> Result<Response, Problem> {
    let body = serde_json::to_vec(answer).map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    if let Some(key) = key {
        key.keep(&mut *unit, (status, &body), now_ms).await?;
    }
    unit.commit().await?;
    Ok((status, [(header::CONTENT_TYPE, HeaderValue::from_static(JSON))], body).into_response())
}
