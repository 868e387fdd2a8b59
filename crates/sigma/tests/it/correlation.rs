//! The correlator against the window-by-window oracle, in any interleaving, with restarts anywhere.

use proptest::prelude::*;
use sigma::correlation::reference::{self, Fired};
use sigma::correlation::{
    Advance, BaseRule, CorrelationSet, Correlator, Entry, EntryValue, EventRef, Feeds, Firing, Lane,
    MatchRecord, Micro, Options, RecordWriter, StreamMark,
};
use sigma::{Document, ErrorCode, parse_documents};
use std::sync::Arc;

const BASES: [&str; 3] = ["one", "two", "three"];

fn bases() -> Vec<BaseRule<'static>> {
    BASES.iter().map(|name| BaseRule { id: None, name: Some(name), hash: [name.len() as u8; 32] }).collect()
}

/// `title: name` documents of these correlations; each refusal as line and code.
fn linked(text: &str) -> (CorrelationSet, Vec<(u32, ErrorCode)>) {
    let mut refused = Vec::new();
    let mut rules = Vec::new();
    for document in parse_documents(text, "f.yml") {
        match document {
            Ok(Document::Correlation(rule)) => rules.push(*rule),
            Ok(other) => panic!("no correlation: {other:?}"),
            Err(error) => refused.push((error.line, error.code)),
        }
    }
    let (set, errors) = CorrelationSet::link(rules, &bases());
    refused.extend(errors.into_iter().map(|error| (error.line, error.code)));
    (set, refused)
}

/// Every type, and chains of them.
const SETS: &[&str] = &[
    "title: T\ncorrelation: {type: event_count, rules: [one, two], group-by: [g], timespan: 10s, condition: {gte: 3}}\n",
    "title: T\ncorrelation: {type: event_count, rules: [one], group-by: [g], timespan: 10s, condition: {gt: 1, lte: 3}}\n",
    "title: T\ncorrelation: {type: event_count, rules: [one], group-by: [g], timespan: 10s, condition: {eq: 2}}\n",
    "title: T\ncorrelation: {type: value_count, rules: [one, two], group-by: [g], timespan: 10s, condition: {gte: 3, field: v}}\n",
    "title: T\ncorrelation: {type: value_count, rules: [one], group-by: [g], timespan: 10s, condition: {neq: 1, field: v}}\n",
    "title: T\ncorrelation: {type: value_sum, rules: [one], group-by: [g], timespan: 10s, condition: {gt: 6.5, field: v}}\n",
    "title: T\ncorrelation: {type: value_avg, rules: [one], group-by: [g], timespan: 10s, condition: {lt: 2.5, field: v}}\n",
    "title: T\ncorrelation: {type: value_percentile, rules: [one], group-by: [g], timespan: 10s, condition: {gte: 3, field: v, percentile: 75}}\n",
    "title: T\ncorrelation: {type: value_min, rules: [one], group-by: [g], timespan: 10s, condition: {gte: 2, field: v}}\n",
    "title: T\ncorrelation: {type: temporal, rules: [one, two, three], group-by: [g], timespan: 10s}\n",
    "title: T\ncorrelation: {type: temporal, rules: [one, two, three], group-by: [g], timespan: 10s, condition: {gte: 2}}\n",
    "title: T\ncorrelation: {type: temporal, rules: [one, two, three], group-by: [g], timespan: 10s, condition: one and (two or not three)}\n",
    "title: T\ncorrelation: {type: temporal_ordered, rules: [one, two, three], group-by: [g], timespan: 10s}\n",
    "title: T\ncorrelation: {type: temporal_ordered, rules: [one, two, three], group-by: [g], timespan: 10s, condition: {gte: 2}}\n",
    "title: T\ncorrelation: {type: temporal_ordered, rules: [three, one, two], group-by: [g], timespan: 10s, condition: three and two and not one}\n",
    "title: A\nname: many\ncorrelation: {type: event_count, rules: [one], group-by: [g], timespan: 10s, condition: {gte: 2}}\n---\n\
     title: B\ncorrelation: {type: temporal_ordered, rules: [many, two], group-by: [g], timespan: 10s}\n",
    "title: B\ncorrelation: {type: event_count, rules: [many, three], timespan: 40s, condition: {gte: 3}}\n---\n\
     title: A\nname: many\ncorrelation: {type: value_count, rules: [one], group-by: [g], timespan: 10s, condition: {gte: 2, field: v}}\n---\n\
     title: C\ncorrelation: {type: value_count, rules: [many], timespan: 40s, condition: {gte: 2, field: g}}\n",
];

