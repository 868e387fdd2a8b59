//! Files with reports: received in bounds, looked into, cleaned, kept by their hash; given out as what no browser runs.

use super::view::hex;
use super::{actor, receipt, sight};
use crate::code::Code;
use crate::edge::address;
use crate::extract::{As, OpenReceipt, Who};
use crate::problem::{Problem, ProblemBody};
use crate::report_parts::Reports;
use crate::state::App;
use crate::uploads::Pace;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use model::{Attachment, AttachmentId, AttachmentState, ReportId};
use ports::store::REPORT_ATTACHMENTS_MAX;
use report::Actor;
use report::attachment::Refusal;
use serde::Serialize;
use utoipa::ToSchema;

/// What the sender calls the file, percent-encoded (RFC 3986), because headers hold ASCII only.
const FILENAME: HeaderName = HeaderName::from_static("huecry-filename");

/// Longest name that is read, in bytes, encoded.
const FILENAME_BYTES_MAX: usize = 1_024;

/// When to come again after too many files at once, in milliseconds.
const RETRY_AFTER_MS: u64 = 1_000;

/// A file that was taken, for who sent it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttachmentReceived {
    /// `att_…`
    id: String,
    /// What it is called: without folders and tricks, with the ending of what it is; masked.
    name: String,
    /// How many bytes are kept.
    bytes: u64,
    /// What its bytes are.
    media_type: String,
    /// Of the bytes that are kept, 64 hex digits.
    sha256: String,
    /// `stored` or `removed`.
    state: &'static str,
}

