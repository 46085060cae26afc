//! Cboe PITCH: the depth feeds of the US equities, options, complex options and futures markets, over the sequenced unit
//! header.
//!
//! `transport` is the header, `layout` what it carries in each [`Market`], `decoder` makes records. The specifications are
//! "US Equities/Options Multicast Depth of Book (PITCH)" 2.41, "US Options Complex Multicast PITCH" 2.1 and "Cboe Futures
//! Exchange Multicast Depth of Book (PITCH)" 1.2; `docs/feeds/cboe-pitch.md` tabulates what becomes of each message.
//! All integers are little-endian.

mod classes;
pub mod decoder;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
pub mod layout;
mod orders;
mod other;
mod price;
mod records;
pub mod session;
mod time;
pub mod transport;
mod trust;

pub use classes::classes;
pub use decoder::{PitchConfig, PitchConfigError, PitchDecoder, SYMBOL_LIMITS};
pub use transport::{Addressee, PacketBuilder, PitchUnit, addressee, unit_session};

/// Whose messages they are: the markets share the protocol's types, but not all lengths, nor the sign of prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Market {
    /// BZX, BYX, EDGX, EDGA: shares, symbols as they are, New York's time.
    Equities,
    /// Cboe Options (C1), BZX Options, C2, EDGX Options: series by a feed symbol that a Symbol Mapping explains.
    Options,
    /// The complex books of the options markets: prices may be negative.
    ComplexOptions,
    /// Cboe Futures Exchange: contracts by a feed symbol that an Instrument Definition explains, prices may be negative,
    /// Chicago's time.
    Futures,
}

impl Market {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Equities,
        Self::Options,
        Self::ComplexOptions,
        Self::Futures,
    ];

    /// The time zone whose midnight the market's Time messages count from.
    #[must_use]
    pub const fn time_zone(self) -> &'static str {
        match self {
            Self::Futures => "America/Chicago",
            Self::Equities | Self::Options | Self::ComplexOptions => "America/New_York",
        }
    }

    /// Whether a spin server tells what instruments a unit has, apart from the unit's books: series and complex instruments
    /// have a feed symbol that only a message explains. Of futures no such messages are known, equities have no use for them.
    #[must_use]
    pub const fn defines_in_spins(self) -> bool {
        matches!(self, Self::Options | Self::ComplexOptions)
    }

    /// Whether the two bytes of a short price are a signed number.
    #[must_use]
    pub const fn signs_short_prices(self) -> bool {
        matches!(self, Self::ComplexOptions | Self::Futures)
    }
}
