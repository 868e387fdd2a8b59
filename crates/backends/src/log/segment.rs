//! One segment file: a header, then blocks. What is in it, and where.

use super::block::{BLOCK_HEADER_BYTES, BlockHeader, Damage, u32_at, u64_at};
use super::locked;
use disk::DiskFile;
use model::{Partition, Topic};
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

pub(super) const SEGMENT_HEADER_BYTES: usize = 48;
const MAGIC: &[u8; 8] = b"huecryL1";

/// The index of a segment has at most one entry for so many bytes: 16 bytes of memory for 64 KiB.
const INDEX_STRIDE_BYTES: u64 = 64 * 1024;

/// The first bytes of a segment: magic (8) · crc u32 · partition u32 · base offset u64 · mark u64 ·
/// newest append before this segment, ms i64 · crc of the topic's name u32 · 0 u32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub base_offset: u64,
    pub mark: u64,
    pub previous_newest_ms: i64,
}

impl SegmentHeader {
    pub(super) fn encode(&self, topic: Topic, partition: Partition) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut out = [0; SEGMENT_HEADER_BYTES];
        out[0..8].copy_from_slice(MAGIC);
        out[12..16].copy_from_slice(&partition.0.to_le_bytes());
        out[16..24].copy_from_slice(&self.base_offset.to_le_bytes());
        out[24..32].copy_from_slice(&self.mark.to_le_bytes());
        out[32..40].copy_from_slice(&self.previous_newest_ms.to_le_bytes());
        out[40..44].copy_from_slice(&crc32c::crc32c(topic.as_str().as_bytes()).to_le_bytes());
        let crc = crc32c::crc32c(&out[12..]);
        out[8..12].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8], topic: Topic, partition: Partition) -> Result<Self, Damage> {
        if bytes.len() < SEGMENT_HEADER_BYTES || &bytes[0..8] != MAGIC {
            return Err("no segment of the log begins here");
        }
        if u32_at(bytes, 8) != crc32c::crc32c(&bytes[12..SEGMENT_HEADER_BYTES]) {
            return Err("the header of the segment does not match its checksum");
        }
        let topic_ok = u32_at(bytes, 40) == crc32c::crc32c(topic.as_str().as_bytes());
        if !topic_ok || u32_at(bytes, 12) != partition.0 {
            return Err("the segment belongs to another partition");
        }
        Ok(Self {
            base_offset: u64_at(bytes, 16),
            mark: u64_at(bytes, 24),
            previous_newest_ms: u64_at(bytes, 32) as i64,
        })
    }
}

pub(super) fn file_name(base_offset: u64) -> String {
    format!("{base_offset:020}.segment")
}

pub(super) fn base_of_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".segment")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

/// A segment as readers and writer share it.
#[derive(Debug)]
pub(super) struct Segment {
    pub path: PathBuf,
    pub header: SegmentHeader,
    extent: Mutex<Extent>,
}

#[derive(Debug)]
struct Extent {
    durable_bytes: u64,
    /// (base offset of a block, its position), ascending; `None` until someone reads here.
    index: Option<Vec<(u64, u64)>>,
}

impl Segment {
    pub(super) const fn new(path: PathBuf, header: SegmentHeader, durable_bytes: u64) -> Self {
        Self { path, header, extent: Mutex::new(Extent { durable_bytes, index: None }) }
    }

    pub(super) fn durable_bytes(&self) -> u64 {
        locked(&self.extent).durable_bytes
    }

    pub(super) fn set_index(&self, index: Index) {
        locked(&self.extent).index = Some(index.0);
    }

    /// Shows readers the blocks that a sync made durable.
    pub(super) fn publish(&self, durable_bytes: u64, blocks: &[(u64, u64)]) {
        let mut extent = locked(&self.extent);
        extent.durable_bytes = durable_bytes;
        let mut index = Index(extent.index.take().unwrap_or_default());
        for &(offset, at) in blocks {
            index.add(offset, at);
        }
        extent.index = Some(index.0);
    }

    /// The position of a block at or a little before `offset`; `None` if there is no index yet.
    pub(super) fn locate(&self, offset: u64) -> Option<u64> {
        let extent = locked(&self.extent);
        let index = extent.index.as_ref()?;
        let after = index.partition_point(|&(base, _)| base <= offset);
        Some(after.checked_sub(1).map_or(SEGMENT_HEADER_BYTES as u64, |i| index[i].1))
    }
}

/// The sparse index while it is built.
#[derive(Debug, Default)]
pub(super) struct Index(Vec<(u64, u64)>);

