//! Rules and events made at random, as strategies for property tests and, from a seed, as any number of pairs.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};
use sigma::{MatchScratch, RuleIndex, RuleSet, parse_rules, reference};

use crate::json_view::{Fields, JsonView};

const FIELDS: &[&str] = &["a", "b", "c", "d.e", "d.f"];
/// Fields of the elements of `d`.
const WITHIN: &[&str] = &["e", "f"];

/// Short texts over few characters, so that rules and events meet; with wildcards, escapes, case,
/// letters that fold across scripts, dashes and digits.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => r"[abAB]{0,3}",
        2 => r"[a*?\\B]{0,4}",
        1 => r"[kK\u{212A}sſßẞéÉ?*]{0,3}",
        1 => r"[ /–-]{0,2}[ab]{0,2}[-/ ]{0,1}[a-b]{0,1}",
        1 => r"[0-9]{1,2}(\.[0-9])?",
    ]
}

fn value() -> impl Strategy<Value = Json> {
    prop_oneof![
        8 => text().prop_map(Json::from),
        2 => (0..12_i64).prop_map(Json::from),
        1 => (0..4_u32).prop_map(|n| json!(f64::from(n) / 2.0)),
        1 => any::<bool>().prop_map(Json::from),
        1 => Just(Json::Null),
    ]
}

fn leaf() -> impl Strategy<Value = Json> {
    prop_oneof![
        4 => value(),
        1 => prop::collection::vec(value(), 0..3).prop_map(Json::from),
    ]
}

/// A small event over [`FIELDS`].
pub(crate) fn event() -> impl Strategy<Value = Json> {
    prop::collection::vec((prop::sample::select(FIELDS), leaf()), 0..5).prop_map(|leaves| {
        let mut event = json!({});
        for (path, leaf) in leaves {
            match path.split_once('.') {
                Some((parent, child)) => event[parent][child] = leaf,
                None => event[path] = leaf,
            }
        }
        event
    })
}

/// The same; in some `d` is a list.
pub(crate) fn listed_event() -> impl Strategy<Value = Json> {
    let member = prop::collection::btree_map(prop::sample::select(WITHIN), leaf(), 0..3);
    let list = prop::collection::vec(prop_oneof![4 => member.prop_map(|m| json!(m)), 1 => value()], 0..4);
    (event(), prop_oneof![2 => Just(None), 1 => list.prop_map(Some)]).prop_map(|(mut event, list)| {
        if let Some(list) = list {
            event["d"] = list.into();
        }
        event
    })
}

/// A field's key with modifiers, and values that suit them.
pub(crate) fn item() -> impl Strategy<Value = (String, Json)> {
    item_of(FIELDS)
}

/// A question about the elements of `d`.
fn block() -> impl Strategy<Value = (String, Json)> {
    let quantifier = prop::sample::select(vec!["any", "all", "all_or_empty", "none"]);
    let body = || {
        prop::collection::vec(item_of(&["e", "f", "."]), 1..3)
            .prop_map(|items| Json::Object(items.into_iter().collect::<serde_json::Map<_, _>>()))
    };
    let body = prop_oneof![3 => body(), 1 => prop::collection::vec(body(), 1..3).prop_map(Json::from)];
    (quantifier, body).prop_map(|(quantifier, body)| (format!("d[{quantifier}]"), body))
}

