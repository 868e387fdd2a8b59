//! The pass allocates nothing once its buffers have grown.

use super::{catalog, shared};
use huecry_enrich::{Enricher, Facts, GeoDatabases, Pass, ProcessEvent, ProcessRef};
use model::EntityKind;

#[test]
fn a_known_event_costs_no_allocation() {
    let text = "services: [{name: a, owner: x, hosts: ['web-*'], repositories: [acme/web], accounts: [1]}]";
    let (geo, _) = match shared("enrich-geoip/maxmind-db/test-data") {
        Some(folder) => GeoDatabases::open([folder.join("GeoLite2-City-Test.mmdb").as_path()]),
        None => GeoDatabases::open([]),
    };
    let has_geo = !geo.is_empty();
    let enricher = Enricher::of(catalog(&[text]).0, geo);
    let mut pass = Pass::default();
    let things = [
        [(EntityKind::Host, "WEB-1"), (EntityKind::Address, "81.2.69.160")],
        [(EntityKind::Repository, "Acme/Web"), (EntityKind::Address, "2001:218::1")],
        [(EntityKind::Account, "1"), (EntityKind::Resource, "arn:aws:s3:::nobodys")],
    ];
    let run = |pass: &mut Pass, starts: bool| {
        let mut known = 0;
        for (entities, time_ms) in things.iter().cycle().zip(0..300) {
            let parent = ProcessRef { pid: 1, started_at_ms: None, image: "/sbin/init" };
            let process = ProcessRef { pid: 2, started_at_ms: Some(5), image: "/bin/sh" };
            let process = ProcessEvent { host: "web-1", process, parent: Some(parent), starts, ends: false };
            let facts = Facts { time_ms, source: "s", entities: entities.iter().copied() };
            let told = pass.enrich(&enricher, Some(&process), &facts);
            known += u32::from(told.owner.is_some()) + u32::from(told.src_country.is_some());
            known += told.ancestors.len() as u32;
        }
        known
    };
    run(&mut pass, true);
    let mut known = 0;
    let counted = allocation_counter::measure(|| known = run(&mut pass, false));
    assert_eq!(counted.count_total, 0, "allocations in 300 events");
    assert_eq!(known, 300 + 300 + if has_geo { 200 } else { 0 });
}
