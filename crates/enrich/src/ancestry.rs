//! Who started whom: the processes of each host, with process ids that are given again.
//!
//! A process is known by (host, process id, start time); an id that comes back later is another process. The
//! parent of a process is whoever had the parent's id when the process started, and is looked up when it is
//! asked for, so that a start that arrives late still counts.
//!
//! **Invariant:** memory is bounded: [`PROCESSES_PER_HOST_MAX`] of a host, [`HOSTS_MAX`] hosts,
//! [`PROCESSES_MAX`] in all. Of a full host the process that was asked for longest ago goes first (the clock
//! algorithm: Corbató, "A Paging Experiment with the Multics System", 1968), of too many hosts the least
//! recently seen.

use crate::limits::{ANCESTORS_MAX, HOSTS_MAX, IMAGE_BYTES_MAX, PROCESSES_MAX, PROCESSES_PER_HOST_MAX};
use foldhash::{HashMap, HashSet};
use model::{Ancestor, AncestryBuffer};
use std::collections::VecDeque;
use std::sync::Arc;

/// Texts of executables above which unused ones are swept out.
const IMAGES_SWEEP: usize = 1 << 15;

/// A process as an event names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessRef<'a> {
    /// Its id.
    pub pid: u64,
    /// When it started, milliseconds since the epoch, if the event says.
    pub started_at_ms: Option<i64>,
    /// Path of its executable, else its name; empty if the event names neither.
    pub image: &'a str,
}

/// What an event says of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessEvent<'a> {
    /// The host's name.
    pub host: &'a str,
    /// The process that the event is about.
    pub process: ProcessRef<'a>,
    /// Its parent, if the event names it.
    pub parent: Option<ProcessRef<'a>>,
    /// The event is the process's start.
    pub starts: bool,
    /// The event is the process's end.
    pub ends: bool,
}

#[derive(Debug, Clone)]
struct Process {
    started_at_ms: i64,
    /// `i64::MAX` while it runs, as far as is known.
    ended_at_ms: i64,
    parent_pid: Option<u64>,
    image: Arc<str>,
    /// What the process's own start said of its parent, for when the parent's start was not seen.
    parent_image: Arc<str>,
    used: bool,
}

#[derive(Debug, Default)]
struct Host {
    processes: HashMap<u64, Vec<Process>>,
    order: VecDeque<(u64, i64)>,
    seen: u64,
}

/// The processes that one worker knows.
#[derive(Debug)]
pub struct ProcessTree {
    hosts: HashMap<Box<str>, Host>,
    images: HashSet<Arc<str>>,
    /// How many texts make the next sweep; twice what the last one left, so that sweeping stays cheap.
    images_sweep: usize,
    nothing: Arc<str>,
    processes: usize,
    seen: u64,
    evicted: u64,
}

impl Default for ProcessTree {
    fn default() -> Self {
        Self {
            hosts: HashMap::default(),
            images: HashSet::default(),
            images_sweep: IMAGES_SWEEP,
            nothing: Arc::from(""),
            processes: 0,
            seen: 0,
            evicted: 0,
        }
    }
}

impl ProcessTree {
    /// How many processes are remembered.
    pub fn len(&self) -> usize {
        self.processes
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.processes == 0
    }

    /// How many were forgotten for want of room.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Notes what an event of `time_ms` says: a start, an end, or neither.
    pub fn note(&mut self, event: &ProcessEvent<'_>, time_ms: i64) {
        if event.host.is_empty() || !(event.starts || event.ends) {
            return;
        }
        self.seen += 1;
        if event.starts {
            self.start(event, time_ms);
        } else {
            self.end(event, time_ms);
        }
    }

    fn start(&mut self, event: &ProcessEvent<'_>, time_ms: i64) {
        let started_at_ms = event.process.started_at_ms.unwrap_or(time_ms);
        let process = Process {
            started_at_ms,
            ended_at_ms: i64::MAX,
            parent_pid: event.parent.map(|parent| parent.pid),
            image: self.image(event.process.image),
            parent_image: self.image(event.parent.map_or("", |parent| parent.image)),
            used: true,
        };
        self.make_room(event.host);
        let seen = self.seen;
        let Some(host) = self.hosts.get_mut(event.host) else { return };
        host.seen = seen;
        let lives = host.processes.entry(event.process.pid).or_default();
        match lives.binary_search_by_key(&started_at_ms, |life| life.started_at_ms) {
            // the same start told again, by a second source or a second delivery: what it knows more counts
            Ok(at) => {
                let ended_at_ms = lives[at].ended_at_ms;
                lives[at] = Process { ended_at_ms, ..process };
            }
            Err(at) => {
                lives.insert(at, process);
                host.order.push_back((event.process.pid, started_at_ms));
                self.processes += 1;
            }
        }
    }

    fn end(&mut self, event: &ProcessEvent<'_>, time_ms: i64) {
        let Some(host) = self.hosts.get_mut(event.host) else { return };
        host.seen = self.seen;
        let Some(lives) = host.processes.get_mut(&event.process.pid) else { return };
        let born = event.process.started_at_ms.unwrap_or(time_ms);
        if let Some(life) = lives.iter_mut().rev().find(|life| life.started_at_ms <= born) {
            life.ended_at_ms = life.ended_at_ms.min(time_ms);
        }
    }

