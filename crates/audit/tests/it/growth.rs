//! The tree follows the store, and refuses to follow a store or files that contradict it.

use crate::world::World;
use huecry_audit::{Error, Options, Refusal, Service, Signer, Telemetry, Witness};
use model::{AuditField, Clock};
use ports::Store;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Passes on what it is given.
struct Keeper(mpsc::UnboundedSender<String>);

/// Takes nothing.
struct Broken;

#[async_trait::async_trait]
impl Witness for Keeper {
    fn name(&self) -> &'static str {
        "file"
    }
    async fn take(&self, note: &str) -> Result<(), String> {
        self.0.send(note.to_owned()).map_err(|e| e.to_string())
    }
}

#[async_trait::async_trait]
impl Witness for Broken {
    fn name(&self) -> &'static str {
        "command"
    }
    async fn take(&self, _: &str) -> Result<(), String> {
        Err("no".to_owned())
    }
}

#[tokio::test]
async fn witnesses_get_checkpoints_and_a_broken_one_holds_up_nothing() {
    let world = World::new().await;
    let (sender, mut kept) = mpsc::unbounded_channel();
    let telemetry = Telemetry::default();
    let mut registry = Registry::default();
    telemetry.register(&mut registry);
    let service = Service::new(Options {
        store: Arc::clone(&world.store) as Arc<dyn Store>,
        tiles: Arc::clone(&world.tiles),
        signer: Arc::clone(&world.signer),
        clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
        witnesses: vec![Arc::new(Broken), Arc::new(Keeper(sender))],
        telemetry,
    });
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { service.run(shutdown).await }
    });
    let key = world.signer.public();
    assert_eq!(key.open_own(&kept.recv().await.unwrap()).unwrap().checkpoint.size, 0);
    world.record(3).await;
    let mut newest = None;
    while newest.as_ref().is_none_or(|size| *size < 3) {
        newest = Some(key.open_own(&kept.recv().await.unwrap()).unwrap().checkpoint.size);
    }
    world.record(1).await;
    shutdown.cancel();
    running.await.unwrap();
    let last = world.prover().checkpoint().unwrap();
    assert_eq!(last.checkpoint.size, 4, "what was recorded before the end is signed");
    assert_eq!(kept.recv().await.unwrap(), last.note, "and kept");
    let mut metrics = String::new();
    prometheus_client::encoding::text::encode(&mut metrics, &registry).unwrap();
    for line in ["huecry_audit_leaves 4", "huecry_audit_refused 0", "huecry_audit_failures_total 0"] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert!(metrics.contains("huecry_audit_witness_failures_total{witness=\"command\"}"), "{metrics}");
}

#[tokio::test]
async fn each_record_is_signed_and_an_idle_log_is_signed_again() {
    let world = World::new().await;
    assert_eq!(world.service.step().await.unwrap().unwrap().checkpoint.size, 0, "the empty tree");
    assert_eq!(world.service.step().await.unwrap(), None);
    let mut last_ms = 0;
    for count in [1, 2, 253, 1, 300] {
        world.record(count).await;
        let head = world.service.step().await.unwrap().expect("something is new");
        assert!(head.checkpoint.time_ms >= last_ms);
        last_ms = head.checkpoint.time_ms;
    }
    assert_eq!(world.service.step().await.unwrap(), None, "nothing is new");
    world.clock.advance_ms(50_000);
    let idle = world.service.step().await.unwrap().expect("fifty seconds went by");
    assert_eq!((idle.checkpoint.size, idle.checkpoint.time_ms), (557, last_ms + 50_000));
    let report = world.verify(&world.copy("copy").await, &[&idle]);
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!((report.records, report.checkpoints), (557, 9));
}

#[tokio::test]
async fn a_clock_that_is_set_back_shows() {
    let world = World::new().await;
    world.record(3).await;
    let before = world.sign().await;
    world.clock.advance_ms(-3_600_000);
    let early = world.service.step().await.unwrap().expect("signed at once");
    assert_eq!(early.checkpoint.time_ms, before.checkpoint.time_ms, "the signed time never goes back");
    world.record(2).await;
    world.sign().await;
    let report = world.verify(&world.copy("copy").await, &[]);
    let found: Vec<_> = report.findings.iter().map(|f| (f.code.as_str(), &f.place[..8])).collect();
    assert_eq!(found, [("clock_set_back", "record 3"), ("clock_set_back", "record 4")], "{report:#?}");
}

#[tokio::test]
async fn a_restart_goes_on_where_it_stood() {
    let mut world = World::new().await;
    for count in [1, 255, 0, 256, 7] {
        world.record(count).await;
        world.sign().await;
        world.restart();
    }
    let report = world.verify(&world.copy("copy").await, &[]);
    assert!(report.is_clean(), "{report:#?}");
}

