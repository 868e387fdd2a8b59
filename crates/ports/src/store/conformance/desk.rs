//! Findings that people move between incidents, links, timelines, kept filters.

use super::audit::comment;
use super::bench::{Bench, group, update_of};
use crate::store::{
    COMMENT_ACTION, IncidentFilter, IncidentLink, LinkKind, Moment, PageRequest, Regrouping, SavedView,
    Store, StoreError, TimelineOrder, UnitOfWork, VIEWS_PER_OWNER_MAX,
};
use model::{AuditRecord, Clock, Comment, Finding, FindingId, Incident, IncidentId, SavedViewId, Severity};
use serde_json::json;
use std::collections::BTreeSet;

async fn held(store: &dyn Store, id: IncidentId) -> BTreeSet<FindingId> {
    let mut view = store.read().await.unwrap();
    let page = view.findings().of_incident(id, &PageRequest::first(500)).await.unwrap();
    page.items.into_iter().map(|finding| finding.id).collect()
}

async fn current(store: &dyn Store, id: IncidentId) -> Incident {
    store.read().await.unwrap().incidents().get(id).await.unwrap().unwrap()
}

/// An incident of `entity` with some findings, numbered from `first`.
async fn opened(store: &dyn Store, bench: &Bench, entity: &str, first: u64, count: u64) -> Incident {
    let incident = bench.opened(store, first, entity).await;
    let more: Vec<Finding> =
        (first + 1..first + count).map(|n| bench.finding(n, entity, n as i64, Severity::Low)).collect();
    let mut unit = store.begin().await.unwrap();
    unit.findings().insert(&more.iter().map(|f| (f, incident.id)).collect::<Vec<_>>()).await.unwrap();
    unit.commit().await.unwrap();
    incident
}

struct Records(AuditRecord, AuditRecord);

impl Records {
    fn of(bench: &Bench, one: IncidentId, other: IncidentId) -> Self {
        Self(bench.audit(one), bench.audit(other))
    }

    fn regrouping(&self, version: Option<u64>) -> Regrouping<'_> {
        Regrouping { version, at_ms: 50, audit: &self.0, other_audit: &self.1 }
    }
}

pub(super) async fn merge(store: &dyn Store, bench: &Bench, from: IncidentId, into: IncidentId) -> u64 {
    let records = Records::of(bench, from, into);
    let mut unit = store.begin().await.unwrap();
    let moved = unit.moves().merge(from, into, records.regrouping(None)).await.unwrap();
    unit.commit().await.unwrap();
    moved
}

async fn unmerge(store: &dyn Store, bench: &Bench, id: IncidentId) -> u64 {
    let mut unit = store.begin().await.unwrap();
    let survivor = unit.moves().survivor(id).await.unwrap();
    let records = Records::of(bench, id, survivor);
    let moved = unit.moves().unmerge(id, survivor, records.regrouping(None)).await.unwrap();
    unit.commit().await.unwrap();
    moved
}

