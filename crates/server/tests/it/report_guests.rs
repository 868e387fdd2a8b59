//! Reports from whoever they come from, and that nothing is kept of whoever is nobody.

use crate::fixture::{Server, Setup};
use crate::http::{Answer, Request, request};
use access::{Role, Scope};
use huecry_server::ReportOptions;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};

pub(crate) const TEXT: &str = "somebody copies the customer table to a host that I do not know";

pub(crate) fn report() -> Value {
    json!({ "form": "suspicious-activity", "service": "checkout", "fields": { "what_happened": TEXT } })
}

pub(crate) fn send(server: &Server, body: &Value, with: impl Fn(Request<'_>) -> Request<'_>) -> Answer {
    let body = body.to_string();
    with(request("POST", "/api/v1/reports").body(&body)).send(server.at)
}

/// A guest's report: its id and the receipt's secret.
pub(crate) fn file(server: &Server) -> (String, String) {
    let answer = send(server, &report(), |request| request);
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    let json = answer.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&json["id"]), text(&json["receipt"]["secret"]))
}

#[test]
fn a_guest_reports_and_gets_the_way_back() {
    let server = Server::start();
    let answer = send(&server, &report(), |request| request);
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    let filed = answer.json();
    assert!(filed["id"].as_str().unwrap().starts_with("rep_"));
    assert_eq!(filed["state"], "received");
    let secret = filed["receipt"]["secret"].as_str().unwrap();
    assert_eq!(filed["receipt"]["url"], format!("http://test/receipt#{secret}"));
    assert!(secret.starts_with("hcrc_") && secret.len() == 48);
    assert_eq!(filed["acknowledged_at"], "2023-11-14T22:13:20Z");
    assert_eq!(filed["proof"]["leaf"].as_str().unwrap().len(), 64);
    assert_eq!(filed["proof"]["pending"], true);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let mut masked = report();
    masked["fields"]["what_happened"] = json!("mail of ana@example.com went to a host that I do not know");
    let filed = send(&server, &masked, |request| request).json();
    assert_eq!(filed["masked"], json!({ "count": 1, "kinds": ["email"] }));
}

#[test]
fn what_does_not_fit_is_refused_and_says_where() {
    let server = Server::start();
    let refused = |change: fn(&mut Value)| {
        let mut body = report();
        change(&mut body);
        send(&server, &body, |request| request)
    };
    let missing = refused(|body| body["fields"] = json!({ "host": "h1" }));
    assert_eq!(missing.code(), (422, "report_invalid".into()));
    let errors = missing.json()["errors"].clone();
    assert_eq!(errors[0]["field"], "what_happened", "{errors}");
    assert!(errors[0]["message"].as_str().unwrap().contains("required"), "{errors}");
    assert_eq!(refused(|body| body["form"] = json!("gossip")).code(), (404, "form_unknown".into()));
    assert_eq!(refused(|body| body["channel"] = json!("mcp")).code(), (400, "request_invalid".into()));
    assert_eq!(refused(|body| body["sender"] = json!("me")).code(), (400, "request_invalid".into()));
    assert_eq!(refused(|body| body["add_to"] = json!("inc_1")).code(), (400, "request_invalid".into()));
    let large = refused(|body| body["fields"]["host"] = json!("x".repeat(300_000)));
    assert_eq!(large.code(), (413, "body_too_large".into()));
    let bad = |key: &str| send(&server, &report(), |request| request.header("idempotency-key", key)).code();
    assert_eq!(bad("short"), (400, "idempotency_key_invalid".into()), "guests share one space of keys");
}

#[test]
fn nobody_is_refused_for_how_much_they_send() {
    let server = Server::start();
    let states: Vec<Value> =
        (0..12).map(|_| send(&server, &report(), |request| request).json()["state"].clone()).collect();
    assert_eq!(states[0], "received");
    assert_eq!(states[11], "held", "{states:?}");
    let token = server.api_token(&[Scope::ReportsRead]);
    let listed = server.get("/api/v1/reports?limit=50", &token).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 12, "all are there for a person to read");
}

