//! One running node: doors, pipeline, triage, API, on one storage.

use crate::config::Config;
use crate::containment;
use crate::derive::Deriver;
use crate::enrichment;
use crate::entrance::Entrance;
use crate::exit::{Exit, Failure};
use crate::pipeline::{self, Pipeline};
use crate::questions;
use crate::reports;
use crate::rollout::{self, Book, Generation, Live, Rollout};
use crate::service_catalog::KnownServices;
use crate::storage::Storage;
use crate::upkeep;
use crate::witness;
use detect::LoadReport;
use enrich::Enricher;
use ports::{Lake, Query, Store};
use prometheus_client::registry::Registry;
use server::{App, Parts};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often retention looks at log and state.
const RETENTION_EVERY: Duration = Duration::from_secs(300);
/// Changes that a stream of them can go back.
const CHANGES_KEPT: u64 = 100_000;
/// Expired answers that are forgotten at once, so that other writers need not wait long.
const EXPIRED_ANSWERS_MAX: u32 = 10_000;
/// So long a session that has ended is remembered, so that its exchanged cookie is known when it comes back.
const SESSIONS_KEPT_MS: i64 = 30 * 24 * HOUR_MS;
/// Sessions that are forgotten at once.
const EXPIRED_SESSIONS_MAX: u32 = 10_000;
/// So long it is remembered who was told what by e-mail.
const LETTERS_KEPT_MS: i64 = 30 * 24 * HOUR_MS;
/// Letters that are forgotten at once.
const LETTERS_MAX: u32 = 10_000;
const HOUR_MS: i64 = 3_600_000;
/// The states of correlations, in the data folder.
const CORRELATION_DIR: &str = "correlation";
/// So long it is remembered on which days a rule matched.
const RULE_DAYS_KEPT_MS: i64 = 400 * 24 * HOUR_MS;
/// Days of rules that are forgotten at once.
const RULE_DAYS_MAX: u32 = 10_000;

/// A node that runs until it is stopped.
pub struct Node {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it stands on.
    pub storage: Storage,
    /// What came of loading the rules.
    pub rules: LoadReport,
    /// The one-time link for the first admin, while there is none.
    pub first_link: Option<String>,
    pipeline: Pipeline,
    lake_upkeep: Option<JoinHandle<()>>,
    tasks: JoinSet<Result<(), String>>,
    shutdown: CancellationToken,
}

impl Node {
    /// Opens the storage, loads the rules, binds the address and starts every part.
    ///
    /// # Errors
    /// [`Failure`] with what is in the way.
    pub async fn start(config: &Config) -> Result<Self, Failure> {
        let address = config.server.listen;
        // bound first: a second server on the same address must not touch the storage
        let listener = TcpListener::bind(address).await.map_err(|e| {
            Failure::new(Exit::Usage, format!("cannot listen on {address}: {e}"))
                .hint("is another server running? --listen names another address")
        })?;
        let address = listener.local_addr()?;
        let containing = containment::Prepared::of(config)?;
        let storage = Storage::open(config).await?;
        storage.first_token(&config.storage.data_dir).await?;
        let mut entrance = Entrance::of(config, &storage, address).await?;
        let first_link = entrance.first_link.take();
        let console_url = entrance.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let (mut registry, mut tasks) = (Registry::default(), JoinSet::new());
        let shutdown = CancellationToken::new();
        let enricher = enrichment::start(&config.enrich, &mut registry);
        let rollout = start_rules(config, &storage, &enricher, &mut registry, &shutdown, &mut tasks).await?;
        let rules = rollout.live().current();
        warn_of_idle_orders(containing.as_ref(), &rules);
        let report = LoadReport::clone(&rules.report);
        let correlation = config.correlation.options(config.storage.data_dir.join(CORRELATION_DIR));
        let pipeline =
            start_pipeline(&storage, rollout.live(), correlation, &mut registry, &shutdown).await?;
        let lake_upkeep = start_lake(config, &storage, &mut registry, &shutdown)?;
        start_triage(config, &storage, &mut registry, &shutdown, &mut tasks);
        start_audit(config, &storage, &mut registry, &shutdown, &mut tasks);
        start_retention(&storage, &shutdown, &mut tasks);
        let services = KnownServices::new(Arc::clone(&enricher), Arc::clone(&storage.clock));
        let interval_s = config.enrich.reload_interval_s;
        enrichment::watch(enricher, Arc::clone(&storage.clock), interval_s, &shutdown, &mut tasks);
        let query = start_query(config, &storage, &mut registry)?;
        let log = Arc::clone(&storage.log);
        let masker = questions::masker(config, &storage)?;
        let book = Arc::new(Book::new(rollout, log, query.clone(), masker));
        let people = (
            reports::start(config, &storage, &mut registry, &shutdown, &mut tasks)?,
            containment::start(containing, (&storage, console_url), &mut registry, &shutdown, &mut tasks),
        );
        let answering = (book as Arc<dyn server::Rules>, Arc::new(services) as _, query, entrance, people);
        let app = app(config, &storage, answering, registry, &shutdown);
        tasks.spawn(async move { server::serve(listener, app).await.map_err(|e| format!("server: {e}")) });
        Ok(Self { address, storage, rules: report, first_link, pipeline, lake_upkeep, tasks, shutdown })
    }

