//! Placeholders: `%name%` in values with `expand` stands for what a site says of it.
//!
//! A document with the key `placeholders` maps names to a value or a list of values. A value is Sigma's: wildcards and
//! escapes in it mean what they mean in a rule. One that nothing resolves stays, and refuses the rule when it is compiled
//! (Sigma modifiers appendix, `expand`).

use std::collections::BTreeMap;

use crate::error::{ErrorCode, Fault};
use crate::limits::{PLACEHOLDER_VALUES_MAX, VALUE_BYTES_MAX, VALUES_PER_ITEM_MAX};
use crate::modifier::Modifier;
use crate::rule::{Item, Rule};
use crate::yaml::{Entry, Node, NodeKind, Scalar};

/// Names of placeholders and what they stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placeholders {
    values: BTreeMap<String, Vec<Scalar>>,
}

pub(crate) fn read(entry: &Entry) -> Result<Placeholders, Fault> {
    let fault = |node: &Node, name: &str| {
        let reason =
            format!("`{name}` must be a text, a number or a list of them, here it is {}", node.shape());
        Fault::new(node.line, ErrorCode::BadPlaceholders, reason)
    };
    let Some(entries) = entry.value.as_map() else { return Err(fault(&entry.value, "placeholders")) };
    let mut values = BTreeMap::new();
    for entry in entries {
        let one = |node: &Node| match &node.kind {
            NodeKind::Scalar(scalar @ (Scalar::Text(_) | Scalar::Number(..))) => Ok(scalar.clone()),
            _ => Err(fault(node, &entry.key)),
        };
        let list = match &entry.value.kind {
            NodeKind::List(items) => items.iter().map(one).collect::<Result<Vec<_>, _>>()?,
            _ => vec![one(&entry.value)?],
        };
        values.insert(entry.key.clone(), list);
    }
    Ok(Placeholders { values })
}

impl Placeholders {
    pub(crate) fn add(&mut self, more: Placeholders) {
        self.values.extend(more.values);
    }

    /// Replaces the placeholders that are known in every value with `expand`.
    pub(crate) fn resolve(&self, rule: &mut Rule) -> Result<(), Fault> {
        replace(rule, &|name| self.values_of(name))?;
        let selections = rule.detection.selections.iter();
        let mut items = selections.flat_map(|selection| selection.search.items_within());
        items.try_for_each(|(_, item)| refuse_unresolved(item))
    }

    pub(crate) fn values_of(&self, name: &str) -> Option<&[Scalar]> {
        self.values.get(name).map(Vec::as_slice)
    }
}

/// Replaces placeholders by what `values_of` says; those it says nothing of stay.
pub(crate) fn replace<'p>(
    rule: &mut Rule,
    values_of: &dyn Fn(&str) -> Option<&'p [Scalar]>,
) -> Result<(), Fault> {
    let mut searches = rule.detection.selections.iter_mut().map(|selection| &mut selection.search);
    searches.try_for_each(|search| search.each_item_mut(&mut |item| in_item(item, values_of)))
}

/// Compiling refuses what is left in a text; in an expression, a network or a field's name it would be taken for one.
fn refuse_unresolved(item: &Item) -> Result<(), Fault> {
    if !item.has(Modifier::Expand) || is_pattern(item) {
        return Ok(());
    }
    let texts =
        item.values.iter().filter_map(|value| if let Scalar::Text(text) = value { Some(text) } else { None });
    for part in texts.flat_map(|text| parts(text)) {
        if let Part::Name(name) = part {
            let reason = format!("nothing here resolves the placeholder `%{name}%`");
            return Err(Fault::new(item.line, ErrorCode::UnknownPlaceholder, reason));
        }
    }
    Ok(())
}

/// Whether the values are texts with wildcards and escapes.
fn is_pattern(item: &Item) -> bool {
    [Modifier::Re, Modifier::Cidr, Modifier::FieldRef].into_iter().all(|modifier| !item.has(modifier))
}

fn in_item<'p>(item: &mut Item, values_of: &dyn Fn(&str) -> Option<&'p [Scalar]>) -> Result<(), Fault> {
    if !item.has(Modifier::Expand) {
        return Ok(());
    }
    let is_pattern = is_pattern(item);
    let mut values = Vec::with_capacity(item.values.len());
    for value in &item.values {
        match value {
            Scalar::Text(text) => values.extend(expanded(text, is_pattern, item.line, values_of)?),
            other => values.push(other.clone()),
        }
        if values.len() > VALUES_PER_ITEM_MAX {
            let reason = format!("placeholders make more than {VALUES_PER_ITEM_MAX} values here");
            return Err(Fault::new(item.line, ErrorCode::LimitExceeded, reason));
        }
    }
    if values.is_empty() {
        return Err(Fault::new(item.line, ErrorCode::BadValue, "placeholders leave no value here"));
    }
    item.is_list |= values.len() > 1;
    item.values = values;
    Ok(())
}

