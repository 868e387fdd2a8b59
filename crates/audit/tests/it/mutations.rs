//! Every mutation of a single record is caught, whichever record and whichever bit or value.

use crate::world::World;
use huecry_audit::copy::RECORDS_FILE;
use huecry_audit::line::{entry_of, line_of};
use huecry_audit::verify::verify;
use model::{AUDIT_FIELDS, AuditEntry, CommittedValue};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

#[derive(Debug, Clone)]
enum Mutation {
    Bit(usize),
    Index(u64),
    Id(u128),
    At(i64),
    Clock(i64),
    Action(String),
    Text(usize, Option<String>),
    Salt(usize, [u8; 16]),
    Erased(usize),
    Commitment(usize, [u8; 32]),
    Swapped(usize, usize),
    Removed,
    Doubled,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let field = 0..AUDIT_FIELDS;
    prop_oneof![
        6 => any::<usize>().prop_map(Mutation::Bit),
        1 => any::<u64>().prop_map(Mutation::Index),
        1 => any::<u128>().prop_map(Mutation::Id),
        1 => any::<i64>().prop_map(Mutation::At),
        1 => any::<i64>().prop_map(Mutation::Clock),
        1 => "[a-z.]{0,20}".prop_map(Mutation::Action),
        3 => (field.clone(), any::<Option<String>>()).prop_map(|(f, text)| Mutation::Text(f, text)),
        1 => (field.clone(), any::<[u8; 16]>()).prop_map(|(f, salt)| Mutation::Salt(f, salt)),
        1 => field.clone().prop_map(Mutation::Erased),
        1 => (field.clone(), any::<[u8; 32]>()).prop_map(|(f, hash)| Mutation::Commitment(f, hash)),
        1 => (field.clone(), field).prop_map(|(a, b)| Mutation::Swapped(a, b)),
        1 => Just(Mutation::Removed),
        1 => Just(Mutation::Doubled),
    ]
}

fn mutated(entry: &AuditEntry, mutation: &Mutation) -> AuditEntry {
    let mut entry = entry.clone();
    let fields = model::AuditField::ALL;
    match mutation.clone() {
        Mutation::Index(index) => entry.index = index,
        Mutation::Id(id) => entry.id.0.0 = id,
        Mutation::At(at_ms) => entry.at_ms = at_ms,
        Mutation::Clock(clock_ms) => entry.clock_ms = clock_ms,
        Mutation::Action(action) => entry.action = action,
        Mutation::Text(at, new) => {
            if let CommittedValue::Open { text, .. } = &mut entry.values[at] {
                *text = new;
            }
        }
        Mutation::Salt(at, new) => {
            if let CommittedValue::Open { salt, .. } = &mut entry.values[at] {
                *salt = new;
            }
        }
        Mutation::Erased(at) => {
            let commitment = entry.values[at].commitment(fields[at]);
            entry.values[at] = CommittedValue::Erased { commitment };
        }
        Mutation::Commitment(at, commitment) => entry.values[at] = CommittedValue::Erased { commitment },
        Mutation::Swapped(a, b) => entry.values.swap(a, b),
        Mutation::Bit(_) | Mutation::Removed | Mutation::Doubled => {}
    }
    entry
}

/// The file with one record mutated; `None` where the mutation changes nothing.
fn file_with(lines: &[&str], at: usize, mutation: &Mutation) -> Option<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    let honest = lines[at].clone();
    match mutation {
        Mutation::Bit(bit) => {
            let bit = bit % (honest.len() * 8);
            lines[at][bit / 8] ^= 1 << (bit % 8);
        }
        Mutation::Removed => drop(lines.remove(at)),
        Mutation::Doubled => lines.insert(at, honest),
        _ => {
            let entry = entry_of(std::str::from_utf8(&honest).unwrap().trim_end()).unwrap();
            lines[at] = (line_of(&mutated(&entry, mutation)) + "\n").into_bytes();
            if lines[at] == honest {
                return None;
            }
        }
    }
    Some(lines.concat())
}

#[test]
fn every_mutation_of_a_single_record_is_caught() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let copy = runtime.block_on(async {
        world.record(30).await;
        world.sign().await;
        world.copy("copy").await
    });
    let honest = std::fs::read_to_string(copy.join(RECORDS_FILE)).unwrap();
    let lines: Vec<&str> = honest.split_inclusive('\n').collect();
    let config = ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() };
    let caught = TestRunner::new(config).run(&(0..lines.len(), mutation()), |(at, mutation)| {
        let Some(file) = file_with(&lines, at, &mutation) else { return Ok(()) };
        std::fs::write(copy.join(RECORDS_FILE), file).unwrap();
        let report = verify(&copy, world.signer.public(), &[]).unwrap();
        prop_assert!(!report.is_clean(), "record {}: {:?}", at, mutation);
        Ok(())
    });
    caught.unwrap();
    std::fs::write(copy.join(RECORDS_FILE), honest).unwrap();
    assert!(verify(&copy, world.signer.public(), &[]).unwrap().is_clean(), "the honest copy");
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(text: String, bytes: Vec<u8>, number in "[a-z0-9/.x]{0,30}") {
        let key = crate::world::signer(7).public().clone();
        prop_assert!(key.open(&text).is_err());
        let note = format!("{text}\n\n— example.com/audit {text}\n");
        prop_assert!(key.open(&note).is_err());
        prop_assert_eq!(entry_of(&text), None);
        prop_assert!(text.parse::<huecry_audit::PublicKey>().is_err());
        if let Some(tile) = huecry_audit::tile::Tile::parse(&format!("tile/{number}")) {
            let path = format!("tile/{number}");
            prop_assert_eq!(tile.path(), path);
        }
        if let Some(leaves) = huecry_audit::tile::entries(&bytes) {
            let mut again = Vec::new();
            leaves.iter().for_each(|leaf| huecry_audit::tile::push_entry(&mut again, leaf));
            prop_assert_eq!(again, bytes);
        }
    }
}
