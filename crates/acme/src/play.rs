//! Playing days in order.

use std::collections::VecDeque;

use crate::dice::{Dice, Purpose};
use crate::org::Org;
use crate::scribe::Scribe;
use crate::text::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::{Attack, Record, attack, work};

/// When attacks begin, in thousandths of the history, and which of the two forms of each is played.
/// The last five fall into its last tenth, so that a demo has fresh incidents.
const PLAN: [(i64, Attack, u64); 10] = [
    (120, Attack::CredentialStuffing, 0),
    (260, Attack::LeakedKey, 0),
    (390, Attack::MaliciousWorkflow, 0),
    (520, Attack::PrivilegeEscalation, 0),
    (610, Attack::LogTampering, 0),
    (905, Attack::CredentialStuffing, 1),
    (930, Attack::LeakedKey, 1),
    (955, Attack::MaliciousWorkflow, 1),
    (972, Attack::PrivilegeEscalation, 1),
    (988, Attack::LogTampering, 1),
];
/// No attack takes longer than this.
pub(crate) const ATTACK_MS_MAX: i64 = 3 * HOUR_MS;
/// The first attack of a live play, and the time from one to the next.
const LIVE_FIRST_MS: i64 = 3 * MINUTE_MS;
const LIVE_EVERY_MS: i64 = 4 * HOUR_MS;

/// An endless or bounded play of Acme; iterate it for records in time order.
///
/// Holds about one day of records at a time (about 2 MB at scale 1).
pub struct Acme {
    org: Org,
    from_ms: i64,
    /// Exclusive; `i64::MAX` for a live play.
    end_ms: i64,
    scale: f64,
    attacks: Attacks,
    /// The next day to play.
    day: i64,
    /// Played, in order, ready to hand out.
    ready: VecDeque<Record>,
    /// Played, but later than the end of the last played day.
    pending: Vec<Record>,
}

enum Attacks {
    None,
    Planned,
    /// One every `LIVE_EVERY_MS` from the start.
    Regular,
}

impl Acme {
    /// The `days` days before `end_ms` (exclusive; milliseconds since 1970-01-01 UTC): about 80,000
    /// records for 90 days at `scale` 1, which multiplies how much people and machines do, not how many
    /// they are. Both forms of all five attacks are inside. Times before 1970 are not supported: an `end_ms`
    /// closer to it than `days` gives a shorter history.
    pub fn new(seed: u64, end_ms: i64, days: u32, scale: f64) -> Self {
        let end_ms = end_ms.max(0);
        let from_ms = end_ms.saturating_sub(i64::from(days) * DAY_MS).max(0);
        Self::between(seed, from_ms, end_ms, scale, Attacks::Planned)
    }

    /// What happens from `from_ms` on, without an end: follows on a history of the same seed and scale
    /// that ends there, without a gap and without repeating a record. An attack begins after three
    /// minutes and every four hours, each in its turn. Scale 1 is about 10 records an hour at night and
    /// 100 in working hours; [`Acme::scale`] makes it busier.
    pub fn live(seed: u64, from_ms: i64) -> Self {
        Self::between(seed, from_ms.max(0), i64::MAX, 1.0, Attacks::Regular)
    }

    fn between(seed: u64, from_ms: i64, end_ms: i64, scale: f64, attacks: Attacks) -> Self {
        // the day before: its late work spills into the first day
        let day = (from_ms.div_euclid(DAY_MS) - 1).max(0);
        let org = Org::new(seed);
        let (ready, pending) = (VecDeque::new(), Vec::new());
        Self { org, from_ms, end_ms, scale: clean(scale), attacks, day, ready, pending }
    }

    /// Multiplies how much is done; at most 1,000, nothing below 0.
    #[must_use]
    pub fn scale(mut self, scale: f64) -> Self {
        self.scale = clean(scale);
        self
    }

    /// Leaves the attacks out; the other records stay byte for byte what they are.
    #[must_use]
    pub fn benign_only(mut self) -> Self {
        self.attacks = Attacks::None;
        self
    }

    fn play_next_day(&mut self) {
        let seed = self.org.seed;
        let salt = self.scale.to_bits();
        let dice = Dice::new(seed, Purpose::Work, self.day as u64, salt);
        let mut scribe = Scribe { org: &self.org, dice, label: None, records: &mut self.pending };
        work::play_day(&mut scribe, self.day, self.scale);
        for (begin_ms, attack, form, dice) in self.attacks_of_day() {
            let mut scribe = Scribe { org: &self.org, dice, label: Some(attack), records: &mut self.pending };
            attack::play(&mut scribe, attack, form, begin_ms);
        }
        // ties are broken by id, so that attacks do not move benign records
        self.pending.sort_unstable_by(|a, b| (a.time_ms, &a.id).cmp(&(b.time_ms, &b.id)));
        self.day += 1;
        let day_end_ms = self.day.saturating_mul(DAY_MS);
        let done = self.pending.partition_point(|record| record.time_ms < day_end_ms);
        let wanted = self.from_ms..self.end_ms;
        self.ready.extend(self.pending.drain(..done).filter(|record| wanted.contains(&record.time_ms)));
    }

    fn attacks_of_day(&self) -> Vec<(i64, Attack, u64, Dice)> {
        let today = self.day * DAY_MS..(self.day + 1) * DAY_MS;
        let seed = self.org.seed;
        let from_ms = self.from_ms;
        match self.attacks {
            Attacks::None => Vec::new(),
            Attacks::Planned => {
                let last_ms = (self.end_ms - ATTACK_MS_MAX).max(from_ms);
                let span_ms = self.end_ms - from_ms;
                let begins = PLAN.iter().zip(0..).map(|((place, attack, form), number)| {
                    let at_ms = (from_ms + span_ms / 1_000 * place).min(last_ms);
                    (at_ms, *attack, *form, Dice::new(seed, Purpose::Attack, number, 0))
                });
                begins.filter(|begin| today.contains(&begin.0)).collect()
            }
            Attacks::Regular => {
                let first = (today.start - from_ms - LIVE_FIRST_MS).div_euclid(LIVE_EVERY_MS).max(0);
                let begins = (first..first + 8).map(|number| {
                    let at_ms = from_ms + LIVE_FIRST_MS + number * LIVE_EVERY_MS;
                    let attack = Attack::ALL[number.unsigned_abs() as usize % Attack::ALL.len()];
                    let dice = Dice::new(seed, Purpose::LiveAttack, number as u64, from_ms as u64);
                    (at_ms, attack, number as u64 / 5, dice)
                });
                begins.filter(|begin| today.contains(&begin.0)).collect()
            }
        }
    }
}

fn clean(scale: f64) -> f64 {
    if scale.is_finite() { scale.clamp(0.0, 1_000.0) } else { 1.0 }
}

impl Iterator for Acme {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Some(record);
            }
            if self.day.saturating_mul(DAY_MS) >= self.end_ms {
                return None;
            }
            self.play_next_day();
        }
    }
}
