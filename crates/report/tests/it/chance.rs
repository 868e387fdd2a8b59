//! Reproducible chance for simulations.

use model::{Entropy, SeededEntropy};
use std::net::Ipv4Addr;

pub struct Chance(SeededEntropy);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xA5A5))
    }

    pub fn bits(&self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Below `n`.
    pub fn below(&self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// From `low` up to, not with, `high`.
    pub fn between(&self, low: usize, high: usize) -> usize {
        low + self.below(high - low)
    }

    /// 0 up to 1.
    pub fn unit(&self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn is(&self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub fn pick<'a, T: ?Sized>(&self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    pub fn address(&self) -> std::net::IpAddr {
        Ipv4Addr::from_bits(self.bits() as u32).into()
    }

    pub fn shuffle<T>(&self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
