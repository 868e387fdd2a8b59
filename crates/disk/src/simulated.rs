//! A disk that does its worst, reproducibly: what is not synced is lost, in part or out of order.
//!
//! The model, from what Linux file systems are allowed to do:
//! - A process sees its own writes at once. Durable is only what a sync confirmed.
//! - At a [power cut](SimDisk::power_cut) each unsynced write survives sector by sector (512 bytes) or not at
//!   all, in any mix; a sector may be torn; a file may have grown without its content (zeros or
//!   garbage in the hole). Names survive in order or in any mix.
//! - After a failed fsync of a file its pages count as clean: the process still reads what it wrote,
//!   a later fsync succeeds, and the content is not on the disk (fsyncgate; Rebello et al., "Can
//!   Applications Recover from fsync Failures?", USENIX ATC 2020). A failed fsync of a folder leaves
//!   its changes pending: journals abort rather than lie.
//! - Writes fail when the capacity is used up, after a part was written.
//!
//! For tests; the product never makes one.

use crate::disk::{Disk, DiskFile, DiskLock};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A guard whose data is whole even if a holder panicked: every holder leaves it consistent.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const SECTOR_BYTES: usize = 512;

/// Reproducible choices (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.roll() % n.max(1) as u64) as usize
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// When the disk fails by itself. Everything is off by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The power goes in the middle of the operation with this number from now; 0 is the next one.
    pub power_cut_after_ops: Option<u64>,
    /// Of 1,000 fsyncs, so many fail.
    pub sync_failures_per_1000: usize,
    /// All files together may not hold more.
    pub capacity_bytes: Option<u64>,
}

/// The disk. Clones share it.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

struct State {
    dice: Dice,
    faults: Faults,
    power: bool,
    /// Handles and locks from before the last power cut are dead.
    boot: u64,
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    dirs: BTreeSet<PathBuf>,
    durable_names: BTreeMap<PathBuf, usize>,
    durable_dirs: BTreeSet<PathBuf>,
    pending_names: Vec<NameChange>,
    held: BTreeSet<PathBuf>,
    syncs: u64,
}

#[derive(Default)]
struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

enum NameChange {
    Dir(PathBuf),
    Set { path: PathBuf, inode: usize, from: Option<PathBuf> },
    Remove(PathBuf),
}

impl NameChange {
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Dir(path) | Self::Remove(path) | Self::Set { path, .. } => path.parent(),
        }
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
    boot: u64,
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    boot: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = locked(&self.disk.0);
        if state.boot == self.boot {
            state.held.remove(&self.path);
        }
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

impl SimDisk {
    /// An empty disk; all its misdeeds follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            dice: Dice::new(seed),
            faults: Faults::default(),
            power: true,
            boot: 0,
            inodes: Vec::new(),
            names: BTreeMap::new(),
            dirs: BTreeSet::from([PathBuf::from("/")]),
            durable_names: BTreeMap::new(),
            durable_dirs: BTreeSet::from([PathBuf::from("/")]),
            pending_names: Vec::new(),
            held: BTreeSet::new(),
            syncs: 0,
        })))
    }

    /// From now on, fail like this.
    pub fn set_faults(&self, faults: Faults) {
        locked(&self.0).faults = faults;
    }

    /// Whether the power cut that was planned has come.
    pub fn is_off(&self) -> bool {
        !locked(&self.0).power
    }

    /// How many fsyncs of files succeeded.
    pub fn syncs(&self) -> u64 {
        locked(&self.0).syncs
    }

    /// Cuts the power, loses what the model says, and switches the power on again without faults.
    pub fn power_cut(&self) {
        let mut state = locked(&self.0);
        let state = &mut *state;
        state.lose_names();
        for inode in &mut state.inodes {
            inode.lose(&mut state.dice);
        }
        state.power = true;
        state.faults = Faults::default();
        state.boot += 1;
        state.held.clear();
    }

    /// The process is killed: what it wrote stays in the page cache, its handles and locks are gone.
    pub fn kill_process(&self) {
        let mut state = locked(&self.0);
        state.power = true;
        state.faults = Faults::default();
        state.boot += 1;
        state.held.clear();
    }

    /// Puts a file there, durably, as if by another hand.
    pub fn install(&self, path: &Path, content: &[u8]) {
        let mut state = locked(&self.0);
        for dir in path.ancestors().skip(1) {
            state.dirs.insert(dir.to_owned());
            state.durable_dirs.insert(dir.to_owned());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode { cached: content.to_vec(), durable: content.to_vec(), pending: Vec::new() });
        state.names.insert(path.to_owned(), inode);
        state.durable_names.insert(path.to_owned(), inode);
    }

    /// The content of a file as a process sees it.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = locked(&self.0);
        state.names.get(path).map(|&inode| state.inodes[inode].cached.clone())
    }

    /// All files as a process sees them.
    pub fn paths(&self) -> Vec<PathBuf> {
        locked(&self.0).names.keys().cloned().collect()
    }

    /// Counts an operation; the power may go in it.
    fn op<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = locked(&self.0);
        if !state.power {
            return Err(power_is_off());
        }
        match state.faults.power_cut_after_ops {
            Some(0) => {
                state.power = false;
                if state.dice.chance(50) {
                    drop(act(&mut state)); // the power went after it was done, before anyone heard
                }
                return Err(power_is_off());
            }
            Some(ops) => state.faults.power_cut_after_ops = Some(ops - 1),
            None => {}
        }
        act(&mut state)
    }

    fn file(&self, inode: usize, boot: u64) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { disk: self.clone(), inode, boot })
    }
}

