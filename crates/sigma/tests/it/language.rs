//! The language as a table: detection, event, verdict. Each case runs through the compiled program
//! and the reference evaluator.

use serde_json::json;
use sigma::{MatchScratch, RuleIndex, RuleSet, parse_rules, reference};

use crate::json_view::{Fields, JsonView};

fn check(detection: &str, event: &serde_json::Value, expected: bool) {
    let text = format!("title: T\nlogsource: {{product: p}}\ndetection: {detection}\n");
    let rule = parse_rules(&text, "case.yml").remove(0).unwrap_or_else(|error| panic!("{error}"));
    let mut fields = Fields::default();
    let (set, errors) = RuleSet::compile(vec![rule], &mut fields);
    assert_eq!(errors, [], "{detection}");
    let view = JsonView::new(event, &fields);
    let mut hit = false;
    set.matches(&set.route_all(), &view, &mut MatchScratch::new(), &mut |_| hit = true);
    assert_eq!(hit, expected, "compiled: {detection} on {event}");
    let oracle = reference::matches(&set.rules()[0], &mut fields, &view);
    assert_eq!(oracle, expected, "reference: {detection} on {event}");
}

/// `{s: {…}, condition: s}` over events.
fn cases(table: &[(&str, serde_json::Value, bool)]) {
    for (search, event, expected) in table {
        check(&format!("{{s: {search}, condition: s}}"), event, *expected);
    }
}

#[test]
fn equality() {
    cases(&[
        ("{a: Foo}", json!({"a": "fOO"}), true),
        ("{a: Foo}", json!({"a": "food"}), false),
        ("{a: Foo}", json!({}), false),
        ("{a|cased: Foo}", json!({"a": "foo"}), false),
        ("{a|cased: Foo}", json!({"a": "Foo"}), true),
        ("{a: ÄÖ}", json!({"a": "äö"}), true),
        ("{a: 'strasse'}", json!({"a": "straße"}), false),
        ("{a: \"\\u212Aey\"}", json!({"a": "KEY"}), true),
        ("{a: KEY}", json!({"a": "\u{212A}ey"}), true),
        ("{a: 4624}", json!({"a": 4624}), true),
        ("{a: 4624}", json!({"a": "4624"}), true),
        ("{a: '4624'}", json!({"a": 4624}), true),
        ("{a: 4624}", json!({"a": 4624.0}), true),
        ("{a: 4624}", json!({"a": 46240}), false),
        ("{a: 1.10}", json!({"a": "1.10"}), true),
        ("{a: 1.10}", json!({"a": 1.1}), true),
        ("{a: 0x10}", json!({"a": 16}), true),
        ("{a: 0x10}", json!({"a": "0X10"}), true),
        ("{a: 18446744073709551615}", json!({"a": 18446744073709551615_u64}), true),
        ("{a: true}", json!({"a": true}), true),
        ("{a: true}", json!({"a": "True"}), true),
        ("{a: 'false'}", json!({"a": false}), true),
        ("{a: true}", json!({"a": 1}), false),
        ("{a: ''}", json!({"a": ""}), true),
        ("{a: ''}", json!({"a": null}), false),
        ("{a: ''}", json!({}), false),
        ("{a: null}", json!({}), true),
        ("{a: null}", json!({"a": null}), true),
        ("{a: null}", json!({"a": ""}), false),
        ("{a: null}", json!({"a": {"b": 1}}), false),
        ("{a: [x, null]}", json!({}), true),
        ("{a: [x, null]}", json!({"a": "x"}), true),
        ("{a: [x, null]}", json!({"a": "y"}), false),
        ("{a: x}", json!({"a": null}), false),
    ]);
}

#[test]
fn paths_and_arrays() {
    cases(&[
        ("{a.b.c: x}", json!({"a": {"b": {"c": "x"}}}), true),
        ("{a.b.c: x}", json!({"a": {"b": "x"}}), false),
        ("{a: x}", json!({"a": ["y", "x"]}), true),
        ("{a: x}", json!({"a": [["x"]]}), true),
        ("{a: x}", json!({"a": []}), false),
        ("{a: null}", json!({"a": []}), false),
        ("{a.b: x}", json!({"a": [{"b": "y"}, {"b": "x"}]}), true),
        ("{a|contains|all: [x, y]}", json!({"a": ["1x", "2y"]}), true),
        ("{a|neq: x}", json!({"a": ["y", "x"]}), false),
        ("{a: x}", json!({"a": {"x": "x"}}), false),
    ]);
}

