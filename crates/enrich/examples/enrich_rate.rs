//! How long the enrich pass takes for one event, with a catalogue of 10,000 services and databases if given:
//! `cargo run --profile demo -p huecry-enrich --example enrich_rate -- GeoLite2-City.mmdb GeoLite2-ASN.mmdb`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench prints, and stops at what fails"
)]

use huecry_enrich::{
    CatalogBuilder, Document, Enricher, Facts, GeoDatabases, Pass, ProcessEvent, ProcessRef,
};
use model::EntityKind;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

const SERVICES: usize = 10_000;
const EVENTS: usize = 2_000_000;

fn enricher() -> Enricher {
    let mut text = "services:\n".to_owned();
    for n in 0..SERVICES {
        writeln!(
            text,
            "  - {{name: s{n}, owner: '@acme/t{}', criticality: high, repositories: [acme/r{n}], \
             hosts: ['h{n}-*'], resources: ['arn:aws:s3:::b{n}-*'], accounts: ['{n:012}']}}",
            n % 100
        )
        .unwrap();
    }
    let started = Instant::now();
    let mut builder = CatalogBuilder::default();
    builder.document(&Document { file: "services.yaml".to_owned(), text, modified_ms: 0 });
    let (catalog, faults) = builder.build(None);
    assert!(faults.is_empty(), "{:?}", faults.first());
    println!("{SERVICES} services read in {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (geo, errors) = GeoDatabases::open(paths.iter().map(PathBuf::as_path));
    errors.iter().for_each(|error| println!("{error}"));
    Enricher::of(catalog, geo)
}

fn main() {
    let enricher = enricher();
    let mut pass = Pass::default();
    let names: Vec<[String; 4]> = (0..1_000_usize)
        .map(|n| {
            let service = n * 7 % SERVICES;
            [
                format!("arn:aws:s3:::b{service}-logs"),
                format!("Acme/R{service}"),
                format!("{service:012}"),
                format!("{}.{}.{}.{}", 1 + n % 220, n % 256, n * 3 % 256, n * 7 % 256),
            ]
        })
        .collect();
    let cases = [
        ("resource by pattern", EntityKind::Resource, 0, false),
        ("repository", EntityKind::Repository, 1, false),
        ("account", EntityKind::Account, 2, false),
        ("address", EntityKind::Address, 3, false),
        ("nothing that is known", EntityKind::Credential, 0, false),
        ("16 ancestors", EntityKind::Credential, 0, true),
    ];
    for pid in 2..20 {
        pass.note(&enricher, Some(&process(pid, true)), pid as i64);
    }
    for (what, kind, which, has_process) in cases {
        let (started, mut known) = (Instant::now(), 0_usize);
        for (name, time_ms) in names.iter().cycle().zip(100..).take(EVENTS) {
            let entities = [(kind, name[which].as_str())];
            let process = has_process.then(|| process(19, false));
            let facts = Facts { time_ms, source: "s", entities: entities.into_iter() };
            let told = pass.enrich(&enricher, process.as_ref(), &facts);
            known +=
                usize::from(told.owner.is_some() || told.src_country.is_some() || !told.ancestors.is_empty());
        }
        let ns = started.elapsed().as_secs_f64() * 1e9 / EVENTS as f64;
        println!("{what:<24} {ns:>6.0} ns an event, {:.0} % known", 100.0 * known as f64 / EVENTS as f64);
    }
}

fn process(pid: u64, starts: bool) -> ProcessEvent<'static> {
    let parent = ProcessRef { pid: pid - 1, started_at_ms: None, image: "/usr/sbin/sshd" };
    let process = ProcessRef { pid, started_at_ms: Some(pid as i64), image: "/usr/bin/bash" };
    ProcessEvent { host: "web-1", process, parent: Some(parent), starts, ends: false }
}
