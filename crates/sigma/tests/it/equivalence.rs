//! Random rules over random events: the compiled program answers as the reference evaluator does.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use sigma::limits::MEMO_BYTES_MAX;
use sigma::{MatchScratch, RuleIndex, RuleSet, parse_rules, reference};

use crate::json_view::{Fields, JsonView};

const FIELDS: &[&str] = &["a", "b", "c", "d.e", "d.f"];

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

fn event() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        4 => value(),
        1 => prop::collection::vec(value(), 0..3).prop_map(Json::from),
    ];
    prop::collection::vec((prop::sample::select(FIELDS), leaf), 0..5).prop_map(|leaves| {
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

/// A field's key with modifiers, and values that suit them.
fn item() -> impl Strategy<Value = (String, Json)> {
    let field = prop::sample::select(FIELDS);
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
        2 => (field.clone(), reference, prop::sample::select(FIELDS))
            .prop_map(|(field, more, other)| (format!("{field}|fieldref{more}"), json!(other))),
        1 => (field.clone(), any::<bool>()).prop_map(|(field, b)| (format!("{field}|exists"), json!(b))),
        1 => (field.clone(), prop::sample::select(vec!["a+b", "^[ab]$", "a|B", "\\d"]))
            .prop_map(|(field, re)| (format!("{field}|re"), json!(re))),
        1 => (field, prop::sample::select(vec!["0.0.0.0/0", "::/0"]))
            .prop_map(|(field, net)| (format!("{field}|cidr"), json!(net))),
    ]
}

fn map() -> impl Strategy<Value = Json> {
    prop::collection::btree_map("[a-z]", item(), 1..4).prop_map(|items| {
        let mut map = serde_json::Map::new();
        for (key, value) in items.into_values() {
            map.insert(key, value);
        }
        Json::Object(map)
    })
}

fn keywords() -> impl Strategy<Value = Json> {
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

fn rule() -> impl Strategy<Value = String> {
    (prop::collection::vec(selection(), 4), condition())
        .prop_map(|(selections, condition)| rule_of(selections, condition))
}

/// Rules and events so small that most rules match some event: two fields, a handful of values,
/// questions that become index keys, references and encodings.
mod dense {
    use super::*;

    const VALUES: &[&str] = &["a", "A", "b", "aB", "YWI=", "xYWJh", "eGFi", "eHhhYg=="];

    pub(super) fn event() -> impl Strategy<Value = Json> {
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

    pub(super) fn rule() -> impl Strategy<Value = String> {
        let selection = prop_oneof![2 => map(), 1 => prop::collection::vec(map(), 1..3).prop_map(Json::from)];
        let condition = prop::sample::select(vec!["s1", "1 of s*", "s1 or s2", "s1 and s2", "s1 and not t1"]);
        (prop::collection::vec(selection, 4), condition)
            .prop_map(|(selections, condition)| rule_of(selections, condition.to_owned()))
    }
}

/// Compiles the rules and asserts that both evaluators say the same of every event, each `rounds` times: the first
/// time a value is unknown, later it is remembered. With a memory of the usual size, of hardly any, and none.
fn agree(texts: &[String], events: &[Json], rounds: usize) -> Result<(), TestCaseError> {
    let rules = texts
        .iter()
        .map(|text| parse_rules(text, "r").remove(0).map_err(|e| TestCaseError::fail(format!("{e} {text}"))))
        .collect::<Result<Vec<_>, _>>()?;
    let mut fields = Fields::default();
    let (set, errors) = RuleSet::compile(rules, &mut fields);
    prop_assert!(errors.is_empty(), "{errors:?}");
    let route = set.route_all();
    let half = set.route_where(|rule| rule.line % 2 == 1 || rule.title.len() % 2 == 1);
    let mut scratches =
        [MatchScratch::new(), MatchScratch::with(3, MEMO_BYTES_TINY), MatchScratch::with(u64::MAX, 0)];
    let expected: Vec<Vec<RuleIndex>> = events
        .iter()
        .map(|event| {
            let view = JsonView::new(event, &fields);
            let rules = set.rules().iter().zip(0..);
            rules
                .filter(|(rule, _)| reference::matches(rule, &mut fields, &view))
                .map(|(_, at)| RuleIndex(at))
                .collect()
        })
        .collect();
    for scratch in &mut scratches {
        for _ in 0..rounds {
            for (event, expected) in events.iter().zip(&expected) {
                let view = JsonView::new(event, &fields);
                let mut found = Vec::new();
                set.matches(&route, &view, scratch, &mut |rule| found.push(rule));
                prop_assert_eq!(&found, expected, "{} {:?}", event, texts);
                found.clear();
                set.matches(&half, &view, scratch, &mut |rule| found.push(rule));
                let of_half: Vec<RuleIndex> =
                    expected.iter().copied().filter(|rule| half.rules().contains(rule)).collect();
                prop_assert_eq!(&found, &of_half, "{} {:?}", event, texts);
            }
            prop_assert!(scratch.memo_bytes() <= MEMO_BYTES_MAX);
        }
        for (event, expected) in events.iter().zip(&expected) {
            let view = JsonView::new(event, &fields);
            for rule in (0..set.rules().len() as u32).map(RuleIndex) {
                prop_assert_eq!(set.matches_rule(rule, &view, scratch), expected.contains(&rule));
            }
        }
    }
    Ok(())
}

/// Room for one table of the memory and hardly more.
const MEMO_BYTES_TINY: usize = 32 * 1024;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn compiled_and_reference_agree(
        texts in prop::collection::vec(rule(), 1..6),
        events in prop::collection::vec(event(), 1..5),
    ) {
        agree(&texts, &events, 3)?;
    }

    #[test]
    fn compiled_and_reference_agree_where_most_rules_match(
        texts in prop::collection::vec(dense::rule(), 1..6),
        events in prop::collection::vec(dense::event(), 1..8),
    ) {
        agree(&texts, &events, 3)?;
    }

    #[test]
    fn no_text_breaks_the_parser(text in r"[a-z:|\[\]{}&*!'\x22 \n#%,-]{0,60}") {
        for result in parse_rules(&text, "f") {
            if let Err(error) = result {
                prop_assert!(error.line >= 1 && !error.reason.is_empty());
            }
        }
    }
}

/// Values as an attacker would choose them: long, many in one field, hardly two alike, full of what rules look for.
fn hostile_event() -> impl Strategy<Value = Json> {
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
fn overlapping_rule() -> impl Strategy<Value = String> {
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
mod elements {
    use super::*;

    pub(super) fn event() -> impl Strategy<Value = Json> {
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

    pub(super) fn rule() -> impl Strategy<Value = String> {
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

proptest! {
    #[test]
    fn compiled_and_reference_agree_on_elements_of_arrays(
        texts in prop::collection::vec(elements::rule(), 1..5),
        events in prop::collection::vec(elements::event(), 1..6),
    ) {
        agree(&texts, &events, 3)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn compiled_and_reference_agree_on_hostile_values(
        texts in prop::collection::vec(overlapping_rule(), 1..12),
        events in prop::collection::vec(hostile_event(), 1..4),
    ) {
        agree(&texts, &events, 3)?;
    }

    /// So many rounds that guards are chosen anew, by what was counted, and more rules than most routes have fields.
    #[test]
    fn compiled_and_reference_agree_while_guards_change(
        texts in prop::collection::vec(prop_oneof![rule(), dense::rule(), overlapping_rule()], 20..60),
        events in prop::collection::vec(prop_oneof![event(), dense::event()], 8..24),
    ) {
        agree(&texts, &events, 40)?;
    }
}
