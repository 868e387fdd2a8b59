//! Documents that act on rules: filters, processing pipelines, placeholders. Each case is a file of documents, an event and
//! the titles of the rules that match it, asked of the compiled program and of the reference evaluator.

use serde_json::{Value as Json, json};
use sigma::{Document, MatchScratch, Preparation, Rule, RuleSet, parse_documents, reference};

use crate::json_view::{Fields, JsonView};

/// The rules of a file as they are compiled, and the codes of what is refused.
fn prepared(text: &str) -> (Vec<Rule>, Vec<String>) {
    let (mut rules, mut preparation, mut refused) = (Vec::new(), Preparation::default(), Vec::new());
    for document in parse_documents(text, "f.yml") {
        match document {
            Ok(Document::Rule(rule)) => rules.push(*rule),
            Ok(Document::Filter(filter)) => preparation.add_filter(*filter),
            Ok(Document::Pipeline(pipeline)) => preparation.add_pipeline(*pipeline),
            Ok(Document::Placeholders(placeholders)) => preparation.add_placeholders(placeholders),
            Err(error) => refused.push(error),
            #[allow(unreachable_patterns)]
            Ok(_) => {}
        }
    }
    let (rules, errors) = preparation.apply(rules);
    refused.extend(errors);
    (rules, refused.iter().map(|error| format!("{}:{}", error.line, error.code)).collect())
}

fn hits(text: &str, event: &Json) -> Vec<String> {
    let (rules, refused) = prepared(text);
    assert!(refused.is_empty(), "{refused:?} {text}");
    let mut fields = Fields::default();
    let (set, refused) = RuleSet::compile(rules, &mut fields);
    assert!(refused.is_empty(), "{refused:?} {text}");
    let view = JsonView::new(event, &fields);
    let mut found = Vec::new();
    set.matches(&set.route_all(), &view, &mut MatchScratch::new(), &mut |rule| {
        found.push(set.rule(rule).unwrap().title.clone());
    });
    let expected: Vec<String> = set
        .rules()
        .iter()
        .filter(|rule| reference::matches(rule, &mut fields, &view))
        .map(|rule| rule.title.clone())
        .collect();
    assert_eq!(found, expected, "{text} {event}");
    found
}

fn refused(text: &str) -> Vec<String> {
    let (rules, mut refused) = prepared(text);
    let (_, errors) = RuleSet::compile(rules, &mut Fields::default());
    refused.extend(errors.iter().map(|error| format!("{}:{}", error.line, error.code)));
    refused
}

const RULES: &str = "
title: A
id: 6f3e2987-db24-4c78-a860-b4f4095a7095
logsource: {product: windows, category: process_creation}
detection:
  selection: {Image|endswith: '\\a.exe'}
  other: {Image|endswith: '\\b.exe'}
  condition: 1 of *
---
title: B
name: rule_b
logsource: {product: windows, service: security}
detection:
  selection: {Image: '*'}
  condition: all of them
";

fn filtered(filter: &str) -> String {
    format!("{RULES}---\ntitle: F\nid: 0a\n{filter}")
}

