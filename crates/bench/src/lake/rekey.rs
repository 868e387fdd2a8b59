//! Real records, as often as one likes: each copy with ids, addresses, names and times of its own.
//!
//! A record is cut once into text that stays and places that change. In copy number `n` each place gets a value of
//! the same shape that follows from the old value and `n`, so what was equal within a copy stays equal (a session's
//! events stay one session) and nothing is equal between copies, but for people, machines, accounts and addresses:
//! those come from pools, as there are only so many in one organisation.

use regex::{Captures, Regex};
use std::collections::HashMap;
use std::fmt::Write;

/// How many there are in all copies together.
const PEOPLE: u64 = 5_000;
const MACHINES: u64 = 3_000;
const ACCOUNTS: u64 = 200;
const ADDRESSES: u64 = 50_000;

/// What of a record is an id, an address or a time, whatever member it stands in.
const PLACES: &str = r"(?x)
    (?P<iso>\d{4}-\d\d-\d\d[T\x20]\d\d:\d\d:\d\d(?:\.\d{1,9})?)
  | (?P<uuid>[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})
  | (?P<sid>S-1-5-21(?:-\d+){3,4})
  | (?P<v4>\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b)
  | (?P<v6>\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f:]{1,4}\b)
  | (?P<ms>\b1[4-7]\d{11}\b)
  | (?P<s>\b1[4-7]\d{8}\b)
  | (?P<key>\b(?:AKIA|ASIA|AROA|AIDA|ANPA|AGPA)[A-Z0-9]{8,17}\b)
  | (?P<account>\b\d{12}\b)
  | (?P<hex0x>\b0x[0-9a-fA-F]{4,}\b)
  | (?P<token>\b[0-9A-Za-z][0-9A-Za-z+/=_-]{19,})";

/// Members whose text names a person or a machine, and those whose number is one of a process, thread or record.
const NAMED: &str = r#"(?x)"(?P<member>userName|alternateId|displayName|actor|user|login|User|SubjectUserName|
    TargetUserName|AccountName|SourceUser|TargetUser|ParentUser|Hostname|Computer|ComputerName|SubjectDomainName|
    WorkstationName)"\s*:\s*"(?P<name>[^"]{3,60})""#;
const NUMBERED: &str = r#"(?x)"(?P<member>ProcessId|ProcessID|ProcessPid|ParentProcessId|ThreadID|ExecutionProcessID|
    RecordNumber|EventRecordID|SourcePort|IpPort|SourceProcessId|TargetProcessId|FilterRTID)"\s*:\s*"?
    (?P<number>\d{2,10})"#;
/// Members that are an id whatever they look like.
const IDS: &str = r#""(?:eventID|requestID|uuid|_document_id|requestId|externalSessionId|transaction_id)"\s*:\s*"(?P<id>[^"\\]{4,60})""#;

/// Text that looks like an id and names a product, a format or a folder.
const STAYS: &[&str] = &[
    "Microsoft",
    "microsoft",
    "Windows",
    "Security",
    "windows",
    "amazonaws",
    "aws-",
    "TLS_",
    "ECDHE",
    "Management",
    "/",
    "System",
    "user.",
    "application",
    "Describe",
    "Operational",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// A moment written with this many digits of a second's fraction and this separator.
    Iso {
        fraction: usize,
        separator: char,
    },
    Millis,
    Seconds,
    Sid,
    V4,
    V6,
    Account,
    Person,
    Machine,
}

#[derive(Debug)]
enum Part {
    Text(String),
    /// The hash of the old value.
    Place(What, u64),
    /// The same with the old text, whose shape is kept.
    ShapedPlace(String, u64),
    /// Milliseconds after the record's own time.
    Time(What, i64),
}

/// A record that can be made again and again.
#[derive(Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

/// Cuts records.
pub(crate) struct Cutter {
    places: Regex,
    named: Regex,
    numbered: Regex,
    ids: Regex,
}

/// A well-mixed number (splitmix64).
pub(crate) fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| mix(hash ^ u64::from(byte)))
}

