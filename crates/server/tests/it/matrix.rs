//! Every route is attacked with every credential; what comes back is what its rule says, and nothing else.

use crate::fixture::{Server, Setup};
use crate::http::{read_head, request};
use crate::people::Browser;
use crate::query::Told;
use access::{NewAuthority, Policies, Purpose, Role, RoleSet, Rule, Scheme, Scope, ScopeSet};
use huecry_server::{Route, router};
use model::SourceName;
use std::sync::Arc;

#[derive(Debug)]
enum Holder {
    Nobody,
    Malformed,
    Unknown,
    Expired,
    Revoked,
    Source,
    Scope(Scope),
    /// Signed in with this role alone.
    Role(Role),
    /// The same, and another site makes the browser ask.
    Forged(Role),
    /// Signed out again.
    SignedOut,
    /// Nobody, with a receipt that is open.
    Receipt,
    /// The same, and a page of another host of the site makes the browser ask.
    ForgedReceipt,
    /// A receipt's cookie that this server did not make.
    MadeUpReceipt,
}

struct Credential {
    holder: Holder,
    token: Option<String>,
    browser: Option<Browser>,
    cookie: Option<String>,
}

impl Credential {
    fn token(holder: Holder, token: impl Into<Option<String>>) -> Self {
        Self { holder, token: token.into(), browser: None, cookie: None }
    }

    fn receipt(holder: Holder, cookie: String) -> Self {
        Self { holder, token: None, browser: None, cookie: Some(format!("huecry_receipt={cookie}")) }
    }

    fn browser(holder: Holder, browser: Browser) -> Self {
        Self { holder, token: None, browser: Some(browser), cookie: None }
    }
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
    let some = |secret: access::Secret| secret.reveal().to_owned();
    let mut all = vec![
        Credential::token(Holder::Nobody, None),
        Credential::token(Holder::Malformed, "hc_api_short".to_owned()),
        Credential::token(Holder::Unknown, some(foreign)),
        Credential::token(Holder::Expired, some(expired)),
        Credential::token(Holder::Revoked, some(revoked)),
        Credential::token(Holder::Source, some(server.issue(source, None).1)),
    ];
    for scope in Scope::ALL {
        let token = server.issue(NewAuthority::Api(ScopeSet::from_iter([*scope])), None).1;
        all.push(Credential::token(Holder::Scope(*scope), some(token)));
    }
    for role in Role::ALL {
        all.push(Credential::browser(Holder::Role(*role), server.sign_in(&[*role])));
        all.push(Credential::browser(Holder::Forged(*role), server.sign_in(&[*role])));
    }
    let out = server.sign_in(&[Role::Admin]);
    let kept = out.cookies.borrow().clone();
    assert_eq!(out.change("DELETE", "/api/v1/session", &serde_json::json!({})).status, 204);
    *out.cookies.borrow_mut() = kept;
    all.push(Credential::browser(Holder::SignedOut, out));
    let tickets = server.app.gate.tickets();
    let open = || tickets.give(Purpose::Receipt, "rep_01ARZ3NDEKTSV4RRFFQ69G5FAV").unwrap().0;
    all.push(Credential::receipt(Holder::Receipt, open()));
    all.push(Credential::receipt(Holder::ForgedReceipt, open()));
    let other = tickets.give(Purpose::Related, "rep_01ARZ3NDEKTSV4RRFFQ69G5FAV").unwrap().0;
    all.push(Credential::receipt(Holder::MadeUpReceipt, other));
    all
}

/// What roles come to, beside the policies: a role that gets a scope by mistake is found here.
fn has(role: Role, scope: Scope) -> bool {
    use Scope::{
        AuditRead, AuditWrite, ContainmentsApprove, ContainmentsRead, ContainmentsRequest, DeadLettersRead,
        DeadLettersWrite, EventsRead, EventsReadPersonal, IncidentsRead, IncidentsRestricted, IncidentsWrite,
        McpUse, MetricsRead, ReportsModerate, ReportsRead, ReportsWrite, RulesRead, RulesWrite,
    };
    let scopes: &[Scope] = match role {
        Role::Admin => return true,
        Role::Reporter => &[IncidentsRead, ReportsWrite, McpUse],
        Role::Moderator => &[IncidentsRead, ReportsRead, ReportsWrite, ReportsModerate, McpUse],
        Role::Responder => &[
            IncidentsRead,
            IncidentsWrite,
            EventsRead,
            EventsReadPersonal,
            RulesRead,
            DeadLettersRead,
            ReportsRead,
            ReportsWrite,
            ContainmentsRead,
            ContainmentsRequest,
            ContainmentsApprove,
            McpUse,
        ],
        Role::DetectionEngineer => &[
            IncidentsRead,
            IncidentsWrite,
            EventsRead,
            RulesRead,
            RulesWrite,
            DeadLettersRead,
            DeadLettersWrite,
            MetricsRead,
            ReportsRead,
            ReportsWrite,
            ContainmentsRead,
            McpUse,
        ],
        Role::ServiceOwner => {
            &[IncidentsRead, IncidentsWrite, RulesRead, ReportsRead, ReportsWrite, ContainmentsRead, McpUse]
        }
        Role::PrivacyOfficer => &[
            IncidentsRead,
            IncidentsRestricted,
            EventsRead,
            EventsReadPersonal,
            AuditRead,
            AuditWrite,
            ReportsRead,
            ContainmentsRead,
            McpUse,
        ],
        Role::Auditor => {
            &[IncidentsRead, RulesRead, AuditRead, MetricsRead, ReportsRead, ContainmentsRead, McpUse]
        }
    };
    scopes.contains(&scope)
}

