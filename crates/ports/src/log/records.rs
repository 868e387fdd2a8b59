//! Records on their way to the log and back: one shared buffer, and where each record lies in it.

use super::LogError;
use bytes::Bytes;
use model::Offset;

/// Largest single record, in bytes. GitHub's webhooks, the largest bodies that a door accepts as one
/// record, end at 25 MB; the rest is for the envelope.
pub const RECORD_BYTES_MAX: usize = 26 * 1024 * 1024;

/// Largest batch, in bytes: the sum of its records, and [`RECORD_OVERHEAD_BYTES`] for each.
pub const BATCH_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What each record counts besides its own bytes, so that a batch of empty records is bounded too.
pub const RECORD_OVERHEAD_BYTES: usize = 8;

/// Records to append together: one contiguous buffer and the end of each record in it.
///
/// Records are written straight into the buffer ([`push_with`](Self::push_with)) and go from it to the
/// disk; nothing copies a record in between.
#[derive(Debug, Clone, Default)]
pub struct RecordBatch {
    buf: Vec<u8>,
    ends: Vec<u32>,
}

impl RecordBatch {
    /// An empty batch.
    pub const fn new() -> Self {
        Self { buf: Vec::new(), ends: Vec::new() }
    }

    /// An empty batch with room for so many records and bytes.
    pub fn with_capacity(records: usize, bytes: usize) -> Self {
        Self { buf: Vec::with_capacity(bytes.min(BATCH_BYTES_MAX)), ends: Vec::with_capacity(records) }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`LogError::TooLarge`]: the record alone, or the batch with it, would pass its limit. The batch
    /// stays as it was; append it and put the record in the next one.
    pub fn push(&mut self, record: &[u8]) -> Result<(), LogError> {
        self.check(record.len())?;
        self.push_with(|buf| buf.extend_from_slice(record))
    }

    /// Adds the record that `write` appends to the buffer, without a copy. `write` may only append;
    /// should it shorten the buffer, earlier records suffer and the call is refused.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), LogError> {
        let start = self.bytes();
        write(&mut self.buf);
        let checked = match self.buf.len().checked_sub(start) {
            Some(len) => self.check_at(start, len),
            None => Err(LogError::BadOptions { reason: "push_with may only append".to_owned() }),
        };
        if checked.is_ok() {
            self.ends.push(self.buf.len() as u32);
        } else {
            self.buf.resize(start, 0);
        }
        checked
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Sum of the records, in bytes.
    pub fn bytes(&self) -> usize {
        self.ends.last().map_or(0, |&end| end as usize)
    }

    /// The records, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len()).map(|i| {
            let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
            &self.buf[start..self.ends[i] as usize]
        })
    }

    /// All records, one after the other.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buf[..self.bytes()]
    }

    /// Whether a record of so many bytes still fits.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn check(&self, record_bytes: usize) -> Result<(), LogError> {
        self.check_at(self.bytes(), record_bytes)
    }

    fn check_at(&self, start: usize, record_bytes: usize) -> Result<(), LogError> {
        let too_large = |bytes, bytes_max| Err(LogError::TooLarge { bytes, bytes_max });
        let overhead = (self.ends.len() + 1) * RECORD_OVERHEAD_BYTES;
        match start.saturating_add(record_bytes).saturating_add(overhead) {
            _ if record_bytes > RECORD_BYTES_MAX => too_large(record_bytes, RECORD_BYTES_MAX),
            bytes if bytes > BATCH_BYTES_MAX => too_large(bytes, BATCH_BYTES_MAX),
            _ => Ok(()),
        }
    }
}

/// Consecutive records that were read: they share one buffer, which lives as long as any clone.
#[derive(Debug, Clone)]
pub struct Records {
    first: Offset,
    buf: Bytes,
    spans: Vec<(u32, u32)>,
}

