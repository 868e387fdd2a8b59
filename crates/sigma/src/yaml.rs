//! YAML 1.2 as a small tree that keeps lines and quoting, under limits.
//!
//! Built on the parser's events instead of serde: a rule needs the line of each key, whether a
//! scalar was quoted (`4624` or `'4624'`), and the documents after a broken one.

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use crate::error::{ErrorCode, Fault};
use crate::limits::{DOCUMENTS_PER_FILE_MAX, FILE_BYTES_MAX, YAML_DEPTH_MAX, YAML_NODES_PER_DOCUMENT_MAX};
use crate::value::Number;

/// A YAML node and the line it starts at.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) kind: NodeKind,
}

#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map, in source order.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: u32,
    pub(crate) value: Node,
}

/// A scalar by the YAML 1.2 core schema; a number keeps its source text.
#[derive(Clone, Debug)]
pub enum Scalar {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A plain number and the text it was written as.
    Number(Number, String),
    /// Anything else, and everything quoted.
    Text(String),
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Scalar::Null, Scalar::Null) => true,
            (Scalar::Bool(a), Scalar::Bool(b)) => a == b,
            (Scalar::Number(_, a), Scalar::Number(_, b)) | (Scalar::Text(a), Scalar::Text(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Scalar {}

impl Node {
    pub(crate) fn shape(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar(Scalar::Null) => "null",
            NodeKind::Scalar(Scalar::Bool(_)) => "a boolean",
            NodeKind::Scalar(Scalar::Number(..)) => "a number",
            NodeKind::Scalar(Scalar::Text(_)) => "a string",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a map",
        }
    }

    pub(crate) fn as_map(&self) -> Option<&[Entry]> {
        if let NodeKind::Map(entries) = &self.kind { Some(entries) } else { None }
    }

    /// Recursion is bounded: the tree is never deeper than [`YAML_DEPTH_MAX`].
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            NodeKind::Scalar(Scalar::Null) => serde_json::Value::Null,
            NodeKind::Scalar(Scalar::Bool(b)) => (*b).into(),
            NodeKind::Scalar(Scalar::Text(s)) => s.as_str().into(),
            NodeKind::Scalar(Scalar::Number(number, _)) => match *number {
                Number::Int(i) => i.into(),
                Number::Uint(u) => u.into(),
                Number::Float(f) => f.into(),
            },
            NodeKind::List(items) => items.iter().map(Node::to_json).collect(),
            NodeKind::Map(entries) => serde_json::Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
            ),
        }
    }
}

/// Reads every document of a file; a broken one is a fault at its line and does not hide the
/// ones after it. Empty documents are left out.
pub(crate) fn read_documents(text: &str) -> Vec<Result<Node, Fault>> {
    if text.len() > FILE_BYTES_MAX {
        let reason = format!("the file has {} bytes, more than {FILE_BYTES_MAX}; split it", text.len());
        return vec![Err(Fault::new(1, ErrorCode::LimitExceeded, reason))];
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: YAML_DEPTH_MAX,
        block_nesting_limit: YAML_DEPTH_MAX,
    };
    let mut reader = Reader::new(Parser::new_from_str_with_options(text, options));
    let mut documents = Vec::new();
    loop {
        match reader.next_document() {
            Ok(None) => return documents,
            Ok(Some(node)) => {
                if !matches!(node.kind, NodeKind::Scalar(Scalar::Null)) {
                    documents.push(Ok(node));
                }
            }
            Err(fault) => {
                documents.push(Err(fault));
                if !matches!(reader.parser.proceed_next_document(), Ok(true)) {
                    return documents;
                }
            }
        }
        if documents.len() > DOCUMENTS_PER_FILE_MAX {
            let line = documents.last().map_or(1, |last| last.as_ref().map_or_else(|f| f.line, |n| n.line));
            let reason =
                format!("more than {DOCUMENTS_PER_FILE_MAX} documents; the rest is not read, split it");
            documents.truncate(DOCUMENTS_PER_FILE_MAX);
            documents.push(Err(Fault::new(line, ErrorCode::LimitExceeded, reason)));
            return documents;
        }
    }
}

/// A collection being read.
enum Open {
    List { line: u32, items: Vec<Node> },
    Map { line: u32, entries: Vec<Entry>, key: Option<(String, u32)>, merges: Vec<Node> },
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    open: Vec<(Open, usize)>,
    /// Finished anchored nodes with their sizes.
    anchors: Vec<(usize, Node, usize)>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn new(parser: Parser<'a, StrInput<'a>>) -> Self {
        Reader { parser, open: Vec::new(), anchors: Vec::new(), nodes: 0 }
    }

