//! Encodings of values: UTF-16 and Base64 at an unknown offset.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::modifier::Modifier;

/// The value's bytes, in UTF-8 or the UTF-16 a modifier asks for.
pub(crate) fn to_bytes(text: &str, encoding: Option<Modifier>) -> Vec<u8> {
    match encoding {
        Some(Modifier::Utf16Le) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Some(Modifier::Utf16Be) => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        // The appendix: a byte order mark FF FE, then little end first.
        Some(Modifier::Utf16) => {
            [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
        }
        _ => text.as_bytes().to_vec(),
    }
}

/// The value in Base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The three texts of which one stands inside the Base64 of anything that contains the bytes:
/// encoded after 0, 1 and 2 foreign bytes, without the characters those and what follows share. A single byte
/// has no character of its own at two of the offsets; those say nothing and are left out.
pub(crate) fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    const FOREIGN_CHARACTERS: [usize; 3] = [0, 2, 3];
    (0..3)
        .map(|offset| {
            let mut padded = vec![b' '; offset];
            padded.extend_from_slice(bytes);
            let mut encoded = STANDARD.encode(&padded);
            let shared_at_end = match padded.len() % 3 {
                0 => 0,
                1 => 3,
                _ => 2,
            };
            encoded.truncate(encoded.len() - shared_at_end);
            encoded.split_off(FOREIGN_CHARACTERS.get(offset).copied().unwrap_or(0).min(encoded.len()))
        })
        .filter(|own| !own.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn encodes_as_the_appendix_shows() {
        assert_eq!(to_bytes("cmd", Some(Modifier::Utf16Le)), b"c\0m\0d\0");
        assert_eq!(to_bytes("cmd", Some(Modifier::Utf16Be)), b"\0c\0m\0d");
        assert_eq!(to_bytes("cmd", Some(Modifier::Utf16)), b"\xFF\xFEc\0m\0d\0");
        assert_eq!(base64(b"cmd"), "Y21k");
        // The well-known triple for "foobar".
        assert_eq!(base64_offsets(b"foobar"), ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
    }

    proptest! {
        #[test]
        fn some_offset_stands_in_every_encoding(
            before in prop::collection::vec(any::<u8>(), 0..9),
            value in prop::collection::vec(any::<u8>(), 3..20),
            after in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let offset = before.len() % 3;
            let whole = base64(&[before, value.clone(), after].concat());
            let variants = base64_offsets(&value);
            prop_assert!(whole.contains(&variants[offset]), "{whole} {variants:?}");
        }
    }
}
