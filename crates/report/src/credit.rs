//! Credit: whom to thank. Opt-in, for what reports were worth, not for how many there were, and it fades.
//!
//! **Invariant:** nobody is named who did not ask for it, and nobody without a name that they chose.
//!
//! **Invariant:** many small reports never outweigh a few good ones: of one person's reports the n-th best counts
//! [`NEXT_BEST`]ⁿ of what the best counts, so the sum stays below five times the best.

use model::Severity;
use serde::{Deserialize, Serialize};

/// What the next best report counts of the one before.
pub const NEXT_BEST: f64 = 0.8;
/// In what time a report's worth halves: 180 days.
pub const HALF_LIFE_MS: i64 = crate::reputation::HALF_LIFE_MS;
/// Longest name to show, in characters.
pub const DISPLAY_NAME_CHARS_MAX: usize = 40;

/// An accepted or merged report, as far as credit goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditEntry {
    /// When it was decided, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The severity of what came of it.
    pub severity: Severity,
    /// Whether it was the first on its incident.
    pub first: bool,
    /// Whether telemetry bore it out.
    pub telemetry_match: bool,
}

impl CreditEntry {
    /// Between 0 and 1: severity a half, being first three tenths, telemetry two.
    pub fn worth(&self) -> f64 {
        let severity = f64::from(self.severity.ocsf_id()) / 5.0;
        0.5 * severity + if self.first { 0.3 } else { 0.0 } + if self.telemetry_match { 0.2 } else { 0.0 }
    }
}

/// What a person's reports were worth, as of now.
pub fn score(entries: &[CreditEntry], now_ms: i64) -> f64 {
    let faded = |entry: &CreditEntry| {
        let age_ms = now_ms.saturating_sub(entry.at_ms).max(0);
        entry.worth() * (-(age_ms as f64) / HALF_LIFE_MS as f64).exp2()
    };
    let mut worths: Vec<f64> = entries.iter().map(faded).collect();
    worths.sort_by(|a, b| b.total_cmp(a));
    worths.iter().rev().fold(0.0, |sum, worth| worth + NEXT_BEST * sum)
}

/// A person and what they chose.
#[derive(Debug, Clone)]
pub struct Creditor<'a> {
    /// The name to show, if any.
    pub display_name: Option<&'a str>,
    /// Whether they want to be shown.
    pub shown: bool,
    /// Their accepted reports.
    pub entries: &'a [CreditEntry],
}

/// A line of the list of thanks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Credit {
    /// The name that the person chose.
    pub display_name: String,
    /// [`score`], to one decimal: enough to thank, too little to race.
    pub score: f64,
}

/// Whom to thank, the most first, then by name.
pub fn thanks(creditors: &[Creditor<'_>], now_ms: i64) -> Vec<Credit> {
    let shown = creditors.iter().filter(|creditor| creditor.shown && !creditor.entries.is_empty());
    let mut credits: Vec<Credit> = shown
        .filter_map(|creditor| {
            let display_name = display_name(creditor.display_name?).ok()?;
            let score = (score(creditor.entries, now_ms) * 10.0).round() / 10.0;
            (score > 0.0).then_some(Credit { display_name, score })
        })
        .collect();
    credits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.display_name.cmp(&b.display_name)));
    credits
}

/// A name cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name to show is one line of 1 to {DISPLAY_NAME_CHARS_MAX} characters, without an address or control characters"
)]
pub struct DisplayNameError;

/// The name as it is shown: trimmed, spaces joined.
///
/// # Errors
/// It is empty, too long, looks like an address, or turns text around.
pub fn display_name(name: &str) -> Result<String, DisplayNameError> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let turns = |c: char| matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    let is_odd = |c: char| c.is_control() || turns(c) || matches!(c, '<' | '>' | '@' | '/' | '\\');
    let chars = name.chars().count();
    if chars == 0 || chars > DISPLAY_NAME_CHARS_MAX || name.chars().any(is_odd) {
        return Err(DisplayNameError);
    }
    Ok(name)
}
