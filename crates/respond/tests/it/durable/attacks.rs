//! What must not be applied, and is not.

use super::delegating::delegate;
use super::kit::{Kit, MINUTE_MS, actor, request, setup, vote};
use model::ContainmentState as State;
use respond::approval::VoteRefused;
use respond::contain::{ContainRequest, VoteRequest};
use respond::plan::PlanHash;
use respond::protect::{Protected, Protection, TargetKind};
use respond::window::Limit;
use respond::{Actor, RespondError, Responder, ResponderOptions};
use std::collections::BTreeSet;
use std::sync::Arc;

#[tokio::test]
async fn what_is_protected_is_refused_whoever_asks_and_however() {
    let kit = Kit::new().await;
    assert!(matches!(kit.request("toy.low_lock", "ci-deploy").await, Err(RespondError::Act(_))));
    // whose it is, is found by the look; nobody has to say it
    kit.emulator.with(|state| state.things.insert("key".into(), ("open".into(), "ci-deploy".into())));
    assert!(matches!(kit.request("toy.low_lock", "key").await, Err(RespondError::Act(_))));
    for target in ["CI-deploy", "a\u{200b}", "a/../ci-deploy", "", "*"] {
        assert!(kit.request("toy.low_lock", target).await.is_err(), "{target:?}");
    }
    assert!(kit.containments().await.is_empty() && kit.emulator.effects().is_empty());
}

#[tokio::test]
async fn what_is_protected_since_is_not_applied_but_taken_back() {
    let kit = Kit::new().await;
    let waiting = kit.request("toy.low_lock", "a").await.unwrap();
    let held = kit.verified("toy.lock", "b").await;
    drop(waiting);
    let next = kit.request("toy.low_lock", "c").await.unwrap();
    let all = [Protected { kind: TargetKind::Account, pattern: "*".into(), reason: "now it is".into() }];
    let mut fixed = setup("http://toy.example");
    fixed.protection = Arc::new(Protection::new(&all).unwrap());
    let strict = Responder::new(ResponderOptions { setup: Arc::new(fixed), ..kit.options.clone() });
    strict.advance_all(100).await.unwrap();
    assert_eq!(kit.get(next.id).await.state, State::Failed);
    assert_eq!(kit.emulator.count("lock c"), 0);
    kit.clock.advance_ms(61 * MINUTE_MS);
    strict.advance_all(100).await.unwrap();
    assert_eq!(kit.get(held.id).await.state, State::Reverted);
}

#[tokio::test]
async fn votes_that_do_not_count_change_nothing() {
    let kit = Kit::new().await;
    let shared = ContainRequest {
        requesters: BTreeSet::from(["per_rex".to_owned()]),
        ..request("toy.hard_lock", "a")
    };
    let asked = kit.responder.request(&shared).await.unwrap();
    let other = kit.request("toy.hard_lock", "b").await.unwrap();
    let through =
        |from: &str, by: &str| VoteRequest { on_behalf_of: Some(format!("per_{from}")), ..vote(by, &asked) };
    for (from, to) in [("ann", "bob"), ("kim", "bob"), ("bob", "eve")] {
        kit.responder.delegate(&delegate(&kit, from, to, MINUTE_MS)).await.unwrap();
    }
    let refused: [(&str, VoteRequest, VoteRefused); 7] = [
        ("who asked", vote("ann", &asked), VoteRefused::OwnRequest),
        ("who has part in it", vote("rex", &asked), VoteRefused::OwnRequest),
        ("who asked, by another", through("ann", "bob"), VoteRefused::OwnRequest),
        ("a delegation of others", through("kim", "eve"), VoteRefused::NotDelegated),
        ("a delegation that there is not", through("bob", "kim"), VoteRefused::NotDelegated),
        (
            "another plan",
            VoteRequest { plan: PlanHash(other.plan_sha256), ..vote("bob", &asked) },
            VoteRefused::OtherPlan,
        ),
        (
            "no plan at all",
            VoteRequest { plan: PlanHash([0; 32]), ..vote("bob", &asked) },
            VoteRefused::OtherPlan,
        ),
    ];
    for (name, request, expected) in refused {
        let came = kit.responder.vote(&request).await;
        assert!(matches!(&came, Err(RespondError::Vote(why)) if *why == expected), "{name}: {came:?}");
    }
    let machine = VoteRequest { actor: Actor::system(), ..vote("bob", &asked) };
    assert!(matches!(kit.responder.vote(&machine).await, Err(RespondError::NoPerson)));
    assert_eq!(kit.get(asked.id).await.votes.len(), 0);

    // the same answer again, and through another
    kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    let again = kit.responder.vote(&vote("bob", &asked)).await;
    assert!(matches!(again, Err(RespondError::Vote(VoteRefused::Twice))), "{again:?}");
    assert!(matches!(
        kit.responder.vote(&through("bob", "eve")).await,
        Err(RespondError::Vote(VoteRefused::Twice))
    ));
    kit.work().await;
    assert!(kit.emulator.effects().is_empty(), "one of two");

    // too late is no
    kit.pass(4 * 60 * MINUTE_MS + 1).await;
    assert_eq!(kit.get(asked.id).await.state, State::Expired);
    assert!(matches!(kit.responder.vote(&vote("eve", &asked)).await, Err(RespondError::State { .. })));
    kit.pass(24 * 60 * MINUTE_MS).await;
    assert!(kit.emulator.effects().is_empty());
}

