//! What is known, as OCSF `enrichments` of an event that a finding carries.

use model::{Enrichment, EntityKind, Provenance};
use serde_json::{Map, Value, json};

/// The attribute of the event that an entity stands in.
const fn attribute(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Actor => "actor.user.uid",
        EntityKind::Credential => "actor.user.credential_uid",
        EntityKind::Address => "src_endpoint.ip",
        EntityKind::Repository => "web_resources.name",
        EntityKind::Account => "cloud.account.uid",
        EntityKind::Resource => "resources.uid",
        EntityKind::Host => "device.hostname",
    }
}

/// One OCSF 1.8 `enrichment` object: `name` and `value` are the attribute that was looked up, `data` what is
/// known of it, `provider` who says so and `created_time` since when; the age is that at the event's time.
fn entry(
    (name, value): (&str, &str),
    kind: &str,
    provenance: Option<Provenance<'_>>,
    mut data: Map<String, Value>,
    event_time_ms: i64,
) -> Value {
    let mut entry = json!({ "name": name, "value": value, "type": kind });
    if let Some(provenance) = provenance {
        data.insert("age_ms".to_owned(), json!(provenance.age_ms(event_time_ms)));
        if provenance.before_known {
            data.insert("before_known".to_owned(), json!(true));
        }
        entry["provider"] = json!(provenance.source);
        entry["created_time"] = json!(provenance.as_of_ms);
    }
    entry["data"] = Value::Object(data);
    entry
}

fn data<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The entries for one event; this allocates: it is for findings only.
pub fn enrichments(known: &Enrichment<'_>, event_time_ms: i64) -> Vec<Value> {
    let mut entries = Vec::new();
    if known.service.is_some() || known.owner.is_some() {
        let about = known.about.map_or(("metadata.log_name", ""), |(kind, value)| (attribute(kind), value));
        let fields = data([
            ("service", known.service.map(Value::from)),
            ("owner", known.owner.map(Value::from)),
            ("team", known.team.map(Value::from)),
            ("criticality", known.criticality.map(Value::from)),
            ("environment", known.environment.map(Value::from)),
        ]);
        entries.push(entry(about, "ownership", known.catalog, fields, event_time_ms));
    }
    let address = ("src_endpoint.ip", known.src_address.unwrap_or_default());
    if known.src_country.is_some() {
        let fields = data([("country", known.src_country.map(Value::from))]);
        entries.push(entry(address, "location", known.country_source, fields, event_time_ms));
    }
    if known.src_asn.is_some() {
        let fields =
            data([("number", known.src_asn.map(Value::from)), ("name", known.src_as_org.map(Value::from))]);
        entries.push(entry(address, "autonomous_system", known.asn_source, fields, event_time_ms));
    }
    if !known.ancestors.is_empty() {
        let chain = known.ancestors.iter().map(|ancestor| {
            let started = (ancestor.started_at_ms != 0).then(|| json!(ancestor.started_at_ms));
            Value::Object(data([
                ("pid", Some(json!(ancestor.pid))),
                ("image", Some(json!(ancestor.image))),
                ("started_at_ms", started),
            ]))
        });
        let pid = known.pid.unwrap_or_default().to_string();
        // the chain is as old as its nearest known start
        let since = known.ancestors.iter().map(|a| a.started_at_ms).find(|started| *started != 0);
        let provenance = since.map(|as_of_ms| Provenance {
            source: "processes:starts-seen",
            as_of_ms,
            before_known: false,
        });
        let fields = data([("ancestors", Some(chain.collect()))]);
        entries.push(entry(("process.pid", &pid), "process_ancestry", provenance, fields, event_time_ms));
    }
    entries
}