fn item_of(fields: &'static [&'static str]) -> impl Strategy<Value = (String, Json)> {
    let field = prop::sample::select(fields);
    let texts = prop_oneof![
        3 => prop::collection::vec(value(), 1..2),
        2 => prop::collection::vec(value(), 2..4),
        1 => prop::collection::vec(text().prop_map(Json::from), 7..12),
    ];
    let plain = prop::sample::select(vec!["", "|cased", "|neq", "|all"]);
    let placed = prop::sample::select(vec![
        "|contains",
        "|startswith",
        "|endswith",
        "|contains|all",
        "|contains|cased",
        "|endswith|neq",
        "|windash|contains",
        "|windash",
        "|startswith|all|cased",
    ]);
    let not_null = |values: Vec<Json>| -> Json {
        let kept: Vec<Json> = values.into_iter().filter(|v| !v.is_null()).collect();
        if kept.is_empty() { json!("a") } else { Json::from(kept) }
    };
    let key = |(field, modifiers): (&str, &str)| format!("{field}{modifiers}");
    let encoded =
        prop::sample::select(vec!["|base64", "|base64offset|contains", "|wide|base64offset|contains"]);
    let order =
        prop::sample::select(vec!["|lt", "|lte", "|gt", "|gte", "|hour", "|day|gte", "|gt|neq", "|year"]);
    let reference = prop::sample::select(vec![
        "",
        "|contains",
        "|startswith",
        "|endswith",
        "|cased",
        "|neq",
        "|contains|all",
    ]);
    prop_oneof![
        6 => (field.clone(), plain).prop_map(key).prop_flat_map(move |k| (Just(k), texts.clone().prop_map(Json::from))),
        6 => (field.clone(), placed).prop_map(key)
            .prop_flat_map(move |k| (Just(k), prop::collection::vec(value(), 1..10).prop_map(not_null))),
        1 => (field.clone(), encoded).prop_map(key).prop_flat_map(|k| (Just(k), "[ab]{1,4}".prop_map(Json::from))),
        2 => (field.clone(), order).prop_map(key).prop_flat_map(|k| (Just(k), (0..12_i64).prop_map(Json::from))),
        2 => (field.clone(), reference, prop::sample::select(fields))
            .prop_map(|(field, more, other)| (format!("{field}|fieldref{more}"), json!(other))),
        1 => (field.clone(), any::<bool>()).prop_map(|(field, b)| (format!("{field}|exists"), json!(b))),
        1 => (field.clone(), prop::sample::select(vec!["a+b", "^[ab]$", "a|B", "\\d", "(?i)AB", "b(a|b)*b"]), prop::sample::select(vec!["", "|i", "|neq"]))
            .prop_map(|(field, re, more)| (format!("{field}|re{more}"), json!(re))),
        1 => (field, prop::sample::select(vec!["0.0.0.0/0", "::/0"]))
            .prop_map(|(field, net)| (format!("{field}|cidr"), json!(net))),
    ]
}

fn map() -> impl Strategy<Value = Json> {
    let item = prop_oneof![8 => item(), 1 => block()];
    prop::collection::btree_map("[a-z]", item, 1..4).prop_map(|items| {
        let mut map = serde_json::Map::new();
        for (key, value) in items.into_values() {
            map.insert(key, value);
        }
        Json::Object(map)
    })
}

pub(crate) fn keywords() -> impl Strategy<Value = Json> {
    let word = || prop_oneof!["[ab]{1,2}", "[a*b?]{1,3}", "[0-9]"].prop_map(Json::from);
    prop_oneof![
        prop::collection::vec(word(), 1..5).prop_map(Json::from),
        prop::collection::vec(word(), 2..4).prop_map(|words| json!({"|all": words})),
    ]
}

fn selection() -> impl Strategy<Value = Json> {
    prop_oneof![
        6 => map(),
        2 => prop::collection::vec(map(), 1..4).prop_map(Json::from),
        1 => keywords(),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => prop::sample::select(vec!["s1", "s2", "t1", "_u"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["1 of s*", "all of s*", "1 of them", "all of them", "1 of *1"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("not {a}")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|m| format!("({})", m.join(" and "))),
            prop::collection::vec(inner, 2..4).prop_map(|m| format!("({})", m.join(" or "))),
        ]
    })
}

fn rule_of(selections: Vec<Json>, condition: String) -> String {
    let mut detection = serde_json::Map::new();
    for (name, selection) in ["s1", "s2", "t1", "_u"].into_iter().zip(selections) {
        detection.insert(name.to_owned(), selection);
    }
    detection.insert("condition".to_owned(), condition.into());
    // JSON is YAML.
    json!({"title": "T", "logsource": {"product": "p"}, "detection": detection}).to_string()
}

/// A rule of four selections, as text.
pub(crate) fn rule() -> impl Strategy<Value = String> {
    (prop::collection::vec(selection(), 4), condition())
        .prop_map(|(selections, condition)| rule_of(selections, condition))
}

