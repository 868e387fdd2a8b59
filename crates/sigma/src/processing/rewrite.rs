//! What one step of a pipeline makes of the items of a rule: other names, other values, or nothing.
//!
//! An item that asks about the elements of an array is entered. A field within has the name of its path in the event, as
//! it has where no block is written: `list[any]: {k: v}` is about `list.k`. What it is mapped to must stand within what
//! the array is mapped to, or the rule is refused: `k` could otherwise not be asked of the same element.

use super::transform::{Case, Kind, Transformation};
use super::{Pipeline, State, Step};
use crate::error::{ErrorCode, Fault};
use crate::limits::{
    FIELD_ALTERNATIVES_MAX, FIELD_NAME_BYTES_MAX, LISTED_FIELDS_MAX, PROCESSED_RULE_BYTES_MAX,
    VALUE_BYTES_MAX, VALUES_PER_ITEM_MAX,
};
use crate::modifier::Modifier;
use crate::rule::{Elements, Item, Rule, Scalar, Search, path_within};
use crate::value::Number;

/// What becomes of an item.
enum Change {
    Keep(Item),
    Drop,
    /// The same under several names, as alternatives.
    OneOf(Vec<Item>),
    /// The same under several names, of which each must hold: that something is not so.
    Each(Vec<Item>),
}

/// Whether it asks that something is not there: of a field that has several names that is so where it is so of each. Whoever says
/// `Foo|neq: x` means what `not Foo: x` means.
fn asks_for_nothing(item: &Item) -> bool {
    let says_nothing = |value: &Scalar| match value {
        Scalar::Bool(is_there) => item.has(Modifier::Exists) && !is_there,
        Scalar::Null => true,
        Scalar::Number(..) | Scalar::Text(_) => false,
    };
    let is_absence = !item.values.is_empty() && item.values.iter().all(says_nothing);
    item.has(Modifier::Neq) != is_absence
}

/// The array whose elements are asked: its path before the step, and after it. Empty for the event.
#[derive(Default)]
pub(super) struct Scope {
    before: String,
    after: String,
}

impl Scope {
    /// The name from an element of a path in the event; `None` where no element has it.
    fn relative(&self, path: String) -> Option<String> {
        if self.after.is_empty() {
            return Some(path);
        }
        let name = path.strip_prefix(&self.after)?.strip_prefix('.')?;
        (!name.is_empty()).then(|| name.to_owned())
    }
}

/// One step over one rule.
pub(super) struct Rewriting<'p> {
    pipeline: &'p Pipeline,
    step: &'p Step,
    state: &'p State,
    /// What the rule's items may still take.
    left_bytes: usize,
}

impl<'p> Rewriting<'p> {
    pub(super) fn new(pipeline: &'p Pipeline, step: &'p Step, state: &'p State) -> Self {
        Rewriting { pipeline, step, state, left_bytes: PROCESSED_RULE_BYTES_MAX }
    }

    fn refused(&self, line: u32, reason: &str) -> Fault {
        Fault::new(line, ErrorCode::RefusedByPipeline, format!("{}: {reason}", self.pipeline.name))
    }

    fn limit(&self, line: u32, reason: &str) -> Fault {
        Fault::new(line, ErrorCode::LimitExceeded, format!("{}: {reason}", self.pipeline.name))
    }

    /// Takes from what is left.
    fn spend(&mut self, bytes: usize, line: u32) -> Result<(), Fault> {
        match self.left_bytes.checked_sub(bytes) {
            Some(left) => {
                self.left_bytes = left;
                Ok(())
            }
            None => Err(self.limit(
                line,
                &format!("it makes more than {PROCESSED_RULE_BYTES_MAX} bytes of the rule; map fields to fewer names"),
            )),
        }
    }