/// A match as drawn: stream, which base, group, value, milliseconds since the one before.
type Draw = (usize, usize, u8, u8, i64);

/// The matches of every correlation that takes the base.
fn entries(set: &CorrelationSet, draws: &[Draw]) -> Vec<(usize, Entry)> {
    let (mut time_ms, mut all) = (1_000, Vec::new());
    for (number, (stream, base, group, value, later_ms)) in draws.iter().enumerate() {
        time_ms += later_ms;
        let event = EventRef {
            time_ms,
            // identities in no order
            id: [(number * 37 % 256) as u8; 16],
            at: (*stream as u32, number as u64),
        };
        for (correlation, position) in set.uses(*base) {
            let linked = set.get(*correlation).unwrap();
            let grouped = !linked.rule.group_by.is_empty();
            let value = match &linked.rule.kind {
                kind if kind.is_numeric() => EntryValue::Number(Micro::of_count(usize::from(*value))),
                kind if !kind.value_fields().is_empty() => EntryValue::Text(value.to_string().into()),
                _ => EntryValue::None,
            };
            let group = grouped.then(|| Box::from(group.to_string())).into_iter().collect();
            let (correlation, position) = (*correlation, *position);
            let carried = Box::default();
            all.push((*stream, Entry { correlation, position, event, group, value, carried }));
        }
    }
    all
}

fn feeds(set: &CorrelationSet) -> Feeds {
    let mut feeds = Feeds::default();
    (0..set.families()).for_each(|family| feeds.add("all", family));
    feeds
}

fn mark(stream: usize, latest_ms: i64) -> StreamMark {
    StreamMark {
        source: format!("s{stream}"),
        partition: stream as u32,
        logsource: "all".into(),
        latest_ms: [Some(latest_ms), None],
    }
}

fn fired(firings: Vec<Firing>) -> Vec<Fired> {
    let mut fired: Vec<_> = firings
        .into_iter()
        .map(|f| {
            assert!(!f.is_approximate);
            Fired {
                correlation: f.correlation,
                group: f.group,
                last: f.last,
                first: f.first,
                measure: f.measure,
            }
        })
        .collect();
    fired.sort();
    fired
}

/// Plays each stream in its order, streams interleaved as `turns` say, in batches; every so often the state is kept and
/// taken up by another correlator, and batches are written twice.
fn play(
    set: &Arc<CorrelationSet>,
    all: &[(usize, Entry)],
    turns: &[(usize, usize)],
    restart: usize,
) -> Vec<Fired> {
    let options =
        Options { lateness_ms: [2_000, 0], idle_ms: i64::MAX, warmup_ms: 0, state_bytes_max: usize::MAX };
    let new = || Correlator::new(Arc::clone(set), feeds(set), options);
    let (mut correlator, mut firings) = (new(), Vec::new());
    // every stream is known from the beginning, as it is once a pipeline has run for a while
    let marks: Vec<_> = (0..3).map(|stream| mark(stream, 0)).collect();
    correlator.advance(Advance { now_ms: 0, until: None, marks: &marks }, [], &mut firings);
    let mut streams: Vec<Vec<Entry>> = vec![Vec::new(); 3];
    all.iter().for_each(|(stream, entry)| streams[*stream].push(entry.clone()));
    let mut at = [0_usize; 3];
    let turns = turns.iter().copied().chain((0..3).map(|stream| (stream, usize::MAX)));
    for (turn, (stream, count)) in turns.enumerate() {
        let from = at[stream];
        let to = from.saturating_add(count).min(streams[stream].len());
        // an event's matches stay in one batch
        let same = |n: &usize| streams[stream][*n].event == streams[stream][*n - 1].event;
        let to = (to..streams[stream].len()).find(|n| *n == 0 || !same(n)).unwrap_or(streams[stream].len());
        at[stream] = to;
        let Some(last) = streams[stream][from..to].last() else { continue };
        let marks = [mark(stream, last.event.time_ms)];
        let advance =
            Advance { now_ms: turn as i64, until: Some((stream as u32, last.event.at.1 + 1)), marks: &marks };
        // within the lateness, a batch is in no order
        let mut batch: Vec<_> = streams[stream][from..to].iter().cloned().map(|e| (Lane::Live, e)).collect();
        batch.reverse();
        correlator.advance(advance, batch.clone(), &mut firings);
        if turn % 3 == 0 {
            correlator.advance(advance, batch, &mut firings);
        }
        if restart > 0 && turn % restart == 0 {
            let kept = correlator.encode();
            correlator = new();
            correlator.restore(&kept).unwrap();
            assert_eq!(correlator.encode().len(), kept.len());
        }
    }
    assert_eq!(correlator.counts().late, 0);
    correlator.flush(&mut firings);
    fired(firings)
}

