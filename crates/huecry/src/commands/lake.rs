//! `huecry lake`: the lake of a data folder that no server has open.

use crate::cli::Lake;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::storage::open_lake;
use crate::terminal;
use ::lake::{FileLake, Filter};
use model::{Clock, SystemClock};
use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(super) fn run(command: &Lake, config: &Config, json: bool) -> Result<Exit, Failure> {
    let dir = config.lake_dir()?;
    // opening would make an empty lake where a mistyped folder has none
    if !dir.as_ref().is_some_and(|dir| dir.is_dir()) && !matches!(command, Lake::Import { .. }) {
        let place = dir.map_or_else(|| "none is configured".to_owned(), |dir| dir.display().to_string());
        return Err(
            Failure::new(Exit::Usage, format!("there is no lake: {place}")).hint("name its --data-dir")
        );
    }
    let lake = open_lake(config)?
        .ok_or_else(|| Failure::new(Exit::Usage, "[lake] enabled = false: there is no lake"))?;
    match command {
        Lake::Verify => verify(&lake, json),
        Lake::Export { file, classes, regions } => {
            let some = |list: &[u32]| (!list.is_empty()).then(|| list.to_vec());
            let regions = (!regions.is_empty()).then(|| regions.clone());
            let filter = Filter { class_uids: some(classes), regions, ..Filter::default() };
            export(&lake, file, &filter, json)
        }
        Lake::Import { files } => {
            files.iter().try_for_each(|file| import(&lake, file, json)).map(|()| Exit::Done)
        }
    }
}

fn failed(what: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Faults, what)
}

fn verify(lake: &FileLake, json: bool) -> Result<Exit, Failure> {
    let found = lake.verify().map_err(failed)?;
    if json {
        let damaged = found.damaged.iter().map(|d| serde_json::json!({ "file": d.file, "reason": d.reason }));
        terminal::line(serde_json::json!({
            "files": found.files, "bytes": found.bytes, "events": found.events,
            "damaged": damaged.collect::<Vec<_>>(),
        }));
    } else {
        for damage in &found.damaged {
            terminal::line(format_args!("damaged: {}: {}", damage.file, damage.reason));
        }
        let (files, events, damaged) = (found.files, found.events, found.damaged.len());
        terminal::line(format_args!("{files} files, {events} events, {damaged} damaged"));
    }
    Ok(if found.damaged.is_empty() { Exit::Done } else { Exit::Faults })
}

fn export(lake: &FileLake, path: &Path, filter: &Filter, json: bool) -> Result<Exit, Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = opened.map_err(|e| {
        Failure::new(Exit::Usage, format!("cannot make {}: {e}", path.display()))
            .hint("an export never overwrites; name another file")
    })?;
    let events = lake.export(filter, BufWriter::new(&file)).and_then(|events| {
        let synced = file.sync_all();
        synced.map(|()| events).map_err(|source| ports::LakeError::Io {
            doing: "making the export durable".to_owned(),
            source: source.into(),
        })
    });
    let events = events.map_err(|error| {
        // half an export would be taken for a whole one
        let _ = std::fs::remove_file(path);
        failed(error)
    })?;
    if json {
        terminal::line(serde_json::json!({ "events": events }));
    } else {
        terminal::line(format_args!("{events} events in {}", path.display()));
    }
    Ok(Exit::Done)
}

fn import(lake: &FileLake, path: &Path, json: bool) -> Result<(), Failure> {
    let unreadable = |e| Failure::new(Exit::Usage, format!("cannot read {}: {e}", path.display()));
    let file = File::open(path).map_err(unreadable)?;
    let done = lake
        .import(file, SystemClock.now_ms())
        .map_err(|error| failed(format_args!("{}: {error}", path.display())))?;
    if json {
        terminal::line(serde_json::json!({
            "file": path.display().to_string(), "events": done.events, "duplicates": done.duplicates,
        }));
    } else {
        let (events, duplicates) = (done.events, done.duplicates);
        terminal::line(format_args!("{}: {events} events, {duplicates} known already", path.display()));
    }
    Ok(())
}
