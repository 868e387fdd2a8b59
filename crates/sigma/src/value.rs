//! What the engine sees of an event: interned fields and borrowed scalars.

use std::fmt::Write;

/// A field of an event, as the number the caller's parse tape knows it by.
///
/// The caller gives these numbers out through [`FieldInterner`] while rules are compiled, so
/// that rules, mappings and the tape of one pipeline share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u32);

/// Gives a field path its number. The same path always gets the same number.
pub trait FieldInterner {
    /// `path` is the name as the rule writes it; dots separate the steps of a path
    /// (`userIdentity.sessionContext.attributes.mfaAuthenticated`).
    fn intern(&mut self, path: &str) -> FieldId;
}

/// One scalar of an event, borrowed from the record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// An explicit null.
    Null,
    /// A boolean; rules see it as the text `true` or `false` too.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer, for those above `i64::MAX` (smaller ones may come as either).
    Uint(u64),
    /// A floating-point number.
    Float(f64),
    /// A string.
    Str(&'a str),
}

/// A value as [`EventView::any_spelled`] gives it.
pub enum Spelled<'a> {
    /// As it reads.
    Plain(Value<'a>),
    /// A text as the record spells it, say with JSON's escapes, and what tells how it reads.
    Text(&'a str, &'a dyn Fn() -> &'a str),
}

/// The places that a value takes in its record, from the first to before the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Its own.
    pub from: u32,
    /// After the last that stands within it.
    pub to: u32,
}

impl Places {
    /// Whether `other` stands within this.
    pub fn hold(self, other: Places) -> bool {
        self.from <= other.from && other.to <= self.to
    }
}

/// What stands at a place of the record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Content<'a> {
    /// A scalar.
    Scalar(Value<'a>),
    /// An object.
    Object,
    /// An array.
    Array,
}

/// One event as rules see it. Calls are statically dispatched; an implementation does not
/// allocate.
///
/// Both visiting methods stop at the first `true` the visitor answers and return it; they
/// return `false` when every visit said `false` or there was none.
pub trait EventView {
    /// Visits every scalar the field has: an array gives each of its members (also those of
    /// nested arrays and, where the path goes on, of objects inside them), a missing field or an
    /// object calls nothing.
    fn any(&self, field: FieldId, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool;

    /// [`Self::any`] for a caller that may know a text by its spelling, so that most texts are never decoded. One
    /// spelling always reads as the same text, whatever the event and the field.
    fn any_spelled(&self, field: FieldId, visit: &mut impl FnMut(Spelled<'_>) -> bool) -> bool {
        self.any(field, &mut |value| visit(Spelled::Plain(value)))
    }

    /// Whether the field is present at all: null, an object and an array count as present.
    fn exists(&self, field: FieldId) -> bool;

    /// Visits everything that the field has in the order of the record, arrays before their members, with the
    /// places it takes: a member's lie within those of its array and of the object it stands in, and those that
    /// follow one another begin in ascending order. A view without places (the default) has no elements.
    fn each_placed(&self, field: FieldId, visit: &mut impl FnMut(Places, Content<'_>)) {
        let _ = (field, visit);
    }

    /// Visits every string and number anywhere in the event (for keywords); never keys, nulls or
    /// booleans.
    fn any_scalar(&self, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool;

    /// A text that has everything that [`Self::any_scalar`] visits in it, each as [`Value::write_text`] writes it,
    /// but that a quote, a backslash, a slash and a control character may be written otherwise, as JSON may. It may have
    /// more in it. With one, keywords that do not occur are ruled out without putting the event's texts together.
    /// `None` (the default) if there is none.
    fn verbatim(&self) -> Option<&str> {
        None
    }
}

/// 2^63 as a float: integers below it in magnitude convert to `i64` exactly.
const I64_BOUND: f64 = 9_223_372_036_854_775_808.0;
/// 2^64 as a float.
const U64_BOUND: f64 = 18_446_744_073_709_551_616.0;

impl Value<'_> {
    /// Appends the scalar's canonical text, by which a rule's value and an event's value are
    /// compared: two numbers have the same text exactly if they are equal (`4624`, `4624.0` and
    /// the string `"4624"` share one). Null has none: nothing is appended and `false` returned.
    pub fn write_text(&self, out: &mut String) -> bool {
        // Writing to a String cannot fail.
        let _ = match *self {
            Value::Null => return false,
            Value::Bool(b) => out.write_str(if b { "true" } else { "false" }),
            Value::Int(i) => write!(out, "{i}"),
            Value::Uint(u) => write!(out, "{u}"),
            Value::Float(f) => write_float(f, out),
            Value::Str(s) => out.write_str(s),
        };
        true
    }
}

fn write_float(f: f64, out: &mut String) -> std::fmt::Result {
    if f.fract() == 0.0 && (-I64_BOUND..I64_BOUND).contains(&f) {
        write!(out, "{}", f as i64)
    } else if f.fract() == 0.0 && (0.0..U64_BOUND).contains(&f) {
        write!(out, "{}", f as u64)
    } else {
        write!(out, "{f}")
    }
}

/// A number of a rule or an event, comparable exactly across its three shapes.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// A signed integer.
    Int(i64),
    /// An unsigned integer above `i64::MAX`.
    Uint(u64),
    /// A finite float.
    Float(f64),
}

impl Number {
    /// The number an event's scalar stands for: a number itself, or a string that is one in plain
    /// decimal notation (senders often quote numbers). Anything else is `None`.
    pub fn of(value: &Value<'_>) -> Option<Number> {
        match *value {
            Value::Int(i) => Some(Number::Int(i)),
            Value::Uint(u) => Some(i64::try_from(u).map_or(Number::Uint(u), Number::Int)),
            Value::Float(f) => f.is_finite().then_some(Number::Float(f)),
            Value::Str(s) => Number::parse(s),
            Value::Null | Value::Bool(_) => None,
        }
    }

    /// Reads decimal notation: sign, digits, fraction, exponent. Never infinities or NaN.
    pub fn parse(text: &str) -> Option<Number> {
        let starts = text.bytes().next()?;
        if !(starts.is_ascii_digit() || matches!(starts, b'+' | b'-' | b'.')) {
            return None;
        }
        if let Ok(i) = text.parse::<i64>() {
            return Some(Number::Int(i));
        }
        if let Ok(u) = text.parse::<u64>() {
            return Some(Number::Uint(u));
        }
        if !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E')) {
            return None;
        }
        text.parse::<f64>().ok().filter(|f| f.is_finite()).map(Number::Float)
    }

    /// The same number as an event scalar would carry it.
    pub fn as_value(&self) -> Value<'static> {
        match *self {
            Number::Int(i) => Value::Int(i),
            Number::Uint(u) => Value::Uint(u),
            Number::Float(f) => Value::Float(f),
        }
    }