    /// Writes the processes above the event's process into `chain`, the parent first.
    pub fn ancestors(&mut self, event: &ProcessEvent<'_>, time_ms: i64, chain: &mut AncestryBuffer) {
        chain.clear();
        let mut seen = [(0_u64, 0_i64); ANCESTORS_MAX + 1];
        let mut found = 0;
        let host = self.hosts.get_mut(event.host);
        let own =
            ProcessRef { started_at_ms: event.process.started_at_ms.or(Some(time_ms)), ..event.process };
        let Some(host) = host else { return event.parent.iter().for_each(|p| push_told(chain, p)) };
        let (mut at_ms, mut parent) = match host.life(own.pid, own.started_at_ms.unwrap_or(time_ms)) {
            Some(life) => {
                (life.started_at_ms, life.parent_pid.map(|pid| (pid, Arc::clone(&life.parent_image))))
            }
            None => (own.started_at_ms.unwrap_or(time_ms), None),
        };
        seen[0] = (own.pid, at_ms);
        if let (None, Some(told)) = (&parent, &event.parent) {
            match host.life(told.pid, told.started_at_ms.unwrap_or(at_ms)) {
                Some(_) => parent = Some((told.pid, Arc::clone(&self.nothing))),
                None => return push_told(chain, told),
            }
        }
        while let Some((pid, image)) = parent {
            let Some(life) = host.life(pid, at_ms) else {
                return chain.push(Ancestor { pid, image: &image, started_at_ms: 0 });
            };
            // equal start times can make a ring of parents; each process is told once
            let step = (pid, life.started_at_ms);
            if seen[..=found].contains(&step) || found >= ANCESTORS_MAX {
                return;
            }
            found += 1;
            seen[found] = step;
            let told = if life.image.is_empty() { &image } else { &life.image };
            chain.push(Ancestor { pid, image: told, started_at_ms: life.started_at_ms });
            at_ms = life.started_at_ms;
            parent = life.parent_pid.map(|pid| (pid, Arc::clone(&life.parent_image)));
        }
    }

    /// The one copy of an executable's path.
    fn image(&mut self, text: &str) -> Arc<str> {
        let text = cut(text);
        if let Some(known) = self.images.get(text) {
            return Arc::clone(known);
        }
        if self.images.len() >= self.images_sweep {
            self.images.retain(|image| Arc::strong_count(image) > 1);
            self.images_sweep = IMAGES_SWEEP.max(2 * self.images.len());
        }
        let fresh: Arc<str> = Arc::from(text);
        self.images.insert(Arc::clone(&fresh));
        fresh
    }

    /// Makes sure that one more process of `name` may be remembered.
    fn make_room(&mut self, name: &str) {
        if !self.hosts.contains_key(name) {
            if self.hosts.len() >= HOSTS_MAX {
                self.forget_a_host(None);
            }
            self.hosts.insert(name.into(), Host::default());
        }
        if self.processes >= PROCESSES_MAX {
            self.forget_a_host(Some(name));
        }
        let Some(host) = self.hosts.get_mut(name) else { return };
        while host.order.len() >= PROCESSES_PER_HOST_MAX || self.processes >= PROCESSES_MAX {
            if !host.forget_one() {
                return;
            }
            self.processes -= 1;
            self.evicted += 1;
        }
    }

    /// Forgets the host that was seen longest ago, but not `spared`.
    fn forget_a_host(&mut self, spared: Option<&str>) {
        let others = self.hosts.iter().filter(|(name, _)| Some(&***name) != spared);
        let Some(oldest) = others.min_by_key(|(_, host)| host.seen).map(|(name, _)| name.clone()) else {
            return;
        };
        if let Some(host) = self.hosts.remove(&oldest) {
            self.processes -= host.order.len();
            self.evicted += host.order.len() as u64;
        }
    }
}

/// The part of an executable's path that is remembered and told.
fn cut(image: &str) -> &str {
    image.get(..image.floor_char_boundary(IMAGE_BYTES_MAX)).unwrap_or(image)
}

fn push_told(chain: &mut AncestryBuffer, parent: &ProcessRef<'_>) {
    let ProcessRef { pid, started_at_ms, image } = *parent;
    chain.push(Ancestor { pid, image: cut(image), started_at_ms: started_at_ms.unwrap_or(0) });
}

impl Host {
    /// The process that had `pid` at a time: the one that started last before it, if it had not ended.
    fn life(&mut self, pid: u64, at_ms: i64) -> Option<&mut Process> {
        let lives = self.processes.get_mut(&pid)?;
        let after = lives.partition_point(|life| life.started_at_ms <= at_ms);
        let life = lives.get_mut(after.checked_sub(1)?)?;
        if life.ended_at_ms < at_ms {
            return None;
        }
        life.used = true;
        Some(life)
    }

    /// Forgets the process that was not asked for since the hand came by; false when there is none.
    fn forget_one(&mut self) -> bool {
        for _ in 0..=2 * self.order.len() {
            let Some((pid, started_at_ms)) = self.order.pop_front() else { return false };
            let Some(lives) = self.processes.get_mut(&pid) else { return true };
            let Ok(at) = lives.binary_search_by_key(&started_at_ms, |life| life.started_at_ms) else {
                return true;
            };
            if lives[at].used && lives[at].ended_at_ms == i64::MAX {
                lives[at].used = false;
                self.order.push_back((pid, started_at_ms));
                continue;
            }
            lives.remove(at);
            if lives.is_empty() {
                self.processes.remove(&pid);
            }
            return true;
        }
        false
    }
}
