//! People's merges, splits and links: each checked, kept so that it can be taken back, and recorded on both incidents.
//!
//! What an incident is called, how grave it is, its times, rules and owner follow from its findings ([`Case`]). After a
//! move they are made anew of the findings that are there, so a move that is taken back leaves what was there before.

use crate::desk::{Actor, Desk};
use crate::incident::check_text;
use crate::{Case, DecisionError, Error, INCIDENT_TITLE_BYTES_MAX, group_of};
use model::{Finding, FindingId, Incident, IncidentId, Visibility};
use ports::store::{
    GroupKey, IncidentLink, LinkKind, PAGE_ITEMS_MAX, PageRequest, Regrouping, StoreError, UnitOfWork,
};
use serde_json::json;

/// Most findings that one split takes out.
pub const SPLIT_FINDINGS_MAX: usize = 500;

/// Bounds of moves of findings between incidents.
///
/// What was merged can be taken back, however many findings came since. So nothing but the merge itself is refused for its
/// size; and of an incident with more findings than are read anew, what machines make of them is an outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegroupLimits {
    /// Most findings that a person's merge moves.
    pub merged_findings_max: u64,
    /// Up to so many findings of an incident are read anew, one by one, after some moved.
    pub read_findings_max: u64,
}

impl Default for RegroupLimits {
    fn default() -> Self {
        Self { merged_findings_max: 100_000, read_findings_max: 20_000 }
    }
}

/// Two incidents after findings moved between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Regrouped {
    /// The one that was named: merged, given back, or split.
    pub incident: Incident,
    /// The other one: the survivor, or what was split off.
    pub other: Incident,
    /// How many findings moved.
    pub findings: u64,
}

impl Desk {
    /// Merges an incident into another one. Findings of its group that come later go there, too.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`], [`DecisionError`].
    pub async fn merge_in(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        (from, version): (IncidentId, u64),
        into: IncidentId,
    ) -> Result<Regrouped, Error> {
        let (source, target) = (self.read(unit, from).await?, self.read(unit, into).await?);
        self.unmerged(&source, Some(version))?;
        self.unmerged(&target, None)?;
        if from == into {
            return Err(DecisionError::SameIncident.into());
        }
        if source.region != target.region {
            return Err(DecisionError::OtherRegion.into());
        }
        if source.visibility != target.visibility {
            return Err(DecisionError::OtherVisibility.into());
        }
        let findings_max = self.limits.merged_findings_max;
        if source.findings > findings_max {
            return Err(DecisionError::TooManyFindings { findings_max }.into());
        }
        let mut audit = self.record(actor, "incident.merge", from);
        (audit.before, audit.after) = (json!({ "merged_into": null }), json!({ "merged_into": into }));
        let mut other = self.record(actor, "incident.absorb", into);
        other.after = json!({ "absorbed": from, "findings": source.findings });
        let at_ms = audit.at_ms;
        let regrouping = Regrouping { version: Some(version), at_ms, audit: &audit, other_audit: &other };
        let findings = unit.moves().merge(from, into, regrouping).await?;
        // both keep what is theirs; only the survivor's machine side grows
        let mut case = self.case(unit, &target).await?;
        case.absorb(self.case(unit, &source).await?);
        unit.incidents().observe(&[case.update(at_ms)]).await?;
        self.regrouped(unit, from, into, findings).await
    }

    /// Takes the merge of an incident back, whoever made it, a machine included.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`], [`DecisionError::NotMerged`].
    pub async fn unmerge_in(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        id: IncidentId,
        version: Option<u64>,
    ) -> Result<Regrouped, Error> {
        let merged = self.read(unit, id).await?;
        let Some(into) = merged.merged_into else { return Err(DecisionError::NotMerged.into()) };
        if version.is_some_and(|seen| seen != merged.version) {
            return Err(stale(&merged));
        }
        let survivor = unit.moves().survivor(id).await?;
        let mut audit = self.record(actor, "incident.unmerge", id);
        (audit.before, audit.after) = (json!({ "merged_into": into }), json!({ "merged_into": null }));
        let mut other = self.record(actor, "incident.release", survivor);
        other.after = json!({ "released": id });
        let at_ms = audit.at_ms;
        let regrouping = Regrouping { version, at_ms, audit: &audit, other_audit: &other };
        let findings = unit.moves().unmerge(id, survivor, regrouping).await?;
        self.reworked(unit, (id, survivor), findings, at_ms).await
    }

