//! The page about the formula says what the code does.

use report::reputation::{
    Entry, HALF_LIFE_MS, NEWCOMER_OUTCOMES, Outcome, Reputation, TRUSTED_LOW_MIN, WATCHED_HIGH_MAX,
};
use std::path::Path;

const NOW_MS: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/reputation.md");
    std::fs::read_to_string(path).unwrap()
}

/// `3 × 0 d, 1 × 180 d` → ages in days.
fn ages(cell: &str) -> Vec<i64> {
    let parts = cell.split(',').map(str::trim).filter(|part| *part != "none");
    parts
        .flat_map(|part| {
            let (count, age) = part.split_once(" × ").unwrap();
            vec![age.strip_suffix(" d").unwrap().parse().unwrap(); count.parse().unwrap()]
        })
        .collect()
}

#[test]
fn worked_examples_are_what_the_code_computes() {
    let page = page();
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        (cells.len() == 6 && (cells[0].contains('×') || cells[0] == "none")).then_some(cells)
    });
    let mut examples = 0;
    for cells in rows {
        let mut entries = Vec::new();
        for (outcome, cell) in [(Outcome::Accepted, cells[0]), (Outcome::CountedAgainst, cells[1])] {
            for age_days in ages(cell) {
                let report = format!("rep_{}", entries.len());
                entries.push(Entry::new(report, "phishing", outcome, NOW_MS - age_days * DAY_MS));
            }
        }
        let r = Reputation::of(&entries, NOW_MS);
        let got = [r.mean, r.low, r.high].map(|value| format!("{value:.3}"));
        assert_eq!(got.each_ref().map(String::as_str), [cells[2], cells[3], cells[4]], "{cells:?}");
        assert_eq!(r.tier.as_str(), cells[5], "{cells:?}");
        examples += 1;
    }
    assert!(examples >= 8, "{examples} examples");
}

#[test]
fn the_numbers_in_the_text_are_the_constants() {
    let page = page();
    for want in [
        format!("{} days", HALF_LIFE_MS / DAY_MS),
        format!("≥ {TRUSTED_LOW_MIN}"),
        format!("≤ {WATCHED_HIGH_MAX}"),
        format!("fewer than {NEWCOMER_OUTCOMES}"),
    ] {
        assert!(page.contains(&want), "`{want}` is not on the page");
    }
}
