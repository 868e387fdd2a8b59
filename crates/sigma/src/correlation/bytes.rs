//! Numbers and texts as bytes, and back, for what outlives the process.

use std::sync::Arc;

use super::correlator::RestoreError;
use super::threshold::Micro;
use super::window::{EntryValue, EventRef, GroupKey};

#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(super) fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)) as u64);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.number(u64::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub(super) fn list<T>(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.number(items.len() as u64);
        items.for_each(|item| write(self, item));
    }

    pub(super) fn event(&mut self, event: &EventRef) {
        self.signed(event.time_ms);
        self.0.extend_from_slice(&event.id);
        self.number(u64::from(event.at.0));
        self.number(event.at.1);
    }

    pub(super) fn value(&mut self, value: &EntryValue) {
        match value {
            EntryValue::None => self.number(0),
            EntryValue::Text(text) => {
                self.number(1);
                self.bytes(text.as_bytes());
            }
            EntryValue::Number(number) => {
                self.number(2);
                self.0.extend_from_slice(&number.0.to_le_bytes());
            }
        }
    }

    pub(super) fn key(&mut self, key: &GroupKey) {
        self.list(key.iter(), |out, text| out.bytes(text.as_bytes()));
    }
}

/// Reads what [`Writer`] wrote. Lengths are checked against what is there, so that damage asks for no memory.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

pub(super) type Read<T> = Result<T, RestoreError>;

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(RestoreError)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| RestoreError)
    }

    pub(super) fn number(&mut self) -> Read<u64> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let [byte] = self.array()?;
            if shift > 63 {
                return Err(RestoreError);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    pub(super) fn signed(&mut self) -> Read<i64> {
        let value = self.number()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(super) fn small(&mut self) -> Read<u32> {
        u32::try_from(self.number()?).map_err(|_| RestoreError)
    }

    pub(super) fn text(&mut self) -> Read<&'a str> {
        let count = usize::try_from(self.number()?).map_err(|_| RestoreError)?;
        std::str::from_utf8(self.take(count)?).map_err(|_| RestoreError)
    }

    pub(super) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        match self.number()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(RestoreError),
        }
    }

    pub(super) fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count = self.number()?;
        // each item takes a byte at least
        if count > self.0.len() as u64 {
            return Err(RestoreError);
        }
        (0..count).map(|_| read(self)).collect()
    }

    pub(super) fn event(&mut self) -> Read<EventRef> {
        Ok(EventRef { time_ms: self.signed()?, id: self.array()?, at: (self.small()?, self.number()?) })
    }

    pub(super) fn value(&mut self) -> Read<EntryValue> {
        Ok(match self.number()? {
            0 => EntryValue::None,
            1 => EntryValue::Text(Arc::from(self.text()?)),
            2 => EntryValue::Number(Micro(i128::from_le_bytes(self.array()?))),
            _ => return Err(RestoreError),
        })
    }

    pub(super) fn key(&mut self) -> Read<GroupKey> {
        Ok(self.list(|input| input.text().map(Box::from))?.into())
    }
}
