//! What a rule says of an event it does not match, and of one it does.

use crate::json_view::{Fields, JsonView};
use serde_json::{Value as Json, json};
use sigma::Explanation;

const RULE: &str = r"
title: T
logsource: {product: aws}
detection:
  call: {eventName: [StopLogging, DeleteTrail], eventSource|endswith: .amazonaws.com}
  who: [{user.type: Root}, {user.name|startswith: adm}]
  filter_tool: {userAgent|contains: terraform}
  condition: call and who and not filter_tool
";

fn explained(rule: &str, event: &Json) -> Explanation {
    let rule = sigma::parse_rules(rule, "r.yml").remove(0).unwrap();
    let mut fields = Fields::default();
    let (set, refused) = sigma::RuleSet::compile(vec![rule.clone()], &mut fields);
    assert_eq!(refused, []);
    let explanation = {
        let view = JsonView::new(event, &fields);
        Explanation::of(&rule, &mut fields, &view)
    };
    let view = JsonView::new(event, &fields);
    let compiled = set.matches_rule(sigma::RuleIndex(0), &view, &mut sigma::MatchScratch::default());
    assert_eq!(explanation.matched, compiled, "{event}");
    explanation
}

fn reasons(rule: &str, event: &Json) -> Vec<String> {
    explained(rule, event)
        .reasons
        .into_iter()
        .map(|reason| format!("{}: {}", reason.line, reason.text))
        .collect()
}

#[test]
fn the_reason_names_field_value_and_what_was_wanted() {
    let base = json!({
        "eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com",
        "user": {"type": "Root", "name": "ana"}, "userAgent": "aws-cli",
    });
    let with = |field: &str, value: Json| {
        let mut event = base.clone();
        event[field] = value;
        event
    };
    let cases = [
        (
            base.clone(),
            vec![
                r#"5: call: `eventName` holds: the event has "StopLogging"; the rule wants "StopLogging""#,
                r#"5: call: `eventSource|endswith` holds: the event has "cloudtrail.amazonaws.com"; the rule wants ".amazonaws.com""#,
                r#"6: who: `user.type` holds: the event has "Root"; the rule wants "Root""#,
                r#"7: filter_tool: `userAgent|contains` fails: the event has "aws-cli"; the rule wants "terraform""#,
            ],
        ),
        (
            with("eventName", json!("StartLogging")),
            vec![
                r#"5: call: `eventName` fails: the event has "StartLogging"; the rule wants "StopLogging", "DeleteTrail""#,
            ],
        ),
        (
            with("user", json!({"type": "IAMUser"})),
            vec![
                r#"6: who: `user.type` fails: the event has "IAMUser"; the rule wants "Root""#,
                r#"6: who: `user.name|startswith` fails: the event has no such field; the rule wants "adm""#,
            ],
        ),
        (
            with("userAgent", json!("HashiCorp Terraform/1.9")),
            vec![
                r#"7: filter_tool: `userAgent|contains` holds: the event has "HashiCorp Terraform/1.9"; the rule wants "terraform""#,
            ],
        ),
    ];
    for (event, expected) in cases {
        assert_eq!(reasons(RULE, &event), expected, "{event}");
    }
}

#[test]
fn keywords_all_and_exclusions_have_their_words() {
    let of = |detection: &str| {
        format!("title: T\nlogsource: {{product: aws}}\ndetection:\n  s: {detection}\n  condition: s\n")
    };
    let event = json!({"a": ["x", "y"], "n": 5, "z": null});
    for (detection, expected) in [
        ("[foo, bar]", "4: s: keywords fails: not found in the event; the rule wants \"foo\", \"bar\""),
        (
            "{a|all: [x, q]}",
            "4: s: `a|all` fails: the event has \"x\", \"y\"; the rule wants all, of which \"q\" failed",
        ),
        ("{a|neq: y}", "4: s: `a|neq` fails: the event has \"x\", \"y\"; the rule excludes \"y\""),
        ("{n|gt: 5}", "4: s: `n|gt` fails: the event has 5; the rule wants 5"),
        ("{z: 1}", "4: s: `z` fails: the event has null; the rule wants 1"),
        ("{m|exists: true}", "4: s: `m|exists` fails: the event has no such field; the rule wants true"),
    ] {
        assert_eq!(reasons(&of(detection), &event), [expected], "{detection}");
    }
}

#[test]
fn every_part_is_told_whether_it_decided_or_not() {
    let told = serde_json::to_value(explained(RULE, &json!({"userAgent": "terraform"}))).unwrap();
    assert_eq!(told["matched"], false);
    let held: Vec<_> = told["selections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["name"].clone(), s["holds"].clone()))
        .collect();
    assert_eq!(
        held,
        [("call".into(), false.into()), ("who".into(), false.into()), ("filter_tool".into(), true.into())]
    );
    assert_eq!(told["selections"][1]["search"]["any"][0]["all"][0]["found"], "no_field");
    assert_eq!(told["conditions"][0]["holds"], false);
}

const PORTS: &str = r"
title: T
logsource: {product: aws}
detection:
  open:
    rules[any]:
      port: 22
      ranges[none]: {cidr|startswith: '10.'}
  condition: open
";

#[test]
fn elements_are_entered_and_the_one_that_decided_is_told() {
    let cases = [
        (json!({}), vec!["6: open: `rules[any]` fails: the event has no such field"]),
        (json!({"rules": []}), vec!["6: open: `rules[any]` fails: there is no element"]),
        (
            json!({"rules": [{"port": 80, "ranges": [{"cidr": "10.1"}]}, {"port": 22, "ranges": [{"cidr": "1.1"}, {"cidr": "10.2"}]}]}),
            vec![
                "6: open: `rules[any]` fails: 0 of 2 elements answer",
                "8: open: element 2 of `rules[any]`: `ranges[none]` fails: 1 of 2 elements answer",
                r#"8: open: element 2 of `rules[any]`: element 2 of `ranges[none]`: `cidr|startswith` holds: the event has "10.2"; the rule wants "10.""#,
            ],
        ),
        (
            json!({"rules": [{"port": 80}, {"port": 22, "ranges": [{"cidr": "1.1"}]}]}),
            vec![
                "6: open: `rules[any]` holds: 1 of 2 elements answer",
                "7: open: element 2 of `rules[any]`: `port` holds: the event has 22; the rule wants 22",
                "8: open: element 2 of `rules[any]`: `ranges[none]` holds: 0 of 1 elements answer",
                r#"8: open: element 2 of `rules[any]`: element 1 of `ranges[none]`: `cidr|startswith` fails: the event has "1.1"; the rule wants "10.""#,
            ],
        ),
    ];
    for (event, expected) in cases {
        assert_eq!(reasons(PORTS, &event), expected, "{event}");
    }
}
