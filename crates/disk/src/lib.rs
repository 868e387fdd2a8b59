//! The file system in few verbs, so that a simulated disk can stand in.
//!
//! What must survive a power cut (the log, the lake) is written through [`Disk`]; [`OsDisk`] is the
//! product's, [`simulated::SimDisk`] the tests'.

mod disk;
pub mod simulated;

pub use disk::{Disk, DiskFile, DiskLock, OsDisk, create_dir_durably};
