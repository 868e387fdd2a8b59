//! What a reporter's ledger says: from rows as they are kept to the reputation that the rules make of them.

use crate::reputation::{Entry, Outcome, Reputation, Tier};
use model::LedgerEntry;

/// The rows as the rules read them. What an appeal took back is not among the rows any more.
pub fn ledger_entries(ledger: &[LedgerEntry]) -> Vec<Entry> {
    let outcome = |entry: &LedgerEntry| match (entry.weight, entry.outcome) {
        (1.., model::Outcome::Merged) => Outcome::Merged,
        (1.., _) => Outcome::Accepted,
        (..=-1, _) => Outcome::CountedAgainst,
        (0, _) => Outcome::Neutral,
    };
    let entry =
        |row: &LedgerEntry| Entry::new(row.report.to_string(), row.category.clone(), outcome(row), row.at_ms);
    ledger.iter().map(entry).collect()
}

/// The reputation in one category (the form's type).
pub fn reputation_of(ledger: &[LedgerEntry], category: &str, now_ms: i64) -> Reputation {
    let rows: Vec<LedgerEntry> = ledger.iter().filter(|row| row.category == category).cloned().collect();
    Reputation::of(&ledger_entries(&rows), now_ms)
}

/// The tier as reports keep it.
pub(crate) const fn kept(tier: Tier) -> model::Tier {
    match tier {
        Tier::Watched => model::Tier::Watched,
        Tier::Newcomer => model::Tier::Newcomer,
        Tier::Regular => model::Tier::Regular,
        Tier::Trusted => model::Tier::Trusted,
    }
}
