//! Failed fsyncs, a full disk, a slow disk, a folder in use.

use super::{DIR, P0, batch, small_options};
use disk::simulated::{Faults, SimDisk};
use disk::{Disk, DiskFile, DiskLock, OsDisk};
use huecry_backends::log::{FileLog, Options, TopicOptions};
use model::{Offset, Partition, SeededEntropy, Topic};
use ports::log::{BATCH_BYTES_MAX, Bounds};
use ports::{Log, LogError, RecordBatch};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

fn open(disk: &impl CloneDisk, options: &Options) -> Result<FileLog, LogError> {
    FileLog::open_on(disk.arc(), options, Arc::new(SeededEntropy::new(5)))
}

trait CloneDisk {
    fn arc(&self) -> Arc<dyn Disk>;
}

impl<D: Disk + Clone + 'static> CloneDisk for D {
    fn arc(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }
}

async fn append(log: &FileLog, text: &str) -> Result<Offset, LogError> {
    log.append(Topic::Raw, P0, batch([text]), 0).await
}

async fn texts(log: &FileLog) -> Vec<String> {
    let Bounds { start, end } = log.bounds(Topic::Raw, P0).await.unwrap();
    let (mut all, mut from) = (Vec::new(), start);
    while from < end {
        let records = log.read(Topic::Raw, P0, from, 1 << 20).await.unwrap();
        all.extend(records.iter().map(|(_, record)| String::from_utf8_lossy(record).into_owned()));
        from = records.next();
    }
    all
}

#[tokio::test]
async fn a_failed_fsync_poisons_the_partition_and_is_not_retried() {
    let disk = SimDisk::new(1);
    let log = open(&disk, &small_options()).unwrap();
    append(&log, "safe").await.unwrap();
    disk.set_faults(Faults { sync_failures_per_1000: 1000, ..Faults::default() });
    let error = append(&log, "unknown").await.unwrap_err();
    assert!(matches!(error, LogError::Poisoned { partition: P0, .. }), "{error}");
    disk.set_faults(Faults::default());
    let syncs = disk.syncs();
    for _ in 0..3 {
        assert!(matches!(append(&log, "late").await, Err(LogError::Poisoned { .. })));
        assert!(matches!(log.register("g", Topic::Raw, P0).await, Err(LogError::Poisoned { .. })));
        assert!(matches!(log.retain(0).await, Err(LogError::Poisoned { .. })));
    }
    assert_eq!(disk.syncs(), syncs, "no fsync after the one that failed");
    assert_eq!(texts(&log).await, ["safe"], "readers go on with what was durable");
    let waited = log.wait_for(Topic::Raw, P0, Offset(1)).await;
    assert!(matches!(waited, Err(LogError::Poisoned { .. })), "{waited:?}");
    log.append(Topic::Raw, Partition(1), batch(["other"]), 0).await.unwrap();
    assert!(log.close().await.is_err(), "a poisoned log is not marked as whole");
    drop(log);
    disk.power_cut();
    let log = open(&disk, &small_options()).unwrap();
    let first = append(&log, "again").await.unwrap();
    let after = texts(&log).await;
    assert_eq!((&after[0][..], after.last().map(String::as_str)), ("safe", Some("again")));
    assert_eq!(first.0 as usize, after.len() - 1);
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing_and_goes_on_when_there_is_space() {
    let disk = SimDisk::new(4);
    let log = open(&disk, &small_options()).unwrap();
    let mut expected = Vec::new();
    let mut refused = 0;
    for i in 0..200 {
        if i == 100 {
            disk.set_faults(Faults::default());
        } else if i == 20 {
            disk.set_faults(Faults { capacity_bytes: Some(20_000), ..Faults::default() });
        }
        let text = format!("{i} {}", "y".repeat(i * 37 % 900));
        match append(&log, &text).await {
            Ok(first) => {
                assert_eq!(first.0 as usize, expected.len());
                expected.push(text);
            }
            Err(LogError::DiskFull) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        assert_eq!(texts(&log).await, expected);
    }
    assert!(refused > 20 && expected.len() > 100, "{refused} refused, {} kept", expected.len());
    drop(log);
    disk.power_cut();
    assert_eq!(texts(&open(&disk, &small_options()).unwrap()).await, expected);
}

/// A disk whose fsyncs wait while the gate is shut.
#[derive(Clone)]
struct GatedDisk {
    disk: SimDisk,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    shut_waiting: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    fn set(&self, shut: bool) {
        self.shut_waiting.lock().unwrap().0 = shut;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut state = self.shut_waiting.lock().unwrap();
        state.1 += 1;
        self.changed.notify_all();
        while state.0 {
            state = self.changed.wait(state).unwrap();
        }
        state.1 -= 1;
    }

    /// Until a thread stands at the gate.
    fn wait_for_one(&self) {
        let mut state = self.shut_waiting.lock().unwrap();
        while state.1 == 0 {
            state = self.changed.wait(state).unwrap();
        }
    }
}

struct GatedFile(Arc<dyn DiskFile>, Arc<Gate>);

impl GatedDisk {
    fn new() -> Self {
        Self { disk: SimDisk::new(1), gate: Arc::default() }
    }

    fn gated(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(GatedFile(file, Arc::clone(&self.gate)))
    }
}

impl Disk for GatedDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<bool> {
        self.disk.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(path).map(|file| self.gated(file))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(path).map(|file| self.gated(file))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        self.disk.lock(path)
    }
}

impl DiskFile for GatedFile {
    fn len_bytes(&self) -> io::Result<u64> {
        self.0.len_bytes()
    }
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<()> {
        self.0.read_at(buf, at)
    }
    fn write_at(&self, at: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.0.write_at(at, parts)
    }
    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.0.truncate(bytes)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.1.pass();
        self.0.sync_data()
    }
}