#[test]
fn a_report_that_is_sent_again_is_there_once_with_the_same_receipt() {
    let server = Server::start();
    fn once(request: Request<'_>) -> Request<'_> {
        request.header("idempotency-key", "3f0c6f0e-7d1b-4e0c-9d0a-1f2e3d4c5b6a")
    }
    let first = send(&server, &report(), once).json();
    let again = send(&server, &report(), once).json();
    assert_eq!((&first["id"], &first["receipt"]), (&again["id"], &again["receipt"]));
    let mut other = report();
    other["service"] = json!("wiki");
    assert_eq!(send(&server, &other, once).code(), (422, "idempotency_key_reused".into()));
    let token = server.api_token(&[Scope::ReportsRead]);
    let listed = server.get("/api/v1/reports", &token).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let stored = std::fs::read(server.state_file()).unwrap();
    let secret = first["receipt"]["secret"].as_str().unwrap();
    assert!(!stored.windows(secret.len()).any(|window| window == secret.as_bytes()), "no receipt is kept");
}

#[test]
fn who_is_signed_in_is_the_reporter_unless_they_do_not_want_to() {
    let server = Server::start();
    let ana = server.sign_in(&[Role::Reporter]);
    let sent = ana.change("POST", "/api/v1/reports", &report());
    assert_eq!(sent.status, 201, "{}", String::from_utf8_lossy(&sent.body));
    let mut anonymous = report();
    anonymous["anonymous"] = json!(true);
    server.clock.advance_ms(1);
    assert_eq!(ana.change("POST", "/api/v1/reports", &anonymous).status, 201);
    server.clock.advance_ms(1);
    let token = server.api_token(&[Scope::ReportsWrite]);
    assert_eq!(send(&server, &report(), |request| request.bearer(&token)).status, 201);
    let reader = server.api_token(&[Scope::ReportsRead]);
    for item in server.get("/api/v1/reports", &reader).json()["items"].as_array().unwrap() {
        let names = [&item["reporter"]["id"], &item["reporter"]["name"], &item["tier"]];
        assert!(names.iter().all(|name| name.is_null()), "who may be reported on reads no names: {item}");
    }
    let reader = server.api_token(&[Scope::ReportsRead, Scope::ReportsModerate]);
    let items = server.get("/api/v1/reports", &reader).json()["items"].as_array().unwrap().clone();
    let kinds: Vec<(&str, &str)> = items
        .iter()
        .map(|item| (item["reporter"]["kind"].as_str().unwrap(), item["channel"].as_str().unwrap()))
        .collect();
    assert_eq!(kinds, [("token", "api"), ("anonymous", "api"), ("person", "web")]);
    assert_eq!(items[2]["reporter"]["id"], ana.person);
    assert_eq!(items[1]["tier"], "anonymous");
    let own = ana.get("/api/v1/me/reports").json();
    assert_eq!(own["items"].as_array().unwrap().len(), 1, "{own}");
    // what is sent must hold; a cookie that does not is taken from the browser
    let bad = send(&server, &report(), |request| request.bearer("hc_api_wrong"));
    assert_eq!(bad.code(), (401, "token_malformed".into()));
    let kept = ana.cookies.borrow().clone();
    assert_eq!(ana.change("DELETE", "/api/v1/session", &json!({})).status, 204);
    *ana.cookies.borrow_mut() = kept;
    let ended = ana.change("POST", "/api/v1/reports", &report());
    assert_eq!(ended.code(), (401, "session_ended".into()));
    assert_eq!(ana.cookie("huecry_session"), None, "the next request is a guest's");
    assert_eq!(ana.change("POST", "/api/v1/reports", &report()).status, 201);
}

#[test]
fn another_site_makes_no_browser_report() {
    let server = Server::start();
    for (origin, site) in
        [("https://evil.test", "cross-site"), ("http://evil.test", "same-site"), ("null", "none")]
    {
        let forged = send(&server, &report(), |request| {
            request.header("origin", origin).header("sec-fetch-site", site)
        });
        assert_eq!(forged.code(), (403, "origin_foreign".into()), "{origin}");
    }
    let ana = server.sign_in(&[Role::Reporter]);
    let body = report().to_string();
    let forged = ana.send(request("POST", "/api/v1/reports").body(&body));
    assert_eq!(forged.code(), (403, "csrf_token_missing".into()));
    assert_eq!(denials(&server), 0, "nobody is named as somebody who tried to report");
}

fn denials(server: &Server) -> usize {
    let answer = server.get("/api/v1/audit?action=access.deny", &server.admin_token());
    answer.json()["items"].as_array().unwrap().len()
}

/// What is logged, all of it.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// All that the server's threads say, down to what its libraries trace.
/// Everything that is logged goes into `lines`.
fn caught(lines: Lines) -> tracing::Dispatch {
    let filter = format!("trace,{}", huecry_server::UNLOGGED.join(","));
    let caught = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(move || lines.clone())
        .with_ansi(false)
        .finish();
    tracing::Dispatch::new(caught)
}

#[test]
fn nothing_of_a_guest_is_logged_recorded_or_stored() {
    let lines = Lines::default();
    let server = Server::start_with(Setup { log: Some(caught(lines.clone())), ..Setup::default() });
    const AGENT: &str = "Mozilla/5.0 (guests own browser)";
    const REFERRER: &str = "https://intranet.example/of-a-guest";
    const REQUEST_ID: &str = "proxy-0042";
    fn traced(request: Request<'_>) -> Request<'_> {
        request
            .header("user-agent", AGENT)
            .header("referer", REFERRER)
            .header("x-request-id", REQUEST_ID)
            .header("x-forwarded-for", "203.0.113.77")
    }
    let answer = send(&server, &report(), traced);
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    assert_ne!(
        answer.header("x-request-id"),
        Some(REQUEST_ID),
        "a proxy may have written it beside an address"
    );
    let secret = answer.json()["receipt"]["secret"].as_str().unwrap().to_owned();
    let body = json!({ "secret": secret }).to_string();
    let opened = traced(request("POST", "/api/v1/receipts").body(&body)).send(server.at);
    assert_eq!(opened.status, 200, "{}", String::from_utf8_lossy(&opened.body));
    let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let words = json!({ "text": "it was on the tenth" }).to_string();
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let said = request("POST", "/api/v1/receipt/messages").header("cookie", &cookie);
    let said = traced(said.header("huecry-report", id).body(&words)).send(server.at);
    assert_eq!(said.status, 204);
    // what goes wrong is told in words of the code's alone
    let wrong = json!({ "form": "suspicious-activity", "fields": { "WrOnG-field": TEXT } });
    assert_eq!(send(&server, &wrong, traced).status, 422);
    assert_eq!(
        traced(request("POST", "/api/v1/receipts").body("{\"seCret\":1}")).send(server.at).status,
        400
    );
    for path in [format!("/receipt/{secret}"), format!("/api/v1/receipts/{secret}")] {
        assert_eq!(traced(request("GET", &path)).send(server.at).status, 404);
    }
    let query = format!("/api/v1/receipts?secret={secret}");
    assert_eq!(traced(request("POST", &query)).send(server.at).code(), (400, "token_in_query".into()));
    let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        said.contains("request refused") && said.contains("/api/v1/reports"),
        "the log was caught: {said}"
    );
    let address = "127.0.0.1";
    let unsaid =
        [AGENT, REFERRER, REQUEST_ID, "203.0.113.77", address, &secret, TEXT, "WrOnG", "seCret", "tenth"];
    for unsaid in unsaid {
        let line = said.lines().find(|line| line.contains(unsaid));
        assert_eq!(line, None, "{unsaid}");
    }
    let records = server.get("/api/v1/audit?limit=500", &server.admin_token()).json();
    let of_report = |record: &&Value| record["object"].as_str().unwrap_or_default().starts_with("rep_");
    let records: Vec<Value> =
        records["items"].as_array().unwrap().iter().filter(of_report).cloned().collect();
    assert!(records.len() >= 2, "{records:?}");
    for record in &records {
        assert_eq!((&record["origin"], &record["request_id"]), (&Value::Null, &Value::Null), "{record}");
        assert_eq!(record["principal"]["kind"], "guest", "{record}");
    }
    not_stored(&server, &[AGENT, REFERRER, REQUEST_ID, "203.0.113.77", address, &secret]);
}

/// None of these stands in a table.
fn not_stored(server: &Server, unsaid: &[&str]) {
    server.runtime.block_on(server.store.close());
    for name in ["state.db", "state.db-wal"] {
        let bytes = std::fs::read(server.state_file().with_file_name(name)).unwrap_or_default();
        for unsaid in unsaid {
            let found = bytes.windows(unsaid.len()).any(|window| window == unsaid.as_bytes());
            assert!(!found, "{unsaid} in {name}");
        }
    }
}

#[test]
fn guests_are_told_of_public_services_and_never_what_is_open() {
    let server = Server::start();
    let find = |token: Option<&str>| {
        let found = request("GET", "/api/v1/reports/services?q=wik");
        let found = match token {
            Some(token) => found.bearer(token),
            None => found,
        };
        found.send(server.at).json()["items"].clone()
    };
    let named = |items: &Value| {
        items
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(named(&find(None)), Vec::<String>::new());
    assert_eq!(named(&find(Some(&server.api_token(&[Scope::IncidentsRead])))), ["wiki"]);
    let typed = request("GET", "/api/v1/reports/services?q=chekout").send(server.at).json();
    assert_eq!(named(&typed["items"]), ["checkout"]);
    assert_eq!(typed["items"][0]["owner"], Value::Null);

    let open = server.open_incident_about(1, "checkout");
    server.open_incident_about(2, "wiki");
    let ask = |token: Option<&str>, text: &str, service: &str| {
        let body = json!({ "form": "suspicious-activity", "service": service, "text": text }).to_string();
        let asked = request("POST", "/api/v1/reports/related").body(&body);
        let asked = match token {
            Some(token) => asked.bearer(token),
            None => asked,
        };
        asked.send(server.at).json()["items"].as_array().unwrap().clone()
    };
    let told = ask(None, "Root used", "checkout");
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["title"], &told[0]["state"]),
        (&json!("an open matter on checkout"), &json!("open"))
    );
    assert_eq!(told[0]["since"], "2023-11-14T00:00:00Z");
    assert!(!json!(told).to_string().contains(&open.to_string()));
    assert_eq!(ask(None, "Root used", "wiki").len(), 0, "it is not public");
    // a word of a title is no way to ask what is open
    assert_eq!(ask(None, "Root used", "billing").len(), 0);
    let reader = server.api_token(&[Scope::IncidentsRead]);
    assert_eq!(ask(Some(&reader), "Root used", "wiki").len(), 2);
    // the reference leads there, and the report says so to who may see it
    let mut body = report();
    body["add_to"] = told[0]["reference"].clone();
    let filed = send(&server, &body, |request| request);
    assert_eq!(filed.status, 201, "{}", String::from_utf8_lossy(&filed.body));
    let path = format!("/api/v1/reports/{}", filed.json()["id"].as_str().unwrap());
    let whole = server.get(&path, &server.admin_token()).json();
    assert_eq!(whole["related"][0]["id"], open.to_string());
    let blind = server.get(&path, &server.api_token(&[Scope::ReportsRead])).json();
    assert_eq!(blind["related"], json!([]), "incidents are for who may read incidents");
}

