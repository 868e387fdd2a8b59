//! `huecry rules explain`: why a rule matches an event or not, selection by selection.

use super::{load_rules, logsource_words};
use crate::config::EnrichConfig;
use crate::content::RuleFile;
use crate::engine::{Engine, RuleOutcome, Scratch};
use crate::enrichment;
use crate::exit::{Exit, Failure};
use crate::kind_guess::KindGuess;
use crate::reader::{ReadError, read_records};
use crate::terminal;
use detect::Hit;
use ingest::Kind;
use model::{Offset, Partition, Position, RawRecord, Topic};
use normalize::RawData;
use serde::Serialize;
use sigma::{ItemTold, Rule, SearchTold};
use std::path::Path;

/// Events explained of one file; more are no question about one event.
const EVENTS_MAX: u64 = 100;
/// Rules named where several are meant.
const RULES_NAMED_MAX: usize = 5;

/// One answer, in the form that `--json` promises: one object a line.
#[derive(Serialize)]
struct Answer<'a> {
    /// The event's number in the file, from 1.
    event: u64,
    rule: &'a str,
    rule_id: Option<&'a str>,
    file: &'a str,
    #[serde(flatten)]
    outcome: &'a RuleOutcome,
}

pub(super) fn run(
    files: &[RuleFile],
    wanted: &str,
    event: &Path,
    kind: Option<&str>,
    enrich: &EnrichConfig,
    json: bool,
) -> Result<Exit, Failure> {
    let (engine, report) = load_rules(files)?;
    if let (true, Some(error)) = (Path::new(wanted).exists(), report.refused.first()) {
        return Err(Failure::new(Exit::Faults, error).hint("the rule must load before it can be explained"));
    }
    let engine = engine.with_enricher(enrichment::offline(enrich));
    let rules = named(&engine, wanted)?;
    let mut asked =
        Asked { engine: &engine, rules, kind, guess: KindGuess::new(), events: 0, matched: false };
    let envelope = Kind::of(kind.unwrap_or("aws_cloudtrail"));
    let notes = read_records(event, envelope, &mut |records| -> Result<(), Stop> {
        records.iter().try_for_each(|record| asked.record(record, json))
    });
    let notes = notes.map_err(|stop| match stop {
        Stop::Unreadable(error) => Failure::from(error),
        Stop::Failed(failure) => failure,
    })?;
    crate::commands::say(&notes);
    if asked.events == 0 {
        let what = format!("{} has no record", event.display());
        return Err(Failure::new(Exit::Faults, what).hint("give one event as the source sends it, as JSON"));
    }
    Ok(if asked.matched { Exit::Done } else { Exit::Faults })
}

enum Stop {
    Unreadable(ReadError),
    Failed(Failure),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

/// The rules that are meant: those of a file, or the one with this id, name or title.
fn named<'e>(engine: &'e Engine, wanted: &str) -> Result<Vec<(Hit, &'e Rule)>, Failure> {
    let mut rules: Vec<(Hit, &Rule)> = engine.detector().rules().collect();
    if Path::new(wanted).exists() {
        return Ok(rules);
    }
    let same = |said: &Option<String>| said.as_deref().is_some_and(|said| said.eq_ignore_ascii_case(wanted));
    let exact = |rule: &Rule| same(&rule.id) || same(&rule.name) || rule.title.eq_ignore_ascii_case(wanted);
    if let Some(found) = rules.iter().find(|(_, rule)| exact(rule)) {
        return Ok(vec![*found]);
    }
    let correlations = engine.detector().correlations().set().all().iter().map(|linked| &linked.rule);
    if correlations.into_iter().any(|rule| same(&rule.id) || rule.title.eq_ignore_ascii_case(wanted)) {
        let what = format!("`{wanted}` is a correlation: no single event makes it fire");
        return Err(Failure::new(Exit::Usage, what).hint("explain the rules that it names, or run its tests"));
    }
    let part = wanted.to_lowercase();
    rules.retain(|(_, rule)| rule.title.to_lowercase().contains(&part) || rule.file.contains(wanted));
    match rules.as_slice() {
        [_] => Ok(rules),
        [] => Err(Failure::new(Exit::Usage, format!("no rule is called `{wanted}`"))
            .hint("give a rule's file, id, name or title; --rules names other folders")),
        several => {
            let titles: Vec<&str> =
                several.iter().take(RULES_NAMED_MAX).map(|(_, rule)| rule.title.as_str()).collect();
            let what = format!("{} rules are called so", several.len());
            Err(Failure::new(Exit::Usage, what).hint(format!("one of them is: {}", titles.join("; "))))
        }
    }
}

