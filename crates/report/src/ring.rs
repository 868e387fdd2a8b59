//! Rings: many reports on one service that look agreed upon rather than seen.
//!
//! An outage makes a burst of reports too, so a burst alone is nothing. It is a ring where a burst comes together with
//! accounts made for it, with texts that are copies, or with people who came together elsewhere before. Then moderators get a
//! notice and automation rests on that service; every report goes on to a person.
//!
//! What is looked at, over the reports of the last [`WINDOW_MS`] on one subject:
//! - the burst: how improbable so many reporters are at the subject's own rate (Poisson), at least [`BURST_REPORTERS_MIN`];
//! - the share of accounts younger than [`NEW_ACCOUNT_MS`], where a reporter without a name counts half;
//! - the share of reports in the largest cluster of texts alike ([`SIMILAR_JACCARD_MIN`], MinHash);
//! - the share of reporters who were in at least [`TOGETHER_MIN`] earlier bursts on other subjects with others of them.
//!
//! **Invariant:** below the burst the score is 0; none of the three alone but its extreme makes a ring.
//!
//! **Invariant:** a ring gives one notice, until its subject was without a burst for a window. What goes on for longer than
//! [`RING_FRESH_MS`] becomes what is usual there.

mod subject;

use crate::similarity::Signature;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use subject::{Gathering, Subject};

/// The time that is looked back.
pub const WINDOW_MS: i64 = 60 * 60 * 1000;
/// Reporters that make a burst at least.
pub const BURST_REPORTERS_MIN: usize = 8;
/// −log10 of the probability from which a burst is one.
pub const BURST_SURPRISE_MIN: f64 = 6.0;
/// An account is new for 7 days.
pub const NEW_ACCOUNT_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Texts are alike from here.
pub const SIMILAR_JACCARD_MIN: f64 = 0.5;
/// Earlier bursts that two reporters must have shared.
pub const TOGETHER_MIN: u32 = 2;
/// A score from here is a ring.
pub const RING_SCORE_MIN: f64 = 0.5;
/// For how long what comes during a ring does not count as usual: a day.
pub const RING_FRESH_MS: i64 = 24 * 60 * 60 * 1000;
/// Reports of a window that are kept; the oldest go first.
pub const WINDOW_REPORTS_MAX: usize = 512;
/// Reports of the window that a new one's text is compared with, the latest.
pub const COMPARED_REPORTS_MAX: usize = 128;
/// Subjects that are known at once; the one that was quiet longest goes first.
pub const SUBJECTS_MAX: usize = 10_000;
/// Earlier bursts that are remembered.
pub const GATHERINGS_MAX: usize = 256;

/// What the detector sees of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The report's id.
    pub report: String,
    /// The reporter's id; nothing for a guest.
    pub reporter: Option<String>,
    /// Age of the account at that time, if there is one and it is known.
    pub account_age_ms: Option<i64>,
    /// When it was submitted, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Of its text.
    pub signature: Signature,
}

/// What was seen in the window.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Features {
    /// Reporters in the window, each once; guests by report.
    pub reporters: usize,
    /// Reporters that the subject's own rate makes expect in a window.
    pub expected: f64,
    /// −log10 of the probability of so many.
    pub surprise: f64,
    /// Share of new accounts, 0 to 1.
    pub new_share: f64,
    /// Share of reports in the largest cluster of texts alike, 0 to 1.
    pub similar_share: f64,
    /// Share of reporters who came together before, 0 to 1.
    pub together_share: f64,
}

impl Features {
    /// Whether there are more reporters than the subject's own rate explains.
    pub fn is_burst(&self) -> bool {
        self.reporters >= BURST_REPORTERS_MIN && self.surprise >= BURST_SURPRISE_MIN
    }

    /// 0 to 1. Without a burst 0; else 1 − (1 − 0.6·n)(1 − 0.6·s)(1 − 0.45·t), where n rises from 0 to 1 as the share of new
    /// accounts goes from 0.3 to 0.8, s as that of texts alike goes from 0.4 to 0.9, t as that of people together goes from 0.4
    /// to 0.9.
    pub fn score(&self) -> f64 {
        if !self.is_burst() {
            return 0.0;
        }
        let new = 0.6 * ramp(self.new_share, 0.3, 0.8);
        let similar = 0.6 * ramp(self.similar_share, 0.4, 0.9);
        let together = 0.45 * ramp(self.together_share, 0.4, 0.9);
        1.0 - (1.0 - new) * (1.0 - similar) * (1.0 - together)
    }
}

