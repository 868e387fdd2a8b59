//! What stands beside the rules of a set and acts on them before they are compiled.

use crate::error::RuleError;
use crate::filter::{self, Filter};
use crate::placeholder::Placeholders;
use crate::processing::Pipeline;
use crate::rule::Rule;

/// The filters, processing pipelines and placeholders of a rule set. They are applied in this order: filters first, so that
/// pipelines transform a filter's fields as they do a rule's, and placeholders last, with what pipelines left of them.
#[derive(Debug, Default)]
pub struct Preparation {
    filters: Vec<Filter>,
    pipelines: Vec<Pipeline>,
    placeholders: Placeholders,
}

impl Preparation {
    /// Adds a filter.
    pub fn add_filter(&mut self, filter: Filter) {
        self.filters.push(filter);
    }

    /// Adds a pipeline. Pipelines run by their priority, those of one priority in the order in which they came.
    pub fn add_pipeline(&mut self, pipeline: Pipeline) {
        let after = self.pipelines.partition_point(|known| known.priority <= pipeline.priority);
        self.pipelines.insert(after, pipeline);
    }

    /// Adds values of placeholders; of two with one name the later counts.
    pub fn add_placeholders(&mut self, placeholders: Placeholders) {
        self.placeholders.add(placeholders);
    }

    /// The filters, in the order in which they came.
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// Applies everything to the rules, in their order. A rule that cannot be prepared is left out and reported, as is a
    /// filter that is for a rule nobody has.
    pub fn apply(&self, mut rules: Vec<Rule>) -> (Vec<Rule>, Vec<RuleError>) {
        let (mut errors, broken) = filter::apply(&mut rules, &self.filters);
        let mut kept = Vec::with_capacity(rules.len());
        for (at, mut rule) in rules.into_iter().enumerate() {
            if broken.contains(&at) {
                continue;
            }
            let prepared = self.pipelines.iter().try_for_each(|pipeline| pipeline.apply(&mut rule));
            match prepared.and_then(|()| self.placeholders.resolve(&mut rule)) {
                Ok(()) => kept.push(rule),
                Err(fault) => errors.push(fault.in_file(&rule.file)),
            }
        }
        (kept, errors)
    }
}
