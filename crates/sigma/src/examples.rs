//! Texts that meet a value whose letters are not what an event has: one that is encoded, a part of a time, or a regular
//! expression. For events that are made up to try rules on.

use crate::lower::{RegexSource, encoded_texts, is_time_part};
use crate::modifier::Modifier;
use crate::pattern;
use crate::rule::{Item, Scalar};
use crate::{literal, time};
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// Texts made of one value.
const TEXTS_MAX: usize = 12;
/// Bytes of one text; an expression that asks for more gives none.
const TEXT_BYTES_MAX: usize = 4_096;
/// The day that times are made of.
const DAY: jiff::civil::Date = jiff::civil::date(2026, 1, 15);
/// A year with 53 weeks, whose days have every part of a date.
const LONG_YEAR: i16 = 2020;

/// Texts that meet a value of an item, the plainest first, and for parts of a time some that just miss it; `None` where
/// the value's own letters are such a text.
pub fn texts_that_meet(item: &Item, value: &Scalar) -> Option<Vec<String>> {
    if item.has(Modifier::Re) {
        let Scalar::Text(pattern) = value else { return Some(Vec::new()) };
        return Some(of_regex(&RegexSource::of(item, pattern)));
    }
    if let Some(part) = item.modifiers.iter().copied().find(|modifier| is_time_part(*modifier)) {
        let Scalar::Number(_, number) = value else { return Some(Vec::new()) };
        let Ok(number) = number.parse::<i64>() else { return Some(Vec::new()) };
        let near = [number, number.saturating_sub(1), number.saturating_add(1)];
        return Some(near.into_iter().filter_map(|number| time_with(part, number)).collect());
    }
    let Scalar::Text(text) = value else { return None };
    encoded_texts(item, &pattern::tokenize(text, false)).ok().flatten()
}

/// A time that has this number as its part.
fn time_with(part: Modifier, number: i64) -> Option<String> {
    let small = u8::try_from(number).ok();
    let clock = match part {
        Modifier::Minute => Some((12, small.filter(|minute| *minute < 60)?)),
        Modifier::Hour => Some((small.filter(|hour| *hour < 24)?, 0)),
        _ => None,
    };
    if let Some((hour, minute)) = clock {
        return Some(format!("{DAY}T{hour:02}:{minute:02}:00Z"));
    }
    let date = match part {
        Modifier::Year => jiff::civil::Date::new(i16::try_from(number).ok()?, 1, 15).ok()?,
        _ => {
            let first = jiff::civil::date(LONG_YEAR, 1, 1);
            first
                .series(jiff::Span::new().days(1))
                .take(366)
                .find(|day| time::part_of(&day.to_string(), part) == Some(number))?
        }
    };
    Some(format!("{date}T12:00:00Z"))
}

/// Texts that an expression is found in.
fn of_regex(source: &RegexSource) -> Vec<String> {
    let Some(hir) = literal::parsed(source) else { return Vec::new() };
    let mut texts = of_hir(&hir);
    texts.retain(|text| text.len() <= TEXT_BYTES_MAX);
    texts
}

/// Recursion is as deep as an expression may nest.
fn of_hir(hir: &Hir) -> Vec<String> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(class) => of_class(class),
        HirKind::Capture(capture) => of_hir(&capture.sub),
        HirKind::Repetition(repetition) => repeated(repetition),
        HirKind::Alternation(members) => {
            // the first of each before the second of any
            let all: Vec<Vec<String>> = members.iter().map(of_hir).collect();
            let longest = all.iter().map(Vec::len).max().unwrap_or(0);
            let texts = (0..longest).flat_map(|at| all.iter().filter_map(move |texts| texts.get(at)));
            texts.take(TEXTS_MAX).cloned().collect()
        }
        HirKind::Concat(members) => joined(&members.iter().map(of_hir).collect::<Vec<_>>()),
    }
}

/// The first text of each part, then those with another text of one part.
fn joined(parts: &[Vec<String>]) -> Vec<String> {
    let with = |changed: usize, choice: usize| {
        let choices = parts
            .iter()
            .enumerate()
            .map(|(at, texts)| texts.get(if at == changed { choice } else { 0 }).map_or("", String::as_str));
        choices.collect::<String>()
    };
    if parts.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    let others =
        parts.iter().enumerate().flat_map(|(at, texts)| (1..texts.len()).map(move |choice| (at, choice)));
    let texts = std::iter::once(with(0, 0)).chain(others.map(|(at, choice)| with(at, choice)));
    texts.filter(|text| text.len() <= TEXT_BYTES_MAX).take(TEXTS_MAX).collect()
}

