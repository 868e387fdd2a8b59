//! The session of one question: its tables, its functions, its memory, and nothing that lasts.

use super::catalog::{CATALOG, Names, SCHEMA};
use super::files::NoStores;
use super::functions::{self, Operators};
use datafusion::common::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::prelude::SessionConfig;
use std::sync::Arc;

/// Rows that are worked on at once.
const BATCH_ROWS: usize = 8192;

/// A session for one question.
pub(super) fn session(
    names: Names,
    partitions: usize,
    memory_bytes_max: usize,
    now_ms: i64,
) -> Result<SessionState> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(memory_bytes_max)))
        // nothing is spilled: what a question has in memory is personal, and its disk would be a second limit
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
        .with_object_store_registry(Arc::new(NoStores::default()))
        .build_arc()?;
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(Operators)];
    planners.extend(SessionStateDefaults::default_expr_planners());
    Ok(SessionStateBuilder::new()
        .with_config(config(partitions))
        .with_runtime_env(runtime)
        .with_catalog_list(Arc::new(names))
        .with_scalar_functions(functions::scalar(now_ms))
        .with_aggregate_functions(functions::aggregate())
        .with_window_functions(functions::window())
        .with_expr_planners(planners)
        .build())
}

fn config(partitions: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    let options = config.options_mut();
    options.execution.enable_recursive_ctes = false;
    options.execution.time_zone = Some("UTC".into());
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    config
}
