//! The layout of every message, as the specifications tabulate it: the one place that knows offsets and lengths.
//!
//! Offsets are the specifications', that is, from the message's byte of length on; a view stands on the bytes behind it. A
//! view has the fields that a type has in every market. What some markets append (flags, a trade's condition, who it was)
//! no record has a place for: it is in `native` records, and [`Lengths`] knows that it is there.

use super::Market;
pub use super::price::{Price4, ShortPrice};
use crate::itch50::fields::Symbol;
use crate::little_endian::Field;

/// A symbol of six characters, padded with spaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbol6(pub [u8; 6]);

impl Symbol6 {
    /// The same symbol, padded to eight.
    #[must_use]
    #[inline(always)]
    pub const fn padded(self) -> Symbol {
        let [a, b, c, d, e, f] = self.0;
        Symbol([a, b, c, d, e, f, b' ', b' '])
    }
}

impl Field for Symbol6 {
    const SIZE: usize = 6;

    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        Self(<[u8; 6]>::read(bytes))
    }

    #[inline(always)]
    fn write(self, bytes: &mut [u8]) {
        self.0.write(bytes);
    }
}

/// The longest message that a writer makes.
const WRITTEN_BYTES_MAX: usize = 80;

/// A message as a writer made it, from its type on.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    bytes: [u8; WRITTEN_BYTES_MAX],
    length: usize,
}

