//! Entries of the GitHub audit log as they are streamed
//! (GitHub Docs, "Audit log events for your organization", "Streaming the audit log").

use crate::dice::{BASE62, Dice};
use crate::github::parts::{ORG_ID, repo_id};
use crate::org::Org;
use crate::roster::{ORG_LOGIN, REPOS};
use crate::text::{escape, fill, number};

/// One entry's particulars.
pub(crate) struct Entry<'a> {
    pub(crate) action: &'a str,
    /// A login's number.
    pub(crate) actor: usize,
    pub(crate) ip: &'a str,
    /// Two-letter country, empty for machines.
    pub(crate) country: &'a str,
    pub(crate) repo: Option<usize>,
    /// `create`, `modify`, `remove`, `access`, `authentication`, `transfer`.
    pub(crate) operation: &'a str,
    pub(crate) agent: &'a str,
    /// Further fields that belong to the action.
    pub(crate) more: &'a [(&'a str, Value<'a>)],
}

#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(u64),
    Flag(bool),
}

pub(crate) const GIT_AGENT: &str = "git/2.45.2";

const HEAD: &str = r#"{"@timestamp":$ms,"_document_id":"$id","action":"$action","actor":"$actor","actor_id":$actor_id,"actor_ip":"$ip","actor_is_bot":$bot,$location"business":"$org","business_id":71203,"created_at":$ms,"operation_type":"$operation","org":"$org","org_id":$org_id,"request_id":"$request","user_agent":"$agent""#;
const REPO: &str = r#","public_repo":$public,"repo":"$org/$repo","repo_id":$repo_id,"repository":"$org/$repo","repository_public":$public,"visibility":"$visibility""#;

/// Appends one entry to `out` and returns its `_document_id`.
pub(crate) fn write(out: &mut String, org: &Org, dice: &mut Dice, at_ms: i64, entry: &Entry<'_>) -> String {
    let mut id = String::with_capacity(22);
    dice.letters(&mut id, 22, BASE62);
    let login = &org.logins[entry.actor];
    fill(out, HEAD, &mut |name, out| match name {
        "ms" => number(out, at_ms as u64),
        "id" => out.push_str(&id),
        "action" => out.push_str(entry.action),
        "actor" => out.push_str(&login.name),
        "actor_id" => number(out, login.id),
        "ip" => out.push_str(entry.ip),
        "bot" => out.push_str(if login.kind == "Bot" { "true" } else { "false" }),
        "location" if entry.country.is_empty() => {}
        "location" => {
            out.push_str(r#""actor_location":{"country_code":""#);
            out.push_str(entry.country);
            out.push_str(r#""},"#);
        }
        "operation" => out.push_str(entry.operation),
        "org" => out.push_str(ORG_LOGIN),
        "org_id" => number(out, ORG_ID),
        "request" => dice.uuid_upper(out),
        _ => out.push_str(entry.agent),
    });
    if let Some(repo) = entry.repo {
        let (name, _, public) = REPOS[repo];
        fill(out, REPO, &mut |key, out| match key {
            "public" => out.push_str(if public { "true" } else { "false" }),
            "org" => out.push_str(ORG_LOGIN),
            "repo" => out.push_str(name),
            "repo_id" => number(out, repo_id(org, repo)),
            _ => out.push_str(if public { "public" } else { "private" }),
        });
    }
    for (key, value) in entry.more {
        out.push_str(",\"");
        out.push_str(key);
        out.push_str("\":");
        match value {
            Value::Text(text) => {
                out.push('"');
                escape(out, text);
                out.push('"');
            }
            Value::Number(value) => number(out, *value),
            Value::Flag(value) => out.push_str(if *value { "true" } else { "false" }),
        }
    }
    out.push('}');
    id
}