#[test]
fn filters_are_added_to_the_rules_they_name() {
    let admins = "logsource: {product: windows, category: process_creation}\nfilter:\n  rules: [6F3E2987-db24-4c78-a860-b4f4095a7095]\n  selection: {User|startswith: adm_}\n  condition: not selection\n";
    let any = "logsource: {product: windows}\nfilter:\n  rules: any\n  selection: {User: x}\n  condition: selection\n";
    let them = "logsource: {product: windows}\nfilter:\n  rules: [rule_b]\n  s1: {User: x}\n  s2: {Host: y}\n  _s3: {Host: z}\n  condition: not 1 of them\n";
    for (filter, event, expected) in [
        (admins, json!({"Image": r"C:\a.exe", "User": "ana"}), &["A", "B"][..]),
        (admins, json!({"Image": r"C:\a.exe", "User": "ADM_ana"}), &["B"]),
        // the rule's own pattern does not come to mean the filter's selection
        (admins, json!({"Image": r"C:\c.exe", "User": "adm_ana"}), &["B"]),
        (admins, json!({"Image": r"C:\c.exe", "User": "ana"}), &["B"]),
        (any, json!({"Image": r"C:\b.exe", "User": "x"}), &["A", "B"]),
        (any, json!({"Image": r"C:\b.exe"}), &[]),
        (them, json!({"Image": "i"}), &["B"]),
        (them, json!({"Image": "i", "Host": "y"}), &[]),
        (them, json!({"Image": "i", "User": "X"}), &[]),
        (them, json!({"Image": "i", "Host": "z"}), &["B"]),
    ] {
        assert_eq!(hits(&filtered(filter), &event), expected, "{filter} {event}");
    }
    let twice = format!("{}---\ntitle: F\nid: 0a\n{any}", filtered(admins));
    assert_eq!(
        hits(&twice, &json!({"Image": r"C:\a.exe", "User": "x"})),
        ["A", "B"],
        "two filters of one name"
    );
    assert_eq!(hits(&twice, &json!({"Image": r"C:\a.exe", "User": "y"})), [""; 0]);
    let two = format!("{}---\ntitle: G\n{any}", filtered(admins));
    assert_eq!(hits(&two, &json!({"Image": r"C:\a.exe", "User": "x"})), ["A", "B"]);
    assert_eq!(hits(&two, &json!({"Image": r"C:\a.exe", "User": "adm_x"})), [""; 0]);
}

#[test]
fn a_filter_changes_what_its_rule_means_and_no_other() {
    let plain: Vec<_> = prepared(RULES).0.iter().map(Rule::semantic_hash).collect();
    let filter =
        "logsource: {product: windows}\nfilter:\n  rules: [rule_b]\n  s: {User: x}\n  condition: not s\n";
    let with: Vec<_> = prepared(&filtered(filter)).0.iter().map(Rule::semantic_hash).collect();
    assert_eq!(plain[0], with[0]);
    assert_ne!(plain[1], with[1]);
}

#[test]
fn a_filter_that_cannot_work_says_so() {
    for (filter, expected) in [
        (
            "logsource: {product: windows}\nfilter: {rules: [nobody], s: {a: 1}, condition: not s}\n",
            "17:filter-without-rule",
        ),
        (
            "logsource: {product: linux}\nfilter: {rules: [rule_b], s: {a: 1}, condition: not s}\n",
            "17:filter-without-rule",
        ),
        (
            "logsource: {product: linux}\nfilter: {rules: any, s: {a: 1}, condition: not s}\n",
            "17:filter-without-rule",
        ),
        (
            "logsource: {product: windows}\nfilter: {rules: [rule_b, nobody], s: {a: 1}, condition: not s}\n",
            "17:filter-without-rule",
        ),
        ("logsource: {product: windows}\nfilter: {s: {a: 1}, condition: not s}\n", "20:bad-filter"),
        (
            "logsource: {product: windows}\nfilter: {rules: [rule_b], s: {a: 1}, condition: [s, not s]}\n",
            "20:bad-filter",
        ),
        ("logsource: {product: windows}\nfilter: {rules: [rule_b], condition: s}\n", "20:unknown-selection"),
        ("logsource: {product: windows}\nfilter: {rules: [], s: {a: 1}, condition: s}\n", "20:bad-type"),
        ("filter: {rules: any, s: {a: 1}, condition: s}\n", "17:missing-part"),
    ] {
        assert_eq!(refused(&filtered(filter)), [expected], "{filter}");
    }
}

fn rule(detection: &str) -> String {
    format!("title: T\nlogsource: {{product: windows, category: c}}\ndetection: {detection}\n")
}

