//! Digests point at nobody: whatever the reports were, however they are put together.

use crate::chance::Chance;
use proptest::prelude::*;
use report::digest::{Digest, DigestRow, FeedEntry, K_MIN, Share, atom_feed, draft};
use std::collections::BTreeSet;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn row(form: &str, service: Option<&str>, reporter: Option<&str>) -> DigestRow {
    DigestRow {
        form: form.to_owned(),
        service: service.map(str::to_owned),
        reporter: reporter.map(str::to_owned),
        accepted: true,
        at_ms: DAY_MS,
        lesson: None,
    }
}

fn rows(form: &str, service: Option<&str>, reporters: std::ops::Range<usize>) -> Vec<DigestRow> {
    reporters.map(|i| row(form, service, Some(&format!("per_{i}")))).collect()
}

fn digest(rows: &[DigestRow]) -> Digest {
    draft(rows, 0, 30 * DAY_MS, 5, &|text| text.replace("hunter2", "[password 1]"))
}

/// `form/service reports_min` of each group.
fn shown(digest: &Digest) -> Vec<String> {
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "*".into());
    digest
        .groups
        .iter()
        .map(|g| format!("{}/{} {}", name(&g.form), name(&g.service), g.reports_min))
        .collect()
}

#[test]
fn groups_by_what_was_reported() {
    let cases: [(&str, Vec<DigestRow>, &[&str]); 9] = [
        ("nothing", vec![], &[]),
        ("four of four", rows("a", Some("s"), 0..4), &[]),
        ("five of five", rows("a", Some("s"), 0..5), &["a/s 5"]),
        ("numbers are rounded down", rows("a", Some("s"), 0..14), &["a/s 10"]),
        ("five of one reporter", (0..5).map(|_| row("a", Some("s"), Some("per_1"))).collect(), &[]),
        ("fifty guests may be one", (0..50).map(|_| row("a", Some("s"), None)).collect(), &[]),
        (
            "a small rest takes the smallest group with it, or it could be reckoned",
            [rows("a", Some("s"), 0..9), rows("a", Some("t"), 0..6), rows("a", Some("u"), 20..22)].concat(),
            &["a/s 5", "a/* 5"],
        ),
        (
            "what is left of all forms is one group, if it is large",
            [rows("a", Some("s"), 0..3), rows("b", None, 3..6), rows("c", Some("s"), 0..8)].concat(),
            &["c/s 5", "*/* 5"],
        ),
        (
            "what is left of all forms is small",
            [rows("a", None, 0..2), rows("b", None, 3..9)].concat(),
            &["*/* 5"],
        ),
    ];
    for (what, rows, want) in cases {
        assert_eq!(shown(&digest(&rows)), want, "{what}");
    }
}

#[test]
fn only_its_time_counts_and_k_has_a_floor() {
    let mut all = rows("a", Some("s"), 0..5);
    all[4].at_ms = 30 * DAY_MS;
    assert!(digest(&all).groups.is_empty());
    let three = rows("a", Some("s"), 0..3);
    assert_eq!(draft(&three, 0, 30 * DAY_MS, 0, &str::to_owned).k, K_MIN);
    assert_eq!(draft(&three[..2], 0, 30 * DAY_MS, 1, &str::to_owned).groups, []);
}

#[test]
fn outcomes_are_told_in_a_word() {
    for (accepted, want) in [
        (0, Share::Few),
        (3, Share::Few),
        (4, Share::Half),
        (5, Share::Half),
        (6, Share::Most),
        (9, Share::Most),
    ] {
        let mut all = rows("a", Some("s"), 0..9);
        all.iter_mut().enumerate().for_each(|(i, row)| row.accepted = i < accepted);
        assert_eq!(digest(&all).groups[0].accepted, want, "{accepted} of 9");
    }
}

#[test]
fn lessons_name_nobody() {
    let mut all =
        [rows("a", Some("checkout"), 0..6), rows("a", Some("payroll"), 10..12), rows("a", None, 20..25)]
            .concat();
    all[0].lesson = Some("On checkout, rotate keys. Payroll's and PAYROLL alike; not payrolls.".into());
    all[1].lesson = Some("per_1 told of rep_01JABCDEFGHJKMNPQRSTVWXYZ0 with hunter2".into());
    all[2].lesson = Some("   ".into());
    let digest = digest(&all);
    assert_eq!(shown(&digest), ["a/checkout 5", "a/* 5"]);
    assert_eq!(
        digest.groups[0].lessons,
        [
            "On checkout, rotate keys. [service]'s and [service] alike; not payrolls.",
            "[person] told of [id] with [password 1]"
        ]
    );
}

#[test]
fn the_feed_is_escaped() {
    let entry = FeedEntry {
        id: "dig_1".into(),
        title: "Q4 <b>&\"'".into(),
        published_at: "2026-11-27T08:00:00Z".into(),
        summary: "a\u{0}b\u{FFFE}]]>".into(),
    };
    let feed = atom_feed("Reports & lessons", "https://hc.example", &[entry]);
    assert!(
        feed.contains("<title>Q4 &lt;b&gt;&amp;&quot;&apos;</title>") && feed.contains("ab]]&gt;"),
        "{feed}"
    );
    assert!(
        feed.contains("<id>https://hc.example/digests/dig_1</id>") && feed.contains("Reports &amp; lessons")
    );
    assert!(atom_feed("t", "https://hc.example", &[]).contains("<updated>1970-01-01T00:00:00Z</updated>"));
}

