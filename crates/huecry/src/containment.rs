//! Containment on this node: connectors and playbooks, how systems are reached, what is protected, and the workers.

mod live;
pub(crate) mod load;
mod orders;
pub(crate) mod setup;
mod watch;

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::storage::Storage;
use access::{RoleSet, Scope};
use live::{Everything, Live};
use model::{Partition, Topic};
use ports::{Log, Mailer, Store};
use prometheus_client::registry::Registry;
use respond::automatic::{Automation, AutomationOptions};
use respond::connector::HttpRemote;
use respond::{Duty, Responder, ResponderOptions, Times};
use server::{ContainParts, ContainTelemetry};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const MINUTE_MS: i64 = 60_000;

/// What the operator has set, checked before anything else is begun.
pub(crate) struct Prepared {
    now: Everything,
    seen: live::Fingerprint,
    config: Config,
    times: Times,
}

impl Prepared {
    /// Reads files, settings and secrets; `None` where nothing is contained.
    ///
    /// # Errors
    /// [`Failure`] with what is in the way: a file, a setting, a secret that is not there.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, Failure> {
        let settings = &config.respond;
        if !settings.enabled {
            return Ok(None);
        }
        let times = times(config)?;
        // before they are read: a change in between is seen by the next look
        let seen = live::fingerprint(config);
        let now = Everything::read(config)?;
        Ok(Some(Self { now, seen, config: config.clone(), times }))
    }

    /// What there is, for people.
    pub(crate) fn summary(&self) -> String {
        let connected = self.now.setup.connected().collect::<Vec<_>>().join(", ");
        let connected = if connected.is_empty() { "none".to_owned() } else { connected };
        let (playbooks, orders) = (self.now.known.playbooks.len(), self.now.orders.len());
        format!("systems that are connected: {connected}; {playbooks} playbooks, {orders} standing orders")
    }

    /// Orders for rules that are not there: they would silently never be carried out.
    pub(crate) fn orders_without_rule(&self, is_rule: impl Fn(&str) -> bool) -> Vec<&str> {
        let idle = self.now.orders.iter().filter(|order| !is_rule(&order.rule));
        idle.map(|order| order.name.as_str()).collect()
    }
}

/// Starts what contains and takes back.
pub(crate) fn start(
    prepared: Option<Prepared>,
    (storage, console_url): (&Storage, String),
    registry: &mut Registry,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<(), String>>,
) -> Option<Arc<ContainParts>> {
    let Some(Prepared { now, seen, config, times }) = prepared else {
        forget_orders(Arc::clone(&storage.log), shutdown.clone(), tasks);
        return None;
    };
    let telemetry = ContainTelemetry::default();
    telemetry.register(registry);
    let crew = respond::crew(now.setup.connected().count());
    let tells_by_email = now.mailer.is_some();
    let directory = Arc::clone(&storage.directory);
    let approvers = move |roles: &[String]| {
        let reach = directory.policies().reach_of_roles(RoleSet::of_names(roles));
        reach.scopes.has(Scope::ContainmentsApprove)
    };
    let live = Arc::new(Live::new(now, Box::new(approvers)));
    let responder = Responder::new(ResponderOptions {
        store: Arc::clone(&storage.store),
        clock: Arc::clone(&storage.clock),
        entropy: Arc::clone(&storage.entropy),
        remote: Arc::new(HttpRemote::default()),
        setup: live.clone(),
        times,
    });
    work((&responder, crew), (&storage.store, &telemetry), shutdown, tasks);
    automate(
        AutomationOptions {
            log: Arc::clone(&storage.log),
            responder: responder.clone(),
            orders: live.clone(),
            reporter_tier: server::reporter_tier,
        },
        &telemetry,
        shutdown,
        tasks,
    );
    // the one that is read now, at each mail
    let mailer = tells_by_email.then(|| -> Arc<dyn Mailer> { live.clone() });
    crate::mail::start(mailer, (storage, console_url), &telemetry, shutdown, tasks);
    live::watch((config, seen), &live, shutdown, tasks);
    let region = "default".to_owned();
    Some(Arc::new(ContainParts { responder, knows: live, telemetry, region, tells_by_email }))
}

fn times(config: &Config) -> Result<Times, Failure> {
    let approval_wait_ms = i64::from(config.respond.approval.wait_minutes) * MINUTE_MS;
    if !(1..=respond::approval::WAIT_MS_MAX).contains(&approval_wait_ms) {
        let days = respond::approval::WAIT_MS_MAX / (24 * 60 * MINUTE_MS);
        let what = format!("respond.approval.wait_minutes: people are asked for 1 minute to {days} days");
        return Err(Failure::new(Exit::Usage, what));
    }
    Ok(Times { approval_wait_ms, ..Times::default() })
}

/// Where nothing is contained, findings are not kept for orders that there were.
fn forget_orders(log: Arc<dyn Log>, shutdown: CancellationToken, tasks: &mut JoinSet<Result<(), String>>) {
    tasks.spawn(async move {
        for partition in (0..log.partitions(Topic::Finding)).map(Partition) {
            if let Err(error) = log.unregister(respond::automatic::CONSUMER, Topic::Finding, partition).await
            {
                tracing::warn!(%error, "the log still keeps findings for standing orders");
            }
        }
        shutdown.cancelled().await;
        Ok(())
    });
}

/// Carries out standing orders, each partition of findings by itself.
fn automate(
    options: AutomationOptions,
    telemetry: &ContainTelemetry,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<(), String>>,
) {
    let partitions = options.log.partitions(Topic::Finding);
    let automation = Automation::new(options);
    for partition in (0..partitions).map(Partition) {
        let (automation, telemetry, shutdown) = (automation.clone(), telemetry.clone(), shutdown.clone());
        tasks.spawn(async move {
            automation.run(partition, &shutdown, |automated| orders::told(&telemetry, &automated)).await;
            // without orders it has nothing to do, which is no reason to end the others
            shutdown.cancelled().await;
            Ok(())
        });
    }
}

fn work(
    (responder, crew): (&Responder, Vec<Duty>),
    (store, telemetry): (&Arc<dyn Store>, &ContainTelemetry),
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<(), String>>,
) {
    let (told, heard) = mpsc::unbounded_channel();
    for duty in crew {
        let (responder, shutdown, told) = (responder.clone(), shutdown.clone(), told.clone());
        tasks.spawn(async move {
            // who listens ends after the workers, or with them: then nobody counts any more
            let tell = |advanced: &respond::Advanced| drop(told.send(advanced.clone()));
            responder.work_at(duty, shutdown, tell).await;
            Ok(())
        });
    }
    let watch = watch::Watch { store: Arc::clone(store), telemetry: telemetry.clone(), heard };
    let shutdown = shutdown.clone();
    tasks.spawn(async move {
        watch.run(shutdown).await;
        Ok(())
    });
}
