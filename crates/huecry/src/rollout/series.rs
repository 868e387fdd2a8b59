//! Makes a correlation's finding again, of the records that it rests on and with the rules in force.
//!
//! The finding names at most so many events. Where those are not all that was counted, every record of the time that the
//! correlation looks back is asked for ([`window`]).

use super::generation::{Generation, Place, RuleInForce};
use super::record::OwnedRecord;
use super::replay::sorted;
use crate::engine::{Engine, Scratch, Wanted};
use detect::{ANY_SOURCE, CORRELATION_CONDITION, CORRELATION_EVENT};
use lake::sql::Masker;
use model::{Finding, MatchedField};
use normalize::RawData;
use server::{Replay, ReplayedField};
use sigma::correlation::{Advance, Correlator, Entry, Feeds, Firing, Lane, Linked, Member, Options};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Memory for the matches of one finding.
const STATE_BYTES_MAX: usize = 64 << 20;

/// What came of it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) replay: Replay,
    /// Whether it may rest on more records than were looked at.
    pub(super) may_rest_on_more: bool,
}

/// The time and the kinds of the records that a correlation may have counted for a finding.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Milliseconds since the epoch; the end is a part of it.
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
    /// Empty: of all kinds.
    pub(super) kinds: Vec<String>,
}

/// When the finding's event counts as having happened: one from the future as of its receipt.
fn counted_at_ms(finding: &Finding) -> i64 {
    finding.time_ms.min(finding.received_at_ms)
}

/// What the correlation at a place looked back on for a finding.
pub(super) fn window(generation: &Generation, place: usize, finding: &Finding) -> Window {
    let detector = generation.engine.detector();
    let until_ms = counted_at_ms(finding);
    let from_ms = until_ms.saturating_sub(reach_ms(&generation.engine, place));
    let reach = generation.engine.rule_reach();
    let kinds =
        reach.get(detector.rules().count() + place).map(|one| one.kinds.as_slice()).unwrap_or_default();
    let any = kinds.contains(&ANY_SOURCE);
    let kinds = kinds.iter().filter(|_| !any).map(|kind| (*kind).to_owned()).collect();
    Window { from_ms, until_ms, kinds }
}

/// How far back a correlation looks, by way of those below it too. Chains are bounded and have no circles.
fn reach_ms(engine: &Engine, place: usize) -> i64 {
    let Some(linked) = engine.detector().correlations().set().get(place) else { return 0 };
    let below = linked.members().iter().filter_map(|member| match member {
        Member::Base(_) => None,
        Member::Correlation(below) => Some(reach_ms(engine, *below)),
    });
    linked.rule.timespan_ms.saturating_add(below.max().unwrap_or(0))
}

/// Takes the records through the engine and compares what the correlation makes of them with `finding`. With a masker,
/// nothing that it says is a value of a record.
pub(super) fn replay(
    generation: &Generation,
    place: usize,
    finding: &Finding,
    records: &[OwnedRecord],
    found_in: &'static str,
    masker: Option<&Masker>,
) -> Told {
    let now = generation.at(Place::Correlation(place));
    let mut replay = Replay {
        record: found_in,
        rule_hash_then: finding.rule_hash.clone(),
        rule_hash_now: now.map(|rule| rule.hash.clone()),
        rule_set_then: finding.rule_set.clone(),
        rule_set_now: generation.word.clone(),
        ..Replay::default()
    };
    let mut scratch = Scratch::new(RawData::Exclude);
    let set = generation.engine.detector().correlations().set();
    let linked = set.get(place);
    let matches = linked.map(|linked| matches(generation, linked, records, &mut scratch)).unwrap_or_default();
    let again = again(generation, place, finding, (records, matches), &mut scratch);
    let is_same_rule = now.is_some_and(|rule| rule.hash == finding.rule_hash);
    replay.difference = difference(finding, now, again.as_ref(), records.len());
    replay.reproduced = replay.difference.is_none();
    if let Some(again) = again {
        replay.finding_id = Some(again.id.to_string());
        replay.event_id = Some(again.event_id.to_string());
        let may_tell = |field: &MatchedField| match field.selection.as_str() {
            CORRELATION_EVENT => true,
            CORRELATION_CONDITION => linked.is_some_and(|linked| !linked.rule.kind.is_numeric()),
            _ => false,
        };
        let field = |field: MatchedField| ReplayedField {
            value: match masker {
                Some(masker) if !may_tell(&field) => masker.token(&field.value),
                _ => field.value,
            },
            selection: field.selection,
            field: field.field,
        };
        replay.matched = again.matched.into_iter().map(field).collect();
    }
    let may_rest_on_more = !replay.reproduced && (is_same_rule || replay.finding_id.is_none());
    Told { replay, may_rest_on_more }
}

