//! Randomness from the operating system.

use model::Entropy;
use rand::Rng;

/// The thread's generator (ChaCha, seeded and reseeded by the operating system); good for secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}
