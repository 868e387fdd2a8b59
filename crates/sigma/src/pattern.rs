//! Sigma's string values: wildcards, escapes, and the simplest form each pattern has.

use crate::fold;

/// A piece of a string value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Token {
    /// Plain text; never empty, never two in a row.
    Text(String),
    /// `?`: one character.
    One,
    /// `*`: any characters, or none.
    Many,
    /// Any of [`DASHES`].
    Dash,
}

/// What `windash` takes for one another: hyphen, slash, en dash, em dash, horizontal bar.
pub(crate) const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];

/// A string value in its simplest form, so that most need no wildcard matching at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Pattern {
    Any,
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(String),
    Glob(Vec<Token>),
}

/// Splits a value at its wildcards and resolves its escapes (rules specification, "Escape
/// Character"): a backslash makes `*`, `?` and another backslash plain; before anything else,
/// and at the end, it is itself. With `percent`, `\%` is a plain percent sign too.
pub(crate) fn tokenize(value: &str, percent: bool) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut text = String::new();
    let mut characters = value.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                let escaped = |next: &char| matches!(next, '*' | '?' | '\\') || (percent && *next == '%');
                text.push(characters.next_if(escaped).unwrap_or('\\'));
            }
            '*' | '?' => {
                push_text(&mut tokens, &mut text);
                match c {
                    '?' => tokens.push(Token::One),
                    _ if tokens.last() == Some(&Token::Many) => {}
                    _ => tokens.push(Token::Many),
                }
            }
            c => text.push(c),
        }
    }
    push_text(&mut tokens, &mut text);
    tokens
}

fn push_text(tokens: &mut Vec<Token>, text: &mut String) {
    if !text.is_empty() {
        tokens.push(Token::Text(std::mem::take(text)));
    }
}

/// The text of a value without wildcards.
pub(crate) fn plain(tokens: &[Token]) -> Option<&str> {
    match tokens {
        [] => Some(""),
        [Token::Text(text)] => Some(text),
        _ => None,
    }
}

/// Turns every dash or slash that begins a flag into [`Token::Dash`]: one that no word character
/// precedes and one follows (` -enc`, `/enc`, but not `foo-bar`), as the reference implementation
/// does.
pub(crate) fn dashes(tokens: Vec<Token>) -> Vec<Token> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = Vec::new();
    for token in tokens {
        let Token::Text(source) = token else {
            out.push(token);
            continue;
        };
        let mut text = String::new();
        let mut before = None;
        let mut characters = source.chars().peekable();
        while let Some(c) = characters.next() {
            let begins_flag = DASHES.contains(&c)
                && !before.is_some_and(is_word)
                && characters.peek().copied().is_some_and(is_word);
            if begins_flag {
                push_text(&mut out, &mut text);
                out.push(Token::Dash);
            } else {
                text.push(c);
            }
            before = Some(c);
        }
        push_text(&mut out, &mut text);
    }
    out
}

/// Writes the dashes out, if that gives at most `variants_max` values; else leaves the pattern.
pub(crate) fn expand_dashes(tokens: Vec<Token>, variants_max: usize) -> Vec<Vec<Token>> {
    let count = u32::try_from(tokens.iter().filter(|t| **t == Token::Dash).count()).unwrap_or(u32::MAX);
    let variants = DASHES.len().checked_pow(count);
    if variants.is_none_or(|variants| variants > variants_max) {
        return vec![tokens];
    }
    let mut out: Vec<Vec<Token>> = vec![Vec::new()];
    for token in tokens {
        out = match token {
            Token::Dash => out
                .iter()
                .flat_map(|so_far| {
                    DASHES.iter().map(|dash| {
                        let mut next = so_far.clone();
                        append_text(&mut next, dash.encode_utf8(&mut [0; 4]));
                        next
                    })
                })
                .collect(),
            Token::Text(text) => {
                out.iter_mut().for_each(|so_far| append_text(so_far, &text));
                out
            }
            token => {
                out.iter_mut().for_each(|so_far| so_far.push(token.clone()));
                out
            }
        };
    }
    out
}

