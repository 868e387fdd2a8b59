//! Our own `services.yaml`: docs/reference/ownership.md has every key.

use super::entity::{Draft, team_of};
use super::index::{ClaimKind, Claims};
use super::{CRITICALITIES, CatalogBuilder, Service};
use crate::error::{Fault, FaultCode};
use crate::limits::{CLAIMS_PER_SERVICE_MAX, ENTITIES_MAX, NAME_BYTES_MAX};
use crate::yaml::{Entry, Yaml};
use foldhash::HashMap;

const TOP_KEYS: [&str; 3] = ["valid_from", "teams", "services"];
const TEAM_KEYS: [&str; 2] = ["name", "owner"];
const SERVICE_KEYS: [&str; 11] = [
    "name",
    "owner",
    "team",
    "criticality",
    "environment",
    "valid_from",
    "repositories",
    "resources",
    "hosts",
    "accounts",
    "sources",
];

struct Reader<'a> {
    file: &'a str,
    faults: Vec<Fault>,
    /// The owner of each team.
    teams: HashMap<String, Option<String>>,
}

/// Reads one document.
pub(super) fn read(file: &str, root: &Yaml, builder: &mut CatalogBuilder) {
    let mut reader = Reader { file, faults: Vec::new(), teams: HashMap::default() };
    reader.known_keys(root, &TOP_KEYS);
    let valid_from_ms = root.get("valid_from").and_then(|node| reader.time(node));
    builder.valid_from_ms = builder.valid_from_ms.max(valid_from_ms);
    for team in root.get("teams").map_or(&[][..], Yaml::one_or_more) {
        reader.team(team);
    }
    let services = root.get("services").map_or(&[][..], Yaml::one_or_more);
    let room = ENTITIES_MAX.saturating_sub(builder.drafts.len());
    if services.len() > room {
        let reason = format!("more than {ENTITIES_MAX} services in one catalogue; the rest is not read");
        reader.fault(root.line, FaultCode::TooLarge, reason);
    }
    for service in services.iter().take(room) {
        builder.drafts.extend(reader.service(service));
    }
    reader.faults.into_iter().for_each(|fault| builder.fault(fault));
}

impl Reader<'_> {
    fn fault(&mut self, line: u32, code: FaultCode, reason: impl Into<String>) {
        self.faults.push(Fault::new(self.file, line, code, reason));
    }

    fn known_keys(&mut self, node: &Yaml, known: &[&str]) {
        for Entry { key, line, .. } in node.entries() {
            if known.contains(&key.as_str()) {
                continue;
            }
            let near = known.iter().map(|name| (strsim::damerau_levenshtein(key, name), name)).min();
            let hint = match near {
                Some((distance, name)) if distance <= 1 + key.len() / 3 => format!("did you mean `{name}`?"),
                _ => format!("there is {}", known.join(", ")),
            };
            self.fault(*line, FaultCode::UnknownKey, format!("nothing reads `{key:.80}`; {hint}"));
        }
    }

    /// The text of a key; a fault when it is there and no text.
    fn text(&mut self, node: &Yaml, key: &str) -> Option<String> {
        let value = node.get(key)?;
        match value.text().map(str::trim) {
            Some(text) if !text.is_empty() && text.len() <= NAME_BYTES_MAX => Some(text.to_owned()),
            _ => {
                let reason = format!("`{key}` is a text of 1 to {NAME_BYTES_MAX} bytes");
                self.fault(value.line, FaultCode::BadValue, reason);
                None
            }
        }
    }

    fn named(&mut self, node: &Yaml, what: &str) -> Option<String> {
        if !node.is_map() {
            self.fault(node.line, FaultCode::BadValue, format!("a {what} is a map with a `name`"));
            return None;
        }
        let name = self.text(node, "name");
        if name.is_none() && node.get("name").is_none() {
            self.fault(node.line, FaultCode::Missing, format!("a {what} needs a `name`"));
        }
        name
    }

    fn team(&mut self, node: &Yaml) {
        let Some(name) = self.named(node, "team") else { return };
        self.known_keys(node, &TEAM_KEYS);
        let owner = self.text(node, "owner");
        if self.teams.insert(name.clone(), owner).is_some() {
            self.fault(node.line, FaultCode::Duplicate, format!("the team `{name}` is there twice"));
        }
    }

    fn service(&mut self, node: &Yaml) -> Option<Draft> {
        let name = self.named(node, "service")?;
        self.known_keys(node, &SERVICE_KEYS);
        let team = self.text(node, "team");
        if let Some(team) = team.as_deref().filter(|t| !self.teams.is_empty() && !self.teams.contains_key(*t))
        {
            let reason = format!("the team `{team}` of `{name}` is not among the `teams` of this file");
            self.fault(node.line, FaultCode::UnknownReference, reason);
        }
        let of_team = team.as_ref().map(|team| match self.teams.get(team) {
            Some(Some(owner)) => owner.clone(),
            _ => team.clone(),
        });
        let owner = self.text(node, "owner").or(of_team);
        let service = Service {
            team: team.or_else(|| owner.as_deref().map(|owner| team_of(owner).to_owned())),
            owner,
            criticality: self.criticality(node),
            environment: self.text(node, "environment"),
            source: format!("catalog:{}:{}", self.file, node.line),
            valid_from_ms: node.get("valid_from").and_then(|at| self.time(at)),
            valid_until_ms: None,
            name,
        };
        Some(Draft {
            file: self.file.to_owned(),
            line: node.line,
            entity: None,
            parents: Vec::new(),
            service,
            claims: self.claims(node),
            is_person: false,
        })
    }

    fn criticality(&mut self, node: &Yaml) -> Option<String> {
        let text = self.text(node, "criticality")?;
        if CRITICALITIES.contains(&text.as_str()) {
            return Some(text);
        }
        let reason = format!("criticality `{text:.80}` is none of {}", CRITICALITIES.join(", "));
        let line = node.get("criticality").map_or(node.line, |value| value.line);
        self.fault(line, FaultCode::BadValue, reason);
        None
    }

    fn claims(&mut self, node: &Yaml) -> Claims {
        let mut claims = Claims::new();
        for kind in ClaimKind::ALL {
            for item in node.get(kind.key()).map_or(&[][..], Yaml::one_or_more) {
                if claims.len() >= CLAIMS_PER_SERVICE_MAX {
                    let reason = format!("a service claims at most {CLAIMS_PER_SERVICE_MAX} things");
                    self.fault(item.line, FaultCode::TooLarge, reason);
                    return claims;
                }
                match item.text() {
                    Some(text) if !text.is_empty() && text.len() <= NAME_BYTES_MAX => {
                        claims.push((kind, text.to_owned(), item.line));
                    }
                    _ => {
                        let reason = format!("`{}` are texts of 1 to {NAME_BYTES_MAX} bytes", kind.key());
                        self.fault(item.line, FaultCode::BadValue, reason);
                    }
                }
            }
        }
        claims
    }

    fn time(&mut self, node: &Yaml) -> Option<i64> {
        let parsed = node.text().and_then(parse_time_ms);
        if parsed.is_none() {
            let reason = "`valid_from` is a day (2026-01-31) or a time (2026-01-31T08:00:00Z)";
            self.fault(node.line, FaultCode::BadValue, reason);
        }
        parsed
    }
}

/// A day (its start in UTC) or a time (RFC 3339), in milliseconds since the epoch.
pub fn parse_time_ms(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}
