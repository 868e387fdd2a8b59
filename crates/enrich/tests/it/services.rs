//! Our own `services.yaml`: what it says, as of when, and what is wrong with bad ones.

use super::{catalog, places};
use huecry_enrich::{
    Catalog, CatalogBuilder, ClaimKind, Codeowners, Dialect, Document, Enricher, Facts, GeoDatabases, Pass,
    who,
};
use model::EntityKind;

const DAY_MS: i64 = 86_400_000;

const SERVICES: &str = "
valid_from: 1970-01-02
teams:
  - {name: payments, owner: '@acme/payments'}
  - {name: platform, owner: '@acme/platform'}
services:
  - name: checkout
    team: payments
    criticality: critical
    environment: production
    repositories: [acme/checkout]
    resources: ['arn:aws:s3:::acme-checkout-*', 'arn:aws:iam::*:role/checkout']
    hosts: 'checkout-*'
    accounts: [012345678901]
  - name: platform
    owner: ops@acme.example
    team: platform
    resources: ['arn:aws:s3:::acme-*', acme-logs]
    sources: [okta-main]
  - name: checkout
    valid_from: 1970-01-11
    owner: '@acme/shop'
    repositories: [acme/checkout]
";

fn owner(catalog: &Catalog, kind: ClaimKind, value: &str, day: i64) -> Option<String> {
    let found = catalog.find(kind, value, day * DAY_MS)?;
    found.service.owner.clone()
}

#[test]
fn claims_find_their_service_the_most_exact_first() {
    let (catalog, faults) = catalog(&[SERVICES]);
    assert_eq!(places(&faults), [""; 0]);
    let cases = [
        (ClaimKind::Resource, "arn:aws:s3:::acme-checkout-logs", Some("@acme/payments")),
        (ClaimKind::Resource, "arn:aws:s3:::acme-wiki", Some("ops@acme.example")),
        (ClaimKind::Resource, "acme-logs", Some("ops@acme.example")),
        (ClaimKind::Resource, "arn:aws:iam::5:role/checkout", Some("@acme/payments")),
        (ClaimKind::Resource, "arn:aws:iam::5:role/other", None),
        (ClaimKind::Repository, "Acme/Checkout", Some("@acme/payments")),
        (ClaimKind::Host, "CHECKOUT-1", Some("@acme/payments")),
        (ClaimKind::Account, "012345678901", Some("@acme/payments")),
        (ClaimKind::Account, "12345678901", None),
        (ClaimKind::Source, "okta-main", Some("ops@acme.example")),
        (ClaimKind::Resource, "é", None),
    ];
    for (kind, value, expected) in cases {
        assert_eq!(owner(&catalog, kind, value, 1).as_deref(), expected, "{value}");
    }
}

#[test]
fn a_later_entry_of_a_name_takes_over_when_it_begins() {
    let (catalog, _) = catalog(&[SERVICES]);
    for (day, expected) in
        [(0, "@acme/payments"), (9, "@acme/payments"), (10, "@acme/shop"), (99, "@acme/shop")]
    {
        assert_eq!(owner(&catalog, ClaimKind::Repository, "acme/checkout", day).as_deref(), Some(expected));
        let answers = who(&catalog, "checkout", None, day * DAY_MS);
        assert_eq!(answers[0].owners, [expected], "day {day}");
    }
    // the later entry claims no host
    assert_eq!(owner(&catalog, ClaimKind::Host, "checkout-1", 10), None);
}

#[test]
fn services_are_listed_by_name_as_of_a_time_with_what_they_claim() {
    let (catalog, _) = catalog(&[SERVICES]);
    let names = |after: Option<&str>, day: i64| -> Vec<_> {
        catalog.listed(after, day * DAY_MS).map(|listed| listed.service.name.clone()).collect()
    };
    assert_eq!(names(None, 1), ["checkout", "platform"]);
    assert_eq!(names(Some("checkout"), 1), ["platform"]);
    assert_eq!(names(Some("a"), 1), ["checkout", "platform"], "a name that is not there is a place, too");
    assert_eq!(names(Some("platform"), 1), [""; 0]);
    let then = catalog.listing("checkout", DAY_MS).unwrap();
    let kinds: Vec<_> = then.claims.iter().map(|(kind, claim)| (*kind, &**claim)).collect();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    assert!(kinds.contains(&(ClaimKind::Host, "checkout-*")));
    let now = catalog.listing("checkout", 10 * DAY_MS).unwrap();
    assert_eq!(now.service.owner.as_deref(), Some("@acme/shop"));
    assert_eq!(now.claims, [(ClaimKind::Repository, "acme/checkout".into())]);
    assert!(catalog.listing("nobody", DAY_MS).is_none());
}

