//! Finds where JSON values begin and end, without building or judging them.
//!
//! A door splits bodies; whether a record is good JSON is for normalize to say. So this scanner only
//! follows strings and brackets. It does not recurse: depth is a counter, and no depth overflows a stack.

use memchr::memchr2;

/// Why the scanner could not find the end of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScanError {
    /// The text ends inside a value.
    #[error("the text ends inside a value that begins at byte {start}")]
    Truncated {
        /// Where the unfinished value begins.
        start: usize,
    },
    /// Something else stands there.
    #[error("expected {expected} at byte {offset}")]
    Unexpected {
        /// Where.
        offset: usize,
        /// What would have been right.
        expected: &'static str,
    },
}

/// What a byte means to the scanner inside an array or object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Quote,
    Open,
    Close,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    classes[b'"' as usize] = Class::Quote;
    classes[b'{' as usize] = Class::Open;
    classes[b'[' as usize] = Class::Open;
    classes[b'}' as usize] = Class::Close;
    classes[b']' as usize] = Class::Close;
    classes
};

/// The first byte at or after `at` that is not JSON white space.
pub(crate) fn skip_space(bytes: &[u8], at: usize) -> usize {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    at + bytes[at..].iter().take_while(|b| is_space(b)).count()
}

/// `bytes` without white space at its ends.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// One past the last byte of the value that begins at `at`.
///
/// Brackets are counted, not matched by kind, and scalars end at the next delimiter: a malformed value
/// has an end too, as long as its strings are closed and its brackets are as many.
///
/// # Errors
/// [`ScanError`] when there is no value or it does not end.
pub(crate) fn value_end(bytes: &[u8], at: usize) -> Result<usize, ScanError> {
    match bytes.get(at) {
        None => Err(ScanError::Truncated { start: at }),
        Some(b'"') => string_end(bytes, at),
        Some(b'{' | b'[') => container_end(bytes, at),
        Some(_) => {
            let is_end = |b: &u8| matches!(b, b',' | b']' | b'}' | b':' | b' ' | b'\t' | b'\r' | b'\n');
            let len = bytes[at..].iter().position(is_end).unwrap_or(bytes.len() - at);
            if len == 0 {
                return Err(ScanError::Unexpected { offset: at, expected: "a value" });
            }
            Ok(at + len)
        }
    }
}

/// Up to this length a string's end is looked for byte by byte.
const SHORT_STRING_BYTES: usize = 24;

fn string_end(bytes: &[u8], start: usize) -> Result<usize, ScanError> {
    let mut at = start + 1;
    // most strings are shorter than what a vector search costs to set up
    for &byte in bytes.get(at..).unwrap_or_default().iter().take(SHORT_STRING_BYTES) {
        match byte {
            b'"' => return Ok(at + 1),
            b'\\' => break,
            _ => at += 1,
        }
    }
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        if bytes[at + found] == b'"' {
            return Ok(at + found + 1);
        }
        at += found + 2;
    }
    Err(ScanError::Truncated { start })
}

fn container_end(bytes: &[u8], start: usize) -> Result<usize, ScanError> {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(plain) =
        bytes.get(at..).and_then(|rest| rest.iter().position(|&b| CLASSES[usize::from(b)] != Class::Plain))
    {
        at += plain;
        match CLASSES[usize::from(bytes[at])] {
            Class::Quote => at = string_end(bytes, at)?,
            Class::Open => {
                depth += 1;
                at += 1;
            }
            _ => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return Ok(at);
                }
            }
        }
    }
    Err(ScanError::Truncated { start })
}

/// The members of an array whose `[` stands at `start`: each one's span, then the end of the array.
#[derive(Debug)]
pub(crate) struct Elements<'b> {
    bytes: &'b [u8],
    at: usize,
    start: usize,
    /// One past the `]`, once it was reached.
    end: Option<usize>,
    first: bool,
}

impl<'b> Elements<'b> {
    /// Reads the array that begins at `start`.
    pub(crate) fn new(bytes: &'b [u8], start: usize) -> Self {
        Self { bytes, at: start + 1, start, end: None, first: true }
    }

    /// One past the `]`; `None` until every member was read.
    pub(crate) fn end(&self) -> Option<usize> {
        self.end
    }

    fn step(&mut self) -> Result<Option<&'b [u8]>, ScanError> {
        let truncated = ScanError::Truncated { start: self.start };
        self.at = skip_space(self.bytes, self.at);
        let (found, first) = (self.bytes.get(self.at), self.first);
        self.first = false;
        match found {
            None => return Err(truncated),
            Some(b']') => {
                self.end = Some(self.at + 1);
                return Ok(None);
            }
            Some(b',') if !first => self.at = skip_space(self.bytes, self.at + 1),
            Some(_) if first => {}
            Some(_) => return Err(ScanError::Unexpected { offset: self.at, expected: "a comma or ]" }),
        }
        if self.at >= self.bytes.len() {
            return Err(truncated);
        }
        let end = value_end(self.bytes, self.at)?;
        let value = &self.bytes[self.at..end];
        self.at = end;
        Ok(Some(value))
    }
}

