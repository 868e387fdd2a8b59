//! The unit of the file format: records that were appended together (ADR 0006).
//!
//! ```text
//! block  = header (48) · table (8 × count) · payload
//! header = mark u64 · header crc u32 · table crc u32 · base offset u64 · appended at ms i64
//!        · group start u32 · count u32 · payload bytes u32 · 0 u32
//! table  = (record bytes u32 · record crc u32) × count
//! ```
//! All little-endian; every crc is CRC-32C (RFC 9260, appendix A). The mark is drawn at random for each
//! segment, so that no record can be made to look like a block. The group start is the position in the
//! segment up to which everything was durable when the block was written.

use ports::log::{RECORD_BYTES_MAX, RecordBatch};
use std::ops::Range;

pub(super) const BLOCK_HEADER_BYTES: usize = 48;
pub(super) const TABLE_ENTRY_BYTES: usize = 8;

/// A batch is split into blocks of about this payload, so that a reader never has to load much more
/// than it asked for. A larger single record is a block of its own.
pub(super) const BLOCK_PAYLOAD_BYTES_MAX: usize = 1024 * 1024;

/// Most records of one block.
pub(super) const BLOCK_RECORDS_MAX: usize = 32 * 1024;

/// Why bytes are not what they should be.
pub(super) type Damage = &'static str;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockHeader {
    pub base_offset: u64,
    pub appended_at_ms: i64,
    pub group_start: u32,
    pub count: u32,
    pub payload_bytes: u32,
    pub table_crc: u32,
}

impl BlockHeader {
    pub(super) fn encode(&self, mark: u64) -> [u8; BLOCK_HEADER_BYTES] {
        let mut out = [0; BLOCK_HEADER_BYTES];
        out[0..8].copy_from_slice(&mark.to_le_bytes());
        out[12..16].copy_from_slice(&self.table_crc.to_le_bytes());
        out[16..24].copy_from_slice(&self.base_offset.to_le_bytes());
        out[24..32].copy_from_slice(&self.appended_at_ms.to_le_bytes());
        out[32..36].copy_from_slice(&self.group_start.to_le_bytes());
        out[36..40].copy_from_slice(&self.count.to_le_bytes());
        out[40..44].copy_from_slice(&self.payload_bytes.to_le_bytes());
        let crc = crc32c::crc32c(&out[12..]);
        out[8..12].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8], mark: u64) -> Result<Self, Damage> {
        if bytes.len() < BLOCK_HEADER_BYTES {
            return Err("the header of a block is cut off");
        }
        if u64_at(bytes, 0) != mark {
            return Err("no block begins here");
        }
        if u32_at(bytes, 8) != crc32c::crc32c(&bytes[12..BLOCK_HEADER_BYTES]) {
            return Err("the header of a block does not match its checksum");
        }
        let header = Self {
            table_crc: u32_at(bytes, 12),
            base_offset: u64_at(bytes, 16),
            appended_at_ms: u64_at(bytes, 24) as i64,
            group_start: u32_at(bytes, 32),
            count: u32_at(bytes, 36),
            payload_bytes: u32_at(bytes, 40),
        };
        let sizes_ok = (1..=BLOCK_RECORDS_MAX).contains(&(header.count as usize))
            && header.payload_bytes as usize <= RECORD_BYTES_MAX.max(BLOCK_PAYLOAD_BYTES_MAX)
            && header.base_offset.checked_add(u64::from(header.count)).is_some();
        if sizes_ok { Ok(header) } else { Err("the header of a block is out of range") }
    }

    pub(super) fn table_bytes(&self) -> usize {
        self.count as usize * TABLE_ENTRY_BYTES
    }

    pub(super) fn total_bytes(&self) -> usize {
        BLOCK_HEADER_BYTES + self.table_bytes() + self.payload_bytes as usize
    }

    /// The offset after the last record.
    pub(super) fn end_offset(&self) -> u64 {
        self.base_offset + u64::from(self.count)
    }

    /// The place in `block` and the checksum of each record. `block` is the whole block.
    pub(super) fn records<'a>(
        &self,
        block: &'a [u8],
    ) -> Result<impl Iterator<Item = (Range<usize>, u32)> + use<'a>, Damage> {
        let payload_at = BLOCK_HEADER_BYTES + self.table_bytes();
        let table = &block[BLOCK_HEADER_BYTES..payload_at];
        if crc32c::crc32c(table) != self.table_crc {
            return Err("the table of a block does not match its checksum");
        }
        let lengths = || table.chunks_exact(TABLE_ENTRY_BYTES).map(|entry| u32_at(entry, 0));
        if lengths().map(u64::from).sum::<u64>() != u64::from(self.payload_bytes) {
            return Err("the table of a block does not add up to its payload");
        }
        let mut at = payload_at;
        Ok(table.chunks_exact(TABLE_ENTRY_BYTES).map(move |entry| {
            let start = at;
            at += u32_at(entry, 0) as usize;
            (start..at, u32_at(entry, 4))
        }))
    }

    /// Checks every record of a whole block.
    pub(super) fn verify(&self, block: &[u8]) -> Result<(), Damage> {
        for (range, crc) in self.records(block)? {
            check_record(&block[range], crc)?;
        }
        Ok(())
    }
}

