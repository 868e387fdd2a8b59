//! Events made of their offsets, so that a test can say what must be there.

use model::{ColumnValues, Enrichment, EventId, Offset, Partition, RawRecord, column_of};
use ports::lake::conformance::Seen;
use ports::{LakeError, LakeRow, LakeWriter};

/// 2026-01-05T00:00:00Z.
pub(crate) const NOW_MS: i64 = 1_767_571_200_000;
pub(crate) const DAY_MS: i64 = 86_400_000;

/// What a test decides of an event; the rest follows from partition and offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) class_uid: u32,
    pub(crate) region: &'static str,
    /// Before [`NOW_MS`]; negative is after.
    pub(crate) age_ms: i64,
}

/// The kind of an offset where the test does not care.
pub(crate) fn kind_of(offset: u64) -> Kind {
    Kind {
        class_uid: [6003, 3002][offset as usize / 2 % 2],
        region: ["default", "eu"][usize::from(offset.is_multiple_of(5))],
        age_ms: (offset as i64 * 7_919 % 50) * 3_600_000,
    }
}

pub(crate) fn event(partition: u32, offset: u64, kind: Kind) -> Seen {
    Seen {
        partition,
        offset,
        event_id: id_of(partition, offset),
        time_ms: NOW_MS - kind.age_ms,
        class_uid: kind.class_uid,
        region: kind.region.to_owned(),
        source: "s".to_owned(),
        service: None,
        columns: vec![("api_operation", format!("Op{}", offset % 7))],
        raw: format!("{{\"n\":\"{partition}/{offset}\"}}"),
    }
}

fn id_of(partition: u32, offset: u64) -> EventId {
    EventId::of_source_id("s", &format!("{partition}/{offset}"))
}

pub(crate) fn push(writer: &mut dyn LakeWriter, event: &Seen) {
    let mut columns = ColumnValues::default();
    for (name, value) in &event.columns {
        columns.put_text(column_of(&name.replace('_', ".")).unwrap(), value);
    }
    writer.push(&LakeRow {
        offset: Offset(event.offset),
        event_id: event.event_id,
        time_ms: event.time_ms,
        class_uid: event.class_uid,
        columns: &columns,
        enrichment: Enrichment::default(),
        record: RawRecord {
            source: &event.source,
            kind: "k",
            event_type: None,
            delivery_id: None,
            region: &event.region,
            received_at_ms: NOW_MS,
            body: event.raw.as_bytes(),
        },
    });
}

/// Pushes and commits the events of these offsets.
pub(crate) fn feed(
    writer: &mut dyn LakeWriter,
    partition: Partition,
    offsets: std::ops::Range<u64>,
    now_ms: i64,
) -> Result<(), LakeError> {
    for offset in offsets.clone() {
        push(writer, &event(partition.0, offset, kind_of(offset)));
    }
    writer.commit(Offset(offsets.start), Offset(offsets.end), now_ms)
}
