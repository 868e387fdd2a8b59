//! Lists in pages, by key instead of by offset: a page costs the same however deep it lies.

use super::StoreError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Most items of one page.
pub const PAGE_ITEMS_MAX: u32 = 500;

/// Longest text of a cursor, in bytes.
pub const CURSOR_BYTES_MAX: usize = 256;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at most; backends cut it to 1 to [`PAGE_ITEMS_MAX`].
    pub items_max: u32,
    /// Where the page before ended; `None` for the first page.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// The first page.
    pub const fn first(items_max: u32) -> Self {
        Self { items_max, after: None }
    }

    /// The page after `cursor`.
    pub const fn after(items_max: u32, cursor: Cursor) -> Self {
        Self { items_max, after: Some(cursor) }
    }

    /// How many items, within the limits.
    pub fn items(&self) -> u32 {
        self.items_max.clamp(1, PAGE_ITEMS_MAX)
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::first(50)
    }
}

/// Some items of a list, and where it goes on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// Ask for the next page with this; `None` at the end.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Makes a page of `items`, of which one more than `items_max` was fetched if there are more.
    pub fn of(mut items: Vec<T>, items_max: u32, cursor: impl FnOnce(&T) -> Cursor) -> Self {
        let items_max = items_max as usize;
        let next = if items.len() > items_max {
            items.truncate(items_max);
            items.last().map(cursor)
        } else {
            None
        };
        Self { items, next }
    }
}

/// Where a page ended: the list's name, the sort keys and the id of its last item. Opaque to clients, safe in
/// a URL without escaping, and no secret: it gives nothing that the page did not show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor of `list` (a name without `~`); for backends.
    pub fn new(list: &'static str, keys: &[i64], id: &str) -> Self {
        let mut text = list.to_owned();
        for key in keys {
            text.push_str(&format!("~{key}"));
        }
        text.push('~');
        text.push_str(id);
        Self(text)
    }

    /// Takes a cursor from a client apart; for backends.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when it belongs to another list or is damaged.
    pub fn parts<const N: usize>(&self, list: &str) -> Result<([i64; N], &str), StoreError> {
        let mut parts = self.0.split('~');
        if parts.next() != Some(list) {
            return Err(StoreError::BadCursor);
        }
        let mut keys = [0; N];
        for key in &mut keys {
            *key = parts.next().and_then(|k| k.parse().ok()).ok_or(StoreError::BadCursor)?;
        }
        match (parts.next(), parts.next()) {
            (Some(id), None) => Ok((keys, id)),
            _ => Err(StoreError::BadCursor),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Cursor {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        let fits = text.len() <= CURSOR_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(StoreError::BadCursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_cursor_gives_back_its_parts(a: i64, b: i64, id in "[a-zA-Z0-9_/.-]{0,60}") {
            let cursor: Cursor = Cursor::new("incidents", &[a, b], &id).to_string().parse().unwrap();
            proptest::prop_assert_eq!(cursor.parts::<2>("incidents").unwrap(), ([a, b], id.as_str()));
            proptest::prop_assert!(cursor.parts::<2>("findings").is_err());
            proptest::prop_assert!(cursor.parts::<1>("incidents").is_err());
        }

        #[test]
        fn any_text_gives_an_answer(text: String) {
            if let Ok(cursor) = text.parse::<Cursor>() {
                let _ = cursor.parts::<2>("incidents");
            }
        }
    }

    #[test]
    fn a_page_ends_where_the_items_end() {
        let cursor = |n: &i64| Cursor::new("n", &[*n], "");
        assert_eq!(Page::of(vec![1, 2], 2, cursor).next, None);
        let page = Page::of(vec![1, 2, 3], 2, cursor);
        assert_eq!((page.items, page.next), (vec![1, 2], Some(Cursor::new("n", &[2], ""))));
    }
}
