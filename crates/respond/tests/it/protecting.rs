//! Nothing is planned on what is protected, whatever the form of its name and whoever names it.

use proptest::prelude::*;
use respond::impact::{Impact, Reversibility};
use respond::plan::{BlastRadius, Change, Draft, Plan, PlanError};
use respond::protect::{BadEntry, Protected, Protection, Refusal, Target, TargetKind};

fn protected(kind: TargetKind, pattern: &str) -> Protected {
    Protected { kind, pattern: pattern.to_owned(), reason: "break glass".to_owned() }
}

fn list() -> Protection {
    Protection::new(&[
        protected(TargetKind::Account, "break-glass@acme.example"),
        protected(TargetKind::Account, "arn:aws:iam::*:user/ci-*"),
        protected(TargetKind::Network, "10.0.0.0/16"),
        protected(TargetKind::Network, "2001:db8::/32"),
        protected(TargetKind::Host, "huecry-*"),
    ])
    .unwrap()
}

fn target(kind: TargetKind, name: &str) -> Target {
    Target { kind, name: name.to_owned(), belongs_to: Vec::new() }
}

#[test]
fn names_are_held_against_the_list() {
    use TargetKind::{Account, Host, Network, Service};
    for (kind, name, admitted) in [
        (Account, "ann@acme.example", true),
        (Account, "break-glass@acme.example", false),
        (Account, "Break-Glass@ACME.example", false),
        (Account, "arn:aws:iam::123456789012:user/ci-deploy", false),
        (Account, "arn:aws:iam::123456789012:user/ann", true),
        (Host, "huecry-1", false),
        (Host, "huecry", true),
        (Host, "10.0.3.4", false),
        (Network, "10.0.255.255", false),
        (Network, "10.1.0.0", true),
        (Network, "10.0.0.0/8", false),
        (Network, "0.0.0.0/0", false),
        (Network, "::ffff:10.0.0.1", false),
        (Network, "::ffff:a00:1", false),
        (Network, "::ffff:10.0.0.0/112", false),
        (Network, "2001:DB8::1", false),
        (Network, "2001:db9::1", true),
        (Network, "::/0", false),
        (Host, "10.0.3", false),
        (Host, "10.772", false),
        (Host, "0xa000304", false),
        (Host, "0xA.0.3.4", false),
        (Host, "012.0.3.4", false),
        (Host, "167773956", false),
        (Host, "10.0.3.4:22", false),
        (Host, "10.0.3.4.", false),
        (Host, "[2001:db8::1]:22", false),
        (Host, "[::ffff:10.0.3.4]", false),
        (Service, "10.0.3.4:8443", false),
        (Host, "10.1.3.4:22", true),
        (Host, "10.0.3.4.example", true),
        (Host, "web:22", true),
        (Host, "007", true),
        (Service, "shop/web", true),
        // the number of an account is no address
        (Account, "167773956", true),
    ] {
        let outcome = list().admit(target(kind, name));
        assert_eq!(outcome.is_ok(), admitted, "{name}: {outcome:?}");
    }
}

#[test]
fn what_may_be_of_any_kind_is_held_against_all() {
    for (name, admitted) in [
        ("Break-Glass@acme.example", false),
        ("huecry-1", false),
        ("10.0.3.4", false),
        ("0xa000304", false),
        ("shop/web", true),
    ] {
        let outcome = list().admit_of_any_kind(target(TargetKind::Service, name));
        assert_eq!(outcome.is_ok(), admitted, "{name}: {outcome:?}");
    }
    // a word of a message: a number in it is one
    for (word, spared) in [("10.5", true), ("167773956", true), ("10.0.3.4", false), ("huecry-1", false)] {
        assert_eq!(list().spare(word).is_ok(), spared, "{word}");
    }
}

#[test]
fn what_belongs_to_something_protected_is_protected() {
    let key = Target {
        belongs_to: vec![Target {
            belongs_to: vec![target(TargetKind::Host, "huecry-2")],
            ..target(TargetKind::Account, "ann@acme.example")
        }],
        ..target(TargetKind::Credential, "AKIAIOSFODNN7EXAMPLE")
    };
    assert!(matches!(list().admit(key), Err(Refusal::Protected { name, .. }) if name == "huecry-2"));
}

#[test]
fn names_that_are_not_what_they_seem_name_nothing() {
    for name in
        ["", " ", " ann", "ann\n", "ann\u{200b}", "\u{202e}nna", "ann*", "a?", "a%", &"a".repeat(1_025)]
    {
        let refused = list().admit(target(TargetKind::Account, name));
        assert!(matches!(refused, Err(Refusal::BadName { .. })), "{name:?}");
    }
    for name in ["10.0.0", "host", "10.0.0.0/33", "0x0a000001", "010.0.0.1"] {
        let refused = list().admit(target(TargetKind::Network, name));
        assert!(matches!(refused, Err(Refusal::BadName { .. })), "{name:?}");
    }
}

#[test]
fn those_by_whom_we_act_are_protected_by_their_very_names() {
    let own = [target(TargetKind::Account, "Cry*"), target(TargetKind::Credential, "7")];
    let list = list().with_own(&own, "we act by it");
    for (kind, name, admitted) in [
        (TargetKind::Account, "cryer", true),
        (TargetKind::Account, "7", true),
        (TargetKind::Credential, "7", false),
        (TargetKind::Credential, "77", true),
        (TargetKind::Account, "break-glass@acme.example", false),
    ] {
        assert_eq!(list.admit(target(kind, name)).is_ok(), admitted, "{name}");
    }
    let key = Target {
        belongs_to: vec![target(TargetKind::Account, "cRY*")],
        ..target(TargetKind::Credential, "8")
    };
    assert!(matches!(list.admit(key), Err(Refusal::Protected { reason, .. }) if reason == "we act by it"));
}

