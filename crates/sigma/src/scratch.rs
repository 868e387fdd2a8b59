//! Memory that one thread reuses from event to event, so that matching allocates nothing.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use foldhash::fast::FixedState;

use crate::field_index::LookupBuffers;
use crate::limits::MEMO_BYTES_MAX;
use crate::memo::{Found, Memo};
use crate::placed::PlacedSlots;
use crate::plan::{Counts, Plan};
use crate::route::{Route, RouteProgram};
use crate::sieve::SieveBuffers;
use crate::single::SingleScratch;

/// Events after which guards are chosen anew, each this many times the number before: first by guesses, then by
/// what was counted.
const REPLAN_GROWTH: u64 = 8;
const REPLAN_FIRST: u64 = 64;
/// Past this many events guards are chosen anew in equal steps, so that they follow a change of the traffic.
const REPLAN_EVERY: u64 = 1 << 20;
/// All of the first events are counted, and one of this many later ones.
const COUNT_ALL_BEFORE: u64 = 256;
const COUNT_EVERY: u64 = 64;

/// What one thread remembers between events: values and what they satisfied, and how often. Reuse one for all
/// events of a thread, also across rule sets. What it holds never changes what matches, only how fast.
#[derive(Debug)]
pub struct MatchScratch {
    pub(crate) memo: Memo,
    pub(crate) event: EventScratch,
    pub(crate) lookup: LookupBuffers,
    pub(crate) states: Vec<RouteState>,
    /// By address of a route's program, which a [`RouteState`] keeps from being given to another.
    by_program: HashMap<usize, usize, FixedState>,
    /// The next number for a field of a route in the memo.
    fields: u32,
    pub(crate) single: SingleScratch,
}

/// What is known of one route.
#[derive(Debug, Default)]
pub(crate) struct RouteState {
    program: Weak<RouteProgram>,
    pub(crate) plan: Plan,
    pub(crate) counts: Counts,
    /// Number of the route's first slot in the memo.
    pub(crate) field: u32,
    events: u64,
    replan_at: u64,
}

/// What is known of the event at hand. Nothing is cleared between events: a slot is valid if it carries the
/// current epoch.
#[derive(Debug, Default)]
pub(crate) struct EventScratch {
    pub(crate) epoch: u32,
    pub(crate) slots: Vec<SlotState>,
    /// What the values of the loaded slots satisfy.
    pub(crate) spans: Vec<Span>,
    /// Predicates of values that are not in the memo.
    pub(crate) predicates: Vec<u32>,
    /// Rules to try.
    pub(crate) rules: Vec<u32>,
    /// Values with their places, of slots that are asked within elements.
    pub(crate) placed: PlacedSlots<Span>,
    /// A value that is no string, as text; texts of fields that are compared with one another.
    pub(crate) text: String,
    pub(crate) other: String,
    pub(crate) sieve: SieveBuffers,
    pub(crate) found: Vec<u32>,
    pub(crate) to_try: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SlotState {
    pub(crate) epoch: u32,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) has_null: bool,
}

/// The predicates of one value: in the memo, or a range of [`EventScratch::predicates`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    Memo(Found),
    Own { from: u32, to: u32 },
}

impl Default for MatchScratch {
    fn default() -> Self {
        Self::with(0, MEMO_BYTES_MAX)
    }
}

impl MatchScratch {
    /// An empty scratch; it grows to the rules and events it meets.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty scratch whose hashes depend on `seed`, so that no sender can know which values share a place, and
    /// which remembers at most `memo_bytes_max` bytes of values; 0 remembers none.
    pub fn with(seed: u64, memo_bytes_max: usize) -> Self {
        MatchScratch {
            memo: Memo::new(seed, memo_bytes_max),
            event: EventScratch::default(),
            lookup: LookupBuffers::default(),
            states: Vec::new(),
            by_program: HashMap::default(),
            fields: 1,
            single: SingleScratch::default(),
        }
    }

    /// Bytes of remembered values.
    pub fn memo_bytes(&self) -> usize {
        self.memo.bytes()
    }

    /// Starts on the next event: where the route's state is, and whether the event is one to count.
    pub(crate) fn begin(&mut self, route: &Route) -> (usize, bool) {
        self.memo.turn_if_full();
        let at = self.state_of(&route.program);
        if self.states.get(at).is_some_and(|state| state.events == state.replan_at) {
            self.plan(at, &route.program);
        }
        self.event.begin(route.program.slots.len());
        let Some(state) = self.states.get_mut(at) else { return (at, false) };
        state.events += 1;
        (at, state.events <= COUNT_ALL_BEFORE || state.events.is_multiple_of(COUNT_EVERY))
    }

    fn state_of(&mut self, program: &Arc<RouteProgram>) -> usize {
        let address = Arc::as_ptr(program) as usize;
        if let Some(&at) = self.by_program.get(&address) {
            return at;
        }
        self.forget_dropped_routes();
        let at = self.states.len();
        self.states.push(RouteState { program: Arc::downgrade(program), ..RouteState::default() });
        self.by_program.insert(address, at);
        at
    }

    /// Routes of rule sets that are no longer there.
    fn forget_dropped_routes(&mut self) {
        self.states.retain(|state| state.program.strong_count() > 0);
        self.by_program.clear();
        let addresses = self.states.iter().map(|state| state.program.as_ptr() as usize);
        self.by_program.extend(addresses.zip(0..));
    }

    #[cold]
    fn plan(&mut self, at: usize, program: &RouteProgram) {
        let slots = program.slots.len() as u32;
        if self.fields.checked_add(slots).is_none() {
            self.memo.forget();
            self.fields = 1;
            self.states.iter_mut().for_each(|other| other.replan_at = other.events);
        }
        let Some(state) = self.states.get_mut(at) else { return };
        if state.counts.held.is_empty() {
            state.counts.held.resize(program.values as usize, 0);
            state.counts.values.resize(program.slots.len(), 0);
        }
        state.plan = Plan::new(program, &state.counts);
        // What the memo has of the route names rules to try by the old plan.
        state.field = self.fields;
        self.fields += slots;
        state.replan_at = match state.events {
            0 => REPLAN_FIRST,
            events if events < REPLAN_EVERY => events * REPLAN_GROWTH,
            events => {
                state.counts.fade();
                events + REPLAN_EVERY
            }
        };
    }
}

impl EventScratch {
    fn begin(&mut self, slots: usize) {
        self.epoch = self.epoch.checked_add(1).unwrap_or_else(|| {
            // Once in four thousand million events the marks start over.
            self.slots.fill(SlotState::default());
            1
        });
        if self.slots.len() < slots {
            self.slots.resize(slots, SlotState::default());
        }
        self.spans.clear();
        self.predicates.clear();
        self.rules.clear();
        self.placed.clear();
    }
}
