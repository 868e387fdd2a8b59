//! What stands beside the rules of a set and acts on them before they are compiled.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::RuleError;
use crate::filter::{self, Filter};
use crate::placeholder::Placeholders;
use crate::processing::Pipeline;
use crate::rule::Rule;

/// The filters, processing pipelines and placeholders of a rule set. They are applied in this order: filters first, so that
/// pipelines transform a filter's fields as they do a rule's, and placeholders last, with what pipelines left of them.
#[derive(Clone, Debug, Default)]
pub struct Preparation {
    filters: Vec<Filter>,
    pipelines: Vec<Pipeline>,
    placeholders: Placeholders,
    /// What is not applied to which rule, by the rule's file and line.
    left_out: BTreeSet<(PreparationPart, Arc<str>, u32)>,
}

/// A filter or a pipeline, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PreparationPart {
    /// In the order in which filters came.
    Filter(usize),
    /// In the order in which pipelines run.
    Pipeline(usize),
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

    /// Every filter and pipeline, in the order in which they are applied.
    pub fn parts(&self) -> Vec<PreparationPart> {
        let filters = (0..self.filters.len()).map(PreparationPart::Filter);
        filters.chain((0..self.pipelines.len()).map(PreparationPart::Pipeline)).collect()
    }

    /// Whether a part is for a rule. A pipeline is for all.
    pub fn is_for(&self, part: PreparationPart, rule: &Rule) -> bool {
        match part {
            PreparationPart::Filter(at) => self.filters.get(at).is_some_and(|filter| filter.is_for(rule)),
            PreparationPart::Pipeline(at) => at < self.pipelines.len(),
        }
    }

    /// File and line of a part.
    pub fn position(&self, part: PreparationPart) -> Option<(&Arc<str>, u32)> {
        match part {
            PreparationPart::Filter(at) => self.filters.get(at).map(|filter| (&filter.file, filter.line)),
            PreparationPart::Pipeline(at) => self.pipelines.get(at).map(|one| (&one.file, one.line)),
        }
    }

    /// Says whether a part is applied to a rule that it is for; it is unless said otherwise.
    pub fn set_applied(&mut self, part: PreparationPart, rule: &Rule, is_applied: bool) {
        let key = (part, Arc::clone(&rule.file), rule.line);
        if is_applied {
            self.left_out.remove(&key);
        } else {
            self.left_out.insert(key);
        }
    }

    fn is_left_out(&self, part: PreparationPart, rule: &Rule) -> bool {
        !self.left_out.is_empty() && self.left_out.contains(&(part, Arc::clone(&rule.file), rule.line))
    }

    /// Applies everything to the rules, in their order, but for what [was left out](Self::set_applied). A rule that cannot be prepared is left out and reported, as is a
    /// filter that is for a rule nobody has.
    pub fn apply(&self, mut rules: Vec<Rule>) -> (Vec<Rule>, Vec<RuleError>) {
        let is_left_out = |at: usize, rule: &Rule| self.is_left_out(PreparationPart::Filter(at), rule);
        let (mut errors, broken) = filter::apply(&mut rules, &self.filters, is_left_out);
        let mut kept = Vec::with_capacity(rules.len());
        for (at, mut rule) in rules.into_iter().enumerate() {
            if broken.contains(&at) {
                continue;
            }
            let prepared = self.pipelines.iter().enumerate().try_for_each(|(at, pipeline)| {
                match self.is_left_out(PreparationPart::Pipeline(at), &rule) {
                    true => Ok(()),
                    false => pipeline.apply(&mut rule),
                }
            });
            match prepared.and_then(|()| self.placeholders.resolve(&mut rule)) {
                Ok(()) => kept.push(rule),
                Err(fault) => errors.push(fault.in_file(&rule.file)),
            }
        }
        (kept, errors)
    }
}
