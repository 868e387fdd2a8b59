//! Export and import: the round trip is equal, and importing twice adds nothing.

use crate::conformance::eager;
use crate::events::{DAY_MS, NOW_MS, event, feed, kind_of};
use crate::reading;
use bytes::Bytes;
use disk::simulated::{Faults, SimDisk};
use huecry_lake::{FileLake, Filter, Imported, Snapshots};
use model::{Offset, Partition};
use ports::lake::conformance::Seen;
use ports::{Lake, LakeError};
use proptest::prelude::*;
use std::sync::Arc;

struct Lab {
    disk: SimDisk,
    lake: FileLake,
}

impl Lab {
    fn new() -> Self {
        let disk = SimDisk::new(5);
        let lake = FileLake::open_on(Arc::new(disk.clone()), &eager("/lake")).unwrap();
        Self { disk, lake }
    }

    /// With `rounds` of events, some merged, some in first-level files, some in none.
    fn filled(rounds: u64) -> Self {
        let lab = Self::new();
        let mut writer = lab.lake.writer(Partition(0)).unwrap();
        for round in 0..rounds {
            feed(&mut *writer, Partition(0), round * 9..round * 9 + 9, NOW_MS).unwrap();
            match round % 4 {
                0 => lab.lake.flush().unwrap(),
                2 => drop(lab.lake.maintain(NOW_MS + DAY_MS, &[]).unwrap()),
                _ => {}
            }
        }
        lab
    }

    fn seen(&self) -> Vec<Seen> {
        let mut seen = reading::all(|path| self.disk.content(path).unwrap(), &self.lake.snapshot());
        seen.sort();
        seen
    }

    fn export(&self, filter: &Filter) -> Bytes {
        let mut out = Vec::new();
        let events = self.lake.export(filter, &mut out).unwrap();
        let rows: usize = reading::batches(out.clone()).iter().map(|batch| batch.num_rows()).sum();
        assert_eq!(rows as u64, events);
        out.into()
    }

    fn import(&self, export: &Bytes) -> Imported {
        self.lake.import(export.clone(), NOW_MS).unwrap()
    }
}

fn of_export(export: &Bytes) -> Vec<Seen> {
    let mut seen: Vec<Seen> = reading::batches(export.to_vec()).iter().flat_map(reading::of_batch).collect();
    seen.sort();
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_exported_and_imported_is_equal(rounds in 0_u64..12, maintained: bool) {
        let from = Lab::filled(rounds);
        let export = from.export(&Filter::default());
        prop_assert_eq!(of_export(&export), from.seen());
        let to = Lab::new();
        prop_assert_eq!(to.import(&export), Imported { events: rounds * 9, duplicates: 0 });
        if maintained {
            to.lake.maintain(NOW_MS + DAY_MS, &[]).unwrap();
        }
        prop_assert_eq!(to.seen(), from.seen());
        prop_assert_eq!(of_export(&to.export(&Filter::default())), from.seen());
    }

    #[test]
    fn a_filter_takes_what_it_says(from_h in -10_i64..60, hours in 0_i64..60, class: bool, region: bool) {
        let lab = Lab::filled(6);
        let time_ms = NOW_MS - from_h * 3_600_000..NOW_MS - (from_h - hours) * 3_600_000;
        let filter = Filter {
            time_ms: Some(time_ms.clone()),
            class_uids: class.then(|| vec![3002]),
            regions: region.then(|| vec!["eu".to_owned()]),
        };
        let expected: Vec<Seen> = (0..54)
            .map(|offset| event(0, offset, kind_of(offset)))
            .filter(|event| time_ms.contains(&event.time_ms))
            .filter(|event| !class || event.class_uid == 3002)
            .filter(|event| !region || event.region == "eu")
            .collect();
        prop_assert_eq!(of_export(&lab.export(&filter)), expected);
    }
}

#[test]
fn importing_twice_adds_nothing() {
    let (from, to) = (Lab::filled(5), Lab::new());
    let export = from.export(&Filter::default());
    assert_eq!(to.import(&export), Imported { events: 45, duplicates: 0 });
    assert_eq!(to.import(&export), Imported { events: 0, duplicates: 45 }, "known by its hash");
    let part = Filter { class_uids: Some(vec![3002]), ..Filter::default() };
    let part = from.export(&part);
    let events = of_export(&part).len() as u64;
    assert_eq!(to.import(&part), Imported { events: 0, duplicates: events }, "known by event ids");
    assert_eq!(
        from.import(&export),
        Imported { events: 0, duplicates: 45 },
        "events of the log are known too"
    );
    assert_eq!((to.seen(), from.seen().len()), (from.seen(), 45));
    assert_eq!(to.lake.position(Partition(0)), Offset(0), "an import is of no partition");
}

#[test]
fn an_import_survives_reopening_and_is_remembered() {
    let (from, to) = (Lab::filled(3), Lab::new());
    let export = from.export(&Filter::default());
    to.import(&export);
    let Lab { disk, lake } = to;
    drop(lake);
    disk.power_cut();
    let lake = FileLake::open_on(Arc::new(disk.clone()), &eager("/lake")).unwrap();
    let again = Lab { disk, lake };
    assert_eq!(again.seen(), from.seen());
    assert_eq!(again.import(&export), Imported { events: 0, duplicates: 27 });
}

#[test]
fn what_is_no_export_is_refused_whole() {
    let (from, to) = (Lab::filled(3), Lab::new());
    let good = from.export(&Filter::default());
    for (what, bytes) in [
        ("nothing", Bytes::new()),
        ("text", Bytes::from_static(b"PAR1 this is no parquet file PAR1")),
        ("cut", good.slice(..good.len() / 2)),
        ("head lost", good.slice(good.len() / 2..)),
    ] {
        let error = to.lake.import(bytes, NOW_MS).unwrap_err();
        assert!(matches!(&error, LakeError::Corrupt { file, .. } if file == "import"), "{what}: {error}");
    }
    assert_eq!((to.seen(), to.lake.size().files), (Vec::new(), 0));
}

#[test]
fn an_import_that_finds_no_room_adds_nothing() {
    let (from, to) = (Lab::filled(3), Lab::new());
    let export = from.export(&Filter::default());
    to.disk.set_faults(Faults { capacity_bytes: Some(15_000), ..Faults::default() });
    let error = to.lake.import(export.clone(), NOW_MS).unwrap_err();
    assert!(matches!(error, LakeError::DiskFull), "{error}");
    to.disk.set_faults(Faults::default());
    assert_eq!(to.seen(), []);
    assert_eq!(to.import(&export), Imported { events: 27, duplicates: 0 });
}
