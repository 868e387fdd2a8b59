//! Rates: how many reports of one sender go the short way. Past its rate a report is held, never refused and never dropped:
//! people still read it.
//!
//! Guests are told apart by their address for a day: what is kept is an HMAC under a key that is made anew each day, in memory
//! only, so that nobody can tell afterwards who it was, not even with this process's disk.
//!
//! **Invariant:** there is no answer but [`Decision::Received`] and [`Decision::Held`].
//!
//! **Invariant:** what others send never holds the report of somebody of standing (regular, trusted); what is held takes from no
//! bucket.

use crate::provenance::Channel;
use crate::reputation::Tier;
use hmac::{Hmac, KeyInit, Mac};
use model::Entropy;
use sha2::Sha256;
use std::collections::HashMap;

/// Senders that are told apart at once; those beyond share one bucket.
pub const BUCKETS_MAX: usize = 100_000;
/// Buckets are swept no more often.
const SWEEP_INTERVAL_MS: i64 = 10_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How much a bucket lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// At once.
    pub burst: u32,
    /// In the long run.
    pub per_hour: u32,
}

impl Limit {
    const fn new(burst: u32, per_hour: u32) -> Self {
        Self { burst, per_hour }
    }
}

/// One guest's address.
pub const GUEST_LIMIT: Limit = Limit::new(5, 20);
/// All guests together.
pub const GUESTS_LIMIT: Limit = Limit::new(200, 2_000);
/// Reports on one service by senders who are neither regular nor trusted.
pub const SERVICE_LIMIT: Limit = Limit::new(60, 240);
/// A model can ask in a loop.
pub const MCP_LIMIT: Limit = Limit::new(10, 60);

/// What a sender with a name may send the short way.
pub const fn limit_of(tier: Tier, channel: Channel) -> Limit {
    let limit = match tier {
        Tier::Watched => Limit::new(3, 6),
        Tier::Newcomer => Limit::new(10, 30),
        Tier::Regular => Limit::new(30, 120),
        Tier::Trusted => Limit::new(100, 600),
    };
    match channel {
        Channel::Mcp if limit.burst > MCP_LIMIT.burst => MCP_LIMIT,
        _ => limit,
    }
}

/// Who sends.
#[derive(Debug, Clone, Copy)]
pub enum Sender<'a> {
    /// Nobody with a name. The address serves to tell guests apart and goes no further; IPv6 by its /64.
    Guest {
        /// Where the request came from, if that is known.
        address: Option<std::net::IpAddr>,
    },
    /// A person or a token, by id.
    Named {
        /// `per_…` or `tok_…`.
        id: &'a str,
        /// In the report's category.
        tier: Tier,
    },
}

/// Whose rate was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldFor {
    /// The sender's own.
    SenderRate,
    /// That of all guests.
    GuestsRate,
    /// That of the service it is about.
    ServiceRate,
}

impl HeldFor {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SenderRate => "sender_rate",
            Self::GuestsRate => "guests_rate",
            Self::ServiceRate => "service_rate",
        }
    }
}

/// Which way a report goes. Both end before a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The short way.
    Received,
    /// After the others.
    Held {
        /// Why.
        reason: HeldFor,
        /// When the next would go the short way, in milliseconds from now.
        wait_ms: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Guest([u8; 8]),
    Guests,
    Named(String, Channel),
    Service(String),
    /// Everybody for whom there is no room.
    Others,
}

/// The buckets of all senders. One instance; it is in memory only and begins empty.
#[derive(Debug)]
pub struct Tiers {
    /// By GCRA (ITU-T I.371): the time at which the bucket is full again.
    full_at_ms: HashMap<Key, i64, foldhash::fast::RandomState>,
    day: i64,
    day_key: [u8; 32],
    swept_at_ms: i64,
}

impl Tiers {
    /// No sender yet.
    pub fn new(now_ms: i64, entropy: &dyn Entropy) -> Self {
        let mut day_key = [0; 32];
        entropy.fill(&mut day_key);
        Self {
            full_at_ms: HashMap::default(),
            day: now_ms.div_euclid(DAY_MS),
            day_key,
            swept_at_ms: i64::MIN,
        }
    }

    /// How many senders are told apart now.
    pub fn len(&self) -> usize {
        self.full_at_ms.len()
    }

    /// Whether nobody sent anything lately.
    pub fn is_empty(&self) -> bool {
        self.full_at_ms.is_empty()
    }

