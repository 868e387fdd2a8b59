//! Correlations linked to the rules they name, and to each other.
//!
//! A correlation over correlations has *copies* of those below it for itself alone, and is a family with them. So what a
//! correlation fires never hangs on who else names it: a chain that is added, changed or taken away leaves the state and
//! the partition of every other correlation as they were.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::error::{ErrorCode, Fault, RuleError};
use crate::limits::{CORRELATION_ALTERNATIVES_MAX, CORRELATION_CHAIN_MAX, CORRELATIONS_BELOW_MAX};

use super::logic::{Logic, LogicFault};
use super::rule::CorrelationRule;
use super::threshold::Micro;
use super::window::{Entry, EntryValue};

/// A detection rule that correlations may name.
#[derive(Clone, Copy, Debug)]
pub struct BaseRule<'a> {
    /// Its id.
    pub id: Option<&'a str>,
    /// Its name.
    pub name: Option<&'a str>,
    /// Its [`crate::Rule::semantic_hash`].
    pub hash: [u8; 32],
}

/// What one of the `rules` of a correlation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Member {
    /// A detection rule, by its place in the list given to [`CorrelationSet::link`].
    Base(usize),
    /// A correlation, by its place in the set.
    Correlation(usize),
}

/// A correlation whose rules were found.
#[derive(Clone, Debug)]
pub struct Linked {
    /// As written.
    pub rule: CorrelationRule,
    /// SHA-256 of what it means: its type, condition, timespan and fields, and the hashes of its rules.
    pub hash: [u8; 32],
    /// Whether another correlation takes its place (one that names it, without `generate: true`).
    pub silent: bool,
    /// Names a state: changes with the id and the meaning; for a copy, also with what it is below, and what that wants
    /// carried.
    pub(crate) key: [u8; 16],
    /// Decides the partition of its matches.
    route: [u8; 16],
    pub(crate) members: Vec<Member>,
    pub(crate) logic: Logic,
    /// A correlation and the copies below it share a family, and a partition.
    pub(crate) family: usize,
    /// What it is a copy of, and the correlation that it is for.
    pub(crate) copy: Option<Copied>,
    /// How many correlations stand below one another under it.
    pub(crate) rank: usize,
    /// Correlations that name this one.
    named_by: Vec<usize>,
    /// Those that take what it holds, and its position there; only copies have any.
    pub(crate) parents: Vec<(usize, u16)>,
    /// Fields that parents need besides those it groups by.
    pub(crate) carried: Vec<String>,
    /// By parent: how a match of it becomes one of this.
    pub(crate) lifts: Vec<Lift>,
}

/// Where a copy comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copied {
    of: usize,
    below: usize,
}

/// How a correlation that holds becomes a match of one above it.
#[derive(Clone, Debug)]
pub(crate) struct Lift {
    parent: usize,
    position: u16,
    pub(crate) is_temporal: bool,
    is_numeric: bool,
    group: Vec<Held>,
    values: Vec<Held>,
    carried: Vec<Held>,
}

/// Where a match has a field of a correlation above it.
#[derive(Clone, Copy, Debug)]
enum Held {
    Group(usize),
    Carried(usize),
}

/// What stands between the values of several fields.
pub const VALUE_SEPARATOR: char = '\u{1f}';

impl Lift {
    /// The match one level up; `None` where a field that is grouped by or counted is missing.
    pub(crate) fn entry(&self, below: &Entry) -> Option<Entry> {
        let text = |held: &Held| match held {
            Held::Group(at) => below.group.get(*at).map(|text| &**text),
            Held::Carried(at) => below.carried.get(*at).and_then(Option::as_deref),
        };
        let group = self.group.iter().map(|held| text(held).map(Box::from)).collect::<Option<Vec<_>>>()?;
        let values = self.values.iter().map(text).collect::<Option<Vec<_>>>()?;
        let value = match values.as_slice() {
            [] => EntryValue::None,
            [number] if self.is_numeric => EntryValue::Number(Micro::parse(number)?),
            texts => EntryValue::Text(texts.join(VALUE_SEPARATOR.encode_utf8(&mut [0; 4])).into()),
        };
        Some(Entry {
            correlation: self.parent,
            position: self.position,
            event: below.event,
            group: group.into(),
            value,
            carried: self.carried.iter().map(|held| text(held).map(Box::from)).collect(),
        })
    }
}

