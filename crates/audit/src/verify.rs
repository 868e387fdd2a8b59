//! Judges a copy of the audit log (see [`crate::copy`]) with the public key and, best, a checkpoint that was kept
//! elsewhere. Needs no server and trusts nothing in the copy but what the signature covers.
//!
//! What each finding means is in `docs/reference/audit.md`; `verify.py` in each copy judges by the same rules.

mod chain;
mod packed;
mod report;
mod tiles;

pub use packed::{Files, is_pack, read_folder, read_zip, verify_pack};
pub use report::{FINDINGS_LISTED_MAX, Finding, FindingCode, Report};

use crate::checkpoint::{PublicKey, SignedCheckpoint};
use crate::copy::{KEY_FILE, RECORDS_FILE};
use crate::edge::Edge;
use crate::line::{LINE_BYTES_MAX, entry_of};
use chain::Points;
use model::{AuditEntry, AuditField, AuditId};
use ports::store::ERASE_ACTION;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use tiles::CopiedTiles;

/// How far a record's clock may stand before a time that is already in the log: as long as a change may take
/// from reading the clock to its commit.
pub const CLOCK_BACK_MS_MAX: i64 = 60_000;

/// A checkpoint kept elsewhere.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Where it is from, such as a file's name.
    pub place: String,
    /// The note.
    pub note: String,
}

/// Judges the copy in `dir`.
///
/// # Errors
/// When the folder or a file in it cannot be read at all. A file that is missing is a finding.
pub fn verify(dir: &Path, key: &PublicKey, kept: &[Kept]) -> io::Result<Report> {
    std::fs::read_dir(dir)?;
    let mut report = Report::default();
    check_key_file(read(dir, KEY_FILE)?.as_deref(), key, &mut report);
    let (head, points) = chain::read_all(dir, key, kept, &mut report)?;
    let mut judge = Judge::new(dir, head, points, report);
    judge.at_size();
    judge.read_records(dir)?;
    judge.finish(dir)
}

