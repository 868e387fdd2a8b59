//! What automation may do with a report, by who sent it and what speaks for it. A function of few values, tested on all of them.
//!
//! **Invariant:** every report reaches a person, whatever else holds.
//!
//! **Invariant:** no report alone makes anything be done to a system: [`Allowed::may_act`] is false in every row.
//!
//! **Invariant:** nothing is accepted by automation that a person of record did not send, that telemetry does not bear out, or that
//! may be of a ring.

use crate::reputation::Tier;
use model::Severity;
use serde::Serialize;

/// Who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReporterKind {
    /// Nobody with a name.
    Anonymous,
    /// A person with an account.
    Person,
    /// A token.
    Token,
}

impl ReporterKind {
    /// All.
    pub const ALL: [Self; 3] = [Self::Anonymous, Self::Person, Self::Token];
}

/// What is known of a report when it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Case {
    /// Who sent it.
    pub reporter: ReporterKind,
    /// Their standing in the form's category; whoever has no name is a newcomer.
    pub tier: Tier,
    /// [`crate::provenance::Vector::channel_strength`].
    pub channel_strength: u8,
    /// Another reporter says the same.
    pub corroborated: bool,
    /// Telemetry says the same.
    pub telemetry_match: bool,
    /// A ring may be at work on the service ([`crate::ring`]).
    pub ring: bool,
    /// It is past its sender's rate ([`crate::rate`]).
    pub rate_held: bool,
}

impl Case {
    /// Every case there is.
    pub fn all() -> impl Iterator<Item = Self> {
        const BOTH: [bool; 2] = [false, true];
        ReporterKind::ALL.into_iter().flat_map(|reporter| {
            Tier::ALL.into_iter().flat_map(move |tier| {
                (0..=crate::provenance::CHANNEL_STRENGTH_MAX).flat_map(move |channel_strength| {
                    (0..16_usize).map(move |bits| Self {
                        reporter,
                        tier,
                        channel_strength,
                        corroborated: BOTH[bits & 1],
                        telemetry_match: BOTH[bits >> 1 & 1],
                        ring: BOTH[bits >> 2 & 1],
                        rate_held: BOTH[bits >> 3 & 1],
                    })
                })
            })
        })
    }
}

/// What may be done with it before a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Allowed {
    /// Always.
    pub reaches_person: bool,
    /// Accept it, so that it becomes a finding at once, where the installation wants that.
    pub may_accept: bool,
    /// The gravest finding that it makes by itself.
    pub severity_max: Severity,
    /// Never: a report does not touch systems.
    pub may_act: bool,
}

/// The table.
pub fn allowed(case: &Case) -> Allowed {
    let anonymous = case.reporter == ReporterKind::Anonymous;
    let tier = if anonymous { Tier::Newcomer } else { case.tier };
    // whoever claims more than the channel proves is taken for what it proves
    let is_of_record = !anonymous && case.channel_strength >= 2;
    let is_calm = !case.ring && !case.rate_held;
    let severity_max = match (is_of_record, tier) {
        _ if case.ring && !case.telemetry_match => Severity::Medium,
        (false, _) | (_, Tier::Watched) if !case.telemetry_match => Severity::Medium,
        (false, _) | (_, Tier::Watched) => Severity::High,
        (true, Tier::Newcomer) => Severity::High,
        (true, Tier::Regular | Tier::Trusted) => Severity::Critical,
    };
    Allowed {
        reaches_person: true,
        may_accept: is_of_record && tier == Tier::Trusted && case.telemetry_match && is_calm,
        severity_max,
        may_act: false,
    }
}
