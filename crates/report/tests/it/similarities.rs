//! Signatures tell how alike texts are, and stay what they are.

use proptest::prelude::*;
use report::similarity::{Signature, largest_cluster};
use std::collections::HashSet;

/// The Jaccard index itself.
fn exact(a: &str, b: &str) -> f64 {
    let shingles = |text: &str| -> HashSet<Vec<String>> {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        words.windows(3).map(<[String]>::to_vec).collect()
    };
    let (a, b) = (shingles(a), shingles(b));
    a.intersection(&b).count() as f64 / a.union(&b).count().max(1) as f64
}

#[test]
fn texts_by_likeness() {
    let base = "the checkout page asks for my password again after I signed in this morning";
    let cases = [
        (base, base, 1.0, 1.0),
        (base, "THE Checkout page, asks for my password (again) after I signed in this morning!", 1.0, 1.0),
        (base, "the checkout page asks for my password again after I signed in this evening", 0.6, 1.0),
        (base, "build agents lose their connection to the artifact store every night", 0.0, 0.1),
        ("", "", 0.0, 0.0),
        ("down", "down", 1.0, 1.0),
        ("down", "up", 0.0, 0.0),
        // what was masked is left out, whatever it was
        ("mail from [email 1] to [email 2] about wages", "mail from [person 7] to about wages", 1.0, 1.0),
        // brackets that are none of ours are words
        ("see [the runbook] for more help", "see the runbook for more help", 1.0, 1.0),
    ];
    for (a, b, low, high) in cases {
        let jaccard = Signature::of(a).jaccard(&Signature::of(b));
        assert!((low..=high).contains(&jaccard), "{a:?} and {b:?}: {jaccard}");
    }
}

#[test]
fn a_signature_that_was_kept_means_the_same_in_the_next_version() {
    let signature = Signature::of("a key stands in the log of the nightly job");
    assert_eq!(&signature.hashes()[..4], &KEPT, "changing the hash would make kept signatures worthless");
    assert_eq!(Signature::from_bytes(&signature.to_bytes()), Some(signature));
    assert_eq!(Signature::from_hashes(*signature.hashes()), signature);
    assert_eq!(Signature::from_bytes(&[0; 255]), None);
    assert!(Signature::default().is_empty() && Signature::of("[email 1] …").is_empty());
}

const KEPT: [u32; 4] = [929_208_671, 1_493_198_775, 3_541_862, 226_894_084];

#[test]
fn clusters_are_what_edges_join() {
    let edges = [(0, 2), (3, 2), (1, 4), (7, 8), (5, 5)];
    assert_eq!(largest_cluster(6, edges), [0, 2, 3]);
    assert!(largest_cluster(6, []).is_empty() && largest_cluster(0, edges).is_empty());
}

proptest! {
    #[test]
    fn the_estimate_is_near_the_index(words in prop::collection::vec("[a-f]{1,2}", 8..60), cut in 0..30_usize, seed in any::<u64>()) {
        let chance = crate::chance::Chance::new(seed);
        let a = words.join(" ");
        let mut other = words.clone();
        for _ in 0..cut {
            let at = chance.below(other.len());
            other[at] = format!("z{}", chance.below(9));
        }
        let b = other.join(" ");
        let estimate = Signature::of(&a).jaccard(&Signature::of(&b));
        // five standard errors of 64 hashes
        prop_assert!((estimate - exact(&a, &b)).abs() <= 5.0 / 16.0, "{estimate} {}", exact(&a, &b));
        prop_assert_eq!(estimate, Signature::of(&b).jaccard(&Signature::of(&a)));
    }

    #[test]
    fn any_text_has_a_signature(text in ".{0,300}", odd in "[\\[\\] a1é]{0,200}") {
        for text in [text, odd] {
            let signature = Signature::of(&text);
            prop_assert_eq!(signature.jaccard(&signature) == 1.0, !signature.is_empty());
        }
    }
}
