//! `/`, `/queue`, `/assets/{file}`, …: the console, built from `web/` and embedded.
//!
//! Pages are one of two documents whose script reads the address: the console, and a small one for those who come without
//! an account, to report something or to look after a report. Files of `assets/` have their hash in their name and never
//! change. A server that was compiled before the console was built works, and says how to build it.
//!
//! **Invariant:** what is answered is a file that was embedded, found by its whole name; no path leads to a disk.

use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::RustEmbed;
use std::borrow::Cow;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

/// `web/dist` as it was when the server was compiled; the folder always exists, with or without a console in it.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[exclude = ".*"]
#[exclude = ".*/**"]
struct Built;

/// Scripts, styles and requests of this origin only, nothing inline; nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const REVALIDATED: &str = "no-cache";

const UNBUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Hue &amp; Cry</title>\
<h1>This server was built without its console</h1>\
<p>Everything works: the command line, the API and its <a href=\"/reference\">reference</a>.</p>\
<p>For the console, build it first and the server after it:</p>\
<pre>cd web &amp;&amp; npm ci &amp;&amp; npm run build\ncargo build -p huecry</pre></html>";

/// A file of the console.
struct File {
    bytes: Cow<'static, [u8]>,
    /// SHA-256 of its bytes.
    hash: [u8; 32],
}

/// What the console is made of; tests have their own.
type Files = fn(&str) -> Option<File>;

fn built(name: &str) -> Option<File> {
    Built::get(name).map(|file| File { hash: file.metadata.sha256_hash(), bytes: file.data })
}

/// The document of the console's pages.
const CONSOLE: &str = "index.html";

/// The document of the pages that need no account; it loads nothing of the console.
const GUEST: &str = "guest.html";

/// A document by its name.
fn document(files: Files, name: &str, asked: &HeaderMap) -> Response {
    match files(name) {
        Some(_) => file(files, name, REVALIDATED, asked).into_response(),
        None => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], UNBUILT).into_response(),
    }
}

/// The console's document, for who asks in a browser for a page that is not there.
pub(crate) fn any_page(asked: &HeaderMap) -> Response {
    document(built, CONSOLE, asked)
}

/// A file by its whole name, packed if the client takes that and it was packed when built.
fn file(files: Files, name: &str, caching: &'static str, asked: &HeaderMap) -> Result<Response, Problem> {
    let media_type = media_type(name).ok_or_else(|| Problem::not_found("file", name))?;
    let packed = takes_gzip(asked).then(|| files(&format!("{name}.gz"))).flatten();
    let encoding = packed.is_some().then_some("gzip");
    let found = packed.or_else(|| files(name)).ok_or_else(|| Problem::not_found("file", name))?;
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(found.hash));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if has_already(asked, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok((headers, found.bytes).into_response())
}

/// Only what the console is made of; a packed file is never asked for by name.
fn media_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    let accepted =
        asked.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim() == "gzip" && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

fn has_already(asked: &HeaderMap, tag: &str) -> bool {
    let known = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)
}

/// Declares handlers of pages: a document, each at an address of its own.
macro_rules! pages {
    ($($document:ident $name:ident $path:literal $what:literal $(($parameter:literal))?;)*) => {
        $(
            #[doc = $what]
            #[utoipa::path(
                get, path = $path, tag = "console",
                params($(($parameter = String, Path, description = "What it shows"))?),
                responses((status = 200, description = "The console", body = String, content_type = "text/html")),
            )]
            async fn $name(asked: HeaderMap) -> Response {
                document(built, $document, &asked)
            }
        )*

        /// Every page and file of the console.
        pub(crate) fn pages() -> Vec<UtoipaMethodRouter<App>> {
            vec![$(routes!($name),)* routes!(asset), routes!(icon)]
        }
    };
}

pages! {
    CONSOLE root "/" "The console";
    CONSOLE enter "/enter" "Enter by a one-time link";
    CONSOLE queue "/queue" "The console's queue";
    CONSOLE incident "/incidents/{id}" "The console's page of an incident" ("id");
    CONSOLE events "/events" "The console's event explorer";
    CONSOLE services "/services" "The console's services and owners";
    CONSOLE rules "/rules" "The console's list of rules";
    CONSOLE rule "/rules/{id}" "The console's page of a rule" ("id");
    CONSOLE dead_letters "/dead-letters" "The console's dead letters";
    CONSOLE audit "/audit" "The console's audit log";
    CONSOLE settings "/settings" "The console's settings";
    CONSOLE section "/settings/{section}" "A section of the console's settings" ("section");
    CONSOLE reports "/reports" "The console's reports from people";
    CONSOLE appeals "/appeals" "The console's appeals";
    CONSOLE own_reports "/my-reports" "One's own reports, in the console";
    CONSOLE digest_drafts "/digest-drafts" "The console's drafts of digests";
    CONSOLE containments "/containments" "The console's containments";
    CONSOLE containment "/containments/{id}" "The console's page of a containment" ("id");
    CONSOLE playbooks "/playbooks" "The console's playbooks";
    CONSOLE playbook "/playbooks/{id}" "The console's page of a playbook" ("id");
    CONSOLE runs "/runs" "The console's runs of playbooks";
    CONSOLE run "/runs/{id}" "The console's page of a run" ("id");
    GUEST report "/report" "Report something, without an account";
    GUEST receipt "/receipt" "What became of a report; the secret is in the fragment";
    GUEST policy "/policy" "By what reports are decided";
    GUEST digests "/digests" "What became of reports, in sums";
    GUEST digest "/digests/{id}" "A digest" ("id");
}