const SERVICES: [&str; 6] = ["checkout", "payments", "payroll", "café", "login-ui", "x1"];

fn any_rows(seed: u64, count: usize) -> Vec<DigestRow> {
    let chance = Chance::new(seed);
    let (forms, people) = (chance.between(1, 4), chance.between(1, 30));
    let one = |_| {
        let service = chance.is(0.8).then(|| SERVICES[chance.below(chance.between(1, 7))]);
        let reporter = chance.is(0.8).then(|| format!("per_{}", chance.below(people)));
        let about = SERVICES[chance.below(6)];
        DigestRow {
            accepted: chance.is(0.6),
            at_ms: chance.below(40) as i64 * DAY_MS,
            lesson: chance
                .is(0.3)
                .then(|| format!("per_{} saw {about} and {}", chance.below(people), about.to_uppercase())),
            ..row(&format!("form-{}", chance.below(forms)), service, reporter.as_deref())
        }
    };
    (0..count).map(one).collect()
}

/// What somebody who has the digest could tell apart: each group, and of each form with groups the rest.
fn told_apart<'a>(digest: &Digest, rows: &'a [DigestRow]) -> Vec<(String, Vec<&'a DigestRow>)> {
    let rows: Vec<&DigestRow> =
        rows.iter().filter(|row| (digest.from_ms..digest.to_ms).contains(&row.at_ms)).collect();
    let forms: BTreeSet<&String> = digest.groups.iter().filter_map(|group| group.form.as_ref()).collect();
    let mut sets = Vec::new();
    for group in digest.groups.iter().filter(|group| group.service.is_some()) {
        let of =
            rows.iter().filter(|row| Some(&row.form) == group.form.as_ref() && row.service == group.service);
        sets.push((format!("{group:?}"), of.copied().collect()));
    }
    for form in &forms {
        let is_shown = |row: &&&DigestRow| {
            digest.groups.iter().any(|g| {
                g.form.as_ref() == Some(&row.form) && g.service.is_some() && g.service == row.service
            })
        };
        let rest = rows.iter().filter(|row| row.form == **form).filter(|row| !is_shown(row));
        sets.push((format!("rest of {form}"), rest.copied().collect()));
    }
    let left = rows.iter().filter(|row| !forms.contains(&row.form));
    if !forms.is_empty() || digest.groups.iter().any(|group| group.form.is_none()) {
        sets.push(("left of all forms".into(), left.copied().collect()));
    }
    sets
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_that_can_be_told_apart_is_fewer_than_k(seed in any::<u64>(), count in 0..120_usize, k in K_MIN..K_MIN + 5) {
        let rows = any_rows(seed, count);
        let digest = draft(&rows, 2 * DAY_MS, 35 * DAY_MS, k, &str::to_owned);
        for (what, set) in told_apart(&digest, &rows) {
            let reporters: BTreeSet<_> = set.iter().map(|row| row.reporter.as_ref()).collect();
            prop_assert!(set.is_empty() || (set.len() >= k && reporters.len() >= k), "{}: {} reports of {}", what, set.len(), reporters.len());
        }
        prop_assert!(digest.groups.iter().all(|group| group.reports_min >= k && group.reports_min % k == 0));
    }

    #[test]
    fn no_text_names_a_reporter_or_a_service_that_is_not_shown(seed in any::<u64>(), count in 0..120_usize) {
        let rows = any_rows(seed, count);
        let digest = draft(&rows, 0, 40 * DAY_MS, 5, &str::to_owned);
        let named: BTreeSet<&str> = digest.groups.iter().filter_map(|group| group.service.as_deref()).collect();
        let words: BTreeSet<String> = digest.groups.iter().flat_map(|g| &g.lessons).flat_map(|lesson| lesson.split(' ')).map(str::to_lowercase).collect();
        let reported: BTreeSet<&str> = rows.iter().filter_map(|row| row.service.as_deref()).collect();
        for service in reported.iter().filter(|service| !named.contains(*service)) {
            prop_assert!(!words.contains(*service), "{service}");
        }
        let reporters: BTreeSet<&String> = rows.iter().filter_map(|row| row.reporter.as_ref()).collect();
        prop_assert!(reporters.iter().all(|reporter| !words.contains(*reporter)));
    }

    #[test]
    fn one_report_more_or_less_shows_by_a_whole_k_or_not_at_all(seed in any::<u64>(), count in 1..80_usize) {
        let rows = any_rows(seed, count);
        let (with, without) = (draft(&rows, 0, 40 * DAY_MS, 5, &str::to_owned), draft(&rows[1..], 0, 40 * DAY_MS, 5, &str::to_owned));
        let total = |digest: &Digest| digest.groups.iter().map(|group| group.reports_min).sum::<usize>();
        prop_assert_eq!(total(&with).abs_diff(total(&without)) % 5, 0);
    }
}