/// Rules and events so small that most rules match some event: two fields, a handful of values,
/// questions that become index keys, references and encodings.
pub(crate) mod dense {
    use super::*;

    const VALUES: &[&str] = &["a", "A", "b", "aB", "YWI=", "xYWJh", "eGFi", "eHhhYg=="];

    pub(crate) fn event() -> impl Strategy<Value = Json> {
        let value = || prop::sample::select(VALUES).prop_map(Json::from);
        let leaf =
            || prop_oneof![3 => value(), 1 => prop::collection::vec(value(), 0..3).prop_map(Json::from)];
        (leaf(), leaf()).prop_map(|(a, b)| json!({"a": a, "b": b}))
    }

    fn map() -> impl Strategy<Value = Json> {
        let field = || prop::sample::select(vec!["a", "b"]);
        let values = || prop::collection::vec(prop::sample::select(VALUES), 1..3);
        let equality = (field(), prop::sample::select(vec!["", "", "|cased"]), values())
            .prop_map(|(field, more, values)| (format!("{field}{more}"), json!(values)));
        let reference = (field(), prop::sample::select(vec!["", "|cased", "|contains"]), field())
            .prop_map(|(field, more, other)| (format!("{field}|fieldref{more}"), json!(other)));
        let encoded = (field(), prop::sample::select(vec!["|base64", "|base64offset|contains"]), "a?b")
            .prop_map(|(field, more, value)| (format!("{field}{more}"), json!(value)));
        let item = || prop_oneof![6 => equality.clone(), 1 => reference.clone(), 1 => encoded.clone()];
        prop::collection::vec(item(), 1..3)
            .prop_map(|items| Json::Object(items.into_iter().collect::<serde_json::Map<_, _>>()))
    }

    pub(crate) fn rule() -> impl Strategy<Value = String> {
        let selection = prop_oneof![2 => map(), 1 => prop::collection::vec(map(), 1..3).prop_map(Json::from)];
        let condition = prop::sample::select(vec!["s1", "1 of s*", "s1 or s2", "s1 and s2", "s1 and not t1"]);
        (prop::collection::vec(selection, 4), condition)
            .prop_map(|(selections, condition)| rule_of(selections, condition.to_owned()))
    }
}

/// Rules and events as endpoints have them: paths, command lines, hashes and addresses over few words, so that
/// endings, beginnings, tokens, substrings and literals in regular expressions meet.
pub(crate) mod endpoint {
    use super::*;

