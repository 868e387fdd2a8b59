//! A small imitation of vendors' interfaces, for what no emulator has: documents below paths, the verbs that change
//! them, and each vendor's statuses. It proves that the phases of an action fit each other; what vendors answer it
//! says as their documentation does.

use respond::connector::{Answer, Method, Remote, Request, Unanswered};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Verbs that stand at the end of a path, and what they merge into what is before them.
const VERBS: [(&str, &str); 13] = [
    ("/lifecycle/suspend", r#"{"status":"SUSPENDED"}"#),
    ("/lifecycle/unsuspend", r#"{"status":"ACTIVE"}"#),
    ("/lifecycle/deactivate", r#"{"status":"INACTIVE"}"#),
    ("/lifecycle/activate", r#"{"status":"ACTIVE"}"#),
    ("/block", r#"{"state":"blocked"}"#),
    ("/unblock", r#"{"state":"active"}"#),
    ("/archive", r#"{"archived":true}"#),
    ("/unarchive", r#"{"archived":false}"#),
    ("/disable", r#"{"state":"disabled_manually"}"#),
    ("/enable", r#"{"state":"active"}"#),
    ("/cancel", r#"{"status":"canceled"}"#),
    ("/revokeSignInSessions", r#"{"signInSessionsValidFromDateTime":"2026-11-27T10:00:00Z"}"#),
    ("/signOut", r#"{"lastSignOut":"now"}"#),
];

/// Paths that are lists, though there be nothing below them.
const LISTS: [&str; 10] = [
    "/networkpolicies",
    "/oauth2PermissionGrants",
    "/roles",
    "/grants",
    "/clients",
    "/tokens",
    "/factors",
    "/personal-access-tokens",
    "/roleAssignments",
    "/roleassignments",
];

/// The imitation of one vendor.
pub(crate) struct Imitation {
    vendor: String,
    documents: Mutex<BTreeMap<String, Value>>,
    made: Mutex<u32>,
}

impl Imitation {
    /// Of a connector's vendor, with what there is.
    pub(crate) fn of(vendor: &str, seed: &Value) -> Self {
        let documents = seed.as_object().unwrap().clone().into_iter().collect();
        Self { vendor: vendor.to_owned(), documents: Mutex::new(documents), made: Mutex::new(0) }
    }

    /// Puts something there, or in the place of what is.
    pub(crate) fn put(&self, path: &str, document: Value) {
        self.documents.lock().unwrap().insert(path.to_owned(), document);
    }

    /// Everything that there is, but names that the vendor gives.
    pub(crate) fn state(&self) -> Vec<String> {
        let documents = self.documents.lock().unwrap();
        let mut state: Vec<String> = documents
            .iter()
            .map(|(path, document)| {
                let given = document.get("id").map(|id| format!("/{}", text(id)));
                let path = given.and_then(|id| path.strip_suffix(&id)).unwrap_or(path);
                format!("{path} {}", without_names(document))
            })
            .collect();
        state.sort();
        state
    }

    fn answer(&self, request: &Request, path: &str, body: &Value) -> (u16, Value) {
        let mut documents = self.documents.lock().unwrap();
        if let Some(answer) = special(&self.vendor, &mut documents, request, path, body) {
            return answer;
        }
        let verb = VERBS.iter().find_map(|(verb, change)| Some((path.strip_suffix(verb)?, *change)));
        if let (Some((of, change)), false) = (verb, request.method == Method::Get) {
            let Some(document) = documents.get_mut(of) else { return (404, Value::Null) };
            merge(document, &serde_json::from_str(change).unwrap());
            return (status(&self.vendor, "verb"), Value::Null);
        }
        match request.method {
            Method::Ask | Method::Look | Method::Run => panic!("nothing of the kind is sent"),
            Method::Get => match documents.get(path) {
                Some(document) => (200, document.clone()),
                None if LISTS.iter().any(|list| path.ends_with(list)) => (200, self.list(&documents, path)),
                None => (404, json!({ "message": "not found" })),
            },
            Method::Put | Method::Patch => match (documents.get_mut(path), request.method) {
                (Some(document), Method::Patch) => {
                    merge(document, body);
                    (status(&self.vendor, "PATCH"), document.clone())
                }
                (Some(document), _) => {
                    for (name, value) in body.as_object().into_iter().flatten() {
                        document[name] = value.clone();
                    }
                    (status(&self.vendor, "PUT"), document.clone())
                }
                (None, Method::Put) => {
                    documents.insert(path.to_owned(), body.clone());
                    (status(&self.vendor, "PUT"), body.clone())
                }
                (None, _) => (404, Value::Null),
            },
            Method::Delete => {
                let below = format!("{path}/");
                let before = documents.len();
                documents.retain(|key, _| key != path && !key.starts_with(&below));
                let is_there = documents.len() < before || LISTS.iter().any(|list| path.ends_with(list));
                (if is_there { status(&self.vendor, "DELETE") } else { 404 }, Value::Null)
            }
            Method::Post => {
                let mut made = self.made.lock().unwrap();
                *made += 1;
                let id = format!("90{made}");
                let mut document = body.clone();
                document["id"] = id.clone().into();
                if self.vendor == "okta" && path.ends_with("/roles") {
                    document["assignmentType"] = "USER".into();
                }
                documents.insert(format!("{path}/{id}"), document.clone());
                (status(&self.vendor, "POST"), document)
            }
        }
    }

    fn list(&self, documents: &BTreeMap<String, Value>, path: &str) -> Value {
        let below = documents.iter().filter(|(key, _)| {
            key.strip_prefix(path)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|rest| !rest.contains('/'))
        });
        let list: Value = below.map(|(_, document)| document.clone()).collect();
        match self.vendor.as_str() {
            "entra" => json!({ "value": list }),
            "google_workspace" | "kubernetes" => json!({ "items": list }),
            _ => list,
        }
    }
}

impl Remote for Imitation {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        let rest = request.url.strip_prefix("https://vendor.example").unwrap();
        let path = rest.split('?').next().unwrap();
        let own = self.documents.lock().unwrap().get(&format!("whoami {path}")).cloned();
        if let Some(own) = own.or_else(|| whoami(&self.vendor, path)) {
            let status = own["status"].as_u64().map_or(200, |status| status as u16);
            return Ok(Answer { status, body: own.to_string(), retry_after_ms: None });
        }
        let is_form = request.headers.iter().any(|(_, value)| value.contains("form-urlencoded"));
        let (status, body) = if is_form {
            (200, json!({ "access_token": "t", "data": { "token": "t" } }))
        } else {
            let body = request.body.as_deref().map(|body| serde_json::from_str(body).unwrap());
            self.answer(request, path, &body.unwrap_or_default())
        };
        Ok(Answer { status, body: body.to_string(), retry_after_ms: None })
    }
}

/// As whom Hue & Cry is signed in.
fn whoami(vendor: &str, path: &str) -> Option<Value> {
    Some(match (vendor, path) {
        ("okta", "/api/v1/users/me") => json!({ "id": OWN_OKTA, "profile": { "login": "cry@acme.example" } }),
        ("github", "/user") => json!({ "login": "acme-cry" }),
        ("gitlab", "/api/v4/user") => json!({ "id": 77, "username": "cry" }),
        ("gitlab", "/api/v4/personal_access_tokens/self") => json!({ "id": 770 }),
        ("slack", "/api/auth.test") => json!({ "ok": true, "user_id": "U0CRY", "user": "cry" }),
        ("entra", path) if path.starts_with("/v1.0/servicePrincipals(appId='") => {
            json!({ "id": OWN_GUID, "appId": "11111111-2222-3333-4444-555555555555", "displayName": "Cry" })
        }
        ("google_workspace", "/v1/userinfo") => json!({ "sub": "777", "email": "cry@acme.example" }),
        ("kubernetes", "/apis/authentication.k8s.io/v1/selfsubjectreviews") => {
            json!({ "status": { "userInfo": {
            "username": "system:serviceaccount:security:cry",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:security", "system:authenticated"],
            "extra": { "authentication.kubernetes.io/pod-name": ["cry-0"] },
        } } })
        }
        _ => return None,
    })
}

/// Our id at Okta.
pub(crate) const OWN_OKTA: &str = "00u9cryabcdefghijklm";
/// Our id at Entra.
pub(crate) const OWN_GUID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

/// What a vendor answers to what went well.
fn status(vendor: &str, what: &str) -> u16 {
    match (vendor, what) {
        ("okta", "verb") | ("google_workspace", "POST" | "PATCH") | ("entra", "verb") => 200,
        ("kubernetes", "DELETE" | "PATCH") | ("gitlab" | "kubernetes", "PUT") => 200,
        ("github", "PATCH") => 200,
        ("github", "verb" | "PUT") | ("google_workspace", "verb") => 204,
        ("entra", "PATCH") | (_, "DELETE") => 204,
        _ => 201,
    }
}

/// What a vendor does in a way of its own.
fn special(
    vendor: &str,
    documents: &mut BTreeMap<String, Value>,
    request: &Request,
    path: &str,
    body: &Value,
) -> Option<(u16, Value)> {
    match vendor {
        "github" => github(documents, request.method, path, body),
        "gitlab" => gitlab(documents, request.method, path, body),
        "kubernetes" => kubernetes(documents, request.method, path, body),
        "wazuh" => wazuh(documents, request, path),
        "okta" if request.method == Method::Delete && path.ends_with("/sessions") => {
            let user = path.strip_suffix("/sessions")?;
            let all = ["/sessions", "/clients"].map(|below| format!("{user}{below}/"));
            documents.retain(|key, _| !all.iter().any(|below| key.starts_with(below)));
            Some((204, Value::Null))
        }
        "okta" if path.ends_with("/lifecycle/reset_factors") => {
            let factors = path.replace("/lifecycle/reset_factors", "/factors/");
            documents.retain(|key, _| !key.starts_with(&factors));
            Some((200, Value::Null))
        }
        "slack" if path == "/api/users.info" => Some((200, documents.get(path)?.clone())),
        "slack" => {
            let sessions = documents.get_mut("/sessions")?;
            if request.method == Method::Post {
                *sessions = json!([]);
            }
            Some((200, json!({ "ok": true, "active_sessions": sessions })))
        }
        _ => None,
    }
}

fn github(
    documents: &mut BTreeMap<String, Value>,
    method: Method,
    path: &str,
    body: &Value,
) -> Option<(u16, Value)> {
    if (path.contains("/blocks/") || path.contains("/members/")) && method == Method::Get {
        return Some((if documents.contains_key(path) { 204 } else { 404 }, Value::Null));
    }
    if path.contains("/environments/") && method == Method::Put {
        let document = documents.get_mut(path)?;
        document["deployment_branch_policy"] = body["deployment_branch_policy"].clone();
        return Some((200, document.clone()));
    }
    if path.ends_with("/cancel") {
        documents.get_mut(path.strip_suffix("/cancel")?)?["status"] = "completed".into();
        return Some((202, Value::Null));
    }
    if path.contains("/personal-access-tokens/") && method == Method::Post {
        assert_eq!(body, &json!({ "action": "revoke" }));
        return Some((if documents.remove(path).is_some() { 204 } else { 404 }, Value::Null));
    }
    let repository = path.strip_prefix("/repos/").unwrap_or_default();
    if repository.matches('/').count() != 1 || method != Method::Patch {
        return None;
    }
    // of a repository, to be private is to be seen by few
    let document = documents.get_mut(path)?;
    merge(document, body);
    if body["private"] == true {
        document["visibility"] = "private".into();
    }
    Some((200, document.clone()))
}

fn gitlab(
    documents: &mut BTreeMap<String, Value>,
    method: Method,
    path: &str,
    body: &Value,
) -> Option<(u16, Value)> {
    if method == Method::Post && path.ends_with("/protected_branches") {
        let levels = |name: &str| json!([{ "access_level": body[name] }]);
        let document = json!({
            "name": body["name"], "push_access_levels": levels("push_access_level"),
            "merge_access_levels": levels("merge_access_level"),
        });
        let name = body["name"].as_str()?.replace('/', "%2F");
        documents.insert(format!("{path}/{name}"), document.clone());
        return Some((201, document));
    }
    // a token is kept, and revoked; one of a project is one of a person that stands for it
    let tokens = ["/personal_access_tokens/", "/access_tokens/"];
    if method == Method::Delete && tokens.iter().any(|tokens| path.contains(tokens)) {
        let number = path.rsplit('/').next()?;
        for (key, document) in documents.iter_mut() {
            if key.ends_with(&format!("_tokens/{number}")) {
                document["revoked"] = true.into();
            }
        }
        return Some((204, Value::Null));
    }
    None
}

fn kubernetes(
    documents: &mut BTreeMap<String, Value>,
    method: Method,
    path: &str,
    body: &Value,
) -> Option<(u16, Value)> {
    match method {
        Method::Post => {
            let path = format!("{path}/{}", body["metadata"]["name"].as_str()?);
            if documents.contains_key(&path) {
                return Some((409, Value::Null));
            }
            let mut document = without_nulls(body);
            document["metadata"]["uid"] = format!("new-{}", documents.len()).into();
            documents.insert(path, document.clone());
            Some((201, document))
        }
        Method::Delete => {
            let wanted = &body["preconditions"]["uid"];
            let uid = &documents.get(path)?["metadata"]["uid"];
            if !wanted.is_null() && wanted != uid {
                return Some((409, Value::Null));
            }
            documents.remove(path);
            Some((200, Value::Null))
        }
        Method::Patch if path.ends_with("/scale") => {
            let document = documents.get_mut(path)?;
            merge(document, body);
            document["status"]["replicas"] = document["spec"]["replicas"].clone();
            Some((200, document.clone()))
        }
        _ => None,
    }
}

fn wazuh(documents: &mut BTreeMap<String, Value>, request: &Request, path: &str) -> Option<(u16, Value)> {
    let answer = |items: Value| Some((200, json!({ "data": { "affected_items": items }, "error": 0 })));
    if path == "/active-response" {
        return answer(json!(["007"]));
    }
    if path == "/agents" {
        let agent = request.url.split("agents_list=").nth(1)?.split('&').next()?;
        return answer(json!([documents.get(&format!("/agents/{agent}"))?]));
    }
    let (agent, group) = path.split_once("/group/")?;
    let groups = documents.get_mut(agent)?["group"].as_array_mut()?;
    groups.retain(|one| one != group);
    if request.method == Method::Put {
        groups.push(group.into());
    }
    answer(json!(["007"]))
}

/// A merge patch (RFC 7396).
fn merge(document: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *document = patch.clone();
        return;
    };
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    let map = document.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            map.remove(name);
        } else {
            merge(map.entry(name).or_insert(Value::Null), value);
        }
    }
    // what has nothing in it is as if it were not there
    map.retain(|_, value| !value.as_object().is_some_and(Map::is_empty));
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}

/// Without names that the vendor gives, and what is `false` though it was not said before.
fn without_names(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, value)| {
                // one that was put in by what was asked for is no part of what there is
                !matches!(key.as_str(), "id" | "uid" | "principal")
                    && (key.as_str() != "suspend" || **value != false)
            });
            // in one order, whatever order they came in
            let kept: BTreeMap<_, _> = kept.map(|(key, value)| (key.clone(), without_names(value))).collect();
            Value::Object(kept.into_iter().collect())
        }
        Value::Array(list) => list.iter().map(without_names).collect(),
        other => other.clone(),
    }
}