#[test]
fn wildcards_and_places() {
    cases(&[
        ("{a: 'prog?.exe'}", json!({"a": "PROGa.EXE"}), true),
        ("{a: 'prog?.exe'}", json!({"a": "prog.exe"}), false),
        ("{a: 'a*z'}", json!({"a": "abcz"}), true),
        ("{a: '*'}", json!({"a": ""}), true),
        ("{a: '*'}", json!({"a": 5}), true),
        ("{a: '*'}", json!({"a": null}), false),
        ("{a: '*'}", json!({}), false),
        ("{a: '?*'}", json!({"a": ""}), false),
        (r"{a: 'x\*'}", json!({"a": "x*"}), true),
        (r"{a: 'x\*'}", json!({"a": "xy"}), false),
        (r"{a: 'x\\*'}", json!({"a": "x\\y"}), true),
        (r"{a|endswith: '\cmd.exe'}", json!({"a": "C:\\Windows\\CMD.EXE"}), true),
        (r"{a|endswith: '\\cmd.exe'}", json!({"a": "C:\\cmd.exe"}), true),
        ("{a|startswith: ab}", json!({"a": "ABC"}), true),
        ("{a|startswith: ab}", json!({"a": "cab"}), false),
        ("{a|contains: b}", json!({"a": "abc"}), true),
        ("{a|contains: 62}", json!({"a": 4624}), true),
        ("{a|contains: 'b?d'}", json!({"a": "xbcdx"}), true),
        ("{a|contains: ''}", json!({"a": ""}), true),
        ("{a|contains: ''}", json!({}), false),
        ("{a|contains|cased: B}", json!({"a": "abc"}), false),
        ("{a|contains|all: [a, c]}", json!({"a": "abc"}), true),
        ("{a|contains|all: [a, d]}", json!({"a": "abc"}), false),
        ("{a|startswith: [x, ab]}", json!({"a": "abc"}), true),
        ("{a: ['é?', 'x']}", json!({"a": "Éü"}), true),
    ]);
}

#[test]
fn long_lists() {
    let values: Vec<String> = (0..200).map(|i| format!("'v{i}x'")).collect();
    let list = values.join(", ");
    for (modifier, hit, miss) in [
        ("", "V150X", "v150"),
        ("|startswith", "v7xyz", "av7xyz"),
        ("|endswith", "__v199X", "v199xy"),
        ("|contains", "..v42x..", "..v42y.."),
    ] {
        let search = format!("{{a{modifier}: [{list}]}}");
        cases(&[(&search, json!({"a": hit}), true), (&search, json!({"a": miss}), false)]);
    }
}

