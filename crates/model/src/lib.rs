//! The nouns of Hue & Cry, their typed ids and the clock. No I/O.

mod position;

pub use position::{Offset, ParsePositionError, Partition, Position, Topic};
