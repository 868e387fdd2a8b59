//! The condition language: how selections combine.

use std::fmt;

use crate::error::{ErrorCode, Fault};
use crate::limits::{CONDITION_BYTES_MAX, CONDITION_DEPTH_MAX};

/// A parsed condition and where it stands.
#[derive(Clone, Debug)]
pub struct Condition {
    /// As written.
    pub source: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// What it says.
    pub expression: Expression,
}

/// A condition's tree. Its depth is at most [`CONDITION_DEPTH_MAX`] plus the chain levels between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A selection by name.
    Selection(String),
    /// `1 of …`, `any of …`, `all of …`.
    Of {
        /// Whether all must match, not one.
        all: bool,
        /// Which selections.
        target: Target,
    },
    /// Negation.
    Not(Box<Expression>),
    /// Two or more, all of them.
    And(Vec<Expression>),
    /// Two or more, one of them.
    Or(Vec<Expression>),
}

/// The selections a quantifier ranges over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `them`: every selection whose name does not begin with `_`.
    Them,
    /// A name with `*` for any characters; one that does not begin with `_` leaves out names that do.
    Pattern(String),
}

impl Target {
    /// Whether the selection is meant.
    pub fn includes(&self, selection: &str) -> bool {
        match self {
            Target::Them => !selection.starts_with('_'),
            // the specification: the same as `them`, restricted to matching names
            Target::Pattern(pattern) => {
                name_matches(pattern, selection) && (pattern.starts_with('_') || !selection.starts_with('_'))
            }
        }
    }
}

/// `*` stands for any characters; the comparison is case-sensitive.
fn name_matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or(""),
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The canonical text: one space between words, parentheses around every group.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, members: &[Expression], word: &str| {
            f.write_str("(")?;
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                write!(f, "{member}")?;
            }
            f.write_str(")")
        };
        match self {
            Expression::Selection(name) => f.write_str(name),
            Expression::Of { all, target } => {
                f.write_str(if *all { "all of " } else { "1 of " })?;
                match target {
                    Target::Them => f.write_str("them"),
                    Target::Pattern(pattern) => f.write_str(pattern),
                }
            }
            Expression::Not(inner) => write!(f, "not {inner}"),
            Expression::And(members) => join(f, members, "and"),
            Expression::Or(members) => join(f, members, "or"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    And,
    Or,
    Not,
    Word(&'a str),
}

/// Parses one condition.
pub(crate) fn parse(source: &str, line: u32) -> Result<Condition, Fault> {
    if source.len() > CONDITION_BYTES_MAX {
        let reason = format!("the condition has more than {CONDITION_BYTES_MAX} bytes");
        return Err(Fault::new(line, ErrorCode::LimitExceeded, reason));
    }
    if source.contains('|') {
        let reason =
            "unsupported: an aggregation after `|` (deprecated by Sigma 2); write a correlation rule";
        return Err(Fault::new(line, ErrorCode::UnsupportedAggregation, reason));
    }
    let mut parser = Parser { tokens: tokens(source, line)?, next: 0, line };
    let expression = parser.or(0)?;
    match parser.peek() {
        None => Ok(Condition { source: source.to_owned(), line, expression }),
        Some(token) => Err(parser.unexpected(token)),
    }
}

fn tokens(source: &str, line: u32) -> Result<Vec<Token<'_>>, Fault> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while let Some(c) = rest.chars().next() {
        let (token, length) = match c {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            c if is_word(c) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let word = rest.get(..length).unwrap_or(rest);
                (keyword(word), length)
            }
            c => {
                let reason = format!("`{c}` has no meaning in a condition");
                return Err(Fault::new(line, ErrorCode::BadCondition, reason));
            }
        };
        tokens.push(token);
        rest = rest.get(length..).unwrap_or("").trim_start();
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '*' | '$' | ':' | '/' | '\\')
}

