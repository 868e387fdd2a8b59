//! A target is protected by every name of whose it is and by all that its own name is made of; and what is applied is what
//! was approved, whose it is included.

use crate::connectors::shipped;
use crate::durable::kit::{Kit, request, setup, vote};
use crate::imitation::Imitation;
use crate::phases::{cases, settings};
use model::{Containment, ContainmentState as State};
use proptest::prelude::*;
use respond::connector::{Act, ActError, Answer, Connector, Remote, Request, Unanswered, Values, read};
use respond::contain::Preview;
use respond::protect::{Protected, Protection, Refusal, TargetKind};
use respond::{Connection, FixedSetup, RespondError, Responder, ResponderOptions};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

pub(crate) fn connector(name: &str) -> Connector {
    let file = format!("{}/../../content/connectors/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    read(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn protection(protected: &[(TargetKind, &str)]) -> Protection {
    let protected: Vec<Protected> = protected
        .iter()
        .map(|(kind, pattern)| Protected {
            kind: *kind,
            pattern: (*pattern).to_owned(),
            reason: "it stays open".to_owned(),
        })
        .collect();
    Protection::new(&protected).unwrap()
}

fn fixed(connector: &Connector, protected: &[(TargetKind, &str)]) -> FixedSetup {
    let connection = Connection::new(Arc::new(connector.clone()), Arc::new(settings(connector)));
    let mut fixed = setup("http://toy.example");
    fixed.connections.insert(connector.connector.clone(), connection);
    fixed.protection = Arc::new(protection(protected));
    fixed
}

/// A responder that is connected to one vendor.
pub(crate) fn responder(
    kit: &Kit,
    connector: &Connector,
    remote: Arc<dyn Remote>,
    protected: &[(TargetKind, &str)],
) -> Responder {
    let setup = Arc::new(fixed(connector, protected));
    Responder::new(ResponderOptions { remote, setup, ..kit.options.clone() })
}

async fn preview(
    kit: &Kit,
    connector: &Connector,
    protected: &[(TargetKind, &str)],
    (action, target, seed): (&str, &str, &Value),
) -> Result<Preview, RespondError> {
    let remote = Arc::new(Imitation::of(&connector.connector, seed));
    let responder = responder(kit, connector, remote, protected);
    responder.preview(&request(&format!("{}.{action}", connector.connector), target)).await
}

pub(crate) fn is_protected(came: &Result<Preview, RespondError>) -> bool {
    matches!(came, Err(RespondError::Act(ActError::Refusal(Refusal::Protected { .. }))))
}

#[tokio::test]
async fn every_owner_that_a_look_finds_protects_the_target() {
    let kit = Kit::new().await;
    let mut tried = 0;
    let imitated = |name: &str| !["aws", "ssh"].iter().any(|real| name.starts_with(real));
    for connector in shipped().iter().filter(|connector| imitated(&connector.connector)) {
        for (action, target, seed) in &cases(&connector.connector) {
            let what = format!("{}.{action} {target}", connector.connector);
            let case = (*action, *target, seed);
            let open =
                preview(&kit, connector, &[], case).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            let owners = open.plan.target.belongs_to;
            let spec = &connector.actions[*action];
            let of_somebody = matches!(spec.target, TargetKind::Account | TargetKind::Credential);
            assert!(
                !of_somebody || !owners.is_empty() || spec.owner_unknown.is_some(),
                "{what} belongs to nobody"
            );
            for owner in &owners {
                let name = owner.name.to_uppercase();
                let came = preview(&kit, connector, &[(owner.kind, &name)], case).await;
                assert!(is_protected(&came), "{what} of {owner:?}: {came:?}");
                tried += 1;
            }
        }
    }
    assert!(tried > 80, "{tried} owners were tried");
}

#[tokio::test]
async fn what_people_protect_by_name_is_not_reached_by_an_id() {
    use TargetKind::{Account, Host, Network, Repository, Service};
    let kit = Kit::new().await;
    for (name, action, kind, pattern) in [
        ("entra", "disable_user", Account, "ann.lee@*"),
        ("entra", "revoke_sessions", Account, "ann lee"),
        ("entra", "disable_application", Account, "mailer"),
        ("entra", "remove_role", Account, "ann@acme.example"),
        ("entra", "revoke_consent", Account, "mailer"),
        ("okta", "suspend_user", Account, "ann"),
        ("okta", "revoke_consents", Account, "ann"),
        ("okta", "remove_admin_role", Account, "ann"),
        ("okta", "revoke_client_tokens", Account, "ann"),
        ("okta", "deactivate_app", Service, "wiki"),
        ("google_workspace", "suspend_user", Account, "al@*"),
        ("google_workspace", "sign_out", Account, "9"),
        ("google_workspace", "revoke_app_access", Account, "ann.lee@*"),
        ("google_workspace", "remove_admin_role", Account, "ann@*"),
        ("github", "revoke_token", Account, "ann"),
        ("github", "block_user", Account, "octo*"),
        ("github", "remove_org_runner", Host, "build-*"),
        ("github", "lock_branch", Repository, "acme/shop"),
        ("github", "disable_workflow", Repository, "acme/shop"),
        ("github", "delete_deploy_key", Repository, "acme/shop"),
        ("github", "block_deployments", Repository, "acme/shop"),
        ("github", "cancel_run", Repository, "acme/shop"),
        ("github", "disable_webhook", Repository, "acme/shop"),
        ("github", "remove_runner", Repository, "acme/shop"),
        ("gitlab", "block_user", Account, "ann"),
        ("gitlab", "revoke_token", Account, "ann@acme.example"),
        ("gitlab", "lock_branch", Repository, "acme/shop"),
        ("gitlab", "revoke_project_token", Repository, "acme/shop"),
        ("gitlab", "delete_deploy_key", Repository, "acme/shop"),
        ("gitlab", "cancel_pipeline", Repository, "acme/shop"),
        ("gitlab", "archive_project", Repository, "42"),
        ("gitlab", "pause_runner", Host, "build-*"),
        ("slack", "sign_out", Account, "ann@acme.example"),
        ("kubernetes", "isolate_pod", Host, "web*"),
        ("kubernetes", "isolate_pod", Service, "web-set"),
        ("kubernetes", "delete_pod", Service, "shop"),
        ("kubernetes", "scale_to_zero", Service, "web"),
        ("kubernetes", "suspend_cron_job", Service, "shop"),
        ("kubernetes", "cordon_node", Network, "10.9.0.0/16"),
        ("kubernetes", "unbind_cluster_role", Account, "ci/ci"),
        ("kubernetes", "unbind_cluster_role", Account, "devs"),
        ("kubernetes", "revoke_service_account_tokens", Account, "web"),
        ("wazuh", "isolate_host", Host, "build"),
        ("webhook", "contain", Account, "shop/*"),
        ("webhook", "contain", TargetKind::Credential, "shop/web"),
    ] {
        let connector = connector(name);
        let all = cases(name);
        let of_action: Vec<_> = all.iter().filter(|case| case.0 == action).collect();
        assert!(!of_action.is_empty(), "{name}.{action}");
        for (action, target, seed) in of_action {
            let came = preview(&kit, &connector, &[(kind, pattern)], (action, target, seed)).await;
            assert!(is_protected(&came), "{name}.{action} {target} by {pattern}: {came:?}");
        }
    }
}

/// Nobody is asked anything.
struct Silent;

impl Remote for Silent {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        panic!("{request:?} was sent");
    }
}

