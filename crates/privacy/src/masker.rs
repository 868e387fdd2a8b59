//! Masking a text: look, mask, look again until there is nothing more.

use crate::character::{self, is_word, number_after, number_before};
use crate::check::{Candidate, Check};
use crate::class::{Class, Confidence};
use crate::context::Nearby;
use crate::detectors::{Boundary, Context, Detector, Detectors, Scanner};
use crate::error::{DetectorsError, MaskError};
use crate::limits::{RETRY_CHARS_MAX, ROUNDS_MAX, TEXT_BYTES_MAX};
use crate::names::Names;
use crate::placeholder::{Numbers, Placeholders};
use crate::secret::SecretWords;
use crate::view::{MASKED, View};
use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use regex::{Regex, RegexBuilder};
use serde::Serialize;
use std::cmp::Reverse;

/// How much memory one compiled pattern may take, in bytes.
const PATTERN_COMPILED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is left between masked places without a placeholder of its own.
const GAPS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Detectors made ready; made once, used for any number of texts, from any number of threads.
#[derive(Debug)]
pub struct Masker {
    detectors: Vec<Ready>,
    literals: AhoCorasick,
    /// The detector that each literal belongs to.
    literal_owner: Vec<usize>,
    words: SecretWords,
    names: Names,
    placeholders: Placeholders,
}

#[derive(Debug)]
struct Ready {
    name: String,
    class: Class,
    pattern: Option<Regex>,
    boundary: Boundary,
    check: Option<Check>,
    near: Option<(Nearby, bool)>,
    unless: Option<Nearby>,
    always: bool,
    priority: u8,
    confidence: Confidence,
}

/// A masked text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Masked {
    /// The text with placeholders.
    pub text: String,
    /// What was masked, in order, apart from each other.
    pub spans: Vec<Span>,
}

/// A place in the text that was given, and what stands for it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Where it begins, in bytes of UTF-8.
    pub start: usize,
    /// Where it ends, in bytes of UTF-8.
    pub end: usize,
    /// Where it begins, in units of UTF-16, as JavaScript counts.
    pub start_utf16: usize,
    /// Where it ends, in units of UTF-16.
    pub end_utf16: usize,
    /// What it is.
    pub class: Class,
    /// The name of the detector that decided what it is.
    pub detector: String,
    /// How sure that is.
    pub confidence: Confidence,
    /// What stands for it in the masked text.
    pub replacement: String,
}

/// What one detector found; places in the view, later in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) detector: usize,
    pub(crate) confidence: Confidence,
}

/// Where a text begins in a longer one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Origin {
    /// In bytes of UTF-8.
    pub(crate) bytes: usize,
    /// In units of UTF-16.
    pub(crate) utf16: usize,
}

impl Masker {
    /// Makes detectors ready.
    ///
    /// # Errors
    /// A pattern that does not compile, or compiles to too much.
    pub fn new(detectors: &Detectors) -> Result<Self, DetectorsError> {
        let ready: Vec<Ready> =
            detectors.detectors.iter().map(Ready::of).collect::<Result<_, DetectorsError>>()?;
        let owned = detectors.detectors.iter().enumerate();
        let (literal_owner, literals): (Vec<usize>, Vec<&str>) = owned
            .flat_map(|(index, detector)| detector.literals.iter().map(move |l| (index, l.as_str())))
            .unzip();
        let literals = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .build(&literals)
            .map_err(|error| DetectorsError::Whole(error.to_string()))?;
        Ok(Self {
            detectors: ready,
            literals,
            literal_owner,
            words: SecretWords::new(detectors),
            names: Names::new(&detectors.names),
            placeholders: Placeholders::new(detectors),
        })
    }

    /// Masks a text.
    ///
    /// # Errors
    /// The text is too long, or never settles; then nothing of it is masked, and it must not go on.
    pub fn mask(&self, text: &str) -> Result<Masked, MaskError> {
        self.mask_counting(text, &mut 0)
    }

    /// Masks a text and counts how many bytes patterns matched on the way, refused ones too, and how many checks read
    /// beyond: what must grow with the text's length and not with its square.
    ///
    /// # Errors
    /// Those of [`Masker::mask`].
    pub fn mask_counting(&self, text: &str, work: &mut usize) -> Result<Masked, MaskError> {
        let hits = self.hits(text, work)?;
        let mut numbers = Numbers::after(self.placeholders.in_text(text));
        Ok(self.render(text, &hits, Origin::default(), &mut numbers))
    }

    /// Masks several texts that belong together, such as the fields of one report: the same value has the same number in
    /// all of them.
    ///
    /// # Errors
    /// Those of [`Masker::mask`] for one of them; then none is masked.
    pub fn mask_all(&self, texts: &[&str]) -> Result<Vec<Masked>, MaskError> {
        let mut numbers = Numbers::after(texts.iter().flat_map(|text| self.placeholders.in_text(text)));
        let masked = texts.iter().map(|text| {
            let hits = self.hits(text, &mut 0)?;
            Ok(self.render(text, &hits, Origin::default(), &mut numbers))
        });
        masked.collect()
    }

