//! Any sequence of calls against a list of events: what is committed is seen, once, whatever happened to it.

use crate::conformance::eager;
use crate::events::{DAY_MS, Kind, NOW_MS, event, push};
use crate::reading;
use disk::simulated::SimDisk;
use huecry_lake::{FileLake, Options, Snapshot, Snapshots};
use model::{Offset, Partition};
use ports::lake::RetentionRule;
use ports::lake::conformance::Seen;
use ports::{Lake, LakeWriter};
use proptest::prelude::*;
use std::sync::Arc;

const CLASSES: [u32; 3] = [6003, 3002, 0];
const REGIONS: [&str; 3] = ["default", "eu", "a/b é"];

#[derive(Debug, Clone)]
enum Step {
    Commit { partition: u32, kinds: Vec<Option<Kind>> },
    Discard { partition: u32, kinds: Vec<Kind> },
    Flush,
    Maintain { hours: i64 },
    Expire { class: Option<usize>, days: i64 },
    Reopen,
    Crash,
    TakeOver { partition: u32 },
    Hold,
}

fn kinds() -> impl Strategy<Value = Kind> {
    let age_ms = prop_oneof![
        0..3 * DAY_MS,
        // clocks that are wrong, and times that no calendar has
        Just(-30 * DAY_MS),
        Just(NOW_MS + 5),
        Just(-(i64::MAX - NOW_MS) / 2),
        (0..400_i64).prop_map(|days| days * DAY_MS),
    ];
    (0..CLASSES.len(), 0..REGIONS.len(), age_ms).prop_map(|(class, region, age_ms)| Kind {
        class_uid: CLASSES[class],
        region: REGIONS[region],
        age_ms,
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let batch = prop::collection::vec(prop::option::weighted(0.9, kinds()), 0..12);
    prop_oneof![
        8 => (0..2_u32, batch).prop_map(|(partition, kinds)| Step::Commit { partition, kinds }),
        1 => (0..2_u32, prop::collection::vec(kinds(), 0..4))
            .prop_map(|(partition, kinds)| Step::Discard { partition, kinds }),
        3 => Just(Step::Flush),
        4 => (0..30_i64).prop_map(|hours| Step::Maintain { hours }),
        1 => (prop::option::of(0..CLASSES.len()), 0..500_i64).prop_map(|(class, days)| Step::Expire { class, days }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        1 => (0..2_u32).prop_map(|partition| Step::TakeOver { partition }),
        1 => Just(Step::Hold),
    ]
}

struct Bed {
    disk: SimDisk,
    lake: Option<FileLake>,
    writers: Vec<Box<dyn LakeWriter>>,
    /// Each partition's offsets, with the event if there was one.
    fed: [Vec<Option<Seen>>; 2],
    held: Vec<(Snapshot, Vec<Seen>)>,
    now_ms: i64,
}

impl Bed {
    fn new() -> Self {
        let (fed, held) = ([Vec::new(), Vec::new()], Vec::new());
        let mut bed =
            Self { disk: SimDisk::new(10), lake: None, writers: Vec::new(), fed, held, now_ms: NOW_MS };
        bed.open();
        bed
    }

    fn open(&mut self) {
        let options = Options { flush_age_ms_max: 3_600_000, ..eager("/lake") };
        let lake = FileLake::open_on(Arc::new(self.disk.clone()), &options).unwrap();
        self.writers = (0..2).map(|partition| lake.writer(Partition(partition)).unwrap()).collect();
        self.lake = Some(lake);
    }

    fn lake(&self) -> &FileLake {
        self.lake.as_ref().unwrap()
    }

    fn read(&self, snapshot: &Snapshot) -> Vec<Seen> {
        let mut seen = reading::all(|path| self.disk.content(path).unwrap(), snapshot);
        seen.sort();
        seen
    }

    fn expected(&self) -> Vec<Seen> {
        let mut all: Vec<Seen> = self.fed.iter().flatten().flatten().cloned().collect();
        all.sort();
        all
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Commit { partition, kinds } => {
                let (fed, writer) =
                    (&mut self.fed[partition as usize], &mut self.writers[partition as usize]);
                let from = fed.len() as u64;
                for kind in kinds {
                    let made = kind.map(|kind| event(partition, fed.len() as u64, kind));
                    made.iter().for_each(|event| push(&mut **writer, event));
                    fed.push(made);
                }
                writer.commit(Offset(from), Offset(fed.len() as u64), self.now_ms).unwrap();
            }
            Step::Discard { partition, kinds } => {
                let writer = &mut self.writers[partition as usize];
                kinds.into_iter().for_each(|kind| push(&mut **writer, &event(partition, 9_999, kind)));
                writer.discard();
            }
            Step::Flush => self.lake().flush().unwrap(),
            Step::Maintain { hours } => {
                self.now_ms += hours * 3_600_000;
                self.lake().maintain(self.now_ms, &[]).unwrap();
            }
            Step::Expire { class, days } => self.expire(class.map(|class| CLASSES[class]), days),
            Step::Reopen => {
                self.lake().close().unwrap();
                self.restart();
            }
            Step::Crash => self.restart(),
            Step::TakeOver { partition } => {
                self.writers[partition as usize] = self.lake().writer(Partition(partition)).unwrap();
            }
            Step::Hold => {
                let snapshot = self.lake().snapshot();
                self.held.push((snapshot.clone(), self.read(&snapshot)));
            }
        }
    }

    /// Whole days of one class go; the model takes out what the lake says is gone and checks that it may be.
    fn expire(&mut self, class_uid: Option<u32>, days: i64) {
        let before = self.read(&self.lake().snapshot());
        let rule = RetentionRule { class_uid, age_ms_max: days * DAY_MS };
        let done = self.lake().maintain(self.now_ms, &[rule]).unwrap();
        let after = self.read(&self.lake().snapshot());
        assert_eq!(before.len() - after.len(), done.events_expired as usize);
        for gone in before.iter().filter(|event| after.binary_search(event).is_err()) {
            // a wrong clock counts as of the day after the receipt
            let time_ms = gone.time_ms.clamp(0, NOW_MS + DAY_MS);
            assert!(time_ms + days * DAY_MS <= self.now_ms, "expired too early: {gone:?}");
            assert!(class_uid.is_none_or(|class| class == gone.class_uid), "not of the class: {gone:?}");
        }
        for fed in self.fed.iter_mut().flatten() {
            if fed.as_ref().is_some_and(|event| after.binary_search(event).is_err()) {
                *fed = None;
            }
        }
    }

    fn restart(&mut self) {
        // what is held goes with the process
        self.held.clear();
        self.writers.clear();
        self.lake = None;
        self.disk.power_cut();
        self.open();
        for (partition, fed) in self.fed.iter_mut().enumerate() {
            let position = self.lake.as_ref().unwrap().position(Partition(partition as u32));
            assert!(position.0 <= fed.len() as u64);
            fed.truncate(position.0 as usize);
        }
    }

    fn check(&self) {
        let snapshot = self.lake().snapshot();
        assert_eq!(self.read(&snapshot), self.expected());
        let size = self.lake().size();
        assert_eq!(size.events + size.fresh_events, self.expected().len() as u64);
        assert_eq!(size.files, snapshot.files.len() as u64);
        for (held, seen) in &self.held {
            assert_eq!(&self.read(held), seen, "a held snapshot moved");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_lake_is_a_list_of_events(steps in prop::collection::vec(steps(), 1..40)) {
        let mut bed = Bed::new();
        for step in steps {
            bed.run(step);
            bed.check();
        }
    }
}

#[test]
fn a_source_with_any_times_does_not_make_a_file_of_each_event() {
    let mut bed = Bed::new();
    let kinds = (0..400).map(|days| Some(Kind { class_uid: 3002, region: "eu", age_ms: days * DAY_MS }));
    bed.run(Step::Commit { partition: 0, kinds: kinds.collect() });
    bed.run(Step::Flush);
    bed.run(Step::Maintain { hours: 1 });
    bed.check();
    // a file for each of the largest days, and one for the others
    assert_eq!(bed.lake().size().files, huecry_lake::options::MERGE_GROUPS_MAX as u64 + 1);
}
