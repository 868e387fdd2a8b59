//! The shipped forms, the cases beside them, and forms that are none.

use proptest::prelude::*;
use report::form::{FORMS_MAX, Form, Forms, REQUIRED_FIELDS_MAX};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::Path;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    service: Option<String>,
    title: Option<String>,
    fields: Map<String, Value>,
    #[serde(default)]
    errors: Vec<String>,
    title_is: Option<String>,
    service_is: Option<String>,
    entities: Option<Vec<String>>,
    forbidden: Option<Vec<String>>,
}

fn forms() -> Forms {
    Forms::shipped().unwrap()
}

fn check(form: &Form, case: &Case) {
    let what = format!("{}: {}", form.form_type(), case.name);
    let judged = form.validate(&case.fields, case.service.as_deref(), case.title.as_deref());
    let errors: Vec<&str> =
        judged.as_ref().err().into_iter().flatten().map(|error| error.field.as_str()).collect();
    assert_eq!(errors, case.errors, "{what}: {judged:?}");
    if let Some(forbidden) = &case.forbidden {
        let text: Vec<&str> = case.fields.values().filter_map(Value::as_str).collect();
        let found = form.forbidden_in(&text.join("\n"));
        let found: Vec<&str> = found.iter().map(|forbidden| forbidden.category.as_str()).collect();
        assert_eq!(found, *forbidden, "{what}");
    }
    let Ok(answers) = judged else { return };
    if let Some(title) = &case.title_is {
        assert_eq!(answers.title, *title, "{what}");
    }
    if let Some(service) = &case.service_is {
        assert_eq!(answers.service.as_ref(), Some(service), "{what}");
    }
    if let Some(entities) = &case.entities {
        let found = form.entities(&answers.fields, answers.service.as_deref());
        let found: Vec<String> = found.iter().map(|e| format!("{}:{}", e.kind.as_str(), e.value)).collect();
        assert_eq!(found, *entities, "{what}");
    }
    assert!(!answers.text.is_empty() && !answers.fields.contains_key("service"), "{what}");
    // what was taken is taken again, unchanged: a report is judged here after the surface judged it
    let again = form.validate(&answers.fields, answers.service.as_deref(), Some(&answers.title)).unwrap();
    assert_eq!(again, answers, "{what}");
}

#[test]
fn the_cases_beside_the_forms_hold() {
    let forms = forms();
    let mut cases_run = 0;
    for form in forms.iter() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("../../content/forms/tests/{}.yaml", form.form_type()));
        let cases: Vec<Case> = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert!(
            cases.iter().any(|case| case.errors.is_empty())
                && cases.iter().any(|case| !case.errors.is_empty())
        );
        let warned = |category: &str| {
            cases.iter().any(|case| case.forbidden.as_ref().is_some_and(|f| f.iter().any(|c| c == category)))
        };
        assert!(form.view().forbidden.iter().any(|forbidden| warned(&forbidden.category)), "{path:?}");
        cases.iter().for_each(|case| check(form, case));
        cases_run += cases.len();
    }
    println!("{cases_run} cases of {} forms", forms.iter().count());
    assert!(forms.iter().count() >= 6 && cases_run >= 40);
}

#[test]
fn shipped_forms_are_short_and_shown_as_the_api_says() {
    for form in forms().iter() {
        let view = serde_json::to_value(form.view()).unwrap();
        let required = view["required"].as_array().unwrap();
        assert!((1..=REQUIRED_FIELDS_MAX).contains(&required.len()), "{}", form.form_type());
        assert!(!view["warning"].as_str().unwrap().is_empty());
        assert_eq!(view["schema"]["required"], view["required"]);
        for field in view["fields"].as_array().unwrap() {
            let is_required = required.contains(&field["name"]);
            assert_eq!(field["required"], json!(is_required));
            assert!(field["choices"].is_array() == (field["kind"] == "choice"), "{field}");
            assert!(field["max_chars"].is_u64() != field["choices"].is_array(), "{field}");
            // whoever fills it in beforehand must not fill in what only the reporter knows
            assert!(!(is_required && field["prefilled"] == true), "{field}");
        }
    }
}

