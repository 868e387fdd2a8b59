//! Everything that the rules of one route ask about the values of one field, in the structure that answers it
//! fastest: one look at a value tells every predicate that it satisfies.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use foldhash::fast::FixedState;
use memchr::memmem::Finder;

use crate::limits::LITERAL_GROUPS_MAX;
use crate::literal;
use crate::lower::Order;
use crate::modifier::Modifier;
use crate::network::{Address, Network};
use crate::pattern::{Glob, Pattern};
use crate::predicate::{Predicate, Regexes};
use crate::program::PredicateId;
use crate::sieve::Sieve;
use crate::time;
use crate::trie::Trie;
use crate::value::Number;

/// Tells a check from a predicate among what an atom leads to.
const CHECK: u32 = 1 << 31;
/// Up to this many contained texts are searched one by one; more share an automaton.
const FINDERS_MAX: usize = 2;
/// Up to this many bytes of contained texts the automaton has a row of all bytes for each state: faster, larger.
const DENSE_BYTES_MAX: usize = 64 * 1024;

/// The questions about one field.
#[derive(Debug, Default)]
pub(crate) struct FieldIndex {
    folded: TextIndex,
    cased: TextIndex,
    checks: Vec<Check>,
    networks: Vec<(Network, PredicateId)>,
    numbers: Vec<(Order, Number, PredicateId)>,
    times: Vec<(Modifier, Order, Number, PredicateId)>,
    sieve: Option<Sieve>,
}

/// The automaton for so many bytes of literals.
pub(crate) fn automaton_kind(bytes: usize) -> AhoCorasickKind {
    if bytes <= DENSE_BYTES_MAX { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA }
}

/// The sieve of an index; only where every question needs a literal.
fn sieve(index: &FieldIndex, folded: &Atoms, cased: &Atoms) -> Option<Sieve> {
    let only_texts = index.networks.is_empty() && index.numbers.is_empty() && index.times.is_empty();
    let only_literals = folded.always.is_empty() && cased.always.is_empty();
    let atoms = || folded.numbers.keys().chain(cased.numbers.keys());
    if !(only_texts && only_literals) || atoms().any(|(place, _)| *place != Place::Contains) {
        return None;
    }
    // What stands in a text stands in its folded form folded.
    Sieve::new(atoms().map(|(_, text)| crate::fold::folded(text)).collect())
}

/// What cannot be looked up, and is tried where its literal stands (or always, where it has none).
#[derive(Debug)]
struct Check {
    predicate: PredicateId,
    /// How many groups of literals it has; one of each must be found first.
    groups: u32,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Folded(Glob),
    Cased(Glob),
    Regex(regex::Regex),
}

/// Memory of one look-up.
#[derive(Debug, Default)]
pub(crate) struct LookupBuffers {
    folded: String,
    epoch: u32,
    /// By atom of the text index at hand, the epoch it was found in.
    atoms: Vec<u32>,
    hits: Vec<u32>,
}

