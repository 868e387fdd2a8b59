//! Where a plan writes an event to.

use crate::promote::Promoted;
use model::{ColumnId, Kind, Node, Scalar};

/// A place in the output: `actor.user.uid` of one case.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// `"name":`, or nothing for a member of an array.
    pub(crate) key: Box<str>,
    /// The column that what stands here is promoted to.
    pub(crate) column: Option<ColumnId>,
}

/// A value of the wanted type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Out<'a> {
    Text(&'a str),
    Lower(&'a str),
    Upper(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// JSON that was prepared at load.
    Ready(&'a str),
    /// A part of the record as JSON.
    Tree(Node<'a>),
    /// A part of the record as text that holds its JSON.
    TreeText(Node<'a>),
    /// The scalars of an array as one text.
    Join(Node<'a>, &'a str),
}

/// Takes an event, member by member in output order.
///
/// Objects and arrays are opened before it is known whether they will have members; `close` says
/// whether to keep them. The mark that `open` gives belongs to the matching `close`.
pub(crate) trait EventSink {
    fn open_object(&mut self, slot: &Slot) -> usize;
    fn close_object(&mut self, mark: usize, keep: bool);
    fn open_array(&mut self, slot: &Slot) -> usize;
    fn close_array(&mut self, mark: usize, keep: bool);
    fn put(&mut self, slot: &Slot, value: Out<'_>);
    /// A text of several parts; `part` is called with the sink's writer for each.
    fn put_parts(&mut self, slot: &Slot, parts: &mut dyn Iterator<Item = Out<'_>>);
}

/// Writes JSON straight into a byte buffer, and what is promoted beside it.
pub(crate) struct JsonSink<'b> {
    pub(crate) buffer: &'b mut Vec<u8>,
    pub(crate) promoted: &'b mut Promoted,
}

impl JsonSink<'_> {
    fn key(&mut self, slot: &Slot) {
        if !matches!(self.buffer.last(), None | Some(b'{' | b'[')) {
            self.buffer.push(b',');
        }
        self.buffer.extend_from_slice(slot.key.as_bytes());
    }

    fn close(&mut self, mark: usize, keep: bool, bracket: u8) {
        if keep {
            self.buffer.push(bracket);
        } else {
            self.buffer.truncate(mark);
            self.promoted.take_back(mark);
        }
    }

    /// The value that was written from `start` on, once more as a column's.
    fn promote(&mut self, slot: &Slot, start: usize) {
        if let Some(column) = slot.column {
            self.promoted.put(column, start, &self.buffer[start..]);
        }
    }
}

impl EventSink for JsonSink<'_> {
    fn open_object(&mut self, slot: &Slot) -> usize {
        let mark = self.buffer.len();
        self.key(slot);
        self.buffer.push(b'{');
        mark
    }

    fn close_object(&mut self, mark: usize, keep: bool) {
        self.close(mark, keep, b'}');
    }

    fn open_array(&mut self, slot: &Slot) -> usize {
        let mark = self.buffer.len();
        self.key(slot);
        self.buffer.push(b'[');
        mark
    }

    fn close_array(&mut self, mark: usize, keep: bool) {
        self.close(mark, keep, b']');
    }

    fn put(&mut self, slot: &Slot, value: Out<'_>) {
        self.key(slot);
        let start = self.buffer.len();
        write_value(self.buffer, value);
        self.promote(slot, start);
    }

    fn put_parts(&mut self, slot: &Slot, parts: &mut dyn Iterator<Item = Out<'_>>) {
        self.key(slot);
        let start = self.buffer.len();
        self.buffer.push(b'"');
        for part in parts {
            write_text_part(self.buffer, part);
        }
        self.buffer.push(b'"');
        self.promote(slot, start);
    }
}

fn write_value(buffer: &mut Vec<u8>, value: Out<'_>) {
    match value {
        Out::Int(v) => write_int(buffer, v),
        Out::Float(v) => write_float(buffer, v),
        Out::Bool(v) => buffer.extend_from_slice(if v { b"true" } else { b"false" }),
        Out::Ready(json) => buffer.extend_from_slice(json.as_bytes()),
        Out::Tree(node) => write_tree(buffer, node),
        text => {
            buffer.push(b'"');
            write_text_part(buffer, text);
            buffer.push(b'"');
        }
    }
}

/// Anything as the inside of a JSON string.
fn write_text_part(buffer: &mut Vec<u8>, part: Out<'_>) {
    let start = buffer.len();
    match part {
        Out::Text(text) | Out::Ready(text) => escape(buffer, text),
        Out::Lower(text) => {
            escape(buffer, text);
            lower_escaped(&mut buffer[start..]);
        }
        Out::Upper(text) => escape_upper(buffer, text),
        Out::Int(v) => write_int(buffer, v),
        Out::Float(v) => write_float(buffer, v),
        Out::Bool(v) => buffer.extend_from_slice(if v { b"true" } else { b"false" }),
        Out::Tree(node) | Out::TreeText(node) => {
            write_tree(buffer, node);
            escape_in_place(buffer, start);
        }
        Out::Join(node, separator) => {
            let mut first = true;
            for scalar in node.children().filter_map(|child| child.scalar()) {
                if scalar == Scalar::Null {
                    continue;
                }
                if !first {
                    escape(buffer, separator);
                }
                first = false;
                write_text_part(buffer, of_scalar(scalar));
            }
        }
    }
}

/// Lower case changes no escape: `\uXXXX` and `\n` are written in lower case already.
fn lower_escaped(bytes: &mut [u8]) {
    bytes.make_ascii_lowercase();
}

fn escape_upper(buffer: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            escape_byte(buffer, byte);
        } else {
            buffer.push(byte.to_ascii_uppercase());
        }
    }
}

pub(crate) fn of_scalar(scalar: Scalar<'_>) -> Out<'_> {
    match scalar {
        Scalar::Null => Out::Ready("null"),
        Scalar::Bool(v) => Out::Bool(v),
        Scalar::Int(v) => Out::Int(v),
        Scalar::Uint(v) => i64::try_from(v).map_or(Out::Float(v as f64), Out::Int),
        Scalar::Float(v) => Out::Float(v),
        Scalar::Str(text) => Out::Text(text),
    }
}

/// A part of the record as JSON. Recursion is bounded by the tape's nesting depth.
pub(crate) fn write_tree(buffer: &mut Vec<u8>, node: Node<'_>) {
    if let Some(scalar) = node.scalar() {
        return match scalar {
            Scalar::Uint(v) => write_uint(buffer, v),
            scalar => write_value(buffer, of_scalar(scalar)),
        };
    }
    let is_object = node.kind() == Kind::Object;
    buffer.push(if is_object { b'{' } else { b'[' });
    let mut first = true;
    for child in node.children() {
        if !first {
            buffer.push(b',');
        }
        first = false;
        if is_object {
            buffer.push(b'"');
            escape(buffer, child.key());
            buffer.extend_from_slice(b"\":");
        }
        write_tree(buffer, child);
    }
    buffer.push(if is_object { b'}' } else { b']' });
}

pub(crate) fn write_int(buffer: &mut Vec<u8>, value: i64) {
    if value < 0 {
        buffer.push(b'-');
    }
    write_uint(buffer, value.unsigned_abs());
}

fn write_uint(buffer: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    buffer.extend_from_slice(&digits[at..]);
}

/// JSON has no infinities; the parser gives none, but a null is safer than broken JSON.
fn write_float(buffer: &mut Vec<u8>, value: f64) {
    use std::io::Write;
    if value.is_finite() {
        // a write to a vector cannot fail
        let _ = write!(buffer, "{value:?}");
    } else {
        buffer.extend_from_slice(b"null");
    }
}

/// Whether each byte must be escaped inside a JSON string (RFC 8259 §7).
const MUST_ESCAPE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

/// Appends `text` as the inside of a JSON string, whole clean runs at a time; eight bytes are looked at
/// together, because most text has nothing to escape.
pub(crate) fn escape(buffer: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let (mut start, mut at) = (0, 0);
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let special = special_bytes(u64::from_le_bytes(*chunk));
        if special == 0 {
            at += 8;
            continue;
        }
        at += special.trailing_zeros() as usize / 8;
        buffer.extend_from_slice(&bytes[start..at]);
        escape_byte(buffer, bytes[at]);
        at += 1;
        start = at;
    }
    for (i, &byte) in bytes.iter().enumerate().skip(at) {
        if MUST_ESCAPE[byte as usize] {
            buffer.extend_from_slice(&bytes[start..i]);
            escape_byte(buffer, byte);
            start = i + 1;
        }
    }
    buffer.extend_from_slice(&bytes[start..]);
}

/// The high bit of each byte that must be escaped. Borrows can mark bytes above the first one wrongly,
/// so only the lowest mark counts (Hacker's Delight, 6-1).
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let is_zero = |w: u64| w.wrapping_sub(ONES) & !w & HIGH;
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    control | is_zero(word ^ (ONES * b'"' as u64)) | is_zero(word ^ (ONES * b'\\' as u64))
}

fn escape_byte(buffer: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => buffer.extend_from_slice(b"\\\""),
        b'\\' => buffer.extend_from_slice(b"\\\\"),
        b'\n' => buffer.extend_from_slice(b"\\n"),
        b'\r' => buffer.extend_from_slice(b"\\r"),
        b'\t' => buffer.extend_from_slice(b"\\t"),
        _ => {
            let hex = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            buffer.extend_from_slice(b"\\u00");
            buffer.extend_from_slice(&hex);
        }
    }
}

