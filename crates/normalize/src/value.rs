//! What stands on the right side of a mapping: where a value comes from and what is done to it.

use model::FieldId;

/// The first choice that gives a value of the wanted type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Value {
    pub(crate) choices: Vec<Choice>,
}

/// One way to get a value.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) when: Vec<Condition>,
    pub(crate) get: Get,
    /// Words that mean "no value" in this place.
    pub(crate) unless: Box<[Box<str>]>,
    pub(crate) steps: Box<[Step]>,
    pub(crate) table: Option<Table>,
    /// Takes an array or object whole.
    pub(crate) tree: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Get {
    /// A path of the record.
    Field(FieldId),
    /// A path below the current member of a for-each; empty is the member itself.
    Below(Box<[Box<str>]>),
    /// Below the first member of an array whose `key` is one of the words: `target[type=User].id`.
    Find(Box<Find>),
    Meta(Meta),
    Const(Const),
    /// All parts as one text; none when a part is missing.
    Concat(Box<[Value]>),
}

/// The parts of [`Get::Find`].
#[derive(Debug, Clone)]
pub(crate) struct Find {
    pub(crate) array: FieldId,
    pub(crate) key: Box<str>,
    pub(crate) words: Box<[Box<str>]>,
    pub(crate) below: Box<[Box<str>]>,
}

/// What the door knows about the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meta {
    EventType,
    DeliveryId,
    Source,
    Region,
    ReceivedAt,
    /// The event's `time`, found before the plan runs.
    Time,
    /// The event's id as 32 hex digits.
    EventId,
    /// The untouched record, unless the output leaves it out.
    Record,
}

/// A constant, ready as text, as JSON and, if it is one, as a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Const {
    pub(crate) text: Box<str>,
    pub(crate) json: Box<str>,
    pub(crate) int: Option<i64>,
}

impl Const {
    pub(crate) fn text(text: &str) -> Self {
        Self { text: text.into(), json: serde_json::Value::from(text).to_string().into(), int: None }
    }

    pub(crate) fn int(value: i64) -> Self {
        let text = value.to_string();
        Self { json: text.clone().into(), text: text.into(), int: Some(value) }
    }

    pub(crate) fn bool(value: bool) -> Self {
        let text = value.to_string();
        Self { json: text.clone().into(), text: text.into(), int: None }
    }
}

/// The closed set of functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The part before the first separator; no value without one.
    Before(Box<str>),
    /// The part after the first separator; no value without one.
    After(Box<str>),
    /// The part before the last separator; no value without one.
    BeforeLast(Box<str>),
    /// The part after the last separator; no value without one.
    AfterLast(Box<str>),
    /// The name part of an ARN or path: after the last `/` or `:`, the whole without one.
    Name,
    /// The n-th part, from zero, between separators.
    Part(Box<str>, usize),
    /// Only a text that is not an IP address.
    NotIp,
    /// Only a text that holds this.
    Containing(Box<str>),
    /// ASCII lower case.
    Lower,
    /// ASCII upper case.
    Upper,
    /// The value, whatever it is, as JSON text.
    Json,
    /// The scalars of an array as one text.
    Join(Box<str>),
}

/// Values by the source's words.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) by: By,
    /// Sorted by key for [`By::Exact`]; longest key first for [`By::Prefix`].
    pub(crate) entries: Box<[(Box<str>, Const)]>,
    pub(crate) default: Unlisted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Exact,
    Prefix,
}

/// What a word gives that the table does not list.
#[derive(Debug, Clone)]
pub(crate) enum Unlisted {
    Nothing,
    Const(Const),
    /// The word itself.
    Word,
}

impl Table {
    pub(crate) fn find(&self, word: &str) -> Option<&Const> {
        match self.by {
            By::Exact => {
                let at = self.entries.binary_search_by(|(key, _)| (**key).cmp(word)).ok()?;
                Some(&self.entries[at].1)
            }
            By::Prefix => {
                // the first byte tells most keys apart without a call
                let first = word.as_bytes().first();
                let fits = |key: &str| key.as_bytes().first() == first && word.starts_with(key);
                self.entries.iter().find(|(key, _)| fits(key)).map(|(_, constant)| constant)
            }
        }
    }
}

/// A test on one value.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Test(Get, Test),
    Not(Box<Condition>),
    All(Box<[Condition]>),
    Any(Box<[Condition]>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// There, not null, not an empty text.
    Present,
    /// One of these words (sorted).
    In(Box<[Box<str>]>),
    Prefix(Box<[Box<str>]>),
    Suffix(Box<[Box<str>]>),
    Contains(Box<[Box<str>]>),
}

impl Table {
    pub(crate) fn new(by: By, mut entries: Vec<(Box<str>, Const)>, default: Unlisted) -> Self {
        match by {
            By::Exact => entries.sort_by(|(a, _), (b, _)| a.cmp(b)),
            // the longest prefix wins
            By::Prefix => entries.sort_by_key(|(key, _)| std::cmp::Reverse(key.len())),
        }
        Self { by, entries: entries.into(), default }
    }
}
