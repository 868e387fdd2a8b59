//! 0 differences on real records: a seeded sample here, every record by `cargo xtask sigma-differential`.

use crate::corpus::{cloudtrail_events, evtx_events, otrf_events, sigma_rules};
use crate::oracle::{Both, Source, Tally, routed, sample, unrouted};
use crate::shared_data;

const SEED: u64 = 4;
/// The reference takes some ten milliseconds for the rules of one process.
const SAMPLED_EVENTS: usize = 100;
const SAMPLED_EVENTS_WITH_ALL_RULES: usize = 12;
const FOLDERS: &[&str] = &["rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance"];

fn check(tally: &Tally, what: &str) {
    println!("{what}: {} events, {} hits", tally.events, tally.hits);
    assert!(tally.differences.is_empty(), "{what}: {:#?}", tally.differences);
    assert!(tally.events > 0 && tally.hits > 0, "{what}: {tally:?} proves nothing");
}

#[test]
fn the_product_and_the_reference_agree_on_real_records() {
    let Some(sigma) = shared_data::folder("sigma") else { return };
    let data = sigma.parent().unwrap();
    let both = Both::load(&sigma_rules(&sigma, FOLDERS));
    assert!(both.plain.rules().len() > 3_700, "{}", both.plain.rules().len());
    let (evtx, otrf, cloudtrail) = (evtx_events(data), otrf_events(data), cloudtrail_events(data));
    assert!(evtx.len() > 1_000 && otrf.len() > 15_000 && cloudtrail.len() > 1_500);
    let [of_evtx, of_otrf, of_cloudtrail] =
        [&evtx, &otrf, &cloudtrail].map(|events| sample(events, SEED, SAMPLED_EVENTS));
    check(&routed(&both, Source::EventLog, &of_evtx), "event logs, routed");
    check(&routed(&both, Source::EventLog, &of_otrf), "OTRF, routed");
    check(&routed(&both, Source::CloudTrail, &of_cloudtrail), "cloudtrail, routed");
    let mixed: Vec<_> = of_evtx.iter().zip(&of_cloudtrail).flat_map(|(a, b)| [*a, *b]).collect();
    check(&unrouted(&both, &mixed[..SAMPLED_EVENTS_WITH_ALL_RULES]), "all rules");
}
