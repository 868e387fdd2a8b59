//! From the configuration to the enricher, and its files watched while the node runs.

use crate::config::{CodeownersConfig, DialectConfig, EnrichConfig};
use crate::{reload, terminal};
use enrich::{Dialect, Enricher, Fault, RepositoryFile, Sources};
use model::Clock;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Faults of one load that are logged one by one.
const FAULTS_LOGGED_MAX: usize = 20;

/// What the configuration names.
pub(crate) fn sources(config: &EnrichConfig) -> Sources {
    let file = |owners: &CodeownersConfig| RepositoryFile {
        repository: owners.repository.clone(),
        file: owners.file.clone(),
        dialect: match owners.dialect {
            DialectConfig::Auto => Dialect::Auto,
            DialectConfig::Github => Dialect::Github,
            DialectConfig::Gitlab => Dialect::Gitlab,
        },
    };
    Sources {
        catalog: config.catalog.clone(),
        codeowners: config.codeowners.iter().map(file).collect(),
        geoip: config.geoip.clone(),
    }
}

/// Reads what is configured. Faults are logged and stop nothing: what could be read is in force.
pub(crate) fn start(config: &EnrichConfig, registry: &mut Registry) -> Arc<Enricher> {
    let telemetry = enrich::Telemetry::default();
    telemetry.register(registry);
    let (enricher, faults) = Enricher::load(sources(config), telemetry);
    log(&faults);
    let state = enricher.state();
    let services = state.history.newest().map_or(0, |catalog| catalog.services().len());
    let databases = state.geo.databases().len();
    tracing::info!(services, databases, faults = faults.len(), "enrichment loaded");
    Arc::new(enricher)
}

/// The same for a command that runs without a server; faults are noted.
pub(crate) fn offline(config: &EnrichConfig) -> Arc<Enricher> {
    let (enricher, faults) = Enricher::load(sources(config), enrich::Telemetry::default());
    faults.iter().filter(|fault| !fault.code.is_remark()).take(FAULTS_LOGGED_MAX).for_each(terminal::note);
    Arc::new(enricher)
}

fn log(faults: &[Fault]) {
    for fault in faults.iter().take(FAULTS_LOGGED_MAX) {
        let Fault { file, line, code, reason } = fault;
        tracing::warn!(file, line, code = code.as_str(), reason, "fault in an enrichment file");
    }
}

/// Reads the files again when they change and at SIGHUP, until `shutdown`. `interval_s` 0: at SIGHUP only.
pub(crate) fn watch(
    enricher: Arc<Enricher>,
    clock: Arc<dyn Clock>,
    interval_s: u32,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<(), String>>,
) {
    reload::watch("enrichment", interval_s, shutdown, tasks, move |force| {
        match enricher.reload(clock.now_ms(), force) {
            Ok(true) => tracing::info!(force, "enrichment files read again"),
            Ok(false) => {}
            Err(faults) => {
                log(&faults);
                tracing::error!(
                    faults = faults.len(),
                    "enrichment files have errors; what was known before stays in force"
                );
            }
        }
    });
}
