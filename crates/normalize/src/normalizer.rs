//! All mappings, compiled; the door of this crate.

use crate::error::{MappingError, Refusal, RefusalCode};
use crate::output::{Output, RawData};
use crate::schema::Schema;
use model::{EventId, EventView, FieldTable, Position, RawRecord};

/// Sigma's name for where an event came from (`product: github`, `service: audit`), as the mapping
/// decides it for each record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Logsource {
    /// Sigma `product`.
    pub product: String,
    /// Sigma `service`.
    pub service: Option<String>,
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
    logsources: Vec<Logsource>,
}

impl Normalizer {
    /// Compiles mapping files, given as (name, text); the fields they read are added to `fields`.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn load(
        _files: &[(&str, &str)],
        _fields: &mut FieldTable,
        _schema: &Schema,
    ) -> Result<Self, Vec<MappingError>> {
        Ok(Self { logsources: vec![Logsource { product: "aws".into(), service: Some("cloudtrail".into()) }] })
    }

    /// The kinds of record that can be read, such as `aws_cloudtrail`.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        ["aws_cloudtrail"].into_iter()
    }

    /// Every logsource that an event can have; a [`LogsourceId`] is an index of it.
    pub fn logsources(&self) -> &[Logsource] {
        &self.logsources
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
        output.clear();
        if !self.kinds().any(|kind| kind == record.kind) {
            let reason = format!("no mapping for records of kind {}", record.kind);
            return Err(Refusal { code: RefusalCode::KindUnknown, reason });
        }
        let _ = (view.root(), RawData::Include);
        Ok(EventSummary {
            event_id: EventId::of_position(record.source, position),
            class_uid: 0,
            time_ms: record.received_at_ms,
            logsource: LogsourceId(0),
            has_actor: false,
        })
    }
}

/// The mappings that are part of the product, as (file name, text).
pub fn builtin_mappings() -> &'static [(&'static str, &'static str)] {
    &[]
}
