//! A disk that is really full: a small file system of its own.

use crate::program::Server;
use backends::sqlite::SqliteStore;
use model::{DeadLetter, Offset, Partition, Position, Topic};
use ports::store::PageRequest;
use ports::{Store, StoreError};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The first record of a batch makes a finding, so that triage writes too.
const RULE: &str = r"
title: First record
id: 5c4f4b0e-6f0e-4f55-9b0e-0d9a5d2c1a77
status: test
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: StopLogging}, condition: s}
level: low
";

/// Unmounts when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// A file system of this size, or `None` where this account may not mount one.
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

fn body(first: u64) -> String {
    let padding = "x".repeat(8_000);
    let record = |n: u64| {
        let name = if n == first { "StopLogging" } else { "DescribeInstances" };
        format!(
            r#"{{"eventVersion":"1.08","eventID":"full-{n}","eventName":"{name}","eventSource":"ec2.amazonaws.com","eventTime":"2026-03-01T10:00:00Z","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.7","recipientAccountId":"111122223333","requestParameters":{{"filter":"{padding}"}},"userIdentity":{{"type":"IAMUser","userName":"ana"}}}}"#
        )
    };
    (first..first + 20).map(record).collect::<Vec<_>>().join("\n")
}

/// Takes the last free byte; the space comes back when the file is removed.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 20, 4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

fn small_disk(folder: &Path) -> Option<SmallDisk<'_>> {
    let disk = SmallDisk::mount(folder, "24m");
    if disk.is_none() {
        assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "this account may not mount a file system");
        eprintln!("SKIPPED: this account may not mount a file system");
    }
    disk
}

#[test]
fn a_full_disk_is_answered_and_nothing_acknowledged_is_lost() {
    let (folder, rules) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(disk) = small_disk(folder.path()) else { return };
    std::fs::write(rules.path().join("marked.yml"), RULE).unwrap();
    let server = Server::start(folder.path(), Some(rules.path()));
    let token = server.add_source("trail", "aws_cloudtrail");
    let (ballast, rest) = (folder.path().join("ballast"), folder.path().join("rest"));
    std::fs::write(&ballast, vec![0_u8; 8 << 20]).unwrap();
    let (mut acknowledged, mut refused) = (0_u64, 0);
    let mut number = 0;
    while refused < 3 {
        let (status, text) = server.post("/api/v1/ingest/trail", &token, body(number).as_bytes()).unwrap();
        match status {
            200..300 => acknowledged += 20,
            503 => {
                assert!(text.contains(r#""code":"log_disk_full""#), "{text}");
                // what is still in work must meet the full disk too
                fill(&rest);
                refused += 1;
            }
            other => panic!("{other}: {text}"),
        }
        number += 20;
        assert!(number < 10_000, "the disk never filled");
    }
    std::thread::sleep(Duration::from_secs(2));
    std::fs::remove_file(&ballast).unwrap();
    std::fs::remove_file(&rest).unwrap();
    let (status, text) = server.post("/api/v1/ingest/trail", &token, body(number).as_bytes()).unwrap();
    assert!((200..300).contains(&status), "space is back, so records are taken again: {status} {text}");
    acknowledged += 20;
    // the same server, without a restart, works off everything
    let deadline = Instant::now() + Duration::from_secs(60);
    while server.findings_seen() < acknowledged / 20 {
        assert!(Instant::now() < deadline, "{} of {} in 60 s", server.findings_seen(), acknowledged / 20);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(server.stop().success(), "it ended by itself or not well");
    let kept = crate::kill::records_counted(&folder.path().join("data"));
    assert!(kept >= acknowledged, "{acknowledged} acknowledged, {kept} on the log");
    let counters = crate::kill::counters(&folder.path().join("data"));
    assert_eq!(counters.accepted, kept, "every record on the log was counted once");
    assert_eq!(counters.accepted, counters.stored + counters.dead_lettered + counters.duplicates);
    drop(disk);
}

/// A COMMIT that fails ends SQLite's transaction, but not that of the driver.
#[tokio::test]
async fn the_state_works_again_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = small_disk(folder.path()) else { return };
    let store = SqliteStore::open_path(&folder.path().join("state.db")).await.unwrap();
    let letter = |offset| DeadLetter {
        position: Position::new(Topic::Raw, Partition(0), Offset(offset)),
        source: "trail".to_owned(),
        kind: "aws_cloudtrail".to_owned(),
        code: "not_json".to_owned(),
        reason: "x".repeat(100_000),
        received_at_ms: 1,
        at_ms: 1,
    };
    let mut unit = store.begin().await.unwrap();
    unit.dead_letters().record(&[letter(1)], "default").await.unwrap();
    let rest = folder.path().join("rest");
    fill(&rest);
    let refused = unit.commit().await.unwrap_err();
    assert!(matches!(refused, StoreError::DiskFull), "{refused:?}");
    std::fs::remove_file(&rest).unwrap();
    let mut unit = store.begin().await.unwrap();
    unit.dead_letters().record(&[letter(2)], "default").await.unwrap();
    unit.commit().await.unwrap();
    let page = PageRequest::first(10);
    let there = store.read().await.unwrap().dead_letters().list(&Default::default(), &page).await.unwrap();
    assert_eq!(there.items.iter().map(|i| i.letter.position.offset.0).collect::<Vec<_>>(), [2]);
    store.close().await;
    drop(disk);
}