    /// The address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks every part to end; [`Node::finish`] waits for it.
    pub fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Runs until a part fails or `until` resolves, then stops all parts in order: doors, triage, pipeline,
    /// lake, log, state.
    ///
    /// # Errors
    /// [`Failure`] when a part ended by itself.
    pub async fn finish(mut self, until: impl Future<Output = ()>) -> Result<(), Failure> {
        let failed = tokio::select! {
            () = until => None,
            ended = self.tasks.join_next() => Some(ended),
        };
        self.shutdown.cancel();
        while self.tasks.join_next().await.is_some() {}
        let (pipeline, upkeep, lake) = (self.pipeline, self.lake_upkeep, self.storage.lake.clone());
        let joined = tokio::task::spawn_blocking(move || {
            pipeline.join();
            if upkeep.is_some_and(|upkeep| upkeep.join().is_err()) {
                tracing::error!("the upkeep of the lake panicked");
            }
            if let Some(Err(error)) = lake.map(|lake| lake.close()) {
                tracing::warn!(%error, "the lake was not closed cleanly; it reads the log again at the next start");
            }
        });
        if joined.await.is_err() {
            tracing::error!("a pipeline worker did not end well");
        }
        if let Err(error) = self.storage.log.close().await {
            tracing::warn!(%error, "the log was not closed cleanly");
        }
        self.storage.store.close().await;
        match failed {
            None | Some(None | Some(Ok(Ok(())))) => Ok(()),
            Some(Some(Ok(Err(reason)))) => Err(Failure::new(Exit::Server, reason)),
            Some(Some(Err(error))) => {
                Err(Failure::new(Exit::Server, format!("a part of the server: {error}")))
            }
        }
    }
}

/// Loads the rules and keeps them: files, stages, budgets.
async fn start_rules(
    config: &Config,
    storage: &Storage,
    enricher: &Arc<Enricher>,
    registry: &mut Registry,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<(), String>>,
) -> Result<Arc<Rollout>, Failure> {
    let telemetry = rollout::Telemetry::default();
    telemetry.register(registry);
    let rollout = Rollout::start(rollout::Options {
        config: config.rules.clone(),
        store: Arc::clone(&storage.store),
        clock: Arc::clone(&storage.clock),
        entropy: Arc::clone(&storage.entropy),
        enricher: Arc::clone(enricher),
        telemetry,
    })
    .await?;
    let (running, shutdown) = (Arc::clone(&rollout), shutdown.clone());
    tasks.spawn(async move { running.run(shutdown).await });
    Ok(rollout)
}

