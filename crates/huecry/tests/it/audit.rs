//! The audit log by the program itself: changes over HTTP, `audit export`, `audit verify`, `audit pack`.

use crate::program::{Server, huecry};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn audit(server: &Server, args: &[&str]) -> Output {
    let mut command = huecry();
    command.env("HUECRY_TOKEN", &server.admin).args(["--url", &server.url, "audit"]).args(args);
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn stdout(server: &Server, args: &[&str]) -> String {
    let output = audit(server, args);
    assert!(output.status.success(), "{args:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn verify(copy: &Path, key: &str, kept: &[&Path]) -> Output {
    let mut command = huecry();
    command.args(["audit", "verify", "--key", key]).arg(copy);
    for file in kept {
        command.arg("--checkpoint").arg(file);
    }
    command.output().unwrap()
}

/// The verdict of the copy's own verifier in Python; `None` with a loud note where there is no Python.
fn python_verdict(copy: &Path, key: &str, kept: &Path) -> Option<i32> {
    let mut command = Command::new("python3");
    command.arg(copy.join("verify.py")).arg(copy).args(["--key", key, "--checkpoint"]).arg(kept);
    let Ok(output) = command.output() else {
        assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "there is no python3");
        eprintln!("SKIPPED: the standalone verifier, there is no python3");
        return None;
    };
    eprintln!("{}", text(&output));
    output.status.code()
}

/// The key, and checkpoints as a witness keeps them.
pub(crate) struct Auditor {
    dir: PathBuf,
    key: String,
    kept: Vec<PathBuf>,
    sizes: Vec<u64>,
}

impl Auditor {
    pub(crate) fn new(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        Self { dir: dir.to_owned(), key: String::new(), kept: Vec::new(), sizes: Vec::new() }
    }

    /// Takes a copy, judges it with the newest checkpoint of earlier times, keeps another. The signed log never
    /// shrinks. Returns how many records are signed.
    pub(crate) fn audit(&mut self, server: &Server) -> u64 {
        let key = stdout(server, &["key"]).trim().to_owned();
        assert!(self.key.is_empty() || self.key == key, "the key stays");
        self.key = key;
        let copy = self.dir.join("copy");
        let _ = std::fs::remove_dir_all(&copy);
        stdout(server, &["export", copy.to_str().unwrap()]);
        let kept: Vec<&Path> = self.kept.last().map(PathBuf::as_path).into_iter().collect();
        let judged = verify(&copy, &self.key, &kept);
        assert_eq!(judged.status.code(), Some(0), "{}", text(&judged));
        let note = std::fs::read_to_string(copy.join("checkpoint")).unwrap();
        let size = note.lines().nth(1).unwrap().parse().unwrap();
        assert!(self.sizes.last().is_none_or(|before| *before <= size), "checkpoints never go back");
        self.sizes.push(size);
        let file = self.dir.join(format!("kept-{}", self.kept.len()));
        std::fs::write(&file, note).unwrap();
        self.kept.push(file);
        size
    }

    /// Judges the last copy with every checkpoint that was ever kept.
    pub(crate) fn judge_with_all(&self) {
        let kept: Vec<&Path> = self.kept.iter().map(PathBuf::as_path).collect();
        let judged = verify(&self.dir.join("copy"), &self.key, &kept);
        assert_eq!(judged.status.code(), Some(0), "{}", text(&judged));
    }
}

/// Waits until every record is signed; returns how many there are.
pub(crate) fn all_signed(server: &Server) -> u64 {
    loop {
        let newest = stdout(server, &["log", "--limit", "1"]);
        let id = newest.split_whitespace().find(|word| word.starts_with("aud_")).unwrap().to_owned();
        let proof = audit(server, &["prove", &id]);
        if proof.status.success() {
            let proof: serde_json::Value = serde_json::from_slice(&proof.stdout).unwrap();
            return proof["index"].as_u64().unwrap() + 1;
        }
        assert!(text(&proof).contains("audit_pending"), "{}", text(&proof));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn an_auditor_sees_what_was_done_and_that_nothing_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), None);
    server.add_source("trail", "aws_cloudtrail");
    all_signed(&server);
    let mut auditor = Auditor::new(&folder.path().join("auditor"));
    let signed = auditor.audit(&server);
    assert_eq!(signed, 5, "the first token, the rules, the first admin's link, the source, its token");
    let log = stdout(&server, &["log", "--action", "source.add", "--since", "1h"]);
    assert!(log.contains("source:trail") && log.contains("first token"), "{log}");
    assert!(!stdout(&server, &["log", "--until", "1h"]).contains("source:trail"));
    let bad = audit(&server, &["log", "--since", "yesterday"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(text(&bad).contains("hint:"), "{}", text(&bad));
    let proof = stdout(&server, &["prove", "--consistency", "1", "3"]);
    assert!(proof.contains("\"path\""), "{proof}");

    // a pack about the source
    let (note, zip) = (folder.path().join("note.txt"), folder.path().join("pack.zip"));
    std::fs::write(&note, "what was said on the phone").unwrap();
    let (note, zip) = (note.to_str().unwrap(), zip.to_str().unwrap());
    let packed = stdout(&server, &["pack", "--object", "source:trail", "--attach", note, "-o", zip]);
    assert!(packed.contains("2 records, 1 attachments"), "{packed}");
    let judged = verify(Path::new(zip), &auditor.key, &[]);
    assert_eq!(judged.status.code(), Some(0), "{}", text(&judged));

    // erasure, and a copy after it
    let id = log.split_whitespace().find(|word| word.starts_with("aud_")).unwrap();
    let erased = stdout(&server, &["erase", id, "--field", "origin", "--reason", "request 17"]);
    assert!(erased.contains("1 values erased"), "{erased}");
    all_signed(&server);
    auditor.audit(&server);

    // the copy is judged by its own verifier too, and then changed by hand
    let (dir, kept) = (folder.path().join("auditor/copy"), folder.path().join("auditor/kept-0"));
    assert!(python_verdict(&dir, &auditor.key, &kept).is_none_or(|code| code == 0));
    let copy = folder.path().join("auditor/copy/records.jsonl");
    let records = std::fs::read_to_string(&copy).unwrap();
    std::fs::write(&copy, records.replacen("source:trail", "source:train", 1)).unwrap();
    assert!(python_verdict(&dir, &auditor.key, &kept).is_none_or(|code| code == 6));
    let judged = verify(&dir, &auditor.key, &[]);
    assert_eq!(judged.status.code(), Some(6), "{}", text(&judged));
    assert!(
        text(&judged).contains("record_changed") && text(&judged).contains("object"),
        "{}",
        text(&judged)
    );
    let judged = verify(&folder.path().join("nowhere"), &auditor.key, &[]);
    assert_eq!(judged.status.code(), Some(2));
    assert!(server.stop().success());
}
