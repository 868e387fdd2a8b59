use super::*;
use proptest::strategy::Strategy;

fn read(fields: &[&str], json: &str) -> Vec<Vec<String>> {
    let mut table = FieldTable::default();
    let ids: Vec<_> = fields.iter().map(|f| table.intern(f)).collect();
    let mut tape = Tape::new();
    // a first record, so that stale state of the tape would show
    tape.parse(&table, br#"{"a":{"b":"stale"},"c":["stale"]}"#).unwrap();
    let view = tape.parse(&table, json.as_bytes()).unwrap();
    ids.iter()
        .map(|&id| view.all(id).filter_map(|n| n.scalar()).map(|s| format!("{s:?}")).collect())
        .collect()
}

#[test]
fn fields_are_found_at_their_paths() {
    type Case = (&'static [&'static str], &'static str, &'static [&'static [&'static str]]);
    let cases: &[Case] = &[
        (&["a.b", "c"], r#"{"c":1,"a":{"b":"x"}}"#, &[&[r#"Str("x")"#], &["Uint(1)"]]),
        (&["a.b"], r#"{"a.b":-2}"#, &[&["Int(-2)"]]),
        (&["a.b"], r#"{"a":[{"b":1},{"b":[2,3]}]}"#, &[&["Uint(1)", "Uint(2)", "Uint(3)"]]),
        (&["a{}.b"], r#"{"a":[{"b":null}]}"#, &[&["Null"]]),
        (&["a"], r#"{"a":"q\"\u00e9"}"#, &[&[r#"Str("q\"é")"#]]),
        (&["a", "a.b"], r#"{"a":{"b":true}}"#, &[&[], &["Bool(true)"]]),
        (&["a"], r#"{"b":{"a":1}}"#, &[&[]]),
    ];
    for (fields, json, expected) in cases {
        assert_eq!(&read(fields, json), expected, "{fields:?} of {json}");
    }
}

#[test]
fn bad_records_are_named() {
    let table = FieldTable::default();
    let mut tape = Tape::new();
    let mut refuse = |bytes: &[u8]| tape.parse(&table, bytes).map(|_| ()).unwrap_err();
    assert_eq!(refuse(b"{\"a\":\"\xff\"}"), TapeError::InvalidUtf8 { offset: 6 });
    assert!(matches!(refuse(b"{\"a\":"), TapeError::InvalidJson { .. }));
    assert!(matches!(refuse(b"{} {}"), TapeError::InvalidJson { .. }));
    assert_eq!(refuse(b"[1]"), TapeError::NotAnObject);
    let deep = [br#"{"a":"#.repeat(100_000), b"1".to_vec(), b"}".repeat(100_000)].concat();
    assert_eq!(refuse(&deep), TapeError::TooDeep);
    assert!(tape.parse(&table, b"{}").is_ok());
}

/// What the tape has at a place, as another reader of JSON would give it.
fn value(node: crate::Node<'_>) -> serde_json::Value {
    use serde_json::{Number, Value};
    match (node.kind(), node.scalar()) {
        (Kind::Array, _) => node.children().map(value).collect(),
        (Kind::Object, _) => {
            Value::Object(node.children().map(|child| (child.key().to_owned(), value(child))).collect())
        }
        (_, Some(Scalar::Bool(v))) => Value::Bool(v),
        (_, Some(Scalar::Int(v))) => v.into(),
        (_, Some(Scalar::Uint(v))) => v.into(),
        (_, Some(Scalar::Float(v))) => Number::from_f64(v).map_or(Value::Null, Value::Number),
        (_, Some(Scalar::Str(v))) => v.into(),
        (_, Some(Scalar::Null) | None) => Value::Null,
    }
}

/// Equal, but that the other reader may err in a fraction's last digit.
fn same(ours: &serde_json::Value, theirs: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (ours, theirs) {
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Object(a), Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
        }
        (Number(a), Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= a.abs() * 1e-15
        }
        _ => ours == theirs,
    }
}

/// The same answer as `serde_json`: the same value, or a refusal.
fn agrees(record: &str) {
    let table = FieldTable::default();
    let mut tape = Tape::new();
    // a first record, so that stale state of the tape would show
    tape.parse(&table, br#"{"a\n":["\u0041",1.5]}"#).unwrap();
    let ours = tape.parse(&table, record.as_bytes());
    match (ours, serde_json::from_str::<serde_json::Value>(record)) {
        (Ok(view), Ok(theirs)) => {
            for time in 1..3 {
                assert!(same(&value(view.root()), &theirs), "asked {time} times: {record}");
            }
            if let Some(verbatim) = view.verbatim() {
                let plain = |text: &str| !text.contains(['"', '\\', '/']) && !text.contains(char::is_control);
                let mut texts = view.scalars().filter_map(|scalar| match scalar {
                    Scalar::Str(text) => Some(text.to_owned()),
                    Scalar::Int(number) => Some(number.to_string()),
                    Scalar::Uint(number) => Some(number.to_string()),
                    _ => None,
                });
                assert!(texts.all(|text| !plain(&text) || verbatim.contains(&text)), "{record}");
            }
        }
        (Err(TapeError::NotAnObject), Ok(theirs)) => assert!(!theirs.is_object(), "{record}"),
        (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{record}: {ours:?}, but {theirs:?}"),
    }
}

#[test]
fn reads_what_another_reader_reads() {
    for record in [
        "{}",
        " { } ",
        "{\"a\":[]}",
        "[{}]",
        "1",
        "",
        " ",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1}}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{\"a\" : [ 1 , 2 ] }\n",
        "{'a':1}",
        "{a:1}",
        "{\"a\":nul}",
        "{\"a\":truefalse}",
        "{\"a\":True}",
        "{\"a\":01}",
        "{\"a\":-}",
        "{\"a\":-01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":1e+}",
        "{\"a\":+1}",
        "{\"a\":0.0}",
        "{\"a\":-0}",
        "{\"a\":-0.0}",
        "{\"a\":1E5}",
        "{\"a\":1e-7}",
        "{\"a\":18446744073709551615}",
        "{\"a\":18446744073709551616}",
        "{\"a\":-9223372036854775808}",
        "{\"a\":-9223372036854775809}",
        "{\"a\":1e308}",
        "{\"a\":1e309}",
        "{\"a\":1e-400}",
        "{\"a\":NaN}",
        "{\"a\":123456789012345678901234567890}",
        "{\"a\":0x10}",
        "{\"a\":\"\\u0041\\ud83d\\ude00\"}",
        "{\"a\":\"\\ud83d\"}",
        "{\"a\":\"\\ude00\"}",
        "{\"a\":\"\\ud83d\\u0041\"}",
        "{\"a\":\"\\ud83d\\ud83d\"}",
        "{\"a\":\"\\u00g1\"}",
        "{\"a\":\"\\u+041\"}",
        "{\"a\":\"\\q\"}",
        "{\"a\":\"\\\"}",
        "{\"a\":\"\\\\\"}",
        "{\"a\":\"tab\there\"}",
        "{\"a\":\"nul\u{0}\"}",
        "{\"a\":\"\u{7f}\"}",
        "{\"a\\nb\":1}",
        "{\"a\":\"unended",
        "{\"a\":\"\\",
        "\u{feff}{}",
        "{}\u{a0}",
        "{\"a\":\"\\b\\f\\n\\r\\t\\/\\\"\"}",
    ] {
        agrees(record);
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let scalar = proptest::prop_oneof![
        proptest::prelude::any::<bool>().prop_map(Into::into),
        proptest::prelude::any::<i64>().prop_map(Into::into),
        proptest::prelude::any::<u64>().prop_map(Into::into),
        (-1e12..1e12).prop_map(serde_json::Value::from),
        "[ -~]{0,70}|.{0,24}|[\"\\\\/\\n\\t\u{1}a]{0,40}".prop_map(serde_json::Value::from),
        proptest::strategy::Just(serde_json::Value::Null),
    ];
    scalar.prop_recursive(4, 24, 6, |inner| {
        proptest::prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            proptest::collection::vec((".{0,10}", inner), 0..6).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

const PIECES: [&str; 26] = [
    "\"", "\\", "/", "{", "}", "[", "]", ",", ":", "u", "0", "9", "-", ".", "e", "n", "t", " ", "\n",
    "\u{1}", "é", "\\u0041", "\\ud83d", "\\ude00", "true", "1e9",
];

proptest::proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes: Vec<u8>) {
        let mut table = FieldTable::default();
        table.intern("a.b");
        let _ = Tape::new().parse(&table, &bytes);
    }

    #[test]
    fn reads_any_json_and_what_is_nearly_json(
        json in json(),
        cuts in proptest::collection::vec((0usize..4096, 0usize..3, 0usize..26), 0..4),
    ) {
        let mut record = serde_json::json!({ "a": json }).to_string();
        agrees(&record);
        for (at, removed, piece) in cuts {
            let mut bounds = record.char_indices().map(|(at, _)| at).chain([record.len()]);
            let from = bounds.nth(at % (record.chars().count() + 1)).unwrap_or(record.len());
            let to = record[from..].char_indices().map(|(at, _)| from + at).nth(removed).unwrap_or(record.len());
            record.replace_range(from..to, PIECES[piece]);
            agrees(&record);
        }
    }

    #[test]
    fn every_scalar_is_on_the_tape(words in proptest::collection::vec(".{0,12}", 0..8)) {
        let record = serde_json::json!({ "w": words }).to_string();
        let mut table = FieldTable::default();
        let field = table.intern("w");
        let mut tape = Tape::new();
        let view = tape.parse(&table, record.as_bytes()).unwrap();
        let read: Vec<_> = view.all(field).filter_map(|n| n.str()).collect();
        proptest::prop_assert_eq!(read, words);
    }
}
