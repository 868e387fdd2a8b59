use crate::fixture::Server;
use crate::http::request;
use huecry_server::{Code, openapi_clashes, openapi_json, router};
use serde_json::Value;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/openapi.json");

#[test]
fn the_committed_description_is_this_servers() {
    let server = Server::start();
    let now = openapi_json(&server.app);
    if std::env::var_os("HUECRY_BLESS").is_some() {
        std::fs::write(COMMITTED, &now).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(committed == now, "schemas/openapi.json is old; HUECRY_BLESS=1 writes it anew");
    assert_eq!(request("GET", "/openapi.json").send(server.at).body, now.as_bytes());
}

#[test]
fn the_description_is_whole() {
    let server = Server::start();
    let openapi: Value = serde_json::from_str(&openapi_json(&server.app)).unwrap();
    assert!(openapi["openapi"].as_str().unwrap().starts_with("3.1"));
    let (_, table) = router(&server.app);
    let mut ids = std::collections::BTreeSet::new();
    for route in &table {
        let operation = &openapi["paths"][&route.path][route.method.to_lowercase()];
        assert!(operation["x-huecry-rule"].is_string(), "{route:?}");
        assert!(operation["summary"].is_string(), "{route:?} has a summary");
        assert!(operation["responses"].as_object().is_some_and(|r| !r.is_empty()), "{route:?}");
        ids.insert(operation["operationId"].as_str().unwrap_or_default().to_owned());
    }
    let operations: usize =
        openapi["paths"].as_object().unwrap().values().map(|i| i.as_object().unwrap().len()).sum();
    assert_eq!(operations, table.len());
    assert_eq!(ids.len(), table.len(), "each operation has an id of its own: {ids:?}");
    let text = openapi.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(openapi["components"]["schemas"][name].is_object(), "{name} is described");
    }
}

#[test]
fn no_two_schemas_share_a_name() {
    let server = Server::start();
    assert_eq!(openapi_clashes(&server.app), Vec::<String>::new(), "rename one type of each pair");
}

#[test]
fn the_reference_page_asks_nothing_of_anyone_else() {
    let server = Server::start();
    let page = request("GET", "/reference").send(server.at);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let html = String::from_utf8(page.body).unwrap();
    assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"));
    for loaded in html.split("href=\"").skip(1) {
        let target = loaded.split('"').next().unwrap();
        match target.strip_prefix('#') {
            Some(anchor) => assert!(html.contains(&format!("id=\"{anchor}\"")), "{anchor}"),
            None => assert_eq!(request("GET", target).send(server.at).status, 200, "{target}"),
        }
    }
    let (_, table) = router(&server.app);
    for route in table {
        assert!(html.contains(&route.path.replace('&', "&amp;")), "{}", route.path);
    }
}

#[test]
fn every_code_has_its_page_on_the_server() {
    let server = Server::start();
    for code in Code::ALL {
        let path = format!("/docs/errors/{}", code.as_str());
        let page = request("GET", &path).send(server.at);
        assert_eq!((page.status, page.body), (200, code.page().as_bytes().to_vec()));
    }
    assert_eq!(request("GET", "/docs/errors/nothing").send(server.at).code(), (404, "not_found".into()));
}