    const NAMES: &[&str] =
        &["cmd.exe", "CMD.EXE", "powershell.exe", "whoami.exe", "a.exe", "xcmd.exe", "cmd.exe.bak"];
    const FOLDERS: &[&str] =
        &["C:\\Windows\\System32\\", "c:\\users\\ana\\", "\\\\host\\c$\\", "/usr/bin/", "", "C:\\Windows\\"];
    const WORDS: &[&str] = &[
        "-enc", "/enc", "–enc", "whoami", "WhoAmI", " ", "  ", "/c", "\"", "a*b", "a?b", "\\", "é", "K",
        "\u{212A}", "1", "true",
    ];
    const HASHES: &[&str] = &["SHA1=AB12", "sha1=ab12", "MD5=00FF", "IMPHASH=AB12", "SHA256=AB"];
    const ADDRESSES: &[&str] =
        &["10.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "-", "10.0.0.256"];
    const NUMBERS: &[i64] = &[0, 1, 4624, 4688, 65_535];

    fn path() -> impl Strategy<Value = String> {
        (prop::sample::select(FOLDERS), prop::sample::select(NAMES))
            .prop_map(|(folder, name)| format!("{folder}{name}"))
    }

    fn line() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop_oneof![3 => prop::sample::select(WORDS), 1 => prop::sample::select(NAMES)],
            0..5,
        )
        .prop_map(|words| words.concat())
    }

    fn hashes() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(HASHES), 1..4).prop_map(|hashes| hashes.join(","))
    }

    /// An event of a process or a connection; any field may be missing, null or a list.
    pub(crate) fn event() -> impl Strategy<Value = Json> {
        let text = |strategy: BoxedStrategy<String>| {
            prop_oneof![
                8 => strategy.clone().prop_map(Json::from),
                1 => prop::collection::vec(strategy.prop_map(Json::from), 0..3).prop_map(Json::from),
                1 => Just(Json::Null),
            ]
        };
        let number = prop_oneof![
            3 => prop::sample::select(NUMBERS).prop_map(Json::from),
            1 => prop::sample::select(NUMBERS).prop_map(|n| Json::from(n.to_string())),
            1 => prop::sample::select(NUMBERS).prop_map(|n| Json::from(n as f64)),
        ];
        let address = prop::sample::select(ADDRESSES).prop_map(str::to_owned);
        (
            text(path().boxed()),
            prop::option::of(text(path().boxed())),
            text(line().boxed()),
            prop::option::of(text(hashes().boxed())),
            prop::option::of(text(address.boxed())),
            prop::option::of(number),
        )
            .prop_map(|(image, parent, line, hashes, address, number)| {
                let fields = [
                    ("Image", Some(image)),
                    ("ParentImage", parent),
                    ("CommandLine", Some(line)),
                    ("Hashes", hashes),
                    ("DestinationIp", address),
                    ("EventID", number),
                ];
                let present = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
                Json::Object(present.collect())
            })
    }

    fn escaped(text: &str) -> String {
        text.replace('\\', "\\\\").replace('*', "\\*").replace('?', "\\?")
    }

    pub(crate) fn item() -> impl Strategy<Value = (String, Json)> {
        let image = || prop::sample::select(vec!["Image", "ParentImage"]);
        let ends = || prop::sample::select(NAMES).prop_map(|name| format!("\\{name}"));
        let many =
            |strategy: BoxedStrategy<String>| prop::collection::vec(strategy, 1..6).prop_map(|v| json!(v));
        let words = || prop::sample::select(WORDS).prop_map(escaped).boxed();
        let pairs = || (words(), words()).prop_map(|(a, b)| format!("{a}{b}")).boxed();
        let wild = (words(), words()).prop_map(|(a, b)| format!("{a}*{b}")).boxed();
        let place = || {
            prop::sample::select(vec![
                "|contains",
                "|startswith",
                "|endswith",
                "",
                "|contains|all",
                "|contains|cased",
                "|contains|windash",
                "|windash|startswith",
                "|contains|neq",
            ])
        };
        let regex = prop::sample::select(vec![
            "cmd\\.exe",
            "^C:.*\\\\cmd",
            "whoami|enc",
            "(?i)WHOAMI",
            "[a-z]+\\.exe$",
            "\\d",
            "SHA1=[0-9A-F]{4}",
            "^$",
            "k",
        ]);
        let network = prop::sample::select(vec![
            "10.0.0.0/8",
            "10.0.0.0/16",
            "192.168.0.0/16",
            "::1",
            "fe80::/10",
            "0.0.0.0/0",
            "10.0.0.1",
        ]);
        let order = prop::sample::select(vec!["|lt", "|lte", "|gt", "|gte", "", "|neq"]);
        prop_oneof![
            4 => (image(), many(ends().boxed())).prop_map(|(f, v)| (format!("{f}|endswith"), v)),
            2 => (image(), many(path().prop_map(|p| escaped(&p)).boxed())).prop_map(|(f, v)| (f.to_owned(), v)),
            2 => (image(), many(prop::sample::select(FOLDERS).prop_map(escaped).boxed())).prop_map(|(f, v)| (format!("{f}|startswith"), v)),
            4 => (place(), many(prop_oneof![words(), pairs(), wild].boxed())).prop_map(|(p, v)| (format!("CommandLine{p}"), v)),
            3 => (place(), many(prop::sample::select(HASHES).prop_map(str::to_owned).boxed())).prop_map(|(p, v)| (format!("Hashes{p}"), v)),
            2 => (prop::sample::select(vec!["CommandLine", "Image", "Hashes"]), prop::sample::select(vec!["", "|i"]), regex)
                .prop_map(|(f, i, re)| (format!("{f}|re{i}"), json!(re))),
            2 => prop::collection::vec(network, 1..3).prop_map(|n| ("DestinationIp|cidr".to_owned(), json!(n))),
            3 => (order, prop::sample::select(NUMBERS)).prop_map(|(o, n)| (format!("EventID{o}"), json!(n))),
            1 => prop::sample::select(vec!["Image", "Hashes", "EventID"]).prop_map(|f| (f.to_owned(), Json::Null)),
            1 => (image(), prop::sample::select(vec!["", "|endswith", "|startswith"]))
                .prop_map(|(f, p)| (format!("{f}|fieldref{p}"), json!("ParentImage"))),
        ]
    }

    fn map() -> impl Strategy<Value = Json> {
        prop::collection::vec(item(), 1..4)
            .prop_map(|items| Json::Object(items.into_iter().collect::<serde_json::Map<_, _>>()))
    }

    /// A rule as SigmaHQ writes them: selections and filters.
    pub(crate) fn rule() -> impl Strategy<Value = String> {
        let keywords = prop::collection::vec(prop::sample::select(WORDS).prop_map(escaped), 1..4)
            .prop_map(|words| Json::from(words.into_iter().map(Json::from).collect::<Vec<_>>()));
        let selection = prop_oneof![
            4 => map(),
            2 => prop::collection::vec(map(), 1..3).prop_map(Json::from),
            1 => keywords,
        ];
        let condition = prop::sample::select(vec![
            "s1",
            "s1 and s2",
            "s1 or s2",
            "1 of s*",
            "all of s*",
            "s1 and not t1",
            "1 of s* and not 1 of t*",
            "not s1",
            "s1 and not (t1 or _u)",
            "all of them",
        ]);
        (prop::collection::vec(selection, 4), condition)
            .prop_map(|(selections, condition)| rule_of(selections, condition.to_owned()))
    }
}

