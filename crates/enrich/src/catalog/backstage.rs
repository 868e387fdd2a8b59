//! Backstage entities: `catalog-info.yaml` ("Descriptor Format of Catalog Entities").
//!
//! Component, API, Resource, System and Domain become services; Group and User are who owners refer to;
//! Location, Template and kinds of one's own are left alone. What a service claims is in annotations.

use super::CRITICALITIES;
use super::CatalogBuilder;
use super::Service;
use super::entity::{Draft, EntityRef, Parent, team_of};
use super::index::{ClaimKind, Claims};
use crate::error::{Fault, FaultCode};
use crate::limits::{CLAIMS_PER_SERVICE_MAX, NAME_BYTES_MAX};
use crate::yaml::{Entry, Yaml};

/// Kinds that become services, in lower case.
const SERVICES: [&str; 5] = ["component", "api", "resource", "system", "domain"];
/// Annotations whose value is a claim.
const CLAIMS: [(&str, ClaimKind); 5] = [
    ("github.com/project-slug", ClaimKind::Repository),
    ("gitlab.com/project-slug", ClaimKind::Repository),
    ("bitbucket.org/project-slug", ClaimKind::Repository),
    ("amazonaws.com/account-id", ClaimKind::Account),
    ("amazonaws.com/arn", ClaimKind::Resource),
];
/// Before the names of our own annotations: `huecry/hosts`, `huecry/criticality`.
const OURS: &str = "huecry/";
/// Keys of `spec` that say what an entity is a part of, with the kind that a short reference means.
const PARENTS: [(&str, &str); 5] = [
    ("subcomponentOf", "component"),
    ("system", "system"),
    ("subdomainOf", "domain"),
    ("domain", "domain"),
    ("parent", "group"),
];
/// Relations, as the catalogue's API exports them, that say the same.
const RELATIONS: [&str; 3] = ["partOf", "ownedBy", "childOf"];

struct Reader<'a> {
    file: &'a str,
    line: u32,
    root: &'a Yaml,
    namespace: &'a str,
    faults: Vec<Fault>,
}

/// Reads one document.
pub(super) fn read(file: &str, root: &Yaml, builder: &mut CatalogBuilder) {
    let api = root.text_at(&["apiVersion"]).unwrap_or_default();
    if !api.contains("backstage.io/") {
        let reason = format!("apiVersion `{}` is not Backstage's (backstage.io/v1alpha1)", shown(api));
        return builder.fault(Fault::new(file, root.line, FaultCode::NotACatalog, reason));
    }
    let namespace = root.text_at(&["metadata", "namespace"]).unwrap_or("default");
    let mut reader = Reader { file, line: root.line, root, namespace, faults: Vec::new() };
    let kind = root.text_at(&["kind"]).unwrap_or_default().to_ascii_lowercase();
    if is_placeholder(&kind) {
        let reason = "a template's text stands in `kind`; name the files that the template makes";
        reader.fault(root.line, FaultCode::TemplateUnrendered, reason);
    }
    let draft = match kind.as_str() {
        "group" | "user" => reader.draft(&kind, true),
        kind if SERVICES.contains(&kind) => reader.draft(kind, false),
        _ => None,
    };
    reader.faults.into_iter().for_each(|fault| builder.fault(fault));
    if let Some(draft) = draft {
        if draft.is_person {
            builder.people.known.extend(draft.entity.clone());
        }
        builder.drafts.push(draft);
    }
}