fn draw() -> impl Strategy<Value = Draw> {
    (0..3_usize, 0..3_usize, 0..2_u8, 0..5_u8, prop_oneof![Just(0), Just(1_000), 1..6_000_i64, Just(10_000)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_interleaving_with_restarts_fires_as_the_oracle_says(
        which in 0..SETS.len(),
        draws in prop::collection::vec(draw(), 0..60),
        turns in prop::collection::vec((0..3_usize, 1..8_usize), 0..40),
        restart in 0..4_usize,
    ) {
        let (set, refused) = linked(SETS[which]);
        prop_assert_eq!(refused, []);
        let all = entries(&set, &draws);
        let list: Vec<_> = all.iter().map(|(_, entry)| entry.clone()).collect();
        let expected = reference::firings(&set, &list);
        let played = play(&Arc::new(set), &all, &turns, restart);
        prop_assert_eq!(played, expected, "{}", SETS[which]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// What a reload does: the state goes to another set, in which chains were added, changed or taken away.
    #[test]
    fn reloads_of_chains_change_nothing_for_what_they_name(
        draws in prop::collection::vec(draw(), 0..60),
        reloads in prop::collection::vec((0..60_usize, 0..CHAINS.len()), 0..6),
    ) {
        let sets: Vec<_> = CHAINS.iter().map(|chain| Arc::new(linked(&format!("{MANY}{chain}")).0)).collect();
        let options =
            Options { lateness_ms: [0, 0], idle_ms: i64::MAX, warmup_ms: 0, state_bytes_max: usize::MAX };
        let fired_as_a = |reloads: &[(usize, usize)]| {
            let mut set = Arc::clone(&sets[0]);
            let mut correlator = Correlator::new(Arc::clone(&set), feeds(&set), options);
            let mut fired = Vec::new();
            let mut time_ms = 1_000;
            for at in 0..=draws.len() {
                for (_, chain) in reloads.iter().filter(|(when, _)| *when == at) {
                    let kept = correlator.encode();
                    set = Arc::clone(&sets[*chain]);
                    correlator = Correlator::new(Arc::clone(&set), feeds(&set), options);
                    correlator.restore(&kept).unwrap();
                }
                let mut firings = Vec::new();
                let of_event: Vec<_> = entries(&set, &draws)
                    .into_iter()
                    .filter(|(_, entry)| entry.event.at.1 == at as u64)
                    .map(|(_, entry)| (Lane::Live, entry))
                    .collect();
                match draws.get(at) {
                    None => correlator.flush(&mut firings),
                    Some(draw) => {
                        // how far the stream has come, whichever rules take its events
                        time_ms += draw.4;
                        let marks = [mark(0, time_ms)];
                        let advance = Advance { now_ms: at as i64, until: None, marks: &marks };
                        correlator.advance(advance, of_event, &mut firings);
                    }
                }
                let is_a = |firing: &Firing| set.get(firing.correlation).unwrap().rule.title == "A";
                fired.extend(firings.into_iter().filter(is_a).map(|f| (f.group, f.first, f.last, f.measure)));
            }
            fired
        };
        let without = fired_as_a(&[]);
        prop_assert_eq!(fired_as_a(&reloads), without);
    }
}

#[test]
fn each_type_fires_for_some_draws_and_not_for_others() {
    // guards the property above against sets that never fire
    // first a while of all three rules, then of the last two alone
    let base = |n: usize| if n < 30 { n * 7 % 3 } else { 1 + n % 2 };
    let draws: Vec<Draw> =
        (0..50).map(|n| (n % 3, base(n), (n / 9 % 2) as u8, (n * 3 % 5) as u8, 1_500)).collect();
    for text in SETS {
        let (set, _) = linked(text);
        let list: Vec<_> = entries(&set, &draws).into_iter().map(|(_, entry)| entry).collect();
        assert!(!reference::firings(&set, &list).is_empty(), "{text}");
        assert!(reference::firings(&set, &list[..1]).len() <= 1, "{text}");
    }
}

#[test]
fn refusals_name_line_and_code() {
    let good = "title: T\ncorrelation:\n  type: event_count\n  rules: [one]\n  group-by: [g]\n  timespan: 10m\n  condition: {gte: 3}\n";
    assert_eq!(linked(good).1, []);
    for (from, to, line, code) in [
        ("event_count", "event_sum", 3, ErrorCode::BadWord),
        ("event_count", "value_count", 7, ErrorCode::MissingPart),
        ("[one]", "[four]", 1, ErrorCode::UnknownRule),
        ("[one]", "[]", 2, ErrorCode::MissingPart),
        ("[one]", "[one, one]", 4, ErrorCode::BadCorrelation),
        ("10m", "10", 6, ErrorCode::BadCorrelation),
        ("10m", "0s", 6, ErrorCode::LimitExceeded),
        ("10m", "9999d", 6, ErrorCode::LimitExceeded),
        ("{gte: 3}", "{at-least: 3}", 7, ErrorCode::BadCorrelation),
        ("{gte: 3}", "{gte: three}", 7, ErrorCode::BadType),
        ("{gte: 3}", "{}", 7, ErrorCode::MissingPart),
        ("{gte: 3}", "{gte: 1000000}", 7, ErrorCode::LimitExceeded),
        ("{gte: 3}", "{gt: 100, lte: 50}", 7, ErrorCode::BadCorrelation),
        ("{gte: 3}", "{lt: 1}", 7, ErrorCode::BadCorrelation),
        ("{gte: 3}", "{eq: 0}", 7, ErrorCode::BadCorrelation),
        ("{gte: 3}", "{eq: 2.5}", 7, ErrorCode::BadCorrelation),
        (
            "event_count\n  rules: [one]\n  group-by: [g]\n  timespan: 10m\n  condition: {gte: 3}",
            "value_count\n  rules: [one]\n  timespan: 10m\n  condition: {field: f, eq: 3, neq: 3}",
            6,
            ErrorCode::BadCorrelation,
        ),
        (
            "event_count\n  rules: [one]\n  group-by: [g]\n  timespan: 10m\n  condition: {gte: 3}",
            "value_avg\n  rules: [one]\n  timespan: 10m\n  condition: {field: f, gte: 10, lt: 3}",
            6,
            ErrorCode::BadCorrelation,
        ),
        (
            "event_count\n  rules: [one]\n  group-by: [g]\n  timespan: 10m\n  condition: {gte: 3}",
            "temporal\n  rules: [one]\n  timespan: 10m\n  condition: {gte: 3}",
            6,
            ErrorCode::BadCorrelation,
        ),
        ("{gte: 3}", "{gte: 3, field: x}", 7, ErrorCode::BadCorrelation),
        ("{gte: 3}", "{gte: 3, percentile: 5}", 7, ErrorCode::BadCorrelation),
        ("timespan", "time-span", 6, ErrorCode::BadCorrelation),
        ("title: T\n", "name: T\n", 1, ErrorCode::MissingPart),
        (
            "condition: {gte: 3}",
            "condition: {gte: 3}\n  aliases: {x: {one: y}}",
            1,
            ErrorCode::BadCorrelation,
        ),
        ("group-by: [g]", "group-by: [g]\n  aliases: {g: {two: y}}", 1, ErrorCode::BadCorrelation),
    ] {
        assert!(good.contains(from), "{from}");
        assert_eq!(linked(&good.replacen(from, to, 1)).1, [(line, code)], "{to}");
    }
    for (condition, code) in [
        ("one and four", ErrorCode::BadCorrelation),
        ("not one", ErrorCode::BadCorrelation),
        ("one and not one", ErrorCode::BadCorrelation),
        ("one and", ErrorCode::BadCondition),
        ("{lt: 2}", ErrorCode::BadCorrelation),
    ] {
        let text = format!(
            "title: T\ncorrelation: {{type: temporal_ordered, rules: [one, two], timespan: 1m, condition: {condition}}}\n"
        );
        assert_eq!(linked(&text).1.first().map(|(_, found)| *found), Some(code), "{condition}");
    }
}

#[test]
fn circles_and_what_stands_on_them_are_refused() {
    let one = |name: &str, of: &str| {
        format!(
            "title: {name}\nname: {name}\ncorrelation: {{type: temporal, rules: [{of}], timespan: 1m}}\n---\n"
        )
    };
    let text = one("a", "b") + &one("b", "a") + &one("c", "a") + &one("d", "one");
    let (set, refused) = linked(&text);
    assert_eq!(set.all().len(), 1);
    assert_eq!(refused.iter().map(|(_, code)| *code).collect::<Vec<_>>(), [ErrorCode::UnknownRule; 3]);
}

#[test]
fn what_others_take_is_silent_unless_they_say_generate() {
    let text = "title: A\nname: many\ncorrelation: {type: event_count, rules: [one, two], timespan: 1m, condition: {gte: 2}}\n---\n\
        title: B\ngenerate: true\ncorrelation: {type: temporal, rules: [many, two, three], timespan: 1m}\n";
    let (set, refused) = linked(text);
    assert_eq!(refused, []);
    let silent: Vec<_> = (0..3).map(|base| set.is_silent(base)).collect();
    assert_eq!(silent, [true, false, false]);
    assert_eq!(set.all().iter().map(|linked| linked.silent).collect::<Vec<_>>(), [false, false]);
    assert_eq!(set.families(), 2, "each is one, the second with a copy of the first");
}

const MANY: &str = "title: A\nid: a\nname: many\ncorrelation: {type: event_count, rules: [one], group-by: [g], timespan: 10s, condition: {gte: 3}}\n";

/// Chains over [`MANY`], as reloads add, change and take them away.
const CHAINS: [&str; 5] = [
    "",
    "---\ntitle: B\nid: b\ngenerate: true\ncorrelation: {type: temporal_ordered, rules: [many, two], group-by: [g], timespan: 10s}\n",
    "---\ntitle: B\nid: b\ngenerate: true\ncorrelation: {type: value_count, rules: [many], timespan: 40s, condition: {gte: 2, field: v}}\n",
    "---\ntitle: C\nid: c\nname: others\ncorrelation: {type: event_count, rules: [two], group-by: [g], timespan: 10s, condition: {gte: 2}}\n\
     ---\ntitle: 0\nid: '0'\ngenerate: true\ncorrelation: {type: temporal, rules: [many, others], group-by: [g], timespan: 20s}\n",
    "---\ntitle: B\nid: b\nname: then\ngenerate: true\ncorrelation: {type: temporal_ordered, rules: [many, two], group-by: [g], timespan: 10s}\n\
     ---\ntitle: D\nid: d\ngenerate: true\ncorrelation: {type: event_count, rules: [then], timespan: 60s, condition: {gte: 2}}\n",
];

#[test]
fn chains_leave_what_they_name_where_it_was() {
    let routed = |chain: &str| {
        let (set, refused) = linked(&format!("{MANY}{chain}"));
        assert_eq!(refused, []);
        let place = set.all().iter().position(|one| one.rule.title == "A").unwrap();
        let one = set.get(place).unwrap();
        (*one.key(), *one.route(), one.is_chained(), one.hash)
    };
    let alone = routed(CHAINS[0]);
    assert!(!alone.2);
    for chain in CHAINS {
        assert_eq!(routed(chain), alone, "{chain}");
    }
    // what a chain is made of stays where it is when only the chain's own words change
    let copies = |chain: &str| -> Vec<[u8; 16]> {
        let (set, _) = linked(&format!("{MANY}{chain}"));
        set.uses(0).iter().map(|(place, _)| *set.get(*place).unwrap().route()).collect()
    };
    assert_eq!(copies(CHAINS[1]), copies(&CHAINS[1].replace("10s", "11s")));
    assert_eq!(copies(CHAINS[1]).len(), 2, "its own, and one for the chain");
}

#[test]
fn too_many_correlations_below_one_are_refused() {
    let below = |count: usize| {
        let many: String = (0..count)
            .map(|n| format!("title: M{n}\nname: m{n}\ncorrelation: {{type: event_count, rules: [one], timespan: 1m, condition: {{gte: {}}}}}\n---\n", n + 1))
            .collect();
        // two levels, since one may not name so many
        let names =
            |from: usize, to: usize| (from..to).map(|n| format!("m{n}")).collect::<Vec<_>>().join(", ");
        let half = count / 2;
        format!(
            "{many}title: L\nname: left\ncorrelation: {{type: event_count, rules: [{}], timespan: 1m, condition: {{gte: 2}}}}\n---\n\
             title: T\ncorrelation: {{type: event_count, rules: [left, {}], timespan: 1m, condition: {{gte: 2}}}}\n",
            names(0, half),
            names(half, count)
        )
    };
    assert_eq!(linked(&below(63)).1, []);
    let refused = linked(&below(64)).1;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].1, ErrorCode::LimitExceeded);
}

#[test]
fn meaning_and_not_spelling_makes_the_hash() {
    let hash = |text: &str| linked(text).0.get(0).unwrap().hash;
    let text = "title: T\ncorrelation: {type: event_count, rules: [one], group-by: [g], timespan: 60m, condition: {gte: 3}}\n";
    let same = "title: Other\nlevel: high\ncorrelation:\n  condition: {gte: 3.0}\n  timespan: 1h\n  group-by: g\n  rules: one\n  type: event_count\n";
    assert_eq!(hash(text), hash(same));
    for (from, to) in [("gte", "gt"), ("60m", "61m"), ("[one]", "[two, one]"), ("[g]", "[h]"), ("3}}", "4}}")]
    {
        assert!(text.contains(from));
        assert_ne!(hash(text), hash(&text.replacen(from, to, 1)), "{to}");
    }
}

fn one_rule() -> Arc<CorrelationSet> {
    Arc::new(linked(SETS[3]).0)
}

fn value_entry(number: u64, time_ms: i64, group: &str) -> Entry {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    Entry {
        correlation: 0,
        position: 0,
        event: EventRef { time_ms, id, at: (0, number) },
        group: [Box::from(group)].into(),
        value: EntryValue::Text(number.to_string().into()),
        carried: Box::default(),
    }
}

#[test]
fn idle_streams_are_not_waited_for_and_late_matches_are_counted() {
    let set = one_rule();
    let options = Options { lateness_ms: [5_000, 0], idle_ms: 30_000, warmup_ms: 0, ..Options::default() };
    let mut correlator = Correlator::new(Arc::clone(&set), feeds(&set), options);
    let mut firings = Vec::new();
    let at = |now_ms, until, marks| Advance { now_ms, until, marks };
    let slow = [mark(1, 1_000)];
    correlator.advance(at(0, None, &slow), [], &mut firings);
    let marks = [mark(0, 100_000)];
    let batch = (0..3).map(|n| (Lane::Live, value_entry(n, 90_000 + n as i64, "a")));
    correlator.advance(at(0, Some((0, 3)), &marks), batch, &mut firings);
    assert!(firings.is_empty() && correlator.is_waiting(), "the slow stream is waited for");
    correlator.advance(at(29_999, None, &[]), [], &mut firings);
    assert!(firings.is_empty());
    correlator.advance(at(30_000, None, &[]), [], &mut firings);
    assert_eq!(
        (firings.len(), correlator.is_waiting()),
        (1, false),
        "all are idle, so what was seen is complete"
    );
    correlator.advance(
        at(30_001, Some((0, 4)), &[]),
        [(Lane::Live, value_entry(3, 99_999, "a"))],
        &mut firings,
    );
    assert_eq!((firings.len(), correlator.counts().late), (1, 1));
}

#[test]
fn history_has_its_own_clock_and_may_begin_anew() {
    let set = one_rule();
    let options = Options { lateness_ms: [0, 0], idle_ms: 1_000, warmup_ms: 0, ..Options::default() };
    let mut correlator = Correlator::new(Arc::clone(&set), feeds(&set), options);
    let (mut firings, mut number) = (Vec::new(), 0);
    // today, then March, then January: each import meets its own time
    for (now_ms, lane, begin_ms) in
        [(0, Lane::Live, 900_000), (10, Lane::Past, 500_000), (5_000, Lane::Past, 100_000)]
    {
        let batch: Vec<_> = (0..3)
            .map(|n| {
                number += 1;
                (lane, value_entry(number, begin_ms + n, "a"))
            })
            .collect();
        let mut marks = [mark(0, begin_ms + 2)];
        if lane == Lane::Past {
            marks[0].latest_ms.swap(0, 1);
        }
        let advance = Advance { now_ms, until: Some((0, number + 1)), marks: &marks };
        correlator.advance(advance, batch, &mut firings);
        let tick = Advance { now_ms: now_ms + 1_000, until: None, marks: &[] };
        correlator.advance(tick, [], &mut firings);
    }
    assert_eq!(firings.len(), 3);
    assert_eq!(correlator.counts().late, 0);
}

#[test]
fn memory_stays_within_its_limit_and_what_it_cost_is_counted() {
    let set = one_rule();
    let most = 200_000;
    let options = Options { lateness_ms: [0, 0], idle_ms: 1_000, warmup_ms: 0, state_bytes_max: most };
    let mut correlator = Correlator::new(Arc::clone(&set), feeds(&set), options);
    let mut firings = Vec::new();
    for n in 0..20_000_u64 {
        let marks = [mark(0, n as i64)];
        let entry = value_entry(n, n as i64, &format!("group {n}"));
        correlator.advance(
            Advance { now_ms: 0, until: Some((0, n + 1)), marks: &marks },
            [(Lane::Live, entry)],
            &mut firings,
        );
        assert!(correlator.state_bytes() <= most, "{} bytes after {n}", correlator.state_bytes());
    }
    assert!(correlator.counts().evicted_groups > 1_000, "{:?}", correlator.counts());
    // a stream that never comes on: what waits for it is bounded too
    correlator.advance(Advance { now_ms: 0, until: None, marks: &[mark(1, 0)] }, [], &mut firings);
    for n in 20_000..40_000_u64 {
        let entry = value_entry(n, n as i64, "one");
        correlator.advance(
            Advance { now_ms: 0, until: Some((0, n + 1)), marks: &[mark(0, n as i64)] },
            [(Lane::Live, entry)],
            &mut firings,
        );
        assert!(correlator.state_bytes() <= most);
    }
    assert!(correlator.counts().forced_releases > 0);
}

#[test]
fn a_damaged_state_is_refused_and_asks_for_no_memory() {
    let set = one_rule();
    let new = || Correlator::new(Arc::clone(&set), feeds(&set), Options::default());
    let mut correlator = new();
    let batch = (0..50).map(|n| (Lane::Live, value_entry(n, n as i64 * 1_000, "a")));
    let marks = [mark(0, 50_000)];
    correlator.advance(Advance { now_ms: 0, until: Some((0, 50)), marks: &marks }, batch, &mut Vec::new());
    let kept = correlator.encode();
    for cut in 0..kept.len() {
        assert!(new().restore(&kept[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..kept.len() {
        let mut damaged = kept.clone();
        damaged[at] ^= 0xff;
        // whatever it says, it neither panics nor allocates what is not there
        let _ = new().restore(&damaged);
    }
}

#[test]
fn a_record_gives_back_what_was_written_and_leaves_out_what_is_not_known() {
    let set = one_rule();
    let mut writer = RecordWriter::default();
    let written: Vec<_> = (0..20)
        .map(|n| {
            let mut entry = value_entry(n, 1_000 * n as i64 - 5_000, if n % 2 == 0 { "a" } else { "b" });
            entry.event.at.0 = 3;
            (if n < 10 { Lane::Live } else { Lane::Past }, entry)
        })
        .collect();
    written.iter().for_each(|(lane, entry)| writer.push(&set, *lane, entry));
    let marks = [mark(1, 77)];
    let mut bytes = Vec::new();
    writer.finish(Advance { now_ms: 5, until: Some((3, 20)), marks: &marks }, &mut bytes);
    assert!(writer.is_empty());
    let read = MatchRecord::decode(&bytes, &set).unwrap();
    assert_eq!((read.now_ms, read.until, &read.marks[..]), (5, Some((3, 20)), &marks[..]));
    assert_eq!(read.entries, written);
    let other = linked(SETS[0]).0;
    assert!(MatchRecord::decode(&bytes, &other).unwrap().entries.is_empty());
    for at in 0..bytes.len() {
        assert!(MatchRecord::decode(&bytes[..at], &set).is_err());
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        let _ = MatchRecord::decode(&damaged, &set);
    }
}

#[test]
fn a_stream_that_begins_a_moment_later_is_waited_for() {
    let set = one_rule();
    let options = Options { lateness_ms: [0, 0], warmup_ms: 1_000, ..Options::default() };
    let mut correlator = Correlator::new(Arc::clone(&set), feeds(&set), options);
    let mut firings = Vec::new();
    let mut take = |now_ms, stream, until, number, time_ms| {
        let marks = [mark(stream, time_ms)];
        let advance = Advance { now_ms, until: Some((stream as u32, until)), marks: &marks };
        let mut entry = value_entry(number, time_ms, "a");
        entry.event.at = (stream as u32, until - 1);
        correlator.advance(advance, [(Lane::Live, entry)], &mut firings);
        (firings.len(), correlator.counts().late)
    };
    assert_eq!(take(0, 0, 1, 0, 90_000), (0, 0));
    assert_eq!(take(500, 1, 1, 1, 50_000), (0, 0), "it is not late");
    assert_eq!(take(2_000, 0, 2, 2, 91_000), (0, 0));
    assert_eq!(take(2_001, 1, 2, 3, 92_000), (0, 0));
    assert_eq!(take(2_002, 1, 3, 4, 91_000), (0, 1), "and this is");
    assert_eq!(take(2_003, 0, 3, 5, 93_000), (1, 1));
}

#[test]
fn a_logsource_may_have_a_lateness_of_its_own() {
    let set = one_rule();
    let (mut feeds, options) =
        (feeds(&set), Options { lateness_ms: [0, 0], idle_ms: 10, warmup_ms: 0, ..Options::default() });
    feeds.allow(|logsource| logsource == "all", 5_000);
    let mut correlator = Correlator::new(Arc::clone(&set), feeds, options);
    let mut firings = Vec::new();
    for (number, time_ms) in [(0, 90_000), (1, 86_000), (2, 85_500), (3, 84_000)] {
        let marks = [mark(0, time_ms)];
        let advance = Advance { now_ms: number as i64, until: Some((0, number + 1)), marks: &marks };
        let entry = value_entry(number, time_ms, "a");
        correlator.advance(advance, [(Lane::Live, entry)], &mut firings);
    }
    assert_eq!((firings.len(), correlator.counts().late), (0, 1), "one came more than five seconds late");
    correlator.advance(Advance { now_ms: 4_000, until: None, marks: &[] }, [], &mut firings);
    assert!(firings.is_empty(), "the stream is not idle yet");
    correlator.advance(Advance { now_ms: 5_000, until: None, marks: &[] }, [], &mut firings);
    assert_eq!(firings.len(), 1);
}

#[test]
fn correlations_that_mean_the_same_are_told_apart() {
    let one = SETS[3].to_owned();
    let with_id = one.replace("title: T", "title: T\nid: 0d1f3c52-2f6c-4a55-9ddf-7f0b7d0c5b21");
    let (set, refused) = linked(&format!("{one}---\n{one}---\n{with_id}"));
    assert_eq!(refused, []);
    let mut writer = RecordWriter::default();
    for correlation in 0..3 {
        writer.push(&set, Lane::Live, &Entry { correlation, ..value_entry(1, 1, "a") });
    }
    let mut bytes = Vec::new();
    writer.finish(Advance { now_ms: 0, until: None, marks: &[] }, &mut bytes);
    let read = MatchRecord::decode(&bytes, &set).unwrap().entries;
    assert_eq!(read.iter().map(|(_, entry)| entry.correlation).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(set.get(0).unwrap().hash, set.get(2).unwrap().hash);
}
