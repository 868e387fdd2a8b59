//! The tree of one event's output, from paths to steps.

use super::{Compiler, derive, shape_of};
use crate::eval::Want;
use crate::language;
use crate::plan::{BIT_OTHER, Frame, Op};
use crate::schema::{Attribute, Class, Shape, Type};
use crate::sink::Slot;
use crate::value::{By, Condition, Const, Get, Table, Unlisted, Value};
use crate::yaml::{Fault, Yaml};
use std::collections::{BTreeMap, BTreeSet};

/// Members by name.
pub(crate) type Tree = BTreeMap<String, Draft>;

/// What stands at an output path, with the line that set it.
#[derive(Debug, Clone)]
pub(crate) enum Draft {
    Leaf(Value, u32),
    Object(Tree),
    Array(Vec<Element>, u32),
}

#[derive(Debug, Clone)]
pub(crate) struct Element {
    when: Vec<Condition>,
    each: Option<Get>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Object(Tree),
    Scalar(Value),
}

/// Sets a path of a tree; objects on the way are made.
pub(crate) fn set(tree: &mut Tree, path: &str, draft: Draft) {
    match path.split_once('.') {
        None => {
            tree.insert(path.into(), draft);
        }
        Some((head, rest)) => {
            if let Draft::Object(below) =
                tree.entry(head.into()).or_insert_with(|| Draft::Object(Tree::new()))
            {
                set(below, rest, draft);
            }
        }
    }
}

/// A value whose constants are among an attribute's defined values; a plain copy is bounded to them.
pub(crate) fn checked(mut value: Value, attribute: &Attribute, line: u32) -> Result<Value, Fault> {
    let Some(values) = &attribute.values else { return Ok(value) };
    let is_int = matches!(attribute.of, Type::Integer | Type::Port);
    let good = |c: &Const| values.contains_key(&*c.text) && (c.int.is_some() || !is_int);
    let refuse = |c: &Const| {
        let known = values.iter().map(|(id, caption)| format!("{id} {caption}")).collect::<Vec<_>>();
        Err((line, format!("{} is not a defined value; there are {}", c.text, known.join(", "))))
    };
    for choice in &mut value.choices {
        if let Some(table) = &choice.table {
            if let Some((_, c)) = table.entries.iter().find(|(_, c)| !good(c)) {
                return refuse(c);
            }
            match &table.default {
                Unlisted::Const(c) if !good(c) => return refuse(c),
                Unlisted::Word => return Err((line, "the default must be a defined value".into())),
                Unlisted::Const(_) | Unlisted::Nothing => {}
            }
        } else if let Get::Const(c) = &choice.get {
            if !good(c) {
                return refuse(c);
            }
        } else {
            let constant =
                |id: &str| if is_int { Const::int(id.parse().unwrap_or(0)) } else { Const::text(id) };
            let entries = values.keys().map(|id| (Box::from(id.as_str()), constant(id))).collect();
            choice.table = Some(Table::new(By::Exact, entries, Unlisted::Nothing));
        }
    }
    Ok(value)
}

fn want(of: &Type) -> Option<Want> {
    Some(match of {
        Type::Text(format) => Want::Text(*format),
        Type::Integer => Want::Integer,
        Type::Port => Want::Port,
        Type::Timestamp => Want::Timestamp,
        Type::Float => Want::Float,
        Type::Boolean => Want::Boolean,
        Type::Json => Want::Json,
        Type::Object(_) => return None,
    })
}

/// Puts the choices of `more` before those that are there: what is set later wins where it gives a value.
fn before(more: Value, there: &mut Value) {
    let old = std::mem::take(&mut there.choices);
    there.choices = more.choices;
    there.choices.extend(old);
}

