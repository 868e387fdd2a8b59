//! `huecry audit export`: the whole log in a folder.

use super::server_key;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::terminal;
use audit::copy::{CopyWriter, lines_up_to, tiles_of};
use audit::line::entry_of;
use audit::tile::{HASH_BYTES, Kind, TILE_WIDTH, Tile, entries, push_entry};
use serde_json::json;
use std::path::Path;

/// Copies what is signed now. Records that are added meanwhile are not in the copy.
pub(super) fn run(client: &Client, dir: &Path, json: bool) -> Result<Exit, Failure> {
    let key = server_key(client)?;
    let note = client.get_text("/api/v1/audit/checkpoint")?;
    let head = key.open(&note).map_err(|e| Failure::new(Exit::Tampered, format!("the checkpoint: {e}")))?;
    let size = head.checkpoint.size;
    let mut copy = CopyWriter::create(dir).map_err(|e| {
        Failure::new(Exit::Usage, format!("{}: {e}", dir.display()))
            .hint("name a folder that has no copy yet")
    })?;
    let withheld = records(client, size, &mut copy)?;
    for tile in tiles_of(size) {
        // one that is missing is missed by the verifier
        if let Some(content) = get_tile(client, tile)? {
            copy.tile(tile, &content)?;
        }
    }
    let days = client.get("/api/v1/audit/checkpoints")?.body;
    for day in days["days"].as_array().into_iter().flatten().filter_map(|day| day.as_str()) {
        let lines = client.get_bytes(&format!("/api/v1/audit/checkpoints/{day}"))?.unwrap_or_default();
        let (lines, is_last) = lines_up_to(&lines, &head);
        copy.day(day, lines)?;
        if is_last {
            break;
        }
    }
    copy.finish(&head, &key)?;
    if json {
        terminal::line(json!({ "dir": dir, "records": size, "withheld_values": withheld,
            "key": key.to_string() }));
    } else {
        let dir = dir.display();
        terminal::line(format_args!("{size} records in {dir}"));
        if withheld > 0 {
            terminal::note(format_args!(
                "{withheld} values are withheld: they are about incidents that this token may not see"
            ));
            terminal::note(
                "  a whole copy needs the scopes audit:read, incidents:read and incidents:restricted",
            );
        }
        terminal::note(format_args!("check it, best with a key and a checkpoint that you kept elsewhere:"));
        terminal::note(format_args!("  huecry audit verify {dir} --key '{key}'"));
    }
    Ok(Exit::Done)
}

/// Copies the records; says how many values were withheld.
fn records(client: &Client, size: u64, copy: &mut CopyWriter) -> Result<u64, Failure> {
    let (mut at, mut withheld) = (0, 0);
    while at < size {
        let content = client.get_bytes(&format!("/api/v1/audit/entries?from={at}"))?.unwrap_or_default();
        let text = String::from_utf8(content).map_err(|e| Failure::new(Exit::Server, e))?;
        let wanted = usize::try_from(size - at).unwrap_or(usize::MAX);
        let lines: Vec<&str> = text.lines().take(wanted).collect();
        if lines.is_empty() {
            // the copy ends here, and the verifier will say so
            return Ok(withheld);
        }
        for line in &lines {
            let values = entry_of(line).map(|entry| entry.values);
            withheld += values.iter().flatten().filter(|value| value.is_withheld()).count() as u64;
            copy.line(line)?;
        }
        at += lines.len() as u64;
    }
    Ok(withheld)
}

/// A tile; a partial one that was completed meanwhile is cut from the full one.
fn get_tile(client: &Client, tile: Tile) -> Result<Option<Vec<u8>>, Failure> {
    let get = |tile: Tile| client.get_bytes(&format!("/api/v1/audit/{}", tile.path()));
    if let Some(content) = get(tile)? {
        return Ok(Some(content));
    }
    if tile.width == TILE_WIDTH {
        return Ok(None);
    }
    let full = get(Tile { width: TILE_WIDTH, ..tile })?;
    let width = tile.width as usize;
    Ok(full.and_then(|full| match tile.kind {
        Kind::Hashes { .. } => full.get(..width * HASH_BYTES).map(<[u8]>::to_vec),
        Kind::Entries => entries(&full).map(|leaves| {
            let mut cut = Vec::new();
            leaves.iter().take(width).for_each(|leaf| push_entry(&mut cut, leaf));
            cut
        }),
    }))
}
