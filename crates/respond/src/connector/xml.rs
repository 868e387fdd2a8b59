//! XML answers as JSON, so that places in them are written alike.

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

/// Deepest nesting of elements.
const DEPTH_MAX: u32 = 64;
/// Most nodes.
const NODES_MAX: u32 = 200_000;

/// Elements whose like are a list, though there be one only (query protocols of AWS).
const LISTED: [&str; 2] = ["member", "item"];

/// The document: an object with its root; null for what is no XML. Definitions of types, and so entities, are refused.
pub(super) fn read(text: &str) -> Value {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let Ok(document) = Document::parse_with_options(text, options) else { return Value::Null };
    let root = document.root_element();
    let mut map = Map::new();
    map.insert(root.tag_name().name().to_owned(), value(root, 0));
    Value::Object(map)
}

fn value(element: Node<'_, '_>, depth: u32) -> Value {
    let mut children = element.children().filter(Node::is_element).peekable();
    if children.peek().is_none() || depth >= DEPTH_MAX {
        return Value::String(element.text().unwrap_or_default().trim().to_owned());
    }
    let mut map = Map::new();
    for child in children {
        let name = child.tag_name().name();
        let inner = value(child, depth + 1);
        match map.get_mut(name) {
            Some(Value::Array(list)) => list.push(inner),
            Some(before) => *before = Value::Array(vec![before.take(), inner]),
            None if LISTED.contains(&name) => drop(map.insert(name.to_owned(), Value::Array(vec![inner]))),
            None => drop(map.insert(name.to_owned(), inner)),
        }
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_become_objects() {
        let text =
            "<R xmlns='urn:x'><Keys><member><Id>A</Id></member></Keys><Tag>a</Tag><Tag>b</Tag><None/></R>";
        let expected =
            json!({ "R": { "Keys": { "member": [{ "Id": "A" }] }, "Tag": ["a", "b"], "None": "" } });
        assert_eq!(read(text), expected);
        for bad in ["", "{}", "<a>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"] {
            assert_eq!(read(bad), Value::Null, "{bad}");
        }
        let deep = format!("{}x{}", "<a>".repeat(500), "</a>".repeat(500));
        assert!(read(&deep).is_object() || read(&deep).is_null());
    }
}
