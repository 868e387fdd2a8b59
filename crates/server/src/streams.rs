//! How many streams of changes are open, in all and of each who follows.

use crate::state::Options;
use access::{Admitted, Credential};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The places for streams.
#[derive(Debug)]
pub(crate) struct Streams {
    all_max: usize,
    of_one_max: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    /// Only those who follow are in it, so it has at most as many entries as there are places.
    of_one: HashMap<String, usize>,
}

/// There is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// All are taken.
    All,
    /// This one has enough.
    One,
}

/// A place; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    streams: Arc<Streams>,
    of: String,
}

impl Streams {
    pub(crate) fn new(options: &Options) -> Self {
        let Options { streams_max, streams_of_one_max, .. } = *options;
        Self { all_max: streams_max, of_one_max: streams_of_one_max, open: Mutex::default() }
    }

    /// Takes a place for whoever was let in.
    pub(crate) fn take(self: &Arc<Self>, admitted: &Admitted) -> Result<Place, Full> {
        self.take_for(follower(admitted))
    }

    /// Takes a place for a name.
    pub(crate) fn take_for(self: &Arc<Self>, of: String) -> Result<Place, Full> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.of_one.get(&of).is_some_and(|count| *count >= self.of_one_max) {
            return Err(Full::One);
        }
        if open.all >= self.all_max {
            return Err(Full::All);
        }
        open.all += 1;
        *open.of_one.entry(of.clone()).or_default() += 1;
        Ok(Place { streams: Arc::clone(self), of })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        if let Some(count) = open.of_one.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                open.of_one.remove(&self.of);
            }
        }
    }
}

/// Who follows: a person, by whatever session or token of their own, or a machine by its token.
fn follower(admitted: &Admitted) -> String {
    match &admitted.by {
        Credential::Session(signed_in) => signed_in.person.id.to_string(),
        Credential::Token(grant) => {
            grant.person.map_or_else(|| grant.id.to_string(), |person| person.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_for_each_and_for_all() {
        let options = Options { streams_max: 3, streams_of_one_max: 2, ..Options::default() };
        let streams = Arc::new(Streams::new(&options));
        let take = |of: &str| streams.take_for(of.to_owned());
        let (first, _second) = (take("ana").unwrap(), take("ana").unwrap());
        assert_eq!(take("ana").unwrap_err(), Full::One);
        let third = take("eve").unwrap();
        assert_eq!(take("eve").unwrap_err(), Full::All);
        drop(first);
        let fourth = take("ana").unwrap();
        drop((third, fourth));
        assert_eq!(streams.open.lock().unwrap().of_one.len(), 1, "who is gone is forgotten");
    }
}
