//! Order, repeatability, volumes and labels.

use std::collections::{BTreeMap, HashSet};

use acme::{Acme, Attack, Record, Source, bench_records};
use sha2::{Digest, Sha256};

/// 2026-03-01T00:00:00Z
pub(crate) const END_MS: i64 = 1_772_323_200_000;
const DAY_MS: i64 = 86_400_000;

pub(crate) fn source_name(source: Source) -> &'static str {
    match source {
        Source::AwsCloudtrail => "aws_cloudtrail",
        Source::Okta => "okta",
        Source::GithubAudit => "github_audit",
        Source::GithubWebhook { .. } => "github_webhook",
    }
}

fn digest(records: impl Iterator<Item = Record>) -> String {
    let mut sum = Sha256::new();
    for record in records {
        sum.update(record.id.as_bytes());
        sum.update(record.time_ms.to_le_bytes());
        sum.update(record.body.as_bytes());
        sum.update(record.label.map_or("", Attack::name).as_bytes());
    }
    sum.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A change of these means that everybody's demo changes: do it knowingly.
#[test]
fn the_bytes_of_a_seed_never_change_by_accident() {
    assert_eq!(digest(Acme::new(7, END_MS, 10, 1.0)), "bf4e6f6e239ab321");
    assert_eq!(digest(Acme::live(7, END_MS).take(500)), "1c08839eb532a0c9");
    assert_eq!(digest(bench_records(7, 1_000)), "f5f5d536f96a95e2");
}

#[test]
fn another_seed_plays_something_else() {
    assert_ne!(digest(Acme::new(7, END_MS, 2, 1.0)), digest(Acme::new(8, END_MS, 2, 1.0)));
}

#[test]
fn ninety_days_have_the_promised_volume_order_labels_and_ids() {
    let begin_ms = END_MS - 90 * DAY_MS;
    let mut last_ms = begin_ms;
    let mut ids = HashSet::new();
    let mut sources: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut labels: BTreeMap<Attack, usize> = BTreeMap::new();
    for record in Acme::new(1, END_MS, 90, 1.0) {
        assert!(record.time_ms >= last_ms && record.time_ms < END_MS, "out of order: {}", record.body);
        last_ms = record.time_ms;
        assert!(ids.insert(record.id.clone()), "repeated id {}", record.id);
        let entry = sources.entry(source_name(record.source)).or_default();
        *entry = (entry.0 + 1, entry.1 + record.body.len());
        if let Some(attack) = record.label {
            *labels.entry(attack).or_default() += 1;
        }
    }
    eprintln!("{} records; (count, bytes) {sources:?}; attacks {labels:?}", ids.len());
    assert!((60_000..=100_000).contains(&ids.len()), "{} records", ids.len());
    assert_eq!(sources.len(), 4);
    let (count, bytes) = sources["aws_cloudtrail"];
    assert!(count > 25_000, "{count} CloudTrail records");
    assert!((1_000..=1_600).contains(&(bytes / count)), "{} bytes each", bytes / count);
    for (attack, at_least) in [
        (Attack::LeakedKey, 30),
        (Attack::MaliciousWorkflow, 24),
        (Attack::CredentialStuffing, 640),
        (Attack::PrivilegeEscalation, 24),
        (Attack::LogTampering, 12),
    ] {
        let count = labels.get(&attack).copied().unwrap_or_default();
        assert!(count >= at_least, "{} has {count} records", attack.name());
    }
    let attacks: usize = labels.values().sum();
    assert!(attacks * 50 < ids.len(), "attacks are {attacks} of {}", ids.len());
}

#[test]
fn leaving_attacks_out_changes_nothing_else() {
    let all = Acme::new(3, END_MS, 12, 1.0).filter(|record| record.label.is_none());
    let benign = Acme::new(3, END_MS, 12, 1.0).benign_only();
    assert!(all.eq(benign));
}

/// The last number of every 203.0.113.0/24 address in `body`; from 130 on they are attackers'.
fn visitors(body: &str) -> impl Iterator<Item = u32> {
    body.split("203.0.113.").skip(1).filter_map(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    })
}

