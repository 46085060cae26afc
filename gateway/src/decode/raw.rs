//! Files of messages, each behind its length.

use std::path::Path;

use gateway_capture::ItchFileReader;
use gateway_feed::decoder::Decoder;
use gateway_feed::session_time::{SessionClock, SessionDate};
use gateway_feed::sink::MessageContext;
use jiff::civil::Date;

use super::{DecodeError, Observer, Request, SessionNumbers, Sink, Summary, known_date};
use crate::worker::feed::ITCH_TIME_ZONE;

/// Messages between two reports of progress.
const PROGRESS_EVERY: u64 = 1 << 16;

/// Reads `path` to its end. Messages are numbered from 1; as nobody received them, their time of receipt is their own.
pub(super) fn read(
    request: &Request<'_>,
    observer: &mut impl Observer,
    summary: &mut Summary,
) -> Result<(), DecodeError> {
    let date = known_date(request).unwrap_or(Date::constant(1970, 1, 2));
    let session_date = SessionDate::Fixed(date);
    let midnight = SessionClock::new(ITCH_TIME_ZONE, session_date)
        .map_err(DecodeError::Date)?
        .midnight(0);
    let mut decoder = request.itch_decoder(session_date)?;
    let mut reader = ItchFileReader::open(request.path)?;
    let mut numbers = SessionNumbers::default();
    let mut place = numbers.place();
    let mut sequence = 0;
    let result = loop {
        if observer.enough() {
            summary.interrupted = true;
            break Ok(());
        }
        if sequence % PROGRESS_EVERY == 0 {
            observer.progress(reader.bytes_read(), reader.bytes_total());
        }
        let (offset, message) = match reader.next() {
            Ok(Some(next)) => next,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        };
        sequence += 1;
        let context = MessageContext {
            sequence,
            ts_recv: midnight + time_of_day(message),
        };
        observer.time(0, context.ts_recv);
        let bad_before = bad(&decoder);
        let mut sink = Sink::new(observer, &mut place, &mut numbers, summary);
        decoder.message(&context, message, &mut sink);
        if bad(&decoder) != bad_before {
            summary.error(offset, complaint(message));
        }
    };
    summary.add_decoder(request.protocol.feed(), &decoder, request.orders.is_some());
    result
}

/// Messages that could not be decoded so far.
pub(super) fn bad(decoder: &impl Decoder) -> u64 {
    let counters = decoder.counters();
    counters.length_errors() + counters.unknown_types
}

fn complaint(message: &[u8]) -> String {
    match message.first() {
        None => "an empty message".to_owned(),
        Some(kind) => format!(
            "message of type {} and {} bytes: no such type, or not its length",
            kind.escape_ascii(),
            message.len()
        ),
    }
}

/// Nanoseconds since midnight, in bytes 5 to 10 of every ITCH message; 0 where it is shorter.
fn time_of_day(message: &[u8]) -> u64 {
    message.get(5..11).map_or(0, |bytes| {
        bytes
            .iter()
            .fold(0, |time, byte| time << 8 | u64::from(*byte))
    })
}

/// The date in a name such as `12302019.NASDAQ_ITCH50`: month, day, year.
pub(super) fn date_in_name(path: &Path) -> Option<Date> {
    let digits = path.file_name()?.to_str()?.get(..8)?;
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i16>().ok();
    let (month, day) = (number(0..2)?, number(2..4)?);
    Date::new(number(4..8)?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_found_in_the_exchanges_names() {
        let date = |name| date_in_name(Path::new(name));
        assert_eq!(
            date("/x/12302019.NASDAQ_ITCH50.gz"),
            Some(Date::constant(2019, 12, 30))
        );
        assert_eq!(date("99992019.itch"), None);
        assert_eq!(date("sample"), None);
    }
}