/// A text cut at its placeholders.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'t> {
    Text(&'t str),
    Name(&'t str),
}

/// `\%` is a percent sign, `%%` none of a placeholder.
pub(crate) fn parts(text: &str) -> Vec<Part<'_>> {
    let (mut parts, mut begin, mut open, mut is_escaped) = (Vec::new(), 0, None, false);
    for (at, c) in text.char_indices() {
        match (c, open) {
            _ if is_escaped => is_escaped = false,
            ('\\', None) => is_escaped = true,
            ('%', None) => open = Some(at),
            // an empty name is no name: the second sign may begin one
            ('%', Some(from)) if from + 1 == at => open = Some(at),
            ('%', Some(from)) => {
                parts.push(Part::Text(text.get(begin..from).unwrap_or_default()));
                parts.push(Part::Name(text.get(from + 1..at).unwrap_or_default()));
                (begin, open) = (at + 1, None);
            }
            _ => {}
        }
    }
    parts.push(Part::Text(text.get(begin..).unwrap_or_default()));
    parts.retain(|part| *part != Part::Text(""));
    parts
}

/// Every text that the value stands for.
fn expanded<'p>(
    text: &str,
    is_pattern: bool,
    line: u32,
    values_of: &dyn Fn(&str) -> Option<&'p [Scalar]>,
) -> Result<Vec<Scalar>, Fault> {
    let parts = parts(text);
    if let [Part::Name(name)] = parts.as_slice() {
        let Some(values) = values_of(name) else { return Ok(vec![Scalar::Text(text.to_owned())]) };
        return Ok(values.iter().map(|value| whole(value, is_pattern)).collect());
    }
    let mut texts = vec![String::new()];
    for part in &parts {
        let choices: Vec<String> = match part {
            Part::Text(text) => vec![(*text).to_owned()],
            Part::Name(name) => match values_of(name) {
                None => vec![format!("%{name}%")],
                Some(values) => values.iter().map(|value| text_of(&whole(value, is_pattern))).collect(),
            },
        };
        let (count, bytes) = (texts.len() * choices.len(), texts.iter().map(String::len).max());
        if count > PLACEHOLDER_VALUES_MAX || bytes > Some(VALUE_BYTES_MAX) {
            let reason = format!(
                "the placeholders of one value make more than {PLACEHOLDER_VALUES_MAX} values or {VALUE_BYTES_MAX} bytes"
            );
            return Err(Fault::new(line, ErrorCode::LimitExceeded, reason));
        }
        texts = texts
            .iter()
            .flat_map(|before| choices.iter().map(|choice| joined(before, choice, is_pattern)))
            .collect();
    }
    Ok(texts.into_iter().map(Scalar::Text).collect())
}

fn text_of(value: &Scalar) -> String {
    match value {
        Scalar::Null => String::new(),
        Scalar::Bool(b) => b.to_string(),
        Scalar::Number(_, text) | Scalar::Text(text) => text.clone(),
    }
}

/// The value as it stands in a rule: its own percent signs begin no placeholder.
fn whole(value: &Scalar, is_pattern: bool) -> Scalar {
    match value {
        Scalar::Text(text) if is_pattern => Scalar::Text(percent_escaped(text)),
        other => other.clone(),
    }
}

fn percent_escaped(text: &str) -> String {
    let (mut out, mut is_escaped) = (String::with_capacity(text.len()), false);
    for c in text.chars() {
        if c == '%' && !is_escaped {
            out.push('\\');
        }
        is_escaped = c == '\\' && !is_escaped;
        out.push(c);
    }
    out
}

/// One text after another. A lone backslash at the end of the first is a backslash, and must not come to escape what the
/// second begins with.
fn joined(before: &str, after: &str, is_pattern: bool) -> String {
    let backslashes = before.bytes().rev().take_while(|byte| *byte == b'\\').count();
    let is_lone = is_pattern && backslashes % 2 == 1 && after.starts_with(['*', '?', '\\', '%']);
    format!("{before}{}{after}", if is_lone { "\\" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_placeholders() {
        use Part::{Name, Text};
        for (text, expected) in [
            ("%a%", vec![Name("a")]),
            ("x%a%y%b%", vec![Text("x"), Name("a"), Text("y"), Name("b")]),
            (r"100\% of %a%", vec![Text(r"100\% of "), Name("a")]),
            ("50% off", vec![Text("50% off")]),
            ("%%a%", vec![Text("%"), Name("a")]),
            ("", vec![]),
            (r"C:\%a%", vec![Text(r"C:\%a%")]),
            (r"C:\\%a%", vec![Text(r"C:\\"), Name("a")]),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn values_expand_to_every_combination_and_join_without_new_escapes() {
        let list = |texts: &[&str]| texts.iter().map(|t| Scalar::Text((*t).to_owned())).collect::<Vec<_>>();
        let (users, any, odd) = (list(&["ana", "b*"]), list(&["*"]), list(&["5%", r"x\"]));
        let values_of = |name: &str| match name {
            "users" => Some(users.as_slice()),
            "any" => Some(any.as_slice()),
            "odd" => Some(odd.as_slice()),
            _ => None,
        };
        for (text, expected) in [
            ("%users%", &["ana", "b*"][..]),
            ("a %users% b", &["a ana b", "a b* b"]),
            ("%users%%users%", &["anaana", "anab*", "b*ana", "b*b*"]),
            (r"\\%any%", &[r"\\*"]),
            (r"x\y%any%", &[r"x\y*"]),
            ("%odd%*", &[r"5\%*", r"x\\*"]),
            ("%unknown% %any%", &["%unknown% *"]),
        ] {
            let found: Vec<_> = expanded(text, true, 1, &values_of).unwrap().iter().map(text_of).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
