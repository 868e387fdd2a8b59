//! What the rest of the product may rely on when it plays Acme.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod play;
mod shapes;