fn append_text(tokens: &mut Vec<Token>, text: &str) {
    if let Some(Token::Text(last)) = tokens.last_mut() {
        last.push_str(text);
    } else {
        tokens.push(Token::Text(text.to_owned()));
    }
}

/// Folds the texts of a value for comparison ignoring case.
pub(crate) fn fold_tokens(tokens: &mut [Token]) {
    for token in tokens {
        if let Token::Text(text) = token {
            *text = fold::folded(text);
        }
    }
}

impl Pattern {
    pub(crate) fn from_tokens(mut tokens: Vec<Token>) -> Pattern {
        tokens.dedup_by(|a, b| *a == Token::Many && *b == Token::Many);
        match tokens.as_mut_slice() {
            [] => Pattern::Exact(String::new()),
            [Token::Many] => Pattern::Any,
            [Token::Text(text)] => Pattern::Exact(std::mem::take(text)),
            [Token::Text(text), Token::Many] => Pattern::Prefix(std::mem::take(text)),
            [Token::Many, Token::Text(text)] => Pattern::Suffix(std::mem::take(text)),
            [Token::Many, Token::Text(text), Token::Many] => Pattern::Contains(std::mem::take(text)),
            _ => Pattern::Glob(tokens),
        }
    }
}

/// A pattern with wildcards, cut at each `*`.
#[derive(Clone, Debug)]
pub(crate) struct Glob {
    /// The first is anchored at the start, the last at the end.
    segments: Vec<Vec<Token>>,
}

impl Glob {
    pub(crate) fn new(tokens: &[Token]) -> Self {
        let segments = tokens.split(|token| *token == Token::Many).map(<[Token]>::to_vec).collect();
        Glob { segments }
    }

    /// The plain texts in it, which all stand in every text that matches.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flatten().filter_map(|token| match token {
            Token::Text(text) => Some(text.as_str()),
            Token::One | Token::Many | Token::Dash => None,
        })
    }

    /// Whether the whole text matches. Between two `*` the leftmost fit is always right, so there
    /// is no backtracking: at worst the length of the text times that of the pattern.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        let Some((first, rest)) = self.segments.split_first() else { return text.is_empty() };
        let Some(mut at) = match_at(first, text, 0) else { return false };
        let Some((last, middle)) = rest.split_last() else { return at == text.len() };
        for segment in middle {
            match find(segment, text, at) {
                Some(end) => at = end,
                None => return false,
            }
        }
        ends_with(last, text, at)
    }
}

/// Matches a segment at a byte position; answers where it ends.
fn match_at(segment: &[Token], text: &str, start: usize) -> Option<usize> {
    let mut rest = text.get(start..)?;
    for token in segment {
        rest = match token {
            Token::Text(literal) => rest.strip_prefix(literal.as_str())?,
            Token::One => rest.strip_prefix(|_: char| true)?,
            Token::Dash => rest.strip_prefix(DASHES)?,
            Token::Many => return None,
        };
    }
    Some(text.len() - rest.len())
}

/// The end of the leftmost fit of a segment from a byte position on.
fn find(segment: &[Token], text: &str, start: usize) -> Option<usize> {
    if let Some(Token::Text(literal)) = segment.first() {
        let mut from = start;
        loop {
            let at = from + memchr::memmem::find(text.as_bytes().get(from..)?, literal.as_bytes())?;
            if let Some(end) = match_at(segment, text, at) {
                return Some(end);
            }
            from = at + 1;
        }
    }
    let rest = text.get(start..)?;
    let positions = rest.char_indices().map(|(offset, _)| start + offset).chain([text.len()]);
    positions.into_iter().find_map(|at| match_at(segment, text, at))
}

