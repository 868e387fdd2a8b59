//! Rows as bytes: JSON, lines of JSON, CSV, Parquet.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use ports::query::Format;

/// A chunk is passed on when it has so many bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// Bytes that a row group of a Parquet answer takes in memory before it is written.
const ROW_GROUP_BYTES_MAX: usize = 8 << 20;
/// The name under which a Parquet answer says whether rows were cut off.
pub(super) const TRUNCATED: &str = "huecry.truncated";

/// The line after the last row of an answer in lines of JSON, if rows were cut off.
const TRUNCATED_LINE: &[u8] = b"{\"huecry_truncated\":true}\n";
/// The record after the last row of an answer in CSV, if rows were cut off.
const TRUNCATED_RECORD: &[u8] = b"# truncated\r\n";

const OPTIONS: FormatOptions<'static> =
    FormatOptions::new().with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.3fZ"));

/// Writes one answer.
pub(super) struct Writer {
    out: Vec<u8>,
    rows: u64,
    form: Form,
}

enum Form {
    Json,
    Ndjson { keys: Vec<Vec<u8>> },
    Csv,
    Parquet(Box<ArrowWriter<Vec<u8>>>),
}

impl Writer {
    pub(super) fn new(format: Format, schema: &SchemaRef) -> Result<Self> {
        let mut out = Vec::new();
        let form = match format {
            Format::Json => {
                out.extend_from_slice(b"{\"columns\":[");
                for (index, field) in schema.fields().iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    json_text(&mut out, field.name());
                }
                out.extend_from_slice(b"],\"rows\":[");
                Form::Json
            }
            Format::Ndjson => Form::Ndjson { keys: keys(schema) },
            Format::Csv => {
                for (index, field) in schema.fields().iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    csv_text(&mut out, field.name());
                }
                out.extend_from_slice(b"\r\n");
                Form::Csv
            }
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let schema = std::sync::Arc::clone(schema);
                Form::Parquet(Box::new(ArrowWriter::try_new(Vec::new(), schema, Some(properties))?))
            }
        };
        Ok(Self { out, rows: 0, form })
    }

    /// Takes rows; gives what is ready to `ready`, a chunk at a time.
    pub(super) fn write(&mut self, batch: &RecordBatch, ready: &mut dyn FnMut(Bytes)) -> Result<()> {
        if let Form::Parquet(writer) = &mut self.form {
            writer.write(batch)?;
            self.rows += batch.num_rows() as u64;
            if writer.in_progress_size() > ROW_GROUP_BYTES_MAX {
                writer.flush()?;
            }
            let written = std::mem::take(writer.inner_mut());
            if !written.is_empty() {
                ready(written.into());
            }
            return Ok(());
        }
        let columns: Vec<CellWriter<'_>> =
            batch.columns().iter().map(CellWriter::new).collect::<Result<_>>()?;
        for row in 0..batch.num_rows() {
            self.row(&columns, row)?;
            self.rows += 1;
            if self.out.len() >= CHUNK_BYTES {
                ready(std::mem::take(&mut self.out).into());
            }
        }
        Ok(())
    }

    fn row(&mut self, columns: &[CellWriter<'_>], row: usize) -> Result<()> {
        let out = &mut self.out;
        match &self.form {
            Form::Json => {
                out.extend_from_slice(if self.rows > 0 { b",\n[" } else { b"[" });
                for (index, column) in columns.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    column.json(out, row)?;
                }
                out.push(b']');
            }
            Form::Ndjson { keys } => {
                for (index, (key, column)) in keys.iter().zip(columns).enumerate() {
                    out.push(if index > 0 { b',' } else { b'{' });
                    out.extend_from_slice(key);
                    column.json(out, row)?;
                }
                out.extend_from_slice(if columns.is_empty() { b"{}\n" } else { b"}\n" });
            }
            Form::Csv => {
                for (index, column) in columns.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    column.csv(out, row)?;
                }
                out.extend_from_slice(b"\r\n");
            }
            Form::Parquet(_) => {}
        }
        Ok(())
    }

    /// What is left to write.
    pub(super) fn finish(self, truncated: bool) -> Result<Bytes> {
        let mut out = self.out;
        match self.form {
            Form::Json => {
                out.extend_from_slice(format!("],\"truncated\":{truncated}}}\n").as_bytes());
                Ok(out.into())
            }
            Form::Ndjson { .. } | Form::Csv if !truncated => Ok(out.into()),
            Form::Ndjson { .. } => {
                out.extend_from_slice(TRUNCATED_LINE);
                Ok(out.into())
            }
            Form::Csv => {
                out.extend_from_slice(TRUNCATED_RECORD);
                Ok(out.into())
            }
            Form::Parquet(mut writer) => {
                let said = KeyValue::new(TRUNCATED.to_owned(), truncated.to_string());
                writer.append_key_value_metadata(said);
                Ok(writer.into_inner()?.into())
            }
        }
    }
}

