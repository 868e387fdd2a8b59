//! Names of files.

/// Longest name, in characters.
pub const NAME_CHARS_MAX: usize = 100;

/// A name that is safe to show and to save under: the last part of a path, without control characters and those that turn text
/// around, with one of `extensions` at its end (the first is added if none is there).
pub fn file_name(name: &str, extensions: &[&str]) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | ';' | '%')
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    };
    let kept: String = last.chars().map(|c| if is_odd(c) { '_' } else { c }).collect();
    let kept = kept.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let has_ending = kept.rsplit_once('.').is_some_and(|(stem, ending)| {
        !stem.is_empty() && extensions.iter().any(|known| known.eq_ignore_ascii_case(ending))
    });
    let (stem, ending) = match kept.rsplit_once('.').filter(|_| has_ending) {
        Some((stem, ending)) => (stem, Some(ending)),
        None => (kept, extensions.first().copied()),
    };
    let room = NAME_CHARS_MAX.saturating_sub(ending.map_or(0, |ending| ending.len() + 1));
    let stem: String = stem.chars().take(room).collect();
    let stem = if stem.is_empty() { "file" } else { &stem };
    ending.map_or_else(|| stem.to_owned(), |ending| format!("{stem}.{ending}"))
}