/// What of the records the correlation counts, or one below it.
fn matches(
    generation: &Generation,
    linked: &Linked,
    records: &[OwnedRecord],
    scratch: &mut Scratch,
) -> Vec<Entry> {
    let set = generation.engine.detector().correlations().set();
    let mut entries = Vec::new();
    for record in records {
        // a record that gives no event now is none that counts
        let _ = generation.engine.process(
            &record.as_raw(),
            record.position,
            scratch,
            |_| Wanted::EventAndRules,
            |_| (),
            |matched| {
                if generation.rule(matched.hit).is_some_and(RuleInForce::is_sound) {
                    matched.entries(&mut entries);
                }
            },
        );
    }
    let is_of_family =
        |entry: &Entry| set.get(entry.correlation).is_some_and(|of| of.family() == linked.family());
    entries.retain(is_of_family);
    entries
}

/// The finding that the correlation makes at the event of `finding`: that one, where it is among several.
fn again(
    generation: &Generation,
    place: usize,
    finding: &Finding,
    (records, matches): (&[OwnedRecord], Vec<Entry>),
    scratch: &mut Scratch,
) -> Option<Finding> {
    let set = Arc::clone(generation.engine.detector().correlations().set());
    let options = Options { state_bytes_max: STATE_BYTES_MAX, ..Options::default() };
    // its group may have fired shortly before, or, of fewer records than there were, fire too early
    let mut correlator = Correlator::new(set, Feeds::default(), options).firing_from(counted_at_ms(finding));
    let mut firings = Vec::new();
    let step = Advance { now_ms: 0, until: None, marks: &[] };
    correlator.advance(step, matches.into_iter().map(|entry| (Lane::Live, entry)), &mut firings);
    correlator.flush(&mut firings);
    let is_of_event = |firing: &&Firing| firing.correlation == place && firing.last.id == finding.event_id.0;
    let record = records.iter().find(|record| record.position == finding.position).map(OwnedRecord::as_raw);
    let mut found: Option<Finding> = None;
    for firing in firings.iter().filter(is_of_event) {
        let made =
            generation.engine.correlation_finding(firing, record.as_ref(), finding.detected_at_ms, scratch);
        if made.as_ref().is_some_and(|made| found.is_none() || made.id == finding.id) {
            found = made;
        }
    }
    found
}

/// What differs; `None` if nothing does.
fn difference(
    finding: &Finding,
    now: Option<&RuleInForce>,
    again: Option<&Finding>,
    records: usize,
) -> Option<String> {
    let Some(now) = now else { return Some("the rule is not loaded any more".to_owned()) };
    let changed = (now.hash != finding.rule_hash).then(|| {
        let (then, now) = (&finding.rule_hash, &now.hash);
        format!("the correlation or a rule that it counts changed since: its hash was {then}, it is {now}")
    });
    match (changed, again) {
        (Some(changed), None) => {
            Some(format!("{changed}; of the {records} records that were looked at it does not fire any more"))
        }
        (Some(changed), Some(_)) => Some(format!("{changed}; it fires at the same event as well")),
        (None, None) => Some(format!("of the {records} records that were looked at it does not fire now")),
        (None, Some(again)) if again.id != finding.id => {
            Some("it fires for another group, or from another first event on".to_owned())
        }
        (None, Some(again)) if sorted(again) != sorted(finding) => {
            Some("it fires of other events, or of another number of them".to_owned())
        }
        (None, Some(_)) => None,
    }
}

