//! What an address that is not there answers: to a person's browser the console, which says so in its own words, to
//! everyone else a problem.

use crate::console;
use crate::problem::Problem;
use axum::extract::OriginalUri;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Where programs ask: what is not there answers as all their errors do, also to a browser.
const FOR_PROGRAMS: [&str; 8] =
    ["/api", "/services/collector", "/auth", "/mcp", "/assets", "/docs", "/healthz", "/readyz"];

/// The handler of all paths that have no route.
pub(crate) async fn no_such_page(
    method: Method,
    OriginalUri(uri): OriginalUri,
    mut headers: HeaderMap,
) -> Response {
    let is_page = matches!(method, Method::GET | Method::HEAD) && !is_for_programs(uri.path());
    if !is_page || !takes_page(&headers) {
        return Problem::not_found("route", uri.path()).into_response();
    }
    // 304 would say that there is such a page, unchanged
    headers.remove(header::IF_NONE_MATCH);
    let mut page = console::any_page(&headers);
    *page.status_mut() = StatusCode::NOT_FOUND;
    page
}

fn is_for_programs(path: &str) -> bool {
    let is_below = |prefix: &&str| {
        path.strip_prefix(*prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    FOR_PROGRAMS.iter().any(is_below)
}

/// Whether a browser asks for a page: it names HTML, where programs take anything.
fn takes_page(asked: &HeaderMap) -> bool {
    let accepted = asked.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|text| text.split(',')).any(|kind| {
        let (name, weight) = kind.split_once(';').unwrap_or((kind, ""));
        // RFC 9110 §12.4.2: a weight of zero says no
        let refused = matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case("text/html") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[tokio::test]
    async fn browsers_get_the_console_and_programs_a_problem() {
        const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let cases = [
            ("GET", "/no/such/page", BROWSER, true),
            ("GET", "/apical", BROWSER, true),
            ("GET", "/servicesx", "text/html", true),
            ("HEAD", "/nothing", BROWSER, true),
            ("POST", "/nothing", BROWSER, false),
            ("GET", "/nothing", "*/*", false),
            ("GET", "/nothing", "application/json", false),
            ("GET", "/nothing", "text/html;q=0, */*", false),
            ("GET", "/api", BROWSER, false),
            ("GET", "/api/v1/nothing", BROWSER, false),
            ("GET", "/services/collector/nothing", BROWSER, false),
            ("GET", "/assets/a/b.js", BROWSER, false),
            ("GET", "/docs/errors", BROWSER, false),
        ];
        for (method, path, accept, page) in cases {
            let asked = HeaderMap::from_iter([
                (header::ACCEPT, HeaderValue::from_static(accept)),
                (header::IF_NONE_MATCH, HeaderValue::from_static("*")),
            ]);
            let answer =
                no_such_page(method.parse().unwrap(), OriginalUri(path.parse().unwrap()), asked).await;
            let is_problem = answer.extensions().get::<Problem>().is_some();
            assert_eq!(!is_problem, page, "{method} {path} {accept}");
            assert!(is_problem || answer.status() == StatusCode::NOT_FOUND, "{path}");
        }
    }
}
