//! Containments and runs on a real store: their ways, attacks on them, workers that are cut off anywhere.

mod any_run;
mod attacks;
mod aws_way;
mod crashes;
mod crashing;
mod delegating;
pub(crate) mod emulator;
mod fair;
mod having_part;
mod kill;
pub(crate) mod kit;
mod letters;
mod model_check;
mod others_way;
pub(crate) mod playbooks;
mod time_over;
mod ways;
mod workers;
