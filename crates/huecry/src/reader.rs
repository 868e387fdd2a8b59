//! Records out of files: plain, gzip, zstd, zip; JSON documents or lines, lines of auditd, EVTX.
//!
//! Lines are streamed, so a file of lines may have any size. One JSON document (an object over several
//! lines, an array, a vendor's envelope) is read whole, up to [`DOCUMENT_BYTES_MAX`]. What a file holds is
//! told by its first bytes, not by its name.

use crate::evtx_file::{self, Damage};
use ingest::{EnvelopePath, Format, Kind, SplitError, audit_lines, split};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

/// Largest single JSON document in a file, in bytes.
pub const DOCUMENT_BYTES_MAX: u64 = 1 << 30;
/// Longest line of a file of lines, in bytes; the doors take no larger record.
pub const LINE_BYTES_MAX: usize = ingest::limits::RECORD_BODY_BYTES_MAX;
const CHUNK_LINES: usize = 1_000;

/// Why a file could not be read as records.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file, or its compression, is broken.
    #[error("{path}: {source}")]
    Io {
        /// The file, and the entry of an archive.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The bytes are no records.
    #[error("{path}: {source}")]
    Split {
        /// The file, and the entry of an archive.
        path: String,
        /// Why.
        source: SplitError,
    },
    /// One document is over [`DOCUMENT_BYTES_MAX`], or one line over [`LINE_BYTES_MAX`].
    #[error("{path}: larger than {bytes_max} bytes in one piece; write one record a line")]
    TooLarge {
        /// The file, and the entry of an archive.
        path: String,
        /// The limit.
        bytes_max: u64,
    },
}

/// What a file had besides records.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Notes {
    /// What could not be read of it.
    pub damage: Damage,
    /// Entries of an archive that hold no records, such as captures of packets.
    pub skipped: Vec<String>,
}

impl Notes {
    /// Adds the notes of another file.
    pub fn add(&mut self, other: Notes) {
        self.damage.add(other.damage);
        self.skipped.extend(other.skipped);
    }
}

/// First bytes of what lies in archives beside records: captures of packets (pcap in both byte orders, with
/// micro- and nanoseconds; pcapng), and what macOS adds to every file (AppleDouble, RFC 1740).
const NO_RECORDS: [&[u8]; 6] = [
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\xc3\xd4",
    b"\x4d\x3c\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x0a\x0d\x0d\x0a",
    b"\x00\x05\x16\x07",
];

/// What is done with each chunk of records.
pub type Visit<'v, E> = dyn FnMut(&[&[u8]]) -> Result<(), E> + 'v;

/// What the names of files of records end in; others in a folder are left alone.
pub const RECORD_EXTENSIONS: [&str; 8] = ["json", "ndjson", "jsonl", "log", "evtx", "gz", "zst", "zip"];

/// What lies under some paths.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Files named themselves, and those in folders that look like files of records; in the order of names.
    pub found: Vec<PathBuf>,
    /// How many other files the folders hold.
    pub skipped: usize,
}

/// All files of records under `paths`: folders are walked in the order of names.
///
/// # Errors
/// [`ReadError::Io`] for a path that is not there.
pub fn files_under(paths: &[PathBuf]) -> Result<Files, ReadError> {
    let mut files = Files::default();
    let mut pending: Vec<PathBuf> = paths.iter().rev().cloned().collect();
    while let Some(path) = pending.pop() {
        let io_error = |source| ReadError::Io { path: path.display().to_string(), source };
        if path.as_os_str() != "-" && std::fs::metadata(&path).map_err(io_error)?.is_dir() {
            let entries = std::fs::read_dir(&path).map_err(io_error)?;
            let mut below: Vec<_> =
                entries.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>().map_err(io_error)?;
            let entries = below.len();
            below.retain(|p| p.is_dir() || has_record_extension(p));
            files.skipped += entries - below.len();
            below.sort_unstable_by(|a, b| b.cmp(a));
            pending.append(&mut below);
        } else {
            files.found.push(path);
        }
    }
    Ok(files)
}

