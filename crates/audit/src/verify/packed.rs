//! Judges an evidence pack.

use super::{FindingCode, Kept, Report, check_key_file};
use crate::CHECKPOINT_FILE;
use crate::checkpoint::{PublicKey, SignedCheckpoint};
use crate::copy::{KEY_FILE, RECORDS_FILE};
use crate::line::{entry_of, hex};
use crate::pack::{ATTACHMENTS_FOLDER, AttachmentList, LIST_FILE, PACK_ACTION, PROOFS_FILE, proof_line};
use crate::tree::inclusion_root;
use model::{AuditEntry, AuditField, Hash};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Most bytes of a pack's files together.
const PACK_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A pack's files, by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Whether the folder is a pack, not a copy of the whole log.
pub fn is_pack(dir: &Path) -> bool {
    dir.join(LIST_FILE).is_file()
}

/// The files of an unpacked pack.
///
/// # Errors
/// Of the system; `InvalidData` when there is too much.
pub fn read_folder(dir: &Path) -> io::Result<Files> {
    let mut names: Vec<String> =
        [RECORDS_FILE, PROOFS_FILE, CHECKPOINT_FILE, KEY_FILE, LIST_FILE].map(str::to_owned).to_vec();
    super::tiles::walk(dir, ATTACHMENTS_FOLDER, &mut names)?;
    let (mut files, mut left) = (Files::new(), PACK_BYTES_MAX);
    for name in names {
        if let Some(content) = super::read(dir, &name)? {
            left = left.checked_sub(content.len() as u64).ok_or_else(too_much)?;
            files.insert(name, content);
        }
    }
    Ok(files)
}

/// The files of a zip.
///
/// # Errors
/// Of the system; `InvalidData` for what is no zip, or too much.
pub fn read_zip(file: File) -> io::Result<Files> {
    let mut zip = zip::ZipArchive::new(file)?;
    let (mut files, mut left) = (Files::new(), PACK_BYTES_MAX);
    for at in 0..zip.len() {
        let entry = zip.by_index(at)?;
        let name = entry.name()?.into_owned();
        let mut content = Vec::new();
        entry.take(left + 1).read_to_end(&mut content)?;
        left = left.checked_sub(content.len() as u64).ok_or_else(too_much)?;
        files.insert(name, content);
    }
    Ok(files)
}

fn too_much() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the pack is too large")
}

/// Judges a pack by its files.
pub fn verify_pack(files: &Files, key: &PublicKey, kept: &[Kept]) -> Report {
    let mut report = Report::default();
    check_key_file(files.get(KEY_FILE).map(Vec::as_slice), key, &mut report);
    let head = head(files, key, &mut report);
    for Kept { place, note } in kept {
        match key.open(note) {
            Ok(kept) => {
                report.checkpoints += 1;
                let (kept, head) = (&kept.checkpoint, head.as_ref().map(|head| &head.checkpoint));
                if head.is_some_and(|head| head.size == kept.size && head.root != kept.root) {
                    report.find(FindingCode::RootDiffers, place, "a tree of the same size has another root");
                }
            }
            Err(error) => report.find(FindingCode::CheckpointInvalid, place, error),
        }
    }
    let lists = proofs(files, head.as_ref(), &mut report);
    attachments(files, &lists, &mut report);
    report
}

fn head(files: &Files, key: &PublicKey, report: &mut Report) -> Option<SignedCheckpoint> {
    let Some(note) = files.get(CHECKPOINT_FILE) else {
        report.find(FindingCode::CheckpointMissing, CHECKPOINT_FILE, "the pack has no checkpoint");
        return None;
    };
    match key.open_own(&String::from_utf8_lossy(note)) {
        Ok(head) => {
            report.signed_at_ms = Some(head.checkpoint.time_ms);
            report.checkpoints += 1;
            Some(head)
        }
        Err(error) => {
            report.find(FindingCode::CheckpointInvalid, CHECKPOINT_FILE, error);
            None
        }
    }
}

