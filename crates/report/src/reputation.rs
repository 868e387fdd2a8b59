//! Reputation: what a reporter's decided reports say about the next one, with how sure that is.
//!
//! A ledger of outcomes by reporter and category (the form's type). Accepted and merged reports count for, reports declined
//! as spam or made up count against, everything else counts nothing. Each fades by half in [`HALF_LIFE_MS`]. With
//! a uniform prior the reputation is Beta(1 + for, 1 + against): its mean, and the interval that holds it with 90 %.
//! `docs/reference/reputation.md` is the formula with worked examples that a test checks.
//!
//! It changes what automation may do and how many reports an hour go the short way, never whether a person reads one
//! ([`crate::decision_table`], [`crate::rate`]).
//!
//! **Invariant:** the mean is within the interval, the interval within (0, 1).
//!
//! **Invariant:** one more outcome for never lowers any of the three, one more against never raises any.
//!
//! **Invariant:** the order of entries changes nothing, not a bit. A decision that is overturned leaves exactly what the other
//! decision would have left.

use crate::beta;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// In what time an outcome's weight halves: 180 days.
pub const HALF_LIFE_MS: i64 = 180 * 24 * 60 * 60 * 1000;
/// Outcomes that count, below which a reporter is a newcomer whatever they were.
pub const NEWCOMER_OUTCOMES: usize = 3;
/// Lower bound from which a reporter is trusted.
pub const TRUSTED_LOW_MIN: f64 = 0.7;
/// Upper bound down from which a reporter is watched.
pub const WATCHED_HIGH_MAX: f64 = 0.4;
/// Share of the distribution below the interval, and above it.
const TAIL: f64 = 0.05;

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It became a finding.
    Accepted,
    /// It joined an incident.
    Merged,
    /// It was declined for a reason that counts against the reporter.
    CountedAgainst,
    /// It was declined for another reason, or taken back.
    Neutral,
}

impl Outcome {
    /// +1 for, −1 against, 0 neither.
    pub const fn sign(self) -> i8 {
        match self {
            Self::Accepted | Self::Merged => 1,
            Self::CountedAgainst => -1,
            Self::Neutral => 0,
        }
    }

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Merged => "merged",
            Self::CountedAgainst => "counted_against",
            Self::Neutral => "neutral",
        }
    }
}

/// A row of the ledger. Rows are only added: an appeal that overturns adds a row of a higher revision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// The report's id.
    pub report: String,
    /// The form's type.
    pub category: String,
    /// Of a report's rows only the one of the highest revision counts.
    pub revision: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// When the report was first decided, in milliseconds since the Unix epoch; an overturning row keeps it.
    pub at_ms: i64,
}

impl Entry {
    /// The row of a first decision.
    pub fn new(report: impl Into<String>, category: impl Into<String>, outcome: Outcome, at_ms: i64) -> Self {
        Self { report: report.into(), category: category.into(), revision: 0, outcome, at_ms }
    }

    /// The row that replaces this one after an appeal: as if `outcome` had been decided in the first place.
    #[must_use]
    pub fn overturned(&self, outcome: Outcome) -> Self {
        Self { revision: self.revision.saturating_add(1), outcome, ..self.clone() }
    }
}

/// What automation may assume of a reporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// The interval lies low: what they sent was mostly made up.
    Watched,
    /// Too little is known. Also everybody without a name.
    Newcomer,
    /// Known, and neither trusted nor watched.
    Regular,
    /// The interval lies high.
    Trusted,
}

impl Tier {
    /// From least to most.
    pub const ALL: [Self; 4] = [Self::Watched, Self::Newcomer, Self::Regular, Self::Trusted];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Watched => "watched",
            Self::Newcomer => "newcomer",
            Self::Regular => "regular",
            Self::Trusted => "trusted",
        }
    }

    /// The tier of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == name)
    }
}

/// An entry, and what it adds today.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeighedEntry {
    /// The report's id.
    pub report: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Between −1 and 1; the sign says for or against.
    pub weight: f64,
    /// When it was decided, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// A reporter's standing in one category.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reputation {
    /// Expected share of good reports.
    pub mean: f64,
    /// With 95 % the share is above.
    pub low: f64,
    /// With 95 % the share is below.
    pub high: f64,
    /// What automation may assume.
    pub tier: Tier,
    /// How many outcomes count, whatever their age.
    pub counted: usize,
    /// Why: each report with its weight, newest first.
    pub entries: Vec<WeighedEntry>,
}

impl Reputation {
    /// The standing of somebody of whom nothing is known.
    pub fn unknown() -> Self {
        Self::of(&[], 0)
    }

    /// What the ledger says at `now_ms`. `entries` are one reporter's in one category, in any order.
    pub fn of(entries: &[Entry], now_ms: i64) -> Self {
        let mut entries: Vec<&Entry> = in_force(entries);
        // one order for all: sums of floating point numbers depend on it
        entries.sort_by(|a, b| (b.at_ms, &b.report).cmp(&(a.at_ms, &a.report)));
        let weighed: Vec<WeighedEntry> = entries.into_iter().map(|entry| weighed(entry, now_ms)).collect();
        let sum = |sign: f64| weighed.iter().map(|e| (e.weight * sign).max(0.0)).sum::<f64>();
        let (a, b) = (1.0 + sum(1.0), 1.0 + sum(-1.0));
        let counted = weighed.iter().filter(|entry| entry.outcome.sign() != 0).count();
        let (low, high) = (beta::quantile(TAIL, a, b), beta::quantile(1.0 - TAIL, a, b));
        Self { mean: a / (a + b), low, high, tier: tier_of(counted, low, high), counted, entries: weighed }
    }

    /// The ledger of one reporter, by category.
    pub fn by_category(entries: &[Entry], now_ms: i64) -> BTreeMap<String, Self> {
        let mut by_category: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            by_category.entry(entry.category.clone()).or_default().push(entry.clone());
        }
        by_category.into_iter().map(|(category, entries)| (category, Self::of(&entries, now_ms))).collect()
    }
}

/// Of each report the row of the highest revision; of rows of one revision the least, so that order says nothing.
fn in_force(entries: &[Entry]) -> Vec<&Entry> {
    let mut by_report: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in entries {
        by_report
            .entry(&entry.report)
            .and_modify(|known| {
                let is_later = entry.revision > known.revision;
                if is_later || (entry.revision == known.revision && entry < *known) {
                    *known = entry;
                }
            })
            .or_insert(entry);
    }
    by_report.into_values().collect()
}

fn weighed(entry: &Entry, now_ms: i64) -> WeighedEntry {
    // an entry of the future (a clock was turned back) weighs as one of now
    let age_ms = now_ms.saturating_sub(entry.at_ms).max(0);
    let weight = f64::from(entry.outcome.sign()) * (-(age_ms as f64) / HALF_LIFE_MS as f64).exp2();
    WeighedEntry { report: entry.report.clone(), outcome: entry.outcome, weight, at_ms: entry.at_ms }
}

fn tier_of(counted: usize, low: f64, high: f64) -> Tier {
    if counted < NEWCOMER_OUTCOMES {
        Tier::Newcomer
    } else if low >= TRUSTED_LOW_MIN {
        Tier::Trusted
    } else if high <= WATCHED_HIGH_MAX {
        Tier::Watched
    } else {
        Tier::Regular
    }
}
