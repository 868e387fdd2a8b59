//! Wildcards, matched without backtracking trees: for names with `*`, and for the paths of CODEOWNERS.
//!
//! Both matchers remember only the last wildcard (a match that fails is taken up there again), which is
//! enough because a wildcard can always take more: the work is at most pattern × text steps.

/// Whether `text` matches `pattern`, where `*` stands for any characters and `?` for one.
pub(crate) fn name_matches(pattern: &str, text: &str) -> bool {
    star_match(pattern.as_bytes(), text.as_bytes())
}

fn star_match(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                t += character_len(text, t);
            }
            Some(byte) if *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, from)) = star else { return false };
                let from = from + character_len(text, from);
                star = Some((after, from));
                (p, t) = (after, from);
            }
        }
    }
    pattern[p.min(pattern.len())..].iter().all(|byte| *byte == b'*')
}

/// The bytes of the character that starts at `at`.
fn character_len(text: &[u8], at: usize) -> usize {
    let more = text[at + 1..].iter().take_while(|byte| **byte & 0b1100_0000 == 0b1000_0000);
    1 + more.count()
}

/// One segment of a path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// `**`: any number of folders, also none.
    Folders,
    /// A name with `*` and `?`; bytes after a backslash are literal and stand in the second list.
    Name(Name),
}

/// A segment's name: literal bytes and wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(Vec<Token>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    One,
    Any,
}

impl Name {
    /// A name of a pattern; a backslash makes the next character literal.
    pub(crate) fn parse(text: &str) -> Self {
        let mut tokens = Vec::with_capacity(text.len());
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'*' if tokens.last() == Some(&Token::Any) => {}
                b'*' => tokens.push(Token::Any),
                b'?' => tokens.push(Token::One),
                b'\\' => tokens.extend(bytes.next().map(Token::Byte)),
                _ => tokens.push(Token::Byte(byte)),
            }
        }
        Self(tokens)
    }

    /// `*`: any name.
    pub(crate) fn any() -> Self {
        Self(vec![Token::Any])
    }

    pub(crate) fn is_any(&self) -> bool {
        self.0 == [Token::Any]
    }

    fn matches(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let (mut p, mut t) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while t < text.len() {
            match self.0.get(p) {
                Some(Token::Any) => {
                    star = Some((p + 1, t));
                    p += 1;
                }
                Some(Token::One) => {
                    p += 1;
                    t += character_len(text, t);
                }
                Some(Token::Byte(byte)) if *byte == text[t] => {
                    p += 1;
                    t += 1;
                }
                _ => {
                    let Some((after, from)) = star else { return false };
                    let from = from + character_len(text, from);
                    star = Some((after, from));
                    (p, t) = (after, from);
                }
            }
        }
        self.0[p.min(self.0.len())..].iter().all(|token| *token == Token::Any)
    }
}

/// Whether the whole path, given as its segments, matches.
pub(crate) fn path_matches(pattern: &[Segment], path: &[&str]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut folders: Option<(usize, usize)> = None;
    while t < path.len() {
        match pattern.get(p) {
            Some(Segment::Folders) => {
                folders = Some((p + 1, t));
                p += 1;
            }
            Some(Segment::Name(name)) if name.matches(path[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, from)) = folders else { return false };
                folders = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
        }
    }
    pattern[p.min(pattern.len())..].iter().all(|segment| *segment == Segment::Folders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_match_as_people_mean_them() {
        let cases = [
            ("arn:aws:s3:::acme-*", "arn:aws:s3:::acme-logs", true),
            ("arn:aws:s3:::acme-*", "arn:aws:s3:::other", false),
            ("web-?.prod", "web-1.prod", true),
            ("web-?.prod", "web-é.prod", true),
            ("web-?.prod", "web-12.prod", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(name_matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_its_size_allows() {
        let (pattern, text) = ("*a".repeat(500), "a".repeat(499) + "b");
        assert!(!name_matches(&pattern, &text));
    }

    /// The textbook recursion, as slow as it is plain.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => {
                naive(rest, text) || matches!(text, [_, tail @ ..] if naive(pattern, tail))
            }
            (['?', rest @ ..], [_, tail @ ..]) => naive(rest, tail),
            ([p, rest @ ..], [t, tail @ ..]) if p == t => naive(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn names_match_as_the_textbook_says(pattern in "[ab*?é]{0,8}", text in "[abé]{0,8}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(name_matches(&pattern, &text), naive(&p, &t));
            prop_assert_eq!(Name::parse(&pattern).matches(&text), naive(&p, &t));
        }
    }
}
