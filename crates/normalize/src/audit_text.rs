//! Records of the Linux audit system, from text to JSON.
//!
//! An event of auditd is several lines with one id; the door keeps them together as one record:
//!
//! ```text
//! type=SYSCALL msg=audit(1700000000.123:42): arch=c000003e syscall=59 … comm="id" exe="/usr/bin/id"
//! type=EXECVE msg=audit(1700000000.123:42): argc=1 a0="id"
//! ```
//!
//! becomes `{"audit_id":"1700000000.123:42","time":1700000000123,"records":[{"type":"SYSCALL",…},…]}`. Values are
//! texts as auditd writes them; what it encodes in hexadecimal because somebody outside chose it (the
//! audit project's "audit event fields", and `audit_log_untrustedstring` of the kernel) is decoded. `EXECVE` has
//! its arguments as `argv` too.

/// Most lines of one event that are read; auditd itself writes far fewer.
const LINES_MAX: usize = 1_024;

/// Fields that hold a text from outside: in quotes, or in hexadecimal when it has spaces, quotes or worse.
const UNTRUSTED: &[&str] = &[
    "acct",
    "cmd",
    "comm",
    "cwd",
    "data",
    "dir",
    "exe",
    "file",
    "key",
    "name",
    "new-disk",
    "ocomm",
    "old-disk",
    "path",
    "proctitle",
    "root_dir",
    "sw",
    "vm",
    "watch",
];
/// Words that mean "no value".
const NO_VALUE: [&str; 2] = ["?", "(null)"];
/// Between what the kernel says and what auditd adds to it.
const ENRICHED: char = '\u{1d}';

/// Reusable buffers of one record's decoding.
#[derive(Debug, Default)]
pub struct Decoded {
    pub(crate) json: Vec<u8>,
    bytes: Vec<u8>,
}

/// The head of a line: `node=… type=… msg=audit(time:serial):`.
struct Line<'l> {
    node: Option<&'l str>,
    of: &'l str,
    id: &'l str,
    rest: &'l str,
}

impl<'l> Line<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        let (head, after) = line.split_once("audit(")?;
        let (id, rest) = after.split_once(')')?;
        let word = |key: &str| head.split_whitespace().find_map(|word| word.strip_prefix(key));
        Some(Self {
            node: word("node="),
            of: word("type=")?,
            id,
            rest: rest.strip_prefix(':').unwrap_or(rest),
        })
    }
}

/// The lines of one event as one JSON object; `None` when the first is not a line of auditd.
///
/// Lines of other events between them are left out: they belong to other records.
pub(crate) fn decode<'d>(text: &str, decoded: &'d mut Decoded) -> Option<&'d [u8]> {
    decoded.json.clear();
    let mut lines = text.lines().filter_map(Line::parse).take(LINES_MAX).peekable();
    let first = lines.peek()?;
    let (id, node) = (first.id, first.node);
    decoded.raw(b"{");
    decoded.member("audit_id", id);
    if let Some(time_ms) = time_ms(id) {
        decoded.raw(b",\"time\":");
        decoded.raw(time_ms.to_string().as_bytes());
    }
    if let Some(node) = node {
        decoded.raw(b",");
        decoded.member("node", node);
    }
    decoded.raw(b",\"records\":[");
    let mut is_first = true;
    for line in lines.filter(|line| line.id == id && line.of != "EOE") {
        decoded.raw(if is_first { b"{" } else { b",{" });
        is_first = false;
        decoded.member("type", line.of);
        decoded.fields(line.of, line.rest);
        decoded.raw(b"}");
    }
    decoded.raw(b"]}");
    Some(&decoded.json)
}

/// Milliseconds since the epoch, of `seconds.milliseconds:serial`.
fn time_ms(id: &str) -> Option<i64> {
    let (seconds, ms) = id.split_once(':')?.0.split_once('.')?;
    seconds.parse::<i64>().ok()?.checked_mul(1_000)?.checked_add(ms.parse().ok().filter(|ms| *ms < 1_000)?)
}

impl Decoded {
    fn raw(&mut self, bytes: &[u8]) {
        self.json.extend_from_slice(bytes);
    }

    fn member(&mut self, key: &str, value: &str) {
        self.string(key);
        self.raw(b":");
        self.string(value);
    }

