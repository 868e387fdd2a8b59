//! The nouns of Hue & Cry, their typed ids and the clock. No I/O.

mod field;
mod position;
mod tape;

pub use field::{FieldId, FieldTable};
pub use position::{Offset, ParsePositionError, Partition, Position, Topic};
pub use tape::{
    EventView, Kind, NESTING_DEPTH_MAX, Node, RECORD_VALUES_MAX, Scalar, Tape, TapeError, Values,
};
