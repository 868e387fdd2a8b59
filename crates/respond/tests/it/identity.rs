//! No connector touches what it is signed in by itself: without it nothing could be taken back.

use crate::aws::{NOW_MS, moto};
use crate::connectors::shipped;
use crate::durable::kit::{Kit, request, vote};
use crate::imitation::{Imitation, OWN_GUID, OWN_OKTA};
use crate::owning::{connector, is_protected, responder};
use model::ContainmentState as State;
use respond::connector::{HttpRemote, Identity, whoami};
use respond::protect::{Protected, Protection, TargetKind};
use respond::{Connection, RespondError, Responder, ResponderOptions};
use serde_json::{Value, json};
use std::sync::Arc;

/// Things that belong to us.
fn own() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let user = |more: Value| {
        let mut user = json!({ "status": "ACTIVE", "profile": { "login": "Cry@acme.example" } });
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user
    };
    vec![
        ("okta", "suspend_user", OWN_OKTA, json!({})),
        (
            "okta",
            "suspend_user",
            "00u1abcdefghijklmnop",
            json!({ "/api/v1/users/00u1abcdefghijklmnop": user(json!({})) }),
        ),
        ("github", "remove_member", "Acme-Cry", json!({})),
        (
            "github",
            "revoke_token",
            "7",
            json!({ "/orgs/acme/personal-access-tokens/7": { "id": 7, "owner": { "login": "acme-cry" } } }),
        ),
        ("gitlab", "block_user", "77", json!({})),
        ("gitlab", "revoke_token", "770", json!({})),
        ("gitlab", "revoke_project_token", "acme/shop@770", json!({})),
        (
            "gitlab",
            "revoke_token",
            "7",
            json!({
                "/api/v4/personal_access_tokens/7": { "id": 7, "user_id": 77, "revoked": false, "name": "ci" },
                "/api/v4/users/77": { "id": 77, "username": "cry" },
            }),
        ),
        ("slack", "sign_out", "U0CRY", json!({})),
        ("entra", "disable_application", OWN_GUID, json!({})),
        (
            "entra",
            "remove_role",
            "assignment-of-a-role-to-us",
            json!({ "/v1.0/roleManagement/directory/roleAssignments/assignment-of-a-role-to-us": {
                "principalId": OWN_GUID, "roleDefinitionId": "r", "directoryScopeId": "/",
                "principal": { "displayName": "Another name" },
            } }),
        ),
    ]
}

/// More of them.
fn own_more() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let subjects = |subject: Value| {
        json!({ "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/b": {
            "metadata": { "uid": "u" }, "roleRef": { "name": "admin" }, "subjects": [subject],
        } })
    };
    vec![
        ("google_workspace", "suspend_user", "cry@acme.example", json!({})),
        (
            "google_workspace",
            "remove_admin_role",
            "42",
            json!({
                "/admin/directory/v1/customer/my_customer/roleassignments/42":
                    { "roleId": "3", "assignedTo": "777", "scopeType": "CUSTOMER" },
                "/admin/directory/v1/users/777": { "id": "777", "primaryEmail": "other@acme.example" },
            }),
        ),
        ("kubernetes", "revoke_service_account_tokens", "security/cry", json!({})),
        ("kubernetes", "isolate_pod", "security/cry-0", json!({})),
        (
            "kubernetes",
            "unbind_cluster_role",
            "b",
            subjects(json!({ "kind": "ServiceAccount", "namespace": "security", "name": "cry" })),
        ),
        (
            "kubernetes",
            "unbind_cluster_role",
            "b",
            subjects(json!({ "kind": "Group", "name": "system:serviceaccounts:security" })),
        ),
    ]
}

#[tokio::test]
async fn what_a_connector_is_signed_in_by_is_no_target_of_it() {
    let kit = Kit::new().await;
    for (name, action, target, seed) in own().into_iter().chain(own_more()) {
        let remote = Arc::new(Imitation::of(name, &seed));
        let responder = responder(&kit, &connector(name), remote, &[]);
        let came = responder.preview(&request(&format!("{name}.{action}"), target)).await;
        assert!(is_protected(&came), "{name}.{action} {target}: {came:?}");
        let said = came.unwrap_err().to_string();
        assert!(said.contains("Hue & Cry is signed in to"), "{said}");
    }
}

#[tokio::test]
async fn what_everybody_has_is_taken_away_all_the_same() {
    let kit = Kit::new().await;
    let seed = json!({ "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/b": {
        "metadata": { "uid": "u" }, "roleRef": { "name": "cluster-admin" },
        "subjects": [{ "kind": "Group", "name": "system:authenticated" }, { "kind": "User", "name": "system:anonymous" }],
    } });
    let remote = Arc::new(Imitation::of("kubernetes", &seed));
    let responder = responder(&kit, &connector("kubernetes"), remote, &[]);
    responder.preview(&request("kubernetes.unbind_cluster_role", "b")).await.unwrap();
}