#[test]
fn links_to_the_form_hold_if_they_were_made_here() {
    let server = Server::start();
    let token = server.api_token(&[Scope::ReportsWrite]);
    let new = json!({ "service": "wiki", "context": { "commit": "abc1234", "branch": "main" }, "expires_in_s": 3600 });
    let body = new.to_string();
    let make = |body: &str| request("POST", "/api/v1/report-links").bearer(&token).body(body).send(server.at);
    let wrong = json!({ "context": { "commit": "main" }, "expires_in_s": 3600 }).to_string();
    assert_eq!(make(&wrong).code(), (422, "report_invalid".into()), "no report could say so");
    let made = make(&body);
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let made = made.json();
    let link = made["token"].as_str().unwrap().to_owned();
    assert_eq!(made["url"], format!("http://test/report?link={link}"));
    let check = |link: &str| {
        let body = json!({ "token": link }).to_string();
        request("POST", "/api/v1/reports/link/check").body(&body).send(server.at)
    };
    let said = check(&link).json();
    assert_eq!((&said["service"], &said["context"]["commit"]), (&json!("wiki"), &json!("abc1234")));
    assert_eq!(said["expires_at"], "2023-11-14T23:13:20Z");
    for at in [5, 20, link.len() / 2, link.len() - 1] {
        let mut forged = link.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert_eq!(check(&forged).code(), (403, "report_link_refused".into()), "byte {at}");
        let mut body = report();
        body["link"] = json!(forged);
        assert_eq!(send(&server, &body, |request| request).code(), (403, "report_link_refused".into()));
    }
    let mut body = report();
    body["link"] = json!(link);
    body["context"] = json!({ "commit": "fffffff", "file": "a.rs" });
    let filed = send(&server, &body, |request| request).json();
    let path = format!("/api/v1/reports/{}", filed["id"].as_str().unwrap());
    let whole = server.get(&path, &server.admin_token()).json();
    assert_eq!(
        (&whole["channel"], &whole["service"]),
        (&json!("link"), &json!("wiki")),
        "what is signed counts"
    );
    assert_eq!((&whole["context"]["commit"], &whole["context"]["file"]), (&json!("abc1234"), &json!("a.rs")));
    server.clock.advance_ms(3_600_000);
    assert_eq!(check(&link).code(), (403, "report_link_refused".into()));
    assert_eq!(send(&server, &body, |request| request).status, 201, "what was written meanwhile is taken");
}