    /// `None` where nothing is left. Recursion is as deep as the rule's lists, which the parser bounds.
    pub(super) fn search(&mut self, search: Search, scope: &Scope) -> Result<Option<Search>, Fault> {
        let items = match search {
            Search::Any(searches) => {
                let mut kept = Vec::with_capacity(searches.len());
                for search in searches {
                    kept.extend(self.search(search, scope)?);
                }
                return Ok((!kept.is_empty()).then_some(Search::Any(kept)));
            }
            Search::All(items) => items,
        };
        let mut alternatives: Vec<Vec<Item>> = vec![Vec::with_capacity(items.len())];
        // of one alternative; they differ in names alone
        let mut alternative_bytes = 0;
        for item in items {
            let line = item.line;
            match self.item(item, scope)? {
                Change::Drop => {}
                Change::Keep(item) => {
                    let bytes = item_bytes(&item);
                    self.spend(bytes.saturating_mul(alternatives.len()), line)?;
                    alternative_bytes += bytes;
                    alternatives.iter_mut().for_each(|items| items.push(item.clone()));
                }
                Change::Each(items) => {
                    if alternatives.len() * items.len() > FIELD_ALTERNATIVES_MAX {
                        return Err(self.too_many_names(line));
                    }
                    let bytes: usize = items.iter().map(item_bytes).sum();
                    self.spend(bytes.saturating_mul(alternatives.len()), line)?;
                    alternative_bytes += bytes;
                    alternatives.iter_mut().for_each(|kept| kept.extend(items.iter().cloned()));
                }
                Change::OneOf(items) => {
                    if alternatives.len() * items.len() > FIELD_ALTERNATIVES_MAX {
                        return Err(self.too_many_names(line));
                    }
                    let bytes = items.iter().map(item_bytes).max().unwrap_or_default();
                    let (before, after) = (alternatives.len(), alternatives.len() * items.len());
                    self.spend(bytes * after + alternative_bytes * (after - before), line)?;
                    alternative_bytes += bytes;
                    let with = |before: &Vec<Item>, item: &Item| {
                        before.iter().chain([item]).cloned().collect::<Vec<_>>()
                    };
                    let all =
                        alternatives.iter().flat_map(|before| items.iter().map(|item| with(before, item)));
                    alternatives = all.collect();
                }
            }
        }
        alternatives.retain(|items| !items.is_empty());
        Ok(match alternatives.len() {
            0 => None,
            1 => alternatives.pop().map(Search::All),
            _ => Some(Search::Any(alternatives.into_iter().map(Search::All).collect())),
        })
    }

    fn too_many_names(&self, line: u32) -> Fault {
        self.limit(
            line,
            &format!("several names for fields make more than {FIELD_ALTERNATIVES_MAX} searches"),
        )
    }

    fn item(&mut self, item: Item, scope: &Scope) -> Result<Change, Fault> {
        let path = item.field.as_deref().map(|name| path_within(&scope.before, name));
        let has_values = item.elements.is_none();
        let is_asked = has_values || self.step.item.all.iter().all(|(_, c)| !c.is_about_values());
        let applies = is_asked
            && self.step.item.hold(|condition| condition.holds(&item, self.state))
            && self.step.field.hold(|condition| condition.holds(path.as_deref(), self.state));
        if applies {
            match &self.step.transformation {
                Transformation::DropDetectionItem => return Ok(Change::Drop),
                Transformation::DetectionItemFailure(message) => {
                    return Err(self.refused(item.line, message));
                }
                _ => {}
            }
        }
        match (item.elements.is_some(), applies) {
            (true, _) => self.elements(item, path.unwrap_or_default(), applies, scope),
            (false, true) => self.change(item, path, scope),
            (false, false) => Ok(Change::Keep(item)),
        }
    }

    /// An item that asks about the elements of an array: the array's name, and what is asked.
    fn elements(
        &mut self,
        mut item: Item,
        path: String,
        applies: bool,
        scope: &Scope,
    ) -> Result<Change, Fault> {
        let Some(Elements { quantifier, body }) = item.elements.take() else { return Ok(Change::Keep(item)) };
        let own = item.field.clone().unwrap_or_default();
        let named = if applies { self.names(&own, &path, item.line, scope)? } else { None };
        let names = named.unwrap_or_else(|| vec![own]);
        let mut items = Vec::with_capacity(names.len());
        for name in names {
            let within = Scope { before: path.clone(), after: path_within(&scope.after, &name) };
            let Some(body) = self.search((*body).clone(), &within)? else { continue };
            let elements = Some(Elements { quantifier, body: Box::new(body) });
            items.push(Item { field: Some(name), elements, ..item.clone() });
        }
        Ok(one_of(items).unwrap_or(Change::Drop))
    }

