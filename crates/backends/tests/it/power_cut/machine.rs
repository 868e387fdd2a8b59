//! What a disk may hold after a power cut at one moment of a [`Trace`].

use super::trace::{Call, Moment, Node, Trace};
use disk::simulated::Dice;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What a disk holds: folders, and files with their content.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    pub(super) names: BTreeMap<PathBuf, Node>,
    pub(super) files: Vec<Vec<u8>>,
}

impl Image {
    /// Writes it all below `folder`, which is there.
    pub(super) fn write_below(&self, folder: &Path) {
        for (name, node) in &self.names {
            match node {
                Node::Dir => std::fs::create_dir(folder.join(name)).unwrap(),
                Node::File(file) => std::fs::write(folder.join(name), &self.files[*file]).unwrap(),
            }
        }
    }
}

/// A machine that goes through the moments of a trace.
pub(super) struct Machine<'a> {
    trace: &'a Trace,
    moment: usize,
    /// What survives in any case.
    durable: Image,
    /// Calls that are not synced, in order.
    pending: Vec<usize>,
    ended: HashSet<usize>,
    /// What the syncs that are under way make durable.
    syncing: HashMap<usize, Vec<usize>>,
    /// The units that were acknowledged.
    pub(super) held: BTreeSet<u64>,
}

impl<'a> Machine<'a> {
    /// A machine whose disk holds `start` when the traced process begins.
    pub(super) fn new(trace: &'a Trace, start: &Image) -> Self {
        let mut durable = start.clone();
        durable.files.resize(trace.files, Vec::new());
        Self {
            trace,
            moment: 0,
            durable,
            pending: Vec::new(),
            ended: HashSet::new(),
            syncing: HashMap::new(),
            held: BTreeSet::new(),
        }
    }

    /// Goes on until `moment`.
    pub(super) fn go_to(&mut self, moment: usize) {
        for moment in &self.trace.moments[self.moment..moment] {
            match *moment {
                Moment::Begin(call) => self.begin(call),
                Moment::End(call) => self.end(call),
            }
        }
        self.moment = moment;
    }

    fn begin(&mut self, call: usize) {
        match &self.trace.calls[call] {
            Call::Held { unit } => assert!(self.held.insert(*unit), "{unit} was acknowledged twice"),
            Call::Sync { .. } | Call::SyncDir { .. } => {
                let covered = |other: &usize| covers(&self.trace.calls[call], &self.trace.calls[*other]);
                let covered: Vec<usize> = self.pending.iter().copied().filter(covered).collect();
                let all_ended = covered.iter().all(|other| self.ended.contains(other));
                assert!(
                    all_ended,
                    "a file is written to while its sync begins; the model knows no order there"
                );
                self.syncing.insert(call, covered);
            }
            Call::Write { .. } | Call::Resize { .. } | Call::Name { .. } => self.pending.push(call),
        }
    }

    fn end(&mut self, call: usize) {
        self.ended.insert(call);
        let Some(covered) = self.syncing.remove(&call) else { return };
        let covered: HashSet<usize> = covered.into_iter().collect();
        // what another sync covered and returned before is durable already
        for other in self.pending.iter().filter(|other| covered.contains(other)) {
            match &self.trace.calls[*other] {
                Call::Write { file, offset, data } => {
                    overwrite(&mut self.durable.files[*file], *offset, data);
                }
                Call::Resize { file, bytes } => self.durable.files[*file].resize(*bytes, 0),
                Call::Name { name, node } => rename(&mut self.durable.names, name, *node),
                other => unreachable!("{other:?} is never pending"),
            }
        }
        self.pending.retain(|other| !covered.contains(other));
    }

    /// What the disk may hold if the power goes now.
    pub(super) fn cut(&self, dice: &mut Dice) -> Image {
        let mut image = self.durable.clone();
        let mut changes: BTreeMap<usize, Vec<&Call>> = BTreeMap::new();
        for call in self.pending.iter().map(|call| &self.trace.calls[*call]) {
            match call {
                Call::Write { file, .. } | Call::Resize { file, .. } => {
                    changes.entry(*file).or_default().push(call);
                }
                Call::Name { name, node } if dice.chance(50) => rename(&mut image.names, name, *node),
                _ => {}
            }
        }
        for (file, calls) in changes {
            let content = std::mem::take(&mut image.files[file]);
            image.files[file] = History::new(content, &calls).survives(dice);
        }
        // what lies in a folder whose name is lost is lost with it
        let names = image.names.clone();
        let reachable = |name: &Path| {
            let mut above = name.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty());
            above.all(|dir| names.get(dir) == Some(&Node::Dir))
        };
        image.names.retain(|name, _| reachable(name));
        image
    }
}

fn covers(sync: &Call, other: &Call) -> bool {
    match (sync, other) {
        (Call::Sync { file }, Call::Write { file: of, .. } | Call::Resize { file: of, .. }) => file == of,
        (Call::SyncDir { dir }, Call::Name { name, .. }) => name.parent() == Some(dir),
        _ => false,
    }
}

