//! Functions over JSON text, for `event`, `unmapped` and `raw`.
//!
//! `json_text(json, path…)` and its like take keys (text) and indexes (numbers, from 0). They look for the value
//! without building a tree; what stands behind it in the text is not read. What is not there, not of the type,
//! or not JSON is null.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Float64Builder, Int64Array, Int64Builder, StringViewArray,
    StringViewBuilder,
};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use sonic_rs::{JsonType, JsonValueTrait, PointerNode};
use std::sync::Arc;

/// Most elements of a path.
const PATH_ELEMENTS_MAX: usize = 32;

/// What is made of the value that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Take {
    /// Text as it reads, anything else as JSON.
    Text,
    /// JSON.
    Json,
    Int,
    Float,
    Bool,
    /// Whether there is one; JSON's null is one.
    Has,
    /// Members of an array or object.
    Length,
}

/// One of the functions.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct JsonFunction {
    take: Take,
    signature: Signature,
}

/// Every function.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    const ALL: [Take; 7] =
        [Take::Text, Take::Json, Take::Int, Take::Float, Take::Bool, Take::Has, Take::Length];
    ALL.into_iter().map(function).collect()
}

/// One function.
pub(super) fn function(take: Take) -> Arc<ScalarUDF> {
    let signature = Signature::new(TypeSignature::UserDefined, Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(JsonFunction { take, signature }))
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        match self.take {
            Take::Text => "json_text",
            Take::Json => "json_get",
            Take::Int => "json_int",
            Take::Float => "json_float",
            Take::Bool => "json_bool",
            Take::Has => "json_has",
            Take::Length => "json_length",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.take {
            Take::Text | Take::Json => DataType::Utf8View,
            Take::Int | Take::Length => DataType::Int64,
            Take::Float => DataType::Float64,
            Take::Bool | Take::Has => DataType::Boolean,
        })
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name();
        if arguments.is_empty() || arguments.len() > 1 + PATH_ELEMENTS_MAX {
            return plan_err!("{name} takes JSON and up to {PATH_ELEMENTS_MAX} keys or indexes");
        }
        let coerced = arguments.iter().enumerate().map(|(index, of)| match of {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
                Ok(DataType::Utf8View)
            }
            of if of.is_integer() && index > 0 => Ok(DataType::Int64),
            of => plan_err!("{name}: argument {} is {of}, not text or an index", index + 1),
        });
        coerced.collect()
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let all_constant = arguments.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let mut arrays =
            arguments.args.iter().map(|argument| argument.to_array(if all_constant { 1 } else { rows }));
        let json = arrays.next().transpose()?;
        let json = json.ok_or_else(|| DataFusionError::Internal("no JSON".into()))?;
        let path: Vec<Step> = arrays.map(|array| Step::of(&array?)).collect::<Result<_>>()?;
        let found = self.take.column(json.as_string_view(), &path);
        if all_constant {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&found, 0)?));
        }
        Ok(ColumnarValue::Array(found))
    }
}

/// One element of the path, for every row.
enum Step {
    Keys(StringViewArray),
    Indexes(Int64Array),
}

impl Step {
    fn of(array: &ArrayRef) -> Result<Self> {
        match array.data_type() {
            DataType::Utf8View => Ok(Self::Keys(array.as_string_view().clone())),
            DataType::Int64 => Ok(Self::Indexes(array.as_primitive::<Int64Type>().clone())),
            other => Err(DataFusionError::Internal(format!("a path element of type {other}"))),
        }
    }

    fn at(&self, row: usize) -> Option<PointerNode> {
        match self {
            Self::Keys(keys) => {
                keys.is_valid(row).then(|| PointerNode::Key(keys.value(row).to_owned().into()))
            }
            Self::Indexes(indexes) => {
                let index = indexes.is_valid(row).then(|| indexes.value(row))?;
                Some(PointerNode::Index(usize::try_from(index).ok()?))
            }
        }
    }
}

fn found<'a>(json: &'a StringViewArray, path: &[Step], row: usize) -> Option<sonic_rs::LazyValue<'a>> {
    let text = json.is_valid(row).then(|| json.value(row))?;
    let path: Vec<PointerNode> = path.iter().map(|step| step.at(row)).collect::<Option<_>>()?;
    sonic_rs::get_from_str(text, &path).ok()
}

impl Take {
    fn column(self, json: &StringViewArray, path: &[Step]) -> ArrayRef {
        let rows = 0..json.len();
        let values = rows.map(|row| found(json, path, row));
        match self {
            Self::Text | Self::Json => {
                let mut out = StringViewBuilder::with_capacity(json.len());
                for value in values {
                    match value {
                        None => out.append_null(),
                        Some(value) if self == Self::Text && value.is_null() => out.append_null(),
                        Some(value) => match value.as_str().filter(|_| self == Self::Text) {
                            Some(text) => out.append_value(text),
                            None => out.append_value(value.as_raw_str()),
                        },
                    }
                }
                Arc::new(out.finish())
            }
            Self::Int => {
                let mut out = Int64Builder::with_capacity(json.len());
                values.for_each(|value| out.append_option(value.and_then(|value| value.as_i64())));
                Arc::new(out.finish())
            }
            Self::Float => {
                let mut out = Float64Builder::with_capacity(json.len());
                values.for_each(|value| out.append_option(value.and_then(|value| value.as_f64())));
                Arc::new(out.finish())
            }
            Self::Bool => {
                let mut out = BooleanBuilder::with_capacity(json.len());
                values.for_each(|value| out.append_option(value.and_then(|value| value.as_bool())));
                Arc::new(out.finish())
            }
            Self::Has => {
                let mut out = BooleanBuilder::with_capacity(json.len());
                for (row, value) in values.enumerate() {
                    out.append_option(json.is_valid(row).then(|| value.is_some()));
                }
                Arc::new(out.finish())
            }
            Self::Length => {
                let mut out = Int64Builder::with_capacity(json.len());
                values.for_each(|value| out.append_option(value.and_then(|value| length(&value))));
                Arc::new(out.finish())
            }
        }
    }
}

fn length(value: &sonic_rs::LazyValue<'_>) -> Option<i64> {
    let members = match value.get_type() {
        JsonType::Array => {
            sonic_rs::to_array_iter(value.as_raw_str()).try_fold(0, |count, member| member.map(|_| count + 1))
        }
        JsonType::Object => sonic_rs::to_object_iter(value.as_raw_str())
            .try_fold(0, |count, member| member.map(|_| count + 1)),
        _ => return None,
    };
    members.ok()
}