/// Values as an attacker would choose them: long, many in one field, hardly two alike, full of what rules look for.
pub(crate) fn hostile_event() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        (r"[abAB\\. -]{1,6}", 1..120_usize).prop_map(|(part, times)| part.repeat(times)),
        r"(aa|ab|b|\\a\.exe| -enc ?|10\.0\.0\.[0-9]|[0-9]{1,3}|\u{212A}|x){0,40}",
        Just("a".repeat(4_200)),
        Just(format!("{}b", "ab".repeat(300))),
    ];
    let many = prop::collection::vec(text.clone(), 0..40).prop_map(Json::from);
    let leaf = || prop_oneof![4 => text.clone().prop_map(Json::from), 1 => many.clone()];
    (leaf(), leaf(), leaf()).prop_map(|(a, b, e)| json!({"a": a, "b": b, "d": {"e": e}}))
}

/// Rules whose patterns begin, end and contain one another, with expressions and networks among them.
pub(crate) fn overlapping_rule() -> impl Strategy<Value = String> {
    let item = || {
        let texts = prop::collection::vec(r"(aa?|ab|ba|b|\\a\.exe|\.exe| -enc|a\*b|\?b|[0-9]){1,3}", 1..12);
        let placed = prop::sample::select(vec![
            "",
            "|contains",
            "|startswith",
            "|endswith",
            "|contains|all",
            "|contains|cased",
        ]);
        let field = || prop::sample::select(vec!["a", "b", "d.e"]);
        let expression = prop::sample::select(vec![
            r"(ab|ba)+\.exe",
            r"(?i)AB\s*-enc",
            r"^a+b$",
            r"\d{2,}",
            "[ab]x|\u{212A}",
            r"(?:aa|bb)[^a]",
        ]);
        prop_oneof![
            6 => (field(), placed, texts).prop_map(|(field, more, texts)| (format!("{field}{more}"), json!(texts))),
            2 => (field(), prop::sample::select(vec!["|re", "|re|i"]), expression)
                .prop_map(|(field, more, re)| (format!("{field}{more}"), json!(re))),
            1 => field().prop_map(|field| (format!("{field}|cidr"), json!(["10.0.0.0/29", "10.0.0.4"]))),
            1 => (field(), 0..400_u32).prop_map(|(field, n)| (format!("{field}|gte"), json!(n))),
        ]
    };
    let map = move || {
        prop::collection::vec(item(), 1..4)
            .prop_map(|items| Json::Object(items.into_iter().collect::<serde_json::Map<_, _>>()))
    };
    let condition = prop::sample::select(vec![
        "s1",
        "1 of them",
        "s1 and s2",
        "s1 and not t1",
        "(s1 or s2) and not (t1 and _u)",
    ]);
    (prop::collection::vec(map(), 4), condition)
        .prop_map(|(selections, condition)| rule_of(selections, condition.to_owned()))
}

