//! HEC indexer acknowledgement.
//!
//! An id is only given out after its request is durable on the log, so every id below a channel's next one
//! is acknowledged and no id needs to be stored. After a restart old ids are unknown: the sender is told
//! `false`, sends again, and the events are recognised as duplicates by their identity.

use crate::limits::HEC_CHANNELS_MAX;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A sender's channel: a GUID, 36 characters with hyphens or 32 without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChannelId([u8; 16]);

impl ChannelId {
    /// Reads `X-Splunk-Request-Channel`; `None` when it is no GUID.
    pub fn parse(text: &str) -> Option<Self> {
        let hyphens_fit = match text.len() {
            32 => true,
            36 => [8, 13, 18, 23].iter().all(|&at| text.as_bytes()[at] == b'-'),
            _ => false,
        };
        let mut digits = text.chars().filter(|&c| c != '-').map(|c| c.to_digit(16));
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            *byte = (digits.next()?? << 4 | digits.next()??) as u8;
        }
        (hyphens_fit && digits.next().is_none()).then_some(Self(bytes))
    }
}

#[derive(Debug, Default)]
struct Channel {
    next_id: u64,
    used: u64,
}

#[derive(Debug, Default)]
struct Channels {
    by_key: HashMap<(Box<str>, ChannelId), Channel>,
    uses: u64,
}

/// The channels of all senders; past [`HEC_CHANNELS_MAX`] the one used longest ago is forgotten.
#[derive(Debug, Default)]
pub struct HecAcks(Mutex<Channels>);

impl HecAcks {
    /// The id for a request of `source` on `channel` that has just become durable.
    pub fn durable(&self, source: &str, channel: ChannelId) -> u64 {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Box::from(source), channel);
        if channels.by_key.len() >= HEC_CHANNELS_MAX && !channels.by_key.contains_key(&key) {
            let oldest = channels.by_key.iter().min_by_key(|(_, channel)| channel.used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                channels.by_key.remove(&oldest);
            }
        }
        channels.uses += 1;
        let used = channels.uses;
        let channel = channels.by_key.entry(key).or_default();
        channel.used = used;
        let id = channel.next_id;
        channel.next_id += 1;
        id
    }

    /// Whether `id` was given out on that channel.
    pub fn is_durable(&self, source: &str, channel: ChannelId, id: u64) -> bool {
        let channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        channels.by_key.get(&(Box::from(source), channel)).is_some_and(|channel| id < channel.next_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "FE0ECFAD-13D5-401B-847D-77833BD77131";

    #[test]
    fn ids_count_up_by_channel_and_source() {
        let (acks, channel) = (HecAcks::default(), ChannelId::parse(GUID).unwrap());
        assert!(!acks.is_durable("a", channel, 0));
        assert_eq!((acks.durable("a", channel), acks.durable("a", channel)), (0, 1));
        assert_eq!(acks.durable("b", channel), 0);
        assert!(acks.is_durable("a", channel, 1) && !acks.is_durable("a", channel, 2));
        assert!(!acks.is_durable("b", channel, 1));
    }

    #[test]
    fn channels_are_guids() {
        assert_eq!(ChannelId::parse(GUID), ChannelId::parse(&GUID.replace('-', "").to_lowercase()));
        for bad in ["", "0", &GUID[1..], &GUID.replace('F', "G"), &GUID.replace('-', "0"), "é-"] {
            assert_eq!(ChannelId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_channel_used_longest_ago_is_forgotten() {
        let acks = HecAcks::default();
        let channel = |n: usize| ChannelId((n as u128).to_be_bytes());
        for n in 0..HEC_CHANNELS_MAX {
            acks.durable("a", channel(n));
        }
        acks.durable("a", channel(0));
        acks.durable("a", channel(HEC_CHANNELS_MAX));
        assert!(acks.is_durable("a", channel(0), 1));
        assert!(!acks.is_durable("a", channel(1), 0));
    }
}
