//! Shipped connectors: each request is one that the vendor describes; files that lack a way back are refused.

use respond::connector::{
    ActionSpec, Answer, Connector, ConnectorError, Exchange, FormatError, Judged, Values, judge, read,
};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/connectors");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/connectors.md");

pub(crate) fn shipped() -> Vec<Connector> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(FOLDER).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let read_file = |path: &PathBuf| {
        let connector = read(&std::fs::read_to_string(path).unwrap());
        let connector = connector.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(path.file_stem().unwrap().to_str(), Some(connector.connector.as_str()));
        connector
    };
    files.iter().map(read_file).collect()
}

/// What publishes how a connector's system is spoken to, beside pages for people.
pub(crate) struct Described {
    connector: &'static str,
    /// Its file in the folder of descriptions.
    pub(crate) file: &'static str,
    /// What it is.
    by: &'static str,
}

/// Every connector whose requests are held against a published description, by tests.
const DESCRIBED: [Described; 4] = [
    Described { connector: "github", file: "github.json", by: OPEN_API },
    Described {
        connector: "google_workspace",
        file: "google_workspace.discovery.json",
        by: "Google's discovery document",
    },
    Described {
        connector: "kubernetes",
        file: "kubernetes.schema.json",
        by: "the published schema of its objects",
    },
    Described { connector: "okta", file: "okta.json", by: OPEN_API },
];

const OPEN_API: &str = "the vendor's OpenAPI";

/// The description that a connector's requests are held against.
pub(crate) fn described(connector: &str) -> Option<&'static Described> {
    DESCRIBED.iter().find(|described| described.connector == connector)
}

/// The vendors' own descriptions, from their packages.
pub(crate) fn descriptions() -> Option<PathBuf> {
    let folder = std::env::var_os("HUECRY_DESCRIPTIONS").map(PathBuf::from);
    if let Some(folder) = folder.filter(|folder| folder.is_dir()) {
        return Some(folder);
    }
    assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "HUECRY_DESCRIPTIONS names no folder");
    eprintln!(
        "SKIPPED: HUECRY_DESCRIPTIONS names no folder of vendors' descriptions (.ci/descriptions fetches them)"
    );
    None
}

/// Values of the right form for everything that an action takes.
pub(crate) fn example(connector: &Connector, action: &ActionSpec) -> Values {
    let target = [
        "00u1abcdefghijklmnop",
        "octocat",
        "acme/shop/deploy.yml",
        "acme/shop@release/1.2",
        "acme/shop",
        "acme/shop/42",
        "AKIAIOSFODNN7EXAMPLE",
        "U012AB3CD",
        "7",
        "acme/shop#production",
        "acme/shop@7",
        "00u1abcdefghijklmnop/0oa1abcdefghijklmnop",
        "00u1abcdefghijklmnop/SUPER_ADMIN",
        "0oa1abcdefghijklmnop",
        "i-0123456789abcdef0",
        "vol-0123456789abcdef0",
        "sgr-0123456789abcdef0",
        "9e7d62b2-88ac-4656-94e1-dbd4413ba008",
        "ann@acme.example",
        "ann@acme.example/client.apps.example",
        "lAPpYvVpN0KRkAEhdxReEMNTLmsCZkVBsMzGYzQzmJY",
        "007",
    ];
    let values = target.iter().find_map(|name| action.target_values(name).ok());
    let mut values = values.unwrap_or_else(|| panic!("no example of {}", action.target_pattern));
    let needed = action.inputs.iter().filter(|(_, input)| input.default.is_none());
    let said: Values = needed.map(|(name, _)| (name.clone(), "uptime".to_owned())).collect();
    values.extend(action.input_values(&said).unwrap());
    values.insert("now".into(), "2026-11-27T06:55:00Z".into());
    values.insert("access_token".into(), "token".into());
    // what a member of a list has, about which more is asked
    values.insert("GroupName".into(), "admins".into());
    for name in connector.settings.keys() {
        let value = match name.as_str() {
            "ssh_port" => "22",
            "ssh_hosts" => "*",
            "ssh_agent" => "",
            "ssh_key_file" | "ssh_known_hosts" => "/etc/huecry/ssh",
            name if name.ends_with("_url") => "https://vendor.example",
            _ => "acme",
        };
        values.insert(name.clone(), value.to_owned());
    }
    for (_, exchange) in action.exchanges() {
        values.extend(exchange.facts.keys().map(|name| (name.clone(), fact(name).to_owned())));
    }
    values
}

