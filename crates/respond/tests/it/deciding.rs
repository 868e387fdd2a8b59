//! The decision table, held against its promises row by row; approvals, attacked; windows.

use respond::approval::{Delegation, Request, Standing, Vote, VoteRefused, Voter};
use respond::decision::{Confidence, Decision, ReporterTier, Signal, decide, page, questions};
use respond::impact::{Impact, Reversibility};
use respond::plan::PlanHash;
use respond::window::Limit;
use std::collections::BTreeSet;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/decisions.md");

#[test]
fn the_table_keeps_its_promises() {
    let mut seen = 0;
    for question in questions() {
        seen += 1;
        match decide(&question) {
            Decision::Automatic => {
                assert_eq!(question.impact, Impact::Low, "{question:?}");
                assert_eq!(question.confidence, Confidence::High, "{question:?}");
                assert_eq!(question.signal, Signal::Corroborated, "{question:?}");
                assert_ne!(question.reversibility, Reversibility::Irreversible, "{question:?}");
                assert!(
                    question.has_ttl || question.reversibility == Reversibility::Compensable,
                    "{question:?}"
                );
                assert_ne!(question.reporter, ReporterTier::Watched, "{question:?}");
            }
            Decision::Approval { people } => {
                let grave =
                    question.impact == Impact::High || question.reversibility == Reversibility::Irreversible;
                assert_eq!(people, if grave { 2 } else { 1 }, "{question:?}");
            }
        }
        // what is less sure is never decided more easily
        for weaker in [
            respond::decision::Question { confidence: Confidence::Low, ..question },
            respond::decision::Question { signal: Signal::ReportAlone, ..question },
            respond::decision::Question { impact: Impact::High, ..question },
            respond::decision::Question { reversibility: Reversibility::Irreversible, ..question },
        ] {
            assert!(decide(&weaker) >= decide(&question), "{question:?}");
        }
    }
    assert_eq!(seen, 3 * 3 * 3 * 3 * 2 * 4);
}

#[test]
fn the_page_is_the_table() {
    let page = page();
    if std::env::var_os("HUECRY_BLESS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let kept = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        kept == page,
        "docs/reference/decisions.md is stale: HUECRY_BLESS=1 cargo nextest run -p huecry-respond page"
    );
}

const PLAN: PlanHash = PlanHash([7; 32]);

fn request(people: u8, quorum: &[&str]) -> Request {
    Request {
        plan: PLAN,
        requesters: BTreeSet::from(["ann".to_owned()]),
        people,
        quorum: quorum.iter().map(|function| (*function).to_owned()).collect(),
        asked_at_ms: 0,
        expires_at_ms: 1_000,
    }
}

fn voter(person: &str, functions: &[&str]) -> Voter {
    Voter { person: person.to_owned(), functions: functions.iter().map(|f| (*f).to_owned()).collect() }
}

fn vote(person: &str, functions: &[&str]) -> Vote {
    Vote { voter: voter(person, functions), plan: PLAN, approves: true, at_ms: 10, delegation: None }
}

/// Lets votes in one after the other; what came of each, and where the request stands then.
fn answered(request: &Request, votes: &[Vote], now_ms: i64) -> (Vec<Option<VoteRefused>>, Standing) {
    request.check().unwrap();
    let (mut counted, mut outcomes) = (Vec::new(), Vec::new());
    for vote in votes {
        let outcome = request.admit(&counted, vote);
        outcomes.push(outcome.err());
        if outcome.is_ok() {
            counted.push(vote.clone());
        }
    }
    (outcomes, request.standing(&counted, now_ms))
}

#[test]
fn one_and_two_people() {
    assert_eq!(answered(&request(1, &[]), &[vote("bob", &[])], 10), (vec![None], Standing::Approved));
    let waiting = Standing::Waiting { people: 1, functions: BTreeSet::new() };
    assert_eq!(answered(&request(2, &[]), &[vote("bob", &[])], 10), (vec![None], waiting));
    let both = [vote("bob", &[]), vote("eve", &[])];
    assert_eq!(answered(&request(2, &[]), &both, 10), (vec![None, None], Standing::Approved));
    let no = Vote { approves: false, ..vote("eve", &[]) };
    assert_eq!(answered(&request(2, &[]), &[vote("bob", &[]), no], 10).1, Standing::Denied);
}