/// The records of two lists, each once, in the order in which they came.
pub(super) fn together(named: Vec<OwnedRecord>, others: Vec<OwnedRecord>) -> Vec<OwnedRecord> {
    let known: BTreeSet<_> = named.iter().map(|record| record.position).collect();
    let mut all = named;
    all.extend(others.into_iter().filter(|record| !known.contains(&record.position)));
    all.sort_by_key(|record| record.position);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Offset, Partition, Position, RawRecord, Topic};

    const BASE: &str = "title: Stop\nname: stop\nid: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11\n\
        logsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: StopLogging}, condition: s}\n---\n";
    const ID: &str = "1b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11";

    fn generation(correlation: &str) -> Generation {
        let text = format!(
            "{BASE}title: Many\nid: {ID}\nname: many\ncorrelation: {{rules: [stop], group-by: [userIdentity.userName], {correlation}}}\n"
        );
        let (engine, report) = Engine::load([("r.yml", text.as_str())]).unwrap();
        assert_eq!(report.refused, []);
        Generation::all_active(Arc::new(engine))
    }

    /// A record of a user at a second after ten.
    fn record(number: u64, second: u64, user: &str) -> OwnedRecord {
        let (minute, second) = (second / 60, second % 60);
        let body = format!(
            r#"{{"eventVersion":"1.08","eventID":"{number}","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","eventTime":"2026-03-01T10:{minute:02}:{second:02}Z","awsRegion":"eu-west-1","userIdentity":{{"type":"IAMUser","userName":"{user}"}}}}"#
        );
        let raw = RawRecord {
            source: "trail",
            kind: "aws_cloudtrail",
            event_type: None,
            delivery_id: None,
            region: "default",
            received_at_ms: 1_772_366_400_000,
            body: body.as_bytes(),
        };
        OwnedRecord::of(&raw, Position::new(Topic::Raw, Partition(0), Offset(number)))
    }

    fn place(generation: &Generation) -> usize {
        let many = generation.correlations().iter().position(|rule| rule.rule_id == ID);
        many.unwrap()
    }

    /// The findings that the correlation made of the records as they came.
    fn found(generation: &Generation, records: &[OwnedRecord]) -> Vec<Finding> {
        let (place, mut scratch) = (place(generation), Scratch::new(RawData::Exclude));
        let set = generation.engine.detector().correlations().set();
        let entries = matches(generation, set.get(place).unwrap(), records, &mut scratch);
        let mut correlator = Correlator::new(Arc::clone(set), Feeds::default(), Options::default());
        let mut firings = Vec::new();
        let step = Advance { now_ms: 0, until: None, marks: &[] };
        correlator.advance(step, entries.into_iter().map(|entry| (Lane::Live, entry)), &mut firings);
        correlator.flush(&mut firings);
        let of = |firing: &Firing| {
            let record = records.iter().find(|record| record.position.offset.0 == firing.last.at.1).unwrap();
            let raw = record.as_raw();
            generation.engine.correlation_finding(firing, Some(&raw), 9, &mut Scratch::new(RawData::Exclude))
        };
        firings
            .iter()
            .filter(|firing| firing.correlation == place)
            .map(|firing| of(firing).unwrap())
            .collect()
    }

    fn named(finding: &Finding, records: &[OwnedRecord]) -> Vec<OwnedRecord> {
        let further = finding.further_events.iter().map(|event| event.position);
        let positions: Vec<_> = further.chain([finding.position]).collect();
        records.iter().filter(|record| positions.contains(&record.position)).cloned().collect()
    }

    fn again(generation: &Generation, finding: &Finding, records: &[OwnedRecord]) -> Told {
        replay(generation, place(generation), finding, records, "log", None)
    }

    #[test]
    fn a_finding_is_made_again_of_the_records_that_it_rests_on() {
        let seconds = |seconds: &[u64]| -> Vec<OwnedRecord> {
            let of = |(number, second): (usize, &u64)| {
                record(number as u64, *second, if number % 7 == 6 { "bob" } else { "eve" })
            };
            seconds.iter().enumerate().map(of).collect()
        };
        let every_second: Vec<u64> = (0..60).collect();
        for (correlation, records, findings, are_all_named) in [
            ("type: event_count, timespan: 5m, condition: {gte: 3}", seconds(&[0, 60, 120]), 1, true),
            // it fired at 120, and was quiet until 421, when five events were in its time
            (
                "type: event_count, timespan: 5m, condition: {gte: 3}",
                seconds(&[0, 60, 120, 200, 260, 320, 380, 421]),
                2,
                true,
            ),
            (
                "type: value_count, timespan: 5m, condition: {field: eventID, gte: 4}",
                seconds(&[1, 2, 3, 4]),
                1,
                true,
            ),
            ("type: event_count, timespan: 5m, condition: {gte: 30}", seconds(&every_second), 1, false),
        ] {
            let generation = generation(correlation);
            let made = found(&generation, &records);
            assert_eq!(made.len(), findings, "{correlation}");
            for finding in &made {
                let of_named = again(&generation, finding, &named(finding, &records));
                let told = (of_named.replay.reproduced, of_named.may_rest_on_more);
                assert_eq!(told, (are_all_named, !are_all_named), "{correlation}: {of_named:?}");
                let of_all = again(&generation, finding, &records).replay;
                assert!(of_all.reproduced && of_all.difference.is_none(), "{correlation}: {of_all:?}");
                assert_eq!(of_all.finding_id, Some(finding.id.to_string()));
                assert_eq!(of_all.event_id, Some(finding.event_id.to_string()));
            }
        }
    }

    #[test]
    fn where_it_is_not_made_again_it_is_said_why() {
        const THREE: &str = "type: event_count, timespan: 5m, condition: {gte: 3}";
        let records: Vec<OwnedRecord> = (0..4).map(|number| record(number, number * 10, "eve")).collect();
        let then = generation(THREE);
        let finding = found(&then, &records[..3]).remove(0);
        let (fewer, more) = (THREE.replace("gte: 3", "gte: 2"), THREE.replace("gte: 3", "gte: 9"));
        let other_user = [records[0].clone(), record(1, 10, "bob"), records[2].clone()];
        let elsewhere: Vec<_> = records[..3]
            .iter()
            .map(|one| OwnedRecord {
                position: Position { partition: Partition(1), ..one.position },
                ..one.clone()
            })
            .collect();
        for (correlation, records, part, fires) in [
            (fewer.as_str(), &records[..3], "changed since", true),
            (more.as_str(), &records[..3], "does not fire any more", false),
            (THREE, &records[..2], "of the 2 records that were looked at it does not fire", false),
            (THREE, &other_user, "does not fire now", false),
            (THREE, &elsewhere, "other events", true),
        ] {
            let told = again(&generation(correlation), &finding, records).replay;
            assert!(!told.reproduced, "{part}");
            assert!(told.difference.as_ref().is_some_and(|text| text.contains(part)), "{part}: {told:?}");
            assert_eq!(told.finding_id.is_some(), fires, "{part}: {told:?}");
        }
    }

    #[test]
    fn without_the_right_to_see_them_no_value_of_the_records_is_told() {
        let records: Vec<OwnedRecord> = (0..3).map(|number| record(number, number, "eve")).collect();
        let generation = generation("type: event_count, timespan: 5m, condition: {gte: 3}");
        let finding = found(&generation, &records).remove(0);
        let masker = Masker::new(&[1; lake::sql::MASK_KEY_BYTES]);
        let told = replay(&generation, place(&generation), &finding, &records, "log", Some(&masker)).replay;
        assert!(told.reproduced, "what is compared is not masked");
        let values: Vec<&str> = told.matched.iter().map(|field| field.value.as_str()).collect();
        let expected = [&*masker.token("eve"), "3 within 300 s (3 events)", "raw/0/0", "raw/0/1", "raw/0/2"];
        assert_eq!(values, expected);
    }

    #[test]
    fn a_chain_looks_back_as_far_as_what_is_below_it() {
        let text = format!(
            "{BASE}title: Bursts\nname: bursts\ncorrelation: {{type: event_count, rules: [stop], timespan: 2m, condition: {{gte: 3}}}}\n---\n\
             title: Many\nid: {ID}\ncorrelation: {{type: event_count, rules: [bursts], timespan: 5m, condition: {{gte: 2}}}}\n"
        );
        let (engine, report) = Engine::load([("r.yml", text.as_str())]).unwrap();
        assert_eq!(report.refused, []);
        let generation = Generation::all_active(Arc::new(engine));
        let seconds = [0, 10, 20, 200, 210, 220];
        let records: Vec<_> =
            (0..).zip(seconds).map(|(number, second)| record(number, second, "eve")).collect();
        let finding = found(&generation, &records).remove(0);
        assert!(again(&generation, &finding, &named(&finding, &records)).may_rest_on_more);
        let told = again(&generation, &finding, &records).replay;
        assert!(told.reproduced, "{told:?}");
        let Window { from_ms, until_ms, kinds } = window(&generation, place(&generation), &finding);
        assert_eq!(
            (until_ms - from_ms, until_ms, kinds),
            (420_000, finding.time_ms, vec!["aws_cloudtrail".to_owned()])
        );
    }
}