    /// Which way a report goes that comes now. What is held takes nothing from any bucket.
    pub fn admit(
        &mut self,
        sender: Sender<'_>,
        channel: Channel,
        service: Option<&str>,
        now_ms: i64,
        entropy: &dyn Entropy,
    ) -> Decision {
        self.turn_day(now_ms, entropy);
        let mut asked: Vec<(Key, Limit, HeldFor)> = Vec::with_capacity(3);
        let is_known = match sender {
            Sender::Guest { address } => {
                let key = address.map_or(Key::Others, |address| Key::Guest(self.guest(address)));
                asked.push((key, GUEST_LIMIT, HeldFor::SenderRate));
                asked.push((Key::Guests, GUESTS_LIMIT, HeldFor::GuestsRate));
                false
            }
            Sender::Named { id, tier } => {
                asked.push((
                    Key::Named(id.to_owned(), channel),
                    limit_of(tier, channel),
                    HeldFor::SenderRate,
                ));
                matches!(tier, Tier::Regular | Tier::Trusted)
            }
        };
        if let Some(service) = service.filter(|_| !is_known) {
            asked.push((Key::Service(service.to_owned()), SERVICE_LIMIT, HeldFor::ServiceRate));
        }
        // without an address guests share the limit of all guests only
        asked.retain(|(key, _, _)| *key != Key::Others);
        for (key, _, _) in &mut asked {
            self.make_room(key, now_ms);
        }
        let held =
            asked.iter().find_map(|(key, limit, reason)| Some((self.wait_ms(key, *limit, now_ms)?, *reason)));
        if let Some((wait_ms, reason)) = held {
            return Decision::Held { reason, wait_ms };
        }
        for (key, limit, _) in asked {
            let full_at_ms = self.full_at(&key, limit, now_ms).saturating_add(interval_ms(limit));
            self.full_at_ms.insert(key, full_at_ms);
        }
        Decision::Received
    }

    /// When the bucket is full again; a clock that was turned back does not hold anybody for longer than the bucket takes.
    fn full_at(&self, key: &Key, limit: Limit, now_ms: i64) -> i64 {
        let latest = now_ms.saturating_add(interval_ms(limit).saturating_mul(i64::from(limit.burst)));
        self.full_at_ms.get(key).copied().unwrap_or(now_ms).clamp(now_ms, latest)
    }

    /// How long until one more fits; nothing if it fits now.
    fn wait_ms(&self, key: &Key, limit: Limit, now_ms: i64) -> Option<u64> {
        let interval_ms = interval_ms(limit);
        let room_ms = interval_ms.saturating_mul(i64::from(limit.burst.max(1)) - 1);
        let wait_ms = self.full_at(key, limit, now_ms).saturating_sub(now_ms).saturating_sub(room_ms);
        u64::try_from(wait_ms).ok().filter(|wait_ms| *wait_ms > 0)
    }

    /// Sweeps full buckets out where a new one has no room; if there is none still, the sender shares one with others.
    fn make_room(&mut self, key: &mut Key, now_ms: i64) {
        if self.full_at_ms.len() < BUCKETS_MAX || self.full_at_ms.contains_key(key) {
            return;
        }
        if now_ms.saturating_sub(self.swept_at_ms) >= SWEEP_INTERVAL_MS {
            self.swept_at_ms = now_ms;
            self.full_at_ms.retain(|_, full_at_ms| *full_at_ms > now_ms);
        }
        if self.full_at_ms.len() >= BUCKETS_MAX {
            *key = Key::Others;
        }
    }

    fn turn_day(&mut self, now_ms: i64, entropy: &dyn Entropy) {
        let day = now_ms.div_euclid(DAY_MS);
        if day != self.day {
            self.day = day;
            entropy.fill(&mut self.day_key);
            self.full_at_ms.retain(|key, full_at_ms| !matches!(key, Key::Guest(_)) && *full_at_ms > now_ms);
        }
    }

    fn guest(&self, address: std::net::IpAddr) -> [u8; 8] {
        let mut network = [0; 16];
        match address.to_canonical() {
            std::net::IpAddr::V4(v4) => network[..4].copy_from_slice(&v4.octets()),
            std::net::IpAddr::V6(v6) => {
                network[0] = 6;
                network[8..].copy_from_slice(&v6.octets()[..8]);
            }
        }
        let mut short = [0; 8];
        // HMAC takes keys of any length
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.day_key) {
            mac.update(&network);
            short.copy_from_slice(&mac.finalize().into_bytes()[..8]);
        }
        short
    }
}

const fn interval_ms(limit: Limit) -> i64 {
    // a limit of nothing an hour would hold for ever
    let per_hour = if limit.per_hour == 0 { 1 } else { limit.per_hour };
    HOUR_MS / per_hour as i64
}
