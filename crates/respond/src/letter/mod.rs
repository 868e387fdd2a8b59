//! Letters: people are told by e-mail of what waits for them, what was done by itself, and what nobody can tell.
//!
//! | part | does |
//! |---|---|
//! | `occasion` | of which changes people are told; the letter is written in the transaction of the change |
//! | [`Courier`] | finds out who is to be told, and gives a mail for each of them to a server |
//! | `text` | what it says |
//! | `said` | what is said where it reaches nobody |
//!
//! **Invariant:** what people are to be told of is told at least once, or given up, after [`GIVE_UP_MS`] at the latest, and that
//! is said on the incident. A mail that comes twice has the same `Message-ID`.
//!
//! **Invariant:** whom an incident is hidden from is told nothing of it: that is asked when a letter is addressed, and again right
//! before it is sent.
//!
//! **Invariant:** a subject has nothing of a person, a target or an incident in it.

mod courier;
mod occasion;
mod said;
mod text;

pub(crate) use occasion::{of_containment, of_run, of_steps};

pub use courier::{Courier, CourierOptions, Delivered, Delivery, GIVE_UP_MS, RECIPIENTS_MAX, Readers};
