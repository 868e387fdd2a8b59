//! A question as a plan, and what must not be in one.

use super::functions;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Operator};
use ports::QueryError;

/// Longest regular expression, in bytes. What one compiles to is bounded by the `regex` crate.
pub const PATTERN_BYTES_MAX: usize = 1 << 10;
/// Most bytes of constant text in what is selected, grouped and sorted by: each row repeats them.
pub const CONSTANT_BYTES_MAX: usize = 16 << 10;
/// Most calls of functions that make text out of text.
pub const TEXT_CALLS_MAX: usize = 64;
/// Most columns of an answer, and of every step on the way to it.
pub const COLUMNS_MAX: usize = 500;

/// Refuses what planning cannot bound otherwise.
pub(super) fn check(plan: &LogicalPlan) -> Result<(), QueryError> {
    let mut seen = Seen::default();
    let walked = plan.apply_with_subqueries(|node| {
        if node.schema().fields().len() > COLUMNS_MAX {
            seen.refuse(format!("more than {COLUMNS_MAX} columns"));
        }
        let repeats =
            !matches!(node, LogicalPlan::Filter(_) | LogicalPlan::TableScan(_) | LogicalPlan::Join(_));
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                seen.look_at(expr, repeats);
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    walked.map_err(|error| QueryError::Failed(error.strip_backtrace()))?;
    if seen.constant_bytes > CONSTANT_BYTES_MAX {
        seen.refuse(format!("more than {CONSTANT_BYTES_MAX} bytes of constant text in what is selected"));
    }
    if seen.text_calls > TEXT_CALLS_MAX {
        seen.refuse(format!("more than {TEXT_CALLS_MAX} calls of functions that make text"));
    }
    seen.refused.map_or(Ok(()), |what| Err(QueryError::Forbidden(what)))
}

#[derive(Default)]
struct Seen {
    constant_bytes: usize,
    text_calls: usize,
    refused: Option<String>,
}

impl Seen {
    fn refuse(&mut self, what: String) {
        self.refused.get_or_insert(what);
    }

    fn look_at(&mut self, expr: &Expr, repeats: bool) {
        match expr {
            Expr::Literal(value, _) if repeats => self.constant_bytes += text_of(value).map_or(0, str::len),
            Expr::BinaryExpr(binary) if is_regex(binary.op) => self.pattern(&binary.right),
            Expr::SimilarTo(similar) => self.pattern(&similar.pattern),
            Expr::ScalarFunction(call) => {
                let name = call.func.name();
                if name.starts_with("regexp_")
                    && let Some(pattern) = call.args.get(1)
                {
                    self.pattern(pattern);
                }
                self.text_calls += usize::from(functions::makes_text(name));
            }
            Expr::WindowFunction(call) if call.fun.name() == "string_agg" => {
                self.refuse(
                    "string_agg cannot be a window function: its text would be made for every row".into(),
                );
            }
            _ => {}
        }
    }

    /// A pattern is one constant: it is compiled once, and its size is known.
    fn pattern(&mut self, pattern: &Expr) {
        match pattern {
            Expr::Literal(value, _) if text_of(value).is_none_or(|text| text.len() <= PATTERN_BYTES_MAX) => {}
            Expr::Literal(..) => {
                self.refuse(format!("a regular expression is longer than {PATTERN_BYTES_MAX} bytes"))
            }
            Expr::Cast(cast) => self.pattern(&cast.expr),
            _ => self.refuse("a regular expression is a constant, not made from the events".into()),
        }
    }
}

fn is_regex(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::RegexMatch | Operator::RegexIMatch | Operator::RegexNotMatch | Operator::RegexNotIMatch
    )
}

fn text_of(value: &ScalarValue) -> Option<&str> {
    value.try_as_str().flatten()
}
