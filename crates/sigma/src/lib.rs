//! The Sigma language: parse rules, compile them into one program, match events. Pure: text and
//! event views come in, matches go out; no files, clock, network or threads.
//!
//! The cast, in the order in which a rule travels:
//! - [`parse_rules`] reads a file's documents into [`Rule`]s or [`RuleError`]s with line and code.
//! - [`RuleSet::compile`] turns rules into a program over the caller's [`FieldId`]s.
//! - [`RuleSet::route`] picks the rules for one kind of source; [`RuleSet::matches`] runs them
//!   over an [`EventView`] with a reusable [`MatchScratch`]; [`RuleSet::matched_fields`] explains
//!   a hit.
//! - [`mod@reference`] evaluates a rule straight from its syntax tree: slow, independent, the
//!   oracle that tests hold the compiled program against.
//! - [`lint()`] says what is allowed but unwise; [`Rule::semantic_hash`] identifies what a rule
//!   means.
//!
//! **Invariant:** one bad rule never stops the others and never vanishes: every document becomes
//! a rule or an error. **Invariant:** matching does not allocate once the scratch has grown to the
//! events at hand. **Invariant:** no rule text, however hostile, exceeds [`limits`].

mod condition;
mod detection;
mod encode;
mod error;
mod explain;
mod fold;
mod hash;
pub mod limits;
mod lint;
pub mod logsource;
mod lower;
mod modifier;
mod network;
mod parse;
mod pattern;
mod predicate;
mod program;
pub mod reference;
pub mod rule;
mod rule_set;
mod scratch;
mod time;
mod value;
mod yaml;

pub use condition::{Condition, Expression, Target};
pub use error::{ErrorCode, RuleError};
pub use explain::MatchedField;
pub use lint::{Lint, lint, lint_set};
pub use logsource::Logsource;
pub use modifier::Modifier;
pub use parse::parse_rules;
pub use rule::{Level, Rule, RuleTest, Status};
pub use rule_set::{Route, RuleIndex, RuleSet};
pub use scratch::MatchScratch;
pub use value::{EventView, FieldId, FieldInterner, Number, Value};