fn rename(names: &mut BTreeMap<PathBuf, Node>, name: &Path, node: Option<Node>) {
    match node {
        Some(node) => names.insert(name.to_owned(), node),
        None => names.remove(name),
    };
}

fn overwrite(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

/// A sector after one of the calls.
type Version = (usize, [u8; SECTOR_BYTES]);

/// What a file was like after each of its calls since its last sync.
struct History {
    durable: Vec<u8>,
    /// Its length at first and after each call.
    lengths: Vec<usize>,
    /// The sectors that were touched, as they were after each call that touched them.
    sectors: BTreeMap<usize, Vec<Version>>,
}

/// How much of it arrived.
enum Arrived {
    Nothing,
    /// As if written in order: the first so many calls, and of the next one some sectors.
    First(usize),
    /// Each sector by itself, in so many of 100 cases.
    Some(usize),
}

impl History {
    fn new(durable: Vec<u8>, calls: &[&Call]) -> Self {
        let lengths = vec![durable.len()];
        let mut history = Self { durable, lengths, sectors: BTreeMap::new() };
        for (place, call) in calls.iter().enumerate() {
            match call {
                Call::Write { offset, data, .. } => history.write(place, *offset, data),
                Call::Resize { bytes, .. } => history.resize(place, *bytes),
                other => unreachable!("{other:?} changes no file"),
            }
        }
        history
    }

    fn write(&mut self, place: usize, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        for sector in offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            let mut bytes = self.newest(sector);
            let start = sector * SECTOR_BYTES;
            let (from, until) = (offset.max(start), end.min(start + SECTOR_BYTES));
            bytes[from - start..until - start].copy_from_slice(&data[from - offset..until - offset]);
            self.sectors.entry(sector).or_default().push((place, bytes));
        }
        self.lengths.push(self.length().max(end));
    }

    fn resize(&mut self, place: usize, bytes: usize) {
        for sector in bytes / SECTOR_BYTES..self.length().div_ceil(SECTOR_BYTES) {
            let mut content = self.newest(sector);
            content[bytes.saturating_sub(sector * SECTOR_BYTES).min(SECTOR_BYTES)..].fill(0);
            self.sectors.entry(sector).or_default().push((place, content));
        }
        self.lengths.push(bytes);
    }

    fn length(&self) -> usize {
        self.lengths[self.lengths.len() - 1]
    }

    fn newest(&self, sector: usize) -> [u8; SECTOR_BYTES] {
        if let Some((_, bytes)) = self.sectors.get(&sector).and_then(|versions| versions.last()) {
            return *bytes;
        }
        let mut bytes = [0; SECTOR_BYTES];
        let there = self.durable.get(sector * SECTOR_BYTES..).unwrap_or_default();
        let there = &there[..there.len().min(SECTOR_BYTES)];
        bytes[..there.len()].copy_from_slice(there);
        bytes
    }

    /// The file as the disk may have it.
    fn survives(mut self, dice: &mut Dice) -> Vec<u8> {
        let calls = self.lengths.len() - 1;
        let arrived = match dice.below(8) {
            0 => Arrived::Nothing,
            1 => Arrived::First(calls),
            2 | 3 => Arrived::First(dice.below(calls)),
            _ => Arrived::Some([5, 30, 70, 95][dice.below(4)]),
        };
        let length = match &arrived {
            Arrived::Nothing => self.lengths[0],
            // the length of a torn call is there or not
            Arrived::First(calls) => self.lengths[(calls + dice.below(2)).min(self.lengths.len() - 1)],
            Arrived::Some(_) => self.lengths[dice.below(self.lengths.len())],
        };
        let had = self.durable.len();
        self.durable.resize(length.max(had).next_multiple_of(SECTOR_BYTES), 0);
        if dice.chance(50) {
            // the file was made longer first, over what the disk had there from something else
            let new = had.next_multiple_of(SECTOR_BYTES);
            for eight in self.durable[new..].chunks_exact_mut(8) {
                eight.copy_from_slice(&dice.roll().to_le_bytes());
            }
        }
        for (sector, versions) in &self.sectors {
            let version = match &arrived {
                Arrived::Nothing => None,
                Arrived::First(calls) => {
                    let torn = dice.chance(50);
                    versions.iter().rfind(|(place, _)| place < calls || (place == calls && torn))
                }
                Arrived::Some(percent) if dice.chance(*percent) => {
                    let any = dice.chance(30);
                    if any { versions.get(dice.below(versions.len())) } else { versions.last() }
                }
                Arrived::Some(_) => None,
            };
            let start = sector * SECTOR_BYTES;
            if let Some((_, bytes)) = version.filter(|_| start < self.durable.len()) {
                self.durable[start..start + SECTOR_BYTES].copy_from_slice(bytes);
            }
        }
        self.durable.truncate(length);
        self.durable
    }
}
