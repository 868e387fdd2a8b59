//! Numbers of a condition, exact to six decimal places.

use std::cmp::Ordering;
use std::fmt;

/// A number in millionths. Sums of such numbers are exact, so that a sliding sum does not drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Micro(pub i128);

/// Millionths in one.
const ONE: i128 = 1_000_000;
/// Largest size of one number, so that no sum within the limits overflows.
const SIZE_MAX: i128 = 1_000_000_000_000_000_000 * ONE;

impl Micro {
    /// A count.
    pub fn of_count(count: usize) -> Self {
        Micro(count as i128 * ONE)
    }

    /// Reads decimal notation (sign, digits, fraction; an exponent by way of a float). More than six decimal places
    /// are cut, sizes beyond 10^18 are that. `None` if it is no number.
    pub fn parse(text: &str) -> Option<Self> {
        let number = crate::value::Number::parse(text.trim())?;
        Some(match number {
            crate::value::Number::Int(i) => Micro::clamped(i128::from(i) * ONE),
            crate::value::Number::Uint(u) => Micro::clamped(i128::from(u) * ONE),
            crate::value::Number::Float(f) => {
                Micro::decimal(text.trim()).unwrap_or_else(|| Micro::clamped((f * ONE as f64) as i128))
            }
        })
    }

    fn clamped(value: i128) -> Self {
        Micro(value.clamp(-SIZE_MAX, SIZE_MAX))
    }

    /// `-12.345` without a detour over binary fractions.
    fn decimal(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.')?;
        if !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') || whole.len() > 20 {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let kept = fraction.get(..fraction.len().min(6)).unwrap_or_default();
        let places: i128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
        let scale = 10_i128.pow(6 - kept.len() as u32);
        let size = whole * ONE + places * scale;
        Some(Micro::clamped(if negative { -size } else { size }))
    }

    /// Compares a sum over `count` numbers, divided by their count, with `other`.
    pub(crate) fn mean_cmp(sum: Micro, count: usize, other: Micro) -> Ordering {
        sum.0.cmp(&other.0.saturating_mul(count.max(1) as i128))
    }
}

impl fmt::Display for Micro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, size) =
            if self.0 < 0 { ("-", self.0.unsigned_abs()) } else { ("", self.0.unsigned_abs()) };
        let (whole, rest) = (size / ONE.unsigned_abs(), size % ONE.unsigned_abs());
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let places = format!("{rest:06}");
        write!(f, "{sign}{whole}.{}", places.trim_end_matches('0'))
    }
}

/// How a number is compared with a condition's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Comparison {
    /// `gt`.
    Gt,
    /// `gte`.
    Gte,
    /// `lt`.
    Lt,
    /// `lte`.
    Lte,
    /// `eq`.
    Eq,
    /// `neq`.
    Neq,
}

impl Comparison {
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "gt" => Comparison::Gt,
            "gte" => Comparison::Gte,
            "lt" => Comparison::Lt,
            "lte" => Comparison::Lte,
            "eq" => Comparison::Eq,
            "neq" => Comparison::Neq,
            _ => return None,
        })
    }

    /// The word as written in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Comparison::Gt => "gt",
            Comparison::Gte => "gte",
            Comparison::Lt => "lt",
            Comparison::Lte => "lte",
            Comparison::Eq => "eq",
            Comparison::Neq => "neq",
        }
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Gt => ordering.is_gt(),
            Comparison::Gte => ordering.is_ge(),
            Comparison::Lt => ordering.is_lt(),
            Comparison::Lte => ordering.is_le(),
            Comparison::Eq => ordering.is_eq(),
            Comparison::Neq => ordering.is_ne(),
        }
    }
}

/// One comparison, or two or more that must all hold (a range).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold(pub Vec<(Comparison, Micro)>);

impl Threshold {
    /// Whether the number is meant.
    pub fn holds(&self, value: Micro) -> bool {
        self.holds_by(|limit| value.cmp(&limit))
    }

    /// Whether some count from `least` to `most` is meant.
    pub(crate) fn holds_for_a_count(&self, least: usize, most: usize) -> bool {
        let (least, most) = (Micro::of_count(least), Micro::of_count(most));
        let near = |limit: Micro| Micro(limit.0.div_euclid(ONE) * ONE);
        let mut tried = self.near_limits(ONE, near).chain([least, most]);
        tried.any(|count| least <= count && count <= most && self.holds(count))
    }

