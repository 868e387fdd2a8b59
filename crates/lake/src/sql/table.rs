//! `events` and the views of its classes, as one snapshot has them and one reader may see them.

use super::columns::{self, is_personal, is_whole_record, stored_schema};
use super::files::SnapshotFiles;
use super::prune::listed_files;
use super::shape::{Cell, RecordColumns, ShapeExec, Workshop};
use crate::schema::RAW;
use crate::snapshot::Snapshot;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, Result, ToDFSchema};
use datafusion::datasource::TableType;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, col, lit};
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use ports::query::Reader;
use std::sync::Arc;

/// What the tables of one question share.
#[derive(Debug)]
pub(super) struct View {
    pub(super) reader: Reader,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) files: Arc<SnapshotFiles>,
    pub(super) workshop: Arc<Workshop>,
    pub(super) stored: SchemaRef,
    pub(super) table: SchemaRef,
}

impl View {
    pub(super) fn new(
        reader: Reader,
        snapshot: Arc<Snapshot>,
        files: Arc<SnapshotFiles>,
        workshop: Arc<Workshop>,
    ) -> Self {
        Self { reader, snapshot, files, workshop, stored: stored_schema(), table: columns::table_schema() }
    }

    /// Whether some rows do not exist for the reader.
    fn is_filtered(&self) -> bool {
        self.reader.regions.is_some() || self.reader.sources.is_some()
    }
}

/// One table: all events, or those of a class.
#[derive(Debug)]
pub(super) struct EventsTable {
    view: Arc<View>,
    class_uid: Option<u32>,
}

impl EventsTable {
    pub(super) fn new(view: Arc<View>, class_uid: Option<u32>) -> Self {
        Self { view, class_uid }
    }

    /// What the table itself says about its rows: class, and what exists for the reader.
    fn own_filters(&self) -> Vec<Expr> {
        let reader = &self.view.reader;
        let among = |name: &str, allowed: &Vec<String>| {
            col(name).in_list(allowed.iter().map(|value| lit(value.as_str())).collect(), false)
        };
        let class = self.class_uid.map(|uid| col("class_uid").eq(lit(uid as i32)));
        let regions = reader.regions.as_ref().map(|allowed| among("region", allowed));
        let sources = reader.sources.as_ref().map(|allowed| among("source", allowed));
        [class, regions, sources].into_iter().flatten().collect()
    }

    /// Whether a condition of the question may be evaluated below the fence.
    ///
    /// Where rows or values are kept from the reader only comparisons of an open column with a constant may:
    /// they cannot fail, so they tell nothing about a row that is not there for the reader.
    fn may_sink(&self, filter: &Expr) -> bool {
        let stored = |column: &Column| self.view.stored.column_with_name(&column.name).is_some();
        if !filter.column_refs().into_iter().all(stored) || filter.is_volatile() {
            return false;
        }
        if self.view.reader.personal && !self.view.is_filtered() {
            return true;
        }
        is_plain(filter)
    }

    fn cell(&self, name: &str, at: &dyn Fn(&str) -> Result<usize>) -> Result<Cell> {
        let personal = self.view.reader.personal;
        if !personal && is_whole_record(name) {
            return Ok(Cell::Hidden);
        }
        let class_uid = || at("class_uid");
        Ok(match name {
            columns::CLASS_NAME => Cell::ClassName { class_uid: class_uid()? },
            columns::CATEGORY_UID => Cell::CategoryUid { class_uid: class_uid()? },
            columns::TYPE_UID => Cell::TypeUid { class_uid: class_uid()?, activity_id: at("activity_id")? },
            columns::EVENT => Cell::Event(record_columns(at)?),
            columns::UNMAPPED => Cell::Unmapped(record_columns(at)?),
            name if !personal && is_personal(name) => Cell::Masked(at(name)?),
            name => Cell::Stored(at(name)?),
        })
    }
}

fn record_columns(at: &dyn Fn(&str) -> Result<usize>) -> Result<RecordColumns> {
    Ok(RecordColumns {
        raw: at(RAW)?,
        source: at("source")?,
        kind: at("kind")?,
        event_type: at("event_type")?,
        delivery_id: at("delivery_id")?,
        region: at("region")?,
        received_at: at("received_at")?,
        partition: at("log_partition")?,
        offset: at("log_offset")?,
    })
}

/// A comparison of an open column with a constant, or an AND, OR or IN of such.
fn is_plain(filter: &Expr) -> bool {
    let open = |expr: &Expr| matches!(expr, Expr::Column(column) if !is_personal(&column.name));
    let constant = |expr: &Expr| matches!(expr, Expr::Literal(..));
    match filter {
        Expr::BinaryExpr(binary) if matches!(binary.op, Operator::And | Operator::Or) => {
            is_plain(&binary.left) && is_plain(&binary.right)
        }
        Expr::BinaryExpr(binary) => {
            let compares = matches!(
                binary.op,
                Operator::Eq
                    | Operator::NotEq
                    | Operator::Lt
                    | Operator::LtEq
                    | Operator::Gt
                    | Operator::GtEq
            );
            compares
                && (open(&binary.left) && constant(&binary.right)
                    || constant(&binary.left) && open(&binary.right))
        }
        Expr::InList(list) => open(&list.expr) && list.list.iter().all(constant),
        Expr::Between(between) => open(&between.expr) && constant(&between.low) && constant(&between.high),
        Expr::IsNull(inner) | Expr::IsNotNull(inner) => open(inner),
        _ => false,
    }
}

/// The columns of the store that the cells need, and where each stands among them.
#[derive(Default)]
struct Needed {
    stored: Vec<usize>,
}

