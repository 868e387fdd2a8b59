//! Machines and people on the same incident.

use super::audit::comment;
use super::bench::{Bench, actor, group, update_of};
use crate::store::{IncidentEdit, IncidentFilter, MachineUpdate, Store, StoreError};
use model::{AuditId, Incident, IncidentId, Membership, Ownership, Severity, Status, Verdict};

/// Whatever is given, a new incident is new, at version 1, and nobody's.
pub async fn a_new_incident_has_no_decisions(store: &dyn Store) {
    let bench = Bench::new(10);
    let finding = bench.finding(1, "root", 5, Severity::High);
    let plain = bench.incident(&finding);
    let decided = Incident {
        status: Status::Closed,
        severity_override: Some(Severity::Low),
        assignee: Some("ana".to_owned()),
        verdict: Some(Verdict::Benign),
        version: 9,
        ..plain.clone()
    };
    let mut unit = store.begin().await.unwrap();
    unit.incidents().open(&decided, &finding.entities, &bench.audit(decided.id)).await.unwrap();
    assert_eq!(unit.incidents().get(plain.id).await.unwrap(), Some(plain.clone()));
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let taken = unit.incidents().open(&plain, &[], &bench.audit(plain.id)).await.unwrap_err();
    assert!(matches!(taken, StoreError::Exists { .. }), "{taken:?}");
}

/// Of two edits made on the same version, the second is refused with the version that it should have known.
pub async fn stale_edits_are_refused(store: &dyn Store) {
    let bench = Bench::new(11);
    let incident = bench.opened(store, 1, "root").await;
    let edit = |name: &str| IncidentEdit { assignee: Some(Some(name.to_owned())), ..IncidentEdit::default() };
    let mut unit = store.begin().await.unwrap();
    let edited =
        unit.incidents().edit(incident.id, 1, &edit("ana"), 10, &bench.audit(incident.id)).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!((edited.version, edited.assignee.as_deref()), (2, Some("ana")));

    let mut unit = store.begin().await.unwrap();
    let stale = unit.incidents().edit(incident.id, 1, &edit("bob"), 11, &bench.audit(incident.id)).await;
    assert!(matches!(stale, Err(StoreError::Conflict { current: 2 })), "{stale:?}");
    drop(unit);
    let mut unit = store.begin().await.unwrap();
    let nobody = IncidentId::new(&bench.clock, &bench.entropy);
    let missing = unit.incidents().edit(nobody, 1, &edit("bob"), 11, &bench.audit(nobody)).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })), "{missing:?}");
    drop(unit);
    let mut view = store.read().await.unwrap();
    assert_eq!(view.incidents().get(incident.id).await.unwrap(), Some(edited));
}

/// Property: in any order of edits and observations, each side's fields are what that side wrote last.
pub async fn machines_never_overwrite_people(store: &dyn Store) {
    for seed in 0..8 {
        let bench = Bench::new(100 + seed);
        let mut expected = bench.opened(store, 1_000 + seed, "root").await;
        for step in 0..25 {
            let mut unit = store.begin().await.unwrap();
            let at_ms = expected.updated_at_ms + 1;
            if bench.below(2) == 0 {
                let update = random_update(&bench, &expected, at_ms, step);
                unit.incidents().observe(std::slice::from_ref(&update)).await.unwrap();
                apply_update(&mut expected, update);
            } else {
                let edit = random_edit(&bench);
                let audit = bench.audit(expected.id);
                let edited = unit.incidents().edit(expected.id, expected.version, &edit, at_ms, &audit).await;
                apply_edit(&mut expected, edit, at_ms);
                assert_eq!(edited.unwrap(), expected, "seed {seed}, step {step}");
            }
            unit.commit().await.unwrap();
            let stored = store.read().await.unwrap().incidents().get(expected.id).await.unwrap();
            assert_eq!(stored.as_ref(), Some(&expected), "seed {seed}, step {step}");
        }
    }
}