impl Compiler<'_> {
    pub(crate) fn insert(
        &mut self,
        tree: &mut Tree,
        shape: &Shape,
        path: &str,
        node: &Yaml,
        guards: &[Condition],
    ) -> Result<(), Fault> {
        let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
        let unknown = || (node.line, format!("the schema has no `{head}` here (in `{path}`)"));
        let attribute = shape.attributes.get(head).ok_or_else(unknown)?;
        let schema = self.schema;
        let below = shape_of(schema, &attribute.of);
        match (rest, below) {
            (Some(rest), Some(below)) if !attribute.is_array => {
                let object = tree.entry(head.into()).or_insert_with(|| Draft::Object(Tree::new()));
                match object {
                    Draft::Object(object) => self.insert(object, below, rest, node, guards),
                    _ => Err((node.line, format!("`{head}` is set as a whole already"))),
                }
            }
            (Some(_), _) => Err((node.line, format!("`{head}` is no single object; write it as one value"))),
            (None, below) if attribute.is_array => {
                let elements =
                    node.one_or_more().iter().map(|item| self.element(item, attribute, below, guards));
                let elements = elements.collect::<Result<_, _>>()?;
                tree.insert(head.into(), Draft::Array(elements, node.line));
                Ok(())
            }
            (None, Some(below)) => {
                let object = tree.entry(head.into()).or_insert_with(|| Draft::Object(Tree::new()));
                let Draft::Object(object) = object else {
                    return Err((node.line, format!("`{head}` is set as a value already")));
                };
                self.object(object, below, node, guards)
            }
            (None, None) => {
                let mut value = checked(language::value(node, self.fields)?, attribute, node.line)?;
                for choice in &mut value.choices {
                    choice.tree |= attribute.of == Type::Json;
                    choice.when.splice(0..0, guards.iter().cloned());
                }
                match tree.get_mut(head) {
                    Some(Draft::Leaf(there, _)) => before(value, there),
                    _ => {
                        tree.insert(head.into(), Draft::Leaf(value, node.line));
                    }
                }
                Ok(())
            }
        }
    }

    /// An object written whole: `{when, set}`, or a list of which each member goes to the first that gives it.
    fn object(
        &mut self,
        tree: &mut Tree,
        shape: &Shape,
        node: &Yaml,
        guards: &[Condition],
    ) -> Result<(), Fault> {
        for item in node.one_or_more().iter().rev() {
            let settings = item.get("set").ok_or((item.line, "an object needs `set`".to_owned()))?;
            let mut guards = guards.to_vec();
            if let Some(when) = item.get("when") {
                guards.extend(language::conditions(when, self.fields)?);
            }
            for (path, node) in settings.map()? {
                self.insert(tree, shape, path, node, &guards)?;
            }
        }
        Ok(())
    }

    fn element(
        &mut self,
        node: &Yaml,
        attribute: &Attribute,
        below: Option<&Shape>,
        guards: &[Condition],
    ) -> Result<Element, Fault> {
        let mut when = guards.to_vec();
        let Some(below) = below else {
            let value = checked(language::value(node, self.fields)?, attribute, node.line)?;
            return Ok(Element { when, each: None, body: Body::Scalar(value) });
        };
        let known = ["when", "each", "set"];
        if let Some((key, node)) = node.map()?.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            return Err((node.line, format!("`{key}` is not known here; there are each, when, set")));
        }
        let settings = node.get("set").ok_or((node.line, "a member of an array needs `set`".to_owned()))?;
        if let Some(condition) = node.get("when") {
            when.extend(language::conditions(condition, self.fields)?);
        }
        let each = node.get("each").map(|each| self.each(each)).transpose()?;
        let mut tree = Tree::new();
        for (path, node) in settings.map()? {
            self.insert(&mut tree, below, path, node, &[])?;
        }
        Ok(Element { when, each, body: Body::Object(tree) })
    }

    /// The steps of a whole event.
    pub(crate) fn event(&mut self, tree: &mut Tree, class: &Class, line: u32) -> (Vec<Op>, Frame, u8) {
        let mut writer =
            Writer { compiler: self, profiles: BTreeSet::new(), ops: Vec::new(), path: Vec::new(), line };
        writer.siblings(tree, &class.shape);
        writer.collect_profiles(tree, &class.shape);
        let profiles = std::mem::take(&mut writer.profiles);
        if let Some(profile) = profiles.iter().find(|profile| !class.profiles.contains(profile)) {
            writer.fault(format!("the class has no profile {profile}"));
        }
        if !profiles.is_empty() {
            let element = |name: &String| Element {
                when: Vec::new(),
                each: None,
                body: Body::Scalar(derive::word(name)),
            };
            set(tree, "metadata.profiles", Draft::Array(profiles.iter().map(element).collect(), line));
        }
        writer.profiles = profiles;
        let bits = writer.bits(tree, &class.shape, &["actor"], "the event");
        writer.tree(tree, &class.shape, &bits);
        let ops = std::mem::take(&mut writer.ops);
        let actor_bit = bits.of.get("actor").copied().unwrap_or(BIT_OTHER);
        (ops, bits.frame, actor_bit)
    }
}

