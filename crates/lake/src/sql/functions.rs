//! The functions that a question can call: a closed list, none of which reads a file, the network or the
//! machine, each of which makes a bounded amount of text.

use super::json::{self, Take};
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue, plan_err};
use datafusion::functions;
use datafusion::functions_aggregate::all_default_aggregate_functions;
use datafusion::functions_window::all_default_window_functions;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sqlparser::ast::BinaryOperator;
use datafusion::logical_expr::{
    AggregateUDF, ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, TypeSignature, Volatility, WindowUDF, lit,
};
use std::sync::Arc;

/// Most bytes of text that one call may make for one batch of rows. It is not in the pool's books.
pub const TEXT_BYTES_MAX: usize = 32 << 20;

/// Functions over single values. What is missing from DataFusion's own: those that blow text up (`repeat`,
/// `lpad`, `rpad`, `overlay`), that take a row's time squared (`levenshtein`), that make lists or structures,
/// that tell about the engine, and that differ from call to call.
const SCALAR: &[&str] = &[
    "arrow_typeof",
    "ascii",
    "bit_length",
    "btrim",
    "character_length",
    "chr",
    "coalesce",
    "contains",
    "date_bin",
    "date_part",
    "date_trunc",
    "ends_with",
    "find_in_set",
    "from_unixtime",
    "greatest",
    "initcap",
    "least",
    "left",
    "lower",
    "ltrim",
    "make_date",
    "nullif",
    "nvl",
    "nvl2",
    "octet_length",
    "regexp_count",
    "regexp_instr",
    "regexp_like",
    "reverse",
    "right",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "substr_index",
    "to_date",
    "to_hex",
    "to_local_time",
    "to_timestamp",
    "to_timestamp_micros",
    "to_timestamp_millis",
    "to_timestamp_nanos",
    "to_timestamp_seconds",
    "to_unixtime",
    "translate",
    "upper",
];

/// Of those, with a bound on what they make.
const GUARDED: &[&str] = &["concat", "concat_ws", "regexp_replace", "replace", "to_char"];

/// Aggregates. Missing: those that make lists.
const AGGREGATE_REFUSED: &[&str] = &["array_agg", "nth_value"];

/// Every scalar function; `now_ms` is the moment of the question, milliseconds since the epoch.
pub(super) fn scalar(now_ms: i64) -> Vec<Arc<ScalarUDF>> {
    let mut all: Vec<Arc<ScalarUDF>> = Vec::with_capacity(80);
    for function in functions::all_default_functions() {
        if SCALAR.contains(&function.name()) {
            all.push(function);
        } else if GUARDED.contains(&function.name()) {
            all.push(Arc::new(ScalarUDF::new_from_impl(Guarded { inner: function })));
        }
    }
    all.extend(json::functions());
    all.push(Arc::new(ScalarUDF::new_from_impl(Now::at(now_ms))));
    all.push(joined_text());
    all
}

/// Whether a function makes text that is not a part of what it is given.
pub(super) fn makes_text(name: &str) -> bool {
    GUARDED.contains(&name) || matches!(name, "text_concat" | "translate" | "initcap" | "upper" | "lower")
}

/// Every aggregate function.
pub(super) fn aggregate() -> Vec<Arc<AggregateUDF>> {
    let all = all_default_aggregate_functions().into_iter();
    all.filter(|function| !AGGREGATE_REFUSED.contains(&function.name())).collect()
}

/// Every window function.
pub(super) fn window() -> Vec<Arc<WindowUDF>> {
    all_default_window_functions()
}

/// Operators that are functions here: `||`, `->`, `->>`.
#[derive(Debug)]
pub(super) struct Operators;

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, _: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let function = match expr.op {
            BinaryOperator::StringConcat => joined_text(),
            BinaryOperator::Arrow => json::function(Take::Json),
            BinaryOperator::LongArrow => json::function(Take::Text),
            _ => return Ok(PlannerResult::Original(expr)),
        };
        Ok(PlannerResult::Planned(function.call(vec![expr.left, expr.right])))
    }

    fn plan_overlay(&self, _: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        plan_err!("OVERLAY is not offered; use left, right and concat")
    }
}

/// A function that first reckons how much text it would make.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Guarded {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Guarded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<arrow::datatypes::FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.inner().coerce_types(arguments)
    }

    // `simplify` is not passed on: it may put the unguarded function in this one's place

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = |argument: &ColumnarValue| matches!(argument, ColumnarValue::Scalar(_));
        let rows = if arguments.args.iter().all(is_constant) { 1 } else { arguments.number_rows };
        check_bytes(self.bytes_at_most(&arguments.args, rows))?;
        self.inner.invoke_with_args(arguments)
    }
}

