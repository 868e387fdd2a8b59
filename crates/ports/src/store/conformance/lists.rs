//! Lists against a plain search in memory.

use super::audit::comment;
use super::bench::{Bench, actor, update_of};
use crate::store::{
    AssigneeFilter, Cursor, FindingFilter, IncidentEdit, IncidentFilter, IncidentOrder, MachineUpdate,
    PageRequest, Store, StoreError,
};
use model::{Comment, Incident, Severity, Status};

/// The whole list, page by page.
async fn all(
    store: &dyn Store,
    filter: &IncidentFilter,
    order: IncidentOrder,
    items_max: u32,
) -> Vec<Incident> {
    let (mut found, mut page) = (Vec::new(), PageRequest::first(items_max));
    loop {
        let answer = store.read().await.unwrap().incidents().list(filter, order, &page).await.unwrap();
        assert!(answer.items.len() <= items_max as usize);
        found.extend(answer.items);
        match answer.next {
            Some(next) => page.after = Some(next.to_string().parse::<Cursor>().unwrap()),
            None => return found,
        }
    }
}

fn sort(incidents: &mut [Incident], order: IncidentOrder) {
    incidents.sort_by_key(|i| {
        std::cmp::Reverse(match order {
            IncidentOrder::Severity => (i64::from(i.severity().ocsf_id()), i.last_seen_ms, i.id),
            IncidentOrder::Updated => (i.updated_at_ms, 0, i.id),
        })
    });
}

/// Incidents of all kinds: (incident, the entities it was given).
async fn populate(store: &dyn Store, bench: &Bench, count: u64) -> Vec<(Incident, String)> {
    let mut made = Vec::new();
    let mut unit = store.begin().await.unwrap();
    for number in 0..count {
        bench.clock.advance_ms(bench.below(3) as i64);
        let entity = bench.one_of(&["root", "eve", "arn:aws:iam::1:user/x_y%", "octo\"cat"]);
        let severity = bench.one_of(&Severity::ALL);
        let mut finding = bench.finding(number, entity, bench.below(5) as i64, severity);
        finding.rule_title = bench.one_of(&["Root login", "100% \"new\" key", "a_b key", "aXb"]).to_owned();
        let incident = bench.open(&mut *unit, &finding).await;
        let edit = IncidentEdit {
            status: Some(bench.one_of(&Status::ALL)),
            assignee: bench
                .one_of(&[None, Some(Some("ana")), Some(Some("bob"))])
                .map(|a| a.map(str::to_owned)),
            severity_override: bench.one_of(&[None, None, Some(Some(Severity::High))]),
            verdict: None,
        };
        let at_ms = incident.updated_at_ms + bench.below(4) as i64;
        let audit = bench.audit(incident.id);
        let edited = unit.incidents().edit(incident.id, 1, &edit, at_ms, &audit).await.unwrap();
        made.push((edited, entity.to_owned()));
    }
    unit.commit().await.unwrap();
    made
}

fn filters(start_ms: i64) -> Vec<IncidentFilter> {
    let base = IncidentFilter::default;
    let text = |text: &str| IncidentFilter { title_contains: Some(text.to_owned()), ..base() };
    vec![
        base(),
        IncidentFilter { statuses: vec![Status::New, Status::OnHold], ..base() },
        IncidentFilter { severity_min: Some(Severity::High), ..base() },
        IncidentFilter { assignee: Some(AssigneeFilter::Nobody), ..base() },
        IncidentFilter { assignee: Some(AssigneeFilter::Is("ana".to_owned())), ..base() },
        IncidentFilter { entity: Some("arn:aws:iam::1:user/x_y%".to_owned()), ..base() },
        IncidentFilter { entity: Some("octo\"cat".to_owned()), statuses: vec![Status::New], ..base() },
        IncidentFilter { entity: Some("nobody".to_owned()), ..base() },
        text("LOGIN"),
        text("100% \"new"),
        text("a_b"),
        text("' OR 1=1 --"),
        text("\" OR title:x"),
        IncidentFilter { created_from_ms: Some(start_ms + 20), ..base() },
        IncidentFilter {
            created_until_ms: Some(start_ms + 20),
            severity_min: Some(Severity::Medium),
            ..base()
        },
        IncidentFilter {
            statuses: vec![Status::New, Status::Closed],
            severity_min: Some(Severity::Low),
            assignee: Some(AssigneeFilter::Is("bob".to_owned())),
            title_contains: Some("key".to_owned()),
            created_from_ms: Some(start_ms + 3),
            created_until_ms: Some(start_ms + 60),
            entity: None,
        },
    ]
}

fn fits(filter: &IncidentFilter, incident: &Incident, entity: &str) -> bool {
    let assignee = match &filter.assignee {
        None => true,
        Some(AssigneeFilter::Nobody) => incident.assignee.is_none(),
        Some(AssigneeFilter::Is(name)) => incident.assignee.as_ref() == Some(name),
    };
    let title = incident.title.to_ascii_lowercase();
    assignee
        && (filter.statuses.is_empty() || filter.statuses.contains(&incident.status))
        && filter.severity_min.is_none_or(|least| incident.severity() >= least)
        && filter.entity.as_ref().is_none_or(|wanted| wanted == entity)
        && filter.title_contains.as_ref().is_none_or(|text| title.contains(&text.to_ascii_lowercase()))
        && filter.created_from_ms.is_none_or(|from| incident.created_at_ms >= from)
        && filter.created_until_ms.is_none_or(|until| incident.created_at_ms < until)
}

