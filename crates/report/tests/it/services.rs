//! Services are found as people type them, and guests find what is public.

use crate::chance::Chance;
use proptest::prelude::*;
use report::service_index::{Audience, IndexedService, ServiceIndex};

const NAMES: &[&str] = &[
    "checkout",
    "checkout-worker",
    "payments",
    "payments-ledger",
    "payment-gateway",
    "login",
    "login-ui",
    "search",
    "search-indexer",
    "catalogue",
    "cart",
    "warehouse",
    "shipping-labels",
    "returns",
    "gift-cards",
    "fraud-rules",
    "mail-sender",
    "push-notifications",
    "image-resizer",
    "video_transcoder",
    "data-lake",
    "feature-flags",
    "api.gateway",
    "billing/invoices",
    "billing/dunning",
    "hr-portal",
    "wiki",
    "build-farm",
    "artifact-store",
    "Secrets-Broker",
    "identity-provider",
    "session-store",
    "rate-limiter",
    "geo-lookup",
    "price-engine",
    "recommendations",
    "café-finder",
];

fn index() -> ServiceIndex {
    let service = |(i, name): (usize, &&str)| IndexedService {
        name: (*name).to_owned(),
        owner: Some(format!("team-{i}")),
        public: i % 3 == 0,
    };
    ServiceIndex::new(NAMES.iter().enumerate().map(service))
}

fn first(typed: &str) -> Option<String> {
    index().search(typed, 8, Audience::Insider).into_iter().next().map(|hit| hit.name)
}

#[test]
fn what_is_typed_and_what_is_meant() {
    let cases = [
        ("checkout", Some("checkout")),
        ("che", Some("checkout")),
        ("c", Some("cart")),
        ("CHECK", Some("checkout")),
        ("  pay ", Some("payments")),
        ("ledger", Some("payments-ledger")),
        ("led", Some("payments-ledger")),
        ("worker", Some("checkout-worker")),
        ("invoices", Some("billing/invoices")),
        ("secrets", Some("Secrets-Broker")),
        ("cafe", Some("café-finder")),
        ("chekout", Some("checkout")),
        ("hceckout", Some("checkout")),
        ("paymnets", Some("payments")),
        ("recomendations", Some("recommendations")),
        ("wharehouse", Some("warehouse")),
        ("idenity-provider", Some("identity-provider")),
        ("legder", Some("payments-ledger")),
        ("limter", Some("rate-limiter")),
        ("xyzzy", None),
        ("", None),
        ("   ", None),
        ("…", None),
    ];
    for (typed, want) in cases {
        assert_eq!(
            first(typed).as_deref(),
            want,
            "{typed:?}: {:?}",
            index().search(typed, 3, Audience::Insider)
        );
    }
}

#[test]
fn one_slip_in_a_name_still_finds_it() {
    let index = index();
    let chance = Chance::new(5);
    let (mut asked, mut first, mut third) = (0, 0, 0);
    for name in NAMES.iter().filter(|name| name.chars().count() >= 6) {
        let chars: Vec<char> = name.chars().collect();
        for at in 0..chars.len() {
            for slip in 0..4 {
                let mut typed = chars.clone();
                let letter = char::from(b'a' + chance.below(26) as u8);
                match slip {
                    0 => drop(typed.remove(at)),
                    1 => typed.insert(at, letter),
                    2 => typed[at] = letter,
                    _ if at + 1 < typed.len() => typed.swap(at, at + 1),
                    _ => continue,
                }
                let typed: String = typed.into_iter().collect();
                let hits = index.search(&typed, 3, Audience::Insider);
                asked += 1;
                first += usize::from(hits.first().is_some_and(|hit| hit.name == **name));
                third += usize::from(hits.iter().any(|hit| hit.name == **name));
            }
        }
    }
    let share = |count: usize| count as f64 / f64::from(asked);
    println!("{asked} slips: {:.3} found first, {:.3} among three", share(first), share(third));
    assert!(share(first) >= 0.95 && share(third) >= 0.99);
}

#[test]
fn guests_see_public_services_and_no_owner() {
    let index = index();
    for typed in NAMES.iter().chain(&["c", "pay", "chekout", "store"]) {
        for hit in index.search(typed, 50, Audience::Guest) {
            let at = NAMES.iter().position(|name| **name == hit.name).unwrap();
            assert!(at % 3 == 0 && hit.owner.is_none(), "{hit:?}");
            assert!(!serde_json::to_string(&hit).unwrap().contains("owner"));
        }
        assert!(index.search(typed, 50, Audience::Insider).iter().all(|hit| hit.owner.is_some()));
    }
    assert!(
        index.get("checkout", Audience::Guest).is_some() && index.get("login", Audience::Guest).is_none()
    );
    assert_eq!(index.get(" SECRETS-broker ", Audience::Insider).unwrap().name, "Secrets-Broker");
    assert!(index.get("broker", Audience::Insider).is_none() && index.get("", Audience::Insider).is_none());
}

#[test]
fn many_services_of_one_beginning_do_not_hide_the_one_that_is_typed() {
    let many = (0..20_000).map(|i| IndexedService {
        name: format!("service-{i}"),
        owner: None,
        public: i == 19_999,
    });
    let index = ServiceIndex::new(many.chain(NAMES.iter().map(|name| IndexedService {
        name: (*name).into(),
        owner: None,
        public: true,
    })));
    for name in ["service-17", "service-19999", "checkout"] {
        assert_eq!(index.search(name, 1, Audience::Insider)[0].name, name);
    }
    // the only public one behind twenty thousand others
    assert_eq!(index.search("service", 3, Audience::Guest)[0].name, "service-19999");
    assert_eq!(index.search("service", 1_000, Audience::Insider).len(), 50);
    assert_eq!(index.len(), 20_000 + NAMES.len());
}

proptest! {
    #[test]
    fn anything_may_be_typed(typed in ".{0,80}", limit in 0..60_usize) {
        let hits = index().search(&typed, limit, Audience::Insider);
        prop_assert!(hits.len() <= limit.min(50));
        prop_assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
        prop_assert!(hits.iter().all(|hit| (0.0..=1.0).contains(&hit.score)));
    }

    #[test]
    fn any_catalogue_finds_each_of_its_services(names in prop::collection::hash_set("[a-z]{1,6}([-_./][a-zé]{1,6}){0,2}", 1..40)) {
        let index = ServiceIndex::new(names.iter().map(|name| IndexedService { name: name.clone(), owner: None, public: false }));
        for name in &names {
            prop_assert_eq!(&index.search(name, 1, Audience::Insider)[0].name, name);
            prop_assert!(index.search(name, 9, Audience::Guest).is_empty());
        }
    }
}
