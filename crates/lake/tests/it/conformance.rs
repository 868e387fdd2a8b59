//! The suite of the port, on the operating system's disk and on the simulated one.

use crate::reading;
use disk::simulated::SimDisk;
use disk::{Disk, OsDisk};
use huecry_lake::{FileLake, Options, Snapshots};
use ports::Lake;
use ports::lake::conformance::{Bench, Seen, run};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A lake that merges as soon as it can.
pub(crate) fn eager(dir: impl Into<PathBuf>) -> Options {
    Options { first_level_files: 2, merge_files: 2, ..Options::new(dir) }
}

struct Folders {
    disk: Arc<dyn Disk>,
    parent: PathBuf,
    made: Cell<u32>,
    lake: RefCell<Option<FileLake>>,
}

fn content(disk: &dyn Disk, path: &Path) -> Vec<u8> {
    let file = disk.open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = vec![0; file.len_bytes().unwrap() as usize];
    file.read_at(&mut bytes, 0).unwrap();
    bytes
}

impl Folders {
    fn new(disk: Arc<dyn Disk>, parent: PathBuf) -> Self {
        Self { disk, parent, made: Cell::default(), lake: RefCell::default() }
    }

    fn open(&self) -> Arc<dyn Lake> {
        // the last handle to the one before, so that its lock is free
        drop(self.lake.take());
        let options = eager(self.parent.join(self.made.get().to_string()));
        let lake = FileLake::open_on(Arc::clone(&self.disk), &options).unwrap();
        self.lake.replace(Some(lake.clone()));
        Arc::new(lake)
    }

    fn lake(&self) -> FileLake {
        self.lake.borrow().clone().unwrap()
    }
}

impl Bench for Folders {
    fn create(&self) -> Arc<dyn Lake> {
        self.made.set(self.made.get() + 1);
        self.open()
    }

    fn reopen(&self) -> Arc<dyn Lake> {
        self.open()
    }

    fn seen(&self) -> Vec<Seen> {
        reading::all(|path| content(&*self.disk, path), &self.lake().snapshot())
    }

    fn hold(&self) -> Box<dyn FnOnce() -> Vec<Seen>> {
        let (disk, snapshot) = (Arc::clone(&self.disk), self.lake().snapshot());
        Box::new(move || reading::all(|path| content(&*disk, path), &snapshot))
    }
}

#[test]
fn on_the_disk_of_the_system() {
    let dir = tempfile::tempdir().unwrap();
    run(&Folders::new(Arc::new(OsDisk), dir.path().to_owned()));
}

#[test]
fn on_the_simulated_disk() {
    run(&Folders::new(Arc::new(SimDisk::new(1)), PathBuf::from("/lakes")));
}
