//! Lists against a plain search in memory.

use super::audit::{comment, source};
use super::bench::{Bench, actor, update_of};
use crate::store::{
    AssigneeFilter, Cursor, FindingFilter, IncidentEdit, IncidentFilter, IncidentOrder, MachineUpdate,
    PageRequest, Store, StoreError,
};
use crate::store::{FACET_RULES_MAX, Facet, FacetCount, PAGE_ITEMS_MAX, Visible, folded, needles};
use model::{Comment, Incident, Ownership, Severity, Status, Verdict, Visibility};
use std::collections::BTreeMap;

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
            IncidentOrder::Created => (i.created_at_ms, 0, i.id),
            IncidentOrder::Findings => (i.findings as i64, 0, i.id),
        })
    });
}

/// An incident and what it can be found by.
struct Made {
    incident: Incident,
    entity: String,
    source: &'static str,
    comment: Option<&'static str>,
}

/// Each has the same word, in one case or the other.
const TITLES: [&str; 4] = ["Øre: Root login", "øre: 100% \"new\" key", "ØRE: a_b [key]", "øRe: aXb Straße"];

/// Incidents of all kinds.
async fn populate(store: &dyn Store, bench: &Bench, count: u64) -> Vec<Made> {
    let mut made = Vec::new();
    let mut unit = store.begin().await.unwrap();
    // findings of `aws` are known by the kind of that source, those of `elsewhere` by its name
    unit.sources().add(&source(), &bench.audit("source:aws")).await.unwrap();
    for number in 0..count {
        bench.clock.advance_ms(bench.below(3) as i64);
        let entity = bench.one_of(&[
            "root",
            "eve",
            "arn:aws:iam::1:user/x_y%",
            "octo\"cat",
            "Jörg^MÜLLER*",
            "jörg^müller*",
            "İstanbul",
            "kelvin",
            "\u{212a}elvin",
        ]);
        let severity = bench.one_of(&Severity::ALL);
        let mut finding = bench.finding(number, entity, bench.below(5) as i64, severity);
        let rule = bench.below(4);
        finding.rule_title = TITLES[rule as usize].to_owned();
        finding.rule_id = format!("rule-{rule}");
        finding.source = bench.one_of(&["aws", "elsewhere"]).to_owned();
        let service = bench.one_of(&[None, Some("payments"), Some("web")]).map(str::to_owned);
        finding.ownership = Ownership { service, ..Ownership::default() };
        let incident = bench.open(&mut *unit, &finding).await;
        let edit = IncidentEdit {
            status: Some(bench.one_of(&Status::ALL)),
            assignee: bench
                .one_of(&[None, Some(Some("ana")), Some(Some("bob"))])
                .map(|a| a.map(str::to_owned)),
            severity_override: bench.one_of(&[None, None, Some(Some(Severity::High))]),
            verdict: bench.one_of(&[None, Some(Some(Verdict::Benign)), Some(Some(Verdict::Test))]),
        };
        let at_ms = incident.updated_at_ms + bench.below(4) as i64;
        let audit = bench.audit(incident.id);
        let edited = unit.incidents().edit(incident.id, 1, &edit, at_ms, &audit).await.unwrap();
        let said = bench.one_of(&[None, None, None, Some("the Laptop of a_b was stolen: ÄRGER")]);
        if let Some(text) = said {
            let comment = Comment { text: text.to_owned(), ..comment(bench, &edited) };
            unit.comments().add(&comment, &bench.audit(edited.id)).await.unwrap();
        }
        let source = if finding.source == "aws" { "aws_cloudtrail" } else { "elsewhere" };
        made.push(Made { incident: edited, entity: entity.to_owned(), source, comment: said });
    }
    unit.commit().await.unwrap();
    for made in &made {
        let stored = store.read().await.unwrap().incidents().get(made.incident.id).await.unwrap();
        assert_eq!(stored.as_ref(), Some(&made.incident));
    }
    made
}

/// Searches that hang on which letters are the same.
const LETTERS: [&str; 11] = [
    "øRE",
    "ØRE MÜLLER",
    "jÖrg^müller*",
    "ärger",
    "STRASSE",
    "STRAßE",
    "[KEY]",
    "istanbul",
    "İSTANBUL",
    "KELVIN",
    "\u{212a}ELVIN",
];

