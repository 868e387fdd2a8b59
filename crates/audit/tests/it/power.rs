//! Power cuts and kills of the process under the tree, while the store keeps what it committed: the tree that is
//! found afterwards is one that was signed, checkpoints never go back, and the log goes on.

use crate::world::{World, kept};
use backends::tiles::FileTiles;
use disk::simulated::{Dice, Faults, SimDisk};
use huecry_audit::verify::verify;
use huecry_audit::{Error, SignedCheckpoint};
use ports::TileStore;
use std::sync::Arc;

const LIVES: u64 = 12;
const CUTS_PER_LIFE: u64 = 25;

/// What others have seen must be there after every cut.
fn check_head(world: &World, seen: &Option<SignedCheckpoint>, seed: u64) -> Option<SignedCheckpoint> {
    let head = match world.prover().checkpoint() {
        Ok(head) => Some(head),
        Err(Error::Unsigned) => None,
        Err(error) => panic!("seed {seed}: {error}"),
    };
    let of =
        |head: &Option<SignedCheckpoint>| head.as_ref().map(|h| (h.checkpoint.size, h.checkpoint.time_ms));
    assert!(of(&head) >= of(seen), "seed {seed}: {:?} was seen, {:?} is there", of(seen), of(&head));
    head
}

#[tokio::test]
async fn signed_trees_survive_power_cuts() {
    let (mut cuts, mut kills, mut failed, mut signed) = (0, 0, 0, 0);
    for seed in 0..LIVES {
        let (disk, mut dice) = (SimDisk::new(seed), Dice::new(seed ^ 0xD1CE));
        let tiles = |disk: &SimDisk| {
            Arc::new(FileTiles::on(Arc::new(disk.clone()), "/var/audit")) as Arc<dyn TileStore>
        };
        let mut world = World::on(tempfile::tempdir().unwrap(), tiles(&disk)).await;
        let mut seen: Option<SignedCheckpoint> = None;
        let mut all_seen: Vec<SignedCheckpoint> = Vec::new();
        for _ in 0..CUTS_PER_LIFE {
            disk.set_faults(Faults {
                power_cut_after_ops: Some(dice.below(400) as u64),
                sync_failures_per_1000: if dice.chance(15) { 60 } else { 0 },
                capacity_bytes: None,
            });
            while !disk.is_off() {
                world.record_together(dice.below(70) as u64).await;
                if dice.chance(30) {
                    world.clock.advance_ms(40_000_000);
                }
                match world.service.step().await {
                    Ok(Some(head)) => {
                        signed += 1;
                        all_seen.push(head.clone());
                        seen = Some(head);
                    }
                    Ok(None) => {}
                    Err(Error::Refused(refusal)) => panic!("seed {seed}: {refusal}"),
                    Err(_) => failed += 1,
                }
                if dice.chance(5) {
                    break; // killed instead
                }
            }
            if dice.chance(20) {
                kills += 1;
                disk.kill_process();
            } else {
                cuts += 1;
                disk.power_cut();
            }
            world.tiles = tiles(&disk);
            world.restart();
            seen = check_head(&world, &seen, seed);
        }
        let last = world.sign().await;
        let count = ports::Store::read(&*world.store).await.unwrap().audit().count().await.unwrap();
        assert_eq!(last.checkpoint.size, count, "seed {seed}: every record is signed");
        let copy = world.copy("copy").await;
        let seen: Vec<_> = all_seen.iter().collect();
        let report = verify(&copy, world.signer.public(), &kept(&seen)).unwrap();
        assert!(report.is_clean(), "seed {seed}: {report:#?}");
    }
    eprintln!(
        "{LIVES} lives: {cuts} power cuts, {kills} kills, {signed} trees signed, {failed} steps failed"
    );
    assert!(cuts > 200 && failed > 20, "the disk did its worst");
}
