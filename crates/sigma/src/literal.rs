//! Literals that every text has in which a regular expression is found: they are searched first, for all
//! expressions at once, and only then the expression is tried.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::fold;
use crate::limits::{LITERAL_GROUPS_MAX, REGEX_DEPTH_MAX, REGEX_LITERALS_MAX};
use crate::lower::RegexSource;

/// An expression's parts, as the matching reads it; `None` where it is no expression.
pub(crate) fn parsed(source: &RegexSource) -> Option<Hir> {
    regex_syntax::ParserBuilder::new()
        .case_insensitive(source.ignore_case)
        .multi_line(source.multi_line)
        .dot_matches_new_line(source.dot_all)
        .nest_limit(REGEX_DEPTH_MAX)
        .build()
        .parse(&source.pattern)
        .ok()
}

/// Groups of folded literals: in the folded form of each text that the expression is found in stands one of every
/// group. No group when the expression asks for no literal; at most [`LITERAL_GROUPS_MAX`], the rarest.
///
/// Folding maps one character to one, so a literal that stands in a text still stands there when both are
/// folded: what is required exactly is required folded too.
pub(crate) fn required(source: &RegexSource) -> Vec<Vec<String>> {
    let mut groups = parsed(source).map(|hir| required_by(&hir)).unwrap_or_default();
    for literals in &mut groups {
        literals.sort_unstable();
        literals.dedup();
    }
    rarest(groups)
}

/// The groups that fewest texts have, each once.
pub(crate) fn rarest(mut groups: Vec<Vec<String>>) -> Vec<Vec<String>> {
    groups.sort_by(|a, b| worth(b).cmp(&worth(a)).then_with(|| a.cmp(b)));
    groups.dedup();
    groups.truncate(LITERAL_GROUPS_MAX);
    groups
}

/// The folded text, if the expression matches this one (ignoring case) and nothing else.
fn exact(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(String::new()),
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).ok().map(fold::folded),
        HirKind::Class(Class::Unicode(class)) => {
            let mut all = None;
            for c in class.ranges().iter().flat_map(|range| range.start()..=range.end()).take(8) {
                let folded = fold::fold_char(c);
                if *all.get_or_insert(folded) != folded {
                    return None;
                }
            }
            let few = class.ranges().iter().map(|range| range.len()).sum::<usize>() < 8;
            all.filter(|_| few).map(String::from)
        }
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(exact).collect(),
        HirKind::Class(Class::Bytes(_)) | HirKind::Repetition(_) | HirKind::Alternation(_) => None,
    }
}

fn required_by(hir: &Hir) -> Vec<Vec<String>> {
    if let Some(text) = exact(hir) {
        return one(text);
    }
    match hir.kind() {
        HirKind::Capture(capture) => required_by(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required_by(&repetition.sub),
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                match rarest(required_by(branch)).into_iter().next() {
                    Some(literals) if all.len() + literals.len() <= REGEX_LITERALS_MAX => {
                        all.extend(literals)
                    }
                    _ => return Vec::new(),
                }
            }
            vec![all]
        }
        HirKind::Concat(parts) => {
            let mut groups = Vec::new();
            let mut run = String::new();
            for part in parts {
                match exact(part) {
                    Some(text) => run.push_str(&text),
                    None => {
                        groups.extend(one(std::mem::take(&mut run)));
                        groups.extend(required_by(part));
                    }
                }
            }
            groups.extend(one(run));
            groups
        }
        _ => Vec::new(),
    }
}

fn one(text: String) -> Vec<Vec<String>> {
    if text.is_empty() { Vec::new() } else { vec![vec![text]] }
}

/// The rarest literals are the long ones; of several the shortest is found most often.
fn worth(literals: &[String]) -> (usize, usize) {
    (literals.iter().map(String::len).min().unwrap_or(0), usize::MAX - literals.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(pattern: &str, ignore_case: bool) -> RegexSource {
        RegexSource { pattern: pattern.to_owned(), ignore_case, multi_line: false, dot_all: false }
    }

    #[test]
    fn literals_of_expressions() {
        for (pattern, expected) in [
            ("abc", "abc"),
            ("(?i)ABC", "abc"),
            (r"\w+\.exe$", ".exe"),
            ("a(bc|de)f+", "bc|de a f"),
            ("(?i)(set).*&&.*cmd", "cmd set &&"),
            ("a*b?", ""),
            ("a|.*", ""),
            ("[ab]c", "c"),
            ("(ab)+x?", "ab"),
            (r"\bfoo\b", "foo"),
            (".", ""),
        ] {
            let groups: Vec<String> =
                required(&source(pattern, false)).iter().map(|literals| literals.join("|")).collect();
            assert_eq!(groups.join(" "), expected, "{pattern}");
        }
    }

    proptest! {
        /// Whatever an expression is found in has a literal of each group.
        #[test]
        fn every_found_text_has_a_literal_of_every_group(
            pattern in r"([abAkK.]|\(a\|b\)|\(ab\|K\)|\[ab\]|[ab]\+|[ab]\*|[ab]\?|\(\?:ab\)\{2\}|\^|\$|\\b){1,6}",
            ignore_case: bool,
            texts in prop::collection::vec("[abABkK\u{212A}. ]{0,8}", 1..20),
        ) {
            let regex = regex::RegexBuilder::new(&pattern).case_insensitive(ignore_case).build();
            prop_assume!(regex.is_ok());
            let (regex, groups) = (regex.unwrap(), required(&source(&pattern, ignore_case)));
            for text in texts.iter().filter(|text| regex.is_match(text)) {
                let folded = fold::folded(text);
                let has_one = |literals: &Vec<String>| literals.iter().any(|literal| folded.contains(literal));
                prop_assert!(groups.iter().all(has_one), "{pattern} {text} {groups:?}");
            }
        }
    }
}
