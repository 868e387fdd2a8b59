//! Every route is attacked with every credential; what comes back is what its rule says, and nothing else.

use crate::fixture::Server;
use crate::http::{read_head, request};
use access::{NewAuthority, Rule, Scheme, Scope, ScopeSet};
use huecry_server::{Route, router};
use model::SourceName;

#[derive(Debug)]
enum Holder {
    Nobody,
    Malformed,
    Unknown,
    Expired,
    Revoked,
    Source,
    Scope(Scope),
}

struct Credential {
    holder: Holder,
    token: Option<String>,
}

fn credentials(server: &Server) -> Vec<Credential> {
    let everything = || NewAuthority::Api(ScopeSet::all());
    let now_ms = model::Clock::now_ms(&*server.clock);
    let (_, expired) = server.issue(everything(), Some(now_ms + 1_000));
    server.clock.advance_ms(1_000);
    let (id, revoked) = server.issue(everything(), None);
    server.runtime.block_on(server.access.revoke(&Server::caller(), id)).unwrap();
    let foreign = access::Secret::generate(access::SecretKind::Api, &model::SeededEntropy::new(9));
    let source = NewAuthority::Source(SourceName::new("trail").unwrap());
    let some = |secret: access::Secret| Some(secret.reveal().to_owned());
    let mut all = vec![
        Credential { holder: Holder::Nobody, token: None },
        Credential { holder: Holder::Malformed, token: Some("hc_api_short".into()) },
        Credential { holder: Holder::Unknown, token: some(foreign) },
        Credential { holder: Holder::Expired, token: some(expired) },
        Credential { holder: Holder::Revoked, token: some(revoked) },
        Credential { holder: Holder::Source, token: some(server.issue(source, None).1) },
    ];
    for scope in Scope::ALL {
        let token = server.issue(NewAuthority::Api(ScopeSet::from_iter([*scope])), None).1;
        all.push(Credential { holder: Holder::Scope(*scope), token: some(token) });
    }
    all
}

/// The status that the rule demands; `None` for "let through", whatever the handler says then.
fn demanded(rule: Rule, holder: &Holder) -> Option<u16> {
    match (rule, holder) {
        (Rule::Public { .. }, _) => None,
        (Rule::Signed { .. }, _) => Some(401),
        (Rule::SourceToken(_), Holder::Source) => None,
        (Rule::Scope(asked), Holder::Scope(held)) if asked == *held => None,
        (_, Holder::Nobody | Holder::Malformed) => Some(401),
        // Splunk says 403 to every token that it does not like
        (Rule::SourceToken(Scheme::Splunk), _) => Some(403),
        (_, Holder::Unknown | Holder::Expired | Holder::Revoked) => Some(401),
        (_, Holder::Source | Holder::Scope(_)) => Some(403),
    }
}

fn concrete(path: &str) -> String {
    let source = match path {
        hook if hook.contains("/hooks/github/") => "github",
        hook if hook.contains("/hooks/okta/") => "okta",
        _ => "trail",
    };
    path.replace("{source}", source)
        .replace("{id}", "inc_01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .replace("{partition}", "0")
        .replace("{offset}", "0")
        .replace("{name}", "spare")
        .replace("{code}", "not_found")
        .replace("{day}", "2023-11-14")
        .replace("{*path}", "0/000")
}

fn status(server: &Server, route: &Route, credential: &Credential) -> u16 {
    let path = concrete(&route.path);
    let mut attack = request(route.method, &path);
    if let Some(token) = &credential.token {
        let scheme = route.rule.scheme().map_or("Bearer", Scheme::as_str);
        attack = attack.header("authorization", format!("{scheme} {token}"));
    }
    if route.path.contains("/hooks/github/") {
        attack = attack.header("x-github-event", "push").header("x-github-delivery", "1");
    }
    read_head(&mut attack.open(server.at)).0
}

#[test]
fn every_route_answers_every_credential_as_its_rule_says() {
    let server = Server::start();
    server.add_source("spare", "syslog", None);
    let credentials = credentials(&server);
    let (_, table) = router(&server.app);
    assert!(table.len() > 40, "{} routes", table.len());
    let mut wrong = Vec::new();
    for route in &table {
        for credential in &credentials {
            let status = status(&server, route, credential);
            let fits = match demanded(route.rule, &credential.holder) {
                Some(demanded) => status == demanded,
                None => status != 401 && status != 403 && status != 408 && status < 500,
            };
            if !fits {
                wrong.push(format!("{} {} {:?}: {status}", route.method, route.path, credential.holder));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_scope_opens_something_or_is_reserved() {
    let server = Server::start();
    let (_, table) = router(&server.app);
    // opens nothing by itself: it widens what `events:read` shows
    let reserved = [Scope::EventsReadPersonal];
    for scope in Scope::ALL {
        let opens = table.iter().any(|route| route.rule == Rule::Scope(*scope));
        assert_ne!(opens, reserved.contains(scope), "{scope}");
    }
}

#[test]
fn paths_and_methods_that_are_not_in_the_table_do_not_exist() {
    let server = Server::start();
    let token = server.admin_token();
    assert_eq!(server.get("/api/v1/nothing", &token).code(), (404, "not_found".into()));
    assert_eq!(server.get("/api/v1/../metrics", "").code(), (404, "not_found".into()));
    assert_eq!(server.get("/api/v1/dead-letters/%ff/0", &token).code(), (400, "request_invalid".into()));
    let twice = "/services/collector?channel=a&channel=b";
    let hec =
        request("POST", twice).header("authorization", format!("Splunk {}", server.source_token("okta")));
    assert_eq!(hec.send(server.at).code(), (400, "request_invalid".into()));
    let (_, table) = router(&server.app);
    for route in &table {
        let path = concrete(&route.path);
        let answer = request("PROPFIND", &path).bearer(&token).send(server.at);
        assert_eq!(answer.code(), (405, "method_not_allowed".into()), "{path}");
    }
}
