//! The `detection` part: selections, their items, the conditions.

use std::borrow::Cow;

use crate::condition::{self, Condition, Expression};
use crate::error::{ErrorCode, Fault};
use crate::limits::{
    CONDITIONS_PER_RULE_MAX, FIELD_NAME_BYTES_MAX, MODIFIERS_PER_ITEM_MAX, SELECTION_DEPTH_MAX,
    SELECTIONS_PER_RULE_MAX, VALUE_BYTES_MAX, VALUES_PER_ITEM_MAX,
};
use crate::modifier::{self, Modifier};
use crate::rule::{Detection, Elements, Item, Quantifier, Search, Selection};
use crate::yaml::{Entry, Node, NodeKind, Scalar};

/// Keys of `detection` that are not selections. `timeframe` belongs to the deprecated aggregations.
const RESERVED: &[&str] = &["condition", "timeframe"];

/// Reads the detection and checks that every name the conditions use is there.
pub(crate) fn read(node: &Node, line: u32) -> Result<Detection, Fault> {
    let Some(entries) = node.as_map() else {
        let reason = format!("`detection` must be a map, here it is {}", node.shape());
        return Err(Fault::new(line, ErrorCode::BadType, reason));
    };
    let selections = entries
        .iter()
        .filter(|entry| !RESERVED.contains(&entry.key.as_str()))
        .map(|entry| {
            let search = read_search(&entry.value, 0)?;
            Ok(Selection { name: entry.key.clone(), line: entry.line, search })
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    if selections.len() > SELECTIONS_PER_RULE_MAX {
        return Err(limit(line, format!("more than {SELECTIONS_PER_RULE_MAX} selections")));
    }
    let Some(entry) = entries.iter().find(|entry| entry.key == "condition") else {
        let reason = "the detection has no `condition`; add one";
        return Err(Fault::new(line, ErrorCode::MissingPart, reason));
    };
    let conditions = read_conditions(entry)?;
    for condition in &conditions {
        check_names(&condition.expression, &selections, condition.line)?;
    }
    Ok(Detection { selections, conditions })
}

fn limit(line: u32, reason: String) -> Fault {
    Fault::new(line, ErrorCode::LimitExceeded, reason)
}

fn read_conditions(entry: &Entry) -> Result<Vec<Condition>, Fault> {
    let one = |node: &Node| match &node.kind {
        NodeKind::Scalar(Scalar::Text(source)) => condition::parse(source, node.line),
        _ => {
            let reason = format!("a condition must be a string, here it is {}", node.shape());
            Err(Fault::new(node.line, ErrorCode::BadCondition, reason))
        }
    };
    match &entry.value.kind {
        NodeKind::List(items) if items.is_empty() => {
            Err(Fault::new(entry.line, ErrorCode::BadCondition, "the list of conditions is empty"))
        }
        NodeKind::List(items) if items.len() > CONDITIONS_PER_RULE_MAX => {
            Err(limit(entry.line, format!("more than {CONDITIONS_PER_RULE_MAX} conditions")))
        }
        NodeKind::List(items) => items.iter().map(one).collect(),
        _ => Ok(vec![one(&entry.value)?]),
    }
}

fn check_names(expression: &Expression, selections: &[Selection], line: u32) -> Result<(), Fault> {
    match expression {
        Expression::Selection(name) => {
            if selections.iter().any(|selection| &selection.name == name) {
                return Ok(());
            }
            let reason = format!("the condition names `{name}`, which the detection does not have");
            Err(Fault::new(line, ErrorCode::UnknownSelection, reason))
        }
        Expression::Of { target, .. } => {
            if selections.iter().any(|selection| target.includes(&selection.name)) {
                return Ok(());
            }
            let reason = format!("`{expression}` matches no selection of the detection");
            Err(Fault::new(line, ErrorCode::UnknownSelection, reason))
        }
        Expression::Not(inner) => check_names(inner, selections, line),
        Expression::And(members) | Expression::Or(members) => {
            members.iter().try_for_each(|member| check_names(member, selections, line))
        }
    }
}

fn read_search(node: &Node, depth: usize) -> Result<Search, Fault> {
    if depth > SELECTION_DEPTH_MAX {
        return Err(limit(node.line, format!("more than {SELECTION_DEPTH_MAX} lists inside one another")));
    }
    match &node.kind {
        NodeKind::Map(entries) if entries.is_empty() => Err(Fault::new(
            node.line,
            ErrorCode::BadValue,
            "the selection is empty and would match everything",
        )),
        NodeKind::Map(entries) => {
            Ok(Search::All(entries.iter().map(|entry| read_item(entry, depth)).collect::<Result<_, _>>()?))
        }
        NodeKind::List(items) if items.is_empty() => {
            Err(Fault::new(node.line, ErrorCode::BadValue, "the selection is an empty list"))
        }
        NodeKind::List(items) if items.iter().all(|item| matches!(item.kind, NodeKind::Scalar(_))) => {
            Ok(Search::All(vec![keywords(node)?]))
        }
        NodeKind::List(items) => {
            Ok(Search::Any(items.iter().map(|item| read_search(item, depth + 1)).collect::<Result<_, _>>()?))
        }
        NodeKind::Scalar(_) => Ok(Search::All(vec![keywords(node)?])),
    }
}

fn keywords(node: &Node) -> Result<Item, Fault> {
    let item = Item {
        field: None,
        modifiers: Vec::new(),
        values: read_values(node, "")?,
        is_list: matches!(node.kind, NodeKind::List(_)),
        has_uppercase_modifier: false,
        elements: None,
        line: node.line,
    };
    check_keywords(&item)?;
    Ok(item)
}

fn read_item(entry: &Entry, depth: usize) -> Result<Item, Fault> {
    let mut parts = entry.key.split('|');
    let field = parts.next().unwrap_or_default();
    let field = match read_name(field, entry.line)? {
        Name::Elements(array, quantifier) => return read_elements(entry, array, quantifier, depth),
        Name::Plain(name) => name,
    };
    if field.len() > FIELD_NAME_BYTES_MAX {
        return Err(limit(entry.line, format!("a field name has more than {FIELD_NAME_BYTES_MAX} bytes")));
    }
    let mut modifiers = Vec::new();
    let mut has_uppercase_modifier = false;
    for name in parts {
        let Some(modifier) = Modifier::from_name(name) else {
            let reason = format!("the modifier `{name}` is unknown (in `{}`)", entry.key);
            return Err(Fault::new(entry.line, ErrorCode::UnknownModifier, reason));
        };
        has_uppercase_modifier |= name.bytes().any(|b| b.is_ascii_uppercase());
        modifiers.push(modifier);
    }
    if modifiers.len() > MODIFIERS_PER_ITEM_MAX {
        return Err(limit(entry.line, format!("more than {MODIFIERS_PER_ITEM_MAX} modifiers on a field")));
    }
    modifier::check_together(&modifiers, entry.line)?;
    let mut values = read_values(&entry.value, &entry.key)?;
    if modifiers.contains(&Modifier::FieldRef) {
        for value in &mut values {
            if let Scalar::Text(other) = value {
                *other = plain_name(other, entry.line)?.into_owned();
            }
        }
    }
    let item = Item {
        field: (!field.is_empty()).then(|| field.into_owned()),
        modifiers,
        values,
        is_list: matches!(entry.value.kind, NodeKind::List(_)),
        has_uppercase_modifier,
        elements: None,
        line: entry.line,
    };
    if item.field.is_none() {
        check_keywords(&item)?;
    }
    Ok(item)
}

/// The name of a field as a key has it.
enum Name<'k> {
    Plain(Cow<'k, str>),
    /// `field[any]` and its like: the field, and how many of its elements.
    Elements(&'k str, Quantifier),
}

/// Brackets at the end of a name say how many elements are meant. A word that says nothing refuses the rule: taken for a
/// part of the name it would make a field that no event has. `\\[` is a bracket of the name itself.
fn read_name(name: &str, line: u32) -> Result<Name<'_>, Fault> {
    let Some((before, word)) = name.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) else {
        return Ok(Name::Plain(Cow::Borrowed(name)));
    };
    if let Some(before) = before.strip_suffix('\\') {
        return Ok(Name::Plain(Cow::Owned(format!("{before}[{word}]"))));
    }
    if let Some(quantifier) = Quantifier::from_word(word) {
        return Ok(Name::Elements(before, quantifier));
    }
    let words = Quantifier::EACH.map(Quantifier::as_str).join(", ");
    let meant = meant_by(word);
    let position =
        if word.parse::<u64>().is_ok() { "elements are not asked for by their position; " } else { "" };
    let reason = format!(
        "{position}`{word}` in `{name}` is none of {words}; write `{before}[{}]`, or, if the field's own name ends in \
         brackets, `{before}\\[{word}]`",
        meant.as_str()
    );
    Err(Fault::new(line, ErrorCode::UnknownQuantifier, reason))
}

/// The quantifier that whoever wrote another word most likely wants.
fn meant_by(word: &str) -> Quantifier {
    let word = word.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    match word.as_str() {
        "every" | "each" | "forall" => Quantifier::All,
        "no" | "not" | "never" | "not_any" => Quantifier::None,
        "every_or_empty" | "all_or_none" | "allorempty" | "empty_or_all" => Quantifier::AllOrEmpty,
        word => Quantifier::from_word(word).unwrap_or(Quantifier::Any),
    }
}

/// A field's name where elements cannot be asked.
pub(crate) fn plain_name(name: &str, line: u32) -> Result<Cow<'_, str>, Fault> {
    match read_name(name, line)? {
        Name::Plain(name) => Ok(name),
        Name::Elements(..) => {
            let reason =
                format!("`{name}` asks about the elements of an array; here is room for a field's name");
            Err(Fault::new(line, ErrorCode::BadValue, reason))
        }
    }
}