#[test]
fn errors_never_repeat_the_answer() {
    let secret = "hunter2-hunter2";
    let mut refused = 0;
    for form in forms().iter() {
        for field in form.fields() {
            for value in [json!(secret), json!([secret, secret]), json!({ "x": secret }), json!([[secret]])] {
                let mut fields = Map::new();
                fields.insert(field.name.clone(), value);
                let said = format!("{:?}", form.validate(&fields, None, None).err());
                assert!(!said.contains(secret), "{said}");
                refused += usize::from(said != "None");
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn answers_have_bounds() {
    let forms = forms();
    let form = forms.get("policy-or-other").unwrap();
    let told = |what: String| json!({ "what": what }).as_object().unwrap().clone();
    assert!(form.validate(&told("é".repeat(8_000)), None, None).is_ok());
    let error = form.validate(&told("é".repeat(8_001)), None, None).unwrap_err();
    assert_eq!(error[0].message, "has at most 8000 characters");
    let long = "s".repeat(129);
    assert_eq!(form.validate(&told("é".repeat(20)), Some(&long), None).unwrap_err()[0].field, "service");
    let many: Map<String, Value> = (0..1_000).map(|i| (format!("f{i}"), json!("x"))).collect();
    assert!(form.validate(&many, None, None).unwrap_err().len() <= 32);
    // a long title is cut at a word
    let answers = form.validate(&told("word ".repeat(100)), None, None).unwrap();
    assert!(answers.title.chars().count() <= 160 && answers.title.ends_with("word…"), "{}", answers.title);
}

const SMALL: &str = "type: t
version: 1
rule: 00000000-0000-4000-8000-000000000000
severity: low
title: T
description: D
warning: W
text: what
fields:
  - { name: what, label: What, kind: textarea }
schema:
  type: object
  additionalProperties: false
  required: [what]
  properties:
    what: { type: string, maxLength: 100 }
";

#[test]
fn a_file_that_does_not_fit_is_refused_with_the_reason() {
    assert!(Form::parse("t.yaml", SMALL).is_ok());
    let cases = [
        ("type: t\n", "type: T t\n", "lower-case"),
        ("version: 1", "version: 0", "begins with 1"),
        ("rule: 0", "rule: x", "UUID"),
        ("severity: low", "severity: bad", "bad"),
        ("title: T", "title: ''", "`title` is empty"),
        ("warning: W", "colour: red", "colour"),
        ("text: what", "text: why", "must be a required field"),
        ("kind: textarea", "kind: choice", "go together"),
        ("kind: textarea", "kind: list", "a list is an array"),
        ("kind: textarea }", "kind: textarea, prefill: weather }", "`prefill` is one of"),
        ("additionalProperties: false", "additionalProperties: true", "additionalProperties"),
        ("required: [what]", "required: [what, why]", "not among `fields`"),
        ("maxLength: 100", "maxLength: 100000", "maxLength"),
        ("maxLength: 100", "minLength: 1", "maxLength"),
        ("maxLength: 100", "maxLength: 100, pattern: '('", "schema cannot be used"),
        ("what: { type: string", "what: { type: number", "type: string"),
        ("name: what,", "name: title,", "is not `title`"),
        (
            "text: what\n",
            "text: what\nforbidden: [{ category: c, message: m, words: [Upper] }]\n",
            "lower case",
        ),
    ];
    for (was, is, why) in cases {
        assert!(SMALL.contains(was), "{was}");
        let error = Form::parse("t.yaml", &SMALL.replacen(was, is, 1)).unwrap_err().to_string();
        assert!(error.contains("t.yaml") && error.contains(why), "{is}: {error}");
    }
    let four = SMALL.replace("required: [what]", "required: [what, a, b, c]");
    assert!(Form::parse("t.yaml", &four).unwrap_err().to_string().contains("3 at most"));
    assert!(Form::parse("t.yaml", &format!("{SMALL}#{}", "x".repeat(70_000))).is_err());
}

#[test]
fn a_folder_replaces_and_adds_forms() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("own.yaml", SMALL);
    write("phishing.yaml", &SMALL.replace("type: t\n", "type: phishing\n").replace("rule: 0", "rule: 1"));
    write("notes.txt", "no form");
    let loaded = Forms::load(Some(folder.path())).unwrap();
    assert_eq!(loaded.iter().count(), forms().iter().count() + 1);
    assert_eq!(loaded.get("phishing").unwrap().title(), "T");
    write("twin.yaml", &SMALL.replace("type: t\n", "type: twin\n"));
    assert!(Forms::load(Some(folder.path())).unwrap_err().to_string().contains("fresh UUID"));
    let missing = Forms::load(Some(&folder.path().join("absent"))).unwrap_err().to_string();
    assert!(missing.contains("forms_dir"), "{missing}");
    let mut many = forms();
    let nth = |i: usize| {
        let text = SMALL.replace("type: t\n", &format!("type: t{i}\n"));
        Form::parse("t", &text.replace("rule: 00000000", &format!("rule: {i:08x}"))).unwrap()
    };
    let last = (0..=FORMS_MAX).map(|i| many.put(nth(i))).collect::<Vec<_>>();
    assert!(last.last().unwrap().is_err() && many.iter().count() == FORMS_MAX);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(json!("https://example.org/x")),
        Just(json!("2026-11-27T08:30:00Z")),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,6}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_sent_is_taken_whole_or_refused_by_field(
        form in 0..6_usize,
        values in prop::collection::vec((0..18_usize, any_json()), 0..8),
    ) {
        let forms = forms();
        let form = forms.iter().nth(form).unwrap();
        let names: Vec<String> =
            form.fields().iter().map(|f| f.name.clone()).chain(["title".into(), "x".into(), String::new()]).collect();
        let fields: Map<String, Value> =
            values.into_iter().map(|(at, value)| (names[at % names.len()].clone(), value)).collect();
        match form.validate(&fields, Some("checkout"), None) {
            Ok(answers) => {
                // only texts and lists of texts
                let is_text = |v: &Value| v.is_string() || v.as_array().is_some_and(|a| a.iter().all(Value::is_string));
                prop_assert!(answers.fields.values().all(is_text));
                prop_assert!(answers.service.is_some());
            }
            Err(errors) => prop_assert!(!errors.is_empty() && errors.iter().all(|e| !e.message.is_empty())),
        }
    }
}
