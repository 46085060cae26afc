//! From "nanoseconds since midnight" to nanoseconds since the Unix epoch.
//!
//! Many feeds stamp messages with the time since midnight in the venue's time zone. That midnight depends on the
//! session's date and on the zone's offset that day. It is computed once a session; per message there is one addition.
//! On a day whose offset changes (a Sunday in the United States, no session) the time since midnight is taken as
//! elapsed time, as the feeds' specifications say.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::sink::Nanos;

/// Which date a session has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionDate {
    /// The date in the venue's time zone when the session's first message is received. Right for live feeds and for
    /// captures replayed with their own times; wrong by whole days for an old file published again.
    #[default]
    Auto,
    /// This date, whatever the clock says.
    Fixed(Date),
}

/// Why a session's time cannot be known.
#[derive(Debug, thiserror::Error)]
pub enum SessionTimeError {
    /// No such time zone.
    #[error(
        "unknown time zone \"{name}\": use a name of the IANA database, e.g. \"America/New_York\""
    )]
    UnknownTimeZone {
        /// The name that was given.
        name: String,
        /// What the time-zone library says.
        source: jiff::Error,
    },
    /// Not a date.
    #[error("\"{text}\" is no session date: write \"auto\" or a date as YYYY-MM-DD")]
    NotADate {
        /// The text that was given.
        text: String,
    },
    /// The date does not fit nanoseconds since the Unix epoch in 64 bits.
    #[error(
        "session date {date} cannot be expressed in nanoseconds since 1970: use one from 1970-01-02 to 2554-07-20"
    )]
    OutOfRange {
        /// The date that was given.
        date: Date,
    },
}

impl std::str::FromStr for SessionDate {
    type Err = SessionTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        // `strptime` rather than `parse`: a date only, not a date with a time behind it.
        Date::strptime("%Y-%m-%d", text)
            .map(Self::Fixed)
            .map_err(|_| SessionTimeError::NotADate {
                text: text.to_owned(),
            })
    }
}

impl std::fmt::Display for SessionDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(date) => write!(f, "{date}"),
        }
    }
}

/// Knows a venue's midnights.
#[derive(Clone, Debug)]
pub struct SessionClock {
    zone: TimeZone,
    date: SessionDate,
}

impl SessionClock {
    /// A clock for sessions of `date` in `time_zone`, a name of the IANA database.
    ///
    /// # Errors
    /// The zone is unknown, or the date does not fit 64 bits of nanoseconds.
    pub fn new(time_zone: &str, date: SessionDate) -> Result<Self, SessionTimeError> {
        let zone =
            TimeZone::get(time_zone).map_err(|source| SessionTimeError::UnknownTimeZone {
                name: time_zone.to_owned(),
                source,
            })?;
        let clock = Self { zone, date };
        if let SessionDate::Fixed(date) = date {
            clock
                .midnight_of(date)
                .ok_or(SessionTimeError::OutOfRange { date })?;
        }
        Ok(clock)
    }

    /// Midnight, at its start, of the session whose first message was received at `received`.
    ///
    /// 0 where it does not fit 64 bits of nanoseconds, which no time after 1970-01-02 in `received` leads to.
    #[must_use]
    pub fn midnight(&self, received: Nanos) -> Nanos {
        let date = match self.date {
            SessionDate::Fixed(date) => date,
            SessionDate::Auto => self.date_at(received),
        };
        self.midnight_of(date).unwrap_or(0)
    }

    /// When the venue's clocks showed `seconds` since midnight, told by a message that was received at `received`.
    ///
    /// Where the date is automatic it is the one that brings this nearest to `received`, so that a message from just before
    /// midnight may be received behind it. Unlike [`midnight`](Self::midnight) plus the seconds this is right on days whose
    /// offset changes. 0 where it does not fit 64 bits of nanoseconds.
    #[must_use]
    pub fn time_of_day(&self, seconds: u32, received: Nanos) -> Nanos {
        const HALF_A_DAY: Nanos = 43_200_000_000_000;
        let since_midnight = Nanos::from(seconds) * 1_000_000_000;
        let date = match self.date {
            SessionDate::Fixed(date) => date,
            SessionDate::Auto => {
                let midnight = received.saturating_sub(since_midnight);
                self.date_at(midnight.saturating_add(HALF_A_DAY))
            }
        };
        let part = |unit: u32, below: u32| i8::try_from(seconds / unit % below).unwrap_or(0);
        if seconds >= 86_400 {
            return self
                .midnight_of(date)
                .map_or(0, |midnight| midnight.saturating_add(since_midnight));
        }
        let time = date.at(part(3_600, 24), part(60, 60), part(1, 60), 0);
        let instant = time.to_zoned(self.zone.clone()).ok();
        instant
            .and_then(|instant| u64::try_from(instant.timestamp().as_nanosecond()).ok())
            .unwrap_or(0)
    }

    /// Midnight of a date given as the number YYYYMMDD; `None` where that is no date, or does not fit.
    #[must_use]
    pub fn midnight_of_day(&self, yyyymmdd: u32) -> Option<Nanos> {
        let year = i16::try_from(yyyymmdd / 10_000).ok()?;
        let month = i8::try_from(yyyymmdd / 100 % 100).ok()?;
        let day = i8::try_from(yyyymmdd % 100).ok()?;
        self.midnight_of(Date::new(year, month, day).ok()?)
    }

