//! Numbers of instruments in one file, where sessions number theirs each for itself.
//!
//! A file of other tools has one number for one instrument. Units of PITCH, channels of MDP 3.0 and sessions of any feed
//! number from 1, or as the venue does, so two of them in one file may mean different instruments by a number. The first to
//! have a number keeps it; the other instrument gets one that no feed gives, from [`MOVED_FROM`] on.

use std::collections::{HashMap, HashSet};
use std::mem::{offset_of, size_of};

use gateway_feed::record::v3::InstrumentDefMsg;

/// Feeds number at most 65,535 instruments of a channel.
pub(super) const MOVED_FROM: u32 = 1 << 24;

/// Which instruments have another number in the file than in their session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbering {
    moved: HashMap<(usize, u32), u32>,
}

impl Numbering {
    /// The number in the file.
    pub(super) fn of(&self, session: usize, instrument: u32) -> u32 {
        let moved = self.moved.get(&(session, instrument));
        moved.copied().unwrap_or(instrument)
    }

    /// How many have another number.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.moved.len() as u64
    }

    pub(super) fn set(&mut self, session: usize, instrument: u32, number: u32) {
        if number == instrument {
            self.moved.remove(&(session, instrument));
        } else {
            self.moved.insert((session, instrument), number);
        }
    }

    /// `words` as a record of the file: those given, or `scratch` with other numbers in it.
    pub(super) fn apply<'a>(
        &self,
        session: usize,
        words: &'a [u64],
        scratch: &'a mut Vec<u64>,
    ) -> &'a [u64] {
        if self.moved.is_empty() {
            return words;
        }
        scratch.clear();
        scratch.extend_from_slice(words);
        let mut renumber = |offset: usize| {
            let (word, upper) = (offset / 8, offset % 8 == 4);
            let Some(word) = scratch.get_mut(word) else {
                return;
            };
            let mut halves = word.to_ne_bytes();
            let half = &mut halves[if upper { 4..8 } else { 0..4 }];
            let mut bytes = [0; 4];
            bytes.copy_from_slice(half);
            let number = self.of(session, u32::from_ne_bytes(bytes));
            half.copy_from_slice(&number.to_ne_bytes());
            *word = u64::from_ne_bytes(halves);
        };
        renumber(offset_of!(InstrumentDefMsg, hd.instrument_id));
        let rtype = words.first().map_or(0, |word| word.to_ne_bytes()[1]);
        if rtype == dbn::rtype::INSTRUMENT_DEF && words.len() * 8 >= size_of::<InstrumentDefMsg>() {
            // 0 is none, and never moved.
            renumber(offset_of!(InstrumentDefMsg, underlying_id));
            renumber(offset_of!(InstrumentDefMsg, leg_instrument_id));
            renumber(offset_of!(InstrumentDefMsg, leg_underlying_id));
        }
        scratch
    }
}

/// Gives numbers as instruments appear, for a file that is written while its input is read.
#[derive(Debug, Default)]
pub(super) struct Claims {
    owners: HashMap<u32, (usize, String)>,
    elsewhere: Elsewhere,
}

impl Claims {
    /// Takes note in `numbering` that `instrument` is `symbol`, and which number it has from now on.
    pub(super) fn claim(
        &mut self,
        numbering: &mut Numbering,
        session: usize,
        instrument: u32,
        symbol: &str,
    ) {
        let number = match self.owners.get(&instrument) {
            // Who had it first goes on having it.
            Some((owner, name)) if *owner != session && name == symbol => instrument,
            Some((owner, _)) if *owner != session => self.elsewhere.number(symbol, |_| false),
            _ => {
                self.owners.insert(instrument, (session, symbol.to_owned()));
                instrument
            }
        };
        numbering.set(session, instrument, number);
    }
}

/// The numbers of instruments that could not keep theirs: one a symbol.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    by_symbol: HashMap<String, u32>,
    given: HashSet<u32>,
}

impl Elsewhere {
    /// That of `symbol`, a new one where it has none; `is_taken` says which are not free.
    pub(super) fn number(&mut self, symbol: &str, is_taken: impl Fn(u32) -> bool) -> u32 {
        if let Some(number) = self.by_symbol.get(symbol) {
            return *number;
        }
        let first = MOVED_FROM + self.given.len() as u32;
        let free = |number: &u32| !self.given.contains(number) && !is_taken(*number);
        // There are more numbers than a file has instruments.
        let number = (first..=u32::MAX).find(free).unwrap_or(u32::MAX);
        self.given.insert(number);
        self.by_symbol.insert(symbol.to_owned(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use gateway_feed::record::v3::{MboMsg, RecordHeader};
    use gateway_feed::record::{WORDS_MAX, words_into};

    use super::*;

    #[test]
    fn numbers_are_moved_in_every_field_that_names_an_instrument() {
        let mut numbering = Numbering::default();
        numbering.set(1, 3, MOVED_FROM);
        numbering.set(1, 5, MOVED_FROM + 1);
        let definition = InstrumentDefMsg {
            hd: RecordHeader::new::<InstrumentDefMsg>(dbn::rtype::INSTRUMENT_DEF, 2, 3, 7),
            raw_instrument_id: 3,
            underlying_id: 5,
            leg_instrument_id: 4,
            ..InstrumentDefMsg::default()
        };
        let mut expected = definition.clone();
        expected.hd.instrument_id = MOVED_FROM;
        expected.underlying_id = MOVED_FROM + 1;
        let (mut words, mut expected_words) = ([0; WORDS_MAX], [0; WORDS_MAX]);
        let words = words_into(&definition, &mut words);
        let mut scratch = Vec::new();
        assert_eq!(numbering.apply(0, words, &mut scratch), words);
        let moved = numbering.apply(1, words, &mut scratch);
        assert_eq!(moved, words_into(&expected, &mut expected_words));

        // A record of another type has no such fields: what stands there stays.
        let order = MboMsg {
            hd: RecordHeader::new::<MboMsg>(dbn::rtype::MBO, 2, 3, 7),
            order_id: 3 << 32 | 3,
            ..MboMsg::default()
        };
        let mut expected = order.clone();
        expected.hd.instrument_id = MOVED_FROM;
        let (mut words, mut expected_words) = ([0; WORDS_MAX], [0; WORDS_MAX]);
        let moved = numbering.apply(1, words_into(&order, &mut words), &mut scratch);
        assert_eq!(moved, words_into(&expected, &mut expected_words));
    }

    #[test]
    fn who_comes_first_keeps_the_number_and_a_symbol_has_one_elsewhere() {
        let (mut claims, mut numbering) = (Claims::default(), Numbering::default());
        let mut claim = |session, instrument, symbol| {
            claims.claim(&mut numbering, session, instrument, symbol);
            numbering.of(session, instrument)
        };
        assert_eq!(claim(0, 1, "ABC"), 1);
        assert_eq!(claim(1, 1, "XYZ"), MOVED_FROM);
        assert_eq!(claim(2, 1, "ABC"), 1, "the same instrument");
        assert_eq!(claim(3, 1, "XYZ"), MOVED_FROM);
        assert_eq!(claim(3, 2, "DEF"), 2);
        assert_eq!(claim(1, 2, "GHI"), MOVED_FROM + 1);
        assert_eq!(claim(2, 1, "JKL"), MOVED_FROM + 2, "ABC is there still");
        assert_eq!(numbering.moved(), 4);
    }
}
