//! Senders: as fast as answers come, or at a steady rate whatever the answers.

use crate::Failed;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Where senders send to: more sources than senders, so that every partition of the log has work.
pub(crate) struct Doors {
    pub(crate) doors: Vec<Door>,
    pub(crate) senders: usize,
}

impl Doors {
    /// The door of the body with this number.
    fn of(&self, number: usize) -> Result<&Door, Failed> {
        let doors = self.doors.len().max(1);
        self.doors.get(number % doors).ok_or_else(|| "no source to send to".into())
    }
}

/// One source's.
pub(crate) struct Door {
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Door {
    fn send(&self, agent: &ureq::Agent, body: &[u8]) -> Result<(), Failed> {
        loop {
            let answer = agent
                .post(&self.url)
                .header("authorization", format!("Bearer {}", self.token))
                .header("content-type", "application/x-ndjson")
                .send(body);
            match answer {
                Ok(_) => return Ok(()),
                // the server says that it is at its bound: that is part of the measurement
                Err(ureq::Error::StatusCode(429)) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Sends every body, each sender the next one as soon as its last was acknowledged.
pub(crate) fn full_speed(doors: &Doors, bodies: &[Vec<u8>]) -> Result<(), Failed> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let sender = || -> Result<(), Failed> {
            let agent = ureq::Agent::new_with_defaults();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(body) = bodies.get(number) else { return Ok(()) };
                doors.of(number)?.send(&agent, body)?;
            }
        };
        let senders: Vec<_> = (0..doors.senders).map(|_| scope.spawn(sender)).collect();
        senders.into_iter().try_for_each(|s| s.join().map_err(|_| "a sender panicked")?)
    })
}

/// Sends bodies at fixed moments; latency counts from the moment a body was due, so a stall is not hidden
/// by the sender waiting (coordinated omission).
pub(crate) fn paced(
    doors: &Doors,
    bodies: &[Vec<u8>],
    bodies_per_second: f64,
) -> Result<Vec<Duration>, Failed> {
    let next = AtomicUsize::new(0);
    let start = Instant::now() + Duration::from_millis(50);
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        let sender = || -> Result<Vec<Duration>, Failed> {
            let agent = ureq::Agent::new_with_defaults();
            let mut latencies = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(body) = bodies.get(number) else { return Ok(latencies) };
                let due = start + Duration::from_secs_f64(number as f64 / bodies_per_second);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                doors.of(number)?.send(&agent, body)?;
                latencies.push(due.elapsed());
            }
        };
        let senders: Vec<_> = (0..doors.senders).map(|_| scope.spawn(sender)).collect();
        for sender in senders {
            all.extend(sender.join().map_err(|_| "a sender panicked")??);
        }
        Ok::<_, Failed>(())
    })?;
    all.sort_unstable();
    Ok(all)
}

/// The value below which the share `q` of sorted latencies lies, in milliseconds.
pub(crate) fn quantile_ms(sorted: &[Duration], q: f64) -> f64 {
    let at = ((sorted.len() as f64 * q) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |d| d.as_secs_f64() * 1e3)
}
