//! Pipelines from YAML. Whatever is not understood refuses the pipeline and is named.

use std::borrow::Cow;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::conditions::{Combination, Conditions, FieldCondition, FieldNames, ItemCondition, RuleCondition};
use super::transform::{Case, Kind, Names, Transformation};
use super::{Pipeline, Step};
use crate::condition;
use crate::detection::plain_name;
use crate::error::{ErrorCode, Fault};
use crate::limits::{PIPELINE_STEPS_MAX, REGEX_PROGRAM_BYTES_MAX, VALUE_BYTES_MAX};
use crate::logsource::Logsource;
use crate::parse::{Keys, bad_type, scalar_text, text_of};
use crate::placeholder::{self, Placeholders};
use crate::yaml::{Entry, Node, NodeKind, Scalar};

fn bad(line: u32, reason: impl Into<String>) -> Fault {
    Fault::new(line, ErrorCode::BadPipeline, reason)
}

/// Reads a document with `transformations`.
pub(crate) fn read(keys: &Keys<'_>, file: &Arc<str>) -> Result<Pipeline, Fault> {
    for entry in keys.entries {
        let is_empty = matches!(&entry.value.kind, NodeKind::List(items) if items.is_empty());
        match entry.key.as_str() {
            "name" | "priority" | "vars" | "transformations" | "allowed_backends" => {}
            "postprocessing" | "finalizers" if is_empty => {}
            "postprocessing" | "finalizers" => {
                let reason = format!("`{}` writes queries, and there are none here; take it out", entry.key);
                return Err(bad(entry.line, reason));
            }
            other => return Err(bad(entry.line, format!("`{other}` is no part of a processing pipeline"))),
        }
    }
    let priority = match keys.find("priority") {
        None => 0,
        Some(entry) => {
            text_of(entry)?.parse().map_err(|_| bad(entry.line, "`priority` is a whole number"))?
        }
    };
    let vars = keys.find("vars").map_or(Ok(Placeholders::default()), placeholder::read)?;
    let mut count = 0;
    let steps = read_steps(keys.required("transformations")?, &mut count)?;
    let name = keys.text("name")?.unwrap_or_else(|| file.to_string());
    Ok(Pipeline { file: Arc::clone(file), line: keys.line, name, priority, vars, steps })
}

/// `count` is of the whole pipeline; steps nest as deep as YAML may.
fn read_steps(entry: &Entry, count: &mut usize) -> Result<Vec<Step>, Fault> {
    let steps = list(entry)?;
    *count += steps.len();
    if *count > PIPELINE_STEPS_MAX {
        let reason = format!("more than {PIPELINE_STEPS_MAX} transformations; split the pipeline");
        return Err(Fault::new(entry.line, ErrorCode::LimitExceeded, reason));
    }
    steps.iter().map(|node| read_step(node, count)).collect()
}

const STEP_KEYS: &[&str] = &[
    "id",
    "type",
    "rule_conditions",
    "rule_cond_op",
    "rule_cond_not",
    "rule_cond_expr",
    "rule_cond_expression",
    "detection_item_conditions",
    "detection_item_cond_op",
    "detection_item_cond_not",
    "detection_item_cond_expr",
    "field_name_conditions",
    "field_name_cond_op",
    "field_name_cond_not",
    "field_name_cond_expr",
];

fn read_step(node: &Node, count: &mut usize) -> Result<Step, Fault> {
    let entries = node.as_map().ok_or_else(|| bad_type("transformations", "a list of maps", node))?;
    let keys = Keys { entries, line: node.line };
    let kind = text_of(keys.required("type")?)?;
    let (transformation, known) = read_transformation(&kind, &keys, count)?;
    if let Some(other) = entries
        .iter()
        .find(|entry| !STEP_KEYS.contains(&entry.key.as_str()) && !known.contains(&entry.key.as_str()))
    {
        return Err(bad(other.line, format!("`{}` is not understood in `{kind}`", other.key)));
    }
    Ok(Step {
        id: keys.text("id")?,
        rule: read_conditions(&keys, "rule", read_rule_condition)?,
        item: read_conditions(&keys, "detection_item", read_item_condition)?,
        field: read_conditions(&keys, "field_name", read_field_condition)?,
        transformation,
    })
}

/// A transformation and the keys that it reads.
type Read = (Transformation, &'static [&'static str]);

