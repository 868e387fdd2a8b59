//! The ways of a containment, by cases.

use super::emulator::Fault;
use super::kit::{Kit, MINUTE_MS, actor, request, undo, vote};
use model::{ContainmentId, ContainmentState as State};
use respond::RespondError;
use respond::contain::{BreakGlassRequest, Grounds, KeepRequest, SettleRequest};
use respond::decision::Decision;
use respond::plan::PlanHash;

#[tokio::test]
async fn approved_applied_verified_and_taken_back_when_its_time_is_over() {
    let kit = Kit::new().await;
    let asked = kit.request("toy.lock", "a").await.unwrap();
    assert_eq!((asked.state, asked.decision.people), (State::AwaitingApproval, 1));
    kit.work().await;
    assert!(kit.emulator.effects().is_empty(), "nothing is applied before it is approved");
    kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    kit.work().await;
    let now = kit.get(asked.id).await;
    assert_eq!((now.state, kit.emulator.is_locked("a")), (State::Verified, true));
    assert_eq!(now.revert_at_ms, Some(kit.now_ms() + 60 * MINUTE_MS));
    kit.pass(59 * MINUTE_MS).await;
    assert!(kit.emulator.is_locked("a"));
    kit.pass(2 * MINUTE_MS).await;
    let now = kit.get(asked.id).await;
    assert_eq!((now.state, kit.emulator.is_locked("a")), (State::Reverted, false));
    assert_eq!(kit.emulator.effects(), ["lock a", "open a"]);
    let states: Vec<State> = now.history.iter().map(|step| step.state).collect();
    assert_eq!(
        states,
        [
            State::Planned,
            State::AwaitingApproval,
            State::Approved,
            State::Applying,
            State::Applied,
            State::Verified,
            State::Reverting,
            State::Reverted
        ]
    );
    let trail: Vec<String> = kit.trail(asked.id).await;
    let expected = [
        "plan",
        "ask",
        "approve",
        "apply",
        "send",
        "applied",
        "verified",
        "ending",
        "revert",
        "send",
        "taken_back",
        "reverted",
    ];
    assert_eq!(trail, expected.map(|action| format!("containment.{action}")));
}

#[tokio::test]
async fn what_disturbs_little_and_is_sure_is_applied_by_itself() {
    let kit = Kit::new().await;
    let asked = kit.request("toy.low_lock", "a").await.unwrap();
    assert_eq!(asked.state, State::Approved);
    kit.work().await;
    assert_eq!(kit.get(asked.id).await.state, State::Verified);
    // a report alone never applies
    let alone =
        respond::contain::ContainRequest { grounds: Grounds::default(), ..request("toy.low_lock", "b") };
    assert_eq!(kit.responder.request(&alone).await.unwrap().state, State::AwaitingApproval);
    kit.work().await;
    assert_eq!(kit.emulator.effects(), ["lock a"]);
}

#[tokio::test]
async fn a_preview_stores_nothing_and_binds_who_has_seen_it() {
    let kit = Kit::new().await;
    let preview = kit.responder.preview(&request("toy.lock", "a")).await.unwrap();
    assert_eq!(preview.decision, Decision::Approval { people: 1 });
    assert_eq!(preview.plan.changes[0].after, "locked");
    assert!(kit.containments().await.is_empty() && kit.emulator.effects().is_empty());
    let seen = respond::contain::ContainRequest { seen: Some(preview.hash), ..request("toy.lock", "a") };
    let other = respond::contain::ContainRequest { ttl_ms: Some(120_000), ..seen.clone() };
    assert!(matches!(kit.responder.request(&other).await, Err(RespondError::OtherPlan)));
    assert_eq!(kit.responder.request(&seen).await.unwrap().plan_sha256, preview.hash.0);
}

