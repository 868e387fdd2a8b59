//! DataFusion's errors as those of the port.

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use ports::QueryError;

/// Longest message that is passed on, in bytes.
const MESSAGE_BYTES_MAX: usize = 500;

/// What an error of DataFusion is to the one who asked.
pub(super) fn of(error: &DataFusionError, memory_bytes_max: u64) -> QueryError {
    let root = error.find_root();
    if let Some(reason) = bad_pattern(error) {
        return QueryError::Invalid(reason);
    }
    match root {
        DataFusionError::ResourcesExhausted(_) => QueryError::TooMuchMemory { bytes_max: memory_bytes_max },
        DataFusionError::IoError(_) | DataFusionError::ObjectStore(_) | DataFusionError::ParquetError(_) => {
            failed(error)
        }
        DataFusionError::ArrowError(inner, _) => match **inner {
            ArrowError::MemoryError(_) => QueryError::TooMuchMemory { bytes_max: memory_bytes_max },
            ArrowError::IoError(..) | ArrowError::ParquetError(_) | ArrowError::ExternalError(_) => {
                failed(error)
            }
            _ => QueryError::Invalid(first_line(root)),
        },
        DataFusionError::SQL(..)
        | DataFusionError::NotImplemented(_)
        | DataFusionError::Plan(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::Execution(_)
        | DataFusionError::Collection(_)
        | DataFusionError::Diagnostic(..) => QueryError::Invalid(first_line(root)),
        _ => failed(error),
    }
}

/// A message without the backtrace and the advice that DataFusion puts behind it.
pub(super) fn first_line(error: &DataFusionError) -> String {
    let message = error.strip_backtrace();
    let line = message.lines().next().unwrap_or_default();
    let line = line.strip_prefix("Error during planning: ").unwrap_or(line);
    line[..line.floor_char_boundary(MESSAGE_BYTES_MAX)].to_owned()
}

/// The `regex` crate's reason, which DataFusion reports as an error of its own in some places.
fn bad_pattern(error: &DataFusionError) -> Option<String> {
    let message = error.strip_backtrace();
    if message.contains("CompiledTooBig") || message.contains("regex exceeds size limit") {
        return Some("a regular expression is too large when compiled; repeat less in it".into());
    }
    let at =
        message.find("Regular expression did not compile").or_else(|| message.find("regex parse error"))?;
    let reason: String = message[at..].split_whitespace().collect::<Vec<_>>().join(" ");
    Some(reason[..reason.floor_char_boundary(MESSAGE_BYTES_MAX)].to_owned())
}

fn failed(error: &DataFusionError) -> QueryError {
    QueryError::Failed(first_line(error))
}
