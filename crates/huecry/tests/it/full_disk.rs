//! A disk that is really full: a small file system of its own.

use crate::program::Server;
use std::path::Path;
use std::process::Command;

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
        format!(
            r#"{{"eventVersion":"1.08","eventID":"full-{n}","eventName":"DescribeInstances","eventSource":"ec2.amazonaws.com","eventTime":"2026-03-01T10:00:00Z","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.7","recipientAccountId":"111122223333","requestParameters":{{"filter":"{padding}"}},"userIdentity":{{"type":"IAMUser","userName":"ana"}}}}"#
        )
    };
    (first..first + 20).map(record).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_full_disk_is_answered_and_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path(), "24m") else {
        assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "this account may not mount a file system");
        eprintln!("SKIPPED: this account may not mount a file system");
        return;
    };
    let server = Server::start(folder.path(), None);
    let token = server.add_source("trail", "aws_cloudtrail");
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![0_u8; 8 << 20]).unwrap();
    let (mut acknowledged, mut refused) = (0_u64, 0);
    let mut number = 0;
    while refused < 3 {
        let (status, text) = server.post("/api/v1/ingest/trail", &token, body(number).as_bytes()).unwrap();
        match status {
            200..300 => acknowledged += 20,
            503 => {
                assert!(text.contains(r#""code":"log_disk_full""#), "{text}");
                refused += 1;
            }
            other => panic!("{other}: {text}"),
        }
        number += 20;
        assert!(number < 10_000, "the disk never filled");
    }
    std::fs::remove_file(&ballast).unwrap();
    let (status, text) = server.post("/api/v1/ingest/trail", &token, body(number).as_bytes()).unwrap();
    assert!((200..300).contains(&status), "space is back, so records are taken again: {status} {text}");
    acknowledged += 20;
    server.kill();
    let kept = crate::kill::records_counted(&folder.path().join("data"));
    assert!(kept >= acknowledged, "{acknowledged} acknowledged, {kept} on the log");
    drop(disk);
}
