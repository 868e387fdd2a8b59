//! How long things may take, and how often they are tried.

/// Bounds in time. All in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How long people are asked where the request says nothing.
    pub approval_wait_ms: i64,
    /// How soon what is approved must be applied: an approval is for now.
    pub apply_within_ms: i64,
    /// The wait after the first try that did not come to its end; doubled after each.
    pub retry_first_ms: i64,
    /// The longest wait between tries.
    pub retry_longest_ms: i64,
    /// The shortest wait after a lost answer: the request may still arrive.
    pub lost_wait_ms: i64,
    /// Most tries to apply.
    pub apply_tries_max: u32,
    /// Most looks whether it took effect.
    pub verify_tries_max: u32,
    /// Most tries in a row to take it back.
    pub revert_tries_max: u32,
    /// How long before its end people are told that a containment is about to be taken back; a quarter of the time that is
    /// left, if that is less.
    pub tell_end_ms: i64,
    /// How often people are reminded of what nobody can tell, and what could not be taken back is tried again.
    pub remind_ms: i64,
    /// How long a worker has for one step since it began or said last that it is still at it. Longer than all requests of a
    /// step together: a worker that was killed has nothing under way any more when another one takes over.
    pub lease_ms: i64,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            approval_wait_ms: 4 * 60 * 60_000,
            apply_within_ms: 60 * 60_000,
            retry_first_ms: 5_000,
            retry_longest_ms: 10 * 60_000,
            lost_wait_ms: 20_000,
            apply_tries_max: 6,
            verify_tries_max: 8,
            revert_tries_max: 12,
            tell_end_ms: 60 * 60_000,
            remind_ms: 4 * 60 * 60_000,
            lease_ms: 2 * 60_000,
        }
    }
}

impl Times {
    /// The wait after the try of that number, counted from 1.
    pub fn wait_ms(&self, tries: u32) -> i64 {
        let doubled = 1_i64.checked_shl(tries.saturating_sub(1).min(30)).unwrap_or(i64::MAX);
        self.retry_first_ms.saturating_mul(doubled).min(self.retry_longest_ms)
    }
}
