//! People's names: by what stands around them, by their shape, and by given names that are hardly anything else.
//!
//! No list of names can be whole, and none of other words either; so what counts is together:
//! - a *run* is one to six words that could be a name: capitals, initials and particles between (`Willemine ten Pas`);
//! - what stands around it speaks for it: a title, a label and a colon, an introduction (`my name is`), something people
//!   do (`said`), something people have (`'s laptop`), an address of mail after it;
//! - or its shape does: a known given name and one word more, an initial in the middle, two words that are no others;
//! - and something speaks against it: a street's number, a word of organisations or places beside it, `in` before it.
//!
//! A name once told in full is found again wherever a part of it stands, and lists of names help each other.

mod runs;
mod words;

use crate::class::Confidence;
use crate::detectors::NameWords;
use foldhash::{HashMap, HashSet};
use runs::Run;
use words::{Shape, Word, flag};

/// How far after a name the sentence may come back to it with `he` or `her`, in words.
const PRONOUN_WORDS_MAX: usize = 22;

/// A label or an introduction has at most so many words.
const PHRASE_WORDS_MAX: usize = 3;

/// How far after a name its address of mail may end, in bytes.
const MAIL_BYTES_MAX: usize = 120;

/// The words by which names are told.
#[derive(Debug)]
pub struct Names {
    flags: HashMap<String, u32>,
    labels: HashSet<String>,
    introductions: HashSet<String>,
    weak_introductions: HashSet<String>,
    endings: Vec<String>,
}

/// A name in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
    /// How sure that is.
    pub confidence: Confidence,
}

impl Names {
    /// Makes the words ready.
    #[must_use]
    pub fn new(lists: &NameWords) -> Self {
        let mut flags: HashMap<String, u32> = HashMap::default();
        let kinds = [
            (&lists.titles, flag::TITLE),
            (&lists.verbs, flag::VERB),
            (&lists.weak_verbs, flag::WEAK_VERB),
            (&lists.pronouns, flag::PRONOUN),
            (&lists.belongings, flag::BELONGING),
            (&lists.particles, flag::PARTICLE),
            (&lists.organisations, flag::ORGANISATION),
            (&lists.places, flag::PLACE),
            (&lists.place_words, flag::PLACE_WORD),
            (&lists.given, flag::GIVEN),
            (&lists.given_ambiguous, flag::GIVEN_AMBIGUOUS),
            (&lists.family_ambiguous, flag::FAMILY_AMBIGUOUS),
            (&lists.suffixes, flag::SUFFIX),
            (&lists.not_names, flag::NOT_NAME),
            (&lists.labels, flag::SAID),
            (&lists.introductions, flag::SAID),
        ];
        for (list, bit) in kinds {
            for word in list {
                *flags.entry(word.clone()).or_insert(0) |= bit;
            }
        }
        let set = |list: &[String]| list.iter().cloned().collect();
        Self {
            flags,
            labels: set(&lists.labels),
            introductions: set(&lists.introductions),
            weak_introductions: set(&lists.weak_introductions),
            endings: lists.not_name_endings.clone(),
        }
    }

