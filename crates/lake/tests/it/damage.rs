//! What bit rot, a lost file and a foreign hand can do: it is found and named, and nothing is dropped.

use crate::conformance::eager;
use crate::events::{DAY_MS, NOW_MS, feed};
use disk::Disk;
use disk::simulated::SimDisk;
use huecry_lake::{Damage, FileLake, Options, Snapshots, verify};
use model::{Offset, Partition};
use ports::lake::{LakeSize, RetentionRule};
use ports::{Lake, LakeError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MANIFEST: &str = "/lake/manifest.ndjson";

fn open(disk: &SimDisk) -> Result<FileLake, LakeError> {
    FileLake::open_on(Arc::new(disk.clone()), &eager("/lake"))
}

/// A lake whose manifest has rows of every kind, and all its files.
fn filled() -> Vec<(PathBuf, Vec<u8>)> {
    let disk = SimDisk::new(6);
    let lake = open(&disk).unwrap();
    let mut writer = lake.writer(Partition(0)).unwrap();
    let mut export = Vec::new();
    for round in 0..4 {
        feed(&mut *writer, Partition(0), round * 8..round * 8 + 8, NOW_MS).unwrap();
        lake.flush().unwrap();
        if round == 1 {
            lake.export(&Default::default(), &mut export).unwrap();
            let rules = [RetentionRule { class_uid: Some(3002), age_ms_max: DAY_MS }];
            lake.maintain(NOW_MS, &[]).unwrap();
            lake.maintain(NOW_MS + DAY_MS, &rules).unwrap();
            lake.import(bytes::Bytes::from(export.clone()), NOW_MS).unwrap();
        }
    }
    // also removes what was merged away
    lake.close().unwrap();
    drop((writer, lake));
    let files = disk.paths().into_iter();
    files.map(|path| (path.clone(), disk.content(&path).unwrap())).collect()
}

fn disk_of(files: &[(PathBuf, Vec<u8>)]) -> SimDisk {
    let disk = SimDisk::new(7);
    files.iter().for_each(|(path, content)| disk.install(path, content));
    disk
}

/// What the manifest says; the files themselves are as they were.
fn listed(lake: &FileLake) -> (Offset, LakeSize, Vec<PathBuf>) {
    let paths = lake.snapshot().files.iter().map(|file| file.path.clone()).collect();
    (lake.position(Partition(0)), lake.size(), paths)
}

fn changed(files: &[(PathBuf, Vec<u8>)], path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> SimDisk {
    let disk = disk_of(files);
    let mut content = disk.content(path).unwrap();
    change(&mut content);
    disk.install(path, &content);
    disk
}

#[test]
fn one_damaged_byte_anywhere_in_the_manifest_loses_nothing() {
    let files = filled();
    let disk = disk_of(&files);
    let expected = listed(&open(&disk).unwrap());
    assert!(expected.1.events > 20 && expected.2.len() > 3);
    let manifest = Path::new(MANIFEST);
    let bytes = disk_of(&files).content(manifest).unwrap().len();
    for at in 0..bytes {
        // a bit here, all bits there, a line break where none was
        let change = |content: &mut Vec<u8>| match at % 3 {
            0 => content[at] ^= 1 << (at % 8),
            1 => content[at] ^= 0xFF,
            _ => content[at] = if content[at] == b'\n' { b'x' } else { b'\n' },
        };
        let disk = changed(&files, manifest, change);
        let lake = open(&disk).unwrap_or_else(|error| panic!("byte {at}: {error}"));
        assert!(listed(&lake) == expected, "byte {at} of the manifest changed the lake");
    }
}

#[test]
fn a_manifest_that_lost_a_row_is_refused_and_nothing_is_removed() {
    let files = filled();
    let content = disk_of(&files).content(Path::new(MANIFEST)).unwrap();
    let text = String::from_utf8(content).unwrap();
    let rows: Vec<&str> = text.split_inclusive("\n\n").collect();
    assert!(rows.len() >= 8 && rows.len().is_multiple_of(2));
    for lost in 0..rows.len() / 2 - 1 {
        let left: String =
            rows.iter().enumerate().filter(|(at, _)| at / 2 != lost).map(|(_, row)| *row).collect();
        let disk = changed(&files, Path::new(MANIFEST), |content| *content = left.into_bytes());
        let before = disk.paths();
        let error = open(&disk).unwrap_err();
        assert!(matches!(&error, LakeError::Corrupt { file, .. } if file == "manifest.ndjson"), "{error}");
        assert_eq!(disk.paths().iter().filter(|path| !path.ends_with("lock")).count(), before.len());
    }
}

#[test]
fn a_manifest_that_is_gone_empty_or_of_another_time_is_refused() {
    let files = filled();
    let disk = disk_of(&files);
    disk.remove(Path::new(MANIFEST)).unwrap();
    assert!(open(&disk).unwrap_err().to_string().contains("it is gone"));
    assert_eq!(disk.paths().len(), files.len() - 1, "its data files are not taken for garbage");
    for (content, reason) in [
        (Vec::new(), "its first row"),
        (b"garbage".to_vec(), "its first row"),
        (later_version(), "it is of version 9"),
    ] {
        let disk = changed(&files, Path::new(MANIFEST), |old| *old = content);
        let error = open(&disk).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

fn later_version() -> Vec<u8> {
    let row = r#"{"seq":1,"op":"begin","version":9,"next_number":0,"positions":[],"imports":[]}"#;
    format!("{{\"crc32c\":\"{:08x}\",\"row\":{row}}}\n\n", crc32c::crc32c(row.as_bytes())).into_bytes()
}

#[test]
fn a_listed_file_that_is_gone_or_cut_is_named_when_the_lake_is_opened() {
    let files = filled();
    for (path, content) in files.iter().filter(|(path, _)| path.extension() == Some("parquet".as_ref())) {
        let name = path.strip_prefix("/lake").unwrap().display().to_string();
        let gone = disk_of(&files);
        gone.remove(path).unwrap();
        let cut = changed(&files, path, |content| content.truncate(content.len() - 1));
        let grown = changed(&files, path, |content| content.push(0));
        for disk in [gone, cut, grown] {
            let error = open(&disk).unwrap_err();
            assert!(matches!(&error, LakeError::Corrupt { file, .. } if *file == name), "{error}");
        }
        assert!(content.len() > 100);
    }
}

#[test]
fn a_damaged_byte_in_a_data_file_is_found_by_a_check() {
    let files = filled();
    let options = eager("/lake");
    let disk = disk_of(&files);
    let sound = verify(Arc::new(disk.clone()), &options).unwrap();
    let lake = open(&disk).unwrap();
    assert_eq!((sound.files, sound.events), (lake.size().files, lake.size().events));
    assert_eq!(lake.verify().unwrap(), sound);
    assert_eq!(sound.damaged, []);
    let data = files.iter().filter(|(path, _)| path.extension() == Some("parquet".as_ref()));
    for (round, (path, content)) in data.enumerate() {
        let name = path.strip_prefix("/lake").unwrap().display().to_string();
        for at in (round..content.len()).step_by(997) {
            let disk = changed(&files, path, |content| content[at] ^= 0x10);
            let found = verify(Arc::new(disk), &options).unwrap().damaged;
            let reason = "its content does not match its listed hash".to_owned();
            assert_eq!(found, [Damage { file: name.clone(), reason }], "byte {at}");
        }
    }
}

#[test]
fn a_damaged_file_is_not_merged_away_and_does_not_stop_the_others() {
    let disk = SimDisk::new(8);
    let options = Options { first_level_files: 3, ..eager("/lake") };
    let lake = FileLake::open_on(Arc::new(disk.clone()), &options).unwrap();
    let mut writer = lake.writer(Partition(0)).unwrap();
    // every fifth offset would be of another region, and so of another file
    for round in 0..4_u64 {
        writer.commit(Offset(round * 5), Offset(round * 5 + 1), NOW_MS).unwrap();
        feed(&mut *writer, Partition(0), round * 5 + 1..round * 5 + 5, NOW_MS).unwrap();
        lake.flush().unwrap();
    }
    let snapshot = lake.snapshot();
    assert_eq!(snapshot.files.len(), 4);
    let hurt = &snapshot.files[1];
    let mut content = disk.content(&hurt.path).unwrap();
    content[200] ^= 1;
    disk.open(&hurt.path).unwrap().write_at(0, &mut [std::io::IoSlice::new(&content)]).unwrap();
    let error = lake.maintain(NOW_MS, &[]).unwrap_err();
    let name = hurt.path.strip_prefix("/lake").unwrap().display().to_string();
    assert!(matches!(&error, LakeError::Corrupt { file, .. } if *file == name), "{error}");
    let done = lake.maintain(NOW_MS, &[]).unwrap();
    assert_eq!(done.files_merged, 3, "the others are merged");
    let paths: Vec<PathBuf> = lake.snapshot().files.iter().map(|file| file.path.clone()).collect();
    assert!(paths.contains(&hurt.path), "a damaged file stays listed");
    assert_eq!(lake.size().events, 16);
}

#[test]
fn a_second_process_is_refused() {
    let disk = SimDisk::new(9);
    let first = open(&disk).unwrap();
    assert!(matches!(open(&disk), Err(LakeError::Locked { .. })));
    drop(first);
    open(&disk).unwrap();
}