    /// The venue's date at `instant`.
    #[must_use]
    pub fn date_at(&self, instant: Nanos) -> Date {
        // Any u64 of nanoseconds is a date before the year 2555, which the library's range holds.
        let instant = jiff::Timestamp::from_nanosecond(i128::from(instant)).unwrap_or_default();
        self.zone.to_datetime(instant).date()
    }

    fn midnight_of(&self, date: Date) -> Option<Nanos> {
        let midnight = date.to_zoned(self.zone.clone()).ok()?;
        u64::try_from(midnight.timestamp().as_nanosecond()).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const HOUR: u64 = 3_600_000_000_000;

    fn midnight(date: &str) -> Nanos {
        SessionClock::new("America/New_York", date.parse().unwrap())
            .unwrap()
            .midnight(0)
    }

    #[test]
    fn midnight_follows_the_zone_through_the_year() {
        // 2019-12-30 00:00 EST is 05:00 UTC; 2019-07-01 00:00 EDT is 04:00 UTC.
        assert_eq!(midnight("2019-12-30"), 1_577_664_000_000_000_000 + 5 * HOUR);
        assert_eq!(midnight("2019-07-01"), 1_561_939_200_000_000_000 + 4 * HOUR);
    }

    #[test]
    fn midnight_is_right_around_both_changes_of_the_offset() {
        // The clocks change at 02:00: the day itself still starts at the old offset, the next one at the new.
        let day = 24 * HOUR;
        assert_eq!(midnight("2024-03-11") - midnight("2024-03-10"), day - HOUR);
        assert_eq!(midnight("2024-03-10") - midnight("2024-03-09"), day);
        assert_eq!(midnight("2024-11-04") - midnight("2024-11-03"), day + HOUR);
        assert_eq!(midnight("2024-11-03") - midnight("2024-11-02"), day);
    }

    #[test]
    fn an_automatic_date_is_the_venue_s_not_that_of_utc() {
        let clock = SessionClock::new("America/New_York", SessionDate::Auto).unwrap();
        let noon = midnight("2024-06-03") + 12 * HOUR;
        assert_eq!(clock.midnight(noon), midnight("2024-06-03"));
        // 19:59 in New York is the next day in UTC already.
        let evening = midnight("2024-12-03") + 20 * HOUR - 1;
        assert_eq!(clock.midnight(evening), midnight("2024-12-03"));
        assert_eq!(
            clock.midnight(midnight("2024-12-04")),
            midnight("2024-12-04")
        );
        assert_eq!(
            clock.midnight(midnight("2024-12-04") - 1),
            midnight("2024-12-03")
        );
        // Nothing panics at the ends of the range.
        assert_eq!(clock.midnight(0), 0);
        assert!(clock.midnight(u64::MAX) > 0);
    }

    #[test]
    fn a_time_of_day_is_what_the_venue_s_clocks_show() {
        let clock = SessionClock::new("America/New_York", SessionDate::Auto).unwrap();
        let noon = midnight("2024-06-03") + 12 * HOUR;
        assert_eq!(clock.time_of_day(43_200, noon + 1), noon);
        // Received late, behind midnight, and early by a clock that is behind.
        let last = midnight("2024-06-04") - 1_000_000_000;
        assert_eq!(clock.time_of_day(86_399, last + 2 * HOUR), last);
        assert_eq!(clock.time_of_day(0, last), midnight("2024-06-04"));
        // The evening of a day with 25 hours, and of one with 23.
        let evening = midnight("2024-11-04") - 4 * HOUR;
        assert_eq!(clock.time_of_day(20 * 3_600, evening + 5), evening);
        let evening = midnight("2024-03-11") - 4 * HOUR;
        assert_eq!(clock.time_of_day(20 * 3_600, evening + 5), evening);
        let fixed = SessionClock::new("America/New_York", "2019-12-30".parse().unwrap()).unwrap();
        assert_eq!(
            fixed.time_of_day(1, noon),
            midnight("2019-12-30") + 1_000_000_000
        );
        // No day is so long.
        let long = clock.time_of_day(90_000, noon);
        assert!(long > 0 && clock.time_of_day(u32::MAX, u64::MAX) > 0);
        assert_eq!(
            clock.midnight_of_day(20_191_230),
            Some(midnight("2019-12-30"))
        );
        assert_eq!(clock.midnight_of_day(20_190_229), None);
        assert_eq!(clock.midnight_of_day(u32::MAX), None);
    }

    #[test]
    fn mistakes_name_themselves_and_the_remedy() {
        let error = "30.12.2019".parse::<SessionDate>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"30.12.2019\" is no session date: write \"auto\" or a date as YYYY-MM-DD"
        );
        assert!("2019-12-30T10:00".parse::<SessionDate>().is_err());
        assert!("2019-02-29".parse::<SessionDate>().is_err());
        let error = SessionClock::new("America/Gotham", SessionDate::Auto).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("unknown time zone \"America/Gotham\"")
        );
        let error =
            SessionClock::new("America/New_York", "1969-12-31".parse().unwrap()).unwrap_err();
        assert!(matches!(error, SessionTimeError::OutOfRange { .. }));
        assert!(SessionClock::new("America/New_York", "1970-01-02".parse().unwrap()).is_ok());
        assert!(SessionClock::new("America/New_York", "2554-07-20".parse().unwrap()).is_ok());
        assert!(SessionClock::new("America/New_York", "2554-07-23".parse().unwrap()).is_err());
    }
}