fn has_record_extension(path: &Path) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| RECORD_EXTENSIONS.contains(&e))
}

/// Gives every record of `path` to `visit`, in order, in chunks of one buffer each. What could not be read, and
/// what was no record, is in the answer.
///
/// # Errors
/// [`ReadError`], or what `visit` returned.
pub fn read_records<E: From<ReadError>>(
    path: &Path,
    kind: &Kind,
    visit: &mut Visit<'_, E>,
) -> Result<Notes, E> {
    let name = path.display().to_string();
    let io_error = |source| ReadError::Io { path: name.clone(), source };
    if path.as_os_str() == "-" {
        return read_stream(&name, &mut io::stdin().lock(), kind, visit);
    }
    let file = File::open(path).map_err(io_error)?;
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let magic = reader.fill_buf().map_err(io_error)?;
    if magic.starts_with(b"PK\x03\x04") {
        return read_zip(&name, reader, kind, visit);
    }
    if magic.starts_with(evtx_file::MAGIC) {
        return Ok(Notes { damage: evtx_file::read_evtx(&name, reader, visit)?, ..Notes::default() });
    }
    match ingest::Encoding::of_magic(magic) {
        ingest::Encoding::Identity => read_stream(&name, &mut reader, kind, visit),
        ingest::Encoding::Gzip => {
            let mut plain = BufReader::with_capacity(256 << 10, flate2::bufread::MultiGzDecoder::new(reader));
            read_stream(&name, &mut plain, kind, visit)
        }
        ingest::Encoding::Zstd => {
            let plain = zstd::stream::read::Decoder::with_buffer(reader).map_err(io_error)?;
            read_stream(&name, &mut BufReader::with_capacity(256 << 10, plain), kind, visit)
        }
    }
}

fn read_zip<E: From<ReadError>>(
    name: &str,
    reader: BufReader<File>,
    kind: &Kind,
    visit: &mut Visit<'_, E>,
) -> Result<Notes, E> {
    let zip_error = |e: zip::result::ZipError| ReadError::Io { path: name.to_owned(), source: e.into() };
    let mut archive = zip::ZipArchive::new(reader).map_err(zip_error)?;
    let mut notes = Notes::default();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(zip_error)?;
        if entry.is_dir() {
            continue;
        }
        let entry_name = format!("{name}!{}", entry.name().map_err(zip_error)?);
        let mut entry = BufReader::new(entry);
        let io_error = |source| ReadError::Io { path: entry_name.clone(), source };
        let magic = entry.fill_buf().map_err(io_error)?;
        if NO_RECORDS.iter().any(|other| magic.starts_with(other)) {
            notes.skipped.push(entry_name);
            continue;
        }
        notes.add(read_stream(&entry_name, &mut entry, kind, visit)?);
    }
    Ok(notes)
}

fn read_stream<E: From<ReadError>>(
    name: &str,
    reader: &mut dyn BufRead,
    kind: &Kind,
    visit: &mut Visit<'_, E>,
) -> Result<Notes, E> {
    let io_error = |source| ReadError::Io { path: name.to_owned(), source };
    if reader.fill_buf().map_err(io_error)?.starts_with(evtx_file::MAGIC) {
        let file = read_whole(name, reader, Vec::new())?;
        let damage = evtx_file::read_evtx(name, Cursor::new(file), visit)?;
        return Ok(Notes { damage, ..Notes::default() });
    }
    let mut first = Vec::new();
    while read_line(name, reader, &mut first)? && audit_lines::is_idle(first.trim_ascii_end()) {
        first.clear();
    }
    if ingest::is_whole_object(first.trim_ascii()) {
        read_lines(name, reader, first, kind, visit)?;
    } else if audit_lines::is_audit(&first) {
        read_audit(name, reader, first, visit)?;
    } else {
        let document = read_whole(name, reader, first)?;
        if !document.iter().all(u8::is_ascii_whitespace) {
            visit(&records_of(name, &document, Format::Auto, kind.envelopes)?)?;
        }
    }
    Ok(Notes::default())
}