    /// The names in a text, in order and apart.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<Name> {
        let words = self.words(text);
        let mut runs = runs::of(text, &words);
        for run in &mut runs {
            run.confidence = self.judge(text, &words, run);
        }
        self.judge_labelled(text, &words, &mut runs);
        join_lists(text, &mut runs);
        let parts: HashSet<&str> = runs
            .iter()
            .filter(|run| run.confidence.is_some() && run.names > 1)
            .flat_map(|run| &words[run.first..=run.last])
            .filter(|word| word.is_name() && word.lower.chars().count() > 2)
            .map(|word| word.lower.as_str())
            .collect();
        for run in runs.iter_mut().filter(|run| run.confidence.is_none() && run.names == 1) {
            if words[run.first..=run.last].iter().any(|word| parts.contains(word.lower.as_str())) {
                run.confidence = Some(Confidence::Low);
            }
        }
        let name =
            |run: &Run| run.confidence.map(|confidence| Name { start: run.start, end: run.end, confidence });
        let mut names: Vec<Name> = runs.iter().filter_map(name).collect();
        names.sort_by_key(|name| (name.start, name.end));
        names.dedup_by(|later, earlier| later.start < earlier.end);
        names
    }

    /// Whether a run is a name, by all that speaks for and against it.
    fn judge(&self, text: &str, words: &[Word], run: &Run) -> Option<Confidence> {
        let around = Around::of(text, words, run);
        let first = &words[run.first];
        let given = first.is(flag::GIVEN) || (first.is(flag::GIVEN_AMBIGUOUS) && run.names > 1);
        let introduced = self.introduced(text, words, run);
        if self.is_titled(text, words, run) {
            return Some(Confidence::High);
        }
        if around.is_organisation(given) || around.next_is(flag::PLACE, true) {
            return None;
        }
        if self.is_labelled(text, words, run) || has_mail_after(text, run.end) {
            return Some(Confidence::High);
        }
        let numbered = around.number_beside;
        if run.names > 1 || run.initials {
            if given || run.initials {
                return (!numbered || run.initials || introduced.is_some()).then_some(Confidence::Medium);
            }
            let in_street = around.previous_is(flag::PLACE, false);
            if numbered || around.in_place || around.in_title || in_street {
                return None;
            }
            return Some(if introduced.is_some() { Confidence::Medium } else { Confidence::Low });
        }
        if numbered || (around.in_place && !given) || (around.previous_is(flag::PLACE, false) && !given) {
            return None;
        }
        let acts = around.next_is(flag::VERB, false);
        let weakly = around.next_is(flag::WEAK_VERB, false);
        let spoken_of = around.begins_sentence && acts && self.pronoun_follows(words, run);
        let owns = run.possessive && around.next_is(flag::BELONGING, false) && !around.in_title;
        let strongly = introduced == Some(true) && !around.next_is_name_like;
        let sure = (given && !around.in_title) || owns || strongly || (acts && !weakly && !around.in_title);
        (sure || spoken_of || (introduced == Some(false) && acts && !weakly)).then_some(Confidence::Medium)
    }

    /// Whether an introduction stands right before: strong (`true`), weak, or none.
    fn introduced(&self, text: &str, words: &[Word], run: &Run) -> Option<bool> {
        phrases_before(text, words, run.first, " ").find_map(|phrase| {
            self.introductions.contains(&phrase).then(|| !self.weak_introductions.contains(&phrase))
        })
    }

    fn is_titled(&self, text: &str, words: &[Word], run: &Run) -> bool {
        let Some(before) = run.first.checked_sub(1).map(|at| &words[at]) else { return false };
        let gap = &text[before.end..run.start];
        before.is(flag::TITLE) && matches!(gap, " " | ". " | ".") && before.shape != Shape::Mixed
    }

    fn is_labelled(&self, text: &str, words: &[Word], run: &Run) -> bool {
        label_before(text, words, run.first, run.start).any(|phrase| self.labels.contains(&phrase))
    }

    /// Names without capitals, where a title or a label that only people have says so, and given names by themselves.
    fn judge_labelled(&self, text: &str, words: &[Word], runs: &mut Vec<Run>) {
        let mut taken_until = 0;
        let mut line = (0, false);
        for at in 0..words.len() {
            let word = &words[at];
            if word.start < taken_until || word.shape != Shape::Lower || !word.stands_free {
                continue;
            }
            let titled = at > 0
                && words[at - 1].is(flag::TITLE)
                && &text[words[at - 1].end..word.start] == ". "
                && words[at - 1].lower.len() <= 4;
            let labelled = label_before(text, words, at, word.start)
                .any(|phrase| self.labels.contains(&phrase) && phrase.contains([' ', '-']));
            let introduced = phrases_before(text, words, at, " ").any(|phrase| {
                matches!(phrase.as_str(), "my name is" | "name is") || phrase == "maiden name is"
            });
            let given = word.is(flag::GIVEN) && word.lower.chars().count() > 2;
            let known =
                word.flags & (flag::NOT_NAME | flag::SAID | flag::VERB | flag::PRONOUN | flag::TITLE) != 0;
            if !(given || ((titled || labelled || introduced) && !known)) {
                continue;
            }
            let mut last = at;
            let goes_on = |next: usize| {
                words.get(next).is_some_and(|w| {
                    w.shape == Shape::Lower
                        && w.stands_free
                        && w.flags & !(flag::GIVEN | flag::GIVEN_AMBIGUOUS | flag::PARTICLE) == 0
                        && !self.has_ending(&w.lower)
                }) && &text[words[next - 1].end..words[next].start] == " "
            };
            if word.start >= line.0 {
                line = line_of(text, word.start);
            }
            while last < at + 3 && (labelled || introduced || (given && line.1)) && goes_on(last + 1) {
                last += 1;
                if given && !labelled && !introduced {
                    break;
                }
            }
            let confidence = if titled || labelled { Confidence::Medium } else { Confidence::Low };
            taken_until = words[last].end;
            runs.push(Run::of_words(words, at, last, Some(confidence)));
        }
        runs.sort_by_key(|run| run.start);
    }

    /// Whether the sentence, or the next, goes on about him or her.
    fn pronoun_follows(&self, words: &[Word], run: &Run) -> bool {
        words[run.last + 1..].iter().take(PRONOUN_WORDS_MAX).any(|word| word.is(flag::PRONOUN))
    }

    fn has_ending(&self, lower: &str) -> bool {
        lower.chars().count() >= 6 && self.endings.iter().any(|ending| lower.ends_with(ending.as_str()))
    }
}