async fn start_pipeline(
    storage: &Storage,
    live: &Arc<Live>,
    correlation: pipeline::Correlation,
    registry: &mut Registry,
    shutdown: &CancellationToken,
) -> Result<Pipeline, Failure> {
    let telemetry = pipeline::Telemetry::default();
    telemetry.register(registry);
    let options = pipeline::Options {
        live: Arc::clone(live),
        log: Arc::clone(&storage.log),
        store: Arc::clone(&storage.store),
        clock: Arc::clone(&storage.clock),
        lake: storage.lake.clone().map(|lake| Arc::new(lake) as Arc<dyn Lake>),
        retry_pause: Duration::from_secs(1),
        correlation,
        telemetry,
    };
    Pipeline::start(&options, shutdown)
        .await
        .map_err(|e| Failure::new(Exit::Server, format!("pipeline: {e}")))
}

fn start_lake(
    config: &Config,
    storage: &Storage,
    registry: &mut Registry,
    shutdown: &CancellationToken,
) -> Result<Option<JoinHandle<()>>, Failure> {
    let Some(lake) = storage.lake.clone() else { return Ok(None) };
    let (retention, clock) = (config.lake.retention(), Arc::clone(&storage.clock));
    Ok(Some(upkeep::start_lake(lake, retention, clock, registry, shutdown.clone())?))
}

/// Answers questions over the lake, where there is one.
fn start_query(
    config: &Config,
    storage: &Storage,
    registry: &mut Registry,
) -> Result<Option<Arc<dyn Query>>, Failure> {
    let Some(lake) = storage.lake.clone() else { return Ok(None) };
    // events are computed by the mappings alone: an engine of their own outlives every set of rules
    let (engine, _) = crate::commands::load_engine(&[])?;
    let deriver = Arc::new(Deriver::new(Arc::new(engine)));
    Ok(Some(Arc::new(questions::engine(config, storage, Arc::new(lake), deriver, registry)?)))
}

fn start_triage(
    config: &Config,
    storage: &Storage,
    registry: &mut Registry,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<(), String>>,
) {
    let telemetry = triage::Telemetry::default();
    telemetry.register(registry);
    let service = triage::Service::new(triage::Options {
        log: Arc::clone(&storage.log),
        store: Arc::clone(&storage.store),
        clock: Arc::clone(&storage.clock),
        entropy: Arc::clone(&storage.entropy),
        grouping: triage::Grouping { window_ms: i64::from(config.triage.window_hours) * HOUR_MS },
        telemetry,
    });
    let shutdown = shutdown.clone();
    tasks.spawn(async move { service.run(shutdown).await.map_err(|e| format!("triage: {e}")) });
}

/// A standing order for a rule that is not there would silently never be carried out.
fn warn_of_idle_orders(containing: Option<&containment::Prepared>, rules: &Generation) {
    let is_rule = |id: &str| rules.all().any(|rule| rule.rule_id.eq_ignore_ascii_case(id));
    for order in containing.map(|prepared| prepared.orders_without_rule(is_rule)).unwrap_or_default() {
        tracing::error!(order, "there is no rule of this standing order: it is never carried out");
    }
}

/// Signs what is recorded. What is recorded while everything ends is signed at the next start.
fn start_audit(
    config: &Config,
    storage: &Storage,
    registry: &mut Registry,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<(), String>>,
) {
    let telemetry = audit::Telemetry::default();
    telemetry.register(registry);
    let service = audit::Service::new(audit::Options {
        store: Arc::clone(&storage.store),
        tiles: Arc::clone(&storage.tiles),
        signer: Arc::clone(&storage.signer),
        clock: Arc::clone(&storage.clock),
        witnesses: witness::configured(&config.audit),
        telemetry,
    });
    let shutdown = shutdown.clone();
    tasks.spawn(async move {
        service.run(shutdown).await;
        Ok(())
    });
}

