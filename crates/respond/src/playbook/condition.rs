//! Conditions: comparison expressions of STIX 2.1 patterning (OASIS, section 9) over variables.
//!
//! `__severity__:value >= 3 AND NOT (__ip__:value ISSUBSET '10.0.0.0/8' OR __user__:value LIKE 'svc-%')`. What is
//! compared is a variable's value, and a variable alone holds if its value is true; patterns over observed data have no place in a playbook. Brackets around an
//! expression, as an observation has them, are taken.

use super::variable::{Variables, is_name};
use regex::RegexBuilder;
use std::net::IpAddr;

/// Longest condition, in bytes.
pub const CONDITION_BYTES_MAX: usize = 8 * 1024;
/// Deepest nesting of parentheses and negations.
const DEPTH_MAX: u32 = 64;
/// Largest compiled pattern of `MATCHES`, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// A condition that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    text: String,
    root: Expression,
}

/// The text is no condition, or cannot be asked now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// It does not follow the grammar.
    #[error("at byte {at}: {reason}")]
    Syntax {
        /// Where, in bytes from the beginning.
        at: usize,
        /// What was expected.
        reason: String,
    },
    /// No such variable.
    #[error("there is no variable {0}")]
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Not(Box<Expression>),
    Is { name: String, operator: Operator, values: Vec<String> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Like,
    Matches,
    IsSubset,
    IsSuperset,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// [`ConditionError::Syntax`].
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        if text.len() > CONDITION_BYTES_MAX {
            let reason = format!("a condition has at most {CONDITION_BYTES_MAX} bytes");
            return Err(ConditionError::Syntax { at: CONDITION_BYTES_MAX, reason });
        }
        let mut parser = Parser { text, at: 0 };
        let root = parser.any(0)?;
        parser.space();
        if parser.at < text.len() {
            return Err(parser.error("AND, OR or the end expected"));
        }
        Ok(Self { text: text.to_owned(), root })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the variables that it asks for.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.root.names(&mut names);
        names
    }

    /// Whether it holds. A variable without a value is like nothing: every comparison with it is false.
    ///
    /// # Errors
    /// [`ConditionError::Unknown`].
    pub fn holds(&self, variables: &Variables) -> Result<bool, ConditionError> {
        self.root.holds(variables)
    }
}

impl Expression {
    fn names<'e>(&'e self, names: &mut Vec<&'e str>) {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().for_each(|part| part.names(names)),
            Self::Not(part) => part.names(names),
            Self::Is { name, .. } => names.push(name),
        }
    }

    fn holds(&self, variables: &Variables) -> Result<bool, ConditionError> {
        // all parts are looked at, so that an unknown variable is told whatever the others say
        let each =
            |parts: &[Self]| parts.iter().map(|part| part.holds(variables)).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            Self::Any(parts) => each(parts)?.contains(&true),
            Self::All(parts) => !each(parts)?.contains(&false),
            Self::Not(part) => !part.holds(variables)?,
            Self::Is { name, operator, values } => {
                let variable = variables.get(name).ok_or_else(|| ConditionError::Unknown(name.clone()))?;
                let value = variable.value.as_deref();
                value.is_some_and(|value| values.iter().any(|other| operator.compare(value, other)))
            }
        })
    }
}

impl Operator {
    fn compare(self, value: &str, other: &str) -> bool {
        match self {
            Self::Equal | Self::In => is_equal(value, other),
            Self::NotEqual => !is_equal(value, other),
            Self::Less => order(value, other).is_lt(),
            Self::LessOrEqual => order(value, other).is_le(),
            Self::Greater => order(value, other).is_gt(),
            Self::GreaterOrEqual => order(value, other).is_ge(),
            Self::Like => like(other).is_some_and(|pattern| pattern.is_match(value)),
            Self::Matches => matcher(other).is_some_and(|pattern| pattern.is_match(value)),
            Self::IsSubset => contains(other, value),
            Self::IsSuperset => contains(value, other),
        }
    }
}

fn is_equal(value: &str, other: &str) -> bool {
    value == other || numbers(value, other).is_some_and(|(value, other)| value == other)
}

fn numbers(value: &str, other: &str) -> Option<(f64, f64)> {
    Some((value.parse().ok()?, other.parse().ok()?))
}

/// As numbers where both are numbers, else as texts.
fn order(value: &str, other: &str) -> std::cmp::Ordering {
    let by_number = numbers(value, other).and_then(|(value, other)| value.partial_cmp(&other));
    by_number.unwrap_or_else(|| value.cmp(other))
}

