//! What searches look for, and which letters are the same to them.
//!
//! Two texts are the same to a search where they differ by letters that are the capital and the small form of one
//! another, one to one, in the scripts that have them ([`other_case`]): `MÜLLER` is `müller`. Nothing else is folded: `ß`
//! is not `ss`, `İ` is not `i`, `é` is not `e`, and composed and decomposed letters differ. All that looks for words goes
//! by this: lists and their facets, titles, the catalogue of services. Whatever names a thing (an entity, an assignee, a
//! rule, a service as a filter) is compared as it is.

use super::StoreError;

/// Longest text that is searched for, in bytes.
pub const SEARCH_BYTES_MAX: usize = 256;
/// Most words and phrases of one search.
pub const SEARCH_NEEDLES_MAX: usize = 8;
/// Shortest word that is searched for, in characters: indexes of text know runs of three.
pub const SEARCH_CHARS_MIN: usize = 3;

/// The words and phrases (in double quotes) of a search. Words shorter than [`SEARCH_CHARS_MIN`] find nothing by
/// themselves and are left out, unless there is no other.
///
/// # Errors
/// [`StoreError::BadQuery`] when nothing is left, or it is too long.
pub fn needles(text: &str) -> Result<Vec<String>, StoreError> {
    if text.len() > SEARCH_BYTES_MAX {
        let reason = format!("a search has at most {SEARCH_BYTES_MAX} bytes");
        return Err(StoreError::BadQuery { reason });
    }
    let mut needles: Vec<String> = Vec::new();
    // between quotes stands every second part
    for (at, part) in text.split('"').enumerate() {
        if at % 2 == 1 {
            needles.push(part.trim().to_owned());
        } else {
            needles.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    needles.retain(|needle| needle.chars().count() >= SEARCH_CHARS_MIN);
    needles.dedup();
    if needles.is_empty() || needles.len() > SEARCH_NEEDLES_MAX {
        let reason =
            format!("search for 1 to {SEARCH_NEEDLES_MAX} words of at least {SEARCH_CHARS_MIN} characters");
        return Err(StoreError::BadQuery { reason });
    }
    Ok(needles)
}

/// The scripts whose letters have two cases here: Latin, Greek, Cyrillic, Armenian, and full-width Latin. Others came to
/// Unicode later than the tables of the engines that index text.
const CASED: [std::ops::RangeInclusive<char>; 4] =
    ['\u{41}'..='\u{37e}', '\u{380}'..='\u{527}', '\u{1e00}'..='\u{1fff}', '\u{ff21}'..='\u{ff5a}'];

/// The small letter of a capital one and the reverse, where each is the only one of the other (Unicode's mappings of one
/// letter to one). `None` for all else: `ß` has two capitals for one, the Kelvin sign shares its small letter with `K`.
pub fn other_case(letter: char) -> Option<char> {
    if letter.is_ascii() {
        let other = (letter as u8 ^ 0x20) as char;
        return letter.is_ascii_alphabetic().then_some(other);
    }
    if !CASED.iter().any(|range| range.contains(&letter)) {
        return None;
    }
    let other = lower(letter).or_else(|| upper(letter))?;
    let back = if lower(letter).is_some() { upper(other) } else { lower(other) };
    (back == Some(letter) && CASED.iter().any(|range| range.contains(&other))).then_some(other)
}

fn lower(letter: char) -> Option<char> {
    single(letter, letter.to_lowercase())
}

fn upper(letter: char) -> Option<char> {
    single(letter, letter.to_uppercase())
}

/// The one other letter that a letter becomes.
fn single(letter: char, mut mapped: impl Iterator<Item = char>) -> Option<char> {
    let first = mapped.next().filter(|first| *first != letter)?;
    mapped.next().is_none().then_some(first)
}

/// A text with small letters wherever they are the same to a search: two texts are the same if these are equal.
pub fn folded(text: &str) -> String {
    let small = |letter: char| match (other_case(letter), lower(letter)) {
        (Some(other), Some(small)) if other == small => small,
        _ => letter,
    };
    text.chars().map(small).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_pair_one_to_one() {
        for (letter, other) in [
            ('a', Some('A')),
            ('Z', Some('z')),
            ('@', None),
            ('[', None),
            ('1', None),
            ('Ä', Some('ä')),
            ('ß', None),
            ('ẞ', None),
            ('İ', None),
            ('ı', None),
            ('\u{212a}', None),
            ('ſ', None),
            ('Σ', Some('σ')),
            ('ς', None),
            ('Ж', Some('ж')),
            ('ǅ', None),
            ('中', None),
        ] {
            assert_eq!(other_case(letter), other, "{letter}");
        }
        assert_eq!(folded("MÜLLER Straße İ \u{212a}"), "müller straße İ \u{212a}");
        for letter in (0..0x1_0000).filter_map(char::from_u32) {
            let Some(other) = other_case(letter) else { continue };
            assert_eq!(other_case(other), Some(letter), "{letter} {other}");
            let both = [letter, other].map(|letter| folded(&letter.to_string()));
            assert_eq!(both[0], both[1], "{letter} {other}");
        }
    }

    #[test]
    fn a_search_is_words_and_phrases() {
        for (text, expected) in [
            ("login", Some(vec!["login"])),
            (" root  login ", Some(vec!["root", "login"])),
            ("\"root login\" mfa", Some(vec!["root login", "mfa"])),
            ("by root", Some(vec!["root"])),
            ("\"open ended", Some(vec!["open ended"])),
            ("ab", None),
            ("", None),
            ("a b c d e f g h i j", None),
            ("aaa bbb ccc ddd eee fff ggg hhh iii", None),
            (&"x".repeat(SEARCH_BYTES_MAX + 1), None),
        ] {
            let expected = expected.map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(needles(text).ok(), expected, "{text:?}");
        }
    }
}
