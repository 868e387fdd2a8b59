//! How nouns look in the API. Times are milliseconds since the Unix epoch, names are those of OCSF.

use access::{SeenRecord, Sight};
use model::{AuditField, Comment, Entity, Finding, Incident, MatchedField};
use ports::store::{DeadLetterRow, Source, StoreError, StoredEntry, Token};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What a finding or an incident is about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntityView {
    /// `actor`, `credential`, `address`, `repository`, `account`, `resource` or `host`.
    kind: &'static str,
    /// Its name.
    value: String,
}

impl From<Entity> for EntityView {
    fn from(entity: Entity) -> Self {
        Self { kind: entity.kind.as_str(), value: entity.value }
    }
}

/// A case.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IncidentView {
    /// `inc_…`
    id: String,
    /// What it is called: by a person where one said so, else after the gravest finding.
    title: String,
    /// What a person called it; machines leave it alone.
    title_override: Option<String>,
    /// What counts: a person's where there is one.
    severity: &'static str,
    /// The gravest finding's.
    machine_severity: &'static str,
    /// What a person set instead.
    severity_override: Option<&'static str>,
    /// `new`, `in_progress`, `on_hold`, `resolved` or `closed`.
    status: &'static str,
    /// OCSF `status_id`.
    status_id: u8,
    /// Who may see it: `everyone` who may read incidents, the `team` that it is about, or `restricted` to who has it.
    visibility: &'static str,
    /// Who has it.
    assignee: Option<String>,
    /// What it turned out to be.
    verdict: Option<&'static str>,
    /// OCSF `verdict_id`.
    verdict_id: Option<u8>,
    /// The entity that its findings share.
    group: EntityView,
    /// Where its data is kept.
    region: String,
    /// The earliest finding's event time.
    first_seen_ms: i64,
    /// The latest finding's event time.
    last_seen_ms: i64,
    /// When it was opened here.
    created_at_ms: i64,
    /// When anything about it last changed.
    updated_at_ms: i64,
    /// How many findings it has.
    findings: u64,
    /// The UUIDs of the rules that hit.
    rules: Vec<String>,
    /// The ATT&CK tactics of these rules.
    tactics: Vec<String>,
    /// The service that it is about, from the catalogue.
    service: Option<String>,
    /// Who answers for that service.
    owner: Option<String>,
    /// The owning team.
    team: Option<String>,
    /// How much the service matters: `low`, `medium`, `high` or `critical`.
    criticality: Option<String>,
    /// Where it runs.
    environment: Option<String>,
    /// The incident about the same that came before this one.
    related: Option<String>,
    /// The incident that took this one over.
    merged_into: Option<String>,
    /// Why it is here, in a few words; where incidents are listed or read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) why: Vec<ReasonView>,
    /// Send it back in `If-Match`.
    pub(crate) version: u64,
}

/// One reason why an incident is there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReasonView {
    /// `rule` (one that hit), `entity` (what the findings share), `count` (how many in what time) or `owner`.
    kind: &'static str,
    /// In words.
    text: String,
}

impl From<triage::Reason> for ReasonView {
    fn from(reason: triage::Reason) -> Self {
        Self { kind: reason.kind.as_str(), text: reason.text }
    }
}

impl IncidentView {
    /// As the asker may see it: other incidents are named only where they exist for them.
    pub(crate) async fn seen(mut incident: Incident, sight: &mut Sight<'_>) -> Result<Self, StoreError> {
        sight.narrow(&mut incident).await?;
        Ok(Self::of(incident))
    }

    /// With the reasons why it is there; `titles` are those of rules.
    pub(crate) async fn with_why(
        incident: Incident,
        titles: &[(String, String)],
        sight: &mut Sight<'_>,
    ) -> Result<Self, StoreError> {
        let why = triage::why(&incident, titles).into_iter().map(Into::into).collect();
        Ok(Self { why, ..Self::seen(incident, sight).await? })
    }

