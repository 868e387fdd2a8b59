//! All mappings, compiled; the door of this crate.

use crate::audit_text::{self, Decoded};
use crate::compile::{Compiler, Part, TextFormat};
use crate::error::{MappingError, Refusal, RefusalCode};
use crate::eval::{Context, Given, Want};
use crate::inner;
use crate::output::{Output, RawData};
use crate::plan::{self, Plan};
use crate::schema::Schema;
use crate::sink::{JsonSink, Out};
use model::{EventId, EventView, FieldTable, Position, RawRecord, Vocabulary};

/// Sigma's name for where an event came from (`product: github`, `service: audit`), as the mapping
/// decides it for each record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Logsource {
    /// Sigma `product`.
    pub product: String,
    /// Sigma `service`.
    pub service: Option<String>,
    /// Sigma `category`.
    pub category: Option<String>,
}

/// Number of a [`Logsource`] within one [`Normalizer`], dense from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogsourceId(pub u16);

/// What the next stages need to know of an event without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSummary {
    /// Derived identity: by the source's own id, else by position.
    pub event_id: EventId,
    /// OCSF `class_uid`; 0 is Base Event.
    pub class_uid: u32,
    /// OCSF `time`, milliseconds since the epoch.
    pub time_ms: i64,
    /// Which rules read it.
    pub logsource: LogsourceId,
    /// Whether the event has an `actor`.
    pub has_actor: bool,
}

/// Every loaded mapping.
#[derive(Debug, Clone)]
pub struct Normalizer {
    parts: Vec<Part>,
    logsources: Vec<Logsource>,
}

