//! What the tests of rules are worth.

use detect::{CorrelationMutations, Detector, EventLogRoutes, LoadReport, Reading, RuleMutations, Standing};
use model::FieldTable;
use sigma::Operator;
use std::path::{Path, PathBuf};

/// What the tests of each shipped rule must reach, in percent.
const SHIPPED_SCORE_MIN: f64 = 80.0;

type Judged<M> = Vec<(String, M)>;

fn judged_all(
    documents: &[(String, String)],
) -> (Judged<RuleMutations>, Judged<CorrelationMutations>, LoadReport) {
    let (mut vendor, mut ocsf) = (FieldTable::default(), FieldTable::default());
    let documents = documents.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (detector, report) = Detector::load(documents, &mut vendor, &mut ocsf);
    let event_log = EventLogRoutes::new(&detector, &mut vendor);
    let vocabulary = vendor.vocabulary(["Event.System", "Event.EventData"], []);
    let reading = Reading {
        vocabulary_of: &|rule| (rule.logsource.product.as_deref() == Some("windows")).then_some(&vocabulary),
        ..Reading::plain(&vendor, &ocsf, &event_log)
    };
    let rules = detector.rules().map(|(hit, rule)| {
        let place = format!("{}:{} {}", rule.file, rule.line, rule.title);
        (place, detector.mutate(hit, &reading).unwrap())
    });
    let correlations = detector.correlations().set().all().iter().enumerate().map(|(at, linked)| {
        let place = format!("{}:{} {}", linked.rule.file, linked.rule.line, linked.rule.title);
        (place, detector.mutate_correlation(at, &reading).unwrap())
    });
    (rules.collect(), correlations.collect(), report)
}

fn judged(documents: &[(String, String)]) -> (Judged<RuleMutations>, LoadReport) {
    let (rules, _, report) = judged_all(documents);
    (rules, report)
}

fn one(text: &str) -> RuleMutations {
    let (mut judged, report) = judged(&[("r.yml".to_owned(), text.to_owned())]);
    assert_eq!(report.refused, []);
    judged.remove(0).1
}

const RULE: &str = r"
title: T
logsource: {product: aws, service: cloudtrail}
detection:
  call: {eventName: [StopLogging, DeleteTrail]}
  filter_tool: {userAgent|startswith: terraform}
  condition: call and not filter_tool
tests:
";

#[test]
fn a_rule_without_tests_says_which_it_should_have() {
    let judged = one(&RULE.replace("tests:\n", ""));
    assert_eq!((judged.standing, judged.killed, judged.score()), (Standing::Untested, 0, Some(0.0)));
    assert_eq!(judged.equivalent.len(), 0, "{:?}", judged.equivalent);
    let dropped = judged.survivors.iter().find(|s| s.mutation.operator == Operator::DropFilter).unwrap();
    let missing = dropped.missing.as_ref().unwrap();
    assert_eq!((dropped.mutation.line, missing.matches), (7, false), "{missing:?}");
    assert!(missing.event["userAgent"].as_str().unwrap().starts_with("terraform"));
}

#[test]
fn tests_kill_what_they_would_notice() {
    let poor = one(&format!("{RULE}  - {{name: stops, event: {{eventName: StopLogging}}, matches: true}}\n"));
    let rich = one(&format!(
        "{RULE}{}",
        r"  - {name: stops, event: {eventName: StopLogging}, matches: true}
  - {name: deletes, event: {eventName: DeleteTrail, userAgent: my terraform}, matches: true}
  - {name: by terraform, event: {eventName: DeleteTrail, userAgent: terraform/1.9}, matches: false}
  - {name: other browser, event: {eventName: DeleteTrail, userAgent: firefox}, matches: true}
  - {name: starts, event: {eventName: StartLogging}, matches: false}
  - {name: longer name, event: {eventName: StopLoggingSoon}, matches: false}
"
    ));
    let survivors = |judged: &RuleMutations| -> Vec<String> {
        judged.survivors.iter().map(|survivor| survivor.mutation.change.clone()).collect()
    };
    assert!(survivors(&poor).contains(&"drop the value `DeleteTrail` of `eventName`".to_owned()));
    assert!(survivors(&poor).contains(&"drop `not filter_tool` from the condition".to_owned()));
    assert_eq!(survivors(&rich), Vec::<String>::new());
    assert_eq!(rich.score(), Some(100.0));
    assert!(poor.score().unwrap() < 50.0);
}

#[test]
fn tests_that_fail_judge_nothing() {
    let judged =
        one(&format!("{RULE}  - {{name: wrong, event: {{eventName: StartLogging}}, matches: true}}\n"));
    assert_eq!((judged.standing, judged.score()), (Standing::Failing, None));
}

