//! Letting another answer: for a time, for oneself, on record, and never for more than one answer.

use super::attacks::written;
use super::kit::{Kit, MINUTE_MS, actor, request, setup, undo, vote};
use model::{Containment, ContainmentState as State, PersonId, Principal, VoteDelegation};
use ports::store::{AuditFilter, PageRequest, Person};
use respond::approval::VoteRefused;
use respond::contain::{ContainRequest, DelegateRequest, VoteRequest};
use respond::impact::Impact;
use respond::protect::Protection;
use respond::window::Limit;
use respond::{Actor, Connection, FixedSetup, RespondError, Responder, ResponderOptions, Setup};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) fn delegate(kit: &Kit, from: &str, to: &str, for_ms: i64) -> DelegateRequest {
    DelegateRequest {
        actor: actor(from),
        to: format!("per_{to}"),
        until_ms: kit.now_ms().saturating_add(for_ms),
        region: "default".to_owned(),
        reason: "away".to_owned(),
    }
}

fn through(from: &str, by: &str, asked: &Containment) -> VoteRequest {
    VoteRequest { on_behalf_of: Some(format!("per_{from}")), ..vote(by, asked) }
}

impl Kit {
    async fn lets(&self, from: &str, to: &str) -> model::Delegation {
        self.responder.delegate(&delegate(self, from, to, 60 * MINUTE_MS)).await.unwrap()
    }

    async fn refuses(&self, what: &str, request: &VoteRequest, expected: VoteRefused) {
        let came = self.responder.vote(request).await;
        assert!(matches!(&came, Err(RespondError::Vote(why)) if *why == expected), "{what}: {came:?}");
    }

    /// The last record of that action.
    async fn recorded(&self, action: &str) -> model::AuditRecord {
        let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
        let mut view = self.store.read().await.unwrap();
        view.audit().list(&filter, &PageRequest::first(1)).await.unwrap().items.remove(0)
    }
}

#[tokio::test]
async fn answers_are_delegated_for_a_time_and_taken_back() {
    let kit = Kit::new().await;
    for bad in [
        delegate(&kit, "kim", "kim", MINUTE_MS),
        delegate(&kit, "kim", "bob", 0),
        delegate(&kit, "kim", "bob", -1),
        delegate(&kit, "kim", "bob", 30 * 24 * 60 * MINUTE_MS + 1),
        delegate(&kit, "kim", "bob", i64::MAX),
        DelegateRequest { actor: Actor::system(), ..delegate(&kit, "kim", "bob", MINUTE_MS) },
        DelegateRequest { reason: String::new(), ..delegate(&kit, "kim", "bob", MINUTE_MS) },
        DelegateRequest { to: " ".to_owned(), ..delegate(&kit, "kim", "bob", MINUTE_MS) },
    ] {
        assert!(kit.responder.delegate(&bad).await.is_err(), "{bad:?}");
    }
    let asked = kit.request("toy.lock", "a").await.unwrap();
    let for_kim = through("kim", "bob", &asked);
    kit.refuses("nothing was given", &for_kim, VoteRefused::NotDelegated).await;
    let given = kit.lets("kim", "bob").await;
    assert_eq!(kit.responder.delegations("per_bob").await.unwrap(), std::slice::from_ref(&given));
    assert!(kit.responder.end_delegation(&actor("eve"), given.id).await.is_err(), "it is not hers");
    kit.responder.end_delegation(&actor("kim"), given.id).await.unwrap();
    kit.refuses("taken back", &for_kim, VoteRefused::NotDelegated).await;
    let given = kit.lets("kim", "bob").await;
    kit.responder.end_delegation(&actor("bob"), given.id).await.unwrap();
    kit.refuses("given back", &for_kim, VoteRefused::NotDelegated).await;
    kit.lets("kim", "bob").await;
    kit.clock.advance_ms(60 * MINUTE_MS);
    kit.refuses("its time is over", &for_kim, VoteRefused::NotDelegated).await;
    kit.lets("kim", "bob").await;
    let approved = kit.responder.vote(&for_kim).await.unwrap();
    assert_eq!(approved.state, State::Approved);
    assert_eq!(approved.votes[0].delegation.as_ref().unwrap().from, "per_kim");
    kit.work().await;
    assert_eq!(kit.get(asked.id).await.state, State::Verified);
}

