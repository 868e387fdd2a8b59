//! Masking: what in a text is personal or secret, and the text without it.
//!
//! Reports of people are masked before they leave the reporter's machine, and once more where they arrive. So there is
//! one set of detectors, `content/privacy/detectors.yaml`, and two readers of it: this crate, and `web/src/privacy` in the
//! browser. Tests hold them to the same spans.
//!
//! The cast, in the order in which a text meets them:
//! - [`Detectors`] is that file, read and checked: patterns in the subset that both languages read alike.
//! - [`Masker`] is made of it once and masks any number of texts. It looks at a [view](view) of the text in which what is
//!   masked already is one character, and looks again until nothing more is found.
//! - [`Stream`] masks what comes in parts and may be longer than memory.
//! - [`check`] judges what a pattern found: check digits, ranges, what stands around it. [`names`] finds people, which no
//!   pattern does.
//! - [`Masked`] is the text with placeholders such as `[email 1]` (the same value has the same number), and a [`Span`] for
//!   each place.
//! - [`measure`] holds what was masked against texts with labels.
//! - [`vectors`] reads the cases beside the detectors that both readers must agree on.
//!
//! **Invariant:** masking what was masked changes nothing, and no detector finds anything in it.
//!
//! **Invariant:** spans do not overlap, are in order and cut no character.
//!
//! **Invariant:** the result is a function of the text and of the detectors. A text past [`limits::TEXT_BYTES_MAX`] is
//! refused, never passed through.

mod address;
mod card;
mod character;
pub mod check;
mod class;
mod context;
mod detectors;
mod error;
mod identity_number;
pub mod limits;
mod masker;
pub mod measure;
pub mod names;
mod pattern;
mod phone;
mod placeholder;
pub mod reference;
mod secret;
mod stream;
pub mod vectors;
pub mod view;

pub use class::{Class, Confidence};
pub use detectors::{ClassLabel, Context, Detector, Detectors, NameWords};
pub use error::{DetectorsError, MaskError};
pub use masker::{Masked, Masker, Span};
pub use stream::Stream;