/// A file's bytes; `None` if it is not there.
fn read(dir: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(dir.join(name)) {
        Ok(content) => Ok(Some(content)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn check_key_file(content: Option<&[u8]>, key: &PublicKey, report: &mut Report) {
    if content != Some(format!("{key}\n").as_bytes()) {
        report.find(FindingCode::KeyDiffers, KEY_FILE, "the key in the copy is not the one that was given");
    }
}

/// The state of one pass over the records.
struct Judge {
    report: Report,
    head: Option<SignedCheckpoint>,
    points: Points,
    tiles: CopiedTiles,
    edge: Edge,
    /// Time of the record before.
    at_ms: i64,
    /// The latest clock of all records so far, and of all checkpoints that cover no record from here on.
    clock_ms_max: i64,
    signed_ms_max: i64,
    root_fits: Option<bool>,
    erased: BTreeMap<AuditId, (u64, BTreeSet<AuditField>)>,
    announced: BTreeMap<String, Vec<(u64, BTreeSet<AuditField>)>>,
}

impl Judge {
    fn new(dir: &Path, head: Option<SignedCheckpoint>, points: Points, report: Report) -> Self {
        let size = head.as_ref().map_or(0, |head| head.checkpoint.size);
        Self {
            report,
            head,
            points,
            tiles: CopiedTiles::new(dir, size),
            edge: Edge::default(),
            at_ms: i64::MIN,
            clock_ms_max: i64::MIN,
            signed_ms_max: i64::MIN,
            root_fits: None,
            erased: BTreeMap::new(),
            announced: BTreeMap::new(),
        }
    }

    fn read_records(&mut self, dir: &Path) -> io::Result<()> {
        let file = match File::open(dir.join(RECORDS_FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut reader = BufReader::with_capacity(1 << 18, file);
        let mut line = Vec::new();
        loop {
            line.clear();
            (&mut reader).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return Ok(());
            }
            if line.len() > LINE_BYTES_MAX {
                // the rest of such a line is skipped, it is one record that nobody can read
                reader.skip_until(b'\n')?;
            }
            self.line(&line)?;
            self.at_size();
        }
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        let index = self.edge.size();
        let text = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
        let entry = text.and_then(entry_of);
        let leaf = entry.as_ref().map_or_else(|| line.to_vec(), AuditEntry::leaf);
        match &entry {
            Some(entry) => self.entry(index, entry),
            None => {
                let detail = "the line is not a record as this program writes it";
                self.report.find(FindingCode::RecordUnreadable, format!("record {index}"), detail);
            }
        }
        self.tiles.compare_leaf(index, entry.as_ref(), &leaf)?;
        let (tiles, hash) = (&mut self.tiles, model::leaf_hash(&leaf));
        let mut failed = None;
        self.edge.push(&leaf, hash, &mut |tile, content| {
            failed = failed.take().or(tiles.compare(tile, &content).err());
        });
        failed.map_or(Ok(()), Err)
    }

    fn entry(&mut self, index: u64, entry: &AuditEntry) {
        let place = format!("record {index} ({})", entry.id);
        if entry.index != index {
            let detail = format!("it says that its place is {}", entry.index);
            self.report.find(FindingCode::RecordOrder, &place, detail);
        }
        self.times(&place, entry);
        self.report.records += 1;
        self.report.withheld_values += entry.values.iter().filter(|value| value.is_withheld()).count() as u64;
        let erased: BTreeSet<_> =
            AuditField::ALL.into_iter().filter(|field| entry.value(*field).is_erased()).collect();
        if !erased.is_empty() {
            self.report.erased_values += erased.len() as u64;
            self.erased.insert(entry.id, (index, erased));
        }
        if entry.action == ERASE_ACTION
            && let Some(object) = entry.value(AuditField::Object).text()
        {
            let fields = announced(entry.value(AuditField::After).text().unwrap_or_default());
            self.announced.entry(object.to_owned()).or_default().push((index, fields));
        }
    }

    fn times(&mut self, place: &str, entry: &AuditEntry) {
        if entry.at_ms != entry.clock_ms.max(self.at_ms) {
            let detail = format!(
                "its time {} follows neither from its clock {} nor from the record before",
                entry.at_ms, entry.clock_ms
            );
            self.report.find(FindingCode::TimeOrder, place, detail);
        }
        for (known_ms, what) in
            [(self.at_ms, "the record before"), (self.signed_ms_max, "a tree signed before it")]
        {
            let back_ms = known_ms.saturating_sub(entry.clock_ms);
            if back_ms > CLOCK_BACK_MS_MAX {
                let detail = format!("its clock stood {back_ms} ms before the time of {what}");
                self.report.find(FindingCode::ClockSetBack, place, detail);
                break;
            }
        }
        self.at_ms = entry.at_ms;
        self.clock_ms_max = self.clock_ms_max.max(entry.clock_ms);
    }

    /// What is to be done when the tree has this many records.
    fn at_size(&mut self) {
        let size = self.edge.size();
        let points = self.points.take(size);
        if points.is_empty() {
            return;
        }
        let root = self.edge.root();
        for point in points {
            if point.root != root {
                let detail = format!("the first {size} records have another root than the signed one");
                self.report.find(FindingCode::RootDiffers, &point.place, detail);
            }
            if point.is_head {
                self.root_fits = Some(point.root == root);
                for (tile, content) in self.edge.partials(0) {
                    if let Err(error) = self.tiles.compare(tile, &content) {
                        self.report.find(FindingCode::TileMissing, tile.path(), error.to_string());
                    }
                }
            }
            let ahead_ms = self.clock_ms_max.saturating_sub(point.time_ms);
            if ahead_ms > CLOCK_BACK_MS_MAX {
                let detail = format!("it was signed {ahead_ms} ms before the clock of a record in it");
                self.report.find(FindingCode::ClockSetBack, &point.place, detail);
            }
            self.signed_ms_max = self.signed_ms_max.max(point.time_ms);
        }
    }

    fn finish(mut self, dir: &Path) -> io::Result<Report> {
        let records = self.edge.size();
        let left = self.points.rest();
        for point in left {
            let detail = format!("it covers {} records, the copy has {records}", point.size);
            self.report.find(FindingCode::Truncated, &point.place, detail);
        }
        if let Some(head) = &self.head
            && records > head.checkpoint.size
        {
            let detail =
                format!("{} records stand after the last signed one", records - head.checkpoint.size);
            self.report.find(FindingCode::RecordsUnsigned, RECORDS_FILE, detail);
        }
        self.erasures();
        self.tiles.finish(dir, self.root_fits == Some(true), &mut self.report)?;
        Ok(self.report)
    }

    /// Each erased value must have been named by a later record of an erasure.
    fn erasures(&mut self) {
        for (id, (index, fields)) in std::mem::take(&mut self.erased) {
            let announcements = self.announced.get(&id.to_string()).map(Vec::as_slice).unwrap_or_default();
            let later = announcements.iter().filter(|(at, _)| *at > index);
            let named: BTreeSet<_> = later.flat_map(|(_, fields)| fields.iter().copied()).collect();
            for field in fields.difference(&named) {
                let detail = format!("its {} is gone, and no record says that it was erased", field.as_str());
                self.report.find(FindingCode::ErasedUnannounced, format!("record {index} ({id})"), detail);
            }
        }
    }
}

/// The fields that the record of an erasure names.
fn announced(after: &str) -> BTreeSet<AuditField> {
    #[derive(serde::Deserialize)]
    struct After {
        fields: Vec<String>,
    }
    let fields = serde_json::from_str::<After>(after).map_or_else(|_| Vec::new(), |after| after.fields);
    fields.iter().filter_map(|name| AuditField::from_name(name)).collect()
}
