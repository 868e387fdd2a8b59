//! Archives: not unpacked, judged by what they say of themselves.

use super::{
    ARCHIVE_ENTRIES_MAX, ARCHIVE_RATIO_FREE_BYTES, ARCHIVE_RATIO_MAX, ARCHIVE_UNPACKED_BYTES_MAX, Kind,
    Refusal, Taken,
};

/// End of central directory, APPNOTE 4.3.16: 22 bytes and a comment of at most 65,535.
const END_BYTES: usize = 22;
const COMMENT_BYTES_MAX: usize = 65_535;

/// Entries by which a ZIP is a document or a program; these do something when they are opened.
const DOCUMENTS: [(&[u8], &str); 4] = [
    (b"[Content_Types].xml", "application/vnd.openxmlformats-officedocument"),
    (b"mimetype", "application/vnd.oasis.opendocument"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
    (b"AndroidManifest.xml", "application/vnd.android.package-archive"),
];

/// A ZIP (PKWARE APPNOTE 6.3.10): whole, from the first byte to the last, without overlaps, of a bounded size unpacked.
pub(super) fn zip(bytes: &[u8]) -> Result<Taken, Refusal> {
    let end = end_of_zip(bytes).ok_or(Refusal::Damaged("the end of the archive is missing"))?;
    let field = |at: usize| u16_at(bytes, end + at).map(usize::from);
    let wide = |at: usize| u32_at(bytes, end + at).map(|value| value as usize);
    let (Some(entries), Some(size), Some(start)) = (field(10), wide(12), wide(16)) else {
        return Err(Refusal::Damaged("the end of the archive is cut off"));
    };
    if field(4) != Some(0) || field(8) != Some(entries) {
        return Err(Refusal::Damaged("the archive is in several parts"));
    }
    if entries == usize::from(u16::MAX) || start == u32::MAX as usize {
        return Err(Refusal::Bomb("an archive of more than 65,534 entries or 4 GiB"));
    }
    if entries > ARCHIVE_ENTRIES_MAX {
        return Err(Refusal::Bomb("too many entries"));
    }
    // a gap is room for something else
    if start.checked_add(size) != Some(end) {
        return Err(Refusal::Polyglot("something stands inside of the archive that is no entry"));
    }
    let mut ranges = Vec::with_capacity(entries);
    let (mut at, mut packed, mut unpacked) = (start, 0_u64, 0_u64);
    for _ in 0..entries {
        let entry = Entry::read(bytes, at).filter(|entry| entry.next <= end);
        let entry = entry.ok_or(Refusal::Damaged("an entry of the archive is cut off"))?;
        let range = entry.range(bytes).filter(|(_, to)| *to <= start);
        ranges.push(range.ok_or(Refusal::Damaged("an entry of the archive points outside of it"))?);
        if let Some((_, found)) = DOCUMENTS.iter().find(|(name, _)| *name == entry.name) {
            return Err(Refusal::Kind { found });
        }
        packed += u64::from(entry.packed);
        unpacked += u64::from(entry.unpacked);
        is_bounded(u64::from(entry.packed), u64::from(entry.unpacked))?;
        at = entry.next;
    }
    if at != end {
        return Err(Refusal::Polyglot("something stands inside of the archive's list"));
    }
    ranges.sort_unstable();
    if ranges.first().is_some_and(|(from, _)| *from != 0) {
        return Err(Refusal::Polyglot("something stands before the archive"));
    }
    if ranges.windows(2).any(|pair| pair[0].1 > pair[1].0) {
        return Err(Refusal::Bomb("entries that share their bytes"));
    }
    is_bounded(packed, unpacked)?;
    Ok(Taken::as_sent(Kind::Archive, "application/zip", &["zip"], bytes))
}

/// A gzip (RFC 1952) by its last four bytes: the size unpacked, modulo 4 GiB.
pub(super) fn gzip(bytes: &[u8]) -> Result<Taken, Refusal> {
    if bytes.len() < 18 || bytes[2] != 8 {
        return Err(Refusal::Damaged("no gzip file"));
    }
    let unpacked = u32_at(bytes, bytes.len() - 4).map_or(u64::MAX, u64::from);
    is_bounded(bytes.len() as u64, unpacked)?;
    if ends_with_zip(bytes) {
        return Err(Refusal::Polyglot("an archive behind another file"));
    }
    Ok(Taken::as_sent(Kind::Archive, "application/gzip", &["gz", "tgz"], bytes))
}

/// Whether a reader of ZIP files, which begins at the end, would find one here.
pub(super) fn ends_with_zip(bytes: &[u8]) -> bool {
    end_of_zip(bytes).is_some()
}

/// Where the end of the central directory stands whose comment reaches to the last byte.
fn end_of_zip(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(END_BYTES + COMMENT_BYTES_MAX);
    let ends = memchr::memmem::rfind_iter(bytes.get(from..)?, b"PK\x05\x06").map(|at| from + at);
    ends.into_iter().find(|at| {
        u16_at(bytes, at + 20).is_some_and(|comment| at + END_BYTES + usize::from(comment) == bytes.len())
    })
}

fn is_bounded(packed: u64, unpacked: u64) -> Result<(), Refusal> {
    if unpacked > ARCHIVE_UNPACKED_BYTES_MAX {
        return Err(Refusal::Bomb("more than 1 GiB"));
    }
    if unpacked > ARCHIVE_RATIO_FREE_BYTES && unpacked > packed.saturating_mul(ARCHIVE_RATIO_MAX) {
        return Err(Refusal::Bomb("more than a hundred times its size"));
    }
    Ok(())
}

/// A header of the central directory, APPNOTE 4.3.12.
struct Entry<'a> {
    name: &'a [u8],
    packed: u32,
    unpacked: u32,
    local: usize,
    next: usize,
}

impl<'a> Entry<'a> {
    fn read(bytes: &'a [u8], at: usize) -> Option<Self> {
        if bytes.get(at..at.checked_add(4)?)? != b"PK\x01\x02" {
            return None;
        }
        let lengths = [28, 30, 32].map(|field| u16_at(bytes, at + field).map(usize::from));
        let [Some(name), Some(extra), Some(comment)] = lengths else { return None };
        Some(Self {
            name: bytes.get(at + 46..at + 46 + name)?,
            packed: u32_at(bytes, at + 20)?,
            unpacked: u32_at(bytes, at + 24)?,
            local: u32_at(bytes, at + 42)? as usize,
            next: at + 46 + name + extra + comment,
        })
    }

    /// Where its header and its data stand, APPNOTE 4.3.7.
    fn range(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        if bytes.get(self.local..self.local.checked_add(4)?)? != b"PK\x03\x04" {
            return None;
        }
        let name = usize::from(u16_at(bytes, self.local + 26)?);
        let extra = usize::from(u16_at(bytes, self.local + 28)?);
        Some((self.local, (self.local + 30 + name + extra).checked_add(self.packed as usize)?))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
