//! How ids, numbers, JSON and errors cross the border between Rust and SQLite.

use model::{Severity, Status, Ulid, Verdict};
use ports::store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// SQLite's primary result codes (sqlite.org/rescode.html); extended codes have them in the low byte.
const SQLITE_BUSY: i32 = 5;
const SQLITE_FULL: i32 = 13;

/// Turns an error of the driver into the port's.
pub(super) fn failed(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| match error {
        sqlx::Error::PoolTimedOut => StoreError::Busy,
        sqlx::Error::PoolClosed => StoreError::Closed,
        error => match primary_code(&error) {
            Some(SQLITE_BUSY) => StoreError::Busy,
            Some(SQLITE_FULL) => StoreError::DiskFull,
            _ => StoreError::Backend { doing, source: error.into() },
        },
    }
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// As [`failed`], and a key that is taken is [`StoreError::Exists`].
pub(super) fn failed_or_exists(doing: &'static str, what: String) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| {
        let taken = error.as_database_error().is_some_and(|e| e.is_unique_violation());
        if taken { StoreError::Exists { what } } else { failed(doing)(error) }
    }
}

/// SQLite's integers are signed. Counts and offsets never come near the difference.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count or offset as stored by [`int`].
pub(super) fn uint(row: &SqliteRow, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(get::<i64>(row, column)?).map_err(|e| StoreError::corrupt(column, e))
}

/// A ULID as its 16 bytes, which sort as its text does.
pub(super) fn ulid(id: Ulid) -> Vec<u8> {
    id.0.to_be_bytes().to_vec()
}

/// A column's value.
pub(super) fn get<'r, T>(row: &'r SqliteRow, column: &'static str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(column).map_err(|e| StoreError::corrupt(column, e))
}

/// A blob of a fixed length.
pub(super) fn bytes<const N: usize>(row: &SqliteRow, column: &'static str) -> Result<[u8; N], StoreError> {
    get::<&[u8]>(row, column)?.try_into().map_err(|e| StoreError::corrupt(column, e))
}

/// A ULID.
/// The same of a column that may be empty.
pub(super) fn bytes_opt<const N: usize>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<[u8; N]>, StoreError> {
    match get::<Option<&[u8]>>(row, column)? {
        None => Ok(None),
        Some(_) => bytes(row, column).map(Some),
    }
}

pub(super) fn get_ulid(row: &SqliteRow, column: &'static str) -> Result<Ulid, StoreError> {
    bytes::<16>(row, column).map(|b| Ulid(u128::from_be_bytes(b)))
}

/// A ULID that may be missing.
pub(super) fn get_ulid_opt(row: &SqliteRow, column: &'static str) -> Result<Option<Ulid>, StoreError> {
    match get::<Option<&[u8]>>(row, column)? {
        None => Ok(None),
        Some(_) => get_ulid(row, column).map(Some),
    }
}

/// JSON text of a value that always has one.
pub(super) fn json(value: &impl Serialize, what: &'static str) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Backend { doing: what, source: e.into() })
}

/// A value from JSON text.
pub(super) fn get_json<T: DeserializeOwned>(row: &SqliteRow, column: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(get(row, column)?).map_err(|e| StoreError::corrupt(column, e))
}

/// A value from JSON text that may be missing.
pub(super) fn get_json_opt<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    let text: Option<&str> = get(row, column)?;
    text.map(|text| serde_json::from_str(text).map_err(|e| StoreError::corrupt(column, e))).transpose()
}

/// One of a closed set by its OCSF number, which starts at 1.
fn numbered<T: Copy>(all: &[T], number: i64, column: &'static str) -> Result<T, StoreError> {
    let index = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
    index.and_then(|i| all.get(i).copied()).ok_or_else(|| StoreError::corrupt(column, number))
}

/// A severity.
pub(super) fn severity(row: &SqliteRow, column: &'static str) -> Result<Severity, StoreError> {
    numbered(&Severity::ALL, get(row, column)?, column)
}

/// A severity that may be missing.
pub(super) fn severity_opt(row: &SqliteRow, column: &'static str) -> Result<Option<Severity>, StoreError> {
    get::<Option<i64>>(row, column)?.map(|n| numbered(&Severity::ALL, n, column)).transpose()
}

/// A status.
pub(super) fn status(row: &SqliteRow, column: &'static str) -> Result<Status, StoreError> {
    numbered(&Status::ALL, get(row, column)?, column)
}

/// A verdict that may be missing.
pub(super) fn verdict_opt(row: &SqliteRow, column: &'static str) -> Result<Option<Verdict>, StoreError> {
    get::<Option<i64>>(row, column)?.map(|n| numbered(&Verdict::ALL, n, column)).transpose()
}

/// One of a closed set by its name.
pub(super) fn named<T>(
    row: &SqliteRow,
    column: &'static str,
    from_name: impl FnOnce(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let name: &str = get(row, column)?;
    from_name(name).ok_or_else(|| StoreError::corrupt(column, name))
}

/// One of a closed set by its name, that may be missing.
pub(super) fn named_opt<T>(
    row: &SqliteRow,
    column: &'static str,
    from_name: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    match get::<Option<&str>>(row, column)? {
        None => Ok(None),
        Some(_) => named(row, column, from_name).map(Some),
    }
}