#[test]
fn bad_files_are_told_with_their_line() {
    let cases: &[(&str, &[&str])] = &[
        ("services:\n  - nam: a\n    owner: x\n", &["0.yaml:2: missing"]),
        ("services:\n  - name: a\n    ownr: x\n", &["0.yaml:2: unowned", "0.yaml:3: unknown_key"]),
        ("services:\n  - name: a\n    owner: x\n    criticality: huge\n", &["0.yaml:4: bad_value"]),
        ("services:\n  - name: a\n    owner: x\n    valid_from: soon\n", &["0.yaml:4: bad_value"]),
        ("services:\n  - name: a\n    owner: [x]\n", &["0.yaml:2: unowned", "0.yaml:3: bad_value"]),
        ("services:\n  - name: a\n    owner: x\n    hosts: [{a: b}]\n", &["0.yaml:4: bad_value"]),
        ("services: [a]\n", &["0.yaml:1: bad_value"]),
        ("servises: []\n", &["0.yaml:1: not_a_catalog"]),
        ("teams: [{name: a}]\nservices: [{name: s, team: b}]\n", &["0.yaml:2: unknown_reference"]),
        (
            "services:\n  - {name: a, owner: x, hosts: [h]}\n  - {name: b, owner: y, hosts: [H]}\n  - {name: a, owner: z}\n",
            &["0.yaml:3: duplicate", "0.yaml:4: duplicate"],
        ),
        ("", &[]),
        ("services:\n", &[]),
    ];
    for (text, expected) in cases {
        let (_, faults) = catalog(&[text]);
        assert_eq!(places(&faults), *expected, "{text}: {faults:?}");
    }
    let (_, faults) = catalog(&["services:\n  - name: a\n    ownr: x\n"]);
    assert!(faults[1].reason.contains("did you mean `owner`?"), "{}", faults[1].reason);
}

#[test]
fn a_large_catalogue_is_read() {
    let services: String = (0..20_000)
        .map(|n| format!("  - {{name: s{n}, owner: '@acme/t', criticality: low, environment: p, repositories: [acme/r{n}], hosts: ['h{n}-*'], accounts: [{n}]}}\n"))
        .collect();
    let (catalog, faults) = catalog(&[&format!("services:\n{services}")]);
    assert_eq!(places(&faults), [""; 0]);
    assert_eq!(owner(&catalog, ClaimKind::Host, "h19999-1", 1).as_deref(), Some("@acme/t"));
}

#[test]
fn claims_without_bound_are_refused() {
    let hosts: String = (0..3_000).map(|n| format!("h{n}, ")).collect();
    let (_, faults) = catalog(&[&format!("services: [{{name: a, owner: x, hosts: [{hosts}]}}]\n")]);
    assert_eq!(places(&faults), ["0.yaml:1: too_large"]);
    let services: String =
        (0..2).map(|n| format!("  - {{name: s{n}, owner: x, hosts: [{}]}}\n", stars(n))).collect();
    let (_, faults) = catalog(&[&format!("services:\n{services}")]);
    assert!(faults.iter().any(|fault| fault.code.as_str() == "too_large"), "{faults:?}");
}

fn stars(service: usize) -> String {
    (0..1_000).map(|n| format!("'*h{service}-{n}', ")).collect()
}

fn enriched(enricher: &Enricher, time_ms: i64, source: &str, entities: &[(EntityKind, &str)]) -> Vec<String> {
    let mut pass = Pass::default();
    let facts = Facts { time_ms, source, entities: entities.iter().copied() };
    let known = pass.enrich(enricher, None, &facts);
    let told = [known.service, known.owner, known.team, known.criticality, known.environment];
    let mut told: Vec<String> = told.into_iter().flatten().map(str::to_owned).collect();
    if let Some(provenance) = known.catalog {
        told.push(format!("{} +{}", provenance.source, provenance.age_ms(time_ms)));
        told.extend(provenance.before_known.then(|| "before".to_owned()));
    }
    told
}