impl std::ops::Deref for Written {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

macro_rules! messages {
    ($(
        $(#[$doc:meta])*
        $name:ident $writer:ident = $tag:literal, $length:literal, $behind:literal {
            $( $(#[$field_doc:meta])* $offset:literal $field:ident: $type:ty, )*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq)]
            pub struct $name<'a>(&'a [u8; $length - 1]);

            impl<'a> $name<'a> {
                /// The byte that names the type.
                pub const TYPE: u8 = $tag;
                /// Bytes that the message has in every market, its byte of length included.
                pub const LENGTH: usize = $length;

                /// Views `message`, which begins with its type; `None` if that is another, or it is shorter.
                #[must_use]
                #[inline(always)]
                pub fn parse(message: &'a [u8]) -> Option<Self> {
                    match message.first_chunk::<{ $length - 1 }>() {
                        Some(bytes) if bytes[0] == $tag => Some(Self(bytes)),
                        _ => None,
                    }
                }

                $(
                    $(#[$field_doc])*
                    #[must_use]
                    #[inline(always)]
                    pub fn $field(&self) -> $type {
                        <$type as Field>::read(&self.0[$offset - 1..$offset - 1 + <$type as Field>::SIZE])
                    }
                )*
            }

            impl std::fmt::Debug for $name<'_> {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.debug_struct(stringify!($name))
                        $( .field(stringify!($field), &self.$field()) )*
                        .finish()
                }
            }

            #[doc = concat!("Writes a [`", stringify!($name), "`]: what simulators publish and tests feed.")]
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $writer {
                $( $(#[$field_doc])* pub $field: $type, )*
            }

            impl Default for $writer {
                fn default() -> Self {
                    Self { $( $field: <$type as Field>::read(&[0; <$type as Field>::SIZE]), )* }
                }
            }

            impl $writer {
                /// The message as the wire has it in `market`, from its type on. What the market appends is blank, but for
                /// an order's flags, which say that it is displayed.
                #[must_use]
                pub fn encode(&self, market: Market) -> Written {
                    let length = usize::from(Lengths::of(market).usual($tag)).max($length) - 1;
                    let mut bytes = [b' '; WRITTEN_BYTES_MAX];
                    bytes[0] = $tag;
                    $( self.$field.write(&mut bytes[$offset - 1..$offset - 1 + <$type as Field>::SIZE]); )*
                    bytes[$length - 1] = $behind;
                    Written { bytes, length }
                }
            }

            // The fields tile the message: none is missing, none overlaps.
            const _: () = {
                let next = 2;
                $(
                    assert!($offset == next);
                    let next = next + <$type as Field>::SIZE;
                )*
                assert!(next == $length);
                assert!($length < WRITTEN_BYTES_MAX);
            };
        )*

        /// Every message type of any market, with the bytes that it has at least.
        pub const TYPES: &[(u8, u8)] = &[$( ($tag, $length) ),*];
    };
}

messages! {
    /// "Time": what the offsets of the messages behind it count from.
    Time WriteTime = 0x20, 6, b' ' {
        /// Whole seconds since midnight in the market's time zone.
        2 seconds: u32,
    }

    /// "Unit Clear": no order of the unit rests any more.
    UnitClear WriteUnitClear = 0x97, 6, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
    }

    /// "Add Order - Long".
    AddLong WriteAddLong = 0x21, 33, 1 {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The order's number, unique within the day.
        6 order_id: u64,
        /// `B` buy, `S` sell.
        14 side: u8,
        /// Shares or contracts displayed.
        15 quantity: u32,
        /// Symbol.
        19 symbol: Symbol6,
        /// Limit price.
        25 price: Price4,
    }

    /// "Add Order - Short".
    AddShort WriteAddShort = 0x22, 25, 1 {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The order's number, unique within the day.
        6 order_id: u64,
        /// `B` buy, `S` sell.
        14 side: u8,
        /// Shares or contracts displayed.
        15 quantity: u16,
        /// Symbol.
        17 symbol: Symbol6,
        /// Limit price.
        23 price: ShortPrice,
    }

    /// "Add Order - Expanded": of a longer symbol, or with attribution.
    AddExpanded WriteAddExpanded = 0x2F, 35, 1 {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The order's number, unique within the day.
        6 order_id: u64,
        /// `B` buy, `S` sell.
        14 side: u8,
        /// Shares or contracts displayed.
        15 quantity: u32,
        /// Symbol.
        19 symbol: Symbol,
        /// Limit price.
        27 price: Price4,
    }

    /// "Order Executed", at its price.
    Executed WriteExecuted = 0x23, 26, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The order's number.
        6 order_id: u64,
        /// Shares or contracts executed.
        14 quantity: u32,
        /// The execution's number, which a Trade Break would name.
        18 execution_id: u64,
    }

    /// "Order Executed at Price/Size".
    ExecutedAtPrice WriteExecutedAtPrice = 0x24, 38, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The order's number.
        6 order_id: u64,
        /// Shares or contracts executed.
        14 quantity: u32,
        /// What is left of the order; where that is not what was left before less what was executed, the order has lost its
        /// place in the queue.
        18 remaining: u32,
        /// The execution's number.
        22 execution_id: u64,
        /// At which price.
        30 price: Price4,
    }

    /// "Reduce Size - Long".
    ReduceLong WriteReduceLong = 0x25, 18, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The order's number.
        6 order_id: u64,
        /// Shares or contracts taken off.
        14 quantity: u32,
    }

    /// "Reduce Size - Short".
    ReduceShort WriteReduceShort = 0x26, 16, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The order's number.
        6 order_id: u64,
        /// Shares or contracts taken off.
        14 quantity: u16,
    }

    /// "Modify Order - Long".
    ModifyLong WriteModifyLong = 0x27, 26, 1 {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The order's number.
        6 order_id: u64,
        /// Shares or contracts displayed from now on.
        14 quantity: u32,
        /// Limit price from now on.
        18 price: Price4,
    }

    /// "Modify Order - Short".
    ModifyShort WriteModifyShort = 0x28, 18, 1 {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The order's number.
        6 order_id: u64,
        /// Shares or contracts displayed from now on.
        14 quantity: u16,
        /// Limit price from now on.
        16 price: ShortPrice,
    }