impl Normalizer {
    /// Compiles mapping files, given as (name, text); the fields they read are added to `fields`.
    ///
    /// Several files may be of one kind: each tells by its `when` which records it reads, in the order given.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn load(
        files: &[(&str, &str)],
        fields: &mut FieldTable,
        schema: &Schema,
    ) -> Result<Self, Vec<MappingError>> {
        let mut logsources = Vec::new();
        let logs = &mut logsources;
        let mut compiler =
            Compiler { schema, fields, logsources: logs, errors: Vec::new(), faults: 0, file: String::new() };
        let parts: Vec<_> = files.iter().filter_map(|(name, text)| compiler.file(name, text)).collect();
        if compiler.errors.is_empty() { Ok(Self { parts, logsources }) } else { Err(compiler.errors) }
    }

    /// The mappings that are part of the product.
    ///
    /// # Errors
    /// None in a released program: its tests load them.
    pub fn builtin(fields: &mut FieldTable, schema: &Schema) -> Result<Self, Vec<MappingError>> {
        Self::load(builtin_mappings(), fields, schema)
    }

    /// The kinds of record that can be read, such as `aws_cloudtrail`; each once.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        let first = |(i, part): &(usize, &Part)| self.parts[..*i].iter().all(|p| p.kind != part.kind);
        self.parts.iter().enumerate().filter(first).map(|(_, part)| part.kind.as_str())
    }

    /// Every logsource that an event can have; a [`LogsourceId`] is an index of it.
    pub fn logsources(&self) -> &[Logsource] {
        &self.logsources
    }

    /// The logsource of an event.
    pub fn logsource(&self, id: LogsourceId) -> Option<&Logsource> {
        self.logsources.get(usize::from(id.0))
    }

    /// The logsources that events of a kind can have; some more than once.
    pub fn logsources_of(&self, kind: &str) -> impl Iterator<Item = LogsourceId> {
        self.of_kind(kind).flat_map(|part| part.cases.iter().chain([&part.base])).map(|plan| plan.logsource)
    }

    /// The other names that fields of a kind have, by the `vocabulary` of its mappings; the record must be
    /// parsed with them.
    pub fn vocabulary(&self, kind: &str) -> Option<&Vocabulary> {
        self.of_kind(kind).find_map(|part| part.vocabulary.as_ref())
    }

    /// The vocabulary of a kind whose records have this logsource; of the product, where no kind gives the
    /// service.
    pub fn vocabulary_of_logsource(&self, product: &str, service: Option<&str>) -> Option<&Vocabulary> {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let gives = |part: &Part, service: Option<&str>| {
            part.cases.iter().chain([&part.base]).any(|plan| {
                self.logsource(plan.logsource).is_some_and(|logsource| {
                    let given = logsource.service.as_deref().unwrap_or_default();
                    same(&logsource.product, product) && service.is_none_or(|service| same(given, service))
                })
            })
        };
        let of = |service| self.parts.iter().find(|part| gives(part, service));
        let part = service.and_then(|service| of(Some(service))).or_else(|| of(None))?;
        self.vocabulary(&part.kind)
    }

    fn of_kind<'n, 'k>(&'n self, kind: &'k str) -> impl Iterator<Item = &'n Part> + use<'n, 'k> {
        self.parts.iter().filter(move |part| part.kind == kind)
    }

    /// The body of a record as JSON: itself, or decoded where the kind is one of text, or what is wrapped in
    /// it as a text.
    ///
    /// # Errors
    /// [`Refusal`] when the text is not of the kind.
    pub fn decode<'b>(
        &self,
        kind: &str,
        body: &'b [u8],
        decoded: &'b mut Decoded,
    ) -> Result<&'b [u8], Refusal> {
        let Some(format) = self.of_kind(kind).find_map(|part| part.text) else {
            let wrappers = self.of_kind(kind).flat_map(|part| &part.inner);
            return Ok(inner::unwrap(body, wrappers, decoded).unwrap_or(body));
        };
        if body.trim_ascii_start().starts_with(b"{") {
            return Ok(body);
        }
        let refused = |reason: String| Refusal { code: RefusalCode::TextInvalid, reason };
        let text = std::str::from_utf8(body)
            .map_err(|e| refused(format!("invalid UTF-8 at byte {}", e.valid_up_to())))?;
        match format {
            TextFormat::Auditd => audit_text::decode(text, decoded).ok_or_else(|| {
                refused(
                    "the text is no line of auditd: type=… msg=audit(seconds.milliseconds:serial): …".into(),
                )
            }),
        }
    }

    /// Writes the OCSF event of `record` into `output`.
    ///
    /// `view` is the parsed body of `record`, over a table that has at least the fields of the load.
    ///
    /// # Errors
    /// [`Refusal`] when the record is not one of its source, or no mapping of its kind is loaded.
    pub fn normalize(
        &self,
        record: &RawRecord<'_>,
        view: &EventView<'_>,
        position: Position,
        output: &mut Output,
    ) -> Result<EventSummary, Refusal> {
        self.run(record, view, position, output).map(|(_, summary)| summary)
    }

    /// Appends to `rest`, as one JSON object, what of `record` its mapping does not read (OCSF `unmapped`).
    ///
    /// It runs the mapping again, into `output`: this is for those who ask, not for the hot path.
    ///
    /// # Errors
    /// As [`Normalizer::normalize`].
    pub fn unmapped(
        &self,
        record: &RawRecord<'_>,
        view: &EventView<'_>,
        position: Position,
        output: &mut Output,
        rest: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let (plan, _) = self.run(record, view, position, output)?;
        plan.reads.write_rest(view, rest);
        Ok(())
    }

    /// The logsources of all that a record could become by what it is, whether or not it has what an event requires: for
    /// parts of records, such as tests of rules show. [`Normalizer::normalize`] gives one of them.
    ///
    /// # Errors
    /// As [`Normalizer::normalize`].
    pub fn fitting_logsources(
        &self,
        record: &RawRecord<'_>,
        view: &EventView<'_>,
    ) -> Result<Vec<LogsourceId>, Refusal> {
        let (part, context) = self.part_of(record, view, RawData::Exclude)?;
        let fitting = part.cases.iter().filter(|plan| context.all(&plan.when));
        Ok(fitting.chain([&part.base]).map(|plan| plan.logsource).collect())
    }

    fn run(
        &self,
        record: &RawRecord<'_>,
        view: &EventView<'_>,
        position: Position,
        output: &mut Output,
    ) -> Result<(&Plan, EventSummary), Refusal> {
        output.clear();
        let (part, context) = self.part_of(record, view, output.raw_data)?;
        // a class that lacks what it requires is not faked: the next case that fits, and Base Event at
        // last, says less and is true
        let fitting = part.cases.iter().filter(|plan| context.all(&plan.when));
        let mut plans = fitting.chain([&part.base]);
        let written = plans.find_map(|plan| Some((plan, write(plan, &context, position, output)?)));
        written.ok_or_else(|| Refusal {
            code: RefusalCode::NotOfSource,
            reason: format!("a record of kind {} has nothing that an event needs", record.kind),
        })
    }

    /// The mapping that reads a record, and what it reads it with.
    fn part_of<'n, 'c>(
        &'n self,
        record: &'c RawRecord<'c>,
        view: &'c EventView<'c>,
        raw_data: RawData,
    ) -> Result<(&'n Part, Context<'c>), Refusal>
    where
        'n: 'c,
    {
        let context = Context {
            view: *view,
            record,
            time_ms: record.received_at_ms.max(0),
            event_id: "",
            event_type: record.event_type,
            raw_data,
            item: None,
        };
        let mut of_kind = self.of_kind(record.kind).peekable();
        if of_kind.peek().is_none() {
            let reason = format!("no mapping for records of kind {}", record.kind);
            return Err(Refusal { code: RefusalCode::KindUnknown, reason });
        }
        let Some(part) = of_kind.find(|part| context.all(&part.when)) else {
            let reason = format!("no mapping of kind {} reads a record like this", record.kind);
            return Err(Refusal { code: RefusalCode::NotOfSource, reason });
        };
        let context = Context { event_type: event_type(part, &context), ..context };
        if let Some((_, reason)) = part.refuse.iter().find(|(when, _)| context.all(when)) {
            return Err(Refusal { code: RefusalCode::NotOfSource, reason: reason.clone() });
        }
        Ok((part, context))
    }
}

