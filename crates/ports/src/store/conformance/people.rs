//! People, sessions, links, and what of incidents someone may see.

use super::bench::Bench;
use crate::store::{
    Facet, FindingFilter, Identity, IncidentFilter, IncidentOrder, Link, PERSON_SESSIONS_MAX, PageRequest,
    Person, PersonSession, Store, StoreError, Token, TokenKind, VISIBLE_CASES, Visible,
};
use model::{IncidentId, LinkId, Ownership, PersonId, SessionId, Severity, TokenId, Visibility};

fn person(bench: &Bench, name: &str) -> Person {
    Person {
        id: PersonId::new(&bench.clock, &bench.entropy),
        name: name.to_owned(),
        email: Some(format!("{name}@example.com")),
        roles: vec!["responder".to_owned()],
        teams: vec!["payments".to_owned()],
        services: Vec::new(),
        disabled: false,
        identity: Some(Identity { issuer: "https://id.example.com".to_owned(), subject: name.to_owned() }),
        region: "default".to_owned(),
        created_at_ms: 5,
        updated_at_ms: 5,
        signed_in_at_ms: None,
        left_at_ms: None,
        version: 1,
    }
}

fn session(bench: &Bench, person: PersonId, secret: u8) -> PersonSession {
    PersonSession {
        id: SessionId::new(&bench.clock, &bench.entropy),
        person,
        secret_sha256: [secret; 32],
        previous_sha256: None,
        csrf: "c".repeat(43),
        provider: "link".to_owned(),
        provider_sid: Some("sid-1".to_owned()),
        origin: Some("192.0.2.1".to_owned()),
        user_agent: Some("browser".to_owned()),
        region: "default".to_owned(),
        created_at_ms: 10,
        rotated_at_ms: 10,
        seen_at_ms: 10,
        expires_at_ms: 1_000,
        ended_at_ms: None,
    }
}

/// A person is found by id and identity, and replaced only by who knows the version.
pub async fn people_are_versioned(store: &dyn Store) {
    let bench = Bench::new(50);
    let (ana, eve) =
        (person(&bench, "ana"), Person { identity: None, created_at_ms: 6, ..person(&bench, "eve") });
    let mut unit = store.begin().await.unwrap();
    for new in [&ana, &eve] {
        unit.people().add(&Person { version: 9, ..new.clone() }, &bench.audit(new.id)).await.unwrap();
    }
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let twin = Person { id: PersonId::new(&bench.clock, &bench.entropy), ..ana.clone() };
    let taken = unit.people().add(&twin, &bench.audit(twin.id)).await;
    assert!(matches!(taken, Err(StoreError::Exists { .. })), "an identity is one person's: {taken:?}");
    drop(unit);

    let admin =
        Person { roles: vec!["admin".to_owned(), "responder".to_owned()], updated_at_ms: 9, ..ana.clone() };
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.people().replace(&admin, &bench.audit(ana.id)).await.unwrap(), 2);
    unit.people().signed_in(ana.id, 30).await.unwrap();
    unit.people().signed_in(ana.id, 20).await.unwrap();
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let stale = unit.people().replace(&ana, &bench.audit(ana.id)).await;
    assert!(matches!(stale, Err(StoreError::Conflict { current: 2 })), "{stale:?}");
    drop(unit);
    let mut view = store.read().await.unwrap();
    let admin = Person { version: 2, signed_in_at_ms: Some(30), ..admin };
    assert_eq!(view.people().get(ana.id).await.unwrap(), Some(admin.clone()));
    let identity = ana.identity.clone().unwrap();
    assert_eq!(view.people().by_identity(&identity).await.unwrap(), Some(admin.clone()));
    let other = Identity { issuer: "https://evil.example.com".to_owned(), ..identity };
    assert_eq!(view.people().by_identity(&other).await.unwrap(), None);
    for name in ["ana", "ANA", "Ana@example.com"] {
        assert_eq!(view.people().called(name).await.unwrap(), std::slice::from_ref(&admin), "{name}");
    }
    assert_eq!(view.people().called("an").await.unwrap(), []);
    assert_eq!(view.people().count_with_role("admin").await.unwrap(), 1);
    assert_eq!(view.people().count_with_role("adm").await.unwrap(), 0);
    let first = view.people().list(&PageRequest::first(1)).await.unwrap();
    let rest = view.people().list(&PageRequest::after(1, first.next.unwrap())).await.unwrap();
    assert_eq!((first.items, rest.items), (vec![eve], vec![admin.clone()]));
    drop(view);
    let mut unit = store.begin().await.unwrap();
    unit.people().left(admin.id, 40, &bench.audit(admin.id)).await.unwrap();
    assert_eq!(unit.people().get(admin.id).await.unwrap().unwrap().left_at_ms, Some(40));
    unit.people().signed_in(admin.id, 50).await.unwrap();
    assert_eq!(unit.people().get(admin.id).await.unwrap().unwrap().left_at_ms, None, "they came back");
    let nobody = PersonId::new(&bench.clock, &bench.entropy);
    let unknown = unit.people().left(nobody, 40, &bench.audit(nobody)).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })), "{unknown:?}");
    drop(unit);
    let mut unit = store.begin().await.unwrap();
    let out = Person { disabled: true, ..admin };
    unit.people().replace(&out, &bench.audit(out.id)).await.unwrap();
    assert_eq!(unit.people().count_with_role("admin").await.unwrap(), 0, "who is kept out does not count");
    assert_eq!(unit.people().called("ana").await.unwrap(), [], "nor are they asked for by name");
}

