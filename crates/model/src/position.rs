//! Where a record stands on the log.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A stream of one kind of record. The set is closed: a topic is part of the design, not configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// What sources sent, untouched ([`crate::RawRecord`]).
    Raw,
    /// Matches of rules that correlations take, re-keyed by correlation and group.
    Match,
    /// What rules and people say is wrong ([`crate::Finding`]).
    Finding,
    /// Raw records that could not be normalized, with the reason ([`crate::DeadLetter`]).
    DeadLetter,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Topic; 4] = [Topic::Raw, Topic::Match, Topic::Finding, Topic::DeadLetter];

    /// The name on disk and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Topic::Raw => "raw",
            Topic::Match => "match",
            Topic::Finding => "finding",
            Topic::DeadLetter => "dead_letter",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Topic {
    type Err = ParsePositionError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Topic::ALL.into_iter().find(|t| t.as_str() == s).ok_or(ParsePositionError)
    }
}

/// A partition of a topic; dense from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Partition(pub u32);

/// The number of a record within its partition; dense from zero, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// The offset after this one.
    #[must_use]
    pub const fn next(self) -> Offset {
        Offset(self.0 + 1)
    }
}

/// The place of one record on the log: (topic, partition, offset).
///
/// Text form: `raw/0/42`. Ordered by topic, then partition, then offset; only offsets of one
/// partition are ordered in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The stream.
    pub topic: Topic,
    /// The shard of the stream.
    pub partition: Partition,
    /// The record within the shard.
    pub offset: Offset,
}

impl Position {
    /// A position from its three parts.
    pub const fn new(topic: Topic, partition: Partition, offset: Offset) -> Self {
        Self { topic, partition, offset }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition.0, self.offset.0)
    }
}

/// The text is not `topic/partition/offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a position looks like raw/0/42: topic, partition, offset")]
pub struct ParsePositionError;

impl FromStr for Position {
    type Err = ParsePositionError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let mut parts = s.split('/');
        let (Some(topic), Some(partition), Some(offset), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ParsePositionError);
        };
        Ok(Self {
            topic: topic.parse()?,
            partition: Partition(partition.parse().map_err(|_| ParsePositionError)?),
            offset: Offset(offset.parse().map_err(|_| ParsePositionError)?),
        })
    }
}

impl Serialize for Position {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
