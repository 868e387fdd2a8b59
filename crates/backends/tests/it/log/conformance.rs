//! The suite of the port, on the disk of this machine and on a simulated one.

use super::{DIR, small_options};
use async_trait::async_trait;
use disk::simulated::SimDisk;
use disk::{Disk, OsDisk};
use huecry_backends::log::{FileLog, Options, TopicOptions};
use model::{SeededEntropy, Topic};
use ports::Log;
use ports::log::conformance::{AGE_MS_MAX, Bench, SEGMENT_BYTES_MAX, run};
use std::sync::{Arc, Mutex};

struct FileBench {
    make: Box<dyn Fn() -> (Arc<dyn Disk>, Options) + Send + Sync>,
    last: Mutex<Option<(Arc<dyn Disk>, Options)>>,
}

impl FileBench {
    fn open(&self) -> Arc<dyn Log> {
        let (disk, options) = self.last.lock().unwrap().clone().unwrap();
        Arc::new(FileLog::open_on(disk, &options, Arc::new(SeededEntropy::new(1))).unwrap())
    }
}

#[async_trait]
impl Bench for FileBench {
    async fn create(&self) -> Arc<dyn Log> {
        *self.last.lock().unwrap() = Some((self.make)());
        self.open()
    }

    async fn reopen(&self) -> Arc<dyn Log> {
        self.open()
    }
}

fn options(dir: impl Into<std::path::PathBuf>) -> Options {
    let finding = TopicOptions {
        segment_bytes_max: SEGMENT_BYTES_MAX,
        age_ms_max: Some(AGE_MS_MAX),
        ..TopicOptions::default()
    };
    let mut options = Options { dir: dir.into(), ..small_options() };
    options.topics.insert(Topic::Finding, finding);
    options
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_disk_of_this_machine() {
    let root = tempfile::tempdir().unwrap();
    let (path, next) = (root.path().to_owned(), std::sync::atomic::AtomicU32::new(0));
    let make = move || -> (Arc<dyn Disk>, Options) {
        let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        (Arc::new(OsDisk), options(path.join(n.to_string())))
    };
    run(&FileBench { make: Box::new(make), last: Mutex::new(None) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_simulated_disk() {
    let make = || -> (Arc<dyn Disk>, Options) { (Arc::new(SimDisk::new(3)), options(DIR)) };
    run(&FileBench { make: Box::new(make), last: Mutex::new(None) }).await;
}