impl State {
    fn lose_names(&mut self) {
        let pending = std::mem::take(&mut self.pending_names);
        let in_order = self.dice.chance(50);
        let keep = self.dice.below(pending.len() + 1);
        let percent = [0, 30, 70, 100][self.dice.below(4)];
        for (i, change) in pending.iter().enumerate() {
            if if in_order { i < keep } else { self.dice.chance(percent) } {
                apply_name(&mut self.durable_names, &mut self.durable_dirs, change);
            }
        }
        let dirs = &self.durable_dirs;
        let reachable = |path: &Path| path.ancestors().skip(1).all(|dir| dirs.contains(dir));
        self.durable_names.retain(|path, _| reachable(path));
        self.dirs = dirs.iter().filter(|dir| reachable(dir)).cloned().collect();
        self.durable_dirs.clone_from(&self.dirs);
        self.names.clone_from(&self.durable_names);
        let live: BTreeSet<usize> = self.names.values().copied().collect();
        for (i, inode) in self.inodes.iter_mut().enumerate() {
            if !live.contains(&i) {
                *inode = Inode::default();
            }
        }
    }

    fn change_name(&mut self, change: NameChange) {
        apply_name(&mut self.names, &mut self.dirs, &change);
        self.pending_names.push(change);
    }

    fn used_bytes(&self) -> u64 {
        self.names.values().map(|&inode| self.inodes[inode].cached.len() as u64).sum()
    }

    fn sync_fails(&mut self) -> bool {
        let per_1000 = self.faults.sync_failures_per_1000;
        per_1000 > 0 && self.dice.below(1000) < per_1000
    }
}

fn apply_name(names: &mut BTreeMap<PathBuf, usize>, dirs: &mut BTreeSet<PathBuf>, change: &NameChange) {
    match change {
        NameChange::Dir(path) => {
            dirs.insert(path.clone());
        }
        NameChange::Remove(path) => {
            names.remove(path);
        }
        NameChange::Set { path, inode, from } => {
            if let Some(from) = from {
                names.remove(from);
            }
            names.insert(path.clone(), *inode);
        }
    }
}

