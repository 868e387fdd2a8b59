//! `huecry ingest --dry-run`: judges files without a server.

use crate::cli::Ingest;
use crate::engine::{Engine, Scratch};
use crate::exit::{Exit, Failure};
use crate::kind_guess::KindGuess;
use crate::reader::{Notes, ReadError, read_records};
use crate::terminal;
use ingest::Kind;
use model::{Clock, Offset, Partition, Position, RawRecord, SystemClock, Topic};
use normalize::{RawData, Schema};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Reasons and violations that the summary spells out, each with its first place.
const EXAMPLES_MAX: usize = 20;

/// The last line on stderr.
#[derive(Debug, Default, Serialize)]
struct Summary {
    /// Records read; a file that cannot be read counts as one.
    r#in: u64,
    /// Events that the schema accepts (all events without --validate).
    valid: u64,
    /// Events that it does not.
    invalid: u64,
    /// Events of class 0, Base Event: valid records that no mapping understands better.
    base_events: u64,
    /// Records that could not become events.
    dead_lettered: u64,
    /// Events that name who acted.
    with_actor: u64,
    /// Whether the schema was asked.
    validated: bool,
    /// Places of files that could not be read.
    damaged: u64,
    /// The first of them.
    damaged_places: Vec<String>,
    /// Entries of archives that hold no records.
    skipped: Vec<String>,
    /// Events by OCSF class.
    classes: BTreeMap<u32, u64>,
    /// Dead letters by code.
    dead_letter_codes: BTreeMap<String, u64>,
    /// The first of each kind of fault.
    examples: Vec<Example>,
}

#[derive(Debug, Serialize)]
struct Example {
    file: String,
    record: u64,
    code: String,
    reason: String,
}

impl Summary {
    fn example(&mut self, file: &Path, code: &str, reason: &str) {
        let known = self.examples.iter().any(|e| e.code == code && e.reason == reason);
        if !known && self.examples.len() < EXAMPLES_MAX {
            let (file, record) = (file.display().to_string(), self.r#in);
            self.examples.push(Example { file, record, code: code.to_owned(), reason: reason.to_owned() });
        }
    }

    fn dead_letter(&mut self, file: &Path, code: &str, reason: &str) {
        self.dead_lettered += 1;
        *self.dead_letter_codes.entry(code.to_owned()).or_default() += 1;
        self.example(file, code, reason);
    }
}

struct Judge<'a, W> {
    engine: Engine,
    scratch: Scratch,
    schema: Option<Schema>,
    /// Told by the record where it is not given.
    kind: Option<&'a str>,
    guess: KindGuess,
    event_type: Option<&'a str>,
    now_ms: i64,
    summary: Summary,
    out: W,
    /// Whether somebody still reads the events; the summary is for the exit code too.
    read: bool,
}

impl<W: Write> Judge<'_, W> {
    fn record(&mut self, file: &Path, body: &[u8]) -> Result<(), Failure> {
        let position = Position::new(Topic::Raw, Partition(0), Offset(self.summary.r#in));
        self.summary.r#in += 1;
        let kind = self.kind.unwrap_or_else(|| self.guess.of(body));
        let record = RawRecord {
            source: kind,
            kind,
            event_type: self.event_type,
            delivery_id: None,
            region: "default",
            received_at_ms: self.now_ms,
            body,
        };
        let event = match self.engine.normalize(&record, position, &mut self.scratch) {
            Ok(event) => event,
            Err(refusal) => {
                self.summary.dead_letter(file, refusal.code.as_str(), &refusal.reason);
                return Ok(());
            }
        };
        *self.summary.classes.entry(event.class_uid).or_default() += 1;
        self.summary.base_events += u64::from(event.class_uid == 0);
        self.summary.with_actor += u64::from(event.has_actor);
        let json = self.scratch.event_json();
        let violations = match &self.schema {
            Some(schema) => schema.validate(&serde_json::from_slice(json).unwrap_or_default()),
            None => Vec::new(),
        };
        if violations.is_empty() {
            self.summary.valid += 1;
        } else {
            self.summary.invalid += 1;
        }
        for violation in &violations {
            self.summary.example(file, violation.code, &format!("{}: {}", violation.path, violation.message));
        }
        if self.read {
            let written = self.out.write_all(json).and_then(|()| self.out.write_all(b"\n"));
            self.read = terminal::unless_closed(written)?;
        }
        Ok(())
    }
}

/// Normalizes every record of the files and prints the events; the summary goes to stderr.
pub(super) fn run(args: &Ingest, json: bool) -> Result<Exit, Failure> {
    let (engine, _) = super::load_engine(&[])?;
    let known: Vec<&str> = engine.normalizer().kinds().collect();
    let kind = args.source.as_deref();
    if let Some(kind) = kind.filter(|kind| !known.contains(kind)) {
        let reason = format!("with --dry-run, --source names the kind of records; {kind:?} is none");
        return Err(Failure::new(Exit::Usage, reason)
            .hint(format!("there is {}; without --source each record tells its kind", known.join(", "))));
    }
    let schema = args.validate.then(Schema::builtin);
    let mut judge = Judge {
        scratch: Scratch::new(RawData::Include),
        schema,
        kind,
        guess: KindGuess::new(),
        event_type: args.event_type.as_deref(),
        now_ms: SystemClock.now_ms(),
        summary: Summary { validated: args.validate, ..Summary::default() },
        out: terminal::stdout(),
        read: true,
        engine,
    };
    let mut notes = Notes::default();
    for file in super::record_files(&args.files)? {
        let read = read_records(&file, Kind::of(kind.unwrap_or("aws_cloudtrail")), &mut |records| {
            records.iter().try_for_each(|record| judge.record(&file, record)).map_err(Stop::Failure)
        });
        match read {
            Ok(of_file) => notes.add(of_file),
            Err(Stop::Failure(failure)) => return Err(failure),
            Err(Stop::Unreadable(error)) => {
                judge.summary.r#in += 1;
                judge.summary.dead_letter(&file, "file_unreadable", &error.to_string());
            }
        }
    }
    terminal::unless_closed(judge.out.flush())?;
    if !json {
        super::say(&notes);
    }
    judge.summary.damaged = notes.damage.count;
    judge.summary.damaged_places = notes.damage.places;
    judge.summary.skipped = notes.skipped;
    report(&judge.summary, json);
    let faults = judge.summary.invalid + judge.summary.dead_lettered + judge.summary.damaged;
    Ok(if faults == 0 { Exit::Done } else { Exit::Faults })
}

enum Stop {
    Failure(Failure),
    Unreadable(ReadError),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

fn report(summary: &Summary, json: bool) {
    if json {
        terminal::note(serde_json::to_string(summary).unwrap_or_default());
        return;
    }
    let Summary { r#in, valid, invalid, base_events, dead_lettered, with_actor, damaged, .. } = summary;
    for Example { file, record, code, reason } in &summary.examples {
        terminal::note(format_args!("{file} record {record}: {code}: {reason}"));
    }
    let checked = if summary.validated { "valid OCSF 1.8" } else { "not checked (--validate)" };
    terminal::note(format_args!(
        "{in} records in: {valid} events ({checked}), {invalid} invalid, {dead_lettered} dead-lettered; \
         {base_events} base events, {with_actor} with an actor; {damaged} places could not be read",
        r#in = r#in
    ));
}