    /// The placeholders that stand in a text already.
    pub(crate) fn placeholders(&self) -> &Placeholders {
        &self.placeholders
    }

    /// What is to be masked in a text, in order and apart.
    pub(crate) fn hits(&self, text: &str, work: &mut usize) -> Result<Vec<Hit>, MaskError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(MaskError::TextTooLarge { bytes: text.len(), bytes_max: TEXT_BYTES_MAX });
        }
        let taken = self.placeholders.in_text(text);
        let before: Vec<(usize, usize)> = taken.map(|found| (found.start, found.end)).collect();
        let mut view = View::of(text, &self.placeholders);
        let mut all: Vec<Hit> = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let found = self.look(&view, work);
            if found.is_empty() {
                return Ok(all);
            }
            all.extend(found);
            all.sort_by_key(|hit| hit.start);
            let mut masked: Vec<(usize, usize)> = all.iter().map(|hit| (hit.start, hit.end)).collect();
            masked.extend(&before);
            masked.sort_unstable();
            view = View::without(text, &masked);
        }
        Err(MaskError::Unsettled { rounds: ROUNDS_MAX })
    }

    /// One look: what every detector finds in the view, joined where it overlaps, as places in the text.
    fn look(&self, view: &View, work: &mut usize) -> Vec<Hit> {
        let text = view.text.as_str();
        let asked = self.asked(text);
        let mut hits = Vec::new();
        for (index, detector) in self.detectors.iter().enumerate().filter(|(index, _)| asked[*index]) {
            match &detector.pattern {
                Some(pattern) => self.find(text, (index, detector), pattern, &mut hits, work),
                None => hits.extend(self.names.find(text).into_iter().map(|name| Hit {
                    start: name.start,
                    end: name.end,
                    detector: index,
                    confidence: name.confidence.min(detector.confidence),
                })),
            }
        }
        let joined = self.join(hits.into_iter().flat_map(|hit| unmasked(text, hit)).collect());
        let in_text =
            |hit: &Hit| view.in_source(hit.start, hit.end).map(|(start, end)| Hit { start, end, ..*hit });
        joined.iter().filter_map(in_text).collect()
    }

    /// Which detectors have a reason to look.
    fn asked(&self, text: &str) -> Vec<bool> {
        let mut asked: Vec<bool> = self.detectors.iter().map(|detector| detector.always).collect();
        let mut left = asked.iter().filter(|asked| !**asked).count();
        for found in self.literals.find_overlapping_iter(text) {
            let owner = self.literal_owner[found.pattern().as_usize()];
            if !asked[owner] {
                asked[owner] = true;
                left -= 1;
                if left == 0 {
                    break;
                }
            }
        }
        asked
    }

    /// What one pattern finds. After a match that is refused the search goes on where the next word begins, so that a
    /// number that follows another is seen.
    fn find(
        &self,
        text: &str,
        (index, detector): (usize, &Ready),
        pattern: &Regex,
        hits: &mut Vec<Hit>,
        work: &mut usize,
    ) {
        let groups = pattern.captures_len();
        let mut locations = pattern.capture_locations();
        let mut at = 0;
        while at <= text.len() {
            // groups cost far more than the match, so they are asked for only where a pattern has some
            let whole = if groups > 1 {
                pattern.captures_read_at(&mut locations, text, at)
            } else {
                pattern.find_at(text, at)
            };
            let Some(whole) = whole else { break };
            let (whole_start, whole_end) = (whole.start(), whole.end());
            *work += whole_end - whole_start;
            let value = if groups > 1 { (1..groups).find_map(|group| locations.get(group)) } else { None };
            let value = value.unwrap_or((whole_start, whole_end));
            let accepted = if detector.refuses(text, whole_start, whole_end, value) {
                None
            } else {
                let near = detector.near.as_ref().is_some_and(|(words, _)| {
                    words.before(text, whole_start) || words.after(text, whole_end)
                });
                let candidate = Candidate { text, start: value.0, end: value.1, near };
                match detector.check {
                    None => candidate.accept(),
                    Some(check) => check.judge(candidate, &self.words, work),
                }
            };
            match accepted.filter(|place| text[place.start..place.end].chars().any(is_readable)) {
                Some(place) => {
                    let confidence = if place.certain { Confidence::High } else { detector.confidence };
                    hits.push(Hit { start: place.start, end: place.end, detector: index, confidence });
                    at = place.end.max(whole_start + 1);
                }
                // what was refused whole at such a length is a long run of one thing: nothing else begins inside, and
                // looking at each of its words would take the square of its length
                None if text[whole_start..whole_end].chars().count() > RETRY_CHARS_MAX => at = whole_end,
                None => at = next_word(text, whole_start),
            }
        }
    }

    /// Hits that overlap become one place of all of theirs together, of the class with the highest priority: nothing
    /// that some detector found is left standing.
    fn join(&self, mut hits: Vec<Hit>) -> Vec<Hit> {
        hits.sort_by_key(|hit| (hit.start, Reverse(hit.end), hit.detector));
        let rank =
            |hit: &Hit| (self.detectors[hit.detector].priority, Reverse(hit.start), Reverse(hit.detector));
        let mut joined: Vec<(Hit, Hit)> = Vec::new();
        for hit in hits.into_iter().filter(|hit| hit.start < hit.end) {
            match joined.last_mut() {
                Some((place, best)) if hit.start < place.end => {
                    place.end = place.end.max(hit.end);
                    if rank(&hit) > rank(best) {
                        *best = hit;
                    }
                }
                _ => joined.push((hit, hit)),
            }
        }
        joined.into_iter().map(|(place, best)| Hit { start: place.start, end: place.end, ..best }).collect()
    }

    /// A text with placeholders for hits; `origin` is where it begins in the text that spans are told of.
    pub(crate) fn render(&self, text: &str, hits: &[Hit], origin: Origin, numbers: &mut Numbers) -> Masked {
        let mut masked =
            Masked { text: String::with_capacity(text.len()), spans: Vec::with_capacity(hits.len()) };
        let (mut at, mut at_utf16) = (0, origin.utf16);
        for hit in hits {
            let detector = &self.detectors[hit.detector];
            let between = &text[at..hit.start];
            let value = &text[hit.start..hit.end];
            let start_utf16 = at_utf16 + between.encode_utf16().count();
            let end_utf16 = start_utf16 + value.encode_utf16().count();
            let number = numbers.of(detector.class, value);
            let replacement = format!("[{} {number}]", self.placeholders.label(detector.class));
            masked.text.push_str(between);
            masked.text.push_str(&replacement);
            masked.spans.push(Span {
                start: origin.bytes + hit.start,
                end: origin.bytes + hit.end,
                start_utf16,
                end_utf16,
                class: detector.class,
                detector: detector.name.clone(),
                confidence: hit.confidence,
                replacement,
            });
            (at, at_utf16) = (hit.end, end_utf16);
        }
        masked.text.push_str(&text[at..]);
        masked
    }

    /// The class of a hit.
    pub(crate) fn class_of(&self, hit: &Hit) -> Class {
        self.detectors[hit.detector].class
    }
}

