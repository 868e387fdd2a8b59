//! Parts of a rule in words, as near to its YAML as fits a line.

use crate::rule::{Item, Scalar, Search};

/// Values named of a long list.
const VALUES_NAMED_MAX: usize = 3;
/// Items named of a long search.
const ITEMS_NAMED_MAX: usize = 6;
/// Characters of one value.
const VALUE_CHARS_MAX: usize = 60;

/// `` `field|modifier: value` ``.
pub(crate) fn item(item: &Item) -> String {
    format!("`{}`", bare_item(item))
}

fn bare_item(item: &Item) -> String {
    if let Some(elements) = &item.elements {
        return format!("{}: {{{}}}", bare_key(item), search_in_words(&elements.body));
    }
    let values: Vec<String> = item.values.iter().take(VALUES_NAMED_MAX).map(plain).collect();
    let more = if item.values.len() > VALUES_NAMED_MAX { ", …" } else { "" };
    let values = match values.as_slice() {
        [one] if item.values.len() == 1 => one.clone(),
        several => format!("[{}{more}]", several.join(", ")),
    };
    match bare_key(item) {
        key if key.is_empty() => values,
        key => format!("{key}: {values}"),
    }
}

/// `` `field|modifier` ``, or `keywords`.
pub(crate) fn key(item: &Item) -> String {
    let key = bare_key(item);
    if key.is_empty() { "keywords".to_owned() } else { format!("`{key}`") }
}

pub(crate) fn bare_key(item: &Item) -> String {
    let mut key = item.field.clone().unwrap_or_default();
    if let Some(elements) = &item.elements {
        key.push_str(&format!("[{}]", elements.quantifier.as_str()));
    }
    for modifier in &item.modifiers {
        key.push('|');
        key.push_str(modifier.as_str());
    }
    key
}

/// One value.
pub(crate) fn value(value: &Scalar) -> String {
    format!("`{}`", plain(value))
}

/// One value, as written.
pub(crate) fn plain(value: &Scalar) -> String {
    let text = match value {
        Scalar::Null => "null".to_owned(),
        Scalar::Bool(b) => b.to_string(),
        Scalar::Number(_, text) => text.clone(),
        Scalar::Text(text) if text.is_empty() => "''".to_owned(),
        Scalar::Text(text) => text.clone(),
    };
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The first items of a search, as near to its YAML as fits a line: `a: x, b|contains: [y, z, …]`.
pub fn search_in_words(search: &Search) -> String {
    let items = search.items();
    let named: Vec<String> = items.iter().take(ITEMS_NAMED_MAX).map(|item| bare_item(item)).collect();
    let more = if items.len() > ITEMS_NAMED_MAX { ", …" } else { "" };
    format!("{}{more}", named.join(", "))
}