    /// Whether some number is meant.
    pub(crate) fn holds_for_a_number(&self) -> bool {
        self.near_limits(1, |limit| limit).any(|number| self.holds(number))
    }

    /// Numbers around each limit. If any number holds, one of these does: what holds lies between limits, of which there are no
    /// more than numbers here, or beyond the outermost.
    fn near_limits(&self, step: i128, near: impl Fn(Micro) -> Micro) -> impl Iterator<Item = Micro> {
        let far = self.0.len() as i128 + 1;
        let limits: Vec<Micro> = self.0.iter().map(|(_, limit)| near(*limit)).collect();
        limits.into_iter().flat_map(move |limit| (-far..=far).map(move |n| Micro(limit.0 + n * step)))
    }

    /// The same as [`Threshold::holds`] for a number that is only compared.
    pub(crate) fn holds_by(&self, compare: impl Fn(Micro) -> Ordering) -> bool {
        self.0.iter().all(|(comparison, limit)| comparison.holds(compare(*limit)))
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (comparison, limit)) in self.0.iter().enumerate() {
            write!(f, "{}{} {limit}", if index == 0 { "" } else { ", " }, comparison.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, micro, shown) in [
            ("100", 100_000_000, "100"),
            ("0.1", 100_000, "0.1"),
            ("-12.3456789", -12_345_678, "-12.345678"),
            ("1e3", 1_000_000_000, "1000"),
            (".5", 500_000, "0.5"),
            ("18446744073709551615", SIZE_MAX, "1000000000000000000"),
        ] {
            let parsed = Micro::parse(text).unwrap();
            assert_eq!((parsed, parsed.to_string()), (Micro(micro), shown.to_owned()), "{text}");
        }
        let sum: i128 = std::iter::repeat_n(Micro::parse("0.1").unwrap().0, 10).sum();
        assert_eq!(Micro(sum), Micro::parse("1").unwrap());
        assert!(["", "ten", "1_000", "nan"].iter().all(|text| Micro::parse(text).is_none()));
    }

    #[test]
    fn what_no_number_satisfies_is_seen() {
        let of = |pairs: &[(Comparison, &str)]| {
            Threshold(
                pairs.iter().map(|(comparison, limit)| (*comparison, Micro::parse(limit).unwrap())).collect(),
            )
        };
        use Comparison::{Eq, Gt, Gte, Lt, Lte, Neq};
        for (pairs, count, number) in [
            (&[(Gte, "3")][..], true, true),
            (&[(Gt, "100"), (Lte, "50")], false, false),
            (&[(Lt, "1")], false, true),
            (&[(Lte, "1")], true, true),
            (&[(Eq, "0")], false, true),
            (&[(Eq, "2.5")], false, true),
            (&[(Gt, "2.5"), (Lt, "3")], false, true),
            (&[(Gt, "2"), (Lt, "4"), (Neq, "3")], false, true),
            (&[(Eq, "3"), (Neq, "3")], false, false),
            (&[(Neq, "1"), (Neq, "2"), (Neq, "3")], true, true),
            (&[(Gte, "1"), (Lte, "3"), (Neq, "1"), (Neq, "2")], true, true),
            (&[(Gt, "9.999999")], true, true),
            (&[(Gt, "10")], false, true),
        ] {
            let threshold = of(pairs);
            assert_eq!(threshold.holds_for_a_count(1, 10), count, "{threshold}");
            assert_eq!(threshold.holds_for_a_number(), number, "{threshold}");
            assert_eq!(count, (1..=10).any(|n| threshold.holds(Micro::of_count(n))), "{threshold}");
        }
    }

    #[test]
    fn ranges_hold_between_their_ends() {
        let limit = |text| Micro::parse(text).unwrap();
        let range = Threshold(vec![(Comparison::Gt, limit("100")), (Comparison::Lte, limit("200"))]);
        let holding: Vec<_> =
            [100, 101, 200, 201].into_iter().filter(|n| range.holds(Micro::of_count(*n))).collect();
        assert_eq!((holding, range.to_string()), (vec![101, 200], "gt 100, lte 200".to_owned()));
        assert!(Threshold(vec![(Comparison::Eq, limit("2.5"))]).holds_by(|other| Micro::mean_cmp(
            limit("5"),
            2,
            other
        )));
    }
}