#[test]
fn other_modifiers() {
    cases(&[
        ("{a|re: 'a.c$'}", json!({"a": "xabc"}), true),
        ("{a|re: 'A.c'}", json!({"a": "abc"}), false),
        ("{a|re|i: 'A.c'}", json!({"a": "abc"}), true),
        ("{a|re: 'a.c'}", json!({"a": "a\nc"}), false),
        ("{a|re|s: 'a.c'}", json!({"a": "a\nc"}), true),
        ("{a|re|m: '^c'}", json!({"a": "a\nc"}), true),
        ("{a|re: '^c'}", json!({"a": "a\nc"}), false),
        ("{a|re: [x, '\\d+']}", json!({"a": 42}), true),
        ("{a|neq: x}", json!({"a": "y"}), true),
        ("{a|neq: x}", json!({"a": "X"}), false),
        ("{a|neq: x}", json!({}), true),
        ("{a|neq: [x, y]}", json!({"a": "y"}), false),
        ("{a|contains|neq: x}", json!({"a": "axb"}), false),
        ("{a|neq: 5}", json!({"a": 6}), true),
        ("{a|exists: true}", json!({"a": null}), true),
        ("{a|exists: true}", json!({"a": {}}), true),
        ("{a|exists: false}", json!({"b": 1}), true),
        ("{a|exists: false}", json!({"a": ""}), false),
        ("{a|gt: 5}", json!({"a": 6}), true),
        ("{a|gt: 5}", json!({"a": "6.5"}), true),
        ("{a|gt: 5}", json!({"a": 5}), false),
        ("{a|gte: 5}", json!({"a": 5}), true),
        ("{a|lt: 5}", json!({"a": -1}), true),
        ("{a|lte: 5}", json!({"a": "five"}), false),
        ("{a|lt: 5}", json!({}), false),
        ("{a|cidr: 10.0.0.0/8}", json!({"a": "10.1.2.3"}), true),
        ("{a|cidr: [192.168.0.0/16, 'fe80::/10']}", json!({"a": "FE80::1"}), true),
        ("{a|cidr: 10.0.0.0/8}", json!({"a": "ec2.amazonaws.com"}), false),
        ("{a|hour: 12}", json!({"a": "2024-07-31T12:46:41Z"}), true),
        ("{a|hour|gte: 22}", json!({"a": "2024-07-31T23:00:00Z"}), true),
        ("{a|week: 31}", json!({"a": 1_722_430_001}), true),
        ("{a|year: 2023}", json!({"a": "2024-07-31"}), false),
        ("{a|fieldref: b}", json!({"a": "X", "b": "x"}), true),
        ("{a|fieldref: b}", json!({"a": "x", "b": "X"}), true),
        ("{a|fieldref|cased: b}", json!({"a": "X", "b": "x"}), false),
        ("{a|fieldref: b}", json!({"a": 1, "b": "1"}), true),
        ("{a|fieldref: b}", json!({}), false),
        ("{a|fieldref|startswith: b}", json!({"a": "ABC", "b": "ab"}), true),
        ("{a|fieldref|endswith: b}", json!({"a": "ABC", "b": "ab"}), false),
        ("{a|fieldref|contains: b}", json!({"a": "xABCx", "b": ["q", "abc"]}), true),
        ("{a|fieldref: [b, c]}", json!({"a": "x", "c": "x"}), true),
        ("{a|windash|contains: ' -enc'}", json!({"a": "ps /ENC x"}), true),
        ("{a|windash|contains: ' -enc'}", json!({"a": "ps ―enc x"}), true),
        ("{a|windash|contains: '-a -b -c'}", json!({"a": "/a –b -c"}), true),
        ("{a|windash|contains: 'x-y'}", json!({"a": "x/y"}), false),
        ("{a|base64: cmd}", json!({"a": "Y21k"}), true),
        ("{a|base64offset|contains: 'foobar'}", json!({"a": "eHhmb29iYXJ4"}), true),
        ("{a|wide|base64offset|contains: 'cmd'}", json!({"a": "YwBtAGQA"}), true),
        // one byte has a character of its own at one offset only; the others say nothing
        ("{a|base64offset|contains: a}", json!({"a": "xYx"}), true),
        ("{a|base64offset|contains: a}", json!({"a": "zzz"}), false),
        ("{a|base64offset|contains: a}", json!({"a": ""}), false),
        ("{a|wide: cmd}", json!({"a": "c\0m\0d\0"}), true),
        ("{a|utf16|base64: cmd}", json!({"a": "//5jAG0AZAA="}), true),
        (r"{a|expand: '50\% of'}", json!({"a": "50% of"}), true),
        ("{a: '%name%'}", json!({"a": "%NAME%"}), true),
    ]);
}

