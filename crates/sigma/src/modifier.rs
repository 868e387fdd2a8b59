//! Value modifiers (Sigma modifiers appendix 2.1) and which of them may stand together.

use crate::error::{ErrorCode, Fault};

/// A value modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Modifier {
    /// Every value must match, not one.
    All,
    /// The value stands somewhere in the field.
    Contains,
    /// The field begins with the value.
    StartsWith,
    /// The field ends with the value.
    EndsWith,
    /// The value is a regular expression.
    Re,
    /// `re`: ignore case.
    IgnoreCase,
    /// `re`: `^` and `$` match at lines.
    MultiLine,
    /// `re`: `.` matches line ends too.
    DotAll,
    /// Compare case-sensitively.
    Cased,
    /// The field is there, or with `false` is not.
    Exists,
    /// The field does not have the value.
    Neq,
    /// A dash before a flag stands for every kind of dash and the slash.
    Windash,
    /// The value in Base64.
    Base64,
    /// The value in Base64 at each of the three offsets.
    Base64Offset,
    /// The value in UTF-16, little end first (also written `wide`).
    Utf16Le,
    /// The value in UTF-16, big end first.
    Utf16Be,
    /// The value in UTF-16 with a byte order mark.
    Utf16,
    /// The value is a network; the field an address in it.
    Cidr,
    /// Less than.
    Lt,
    /// Less than or equal.
    Lte,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Gte,
    /// Minute of a time, 0 to 59.
    Minute,
    /// Hour of a time, 0 to 23.
    Hour,
    /// Day of a date's month, 1 to 31.
    Day,
    /// ISO week of a date, 1 to 53.
    Week,
    /// Month of a date, 1 to 12.
    Month,
    /// Year of a date.
    Year,
    /// The value has placeholders.
    Expand,
    /// The value names another field.
    FieldRef,
}

const NAMES: &[(&str, Modifier)] = &[
    ("all", Modifier::All),
    ("contains", Modifier::Contains),
    ("startswith", Modifier::StartsWith),
    ("endswith", Modifier::EndsWith),
    ("re", Modifier::Re),
    ("i", Modifier::IgnoreCase),
    ("m", Modifier::MultiLine),
    ("s", Modifier::DotAll),
    ("ignorecase", Modifier::IgnoreCase),
    ("multiline", Modifier::MultiLine),
    ("dotall", Modifier::DotAll),
    ("cased", Modifier::Cased),
    ("exists", Modifier::Exists),
    ("neq", Modifier::Neq),
    ("windash", Modifier::Windash),
    ("base64", Modifier::Base64),
    ("base64offset", Modifier::Base64Offset),
    ("utf16le", Modifier::Utf16Le),
    ("wide", Modifier::Utf16Le),
    ("utf16be", Modifier::Utf16Be),
    ("utf16", Modifier::Utf16),
    ("cidr", Modifier::Cidr),
    ("lt", Modifier::Lt),
    ("lte", Modifier::Lte),
    ("gt", Modifier::Gt),
    ("gte", Modifier::Gte),
    ("minute", Modifier::Minute),
    ("hour", Modifier::Hour),
    ("day", Modifier::Day),
    ("week", Modifier::Week),
    ("month", Modifier::Month),
    ("year", Modifier::Year),
    ("expand", Modifier::Expand),
    ("fieldref", Modifier::FieldRef),
];

impl Modifier {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, modifier)| *modifier)
    }

    /// The name as the specification writes it.
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(_, modifier)| *modifier == self).map_or("", |(name, _)| name)
    }

    fn group(self) -> Group {
        match self {
            Modifier::All | Modifier::Neq | Modifier::Expand => Group::Any,
            Modifier::Contains | Modifier::StartsWith | Modifier::EndsWith => Group::Place,
            Modifier::Re => Group::Re,
            Modifier::IgnoreCase | Modifier::MultiLine | Modifier::DotAll => Group::ReFlag,
            Modifier::Cased => Group::Cased,
            Modifier::Exists => Group::Exists,
            Modifier::Windash => Group::Windash,
            Modifier::Base64 | Modifier::Base64Offset => Group::Base64,
            Modifier::Utf16Le | Modifier::Utf16Be | Modifier::Utf16 => Group::Utf16,
            Modifier::Cidr => Group::Cidr,
            Modifier::Lt | Modifier::Lte | Modifier::Gt | Modifier::Gte => Group::Order,
            Modifier::Minute
            | Modifier::Hour
            | Modifier::Day
            | Modifier::Week
            | Modifier::Month
            | Modifier::Year => Group::Time,
            Modifier::FieldRef => Group::FieldRef,
        }
    }
}

