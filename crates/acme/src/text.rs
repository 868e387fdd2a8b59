//! Writing JSON text without a tree: escape, fill templates, print times.

/// Milliseconds of one second, minute, hour and day.
pub(crate) const SECOND_MS: i64 = 1_000;
pub(crate) const MINUTE_MS: i64 = 60 * SECOND_MS;
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// Appends `value` as the inside of a JSON string (RFC 8259 §7).
pub(crate) fn escape(out: &mut String, value: &str) {
    let mut clean = 0;
    for (place, byte) in value.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\t' => "\\t",
            b'\r' => "\\r",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&value[clean..place]);
        if short.is_empty() {
            out.push_str("\\u00");
            out.push(if byte < 16 { '0' } else { '1' });
            out.push(char::from(crate::dice::HEX[usize::from(byte & 15)]));
        } else {
            out.push_str(short);
        }
        clean = place + 1;
    }
    out.push_str(&value[clean..]);
}

/// Appends `template`, giving each `$name` (letters, digits, `_`) to `write`, which appends its value.
pub(crate) fn fill(out: &mut String, template: &str, write: &mut dyn FnMut(&str, &mut String)) {
    let mut rest = template;
    while let Some(place) = rest.find('$') {
        out.push_str(&rest[..place]);
        rest = &rest[place + 1..];
        let end = rest.bytes().position(|b| !(b.is_ascii_alphanumeric() || b == b'_')).unwrap_or(rest.len());
        write(&rest[..end], out);
        rest = &rest[end..];
    }
    out.push_str(rest);
}

/// Appends a decimal number.
pub(crate) fn number(out: &mut String, value: u64) {
    let mut digits = [0u8; 20];
    let mut place = digits.len();
    let mut rest = value;
    loop {
        place -= 1;
        digits[place] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    for digit in &digits[place..] {
        out.push(char::from(*digit));
    }
}

fn padded(out: &mut String, value: u64, width: u32) {
    for place in (1..width).rev() {
        if value < 10u64.pow(place) {
            out.push('0');
        }
    }
    number(out, value);
}

/// A moment in UTC, taken apart.
struct Civil {
    year: i64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    milli: u64,
}

/// Days to year, month, day after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn civil(at_ms: i64) -> Civil {
    let in_day = at_ms.rem_euclid(DAY_MS) as u64;
    let shifted = at_ms.div_euclid(DAY_MS) + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    Civil {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month: month as u64,
        day: (of_year - (153 * march_month + 2) / 5 + 1) as u64,
        hour: in_day / 3_600_000,
        minute: in_day / 60_000 % 60,
        second: in_day / 1_000 % 60,
        milli: in_day % 1_000,
    }
}

fn date_time(out: &mut String, moment: &Civil) {
    padded(out, moment.year as u64, 4);
    for (mark, value) in [
        ('-', moment.month),
        ('-', moment.day),
        ('T', moment.hour),
        (':', moment.minute),
        (':', moment.second),
    ] {
        out.push(mark);
        padded(out, value, 2);
    }
}

/// `2026-11-22T15:49:51Z`
pub(crate) fn time_s(out: &mut String, at_ms: i64) {
    date_time(out, &civil(at_ms));
    out.push('Z');
}

/// `2026-11-22T15:49:51.004Z`
pub(crate) fn time_ms(out: &mut String, at_ms: i64) {
    let moment = civil(at_ms);
    date_time(out, &moment);
    out.push('.');
    padded(out, moment.milli, 3);
    out.push('Z');
}

/// `2026-11-22T16:49:51+01:00`: local time with its offset, as git writes it.
pub(crate) fn time_local(out: &mut String, at_ms: i64, offset_minutes: i64) {
    date_time(out, &civil(at_ms + offset_minutes * MINUTE_MS));
    out.push(if offset_minutes < 0 { '-' } else { '+' });
    padded(out, offset_minutes.unsigned_abs() / 60, 2);
    out.push(':');
    padded(out, offset_minutes.unsigned_abs() % 60, 2);
}

/// `Nov 22, 2026, 3:49:51 PM`: how CloudTrail prints times inside `responseElements`.
pub(crate) fn time_aws(out: &mut String, at_ms: i64) {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let moment = civil(at_ms);
    out.push_str(MONTHS[(moment.month as usize + 11) % 12]);
    out.push(' ');
    number(out, moment.day);
    out.push_str(", ");
    number(out, moment.year as u64);
    out.push_str(", ");
    number(out, (moment.hour + 11) % 12 + 1);
    for value in [moment.minute, moment.second] {
        out.push(':');
        padded(out, value, 2);
    }
    out.push_str(if moment.hour < 12 { " AM" } else { " PM" });
}

/// True on Saturday and Sunday; `day` counts days since 1970-01-01, a Thursday.
pub(crate) fn is_weekend(day: i64) -> bool {
    matches!((day + 3).rem_euclid(7), 5 | 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl Fn(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    proptest! {
        #[test]
        fn any_text_survives_escaping(text in any::<String>()) {
            let json = format!("\"{}\"", written(|out| escape(out, &text)));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn times_print_as_a_calendar_library_prints_them(at_ms in 0i64..4_102_444_800_000) {
            let moment = jiff::Timestamp::from_millisecond(at_ms).unwrap();
            prop_assert_eq!(written(|out| time_ms(out, at_ms)), moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
            prop_assert_eq!(written(|out| time_s(out, at_ms)), moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            prop_assert_eq!(
                written(|out| time_aws(out, at_ms)),
                moment.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string()
            );
            let weekday = moment.to_zoned(jiff::tz::TimeZone::UTC).weekday();
            let weekend = matches!(weekday, jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday);
            prop_assert_eq!(is_weekend(at_ms.div_euclid(DAY_MS)), weekend);
        }
    }

    #[test]
    fn local_times_carry_their_offset() {
        assert_eq!(written(|out| time_local(out, 0, 330)), "1970-01-01T05:30:00+05:30");
        assert_eq!(written(|out| time_local(out, DAY_MS, -180)), "1970-01-01T21:00:00-03:00");
    }

    #[test]
    fn names_in_a_template_are_filled_and_the_rest_kept() {
        let filled = written(|out| {
            fill(out, "{/$a}-$b_1.$c", &mut |name, out| out.push_str(&name.to_uppercase()));
        });
        assert_eq!(filled, "{/A}-B_1.C");
    }
}