impl<'b> Iterator for Elements<'b> {
    type Item = Result<&'b [u8], ScanError>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.end.is_some() {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.end = Some(self.bytes.len());
        }
        step.transpose()
    }
}

/// One member of an object: its key as written between the quotes, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member<'b> {
    /// The key, escapes not resolved.
    pub(crate) key: &'b [u8],
    /// The value's bytes.
    pub(crate) value: &'b [u8],
}

/// The members of an object whose `{` stands at `start`.
#[derive(Debug)]
pub(crate) struct Members<'b> {
    bytes: &'b [u8],
    at: usize,
    start: usize,
    done: bool,
    first: bool,
}

impl<'b> Members<'b> {
    /// Reads the object that begins at `start`.
    pub(crate) fn new(bytes: &'b [u8], start: usize) -> Self {
        Self { bytes, at: start + 1, start, done: false, first: true }
    }

    fn expect(&mut self, wanted: u8, expected: &'static str) -> Result<(), ScanError> {
        self.at = skip_space(self.bytes, self.at);
        match self.bytes.get(self.at) {
            None => Err(ScanError::Truncated { start: self.start }),
            Some(&found) if found == wanted => Ok(()),
            Some(_) => Err(ScanError::Unexpected { offset: self.at, expected }),
        }
    }

    /// The next key, and where its value begins; the caller says with [`go_on`](Self::go_on) where it ends.
    pub(crate) fn next_key(&mut self) -> Result<Option<(&'b [u8], usize)>, ScanError> {
        self.at = skip_space(self.bytes, self.at);
        if self.bytes.get(self.at) == Some(&b'}') {
            self.done = true;
            return Ok(None);
        }
        if !std::mem::take(&mut self.first) {
            self.expect(b',', "a comma or }")?;
            self.at += 1;
        }
        self.expect(b'"', "a key in quotes")?;
        let key_end = string_end(self.bytes, self.at)?;
        let key = &self.bytes[self.at + 1..key_end - 1];
        self.at = key_end;
        self.expect(b':', "a colon")?;
        Ok(Some((key, skip_space(self.bytes, self.at + 1))))
    }

    /// Goes on behind the value that ends here.
    pub(crate) fn go_on(&mut self, value_end: usize) {
        self.at = value_end;
    }

    /// One past the `}`, once [`next_key`](Self::next_key) gave `None`.
    pub(crate) fn end(&self) -> usize {
        self.at + 1
    }

    fn step(&mut self) -> Result<Option<Member<'b>>, ScanError> {
        let Some((key, start)) = self.next_key()? else { return Ok(None) };
        self.at = value_end(self.bytes, start)?;
        Ok(Some(Member { key, value: &self.bytes[start..self.at] }))
    }
}

impl<'b> Iterator for Members<'b> {
    type Item = Result<Member<'b>, ScanError>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step();
        self.done |= step.is_err();
        step.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_they_end() {
        let cases: &[(&str, Result<usize, ScanError>)] = &[
            (r#"{"a":"}"} x"#, Ok(9)),
            (r#""a\"b" "#, Ok(6)),
            (r#""a\\" "#, Ok(5)),
            ("[[],{}],", Ok(7)),
            ("12,", Ok(2)),
            ("true", Ok(4)),
            (r#"{"a":1"#, Err(ScanError::Truncated { start: 0 })),
            (r#""abc"#, Err(ScanError::Truncated { start: 0 })),
            (r#""abc\"#, Err(ScanError::Truncated { start: 0 })),
            (r#"[""#, Err(ScanError::Truncated { start: 1 })),
            ("", Err(ScanError::Truncated { start: 0 })),
            (",", Err(ScanError::Unexpected { offset: 0, expected: "a value" })),
        ];
        for (text, expected) in cases {
            assert_eq!(&value_end(text.as_bytes(), 0), expected, "{text}");
        }
    }

    #[test]
    fn depth_never_overflows_the_stack() {
        let deep = [b"[".repeat(5_000_000), b"]".repeat(5_000_000)].concat();
        assert_eq!(value_end(&deep, 0), Ok(10_000_000));
        assert!(value_end(&deep[..9_999_999], 0).is_err());
    }

    #[test]
    fn members_are_read_in_order() {
        let text = br#" { "a" : 1 , "b":{"c":[2]},"d":"x" } "#;
        let read: Vec<_> =
            Members::new(text, 1).map(|m| m.map(|m| (m.key.to_vec(), m.value.to_vec())).unwrap()).collect();
        let expected: Vec<(Vec<u8>, Vec<u8>)> =
            [("a", "1"), ("b", r#"{"c":[2]}"#), ("d", r#""x""#)].map(|(k, v)| (k.into(), v.into())).into();
        assert_eq!(read, expected);
        for bad in ["{\"a\" 1}", "{a:1}", "{\"a\":1 \"b\":2}", "{\"a\":", "{\"a\":1,", "{"] {
            assert!(Members::new(bad.as_bytes(), 0).any(|m| m.is_err()), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            let _ = value_end(&bytes, 0);
            if !bytes.is_empty() {
                let _ = Members::new(&bytes, 0).count();
                let _ = Elements::new(&bytes, 0).count();
            }
        }
    }
}
