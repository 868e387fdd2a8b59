//! A plain event view over JSON, for tests: every interned path is looked up once.

use std::collections::HashMap;

use serde_json::Value as Json;
use sigma::{Content, EventView, FieldId, FieldInterner, Places, Spelled, Value};

#[derive(Clone, Default)]
pub(crate) struct Fields {
    ids: HashMap<String, FieldId>,
    paths: Vec<Vec<String>>,
}

impl FieldInterner for Fields {
    fn intern(&mut self, path: &str) -> FieldId {
        if let Some(id) = self.ids.get(path) {
            return *id;
        }
        let id = FieldId(self.paths.len() as u32);
        self.ids.insert(path.to_owned(), id);
        self.paths.push(path.split('.').map(str::to_owned).collect());
        id
    }
}

/// An event with what each field known to `fields` holds.
pub(crate) struct JsonView<'e> {
    event: &'e Json,
    found: Vec<Vec<(Places, &'e Json)>>,
    /// Of each that is a string which JSON writes with escapes, how it does.
    spellings: Vec<Vec<Option<String>>>,
}

impl<'e> JsonView<'e> {
    pub(crate) fn new(event: &'e Json, fields: &Fields) -> Self {
        let found: Vec<Vec<_>> = fields
            .paths
            .iter()
            .map(|path| {
                let mut found = Vec::new();
                walk(event, path, &mut 0, &mut found);
                found
            })
            .collect();
        let spellings =
            found.iter().map(|found| found.iter().map(|(_, node)| spelling(node)).collect()).collect();
        JsonView { event, found, spellings }
    }
}

fn spelling(node: &Json) -> Option<String> {
    let Json::String(text) = node else { return None };
    let quoted = node.to_string();
    let spelling = &quoted[1..quoted.len() - 1];
    (spelling != text).then(|| spelling.to_owned())
}

/// `at` counts every value of the event in its order.
fn walk<'e>(node: &'e Json, path: &[String], at: &mut u32, found: &mut Vec<(Places, &'e Json)>) {
    let from = *at;
    *at += 1;
    let own = found.len();
    if path.is_empty() {
        found.push((Places { from, to: from }, node));
    }
    match node {
        Json::Object(map) => {
            for (key, child) in map {
                match path.split_first() {
                    Some((step, rest)) if step == key => walk(child, rest, at, found),
                    _ => *at += size(child),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| walk(item, path, at, found)),
        _ => {}
    }
    if path.is_empty() {
        found[own].0.to = *at;
    }
}

fn size(node: &Json) -> u32 {
    1 + match node {
        Json::Object(map) => map.values().map(size).sum::<u32>(),
        Json::Array(items) => items.iter().map(size).sum(),
        _ => 0,
    }
}

fn scalar(json: &Json) -> Option<Value<'_>> {
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::String(s) => Value::Str(s),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => Value::Int(i),
            (None, Some(u)) => Value::Uint(u),
            (None, None) => Value::Float(n.as_f64().unwrap()),
        },
        Json::Array(_) | Json::Object(_) => return None,
    })
}

fn visit_everything(json: &Json, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool {
    match json {
        Json::Array(items) => items.iter().any(|item| visit_everything(item, visit)),
        Json::Object(map) => map.values().any(|item| visit_everything(item, visit)),
        Json::Null | Json::Bool(_) => false,
        other => scalar(other).is_some_and(&mut *visit),
    }
}

impl EventView for JsonView<'_> {
    fn any(&self, field: FieldId, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool {
        self.found[field.0 as usize].iter().any(|(_, node)| scalar(node).is_some_and(&mut *visit))
    }

    fn any_spelled(&self, field: FieldId, visit: &mut impl FnMut(Spelled<'_>) -> bool) -> bool {
        let spellings = &self.spellings[field.0 as usize];
        self.found[field.0 as usize].iter().zip(spellings).any(|((_, node), spelling)| match spelling {
            Some(spelling) => visit(Spelled::Text(spelling, &|| node.as_str().unwrap())),
            None => scalar(node).is_some_and(|value| visit(Spelled::Plain(value))),
        })
    }

    fn each_placed(&self, field: FieldId, visit: &mut impl FnMut(Places, Content<'_>)) {
        for (places, node) in &self.found[field.0 as usize] {
            let content = match node {
                Json::Array(_) => Content::Array,
                node => scalar(node).map_or(Content::Object, Content::Scalar),
            };
            visit(*places, content);
        }
    }

    fn exists(&self, field: FieldId) -> bool {
        !self.found[field.0 as usize].is_empty()
    }

    fn any_scalar(&self, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool {
        visit_everything(self.event, visit)
    }
}
