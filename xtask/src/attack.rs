//! `attack FILE`: writes `content/attack/techniques.tsv` from the STIX objects of MITRE ATT&CK Enterprise.

use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

/// Where the list stands.
const LIST: &str = "content/attack/techniques.tsv";

/// Reads a STIX 2 bundle, or its objects one a line.
pub(crate) fn run(root: &Path, args: &[&str]) -> ExitCode {
    let [file] = args else {
        eprintln!(
            "usage: cargo xtask attack FILE   (enterprise-attack.json of https://github.com/mitre/cti)"
        );
        return ExitCode::from(2);
    };
    let written = std::fs::read_to_string(file)
        .map_err(|error| error.to_string())
        .and_then(|text| list(&text))
        .and_then(|list| std::fs::write(root.join(LIST), list).map_err(|error| error.to_string()));
    match written {
        Ok(()) => {
            println!("{LIST} is written");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn list(text: &str) -> Result<String, String> {
    let objects: Vec<Value> = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(mut bundle)) if bundle.contains_key("objects") => {
            serde_json::from_value(bundle.remove("objects").unwrap_or_default()).map_err(|e| e.to_string())?
        }
        _ => text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .map_err(|e| e.to_string())?,
    };
    let mut rows: Vec<(String, String, String)> = objects.iter().filter_map(technique).collect();
    if rows.is_empty() {
        return Err("it has no attack-pattern".to_owned());
    }
    rows.sort();
    let newest = objects.iter().filter_map(|object| object["modified"].as_str()).max().unwrap_or_default();
    let day = newest.get(..10).unwrap_or_default();
    let mut out = format!(
        "# MITRE ATT&CK Enterprise, last changed {day}: id, name, tactics. Written by `cargo xtask attack`.\n\
         # (c) The MITRE Corporation; reproduced and distributed with the permission of The MITRE Corporation.\n"
    );
    for (id, name, tactics) in rows {
        // writing to a string cannot fail
        let _ = writeln!(out, "{id}\t{name}\t{tactics}");
    }
    Ok(out)
}

/// Id, name and tactics of a technique in force.
fn technique(object: &Value) -> Option<(String, String, String)> {
    let is = |key: &str| object[key].as_bool().unwrap_or(false);
    if object["type"] != "attack-pattern" || is("revoked") || is("x_mitre_deprecated") {
        return None;
    }
    let references = object["external_references"].as_array()?;
    let own = references.iter().find(|reference| reference["source_name"] == "mitre-attack")?;
    let phases = object["kill_chain_phases"].as_array()?.iter();
    let tactics: Vec<&str> = phases
        .filter(|phase| phase["kill_chain_name"] == "mitre-attack")
        .filter_map(|phase| phase["phase_name"].as_str())
        .collect();
    Some((own["external_id"].as_str()?.to_owned(), object["name"].as_str()?.to_owned(), tactics.join(",")))
}