/// A session's secret is exchanged once from what it is; ended once, it stays so.
pub async fn sessions_rotate_and_end(store: &dyn Store) {
    let bench = Bench::new(51);
    let ana = person(&bench, "ana");
    let (first, second) = (session(&bench, ana.id, 1), session(&bench, ana.id, 2));
    let mut unit = store.begin().await.unwrap();
    unit.people().add(&ana, &bench.audit(ana.id)).await.unwrap();
    for new in [&first, &second] {
        unit.sessions().add(new, &bench.audit(new.id)).await.unwrap();
    }
    assert!(unit.sessions().rotate(first.id, &[1; 32], &[3; 32], 20).await.unwrap());
    assert!(!unit.sessions().rotate(first.id, &[1; 32], &[4; 32], 21).await.unwrap(), "it is another by now");
    unit.sessions().seen(first.id, 40).await.unwrap();
    unit.sessions().seen(first.id, 30).await.unwrap();
    unit.sessions().end(second.id, 50, &bench.audit(second.id)).await.unwrap();
    unit.sessions().end(second.id, 60, &bench.audit(second.id)).await.unwrap();
    assert!(!unit.sessions().rotate(second.id, &[2; 32], &[5; 32], 70).await.unwrap(), "it has ended");
    unit.commit().await.unwrap();
    let first = PersonSession {
        secret_sha256: [3; 32],
        previous_sha256: Some([1; 32]),
        rotated_at_ms: 20,
        seen_at_ms: 40,
        ..first
    };
    let second = PersonSession { ended_at_ms: Some(50), ..second };
    let mut view = store.read().await.unwrap();
    for secret in [1, 3] {
        assert_eq!(view.sessions().by_secret(&[secret; 32]).await.unwrap(), Some(first.clone()));
    }
    assert_eq!(view.sessions().by_secret(&[2; 32]).await.unwrap(), Some(second.clone()));
    assert_eq!(view.sessions().by_secret(&[4; 32]).await.unwrap(), None);
    assert_eq!(view.sessions().get(second.id).await.unwrap(), Some(second.clone()));
    assert_eq!(view.sessions().of_person(ana.id).await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(view.sessions().people_by_provider_sid("link", "sid-1").await.unwrap(), [ana.id]);
    assert_eq!(view.sessions().people_by_provider_sid("other", "sid-1").await.unwrap(), []);
    assert!(first.is_live(99, 60) && !first.is_live(100, 60) && !first.is_live(1_000, 5_000));
    assert!(!second.is_live(50, 60));
    drop(view);
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.sessions().forget(1_001, 1).await.unwrap(), 1);
    assert_eq!(unit.sessions().forget(1_001, 9).await.unwrap(), 1);
    assert_eq!(unit.sessions().get(first.id).await.unwrap(), None);
    let many = PERSON_SESSIONS_MAX as u8 + 5;
    for secret in 10..10 + many {
        let new = PersonSession { created_at_ms: secret.into(), ..session(&bench, ana.id, secret) };
        unit.sessions().add(&new, &bench.audit(new.id)).await.unwrap();
    }
    let newest = unit.sessions().of_person(ana.id).await.unwrap();
    assert_eq!(newest.len(), PERSON_SESSIONS_MAX as usize);
    assert_eq!(newest[0].secret_sha256, [9 + many; 32]);
}

