//! What of a record its mapping does not read, computed when somebody asks.

use crate::eval::keeps_tree;
use crate::plan::Op;
use crate::sink;
use crate::value::{Get, Value};
use model::{EventView, FieldId, Kind, Node};
use std::collections::HashSet;

/// Where the values of one plan are read from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reads(Vec<Read>);

/// Below every value of a field, along a path of keys in which arrays are transparent.
#[derive(Debug, Clone)]
struct Read {
    field: FieldId,
    below: Vec<Box<str>>,
    /// Objects are read whole.
    tree: bool,
}

impl Reads {
    /// What these steps read, and the values beside them.
    pub(crate) fn of<'v>(ops: &[Op], beside: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut reads = Self::default();
        for value in beside {
            reads.value(value, None);
        }
        // the bodies that are open, with where the member of a for-each stands
        let mut open: Vec<(usize, Option<Read>)> = Vec::new();
        for (at, op) in ops.iter().enumerate() {
            while open.pop_if(|(end, _)| *end <= at).is_some() {}
            let item = open.last().and_then(|(_, item)| item.clone());
            match op {
                Op::Put { value, .. } | Op::Scalars { value, .. } => reads.value(value, item.as_ref()),
                Op::Members { each: Some(get), end, .. } => open.push((*end, place(get, item.as_ref()))),
                Op::Members { each: None, .. } | Op::Object { .. } | Op::Array { .. } => {}
            }
        }
        reads
    }

    fn value(&mut self, value: &Value, item: Option<&Read>) {
        for choice in &value.choices {
            if let Get::Concat(parts) = &choice.get {
                parts.iter().for_each(|part| self.value(part, item));
            }
            let read = place(&choice.get, item);
            self.0.extend(read.map(|read| Read { tree: keeps_tree(choice), ..read }));
        }
    }

    /// Appends, as one JSON object, the members of the record that are not read.
    pub(crate) fn write_rest(&self, view: &EventView<'_>, out: &mut Vec<u8>) {
        let mut read = HashSet::new();
        for Read { field, below, tree } in &self.0 {
            view.all(*field).for_each(|node| mark(node, below, *tree, &mut read));
        }
        if !rest(view.root(), &read, out) {
            out.extend_from_slice(b"{}");
        }
    }
}

/// Where a value is read from; `None` for what is not of the record.
fn place(get: &Get, item: Option<&Read>) -> Option<Read> {
    match get {
        Get::Field(field) => Some(Read { field: *field, below: Vec::new(), tree: false }),
        Get::Below(keys) => {
            let Read { field, below, .. } = item?;
            Some(Read { field: *field, below: below.iter().chain(keys).cloned().collect(), tree: false })
        }
        Get::Find(find) => Some(Read { field: find.array, below: find.below.to_vec(), tree: false }),
        Get::Meta(_) | Get::Const(_) | Get::Concat(_) => None,
    }
}

/// Notes what stands along `below`: scalars, and whole objects and arrays if `tree`.
fn mark(node: Node<'_>, below: &[Box<str>], tree: bool, read: &mut HashSet<u32>) {
    match below.split_first() {
        None => {
            if tree || node.scalar().is_some() {
                read.insert(node.place());
            }
        }
        Some(_) if node.kind() == Kind::Array => {
            node.children().for_each(|member| mark(member, below, tree, read));
        }
        Some((key, below)) => {
            if let Some(child) = node.get(key) {
                mark(child, below, tree, read);
            }
        }
    }
}

/// Appends what is left of `node`; false, and nothing appended, if all is read. Recursion is bounded by the
/// tape's nesting depth.
fn rest(node: Node<'_>, read: &HashSet<u32>, out: &mut Vec<u8>) -> bool {
    if read.contains(&node.place()) {
        return false;
    }
    if node.scalar().is_some() {
        sink::write_tree(out, node);
        return true;
    }
    let is_object = node.kind() == Kind::Object;
    let start = out.len();
    out.push(if is_object { b'{' } else { b'[' });
    let mut first = true;
    for child in node.children() {
        let before = out.len();
        if !first {
            out.push(b',');
        }
        if is_object {
            out.push(b'"');
            sink::escape(out, child.key());
            out.extend_from_slice(b"\":");
        }
        match rest(child, read, out) {
            true => first = false,
            false => out.truncate(before),
        }
    }
    if first {
        out.truncate(start);
        return false;
    }
    out.push(if is_object { b'}' } else { b']' });
    true
}
