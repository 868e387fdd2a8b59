//! Files of the Windows event log (EVTX) as JSON records.
//!
//! Each record becomes the JSON that the evtx crate writes of it, `{"Event":{"System":{…},"EventData":{…}}}`,
//! which is read like any record of kind `windows_eventlog`. Files of attacked machines are often torn; what
//! cannot be read of one is named and the rest is read. The format is Microsoft's, described in libevtx's
//! "Windows XML Event Log (EVTX) format" and \[MS-EVEN6\].

use crate::reader::Visit;
use evtx::{EvtxChunkData, EvtxParser, ParserSettings};
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

/// What an EVTX file begins with.
pub(crate) const MAGIC: &[u8] = b"ElfFile\0";
/// Size of a chunk.
const CHUNK_BYTES: u64 = 64 << 10;
/// Most places of damage that one file names; more are counted.
const DAMAGES_NAMED_MAX: usize = 100;

/// What could not be read of one file, or of several.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Damage {
    /// How many places.
    pub count: u64,
    /// File, place and reason, `host.evtx: chunk 3: …`; the first of them.
    pub places: Vec<String>,
}

impl Damage {
    fn note(&mut self, file: &str, what: &str) {
        self.add(Damage { count: 1, places: vec![format!("{file}: {what}")] });
    }

    /// Adds what could not be read of another file.
    pub(crate) fn add(&mut self, other: Damage) {
        self.count += other.count;
        let room = DAMAGES_NAMED_MAX.saturating_sub(self.places.len());
        self.places.extend(other.places.into_iter().take(room));
    }
}

/// Gives the records of every chunk to `visit`, in the order in which Windows wrote them.
///
/// # Errors
/// What `visit` returned; a file whose header cannot be read is damage.
pub(crate) fn read_evtx<E>(
    name: &str,
    mut source: impl Read + Seek,
    visit: &mut Visit<'_, E>,
) -> Result<Damage, E> {
    let mut damage = Damage::default();
    let file_bytes = length(&mut source);
    let mut parser = match EvtxParser::from_read_seek(source) {
        Ok(parser) => parser.with_configuration(ParserSettings::new().indent(false)),
        Err(error) => {
            damage.note(name, &format!("header: {}", chain(&error)));
            return Ok(damage);
        }
    };
    if let Some(file_bytes) = file_bytes {
        let header = parser.header();
        let tail_bytes = file_bytes.saturating_sub(u64::from(header.header_block_size));
        let (chunks, rest_bytes) = (tail_bytes / CHUNK_BYTES, tail_bytes % CHUNK_BYTES);
        if chunks < u64::from(header.chunk_count) {
            let named = header.chunk_count;
            damage.note(name, &format!("chunk {chunks}: the file ends, its header names {named} chunks"));
        } else if rest_bytes > 0 {
            damage.note(name, &format!("chunk {chunks}: the file ends within it"));
        }
    }
    let settings = Arc::new(ParserSettings::new().indent(false));
    for chunk in parser.chunks() {
        let records = match chunk {
            Ok(data) => records_of(data, &settings, &mut |what| damage.note(name, what)),
            Err(error) => {
                damage.note(name, &chain(&error));
                continue;
            }
        };
        let borrowed: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        if !borrowed.is_empty() {
            visit(&borrowed)?;
        }
    }
    Ok(damage)
}

/// How many bytes there are; `None` where that cannot be told.
fn length(source: &mut impl Seek) -> Option<u64> {
    let bytes = source.seek(SeekFrom::End(0)).ok()?;
    source.rewind().ok()?;
    Some(bytes)
}

/// The records of one chunk, 64 KiB of binary XML, as JSON. One whose checksum is wrong is read as it is: its
/// writer may have been cut off between the records and the header.
fn records_of(
    mut data: EvtxChunkData,
    settings: &Arc<ParserSettings>,
    damaged: &mut dyn FnMut(&str),
) -> Vec<Vec<u8>> {
    let place = format!("chunk {}", data.number.unwrap_or_default());
    if !data.validate_checksum() {
        damaged(&format!("{place}: the checksum is wrong; what can be read of it is"));
    }
    let mut found = Vec::new();
    match data.parse(Arc::clone(settings)) {
        Ok(mut chunk) => {
            for record in chunk.iter() {
                match record.and_then(evtx::EvtxRecord::into_json_bytes) {
                    Ok(record) => found.push(record.data),
                    Err(error) => damaged(&format!("{place}: {}", chain(&error))),
                }
            }
        }
        Err(error) => damaged(&format!("{place}: {}", chain(&error))),
    }
    found
}

/// The error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn read(bytes: &[u8]) -> (usize, Damage) {
        let mut records = 0;
        let damage = read_evtx("x.evtx", Cursor::new(bytes), &mut |chunk: &[&[u8]]| -> Result<(), ()> {
            records += chunk.len();
            Ok(())
        });
        (records, damage.unwrap())
    }

    #[test]
    fn a_file_without_a_header_is_named() {
        let (records, damage) = read(b"ElfFile\0 and no more");
        assert_eq!((records, damage.count), (0, 1));
        assert!(damage.places[0].starts_with("x.evtx: header: "), "{damage:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_an_answer(tail in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            read(&[MAGIC, &tail].concat());
        }
    }
}
