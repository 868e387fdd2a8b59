//! The one binary: configuration, wiring, CLI, exit codes.
fn main() {}
