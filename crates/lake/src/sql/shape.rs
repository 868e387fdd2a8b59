//! From the stored columns to those that a question sees: masked, computed, or as they are.

use super::mask::Masker;
use super::{Class, columns};
use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, StringViewBuilder,
};
use arrow::datatypes::{Int32Type, Int64Type, SchemaRef, TimestampMillisecondType};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use model::{Offset, Partition, Position, RawRecord, Topic};
use ports::query::Derive;
use std::fmt;
use std::sync::Arc;

/// Where a column of the question comes from; numbers are columns of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    /// As it is stored.
    Stored(usize),
    /// The token of the stored value.
    Masked(usize),
    /// Nothing: the reader may not see it.
    Hidden,
    /// The class's caption.
    ClassName { class_uid: usize },
    /// The class's category.
    CategoryUid { class_uid: usize },
    /// `class_uid` × 100 + `activity_id`.
    TypeUid { class_uid: usize, activity_id: usize },
    /// The OCSF event.
    Event(RecordColumns),
    /// What the mapping did not read.
    Unmapped(RecordColumns),
}

/// Where the parts of a record stand in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordColumns {
    pub(super) raw: usize,
    pub(super) source: usize,
    pub(super) kind: usize,
    pub(super) event_type: usize,
    pub(super) delivery_id: usize,
    pub(super) region: usize,
    pub(super) received_at: usize,
    pub(super) partition: usize,
    pub(super) offset: usize,
}

/// What computing takes.
pub(super) struct Workshop {
    pub(super) masker: Masker,
    pub(super) classes: Vec<Class>,
    pub(super) derive: Option<Arc<dyn Derive>>,
}

impl fmt::Debug for Workshop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workshop").field("classes", &self.classes.len()).finish_non_exhaustive()
    }
}

/// The fence: no expression of a question gets below it, so none can see what is masked, hidden or filtered
/// there. DataFusion pushes filters only into operators that offer to take them; this one does not.
#[derive(Debug)]
pub(super) struct ShapeExec {
    input: Arc<dyn ExecutionPlan>,
    cells: Vec<Cell>,
    workshop: Arc<Workshop>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl ShapeExec {
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        cells: Vec<Cell>,
        workshop: Arc<Workshop>,
        schema: SchemaRef,
    ) -> Self {
        let partitions = input.properties().partitioning.partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { input, cells, workshop, schema, properties: Arc::new(properties) }
    }
}

impl DisplayAs for ShapeExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShapeExec: {} columns", self.cells.len())
    }
}

impl ExecutionPlan for ShapeExec {
    fn name(&self) -> &'static str {
        "ShapeExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = <[_; 1]>::try_from(children)
            .map_err(|_| DataFusionError::Internal("ShapeExec has one input".into()))?;
        let (cells, workshop) = (self.cells.clone(), Arc::clone(&self.workshop));
        Ok(Arc::new(Self::new(input, cells, workshop, Arc::clone(&self.schema))))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let (cells, workshop) = (self.cells.clone(), Arc::clone(&self.workshop));
        let schema = Arc::clone(&self.schema);
        let shaped = input.map(move |batch| shape(&batch?, &cells, &workshop, &schema));
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), shaped)))
    }
}

fn shape(
    batch: &RecordBatch,
    cells: &[Cell],
    workshop: &Workshop,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let arrays: Vec<ArrayRef> = cells.iter().map(|cell| workshop.column(batch, *cell)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?)
}

impl Workshop {
    fn column(&self, batch: &RecordBatch, cell: Cell) -> ArrayRef {
        let ints = |column: usize| batch.column(column).as_primitive::<Int32Type>();
        match cell {
            Cell::Stored(column) => Arc::clone(batch.column(column)),
            Cell::Masked(column) => self.masker.column(batch.column(column)),
            Cell::Hidden => Masker::nothing(batch.num_rows()),
            Cell::CategoryUid { class_uid } => {
                Arc::new(ints(class_uid).unary::<_, Int32Type>(|uid| uid / columns::CLASSES_PER_CATEGORY))
            }
            Cell::TypeUid { class_uid, activity_id } => {
                let activities = batch.column(activity_id).as_primitive::<Int64Type>();
                let pairs = ints(class_uid).iter().zip(activities);
                let uids = pairs.map(|(class, activity)| {
                    i64::from(class?)
                        .checked_mul(columns::TYPES_PER_CLASS)?
                        .checked_add(activity.unwrap_or(0))
                });
                Arc::new(uids.collect::<Int64Array>())
            }
            Cell::ClassName { class_uid } => Arc::new(self.class_names(ints(class_uid))),
            Cell::Event(of) => {
                self.derived(batch, &of, |derive, record, position, out| derive.event(record, position, out))
            }
            Cell::Unmapped(of) => self
                .derived(batch, &of, |derive, record, position, out| derive.unmapped(record, position, out)),
        }
    }

    fn class_names(&self, uids: &Int32Array) -> arrow::array::StringViewArray {
        let mut names = StringViewBuilder::with_capacity(uids.len()).with_deduplicate_strings();
        for uid in uids {
            let class =
                self.classes.iter().find(|class| i64::from(class.uid) == i64::from(uid.unwrap_or(-1)));
            names.append_option(class.map(|class| class.caption.as_str()));
        }
        names.finish()
    }

    fn derived(
        &self,
        batch: &RecordBatch,
        of: &RecordColumns,
        write: impl Fn(&dyn Derive, &RawRecord<'_>, Position, &mut Vec<u8>) -> bool,
    ) -> ArrayRef {
        let Some(derive) = &self.derive else { return Masker::nothing(batch.num_rows()) };
        let texts = |column: usize| batch.column(column).as_string_view();
        let text = |column: usize, row: usize| {
            let texts = texts(column);
            texts.is_valid(row).then(|| texts.value(row))
        };
        let received = batch.column(of.received_at).as_primitive::<TimestampMillisecondType>();
        let partitions = batch.column(of.partition).as_primitive::<Int32Type>();
        let offsets = batch.column(of.offset).as_primitive::<Int64Type>();
        let mut out = StringViewBuilder::with_capacity(batch.num_rows());
        let mut buffer = Vec::new();
        for row in 0..batch.num_rows() {
            let record = RawRecord {
                source: text(of.source, row).unwrap_or_default(),
                kind: text(of.kind, row).unwrap_or_default(),
                event_type: text(of.event_type, row),
                delivery_id: text(of.delivery_id, row),
                region: text(of.region, row).unwrap_or_default(),
                received_at_ms: received.value(row),
                body: text(of.raw, row).unwrap_or_default().as_bytes(),
            };
            let position = Position {
                topic: Topic::Raw,
                partition: Partition(partitions.value(row) as u32),
                offset: Offset(offsets.value(row) as u64),
            };
            buffer.clear();
            let made = write(&**derive, &record, position, &mut buffer);
            out.append_option(std::str::from_utf8(&buffer).ok().filter(|_| made));
        }
        Arc::new(out.finish())
    }
}
