//! While somebody types, the incident that is meant comes first, and none that they may not see.

use crate::chance::Chance;
use model::{IncidentId, Ulid};
use proptest::prelude::*;
use report::related::{OpenIncident, RelatedIndex, RelatedQuery};

const NOW_MS: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn id(n: usize) -> IncidentId {
    IncidentId(Ulid(n as u128))
}

fn open(n: usize, text: &str, service: Option<&str>, entities: &[&str]) -> OpenIncident {
    OpenIncident {
        id: id(n),
        text: text.to_owned(),
        service: service.map(str::to_owned),
        entities: entities.iter().map(|entity| (*entity).to_owned()).collect(),
        updated_at_ms: NOW_MS - DAY_MS,
    }
}

fn index() -> RelatedIndex {
    let mut index = RelatedIndex::new();
    for incident in [
        open(1, "Access key used from another country", Some("payments"), &["AKIA-EXAMPLE-1", "deploy-bot"]),
        open(2, "Suspicious login to the admin console", Some("login"), &["198.51.100.23"]),
        open(
            3,
            "Dependency with install script: left-padd",
            None,
            &["acme/checkout", "pkg:npm/left-padd@1.3.1"],
        ),
        open(4, "Runner contacted an unknown host", None, &["acme/checkout", "build-7"]),
        open(5, "Database dump downloaded", Some("payments"), &["reporting-db"]),
        open(6, "Phishing page that looks like our single sign-on", None, &["login-acme.example.net"]),
    ] {
        index.upsert(incident);
    }
    index
}

fn ask(index: &RelatedIndex, text: &str, service: Option<&str>) -> Vec<usize> {
    let query = RelatedQuery { text, service, now_ms: NOW_MS };
    index.rank(&query, 3, |_| true).iter().map(|hit| hit.id.0.0 as usize).collect()
}

#[test]
fn what_is_written_and_what_is_meant() {
    let index = index();
    let cases: [(&str, Option<&str>, Option<usize>); 9] = [
        ("somebody used our access key from abroad, another country", None, Some(1)),
        ("I saw traffic from 198.51.100.23, what is that?", None, Some(2)),
        ("left-padd runs an install script", None, Some(3)),
        ("the job on build-7 talks to a host that I do not know", None, Some(4)),
        ("strange things", Some("login"), Some(2)),
        ("a dump of the database", Some("payments"), Some(5)),
        ("got a mail that links login-acme.example.net!", None, Some(6)),
        ("the coffee machine is broken", None, None),
        ("", None, None),
    ];
    for (text, service, want) in cases {
        let got = ask(&index, text, service);
        assert_eq!(got.first().copied(), want, "{text:?} {service:?}: {got:?}");
    }
    let both = ask(&index, "something odd in acme/checkout", None);
    assert_eq!(both.len(), 2, "{both:?}");
    let query = RelatedQuery { text: "deploy-bot", service: Some("payments"), now_ms: NOW_MS };
    let hits = index.rank(&query, 3, |_| true);
    assert!(hits[0].by_entity && hits[0].by_service && hits[1].by_service && !hits[1].by_entity, "{hits:?}");
}

#[test]
fn what_is_closed_or_changed_is_found_no_more() {
    let mut index = index();
    index.remove(id(2));
    index.remove(id(99));
    assert!(ask(&index, "198.51.100.23", None).is_empty() && index.len() == 5);
    index.upsert(open(6, "Coffee machine on the network", None, &[]));
    assert!(ask(&index, "login-acme.example.net", None).is_empty());
    assert_eq!(ask(&index, "coffee machine", None), [6]);
    // the newer of two alike comes first
    index.upsert(open(7, "Coffee machine on the network", None, &[]));
    index.upsert(OpenIncident {
        updated_at_ms: NOW_MS,
        ..open(6, "Coffee machine on the network", None, &[])
    });
    assert_eq!(ask(&index, "coffee machine", None), [6, 7]);
    index.upsert(OpenIncident {
        updated_at_ms: NOW_MS - 60 * DAY_MS,
        ..open(6, "Coffee machine on the network", None, &[])
    });
    assert_eq!(ask(&index, "coffee machine", None), [7, 6]);
}

