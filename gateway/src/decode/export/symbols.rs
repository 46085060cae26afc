//! What a header of DBN tells about a file's content before the first record: time and symbols.

use std::collections::BTreeMap;

use dbn::{MappingInterval, Publisher, SymbolMapping};
use gateway_feed::sink::{InstrumentId, Nanos};
use time::{Date, OffsetDateTime};

use super::dbn_file::Header;
use super::numbering::{Elsewhere, Numbering};
use super::schema::Schema;

/// When the sessions of a file were, and which instrument is which symbol in each: the result of a first reading.
///
/// DBN knows symbols by day (UTC), a venue by its session. So a symbol holds for each day that its session touches.
/// Where two sessions give one number to two instruments on one day, that of the later session has another number in the
/// file. A session that gives an instrument another symbol is told: the later one is right.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    sessions: Vec<Session>,
    renamed: u64,
}

#[derive(Clone, Debug)]
struct Session {
    first: Nanos,
    last: Nanos,
    symbols: BTreeMap<u32, String>,
}

/// From the first day to the one before the second.
type Days = (Date, Date);

impl Contents {
    /// Takes note that something of `session` was received at `ts_recv`.
    pub fn time(&mut self, session: usize, ts_recv: Nanos) {
        let session = self.session(session);
        session.first = session.first.min(ts_recv);
        session.last = session.last.max(ts_recv);
    }

    /// Takes note that `instrument` is `symbol`. The symbol that it had before in this session is forgotten.
    pub fn instrument(&mut self, session: usize, instrument: InstrumentId, symbol: &[u8]) {
        // That a symbol is not valid any longer does not change what it was.
        if symbol.is_empty() {
            return;
        }
        let symbol = String::from_utf8_lossy(symbol).into_owned();
        let symbols = &mut self.session(session).symbols;
        if symbols.insert(instrument.0, symbol).is_some() {
            self.renamed += 1;
        }
    }

    fn session(&mut self, number: usize) -> &mut Session {
        while self.sessions.len() <= number {
            self.sessions.push(Session {
                first: Nanos::MAX,
                last: 0,
                symbols: BTreeMap::new(),
            });
        }
        &mut self.sessions[number]
    }

    /// The header of a file of `schema`, and how many instruments are two symbols in one session.
    #[must_use]
    pub fn header(&self, publisher: Publisher, schema: Schema) -> (Header, u64) {
        let numbered = self.sessions.iter().enumerate();
        let mut sessions: Vec<(usize, &Session)> = numbered
            .filter(|(_, session)| session.first <= session.last)
            .collect();
        sessions.sort_by_key(|(_, session)| session.first);
        let start = sessions.first().map_or(0, |(_, session)| session.first);
        let (mappings, numbering) = mappings(&sessions);
        let header = Header {
            publisher,
            schema,
            start,
            mappings,
            numbering,
        };
        (header, self.renamed)
    }
}

/// The symbols of `sessions`, which are in the order of time.
fn mappings(sessions: &[(usize, &Session)]) -> (Vec<SymbolMapping>, Numbering) {
    let mut numbering = Numbering::default();
    let mut elsewhere = Elsewhere::default();
    let mut by_instrument: BTreeMap<u32, Vec<(Days, &str)>> = BTreeMap::new();
    for (number, session) in sessions {
        let first = day(session.first);
        let behind = day(session.last).next_day().unwrap_or(Date::MAX);
        for (&instrument, symbol) in &session.symbols {
            let is_free = by_instrument.get(&instrument).is_none_or(|held| {
                let last = held.last();
                last.is_none_or(|((_, end), before)| *before == symbol || *end <= first)
            });
            let in_file = if is_free {
                instrument
            } else {
                elsewhere.number(symbol, |number| by_instrument.contains_key(&number))
            };
            numbering.set(*number, instrument, in_file);
            let held = by_instrument.entry(in_file).or_default();
            match held.last_mut() {
                Some(((_, end), before)) if *end >= first && *before == symbol => {
                    *end = behind.max(*end);
                }
                _ => held.push(((first, behind), symbol)),
            }
        }
    }
    let mut by_symbol: BTreeMap<&str, Vec<MappingInterval>> = BTreeMap::new();
    for (instrument, held) in &by_instrument {
        for ((start_date, end_date), symbol) in held {
            by_symbol.entry(symbol).or_default().push(MappingInterval {
                start_date: *start_date,
                end_date: *end_date,
                symbol: instrument.to_string(),
            });
        }
    }
    let mappings = by_symbol
        .into_iter()
        .map(|(symbol, mut intervals)| {
            intervals.sort_by_key(|interval| interval.start_date);
            SymbolMapping {
                raw_symbol: symbol.to_owned(),
                intervals,
            }
        })
        .collect();
    (mappings, numbering)
}