impl Linked {
    /// Which state a match belongs to, across reloads: 16 bytes that change with the id and the meaning.
    pub fn key(&self) -> &[u8; 16] {
        &self.key
    }

    /// By position in `rules`; correlations among them are the copies that are for this one.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether it is made of correlations, or is a copy for one that is; the group is then no part of what decides its
    /// partition, since the group of one is not that of the next.
    pub fn is_chained(&self) -> bool {
        self.copy.is_some() || self.has_copies()
    }

    fn has_copies(&self) -> bool {
        self.members.iter().any(|member| matches!(member, Member::Correlation(_)))
    }

    /// What decides the partition of its matches, with their group unless it [is chained](Self::is_chained): 16 bytes
    /// that no other correlation has a say in.
    pub fn route(&self) -> &[u8; 16] {
        &self.route
    }

    /// Whether it is a copy that another correlation is made of; it fires for that one alone.
    pub fn is_copy(&self) -> bool {
        self.copy.is_some()
    }

    /// Its family, dense from zero.
    pub fn family(&self) -> usize {
        self.family
    }
}

/// Every correlation that can run.
#[derive(Clone, Debug, Default)]
pub struct CorrelationSet {
    /// First those that were written, each after what it is made of, then copies.
    pub(crate) linked: Vec<Linked>,
    /// How many were written.
    written: usize,
    by_key: HashMap<[u8; 16], usize>,
    uses: BTreeMap<usize, Vec<(usize, u16)>>,
    silent_bases: HashSet<usize>,
}

