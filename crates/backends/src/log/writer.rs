//! Group commit: a thread per partition takes everything that is queued, makes it durable with one
//! write and one sync, and answers all its senders.

use super::block::Encoded;
use super::partition::PartitionLog;
use super::reader::View;
use model::{Offset, Partition, Topic};
use ports::LogError;
use ports::log::Retained;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::oneshot;

use super::locked;
use disk::DiskLock;

/// What the memory of a queued command weighs besides its records, about.
const COMMAND_BYTES: usize = 512;

/// Most commits written to the small file at once.
const COMMITS_MAX: usize = 256;

/// What a sender is told at least and at most when the log is behind.
const RETRY_AFTER_MS_MIN: u64 = 20;
const RETRY_AFTER_MS_MAX: u64 = 5_000;

type Reply<T> = oneshot::Sender<Result<T, LogError>>;

/// What the thread is asked to do.
enum Command {
    Append { batch: Encoded, room: Room, reply: Reply<Offset> },
    SetConsumer { change: ConsumerChange, reply: Reply<Offset> },
    Retain { now_ms: i64, reply: Reply<Retained> },
    Close { reply: Reply<()> },
}

/// A change of what a consumer group holds.
pub(super) enum ConsumerChange {
    Register(String),
    Commit(String, Offset),
    Unregister(String),
}

/// The bytes that wait to become durable, over all partitions, and how fast they go.
pub(super) struct InFlight {
    used_bytes: AtomicUsize,
    bytes_max: usize,
    bytes_per_ms: AtomicU64,
}

/// A place among the bytes in flight; given back when dropped.
struct Room {
    in_flight: Arc<InFlight>,
    bytes: usize,
}

