//! Names of services as somebody types them: by their beginning, by the beginning of one of their words, or nearly so.
//!
//! Candidates are names that share pairs and triples of letters with what was typed (an inverted index); the best of them are then
//! measured by their edit distance (restricted Damerau–Levenshtein, as typing errs).
//!
//! **Invariant:** what a guest asks never shows a service that is not public, nor its owner.

use serde::Serialize;
use std::collections::HashMap;

/// Longest thing typed that is looked at, in characters.
pub const QUERY_CHARS_MAX: usize = 64;
/// Most services of an answer.
pub const HITS_MAX: usize = 50;
/// Candidates that are measured, by beginning and by letters each.
const MEASURED_MAX: usize = 128;
/// Places that are counted for one question; the rarest letters go first.
const POSTINGS_MAX: usize = 150_000;

/// A service of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedService {
    /// Its name.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Whether guests may know of it.
    pub public: bool,
}

/// A service that fits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceHit {
    /// Its name.
    pub name: String,
    /// Who answers for it; never for guests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// 0 to 1.
    pub score: f64,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Whoever has no account: public services, no owners.
    Guest,
    /// Whoever is signed in.
    Insider,
}

/// All services, for typing.
#[derive(Debug, Default)]
pub struct ServiceIndex {
    services: Vec<Entry>,
    /// By gram, the places in `services`, in order.
    postings: HashMap<u64, Vec<u32>, foldhash::fast::RandomState>,
    /// Beginnings of names and words, sorted: (text, place).
    starts: Vec<(Box<str>, u32)>,
}

#[derive(Debug)]
struct Entry {
    service: IndexedService,
    /// In lower case.
    folded: String,
    grams: u32,
}

impl ServiceIndex {
    /// The index of a catalogue. A name that comes twice is taken once, the first time.
    pub fn new(services: impl IntoIterator<Item = IndexedService>) -> Self {
        let mut index = Self::default();
        let mut known = std::collections::HashSet::new();
        for service in services {
            let folded = service.name.trim().to_lowercase();
            if folded.is_empty() || index.services.len() == u32::MAX as usize || !known.insert(folded.clone())
            {
                continue;
            }
            let place = index.services.len() as u32;
            let grams = grams(&folded);
            for gram in &grams {
                index.postings.entry(*gram).or_default().push(place);
            }
            for start in word_starts(&folded) {
                index.starts.push((folded.get(start..).unwrap_or_default().into(), place));
            }
            index.services.push(Entry { service, folded, grams: grams.len() as u32 });
        }
        index.starts.sort();
        index
    }

    /// How many services there are.
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// The service of exactly that name, letter case aside.
    pub fn get(&self, name: &str, audience: Audience) -> Option<&IndexedService> {
        let folded = name.trim().to_lowercase();
        let at = self.starts.partition_point(|(text, _)| **text < *folded);
        let same = self.starts.get(at..)?.iter().take_while(|(text, _)| **text == *folded);
        let mut entries = same.filter_map(|(_, place)| self.services.get(*place as usize));
        let entry = entries.find(|entry| entry.folded == folded)?;
        (audience == Audience::Insider || entry.service.public).then_some(&entry.service)
    }

    /// What fits best, best first; of equals the shorter name, then by name. Nothing typed gives nothing.
    pub fn search(&self, typed: &str, limit: usize, audience: Audience) -> Vec<ServiceHit> {
        let folded: String = typed.trim().to_lowercase().chars().take(QUERY_CHARS_MAX).collect();
        if folded.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<(f64, &Entry)> = Vec::new();
        for place in self.candidates(&folded, audience) {
            if let Some(entry) = self.services.get(place as usize) {
                let score = score(&folded, &entry.folded);
                if score >= SCORE_MIN {
                    found.push((score, entry));
                }
            }
        }
        found.sort_by(|(a, x), (b, y)| {
            b.total_cmp(a)
                .then_with(|| x.folded.len().cmp(&y.folded.len()))
                .then_with(|| x.folded.cmp(&y.folded))
        });
        let hits = found.into_iter().take(limit.min(HITS_MAX)).map(|(score, entry)| ServiceHit {
            name: entry.service.name.clone(),
            owner: entry.service.owner.clone().filter(|_| audience == Audience::Insider),
            score: (score * 1000.0).round() / 1000.0,
        });
        hits.collect()
    }

