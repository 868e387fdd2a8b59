//! The pass over a record inside one thread: map, and map, enrich and match; with allocations counted.

use crate::Failed;
use crate::limits::Limits;
use enrich::{CatalogBuilder, Document, Enricher, GeoDatabases};
use huecry::engine::{Engine, Scratch, Wanted};
use model::{Offset, Partition, Position, RawRecord, Topic};
use normalize::RawData;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A rule's file name and text.
pub(crate) type RuleText = (String, String);

pub(crate) struct HotPath {
    rules: usize,
    /// Parse and map, records a second.
    map: f64,
    /// Parse, map, enrich and match, records a second.
    detect: f64,
    matches: u64,
    allocations_map: f64,
    allocations_detect: f64,
    parse_tape: f64,
}

pub(crate) fn measure(
    sample: &[String],
    rules: &[(String, String)],
    limits: &Limits,
) -> Result<HotPath, Failed> {
    let documents = rules.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (engine, report) = Engine::load(documents).map_err(|errors| format!("{errors:?}"))?;
    let engine = engine.with_enricher(Arc::new(enricher()));
    let mut scratch = Scratch::new(RawData::Exclude);
    let mut matches = 0;
    let warm_up = &sample[..sample.len().min(5_000)];
    run(&engine, warm_up, &mut scratch, true, &mut matches)?;
    let started = Instant::now();
    run(&engine, sample, &mut scratch, false, &mut matches)?;
    let map = sample.len() as f64 / started.elapsed().as_secs_f64();
    matches = 0;
    let started = Instant::now();
    run(&engine, sample, &mut scratch, true, &mut matches)?;
    let detect = sample.len() as f64 / started.elapsed().as_secs_f64();
    let mut count = |rules: bool| -> f64 {
        let counted = allocation_counter::measure(|| {
            let mut ignored = 0;
            let _ = run(&engine, warm_up, &mut scratch, rules, &mut ignored);
        });
        counted.count_total as f64 / warm_up.len() as f64
    };
    Ok(HotPath {
        rules: report.loaded,
        map,
        detect,
        matches,
        allocations_map: count(false),
        allocations_detect: count(true),
        parse_tape: limits.parse_tape,
    })
}

/// The owners of Acme, whose accounts and roles the sample is about.
fn enricher() -> Enricher {
    let mut builder = CatalogBuilder::default();
    let (file, text) = ("services.yaml".to_owned(), acme::SERVICES_YAML.to_owned());
    builder.document(&Document { file, text, modified_ms: 0 });
    Enricher::of(builder.build(None).0, GeoDatabases::default())
}

/// A rule that matches more than this share of normal records would be somebody's full-time job; the whole
/// way is measured without it, and the output says so.
const NOISE_MAX: f64 = 0.01;

/// Splits rules into those to run, and the titles of those that match too much of `sample`.
pub(crate) fn without_noise(
    sample: &[String],
    rules: Vec<RuleText>,
) -> Result<(Vec<RuleText>, Vec<String>), Failed> {
    let documents = rules.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (engine, _) = Engine::load(documents).map_err(|errors| format!("{errors:?}"))?;
    let mut scratch = Scratch::new(RawData::Exclude);
    let mut by_file: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for (number, body) in (0_u64..).zip(sample) {
        let position = Position::new(Topic::Raw, Partition(0), Offset(number));
        engine.process(
            &raw(body),
            position,
            &mut scratch,
            |_| Wanted::EventAndRules,
            |_| (),
            |matched| {
                let Some(rule) = matched.rule() else { return };
                let entry = by_file.entry(rule.file.to_string()).or_insert_with(|| (0, rule.title.clone()));
                entry.0 += 1;
            },
        )?;
    }
    let noise_max = (sample.len() as f64 * NOISE_MAX) as u64;
    let noisy = |name: &str| by_file.get(name).is_some_and(|(matches, _)| *matches > noise_max);
    let (noise, quiet): (Vec<_>, Vec<_>) = rules.into_iter().partition(|(name, _)| noisy(name));
    let titles = noise.iter().filter_map(|(name, _)| {
        let (matches, title) = by_file.get(name)?;
        Some(format!("{title} ({:.0} %)", 100.0 * *matches as f64 / sample.len() as f64))
    });
    Ok((quiet, titles.collect()))
}

fn raw(body: &str) -> RawRecord<'_> {
    RawRecord {
        source: "bench",
        kind: "aws_cloudtrail",
        event_type: None,
        delivery_id: None,
        region: "default",
        received_at_ms: 0,
        body: body.as_bytes(),
    }
}

fn run(
    engine: &Engine,
    sample: &[String],
    scratch: &mut Scratch,
    rules: bool,
    matches: &mut u64,
) -> Result<(), Failed> {
    let wanted = if rules { Wanted::EventAndRules } else { Wanted::Nothing };
    for (number, body) in (0_u64..).zip(sample) {
        let position = Position::new(Topic::Raw, Partition(0), Offset(number));
        engine.process(&raw(body), position, scratch, |_| wanted, |_| (), |_| *matches += 1)?;
    }
    Ok(())
}

impl fmt::Display for HotPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nthe pass over a record, one thread")?;
        writeln!(
            f,
            "  parse + map to OCSF            {:>12.0} records/s ({:.2} × parse only), {:.3} allocations a record",
            self.map,
            self.map / self.parse_tape,
            self.allocations_map
        )?;
        write!(
            f,
            "  parse + map + enrich + {:>3} rules {:>10.0} records/s ({:.2} × parse only), {:.3} allocations a record, {} matches",
            self.rules,
            self.detect,
            self.detect / self.parse_tape,
            self.allocations_detect,
            self.matches
        )
    }
}
