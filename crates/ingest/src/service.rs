//! Puts records on the log, within bounds of memory, and answers when they are durable.

use crate::error::IngestError;
use crate::limits::{IN_FLIGHT_BYTES_MAX, TRANSPORT_NAME_BYTES_MAX};
use crate::telemetry::Telemetry;
use model::{Clock, Partition, Position, RawRecord, SourceName, Topic};
use ports::{Log, LogError, RecordBatch};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds of the service.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Most bytes that all requests in work may hold: bodies as they come, unpacked, and as written to
    /// the log.
    pub in_flight_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { in_flight_bytes_max: IN_FLIGHT_BYTES_MAX }
    }
}

/// What the door knows about a request's records.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The configured sender.
    pub source: &'a SourceName,
    /// The mapping that reads the records.
    pub kind: &'a str,
    /// Where the records must be kept.
    pub region: &'a str,
    /// The stream within the source (an account, a repository, a host), where the sender names it
    /// outside the body. Records of one stream keep their order.
    pub stream: Option<&'a str>,
    /// The event's type where the transport names it.
    pub event_type: Option<&'a str>,
    /// The transport's id of this delivery.
    pub delivery_id: Option<&'a str>,
}

/// What was put on the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// How many records.
    pub records: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// Memory taken from the service's bound; given back when dropped.
#[derive(Debug)]
pub struct Room {
    permit: OwnedSemaphorePermit,
    telemetry: Telemetry,
}

impl Room {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.permit.num_permits()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.telemetry.in_flight(-(self.permit.num_permits() as i64));
    }
}

/// Stage 1: from a request's records to the `[raw]` topic.
pub struct Service {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    telemetry: Telemetry,
    room: Arc<Semaphore>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("room_bytes", &self.room.available_permits()).finish_non_exhaustive()
    }
}

impl Service {
    /// A service that appends to `log`.
    pub fn new(log: Arc<dyn Log>, clock: Arc<dyn Clock>, telemetry: Telemetry, options: Options) -> Self {
        let permits = options.in_flight_bytes_max.min(Semaphore::MAX_PERMITS);
        Self { log, clock, telemetry, room: Arc::new(Semaphore::new(permits)) }
    }

    /// The counters.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Room for nothing yet.
    pub fn room(&self) -> Result<Room, IngestError> {
        let permit = Arc::clone(&self.room).try_acquire_many_owned(0).map_err(|_| IngestError::NoRoom)?;
        Ok(Room { permit, telemetry: self.telemetry.clone() })
    }

    /// Adds to `room`; refuses at once rather than waits, so that no request holds memory idly.
    ///
    /// # Errors
    /// [`IngestError::NoRoom`].
    pub fn grow(&self, room: &mut Room, bytes: usize) -> Result<(), IngestError> {
        let permits = u32::try_from(bytes).map_err(|_| IngestError::NoRoom)?;
        let more = Arc::clone(&self.room).try_acquire_many_owned(permits);
        room.permit.merge(more.map_err(|_| IngestError::NoRoom)?);
        self.telemetry.in_flight(i64::from(permits));
        Ok(())
    }

    /// Whether a small request would find room now.
    pub fn has_room(&self) -> bool {
        self.room.available_permits() > 0
    }

    /// Appends `records` in their order and resolves when all are durable.
    ///
    /// Records that do not fit one batch of the log go in several, one after the other.
    ///
    /// # Errors
    /// [`IngestError`]; it says what the sender may assume.
    pub async fn accept<R: AsRef<[u8]> + Sync>(
        &self,
        delivery: &Delivery<'_>,
        records: &[R],
        room: &mut Room,
    ) -> Result<Accepted, IngestError> {
        let now_ms = self.clock.now_ms();
        let partition = self.partition_of(delivery);
        let bytes: usize = records.iter().map(|record| record.as_ref().len()).sum();
        let envelope_bytes = envelope_bytes_max(delivery);
        let mut rest = records;
        while !rest.is_empty() {
            let left: usize = rest.iter().map(|r| r.as_ref().len() + envelope_bytes).sum();
            let batch_bytes = left.min(ports::log::BATCH_BYTES_MAX);
            self.grow(room, batch_bytes)?;
            let mut batch = RecordBatch::with_capacity(rest.len(), batch_bytes);
            rest = &rest[fill(&mut batch, delivery, rest, now_ms)?..];
            self.log.append(Topic::Raw, partition, batch, now_ms).await?;
        }
        self.telemetry.accepted(delivery.source.as_str(), records.len() as u64, bytes as u64);
        Ok(Accepted { records: records.len(), bytes })
    }

    /// Puts a raw record, in its log form, on the log once more, and returns where.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub async fn drive_again(&self, partition: Partition, record: &[u8]) -> Result<Position, IngestError> {
        let mut batch = RecordBatch::new();
        batch.push(record)?;
        let offset = self.log.append(Topic::Raw, partition, batch, self.clock.now_ms()).await?;
        Ok(Position::new(Topic::Raw, partition, offset))
    }

    /// The partition of a delivery's stream: SHA-256 over source and stream, so that it is the same in
    /// every process and version.
    pub fn partition_of(&self, delivery: &Delivery<'_>) -> Partition {
        let mut hash = Sha256::new();
        hash.update(delivery.source.as_str());
        if let Some(stream) = delivery.stream {
            hash.update([0]);
            hash.update(stream);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let number = digest.iter().take(8).fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        Partition((number % u64::from(self.log.partitions(Topic::Raw).max(1))) as u32)
    }
}

/// Log form of everything but the body (see [`RawRecord::encode`]).
fn envelope_bytes_max(delivery: &Delivery<'_>) -> usize {
    let names = [Some(delivery.source.as_str()), Some(delivery.kind), Some(delivery.region)];
    let transport = [delivery.event_type, delivery.delivery_id];
    19 + names.iter().chain(&transport).flatten().map(|name| name.len()).sum::<usize>()
}

/// Writes as many records as fit one batch; returns how many.
fn fill<R: AsRef<[u8]>>(
    batch: &mut RecordBatch,
    delivery: &Delivery<'_>,
    records: &[R],
    now_ms: i64,
) -> Result<usize, LogError> {
    let cut = |name: &'_ str| name.floor_char_boundary(TRANSPORT_NAME_BYTES_MAX);
    for (index, body) in records.iter().enumerate() {
        let record = RawRecord {
            source: delivery.source.as_str(),
            kind: delivery.kind,
            event_type: delivery.event_type.map(|name| &name[..cut(name)]),
            delivery_id: delivery.delivery_id.map(|name| &name[..cut(name)]),
            region: delivery.region,
            received_at_ms: now_ms,
            body: body.as_ref(),
        };
        if let Err(error) = batch.push_with(|out| record.encode(out)) {
            return if index > 0 { Ok(index) } else { Err(error) };
        }
    }
    Ok(records.len())
}