#[test]
fn keywords() {
    cases(&[
        ("[evil, 'b*d']", json!({"x": {"y": ["so EVIL here"]}}), true),
        ("[evil, 'b*d']", json!({"x": "xbcdx"}), true),
        ("[evil]", json!({"evil": true}), false),
        ("[4624]", json!({"x": 4624}), true),
        ("evil", json!({"x": "evil"}), true),
        ("{'|all': [a, b]}", json!({"x": "a", "y": "b"}), true),
        ("{'|all': [a, b]}", json!({"x": "a"}), false),
        ("{'|re': 'e.il$'}", json!({"x": "evil"}), true),
        ("{'|cased': EVIL}", json!({"x": "evil"}), false),
        ("[x, {a: b}]", json!({"a": "b"}), true),
        ("[x, {a: b}]", json!({"q": "has x"}), true),
        ("[{a: 1, b: 2}, {c: 3}]", json!({"a": 1, "b": 3}), false),
        ("[{a: 1, b: 2}, {c: 3}]", json!({"c": 3}), true),
    ]);
}

#[test]
fn conditions() {
    let base = "a1: {a: 1}, a2: {b: 1}, _h: {c: 1}, f: {d: 1}";
    for (condition, event, expected) in [
        ("a1 and not f", json!({"a": 1}), true),
        ("a1 and not f", json!({"a": 1, "d": 1}), false),
        ("1 of a*", json!({"b": 1}), true),
        ("all of a*", json!({"b": 1}), false),
        ("all of a*", json!({"a": 1, "b": 1}), true),
        ("1 of them", json!({"c": 1}), false),
        ("1 of _*", json!({"c": 1}), true),
        ("1 of *", json!({"c": 1}), false),
        ("all of *", json!({"a": 1, "b": 1, "d": 1}), true),
        ("all of them", json!({"a": 1, "b": 1, "d": 1}), true),
        ("a1 or a2 and f", json!({"a": 1}), true),
        ("(a1 or a2) and f", json!({"a": 1}), false),
        ("not (a1 or a2)", json!({}), true),
        ("not 1 of a*", json!({"a": 1}), false),
        ("[a1, f]", json!({"d": 1}), true),
        ("[a1, f]", json!({"b": 1}), false),
    ] {
        check(&format!("{{{base}, condition: {condition}}}"), &event, expected);
    }
}

#[test]
fn values_that_cannot_be_used_refuse_the_rule() {
    for (search, code) in [
        ("{a|re: '(?=x)'}", "bad-regex"),
        ("{a|re: '('}", "bad-regex"),
        ("{a|re: '(\\w{500}){500}'}", "limit-exceeded"),
        ("{a|cidr: 10.0.0.0/99}", "bad-value"),
        ("{a|gt: ten}", "bad-value"),
        ("{a|exists: maybe}", "bad-value"),
        ("{a|expand: '%admins%'}", "unknown-placeholder"),
        ("{a|contains: null}", "bad-value"),
        ("{a|base64: 'a*'}", "bad-value"),
        ("{a|wide: é}", "bad-value"),
        ("{a|fieldref: 5}", "bad-value"),
    ] {
        let text = format!(
            "title: T\nlogsource: {{product: p}}\ndetection:\n  x: {{b: 1}}\n  s: {search}\n  condition: s\n"
        );
        let rule = parse_rules(&text, "bad.yml").remove(0).unwrap_or_else(|error| panic!("{error}"));
        let good =
            parse_rules(&text.replace("condition: s", "condition: x").replace(search, "{c: 1}"), "good.yml")
                .remove(0)
                .unwrap();
        let (set, errors) = RuleSet::compile(vec![rule, good], &mut Fields::default());
        let found: Vec<_> = errors.iter().map(|e| (&*e.file, e.line, e.code.as_str())).collect();
        assert_eq!(found, [("bad.yml", 5, code)], "{search}");
        assert_eq!(set.rules().len(), 1);
    }
}