/// Routes that want another scope besides the one of their rule.
const BESIDES: [(&str, &str, Scope); 1] = [("POST", "/api/v1/rules/{id}/tune", Scope::EventsReadPersonal)];

fn beside(route: &Route) -> Option<Scope> {
    let found = BESIDES.iter().find(|(method, path, _)| route.method == *method && route.path == *path);
    found.map(|(.., scope)| *scope)
}

/// The status that the rule demands; `None` for "let through", whatever the handler says then.
fn demanded(route: &Route, holder: &Holder) -> Option<u16> {
    let safe = route.method == "GET";
    match (route.rule, holder) {
        // there is no such provider here
        _ if route.path.starts_with("/auth/oidc/") => Some(404),
        (Rule::Scope(_), Holder::Scope(_)) if beside(route).is_some() => Some(403),
        (Rule::Scope(_), Holder::Role(role)) if beside(route).is_some_and(|scope| !has(*role, scope)) => {
            Some(403)
        }
        // a browser's session opens no tools
        (_, Holder::Role(_) | Holder::Forged(_)) if route.path == "/mcp" => Some(403),
        (Rule::Receipt, Holder::Receipt) => None,
        (Rule::Receipt, Holder::ForgedReceipt) => {
            if safe {
                None
            } else {
                Some(403)
            }
        }
        (Rule::Receipt, _) => Some(401),
        // what a guest sends must hold; the origin is asked first
        (Rule::Guest { .. }, Holder::Malformed | Holder::Unknown | Holder::Expired | Holder::Revoked) => {
            Some(401)
        }
        (Rule::Guest { .. }, Holder::SignedOut) => Some(401),
        (Rule::Guest { .. }, Holder::Source) => Some(403),
        (Rule::Guest { .. }, Holder::Forged(_) | Holder::ForgedReceipt) if !safe => Some(403),
        (Rule::Guest { .. }, _) => None,
        (Rule::Public { .. }, _) => None,
        (Rule::Signed { .. }, _) => Some(401),
        (Rule::SourceToken(_), Holder::Source) => None,
        // doors know no cookies
        (Rule::SourceToken(_), Holder::Role(_) | Holder::Forged(_) | Holder::SignedOut) => Some(401),
        (_, Holder::SignedOut) => Some(401),
        (Rule::Person, Holder::Role(_)) => None,
        (Rule::Person, Holder::Forged(_)) if safe => None,
        (Rule::Scope(asked), Holder::Role(role)) if has(*role, asked) => None,
        (Rule::Scope(asked), Holder::Forged(role)) if has(*role, asked) && safe => None,
        (Rule::Scope(asked), Holder::Scope(held)) if asked == *held => None,
        (_, Holder::Receipt | Holder::ForgedReceipt | Holder::MadeUpReceipt) => Some(401),
        (_, Holder::Nobody | Holder::Malformed) => Some(401),
        // Splunk says 403 to every token that it does not like
        (Rule::SourceToken(Scheme::Splunk), _) => Some(403),
        (_, Holder::Unknown | Holder::Expired | Holder::Revoked) => Some(401),
        (_, Holder::Source | Holder::Scope(_) | Holder::Role(_) | Holder::Forged(_)) => Some(403),
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
        .replace("{attachment}", "att_01ARZ3NDEKTSV4RRFFQ69G5FAV")
        .replace("{to}", "inc_01ARZ3NDEKTSV4RRFFQ69G5FAW")
        .replace("{day}", "2023-11-14")
        .replace("{section}", "sources")
        .replace("{file}", "index.js")
        .replace("{*path}", "0/000")
}

/// Status and media type.
fn status(server: &Server, route: &Route, credential: &Credential) -> (u16, String) {
    let path = concrete(&route.path);
    let mut attack = request(route.method, &path);
    if let Some(token) = &credential.token {
        let scheme = route.rule.scheme().map_or("Bearer", Scheme::as_str);
        attack = attack.header("authorization", format!("{scheme} {token}"));
    }
    let fresh;
    if let Some(mut browser) = credential.browser.as_ref() {
        // signing out ends the session that the next attack would be by
        if let (("DELETE", "/api/v1/session"), Holder::Role(role)) =
            ((route.method, &*route.path), &credential.holder)
        {
            fresh = server.sign_in(&[*role]);
            browser = &fresh;
        }
        attack = attack.header("cookie", browser.cookie_header());
        if !matches!(credential.holder, Holder::Forged(_)) {
            attack = attack.header("x-csrf-token", browser.csrf.as_str());
        }
    }
    if let Some(cookie) = &credential.cookie {
        attack = attack.header("cookie", cookie.as_str());
    }
    if matches!(credential.holder, Holder::ForgedReceipt) {
        attack = attack.header("origin", "https://evil.test").header("sec-fetch-site", "same-site");
    }
    if route.path.contains("/hooks/github/") {
        attack = attack.header("x-github-event", "push").header("x-github-delivery", "1");
    }
    let (status, headers) = read_head(&mut attack.open(server.at));
    let media_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    (status, media_type.map(|(_, value)| value.clone()).unwrap_or_default())
}

/// Whether the description has the status, or its class, with the media type.
fn is_documented(openapi: &serde_json::Value, route: &Route, (status, media_type): (u16, &str)) -> bool {
    let responses = &openapi["paths"][&route.path][route.method.to_lowercase()]["responses"];
    let names = [status.to_string(), format!("{}XX", status / 100), "default".to_owned()];
    let Some(response) = names.iter().map(|name| &responses[name]).find(|response| response.is_object())
    else {
        return false;
    };
    let plain = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
    match response["content"].as_object() {
        None => media_type.is_empty(),
        Some(types) => types.keys().any(|name| plain(name) == plain(media_type)),
    }
}

#[test]
fn every_route_answers_every_credential_as_its_rule_says() {
    let server = Server::start_with(Setup { query: Some(Arc::new(Told)), ..Setup::default() });
    server.add_source("spare", "syslog", None);
    let credentials = credentials(&server);
    let (_, table) = router(&server.app);
    assert!(table.len() > 60, "{} routes", table.len());
    let openapi = serde_json::from_str(&huecry_server::openapi_json(&server.app)).unwrap();
    let (routes, holders) = (table.len(), credentials.len());
    eprintln!("matrix: {routes} routes × {holders} credentials = {} decisions", routes * holders);
    let (mut wrong, mut undocumented) = (Vec::new(), std::collections::BTreeSet::new());
    for route in &table {
        for credential in &credentials {
            let (status, media_type) = status(&server, route, credential);
            if !is_documented(&openapi, route, (status, &media_type)) {
                undocumented.insert(format!("{} {}: {status} {media_type}", route.method, route.path));
            }
            let fits = match demanded(route, &credential.holder) {
                Some(demanded) => status == demanded,
                None => status != 401 && status != 403 && status != 408 && status < 500,
            };
            if !fits {
                wrong.push(format!("{} {} {:?}: {status}", route.method, route.path, credential.holder));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(undocumented.is_empty(), "{undocumented:#?}");
}

#[test]
fn roles_come_to_what_is_written_here() {
    let policies = Policies::builtin().unwrap();
    for role in Role::ALL {
        let scopes = policies.reach_of_roles(RoleSet::from_iter([*role])).scopes;
        for scope in Scope::ALL {
            assert_eq!(scopes.has(*scope), has(*role, *scope), "{role} {scope}");
        }
    }
}

#[test]
fn a_route_that_wants_another_scope_opens_to_both_and_to_no_other_two() {
    let server = Server::start();
    let (_, table) = router(&server.app);
    for (method, path, besides) in BESIDES {
        let route = table.iter().find(|route| route.method == method && route.path == path).unwrap();
        let Rule::Scope(asked) = route.rule else { panic!("{path}") };
        for scope in Scope::ALL {
            let token = server.issue(NewAuthority::Api(ScopeSet::from_iter([asked, *scope])), None).1;
            let credential = Credential::token(Holder::Scope(*scope), Some(token.reveal().to_owned()));
            assert_eq!(status(&server, route, &credential).0 != 403, *scope == besides, "{path} {scope}");
        }
    }
}

#[test]
fn every_scope_opens_something_or_is_reserved() {
    let server = Server::start();
    let (_, table) = router(&server.app);
    // open nothing by themselves: they widen what `events:read` and `incidents:read` show
    let reserved = [Scope::EventsReadPersonal, Scope::IncidentsRestricted];
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
