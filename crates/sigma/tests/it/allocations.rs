//! Once a scratch has grown to the rules and events it meets, matching allocates nothing.

use serde_json::json;
use sigma::{MatchScratch, RuleSet, parse_rules};

use crate::json_view::{Fields, JsonView};

const RULES: &str = r"
title: places
logsource: {product: p}
detection:
  s: {image|endswith: ['\a.exe', '\b.exe', '\c.exe'], line|contains: [' -enc', 'download', 'iex']}
  f: {line|startswith: 'ok', user: null}
  condition: s and not f
---
title: expressions
logsource: {product: p}
detection: {s: {line|re: '(?i)down.*load\d+'}, t: {image|fieldref: line}, condition: s or t}
---
title: numbers
logsource: {product: p}
detection: {s: {port|gt: 1000, ip|cidr: 10.0.0.0/8}, condition: s}
---
title: keywords
logsource: {product: p}
detection: {k: [mimikatz, 'sekur*lsa'], condition: k}
---
title: elements
logsource: {product: p}
detection: {s: {'list[any]': {k: a, v|contains: b}}, condition: s}
";

#[test]
fn matching_allocates_nothing_once_the_scratch_has_grown() {
    let rules = parse_rules(RULES, "r").into_iter().map(Result::unwrap).collect();
    let mut fields = Fields::default();
    let (set, errors) = RuleSet::compile(rules, &mut fields);
    assert_eq!(errors, []);
    let route = set.route_all();
    let events: Vec<_> = (0..60_usize)
        .map(|n| {
            json!({
                "image": format!(r"C:\x\{}.exe", ["a", "b", "d"][n % 3]),
                "line": format!("run {n} Down the load{n} é -ENC"),
                "port": 990 + n,
                "ip": format!("10.0.{n}.1"),
                "text": if n.is_multiple_of(7) { "sekurXlsa" } else { "none" },
                "list": [{"k": "a", "v": ["x", "abc"]}, {"k": n}, null],
            })
        })
        .collect();
    let views: Vec<_> = events.iter().map(|event| JsonView::new(event, &fields)).collect();
    for mut scratch in [MatchScratch::new(), MatchScratch::with(1, 0)] {
        let mut hits = 0_u64;
        let mut pass = |scratch: &mut MatchScratch| {
            views.iter().for_each(|view| set.matches(&route, view, scratch, &mut |_| hits += 1));
        };
        // Guards are chosen anew after 512 events, and then after 4,096.
        (0..12).for_each(|_| pass(&mut scratch));
        let count = allocation_counter::measure(|| (0..10).for_each(|_| pass(&mut scratch))).count_total;
        assert_eq!(count, 0);
        assert!(hits > 22 * 60, "{hits}");
    }
}