impl Cutter {
    pub(crate) fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            places: Regex::new(PLACES)?,
            named: Regex::new(NAMED)?,
            numbered: Regex::new(NUMBERED)?,
            ids: Regex::new(IDS)?,
        })
    }

    /// The template of a record; `own_ms` is the record's own time, from which its other times are told.
    pub(crate) fn cut(&self, body: &str, own_ms: i64) -> Template {
        let mut parts = Vec::new();
        let mut at = 0;
        let marks = self.marks(body, own_ms);
        let mut starts: Vec<_> = marks.into_iter().collect();
        starts.sort_by_key(|(start, (end, _))| (*start, std::cmp::Reverse(*end)));
        for (start, (end, part)) in starts {
            if start < at {
                continue;
            }
            parts.push(Part::Text(body[at..start].to_owned()));
            parts.push(part);
            at = end;
        }
        parts.push(Part::Text(body[at..].to_owned()));
        Template { parts }
    }

    /// Where a place starts, where it ends, and what it is.
    fn marks(&self, body: &str, own_ms: i64) -> HashMap<usize, (usize, Part)> {
        let mut marks = HashMap::new();
        for found in self.places.captures_iter(body) {
            let Some(all) = found.get(0) else { continue };
            // the letter of an escape is no letter of a token; a provider is no id, and a version no address
            let before = &body[..all.start()];
            let escaped = usize::from(before.ends_with('\\'));
            let stays = ["ProviderGuid\":\"{", "\"Guid\":\"", "Keywords\":\""]
                .iter()
                .any(|end| before.ends_with(end))
                || found.name("v4").is_some() && before.ends_with('/');
            if let (Some(part), false) = (place(&found, &all.as_str()[escaped..], own_ms), stays) {
                marks.insert(all.start() + escaped, (all.end(), part));
            }
        }
        for found in self.numbered.captures_iter(body) {
            let Some(number) = found.name("number") else { continue };
            let part = Part::ShapedPlace(number.as_str().to_owned(), hash(number.as_str()));
            marks.insert(number.start(), (number.end(), part));
        }
        for found in self.ids.captures_iter(body) {
            let Some(id) = found.name("id") else { continue };
            let part = Part::ShapedPlace(id.as_str().to_owned(), hash(id.as_str()));
            marks.entry(id.start()).or_insert((id.end(), part));
        }
        let mut names: Vec<(String, What)> = Vec::new();
        for found in self.named.captures_iter(body) {
            let (Some(name), Some(member)) = (found.name("name"), found.name("member")) else { continue };
            // a name with a domain before it is the name after it
            let name = name.as_str().rsplit("\\\\").next().unwrap_or_default();
            let is_machine = ["Hostname", "Computer", "ComputerName", "SubjectDomainName", "WorkstationName"]
                .contains(&member.as_str());
            if name.len() >= 3 && !name.contains(' ') && !name.starts_with("NT ") && name != "SYSTEM" {
                names.push((name.to_owned(), if is_machine { What::Machine } else { What::Person }));
            }
        }
        // the longest first: a name can be a part of another
        names.sort_by_key(|(name, _)| name.len());
        for (name, what) in names {
            for (start, _) in body.match_indices(&name) {
                marks.insert(start, (start + name.len(), Part::Place(what, hash(&name))));
            }
        }
        marks
    }
}

