//! The reusable buffers that one event is written into.

use model::EntityKind;

/// Whether the event carries the untouched record as a string in `raw_data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RawData {
    /// It does.
    #[default]
    Include,
    /// It does not; the record stays on its log.
    Exclude,
}

/// Buffers for one event at a time; kept and reused from event to event.
#[derive(Debug, Default)]
pub struct Output {
    pub(crate) raw_data: RawData,
    pub(crate) json: Vec<u8>,
    pub(crate) entities: Vec<(EntityKind, u32, u32)>,
    pub(crate) entity_text: String,
}

impl Output {
    /// Empty buffers.
    pub fn new(raw_data: RawData) -> Self {
        Self { raw_data, ..Self::default() }
    }

    /// The event as one OCSF JSON object, UTF-8, without a line break.
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// What the event is about, most telling first, without repetition.
    pub fn entities(&self) -> impl ExactSizeIterator<Item = (EntityKind, &str)> {
        self.entities.iter().map(|&(kind, start, end)| (kind, &self.entity_text[start as usize..end as usize]))
    }

    pub(crate) fn clear(&mut self) {
        self.json.clear();
        self.entities.clear();
        self.entity_text.clear();
    }
}
