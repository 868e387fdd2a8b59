//! What is known about an event beyond what its source said: whose service it is about, where its address
//! is, which processes started its process.
//!
//! [`Enrichment`] is the borrowed result of the enrich pass over one event, [`Ownership`] the part of it that
//! findings and incidents keep. Names under which rules read it are [`EnrichField`]'s.

use crate::EntityKind;
use crate::field::{FieldId, FieldTable};
use serde::{Deserialize, Serialize};

/// Where a value came from and as of when it was true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provenance<'a> {
    /// What said so, as a stable text: `catalog:services.yaml:12`, `geoip:GeoLite2-City`.
    pub source: &'a str,
    /// Since when the source says so, milliseconds since the epoch: the catalogue's validity, the build of a
    /// database.
    pub as_of_ms: i64,
    /// The event is older than the oldest that the source knows; its oldest answer was taken.
    pub before_known: bool,
}

impl Provenance<'_> {
    /// How old the value was when the event happened, in milliseconds; 0 when it is of the event's future.
    pub const fn age_ms(&self, event_time_ms: i64) -> i64 {
        let age = event_time_ms.saturating_sub(self.as_of_ms);
        if age > 0 { age } else { 0 }
    }
}

/// One process in the chain above an event's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ancestor<'a> {
    /// The operating system's process id, which is given again after the process has ended.
    pub pid: u64,
    /// Path of the executable where known, else its name; empty when the source named neither.
    pub image: &'a str,
    /// When it started, milliseconds since the epoch; 0 when its start was not seen.
    pub started_at_ms: i64,
}

#[derive(Debug, Clone, Copy)]
struct AncestorSpan {
    pid: u64,
    started_at_ms: i64,
    end: u32,
}

/// The reusable storage of one [`Ancestry`].
#[derive(Debug, Clone, Default)]
pub struct AncestryBuffer {
    spans: Vec<AncestorSpan>,
    text: String,
}

impl AncestryBuffer {
    /// Forgets the chain and keeps the storage.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.text.clear();
    }

    /// Adds the next process up the chain.
    pub fn push(&mut self, ancestor: Ancestor<'_>) {
        self.text.push_str(ancestor.image);
        let Ancestor { pid, started_at_ms, .. } = ancestor;
        self.spans.push(AncestorSpan { pid, started_at_ms, end: self.text.len() as u32 });
    }

    /// The chain, borrowed.
    pub fn get(&self) -> Ancestry<'_> {
        Ancestry { spans: &self.spans, text: &self.text }
    }
}

/// The processes above an event's process, the parent first; borrowed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ancestry<'a> {
    spans: &'a [AncestorSpan],
    text: &'a str,
}

impl<'a> Ancestry<'a> {
    /// From the parent upwards.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Ancestor<'a>> + use<'a> {
        let (text, mut start) = (self.text, 0);
        self.spans.iter().map(move |span| {
            let image = text.get(start..span.end as usize).unwrap_or_default();
            start = span.end as usize;
            Ancestor { pid: span.pid, image, started_at_ms: span.started_at_ms }
        })
    }

    /// How many are known.
    pub const fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether nothing is known of the parents.
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

/// The result of the enrich pass over one event; everything is borrowed and copying it is free.
#[derive(Debug, Clone, Copy, Default)]
pub struct Enrichment<'a> {
    /// The thing that service and owner were found by, of those the event is about.
    pub about: Option<(EntityKind, &'a str)>,
    /// The service that the event is about, by its name in the catalogue.
    pub service: Option<&'a str>,
    /// Who answers for it, as the catalogue writes it: `group:default/payments`, `@acme/payments`.
    pub owner: Option<&'a str>,
    /// The owning team's short name: `payments`.
    pub team: Option<&'a str>,
    /// How much it matters: `low`, `medium`, `high`, `critical`.
    pub criticality: Option<&'a str>,
    /// Where it runs: `production`, `staging`, …
    pub environment: Option<&'a str>,
    /// Where the five above came from.
    pub catalog: Option<Provenance<'a>>,
    /// The address that country and autonomous system are of.
    pub src_address: Option<&'a str>,
    /// ISO 3166-1 alpha-2 code of the source address's country.
    pub src_country: Option<&'a str>,
    /// Where the country came from.
    pub country_source: Option<Provenance<'a>>,
    /// Number of the autonomous system that announces the source address.
    pub src_asn: Option<u32>,
    /// That system's organisation.
    pub src_as_org: Option<&'a str>,
    /// Where number and organisation came from.
    pub asn_source: Option<Provenance<'a>>,
    /// The id of the event's process, where it has one.
    pub pid: Option<u64>,
    /// The processes above the event's process, the parent first.
    pub ancestors: Ancestry<'a>,
}