impl Inode {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.cached, at, bytes);
        self.pending.push(Change::Write { at, bytes: bytes.to_vec() });
    }

    fn truncate(&mut self, bytes: usize) {
        self.cached.resize(bytes, 0);
        self.pending.push(Change::Truncate(bytes));
    }

    fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Write { at, bytes } => put(&mut self.durable, at, &bytes),
                Change::Truncate(bytes) => self.durable.resize(bytes, 0),
            }
        }
    }

    /// The pending changes reach the disk in part, and are forgotten.
    fn lose_pending(&mut self, dice: &mut Dice) {
        let percent = [0, 20, 50, 80, 100][dice.below(5)];
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Truncate(bytes) if dice.chance(percent) => self.durable.resize(bytes, 0),
                Change::Truncate(_) => {}
                Change::Write { at, bytes } => self.lose_write(at, &bytes, percent, dice),
            }
        }
    }

    fn lose_write(&mut self, at: usize, bytes: &[u8], percent: usize, dice: &mut Dice) {
        let grown = at + bytes.len();
        if grown > self.durable.len() && dice.chance(percent) {
            let filler = if dice.chance(80) { 0 } else { dice.roll() as u8 };
            self.durable.resize(grown, filler); // the length got there before the content
        }
        let mut from = 0;
        while from < bytes.len() {
            let to = (from + SECTOR_BYTES - (at + from) % SECTOR_BYTES).min(bytes.len());
            if dice.chance(percent) {
                let torn = if dice.chance(3) { from + dice.below(to - from) } else { to };
                put(&mut self.durable, at + from, &bytes[from..torn]);
            }
            from = to;
        }
    }

    fn lose(&mut self, dice: &mut Dice) {
        self.lose_pending(dice);
        self.cached.clone_from(&self.durable);
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    content.resize(content.len().max(at + bytes.len()), 0);
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Disk for SimDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<bool> {
        self.op(|state| {
            if dir.parent().is_some_and(|parent| !state.dirs.contains(parent)) {
                return Err(ErrorKind::NotFound.into());
            }
            let created = !state.dirs.contains(dir);
            if created {
                state.change_name(NameChange::Dir(dir.to_owned()));
            }
            Ok(created)
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.op(|state| {
            if !state.dirs.contains(dir) {
                return Err(ErrorKind::NotFound.into());
            }
            let paths = state.names.keys().chain(&state.dirs);
            let inside = paths.filter(|path| path.parent() == Some(dir)).filter_map(|path| path.file_name());
            let mut names: Vec<String> = inside.map(|name| name.to_string_lossy().into_owned()).collect();
            names.sort();
            Ok(names)
        })
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let (inode, boot) = self.op(|state| {
            let inode = state.names.get(path).copied().ok_or(ErrorKind::NotFound)?;
            Ok((inode, state.boot))
        })?;
        Ok(self.file(inode, boot))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let (inode, boot) = self.op(|state| {
            let there = state.names.get(path).copied();
            let inode = there.unwrap_or(state.inodes.len());
            if there.is_some() {
                state.inodes[inode].truncate(0);
            } else {
                state.inodes.push(Inode::default());
                state.change_name(NameChange::Set { path: path.to_owned(), inode, from: None });
            }
            Ok((inode, state.boot))
        })?;
        Ok(self.file(inode, boot))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.op(|state| {
            let inode = state.names.get(from).copied().ok_or(ErrorKind::NotFound)?;
            let from = Some(from.to_owned());
            state.change_name(NameChange::Set { path: to.to_owned(), inode, from });
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.op(|state| {
            state.names.get(path).ok_or(ErrorKind::NotFound)?;
            state.change_name(NameChange::Remove(path.to_owned()));
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.op(|state| {
            if state.sync_fails() {
                return Err(io::Error::other("simulated failure of an fsync of a folder"));
            }
            let pending = std::mem::take(&mut state.pending_names);
            let (synced, rest): (Vec<_>, Vec<_>) =
                pending.into_iter().partition(|change| change.dir() == Some(dir));
            for change in &synced {
                apply_name(&mut state.durable_names, &mut state.durable_dirs, change);
            }
            state.pending_names = rest;
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let boot = self.op(|state| Ok(state.held.insert(path.to_owned()).then_some(state.boot)))?;
        let lock = boot.map(|boot| SimLock { disk: self.clone(), path: path.to_owned(), boot });
        Ok(lock.map(|lock| Box::new(lock) as DiskLock))
    }
}

impl SimFile {
    fn op<T>(&self, act: impl FnOnce(&mut State, usize) -> io::Result<T>) -> io::Result<T> {
        self.disk.op(
            |state| {
                if state.boot == self.boot { act(state, self.inode) } else { Err(power_is_off()) }
            },
        )
    }
}

impl DiskFile for SimFile {
    fn len_bytes(&self) -> io::Result<u64> {
        self.op(|state, inode| Ok(state.inodes[inode].cached.len() as u64))
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<()> {
        self.op(|state, inode| {
            let at = at as usize;
            let wanted = state.inodes[inode].cached.get(at..at + buf.len());
            buf.copy_from_slice(wanted.ok_or(ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_at(&self, at: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.op(|state, inode| {
            let bytes = parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>();
            let grows = (at + bytes.len() as u64).saturating_sub(state.inodes[inode].cached.len() as u64);
            let free = state.faults.capacity_bytes.map(|max| max.saturating_sub(state.used_bytes()));
            if free.is_some_and(|free| free < grows) {
                let fits = (bytes.len() + free.unwrap_or(0) as usize).saturating_sub(grows as usize);
                let part = state.dice.below(fits + 1);
                state.inodes[inode].write(at as usize, &bytes[..part]);
                return Err(ErrorKind::StorageFull.into());
            }
            state.inodes[inode].write(at as usize, &bytes);
            Ok(())
        })
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.op(|state, inode| {
            state.inodes[inode].truncate(bytes as usize);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.op(|state, inode| {
            let fails = state.sync_fails();
            let State { inodes, dice, .. } = state;
            if fails {
                inodes[inode].lose_pending(dice);
                return Err(io::Error::other("simulated failure of an fsync"));
            }
            inodes[inode].sync();
            state.syncs += 1;
            Ok(())
        })
    }
}
