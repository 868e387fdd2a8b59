//! JSON text (RFC 8259) onto a tape, in one pass. Strings stay as they were sent: one with escapes is decoded when
//! somebody asks for it, and most never are.

use wide::u8x16;

use super::{Builder, EMPTY, NESTING_DEPTH_MAX, Payload, Place, Refused, Span, TapeError, step};

/// Bytes that are looked at together.
const BLOCK_BYTES: usize = 16;

impl<'r> Builder<'_, 'r> {
    /// Reads the whole text: one value, with nothing but white space around it.
    pub(super) fn document(&mut self, place: Place) -> Result<(), Refused> {
        self.value(EMPTY, place, 0)?;
        match self.next_byte() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end of the record")),
        }
    }

    fn value(&mut self, key: Span, place: Place, depth: u32) -> Result<(), Refused> {
        let payload = match self.next_byte() {
            Some(b'"') => self.string()?.payload(self),
            Some(b'{') => return self.object(key, place, depth),
            Some(b'[') => return self.array(key, place, depth),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Payload::Bool(true))?,
            Some(b'f') => self.word("false", Payload::Bool(false))?,
            Some(b'n') => self.word("null", Payload::Null)?,
            _ => return Err(self.unexpected("a value")),
        };
        self.push(key, place, payload).map(|_| ())
    }

    fn open(&mut self, payload: Payload, key: Span, place: Place, depth: u32) -> Result<u32, Refused> {
        if depth >= NESTING_DEPTH_MAX {
            return Err(TapeError::TooDeep.into());
        }
        self.at += 1;
        self.push(key, place, payload)
    }

    fn array(&mut self, key: Span, place: Place, depth: u32) -> Result<(), Refused> {
        let at = self.open(Payload::Array, key, place, depth)?;
        if self.next_byte() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(EMPTY, place, depth + 1)?;
            match self.next_byte() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.unexpected("`,` or `]`")),
            }
        }
        self.at += 1;
        self.close(at);
        Ok(())
    }

    fn object(&mut self, key: Span, place: Place, depth: u32) -> Result<(), Refused> {
        let at = self.open(Payload::Object, key, place, depth)?;
        if self.next_byte() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.next_byte() != Some(b'"') {
                return Err(self.unexpected("a key in quotes"));
            }
            let (key, place_below) = self.key(place)?;
            if self.next_byte() != Some(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.at += 1;
            self.value(key, place_below, depth + 1)?;
            match self.next_byte() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.unexpected("`,` or `}`")),
            }
        }
        self.at += 1;
        self.close(at);
        self.note_pair(at, place);
        Ok(())
    }

    fn key(&mut self, place: Place) -> Result<(Span, Place), Refused> {
        let sent = self.string()?;
        if sent.is_escaped {
            let start = self.tape.text.len();
            decode_onto(&self.record[sent.start..sent.end], &mut self.tape.text);
            let text = &self.tape.text[start..];
            let below = step(self.fields, self.vocabulary, place, text);
            return Ok((Span { start: start as u32, len: text.len() as u32, decoded: true }, below));
        }
        let below = step(self.fields, self.vocabulary, place, &self.record[sent.start..sent.end]);
        Ok((sent.span(), below))
    }

    /// The next byte that is no white space; stays before it.
    #[inline]
    fn next_byte(&mut self) -> Option<u8> {
        match self.record.as_bytes().get(self.at) {
            Some(&byte) if byte > b' ' => Some(byte),
            _ => self.skip_space(),
        }
    }

    fn skip_space(&mut self) -> Option<u8> {
        let bytes = self.record.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    fn word(&mut self, word: &str, payload: Payload) -> Result<Payload, Refused> {
        if !self.record.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.unexpected(word));
        }
        self.at += word.len();
        Ok(payload)
    }

    /// A string, of which the opening quote is next.
    #[inline]
    fn string(&mut self) -> Result<Sent, Refused> {
        let bytes = self.record.as_bytes();
        let start = self.at + 1;
        let (mut at, mut is_escaped) = (start, false);
        'blocks: while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK_BYTES>()) {
            let marks = Marks::of(*block);
            let mut left = marks.any();
            while left != 0 {
                let mark = left.trailing_zeros();
                let found = at + mark as usize;
                if marks.quotes >> mark & 1 == 1 {
                    self.at = found + 1;
                    return Ok(Sent { start, end: found, is_escaped });
                }
                if marks.backslashes >> mark & 1 == 0 {
                    return Err(control_character(found));
                }
                is_escaped = true;
                let after = self.escape(found)?;
                if after - at >= BLOCK_BYTES {
                    at = after;
                    continue 'blocks;
                }
                left &= u32::MAX << (after - at);
            }
            at += BLOCK_BYTES;
        }
        self.string_to_end(start, at, is_escaped)
    }

    /// The rest of a string that may end with the record's last bytes, from `at` on.
    fn string_to_end(&mut self, start: usize, mut at: usize, mut is_escaped: bool) -> Result<Sent, Refused> {
        loop {
            match self.record.as_bytes().get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_escaped = true;
                    at = self.escape(at)?;
                }
                Some(0..=0x1f) => return Err(control_character(at)),
                Some(_) => at += 1,
                None => return Err(invalid(at, "a string does not end")),
            }
        }
        self.at = at + 1;
        Ok(Sent { start, end: at, is_escaped })
    }

    /// Where the escape at `at` ends, if it is one.
    #[inline]
    fn escape(&mut self, at: usize) -> Result<usize, Refused> {
        match self.record.as_bytes().get(at + 1) {
            Some(&letter) if IS_ESCAPE[usize::from(letter)] => Ok(at + 2),
            Some(b'u') => self.escape_by_code(at),
            _ => Err(invalid(at, "an escape that JSON does not have")),
        }
    }

    #[cold]
    fn escape_by_code(&mut self, at: usize) -> Result<usize, Refused> {
        self.tape.is_verbatim = false;
        let (_, len) = code_point(&self.record.as_bytes()[at..])
            .ok_or_else(|| invalid(at, "an escape that is no character"))?;
        Ok(at + len)
    }

    fn number(&mut self) -> Result<Payload, Refused> {
        let bytes = &self.record.as_bytes()[self.at..];
        let is_negative = bytes.first() == Some(&b'-');
        let first = usize::from(is_negative);
        let (mut value, mut is_exact) = (0u64, true);
        let mut end = first;
        while let Some(digit @ b'0'..=b'9') = bytes.get(end) {
            let next = value.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(digit - b'0')));
            is_exact &= next.is_some();
            value = next.unwrap_or(value);
            end += 1;
        }
        if end == first || (bytes[first] == b'0' && end > first + 1) {
            return Err(invalid(self.at, "a number that JSON does not have"));
        }
        if matches!(bytes.get(end), Some(b'.' | b'e' | b'E')) || !is_exact {
            return self.float(end);
        }
        let payload = if !is_negative {
            Payload::Uint(value)
        } else if value == 0 {
            // the sign of a zero is kept
            return self.float(end);
        } else {
            match 0i64.checked_sub_unsigned(value) {
                Some(value) => Payload::Int(value),
                None => return self.float(end),
            }
        };
        self.at += end;
        Ok(payload)
    }

    /// A number that is no integer of 64 bits; its digits before the point end at `end`.
    #[cold]
    fn float(&mut self, mut end: usize) -> Result<Payload, Refused> {
        let bytes = &self.record.as_bytes()[self.at..];
        let digits = |end: &mut usize| {
            let first = *end;
            while bytes.get(*end).is_some_and(u8::is_ascii_digit) {
                *end += 1;
            }
            *end > first
        };
        let mut is_valid = true;
        if bytes.get(end) == Some(&b'.') {
            end += 1;
            is_valid &= digits(&mut end);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            end += 1;
            end += usize::from(matches!(bytes.get(end), Some(b'+' | b'-')));
            is_valid &= digits(&mut end);
        }
        let value = self.record[self.at..self.at + end].parse::<f64>().ok().filter(|value| value.is_finite());
        let Some(value) = value.filter(|_| is_valid) else {
            return Err(invalid(self.at, "a number that JSON does not have, or beyond a double's range"));
        };
        self.tape.is_verbatim = false;
        self.at += end;
        Ok(Payload::Float(value))
    }

    #[cold]
    fn unexpected(&self, expected: &str) -> Refused {
        let reason = if self.at >= self.record.len() {
            format!("the record ends where {expected} should be")
        } else {
            format!("{expected} expected")
        };
        TapeError::InvalidJson { offset: self.at, reason }.into()
    }
}

