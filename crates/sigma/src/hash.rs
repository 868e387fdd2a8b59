//! What a rule means, as a hash: the part of a finding's identity that follows the rule.

use sha2::{Digest, Sha256};

use crate::rule::{Item, Rule, Scalar, Search};

/// Names the canonical form; changes when the form does, so that old hashes never pass for new.
const FORM: &str = "huecry-sigma-semantics-1";

impl Rule {
    /// SHA-256 of a canonical form of the logsource and the detection. The order of keys, of
    /// alternatives and of modifiers, the names of a modifier, spacing and quoting do not change
    /// it; a value, a field, a selection's name or a condition does. Titles, levels and all other
    /// metadata are no part of it.
    pub fn semantic_hash(&self) -> [u8; 32] {
        let mut out = Vec::new();
        put(&mut out, b'F', FORM.as_bytes());
        for part in [&self.logsource.category, &self.logsource.product, &self.logsource.service] {
            match part {
                Some(name) => put(&mut out, b'L', name.to_ascii_lowercase().as_bytes()),
                None => put(&mut out, b'-', &[]),
            }
        }
        let selections = self.detection.selections.iter().map(|selection| {
            let mut one = Vec::new();
            put(&mut one, b'N', selection.name.as_bytes());
            one.extend(search(&selection.search));
            one
        });
        put_sorted(&mut out, b'S', selections.collect());
        let conditions = self.detection.conditions.iter();
        put_sorted(&mut out, b'C', conditions.map(|c| c.expression.to_string().into_bytes()).collect());
        Sha256::digest(&out).into()
    }
}

/// Tag, length, bytes: no two sequences of parts have the same form.
fn put(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn put_sorted(out: &mut Vec<u8>, tag: u8, mut parts: Vec<Vec<u8>>) {
    parts.sort_unstable();
    parts.dedup();
    let mut all = Vec::new();
    for part in &parts {
        put(&mut all, b'M', part);
    }
    put(out, tag, &all);
}

fn search(body: &Search) -> Vec<u8> {
    let mut out = Vec::new();
    match body {
        Search::All(items) => put_sorted(&mut out, b'A', items.iter().map(item).collect()),
        Search::Any(searches) => put_sorted(&mut out, b'O', searches.iter().map(search).collect()),
    }
    out
}

fn item(item: &Item) -> Vec<u8> {
    let mut out = Vec::new();
    match &item.field {
        Some(name) => put(&mut out, b'N', name.as_bytes()),
        None => put(&mut out, b'K', &[]),
    }
    put_sorted(&mut out, b'X', item.modifiers.iter().map(|m| m.as_str().as_bytes().to_vec()).collect());
    let values = item.values.iter().map(|value| {
        let mut one = Vec::new();
        match value {
            Scalar::Null => put(&mut one, b'0', &[]),
            Scalar::Bool(b) => put(&mut one, b'B', &[u8::from(*b)]),
            Scalar::Number(_, text) => put(&mut one, b'#', text.as_bytes()),
            Scalar::Text(text) => put(&mut one, b'T', text.as_bytes()),
        }
        one
    });
    put_sorted(&mut out, b'V', values.collect());
    if let Some(elements) = &item.elements {
        put(&mut out, b'E', elements.quantifier.as_str().as_bytes());
        out.extend(search(&elements.body));
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::parse_rules;

    fn hash(detection: &str) -> [u8; 32] {
        let text = format!("title: T\nlogsource:\n  product: aws\ndetection:\n{detection}");
        parse_rules(&text, "f").remove(0).unwrap().semantic_hash()
    }

    const RULE: &str =
        "  sel:\n    a|contains|all: [x, y]\n    b: 1\n  flt: [p, q]\n  condition: sel and not flt\n";

    #[test]
    fn formatting_and_order_do_not_change_the_hash() {
        for same in [
            "  flt:\n  - q\n  - p\n  condition: sel  AND (not flt)\n  sel:\n    b: 1\n    a|all|contains:\n    - 'y'\n    - \"x\"\n",
            "  sel: {b: 1, a|contains|all: [x, y, x]}\n  flt: [p, q]\n  condition: [sel and not flt]\n",
        ] {
            assert_eq!(hash(same), hash(RULE), "{same}");
        }
        let titled = "title: Other\nlevel: high\nlogsource: {product: AWS}\ndetection:\n".to_owned() + RULE;
        assert_eq!(parse_rules(&titled, "g").remove(0).unwrap().semantic_hash(), hash(RULE));
    }

    #[test]
    fn meaning_changes_the_hash() {
        for (from, to) in [
            ("[x, y]", "[x, z]"),
            ("[x, y]", "[X, y]"),
            ("b: 1", "b: '1'"),
            ("b: 1", "c: 1"),
            ("b: 1", "b|neq: 1"),
            ("|contains|all", "|contains"),
            ("[p, q]", "[pq]"),
            ("not flt", "flt"),
            ("[p, q]", "[{k: p}, q]"),
        ] {
            assert!(RULE.contains(from), "{from}");
            assert_ne!(hash(&RULE.replace(from, to)), hash(RULE), "{from} {to}");
        }
        let elsewhere = "title: T\nlogsource: {product: gcp}\ndetection:\n".to_owned() + RULE;
        assert_ne!(parse_rules(&elsewhere, "g").remove(0).unwrap().semantic_hash(), hash(RULE));
    }
}
