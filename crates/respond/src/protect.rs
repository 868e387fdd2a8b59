//! What no action may touch, in one place.
//!
//! **Invariant:** a [`Target`] that an action gets was checked here: [`Protection::admit`] is the only way to make an
//! [`Admitted`] one. Whatever proposed it (a rule, a playbook, a variable's value, the API) makes no difference.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use unicode_normalization::UnicodeNormalization;

/// Longest name of a target, in bytes.
pub const TARGET_BYTES_MAX: usize = 1_024;

/// What kind of thing an action is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// Somebody's account, or a machine's.
    Account,
    /// A key or token, by its id.
    Credential,
    /// A host, instance or pod.
    Host,
    /// An address or network.
    Network,
    /// A repository, workflow or branch.
    Repository,
    /// A deployment or service.
    Service,
}

impl TargetKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Account, Self::Credential, Self::Host, Self::Network, Self::Repository, Self::Service];

    /// The name in the API and in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Credential => "credential",
            Self::Host => "host",
            Self::Network => "network",
            Self::Repository => "repository",
            Self::Service => "service",
        }
    }
}

/// What an action is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// Its name at the system that knows it.
    pub name: String,
    /// Whose it is (the account of a key, the host of an address), as far as known; checked as well.
    #[serde(default)]
    pub belongs_to: Vec<Target>,
}

/// A target that may be acted on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Admitted(Target);

impl Admitted {
    /// The target.
    pub const fn target(&self) -> &Target {
        &self.0
    }
}

/// What is protected, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    /// What it is.
    pub kind: TargetKind,
    /// Its name; `*` stands for any text. An address, or a network in CIDR form, for networks.
    pub pattern: String,
    /// Why; told to who is refused.
    pub reason: String,
}

/// A target may not be acted on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is protected.
    #[error("{kind} {name:?} is protected: {reason}", kind = .kind.as_str())]
    Protected {
        /// What it is.
        kind: TargetKind,
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// Its name names nothing, or could name several things.
    #[error("{name:?} is no name of {kind} to act on: {reason}", kind = .kind.as_str())]
    BadName {
        /// What it should be.
        kind: TargetKind,
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
}

/// The list that all actions are held against.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    names: Vec<(TargetKind, String, String)>,
    own: Vec<(TargetKind, String, String)>,
    networks: Vec<(IpAddr, u8, String)>,
}

/// An entry of the list means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// No address or network.
    #[error("{0:?} is no address or network, such as 10.0.0.0/8")]
    Network(String),
    /// Empty.
    #[error("a protected {kind} has no name", kind = .0.as_str())]
    Empty(TargetKind),
}

impl Protection {
    /// The list.
    ///
    /// # Errors
    /// [`BadEntry`] for an entry that would protect nothing: nobody shall rely on it.
    pub fn new(entries: &[Protected]) -> Result<Self, BadEntry> {
        let mut list = Self::default();
        for Protected { kind, pattern, reason } in entries {
            let pattern = folded(pattern);
            if pattern.is_empty() {
                return Err(BadEntry::Empty(*kind));
            }
            if *kind == TargetKind::Network {
                let (address, bits) = network(&pattern).ok_or_else(|| BadEntry::Network(pattern.clone()))?;
                list.networks.push((address, bits, reason.clone()));
            } else {
                list.names.push((*kind, pattern, reason.clone()));
            }
        }
        Ok(list)
    }

    /// The list, and beside it those by whom we act ourselves, whatever signs are in their names.
    #[must_use]
    pub fn with_own(&self, own: &[Target], reason: &str) -> Self {
        let mut list = self.clone();
        list.own.extend(own.iter().map(|one| (one.kind, folded(&one.name), reason.to_owned())));
        list
    }

    /// Lets a target through, with all that it belongs to.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn admit(&self, target: Target) -> Result<Admitted, Refusal> {
        check_name(&target)?;
        let mut ahead = vec![&target];
        let mut seen = BTreeSet::new();
        while let Some(one) = ahead.pop() {
            // names of owners are held against the list only: nothing is done by them, and a person who calls themselves
            // `50 %` shall not be out of reach for it
            self.check(one, true)?;
            if seen.insert(one) {
                ahead.extend(&one.belongs_to);
            }
        }
        Ok(Admitted(target))
    }

    /// Lets a target through whose kind nobody knows, as that of a service that sees to things by their names: it is what any kind
    /// would be.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn admit_of_any_kind(&self, target: Target) -> Result<Admitted, Refusal> {
        self.spare_spelled(&target.name, true)?;
        self.admit(target)
    }

    /// Lets a name through that nothing protected has, of whatever kind: where nobody says what it is a name of. A number is not
    /// taken for an address: most words of a message are no names.
    ///
    /// # Errors
    /// [`Refusal::Protected`].
    pub fn spare(&self, name: &str) -> Result<(), Refusal> {
        self.spare_spelled(name, false)
    }

    fn spare_spelled(&self, name: &str, spelled: bool) -> Result<(), Refusal> {
        let of = |kind| Target { kind, name: name.to_owned(), belongs_to: Vec::new() };
        TargetKind::ALL.into_iter().try_for_each(|kind| self.check(&of(kind), spelled))
    }

    /// `spelled`: numbers that programs take for addresses are addresses.
    fn check(&self, target: &Target, spelled: bool) -> Result<(), Refusal> {
        let name = folded(&target.name);
        let refused = |reason: &str| Refusal::Protected {
            kind: target.kind,
            name: target.name.clone(),
            reason: reason.to_owned(),
        };
        let is_place = matches!(target.kind, TargetKind::Host | TargetKind::Network | TargetKind::Service);
        let spelled =
            || address(&name).filter(|_| is_place && spelled).map(|address| (address, width(address)));
        if let Some((address, bits)) = network(&name).or_else(spelled) {
            // a network that holds a protected one is as protected as one inside of it
            let overlap = |(other, other_bits, _): &&(IpAddr, u8, String)| {
                shares(address, *other, bits.min(*other_bits))
            };
            if let Some((_, _, reason)) = self.networks.iter().find(overlap) {
                return Err(refused(reason));
            }
        }
        let own = self.own.iter().find(|(kind, own, _)| *kind == target.kind && *own == name);
        let found = own.or_else(|| {
            self.names.iter().find(|(kind, pattern, _)| *kind == target.kind && is_like(pattern, &name))
        });
        found.map_or(Ok(()), |(_, _, reason)| Err(refused(reason)))
    }
}

