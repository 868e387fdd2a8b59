//! `huecry audit`: who did what, and the proof that nobody changed it since.

mod export;
mod pack;
pub(super) mod verify;

use super::administration::list;
use super::incident::{Query, text};
use crate::cli::Audit;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::terminal;
use ::audit::line::{entry_of, unhex};
use ::audit::tree::inclusion_root;
use ::audit::{PublicKey, SignedCheckpoint};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use model::{AuditEntry, Clock, Hash, SystemClock};
use serde_json::{Value, json};

/// Runs one of the verbs that need a server.
pub(super) fn run(command: Audit, client: &Client, json: bool) -> Result<Exit, Failure> {
    match command {
        Audit::Log { actor, object, action, since, until, limit, cursor } => {
            let mut query = Query::new("/api/v1/audit");
            query.add("principal", actor.as_deref());
            query.add("object", object.as_deref());
            query.add("action", action.as_deref());
            let now_ms = SystemClock.now_ms();
            for (key, time) in [("since_ms", since), ("until_ms", until)] {
                let ms = time.map(|time| time_ms(&time, now_ms)).transpose()?;
                query.add(key, ms.map(|ms| ms.to_string()).as_deref());
            }
            query.add("limit", Some(&limit.to_string()));
            query.add("after", cursor.as_deref());
            log(client.get(&query.0)?.body, json)
        }
        Audit::Show { id } => {
            let record = client.get(&format!("/api/v1/audit/{id}"))?.body;
            terminal::line(if json { record.to_string() } else { pretty(&record) });
            Ok(Exit::Done)
        }
        Audit::Checkpoint => told(&client.get_text("/api/v1/audit/checkpoint")?, "checkpoint", json),
        Audit::Key => told(&client.get_text("/api/v1/audit/key")?, "key", json),
        Audit::Prove { id: Some(id), .. } => prove(client, &id, json),
        Audit::Prove { consistency, .. } => {
            let (from, to) = (consistency.first().copied(), consistency.get(1).copied());
            let (from, to) = (from.unwrap_or(0), to.unwrap_or(0));
            let proof = client.get(&format!("/api/v1/audit/consistency?from={from}&to={to}"))?.body;
            terminal::line(if json { proof.to_string() } else { pretty(&proof) });
            Ok(Exit::Done)
        }
        Audit::Export { dir } => export::run(client, &dir, json),
        Audit::Verify { path, key, checkpoints } => verify::run(&path, &key, &checkpoints, json),
        Audit::Pack { incident, object, attachments, reason, output } => {
            let about = pack::About { incident, object, attachments, reason };
            pack::run(client, &about, &output, json)
        }
        Audit::Erase { id, fields, reason } => {
            let fields: Vec<_> = fields.iter().map(|field| field.as_str()).collect();
            let erasure = json!({ "fields": fields, "reason": reason });
            let erased = client.post(&format!("/api/v1/audit/{id}/erase"), &erasure)?.body;
            let count = text(&erased["erased"]);
            terminal::line(if json { erased.to_string() } else { format!("{id}: {count} values erased") });
            Ok(Exit::Done)
        }
    }
}

/// The time that a person means, milliseconds since the epoch.
pub(super) fn time_ms(text: &str, now_ms: i64) -> Result<i64, Failure> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_millisecond());
    }
    if let Some(day) = text.parse::<Date>().ok().and_then(|day| day.to_zoned(TimeZone::UTC).ok()) {
        return Ok(day.timestamp().as_millisecond());
    }
    let unit_ms = match text.chars().last() {
        Some('m') => Some(60_000),
        Some('h') => Some(3_600_000),
        Some('d') => Some(86_400_000),
        _ => None,
    };
    let number = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<u32>().ok());
    number.zip(unit_ms).map(|(number, unit_ms)| now_ms - i64::from(number) * unit_ms).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{text:?} is no time"))
            .hint("write 2026-11-26T08:00:00Z, 2026-11-26, or an age such as 90m, 24h, 7d")
    })
}

