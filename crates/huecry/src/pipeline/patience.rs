//! Tries again what failed for the moment, with pauses that grow up to a limit.

use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// How often the pause doubles: it is then 32 times as long as the first one.
const DOUBLINGS_MAX: u32 = 5;

/// The pauses between tries of one thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    first: Duration,
    tries: u32,
}

impl Patience {
    /// `first` is the first pause.
    pub(super) fn new(first: Duration) -> Self {
        Self { first, tries: 0 }
    }

    /// How often it was tried again.
    pub(super) fn tries(self) -> u32 {
        self.tries
    }

    /// The pause before the next try; each is twice as long as the one before, up to the limit.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.first * (1 << self.tries.min(DOUBLINGS_MAX));
        self.tries = self.tries.saturating_add(1);
        pause
    }

    /// Sleeps until the next try; true when shutting down.
    pub(super) fn wait(&mut self, runtime: &Handle, shutdown: &CancellationToken) -> bool {
        let pause = self.next();
        runtime.block_on(async { tokio::time::timeout(pause, shutdown.cancelled()).await.is_ok() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let mut patience = Patience::new(Duration::from_millis(10));
        let pauses: Vec<_> = (0..8).map(|_| patience.next().as_millis()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 320, 320]);
        assert_eq!(patience.tries(), 8);
    }
}