/// Judges each record with its proof; returns the lists of attachments that proven records name.
fn proofs(files: &Files, head: Option<&SignedCheckpoint>, report: &mut Report) -> BTreeSet<String> {
    let lines = |name| lines_of(files.get(name).map(Vec::as_slice).unwrap_or_default());
    let (records, proofs) = (lines(RECORDS_FILE), lines(PROOFS_FILE));
    if records.len() != proofs.len() {
        let detail = format!("{} proofs for {} records", proofs.len(), records.len());
        report.find(FindingCode::ProofInvalid, PROOFS_FILE, detail);
    }
    let mut lists = BTreeSet::new();
    for (at, (record, proof)) in records.iter().zip(&proofs).enumerate() {
        let Some((entry, path)) = read_pair(record, proof) else {
            let place = format!("record at line {}", at + 1);
            report.find(FindingCode::ProofInvalid, place, "record or proof cannot be read");
            continue;
        };
        report.records += 1;
        report.erased_values += entry.values.iter().filter(|value| value.is_erased()).count() as u64;
        report.withheld_values += entry.values.iter().filter(|value| value.is_withheld()).count() as u64;
        let Some(head) = head.map(|head| &head.checkpoint) else { continue };
        if inclusion_root(&entry.leaf_hash(), entry.index, head.size, &path) != Some(head.root) {
            let place = format!("record {} ({})", entry.index, entry.id);
            report.find(FindingCode::ProofInvalid, place, "the proof does not lead to the signed root");
        } else if entry.action == PACK_ACTION {
            lists.extend(named_list(&entry));
        }
    }
    lists
}

/// The lines of a file; the last one, if it has no line break, is an unreadable one.
fn lines_of(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|b| *b == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(b"")).collect()
}

fn read_pair(record: &[u8], proof: &[u8]) -> Option<(AuditEntry, Vec<Hash>)> {
    #[derive(Deserialize)]
    struct Proof {
        index: u64,
        path: Vec<String>,
    }
    let entry = entry_of(std::str::from_utf8(record).ok()?)?;
    let read: Proof = serde_json::from_slice(proof).ok()?;
    let path = read.path.iter().map(|hash| crate::line::unhex(hash)).collect::<Option<Vec<Hash>>>()?;
    let is_own_form = proof_line(read.index, &path).as_bytes() == proof;
    (is_own_form && read.index == entry.index).then_some((entry, path))
}

fn named_list(entry: &AuditEntry) -> Option<String> {
    let after: serde_json::Value = serde_json::from_str(entry.value(AuditField::After).text()?).ok()?;
    after["list_sha256"].as_str().map(str::to_owned)
}

fn attachments(files: &Files, lists: &BTreeSet<String>, report: &mut Report) {
    let list = files.get(LIST_FILE).map(Vec::as_slice).unwrap_or_default();
    if !lists.contains(&hex(&Sha256::digest(list))) {
        let detail = "no record of this pack names this list of attachments";
        report.find(FindingCode::AttachmentChanged, LIST_FILE, detail);
    }
    let Ok(list) = serde_json::from_slice::<AttachmentList>(list) else {
        report.find(FindingCode::AttachmentChanged, LIST_FILE, "it cannot be read");
        return;
    };
    let known: BTreeMap<_, _> =
        list.attachments.iter().map(|a| (a.file.as_str(), a.sha256.as_str())).collect();
    let prefix = format!("{ATTACHMENTS_FOLDER}/");
    let there = files.keys().map(String::as_str).filter(|name| name.starts_with(&prefix));
    let names: BTreeSet<&str> = known.keys().copied().chain(there).collect();
    for name in names {
        let hash = files.get(name).map(|content| hex(&Sha256::digest(content)));
        if hash.as_deref() != known.get(name).copied() || hash.is_none() {
            report.find(FindingCode::AttachmentChanged, name, "it is not the one that was packed");
        }
    }
}
