//! Proofs and roots against ct-merkle, another implementation of RFC 6962.

use crate::world::World;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof};
use huecry_audit::tree::{check_consistency, consistency_path, inclusion_path, inclusion_root, root_of};
use model::{Hash, leaf_hash};
use proptest::prelude::*;
use sha2::Sha256;

type Oracle = MemoryBackedTree<Sha256, Vec<u8>>;

fn leaf(number: u64) -> Vec<u8> {
    format!("leaf {number}").into_bytes()
}

fn trees(size: u64) -> (Vec<Hash>, Oracle) {
    let mut oracle = Oracle::new();
    (0..size).for_each(|number| oracle.push(leaf(number)));
    ((0..size).map(|number| leaf_hash(&leaf(number))).collect(), oracle)
}

#[test]
fn small_trees_agree_in_every_proof() {
    for size in 0..70 {
        let (hashes, oracle) = trees(size);
        let root = root_of(&hashes);
        assert_eq!(root, <[u8; 32]>::from(*oracle.root().as_bytes()), "{size}");
        for index in 0..size {
            let path = inclusion_path(&hashes[..], index, size).unwrap();
            assert_eq!(path.concat(), oracle.prove_inclusion(index as usize).as_bytes(), "{index} in {size}");
            let proof = InclusionProof::<Sha256>::try_from_bytes(path.concat()).unwrap();
            oracle.root().verify_inclusion(&leaf(index), index, &proof).unwrap();
            assert_eq!(inclusion_root(&hashes[index as usize], index, size, &path), Some(root));
        }
        for from in 1..size {
            let path = consistency_path(&hashes[..], from, size).unwrap();
            let expected = oracle.prove_consistency((size - from) as usize);
            assert_eq!(path.concat(), expected.as_bytes(), "{from} to {size}");
            let old = root_of(&hashes[..from as usize]);
            assert!(check_consistency((from, &old), (size, &root), &path));
            let proof = ConsistencyProof::<Sha256>::try_from_bytes(path.concat()).unwrap();
            let old_root = ct_merkle::RootHash::<Sha256>::new(old.into(), from);
            oracle.root().verify_consistency(&old_root, &proof).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_proof_is_never_accepted(size in 2u64..600, index: u64, from: u64, hit: usize, bit in 0usize..256) {
        let (hashes, _) = trees(size);
        let (index, from) = (index % size, 1 + from % (size - 1));
        let root = root_of(&hashes);
        let mut path = inclusion_path(&hashes[..], index, size).unwrap();
        let of_leaf = hashes[index as usize];
        let other = (index + 1) % size;
        prop_assert_ne!(inclusion_root(&of_leaf, other, size, &path), Some(root));
        prop_assert_eq!(inclusion_root(&of_leaf, index, index, &path), None);
        let at = hit % path.len();
        path[at][bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(inclusion_root(&of_leaf, index, size, &path), Some(root));
        path[at][bit / 8] ^= 1 << (bit % 8);
        path.push(root);
        prop_assert_eq!(inclusion_root(&of_leaf, index, size, &path), None);

        let old = root_of(&hashes[..from as usize]);
        let mut path = consistency_path(&hashes[..], from, size).unwrap();
        prop_assert!(check_consistency((from, &old), (size, &root), &path));
        prop_assert!(!check_consistency((from, &root), (size, &old), &path));
        let at = hit % path.len();
        path[at][bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!check_consistency((from, &old), (size, &root), &path));
        path[at][bit / 8] ^= 1 << (bit % 8);
        path.push(root);
        prop_assert!(!check_consistency((from, &old), (size, &root), &path));
    }
}

#[tokio::test]
async fn proofs_from_tiles_are_those_of_the_oracle() {
    let world = World::new().await;
    let mut oracle = Oracle::new();
    let mut known = Vec::new();
    for count in [1, 6, 249, 1, 300, 212] {
        world.record(count).await;
        let head = world.sign().await;
        for index in oracle.len()..head.checkpoint.size {
            oracle.push(world.store_entry(index).await.entry.leaf());
        }
        assert_eq!(head.checkpoint.root, <[u8; 32]>::from(*oracle.root().as_bytes()));
        known.push(head);
    }
    let prover = world.prover();
    let newest = known.last().unwrap();
    let (size, root) = (newest.checkpoint.size, newest.checkpoint.root);
    for index in (0..size).step_by(7).chain([size - 1]) {
        let proof = prover.inclusion(index, None).unwrap();
        assert_eq!(proof.path.concat(), oracle.prove_inclusion(index as usize).as_bytes());
        assert_eq!(proof.checkpoint, *newest);
    }
    for old in &known[..known.len() - 1] {
        let from = old.checkpoint.size;
        let proof = prover.consistency(from, None).unwrap();
        assert_eq!(proof.path.concat(), oracle.prove_consistency((size - from) as usize).as_bytes());
        assert!(check_consistency((from, &old.checkpoint.root), (size, &root), &proof.path));
    }
    let old = known[2].checkpoint.clone();
    let proof = prover.inclusion(9, Some(old.size)).unwrap();
    let leaf = world.store_entry(9).await.entry.leaf_hash();
    assert_eq!(inclusion_root(&leaf, 9, old.size, &proof.path), Some(old.root), "also of an older tree");
    assert!(prover.inclusion(9, Some(9)).is_err() && prover.inclusion(9, Some(size + 1)).is_err());
    assert!(prover.inclusion(size, None).unwrap_err().to_string().contains("not yet"));
    assert!(prover.consistency(5, Some(4)).is_err() && prover.consistency(5, Some(size + 1)).is_err());
}
