//! The phases of every action fit each other: it is not so before, it is afterwards, and taken back all is as it was.
//! AWS is tested against an emulator instead.

use crate::connectors::shipped;
use crate::imitation::Imitation;
use respond::connector::{Act, Asked, Connector, MAIL_CONNECTOR, Method, Outcome, Values};
use respond::impact::Reversibility;
use respond::protect::Protection;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const NOW_MS: i64 = 1_795_000_000_000;

/// An action, on what, and what there is.
pub(crate) type Case = (&'static str, &'static str, Value);

const USER: &str = "00u1abcdefghijklmnop";
const GUID: &str = "9e7d62b2-88ac-4656-94e1-dbd4413ba008";

fn okta() -> Vec<Case> {
    let user = json!({ "status": "ACTIVE", "profile": { "login": "ann" } });
    let path = format!("/api/v1/users/{USER}");
    let with = |more: &str, document: Value| json!({ &path: user, format!("{path}{more}"): document });
    vec![
        ("suspend_user", USER, json!({ &path: user })),
        ("clear_sessions", USER, with("/clients/0oa1", json!({ "client_id": "0oa1" }))),
        ("reset_factors", USER, with("/factors/f1", json!({ "factorType": "push" }))),
        (
            "revoke_client_tokens",
            "00u1abcdefghijklmnop/0oa1abcdefghijklmnop",
            with("/clients/0oa1abcdefghijklmnop/tokens/t1", json!({ "status": "ACTIVE" })),
        ),
        ("revoke_consents", USER, with("/grants/g1", json!({ "status": "ACTIVE" }))),
        (
            "remove_admin_role",
            "00u1abcdefghijklmnop/SUPER_ADMIN",
            with("/roles/r1", json!({ "id": "r1", "type": "SUPER_ADMIN", "assignmentType": "USER" })),
        ),
        (
            "deactivate_app",
            "0oa1abcdefghijklmnop",
            json!({ "/api/v1/apps/0oa1abcdefghijklmnop": { "status": "ACTIVE", "label": "Wiki" } }),
        ),
    ]
}

fn github() -> Vec<Case> {
    let repo = |more: &str, document: Value| json!({ format!("/repos/acme/shop{more}"): document });
    vec![
        ("block_user", "octocat", json!({ "/users/octocat": { "login": "octocat", "email": null } })),
        (
            "remove_member",
            "octocat",
            json!({
                "/users/octocat": { "login": "octocat", "email": "octo@cat.example" },
                "/orgs/acme/memberships/octocat": { "role": "member", "state": "active" },
                "/orgs/acme/members/octocat": {},
            }),
        ),
        (
            "disable_workflow",
            "acme/shop/deploy.yml",
            repo("/actions/workflows/deploy.yml", json!({ "state": "active", "name": "Deploy" })),
        ),
        ("lock_branch", "acme/shop@release/1.2", json!({})),
        (
            "disable_actions",
            "acme/shop",
            repo("/actions/permissions", json!({ "enabled": true, "allowed_actions": "selected" })),
        ),
        ("delete_deploy_key", "acme/shop/42", repo("/keys/42", json!({ "title": "ci" }))),
        (
            "revoke_token",
            "7",
            json!({ "/orgs/acme/personal-access-tokens/7": { "id": 7, "owner": { "login": "ann" } } }),
        ),
        (
            "block_deployments",
            "acme/shop#production",
            json!({
                "/repos/acme/shop/environments/production": {
                    "protection_rules": [{ "type": "branch_policy" }],
                    "deployment_branch_policy": { "protected_branches": true, "custom_branch_policies": false },
                },
                "/repos/acme/shop/environments/production/deployment-branch-policies":
                    { "total_count": 0, "branch_policies": [] },
            }),
        ),
        (
            "block_deployments",
            "acme/shop#production",
            json!({
                "/repos/acme/shop/environments/production": {
                    "protection_rules": [], "deployment_branch_policy": null,
                },
                "/repos/acme/shop/environments/production/deployment-branch-policies":
                    { "total_count": 0, "branch_policies": [] },
            }),
        ),
    ]
}