fn read_transformation(kind: &str, keys: &Keys<'_>, count: &mut usize) -> Result<Read, Fault> {
    if let Some(read) = read_naming(kind, keys)? {
        return Ok(read);
    }
    if let Some(read) = read_valuing(kind, keys)? {
        return Ok(read);
    }
    let text = |key: &str| keys.required(key).and_then(text_of);
    Ok(match kind {
        "drop_detection_item" => (Transformation::DropDetectionItem, &[]),
        "add_condition" => (added_condition(keys)?, &["conditions", "name", "template", "negated"]),
        "change_logsource" => {
            (Transformation::ChangeLogsource(logsource(keys)?), &["category", "product", "service"])
        }
        "set_state" => (Transformation::SetState(text("key")?, json(keys, "val")?), &["key", "val"]),
        "set_custom_attribute" => {
            let value = json(keys, "value")?;
            (Transformation::SetCustomAttribute(text("attribute")?, value), &["attribute", "value"])
        }
        "rule_failure" => (Transformation::RuleFailure(text("message")?), &["message"]),
        "detection_item_failure" => (Transformation::DetectionItemFailure(text("message")?), &["message"]),
        "nest" => (Transformation::Nest(read_steps(keys.required("items")?, count)?), &["items"]),
        other => {
            let reason =
                format!("the transformation `{other}` is not understood, so the pipeline is not applied");
            return Err(bad(keys.line, reason));
        }
    })
}

fn added_condition(keys: &Keys<'_>) -> Result<Transformation, Fault> {
    let entry = keys.required("conditions")?;
    let conditions = match entry.value.as_map() {
        Some(conditions) if !conditions.is_empty() => conditions,
        _ => return Err(bad_type("conditions", "a map of fields and values", &entry.value)),
    };
    let one = |entry: &Entry| Ok((plain_name(&entry.key, entry.line)?.into_owned(), scalars(entry)?));
    let flag = |key: &str| keys.find(key).map_or(Ok(false), boolean);
    Ok(Transformation::AddCondition {
        conditions: conditions.iter().map(one).collect::<Result<_, Fault>>()?,
        name: keys.text("name")?,
        is_template: flag("template")?,
        is_negated: flag("negated")?,
    })
}

/// What gives fields other names.
fn read_naming(kind: &str, keys: &Keys<'_>) -> Result<Option<Read>, Fault> {
    let text = |key: &str| keys.required(key).and_then(text_of);
    let mapping = || pairs(keys.required("mapping")?);
    Ok(Some(match kind {
        "field_name_mapping" => {
            let line = keys.required("mapping")?.line;
            let plain = |name: String| plain_name(&name, line).map(Cow::into_owned);
            let plain = |(from, to): (String, Vec<String>)| {
                Ok((from, to.into_iter().map(plain).collect::<Result<_, Fault>>()?))
            };
            let mapping = mapping()?.into_iter().map(plain).collect::<Result<_, Fault>>()?;
            (Transformation::FieldNameMapping(mapping), &["mapping"])
        }
        "field_name_prefix_mapping" => {
            let mut mapping = mapping()?;
            mapping.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
            (Transformation::FieldNamePrefixMapping(mapping), &["mapping"])
        }
        "field_name_prefix" => (Transformation::FieldNamePrefix(text("prefix")?), &["prefix"]),
        "field_name_suffix" => (Transformation::FieldNameSuffix(text("suffix")?), &["suffix"]),
        _ => return Ok(None),
    }))
}

