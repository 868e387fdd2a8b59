//! How far each stream of events has come.

use std::collections::BTreeMap;

use super::lane::Lane;

/// Which families take matches from the events of a logsource, as the caller names it.
#[derive(Clone, Debug, Default)]
pub struct Feeds(BTreeMap<String, Feed>);

#[derive(Clone, Debug, Default)]
struct Feed {
    families: Vec<usize>,
    /// A lateness of its own, in the live lane.
    lateness_ms: Option<i64>,
}

impl Feeds {
    /// Notes that events of `logsource` can feed `family`.
    pub fn add(&mut self, logsource: &str, family: usize) {
        let families = &mut self.0.entry(logsource.to_owned()).or_default().families;
        if !families.contains(&family) {
            families.push(family);
        }
    }

    /// The families that a logsource feeds.
    pub fn of(&self, logsource: &str) -> &[usize] {
        self.0.get(logsource).map_or(&[], |feed| &feed.families)
    }

    /// Gives the logsources that `is_meant` picks a lateness of their own for what happens now, milliseconds. Their
    /// streams are idle no sooner.
    pub fn allow(&mut self, is_meant: impl Fn(&str) -> bool, lateness_ms: i64) {
        for (_, feed) in self.0.iter_mut().filter(|(logsource, _)| is_meant(logsource)) {
            feed.lateness_ms = Some(lateness_ms);
        }
    }

    /// Idle time-out and lateness of a logsource's streams.
    fn waits(&self, logsource: &str, lane: Lane, (idle_ms, lateness_ms): (i64, i64)) -> (i64, i64) {
        match self.0.get(logsource).and_then(|feed| feed.lateness_ms) {
            Some(own_ms) if lane == Lane::Live => (idle_ms.max(own_ms), own_ms),
            _ => (idle_ms, lateness_ms),
        }
    }
}

/// How far one stream has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamMark {
    /// The source's name.
    pub source: String,
    /// The partition that its records stand in.
    pub partition: u32,
    /// What its events are, as [`Feeds`] names it.
    pub logsource: String,
    /// By [`Lane`]: the latest event time seen.
    pub latest_ms: [Option<i64>; 2],
}

/// Streams that were heard of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    pub(crate) known: BTreeMap<(String, u32, String), Heard>,
}

/// By lane: the latest event time, and when (by the log's clock) it last advanced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) lanes: [Option<(i64, i64)>; 2],
}

/// What the streams say of a lane of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watermark {
    /// Nothing at or before this time is expected any more.
    pub(crate) at_ms: i64,
    /// Whether every stream is idle.
    pub(crate) all_idle: bool,
}

impl Streams {
    pub(crate) fn hear(&mut self, mark: &StreamMark, now_ms: i64) {
        let key = (mark.source.clone(), mark.partition, mark.logsource.clone());
        let heard = self.known.entry(key).or_default();
        for (known, latest) in heard.lanes.iter_mut().zip(mark.latest_ms) {
            let Some(latest_ms) = latest else { continue };
            let before = known.map_or(i64::MIN, |(latest, _)| latest);
            if latest_ms > before {
                *known = Some((latest_ms, now_ms));
            }
        }
    }

    /// The watermark of each family: the least of its streams' latest times, less the lateness. Idle streams are left
    /// out; if all are, everything that was seen is complete. `None` before anything was heard.
    pub(crate) fn watermarks(
        &self,
        families: usize,
        lane: Lane,
        feeds: &Feeds,
        (now_ms, idle_ms, lateness_ms): (i64, i64, i64),
    ) -> Vec<Option<Watermark>> {
        let mut marks: Vec<(Option<i64>, Option<i64>)> = vec![(None, None); families];
        for ((_, _, logsource), heard) in &self.known {
            let Some((at_ms, heard_ms)) = heard.lanes.get(lane as usize).copied().flatten() else { continue };
            let (idle_ms, lateness_ms) = feeds.waits(logsource, lane, (idle_ms, lateness_ms));
            let is_idle = now_ms.saturating_sub(heard_ms) >= idle_ms;
            let complete = at_ms.saturating_sub(lateness_ms);
            for family in feeds.of(logsource) {
                let Some((least, latest)) = marks.get_mut(*family) else { continue };
                *latest = Some(latest.map_or(at_ms, |known| known.max(at_ms)));
                if !is_idle {
                    *least = Some(least.map_or(complete, |known| known.min(complete)));
                }
            }
        }
        let watermark = |(least, latest): (Option<i64>, Option<i64>)| {
            latest.map(|latest| Watermark { at_ms: least.unwrap_or(latest), all_idle: least.is_none() })
        };
        marks.into_iter().map(watermark).collect()
    }

    pub(crate) fn have_past(&self) -> bool {
        self.known.values().any(|heard| heard.lanes[Lane::Past as usize].is_some())
    }

    pub(crate) fn have_idle_past(&self, now_ms: i64, idle_ms: i64) -> bool {
        let past = self.known.values().filter_map(|heard| heard.lanes[Lane::Past as usize]);
        past.into_iter().any(|(_, heard_ms)| now_ms.saturating_sub(heard_ms) >= idle_ms)
    }

    /// Forgets how far idle streams of the past had come, so that another import may begin anywhere.
    pub(crate) fn forget_idle_past(&mut self, now_ms: i64, idle_ms: i64) {
        for heard in self.known.values_mut() {
            let past = &mut heard.lanes[Lane::Past as usize];
            if past.is_some_and(|(_, heard_ms)| now_ms.saturating_sub(heard_ms) >= idle_ms) {
                *past = None;
            }
        }
        self.known.retain(|_, heard| heard.lanes.iter().any(Option::is_some));
    }
}