/// Whether a segment fits at the very end, not before a byte position.
fn ends_with(segment: &[Token], text: &str, from: usize) -> bool {
    let characters: usize = segment
        .iter()
        .map(|token| match token {
            Token::Text(literal) => literal.chars().count(),
            Token::One | Token::Dash | Token::Many => 1,
        })
        .sum();
    let Some(rest) = text.get(from..) else { return false };
    let Some(skipped) = rest.chars().count().checked_sub(characters) else { return false };
    let start = rest.char_indices().nth(skipped).map_or(rest.len(), |(offset, _)| offset);
    match_at(segment, text, from + start) == Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(s: &str) -> Token {
        Token::Text(s.into())
    }

    /// The examples of the specification's chapter on the escape character.
    #[test]
    fn escapes_follow_the_specification() {
        for (value, expected) in [
            (r"a\b", vec![text(r"a\b")]),
            (r"a\\b", vec![text(r"a\b")]),
            (r"\*", vec![text("*")]),
            (r"\?", vec![text("?")]),
            (r"\\*", vec![text(r"\"), Token::Many]),
            (r"\\\*", vec![text(r"\*")]),
            (r"\\\", vec![text(r"\\")]),
            (r"\\\\", vec![text(r"\\")]),
            (r"a\", vec![text(r"a\")]),
            ("a**b", vec![text("a"), Token::Many, text("b")]),
            ("prog?.exe", vec![text("prog"), Token::One, text(".exe")]),
            (r"\%a%", vec![text(r"\%a%")]),
            ("", vec![]),
        ] {
            assert_eq!(tokenize(value, false), expected, "{value}");
        }
        assert_eq!(tokenize(r"\%a%", true), vec![text("%a%")]);
    }

    #[test]
    fn patterns_take_their_simplest_form() {
        for (value, expected) in [
            ("", Pattern::Exact(String::new())),
            ("*", Pattern::Any),
            ("***", Pattern::Any),
            ("a", Pattern::Exact("a".into())),
            ("a*", Pattern::Prefix("a".into())),
            ("*a", Pattern::Suffix("a".into())),
            ("*a*", Pattern::Contains("a".into())),
        ] {
            assert_eq!(Pattern::from_tokens(tokenize(value, false)), expected, "{value}");
        }
        assert!(matches!(Pattern::from_tokens(tokenize("a*b", false)), Pattern::Glob(_)));
    }

    #[test]
    fn globs_match_whole_texts() {
        for (pattern, subject, expected) in [
            ("a*b", "ab", true),
            ("a*b", "axxb", true),
            ("a*b", "abx", false),
            ("a*a", "a", false),
            ("?", "é", true),
            ("?", "", false),
            ("??", "é", false),
            ("*?", "x", true),
            ("*?", "", false),
            ("?*?", "ab", true),
            ("?*?", "a", false),
            ("*ab*ab*", "abab", true),
            ("*ab*ab*", "aba", false),
            ("*é?x", "aéüx", true),
            ("*aab", "aaab", true),
            ("a?c*", "abcdef", true),
            ("*a?b*c", "zaab-c", true),
            ("x*?é", "xéé", true),
        ] {
            let glob = Glob::new(&tokenize(pattern, false));
            assert_eq!(glob.is_match(subject), expected, "{pattern} {subject}");
        }
    }

    #[test]
    fn dashes_begin_flags_only() {
        let variants = |value: &str| -> Vec<String> {
            expand_dashes(dashes(tokenize(value, false)), 25)
                .into_iter()
                .map(|tokens| plain(&tokens).unwrap().to_owned())
                .collect()
        };
        assert_eq!(variants(" -enc"), [" -enc", " /enc", " –enc", " —enc", " ―enc"]);
        assert_eq!(variants("/x"), ["-x", "/x", "–x", "—x", "―x"]);
        assert_eq!(variants("foo-bar"), ["foo-bar"]);
        assert_eq!(variants("a - b"), ["a - b"]);
        assert_eq!(variants("-a -b").len(), 25);
        let three = expand_dashes(dashes(tokenize("-a -b -c", false)), 25);
        assert_eq!(three.len(), 1);
        assert!(Glob::new(&three[0]).is_match("/a –b -c"));
        assert!(!Glob::new(&three[0]).is_match("+a –b -c"));
    }
}