/// Tells moderators of a ring, once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// Names the ring: the same after a restart that saw the same reports.
    pub key: String,
    /// The service.
    pub subject: String,
    /// When it was seen.
    pub at_ms: i64,
    /// [`Features::score`].
    pub score: f64,
    /// Why.
    pub features: Features,
    /// The reports in the window so far, oldest first.
    pub reports: Vec<String>,
}

/// What a report came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// 0 to 1.
    pub score: f64,
    /// What was seen.
    pub features: Features,
    /// The ring that the report may be of; nothing if there is none.
    pub ring: Option<String>,
    /// Whether automation rests on this subject.
    pub hold_automation: bool,
    /// To be told to moderators, if this report made it a ring.
    pub notice: Option<Notice>,
}

/// Watches the reports of all subjects. In memory: after a restart it is fed the reports of the last weeks in order.
#[derive(Debug, Default)]
pub struct Detector {
    subjects: HashMap<String, Subject>,
    gatherings: VecDeque<Gathering>,
}

impl Detector {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a report in. Reports come about in the order of time; one that is late counts as of the latest seen.
    pub fn observe(&mut self, subject: &str, observation: Observation) -> Verdict {
        self.make_room(subject);
        let state = self.subjects.entry(subject.to_owned()).or_default();
        let now_ms = observation.at_ms.max(state.latest_ms());
        if let Some(reporters) = state.advance(now_ms) {
            self.gatherings.push_back(Gathering { subject: subject.to_owned(), reporters });
            if self.gatherings.len() > GATHERINGS_MAX {
                self.gatherings.pop_front();
            }
        }
        state.push(Observation { at_ms: now_ms, ..observation });
        let features = state.features(subject, &self.gatherings);
        let score = features.score();
        let notice = (score >= RING_SCORE_MIN && state.ring().is_none()).then(|| {
            let reports = state.reports();
            let key = format!("{subject}/{}", reports.first().map_or("", String::as_str));
            state.open_ring(key.clone(), now_ms);
            Notice { key, subject: subject.to_owned(), at_ms: now_ms, score, features, reports }
        });
        let ring = state.ring().map(str::to_owned);
        Verdict { score, features, hold_automation: ring.is_some(), ring, notice }
    }

    /// Whether automation rests on a subject at `now_ms`.
    pub fn holds_automation(&self, subject: &str, now_ms: i64) -> bool {
        self.subjects.get(subject).is_some_and(|state| state.ring().is_some() && !state.is_quiet(now_ms))
    }

    fn make_room(&mut self, subject: &str) {
        if self.subjects.len() < SUBJECTS_MAX || self.subjects.contains_key(subject) {
            return;
        }
        let quietest = self.subjects.iter().min_by_key(|(name, state)| (state.latest_ms(), name.as_str()));
        if let Some(name) = quietest.map(|(name, _)| name.clone()) {
            self.subjects.remove(&name);
        }
    }
}

fn ramp(value: f64, from: f64, to: f64) -> f64 {
    ((value - from) / (to - from)).clamp(0.0, 1.0)
}

/// −log10 P(X ≥ count) for X ~ Poisson(expected); 0 where `count` is not above what is expected.
pub fn poisson_surprise(count: usize, expected: f64) -> f64 {
    let k = count as f64;
    if count == 0 || k <= expected || expected <= 0.0 {
        return if count > 0 && expected <= 0.0 { f64::INFINITY } else { 0.0 };
    }
    // ln of the first term e^−λ λ^k / k!, then the tail as a series of quotients λ/(k+1) < 1
    let ln_factorial: f64 = (2..=count).map(|i| (i as f64).ln()).sum();
    let ln_first = k * expected.ln() - expected - ln_factorial;
    let (mut term, mut sum, mut i) = (1.0, 1.0, k);
    while term > 1e-12 * sum {
        i += 1.0;
        term *= expected / i;
        sum += term;
    }
    (-(ln_first + sum.ln()) / std::f64::consts::LN_10).max(0.0)
}
