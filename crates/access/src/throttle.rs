//! Slows down whoever tries to sign in and fails.
//!
//! Links and codes cannot be guessed; this keeps attempts from filling the audit record and the identity provider's
//! patience. It counts by address (IPv6 by /64, which one household has), in memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Failures within [`WINDOW_MS`] after which an address is turned away until the window ends.
pub const FAILURES_MAX: u32 = 20;

/// Failures of all addresses together within [`WINDOW_MS`], after which only addresses without any are heard.
pub const FAILURES_ALL_MAX: u32 = 600;

/// How long failures count, in milliseconds.
pub const WINDOW_MS: i64 = 60_000;

/// Most addresses that are counted in a window; past it those not seen yet share one count.
pub const ADDRESSES_MAX: usize = 10_000;

#[derive(Debug, Default)]
struct Window {
    began_ms: i64,
    all: u32,
    by_address: HashMap<String, u32>,
}

/// Counts failed sign-ins.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<Window>);

/// Too many failures: come again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ins failed from this address")]
pub struct Throttled {
    /// When to come again, in milliseconds.
    pub retry_after_ms: u64,
}

impl Throttle {
    /// Whether an attempt from `origin` is heard at `now_ms`.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn check(&self, origin: Option<&str>, now_ms: i64) -> Result<(), Throttled> {
        let window = self.current(now_ms);
        let failed = window.by_address.get(&bucket(origin)).copied().unwrap_or_default();
        if failed < FAILURES_MAX && (window.all < FAILURES_ALL_MAX || failed == 0) {
            return Ok(());
        }
        let left_ms = (window.began_ms + WINDOW_MS).saturating_sub(now_ms);
        Err(Throttled { retry_after_ms: left_ms.clamp(1, WINDOW_MS) as u64 })
    }

    /// An attempt from `origin` failed; says whether so many failed already that writing each down would be the
    /// attacker's way to fill a disk.
    pub fn failed(&self, origin: Option<&str>, now_ms: i64) -> bool {
        let mut window = self.current(now_ms);
        window.all = window.all.saturating_add(1);
        let mut bucket = bucket(origin);
        if window.by_address.len() >= ADDRESSES_MAX && !window.by_address.contains_key(&bucket) {
            bucket = "other".to_owned();
        }
        *window.by_address.entry(bucket).or_default() += 1;
        window.all > FAILURES_ALL_MAX
    }

    fn current(&self, now_ms: i64) -> std::sync::MutexGuard<'_, Window> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !(0..WINDOW_MS).contains(&now_ms.saturating_sub(window.began_ms)) {
            *window = Window { began_ms: now_ms, ..Window::default() };
        }
        window
    }
}

fn bucket(origin: Option<&str>) -> String {
    match origin.and_then(|origin| origin.parse().ok()) {
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Some(IpAddr::V4(address)) => address.to_string(),
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_fails_is_turned_away_for_a_while() {
        let throttle = Throttle::default();
        let (bad, good) = (Some("192.0.2.1"), Some("192.0.2.2"));
        for _ in 0..FAILURES_MAX {
            assert_eq!(throttle.check(bad, 900_000), Ok(()));
            assert!(!throttle.failed(bad, 900_000));
        }
        assert_eq!(throttle.check(bad, 930_000), Err(Throttled { retry_after_ms: 30_000 }));
        assert_eq!(throttle.check(good, 930_000), Ok(()));
        assert_eq!(throttle.check(bad, 960_000), Ok(()));
    }

    #[test]
    fn one_network_is_one_address_and_all_together_are_bounded() {
        let throttle = Throttle::default();
        for n in 0..FAILURES_MAX {
            throttle.failed(Some(&format!("2001:db8::{n:x}")), 1);
        }
        assert!(throttle.check(Some("2001:db8::ffff"), 1).is_err());
        assert!(throttle.check(Some("2001:db8:0:1::1"), 1).is_ok());
        let mut full = false;
        for n in 0..FAILURES_ALL_MAX {
            full = throttle.failed(Some(&format!("198.51.{}.{}", n / 256, n % 256)), 1);
        }
        assert!(full, "not each is written down any more");
        assert!(throttle.check(Some("198.51.0.1"), 1).is_err(), "who failed once already");
        assert!(throttle.check(Some("203.0.113.1"), 1).is_ok(), "who never did");
    }
}
