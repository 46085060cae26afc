//! Stateful time: a message has nanoseconds since the last Time, which the feed sends for each second in which it has
//! anything to say.

use super::Market;
use super::layout::{Time, TimeReference};
use crate::session_time::{SessionClock, SessionDate, SessionTimeError};
use crate::sink::Nanos;

/// DBN's sign of a time that is not known.
pub(super) const UNDEFINED: Nanos = dbn::UNDEF_TIMESTAMP;
const SECOND: Nanos = 1_000_000_000;

/// What a unit's last Time said.
#[derive(Debug)]
pub(super) struct UnitTime {
    clock: SessionClock,
    /// What offsets count from; [`UNDEFINED`] before the first Time.
    second: Nanos,
    /// The midnight that a Time Reference told.
    midnight: Option<Nanos>,
}

impl UnitTime {
    pub(super) fn new(market: Market, date: SessionDate) -> Result<Self, SessionTimeError> {
        Ok(Self {
            clock: SessionClock::new(market.time_zone(), date)?,
            second: UNDEFINED,
            midnight: None,
        })
    }

    /// The time of a message with this offset.
    #[inline(always)]
    pub(super) const fn at(&self, offset: u32) -> Nanos {
        if self.second == UNDEFINED {
            UNDEFINED
        } else {
            self.second.wrapping_add(offset as Nanos)
        }
    }

    /// The clock of the market's time zone.
    pub(super) const fn clock(&self) -> &SessionClock {
        &self.clock
    }

    /// Takes a Time that was received at `received`.
    #[cold]
    pub(super) fn take(&mut self, message: &Time<'_>, epoch: Option<u32>, received: Nanos) {
        let seconds = message.seconds();
        self.second = match (epoch, self.midnight) {
            (Some(epoch), _) => Nanos::from(epoch) * SECOND,
            (None, Some(midnight)) => midnight + Nanos::from(seconds) * SECOND,
            (None, None) => self.clock.time_of_day(seconds, received),
        };
    }

    /// Takes a Time Reference, which says the time itself, too.
    #[cold]
    pub(super) fn refer(&mut self, message: &TimeReference<'_>) {
        let midnight = Nanos::from(message.midnight()) * SECOND;
        self.midnight = Some(midnight);
        self.second = midnight + Nanos::from(message.seconds()) * SECOND;
    }

    /// The last Time may be one that is lost: there is no time until the next.
    pub(super) const fn forget(&mut self) {
        self.second = UNDEFINED;
    }

    /// Another day begins: its midnight is another one.
    pub(super) const fn begin_anew(&mut self) {
        self.forget();
        self.midnight = None;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::layout::{WriteTime, WriteTimeReference};
    use super::*;

    /// 2023-11-14 22:13:20 UTC, 17:13:20 in New York.
    const NOW: Nanos = 1_700_000_000 * SECOND;

    #[test]
    fn there_is_no_time_before_the_first_time() {
        let mut time = UnitTime::new(Market::Equities, SessionDate::Auto).unwrap();
        assert_eq!(time.at(5), UNDEFINED);
        let message = WriteTime { seconds: 62_000 }.encode(Market::Equities);
        time.take(&Time::parse(&message).unwrap(), None, NOW + 3);
        assert_eq!(time.at(5), NOW + 5);
        time.forget();
        assert_eq!(time.at(5), UNDEFINED);
    }

    #[test]
    fn futures_say_which_midnight_they_mean() {
        let mut time = UnitTime::new(Market::Futures, SessionDate::Auto).unwrap();
        let reference = WriteTimeReference {
            midnight: 1_700_000_000,
            seconds: 10,
            ..WriteTimeReference::default()
        };
        let message = reference.encode(Market::Futures);
        time.refer(&TimeReference::parse(&message).unwrap());
        assert_eq!(time.at(1), NOW + 10 * SECOND + 1);
        let message = WriteTime { seconds: 11 }.encode(Market::Equities);
        time.take(&Time::parse(&message).unwrap(), None, 0);
        assert_eq!(time.at(1), NOW + 11 * SECOND + 1);
        time.take(&Time::parse(&message).unwrap(), Some(1_700_000_012), 0);
        assert_eq!(time.at(1), NOW + 12 * SECOND + 1);
    }
}