/// Removes what is older or larger than configured, and never fails the node: an error is tried again.
fn start_retention(storage: &Storage, shutdown: &CancellationToken, tasks: &mut JoinSet<Result<(), String>>) {
    let (log, store) = (Arc::clone(&storage.log), Arc::clone(&storage.store));
    let (clock, shutdown) = (Arc::clone(&storage.clock), shutdown.clone());
    tasks.spawn(async move {
        while shutdown.run_until_cancelled(tokio::time::sleep(RETENTION_EVERY)).await.is_some() {
            match log.retain(clock.now_ms()).await {
                Ok(removed) if removed.segments_deleted > 0 => {
                    let (segments, bytes) = (removed.segments_deleted, removed.bytes_deleted);
                    tracing::info!(segments, bytes, "log retention");
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "log retention failed"),
            }
            match forget(&*store, clock.now_ms()).await {
                Ok(0) => {}
                Ok(rows) => tracing::info!(rows, "state retention"),
                Err(error) => tracing::error!(%error, "state retention failed"),
            }
        }
        Ok(())
    });
}

/// Drops what streams and repeated requests no longer need.
async fn forget(store: &dyn Store, now_ms: i64) -> Result<u64, ports::store::StoreError> {
    let mut unit = store.begin().await?;
    let changes = unit.changes().prune(CHANGES_KEPT).await?;
    let answers = unit.idempotency().expire(now_ms, EXPIRED_ANSWERS_MAX).await?;
    let sessions = unit.sessions().forget(now_ms - SESSIONS_KEPT_MS, EXPIRED_SESSIONS_MAX).await?;
    let letters = unit.letters().forget(now_ms - LETTERS_KEPT_MS, LETTERS_MAX).await?;
    let oldest_day = (now_ms - RULE_DAYS_KEPT_MS).div_euclid(24 * HOUR_MS);
    let days = unit.rules().forget_days(oldest_day, RULE_DAYS_MAX).await?;
    unit.commit().await?;
    Ok(changes + answers + sessions + letters + days)
}

/// Where people report, and what contains.
type OfPeople = (Option<Arc<server::ReportParts>>, Option<Arc<server::ContainParts>>);

/// What answers about rules, services and events, who may ask, and what people do.
type Answering =
    (Arc<dyn server::Rules>, Arc<dyn server::ServiceCatalog>, Option<Arc<dyn Query>>, Entrance, OfPeople);

fn app(
    config: &Config,
    storage: &Storage,
    (rules, services, query, entrance, (reports, containment)): Answering,
    mut registry: Registry,
    shutdown: &CancellationToken,
) -> App {
    let ingest_telemetry = ingest::Telemetry::default();
    ingest_telemetry.register(&mut registry);
    let telemetry = server::Telemetry::default();
    telemetry.register(&mut registry);
    let options = ingest::Options { in_flight_bytes_max: config.server.in_flight_bytes_max };
    let (log, store) = (Arc::clone(&storage.log), Arc::clone(&storage.store));
    let (clock, entropy) = (Arc::clone(&storage.clock), Arc::clone(&storage.entropy));
    App::new(Parts {
        ingest: Arc::new(ingest::Service::new(
            Arc::clone(&log),
            Arc::clone(&clock),
            ingest_telemetry,
            options,
        )),
        desk: triage::Desk::new(Arc::clone(&store), Arc::clone(&clock), Arc::clone(&entropy)),
        audit: audit::Prover::new(Arc::clone(&storage.tiles), storage.signer.public().clone()),
        eraser: audit::Eraser::new(Arc::clone(&store), Arc::clone(&clock), Arc::clone(&entropy)),
        log,
        store,
        clock,
        entropy,
        directory: Arc::clone(&storage.directory),
        gate: entrance.gate,
        people: entrance.people,
        sessions: entrance.sessions,
        denials: entrance.denials,
        oidc: entrance.oidc,
        public_url: entrance.public_url,
        access: Arc::clone(&storage.registry),
        query,
        rules,
        services,
        reports,
        containment,
        metrics: Arc::new(registry),
        telemetry,
        options: server::Options::default(),
        shutdown: shutdown.clone(),
    })
}