/// What changes values.
fn read_valuing(kind: &str, keys: &Keys<'_>) -> Result<Option<Read>, Fault> {
    let text = |key: &str| keys.required(key).and_then(text_of);
    Ok(Some(match kind {
        "replace_string" => {
            let pattern = regex(&text("regex")?, keys.required("regex")?.line)?;
            let entry = keys.required("replacement")?;
            let replacement = text_of(entry)?;
            if replacement.len() > VALUE_BYTES_MAX {
                let reason = format!("the replacement has more than {VALUE_BYTES_MAX} bytes");
                return Err(Fault::new(entry.line, ErrorCode::LimitExceeded, reason));
            }
            let replacement = python_groups(&replacement);
            (Transformation::ReplaceString { pattern, replacement }, &["regex", "replacement"])
        }
        "map_string" => {
            let mapping = pairs(keys.required("mapping")?)?.into_iter().collect();
            (Transformation::MapString(mapping), &["mapping"])
        }
        "set_value" => {
            let entry = keys.required("value")?;
            let NodeKind::Scalar(value) = &entry.value.kind else {
                return Err(bad_type("value", "a text, a number, true, false or null", &entry.value));
            };
            (Transformation::SetValue(value.clone()), &["value"])
        }
        "convert_type" => {
            let entry = keys.required("target_type")?;
            let target = match text_of(entry)?.as_str() {
                "str" => Kind::Text,
                "num" => Kind::Number,
                other => {
                    return Err(bad(entry.line, format!("the type `{other}` is neither `str` nor `num`")));
                }
            };
            (Transformation::ConvertType(target), &["target_type"])
        }
        "case" => {
            let case = match keys.text("method")?.as_deref() {
                None | Some("lower") => Case::Lower,
                Some("upper") => Case::Upper,
                Some(other) => {
                    return Err(bad(keys.line, format!("the case `{other}` is neither `lower` nor `upper`")));
                }
            };
            (Transformation::Case(case), &["method"])
        }
        "value_placeholders" => (Transformation::ValuePlaceholders(names(keys)?), &["include", "exclude"]),
        "wildcard_placeholders" => {
            (Transformation::WildcardPlaceholders(names(keys)?), &["include", "exclude"])
        }
        _ => return Ok(None),
    }))
}