/// The rest of `reader` after what was read of it, up to [`DOCUMENT_BYTES_MAX`].
fn read_whole(name: &str, reader: &mut dyn BufRead, mut begun: Vec<u8>) -> Result<Vec<u8>, ReadError> {
    let io_error = |source| ReadError::Io { path: name.to_owned(), source };
    reader.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut begun).map_err(io_error)?;
    if begun.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(ReadError::TooLarge { path: name.to_owned(), bytes_max: DOCUMENT_BYTES_MAX });
    }
    Ok(begun)
}

/// Lines of auditd, cut by event; lines of events that interleave are put together.
fn read_audit<E: From<ReadError>>(
    name: &str,
    reader: &mut dyn BufRead,
    first: Vec<u8>,
    visit: &mut Visit<'_, E>,
) -> Result<(), E> {
    let mut chunk = first;
    let mut next = Vec::new();
    loop {
        let mut lines = 1;
        let mut ended = false;
        loop {
            next.clear();
            if !read_line(name, reader, &mut next)? {
                ended = true;
                break;
            }
            lines += 1;
            // a chunk ends where an event does
            if lines > CHUNK_LINES && audit_lines::event_id(&next) != audit_lines::last_event_id(&chunk) {
                break;
            }
            chunk.extend_from_slice(&next);
        }
        let events: Vec<_> = audit_lines::events(&chunk).into_iter().map(audit_lines::own_lines).collect();
        let borrowed: Vec<&[u8]> = events.iter().map(|event| &**event).collect();
        if !borrowed.is_empty() {
            visit(&borrowed)?;
        }
        if ended {
            return Ok(());
        }
        std::mem::swap(&mut chunk, &mut next);
    }
}

fn records_of<'b>(
    name: &str,
    body: &'b [u8],
    format: Format,
    envelopes: &[EnvelopePath<'_>],
) -> Result<Vec<&'b [u8]>, ReadError> {
    split(body, format, envelopes).map_err(|source| ReadError::Split { path: name.to_owned(), source })
}

fn read_lines<E: From<ReadError>>(
    name: &str,
    reader: &mut dyn BufRead,
    first: Vec<u8>,
    kind: &Kind,
    visit: &mut Visit<'_, E>,
) -> Result<(), E> {
    let mut chunk = first;
    loop {
        let (mut lines, mut lines_max) = (1, CHUNK_LINES);
        let (mut ended, mut fault) = (false, None);
        while !ended && chunk.len() < LINE_BYTES_MAX {
            if lines >= lines_max {
                if !ingest::ends_inside_object(&chunk) {
                    break;
                }
                // a record may go on behind the chunk's last line; doubled, since each look costs a pass
                lines_max *= 2;
            }
            match read_line(name, reader, &mut chunk) {
                Ok(more) => ended = !more,
                Err(error) => {
                    // the lines before the fault are whole
                    chunk.truncate(memchr::memrchr(b'\n', &chunk).map_or(0, |end| end + 1));
                    fault = Some(error);
                    ended = true;
                }
            }
            lines += 1;
        }
        if !chunk.iter().all(u8::is_ascii_whitespace) {
            visit(&chunk_records(name, &chunk, kind.envelopes)?)?;
        }
        if ended {
            return fault.map_or(Ok(()), |error| Err(error.into()));
        }
        chunk.clear();
    }
}

/// Lines, among which a record may stand over several. What cannot be cut that way is cut line by line.
fn chunk_records<'b>(
    name: &str,
    chunk: &'b [u8],
    envelopes: &[EnvelopePath<'_>],
) -> Result<Vec<&'b [u8]>, ReadError> {
    if chunk.trim_ascii_start().starts_with(b"{")
        && let Ok(records) = split(chunk, Format::Auto, envelopes)
    {
        return Ok(records);
    }
    records_of(name, chunk, Format::Lines, envelopes)
}