/// Escapes JSON text that stands in the buffer from `start` on, moving it from its end to make room.
/// JSON text has no raw control characters, so quotes and backslashes are all there is.
fn escape_in_place(buffer: &mut Vec<u8>, start: usize) {
    let is_special = |byte: &&u8| matches!(byte, b'"' | b'\\');
    let more = buffer[start..].iter().filter(is_special).count();
    let mut read = buffer.len();
    let mut write = read + more;
    buffer.resize(write, 0);
    while write > read {
        read -= 1;
        write -= 1;
        buffer[write] = buffer[read];
        if is_special(&&buffer[read]) {
            write -= 1;
            buffer[write] = b'\\';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn escaped_text_is_read_back(text in "(?s).{0,40}") {
            let mut json = vec![b'"'];
            escape(&mut json, &text);
            json.push(b'"');
            proptest::prop_assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
        }

        #[test]
        fn escaping_in_place_is_escaping(text in "(?s).{0,40}") {
            let inner = serde_json::to_string(&text).unwrap();
            let mut json = vec![b'"'];
            json.extend_from_slice(inner.as_bytes());
            escape_in_place(&mut json, 1);
            json.push(b'"');
            proptest::prop_assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), inner);
        }

        #[test]
        fn numbers_are_written_as_they_are(value: i64) {
            let mut json = Vec::new();
            write_int(&mut json, value);
            proptest::prop_assert_eq!(String::from_utf8(json).unwrap(), value.to_string());
        }
    }
}
