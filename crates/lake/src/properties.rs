//! How the columns are encoded. The figures behind it are in docs/adr/0013.

use crate::schema::RAW;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Read for some minutes, then merged: cheap to write.
    First,
    /// By day and class, or exported.
    Sorted,
}

/// Level 3 is larger and slower than 1 on records of this kind; 6 takes two to five hundredths off, for twice the
/// CPU of a merge.
const ZSTD: i32 = 1;
/// Bytes of records that are compressed together, by level: a merge holds a page of each column of each of its
/// files in memory.
const RAW_PAGE_BYTES: [usize; 2] = [256 * 1024, 1024 * 1024];
/// Rows of a page, for the same reason.
const PAGE_ROWS_MAX: [usize; 2] = [2_048, 8_192];
/// Encoded bytes of a row group; a writer holds so many in memory.
const ROW_GROUP_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Of so many look-ups of a value that is not there, one reads the column all the same.
/// (The size is a power of two, and this just fits one byte an event at 65,536 rows.)
const BLOOM_FALSE_POSITIVES: f64 = 0.03;

/// Looked up by equality, and different from event to event.
const BLOOMED: &[&str] = &[
    "event_id",
    "metadata_original_event_uid",
    "actor_user_uid",
    "actor_user_name",
    "actor_user_credential_uid",
    "actor_session_uid",
    "src_endpoint_ip",
];

/// Least and greatest value of each page: of what rows are sorted by, and of time. Elsewhere every page has about
/// all values, and an index that is read with each file would say so.
const PAGED: &[&str] = &[
    "time",
    "kind",
    "metadata_product_name",
    "activity_id",
    "api_operation",
    "process_name",
    "actor_user_name",
];

/// Hardly ever the same twice: a dictionary of them would be the column again.
const UNIQUE: &[&str] =
    &["event_id", "delivery_id", "metadata_original_event_uid", "metadata_correlation_uid", RAW];

/// Numbers that grow from row to row.
const GROWING: &[&str] = &["time", "received_at", "log_offset"];

pub(crate) fn properties(level: Level, row_group_rows_max: usize) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("huecry ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD).unwrap_or_default()))
        .set_max_row_group_row_count(Some(row_group_rows_max.max(1)))
        .set_data_page_row_count_limit(PAGE_ROWS_MAX[level as usize])
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES_MAX))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for name in UNIQUE {
        builder = builder
            .set_column_dictionary_enabled(ColumnPath::from(*name), false)
            .set_column_encoding(ColumnPath::from(*name), Encoding::DELTA_LENGTH_BYTE_ARRAY);
    }
    for name in GROWING {
        builder = builder
            .set_column_dictionary_enabled(ColumnPath::from(*name), false)
            .set_column_encoding(ColumnPath::from(*name), Encoding::DELTA_BINARY_PACKED);
    }
    if level != Level::First {
        builder = bloomed(builder);
        for name in PAGED {
            builder = builder.set_column_statistics_enabled(ColumnPath::from(*name), EnabledStatistics::Page);
        }
    }
    let raw = || ColumnPath::from(RAW);
    builder
        .set_column_data_page_size_limit(raw(), RAW_PAGE_BYTES[level as usize])
        .set_column_statistics_enabled(raw(), EnabledStatistics::None)
        .build()
}

fn bloomed(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    BLOOMED.iter().fold(builder, |builder, name| {
        builder.set_column_bloom_filter_fpp(ColumnPath::from(*name), BLOOM_FALSE_POSITIVES)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::file_schema;

    #[test]
    fn every_named_column_exists() {
        let schema = file_schema();
        for name in BLOOMED.iter().chain(UNIQUE).chain(GROWING).chain(PAGED) {
            assert!(schema.column_with_name(name).is_some(), "{name}");
        }
    }
}
