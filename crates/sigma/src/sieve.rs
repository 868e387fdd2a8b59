//! Whether any keyword may stand in an event, asked of all its texts at once.

use aho_corasick::{AhoCorasick, packed};

use crate::field_index::automaton_kind;
use crate::value::EventView;

/// Stands between texts that are searched together.
pub(crate) const SEPARATOR: char = '\0';
/// A part of a literal that is shorter than this many bytes stands in nearly every event.
const PART_BYTES_MIN: usize = 3;

/// Memory to use.
#[derive(Debug, Default)]
pub(crate) struct SieveBuffers {
    texts: String,
    folded: String,
    lower: Vec<u8>,
}

/// Tells quickly that none of some literals stands in any text of an event.
#[derive(Debug)]
pub(crate) struct Sieve {
    literals: Literals,
    /// Of each literal the longest part that is written in one way only: see [`EventView::verbatim`].
    parts: Option<Literals>,
}

impl Sieve {
    /// Of folded literals; `None` where there is none, or one could reach over the [`SEPARATOR`].
    pub(crate) fn new(mut literals: Vec<String>) -> Option<Self> {
        literals.sort_unstable();
        literals.dedup();
        if literals.is_empty() || literals.iter().any(|literal| literal.contains(SEPARATOR)) {
            return None;
        }
        let parts: Vec<&str> = literals.iter().map(|literal| plain_part(literal)).collect();
        let parts =
            parts.iter().all(|part| part.len() >= PART_BYTES_MIN).then(|| Literals::new(&parts)).flatten();
        Some(Self { literals: Literals::new(&literals)?, parts })
    }

    /// Whether any literal may stand in the event.
    pub(crate) fn may_hold(&self, view: &impl EventView, buffers: &mut SieveBuffers) -> bool {
        let SieveBuffers { texts, folded, lower } = buffers;
        // a character beyond ASCII may fold to one of a part
        if let Some(parts) = &self.parts
            && let Some(verbatim) = view.verbatim().filter(|text| text.is_ascii())
        {
            lower.clear();
            lower.extend(verbatim.bytes().map(|byte| byte.to_ascii_lowercase()));
            if !parts.any_in(lower) {
                return false;
            }
        }
        texts.clear();
        folded.clear();
        view.any_scalar(&mut |value| {
            value.write_text(texts);
            texts.push(SEPARATOR);
            false
        });
        crate::fold::fold_onto(texts, folded);
        self.literals.any_in(folded.as_bytes())
    }
}

/// The longest part of ASCII without a character that JSON may write otherwise.
fn plain_part(literal: &str) -> &str {
    let parts = literal.split(|c: char| matches!(c, '"' | '\\' | '/') || c < ' ' || !c.is_ascii());
    parts.max_by_key(|part| part.len()).unwrap_or_default()
}

#[derive(Debug)]
enum Literals {
    /// Few: by vector instructions.
    Few(Box<packed::Searcher>),
    Many(AhoCorasick),
}

impl Literals {
    fn new(literals: &[impl AsRef<[u8]>]) -> Option<Self> {
        let few = packed::Searcher::new(literals).map(|searcher| Self::Few(Box::new(searcher)));
        few.or_else(|| {
            let bytes: usize = literals.iter().map(|literal| literal.as_ref().len()).sum();
            AhoCorasick::builder().kind(Some(automaton_kind(bytes))).build(literals).ok().map(Self::Many)
        })
    }

    fn any_in(&self, folded: &[u8]) -> bool {
        match self {
            Self::Few(searcher) => searcher.find(folded).is_some(),
            Self::Many(automaton) => automaton.is_match(folded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::FieldId;
    use crate::value::Value;

    struct Sent<'a> {
        verbatim: Option<&'a str>,
        values: Vec<Value<'a>>,
    }

    impl EventView for Sent<'_> {
        fn any(&self, _: FieldId, _: &mut impl FnMut(Value<'_>) -> bool) -> bool {
            false
        }
        fn exists(&self, _: FieldId) -> bool {
            false
        }
        fn any_scalar(&self, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool {
            self.values.iter().any(|value| visit(*value))
        }
        fn verbatim(&self) -> Option<&str> {
            self.verbatim
        }
    }

    #[test]
    fn no_literal_is_missed_and_none_is_seen_over_two_texts() {
        let cases: &[(&[&str], &str, &str, bool)] = &[
            (&["mimikatz"], r#"{"a":"x"}"#, "x", false),
            (&["mimikatz"], r#"{"a":"MimiKatz"}"#, "MimiKatz", true),
            (&["mimikatz"], r#"{"mimikatz":"x"}"#, "x", false),
            (&[r"\temp\evil"], r#"{"a":"c:\\TEMP\\evil"}"#, r"c:\TEMP\evil", true),
            (&[r"\temp\evil"], r#"{"a":"c:\\temp\\good"}"#, r"c:\temp\good", false),
            (&["a/bcd"], r#"{"a":"A\/BCD"}"#, "A/BCD", true),
            (&["/"], r#"{"a":"\/"}"#, "/", true),
            (&["a\tbcd"], r#"{"a":"a\tbcd"}"#, "a\tbcd", true),
            (&["ünter"], r#"{"a":"GÜNTER"}"#, "GÜNTER", true),
            (&["select"], r#"{"a":"ſelect"}"#, "ſelect", true),
        ];
        for (literals, record, text, expected) in cases {
            let sieve = Sieve::new(literals.iter().map(|literal| (*literal).to_owned()).collect()).unwrap();
            for verbatim in [Some(*record), None] {
                let view = Sent { verbatim, values: vec![Value::Str(text)] };
                let found = sieve.may_hold(&view, &mut SieveBuffers::default());
                assert_eq!(found, *expected, "{literals:?} in {record}");
            }
        }
        let view = Sent { verbatim: None, values: vec![Value::Str("mimi"), Value::Str("katz")] };
        let sieve = Sieve::new(vec!["mimikatz".to_owned()]).unwrap();
        assert!(!sieve.may_hold(&view, &mut SieveBuffers::default()));
        assert!(Sieve::new(vec![]).is_none() && Sieve::new(vec!["a\0b".to_owned()]).is_none());
    }
}
