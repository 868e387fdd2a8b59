//! A store with records, a tree over it, and copies of both.

use backends::sqlite::SqliteStore;
use backends::tiles::FileTiles;
use huecry_audit::copy::{CopyWriter, lines_up_to, tiles_of};
use huecry_audit::verify::{Kept, Report, verify};
use huecry_audit::{Eraser, ErasureRequest, Options, Prover, Service, SignedCheckpoint, Signer, Telemetry};
use model::{AuditField, AuditId, AuditRecord, Clock, Entropy, ManualClock, Principal, SeededEntropy};
use ports::{Store, TileStore};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) const NOW_MS: i64 = 1_764_177_294_000;
pub(crate) const ORIGIN: &str = "example.com/audit";

/// A store and a tree.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) tiles: Arc<dyn TileStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) entropy: SeededEntropy,
    pub(crate) signer: Arc<Signer>,
    pub(crate) service: Service,
}

pub(crate) fn signer(seed: u8) -> Arc<Signer> {
    Arc::new(Signer::new(&[seed; 32], Some(ORIGIN)).unwrap())
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tiles = Arc::new(FileTiles::new(dir.path().join("audit")));
        Self::on(dir, tiles).await
    }

    pub(crate) async fn on(dir: TempDir, tiles: Arc<dyn TileStore>) -> Self {
        let store = Arc::new(SqliteStore::open_path(&dir.path().join("state.db")).await.unwrap());
        let (clock, signer) = (Arc::new(ManualClock::at(NOW_MS)), signer(7));
        let service = service(&store, &tiles, &clock, &signer);
        Self { dir, store, tiles, clock, entropy: SeededEntropy::new(5), signer, service }
    }

    /// Forgets what the service knows, as a restart does.
    pub(crate) fn restart(&mut self) {
        self.service = service(&self.store, &self.tiles, &self.clock, &self.signer);
    }

    pub(crate) fn prover(&self) -> Prover {
        Prover::new(Arc::clone(&self.tiles), self.signer.public().clone())
    }

    /// A record with all its values; `number` makes them differ.
    pub(crate) fn new_record(&self, number: u64) -> AuditRecord {
        let (clock, entropy) = (&*self.clock, &self.entropy);
        let name = format!("person-{}", number % 5);
        let principal = Principal::Token { id: format!("tok_{}", number % 5), name };
        let action = ["incident.assign", "incident.close", "source.add"][number as usize % 3];
        AuditRecord {
            before: json!({ "assignee": null, "number": number }),
            after: json!({ "assignee": "ana", "ratio": number as f64 / 7.0 }),
            reason: number.is_multiple_of(2).then(|| format!("because \"{number}\" – ö")),
            origin: Some(format!("192.0.2.{}", number % 250)),
            request_id: Some(format!("req_{number}")),
            ..AuditRecord::new(clock, entropy, principal, action, format!("inc_{}", number % 11))
        }
    }

    /// Records that many changes, each in a transaction of its own.
    pub(crate) async fn record(&self, count: u64) {
        for _ in 0..count {
            let mut random = [0; 1];
            self.entropy.fill(&mut random);
            self.clock.advance_ms(i64::from(random[0]));
            let mut unit = self.store.begin().await.unwrap();
            let number = unit.audit().count().await.unwrap();
            unit.audit().add(&self.new_record(number)).await.unwrap();
            unit.commit().await.unwrap();
        }
    }

    /// Records that many changes in one transaction.
    pub(crate) async fn record_together(&self, count: u64) {
        let mut unit = self.store.begin().await.unwrap();
        for number in 0..count {
            self.clock.advance_ms(3);
            unit.audit().add(&self.new_record(number)).await.unwrap();
        }
        unit.commit().await.unwrap();
    }

    pub(crate) async fn sign(&self) -> SignedCheckpoint {
        self.clock.advance_ms(60_000);
        let mut last = None;
        while let Some(head) = self.service.step().await.unwrap() {
            last = Some(head);
        }
        last.expect("an old signature is renewed")
    }

    /// Copies the log as its store and tiles are now, whatever they are.
    pub(crate) async fn copy(&self, name: &str) -> PathBuf {
        let dir = self.dir.path().join(name);
        copy(&*self.store, &self.prover(), &dir).await;
        dir
    }

    pub(crate) fn verify(&self, copy: &Path, kept: &[&SignedCheckpoint]) -> Report {
        verify(copy, self.signer.public(), &self::kept(kept)).unwrap()
    }
}

pub(crate) fn kept(checkpoints: &[&SignedCheckpoint]) -> Vec<Kept> {
    let of = |(at, signed): (usize, &&SignedCheckpoint)| Kept {
        place: format!("kept {at}"),
        note: signed.note.clone(),
    };
    checkpoints.iter().enumerate().map(of).collect()
}

fn service(
    store: &Arc<SqliteStore>,
    tiles: &Arc<dyn TileStore>,
    clock: &Arc<ManualClock>,
    signer: &Arc<Signer>,
) -> Service {
    Service::new(Options {
        store: Arc::clone(store) as Arc<dyn Store>,
        tiles: Arc::clone(tiles),
        signer: Arc::clone(signer),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        witnesses: Vec::new(),
        telemetry: Telemetry::default(),
    })
}

pub(crate) async fn copy(store: &dyn Store, prover: &Prover, dir: &Path) {
    let head = prover.checkpoint().unwrap();
    let size = head.checkpoint.size;
    let mut writer = CopyWriter::create(dir).unwrap();
    let (mut view, mut from) = (store.read().await.unwrap(), 0);
    loop {
        let page = view.audit().entries(from, 500).await.unwrap();
        let Some(last) = page.last() else { break };
        from = last.entry.index + 1;
        for stored in page.iter().filter(|stored| stored.entry.index < size) {
            writer.record(&stored.entry).unwrap();
        }
    }
    for tile in tiles_of(size) {
        if let Some(content) = prover.tile(&tile.path()).unwrap() {
            writer.tile(tile, &content).unwrap();
        }
    }
    for day in prover.days().unwrap() {
        let lines = prover.day(&day).unwrap().unwrap();
        let (lines, is_last) = lines_up_to(&lines, &head);
        writer.day(&day, lines).unwrap();
        if is_last {
            break;
        }
    }
    writer.finish(&head, prover.key()).unwrap();
}

impl World {
    pub(crate) async fn store_entry(&self, index: u64) -> ports::store::StoredEntry {
        let mut view = self.store.read().await.unwrap();
        view.audit().entries(index, 1).await.unwrap().remove(0)
    }

    pub(crate) fn eraser(&self) -> Eraser {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Eraser::new(Arc::clone(&self.store) as Arc<dyn Store>, clock, Arc::new(SeededEntropy::new(77)))
    }

    pub(crate) fn erasure(&self, record: AuditId, fields: Vec<AuditField>) -> ErasureRequest {
        ErasureRequest {
            principal: Principal::Local { account: "dpo".into() },
            record,
            fields,
            reason: "request 17 to be forgotten".into(),
            origin: None,
            request_id: None,
        }
    }
}
