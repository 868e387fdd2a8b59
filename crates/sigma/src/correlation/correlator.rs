//! The state machine: matches and marks in, firings out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lane::{FamilyLane, Lane, Step};
use super::set::CorrelationSet;
use super::streams::{Feeds, StreamMark, Streams};
use super::window::{Entry, EntryValue, Firing};

/// Limits and waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// By [`Lane`]: how far behind the latest event of its stream an event may come, milliseconds.
    pub lateness_ms: [i64; 2],
    /// A stream that brought nothing new for so long, milliseconds, is not waited for.
    pub idle_ms: i64,
    /// A lane that begins (the first time, or with another import of history) judges nothing for so long, milliseconds:
    /// streams that begin a moment later are then heard of, and waited for.
    pub warmup_ms: i64,
    /// Most memory for what waits and what is kept of groups, bytes. Past it the groups that are longest without a match
    /// are forgotten, and matches that wait are judged early.
    pub state_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lateness_ms: [60_000, 86_400_000],
            idle_ms: 60_000,
            warmup_ms: 10_000,
            state_bytes_max: 64 << 20,
        }
    }
}

/// What was done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Matches taken.
    pub taken: u64,
    /// Matches whose time had passed already.
    pub late: u64,
    /// Matches that were there already.
    pub duplicates: u64,
    /// Matches put into a window.
    pub judged: u64,
    /// Groups forgotten for the limit of memory.
    pub evicted_groups: u64,
    /// Times that matches were judged early for the limit of memory.
    pub forced_releases: u64,
}

/// One step of time.
#[derive(Clone, Copy, Debug)]
pub struct Advance<'a> {
    /// The log's clock: when the step was written, milliseconds since the epoch.
    pub now_ms: i64,
    /// The partition of records that the matches come from, and the offset after the last of them.
    pub until: Option<(u32, u64)>,
    /// How far its streams have come with it.
    pub marks: &'a [StreamMark],
}

/// Why a kept state cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a state of correlations that this version reads")]
pub struct RestoreError;

/// Every correlation's state. Deterministic: the same calls give the same firings.
#[derive(Debug)]
pub struct Correlator {
    pub(super) set: Arc<CorrelationSet>,
    pub(super) feeds: Feeds,
    pub(super) options: Options,
    pub(super) streams: Streams,
    /// By partition of records: what was taken up to here.
    pub(super) applied: BTreeMap<u32, u64>,
    /// By family, then lane.
    pub(super) lanes: Vec<[FamilyLane; 2]>,
    /// The latest of the log's clock.
    pub(super) now_ms: i64,
    pub(super) counts: Counts,
    /// Nothing fires before.
    fires_from_ms: i64,
}

impl Correlator {
    /// Nothing seen yet. `feeds` names the logsources whose events can feed each family of `set`.
    pub fn new(set: Arc<CorrelationSet>, feeds: Feeds, options: Options) -> Self {
        let lanes = (0..set.families()).map(|_| Default::default()).collect();
        Self {
            set,
            feeds,
            options,
            streams: Streams::default(),
            applied: BTreeMap::new(),
            lanes,
            now_ms: i64::MIN,
            counts: Counts::default(),
            fires_from_ms: i64::MIN,
        }
    }

    /// The same, which fires for no match before a time: the window that ends there is judged as it is, whether or not the
    /// group would have fired shortly before. What correlations below hold or fire for others is not touched.
    #[must_use]
    pub fn firing_from(self, ms: i64) -> Self {
        Self { fires_from_ms: ms, ..self }
    }

    /// The correlations.
    pub fn set(&self) -> &Arc<CorrelationSet> {
        &self.set
    }

    /// What was done since the start.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// About how much memory the state takes.
    pub fn state_bytes(&self) -> usize {
        self.lanes.iter().flatten().map(|lane| lane.bytes()).map(|(waiting, groups)| waiting + groups).sum()
    }

    /// Whether matches wait for time to pass.
    pub fn is_waiting(&self) -> bool {
        self.lanes.iter().flatten().any(|lane| !lane.waiting.is_empty())
    }

    /// Whether the passing of time would change anything: matches wait, or history is not known to have ended.
    pub fn is_waiting_for_time(&self) -> bool {
        self.is_waiting() || self.streams.have_past()
    }

