//! Open incidents that a report, while it is being written, may be about. In memory; whoever owns it feeds it what is open.
//!
//! Three things speak for an incident, each by itself and more so together: an entity of it stands in the text (a host, a
//! repository, an address), rare words in common, the same service. Older ones fade a little.
//!
//! **Invariant:** an incident that the asker may not see is never given, whatever fits: the caller's `may_see` is asked for every hit.
//!
//! **Invariant:** the work of one question is bounded by [`POSTINGS_MAX`], however many incidents are open.

use model::IncidentId;
use std::collections::HashMap;

/// Longest text that is looked at, in bytes.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Different words of a question that are looked up.
pub const QUERY_WORDS_MAX: usize = 128;
/// Words of an incident that are kept.
pub const INCIDENT_WORDS_MAX: usize = 128;
/// Places that are touched for one question; the rarest words go first.
pub const POSTINGS_MAX: usize = 500_000;
/// Hits that are offered to `may_see` before it is enough.
pub const SEEN_CHECKS_MAX: usize = 512;
/// Less is no relation.
pub const SCORE_MIN: f64 = 0.2;
/// In what time the part that fades halves: 14 days.
const FRESH_HALF_LIFE_MS: f64 = 14.0 * 24.0 * 60.0 * 60.0 * 1000.0;
/// A word that more than one in so many incidents has says nothing.
const COMMON_SHARE: usize = 4;
/// Below so many incidents every word may say something.
const FEW_INCIDENTS: usize = 64;
/// The index is built anew when more is dead than alive, and at least so much.
const DEAD_MIN: usize = 1_024;

/// An incident that is not closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIncident {
    /// Its id.
    pub id: IncidentId,
    /// Its title, and whatever else tells what it is about.
    pub text: String,
    /// The service it is about.
    pub service: Option<String>,
    /// Names of its entities.
    pub entities: Vec<String>,
    /// When it last changed, in milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct RelatedQuery<'a> {
    /// The report so far.
    pub text: &'a str,
    /// The service it is about.
    pub service: Option<&'a str>,
    /// Now.
    pub now_ms: i64,
}

/// An incident that may be what is meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RelatedHit {
    /// Its id.
    pub id: IncidentId,
    /// 0 to 1.
    pub score: f64,
    /// An entity of it stands in the text.
    pub by_entity: bool,
    /// It is about the same service.
    pub by_service: bool,
}

/// The open incidents.
#[derive(Debug, Default)]
pub struct RelatedIndex {
    /// Nothing where one was closed.
    slots: Vec<Option<OpenIncident>>,
    by_id: HashMap<IncidentId, u32>,
    /// By term, the slots in ascending order; dead ones among them.
    postings: HashMap<u64, Vec<u32>, foldhash::fast::RandomState>,
}

/// What a term is made of: a word of the text, an entity, a service.
#[derive(Clone, Copy)]
enum Kind {
    Word = 1,
    Entity = 2,
    Service = 3,
}

/// What one incident has in common with a question.
#[derive(Clone, Copy, Default)]
struct Common {
    words: f32,
    entity: bool,
    service: bool,
}

impl RelatedIndex {
    /// Nothing open.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many incidents are open.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Takes an incident in, or its change.
    pub fn upsert(&mut self, incident: OpenIncident) {
        let known =
            self.by_id.get(&incident.id).and_then(|slot| self.slots.get_mut(*slot as usize)?.as_mut());
        if let Some(known) = known
            && (&known.text, &known.service, &known.entities)
                == (&incident.text, &incident.service, &incident.entities)
        {
            known.updated_at_ms = incident.updated_at_ms;
            return;
        }
        self.remove(incident.id);
        self.insert(incident);
    }

