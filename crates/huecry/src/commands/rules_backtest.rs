//! `huecry rules backtest`: changed rules over what happened.

use super::backtest_records::{self, Span};
use super::backtest_report as report;
use super::rules_match::Correlated;
use super::{load_engine, rule_files};
use crate::cli::{Cli, ReportFormat, RulesBacktest};
use crate::config::Config;
use crate::content::RuleFile;
use crate::engine::{Engine, Scratch, Wanted};
use crate::enrichment;
use crate::exit::{Exit, Failure};
use crate::rollout::{correlation_hash, correlation_id, hash, rule_id};
use crate::terminal;
use detect::Documents;
use detect::delta::{Delta, Sample};
use enrich::Enricher;
use model::{Clock, EventId, Position, RawRecord, SystemClock};
use normalize::RawData;
use sigma::{ErrorCode, RuleError};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Memory for the matches of each set's correlations, which wait for the last record.
const STATE_BYTES_MAX: usize = 256 << 20;

/// Where events come from and whose they are, each pair once: all that is kept of an event until correlations are judged.
#[derive(Default)]
struct Origins {
    numbers: HashMap<(String, String), u32>,
    all: Vec<(String, String)>,
}

impl Origins {
    fn number(&mut self, event: &Sample) -> u32 {
        let pair = (event.source.clone(), event.service.clone());
        *self.numbers.entry(pair).or_insert_with_key(|pair| {
            self.all.push(pair.clone());
            self.all.len() as u32 - 1
        })
    }
}

/// What a finding of a correlation is known by in both sets, which may count in another way: the correlation, the group
/// and the first event.
type FiringKey = (String, Vec<Box<str>>, [u8; 16]);

/// One set of rules, and its buffers.
struct Side {
    engine: Engine,
    scratch: Scratch,
    /// Ids of the rules that matched the record in work, but for those whose place correlations take.
    matched: Vec<String>,
    correlated: Correlated,
}

impl Side {
    fn new(files: &[RuleFile], enricher: &Arc<Enricher>) -> Result<(Self, Vec<RuleError>), Failure> {
        let (engine, report) = load_engine(files)?;
        let engine = engine.with_enricher(Arc::clone(enricher));
        let correlated = Correlated::new(&engine, STATE_BYTES_MAX);
        let scratch = Scratch::new(RawData::Exclude);
        Ok((Self { engine, scratch, matched: Vec::new(), correlated }, report.refused))
    }

    fn list(&self, delta: &mut Delta, after: bool) {
        let detector = self.engine.detector();
        for (_, rule) in detector.rules() {
            delta.rule(&rule_id(rule), &rule.title, hash(rule), after);
        }
        for linked in detector.correlations().set().all() {
            delta.rule(&correlation_id(linked), &linked.rule.title, correlation_hash(linked), after);
        }
    }

    /// Runs one record; the event, where it is one. `service` is whose it was when it came, where that is known.
    fn run(
        &mut self,
        record: &RawRecord<'_>,
        position: Position,
        service: Option<&str>,
        origins: &mut Origins,
    ) -> Option<Sample> {
        let Self { engine, scratch, matched, correlated } = self;
        matched.clear();
        let (mut sample, entries) = (None, &mut correlated.entries);
        let outcome = engine.process(
            record,
            position,
            scratch,
            |_| Wanted::EventAndRules,
            |row| {
                let service = service.or(row.enrichment.service).unwrap_or_default().to_owned();
                let source = record.source.to_owned();
                sample = Some(Sample { event_id: row.event_id, time_ms: row.time_ms, source, service });
            },
            |hit| {
                hit.entries(entries);
                if !hit.is_silent() {
                    matched.extend(hit.rule().map(rule_id));
                }
            },
        );
        if let (Some(event), false) = (&sample, entries.is_empty()) {
            // where its record stands is not asked for: the place is that of its origin
            let at = (origins.number(event), position.offset.0);
            entries.iter_mut().for_each(|entry| entry.event.at = at);
        }
        correlated.record();
        outcome.is_ok().then_some(sample).flatten()
    }

