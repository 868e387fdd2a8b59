//! A report on the log: as a record that rules read, and, once accepted, as a finding; pure.

use crate::form::Form;
use crate::view::{hex, time};
use model::{
    Entity, EntityKind, EventId, Finding, FindingId, Ownership, Position, Report, Reporter, Severity, Stage,
    push_entity_value,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The source that reports are on the log by.
pub const SOURCE: &str = "reports";
/// The kind of record: its mapping's name.
pub const KIND: &str = "huecry_report";
/// What of a form's meaning a finding's identity rests on; another number makes other findings of the same reports.
const MEANING: &str = "huecry/report/1";
/// Most entities of a report.
pub const REPORT_ENTITIES_MAX: usize = 16;

/// The event that a report is: derived from its id, so that a report that is on the log twice is one event.
pub fn event_id(report: &Report) -> EventId {
    EventId::of_source_id(SOURCE, &report.id.to_string())
}

/// What stands for a rule's UUID where a form raised a finding: the form's own; of a form that is gone, one made of its type
/// (RFC 9562, version 8).
pub fn rule_id(report: &Report, form: Option<&Form>) -> String {
    if let Some(form) = form {
        return form.rule_id().to_owned();
    }
    let digest: [u8; 32] =
        Sha256::new().chain_update(b"huecry/form/").chain_update(report.form.as_bytes()).finalize().into();
    let mut b = [0; 16];
    b.copy_from_slice(&digest[..16]);
    b[6] = b[6] & 0x0f | 0x80;
    b[8] = b[8] & 0x3f | 0x80;
    let hex = hex(&b);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn meaning(form: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(MEANING.as_bytes())
        .chain_update([0])
        .chain_update(form.as_bytes())
        .finalize()
        .into()
}

/// The finding that the report becomes when it is accepted.
pub fn finding_id(report: &Report, form: Option<&Form>) -> FindingId {
    FindingId::of_rule(&rule_id(report, form), &meaning(&report.form), event_id(report))
}

/// The record's body: what rules of `product: huecry, service: report` read. Everything in it was masked.
pub fn record_body(report: &Report) -> Value {
    // the key counts reporters; nobody can tell guests apart, so all of them are one
    let reporter = match &report.reporter {
        Reporter::Anonymous => json!({ "kind": "anonymous", "key": "anonymous" }),
        Reporter::Person { id } => json!({ "kind": "person", "id": id, "key": id }),
        Reporter::Token { id, name } => json!({ "kind": "token", "id": id, "name": name, "key": id }),
    };
    let mut body = json!({
        "id": report.id, "form": report.form, "form_version": report.form_version, "service": report.service,
        "title": report.title, "text": report.text, "fields": report.fields, "context": report.context,
        "reporter": reporter, "channel": report.channel, "tier": report.tier, "provenance": report.provenance,
        "held": report.held_reason, "masked_count": report.masked_count, "submitted_at": time(report.created_at_ms),
    });
    // what is not there is absent, so that a rule that asks for a field finds it where it is something
    if let Value::Object(fields) = &mut body {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

/// What the report is about, most telling first: what a machine's finding could be about too, else the service.
pub fn entities(report: &Report, form: Option<&Form>) -> Vec<Entity> {
    let mut entities = form.map(|form| form.entities(&report.fields, None)).unwrap_or_default();
    if let Some(repository) = &report.context.repository {
        add(&mut entities, EntityKind::Repository, repository);
    }
    if let Some(service) = &report.service {
        add(&mut entities, EntityKind::Resource, &format!("service:{service}"));
    }
    if entities.is_empty() {
        // nothing to be grouped by: a case of its own
        add(&mut entities, EntityKind::Resource, &format!("report:{}", report.id));
    }
    entities.truncate(REPORT_ENTITIES_MAX);
    entities
}

fn add(entities: &mut Vec<Entity>, kind: EntityKind, value: &str) {
    let mut text = String::new();
    push_entity_value(&mut text, value.trim(), false);
    let entity = Entity { kind, value: text };
    if !entity.value.is_empty() && !entities.contains(&entity) {
        entities.push(entity);
    }
}

/// The finding of an accepted report whose record stands at `position`; `None` if it is none.
pub fn finding_of(report: &Report, form: Option<&Form>, position: Position) -> Option<Finding> {
    let (id, decision) = (report.finding?, report.decision.as_ref()?);
    let form_title = form.map_or(report.form.as_str(), Form::title);
    let severity = decision.severity.unwrap_or(Severity::Low);
    Some(Finding {
        id,
        rule_id: rule_id(report, form),
        rule_title: form_title.to_owned(),
        rule_hash: hex(&meaning(&report.form)),
        engine_version: String::new(),
        severity,
        tags: Vec::new(),
        event_id: event_id(report),
        position,
        further_events: Vec::new(),
        source: SOURCE.to_owned(),
        region: report.region.clone(),
        time_ms: report.created_at_ms,
        received_at_ms: report.created_at_ms,
        detected_at_ms: decision.at_ms,
        entities: entities(report, form),
        ownership: Ownership { service: report.service.clone(), ..Ownership::default() },
        rule_set: String::new(),
        stage: Stage::Active,
        matched: Vec::new(),
        event: event(report, form_title, severity),
    })
}

/// The report as an OCSF Detection Finding (class 2004, version 1.8), as its mapping makes it of the record.
fn event(report: &Report, form_title: &str, severity: Severity) -> Value {
    json!({
        "class_uid": 2004, "class_name": "Detection Finding", "category_uid": 2, "category_name": "Findings",
        "activity_id": 1, "activity_name": "Create", "type_uid": 200_401, "type_name": "Detection Finding: Create",
        "time": report.created_at_ms, "severity_id": severity.ocsf_id(), "status_id": 1, "message": report.title,
        "metadata": {
            "version": "1.8.0", "uid": event_id(report), "original_event_uid": report.id, "event_code": report.form,
            "product": { "name": "Hue & Cry", "vendor_name": "Hue & Cry" }, "log_name": "reports",
        },
        "finding_info": {
            "uid": report.id, "title": report.title, "desc": report.text, "types": [form_title],
            "created_time": report.created_at_ms,
        },
    })
}
