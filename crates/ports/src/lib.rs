//! Small capability traits, each with one conformance suite that every backend runs
