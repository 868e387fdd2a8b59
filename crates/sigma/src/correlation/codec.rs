//! A correlator's state as bytes, by what correlations mean and not by their place, so that it outlives a reload.

use std::sync::Arc;

use super::bytes::{Read, Reader, Writer};
use super::correlator::{Correlator, RestoreError};
use super::lane::{Group, Lane};
use super::streams::Heard;
use super::window::{Entry, Window};

/// Changes with the form.
const VERSION: u64 = 1;

impl Correlator {
    /// The state as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.number(VERSION);
        out.signed(self.now_ms);
        out.list(self.applied.iter(), |out, (partition, next)| {
            out.number(u64::from(*partition));
            out.number(*next);
        });
        out.list(self.streams.known.iter(), |out, ((source, partition, logsource), heard)| {
            out.bytes(source.as_bytes());
            out.number(u64::from(*partition));
            out.bytes(logsource.as_bytes());
            for lane in heard.lanes {
                out.option(lane, |out, (latest_ms, heard_ms)| {
                    out.signed(latest_ms);
                    out.signed(heard_ms);
                });
            }
        });
        out.list(self.set.linked.iter().enumerate(), |out, (place, linked)| {
            out.0.extend_from_slice(&linked.key);
            for lane in Lane::ALL {
                self.encode_lane(out, place, linked.family, lane);
            }
        });
        out.0
    }

    fn encode_lane(&self, out: &mut Writer, place: usize, family: usize, lane: Lane) {
        let Some(state) = self.lanes.get(family).map(|lanes| &lanes[lane as usize]) else { return };
        out.option(state.watermark_ms, Writer::signed);
        out.option(state.opened_ms, Writer::signed);
        let waiting: Vec<_> = state.waiting.iter().filter(|entry| entry.correlation == place).collect();
        out.list(waiting.into_iter(), |out, entry| {
            out.number(u64::from(entry.position));
            out.event(&entry.event);
            out.key(&entry.group);
            out.value(&entry.value);
            out.list(entry.carried.iter(), |out, text| {
                out.option(text.as_deref(), |out, text| out.bytes(text.as_bytes()));
            });
        });
        let mut groups: Vec<_> = state
            .groups
            .iter()
            .filter(|((of, _), _)| *of == place)
            .map(|((_, key), group)| (key, group))
            .collect();
        groups.sort_unstable_by_key(|(key, _)| *key);
        out.list(groups.into_iter(), |out, (key, group)| {
            out.key(key);
            out.option(group.fired_ms, Writer::signed);
            out.signed(group.last_ms);
            out.option(group.window.cut_ms, Writer::signed);
            out.list(group.window.entries.iter(), |out, (event, value)| {
                out.event(event);
                out.value(value);
            });
            out.list(group.window.latest.iter(), |out, event| out.option(event.as_ref(), Writer::event));
            out.list(group.window.runs.iter(), |out, runs| {
                out.list(runs.iter(), |out, run| out.list(run.iter(), Writer::event));
            });
        });
    }

    /// Goes on from a state that [`Correlator::encode`] gave, perhaps of another set: what is of correlations that mean
    /// the same is taken, the rest is forgotten.
    ///
    /// # Errors
    /// [`RestoreError`]; the correlator is as new then.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        let mut fresh = Self::new(Arc::clone(&self.set), self.feeds.clone(), self.options);
        let outcome = fresh.read(&mut Reader(bytes));
        if outcome.is_err() {
            fresh = Self::new(Arc::clone(&self.set), self.feeds.clone(), self.options);
        }
        *self = fresh;
        outcome
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Read<()> {
        if input.number()? != VERSION {
            return Err(RestoreError);
        }
        self.now_ms = input.signed()?;
        self.applied = input.list(|input| Ok((input.small()?, input.number()?)))?.into_iter().collect();
        let streams = input.list(|input| {
            let key = (input.text()?.to_owned(), input.small()?, input.text()?.to_owned());
            let mut heard = Heard::default();
            for lane in &mut heard.lanes {
                *lane = input.option(|input| Ok((input.signed()?, input.signed()?)))?;
            }
            Ok((key, heard))
        })?;
        self.streams.known = streams.into_iter().collect();
        let correlations = input.number()?;
        for _ in 0..correlations {
            let place = self.set.by_key(&input.array()?);
            for lane in Lane::ALL {
                self.read_lane(input, place, lane)?;
            }
        }
        if input.0.is_empty() { Ok(()) } else { Err(RestoreError) }
    }

    fn read_lane(&mut self, input: &mut Reader<'_>, place: Option<usize>, lane: Lane) -> Read<()> {
        let (watermark, opened) = (input.option(Reader::signed)?, input.option(Reader::signed)?);
        let waiting = input.list(|input| {
            Ok(Entry {
                correlation: place.unwrap_or_default(),
                position: u16::try_from(input.number()?).map_err(|_| RestoreError)?,
                event: input.event()?,
                group: input.key()?,
                value: input.value()?,
                carried: input.list(|input| input.option(|input| input.text().map(Box::from)))?.into(),
            })
        })?;
        let linked = place.and_then(|place| self.set.get(place));
        let groups = input.list(|input| {
            let key = input.key()?;
            let (fired_ms, last_ms, cut_ms) =
                (input.option(Reader::signed)?, input.signed()?, input.option(Reader::signed)?);
            let mut window = Window::default();
            window.cut_ms = cut_ms;
            let entries = input.list(|input| Ok((input.event()?, input.value()?)))?;
            window.latest = input.list(|input| input.option(Reader::event))?;
            window.runs = input.list(|input| input.list(|input| input.list(Reader::event)))?;
            if let Some(linked) = linked {
                window.restore(&linked.logic, entries);
            }
            Ok((key, Group { window, fired_ms, last_ms, ..Group::default() }))
        })?;
        let (Some(place), Some(linked)) = (place, linked) else { return Ok(()) };
        let Some(state) = self.lanes.get_mut(linked.family).map(|lanes| &mut lanes[lane as usize]) else {
            return Ok(());
        };
        // a family's watermark is checked against what waits once more below: what waited was not late
        let before = state.watermark_ms.take();
        waiting.into_iter().for_each(|entry| {
            state.offer(entry);
        });
        state.watermark_ms = before.max(watermark);
        state.opened_ms = state.opened_ms.max(opened);
        groups.into_iter().for_each(|(key, group)| state.restore_group((place, key), group));
        Ok(())
    }
}
