//! Batches of files that were written when there were fewer columns, or by others, in today's schema.

use arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::SchemaRef;
use std::sync::Arc;

/// The batch in the schema of a file: columns by name, a missing one as nulls, others dropped.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let columns = schema.fields().iter().map(|field| -> Result<ArrayRef, String> {
        let name = field.name();
        match batch.column_by_name(name) {
            None if field.is_nullable() => Ok(new_null_array(field.data_type(), batch.num_rows())),
            None => Err(format!("the column `{name}` is missing")),
            Some(column) if column.data_type() != field.data_type() => {
                Err(format!("the column `{name}` has type {}, not {}", column.data_type(), field.data_type()))
            }
            Some(column) if !field.is_nullable() && column.null_count() > 0 => {
                Err(format!("the column `{name}` has empty values"))
            }
            Some(column) => Ok(Arc::clone(column)),
        }
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| error.to_string())
}
