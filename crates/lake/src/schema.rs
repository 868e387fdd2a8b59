//! The columns of a file, in order: when and what, where it stands on the log, what is known about it, the
//! promoted columns of [`model::COLUMNS`], and the record as it came, last.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use model::{COLUMNS, ColumnKind, Sensitivity};
use std::sync::Arc;

/// Name, type, whether every event has it, and who may see it.
type Fixed = (&'static str, DataType, bool, Sensitivity);

/// The columns before the promoted ones.
pub fn leading() -> Vec<Fixed> {
    use Sensitivity::{Open, Personal};
    let time = || DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    vec![
        ("time", time(), true, Open),
        ("class_uid", DataType::Int32, true, Open),
        ("region", DataType::Utf8, true, Open),
        ("source", DataType::Utf8, true, Open),
        ("kind", DataType::Utf8, true, Open),
        // 32 hex digits
        ("event_id", DataType::Utf8, true, Open),
        ("received_at", time(), true, Open),
        ("log_partition", DataType::Int32, true, Open),
        ("log_offset", DataType::Int64, true, Open),
        // what the transport said outside the record
        ("event_type", DataType::Utf8, false, Open),
        ("delivery_id", DataType::Utf8, false, Open),
        // `model::Enrichment`
        ("service", DataType::Utf8, false, Open),
        ("owner", DataType::Utf8, false, Open),
        ("team", DataType::Utf8, false, Open),
        ("criticality", DataType::Utf8, false, Open),
        ("environment", DataType::Utf8, false, Open),
        ("catalog_source", DataType::Utf8, false, Open),
        ("catalog_as_of", time(), false, Open),
        ("src_country", DataType::Utf8, false, Personal),
        ("src_asn", DataType::Int64, false, Open),
        ("src_as_org", DataType::Utf8, false, Open),
        // images from the parent upwards, joined by " < "
        ("process_ancestors", DataType::Utf8, false, Personal),
    ]
}

/// The name of the last column: the record as it came.
pub const RAW: &str = "raw";

/// The schema of every file that is written now. Files that were written before a column existed lack it and
/// read as nulls there.
pub fn file_schema() -> SchemaRef {
    let leading = leading().into_iter().map(|(name, of, always, _)| Field::new(name, of, !always));
    let promoted = COLUMNS.iter().map(|column| {
        let of = match column.kind {
            ColumnKind::Text => DataType::Utf8,
            ColumnKind::Int => DataType::Int64,
        };
        Field::new(column.name, of, true)
    });
    let raw = Field::new(RAW, DataType::Utf8, false);
    Arc::new(Schema::new(leading.chain(promoted).chain([raw]).collect::<Vec<_>>()))
}

/// Who may see a column; the record itself and whatever is computed from it is personal.
pub fn sensitivity(name: &str) -> Sensitivity {
    let leading = leading().into_iter().map(|(known, _, _, sensitivity)| (known, sensitivity));
    let promoted = COLUMNS.iter().map(|column| (column.name, column.sensitivity));
    leading
        .chain(promoted)
        .find_map(|(known, sensitivity)| (known == name).then_some(sensitivity))
        .unwrap_or(Sensitivity::Personal)
}