fn github_ci() -> Vec<Case> {
    let repo = |more: &str, document: Value| json!({ format!("/repos/acme/shop{more}"): document });
    vec![
        (
            "cancel_run",
            "acme/shop/42",
            repo("/actions/runs/42", json!({ "status": "in_progress", "name": "Deploy" })),
        ),
        (
            "remove_runner",
            "acme/shop/42",
            repo("/actions/runners/42", json!({ "name": "build-1", "status": "online" })),
        ),
        (
            "remove_org_runner",
            "42",
            json!({ "/orgs/acme/actions/runners/42": { "name": "build-1", "status": "online" } }),
        ),
        (
            "disable_webhook",
            "acme/shop/42",
            repo("/hooks/42", json!({ "active": true, "config": { "url": "https://x.example" } })),
        ),
        ("make_private", "acme/shop", repo("", json!({ "visibility": "public", "private": false }))),
        (
            "enable_push_protection",
            "acme/shop",
            repo(
                "",
                json!({ "security_and_analysis": { "secret_scanning_push_protection": { "status": "disabled" } } }),
            ),
        ),
    ]
}

fn gitlab() -> Vec<Case> {
    let project = json!({
        "archived": false, "builds_access_level": "private", "visibility": "internal",
        "path_with_namespace": "acme/shop", "id": 42,
    });
    let path = "/api/v4/projects/acme%2Fshop";
    let within = |more: &str, document: Value| json!({ path: project, format!("{path}{more}"): document });
    let of = |path: &str, document: Value| json!({ format!("/api/v4/{path}"): document });
    let token = json!({ "id": 7, "user_id": 9, "revoked": false, "name": "ci" });
    vec![
        ("block_user", "7", of("users/7", json!({ "state": "active", "username": "ann" }))),
        (
            "revoke_token",
            "7",
            json!({
                "/api/v4/personal_access_tokens/7": token,
                "/api/v4/users/9": { "id": 9, "username": "ann", "email": "ann@acme.example" },
            }),
        ),
        ("archive_project", "acme/shop", json!({ path: project })),
        ("disable_pipelines", "acme/shop", json!({ path: project })),
        ("make_private", "acme/shop", json!({ path: project })),
        ("lock_branch", "acme/shop@release/1.2", json!({ path: project })),
        ("pause_runner", "7", of("runners/7", json!({ "paused": false, "description": "build-1" }))),
        ("cancel_pipeline", "acme/shop@7", within("/pipelines/7", json!({ "status": "running" }))),
        ("delete_deploy_key", "acme/shop@7", within("/deploy_keys/7", json!({ "title": "ci" }))),
        (
            "revoke_project_token",
            "acme/shop@7",
            json!({
                path: project,
                "/api/v4/projects/acme%2Fshop/access_tokens/7": token,
                "/api/v4/personal_access_tokens/7": token,
            }),
        ),
    ]
}

fn kubernetes() -> Vec<Case> {
    let pod = json!({
        "metadata": {
            "uid": "u1", "name": "web", "labels": { "app": "web" },
            "ownerReferences": [{ "kind": "StatefulSet", "name": "web-set", "controller": true }],
        },
        "spec": { "nodeName": "node-3", "serviceAccountName": "web" },
    });
    let pod = json!({ "/api/v1/namespaces/shop/pods/web": pod });
    vec![
        ("isolate_pod", "shop/web", pod.clone()),
        ("delete_pod", "shop/web", pod),
        (
            "cordon_node",
            "node-3",
            json!({ "/api/v1/nodes/node-3": {
                "metadata": { "name": "node-3" }, "spec": { "podCIDR": "10.0.0.0/24" },
                "status": { "addresses": [{ "type": "InternalIP", "address": "10.9.0.3" }] },
            } }),
        ),
        (
            "scale_to_zero",
            "shop/web",
            json!({
                "/apis/apps/v1/namespaces/shop/deployments/web/scale":
                    { "spec": { "replicas": 3 }, "status": { "replicas": 3 } },
            }),
        ),
        (
            "suspend_cron_job",
            "shop/report",
            json!({ "/apis/batch/v1/namespaces/shop/cronjobs/report": { "spec": { "schedule": "@daily" } } }),
        ),
        (
            "unbind_cluster_role",
            "devs-are-admins",
            json!({
                "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/devs-are-admins": {
                    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                    "metadata": { "uid": "u2", "name": "devs-are-admins", "labels": { "team": "dev" } },
                    "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin" },
                    "subjects": [
                        { "kind": "Group", "name": "devs", "apiGroup": "rbac.authorization.k8s.io" },
                        { "kind": "ServiceAccount", "name": "ci", "namespace": "ci" },
                    ],
                },
            }),
        ),
        (
            "revoke_service_account_tokens",
            "shop/web",
            json!({
                "/api/v1/namespaces/shop/serviceaccounts/web": {
                    "apiVersion": "v1", "kind": "ServiceAccount",
                    "metadata": { "uid": "u3", "name": "web", "namespace": "shop", "annotations": { "role": "web" } },
                    "automountServiceAccountToken": false,
                },
            }),
        ),
    ]
}