impl CorrelationSet {
    /// Resolves the rules that correlations name, by id (ignoring case) or name. A correlation that names what is not
    /// there, that is part of a circle, or whose condition cannot be used is left out and reported, and so are those
    /// that name it.
    pub fn link(rules: Vec<CorrelationRule>, bases: &[BaseRule<'_>]) -> (Self, Vec<RuleError>) {
        let names = Names::new(&rules, bases);
        let mut errors = Vec::new();
        let mut open: Vec<Option<(CorrelationRule, Vec<Member>)>> = Vec::new();
        for rule in rules {
            let members = rule.rules.iter().map(|name| names.find(name)).collect::<Result<Vec<_>, _>>();
            open.push(match members {
                Ok(members) => Some((rule, members)),
                Err(reason) => {
                    errors.push(refused(&rule, ErrorCode::UnknownRule, reason));
                    None
                }
            });
        }
        let mut set = Self::default();
        // from number in the file to place in the set, once everything it is made of has a place
        let mut places: HashMap<usize, usize> = HashMap::new();
        loop {
            let ready = open.iter().position(|slot| {
                slot.as_ref().is_some_and(|(_, members)| {
                    members.iter().all(|member| match member {
                        Member::Base(_) => true,
                        Member::Correlation(number) => places.contains_key(number),
                    })
                })
            });
            let Some(number) = ready else { break };
            let Some((rule, members)) = open.get_mut(number).and_then(Option::take) else { break };
            let placed = |member| match member {
                Member::Correlation(number) => Member::Correlation(places.get(&number).copied().unwrap_or(0)),
                base => base,
            };
            match set.place(rule, members.into_iter().map(placed).collect(), bases) {
                Ok(place) => {
                    places.insert(number, place);
                }
                Err(error) => errors.push(error),
            }
        }
        for (rule, _) in open.into_iter().flatten() {
            let reason = "it names a correlation that was refused, or, through others, itself";
            errors.push(refused(&rule, ErrorCode::UnknownRule, reason));
        }
        set.finish(bases);
        (set, errors)
    }

    fn place(
        &mut self,
        rule: CorrelationRule,
        members: Vec<Member>,
        bases: &[BaseRule<'_>],
    ) -> Result<usize, RuleError> {
        let labels: Vec<Vec<String>> = rule
            .rules
            .iter()
            .zip(&members)
            .map(|(written, member)| {
                let mut labels = vec![written.clone()];
                labels.extend(self.names_of(*member, bases).into_iter().flatten().map(str::to_owned));
                labels
            })
            .collect();
        let logic = Logic::of(&rule.kind, &labels).map_err(|fault| match fault {
            LogicFault::Bad(reason) => refused(&rule, ErrorCode::BadCorrelation, reason),
            LogicFault::TooMany => {
                let reason =
                    format!("the condition comes to more than {CORRELATION_ALTERNATIVES_MAX} alternatives");
                refused(&rule, ErrorCode::LimitExceeded, reason)
            }
        })?;
        if self.depth(&members) >= CORRELATION_CHAIN_MAX {
            let reason = format!("more than {CORRELATION_CHAIN_MAX} correlations above one another");
            return Err(refused(&rule, ErrorCode::LimitExceeded, reason));
        }
        let mut below = BTreeSet::new();
        self.below(&members, &mut below);
        if below.len() > CORRELATIONS_BELOW_MAX {
            let reason = format!("more than {CORRELATIONS_BELOW_MAX} correlations below it");
            return Err(refused(&rule, ErrorCode::LimitExceeded, reason));
        }
        check_aliases(&rule, &labels)?;
        let place = self.linked.len();
        for (position, member) in (0..).zip(&members) {
            match member {
                Member::Base(base) => self.uses.entry(*base).or_default().push((place, position)),
                Member::Correlation(child) => {
                    if let Some(child) = self.linked.get_mut(*child) {
                        child.named_by.push(place);
                    }
                }
            }
        }
        let rank = self.depth(&members);
        self.linked.push(Linked {
            rule,
            hash: [0; 32],
            key: [0; 16],
            route: [0; 16],
            silent: false,
            members,
            logic,
            family: place,
            copy: None,
            rank,
            named_by: Vec::new(),
            parents: Vec::new(),
            carried: Vec::new(),
            lifts: Vec::new(),
        });
        Ok(place)
    }

    fn names_of<'n>(&'n self, member: Member, bases: &'n [BaseRule<'_>]) -> [Option<&'n str>; 2] {
        match member {
            Member::Base(base) => bases.get(base).map_or([None, None], |base| [base.id, base.name]),
            Member::Correlation(child) => self
                .linked
                .get(child)
                .map_or([None, None], |child| [child.rule.id.as_deref(), child.rule.name.as_deref()]),
        }
    }

    fn depth(&self, members: &[Member]) -> usize {
        let below = members.iter().filter_map(|member| match member {
            Member::Base(_) => None,
            // recursion ends: a member stands before what it is a member of, and each step was checked
            Member::Correlation(child) => self.linked.get(*child).map(|c| 1 + self.depth(&c.members)),
        });
        below.max().unwrap_or(0)
    }

    /// The correlations below these members, at any depth.
    fn below(&self, members: &[Member], found: &mut BTreeSet<usize>) {
        for member in members {
            if let Member::Correlation(child) = member
                && found.insert(*child)
                && let Some(child) = self.linked.get(*child)
            {
                self.below(&child.members, found);
            }
        }
    }