/// What stands beside a run.
struct Around<'a> {
    previous: Option<&'a Word>,
    next: Option<&'a Word>,
    begins_sentence: bool,
    number_beside: bool,
    /// `in`, `at` or `from` before it.
    in_place: bool,
    /// A part of a longer row of capitals, or after an article.
    in_title: bool,
    next_is_name_like: bool,
}

impl<'a> Around<'a> {
    fn of(text: &str, words: &'a [Word], run: &Run) -> Self {
        let adjacent = |from: usize, to: usize| &text[from..to] == " ";
        let previous =
            run.first.checked_sub(1).map(|at| &words[at]).filter(|word| adjacent(word.end, run.start));
        let run_end = words[run.last].whole_end;
        let next = words.get(run.last + 1).filter(|word| adjacent(run_end, word.start));
        let lead = text[..run.start].trim_end_matches([' ', '"', '\'', '“', '(', '*', '_']);
        let begins_sentence = lead.is_empty() || lead.ends_with(['.', '!', '?', '\n', '\r', ':', ';']);
        let digit_before = text[..run.start]
            .strip_suffix(' ')
            .is_some_and(|rest| rest.ends_with(|c: char| c.is_ascii_digit()));
        let digit_after = text[run_end..]
            .strip_prefix(' ')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let capital = |word: &&Word| matches!(word.shape, Shape::Capital | Shape::Upper | Shape::Mixed);
        let article = previous.is_some_and(|word| matches!(word.lower.as_str(), "the" | "a" | "an"));
        let after_capital = previous.filter(capital).is_some_and(|word| {
            let opens = word.first_of_sentence && word.is(flag::NOT_NAME | flag::SAID);
            !opens && !word.is(flag::SAID | flag::VERB)
        });
        let before_capital = next.filter(capital).is_some_and(|word| !word.is(flag::VERB));
        Self {
            previous,
            next,
            begins_sentence,
            number_beside: digit_before || digit_after,
            in_place: previous.is_some_and(|word| word.is(flag::PLACE_WORD)),
            in_title: article || after_capital || before_capital,
            next_is_name_like: next.is_some_and(|word| word.shape == Shape::Capital),
        }
    }