#[test]
fn elements_of_arrays() {
    let mixed = json!({"c": [{"p": "TCP", "ip": "9.9.9.9"}, {"p": "UDP", "ip": "10.0.0.1"}]});
    let one = json!({"c": [{"p": "UDP", "ip": "9.9.9.9"}, {"p": "TCP", "ip": "10.0.0.1"}]});
    let lists = json!({"c": [{"in": [{"k": "a", "v": 1}, {"k": "b", "v": 2}]}]});
    cases(&[
        ("{c.p: TCP, c.ip|cidr: 10.0.0.0/8}", mixed.clone(), true),
        (r"{'x\[y]': 1, 'a[b]c': 2, z|fieldref: 'x\[y]'}", json!({"x[y]": 1, "a[b]c": 2, "z": 1}), true),
        ("{'c[any]': {p: TCP, ip|cidr: 10.0.0.0/8}}", mixed.clone(), false),
        ("{'c[any]': {p: TCP, ip|cidr: 10.0.0.0/8}}", one.clone(), true),
        ("{'c[any]': [{p: TCP, ip: 1.1.1.1}, {p: UDP}]}", mixed.clone(), true),
        ("{'c[none]': {p: TCP, ip|cidr: 10.0.0.0/8}}", mixed.clone(), true),
        ("{'c[none]': {p: TCP, ip|cidr: 10.0.0.0/8}}", one, false),
        ("{'c[all]': {p|exists: true}}", mixed.clone(), true),
        ("{'c[all]': {p: TCP}}", mixed.clone(), false),
        ("{'c[all]': {p: null}}", json!({"c": [{"q": 1}, {"p": null}]}), true),
        ("{'c[all]': {p: TCP}}", json!({"c": []}), false),
        ("{'c[all_or_empty]': {p: TCP}}", json!({"c": []}), true),
        ("{'c[all_or_empty]': {p: TCP}}", json!({}), true),
        ("{'c[none]': {p: TCP}}", json!({}), true),
        ("{'c[any]': {p|neq: TCP}}", json!({"c": [{"p": "TCP"}, {"q": 1}]}), true),
        ("{'c[any]': {p: TCP}}", json!({"c": {"p": "TCP"}}), true),
        ("{'c[all]|startswith': x}", json!({"c": ["xa", "xb"]}), true),
        ("{'c[all]|startswith': x}", json!({"c": ["xa", "b"]}), false),
        ("{'c[all]': {.|startswith: x, .|endswith: a}}", json!({"c": "xa"}), true),
        ("{'c[any]': {.|startswith: x, .|endswith: a}}", json!({"c": ["xb", "ya"]}), false),
        ("{'c[all]': [a, b]}", json!({"c": ["a", ["B", null]]}), true),
        ("{'c[any]': {'in[any]': {k: a, v: 2}}}", lists.clone(), false),
        ("{'c[any]': {'in[any]': {k: b, v: 2}}}", lists.clone(), true),
        ("{'c[any]': {'in[all]': {k: [a, b], v|lt: 3}}}", lists, true),
        ("{'c[any]': {p|fieldref: ip}}", json!({"c": [{"p": 1, "ip": 2}, {"p": 2, "ip": 1}]}), false),
        ("{'c[any]': {p|fieldref: ip}}", json!({"c": [{"p": 1, "ip": 2}, {"p": 3, "ip": 3}]}), true),
    ]);
    let why = "title: T\nlogsource: {product: p}\ndetection: {s: {'c[any]': {p: udp, ip|contains: '10'}}, condition: s}";
    let mut fields = Fields::default();
    let (set, _) = RuleSet::compile(vec![parse_rules(why, "f").remove(0).unwrap()], &mut fields);
    let view = JsonView::new(&mixed, &fields);
    let found = set.matched_fields(RuleIndex(0), &view, &mut MatchScratch::new());
    let found: Vec<_> = found.into_iter().map(|f| (f.field.unwrap(), f.value.unwrap())).collect();
    assert_eq!(found, [("c.p".to_owned(), "UDP".to_owned()), ("c.ip".to_owned(), "10.0.0.1".to_owned())]);
}

#[test]
fn questions_about_elements_that_have_no_meaning_are_refused() {
    for (search, code) in [
        ("{c: {p: TCP}}", "bad-value"),
        ("{'c[any]|contains': {p: TCP}}", "bad-value"),
        ("{'c[any]': {condition: x, x: {p: TCP}}}", "bad-value"),
        ("{'c[any]': {condition: x}}", "bad-value"),
        ("{'[any]': {p: TCP}}", "bad-value"),
        ("{'c[any]': {'|contains': x}}", "bad-value"),
        ("{'c[any]': {}}", "bad-value"),
        ("{'c[some]': {p: TCP}}", "unknown-quantifier"),
    ] {
        let text =
            format!("title: T\nlogsource: {{product: p}}\ndetection:\n  s: {search}\n  condition: s\n");
        let error = parse_rules(&text, "f").remove(0).unwrap_err();
        assert_eq!(error.code.as_str(), code, "{search} {error}");
    }
}