    /// Takes the matches of one batch, and how far its streams have come with it; judges what time has passed.
    ///
    /// Matches of records before what was taken already ([`Advance::until`]) are a batch that was written twice: they
    /// change nothing.
    pub fn advance(
        &mut self,
        advance: Advance<'_>,
        entries: impl IntoIterator<Item = (Lane, Entry)>,
        firings: &mut Vec<Firing>,
    ) {
        self.now_ms = self.now_ms.max(advance.now_ms);
        if self.streams.have_idle_past(self.now_ms, self.options.idle_ms) {
            // an import that ended before this one began
            self.pass(&[Lane::Past], firings);
        }
        let applied =
            advance.until.map_or(0, |(partition, _)| self.applied.get(&partition).copied().unwrap_or(0));
        for (lane, entry) in entries {
            if advance.until.is_some() && entry.event.at.1 < applied {
                self.counts.duplicates += 1;
                continue;
            }
            self.offer(lane, entry);
        }
        if let Some((partition, next)) = advance.until {
            let known = self.applied.entry(partition).or_default();
            *known = (*known).max(next);
        }
        for mark in advance.marks {
            self.streams.hear(mark, self.now_ms);
        }
        self.pass(&Lane::ALL, firings);
        self.bound(firings);
    }

    fn offer(&mut self, lane: Lane, entry: Entry) {
        let Some(linked) = self.set.get(entry.correlation) else { return };
        let usable = match &entry.value {
            EntryValue::None => linked.rule.kind.value_fields().is_empty(),
            EntryValue::Number(_) => linked.rule.kind.is_numeric(),
            EntryValue::Text(_) => {
                !linked.rule.kind.is_numeric() && !linked.rule.kind.value_fields().is_empty()
            }
        };
        let state = self.lanes.get_mut(linked.family).map(|lanes| &mut lanes[lane as usize]);
        if let (Some(state), true) = (state, usable) {
            self.counts.taken += 1;
            if !state.offer(entry) {
                self.counts.late += 1;
            }
        }
    }

    /// Moves the watermarks, and judges what they passed.
    fn pass(&mut self, passed: &[Lane], firings: &mut Vec<Firing>) {
        let Options { lateness_ms, idle_ms, warmup_ms, .. } = self.options;
        let fires_from_ms = self.fires_from_ms;
        let mut step = Step { set: &self.set, counts: &mut self.counts, firings, fires_from_ms };
        for &lane in passed {
            let lateness_ms = lateness_ms[lane as usize];
            let waits = (self.now_ms, idle_ms, lateness_ms);
            let watermarks = self.streams.watermarks(self.lanes.len(), lane, &self.feeds, waits);
            for (lanes, watermark) in self.lanes.iter_mut().zip(watermarks) {
                let (state, Some(watermark)) = (&mut lanes[lane as usize], watermark) else { continue };
                if !watermark.all_idle && state.is_warming_up(self.now_ms, warmup_ms) {
                    continue;
                }
                state.advance(watermark, lateness_ms, &mut step);
                if watermark.all_idle && lane == Lane::Past {
                    // nothing of it can wait: its times are no later than the latest of its streams
                    state.reset();
                }
            }
        }
        self.streams.forget_idle_past(self.now_ms, idle_ms);
    }

    /// Keeps within the limit of memory.
    fn bound(&mut self, firings: &mut Vec<Firing>) {
        let most = self.options.state_bytes_max;
        if self.state_bytes() > most {
            // first what nothing can come of: so what is forgotten hangs on the matches alone
            for lane in self.lanes.iter_mut().flatten() {
                lane.sweep_now(lane.watermark_ms.unwrap_or(i64::MIN), &self.set);
            }
        }
        while self.state_bytes() > most {
            let (mut heaviest, mut heaviest_bytes) = ((0, 0), 0);
            for (family, lanes) in self.lanes.iter().enumerate() {
                for (at, lane) in lanes.iter().enumerate() {
                    let (waiting, groups) = lane.bytes();
                    if waiting + groups > heaviest_bytes {
                        (heaviest, heaviest_bytes) = ((family, at), waiting + groups);
                    }
                }
            }
            let Some(lane) = self.lanes.get_mut(heaviest.0).and_then(|lanes| lanes.get_mut(heaviest.1))
            else {
                return;
            };
            let fires_from_ms = self.fires_from_ms;
            let mut step = Step { set: &self.set, counts: &mut self.counts, firings, fires_from_ms };
            let (waiting, groups) = lane.bytes();
            if waiting > groups {
                lane.release_half(&mut step);
            } else {
                lane.evict(groups / 2, &mut self.counts);
            }
        }
    }

    /// Judges everything that waits, as if nothing more came.
    pub fn flush(&mut self, firings: &mut Vec<Firing>) {
        let fires_from_ms = self.fires_from_ms;
        let mut step = Step { set: &self.set, counts: &mut self.counts, firings, fires_from_ms };
        for lane in self.lanes.iter_mut().flatten() {
            lane.watermark_ms = Some(i64::MAX);
            lane.release(i64::MAX, &mut step);
        }
    }
}
