//! Values that follow from other values: captions of ids, the type of an event.

use crate::schema::{Attribute, Class};
use crate::value::{By, Choice, Const, Get, Meta, Table, Unlisted, Value};

fn alone(get: Get) -> Value {
    let choice =
        Choice { when: Vec::new(), get, unless: [].into(), steps: [].into(), table: None, tree: false };
    Value { choices: vec![choice] }
}

pub(crate) fn constant(value: i64) -> Value {
    alone(Get::Const(Const::int(value)))
}

pub(crate) fn word(text: &str) -> Value {
    alone(Get::Const(Const::text(text)))
}

pub(crate) fn meta(meta: Meta) -> Value {
    alone(Get::Meta(meta))
}

/// `class_uid * 100 + activity_id`, choice by choice.
pub(crate) fn type_uid(activity: &Value, class_uid: u32) -> Value {
    each_constant(activity, |id| Some(Const::int(i64::from(class_uid) * 100 + id)))
}

/// `API Activity: Create`, choice by choice.
pub(crate) fn type_name(activity: &Value, class: &Class) -> Value {
    let values = class.shape.attributes.get("activity_id").and_then(|a| a.values.as_ref());
    each_constant(activity, |id| {
        let caption = values?.get(&id.to_string())?;
        Some(Const::text(&format!("{}: {caption}", class.caption)))
    })
}

/// The same choices with each constant replaced; a choice without one gives nothing.
fn each_constant(value: &Value, replace: impl Fn(i64) -> Option<Const>) -> Value {
    let constant = |c: &Const| c.int.and_then(&replace);
    let choices = value.choices.iter().filter_map(|choice| {
        let mut choice = choice.clone();
        if let Some(table) = &mut choice.table {
            let entries = table.entries.iter().filter_map(|(key, c)| Some((key.clone(), constant(c)?)));
            let default = match &table.default {
                Unlisted::Const(c) => constant(c).map_or(Unlisted::Nothing, Unlisted::Const),
                Unlisted::Nothing | Unlisted::Word => Unlisted::Nothing,
            };
            *table = Table { by: table.by, entries: entries.collect(), default };
        } else if let Get::Const(c) = &choice.get {
            choice.get = Get::Const(constant(c)?);
        } else {
            return None;
        }
        Some(choice)
    });
    Value { choices: choices.collect() }
}

/// The name beside an `_id`: the schema's caption; for 99 the source's own word. `None` when a constant
/// 99 leaves no word to take.
pub(crate) fn sibling(id: &Value, attribute: &Attribute) -> Option<Value> {
    let values = attribute.values.as_ref()?;
    let caption = |c: &Const| match c.int {
        Some(99) | None => None,
        Some(id) => values.get(&id.to_string()).map(|caption| Const::text(caption)),
    };
    let mut choices = Vec::new();
    for choice in &id.choices {
        let mut choice = choice.clone();
        match (&mut choice.table, &choice.get) {
            (Some(table), _) => {
                let entries = table.entries.iter().filter_map(|(key, c)| match (caption(c), table.by) {
                    (Some(caption), _) => Some((key.clone(), caption)),
                    (None, By::Exact) => Some((key.clone(), Const::text(key))),
                    // a prefix is not the word; the whole word stands in for it by the default
                    (None, By::Prefix) => None,
                });
                let default = match &table.default {
                    Unlisted::Const(c) => caption(c).map_or(Unlisted::Word, Unlisted::Const),
                    Unlisted::Word => Unlisted::Word,
                    Unlisted::Nothing => Unlisted::Nothing,
                };
                *table = Table { by: table.by, entries: entries.collect(), default };
            }
            (None, Get::Const(c)) => choice.get = Get::Const(caption(c)?),
            (None, _) => return None,
        }
        choices.push(choice);
    }
    Some(Value { choices })
}