#[tokio::test]
async fn people_take_it_back_at_any_time() {
    let kit = Kit::new().await;
    let waiting = kit.request("toy.lock", "a").await.unwrap();
    let off = kit.responder.undo(&undo("ann", waiting.id)).await.unwrap();
    assert_eq!(off.state, State::Cancelled);
    assert!(matches!(kit.responder.undo(&undo("ann", waiting.id)).await, Err(RespondError::State { .. })));

    let approved = kit.request("toy.low_lock", "a").await.unwrap();
    assert_eq!(kit.responder.undo(&undo("ann", approved.id)).await.unwrap().state, State::Cancelled);
    kit.pass(120 * MINUTE_MS).await;
    assert!(kit.emulator.effects().is_empty());

    let forever = kit.verified("toy.forever", "a").await;
    assert_eq!(forever.due_at_ms, None, "in effect until somebody takes it back");
    kit.responder.undo(&undo("kim", forever.id)).await.unwrap();
    kit.work().await;
    assert_eq!(kit.get(forever.id).await.state, State::Reverted);
    assert_eq!(kit.emulator.effects(), ["lock a", "open a"]);

    // while the answer is lost: it is taken back once it is known to be applied
    kit.emulator.fail(&[Fault::LostAfter]);
    let lost = kit.request("toy.low_lock", "b").await.unwrap();
    kit.work().await;
    assert_eq!(kit.get(lost.id).await.state, State::Applying);
    assert_eq!(kit.responder.undo(&undo("kim", lost.id)).await.unwrap().state, State::Applying);
    kit.pass(MINUTE_MS).await;
    assert_eq!(kit.get(lost.id).await.state, State::Reverted);
    assert_eq!((kit.emulator.count("lock b"), kit.emulator.count("open b")), (1, 1));
}

fn keep(who: &str, containment: ContainmentId, for_minutes: Option<u64>) -> KeepRequest {
    let for_ms = for_minutes.map(|minutes| minutes * 60_000);
    KeepRequest { actor: actor(who), containment, for_ms, reason: "it is still out there".to_owned() }
}

#[tokio::test]
async fn people_are_told_before_its_end_and_can_keep_it() {
    let kit = Kit::new().await;
    let held = kit.verified("toy.low_lock", "a").await;
    let end_ms = held.revert_at_ms.unwrap();
    let told = |trail: Vec<String>| trail.iter().filter(|said| *said == "containment.ending").count();
    kit.pass(end_ms - kit.now_ms() - 1).await;
    assert_eq!(told(kit.trail(held.id).await), 1, "once, before it ends");
    assert_eq!(kit.get(held.id).await.state, State::Verified);

    // by who asked for it for a day at most, by others for longer
    let asker = &held.requesters[0];
    for (who, minutes) in [(asker.as_str(), None), (asker.as_str(), Some(24 * 60 + 1))] {
        let refused = kit.responder.keep(&keep(who.trim_start_matches("per_"), held.id, minutes)).await;
        assert!(matches!(refused, Err(RespondError::OwnKeep)), "{minutes:?} {refused:?}");
    }
    for minutes in [0, 30 * 24 * 60 + 1] {
        let refused = kit.responder.keep(&keep("bob", held.id, Some(minutes))).await;
        assert!(matches!(refused, Err(RespondError::BadTime)), "{minutes} {refused:?}");
    }
    let kept = kit.responder.keep(&keep("bob", held.id, Some(600))).await.unwrap();
    assert_eq!(kept.revert_at_ms, Some(kit.now_ms() + 600 * MINUTE_MS));
    kit.pass(600 * MINUTE_MS - 1).await;
    assert_eq!(told(kit.trail(held.id).await), 2, "and again before the new end");
    assert_eq!(kit.get(held.id).await.state, State::Verified);

    let kept = kit.responder.keep(&keep("bob", held.id, None)).await.unwrap();
    assert_eq!((kept.revert_at_ms, kept.due_at_ms), (None, None));
    kit.pass(90 * 24 * 60 * MINUTE_MS).await;
    assert_eq!(kit.get(held.id).await.state, State::Verified, "until somebody takes it back");
    assert_eq!(kit.emulator.effects(), ["lock a"]);
    kit.responder.undo(&undo("kim", held.id)).await.unwrap();
    kit.work().await;
    assert_eq!(kit.get(held.id).await.state, State::Reverted);
    let refused = kit.responder.keep(&keep("bob", held.id, Some(60))).await;
    assert!(matches!(refused, Err(RespondError::State { .. })), "{refused:?}");
    assert!(kit.trail(held.id).await.contains(&"containment.keep".to_owned()));
}