/// People may merge what they worked on; later findings go to the survivor, and the merge is taken back exactly.
pub async fn people_merge_and_take_it_back(store: &dyn Store) {
    let bench = Bench::new(60);
    let from = opened(store, &bench, "root", 0, 3).await;
    let into = opened(store, &bench, "eve", 10, 2).await;
    let last = opened(store, &bench, "mal", 20, 2).await;
    let before = [held(store, from.id).await, held(store, into.id).await, held(store, last.id).await];

    let records = Records::of(&bench, from.id, into.id);
    let mut unit = store.begin().await.unwrap();
    let stale = unit.moves().merge(from.id, into.id, records.regrouping(Some(9))).await;
    assert!(matches!(stale, Err(StoreError::Conflict { current: 1 })), "{stale:?}");
    drop(unit);
    assert_eq!(merge(store, &bench, from.id, into.id).await, 3);
    assert_eq!(merge(store, &bench, into.id, last.id).await, 5);
    let merged = current(store, from.id).await;
    assert_eq!((merged.merged_into, merged.version), (Some(into.id), 2));
    let mut view = store.read().await.unwrap();
    assert_eq!(view.moves().survivor(from.id).await.unwrap(), last.id);
    assert_eq!(view.moves().survivor(last.id).await.unwrap(), last.id);
    let nested = view.moves().merged_into(into.id).await.unwrap();
    assert_eq!(nested.iter().map(|i| i.id).collect::<Vec<_>>(), [from.id]);
    // findings of the first group have a way to the last incident, over both merges
    let open = view.incidents().open_in_groups(&[group("root"), group("mal")]).await.unwrap();
    assert_eq!(
        open.iter().map(|o| (o.incident.id, o.via.clone())).collect::<Vec<_>>(),
        [(last.id, vec![group("root")])]
    );
    assert!(open[0].touched_by_people);
    drop(view);

    let since = [bench.finding(30, "root", 9, Severity::Low), bench.finding(31, "mal", 9, Severity::Low)];
    let mut unit = store.begin().await.unwrap();
    unit.findings().insert(&[(&since[0], last.id), (&since[1], last.id)]).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(unmerge(store, &bench, into.id).await, 5);
    assert_eq!(held(store, last.id).await.len(), 4, "what came since stays, as it is not of eve's group");
    assert_eq!(unmerge(store, &bench, from.id).await, 3);
    for (incident, before) in [(&from, &before[0]), (&into, &before[1])] {
        assert_eq!(&held(store, incident.id).await, before);
        let now = current(store, incident.id).await;
        assert_eq!(now.merged_into, None);
        assert!(now.version > 1, "people worked on it");
    }
    let mut unit = store.begin().await.unwrap();
    let records = Records::of(&bench, from.id, into.id);
    let again = unit.moves().unmerge(from.id, into.id, records.regrouping(None)).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })), "{again:?}");
}

/// What came since a merge about the merged one's group goes back with it; what others brought along does not.
pub async fn an_unmerge_takes_along_what_came_since(store: &dyn Store) {
    let bench = Bench::new(61);
    let from = opened(store, &bench, "root", 0, 2).await;
    let into = opened(store, &bench, "eve", 10, 2).await;
    merge(store, &bench, from.id, into.id).await;
    let late = opened(store, &bench, "root", 20, 2).await;
    let since = [bench.finding(30, "root", 9, Severity::Low), bench.finding(31, "eve", 9, Severity::Low)];
    let mut unit = store.begin().await.unwrap();
    unit.findings().insert(&[(&since[0], into.id), (&since[1], into.id)]).await.unwrap();
    unit.commit().await.unwrap();
    merge(store, &bench, late.id, into.id).await;
    assert_eq!(unmerge(store, &bench, from.id).await, 3);
    let back = held(store, from.id).await;
    assert!(back.contains(&since[0].id) && !back.contains(&since[1].id));
    assert_eq!(unmerge(store, &bench, late.id).await, 2);
    assert_eq!(held(store, into.id).await.len(), 3);
}