#[tokio::test]
async fn where_nobody_can_tell_who_we_are_nothing_is_planned() {
    let kit = Kit::new().await;
    for (name, action, target, path) in [
        ("okta", "clear_sessions", "00u1abcdefghijklmnop", "/api/v1/users/me"),
        ("github", "remove_member", "octocat", "/user"),
        ("gitlab", "block_user", "7", "/api/v4/user"),
        ("slack", "sign_out", "U012AB3CD", "/api/auth.test"),
        ("entra", "disable_user", "ann@acme.example", "/v1.0/servicePrincipals(appId='acme')"),
        ("google_workspace", "sign_out", "ann@acme.example", "/v1/userinfo"),
        ("kubernetes", "scale_to_zero", "shop/web", "/apis/authentication.k8s.io/v1/selfsubjectreviews"),
    ] {
        let cases = crate::phases::cases(name);
        let seed = &cases.iter().find(|case| case.0 == action).unwrap().2;
        for (status, later) in [(500, true), (429, true), (401, false), (403, false), (200, false)] {
            let remote = Arc::new(Imitation::of(name, seed));
            remote.put(&format!("whoami {path}"), json!({ "status": status, "ok": true }));
            remote.put("whoami /api/v4/personal_access_tokens/self", json!({}));
            let responder = responder(&kit, &connector(name), remote, &[]);
            let came = responder.preview(&request(&format!("{name}.{action}"), target)).await;
            let is_as_told = match &came {
                Err(RespondError::Later(reason)) => later && reason.contains("as whom"),
                Err(RespondError::LookRefused(reason)) => !later && reason.contains("as whom"),
                _ => false,
            };
            assert!(is_as_told, "{name}, {status}: {came:?}");
        }
    }
}

#[test]
fn an_installation_of_an_app_is_nobodys_account_and_proves_that_it_is_one() {
    let github = connector("github");
    let settings = crate::phases::settings(&github);
    let remote = Imitation::of("github", &json!({}));
    remote.put("whoami /user", json!({ "status": 403, "message": "Resource not accessible by integration" }));
    let refused = whoami(&github, &settings, &remote, NOW_MS).unwrap();
    assert!(matches!(refused, Identity::Refused(_)), "{refused:?}");
    remote.put("whoami /installation/repositories", json!({ "total_count": 12 }));
    let Identity::Known(own) = whoami(&github, &settings, &remote, NOW_MS).unwrap() else {
        panic!("unknown")
    };
    assert_eq!(own.len(), 1);
    assert!(own[0].name.contains("12 repositories"), "{own:?}");
}

#[tokio::test]
async fn who_we_are_is_asked_again_right_before_it_is_applied() {
    let kit = Kit::new().await;
    let (_, action, target, seed) =
        crate::phases::cases("okta").into_iter().map(|(a, t, s)| ("", a, t, s)).next().unwrap();
    for (whoami, expected) in [
        (json!({ "id": OWN_OKTA, "profile": { "login": "other" } }), State::Verified),
        (json!({ "id": target, "profile": { "login": "other" } }), State::Failed),
        (json!({ "status": 403 }), State::Failed),
    ] {
        let remote = Arc::new(Imitation::of("okta", &seed));
        let responder = responder(&kit, &connector("okta"), remote.clone(), &[]);
        let asked = responder.request(&request(&format!("okta.{action}"), target)).await.unwrap();
        if asked.state == State::AwaitingApproval {
            responder.vote(&vote("bob", &asked)).await.unwrap();
        }
        remote.put("whoami /api/v1/users/me", whoami.clone());
        responder.advance_all(20).await.unwrap();
        let now = kit.get(asked.id).await;
        assert_eq!(now.state, expected, "{whoami}: {:?}", now.progress);
        if expected == State::Verified {
            responder.undo(&crate::durable::kit::undo("kim", asked.id)).await.unwrap();
            responder.advance_all(20).await.unwrap();
        }
    }
}

#[tokio::test]
async fn our_own_user_at_aws_is_not_denied() {
    let Some(mut moto) = moto() else { return };
    let key = moto.key_of("cry");
    let other = moto.key_of("ann");
    moto.settings.insert("aws_access_key_id".to_owned(), key.clone());
    let (connector, settings) = (Arc::new(moto.connector.clone()), Arc::new(moto.settings.clone()));
    let kit = Kit::new().await;
    let mut fixed = crate::durable::kit::setup("http://toy.example");
    fixed.connections.insert("aws".to_owned(), Connection::new(connector, settings));
    // the key of another connection
    let elsewhere = moto.key_of("isolator");
    let protected =
        Protected { kind: TargetKind::Credential, pattern: elsewhere, reason: "EC2 is reached by it".into() };
    fixed.protection = Arc::new(Protection::new(&[protected]).unwrap());
    let remote = Arc::new(HttpRemote::default());
    let responder =
        Responder::new(ResponderOptions { remote, setup: Arc::new(fixed), ..kit.options.clone() });
    for (action, target) in [
        ("aws.deny_user", "isolator"),
        ("aws.deny_user", "cry"),
        ("aws.deactivate_key", &key),
        ("aws.delete_key", &key),
    ] {
        let came = responder.preview(&request(action, target)).await;
        assert!(is_protected(&came), "{action}: {came:?}");
    }
    for (action, target) in [("aws.deny_user", "ann"), ("aws.deactivate_key", &other)] {
        let open = responder.preview(&request(action, target)).await.unwrap();
        assert!(
            open.plan.target.belongs_to.iter().any(|owner| owner.name.starts_with("arn:aws:iam::")),
            "{open:?}"
        );
    }
}

#[test]
fn connectors_that_act_on_accounts_know_themselves() {
    let known: Vec<String> = shipped()
        .into_iter()
        .filter(|connector| connector.whoami.is_some())
        .map(|connector| connector.connector)
        .collect();
    assert_eq!(
        known,
        ["aws", "entra", "github", "gitlab", "google_workspace", "kubernetes", "okta", "slack"]
    );
}