fn random_update(bench: &Bench, incident: &Incident, at_ms: i64, step: u64) -> MachineUpdate {
    MachineUpdate {
        title: format!("title {}", bench.below(9)),
        machine_severity: bench.one_of(&Severity::ALL),
        last_seen_ms: incident.last_seen_ms + bench.below(9) as i64,
        findings: incident.findings + bench.below(3),
        rules: vec![format!("r{step}")],
        ownership: Ownership {
            owner: bench.one_of(&[None, Some("@acme/web"), Some("@acme/ops")]).map(str::to_owned),
            criticality: bench.one_of(&[None, Some("high")]).map(str::to_owned),
            ..Ownership::default()
        },
        owned_by: bench.one_of(&[None, Some(incident.gravest)]),
        entities: vec![actor("root"), actor("eve")],
        updated_at_ms: at_ms,
        ..update_of(incident)
    }
}

fn apply_update(incident: &mut Incident, update: MachineUpdate) {
    incident.title = update.title;
    incident.machine_severity = update.machine_severity;
    incident.last_seen_ms = update.last_seen_ms;
    incident.findings = update.findings;
    incident.rules = update.rules;
    incident.ownership = update.ownership;
    incident.owned_by = update.owned_by;
    incident.updated_at_ms = update.updated_at_ms;
}

fn random_edit(bench: &Bench) -> IncidentEdit {
    IncidentEdit {
        status: bench.one_of(&[None, Some(Status::InProgress), Some(Status::OnHold), Some(Status::Closed)]),
        assignee: bench
            .one_of(&[None, Some(None), Some(Some("ana")), Some(Some("bob"))])
            .map(|a| a.map(str::to_owned)),
        severity_override: bench.one_of(&[None, Some(None), Some(Some(Severity::Critical))]),
        verdict: bench.one_of(&[None, Some(None), Some(Some(Verdict::Duplicate))]),
    }
}

fn apply_edit(incident: &mut Incident, edit: IncidentEdit, at_ms: i64) {
    incident.status = edit.status.unwrap_or(incident.status);
    if let Some(assignee) = edit.assignee {
        incident.assignee = assignee;
    }
    incident.severity_override = edit.severity_override.unwrap_or(incident.severity_override);
    incident.verdict = edit.verdict.unwrap_or(incident.verdict);
    incident.version += 1;
    incident.updated_at_ms = at_ms;
}

/// A finding whose id is known changes nothing, neither itself nor where it belongs.
pub async fn findings_are_stored_once(store: &dyn Store) {
    let bench = Bench::new(12);
    let one = bench.opened(store, 1, "root").await;
    let two = bench.opened(store, 2, "eve").await;
    let known = bench.finding(1, "root", bench_time(&one), Severity::Medium);
    let mut altered = known.clone();
    altered.rule_title = "other".to_owned();
    let fresh = bench.finding(3, "root", 77, Severity::Low);
    let mut unit = store.begin().await.unwrap();
    let stored =
        unit.findings().insert(&[(&altered, two.id), (&fresh, two.id), (&fresh, one.id)]).await.unwrap();
    assert_eq!(stored, [Membership { incident: two.id, finding: fresh.id }]);
    unit.commit().await.unwrap();

    let mut view = store.read().await.unwrap();
    assert_eq!(view.findings().get(known.id).await.unwrap(), Some(known.clone()));
    assert_eq!(view.findings().incident_of(known.id).await.unwrap(), Some(one.id));
    assert_eq!(view.findings().incident_of(fresh.id).await.unwrap(), Some(two.id));
    assert_eq!(view.findings().count().await.unwrap(), 3);
    let unknown = bench.finding(99, "root", 5, Severity::Low).id;
    let ids = view.findings().known(&[known.id, fresh.id, unknown]).await.unwrap();
    assert_eq!(ids, [known.id, fresh.id].into());
    drop(view);

    let mut unit = store.begin().await.unwrap();
    let nowhere = IncidentId::new(&bench.clock, &bench.entropy);
    let homeless = bench.finding(98, "root", 5, Severity::Low);
    let refused = unit.findings().insert(&[(&homeless, nowhere)]).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotFound { .. }), "{refused:?}");
}

fn bench_time(incident: &Incident) -> i64 {
    incident.first_seen_ms
}

