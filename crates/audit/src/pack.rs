//! An evidence pack: a zip with what is known of one object, and the proof that it was written when it says.
//!
//! ```text
//! report.html        for people
//! records.jsonl      the records (see [`crate::line`])
//! proofs.jsonl       for each the audit path to the root of `checkpoint`: {"index":…,"path":["<64 hex>",…]}
//! checkpoint, key    the signed tree, the public key
//! pack.json          the list of attachments with their SHA-256
//! attachments/…      incident, findings, comments, and what else was given
//! verify.py          a verifier that needs nothing but Python 3
//! ```
//! The list of attachments is named by a record of the pack itself (`audit.pack`, its `after` has
//! `list_sha256`), so that attachments are covered by the signature as records are.

use crate::checkpoint::{PublicKey, SignedCheckpoint};
use crate::copy::{KEY_FILE, RECORDS_FILE, VERIFIER, VERIFIER_FILE};
use crate::line::{hex, line_of};
use crate::{CHECKPOINT_FILE, page};
use model::{AuditEntry, Hash};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, Seek, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The action of the record that names the list of attachments.
pub const PACK_ACTION: &str = "audit.pack";
/// The file of proofs.
pub const PROOFS_FILE: &str = "proofs.jsonl";
/// The file of the list of attachments.
pub const LIST_FILE: &str = "pack.json";
/// The folder of attachments.
pub const ATTACHMENTS_FOLDER: &str = "attachments";
/// Largest attachment, in bytes.
pub const ATTACHMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What stands in `pack.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachmentList {
    /// What the pack is about, such as an incident's id.
    pub object: String,
    /// The attachments.
    pub attachments: Vec<Attachment>,
}

/// One attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// Its place in the pack, `attachments/…`.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

impl AttachmentList {
    /// The list of these files, given by name and content.
    pub fn new<'c>(object: &str, files: impl IntoIterator<Item = (&'c str, &'c [u8])>) -> Self {
        let attachments = files.into_iter().map(|(name, content)| Attachment {
            file: format!("{ATTACHMENTS_FOLDER}/{name}"),
            bytes: content.len() as u64,
            sha256: hex(&Sha256::digest(content)),
        });
        Self { object: object.to_owned(), attachments: attachments.collect() }
    }

    /// The file `pack.json`.
    pub fn to_json(&self) -> String {
        // texts and numbers always have a JSON text
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// What the record of the pack names: SHA-256 of `pack.json`, in hex.
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(self.to_json()))
    }
}

/// A record with the way to the root.
#[derive(Debug, Clone)]
pub struct ProvenEntry {
    /// The record.
    pub entry: AuditEntry,
    /// Its audit path in the tree of the pack's checkpoint.
    pub path: Vec<Hash>,
}

/// All of a pack.
#[derive(Debug, Clone)]
pub struct Pack<'p> {
    /// The signed tree.
    pub checkpoint: &'p SignedCheckpoint,
    /// The public key.
    pub key: &'p PublicKey,
    /// The records, the oldest first.
    pub records: &'p [ProvenEntry],
    /// The list of attachments.
    pub list: &'p AttachmentList,
    /// The attachments, by name (without the folder) and content.
    pub attachments: &'p [(String, Vec<u8>)],
}

#[derive(Serialize)]
struct ProofLine {
    index: u64,
    path: Vec<String>,
}

/// The line of a proof, without a line break.
pub(crate) fn proof_line(index: u64, path: &[Hash]) -> String {
    let path = path.iter().map(|hash| hex(hash)).collect();
    serde_json::to_string(&ProofLine { index, path }).unwrap_or_default()
}

impl Pack<'_> {
    /// Writes the zip. The same pack gives the same bytes.
    ///
    /// # Errors
    /// Of `out`.
    pub fn write(&self, out: impl Write + Seek) -> io::Result<()> {
        let mut zip = ZipWriter::new(out);
        let lines = |line: &dyn Fn(&ProvenEntry) -> String| {
            self.records.iter().map(|record| line(record) + "\n").collect::<String>()
        };
        let records = lines(&|record| line_of(&record.entry));
        let proofs = lines(&|record| proof_line(record.entry.index, &record.path));
        let key = format!("{}\n", self.key);
        let (report, list) = (page::render(self), self.list.to_json());
        let files = [
            ("report.html", report.as_bytes()),
            (RECORDS_FILE, records.as_bytes()),
            (PROOFS_FILE, proofs.as_bytes()),
            (CHECKPOINT_FILE, self.checkpoint.note.as_bytes()),
            (KEY_FILE, key.as_bytes()),
            (LIST_FILE, list.as_bytes()),
            (VERIFIER_FILE, VERIFIER.as_bytes()),
        ];
        for (name, content) in files {
            add(&mut zip, name, content)?;
        }
        for (name, content) in self.attachments {
            add(&mut zip, &format!("{ATTACHMENTS_FOLDER}/{name}"), content)?;
        }
        zip.finish()?.flush()
    }
}

fn add(zip: &mut ZipWriter<impl Write + Seek>, name: &str, content: &[u8]) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    zip.start_file(name, options)?;
    zip.write_all(content)
}