/// A link opens once, and not after its time.
pub async fn links_open_once(store: &dyn Store) {
    let bench = Bench::new(52);
    let link = |secret: u8| Link {
        id: LinkId::new(&bench.clock, &bench.entropy),
        secret_sha256: [secret; 32],
        roles: vec!["admin".to_owned()],
        name: "first".to_owned(),
        person: None,
        region: "default".to_owned(),
        created_at_ms: 1,
        expires_at_ms: 100,
        used_at_ms: None,
    };
    let (first, second) = (link(1), link(2));
    let mut unit = store.begin().await.unwrap();
    for new in [&first, &second] {
        unit.links().add(new, &bench.audit(new.id)).await.unwrap();
    }
    assert!(!unit.links().use_up(first.id, 100).await.unwrap(), "expired");
    assert!(unit.links().use_up(first.id, 99).await.unwrap());
    assert!(!unit.links().use_up(first.id, 99).await.unwrap(), "used up");
    assert_eq!(unit.links().withdraw("first", 50).await.unwrap(), 1);
    assert!(!unit.links().use_up(second.id, 60).await.unwrap(), "withdrawn");
    let nobody = PersonId::new(&bench.clock, &bench.entropy);
    assert_eq!(unit.links().withdraw_of(nobody, 50).await.unwrap(), 0, "nobody has one");
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.links().by_secret(&[1; 32]).await.unwrap(), Some(Link { used_at_ms: Some(99), ..first }));
    assert_eq!(view.links().by_secret(&[3; 32]).await.unwrap(), None);
    drop(view);
    let ana = person(&bench, "ana");
    let again = Link { person: Some(ana.id), ..link(4) };
    let mut unit = store.begin().await.unwrap();
    unit.people().add(&ana, &bench.audit(ana.id)).await.unwrap();
    assert!(!unit.links().opens_for(ana.id, 5).await.unwrap());
    unit.links().add(&again, &bench.audit(again.id)).await.unwrap();
    assert_eq!(unit.links().by_secret(&[4; 32]).await.unwrap(), Some(again.clone()));
    assert!(unit.links().opens_for(ana.id, 99).await.unwrap());
    assert!(!unit.links().opens_for(ana.id, 100).await.unwrap(), "expired");
    assert!(unit.links().use_up(again.id, 50).await.unwrap());
    assert!(!unit.links().opens_for(ana.id, 60).await.unwrap(), "used up");
}

/// A person's own tokens are found by the person.
pub async fn tokens_belong_to_people(store: &dyn Store) {
    let bench = Bench::new(53);
    let ana = person(&bench, "ana");
    let token = |secret: u8, person| Token {
        id: TokenId::new(&bench.clock, &bench.entropy),
        name: "laptop".to_owned(),
        secret_sha256: [secret; 32],
        kind: TokenKind::Api,
        source: None,
        person,
        scopes: vec!["incidents:read".to_owned()],
        region: "default".to_owned(),
        created_at_ms: i64::from(secret),
        expires_at_ms: None,
        last_used_at_ms: None,
        revoked_at_ms: None,
    };
    let (own, gone, machine) = (token(1, Some(ana.id)), token(2, Some(ana.id)), token(3, None));
    let mut unit = store.begin().await.unwrap();
    unit.people().add(&ana, &bench.audit(ana.id)).await.unwrap();
    for new in [&own, &gone, &machine] {
        unit.tokens().add(new, &bench.audit(new.id)).await.unwrap();
    }
    unit.tokens().revoke(gone.id, 9, &bench.audit(gone.id)).await.unwrap();
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.tokens().of_person(ana.id).await.unwrap(), [own]);
}

