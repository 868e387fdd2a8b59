//! Every SigmaHQ rule loads or is refused for a reason that is on the list; and on real CloudTrail
//! the compiled program answers as the reference evaluator does.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use sigma::{Logsource, MatchScratch, Rule, RuleError, RuleIndex, RuleSet, parse_rules, reference};

use crate::json_view::{Fields, JsonView};
use crate::shared_data;

fn load(folder: &std::path::Path) -> (Vec<Rule>, Vec<RuleError>) {
    let (mut rules, mut refused) = (Vec::new(), Vec::new());
    for path in shared_data::files(folder, ".yml") {
        let text = std::fs::read_to_string(&path).unwrap();
        let results = parse_rules(&text, path.strip_prefix(folder).unwrap().to_str().unwrap());
        assert!(!results.is_empty(), "{} gave neither rule nor error", path.display());
        for result in results {
            match result {
                Ok(rule) => rules.push(rule),
                Err(error) => refused.push(error),
            }
        }
    }
    (rules, refused)
}

#[test]
fn every_public_rule_loads_or_says_why_not() {
    let Some(folder) = shared_data::folder("sigma") else { return };
    let files = shared_data::files(&folder, ".yml").len();
    let (rules, mut refused) = load(&folder);
    assert_eq!(rules.len() + refused.len(), files, "one document a file");
    let (set, errors) = RuleSet::compile(rules, &mut Fields::default());
    refused.extend(errors);
    let mut by_code: BTreeMap<&str, usize> = BTreeMap::new();
    for error in &refused {
        println!("{error}");
        *by_code.entry(error.code.as_str()).or_default() += 1;
    }
    println!("loaded {} refused {} {by_code:?}", set.rules().len(), refused.len());
    assert!(files > 3_700);
    // Placeholders need a site's own lists; everything else is a shortcoming of the engine.
    let unexpected: Vec<&RuleError> =
        refused.iter().filter(|error| error.code.as_str() != "unknown-placeholder").collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

fn cloudtrail_events() -> Option<Vec<Json>> {
    let folder = shared_data::folder("cloud-aws")?;
    let mut events = Vec::new();
    for set in ["stratus-detonation", "stratus-detonation-deleaked", "invictus-aws_dataset"] {
        for path in shared_data::files(&folder.join(set), ".json") {
            let text = std::fs::read_to_string(&path).unwrap();
            match serde_json::from_str::<Json>(&text).unwrap() {
                Json::Array(items) => events.extend(items),
                Json::Object(mut envelope) => match envelope.remove("Records") {
                    Some(Json::Array(items)) => events.extend(items),
                    _ => events.push(Json::Object(envelope)),
                },
                _ => panic!("{} is neither a list nor an envelope", path.display()),
            }
        }
    }
    Some(events)
}

/// Every how many events the rules of other clouds are tried too (the reference is slow).
const ALL_RULES_EVERY: usize = 10;

#[test]
fn compiled_and_reference_agree_on_real_cloudtrail() {
    let (Some(folder), Some(events)) = (shared_data::folder("sigma"), cloudtrail_events()) else { return };
    let (rules, _) = load(&folder.join("rules/cloud"));
    let mut fields = Fields::default();
    let (set, _) = RuleSet::compile(rules, &mut fields);
    assert!(events.len() > 1_500, "{}", events.len());
    assert!(set.rules().len() > 200, "{}", set.rules().len());
    let source = Logsource::of("aws", "cloudtrail");
    let route = set.route(&source);
    let aws = route.rules().len();
    let all = set.route_all();
    let mut scratch = MatchScratch::new();
    let (mut hits, mut with_hit) = (0, 0);
    for (number, event) in events.iter().enumerate() {
        let view = JsonView::new(event, &fields);
        let mut routed = Vec::new();
        set.matches(&route, &view, &mut scratch, &mut |rule| routed.push(rule));
        let mut oracle = |rule: &RuleIndex| reference::matches(set.rule(*rule).unwrap(), &mut fields, &view);
        let expected: Vec<RuleIndex> = route.rules().iter().copied().filter(&mut oracle).collect();
        assert_eq!(routed, expected, "{event}");
        if number % ALL_RULES_EVERY == 0 {
            let mut found = Vec::new();
            set.matches(&all, &view, &mut scratch, &mut |rule| found.push(rule));
            let expected: Vec<RuleIndex> = all.rules().iter().copied().filter(&mut oracle).collect();
            assert_eq!(found, expected, "{event}");
        }
        hits += routed.len();
        with_hit += usize::from(!routed.is_empty());
        for rule in routed {
            assert!(!set.matched_fields(rule, &view, &mut scratch).is_empty());
        }
    }
    println!("{} events, {aws} aws rules, {hits} hits on {with_hit} events", events.len());
    assert!(hits > 0);
}
