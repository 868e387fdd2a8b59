//! Our engine, as the product runs it: one parse into a tape, the route, the rules.

use detect::{Detector, EventLogRoutes, Hit, Routes, Scratch};
use model::{Enrichment, FieldTable, Tape};
use sigma::{Logsource, Rule};

use crate::Failure;
use crate::corpus::RuleFile;
use crate::measure::Engine;
use crate::workload::{Contender, Row};

pub(crate) struct Ours {
    detector: Detector,
    fields: FieldTable,
    event_log: EventLogRoutes,
    /// Where all events have one; none where each says its own.
    fixed: Option<Routes>,
    refused: Vec<(String, String)>,
    tape: Tape,
    scratch: Scratch,
}

impl Ours {
    pub(crate) fn load(rules: &[RuleFile], row: Row, contender: Contender) -> Result<Self, Failure> {
        let (mut fields, mut ocsf) = (FieldTable::default(), FieldTable::default());
        let documents = rules.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let (detector, report) = Detector::load(documents, &mut fields, &mut ocsf);
        let event_log = EventLogRoutes::new(&detector, &mut fields);
        let fixed = match (row, contender) {
            (Row::Windows, _) => None,
            (Row::Lowered, _) => {
                Some(Logsource { product: Some("windows".to_owned()), ..Logsource::default() })
            }
            (_, Contender::OursRouted) => Some(Logsource::of("aws", "cloudtrail")),
            (_, _) => Some(Logsource { product: Some("aws".to_owned()), ..Logsource::default() }),
        };
        let fixed = fixed.map(|source| detector.route(&source));
        let refused =
            report.refused.iter().map(|error| (id_in(rules, &error.file), error.to_string())).collect();
        Ok(Ours {
            detector,
            fields,
            event_log,
            fixed,
            refused,
            tape: Tape::new(),
            scratch: Scratch::default(),
        })
    }
}

/// The id of a refused rule: the first of its file.
fn id_in(rules: &[RuleFile], file: &str) -> String {
    let text = rules.iter().find(|(name, _)| name == file).map_or("", |(_, text)| text);
    let id = text.lines().find_map(|line| line.strip_prefix("id:"));
    id.map_or_else(|| file.to_owned(), |id| id.trim().to_owned())
}

fn id_of(rule: &Rule) -> &str {
    rule.id.as_deref().unwrap_or(&rule.title)
}

impl Engine for Ours {
    fn fresh(&mut self) {
        self.scratch = Scratch::default();
    }

    fn prepare(&mut self, _: &[Vec<u8>]) -> Result<(), Failure> {
        Ok(())
    }

    fn matches(&mut self, event: &[u8], hit: &mut impl FnMut(&str)) -> Result<(), Failure> {
        let view = self.tape.parse(&self.fields, event).map_err(|error| error.to_string())?;
        let routes = self.fixed.as_ref().unwrap_or_else(|| self.event_log.of(&view));
        let detector = &self.detector;
        let mut on_hit = |found: Hit| {
            if let Some(rule) = detector.rule(found) {
                hit(id_of(rule));
            }
        };
        detector.detect(routes, (&view, None), &Enrichment::default(), &mut self.scratch, &mut on_hit);
        Ok(())
    }

    fn parse(&mut self, event: &[u8]) -> Result<(), Failure> {
        let view = self.tape.parse(&self.fields, event).map_err(|error| error.to_string())?;
        std::hint::black_box(&view);
        Ok(())
    }

    fn rules(&self) -> usize {
        self.detector.rules().count()
    }

    fn refused(&self) -> Vec<(String, String)> {
        self.refused.clone()
    }
}