    fn of(incident: Incident) -> Self {
        Self {
            id: incident.id.to_string(),
            severity: incident.severity().as_str(),
            title: incident.shown_title().to_owned(),
            title_override: incident.title_override,
            machine_severity: incident.machine_severity.as_str(),
            severity_override: incident.severity_override.map(|severity| severity.as_str()),
            status: incident.status.as_str(),
            status_id: incident.status.ocsf_id(),
            visibility: incident.visibility.as_str(),
            assignee: incident.assignee,
            verdict: incident.verdict.map(|verdict| verdict.as_str()),
            verdict_id: incident.verdict.map(|verdict| verdict.ocsf_id()),
            group: incident.group.into(),
            region: incident.region,
            first_seen_ms: incident.first_seen_ms,
            last_seen_ms: incident.last_seen_ms,
            created_at_ms: incident.created_at_ms,
            updated_at_ms: incident.updated_at_ms,
            findings: incident.findings,
            rules: incident.rules,
            tactics: incident.tactics,
            service: incident.ownership.service,
            owner: incident.ownership.owner,
            team: incident.ownership.team,
            criticality: incident.ownership.criticality,
            environment: incident.ownership.environment,
            related: incident.related.map(|id| id.to_string()),
            merged_into: incident.merged_into.map(|id| id.to_string()),
            why: Vec::new(),
            version: incident.version,
        }
    }
}

/// A person's words on an incident.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CommentView {
    /// `cmt_…`
    id: String,
    /// The incident.
    incident: String,
    /// Who wrote it.
    author: String,
    /// Markdown.
    text: String,
    /// When.
    created_at_ms: i64,
}

impl From<Comment> for CommentView {
    fn from(comment: Comment) -> Self {
        Self {
            id: comment.id.to_string(),
            incident: comment.incident.to_string(),
            author: comment.author,
            text: comment.text,
            created_at_ms: comment.created_at_ms,
        }
    }
}

/// A field of the event that made the rule fire.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MatchedFieldView {
    /// The rule's selection.
    selection: String,
    /// The field in the rule's vocabulary; empty for a keyword.
    field: String,
    /// The value that matched.
    value: String,
}

impl From<MatchedField> for MatchedFieldView {
    fn from(field: MatchedField) -> Self {
        Self { selection: field.selection, field: field.field, value: field.value }
    }
}

/// Something is wrong here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingView {
    /// 32 hex digits.
    id: String,
    /// The rule's UUID.
    rule_id: String,
    /// The rule's title at the time.
    rule_title: String,
    /// SHA-256 of the rule's logsource and detection at the time.
    rule_hash: String,
    /// Version of the rule engine that matched; empty for old findings.
    engine_version: String,
    /// From the rule's level.
    severity: &'static str,
    /// The rule's tags.
    tags: Vec<String>,
    /// The event that matched.
    event_id: String,
    /// Every event that the finding rests on and names; more than one for a correlation.
    event_ids: Vec<String>,
    /// Where the event's raw record stands.
    position: String,
    /// The source's name.
    source: String,
    /// Where its data is kept.
    region: String,
    /// When it happened.
    time_ms: i64,
    /// When the door took the record.
    received_at_ms: i64,
    /// When the rule matched.
    detected_at_ms: i64,
    /// What it is about.
    entities: Vec<EntityView>,
    /// Which set of rules matched: a digest of their texts, with `@` and a commit where they came from git.
    rule_set: String,
    /// The rule's stage at the time: `canary` or `active`.
    stage: &'static str,
    /// Why the rule fired.
    matched: Vec<MatchedFieldView>,
    /// The OCSF event.
    event: Value,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let event_ids = finding.events().map(|event| event.event_id.to_string()).collect();
        Self {
            id: finding.id.to_string(),
            rule_id: finding.rule_id,
            rule_title: finding.rule_title,
            rule_hash: finding.rule_hash,
            engine_version: finding.engine_version,
            severity: finding.severity.as_str(),
            tags: finding.tags,
            event_id: finding.event_id.to_string(),
            event_ids,
            position: finding.position.to_string(),
            source: finding.source,
            region: finding.region,
            time_ms: finding.time_ms,
            received_at_ms: finding.received_at_ms,
            detected_at_ms: finding.detected_at_ms,
            entities: finding.entities.into_iter().map(Into::into).collect(),
            rule_set: finding.rule_set,
            stage: finding.stage.as_str(),
            matched: finding.matched.into_iter().map(Into::into).collect(),
            event: finding.event,
        }
    }
}

/// Who did what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditView {
    /// `aud_…`
    id: String,
    /// When; never before the record before it.
    at_ms: i64,
    /// Who.
    principal: Value,
    /// What was done, such as `incident.assign`.
    action: String,
    /// On what.
    object: String,
    /// The values before.
    before: Value,
    /// The values after.
    after: Value,
    /// Why.
    reason: Option<String>,
    /// The address that the request came from.
    origin: Option<String>,
    /// The request that carried it.
    request_id: Option<String>,
    /// Which of these values were erased.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    erased: Vec<&'static str>,
    /// Whether values are withheld, because they are about an incident that does not exist for the asker.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    withheld: bool,
    /// Which ones. The record's place and leaf are what they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    withheld_values: Vec<&'static str>,
}