#[test]
fn silence_denies() {
    assert_eq!(
        request(1, &[]).standing(&[], 999),
        Standing::Waiting { people: 1, functions: BTreeSet::new() }
    );
    assert_eq!(request(1, &[]).standing(&[], 1_000), Standing::Denied);
    // an approval that came in time stays one
    assert_eq!(request(1, &[]).standing(&[vote("bob", &[])], 2_000), Standing::Approved);
}

#[test]
fn attacks_on_approvals() {
    let refused = |request: &Request, votes: &[Vote]| answered(request, votes, 10).0.pop().unwrap();
    let one = request(1, &[]);
    assert_eq!(refused(&one, &[vote("ann", &[])]), Some(VoteRefused::OwnRequest));
    let other = Vote { plan: PlanHash([8; 32]), ..vote("bob", &[]) };
    assert_eq!(refused(&one, &[other]), Some(VoteRefused::OtherPlan));
    let late = Vote { at_ms: 1_000, ..vote("bob", &[]) };
    assert_eq!(refused(&one, &[late]), Some(VoteRefused::Expired));
    let early = Vote { at_ms: -1, ..vote("bob", &[]) };
    assert_eq!(refused(&one, &[early]), Some(VoteRefused::Expired));
    assert_eq!(refused(&request(2, &[]), &[vote("bob", &[]), vote("bob", &[])]), Some(VoteRefused::Twice));
    assert_eq!(refused(&one, &[vote("bob", &[]), vote("eve", &[])]), Some(VoteRefused::Decided));
    let no = Vote { approves: false, ..vote("bob", &[]) };
    assert_eq!(refused(&request(2, &[]), &[no, vote("eve", &[])]), Some(VoteRefused::Decided));
}

#[test]
fn a_quorum_is_of_functions() {
    let request = request(2, &["security_lead"]);
    let two = [vote("bob", &["responder"]), vote("eve", &["responder"])];
    let missing = Standing::Waiting { people: 0, functions: BTreeSet::from(["security_lead".to_owned()]) };
    assert_eq!(answered(&request, &two, 10).1, missing);
    let three = [vote("bob", &[]), vote("eve", &[]), vote("kim", &["security_lead"])];
    assert_eq!(answered(&request, &three, 10).1, Standing::Approved);
}

#[test]
fn who_votes_for_another_has_one_vote() {
    let delegated = |from: &str, to: &str, by: &str, until_ms| Vote {
        delegation: Some(Delegation { from: voter(from, &["security_lead"]), to: to.to_owned(), until_ms }),
        ..vote(by, &[])
    };
    let request = request(2, &["security_lead"]);
    let good = [delegated("kim", "bob", "bob", 100), vote("eve", &[])];
    assert_eq!(answered(&request, &good, 10).1, Standing::Approved);
    for (votes, expected) in [
        // for oneself and for another
        (vec![vote("bob", &[]), delegated("kim", "bob", "bob", 100)], VoteRefused::Twice),
        // who has answered through another answers again
        (vec![delegated("kim", "bob", "bob", 100), vote("kim", &[])], VoteRefused::Twice),
        (vec![delegated("kim", "bob", "eve", 100)], VoteRefused::NotDelegated),
        (vec![delegated("kim", "bob", "bob", 10)], VoteRefused::NotDelegated),
        // who asked, through another
        (vec![delegated("ann", "bob", "bob", 100)], VoteRefused::OwnRequest),
        (vec![delegated("kim", "ann", "ann", 100)], VoteRefused::OwnRequest),
    ] {
        assert_eq!(answered(&request, &votes, 10).0.pop().unwrap(), Some(expected), "{votes:?}");
    }
}

#[test]
fn requests_are_bounded() {
    for bad in [
        Request { people: 0, ..request(1, &[]) },
        Request { people: 6, ..request(1, &[]) },
        Request { expires_at_ms: 0, ..request(1, &[]) },
        Request { expires_at_ms: i64::MAX, ..request(1, &[]) },
        Request { requesters: BTreeSet::new(), ..request(1, &[]) },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}

#[test]
fn a_window_counts_targets() {
    let limit = Limit { targets_max: 2, window_ms: 100 };
    let past = [(0, "a"), (60, "b"), (90, "b"), (95, "c")];
    assert!(limit.admit(past, "b", 100).is_ok());
    assert!(limit.admit(past, "d", 100).is_err());
    assert!(limit.admit(past, "d", 191).is_ok());
    assert!(Limit { targets_max: 0, ..limit }.admit([], "a", 0).is_err());
}
