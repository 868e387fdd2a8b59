//! Incidents that are somebody else's: each role tries each of them by every route, list and stream.

use crate::fixture::Server;
use crate::http::request;
use crate::people::Browser;
use access::{Role, Scope};
use huecry_server::router;
use model::{AuditRecord, IncidentId, Principal, Visibility};
use ports::store::IncidentEdit;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Reads, and works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    Nothing,
    Read,
    Work,
}

/// What a role may do to an incident, written down beside the policies.
fn expected(role: Role, visibility: Visibility, own: bool, assigned: bool) -> May {
    let works = matches!(role, Role::Responder | Role::DetectionEngineer | Role::ServiceOwner);
    match (role, visibility) {
        (Role::Admin, _) => May::Work,
        _ if works && assigned => May::Work,
        (Role::PrivacyOfficer, _) | (Role::Auditor, Visibility::Everyone | Visibility::Team) => May::Read,
        (_, Visibility::Restricted) => May::Nothing,
        (Role::Responder | Role::DetectionEngineer, Visibility::Everyone) => May::Work,
        (Role::Moderator, Visibility::Everyone) => May::Read,
        _ if own && works => May::Work,
        _ if own => May::Read,
        _ => May::Nothing,
    }
}

struct Case {
    id: IncidentId,
    finding: String,
    visibility: Visibility,
    own: bool,
    assignee: Option<String>,
}

/// One incident for each visibility, team and assignee.
fn cases(server: &Server, people: &[Browser]) -> Vec<Case> {
    let mut cases = Vec::new();
    let assignees = [None].into_iter().chain(people.iter().map(|browser| Some(browser.person.clone())));
    for assignee in assignees {
        for visibility in Visibility::ALL {
            for own in [false, true] {
                let number = cases.len() as u8;
                let (id, finding) =
                    server.open_incident_of(number, if own { "payments" } else { "identity" });
                let principal = Principal::System { part: "test".into() };
                let audit = AuditRecord::new(&*server.clock, &*server.entropy, principal, "test", id);
                server.runtime.block_on(async {
                    let mut unit = server.store.begin().await.unwrap();
                    unit.incidents().set_visibility(id, 1, visibility, 1, &audit).await.unwrap();
                    let edit = IncidentEdit { assignee: Some(assignee.clone()), ..IncidentEdit::default() };
                    let audit =
                        AuditRecord { id: model::AuditId::new(&*server.clock, &*server.entropy), ..audit };
                    unit.incidents().edit(id, 2, &edit, 1, &audit).await.unwrap();
                    unit.commit().await.unwrap();
                });
                cases.push(Case { id, finding, visibility, own, assignee: assignee.clone() });
            }
        }
    }
    cases
}