impl FieldIndex {
    /// Of predicates and the numbers they have in the route.
    pub(crate) fn new<'p>(predicates: impl Iterator<Item = (PredicateId, &'p Predicate)>) -> Self {
        let mut index = FieldIndex::default();
        let (mut folded, mut cased) = (Atoms::default(), Atoms::default());
        for (id, predicate) in predicates {
            match predicate {
                Predicate::Text(text) => {
                    let atoms = if text.cased { &mut cased } else { &mut folded };
                    for (pattern, glob) in text.patterns() {
                        index.add_pattern(id, pattern, glob, text.cased, atoms);
                    }
                }
                Predicate::Regex(regexes) => index.add_regexes(id, regexes, &mut folded),
                Predicate::Network(networks) => {
                    index.networks.extend(networks.iter().map(|network| (*network, id)));
                }
                Predicate::Order(order, bound) => index.numbers.push((*order, *bound, id)),
                Predicate::Time(part, order, bound) => index.times.push((*part, *order, *bound, id)),
                Predicate::SameAs { .. } | Predicate::Exists | Predicate::Null => {}
            }
        }
        index.sieve = sieve(&index, &folded, &cased);
        (index.folded, index.cased) = (TextIndex::new(folded), TextIndex::new(cased));
        index
    }

    /// Tells quickly that no text of an event satisfies anything; `None` where only [`Self::find`] can tell.
    pub(crate) fn sieve(&self) -> Option<&Sieve> {
        self.sieve.as_ref()
    }

    fn add_pattern(
        &mut self,
        id: PredicateId,
        pattern: &Pattern,
        glob: Option<&Glob>,
        cased: bool,
        atoms: &mut Atoms,
    ) {
        match pattern {
            Pattern::Any => atoms.always.push(id),
            Pattern::Exact(text) => atoms.add(Place::Exact, text, id),
            Pattern::Prefix(text) => atoms.add(Place::Prefix, text, id),
            Pattern::Suffix(text) => atoms.add(Place::Suffix, text, id),
            Pattern::Contains(text) => atoms.add(Place::Contains, text, id),
            Pattern::Glob(_) => {
                let Some(glob) = glob else { return };
                let test = if cased { Test::Cased(glob.clone()) } else { Test::Folded(glob.clone()) };
                let groups = glob.literals().map(|literal| vec![literal.to_owned()]).collect();
                self.add_check(id, test, &literal::rarest(groups), atoms);
            }
        }
    }

    fn add_regexes(&mut self, id: PredicateId, regexes: &Regexes, folded: &mut Atoms) {
        for (regex, groups) in regexes.iter() {
            self.add_check(id, Test::Regex(regex.clone()), groups, folded);
        }
    }

    fn add_check(&mut self, predicate: PredicateId, test: Test, groups: &[Vec<String>], atoms: &mut Atoms) {
        let check = CHECK | (self.checks.len() * LITERAL_GROUPS_MAX) as u32;
        self.checks.push(Check { predicate, groups: groups.len() as u32, test });
        if groups.is_empty() {
            atoms.always.push(check);
        }
        for (literals, group) in groups.iter().zip(0..) {
            literals.iter().for_each(|literal| atoms.add(Place::Contains, literal, check + group));
        }
    }

    /// The predicates that the text satisfies, sorted, each once.
    pub(crate) fn find(&self, text: &str, buffers: &mut LookupBuffers, out: &mut Vec<PredicateId>) {
        out.clear();
        let mut hits = std::mem::take(&mut buffers.hits);
        hits.clear();
        let mut folded = std::mem::take(&mut buffers.folded);
        folded.clear();
        crate::fold::fold_onto(text, &mut folded);
        self.folded.find(&folded, buffers, &mut hits);
        if !self.cased.is_empty() {
            self.cased.find(text, buffers, &mut hits);
        }
        hits.sort_unstable();
        hits.dedup();
        let plain = hits.partition_point(|hit| hit & CHECK == 0);
        let (plain, groups) = hits.split_at(plain);
        out.extend_from_slice(plain);
        let number = |hit: &u32| (hit & !CHECK) as usize / LITERAL_GROUPS_MAX;
        for found in groups.chunk_by(|a, b| number(a) == number(b)) {
            let Some(check) = found.first().and_then(|hit| self.checks.get(number(hit))) else { continue };
            if (found.len() as u32) < check.groups {
                continue;
            }
            let holds = match &check.test {
                Test::Folded(glob) => glob.is_match(&folded),
                Test::Cased(glob) => glob.is_match(text),
                Test::Regex(regex) => regex.is_match(text),
            };
            if holds {
                out.push(check.predicate);
            }
        }
        (buffers.hits, buffers.folded) = (hits, folded);
        self.find_numbers(text, out);
        out.sort_unstable();
        out.dedup();
    }

    fn find_numbers(&self, text: &str, out: &mut Vec<PredicateId>) {
        if !self.networks.is_empty()
            && let Some(address) = Address::parse(text)
        {
            let holding = self.networks.iter().filter(|(network, _)| network.holds(address));
            out.extend(holding.map(|(_, id)| *id));
        }
        if !self.numbers.is_empty()
            && let Some(number) = Number::parse(text)
        {
            let holding = self.numbers.iter().filter(|(order, bound, _)| order.holds(number.compare(bound)));
            out.extend(holding.map(|(.., id)| *id));
        }
        for (part, order, bound, id) in &self.times {
            let number = time::part_of(text, *part).map(Number::Int);
            if number.is_some_and(|number| order.holds(number.compare(bound))) {
                out.push(*id);
            }
        }
    }
}

/// Where in a text an atom stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Exact,
    Prefix,
    Suffix,
    Contains,
}

/// Distinct texts at distinct places, and what each leads to.
#[derive(Debug, Default)]
struct Atoms {
    numbers: HashMap<(Place, String), usize, FixedState>,
    leads_to: Vec<Vec<u32>>,
    always: Vec<u32>,
}

impl Atoms {
    fn add(&mut self, place: Place, text: &str, to: u32) {
        if text.is_empty() && place != Place::Exact {
            self.always.push(to);
            return;
        }
        let next = self.leads_to.len();
        let at = *self.numbers.entry((place, text.to_owned())).or_insert(next);
        if at == next {
            self.leads_to.push(Vec::new());
        }
        if let Some(leads_to) = self.leads_to.get_mut(at) {
            leads_to.push(to);
        }
    }
}