/// What is asked, and what came of it.
struct Asked<'e> {
    engine: &'e Engine,
    rules: Vec<(Hit, &'e Rule)>,
    kind: Option<&'e str>,
    guess: KindGuess,
    events: u64,
    matched: bool,
}

impl Asked<'_> {
    fn record(&mut self, body: &[u8], json: bool) -> Result<(), Stop> {
        self.events += 1;
        if self.events > EVENTS_MAX {
            let what = format!("the file has more than {EVENTS_MAX} events");
            let hint = "`huecry rules match` runs rules over many; explain is for a few";
            return Err(Stop::Failed(Failure::new(Exit::Usage, what).hint(hint)));
        }
        let kind = self.kind.unwrap_or_else(|| self.guess.of(body));
        let record = RawRecord {
            source: kind,
            kind,
            event_type: None,
            delivery_id: None,
            region: "default",
            received_at_ms: 0,
            body,
        };
        let position = Position::new(Topic::Raw, Partition(0), Offset(self.events));
        let mut scratch = Scratch::new(RawData::Exclude);
        let outcomes = self.engine.consider(&record, position, &mut scratch, |considered| {
            self.rules.iter().map(|(hit, rule)| (*rule, considered.rule(*hit))).collect::<Vec<_>>()
        });
        let outcomes = outcomes.map_err(|refusal| {
            let what = format!("event {} is no record of {kind}: {refusal}", self.events);
            Stop::Failed(Failure::new(Exit::Faults, what).hint("--source names the kind of record"))
        })?;
        for (rule, outcome) in outcomes {
            let Some(outcome) = outcome else { continue };
            self.matched |= outcome.applies && outcome.explanation.matched;
            let (rule_id, file) = (rule.id.as_deref(), &*rule.file);
            let answer = Answer { event: self.events, rule: &rule.title, rule_id, file, outcome: &outcome };
            if json {
                terminal::line(serde_json::to_string(&answer).unwrap_or_default());
            } else {
                print(&answer, rule);
            }
        }
        Ok(())
    }
}

fn print(answer: &Answer<'_>, rule: &Rule) {
    let RuleOutcome { applies, logsource, explanation } = answer.outcome;
    let verdict = match (explanation.matched, applies) {
        (true, true) => "MATCHES",
        (true, false) => "would match, but is not for this record",
        (false, _) => "does not match",
    };
    terminal::line(format_args!("{}:{}: {}", rule.file, rule.line, rule.title));
    terminal::line(format_args!("event {} ({logsource}): {verdict}", answer.event));
    if !applies {
        let of_rule = logsource_words(&rule.logsource);
        terminal::line(format_args!("  no     the rule is for {of_rule}, the record is {logsource}"));
    }
    for condition in &explanation.conditions {
        terminal::line(format_args!("  {} condition: {}", mark(condition.holds), condition.source));
    }
    for selection in &explanation.selections {
        terminal::line(format_args!(
            "  {} {} (line {})",
            mark(selection.holds),
            selection.name,
            selection.line
        ));
        print_search(&selection.search, 4);
    }
    terminal::line("decided by");
    for reason in &explanation.reasons {
        terminal::line(format_args!("  {}:{}: {}", rule.file, reason.line, reason.text));
    }
}

fn mark(holds: bool) -> &'static str {
    if holds { "holds " } else { "fails " }
}

fn print_search(search: &SearchTold, indent: usize) {
    match search {
        SearchTold::All(items) => items.iter().for_each(|item| print_item(item, indent)),
        SearchTold::Any(members) => {
            for (at, member) in members.iter().enumerate() {
                terminal::line(format_args!("{:indent$}alternative {}", "", at + 1));
                print_search(member, indent + 2);
            }
        }
    }
}

fn print_item(item: &ItemTold, indent: usize) {
    terminal::line(format_args!("{:indent$}{}", "", item.sentence()));
    if let Some(told) = item.elements.as_ref().and_then(|elements| elements.told.as_ref()) {
        terminal::line(format_args!("{:indent$}  element {}", "", told.number));
        print_search(&told.search, indent + 4);
    }
}
