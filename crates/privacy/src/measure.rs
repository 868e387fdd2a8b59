//! How well texts with labels are masked: recall and precision by class.
//!
//! Two formats of labels are read: a list of texts with spans in characters, as presidio-research writes it, and a list of
//! findings with path, line and column, as CredSweeper does. Each corpus has two halves: detectors are developed on one
//! and judged on both.

use crate::class::Class;
use crate::masker::Span;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A label is found if at least this share of its bytes is masked.
const COVERED_SHARE_MIN: f64 = 0.9;

/// Which half of a corpus a text or a line belongs to, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Half {
    /// The even ones, which detectors may be developed on.
    Even,
    /// The odd ones, which only judge.
    Odd,
}

impl Half {
    fn of(number: usize) -> Self {
        if number.is_multiple_of(2) { Self::Even } else { Self::Odd }
    }
}

/// What a person marked in a text: one thing in one or more places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Bytes of the text.
    pub places: Vec<(usize, usize)>,
    /// What it is; nothing for what is not asked of masking.
    pub class: Option<Class>,
    /// Its half.
    pub half: Half,
}

/// A text with labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Where it is from: a file, or the number of a text.
    pub name: String,
    /// The text.
    pub text: String,
    /// What was marked.
    pub labels: Vec<Label>,
    /// Its half, if it belongs to one whole.
    pub half: Option<Half>,
}

/// What came of one class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// Labels.
    pub labels: usize,
    /// Labels that are masked whole by their class.
    pub found: usize,
    /// Labels that are masked in part.
    pub touched: usize,
    /// Spans of the class.
    pub spans: usize,
    /// Spans that touch a label of the class.
    pub right: usize,
}

impl Score {
    /// The share of labels that were found; 1 where there are none.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.found, self.labels)
    }

    /// The share of spans that are right; 1 where there are none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.right, self.spans)
    }

    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.labels += other.labels;
        self.found += other.found;
        self.touched += other.touched;
        self.spans += other.spans;
        self.right += other.right;
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// Scores by class and half.
pub type Scores = BTreeMap<(Class, Half), Score>;

/// Counts one text's spans against its labels.
pub fn count(scores: &mut Scores, labelled: &Labelled, spans: &[Span], class_of: impl Fn(Class) -> Class) {
    let line_of = |at: usize| labelled.text[..at].matches('\n').count() + 1;
    let half_at = |at: usize| labelled.half.unwrap_or_else(|| Half::of(line_of(at)));
    for label in &labelled.labels {
        let Some(class) = label.class else { continue };
        let same: Vec<&Span> = spans.iter().filter(|span| class_of(span.class) == class).collect();
        let bytes: usize = label.places.iter().map(|(start, end)| end - start).sum();
        let covered: usize = label
            .places
            .iter()
            .flat_map(|place| same.iter().map(move |span| overlap(*place, (span.start, span.end))))
            .sum();
        let score = scores.entry((class, label.half)).or_default();
        score.labels += 1;
        score.found += usize::from(covered as f64 >= COVERED_SHARE_MIN * bytes as f64);
        score.touched += usize::from(covered > 0);
    }
    for span in spans {
        let class = class_of(span.class);
        let right = labelled.labels.iter().any(|label| {
            label.class == Some(class)
                && label.places.iter().any(|place| overlap(*place, (span.start, span.end)) > 0)
        });
        let score = scores.entry((class, half_at(span.start))).or_default();
        score.spans += 1;
        score.right += usize::from(right);
    }
}

fn overlap(a: (usize, usize), b: (usize, usize)) -> usize {
    a.1.min(b.1).saturating_sub(a.0.max(b.0))
}

#[derive(Deserialize)]
struct SpanText {
    full_text: String,
    spans: Vec<SpanLabel>,
}

#[derive(Deserialize)]
struct SpanLabel {
    entity_type: String,
    start_position: usize,
    end_position: usize,
}

/// Texts with spans, in the form of presidio-research.
///
/// # Errors
/// What is wrong with the JSON.
pub fn texts_with_spans(json: &str) -> Result<Vec<Labelled>, serde_json::Error> {
    let texts: Vec<SpanText> = serde_json::from_str(json)?;
    let labelled = |(index, text): (usize, SpanText)| {
        let offsets: Vec<usize> =
            text.full_text.char_indices().map(|(at, _)| at).chain([text.full_text.len()]).collect();
        let byte = |position: usize| offsets.get(position).copied().unwrap_or(text.full_text.len());
        let half = Half::of(index + 1);
        let label = |span: &SpanLabel| Label {
            places: vec![(byte(span.start_position), byte(span.end_position))],
            class: class_of_type(&span.entity_type),
            half,
        };
        let labels = text.spans.iter().map(label).collect();
        Labelled { name: (index + 1).to_string(), labels, half: Some(half), text: text.full_text }
    };
    Ok(texts.into_iter().enumerate().map(labelled).collect())
}

fn class_of_type(name: &str) -> Option<Class> {
    Some(match name {
        "PERSON" => Class::Person,
        "PHONE_NUMBER" => Class::Phone,
        "CREDIT_CARD" => Class::Card,
        "EMAIL_ADDRESS" => Class::Email,
        "IBAN_CODE" => Class::Iban,
        "IP_ADDRESS" => Class::Ip,
        "US_SSN" => Class::NationalId,
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Finding {
    line_data_list: Vec<LineData>,
}

#[derive(Deserialize)]
struct LineData {
    line_num: usize,
    path: String,
    value: String,
    value_start: i64,
}

/// Files with findings, in the form of CredSweeper: every secret is of class [`Class::Token`].
///
/// # Errors
/// What is wrong with the JSON.
pub fn files_with_findings(
    json: &str,
    files: &[(String, String)],
) -> Result<Vec<Labelled>, serde_json::Error> {
    let findings: Vec<Finding> = serde_json::from_str(json)?;
    let labelled = |(name, text): &(String, String)| {
        let mut seen = BTreeSet::new();
        let mut labels = Vec::new();
        for finding in &findings {
            if !finding.line_data_list.iter().all(|line| line.path.ends_with(&format!("/{name}"))) {
                continue;
            }
            let places: Vec<(usize, usize)> =
                finding.line_data_list.iter().filter_map(|line| place_of(text, line)).collect();
            let first = finding.line_data_list.first().map_or(1, |line| line.line_num);
            if !places.is_empty() && seen.insert(places.clone()) {
                labels.push(Label { places, class: Some(Class::Token), half: Half::of(first) });
            }
        }
        Labelled { name: name.clone(), text: text.clone(), labels, half: None }
    };
    Ok(files.iter().map(labelled).collect())
}

/// Where the value of a finding stands in its file: in its line from the column on, or wherever the value is.
fn place_of(text: &str, line: &LineData) -> Option<(usize, usize)> {
    let line_start =
        text.split_inclusive('\n').take(line.line_num.checked_sub(1)?).map(str::len).sum::<usize>();
    let rest = text.get(line_start..)?;
    let column = usize::try_from(line.value_start).unwrap_or(0);
    let at = rest.char_indices().nth(column).map_or(0, |(at, _)| at);
    let found = rest[at..].find(&line.value)? + at + line_start;
    Some((found, found + line.value.len()))
}