#[tokio::test]
async fn a_no_is_final_and_says_why() {
    let kit = Kit::new().await;
    let asked = kit.request("toy.hard_lock", "a").await.unwrap();
    kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    let no = VoteRequest { approves: false, ..vote("eve", &asked) };
    assert!(matches!(kit.responder.vote(&no).await, Err(RespondError::Reason)));
    let no = VoteRequest { reason: Some("it is the CEO".to_owned()), ..no };
    assert_eq!(kit.responder.vote(&no).await.unwrap().state, State::Denied);
    assert!(kit.responder.vote(&vote("kim", &asked)).await.is_err());
    kit.pass(24 * 60 * MINUTE_MS).await;
    assert!(kit.emulator.effects().is_empty());
}

/// Somebody writes it into the store past the product.
pub(crate) async fn written(kit: &Kit, row: &model::Containment) {
    let store = backends::sqlite::SqliteStore::open_path(&kit.dir.path().join("state.db")).await.unwrap();
    let sql = "UPDATE containments SET plan = ?, plan_sha256 = ?, target = ?, ttl_ms = ?, votes = ?, decision = ? \
               WHERE id = ?";
    sqlx::query(sql)
        .bind(row.plan.to_string())
        .bind(row.plan_sha256.to_vec())
        .bind(&row.target)
        .bind(row.ttl_ms.map(|ttl| ttl as i64))
        .bind(serde_json::to_string(&row.votes).unwrap())
        .bind(serde_json::to_string(&row.decision).unwrap())
        .bind(row.id.0.0.to_be_bytes().to_vec())
        .execute(store.writer())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_plan_that_was_edited_in_the_store_is_not_applied() {
    type Edit = fn(&mut model::Containment);
    let edits: [(&str, Edit); 6] = [
        ("the plan", |one| one.plan["target"]["name"] = "b".into()),
        ("the target", |one| one.target = "b".to_owned()),
        ("plan and hash", |one| {
            one.plan["ttl_ms"] = 60_000_000_u64.into();
            one.ttl_ms = Some(60_000_000);
            let plan: respond::plan::Plan = serde_json::from_value(one.plan.clone()).unwrap();
            one.plan_sha256 = plan.hash().0;
        }),
        ("a vote of who asked", |one| one.votes[0].person = "per_ann".to_owned()),
        ("no votes", |one| one.votes.clear()),
        ("more people", |one| one.decision.people = 2),
    ];
    for (name, edit) in edits {
        let kit = Kit::new().await;
        let asked = kit.request("toy.lock", "a").await.unwrap();
        let mut approved = kit.responder.vote(&vote("bob", &asked)).await.unwrap();
        assert_eq!(approved.state, State::Approved);
        edit(&mut approved);
        written(&kit, &approved).await;
        kit.pass(60 * MINUTE_MS).await;
        let now = kit.get(asked.id).await;
        assert_eq!(now.state, State::Failed, "{name}: {now:?}");
        assert!(kit.emulator.effects().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_rule_that_is_wrong_locks_out_a_few_only() {
    let mut fixed = setup("http://toy.example");
    fixed.limit = Limit { targets_max: 3, window_ms: 10 * MINUTE_MS };
    let kit = Kit::with(fixed).await;
    for target in ["a", "b", "c"] {
        kit.request("toy.low_lock", target).await.unwrap();
    }
    assert!(matches!(kit.request("toy.low_lock", "d").await, Err(RespondError::TooMany(_))));
    assert!(matches!(kit.request("toy.low_lock", "a").await, Err(RespondError::UnderWay(_))));
    kit.request("toy.lock", "d").await.unwrap();
    kit.clock.advance_ms(11 * MINUTE_MS);
    kit.request("toy.low_lock", "e").await.unwrap();
}

/// What is asked for slowly and approved at once is bounded as well: by when it is applied.
#[tokio::test]
async fn a_window_is_of_what_is_applied_in_it() {
    let mut fixed = setup("http://toy.example");
    fixed.limit = Limit { targets_max: 2, window_ms: 10 * MINUTE_MS };
    let kit = Kit::with(fixed).await;
    let mut asked = Vec::new();
    for target in ["a", "b", "c", "d"] {
        asked.push(kit.request("toy.lock", target).await.unwrap());
        kit.pass(6 * MINUTE_MS).await;
    }
    for one in &asked {
        kit.responder.vote(&vote("bob", one)).await.unwrap();
    }
    kit.work().await;
    let held = async |state: State| kit.containments().await.iter().filter(|one| one.state == state).count();
    assert_eq!((held(State::Verified).await, kit.emulator.effects().len()), (2, 2));
    // it is tried some more times, then somebody has to ask again
    kit.pass(9 * MINUTE_MS).await;
    assert_eq!((held(State::Failed).await, kit.emulator.effects().len()), (2, 2));
    let failed = kit.containments().await.into_iter().find(|one| one.state == State::Failed).unwrap();
    assert!(failed.progress.problem.unwrap().contains("2 targets"));
}

/// An approval is of the requests that the connector's file says, sent to the system that is set.
#[tokio::test]
async fn a_connector_that_was_edited_since_is_another_plan() {
    let edited = |connector: &mut respond::connector::Connector| connector.sha256[0] ^= 1;
    let moved = |settings: &mut respond::connector::Values| {
        settings.insert("toy_url".to_owned(), "http://other.example".to_owned());
    };
    for (is_edited, is_moved) in [(true, false), (false, true), (false, false)] {
        let kit = Kit::new().await;
        let asked = kit.request("toy.lock", "a").await.unwrap();
        kit.responder.vote(&vote("bob", &asked)).await.unwrap();
        let mut fixed = setup("http://toy.example");
        let toy = fixed.connections.get_mut("toy").unwrap();
        if is_edited {
            edited(Arc::make_mut(&mut toy.connector));
        }
        if is_moved {
            moved(Arc::make_mut(&mut toy.settings));
        }
        let now = Responder::new(ResponderOptions { setup: Arc::new(fixed), ..kit.options.clone() });
        now.advance_all(100).await.unwrap();
        let came = kit.get(asked.id).await;
        let expected = if is_edited || is_moved { State::Failed } else { State::Verified };
        assert_eq!(came.state, expected, "{came:?}");
        assert_eq!(kit.emulator.effects().is_empty(), is_edited || is_moved);
    }
}

#[tokio::test]
async fn an_approval_is_for_now() {
    let kit = Kit::new().await;
    let asked = kit.request("toy.lock", "a").await.unwrap();
    kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    // no worker was there for hours
    kit.clock.advance_ms(3 * 60 * MINUTE_MS);
    kit.work().await;
    assert_eq!(kit.get(asked.id).await.state, State::Expired);
    assert!(kit.emulator.effects().is_empty());
}

#[tokio::test]
async fn who_asks_is_known_and_says_why() {
    let kit = Kit::new().await;
    let guest = Actor { principal: model::Principal::Guest, ..actor("ann") };
    let nobody = ContainRequest { actor: guest, ..request("toy.lock", "a") };
    assert!(matches!(kit.responder.request(&nobody).await, Err(RespondError::Nobody)));
    let unsaid = ContainRequest { reason: "  ".to_owned(), ..request("toy.lock", "a") };
    assert!(matches!(kit.responder.request(&unsaid).await, Err(RespondError::Reason)));
    for action in ["toy", "toy.none", "none.lock", ""] {
        assert!(kit.request(action, "a").await.is_err(), "{action}");
    }
    let mistyped = respond::connector::Values::from([("usre".to_owned(), "a".to_owned())]);
    let mistyped = ContainRequest { inputs: mistyped, ..request("toy.lock", "a") };
    assert!(matches!(kit.responder.request(&mistyped).await, Err(RespondError::UnknownInput { .. })));
    for ttl_ms in [0, 59_999, u64::MAX] {
        let bad = ContainRequest { ttl_ms: Some(ttl_ms), ..request("toy.lock", "a") };
        assert!(kit.responder.request(&bad).await.is_err(), "{ttl_ms}");
    }
    assert!(kit.containments().await.is_empty());
}