    /// Places of at most [`MEASURED_MAX`] services by beginning, and as many by grams in common.
    fn candidates(&self, folded: &str, audience: Audience) -> Vec<u32> {
        let may = |place: &u32| {
            audience == Audience::Insider
                || self.services.get(*place as usize).is_some_and(|e| e.service.public)
        };
        let at = self.starts.partition_point(|(text, _)| **text < *folded);
        let starting = self.starts.get(at..).unwrap_or_default().iter();
        let starting = starting.take_while(|(text, _)| text.starts_with(folded)).map(|(_, place)| *place);
        let mut places: Vec<u32> = starting.filter(may).take(MEASURED_MAX).collect();
        let grams = grams(folded);
        let mut common = vec![0_u16; self.services.len()];
        let mut touched: Vec<u32> = Vec::new();
        let mut found: Vec<&Vec<u32>> = grams.iter().filter_map(|gram| self.postings.get(gram)).collect();
        found.sort_by_key(|places| places.len());
        let mut budget = POSTINGS_MAX;
        for places in found {
            let Some(rest) = budget.checked_sub(places.len()) else { break };
            budget = rest;
            for place in places {
                let count = &mut common[*place as usize];
                if *count == 0 {
                    touched.push(*place);
                }
                *count += 1;
            }
        }
        // Dice's coefficient: what is common, by what both have
        let dice = |place: u32| {
            let entry = self.services.get(place as usize).map_or(1, |entry| entry.grams);
            2_000 * u64::from(common[place as usize]) / (u64::from(entry) + grams.len() as u64)
        };
        touched.retain(may);
        if touched.len() > MEASURED_MAX {
            touched
                .select_nth_unstable_by_key(MEASURED_MAX, |place| (std::cmp::Reverse(dice(*place)), *place));
            touched.truncate(MEASURED_MAX);
        }
        places.extend(touched);
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// Worse is no answer.
const SCORE_MIN: f64 = 0.45;

/// 1 the name itself, from 0.9 its beginning, from 0.8 the beginning of a word, from 0.7 inside, else by edit distance.
fn score(typed: &str, name: &str) -> f64 {
    let (typed_chars, name_chars) = (typed.chars().count(), name.chars().count());
    let covered = typed_chars as f64 / name_chars.max(1) as f64;
    if typed == name {
        return 1.0;
    }
    if name.starts_with(typed) {
        return 0.9 + 0.09 * covered;
    }
    if let Some(at) = name.find(typed) {
        let at_word = word_starts(name).any(|start| start == at) || {
            word_starts(name).any(|start| name.get(start..).is_some_and(|rest| rest.starts_with(typed)))
        };
        return if at_word { 0.8 } else { 0.7 } + 0.09 * covered;
    }
    // against the name from each of its words on
    let typed: Vec<char> = typed.chars().collect();
    let starts =
        word_starts(name).filter_map(|start| name.get(start..).map(|rest| (start, nearness(&typed, rest))));
    let best = starts.map(|(start, near)| if start == 0 { near } else { near * 0.95 }).fold(0.0, f64::max);
    // one slip in three letters is the least that is believed
    if best < 0.6 { 0.0 } else { 0.69 * best }
}

/// How near what was typed is to the beginning of a text, of one letter less, as many, or one more: 1 less the share of slips, by the
/// restricted Damerau–Levenshtein distance. One table gives all three.
fn nearness(typed: &[char], text: &str) -> f64 {
    let text: Vec<char> = text.chars().take(typed.len() + 1).collect();
    let width = text.len() + 1;
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (vec![0; width], (0..width).collect());
    for (i, c) in typed.iter().enumerate() {
        let mut row = vec![i + 1; width];
        for (j, t) in text.iter().enumerate() {
            let changed = last[j] + usize::from(c != t);
            let mut least = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *c == text[j - 1] && typed[i - 1] == *t {
                least = least.min(before[j - 1] + 1);
            }
            row[j + 1] = least;
        }
        before = std::mem::replace(&mut last, row);
    }
    let share =
        |(length, distance): (usize, &usize)| 1.0 - *distance as f64 / length.max(typed.len()).max(1) as f64;
    last.iter().enumerate().skip(typed.len().saturating_sub(1)).map(share).fold(0.0, f64::max)
}

/// Where words begin: at 0 and after `-`, `_`, `.`, `/`, `:` and spaces.
fn word_starts(name: &str) -> impl Iterator<Item = usize> {
    let is_joint = |c: char| matches!(c, '-' | '_' | '.' | '/' | ':' | ' ');
    let inner = name.char_indices().filter(move |(_, c)| is_joint(*c)).map(|(at, c)| at + c.len_utf8());
    std::iter::once(0).chain(inner.filter(|at| *at < name.len()))
}

/// Pairs and triples of letters, with the beginning marked, each once.
fn grams(text: &str) -> Vec<u64> {
    let chars: Vec<u64> = std::iter::once(0)
        .chain(text.chars().take(QUERY_CHARS_MAX * 2).map(|c| u64::from(u32::from(c))))
        .collect();
    let packed = |window: &[u64]| window.iter().fold(window.len() as u64, |gram, c| gram << 21 ^ c);
    let mut grams: Vec<u64> = chars.windows(2).chain(chars.windows(3)).map(packed).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}
