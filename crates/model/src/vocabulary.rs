//! Other names that the fields of one kind of record have.
//!
//! Senders wrap the same fields differently: an event of the Windows event log has its `CommandLine` at the
//! top, under `Event.EventData` or under `winlog.event_data`. A [`Vocabulary`] says which wrappers are
//! transparent, so that rules and mappings name a field once. It only ever *adds* names: the path as it
//! stands in the record keeps working, and records that are read without it see nothing of it.

use crate::field::{FieldId, FieldTable, NOWHERE, ROOT};
use foldhash::HashMap;

/// Bit that tells a place of the vocabulary's own trie from one of the field table's.
const OWN: u32 = 1 << 31;
/// Longest key whose spaces are stripped, in bytes; no field of a rule is longer.
const KEY_BYTES_MAX: usize = 128;
/// Keys that converters of XML put between an element and its text or attributes.
const ELEMENT_KEYS: [&str; 2] = ["#text", "#attributes"];

/// The names of one kind of record besides the paths that stand in it. Made by [`FieldTable::vocabulary`].
#[derive(Debug, Clone)]
pub struct Vocabulary {
    nodes: Vec<Node>,
    /// By the place of a field: every name of it.
    names: HashMap<u32, Box<[FieldId]>>,
    /// By the place of a list of pairs: the key of a member that holds its name.
    pairs: HashMap<u32, Box<str>>,
    pub(crate) words: Vec<Words>,
}

/// A field that a kind of record says only in other words.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    pub(crate) from: FieldId,
    /// The field in its own words.
    pub(crate) name: FieldId,
    table: HashMap<Box<str>, Box<str>>,
    other: Option<Box<str>>,
}

impl Words {
    pub(crate) fn of(&self, word: &str) -> Option<&str> {
        self.table.get(word).or(self.other.as_ref()).map(|said| &**said)
    }
}

#[derive(Debug, Clone, Default)]
struct Node {
    children: HashMap<Box<str>, u32>,
    /// Where any other key leads, for a wrapper whose name varies.
    any: Option<u32>,
    /// Whether what stands here is also seen at the top.
    is_open: bool,
}

impl FieldTable {
    /// The vocabulary in which everything under the paths of `transparent` is also seen at the top of the
    /// record (a step `*` is any key), and each path of `same` also under its second name.
    ///
    /// Beside that, in a record read with it, spaces in keys do not count (as Sigma's specification has it
    /// for field names), and `#text` and `#attributes` name their parent.
    pub fn vocabulary<'n>(
        &mut self,
        transparent: impl IntoIterator<Item = &'n str>,
        same: impl IntoIterator<Item = (&'n str, &'n str)>,
    ) -> Vocabulary {
        let mut vocabulary = Vocabulary {
            nodes: vec![Node { is_open: true, ..Node::default() }],
            names: HashMap::default(),
            pairs: HashMap::default(),
            words: Vec::new(),
        };
        for path in transparent {
            let at = path.split('.').fold(0, |at, step| vocabulary.child_or_new(at, step));
            vocabulary.nodes[at].is_open = true;
        }
        for (path, name) in same {
            let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
            let steps = above.split('.').filter(|step| !step.is_empty());
            let at = steps.fold(0, |at, step| vocabulary.child_or_new(at, step));
            let target = self.place_of(name);
            vocabulary.nodes[at].children.insert(last.into(), target);
        }
        vocabulary
    }

    /// The place of a field, which is interned.
    fn place_of(&mut self, name: &str) -> u32 {
        self.intern(name);
        name.split('.').fold(ROOT, |at, step| self.step(at, step))
    }
}

