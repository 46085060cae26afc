//! Zero-copy views and writers of the messages: the one place that knows offsets.
//!
//! Every message of the three feeds begins with the same ten bytes: its type, one byte that each type uses for itself,
//! and its time.

use crate::itch50::fields::Symbol;
use crate::little_endian::Field;

/// A price with four implied decimals: one unit is 0.0001 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price4(pub i64);

impl Price4 {
    /// The price in units of 1e-9, as DBN has it; `None` where it does not fit.
    #[must_use]
    #[inline(always)]
    pub const fn to_nano(self) -> Option<i64> {
        self.0.checked_mul(100_000)
    }
}

impl Field for Price4 {
    const SIZE: usize = 8;

    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        Self(i64::read(bytes))
    }

    #[inline(always)]
    fn write(self, bytes: &mut [u8]) {
        self.0.write(bytes);
    }
}

macro_rules! messages {
    ($(
        $(#[$doc:meta])*
        $name:ident $writer:ident = $tag:literal, $length:literal {
            $(#[$code_doc:meta])* $code:ident;
            $( $(#[$field_doc:meta])* $offset:literal $field:ident: $type:ty, )*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq)]
            pub struct $name<'a>(&'a [u8; $length]);

            impl<'a> $name<'a> {
                /// The byte that names the type.
                pub const TYPE: u8 = $tag;
                /// Bytes of a message of this type.
                pub const LENGTH: usize = $length;

                /// Views `message`; `None` if its type or its length is another.
                #[must_use]
                #[inline(always)]
                pub fn parse(message: &'a [u8]) -> Option<Self> {
                    match <&[u8; $length]>::try_from(message) {
                        Ok(bytes) if bytes[0] == $tag => Some(Self(bytes)),
                        _ => None,
                    }
                }

                /// The message's bytes.
                #[must_use]
                #[inline(always)]
                pub const fn bytes(&self) -> &'a [u8; $length] {
                    self.0
                }

                $(#[$code_doc])*
                #[must_use]
                #[inline(always)]
                pub const fn $code(&self) -> u8 {
                    self.0[1]
                }

                /// Nanoseconds since the Unix epoch.
                #[must_use]
                #[inline(always)]
                pub fn timestamp(&self) -> u64 {
                    u64::read(&self.0[2..10])
                }

                $(
                    $(#[$field_doc])*
                    #[must_use]
                    #[inline(always)]
                    pub fn $field(&self) -> $type {
                        <$type as Field>::read(&self.0[$offset..$offset + <$type as Field>::SIZE])
                    }
                )*
            }

            impl std::fmt::Debug for $name<'_> {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.debug_struct(stringify!($name))
                        .field(stringify!($code), &self.$code())
                        .field("timestamp", &self.timestamp())
                        $( .field(stringify!($field), &self.$field()) )*
                        .finish()
                }
            }

            #[doc = concat!("Writes a [`", stringify!($name), "`]: what simulators publish and tests feed.")]
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub struct $writer {
                $(#[$code_doc])*
                pub $code: u8,
                /// Nanoseconds since the Unix epoch.
                pub timestamp: u64,
                $( $(#[$field_doc])* pub $field: $type, )*
            }

            impl $writer {
                /// The message as the wire has it.
                #[must_use]
                pub fn encode(&self) -> [u8; $length] {
                    let mut bytes = [0; $length];
                    bytes[0] = $tag;
                    bytes[1] = self.$code;
                    self.timestamp.write(&mut bytes[2..10]);
                    $( self.$field.write(&mut bytes[$offset..$offset + <$type as Field>::SIZE]); )*
                    bytes
                }
            }

            // The fields tile the message: none is missing, none overlaps.
            const _: () = {
                let next = 10;
                $(
                    assert!($offset == next);
                    let next = next + <$type as Field>::SIZE;
                )*
                assert!(next == $length);
            };
        )*

        /// Every message type of the three feeds.
        pub const TYPES: &[u8] = &[$( $tag ),*];

        /// The length of a message by the byte that names its type; 0 where there is no such type.
        pub const LENGTHS: [u8; 256] = {
            let mut lengths = [0; 256];
            $( lengths[$tag as usize] = $length; )*
            lengths
        };
    };
}

messages! {
    /// "System Event": of the whole venue.
    SystemEvent WriteSystemEvent = b'S', 10 {
        /// `O` start of messages, `S` start of system hours, `R` start of regular market hours, `M` end of regular market
        /// hours, `E` end of system hours, `C` end of messages.
        event;
    }

    /// "Security Directory": sent for each security before the day starts.
    SecurityDirectory WriteSecurityDirectory = b'D', 31 {
        /// Bit 7: test security, bit 6: when-issued, bit 5: exchange-traded product.
        flags;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// Shares that make a round lot.
        18 round_lot_size: u32,
        /// Closing price of the day before, adjusted for corporate actions.
        22 adjusted_poc_price: Price4,
        /// Limit-up/limit-down tier: 0 not applicable, 1 or 2.
        30 luld_tier: u8,
    }

    /// "Trading Status".
    TradingStatus WriteTradingStatus = b'H', 22 {
        /// `H` halted across all markets, `O` paused, orders accepted on IEX, `P` paused on IEX, `T` trading on IEX.
        status;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// Reason, right-padded with spaces; blank where the status needs none.
        18 reason: [u8; 4],
    }

    /// "Operational Halt Status".
    OperationalHaltStatus WriteOperationalHaltStatus = b'O', 18 {
        /// `O` IEX's own halt, `N` not halted on IEX.
        status;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
    }

    /// "Short Sale Price Test Status".
    ShortSalePriceTestStatus WriteShortSalePriceTestStatus = b'P', 19 {
        /// 0: not in effect, 1: in effect.
        status;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// ` ` none, `A` activated, `C` continued, `D` deactivated, `N` not available.
        18 detail: u8,
    }

    /// "Security Event" (DEEP, DEEP+).
    SecurityEvent WriteSecurityEvent = b'E', 18 {
        /// `O` the opening process is complete, `C` the closing process is.
        event;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
    }

    /// "Retail Liquidity Indicator".
    RetailLiquidityIndicator WriteRetailLiquidityIndicator = b'I', 18 {
        /// ` ` not applicable, `A` buy, `B` sell, `C` both.
        indicator;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
    }

    /// "Quote Update" (TOPS): the best bid and ask.
    QuoteUpdate WriteQuoteUpdate = b'Q', 42 {
        /// Bit 7: the symbol is halted, paused, or not available for trading on IEX; bit 6: pre- or post-market session.
        flags;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// Shares bid; 0 where nobody bids.
        18 bid_size: u32,
        /// Best bid; 0 where nobody bids.
        22 bid_price: Price4,
        /// Best ask; 0 where nobody offers.
        30 ask_price: Price4,
        /// Shares offered; 0 where nobody offers.
        38 ask_size: u32,
    }

    /// "Price Level Update", buy side (DEEP).
    BuyLevelUpdate WriteBuyLevelUpdate = b'8', 30 {
        /// Bit 0: the event is complete, and so is the book.
        event_flags;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// All shares at that price now; 0 where there are none left.
        18 size: u32,
        /// The level's price.
        22 price: Price4,
    }

    /// "Price Level Update", sell side (DEEP).
    SellLevelUpdate WriteSellLevelUpdate = b'5', 30 {
        /// Bit 0: the event is complete, and so is the book.
        event_flags;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// All shares at that price now; 0 where there are none left.
        18 size: u32,
        /// The level's price.
        22 price: Price4,
    }

    /// "Trade Report".
    TradeReport WriteTradeReport = b'T', 38 {
        /// Sale condition flags: bit 7 intermarket sweep, 6 extended hours, 5 odd lot, 4 trade-through exempt, 3 single-price
        /// cross.
        sale_conditions;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// Shares traded.
        18 size: u32,
        /// At which price.
        22 price: Price4,
        /// IEX's number of the trade, unique within the day.
        30 trade_id: u64,
    }

    /// "Trade Break": the trade with that number did not happen.
    TradeBreak WriteTradeBreak = b'B', 38 {
        /// As in the trade's report.
        sale_conditions;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// As in the trade's report.
        18 size: u32,
        /// As in the trade's report.
        22 price: Price4,
        /// As in the trade's report.
        30 trade_id: u64,
    }

    /// "Official Price": of the opening or closing process of IEX-listed securities.
    OfficialPrice WriteOfficialPrice = b'X', 26 {
        /// `Q` IEX official opening price, `M` IEX official closing price.
        price_type;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// The price.
        18 price: Price4,
    }

    /// "Auction Information": once a second before an auction of an IEX-listed security.
    AuctionInformation WriteAuctionInformation = b'A', 80 {
        /// `O` opening, `C` closing, `I` initial public offering, `H` halt, `V` volatility.
        auction_type;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// Shares that pair off at the reference price.
        18 paired_shares: u32,
        /// Reference price.
        22 reference_price: Price4,
        /// Clearing price with all interest.
        30 indicative_clearing_price: Price4,
        /// Shares without a counterpart at the reference price.
        38 imbalance_shares: u32,
        /// `B` buy, `S` sell, `N` none.
        42 imbalance_side: u8,
        /// How many times the auction was put off.
        43 extension_number: u8,
        /// When it is to be, seconds since the Unix epoch.
        44 scheduled_auction_time: u32,
        /// Clearing price with auction-only interest.
        48 auction_book_clearing_price: Price4,
        /// What the collar is measured from.
        56 collar_reference_price: Price4,
        /// Lowest price of the auction.
        64 lower_collar: Price4,
        /// Highest price of the auction.
        72 upper_collar: Price4,
    }

    /// "Add Order" (DEEP+).
    AddOrder WriteAddOrder = b'a', 38 {
        /// `8` buy, `5` sell.
        side;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// The order's number, unique within the day.
        18 order_id: u64,
        /// Shares displayed.
        26 size: u32,
        /// Its price.
        30 price: Price4,
    }

    /// "Order Modify" (DEEP+).
    OrderModify WriteOrderModify = b'M', 38 {
        /// Bit 0: the order keeps its place in the queue.
        flags;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// The order's number.
        18 order_id: u64,
        /// Shares displayed from now on.
        26 size: u32,
        /// Its price from now on.
        30 price: Price4,
    }

    /// "Order Delete" (DEEP+).
    OrderDelete WriteOrderDelete = b'R', 26 {
        /// Reserved.
        reserved;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// The order's number.
        18 order_id: u64,
    }

    /// "Order Executed" (DEEP+).
    OrderExecuted WriteOrderExecuted = b'L', 46 {
        /// As in a trade's report.
        sale_conditions;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
        /// The order's number.
        18 order_id: u64,
        /// Shares executed.
        26 size: u32,
        /// At which price.
        30 price: Price4,
        /// IEX's number of the trade.
        38 trade_id: u64,
    }

    /// "Clear Book" (DEEP+): no order of the security rests any more.
    ClearBook WriteClearBook = b'C', 18 {
        /// Reserved.
        reserved;
        /// Symbol, right-padded with spaces.
        10 symbol: Symbol,
    }
}