/// A list of conditions, or a map of named ones for an expression.
fn read_conditions<C>(
    keys: &Keys<'_>,
    of: &str,
    read: impl Fn(&Keys<'_>) -> Result<C, Fault>,
) -> Result<Conditions<C>, Fault> {
    let one = |node: &Node| {
        let entries = node.as_map().ok_or_else(|| bad_type(&format!("{of}_conditions"), "maps", node))?;
        read(&Keys { entries, line: node.line })
    };
    let Some(entry) = keys.find(&format!("{of}_conditions")) else { return Ok(Conditions::none()) };
    let all: Vec<(Option<String>, C)> = match &entry.value.kind {
        NodeKind::List(nodes) => {
            nodes.iter().map(|node| Ok((None, one(node)?))).collect::<Result<_, Fault>>()?
        }
        NodeKind::Map(named) => {
            let named = named.iter().map(|entry| Ok((Some(entry.key.clone()), one(&entry.value)?)));
            named.collect::<Result<_, Fault>>()?
        }
        NodeKind::Scalar(_) => {
            return Err(bad_type(&entry.key, "a list or a map of conditions", &entry.value));
        }
    };
    let find = |ending: &str| keys.find(&format!("{of}_cond_{ending}"));
    let combination = match (find("expr").or_else(|| find("expression")), find("op")) {
        (Some(entry), _) => Combination::Expression(expression(entry, &all)?),
        (None, Some(entry)) => match text_of(entry)?.as_str() {
            "and" => Combination::And,
            "or" => Combination::Or,
            other => return Err(bad(entry.line, format!("`{other}` is neither `and` nor `or`"))),
        },
        (None, None) => Combination::And,
    };
    let is_negated = find("not").map_or(Ok(false), boolean)?;
    Ok(Conditions { all, combination, is_negated })
}

fn expression<C>(entry: &Entry, all: &[(Option<String>, C)]) -> Result<condition::Expression, Fault> {
    let parsed = condition::parse(&text_of(entry)?, entry.line)?.expression;
    let mut unknown = None;
    visit_names(&parsed, &mut |name| {
        if all.iter().all(|(known, _)| known.as_deref() != Some(name)) {
            unknown = Some(name.to_owned());
        }
    });
    match unknown {
        Some(name) => {
            Err(bad(entry.line, format!("the expression names the condition `{name}`, which is not there")))
        }
        None => Ok(parsed),
    }
}

fn visit_names(expression: &condition::Expression, visit: &mut dyn FnMut(&str)) {
    use condition::Expression::{And, Not, Of, Or, Selection};
    match expression {
        Selection(name) => visit(name),
        Of { .. } => {}
        Not(inner) => visit_names(inner, visit),
        And(members) | Or(members) => members.iter().for_each(|member| visit_names(member, visit)),
    }
}

fn only(keys: &Keys<'_>, known: &[&str], of: &str) -> Result<(), Fault> {
    match keys.entries.iter().find(|entry| entry.key != "type" && !known.contains(&entry.key.as_str())) {
        Some(other) => {
            Err(bad(other.line, format!("`{}` is not understood in the condition `{of}`", other.key)))
        }
        None => Ok(()),
    }
}

fn not_understood(keys: &Keys<'_>, kind: &str) -> Fault {
    bad(keys.line, format!("the condition `{kind}` is not understood, so the pipeline is not applied"))
}

/// The key and the value of a state; only equality is there.
fn state(keys: &Keys<'_>, kind: &str) -> Result<(String, serde_json::Value), Fault> {
    only(keys, &["key", "val", "op"], kind)?;
    match keys.text("op")?.as_deref() {
        None | Some("eq") => Ok((text_of(keys.required("key")?)?, json(keys, "val")?)),
        Some(other) => Err(bad(keys.line, format!("`op: {other}` is not understood; only `eq` is"))),
    }
}

fn applied(keys: &Keys<'_>, kind: &str) -> Result<String, Fault> {
    only(keys, &["processing_item_id"], kind)?;
    text_of(keys.required("processing_item_id")?)
}

fn read_rule_condition(keys: &Keys<'_>) -> Result<RuleCondition, Fault> {
    let kind = text_of(keys.required("type")?)?;
    Ok(match kind.as_str() {
        "logsource" => {
            only(keys, &["category", "product", "service"], &kind)?;
            RuleCondition::Logsource(logsource(keys)?)
        }
        "contains_field" => {
            only(keys, &["field"], &kind)?;
            RuleCondition::ContainsField(text_of(keys.required("field")?)?)
        }
        "contains_detection_item" => {
            only(keys, &["field", "value"], &kind)?;
            let entry = keys.required("value")?;
            let NodeKind::Scalar(value) = &entry.value.kind else {
                return Err(bad_type("value", "a text or a number", &entry.value));
            };
            RuleCondition::ContainsItem(text_of(keys.required("field")?)?, value.clone())
        }
        "tag" => {
            only(keys, &["tag"], &kind)?;
            RuleCondition::Tag(text_of(keys.required("tag")?)?)
        }
        "is_sigma_rule" | "is_sigma_correlation_rule" => {
            only(keys, &[], &kind)?;
            RuleCondition::IsRule(kind == "is_sigma_rule")
        }
        "processing_item_applied" => RuleCondition::Applied(applied(keys, &kind)?),
        "processing_state" => {
            let (key, value) = state(keys, &kind)?;
            RuleCondition::State(key, value)
        }
        _ => return Err(not_understood(keys, &kind)),
    })
}

fn read_item_condition(keys: &Keys<'_>) -> Result<ItemCondition, Fault> {
    let kind = text_of(keys.required("type")?)?;
    let all = || match keys.text("cond")?.as_deref() {
        Some("all") => Ok(true),
        None | Some("any") => Ok(false),
        Some(other) => Err(bad(keys.line, format!("`cond: {other}` is neither `any` nor `all`"))),
    };
    Ok(match kind.as_str() {
        "match_string" => {
            only(keys, &["pattern", "cond", "negate"], &kind)?;
            let entry = keys.required("pattern")?;
            let is_negated = keys.find("negate").map_or(Ok(false), boolean)?;
            ItemCondition::MatchString {
                pattern: from_beginning(&text_of(entry)?, entry.line)?,
                all: all()?,
                is_negated,
            }
        }
        "is_null" => {
            only(keys, &["cond"], &kind)?;
            ItemCondition::IsNull { all: all()? }
        }
        "contains_wildcard" => {
            only(keys, &["cond"], &kind)?;
            ItemCondition::HasWildcard { all: all()? }
        }
        "processing_item_applied" => ItemCondition::Applied(applied(keys, &kind)?),
        "processing_state" => {
            let (key, value) = state(keys, &kind)?;
            ItemCondition::State(key, value)
        }
        _ => return Err(not_understood(keys, &kind)),
    })
}

fn read_field_condition(keys: &Keys<'_>) -> Result<FieldCondition, Fault> {
    let kind = text_of(keys.required("type")?)?;
    let names = || {
        only(keys, &["fields", "match_type"], &kind)?;
        let entry = keys.required("fields")?;
        let fields = keys.texts("fields")?;
        match keys.text("match_type")?.as_deref() {
            None | Some("plain") => Ok(FieldNames::Plain(fields)),
            Some("re") => {
                let patterns = fields.iter().map(|field| from_beginning(field, entry.line));
                Ok(FieldNames::Patterns(patterns.collect::<Result<_, Fault>>()?))
            }
            Some(other) => Err(bad(entry.line, format!("`match_type: {other}` is neither `plain` nor `re`"))),
        }
    };
    Ok(match kind.as_str() {
        "include_fields" => FieldCondition::Include(names()?),
        "exclude_fields" => FieldCondition::Exclude(names()?),
        "processing_item_applied" => FieldCondition::Applied(applied(keys, &kind)?),
        "processing_state" => {
            let (key, value) = state(keys, &kind)?;
            FieldCondition::State(key, value)
        }
        _ => return Err(not_understood(keys, &kind)),
    })
}

fn list(entry: &Entry) -> Result<&[Node], Fault> {
    match &entry.value.kind {
        NodeKind::List(items) => Ok(items),
        _ => Err(bad_type(&entry.key, "a list", &entry.value)),
    }
}

fn scalars(entry: &Entry) -> Result<Vec<Scalar>, Fault> {
    let one = |node: &Node| match &node.kind {
        NodeKind::Scalar(scalar) => Ok(scalar.clone()),
        _ => Err(bad_type(&entry.key, "a value or a list of values", node)),
    };
    match &entry.value.kind {
        NodeKind::List(items) if !items.is_empty() => items.iter().map(one).collect(),
        _ => Ok(vec![one(&entry.value)?]),
    }
}

/// A map whose values are a text or a list of texts.
fn pairs(entry: &Entry) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let entries = entry.value.as_map().ok_or_else(|| bad_type(&entry.key, "a map", &entry.value))?;
    let texts = |entry: &Entry| Ok(scalars(entry)?.iter().map(scalar_text).collect());
    entries.iter().map(|entry| Ok((entry.key.clone(), texts(entry)?))).collect()
}