#[tokio::test]
async fn one_fsync_serves_all_who_wait_and_nobody_sees_a_record_before_it() {
    let disk = GatedDisk::new();
    let log = Arc::new(open(&disk, &small_options()).unwrap());
    disk.gate.set(true);
    let send = |text: String| {
        let log = Arc::clone(&log);
        tokio::spawn(async move { append(&log, &text).await })
    };
    let first = send("first".to_owned());
    tokio::task::yield_now().await;
    disk.gate.wait_for_one(); // the first record is written, and its fsync has not begun
    assert_eq!(log.bounds(Topic::Raw, P0).await.unwrap().end, Offset(0));
    assert!(log.read(Topic::Raw, P0, Offset(0), 100).await.unwrap().is_empty(), "written is not durable");
    let rest: Vec<_> = (0..30).map(|i| send(format!("{i}"))).collect();
    for _ in 0..3 {
        tokio::task::yield_now().await; // each sender runs up to its place in the queue
    }
    let before = disk.disk.syncs();
    disk.gate.set(false);
    assert_eq!(first.await.unwrap().unwrap(), Offset(0));
    for (i, sent) in rest.into_iter().enumerate() {
        assert_eq!(sent.await.unwrap().unwrap(), Offset(i as u64 + 1));
    }
    assert_eq!(disk.disk.syncs() - before, 2, "one for the first, one for all thirty");
}

#[tokio::test]
async fn past_the_bytes_in_flight_senders_are_told_to_come_again() {
    let disk = GatedDisk::new();
    let options = Options { in_flight_bytes_max: BATCH_BYTES_MAX + (1 << 20), ..small_options() };
    let log = Arc::new(open(&disk, &options).unwrap());
    disk.gate.set(true);
    let large = || {
        let mut batch = RecordBatch::new();
        batch.push(&vec![7; 20 << 20]).unwrap();
        batch
    };
    let waiting = {
        let (log, batch) = (Arc::clone(&log), large());
        tokio::spawn(async move { log.append(Topic::Raw, P0, batch, 0).await })
    };
    tokio::task::yield_now().await;
    disk.gate.wait_for_one();
    for partition in [P0, Partition(1)] {
        match log.append(Topic::Raw, partition, large(), 0).await {
            Err(LogError::Overloaded { retry_after_ms }) => assert!((1..60_000).contains(&retry_after_ms)),
            other => panic!("{other:?}"),
        }
    }
    disk.gate.set(false);
    assert_eq!(waiting.await.unwrap().unwrap(), Offset(0));
    assert_eq!(log.append(Topic::Raw, P0, large(), 0).await.unwrap(), Offset(1), "there is room again");
}

#[tokio::test]
async fn a_folder_in_use_is_refused_and_free_after_a_drop() {
    let dir = tempfile::tempdir().unwrap();
    for (disk, dir) in
        [(Arc::new(OsDisk) as Arc<dyn Disk>, dir.path()), (Arc::new(SimDisk::new(1)), Path::new(DIR))]
    {
        let options = Options::new(dir);
        let open = || FileLog::open_on(Arc::clone(&disk), &options, Arc::new(SeededEntropy::new(1)));
        let log = open().unwrap();
        assert!(matches!(open().err(), Some(LogError::Locked { .. })));
        append(&log, "kept").await.unwrap();
        drop(log);
        assert_eq!(texts(&open().unwrap()).await, ["kept"]);
    }
}

#[tokio::test]
async fn partitions_may_grow_and_never_vanish() {
    let disk = SimDisk::new(1);
    let with = |partitions| {
        let mut options = Options::new(DIR);
        options.topics.insert(Topic::Raw, TopicOptions { partitions, ..TopicOptions::default() });
        options
    };
    for (asked, there) in [(2, 2), (4, 4), (1, 4)] {
        let log = open(&disk, &with(asked)).unwrap();
        assert_eq!(log.partitions(Topic::Raw), there, "{asked} asked");
        append(&log, "x").await.unwrap();
    }
    for bad in [with(0), with(100_000), Options { in_flight_bytes_max: 1, ..with(1) }] {
        assert!(matches!(open(&disk, &bad).err(), Some(LogError::BadOptions { .. })));
    }
}