fn day(instant: Nanos) -> Date {
    // 64 bits of nanoseconds end in the year 2554, which dates reach.
    OffsetDateTime::from_unix_timestamp_nanos(instant.into())
        .map_or(Date::MAX, OffsetDateTime::date)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::numbering::MOVED_FROM;
    use super::*;

    const DAY: Nanos = 86_400_000_000_000;
    const MONDAY: Nanos = 20_000 * DAY;

    type Told = Vec<(String, Vec<(i64, i64, String)>)>;

    /// Each symbol's instruments with first day and the day behind the last, counted from Monday.
    fn told(contents: &Contents) -> (Told, u64) {
        let (header, ambiguous) = contents.header(Publisher::XnasItchXnas, Schema::Mbo);
        let number = |date: Date| (date - day(MONDAY)).whole_days();
        let symbols = header.mappings.into_iter().map(|mapping| {
            let intervals = mapping.intervals.into_iter().map(|interval| {
                let (start, end) = (number(interval.start_date), number(interval.end_date));
                (start, end, interval.symbol)
            });
            (mapping.raw_symbol, intervals.collect())
        });
        (symbols.collect(), ambiguous)
    }

    fn session(
        contents: &mut Contents,
        number: usize,
        from: Nanos,
        to: Nanos,
        names: &[(u32, &str)],
    ) {
        contents.time(number, from);
        for (id, name) in names {
            contents.instrument(number, InstrumentId(*id), name.as_bytes());
        }
        contents.time(number, to);
    }

    #[test]
    fn a_symbol_holds_on_every_day_that_its_session_touches() {
        let mut contents = Contents::default();
        // A winter's session in New York ends after midnight in UTC.
        let (open, close) = (MONDAY + DAY / 3, MONDAY + DAY + DAY / 24);
        session(&mut contents, 0, open, close, &[(7, "B"), (3, "A")]);
        let (symbols, ambiguous) = told(&contents);
        let days = |id: &str| vec![(0, 2, id.to_owned())];
        assert_eq!(
            symbols,
            [("A".to_owned(), days("3")), ("B".to_owned(), days("7"))]
        );
        assert_eq!(ambiguous, 0);
    }

    #[test]
    fn on_a_shared_day_instruments_of_the_later_session_have_other_numbers() {
        let mut contents = Contents::default();
        let second = MONDAY + DAY + DAY / 3;
        // Numbered in the order of the file, which need not be that of time.
        session(
            &mut contents,
            1,
            MONDAY + DAY / 3,
            MONDAY + DAY + 1,
            &[(3, "A"), (7, "B"), (8, "C")],
        );
        session(
            &mut contents,
            0,
            second,
            second + 1,
            &[(3, "B"), (7, "A"), (8, "C"), (9, "D")],
        );
        let (symbols, ambiguous) = told(&contents);
        let (moved_b, moved_a) = (MOVED_FROM.to_string(), (MOVED_FROM + 1).to_string());
        let expected = [
            ("A", vec![(0, 2, "3"), (1, 2, moved_a.as_str())]),
            ("B", vec![(0, 2, "7"), (1, 2, moved_b.as_str())]),
            ("C", vec![(0, 2, "8")]),
            ("D", vec![(1, 2, "9")]),
        ];
        let expected = expected.map(|(name, days)| {
            let days = days
                .into_iter()
                .map(|(from, to, id)| (from, to, id.to_owned()));
            (name.to_owned(), days.collect())
        });
        assert_eq!(symbols, expected);
        assert_eq!(ambiguous, 0);
        let (header, _) = contents.header(Publisher::XnasItchXnas, Schema::Mbo);
        let numbering = header.numbering;
        assert_eq!(
            (numbering.of(0, 3), numbering.of(0, 7)),
            (MOVED_FROM, MOVED_FROM + 1)
        );
        assert_eq!((numbering.of(0, 8), numbering.of(1, 3)), (8, 3));
        assert_eq!(numbering.moved(), 2);
    }

    #[test]
    fn sessions_of_other_days_keep_their_numbers() {
        let mut contents = Contents::default();
        session(&mut contents, 0, MONDAY, MONDAY, &[(3, "A"), (4, "B")]);
        let tuesday = MONDAY + DAY;
        session(&mut contents, 1, tuesday, tuesday, &[(3, "B"), (4, "A")]);
        let (header, ambiguous) = contents.header(Publisher::XnasItchXnas, Schema::Mbo);
        assert_eq!((header.numbering.moved(), ambiguous), (0, 0));
        let days = |from, id: &str| (from, from + 1, id.to_owned());
        let expected = [
            ("A".to_owned(), vec![days(0, "3"), days(1, "4")]),
            ("B".to_owned(), vec![days(0, "4"), days(1, "3")]),
        ];
        assert_eq!(told(&contents).0, expected);
    }

    #[test]
    fn an_instrument_that_changes_its_symbol_is_told() {
        let mut contents = Contents::default();
        session(
            &mut contents,
            0,
            MONDAY,
            MONDAY,
            &[(3, "A"), (3, "B"), (4, "A"), (3, "")],
        );
        let (symbols, ambiguous) = told(&contents);
        let names: Vec<&str> = symbols.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A", "B"]);
        assert_eq!(ambiguous, 1);
    }

    proptest! {
        /// Whatever sessions there are, a number is one symbol a day, and every session's instruments have one.
        #[test]
        fn a_number_is_one_symbol_on_a_day(
            sessions in prop::collection::vec(
                (0_u64..4, 0_u64..3, prop::collection::btree_map(1_u32..6, 0_u8..8, 0..6)),
                0..8,
            ),
        ) {
            let mut contents = Contents::default();
            for (number, (from, days, names)) in sessions.iter().enumerate() {
                let (first, last) = (MONDAY + from * DAY, MONDAY + (from + days) * DAY);
                contents.time(number, first);
                for (id, name) in names {
                    contents.instrument(number, InstrumentId(*id), &[b'A' + name]);
                }
                contents.time(number, last);
            }
            let (header, ambiguous) = contents.header(Publisher::XnasItchXnas, Schema::Mbo);
            prop_assert_eq!(ambiguous, 0);
            let on = |number: u32, day: Date| -> Vec<&str> {
                let number = number.to_string();
                let mappings = header.mappings.iter();
                let hits = mappings.filter(|mapping| mapping.intervals.iter().any(|interval| {
                    interval.symbol == number && (interval.start_date..interval.end_date).contains(&day)
                }));
                hits.map(|mapping| mapping.raw_symbol.as_str()).collect()
            };
            for (number, (from, days, names)) in sessions.iter().enumerate() {
                for (id, name) in names {
                    let in_file = header.numbering.of(number, *id);
                    for at in *from..=from + days {
                        let symbol = char::from(b'A' + name).to_string();
                        prop_assert_eq!(on(in_file, day(MONDAY + at * DAY)), [symbol.as_str()]);
                    }
                }
            }
        }
    }

    #[test]
    fn a_file_of_nothing_has_an_empty_header() {
        let (header, ambiguous) = Contents::default().header(Publisher::XnasItchXnas, Schema::All);
        assert_eq!((header.start, header.mappings.len(), ambiguous), (0, 0, 0));
    }
}