#[tokio::test]
async fn what_is_gone_for_good_is_not_to_be_given_back() {
    let kit = Kit::new().await;
    let held = kit.verified("toy.low_lock", "a").await;
    let other = kit.verified("toy.low_lock", "b").await;
    let zap = kit.request("toy.zap", "a").await.unwrap();
    kit.verified_later(zap).await;
    let now = kit.get(held.id).await;
    assert_eq!((now.state, now.revert_at_ms), (State::Verified, None), "{now:?}");
    kit.pass(120 * MINUTE_MS).await;
    assert_eq!(kit.get(other.id).await.state, State::Reverted, "another target has its end");
    assert_eq!(kit.emulator.count("open a"), 0);
}

#[tokio::test]
async fn what_cannot_be_taken_back_takes_two_people_and_no_glass() {
    let kit = Kit::new().await;
    let zap = kit.request("toy.zap", "a").await.unwrap();
    assert_eq!(zap.decision.people, 2);
    let glass = BreakGlassRequest {
        actor: actor("bob"),
        containment: zap.id,
        plan: PlanHash(zap.plan_sha256),
        reason: "no time".to_owned(),
    };
    assert!(matches!(kit.responder.break_glass(&glass).await, Err(RespondError::GlassHolds)));
    let zap = kit.verified_later(zap).await;
    assert_eq!(zap.due_at_ms, None);
    assert!(matches!(kit.responder.undo(&undo("ann", zap.id)).await, Err(RespondError::NotReversible(_))));
}

#[tokio::test]
async fn the_glass_is_broken_with_a_reason_and_on_record() {
    let kit = Kit::new().await;
    let asked = kit.request("toy.hard_lock", "a").await.unwrap();
    assert_eq!(asked.decision.people, 2);
    let glass = |reason: &str, plan| BreakGlassRequest {
        actor: actor("bob"),
        containment: asked.id,
        plan,
        reason: reason.to_owned(),
    };
    let plan = PlanHash(asked.plan_sha256);
    assert!(matches!(kit.responder.break_glass(&glass(" ", plan)).await, Err(RespondError::Reason)));
    let other = kit.responder.break_glass(&glass("now", PlanHash([1; 32]))).await;
    assert!(matches!(other, Err(RespondError::OtherPlan)));
    let system = BreakGlassRequest { actor: respond::Actor::system(), ..glass("now", plan) };
    assert!(matches!(kit.responder.break_glass(&system).await, Err(RespondError::NoPerson)));
    let broken = kit.responder.break_glass(&glass("they are inside", plan)).await.unwrap();
    assert_eq!(broken.progress.broken_glass, Some((actor("bob").principal, "they are inside".to_owned())));
    kit.work().await;
    let now = kit.get(asked.id).await;
    assert_eq!(now.state, State::Verified);
    assert!(now.progress.broken_glass.is_some(), "it stays on the row");
    assert!(kit.trail(asked.id).await.contains(&"containment.break_glass".to_owned()));
}

#[tokio::test]
async fn lost_answers_are_looked_at_and_never_sent_twice() {
    for fault in [Fault::LostAfter, Fault::LostBefore, Fault::NotSent, Fault::Status(429), Fault::Status(500)]
    {
        let kit = Kit::new().await;
        kit.emulator.fail(&[fault]);
        let asked = kit.request("toy.low_lock", "a").await.unwrap();
        kit.pass(10 * MINUTE_MS).await;
        assert_eq!(kit.get(asked.id).await.state, State::Verified, "{fault:?}");
        // and the same when it is taken back
        kit.emulator.fail(&[fault]);
        kit.pass(120 * MINUTE_MS).await;
        assert_eq!(kit.get(asked.id).await.state, State::Reverted, "{fault:?}");
        assert_eq!(kit.emulator.effects(), ["lock a", "open a"], "{fault:?}");
    }
}

