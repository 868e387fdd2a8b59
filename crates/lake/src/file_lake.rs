//! The embedded lake: a folder of Parquet files and the manifest that lists them.

use crate::error::{corrupt, disk_error};
use crate::layout::{FOLDERS, number_of};
use crate::manifest::{Change, MANIFEST, Manifest};
use crate::options::Options;
use crate::parquet_file::{Home, Source};
use crate::snapshot::{Snapshot, Snapshots};
use crate::state::State;
use crate::writer::Writer;
use disk::{Disk, DiskLock, OsDisk, create_dir_durably};
use model::{Offset, Partition};
use ports::lake::{LakeSize, Maintained, RetentionRule};
use ports::{Lake, LakeError, LakeWriter};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The file that is locked as long as a lake is open.
const LOCK: &str = "lock";
/// Folders of data lie so deep: region, day, class.
const FOLDER_DEPTH_MAX: usize = 3;

/// A guard whose data is whole even if a holder panicked: every holder leaves it consistent.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lake in a folder. Clones share it.
#[derive(Clone)]
pub struct FileLake(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) home: Home,
    /// Held before `state` where both are needed.
    pub(crate) manifest: Mutex<Manifest>,
    /// Held for moments only.
    pub(crate) state: Mutex<State>,
    /// One flush at a time.
    pub(crate) flush_turn: Mutex<()>,
    /// One merge or expiry at a time.
    pub(crate) merge_turn: Mutex<()>,
    _lock: DiskLock,
}

impl fmt::Debug for FileLake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLake").field("dir", &self.0.home.options.dir).finish_non_exhaustive()
    }
}

impl FileLake {
    /// Opens the lake in the options' folder, or makes one.
    ///
    /// # Errors
    /// [`LakeError::Locked`] if another process has it, [`LakeError::Corrupt`] if the manifest is damaged or a
    /// listed file is gone or has another length, [`LakeError::Io`].
    pub fn open(options: &Options) -> Result<Self, LakeError> {
        Self::open_on(Arc::new(OsDisk), options)
    }

    /// The same, on a given disk.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(disk: Arc<dyn Disk>, options: &Options) -> Result<Self, LakeError> {
        let home = Home::new(disk, options.clone());
        let dir = &options.dir;
        create_dir_durably(&*home.disk, dir)
            .map_err(|error| disk_error(format_args!("making {}", dir.display()), error))?;
        let lock = home.disk.lock(&home.path(LOCK)).map_err(|error| disk_error("locking the lake", error))?;
        let lock = lock.ok_or_else(|| LakeError::Locked { dir: dir.display().to_string() })?;
        let mut found = Vec::new();
        find_data_files(&home, "", FOLDER_DEPTH_MAX, &mut found)?;
        if !found.is_empty() && !Manifest::exists(&home)? {
            return Err(corrupt(
                MANIFEST,
                format_args!("it is gone, and {} data files are there", found.len()),
            ));
        }
        let manifest = Manifest::open(&home)?;
        for row in manifest.listing().files.values() {
            Source::open(&home, row)?;
        }
        let mut state = State::new(&home, manifest.listing());
        remove_unlisted(&home, &manifest, &mut state, found);
        Ok(Self(Arc::new(Inner {
            home,
            manifest: Mutex::new(manifest),
            state: Mutex::new(state),
            flush_turn: Mutex::default(),
            merge_turn: Mutex::default(),
            _lock: lock,
        })))
    }
}

/// The data files below a folder, as paths below the lake's folder.
fn find_data_files(home: &Home, below: &str, depth: usize, found: &mut Vec<String>) -> Result<(), LakeError> {
    let dir = home.path(below);
    let names = home.disk.list(&dir).map_err(|error| disk_error(format_args!("listing {below}"), error))?;
    for name in names {
        let path = Path::new(below).join(&name).display().to_string();
        if number_of(&name).is_some() {
            found.push(path);
        } else if depth > 0 && FOLDERS.iter().any(|folder| name.starts_with(folder)) {
            find_data_files(home, &path, depth - 1, found)?;
        }
    }
    Ok(())
}

/// What the manifest does not list is garbage: written, and not listed before the power went; or merged away,
/// and still read when it went.
fn remove_unlisted(home: &Home, manifest: &Manifest, state: &mut State, found: Vec<String>) {
    let listed: std::collections::HashSet<&str> =
        manifest.listing().files.values().map(|row| row.path.as_str()).collect();
    for path in found {
        let number = Path::new(&path).file_name().and_then(|name| number_of(&name.to_string_lossy()));
        state.use_number(number.unwrap_or_default());
        if !listed.contains(path.as_str()) {
            tracing::info!(file = path, "removing a data file that the lake does not list");
            home.remove(&path);
        }
    }
}

impl Inner {
    /// Makes the change durable, then visible. The files it lists must be durable.
    pub(crate) fn apply(&self, change: Change) -> Result<(), LakeError> {
        let mut manifest = locked(&self.manifest);
        manifest.append(&self.home, change.clone())?;
        locked(&self.state).apply(&self.home, change);
        Ok(())
    }

    /// Removes what was merged away or expired and is in nobody's snapshot any more.
    pub(crate) fn sweep(&self) {
        let unused = locked(&self.state).take_unused();
        unused.iter().for_each(|path| self.home.remove(path));
    }
}

impl Lake for FileLake {
    fn position(&self, partition: Partition) -> Offset {
        Offset(locked(&self.0.state).part(partition).durable)
    }

    fn writer(&self, partition: Partition) -> Result<Box<dyn LakeWriter>, LakeError> {
        // what the writer before this one committed becomes durable, so that the new one finds its place by
        // `position`; what cannot, is read from the log again
        let turn = locked(&self.0.flush_turn);
        let flushed = self.0.flush_in(&turn);
        let mut state = locked(&self.0.state);
        if state.closed {
            return Err(LakeError::Closed);
        }
        let part = state.part(partition);
        if flushed.is_err() {
            part.rewind();
        }
        part.writer += 1;
        let number = part.writer;
        drop(state);
        Ok(Box::new(Writer::new(Arc::clone(&self.0), partition, number)))
    }

    fn flush(&self) -> Result<(), LakeError> {
        self.0.flush()
    }

    fn maintain(&self, now_ms: i64, retention: &[RetentionRule]) -> Result<Maintained, LakeError> {
        self.0.sweep();
        let flush_due = {
            let mut state = locked(&self.0.state);
            state.now_ms = state.now_ms.max(now_ms);
            state.flush_is_due(&self.0.home.options)
        };
        let flushed = if flush_due { self.0.flush() } else { Ok(()) };
        let mut done = Maintained::default();
        // a disk that is full for a flush may have room again after this
        let tidied = self.0.expire(now_ms, retention, &mut done).and(self.0.merge_some(now_ms, &mut done));
        flushed.and(tidied).map(|()| done)
    }

    fn size(&self) -> LakeSize {
        locked(&self.0.state).size()
    }

    fn close(&self) -> Result<(), LakeError> {
        locked(&self.0.state).closed = true;
        self.0.flush()?;
        self.0.sweep();
        Ok(())
    }
}

impl Snapshots for FileLake {
    fn snapshot(&self) -> Snapshot {
        locked(&self.0.state).snapshot()
    }
}