    /// The findings of correlations, each with the event that completed it.
    fn fired(&mut self, origins: &Origins) -> BTreeMap<FiringKey, Sample> {
        let mut fired = BTreeMap::new();
        self.correlated.judge(|firing, linked| {
            let (last, origin) = (firing.last, origins.all.get(firing.last.at.0 as usize));
            let (source, service) = origin.cloned().unwrap_or_default();
            let sample = Sample { event_id: EventId(last.id), time_ms: last.time_ms, source, service };
            fired.insert((correlation_id(linked), firing.group.to_vec(), firing.first.id), sample);
        });
        fired
    }
}

/// Both sets over the same records.
pub(super) struct Backtest {
    before: Side,
    after: Side,
    origins: Origins,
    pub(super) delta: Delta,
}

impl Backtest {
    /// With `is_whole`, both are whole sets; else `changed` replaces rules of the `running` set by their ids.
    fn new(
        changed: Vec<RuleFile>,
        running: Vec<RuleFile>,
        is_whole: bool,
        enricher: &Arc<Enricher>,
    ) -> Result<Self, Failure> {
        let (before, refused_before) = Side::new(&running, enricher)?;
        let (after, refused) = match is_whole {
            true => Side::new(&changed, enricher)?,
            false => Self::replaced(changed, &running, enricher)?,
        };
        let mut delta = Delta::new(refused_before, refused);
        before.list(&mut delta, false);
        after.list(&mut delta, true);
        Ok(Self { before, after, origins: Origins::default(), delta })
    }

    /// The running set with what `changed` says. That a running rule gives way to a changed one is no refusal.
    fn replaced(
        changed: Vec<RuleFile>,
        running: &[RuleFile],
        enricher: &Arc<Enricher>,
    ) -> Result<(Side, Vec<RuleError>), Failure> {
        let text = |file: &RuleFile| file.text.clone().ok();
        let texts: HashSet<String> = changed.iter().filter_map(text).collect();
        let readable =
            changed.iter().filter_map(|file| Some((file.name.as_str(), file.text.as_deref().ok()?)));
        let own = Documents::parse(readable).refused;
        let mut files = changed.clone();
        // what is the same file in both is there once, or its filters would act twice
        let is_other = |file: &&RuleFile| file.text.as_ref().map_or(true, |text| !texts.contains(text));
        // of two rules with one id the first runs, so the changed ones come first
        files.extend(running.iter().filter(is_other).cloned());
        let (side, mut refused) = Side::new(&files, enricher)?;
        refused.retain(|error| error.code != ErrorCode::DuplicateId || own.contains(error));
        refused.dedup();
        Ok((side, refused))
    }

    /// Runs one record; `service` is whose the event was when it came, where that is known.
    pub(super) fn record(&mut self, record: &RawRecord<'_>, position: Position, service: Option<&str>) {
        let Self { before, after, origins, delta } = self;
        before.run(record, position, service, origins);
        let Some(event) = after.run(record, position, service, origins) else {
            delta.unreadable += 1;
            return;
        };
        delta.events += 1;
        if before.matched.is_empty() && after.matched.is_empty() {
            return;
        }
        let [before, after] =
            [before, after].map(|side| side.matched.iter().map(String::as_str).collect::<Vec<_>>());
        delta.event(&event, &before, &after);
    }

    /// Judges correlations, now that every record was seen.
    fn finish(&mut self) {
        let Self { before, after, origins, delta } = self;
        let [fired_before, fired_after] = [&mut *before, &mut *after].map(|side| side.fired(origins));
        for (key, event) in &fired_after {
            let id = [key.0.as_str()];
            let was: &[&str] = if fired_before.contains_key(key) { &id } else { &[] };
            delta.event(event, was, &id);
        }
        for (key, event) in fired_before.iter().filter(|(key, _)| !fired_after.contains_key(*key)) {
            delta.event(event, &[&key.0], &[]);
        }
        delta.left_out = before.correlated.left_out() + after.correlated.left_out();
    }
}