    fn string(&mut self, text: &str) {
        self.raw(b"\"");
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.json.extend([b'\\', byte]),
                0..0x20 => self.json.extend(format!("\\u{byte:04x}").bytes()),
                _ => self.json.push(byte),
            }
        }
        self.raw(b"\"");
    }

    fn fields(&mut self, of: &str, rest: &str) {
        let mut permissions = None;
        tokens(rest, &mut |token| match token {
            Token::Field { key, value } => self.field(of, key, value),
            Token::Word("denied" | "granted") if of == "AVC" => {
                let Token::Word(word) = token else { return };
                self.raw(b",");
                self.member("seresult", word);
            }
            Token::Word(_) => {}
            Token::Braced(words) => permissions = Some(words),
        });
        if let Some(permissions) = permissions {
            self.raw(b",");
            self.member("seperms", permissions.trim());
        }
        if of == "EXECVE" {
            self.raw(b",\"argv\":[");
            let mut is_first = true;
            tokens(rest, &mut |token| {
                if let Token::Field { key, value } = token
                    && is_argument(key)
                {
                    if !is_first {
                        self.raw(b",");
                    }
                    is_first = false;
                    self.value(value, true);
                }
            });
            self.raw(b"]");
        }
    }

    fn field(&mut self, of: &str, key: &str, value: &str) {
        if NO_VALUE.contains(&value) {
            return;
        }
        self.raw(b",");
        self.string(key);
        self.raw(b":");
        let is_untrusted = UNTRUSTED.contains(&key) || (of == "EXECVE" && is_argument(key));
        self.value(value, is_untrusted);
    }

    /// A value in quotes, in hexadecimal, or as it stands. A list of audit keys is an array.
    fn value(&mut self, value: &str, is_untrusted: bool) {
        if let Some(quoted) = value.strip_prefix('"') {
            return self.string(quoted.strip_suffix('"').unwrap_or(quoted));
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        if is_untrusted && unhex(value, &mut bytes) {
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim_end_matches('\0');
            if text.contains('\u{1}') {
                for (n, part) in text.split('\u{1}').enumerate() {
                    self.raw(if n == 0 { b"[" } else { b"," });
                    self.string(part);
                }
                self.raw(b"]");
            } else if text.contains('\0') {
                self.string(&text.replace('\0', " "));
            } else {
                self.string(text);
            }
        } else {
            self.string(value);
        }
        self.bytes = bytes;
    }
}

/// `a0`, `a1`, … and `a1[0]`, the parts of a long one.
fn is_argument(key: &str) -> bool {
    let Some(rest) = key.strip_prefix('a') else { return false };
    let digits = rest.split('[').next().unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn unhex(text: &str, into: &mut Vec<u8>) -> bool {
    into.clear();
    if text.is_empty() || !text.len().is_multiple_of(2) {
        return false;
    }
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    for pair in text.as_bytes().chunks_exact(2) {
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else { return false };
        into.push(high << 4 | low);
    }
    true
}

#[derive(Clone, Copy)]
enum Token<'t> {
    Field {
        key: &'t str,
        value: &'t str,
    },
    Word(&'t str),
    /// `{ read write }`
    Braced(&'t str),
}

/// The `key=value` pairs of a line and the words between them; `msg='…'` is opened.
fn tokens<'t>(text: &'t str, each: &mut impl FnMut(Token<'t>)) {
    let is_gap = |c: char| c.is_whitespace() || c == ENRICHED;
    let mut rest = text.trim_start_matches(is_gap);
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('{') {
            let (words, after) = inside.split_once('}').unwrap_or((inside, ""));
            each(Token::Braced(words));
            rest = after.trim_start_matches(is_gap);
            continue;
        }
        let end = rest.find(is_gap).unwrap_or(rest.len());
        let key = rest[..end].split_once('=').map(|(key, _)| key.trim_start_matches('('));
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            each(Token::Word(rest[..end].trim_matches([',', ':', '(', ')'])));
            rest = rest[end..].trim_start_matches(is_gap);
            continue;
        };
        let value = rest.split_once('=').map_or("", |(_, value)| value);
        if let Some(inside) = value.strip_prefix('\'') {
            let (inside, after) = inside.rsplit_once('\'').unwrap_or((inside, ""));
            tokens_below(inside, each);
            rest = after.trim_start_matches(is_gap);
            continue;
        }
        let len = match value.strip_prefix('"').and_then(|inside| inside.find('"')) {
            Some(quote) => quote + 2,
            None => value.find(is_gap).unwrap_or(value.len()),
        };
        each(Token::Field { key, value: trimmed(&value[..len]) });
        rest = value[len..].trim_start_matches(is_gap);
    }
}

