use crate::fixture::Server;
use crate::http::request;

#[test]
fn every_page_is_the_one_document() {
    let server = Server::start();
    let root = request("GET", "/").send(server.at);
    assert_eq!(root.status, 200);
    assert_eq!(root.header("content-type"), Some("text/html; charset=utf-8"));
    for path in
        ["/queue", "/incidents/inc_01", "/rules/x", "/settings/sources", "/enter", "/audit?object=inc_01"]
    {
        let page = request("GET", path).send(server.at);
        assert_eq!((page.status, &page.body), (200, &root.body), "{path}");
    }
    // what is no page of the console is no route, and says so in the API's way
    for path in ["/queue/deeper", "/api/v1/nothing", "/favicon.ico", "/index.html"] {
        let none = request("GET", path).send(server.at);
        assert_eq!(
            (none.status, none.header("content-type")),
            (404, Some("application/problem+json")),
            "{path}"
        );
    }
}

#[test]
fn a_browser_at_an_address_that_is_not_there_gets_the_console_that_says_so() {
    let server = Server::start();
    let root = request("GET", "/").send(server.at);
    let browser = |path| request("GET", path).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    for path in ["/queue/deeper", "/nothing", "/receipts/hcrc_x"] {
        let page = browser(path).send(server.at);
        assert_eq!((page.status, &page.body), (404, &root.body), "{path}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    }
    for path in ["/api/v1/nothing", "/api", "/services/collector/x", "/assets/none.js", "/mcp/x"] {
        let none = browser(path).send(server.at);
        assert_eq!(none.code(), (404, "not_found".into()), "{path}");
    }
    for path in ["/report", "/receipt"] {
        let page = browser(path).send(server.at);
        assert_eq!((page.status, page.header("referrer-policy")), (200, Some("no-referrer")), "{path}");
    }
}

#[test]
fn no_path_leads_out_of_the_files() {
    let server = Server::start();
    let paths = [
        "/assets/..%2f..%2fCargo.toml",
        "/assets/%2e%2e%2findex.html",
        "/assets/..%5cindex.html",
        "/assets/../../../etc/passwd",
        "/assets//etc/passwd",
        "/assets/%00.js",
        "/assets/.vite",
    ];
    for path in paths {
        let answer = request("GET", path).send(server.at);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
    }
}
