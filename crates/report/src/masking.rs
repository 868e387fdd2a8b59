//! Masking everything of a report that is text, together.

use crate::form::Answers;
use crate::intake::MaskedHere;
use model::ReportContext;
use ports::{Mask, MaskRefused};
use serde_json::Value;

/// Masks every text of a report at once, so that the same value has the same number wherever it stands; counts what it
/// masked. The title is masked where the reporter gave one (`titled`); else it is made of the masked text later.
pub(crate) fn mask_report(
    mask: &dyn Mask,
    answers: &mut Answers,
    context: &mut ReportContext,
    titled: bool,
) -> Result<MaskedHere, MaskRefused> {
    // the text stands among the fields: masked once, counted once
    let text_field = answers.fields.iter().find(|(_, value)| value.as_str() == Some(answers.text.as_str()));
    let text_field = text_field.map(|(name, _)| name.clone());
    let mut slots: Vec<&mut String> = Vec::new();
    if text_field.is_none() {
        slots.push(&mut answers.text);
    }
    // names of fields are the form's, which has no others
    answers.fields.iter_mut().for_each(|(_, value)| push_texts(value, &mut slots));
    slots.extend(&mut answers.service);
    if titled {
        slots.push(&mut answers.title);
    }
    // digits of a commit and of lines are nobody's
    let ReportContext { commit: _, branch, repository, environment, ci_run, file, lines: _ } = context;
    for part in [branch, repository, environment, ci_run, file] {
        slots.extend(part);
    }
    let here = mask_slots(mask, slots)?;
    if let Some(text) = text_field.and_then(|name| answers.fields.get(&name)?.as_str()) {
        answers.text = text.to_owned();
    }
    Ok(here)
}

/// Every text in a value, however deep; a form's schema bounds the depth.
fn push_texts<'v>(value: &'v mut Value, slots: &mut Vec<&'v mut String>) {
    match value {
        Value::String(text) => slots.push(text),
        Value::Array(items) => items.iter_mut().for_each(|item| push_texts(item, slots)),
        Value::Object(fields) => fields.iter_mut().for_each(|(_, value)| push_texts(value, slots)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn mask_slots(mask: &dyn Mask, slots: Vec<&mut String>) -> Result<MaskedHere, MaskRefused> {
    let texts: Vec<&str> = slots.iter().map(|slot| slot.as_str()).collect();
    let all = mask.mask_all(&texts)?;
    let mut here = MaskedHere::default();
    for (slot, masked) in slots.into_iter().zip(all) {
        *slot = masked.text;
        here.count = here.count.saturating_add(masked.count);
        here.kinds.extend(masked.kinds);
    }
    Ok(here)
}
