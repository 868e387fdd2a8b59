//! `/mcp`: the Model Context Protocol (streamable HTTP, <https://modelcontextprotocol.io>), for programs that act for
//! people by a language model.
//!
//! Without sessions: each request stands alone, so nothing is kept between them and nothing can be used up. A request
//! comes with a token that was made for this (`mcp:use`); each tool wants its own scope besides, and sees what its caller
//! may see.
//!
//! **Invariant:** text that came from logs or from people leaves as data, inside a block that it cannot end
//! ([`untrusted`]); no tool does anything to an incident, whatever such a text says.
//!
//! **Invariant:** the protocol's library logs whole messages, and a message may hold a receipt: [`UNLOGGED`](crate::UNLOGGED) stands in
//! every filter of logs.

mod tools;
mod untrusted;

use crate::code::Code;
use crate::extract::As;
use crate::forgery;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use std::sync::Arc;
use tools::Tools;

/// Largest message, in bytes.
pub(crate) const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Talk to tools
///
/// JSON-RPC messages of the Model Context Protocol, one a request; `initialize`, `tools/list` and `tools/call`. Answers are
/// JSON. `Accept` names both `application/json` and `text/event-stream`, as the protocol wants.
#[utoipa::path(
    post,
    path = "/mcp",
    tag = "mcp",
    request_body = serde_json::Value,
    responses(
        (status = 200, description = "The answer to a request", body = serde_json::Value),
        (status = 202, description = "A notification was taken"),
        (status = 403, description = "No token, or a page of another site asked", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = "4XX", description = "It is no message of the protocol", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn post(
    State(app): State<App>,
    As(admitted): As,
    request: Request,
) -> Result<Response, Problem> {
    if admitted.signed_in().is_some() {
        return Err(Problem::new(Code::TokenNeeded, "a browser's session opens no tools"));
    }
    // a page of another site that got hold of a token; and names that were made to lead here (DNS rebinding)
    forgery::check_origin(&app, request.headers())?;
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_sse_keep_alive(None)
        .with_cancellation_token(app.shutdown.child_token())
        .with_max_request_body_bytes(MESSAGE_BYTES_MAX)
        // the origin was compared with this server's own address already
        .disable_allowed_hosts();
    let tools = Tools::new(app.clone());
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(tools.clone()), sessions, config);
    let response = service.handle(request).await;
    match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("a message has at most {MESSAGE_BYTES_MAX} bytes");
            Err(Problem::new(Code::BodyTooLarge, detail))
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Err(Problem::new(Code::MediaTypeUnsupported, "messages are application/json"))
        }
        StatusCode::NOT_ACCEPTABLE => {
            let detail = "Accept must name application/json and text/event-stream";
            Err(Problem::new(Code::RequestInvalid, detail))
        }
        _ => Ok(response.map(Body::new).into_response()),
    }
}