fn ids(answer: &Value) -> BTreeSet<String> {
    answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn give_team(admin: &Browser, browser: &Browser) {
    let path = format!("/api/v1/people/{}", browser.person);
    let body = json!({ "teams": ["payments"] }).to_string();
    let change = request("PATCH", &path).header("x-csrf-token", admin.csrf.as_str()).header("if-match", "1");
    assert_eq!(admin.send(change.body(&body)).status, 200);
}

#[test]
fn what_may_not_be_seen_does_not_exist() {
    let server = Server::start();
    let admin = server.sign_in(&[Role::Admin]);
    let people: Vec<Browser> = Role::ALL.iter().map(|role| server.sign_in(&[*role])).collect();
    people.iter().for_each(|browser| give_team(&admin, browser));
    let cases = cases(&server, &people);
    let (_, table) = router(&server.app);
    let routes: Vec<_> = table
        .iter()
        .filter(|route| route.path.starts_with("/api/"))
        .filter(|route| route.path.contains("/incidents/{id}") || route.path.contains("/findings/{id}"))
        .collect();
    assert!(routes.len() >= 9, "{routes:?}");
    let (of_routes, of_roles, of_ids) = (routes.len(), people.len(), cases.len());
    let decisions = of_routes * of_roles * of_ids;
    eprintln!("foreign ids: {of_routes} routes × {of_roles} roles × {of_ids} ids = {decisions} decisions");
    let mut wrong = Vec::new();
    for (role, browser) in Role::ALL.iter().zip(&people) {
        let may = |case: &Case| {
            let assigned = case.assignee.as_deref() == Some(&*browser.person);
            expected(*role, case.visibility, case.own, assigned)
        };
        for case in &cases {
            for route in &routes {
                let id = if route.path.contains("/findings/") {
                    case.finding.clone()
                } else {
                    case.id.to_string()
                };
                let path = route.path.replace("{id}", &id);
                let safe = route.method == "GET" || path.contains("/findings/");
                let answer = browser.change(route.method, &path, &json!({}));
                let scope_held = safe || has_write(*role);
                let fits = match (may(case), safe) {
                    _ if !scope_held => answer.status == 403,
                    (May::Nothing, _) => {
                        answer.code() == (404, "not_found".into())
                            && like_none(browser, route.method, &route.path, &id, &answer.json())
                    }
                    (May::Read, false) => answer.code() == (403, "not_permitted".into()),
                    // there is nothing of the second id
                    _ if path.contains("{to}") => answer.status == 404,
                    _ => answer.status != 404 && answer.status != 403 && answer.status < 500,
                };
                if !fits {
                    wrong.push(format!(
                        "{role} {} {path} ({:?}): {}",
                        route.method,
                        may(case),
                        answer.status
                    ));
                }
            }
        }
        for case in cases.iter().filter(|case| may(case) == May::Nothing) {
            no_disguise_helps(browser, &case.id.to_string());
        }
        let seen: BTreeSet<String> =
            cases.iter().filter(|case| may(case) != May::Nothing).map(|case| case.id.to_string()).collect();
        assert_eq!(ids(&browser.get("/api/v1/incidents?limit=500").json()), seen, "{role}");
        let seen: BTreeSet<String> =
            cases.iter().filter(|case| may(case) != May::Nothing).map(|case| case.finding.clone()).collect();
        assert_eq!(ids(&browser.get("/api/v1/findings?limit=500").json()), seen, "{role}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn no_disguise_helps(browser: &Browser, id: &str) {
    let coded: String = id.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for disguised in
        [id.replacen('i', "%69", 1), coded, id.to_lowercase(), format!("{id}/"), format!("./{id}")]
    {
        let answer = browser.get(&format!("/api/v1/incidents/{disguised}"));
        assert_eq!(answer.status, 404, "{disguised}");
    }
}

fn has_write(role: Role) -> bool {
    matches!(role, Role::Admin | Role::Responder | Role::DetectionEngineer | Role::ServiceOwner)
}

/// Whether the answer is the one for an incident that is not there, so that nobody can tell.
fn like_none(browser: &Browser, method: &str, template: &str, id: &str, answer: &Value) -> bool {
    let none = if template.contains("/findings/") {
        "0123456789abcdef0123456789abcdef".to_owned()
    } else {
        "inc_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()
    };
    let path = template.replace("{id}", &none);
    let other = browser.change(method, &path, &json!({})).json();
    let detail = |answer: &Value, id: &str| answer["detail"].as_str().unwrap().replace(id, "ID");
    answer["code"] == other["code"] && detail(answer, id) == detail(&other, &none)
}

#[test]
fn machines_see_restricted_incidents_only_if_they_were_made_for_them() {
    let server = Server::start();
    let cases = cases(&server, &[]);
    let with =
        |scopes: &[Scope]| ids(&server.get("/api/v1/incidents", &server.api_token(scopes)).json()).len();
    let restricted = cases.iter().filter(|case| case.visibility == Visibility::Restricted).count();
    assert_eq!(with(&[Scope::IncidentsRead]), cases.len() - restricted);
    assert_eq!(with(&[Scope::IncidentsRead, Scope::IncidentsRestricted]), cases.len());
}

#[test]
fn visibility_is_decided_by_who_works_on_it_and_recorded() {
    let server = Server::start();
    let (id, _) = server.open_incident_of(1, "payments");
    let ana = server.sign_in(&[Role::Responder]);
    let path = format!("/api/v1/incidents/{id}/visibility");
    let put = |version: &str, body: &Value| {
        let body = body.to_string();
        let request = request("PUT", &path).header("x-csrf-token", ana.csrf.as_str());
        ana.send(request.header("if-match", version).body(&body))
    };
    assert_eq!(put("1", &json!({ "visibility": "nobody" })).code(), (400, "request_invalid".into()));
    assert_eq!(put("9", &json!({ "visibility": "team" })).code(), (409, "conflict".into()));
    let answer = put("1", &json!({ "visibility": "restricted", "reason": "an insider" }));
    assert_eq!((answer.status, answer.json()["visibility"].clone()), (200, json!("restricted")));
    assert_eq!(ana.get(&format!("/api/v1/incidents/{id}")).code(), (404, "not_found".into()), "not hers");
    let history = server.get(&format!("/api/v1/incidents/{id}/history"), &server.admin_token()).json();
    assert_eq!(history["items"][0]["action"], "incident.visibility");
    assert_eq!(history["items"][0]["reason"], "an insider");
}

#[test]
fn what_a_request_names_beside_its_path_is_guarded_too() {
    let server = Server::start();
    let admin = server.sign_in(&[Role::Admin]);
    let ana = server.sign_in(&[Role::Responder]);
    let (own, _) = server.open_incident_of(1, "payments");
    let (hidden, _) = server.open_incident_of(2, "identity");
    let path = format!("/api/v1/incidents/{hidden}/visibility");
    let restrict = request("PUT", &path).header("x-csrf-token", admin.csrf.as_str()).header("if-match", "1");
    assert_eq!(admin.send(restrict.body(r#"{"visibility":"restricted"}"#)).status, 200);
    let (own, hidden) = (own.to_string(), hidden.to_string());
    for (what, body) in [
        ("merge", json!({ "into": hidden, "version": 1 })),
        ("link", json!({ "to": hidden, "kind": "related" })),
    ] {
        let answer = ana.change("POST", &format!("/api/v1/incidents/{own}/{what}"), &body);
        assert_eq!(answer.code(), (404, "not_found".into()), "{what}");
    }
    let bulk = json!({ "ids": [hidden, own], "edit": { "status": "in_progress" } });
    let answer = ana.change("POST", "/api/v1/incidents/bulk", &bulk).json();
    assert_eq!((&answer["changed"], &answer["refused"]), (&json!(1), &json!(1)), "{answer}");
    assert_eq!(answer["items"][0]["problem"]["code"], "not_found");
    let untouched = admin.get(&format!("/api/v1/incidents/{hidden}")).json();
    assert_eq!(untouched["incident"]["status"], "new");
    let body = json!({ "to": hidden, "kind": "related" });
    let linked = admin.change("POST", &format!("/api/v1/incidents/{own}/link"), &body);
    assert_eq!(linked.json()["links"][0]["incident"], json!(hidden));
    let seen = ana.get(&format!("/api/v1/incidents/{own}")).json();
    assert_eq!(seen["links"], json!([]), "a link says that the other is there");
    let graph = ana.get(&format!("/api/v1/incidents/{own}/graph"));
    assert!(!String::from_utf8_lossy(&graph.body).contains(&hidden));
    let facets = ana.get("/api/v1/incidents/facets").json();
    assert_eq!(facets["total"], 1, "{facets}");
}