    fn next_is(&self, bit: u32, capital: bool) -> bool {
        self.next.is_some_and(|word| word.is(bit) && (!capital || word.shape != Shape::Lower))
    }

    fn previous_is(&self, bit: u32, capital: bool) -> bool {
        self.previous.is_some_and(|word| word.is(bit) && (!capital || word.shape != Shape::Lower))
    }

    fn is_organisation(&self, given: bool) -> bool {
        self.next_is(flag::ORGANISATION, given)
    }
}

/// The words right before word `at`, as phrases of one to three, shortest first; what stands between them is `gap`.
fn phrases_before<'a>(
    text: &'a str,
    words: &'a [Word],
    at: usize,
    gap: &'a str,
) -> impl Iterator<Item = String> + 'a {
    let begins = words[at].start;
    (1..=PHRASE_WORDS_MAX.min(at)).map_while(move |count| {
        let phrase = &words[at - count..at];
        let ends = phrase.iter().zip(phrase.iter().skip(1).map(|word| word.start).chain([begins]));
        let joined = ends.into_iter().all(|(word, next)| {
            let between = &text[word.whole_end..next];
            between == gap || between == "-"
        });
        joined.then(|| phrase.iter().map(|word| word.whole_lower.as_str()).collect::<Vec<_>>().join(" "))
    })
}

/// The words before a colon that stands before `start`, as phrases of one to three.
fn label_before<'a>(
    text: &'a str,
    words: &'a [Word],
    at: usize,
    start: usize,
) -> impl Iterator<Item = String> + 'a {
    let lead = text[..start].trim_end_matches([' ', '\t', '"', '\'', '*', '_']);
    let label_end = lead
        .strip_suffix([':', '='])
        .or_else(|| text[..start].strip_suffix('\t'))
        .map(|rest| rest.trim_end_matches([' ', '"', '\'', '*', '_']).len());
    (1..=PHRASE_WORDS_MAX.min(at)).map_while(move |count| {
        let label_end = label_end?;
        let phrase = &words[at - count..at];
        let last = phrase.last()?;
        let spaced =
            phrase.windows(2).all(|pair| matches!(&text[pair[0].whole_end..pair[1].start], " " | "-" | "_"));
        (last.whole_end == label_end && spaced)
            .then(|| phrase.iter().map(|word| word.whole_lower.as_str()).collect::<Vec<_>>().join(" "))
    })
}

/// Whether `<somebody@somewhere>` follows.
fn has_mail_after(text: &str, end: usize) -> bool {
    let rest = &text[end..];
    rest.strip_prefix(['"', '\'']).unwrap_or(rest).strip_prefix(" <").is_some_and(|inside| {
        let shown =
            inside.bytes().take(MAIL_BYTES_MAX).take_while(|byte| !matches!(byte, b'>' | b' ' | b'\n'));
        shown.into_iter().any(|byte| byte == b'@')
    })
}

/// A row such as `Kateřina, James and Emily`: beside a name, what could be one is one.
fn join_lists(text: &str, runs: &mut [Run]) {
    let listed = |left: &Run, right: &Run| {
        left.end <= right.start
            && matches!(&text[left.end..right.start], ", " | " and " | ", and " | " & " | " or ")
    };
    for at in 1..runs.len() {
        if runs[at - 1].confidence.is_some() && runs[at].may_be_listed() && listed(&runs[at - 1], &runs[at]) {
            runs[at].confidence = Some(Confidence::Low);
        }
    }
    for at in (1..runs.len()).rev() {
        if runs[at].confidence.is_some() && runs[at - 1].may_be_listed() && listed(&runs[at - 1], &runs[at]) {
            runs[at - 1].confidence = Some(Confidence::Low);
        }
    }
}

/// Where the line that `at` stands in ends, and whether it has no capital letter.
fn line_of(text: &str, at: usize) -> (usize, bool) {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    (end, !text[start..end].chars().any(char::is_uppercase))
}