#[cold]
fn control_character(offset: usize) -> Refused {
    invalid(offset, "a control character in a string")
}

#[cold]
fn invalid(offset: usize, reason: &str) -> Refused {
    TapeError::InvalidJson { offset, reason: reason.to_owned() }.into()
}

/// A string as it was sent, without its quotes: bytes of the record.
struct Sent {
    start: usize,
    end: usize,
    is_escaped: bool,
}

impl Sent {
    fn span(&self) -> Span {
        Span { start: self.start as u32, len: (self.end - self.start) as u32, decoded: false }
    }

    fn payload(&self, builder: &mut Builder<'_, '_>) -> Payload {
        if !self.is_escaped {
            return Payload::Str(self.span());
        }
        builder.tape.escaped.push(self.span())
    }
}

/// Which bytes of a block end a stretch of plain characters, the first by the lowest bit.
struct Marks {
    quotes: u32,
    backslashes: u32,
    controls: u32,
}

impl Marks {
    #[inline]
    fn of(block: [u8; BLOCK_BYTES]) -> Self {
        let block = u8x16::new(block);
        Self {
            quotes: block.simd_eq(u8x16::splat(b'"')).to_bitmask(),
            backslashes: block.simd_eq(u8x16::splat(b'\\')).to_bitmask(),
            controls: block.min(u8x16::splat(0x1f)).simd_eq(block).to_bitmask(),
        }
    }

    #[inline]
    fn any(&self) -> u32 {
        self.quotes | self.backslashes | self.controls
    }
}

/// The letters of one-letter escapes.
const IS_ESCAPE: [bool; 256] = {
    let (mut table, mut at) = ([false; 256], 0);
    let letters = b"\"\\/bfnrt";
    while at < letters.len() {
        table[letters[at] as usize] = true;
        at += 1;
    }
    table
};

/// The character of `\uXXXX`, or of two of them that are a surrogate pair (RFC 8259 §7), and the bytes it takes.
fn code_point(escape: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = escape.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, &digit| Some(unit * 16 + char::from(digit).to_digit(16)?))
    };
    let first = unit(0)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let second = unit(6).filter(|second| (0xDC00..0xE000).contains(second) && first < 0xDC00)?;
    let character = char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))?;
    Some((character, 12))
}

/// Appends what a string's bytes between its quotes mean. They were read before, so that every escape is one.
pub(super) fn decode_onto(sent: &str, out: &mut String) {
    let mut rest = sent;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let escape = &rest.as_bytes()[at..];
        let (character, len) = match escape.get(1) {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => code_point(escape).unwrap_or((char::REPLACEMENT_CHARACTER, 2)),
            Some(&other) => (char::from(other), 2),
            None => (char::REPLACEMENT_CHARACTER, 1),
        };
        out.push(character);
        rest = rest.get(at + len..).unwrap_or_default();
    }
    out.push_str(rest);
}