#[test]
fn placeholders_stand_for_what_a_site_says() {
    let site = "placeholders:\n  admins: [ana, 'svc_*', 100%]\n  one: 7\n  net: [10.0.0.0/8, '::1']\n  field: User\n  word: 'a.b'\n";
    for (detection, event, expected) in [
        ("{s: {u|expand: '%admins%'}, condition: s}", json!({"u": "ANA"}), true),
        ("{s: {u|expand: '%admins%'}, condition: s}", json!({"u": "svc_backup"}), true),
        ("{s: {u|expand: '%admins%'}, condition: s}", json!({"u": "100%"}), true),
        ("{s: {u|expand: '%admins%'}, condition: s}", json!({"u": "eve"}), false),
        ("{s: {u|expand|contains: 'x-%admins%-y'}, condition: s}", json!({"u": "..x-svc_1-y.."}), true),
        ("{s: {u|expand|contains: 'x-%admins%-y'}, condition: s}", json!({"u": "x-bob-y"}), false),
        ("{s: {u|expand: ['%one%', z]}, condition: s}", json!({"u": 7}), true),
        ("{s: {u|expand: ['%one%', z]}, condition: s}", json!({"u": "z"}), true),
        ("{s: {u|cidr|expand: '%net%'}, condition: s}", json!({"u": "10.1.1.1"}), true),
        ("{s: {u|cidr|expand: '%net%'}, condition: s}", json!({"u": "11.1.1.1"}), false),
        ("{s: {u|re|expand: '^%word%$'}, condition: s}", json!({"u": "axb"}), true),
        ("{s: {u|fieldref|expand: '%field%'}, condition: s}", json!({"u": "k", "User": "K"}), true),
        (r"{s: {u|expand: '100\% of %one%'}, condition: s}", json!({"u": "100% of 7"}), true),
        ("{s: {u|expand|contains|all: ['%admins%']}, condition: s}", json!({"u": "ana svc_ 100%"}), true),
        ("{s: {u|expand|neq: '%admins%'}, condition: s}", json!({"u": "ana"}), false),
        ("{s: {u: '%one%'}, condition: s}", json!({"u": "%one%"}), true),
    ] {
        let file = format!("{}---\n{site}", rule(detection));
        assert_eq!(!hits(&file, &event).is_empty(), expected, "{detection} {event}");
    }
    let file = |detection: &str| format!("{}---\n{site}", rule(detection));
    for (text, expected) in [
        (file("{s: {u|expand: '%nobody%'}, condition: s}"), "3:unknown-placeholder"),
        (file("{s: {u|re|expand: 'a%nobody%'}, condition: s}"), "3:unknown-placeholder"),
        (rule("{s: {u|expand: '%admins%'}, condition: s}"), "3:unknown-placeholder"),
        (format!("{}---\nplaceholders: [a]\n", rule("{s: {u: x}, condition: s}")), "5:bad-placeholders"),
        (
            format!("{}---\nplaceholders: {{a: {{b: c}}}}\n", rule("{s: {u: x}, condition: s}")),
            "5:bad-placeholders",
        ),
        (file(&format!("{{s: {{u|expand: '{}'}}, condition: s}}", "%admins%".repeat(9))), "3:limit-exceeded"),
    ] {
        assert_eq!(refused(&text), [expected], "{text}");
    }
}

fn with_pipeline(detection: &str, steps: &str) -> String {
    format!(
        "{}---\nname: p\npriority: 10\nvars: {{admins: [ana, bob]}}\ntransformations:\n{steps}",
        rule(detection)
    )
}

const SIMPLE: &str = "{s: {a: x}, condition: s}";
const TWO: &str = "{s: {a: x, b: y}, condition: s}";

