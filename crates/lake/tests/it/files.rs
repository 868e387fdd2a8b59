//! What other engines rely on: the files' schema, order, compression, bloom filters and folders.

use crate::conformance::eager;
use crate::events::{DAY_MS, NOW_MS, event, feed, kind_of};
use crate::reading;
use arrow::array::RecordBatch;
use bytes::Bytes;
use disk::simulated::SimDisk;
use huecry_lake::schema::file_schema;
use huecry_lake::{FileLake, Filter, Snapshots};
use model::Partition;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use ports::{Lake, LakeError};
use std::path::Path;
use std::sync::Arc;

fn filled() -> (SimDisk, FileLake) {
    let disk = SimDisk::new(12);
    let lake = FileLake::open_on(Arc::new(disk.clone()), &eager("/lake")).unwrap();
    let mut writer = lake.writer(Partition(0)).unwrap();
    for round in 0..3 {
        feed(&mut *writer, Partition(0), round * 60..round * 60 + 60, NOW_MS).unwrap();
        lake.flush().unwrap();
    }
    (disk, lake)
}

fn opened(disk: &SimDisk, path: &Path) -> ParquetRecordBatchReaderBuilder<Bytes> {
    ParquetRecordBatchReaderBuilder::try_new(Bytes::from(disk.content(path).unwrap())).unwrap()
}

#[test]
fn a_file_has_the_lakes_schema_with_the_record_last_and_zstd_throughout() {
    let (disk, lake) = filled();
    for round in 0..3 {
        for file in &lake.snapshot().files {
            let reader = opened(&disk, &file.path);
            assert_eq!(**reader.schema(), *file_schema(), "also without an Arrow schema beside it");
            assert_eq!(reader.schema().fields().last().unwrap().name(), "raw");
            for column in reader.metadata().row_groups().iter().flat_map(|group| group.columns()) {
                assert!(matches!(column.compression(), Compression::ZSTD(_)), "{}", column.column_path());
            }
        }
        assert!(round == 2 || lake.maintain(NOW_MS + DAY_MS, &[]).is_ok());
    }
}

#[test]
fn a_merged_file_lies_in_the_folder_of_its_region_day_and_class() {
    let (disk, lake) = filled();
    while lake.maintain(NOW_MS + DAY_MS, &[]).unwrap().files_merged > 0 {}
    for file in &lake.snapshot().files {
        let [event, ..] = &reading::batches(disk.content(&file.path).unwrap())
            .iter()
            .flat_map(reading::of_batch)
            .collect::<Vec<_>>()[..]
        else {
            panic!("an empty file")
        };
        // 2026-01-05 is the day that begins at NOW_MS
        let day = 5 + (event.time_ms - NOW_MS).div_euclid(DAY_MS);
        let folder = format!("/lake/region={}/day=2026-01-{day:02}/class={}", event.region, event.class_uid);
        assert_eq!(file.path.parent(), Some(Path::new(&folder)));
        assert_eq!(file.class_uid, Some(event.class_uid));
    }
}

#[test]
fn an_event_is_found_by_the_bloom_filter_of_its_file_and_of_few_others() {
    let (disk, lake) = filled();
    while lake.maintain(NOW_MS + DAY_MS, &[]).unwrap().files_merged > 0 {}
    let column = file_schema().index_of("event_id").unwrap();
    let (mut looked, mut found_elsewhere) = (0, 0);
    for offset in 0..180 {
        let event = event(0, offset, kind_of(offset));
        for file in &lake.snapshot().files {
            let reader = opened(&disk, &file.path);
            let filter = reader.get_row_group_column_bloom_filter(0, column).unwrap().unwrap();
            let says_so = filter.check(&*event.event_id.to_string());
            let holds = file.region.as_deref() == Some(&*event.region)
                && file.class_uid == Some(event.class_uid)
                && (file.time_ms.0..=file.time_ms.1).contains(&event.time_ms);
            assert!(says_so || !holds, "a filter denies an event that is there");
            looked += 1;
            found_elsewhere += u32::from(says_so && !holds);
        }
    }
    assert!(looked > 1_000 && found_elsewhere * 10 < looked, "{found_elsewhere} of {looked}");
}

/// An export with only the columns that `keep` takes.
fn export(lake: &FileLake, keep: impl Fn(&str) -> bool) -> Bytes {
    let mut out = Vec::new();
    lake.export(&Filter::default(), &mut out).unwrap();
    let columns: Vec<usize> =
        (0..file_schema().fields().len()).filter(|&at| keep(file_schema().field(at).name())).collect();
    let batches: Vec<RecordBatch> =
        reading::batches(out).iter().map(|batch| batch.project(&columns).unwrap()).collect();
    let mut writer = ArrowWriter::try_new(Vec::new(), batches[0].schema(), None).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap().into()
}

#[test]
fn a_file_from_before_a_column_existed_reads_as_empty_there() {
    let (_, from) = filled();
    let disk = SimDisk::new(13);
    let to = FileLake::open_on(Arc::new(disk.clone()), &eager("/lake")).unwrap();
    to.import(export(&from, |name| name != "api_operation"), NOW_MS).unwrap();
    while to.maintain(NOW_MS + DAY_MS, &[]).unwrap().files_merged > 0 {}
    let mut seen = reading::all(|path| disk.content(path).unwrap(), &to.snapshot());
    seen.sort();
    let mut expected: Vec<_> = (0..180).map(|offset| event(0, offset, kind_of(offset))).collect();
    expected.iter_mut().for_each(|event| event.columns.clear());
    assert!(seen == expected);
}

#[test]
fn a_file_without_a_column_that_every_event_has_is_refused_by_name() {
    let (_, from) = filled();
    let to = FileLake::open_on(Arc::new(SimDisk::new(14)), &eager("/lake")).unwrap();
    for name in ["event_id", "time", "raw"] {
        let error = to.import(export(&from, |column| column != name), NOW_MS).unwrap_err();
        assert!(matches!(&error, LakeError::Corrupt { file, .. } if file == "import"), "{error}");
        assert!(error.to_string().contains(&format!("`{name}` is missing")), "{error}");
    }
    assert_eq!(to.size().events, 0);
}
