//! Events into Arrow columns, without an allocation of their own.

use crate::schema::file_schema;
use arrow::array::{
    Array, ArrayBuilder, ArrayRef, Int32Builder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMillisecondBuilder,
};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use model::{COLUMNS, ColumnKind, ColumnValue, Enrichment, EventId, Partition};
use ports::LakeRow;
use std::sync::Arc;

/// Between the images of a process and its parent, from the parent upwards.
const ANCESTOR_SEPARATOR: &str = " < ";

enum Promoted {
    Text(StringBuilder),
    Int(Int64Builder),
}

/// Builds one batch in the schema of [`file_schema`].
pub(crate) struct BatchBuilder {
    schema: SchemaRef,
    time: TimestampMillisecondBuilder,
    class_uid: Int32Builder,
    region: StringBuilder,
    source: StringBuilder,
    kind: StringBuilder,
    event_id: StringBuilder,
    received_at: TimestampMillisecondBuilder,
    log_partition: Int32Builder,
    log_offset: Int64Builder,
    event_type: StringBuilder,
    delivery_id: StringBuilder,
    enrichment: Known,
    promoted: Vec<Promoted>,
    raw: StringBuilder,
    scratch: String,
    raw_bytes: usize,
}

/// The columns of [`Enrichment`].
struct Known {
    service: StringBuilder,
    owner: StringBuilder,
    team: StringBuilder,
    criticality: StringBuilder,
    environment: StringBuilder,
    catalog_source: StringBuilder,
    catalog_as_of: TimestampMillisecondBuilder,
    src_country: StringBuilder,
    src_asn: Int64Builder,
    src_as_org: StringBuilder,
    process_ancestors: StringBuilder,
}

fn text() -> StringBuilder {
    StringBuilder::with_capacity(0, 0)
}

fn time() -> TimestampMillisecondBuilder {
    TimestampMillisecondBuilder::with_capacity(0).with_timezone("UTC")
}

impl BatchBuilder {
    pub(crate) fn new() -> Self {
        let promoted = COLUMNS.iter().map(|column| match column.kind {
            ColumnKind::Text => Promoted::Text(text()),
            ColumnKind::Int => Promoted::Int(Int64Builder::with_capacity(0)),
        });
        Self {
            schema: file_schema(),
            time: time(),
            class_uid: Int32Builder::with_capacity(0),
            region: text(),
            source: text(),
            kind: text(),
            event_id: text(),
            received_at: time(),
            log_partition: Int32Builder::with_capacity(0),
            log_offset: Int64Builder::with_capacity(0),
            event_type: text(),
            delivery_id: text(),
            enrichment: Known::new(),
            promoted: promoted.collect(),
            raw: text(),
            scratch: String::new(),
            raw_bytes: 0,
        }
    }

    /// Adds an event.
    pub(crate) fn push(&mut self, partition: Partition, row: &LakeRow<'_>) {
        let record = &row.record;
        self.time.append_value(row.time_ms);
        self.class_uid.append_value(row.class_uid as i32);
        self.region.append_value(record.region);
        self.source.append_value(record.source);
        self.kind.append_value(record.kind);
        let mut hex = [0; 32];
        self.event_id.append_value(hex_digits(row.event_id, &mut hex));
        self.received_at.append_value(record.received_at_ms);
        self.log_partition.append_value(partition.0 as i32);
        self.log_offset.append_value(row.offset.0 as i64);
        self.event_type.append_option(record.event_type);
        self.delivery_id.append_option(record.delivery_id);
        self.enrichment.push(&row.enrichment, &mut self.scratch);
        for (column, value) in self.promoted.iter_mut().zip(row.columns.iter()) {
            column.push(value);
        }
        // doors let only UTF-8 through; other bytes must not end the pipeline
        match std::str::from_utf8(record.body) {
            Ok(body) => self.raw.append_value(body),
            Err(_) => self.raw.append_value(String::from_utf8_lossy(record.body)),
        }
        self.raw_bytes += record.body.len();
    }

