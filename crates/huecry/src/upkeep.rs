//! What is done beside the way of events: retention, and the lake's files.

use lake::FileLake;
use model::Clock;
use ports::Lake;
use ports::lake::RetentionRule;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// How often the lake looks for something to do.
const LAKE_EVERY: Duration = Duration::from_secs(1);

/// What the lake holds and does.
#[derive(Debug, Default)]
struct Telemetry {
    files: Gauge,
    bytes: Gauge,
    events: Gauge,
    fresh: Gauge,
    merged: Counter,
    expired: Counter,
    failures: Counter,
}

impl Telemetry {
    fn register(&self, registry: &mut Registry) {
        registry.register("huecry_lake_files", "Files that the lake lists", self.files.clone());
        let help = "Size of the files that the lake lists";
        registry.register_with_unit("huecry_lake", help, Unit::Bytes, self.bytes.clone());
        registry.register("huecry_lake_events", "Events in the lake's files", self.events.clone());
        let help = "Events that wait to be written to a file of the lake";
        registry.register("huecry_lake_fresh_events", help, self.fresh.clone());
        registry.register("huecry_lake_files_merged", "Small files merged away", self.merged.clone());
        registry.register("huecry_lake_events_expired", "Events that were too old", self.expired.clone());
        registry.register("huecry_lake_failures", "Upkeep that failed", self.failures.clone());
    }

    fn look(&self, lake: &FileLake) {
        let size = lake.size();
        for (gauge, value) in [
            (&self.files, size.files),
            (&self.bytes, size.bytes),
            (&self.events, size.events),
            (&self.fresh, size.fresh_events),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }
}

/// Keeps the lake's files in order, on a thread of its own, until `shutdown`.
///
/// # Errors
/// When the thread cannot be started.
pub(crate) fn start_lake(
    lake: FileLake,
    retention: Vec<RetentionRule>,
    clock: Arc<dyn Clock>,
    registry: &mut Registry,
    shutdown: CancellationToken,
) -> std::io::Result<JoinHandle<()>> {
    let telemetry = Telemetry::default();
    telemetry.register(registry);
    let runtime = Handle::current();
    // The timer is made inside the block: outside of it this thread knows of no runtime, and making one panics.
    let wait = move || {
        runtime.block_on(async { tokio::time::timeout(LAKE_EVERY, shutdown.cancelled()).await }).is_ok()
    };
    std::thread::Builder::new().name("lake".to_owned()).spawn(move || {
        while !wait() {
            match lake.maintain(clock.now_ms(), &retention) {
                Ok(done) => {
                    telemetry.merged.inc_by(done.files_merged);
                    telemetry.expired.inc_by(done.events_expired);
                    if done.files_expired > 0 {
                        let (files, events) = (done.files_expired, done.events_expired);
                        tracing::info!(files, events, "lake retention");
                    }
                }
                Err(error) => {
                    telemetry.failures.inc();
                    tracing::error!(%error, "upkeep of the lake failed, trying again");
                }
            }
            telemetry.look(&lake);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ColumnValues, Enrichment, EventId, Offset, Partition, RawRecord, SystemClock};
    use ports::LakeRow;
    use std::time::Instant;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn one_event(lake: &FileLake, now_ms: i64) {
        let record = RawRecord {
            source: "aws-prod",
            kind: "aws_cloudtrail",
            event_type: None,
            delivery_id: None,
            region: "default",
            received_at_ms: now_ms,
            body: b"{}",
        };
        let mut writer = lake.writer(Partition(0)).unwrap();
        writer.push(&LakeRow {
            offset: Offset(0),
            event_id: EventId([1; 16]),
            time_ms: now_ms,
            class_uid: 6003,
            columns: &ColumnValues::default(),
            enrichment: Enrichment::default(),
            record,
        });
        writer.commit(Offset(0), Offset(1), now_ms).unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_waits_is_written_without_anybody_asking() {
        let folder = tempfile::tempdir().unwrap();
        let options = lake::Options { flush_age_ms_max: 0, ..lake::Options::new(folder.path().join("lake")) };
        let lake = FileLake::open(&options).unwrap();
        one_event(&lake, SystemClock.now_ms());
        assert_eq!(lake.size().files, 0);
        let (shutdown, mut registry) = (CancellationToken::new(), Registry::default());
        let clock = Arc::new(SystemClock);
        let upkeep = start_lake(lake.clone(), Vec::new(), clock, &mut registry, shutdown.clone()).unwrap();
        let (asked, seen) = (Instant::now(), lake.clone());
        while seen.size().files == 0 && asked.elapsed() < PATIENCE && !upkeep.is_finished() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        shutdown.cancel();
        tokio::task::spawn_blocking(move || upkeep.join()).await.unwrap().unwrap();
        assert_eq!((lake.size().files, lake.size().fresh_events), (1, 0));
    }
}
