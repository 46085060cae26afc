//! What a header of DBN tells about a file's content before the first record: time and symbols.

use std::collections::BTreeMap;

use dbn::{MappingInterval, Publisher, SymbolMapping};
use gateway_feed::sink::{InstrumentId, Nanos};
use time::{Date, OffsetDateTime};

use super::dbn_file::Header;
use super::schema::Schema;

/// When the sessions of a file were, and which instrument is which symbol in each: the result of a first reading.
///
/// DBN knows symbols by day (UTC), a venue by its session. So a symbol holds for each day that its session touches.
/// Where two sessions number an instrument differently on one day, the later one is right, and the number of such
/// instruments is told.
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

    /// The header of a file of `schema`, and how many instruments are two symbols on one day.
    #[must_use]
    pub fn header(&self, publisher: Publisher, schema: Schema) -> (Header, u64) {
        let mut sessions: Vec<&Session> = self
            .sessions
            .iter()
            .filter(|session| session.first <= session.last)
            .collect();
        sessions.sort_by_key(|session| session.first);
        let start = sessions.first().map_or(0, |session| session.first);
        let (mappings, ambiguous) = mappings(&sessions);
        let header = Header {
            publisher,
            schema,
            start,
            mappings,
        };
        (header, self.renamed + ambiguous)
    }
}

/// The symbols of `sessions`, which are in the order of time.
fn mappings(sessions: &[&Session]) -> (Vec<SymbolMapping>, u64) {
    let mut ambiguous = 0;
    let mut by_instrument: BTreeMap<u32, Vec<(Days, &str)>> = BTreeMap::new();
    for session in sessions {
        let first = day(session.first);
        let behind = day(session.last).next_day().unwrap_or(Date::MAX);
        for (&instrument, symbol) in &session.symbols {
            let held = by_instrument.entry(instrument).or_default();
            match held.last_mut() {
                Some(((_, end), before)) if *end >= first && *before == symbol => {
                    *end = behind.max(*end);
                    continue;
                }
                Some(((start, end), _)) if *end > first => {
                    ambiguous += 1;
                    *end = first;
                    if *start >= first {
                        held.pop();
                    }
                }
                _ => {}
            }
            held.push(((first, behind), symbol));
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
    (mappings, ambiguous)
}

fn day(instant: Nanos) -> Date {
    // 64 bits of nanoseconds end in the year 2554, which dates reach.
    OffsetDateTime::from_unix_timestamp_nanos(instant.into())
        .map_or(Date::MAX, OffsetDateTime::date)
}

#[cfg(test)]
mod tests {
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
    fn on_a_shared_day_the_later_session_is_right() {
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
            &[(3, "B"), (7, "A"), (8, "C")],
        );
        let (symbols, ambiguous) = told(&contents);
        let expected = [
            ("A", vec![(0, 1, "3"), (1, 2, "7")]),
            ("B", vec![(0, 1, "7"), (1, 2, "3")]),
            ("C", vec![(0, 2, "8")]),
        ];
        let expected = expected.map(|(name, days)| {
            let days = days
                .into_iter()
                .map(|(from, to, id)| (from, to, id.to_owned()));
            (name.to_owned(), days.collect())
        });
        assert_eq!(symbols, expected);
        assert_eq!(ambiguous, 2);
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
        // Another venue's session on the same day.
        session(&mut contents, 1, MONDAY + 1, MONDAY + 1, &[(4, "X")]);
        let (symbols, ambiguous) = told(&contents);
        let names: Vec<&str> = symbols.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["B", "X"]);
        assert_eq!(ambiguous, 2);
    }

    #[test]
    fn a_file_of_nothing_has_an_empty_header() {
        let (header, ambiguous) = Contents::default().header(Publisher::XnasItchXnas, Schema::All);
        assert_eq!((header.start, header.mappings.len(), ambiguous), (0, 0, 0));
    }
}