    /// Splits findings off into an incident of their own. Merging that one back takes the split back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`], [`DecisionError`].
    pub async fn split_in(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        (from, version): (IncidentId, Option<u64>),
        (findings, title): (&[FindingId], Option<&str>),
    ) -> Result<Regrouped, Error> {
        let source = self.read(unit, from).await?;
        self.unmerged(&source, version)?;
        if let Some(title) = title {
            check_text("a title", title, INCIDENT_TITLE_BYTES_MAX, false)?;
        }
        let mut ids = findings.to_vec();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() || ids.len() > SPLIT_FINDINGS_MAX || ids.len() as u64 >= source.findings {
            return Err(DecisionError::SplitSize { findings_max: SPLIT_FINDINGS_MAX }.into());
        }
        let mut split = Vec::with_capacity(ids.len());
        for id in &ids {
            let held = unit.findings().incident_of(*id).await? == Some(from);
            let finding = if held { unit.findings().get(*id).await? } else { None };
            split.push(finding.ok_or_else(|| StoreError::not_found("finding", format!("{id} in {from}")))?);
        }
        let new_id = self.fresh_id();
        let Some(case) = case_of(new_id, &split) else {
            return Err(DecisionError::SplitSize { findings_max: SPLIT_FINDINGS_MAX }.into());
        };
        let mut audit = self.record(actor, "incident.split", from);
        audit.after = json!({ "split_off": new_id, "findings": ids.len() });
        let at_ms = audit.at_ms;
        let new = Incident {
            title_override: title.map(str::to_owned),
            // nobody sees what is split off who did not see it before
            visibility: source.visibility,
            assignee: source.assignee.clone().filter(|_| source.visibility == Visibility::Restricted),
            ..case.incident(Some(from), at_ms)
        };
        let mut other = self.record(actor, "incident.open", new_id);
        other.after = json!({ "title": new.shown_title(), "severity": new.machine_severity,
            "gravest": new.gravest, "split_from": from, "visibility": new.visibility.as_str() });
        let regrouping = Regrouping { version, at_ms, audit: &audit, other_audit: &other };
        unit.moves().split(from, &new, &ids, regrouping).await?;
        self.reworked(unit, (from, new_id), ids.len() as u64, at_ms).await
    }

    /// Says that one incident has to do with another; saying it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`DecisionError::SameIncident`].
    pub async fn link_in(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        (id, to): (IncidentId, IncidentId),
        kind: LinkKind,
    ) -> Result<(), Error> {
        self.read(unit, id).await?;
        self.read(unit, to).await?;
        if id == to {
            return Err(DecisionError::SameIncident.into());
        }
        let mut audit = self.record(actor, "incident.link", id);
        audit.after = json!({ "to": to, "kind": kind.as_str() });
        let author = actor.principal.name().to_owned();
        let link = IncidentLink { incident: id, other: to, kind, author, at_ms: audit.at_ms };
        unit.moves().link(&link, &audit).await?;
        Ok(())
    }

