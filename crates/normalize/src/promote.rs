//! From the JSON of a value to the value of a column.

use model::{ColumnId, ColumnKind, ColumnValues};

/// The promoted values of one event, with where in its JSON each stands, so that a value can be taken back
/// with the object that it is in.
#[derive(Debug, Default)]
pub(crate) struct Promoted {
    values: ColumnValues,
    places: Vec<(ColumnId, usize)>,
}

impl Promoted {
    pub(crate) fn values(&self) -> &ColumnValues {
        &self.values
    }

    pub(crate) fn clear(&mut self) {
        if !self.places.is_empty() {
            self.values.clear();
            self.places.clear();
        }
    }

    /// Takes back what stands at or after `mark`.
    pub(crate) fn take_back(&mut self, mark: usize) {
        while let Some((column, _)) = self.places.pop_if(|(_, at)| *at >= mark) {
            self.values.take_back(column);
        }
    }

    /// Sets a column from JSON that this crate wrote at `at`, unless an earlier member of an array did. A
    /// text column takes the text of a string, and anything else as its JSON.
    pub(crate) fn put(&mut self, column: ColumnId, at: usize, json: &[u8]) {
        if self.values.get(column).is_some() {
            return;
        }
        let Some(kind) = column.column().map(|column| column.kind) else { return };
        let Ok(json) = std::str::from_utf8(json) else { return };
        match (kind, json.strip_prefix('"').and_then(|json| json.strip_suffix('"'))) {
            (ColumnKind::Text, None) => self.values.put_text(column, json),
            (ColumnKind::Text, Some(inner)) => {
                self.values.put_text_with(column, |text| unescape(inner, text));
            }
            (ColumnKind::Int, _) => match json.parse() {
                Ok(value) => self.values.put_int(column, value),
                Err(_) => return,
            },
        }
        self.places.push((column, at));
    }
}

/// Appends the text of the inside of a JSON string (RFC 8259 §7) that is well-formed.
fn unescape(mut json: &str, text: &mut String) {
    while let Some(at) = memchr::memchr(b'\\', json.as_bytes()) {
        text.push_str(&json[..at]);
        let rest = &json[at + 1..];
        let (character, used) = match rest.as_bytes().first() {
            Some(b'n') => ('\n', 1),
            Some(b'r') => ('\r', 1),
            Some(b't') => ('\t', 1),
            Some(b'b') => ('\u{8}', 1),
            Some(b'f') => ('\u{c}', 1),
            Some(b'u') => escaped_unit(rest),
            Some(&byte) if byte.is_ascii() => (char::from(byte), 1),
            _ => ('\\', 0),
        };
        text.push(character);
        json = rest.get(used..).unwrap_or_default();
    }
    text.push_str(json);
}

/// The character of `uXXXX`, or of two of them that are a surrogate pair, and how many bytes they take.
fn escaped_unit(rest: &str) -> (char, usize) {
    let unit = |at: usize| rest.get(at..at + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    match (unit(1), rest.get(5..7), unit(7)) {
        (Some(high @ 0xD800..0xDC00), Some("\\u"), Some(low @ 0xDC00..0xE000)) => {
            let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11)
        }
        (Some(code), _, _) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 5),
        (None, _, _) => (char::REPLACEMENT_CHARACTER, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ColumnValue, column_of};

    proptest::proptest! {
        #[test]
        fn a_string_is_promoted_as_its_text(text in "(?s).{0,40}") {
            let column = column_of("message").unwrap();
            let mut promoted = Promoted::default();
            promoted.put(column, 0, serde_json::to_string(&text).unwrap().as_bytes());
            proptest::prop_assert_eq!(promoted.values().get(column), Some(ColumnValue::Text(&text)));
        }
    }

    #[test]
    fn surrogate_pairs_are_one_character() {
        let mut text = String::new();
        unescape(r"a\ud83d\ude00b\u00e9", &mut text);
        assert_eq!(text, "a😀bé");
    }

    #[test]
    fn what_stands_in_an_object_that_is_dropped_is_taken_back() {
        let (name, uid) = (column_of("user.name").unwrap(), column_of("user.uid").unwrap());
        let mut promoted = Promoted::default();
        promoted.put(name, 10, br#""bob""#);
        promoted.put(uid, 30, br#""u1""#);
        promoted.take_back(20);
        assert_eq!(promoted.values().get(name), Some(ColumnValue::Text("bob")));
        assert_eq!(promoted.values().get(uid), None);
    }
}
