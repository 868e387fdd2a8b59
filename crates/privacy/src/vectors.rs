//! The cases beside the detectors: what each must find and must let be, in `content/privacy/vectors.yaml`.

use crate::error::DetectorsError;
use serde::{Deserialize, Serialize};

const SHIPPED: &str = include_str!("../../../content/privacy/vectors.yaml");

/// The file of cases, as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    /// What is put around the values of framed detectors, at `{}`.
    pub frames: Vec<String>,
    /// The cases by detector.
    pub vectors: Vec<Vector>,
}

/// The cases of one detector.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// Its name.
    pub detector: String,
    /// Whether `finds` and `passes` are values to put into frames.
    #[serde(default)]
    pub framed: bool,
    /// What it finds: texts with «marks», or values.
    pub finds: Vec<String>,
    /// What it lets be.
    pub passes: Vec<String>,
    /// Texts with marks besides values.
    #[serde(default)]
    pub also_finds: Vec<String>,
    /// Texts to let be besides values.
    #[serde(default)]
    pub also_passes: Vec<String>,
}

/// One case: a text, and the places in it that the detector must find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The detector.
    pub detector: String,
    /// The text.
    pub text: String,
    /// The places, in bytes.
    pub places: Vec<(usize, usize)>,
}

impl Vectors {
    /// The cases that the product comes with.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn shipped() -> Result<Self, DetectorsError> {
        serde_saphyr::from_str(SHIPPED).map_err(|error| DetectorsError::Shape(error.to_string()))
    }

    /// The same as JSON, for the browser's tests.
    ///
    /// # Errors
    /// None: there is nothing in it that JSON lacks.
    pub fn to_json(&self) -> Result<String, DetectorsError> {
        serde_json::to_string(self).map_err(|error| DetectorsError::Shape(error.to_string()))
    }

    /// Every case, with frames and stand-ins filled in.
    #[must_use]
    pub fn cases(&self) -> Vec<Case> {
        self.vectors.iter().flat_map(|vector| self.cases_of(vector)).collect()
    }

    fn cases_of(&self, vector: &Vector) -> Vec<Case> {
        let framed = |values: &[String], open: &str, close: &str| -> Vec<String> {
            let frame = |value: &String| {
                let marked = format!("{open}{value}{close}");
                self.frames.iter().map(move |frame| frame.replacen("{}", &marked, 1)).collect::<Vec<_>>()
            };
            if vector.framed { values.iter().flat_map(frame).collect() } else { values.to_vec() }
        };
        let mut texts = framed(&vector.finds, "«", "»");
        texts.extend(vector.also_finds.iter().cloned());
        texts.extend(framed(&vector.passes, "", ""));
        texts.extend(vector.also_passes.iter().cloned());
        texts.iter().map(|text| case(&vector.detector, text)).collect()
    }
}

fn case(detector: &str, marked: &str) -> Case {
    let filled = fill(marked);
    let mut case = Case { detector: detector.to_owned(), text: String::new(), places: Vec::new() };
    for c in filled.chars() {
        match c {
            '«' => case.places.push((case.text.len(), case.text.len())),
            '»' => {
                let end = case.text.len();
                if let Some(place) = case.places.last_mut() {
                    place.1 = end;
                }
            }
            _ => case.text.push(c),
        }
    }
    case
}

/// Puts characters for stand-ins such as `{alnum:36}`.
fn fill(text: &str) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        rest = &rest[open..];
        let inside = rest.find('}').map(|close| (&rest[1..close], close));
        let stand_in = inside.and_then(|(inside, close)| {
            let (kind, length) = inside.split_once(':')?;
            Some((characters(kind, length.parse().ok()?)?, close))
        });
        match stand_in {
            Some((characters, close)) => {
                filled.push_str(&characters);
                rest = &rest[close + 1..];
            }
            None => {
                filled.push('{');
                rest = &rest[1..];
            }
        }
    }
    filled + rest
}

/// So many characters of a kind: no chance in it, so that every reader makes the same, and none that repeats.
fn characters(kind: &str, length: usize) -> Option<String> {
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const DIGITS: &str = "0123456789";
    let alphabet = match kind {
        "upper" => format!("{UPPER}{DIGITS}"),
        "lower" => LOWER.to_owned(),
        "digit" => DIGITS.to_owned(),
        "hex" => "0123456789abcdef".to_owned(),
        "base32" => format!("{UPPER}234567"),
        "alnum" => format!("{UPPER}{LOWER}{DIGITS}"),
        "base64" => format!("{UPPER}{LOWER}{DIGITS}+/"),
        "word" => format!("{UPPER}{LOWER}{DIGITS}_"),
        _ => return None,
    };
    let mut state = 0;
    let next = |index: usize| {
        state = (state * 31 + 17 + index) % 997;
        alphabet.as_bytes()[state % alphabet.len()] as char
    };
    Some((0..length).map(next).collect())
}