fn place(found: &Captures<'_>, text: &str, own_ms: i64) -> Option<Part> {
    let is = |name: &str| found.name(name).is_some();
    let hash = hash(text);
    Some(if is("iso") {
        let ms = iso_ms(text)?;
        let fraction = text.split_once('.').map_or(0, |(_, digits)| digits.len());
        let separator = if text.as_bytes().get(10) == Some(&b'T') { 'T' } else { ' ' };
        Part::Time(What::Iso { fraction, separator }, ms - own_ms)
    } else if is("ms") {
        Part::Time(What::Millis, text.parse::<i64>().ok()? - own_ms)
    } else if is("s") {
        Part::Time(What::Seconds, text.parse::<i64>().ok()? * 1_000 - own_ms)
    } else if is("v4") {
        let is_address = text.split('.').all(|part| part.parse::<u8>().is_ok());
        if !is_address || text.starts_with("127.") || text.starts_with("0.") {
            return None;
        }
        Part::Place(What::V4, hash)
    } else if is("v6") {
        Part::Place(What::V6, hash)
    } else if is("account") {
        Part::Place(What::Account, hash)
    } else if is("sid") {
        Part::Place(What::Sid, hash)
    } else if is("token") {
        let (digits, letters) = (text.bytes().filter(u8::is_ascii_digit).count(), text.len());
        if digits * 12 < letters || digits == letters || STAYS.iter().any(|stays| text.contains(stays)) {
            return None;
        }
        Part::ShapedPlace(text.to_owned(), hash)
    } else {
        Part::ShapedPlace(text.to_owned(), hash)
    })
}

/// Milliseconds since the epoch of `YYYY-MM-DD?hh:mm:ss[.fff]`, taken as UTC.
pub(crate) fn iso_ms(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    let millis = text.get(20..).map_or(0, |digits| {
        let digits: String = digits.chars().chain("000".chars()).take(3).collect();
        digits.parse::<i64>().unwrap_or_default()
    });
    Some((days(year, month, day) * 86_400 + seconds) * 1_000 + millis)
}

/// Days since 1970-01-01 (the proleptic Gregorian calendar).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

impl Template {
    /// Appends copy number `copy` of the record, as of `now_ms`.
    pub(crate) fn write(&self, copy: u64, now_ms: i64, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Time(what, after_ms) => time(*what, now_ms + after_ms, mix(copy), out),
                Part::Place(what, old) => value(*what, mix(old ^ mix(copy)), out),
                Part::ShapedPlace(text, old) => shaped(text, mix(old ^ mix(copy)), out),
            }
        }
    }
}

fn time(what: What, ms: i64, dice: u64, out: &mut String) {
    let _ = match what {
        What::Iso { fraction, separator } => {
            let (year, month, day) = civil(ms.div_euclid(86_400_000));
            let s = ms.rem_euclid(86_400_000) / 1_000;
            let (hour, minute, second) = (s / 3_600, s / 60 % 60, s % 60);
            let _ = write!(out, "{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}");
            if fraction == 0 {
                return;
            }
            let nanos = ms.rem_euclid(1_000).unsigned_abs() * 1_000_000 + dice % 1_000_000;
            let digits = format!("{nanos:09}");
            write!(out, ".{}", &digits[..fraction.min(9)])
        }
        What::Millis => write!(out, "{ms}"),
        _ => write!(out, "{}", ms / 1_000),
    };
}

fn value(what: What, dice: u64, out: &mut String) {
    let _ = match what {
        What::V4 => {
            let n = mix(dice % ADDRESSES);
            write!(out, "{}.{}.{}.{}", 1 + n % 223, n >> 8 & 255, n >> 16 & 255, 1 + (n >> 24) % 254)
        }
        What::V6 => {
            let n = mix(dice % ADDRESSES);
            write!(out, "2001:db8:{:x}:{:x}::{:x}", n & 0xffff, n >> 16 & 0xffff, n >> 32 & 0xffff)
        }
        What::Account => write!(out, "{:012}", mix(dice % ACCOUNTS) % 1_000_000_000_000),
        What::Sid => {
            let n = mix(dice % PEOPLE);
            let (a, b) = (mix(n % 40), 1_000 + n % 9_000);
            write!(out, "S-1-5-21-{}-{}-{}-{b}", a & 0x7fff_ffff, a >> 33, mix(a) & 0x7fff_ffff)
        }
        What::Person => {
            let n = mix(dice % PEOPLE);
            let parts = [
                "ka", "lo", "mi", "ra", "te", "su", "no", "be", "ju", "fa", "di", "ge", "vo", "xi", "pe",
                "wa",
            ];
            (0..2 + n % 3).try_for_each(|at| write!(out, "{}", parts[(n >> (8 + 4 * at) & 15) as usize]))
        }
        What::Machine => write!(out, "ws-{:04}.corp.example", dice % MACHINES),
        _ => write!(out, "{dice}"),
    };
}

