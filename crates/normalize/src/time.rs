//! Times of records as milliseconds since the epoch.

/// Last millisecond of year 9999; nothing later is a time.
const TIME_MS_MAX: i64 = 253_402_300_799_999;

/// RFC 3339, with `T`, `t` or a space, any fraction, and `Z`, ` UTC`, an offset or (read as UTC) nothing.
pub(crate) fn parse_rfc3339_ms(text: &str) -> Option<i64> {
    let b = text.as_bytes();
    let separated = b.len() >= 19
        && b[4] == b'-'
        && b[7] == b'-'
        && matches!(b[10], b'T' | b't' | b' ')
        && b[13] == b':'
        && b[16] == b':';
    if !separated {
        return None;
    }
    let (year, month, day) = (digits(&b[..4])?, digits(&b[5..7])?, digits(&b[8..10])?);
    let (hour, minute, second) = (digits(&b[11..13])?, digits(&b[14..16])?, digits(&b[17..19])?);
    if !(1..=12).contains(&month)
        || !(1..=days_of_month(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let (fraction_ms, zone) = fraction(&b[19..])?;
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let ms = (seconds - offset_seconds(zone)?) * 1_000 + fraction_ms;
    (0..=TIME_MS_MAX).contains(&ms).then_some(ms)
}

/// Seconds (or, from 1e11 on, milliseconds; from 1e14 on, micro-; from 1e17 on, nanoseconds) since the epoch.
pub(crate) fn epoch_ms(value: i64) -> Option<i64> {
    let ms = match value {
        ..0 => return None,
        0..100_000_000_000 => value * 1_000,
        100_000_000_000..100_000_000_000_000 => value,
        100_000_000_000_000..100_000_000_000_000_000 => value / 1_000,
        _ => value / 1_000_000,
    };
    (ms <= TIME_MS_MAX).then_some(ms)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

/// Milliseconds of `.123…`, and what follows.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', rest @ ..] = bytes else { return Some((0, bytes)) };
    let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if len == 0 {
        return None;
    }
    let ms = (0..3).fold(0, |ms, i| ms * 10 + if i < len { i64::from(rest[i] - b'0') } else { 0 });
    Some((ms, &rest[len..]))
}

fn offset_seconds(zone: &[u8]) -> Option<i64> {
    match zone {
        [] | [b'Z' | b'z'] | b" UTC" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            let seconds = digits(&[*h1, *h2])? * 3_600 + digits(&[*m1, *m2])? * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counting years from March so that the
/// leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_or_refused() {
        let cases = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2023-07-10T11:45:00Z", Some(1_688_989_500_000)),
            ("2023-07-10T11:45:00.5+02:00", Some(1_688_982_300_500)),
            ("2023-07-10 11:45:00.123456789", Some(1_688_989_500_123)),
            ("2024-02-29T00:00:00-0130", Some(1_709_170_200_000)),
            ("2023-02-29T00:00:00Z", None),
            ("2023-07-10T24:00:00Z", None),
            ("2023-07-10 11:45:00 UTC", Some(1_688_989_500_000)),
            ("2023-07-10 11:45:00 CET", None),
            ("2023-07-10T11:45:00.Z", None),
            ("2023-07-10T11:45:00+2", None),
            ("2023-07-10", None),
            ("1969-12-31T23:59:59Z", None),
            ("20é3-07-10T11:45:00Z", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_rfc3339_ms(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_a_calendar_library(ms in 0..=TIME_MS_MAX) {
            let text = jiff::Timestamp::from_millisecond(ms).unwrap().to_string();
            proptest::prop_assert_eq!(parse_rfc3339_ms(&text), Some(ms));
        }

        #[test]
        fn any_text_gives_an_answer(text in ".{0,40}") {
            let _ = parse_rfc3339_ms(&text);
        }
    }
}
