//! One subject: its window, its own rate, its ring.

use super::{
    BURST_REPORTERS_MIN, COMPARED_REPORTS_MAX, Features, NEW_ACCOUNT_MS, Observation, RING_FRESH_MS,
    SIMILAR_JACCARD_MIN, TOGETHER_MIN, WINDOW_MS, WINDOW_REPORTS_MAX, poisson_surprise,
};
use crate::similarity;
use std::collections::{HashMap, HashSet, VecDeque};

/// In what time what is known of the rate weighs half: 14 days.
const RATE_HALF_LIFE_MS: f64 = 14.0 * 24.0 * 60.0 * 60.0 * 1000.0;
/// Before anything is known: a reporter in four windows, believed like a day of watching.
const PRIOR_REPORTERS: f64 = 6.0;
const PRIOR_WINDOWS: f64 = 24.0;
/// Reporters in common with an earlier burst, from which that burst says something.
const COMMON_MIN: usize = 3;

/// The reporters of an earlier burst.
#[derive(Debug)]
pub(super) struct Gathering {
    pub(super) subject: String,
    pub(super) reporters: HashSet<String>,
}

/// A report in the window.
#[derive(Debug)]
struct Seen {
    observation: Observation,
    /// Its number on this subject, ascending.
    number: u64,
    /// Numbers of earlier ones whose texts are alike.
    alike: Vec<u64>,
}

/// A ring that is not over.
#[derive(Debug)]
struct Ring {
    key: String,
    since_ms: i64,
}

#[derive(Debug, Default)]
pub(super) struct Subject {
    window: VecDeque<Seen>,
    next_number: u64,
    latest_ms: Option<i64>,
    /// Reports and windows seen, fading.
    rate_reports: f64,
    rate_windows: f64,
    rate_at_ms: i64,
    /// Reporters with a name since the window was last below a burst.
    gathering: HashSet<String>,
    ring: Option<Ring>,
    /// When there was a burst last.
    burst_at_ms: Option<i64>,
    judged: Option<(usize, Features)>,
    /// Reports taken in since the last judgement.
    unjudged: usize,
}

impl Subject {
    pub(super) fn latest_ms(&self) -> i64 {
        self.latest_ms.unwrap_or(i64::MIN)
    }

    pub(super) fn ring(&self) -> Option<&str> {
        self.ring.as_ref().map(|ring| ring.key.as_str())
    }

    pub(super) fn open_ring(&mut self, key: String, now_ms: i64) {
        self.ring = Some(Ring { key, since_ms: now_ms });
    }

    /// Whether the last burst is longer ago than a window.
    pub(super) fn is_quiet(&self, now_ms: i64) -> bool {
        self.burst_at_ms.is_none_or(|burst_at_ms| now_ms.saturating_sub(burst_at_ms) > WINDOW_MS)
    }

    pub(super) fn reports(&self) -> Vec<String> {
        self.window.iter().map(|seen| seen.observation.report.clone()).collect()
    }

    /// Lets the window move on to `now_ms`. Gives the reporters of a burst that is over.
    pub(super) fn advance(&mut self, now_ms: i64) -> Option<HashSet<String>> {
        let of_ring =
            self.ring.as_ref().is_some_and(|ring| now_ms.saturating_sub(ring.since_ms) <= RING_FRESH_MS);
        if self.is_quiet(now_ms) {
            self.ring = None;
        }
        let from_ms = now_ms.saturating_sub(WINDOW_MS);
        let mut left = 0.0;
        while self.window.front().is_some_and(|oldest| oldest.observation.at_ms < from_ms) {
            self.window.pop_front();
            left += 1.0;
        }
        self.fade(now_ms);
        // what a ring sends does not become what is usual here
        if !of_ring {
            self.rate_reports += left;
        }
        if self.window.len() >= BURST_REPORTERS_MIN {
            return None;
        }
        self.judged = None;
        let over = std::mem::take(&mut self.gathering);
        (over.len() >= BURST_REPORTERS_MIN).then_some(over)
    }