fn repeated(repetition: &Repetition) -> Vec<String> {
    let least = usize::try_from(repetition.min).unwrap_or(usize::MAX);
    let mut texts: Vec<String> = of_hir(&repetition.sub)
        .into_iter()
        .filter(|text| text.len().saturating_mul(least.max(1)) <= TEXT_BYTES_MAX)
        .map(|text| text.repeat(least.max(1)))
        .collect();
    if repetition.min == 0 {
        texts.insert(texts.len().min(1), String::new());
    }
    texts.truncate(TEXTS_MAX);
    texts
}

/// A letter or digit of a class where it has one, else its first characters.
fn of_class(class: &Class) -> Vec<String> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class.ranges().iter().map(|r| (r.start().into(), r.end().into())).collect(),
        Class::Bytes(class) => class.ranges().iter().map(|r| (r.start().into(), r.end().into())).collect(),
    };
    let has = |c: char| ranges.iter().any(|(from, to)| (*from..=*to).contains(&u32::from(c)));
    // one of each that there is
    let plain = [('a', 'z'), ('A', 'Z'), ('0', '9')]
        .into_iter()
        .filter_map(|(from, to)| (from..=to).find(|c| has(*c)));
    let plain = plain.chain(['-', '_', '/', ' '].into_iter().filter(|c| has(*c)));
    let first = ranges.iter().filter_map(|(from, _)| char::from_u32(*from));
    let mut found: Vec<String> = Vec::new();
    for c in plain.chain(first) {
        let text = c.to_string();
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found.truncate(TEXTS_MAX / 4);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_rules;

    fn texts(item: &str) -> Vec<String> {
        let text =
            format!("title: T\nlogsource: {{product: aws}}\ndetection: {{s: {{{item}}}, condition: s}}\n");
        let rule = parse_rules(&text, "f").remove(0).unwrap();
        let search = &rule.detection.selections[0].search;
        let item = search.items()[0];
        texts_that_meet(item, &item.values[0]).unwrap()
    }

    #[test]
    fn expressions_give_texts_that_they_are_found_in() {
        for pattern in [
            "^arn:aws:iam::\\d{12}:user/(ci|deploy)-[a-z]+$",
            "(?i)foo(bar|baz)?$",
            "\\bwhoami\\b",
            "[^a-z]{3}x*",
            "^.{5,}$",
            "(a|b|c)[0-9]+\\.(exe|dll)",
            "^$",
            "\\p{Greek}+",
        ] {
            let found = texts(&format!("a|re: '{pattern}'"));
            let regex = regex::Regex::new(pattern).unwrap();
            assert!(!found.is_empty(), "{pattern}");
            for text in &found {
                assert!(regex.is_match(text), "{pattern}: {text:?} of {found:?}");
            }
        }
        // each alternative has its text
        let found = texts("a|re: '^(push|merge)$'");
        assert_eq!(found, ["push", "merge"]);
        assert_eq!(texts("a|re: 'a{4095}b{3}'"), [""; 0], "too long to be of use");
    }

    #[test]
    fn values_are_encoded_and_times_made() {
        assert_eq!(texts("a|base64: cmd"), ["Y21k"]);
        assert_eq!(texts("a|base64offset|contains: foobar"), ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
        assert_eq!(texts("a|wide|base64: cmd"), ["YwBtAGQA"]);
        assert_eq!(texts("a|hour: 3")[..2], ["2026-01-15T03:00:00Z", "2026-01-15T02:00:00Z"]);
        assert_eq!(texts("a|hour|gte: 23").len(), 2, "there is no hour 24");
        for (item, part, number) in [
            ("a|week: 53", Modifier::Week, 53),
            ("a|month|lt: 2", Modifier::Month, 2),
            ("a|day: 31", Modifier::Day, 31),
            ("a|year: 1999", Modifier::Year, 1999),
            ("a|minute: 59", Modifier::Minute, 59),
        ] {
            assert_eq!(time::part_of(&texts(item)[0], part), Some(number), "{item}");
        }
    }
}
