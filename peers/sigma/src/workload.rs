//! The rows of the comparison: which rules, which events, which ways of running them.

use std::io::Write;
use std::path::Path;

use crate::Failure;
use crate::corpus::{self, RuleFile};

/// Events of a pass; the visible ones are repeated up to it.
const EVENTS_MIN: usize = 25_000;
const EVERY_FOLDER: &[&str] =
    &["rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance", "rules-placeholder"];

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Row {
    /// Every Windows rule, on the events that its logsource means.
    Windows,
    /// Windows rules whose logsource was turned into equalities on Channel and EventID: nothing routes.
    Lowered,
    /// Cloud, application and identity rules on CloudTrail.
    Cloud,
    /// Every rule on CloudTrail.
    All,
}

impl Row {
    pub(crate) const ALL: &[Row] = &[Row::Windows, Row::Lowered, Row::Cloud, Row::All];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Row::Windows => "windows",
            Row::Lowered => "lowered",
            Row::Cloud => "cloud",
            Row::All => "all",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|row| row.name() == name)
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Row::Windows => "Windows rules, by logsource",
            Row::Lowered => "Windows rules lowered to Channel and EventID",
            Row::Cloud => "cloud, application and identity rules on CloudTrail",
            Row::All => "all rules on CloudTrail",
        }
    }

    /// The events' file in the folder of the run.
    fn events(self) -> &'static str {
        match self {
            Row::Windows | Row::Lowered => "windows.ndjson",
            Row::Cloud | Row::All => "cloudtrail.ndjson",
        }
    }

    pub(crate) fn contenders(self) -> &'static [Contender] {
        use Contender::*;
        match self {
            Row::Windows => &[Ours, PeerPerLogsource, PeerPerLogsourceBloom, PeerPruned, Peer],
            Row::Lowered => &[Ours, Peer, PeerBloom, PeerAutomaton, PeerWithoutChannel],
            Row::Cloud | Row::All => &[Ours, OursRouted, Peer, PeerBloom, PeerAutomaton, PeerRouted],
        }
    }

    /// The two whose matches must be equal: both ask the same rules of the same events.
    pub(crate) fn compared(self) -> [Contender; 2] {
        match self {
            Row::Windows => [Contender::Ours, Contender::PeerPerLogsource],
            Row::Lowered | Row::Cloud | Row::All => [Contender::Ours, Contender::Peer],
        }
    }
}

/// An engine and the way it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Contender {
    Ours,
    OursRouted,
    Peer,
    PeerBloom,
    PeerAutomaton,
    PeerPruned,
    PeerRouted,
    PeerPerLogsource,
    PeerPerLogsourceBloom,
    PeerWithoutChannel,
}

// tidy: table
const CONTENDERS: &[(Contender, &str, &str)] = &[
    (Contender::Ours, "ours", "ours"),
    (Contender::OursRouted, "ours-routed", "ours, by logsource"),
    (Contender::Peer, "peer", "rsigma-eval"),
    (Contender::PeerBloom, "peer-bloom", "rsigma-eval, Bloom prefilter"),
    (Contender::PeerAutomaton, "peer-automaton", "rsigma-eval, cross-rule automaton"),
    (Contender::PeerPruned, "peer-pruned", "rsigma-eval, its logsource pruning"),
    (Contender::PeerRouted, "peer-routed", "rsigma-eval, its logsource filter"),
    (Contender::PeerPerLogsource, "peer-per-logsource", "rsigma-eval, an engine for each of our routes"),
    (Contender::PeerPerLogsourceBloom, "peer-per-logsource-bloom", "the same, Bloom prefilter"),
    (Contender::PeerWithoutChannel, "peer-without-channel", "rsigma-eval, Channel taken out of the rules"),
];

impl Contender {
    pub(crate) fn name(self) -> &'static str {
        CONTENDERS.iter().find(|(one, ..)| *one == self).map_or("", |(_, name, _)| name)
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        CONTENDERS.iter().find(|(_, known, _)| *known == name).map(|(one, ..)| *one)
    }

    pub(crate) fn title(self) -> &'static str {
        CONTENDERS.iter().find(|(one, ..)| *one == self).map_or("", |(.., title)| title)
    }

    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Contender::Ours | Contender::OursRouted)
    }
}

