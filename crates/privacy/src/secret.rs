//! Secrets: what is dense enough to be one, and what only stands where one would.

use crate::check::{Accepted, Candidate};
use crate::detectors::Detectors;
use crate::view::{MASKED, STAND_IN};
use foldhash::HashSet;

/// How dense a key is, in bits a character (Shannon, over its own characters), at least.
const KEY_BITS_MIN: f64 = 2.8;

/// The same where nothing but the density speaks for it.
const DENSE_BITS_MIN: f64 = 4.2;

/// A line of a key without an end line has so many characters of base64 in a row.
const KEY_LINE_CHARS_MIN: usize = 20;

/// At most so many lines that are blank or headers stand before the first line of a key without an end line.
const KEY_HEADER_LINES_MAX: usize = 8;

/// The longest word of such a header, in characters.
const HEADER_WORD_CHARS_MAX: usize = 32;

/// What a line may end in without belonging to it.
const LINE_END: [char; 4] = [' ', '\t', '\r', '\n'];

/// Words that decide about secrets.
#[derive(Debug, Clone)]
pub(crate) struct SecretWords {
    not_secrets: HashSet<String>,
    system_accounts: HashSet<String>,
    service_mailboxes: Vec<String>,
}

impl SecretWords {
    pub(crate) fn new(detectors: &Detectors) -> Self {
        Self {
            not_secrets: detectors.not_secrets.iter().cloned().collect(),
            system_accounts: detectors.system_accounts.iter().cloned().collect(),
            service_mailboxes: detectors.service_mailboxes.clone(),
        }
    }

    pub(crate) fn is_persons_mail(&self, value: &str) -> bool {
        let lower = value.to_ascii_lowercase();
        !self.service_mailboxes.iter().any(|mailbox| lower.starts_with(mailbox.as_str()))
    }

    pub(crate) fn is_persons_account(&self, value: &str) -> bool {
        !self.system_accounts.contains(&value.to_ascii_lowercase())
    }

    /// Whether a value of at least so many bytes is more than a placeholder, a word that says there is none, or a
    /// reference to where it is.
    pub(crate) fn is_secret(&self, value: &str, bytes_min: usize) -> bool {
        let bare = value.trim_end_matches(['.', ',', ';', ':', ')', ']', '}', '?', '!']);
        let lower = bare.to_ascii_lowercase();
        let lower = lower.trim_start_matches(['"', '\'', '(', '[', '{', '\\']);
        let reference = [
            "$",
            "<",
            "%(",
            "%s",
            "{{",
            "${",
            "#{",
            "@{",
            "****",
            "...",
            "xxxx",
            "env.",
            "process.env",
            "os.environ",
            "getenv",
            "secrets.",
            "vault:",
            "http://",
            "https://",
            "config.",
            "params.",
            "request.",
            "self.",
            "this.",
        ];
        let one = lower.bytes().next();
        value.len() >= bytes_min
            && !lower.is_empty()
            && !self.not_secrets.contains(lower)
            && !reference.iter().any(|start| lower.starts_with(start))
            && !lower.bytes().all(|byte| Some(byte) == one)
            && !is_call(bare)
    }

    /// A word with letters, and digits or signs, of six or more.
    pub(crate) fn strong_word(&self, candidate: Candidate<'_>) -> Option<Accepted> {
        let value = candidate.value().trim_end_matches(['.', ',', ';', ':', ')']);
        let letters = value.chars().any(char::is_alphabetic);
        let digits = value.bytes().any(|byte| byte.is_ascii_digit());
        let signs = value.bytes().any(|byte| b"!@#$%^&*+?~".contains(&byte));
        let plain = value.contains("://") || value.starts_with(['/', '(', '[', '-']);
        (value.len() >= 6 && letters && (digits || signs) && !plain && self.is_secret(value, 6))
            .then(|| candidate.accept_until(candidate.start + value.len()))?
    }

    /// Dense, not a name with dots, not a path.
    pub(crate) fn secret_key(&self, candidate: Candidate<'_>) -> Option<Accepted> {
        let value = candidate.value();
        let digits = value.bytes().filter(u8::is_ascii_digit).count();
        let upper = value.bytes().any(|byte| byte.is_ascii_uppercase());
        let lower = value.bytes().any(|byte| byte.is_ascii_lowercase());
        let path = value.starts_with(['/', '.', '~']);
        let mixed = digits > 0 || (upper && lower && value.len() >= 16);
        let name = digits == 0 && value.contains(['.', '_', '-']);
        (mixed && !name && !path && bits(value) >= KEY_BITS_MIN && self.is_secret(value, 8))
            .then(|| candidate.accept())?
    }
}

