//! How many targets one action may have in a time: a rule that is wrong must not lock everyone out.

use std::collections::BTreeSet;

/// The bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Most targets.
    pub targets_max: usize,
    /// In this time, in milliseconds.
    pub window_ms: i64,
}

/// One more would be too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the action has had {targets} targets in {window_ms} ms, the most that are allowed; a person can raise the limit"
)]
pub struct TooMany {
    /// How many there were.
    pub targets: usize,
    /// In what time, in milliseconds.
    pub window_ms: i64,
}

impl Limit {
    /// Whether `target` may be acted on at `now_ms`, after those of `past` (when, and on what). A target that is in the
    /// window already is no further one.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn admit<'t>(
        &self,
        past: impl IntoIterator<Item = (i64, &'t str)>,
        target: &str,
        now_ms: i64,
    ) -> Result<(), TooMany> {
        let since_ms = now_ms.saturating_sub(self.window_ms);
        let recent = past.into_iter().filter(|(at_ms, _)| *at_ms > since_ms).map(|(_, target)| target);
        let targets: BTreeSet<&str> = recent.collect();
        if targets.contains(target) || targets.len() < self.targets_max {
            return Ok(());
        }
        Err(TooMany { targets: targets.len(), window_ms: self.window_ms })
    }

    /// The same for what has an effect each time, also on the same target: `past` is when it was asked for.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn admit_each(&self, past: impl IntoIterator<Item = i64>, now_ms: i64) -> Result<(), TooMany> {
        let since_ms = now_ms.saturating_sub(self.window_ms);
        let targets = past.into_iter().filter(|at_ms| *at_ms > since_ms).count();
        if targets < self.targets_max { Ok(()) } else { Err(TooMany { targets, window_ms: self.window_ms }) }
    }
}