#[tokio::test]
async fn where_a_look_cannot_tell_a_person_says() {
    for happened in [true, false] {
        let kit = Kit::new().await;
        kit.emulator.fail(&[Fault::LostAfter]);
        let asked = kit.request("toy.token", "a").await.unwrap();
        kit.responder.vote(&vote("bob", &asked)).await.unwrap();
        kit.pass(30 * MINUTE_MS).await;
        let now = kit.get(asked.id).await;
        assert_eq!(now.state, State::Unknown, "{now:?}");
        assert_eq!(kit.emulator.effects(), ["token a"], "it is not made a second time");
        let sent = kit.trail(asked.id).await.iter().filter(|said| *said == "containment.send").count();
        assert_eq!(sent, 1, "nor does the record say so");
        // nobody says: people are reminded, nothing is sent
        kit.pass(24 * 60 * MINUTE_MS).await;
        let now = kit.get(asked.id).await;
        assert_eq!(now.state, State::Unknown);
        assert!(now.progress.reminders >= 3, "{now:?}");
        if happened {
            kit.pass(60 * 24 * 60 * MINUTE_MS).await;
            let history = kit.get(asked.id).await.history;
            assert_eq!(history.len(), respond::contain::step::HISTORY_MAX);
            assert_eq!(history[0].state, State::Planned);
        }
        assert_eq!(kit.emulator.effects(), ["token a"]);
        let settle = SettleRequest {
            actor: actor("bob"),
            containment: asked.id,
            happened,
            reason: "I looked".to_owned(),
        };
        // its time was over meanwhile: the question is whether it is taken back by now
        let settled = kit.responder.settle(&settle).await.unwrap();
        let expected = if happened { State::Reverted } else { State::Reverting };
        assert_eq!(settled.state, expected, "{settled:?}");
        assert!(matches!(kit.responder.settle(&settle).await, Err(RespondError::State { .. })));
    }
}

#[tokio::test]
async fn what_does_not_take_effect_is_taken_back_and_has_failed() {
    let kit = Kit::new().await;
    kit.emulator.with(|state| state.lies = true);
    let asked = kit.request("toy.low_lock", "a").await.unwrap();
    kit.pass(60 * MINUTE_MS).await;
    let now = kit.get(asked.id).await;
    assert_eq!(now.state, State::Failed, "{now:?}");
    assert_eq!(kit.emulator.effects(), ["lock a", "open a"]);
}

#[tokio::test]
async fn a_side_that_stays_away_ends_in_a_bounded_time() {
    let kit = Kit::new().await;
    let asked = kit.request("toy.low_lock", "a").await.unwrap();
    kit.emulator.with(|state| state.look_faults = vec![Fault::NotSent; 100].into());
    kit.pass(60 * MINUTE_MS).await;
    assert_eq!(kit.get(asked.id).await.state, State::Failed);
    assert!(kit.emulator.effects().is_empty());

    // in effect, and then nobody answers: a person is asked, and it is tried again until it is taken back
    let kit = Kit::new().await;
    let held = kit.verified("toy.low_lock", "a").await;
    kit.emulator.fail(&[Fault::NotSent; 40]);
    kit.pass(5 * 60 * MINUTE_MS).await;
    assert_eq!(kit.get(held.id).await.state, State::Unknown);
    kit.pass(10 * 24 * 60 * MINUTE_MS).await;
    assert_eq!(kit.get(held.id).await.state, State::Reverted);
    assert_eq!(kit.emulator.effects(), ["lock a", "open a"]);
}

#[tokio::test]
async fn what_others_changed_meanwhile_is_not_ours_to_take_back() {
    let kit = Kit::new().await;
    let asked = kit.request("toy.lock", "a").await.unwrap();
    kit.emulator.answer("PUT", "/things/a", r#"{"state":"locked"}"#);
    kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    kit.pass(120 * MINUTE_MS).await;
    assert_eq!(kit.get(asked.id).await.state, State::Failed);
    assert_eq!(kit.emulator.effects(), ["lock a"], "the other one's, and not undone by us");
}

impl Kit {
    /// Approved by whoever it takes, applied and verified.
    async fn verified_later(&self, asked: model::Containment) -> model::Containment {
        for who in ["bob", "eve"] {
            self.responder.vote(&vote(who, &asked)).await.unwrap();
        }
        self.work().await;
        let now = self.get(asked.id).await;
        assert_eq!(now.state, State::Verified, "{now:?}");
        now
    }
}
