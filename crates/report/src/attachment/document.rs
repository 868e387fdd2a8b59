//! Documents and texts.

use super::{Kind, Refusal, Taken, has_markup, judge_of};

/// Where `%%EOF` must stand, in bytes from the end.
const PDF_END_BYTES: usize = 1_024;
/// Names of what a PDF does when it is opened, or carries along (ISO 32000-1, 12.6 and 7.11).
const PDF_ACTIVE: [&[u8]; 8] = [
    b"JavaScript",
    b"Launch",
    b"EmbeddedFile",
    b"EmbeddedFiles",
    b"RichMedia",
    b"XFA",
    b"SubmitForm",
    b"ImportData",
];
/// How far markup is looked for at the beginning of a text, in bytes.
const TEXT_START_BYTES: usize = 1_024;

/// A PDF: from its first byte, to its own end, that neither does nor carries anything. Its compressed parts are not looked into.
pub(super) fn pdf(bytes: &[u8]) -> Result<Taken, Refusal> {
    let end = memchr::memmem::rfind(bytes, b"%%EOF")
        .ok_or(Refusal::Damaged("the end of the document is missing"))?;
    let behind = bytes.get(end + 5..).unwrap_or_default();
    if end + PDF_END_BYTES < bytes.len()
        || !behind.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0)
    {
        return Err(Refusal::Polyglot("something stands behind the document"));
    }
    if has_markup(bytes) {
        return Err(Refusal::Polyglot("a page inside of a document"));
    }
    if memchr::memchr_iter(b'/', bytes).any(|at| is_active(bytes.get(at + 1..).unwrap_or_default())) {
        return Err(Refusal::Active("a script, a form or a file inside of the document"));
    }
    Ok(Taken::as_sent(Kind::Document, "application/pdf", &["pdf"], bytes))
}

/// Whether what stands here is a name of what does something. Two letters come by chance in compressed parts, so a script's key must have a
/// text, or the number of one, behind it.
fn is_active(bytes: &[u8]) -> bool {
    let (name, rest) = pdf_name(bytes);
    if name == b"JS" {
        return matches!(rest.trim_ascii_start().first(), Some(b'(' | b'<' | b'0'..=b'9'));
    }
    PDF_ACTIVE.contains(&name.as_slice())
}

/// A name's characters, `#4A` read as `J`, as many as the longest that matters and one; and what follows.
fn pdf_name(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut name = Vec::with_capacity(16);
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        let (byte, after) = match after {
            [a, b, after @ ..] if *first == b'#' => match (hex(*a), hex(*b)) {
                (Some(a), Some(b)) => ((a * 16 + b) as u8, after),
                _ => break,
            },
            _ => (*first, after),
        };
        let is_end =
            *first != b'#' && (byte.is_ascii_whitespace() || byte == 0 || b"()<>[]{}/%".contains(&byte));
        if is_end || name.len() > 14 {
            break;
        }
        name.push(byte);
        rest = after;
    }
    (name, rest)
}

/// A text: UTF-8, or UTF-16 with its mark, without what no log holds; not a page or a drawing.
pub(super) fn text(bytes: &[u8]) -> Result<Taken, Refusal> {
    let not_text = Refusal::Kind { found: "application/octet-stream" };
    let (text, removed) = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => {
            (String::from_utf8(rest.to_vec()).ok(), vec!["the mark of its encoding"])
        }
        [0xFF, 0xFE, rest @ ..] => (utf16(rest, u16::from_le_bytes), vec!["its encoding, UTF-16"]),
        [0xFE, 0xFF, rest @ ..] => (utf16(rest, u16::from_be_bytes), vec!["its encoding, UTF-16"]),
        _ => (String::from_utf8(bytes.to_vec()).ok(), Vec::new()),
    };
    let text = text.ok_or(not_text)?;
    if text.is_empty() {
        return Err(Refusal::Empty);
    }
    if judge_of(text.as_bytes()).is_some() {
        return Err(Refusal::Polyglot("another file behind the mark of an encoding"));
    }
    // colours of terminals begin with an escape
    let is_odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{C}' | '\u{1B}' | '\u{85}');
    if text.chars().any(is_odd) {
        return Err(not_text);
    }
    let start = text.trim_start();
    let near = start.get(..start.floor_char_boundary(TEXT_START_BYTES)).unwrap_or_default();
    if near.starts_with('<') && has_markup(near.as_bytes()) {
        return Err(Refusal::Active("a page or a drawing with scripts"));
    }
    let extensions: &[&str] =
        &["txt", "log", "csv", "json", "jsonl", "md", "yaml", "yml", "toml", "patch", "diff", "eml"];
    Ok(Taken {
        kind: Kind::Text,
        media_type: "text/plain; charset=utf-8",
        extensions,
        bytes: text.into_bytes(),
        removed,
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    rest.is_empty().then(|| char::decode_utf16(units).collect::<Result<String, _>>().ok())?
}
