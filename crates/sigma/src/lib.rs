//! The Sigma language: compile, match; pure
