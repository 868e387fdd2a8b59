//! Rules over events to findings
