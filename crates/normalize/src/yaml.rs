//! YAML as a small tree that keeps lines, so that a fault in a mapping names its place.

use granit_parser::{Event, Parser, ScalarStyle};

/// Deepest nesting of a mapping file.
const DEPTH_MAX: usize = 32;

/// A node and the line, from 1, where it starts.
#[derive(Debug, Clone)]
pub(crate) struct Yaml {
    pub(crate) line: u32,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

/// A fault at a line.
pub(crate) type Fault = (u32, String);

enum Open {
    List(u32, Vec<Yaml>),
    Map(u32, Vec<(String, Yaml)>, Option<String>),
}

/// Most nodes of a file once its aliases are written out.
const NODES_MAX: usize = 100_000;

/// Reads the one document of a file. An alias (`*name`) stands for a copy of its anchor (`&name`).
pub(crate) fn read(text: &str) -> Result<Yaml, Fault> {
    let mut open: Vec<(Open, usize)> = Vec::new();
    let mut anchors: Vec<(usize, Yaml)> = Vec::new();
    let mut nodes = 0;
    let mut root = None;
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|e| (e.marker().line() as u32, e.info().to_owned()))?;
        let line = span.start.line() as u32;
        let done = match event {
            Event::Scalar(text, style, anchor, _) => {
                let kind = if style == ScalarStyle::Plain { plain(&text) } else { Kind::Text(text.into()) };
                Some((Yaml { line, kind }, anchor))
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() >= DEPTH_MAX => {
                return Err((line, format!("nested deeper than {DEPTH_MAX} levels")));
            }
            Event::SequenceStart(_, anchor, _) => {
                open.push((Open::List(line, Vec::new()), anchor));
                None
            }
            Event::MappingStart(_, anchor, _) => {
                open.push((Open::Map(line, Vec::new(), None), anchor));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|(closed, anchor)| match closed {
                Open::List(line, items) => (Yaml { line, kind: Kind::List(items) }, anchor),
                Open::Map(line, entries, _) => (Yaml { line, kind: Kind::Map(entries) }, anchor),
            }),
            Event::Alias(id) => {
                let anchored = anchors.iter().find(|(anchor, _)| *anchor == id);
                let (_, node) = anchored.ok_or((line, "an alias without an anchor before it".to_owned()))?;
                Some((node.clone(), 0))
            }
            _ => None,
        };
        if let Some((node, anchor)) = done {
            nodes += node.size();
            if nodes > NODES_MAX {
                return Err((line, format!("more than {NODES_MAX} values")));
            }
            if anchor != 0 {
                anchors.push((anchor, node.clone()));
            }
            place(node, &mut open, &mut root)?;
        }
    }
    root.ok_or((1, "the file is empty".into()))
}

fn place(node: Yaml, open: &mut [(Open, usize)], root: &mut Option<Yaml>) -> Result<(), Fault> {
    match open.last_mut() {
        None if root.is_some() => return Err((node.line, "a mapping file has one document".into())),
        None => *root = Some(node),
        Some((Open::List(_, items), _)) => items.push(node),
        Some((Open::Map(_, entries, key), _)) => match key.take() {
            Some(name) => entries.push((name, node)),
            None => {
                let name = node.scalar_text().ok_or((node.line, "a key must be plain text".to_owned()))?;
                if entries.iter().any(|(other, _)| *other == name) {
                    return Err((node.line, format!("the key `{name}` stands twice in one map")));
                }
                *key = Some(name);
            }
        },
    }
    Ok(())
}

fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" => Kind::Null,
        "true" => Kind::Bool(true),
        "false" => Kind::Bool(false),
        _ => text.parse().map_or_else(|_| Kind::Text(text.into()), Kind::Int),
    }
}

impl Yaml {
    /// Counts a collection's children again at each level: an upper bound, so that a chain of aliases
    /// runs into the limit early.
    fn size(&self) -> usize {
        match &self.kind {
            Kind::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Kind::Map(entries) => 1 + entries.iter().map(|(_, node)| node.size()).sum::<usize>(),
            _ => 1,
        }
    }

    /// A scalar as text; `None` for null, a list or a map.
    pub(crate) fn scalar_text(&self) -> Option<String> {
        match &self.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Int(n) => Some(n.to_string()),
            Kind::Bool(b) => Some(b.to_string()),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Result<&str, Fault> {
        match &self.kind {
            Kind::Text(text) => Ok(text),
            _ => Err((self.line, "expected a text".into())),
        }
    }

    pub(crate) fn map(&self) -> Result<&[(String, Yaml)], Fault> {
        match &self.kind {
            Kind::Map(entries) => Ok(entries),
            _ => Err((self.line, "expected a map".into())),
        }
    }

    pub(crate) fn list(&self) -> Result<&[Yaml], Fault> {
        match &self.kind {
            Kind::List(items) => Ok(items),
            _ => Err((self.line, "expected a list".into())),
        }
    }

    /// A list's items, or the node alone.
    pub(crate) fn one_or_more(&self) -> &[Yaml] {
        match &self.kind {
            Kind::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Yaml> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }
}