/// A file of the console
#[utoipa::path(
    get,
    path = "/assets/{file}",
    tag = "console",
    params(("file" = String, Path, description = "Its name with its hash")),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/javascript"),
        (status = 404, description = "There is none", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
async fn asset(Path(name): Path<String>, asked: HeaderMap) -> Result<Response, Problem> {
    // the router gives one segment, decoded: `..%2F` arrives here as `../`, and no file has such a name
    if name.contains(['/', '\\', '\0']) {
        return Err(Problem::new(Code::NotFound, "a file of the console has no path"));
    }
    file(built, &format!("assets/{name}"), IMMUTABLE, &asked)
}

/// The console's icon
#[utoipa::path(
    get,
    path = "/favicon.svg",
    tag = "console",
    responses(
        (status = 200, description = "The icon", body = String, content_type = "image/svg+xml"),
        (status = 404, description = "The console is not in this build", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
async fn icon(asked: HeaderMap) -> Result<Response, Problem> {
    file(built, "favicon.svg", REVALIDATED, &asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(name: &str) -> Option<File> {
        let bytes: &'static [u8] = match name {
            "index.html" => b"<!doctype html>",
            "guest.html" => b"<!doctype html><title>Report</title>",
            "assets/index-1a2b.js" => b"plain",
            "assets/index-1a2b.js.gz" => b"packed",
            "assets/index-1a2b.css" => b"style sheet",
            "assets/secret.pem" => b"key",
            _ => return None,
        };
        Some(File { bytes: bytes.into(), hash: [bytes.len() as u8; 32] })
    }

    fn none(_: &str) -> Option<File> {
        None
    }

    fn with(headers: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    async fn text(response: Response) -> String {
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    fn value(response: &Response, name: header::HeaderName) -> Option<&str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    #[tokio::test]
    async fn a_file_comes_packed_to_those_who_take_that() {
        let cases = [
            (&[][..], "plain", None),
            (&[(header::ACCEPT_ENCODING, "gzip, br")], "packed", Some("gzip")),
            (&[(header::ACCEPT_ENCODING, "br;q=1, gzip;q=0.5")], "packed", Some("gzip")),
            (&[(header::ACCEPT_ENCODING, "gzip;q=0")], "plain", None),
            (&[(header::ACCEPT_ENCODING, "x-gzip")], "plain", None),
        ];
        for (asked, body, encoding) in cases {
            let response = file(some, "assets/index-1a2b.js", IMMUTABLE, &with(asked)).unwrap();
            assert_eq!(value(&response, header::CONTENT_ENCODING), encoding, "{asked:?}");
            assert_eq!(value(&response, header::CACHE_CONTROL), Some(IMMUTABLE));
            assert_eq!(value(&response, header::VARY), Some("accept-encoding"));
            assert_eq!(text(response).await, body, "{asked:?}");
        }
    }

    #[tokio::test]
    async fn a_file_that_the_client_has_is_not_sent_again() {
        let first = file(some, "assets/index-1a2b.css", IMMUTABLE, &HeaderMap::new()).unwrap();
        let tag = first.headers().get(header::ETAG).unwrap().clone();
        let mut asked = HeaderMap::new();
        asked.insert(header::IF_NONE_MATCH, tag);
        let again = file(some, "assets/index-1a2b.css", IMMUTABLE, &asked).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(text(again).await, "");
        let other = file(some, "assets/index-1a2b.js", IMMUTABLE, &asked).unwrap();
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn nothing_else_is_given_out() {
        let names = [
            "assets/secret.pem",
            "assets/index-1a2b.js.gz",
            "assets/../index.html.map",
            "assets/other.js",
            "../Cargo.toml",
            "/etc/passwd",
            "",
        ];
        for name in names {
            assert!(file(some, name, IMMUTABLE, &HeaderMap::new()).is_err(), "{name}");
        }
        for name in ["../index.html", "..\\index.html", "a/b.js", "/etc/hosts.js", "x\0.js"] {
            assert!(asset(Path(name.to_owned()), HeaderMap::new()).await.is_err(), "{name:?}");
        }
    }

    #[tokio::test]
    async fn without_a_console_the_page_says_how_to_build_it() {
        let page = text(document(none, CONSOLE, &HeaderMap::new())).await;
        assert!(page.contains("npm ci") && page.contains("/reference"), "{page}");
        assert!(text(document(none, GUEST, &HeaderMap::new())).await.contains("npm ci"));
        let there = document(some, CONSOLE, &HeaderMap::new());
        assert_eq!(value(&there, header::CACHE_CONTROL), Some(REVALIDATED));
        let policy = value(&there, header::CONTENT_SECURITY_POLICY).unwrap().to_owned();
        assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(text(there).await, "<!doctype html>");
        let guest = document(some, GUEST, &HeaderMap::new());
        assert!(text(guest).await.contains("Report"));
    }
}
