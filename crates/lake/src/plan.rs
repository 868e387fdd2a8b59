//! Which files are merged next.

use crate::manifest::FileRow;
use crate::options::{MERGE_FAN_IN_MAX, Options};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files of sizes within a factor of four count as of about one size; this is the lowest border.
const TIER_BYTES_MIN: u64 = 64 * 1024;

/// Region, class, day.
type Drawer<'a> = (&'a str, Option<u32>, Option<&'a str>);

/// The files of the next merge, all of one region, the first level first; `None` if there is nothing to do.
pub(crate) fn next_merge(
    files: &[Arc<FileRow>],
    now_ms: i64,
    options: &Options,
) -> Option<Vec<Arc<FileRow>>> {
    let mut drawers: BTreeMap<Drawer<'_>, Vec<&Arc<FileRow>>> = BTreeMap::new();
    for row in files {
        let is_small = row.class_uid.is_none() || row.bytes < options.file_bytes_target / 2;
        if is_small {
            drawers.entry((&row.region, row.class_uid, row.day.as_deref())).or_default().push(row);
        }
    }
    // `None` sorts before any class, but only within a region
    let (first, sorted): (Vec<_>, Vec<_>) =
        drawers.into_iter().partition(|((_, class, _), _)| class.is_none());
    let of_first = first.into_iter().find_map(|(_, files)| first_level(files, now_ms, options));
    let of_sorted = || sorted.into_iter().find_map(|(_, files)| small_files(files, now_ms, options));
    let chosen = of_first.or_else(of_sorted)?;
    Some(chosen.into_iter().map(Arc::clone).collect())
}

fn first_level<'a>(
    mut files: Vec<&'a Arc<FileRow>>,
    now_ms: i64,
    options: &Options,
) -> Option<Vec<&'a Arc<FileRow>>> {
    files.sort_by_key(|row| row.number);
    let oldest_ms = files.iter().map(|row| row.written_ms).min()?;
    let bytes: u64 = files.iter().map(|row| row.bytes).sum();
    let due = files.len() >= options.first_level_files
        || bytes >= options.file_bytes_target
        || now_ms.saturating_sub(oldest_ms) >= options.first_level_age_ms_max;
    files.truncate(MERGE_FAN_IN_MAX);
    due.then_some(files)
}

/// Many small files of about one size; or, once a day and class rests, all its small files. What comes out is
/// one file.
fn small_files<'a>(
    mut files: Vec<&'a Arc<FileRow>>,
    now_ms: i64,
    options: &Options,
) -> Option<Vec<&'a Arc<FileRow>>> {
    files.sort_by_key(|row| (row.bytes, row.number));
    let newest_ms = files.iter().map(|row| row.written_ms).max()?;
    let is_cold = now_ms.saturating_sub(newest_ms) >= options.cold_age_ms;
    let tier = |row: &FileRow| (row.bytes.max(TIER_BYTES_MIN) / TIER_BYTES_MIN).ilog(4);
    let alike = files.chunk_by(|a, b| tier(a) == tier(b)).find(|alike| alike.len() >= options.merge_files);
    let candidates = if is_cold { &files[..] } else { alike? };
    let mut bytes = 0;
    let fitting = candidates.iter().take(MERGE_FAN_IN_MAX).take_while(|row| {
        bytes += row.bytes;
        bytes <= options.file_bytes_target
    });
    let chosen: Vec<_> = fitting.copied().collect();
    (chosen.len() >= 2).then_some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: [u64; 0] = [];
    const MIB: u64 = 1024 * 1024;

    fn row(number: u64, region: &str, class_uid: Option<u32>, bytes: u64, written_ms: i64) -> Arc<FileRow> {
        Arc::new(FileRow {
            number,
            path: String::new(),
            bytes,
            rows: 1,
            sha256: String::new(),
            region: region.into(),
            class_uid,
            day: class_uid.map(|_| "2026-01-05".into()),
            time_ms: (0, 0),
            latest_ms: 0,
            written_ms,
        })
    }

    fn chosen(files: &[Arc<FileRow>], now_ms: i64) -> Vec<u64> {
        let options = Options { first_level_files: 3, merge_files: 3, ..Options::new("/") };
        let merge = next_merge(files, now_ms, &options).unwrap_or_default();
        merge.iter().map(|row| row.number).collect()
    }

    #[test]
    fn the_first_level_is_merged_when_it_is_many_large_or_old() {
        let file = |number| row(number, "eu", None, 1, 1_000);
        assert_eq!(chosen(&[file(1), file(2)], 1_000), NOTHING);
        assert_eq!(chosen(&[file(1), file(2), file(3)], 1_000), [1, 2, 3]);
        assert_eq!(chosen(&[file(1), file(2), row(3, "us", None, 1, 1_000)], 1_000), NOTHING);
        assert_eq!(chosen(&[file(1)], 601_000), [1]);
        assert_eq!(chosen(&[row(1, "eu", None, 64 * MIB, 1_000)], 1_000), [1]);
        let many: Vec<_> = (0..100).map(file).collect();
        assert_eq!(chosen(&many, 0).len(), MERGE_FAN_IN_MAX);
    }

    #[test]
    fn small_files_of_about_one_size_are_merged_and_large_ones_left_alone() {
        let file = |number, bytes| row(number, "eu", Some(1), bytes, 1_000);
        assert_eq!(chosen(&[file(1, MIB), file(2, MIB), file(3, MIB)], 1_000), [1, 2, 3]);
        assert_eq!(chosen(&[file(1, 100), file(2, MIB), file(3, 20 * MIB)], 1_000), NOTHING);
        assert_eq!(chosen(&[file(1, 40 * MIB), file(2, 40 * MIB), file(3, 40 * MIB)], 1_000), NOTHING);
        let other_class = row(3, "eu", Some(2), MIB, 1_000);
        assert_eq!(chosen(&[file(1, MIB), file(2, MIB), other_class], 1_000), NOTHING);
    }

    #[test]
    fn what_rests_is_merged_whole() {
        let file = |number, bytes| row(number, "eu", Some(1), bytes, 1_000);
        let files = [file(1, 100), file(2, MIB), file(3, 20 * MIB)];
        assert_eq!(chosen(&files, 3_601_000), [1, 2, 3]);
        assert_eq!(
            chosen(&files[..1], 3_601_000),
            NOTHING,
            "one file is not merged with itself again and again"
        );
        let too_much = [file(1, 20 * MIB), file(2, 20 * MIB), file(3, 30 * MIB)];
        assert_eq!(chosen(&too_much, 3_601_000), [1, 2]);
    }
}
