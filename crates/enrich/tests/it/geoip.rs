//! MaxMind's test databases answer as their source says, and the bad ones are refused.

use super::shared;
use huecry_enrich::{Enricher, Facts, GeoDatabase, GeoDatabases, Pass};
use model::EntityKind;
use serde_json::Value;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry, ending));
        } else if entry.to_string_lossy().ends_with(ending) {
            found.push(entry);
        }
    }
    found.sort();
    found
}

/// An IPv4 network stands below `::/96` in a tree of IPv6.
fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// The source's networks: first address, bits below it, answer.
fn networks(source: &Value) -> Vec<(IpAddr, u32, Value)> {
    let entries = source.as_array().unwrap().iter().flat_map(|entry| entry.as_object().unwrap());
    entries
        .map(|(network, answer)| {
            let (ip, length) = network.split_once('/').unwrap();
            let (ip, length): (IpAddr, u32) = (ip.parse().unwrap(), length.parse().unwrap());
            let below = if ip.is_ipv4() { 32 } else { 128 } - length;
            (ip, below, answer.clone())
        })
        .collect()
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        // the format has no booleans in older writers: 0 and 1
        (Value::Bool(flag), Value::Number(n)) | (Value::Number(n), Value::Bool(flag)) => {
            n.as_u64() == Some(u64::from(*flag))
        }
        _ => a == b,
    }
}

#[test]
fn databases_answer_as_their_source_says() {
    let Some(root) = shared("enrich-geoip/maxmind-db") else { return };
    let mut compared = 0;
    for source in files(&root.join("source-data"), ".json") {
        let name = source.file_stem().unwrap().to_string_lossy().into_owned();
        let database = GeoDatabase::open(&root.join("test-data").join(format!("{name}.mmdb"))).unwrap();
        let source: Value = serde_json::from_slice(&std::fs::read(&source).unwrap()).unwrap();
        let networks = networks(&source);
        for (ip, _, _) in &networks {
            // a wide network's first address may be in a narrower network too, which decides
            let covers = |(first, below, _): &&(IpAddr, u32, Value)| {
                bits(*ip).checked_shr(*below).unwrap_or(0) == bits(*first).checked_shr(*below).unwrap_or(0)
            };
            let (_, _, expected) = networks.iter().filter(covers).min_by_key(|(_, below, _)| *below).unwrap();
            let found = database.record(*ip).unwrap().unwrap_or_default();
            assert!(same(&found, expected), "{name} {ip}: {found} is not {expected}");
            let country = database.address(*ip).unwrap().country;
            assert_eq!(country, expected["country"]["iso_code"].as_str(), "{name} {ip}");
            compared += 1;
        }
    }
    println!("{compared} networks compared");
    assert!(compared > 350, "{compared}");
}

#[test]
fn every_good_database_opens_and_answers_without_error() {
    let Some(root) = shared("enrich-geoip/maxmind-db") else { return };
    let files = files(&root.join("test-data"), ".mmdb");
    assert!(files.len() >= 10);
    for file in files {
        let database = GeoDatabase::open(&file).unwrap_or_else(|error| panic!("{error}"));
        for ip in ["0.0.0.0", "1.1.1.1", "255.255.255.255", "::", "::1", "2001:218::", "::ffff:1.1.1.1"] {
            database.record(ip.parse().unwrap()).unwrap_or_else(|e| panic!("{} {ip}: {e}", file.display()));
        }
    }
}

#[test]
fn bad_databases_are_refused() {
    let Some(root) = shared("enrich-geoip/maxmind-db") else { return };
    let files = files(&root.join("bad-data"), ".mmdb");
    assert!(files.len() >= 5);
    for file in files {
        let error = GeoDatabase::open(&file).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("not a sound MaxMind DB"), "{}: {error}", file.display());
    }
}

/// No byte that is turned and no place where a file is cut makes a look-up panic.
#[test]
fn damaged_databases_never_panic() {
    let Some(root) = shared("enrich-geoip/maxmind-db") else { return };
    let bytes = std::fs::read(root.join("test-data/GeoLite2-City-Test.mmdb")).unwrap();
    let (mut refused, mut opened) = (0, 0);
    let mut check = |bytes: Vec<u8>| match GeoDatabase::from_bytes("damaged.mmdb", bytes) {
        Err(_) => refused += 1,
        Ok(database) => {
            opened += 1;
            for ip in ["2.125.160.216", "81.2.69.142", "2001:218::", "::1"] {
                let _ = database.address(ip.parse().unwrap());
                let _ = database.record(ip.parse().unwrap());
            }
        }
    };
    let mut at = 1_usize;
    while at < bytes.len() {
        let mut turned = bytes.clone();
        turned[at] ^= 0x55;
        check(turned);
        check(bytes[..at].to_vec());
        at += 1 + at / 6;
    }
    for at in (bytes.len() - 400..bytes.len()).step_by(9) {
        let mut turned = bytes.clone();
        turned[at] ^= 0xff;
        check(turned);
    }
    println!("{refused} refused, {opened} opened");
    assert!(refused > 20, "{refused}");
}

#[test]
fn files_that_are_no_databases_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let (empty, absent) = (dir.path().join("empty.mmdb"), dir.path().join("absent.mmdb"));
    std::fs::write(&empty, b"").unwrap();
    let (databases, errors) = GeoDatabases::open([empty.as_path(), absent.as_path()]);
    assert!(databases.is_empty());
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert!(errors[0].contains("empty.mmdb") && errors[1].contains("cannot be read"), "{errors:?}");
}

#[test]
fn an_event_is_told_country_and_network_with_source_and_age() {
    let Some(root) = shared("enrich-geoip/maxmind-db/test-data") else { return };
    let paths = ["GeoLite2-City-Test.mmdb", "GeoIP2-Precision-Enterprise-Test.mmdb"].map(|f| root.join(f));
    let (geo, errors) = GeoDatabases::open(paths.iter().map(PathBuf::as_path));
    assert!(errors.is_empty(), "{errors:?}");
    let enricher = Enricher::of(super::catalog(&[]).0, geo);
    let mut pass = Pass::default();
    let built_ms = GeoDatabase::open(&paths[0]).unwrap().built_ms();
    let entities = [(EntityKind::Address, "AWS Internal"), (EntityKind::Address, "81.2.69.160")];
    let facts = Facts { time_ms: built_ms + 5, source: "s", entities: entities.iter().copied() };
    let known = pass.enrich(&enricher, None, &facts);
    assert_eq!((known.src_country, known.src_address), (Some("GB"), Some("81.2.69.160")));
    let source = known.country_source.unwrap();
    assert_eq!((source.source, source.age_ms(built_ms + 5)), ("geoip:GeoLite2-City", 5));
    // the autonomous system is known by the other database
    let entities = [(EntityKind::Address, "1.124.213.1")];
    let facts = Facts { time_ms: 0, source: "s", entities: entities.iter().copied() };
    let known = pass.enrich(&enricher, None, &facts);
    assert_eq!(
        (known.src_asn, known.src_as_org),
        (Some(44244), Some("Iran Cell Service and Communication Company"))
    );
    let source = known.asn_source.unwrap();
    assert!(source.source == "geoip:GeoIP2-Precision-Enterprise" && source.before_known, "{source:?}");
}