impl Index {
    fn add(&mut self, offset: u64, at: u64) {
        if self.0.last().is_none_or(|&(_, last)| at >= last + INDEX_STRIDE_BYTES) {
            self.0.push((offset, at));
        }
    }
}

/// What a walk over the blocks of a file found.
#[derive(Debug)]
pub(super) struct Walk {
    /// Where the walk ended: the end of the file, or the first block that is damaged.
    pub end_at: u64,
    /// The offset that a record after it would have.
    pub end_offset: u64,
    /// Where the group of the last good block begins.
    pub last_group_at: u64,
    /// The newest append time seen.
    pub newest_ms: i64,
    pub index: Index,
    /// Why it ended before the end of the file.
    pub damage: Option<Damage>,
}

/// How closely a walk looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// At the headers only; payloads are checked when they are read.
    Headers,
    /// At every byte.
    Bytes,
}

/// Walks over the blocks of a segment up to `file_bytes` or the first damage.
pub(super) fn walk(
    file: &dyn DiskFile,
    header: &SegmentHeader,
    file_bytes: u64,
    look: Look,
) -> io::Result<Walk> {
    let start = SEGMENT_HEADER_BYTES as u64;
    let mut walk = Walk {
        end_at: start,
        end_offset: header.base_offset,
        last_group_at: start,
        newest_ms: i64::MIN,
        index: Index::default(),
        damage: None,
    };
    let mut buf = vec![0; BLOCK_HEADER_BYTES];
    while walk.end_at < file_bytes {
        match check_block(file, header.mark, &walk, file_bytes, look, &mut buf)? {
            Err(damage) => {
                walk.damage = Some(damage);
                break;
            }
            Ok(block) => {
                walk.index.add(block.base_offset, walk.end_at);
                walk.end_at += block.total_bytes() as u64;
                walk.end_offset = block.end_offset();
                walk.last_group_at = u64::from(block.group_start);
                walk.newest_ms = walk.newest_ms.max(block.appended_at_ms);
            }
        }
    }
    Ok(walk)
}

fn check_block(
    file: &dyn DiskFile,
    mark: u64,
    walk: &Walk,
    file_bytes: u64,
    look: Look,
    buf: &mut Vec<u8>,
) -> io::Result<Result<BlockHeader, Damage>> {
    let room = file_bytes - walk.end_at;
    if room < BLOCK_HEADER_BYTES as u64 {
        return Ok(Err("the header of a block is cut off"));
    }
    buf.resize(BLOCK_HEADER_BYTES, 0);
    file.read_at(buf, walk.end_at)?;
    let block = match BlockHeader::decode(buf, mark) {
        Ok(block) => block,
        Err(damage) => return Ok(Err(damage)),
    };
    if block.total_bytes() as u64 > room {
        return Ok(Err("a block is cut off"));
    }
    if block.base_offset != walk.end_offset {
        return Ok(Err("a block does not have the offset that follows"));
    }
    let group_at = u64::from(block.group_start);
    if group_at > walk.end_at || group_at < walk.last_group_at {
        return Ok(Err("a block names an impossible start of its group"));
    }
    if look == Look::Bytes {
        buf.resize(block.total_bytes(), 0);
        file.read_at(buf, walk.end_at)?;
        if let Err(damage) = block.verify(buf) {
            return Ok(Err(damage));
        }
    }
    Ok(Ok(block))
}

/// Looks for a block after `damaged_at` that was written when `damaged_at` was durable already: proof
/// that the damage there is not what a crash left of an unfinished write. Returns its position.
pub(super) fn find_proof_of_rot(
    file: &dyn DiskFile,
    header: &SegmentHeader,
    damaged_at: u64,
    file_bytes: u64,
) -> io::Result<Option<u64>> {
    const CHUNK_BYTES: u64 = 256 * 1024;
    let mark = header.mark.to_le_bytes();
    let mut at = damaged_at + 1;
    let mut buf = Vec::new();
    while at + BLOCK_HEADER_BYTES as u64 <= file_bytes {
        buf.resize(CHUNK_BYTES.min(file_bytes - at) as usize, 0);
        file.read_at(&mut buf, at)?;
        for i in 0..=buf.len() - BLOCK_HEADER_BYTES {
            if buf[i] != mark[0] || buf[i..i + 8] != mark {
                continue;
            }
            if let Ok(block) = BlockHeader::decode(&buf[i..], header.mark) {
                let group_at = u64::from(block.group_start);
                if group_at > damaged_at && group_at <= at + i as u64 {
                    return Ok(Some(at + i as u64));
                }
            }
        }
        at += (buf.len() - BLOCK_HEADER_BYTES + 1) as u64;
    }
    Ok(None)
}