pub(super) fn check_record(record: &[u8], crc: u32) -> Result<(), Damage> {
    if crc32c::crc32c(record) == crc { Ok(()) } else { Err("a record does not match its checksum") }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// A batch made ready for the file on the sender's thread: all that is left to the writer is to number
/// its blocks.
pub struct Encoded {
    batch: RecordBatch,
    appended_at_ms: i64,
    table: Vec<u8>,
    blocks: Vec<Plan>,
}

struct Plan {
    count: u32,
    table: Range<usize>,
    table_crc: u32,
    payload: Range<usize>,
}

/// One block to write: its header without the numbers that the writer gives, its table, its payload.
pub(super) struct BlockParts<'a> {
    pub count: u32,
    pub appended_at_ms: i64,
    pub table_crc: u32,
    pub table: &'a [u8],
    pub payload: &'a [u8],
}

impl Encoded {
    /// Computes the checksums and splits the batch into blocks. Shape: one pass, no copy of a record.
    pub fn new(batch: RecordBatch, appended_at_ms: i64) -> Self {
        let mut table = Vec::with_capacity(batch.len() * TABLE_ENTRY_BYTES);
        let mut blocks = Vec::new();
        let (mut count, mut table_from, mut payload) = (0, 0, 0..0);
        for record in batch.iter() {
            let full =
                payload.len() + record.len() > BLOCK_PAYLOAD_BYTES_MAX || count as usize == BLOCK_RECORDS_MAX;
            if full && count > 0 {
                blocks.push(Plan::new(count, table_from, &table, payload.clone()));
                (count, table_from, payload) = (0, table.len(), payload.end..payload.end);
            }
            table.extend_from_slice(&(record.len() as u32).to_le_bytes());
            table.extend_from_slice(&crc32c::crc32c(record).to_le_bytes());
            count += 1;
            payload.end += record.len();
        }
        if count > 0 {
            blocks.push(Plan::new(count, table_from, &table, payload));
        }
        Self { batch, appended_at_ms, table, blocks }
    }

    /// How many records.
    pub fn records(&self) -> u64 {
        self.batch.len() as u64
    }

    /// How many bytes it will take in the file.
    pub fn file_bytes(&self) -> u64 {
        (self.blocks.len() * BLOCK_HEADER_BYTES + self.table.len() + self.batch.bytes()) as u64
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = BlockParts<'_>> {
        self.blocks.iter().map(|plan| BlockParts {
            count: plan.count,
            appended_at_ms: self.appended_at_ms,
            table_crc: plan.table_crc,
            table: &self.table[plan.table.clone()],
            payload: &self.batch.as_bytes()[plan.payload.clone()],
        })
    }
}

impl Plan {
    fn new(count: u32, table_from: usize, table: &[u8], payload: Range<usize>) -> Self {
        let table_crc = crc32c::crc32c(&table[table_from..]);
        Self { count, table: table_from..table.len(), table_crc, payload }
    }
}