    /// Takes back that two incidents have to do with each other.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn unlink_in(
        &self,
        unit: &mut dyn UnitOfWork,
        actor: &Actor,
        (id, to): (IncidentId, IncidentId),
    ) -> Result<(), Error> {
        self.read(unit, id).await?;
        let links = unit.moves().links(id).await?;
        let kinds: Vec<_> =
            links.iter().filter(|l| l.incident == to || l.other == to).map(|l| l.kind.as_str()).collect();
        let mut audit = self.record(actor, "incident.unlink", id);
        audit.before = json!({ "to": to, "kinds": kinds });
        Ok(unit.moves().unlink(id, to, &audit).await?)
    }

    fn unmerged(&self, incident: &Incident, seen: Option<u64>) -> Result<(), Error> {
        if let Some(into) = incident.merged_into {
            return Err(DecisionError::Merged { into }.into());
        }
        match seen.filter(|seen| *seen != incident.version) {
            Some(_) => Err(stale(incident)),
            None => Ok(()),
        }
    }

    /// Makes the machine side of both anew after findings left one of them.
    async fn reworked(
        &self,
        unit: &mut dyn UnitOfWork,
        (id, other): (IncidentId, IncidentId),
        findings: u64,
        at_ms: i64,
    ) -> Result<Regrouped, Error> {
        for id in [id, other] {
            self.rework(unit, id, at_ms).await?;
        }
        self.regrouped(unit, id, other, findings).await
    }

    async fn regrouped(
        &self,
        unit: &mut dyn UnitOfWork,
        id: IncidentId,
        other: IncidentId,
        findings: u64,
    ) -> Result<Regrouped, Error> {
        let (incident, other) = (self.read(unit, id).await?, self.read(unit, other).await?);
        Ok(Regrouped { incident, other, findings })
    }

    /// What machines know of a stored incident, without reading its findings.
    async fn case(&self, unit: &mut dyn UnitOfWork, incident: &Incident) -> Result<Case, StoreError> {
        let gravest = unit.findings().get(incident.gravest).await?;
        let owner = match incident.owned_by {
            Some(id) => unit.findings().get(id).await?,
            None => None,
        };
        Ok(Case::of_stored(incident, gravest.as_ref(), owner.as_ref()))
    }

    /// Makes an incident's machine side anew of its findings; where these are too many, of their outline.
    async fn rework(&self, unit: &mut dyn UnitOfWork, id: IncidentId, at_ms: i64) -> Result<(), StoreError> {
        let incident = self.read(unit, id).await?;
        let (mut case, mut page, mut read) = (None::<Case>, Some(PageRequest::first(PAGE_ITEMS_MAX)), 0);
        while let Some(request) = page {
            let found = unit.findings().of_incident(id, &request).await?;
            read += found.items.len() as u64;
            if read > self.limits.read_findings_max {
                return self.outline(unit, &incident, at_ms).await;
            }
            join_all(&mut case, &incident, &found.items);
            page = found.next.map(|next| PageRequest::after(PAGE_ITEMS_MAX, next));
        }
        match case {
            Some(case) => unit.moves().rewrite(&case.update(at_ms)).await,
            None => {
                let nothing = Case::of_stored(&incident, None, None).emptied();
                unit.moves().rewrite(&nothing.update(at_ms)).await
            }
        }
    }

    /// Title, severity, rules and owner by one of the gravest findings of each rule, number and times by all. What the
    /// incident can be found by stays, and may be more than its findings name.
    async fn outline(
        &self,
        unit: &mut dyn UnitOfWork,
        incident: &Incident,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        let outline = unit.findings().outline(incident.id).await?;
        let mut telling = Vec::with_capacity(outline.telling.len());
        for id in &outline.telling {
            telling.extend(unit.findings().get(*id).await?);
        }
        let mut case = None;
        join_all(&mut case, incident, &telling);
        match case {
            Some(case) => unit.incidents().observe(&[case.outlined(&outline).update(at_ms)]).await,
            None => Ok(()),
        }
    }
}

fn join_all(case: &mut Option<Case>, incident: &Incident, findings: &[Finding]) {
    for finding in findings {
        match case {
            Some(case) => case.join(finding),
            None => *case = Some(Case::opened_by(incident.id, group_key(incident), finding)),
        }
    }
}

fn stale(incident: &Incident) -> Error {
    StoreError::Conflict { current: incident.version }.into()
}

fn group_key(incident: &Incident) -> GroupKey {
    GroupKey { region: incident.region.clone(), entity: incident.group.clone() }
}

/// The case that some findings make, named after the group of the gravest.
fn case_of(id: IncidentId, findings: &[Finding]) -> Option<Case> {
    let (first, rest) = findings.split_first()?;
    let mut case = Case::opened_by(id, group_of(first), first);
    rest.iter().for_each(|finding| case.join(finding));
    let gravest = findings.iter().find(|finding| finding.id == case.gravest_id());
    case.group = group_of(gravest.unwrap_or(first));
    Some(case)
}