/// Lists of objects, lists of texts, lists within lists, and what stands there without a list.
pub(crate) mod elements {
    use super::*;

    pub(crate) fn event() -> impl Strategy<Value = Json> {
        let value = || {
            prop_oneof![
                6 => prop::sample::select(vec!["a", "A", "b", "ab"]).prop_map(Json::from),
                1 => (0..3_i64).prop_map(Json::from),
                1 => Just(Json::Null),
            ]
        };
        let leaf =
            move || prop_oneof![4 => value(), 1 => prop::collection::vec(value(), 0..3).prop_map(Json::from)];
        let inner = move || prop::collection::btree_map(prop::sample::select(vec!["k", "v"]), leaf(), 0..3);
        let object = move || {
            (inner(), prop::collection::vec(inner(), 0..3)).prop_map(|(own, list)| {
                let mut object = json!(own);
                if !list.is_empty() {
                    object["in"] = json!(list);
                }
                object
            })
        };
        let member = move || {
            prop_oneof![
                5 => object(),
                2 => value(),
                1 => prop::collection::vec(prop_oneof![object(), value()], 0..3).prop_map(Json::from),
            ]
        };
        let list = prop_oneof![
            6 => prop::collection::vec(member(), 0..5).prop_map(Json::from),
            1 => object(),
            1 => value(),
        ];
        prop_oneof![8 => list.prop_map(|list| json!({"list": list, "a": "ab"})), 1 => Just(json!({"a": "a"}))]
    }

    fn body(names: &'static [&'static str]) -> impl Strategy<Value = Json> {
        let more = prop::sample::select(vec![
            "",
            "|contains",
            "|startswith",
            "|neq",
            "|exists",
            "|cased",
            "|fieldref",
            "|re",
            "|gte",
            "null",
        ]);
        let values = prop::collection::vec(prop::sample::select(vec!["a", "A", "b", "ab"]), 1..3);
        let item = (prop::sample::select(names), more, values).prop_map(|(name, more, values)| match more {
            "|exists" => (format!("{name}|exists"), json!(values.len() == 1)),
            "|gte" => (format!("{name}|gte"), json!(1)),
            "|re" => (format!("{name}|re"), json!("^a")),
            "|fieldref" => (format!("{name}|fieldref"), json!("v")),
            "null" => (name.to_owned(), Json::Null),
            more => (format!("{name}{more}"), json!(values)),
        });
        let map = || {
            prop::collection::vec(item.clone(), 1..3)
                .prop_map(|items| Json::Object(items.into_iter().collect::<serde_json::Map<_, _>>()))
        };
        prop_oneof![4 => map(), 1 => prop::collection::vec(map(), 1..3).prop_map(Json::from)]
    }

    pub(crate) fn rule() -> impl Strategy<Value = String> {
        let quantifier = || prop::sample::select(vec!["any", "all", "all_or_empty", "none"]);
        let nested =
            (quantifier(), body(&["k", "v", "."]), any::<bool>()).prop_map(|(quantifier, body, both)| {
                let mut map = json!({ format!("in[{quantifier}]"): body });
                if both {
                    map["k"] = json!("a");
                }
                map
            });
        let block = prop_oneof![3 => body(&["k", "v", ".", "in", "in.k"]), 1 => nested, 1 => Just(json!(["a", "ab"]))];
        let map = (quantifier(), block, any::<bool>()).prop_map(|(quantifier, block, both)| {
            let mut map = json!({ format!("list[{quantifier}]"): block });
            if both {
                map["a|startswith"] = json!("a");
            }
            map
        });
        let condition = prop::sample::select(vec!["s1", "1 of s*", "s1 and not t1", "not s1", "all of them"]);
        (prop::collection::vec(map, 4), condition)
            .prop_map(|(selections, condition)| rule_of(selections, condition.to_owned()))
    }
}