struct Bits {
    of: BTreeMap<String, u8>,
    frame: Frame,
}

impl Bits {
    fn get(&self, name: &str) -> u8 {
        self.of.get(name).copied().unwrap_or(BIT_OTHER)
    }
}

struct Writer<'w, 'c> {
    compiler: &'w mut Compiler<'c>,
    profiles: BTreeSet<String>,
    ops: Vec<Op>,
    /// Names from the event down to where steps are written; arrays are transparent.
    path: Vec<String>,
    line: u32,
}

impl Writer<'_, '_> {
    fn fault(&mut self, reason: String) {
        self.compiler.report((self.line, reason));
    }

    /// Adds the captions of ids.
    fn siblings(&mut self, tree: &mut Tree, shape: &Shape) {
        let mut more = Vec::new();
        for (name, draft) in tree.iter_mut() {
            let Some(attribute) = shape.attributes.get(name) else { continue };
            let below = shape_of(self.compiler.schema, &attribute.of);
            match (draft, below) {
                (Draft::Object(tree), Some(below)) => self.siblings(tree, below),
                (Draft::Array(elements, _), Some(below)) => {
                    for element in elements {
                        if let Body::Object(tree) = &mut element.body {
                            self.siblings(tree, below);
                        }
                    }
                }
                (Draft::Leaf(value, line), None) => {
                    if let (Some(sibling), Some(_)) = (&attribute.sibling, &attribute.values) {
                        more.push((sibling.clone(), derive::sibling(value, attribute), *line, name.clone()));
                    }
                }
                _ => {}
            }
        }
        for (sibling, value, line, name) in more {
            match value {
                Some(value) if shape.attributes.contains_key(&sibling) => {
                    tree.entry(sibling).or_insert(Draft::Leaf(value, line));
                }
                None if !tree.contains_key(&sibling) => {
                    let reason = format!("`{name}` can be 99: set `{sibling}` to the source's word too");
                    self.compiler.report((line, reason));
                }
                _ => {}
            }
        }
    }

    fn collect_profiles(&mut self, tree: &Tree, shape: &Shape) {
        for (name, draft) in tree {
            let Some(attribute) = shape.attributes.get(name) else { continue };
            self.profiles.extend(attribute.profile.clone());
            let Some(below) = shape_of(self.compiler.schema, &attribute.of) else { continue };
            match draft {
                Draft::Object(tree) => self.collect_profiles(tree, below),
                Draft::Array(elements, _) => {
                    for element in elements {
                        if let Body::Object(tree) = &element.body {
                            self.collect_profiles(tree, below);
                        }
                    }
                }
                Draft::Leaf(..) => {}
            }
        }
    }

