//! What somebody may see of the incidents that something else names: audit records above all.
//!
//! A record keeps its place, its time and its action, because they prove that nothing is missing. Its values are
//! withheld where they speak of an incident that does not exist for the asker:
//!
//! - of a record *about* such an incident (or a finding in one, what was contained for one, or an erasure of values of such
//!   a record) all of them;
//! - of any other record each value in which such an incident is named.
//!
//! An id that names no incident is taken for a hidden one, so that nobody finds out by a record which it is.

use crate::denials::DENY_ACTION;
use model::{
    AuditEntry, AuditField, AuditId, AuditRecord, ContainmentId, FindingId, Incident, IncidentId, RunId,
};
use ports::store::{AuditFilter, Cursor, Page, PageRequest, StoreError, Visible};
use ports::{Snapshot, UnitOfWork};
use std::collections::HashMap;

/// What an incident's id begins with, and how long it is, in bytes.
const INCIDENT_ID: (&str, usize) = ("inc_", 30);
/// Length of a finding's id, in hex digits.
const FINDING_ID_CHARS: usize = 32;
/// Most pages that are read to fill one, where a filter meets values that may be withheld.
const PAGES_PER_LIST_MAX: u32 = 8;
/// Records of such a page.
const SCANNED_PER_PAGE: u32 = 500;

/// Where to look.
enum Reader<'s> {
    Snapshot(&'s mut dyn Snapshot),
    Unit(&'s mut dyn UnitOfWork),
}

impl Reader<'_> {
    async fn incident(&mut self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        match self {
            Self::Snapshot(snapshot) => snapshot.incidents().get(id).await,
            Self::Unit(unit) => unit.incidents().get(id).await,
        }
    }

    async fn incident_of(&mut self, id: FindingId) -> Result<Option<IncidentId>, StoreError> {
        match self {
            Self::Snapshot(snapshot) => snapshot.findings().incident_of(id).await,
            Self::Unit(unit) => unit.findings().incident_of(id).await,
        }
    }

    /// The incident that a containment is for.
    async fn of_containment(&mut self, id: ContainmentId) -> Result<Option<IncidentId>, StoreError> {
        let found = match self {
            Self::Snapshot(snapshot) => snapshot.containments().get(id).await?,
            Self::Unit(unit) => unit.containments().get(id).await?,
        };
        Ok(found.and_then(|containment| containment.incident))
    }

    /// The incident that a run is for.
    async fn of_run(&mut self, id: RunId) -> Result<Option<IncidentId>, StoreError> {
        let found = match self {
            Self::Snapshot(snapshot) => snapshot.runs().get(id).await?,
            Self::Unit(unit) => unit.runs().get(id).await?,
        };
        Ok(found.and_then(|run| run.incident))
    }

    async fn record(&mut self, id: AuditId) -> Result<Option<AuditRecord>, StoreError> {
        match self {
            Self::Snapshot(snapshot) => snapshot.audit().get(id).await,
            Self::Unit(unit) => unit.audit().get(id).await,
        }
    }
}

/// A record as somebody may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenRecord {
    /// The record, without what is withheld.
    pub record: AuditRecord,
    /// Which values are.
    pub withheld: Vec<AuditField>,
}

/// Somebody's eyes on one state of the store.
pub struct Sight<'s> {
    reader: Reader<'s>,
    visible: &'s Visible,
    incidents: HashMap<IncidentId, bool>,
    findings: HashMap<FindingId, Option<bool>>,
}

impl std::fmt::Debug for Sight<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sight").field("visible", &self.visible).finish_non_exhaustive()
    }
}

impl<'s> Sight<'s> {
    /// On what is committed.
    pub fn of_snapshot(snapshot: &'s mut dyn Snapshot, visible: &'s Visible) -> Self {
        Self::new(Reader::Snapshot(snapshot), visible)
    }

    /// On what a transaction sees.
    pub fn of_unit(unit: &'s mut dyn UnitOfWork, visible: &'s Visible) -> Self {
        Self::new(Reader::Unit(unit), visible)
    }

    fn new(reader: Reader<'s>, visible: &'s Visible) -> Self {
        Self { reader, visible, incidents: HashMap::new(), findings: HashMap::new() }
    }

    /// Whether an incident exists for the asker.
    ///
    /// # Errors
    /// As all reads.
    pub async fn sees(&mut self, id: IncidentId) -> Result<bool, StoreError> {
        if self.visible.is_everything() {
            return Ok(true);
        }
        if let Some(seen) = self.incidents.get(&id) {
            return Ok(*seen);
        }
        let incident = self.reader.incident(id).await?;
        let seen = incident.is_some_and(|incident| self.visible.sees(&incident));
        self.incidents.insert(id, seen);
        Ok(seen)
    }

    /// Notes that these incidents exist for the asker, because a list of what does has them.
    pub fn know(&mut self, seen: impl IntoIterator<Item = IncidentId>) {
        self.incidents.extend(seen.into_iter().map(|id| (id, true)));
    }

