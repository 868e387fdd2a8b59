//! `huecry audit pack`: what is known of one object, with the proof.

use super::{Proof, pretty, server_key};
use crate::client::Client;
use crate::commands::incident::Query;
use crate::exit::{Exit, Failure};
use crate::terminal;
use audit::PublicKey;
use audit::pack::{ATTACHMENT_BYTES_MAX, AttachmentList, Pack, ProvenEntry};
use serde_json::{Value, json};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest wait until the record of the pack is signed.
const SIGNED_WAIT_MAX: Duration = Duration::from_secs(30);
/// How often to ask.
const ASK_EVERY: Duration = Duration::from_millis(300);

/// What a pack is about, and what goes into it.
pub(super) struct About {
    pub(super) incident: Option<String>,
    pub(super) object: Option<String>,
    pub(super) attachments: Vec<PathBuf>,
    pub(super) reason: Option<String>,
}

/// Collects, records the pack in the log, waits for the signature, writes the zip.
pub(super) fn run(client: &Client, about: &About, output: &Path, json: bool) -> Result<Exit, Failure> {
    let object = about.incident.as_deref().or(about.object.as_deref()).unwrap_or_default();
    let attachments = collect(client, about)?;
    let key = server_key(client)?;
    let files = attachments.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
    let list = AttachmentList::new(object, files);
    let new = json!({ "object": object, "list_sha256": list.sha256(), "reason": about.reason });
    let recorded = client.post("/api/v1/audit/packs", &new)?.body;
    let own = signed(client, &key, recorded["record"].as_str().unwrap_or_default())?;
    let checkpoint = &own.checkpoint;
    let mut records = Vec::new();
    for id in records_about(client, object)? {
        let proof = Proof::get(client, &key, &id, Some(own.size))?;
        proof.check(checkpoint)?;
        records.push(ProvenEntry { entry: proof.entry, path: proof.path });
    }
    records.sort_by_key(|record| record.entry.index);
    let pack = Pack { checkpoint, key: &key, records: &records, list: &list, attachments: &attachments };
    let file = File::create(output).map_err(|e| {
        Failure::new(Exit::Usage, format!("{}: {e}", output.display())).hint("-o names the zip to write")
    })?;
    pack.write(BufWriter::new(file))?;
    if json {
        terminal::line(json!({ "file": output, "records": records.len(), "attachments": attachments.len(),
            "record": recorded["record"] }));
    } else {
        let (records, attachments) = (records.len(), attachments.len());
        terminal::line(format_args!("{}: {records} records, {attachments} attachments", output.display()));
        terminal::note(format_args!("check it: huecry audit verify {} --key '{key}'", output.display()));
    }
    Ok(Exit::Done)
}

/// Waits until the record is signed.
fn signed(client: &Client, key: &PublicKey, id: &str) -> Result<Proof, Failure> {
    let asked = Instant::now();
    loop {
        let proof = match Proof::get(client, key, id, None) {
            Err(failure)
                if failure.message.contains("audit_pending") && asked.elapsed() < SIGNED_WAIT_MAX =>
            {
                None
            }
            answered => Some(answered?),
        };
        if let Some(proof) = proof {
            proof.check(&proof.checkpoint)?;
            return Ok(proof);
        }
        std::thread::sleep(ASK_EVERY);
    }
}

/// The ids of all signed and unsigned records about `object`; those made after the pack's own are left out.
fn records_about(client: &Client, object: &str) -> Result<Vec<String>, Failure> {
    let items = all(client, "/api/v1/audit", Some(object))?;
    let newest_first = items.iter().filter_map(|item| Some((item["id"].as_str()?, item["action"].as_str()?)));
    let own = newest_first.clone().position(|(_, action)| action == audit::pack::PACK_ACTION).unwrap_or(0);
    Ok(newest_first.skip(own).map(|(id, _)| id.to_owned()).collect())
}

/// Every item of a list.
fn all(client: &Client, path: &str, object: Option<&str>) -> Result<Vec<Value>, Failure> {
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut query = Query::new(path);
        query.add("object", object);
        query.add("limit", Some("500"));
        query.add("after", after.as_deref());
        let body = client.get(&query.0)?.body;
        found.extend(body["items"].as_array().cloned().unwrap_or_default());
        after = body["next"].as_str().map(str::to_owned);
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// What is attached: first what is read here, so that a wrong name is said before anything is asked.
fn collect(client: &Client, about: &About) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let given = given(&about.attachments)?;
    let mut files = Vec::new();
    if let Some(id) = &about.incident {
        let path = format!("/api/v1/incidents/{id}");
        let mut add = |name: &str, value: &Value| files.push((name.to_owned(), pretty(value).into_bytes()));
        add("incident.json", &client.get(&path)?.body);
        add("findings.json", &json!(all(client, &format!("{path}/findings"), None)?));
        add("comments.json", &json!(all(client, &format!("{path}/comments"), None)?));
    }
    files.extend(given);
    Ok(files)
}

fn given(attachments: &[PathBuf]) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for path in attachments {
        let bad = |reason: &dyn std::fmt::Display| {
            Failure::new(Exit::Usage, format!("{}: {reason}", path.display()))
        };
        let bytes = std::fs::metadata(path).map_err(|e| bad(&e))?.len();
        if bytes > ATTACHMENT_BYTES_MAX {
            return Err(bad(&format!("an attachment has at most {ATTACHMENT_BYTES_MAX} bytes")));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = format!("files/{}", name.ok_or_else(|| bad(&"it has no name"))?);
        if files.iter().any(|(taken, _)| *taken == name) {
            return Err(bad(&"another attachment has the same name"));
        }
        files.push((name, std::fs::read(path).map_err(|e| bad(&e))?));
    }
    Ok(files)
}
