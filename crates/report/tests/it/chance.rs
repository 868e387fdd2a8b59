//! Reproducible chance for simulations.

use model::{Entropy, SeededEntropy};
use std::net::Ipv4Addr;

pub(crate) struct Chance(SeededEntropy);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xA5A5))
    }

    pub(crate) fn bits(&self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Below `n`.
    pub(crate) fn below(&self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// From `low` up to, not with, `high`.
    pub(crate) fn between(&self, low: usize, high: usize) -> usize {
        low + self.below(high - low)
    }

    /// 0 up to 1.
    pub(crate) fn unit(&self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn is(&self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn pick<'a, T: ?Sized>(&self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    pub(crate) fn address(&self) -> std::net::IpAddr {
        Ipv4Addr::from_bits(self.bits() as u32).into()
    }

    pub(crate) fn shuffle<T>(&self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