#[tokio::test]
async fn what_a_name_says_is_refused_before_anything_is_asked() {
    use TargetKind::{Account, Host, Repository, Service};
    let kit = Kit::new().await;
    let protected =
        [(Host, "huecry*"), (Service, "huecry*"), (Service, "kube-system"), (Repository, "acme/infra")];
    let protected = [&protected[..], &[(Account, "system:serviceaccount:ci:*")]].concat();
    for (name, action, target) in [
        ("kubernetes", "isolate_pod", "security/huecry-0"),
        ("kubernetes", "delete_pod", "huecry/web-1"),
        ("kubernetes", "scale_to_zero", "security/huecry"),
        ("kubernetes", "suspend_cron_job", "kube-system/backup"),
        ("kubernetes", "revoke_service_account_tokens", "ci/deploy"),
        ("github", "lock_branch", "acme/infra@main"),
        ("github", "disable_workflow", "acme/Infra/deploy.yml"),
        ("github", "block_deployments", "acme/infra#production"),
        ("github", "delete_deploy_key", "acme/infra/42"),
        ("github", "disable_actions", "acme/infra"),
        ("gitlab", "lock_branch", "acme/infra@main"),
        ("gitlab", "revoke_project_token", "acme/infra@7"),
    ] {
        let responder = responder(&kit, &connector(name), Arc::new(Silent), &protected);
        let came = responder.preview(&request(&format!("{name}.{action}"), target)).await;
        assert!(is_protected(&came), "{name}.{action} {target}: {came:?}");
    }
}

