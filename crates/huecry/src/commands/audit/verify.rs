//! `huecry audit verify`: judges a copy or an evidence pack, without a server.

use crate::exit::{Exit, Failure};
use crate::terminal;
use audit::PublicKey;
use audit::verify::{Kept, Report, is_pack, read_folder, read_zip, verify, verify_pack};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Judges `path`; [`Exit::Tampered`] where anything is not as it was signed.
pub(in crate::commands) fn run(
    path: &Path,
    key: &str,
    checkpoints: &[PathBuf],
    json: bool,
) -> Result<Exit, Failure> {
    let key: PublicKey = key.parse().map_err(|e| Failure::new(Exit::Usage, e))?;
    let mut kept = Vec::new();
    for file in checkpoints {
        let note = std::fs::read_to_string(file).map_err(|e| unreadable(file, &e))?;
        kept.push(Kept { place: file.display().to_string(), note });
    }
    let report = judge(path, &key, &kept).map_err(|e| unreadable(path, &e))?;
    if json {
        terminal::line(serde_json::to_string(&report).map_err(|e| Failure::new(Exit::Faults, e))?);
    } else {
        tell(&report);
    }
    if kept.is_empty() && !json && report.is_clean() {
        terminal::note(
            "without a checkpoint kept elsewhere, a log that was cut short or forked as a whole is not seen",
        );
    }
    Ok(if report.is_clean() { Exit::Done } else { Exit::Tampered })
}

fn judge(path: &Path, key: &PublicKey, kept: &[Kept]) -> std::io::Result<Report> {
    if path.is_file() {
        return Ok(verify_pack(&read_zip(File::open(path)?)?, key, kept));
    }
    if is_pack(path) {
        return Ok(verify_pack(&read_folder(path)?, key, kept));
    }
    verify(path, key, kept)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("{}: {error}", path.display()))
        .hint("name the folder of `huecry audit export`, or the .zip of `huecry audit pack`")
}

fn tell(report: &Report) {
    terminal::line(format_args!(
        "{} records, {} values erased, {} withheld, {} checkpoints compared, signed up to {} UTC",
        report.records,
        report.erased_values,
        report.withheld_values,
        report.checkpoints,
        report.signed_at_ms.map_or_else(|| "-".to_owned(), terminal::time)
    ));
    for finding in &report.findings {
        terminal::line(format_args!("{}: {}: {}", finding.code.as_str(), finding.place, finding.detail));
    }
    let more = report.findings_total - report.findings.len() as u64;
    if more > 0 {
        terminal::line(format_args!("and {more} more"));
    }
    if report.is_clean() {
        terminal::line("as it was signed");
    } else {
        terminal::line(format_args!("TAMPERED: {} findings", report.findings_total));
    }
}