/// The inside of `msg='…'`, which nests no deeper.
fn tokens_below<'t>(text: &'t str, each: &mut impl FnMut(Token<'t>)) {
    if !text.contains('\'') {
        return tokens(text, each);
    }
    text.split('\'').for_each(|part| tokens(part, each));
}

/// Without the punctuation of older messages: `(hostname=?, addr=?, res=success)`.
fn trimmed(value: &str) -> &str {
    if value.starts_with(['(', '"']) { value } else { value.trim_end_matches([',', ')']) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(text: &str) -> Value {
        let mut decoded = Decoded::default();
        serde_json::from_slice(decode(text, &mut decoded).unwrap()).unwrap()
    }

    #[test]
    fn lines_of_one_event_become_one_record() {
        let text = "node=web1 type=SYSCALL msg=audit(1700000000.123:42): arch=c000003e syscall=59 success=yes \
                    a0=55 auid=1000 comm=\"id\" exe=\"/usr/bin/id\" key=(null)\u{1d}ARCH=x86_64 SYSCALL=execve\n\
                    type=SYSCALL msg=audit(1700000000.124:43): syscall=1\n\
                    type=EXECVE msg=audit(1700000000.123:42): argc=2 a0=\"id\" a1=2D2D68656C70206D65\n\
                    type=EOE msg=audit(1700000000.123:42): \n";
        let expected = json!({
            "audit_id": "1700000000.123:42", "time": 1_700_000_000_123_i64, "node": "web1",
            "records": [
                {"type": "SYSCALL", "arch": "c000003e", "syscall": "59", "success": "yes", "a0": "55", "auid": "1000",
                 "comm": "id", "exe": "/usr/bin/id", "ARCH": "x86_64", "SYSCALL": "execve"},
                {"type": "EXECVE", "argc": "2", "a0": "id", "a1": "--help me", "argv": ["id", "--help me"]},
            ],
        });
        assert_eq!(read(text), expected);
    }

    #[test]
    fn fields_are_told_apart() {
        type Case = (&'static str, &'static str, Value);
        let cases: &[Case] = &[
            (
                "USER_LOGIN",
                "pid=1 uid=0 msg='op=login id=1000 exe=\"/usr/sbin/sshd\" addr=192.0.2.1 terminal=? res=success'",
                json!({"pid": "1", "uid": "0", "op": "login", "id": "1000", "exe": "/usr/sbin/sshd", "addr": "192.0.2.1", "res": "success"}),
            ),
            (
                "USER_AUTH",
                "msg='PAM: authentication acct=\"ana\" : exe=\"/bin/su\" (hostname=?, addr=?, terminal=tty1 res=failed)'",
                json!({"acct": "ana", "exe": "/bin/su", "terminal": "tty1", "res": "failed"}),
            ),
            (
                "AVC",
                "avc:  denied  { read write } for  pid=7 comm=\"x y\" tclass=dir",
                json!({"seresult": "denied", "seperms": "read write", "pid": "7", "comm": "x y", "tclass": "dir"}),
            ),
            ("PROCTITLE", "proctitle=6C73002D6C", json!({"proctitle": "ls -l"})),
            (
                "SYSCALL",
                "key=65786563013634626974 subj==unconfined",
                json!({"key": ["exec", "64bit"], "subj": "=unconfined"}),
            ),
            ("PATH", "name=(null) inode=1 dev=fd:01", json!({"inode": "1", "dev": "fd:01"})),
        ];
        for (of, rest, fields) in cases {
            let mut expected = fields.clone();
            expected["type"] = json!(of);
            let record = read(&format!("type={of} msg=audit(1.000:1): {rest}"))["records"][0].clone();
            assert_eq!(record, expected, "{rest}");
        }
    }

    #[test]
    fn other_text_is_not_taken() {
        for text in ["", "hello", "type=X", "type=X msg=audit(1.0:1", "audit(1.0:1): no type"] {
            assert!(decode(text, &mut Decoded::default()).is_none(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_follows_is_json(rest in "[ -~\u{1d}é'\"{}=(),]{0,60}", of in "[A-Z]{1,8}|EXECVE|AVC") {
            read(&format!("type={of} msg=audit(1.000:1): {rest}"));
        }
    }
}
