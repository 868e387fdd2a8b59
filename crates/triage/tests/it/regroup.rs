//! People's merges and splits, taken back; and what machines do meanwhile.

use crate::world::{World, finding};
use huecry_triage::{Actor, DecisionError, Error, RegroupLimits, Regrouped};
use model::{Finding, FindingId, IncidentId, Principal, Severity, Visibility};
use ports::store::{IncidentEdit, LinkKind};
use ports::{Store, StoreError};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn ana() -> Actor {
    let principal = Principal::Token { id: "tok_1".to_owned(), name: "ana".to_owned() };
    Actor { principal, reason: None, origin: None, request_id: None }
}

async fn merge(world: &World, from: IncidentId, into: IncidentId) -> Result<Regrouped, Error> {
    let version = world.incident(from).await.version;
    let mut unit = world.store.begin().await?;
    let merged = world.desk.merge_in(&mut *unit, &ana(), (from, version), into).await?;
    unit.commit().await?;
    Ok(merged)
}

async fn unmerge(world: &World, id: IncidentId) -> Result<Regrouped, Error> {
    let mut unit = world.store.begin().await?;
    let back = world.desk.unmerge_in(&mut *unit, &ana(), id, None).await?;
    unit.commit().await?;
    Ok(back)
}

async fn split(world: &World, from: IncidentId, ids: &[FindingId]) -> Result<Regrouped, Error> {
    let mut unit = world.store.begin().await?;
    let split = world.desk.split_in(&mut *unit, &ana(), (from, None), (ids, None)).await?;
    unit.commit().await?;
    Ok(split)
}

fn rows() -> impl Strategy<Value = Vec<(u8, i64, u64, usize)>> {
    proptest::collection::vec((0..3u8, 0..900i64, 0..5u64, 0..5usize), 4..24)
}

fn made(rows: &[(u8, i64, u64, usize)], first: u64) -> Vec<Finding> {
    let one = |(number, &(who, time_ms, rule, severity)): (u64, &(u8, i64, u64, usize))| {
        finding(number, ["root", "eve", "ci"][usize::from(who)], time_ms, rule, Severity::ALL[severity])
    };
    (first..).zip(rows).map(one).collect()
}

/// What was done, to be taken back.
#[derive(Debug)]
enum Done {
    Merged(IncidentId),
    Split { new: IncidentId, from: IncidentId },
}

/// Merges or splits something of what is there; what cannot be done is not done.
async fn act(world: &World, (what, which, mask): (bool, usize, u16)) -> Option<Done> {
    let incidents = world.incidents().await;
    let one = incidents.get(which % incidents.len())?;
    if what {
        let other = incidents.get((which / 7) % incidents.len()).filter(|other| other.id != one.id)?;
        merge(world, one.id, other.id).await.unwrap();
        return Some(Done::Merged(one.id));
    }
    let all: Vec<_> = world.findings_of(one.id).await.into_iter().collect();
    let chosen = all.iter().enumerate().filter(|(at, _)| mask >> (at % 16) & 1 == 1).map(|(_, id)| *id);
    let chosen: Vec<_> = chosen.collect();
    match split(world, one.id, &chosen).await {
        Ok(split) => Some(Done::Split { new: split.other.id, from: one.id }),
        Err(Error::Decision(DecisionError::SplitSize { .. })) => None,
        Err(error) => panic!("{error:?}"),
    }
}

