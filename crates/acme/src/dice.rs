//! Seeded randomness whose values never change between versions.
//!
//! `ChaCha8Rng` promises a stable stream; the range reductions of `rand` do not, so the few that
//! are needed are written here.

use rand::SeedableRng;
use rand::rand_core::Rng as _;
use rand::rngs::ChaCha8Rng;

/// What a stream of random numbers is for: streams of different purposes never share values.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Work = 1,
    Attack = 2,
    LiveAttack = 3,
    Bench = 4,
}

/// A portable random stream.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of (seed, purpose, number, scale): equal arguments give equal values forever.
    pub(crate) fn new(seed: u64, purpose: Purpose, number: u64, salt: u64) -> Self {
        let mut key = [0u8; 32];
        for (slot, part) in key.chunks_exact_mut(8).zip([seed, purpose as u64, number, salt]) {
            slot.copy_from_slice(&part.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound` (0 when `bound` is 0).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `low..=high`; `low` when the range is empty.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as u64) as i64
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// One of `items`, which must not be empty: every caller passes a table of this crate.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// True `permille` times in a thousand.
    pub(crate) fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// A whole number whose mean is `mean`: the floor, plus one as often as the fraction says.
    pub(crate) fn count(&mut self, mean: f64) -> u64 {
        let mean = mean.max(0.0);
        mean as u64 + u64::from(self.chance((mean.fract() * 1000.0) as u64))
    }

    /// `count` characters of `alphabet`, which has at most 64.
    pub(crate) fn letters(&mut self, out: &mut String, count: usize, alphabet: &[u8]) {
        letters_from(out, count, alphabet, || self.next());
    }

    /// A version 4 UUID in lower case.
    pub(crate) fn uuid(&mut self, out: &mut String) {
        uuid_from(out, HEX, self.next(), self.next());
    }

    pub(crate) fn uuid_upper(&mut self, out: &mut String) {
        uuid_from(out, HEX_UPPER, self.next(), self.next());
    }
}

pub(crate) const HEX: &[u8] = b"0123456789abcdef";
pub(crate) const HEX_UPPER: &[u8] = b"0123456789ABCDEF";
pub(crate) const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub(crate) const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(crate) const BASE62: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub(crate) const DIGITS: &[u8] = b"0123456789";

fn letters_from(out: &mut String, count: usize, alphabet: &[u8], mut next: impl FnMut() -> u64) {
    let mut written = 0;
    while written < count {
        let mut word = next();
        for _ in 0..(count - written).min(10) {
            let place = ((word & 63) as usize * alphabet.len()) >> 6;
            out.push(char::from(alphabet[place]));
            word >>= 6;
            written += 1;
        }
    }
}

fn uuid_from(out: &mut String, digits: &[u8], high: u64, low: u64) {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    for nibble in 0..32u32 {
        if matches!(nibble, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        let word = if nibble < 16 { high } else { low };
        out.push(char::from(digits[(word >> (60 - 4 * (nibble % 16))) as usize & 15]));
    }
}

/// FNV-1a over `parts`, mixed, so that the same names always give the same identifier.
pub(crate) fn hash(seed: u64, parts: &[&str]) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325 ^ seed;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    mix(sum)
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) fn mix(state: u64) -> u64 {
    let mut word = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// `count` characters of `alphabet` that depend only on `state`.
pub(crate) fn stable_letters(out: &mut String, count: usize, alphabet: &[u8], mut state: u64) {
    letters_from(out, count, alphabet, || {
        state = mix(state);
        state
    });
}