    /// "Delete Order".
    Delete WriteDelete = 0x29, 14, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The order's number.
        6 order_id: u64,
    }

    /// "Trade - Long": against an order that was not displayed, or off the book.
    TradeLong WriteTradeLong = 0x2A, 41, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The number of the order that was not displayed.
        6 order_id: u64,
        /// `B` buy, `S` sell: of the order that was not displayed.
        14 side: u8,
        /// Shares or contracts traded.
        15 quantity: u32,
        /// Symbol.
        19 symbol: Symbol6,
        /// At which price.
        25 price: Price4,
        /// The execution's number.
        33 execution_id: u64,
    }

    /// "Trade - Short".
    TradeShort WriteTradeShort = 0x2B, 33, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The number of the order that was not displayed.
        6 order_id: u64,
        /// `B` buy, `S` sell: of the order that was not displayed.
        14 side: u8,
        /// Shares or contracts traded.
        15 quantity: u16,
        /// Symbol.
        17 symbol: Symbol6,
        /// At which price.
        23 price: ShortPrice,
        /// The execution's number.
        25 execution_id: u64,
    }

    /// "Trade - Expanded".
    TradeExpanded WriteTradeExpanded = 0x30, 43, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The number of the order that was not displayed.
        6 order_id: u64,
        /// `B` buy, `S` sell: of the order that was not displayed.
        14 side: u8,
        /// Shares or contracts traded.
        15 quantity: u32,
        /// Symbol.
        19 symbol: Symbol,
        /// At which price.
        27 price: Price4,
        /// The execution's number.
        35 execution_id: u64,
    }

    /// "Trade Break": the execution with that number is void.
    TradeBreak WriteTradeBreak = 0x2C, 14, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The execution's number.
        6 execution_id: u64,
    }

    /// "End of Session": no numbered message follows in this unit today.
    EndOfSession WriteEndOfSession = 0x2D, 6, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
    }

    /// "Symbol Mapping": which series a feed symbol is. Sent all day, without a number.
    SymbolMapping WriteSymbolMapping = 0x2E, 38, b' ' {
        /// The symbol that messages have.
        2 feed_symbol: Symbol6,
        /// The series: root (6), date YYMMDD, `C` or `P`, strike price with three decimals (8).
        8 osi_symbol: [u8; 21],
        /// `N` normal, `C` closing only.
        29 condition: u8,
        /// Symbol of the underlying.
        30 underlying: [u8; 8],
    }

    /// "Trading Status".
    TradingStatus WriteTradingStatus = 0x31, 18, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Symbol; of options and futures the last two bytes are reserved.
        6 symbol: Symbol,
        /// `A` accepting orders for queuing, `H` halted, `L` curb trading, `Q` quoting (futures: queuing), `R` opening rotation,
        /// `S` suspended, `T` trading.
        14 status: u8,
        /// Equities: `0` no short-sale price test, `1` one in effect; others: reserved.
        15 reg_sho_action: u8,
        /// Options: the status of the session outside of regular hours; others: reserved.
        16 gth_status: u8,
        /// Reserved.
        17 reserved: u8,
    }

    /// "Auction Update": an auction to come.
    AuctionUpdate WriteAuctionUpdate = 0x95, 47, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Symbol.
        6 symbol: Symbol,
        /// `O` opening, `C` closing, `H` halt, `I` initial public offering, `M` Cboe Market Close, `P` periodic, `V` volatility.
        14 auction_type: u8,
        /// Price within the collar.
        15 reference_price: Price4,
        /// Shares that buy at the reference price.
        23 buy_quantity: u32,
        /// Shares that sell at the reference price.
        27 sell_quantity: u32,
        /// Price at which the auction book and the continuous book would match.
        31 indicative_price: Price4,
        /// Price at which the auction book alone would match.
        39 auction_only_price: Price4,
    }

    /// "Options Auction Update": an opening or reopening to come.
    OptionsAuctionUpdate WriteOptionsAuctionUpdate = 0xD1, 64, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Symbol.
        6 symbol: Symbol,
        /// `G` opening of the global session, `O` of the regular one, `H` reopening, `V` volatility.
        14 auction_type: u8,
        /// Price within the collar.
        15 reference_price: Price4,
        /// Contracts that buy at the reference price.
        23 buy_quantity: u32,
        /// Contracts that sell at the reference price.
        27 sell_quantity: u32,
        /// Price at which the queuing book and the continuous book would match.
        31 indicative_price: Price4,
        /// Price at which the queuing book alone would match.
        39 auction_only_price: Price4,
        /// `O` would open, `Q` a quote is needed, `B` buyers are, `S` sellers are, `C` crossed.
        47 opening_condition: u8,
        /// Bid of the composite market.
        48 composite_bid: Price4,
        /// Offer of the composite market.
        56 composite_offer: Price4,
    }

    /// "Auction Summary": what an auction came to.
    AuctionSummary WriteAuctionSummary = 0x96, 27, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Symbol.
        6 symbol: Symbol,
        /// As in the updates.
        14 auction_type: u8,
        /// The auction's price.
        15 price: Price4,
        /// All shares or contracts executed in it.
        23 quantity: u32,
    }

    /// "Retail Price Improvement" (BYX).
    RetailPriceImprovement WriteRetailPriceImprovement = 0x98, 15, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Symbol.
        6 symbol: Symbol,
        /// `B` buy side, `S` sell side, `A` both, `N` none.
        14 indicator: u8,
    }

    /// "Width Update": the multiplier of the opening quotes' width.
    WidthUpdate WriteWidthUpdate = 0xD2, 19, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Symbol of the underlying.
        6 underlying: [u8; 8],
        /// `R` regular, `V` volatility.
        14 width_type: u8,
        /// The multiplier, one decimal.
        15 multiplier: u32,
    }

    /// "Auction Notification": an order is exposed to an auction.
    AuctionNotification WriteAuctionNotification = 0xAD, 43, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Symbol.
        6 symbol: Symbol6,
        /// The auction's number, unique within the day.
        12 auction_id: u64,
        /// Kind of auction.
        20 auction_type: u8,
        /// `B` buy, `S` sell.
        21 side: u8,
        /// The order's price.
        22 price: Price4,
        /// The order's contracts.
        30 quantity: u32,
        /// `C` customer, `N` not.
        34 customer: u8,
        /// Who entered the order, where that is told.
        35 participant_id: [u8; 4],
        /// When it ends, nanoseconds since the last Time.
        39 auction_end_offset: u32,
    }

    /// "Auction Cancel".
    AuctionCancel WriteAuctionCancel = 0xAE, 14, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The auction's number.
        6 auction_id: u64,
    }

    /// "Auction Trade".
    AuctionTrade WriteAuctionTrade = 0xAF, 34, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// The auction's number.
        6 auction_id: u64,
        /// The execution's number.
        14 execution_id: u64,
        /// At which price.
        22 price: Price4,
        /// Contracts executed.
        30 quantity: u32,
    }

    /// "Transaction Begin".
    TransactionBegin WriteTransactionBegin = 0xBC, 6, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
    }

    /// "Transaction End".
    TransactionEnd WriteTransactionEnd = 0xBD, 6, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
    }

    /// "SOQ Strike Range Update".
    StrikeRangeUpdate WriteStrikeRangeUpdate = 0x9D, 42, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Symbol of the settlement's value.
        6 soq_identifier: [u8; 20],
        /// Lowest strike price of the calculation.
        26 lower_strike_price: Price4,
        /// Highest strike price of the calculation.
        34 upper_strike_price: Price4,
    }

    /// "Constituent Symbol Mapping": a series that a settlement's value is calculated from.
    ConstituentMapping WriteConstituentMapping = 0x9E, 58, b' ' {
        /// The symbol that messages have.
        2 feed_symbol: Symbol6,
        /// The series.
        8 osi_symbol: [u8; 21],
        /// `N` normal, `C` closing only.
        29 condition: u8,
        /// Symbol of the underlying.
        30 underlying: [u8; 8],
        /// Symbol of the settlement's value.
        38 soq_identifier: [u8; 20],
    }

    /// "Complex Instrument Definition Expanded", without its legs: 13 bytes each.
    ComplexDefinition WriteComplexDefinition = 0x9A, 25, b' ' {
        /// Nanoseconds since the last Time; of no meaning where the message has no number.
        2 time_offset: u32,
        /// The symbol that messages have.
        6 symbol: Symbol6,
        /// Symbol of the underlying.
        12 underlying: [u8; 8],
        /// `O` in the first place: options only; `E`: one leg is an equity.
        20 instrument_type: [u8; 4],
        /// How many legs follow.
        24 legs: u8,
    }

    /// "Time Reference" (futures): which midnight the Times count from.
    TimeReference WriteTimeReference = 0xB1, 18, b' ' {
        /// That midnight, seconds since the Unix epoch.
        2 midnight: u32,
        /// Whole seconds since then.
        6 seconds: u32,
        /// Nanoseconds since that second.
        10 time_offset: u32,
        /// The trading day as YYYYMMDD.
        14 trade_date: u32,
    }

    /// "Futures Instrument Definition", without what a spread or a variance future has more.
    FuturesDefinition WriteFuturesDefinition = 0xBB, 41, b' ' {
        /// Nanoseconds since `unit_timestamp`.
        2 time_offset: u32,
        /// The symbol that messages have.
        6 symbol: Symbol6,
        /// Seconds since the Unix epoch.
        12 unit_timestamp: u32,
        /// Symbol of the product.
        16 report_symbol: [u8; 6],
        /// Bit 0: a variance future.
        22 flags: u8,
        /// When it expires, as YYYYMMDD.
        23 expiration_date: u32,
        /// Size of a contract; 0 where that is less than 1.
        27 contract_size: u16,
        /// `A` active, `I` inactive, `T` test.
        29 listing_state: u8,
        /// Smallest step of its price.
        30 price_increment: Price4,
        /// Legs of a spread; 0: it is none.
        38 legs: u8,
        /// Where the legs begin, from the message's first byte; 0: there are none.
        39 leg_offset: u8,
        /// Where the parameters of a variance future begin; 0: there are none.
        40 variance_offset: u8,
    }

    /// "Price Limits" (futures).
    PriceLimits WritePriceLimits = 0xBE, 28, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Symbol.
        6 symbol: Symbol6,
        /// Highest price allowed.
        12 upper_limit: Price4,
        /// Lowest price allowed.
        20 lower_limit: Price4,
    }

    /// "Settlement" (futures).
    Settlement WriteSettlement = 0xB9, 25, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Symbol.
        6 symbol: Symbol6,
        /// The trading day as YYYYMMDD.
        12 trade_date: u32,
        /// Settlement price.
        16 price: Price4,
        /// `I` or `i` indicative, `S` initial, `R` reissued.
        24 issue: u8,
    }

    /// "Open Interest" (futures).
    OpenInterest WriteOpenInterest = 0xD3, 20, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Symbol.
        6 symbol: Symbol6,
        /// The trading day as YYYYMMDD.
        12 trade_date: u32,
        /// Contracts.
        16 open_interest: u32,
    }

    /// "End of Day Summary" (futures).
    EndOfDaySummary WriteEndOfDaySummary = 0xBA, 65, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Symbol.
        6 symbol: Symbol6,
        /// The trading day as YYYYMMDD.
        12 trade_date: u32,
        /// Contracts open the day before.
        16 open_interest: u32,
        /// Highest bid or trade.
        20 high_price: Price4,
        /// Lowest offer or trade.
        28 low_price: Price4,
        /// First trade.
        36 open_price: Price4,
        /// Last trade.
        44 close_price: Price4,
        /// Contracts traded.
        52 total_volume: u32,
        /// Of these, in block trades.
        56 block_volume: u32,
        /// Of these, in exchanges for related positions.
        60 ecrp_volume: u32,
        /// Which prices are valid, and which come of a quote.
        64 flags: u8,
    }

    /// "Futures Variance Symbol Mapping".
    VarianceMapping WriteVarianceMapping = 0xFA, 40, b' ' {
        /// Nanoseconds since the last Time.
        2 time_offset: u32,
        /// Seconds since the Unix epoch.
        6 unit_timestamp: u32,
        /// The symbol that messages have.
        10 feed_symbol: Symbol6,
        /// Symbol of the product (6), then when it expires as YYMMDD.
        16 futures_symbol: [u8; 12],
        /// Variance accrued, twelve decimals.
        28 accrued_day_variance: i64,
        /// Returns of the final settlement.
        36 final_returns: u16,
        /// Returns up to today.
        38 elapsed_returns: u16,
    }
}

