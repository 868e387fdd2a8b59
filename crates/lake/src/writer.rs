//! The writer of one partition.

use crate::columns::BatchBuilder;
use crate::file_lake::{Inner, locked};
use crate::waiting::Fresh;
use arrow::error::ArrowError;
use model::{Offset, Partition};
use ports::{LakeError, LakeRow, LakeWriter};
use std::sync::{Arc, TryLockError};

/// Records of so many bytes become an Arrow batch of their own; well below the 2 GiB that one can hold.
const BATCH_RAW_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A flush takes about so long.
const RETRY_AFTER_MS: u64 = 50;

pub(crate) struct Writer {
    lake: Arc<Inner>,
    partition: Partition,
    /// Which writer of the partition this is.
    number: u64,
    builder: BatchBuilder,
    sealed: Vec<Fresh>,
    failed: Option<ArrowError>,
}

impl Writer {
    pub(crate) fn new(lake: Arc<Inner>, partition: Partition, number: u64) -> Self {
        let (builder, sealed) = (BatchBuilder::new(), Vec::new());
        Self { lake, partition, number, builder, sealed, failed: None }
    }

    fn seal(&mut self) {
        if self.builder.rows() > 0 {
            match self.builder.finish() {
                Ok(batch) => self.sealed.push(Fresh::new(batch)),
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// Makes room for the batch if there is none.
    fn make_room(&self) -> Result<(), LakeError> {
        let fresh_bytes = locked(&self.lake.state).fresh_bytes();
        let bytes: usize = self.sealed.iter().map(|fresh| fresh.bytes).sum();
        if fresh_bytes == 0 || fresh_bytes + bytes <= self.lake.home.options.waiting_bytes_max {
            return Ok(());
        }
        match self.lake.flush_turn.try_lock() {
            Ok(turn) => self.lake.flush_in(&turn),
            Err(TryLockError::Poisoned(turn)) => self.lake.flush_in(&turn.into_inner()),
            Err(TryLockError::WouldBlock) => Err(LakeError::Behind { retry_after_ms: RETRY_AFTER_MS }),
        }
    }

    fn take(&mut self, from: Offset, next: Offset, now_ms: i64) -> Result<(), LakeError> {
        self.check(from, next)?;
        self.make_room()?;
        let mut state = locked(&self.lake.state);
        // another writer may have come meanwhile
        Self::check_in(state.part(self.partition), self.partition, self.number, from, next)?;
        state.add(self.partition, std::mem::take(&mut self.sealed), next.0, now_ms)
    }

    fn check(&mut self, from: Offset, next: Offset) -> Result<(), LakeError> {
        if let Some(error) = self.failed.take() {
            let source = Arc::new(std::io::Error::other(error));
            return Err(LakeError::Io { doing: "building a batch of events".into(), source });
        }
        let mut state = locked(&self.lake.state);
        if state.closed {
            return Err(LakeError::Closed);
        }
        Self::check_in(state.part(self.partition), self.partition, self.number, from, next)
    }

    fn check_in(
        part: &crate::waiting::Part,
        partition: Partition,
        number: u64,
        from: Offset,
        next: Offset,
    ) -> Result<(), LakeError> {
        if part.writer == number && part.next == from.0 && next >= from {
            return Ok(());
        }
        Err(LakeError::OutOfOrder { partition: partition.0, from: from.0, next: part.next })
    }
}

impl LakeWriter for Writer {
    fn push(&mut self, row: &LakeRow<'_>) {
        self.builder.push(self.partition, row);
        if self.builder.raw_bytes() >= BATCH_RAW_BYTES_MAX {
            self.seal();
        }
    }

    fn commit(&mut self, from: Offset, next: Offset, now_ms: i64) -> Result<(), LakeError> {
        self.seal();
        let taken = self.take(from, next, now_ms);
        match &taken {
            Ok(()) | Err(LakeError::Behind { .. } | LakeError::DiskFull) => {}
            Err(_) => self.discard(),
        }
        taken
    }

    fn discard(&mut self) {
        // a builder has no other way to be emptied
        drop(self.builder.finish());
        self.sealed.clear();
        self.failed = None;
    }
}