#[tokio::test]
async fn what_is_given_goes_no_further() {
    let kit = Kit::new().await;
    let asked = kit.request("toy.hard_lock", "a").await.unwrap();
    kit.lets("kim", "bob").await;
    kit.lets("bob", "eve").await;
    kit.refuses("over bob", &through("kim", "eve", &asked), VoteRefused::NotDelegated).await;
    kit.refuses("the other way round", &through("bob", "kim", &asked), VoteRefused::NotDelegated).await;
    kit.responder.vote(&through("bob", "eve", &asked)).await.unwrap();
}

#[tokio::test]
async fn who_asked_answers_neither_for_others_nor_through_them() {
    let kit = Kit::new().await;
    let shared =
        ContainRequest { requesters: BTreeSet::from(["per_rex".to_owned()]), ..request("toy.lock", "a") };
    let asked = kit.responder.request(&shared).await.unwrap();
    for (from, to) in [("kim", "ann"), ("ann", "bob"), ("kim", "rex"), ("rex", "bob")] {
        kit.lets(from, to).await;
        kit.refuses(from, &through(from, to, &asked), VoteRefused::OwnRequest).await;
    }
    kit.pass(24 * 60 * MINUTE_MS).await;
    assert!(kit.emulator.effects().is_empty());
}

#[tokio::test]
async fn somebody_and_their_delegates_have_one_answer() {
    type Cast = fn(&Containment) -> VoteRequest;
    let pairs: [(&str, Cast, Cast); 6] = [
        ("kim, then bob for kim", |a| vote("kim", a), |a| through("kim", "bob", a)),
        ("bob for kim, then kim", |a| through("kim", "bob", a), |a| vote("kim", a)),
        ("bob for kim, then bob", |a| through("kim", "bob", a), |a| vote("bob", a)),
        ("bob, then bob for kim", |a| vote("bob", a), |a| through("kim", "bob", a)),
        ("bob for kim, then eve for kim", |a| through("kim", "bob", a), |a| through("kim", "eve", a)),
        ("bob for kim, then once more", |a| through("kim", "bob", a), |a| through("kim", "bob", a)),
    ];
    for (name, first, second) in pairs {
        let kit = Kit::new().await;
        kit.lets("kim", "bob").await;
        kit.lets("kim", "eve").await;
        let asked = kit.request("toy.hard_lock", "a").await.unwrap();
        assert_eq!(
            kit.responder.vote(&first(&asked)).await.unwrap().state,
            State::AwaitingApproval,
            "{name}"
        );
        kit.refuses(name, &second(&asked), VoteRefused::Twice).await;
        kit.work().await;
        assert_eq!(kit.get(asked.id).await.state, State::AwaitingApproval, "{name}");
        assert!(kit.emulator.effects().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn what_is_taken_back_before_it_is_applied_does_not_count() {
    for taken_back in [true, false] {
        let kit = Kit::new().await;
        let given = kit.responder.delegate(&delegate(&kit, "kim", "bob", MINUTE_MS)).await.unwrap();
        let asked = kit.request("toy.lock", "a").await.unwrap();
        assert_eq!(kit.responder.vote(&through("kim", "bob", &asked)).await.unwrap().state, State::Approved);
        if taken_back {
            kit.responder.end_delegation(&actor("kim"), given.id).await.unwrap();
        } else {
            // it was for so long, and so long it counted
            kit.clock.advance_ms(2 * MINUTE_MS);
        }
        kit.work().await;
        let now = kit.get(asked.id).await;
        if taken_back {
            assert_eq!(now.state, State::Failed, "{now:?}");
            assert!(now.progress.problem.as_deref().unwrap().contains("does not let them"), "{now:?}");
            assert!(kit.emulator.effects().is_empty());
        } else {
            assert_eq!(now.state, State::Verified, "{now:?}");
        }
    }
}

#[tokio::test]
async fn what_is_taken_back_between_two_answers_leaves_room_for_ones_own() {
    let kit = Kit::new().await;
    let given = kit.lets("kim", "bob").await;
    let asked = kit.request("toy.hard_lock", "a").await.unwrap();
    kit.responder.vote(&through("kim", "bob", &asked)).await.unwrap();
    kit.responder.end_delegation(&actor("kim"), given.id).await.unwrap();
    let once = kit.responder.vote(&vote("eve", &asked)).await.unwrap();
    assert_eq!((once.state, once.votes.len()), (State::AwaitingApproval, 1), "one of two is missing again");
    assert_eq!(kit.recorded("containment.approve").await.after["withdrawn"], json!(["per_bob"]));
    assert_eq!(kit.responder.vote(&vote("kim", &asked)).await.unwrap().state, State::Approved);
    kit.work().await;
    assert_eq!(kit.get(asked.id).await.state, State::Verified);
}

#[tokio::test]
async fn an_answer_for_somebody_that_was_written_into_the_store_is_not_applied() {
    let kit = Kit::new().await;
    let asked = kit.request("toy.lock", "a").await.unwrap();
    let mut approved = kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    let until_ms = kit.now_ms() + MINUTE_MS;
    approved.votes[0].delegation =
        Some(VoteDelegation { from: "per_kim".to_owned(), functions: Vec::new(), until_ms });
    written(&kit, &approved).await;
    kit.work().await;
    assert_eq!(kit.get(asked.id).await.state, State::Failed);
    assert!(kit.emulator.effects().is_empty());
}

/// Every way in which an approval is none, of one's own and through another: what is stored is judged again before it is
/// applied.
#[tokio::test]
async fn approvals_forged_replayed_expired_self_granted_or_edited_after_the_fact_are_refused() {
    type Edit = fn(&mut Containment, &Containment);
    fn of(row: &mut Containment) -> &mut VoteDelegation {
        row.votes[0].delegation.as_mut().unwrap()
    }
    let own: [(&str, Edit); 7] = [
        ("forged: of another plan", |row, _| row.votes[0].plan_sha256 = "0".repeat(64)),
        ("forged: of no plan", |row, _| row.votes[0].plan_sha256 = "yes".to_owned()),
        ("replayed: of an earlier one with the same plan", |row, before| row.votes.clone_from(&before.votes)),
        ("replayed: twice for two", |row, _| {
            row.decision.people = 2;
            row.votes.push(row.votes[0].clone());
        }),
        ("expired", |row, _| row.votes[0].at_ms = row.decision.expires_at_ms),
        ("self-granted", |row, _| row.votes[0].person = "per_ann".to_owned()),
        ("edited after the fact", |row, _| row.plan["changes"][0]["after"] = "gone".into()),
    ];
    let through_another: [(&str, Edit); 5] = [
        ("forged: nobody let them", |row, _| of(row).from = "per_eve".to_owned()),
        ("forged: for longer than they were let", |row, _| of(row).until_ms += 1),
        ("expired: they were not let any more", |row, _| of(row).until_ms = row.votes[0].at_ms),
        ("self-granted: for who asked", |row, _| of(row).from = "per_ann".to_owned()),
        ("self-granted: by who asked", |row, _| row.votes[0].person = "per_ann".to_owned()),
    ];
    let all = own.into_iter().chain(through_another).enumerate();
    for (at, (name, edit)) in all {
        for by_another in [false, true] {
            if at >= own.len() && !by_another {
                continue;
            }
            let kit = Kit::new().await;
            kit.lets("kim", "bob").await;
            let answer = |asked: &Containment| {
                if by_another { through("kim", "bob", asked) } else { vote("bob", asked) }
            };
            // the same was asked for before, approved and taken back
            let before = kit.request("toy.lock", "a").await.unwrap();
            let before = kit.responder.vote(&answer(&before)).await.unwrap();
            kit.work().await;
            kit.responder.undo(&undo("kim", before.id)).await.unwrap();
            kit.work().await;
            kit.clock.advance_ms(MINUTE_MS);
            let asked = kit.request("toy.lock", "a").await.unwrap();
            assert_eq!(asked.plan_sha256, before.plan_sha256, "{name}");
            let mut approved = kit.responder.vote(&answer(&asked)).await.unwrap();
            assert_eq!(approved.state, State::Approved, "{name}");
            let effects = kit.emulator.effects();
            edit(&mut approved, &before);
            written(&kit, &approved).await;
            kit.pass(60 * MINUTE_MS).await;
            let now = kit.get(asked.id).await;
            assert_eq!(now.state, State::Failed, "{name}, by another {by_another}: {now:?}");
            assert_eq!(kit.emulator.effects(), effects, "{name}");
        }
    }
}

async fn person(kit: &Kit, name: &str, role: &str) -> Actor {
    let id = PersonId::new(&*kit.options.clock, &*kit.options.entropy);
    let person = Person {
        id,
        name: name.to_owned(),
        email: None,
        roles: vec![role.to_owned()],
        teams: vec!["payments".to_owned()],
        services: Vec::new(),
        disabled: false,
        identity: None,
        region: "default".to_owned(),
        created_at_ms: kit.now_ms(),
        updated_at_ms: kit.now_ms(),
        signed_in_at_ms: None,
        left_at_ms: None,
        version: 1,
    };
    let principal = Principal::Local { account: "root".to_owned() };
    let (clock, entropy) = (&*kit.options.clock, &*kit.options.entropy);
    let audit = model::AuditRecord::new(clock, entropy, principal, "person.join", id);
    let mut unit = kit.store.begin().await.unwrap();
    unit.people().add(&person, &audit).await.unwrap();
    unit.commit().await.unwrap();
    Actor { principal: Principal::Person { id: id.to_string(), name: name.to_owned() }, ..actor("x") }
}

async fn keep_out(kit: &Kit, who: &Actor) {
    let id: PersonId = who.key().unwrap().parse().unwrap();
    let mut unit = kit.store.begin().await.unwrap();
    let person = unit.people().get(id).await.unwrap().unwrap();
    let (clock, entropy) = (&*kit.options.clock, &*kit.options.entropy);
    let audit = model::AuditRecord::new(clock, entropy, actor("x").principal, "person.change", id);
    unit.people().replace(&Person { disabled: true, ..person }, &audit).await.unwrap();
    unit.commit().await.unwrap();
}

#[tokio::test]
async fn the_audit_log_names_both_and_functions_are_of_who_lets() {
    let kit = Kit::new().await;
    let (anna, ben) = (person(&kit, "Anna", "legal").await, person(&kit, "Ben", "responder").await);
    let (anna_id, ben_id) = (anna.key().unwrap(), ben.key().unwrap());
    let to_ben = DelegateRequest {
        actor: anna.clone(),
        to: ben_id.clone(),
        ..delegate(&kit, "kim", "bob", 60 * MINUTE_MS)
    };
    let unknown = PersonId::new(&*kit.options.clock, &*kit.options.entropy).to_string();
    let nobody = DelegateRequest { to: unknown, ..to_ben.clone() };
    assert!(matches!(kit.responder.delegate(&nobody).await, Err(RespondError::NoDelegate)));
    let given = kit.responder.delegate(&to_ben).await.unwrap();
    let told = json!({
        "from": anna_id, "from_name": "Anna", "to": ben_id, "to_name": "Ben", "until_ms": given.until_ms,
    });
    let record = kit.recorded("delegation.give").await;
    assert_eq!((record.after, record.principal.name()), (told.clone(), "Anna"));

    let quorum = BTreeSet::from(["legal".to_owned()]);
    let asked = ContainRequest { quorum, ..request("toy.lock", "a") };
    let asked = kit.responder.request(&asked).await.unwrap();
    let for_anna =
        VoteRequest { actor: ben.clone(), on_behalf_of: Some(anna_id.clone()), ..vote("bob", &asked) };
    assert_eq!(
        kit.responder.vote(&for_anna).await.unwrap().state,
        State::Approved,
        "for her, legal has said yes"
    );
    let record = kit.recorded("containment.approve").await;
    assert_eq!(record.principal.name(), "Ben");
    assert_eq!((&record.after["for"], &record.after["for_name"]), (&json!(anna_id), &json!("Anna")));

    kit.responder.end_delegation(&ben, given.id).await.unwrap();
    let record = kit.recorded("delegation.end").await;
    assert_eq!((record.before, record.principal.name()), (told, "Ben"));
    assert_eq!(record.after, Value::Null);

    // who is kept out lets nobody answer, and answers for nobody
    kit.responder.delegate(&to_ben).await.unwrap();
    keep_out(&kit, &anna).await;
    let other = kit.request("toy.lock", "b").await.unwrap();
    let for_anna = VoteRequest { actor: ben.clone(), on_behalf_of: Some(anna_id), ..vote("bob", &other) };
    kit.refuses("kept out", &for_anna, VoteRefused::NotDelegated).await;
    let back = DelegateRequest { actor: ben, to: anna.key().unwrap(), ..to_ben };
    assert!(matches!(kit.responder.delegate(&back).await, Err(RespondError::NoDelegate)));
}

/// A yes counts as long as who said it may approve.
#[tokio::test]
async fn who_is_kept_out_has_said_nothing() {
    for is_kept_out in [true, false] {
        let kit = Kit::new().await;
        let (anna, ben) = (person(&kit, "Anna", "responder").await, person(&kit, "Ben", "responder").await);
        let asked = kit.request("toy.hard_lock", "a").await.unwrap();
        kit.responder.vote(&VoteRequest { actor: anna.clone(), ..vote("bob", &asked) }).await.unwrap();
        if is_kept_out {
            keep_out(&kit, &anna).await;
        }
        let second = kit.responder.vote(&VoteRequest { actor: ben, ..vote("bob", &asked) }).await.unwrap();
        let expected = if is_kept_out { State::AwaitingApproval } else { State::Approved };
        assert_eq!(second.state, expected);
        // and not when it is applied either
        if !is_kept_out {
            keep_out(&kit, &anna).await;
            kit.work().await;
            let now = kit.get(asked.id).await;
            assert!(now.state == State::Failed && kit.emulator.effects().is_empty(), "{now:?}");
        }
    }
}

/// Of each function that the operator names, somebody says yes.
#[tokio::test]
async fn a_quorum_is_of_functions() {
    let kit = Kit::new().await;
    let named = Arc::new(Responders(setup("http://toy.example")));
    let strict = Responder::new(ResponderOptions { setup: named, ..kit.options.clone() });
    let asked = strict.request(&crate::durable::kit::request("toy.lock", "a")).await.unwrap();
    assert_eq!(asked.decision.quorum, ["legal"]);
    let first = strict.vote(&vote("bob", &asked)).await.unwrap();
    assert_eq!(first.state, State::AwaitingApproval, "one person would be enough, but of that function");
    let legal = VoteRequest { functions: ["legal".to_owned()].into(), ..vote("eve", &asked) };
    assert_eq!(strict.vote(&legal).await.unwrap().state, State::Approved);
    // what disturbs little asks nobody
    let low = strict.request(&crate::durable::kit::request("toy.low_lock", "b")).await.unwrap();
    assert!(low.decision.quorum.is_empty());
}

/// A setup in which only responders may approve, and of the lawyers one must agree to what disturbs some.
struct Responders(FixedSetup);

impl Setup for Responders {
    fn connection(&self, connector: &str) -> Option<Connection> {
        self.0.connection(connector)
    }

    fn protection(&self) -> Arc<Protection> {
        self.0.protection()
    }

    fn limit(&self, action: &str) -> Limit {
        self.0.limit(action)
    }

    fn allows_host(&self, host: &str) -> bool {
        self.0.allows_host(host)
    }

    fn quorum(&self, _: &str, impact: Impact) -> BTreeSet<String> {
        let legal = (impact == Impact::Medium).then(|| "legal".to_owned());
        legal.into_iter().collect()
    }

    fn may_approve(&self, roles: &[String]) -> bool {
        roles.iter().any(|role| role == "responder")
    }

    fn playbook(&self, id: &str, version_ms: Option<i64>) -> Option<Arc<str>> {
        self.0.playbook(id, version_ms)
    }
}

/// Who may not approve any more lets nobody answer, and what was answered for them is not applied.
#[tokio::test]
async fn it_counts_as_long_as_who_lets_may_approve() {
    let kit = Kit::new().await;
    let (anna, ben) = (person(&kit, "Anna", "legal").await, person(&kit, "Ben", "responder").await);
    let to_ben = DelegateRequest {
        actor: anna.clone(),
        to: ben.key().unwrap(),
        ..delegate(&kit, "kim", "bob", 60 * MINUTE_MS)
    };
    kit.responder.delegate(&to_ben).await.unwrap();
    let only = Arc::new(Responders(setup("http://toy.example")));
    let strict = Responder::new(ResponderOptions { setup: only, ..kit.options.clone() });
    let asked = kit.request("toy.lock", "a").await.unwrap();
    let for_anna = VoteRequest { actor: ben.clone(), on_behalf_of: anna.key(), ..vote("bob", &asked) };
    let came = strict.vote(&for_anna).await;
    assert!(matches!(came, Err(RespondError::Vote(VoteRefused::NotDelegated))), "{came:?}");
    // she may when he answers, and not when it is applied
    assert_eq!(kit.responder.vote(&for_anna).await.unwrap().state, State::Approved);
    strict.advance_all(10).await.unwrap();
    let now = kit.get(asked.id).await;
    assert!(now.state == State::Failed && kit.emulator.effects().is_empty(), "{now:?}");
    let back = DelegateRequest { actor: ben, to: anna.key().unwrap(), ..to_ben };
    assert!(matches!(strict.delegate(&back).await, Err(RespondError::NoDelegate)));
}
