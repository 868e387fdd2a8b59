//! Makes a plan stop when its question's time is over or nobody waits for its answer.
//!
//! Tasks stop where they yield. DataFusion yields where batches are read; a join can then work for hours on what
//! it has read. So each join yields after each batch that it makes, and the condition of a nested loop, which may
//! run over many pairs of rows without one that fits, looks at the clock.

use super::engine::Deadline;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PiecewiseMergeJoinExec, SortMergeJoinExec,
};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The plan, interruptible.
pub(super) fn interruptible(
    plan: Arc<dyn ExecutionPlan>,
    deadline: &Arc<Deadline>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let interrupted = plan.transform_up(|node| {
        let node = match node.downcast_ref::<NestedLoopJoinExec>() {
            Some(join) => clocked(join, deadline)?.unwrap_or(node),
            None => node,
        };
        if is_join(node.as_ref()) {
            return Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>));
        }
        Ok(Transformed::no(node))
    });
    interrupted.data()
}

fn is_join(node: &dyn ExecutionPlan) -> bool {
    node.is::<CrossJoinExec>()
        || node.is::<HashJoinExec>()
        || node.is::<NestedLoopJoinExec>()
        || node.is::<PiecewiseMergeJoinExec>()
        || node.is::<SortMergeJoinExec>()
}

fn clocked(join: &NestedLoopJoinExec, deadline: &Arc<Deadline>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(filter) = join.filter() else { return Ok(None) };
    let inner = Arc::clone(filter.expression());
    let clocked = Arc::new(Clocked { inner, deadline: Arc::clone(deadline) });
    let filter = JoinFilter::new(clocked, filter.column_indices().to_vec(), Arc::clone(filter.schema()));
    let projection = join.projection().as_ref().map(|columns| columns.to_vec());
    let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
    let join = NestedLoopJoinExec::try_new(left, right, Some(filter), join.join_type(), projection)?;
    Ok(Some(Arc::new(join)))
}

/// A condition that fails once the question's time is over.
#[derive(Debug)]
struct Clocked {
    inner: Arc<dyn PhysicalExpr>,
    deadline: Arc<Deadline>,
}

impl PartialEq for Clocked {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for Clocked {}

impl Hash for Clocked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for Clocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PhysicalExpr for Clocked {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.inner.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.inner.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.deadline.is_over() {
            return Err(DataFusionError::Execution("the question's time is over".into()));
        }
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let [inner] = <[_; 1]>::try_from(children)
            .map_err(|_| DataFusionError::Internal("a condition with a clock has one child".into()))?;
        Ok(Arc::new(Self { inner, deadline: Arc::clone(&self.deadline) }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