    fn change(&mut self, mut item: Item, path: Option<String>, scope: &Scope) -> Result<Change, Fault> {
        match &self.step.transformation {
            Transformation::FieldNameMapping(_)
            | Transformation::FieldNamePrefixMapping(_)
            | Transformation::FieldNamePrefix(_)
            | Transformation::FieldNameSuffix(_) => return self.renamed(item, path, scope),
            Transformation::SetValue(value) => {
                item.values = vec![value.clone()];
                item.is_list = false;
            }
            transformation => {
                let mut values = Vec::with_capacity(item.values.len());
                for value in &item.values {
                    values.extend(self.changed(transformation, value, item.line)?);
                    if values.len() > VALUES_PER_ITEM_MAX {
                        let reason = format!("it makes more than {VALUES_PER_ITEM_MAX} values here");
                        return Err(self.limit(item.line, &reason));
                    }
                }
                item.is_list |= values.len() > 1;
                item.values = values;
            }
        }
        if item.values.iter().any(|value| matches!(value, Scalar::Text(t) if t.len() > VALUE_BYTES_MAX)) {
            return Err(self.value_too_long(item.line));
        }
        Ok(Change::Keep(item))
    }

    fn value_too_long(&self, line: u32) -> Fault {
        self.limit(line, &format!("it makes a value of more than {VALUE_BYTES_MAX} bytes"))
    }

    /// What a value becomes; values that are no texts stay, where the transformation is about texts.
    fn changed(
        &self,
        transformation: &Transformation,
        value: &Scalar,
        line: u32,
    ) -> Result<Vec<Scalar>, Fault> {
        let text = |text: String| vec![Scalar::Text(text)];
        Ok(match (transformation, value) {
            (Transformation::ReplaceString { pattern, replacement }, Scalar::Text(from)) => {
                text(replaced(pattern, replacement, from).ok_or_else(|| self.value_too_long(line))?)
            }
            (Transformation::MapString(mapping), Scalar::Text(from)) => match mapping.get(from) {
                Some(to) => to.iter().map(|to| Scalar::Text(to.clone())).collect(),
                None => vec![value.clone()],
            },
            (Transformation::Case(Case::Lower), Scalar::Text(from)) => text(from.to_lowercase()),
            (Transformation::Case(Case::Upper), Scalar::Text(from)) => text(from.to_uppercase()),
            (Transformation::ConvertType(Kind::Text), Scalar::Number(_, from)) => text(from.clone()),
            (Transformation::ConvertType(Kind::Number), Scalar::Text(from)) => match Number::parse(from) {
                Some(number) => vec![Scalar::Number(number, from.clone())],
                None => {
                    let reason = format!("`{from}` is no number, as a pipeline wants it");
                    return Err(Fault::new(line, ErrorCode::RefusedByPipeline, reason));
                }
            },
            _ => vec![value.clone()],
        })
    }

    /// The names that the field at a path gets, as they are written in the scope; `None` where it keeps its own.
    fn names(&self, own: &str, path: &str, line: u32, scope: &Scope) -> Result<Option<Vec<String>>, Fault> {
        // the element itself is called as its array is
        if own == "." && !scope.before.is_empty() {
            return Ok(None);
        }
        let Some(paths) = names_for(&self.step.transformation, path).filter(|paths| !paths.is_empty()) else {
            return Ok(None);
        };
        if paths.len() > FIELD_ALTERNATIVES_MAX {
            return Err(self.too_many_names(line));
        }
        if paths.iter().any(|path| path.len() > FIELD_NAME_BYTES_MAX) {
            let reason = format!("it makes a field's name of more than {FIELD_NAME_BYTES_MAX} bytes");
            return Err(self.limit(line, &reason));
        }
        let first = paths.first().cloned().unwrap_or_default();
        let names: Vec<String> = paths.into_iter().filter_map(|path| scope.relative(path)).collect();
        if names.is_empty() {
            let reason = format!(
                "`{own}` is asked of one element of `{}`; `{first}` is none of the fields of an element of `{}`: map \
                 both so that one begins with the other",
                scope.before, scope.after
            );
            return Err(self.refused(line, &reason));
        }
        Ok(Some(names))
    }