#[test]
fn an_event_is_told_what_was_true_when_it_happened() {
    let enricher = Enricher::of(catalog(&[SERVICES]).0, GeoDatabases::default());
    let repository = [(EntityKind::Repository, "acme/checkout")];
    let day = |n: i64| n * DAY_MS;
    let early = ["checkout", "@acme/payments", "payments", "critical", "production"];
    let expect = |told: &[&str], more: &[&str]| -> Vec<String> {
        told.iter().chain(more).map(|text| (*text).to_owned()).collect()
    };
    assert_eq!(
        enriched(&enricher, day(3), "s", &repository),
        expect(&early, &["catalog:0.yaml:7 +172800000"]),
        "as old as the file says"
    );
    assert_eq!(
        enriched(&enricher, day(20), "s", &repository),
        ["checkout", "@acme/shop", "shop", "catalog:0.yaml:20 +864000000"]
    );
    assert_eq!(
        enriched(&enricher, 0, "s", &repository),
        expect(&early, &["catalog:0.yaml:7 +0", "before"]),
        "before all that is known"
    );
    // a new state from day 30 on; the past keeps its own
    let later = "valid_from: 1970-01-31\nservices: [{name: c2, owner: new, repositories: [acme/checkout]}]";
    enricher.push(catalog(&[later]).0);
    assert_eq!(enriched(&enricher, day(29), "s", &repository)[1], "@acme/shop");
    assert_eq!(enriched(&enricher, day(30), "s", &repository)[..2], ["c2", "new"]);
}

#[test]
fn the_most_telling_thing_decides() {
    let mut builder = CatalogBuilder::default();
    let file = "0.yaml".to_owned();
    builder.document(&Document { file, text: SERVICES.to_owned(), modified_ms: 0 });
    let text = "/web/ @web\n* @acme/tools @boss\n";
    let (codeowners, faults) = Codeowners::parse("CODEOWNERS", text, Dialect::Github);
    builder.codeowners("Acme/Tools", codeowners, faults);
    let enricher = Enricher::of(builder.build(None).0, GeoDatabases::default());
    let (bucket, account) = ((EntityKind::Resource, "acme-logs"), (EntityKind::Account, "012345678901"));
    let day = 2 * DAY_MS;
    assert_eq!(enriched(&enricher, day, "s", &[account, bucket])[0], "platform");
    assert_eq!(enriched(&enricher, day, "s", &[account])[0], "checkout");
    assert_eq!(enriched(&enricher, day, "okta-main", &[])[0], "platform");
    assert_eq!(enriched(&enricher, day, "s", &[(EntityKind::Address, "acme-logs")]), [""; 0]);
    let role = (EntityKind::Actor, "arn:aws:iam::5:role/checkout");
    assert_eq!(enriched(&enricher, day, "s", &[role])[0], "checkout");
    let told = enriched(&enricher, day, "s", &[(EntityKind::Repository, "acme/tools")]);
    assert_eq!(told, ["@acme/tools", "tools", "codeowners:CODEOWNERS:2 +86400000"]);
    assert_eq!(enricher.telemetry().owners(), (6, 1));
}

#[test]
fn who_answers_with_the_line_that_says_so() {
    let mut builder = CatalogBuilder::default();
    let file = "services.yaml".to_owned();
    builder.document(&Document { file, text: SERVICES.to_owned(), modified_ms: 0 });
    let (codeowners, _) =
        Codeowners::parse("web/CODEOWNERS", "* @all\n/api/ @api @boss\n/gen/\n", Dialect::Auto);
    builder.codeowners("acme/web", codeowners, Vec::new());
    let (catalog, _) = builder.build(None);
    let cases: &[(&str, Option<&str>, &[&str])] = &[
        ("api/v1.rs", Some("acme/web"), &["@api @boss|codeowners:web/CODEOWNERS:2|/api/"]),
        ("/gen/x", Some("Acme/Web"), &["|codeowners:web/CODEOWNERS:3|/gen/"]),
        (
            "src/x",
            Some("acme/checkout"),
            &["@acme/payments|catalog:services.yaml:7|repositories acme/checkout"],
        ),
        ("src/x", Some("acme/unknown"), &[]),
        ("platform", None, &["ops@acme.example|catalog:services.yaml:15|name platform"]),
        (
            "arn:aws:s3:::acme-x",
            None,
            &["ops@acme.example|catalog:services.yaml:15|resources arn:aws:s3:::acme-*"],
        ),
        ("acme/web", None, &["@all|codeowners:web/CODEOWNERS:1|*"]),
        ("api/v1.rs", None, &["@api @boss|codeowners:web/CODEOWNERS:2|/api/"]),
    ];
    for (asked, repository, expected) in cases {
        let answers = who(&catalog, asked, *repository, DAY_MS);
        let told: Vec<_> =
            answers.iter().map(|a| format!("{}|{}|{}", a.owners.join(" "), a.source, a.by)).collect();
        assert_eq!(told, *expected, "{asked} {repository:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(?s).{0,200}", prefix in proptest::sample::select(vec![
        "", "services:\n", "services:\n  - name: a\n    ", "apiVersion: backstage.io/v1alpha1\nkind: Component\n",
    ])) {
        let (catalog, _) = catalog(&[&format!("{prefix}{text}")]);
        let _ = who(&catalog, &text, None, 0);
    }
}