fn fact(name: &str) -> &'static str {
    match name {
        "allowed" => "selected",
        "groups" => r#"["sg-0123456789abcdef0"]"#,
        "acls" => "true",
        "consent" => "Principal",
        "policy" => r#"{"protected_branches":true,"custom_branch_policies":false}"#,
        "reference" => r#"{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"}"#,
        "subjects" => r#"[{"kind":"Group","name":"devs","apiGroup":"rbac.authorization.k8s.io"}]"#,
        "labels" | "annotations" => r#"{"a":"b"}"#,
        "pull" => "",
        "mounted" => "true",
        "uid" => "9e7d62b2-88ac-4656-94e1-dbd4413ba008",
        _ => "7",
    }
}

/// Values for the question as whom a connector is signed in.
pub(crate) fn own(connector: &Connector) -> Values {
    let mut values = example(connector, connector.actions.values().next().unwrap());
    values.extend([("own_login".to_owned(), String::new())]);
    values
}

/// The operation of a description for a path, whose parameters stand for one segment each.
fn operation<'d>(description: &'d Value, method: &str, path: &str) -> Option<(&'d Value, &'d str)> {
    let base = description["basePath"].as_str().unwrap_or_default().trim_end_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let template = format!("{base}{}", template.split('?').next().unwrap_or_default());
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == segments.len()
            && parts.iter().zip(&segments).all(|(part, segment)| part.starts_with('{') || part == segment)
    };
    let paths = description["paths"].as_object().unwrap();
    // a path without parameters is meant before one with
    let mut found: Vec<_> = paths.iter().filter(|(template, _)| fits(template)).collect();
    found.sort_by_key(|(template, _)| template.matches('{').count());
    let (template, item) = found.first()?;
    item.get(method.to_lowercase()).map(|operation| (operation, template.as_str()))
}

/// What a reference stands for.
fn resolved<'d>(description: &'d Value, value: &'d Value) -> &'d Value {
    let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|place| description.pointer(place)).unwrap_or(value)
}

/// What is wrong with an exchange by the vendor's description.
fn complaints(
    description: &Value,
    connector: &Connector,
    exchange: &Exchange,
    values: &Values,
) -> Vec<String> {
    let request = exchange.request(connector, values, 0).unwrap();
    let url = request.url.strip_prefix("https://vendor.example").unwrap();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let method = request.method.as_str();
    let Some((operation, template)) = operation(description, method, path) else {
        return vec![format!("{method} {path} is not described")];
    };
    let mut complaints = Vec::new();
    let statuses = exchange.expect.iter().chain(&exchange.already);
    for status in statuses.filter(|status| operation["responses"].get(status.to_string()).is_none()) {
        // what is not there answers so everywhere, said or not
        if *status != 404 {
            complaints.push(format!("{method} {template} does not answer {status}"));
        }
    }
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters: Vec<&Value> = parameters.map(|parameter| resolved(description, parameter)).collect();
    for name in query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name) {
        let name = name.trim_end_matches("%5B%5D");
        if !parameters.iter().any(|parameter| parameter["name"] == name && parameter["in"] == "query") {
            complaints.push(format!("{method} {template} has no parameter {name}"));
        }
    }
    // a body is a parameter in version 2 of the format
    let old = parameters.iter().find(|parameter| parameter["in"] == "body").map(|body| &body["schema"]);
    let described = old.unwrap_or(&operation["requestBody"]["content"]["application/json"]["schema"]);
    match (&request.body, described.is_null()) {
        (Some(body), false) => {
            let part = if old.is_some() { "definitions" } else { "components" };
            let schema = json!({ "allOf": [described], part: description[part] });
            let validator = jsonschema::validator_for(&schema).unwrap();
            let body: Value = serde_json::from_str(body).unwrap();
            let errors = validator.iter_errors(&body);
            complaints.extend(errors.map(|error| format!("{method} {template}: {error}")));
        }
        (Some(_), true) => complaints.push(format!("{method} {template} takes no body")),
        (None, false) if operation["requestBody"]["required"] == true => {
            complaints.push(format!("{method} {template} needs a body"));
        }
        _ => {}
    }
    complaints
}