/// `name(`, `name[…]` or `a.b.c`: what a program would look up.
fn is_call(value: &str) -> bool {
    let name_bytes =
        value.bytes().take_while(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.')).count();
    name_bytes > 2 && matches!(value.as_bytes().get(name_bytes), Some(b'(' | b'['))
}

/// Letters and digits both.
pub(crate) fn is_mixed(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_digit()) && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Letters of both cases, digits, and as dense as chance makes it.
pub(crate) fn is_dense(value: &str) -> bool {
    is_mixed(value)
        && value.bytes().any(|byte| byte.is_ascii_uppercase())
        && value.bytes().any(|byte| byte.is_ascii_lowercase())
        && bits(value) >= DENSE_BITS_MIN
}

/// Shannon's entropy of the bytes, in bits a byte, rounded so that both readers agree at the limit.
fn bits(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    value.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = value.len() as f64;
    let sum: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / length;
            -share * share.log2()
        })
        .sum();
    (sum * 1_000.0).round() / 1_000.0
}

/// Two or more segments, the first a header of JSON.
pub(crate) fn jwt(candidate: Candidate<'_>) -> Option<Accepted> {
    let value = candidate.value().trim_end_matches(['.', '=', '-']);
    let mut segments = value.split('.');
    let header = segments.next().unwrap_or_default();
    let body = segments.next().unwrap_or_default();
    (header.len() >= 10 && body.len() >= 4).then(|| candidate.accept_until(candidate.start + value.len()))?
}

/// From the begin line to the end line. Without one before the next key begins, as far as lines look like a key, past
/// the headers that may stand first (RFC 1421, section 4.6; RFC 9580, section 6.2.2).
pub(crate) fn pem(candidate: Candidate<'_>, work: &mut usize) -> Option<Accepted> {
    let rest = &candidate.text[candidate.end..];
    // what begins next is looked at by itself, so nothing is read twice
    let rest = &rest[..rest.find("-----BEGIN").unwrap_or(rest.len())];
    *work += rest.len();
    if let Some(end_line) = rest.find("-----END") {
        let after_word = &rest[end_line + 8..];
        let line = &after_word[..after_word.find('\n').unwrap_or(after_word.len())];
        let close = line.find("-----").map_or(0, |at| at + 5);
        return candidate.accept_until(candidate.end + end_line + 8 + close);
    }
    let (mut at, mut end) = (candidate.end, candidate.end);
    let (mut skipped, mut begun) = (0, false);
    for line in rest.split_inclusive('\n') {
        let header = is_blank_or_header(line);
        if looks_like_key(line) {
            end = at + line.trim_end_matches(LINE_END).len();
            // a header can be as dense as a key, and more of them may follow
            begun |= !header;
        } else if at > candidate.end {
            skipped += 1;
            if begun || !header || skipped > KEY_HEADER_LINES_MAX {
                break;
            }
        }
        at += line.len();
    }
    candidate.accept_until(end)
}

/// Nothing on the line but marks of quoting or what stands for an image, or `Word: value`.
fn is_blank_or_header(line: &str) -> bool {
    let bare = line.trim_start_matches([' ', '\t', '\r', '\n', '>', '|', MASKED, STAND_IN]);
    let Some((word, value)) = bare.split_once(':') else { return bare.is_empty() };
    word.len() <= HEADER_WORD_CHARS_MAX
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && (value.starts_with(' ') || value.trim_end_matches(LINE_END).is_empty())
}

fn looks_like_key(line: &str) -> bool {
    let mut run = 0;
    line.bytes().any(|byte| {
        run = if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') { run + 1 } else { 0 };
        run >= KEY_LINE_CHARS_MIN
    })
}

/// Any token of this form; certain if its last six characters are the CRC-32 of the rest after the prefix, in base 62
/// (GitHub, "Behind GitHub's new authentication token formats").
pub(crate) fn github_token(candidate: Candidate<'_>) -> Option<Accepted> {
    const BASE_62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let value = candidate.value();
    let secret = value.split_once('_').map_or("", |(_, secret)| secret).as_bytes();
    let certain = !value.starts_with("github") && secret.len() == 36 && {
        let (body, sum) = secret.split_at(30);
        let mut number = u64::from(crc_32(body));
        let mut digits = [b'0'; 6];
        for digit in digits.iter_mut().rev() {
            *digit = BASE_62[(number % 62) as usize];
            number /= 62;
        }
        digits == sum
    };
    Some(Accepted { start: candidate.start, end: candidate.end, certain })
}

/// CRC-32 of ISO-HDLC, bit by bit: thirty bytes a token.
fn crc_32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}