fn entra() -> Vec<Case> {
    let user = json!({
        "id": "5e1f", "userPrincipalName": "ann@acme.example", "accountEnabled": true,
        "mail": "ann.lee@acme.example", "displayName": "Ann Lee",
        "signInSessionsValidFromDateTime": "2026-01-01T00:00:00Z",
    });
    let user = json!({ "/v1.0/users/ann%40acme.example": user });
    let grant = |kind: &str| {
        let mut grant = json!({
            "id": "grant-of-ann-to-some-application", "clientId": "c", "consentType": kind, "resourceId": "r",
            "scope": "Mail.Read",
        });
        if kind == "Principal" {
            grant["principalId"] = "p".into();
        }
        json!({
            "/v1.0/oauth2PermissionGrants/grant-of-ann-to-some-application": grant,
            "/v1.0/servicePrincipals/c": { "id": "c", "appId": "c-app", "displayName": "Mailer" },
            "/v1.0/users/p": { "id": "p", "userPrincipalName": "ann@acme.example", "displayName": "Ann Lee" },
        })
    };
    vec![
        ("revoke_sessions", "ann@acme.example", user.clone()),
        ("disable_user", "ann@acme.example", user),
        (
            "disable_application",
            GUID,
            json!({ format!("/v1.0/servicePrincipals/{GUID}"): { "displayName": "Mailer", "appId": "c-app", "accountEnabled": true } }),
        ),
        (
            "remove_role",
            "assignment-of-a-role-to-ann",
            json!({
                "/v1.0/roleManagement/directory/roleAssignments/assignment-of-a-role-to-ann": {
                    "id": "assignment-of-a-role-to-ann", "principalId": "p", "roleDefinitionId": "r",
                    "directoryScopeId": "/",
                    "principal": { "displayName": "Ann Lee", "userPrincipalName": "ann@acme.example" },
                },
            }),
        ),
        ("revoke_consent", "grant-of-ann-to-some-application", grant("Principal")),
        ("revoke_consent", "grant-of-ann-to-some-application", grant("AllPrincipals")),
    ]
}

fn google() -> Vec<Case> {
    let ann = json!({
        "suspended": false, "isAdmin": false, "id": "9", "primaryEmail": "ann@acme.example",
        "aliases": ["ann.lee@acme.example", "al@acme.example"],
    });
    let user = json!({ "/admin/directory/v1/users/ann%40acme.example": ann });
    vec![
        ("suspend_user", "ann@acme.example", user.clone()),
        ("sign_out", "ann@acme.example", user),
        (
            "revoke_app_access",
            "ann@acme.example/client.apps.example",
            json!({
                "/admin/directory/v1/users/ann%40acme.example": ann,
                "/admin/directory/v1/users/ann%40acme.example/tokens/client.apps.example":
                    { "displayText": "x", "scopes": ["mail"] },
            }),
        ),
        (
            "remove_admin_role",
            "42",
            json!({
                "/admin/directory/v1/users/9": ann,
                "/admin/directory/v1/customer/my_customer/roleassignments/42":
                    { "id": "42", "roleId": "3", "assignedTo": "9", "scopeType": "CUSTOMER" },
            }),
        ),
    ]
}

fn others(connector: &str) -> Vec<Case> {
    match connector {
        "wazuh" => vec![(
            "isolate_host",
            "007",
            json!({ "/agents/007": { "id": "007", "name": "build", "status": "active", "group": ["default"] } }),
        )],
        "webhook" => vec![("contain", "shop/web", json!({}))],
        "slack" => {
            let user =
                json!({ "ok": true, "user": { "name": "ann", "profile": { "email": "ann@acme.example" } } });
            let seed = json!({ "/sessions": [{ "session_id": 1 }], "/api/users.info": user });
            vec![("sign_out", "U012AB3CD", seed)]
        }
        _ => Vec::new(),
    }
}

/// The cases of a connector; none for AWS.
pub(crate) fn cases(connector: &str) -> Vec<Case> {
    match connector {
        "okta" => okta(),
        "github" => [github(), github_ci()].concat(),
        "gitlab" => gitlab(),
        "kubernetes" => kubernetes(),
        "entra" => entra(),
        "google_workspace" => google(),
        name => others(name),
    }
}

pub(crate) fn settings(connector: &Connector) -> Values {
    let value = |name: &str| if name.ends_with("_url") { "https://vendor.example" } else { "acme" };
    connector.settings.keys().map(|name| (name.clone(), value(name).to_owned())).collect()
}