fn filters(start_ms: i64) -> Vec<IncidentFilter> {
    let base = IncidentFilter::default;
    let text = |text: &str| IncidentFilter { title_contains: Some(text.to_owned()), ..base() };
    let words = |text: &str| IncidentFilter { text: Some(text.to_owned()), ..base() };
    let some = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let mut filters = vec![
        IncidentFilter { severities: vec![Severity::Low, Severity::Critical], ..base() },
        IncidentFilter { verdicts: vec![Verdict::Benign], ..base() },
        IncidentFilter { services: some(&["web"]), ..base() },
        IncidentFilter { services: some(&["web", ""]), statuses: vec![Status::New], ..base() },
        IncidentFilter { rules: some(&["rule-1"]), ..base() },
        IncidentFilter { rules: some(&["rule-1", "rule-3", "rule-none"]), ..base() },
        IncidentFilter { rules: some(&["rule-2"]), verdicts: vec![Verdict::Test], ..words("key") },
        IncidentFilter { sources: some(&["aws_cloudtrail"]), ..base() },
        IncidentFilter { sources: some(&["elsewhere", "aws"]), severities: vec![Severity::High], ..base() },
        words("LOGIN"),
        words("octo\"cat"),
        words("\"a_b\" laptop"),
        words("laptop root"),
        words("x_y% login"),
        words("zebra"),
        words("\" OR title:x"),
        text("ØRE"),
        text("straße"),
        text("[key"),
        IncidentFilter {
            assignee: Some(AssigneeFilter::Nobody),
            services: some(&["payments"]),
            ..words("root")
        },
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
            services: some(&["payments", "web"]),
            ..base()
        },
    ];
    filters.extend(LETTERS.map(words));
    filters
}

fn stands_in(needle: &str, made: &Made) -> bool {
    let texts = [made.incident.shown_title(), &made.entity, made.comment.unwrap_or_default()];
    texts.iter().any(|text| folded(text).contains(&folded(needle)))
}

/// The value of a facet, as the API calls it.
fn value_of(facet: Facet, made: &Made) -> String {
    let Made { incident, source, .. } = made;
    match facet {
        Facet::Status => incident.status.as_str().to_owned(),
        Facet::Severity => incident.severity().as_str().to_owned(),
        Facet::Assignee => incident.assignee.clone().unwrap_or_default(),
        Facet::Verdict => incident.verdict.map_or("", Verdict::as_str).to_owned(),
        Facet::Service => incident.ownership.service.clone().unwrap_or_default(),
        Facet::Source => (*source).to_owned(),
        Facet::Rule => incident.rules[0].clone(),
    }
}

fn fits(filter: &IncidentFilter, made: &Made) -> bool {
    let any = |values: &[String], facet| values.is_empty() || values.contains(&value_of(facet, made));
    let needles = filter.text.as_deref().map_or_else(Vec::new, |text| needles(text).unwrap());
    let Made { incident, entity, .. } = made;
    let assignee = match &filter.assignee {
        None => true,
        Some(AssigneeFilter::Nobody) => incident.assignee.is_none(),
        Some(AssigneeFilter::Is(name)) => incident.assignee.as_ref() == Some(name),
    };
    let title = folded(&incident.title);
    assignee
        && any(&filter.services, Facet::Service)
        && any(&filter.rules, Facet::Rule)
        && any(&filter.sources, Facet::Source)
        && (filter.severities.is_empty() || filter.severities.contains(&incident.severity()))
        && (filter.verdicts.is_empty() || incident.verdict.is_some_and(|v| filter.verdicts.contains(&v)))
        && needles.iter().all(|needle| stands_in(needle, made))
        && (filter.statuses.is_empty() || filter.statuses.contains(&incident.status))
        && filter.severity_min.is_none_or(|least| incident.severity() >= least)
        && filter.entity.as_ref().is_none_or(|wanted| wanted == entity)
        && filter.title_contains.as_ref().is_none_or(|text| title.contains(&folded(text)))
        && filter.created_from_ms.is_none_or(|from| incident.created_at_ms >= from)
        && filter.created_until_ms.is_none_or(|until| incident.created_at_ms < until)
}