/// A detection, the steps of a pipeline, an event, and whether the rule then matches it.
const TRANSFORMED: &[(&str, &str, &str, bool)] = &[
    (SIMPLE, "- {type: field_name_mapping, mapping: {a: k.l}}\n", r#"{"k": {"l": "x"}}"#, true),
    (SIMPLE, "- {type: field_name_mapping, mapping: {a: k.l}}\n", r#"{"a": "x"}"#, false),
    (TWO, "- {type: field_name_mapping, mapping: {a: [k, l]}}\n", r#"{"l": "x", "b": "y"}"#, true),
    (TWO, "- {type: field_name_mapping, mapping: {a: [k, l]}}\n", r#"{"k": "x"}"#, false),
    (
        "{s: {a|neq: x}, condition: s}",
        "- {type: field_name_mapping, mapping: {a: [k, l]}}\n",
        r#"{"k": "x", "l": "y"}"#,
        false,
    ),
    (
        "{s: {a|neq: x}, condition: s}",
        "- {type: field_name_mapping, mapping: {a: [k, l]}}\n",
        r#"{"k": "y", "l": "z"}"#,
        true,
    ),
    (
        "{s: {a|exists: false}, condition: s}",
        "- {type: field_name_mapping, mapping: {a: [k, l]}}\n",
        r#"{"l": "y"}"#,
        false,
    ),
    (
        "{s: {a|exists: false}, condition: s}",
        "- {type: field_name_mapping, mapping: {a: [k, l]}}\n",
        r#"{"b": "y"}"#,
        true,
    ),
    (
        "{s: {a|exists: true}, condition: s}",
        "- {type: field_name_mapping, mapping: {a: [k, l]}}\n",
        r#"{"l": "y"}"#,
        true,
    ),
    (
        "{s: {a|exists|neq: false}, condition: s}",
        "- {type: field_name_mapping, mapping: {a: [k, l]}}\n",
        r#"{"l": "y"}"#,
        true,
    ),
    (
        "{s: {a: null}, condition: s}",
        "- {type: field_name_mapping, mapping: {a: [k, l]}}\n",
        r#"{"l": "y"}"#,
        false,
    ),
    (
        "{s: {a|neq: null}, condition: s}",
        "- {type: field_name_mapping, mapping: {a: [k, l]}}\n",
        r#"{"l": "y"}"#,
        true,
    ),
    (
        "{s: {b: y, a|neq: x}, condition: s}",
        "- {type: field_name_mapping, mapping: {a: [k, l]}}\n",
        r#"{"b": "y", "l": "x"}"#,
        false,
    ),
    (
        "{s: {c|fieldref: a}, condition: s}",
        "- {type: field_name_mapping, mapping: {a: k, c: d}}\n",
        r#"{"k": "1", "d": "1"}"#,
        true,
    ),
    (
        SIMPLE,
        "- {type: field_name_prefix, prefix: 'event.', field_name_conditions: [{type: exclude_fields, fields: [b]}]}\n",
        r#"{"event": {"a": "x"}}"#,
        true,
    ),
    (SIMPLE, "- {type: field_name_suffix, suffix: _t}\n", r#"{"a_t": "x"}"#, true),
    (
        "{s: {win.a.x: 1}, condition: s}",
        "- {type: field_name_prefix_mapping, mapping: {'win.': 'w.', 'win.a.': 'q.'}}\n",
        r#"{"q": {"x": 1}}"#,
        true,
    ),
    (
        TWO,
        "- {type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: ['^a$'], match_type: re}]}\n",
        r#"{"b": "y"}"#,
        true,
    ),
    (
        "{s: {a: x}, t: {b: y}, condition: t and not s}",
        "- {type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [a]}]}\n",
        r#"{"a": "x", "b": "y"}"#,
        true,
    ),
    (
        SIMPLE,
        "- {type: add_condition, conditions: {index: [i1, i2]}}\n",
        r#"{"a": "x", "index": "i2"}"#,
        true,
    ),
    (SIMPLE, "- {type: add_condition, conditions: {index: [i1, i2]}}\n", r#"{"a": "x"}"#, false),
    (SIMPLE, "- {type: add_condition, conditions: {i: 1}, negated: true}\n", r#"{"a": "x", "i": 1}"#, false),
    (
        SIMPLE,
        "- {type: add_condition, conditions: {source: '$product-$category'}, template: true}\n",
        r#"{"a": "x", "source": "windows-c"}"#,
        true,
    ),
    (SIMPLE, "- {type: replace_string, regex: '^(x)$', replacement: '\\1\\1'}\n", r#"{"a": "xx"}"#, true),
    (SIMPLE, "- {type: map_string, mapping: {x: [u, v]}}\n", r#"{"a": "v"}"#, true),
    (SIMPLE, "- {type: set_value, value: 9}\n", r#"{"a": 9}"#, true),
    ("{s: {a|cased: Xy}, condition: s}", "- {type: case, method: upper}\n", r#"{"a": "XY"}"#, true),
    (
        "{s: {a|contains: 12}, condition: s}",
        "- {type: convert_type, target_type: str}\n",
        r#"{"a": "x12"}"#,
        true,
    ),
    ("{s: {a|expand: '%admins%'}, condition: s}", "- {type: value_placeholders}\n", r#"{"a": "bob"}"#, true),
    (
        "{s: {a|expand: 'x%admins%-%other%'}, condition: s}",
        "- {type: value_placeholders, include: [admins]}\n- {type: wildcard_placeholders}\n",
        r#"{"a": "xana-anything"}"#,
        true,
    ),
    (
        SIMPLE,
        "- {type: field_name_mapping, mapping: {a: k}, rule_conditions: [{type: logsource, product: linux}]}\n",
        r#"{"a": "x"}"#,
        true,
    ),
    (
        SIMPLE,
        "- {type: field_name_mapping, mapping: {a: k}, rule_conditions: [{type: logsource, product: linux}], rule_cond_not: true}\n",
        r#"{"k": "x"}"#,
        true,
    ),
    (
        SIMPLE,
        "- id: one\n  type: set_state\n  key: done\n  val: true\n\
             - type: field_name_mapping\n  mapping: {a: k}\n  rule_conditions:\n    ran: {type: processing_item_applied, processing_item_id: one}\n    \
             state: {type: processing_state, key: done, val: true}\n    field: {type: contains_field, field: zz}\n  rule_cond_expr: ran and state and not field\n",
        r#"{"k": "x"}"#,
        true,
    ),
    (
        "{s: {a: [x, 'y*']}, condition: s}",
        "- {type: set_value, value: q, detection_item_conditions: [{type: contains_wildcard}]}\n",
        r#"{"a": "q"}"#,
        true,
    ),
    (
        "{s: {a: x, b: zz}, condition: s}",
        "- {type: set_value, value: q, detection_item_conditions: [{type: match_string, pattern: 'z'}]}\n",
        r#"{"a": "x", "b": "q"}"#,
        true,
    ),
    (
        SIMPLE,
        "- {type: nest, items: [{type: field_name_suffix, suffix: _1}, {type: field_name_suffix, suffix: _2}]}\n",
        r#"{"a_1_2": "x"}"#,
        true,
    ),
];

#[test]
fn pipelines_transform_rules() {
    for (detection, steps, event, expected) in TRANSFORMED {
        let (text, event) = (with_pipeline(detection, steps), serde_json::from_str(event).unwrap());
        assert_eq!(!hits(&text, &event).is_empty(), *expected, "{text} {event}");
    }
}

#[test]
fn pipelines_change_the_logsource_and_run_by_priority() {
    let rules = rule("{s: {a: x}, condition: s}");
    let second =
        "---\nname: second\npriority: 20\ntransformations: [{type: field_name_mapping, mapping: {b: c}}]\n";
    let first =
        "---\nname: first\npriority: 10\ntransformations: [{type: field_name_mapping, mapping: {a: b}}]\n";
    assert_eq!(hits(&format!("{rules}{second}{first}"), &json!({"c": "x"})), ["T"]);
    let change = "---\ntransformations: [{type: change_logsource, product: ocsf}]\n";
    let (prepared, _) = prepared(&format!("{rules}{change}"));
    assert!(prepared[0].logsource.is_ocsf() && prepared[0].logsource.category.is_none());
}

#[test]
fn what_a_pipeline_does_not_understand_refuses_it_by_name() {
    let simple = "{s: {a: x}, condition: s}";
    for (steps, expected) in [
        ("- {type: query_expression_placeholders, expression: x}\n", "9:bad-pipeline"),
        ("- {type: field_name_mapping, mapping: {a: b}, strict: true}\n", "9:bad-pipeline"),
        ("- {type: set_state, key: k, val: 1, rule_conditions: [{type: nope}]}\n", "9:bad-pipeline"),
        (
            "- {type: set_state, key: k, val: 1, rule_conditions: [{type: tag, tag: t, op: x}]}\n",
            "9:bad-pipeline",
        ),
        (
            "- {type: set_state, key: k, val: 1, rule_conditions: {a: {type: tag, tag: t}}, rule_cond_expr: b}\n",
            "9:bad-pipeline",
        ),
        ("- {type: replace_string, regex: '(', replacement: x}\n", "9:bad-regex"),
        ("- {mapping: {a: b}}\n", "9:missing-part"),
        ("- {type: rule_failure, message: not for us}\n", "1:refused-by-pipeline"),
        ("- {type: detection_item_failure, message: no}\n", "3:refused-by-pipeline"),
        ("- {type: drop_detection_item}\n", "1:refused-by-pipeline"),
        ("- {type: convert_type, target_type: num}\n", "3:refused-by-pipeline"),
        ("- {type: add_condition, conditions: {i: 1}, name: s}\n", "1:refused-by-pipeline"),
        ("- {type: field_name_mapping, mapping: {a: b}}\nfinalizers: [{type: json}]\n", "10:bad-pipeline"),
    ] {
        assert_eq!(refused(&with_pipeline(simple, steps)), [expected], "{steps}");
    }
}

/// A rule with `detection` as its one selection, and a document that acts on it.
fn of_elements(selection: &str, document: &str) -> String {
    format!(
        "title: A\nlogsource: {{product: aws}}\ndetection:\n  s: {selection}\n  condition: s\n---\n{document}\n"
    )
}

#[test]
fn placeholders_within_elements_are_resolved() {
    let rule = of_elements("{'l[any]': {k|expand: '%users%', n: 1}}", "placeholders: {users: [ana, 'b*']}");
    for (event, expected) in [
        (json!({"l": [{"k": "bob", "n": 1}]}), &["A"][..]),
        (json!({"l": [{"k": "ana", "n": 2}, {"k": "eve", "n": 1}]}), &[]),
    ] {
        assert_eq!(hits(&rule, &event), expected, "{event}");
    }
    let unknown = of_elements("{'l[any]': {k|re|expand: 'a%users%'}}", "placeholders: {other: x}");
    assert_eq!(refused(&unknown), ["4:unknown-placeholder"]);
}

fn pipeline(steps: &str) -> String {
    format!("name: P\ntransformations:\n{steps}")
}

const MAPPED: &str = "- {type: field_name_mapping, mapping: {l: items, l.k: items.name, l.m: items.more, l.m.z: items.more.zed}}";

/// A selection, the steps of a pipeline, an event, and whether the rule that came of it matches.
const ENTERED: &[(&str, &str, &str, bool)] = &[
    (
        "{'l[any]': {k: a, n: 1, 'm[all]': {z: b}}}",
        MAPPED,
        r#"{"items": [{"name": "a", "n": 1, "more": [{"zed": "b"}]}]}"#,
        true,
    ),
    (
        "{'l[any]': {k: a, n: 1, 'm[all]': {z: b}}}",
        MAPPED,
        r#"{"items": [{"name": "a", "n": 2}, {"name": "b", "n": 1, "more": {"zed": "b"}}]}"#,
        false,
    ),
    (
        "{'l[any]': {k|fieldref: q}}",
        "- {type: field_name_mapping, mapping: {l.k: l.x, l.q: l.y}}",
        r#"{"l": [{"x": 1, "y": 1}]}"#,
        true,
    ),
    // a prefix stands before the array's path, not before the names within
    (
        "{'l[any]': {k: a, n: 1}}",
        "- {type: field_name_prefix, prefix: 'e.'}",
        r#"{"e": {"l": [{"k": "a", "n": 1}]}}"#,
        true,
    ),
    (
        "{'l[any]': {k: a}, b: 1}",
        "- {type: field_name_prefix_mapping, mapping: {l: [x, y]}}",
        r#"{"y": [{"k": "a"}], "b": 1}"#,
        true,
    ),
    (
        "{'l[any]': a, b: 1}",
        "- {type: field_name_mapping, mapping: {l: [x, y]}}",
        r#"{"x": ["c"], "y": ["a"], "b": 1}"#,
        true,
    ),
    (
        "{'l[any]': {k: a, n: 1}}",
        "- {type: field_name_mapping, mapping: {l.k: [l.x, l.y]}}",
        r#"{"l": [{"y": "a", "n": 1}]}"#,
        true,
    ),
    (
        "{'l[any]': {k: a, n: 1}}",
        "- {type: field_name_mapping, mapping: {l.k: [l.x, l.y]}}",
        r#"{"l": [{"y": "a"}, {"x": "b", "n": 1}]}"#,
        false,
    ),
    (
        "{'l[any]': {k: a, n: 1}}",
        "- type: drop_detection_item\n  field_name_conditions: [{type: include_fields, fields: [l.n]}]",
        r#"{"l": [{"k": "a"}]}"#,
        true,
    ),
    (
        "{'l[any]': {k: a}, b: 1}",
        "- type: drop_detection_item\n  field_name_conditions: [{type: include_fields, fields: [l.k]}]",
        r#"{"b": 1}"#,
        true,
    ),
    (
        "{'l[any]': {k: a}, b: 1}",
        "- type: drop_detection_item\n  field_name_conditions: [{type: include_fields, fields: [l]}]",
        r#"{"b": 1}"#,
        true,
    ),
    (
        "{'l[any]': {k: a, n: c}}",
        "- type: set_value\n  value: z\n  detection_item_conditions: [{type: match_string, pattern: a}]",
        r#"{"l": [{"k": "z", "n": "c"}]}"#,
        true,
    ),
    (
        "{'l[any]': {k: a}}",
        "- {type: case, method: upper}\n- {type: replace_string, regex: A, replacement: q}",
        r#"{"l": [{"k": "q"}]}"#,
        true,
    ),
    (
        "{'l[any]': {k: a}}",
        "- type: drop_detection_item\n  rule_conditions: [{type: contains_detection_item, field: l.k, value: b}]",
        r#"{"l": [{"k": "a"}]}"#,
        true,
    ),
    (
        "{'l[any]': {k: a, n: 1}}",
        "- type: set_value\n  value: z\n  rule_conditions: [{type: contains_field, field: l.k}]\n  \
         field_name_conditions: [{type: include_fields, fields: [l.k]}]",
        r#"{"l": [{"k": "z", "n": 1}]}"#,
        true,
    ),
];

#[test]
fn pipelines_enter_questions_about_elements() {
    for (selection, steps, event, expected) in ENTERED {
        let found = hits(&of_elements(selection, &pipeline(steps)), &serde_json::from_str(event).unwrap());
        assert_eq!(!found.is_empty(), *expected, "{selection} {steps} {event}");
    }
}

#[test]
fn a_pipeline_cannot_take_a_question_out_of_its_element() {
    for steps in [
        "- {type: field_name_mapping, mapping: {l: items}}\n- {type: field_name_mapping, mapping: {items.k: other.k}}",
        "- {type: field_name_mapping, mapping: {l.k: k}}",
        "- {type: field_name_suffix, suffix: .keyword}",
        "- type: drop_detection_item\n  detection_item_conditions: [{type: match_string, pattern: a}]",
    ] {
        let found = refused(&of_elements("{'l[any]': {k: a}}", &pipeline(steps)));
        assert!(
            matches!(found.as_slice(), [one] if one.ends_with(":refused-by-pipeline")),
            "{steps} {found:?}"
        );
    }
    let found =
        refused(&of_elements("{a: b}", &pipeline("- {type: add_condition, conditions: {'l[any]': x}}")));
    assert_eq!(found, ["9:bad-value"]);
    let found =
        refused(&of_elements("{a: b}", &pipeline("- {type: field_name_mapping, mapping: {a: 'l[any]'}}")));
    assert_eq!(found, ["9:bad-value"]);
}

/// What a pipeline may make of a rule is bounded, however its steps multiply.
#[test]
fn steps_that_multiply_end_in_a_refusal() {
    let doubling =
        "- {type: field_name_mapping, mapping: {a: [a, a], l: [l, l], l.a: [l.a, l.a]}}\n".repeat(60);
    let values = format!("[{}]", vec!["x"; 40_000].join(", "));
    let wide = format!("- {{type: map_string, mapping: {{x: {values}}}}}\n");
    let long = "- {type: replace_string, regex: '.', replacement: '\\g<0>\\g<0>\\g<0>\\g<0>'}\n".repeat(8);
    let prefix = format!("- {{type: field_name_prefix, prefix: {}}}\n", "p".repeat(600)).repeat(2);
    for (selection, steps) in [
        ("{a: 1}", &doubling),
        ("{'l[any]': {a: 1}}", &doubling),
        ("{'l[any]': {a: [x, x]}}", &wide),
        ("{a: abcdefgh}", &long),
        ("{a: 1}", &prefix),
    ] {
        let found = refused(&of_elements(selection, &pipeline(steps)));
        assert!(
            matches!(found.as_slice(), [one] if one.ends_with(":limit-exceeded")),
            "{selection} {found:?}"
        );
    }
    let listed = of_elements("{b: 1}", &pipeline(&doubling)).replace("logsource:", "fields: [a]\nlogsource:");
    assert_eq!(refused(&listed), ["1:limit-exceeded"]);
}

const FILTERED: &str = "title: A\nid: 6f3e2987-db24-4c78-a860-b4f4095a7095\nlogsource: {product: aws}\ndetection:\n  \
    s: {a: 1}\n  'filter(F).f': {b: 9}\n  'filter x': {c: 1}\n  condition: s or 1 of filter*\n";

/// A filter that leaves out what has `b` with the value.
fn filter(title: &str, value: u32, more: &str) -> String {
    format!(
        "---\ntitle: {title}\nlogsource: {{product: aws}}\nfilter: {{rules: any, f: {{b: {value}}}, condition: not f}}\n{more}"
    )
}

#[test]
fn added_selections_take_no_name_that_a_rule_or_another_filter_has() {
    let filters: String =
        [filter("F", 1, ""), filter("F", 2, ""), filter("F 2", 3, ""), filter("F).f", 4, "")].concat();
    let text = format!("{FILTERED}{filters}");
    let (rules, refused) = prepared(&text);
    assert_eq!(refused, [""; 0]);
    let mut names: Vec<_> = rules[0].detection.selections.iter().map(|s| s.name.clone()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), count), (7, 7), "{names:?}");
    for (event, expected) in [
        (json!({"a": 1}), true),
        (json!({"a": 1, "b": 1}), false),
        (json!({"a": 1, "b": 2}), false),
        (json!({"a": 1, "b": 3}), false),
        (json!({"a": 1, "b": 4}), false),
        // the rule's own selections, though they are called as a filter's would be
        (json!({"b": 9}), true),
        (json!({"c": 1}), true),
        (json!({"c": 1, "b": 2}), false),
    ] {
        assert_eq!(!hits(&text, &event).is_empty(), expected, "{event}");
    }
}

#[test]
fn the_end_of_a_filter_is_a_day_or_refuses_it() {
    let day_of = |expires: &str| {
        let text = filter("F", 1, &format!("expires: {expires}\n"));
        match parse_documents(&text, "f.yml").pop().unwrap() {
            Ok(Document::Filter(filter)) => filter.expires.map(|day| day.to_string()).unwrap_or_default(),
            Ok(_) => "no filter".to_owned(),
            Err(error) => format!("{}:{}", error.line, error.code),
        }
    };
    for (expires, expected) in [
        ("2026-03-31", "2026-03-31"),
        ("'2026-03-31'", "2026-03-31"),
        ("2026-03-31 # renew", "2026-03-31"),
        ("soon", "5:bad-filter"),
        ("2026-3-31", "5:bad-filter"),
        ("2026-02-30", "5:bad-filter"),
        ("31.03.2026", "5:bad-filter"),
        ("[2026-03-31]", "5:bad-type"),
    ] {
        assert_eq!(day_of(expires), expected, "{expires}");
    }
}