    fn finish(&mut self, bases: &[BaseRule<'_>]) {
        self.written = self.linked.len();
        for place in 0..self.written {
            self.linked[place].hash = self.hash_of(place, bases);
        }
        // who names whom is known from here on by `named_by`; members become copies, from the last to the first, so that
        // what is copied still names what was written
        for place in (0..self.written).rev() {
            self.copy_below(place);
        }
        self.carry(bases);
        self.lift(bases);
        for place in 0..self.linked.len() {
            self.linked[place].key = self.key_of(place);
            self.linked[place].route = self.route_of(place);
            self.by_key.insert(self.linked[place].key, place);
        }
        let speaks = |parent: &usize| self.linked.get(*parent).is_some_and(|parent| parent.rule.generate);
        let is_silent = |named_by: &[usize]| !named_by.is_empty() && !named_by.iter().any(speaks);
        let silent: Vec<_> = self.linked.iter().map(|one| is_silent(&one.named_by)).collect();
        let of_base = self.uses.iter().map(|(base, uses)| (base, uses.iter().map(|(place, _)| *place)));
        let silent_bases = of_base
            .filter(|(_, places)| is_silent(&places.clone().collect::<Vec<_>>()))
            .map(|(base, _)| *base);
        self.silent_bases = silent_bases.collect();
        self.linked.iter_mut().zip(silent).for_each(|(one, silent)| one.silent = silent);
    }

    /// Gives a correlation copies of those below it.
    fn copy_below(&mut self, top: usize) {
        let mut below = BTreeSet::new();
        self.below(&self.linked[top].members, &mut below);
        let mut copies: BTreeMap<usize, usize> = BTreeMap::new();
        // ascending: what one is made of is copied before it
        for of in below {
            let mut copy = self.linked[of].clone();
            (copy.family, copy.copy) = (top, Some(Copied { of, below: top }));
            (copy.parents, copy.named_by) = (Vec::new(), Vec::new());
            copy.rule.tests.clear();
            let place = self.linked.len();
            self.linked.push(copy);
            copies.insert(of, place);
            for (position, member) in (0..).zip(self.linked[place].members.clone()) {
                if let Member::Base(base) = member {
                    self.uses.entry(base).or_default().push((place, position));
                }
            }
        }
        for place in copies.values().copied().chain([top]) {
            for (position, at) in (0..).zip(0..self.linked[place].members.len()) {
                let Member::Correlation(child) = self.linked[place].members[at] else { continue };
                let copy = copies.get(&child).copied().unwrap_or(child);
                self.linked[place].members[at] = Member::Correlation(copy);
                self.linked[copy].parents.push((place, position));
            }
        }
    }

    /// Says of each copy which fields those above it need besides those it groups by.
    fn carry(&mut self, bases: &[BaseRule<'_>]) {
        // what is on top first, then copies from the last on: all wishes are known before they are passed down
        let places = (0..self.written).chain((self.written..self.linked.len()).rev());
        for parent in places {
            for position in 0..self.linked[parent].members.len() {
                let Member::Correlation(child) = self.linked[parent].members[position] else { continue };
                let fields = self.resolve(parent, position, bases);
                for name in fields.into_iter().flatten() {
                    let child = &mut self.linked[child];
                    if !child.rule.group_by.contains(&name) && !child.carried.contains(&name) {
                        child.carried.push(name);
                    }
                }
            }
        }
    }

    fn lift(&mut self, bases: &[BaseRule<'_>]) {
        for child in 0..self.linked.len() {
            let (parents, below) = (self.linked[child].parents.clone(), &self.linked[child]);
            let held = |name: &String| {
                let grouped = below.rule.group_by.iter().position(|known| known == name).map(Held::Group);
                grouped.or_else(|| below.carried.iter().position(|known| known == name).map(Held::Carried))
            };
            let lifts = parents.into_iter().map(|(parent, position)| {
                let fields = self.resolve(parent, usize::from(position), bases);
                let [group, values, carried] = fields.map(|names| names.iter().filter_map(held).collect());
                let kind = &self.linked[parent].rule.kind;
                let (is_temporal, is_numeric) = (kind.is_temporal(), kind.is_numeric());
                Lift { parent, position, is_temporal, is_numeric, group, values, carried }
            });
            self.linked[child].lifts = lifts.collect();
        }
    }

    /// The names, in the events of the member at `position`, of the fields that correlation `place` needs: to group
    /// by, to count, and to carry.
    fn resolve(&self, place: usize, position: usize, bases: &[BaseRule<'_>]) -> [Vec<String>; 3] {
        let Some(one) = self.linked.get(place) else { return Default::default() };
        let written = one.rule.rules.get(position).map(String::as_str);
        let [id, name] = one.members.get(position).map_or([None, None], |m| self.names_of(*m, bases));
        let known = [written, id, name];
        let field = |wanted: &String| {
            let fields = one.rule.aliases.get(wanted);
            let alias =
                fields.and_then(|fields| known.into_iter().flatten().find_map(|name| fields.get(name)));
            alias.unwrap_or(wanted).clone()
        };
        let all = |names: &[String]| names.iter().map(field).collect();
        [all(&one.rule.group_by), all(one.rule.kind.value_fields()), all(&one.carried)]
    }

    fn hash_of(&self, place: usize, bases: &[BaseRule<'_>]) -> [u8; 32] {
        let Some(one) = self.linked.get(place) else { return [0; 32] };
        let mut hash = Sha256::new();
        put(&mut hash, b"huecry-sigma-correlation-1");
        put(&mut hash, one.logic.canonical().as_bytes());
        put(&mut hash, one.rule.kind.as_str().as_bytes());
        put(&mut hash, &one.rule.timespan_ms.to_be_bytes());
        for (position, member) in one.members.iter().enumerate() {
            let of = match member {
                Member::Base(base) => bases.get(*base).map_or([0; 32], |base| base.hash),
                Member::Correlation(child) => self.linked.get(*child).map_or([0; 32], |child| child.hash),
            };
            put(&mut hash, &of);
            let [group, values, _] = self.resolve(place, position, bases);
            for (tag, names) in [(b"group", group), (b"value", values)] {
                put(&mut hash, tag);
                put(&mut hash, &(names.len() as u64).to_be_bytes());
                names.iter().for_each(|name| put(&mut hash, name.as_bytes()));
            }
        }
        hash.finalize().into()
    }

    /// The fields needed of a match of the member at `position`. `bases` as given to [`CorrelationSet::link`].
    pub fn fields(&self, place: usize, position: u16, bases: &[BaseRule<'_>]) -> [Vec<String>; 3] {
        self.resolve(place, usize::from(position), bases)
    }

    /// By what people call it: its id, else its title.
    fn name_of(&self, place: usize) -> String {
        let one = self.linked.get(place).map(|one| &one.rule);
        one.map_or_else(String::new, |rule| {
            rule.id.as_ref().map_or_else(|| rule.title.clone(), |id| id.to_ascii_lowercase())
        })
    }

    /// Two correlations may mean the same, and be told apart by their ids.
    fn key_of(&self, place: usize) -> [u8; 16] {
        let Some(one) = self.linked.get(place) else { return [0; 16] };
        let mut key = [0; 16];
        for twin in 0_u32.. {
            let mut state = Sha256::new();
            state.update(one.hash);
            put(&mut state, self.name_of(place).as_bytes());
            if let Some(copy) = one.copy {
                put(&mut state, self.name_of(copy.below).as_bytes());
            }
            one.carried.iter().for_each(|name| put(&mut state, name.as_bytes()));
            put(&mut state, &twin.to_be_bytes());
            key.copy_from_slice(&state.finalize()[..16]);
            if !self.by_key.contains_key(&key) {
                break;
            }
        }
        key
    }

    /// One that stands alone goes by its key; one with copies, and those, by the name of what is on top: so a change of
    /// that leaves the copies where they are.
    fn route_of(&self, place: usize) -> [u8; 16] {
        let Some(one) = self.linked.get(place) else { return [0; 16] };
        if !one.is_chained() {
            return one.key;
        }
        let (mut state, mut route) = (Sha256::new(), [0; 16]);
        put(&mut state, b"huecry-sigma-chain-1");
        put(&mut state, self.name_of(one.copy.map_or(place, |copy| copy.below)).as_bytes());
        route.copy_from_slice(&state.finalize()[..16]);
        route
    }

    /// Every correlation that was written, each after what it is made of.
    pub fn all(&self) -> &[Linked] {
        self.linked.get(..self.written).unwrap_or_default()
    }

    /// One of them, or a copy.
    pub fn get(&self, place: usize) -> Option<&Linked> {
        self.linked.get(place)
    }

    /// The place of what a copy is of; of another, its own.
    pub fn original(&self, place: usize) -> usize {
        self.linked.get(place).and_then(|one| one.copy).map_or(place, |copy| copy.of)
    }

    /// The place of a [`Linked::key`].
    pub fn by_key(&self, key: &[u8; 16]) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// How many families there are.
    pub fn families(&self) -> usize {
        self.written
    }

    /// The correlations and copies that take the matches of a base rule, each with the rule's position there.
    pub fn uses(&self, base: usize) -> &[(usize, u16)] {
        self.uses.get(&base).map_or(&[], Vec::as_slice)
    }

    /// Whether a base rule raises no findings of its own, because correlations take its place.
    pub fn is_silent(&self, base: usize) -> bool {
        self.silent_bases.contains(&base)
    }
}

/// Every alias is used, and names rules of the correlation.
fn check_aliases(rule: &CorrelationRule, labels: &[Vec<String>]) -> Result<(), RuleError> {
    let unused = rule
        .aliases
        .keys()
        .find(|alias| !rule.group_by.contains(alias) && !rule.kind.value_fields().contains(alias));
    if let Some(alias) = unused {
        let reason = format!("the alias `{alias}` is used neither in `group-by` nor as `field`");
        return Err(refused(rule, ErrorCode::BadCorrelation, reason));
    }
    let strangers = rule.aliases.values().flat_map(BTreeMap::keys);
    if let Some(name) = strangers.into_iter().find(|name| !labels.iter().any(|known| known.contains(name))) {
        let reason = format!("an alias names the rule `{name}`, which is none of its `rules`");
        return Err(refused(rule, ErrorCode::BadCorrelation, reason));
    }
    Ok(())
}

fn put(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

fn refused(rule: &CorrelationRule, code: ErrorCode, reason: impl Into<String>) -> RuleError {
    Fault::new(rule.line, code, reason).in_file(&rule.file)
}

/// What ids and names mean.
struct Names {
    by_name: HashMap<String, Vec<Member>>,
}

impl Names {
    fn new(rules: &[CorrelationRule], bases: &[BaseRule<'_>]) -> Self {
        let mut by_name: HashMap<String, Vec<Member>> = HashMap::new();
        let mut add = |id: Option<&str>, name: Option<&str>, member| {
            let id = id.map(str::to_ascii_lowercase);
            for key in [id, name.map(str::to_owned)].into_iter().flatten() {
                let meant = by_name.entry(key).or_default();
                if !meant.contains(&member) {
                    meant.push(member);
                }
            }
        };
        for (at, base) in bases.iter().enumerate() {
            add(base.id, base.name, Member::Base(at));
        }
        for (at, rule) in rules.iter().enumerate() {
            add(rule.id.as_deref(), rule.name.as_deref(), Member::Correlation(at));
        }
        Self { by_name }
    }

    fn find(&self, name: &str) -> Result<Member, String> {
        let meant = self.by_name.get(name).or_else(|| self.by_name.get(&name.to_ascii_lowercase()));
        match meant.map(Vec::as_slice) {
            Some([member]) => Ok(*member),
            Some([_, ..]) => Err(format!("`{name}` is the name of several rules; use an id")),
            _ => Err(format!("there is no rule with the id or name `{name}`, or it was refused")),
        }
    }
}