fn done(what: &str, outcome: Outcome) -> Values {
    match outcome {
        Outcome::Done(facts) => facts,
        other => panic!("{what}: {other:?}"),
    }
}

fn go_through(connector: &Connector, (name, target, seed): &Case) {
    let what = format!("{}.{name}", connector.connector);
    let (settings, none, protection) = (settings(connector), Values::new(), Protection::default());
    let act = Act::bind(connector, name, (target, Vec::new()), (&settings, &none), &protection);
    let act = act.unwrap_or_else(|error| panic!("{what}: {error}"));
    let remote = Imitation::of(&connector.connector, seed);
    let before = remote.state();
    let mut facts = done(&what, act.look(&remote, NOW_MS).unwrap());
    act.plan(&facts, Asked::default(), NOW_MS).unwrap();
    assert_eq!(remote.state(), before, "{what}: looking changes something");
    assert!(!act.already(&remote, NOW_MS).unwrap(), "{what} is so already");
    // where an earlier look cannot tell, the proof needs what applying tells
    let is_so = act.verify(&remote, &facts, NOW_MS);
    // Google tells nothing of sessions
    if what != "google_workspace.sign_out" {
        assert!(!matches!(is_so, Ok(Outcome::Done(_))), "{what} is so before");
    }
    facts.extend(done(&what, act.apply(&remote, &facts, (false, NOW_MS)).unwrap()));
    done(&format!("{what}, verified"), act.verify(&remote, &facts, NOW_MS).unwrap());
    if connector.actions[*name].verify_tells_already {
        let look = act.look(&remote, NOW_MS).unwrap();
        assert!(matches!(look, Outcome::Refused(_)), "{what}, once more: {look:?}");
        assert!(act.already(&remote, NOW_MS).unwrap(), "{what} is not known as done");
    }
    // names that the vendor gives are another: that is all that is seen of an account that was made again
    if what != "kubernetes.revoke_service_account_tokens" {
        assert_ne!(remote.state(), before, "{what} has no effect");
    }
    if connector.actions[*name].reversibility != Reversibility::Reversible {
        return;
    }
    let is_back = act.verify_revert(&remote, &facts, NOW_MS).unwrap();
    assert!(matches!(is_back, Outcome::Refused(_)), "{what} is taken back before: {is_back:?}");
    done(&format!("{what}, taken back"), act.revert(&remote, &facts, (false, NOW_MS)).unwrap());
    done(&format!("{what}, verified that"), act.verify_revert(&remote, &facts, NOW_MS).unwrap());
    assert_eq!(remote.state(), before, "{what} is not as it was");
    assert!(!act.already(&remote, NOW_MS).unwrap(), "{what} is so, taken back");
    // once more, after an answer that was lost: nothing changes
    done(&what, act.revert(&remote, &facts, (true, NOW_MS)).unwrap());
    assert_eq!(remote.state(), before, "{what}, twice");
}

#[test]
fn applied_and_taken_back_all_is_as_it_was() {
    let mut gone_through = BTreeSet::new();
    for connector in shipped() {
        // an emulator has those, a real host, a real shell and a real mail server these
        let elsewhere = ["aws", "ssh", "fleet"].iter().any(|name| connector.connector.starts_with(name));
        if elsewhere || connector.connector == MAIL_CONNECTOR {
            continue;
        }
        let cases = cases(&connector.connector);
        for case in &cases {
            go_through(&connector, case);
            gone_through.insert(format!("{}.{}", connector.connector, case.0));
        }
        for action in connector.actions.keys() {
            let name = format!("{}.{action}", connector.connector);
            assert!(gone_through.contains(&name), "{name} is not gone through");
        }
    }
}

/// What tells that an action is in effect already must be something that is seen: that nothing is there tells as well
/// of a name that never was, or that may not be read.
#[test]
fn what_tells_that_it_is_so_already_is_seen() {
    let mut told = 0;
    for connector in shipped() {
        for (name, action) in connector.actions.iter().filter(|(_, action)| action.verify_tells_already) {
            let what = format!("{}.{name}", connector.connector);
            assert!(!action.read.is_empty(), "{what} does not look");
            for exchange in &action.verify {
                let well = if exchange.method == Method::Look { 0..1 } else { 200..300 };
                assert!(exchange.expect.iter().all(|status| well.contains(status)), "{what}");
            }
            told += 1;
        }
    }
    assert!(told > 20, "{told}");
}