fn description(folder: &Path, connector: &str) -> Option<Value> {
    let described = described(connector).filter(|described| described.by == OPEN_API)?;
    let text = std::fs::read_to_string(folder.join(described.file)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn every_description_is_one_that_requests_are_held_against() {
    let Some(folder) = descriptions() else { return };
    let files =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = files.collect();
    files.sort();
    assert_eq!(files, DESCRIBED.map(|described| described.file));
    for described in &DESCRIBED {
        assert!(shipped().iter().any(|one| one.connector == described.connector), "{}", described.connector);
    }
}

#[test]
fn requests_are_what_vendors_describe() {
    let Some(folder) = descriptions() else { return };
    let mut checked = 0;
    for connector in shipped() {
        let Some(description) = description(&folder, &connector.connector) else { continue };
        for (name, action) in &connector.actions {
            let values = example(&connector, action);
            for (phase, exchange) in action.exchanges() {
                let wrong = complaints(&description, &connector, exchange, &values);
                assert!(wrong.is_empty(), "{}.{name}, {phase}: {wrong:#?}", connector.connector);
                checked += 1;
            }
        }
        for exchange in connector.whoami.iter().flat_map(|whoami| &whoami.read) {
            let wrong = complaints(&description, &connector, exchange, &own(&connector));
            assert!(wrong.is_empty(), "{}, whoami: {wrong:#?}", connector.connector);
            checked += 1;
        }
    }
    assert!(checked >= 80, "{checked} requests were checked");
    // a wrong path, method, parameter and body are found
    let connector = shipped().into_iter().find(|connector| connector.connector == "github").unwrap();
    let description = description(&folder, "github").unwrap();
    let lock = &connector.actions["lock_branch"];
    let values = example(&connector, lock);
    let mut wrong = lock.apply[0].clone();
    wrong.body.as_mut().unwrap()["enforcement"] = "sometimes".into();
    assert!(!complaints(&description, &connector, &wrong, &values).is_empty());
    let mut wrong = lock.verify[0].clone();
    wrong.method = respond::connector::Method::Patch;
    assert!(!complaints(&description, &connector, &wrong, &values).is_empty());
    let mut wrong = lock.verify[0].clone();
    wrong.query.insert("force".into(), "1".to_owned().try_into().unwrap());
    assert!(!complaints(&description, &connector, &wrong, &values).is_empty());
}

/// The table of what there is.
fn page() -> String {
    let mut page = String::from(
        "# Connectors and their actions\n\nGenerated from `content/connectors`; a test holds it.\n\n\
         *Belongs to* is what a target is protected with: parts of its name and what the look finds, by the names that the\n\
         file has for them. *Held against* is what tests hold an action's requests against; documentation is read by people only.\n\n\
         | action | does | about | belongs to | impact | can be taken back | by itself after | held against |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for connector in shipped() {
        for (name, action) in &connector.actions {
            let ttl = action.ttl_minutes_default.map_or(String::new(), |minutes| format!("{minutes} min"));
            let back = match &action.compensation {
                Some(compensation) => format!("{}: {compensation}", action.reversibility.as_str()),
                None => action.reversibility.as_str().to_owned(),
            };
            let _ = writeln!(
                page,
                "| `{}.{name}` | [{}]({}) | {} | {} | {} | {back} | {ttl} | {} |",
                connector.connector,
                action.title,
                action.documentation,
                action.target.as_str(),
                belongs_to(action),
                action.impact.as_str(),
                described(&connector.connector).map_or("documentation only", |described| described.by),
            );
        }
    }
    page.push_str("\n## As whom a connector is signed in\n\nIts own account and key are no targets of it. It is asked before each look.\n\n");
    for connector in shipped() {
        let told = match (&connector.whoami, &connector.whoami_unknown) {
            (Some(whoami), _) => {
                let asked =
                    whoami.read.iter().map(|one| format!("`{} {}`", one.method.as_str(), one.path.as_str()));
                asked.collect::<Vec<_>>().join(", ")
            }
            (None, Some(why)) => format!("not known: {why}"),
            (None, None) => "no action is about accounts or credentials".to_owned(),
        };
        let _ = writeln!(page, "- `{}`: {told}", connector.connector);
    }
    page
}

/// Whose a target is, for people.
fn belongs_to(action: &ActionSpec) -> String {
    if let Some(why) = &action.owner_unknown {
        return format!("unknown: {why}");
    }
    let owners = action.belongs_to.iter().map(|owner| {
        let name = match &owner.each {
            Some(each) if owner.name.as_str() == "{each}" => each.as_str().to_owned(),
            Some(each) => format!("{} of {}", owner.name.as_str(), each.as_str()),
            None => owner.name.as_str().to_owned(),
        };
        format!("{} `{name}`", owner.kind.as_str())
    });
    owners.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_page_of_connectors_is_true() {
    let page = page();
    if std::env::var_os("HUECRY_BLESS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let kept = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        kept == page,
        "docs/reference/connectors.md is stale: HUECRY_BLESS=1 cargo nextest run -p huecry-respond page"
    );
}

const OKTA: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/connectors/okta.yaml"));

#[test]
fn what_lacks_a_way_back_or_a_proof_is_refused() {
    for (from, to, expected) in [
        ("    reversibility: compensable\n", "    reversibility: reversible\n", "needs `revert`"),
        ("    compensation: The person signs in again\n", "", "needs `compensation`"),
        (
            "    reversibility: reversible\n",
            "    reversibility: irreversible\n",
            "`revert` and is not reversible",
        ),
        ("    verify_revert:\n      - method: GET", "    verify_revert:\n      - method: POST", "only looks"),
        ("\"^00u[A-Za-z0-9]{17}$\"", "\"00u[A-Za-z0-9]{17}\"", "whole value"),
        (
            "/users/{target}/lifecycle/suspend",
            "/users/{user}/lifecycle/suspend",
            "{user}, which nobody gives",
        ),
        ("SSWS {okta_token}", "SSWS abc", "names no setting that is a secret"),
        ("base_url: \"{okta_url}\"", "base_url: \"https://{okta_token}\"", "that is no secret"),
        ("expect: [204]", "expect: []", "expects no status"),
        ("documentation: https", "documentation: http", "vendor's page"),
        ("title: Okta", "titel: Okta", "titel"),
        ("whoami:\n  read:", "whoami:\n  red:", "red"),
        (
            "    - method: GET\n      path: /api/v1/users/me",
            "    - method: PUT\n      path: /api/v1/users/me",
            "only looks",
        ),
        ("name: \"{own_login}\"", "name: \"{own_mail}\"", "{own_mail}, which nobody gives"),
        ("before: some, perhaps", "before: \"since {now}\"", "another at each look"),
        ("before: some, perhaps", "before: \"{mood}\"", "{mood}, which no look tells"),
        (
            "      - {kind: account, name: \"{login}\"}",
            "      - {kind: account, name: \"{mail}\"}",
            "{mail}, which nobody gives",
        ),
        (
            "    belongs_to:\n",
            "    owner_unknown: it is a secret\n    belongs_to:\n",
            "that nobody knows whose it is",
        ),
    ] {
        assert!(OKTA.contains(from), "{from}");
        let refused = read(&OKTA.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
    let owned = "    belongs_to:\n      - {kind: account, name: \"{login}\"}\n      - {kind: account, name: \"{email}\", optional: true}\n";
    let refused = read(&OKTA.replacen(owned, "", 1)).unwrap_err().to_string();
    assert!(refused.contains("needs `belongs_to`, or `owner_unknown`"), "{refused}");
    assert!(read(&OKTA.replacen(owned, "    owner_unknown: Okta does not tell\n", 1)).is_ok());
    assert!(read(&OKTA.replacen(owned, "    owner_unknown: \" \"\n", 1)).is_err());
    let (before, rest) = OKTA.split_once("whoami:\n").unwrap();
    let without = format!("{before}actions:\n{}", rest.split_once("actions:\n").unwrap().1);
    let refused = read(&without).unwrap_err().to_string();
    assert!(refused.contains("needs `whoami`, or `whoami_unknown`"), "{refused}");
    assert!(
        read(&without.replacen("actions:\n", "whoami_unknown: Okta does not tell\nactions:\n", 1)).is_ok()
    );
    assert!(matches!(read("[]"), Err(ConnectorError::Syntax(_))));
}

#[test]
fn a_name_does_not_leave_its_place() {
    let github = shipped().into_iter().find(|connector| connector.connector == "github").unwrap();
    let workflow = &github.actions["disable_workflow"];
    for bad in [
        "acme/shop",
        "acme/../x.yml",
        "acme/shop/x.yml\n",
        "acme/shop/a b.yml",
        "acme/shop/x.yml?y=1",
        "a/b/c/d.yml",
    ] {
        // `..` fits the form of a repository and is refused where it would be a segment
        match workflow.target_values(bad) {
            Err(_) => {}
            Ok(mut values) => {
                values.extend(
                    example(&github, workflow).into_iter().filter(|(name, _)| name.starts_with("github")),
                );
                assert!(workflow.apply[0].request(&github, &values, 0).is_err(), "{bad}");
            }
        }
    }
    let mut values = example(&github, workflow);
    values.insert("github_token".into(), "x\r\nHost: evil".into());
    assert!(workflow.apply[0].request(&github, &values, 0).is_err());
    values.insert("github_token".into(), "ghp_secret".into());
    let request = workflow.apply[0].request(&github, &values, 0).unwrap();
    assert!(!format!("{request:?}").contains("ghp_secret"));
}

#[test]
fn every_request_of_every_action_can_be_written() {
    for connector in shipped() {
        for (name, action) in &connector.actions {
            let values = example(&connector, action);
            for (phase, exchange) in action.exchanges() {
                // requests of the other case are for other facts
                let mut values = values.clone();
                for (name, wanted) in &exchange.when {
                    values.insert(name.clone(), wanted.all()[0].as_str().to_owned());
                }
                let what = format!("{}.{name}, {phase}", connector.connector);
                let wrong = |error: FormatError| format!("{what}: {error}");
                if let Some(command) = exchange.command(&connector, &values).map_err(wrong).unwrap() {
                    assert!(command.line.starts_with('\''), "{what}: {}", command.line);
                    continue;
                }
                let request = exchange.request(&connector, &values, 0).map_err(wrong).unwrap();
                assert!(!request.url.contains(['{', '}', ' ']), "{}", request.url);
            }
        }
    }
    // what a fact counts comes back as a number
    let kubernetes = shipped().into_iter().find(|connector| connector.connector == "kubernetes").unwrap();
    let scale = &kubernetes.actions["scale_to_zero"];
    let mut values = example(&kubernetes, scale);
    values.insert("replicas".into(), "3".into());
    let request = scale.revert[0].request(&kubernetes, &values, 0).unwrap();
    assert_eq!(request.body.as_deref(), Some(r#"{"spec":{"replicas":3}}"#));
    values.insert("replicas".into(), "3 }".into());
    assert!(scale.revert[0].request(&kubernetes, &values, 0).is_err());
}

#[test]
fn answers_are_judged() {
    let okta = read(OKTA).unwrap();
    let suspend = &okta.actions["suspend_user"];
    let answer = |status, body: &str| Answer { status, body: body.to_owned(), retry_after_ms: Some(7) };
    let of = |exchange: &Exchange, status, body: &str| {
        judge(&okta, exchange, &Values::new(), &answer(status, body))
    };
    let active = r#"{"status": "ACTIVE", "profile": {"login": "ann"}}"#;
    let told = [("status", "ACTIVE"), ("login", "ann"), ("email", "")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(of(&suspend.read[0], 200, active), Judged::Done(told.into()));
    assert!(
        matches!(of(&suspend.verify[0], 200, active), Judged::Refused { reason } if reason.contains("ACTIVE"))
    );
    let said = r#"{"errorSummary": "Not\nyours"}"#;
    assert_eq!(of(&suspend.apply[0], 403, said), Judged::Refused { reason: "status 403: Not yours".into() });
    let later = Judged::Later { retry_after_ms: Some(7), reason: "status 429".into() };
    assert_eq!(of(&suspend.apply[0], 429, ""), later);
    let reset = &okta.actions["reset_factors"].verify[0];
    assert_eq!(of(reset, 200, "[]"), Judged::Done(Values::new()));
    assert!(matches!(of(reset, 200, "[{}]"), Judged::Refused { .. }));
    let github = shipped().into_iter().find(|connector| connector.connector == "github").unwrap();
    let revert = &github.actions["lock_branch"].revert[0];
    assert_eq!(judge(&github, revert, &Values::new(), &answer(404, "")), Judged::Already);
    // something else is under way; it waits for its turn; nobody answered; no
    let fleet = shipped().into_iter().find(|connector| connector.connector == "fleet").unwrap();
    let isolate = &fleet.actions["isolate_host"];
    let of = |exchange: &Exchange, status, body: &str| {
        judge(&fleet, exchange, &Values::new(), &answer(status, body))
    };
    assert!(matches!(of(&isolate.apply[0], 409, ""), Judged::Later { .. }));
    assert!(matches!(of(&isolate.apply[0], 408, ""), Judged::Unclear { .. }));
    let said = |exit_code: i32, output: &str| serde_json::json!({ "exit_code": exit_code, "output": output });
    let verify = &isolate.verify[0];
    assert!(matches!(of(verify, 422, ""), Judged::Unclear { .. }));
    assert!(matches!(of(verify, 200, &said(-2, "").to_string()), Judged::Unclear { .. }));
    assert!(matches!(of(verify, 200, &said(0, "open").to_string()), Judged::Refused { .. }));
    assert!(matches!(of(verify, 200, &said(0, "isolated").to_string()), Judged::Done(_)));
}
