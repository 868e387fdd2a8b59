//! Field names, interned once when mappings and rules are loaded.

use foldhash::HashMap;

/// The number of an interned field path; dense from zero within one [`FieldTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u32);

/// Index of the trie's root and the mark for "no path below here is of interest".
pub(crate) const ROOT: u32 = 0;
pub(crate) const NOWHERE: u32 = u32::MAX;

#[derive(Debug, Clone, Default)]
struct TrieNode {
    field: Option<FieldId>,
    children: HashMap<Box<str>, u32>,
}

/// All field paths that anything loaded wants to read, as a trie over path segments.
///
/// Ids are only ever added, so an id stays good when the table grows. Paths are dotted
/// (`userIdentity.arn`); arrays are transparent (`resources.ARN` reads every member), and a trailing
/// `{}` on a segment, as some rules write it for arrays, means the same as none.
#[derive(Debug, Clone)]
pub struct FieldTable {
    nodes: Vec<TrieNode>,
    names: Vec<Box<str>>,
}

impl Default for FieldTable {
    fn default() -> Self {
        Self { nodes: vec![TrieNode::default()], names: Vec::new() }
    }
}

impl FieldTable {
    /// The id of `path`, added if it is new.
    pub fn intern(&mut self, path: &str) -> FieldId {
        let mut at = ROOT;
        for segment in path.split('.') {
            let segment = segment.strip_suffix("{}").unwrap_or(segment);
            at = self.child_or_new(at, segment);
        }
        let fresh = FieldId(self.names.len() as u32);
        let node = &mut self.nodes[at as usize];
        *node.field.get_or_insert_with(|| {
            self.names.push(path.into());
            fresh
        })
    }

    /// The id of `path`, if it was interned.
    pub fn get(&self, path: &str) -> Option<FieldId> {
        let mut at = ROOT;
        for segment in path.split('.') {
            let segment = segment.strip_suffix("{}").unwrap_or(segment);
            at = *self.nodes.get(at as usize)?.children.get(segment)?;
        }
        self.field_at(at)
    }

    fn child_or_new(&mut self, at: u32, segment: &str) -> u32 {
        if let Some(&next) = self.nodes[at as usize].children.get(segment) {
            return next;
        }
        let next = self.nodes.len() as u32;
        self.nodes.push(TrieNode::default());
        self.nodes[at as usize].children.insert(segment.into(), next);
        next
    }

    /// The path that `id` was first interned under.
    pub fn name(&self, id: FieldId) -> &str {
        self.names.get(id.0 as usize).map_or("", |name| name)
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing was interned yet.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// One step down the trie by an object's key. A key that itself holds dots (flattened records)
    /// takes several steps. [`NOWHERE`] when nothing below is wanted.
    pub(crate) fn step(&self, at: u32, key: &str) -> u32 {
        if at == NOWHERE {
            return NOWHERE;
        }
        if let Some(&next) = self.nodes[at as usize].children.get(key) {
            return next;
        }
        if !key.contains('.') {
            return NOWHERE;
        }
        let mut at = at;
        for segment in key.split('.') {
            match self.nodes[at as usize].children.get(segment) {
                Some(&next) => at = next,
                None => return NOWHERE,
            }
        }
        at
    }

    pub(crate) fn field_at(&self, node: u32) -> Option<FieldId> {
        self.nodes.get(node as usize)?.field
    }
}
