//! How fast rules match: `cargo run -p huecry-sigma --profile demo --example throughput -- RULES EVENTS [PRODUCT SERVICE]`.
//!
//! RULES is a folder of rule files, EVENTS a folder of JSON files (lists, or `{"Records": […]}`).
//! The events are read and indexed first; only [`sigma::RuleSet::matches`] is timed.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

extern crate huecry_sigma as sigma;

use std::path::Path;
use std::time::Instant;

use serde_json::Value as Json;
use sigma::{Logsource, MatchScratch, RuleSet, parse_rules};

#[path = "../tests/it/json_view.rs"]
mod json_view;
#[allow(dead_code)]
#[path = "../tests/it/shared_data.rs"]
mod shared_data;

use json_view::{Fields, JsonView};

const ROUNDS: u32 = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rules, events, source @ ..] = arguments.as_slice() else {
        println!("usage: throughput RULES EVENTS [PRODUCT SERVICE]");
        std::process::exit(2);
    };
    let started = Instant::now();
    let mut parsed = Vec::new();
    let mut refused = 0;
    for path in shared_data::files(Path::new(rules), ".yml") {
        for result in parse_rules(&std::fs::read_to_string(&path).unwrap(), path.to_str().unwrap()) {
            match result {
                Ok(rule) => parsed.push(rule),
                Err(error) => {
                    refused += 1;
                    println!("{error}");
                }
            }
        }
    }
    let mut fields = Fields::default();
    let (set, errors) = RuleSet::compile(parsed, &mut fields);
    errors.iter().for_each(|error| println!("{error}"));
    let refused = refused + errors.len();
    let route = match source {
        [product, service] => set.route(&Logsource::of(product, service)),
        _ => set.route_all(),
    };
    println!(
        "{} rules loaded, {refused} refused, {} predicates, {:?}; route: {} rules, {} of them unindexed",
        set.rules().len(),
        set.predicate_count(),
        started.elapsed(),
        route.rules().len(),
        route.unindexed_rules(),
    );
    let events = read_events(Path::new(events));
    let views: Vec<JsonView<'_>> = events.iter().map(|event| JsonView::new(event, &fields)).collect();
    let mut scratch = MatchScratch::new();
    let mut hits = 0_u64;
    let started = Instant::now();
    for _ in 0..ROUNDS {
        for view in &views {
            set.matches(&route, view, &mut scratch, &mut |_| hits += 1);
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let count = views.len() as f64 * f64::from(ROUNDS);
    println!(
        "{} events x {ROUNDS}: {:.0} events/s on one core, {:.2} us/event, {} hits a round",
        views.len(),
        count / seconds,
        seconds * 1e6 / count,
        hits / u64::from(ROUNDS),
    );
}

fn read_events(folder: &Path) -> Vec<Json> {
    let mut events = Vec::new();
    for path in shared_data::files(folder, ".json") {
        let Ok(json) = serde_json::from_str::<Json>(&std::fs::read_to_string(&path).unwrap()) else {
            continue;
        };
        match json {
            Json::Array(items) => events.extend(items),
            Json::Object(mut envelope) => match envelope.remove("Records") {
                Some(Json::Array(items)) => events.extend(items),
                _ => events.push(Json::Object(envelope)),
            },
            _ => {}
        }
    }
    events
}