    fn renamed(&self, mut item: Item, path: Option<String>, scope: &Scope) -> Result<Change, Fault> {
        // the field that `fieldref` names has a name too
        if item.has(Modifier::FieldRef) {
            for value in &mut item.values {
                if let Scalar::Text(field) = value
                    && let path = path_within(&scope.before, field)
                    && let Some([name]) = self.names(field, &path, item.line, scope)?.as_deref()
                {
                    *value = Scalar::Text(name.clone());
                }
            }
        }
        let named = match (item.field.as_deref(), path) {
            (Some(own), Some(path)) => self.names(own, &path, item.line, scope)?,
            _ => None,
        };
        let Some(names) = named else { return Ok(Change::Keep(item)) };
        let asks_for_nothing = asks_for_nothing(&item);
        let items = names.into_iter().map(|name| Item { field: Some(name), ..item.clone() }).collect();
        Ok(match one_of(items).unwrap_or(Change::Keep(item)) {
            Change::OneOf(items) if asks_for_nothing => Change::Each(items),
            change => change,
        })
    }

    /// The rule's list of fields to show.
    pub(super) fn listed_fields(&self, rule: &mut Rule) -> Result<(), Fault> {
        let mut listed: Vec<String> = Vec::with_capacity(rule.fields.len());
        for field in std::mem::take(&mut rule.fields) {
            let applies = self.step.field.hold(|condition| condition.holds(Some(&field), self.state));
            let names =
                if applies { self.names(&field, &field, rule.line, &Scope::default())? } else { None };
            listed.extend(names.unwrap_or_else(|| vec![field]));
            if listed.len() > LISTED_FIELDS_MAX {
                let reason = format!("it makes more than {LISTED_FIELDS_MAX} of the `fields` of the rule");
                return Err(self.limit(rule.line, &reason));
            }
        }
        rule.fields = listed;
        Ok(())
    }
}

fn one_of(mut items: Vec<Item>) -> Option<Change> {
    match items.len() {
        0 => None,
        1 => items.pop().map(Change::Keep),
        _ => Some(Change::OneOf(items)),
    }
}

/// About what an item takes in memory.
fn item_bytes(item: &Item) -> usize {
    let value_bytes = |value: &Scalar| {
        size_of::<Scalar>()
            + match value {
                Scalar::Text(text) | Scalar::Number(_, text) => text.len(),
                Scalar::Null | Scalar::Bool(_) => 0,
            }
    };
    let within = item.elements.as_ref().map_or(0, |elements| search_bytes(&elements.body));
    size_of::<Item>()
        + item.field.as_ref().map_or(0, String::len)
        + item.values.iter().map(value_bytes).sum::<usize>()
        + within
}

fn search_bytes(search: &Search) -> usize {
    match search {
        Search::All(items) => items.iter().map(item_bytes).sum(),
        Search::Any(searches) => searches.iter().map(search_bytes).sum(),
    }
}

/// Replaces what is found; `None` where the text would become too long.
fn replaced(pattern: &regex::Regex, replacement: &str, text: &str) -> Option<String> {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for found in pattern.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(text.get(at..whole.start()).unwrap_or_default());
        found.expand(replacement, &mut out);
        at = whole.end();
        if out.len() > VALUE_BYTES_MAX {
            return None;
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Some(out)
}

/// The names that a field gets; none where it keeps its own.
fn names_for(transformation: &Transformation, field: &str) -> Option<Vec<String>> {
    match transformation {
        Transformation::FieldNameMapping(mapping) => mapping.get(field).cloned(),
        Transformation::FieldNamePrefixMapping(mapping) => mapping.iter().find_map(|(prefix, to)| {
            let rest = field.strip_prefix(prefix.as_str())?;
            Some(to.iter().map(|to| format!("{to}{rest}")).collect())
        }),
        Transformation::FieldNamePrefix(prefix) => Some(vec![format!("{prefix}{field}")]),
        Transformation::FieldNameSuffix(suffix) => Some(vec![format!("{field}{suffix}")]),
        _ => None,
    }
}