/// Findings may join only what is open and not merged; the latest of the group is known whatever it is.
pub async fn closed_or_merged_incidents_are_not_open(store: &dyn Store) {
    let bench = Bench::new(13);
    let [open, closed, merged] = [
        bench.opened(store, 1, "root").await,
        bench.opened(store, 2, "root").await,
        bench.opened(store, 3, "root").await,
    ];
    bench.opened(store, 4, "eve").await;
    let close = IncidentEdit { status: Some(Status::Closed), ..IncidentEdit::default() };
    let mut unit = store.begin().await.unwrap();
    unit.incidents().edit(closed.id, 1, &close, 10, &bench.audit(closed.id)).await.unwrap();
    unit.incidents().merge(merged.id, open.id, 10, &bench.audit(merged.id)).await.unwrap();
    let later = MachineUpdate { last_seen_ms: closed.last_seen_ms + 9, ..update_of(&closed) };
    let owned = MachineUpdate { owned_by: Some(open.gravest), ..update_of(&open) };
    unit.incidents().observe(&[later, owned]).await.unwrap();
    unit.commit().await.unwrap();

    let mut view = store.read().await.unwrap();
    let found = view.incidents().open_in_groups(&[group("root"), group("nobody")]).await.unwrap();
    assert_eq!(found.iter().map(|o| o.incident.id).collect::<Vec<_>>(), [open.id]);
    assert!(!found[0].touched_by_people);
    assert_eq!(found[0].group(), group("root"));
    let mut both: Vec<_> = view.incidents().open_in_groups(&[group("eve"), group("root")]).await.unwrap();
    both.sort_by_key(|found| found.group());
    assert_eq!(both.iter().map(|o| o.group()).collect::<Vec<_>>(), [group("eve"), group("root")]);
    assert_eq!(view.incidents().open_in_groups(&[]).await.unwrap(), []);
    assert_eq!((found[0].gravest_severity, found[0].gravest_time_ms), (Severity::Medium, open.first_seen_ms));
    assert_eq!(found[0].owned_rank, Some((Severity::Medium, open.first_seen_ms)));
    assert!(both[0].owned_rank.is_none(), "nobody's");
    assert_eq!(view.incidents().latest_in_group(&group("root")).await.unwrap(), Some(closed.id));
    assert_eq!(view.incidents().latest_in_group(&group("nobody")).await.unwrap(), None);
    let counts = view.incidents().count_by_status().await.unwrap();
    assert_eq!(counts, [(Status::New, 2), (Status::Closed, 1)]);
}

/// A merge takes the findings along and hides the merged one; what people worked on is never merged.
pub async fn merges_move_findings_unless_people_worked_on_them(store: &dyn Store) {
    let bench = Bench::new(14);
    let into = bench.opened(store, 1, "root").await;
    let from = bench.opened(store, 2, "root").await;
    let edited = bench.opened(store, 3, "root").await;
    let commented = bench.opened(store, 4, "root").await;
    let mut unit = store.begin().await.unwrap();
    let assign = IncidentEdit { assignee: Some(Some("ana".to_owned())), ..IncidentEdit::default() };
    unit.incidents().edit(edited.id, 1, &assign, 10, &bench.audit(edited.id)).await.unwrap();
    unit.comments().add(&comment(&bench, &commented), &bench.audit(commented.id)).await.unwrap();
    unit.commit().await.unwrap();

    for touched in [edited.id, commented.id] {
        let mut unit = store.begin().await.unwrap();
        let refused = unit.incidents().merge(touched, into.id, 10, &bench.audit(touched)).await;
        assert!(matches!(refused, Err(StoreError::TouchedByPeople { .. })), "{refused:?}");
    }
    let merge = async |audit_id: &mut Option<AuditId>| {
        let mut unit = store.begin().await.unwrap();
        let audit = bench.audit(from.id);
        *audit_id = Some(audit.id);
        let moved = unit.incidents().merge(from.id, into.id, 10, &audit).await?;
        unit.commit().await?;
        Ok::<_, StoreError>(moved)
    };
    let mut audit_id = None;
    assert_eq!(merge(&mut audit_id).await.unwrap(), 1);
    let mut view = store.read().await.unwrap();
    assert!(view.audit().get(audit_id.unwrap()).await.unwrap().is_some());
    assert_eq!(view.incidents().get(from.id).await.unwrap().unwrap().merged_into, Some(into.id));
    let held = view.findings().of_incident(into.id, &Default::default()).await.unwrap();
    assert_eq!(held.items.len(), 2);
    let (filter, page) = (IncidentFilter::default(), Default::default());
    let listed = view.incidents().list(&filter, Default::default(), &page).await.unwrap();
    assert!(listed.items.iter().all(|incident| incident.id != from.id));
    drop(view);
    let again = merge(&mut audit_id).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })), "{again:?}");
}