    /// The id, if its incident exists for the asker.
    ///
    /// # Errors
    /// As all reads.
    pub async fn seen(&mut self, id: Option<IncidentId>) -> Result<Option<IncidentId>, StoreError> {
        match id {
            Some(id) if self.sees(id).await? => Ok(Some(id)),
            _ => Ok(None),
        }
    }

    /// Takes the ids of hidden incidents out of what an incident says of others.
    ///
    /// # Errors
    /// As all reads.
    pub async fn narrow(&mut self, incident: &mut Incident) -> Result<(), StoreError> {
        incident.related = self.seen(incident.related).await?;
        incident.merged_into = self.seen(incident.merged_into).await?;
        Ok(())
    }

    /// Whether the incident of a finding exists for the asker; `None` where there is no such finding.
    async fn sees_finding(&mut self, id: FindingId) -> Result<Option<bool>, StoreError> {
        if let Some(seen) = self.findings.get(&id) {
            return Ok(*seen);
        }
        let seen = match self.reader.incident_of(id).await? {
            Some(incident) => Some(self.sees(incident).await?),
            None => None,
        };
        self.findings.insert(id, seen);
        Ok(seen)
    }

    /// Whether what an audit record may be about exists for the asker: no hidden incident, no finding in one, no record
    /// about one.
    ///
    /// # Errors
    /// As all reads.
    pub async fn sees_object(&mut self, object: &str) -> Result<bool, StoreError> {
        Ok(self.visible.is_everything() || !self.is_about_hidden("", object).await?)
    }

    /// Whether a text names a hidden incident, or a finding in one.
    ///
    /// # Errors
    /// As all reads.
    pub async fn names_hidden(&mut self, text: &str) -> Result<bool, StoreError> {
        Ok(!self.visible.is_everything() && self.named(text).await? == Named::Hidden)
    }

    async fn named(&mut self, text: &str) -> Result<Named, StoreError> {
        let mut named = Named::Nothing;
        for id in incident_ids(text) {
            if !self.sees(id).await? {
                return Ok(Named::Hidden);
            }
            named = Named::Seen;
        }
        for id in finding_ids(text) {
            match self.sees_finding(id).await? {
                Some(false) => return Ok(Named::Hidden),
                Some(true) => named = Named::Seen,
                None => {}
            }
        }
        Ok(named)
    }

    /// Which values of a record are withheld; of an entry none is where nothing is hidden from the asker.
    ///
    /// # Errors
    /// As all reads.
    pub async fn withheld_of_entry(&mut self, entry: &AuditEntry) -> Result<Vec<AuditField>, StoreError> {
        let texts = AuditField::ALL.map(|field| entry.value(field).text().map(str::to_owned));
        self.withheld(&entry.action, &texts).await
    }

    /// A record as the asker may see it.
    ///
    /// # Errors
    /// As all reads.
    pub async fn record(&mut self, mut record: AuditRecord) -> Result<SeenRecord, StoreError> {
        if self.visible.is_everything() {
            return Ok(SeenRecord { record, withheld: Vec::new() });
        }
        let texts = [
            Some(serde_json::to_string(&record.principal).unwrap_or_default()),
            Some(record.object.clone()),
            Some(record.before.to_string()),
            Some(record.after.to_string()),
            record.reason.clone(),
            record.origin.clone(),
            record.request_id.clone(),
        ];
        let withheld = self.withheld(&record.action, &texts).await?;
        withheld.iter().for_each(|field| record.withhold(*field));
        Ok(SeenRecord { record, withheld })
    }

    async fn withheld(
        &mut self,
        action: &str,
        texts: &[Option<String>; AuditField::ALL.len()],
    ) -> Result<Vec<AuditField>, StoreError> {
        if self.visible.is_everything() {
            return Ok(Vec::new());
        }
        let object = texts[AuditField::Object as usize].as_deref().unwrap_or_default();
        if self.is_about_hidden(action, object).await? {
            return Ok(AuditField::ALL.to_vec());
        }
        let mut withheld = Vec::new();
        for field in AuditField::ALL {
            let Some(text) = &texts[field as usize] else { continue };
            let hidden = match self.named(text).await? {
                Named::Hidden => true,
                // a denied path may name an incident in many spellings
                Named::Nothing => field == AuditField::After && action == DENY_ACTION && is_guarded(object),
                Named::Seen => false,
            };
            if hidden {
                withheld.push(field);
            }
        }
        Ok(withheld)
    }

    async fn is_about_hidden(&mut self, action: &str, object: &str) -> Result<bool, StoreError> {
        if let Some(hidden) = self.is_hidden(action, object).await? {
            return Ok(hidden);
        }
        // an erasure speaks of the record whose values it dropped
        let Ok(id) = object.parse::<AuditId>() else { return Ok(false) };
        match self.reader.record(id).await? {
            Some(about) => Ok(self.is_hidden(&about.action, &about.object).await?.unwrap_or(false)),
            None => Ok(false),
        }
    }