/// A split takes exactly the findings that are named, and what is split off is people's.
pub async fn splits_take_what_is_named(store: &dyn Store) {
    let bench = Bench::new(62);
    let from = opened(store, &bench, "root", 0, 4).await;
    let other = opened(store, &bench, "eve", 10, 1).await;
    let all: Vec<FindingId> = held(store, from.id).await.into_iter().collect();
    let foreign = *held(store, other.id).await.first().unwrap();
    let new = Incident {
        id: IncidentId::new(&bench.clock, &bench.entropy),
        title_override: Some("The laptop".to_owned()),
        ..from.clone()
    };
    let split = async |ids: &[FindingId], version| {
        let records = Records::of(&bench, from.id, new.id);
        let mut unit = store.begin().await.unwrap();
        unit.moves().split(from.id, &new, ids, records.regrouping(version)).await?;
        unit.commit().await
    };
    let refused = split(&[all[0], foreign], None).await;
    assert!(matches!(refused, Err(StoreError::NotFound { .. })), "{refused:?}");
    let refused = split(&all[..2], Some(7)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { current: 1 })), "{refused:?}");
    split(&all[..2], Some(1)).await.unwrap();
    assert_eq!(held(store, new.id).await, all[..2].iter().copied().collect());
    assert_eq!(held(store, from.id).await, all[2..].iter().copied().collect());
    let off = current(store, new.id).await;
    assert_eq!((off.version, off.shown_title()), (2, "The laptop"));
    let mut view = store.read().await.unwrap();
    let found = IncidentFilter { text: Some("laptop".to_owned()), ..IncidentFilter::default() };
    let page = view.incidents().list(&found, Default::default(), &PageRequest::default()).await.unwrap();
    assert_eq!(page.items.iter().map(|i| i.id).collect::<Vec<_>>(), [new.id]);
    let open = view.incidents().open_in_groups(&[group("root")]).await.unwrap();
    assert!(open.len() == 2 && open.iter().all(|open| open.touched_by_people));
    drop(view);

    merge(store, &bench, new.id, from.id).await;
    assert_eq!(held(store, from.id).await, all.iter().copied().collect());
    let mut unit = store.begin().await.unwrap();
    let entities = vec![super::bench::actor("ana")];
    let anew = crate::store::MachineUpdate { findings: 4, entities, ..update_of(&from) };
    unit.moves().rewrite(&anew).await.unwrap();
    unit.commit().await.unwrap();
    for (entity, count) in [("ana", 1), ("root", 0)] {
        let filter = IncidentFilter { entity: Some(entity.to_owned()), ..IncidentFilter::default() };
        let facets = store.read().await.unwrap().incidents().facets(&filter).await.unwrap();
        assert_eq!(facets.total, count, "{entity}");
    }
}

/// Links are seen from both ends, said once, and taken back.
pub async fn links_are_seen_from_both_ends(store: &dyn Store) {
    let bench = Bench::new(63);
    let [one, two] = [bench.opened(store, 1, "root").await, bench.opened(store, 2, "eve").await];
    let link = IncidentLink {
        incident: one.id,
        other: two.id,
        kind: LinkKind::CausedBy,
        author: "ana".to_owned(),
        at_ms: 5,
    };
    let add = async |link: &IncidentLink| {
        let mut unit = store.begin().await.unwrap();
        let added = unit.moves().link(link, &bench.audit(link.incident)).await?;
        unit.commit().await?;
        Ok::<_, StoreError>(added)
    };
    assert!(add(&link).await.unwrap());
    assert!(!add(&link).await.unwrap());
    let nowhere = IncidentLink { other: IncidentId::new(&bench.clock, &bench.entropy), ..link.clone() };
    assert!(matches!(add(&nowhere).await, Err(StoreError::NotFound { .. })));
    let mut view = store.read().await.unwrap();
    for id in [one.id, two.id] {
        assert_eq!(view.moves().links(id).await.unwrap(), std::slice::from_ref(&link));
    }
    drop(view);
    let mut unit = store.begin().await.unwrap();
    unit.moves().unlink(two.id, one.id, &bench.audit(two.id)).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(store.read().await.unwrap().moves().links(one.id).await.unwrap(), []);
    let mut unit = store.begin().await.unwrap();
    let again = unit.moves().unlink(two.id, one.id, &bench.audit(two.id)).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })), "{again:?}");
}

fn told(moment: &Moment) -> (i64, u8, String) {
    let id = match moment {
        Moment::Finding(finding) => finding.id.to_string(),
        Moment::Comment(comment) => comment.id.to_string(),
        Moment::Record(record) => format!("{} {}", record.action, record.id),
    };
    (moment.at_ms(), moment.rank(), id)
}

