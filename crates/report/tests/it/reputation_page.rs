//! The page about the formula says what the code does.

use report::decision_table::{Case, ReporterKind, allowed};
use report::provenance::Channel;
use report::rate::{GUEST_LIMIT, GUESTS_LIMIT, Limit, MCP_LIMIT, SERVICE_LIMIT, limit_of};
use report::reputation::{
    Entry, HALF_LIFE_MS, NEWCOMER_OUTCOMES, Outcome, Reputation, TRUSTED_LOW_MIN, Tier, WATCHED_HIGH_MAX,
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

#[test]
fn the_table_of_rates_is_what_the_code_lets_through() {
    let page = page();
    let web = |tier| limit_of(tier, Channel::Web);
    let rows = [
        ("one guest's address (kept as a code of the day, in memory only)", GUEST_LIMIT),
        ("all guests together", GUESTS_LIMIT),
        ("watched", web(Tier::Watched)),
        ("newcomer", web(Tier::Newcomer)),
        ("regular", web(Tier::Regular)),
        ("trusted", web(Tier::Trusted)),
        ("by a model's tool (MCP), at most", MCP_LIMIT),
        ("on one service, by guests, watched and newcomers", SERVICE_LIMIT),
    ];
    for (who, Limit { burst, per_hour }) in rows {
        let per_hour = if per_hour < 1_000 {
            per_hour.to_string()
        } else {
            format!("{},{:03}", per_hour / 1_000, per_hour % 1_000)
        };
        let row = format!("| {who} | {burst} | {per_hour} |");
        assert!(page.contains(&row), "`{row}` is not on the page");
    }
}

/// A cell of the table of automation: a severity by itself, and with telemetry where that differs.
fn severities(case: Case) -> String {
    let name = |telemetry_match: bool| allowed(&Case { telemetry_match, ..case }).severity_max.as_str();
    if name(false) == name(true) {
        name(false).to_owned()
    } else {
        format!("{}; with telemetry {}", name(false), name(true))
    }
}

#[test]
fn the_table_of_automation_is_what_the_code_allows() {
    let page = page();
    let proved = |tier| Case {
        reporter: ReporterKind::Person,
        tier,
        channel_strength: 3,
        corroborated: false,
        telemetry_match: false,
        ring: false,
        rate_held: false,
    };
    let rows = [
        (
            "without a name",
            Case { reporter: ReporterKind::Anonymous, channel_strength: 0, ..proved(Tier::Newcomer) },
        ),
        ("watched", proved(Tier::Watched)),
        ("newcomer, proved", proved(Tier::Newcomer)),
        ("regular, proved", proved(Tier::Regular)),
        ("trusted, proved", proved(Tier::Trusted)),
    ];
    for (who, case) in rows {
        let with_telemetry = allowed(&Case { telemetry_match: true, ..case });
        let accepted = if with_telemetry.may_accept { "only with telemetry" } else { "never" };
        let row = format!("| {who} | {} | {accepted} |", severities(case));
        assert!(page.contains(&row), "`{row}` is not on the page");
    }
}