/// Bytes of a leg of a complex instrument.
const COMPLEX_LEG_BYTES: usize = 13;
/// Bytes of a leg of a futures spread.
pub(super) const FUTURES_LEG_BYTES: usize = 10;
/// Bytes of a variance future's parameters.
const VARIANCE_BYTES: usize = 52;
/// Lengths that a type may have at most in a market, over the versions of the specification.
const VERSIONS_MAX: usize = 4;

/// Which lengths a market's messages have, their byte of length included.
///
/// A type grew over the versions by fields at its end, so it may have several lengths; any other is refused, because what
/// stands where is not known then.
#[derive(Debug)]
pub struct Lengths {
    /// By type, the usual one first; 0 is none.
    known: [[u8; VERSIONS_MAX]; 256],
    /// By type, the bytes behind the byte of length of the usual one; 0 for none, and where it depends on the message.
    usual_behind: [u8; 256],
}

impl Lengths {
    /// Those of a market.
    #[must_use]
    #[inline(always)]
    pub const fn of(market: Market) -> &'static Self {
        match market {
            Market::Equities => &EQUITIES,
            Market::Options => &OPTIONS,
            Market::ComplexOptions => &COMPLEX_OPTIONS,
            Market::Futures => &FUTURES,
        }
    }

    /// The length that a type has today; where it varies, without what varies; 0 where the market has no such type.
    #[must_use]
    #[inline(always)]
    pub const fn usual(&self, message_type: u8) -> u8 {
        self.known[message_type as usize][0]
    }

    /// Whether `message`, which begins with its type, is as long as one of its type may be.
    #[must_use]
    #[inline(always)]
    pub fn fit(&self, message: &[u8]) -> bool {
        let Some(&message_type) = message.first() else {
            return false;
        };
        message.len() == usize::from(self.usual_behind[usize::from(message_type)])
            || self.fit_otherwise(message)
    }

    #[cold]
    #[inline(never)]
    fn fit_otherwise(&self, message: &[u8]) -> bool {
        let known = &self.known[usize::from(message[0])];
        let length = message.len() + 1;
        let mut lengths = known.iter().copied().filter(|&length| length != 0);
        match message[0] {
            ComplexDefinition::TYPE if known[0] != 0 => ComplexDefinition::parse(message)
                .is_some_and(|definition| {
                    let legs = usize::from(definition.legs());
                    length == ComplexDefinition::LENGTH + legs * COMPLEX_LEG_BYTES
                }),
            FuturesDefinition::TYPE if known[0] != 0 => FuturesDefinition::parse(message)
                .is_some_and(|definition| {
                    let legs = usize::from(definition.legs()) * FUTURES_LEG_BYTES;
                    let variance = match definition.variance_offset() {
                        0 => 0,
                        _ => VARIANCE_BYTES,
                    };
                    let legs_at = usize::from(definition.leg_offset());
                    // Legs lie behind the fixed fields, whole.
                    lengths.any(|fixed| {
                        let fixed = usize::from(fixed);
                        let in_place = legs_at >= fixed && legs_at + legs <= length;
                        fixed + legs + variance == length && (legs == 0 || in_place)
                    })
                }),
            _ => lengths.any(|known| usize::from(known) == length),
        }
    }

    /// The shortest length that a type may have; 0 where the market has no such type.
    #[must_use]
    pub fn shortest(&self, message_type: u8) -> u8 {
        let known = self.known[usize::from(message_type)];
        known
            .into_iter()
            .filter(|&length| length != 0)
            .min()
            .unwrap_or(0)
    }
}