    /// Whether the object is a hidden incident or in one; `None` where it is neither incident nor finding.
    async fn is_hidden(&mut self, action: &str, object: &str) -> Result<Option<bool>, StoreError> {
        if let Ok(id) = object.parse::<IncidentId>() {
            return Ok(Some(!self.sees(id).await?));
        }
        if let Ok(id) = object.parse::<FindingId>() {
            return Ok(self.sees_finding(id).await?.map(|seen| !seen));
        }
        let of = match (object.parse::<ContainmentId>(), object.parse::<RunId>()) {
            (Ok(id), _) => self.reader.of_containment(id).await?,
            (_, Ok(id)) => self.reader.of_run(id).await?,
            _ => None,
        };
        if let Some(incident) = of {
            return Ok(Some(!self.sees(incident).await?));
        }
        // erased: it may have been any incident
        Ok((object.is_empty() && action.starts_with("incident.")).then_some(true))
    }

    /// A page of records. A filter finds no record by a value that is withheld, neither in the page nor in where the
    /// page ends; a page may have fewer items than asked for, or none, and still say where to go on.
    ///
    /// # Errors
    /// As all reads, [`StoreError::BadCursor`].
    pub async fn list(
        &mut self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<SeenRecord>, StoreError> {
        if self.visible.is_everything() || (filter.principal.is_none() && filter.object.is_none()) {
            let found = self.list_all(filter, page.items(), page.after.clone()).await?;
            let mut items = Vec::with_capacity(found.items.len());
            for record in found.items {
                items.push(self.record(record).await?);
            }
            return Ok(Page { items, next: found.next });
        }
        // records of every person and object: which of the hidden ones fit must not show in where a page ends
        let open = AuditFilter { principal: None, object: None, ..filter.clone() };
        let (mut items, mut next) = (Vec::new(), page.after.clone());
        for _ in 0..PAGES_PER_LIST_MAX {
            let from = next.clone();
            let found = self.list_all(&open, SCANNED_PER_PAGE, from.clone()).await?;
            for (at, record) in (1..).zip(found.items) {
                if !fits(filter, &record) {
                    continue;
                }
                let seen = self.record(record).await?;
                if seen.withheld.iter().any(|field| is_filtered(filter, *field)) {
                    continue;
                }
                items.push(seen);
                if items.len() as u32 >= page.items() {
                    let next = self.list_all(&open, at, from).await?.next;
                    return Ok(Page { items, next });
                }
            }
            next = found.next;
            if next.is_none() {
                break;
            }
        }
        Ok(Page { items, next })
    }

    async fn list_all(
        &mut self,
        filter: &AuditFilter,
        items_max: u32,
        after: Option<Cursor>,
    ) -> Result<Page<AuditRecord>, StoreError> {
        let page = PageRequest { items_max, after };
        match &mut self.reader {
            Reader::Snapshot(snapshot) => snapshot.audit().list(filter, &page).await,
            Reader::Unit(unit) => unit.audit().list(filter, &page).await,
        }
    }
}

/// Whether a record is by the principal and about the object that are asked for.
fn fits(filter: &AuditFilter, record: &AuditRecord) -> bool {
    filter.principal.as_ref().is_none_or(|name| record.principal.name() == *name)
        && filter.object.as_ref().is_none_or(|object| record.object == *object)
}

fn is_filtered(filter: &AuditFilter, field: AuditField) -> bool {
    match field {
        AuditField::Principal => filter.principal.is_some(),
        AuditField::Object => filter.object.is_some(),
        _ => false,
    }
}

/// What a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Nothing,
    /// Incidents, all of which exist for the asker.
    Seen,
    /// At least one that does not.
    Hidden,
}

/// Whether a denial was on a route about one incident or finding.
fn is_guarded(what: &str) -> bool {
    what.contains("/incidents/{id}") || what.contains("/findings/{id}")
}

fn incident_ids(text: &str) -> impl Iterator<Item = IncidentId> + '_ {
    let (prefix, bytes) = INCIDENT_ID;
    text.match_indices(prefix).filter_map(move |(at, _)| text.get(at..at + bytes)?.parse().ok())
}

fn finding_ids(text: &str) -> impl Iterator<Item = FindingId> + '_ {
    let runs = text.split(|c: char| !c.is_ascii_hexdigit());
    runs.filter(|run| run.len() == FINDING_ID_CHARS).filter_map(|run| run.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_wherever_they_stand() {
        const ID: &str = "inc_01ARZ3NDEKTSV4RRFFQ69G5FAV";
        for (text, found) in [
            (ID.to_owned(), 1),
            (format!("/api/v1/incidents/{ID}/comments"), 1),
            (format!("{{\"absorbed\":\"{ID}\"}} {ID}"), 2),
            (format!("see {}", ID.to_lowercase()), 1),
            ("inc_".to_owned(), 0),
            ("inc_01ARZ3NDEKTSV4RRFFQ69G5FA".to_owned(), 0),
            ("inc_01ARZ3NDEKTSV4RRFFQ69G5FÄÄ".to_owned(), 0),
        ] {
            assert_eq!(incident_ids(&text).count(), found, "{text}");
        }
        let finding = "0123456789abcdef0123456789abcdef";
        assert_eq!(finding_ids(&format!("/findings/{finding}/replay")).count(), 1);
        assert_eq!(finding_ids(&format!("{finding}{finding}")).count(), 0, "a SHA-256");
    }
}