/// Digits for digits and letters for letters; hexadecimal ones where the old ones were.
fn shaped(text: &str, dice: u64, out: &mut String) {
    const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let (prefix, rest) = match text {
        _ if text.starts_with("0x") => text.split_at(2),
        _ if text.len() > 4
            && text.starts_with('A')
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) =>
        {
            text.split_at(4)
        }
        _ => ("", text),
    };
    out.push_str(prefix);
    let is_number = rest.bytes().all(|byte| byte.is_ascii_digit());
    let is_hex = rest.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let base = if is_number {
        10
    } else if is_hex {
        16
    } else {
        36
    };
    let (mut left, mut pool, mut round) = (0, 0, dice);
    let is_upper = rest.bytes().any(|byte| byte.is_ascii_uppercase());
    for (at, byte) in rest.bytes().enumerate() {
        if !byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
            continue;
        }
        if left == 0 {
            (round, left) = (mix(round), 10);
            pool = round;
        }
        let mut digit = (pool % base) as usize;
        (pool, left) = (pool / base, left - 1);
        if at == 0 && is_number && digit == 0 {
            digit = 1;
        }
        let digit = char::from(DIGITS[digit]);
        let upper = is_upper && (base < 36 || round >> (at % 32) & 1 == 0);
        out.push(if upper { digit.to_ascii_uppercase() } else { digit });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(body: &str, number: u64, now_ms: i64) -> String {
        let own_ms = iso_ms("2023-07-10T12:00:00Z").unwrap();
        let template = Cutter::new().unwrap().cut(body, own_ms);
        let mut out = String::new();
        template.write(number, now_ms, &mut out);
        out
    }

    #[test]
    fn ids_addresses_names_and_times_change_and_the_rest_stays() {
        let body = r#"{"eventTime":"2023-07-10T12:00:00Z","eventID":"ee73c230-44bc-4492-8542-cfb189eae287",
            "sourceIPAddress":"203.0.113.7","userIdentity":{"userName":"homer","arn":"arn:aws:iam::847129010505:user/homer"},
            "eventName":"DeleteTrail","accessKeyId":"AKIAIOSFODNN7EXAMPLE","eventVersion":"1.10"}"#;
        let now_ms = iso_ms("2026-01-05T10:20:30Z").unwrap();
        let (one, two) = (copy(body, 1, now_ms), copy(body, 2, now_ms));
        for gone in ["ee73c230", "203.0.113.7", "homer", "847129010505", "IOSFODNN"] {
            assert!(!one.contains(gone), "{gone}: {one}");
        }
        for stays in ["\"2026-01-05T10:20:30Z\"", "DeleteTrail", "\"1.10\"", "\"AKIA"] {
            assert!(one.contains(stays), "{stays}: {one}");
        }
        assert_ne!(one, two);
        assert_eq!(one, copy(body, 1, now_ms));
        serde_json::from_str::<serde_json::Value>(&one).unwrap();
        let name = one.split("userName\":\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(one.contains(&format!("user/{name}\"")), "what was equal stays equal: {one}");
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (text, ms) in [
            ("1970-01-01T00:00:00", 0),
            ("2024-02-29 23:59:59.5", 1_709_251_199_500),
            ("2026-01-05T00:00:00.123456", 1_767_571_200_123),
        ] {
            assert_eq!(iso_ms(text), Some(ms), "{text}");
        }
        let mut out = String::new();
        time(What::Iso { fraction: 3, separator: 'T' }, 1_709_251_199_500, 0, &mut out);
        assert_eq!(out, "2024-02-29T23:59:59.500");
    }
}
