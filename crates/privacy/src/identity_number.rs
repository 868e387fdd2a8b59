//! Numbers that banks and states give out.

use crate::character::{after, is_word};
use crate::check::{Accepted, Candidate};

/// Length of an IBAN by country (the registry of ISO 13616).
// tidy: table
const IBAN_CHARS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

/// An IBAN at the beginning of the match, which may run on into words after it.
pub(crate) fn iban(candidate: Candidate<'_>) -> Option<Accepted> {
    let value = candidate.value();
    let country = value.get(..2)?.to_ascii_uppercase();
    let (_, chars) = IBAN_CHARS.iter().find(|(known, _)| *known == country)?;
    let mut taken = Vec::with_capacity(*chars);
    let mut end = None;
    for (at, byte) in value.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_alphanumeric()) {
        taken.push(byte.to_ascii_uppercase());
        if taken.len() == *chars {
            end = Some(candidate.start + at + 1);
            break;
        }
    }
    let end = end?;
    let goes_on = after(candidate.text, end).is_some_and(is_word);
    (!goes_on && mod_97(&taken) == 1).then(|| candidate.accept_until(end))?
}

/// The remainder of ISO 7064 MOD 97-10, with the first four characters at the end and letters as 10 to 35.
fn mod_97(characters: &[u8]) -> u32 {
    let (head, tail) = characters.split_at(4);
    tail.iter().chain(head).fold(0, |remainder, &c| match c {
        b'0'..=b'9' => (remainder * 10 + u32::from(c - b'0')) % 97,
        _ => (remainder * 100 + u32::from(c - b'A') + 10) % 97,
    })
}

/// Whether area, group and serial are given out: not 000, 666 or 9xx, not 00, not 0000 (SSA, since 2011), and both
/// separators the same.
pub(crate) fn is_us_ssn(value: &str) -> bool {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let separators: Vec<char> = value.chars().filter(|c| !c.is_ascii_digit()).collect();
    let same = separators.windows(2).all(|pair| pair[0] == pair[1]);
    let repeated = digits.bytes().all(|digit| Some(digit) == digits.bytes().next());
    digits.len() == 9
        && same
        && !repeated
        && !matches!(&digits[..3], "000" | "666")
        && !digits.starts_with('9')
        && &digits[3..5] != "00"
        && &digits[5..] != "0000"
}

/// Whether the prefix is given out (HMRC, NIM39110), and the letters are of one case.
pub(crate) fn is_uk_nino(value: &str) -> bool {
    let prefix = value.get(..2).unwrap_or_default().to_ascii_uppercase();
    let letters: Vec<u8> = value.bytes().filter(u8::is_ascii_alphabetic).collect();
    let one_case = letters.iter().all(u8::is_ascii_uppercase) || letters.iter().all(u8::is_ascii_lowercase);
    value.is_ascii() && one_case && !matches!(prefix.as_str(), "BG" | "GB" | "NK" | "KN" | "TN" | "NT" | "ZZ")
}
