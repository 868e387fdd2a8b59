//! Who may decide that an action is applied: the one table, as a function.
//!
//! By itself the product contains only what disturbs little, is surely meant, is said by a source that is
//! authoritative, and ends by itself. A report alone never applies anything. All else is for people, and what disturbs
//! much or cannot be taken back is for two of them.

use crate::impact::{Impact, Reversibility};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// How sure it is that the finding is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Not above what the rule or the model is wrong in often.
    Low,
    /// In between.
    Medium,
    /// The rule is stable and its false positives are within budget.
    High,
}

impl Confidence {
    /// From least to most.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];
}

/// What calls for the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// A report, and nothing else.
    ReportAlone,
    /// A finding that no authoritative source stands behind.
    Uncorroborated,
    /// A finding of an authoritative source, or one that such a source corroborates.
    Corroborated,
}

impl Signal {
    /// From weakest to strongest.
    pub const ALL: [Self; 3] = [Self::ReportAlone, Self::Uncorroborated, Self::Corroborated];
}

/// How the reporter has done so far, where a report has a part in it; those without a report count as regular.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReporterTier {
    /// Known for what was fabricated: automation waits for people.
    Watched,
    /// New, or anonymous.
    Newcomer,
    /// Known.
    Regular,
    /// Known to be right.
    Trusted,
}

impl ReporterTier {
    /// From least trusted to most.
    pub const ALL: [Self; 4] = [Self::Watched, Self::Newcomer, Self::Regular, Self::Trusted];
}

/// Everything that the decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// What it may do.
    pub impact: Impact,
    /// Whether it can be taken back.
    pub reversibility: Reversibility,
    /// How sure it is.
    pub confidence: Confidence,
    /// What calls for it.
    pub signal: Signal,
    /// Whether it is taken back by itself after a time.
    pub has_ttl: bool,
    /// Who reported, if somebody did.
    pub reporter: ReporterTier,
}

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Applied at once.
    Automatic,
    /// People other than who asked for it, this many.
    Approval {
        /// How many.
        people: u8,
    },
}

/// Decides.
pub const fn decide(question: &Question) -> Decision {
    let Question { impact, reversibility, confidence, signal, has_ttl, reporter } = question;
    // who is signed out signs in again: that ends by itself too
    let ends = match reversibility {
        Reversibility::Reversible => *has_ttl,
        Reversibility::Compensable => true,
        Reversibility::Irreversible => false,
    };
    let automatic = matches!(impact, Impact::Low)
        && matches!(confidence, Confidence::High)
        && matches!(signal, Signal::Corroborated)
        && ends
        && !matches!(reporter, ReporterTier::Watched);
    if automatic {
        return Decision::Automatic;
    }
    let is_grave = matches!(impact, Impact::High) || matches!(reversibility, Reversibility::Irreversible);
    Decision::Approval { people: if is_grave { 2 } else { 1 } }
}

/// Every question there is.
pub fn questions() -> impl Iterator<Item = Question> {
    Impact::ALL.into_iter().flat_map(|impact| {
        Reversibility::ALL.into_iter().flat_map(move |reversibility| {
            Confidence::ALL.into_iter().flat_map(move |confidence| {
                Signal::ALL.into_iter().flat_map(move |signal| {
                    [false, true].into_iter().flat_map(move |has_ttl| {
                        ReporterTier::ALL.into_iter().map(move |reporter| Question {
                            impact,
                            reversibility,
                            confidence,
                            signal,
                            has_ttl,
                            reporter,
                        })
                    })
                })
            })
        })
    })
}

/// The table as a page of the reference, rows that differ in nothing but the reporter put together.
pub fn page() -> String {
    let mut page = String::from(
        "# Who decides that an action is applied\n\nGenerated from `crates/respond/src/decision.rs`; a test holds it. \
         *Automatic* is applied at once and told; all else waits for people other than who asked for it.\n\n\
         | impact | can be taken back | confidence | called for by | taken back by itself | reporter | decides |\n\
         |---|---|---|---|---|---|---|\n",
    );
    let all: Vec<Question> = questions().collect();
    for rows in all.chunk_by(|a, b| Question { reporter: b.reporter, ..*a } == *b) {
        for alike in rows.chunk_by(|a, b| decide(a) == decide(b)) {
            let Some(first) = alike.first() else { continue };
            let reporters: Vec<_> = alike.iter().map(|row| reporter_name(row.reporter)).collect();
            let reporter =
                if alike.len() == ReporterTier::ALL.len() { "any".into() } else { reporters.join(", ") };
            // a write to a string cannot fail
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} | {reporter} | {} |",
                first.impact.as_str(),
                first.reversibility.as_str(),
                format!("{:?}", first.confidence).to_lowercase(),
                signal_name(first.signal),
                if first.has_ttl { "yes" } else { "no" },
                match decide(first) {
                    Decision::Automatic => "**automatic**".to_owned(),
                    Decision::Approval { people: 1 } => "one person".to_owned(),
                    Decision::Approval { people } => format!("{people} people"),
                }
            );
        }
    }
    page
}

const fn reporter_name(tier: ReporterTier) -> &'static str {
    match tier {
        ReporterTier::Watched => "watched",
        ReporterTier::Newcomer => "newcomer",
        ReporterTier::Regular => "regular",
        ReporterTier::Trusted => "trusted",
    }
}

const fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::ReportAlone => "a report alone",
        Signal::Uncorroborated => "a finding",
        Signal::Corroborated => "an authoritative source",
    }
}
