//! What a source sent, untouched, as it stands on the log.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name of a source, in bytes.
pub const SOURCE_NAME_BYTES_MAX: usize = 64;

/// The name of one configured sender, such as `aws-prod`; `[a-z0-9_-]{1,64}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceName(Box<str>);

/// A source's name has other characters than `[a-z0-9_-]`, or too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a source's name is 1 to 64 of a-z, 0-9, - and _")]
pub struct SourceNameError;

impl SourceName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`SourceNameError`] when it is empty, too long or has other characters.
    pub fn new(name: &str) -> Result<Self, SourceNameError> {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if name.is_empty() || name.len() > SOURCE_NAME_BYTES_MAX || !name.bytes().all(good) {
            return Err(SourceNameError);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SourceName {
    type Error = SourceNameError;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<SourceName> for String {
    fn from(name: SourceName) -> String {
        name.0.into()
    }
}

/// One record as a source sent it, with what the door knows about it, borrowed from a log batch.
///
/// `kind` names the mapping (`aws_cloudtrail`, `okta`, `github`). `event_type` and `delivery_id` are
/// what the transport said outside the body (GitHub's `X-GitHub-Event` and `X-GitHub-Delivery`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// The configured sender.
    pub source: &'a str,
    /// The mapping that reads the body.
    pub kind: &'a str,
    /// The event's type where the transport names it.
    pub event_type: Option<&'a str>,
    /// The transport's id of this delivery.
    pub delivery_id: Option<&'a str>,
    /// Where the record must be kept; `default` unless configured.
    pub region: &'a str,
    /// When the door took it, milliseconds since the epoch.
    pub received_at_ms: i64,
    /// The record's bytes.
    pub body: &'a [u8],
}

/// The log's bytes are not a raw record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a raw record of a version this program reads")]
pub struct RawRecordError;

const VERSION: u8 = 1;

impl<'a> RawRecord<'a> {
    /// Appends the log form: version, time, then each part with its length (u16 for names, the body last).
    ///
    /// Names longer than 65,535 bytes are cut at a character boundary; doors bound them far below.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&self.received_at_ms.to_le_bytes());
        for part in [Some(self.source), Some(self.kind), Some(self.region), self.event_type, self.delivery_id]
        {
            let part = part.unwrap_or_default();
            let len = part.floor_char_boundary(usize::from(u16::MAX));
            out.extend_from_slice(&(len as u16).to_le_bytes());
            out.extend_from_slice(&part.as_bytes()[..len]);
        }
        out.extend_from_slice(self.body);
    }

    /// Reads the log form.
    ///
    /// # Errors
    /// [`RawRecordError`] when the bytes are of another version or cut short.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, RawRecordError> {
        let (&version, rest) = bytes.split_first().ok_or(RawRecordError)?;
        if version != VERSION {
            return Err(RawRecordError);
        }
        let (time, mut rest) = rest.split_first_chunk::<8>().ok_or(RawRecordError)?;
        let mut part = || -> Result<&'a str, RawRecordError> {
            let (len, tail) = rest.split_first_chunk::<2>().ok_or(RawRecordError)?;
            let (text, tail) =
                tail.split_at_checked(usize::from(u16::from_le_bytes(*len))).ok_or(RawRecordError)?;
            rest = tail;
            std::str::from_utf8(text).map_err(|_| RawRecordError)
        };
        let (source, kind, region) = (part()?, part()?, part()?);
        let (event_type, delivery_id) = (part()?, part()?);
        let optional = |text: &'a str| if text.is_empty() { None } else { Some(text) };
        Ok(Self {
            source,
            kind,
            event_type: optional(event_type),
            delivery_id: optional(delivery_id),
            region,
            received_at_ms: i64::from_le_bytes(*time),
            body: rest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(source in "[a-z]{1,9}", kind in "[a-z]{1,9}", event in "[a-z]{0,9}",
                                   time: i64, body: Vec<u8>) {
            let event_type = if event.is_empty() { None } else { Some(event.as_str()) };
            let record = RawRecord { source: &source, kind: &kind, event_type, delivery_id: None,
                region: "default", received_at_ms: time, body: &body };
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            proptest::prop_assert_eq!(RawRecord::decode(&bytes), Ok(record));
        }

        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            let _ = RawRecord::decode(&bytes);
        }
    }
}