/// A timeline tells findings, comments and records, each once, from either end, at any page size.
pub async fn a_timeline_tells_all_in_order(store: &dyn Store) {
    let bench = Bench::new(64);
    let incident = bench.opened(store, 0, "root").await;
    bench.opened(store, 100, "eve").await;
    let now_ms = bench.clock.now_ms();
    let (mut findings, mut comments) = (1, 0);
    for number in 1..40 {
        bench.clock.advance_ms(bench.below(2) as i64);
        let at_ms = now_ms + bench.below(4) as i64;
        let mut unit = store.begin().await.unwrap();
        match bench.below(3) {
            0 => {
                let finding = bench.finding(number, "root", at_ms, Severity::Low);
                unit.findings().insert(&[(&finding, incident.id)]).await.unwrap();
                findings += 1;
            }
            1 => {
                let said = Comment { created_at_ms: at_ms, ..comment(&bench, &incident) };
                let audit = AuditRecord { action: COMMENT_ACTION.to_owned(), ..bench.audit(incident.id) };
                unit.comments().add(&said, &audit).await.unwrap();
                comments += 1;
            }
            _ => unit.audit().add(&bench.audit(incident.id)).await.unwrap(),
        }
        unit.commit().await.unwrap();
    }
    let mut view = store.read().await.unwrap();
    let mut whole = Vec::new();
    for order in [TimelineOrder::OldestFirst, TimelineOrder::NewestFirst] {
        for items_max in [1, 3, 500] {
            let (mut seen, mut page) = (Vec::new(), Some(PageRequest::first(items_max)));
            while let Some(request) = page {
                let answer = view.incidents().timeline(incident.id, order, &request).await.unwrap();
                seen.extend(answer.items.iter().map(told));
                page = answer.next.map(|next| PageRequest::after(items_max, next));
            }
            if order == TimelineOrder::NewestFirst {
                seen.reverse();
            }
            assert!(seen.windows(2).all(|pair| (pair[0].0, pair[0].1) <= (pair[1].0, pair[1].1)));
            if whole.is_empty() {
                whole.clone_from(&seen);
            }
            assert_eq!(seen, whole, "{order:?} {items_max}");
        }
    }
    // 39 changes, and what opened the incident
    assert_eq!(whole.len(), 39 + 2);
    let of_rank = |rank| whole.iter().filter(|told| told.1 == rank).count();
    assert_eq!((of_rank(0), of_rank(1)), (findings, comments));
    let bad = PageRequest::after(5, "timeline~1~0~odd".parse().unwrap());
    let refused = view.incidents().timeline(incident.id, TimelineOrder::OldestFirst, &bad).await;
    assert!(matches!(refused, Err(StoreError::BadCursor)), "{refused:?}");
}

fn saved_view(bench: &Bench, owner: &str, name: &str, shared: bool) -> SavedView {
    SavedView {
        id: SavedViewId::new(&bench.clock, &bench.entropy),
        owner: owner.to_owned(),
        owner_name: owner.to_uppercase(),
        name: name.to_owned(),
        query: json!({ "status": "new" }),
        shared,
        created_at_ms: 1,
        updated_at_ms: 1,
        version: 1,
    }
}

async fn add(unit: &mut dyn UnitOfWork, bench: &Bench, view: &SavedView) -> Result<(), StoreError> {
    unit.views().add(view, &bench.audit(view.id)).await
}