    /// What the object must have, as bits; a member that is needed and never set is a fault.
    fn bits(&mut self, tree: &Tree, shape: &Shape, also: &[&str], place: &str) -> Bits {
        let mut bits = Bits { of: BTreeMap::new(), frame: Frame::default() };
        let declared = |a: &Attribute| a.profile.as_ref().is_none_or(|p| self.profiles.contains(p));
        let required = shape.attributes.iter().filter(|(_, a)| a.is_required && declared(a));
        let required: Vec<_> = required.map(|(name, _)| name.clone()).collect();
        let constrained = shape.at_least_one.iter().chain(&shape.just_one);
        for name in required.iter().chain(constrained).map(String::as_str).chain(also.iter().copied()) {
            if tree.contains_key(name) && bits.of.len() < usize::from(BIT_OTHER) {
                let next = bits.of.len() as u8;
                bits.of.entry(name.into()).or_insert(next);
            }
        }
        for name in &required {
            match bits.of.get(name) {
                Some(bit) => bits.frame.required |= 1 << bit,
                None => self.fault(format!("{place} needs `{name}`, which is never set")),
            }
        }
        let mask =
            |names: &[String]| names.iter().filter_map(|n| bits.of.get(n)).fold(0, |m, bit| m | 1 << bit);
        let (at_least_one, just_one) = (mask(&shape.at_least_one), mask(&shape.just_one));
        if !shape.at_least_one.is_empty() && at_least_one == 0 {
            self.fault(format!("{place} needs one of {}", shape.at_least_one.join(", ")));
        }
        if !shape.just_one.is_empty() && just_one == 0 {
            self.fault(format!("{place} needs one of {}", shape.just_one.join(", ")));
        }
        bits.frame.at_least_one = at_least_one;
        bits.frame.just_one = just_one;
        bits
    }

    /// The place called `name` here; a member of an array has no name of its own.
    fn slot(&self, name: &str) -> Slot {
        let key = if name.is_empty() { Box::default() } else { format!("\"{name}\":").into() };
        Slot { key, column: model::column_of(&self.path.join(".")) }
    }

    fn tree(&mut self, tree: &Tree, shape: &Shape, bits: &Bits) {
        for (name, draft) in tree {
            let Some(attribute) = shape.attributes.get(name) else { continue };
            self.path.push(name.clone());
            let (slot, bit) = (self.slot(name), bits.get(name));
            let below = shape_of(self.compiler.schema, &attribute.of);
            match (draft, below, want(&attribute.of)) {
                (Draft::Leaf(value, _), _, Some(want)) => {
                    self.ops.push(Op::Put { slot, bit, value: value.clone(), want });
                }
                (Draft::Object(tree), Some(below), _) => {
                    let bits = self.bits(tree, below, &[], name);
                    let at = self.ops.len();
                    self.ops.push(Op::Object { slot, bit, frame: bits.frame, end: 0 });
                    self.tree(tree, below, &bits);
                    self.close(at);
                }
                (Draft::Array(elements, line), below, want) => {
                    self.line = *line;
                    let at = self.ops.len();
                    self.ops.push(Op::Array { slot, bit, end: 0 });
                    for element in elements {
                        self.element(element, below, want, name);
                    }
                    self.close(at);
                }
                _ => self.fault(format!("`{name}` has no value that fits its type")),
            }
            self.path.pop();
        }
    }

    fn element(&mut self, element: &Element, below: Option<&Shape>, want: Option<Want>, name: &str) {
        let (slot, when) = (self.slot(""), element.when.clone());
        match (&element.body, below, want) {
            (Body::Object(tree), Some(below), _) => {
                let bits = self.bits(tree, below, &[], name);
                let at = self.ops.len();
                let each = element.each.clone();
                self.ops.push(Op::Members { slot, when, each, frame: bits.frame, end: 0 });
                self.tree(tree, below, &bits);
                self.close(at);
            }
            (Body::Scalar(value), _, Some(want)) => {
                self.ops.push(Op::Scalars { slot, when, value: value.clone(), want });
            }
            _ => self.fault(format!("`{name}` has no value that fits its type")),
        }
    }

    fn close(&mut self, at: usize) {
        let after = self.ops.len();
        if let Op::Object { end, .. } | Op::Array { end, .. } | Op::Members { end, .. } = &mut self.ops[at] {
            *end = after;
        }
    }
}