    /// Takes an incident out: it was closed, or merged into another.
    pub fn remove(&mut self, id: IncidentId) {
        let Some(slot) = self.by_id.remove(&id) else { return };
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            *slot = None;
        }
        let dead = self.slots.len() - self.by_id.len();
        if dead > DEAD_MIN && dead > self.by_id.len() {
            let alive: Vec<OpenIncident> = std::mem::take(&mut self.slots).into_iter().flatten().collect();
            self.by_id.clear();
            self.postings.clear();
            alive.into_iter().for_each(|incident| self.insert(incident));
        }
    }

    /// The incidents that fit best, best first, of those that may be seen.
    pub fn rank(
        &self,
        query: &RelatedQuery<'_>,
        limit: usize,
        mut may_see: impl FnMut(IncidentId) -> bool,
    ) -> Vec<RelatedHit> {
        let (common, touched, weight) = self.common(query);
        let mut hits: Vec<RelatedHit> = Vec::new();
        for slot in touched {
            let Some(Some(incident)) = self.slots.get(slot as usize) else { continue };
            let common = common[slot as usize];
            let score = score(common, weight, query.now_ms.saturating_sub(incident.updated_at_ms));
            if score >= SCORE_MIN {
                hits.push(RelatedHit {
                    id: incident.id,
                    score,
                    by_entity: common.entity,
                    by_service: common.service,
                });
            }
        }
        let before =
            |a: &RelatedHit, b: &RelatedHit| b.score.total_cmp(&a.score).then_with(|| b.id.cmp(&a.id));
        if hits.len() > SEEN_CHECKS_MAX {
            hits.select_nth_unstable_by(SEEN_CHECKS_MAX, before);
            hits.truncate(SEEN_CHECKS_MAX);
        }
        hits.sort_by(before);
        hits.into_iter().filter(|hit| may_see(hit.id)).take(limit).collect()
    }

    /// What each incident has in common with the question, which incidents have anything, and the weight of all words asked.
    fn common(&self, query: &RelatedQuery<'_>) -> (Vec<Common>, Vec<u32>, f32) {
        let text = clipped(query.text);
        let mut words = words(text);
        words.truncate(QUERY_WORDS_MAX);
        let mut terms: Vec<(Kind, u64)> = words.into_iter().map(|word| (Kind::Word, word)).collect();
        terms.extend(
            compounds(text).take(QUERY_WORDS_MAX).map(|name| (Kind::Entity, term(Kind::Entity, &name))),
        );
        terms.extend(query.service.map(|service| (Kind::Service, term(Kind::Service, service))));
        let mut found: Vec<(Kind, &Vec<u32>)> = Vec::with_capacity(terms.len());
        let mut weight = 0.0;
        for (kind, term) in terms {
            let places = self.postings.get(&term);
            if matches!(kind, Kind::Word) {
                weight += self.rarity(places.map_or(0, Vec::len));
            }
            found.extend(
                places.filter(|places| self.says_something(kind, places.len())).map(|places| (kind, places)),
            );
        }
        found.sort_by_key(|(_, places)| places.len());
        let mut common = vec![Common::default(); self.slots.len()];
        let mut touched = Vec::new();
        let mut budget = POSTINGS_MAX;
        for (kind, places) in found {
            let Some(rest) = budget.checked_sub(places.len()) else { break };
            budget = rest;
            let rarity = self.rarity(places.len());
            for slot in places {
                let at = &mut common[*slot as usize];
                if at.words == 0.0 && !at.entity && !at.service {
                    touched.push(*slot);
                }
                match kind {
                    Kind::Word => at.words += rarity,
                    Kind::Entity => at.entity = true,
                    Kind::Service => at.service = true,
                }
            }
        }
        (common, touched, weight)
    }

    fn says_something(&self, kind: Kind, places: usize) -> bool {
        !matches!(kind, Kind::Word)
            || self.slots.len() < FEW_INCIDENTS
            || places * COMMON_SHARE <= self.slots.len()
    }

    /// Inverse document frequency: ln(1 + N / (1 + n)).
    fn rarity(&self, places: usize) -> f32 {
        (1.0 + self.slots.len() as f32 / (1.0 + places as f32)).ln()
    }

    fn insert(&mut self, incident: OpenIncident) {
        let slot = self.slots.len() as u32;
        let mut terms: Vec<u64> = words(clipped(&incident.text));
        for entity in incident.entities.iter().take(INCIDENT_WORDS_MAX) {
            terms.extend(words(clipped(entity)));
        }
        terms.truncate(INCIDENT_WORDS_MAX);
        terms.extend(incident.entities.iter().take(INCIDENT_WORDS_MAX).map(|name| term(Kind::Entity, name)));
        terms.extend(incident.service.iter().map(|service| term(Kind::Service, service)));
        terms.sort_unstable();
        terms.dedup();
        for term in terms {
            self.postings.entry(term).or_default().push(slot);
        }
        self.by_id.insert(incident.id, slot);
        self.slots.push(Some(incident));
    }
}

fn score(common: Common, weight: f32, age_ms: i64) -> f64 {
    let share = if weight > 0.0 { f64::from(common.words / weight).min(1.0) } else { 0.0 };
    let entity = if common.entity { 0.6 } else { 0.0 };
    let service = if common.service { 0.35 } else { 0.0 };
    let fits = 1.0 - (1.0 - entity) * (1.0 - 0.7 * share) * (1.0 - service);
    fits * (0.8 + 0.2 * (-(age_ms.max(0) as f64) / FRESH_HALF_LIFE_MS).exp2())
}

/// Words that say nothing about what happened.
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "could", "did", "do", "does", "for", "from", "get", "had", "has", "have", "he", "her", "his",
    "how", "i", "if", "in", "into", "is", "it", "its", "just", "like", "me", "my", "no", "not", "of", "on",
    "or", "our", "out", "saw", "see", "seen", "she", "so", "some", "that", "the", "their", "them", "then",
    "there", "they", "this", "to", "too", "up", "was", "we", "were", "what", "when", "where", "which", "who",
    "why", "will", "with", "would", "you", "your",
];

/// The terms of a text's words, each once, in the order of the text.
fn words(text: &str) -> Vec<u64> {
    let mut seen = std::collections::HashSet::new();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 1);
    let lower = words.map(str::to_lowercase).filter(|word| STOP_WORDS.binary_search(&word.as_str()).is_err());
    lower.map(|word| term(Kind::Word, &word)).filter(|term| seen.insert(*term)).collect()
}

/// What stands between spaces, without the punctuation around it: how entities are written in a text.
fn compounds(text: &str) -> impl Iterator<Item = String> {
    let is_around = |c: char| !c.is_alphanumeric() && !matches!(c, '/' | '_' | '@' | ':');
    text.split_whitespace()
        .map(move |part| part.trim_matches(is_around).trim_end_matches([':', '/']))
        .filter(|part| part.len() > 2)
        .map(str::to_lowercase)
}

fn clipped(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default()
}

/// FNV-1a over the text in lower case, apart by kind.
fn term(kind: Kind, text: &str) -> u64 {
    let lower = text.chars().flat_map(char::to_lowercase).map(|c| u64::from(u32::from(c)));
    let start = 0xCBF2_9CE4_8422_2325_u64 ^ kind as u64;
    lower.fold(start, |hash, c| (hash ^ c).wrapping_mul(0x0000_0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::STOP_WORDS;

    #[test]
    fn stop_words_are_in_order() {
        assert!(STOP_WORDS.is_sorted(), "they are looked up by halving");
    }
}
