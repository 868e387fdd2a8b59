//! Agents, targets and how they are signed in to (sections 6, 7 and 8).

use super::Identifier;
use super::complaint::Complaints;
use super::object::Object;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// The types of agents and targets.
pub const PARTY_TYPES: [&str; 10] = [
    "group",
    "http-api",
    "individual",
    "linux",
    "location",
    "net-address",
    "organization",
    "sector",
    "security-category",
    "ssh",
];

/// The types of authentication.
pub const AUTHENTICATION_TYPES: [&str; 3] = ["http-basic", "oauth2", "user-auth"];

/// Most definitions of one kind.
const DEFINITIONS_MAX: usize = 500;

/// Who executes, or on what.
#[derive(Debug, Clone, PartialEq)]
pub struct Party {
    /// One of [`PARTY_TYPES`], or of an extension.
    pub kind: String,
    /// What people call it.
    pub name: String,
    /// How it is signed in to.
    pub authentication: Option<Identifier>,
    /// Everything that its definition says.
    pub properties: Value,
}

impl Party {
    /// Whether it stands for people, who do things by hand.
    pub fn is_people(&self) -> bool {
        matches!(self.kind.as_str(), "group" | "individual" | "organization" | "sector" | "location")
    }

    /// Whether this program knows its type.
    pub fn is_known(&self) -> bool {
        PARTY_TYPES.contains(&self.kind.as_str())
    }
}

/// How somebody signs in. Its secrets are not shown.
#[derive(Clone, PartialEq)]
pub struct Authentication {
    /// One of [`AUTHENTICATION_TYPES`], or of an extension.
    pub kind: String,
    /// Everything that its definition says.
    pub properties: Value,
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authentication").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Whether an object of type `kind` may have this name. Extensions in use name their agents as they like.
fn has_name_of(entry: &mut Object<'_, '_>, kind: &str, id: &Identifier, known: &[&str]) -> bool {
    if kind == id.kind() {
        return true;
    }
    let message = format!("this is {kind:?}, and {id} is the name of a {:?}", id.kind());
    let is_extension = !known.contains(&kind) && !known.contains(&id.kind());
    if is_extension {
        entry.warn("type", message)
    } else {
        entry.error("type", message)
    }
    is_extension
}

/// The names of a dictionary of definitions, which begin with the type of what they name.
fn name(key: &str, pointer: &str, complaints: &mut Complaints) -> Option<Identifier> {
    match key.parse() {
        Ok(id) => Some(id),
        Err(error) => {
            complaints.error(pointer, format!("{error}"));
            None
        }
    }
}

fn entries<'v>(object: &mut Object<'v, '_>, of: &str) -> Vec<(&'v str, String, &'v Value)> {
    let entries = object.entries(of);
    if entries.len() > DEFINITIONS_MAX {
        object.error(
            of,
            format!("there are {} definitions, at most {DEFINITIONS_MAX} are read", entries.len()),
        );
        return Vec::new();
    }
    entries
}

pub(super) fn parties(object: &mut Object<'_, '_>, of: &str) -> BTreeMap<Identifier, Party> {
    let mut parties = BTreeMap::new();
    for (key, pointer, value) in entries(object, of) {
        let Some(id) = name(key, &pointer, object.complaints) else { continue };
        let Some(mut entry) = Object::of(pointer, value, object.complaints) else { continue };
        if let Some(party) = party(&mut entry, &id, value) {
            parties.insert(id, party);
        }
    }
    parties
}

fn party(entry: &mut Object<'_, '_>, id: &Identifier, value: &Value) -> Option<Party> {
    let kind = entry.required_text("type")?.to_owned();
    if !has_name_of(entry, &kind, id, &PARTY_TYPES) {
        return None;
    }
    let name = entry.required_text("name")?.to_owned();
    if !PARTY_TYPES.contains(&kind.as_str()) {
        let message = format!("{kind:?} is no type of the specification: what it does is done by hand");
        entry.warn("type", message);
    }
    if matches!(kind.as_str(), "http-api" | "net-address" | "ssh" | "linux") {
        address(entry);
    }
    emails(entry);
    Some(Party {
        kind,
        name,
        authentication: entry.identifier("authentication_info"),
        properties: value.clone(),
    })
}

/// Network addresses (section 10.13): a dictionary of lists.
fn address(entry: &mut Object<'_, '_>) {
    const KINDS: [&str; 7] = ["dname", "ipv4", "ipv6", "l2mac", "vlan", "url", "uri"];
    if entry.get("address").is_none() {
        return entry.complaints.warn(entry.pointer.clone(), "it has no address".to_owned());
    }
    for (key, pointer, value) in entry.entries("address") {
        if !KINDS.contains(&key) {
            entry.complaints.warn(
                pointer.clone(),
                format!("{key:?} is no kind of address; there are {}", KINDS.join(", ")),
            );
        }
        let are_texts = value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        if !are_texts {
            entry.complaints.error(pointer, "this is no list of texts".to_owned());
        }
    }
}

/// E-mail addresses of contacts (section 10.4).
fn emails(entry: &mut Object<'_, '_>) {
    let Some(contact) = entry.get("contact") else { return };
    let pointer = entry.at("contact");
    let Some(mut contact) = Object::of(pointer, contact, entry.complaints) else { return };
    for (_, pointer, value) in contact.entries("email") {
        if !value.as_str().is_some_and(is_email) {
            contact.complaints.error(pointer, "this is no e-mail address".to_owned());
        }
    }
}

/// Whether mail could be sent there, by its form: enough to catch what is none.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    !local.is_empty()
        && !local.contains(char::is_whitespace)
        && !local.contains('@')
        && domain.contains('.')
        && domain.split('.').all(label)
}

pub(super) fn authentication(object: &mut Object<'_, '_>, of: &str) -> BTreeMap<Identifier, Authentication> {
    let mut all = BTreeMap::new();
    for (key, pointer, value) in entries(object, of) {
        let Some(id) = name(key, &pointer, object.complaints) else { continue };
        let Some(mut entry) = Object::of(pointer, value, object.complaints) else { continue };
        let Some(kind) = entry.required_text("type").map(str::to_owned) else { continue };
        if !has_name_of(&mut entry, &kind, &id, &AUTHENTICATION_TYPES) {
            continue;
        }
        if !AUTHENTICATION_TYPES.contains(&kind.as_str()) {
            entry
                .warn("type", format!("{kind:?} is no type of the specification: nobody is signed in by it"));
        }
        if ["password", "token", "private_key", "oauth_header"].iter().any(|name| has_secret(&entry, name)) {
            let message =
                "a secret stands in the playbook; whoever reads it has it: refer to a variable from outside";
            entry.complaints.warn(entry.pointer.clone(), message.to_owned());
        }
        all.insert(id, Authentication { kind, properties: value.clone() });
    }
    all
}

fn has_secret(entry: &Object<'_, '_>, name: &str) -> bool {
    let text = entry.get(name).and_then(Value::as_str).unwrap_or_default();
    !text.is_empty() && super::variable::references(text).next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_mail_has_a_form() {
        for good in ["a@b.example", "first.last+tag@sub.b-c.example"] {
            assert!(is_email(good), "{good}");
        }
        for bad in
            ["", "a", "@b.example", "a@b", "a@b.", "a@-b.example", "a b@c.example", "a@b@c.example", "a@b..c"]
        {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