impl Records {
    /// Records from `first` on; `spans` are the start and end of each in `buf`. For backends.
    ///
    /// # Errors
    /// [`LogError::BadOptions`] if a span is not inside `buf`.
    pub fn new(first: Offset, buf: Bytes, spans: Vec<(u32, u32)>) -> Result<Self, LogError> {
        if spans.iter().any(|&(start, end)| start > end || end as usize > buf.len()) {
            return Err(LogError::BadOptions { reason: "a record lies outside its buffer".to_owned() });
        }
        Ok(Self { first, buf, spans })
    }

    /// No records, at `at`.
    pub const fn empty(at: Offset) -> Self {
        Self { first: at, buf: Bytes::new(), spans: Vec::new() }
    }

    /// The offset of the first record.
    pub const fn first(&self) -> Offset {
        self.first
    }

    /// The offset after the last record: where to read on.
    pub fn next(&self) -> Offset {
        Offset(self.first.0 + self.spans.len() as u64)
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The record at this index (not offset).
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.spans.get(index).map(|&(start, end)| &self.buf[start as usize..end as usize])
    }

    /// The record at this index as a handle that shares the buffer.
    pub fn get_shared(&self, index: usize) -> Option<Bytes> {
        self.spans.get(index).map(|&(start, end)| self.buf.slice(start as usize..end as usize))
    }

    /// Every record with its offset, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Offset, &[u8])> {
        let first = self.first.0;
        self.spans.iter().enumerate().map(move |(i, &(start, end))| {
            (Offset(first + i as u64), &self.buf[start as usize..end as usize])
        })
    }

    /// Sum of the records, in bytes.
    pub fn bytes(&self) -> usize {
        self.spans.iter().map(|&(start, end)| (end - start) as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_what_was_pushed() {
        let mut batch = RecordBatch::with_capacity(3, 16);
        batch.push(b"one").unwrap();
        batch.push(b"").unwrap();
        batch.push_with(|buf| buf.extend_from_slice(b"three")).unwrap();
        assert_eq!(batch.iter().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
        assert_eq!((batch.len(), batch.bytes()), (3, 8));
        assert_eq!(batch.as_bytes(), b"onethree");
    }

    #[test]
    fn what_passes_a_limit_is_refused_and_leaves_the_batch_as_it_was() {
        let mut batch = RecordBatch::new();
        batch.push(b"kept").unwrap();
        let refused = batch.push_with(|buf| buf.resize(buf.len() + RECORD_BYTES_MAX + 1, 7)).unwrap_err();
        assert!(matches!(refused, LogError::TooLarge { bytes_max: RECORD_BYTES_MAX, .. }), "{refused}");
        batch.push_with(|buf| buf.resize(buf.len() + RECORD_BYTES_MAX, 7)).unwrap();
        let refused = batch.push(&vec![0; BATCH_BYTES_MAX - RECORD_BYTES_MAX]).unwrap_err();
        assert!(matches!(refused, LogError::TooLarge { bytes_max: BATCH_BYTES_MAX, .. }), "{refused}");
        let refused = batch.push_with(Vec::clear).unwrap_err();
        assert!(matches!(refused, LogError::BadOptions { .. }), "{refused}");
        assert_eq!((batch.len(), batch.bytes()), (2, 4 + RECORD_BYTES_MAX));
    }

    #[test]
    fn spans_outside_the_buffer_are_refused() {
        let buf = Bytes::from_static(b"abc");
        assert!(Records::new(Offset(0), buf.clone(), vec![(0, 4)]).is_err());
        assert!(Records::new(Offset(0), buf.clone(), vec![(2, 1)]).is_err());
        let records = Records::new(Offset(7), buf, vec![(0, 1), (1, 3)]).unwrap();
        assert_eq!(records.iter().collect::<Vec<_>>(), [(Offset(7), &b"a"[..]), (Offset(8), b"bc")]);
        assert_eq!((records.next(), records.bytes()), (Offset(9), 3));
    }
}
