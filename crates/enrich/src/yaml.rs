//! YAML documents as small trees that keep lines, so that every fault names its place.

use crate::error::FaultCode;
use crate::limits::{YAML_COPIED_VALUES_MAX, YAML_DEPTH_MAX, YAML_MAP_ENTRIES_MAX, YAML_VALUES_MAX};
use foldhash::HashMap;
use granit_parser::{Event, Parser, ScalarStyle};

/// A node and the line, from 1, where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Yaml {
    pub(crate) line: u32,
    pub(crate) kind: Kind,
}

/// Scalars stay the text they are: an account number keeps its zeros.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: u32,
    pub(crate) value: Yaml,
}

/// What is wrong, and where.
pub(crate) type Trouble = (u32, FaultCode, String);

enum Open {
    List(Vec<Yaml>),
    Map(Vec<Entry>, Option<(String, u32)>),
}

#[derive(Default)]
struct Builder {
    open: Vec<(Open, u32, usize)>,
    anchors: HashMap<usize, Yaml>,
    values: usize,
    copied: usize,
    documents: Vec<Yaml>,
}

/// Reads every document of a text; those before a fault are in the answer too. Aliases stand for copies.
pub(crate) fn read(text: &str) -> (Vec<Yaml>, Option<Trouble>) {
    let mut builder = Builder::default();
    for next in Parser::new_from_str(text) {
        let done = match next {
            Ok((event, span)) => builder.event(event, span.start.line() as u32),
            Err(error) => Err((error.marker().line() as u32, FaultCode::BadYaml, error.info().to_owned())),
        };
        if let Err(trouble) = done {
            return (builder.documents, Some(trouble));
        }
    }
    (builder.documents, None)
}