/// `%` is any text, `_` any character (section 9.6).
fn like(pattern: &str) -> Option<regex::Regex> {
    let mut text = String::from("^");
    for character in pattern.chars() {
        match character {
            '%' => text.push_str(".*"),
            '_' => text.push('.'),
            other => text.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    text.push('$');
    compiled(&text)
}

fn matcher(pattern: &str) -> Option<regex::Regex> {
    compiled(pattern)
}

fn compiled(pattern: &str) -> Option<regex::Regex> {
    RegexBuilder::new(pattern).dot_matches_new_line(true).size_limit(PATTERN_BYTES_MAX).build().ok()
}

/// Whether the network or address `inner` lies in the network `outer`.
fn contains(outer: &str, inner: &str) -> bool {
    let (Some((outer, outer_bits)), Some((inner, inner_bits))) = (network(outer), network(inner)) else {
        return false;
    };
    let shared = |a: &[u8], b: &[u8]| {
        (0..u32::from(outer_bits)).all(|bit| {
            let (at, mask) = ((bit / 8) as usize, 0x80 >> (bit % 8));
            a.get(at).zip(b.get(at)).is_some_and(|(a, b)| a & mask == b & mask)
        })
    };
    inner_bits >= outer_bits
        && match (outer, inner) {
            (IpAddr::V4(outer), IpAddr::V4(inner)) => shared(&outer.octets(), &inner.octets()),
            (IpAddr::V6(outer), IpAddr::V6(inner)) => shared(&outer.octets(), &inner.octets()),
            _ => false,
        }
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(all), |bits| bits.parse().ok())?;
    (bits <= all).then_some((address, bits))
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn error(&self, reason: impl Into<String>) -> ConditionError {
        ConditionError::Syntax { at: self.at, reason: reason.into() }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes a sign, after white space.
    fn sign(&mut self, sign: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    /// Takes a word, in whatever case, that is not the beginning of a longer one.
    fn word(&mut self, word: &str) -> bool {
        self.space();
        let rest = self.rest();
        let found = rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
            && !rest[word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn any(&mut self, depth: u32) -> Result<Expression, ConditionError> {
        let mut parts = vec![self.all(depth)?];
        while self.word("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Any(parts) })
    }

    fn all(&mut self, depth: u32) -> Result<Expression, ConditionError> {
        let mut parts = vec![self.one(depth)?];
        while self.word("AND") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::All(parts) })
    }

    fn one(&mut self, depth: u32) -> Result<Expression, ConditionError> {
        if depth >= DEPTH_MAX {
            return Err(self.error(format!("conditions nest at most {DEPTH_MAX} deep")));
        }
        if self.word("NOT") {
            return Ok(Expression::Not(Box::new(self.one(depth + 1)?)));
        }
        for (open, close) in [("(", ")"), ("[", "]")] {
            if self.sign(open) {
                let inner = self.any(depth + 1)?;
                return if self.sign(close) {
                    Ok(inner)
                } else {
                    Err(self.error(format!("`{close}` expected")))
                };
            }
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expression, ConditionError> {
        let name = self.name()?;
        if self.is_end() {
            let values = vec!["true".to_owned()];
            return Ok(Expression::Is { name, operator: Operator::Equal, values });
        }
        let negated = self.word("NOT");
        let operator = self.operator()?;
        let values = match operator {
            Operator::In => self.values()?,
            _ => vec![self.value()?],
        };
        if matches!(operator, Operator::Matches)
            && let Some(pattern) = values.first().filter(|pattern| matcher(pattern).is_none())
        {
            return Err(self.error(format!("{pattern:?} is no regular expression, or too large a one")));
        }
        let is = Expression::Is { name, operator, values };
        Ok(if negated { Expression::Not(Box::new(is)) } else { is })
    }

    /// Whether an expression could end here.
    fn is_end(&self) -> bool {
        let rest = self.rest().trim_start();
        let word = rest.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        rest.is_empty()
            || rest.starts_with([')', ']'])
            || ["AND", "OR"].iter().any(|end| word.eq_ignore_ascii_case(end))
    }

    fn name(&mut self) -> Result<String, ConditionError> {
        self.space();
        let rest = self.rest();
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
        let name = &rest[..end];
        if !is_name(name) {
            return Err(self.error("a variable such as __name__:value expected"));
        }
        self.at += end;
        if !self.rest().starts_with(":value") {
            return Err(self.error(format!("`:value` expected after {name}")));
        }
        self.at += ":value".len();
        Ok(name.to_owned())
    }

    fn operator(&mut self) -> Result<Operator, ConditionError> {
        const SIGNS: [(&str, Operator); 8] = [
            ("==", Operator::Equal),
            ("=", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<>", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            ("<", Operator::Less),
            (">=", Operator::GreaterOrEqual),
            (">", Operator::Greater),
        ];
        const WORDS: [(&str, Operator); 5] = [
            ("IN", Operator::In),
            ("LIKE", Operator::Like),
            ("MATCHES", Operator::Matches),
            ("ISSUBSET", Operator::IsSubset),
            ("ISSUPERSET", Operator::IsSuperset),
        ];
        for (sign, operator) in SIGNS {
            if self.sign(sign) {
                return Ok(operator);
            }
        }
        for (word, operator) in WORDS {
            if self.word(word) {
                return Ok(operator);
            }
        }
        Err(self.error("a comparison such as =, !=, <, IN, LIKE or MATCHES expected"))
    }

    fn values(&mut self) -> Result<Vec<String>, ConditionError> {
        if !self.sign("(") {
            return Err(self.error("`(` expected after IN"));
        }
        let mut values = vec![self.value()?];
        while self.sign(",") {
            values.push(self.value()?);
        }
        if self.sign(")") { Ok(values) } else { Err(self.error("`,` or `)` expected")) }
    }

    /// A text in single quotes with `\'` and `\\` (STIX 2.1, section 9.3), a number, true or false.
    fn value(&mut self) -> Result<String, ConditionError> {
        self.space();
        let Some(quote) = self.rest().chars().next().filter(|c| matches!(c, '\'' | '"')) else {
            return self.bare_value();
        };
        let mut value = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, escaped)) => value.push(escaped),
                    None => break,
                },
                end if end == quote => {
                    self.at += at + 1;
                    return Ok(value);
                }
                other => value.push(other),
            }
        }
        Err(self.error("this text does not end"))
    }

    fn bare_value(&mut self) -> Result<String, ConditionError> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+')))
            .unwrap_or(rest.len());
        let value = &rest[..end];
        if !matches!(value, "true" | "false") && !value.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(self.error("a text in quotes, a number, true or false expected"));
        }
        self.at += end;
        Ok(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn variables() -> Variables {
        let variable = |kind: &str, value: Option<&str>| json!({ "kind": kind, "value": value });
        serde_json::from_value(json!({
            "__ip__": variable("ipv4-addr", Some("10.1.2.3")),
            "__user__": variable("string", Some("svc-build")),
            "__score__": variable("integer", Some("9")),
            "__quote__": variable("string", Some("it's")),
            "__yes__": variable("boolean", Some("true")),
            "__none__": variable("string", None),
        }))
        .unwrap()
    }

    #[test]
    fn conditions_hold_or_not() {
        for (text, holds) in [
            ("__user__:value = 'svc-build'", true),
            ("__user__:value == \"svc-build\"", true),
            ("[__user__:value = 'svc-build']", true),
            ("__user__:value != 'svc-build'", false),
            ("__user__:value NOT = 'svc-build'", false),
            ("__user__:value LIKE 'svc-%'", true),
            ("__user__:value LIKE 'svc-_'", false),
            ("__user__:value LIKE 'svc.build'", false),
            ("__user__:value MATCHES '^svc-'", true),
            ("__user__:value in ('a', 'svc-build')", true),
            ("__user__:value NOT IN ('a', 'b')", true),
            ("__score__:value > 10", false),
            ("__score__:value >= 9.0 AND __score__:value < 10", true),
            ("__score__:value = 9.0", true),
            ("__ip__:value ISSUBSET '10.0.0.0/8'", true),
            ("__ip__:value ISSUBSET '10.1.2.3'", true),
            ("__ip__:value ISSUBSET '11.0.0.0/8'", false),
            ("__ip__:value ISSUBSET '2001:db8::/32'", false),
            ("__ip__:value ISSUPERSET '10.1.2.3/32'", true),
            ("__quote__:value = 'it\\'s'", true),
            ("__yes__:value", true),
            ("NOT (__user__:value) AND __yes__:value", true),
            ("__none__:value = ''", false),
            ("__none__:value != 'x'", false),
            ("NOT __none__:value = 'x'", true),
            ("__score__:value = 1 OR __score__:value = 9 AND __user__:value = 'x'", false),
            ("(__score__:value = 1 OR __score__:value = 9) AND NOT __user__:value = 'x'", true),
        ] {
            let condition = Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(condition.holds(&variables()), Ok(holds), "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused_with_its_place() {
        for (text, at) in [
            ("", 0),
            ("true", 0),
            ("__user__ = 'x'", 8),
            ("user:value = 'x'", 0),
            ("__user__:value = ", 17),
            ("__user__:value = x", 17),
            ("__user__:value = 'x", 17),
            ("__user__:value = 'x' __ip__:value = 'y'", 21),
            ("(__user__:value = 'x'", 21),
            ("__user__:value IN 'x'", 18),
            ("__user__:value MATCHES '('", 26),
        ] {
            match Condition::parse(text) {
                Err(ConditionError::Syntax { at: found, .. }) => assert_eq!(found, at, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(Condition::parse(&"(".repeat(CONDITION_BYTES_MAX)).is_err());
        assert!(Condition::parse(&"NOT ".repeat(100)).is_err());
        assert!(Condition::parse(&"x".repeat(CONDITION_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn an_unknown_variable_is_told_whatever_else_holds() {
        let condition = Condition::parse("__score__:value = 9 OR __gone__:value = 1").unwrap();
        assert_eq!(condition.holds(&variables()), Err(ConditionError::Unknown("__gone__".into())));
        assert_eq!(condition.names(), ["__score__", "__gone__"]);
    }
}
