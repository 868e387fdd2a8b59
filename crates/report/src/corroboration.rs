//! What speaks for a report beside its own words: others who say the same, and telemetry about the same.

use crate::decision_table::{Case, ReporterKind};
use crate::finding::{SOURCE, entities};
use crate::form::Form;
use crate::ring::SIMILAR_JACCARD_MIN;
use crate::similarity::Signature;
use model::{EntityKind, IncidentId, Report, ReportState, Reporter, Similarity};
use ports::store::{GroupKey, PageRequest, ReadFindings, ReadReports, ReportFilter, StoreError};

/// So far back, and as far ahead, another's report is about the same: a day.
const TOGETHER_MS: i64 = 86_400_000;
/// Most other reports that are looked at, the latest.
const COMPARED_MAX: u32 = 200;
/// Most findings of an incident that are looked at for one that is not a report's.
const FINDINGS_LOOKED_AT_MAX: u32 = 50;

/// Whether another reporter with a name, and not of a ring, says the same about the service.
pub(crate) async fn corroborated(
    reports: &mut (impl ReadReports + ?Sized),
    report: &Report,
) -> Result<bool, StoreError> {
    let (Some(service), Some(own)) = (&report.service, report.similarity.as_ref().and_then(signature)) else {
        return Ok(false);
    };
    let filter = ReportFilter {
        service: Some(service.clone()),
        since_ms: Some(report.created_at_ms.saturating_sub(TOGETHER_MS)),
        until_ms: Some(report.created_at_ms.saturating_add(TOGETHER_MS)),
        ..ReportFilter::default()
    };
    let others = reports.list(&filter, &PageRequest::first(COMPARED_MAX)).await?.items;
    Ok(others.iter().any(|other| {
        let independent = other.reporter != Reporter::Anonymous && other.reporter != report.reporter;
        let counts = other.id != report.id && !other.automation_held && other.state != ReportState::Withdrawn;
        let signed = other.similarity.as_ref().and_then(signature);
        independent && counts && signed.is_some_and(|other| own.jaccard(&other) >= SIMILAR_JACCARD_MIN)
    }))
}

fn signature(similarity: &Similarity) -> Option<Signature> {
    Signature::from_bytes(&similarity.to_bytes())
}

/// Where telemetry about the same would be grouped: by an entity that machines name too.
pub(crate) fn groups(report: &Report, form: Option<&Form>) -> Vec<GroupKey> {
    let own = |value: &str| value.starts_with("service:") || value.starts_with("report:");
    let named = entities(report, form).into_iter();
    named
        .filter(|entity| !(entity.kind == EntityKind::Resource && own(&entity.value)))
        .map(|entity| GroupKey { region: report.region.clone(), entity })
        .collect()
}

/// Whether the incident holds something that no person reported, of the day before or after.
pub(crate) async fn has_telemetry(
    findings: &mut (impl ReadFindings + ?Sized),
    incident: IncidentId,
    about_ms: i64,
) -> Result<bool, StoreError> {
    let first = findings.of_incident(incident, &PageRequest::first(FINDINGS_LOOKED_AT_MAX)).await?;
    Ok(first.items.iter().any(|finding| {
        finding.source != SOURCE && finding.time_ms.abs_diff(about_ms) <= TOGETHER_MS.unsigned_abs()
    }))
}

/// The report as the table of automation sees it.
pub(crate) fn case_of(report: &Report) -> Case {
    use crate::reputation::Tier;
    Case {
        reporter: match report.reporter {
            Reporter::Anonymous => ReporterKind::Anonymous,
            Reporter::Person { .. } => ReporterKind::Person,
            Reporter::Token { .. } => ReporterKind::Token,
        },
        tier: match report.tier {
            model::Tier::Watched => Tier::Watched,
            model::Tier::Anonymous | model::Tier::Newcomer => Tier::Newcomer,
            model::Tier::Regular => Tier::Regular,
            model::Tier::Trusted => Tier::Trusted,
        },
        channel_strength: report.provenance.channel_strength,
        corroborated: report.provenance.corroborated,
        telemetry_match: report.provenance.telemetry_match,
        ring: report.automation_held,
        rate_held: report.held_reason.is_some(),
    }
}
