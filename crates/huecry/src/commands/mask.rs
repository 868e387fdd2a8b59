//! `huecry mask`: text without personal data and secrets, in bounded memory.

use super::report::outbox::{masker, unmaskable};
use crate::cli::Mask;
use crate::exit::{Exit, Failure};
use crate::terminal;
use privacy::{Masked, Stream};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// So much is read at once, in bytes.
const READ_BYTES: usize = 64 << 10;

/// Masks files, or standard input.
pub(super) fn run(args: &Mask, json: bool) -> Result<Exit, Failure> {
    let masker = masker()?;
    let stdin = [PathBuf::from("-")];
    let files = if args.files.is_empty() { &stdin[..] } else { &args.files };
    let mut places = 0;
    for file in files {
        let mut output =
            Output { args, json, name: file.display().to_string(), kinds: BTreeMap::new(), is_read: true };
        let mut stream = Stream::new(&masker).only(args.kinds.clone());
        let unreadable =
            |e: std::io::Error| Failure::new(Exit::Faults, format!("cannot read {}: {e}", file.display()));
        each_part(file, &unreadable, |part| {
            let masked = stream.push(part).map_err(|e| unmaskable(&e))?;
            Ok(output.take(&masked)?)
        })?;
        output.take(&stream.finish().map_err(|e| unmaskable(&e))?)?;
        places += output.finish();
        if !output.is_read {
            break;
        }
    }
    Ok(if args.check && places > 0 { Exit::Faults } else { Exit::Done })
}

/// Where a file's masked text, its places and its count go.
struct Output<'a> {
    args: &'a Mask,
    json: bool,
    name: String,
    kinds: BTreeMap<&'static str, u64>,
    /// Whether somebody still reads what is printed.
    is_read: bool,
}

impl Output<'_> {
    fn take(&mut self, masked: &Masked) -> std::io::Result<bool> {
        for span in &masked.spans {
            *self.kinds.entry(span.class.name()).or_default() += 1;
            if self.json {
                let mut line = json!({ "file": self.name });
                if let (Some(line), Ok(serde_json::Value::Object(span))) =
                    (line.as_object_mut(), serde_json::to_value(span))
                {
                    line.extend(span);
                }
                terminal::line(line);
            }
        }
        if !self.json && !self.args.check && !masked.text.is_empty() {
            let mut out = std::io::stdout().lock();
            let written = out.write_all(masked.text.as_bytes()).and_then(|()| out.flush());
            self.is_read = terminal::unless_closed(written)?;
        }
        Ok(self.is_read)
    }

    /// Says what came together; the number of places.
    fn finish(&self) -> u64 {
        let places: u64 = self.kinds.values().sum();
        if self.json {
            terminal::line(json!({ "file": self.name, "places": places, "kinds": self.kinds }));
        } else if self.args.check && places > 0 {
            let kinds: Vec<String> =
                self.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            terminal::line(format_args!("{}: {}", self.name, kinds.join(", ")));
        }
        places
    }
}

/// Reads a file in parts that cut no character, until the end or until `take` has enough.
///
/// # Errors
/// It cannot be read, is no UTF-8, or `take` fails.
fn each_part(
    file: &Path,
    unreadable: &dyn Fn(std::io::Error) -> Failure,
    mut take: impl FnMut(&str) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let mut input: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => Box::new(File::open(file).map_err(unreadable)?),
    };
    let no_text = || {
        Failure::new(Exit::Faults, format!("{} is no text in UTF-8", file.display()))
            .hint("what cannot be read cannot be masked; turn it into UTF-8 first, such as with iconv")
    };
    let mut bytes = vec![0; READ_BYTES];
    let mut held = 0;
    loop {
        let more = input.read(&mut bytes[held..]).map_err(unreadable)?;
        let end = held + more;
        let (text, rest) = match std::str::from_utf8(&bytes[..end]) {
            Ok(text) => (text, 0),
            // a character that goes on in the next part
            Err(error) if error.error_len().is_none() && more > 0 => {
                let text = std::str::from_utf8(&bytes[..error.valid_up_to()]).map_err(|_| no_text())?;
                (text, end - error.valid_up_to())
            }
            Err(_) => return Err(no_text()),
        };
        if !text.is_empty() && !take(text)? {
            return Ok(());
        }
        if more == 0 {
            return Ok(());
        }
        bytes.copy_within(end - rest..end, 0);
        held = rest;
    }
}