/// Reads what is asked of the elements of an array: a map or a list of maps over the element's own fields, or values
/// for the element itself, which is a map of `.`.
fn read_elements(entry: &Entry, field: &str, quantifier: Quantifier, depth: usize) -> Result<Item, Fault> {
    if depth >= SELECTION_DEPTH_MAX {
        return Err(limit(entry.line, format!("more than {SELECTION_DEPTH_MAX} lists inside one another")));
    }
    let bad = |reason: String| Err(Fault::new(entry.line, ErrorCode::BadValue, reason));
    if field.is_empty() {
        return bad(format!("`{}` needs the name of an array before it", entry.key));
    }
    let modifiers = entry.key.split_once('|').map(|(_, modifiers)| modifiers);
    let is_map = |node: &Node| matches!(node.kind, NodeKind::Map(_));
    let asks_fields = match &entry.value.kind {
        NodeKind::Map(_) => true,
        NodeKind::List(items) => items.iter().any(is_map),
        NodeKind::Scalar(_) => false,
    };
    let body = match modifiers {
        Some(_) if asks_fields => {
            return bad(format!(
                "`{}` asks about fields of an element; write the modifiers there",
                entry.key
            ));
        }
        None if asks_fields => read_search(&entry.value, depth + 1)?,
        modifiers => {
            let key = modifiers.map_or_else(|| ".".to_owned(), |modifiers| format!(".|{modifiers}"));
            let own = Entry { key, value: entry.value.clone(), line: entry.line };
            Search::All(vec![read_item(&own, depth + 1)?])
        }
    };
    for item in body.items() {
        if item.field.is_none() {
            return bad(format!("`{}` takes fields of an element, here are keywords", entry.key));
        }
        if item.field.as_deref() == Some("condition") {
            return bad(format!(
                "a `condition` within `{}` is not supported; write a list of maps",
                entry.key
            ));
        }
    }
    Ok(Item {
        field: Some(field.to_owned()),
        modifiers: Vec::new(),
        values: Vec::new(),
        is_list: false,
        has_uppercase_modifier: false,
        elements: Some(Elements { quantifier, body: Box::new(body) }),
        line: entry.line,
    })
}