impl Vocabulary {
    /// A value under one of these names is seen under all of them; for an array or object that is the value,
    /// not the paths below it.
    pub fn add_names<'n>(
        &mut self,
        fields: &mut FieldTable,
        names: impl IntoIterator<Item = &'n str, IntoIter: Clone>,
    ) {
        let names = names.into_iter();
        for name in names.clone() {
            self.add_also(fields, name, names.clone());
        }
    }

    /// A value at one of these paths is also seen under `name`.
    pub fn add_also<'n>(
        &mut self,
        fields: &mut FieldTable,
        name: &str,
        paths: impl IntoIterator<Item = &'n str>,
    ) {
        let id = fields.intern(name);
        for path in paths {
            let place = fields.place_of(path);
            let known = self.names.entry(place).or_default();
            if !known.contains(&id) {
                *known = known.iter().copied().chain([id]).collect();
            }
        }
    }

    /// The members of `list` are pairs of a name, which stands under `key`, and values, which stand beside it:
    /// `[{"name": "x", "value": 1}]` is also seen as `{"x": 1}`.
    pub fn add_pairs(&mut self, fields: &mut FieldTable, list: &str, key: &str) {
        let place = fields.place_of(list);
        self.pairs.insert(place, key.into());
    }

    /// Where `from` has one of these words, `name` has the word beside it; `*` stands for every other word.
    pub fn add_words<'n>(
        &mut self,
        fields: &mut FieldTable,
        name: &str,
        from: &str,
        words: impl IntoIterator<Item = (&'n str, &'n str)>,
    ) {
        let (from, name) = (fields.intern(from), fields.intern(name));
        let mut table: HashMap<Box<str>, Box<str>> =
            words.into_iter().map(|(word, said)| (word.into(), said.into())).collect();
        let other = table.remove("*");
        self.words.push(Words { from, name, table, other });
    }

    pub(crate) fn names_of(&self, place: u32) -> &[FieldId] {
        // most vocabularies have none
        if self.names.is_empty() {
            return &[];
        }
        self.names.get(&place).map_or(&[], |names| names)
    }

    pub(crate) fn pair_key(&self, place: u32) -> Option<&str> {
        if self.pairs.is_empty() {
            return None;
        }
        self.pairs.get(&place).map(|key| &**key)
    }

    fn child_or_new(&mut self, at: usize, step: &str) -> usize {
        let next = self.nodes.len();
        let node = &mut self.nodes[at];
        let known = if step == "*" { node.any } else { node.children.get(step).copied() };
        if let Some(known) = known.filter(|known| known & OWN != 0) {
            return (known & !OWN) as usize;
        }
        if step == "*" {
            node.any = Some(next as u32 | OWN);
        } else {
            node.children.insert(step.into(), next as u32 | OWN);
        }
        self.nodes.push(Node::default());
        next
    }

    /// The place of the record's top.
    pub(crate) fn start(&self) -> u32 {
        OWN
    }

    /// One step by an object's key. A key that itself holds dots takes several.
    pub(crate) fn step(&self, fields: &FieldTable, at: u32, key: &str) -> u32 {
        let next = self.step_once(fields, at, key);
        if next != NOWHERE || !key.contains('.') {
            return next;
        }
        key.split('.').fold(at, |at, step| self.step_once(fields, at, step))
    }

    fn step_once(&self, fields: &FieldTable, at: u32, key: &str) -> u32 {
        if at == NOWHERE {
            return NOWHERE;
        }
        let mut from = at;
        if at & OWN != 0 {
            let Some(node) = self.nodes.get((at & !OWN) as usize) else { return NOWHERE };
            if let Some(&next) = node.children.get(key) {
                return next;
            }
            if let Some(next) = node.any {
                return next;
            }
            if !node.is_open {
                return NOWHERE;
            }
            from = ROOT;
        }
        let next = fields.step(from, key);
        if next != NOWHERE {
            return next;
        }
        if at & OWN == 0 && ELEMENT_KEYS.contains(&key) {
            return at;
        }
        without_spaces(key, &mut [0; KEY_BYTES_MAX]).map_or(NOWHERE, |key| fields.step(from, key))
    }
}

/// `key` without its spaces; `None` when it has none, or is longer than any field's name.
fn without_spaces<'b>(key: &str, buffer: &'b mut [u8; KEY_BYTES_MAX]) -> Option<&'b str> {
    if !key.contains(' ') || key.len() > KEY_BYTES_MAX {
        return None;
    }
    let mut len = 0;
    for byte in key.bytes().filter(|byte| *byte != b' ') {
        buffer[len] = byte;
        len += 1;
    }
    std::str::from_utf8(&buffer[..len]).ok()
}

#[cfg(test)]
mod tests {
    use crate::{FieldTable, Tape};