    fn next_document(&mut self) -> Result<Option<Node>, Fault> {
        self.open.clear();
        self.anchors.clear();
        self.nodes = 0;
        let mut root = None;
        loop {
            let (event, span) = match self.parser.next() {
                None => return Ok(root),
                Some(Ok(next)) => next,
                Some(Err(error)) => {
                    let line = line_number(error.marker().line());
                    return Err(Fault::new(line, ErrorCode::BadYaml, error.info()));
                }
            };
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentEnd => {
                    return Ok(Some(
                        root.unwrap_or(Node { line: line_of(&span), kind: NodeKind::Scalar(Scalar::Null) }),
                    ));
                }
                event => {
                    if let Some(node) = self.step(event, &span)? {
                        root = Some(node);
                    }
                }
            }
        }
    }

    /// Takes one event; answers the root when it is complete.
    fn step(&mut self, event: Event<'a>, span: &Span) -> Result<Option<Node>, Fault> {
        let line = line_of(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != ScalarStyle::Plain
                    || tag.as_deref().is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let scalar = if is_text { Scalar::Text(text.into_owned()) } else { resolve_plain(text) };
                self.count(1, line)?;
                self.close(Node { line, kind: NodeKind::Scalar(scalar) }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.push(Open::List { line, items: Vec::new() }, anchor),
            Event::MappingStart(_, anchor, _) => {
                self.push(Open::Map { line, entries: Vec::new(), key: None, merges: Vec::new() }, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((Open::List { line, items }, anchor)) => {
                    self.close(Node { line, kind: NodeKind::List(items) }, anchor)
                }
                Some((Open::Map { line, entries, merges, .. }, anchor)) => {
                    let entries = merge(entries, merges)?;
                    self.close(Node { line, kind: NodeKind::Map(entries) }, anchor)
                }
                None => Ok(None),
            },
            Event::Alias(id) => {
                let Some((_, node, size)) = self.anchors.iter().rev().find(|(anchor, _, _)| *anchor == id)
                else {
                    return Err(Fault::new(line, ErrorCode::BadYaml, "an alias to a node around itself"));
                };
                if depth_of(node) + self.open.len() > YAML_DEPTH_MAX {
                    let reason = format!("aliases nest more than {YAML_DEPTH_MAX} collections");
                    return Err(Fault::new(line, ErrorCode::LimitExceeded, reason));
                }
                let (node, size) = (node.clone(), *size);
                self.count(size, line)?;
                self.close(node, 0)
            }
            _ => Ok(None),
        }
    }

    fn count(&mut self, nodes: usize, line: u32) -> Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes > YAML_NODES_PER_DOCUMENT_MAX {
            let reason = format!("the document has more than {YAML_NODES_PER_DOCUMENT_MAX} nodes");
            return Err(Fault::new(line, ErrorCode::LimitExceeded, reason));
        }
        Ok(())
    }

    fn push(&mut self, open: Open, anchor: usize) -> Result<Option<Node>, Fault> {
        let line = match &open {
            Open::List { line, .. } | Open::Map { line, .. } => *line,
        };
        self.count(1, line)?;
        if self.open.len() >= YAML_DEPTH_MAX {
            let reason = format!("more than {YAML_DEPTH_MAX} collections inside one another");
            return Err(Fault::new(line, ErrorCode::LimitExceeded, reason));
        }
        self.open.push((open, anchor));
        Ok(None)
    }

    fn close(&mut self, node: Node, anchor: usize) -> Result<Option<Node>, Fault> {
        if anchor != 0 {
            let size = size_of(&node);
            self.count(size, node.line)?;
            self.anchors.push((anchor, node.clone(), size));
        }
        match self.open.last_mut() {
            None => return Ok(Some(node)),
            Some((Open::List { items, .. }, _)) => items.push(node),
            Some((Open::Map { entries, key, merges, .. }, _)) => match key.take() {
                None => *key = Some(key_text(node)?),
                Some((name, _)) if name == "<<" => merges.push(node),
                Some((name, line)) => entries.push(Entry { key: name, line, value: node }),
            },
        }
        Ok(None)
    }
}

/// Applies `<<` merges and refuses duplicate keys: which of two was meant nobody can know.
fn merge(mut entries: Vec<Entry>, merges: Vec<Node>) -> Result<Vec<Entry>, Fault> {
    let mut seen = std::collections::HashSet::with_capacity(entries.len());
    for entry in &entries {
        if !seen.insert(entry.key.clone()) {
            let reason = format!("the key `{}` stands twice in one map", entry.key);
            return Err(Fault::new(entry.line, ErrorCode::BadYaml, reason));
        }
    }
    for node in merges {
        let (line, sources) = match node.kind {
            NodeKind::List(items) => (node.line, items),
            kind => (node.line, vec![Node { line: node.line, kind }]),
        };
        for source in sources {
            let NodeKind::Map(more) = source.kind else {
                return Err(Fault::new(line, ErrorCode::BadYaml, "`<<` takes a map or a list of maps"));
            };
            for entry in more {
                if seen.insert(entry.key.clone()) {
                    entries.push(entry);
                }
            }
        }
    }
    Ok(entries)
}

