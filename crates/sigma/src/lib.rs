//! The Sigma language: parse rules, compile them into one program, match events. Pure: text and
//! event views come in, matches go out; no files, clock, network or threads.
//!
//! The cast, in the order in which a rule travels:
//! - [`parse_documents`] reads a file's documents into [`Rule`]s and correlations, or [`RuleError`]s
//!   with line and code.
//! - [`Preparation`] applies what stands beside rules: filters, processing pipelines, placeholders.
//! - [`RuleSet::compile`] turns rules into a program over the caller's [`FieldId`]s.
//! - [`RuleSet::route`] picks the rules for one kind of source; [`RuleSet::matches`] runs them
//!   over an [`EventView`] with a reusable [`MatchScratch`]; [`RuleSet::matched_fields`] explains
//!   a hit.
//! - [`correlation`] makes one finding of many matches.
//! - [`mod@reference`] evaluates a rule straight from its syntax tree: slow, independent, the
//!   oracle that tests hold the compiled program against.
//! - [`Explanation`] says of one event which selection holds and which does not, and on which field.
//! - [`mutations`] changes one thing of a rule, to judge the rule's tests by.
//! - [`lint()`] says what is allowed but unwise; [`Rule::semantic_hash`] identifies what a rule
//!   means.
//!
//! **Invariant:** one bad rule never stops the others and never vanishes: every document becomes
//! a rule or an error. **Invariant:** matching does not allocate once the scratch has grown to the
//! events at hand. **Invariant:** no rule text, however hostile, exceeds [`limits`].

mod condition;
pub mod correlation;
mod detection;
mod encode;
mod error;
mod examples;
mod explain;
mod explain_miss;
mod field_index;
mod field_reference;
mod filter;
mod fold;
mod hash;
pub mod limits;
mod lint;
mod literal;
pub mod logsource;
mod lower;
mod matching;
mod memo;
mod modifier;
mod mutate;
mod network;
mod parse;
mod pattern;
mod placed;
mod placeholder;
mod plan;
mod predicate;
mod preparation;
mod processing;
mod program;
pub mod reference;
mod route;
pub mod rule;
mod rule_set;
mod scratch;
mod sieve;
mod single;
mod time;
mod trie;
mod value;
mod yaml;

pub use condition::{Condition, Expression, Target};
pub use error::{ErrorCode, RuleError};
pub use examples::texts_that_meet;
pub use explain::MatchedField;
pub use explain_miss::{
    ElementTold, ElementsTold, Explanation, Found, ItemTold, Reason, SearchTold, SelectionTold,
};
pub use filter::{Filter, FilterTargets};
pub use lint::{Lint, lint, lint_set};
pub use logsource::Logsource;
pub use modifier::Modifier;
pub use mutate::words::search_in_words;
pub use mutate::{Mutation, Mutations, Operator, mutations};
pub use parse::{Document, parse_documents, parse_rules};
pub use placeholder::Placeholders;
pub use preparation::{Preparation, PreparationPart};
pub use processing::Pipeline;
pub use route::Route;
pub use rule::{Elements, Level, Quantifier, Rule, RuleTest, Status};
pub use rule_set::{RuleIndex, RuleSet};
pub use scratch::MatchScratch;
pub use value::{Content, EventView, FieldId, FieldInterner, Number, Places, Spelled, Value};