    /// Exact comparison, also between a large integer and a float.
    pub fn compare(&self, other: &Number) -> std::cmp::Ordering {
        match (self.as_integer(), other.as_integer()) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(a), None) => compare_int_float(a, other.as_float()),
            (None, Some(b)) => compare_int_float(b, self.as_float()).reverse(),
            (None, None) => self.as_float().total_cmp(&other.as_float()),
        }
    }

    fn as_integer(&self) -> Option<i128> {
        match *self {
            Number::Int(i) => Some(i128::from(i)),
            Number::Uint(u) => Some(i128::from(u)),
            Number::Float(f) if f.fract() == 0.0 && f.abs() < 1e38 => Some(f as i128),
            Number::Float(_) => None,
        }
    }

    fn as_float(&self) -> f64 {
        match *self {
            Number::Int(i) => i as f64,
            Number::Uint(u) => u as f64,
            Number::Float(f) => f,
        }
    }
}

/// `f` is finite and either has a fraction or lies beyond every 64-bit integer, so rounding `i`
/// down to its float cannot change the answer other than at equality of the whole parts.
fn compare_int_float(i: i128, f: f64) -> std::cmp::Ordering {
    if f.abs() >= 1e38 {
        return if f > 0.0 { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater };
    }
    // f has a fraction here: compare with its floor, and a tie means i < f.
    match i.cmp(&(f.floor() as i128)) {
        std::cmp::Ordering::Equal => std::cmp::Ordering::Less,
        unequal => unequal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    fn text(value: Value<'_>) -> String {
        let mut out = String::new();
        value.write_text(&mut out);
        out
    }

    #[test]
    fn equal_numbers_share_one_text() {
        for (value, expected) in [
            (Value::Int(4624), "4624"),
            (Value::Uint(4624), "4624"),
            (Value::Float(4624.0), "4624"),
            (Value::Float(-0.0), "0"),
            (Value::Float(0.5), "0.5"),
            (Value::Float(1_152_921_504_606_846_976.0), "1152921504606846976"),
            (Value::Uint(u64::MAX), "18446744073709551615"),
            (Value::Bool(true), "true"),
            (Value::Str("x"), "x"),
        ] {
            assert_eq!(text(value), expected);
        }
        assert!(!Value::Null.write_text(&mut String::new()));
    }

    #[test]
    fn numbers_compare_exactly() {
        let n = |s: &str| Number::parse(s).unwrap();
        for (a, b, expected) in [
            ("9007199254740993", "9007199254740992.0", Ordering::Greater),
            ("1", "1.5", Ordering::Less),
            ("-1", "-1.5", Ordering::Greater),
            ("2", "1.5", Ordering::Greater),
            ("18446744073709551615", "1e300", Ordering::Less),
            ("1e300", "5", Ordering::Greater),
            ("10", "10.0", Ordering::Equal),
        ] {
            assert_eq!(n(a).compare(&n(b)), expected, "{a} {b}");
            assert_eq!(n(b).compare(&n(a)), expected.reverse(), "{b} {a}");
        }
        for not_a_number in ["", "inf", "nan", "0x10", "1_000", "ten", "-", "1e999", " 1"] {
            assert!(Number::parse(not_a_number).is_none(), "{not_a_number}");
        }
    }
}
