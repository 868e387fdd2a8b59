//! Processing pipelines: how rules of one vocabulary are made to fit another, as data.
//!
//! The format is pySigma's (processing pipelines in its documentation): a name, a priority, variables, and a list of
//! transformations, each with conditions on the rule, the detection item and the field's name. Taken is the part that is
//! about rules; what writes queries (`postprocessing`, `finalizers`) and any transformation or condition that is not in
//! `docs/reference/rules.md` refuses the pipeline by name, so that none does less than it says.

mod conditions;
mod read;
mod rewrite;
mod transform;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::Fault;
use crate::placeholder::Placeholders;
use crate::rule::Rule;
use conditions::{Conditions, FieldCondition, ItemCondition, RuleCondition};
pub(crate) use read::read;
use transform::Transformation;

/// A processing pipeline.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The file as named by the caller.
    pub file: Arc<str>,
    /// Line of the document, from 1.
    pub line: u32,
    /// What it is called.
    pub name: String,
    /// Lower ones run first.
    pub priority: i64,
    /// Its variables, as placeholders.
    vars: Placeholders,
    steps: Vec<Step>,
}

/// One transformation and when it is applied.
#[derive(Clone, Debug)]
struct Step {
    id: Option<String>,
    rule: Conditions<RuleCondition>,
    item: Conditions<ItemCondition>,
    field: Conditions<FieldCondition>,
    transformation: Transformation,
}

/// What the steps so far have left for those after, for one rule.
#[derive(Debug, Default)]
struct State {
    values: BTreeMap<String, serde_json::Value>,
    /// Ids of the steps that were applied.
    applied: BTreeSet<String>,
    /// How many selections were added.
    added: usize,
}

impl Pipeline {
    /// Applies the steps to a rule, in their order.
    pub(crate) fn apply(&self, rule: &mut Rule) -> Result<(), Fault> {
        let mut state = State::default();
        self.run(&self.steps, rule, &mut state)
    }

    fn run(&self, steps: &[Step], rule: &mut Rule, state: &mut State) -> Result<(), Fault> {
        for step in steps {
            if !step.rule.hold(|condition| condition.holds(rule, state)) {
                continue;
            }
            if let Transformation::Nest(steps) = &step.transformation {
                self.run(steps, rule, state)?;
            } else {
                transform::apply(self, step, rule, state)?;
            }
            if let Some(id) = &step.id {
                state.applied.insert(id.clone());
            }
        }
        Ok(())
    }
}