/// Rules in one set of the seeded run, and events that run over it: the pairs of a round are their product.
const RULES_PER_ROUND: usize = 40;
const EVENTS_PER_ROUND: usize = 25;

/// What a seeded run saw.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// Pairs of a rule and an event.
    pub(crate) asked: u64,
    /// Pairs that match.
    pub(crate) matched: u64,
    /// Rules that ask about the elements of an array.
    pub(crate) of_elements: u64,
    /// The first differences, each with the rule and the event.
    pub(crate) differences: Vec<String>,
}

/// A runner of strategies that gives the same from the same seed.
pub(crate) fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(ProptestConfig::default(), rng)
}

/// At least `pairs` pairs from a seed, each answered by both evaluators; one scratch serves a whole round, as it does
/// a worker. Stops at ten differences.
pub(crate) fn seeded(seed: u64, pairs: u64) -> Pairs {
    let mut runner = runner(seed);
    let (mut found, mut round) = (Pairs::default(), 0_u64);
    while found.asked < pairs && found.differences.len() < 10 {
        match round % 4 {
            0 => one_round(&mut runner, &rule(), &listed_event(), &mut found),
            1 => one_round(&mut runner, &dense::rule(), &dense::event(), &mut found),
            2 => one_round(&mut runner, &elements::rule(), &elements::event(), &mut found),
            _ => one_round(&mut runner, &endpoint::rule(), &endpoint::event(), &mut found),
        }
        round += 1;
    }
    found
}

fn one_round(
    runner: &mut TestRunner,
    rule: &impl Strategy<Value = String>,
    event: &impl Strategy<Value = Json>,
    found: &mut Pairs,
) {
    let texts: Vec<String> = (0..RULES_PER_ROUND).map(|_| rule.new_tree(runner).unwrap().current()).collect();
    let events: Vec<Json> =
        (0..EVENTS_PER_ROUND).map(|_| event.new_tree(runner).unwrap().current()).collect();
    found.of_elements +=
        texts.iter().filter(|text| text.contains("]\":") || text.contains("]|")).count() as u64;
    match compare(&texts, &events) {
        Ok((matched, differences)) => {
            found.matched += matched;
            found.differences.extend(differences);
        }
        Err(reason) => found.differences.push(reason),
    }
    found.asked += (texts.len() * events.len()) as u64;
}

/// Both evaluators on every pair: how many pairs match, and where the two differ.
pub(crate) fn compare(texts: &[String], events: &[Json]) -> Result<(u64, Vec<String>), String> {
    let rules = texts
        .iter()
        .map(|text| parse_rules(text, "r").remove(0).map_err(|e| format!("{e} {text}")))
        .collect::<Result<Vec<_>, _>>()?;
    let mut fields = Fields::default();
    let (set, errors) = RuleSet::compile(rules, &mut fields);
    if !errors.is_empty() {
        return Err(format!("{errors:?}"));
    }
    let route = set.route_all();
    let (mut scratch, mut matched, mut differences) = (MatchScratch::new(), 0, Vec::new());
    for event in events {
        let view = JsonView::new(event, &fields);
        let mut found = Vec::new();
        set.matches(&route, &view, &mut scratch, &mut |rule| found.push(rule));
        for (index, (rule, text)) in set.rules().iter().zip(texts).enumerate() {
            let (index, expected) = (RuleIndex(index as u32), reference::matches(rule, &mut fields, &view));
            matched += u64::from(expected);
            let answers = [
                ("matches", found.contains(&index)),
                ("matches_rule", set.matches_rule(index, &view, &mut scratch)),
            ];
            for (by, answer) in answers {
                if answer != expected {
                    differences.push(format!("{by} says {answer}, the reference {expected}: {event} {text}"));
                }
            }
        }
        if !found.is_sorted() {
            differences.push(format!("hits out of order: {found:?} {event}"));
        }
    }
    Ok((matched, differences))
}