const WORDS: &[&str] = &[
    "key",
    "token",
    "login",
    "console",
    "runner",
    "package",
    "script",
    "dump",
    "database",
    "mail",
    "page",
    "host",
    "branch",
    "deploy",
    "network",
    "certificate",
    "secret",
    "bucket",
    "admin",
    "country",
    "laptop",
    "badge",
    "policy",
    "session",
];

fn any_incident(n: usize, chance: &Chance) -> OpenIncident {
    let text: Vec<&str> = (0..chance.between(2, 8)).map(|_| chance.pick(WORDS)).collect();
    let service = format!("service-{}", chance.below(6));
    let host = format!("host-{}", chance.below(30));
    let entities: Vec<&str> = chance.is(0.5).then_some(host.as_str()).into_iter().collect();
    open(n, &text.join(" "), chance.is(0.5).then_some(service.as_str()), &entities)
}

#[test]
fn an_index_that_went_through_many_changes_answers_as_a_fresh_one() {
    let chance = Chance::new(11);
    let (mut index, mut alive) = (RelatedIndex::new(), std::collections::BTreeMap::new());
    for step in 0..8_000 {
        let n = chance.below(900);
        if chance.is(0.4) {
            index.remove(id(n));
            alive.remove(&n);
        } else {
            let incident = any_incident(n, &chance);
            index.upsert(incident.clone());
            alive.insert(n, incident);
        }
        assert_eq!(index.len(), alive.len(), "after {step}");
    }
    for n in alive.keys().copied().collect::<Vec<_>>() {
        // a rebuilt index has the same words: the weights differ only by what is dead
        let got = ask(&index, &format!("host-{} {}", n % 30, chance.pick(WORDS)), Some("service-1"));
        assert!(got.iter().all(|hit| alive.contains_key(hit)), "{got:?}");
    }
    let mut fresh = RelatedIndex::new();
    alive.values().cloned().for_each(|incident| fresh.upsert(incident));
    alive.keys().for_each(|n| index.remove(id(*n)));
    assert!(index.is_empty() && !fresh.is_empty());
    alive.values().cloned().for_each(|incident| index.upsert(incident));
    let entity = |index: &RelatedIndex| {
        let query = RelatedQuery { text: "host-7", service: None, now_ms: NOW_MS };
        let mut hits: Vec<IncidentId> =
            index.rank(&query, 1_000, |_| true).iter().map(|hit| hit.id).collect();
        hits.sort();
        hits
    };
    assert_eq!(entity(&index), entity(&fresh));
}

#[test]
fn hostile_texts_are_bounded_work() {
    let index = index();
    for text in [
        "a ".repeat(100_000),
        "é".repeat(100_000),
        "[".repeat(50_000),
        (0..50_000).map(|i| format!("w{i} ")).collect(),
    ] {
        assert!(ask(&index, &text, None).is_empty());
    }
    let mut index = index;
    index.upsert(OpenIncident {
        entities: (0..5_000).map(|i| format!("host-{i}")).collect(),
        ..open(8, &"word ".repeat(50_000), None, &[])
    });
    assert_eq!(ask(&index, "host-3", None)[0], 8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_may_not_be_seen_is_never_given(seed in any::<u64>(), hidden in prop::collection::hash_set(0..120_usize, 0..120), limit in 0..10_usize) {
        let chance = Chance::new(seed);
        let mut index = RelatedIndex::new();
        (0..120).for_each(|n| index.upsert(any_incident(n, &chance)));
        let text = format!("{} {} host-{}", chance.pick(WORDS), chance.pick(WORDS), chance.below(30));
        let query = RelatedQuery { text: &text, service: Some("service-2"), now_ms: NOW_MS };
        let may_see = |id: IncidentId| !hidden.contains(&(id.0.0 as usize));
        let all = index.rank(&query, 1_000, |_| true);
        let seen = index.rank(&query, limit, may_see);
        // exactly the best of those that may be seen
        let want: Vec<_> = all.iter().copied().filter(|hit| may_see(hit.id)).take(limit).collect();
        prop_assert_eq!(seen, want);
        prop_assert!(all.windows(2).all(|pair| pair[0].score >= pair[1].score));
        prop_assert!(all.iter().all(|hit| (0.0..=1.0).contains(&hit.score)));
    }
}
