//! Backstage entities: what they claim, whom they belong to, and what is wrong with bad ones.

use super::{catalog, places};
use huecry_enrich::{Catalog, ClaimKind};

const ENTITIES: &str = "
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: checkout-api
  annotations:
    github.com/project-slug: Acme/Checkout
    backstage.io/source-location: url:https://github.com/acme/monorepo/tree/main/checkout/
    amazonaws.com/account-id: '012345678901'
    huecry/hosts: checkout-*.prod.acme.example, pay.acme.example
    huecry/criticality: critical
spec: {type: service, owner: payments, lifecycle: production, system: shop}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: basket, namespace: shop, annotations: {gitlab.com/project-slug: acme/group/basket}}
spec: {type: service, system: default/shop, lifecycle: experimental}
---
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: shop, labels: {criticality: high}}
spec: {owner: 'user:ana'}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: ana}
spec: {memberOf: [payments]}
---
apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: elsewhere}
spec: {targets: [./x.yaml]}
";

fn name(catalog: &Catalog, kind: ClaimKind, value: &str) -> Option<String> {
    catalog.find(kind, value, 5_000).map(|found| found.service.name.clone())
}

#[test]
fn entities_become_services_with_owners_and_claims() {
    let (catalog, faults) = catalog(&[ENTITIES]);
    assert_eq!(places(&faults), [""; 0]);
    let service = catalog.service("checkout-api", 0).unwrap();
    assert_eq!(service.owner.as_deref(), Some("group:default/payments"));
    assert_eq!(service.team.as_deref(), Some("payments"));
    assert_eq!(service.criticality.as_deref(), Some("critical"));
    assert_eq!(service.environment.as_deref(), Some("production"));
    assert_eq!(service.source, "catalog:0.yaml:2");
    let checkout = Some("checkout-api".to_owned());
    for (kind, value) in [
        (ClaimKind::Repository, "acme/checkout"),
        (ClaimKind::Repository, "ACME/monorepo"),
        (ClaimKind::Account, "012345678901"),
        (ClaimKind::Host, "Checkout-7.prod.acme.example"),
        (ClaimKind::Host, "pay.acme.example"),
    ] {
        assert_eq!(name(&catalog, kind, value), checkout, "{value}");
    }
    assert_eq!(name(&catalog, ClaimKind::Host, "checkout-7.test.acme.example"), None);
    assert_eq!(name(&catalog, ClaimKind::Repository, "acme/group/basket"), Some("shop/basket".to_owned()));
}

#[test]
fn what_an_entity_leaves_out_it_has_from_its_system() {
    let (catalog, _) = catalog(&[ENTITIES]);
    let basket = catalog.service("shop/basket", 0).unwrap();
    assert_eq!(basket.owner.as_deref(), Some("user:default/ana"));
    assert_eq!(basket.criticality.as_deref(), Some("high"));
    assert_eq!(basket.environment.as_deref(), Some("experimental"));
}

fn component(name: &str, spec: &str) -> String {
    format!("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

#[test]
fn cycles_are_told_with_the_whole_way_around() {
    let parts = [
        component("a", "{owner: x, subcomponentOf: b}"),
        component("b", "{owner: x, subcomponentOf: 'component:default/C'}"),
        component("c", "{owner: x, subcomponentOf: a}"),
        component("lone", "{owner: x, subcomponentOf: a}"),
        component("self", "{owner: x, subcomponentOf: self}"),
        "apiVersion: backstage.io/v1beta1\nkind: Group\nmetadata: {name: up}\nspec: {parent: down}\n".to_owned(),
        "apiVersion: backstage.io/v1beta1\nkind: Group\nmetadata: {name: down}\nspec: {parent: up}\n".to_owned(),
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: e}\nspec: {owner: x}\n\
         relations:\n  - {type: partOf, targetRef: 'component:default/f'}\n"
            .to_owned(),
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: f}\nspec: {owner: 'component:e'}\n"
            .to_owned(),
    ];
    let (_, faults) = catalog(&[&parts.join("---\n")]);
    let cycles: Vec<_> =
        faults.iter().filter(|f| f.code.as_str() == "cycle").map(|f| f.reason.as_str()).collect();
    assert_eq!(cycles.len(), 4, "{cycles:?}");
    let way = "component:default/a —subcomponentOf→ component:default/b —subcomponentOf→ \
               component:default/c —subcomponentOf→ component:default/a;";
    assert!(cycles[0].contains(way), "{}", cycles[0]);
    assert!(cycles[1].contains("self —subcomponentOf→ component:default/self;"), "{}", cycles[1]);
    assert!(cycles[2].contains("group:default/up —parent→ group:default/down —parent→"), "{}", cycles[2]);
    assert!(
        cycles[3].contains("e —partOf→ component:default/f —owner→ component:default/e;"),
        "{}",
        cycles[3]
    );
}

#[test]
fn a_long_cycle_is_found_without_recursion() {
    let parts: Vec<String> = (0..20_000)
        .map(|n| component(&format!("c{n}"), &format!("{{owner: x, subcomponentOf: c{}}}", (n + 1) % 20_000)))
        .collect();
    let (_, faults) = catalog(&[&parts.join("---\n")]);
    assert_eq!(places(&faults), ["0.yaml:1: cycle"]);
    assert!(faults[0].reason.contains("(19988 more)"), "{}", faults[0].reason);
}

#[test]
fn bad_entities_are_told_with_their_line_and_the_others_count() {
    let cases: &[(&str, &str)] = &[
        ("apiVersion: v1\nkind: Service\n", "0.yaml:1: not_a_catalog"),
        ("app: {title: x}\n", "0.yaml:1: not_a_catalog"),
        ("apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {}\n", "0.yaml:1: missing"),
        (&component("'a b'", "{owner: x}"), "0.yaml:3: bad_value"),
        (&component("a", "{owner: 'a/b/c'}"), "0.yaml:4: bad_value"),
        (&component("a", "{owner: x, system: [y]}"), ""),
        (&component("a", "{owner: x, system: 'b:c:d'}"), "0.yaml:4: bad_value"),
        (&component("a", "{type: service}"), "0.yaml:1: unowned"),
        (&component("${{values.name | dump}}", "{owner: x}"), "0.yaml:3: template_unrendered"),
        (
            "apiVersion: backstage.io/v1alpha1\nkind: Component\n  {%- if x %}\nmetadata: {name: a}\n",
            "template",
        ),
        (
            &component("a", "{owner: x}")
                .replace("{name: a}", "{name: a, annotations: {huecry/criticality: huge}}"),
            "0.yaml:3: bad_value",
        ),
        (
            &component("a", "{owner: x}").replace("{name: a}", "{name: a, annotations: {huecry/hots: x}}"),
            "0.yaml:3: unknown_key",
        ),
    ];
    for (text, expected) in cases {
        let (catalog, faults) = catalog(&[text, &component("good", "{owner: x}")]);
        let told = places(&faults);
        assert!(
            expected.is_empty() || told.iter().any(|place| place.contains(expected)),
            "{text}: {faults:?}"
        );
        assert_eq!(told.is_empty(), expected.is_empty(), "{text}: {told:?}");
        assert!(catalog.service("good", 0).is_some(), "{text}");
    }
}

#[test]
fn owners_that_are_no_entity_are_remarked_where_the_catalogue_has_people() {
    let (_, faults) = catalog(&[ENTITIES, &component("x", "{owner: paymnts}")]);
    assert_eq!(places(&faults), ["1.yaml:1: unknown_reference"]);
}