fn boolean(entry: &Entry) -> Result<bool, Fault> {
    match entry.value.kind {
        NodeKind::Scalar(Scalar::Bool(value)) => Ok(value),
        _ => Err(bad_type(&entry.key, "true or false", &entry.value)),
    }
}

fn json(keys: &Keys<'_>, key: &str) -> Result<serde_json::Value, Fault> {
    Ok(keys.required(key)?.value.to_json())
}

fn logsource(keys: &Keys<'_>) -> Result<Logsource, Fault> {
    let logsource = Logsource {
        category: keys.text("category")?,
        product: keys.text("product")?,
        service: keys.text("service")?,
        definition: None,
    };
    if logsource.is_empty() {
        return Err(bad(keys.line, "a logsource here names a category, a product or a service"));
    }
    Ok(logsource)
}

fn names(keys: &Keys<'_>) -> Result<Names, Fault> {
    let include = keys.find("include").is_some().then(|| keys.texts("include")).transpose()?;
    Ok(Names { include, exclude: keys.texts("exclude")? })
}

fn regex(pattern: &str, line: u32) -> Result<Regex, Fault> {
    let built = RegexBuilder::new(pattern).size_limit(REGEX_PROGRAM_BYTES_MAX).build();
    built.map_err(|error| Fault::new(line, ErrorCode::BadRegex, error.to_string()))
}

/// pySigma asks whether an expression matches at the beginning (Python's `re.match`).
fn from_beginning(pattern: &str, line: u32) -> Result<Regex, Fault> {
    regex(&format!(r"\A(?:{pattern})"), line)
}

/// `\1` and `\g<name>` of Python as `${1}` and `${name}`; a dollar sign is one.
fn python_groups(replacement: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(replacement.len()), replacement);
    while let Some(c) = rest.chars().next() {
        let tail = rest.get(c.len_utf8()..).unwrap_or_default();
        let named = rest.strip_prefix(r"\g<").and_then(|after| after.split_once('>'));
        let digits = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        rest = match (c, named) {
            ('\\', Some((name, after))) => {
                out.push_str(&format!("${{{name}}}"));
                after
            }
            ('\\', None) if digits > 0 => {
                out.push_str(&format!("${{{}}}", tail.get(..digits).unwrap_or_default()));
                tail.get(digits..).unwrap_or_default()
            }
            ('\\', None) if tail.starts_with('\\') => {
                out.push('\\');
                tail.get(1..).unwrap_or_default()
            }
            ('$', _) => {
                out.push_str("$$");
                tail
            }
            (c, _) => {
                out.push(c);
                tail
            }
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::python_groups;

    #[test]
    fn groups_of_python_become_ours() {
        for (python, ours) in [
            (r"\1x\2", "${1}x${2}"),
            (r"\g<a>b", "${a}b"),
            (r"\\1", r"\1"),
            ("5$", "5$$"),
            (r"C:\Users", r"C:\Users"),
        ] {
            assert_eq!(python_groups(python), ours, "{python}");
        }
    }
}