#[tokio::test]
async fn erased_values_break_no_proof_but_a_stolen_one_does() {
    let world = World::new().await;
    world.record(5).await;
    let kept = world.sign().await;
    let id = world.store_entry(2).await.entry.id;
    let eraser = world.eraser();
    let fields = vec![AuditField::Principal, AuditField::Reason];
    assert_eq!(eraser.erase(&world.erasure(id, fields.clone())).await.unwrap(), 2);
    assert_eq!(eraser.erase(&world.erasure(id, fields)).await.unwrap(), 0, "gone is gone");
    let later = world.sign().await;
    assert_eq!(later.checkpoint.size, 6, "the erasure is a record itself");
    let report = world.verify(&world.copy("copy").await, &[&kept, &later]);
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.erased_values, 2);

    // the same by hand, without a record
    let mut unit = world.store.writer().acquire().await.unwrap();
    sqlx::query("DROP TRIGGER audit_no_update").execute(&mut *unit).await.unwrap();
    let entry = world.store_entry(4).await.entry;
    let mut erased = vec![AuditField::Origin.tag()];
    erased.extend(entry.value(AuditField::Origin).commitment(AuditField::Origin));
    sqlx::query("UPDATE audit SET origin = NULL, erased = ? WHERE seq = 5")
        .bind(erased)
        .execute(&mut *unit)
        .await
        .unwrap();
    let report = world.verify(&world.copy("stolen").await, &[]);
    let codes: Vec<_> = report.findings.iter().map(|f| f.code.as_str()).collect();
    assert_eq!(codes, ["erased_unannounced"], "{report:#?}");
}

async fn refusal(world: &mut World) -> Refusal {
    world.restart();
    world.clock.advance_ms(60_000);
    match world.service.step().await {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_contradicts_the_signed_tree_is_refused() {
    let mut world = World::new().await;
    world.sign().await;
    world.record(260).await;
    world.sign().await;
    world.record(3).await;
    let head = world.sign().await;
    let size = head.checkpoint.size;
    let sql = |text: &'static str| sqlx::query(text).execute(world.store.writer());
    sql("DROP TRIGGER audit_no_update").await.unwrap();
    sql("DROP TRIGGER audit_no_delete").await.unwrap();
    sql("UPDATE audit SET reason = reason || '!' WHERE seq = 261").await.unwrap();
    assert_eq!(refusal(&mut world).await, Refusal::RowChanged { index: 260 });
    let sql = |text: &'static str| sqlx::query(text).execute(world.store.writer());
    sql("UPDATE audit SET reason = rtrim(reason, '!') WHERE seq = 261").await.unwrap();
    sql("DELETE FROM audit WHERE seq > 258").await.unwrap();
    assert_eq!(refusal(&mut world).await, Refusal::RowsMissing { size, rows: 258 });
    world.record(20).await;
    assert_eq!(refusal(&mut world).await, Refusal::RowChanged { index: 258 }, "other records in their place");

    // files
    let intact = world.tiles.read("checkpoint").unwrap().unwrap();
    let other = Signer::new(&[8; 32], Some(crate::world::ORIGIN)).unwrap();
    let forged = other.sign(size, head.checkpoint.root, head.checkpoint.time_ms, [0; 32]);
    world.tiles.write("checkpoint", forged.note.as_bytes()).unwrap();
    assert!(matches!(refusal(&mut world).await, Refusal::Checkpoint(_)));
    world.tiles.remove("checkpoint").unwrap();
    assert_eq!(refusal(&mut world).await, Refusal::CheckpointMissing);
    let history = world.tiles.list("checkpoints").unwrap();
    let lines = world.tiles.read(&format!("checkpoints/{}", history[0])).unwrap().unwrap();
    let lines = String::from_utf8(lines).unwrap();
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    world.tiles.write("checkpoint", first["note"].as_str().unwrap().as_bytes()).unwrap();
    let refused = refusal_or_tile(&mut world).await;
    assert!(refused.contains("history") || refused.contains("tile"), "{refused}");
    world.tiles.write("checkpoint", &intact).unwrap();
    let path = format!("tile/0/001.p/{}", size - 256);
    let mut tile = world.tiles.read(&path).unwrap().unwrap();
    tile[5] ^= 1;
    world.tiles.write(&path, &tile).unwrap();
    assert!(refusal_or_tile(&mut world).await.contains("tile"));
}

async fn refusal_or_tile(world: &mut World) -> String {
    world.restart();
    world.clock.advance_ms(60_000);
    world.service.step().await.unwrap_err().to_string()
}