/// The atoms over texts of one form (folded, or as they are).
#[derive(Debug, Default)]
struct TextIndex {
    always: Vec<u32>,
    exact: HashMap<Box<str>, u32, FixedState>,
    prefixes: Option<Trie>,
    suffixes: Option<Trie>,
    contains: Contains,
    /// By atom, its range of [`Self::leads_to`].
    ranges: Vec<(u32, u32)>,
    leads_to: Vec<u32>,
}

#[derive(Debug, Default)]
enum Contains {
    #[default]
    Nothing,
    /// The text and its atom.
    Few(Vec<(Finder<'static>, u32)>),
    /// By pattern of the automaton, its atom.
    Many(AhoCorasick, Vec<u32>),
}

impl TextIndex {
    fn new(atoms: Atoms) -> Self {
        let mut index = TextIndex { always: atoms.always, ..TextIndex::default() };
        for mut leads_to in atoms.leads_to {
            leads_to.sort_unstable();
            leads_to.dedup();
            let from = index.leads_to.len() as u32;
            index.leads_to.extend(leads_to);
            index.ranges.push((from, index.leads_to.len() as u32));
        }
        let (mut prefixes, mut suffixes, mut contains) = (Vec::new(), Vec::new(), Vec::new());
        for ((place, text), atom) in atoms.numbers {
            let atom = atom as u32;
            match place {
                Place::Exact => drop(index.exact.insert(text.into(), atom)),
                Place::Prefix => prefixes.push((text.into_bytes(), atom)),
                Place::Suffix => suffixes.push((text.bytes().rev().collect(), atom)),
                Place::Contains => contains.push((text, atom)),
            }
        }
        (index.prefixes, index.suffixes) = (Trie::new(prefixes), Trie::new(suffixes));
        index.contains = Contains::new(contains);
        index
    }

    fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.always.is_empty()
    }

    /// Adds what the text leads to; something may come twice.
    fn find(&self, text: &str, buffers: &mut LookupBuffers, hits: &mut Vec<u32>) {
        hits.extend_from_slice(&self.always);
        let mut lead = |atom: u32| {
            if let Some(&(from, to)) = self.ranges.get(atom as usize) {
                hits.extend_from_slice(self.leads_to.get(from as usize..to as usize).unwrap_or_default());
            }
        };
        if !self.exact.is_empty()
            && let Some(&atom) = self.exact.get(text)
        {
            lead(atom);
        }
        if let Some(prefixes) = &self.prefixes {
            prefixes.walk(text.bytes(), &mut lead);
        }
        if let Some(suffixes) = &self.suffixes {
            suffixes.walk(text.bytes().rev(), &mut lead);
        }
        self.contains.find(text.as_bytes(), self.ranges.len(), buffers, &mut lead);
    }
}

impl Contains {
    fn new(mut texts: Vec<(String, u32)>) -> Self {
        if texts.is_empty() {
            return Contains::Nothing;
        }
        texts.sort_unstable();
        let bytes: usize = texts.iter().map(|(text, _)| text.len()).sum();
        if texts.len() > FINDERS_MAX {
            let automaton = AhoCorasick::builder()
                .kind(Some(automaton_kind(bytes)))
                .build(texts.iter().map(|(text, _)| text.as_str()));
            if let Ok(automaton) = automaton {
                return Contains::Many(automaton, texts.into_iter().map(|(_, atom)| atom).collect());
            }
            // Thousands of millions of bytes of rules: searched one by one.
        }
        Contains::Few(texts.iter().map(|(text, atom)| (Finder::new(text).into_owned(), *atom)).collect())
    }

    fn find(&self, text: &[u8], atoms: usize, buffers: &mut LookupBuffers, lead: &mut impl FnMut(u32)) {
        match self {
            Contains::Nothing => {}
            Contains::Few(finders) => {
                finders
                    .iter()
                    .filter(|(finder, _)| finder.find(text).is_some())
                    .for_each(|(_, atom)| lead(*atom));
            }
            Contains::Many(automaton, atom_of) => {
                buffers.start(atoms);
                let mut left = atom_of.len();
                for found in automaton.find_overlapping_iter(text) {
                    let Some(&atom) = atom_of.get(found.pattern().as_usize()) else { continue };
                    if buffers.is_new(atom) {
                        lead(atom);
                        left -= 1;
                        if left == 0 {
                            return;
                        }
                    }
                }
            }
        }
    }
}

impl LookupBuffers {
    fn start(&mut self, atoms: usize) {
        self.epoch = self.epoch.checked_add(1).unwrap_or_else(|| {
            self.atoms.fill(0);
            1
        });
        if self.atoms.len() < atoms {
            self.atoms.resize(atoms, 0);
        }
    }

    fn is_new(&mut self, atom: u32) -> bool {
        let epoch = self.epoch;
        self.atoms.get_mut(atom as usize).is_some_and(|seen| std::mem::replace(seen, epoch) != epoch)
    }
}