pub(super) fn run(args: &RulesBacktest, cli: &Cli, config: &Config, json: bool) -> Result<Exit, Failure> {
    let now_ms = SystemClock.now_ms();
    let span = Span {
        from_ms: super::audit::time_ms(&args.since, now_ms)?,
        until_ms: args.until.as_ref().map_or(Ok(now_ms), |text| super::audit::time_ms(text, now_ms))?,
    };
    if span.from_ms >= span.until_ms {
        return Err(Failure::new(Exit::Usage, "the time range is empty").hint("--since lies before --until"));
    }
    let changed = rule_files::named(std::slice::from_ref(&args.rules))?;
    let running = match &args.base {
        Some(base) => rule_files::before(base)?,
        None => rule_files::configured(&config.rules)?,
    };
    let enricher = enrichment::offline(&config.enrich);
    let mut backtest = Backtest::new(changed, running, args.base.is_some(), &enricher)?;
    let from = backtest_records::read(cli, config, span, &mut backtest)?;
    backtest.finish();
    let format = if json { ReportFormat::Json } else { args.format };
    let text = match format {
        ReportFormat::Text => report::text(&backtest.delta, span),
        ReportFormat::Json => report::json(&backtest.delta, span).to_string() + "\n",
        ReportFormat::Markdown => report::markdown(&backtest.delta, span),
    };
    match &args.output {
        Some(path) => std::fs::write(path, text).map_err(|error| {
            Failure::new(Exit::Usage, format!("cannot write {}: {error}", path.display()))
        })?,
        None => terminal::line(text.trim_end()),
    }
    let Delta { events, unreadable, refused, .. } = backtest.delta;
    terminal::note(format_args!("{events} events from {from}; {unreadable} records gave none"));
    Ok(if refused.is_empty() { Exit::Done } else { Exit::Faults })
}

#[cfg(test)]
mod tests {
    use super::*;
    use detect::delta::{Change, RuleDelta};
    use model::{Offset, Partition, Topic};

    const STOP: &str = "title: Stop\nname: stop\nid: 0b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11\n\
        logsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: StopLogging}, condition: s}\n";
    const MANY: &str = "title: Many\nid: 1b0f9a34-3c26-4a0a-8f55-6a1f6b1f3f11\ncorrelation: {type: event_count, \
        rules: [stop], group-by: [userIdentity.userName], timespan: 5m, condition: {gte: 5}}\n";
    const QUIET: &str = "title: Quiet\nlogsource: {product: aws, service: cloudtrail}\nfilter:\n  rules: any\n  \
        quiet: {eventName: Nothing}\n  condition: not quiet\n";

    fn file(name: &str, text: &str) -> RuleFile {
        RuleFile { name: name.to_owned(), text: Ok(text.to_owned()) }
    }

    fn both(correlation: &str) -> String {
        format!("{STOP}---\n{correlation}")
    }

    /// Six records of eve and two of bob, under both sets.
    fn backtest(changed: &[RuleFile], running: &[RuleFile], is_whole: bool) -> Delta {
        let enricher = Arc::default();
        let mut backtest = Backtest::new(changed.to_vec(), running.to_vec(), is_whole, &enricher).unwrap();
        for number in 0..8_u64 {
            let user = if number < 6 { "eve" } else { "bob" };
            let body = format!(
                r#"{{"eventVersion":"1.08","eventID":"{number}","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","eventTime":"2026-03-01T10:00:0{number}Z","awsRegion":"eu-west-1","userIdentity":{{"type":"IAMUser","userName":"{user}"}}}}"#
            );
            let record = RawRecord {
                source: "trail",
                kind: "aws_cloudtrail",
                event_type: None,
                delivery_id: None,
                region: "default",
                received_at_ms: 1_772_366_400_000,
                body: body.as_bytes(),
            };
            let position = Position::new(Topic::Raw, Partition(0), Offset(number));
            backtest.record(&record, position, Some("pay"));
        }
        backtest.finish();
        backtest.delta
    }

