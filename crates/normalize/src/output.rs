//! The reusable buffers that one event is written into.

use crate::eval::Context;
use crate::plan::EntityRule;
use crate::promote::Promoted;
use crate::sink::Out;
use model::{ColumnValues, EntityKind, push_entity_value};

/// Whether the event carries the untouched record as a string in `raw_data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RawData {
    /// It does.
    #[default]
    Include,
    /// It does not; the record stays on its log.
    Exclude,
}

/// Most entities that one event names.
pub(crate) const ENTITIES_PER_EVENT_MAX: usize = 64;

/// Largest buffer for an event that is kept for the next one, in bytes.
const KEPT_JSON_BYTES_MAX: usize = 4 << 20;

/// Buffers for one event at a time; kept and reused from event to event.
#[derive(Debug, Default)]
pub struct Output {
    pub(crate) raw_data: RawData,
    pub(crate) json: Vec<u8>,
    pub(crate) promoted: Promoted,
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

    /// What of the event is promoted to columns.
    pub fn columns(&self) -> &ColumnValues {
        self.promoted.values()
    }

    /// What the event is about, most telling first, without repetition; each value has at most
    /// [`model::ENTITY_VALUE_BYTES_MAX`] bytes.
    pub fn entities(&self) -> impl ExactSizeIterator<Item = (EntityKind, &str)> + Clone {
        self.entities
            .iter()
            .map(|&(kind, start, end)| (kind, &self.entity_text[start as usize..end as usize]))
    }

    pub(crate) fn clear(&mut self) {
        self.json.clear();
        // one giant event must not be held for good
        self.json.shrink_to(KEPT_JSON_BYTES_MAX);
        self.promoted.clear();
        self.entities.clear();
        self.entity_text.clear();
    }

    pub(crate) fn entities_of<'e>(&mut self, rule: &'e EntityRule, context: &Context<'e>) {
        match &rule.each {
            None => self.entity(rule, context),
            Some(each) => {
                for item in context.items(each) {
                    self.entity(rule, &Context { item: Some(item), ..*context });
                }
            }
        }
    }

    fn entity<'e>(&mut self, rule: &'e EntityRule, context: &Context<'e>) {
        if self.entities.len() >= ENTITIES_PER_EVENT_MAX || !context.all(&rule.when) {
            return;
        }
        let start = self.entity_text.len();
        match context.text(&rule.value) {
            Some(Out::Text(text)) => push_entity_value(&mut self.entity_text, text, false),
            Some(Out::Lower(text)) => push_entity_value(&mut self.entity_text, text, true),
            Some(Out::Int(value)) => {
                use std::fmt::Write;
                // a write to a string cannot fail
                let _ = write!(self.entity_text, "{value}");
            }
            Some(_) => return,
            None => {
                // parts of one text; few kinds have such
                let mut whole = String::new();
                if !context.write_text(&rule.value, &mut whole) {
                    return;
                }
                push_entity_value(&mut self.entity_text, &whole, false);
            }
        }
        let value = &self.entity_text[start..];
        if self.entities().any(|(kind, other)| kind == rule.kind && other == value) {
            self.entity_text.truncate(start);
        } else {
            self.entities.push((rule.kind, start as u32, self.entity_text.len() as u32));
        }
    }
}
