//! One partition's way into the lake.

use model::{Offset, Partition};
use ports::{Lake, LakeError, LakeRow, LakeWriter};
use std::sync::Arc;

/// What became of a commit to the lake.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// It took the batch, or there is no lake to take it.
    Done,
    /// It has no room now: the same call is to be made again after so many milliseconds.
    Wait(u64),
    /// It failed, and is left alone for a while. What it misses is on the log.
    Lost,
}

/// The lake as one worker sees it.
///
/// A lake that fails does not stop detection: the worker goes on without it, and when the lake can be
/// written again the worker reads the log once more from the lake's position, for the lake alone.
pub(crate) struct LakeFeed {
    lake: Option<Arc<dyn Lake>>,
    partition: Partition,
    writer: Option<Box<dyn LakeWriter>>,
    /// Pause before a lake that failed is tried again.
    retry_pause_ms: i64,
    retry_at_ms: i64,
}

impl LakeFeed {
    pub(crate) fn new(lake: Option<Arc<dyn Lake>>, partition: Partition, retry_pause_ms: i64) -> Self {
        Self { lake, partition, writer: None, retry_pause_ms, retry_at_ms: 0 }
    }

    /// Where the lake must go on; `None` without a lake.
    pub(crate) fn position(&self) -> Option<Offset> {
        self.lake.as_ref().map(|lake| lake.position(self.partition))
    }

    /// Whether there is a lake that is not being fed, and it is time to try.
    pub(crate) fn is_due(&self, now_ms: i64) -> bool {
        self.lake.is_some() && self.writer.is_none() && now_ms >= self.retry_at_ms
    }

    /// Whether there is a lake that is not being fed.
    pub(crate) fn is_detached(&self) -> bool {
        self.lake.is_some() && self.writer.is_none()
    }

    /// Begins to feed; where to, if that works.
    pub(crate) fn attach(&mut self, now_ms: i64) -> Option<Offset> {
        let lake = self.lake.as_ref()?;
        // what waits from before must be on the disk first, or it would be given twice
        match lake.flush().and_then(|()| lake.writer(self.partition)) {
            Ok(writer) => {
                self.writer = Some(writer);
                Some(lake.position(self.partition))
            }
            Err(error) => {
                self.lose(&error, now_ms);
                None
            }
        }
    }

    pub(crate) fn push(&mut self, row: &LakeRow<'_>) {
        if let Some(writer) = &mut self.writer {
            writer.push(row);
        }
    }

    pub(crate) fn commit(&mut self, from: Offset, next: Offset, now_ms: i64) -> Fed {
        let Some(writer) = &mut self.writer else { return Fed::Done };
        match writer.commit(from, next, now_ms) {
            Ok(()) => Fed::Done,
            Err(LakeError::Behind { retry_after_ms }) => Fed::Wait(retry_after_ms),
            Err(error) => {
                self.lose(&error, now_ms);
                Fed::Lost
            }
        }
    }

    /// Drops what was pushed since the last commit.
    pub(crate) fn discard(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.discard();
        }
    }

    fn lose(&mut self, error: &LakeError, now_ms: i64) {
        let partition = self.partition.0;
        tracing::error!(partition, %error, "the lake takes no events, going on without it for now");
        self.detach(now_ms);
    }

    /// Stops feeding for a while.
    pub(crate) fn detach(&mut self, now_ms: i64) {
        self.writer = None;
        self.retry_at_ms = now_ms + self.retry_pause_ms;
    }
}