#[test]
fn names_of_owners_are_no_names_to_act_on() {
    for name in ["50 % * ?", "ann\u{200b}", " ann "] {
        let of = |name: &str| Target {
            belongs_to: vec![target(TargetKind::Account, name)],
            ..target(TargetKind::Credential, "8")
        };
        assert!(list().admit(of(name)).is_ok(), "{name:?}");
        assert!(matches!(list().admit(of(" Break-Glass@acme.example")), Err(Refusal::Protected { .. })));
    }
}

#[test]
fn an_entry_that_protects_nothing_is_refused() {
    let network = Protection::new(&[protected(TargetKind::Network, "10.0.0.0/99")]);
    assert_eq!(network.unwrap_err(), BadEntry::Network("10.0.0.0/99".into()));
    assert_eq!(
        Protection::new(&[protected(TargetKind::Host, " ")]).unwrap_err(),
        BadEntry::Empty(TargetKind::Host)
    );
}

fn draft() -> Draft {
    Draft {
        action: "aws.deactivate_key".into(),
        action_version: "1".into(),
        changes: vec![Change { what: "Status".into(), before: "Active".into(), after: "Inactive".into() }],
        blast_radius: BlastRadius { services: vec!["checkout".into()], people: Some(1), notes: Vec::new() },
        impact: Impact::Low,
        reversibility: Reversibility::Reversible,
        ttl_ms: Some(3_600_000),
        incident: "inc_1".into(),
        about: Vec::new(),
    }
}

fn plan(draft: Draft, name: &str) -> Plan {
    Plan::of(draft, &list().admit(target(TargetKind::Credential, name)).unwrap()).unwrap()
}

#[test]
fn any_change_of_a_plan_changes_its_hash() {
    let plans = [
        plan(draft(), "AKIA1"),
        plan(draft(), "AKIA2"),
        plan(Draft { action: "aws.delete_key".into(), ..draft() }, "AKIA1"),
        plan(Draft { action_version: "2".into(), ..draft() }, "AKIA1"),
        plan(Draft { changes: Vec::new(), ..draft() }, "AKIA1"),
        plan(Draft { blast_radius: BlastRadius::default(), ..draft() }, "AKIA1"),
        plan(Draft { impact: Impact::High, ..draft() }, "AKIA1"),
        plan(Draft { ttl_ms: None, ..draft() }, "AKIA1"),
        plan(Draft { ttl_ms: None, reversibility: Reversibility::Irreversible, ..draft() }, "AKIA1"),
        plan(Draft { incident: "inc_2".into(), ..draft() }, "AKIA1"),
    ];
    let hashes: std::collections::BTreeSet<_> = plans.iter().map(Plan::hash).collect();
    assert_eq!(hashes.len(), plans.len());
    assert_eq!(plan(draft(), "AKIA1").hash(), plans[0].hash());
}

#[test]
fn times_until_it_is_taken_back_are_bounded() {
    let admitted = list().admit(target(TargetKind::Credential, "AKIA1")).unwrap();
    let of = |draft| Plan::of(draft, &admitted);
    assert_eq!(of(Draft { ttl_ms: Some(1), ..draft() }), Err(PlanError::BadTtl(1)));
    let gone = Draft { reversibility: Reversibility::Irreversible, ..draft() };
    assert_eq!(of(gone), Err(PlanError::NotReverted(Reversibility::Irreversible)));
}

/// A protected name in another form: case, a network around it, mapped.
fn disguised() -> impl Strategy<Value = (TargetKind, String)> {
    let case = prop::collection::vec(any::<bool>(), 24).prop_map(|upper| {
        let name = "break-glass@acme.example".chars().zip(upper);
        let name = name.map(|(c, upper)| if upper { c.to_ascii_uppercase() } else { c }).collect();
        (TargetKind::Account, name)
    });
    let ci = "[0-9]{0,12}".prop_flat_map(|account| {
        "[a-z]{0,8}"
            .prop_map(move |name| (TargetKind::Account, format!("arn:aws:iam::{account}:user/ci-{name}")))
    });
    let inside = (any::<u8>(), any::<u8>(), 0..=32u8)
        .prop_map(|(c, d, bits)| (TargetKind::Network, format!("10.0.{c}.{d}/{bits}")));
    let mapped = (any::<u8>(), any::<u8>(), 0..=128u8)
        .prop_map(|(c, d, bits)| (TargetKind::Network, format!("::ffff:10.0.{c}.{d}/{bits}")));
    prop_oneof![case, ci, inside, mapped]
}

proptest! {
    #[test]
    fn no_disguise_gets_through((kind, name) in disguised(), depth in 0..4usize) {
        let mut target = target(kind, &name);
        for at in 0..depth {
            let outer = Target { kind: TargetKind::Credential, name: format!("AKIA{at}"), belongs_to: vec![target] };
            target = outer;
        }
        let refused = matches!(list().admit(target), Err(Refusal::Protected { .. }));
        prop_assert!(refused, "{kind:?} {name}");
    }

    #[test]
    fn any_name_is_judged(name in "\\PC{0,40}", at in 0..TargetKind::ALL.len()) {
        let kind = TargetKind::ALL[at];
        if let Ok(admitted) = list().admit(target(kind, &name)) {
            prop_assert_eq!(&admitted.target().name, &name);
        }
    }
}