impl From<Attachment> for AttachmentReceived {
    fn from(attachment: Attachment) -> Self {
        Self {
            id: attachment.id.to_string(),
            name: attachment.name,
            bytes: attachment.bytes,
            media_type: attachment.media_type,
            sha256: hex(&attachment.sha256),
            state: attachment.state.as_str(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::TooLarge { .. } => Code::BodyTooLarge,
            _ => Code::AttachmentRefused,
        };
        Self::new(code, refusal.to_string())
    }
}

/// Add a file
///
/// The body is the file. What it is, is read from its bytes; what it tells beside the picture is taken out. At most five a
/// report.
#[utoipa::path(
    post,
    path = "/api/v1/receipt/attachments",
    tag = "reports",
    params(("huecry-filename" = Option<String>, Header, description = "What it is called, percent-encoded")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "It is kept", body = AttachmentReceived),
        (status = 408, description = "It came too slowly", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It is not taken", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many files come at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was kept", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn add(
    State(app): State<App>,
    reports: Reports,
    open: OpenReceipt,
    request: Request,
) -> Result<(StatusCode, Json<AttachmentReceived>), Problem> {
    let report = receipt::report(&app, &open).await?.id;
    let name = file_name(request.headers())?;
    has_room(&app, report, request.headers(), reports.0.options.attachment_bytes_max).await?;
    let place = app
        .uploads
        .take(report, address(request.extensions()))
        .map_err(|full| Problem::new(Code::Overloaded, full.detail()).retry_after(Some(RETRY_AFTER_MS)))?;
    let bytes_max = reports.0.options.attachment_bytes_max;
    let content = received(request.into_body(), bytes_max, app.options.pace()).await?;
    let (desk, runtime) = (reports.0.desk.clone(), tokio::runtime::Handle::current());
    // looking into some megabytes takes a while, away from the threads that serve requests
    let attach = move || {
        // its bytes are in memory until then, also when nobody waits for the answer any more
        let _place = place;
        runtime.block_on(desk.attach(&Actor::guest(), report, &name, &content))
    };
    let kept = tokio::task::spawn_blocking(attach).await;
    let kept = kept.map_err(|_| Problem::new(Code::AttachmentRefused, "it could not be looked into"))??;
    Ok((StatusCode::CREATED, Json(kept.into())))
}

/// Refuses before the body is read what would be refused after it.
async fn has_room(app: &App, report: ReportId, headers: &HeaderMap, bytes_max: usize) -> Result<(), Problem> {
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(Problem::new(Code::BodyTooLarge, format!("a file has at most {bytes_max} bytes")));
    }
    let files = app.store.read().await?.attachments().of_report(report).await?;
    let kept = files.iter().filter(|file| file.state == AttachmentState::Stored).count();
    if kept >= REPORT_ATTACHMENTS_MAX as usize {
        let detail = format!("a report has at most {REPORT_ATTACHMENTS_MAX} files");
        return Err(Problem::new(Code::AttachmentRefused, detail));
    }
    Ok(())
}

/// The whole body, or no more of it than fits, and than comes at that pace.
async fn received(body: Body, bytes_max: usize, pace: Pace) -> Result<Vec<u8>, Problem> {
    let began = tokio::time::Instant::now();
    let mut content = Vec::new();
    let mut chunks = body.into_data_stream();
    loop {
        let next = tokio::time::timeout_at(began + pace.more_until(content.len()), chunks.next()).await;
        let next = next.map_err(|_| Problem::new(Code::RequestTimeout, pace.detail()))?;
        let Some(chunk) = next else { return Ok(content) };
        let chunk = chunk.map_err(|_| Problem::new(Code::BodyInterrupted, "the file did not come whole"))?;
        if content.len() + chunk.len() > bytes_max {
            let detail = format!("a file has at most {bytes_max} bytes");
            return Err(Problem::new(Code::BodyTooLarge, detail));
        }
        content.extend_from_slice(&chunk);
    }
}

/// What the sender calls it; `file` if they do not say.
fn file_name(headers: &HeaderMap) -> Result<String, Problem> {
    let invalid = |why: &str| Problem::new(Code::RequestInvalid, format!("Huecry-Filename {why}"));
    let Some(value) = headers.get(FILENAME) else { return Ok("file".to_owned()) };
    let text = value.to_str().map_err(|_| invalid("is percent-encoded: ASCII only"))?;
    if text.len() > FILENAME_BYTES_MAX {
        return Err(invalid("is too long"));
    }
    percent_decoded(text).ok_or_else(|| invalid("is not percent-encoded UTF-8"))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Fetch a file of a report
///
/// To be saved, not shown: whatever it is, no browser runs it.
#[utoipa::path(
    get,
    path = "/api/v1/reports/{id}/attachments/{attachment}",
    tag = "reports",
    params(
        ("id" = String, Path, description = "`rep_…`"),
        ("attachment" = String, Path, description = "`att_…`"),
    ),
    responses(
        (status = 200, description = "Its bytes", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    reports: Reports,
    As(admitted): As,
    Path((id, file)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let none = || Problem::not_found("file", &file);
    let id: ReportId = id.parse().map_err(|_| Problem::not_found("report", &id))?;
    let attachment: AttachmentId = file.parse().map_err(|_| none())?;
    sight::report(&app, &admitted, &mut *app.store.read().await?, id).await?;
    let (attachment, content) = reports.0.desk.file(id, attachment).await?.ok_or_else(none)?;
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let disposition = HeaderValue::from_str(&disposition(&attachment)).map_err(|_| none())?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'; frame-ancestors 'none'"),
    );
    Ok(response)
}

/// Remove a file of a report
///
/// Its name and size stay; its bytes go when no other report has the same.
#[utoipa::path(
    delete,
    path = "/api/v1/reports/{id}/attachments/{attachment}",
    tag = "reports",
    params(
        ("id" = String, Path, description = "`rep_…`"),
        ("attachment" = String, Path, description = "`att_…`"),
    ),
    responses(
        (status = 204, description = "It is removed"),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn remove(
    reports: Reports,
    who: Who,
    Path((id, file)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let id: ReportId = id.parse().map_err(|_| Problem::not_found("report", &id))?;
    let attachment: AttachmentId = file.parse().map_err(|_| Problem::not_found("file", &file))?;
    reports.0.desk.remove_file(&actor(who), id, attachment).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// To be saved under its name (RFC 6266, RFC 8187). Nothing that a sender chose stands outside the percent-encoding.
fn disposition(attachment: &Attachment) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let mut encoded = String::new();
    for byte in attachment.name.bytes() {
        match plain(byte) {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{}\"; filename*=UTF-8''{encoded}", attachment.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_ascii_alone() {
        let read = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            file_name(&HeaderMap::from_iter([(FILENAME, value)])).ok()
        };
        assert_eq!(file_name(&HeaderMap::new()).unwrap(), "file");
        assert_eq!(read("a%20b.png").as_deref(), Some("a b.png"));
        assert_eq!(read("%C3%A4.png").as_deref(), Some("ä.png"));
        assert_eq!(read("plain.txt").as_deref(), Some("plain.txt"));
        for bad in ["%", "%4", "%zz", "%FF", &"x".repeat(FILENAME_BYTES_MAX + 1)] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