#[test]
fn what_cannot_be_told_apart_is_said_and_not_counted() {
    let judged = one(r"
title: T
logsource: {product: aws, service: cloudtrail}
detection:
  narrow: {eventName: StopLogging}
  wide: {eventName|startswith: Stop}
  condition: narrow and wide
tests:
  - {name: stops, event: {eventName: StopLogging}, matches: true}
  - {name: starts, event: {eventName: StartLogging}, matches: false}
  - {name: stops another, event: {eventName: StopTask}, matches: false}
  - {name: longer, event: {eventName: StopLoggingSoon}, matches: false}
");
    let equivalent: Vec<_> = judged.equivalent.iter().map(|mutation| mutation.change.as_str()).collect();
    assert!(
        equivalent.contains(&"find `eventName|startswith: Stop` anywhere in the field"),
        "{equivalent:?}"
    );
    // a part of the rule that nothing needs is not excused, and no test is made up for it
    let survived: Vec<_> =
        judged.survivors.iter().map(|s| (s.mutation.change.as_str(), s.missing.is_none())).collect();
    assert_eq!(survived, [("drop `wide` from the condition", true)]);
    assert!(judged.score().is_some_and(|score| score < 100.0), "{:?}", judged.score());
}

/// A filter or alternative that no test shows is found out, whatever it asks: for each an event is made that needs it.
#[test]
fn untested_parts_are_told_apart_whatever_they_ask() {
    for part in [
        "{user|fieldref: target}",
        "{user|fieldref|endswith: target}",
        "{user|fieldref|startswith: target}",
        "{cmd|base64offset|contains: whoami}",
        "{cmd|wide|base64offset|contains: whoami}",
        "{cmd|base64: whoami}",
        "{at|hour: 3}",
        "{at|hour|gte: 22}",
        "{at|week: 53}",
        "{at|month|lt: 2}",
        "{'ref|re': '^refs/heads/(dependabot|renovate)/[a-z]+-\\d{3}$'}",
        "{'name|re|i': '^BOT-[0-9]+$'}",
        "{image|startswith: '/opt/', image|endswith: '/agent'}",
        "{image|startswith: '/opt/', image|contains: 'tools', image|endswith: '/agent'}",
        "{eventName|endswith: Now}",
        "{size|gte: 10, size|lte: 20}",
        "{'list[any]': {port|lte: 22, port|gte: 22}}",
        "{'list[any]': {a|fieldref: b}}",
    ] {
        let text = format!(
            "title: T\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n  s: {{eventName|startswith: Stop}}\n  \
             filter: {part}\n  condition: s and not filter\ntests:\n\
             - {{name: yes, event: {{eventName: StopLogging, user: ana, target: ben, image: /bin/sh}}, matches: true}}\n\
             - {{name: no, event: {{eventName: StartLogging}}, matches: false}}\n"
        );
        let judged = one(&text);
        let dropped = judged.survivors.iter().find(|s| s.mutation.operator == Operator::DropFilter);
        let missing = dropped.and_then(|dropped| dropped.missing.as_ref());
        let missing = missing.unwrap_or_else(|| panic!("{part}: {:#?}", judged.survivors));
        let (event, matches) = (&missing.event, missing.matches);
        let with = one(&format!("{text}- {{name: more, event: {event}, matches: {matches}}}\n"));
        let left = with.survivors.iter().any(|s| s.mutation.operator == Operator::DropFilter);
        assert!(with.standing == Standing::Judged && !left, "{part}: {event}");
    }
}

/// A test that is asked for must do what it is asked for: added to the rule, it kills the change.
#[test]
fn the_missing_test_kills_its_change() {
    for rule in [RULE, OF_ELEMENTS] {
        let rule = rule.replace("tests:\n", "");
        let mut text = format!("{rule}tests:\n");
        for (at, survivor) in one(&rule).survivors.iter().enumerate() {
            let Some(missing) = &survivor.missing else { continue };
            let (event, matches) = (&missing.event, missing.matches);
            text.push_str(&format!("  - {{name: t{at}, event: {event}, matches: {matches}}}\n"));
        }
        let after = one(&text);
        assert_eq!((after.standing, after.survivors.len()), (Standing::Judged, 0), "{:?}", after.survivors);
    }
}

const OF_ELEMENTS: &str = r"
title: T
logsource: {product: aws, service: cloudtrail}
detection:
  open:
    eventName: Open
    rules[any]: {port: 22, cidr: [0.0.0.0/0, '::/0'], 'tags[none]': {key: approved}}
  condition: open
tests:
";

#[test]
fn questions_about_elements_are_changed_and_told_apart() {
    let judged = one(&OF_ELEMENTS.replace("tests:\n", ""));
    let equivalent: Vec<_> = judged.equivalent.iter().map(|mutation| mutation.change.as_str()).collect();
    assert!(equivalent.is_empty(), "{equivalent:?}");
    let survived: Vec<_> = judged.survivors.iter().map(|s| s.mutation.change.as_str()).collect();
    for change in [
        "`rules[all]` for `rules[any]`",
        "drop `port: 22`",
        "drop the value `::/0` of `cidr`",
        "drop `tags[none]: {key: approved}`",
        "`tags[any]` for `tags[none]`",
        "find `key: approved` anywhere in the field",
    ] {
        assert!(survived.contains(&change), "{change} in {survived:#?}");
    }
    let killed = one(&format!(
        "{OF_ELEMENTS}{}",
        r"  - {name: open, matches: true, event: {eventName: Open, rules: [{port: 80}, {port: 22, cidr: 0.0.0.0/0}]}}
  - {name: of two, matches: false, event: {eventName: Open, rules: [{port: 22, cidr: 10.0.0.0/8}, {port: 80, cidr: 0.0.0.0/0}]}}
"
    ));
    let left: Vec<_> = killed.survivors.iter().map(|s| s.mutation.change.as_str()).collect();
    assert!(
        !left.contains(&"drop `port: 22`") && !left.contains(&"`rules[all]` for `rules[any]`"),
        "{left:#?}"
    );
    assert!(left.contains(&"drop the value `::/0` of `cidr`"), "{left:#?}");
}

fn shipped() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/rules");
    let mut found = Vec::new();
    walk(&folder, &mut found);
    found.sort();
    found
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "yml"))
        .map(|path| {
            let name = path.strip_prefix(&folder).unwrap().display().to_string();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[test]
fn the_tests_of_every_shipped_rule_reach_the_score() {
    let (judged, correlations, _) = judged_all(&shipped());
    assert!(judged.len() >= 100 && correlations.len() >= 20, "{} {}", judged.len(), correlations.len());
    let mut poor = Vec::new();
    let mut weigh = |place: &str, standing, score: Option<f64>, survived: Vec<String>| {
        assert_eq!(standing, Standing::Judged, "{place}");
        if score.is_none_or(|score| score < SHIPPED_SCORE_MIN) {
            poor.push(format!("{place}: {score:?}{}", survived.concat()));
        }
    };
    for (place, rule) in &judged {
        let survived = rule.survivors.iter().map(|s| &s.mutation);
        let survived = survived.map(|m| format!("\n    {}: {}", m.line, m.change)).collect();
        weigh(place, rule.standing, rule.score(), survived);
    }
    for (place, correlation) in &correlations {
        let survived = correlation.survivors.iter().map(|m| format!("\n    {}: {}", m.line, m.change));
        weigh(place, correlation.standing, correlation.score(), survived.collect());
    }
    assert!(poor.is_empty(), "{} rules below {SHIPPED_SCORE_MIN} %:\n{}", poor.len(), poor.join("\n"));
}

const CORRELATION: &str = "title: Base\nname: base\nlogsource: {product: aws}\ndetection: {s: {a: 1}, condition: s}\n---\n\
    title: Other\nname: other\nlogsource: {product: aws}\ndetection: {s: {b: 1}, condition: s}\n---\n\
    title: Thrice\ncorrelation: {type: event_count, rules: [base, other], group-by: [u], timespan: 1m, condition: {gte: 3}}\n\
    tests:\n- {name: thrice, matches: true, events: [{repeat: 3, every: 1s, event: {a: 1, u: x}}]}\n";

/// The changes of the correlation in a text that no test notices.
fn survived(text: &str) -> (Vec<String>, usize) {
    let (_, correlations, report) = judged_all(&[("r.yml".to_owned(), text.to_owned())]);
    assert_eq!(report.refused, []);
    let (_, judged) = &correlations[0];
    assert_eq!(judged.standing, Standing::Judged);
    (judged.survivors.iter().map(|mutation| mutation.change.clone()).collect(), judged.killed)
}

#[test]
fn tests_of_a_correlation_kill_what_they_would_notice() {
    let (poor, killed) = survived(CORRELATION);
    assert_eq!(
        poor,
        [
            "`gte 2` for `gte 3`",
            "a timespan of 30 s for 60 s",
            "a timespan of 120 s for 60 s",
            "drop the rule `other`",
            "drop `u` from `group-by`",
        ]
    );
    assert_eq!(killed, 2, "a number too high, and the rule that the test's events match");
    let rich = format!(
        "{CORRELATION}{}",
        "- {name: slowly, matches: true, events: [{repeat: 3, every: 25s, event: {b: 1, u: x}}]}\n\
         - {name: too slowly, matches: false, events: [{repeat: 3, every: 35s, event: {a: 1, u: x}}]}\n\
         - {name: twice, matches: false, events: [{repeat: 2, every: 1s, event: {a: 1, u: x}}]}\n\
         - {name: of three, matches: false, events: [{repeat: 3, every: 1s, event: {a: 1, u: 'x%n%'}}]}\n"
    );
    assert_eq!(survived(&rich), (Vec::new(), 7));
}

#[test]
fn a_correlation_whose_tests_fail_or_that_has_none_is_not_judged() {
    let standing = |text: &str| {
        let (_, correlations, _) = judged_all(&[("r.yml".to_owned(), text.to_owned())]);
        (correlations[0].1.standing, correlations[0].1.score())
    };
    let failing = CORRELATION.replace("repeat: 3", "repeat: 2");
    assert_eq!(standing(&failing), (Standing::Failing, None));
    let (untested, _) = CORRELATION.split_once("tests:").unwrap();
    assert_eq!(standing(untested), (Standing::Untested, Some(0.0)));
}