    /// Events in the batch.
    pub(crate) fn rows(&self) -> usize {
        self.raw.len()
    }

    /// Bytes of their records.
    pub(crate) fn raw_bytes(&self) -> usize {
        self.raw_bytes
    }

    /// Takes the batch; the builder is empty then.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = self.rows();
        let known = &mut self.enrichment;
        let leading: [&mut dyn ArrayBuilder; 11] = [
            &mut self.time,
            &mut self.class_uid,
            &mut self.region,
            &mut self.source,
            &mut self.kind,
            &mut self.event_id,
            &mut self.received_at,
            &mut self.log_partition,
            &mut self.log_offset,
            &mut self.event_type,
            &mut self.delivery_id,
        ];
        let promoted = self.promoted.iter_mut().map(Promoted::builder);
        let builders =
            leading.into_iter().chain(known.builders()).chain(promoted).chain([&mut self.raw as _]);
        let mut columns: Vec<ArrayRef> = builders.map(ArrayBuilder::finish).collect();
        // buffers grow by doubling, and what waits must not take twice its size
        columns.iter_mut().for_each(Array::shrink_to_fit);
        // the next batch is mostly about as large
        self.raw = StringBuilder::with_capacity(rows, self.raw_bytes + self.raw_bytes / 8);
        self.raw_bytes = 0;
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

impl Promoted {
    fn push(&mut self, value: Option<ColumnValue<'_>>) {
        match (self, value) {
            (Self::Text(builder), Some(ColumnValue::Text(value))) => builder.append_value(value),
            (Self::Int(builder), Some(ColumnValue::Int(value))) => builder.append_value(value),
            // a value of the other kind has no place here
            (Self::Text(builder), _) => builder.append_null(),
            (Self::Int(builder), _) => builder.append_null(),
        }
    }

    fn builder(&mut self) -> &mut dyn ArrayBuilder {
        match self {
            Self::Text(builder) => builder,
            Self::Int(builder) => builder,
        }
    }
}

impl Known {
    fn new() -> Self {
        Self {
            service: text(),
            owner: text(),
            team: text(),
            criticality: text(),
            environment: text(),
            catalog_source: text(),
            catalog_as_of: time(),
            src_country: text(),
            src_asn: Int64Builder::with_capacity(0),
            src_as_org: text(),
            process_ancestors: text(),
        }
    }

    fn push(&mut self, known: &Enrichment<'_>, scratch: &mut String) {
        self.service.append_option(known.service);
        self.owner.append_option(known.owner);
        self.team.append_option(known.team);
        self.criticality.append_option(known.criticality);
        self.environment.append_option(known.environment);
        self.catalog_source.append_option(known.catalog.map(|from| from.source));
        self.catalog_as_of.append_option(known.catalog.map(|from| from.as_of_ms));
        self.src_country.append_option(known.src_country);
        self.src_asn.append_option(known.src_asn.map(i64::from));
        self.src_as_org.append_option(known.src_as_org);
        if known.ancestors.is_empty() {
            return self.process_ancestors.append_null();
        }
        scratch.clear();
        for ancestor in known.ancestors.iter() {
            if !scratch.is_empty() {
                scratch.push_str(ANCESTOR_SEPARATOR);
            }
            scratch.push_str(ancestor.image);
        }
        self.process_ancestors.append_value(&*scratch);
    }

    fn builders(&mut self) -> [&mut dyn ArrayBuilder; 11] {
        [
            &mut self.service,
            &mut self.owner,
            &mut self.team,
            &mut self.criticality,
            &mut self.environment,
            &mut self.catalog_source,
            &mut self.catalog_as_of,
            &mut self.src_country,
            &mut self.src_asn,
            &mut self.src_as_org,
            &mut self.process_ancestors,
        ]
    }
}

fn hex_digits(id: EventId, out: &mut [u8; 32]) -> &str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(id.0) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    use model::{Ancestor, AncestryBuffer, ColumnValues, Offset, Provenance, RawRecord, column_of};

