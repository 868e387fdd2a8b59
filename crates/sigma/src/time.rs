//! Parts of a time for `minute`, `hour`, `day`, `week`, `month` and `year`.

use crate::modifier::Modifier;

/// Digits up to which a number counts seconds, milliseconds, microseconds since 1970; longer ones
/// count nanoseconds. Ten digits of seconds reach the year 2286.
const SECONDS_BELOW: i64 = 100_000_000_000;
const MILLISECONDS_BELOW: i64 = 100_000_000_000_000;
const MICROSECONDS_BELOW: i64 = 100_000_000_000_000_000;

/// Takes a part out of a time. The appendix: "not designed to handle timezone or format
/// conversions"; so a text in the form of RFC 3339 (also with a space for the `T`, or the date
/// alone) gives the digits it is written with, whatever its offset, and an integer counts from
/// 1970 in UTC.
pub(crate) fn part_of(text: &str, part: Modifier) -> Option<i64> {
    let (date, clock) = match text.parse::<i64>() {
        Ok(count) => from_epoch(count)?,
        Err(_) => from_text(text)?,
    };
    Some(match part {
        Modifier::Minute => i64::from(clock?.1),
        Modifier::Hour => i64::from(clock?.0),
        Modifier::Day => i64::from(date.day()),
        Modifier::Week => i64::from(date.iso_week_date().week()),
        Modifier::Month => i64::from(date.month()),
        Modifier::Year => i64::from(date.year()),
        _ => return None,
    })
}

type DateAndClock = (jiff::civil::Date, Option<(u8, u8)>);

fn from_epoch(count: i64) -> Option<DateAndClock> {
    let size = count.checked_abs()?;
    let timestamp = if size < SECONDS_BELOW {
        jiff::Timestamp::from_second(count)
    } else if size < MILLISECONDS_BELOW {
        jiff::Timestamp::from_millisecond(count)
    } else if size < MICROSECONDS_BELOW {
        jiff::Timestamp::from_microsecond(count)
    } else {
        jiff::Timestamp::from_nanosecond(i128::from(count))
    };
    let civil = jiff::tz::Offset::UTC.to_datetime(timestamp.ok()?);
    Some((civil.date(), Some((u8::try_from(civil.hour()).ok()?, u8::try_from(civil.minute()).ok()?))))
}

fn from_text(text: &str) -> Option<DateAndClock> {
    let number = |from: usize, length: usize| -> Option<i16> {
        let digits = text.get(from..from + length)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let byte = |at: usize| text.as_bytes().get(at).copied();
    if byte(4) != Some(b'-') || byte(7) != Some(b'-') {
        return None;
    }
    let small = |n: i16| i8::try_from(n).ok();
    let date = jiff::civil::Date::new(number(0, 4)?, small(number(5, 2)?)?, small(number(8, 2)?)?).ok()?;
    let clock = match byte(10) {
        Some(b'T' | b't' | b' ') if byte(13) == Some(b':') => {
            let (hour, minute) = (number(11, 2)?, number(14, 2)?);
            if hour > 23 || minute > 59 {
                return None;
            }
            Some((u8::try_from(hour).ok()?, u8::try_from(minute).ok()?))
        }
        None => None,
        Some(_) => return None,
    };
    Some((date, clock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_times() {
        use Modifier::{Day, Hour, Minute, Month, Week, Year};
        for (text, part, expected) in [
            ("2024-07-31T12:46:41Z", Minute, Some(46)),
            ("2024-07-31T12:46:41Z", Hour, Some(12)),
            ("2024-07-31T12:46:41+09:00", Hour, Some(12)),
            ("2024-07-31 23:01:00", Hour, Some(23)),
            ("2024-07-31", Day, Some(31)),
            ("2024-07-31", Hour, None),
            ("2024-12-30T00:00:00Z", Week, Some(1)),
            ("2020-12-31", Week, Some(53)),
            ("2024-07-31T12:46:41.123Z", Month, Some(7)),
            ("2024-07-31T12:46:41Z", Year, Some(2024)),
            ("1722430001", Hour, Some(12)),
            ("1722430001000", Minute, Some(46)),
            ("1722430001000000", Day, Some(31)),
            ("1722430001000000000", Year, Some(2024)),
            ("2024-13-01", Month, None),
            ("2024-07-31T25:00:00Z", Hour, None),
            ("31/07/2024", Day, None),
            ("", Day, None),
            ("-9223372036854775808", Day, None),
            ("日本語日本語日本語", Day, None),
        ] {
            assert_eq!(part_of(text, part), expected, "{text} {part:?}");
        }
    }
}