/// What only attackers do in Acme must never be without a label.
#[test]
fn no_attack_is_unlabelled() {
    let deeds = [
        "\"StopLogging\"",
        "\"AttachUserPolicy\"",
        "audit_log_streaming.",
        "user.mfa.factor.reset_all",
        "user.account.privilege.grant",
        "protected_branch.policy_override",
        "zx-null-ptr",
    ];
    let mut seen = 0;
    for record in Acme::new(5, END_MS, 60, 1.0) {
        let body = &record.body;
        if visitors(body).any(|last| last >= 130) || deeds.iter().any(|deed| body.contains(deed)) {
            assert!(record.label.is_some(), "unlabelled: {body}");
            seen += 1;
        }
    }
    assert!(seen > 700, "{seen} suspicious records");
}

#[test]
fn work_follows_the_week_and_the_clock() {
    let mut weekdays = 0_usize;
    let mut weekend = 0_usize;
    let mut by_hour = [0_usize; 24];
    for record in Acme::new(9, END_MS, 28, 1.0).benign_only() {
        let moment =
            jiff::Timestamp::from_millisecond(record.time_ms).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        if matches!(moment.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday) {
            weekend += 1;
        } else {
            weekdays += 1;
            by_hour[moment.hour() as usize] += 1;
        }
    }
    assert!(weekdays * 2 > weekend * 5 * 3, "per day: weekdays {} weekend {}", weekdays / 5, weekend / 2);
    assert!(by_hour[13] > 4 * by_hour[1], "by hour, UTC: {by_hour:?}");
}

#[test]
fn the_live_play_follows_on_the_history() {
    let from_ms = END_MS + 13 * 3_600_000 + 1;
    let to_ms = from_ms + DAY_MS;
    let live: Vec<Record> =
        Acme::live(11, from_ms).benign_only().take_while(|record| record.time_ms < to_ms).collect();
    let known: Vec<Record> =
        Acme::new(11, to_ms, 5, 1.0).benign_only().filter(|record| record.time_ms >= from_ms).collect();
    assert!(!live.is_empty());
    assert_eq!(live, known);
}

#[test]
fn the_live_play_attacks_soon_and_in_turn() {
    let first_day: Vec<Record> =
        Acme::live(2, END_MS).take_while(|record| record.time_ms < END_MS + DAY_MS).collect();
    let first = first_day.iter().find(|record| record.label.is_some()).unwrap();
    assert!(first.time_ms < END_MS + 600_000);
    let kinds: HashSet<Attack> = first_day.iter().filter_map(|record| record.label).collect();
    assert_eq!(kinds.len(), Attack::ALL.len());
}

#[test]
fn the_scale_multiplies_the_volume() {
    let count = |scale| Acme::new(4, END_MS, 14, scale).benign_only().count();
    let (half, one, three) = (count(0.5), count(1.0), count(3.0));
    assert!(half < one && one * 2 < three, "{half} {one} {three}");
}

#[test]
fn odd_arguments_give_short_plays_and_no_panic() {
    assert_eq!(Acme::new(1, END_MS, 0, 1.0).count(), 0);
    assert_eq!(Acme::new(1, -5, 3, 1.0).count(), 0);
    assert!(Acme::new(1, END_MS, 1, f64::NAN).count() > 0);
    assert!(Acme::new(1, END_MS, 1, -1.0).count() < Acme::new(1, END_MS, 1, 1.0).count());
    assert!(Acme::live(1, i64::MIN).next().is_some());
}

#[test]
fn bench_records_are_many_different_ones() {
    let mut ids = HashSet::new();
    let (mut addresses, mut users, mut bytes, mut last_ms) = (HashSet::new(), HashSet::new(), 0, 0);
    for record in bench_records(1, 20_000) {
        let body: serde_json::Value = serde_json::from_str(&record.body).unwrap();
        assert_eq!(body["eventID"], record.id.as_str());
        addresses.insert(body["sourceIPAddress"].to_string());
        users.insert(body["userIdentity"]["arn"].to_string());
        bytes += record.body.len();
        assert!(record.time_ms >= last_ms);
        last_ms = record.time_ms;
        ids.insert(record.id);
    }
    eprintln!("bench: {} bytes each, {} addresses, {} users", bytes / 20_000, addresses.len(), users.len());
    assert_eq!(ids.len(), 20_000);
    assert!(addresses.len() > 8_000 && users.len() > 15_000);
    assert!((1_100..=1_300).contains(&(bytes / 20_000)), "{} bytes each", bytes / 20_000);
}