fn keyword(word: &str) -> Token<'_> {
    if word.eq_ignore_ascii_case("and") {
        Token::And
    } else if word.eq_ignore_ascii_case("or") {
        Token::Or
    } else if word.eq_ignore_ascii_case("not") {
        Token::Not
    } else {
        Token::Word(word)
    }
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    next: usize,
    line: u32,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.next).copied()
    }

    fn eat(&mut self, token: Token<'_>) -> bool {
        let found = self.peek() == Some(token);
        if found {
            self.next += 1;
        }
        found
    }

    fn fault(&self, reason: impl Into<String>) -> Fault {
        Fault::new(self.line, ErrorCode::BadCondition, reason)
    }

    fn unexpected(&self, token: Token<'_>) -> Fault {
        let text = match token {
            Token::Open => "(",
            Token::Close => ")",
            Token::And => "and",
            Token::Or => "or",
            Token::Not => "not",
            Token::Word(word) => word,
        };
        self.fault(format!("`{text}` is not expected there"))
    }

    fn or(&mut self, depth: usize) -> Result<Expression, Fault> {
        if depth > CONDITION_DEPTH_MAX {
            let reason =
                format!("more than {CONDITION_DEPTH_MAX} parentheses or negations inside one another");
            return Err(Fault::new(self.line, ErrorCode::LimitExceeded, reason));
        }
        let mut members = vec![self.and(depth)?];
        while self.eat(Token::Or) {
            members.push(self.and(depth)?);
        }
        Ok(if members.len() > 1 { Expression::Or(members) } else { members.swap_remove(0) })
    }

    fn and(&mut self, depth: usize) -> Result<Expression, Fault> {
        let mut members = vec![self.not(depth)?];
        while self.eat(Token::And) {
            members.push(self.not(depth)?);
        }
        Ok(if members.len() > 1 { Expression::And(members) } else { members.swap_remove(0) })
    }

    fn not(&mut self, depth: usize) -> Result<Expression, Fault> {
        let mut negations = 0_usize;
        while self.eat(Token::Not) {
            negations += 1;
        }
        if depth + negations > CONDITION_DEPTH_MAX {
            let reason = format!("more than {CONDITION_DEPTH_MAX} negations");
            return Err(Fault::new(self.line, ErrorCode::LimitExceeded, reason));
        }
        let mut expression = self.primary(depth + negations)?;
        for _ in 0..negations {
            expression = Expression::Not(Box::new(expression));
        }
        Ok(expression)
    }

    fn primary(&mut self, depth: usize) -> Result<Expression, Fault> {
        let Some(token) = self.peek() else {
            return Err(self.fault("the condition ends where a selection is expected"));
        };
        self.next += 1;
        match token {
            Token::Open => {
                let inner = self.or(depth + 1)?;
                if self.eat(Token::Close) { Ok(inner) } else { Err(self.fault("a `)` is missing")) }
            }
            Token::Word(word) if self.peek().is_some_and(is_of) => self.quantified(word),
            Token::Word(word) if word.contains('*') => Err(self
                .fault(format!("`{word}` names several selections; say `1 of {word}` or `all of {word}`"))),
            Token::Word(word) => Ok(Expression::Selection(word.to_owned())),
            other => Err(self.unexpected(other)),
        }
    }

    fn quantified(&mut self, quantity: &str) -> Result<Expression, Fault> {
        let all = match quantity.to_ascii_lowercase().as_str() {
            "1" | "any" => false,
            "all" => true,
            _ => {
                let reason = format!("`{quantity} of` is not Sigma: only `1 of`, `any of` and `all of` are");
                return Err(self.fault(reason));
            }
        };
        self.next += 1;
        let Some(Token::Word(word)) = self.peek() else {
            return Err(self.fault("`of` needs `them` or a name with `*`"));
        };
        self.next += 1;
        let target =
            if word.eq_ignore_ascii_case("them") { Target::Them } else { Target::Pattern(word.to_owned()) };
        Ok(Expression::Of { all, target })
    }
}

fn is_of(token: Token<'_>) -> bool {
    matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("of"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_parse_by_precedence() {
        for (source, canonical) in [
            ("selection", "selection"),
            ("a or b and not c", "(a or (b and not c))"),
            ("(a or b) and c", "((a or b) and c)"),
            ("NOT a AND b", "(not a and b)"),
            ("not not a", "not not a"),
            ("1 of selection_* and not 1 of filter*", "(1 of selection_* and not 1 of filter*)"),
            ("all of them", "all of them"),
            ("any of sel*", "1 of sel*"),
            ("a and (b or (c and d))", "(a and (b or (c and d)))"),
            ("1 of them or not (all of x* or y)", "(1 of them or not (all of x* or y))"),
            ("of", "of"),
        ] {
            assert_eq!(parse(source, 1).unwrap().expression.to_string(), canonical);
        }
    }

    #[test]
    fn bad_conditions_say_what_is_wrong() {
        let deep = "(".repeat(2_000) + "a" + &")".repeat(2_000);
        let nots = "not ".repeat(1_000) + "a";
        let long = "a or ".repeat(4_000) + "a";
        for (source, code) in [
            ("", ErrorCode::BadCondition),
            ("a and", ErrorCode::BadCondition),
            ("a b", ErrorCode::BadCondition),
            ("(a", ErrorCode::BadCondition),
            ("a)", ErrorCode::BadCondition),
            ("2 of x*", ErrorCode::BadCondition),
            ("1 of (a, b)", ErrorCode::BadCondition),
            ("x*", ErrorCode::BadCondition),
            ("a & b", ErrorCode::BadCondition),
            ("a | count() by b > 5", ErrorCode::UnsupportedAggregation),
            (deep.as_str(), ErrorCode::LimitExceeded),
            (nots.as_str(), ErrorCode::LimitExceeded),
            (long.as_str(), ErrorCode::LimitExceeded),
        ] {
            assert_eq!(parse(source, 7).unwrap_err().code, code, "{source:.40}");
        }
    }

    #[test]
    fn name_patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("sel*", "selection", true),
            ("*", "", true),
            ("sel*_x", "selection_x", true),
            ("sel*_x", "selection_xy", false),
            ("*a*b*", "xxaxbx", true),
            ("ab*ba", "aba", false),
            ("sel", "selection", false),
            ("sel", "sel", true),
            ("Sel*", "selection", false),
        ] {
            assert_eq!(name_matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
