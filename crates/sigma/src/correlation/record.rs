//! The matches of one batch as a record of the log: what they have in common is written once.

use std::collections::HashMap;

use super::bytes::{Read, Reader, Writer};
use super::correlator::{Advance, RestoreError};
use super::lane::Lane;
use super::set::CorrelationSet;
use super::streams::StreamMark;
use super::window::{Entry, EventRef, GroupKey};

/// Changes with the form.
const VERSION: u64 = 1;
/// No match takes fewer: so no damage asks for more memory than a few times its own size.
const ENTRY_BYTES_MIN: usize = 23;

/// Collects matches for one partition.
#[derive(Debug, Default)]
pub struct RecordWriter {
    keys: Vec<[u8; 16]>,
    groups: HashMap<(usize, GroupKey), u64>,
    group_order: Vec<GroupKey>,
    entries: Vec<u8>,
    count: u64,
    group_bytes: usize,
}

impl RecordWriter {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// About how many bytes the record would have.
    pub fn bytes(&self) -> usize {
        self.entries.len() + self.group_bytes + 16 * self.keys.len()
    }

    /// Adds a match.
    pub fn push(&mut self, set: &CorrelationSet, lane: Lane, entry: &Entry) {
        let Some(linked) = set.get(entry.correlation) else { return };
        let key = self.keys.iter().rposition(|known| *known == linked.key).unwrap_or_else(|| {
            self.keys.push(linked.key);
            self.keys.len() - 1
        });
        let of = (key, GroupKey::clone(&entry.group));
        let next = self.groups.len() as u64;
        let group = *self.groups.entry(of).or_insert_with(|| {
            self.group_bytes += entry.group.iter().map(|text| text.len() + 2).sum::<usize>();
            self.group_order.push(GroupKey::clone(&entry.group));
            next
        });
        let mut out = Writer(std::mem::take(&mut self.entries));
        out.number((key as u64) << 1 | lane as u64);
        out.number(group);
        out.number(u64::from(entry.position));
        out.signed(entry.event.time_ms);
        out.0.extend_from_slice(&entry.event.id);
        out.number(entry.event.at.1);
        out.value(&entry.value);
        out.list(entry.carried.iter(), |out, text| {
            out.option(text.as_deref(), |out, text| out.bytes(text.as_bytes()));
        });
        self.entries = out.0;
        self.count += 1;
    }

    /// Appends the record to `to` and begins the next one. `advance` says what it is about.
    pub fn finish(&mut self, advance: Advance<'_>, to: &mut Vec<u8>) {
        let mut out = Writer(std::mem::take(to));
        out.number(VERSION);
        out.signed(advance.now_ms);
        out.option(advance.until, |out, (partition, next)| {
            out.number(u64::from(partition));
            out.number(next);
        });
        out.list(advance.marks.iter(), |out, mark| {
            out.bytes(mark.source.as_bytes());
            out.number(u64::from(mark.partition));
            out.bytes(mark.logsource.as_bytes());
            mark.latest_ms.into_iter().for_each(|latest| out.option(latest, Writer::signed));
        });
        out.list(self.keys.iter(), |out, key| out.0.extend_from_slice(key));
        out.list(self.group_order.iter(), Writer::key);
        out.number(self.count);
        out.0.append(&mut self.entries);
        *to = out.0;
        self.keys.clear();
        self.groups.clear();
        self.group_order.clear();
        (self.count, self.group_bytes) = (0, 0);
    }
}

/// A record, read.
#[derive(Debug, Default)]
pub struct MatchRecord {
    /// When it was written, milliseconds since the epoch.
    pub now_ms: i64,
    /// Partition of the records that were matched, and the offset after the last of them.
    pub until: Option<(u32, u64)>,
    /// How far the streams have come.
    pub marks: Vec<StreamMark>,
    /// The matches; those of correlations that the set does not have (any more) are left out.
    pub entries: Vec<(Lane, Entry)>,
}

impl MatchRecord {
    /// Reads what [`RecordWriter::finish`] wrote.
    ///
    /// # Errors
    /// [`RestoreError`] when it is damaged or of another version.
    pub fn decode(bytes: &[u8], set: &CorrelationSet) -> Result<Self, RestoreError> {
        let input = &mut Reader(bytes);
        if input.number()? != VERSION {
            return Err(RestoreError);
        }
        let now_ms = input.signed()?;
        let until = input.option(|input| Ok((input.small()?, input.number()?)))?;
        let marks = input.list(|input| {
            Ok(StreamMark {
                source: input.text()?.to_owned(),
                partition: input.small()?,
                logsource: input.text()?.to_owned(),
                latest_ms: [input.option(Reader::signed)?, input.option(Reader::signed)?],
            })
        })?;
        let places = input.list(|input| Ok(set.by_key(&input.array()?)))?;
        let groups = input.list(Reader::key)?;
        let mut record = Self { now_ms, until, marks, entries: Vec::new() };
        let count = input.number()?;
        if count > (input.0.len() / ENTRY_BYTES_MIN) as u64 {
            return Err(RestoreError);
        }
        record.entries.reserve(count as usize);
        for _ in 0..count {
            let read = record.entry(input, &places, &groups)?;
            record.entries.extend(read);
        }
        if input.0.is_empty() { Ok(record) } else { Err(RestoreError) }
    }

    fn entry(
        &self,
        input: &mut Reader<'_>,
        places: &[Option<usize>],
        groups: &[GroupKey],
    ) -> Read<Option<(Lane, Entry)>> {
        let head = input.number()?;
        let lane = if head & 1 == 0 { Lane::Live } else { Lane::Past };
        let key = usize::try_from(head >> 1).map_err(|_| RestoreError)?;
        let group = usize::try_from(input.number()?).map_err(|_| RestoreError)?;
        let position = u16::try_from(input.number()?).map_err(|_| RestoreError)?;
        let (time_ms, id, offset) = (input.signed()?, input.array()?, input.number()?);
        let value = input.value()?;
        let carried = input.list(|input| input.option(|input| input.text().map(Box::from)))?.into();
        let partition = self.until.map_or(0, |(partition, _)| partition);
        let event = EventRef { time_ms, id, at: (partition, offset) };
        let place = *places.get(key).ok_or(RestoreError)?;
        let group = GroupKey::clone(groups.get(group).ok_or(RestoreError)?);
        Ok(place.map(|correlation| (lane, Entry { correlation, position, event, group, value, carried })))
    }

    /// What it says besides its matches.
    pub fn advance(&self) -> Advance<'_> {
        Advance { now_ms: self.now_ms, until: self.until, marks: &self.marks }
    }
}