/// Names that could stand for more than one thing, or for another than they seem to, are no targets.
fn check_name(target: &Target) -> Result<(), Refusal> {
    let name = &target.name;
    let reason = if name.trim().is_empty() {
        "it is empty"
    } else if name.len() > TARGET_BYTES_MAX {
        "it is too long"
    } else if name.trim() != name {
        "there is white space around it"
    } else if name.chars().any(|c| c.is_control() || is_invisible(c) || (c.is_whitespace() && c != ' ')) {
        "there are characters in it that are not seen"
    } else if name.contains(['*', '?', '%']) || folded(name).contains(['*', '?', '%']) {
        "it has signs that stand for anything"
    } else if target.kind == TargetKind::Network && network(&folded(name)).is_none() {
        "it is no address or network"
    } else {
        return Ok(());
    };
    Err(Refusal::BadName { kind: target.kind, name: name.chars().take(80).collect(), reason })
}

/// Characters that nothing is shown for (Unicode's `Default_Ignorable_Code_Point`, and marks between lines): systems leave
/// them out of names, or compare without them.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Accents and the like, which stand apart from their letter once it is decomposed.
const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// As systems compare names that people type, the most tolerant of them: whatever the case, the width, the accents, the
/// kind and number of spaces, and what is not seen. So what any of them takes for a protected name is one here. It is more
/// than most do; then a target is refused that is not the protected one, and a person gives it a look.
fn folded(name: &str) -> String {
    // decomposed once more after the case was changed: capital letters can come apart otherwise than small ones
    let seen = name.nfkd().filter(|c| !is_invisible(*c));
    let small: String = seen.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    let plain: String = small.nfkd().filter(|c| !is_accent(*c) && !is_invisible(*c)).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `name` is like `pattern`, in which `*` stands for any text.
pub(crate) fn is_like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether it is an address or a network of that family, written as such, and not of all addresses.
pub fn is_network(text: &str, of_ipv6: bool) -> bool {
    let address = text.split_once('/').map_or(text, |(address, _)| address);
    let is_of_family = address.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6() == of_ipv6);
    is_of_family && !text.ends_with("/0") && network(text).is_some()
}

/// An address or network; what an IPv6 address maps of IPv4 is that.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let all: u8 = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(all), |bits| bits.parse().ok()).filter(|bits| *bits <= all)?;
    match address.to_canonical() {
        canonical if canonical.is_ipv4() && address.is_ipv6() => Some((canonical, bits.saturating_sub(96))),
        canonical => Some((canonical, bits)),
    }
}

const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An address as programs take one: with a port, in brackets, or as the numbers that `inet_aton` reads (IEEE Std 1003.1,
/// `inet_addr`): one to four parts, each decimal, octal or hexadecimal, of which the last fills what is left.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_end_matches('.');
    let bare = match bare.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        // more colons than one are those of IPv6
        None if bare.matches(':').count() == 1 => bare.split_once(':')?.0,
        None => bare,
    };
    let bare = bare.split_once('%').map_or(bare, |(address, _)| address);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let part = |part: &str| {
        let (digits, radix) = match part.strip_prefix("0x") {
            Some(digits) => (digits, 16),
            None if part.len() > 1 && part.starts_with('0') => (&part[1..], 8),
            None => (part, 10),
        };
        digits.chars().all(|digit| digit.is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok())?
    };
    let parts: Vec<u32> = bare.split('.').map(part).collect::<Option<_>>()?;
    let (last, before) = parts.split_last()?;
    if before.len() > 3 || before.iter().any(|byte| *byte > 255) {
        return None;
    }
    let left_bits = 32 - 8 * before.len() as u32;
    if left_bits < 32 && *last >> left_bits != 0 {
        return None;
    }
    let high = before.iter().fold(0_u32, |sum, byte| sum << 8 | byte);
    Some(IpAddr::V4(Ipv4Addr::from_bits(high.checked_shl(left_bits).unwrap_or(0) | last)))
}

/// Whether two addresses share their first bits.
fn shares(a: IpAddr, b: IpAddr, bits: u8) -> bool {
    let of = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, true),
        IpAddr::V6(address) => (address.to_bits(), false),
    };
    let ((a, a_is_4), (b, b_is_4)) = (of(a), of(b));
    a_is_4 == b_is_4 && (bits == 0 || (a ^ b) >> (128 - u32::from(bits)) == 0)
}
