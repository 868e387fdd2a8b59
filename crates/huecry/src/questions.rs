//! The engine that answers questions about events, as the configuration wants it.

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::storage::{Storage, load_or_make_key};
use lake::snapshot::Snapshots;
use lake::sql::{Class, MASK_KEY_BYTES, Masker, Options, SqlEngine};
use ports::query::Derive;
use prometheus_client::registry::Registry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The key under which personal values become tokens, in the data folder.
const KEY_FILE: &str = "mask.key";

/// Bounds of questions about events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QueryConfig {
    /// Threads that work on queries; 0 is half of the cores.
    pub threads: usize,
    /// Queries that run at once.
    pub concurrent_max: usize,
    /// Queries that wait for one of those to end, for a few seconds; more get 429 at once.
    pub waiting_max: usize,
    /// Most memory of one query, in bytes.
    pub memory_bytes_max: usize,
    /// Longest time of one query, in milliseconds.
    pub time_ms_max: u64,
    /// Most rows of one answer.
    pub rows_max: u64,
}

impl Default for QueryConfig {
    fn default() -> Self {
        Self {
            threads: 0,
            concurrent_max: 4,
            waiting_max: 16,
            memory_bytes_max: 256 << 20,
            time_ms_max: 60_000,
            rows_max: 1_000_000,
        }
    }
}

/// Starts the engine over the lake's snapshots; its metrics go into `registry`.
///
/// # Errors
/// [`Failure`] when the key in the data folder cannot be read or made, or there are no threads.
pub fn engine(
    config: &Config,
    storage: &Storage,
    snapshots: Arc<dyn Snapshots>,
    derive: Arc<dyn Derive>,
    registry: &mut Registry,
) -> Result<SqlEngine, Failure> {
    let key = mask_key(config, storage)?;
    let settings = &config.query;
    let mut options = Options::new(snapshots, Arc::clone(&storage.clock), key);
    if settings.threads > 0 {
        options.threads = settings.threads;
    }
    options.concurrent_max = settings.concurrent_max;
    options.waiting_max = settings.waiting_max;
    options.memory_bytes_max = settings.memory_bytes_max;
    options.time_ms_max = settings.time_ms_max;
    options.rows_max = settings.rows_max;
    options.derive = Some(derive);
    options.classes = classes();
    options.telemetry.register(registry);
    SqlEngine::start(options).map_err(|error| Failure::new(Exit::Server, format!("query threads: {error}")))
}

fn mask_key(config: &Config, storage: &Storage) -> Result<[u8; MASK_KEY_BYTES], Failure> {
    let loss = "without it masked values get other tokens than in earlier answers";
    load_or_make_key(&config.storage.data_dir.join(KEY_FILE), &*storage.entropy, loss)
}

/// Makes the tokens that answers of the engine have for personal values.
///
/// # Errors
/// [`Failure`] when the key in the data folder cannot be read or made.
pub fn masker(config: &Config, storage: &Storage) -> Result<Masker, Failure> {
    Ok(Masker::new(&mask_key(config, storage)?))
}

/// Every OCSF class, with a view of its name.
fn classes() -> Vec<Class> {
    let schema = normalize::Schema::builtin();
    let class =
        |(uid, name, caption): (u32, &str, &str)| Class { uid, name: name.into(), caption: caption.into() };
    schema.classes().map(class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_view_that_needs_no_quotes() {
        let classes = classes();
        assert!(classes.len() > 60, "{}", classes.len());
        let plain =
            |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        assert!(classes.iter().all(|class| plain(&class.name) && class.name != "events"), "{classes:?}");
        let api = classes.iter().find(|class| class.uid == 6003).unwrap();
        assert_eq!((api.name.as_str(), api.caption.as_str()), ("api_activity", "API Activity"));
    }
}
