//! What a playbook is for: our extension of it, under `playbook_extensions` (sections 3.1 and 9 of the specification).

use super::object::{Object, below};
use jiff::civil::Date;
use regex::Regex;
use serde_json::Value;

/// The name of the definition of the extension.
pub const EXTENSION: &str = "extension-definition--5c1d34b3-5b83-5e0f-a7b5-6ab0b6a4d1c7";

/// The severities of incidents.
pub const SEVERITIES: [&str; 5] = ["informational", "low", "medium", "high", "critical"];

/// Most entries of one list.
const ENTRIES_MAX: usize = 200;

/// What a playbook is for, and who answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Which incidents it is offered for.
    pub attach: Attach,
    /// The team that answers for it.
    pub owner: String,
    /// By when somebody looks whether it still holds.
    pub review_by: Date,
}

/// Which incidents a playbook is offered for: those of one of the classes or rules, of one of the severities, about one
/// of the services. Without severities any severity is meant, without services any service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attach {
    /// Classes of incidents: `leaked-credential`.
    pub classes: Vec<String>,
    /// Ids of rules, or their names, in which `*` stands for any text.
    pub rules: Vec<String>,
    /// Severities.
    pub severities: Vec<String>,
    /// Names of services, in which `*` stands for any text.
    pub services: Vec<String>,
}

/// What is asked about an incident.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// Its classes.
    pub classes: &'s [&'s str],
    /// Id and name of each of its rules.
    pub rules: &'s [(&'s str, &'s str)],
    /// Its severity.
    pub severity: &'s str,
    /// Its services; none where nobody knows.
    pub services: &'s [&'s str],
}

impl Attach {
    /// Whether the playbook is offered for it.
    pub fn fits(&self, subject: &Subject<'_>) -> bool {
        let class = self.classes.iter().any(|class| subject.classes.contains(&class.as_str()));
        let named = |wanted: &String| {
            subject.rules.iter().any(|(id, name)| id.eq_ignore_ascii_case(wanted) || is_like(wanted, name))
        };
        let severity = self.severities.is_empty() || self.severities.iter().any(|s| s == subject.severity);
        let about = |wanted: &String| {
            wanted == "*" || subject.services.iter().any(|service| is_like(wanted, service))
        };
        let service = self.services.is_empty() || self.services.iter().any(about);
        (class || self.rules.iter().any(named)) && severity && service
    }
}

/// Whether the whole of `text` is as `pattern` says, whatever the case of its letters.
fn is_like(pattern: &str, text: &str) -> bool {
    let pattern = regex::escape(pattern).replace(r"\*", ".*");
    Regex::new(&format!("(?is)^{pattern}$")).is_ok_and(|pattern| pattern.is_match(text))
}

/// Reads the extension of a playbook, if it has it.
pub(super) fn read(object: &mut Object<'_, '_>) -> Option<Extension> {
    let (_, pointer, value) =
        object.entries("playbook_extensions").into_iter().find(|(key, ..)| *key == EXTENSION)?;
    let is_defined = object.entries("extension_definitions").iter().any(|(key, ..)| *key == EXTENSION);
    if !is_defined {
        object.warn("extension_definitions", format!("{EXTENSION} is used and not defined"));
    }
    let mut entry = Object::of(pointer, value, object.complaints)?;
    known(&mut entry, value, &["attach", "owner", "review_by"]);
    let owner = entry.required_text("owner").map(str::to_owned);
    let review_by = date(&mut entry);
    let attach = entry.required("attach")?;
    let pointer = entry.at("attach");
    let mut inner = Object::of(pointer, attach, entry.complaints)?;
    let attach = read_attach(&mut inner, attach);
    Some(Extension { attach, owner: owner?, review_by: review_by? })
}

fn date(entry: &mut Object<'_, '_>) -> Option<Date> {
    let text = entry.required_text("review_by")?;
    let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
    if date.is_none() {
        entry.error("review_by", format!("{text:?} is no date such as 2027-05-31"));
    }
    date
}

fn read_attach(entry: &mut Object<'_, '_>, value: &Value) -> Attach {
    known(entry, value, &["classes", "rules", "severities", "services"]);
    let attach = Attach {
        classes: names(entry, "classes"),
        rules: names(entry, "rules"),
        severities: names(entry, "severities"),
        services: names(entry, "services"),
    };
    for (at, severity) in attach.severities.iter().enumerate() {
        if !SEVERITIES.contains(&severity.as_str()) {
            let pointer = below(&entry.at("severities"), &at.to_string());
            let message = format!("{severity:?} is no severity; there are {}", SEVERITIES.join(", "));
            entry.complaints.error(pointer, message);
        }
    }
    for (at, class) in attach.classes.iter().enumerate() {
        if !class.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            let pointer = below(&entry.at("classes"), &at.to_string());
            entry.complaints.error(pointer, format!("{class:?} is no class: a-z, 0-9 and -"));
        }
    }
    if attach.classes.is_empty() && attach.rules.is_empty() {
        let pointer = entry.pointer.clone();
        entry
            .complaints
            .error(pointer, "it names neither classes nor rules: it would be offered for nothing");
    }
    attach
}

fn names(entry: &mut Object<'_, '_>, name: &str) -> Vec<String> {
    let names = entry.texts(name);
    if names.len() > ENTRIES_MAX {
        entry.error(name, format!("there are {}, at most {ENTRIES_MAX} are read", names.len()));
    }
    if names.iter().any(|name| name.trim().is_empty()) {
        entry.error(name, "one of these is empty");
    }
    names
}

/// A word that is spelled wrongly would silently not count.
fn known(entry: &mut Object<'_, '_>, value: &Value, known: &[&str]) {
    let keys = value.as_object().into_iter().flat_map(|map| map.keys());
    for key in keys.filter(|key| !known.contains(&key.as_str())) {
        entry.error(key, format!("there is no such property; there are {}", known.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playbook_is_offered_for_what_it_names() {
        let list = |of: &[&str]| of.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let attach = Attach {
            classes: list(&["leaked-credential"]),
            rules: list(&["72bf0bf0-8aa2-4115-aa14-bdc93f90ddb3", "Access key *"]),
            severities: list(&["high", "critical"]),
            services: list(&["pay*"]),
        };
        let any = Attach { severities: vec![], services: vec![], ..attach.clone() };
        let id = "72BF0BF0-8aa2-4115-aa14-bdc93f90ddb3";
        for (classes, rules, severity, services, fits, fits_any) in [
            (vec!["leaked-credential"], vec![], "high", vec!["payments"], true, true),
            (vec!["leaked-credential"], vec![], "low", vec!["payments"], false, true),
            (vec!["leaked-credential"], vec![], "high", vec!["shop"], false, true),
            (vec!["leaked-credential"], vec![], "high", vec![], false, true),
            (vec![], vec![(id, "x")], "critical", vec!["shop", "payments"], true, true),
            (vec![], vec![("y", "access key made")], "high", vec!["pay"], true, true),
            (vec![], vec![("y", "An access key made")], "high", vec!["pay"], false, false),
            (vec!["other"], vec![], "high", vec!["pay"], false, false),
        ] {
            let subject = Subject { classes: &classes, rules: &rules, severity, services: &services };
            assert_eq!(attach.fits(&subject), fits, "{subject:?}");
            assert_eq!(any.fits(&subject), fits_any, "{subject:?}");
        }
        assert!(is_like("a.b", "A.B") && !is_like("a.b", "aXb") && is_like("*", ""));
    }
}