fn bound(
    connectors: &[Connector],
    (name, action, target): (&str, &str, &str),
    protected: (TargetKind, &str),
) -> Result<(), ActError> {
    let connector = connectors.iter().find(|connector| connector.connector == name).unwrap();
    let list = protection(&[protected]);
    let settings = settings(connector);
    Act::bind(connector, action, (target, Vec::new()), (&settings, &Values::new()), &list).map(drop)
}

/// The same with some letters large.
fn disguised(name: &str, upper: u64) -> String {
    let letter =
        |(at, c): (usize, char)| if upper >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c };
    name.chars().enumerate().map(letter).collect()
}

/// Kubernetes, GitHub and GitLab, read once.
static NAMED: LazyLock<Vec<Connector>> =
    LazyLock::new(|| ["kubernetes", "github", "gitlab"].map(connector).into());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_part_of_a_name_protects(
        part in "[a-z0-9]{1,8}(-[a-z0-9]{1,8})?", other in "[a-z0-9]{1,8}", number in 1..9_999u32, upper: u64,
    ) {
        use TargetKind::{Account, Host, Repository, Service};
        let pattern = disguised(&part, upper);
        for (name, action, target, kind) in [
            ("kubernetes", "isolate_pod", format!("{part}/{other}"), Host),
            ("kubernetes", "isolate_pod", format!("{other}/{part}"), Host),
            ("kubernetes", "delete_pod", format!("{part}/{other}"), Service),
            ("kubernetes", "scale_to_zero", format!("{part}/{other}"), Service),
            ("kubernetes", "scale_to_zero", format!("{other}/{part}"), Service),
            ("kubernetes", "suspend_cron_job", format!("{other}/{part}"), Service),
            ("kubernetes", "revoke_service_account_tokens", format!("{other}/{part}"), Account),
        ] {
            let refused = bound(&NAMED, (name, action, &target), (kind, &pattern));
            prop_assert!(matches!(refused, Err(ActError::Refusal(Refusal::Protected { .. }))), "{} {}: {:?}", action, target, refused);
        }
        let repository = format!("{other}/{part}");
        let pattern = disguised(&repository, upper);
        for (name, action, target) in [
            ("github", "lock_branch", format!("{repository}@{part}/{other}")),
            ("github", "disable_workflow", format!("{repository}/{other}.yml")),
            ("github", "disable_workflow", format!("{repository}/{number}")),
            ("github", "block_deployments", format!("{repository}#{other}")),
            ("github", "delete_deploy_key", format!("{repository}/{number}")),
            ("github", "disable_webhook", format!("{repository}/{number}")),
            ("github", "cancel_run", format!("{repository}/{number}")),
            ("github", "remove_runner", format!("{repository}/{number}")),
            ("github", "make_private", repository.clone()),
            ("gitlab", "lock_branch", format!("{repository}@{other}")),
            ("gitlab", "cancel_pipeline", format!("{repository}@{number}")),
            ("gitlab", "delete_deploy_key", format!("{repository}@{number}")),
        ] {
            let refused = bound(&NAMED, (name, action, &target), (Repository, &pattern));
            prop_assert!(matches!(refused, Err(ActError::Refusal(Refusal::Protected { .. }))), "{} {}: {:?}", action, target, refused);
        }
    }
}

