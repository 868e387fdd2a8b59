//! MITRE ATT&CK techniques: id, name and tactics, and no more.
//!
//! The list that comes along (`content/attack/techniques.tsv`) holds facts read from the STIX objects that MITRE
//! publishes (<https://github.com/mitre/cti>); `cargo xtask attack FILE` writes it anew.

use serde::Serialize;
use std::collections::BTreeMap;

/// A technique or sub-technique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Technique {
    /// `T1078` or `T1078.004`.
    pub id: String,
    /// Its own name, without its parent's.
    pub name: String,
    /// Tactics by their short names: `initial-access`.
    pub tactics: Vec<String>,
}

/// The techniques of one release of ATT&CK Enterprise.
#[derive(Debug, Clone, Default)]
pub struct Attack {
    techniques: BTreeMap<String, Technique>,
}

/// Why a list of techniques cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttackError {
    /// It is neither a STIX bundle nor STIX objects one a line.
    #[error("line {line}: not JSON: {reason}; give a STIX 2 bundle, or its objects one a line")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// It has no technique.
    #[error("it has no `attack-pattern` with an ATT&CK id; give the objects of enterprise-attack")]
    Empty,
}

/// Tactics of Enterprise in the order of the matrix.
pub const TACTICS: [&str; 14] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
];

const BUILTIN: &str = include_str!("../../../content/attack/techniques.tsv");

impl Attack {
    /// The techniques that come along.
    pub fn builtin() -> Self {
        let techniques = BUILTIN.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let mut columns = line.split('\t');
            let (id, name, tactics) = (columns.next()?, columns.next()?, columns.next()?);
            let tactics = tactics.split(',').map(str::to_owned).collect();
            Some((id.to_owned(), Technique { id: id.to_owned(), name: name.to_owned(), tactics }))
        });
        Self { techniques: techniques.collect() }
    }

    /// Techniques of STIX 2 objects: a bundle, or one object a line. What is revoked or deprecated is left out.
    ///
    /// # Errors
    /// [`AttackError`].
    pub fn from_stix(text: &str) -> Result<Self, AttackError> {
        let mut techniques = BTreeMap::new();
        let mut keep = |object: &serde_json::Value| {
            if let Some(technique) = technique(object) {
                techniques.insert(technique.id.clone(), technique);
            }
        };
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(bundle) if bundle.get("objects").is_some() => {
                bundle["objects"].as_array().into_iter().flatten().for_each(&mut keep);
            }
            _ => {
                for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                    let object = serde_json::from_str(line)
                        .map_err(|e| AttackError::NotJson { line: at + 1, reason: e.to_string() })?;
                    keep(&object);
                }
            }
        }
        if techniques.is_empty() { Err(AttackError::Empty) } else { Ok(Self { techniques }) }
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Option<&Technique> {
        self.techniques.get(id)
    }

    /// All, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Technique> {
        self.techniques.values()
    }

    /// The name with the parent's before it: `Valid Accounts: Cloud Accounts`.
    pub fn full_name(&self, technique: &Technique) -> String {
        let parent = technique.id.split_once('.').and_then(|(parent, _)| self.get(parent));
        parent.map_or(technique.name.clone(), |parent| format!("{}: {}", parent.name, technique.name))
    }
}

fn technique(object: &serde_json::Value) -> Option<Technique> {
    let is = |key: &str| object.get(key).and_then(serde_json::Value::as_bool).unwrap_or(false);
    if object.get("type")? != "attack-pattern" || is("revoked") || is("x_mitre_deprecated") {
        return None;
    }
    let references = object.get("external_references")?.as_array()?;
    let own = references.iter().find(|reference| reference["source_name"] == "mitre-attack")?;
    let phases = object.get("kill_chain_phases")?.as_array()?;
    let phases = phases.iter().filter(|phase| phase["kill_chain_name"] == "mitre-attack");
    Some(Technique {
        id: own["external_id"].as_str()?.to_owned(),
        name: object.get("name")?.as_str()?.to_owned(),
        tactics: phases.filter_map(|phase| Some(phase["phase_name"].as_str()?.to_owned())).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_that_comes_along_is_whole() {
        let attack = Attack::builtin();
        assert!(attack.iter().count() > 600, "{}", attack.iter().count());
        let cloud = attack.get("T1078.004").unwrap();
        assert_eq!(attack.full_name(cloud), "Valid Accounts: Cloud Accounts");
        assert!(cloud.tactics.contains(&"initial-access".to_owned()));
        for technique in attack.iter() {
            assert!(
                technique.tactics.iter().all(|tactic| TACTICS.contains(&tactic.as_str())),
                "{technique:?}"
            );
            assert!(!technique.name.is_empty() && !technique.tactics.is_empty(), "{technique:?}");
        }
    }

    #[test]
    fn stix_is_read_as_a_bundle_and_as_lines() {
        let object = |id: &str, more: &str| {
            format!(
                r#"{{"type":"attack-pattern","name":"N","external_references":[{{"source_name":"mitre-attack","external_id":"{id}"}}],"kill_chain_phases":[{{"kill_chain_name":"mitre-attack","phase_name":"impact"}}]{more}}}"#
            )
        };
        let objects = [object("T1", ""), object("T2", r#","revoked":true"#), object("T3", "")];
        let bundle = format!(r#"{{"type":"bundle","objects":[{}]}}"#, objects.join(","));
        for text in [bundle, objects.join("\n")] {
            let ids: Vec<String> = Attack::from_stix(&text).unwrap().iter().map(|t| t.id.clone()).collect();
            assert_eq!(ids, ["T1", "T3"]);
        }
        assert_eq!(Attack::from_stix("{}").unwrap_err(), AttackError::Empty);
        assert!(matches!(Attack::from_stix("x").unwrap_err(), AttackError::NotJson { line: 1, .. }));
    }
}
