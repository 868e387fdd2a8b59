//! What is left to people because it would not do what it says: pods that no policy cuts off, pods that nothing makes again,
//! members that GitHub does not block.

use crate::imitation::Imitation;
use crate::owning::connector;
use crate::phases::settings;
use respond::connector::{Act, Connector, Outcome, Values};
use respond::protect::Protection;
use serde_json::{Value, json};

const NOW_MS: i64 = 1_795_000_000_000;
const POD: &str = "/api/v1/namespaces/shop/pods/web";
const POLICIES: &str = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies";

fn bind<'c>(connector: &'c Connector, action: &str, target: &str) -> Act<'c> {
    let (settings, none, protection) = (settings(connector), Values::new(), Protection::default());
    Act::bind(connector, action, (target, Vec::new()), (&settings, &none), &protection).unwrap()
}

fn pod(change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = json!({
        "metadata": {
            "uid": "u1", "name": "web", "labels": { "app": "web" },
            "ownerReferences": [
                { "kind": "Other", "name": "no", "controller": false },
                { "kind": "StatefulSet", "name": "web-set", "controller": true },
            ],
        },
        "spec": { "nodeName": "node-3", "serviceAccountName": "web" },
    });
    change(&mut pod);
    pod
}

fn policy(selector: &Value, ingress: &Value) -> Value {
    json!({ "metadata": { "name": "allow-web" }, "spec": { "podSelector": selector, "ingress": ingress } })
}

fn refused(what: &str, outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused(reason) => reason,
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn a_pod_that_a_policy_cannot_cut_off_is_not_isolated() {
    let kubernetes = connector("kubernetes");
    let act = bind(&kubernetes, "isolate_pod", "shop/web");
    let on_its_node =
        Imitation::of("kubernetes", &json!({ POD: pod(|pod| pod["spec"]["hostNetwork"] = true.into()) }));
    let reason = refused("hostNetwork", act.look(&on_its_node, NOW_MS).unwrap());
    assert!(reason.contains("network of its node"), "{reason}");
    let (allow, web) = (json!([{}]), json!({ "matchLabels": { "app": "web" } }));
    for (selector, ingress, lets) in [
        (&web, &allow, true),
        (&json!({}), &allow, true),
        (&json!({ "matchLabels": { "app": "db" } }), &allow, false),
        (&web, &json!([]), false),
    ] {
        let seed = json!({ POD: pod(|_| ()), format!("{POLICIES}/allow-web"): policy(selector, ingress) });
        let looked = act.look(&Imitation::of("kubernetes", &seed), NOW_MS).unwrap();
        if lets {
            let reason = refused("a policy lets through", looked);
            assert!(reason.contains("policies add up") && reason.contains("allow-web"), "{reason}");
        } else {
            assert!(matches!(looked, Outcome::Done(_)), "{selector} {ingress}: {looked:?}");
        }
    }
}

#[test]
fn a_policy_that_comes_meanwhile_is_seen() {
    let kubernetes = connector("kubernetes");
    let act = bind(&kubernetes, "isolate_pod", "shop/web");
    let remote = Imitation::of("kubernetes", &json!({ POD: pod(|_| ()) }));
    let Outcome::Done(facts) = act.look(&remote, NOW_MS).unwrap() else { panic!("not looked") };
    assert!(matches!(act.apply(&remote, &facts, (false, NOW_MS)).unwrap(), Outcome::Done(_)));
    assert!(matches!(act.verify(&remote, &facts, NOW_MS).unwrap(), Outcome::Done(_)));
    remote.put(
        &format!("{POLICIES}/allow-web"),
        policy(&json!({ "matchLabels": { "app": "web" } }), &json!([{}])),
    );
    let reason = refused("verify", act.verify(&remote, &facts, NOW_MS).unwrap());
    assert!(reason.contains("allow-web"), "{reason}");
    // also one that selects what is isolated
    let isolated = json!({ "matchExpressions": [{ "key": "huecry.io/isolated", "operator": "Exists" }] });
    remote.put(&format!("{POLICIES}/allow-web"), policy(&isolated, &json!([{}])));
    refused("verify", act.verify(&remote, &facts, NOW_MS).unwrap());
}

#[test]
fn a_pod_is_deleted_though_another_one_of_its_name_comes() {
    let kubernetes = connector("kubernetes");
    let act = bind(&kubernetes, "delete_pod", "shop/web");
    let remote = Imitation::of("kubernetes", &json!({ POD: pod(|_| ()) }));
    let Outcome::Done(facts) = act.look(&remote, NOW_MS).unwrap() else { panic!("not looked") };
    assert_eq!(facts["controller"], "web-set");
    assert!(matches!(act.apply(&remote, &facts, (false, NOW_MS)).unwrap(), Outcome::Done(_)));
    assert!(matches!(act.verify(&remote, &facts, NOW_MS).unwrap(), Outcome::Done(_)), "there is none");
    remote.put(POD, pod(|pod| pod["metadata"]["uid"] = "u2".into()));
    assert!(matches!(act.verify(&remote, &facts, NOW_MS).unwrap(), Outcome::Done(_)), "there is another");
    remote.put(POD, pod(|pod| pod["metadata"]["deletionTimestamp"] = "2026-11-27T10:00:00Z".into()));
    refused("it is still ending", act.verify(&remote, &facts, NOW_MS).unwrap());
}

#[test]
fn a_pod_that_nothing_makes_again_is_not_deleted() {
    let kubernetes = connector("kubernetes");
    let act = bind(&kubernetes, "delete_pod", "shop/web");
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 3] = [
        (|pod| drop(pod["metadata"].as_object_mut().unwrap().remove("ownerReferences")), "no controller"),
        (|pod| pod["metadata"]["ownerReferences"][1]["controller"] = false.into(), "no controller"),
        (
            |pod| {
                pod["metadata"]["ownerReferences"][1]["kind"] = "Node".into();
                pod["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "x" });
            },
            "from a file",
        ),
    ];
    for (change, said) in cases {
        let remote = Imitation::of("kubernetes", &json!({ POD: pod(change) }));
        let reason = refused(said, act.look(&remote, NOW_MS).unwrap());
        assert!(reason.contains(said), "{reason}");
    }
}

#[test]
fn a_member_is_not_blocked_but_the_way_is_told() {
    let github = connector("github");
    let act = bind(&github, "block_user", "octocat");
    let seed = json!({ "/users/octocat": { "login": "octocat" }, "/orgs/acme/members/octocat": {} });
    let reason = refused("a member", act.look(&Imitation::of("github", &seed), NOW_MS).unwrap());
    assert!(reason.contains("github.remove_member"), "{reason}");
}