#[test]
fn hits_are_explained() {
    let text = "title: T\nlogsource: {product: p}\ndetection:\n  sel: {a|contains: EVIL, n|exists: true}\n  \
                kw: [needle]\n  flt: {b: x}\n  condition: sel and 1 of kw* and not flt\n";
    let mut fields = Fields::default();
    let rule = parse_rules(text, "f").remove(0).unwrap();
    let (set, _) = RuleSet::compile(vec![rule], &mut fields);
    let event = json!({"a": ["fine", "so Evil"], "n": null, "t": "a Needle here", "b": "y"});
    let view = JsonView::new(&event, &fields);
    let found: Vec<_> = set
        .matched_fields(RuleIndex(0), &view, &mut MatchScratch::new())
        .into_iter()
        .map(|f| (f.selection, f.field, f.value))
        .collect();
    let text = |s: &str| Some(s.to_owned());
    assert_eq!(
        found,
        [
            ("sel".to_owned(), text("a"), text("so Evil")),
            ("sel".to_owned(), text("n"), None),
            ("kw".to_owned(), None, text("a Needle here")),
        ]
    );
    let other = json!({"a": "evil", "n": 1, "t": "needle", "b": "x"});
    let view = JsonView::new(&other, &fields);
    assert_eq!(set.matched_fields(RuleIndex(0), &view, &mut MatchScratch::new()), []);
    assert_eq!(set.matched_fields(RuleIndex(9), &view, &mut MatchScratch::new()), []);
}

/// Rules near every limit compile to programs of bounded size, or are refused with the limit named.
#[test]
fn hostile_rules_stay_bounded() {
    let selections: String = (0..900).map(|i| format!("  s{i}: {{a{i}: x, b: y{i}}}\n")).collect();
    let nested = |levels: usize| {
        let open = "1 of s* or not (all of s* and (".repeat(levels);
        format!("{open}s1{}", "))".repeat(levels))
    };
    let wide: String = (0..400).map(|i| format!("1 of s{i}* and not s{i} or ")).collect();
    let whole = wide.get(..8_000).unwrap().rsplit_once(" or ").unwrap();
    let regexes: String = (0..200).map(|i| format!("'\\w{{1,60}}{i}', ")).collect();
    let dashes = " -a".repeat(500);
    for (detection, code) in [
        (format!("{selections}  condition: {}\n", nested(60)), Some("limit-exceeded")),
        (format!("{selections}  condition: {}\n", nested(20)), None),
        (format!("{selections}  condition: {wide} s1\n"), Some("limit-exceeded")),
        (format!("{selections}  condition: {} or s1\n", whole.0), None),
        (format!("  s: {{a|re: [{regexes}]}}\n  condition: s\n"), Some("limit-exceeded")),
        (format!("  s: {{a|windash|contains: '{dashes}'}}\n  condition: s\n"), None),
        (format!("  s: {{a: '{}'}}\n  condition: s\n", "*a".repeat(5_000)), None),
        (format!("  s: {{a: '{}'}}\n  condition: s\n", "*a".repeat(50_000)), Some("limit-exceeded")),
    ] {
        let text = format!("title: T\nlogsource: {{product: p}}\ndetection:\n{detection}");
        let mut fields = Fields::default();
        let found = match parse_rules(&text, "hostile.yml").remove(0) {
            Err(error) => Some(error.code.as_str()),
            Ok(rule) => {
                let (set, errors) = RuleSet::compile(vec![rule], &mut fields);
                let event = json!({"a": "a -".repeat(10_000)});
                let view = JsonView::new(&event, &fields);
                set.matches(&set.route_all(), &view, &mut MatchScratch::new(), &mut |_| {});
                errors.first().map(|error| error.code.as_str())
            }
        };
        assert_eq!(found, code, "{:.60} … {:.60}", detection, detection.lines().last().unwrap());
    }
}
