//! Opening a partition: what a crash left is told from what should not be.
//!
//! A crash can leave, at the tail of the last segment, any mix of the sectors of the last group: the
//! group that was written and not yet synced. That, and nothing else, is cut. See ADR 0006 for the
//! three things that prove that damage is not of this kind.

use super::partition::{Active, CONSUMERS_FILE, DURABLE_FILE, Home, corrupt_file, ends_early};
use super::reader::{corrupt, io_error};
use super::segment::{
    Look, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, Walk, base_of_name, find_proof_of_rot, walk,
};
use super::small_file;
use disk::{DiskFile, create_dir_durably};
use ports::LogError;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

/// What was found.
pub(super) struct Recovered {
    pub closed: Vec<Arc<Segment>>,
    /// `None` in a new partition.
    pub active: Option<Active>,
    pub end_offset: u64,
    pub consumers: BTreeMap<String, u64>,
}

/// Opens what is in the folder, cuts the tail, and makes durable what is left.
pub(super) fn recover(home: &Home, dir: &Path) -> Result<Recovered, LogError> {
    create_dir_durably(&*home.disk, dir)
        .map_err(|error| LogError::io(format!("create the folder {}", dir.display()), error))?;
    let consumers = offsets_in(home, dir, CONSUMERS_FILE)?;
    let durable = offsets_in(home, dir, DURABLE_FILE)?.get("end").copied();
    let known = consumers.values().copied().chain(durable).max().unwrap_or(0);
    let mut closed = open_segments(home, dir)?;
    let Some(last) = closed.pop() else {
        if known > 0 {
            let reason = format!("no segment is left, but offset {known} was durable before");
            return Err(corrupt_file(dir.to_owned(), reason));
        }
        return Ok(Recovered { closed, active: None, end_offset: 0, consumers });
    };
    let file = home.disk.open(&last.path).map_err(|error| io_error("open", &last, error))?;
    let walk = check_tail(&*file, &last, known)?;
    // A segment without records says nothing about its own header, which may be the unsure one.
    let holds_records = walk.end_at > SEGMENT_HEADER_BYTES as u64;
    let clean = durable == Some(walk.end_offset) && walk.damage.is_none() && holds_records;
    settle_tail(home, dir, &*file, &last, &walk, clean)?;
    let header = last.header;
    let segment = Segment::new(last.path.clone(), header, walk.end_at);
    segment.set_index(walk.index);
    let active =
        Active { segment: Arc::new(segment), file, durable_bytes: walk.end_at, newest_ms: walk.newest_ms };
    Ok(Recovered { closed, active: Some(active), end_offset: walk.end_offset, consumers })
}

fn offsets_in(home: &Home, dir: &Path, name: &str) -> Result<BTreeMap<String, u64>, LogError> {
    let read = small_file::read(&*home.disk, dir, name);
    let parsed = read.and_then(|lines| small_file::parse_offsets(&lines.unwrap_or_default()));
    parsed.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => corrupt_file(dir.join(name), error.to_string()),
        _ => LogError::io(format!("read {}", dir.join(name).display()), error),
    })
}

/// The headers of all segments, in order. A last file whose creation was not finished is removed.
fn open_segments(home: &Home, dir: &Path) -> Result<Vec<Arc<Segment>>, LogError> {
    let names = home.disk.list(dir);
    let names = names.map_err(|error| LogError::io(format!("list {}", dir.display()), error))?;
    let bases: Vec<(u64, &String)> = names.iter().filter_map(|n| Some((base_of_name(n)?, n))).collect();
    let mut segments = Vec::with_capacity(bases.len());
    for (i, &(base, name)) in bases.iter().enumerate() {
        let path = dir.join(name);
        let (bytes, header) = read_header(home, &path)
            .map_err(|error| LogError::io(format!("read {}", path.display()), error))?;
        let header = match header {
            Ok(header) if header.base_offset == base => header,
            Ok(_) => return Err(corrupt_file(path, "the segment does not begin at the offset of its name")),
            // Records are written to a segment only after its header is durable.
            Err(_)
                if i + 1 == bases.len() && bytes <= SEGMENT_HEADER_BYTES as u64 && (i > 0 || base == 0) =>
            {
                tracing::warn!(path = %path.display(), "segment removed: its creation was not finished");
                let removed = home.disk.remove(&path).and_then(|()| home.disk.sync_dir(dir));
                removed.map_err(|error| LogError::io(format!("remove {}", path.display()), error))?;
                continue;
            }
            Err(damage) => return Err(corrupt_file(path, damage)),
        };
        segments.push(Arc::new(Segment::new(path, header, bytes)));
    }
    Ok(segments)
}

type Header = Result<SegmentHeader, super::block::Damage>;

fn read_header(home: &Home, path: &Path) -> io::Result<(u64, Header)> {
    let file = home.disk.open(path)?;
    let bytes = file.len_bytes()?;
    let mut header = vec![0; (SEGMENT_HEADER_BYTES as u64).min(bytes) as usize];
    file.read_at(&mut header, 0)?;
    Ok((bytes, SegmentHeader::decode(&header, home.topic, home.partition)))
}

/// Walks over every byte of the last segment, and refuses damage that a crash does not explain.
fn check_tail(file: &dyn DiskFile, last: &Segment, known: u64) -> Result<Walk, LogError> {
    let bytes = last.durable_bytes();
    let read_error = |error| io_error("read", last, error);
    let walk = walk(file, &last.header, bytes, Look::Bytes).map_err(read_error)?;
    let damage = walk.damage.unwrap_or("the file ends here");
    if walk.damage.is_some() {
        let proof = find_proof_of_rot(file, &last.header, walk.end_at, bytes).map_err(read_error)?;
        if let Some(at) = proof {
            let reason = format!("{damage}; the block at byte {at} proves that this was durable");
            return Err(corrupt(last, walk.end_at, reason));
        }
    }
    if walk.end_offset < known {
        return Err(ends_early(last, walk.end_at, walk.end_offset, known));
    }
    Ok(walk)
}

/// Cuts what follows the last good block, and makes what is left durable in truth.
///
/// An fsync that failed before this process was started leaves pages that look written and are not, and
/// the next fsync would call them durable. Only the last group can be in that state, so its bytes are
/// written again, which makes its pages dirty, before the sync.
fn settle_tail(
    home: &Home,
    dir: &Path,
    file: &dyn DiskFile,
    last: &Segment,
    walk: &Walk,
    clean: bool,
) -> Result<(), LogError> {
    if let Some(damage) = walk.damage {
        let (at_bytes, cut_bytes) = (walk.end_at, last.durable_bytes().saturating_sub(walk.end_at));
        tracing::warn!(path = %last.path.display(), at_bytes, cut_bytes, damage, "torn tail cut");
        file.truncate(walk.end_at).map_err(|error| io_error("cut the tail of", last, error))?;
    }
    if !clean {
        rewrite(file, walk.last_group_at, walk.end_at).map_err(|error| io_error("rewrite", last, error))?;
    }
    let synced = file.sync_data().and_then(|()| home.disk.sync_dir(dir));
    synced.map_err(|error| io_error("sync", last, error))
}

fn rewrite(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    const PAGE_BYTES: u64 = 4096;
    const CHUNK_BYTES: u64 = 1024 * 1024;
    let mut at = from - from % PAGE_BYTES;
    let mut buf = Vec::new();
    while at < to {
        buf.resize(CHUNK_BYTES.min(to - at) as usize, 0);
        file.read_at(&mut buf, at)?;
        file.write_at(at, &mut [IoSlice::new(&buf)])?;
        at += buf.len() as u64;
    }
    Ok(())
}
