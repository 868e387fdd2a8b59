//! Files on their way in: so many at once, so many of one sender, none slower than it must be.
//!
//! **Invariant:** whoever sends slowly, or not at all, has a place for a bounded time. One report has two places at most, and
//! the last two are taken by reports that have none; one network has three at most. Three networks, or behind a proxy on
//! this machine eight reports, can still take all of them for that time.
//!
//! Senders are told apart by their report and by the network that they come from, in memory and only while the file is on
//! its way; neither is written down.

use model::ReportId;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Files that are received and looked into at once: each may be some megabytes.
pub(crate) const UPLOADS_MAX: usize = 8;
/// Of them, with one report.
pub(crate) const UPLOADS_OF_REPORT_MAX: usize = 2;
/// Of them, kept for reports that have none on their way yet.
pub(crate) const UPLOADS_KEPT: usize = 2;
/// Of them, from one network: an address, or of IPv6 the 48 bits that one customer has at most. All behind a proxy on another
/// machine come from its; what comes from this machine, as from a proxy on it, is not counted.
pub(crate) const UPLOADS_OF_NETWORK_MAX: usize = 3;

/// Bits of an IPv6 address that tell networks apart.
const NETWORK_BITS: u32 = 48;

/// The places.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of_report: HashMap<ReportId, usize>,
    of_network: HashMap<IpAddr, usize>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    uploads: Arc<Uploads>,
    report: ReportId,
    network: Option<IpAddr>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// All are taken.
    All,
    /// All of this report's are.
    Report,
    /// All of this network's are.
    Network,
}

impl Full {
    /// What is said to the sender.
    pub(crate) fn detail(self) -> String {
        match self {
            Self::All => format!(
                "{UPLOADS_MAX} files come in at once, the last {UPLOADS_KEPT} of reports that send none yet; all that are \
                 open to this one are taken"
            ),
            Self::Report => {
                format!("{UPLOADS_OF_REPORT_MAX} files with this report are on their way already")
            }
            Self::Network => {
                format!("{UPLOADS_OF_NETWORK_MAX} files from where you are are on their way already")
            }
        }
    }
}

impl Uploads {
    /// Takes a place for a file with `report` from `address`.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn take(self: &Arc<Self>, report: ReportId, address: Option<IpAddr>) -> Result<Place, Full> {
        let peer = address.map(|address| address.to_canonical()).filter(|address| !address.is_loopback());
        let network = peer.map(network_of);
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_report = taken.of_report.get(&report).copied().unwrap_or_default();
        let of_network =
            network.and_then(|network| taken.of_network.get(&network)).copied().unwrap_or_default();
        if of_report >= UPLOADS_OF_REPORT_MAX {
            return Err(Full::Report);
        }
        if of_network >= UPLOADS_OF_NETWORK_MAX {
            return Err(Full::Network);
        }
        let open = if of_report == 0 { UPLOADS_MAX } else { UPLOADS_MAX - UPLOADS_KEPT };
        if taken.all >= open {
            return Err(Full::All);
        }
        taken.all += 1;
        *taken.of_report.entry(report).or_default() += 1;
        if let Some(network) = network {
            *taken.of_network.entry(network).or_default() += 1;
        }
        Ok(Place { uploads: Arc::clone(self), report, network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.uploads.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        give_back(&mut taken.of_report, &self.report);
        if let Some(network) = &self.network {
            give_back(&mut taken.of_network, network);
        }
    }
}

/// What is at nothing is forgotten.
fn give_back<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> NETWORK_BITS)))
        }
    }
}

/// How fast a file must come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// So long it may take to begin.
    pub(crate) grace: Duration,
    /// From then on at least so many bytes a second, on average.
    pub(crate) bytes_per_s: u64,
    /// So long all of it may take.
    pub(crate) whole: Duration,
}

impl Pace {
    /// Until when after its beginning more must have come of a file of which `received` bytes are here.
    pub(crate) fn more_until(&self, received: usize) -> Duration {
        let earned_ms = (received as u64).saturating_mul(1_000) / self.bytes_per_s.max(1);
        self.grace.saturating_add(Duration::from_millis(earned_ms)).min(self.whole)
    }