impl Reader<'_> {
    fn fault(&mut self, line: u32, code: FaultCode, reason: impl Into<String>) {
        self.faults.push(Fault::new(self.file, line, code, reason));
    }

    fn draft(&mut self, kind: &str, is_person: bool) -> Option<Draft> {
        let name = self.name()?;
        let owner = self.owner()?;
        let team = self.annotation("huecry/team").or_else(|| owner.as_deref().map(|o| team_of(o).to_owned()));
        let criticality = self.criticality();
        let environment = self
            .annotation("huecry/environment")
            .or_else(|| self.root.text_at(&["spec", "lifecycle"]).map(str::to_owned));
        let qualified = match self.namespace {
            "default" => name.clone(),
            namespace => format!("{namespace}/{name}"),
        };
        let service = Service {
            name: if kind == "component" { qualified } else { format!("{kind}:{qualified}") },
            owner,
            team,
            criticality,
            environment,
            source: format!("catalog:{}:{}", self.file, self.line),
            valid_from_ms: None,
            valid_until_ms: None,
        };
        Some(Draft {
            file: self.file.to_owned(),
            line: self.line,
            entity: Some(EntityRef::new(kind, self.namespace, &name)),
            parents: self.parents(),
            service,
            claims: if is_person { Vec::new() } else { self.claims() },
            is_person,
        })
    }

    /// `None` when there is no name that can be used; a fault says why.
    fn name(&mut self) -> Option<String> {
        let Some(node) = self.root.at(&["metadata", "name"]) else {
            self.fault(self.line, FaultCode::Missing, "an entity needs `metadata.name`");
            return None;
        };
        let text = node.text().unwrap_or_default();
        if is_placeholder(text) {
            let reason =
                format!("`{}` is a placeholder; name the files that the template makes", shown(text));
            self.fault(node.line, FaultCode::TemplateUnrendered, reason);
            return None;
        }
        // "Descriptor Format", metadata.name: [a-zA-Z0-9] with -, _ and . between, at most 63
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let sound = text.len() <= 63
            && text.chars().all(inner)
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric());
        if !sound {
            let reason = format!("`{}` is no name: letters, digits, - _ . between, at most 63", shown(text));
            self.fault(node.line, FaultCode::BadValue, reason);
            return None;
        }
        Some(text.to_owned())
    }

    /// The owner as a full reference; the outer `None` when a placeholder stands there.
    fn owner(&mut self) -> Option<Option<String>> {
        let Some(node) = self.root.at(&["spec", "owner"]) else { return Some(None) };
        let Some(text) = node.text() else { return Some(None) };
        if is_placeholder(text) {
            let reason =
                format!("`{}` is a placeholder; name the files that the template makes", shown(text));
            self.fault(node.line, FaultCode::TemplateUnrendered, reason);
            return None;
        }
        let parsed = EntityRef::parse(text, "group", self.namespace);
        if parsed.is_none() {
            let reason = format!("`{}` is no reference: [kind:][namespace/]name", shown(text));
            self.fault(node.line, FaultCode::BadValue, reason);
        }
        Some(parsed.map(|owner| owner.to_string()))
    }

    fn annotation(&self, name: &str) -> Option<String> {
        let text = self.root.text_at(&["metadata", "annotations", name])?.trim();
        (!text.is_empty() && text.len() <= NAME_BYTES_MAX).then(|| text.to_owned())
    }

    fn criticality(&mut self) -> Option<String> {
        let annotated = self.root.at(&["metadata", "annotations", "huecry/criticality"]);
        let node = annotated.or_else(|| self.root.at(&["metadata", "labels", "criticality"]))?;
        let text = node.text().unwrap_or_default().to_ascii_lowercase();
        if CRITICALITIES.contains(&text.as_str()) {
            return Some(text);
        }
        let reason = format!("criticality `{}` is none of {}", shown(&text), CRITICALITIES.join(", "));
        self.fault(node.line, FaultCode::BadValue, reason);
        None
    }

    fn parents(&mut self) -> Vec<Parent> {
        let mut parents = Vec::new();
        let given = PARENTS.iter().chain(&[("owner", "group")]);
        for (key, kind) in given {
            let Some(node) = self.root.at(&["spec", key]) else { continue };
            let parsed = node.text().and_then(|text| EntityRef::parse(text, kind, self.namespace));
            match parsed {
                Some(parent) => parents.push((*key, parent, node.line)),
                // the owner's own fault was told already
                None if *key == "owner" || node.text().is_none() => {}
                None => {
                    let reason = format!("`{key}` is no reference: [kind:][namespace/]name");
                    self.fault(node.line, FaultCode::BadValue, reason);
                }
            }
        }
        for relation in self.root.at(&["relations"]).map_or(&[][..], Yaml::one_or_more) {
            let Some(word) = relation.text_at(&["type"]) else { continue };
            let Some(word) = RELATIONS.into_iter().find(|known| *known == word) else { continue };
            let target =
                relation.text_at(&["targetRef"]).and_then(|t| EntityRef::parse(t, "group", "default"));
            let known = |parent: &EntityRef| parents.iter().any(|(_, other, _)| other == parent);
            parents.extend(target.filter(|t| !known(t)).map(|target| (word, target, relation.line)));
        }
        parents
    }

    fn claims(&mut self) -> Claims {
        let mut claims = Claims::new();
        let root = self.root;
        let annotations = root.at(&["metadata", "annotations"]).map_or(&[][..], Yaml::entries);
        for Entry { key, line, value } in annotations {
            let Some(text) = value.text() else { continue };
            if let Some((_, kind)) = CLAIMS.iter().find(|(name, _)| name == key) {
                claims.push((*kind, text.trim().to_owned(), *line));
            } else if key == "backstage.io/source-location" {
                claims.extend(repository_of(text).map(|name| (ClaimKind::Repository, name, *line)));
            } else if let Some(ours) = key.strip_prefix(OURS) {
                match ClaimKind::ALL.into_iter().find(|kind| kind.key() == ours) {
                    Some(kind) => {
                        let parts = text.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty());
                        claims.extend(parts.map(|part| (kind, part.to_owned(), *line)));
                    }
                    None if matches!(ours, "criticality" | "environment" | "team") => {}
                    None => self.fault(*line, FaultCode::UnknownKey, format!("nothing reads `{OURS}{ours}`")),
                }
            }
        }
        let mut seen = Vec::new();
        claims.retain(|(kind, text, _)| {
            let fresh = !is_placeholder(text)
                && text.len() <= NAME_BYTES_MAX
                && !seen.contains(&(*kind, text.clone()));
            seen.push((*kind, text.clone()));
            fresh && seen.len() <= CLAIMS_PER_SERVICE_MAX
        });
        claims
    }
}

/// `url:https://github.com/acme/web/tree/main/` → `acme/web`; GitLab's groups end at `/-/`.
fn repository_of(location: &str) -> Option<String> {
    let url = location.trim().strip_prefix("url:")?;
    let (_, rest) = url.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let path = path.split_once("/-/").map_or(path, |(project, _)| project).trim_matches('/');
    let parts = if host.contains("github") { 2 } else { usize::MAX };
    let name: Vec<&str> = path.split('/').take(parts).filter(|part| !part.is_empty()).collect();
    (name.len() >= 2).then(|| name.join("/").trim_end_matches(".git").to_owned())
}

fn is_placeholder(text: &str) -> bool {
    text.contains("${") || text.contains("{{") || text.contains("{%")
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
