//! What a request of a playbook names, for holding it against what is protected: nobody says what of it is a target, so every
//! word of it may be one, of any kind.
//!
//! **Invariant:** a value that is put in is one of the names as it is, whatever is around it and however it is written there.

use crate::connector::Request;
use crate::playbook::{Command, Variables, reference};
use crate::protect::Protection;
use serde_json::Value;
use std::collections::BTreeSet;

/// Most names that a request is taken apart into.
const NAMES_MAX: usize = 20_000;
/// How often a text may be encoded by percent signs.
const ENCODED_MAX: usize = 3;
/// Most parts of a path that are one name together: owner, repository, number and what is of it.
const PARTS_MAX: usize = 4;

/// Lets a request through that names nothing protected.
///
/// # Errors
/// What it names, and why that is protected.
pub(super) fn spare(
    protection: &Protection,
    request: &Request,
    values: impl IntoIterator<Item = String>,
) -> Result<(), String> {
    let names = names(request, values)?;
    let refused = names.iter().find_map(|name| protection.spare(name).err());
    refused.map_or(Ok(()), |refusal| Err(format!("the request is not sent: {refusal}")))
}

/// The values that are put into a command.
pub(super) fn values(command: &Command, variables: &Variables) -> Vec<String> {
    let mut texts = vec![command.text.clone().unwrap_or_default()];
    leaves(&command.properties, &mut texts);
    let mut values = Vec::new();
    for text in &texts {
        let mut rest = text.as_str();
        while let Some((_, name, after)) = reference(rest) {
            values.extend(variables.value(name).ok().map(str::to_owned));
            rest = after;
        }
    }
    values
}

/// Everything in a request that may be a name, the host aside: that one is the operator's word.
fn names(request: &Request, values: impl IntoIterator<Item = String>) -> Result<BTreeSet<String>, String> {
    let after_scheme = request.url.split_once("://").map_or(request.url.as_str(), |(_, rest)| rest);
    let path = after_scheme.find(['/', '?', '#']).map_or("", |at| &after_scheme[at..]);
    let mut texts: Vec<String> = values.into_iter().collect();
    texts.push(path.to_owned());
    texts.extend(request.headers.iter().map(|(_, value)| value.clone()));
    if let Some(body) = &request.body {
        if let Ok(body) = serde_json::from_str(body) {
            leaves(&body, &mut texts);
        }
        texts.push(body.clone());
    }
    let mut names = BTreeSet::new();
    for text in texts {
        for form in forms(text) {
            take_apart(&form, &mut names)?;
        }
    }
    Ok(names)
}

/// Texts and names of members, wherever they stand.
fn leaves(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Number(number) => texts.push(number.to_string()),
        Value::Array(all) => all.iter().for_each(|one| leaves(one, texts)),
        Value::Object(all) => all.iter().for_each(|(name, one)| {
            texts.push(name.clone());
            leaves(one, texts);
        }),
        Value::Null | Value::Bool(_) => {}
    }
}

/// A text as it is, and as who decodes it reads it.
fn forms(text: String) -> BTreeSet<String> {
    let mut forms = BTreeSet::from([text]);
    for _ in 0..ENCODED_MAX {
        let read: Vec<String> =
            forms.iter().flat_map(|form| [decoded(form), decoded(&form.replace('+', " "))]).collect();
        forms.extend(read);
    }
    forms
}

/// With percent signs resolved (RFC 3986, section 2.1); what is no such sign stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>().and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = digits.filter(|pair| *first == b'%' && pair.bytes().all(|b| b.is_ascii_hexdigit()));
        match byte.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text whole, its words, and what of those is between `/` and `:`, alone and with what is next to it.