    fn record(body: &[u8]) -> RawRecord<'_> {
        RawRecord {
            source: "aws-prod",
            kind: "aws_cloudtrail",
            event_type: None,
            delivery_id: Some("d1"),
            region: "eu",
            received_at_ms: 7,
            body,
        }
    }

    #[test]
    fn a_batch_has_the_schema_of_a_file_and_every_value_in_its_column() {
        let mut columns = ColumnValues::default();
        columns.put_text(column_of("api.operation").unwrap(), "GetObject");
        columns.put_int(column_of("actor.process.pid").unwrap(), 42);
        let mut buffer = AncestryBuffer::default();
        buffer.push(Ancestor { pid: 2, image: "/bin/sh", started_at_ms: 0 });
        buffer.push(Ancestor { pid: 1, image: "/sbin/init", started_at_ms: 0 });
        let catalog = Provenance { source: "catalog:a.yaml:1", as_of_ms: 5, before_known: false };
        let enrichment = Enrichment {
            service: Some("payments"),
            catalog: Some(catalog),
            src_asn: Some(64_496),
            ancestors: buffer.get(),
            ..Enrichment::default()
        };
        let id: EventId = "000102030405060708090a0b0c0d0eff".parse().unwrap();
        let row = LakeRow {
            offset: Offset(9),
            event_id: id,
            time_ms: 1,
            class_uid: 6003,
            columns: &columns,
            enrichment,
            record: record(b"{\"a\":1}"),
        };
        let mut builder = BatchBuilder::new();
        builder.push(Partition(3), &row);
        assert_eq!((builder.rows(), builder.raw_bytes()), (1, 7));
        let batch = builder.finish().unwrap();
        assert_eq!(batch.schema(), file_schema());
        let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().value(0).to_owned();
        for (name, expected) in [
            ("event_id", "000102030405060708090a0b0c0d0eff"),
            ("region", "eu"),
            ("delivery_id", "d1"),
            ("service", "payments"),
            ("catalog_source", "catalog:a.yaml:1"),
            ("process_ancestors", "/bin/sh < /sbin/init"),
            ("api_operation", "GetObject"),
            ("raw", "{\"a\":1}"),
        ] {
            assert_eq!(text(name), expected, "{name}");
        }
        let int = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(0);
        assert_eq!((int("log_offset"), int("src_asn"), int("actor_process_pid")), (9, 64_496, 42));
        assert!(batch.column_by_name("event_type").unwrap().is_null(0));
        assert_eq!((builder.rows(), builder.raw_bytes()), (0, 0));
    }

    #[test]
    fn bytes_that_are_not_text_are_kept_as_far_as_they_are() {
        let columns = ColumnValues::default();
        let mut builder = BatchBuilder::new();
        let row = LakeRow {
            offset: Offset(0),
            event_id: EventId([0; 16]),
            time_ms: 0,
            class_uid: 0,
            columns: &columns,
            enrichment: Enrichment::default(),
            record: record(b"a\xffb"),
        };
        builder.push(Partition(0), &row);
        let batch = builder.finish().unwrap();
        assert_eq!(batch.column_by_name("raw").unwrap().as_string::<i32>().value(0), "a\u{fffd}b");
    }

    #[test]
    fn pushing_allocates_only_to_grow() {
        let mut columns = ColumnValues::default();
        columns.put_text(column_of("api.operation").unwrap(), "GetObject");
        let row = LakeRow {
            offset: Offset(0),
            event_id: EventId([7; 16]),
            time_ms: 0,
            class_uid: 6003,
            columns: &columns,
            enrichment: Enrichment::default(),
            record: record(&[b'x'; 1_200]),
        };
        let mut builder = BatchBuilder::new();
        let mut push = |rows| {
            let pushed = || (0..rows).for_each(|_| builder.push(Partition(0), &row));
            allocation_counter::measure(pushed).count_total
        };
        // each buffer doubles: as many again take one step more for each of the columns' buffers
        let (first, second) = (push(4_096), push(4_096));
        assert!(second <= 3 * file_schema().fields().len() as u64, "{first}, then {second} allocations");
    }
}