fn log(mut body: Value, json: bool) -> Result<Exit, Failure> {
    if !json {
        for item in body["items"].as_array_mut().into_iter().flatten() {
            let principal = &item["principal"];
            let name = ["name", "part", "account"].iter().find_map(|key| principal[*key].as_str());
            let gone = if principal["kind"] == "withheld" { "(withheld)" } else { "(erased)" };
            item["actor"] = json!(name.unwrap_or(gone));
        }
    }
    list(&body, &["at_ms", "id", "actor", "action", "object", "reason"], json)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn told(text: &str, what: &str, json: bool) -> Result<Exit, Failure> {
    terminal::line(if json { json!({ what: text }).to_string() } else { text.trim_end().to_owned() });
    Ok(Exit::Done)
}

/// The server's key. Good enough to notice a mistake, not a lie: for that the key must come from elsewhere.
fn server_key(client: &Client) -> Result<PublicKey, Failure> {
    client.get_text("/api/v1/audit/key")?.parse().map_err(|e| Failure::new(Exit::Server, e))
}

/// A proof as the server gave it.
struct Proof {
    body: Value,
    entry: AuditEntry,
    size: u64,
    path: Vec<Hash>,
    checkpoint: SignedCheckpoint,
}

impl Proof {
    fn get(client: &Client, key: &PublicKey, id: &str, size: Option<u64>) -> Result<Self, Failure> {
        let mut query = Query::new(&format!("/api/v1/audit/{id}/proof"));
        query.add("size", size.map(|size| size.to_string()).as_deref());
        let body = client.get(&query.0)?.body;
        let read = || {
            let hashes = body["path"].as_array()?.iter();
            let path = hashes.map(|hash| unhex(hash.as_str()?)).collect::<Option<Vec<Hash>>>()?;
            Some((entry_of(body["entry"].as_str()?)?, body["size"].as_u64()?, path))
        };
        let unread = || Failure::new(Exit::Server, format!("{id}: the server's proof cannot be read"));
        let (entry, size, path) = read().ok_or_else(unread)?;
        let checkpoint = key.open(body["checkpoint"].as_str().unwrap_or_default());
        let checkpoint = checkpoint.map_err(|e| Failure::new(Exit::Tampered, format!("{id}: {e}")))?;
        Ok(Self { body, entry, size, path, checkpoint })
    }

    /// Whether the proof leads from the record to the root of `checkpoint`, which has `size` records.
    fn check(&self, checkpoint: &SignedCheckpoint) -> Result<(), Failure> {
        let signed = &checkpoint.checkpoint;
        let root = inclusion_root(&self.entry.leaf_hash(), self.entry.index, self.size, &self.path);
        if signed.size == self.size && root == Some(signed.root) {
            return Ok(());
        }
        let message =
            format!("record {} ({}) is not the one that was signed", self.entry.index, self.entry.id);
        Err(Failure::new(Exit::Tampered, message)
            .hint("take a copy with `huecry audit export` and judge it with `huecry audit verify`"))
    }
}

fn prove(client: &Client, id: &str, json: bool) -> Result<Exit, Failure> {
    let proof = Proof::get(client, &server_key(client)?, id, None)?;
    proof.check(&proof.checkpoint)?;
    if json {
        terminal::line(&proof.body);
        return Ok(Exit::Done);
    }
    terminal::line(pretty(&proof.body));
    let signed = &proof.checkpoint.checkpoint;
    terminal::note(format_args!(
        "the proof holds: record {} is one of the {} signed at {} UTC",
        proof.entry.index,
        signed.size,
        terminal::time(signed.time_ms)
    ));
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        const NOW_MS: i64 = 1_764_177_294_000;
        for (text, expected) in [
            ("2026-11-26T08:00:00Z", Some(1_795_680_000_000)),
            ("2026-11-26", Some(1_795_651_200_000)),
            ("90m", Some(NOW_MS - 5_400_000)),
            ("24h", Some(NOW_MS - 86_400_000)),
            ("7d", Some(NOW_MS - 604_800_000)),
            ("yesterday", None),
            ("", None),
            ("d", None),
            ("-1d", None),
            ("9999999999d", None),
            ("é", None),
        ] {
            assert_eq!(time_ms(text, NOW_MS).ok(), expected, "{text}");
        }
    }
}