/// A view is its owner's, is seen by others when it is shared, and is changed by version.
pub async fn views_are_kept_and_shared(store: &dyn Store) {
    let bench = Bench::new(65);
    let [mine, shared, theirs] = [
        saved_view(&bench, "ana", "mine", false),
        saved_view(&bench, "ana", "a shared one", true),
        saved_view(&bench, "bob", "bob's", true),
    ];
    let mut unit = store.begin().await.unwrap();
    for view in [&mine, &shared, &theirs, &saved_view(&bench, "bob", "hidden", false)] {
        add(&mut *unit, &bench, view).await.unwrap();
    }
    unit.commit().await.unwrap();
    let mut unit = store.begin().await.unwrap();
    let taken = add(&mut *unit, &bench, &saved_view(&bench, "ana", "mine", false)).await;
    assert!(matches!(taken, Err(StoreError::Exists { .. })), "{taken:?}");
    drop(unit);
    let mut view = store.read().await.unwrap();
    assert_eq!(view.views().list("ana").await.unwrap(), [shared.clone(), mine.clone(), theirs]);
    drop(view);

    let mut unit = store.begin().await.unwrap();
    let renamed = SavedView { name: "renamed".to_owned(), shared: true, updated_at_ms: 9, ..mine.clone() };
    unit.views().update(&renamed, &bench.audit(mine.id)).await.unwrap();
    assert_eq!(unit.views().get(mine.id).await.unwrap(), Some(SavedView { version: 2, ..renamed.clone() }));
    unit.views().remove(shared.id, &bench.audit(shared.id)).await.unwrap();
    unit.commit().await.unwrap();
    for (view, current) in [(&renamed, Some(2)), (&shared, None)] {
        let mut unit = store.begin().await.unwrap();
        let refused = unit.views().update(view, &bench.audit(view.id)).await.unwrap_err();
        match current {
            Some(current) => assert!(matches!(refused, StoreError::Conflict { current: c } if c == current)),
            None => assert!(matches!(refused, StoreError::NotFound { .. }), "{refused:?}"),
        }
    }
    let mut unit = store.begin().await.unwrap();
    for number in 1..VIEWS_PER_OWNER_MAX {
        add(&mut *unit, &bench, &saved_view(&bench, "ana", &format!("view {number}"), false)).await.unwrap();
    }
    let full = add(&mut *unit, &bench, &saved_view(&bench, "ana", "one more", false)).await;
    assert!(matches!(full, Err(StoreError::BadQuery { .. })), "{full:?}");
}

/// An outline counts all findings of an incident and names one of the gravest of each rule.
pub async fn an_outline_names_the_gravest_of_each_rule(store: &dyn Store) {
    let bench = Bench::new(61);
    let incident = bench.opened(store, 0, "root").await;
    let mut unit = store.begin().await.unwrap();
    let mut rows = Vec::new();
    for number in 1..40 {
        let severity = bench.one_of(&Severity::ALL);
        let mut finding = bench.finding(number, "root", 100 + bench.below(50) as i64, severity);
        finding.rule_id = format!("rule-{}", bench.below(4));
        rows.push(finding);
    }
    let pairs: Vec<_> = rows.iter().map(|finding| (finding, incident.id)).collect();
    unit.findings().insert(&pairs).await.unwrap();
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    let outline = view.findings().outline(incident.id).await.unwrap();
    assert_eq!(outline.findings, view_count(&mut *view, incident.id).await);
    let stored = view.findings().of_incident(incident.id, &PageRequest::first(500)).await.unwrap().items;
    assert_eq!(Some(outline.first_seen_ms), stored.iter().map(|finding| finding.time_ms).min());
    assert_eq!(Some(outline.last_seen_ms), stored.iter().map(|finding| finding.time_ms).max());
    let mut told = std::collections::BTreeMap::new();
    for id in &outline.telling {
        let finding = view.findings().get(*id).await.unwrap().unwrap();
        assert!(told.insert(finding.rule_id.clone(), finding.severity).is_none(), "one of each rule");
    }
    let mut gravest = std::collections::BTreeMap::new();
    for finding in &stored {
        let known = gravest.entry(finding.rule_id.clone()).or_insert(finding.severity);
        *known = finding.severity.max(*known);
    }
    assert_eq!(told, gravest);
    let nothing = view.findings().outline(IncidentId(model::Ulid(7))).await.unwrap();
    assert_eq!((nothing.findings, nothing.telling.len()), (0, 0));
}

async fn view_count(view: &mut dyn crate::store::Snapshot, id: IncidentId) -> u64 {
    view.findings().of_incident(id, &PageRequest::first(500)).await.unwrap().items.len() as u64
}
