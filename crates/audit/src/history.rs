//! Every checkpoint ever signed: `checkpoints/YYYY-MM-DD`, one JSON line `{"note": …}` each, by the day (UTC) of
//! its time.
//!
//! A line is durable here before the file `checkpoint` has its note. So after a power cut the history may be one
//! checkpoint ahead, which is then the newest, or end in a torn piece of one, which nobody has seen and is cut.
//! Nothing else is mended: a history that does not end with the last checkpoint, or one after it, is refused.

use crate::checkpoint::{PublicKey, SignedCheckpoint};
use crate::{Error, Refusal};
use ports::TileStore;
use serde::{Deserialize, Serialize};

/// The folder.
pub(crate) const FOLDER: &str = "checkpoints";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    note: String,
}

/// The line of this note, with its line break.
pub(crate) fn line_of(note: &str) -> String {
    // a struct of one string always has a JSON text
    let text = serde_json::to_string(&Line { note: note.to_owned() }).unwrap_or_default();
    text + "\n"
}

/// The note in a line (without its line break), if the line is written as this program writes it.
pub(crate) fn note_of(line: &str) -> Option<String> {
    let note = serde_json::from_str::<Line>(line).ok()?.note;
    (line_of(&note).strip_suffix('\n') == Some(line)).then_some(note)
}

/// The file that a checkpoint of this time stands in.
pub(crate) fn file_of(time_ms: i64) -> String {
    let day = jiff::Timestamp::from_millisecond(time_ms).unwrap_or_default();
    format!("{FOLDER}/{}", day.strftime("%Y-%m-%d"))
}

/// The files, the oldest first.
pub(crate) fn files(tiles: &dyn TileStore) -> Result<Vec<String>, Error> {
    let names = tiles.list(FOLDER).map_err(|e| Error::io(FOLDER, e))?;
    Ok(names.into_iter().map(|name| format!("{FOLDER}/{name}")).collect())
}

fn read(tiles: &dyn TileStore, file: &str) -> Result<Vec<u8>, Error> {
    Ok(tiles.read(file).map_err(|e| Error::io(file, e))?.unwrap_or_default())
}

/// The end of the history.
struct End {
    newest: SignedCheckpoint,
    file: String,
    /// Bytes of the file up to the end of the newest checkpoint's line.
    bytes: usize,
}

fn end(tiles: &dyn TileStore, key: &PublicKey) -> Result<Option<End>, Error> {
    for file in files(tiles)?.into_iter().rev() {
        let content = read(tiles, &file)?;
        let mut at = content.len();
        // at most one line can be torn, but a torn one may have line breaks in its garbage
        while let Some(line_end) = content[..at].iter().rposition(|b| *b == b'\n') {
            let start = content[..line_end].iter().rposition(|b| *b == b'\n').map_or(0, |before| before + 1);
            let line = std::str::from_utf8(&content[start..line_end]).ok();
            if let Some(newest) = line.and_then(note_of).and_then(|note| key.open_own(&note).ok()) {
                return Ok(Some(End { newest, file, bytes: line_end + 1 }));
            }
            at = line_end;
        }
    }
    Ok(None)
}

/// Cuts what is torn, and returns the newest checkpoint: `head`, the one in the file `checkpoint`, or the one after
/// it, whose note was not written there any more.
pub(crate) fn settle(
    tiles: &dyn TileStore,
    key: &PublicKey,
    head: Option<SignedCheckpoint>,
) -> Result<Option<SignedCheckpoint>, Error> {
    let Some(End { newest, file, bytes }) = end(tiles, key)? else {
        let Some(head) = head else { return cut(tiles, "", 0).map(|()| None) };
        let checkpoint = head.checkpoint.size;
        return Err(Refusal::HistoryDiffers { history: 0, checkpoint }.into());
    };
    let is_head = head.as_ref().is_some_and(|head| head.note == newest.note);
    let is_next = newest.checkpoint.previous == head.as_ref().map_or([0; 32], SignedCheckpoint::hash);
    if !is_head && !is_next {
        let Some(head) = head else { return Err(Refusal::CheckpointMissing.into()) };
        let (history, checkpoint) = (newest.checkpoint.size, head.checkpoint.size);
        return Err(Refusal::HistoryDiffers { history, checkpoint }.into());
    }
    cut(tiles, &file, bytes)?;
    Ok(Some(newest))
}

/// Drops what stands after that byte of that file, the torn piece of a line, and makes sure of the rest.
fn cut(tiles: &dyn TileStore, last: &str, bytes: usize) -> Result<(), Error> {
    for file in files(tiles)? {
        if file.as_str() > last {
            tiles.remove(&file).map_err(|e| Error::io(&file, e))?;
        } else if file == last {
            // written anew in any case: after an append whose sync failed the lines are seen, but may not be on the
            // disk, and a later sync of the same file says nothing of them
            let content = read(tiles, &file)?;
            let lines = content.get(..bytes).unwrap_or(&content);
            tiles.write(&file, lines).map_err(|e| Error::io(&file, e))?;
        }
    }
    Ok(())
}

/// Adds a checkpoint.
pub(crate) fn add(tiles: &dyn TileStore, head: &SignedCheckpoint) -> Result<(), Error> {
    let file = file_of(head.checkpoint.time_ms);
    tiles.append(&file, line_of(&head.note).as_bytes()).map_err(|e| Error::io(&file, e))
}