    /// The values of `field` in `json`, read with the vocabulary of the test.
    fn read(field: &str, json: &str) -> Vec<String> {
        let mut fields = FieldTable::default();
        let id = fields.intern(field);
        let vocabulary = fields.vocabulary(
            ["Event.EventData", "Event.System", "Event.UserData.*", "winlog.event_data"],
            [
                ("winlog.channel", "Channel"),
                ("Event.System.Provider.#attributes.Name", "Provider_Name"),
                ("SourceName", "Provider_Name"),
            ],
        );
        let mut tape = Tape::new();
        let view = tape.parse_as(&fields, Some(&vocabulary), json.as_bytes()).unwrap();
        view.all(id).filter_map(|node| node.scalar()).map(|s| format!("{s:?}")).collect()
    }

    #[test]
    fn wrappers_are_transparent_and_paths_stay() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("Image", r#"{"Image":"a"}"#, &[r#"Str("a")"#]),
            ("Image", r#"{"Event":{"EventData":{"Image":"a"}}}"#, &[r#"Str("a")"#]),
            ("Event.EventData.Image", r#"{"Event":{"EventData":{"Image":"a"}}}"#, &[r#"Str("a")"#]),
            ("Image", r#"{"winlog":{"event_data":{"Image":"a"}}}"#, &[r#"Str("a")"#]),
            ("Image", r#"{"winlog.event_data.Image":"a"}"#, &[r#"Str("a")"#]),
            ("Channel", r#"{"winlog":{"channel":"Security"}}"#, &[r#"Str("Security")"#]),
            ("winlog.channel", r#"{"winlog":{"channel":"Security"}}"#, &[r#"Str("Security")"#]),
            (
                "EventID",
                r##"{"Event":{"System":{"EventID":{"#attributes":{"Qualifiers":0},"#text":600}}}}"##,
                &["Uint(600)"],
            ),
            (
                "Data",
                r##"{"Event":{"EventData":{"Data":{"#text":["x","y"]}}}}"##,
                &[r#"Str("x")"#, r#"Str("y")"#],
            ),
            (
                "Provider_Name",
                r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"P"}}}}}"##,
                &[r#"Str("P")"#],
            ),
            ("Who", r#"{"Event":{"UserData":{"LogFileCleared":{"Who":"w"}}}}"#, &[r#"Str("w")"#]),
            ("ThreatName", r#"{"Event":{"EventData":{"Threat Name":"t"}}}"#, &[r#"Str("t")"#]),
            ("ThreatName", r#"{"Threat Name":"t"}"#, &[r#"Str("t")"#]),
            ("SourceName", r#"{"SourceName":"s"}"#, &[r#"Str("s")"#]),
            ("Provider_Name", r#"{"SourceName":"s"}"#, &[r#"Str("s")"#]),
            // a second name is for its place only
            ("Provider_Name", r#"{"Event":{"EventData":{"SourceName":"s"}}}"#, &[]),
            ("Image", r#"{"Event":{"Other":{"Image":"a"}}}"#, &[]),
        ];
        for (field, json, expected) in cases {
            assert_eq!(&read(field, json), expected, "{field} of {json}");
        }
    }

    #[test]
    fn without_it_nothing_changes() {
        let mut fields = FieldTable::default();
        let ids = ["Image", "EventID", "ThreatName"].map(|name| fields.intern(name));
        fields.vocabulary(["Event.EventData"], [("a.b", "Image")]);
        let mut tape = Tape::new();
        let json =
            br##"{"Event":{"EventData":{"Image":"a"}},"EventID":{"#text":1},"Threat Name":"t","a":{"b":1}}"##;
        let view = tape.parse(&fields, json).unwrap();
        for id in ids {
            assert!(view.all(id).all(|node| node.scalar().is_none()), "{}", fields.name(id));
        }
    }

    /// The values of each field of `json`, where senders say the same under other names and in other words.
    fn said(fields: &[&str], json: &str) -> Vec<Vec<String>> {
        let mut table = FieldTable::default();
        let ids: Vec<_> = fields.iter().map(|field| table.intern(field)).collect();
        let mut vocabulary = table.vocabulary(["properties", "events"], []);
        vocabulary.add_names(&mut table, ["operationName", "OperationName", "properties.message"]);
        vocabulary.add_names(&mut table, ["p.S", "setting_name"]);
        vocabulary.add_also(&mut table, "anything", ["operationName", "p"]);
        vocabulary.add_pairs(&mut table, "p", "name");
        vocabulary.add_words(&mut table, "Status", "code", [("0", "Success"), ("*", "Failure")]);
        vocabulary.add_words(&mut table, "service", "app", [("admin", "admin.example")]);
        let mut tape = Tape::new();
        let view = tape.parse_as(&table, Some(&vocabulary), json.as_bytes()).unwrap();
        assert!(view.scalars().count() <= 4, "a keyword is sought in the record only");
        let values = |id| view.all(id).filter_map(|node| node.scalar()).map(|s| format!("{s:?}")).collect();
        ids.into_iter().map(values).collect()
    }

    #[test]
    fn a_field_has_all_its_names() {
        let names = ["operationName", "OperationName", "properties.message"];
        for json in [
            r#"{"operationName":"a"}"#,
            r#"{"properties":{"operationName":"a"}}"#,
            r#"{"OperationName":"a"}"#,
            r#"{"properties":{"message":"a"}}"#,
        ] {
            for (name, values) in names.iter().zip(said(&names, json)) {
                assert_eq!(values, [r#"Str("a")"#], "{name} of {json}");
            }
        }
        assert_eq!(said(&["message"], r#"{"operationName":"a"}"#), [[""; 0]]);
        assert_eq!(
            said(&["anything"], r#"{"operationName":"a","p":["b"]}"#),
            [[r#"Str("a")"#, r#"Str("b")"#]]
        );
        assert_eq!(said(&["operationName"], r#"{"anything":"a"}"#), [[""; 0]]);
    }

    #[test]
    fn pairs_are_seen_under_their_names() {
        let fields = ["p.S", "setting_name", "p.M", "events.p.S"];
        let cases: &[(&str, [&[&str]; 4])] = &[
            (r#"{"p":[{"name":"S","value":"x"}]}"#, [&[r#"Str("x")"#], &[r#"Str("x")"#], &[], &[]]),
            (r#"{"events":[{"p":[{"value":1,"name":"S"}]}]}"#, [&["Uint(1)"], &["Uint(1)"], &[], &[]]),
            (r#"{"p":[{"name":"M","values":["x","y"]}]}"#, [&[], &[], &[r#"Str("x")"#, r#"Str("y")"#], &[]]),
            (r#"{"p":[{"name":"S"},{"value":"x"},{"name":1,"value":2}]}"#, [&[], &[], &[], &[]]),
            // a sender that has turned the list into an object
            (r#"{"p":{"S":"x"}}"#, [&[r#"Str("x")"#], &[r#"Str("x")"#], &[], &[]]),
        ];
        for (json, expected) in cases {
            assert_eq!(said(&fields, json), expected, "{json}");
        }
    }

    #[test]
    fn a_field_is_said_in_other_words() {
        let fields = ["Status", "service"];
        for (json, status, service) in [
            (r#"{"code":0,"app":"admin"}"#, Some("Success"), Some("admin.example")),
            (r#"{"code":"50126","app":"drive"}"#, Some("Failure"), None),
            (r#"{"properties":{"code":0}}"#, Some("Success"), None),
            (r#"{"code":null}"#, None, None),
        ] {
            let expected = [status, service].map(|word| word.map(|word| format!("Str({word:?})")));
            let read = said(&fields, json);
            assert_eq!(read, expected.map(|word| word.into_iter().collect::<Vec<_>>()), "{json}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_pairs_give_an_answer(json in r#"(\{"(p|code|app)":(0|"S"|\[\{"name":("S"|1|null|\{\}),"v":(\[1,\[2\]\]|\{"a":1\})\}\])\})"#) {
            said(&["p.S", "Status", "service"], &json);
        }

        #[test]
        fn any_keys_give_an_answer(keys in proptest::collection::vec("[ .#*a-zE]{0,6}|Event|EventData|#text", 1..6)) {
            let open: String = keys.iter().map(|key| format!("{{{}:", serde_json::json!(key))).collect();
            read("Image", &format!("{open}1{}", "}".repeat(keys.len())));
        }
    }
}
