//! The columns that a question sees.

use crate::schema::{RAW, file_schema, sensitivity};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use model::Sensitivity;
use std::sync::Arc;

/// OCSF: a class's uid is its category's times this, plus a number.
pub(super) const CLASSES_PER_CATEGORY: i32 = 1000;
/// OCSF: a type's uid is its class's times this, plus the activity.
pub(super) const TYPES_PER_CLASS: i64 = 100;

/// Columns that are computed, in the order in which they stand before `raw`.
pub(super) const CLASS_NAME: &str = "class_name";
pub(super) const CATEGORY_UID: &str = "category_uid";
pub(super) const TYPE_UID: &str = "type_uid";
/// Computed columns after `raw`: JSON.
pub(super) const EVENT: &str = "event";
pub(super) const UNMAPPED: &str = "unmapped";

/// The stored columns as they are read: text as views, so that filters and joins copy no bytes; what may be
/// hidden can be null.
pub(super) fn stored_schema() -> SchemaRef {
    let view = |field: &Field| {
        let nullable = field.is_nullable() || is_personal(field.name());
        let of = match field.data_type() {
            DataType::Utf8 => DataType::Utf8View,
            other => other.clone(),
        };
        Field::new(field.name(), of, nullable)
    };
    Arc::new(Schema::new(file_schema().fields().iter().map(|field| view(field)).collect::<Vec<_>>()))
}

/// The columns of `events` and of every view of a class.
pub(super) fn table_schema() -> SchemaRef {
    let stored = stored_schema();
    let text = |name: &str| Arc::new(Field::new(name, DataType::Utf8View, true));
    let mut fields: Vec<_> = Vec::with_capacity(stored.fields().len() + 5);
    for field in stored.fields() {
        if field.name() == RAW {
            fields.push(text(CLASS_NAME));
            fields.push(Arc::new(Field::new(CATEGORY_UID, DataType::Int32, true)));
            fields.push(Arc::new(Field::new(TYPE_UID, DataType::Int64, true)));
        }
        fields.push(Arc::clone(field));
    }
    fields.extend([text(EVENT), text(UNMAPPED)]);
    Arc::new(Schema::new(fields))
}

/// Whether a column's values are masked or hidden from readers who may not see personal ones.
pub(super) fn is_personal(name: &str) -> bool {
    !matches!(name, CLASS_NAME | CATEGORY_UID | TYPE_UID) && sensitivity(name) == Sensitivity::Personal
}

/// Whether a column is hidden altogether: it holds, or is computed from, the whole record.
pub(super) fn is_whole_record(name: &str) -> bool {
    matches!(name, RAW | EVENT | UNMAPPED)
}
