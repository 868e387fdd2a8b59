//! What both formats come to before references are resolved.

use super::Service;
use super::index::Claims;
use foldhash::HashSet;
use std::fmt;

/// Longest part of a reference, in bytes.
const PART_BYTES_MAX: usize = 253;

/// A reference to a Backstage entity: `kind:namespace/name`, in lower case, as Backstage compares them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct EntityRef(String);

impl EntityRef {
    pub(super) fn new(kind: &str, namespace: &str, name: &str) -> Self {
        Self(format!("{kind}:{namespace}/{name}").to_ascii_lowercase())
    }

    /// Parses `[kind:][namespace/]name` (Backstage, "Entity references"); what is left out is given. Backstage
    /// takes any text without a further `:` or `/` for a part.
    pub(super) fn parse(text: &str, kind: &str, namespace: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or((kind, text));
        let (namespace, name) = rest.split_once('/').unwrap_or((namespace, rest));
        let sound = |part: &str| {
            let part_chars = |c: char| !matches!(c, ':' | '/') && !c.is_control();
            !part.trim().is_empty() && part.len() <= PART_BYTES_MAX && part.chars().all(part_chars)
        };
        [kind, namespace, name].into_iter().all(sound).then(|| Self::new(kind, namespace, name))
    }
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an entity refers to what it is a part of; the words are the keys in the file.
pub(super) type Parent = (&'static str, EntityRef, u32);

/// A service, or a system or domain that gives its owner to services.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) file: String,
    pub(super) line: u32,
    /// Backstage entities only.
    pub(super) entity: Option<EntityRef>,
    /// What it is a part of; owner, criticality and environment are taken from there where missing.
    pub(super) parents: Vec<Parent>,
    pub(super) service: Service,
    pub(super) claims: Claims,
    /// A group or user: not a service, but a part of the graph.
    pub(super) is_person: bool,
}

/// Groups and users that the catalogue names.
#[derive(Debug, Default)]
pub(super) struct People {
    pub(super) known: HashSet<EntityRef>,
}

/// The short name of an owner: the last part of `group:default/payments`, `@acme/payments`; the person of an
/// e-mail address.
pub(super) fn team_of(owner: &str) -> &str {
    let name = owner.rsplit(['/', ':']).next().unwrap_or(owner).trim_start_matches('@');
    name.split_once('@').map_or(name, |(person, _)| person)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_completed() {
        let cases = [
            ("payments", Some("group:default/payments")),
            ("team-x/Payments", Some("group:team-x/payments")),
            ("user:ana", Some("user:default/ana")),
            ("Component:a/b", Some("component:a/b")),
            ("", None),
            ("Team A", Some("group:default/team a")),
            ("a/b/c", None),
            ("a:b:c", None),
            ("user:", None),
        ];
        for (text, expected) in cases {
            let parsed = EntityRef::parse(text, "group", "default").map(|r| r.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_owner_has_a_short_name() {
        let cases = [
            ("group:default/payments", "payments"),
            ("@acme/payments", "payments"),
            ("@ana", "ana"),
            ("ana@acme.example", "ana"),
            ("payments", "payments"),
        ];
        for (owner, team) in cases {
            assert_eq!(team_of(owner), team);
        }
    }
}
