//! Which folder a file lies in, and which day an event counts as.

use crate::options::FUTURE_MS_MAX;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fmt::Write;

/// The end of every data file's name.
pub(crate) const EXTENSION: &str = ".parquet";
/// Holds a region's files of the first level.
pub(crate) const RECENT: &str = "recent";
/// What begins the name of a folder of data.
pub(crate) const FOLDERS: [&str; 4] = ["region=", "day=", "class=", RECENT];

const DAY_MS: i64 = 86_400_000;
/// Longest part of a folder's name that a region gives.
const REGION_BYTES_MAX: usize = 100;

/// Which events a file holds, and so where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// All that was flushed at one time, of one region.
    Recent,
    /// Of one class and day (UTC).
    Day { class_uid: u32, day: Day },
    /// Of one class, of days that had too few events for a file of their own.
    Sparse { class_uid: u32 },
}

/// Days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Day(pub(crate) i32);

impl Day {
    /// The day (UTC) of a moment; moments before 1970 or after 9999 count as of the first or last day there is.
    pub(crate) fn of(time_ms: i64) -> Self {
        Self(time_ms.div_euclid(DAY_MS).clamp(0, 2_932_896) as i32)
    }

    /// Its first millisecond after it.
    pub(crate) fn end_ms(self) -> i64 {
        (i64::from(self.0) + 1) * DAY_MS
    }

    /// `YYYY-MM-DD`.
    pub(crate) fn text(self) -> String {
        let moment = Timestamp::from_second(i64::from(self.0) * DAY_MS / 1_000);
        let date = moment.map_or(Date::MAX, |moment| moment.to_zoned(TimeZone::UTC).date());
        date.to_string()
    }
}

/// When an event happened, as far as its sender can be believed.
pub(crate) fn believed_ms(time_ms: i64, received_at_ms: i64) -> i64 {
    time_ms.min(received_at_ms.saturating_add(FUTURE_MS_MAX))
}

impl Place {
    /// The class of all its events.
    pub(crate) const fn class_uid(&self) -> Option<u32> {
        match self {
            Self::Recent => None,
            Self::Day { class_uid, .. } | Self::Sparse { class_uid } => Some(*class_uid),
        }
    }

    /// The path below the lake's folder.
    pub(crate) fn path(&self, region: &str, number: u64) -> String {
        let mut path = format!("region={}/", folder_name(region));
        let _ = match self {
            Self::Recent => write!(path, "{RECENT}"),
            Self::Day { class_uid, day } => write!(path, "day={}/class={class_uid}", day.text()),
            Self::Sparse { class_uid } => write!(path, "day=sparse/class={class_uid}"),
        };
        let _ = write!(path, "/{number:012}{EXTENSION}");
        path
    }
}

/// A region as a folder's name: percent-encoded where it is not of `A-Z a-z 0-9 - _`, and short. Regions of
/// one beginning may share a folder; they never share a file.
fn folder_name(region: &str) -> String {
    let mut name = String::with_capacity(region.len());
    for byte in region.bytes() {
        if name.len() > REGION_BYTES_MAX {
            break;
        }
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name
}

/// The number in a data file's name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(EXTENSION)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_where_its_region_day_and_class_say() {
        let day = Day::of(1_767_571_200_000);
        for (place, region, expected) in [
            (Place::Recent, "default", "region=default/recent/000000000007.parquet"),
            (
                Place::Day { class_uid: 6003, day },
                "eu",
                "region=eu/day=2026-01-05/class=6003/000000000007.parquet",
            ),
            (
                Place::Sparse { class_uid: 0 },
                "../x y",
                "region=%2E%2E%2Fx%20y/day=sparse/class=0/000000000007.parquet",
            ),
        ] {
            assert_eq!(place.path(region, 7), expected);
        }
        assert!(Place::Recent.path(&"é".repeat(5_000), 1).len() < 150);
        assert_eq!(number_of("000000000007.parquet"), Some(7));
        assert_eq!(number_of("000000000007.parquet.tmp"), None);
    }

    #[test]
    fn any_time_has_a_day() {
        for (time_ms, expected) in [
            (0, "1970-01-01"),
            (-1, "1970-01-01"),
            (i64::MIN, "1970-01-01"),
            (DAY_MS - 1, "1970-01-01"),
            (DAY_MS, "1970-01-02"),
            (1_709_164_800_000, "2024-02-29"),
            (i64::MAX, "9999-12-31"),
        ] {
            assert_eq!(Day::of(time_ms).text(), expected, "{time_ms}");
        }
        assert_eq!(believed_ms(i64::MAX, 5), 5 + FUTURE_MS_MAX);
        assert_eq!(believed_ms(5, i64::MAX), 5);
    }
}