impl Enrichment<'_> {
    /// Whether nothing is known.
    pub const fn is_empty(&self) -> bool {
        self.service.is_none()
            && self.owner.is_none()
            && self.src_country.is_none()
            && self.src_asn.is_none()
            && self.ancestors.is_empty()
    }

    /// The part that findings and incidents keep.
    pub fn ownership(&self) -> Ownership {
        let text = |value: Option<&str>| value.map(str::to_owned);
        Ownership {
            service: text(self.service),
            owner: text(self.owner),
            team: text(self.team),
            criticality: text(self.criticality),
            environment: text(self.environment),
        }
    }
}

/// Whose service it is; kept by findings and incidents. Machines write it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ownership {
    /// The service's name in the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Who answers for it, as the catalogue writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The owning team's short name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// `low`, `medium`, `high`, `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criticality: Option<String>,
    /// `production`, `staging`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

impl Ownership {
    /// Whether nothing is known.
    pub const fn is_empty(&self) -> bool {
        self.service.is_none() && self.owner.is_none()
    }
}

/// A field of the enrichment, by the name that rules of either vocabulary read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EnrichField {
    /// [`Enrichment::service`].
    Service,
    /// [`Enrichment::owner`].
    Owner,
    /// [`Enrichment::team`].
    Team,
    /// [`Enrichment::criticality`].
    Criticality,
    /// [`Enrichment::environment`].
    Environment,
    /// [`Enrichment::src_country`].
    SrcCountry,
    /// [`Enrichment::src_asn`].
    SrcAsn,
    /// [`Enrichment::src_as_org`].
    SrcAsOrg,
    /// The image of each of [`Enrichment::ancestors`].
    ProcessAncestors,
    /// The image of the first of [`Enrichment::ancestors`].
    ProcessParent,
}

impl EnrichField {
    /// In the order of the reference.
    pub const ALL: [EnrichField; 10] = [
        Self::Service,
        Self::Owner,
        Self::Team,
        Self::Criticality,
        Self::Environment,
        Self::SrcCountry,
        Self::SrcAsn,
        Self::SrcAsOrg,
        Self::ProcessAncestors,
        Self::ProcessParent,
    ];

    /// The name in rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "enrich.service",
            Self::Owner => "enrich.owner",
            Self::Team => "enrich.team",
            Self::Criticality => "enrich.criticality",
            Self::Environment => "enrich.environment",
            Self::SrcCountry => "enrich.src_country",
            Self::SrcAsn => "enrich.src_asn",
            Self::SrcAsOrg => "enrich.src_as_org",
            Self::ProcessAncestors => "enrich.process.ancestors",
            Self::ProcessParent => "enrich.process.parent",
        }
    }
}

/// The ids that the fields of the enrichment have in one [`FieldTable`].
#[derive(Debug, Clone, Copy)]
pub struct EnrichFields {
    ids: [FieldId; EnrichField::ALL.len()],
    /// The largest of them: where the names were interned first, one comparison tells most fields apart.
    last: FieldId,
}

impl EnrichFields {
    /// Adds the names to `table` where they are new.
    pub fn intern(table: &mut FieldTable) -> Self {
        let ids = EnrichField::ALL.map(|field| table.intern(field.as_str()));
        Self { ids, last: ids.into_iter().max().unwrap_or(FieldId(0)) }
    }

    /// The field of that id; `None` for a field of the record or event itself.
    pub fn field(&self, id: FieldId) -> Option<EnrichField> {
        if id > self.last {
            return None;
        }
        let at = self.ids.iter().position(|known| *known == id)?;
        EnrichField::ALL.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ancestry_gives_back_what_was_pushed() {
        let mut buffer = AncestryBuffer::default();
        let chain = [
            Ancestor { pid: 70, image: "/bin/sh", started_at_ms: 5 },
            Ancestor { pid: 7, image: "", started_at_ms: 0 },
            Ancestor { pid: 1, image: "/sbin/init", started_at_ms: 1 },
        ];
        for _ in 0..2 {
            buffer.clear();
            chain.iter().for_each(|ancestor| buffer.push(*ancestor));
            assert_eq!(buffer.get().iter().collect::<Vec<_>>(), chain);
        }
    }

    #[test]
    fn a_field_is_known_by_its_id() {
        let mut table = FieldTable::default();
        let other = table.intern("eventName");
        let fields = EnrichFields::intern(&mut table);
        assert_eq!(fields.field(other), None);
        for field in EnrichField::ALL {
            assert_eq!(fields.field(table.intern(field.as_str())), Some(field));
        }
    }

    #[test]
    fn age_is_measured_at_the_event_and_never_negative() {
        let provenance = Provenance { source: "catalog:services.yaml:1", as_of_ms: 100, before_known: false };
        assert_eq!((provenance.age_ms(250), provenance.age_ms(50)), (150, 0));
    }
}
