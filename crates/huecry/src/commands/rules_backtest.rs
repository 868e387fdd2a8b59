//! `huecry rules backtest`: changed rules over what happened.

use super::backtest_records::{self, Span};
use super::backtest_report as report;
use super::load_engine;
use crate::cli::{Cli, ReportFormat, RulesBacktest};
use crate::config::Config;
use crate::content::{RuleFile, configured_rules, rules_under};
use crate::engine::{Engine, Scratch, Wanted};
use crate::enrichment;
use crate::exit::{Exit, Failure};
use crate::rollout::{hash, rule_id};
use crate::terminal;
use detect::delta::{Delta, Sample};
use enrich::Enricher;
use model::{Clock, Position, RawRecord, SystemClock};
use normalize::RawData;
use std::sync::Arc;

/// One set of rules, and its buffers.
struct Side {
    engine: Engine,
    scratch: Scratch,
    /// Ids of the rules that matched the record in work.
    matched: Vec<String>,
}

impl Side {
    fn new(files: &[RuleFile], enricher: &Arc<Enricher>, what: &str) -> Result<Self, Failure> {
        let (engine, report) = load_engine(files)?;
        let broken = report.refused.iter().filter(|error| error.code != sigma::ErrorCode::DuplicateId);
        for refused in broken {
            terminal::note(format_args!("{what}: {refused}"));
        }
        let engine = engine.with_enricher(Arc::clone(enricher));
        Ok(Self { engine, scratch: Scratch::new(RawData::Exclude), matched: Vec::new() })
    }

    fn list(&self, delta: &mut Delta, after: bool) {
        for (_, rule) in self.engine.detector().rules() {
            delta.rule(&rule_id(rule), &rule.title, hash(rule), after);
        }
    }

    /// Runs one record; the event, where it is one.
    fn run(&mut self, record: &RawRecord<'_>, position: Position) -> Option<Sample> {
        let Self { engine, scratch, matched, .. } = self;
        matched.clear();
        let mut sample = None;
        let outcome = engine.process(
            record,
            position,
            scratch,
            |_| Wanted::EventAndRules,
            |row| {
                let service = row.enrichment.service.unwrap_or_default().to_owned();
                let source = record.source.to_owned();
                sample = Some(Sample { event_id: row.event_id, time_ms: row.time_ms, source, service });
            },
            |hit| matched.extend(hit.rule().map(rule_id)),
        );
        outcome.is_ok().then_some(sample).flatten()
    }
}

/// Both sets over the same records.
pub(super) struct Backtest {
    before: Side,
    after: Side,
    pub(super) delta: Delta,
}

impl Backtest {
    /// With `base`, both are whole sets; without, `changed` replaces rules of the `running` set by their ids.
    fn new(
        changed: Vec<RuleFile>,
        running: Vec<RuleFile>,
        is_whole: bool,
        enricher: &Arc<Enricher>,
    ) -> Result<Self, Failure> {
        let mut after = changed;
        if !is_whole {
            // of two rules with one id the first runs, so these come first
            after.extend(running.iter().cloned());
        }
        let before = Side::new(&running, enricher, "before")?;
        let after = Side::new(&after, enricher, "after")?;
        let mut delta = Delta::default();
        before.list(&mut delta, false);
        after.list(&mut delta, true);
        Ok(Self { before, after, delta })
    }

    /// Runs one record; `service` is whose the event was when it came, where that is known.
    pub(super) fn record(&mut self, record: &RawRecord<'_>, position: Position, service: Option<&str>) {
        self.before.run(record, position);
        let Some(mut event) = self.after.run(record, position) else {
            self.delta.unreadable += 1;
            return;
        };
        if let Some(service) = service {
            service.clone_into(&mut event.service);
        }
        self.delta.events += 1;
        let ids = |side: &'_ Side| -> Vec<String> { side.matched.clone() };
        if self.before.matched.is_empty() && self.after.matched.is_empty() {
            return;
        }
        let (before, after) = (ids(&self.before), ids(&self.after));
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        let after: Vec<&str> = after.iter().map(String::as_str).collect();
        self.delta.event(&event, &before, &after);
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
    let changed = rules_under(std::slice::from_ref(&args.rules));
    let running = match &args.base {
        Some(base) => rules_under(std::slice::from_ref(base)),
        None => configured_rules(&config.rules),
    };
    let enricher = enrichment::offline(&config.enrich);
    let mut backtest = Backtest::new(changed, running, args.base.is_some(), &enricher)?;
    let from = backtest_records::read(cli, config, span, &mut backtest)?;
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
    let Delta { events, unreadable, .. } = backtest.delta;
    terminal::note(format_args!("{events} events from {from}; {unreadable} records gave none"));
    Ok(Exit::Done)
}