impl Needed {
    fn at(&mut self, column: usize) -> usize {
        self.stored.iter().position(|known| *known == column).unwrap_or_else(|| {
            self.stored.push(column);
            self.stored.len() - 1
        })
    }
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.view.table)
    }

    fn table_type(&self) -> TableType {
        if self.class_uid.is_some() { TableType::View } else { TableType::Base }
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| match self.may_sink(filter) {
                true => TableProviderFilterPushDown::Inexact,
                false => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.view.table.project(columns)?),
            None => Arc::clone(&self.view.table),
        };
        let needed = std::cell::RefCell::new(Needed::default());
        let at = |name: &str| Ok(needed.borrow_mut().at(self.view.stored.index_of(name)?));
        let cells: Vec<Cell> =
            schema.fields().iter().map(|field| self.cell(field.name(), &at)).collect::<Result<_>>()?;
        let own = self.own_filters();
        let mut sinking: Vec<Expr> =
            filters.iter().filter(|f| self.may_sink(f)).map(bare).collect::<Result<_>>()?;
        sinking.extend(own.iter().cloned());
        // what filters read beyond the question's columns
        let is_shaped = self.view.is_filtered() || cells.iter().any(|cell| !matches!(cell, Cell::Stored(_)));
        let below = if is_shaped { sinking.clone() } else { own };
        for column in below.iter().flat_map(Expr::column_refs) {
            at(&column.name)?;
        }
        let needed = needed.into_inner();
        let limit = limit.filter(|_| below.is_empty());
        let mut plan = self.read(state, &needed.stored, &sinking, limit)?;
        if let Some(filter) = conjunction(below) {
            let filter = state.create_physical_expr(filter, &plan.schema().to_dfschema()?)?;
            plan = Arc::new(FilterExec::try_new(filter, plan)?);
        }
        if is_shaped {
            return Ok(Arc::new(ShapeExec::new(plan, cells, Arc::clone(&self.view.workshop), schema)));
        }
        if plan.schema().fields().len() == schema.fields().len() {
            return Ok(plan);
        }
        let kept = schema.fields().iter().enumerate().map(|(index, field)| {
            let column: Arc<dyn PhysicalExpr> = Arc::new(ColumnExpr::new(field.name(), index));
            (column, field.name().clone())
        });
        Ok(Arc::new(ProjectionExec::try_new(kept.collect::<Vec<_>>(), plan)?))
    }
}

/// A condition without the table's name or alias before its columns.
fn bare(filter: &Expr) -> Result<Expr> {
    let bare = filter.clone().transform(|expr| match expr {
        Expr::Column(column) => Ok(Transformed::new(
            Expr::Column(Column::from_name(column.name)),
            true,
            TreeNodeRecursion::Continue,
        )),
        other => Ok(Transformed::no(other)),
    });
    Ok(bare?.data)
}

impl EventsTable {
    /// Stored columns from files and fresh batches; `filters` only chooses files.
    fn read(
        &self,
        state: &dyn Session,
        stored: &[usize],
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let filter = match conjunction(filters.to_vec()) {
            Some(filter) => {
                let schema = Arc::clone(&self.view.stored).to_dfschema()?;
                Some(state.create_physical_expr(filter, &schema)?)
            }
            None => None,
        };
        let files = listed_files(&self.view.snapshot, &self.view.stored, filter)?;
        let mut inputs: Vec<Arc<dyn ExecutionPlan>> = Vec::with_capacity(2);
        if !files.is_empty() {
            inputs.push(self.read_files(&files, stored, limit)?);
        }
        if !self.view.snapshot.fresh.is_empty() {
            inputs.push(self.read_fresh(stored)?);
        }
        match inputs.len() {
            0 => Ok(Arc::new(EmptyExec::new(Arc::new(self.view.stored.project(stored)?)))),
            1 => inputs.pop().ok_or_else(|| DataFusionError::Internal("no input".into())),
            _ => UnionExec::try_new(inputs),
        }
    }

    fn read_files(
        &self,
        files: &[usize],
        stored: &[usize],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let factory = Arc::clone(&self.view.files) as _;
        let source = ParquetSource::new(TableSchema::from(Arc::clone(&self.view.stored)))
            .with_parquet_file_reader_factory(factory)
            .with_pushdown_filters(true)
            .with_reorder_filters(true)
            .with_enable_page_index(true)
            .with_bloom_filter_on_read(true);
        let files: Vec<_> = files.iter().filter_map(|file| self.view.files.name(*file)).collect();
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse("lake://files")?, Arc::new(source))
            .with_file_group(FileGroup::new(files))
            .with_projection_indices(Some(stored.to_vec()))?
            .with_limit(limit);
        Ok(DataSourceExec::from_data_source(config.build()))
    }

    /// Fresh batches as files would give them: text as views, and nulls for columns that they lack.
    fn read_fresh(&self, stored: &[usize]) -> Result<Arc<dyn ExecutionPlan>> {
        let schema: SchemaRef = Arc::new(self.view.stored.project(stored)?);
        let batches = self.view.snapshot.fresh.iter().map(|batch| as_stored(batch, &schema));
        let batches = batches.collect::<Result<Vec<_>>>()?;
        Ok(MemorySourceConfig::try_new_exec(&[batches], schema, None)?)
    }
}

fn as_stored(batch: &RecordBatch, schema: &Arc<Schema>) -> Result<RecordBatch> {
    let column = |field: &Arc<arrow::datatypes::Field>| -> Result<ArrayRef> {
        match batch.column_by_name(field.name()) {
            Some(array) => Ok(arrow::compute::cast(array, field.data_type())?),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        }
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
