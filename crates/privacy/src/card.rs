//! Payment cards: Luhn's check digit (ISO/IEC 7812-1, annex B) and what issuers' numbers begin with.

use crate::check::{Accepted, Candidate};

/// The longest beginning of the match that is a card: a security code or a date may stand after it.
pub(crate) fn judge(candidate: Candidate<'_>) -> Option<Accepted> {
    let value = candidate.value().as_bytes();
    let mut digits: Vec<u8> = Vec::with_capacity(19);
    let mut end = None;
    for (at, byte) in value.iter().enumerate() {
        if !byte.is_ascii_digit() {
            continue;
        }
        digits.push(byte - b'0');
        let group_ends = value.get(at + 1).is_none_or(|next| !next.is_ascii_digit());
        if group_ends && is_issued(&digits) && luhn(&digits) {
            end = Some(candidate.start + at + 1);
        }
    }
    candidate.accept_until(end?)
}

/// Whether some network gives out numbers of this beginning and length.
fn is_issued(digits: &[u8]) -> bool {
    if digits.len() < 12 {
        return false;
    }
    let begins = |places: usize| digits[..places].iter().fold(0_u32, |n, digit| n * 10 + u32::from(*digit));
    let (two, three, four) = (begins(2), begins(3), begins(4));
    match digits.len() {
        12 => two == 50 || (56..=69).contains(&two),
        13 => digits[0] == 4 || two == 50 || (56..=69).contains(&two),
        14 => matches!(two, 36 | 38 | 39) || (300..=305).contains(&three),
        15 => matches!(two, 34 | 37) || matches!(four, 2131 | 1800),
        16 => {
            digits[0] == 4 || digits[0] == 5 || digits[0] == 6 || (2200..=2720).contains(&four) || two == 35
        }
        17..=19 => matches!(digits[0], 4..=6),
        _ => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, &digit)| u32::from(if at % 2 == 1 { doubled(digit) } else { digit }))
        .sum();
    sum.is_multiple_of(10)
}
