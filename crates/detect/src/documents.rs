//! The documents of rule files, parsed and not compiled yet.

use sigma::correlation::CorrelationRule;
use sigma::{Document, Preparation, Rule, RuleError};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Everything that rule files say. Of several rules with one id only the first is kept; the others are refused.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The correlations.
    pub correlations: Vec<CorrelationRule>,
    /// What acts on the rules of all files.
    pub preparation: Preparation,
    /// What cannot be used.
    pub refused: Vec<RuleError>,
}

impl Documents {
    /// Parses rule files, given as (file name, text).
    pub fn parse<'d>(files: impl IntoIterator<Item = (&'d str, &'d str)>) -> Self {
        let (mut all, mut ids) = (Self::default(), Ids::default());
        for (file, text) in files {
            for parsed in sigma::parse_documents(text, file) {
                match parsed.and_then(|document| ids.claim(document)) {
                    Ok(Document::Rule(rule)) => all.rules.push(*rule),
                    Ok(Document::Correlation(rule)) => all.correlations.push(*rule),
                    Ok(Document::Filter(filter)) => all.preparation.add_filter(*filter),
                    Ok(Document::Pipeline(pipeline)) => all.preparation.add_pipeline(*pipeline),
                    Ok(Document::Placeholders(placeholders)) => {
                        all.preparation.add_placeholders(placeholders);
                    }
                    Err(error) => all.refused.push(error),
                }
            }
        }
        all
    }
}

/// Which rule has which id, in lower case.
#[derive(Default)]
struct Ids {
    taken: HashMap<String, (Arc<str>, u32)>,
}

impl Ids {
    /// The document, unless another has its id: their findings would be taken for each other's.
    fn claim(&mut self, document: Document) -> Result<Document, RuleError> {
        let (id, rule_file, line) = match &document {
            Document::Rule(rule) => (&rule.id, &rule.file, rule.line),
            Document::Correlation(rule) => (&rule.id, &rule.file, rule.line),
            Document::Filter(_) | Document::Pipeline(_) | Document::Placeholders(_) => return Ok(document),
        };
        let Some(id) = id else { return Ok(document) };
        match self.taken.entry(id.to_ascii_lowercase()) {
            Entry::Vacant(free) => {
                free.insert((Arc::clone(rule_file), line));
                Ok(document)
            }
            Entry::Occupied(taken) => {
                let (other, other_line) = taken.get();
                let reason = format!(
                    "the id {id} belongs to the rule at {other}:{other_line}; give this rule its own"
                );
                let code = sigma::ErrorCode::DuplicateId;
                Err(RuleError { file: Arc::clone(rule_file), line, code, reason })
            }
        }
    }
}