/// One type's lengths.
type Entry = (u8, &'static [u8]);

/// What the markets have in common.
const COMMON: &[Entry] = &[
    // Of some markets with the seconds since the epoch.
    (Time::TYPE, &[6, 10]),
    (TimeReference::TYPE, &[18]),
    (UnitClear::TYPE, &[6]),
    (ReduceLong::TYPE, &[18]),
    (ReduceShort::TYPE, &[16]),
    (Delete::TYPE, &[14]),
    (TradeBreak::TYPE, &[14]),
    (EndOfSession::TYPE, &[6]),
    (TradingStatus::TYPE, &[18]),
];

/// What orders with flags have in common.
const FLAGGED: &[Entry] = &[
    (AddLong::TYPE, &[34]),
    (AddShort::TYPE, &[26]),
    (ModifyLong::TYPE, &[27]),
    (ModifyShort::TYPE, &[19]),
    (AuctionSummary::TYPE, &[27]),
];

/// What trades with a condition have in common.
const CONDITIONED: &[Entry] = &[
    (Executed::TYPE, &[27]),
    (TradeLong::TYPE, &[42]),
    (TradeShort::TYPE, &[34]),
    (TransactionBegin::TYPE, &[6]),
    (TransactionEnd::TYPE, &[6]),
];

/// What the two options markets have in common.
const BOTH_OPTIONS: &[Entry] = &[
    // The first versions end with the participant, then came customer (1), client (4) and five reserved bytes.
    (AddExpanded::TYPE, &[50, 45, 41, 40]),
    (ExecutedAtPrice::TYPE, &[39]),
    (TradeExpanded::TYPE, &[44]),
    (SymbolMapping::TYPE, &[38]),
    (OptionsAuctionUpdate::TYPE, &[64]),
    // With and without the client.
    (AuctionNotification::TYPE, &[47, 43]),
    (AuctionCancel::TYPE, &[14]),
    (AuctionTrade::TYPE, &[34]),
];

static EQUITIES: Lengths = lengths(&[
    COMMON,
    FLAGGED,
    &[
        (AddExpanded::TYPE, &[41, 40]),
        (Executed::TYPE, &[26]),
        (ExecutedAtPrice::TYPE, &[38]),
        (TradeLong::TYPE, &[41]),
        (TradeShort::TYPE, &[33]),
        (TradeExpanded::TYPE, &[43]),
        (AuctionUpdate::TYPE, &[47]),
        (RetailPriceImprovement::TYPE, &[15]),
    ],
]);

static OPTIONS: Lengths = lengths(&[
    COMMON,
    FLAGGED,
    CONDITIONED,
    BOTH_OPTIONS,
    &[
        (WidthUpdate::TYPE, &[19]),
        (StrikeRangeUpdate::TYPE, &[42]),
        (ConstituentMapping::TYPE, &[58]),
    ],
]);

static COMPLEX_OPTIONS: Lengths = lengths(&[
    COMMON,
    FLAGGED,
    CONDITIONED,
    BOTH_OPTIONS,
    &[(ComplexDefinition::TYPE, &[25])],
]);

static FUTURES: Lengths = lengths(&[
    COMMON,
    CONDITIONED,
    &[
        // With and without the seconds since the epoch.
        (Time::TYPE, &[10, 6]),
        (AddLong::TYPE, &[33]),
        (AddShort::TYPE, &[25]),
        (ModifyLong::TYPE, &[26]),
        (ModifyShort::TYPE, &[18]),
        // With and without the contract's date.
        (FuturesDefinition::TYPE, &[45, 41]),
        (PriceLimits::TYPE, &[28]),
        (Settlement::TYPE, &[25]),
        (OpenInterest::TYPE, &[20]),
        (EndOfDaySummary::TYPE, &[65]),
        (VarianceMapping::TYPE, &[40]),
    ],
]);

const fn lengths(groups: &[&[Entry]]) -> Lengths {
    let mut known = [[0; VERSIONS_MAX]; 256];
    let mut usual_behind = [0; 256];
    let mut group = 0;
    while group < groups.len() {
        let mut entry = 0;
        while entry < groups[group].len() {
            let (message_type, lengths) = groups[group][entry];
            let mut version = 0;
            while version < lengths.len() {
                known[message_type as usize][version] = lengths[version];
                version += 1;
            }
            let has_legs = matches!(
                message_type,
                ComplexDefinition::TYPE | FuturesDefinition::TYPE
            );
            if !has_legs {
                usual_behind[message_type as usize] = lengths[0] - 1;
            }
            entry += 1;
        }
        group += 1;
    }
    Lengths {
        known,
        usual_behind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_length_is_shorter_than_the_fields_that_a_view_reads() {
        for market in Market::ALL {
            let lengths = Lengths::of(market);
            let mut types = 0;
            for message_type in 0..=255 {
                let shortest = lengths.shortest(message_type);
                if shortest == 0 {
                    continue;
                }
                types += 1;
                let view = TYPES.iter().find(|(kind, _)| *kind == message_type);
                let (_, needed) = view.expect("every type has a view");
                assert!(shortest >= *needed, "{market:?} {message_type:#x}");
            }
            let expected = match market {
                Market::Equities => 22,
                Market::Options => 30,
                Market::ComplexOptions => 28,
                Market::Futures => 24,
            };
            assert_eq!(types, expected, "{market:?}");
        }
    }

    #[test]
    fn definitions_are_as_long_as_their_legs_make_them() {
        let complex = Lengths::of(Market::ComplexOptions);
        let mut message = vec![b' '; 24 + 2 * COMPLEX_LEG_BYTES];
        message[0] = ComplexDefinition::TYPE;
        message[23] = 2;
        assert!(complex.fit(&message));
        message[23] = 3;
        assert!(!complex.fit(&message));
        // Legs that are told and not there.
        assert!(!complex.fit(&message[..24]));
        message[23] = 0;
        assert!(complex.fit(&message[..24]));
        assert!(!Lengths::of(Market::Options).fit(&message));

        let futures = Lengths::of(Market::Futures);
        let mut message = vec![0; 44 + VARIANCE_BYTES];
        message[0] = FuturesDefinition::TYPE;
        assert!(!futures.fit(&message));
        message[39] = 45;
        assert!(futures.fit(&message));
        // A leg lies behind the fixed fields.
        let mut legged = vec![0; 44 + FUTURES_LEG_BYTES];
        legged[0] = FuturesDefinition::TYPE;
        legged[37] = 1;
        for (at, is_well) in [(45, true), (16, false), (46, false), (0, false)] {
            legged[38] = at;
            assert_eq!(futures.fit(&legged), is_well, "{at}");
        }
        assert!(!futures.fit(&legged[..44]));
        legged[37] = 255;
        assert!(!futures.fit(&legged));
        // The length of an older version.
        message.truncate(40);
        message[39] = 0;
        assert!(futures.fit(&message));
        assert!(!futures.fit(&message[..39]));
        assert!(!futures.fit(&[]));
    }
}