    /// What is said to who was slower.
    pub(crate) fn detail(&self) -> String {
        format!(
            "the file came too slowly: after {} s at least {} bytes a second, and all of it within {} s; send it over a \
             faster connection, or a smaller one",
            self.grace.as_secs_f64(),
            self.bytes_per_s,
            self.whole.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Ulid;

    fn report(number: u128) -> ReportId {
        ReportId(Ulid(number))
    }

    #[test]
    fn a_report_and_a_network_have_a_few_places_and_those_given_back_are_free() {
        let uploads = Arc::new(Uploads::default());
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let (here, there, elsewhere) = (address("192.0.2.1"), address("2001:db8::1"), address("192.0.2.2"));
        let mut places = Vec::new();
        for _ in 0..UPLOADS_OF_REPORT_MAX {
            places.push(uploads.take(report(1), here).unwrap());
        }
        assert_eq!(uploads.take(report(1), there).unwrap_err(), Full::Report);
        places.push(uploads.take(report(2), here).unwrap());
        assert_eq!(uploads.take(report(9), here).unwrap_err(), Full::Network);
        places.extend((3..6).map(|number| uploads.take(report(number), there).unwrap()));
        let neighbour = address("2001:db8:0:ffff::1");
        assert_eq!(uploads.take(report(9), neighbour).unwrap_err(), Full::Network);
        places.extend((6..8).map(|number| uploads.take(report(number), elsewhere).unwrap()));
        assert_eq!(uploads.take(report(9), None).unwrap_err(), Full::All, "three networks have them all");
        drop(places);
        let taken = uploads.0.lock().unwrap();
        assert!(taken.all == 0 && taken.of_report.is_empty() && taken.of_network.is_empty(), "{taken:?}");
    }

    /// Behind a proxy on this machine nobody knows networks apart.
    #[test]
    fn the_last_places_are_for_reports_that_have_none() {
        for proxy in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let (uploads, proxy) = (Arc::new(Uploads::default()), Some(proxy.parse::<IpAddr>().unwrap()));
            let take = |number| uploads.take(report(number), proxy);
            let mut places: Vec<Place> = [1, 1, 2, 2, 3, 4].into_iter().map(|n| take(n).unwrap()).collect();
            assert_eq!(take(3).unwrap_err(), Full::All, "it has one, and these are for others");
            places.extend([5, 6].into_iter().map(|number| take(number).unwrap()));
            assert_eq!(take(7).unwrap_err(), Full::All);
            places.truncate(5);
            places.push(take(3).unwrap());
        }
    }

    #[test]
    fn one_customers_addresses_are_one_network() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::2"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:2:2::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    /// Whoever keeps the pace is not told to hurry before all of it may take is over; who does not has a bounded time.
    #[test]
    fn who_keeps_the_pace_is_not_hurried() {
        let whole = Duration::from_secs(55);
        for (grace_ms, bytes_per_s) in [(0, 1), (1_500, 2_000), (10_000, 16 * 1024), (70_000, 1_000_000)] {
            let pace = Pace { grace: Duration::from_millis(grace_ms), bytes_per_s, whole };
            assert_eq!(pace.more_until(0), pace.grace.min(whole));
            for at_ms in (0..55_000_u64).step_by(37) {
                let due = at_ms.saturating_sub(grace_ms) * bytes_per_s / 1_000;
                let at = Duration::from_millis(at_ms);
                let ahead = pace.more_until((due + bytes_per_s / 1_000 + 1) as usize);
                assert!(at <= ahead && ahead <= whole, "{pace:?}: {ahead:?} at {at:?}");
                let behind = pace.more_until((due / 2) as usize);
                assert!(at_ms <= grace_ms || due < 4 || behind < at, "{pace:?}: {behind:?} at {at:?}");
            }
            assert_eq!(pace.more_until(usize::MAX), whole);
        }
    }
}