impl Guarded {
    /// An upper bound of what a call makes, in bytes.
    fn bytes_at_most(&self, arguments: &[ColumnarValue], rows: usize) -> usize {
        let total = |index: usize| arguments.get(index).map_or(0, |argument| text_bytes(argument, rows));
        let longest = |index: usize| arguments.get(index).map_or(0, text_bytes_longest);
        match self.name() {
            // each match takes at least `from`, or nothing between any two characters
            "replace" => {
                let shortest = arguments.get(1).map_or(0, text_bytes_shortest);
                let places = total(0).checked_div(shortest).unwrap_or(total(0) + rows);
                total(0).saturating_add(places.saturating_mul(longest(2)))
            }
            // each character may be a match, and a group (2 bytes of the pattern) may stand for all of it
            "regexp_replace" => (total(0) + rows).saturating_mul(1 + longest(2)).saturating_mul(2),
            // one letter of a pattern becomes at most this many
            "to_char" => rows.saturating_mul(longest(1)).saturating_mul(16),
            "concat_ws" => {
                let parts: usize = (1..arguments.len()).map(total).sum();
                parts.saturating_add(total(0).saturating_mul(arguments.len()))
            }
            _ => (0..arguments.len()).map(total).sum(),
        }
    }
}

fn check_bytes(bytes: usize) -> Result<()> {
    if bytes > TEXT_BYTES_MAX {
        return Err(DataFusionError::ResourcesExhausted(format!(
            "a function would make {bytes} bytes of text"
        )));
    }
    Ok(())
}

/// Bytes of text in an argument, for so many rows.
fn text_bytes(argument: &ColumnarValue, rows: usize) -> usize {
    match argument {
        ColumnarValue::Scalar(value) => scalar_bytes(value).saturating_mul(rows),
        ColumnarValue::Array(array) => lengths(array).sum(),
    }
}

fn text_bytes_longest(argument: &ColumnarValue) -> usize {
    match argument {
        ColumnarValue::Scalar(value) => scalar_bytes(value),
        ColumnarValue::Array(array) => lengths(array).max().unwrap_or_default(),
    }
}

fn text_bytes_shortest(argument: &ColumnarValue) -> usize {
    match argument {
        ColumnarValue::Scalar(value) => scalar_bytes(value),
        ColumnarValue::Array(array) => lengths(array).min().unwrap_or_default(),
    }
}

/// What numbers and times take as text, at most.
const OTHER_BYTES_MAX: usize = 64;

fn scalar_bytes(value: &ScalarValue) -> usize {
    match value.try_as_str() {
        Some(text) => text.map_or(0, str::len),
        None => OTHER_BYTES_MAX,
    }
}

fn lengths(array: &ArrayRef) -> Box<dyn Iterator<Item = usize> + '_> {
    let length = |text: Option<&str>| text.map_or(0, str::len);
    match array.data_type() {
        DataType::Utf8View => Box::new(array.as_string_view().iter().map(length)),
        DataType::Utf8 => Box::new(array.as_string::<i32>().iter().map(length)),
        DataType::LargeUtf8 => Box::new(array.as_string::<i64>().iter().map(length)),
        _ => Box::new(std::iter::repeat_n(OTHER_BYTES_MAX, array.len())),
    }
}

/// `a || b`: null where one of them is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct JoinedText {
    signature: Signature,
}

fn joined_text() -> Arc<ScalarUDF> {
    let signature = Signature::new(TypeSignature::UserDefined, Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(JoinedText { signature }))
}

impl ScalarUDFImpl for JoinedText {
    fn name(&self) -> &'static str {
        "text_concat"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        if arguments.len() != 2 {
            return plan_err!("|| joins two texts");
        }
        Ok(vec![DataType::Utf8; 2])
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = |argument: &ColumnarValue| matches!(argument, ColumnarValue::Scalar(_));
        let is_all_constant = arguments.args.iter().all(is_constant);
        let rows = if is_all_constant { 1 } else { arguments.number_rows };
        check_bytes(arguments.args.iter().map(|argument| text_bytes(argument, rows)).sum())?;
        let arrays: Vec<_> =
            arguments.args.iter().map(|argument| argument.to_array(rows)).collect::<Result<_>>()?;
        let [left, right] = &arrays[..] else { return plan_err!("|| joins two texts") };
        let mut out = StringBuilder::with_capacity(rows, 0);
        for (left, right) in left.as_string::<i32>().iter().zip(right.as_string::<i32>()) {
            match (left, right) {
                (Some(left), Some(right)) => {
                    out.append_value([left, right].concat());
                }
                _ => out.append_null(),
            }
        }
        let out: ArrayRef = Arc::new(out.finish());
        match is_all_constant {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?)),
            false => Ok(ColumnarValue::Array(out)),
        }
    }
}

/// `now()`: the moment of the question, in the unit of the lake's times, so that conditions on them prune.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Now {
    now_ms: i64,
    signature: Signature,
    aliases: Vec<String>,
}

impl Now {
    fn at(now_ms: i64) -> Self {
        let signature = Signature::nullary(Volatility::Stable);
        Self { now_ms, signature, aliases: vec!["current_timestamp".into()] }
    }

    fn value(&self) -> ScalarValue {
        ScalarValue::TimestampMillisecond(Some(self.now_ms), Some("UTC".into()))
    }
}

impl ScalarUDFImpl for Now {
    fn name(&self) -> &'static str {
        "now"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.value().data_type())
    }

    fn simplify(&self, _: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(ExprSimplifyResult::Simplified(lit(self.value())))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value()))
    }
}