fn take_apart(text: &str, names: &mut BTreeSet<String>) -> Result<(), String> {
    let is_sign = |c: char| c.is_control() || ",;|\"'`()[]{}<>=&?#\\".contains(c);
    let divides = |c: char| c.is_whitespace() || is_sign(c);
    let mut take = |name: &str| {
        let name = name.trim().trim_matches(['.', '!']);
        for name in [name, name.trim_matches(['/', ':'])] {
            if !name.is_empty() && !names.contains(name) {
                names.insert(name.to_owned());
            }
        }
        let is_much = names.len() > NAMES_MAX;
        if is_much { Err(format!("it has more than {NAMES_MAX} words that may be names")) } else { Ok(()) }
    };
    take(text)?;
    // names may have spaces in them
    for part in text.split(|c: char| c == '/' || is_sign(c)) {
        take(part)?;
    }
    for word in text.split(divides) {
        take(word)?;
        let ends = word.char_indices().filter(|(_, c)| matches!(c, '/' | ':')).map(|(at, _)| at);
        let ends: Vec<usize> = ends.chain([word.len()]).collect();
        let starts: Vec<usize> = std::iter::once(0).chain(ends.iter().map(|at| at + 1)).collect();
        for (at, start) in starts.iter().enumerate() {
            for end in ends.iter().skip(at).take(PARTS_MAX) {
                take(word.get(*start..*end).unwrap_or_default())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Method;
    use crate::protect::{Protected, TargetKind};

    fn held(url: &str, body: Option<&str>, values: &[&str]) -> Result<(), String> {
        let list = [
            (TargetKind::Service, "prod-db"),
            (TargetKind::Account, "Break Glass"),
            (TargetKind::Repository, "acme/shop"),
            (TargetKind::Network, "10.0.0.0/8"),
            (TargetKind::Host, "core-*"),
            (TargetKind::Network, "2001:db8::/32"),
            (TargetKind::Network, "::1"),
        ];
        let list = list.map(|(kind, pattern)| Protected {
            kind,
            pattern: pattern.to_owned(),
            reason: "all stops without it".to_owned(),
        });
        let request = Request {
            method: Method::Put,
            url: url.to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.map(str::to_owned),
            seconds_max: None,
        };
        let values = values.iter().map(|value| (*value).to_owned());
        spare(&Protection::new(&list).unwrap(), &request, values)
    }

    #[test]
    fn what_is_protected_is_found_wherever_and_however_it_is_named() {
        for (url, body) in [
            ("https://h.example/contained/prod-db", ""),
            ("https://h.example/contained/PROD-DB?by=us", ""),
            ("https://h.example/contained/%70rod-db", ""),
            ("https://h.example/contained/%2570rod-db", ""),
            ("https://h.example?name=prod-db#x", ""),
            ("https://h.example/x?name=Break+Glass", ""),
            ("https://h.example/x?name=Break%20Glass", ""),
            ("https://h.example/repos/acme/shop/lock", ""),
            ("https://h.example/repos/acme%2Fshop/lock", ""),
            ("https://h.example/block/10.1.2.3", ""),
            ("https://h.example/block/10.0.0.0/24", ""),
            ("https://h.example/block?ip=10.1.2.3:443", ""),
            ("https://h.example/x", r#"{"of": ["prod-db"]}"#),
            ("https://h.example/x", r#"{"prod-db": true}"#),
            ("https://h.example/x", r#"{"name": "\u0070rod-db"}"#),
            ("https://h.example/x", r#"{"name": "Break Glass"}"#),
            ("https://h.example/x", r#"{"text": "isolate prod-db, now."}"#),
            ("https://h.example/x", r#"{"host": "core-7"}"#),
            ("https://h.example/x", r#"{"arn": "arn:x:y::1:db/prod-db"}"#),
            ("https://h.example/x", r#"{"ip": "2001:db8::7"}"#),
            ("https://h.example/x", r#"{"ip": "::1"}"#),
            ("https://h.example/x", "name=prod%2Ddb&x=1"),
            ("https://h.example/x", "<name>prod-db</name>"),
        ] {
            let refused = held(url, Some(body), &[]);
            assert!(
                refused.as_ref().is_err_and(|why| why.contains("all stops without it")),
                "{url} {body}: {refused:?}"
            );
        }
        // a value is a name as it is, whatever it becomes a part of
        assert!(held("https://h.example/x", Some("theBreak Glassone"), &["Break Glass"]).is_err());
    }

    #[test]
    fn what_is_like_it_and_not_it_is_let_through() {
        for (url, body) in [
            ("https://prod-db/contained/x", ""),
            ("https://h.example/contained/prod-db-2", ""),
            ("https://h.example/100%/x%zz%", ""),
            ("https://h.example/repos/acme/shopping", r#"{"ip": "192.0.2.1", "n": 7, "of": [null, true]}"#),
        ] {
            assert_eq!(held(url, Some(body), &["b"]), Ok(()), "{url} {body}");
        }
    }

    #[test]
    fn what_has_too_many_words_is_not_sent() {
        let body: String = (0..=NAMES_MAX).map(|at| format!("{at} ")).collect();
        let refused = held("https://h.example/x", Some(&body), &[]);
        assert!(refused.is_err_and(|why| why.contains("words")));
    }
}