#[tokio::test]
async fn a_project_by_its_number_is_protected_by_its_name() {
    let kit = Kit::new().await;
    let seed = json!({ "/api/v4/projects/42": { "id": 42, "path_with_namespace": "acme/infra", "archived": false } });
    for (action, target) in [("lock_branch", "42@main"), ("archive_project", "42")] {
        let protected = [(TargetKind::Repository, "acme/infra")];
        let came = preview(&kit, &connector("gitlab"), &protected, (action, target, &seed)).await;
        assert!(is_protected(&came), "{action}: {came:?}");
    }
}

const GUID: &str = "9e7d62b2-88ac-4656-94e1-dbd4413ba008";

fn of_entra(user: &Value) -> Value {
    let mut user = user.clone();
    user["accountEnabled"] = true.into();
    json!({ format!("/v1.0/users/{GUID}"): user })
}

#[tokio::test]
async fn of_whom_the_look_tells_no_name_nothing_is_planned() {
    let (kit, entra) = (Kit::new().await, connector("entra"));
    for user in [
        json!({ "id": GUID }),
        json!({ "id": GUID, "userPrincipalName": null }),
        json!({ "userPrincipalName": "a@b.c" }),
    ] {
        let came = preview(&kit, &entra, &[], ("disable_user", GUID, &of_entra(&user))).await;
        assert!(matches!(&came, Err(RespondError::Act(ActError::NoOwner(_)))), "{user}: {came:?}");
    }
    // and nobody is out of reach by what they call themselves
    let odd = json!({ "id": GUID, "userPrincipalName": "eve@acme.example", "displayName": "Eve * 50 % ?\u{200b} " });
    preview(&kit, &entra, &[], ("disable_user", GUID, &of_entra(&odd))).await.unwrap();
}

#[tokio::test]
async fn nobody_is_protected_by_what_they_call_themselves() {
    let (kit, protected) = (Kit::new().await, [(TargetKind::Account, "*break-glass*")]);
    for (name, action, target, seed) in [
        ("github", "block_user", "eve", json!({ "/users/eve": { "login": "eve", "name": "break-glass" } })),
        (
            "gitlab",
            "block_user",
            "9",
            json!({ "/api/v4/users/9": { "id": 9, "username": "eve", "name": "break-glass", "state": "active" } }),
        ),
        (
            "slack",
            "sign_out",
            "U1EVE",
            json!({
                "/api/users.info": { "ok": true, "user": { "name": "eve", "real_name": "break-glass" } },
                "/sessions": [],
            }),
        ),
    ] {
        let came = preview(&kit, &connector(name), &protected, (action, target, &seed)).await;
        assert!(came.is_ok(), "{name}.{action}: {came:?}");
    }
}

/// Asks, lets people say yes, changes something at the vendor, and lets workers go on.
async fn asked_and_applied(
    name: &str,
    (action, target): (&str, &str),
    seed: &Value,
    change: impl FnOnce(&Imitation),
) -> Containment {
    let (kit, connector) = (Kit::new().await, connector(name));
    let remote = Arc::new(Imitation::of(name, seed));
    let responder = responder(&kit, &connector, remote.clone(), &[]);
    let asked = responder.request(&request(&format!("{name}.{action}"), target)).await.unwrap();
    for who in ["bob", "eve"] {
        let now = kit.get(asked.id).await;
        if now.state == State::AwaitingApproval {
            responder.vote(&vote(who, &now)).await.unwrap();
        }
    }
    assert_eq!(kit.get(asked.id).await.state, State::Approved);
    change(&remote);
    responder.advance_all(20).await.unwrap();
    kit.get(asked.id).await
}