impl Builder {
    fn event(&mut self, event: Event<'_>, line: u32) -> Result<(), Trouble> {
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let empty = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                let kind = if empty { Kind::Null } else { Kind::Text(text.into()) };
                (Yaml { line, kind }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => return self.open(Open::List(Vec::new()), line, anchor),
            Event::MappingStart(_, anchor, _) => return self.open(Open::Map(Vec::new(), None), line, anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((Open::List(items), line, anchor)) => (Yaml { line, kind: Kind::List(items) }, anchor),
                Some((Open::Map(entries, _), line, anchor)) => {
                    (Yaml { line, kind: Kind::Map(entries) }, anchor)
                }
                None => return Ok(()),
            },
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(node) => {
                    let size = node.size();
                    let copy = node.clone();
                    self.copied(size, line)?;
                    (copy, 0)
                }
                None => {
                    let reason = "an alias without an anchor before it".to_owned();
                    return Err((line, FaultCode::BadYaml, reason));
                }
            },
            Event::DocumentStart(..) => {
                self.anchors.clear();
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.values += 1;
        if self.values > YAML_VALUES_MAX {
            let reason = format!("more than {YAML_VALUES_MAX} values");
            return Err((line, FaultCode::TooLarge, reason));
        }
        if anchor != 0 {
            self.copied(node.size(), line)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.place(node)
    }

    /// Counts a copy. A chain of aliases runs into the limit early, and the depth of what is built is bounded
    /// with it.
    fn copied(&mut self, values: usize, line: u32) -> Result<(), Trouble> {
        self.copied += values;
        if self.copied > YAML_COPIED_VALUES_MAX {
            let reason =
                format!("anchors and aliases (`*name`) copy more than {YAML_COPIED_VALUES_MAX} values");
            return Err((line, FaultCode::TooLarge, reason));
        }
        Ok(())
    }

    fn open(&mut self, what: Open, line: u32, anchor: usize) -> Result<(), Trouble> {
        if self.open.len() >= YAML_DEPTH_MAX {
            let reason = format!("nested deeper than {YAML_DEPTH_MAX} levels");
            return Err((line, FaultCode::TooLarge, reason));
        }
        self.open.push((what, line, anchor));
        Ok(())
    }

    fn place(&mut self, node: Yaml) -> Result<(), Trouble> {
        match self.open.last_mut() {
            None => self.documents.push(node),
            Some((Open::List(items), ..)) => items.push(node),
            Some((Open::Map(entries, key), ..)) => match key.take() {
                Some((name, line)) => entries.push(Entry { key: name, line, value: node }),
                None => {
                    let Kind::Text(name) = node.kind else {
                        return Err((node.line, FaultCode::BadYaml, "a key must be a text".to_owned()));
                    };
                    if entries.iter().any(|other| other.key == name) {
                        let reason = format!("the key `{name}` stands twice in one map");
                        return Err((node.line, FaultCode::BadYaml, reason));
                    }
                    if entries.len() >= YAML_MAP_ENTRIES_MAX {
                        let reason = format!("a map of more than {YAML_MAP_ENTRIES_MAX} entries");
                        return Err((node.line, FaultCode::TooLarge, reason));
                    }
                    *key = Some((name, node.line));
                }
            },
        }
        Ok(())
    }
}

impl Yaml {
    /// How many values stand here, itself included.
    fn size(&self) -> usize {
        match &self.kind {
            Kind::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Kind::Map(entries) => 1 + entries.iter().map(|entry| entry.value.size()).sum::<usize>(),
            Kind::Null | Kind::Text(_) => 1,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.kind, Kind::Map(_))
    }

    /// A list's items; a scalar or map alone; nothing of null.
    pub(crate) fn one_or_more(&self) -> &[Yaml] {
        match &self.kind {
            Kind::List(items) => items,
            Kind::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Yaml> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The value below a path of keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Yaml> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text below a path of keys.
    pub(crate) fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_lines_and_texts() {
        let (documents, trouble) = read("a: 007\n---\nb:\n  - x\n  - ~\n");
        assert_eq!(trouble, None);
        assert_eq!(documents[0].text_at(&["a"]), Some("007"));
        let list = documents[1].at(&["b"]).unwrap().one_or_more();
        assert_eq!((list[0].line, list[0].text()), (4, Some("x")));
        assert_eq!(list[1].kind, Kind::Null);
    }

    #[test]
    fn hostile_texts_are_refused_at_their_line() {
        let bomb = (1..40).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
            format!("{text}a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1)
        });
        let chain = (1..2_000)
            .fold("a0: &a0 [x]\n".to_owned(), |text, n| format!("{text}a{n}: &a{n} [*a{0}]\n", n - 1));
        let nested: String =
            (0..40).map(|n| format!("&n{n} [")).collect::<String>() + &"x, ".repeat(50_000) + &"]".repeat(40);
        let deep = "[".repeat(YAML_DEPTH_MAX + 1) + &"]".repeat(YAML_DEPTH_MAX + 1);
        let unclosed = "[".repeat(100_000);
        let wide: String = (0..=YAML_MAP_ENTRIES_MAX).map(|n| format!("k{n}: 1\n")).collect();
        let cases = [
            (bomb.as_str(), FaultCode::TooLarge),
            (chain.as_str(), FaultCode::TooLarge),
            (nested.as_str(), FaultCode::TooLarge),
            (deep.as_str(), FaultCode::TooLarge),
            (wide.as_str(), FaultCode::TooLarge),
            (unclosed.as_str(), FaultCode::BadYaml),
            ("a: *b", FaultCode::BadYaml),
            ("a: 1\na: 2\n", FaultCode::BadYaml),
            ("? [x]\n: 1\n", FaultCode::BadYaml),
            ("a: [", FaultCode::BadYaml),
        ];
        for (text, code) in cases {
            let (_, trouble) = read(text);
            assert_eq!(trouble.as_ref().map(|t| t.1), Some(code), "{:.40}: {trouble:?}", text);
        }
    }

    #[test]
    fn documents_before_a_fault_are_kept() {
        let (documents, trouble) = read("a: 1\n---\nb: [\n");
        assert_eq!(documents.len(), 1);
        assert!(trouble.is_some());
    }
}