impl From<SeenRecord> for AuditView {
    fn from(SeenRecord { record, withheld }: SeenRecord) -> Self {
        Self {
            id: record.id.to_string(),
            at_ms: record.at_ms,
            principal: serde_json::to_value(&record.principal).unwrap_or_default(),
            action: record.action,
            object: record.object,
            before: record.before,
            after: record.after,
            reason: record.reason,
            origin: record.origin,
            request_id: record.request_id,
            erased: record
                .salts
                .erased()
                .filter(|field| !withheld.contains(field))
                .map(AuditField::as_str)
                .collect(),
            withheld: !withheld.is_empty(),
            withheld_values: withheld.into_iter().map(AuditField::as_str).collect(),
        }
    }
}

/// A record and its place in the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPlaceView {
    /// The record.
    #[serde(flatten)]
    record: AuditView,
    /// Its number, from 0 without a gap.
    index: u64,
    /// What the clock showed; before `at_ms` where it stood before an earlier record's time.
    clock_ms: i64,
    /// The hash of its leaf, 64 hex digits.
    leaf_hash: String,
}

impl AuditPlaceView {
    pub(crate) fn of(record: SeenRecord, stored: &StoredEntry) -> Self {
        let entry = &stored.entry;
        let leaf_hash = audit::line::hex(&entry.leaf_hash());
        Self { record: record.into(), index: entry.index, clock_ms: entry.clock_ms, leaf_hash }
    }
}

/// A raw record that could not become an event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterView {
    /// Where the raw record stands: `raw/PARTITION/OFFSET`.
    position: String,
    /// The source's name.
    source: String,
    /// The mapping that refused it.
    kind: String,
    /// Stable code, such as `json_invalid`.
    code: String,
    /// What was wrong and where.
    reason: String,
    /// `open`, `retried` or `resolved`.
    status: &'static str,
    /// How often the record was refused.
    refused: u64,
    /// When the door took the record.
    received_at_ms: i64,
    /// When it was refused.
    at_ms: i64,
    /// When anything about it last changed.
    updated_at_ms: i64,
}

impl From<DeadLetterRow> for DeadLetterView {
    fn from(row: DeadLetterRow) -> Self {
        Self {
            position: row.letter.position.to_string(),
            source: row.letter.source,
            kind: row.letter.kind,
            code: row.letter.code,
            reason: row.letter.reason,
            status: row.status.as_str(),
            refused: row.refused,
            received_at_ms: row.letter.received_at_ms,
            at_ms: row.letter.at_ms,
            updated_at_ms: row.updated_at_ms,
        }
    }
}

/// A token without its secret, which nobody has.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenView {
    /// `tok_…`
    id: String,
    /// For whom or what it was made.
    name: String,
    /// `api` or `source`.
    kind: &'static str,
    /// The source of a source token.
    source: Option<String>,
    /// Whose it is (`per_…`); none for a machine's.
    person: Option<String>,
    /// What an API token may do.
    scopes: Vec<String>,
    /// When it was made.
    created_at_ms: i64,
    /// When it stops.
    expires_at_ms: Option<i64>,
    /// When it was last used, to the minute or so.
    last_used_at_ms: Option<i64>,
    /// When it was taken back.
    revoked_at_ms: Option<i64>,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name,
            kind: token.kind.as_str(),
            source: token.source.map(|source| source.to_string()),
            person: token.person.map(|person| person.to_string()),
            scopes: token.scopes,
            created_at_ms: token.created_at_ms,
            expires_at_ms: token.expires_at_ms,
            last_used_at_ms: token.last_used_at_ms,
            revoked_at_ms: token.revoked_at_ms,
        }
    }
}

/// A configured sender.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceView {
    /// Its name.
    name: String,
    /// The mapping that reads its records.
    kind: String,
    /// Where its data is kept.
    region: String,
    /// Whether its doors are open.
    enabled: bool,
    /// Whether it has a secret for signatures; the secret itself is never shown.
    has_secret: bool,
    /// When it was made.
    created_at_ms: i64,
    /// When it was last changed.
    updated_at_ms: i64,
    /// Grows with each change.
    version: u64,
}

impl From<Source> for SourceView {
    fn from(source: Source) -> Self {
        Self {
            name: source.name.to_string(),
            kind: source.kind,
            region: source.region,
            enabled: source.enabled,
            has_secret: source.hmac_secret.is_some(),
            created_at_ms: source.created_at_ms,
            updated_at_ms: source.updated_at_ms,
            version: source.version,
        }
    }
}