#[tokio::test]
async fn what_was_approved_of_one_content_is_not_applied_to_another() {
    let binding = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/b";
    let subjects = |names: &[&str]| -> Value {
        let subjects: Vec<Value> =
            names.iter().map(|name| json!({ "kind": "Group", "name": name })).collect();
        json!({ "metadata": { "uid": "u" }, "roleRef": { "kind": "ClusterRole", "name": "admin" }, "subjects": subjects })
    };
    let consent = "/v1.0/oauth2PermissionGrants/grant-of-ann-to-some-application";
    let grant = |scope: &str| json!({ "clientId": "c", "consentType": "AllPrincipals", "resourceId": "r", "scope": scope });
    let consents = json!({
        consent: grant("Mail.Read"),
        "/v1.0/servicePrincipals/c": { "id": "c", "appId": "c-app", "displayName": "Mailer" },
    });
    let user = |login: &str, mail: Option<&str>| {
        json!({
            "id": GUID, "userPrincipalName": login, "mail": mail, "accountEnabled": true,
        })
    };
    let users = json!({ format!("/v1.0/users/{GUID}"): user("ann@a.example", Some("al@a.example")) });
    let users_path = format!("/v1.0/users/{GUID}");
    let token = "/orgs/acme/personal-access-tokens/7";
    let used = |at: &str, name: &str| json!({ "id": 7, "owner": { "login": "ann" }, "token_name": name, "token_last_used_at": at });
    let (bindings, tokens) =
        (json!({ binding: subjects(&["devs"]) }), json!({ token: used("yesterday", "ci") }));
    let (grants, cluster) =
        (("revoke_consent", "grant-of-ann-to-some-application"), ("unbind_cluster_role", "b"));
    let disable = ("disable_user", GUID);
    type Change<'c> = (&'c str, (&'c str, &'c str), &'c Value, &'c str, Value, bool);
    let changes: [Change<'_>; 9] = [
        ("kubernetes", cluster, &bindings, binding, subjects(&["devs"]), true),
        ("kubernetes", cluster, &bindings, binding, subjects(&["devs", "ops"]), false),
        ("kubernetes", cluster, &bindings, binding, subjects(&["ops"]), false),
        ("entra", grants, &consents, consent, grant("Mail.Read Mail.Send"), false),
        ("entra", disable, &users, &users_path, user("ann@a.example", Some("al@a.example")), true),
        // whose it is has changed: an owner that is new, and one that is gone
        ("entra", disable, &users, &users_path, user("ann@a.example", Some("ceo@a.example")), false),
        ("entra", disable, &users, &users_path, user("ann@a.example", None), false),
        // when it was used last changes by itself; its name does not
        ("github", ("revoke_token", "7"), &tokens, token, used("today", "ci"), true),
        ("github", ("revoke_token", "7"), &tokens, token, used("yesterday", "release"), false),
    ];
    for (name, of, seed, path, to, applied) in changes {
        let now = asked_and_applied(name, of, seed, |remote| remote.put(path, to.clone())).await;
        let expected = if applied { State::Verified } else { State::Failed };
        assert_eq!(now.state, expected, "{name} {of:?} {to}: {:?}", now.progress);
        if !applied {
            assert!(now.progress.problem.as_deref().unwrap().contains("things have changed"), "{now:?}");
        }
    }
}

/// Whether something was refused because it is protected.
pub(crate) fn is_refused_as_protected<T>(came: &Result<T, RespondError>) -> bool {
    matches!(came, Err(RespondError::Act(ActError::Refusal(Refusal::Protected { .. }))))
}
