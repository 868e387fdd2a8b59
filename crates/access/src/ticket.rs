//! Tickets: short texts that this server gives out and knows again, without remembering them.
//!
//! A ticket is what it is about and until when it holds, sealed (see [`Sealer`]) for one purpose. Nobody else can make one,
//! read one or change one, and one purpose's ticket opens nothing of another.

use crate::seal::Sealer;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Clock, Entropy};
use std::sync::Arc;

/// How long a ticket holds, in milliseconds: an hour.
pub const TICKET_MS: i64 = 60 * 60_000;

/// Longest text that is read as a ticket, in bytes.
pub const TICKET_BYTES_MAX: usize = 256;

/// Longest name of what a ticket is about, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 64;

/// What a ticket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A browser in which the receipt of a report is open.
    Receipt,
    /// A matter that a report may be added to, without telling a guest which it is.
    Related,
}

impl Purpose {
    /// What is authenticated beside the ticket; no source can have such a name.
    const fn seal_name(self) -> &'static str {
        match self {
            Self::Receipt => "ticket: receipt",
            Self::Related => "ticket: related",
        }
    }
}

/// A ticket that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The id of what it is about.
    pub subject: String,
    /// Until when it holds, milliseconds since the epoch.
    pub expires_at_ms: i64,
}

/// Why a text is no ticket that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Made by nobody here, for another purpose, or damaged.
    #[error("this was not given out here")]
    NotOurs,
    /// Past its time.
    #[error("this held for an hour and does not any more")]
    Expired,
}

/// Gives tickets and reads them.
#[derive(Clone)]
pub struct Tickets {
    sealer: Sealer,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets")
    }
}

impl Tickets {
    /// Tickets under the key of `sealer`.
    pub fn new(sealer: Sealer, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { sealer, clock, entropy }
    }

    /// A ticket about `subject` that holds for [`TICKET_MS`], in characters that a cookie and an address may have; `None`
    /// when the subject is empty or longer than [`SUBJECT_BYTES_MAX`].
    pub fn give(&self, purpose: Purpose, subject: &str) -> Option<(String, Ticket)> {
        if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX {
            return None;
        }
        let expires_at_ms = self.clock.now_ms().saturating_add(TICKET_MS);
        let plain = [&expires_at_ms.to_be_bytes()[..], subject.as_bytes()].concat();
        let sealed = self.sealer.seal(purpose.seal_name(), &plain, &*self.entropy).ok()?;
        Some((URL_SAFE_NO_PAD.encode(sealed), Ticket { subject: subject.to_owned(), expires_at_ms }))
    }

    /// What a ticket is about.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn read(&self, purpose: Purpose, text: &str) -> Result<Ticket, TicketError> {
        if text.len() > TICKET_BYTES_MAX {
            return Err(TicketError::NotOurs);
        }
        let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| TicketError::NotOurs)?;
        let plain = self.sealer.open(purpose.seal_name(), &sealed).map_err(|_| TicketError::NotOurs)?;
        let (expires, subject) = plain.split_first_chunk::<8>().ok_or(TicketError::NotOurs)?;
        let expires_at_ms = i64::from_be_bytes(*expires);
        if expires_at_ms <= self.clock.now_ms() {
            return Err(TicketError::Expired);
        }
        let subject = std::str::from_utf8(subject).map_err(|_| TicketError::NotOurs)?;
        Ok(Ticket { subject: subject.to_owned(), expires_at_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::KEY_BYTES;
    use model::{ManualClock, SeededEntropy};

    const NOW_MS: i64 = 1_700_000_000_000;

    fn tickets(key: u8) -> (Tickets, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let sealer = Sealer::new(&[key; KEY_BYTES]);
        (Tickets::new(sealer, clock.clone(), Arc::new(SeededEntropy::new(5))), clock)
    }

    #[test]
    fn a_ticket_holds_for_an_hour_for_its_purpose() {
        let (tickets, clock) = tickets(1);
        let (text, given) = tickets.give(Purpose::Receipt, "rep_1").unwrap();
        assert!(!text.contains("rep_1") && text.len() <= TICKET_BYTES_MAX);
        assert_eq!(tickets.read(Purpose::Receipt, &text), Ok(given));
        assert_eq!(tickets.read(Purpose::Related, &text), Err(TicketError::NotOurs));
        clock.advance_ms(TICKET_MS - 1);
        assert!(tickets.read(Purpose::Receipt, &text).is_ok());
        clock.advance_ms(1);
        assert_eq!(tickets.read(Purpose::Receipt, &text), Err(TicketError::Expired));
    }

    #[test]
    fn nobody_else_makes_one() {
        let ((ours, _), (theirs, _)) = (tickets(1), tickets(2));
        let (text, _) = theirs.give(Purpose::Receipt, "rep_1").unwrap();
        assert_eq!(ours.read(Purpose::Receipt, &text), Err(TicketError::NotOurs));
        let (good, _) = ours.give(Purpose::Receipt, "rep_1").unwrap();
        for at in 0..good.len() {
            let mut damaged = good.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).unwrap();
            // the last character has bits that no byte of the ticket is made of; they must be zero
            assert_eq!(ours.read(Purpose::Receipt, &damaged), Err(TicketError::NotOurs), "character {at}");
        }
        for text in ["", "A", "ä", &"A".repeat(TICKET_BYTES_MAX + 1)] {
            assert_eq!(ours.read(Purpose::Receipt, text), Err(TicketError::NotOurs), "{text}");
        }
        assert!(ours.give(Purpose::Receipt, "").is_none());
        assert!(ours.give(Purpose::Receipt, &"x".repeat(SUBJECT_BYTES_MAX + 1)).is_none());
        assert!(ours.give(Purpose::Receipt, &"x".repeat(SUBJECT_BYTES_MAX)).is_some());
    }
}