fn key_text(node: Node) -> Result<(String, u32), Fault> {
    let line = node.line;
    match node.kind {
        NodeKind::Scalar(Scalar::Text(text) | Scalar::Number(_, text)) => Ok((text, line)),
        NodeKind::Scalar(Scalar::Bool(b)) => Ok((b.to_string(), line)),
        NodeKind::Scalar(Scalar::Null) => Ok((String::new(), line)),
        NodeKind::List(_) | NodeKind::Map(_) => {
            Err(Fault::new(line, ErrorCode::BadYaml, "a key must be a plain text, not a list or a map"))
        }
    }
}

fn size_of(node: &Node) -> usize {
    match &node.kind {
        NodeKind::Scalar(_) => 1,
        NodeKind::List(items) => 1 + items.iter().map(size_of).sum::<usize>(),
        NodeKind::Map(entries) => 1 + entries.iter().map(|e| size_of(&e.value)).sum::<usize>(),
    }
}

fn depth_of(node: &Node) -> usize {
    match &node.kind {
        NodeKind::Scalar(_) => 0,
        NodeKind::List(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        NodeKind::Map(entries) => 1 + entries.iter().map(|e| depth_of(&e.value)).max().unwrap_or(0),
    }
}

fn line_of(span: &Span) -> u32 {
    line_number(span.start.line())
}

fn line_number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX).max(1)
}

/// Resolves a plain scalar by the core schema (YAML 1.2.2, 10.3.2). `yes`, `on` and their kin are
/// text: they were booleans only in YAML 1.1.
fn resolve_plain(text: Cow<'_, str>) -> Scalar {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    match resolve_number(&text) {
        Some(number) => Scalar::Number(number, text.into_owned()),
        None => Scalar::Text(text.into_owned()),
    }
}

fn resolve_number(text: &str) -> Option<Number> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            if digits.starts_with(['+', '-']) {
                return None;
            }
            let value = u64::from_str_radix(digits, radix).ok()?;
            return Some(i64::try_from(value).map_or(Number::Uint(value), Number::Int));
        }
    }
    Number::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> serde_json::Value {
        let documents = read_documents(text);
        assert_eq!(documents.len(), 1, "{documents:?}");
        documents[0].as_ref().unwrap().to_json()
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let value = json(
            "a: 4624\nb: '4624'\nc: 0x10\nd: 1.5\ne: yes\nf: ~\ng: TRUE\nh: 2024-01-02\ni: !!str 5\nj: ''\nk:\n",
        );
        assert_eq!(
            value,
            serde_json::json!({"a": 4624, "b": "4624", "c": 16, "d": 1.5, "e": "yes", "f": null,
                "g": true, "h": "2024-01-02", "i": "5", "j": "", "k": null})
        );
    }

    #[test]
    fn a_broken_document_does_not_hide_the_next() {
        let documents = read_documents("a: 1\n---\nb: [1, 2\n---\nc: 3\n");
        assert_eq!(documents.len(), 3);
        assert!(documents[0].is_ok());
        let fault = documents[1].as_ref().unwrap_err();
        assert_eq!(fault.code, ErrorCode::BadYaml);
        assert!((3..=4).contains(&fault.line), "{fault:?}");
        assert_eq!(documents[2].as_ref().unwrap().to_json(), serde_json::json!({"c": 3}));
    }

    #[test]
    fn anchors_and_merges_resolve() {
        assert_eq!(
            json("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nagain: *b\n"),
            serde_json::json!({"base": {"x": 1, "y": 2}, "use": {"y": 3, "x": 1}, "again": {"x": 1, "y": 2}})
        );
    }

    #[test]
    fn hostile_documents_are_refused() {
        let laughs = {
            let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
            for i in 1..20 {
                let refs = vec![format!("*a{}", i - 1); 9].join(",");
                text.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
            }
            text
        };
        let deep = "[".repeat(100_000);
        let block_deep: String = (0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
        let wide = "[x]\n---\n".repeat(DOCUMENTS_PER_FILE_MAX + 5);
        for (name, text) in [
            ("duplicate key", "a: 1\na: 2\n".to_owned()),
            ("unknown anchor", "a: *nope\n".to_owned()),
            ("alias to itself", "a: &a [*a]\n".to_owned()),
            ("billion laughs", laughs),
            ("deep flow", deep),
            ("deep block", block_deep),
            ("too many documents", wide),
            ("too large", " ".repeat(FILE_BYTES_MAX + 1)),
            ("tab indentation", "a:\n\t- b\n".to_owned()),
        ] {
            let documents = read_documents(&text);
            assert!(documents.iter().any(Result::is_err), "{name} was accepted");
        }
    }
}
