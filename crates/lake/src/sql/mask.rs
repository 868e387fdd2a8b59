//! Tokens in the place of personal values.

use arrow::array::{Array, ArrayRef, StringViewArray, StringViewBuilder, new_null_array};
use arrow::datatypes::DataType;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What a token begins with.
pub(super) const PREFIX: &str = "masked:";

/// Hex digits of a token: 48 bits, so that a million values of one column meet with a chance of 1 in 500.
const DIGITS: usize = 12;

/// Bytes of a mask's key.
pub const MASK_KEY_BYTES: usize = 32;

/// Replaces values by tokens: HMAC-SHA-256 (RFC 2104) under a key of this installation, cut short. The same
/// value has the same token in every column, so a masked answer can still be grouped, joined and followed.
#[derive(Clone)]
pub struct Masker {
    keyed: Hmac<Sha256>,
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Masker")
    }
}

impl Masker {
    /// Under this key.
    pub fn new(key: &[u8; MASK_KEY_BYTES]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 §2)")]
        let keyed = Hmac::new_from_slice(key).expect("a key of any length");
        Self { keyed }
    }

    /// The token of one value.
    pub fn token(&self, value: &str) -> String {
        use fmt::Write;
        let mut mac = self.keyed.clone();
        mac.update(value.as_bytes());
        let mut token = String::with_capacity(PREFIX.len() + DIGITS);
        token.push_str(PREFIX);
        for byte in mac.finalize().into_bytes().iter().take(DIGITS / 2) {
            let _ = write!(token, "{byte:02x}");
        }
        token
    }

    /// A column of tokens for one of values. What is not text has no token and becomes null.
    pub(super) fn column(&self, values: &ArrayRef) -> ArrayRef {
        let Some(texts) = values.as_any().downcast_ref::<StringViewArray>() else {
            return new_null_array(values.data_type(), values.len());
        };
        let mut known: HashMap<&str, String> = HashMap::new();
        let mut tokens = StringViewBuilder::with_capacity(texts.len()).with_deduplicate_strings();
        for text in texts {
            match text {
                Some(text) => {
                    tokens.append_value(known.entry(text).or_insert_with(|| self.token(text)));
                }
                None => tokens.append_null(),
            }
        }
        Arc::new(tokens.finish())
    }

    /// A column of nulls in the place of text.
    pub(super) fn nothing(rows: usize) -> ArrayRef {
        new_null_array(&DataType::Utf8View, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_tokens_under_one_key_only() {
        let (one, other) = (Masker::new(&[1; MASK_KEY_BYTES]), Masker::new(&[2; MASK_KEY_BYTES]));
        assert_eq!(one.token("alice"), one.token("alice"));
        assert_ne!(one.token("alice"), one.token("bob"));
        assert_ne!(one.token("alice"), other.token("alice"));
        assert_eq!(one.token("").len(), PREFIX.len() + DIGITS);
    }

    #[test]
    fn nulls_stay_and_what_is_not_text_becomes_null() {
        let masker = Masker::new(&[1; MASK_KEY_BYTES]);
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("a")]));
        let masked = masker.column(&texts);
        let masked = masked.as_any().downcast_ref::<StringViewArray>().unwrap();
        assert_eq!((masked.value(0), masked.is_null(1)), (masked.value(2), true));
        assert_eq!(masked.value(0), masker.token("a"));
        let numbers: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![1, 2]));
        assert_eq!(masker.column(&numbers).null_count(), 2);
    }
}
