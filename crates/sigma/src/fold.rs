//! Unicode simple case folding, by which Sigma's case-insensitive comparison is made exact.
//!
//! Simple folding (Unicode Standard 5.18, CaseFolding.txt statuses C and S) maps one character
//! to one, so `?` counts the same characters before and after. The table is not shipped: the
//! fold is derived from the standard library's case mappings, with the exceptions below, and a
//! test holds it equal, for every character, to the folding of the `regex` crate.

/// The representative of the characters that are equal to `c` ignoring case.
pub(crate) fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    match c {
        // The dotless and the dotted i equal no other letter (outside Turkic locales), although
        // their case mappings lead to i.
        'ı' | 'İ' => c,
        // The capital sharp s folds to the small one, whose upper case is two letters.
        'ẞ' => 'ß',
        // Pairs that are one letter written in two ways, without simple case mappings.
        '\u{1FD3}' => '\u{390}',
        '\u{1FE3}' => '\u{3B0}',
        '\u{FB05}' => '\u{FB06}',
        _ => lower(upper(c)),
    }
}

/// The upper case, where it is one character.
fn upper(c: char) -> char {
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// The lower case, where it is one character.
fn lower(c: char) -> char {
    let mut mapped = c.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// The folded text, newly allocated (for compiling rules).
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_onto(text, &mut out);
    out
}

/// Appends the folded text; allocates only when `out` has to grow.
pub(crate) fn fold_onto(text: &str, out: &mut String) {
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = if rest.is_ascii() { rest.len() } else { rest.bytes().take_while(u8::is_ascii).count() };
        let (plain, other) = rest.split_at(ascii);
        let start = out.len();
        out.push_str(plain);
        if let Some(appended) = out.get_mut(start..) {
            appended.make_ascii_lowercase();
        }
        let mut characters = other.chars();
        rest = characters.as_str();
        while let Some(c) = characters.next().filter(|c| !c.is_ascii()) {
            out.push(fold_char(c));
            rest = characters.as_str();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Every class of equal characters is the one of the `regex` crate's tables. Those are of an
    /// older Unicode than the standard library's, so characters they do not know are left out.
    #[test]
    fn folds_every_character_as_the_regex_crate_does() {
        let unknown = regex::Regex::new(r"\p{Unassigned}").unwrap();
        let cased = r"\p{Cased}|\p{Changes_When_Casemapped}|\p{Changes_When_Casefolded}";
        let cased = regex::Regex::new(cased).unwrap();
        let mut classes: HashMap<char, Vec<char>> = HashMap::new();
        let mut buffer = [0; 4];
        for c in '\0'..=char::MAX {
            if !unknown.is_match(c.encode_utf8(&mut buffer)) {
                classes.entry(fold_char(c)).or_default().push(c);
            }
        }
        classes.retain(|_, members| members.len() > 1 || cased.is_match(members[0].encode_utf8(&mut buffer)));
        let mut every: Vec<char> = classes.values().flatten().copied().collect();
        every.sort_unstable();
        let haystack: String = every.into_iter().collect();
        assert!(haystack.chars().count() > 4_000);
        for members in classes.values() {
            assert_eq!(&equal_by_regex(members[0], &haystack), members);
        }
    }

    fn equal_by_regex(c: char, haystack: &str) -> Vec<char> {
        let pattern = format!("(?i){}", regex::escape(&c.to_string()));
        let regex = regex::Regex::new(&pattern).unwrap();
        regex.find_iter(haystack).map(|found| found.as_str().chars().next().unwrap()).collect()
    }

    #[test]
    fn folds_the_well_known_cases() {
        for (a, b, equal) in [
            ("STRASSE", "strasse", true),
            ("Straße", "STRASSE", false),
            ("STRAẞE", "straße", true),
            ("ΣΊΣΥΦΟΣ", "σίσυφος", true),
            ("\u{212A}ey", "key", true),
            ("ſelect", "SELECT", true),
            ("İ", "i", false),
            ("ı", "I", false),
            ("ÀÉ", "àé", true),
        ] {
            assert_eq!(folded(a) == folded(b), equal, "{a} {b}");
        }
    }
}