#[test]
fn a_server_may_take_no_reports_or_none_of_guests() {
    let off = Server::start_with(Setup { reports: None, ..Setup::default() });
    assert_eq!(send(&off, &report(), |request| request).code(), (404, "reports_disabled".into()));
    assert_eq!(request("GET", "/api/v1/forms").send(off.at).code(), (404, "reports_disabled".into()));
    let options = ReportOptions { guest_reports: false, ..ReportOptions::default() };
    let known = Server::start_with(Setup { reports: Some(options), ..Setup::default() });
    assert_eq!(send(&known, &report(), |request| request).code(), (404, "reports_disabled".into()));
    let token = known.api_token(&[Scope::ReportsWrite]);
    assert_eq!(send(&known, &report(), |request| request.bearer(&token)).status, 201);
}

#[test]
fn forms_and_policy_are_told_to_everybody() {
    let server = Server::start();
    let forms = request("GET", "/api/v1/forms").send(server.at).json();
    let forms = forms["items"].as_array().unwrap().clone();
    let form = forms.iter().find(|form| form["type"] == "suspicious-activity").unwrap();
    assert_eq!(form["required"], json!(["what_happened"]));
    assert_eq!(form["fields"][0]["kind"], "textarea");
    assert!(form["schema"]["properties"].is_object() && form["forbidden"].is_array());
    let policy = request("GET", "/api/v1/reports/policy").send(server.at).json();
    let reasons = policy["reasons"].as_array().unwrap();
    assert!(reasons.iter().any(|reason| reason["id"] == "spam" && reason["counts_against"] == true));
    assert_eq!(request("GET", "/api/v1/credits").send(server.at).code(), (404, "not_found".into()));
}