fn event_type<'e>(part: &'e Part, context: &Context<'e>) -> Option<&'e str> {
    context.event_type.or_else(|| match context.text(&part.event_type) {
        Some(Out::Text(told)) => Some(told),
        _ => None,
    })
}

/// Runs one plan; `None` when the record lacks what the class requires.
fn write(
    plan: &Plan,
    context: &Context<'_>,
    position: Position,
    output: &mut Output,
) -> Option<EventSummary> {
    output.clear();
    // the entities' buffer is empty until the event is written
    let event_id = match context.write_text(&plan.event_id, &mut output.entity_text) {
        true => EventId::of_source_id(context.record.source, &output.entity_text),
        false => EventId::of_position(context.record.source, position),
    };
    output.entity_text.clear();
    let mut id_text = [0; 32];
    let event_id_text = hex(event_id, &mut id_text);
    let time_ms = match context.value(&plan.time, Want::Timestamp) {
        Some(Given::One(Out::Int(ms))) => ms,
        _ => context.time_ms,
    };
    let context = Context { time_ms, event_id: event_id_text, ..*context };
    let mut sink = JsonSink { buffer: &mut output.json, promoted: &mut output.promoted };
    sink.buffer.push(b'{');
    let seen = plan::run(&plan.ops, 0..plan.ops.len(), &context, &mut sink);
    sink.buffer.push(b'}');
    if !plan.frame.is_satisfied(seen) {
        output.clear();
        return None;
    }
    for rule in &plan.entities {
        output.entities_of(rule, &context);
    }
    Some(EventSummary {
        event_id,
        class_uid: plan.class_uid,
        time_ms,
        logsource: plan.logsource,
        has_actor: plan.actor_bit != plan::BIT_OTHER && seen >> plan.actor_bit & 1 == 1,
    })
}

fn hex(id: EventId, text: &mut [u8; 32]) -> &str {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(id.0) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    std::str::from_utf8(text).unwrap_or_default()
}

/// The mappings that are part of the product, as (file name, text).
// tidy: table
pub fn builtin_mappings() -> &'static [(&'static str, &'static str)] {
    &[
        (
            "content/mappings/aws_cloudtrail.yaml",
            include_str!("../../../content/mappings/aws_cloudtrail.yaml"),
        ),
        ("content/mappings/okta.yaml", include_str!("../../../content/mappings/okta.yaml")),
        ("content/mappings/github_audit.yaml", include_str!("../../../content/mappings/github_audit.yaml")),
        (
            "content/mappings/github_webhook.yaml",
            include_str!("../../../content/mappings/github_webhook.yaml"),
        ),
        (
            "content/mappings/windows_sysmon.yaml",
            include_str!("../../../content/mappings/windows_sysmon.yaml"),
        ),
        (
            "content/mappings/windows_security.yaml",
            include_str!("../../../content/mappings/windows_security.yaml"),
        ),
        (
            "content/mappings/windows_eventlog.yaml",
            include_str!("../../../content/mappings/windows_eventlog.yaml"),
        ),
        ("content/mappings/linux_auditd.yaml", include_str!("../../../content/mappings/linux_auditd.yaml")),
        ("content/mappings/huecry_report.yaml", include_str!("../../../content/mappings/huecry_report.yaml")),
        ("content/mappings/falco.yaml", include_str!("../../../content/mappings/falco.yaml")),
        ("content/mappings/osquery.yaml", include_str!("../../../content/mappings/osquery.yaml")),
        ("content/mappings/entra_signin.yaml", include_str!("../../../content/mappings/entra_signin.yaml")),
        ("content/mappings/entra_audit.yaml", include_str!("../../../content/mappings/entra_audit.yaml")),
        ("content/mappings/entra_risk.yaml", include_str!("../../../content/mappings/entra_risk.yaml")),
        (
            "content/mappings/azure_activity.yaml",
            include_str!("../../../content/mappings/azure_activity.yaml"),
        ),
        (
            "content/mappings/google_workspace.yaml",
            include_str!("../../../content/mappings/google_workspace.yaml"),
        ),
        ("content/mappings/gitlab_audit.yaml", include_str!("../../../content/mappings/gitlab_audit.yaml")),
        (
            "content/mappings/gitlab_webhook.yaml",
            include_str!("../../../content/mappings/gitlab_webhook.yaml"),
        ),
        ("content/mappings/gitlab_log.yaml", include_str!("../../../content/mappings/gitlab_log.yaml")),
        (
            "content/mappings/kubernetes_audit.yaml",
            include_str!("../../../content/mappings/kubernetes_audit.yaml"),
        ),
        ("content/mappings/gcp_audit.yaml", include_str!("../../../content/mappings/gcp_audit.yaml")),
        ("content/mappings/m365.yaml", include_str!("../../../content/mappings/m365.yaml")),
        ("content/mappings/slack_audit.yaml", include_str!("../../../content/mappings/slack_audit.yaml")),
    ]
}