impl Ready {
    fn of(detector: &Detector) -> Result<Self, DetectorsError> {
        let compile = |pattern: &str| {
            RegexBuilder::new(pattern)
                .case_insensitive(detector.ignore_case)
                .size_limit(PATTERN_COMPILED_BYTES_MAX)
                .build()
                .map_err(|error| DetectorsError::Detector {
                    detector: detector.name.clone(),
                    reason: error.to_string(),
                })
        };
        let pattern = match detector.scanner {
            Some(Scanner::Names) => None,
            None => Some(compile(&detector.pattern)?),
        };
        let nearby = |context: &Context| Nearby::new(&context.words, context.chars);
        Ok(Self {
            name: detector.name.clone(),
            class: detector.class,
            pattern,
            boundary: detector.boundary,
            check: detector.check,
            near: detector.near.as_ref().map(|context| (nearby(context), context.optional)),
            unless: detector.unless.as_ref().map(nearby),
            always: detector.literals.is_empty(),
            priority: detector.priority,
            confidence: detector.confidence,
        })
    }

    /// Whether what stands around the match speaks against it.
    fn refuses(&self, text: &str, start: usize, end: usize, value: (usize, usize)) -> bool {
        let word_before = character::before(text, start).is_some_and(is_word);
        let beside = match self.boundary {
            Boundary::None => false,
            Boundary::Word => word_before || character::after(text, value.1.max(end)).is_some_and(is_word),
            Boundary::Start => character::before(text, start).is_some_and(char::is_alphanumeric),
            Boundary::Digits => {
                number_before(text, start, &['.', ',', '-']) || number_after(text, end, &['.', ',', '-'])
            }
            Boundary::Dotted => number_before(text, start, &['.']) || number_after(text, end, &['.']),
        };
        beside
            || self.unless.as_ref().is_some_and(|words| words.before(text, start))
            || self.near.as_ref().is_some_and(|(words, optional)| {
                !optional && !words.before(text, start) && !words.after(text, end)
            })
    }
}

/// Whether there is something to read in it: not masked, not a gap.
fn is_readable(c: char) -> bool {
    c != MASKED && !GAPS.contains(&c)
}

/// The parts of a place that are not masked yet, without the gaps beside what is.
fn unmasked(text: &str, hit: Hit) -> Vec<Hit> {
    let value = &text[hit.start..hit.end];
    if !value.contains(MASKED) {
        return vec![hit];
    }
    let part = |part: &str| {
        let part = part.trim_matches(GAPS);
        let start = part.as_ptr() as usize - text.as_ptr() as usize;
        Hit { start, end: start + part.len(), ..hit }
    };
    value.split(MASKED).map(part).filter(|hit| hit.start < hit.end).collect()
}

/// Where a search goes on after a match at `start` was refused: past the word that stands there.
fn next_word(text: &str, start: usize) -> usize {
    let mut characters = text[start..].char_indices();
    let mut earlier = match characters.next() {
        Some((_, c)) => c,
        None => return text.len() + 1,
    };
    for (offset, c) in characters {
        if !(is_word(earlier) && is_word(c)) {
            return start + offset;
        }
        earlier = c;
    }
    text.len() + 1
}