    pub(super) fn push(&mut self, observation: Observation) {
        self.latest_ms = Some(observation.at_ms);
        if let Some(reporter) = &observation.reporter
            && self.gathering.len() < WINDOW_REPORTS_MAX
        {
            self.gathering.insert(reporter.clone());
        }
        let compared = self.window.iter().rev().take(COMPARED_REPORTS_MAX);
        let is_alike =
            |seen: &&Seen| seen.observation.signature.jaccard(&observation.signature) >= SIMILAR_JACCARD_MIN;
        let alike = compared.filter(is_alike).map(|seen| seen.number).collect();
        self.window.push_back(Seen { observation, number: self.next_number, alike });
        self.next_number += 1;
        if self.window.len() > WINDOW_REPORTS_MAX {
            self.window.pop_front();
        }
        self.unjudged += 1;
    }

    /// What the window shows; large windows are not looked through anew for each report.
    pub(super) fn features(&mut self, subject: &str, gatherings: &VecDeque<Gathering>) -> Features {
        let features = match self.judged {
            Some((judged_len, features)) if self.unjudged <= judged_len / 16 => features,
            _ => {
                let features = self.looked_through(subject, gatherings);
                self.unjudged = 0;
                self.judged = Some((self.window.len(), features));
                features
            }
        };
        if features.is_burst() {
            self.burst_at_ms = self.latest_ms;
        }
        features
    }

    fn looked_through(&self, subject: &str, gatherings: &VecDeque<Gathering>) -> Features {
        let mut named: HashMap<&str, Option<i64>> = HashMap::new();
        let mut guests = 0_usize;
        for Seen { observation, .. } in &self.window {
            match &observation.reporter {
                Some(reporter) => drop(named.insert(reporter, observation.account_age_ms)),
                None => guests += 1,
            }
        }
        let reporters = named.len() + guests;
        let expected = self.expected();
        let mut features = Features {
            reporters,
            expected,
            surprise: poisson_surprise(reporters, expected),
            ..Features::default()
        };
        if !features.is_burst() {
            return features;
        }
        let new = named.values().filter(|age| age.is_some_and(|age_ms| age_ms < NEW_ACCOUNT_MS)).count();
        features.new_share = (new as f64 + 0.5 * guests as f64) / reporters as f64;
        features.similar_share = self.similar_share();
        features.together_share = together(&named, subject, gatherings) as f64 / reporters as f64;
        features
    }

    fn similar_share(&self) -> f64 {
        // of each reporter the latest text only: one who reports twice is not two
        let mut reporters: HashSet<&str> = HashSet::new();
        let mut latest: Vec<&Seen> = Vec::with_capacity(self.window.len().min(COMPARED_REPORTS_MAX));
        for seen in self.window.iter().rev() {
            if latest.len() < COMPARED_REPORTS_MAX
                && seen.observation.reporter.as_deref().is_none_or(|who| reporters.insert(who))
            {
                latest.push(seen);
            }
        }
        let places: HashMap<u64, usize> =
            latest.iter().enumerate().map(|(at, seen)| (seen.number, at)).collect();
        let edges = latest.iter().enumerate().flat_map(|(at, seen)| {
            seen.alike.iter().filter_map(|number| places.get(number)).map(move |other| (at, *other))
        });
        let alike = similarity::largest_cluster(latest.len(), edges).len();
        alike as f64 / latest.len().max(1) as f64
    }

    fn expected(&self) -> f64 {
        (self.rate_reports + PRIOR_REPORTERS) / (self.rate_windows + PRIOR_WINDOWS)
    }

    fn fade(&mut self, now_ms: i64) {
        if self.latest_ms.is_none() {
            self.rate_at_ms = now_ms;
            return;
        }
        let elapsed_ms = now_ms.saturating_sub(self.rate_at_ms).max(0) as f64;
        let kept = (-elapsed_ms / RATE_HALF_LIFE_MS).exp2();
        self.rate_reports *= kept;
        self.rate_windows = self.rate_windows * kept + elapsed_ms / WINDOW_MS as f64;
        self.rate_at_ms = now_ms;
    }
}

/// How many of the reporters were in enough earlier bursts on other subjects together with others of them.
fn together(named: &HashMap<&str, Option<i64>>, subject: &str, gatherings: &VecDeque<Gathering>) -> usize {
    let mut times: HashMap<&str, u32> = HashMap::new();
    for gathering in gatherings.iter().filter(|gathering| gathering.subject != subject) {
        let common: Vec<&str> =
            named.keys().copied().filter(|who| gathering.reporters.contains(*who)).collect();
        if common.len() >= COMMON_MIN {
            common.into_iter().for_each(|who| *times.entry(who).or_default() += 1);
        }
    }
    times.values().filter(|times| **times >= TOGETHER_MIN).count()
}
