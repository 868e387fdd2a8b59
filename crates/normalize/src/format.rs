//! OCSF's string types, checked by hand: the writer leaves out what the validator would refuse.

use std::net::IpAddr;

/// What a string must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Any,
    Ip,
    Subnet,
    Email,
    Mac,
    Uuid,
    Datetime,
    Base64,
}

impl Format {
    /// The format of a string type of the OCSF dictionary; `None` when it is not a string.
    pub(crate) fn of_type(name: &str) -> Option<Self> {
        Some(match name {
            "ip_t" => Self::Ip,
            "subnet_t" => Self::Subnet,
            "email_t" => Self::Email,
            "mac_t" => Self::Mac,
            "uuid_t" => Self::Uuid,
            "datetime_t" => Self::Datetime,
            "bytestring_t" => Self::Base64,
            "string_t" | "hostname_t" | "url_t" | "username_t" | "file_name_t" | "file_path_t"
            | "file_hash_t" | "process_name_t" | "reg_key_path_t" | "resource_uid_t" => Self::Any,
            _ => return None,
        })
    }

    pub(crate) fn holds(self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Ip => text.len() <= 40 && text.parse::<IpAddr>().is_ok(),
            Self::Subnet => is_subnet(text),
            Self::Email => is_email(text),
            Self::Mac => is_mac(text),
            Self::Uuid => is_uuid(text),
            Self::Datetime => crate::time::parse_rfc3339_ms(text).is_some(),
            Self::Base64 => text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_=".contains(&b)),
        }
    }
}

fn is_subnet(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let bits_max = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= bits_max)
}

/// One `@` with an address part before it and a dotted ASCII domain after it, as `email_t` asks.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let in_local = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let in_domain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    !local.is_empty()
        && local.bytes().all(in_local)
        && domain.bytes().all(in_domain)
        && domain.split_once('.').is_some_and(|(host, rest)| !host.is_empty() && !rest.is_empty())
}

fn is_mac(text: &str) -> bool {
    text.len() == 17
        && text.bytes().enumerate().all(|(i, b)| match i % 3 {
            2 => b == b':' || b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_hold_for_what_they_name() {
        let cases: &[(Format, &[&str], &[&str])] = &[
            (Format::Ip, &["10.0.0.1", "2001:db8::1"], &["ec2.amazonaws.com", "10.0.0.256", ""]),
            (Format::Subnet, &["10.0.0.0/8", "::/0"], &["10.0.0.0", "10.0.0.0/33", "x/8"]),
            (Format::Email, &["a.b+c@d.example"], &["a@b", "a b@c.d", "@c.d", "a@.d", "é@c.d", "a@b@c.d"]),
            (Format::Mac, &["18:36:F3:98:4F:9A", "18-36-f3-98-4f-9a"], &["18:36:F3:98:4F", "x"]),
            (Format::Uuid, &["865d9377-0000-4000-8000-00000000abcd"], &["865d9377", ""]),
        ];
        for (format, good, bad) in cases {
            assert!(good.iter().all(|text| format.holds(text)), "{format:?} {good:?}");
            assert!(!bad.iter().any(|text| format.holds(text)), "{format:?} {bad:?}");
        }
    }
}