/// Rules and events of one run.
pub(crate) struct Workload {
    pub(crate) row: Row,
    pub(crate) contender: Contender,
    pub(crate) rules: Vec<RuleFile>,
    /// Each event once.
    pub(crate) events: Vec<Vec<u8>>,
    /// How often a pass goes through them.
    pub(crate) repeats: usize,
}

impl Workload {
    pub(crate) fn read(row: Row, contender: Contender, folder: &Path) -> Result<Self, Failure> {
        let sigma = std::path::PathBuf::from(std::fs::read_to_string(folder.join("sigma"))?);
        let mut rules = match row {
            Row::Windows => corpus::sigma_rules(&sigma, EVERY_FOLDER),
            Row::Lowered => corpus::sigma_rules(&folder.join("lowered"), &["."]),
            Row::Cloud => {
                corpus::sigma_rules(&sigma, &["rules/cloud", "rules/application", "rules/identity"])
            }
            Row::All => corpus::sigma_rules(&sigma, EVERY_FOLDER),
        };
        rules.retain(|(_, text)| row != Row::Windows || text.contains("product: windows"));
        for (_, text) in &mut rules {
            match (row, contender) {
                (Row::Windows, _) | (_, Contender::OursRouted | Contender::PeerRouted) => {}
                (Row::Lowered, Contender::PeerWithoutChannel) => {
                    *text = without_channel(&for_source(text, "product: windows"))
                }
                (Row::Lowered, _) => *text = for_source(text, "product: windows"),
                (Row::Cloud | Row::All, _) => *text = for_source(text, "product: aws"),
            }
        }
        let text = std::fs::read(folder.join(row.events()))?;
        let events: Vec<_> =
            text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
        let repeats = EVENTS_MIN.div_ceil(events.len().max(1));
        Ok(Workload { row, contender, rules, events, repeats })
    }
}

/// The rule with another logsource, so that an engine that routes tries it on every event of the row.
fn for_source(text: &str, source: &str) -> String {
    let (mut out, mut is_within) = (String::with_capacity(text.len()), false);
    for line in text.lines() {
        let is_top = !line.starts_with([' ', '\t', '#']) && !line.is_empty();
        is_within &= !is_top;
        if line.starts_with("logsource:") {
            is_within = true;
            out.push_str(&format!("logsource:\n    {source}\n"));
        } else if !is_within {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// The lowered rule without its equality on the channel, a line or a list; a selection of nothing else keeps it.
fn without_channel(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(line) = lines.get(at) {
        let is_member = |next: &&&str| {
            indent(next) > indent(line)
                || (indent(next) == indent(line) && next.trim_start().starts_with("- "))
        };
        let members = lines[at + 1..].iter().take_while(is_member).count();
        let is_channel = line.trim_start().starts_with("Channel:");
        let opens = at > 0 && lines[at - 1].ends_with(':') && indent(lines[at - 1]) < indent(line);
        let closes = lines.get(at + 1 + members).is_none_or(|next| indent(next) < indent(line));
        if is_channel && !(opens && closes) {
            at += members;
        } else {
            out.push_str(line);
            out.push('\n');
        }
        at += 1;
    }
    out
}

/// Writes the events of all rows and the lowered rules into the folder of the run.
pub(crate) fn prepare(data: &Path, folder: &Path) -> Result<(), Failure> {
    std::fs::write(folder.join("sigma"), data.join("sigma").to_string_lossy().as_bytes())?;
    for (name, events) in [
        ("windows.ndjson", corpus::windows_events(data)),
        ("cloudtrail.ndjson", corpus::cloudtrail_events(data)),
    ] {
        let mut file = std::io::BufWriter::new(std::fs::File::create(folder.join(name))?);
        for event in events {
            serde_json::to_writer(&mut file, &event)?;
            file.write_all(b"\n")?;
        }
        file.flush()?;
    }
    let archive = std::fs::File::open(data.join("sigma-lowered/rules.tar.zst"))?;
    tar::Archive::new(zstd::Decoder::new(archive)?).unpack(folder)?;
    Ok(())
}