impl InFlight {
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self { used_bytes: AtomicUsize::new(0), bytes_max, bytes_per_ms: AtomicU64::new(20_000) }
    }

    fn take(self: &Arc<Self>, bytes: usize) -> Result<Room, LogError> {
        let add = |used: usize| used.checked_add(bytes).filter(|&sum| sum <= self.bytes_max);
        match self.used_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, add) {
            Ok(_) => Ok(Room { in_flight: Arc::clone(self), bytes }),
            Err(used) => {
                let wait_ms = used as u64 / self.bytes_per_ms.load(Ordering::Relaxed).max(1);
                let retry_after_ms = wait_ms.clamp(RETRY_AFTER_MS_MIN, RETRY_AFTER_MS_MAX);
                Err(LogError::Overloaded { retry_after_ms })
            }
        }
    }

    fn note_speed(&self, bytes: u64, since: Instant) {
        let now = bytes / (since.elapsed().as_millis() as u64).max(1);
        let before = self.bytes_per_ms.load(Ordering::Relaxed);
        self.bytes_per_ms.store((before * 7 + now) / 8, Ordering::Relaxed);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.in_flight.used_bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// The senders' side of a partition.
pub(super) struct Writer {
    pub view: Arc<View>,
    commands: Option<Sender<Command>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    in_flight: Arc<InFlight>,
}

impl Writer {
    /// Starts the thread. It holds the lock of the folder as long as it runs.
    pub(super) fn start(
        log: PartitionLog,
        in_flight: Arc<InFlight>,
        group_bytes_max: usize,
        lock: Arc<DiskLock>,
    ) -> io::Result<Self> {
        let view = Arc::clone(log.view());
        let (commands, queue) = channel();
        let name = thread_name(view.topic, view.partition);
        let speed = Arc::clone(&in_flight);
        let mut serve = Serve { log, queue, next: None, group_bytes_max: group_bytes_max as u64, speed };
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            serve.run();
            drop(lock);
        })?;
        Ok(Self { view, commands: Some(commands), thread: Mutex::new(Some(thread)), in_flight })
    }

    pub(super) async fn append(&self, batch: Encoded) -> Result<Offset, LogError> {
        let room = self.in_flight.take(batch.file_bytes() as usize + COMMAND_BYTES)?;
        self.view.closed_error()?;
        self.ask(|reply| Command::Append { batch, room, reply }).await
    }

    pub(super) async fn set_consumer(&self, change: ConsumerChange) -> Result<Offset, LogError> {
        self.ask(|reply| Command::SetConsumer { change, reply }).await
    }

    pub(super) async fn retain(&self, now_ms: i64) -> Result<Retained, LogError> {
        self.ask(|reply| Command::Retain { now_ms, reply }).await
    }

    pub(super) async fn close(&self) -> Result<(), LogError> {
        self.ask(|reply| Command::Close { reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, LogError> {
        let (reply, answer) = oneshot::channel();
        let commands = self.commands.as_ref().ok_or(LogError::Closed)?;
        commands.send(command(reply)).map_err(|_| LogError::Closed)?;
        answer.await.map_err(|_| LogError::Closed)?
    }
}

impl Drop for Writer {
    /// Waits until what is queued is durable or refused, so that the folder is free afterwards.
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = locked(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!(topic = %self.view.topic, "log writer panicked");
        }
    }
}

/// Linux shows 15 characters.
fn thread_name(topic: Topic, partition: Partition) -> String {
    format!("log-{}-{}", &topic.as_str()[..topic.as_str().len().min(6)], partition.0)
}

/// The thread.
struct Serve {
    log: PartitionLog,
    queue: Receiver<Command>,
    /// Taken from the queue and not yet served, because it ended a group.
    next: Option<Command>,
    group_bytes_max: u64,
    speed: Arc<InFlight>,
}

impl Serve {
    fn run(&mut self) {
        loop {
            let Some(command) = self.next.take().or_else(|| self.queue.recv().ok()) else { return };
            match command {
                Command::Append { batch, room, reply } => self.append(batch, room, reply),
                Command::SetConsumer { change, reply } => self.set_consumers(change, reply),
                Command::Retain { now_ms, reply } => answer(reply, self.log.retain(now_ms)),
                Command::Close { reply } => answer(reply, self.log.close()),
            }
        }
    }

    fn append(&mut self, batch: Encoded, room: Room, reply: Reply<Offset>) {
        let since = Instant::now();
        let mut bytes = batch.file_bytes();
        let (mut group, mut senders) = (vec![batch], vec![(room, reply)]);
        while bytes < self.group_bytes_max {
            match self.queue.try_recv().ok() {
                Some(Command::Append { batch, room, reply })
                    if bytes + batch.file_bytes() <= self.group_bytes_max =>
                {
                    bytes += batch.file_bytes();
                    group.push(batch);
                    senders.push((room, reply));
                }
                other => {
                    self.next = other;
                    break;
                }
            }
        }
        let mut result = self.log.append_group(&group);
        self.speed.note_speed(bytes, since);
        for (batch, (room, reply)) in group.into_iter().zip(senders) {
            let records = batch.records();
            drop((batch, room));
            answer(reply, result.clone());
            result = result.map(|offset| Offset(offset.0 + records));
        }
    }

    /// Commits that wait together are written together.
    fn set_consumers(&mut self, change: ConsumerChange, reply: Reply<Offset>) {
        let (mut changes, mut senders) = (Vec::new(), Vec::new());
        let mut pending = Some((change, reply));
        while let Some((change, reply)) = pending.take() {
            match self.check(change, &changes) {
                Ok((group, next)) => {
                    senders.push((reply, next.unwrap_or_default()));
                    changes.push((group, next.map(|next| next.0)));
                }
                Err(error) => answer(reply, Err(error)),
            }
            if changes.len() < COMMITS_MAX {
                match self.queue.try_recv().ok() {
                    Some(Command::SetConsumer { change, reply }) => pending = Some((change, reply)),
                    other => self.next = other,
                }
            }
        }
        let result = if changes.is_empty() { Ok(()) } else { self.log.set_consumers(&changes) };
        for (reply, next) in senders {
            answer(reply, result.clone().map(|()| next));
        }
    }

    /// What a change comes to, given those that wait before it.
    fn check(
        &self,
        change: ConsumerChange,
        before: &[(String, Option<u64>)],
    ) -> Result<(String, Option<Offset>), LogError> {
        let held = |group: &str| match before.iter().rev().find(|(name, _)| name == group) {
            Some((_, next)) => next.map(Offset),
            None => self.log.committed(group),
        };
        match change {
            ConsumerChange::Register(group) => {
                let next = held(&group).unwrap_or(self.log.bounds().start);
                Ok((group, Some(next)))
            }
            ConsumerChange::Commit(group, next) => match held(&group) {
                Some(_) => self.log.check_commit(next).map(|()| (group, Some(next))),
                None => Err(LogError::NoSuchConsumer { group }),
            },
            ConsumerChange::Unregister(group) => Ok((group, None)),
        }
    }
}

/// A sender that no longer waits is no error.
fn answer<T>(reply: Reply<T>, result: Result<T, LogError>) {
    drop(reply.send(result));
}