/// What a list shows is what [`Visible::sees`] says of each of its rows, whatever the table of cases.
pub async fn lists_show_what_is_visible(store: &dyn Store) {
    let bench = Bench::new(54);
    let mut incidents = Vec::new();
    for number in 0..60_u64 {
        let mut finding = bench.finding(number, "root", number as i64, bench.one_of(&Severity::ALL));
        let name = |of: &[Option<&str>]| bench.one_of(of).map(str::to_owned);
        finding.ownership = Ownership {
            team: name(&[None, Some("payments"), Some("identity"), Some("pay'ments")]),
            owner: name(&[None, Some("@acme/payments"), Some("identity")]),
            service: name(&[None, Some("ledger"), Some("login")]),
            ..Ownership::default()
        };
        let mut unit = store.begin().await.unwrap();
        let incident = bench.open(&mut *unit, &finding).await;
        let visibility = bench.one_of(&Visibility::ALL);
        let audit = bench.audit(incident.id);
        let set = unit.incidents().set_visibility(incident.id, 1, visibility, 7, &audit).await.unwrap();
        assert_eq!((set.visibility, set.version), (visibility, 2));
        let assignee = name(&[None, Some("per_ana"), Some("per_eve")]);
        let edit = crate::store::IncidentEdit { assignee: Some(assignee), ..Default::default() };
        let audit = bench.audit(incident.id);
        incidents.push(unit.incidents().edit(incident.id, 2, &edit, 8, &audit).await.unwrap());
        unit.commit().await.unwrap();
    }
    let mut unit = store.begin().await.unwrap();
    let (stale, audit) = (&incidents[0], bench.audit(incidents[0].id));
    let refused = unit.incidents().set_visibility(stale.id, 1, Visibility::Team, 9, &audit).await;
    assert!(matches!(refused, Err(StoreError::Conflict { current: 3 })), "{refused:?}");
    drop(unit);
    let mut view = store.read().await.unwrap();
    for round in 0..80_u16 {
        // each case alone, then mixtures
        let cases = if u32::from(round) < VISIBLE_CASES {
            1 << round
        } else {
            bench.below(1 << VISIBLE_CASES) as u16
        };
        let names = |of: &[&str]| -> Vec<String> {
            of.iter().filter(|_| bench.below(2) == 0).map(|name| (*name).to_owned()).collect()
        };
        let teams = names(&["payments", "@acme/payments", "pay'ments", "%"]);
        let person = bench.one_of(&[None, Some("per_ana"), Some("")]).map(str::to_owned);
        let visible = Visible::of(cases, teams, names(&["ledger"]), person);
        let mut expected: Vec<IncidentId> =
            incidents.iter().filter(|incident| visible.sees(incident)).map(|incident| incident.id).collect();
        expected.sort();
        let filter = IncidentFilter { visible: Some(visible.clone()), ..IncidentFilter::default() };
        let page = PageRequest::first(100);
        let listed = view.incidents().list(&filter, IncidentOrder::Updated, &page).await.unwrap();
        let mut listed: Vec<IncidentId> = listed.items.iter().map(|incident| incident.id).collect();
        listed.sort();
        assert_eq!(listed, expected, "{visible:?}");
        let facets = view.incidents().facets(&filter).await.unwrap();
        assert_eq!(facets.total, expected.len() as u64, "{visible:?}");
        for (facet, counts) in facets.counts.iter().filter(|(facet, _)| *facet == Facet::Status) {
            let counted: u64 = counts.iter().map(|count| count.count).sum();
            assert_eq!(counted, expected.len() as u64, "{facet:?} {visible:?}");
        }
        let filter = FindingFilter { visible: Some(visible.clone()), ..FindingFilter::default() };
        let findings = view.findings().list(&filter, &page).await.unwrap().items;
        assert_eq!(findings.len(), expected.len(), "{visible:?}");
    }
}
