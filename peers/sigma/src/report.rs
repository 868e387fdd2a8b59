//! The tables, for the terminal and for the documents.

use std::path::Path;

use crate::Failure;
use crate::agreement::{Agreement, Comparison};
use crate::measure::Measurement;
use crate::workload::{Contender, Row};

const BEGIN: &str = "<!-- sigma beside its peer: written by `cargo xtask bench --sigma --write` -->\n";
const END: &str = "<!-- end of sigma beside its peer -->\n";

fn row_of(one: &Measurement) -> &'static str {
    Row::named(&one.row).map_or("", Row::title)
}

fn contender_of(one: &Measurement) -> &'static str {
    Contender::named(&one.contender).map_or("", Contender::title)
}

fn mib(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / f64::from(1 << 20))
}

/// One measurement as it comes in.
pub(crate) fn line(one: &Measurement) -> String {
    format!(
        "{}: {}: {} rules ({} refused), {:.0} events/s, matching alone {:.0}, {} hits in {} events, load {:.0} ms, rules {} MiB",
        row_of(one),
        contender_of(one),
        one.rules,
        one.refused.len(),
        one.events_per_s,
        one.matched_per_s(),
        one.hits,
        one.events,
        one.load_ms,
        mib(one.rules_bytes),
    )
}

/// How many times as many events ours does as this one, used in the same way.
fn ratio(measured: &[Measurement], one: &Measurement) -> String {
    let contender = Contender::named(&one.contender);
    if contender.is_none_or(Contender::is_ours) {
        return String::new();
    }
    let beside =
        if contender == Some(Contender::PeerRouted) { Contender::OursRouted } else { Contender::Ours };
    let ours = measured.iter().find(|ours| ours.row == one.row && ours.contender == beside.name());
    ours.map_or_else(String::new, |ours| format!("{:.1}×", ours.events_per_s / one.events_per_s))
}

/// Every measurement, and how the matches compare.
pub(crate) fn table(measured: &[Measurement], agreement: &Agreement) -> String {
    let mut out = String::from(
        "| rules and events | engine | rules | events/s per core | ours to it | matching alone | hits | matches beside ours | load, ms | rules, MiB | peak, MiB |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for one in measured {
        let compared = agreement.comparisons.iter().find(|c| one.is_of(c.row, c.contender));
        out.push_str(&format!(
            "| {} | {} | {} | {:.0} | {} | {:.0} | {} | {} | {:.0} | {} | {} |\n",
            row_of(one),
            contender_of(one),
            one.rules,
            one.events_per_s,
            ratio(measured, one),
            one.matched_per_s(),
            one.hits,
            compared.map_or_else(String::new, Comparison::words),
            one.load_ms,
            mib(one.rules_bytes),
            mib(one.peak_bytes),
        ));
    }
    out
}

/// Puts the measurements and the page of disagreements into the documents.
pub(crate) fn write(
    measured: &[Measurement],
    agreement: &Agreement,
    repository: &Path,
) -> Result<(), Failure> {
    let path = repository.join("docs/reference/measurements.md");
    let page = std::fs::read_to_string(&path)?;
    let sizes = |row: Row| {
        measured
            .iter()
            .find(|one| one.row == row.name())
            .map_or((0, 0), |one| (one.distinct_events, one.events))
    };
    let ((windows, windows_pass), (cloudtrail, cloudtrail_pass)) = (sizes(Row::Windows), sizes(Row::Cloud));
    let section = format!(
        "{BEGIN}\nOne thread; user CPU time by getrusage(2), the median of up to five passes; each engine in a process of its own,\n\
         with the same allocator. *events/s* is from the bytes of an event to the ids of its rules, so it includes each\n\
         engine's parser; *matching alone* is that less the time of parsing. Buffers and memories are empty at the\n\
         beginning of a pass. Windows: {windows} visible events (EVTX, OTRF), repeated to {windows_pass}; CloudTrail: {cloudtrail} records,\n\
         repeated to {cloudtrail_pass}. *Matches beside ours* counts pairs of rule and event over the distinct events.\n\n{}\n{END}",
        table(measured, agreement)
    );
    let page = match (page.find(BEGIN), page.find(END)) {
        (Some(begin), Some(end)) => format!("{}{section}{}", &page[..begin], &page[end + END.len()..]),
        _ => format!("{}\n\n## Sigma matching beside its peer\n\n{section}", page.trim_end()),
    };
    std::fs::write(path, page)?;
    std::fs::write(repository.join("docs/reference/sigma-agreement.md"), agreement.page())?;
    Ok(())
}
