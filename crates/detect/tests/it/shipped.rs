//! The shipped rules, loaded as the product loads them.

use crate::shared_data;
use detect::{Detector, EventLogRoutes, LoadReport, Routes, Scratch};
use model::{Enrichment, EventView, FieldTable, Tape, Vocabulary};
use serde_json::Value as Json;
use sigma::{Logsource, Rule};
use std::path::{Path, PathBuf};

/// Rules, and the buffers to run them with.
pub(crate) struct Shipped {
    pub(crate) detector: Detector,
    pub(crate) report: LoadReport,
    fields: FieldTable,
    endpoint: Vocabulary,
    okta: Vocabulary,
    event_log: EventLogRoutes,
    tape: Tape,
    scratch: Scratch,
}

/// As the mapping of Okta has it: some shippers write keys in lower case.
const OKTA_IN_LOWER_CASE: [(&str, &str); 6] = [
    ("eventtype", "eventType"),
    ("legacyeventtype", "legacyEventType"),
    ("displaymessage", "displayMessage"),
    ("authenticationcontext", "authenticationContext"),
    ("debugcontext", "debugContext"),
    ("securitycontext", "securityContext"),
];

/// Where the rules are, as the workspace sees it.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/rules")
}

impl Shipped {
    pub(crate) fn load() -> Self {
        let folder = folder();
        let texts: Vec<(String, String)> = shared_data::files(&folder, ".yml")
            .into_iter()
            .map(|path| {
                let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
                (name, std::fs::read_to_string(&path).unwrap())
            })
            .collect();
        let (mut fields, mut ocsf) = (FieldTable::default(), FieldTable::default());
        let documents = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let (detector, report) = Detector::load(documents, &mut fields, &mut ocsf);
        let event_log = EventLogRoutes::new(&detector, &mut fields);
        // as the mapping of the Windows event log has it, and one shipper's wrapper more
        let endpoint = fields.vocabulary(["Event.System", "Event.EventData", "ExtraEventData"], []);
        let okta = fields.vocabulary([], OKTA_IN_LOWER_CASE.map(|name| (name.0, name.1)));
        Self {
            detector,
            report,
            fields,
            endpoint,
            okta,
            event_log,
            tape: Tape::new(),
            scratch: Scratch::default(),
        }
    }

    /// The rules that match a record of a source, without those that only feed correlations.
    pub(crate) fn matches(&mut self, source: &Logsource, record: &Json) -> Vec<&Rule> {
        let text = record.to_string();
        let windows = source.product.as_deref() == Some("windows");
        let vocabulary = match source.product.as_deref() {
            Some("windows") => Some(&self.endpoint),
            Some("okta") => Some(&self.okta),
            _ => None,
        };
        let view = self.tape.parse_as(&self.fields, vocabulary, text.as_bytes()).unwrap();
        let mut hits = Vec::new();
        let mut run = |routes: &Routes, view: &EventView<'_>| {
            let known = Enrichment::default();
            self.detector.detect(routes, (view, None), &known, &mut self.scratch, &mut |hit| hits.push(hit));
        };
        if windows {
            run(self.event_log.of(&view), &view);
        } else {
            run(&self.detector.route(source), &view);
        }
        hits.retain(|hit| !self.detector.correlations().is_silent(*hit));
        hits.into_iter().map(|hit| self.detector.rule(hit).unwrap()).collect()
    }

    /// Whether any rule is for records of this source; those of the Windows event log say themselves what they are.
    pub(crate) fn covers(&self, source: &Logsource) -> bool {
        self.detector.rules().any(|(_, rule)| {
            let product = rule.logsource.product == source.product;
            product && (source.service.is_none() || rule.logsource.applies_to(source))
        })
    }
}

/// A logsource of a product, perhaps of one service.
pub(crate) fn logsource(product: &str, service: Option<&str>) -> Logsource {
    Logsource {
        product: Some(product.to_owned()),
        service: service.map(str::to_owned),
        ..Logsource::default()
    }
}