/// Keywords search texts; what asks about one field needs its name.
fn check_keywords(item: &Item) -> Result<(), Fault> {
    const NEED_A_FIELD: &[Modifier] = &[
        Modifier::Exists,
        Modifier::Neq,
        Modifier::Cidr,
        Modifier::FieldRef,
        Modifier::StartsWith,
        Modifier::EndsWith,
        Modifier::Lt,
        Modifier::Lte,
        Modifier::Gt,
        Modifier::Gte,
        Modifier::Minute,
        Modifier::Hour,
        Modifier::Day,
        Modifier::Week,
        Modifier::Month,
        Modifier::Year,
    ];
    if let Some(modifier) = item.modifiers.iter().find(|modifier| NEED_A_FIELD.contains(modifier)) {
        let reason = format!("`{}` needs a field's name before it", modifier.as_str());
        return Err(Fault::new(item.line, ErrorCode::BadModifiers, reason));
    }
    if item.values.iter().any(|value| match value {
        Scalar::Null => true,
        Scalar::Text(text) => text.is_empty(),
        Scalar::Bool(_) | Scalar::Number(..) => false,
    }) {
        let reason = "a keyword is empty and would match everything";
        return Err(Fault::new(item.line, ErrorCode::BadValue, reason));
    }
    Ok(())
}

fn read_values(node: &Node, key: &str) -> Result<Vec<Scalar>, Fault> {
    let one = |node: &Node| match &node.kind {
        NodeKind::Scalar(Scalar::Text(text)) if text.len() > VALUE_BYTES_MAX => {
            Err(limit(node.line, format!("a value of `{key}` has more than {VALUE_BYTES_MAX} bytes")))
        }
        NodeKind::Scalar(scalar) => Ok(scalar.clone()),
        NodeKind::List(_) | NodeKind::Map(_) => {
            let reason = format!(
                "`{key}` takes a value or a list of values, here is {}; for the elements of an array write `{key}[any]`",
                node.shape()
            );
            Err(Fault::new(node.line, ErrorCode::BadValue, reason))
        }
    };
    match &node.kind {
        NodeKind::List(items) if items.is_empty() => {
            let reason = format!("`{key}` has an empty list, which nothing can match");
            Err(Fault::new(node.line, ErrorCode::BadValue, reason))
        }
        NodeKind::List(items) if items.len() > VALUES_PER_ITEM_MAX => {
            Err(limit(node.line, format!("`{key}` has more than {VALUES_PER_ITEM_MAX} values")))
        }
        NodeKind::List(items) => items.iter().map(one).collect(),
        _ => Ok(vec![one(node)?]),
    }
}