/// Every filter, in both orders and at several page sizes, gives what a search in memory gives.
pub async fn lists_answer_every_filter(store: &dyn Store) {
    let bench = Bench::new(20);
    let start_ms = model::Clock::now_ms(&bench.clock);
    let made = populate(store, &bench, 120).await;
    for filter in filters(start_ms) {
        for order in [IncidentOrder::Severity, IncidentOrder::Updated] {
            let fitting = made.iter().filter(|(incident, entity)| fits(&filter, incident, entity));
            let mut expected: Vec<_> = fitting.map(|(incident, _)| incident.clone()).collect();
            sort(&mut expected, order);
            for items_max in [7, 500] {
                let found = all(store, &filter, order, items_max).await;
                assert_eq!(found, expected, "{filter:?} {order:?} {items_max}");
            }
        }
    }
    let mut view = store.read().await.unwrap();
    let short = IncidentFilter { title_contains: Some("ab".to_owned()), ..IncidentFilter::default() };
    let refused = view.incidents().list(&short, IncidentOrder::Severity, &PageRequest::default()).await;
    assert!(matches!(refused, Err(StoreError::BadQuery { .. })), "{refused:?}");
    for cursor in ["x", "incidents-updated~1~0~nobody", "incidents-severity~1~2", "incidents-severity~a~2~3"]
    {
        let page = PageRequest::after(5, cursor.parse().unwrap());
        let refused = view.incidents().list(&IncidentFilter::default(), IncidentOrder::Severity, &page).await;
        assert!(matches!(refused, Err(StoreError::BadCursor)), "{cursor}: {refused:?}");
    }
}

/// While new incidents arrive between the pages, each of the old ones is seen exactly once.
pub async fn pages_are_stable_under_inserts(store: &dyn Store) {
    for (round, order) in [IncidentOrder::Severity, IncidentOrder::Updated].into_iter().enumerate() {
        let bench = Bench::new(21 + round as u64);
        let mut old = Vec::new();
        for number in 0..30 {
            bench.clock.advance_ms(1);
            old.push(bench.opened(store, 1_000 * round as u64 + number, "root").await.id);
        }
        let (mut seen, mut page, mut number) = (Vec::new(), PageRequest::first(4), 500);
        loop {
            let answer =
                store.read().await.unwrap().incidents().list(&IncidentFilter::default(), order, &page).await;
            let answer = answer.unwrap();
            seen.extend(answer.items.into_iter().map(|incident| incident.id));
            for _ in 0..3 {
                bench.clock.advance_ms(1);
                number += 1;
                let late = bench.opened(store, 1_000 * round as u64 + number, "eve").await;
                let grave = MachineUpdate {
                    machine_severity: bench.one_of(&Severity::ALL),
                    entities: vec![actor("mal")],
                    ..update_of(&late)
                };
                let mut unit = store.begin().await.unwrap();
                unit.incidents().observe(&[grave]).await.unwrap();
                unit.commit().await.unwrap();
            }
            // the late ones may be listed too, but must not go on for ever
            match answer.next {
                Some(next) if seen.len() < 200 => page.after = Some(next),
                _ => break,
            }
        }
        let mut found: Vec<_> = seen.iter().filter(|id| old.contains(id)).collect();
        found.sort();
        assert_eq!(found, old.iter().collect::<Vec<_>>(), "{order:?}: each old incident exactly once");
    }
}

/// The lists of one incident, and of all findings, go by time and then id.
pub async fn comments_and_findings_come_in_pages(store: &dyn Store) {
    let bench = Bench::new(23);
    let incident = bench.opened(store, 0, "root").await;
    let mut findings = vec![bench.finding(0, "root", incident.first_seen_ms, Severity::Medium)];
    let mut comments = Vec::new();
    let mut unit = store.begin().await.unwrap();
    for number in 1..8 {
        let severity = bench.one_of(&Severity::ALL);
        findings.push(bench.finding(number, "root", bench.below(3) as i64, severity));
        let comment = Comment { created_at_ms: bench.below(3) as i64, ..comment(&bench, &incident) };
        unit.comments().add(&comment, &bench.audit(incident.id)).await.unwrap();
        comments.push(comment);
    }
    let rows: Vec<_> = findings.iter().map(|finding| (finding, incident.id)).collect();
    unit.findings().insert(&rows).await.unwrap();
    unit.commit().await.unwrap();

    let mut view = store.read().await.unwrap();
    let two = PageRequest::first(2);
    let (mut seen_comments, mut page) = (Vec::new(), Some(two.clone()));
    while let Some(request) = page {
        let answer = view.comments().of_incident(incident.id, &request).await.unwrap();
        seen_comments.extend(answer.items);
        page = answer.next.map(|next| PageRequest::after(2, next));
    }
    comments.sort_by_key(|comment| (comment.created_at_ms, comment.id));
    assert_eq!(seen_comments, comments);
    let (mut seen_findings, mut page) = (Vec::new(), Some(two.clone()));
    while let Some(request) = page {
        let answer = view.findings().of_incident(incident.id, &request).await.unwrap();
        seen_findings.extend(answer.items);
        page = answer.next.map(|next| PageRequest::after(2, next));
    }
    findings.sort_by_key(|finding| (finding.time_ms, finding.id));
    assert_eq!(seen_findings, findings);
    let filter = FindingFilter {
        rule_id: Some("r1".to_owned()),
        source: Some("aws".to_owned()),
        severity_min: Some(Severity::Medium),
    };
    let (mut seen_findings, mut page) = (Vec::new(), Some(two));
    while let Some(request) = page {
        let answer = view.findings().list(&filter, &request).await.unwrap();
        seen_findings.extend(answer.items);
        page = answer.next.map(|next| PageRequest::after(2, next));
    }
    findings.retain(|finding| finding.severity >= Severity::Medium);
    findings.sort_by_key(|finding| std::cmp::Reverse((finding.detected_at_ms, finding.id)));
    assert_eq!(seen_findings, findings);
}
