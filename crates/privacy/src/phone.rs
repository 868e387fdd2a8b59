//! Telephone numbers, told from dates, versions, amounts and ids by how their digits are grouped.

use crate::character::{after, before, is_word, number_after};
use crate::check::{Accepted, Candidate};

/// What may stand between two groups of digits.
const SEPARATORS: [&str; 15] =
    [" ", "-", ".", "/", ")", ") ", ")-", " (", "(", "-(", " - ", "\u{A0}", " / ", ").", ") ("];

/// The most digits of a number (ITU-T E.164), and the fewest that are one at all.
const DIGITS_MAX: usize = 15;
const DIGITS_MIN: usize = 7;

/// A run of digits and what stands before it.
struct Group<'a> {
    start: usize,
    end: usize,
    digits: &'a str,
    separator: &'a str,
}

/// The longest beginning of the match that is a number; the match may run on into other numbers.
pub(crate) fn judge(candidate: Candidate<'_>) -> Option<Accepted> {
    if goes_on_before(candidate.text, candidate.start) {
        return None;
    }
    let value = candidate.value();
    let main = value.find(|c: char| c.is_ascii_alphabetic()).map_or(value, |at| value[..at].trim_end());
    let lead = &value[..usize::from(value.starts_with(['+', '(']))];
    let groups = groups_of(main);
    let whole = groups.len();
    for count in (1..=whole).rev() {
        let part = &groups[..count];
        if !is_number(lead, part, candidate.near) {
            continue;
        }
        let end = if count == whole { value.len() } else { part[count - 1].end };
        let end = candidate.start + end;
        let apart = count == whole || groups[count].separator.starts_with([' ', '\u{A0}']);
        if apart && !number_after(candidate.text, end, &['.', '-', ',', ':']) {
            return candidate.accept_until(end);
        }
    }
    None
}

/// Whether the place is in the middle of a word, a path or another number.
fn goes_on_before(text: &str, start: usize) -> bool {
    let Some(c) = before(text, start) else { return false };
    let joins = matches!(c, '.' | '-' | '/' | ',' | ':' | '+');
    is_word(c)
        || matches!(c, '#' | '$' | '€' | '£' | '\\' | '@')
        || (joins && before(text, start - c.len_utf8()).is_some_and(|earlier| earlier.is_ascii_digit()))
        || (c == '/' && before(text, start - 1).is_some_and(is_word))
        || (c == '-'
            && after(text, start).is_some_and(|first| first.is_ascii_digit())
            && before(text, start - 1).is_some_and(is_word))
}

fn groups_of(main: &str) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    let mut at = 0;
    let mut separator_start = 0;
    while let Some(offset) = main[at..].find(|c: char| c.is_ascii_digit()) {
        let start = at + offset;
        let end =
            main[start..].find(|c: char| !c.is_ascii_digit()).map_or(main.len(), |length| start + length);
        groups.push(Group {
            start,
            end,
            digits: &main[start..end],
            separator: &main[separator_start..start],
        });
        separator_start = end;
        at = end;
    }
    groups
}

fn is_number(lead: &str, groups: &[Group<'_>], near: bool) -> bool {
    let digits: usize = groups.iter().map(|group| group.end - group.start).sum();
    let separators: Vec<&str> = groups[1..].iter().map(|group| group.separator).collect();
    if !(DIGITS_MIN..=DIGITS_MAX).contains(&digits) || separators.iter().any(|s| !SEPARATORS.contains(s)) {
        return false;
    }
    let lengths: Vec<usize> = groups.iter().map(|group| group.digits.len()).collect();
    if is_date(groups, &lengths, &separators) || is_repetition(groups) {
        return false;
    }
    let brackets_close = separators.iter().filter(|s| s.contains(')')).count()
        == separators.iter().filter(|s| s.contains('(')).count() + usize::from(lead == "(");
    let first = groups[0].digits;
    match lead {
        "+" => digits >= 8 && !first.starts_with('0') && brackets_close,
        "(" => {
            lengths[0] <= 5
                && groups.len() > 1
                && brackets_close
                && separators[0].starts_with(')')
                && digits <= 12
        }
        _ => {
            brackets_close
                && (by_shape(first, digits, &lengths, &separators) || (near && by_words(digits, &lengths)))
        }
    }
}

/// Shapes that are numbers without a word: 3-3-4 (with or without a country's code), and a leading zero.
fn by_shape(first: &str, digits: usize, lengths: &[usize], separators: &[&str]) -> bool {
    let one_separator = separators.windows(2).all(|pair| pair[0] == pair[1]);
    let american = match lengths {
        [3, 3, 4] => !first.starts_with(['0', '1']),
        [1, 3, 3, 4] => first == "1",
        [3, 3, 3, 4] => first == "001",
        _ => false,
    };
    let international = first.starts_with("00") && lengths.len() >= 2 && (10..=15).contains(&digits);
    let trunk = first.starts_with('0')
        && (2..=5).contains(&lengths[0])
        && (2..=5).contains(&lengths.len())
        && (9..=12).contains(&digits)
        && lengths[1..].iter().all(|length| (2..=8).contains(length));
    (american && one_separator)
        || international
        || (trunk && !separators.contains(&"."))
        || (trunk && one_separator && lengths.len() > 2)
}

/// What is a number if the words beside it say so.
fn by_words(digits: usize, lengths: &[usize]) -> bool {
    digits <= 13 && lengths.len() <= 6 && lengths.iter().all(|length| *length <= 11)
}

/// Year, month and day in some order.
fn is_date(groups: &[Group<'_>], lengths: &[usize], separators: &[&str]) -> bool {
    let year = |group: &Group<'_>| group.digits.starts_with("19") || group.digits.starts_with("20");
    let begins = |shape: &[usize]| lengths.starts_with(shape);
    let signed =
        separators.len() >= 2 && separators[0] == separators[1] && matches!(separators[0], "-" | "." | "/");
    signed
        && ((begins(&[4, 2, 2]) && year(&groups[0]))
            || ((begins(&[2, 2, 4]) || begins(&[1, 2, 4]) || begins(&[2, 1, 4]) || begins(&[1, 1, 4]))
                && year(&groups[2])))
}

/// One digit over and over, as in ruled lines and tests.
fn is_repetition(groups: &[Group<'_>]) -> bool {
    let mut digits = groups.iter().flat_map(|group| group.digits.bytes());
    let first = digits.next();
    digits.all(|digit| Some(digit) == first)
}