    #[test]
    fn correlations_are_told_of_and_what_they_silence_is_not() {
        let more =
            |text: &str, to: &str| text.replace("gte: 5", to).replace("1b0f", "2b0f").replace("Many", "More");
        let (running, two) = (both(MANY), both(&MANY.replace("gte: 5", "gte: 2")));
        let silent = more(&running, "gte: 500").replace("0b0f", "3b0f").replace("stop", "other");
        for (what, changed, running, expected) in [
            ("a lower number", two.as_str(), running.as_str(), &[("Many", "changed", (1, 2), (1, 0))][..]),
            ("a higher number", &running, &two, &[("Many", "changed", (2, 1), (0, 1))]),
            (
                "a silent rule under a correlation that does not fire",
                &silent,
                &running,
                &[("More", "new", (0, 0), (0, 0)), ("Stop", "new", (0, 0), (0, 0))],
            ),
            (
                "a correlation that takes a rule's place",
                &running,
                STOP,
                &[("Many", "new", (0, 1), (1, 0)), ("Stop", "same", (8, 0), (0, 8))],
            ),
            (
                "a rule that a correlation counts",
                &running.replace("StopLogging", "[StopLogging, Other]"),
                &running,
                &[("Many", "changed", (1, 1), (0, 0)), ("Stop", "changed", (0, 0), (0, 0))],
            ),
            ("nothing", &running, &running, &[]),
        ] {
            let delta = backtest(&[file("new/r.yml", changed)], &[file("r.yml", running)], false);
            assert_eq!((delta.events, delta.refused.len(), delta.left_out), (8, 0, 0), "{what}");
            let row = |(_, rule): (&str, &RuleDelta)| {
                (rule.title.clone(), rule.kind(), rule.matches, (rule.change.new, rule.change.gone))
            };
            let mut told: Vec<_> = delta.changed().map(row).collect();
            told.sort_unstable();
            let expected = expected
                .iter()
                .map(|(title, kind, matches, change)| ((*title).to_owned(), *kind, *matches, *change));
            assert_eq!(told, expected.collect::<Vec<_>>(), "{what}");
        }
    }

    #[test]
    fn a_finding_of_a_correlation_is_told_at_the_event_that_completed_it() {
        let two = both(&MANY.replace("gte: 5", "gte: 2"));
        let delta = backtest(&[file("new.yml", &two)], &[file("r.yml", &both(MANY))], true);
        let (_, rule) = delta.changed().next().unwrap();
        let [event] = &rule.new[..] else { panic!("{rule:?}") };
        assert_eq!((event.source.as_str(), event.service.as_str()), ("trail", "pay"));
        assert_eq!(event.time_ms, 1_772_359_207_000, "the second of bob's");
        assert_eq!(rule.by_service["pay"].new, 1);
    }

    #[test]
    fn what_does_not_run_is_told_and_what_gives_way_is_not() {
        let (running, broken) = (file("r.yml", &both(MANY)), file("b.yml", "title: [x\n"));
        let same = file("elsewhere/r.yml", &format!("{}---\n{QUIET}", both(MANY)));
        let again = file("c.yml", &STOP.replace("Stop\n", "Twin\n"));
        let changed = file("d.yml", &STOP.replace("Stop\n", "Changed\n"));
        for (what, changed, running, is_whole, refused, before) in [
            ("broken", vec![broken.clone()], vec![running.clone()], false, 1, 0),
            ("broken before", vec![running.clone()], vec![running.clone(), broken.clone()], true, 0, 1),
            ("broken in both", vec![broken.clone()], vec![running.clone(), broken], false, 1, 1),
            ("replaced", vec![changed.clone()], vec![running.clone()], false, 0, 0),
            ("one id twice", vec![changed, again], vec![running.clone()], false, 1, 0),
            ("a copy with its filter", vec![same.clone()], vec![same], false, 0, 0),
            (
                "unreadable",
                vec![RuleFile { name: "x.yml".to_owned(), text: Err("no".to_owned()) }],
                vec![running],
                false,
                1,
                0,
            ),
        ] {
            let delta = backtest(&changed, &running, is_whole);
            assert_eq!((delta.refused.len(), delta.refused_before.len()), (refused, before), "{what}");
            assert_eq!(delta.total(), Change::default(), "{what}");
            assert!(delta.changed().all(|(_, rule)| rule.kind() != "removed"), "{what}");
        }
    }
}
