//! From a thing's name to the service that claims it.

use super::Service;
use crate::error::{Fault, FaultCode};
use crate::glob::name_matches;
use crate::limits::PATTERNS_PER_PREFIX_MAX;
use foldhash::HashMap;
use std::borrow::Cow;

/// What kind of thing a service claims; the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimKind {
    /// A cloud resource by its full name (an ARN), or a bucket, role, function by its own.
    Resource,
    /// `owner/name`; case does not count.
    Repository,
    /// A host's name; case does not count.
    Host,
    /// A cloud account, tenant or organisation.
    Account,
    /// A configured sender.
    Source,
}

impl ClaimKind {
    /// From most to least telling.
    pub const ALL: [ClaimKind; 5] =
        [Self::Resource, Self::Repository, Self::Host, Self::Account, Self::Source];

    /// The key in `services.yaml`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Resource => "resources",
            Self::Repository => "repositories",
            Self::Host => "hosts",
            Self::Account => "accounts",
            Self::Source => "sources",
        }
    }

    const fn ignores_case(self) -> bool {
        matches!(self, Self::Repository | Self::Host)
    }

    /// The name as it is looked up: in lower case where case does not count. `None` for a name that is longer
    /// than any that can be claimed so.
    pub(crate) fn folded<'v>(self, value: &'v str, lower: &'v mut Lower) -> Option<&'v str> {
        if !self.ignores_case() || !value.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Some(value);
        }
        let lower = lower.0.get_mut(..value.len())?;
        lower.copy_from_slice(value.as_bytes());
        lower.make_ascii_lowercase();
        std::str::from_utf8(lower).ok()
    }

    fn folded_claim(self, claim: &str) -> Cow<'_, str> {
        if self.ignores_case() { claim.to_ascii_lowercase().into() } else { claim.into() }
    }
}

/// Room for a name in lower case: a host's has at most 253 bytes (RFC 1035), a repository's on no forge more.
pub(crate) struct Lower([u8; 512]);

impl Default for Lower {
    fn default() -> Self {
        Self([0; 512])
    }
}

/// What a service claims, with the line of the claim.
pub(crate) type Claims = Vec<(ClaimKind, String, u32)>;
/// The claims of one entry: file, line of the entry, claims.
pub(crate) type Claimed = (String, u32, Claims);

/// Patterns that share the text before their first wildcard.
type ByPrefix = HashMap<Box<str>, Vec<(Box<str>, u32)>>;

#[derive(Debug, Default)]
struct Names {
    exact: HashMap<Box<str>, Vec<u32>>,
    /// By the length of the literal beginning, longest first: the most exact pattern decides.
    wild: Vec<(usize, ByPrefix)>,
}

/// All claims of a catalogue.
#[derive(Debug, Default)]
pub(crate) struct Index {
    kinds: [Names; ClaimKind::ALL.len()],
}

impl Index {
    pub(super) fn build(services: &[Service], claims: &[Claimed], faults: &mut Vec<Fault>) -> Self {
        let mut index = Self::default();
        for (at, (file, _, claims)) in claims.iter().enumerate() {
            for (kind, claim, line) in claims {
                if let Err((code, reason)) = index.add(*kind, claim, at as u32, services) {
                    faults.push(Fault::new(file, *line, code, reason));
                }
            }
        }
        for names in &mut index.kinds {
            names.wild.sort_by_key(|(len, _)| std::cmp::Reverse(*len));
            for (_, by_prefix) in &mut names.wild {
                by_prefix.values_mut().for_each(|list| list.sort_by_key(|(p, _)| std::cmp::Reverse(p.len())));
            }
        }
        index
    }

    fn add(
        &mut self,
        kind: ClaimKind,
        claim: &str,
        at: u32,
        services: &[Service],
    ) -> Result<(), (FaultCode, String)> {
        let claim = kind.folded_claim(claim);
        let names = &mut self.kinds[kind as usize];
        let Some(wildcard) = claim.find(['*', '?']) else {
            let entries = names.exact.entry((*claim).into()).or_default();
            let twice = entries.iter().find(|other| overlap(services, **other, at)).copied();
            entries.push(at);
            return twice.map_or(Ok(()), |other| Err(claimed_twice(kind, &claim, other, services)));
        };
        let at_len = match names.wild.iter().position(|(len, _)| *len == wildcard) {
            Some(known) => known,
            None => {
                names.wild.push((wildcard, ByPrefix::default()));
                names.wild.len() - 1
            }
        };
        let patterns = names.wild[at_len].1.entry(claim[..wildcard].into()).or_default();
        if patterns.len() >= PATTERNS_PER_PREFIX_MAX {
            let prefix = &claim[..wildcard];
            let reason = format!("more than {PATTERNS_PER_PREFIX_MAX} patterns begin with {prefix:?}");
            return Err((FaultCode::TooLarge, reason));
        }
        let same = |(pattern, other): &&(Box<str>, u32)| **pattern == *claim && overlap(services, *other, at);
        let twice = patterns.iter().find(same).map(|(_, other)| *other);
        patterns.push(((*claim).into(), at));
        twice.map_or(Ok(()), |other| Err(claimed_twice(kind, &claim, other, services)))
    }

    /// The claim that covers `value` and its service, of those that `is_valid`: an exact name before a
    /// pattern, a pattern with the longer literal beginning before others, then the order of the files.
    pub(super) fn find(
        &self,
        kind: ClaimKind,
        value: &str,
        is_valid: impl Fn(u32) -> bool,
    ) -> Option<(&str, u32)> {
        let names = &self.kinds[kind as usize];
        if let Some((claim, entries)) = names.exact.get_key_value(value)
            && let Some(at) = entries.iter().find(|at| is_valid(**at))
        {
            return Some((claim, *at));
        }
        names.wild.iter().find_map(|(len, by_prefix)| {
            let patterns = by_prefix.get(value.get(..*len)?)?;
            let fits = |(pattern, at): &&(Box<str>, u32)| is_valid(*at) && name_matches(pattern, value);
            patterns.iter().find(fits).map(|(pattern, at)| (&**pattern, *at))
        })
    }
}

fn claimed_twice(kind: ClaimKind, claim: &str, other: u32, services: &[Service]) -> (FaultCode, String) {
    let by = services.get(other as usize).map_or("", |service| &service.source);
    let reason = format!("`{claim}` of `{}` is claimed at {by} too, which decides", kind.key());
    (FaultCode::Duplicate, reason)
}

/// Whether two entries of different services are ever valid at one time.
fn overlap(services: &[Service], a: u32, b: u32) -> bool {
    let (Some(a), Some(b)) = (services.get(a as usize), services.get(b as usize)) else { return false };
    let before = |x: &Service, y: &Service| match (x.valid_until_ms, y.valid_from_ms) {
        (Some(until), Some(from)) => until <= from,
        _ => false,
    };
    a.name != b.name && !before(a, b) && !before(b, a)
}