/// The columns' names as JSON, each with its colon.
fn keys(schema: &SchemaRef) -> Vec<Vec<u8>> {
    let key = |name: &str| {
        let mut out = Vec::new();
        json_text(&mut out, name);
        out.push(b':');
        out
    };
    schema.fields().iter().map(|field| key(field.name())).collect()
}

/// Writes the values of one column.
struct CellWriter<'a> {
    array: &'a ArrayRef,
    kind: Kind<'a>,
}

enum Kind<'a> {
    TextView(&'a arrow::array::StringViewArray),
    Text(&'a arrow::array::StringArray),
    LargeText(&'a arrow::array::LargeStringArray),
    /// Numbers and truth values read the same in JSON.
    Bare(ArrayFormatter<'a>),
    Float(ArrayFormatter<'a>),
    Quoted(ArrayFormatter<'a>),
}

impl<'a> CellWriter<'a> {
    fn new(array: &'a ArrayRef) -> Result<Self> {
        let formatter = || ArrayFormatter::try_new(array.as_ref(), &OPTIONS).map_err(DataFusionError::from);
        let kind = match array.data_type() {
            DataType::Utf8View => Kind::TextView(array.as_string_view()),
            DataType::Utf8 => Kind::Text(array.as_string()),
            DataType::LargeUtf8 => Kind::LargeText(array.as_string()),
            of if of.is_integer() || *of == DataType::Boolean => Kind::Bare(formatter()?),
            of if of.is_floating() => Kind::Float(formatter()?),
            _ => Kind::Quoted(formatter()?),
        };
        Ok(Self { array, kind })
    }

    fn json(&self, out: &mut Vec<u8>, row: usize) -> Result<()> {
        if self.array.is_null(row) || self.array.data_type() == &DataType::Null {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        match &self.kind {
            Kind::TextView(texts) => json_text(out, texts.value(row)),
            Kind::Text(texts) => json_text(out, texts.value(row)),
            Kind::LargeText(texts) => json_text(out, texts.value(row)),
            Kind::Bare(formatter) => out.extend_from_slice(text(formatter, row)?.as_bytes()),
            Kind::Float(formatter) if self.is_finite(row) => {
                out.extend_from_slice(text(formatter, row)?.as_bytes());
            }
            // JSON has no number for them (RFC 8259 §6)
            Kind::Float(_) => out.extend_from_slice(b"null"),
            Kind::Quoted(formatter) => json_text(out, &text(formatter, row)?),
        }
        Ok(())
    }

    fn is_finite(&self, row: usize) -> bool {
        match self.array.data_type() {
            DataType::Float64 => self.array.as_primitive::<Float64Type>().value(row).is_finite(),
            DataType::Float32 => self.array.as_primitive::<Float32Type>().value(row).is_finite(),
            _ => false,
        }
    }

    fn csv(&self, out: &mut Vec<u8>, row: usize) -> Result<()> {
        if self.array.is_null(row) || self.array.data_type() == &DataType::Null {
            return Ok(());
        }
        match &self.kind {
            Kind::TextView(texts) => csv_text(out, texts.value(row)),
            Kind::Text(texts) => csv_text(out, texts.value(row)),
            Kind::LargeText(texts) => csv_text(out, texts.value(row)),
            Kind::Bare(formatter) | Kind::Float(formatter) | Kind::Quoted(formatter) => {
                csv_text(out, &text(formatter, row)?);
            }
        }
        Ok(())
    }
}

fn text(formatter: &ArrayFormatter<'_>, row: usize) -> Result<String> {
    Ok(formatter.value(row).try_to_string()?)
}

/// A JSON string (RFC 8259 §7).
fn json_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape: Option<&[u8]> = match byte {
            b'"' => Some(b"\\\""),
            b'\\' => Some(b"\\\\"),
            b'\n' => Some(b"\\n"),
            b'\r' => Some(b"\\r"),
            b'\t' => Some(b"\\t"),
            0..0x20 => None,
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[from..at]);
        match escape {
            Some(escape) => out.extend_from_slice(escape),
            None => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        from = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[from..]);
    out.push(b'"');
}

/// A field of CSV (RFC 4180): quoted where it must be. An empty text is quoted, nothing at all is not.
fn csv_text(out: &mut Vec<u8>, text: &str) {
    let must = text.is_empty() || text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n'));
    if !must {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for part in text.split_inclusive('"') {
        out.extend_from_slice(part.as_bytes());
        if part.ends_with('"') {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_is_json_that_reads_back(text: String) {
            let mut out = Vec::new();
            json_text(&mut out, &text);
            proptest::prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn csv_is_quoted_where_it_must_be() {
        for (text, expected) in
            [("a", "a"), ("", "\"\""), ("a,b", "\"a,b\""), ("a\"b\"", "\"a\"\"b\"\"\""), ("a\nb", "\"a\nb\"")]
        {
            let mut out = Vec::new();
            csv_text(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
