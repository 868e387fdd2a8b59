//! Networks and addresses for `cidr`.

use std::net::IpAddr;

/// A network as an address prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Network {
    bits: u128,
    mask: u128,
    is_v4: bool,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address. Bits after the prefix are ignored. What IPv6 maps of IPv4
    /// (`::ffff:10.0.0.0/104`, RFC 4291, section 2.5.5.2) is that network of IPv4, as an event's address is.
    pub(crate) fn parse(text: &str) -> Option<Network> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => {
                if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                (address, Some(length.parse::<u32>().ok()?))
            }
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (bits, is_v4) = to_bits(address);
        let width = if is_v4 { 32 } else { 128 };
        let length = length.unwrap_or(width);
        if length > width {
            return None;
        }
        let (bits, is_v4, width, length) = match address.to_canonical() {
            IpAddr::V4(mapped) if !is_v4 && length >= 96 => {
                (u128::from(mapped.to_bits()), true, 32, length - 96)
            }
            _ => (bits, is_v4, width, length),
        };
        let mask = u128::MAX.checked_shl(width - length).unwrap_or(0);
        let mask = if is_v4 { mask & u128::from(u32::MAX) } else { mask };
        Some(Network { bits: bits & mask, mask, is_v4 })
    }

    /// Whether the text is an address in the network. An IPv4 address written as IPv6
    /// (`::ffff:10.0.0.1`) is taken for IPv4; a zone (`fe80::1%eth0`) is ignored.
    pub(crate) fn contains(&self, text: &str) -> bool {
        Address::parse(text).is_some_and(|address| self.holds(address))
    }

    /// [`Self::contains`], for an address that is parsed already.
    pub(crate) fn holds(&self, address: Address) -> bool {
        address.is_v4 == self.is_v4 && address.bits & self.mask == self.bits
    }
}

/// An event's address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    bits: u128,
    is_v4: bool,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Option<Address> {
        let address = text.split_once('%').map_or(text, |(address, _)| address);
        let (bits, is_v4) = to_bits(address.parse::<IpAddr>().ok()?.to_canonical());
        Some(Address { bits, is_v4 })
    }
}

fn to_bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), true),
        IpAddr::V6(v6) => (v6.to_bits(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1/32", "10.0.0.2", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "1.2.3.4", false),
            ("2001:db8::/32", "2001:DB8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("::ffff:0:0/96", "10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "11.1.2.3", false),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("fe80::/10", "fe80::1%eth0", true),
            ("10.0.0.0/8", "10.0.0.1:443", false),
            ("10.0.0.0/8", "cloudformation.amazonaws.com", false),
        ] {
            assert_eq!(Network::parse(network).unwrap().contains(address), expected, "{network} {address}");
        }
        for bad in ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8", "", "x/8", "10.*"] {
            assert!(Network::parse(bad).is_none(), "{bad}");
        }
    }
}