/// Every filter, in both orders and at several page sizes, gives what a search in memory gives.
pub async fn lists_answer_every_filter(store: &dyn Store) {
    let bench = Bench::new(20);
    let start_ms = model::Clock::now_ms(&bench.clock);
    let made = populate(store, &bench, 120).await;
    for filter in filters(start_ms) {
        for order in IncidentOrder::ALL {
            let fitting = made.iter().filter(|made| fits(&filter, made));
            let mut expected: Vec<_> = fitting.map(|made| made.incident.clone()).collect();
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

/// A filter without what it asks of one facet.
fn without(filter: &IncidentFilter, facet: Facet) -> IncidentFilter {
    let filter = filter.clone();
    match facet {
        Facet::Status => IncidentFilter { statuses: vec![], ..filter },
        Facet::Severity => IncidentFilter { severities: vec![], severity_min: None, ..filter },
        Facet::Assignee => IncidentFilter { assignee: None, ..filter },
        Facet::Verdict => IncidentFilter { verdicts: vec![], ..filter },
        Facet::Service => IncidentFilter { services: vec![], ..filter },
        Facet::Source => IncidentFilter { sources: vec![], ..filter },
        Facet::Rule => IncidentFilter { rules: vec![], ..filter },
    }
}

/// Facets count what lists would show: each value of each facet, whatever else is asked for.
pub async fn facets_count_what_lists_show(store: &dyn Store) {
    let bench = Bench::new(24);
    let start_ms = model::Clock::now_ms(&bench.clock);
    let mut made = populate(store, &bench, 150).await;
    // what is merged away is not counted; what is changed is counted as it is now
    let gone = made.remove(7);
    let mut unit = store.begin().await.unwrap();
    let mut grave = update_of(&made[3].incident);
    grave.machine_severity = Severity::Critical;
    grave.ownership.service = Some("moved".to_owned());
    unit.incidents().observe(&[grave]).await.unwrap();
    let (audit, other) = (bench.audit(gone.incident.id), bench.audit(made[0].incident.id));
    let merge = crate::store::Regrouping { version: None, at_ms: 1, audit: &audit, other_audit: &other };
    unit.moves().merge(gone.incident.id, made[0].incident.id, merge).await.unwrap();
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    made[3].incident = view.incidents().get(made[3].incident.id).await.unwrap().unwrap();
    // what the merged one was found by leads to the one that took it over
    let mut filters = filters(start_ms);
    filters.retain(|filter| fits(filter, &gone) == fits(filter, &made[0]) && filter.rules.is_empty());
    for filter in filters {
        let facets = view.incidents().facets(&filter).await.unwrap();
        let all = made.iter().filter(|made| fits(&filter, made)).count() as u64;
        assert_eq!((facets.total, facets.exact), (all, true), "{filter:?}");
        assert_eq!(facets.counts.iter().map(|(facet, _)| *facet).collect::<Vec<_>>(), Facet::ALL);
        for (facet, counts) in facets.counts {
            if matches!(facet, Facet::Source | Facet::Rule) {
                // made[0] has those of the merged one, too
                continue;
            }
            let filter = without(&filter, facet);
            let mut expected: BTreeMap<String, u64> = BTreeMap::new();
            for made in made.iter().filter(|made| fits(&filter, made)) {
                *expected.entry(value_of(facet, made)).or_default() += 1;
            }
            let found: BTreeMap<_, _> = counts.iter().map(|c| (c.value.clone(), c.count)).collect();
            assert_eq!(found, expected, "{facet:?} of {filter:?}");
            assert!(counts.windows(2).all(|pair| pair[0].count >= pair[1].count), "{counts:?}");
        }
    }
}

/// Rules and sources are counted, with what people call the rules; at most so many.
pub async fn rules_and_sources_are_facets(store: &dyn Store) {
    let bench = Bench::new(25);
    let made = populate(store, &bench, 90).await;
    let mut view = store.read().await.unwrap();
    for filter in filters(model::Clock::now_ms(&bench.clock)) {
        let facets = view.incidents().facets(&filter).await.unwrap();
        for (facet, counts) in facets.counts {
            if !matches!(facet, Facet::Source | Facet::Rule) {
                continue;
            }
            let filter = without(&filter, facet);
            let mut expected: BTreeMap<String, u64> = BTreeMap::new();
            for made in made.iter().filter(|made| fits(&filter, made)) {
                *expected.entry(value_of(facet, made)).or_default() += 1;
            }
            let found: BTreeMap<_, _> = counts.iter().map(|c| (c.value.clone(), c.count)).collect();
            assert_eq!(found, expected, "{facet:?} of {filter:?}");
            assert!(facet != Facet::Rule || counts.iter().all(|c| c.label.is_some()), "{counts:?}");
        }
    }
    drop(view);
    let mut unit = store.begin().await.unwrap();
    for number in 0..FACET_RULES_MAX as u64 + 5 {
        let mut finding = bench.finding(10_000 + number, "many", 1, Severity::Low);
        finding.rule_id = format!("many-{number:02}");
        bench.open(&mut *unit, &finding).await;
    }
    unit.commit().await.unwrap();
    let many = IncidentFilter { entity: Some("many".to_owned()), ..IncidentFilter::default() };
    let facets = store.read().await.unwrap().incidents().facets(&many).await.unwrap();
    let rules: &Vec<FacetCount> = &facets.counts.iter().find(|(facet, _)| *facet == Facet::Rule).unwrap().1;
    assert_eq!(rules.len(), FACET_RULES_MAX);
    assert_eq!((rules[0].value.as_str(), rules[0].label.as_deref()), ("many-00", Some("Rule on many")));
}

/// Open incidents are counted by service: those that the asker may see, and no others.
pub async fn open_incidents_are_counted_by_service(store: &dyn Store) {
    let bench = Bench::new(26);
    let made = populate(store, &bench, 90).await;
    let mut unit = store.begin().await.unwrap();
    let mut hidden = Vec::new();
    for made in made.iter().step_by(3) {
        let (id, version) = (made.incident.id, made.incident.version);
        let (visibility, audit) = (Visibility::Restricted, bench.audit(id));
        unit.incidents().set_visibility(id, version, visibility, 9, &audit).await.unwrap();
        hidden.push(id);
    }
    unit.commit().await.unwrap();
    let services: Vec<String> = ["web", "nothing", "payments"].map(str::to_owned).to_vec();
    let everyones = 1 << Visible::case(Visibility::Everyone, false, false)
        | 1 << Visible::case(Visibility::Everyone, false, true);
    let mut view = store.read().await.unwrap();
    for (visible, sees_hidden) in [
        (Visible::everything(), true),
        (Visible::of(everyones, vec![], vec![], Some("ana".to_owned())), false),
    ] {
        let expected: Vec<u64> = services
            .iter()
            .map(|service| {
                let of_service =
                    made.iter().filter(|made| made.incident.ownership.service.as_ref() == Some(service));
                let open = of_service.filter(|made| made.incident.status.is_open());
                open.filter(|made| sees_hidden || !hidden.contains(&made.incident.id)).count() as u64
            })
            .collect();
        assert!(expected[0] > 0 && expected[1] == 0);
        let found = view.incidents().open_of_services(&services, &visible).await.unwrap();
        assert_eq!(found, expected, "{visible:?}");
    }
    let none = Visible::default();
    assert_eq!(view.incidents().open_of_services(&services, &none).await.unwrap(), [0, 0, 0]);
    assert!(view.incidents().open_of_services(&[], &none).await.unwrap().is_empty());
    let many = vec![String::new(); PAGE_ITEMS_MAX as usize + 1];
    let refused = view.incidents().open_of_services(&many, &none).await;
    assert!(matches!(refused, Err(StoreError::BadQuery { .. })), "{refused:?}");
}

/// While new incidents arrive between the pages, each of the old ones is seen exactly once.
pub async fn pages_are_stable_under_inserts(store: &dyn Store) {
    for (round, order) in IncidentOrder::ALL.into_iter().enumerate() {
        let bench = Bench::new(21 + round as u64);
        // each order has a day of its own, so that it is not the list of those before as well
        bench.clock.advance_ms(round as i64 * 86_400_000);
        let from_ms = (round > 0).then(|| model::Clock::now_ms(&bench.clock));
        let filter = IncidentFilter { created_from_ms: from_ms, ..IncidentFilter::default() };
        let mut old = Vec::new();
        for number in 0..30 {
            bench.clock.advance_ms(1);
            old.push(bench.opened(store, 1_000 * round as u64 + number, "root").await.id);
        }
        let (mut seen, mut page, mut number) = (Vec::new(), PageRequest::first(4), 500);
        loop {
            let answer = store.read().await.unwrap().incidents().list(&filter, order, &page).await.unwrap();
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
        visible: None,
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
