//! Addresses of the internet: public ones lead to people, the others to nobody.

use crate::character::{after, before};
use crate::check::{Accepted, Candidate};

/// Whether the internet routes it: not this host, private, shared, loopback, link-local, documentation or broadcast
/// (RFC 6890 and its registry). Brackets around dots, as people write addresses to be read only, are taken off.
pub(crate) fn is_public_ipv4(value: &str) -> bool {
    let plain: String = value.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    let octets: Vec<u32> = plain.split('.').filter_map(|part| part.parse().ok()).collect();
    let &[a, b, c, d] = octets.as_slice() else { return false };
    if octets.iter().any(|octet| *octet > 255) {
        return false;
    }
    let kept = matches!(
        (a, b, c),
        (0 | 10 | 127, ..) | (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _)
    ) || matches!((a, b, c), (192, 0, 2) | (198, 51, 100) | (203, 0, 113))
        || (a, b, c, d) == (255, 255, 255, 255)
        || (a == 255 && matches!(b, 0 | 255) && matches!(d, 0 | 128..));
    !kept
}

/// An address of version 6 that leads somewhere. Short forms are told from `a::b` of programs by their range.
pub(crate) fn public_ipv6(candidate: Candidate<'_>) -> Option<Accepted> {
    // a colon on either side belongs to something else, unless it ends a sentence's part
    let trimmed = candidate.value().strip_suffix(':').filter(|rest| !rest.ends_with(':'));
    let value = trimmed.unwrap_or(candidate.value());
    let end = candidate.start + value.len();
    if before(candidate.text, candidate.start) == Some(':')
        || after(candidate.text, candidate.end) == Some(':')
    {
        return None;
    }
    let groups = groups_of(value)?;
    let first = groups[0];
    let documentation = (first == 0x2001 && groups[1] == 0x0db8) || first & 0xfff0 == 0x3ff0;
    let local = first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 || first & 0xff00 == 0xff00;
    let nothing = groups[..7].iter().all(|group| *group == 0);
    let short = value.contains("::");
    let global = first & 0xe000 == 0x2000;
    (!documentation && !local && !nothing && (global || !short)).then(|| candidate.accept_until(end))?
}

/// The eight groups of an address, with `::` filled up.
fn groups_of(value: &str) -> Option<[u32; 8]> {
    let mut halves = value.split("::");
    let (head, tail) = (halves.next()?, halves.next());
    if halves.next().is_some() {
        return None;
    }
    let parse = |half: &str| -> Option<Vec<u32>> {
        if half.is_empty() {
            return Some(Vec::new());
        }
        half.split(':')
            .map(|group| if group.is_empty() { None } else { u32::from_str_radix(group, 16).ok() })
            .collect()
    };
    let head = parse(head)?;
    let tail_groups = tail.map_or(Some(Vec::new()), parse)?;
    let given = head.len() + tail_groups.len();
    if given > 8 || (tail.is_none() && given != 8) || (tail.is_some() && given == 8) {
        return None;
    }
    let mut groups = [0; 8];
    groups[..head.len()].copy_from_slice(&head);
    groups[8 - tail_groups.len()..].copy_from_slice(&tail_groups);
    Some(groups)
}
