//! Masking everything of a report that is text.

use model::ReportContext;
use ports::{Mask, MaskRefused};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Masks text after text and counts.
pub(crate) struct Masking<'m> {
    mask: &'m dyn Mask,
    pub(crate) count: u32,
    pub(crate) kinds: BTreeSet<String>,
}

impl<'m> Masking<'m> {
    pub(crate) const fn new(mask: &'m dyn Mask) -> Self {
        Self { mask, count: 0, kinds: BTreeSet::new() }
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<String, MaskRefused> {
        let masked = self.mask.mask(text)?;
        self.count = self.count.saturating_add(masked.count);
        self.kinds.extend(masked.kinds);
        Ok(masked.text)
    }

    pub(crate) fn optional(&mut self, text: Option<&str>) -> Result<Option<String>, MaskRefused> {
        text.map(|text| self.text(text)).transpose()
    }

    /// Every text in a value, however deep. A form's schema bounds the depth.
    fn value(&mut self, value: &Value) -> Result<Value, MaskRefused> {
        Ok(match value {
            Value::String(text) => Value::String(self.text(text)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => Value::Object(self.fields(fields)?),
            plain => plain.clone(),
        })
    }

    pub(crate) fn fields(&mut self, fields: &Map<String, Value>) -> Result<Map<String, Value>, MaskRefused> {
        // names are those of the form, which has no others
        fields.iter().map(|(name, value)| Ok((name.clone(), self.value(value)?))).collect()
    }

    pub(crate) fn context(&mut self, context: &ReportContext) -> Result<ReportContext, MaskRefused> {
        Ok(ReportContext {
            // digits of a hash are nobody's
            commit: context.commit.clone(),
            branch: self.optional(context.branch.as_deref())?,
            repository: self.optional(context.repository.as_deref())?,
            environment: self.optional(context.environment.as_deref())?,
            ci_run: self.optional(context.ci_run.as_deref())?,
            file: self.optional(context.file.as_deref())?,
            lines: context.lines.clone(),
        })
    }
}
