//! Records that a shipper has wrapped as a text in another object: a line of a log, as CloudWatch Logs
//! (`{"message": "{…}"}`) or Azure Monitor (`{"properties": {"log": "{…}"}}`) carry it.

use crate::audit_text::Decoded;

/// The object that stands as a text at the first of `paths` where there is one.
///
/// `None` when the record is wrapped in none of them; what is no JSON is left for the parse to refuse.
pub(crate) fn unwrap<'d, 'p>(
    body: &[u8],
    paths: impl IntoIterator<Item = &'p Vec<String>>,
    decoded: &'d mut Decoded,
) -> Option<&'d [u8]> {
    let text = paths.into_iter().find_map(|path| {
        let value = sonic_rs::get(body, path).ok()?;
        let text = sonic_rs::from_str::<String>(value.as_raw_str()).ok()?;
        text.trim_start().starts_with('{').then_some(text)
    })?;
    decoded.json.clear();
    decoded.json.extend_from_slice(text.as_bytes());
    Some(&decoded.json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_record_is_opened() {
        let paths = [vec!["message".to_owned()], vec!["properties".to_owned(), "log".to_owned()]];
        let cases: &[(&str, Option<&str>)] = &[
            (r#"{"message":"{\"a\":\"\\u00e9\"}"}"#, Some(r#"{"a":"\u00e9"}"#)),
            (r#"{"x":[{"message":"{}"}],"properties":{"y":1,"log":" {\"a\":1}"}}"#, Some(r#" {"a":1}"#)),
            (r#"{"message":"plain words"}"#, None),
            (r#"{"message":{"a":1}}"#, None),
            (r#"{"a":1}"#, None),
            (r#"{"message":"{"#, None),
            ("[1]", None),
            ("", None),
        ];
        for (body, expected) in cases {
            let mut decoded = Decoded::default();
            let opened = unwrap(body.as_bytes(), &paths, &mut decoded);
            assert_eq!(opened.map(|bytes| std::str::from_utf8(bytes).unwrap()), *expected, "{body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            let _ = unwrap(&bytes, &[vec!["message".to_owned()]], &mut Decoded::default());
        }
    }
}
