//! The signed checkpoints of a copy, their chain, and those that were kept elsewhere.
//!
//! Only the newest checkpoint's signature is checked: each names the hash of the whole note before it, so the
//! newest signature covers them all, however many years they are.

use super::{FindingCode, Kept, Report, read};
use crate::checkpoint::{PublicKey, SignedCheckpoint};
use crate::{CHECKPOINT_FILE, history};
use model::Hash;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A signed tree that the records are compared with.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) place: String,
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) time_ms: i64,
    /// It is the newest of the copy, the one that the tiles belong to.
    pub(super) is_head: bool,
}

impl Point {
    fn of(place: impl ToString, signed: &SignedCheckpoint, is_head: bool) -> Self {
        let checkpoint = &signed.checkpoint;
        let (size, root, time_ms) = (checkpoint.size, checkpoint.root, checkpoint.time_ms);
        Self { place: place.to_string(), size, root, time_ms, is_head }
    }
}

/// Points by the size of their tree.
#[derive(Debug, Default)]
pub(super) struct Points(BTreeMap<u64, Vec<Point>>);

impl Points {
    fn add(&mut self, point: Point) {
        self.0.entry(point.size).or_default().push(point);
    }

    /// The points of trees of `size` leaves.
    pub(super) fn take(&mut self, size: u64) -> Vec<Point> {
        self.0.remove(&size).unwrap_or_default()
    }

    /// Those that were not taken.
    pub(super) fn rest(&mut self) -> impl Iterator<Item = Point> + use<> {
        std::mem::take(&mut self.0).into_values().flatten()
    }
}

/// Reads all checkpoints; the newest of the copy stands apart.
pub(super) fn read_all(
    dir: &Path,
    key: &PublicKey,
    kept: &[Kept],
    report: &mut Report,
) -> io::Result<(Option<SignedCheckpoint>, Points)> {
    let mut points = Points::default();
    let head = read_head(dir, key, report)?;
    let mut chain = Chain { key, previous: None, points: &mut points, report };
    for file in history_files(dir)? {
        let content = read(dir, &file)?.unwrap_or_default();
        chain.file(&file, &content);
    }
    let last = chain.previous;
    if let Some(head) = &head {
        if last.as_ref().is_none_or(|last| last.note != head.note) {
            let detail = "the history does not end with the last checkpoint";
            report.find(FindingCode::HistoryBroken, history::FOLDER, detail);
        }
        report.signed_at_ms = Some(head.checkpoint.time_ms);
        points.add(Point::of(CHECKPOINT_FILE, head, true));
    }
    for Kept { place, note } in kept {
        match key.open(note) {
            Ok(signed) => points.add(Point::of(place, &signed, false)),
            Err(error) => report.find(FindingCode::CheckpointInvalid, place, error),
        }
    }
    report.checkpoints = points.0.values().map(|points| points.len() as u64).sum();
    Ok((head, points))
}

fn read_head(dir: &Path, key: &PublicKey, report: &mut Report) -> io::Result<Option<SignedCheckpoint>> {
    let Some(content) = read(dir, CHECKPOINT_FILE)? else {
        report.find(FindingCode::CheckpointMissing, CHECKPOINT_FILE, "the copy has no last checkpoint");
        return Ok(None);
    };
    match key.open_own(&String::from_utf8_lossy(&content)) {
        Ok(head) => Ok(Some(head)),
        Err(error) => {
            report.find(FindingCode::CheckpointInvalid, CHECKPOINT_FILE, error);
            Ok(None)
        }
    }
}

fn history_files(dir: &Path) -> io::Result<Vec<String>> {
    let folder = match std::fs::read_dir(dir.join(history::FOLDER)) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for file in folder {
        files.push(format!("{}/{}", history::FOLDER, file?.file_name().to_string_lossy()));
    }
    files.sort();
    Ok(files)
}

struct Chain<'a> {
    key: &'a PublicKey,
    previous: Option<SignedCheckpoint>,
    points: &'a mut Points,
    report: &'a mut Report,
}

impl Chain<'_> {
    fn file(&mut self, file: &str, content: &[u8]) {
        if content.last().is_some_and(|last| *last != b'\n') {
            self.report.find(FindingCode::HistoryBroken, file, "the last line is not whole");
        }
        let lines = content.strip_suffix(b"\n").unwrap_or(content).split(|b| *b == b'\n');
        for (at, line) in lines.enumerate() {
            self.line(file, &format!("{file} line {}", at + 1), line);
        }
    }

    fn line(&mut self, file: &str, place: &str, line: &[u8]) {
        let note = std::str::from_utf8(line).ok().and_then(history::note_of);
        let Some(signed) = note.and_then(|note| self.key.read_unchecked(&note)) else {
            self.report.find(FindingCode::HistoryBroken, place, "the line is no checkpoint");
            return;
        };
        let (previous, checkpoint) = (self.previous.as_ref(), &signed.checkpoint);
        if checkpoint.previous != previous.map_or([0; 32], SignedCheckpoint::hash) {
            let detail = "it does not name the checkpoint before it: one was changed, taken out or put in";
            self.report.find(FindingCode::HistoryBroken, place, detail);
        }
        let grows = |old: &SignedCheckpoint| {
            old.checkpoint.size <= checkpoint.size && old.checkpoint.time_ms <= checkpoint.time_ms
        };
        if !previous.is_none_or(grows) {
            let detail = "size or time went back";
            self.report.find(FindingCode::HistoryBroken, place, detail);
        }
        if history::file_of(checkpoint.time_ms) != file {
            self.report.find(FindingCode::HistoryBroken, place, "it stands in the file of another day");
        }
        self.points.add(Point::of(place, &signed, false));
        self.previous = Some(signed);
    }
}