/// Modifiers of one group exclude one another, apart from [`Group::Any`] and [`Group::ReFlag`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Any,
    Place,
    Re,
    ReFlag,
    Cased,
    Exists,
    Windash,
    Base64,
    Utf16,
    Cidr,
    Order,
    Time,
    FieldRef,
}

/// The groups that may stand beside a group, apart from [`Group::Any`] and itself.
fn companions(group: Group) -> &'static [Group] {
    match group {
        Group::Any => &[],
        Group::Place => &[Group::Cased, Group::Windash, Group::Base64, Group::Utf16, Group::FieldRef],
        Group::Re => &[Group::ReFlag],
        Group::ReFlag => &[Group::Re],
        Group::Cased => &[Group::Place, Group::Windash, Group::Base64, Group::Utf16, Group::FieldRef],
        Group::Exists | Group::Cidr => &[],
        Group::Windash => &[Group::Place, Group::Cased],
        Group::Base64 => &[Group::Place, Group::Cased, Group::Utf16],
        Group::Utf16 => &[Group::Place, Group::Cased, Group::Base64],
        Group::Order => &[Group::Time],
        Group::Time => &[Group::Order],
        Group::FieldRef => &[Group::Place, Group::Cased],
    }
}

/// Refuses combinations that have no meaning, naming the pair.
pub(crate) fn check_together(modifiers: &[Modifier], line: u32) -> Result<(), Fault> {
    let fault = |reason: String| Err(Fault::new(line, ErrorCode::BadModifiers, reason));
    for (index, a) in modifiers.iter().enumerate() {
        for b in modifiers.iter().skip(index + 1) {
            if a == b {
                return fault(format!("the modifier `{}` stands twice", a.as_str()));
            }
            let (ga, gb) = (a.group(), b.group());
            let exempt = ga == Group::Any || gb == Group::Any || (ga == Group::ReFlag && gb == Group::ReFlag);
            if !exempt && (ga == gb || !companions(ga).contains(&gb)) {
                return fault(format!("`{}` and `{}` cannot stand together", a.as_str(), b.as_str()));
            }
        }
    }
    let has = |group: Group| modifiers.iter().any(|m| m.group() == group);
    if has(Group::ReFlag) && !has(Group::Re) {
        return fault("`i`, `m` and `s` are flags of `re`; add `re` before them".into());
    }
    // A code unit of UTF-16 may straddle no place in text; only its order before Base64 counts.
    let position = |group: Group| modifiers.iter().position(|m| m.group() == group);
    if let (Some(utf16), Some(base64)) = (position(Group::Utf16), position(Group::Base64))
        && base64 < utf16
    {
        return fault("`utf16…` encodes the value before Base64 does; write it first".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_without_meaning_are_refused() {
        for (names, ok) in [
            ("contains|all", true),
            ("wide|base64offset|contains", true),
            ("contains|wide|base64offset", true),
            ("re|i|m|s", true),
            ("fieldref|endswith", true),
            ("hour|gte", true),
            ("contains|windash|all", true),
            ("contains|expand", true),
            ("cased|startswith", true),
            ("contains|neq", true),
            ("contains|startswith", false),
            ("re|contains", false),
            ("i", false),
            ("cidr|contains", false),
            ("lt|gt", false),
            ("base64|wide", false),
            ("exists|all|cased", false),
            ("contains|contains", false),
            ("hour|contains", false),
        ] {
            let modifiers: Vec<Modifier> =
                names.split('|').map(|n| Modifier::from_name(n).unwrap()).collect();
            assert_eq!(check_together(&modifiers, 1).is_ok(), ok, "{names}");
        }
    }
}