/// Appends one line with its end; false at the end of the file.
fn read_line(name: &str, reader: &mut dyn BufRead, into: &mut Vec<u8>) -> Result<bool, ReadError> {
    let before = into.len();
    let mut line = reader.take(DOCUMENT_BYTES_MAX);
    line.read_until(b'\n', into).map_err(|source| ReadError::Io { path: name.to_owned(), source })?;
    if (into.len() - before) as u64 >= DOCUMENT_BYTES_MAX {
        return Err(ReadError::TooLarge { path: name.to_owned(), bytes_max: DOCUMENT_BYTES_MAX });
    }
    Ok(into.len() > before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(bytes: &[u8]) -> Result<Vec<String>, ReadError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut records = Vec::new();
        read_records(file.path(), Kind::of("aws_cloudtrail"), &mut |chunk| -> Result<(), ReadError> {
            records.extend(chunk.iter().map(|r| String::from_utf8_lossy(r).into_owned()));
            Ok(())
        })?;
        Ok(records)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        writer.start_file("a.json", zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn every_form_gives_its_records() {
        let forms: [&[u8]; 5] = [
            br#"{"Records":[{"a":1},{"a":2}]}"#,
            b"[\n {\"a\":1},\n {\"a\":2}\n]\n",
            b"{\"a\":1}\n\n{\"a\":2}",
            b"{\"Records\":[{\"a\":1}]}\n{\"a\":2}\n",
            b"{\n\"Records\":\n[{\"a\":1},{\"a\":2}]}",
        ];
        for form in forms {
            for packed in [form.to_vec(), gzip(form), zstd::encode_all(form, 1).unwrap(), zip(form)] {
                assert_eq!(read(&packed).unwrap(), [r#"{"a":1}"#, r#"{"a":2}"#], "{form:?}");
            }
        }
        assert!(read(b"").unwrap().is_empty());
    }

    #[test]
    fn broken_files_are_named() {
        let whole = gzip(&b"{\"a\":1}\n".repeat(1_000));
        assert!(matches!(read(&whole[..whole.len() / 2]), Err(ReadError::Io { .. })));
        assert!(matches!(read(b"[{\"a\":1}"), Err(ReadError::Split { .. })));
    }

    #[test]
    fn a_record_over_many_lines_stays_whole_wherever_it_stands() {
        let pretty = format!("{{\n\"a\":[\n{}2]\n}}", "1,\n".repeat(CHUNK_LINES / 2));
        for before in [1, CHUNK_LINES - 2, CHUNK_LINES, 3 * CHUNK_LINES] {
            let lines = "{\"a\":1}\n".repeat(before);
            let records = read(format!("{lines}{pretty}\n{{\"b\":2}}\n").as_bytes()).unwrap();
            assert_eq!(records.len(), before + 2);
            assert_eq!(records[before..], [pretty.as_str(), "{\"b\":2}"]);
        }
        let broken = "{\"a\":1}\n{\n".to_owned() + &"{\"b\":2}\n".repeat(3 * CHUNK_LINES);
        assert_eq!(read(broken.as_bytes()).unwrap().len(), 2 + 3 * CHUNK_LINES, "a bad start costs itself");
    }

    #[test]
    fn no_depth_overflows_the_stack() {
        for depth in [1_000, 100_000] {
            let deep = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(read(deep.as_bytes()).unwrap(), [deep.as_str()]);
            assert_eq!(read(format!("{deep}\n{{}}\n").as_bytes()).unwrap().len(), 2);
        }
    }

    #[test]
    fn a_bad_line_does_not_cost_its_neighbours() {
        assert_eq!(read(b"{\"a\":1}\n{\"a\":\n{\"a\":2}\n").unwrap().len(), 3);
    }
}
