//! What the machine can do at best: parse, and write durably.

use crate::Failed;
use crate::process::cpu_seconds;
use model::{FieldTable, Tape};
use std::fmt;
use std::io::Write;
use std::time::Instant;

/// The limits, each with one thread.
pub(crate) struct Limits {
    /// Parsing into the library's own tree, records a second.
    pub(crate) parse_tree: f64,
    /// Parsing onto our tape with no field wanted, records a second.
    pub(crate) parse_tape: f64,
    /// Append and fdatasync of one batch after the other, records a second.
    pub(crate) append_sync: f64,
    /// The same in megabytes a second.
    pub(crate) append_sync_mb: f64,
    /// CPU microseconds a record of append and fdatasync.
    pub(crate) append_sync_cpu_us: f64,
}

pub(crate) fn measure(sample: &[String], batch: usize) -> Result<Limits, Failed> {
    let count = sample.len() as f64;
    let started = Instant::now();
    for record in sample {
        std::hint::black_box(sonic_rs::from_str::<sonic_rs::Value>(record)?);
    }
    let parse_tree = count / started.elapsed().as_secs_f64();
    let (fields, mut tape) = (FieldTable::default(), Tape::new());
    let started = Instant::now();
    for record in sample {
        std::hint::black_box(tape.parse(&fields, record.as_bytes())?.root().kind());
    }
    let parse_tape = count / started.elapsed().as_secs_f64();

    let mut file = tempfile::NamedTempFile::new_in(".")?;
    let bytes: usize = sample.iter().map(String::len).sum();
    let (started, cpu) = (Instant::now(), cpu_seconds(std::process::id())?);
    let mut buffer = Vec::new();
    for records in sample.chunks(batch) {
        buffer.clear();
        records.iter().for_each(|record| buffer.extend_from_slice(record.as_bytes()));
        file.write_all(&buffer)?;
        file.as_file().sync_data()?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let cpu = cpu_seconds(std::process::id())? - cpu;
    Ok(Limits {
        parse_tree,
        parse_tape,
        append_sync: count / seconds,
        append_sync_mb: bytes as f64 / seconds / 1e6,
        append_sync_cpu_us: cpu * 1e6 / count,
    })
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nlimits of this machine, one thread")?;
        writeln!(f, "  parse only, library's tree     {:>12.0} records/s", self.parse_tree)?;
        writeln!(f, "  parse only, our tape           {:>12.0} records/s", self.parse_tape)?;
        write!(
            f,
            "  append + fdatasync only        {:>12.0} records/s ({:.0} MB/s, {:.1} µs CPU a record)",
            self.append_sync, self.append_sync_mb, self.append_sync_cpu_us
        )
    }
}
