//! Which files of a snapshot can hold rows that a condition is true of.

use crate::snapshot::{DataFile, Snapshot};
use arrow::array::{
    ArrayRef, BooleanArray, Int32Array, StringViewArray, TimestampMillisecondArray, UInt64Array,
};
use arrow::datatypes::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::PhysicalExpr;
use std::collections::HashSet;
use std::sync::Arc;

/// Indexes of the files that may hold such rows.
pub(super) fn listed_files(
    snapshot: &Snapshot,
    schema: &SchemaRef,
    condition: Option<Arc<dyn PhysicalExpr>>,
) -> Result<Vec<usize>> {
    let all = 0..snapshot.files.len();
    let Some(condition) = condition else { return Ok(all.collect()) };
    // a condition that nothing is known about prunes nothing
    let predicate = PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema)).build(condition);
    let Some(predicate) = predicate else { return Ok(all.collect()) };
    let kept = predicate.prune(&Known { files: &snapshot.files })?;
    Ok(all.zip(kept).filter_map(|(index, kept)| kept.then_some(index)).collect())
}

/// What the list says about each file.
struct Known<'a> {
    files: &'a [Arc<DataFile>],
}

impl Known<'_> {
    fn bounds(&self, column: &Column, time_ms: impl Fn(&DataFile) -> i64) -> Option<ArrayRef> {
        let files = self.files.iter();
        match column.name.as_str() {
            "time" => {
                let times: Vec<_> = files.map(|file| time_ms(file)).collect();
                Some(Arc::new(TimestampMillisecondArray::from(times).with_timezone("UTC")))
            }
            "class_uid" => {
                Some(Arc::new(files.map(|file| file.class_uid.map(|uid| uid as i32)).collect::<Int32Array>()))
            }
            "region" => Some(Arc::new(files.map(|file| file.region.as_deref()).collect::<StringViewArray>())),
            _ => None,
        }
    }
}

impl PruningStatistics for Known<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, |file| file.time_ms.0)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, |file| file.time_ms.1)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, _column: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.files.iter().map(|file| Some(file.rows)).collect::<UInt64Array>()))
    }

    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