async fn take_back(world: &World, done: Done) {
    match done {
        Done::Merged(id) => unmerge(world, id).await.unwrap(),
        Done::Split { new, from } => merge(world, new, from).await.unwrap(),
    };
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Any sequence of merges and splits, taken back in reverse, leaves every incident as it was, down to what
    /// machines made of its findings. On the way no finding is lost or in two incidents.
    #[test]
    fn what_is_taken_back_leaves_what_was_there(
        rows in rows(),
        actions in proptest::collection::vec((any::<bool>(), any::<usize>(), any::<u16>()), 1..10),
    ) {
        run(async {
            let world = World::new().await;
            world.triage(&made(&rows, 0)).await;
            let before = world.outcome().await;
            let mut done = Vec::new();
            for action in actions {
                done.extend(act(&world, action).await);
                let there: usize = world.outcome().await.keys().map(|run| run.len()).sum();
                assert_eq!(there, rows.len());
            }
            while let Some(last) = done.pop() {
                take_back(&world, last).await;
            }
            assert_eq!(world.outcome().await, before);
        });
    }

    /// Whatever findings come later: what people put together or apart stays where they put it.
    #[test]
    fn machines_never_undo_what_people_grouped(
        (rows, later) in (rows(), rows()),
        actions in proptest::collection::vec((any::<bool>(), any::<usize>(), any::<u16>()), 1..6),
    ) {
        run(async {
            let world = World::new().await;
            world.triage(&made(&rows, 0)).await;
            for action in actions {
                act(&world, action).await;
            }
            let mut placed = BTreeMap::new();
            for incident in world.incidents().await.iter().filter(|incident| incident.version > 1) {
                for id in world.findings_of(incident.id).await {
                    placed.insert(id, incident.id);
                }
            }
            world.triage(&made(&later, 1_000)).await;
            world.outcome().await;
            let mut view = world.store.read().await.unwrap();
            for (id, incident) in placed {
                assert_eq!(view.findings().incident_of(id).await.unwrap(), Some(incident));
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever is merged, by people or machines, and however much comes afterwards, can be taken back; and what is taken
    /// back leaves each finding in one incident, whose number, times and severity are those of its findings.
    #[test]
    fn what_was_merged_can_be_taken_back_however_much_came_since(
        (rows, later) in (rows(), proptest::collection::vec((0..3u8, 0..900i64, 0..5u64, 0..5usize), 0..40)),
        merges in proptest::collection::vec((any::<usize>(), any::<usize>()), 1..8),
    ) {
        run(async {
            let limits = RegroupLimits { merged_findings_max: 6, read_findings_max: 3 };
            let world = World::new().await.with_limits(limits);
            world.triage(&made(&rows, 0)).await;
            let mut merged = Vec::new();
            for (one, other) in merges {
                let incidents = world.incidents().await;
                let (one, other) = (&incidents[one % incidents.len()], &incidents[other % incidents.len()]);
                match merge(&world, one.id, other.id).await {
                    Ok(_) => merged.push(one.id),
                    Err(Error::Decision(DecisionError::SameIncident)) => {}
                    Err(Error::Decision(DecisionError::TooManyFindings { findings_max: 6 })) => {
                        assert!(one.findings > 6);
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
            world.triage(&made(&later, 1_000)).await;
            while let Some(id) = merged.pop() {
                unmerge(&world, id).await.unwrap();
                let mut there = 0;
                for incident in world.incidents().await {
                    let findings = world.whole_findings_of(incident.id).await;
                    there += findings.len();
                    assert_eq!(incident.findings, findings.len() as u64);
                    let Some(gravest) = findings.iter().map(|finding| finding.severity).max() else { continue };
                    let times = findings.iter().map(|finding| finding.time_ms);
                    assert_eq!(Some(incident.first_seen_ms), times.clone().min());
                    assert_eq!(Some(incident.last_seen_ms), times.max());
                    assert!(incident.machine_severity >= gravest);
                }
                assert_eq!(there, rows.len() + later.len());
            }
        });
    }
}

async fn two(world: &World) -> [IncidentId; 2] {
    world.triage(&[finding(1, "root", 0, 1, Severity::High), finding(2, "eve", 0, 2, Severity::Low)]).await;
    let incidents = world.incidents().await;
    let of = |name: &str| incidents.iter().find(|i| i.group.value == name).unwrap().id;
    [of("root"), of("eve")]
}

#[tokio::test]
async fn later_findings_of_a_merged_incident_go_to_its_survivor() {
    let world = World::new().await;
    let [root, eve] = two(&world).await;
    let merged = merge(&world, root, eve).await.unwrap();
    assert_eq!((merged.incident.merged_into, merged.other.findings, merged.findings), (Some(eve), 2, 1));
    assert_eq!(merged.other.machine_severity, Severity::High);
    // both groups in one batch
    world
        .triage(&[
            finding(3, "root", 20, 3, Severity::Critical),
            finding(4, "eve", 30, 2, Severity::Low),
            finding(5, "ci", 30, 2, Severity::Low),
        ])
        .await;
    let survivor = world.incident(eve).await;
    assert_eq!((survivor.findings, survivor.title.as_str()), (4, "Rule 3: eve"));
    assert_eq!(world.incidents().await.len(), 2);
    // far away in time it is another case, as ever
    world.triage(&[finding(6, "root", 5_000, 1, Severity::Low)]).await;
    assert_eq!(world.incidents().await.len(), 3);

    let back = unmerge(&world, root).await.unwrap();
    assert_eq!((back.incident.findings, back.other.findings), (2, 2), "with what came since");
    assert_eq!(back.incident.title, "Rule 3: root");
    assert_eq!(back.other.title, "Rule 2: eve");
}

#[tokio::test]
async fn a_machines_merge_is_taken_back_and_not_made_again() {
    let world = World::new().await;
    world
        .triage(&[finding(1, "root", 0, 1, Severity::High), finding(2, "root", 160, 1, Severity::Low)])
        .await;
    let late = world.incidents().await.into_iter().max_by_key(|i| i.first_seen_ms).unwrap().id;
    world.triage(&[finding(3, "root", 80, 1, Severity::Low)]).await;
    assert_eq!(world.incidents().await.len(), 1);
    let back = unmerge(&world, late).await.unwrap();
    assert_eq!((back.incident.findings, back.other.findings), (1, 2));
    world.triage(&[finding(4, "root", 90, 1, Severity::Low)]).await;
    let incidents = world.incidents().await;
    assert_eq!(incidents.iter().map(|i| i.findings).sum::<u64>(), 4);
    assert_eq!(incidents.len(), 2, "people said that they are two");
}

#[tokio::test]
async fn what_is_not_possible_is_said_and_changes_nothing() {
    let world = World::new().await;
    let [root, eve] = two(&world).await;
    let before = world.outcome().await;
    let decision = |error: &Result<Regrouped, Error>| match error {
        Err(Error::Decision(error)) => error.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(decision(&merge(&world, root, root).await), DecisionError::SameIncident);
    assert_eq!(decision(&unmerge(&world, root).await), DecisionError::NotMerged);
    let only: Vec<_> = world.findings_of(root).await.into_iter().collect();
    assert!(matches!(decision(&split(&world, root, &only).await), DecisionError::SplitSize { .. }));
    assert!(matches!(decision(&split(&world, root, &[]).await), DecisionError::SplitSize { .. }));
    let mut unit = world.store.begin().await.unwrap();
    let stale = world.desk.merge_in(&mut *unit, &ana(), (root, 7), eve).await;
    assert!(matches!(stale, Err(Error::Store(StoreError::Conflict { current: 1 }))), "{stale:?}");
    let linked = world.desk.link_in(&mut *unit, &ana(), (root, root), LinkKind::Related).await;
    assert!(matches!(linked, Err(Error::Decision(DecisionError::SameIncident))), "{linked:?}");
    drop(unit);
    assert_eq!(world.outcome().await, before);
    merge(&world, root, eve).await.unwrap();
    assert_eq!(decision(&merge(&world, eve, root).await), DecisionError::Merged { into: eve });
    assert_eq!(decision(&merge(&world, root, eve).await), DecisionError::Merged { into: eve });
}

async fn restrict(world: &World, id: IncidentId) {
    let version = world.incident(id).await.version;
    let principal = Principal::Local { account: "test".into() };
    let audit = model::AuditRecord::new(&*world.clock, &*world.entropy, principal, "incident.visibility", id);
    let mut unit = world.store.begin().await.unwrap();
    unit.incidents().set_visibility(id, version, Visibility::Restricted, 1, &audit).await.unwrap();
    unit.commit().await.unwrap();
}

#[tokio::test]
async fn what_few_may_see_is_not_shown_by_regrouping() {
    let world = World::new().await;
    let rows = [("root", 1), ("root", 2), ("root", 3), ("eve", 4)];
    let findings: Vec<_> =
        (0..).zip(rows).map(|(n, (who, rule))| finding(n, who, 10, rule, Severity::High)).collect();
    world.triage(&findings).await;
    let incidents = world.incidents().await;
    let of = |count| incidents.iter().find(|incident| incident.findings == count).unwrap().id;
    let (secret, open) = (of(3), of(1));
    let mine = IncidentEdit { assignee: Some(Some("ana".to_owned())), ..IncidentEdit::default() };
    world.edit(secret, mine).await;
    restrict(&world, secret).await;
    for (from, into) in [(secret, open), (open, secret)] {
        let refused = merge(&world, from, into).await;
        assert!(matches!(refused, Err(Error::Decision(DecisionError::OtherVisibility))), "{refused:?}");
    }
    let split = split(&world, secret, &[findings[0].id]).await.unwrap().other;
    assert_eq!((split.visibility, split.assignee.as_deref()), (Visibility::Restricted, Some("ana")));
    assert_eq!(world.incident(split.id).await.visibility, Visibility::Restricted, "as it is stored, too");
    merge(&world, split.id, secret).await.unwrap();
}
