//! The layout of every message, as the specification tabulates it: the one place that knows offsets.
//!
//! [`for_each_message`] hands the list to a macro; `messages` makes views of it and `encode` writers. Each message
//! starts with the same 11 bytes: type (1), stock locate (2), tracking number (2), timestamp (6).
//!
//! Section numbers are those of "Nasdaq TotalView-ITCH 5.0" (the edition with the direct-listing message).

macro_rules! for_each_message {
    ($emit:ident) => {
        $emit! {
            /// §1.1 System event: a market or feed event of the whole venue. Stock locate is 0.
            SystemEvent = b'S', 12 {
                /// `O` start of messages, `S` start of system hours, `Q` start of market hours, `M` end of market
                /// hours, `E` end of system hours, `C` end of messages.
                11 event_code: u8,
            }

            /// §1.2.1 Stock directory: sent for each active symbol before the day starts, and again on a change.
            StockDirectory = b'R', 39 {
                /// Symbol, right-padded with spaces.
                11 stock: Symbol,
                /// Listing market or tier: `Q` `G` `S` Nasdaq, `N` NYSE, `A` NYSE American, `P` Arca, `Z` BATS,
                /// `V` IEX, space unknown.
                19 market_category: u8,
                /// `N` normal, `D` deficient, `E` delinquent, `Q` bankrupt, `S` suspended and their combinations.
                20 financial_status: u8,
                /// Shares that make a round lot.
                21 round_lot_size: u32,
                /// `Y` if only round lots are accepted, else `N`.
                25 round_lots_only: u8,
                /// Security class, appendix of the specification: `C` common stock, `A` ADS, `W` warrant …
                26 issue_classification: u8,
                /// Security sub-type, appendix of the specification.
                27 issue_sub_type: [u8; 2],
                /// `P` live, `T` test.
                29 authenticity: u8,
                /// Short-sale threshold list: `Y`, `N`, space not available.
                30 short_sale_threshold: u8,
                /// Set up for IPO release: `Y`, `N`, space not available.
                31 ipo_flag: u8,
                /// Limit-up/limit-down tier: `1`, `2`, space not applicable.
                32 luld_reference_price_tier: u8,
                /// Exchange-traded product: `Y`, `N`, space not available.
                33 etp_flag: u8,
                /// Leverage of an exchange-traded product, whole multiples.
                34 etp_leverage_factor: u32,
                /// Inverse exchange-traded product: `Y`, `N`.
                38 inverse_indicator: u8,
            }

            /// §1.2.2 Stock trading action: the trading state of a security at this venue.
            StockTradingAction = b'H', 25 {
                /// Symbol, right-padded with spaces.
                11 stock: Symbol,
                /// `H` halted, `P` paused, `Q` quotation only, `T` trading.
                19 trading_state: u8,
                /// Reserved.
                20 reserved: u8,
                /// Reason code, right-padded with spaces; appendix of the specification.
                21 reason: [u8; 4],
            }

            /// §1.2.3 Reg SHO short-sale price test indicator.
            RegShoRestriction = b'Y', 20 {
                /// Symbol, right-padded with spaces.
                11 stock: Symbol,
                /// `0` no test in place, `1` in effect since a price drop today, `2` remains in effect.
                19 reg_sho_action: u8,
            }

            /// §1.2.4 Market participant position: a market maker's state in a security.
            MarketParticipantPosition = b'L', 26 {
                /// Market participant identifier.
                11 mpid: [u8; 4],
                /// Symbol, right-padded with spaces.
                15 stock: Symbol,
                /// Primary market maker: `Y`, `N`.
                23 primary_market_maker: u8,
                /// `N` normal, `P` passive, `S` syndicate, `R` pre-syndicate, `L` penalty.
                24 market_maker_mode: u8,
                /// `A` active, `E` excused, `W` withdrawn, `S` suspended, `D` deleted.
                25 participant_state: u8,
            }

            /// §1.2.5.1 Market-wide circuit breaker: the day's decline levels. Stock locate is 0.
            MwcbDeclineLevel = b'V', 35 {
                /// Level 1, S&P 500 points with eight decimals.
                11 level_1: Price8,
                /// Level 2, S&P 500 points with eight decimals.
                19 level_2: Price8,
                /// Level 3, S&P 500 points with eight decimals.
                27 level_3: Price8,
            }

            /// §1.2.5.2 Market-wide circuit breaker: a level was breached. Stock locate is 0.
            MwcbStatus = b'W', 12 {
                /// `1`, `2` or `3`.
                11 breached_level: u8,
            }

            /// §1.2.6 Quoting period update: the expected release of an IPO for quotation.
            QuotingPeriodUpdate = b'K', 28 {
                /// Symbol, right-padded with spaces.
                11 stock: Symbol,
                /// Expected release, whole seconds since midnight.
                19 release_time: u32,
                /// `A` anticipated, `C` cancelled or postponed.
                23 release_qualifier: u8,
                /// IPO price, four decimals.
                24 ipo_price: Price4,
            }

            /// §1.2.7 Limit-up/limit-down auction collar: bounds of a reopening auction.
            LuldAuctionCollar = b'J', 35 {
                /// Symbol, right-padded with spaces.
                11 stock: Symbol,
                /// Reference price of the collar, four decimals.
                19 reference_price: Price4,
                /// Upper bound, four decimals.
                23 upper_price: Price4,
                /// Lower bound, four decimals.
                27 lower_price: Price4,
                /// How many times the auction was extended.
                31 extension: u32,
            }

            /// §1.2.8 Operational halt: a service interruption of one market centre for one security.
            OperationalHalt = b'h', 21 {
                /// Symbol, right-padded with spaces.
                11 stock: Symbol,
                /// The market centre: `Q` Nasdaq, `B` BX, `X` PSX.
                19 market_code: u8,
                /// `H` halted, `T` trading resumed.
                20 halt_action: u8,
            }

            /// §1.3.1 Add order without attribution: a new displayed order.
            AddOrder = b'A', 36 {
                /// Reference number of the order, unique for the day.
                11 order_reference: u64,
                /// `B` buy, `S` sell.
                19 buy_sell: u8,
                /// Displayed shares.
                20 shares: u32,
                /// Symbol, right-padded with spaces.
                24 stock: Symbol,
                /// Display price, four decimals.
                32 price: Price4,
            }

            /// §1.3.2 Add order with attribution: a new displayed order and who entered it.
            AddOrderAttributed = b'F', 40 {
                /// Reference number of the order, unique for the day.
                11 order_reference: u64,
                /// `B` buy, `S` sell.
                19 buy_sell: u8,
                /// Displayed shares.
                20 shares: u32,
                /// Symbol, right-padded with spaces.
                24 stock: Symbol,
                /// Display price, four decimals.
                32 price: Price4,
                /// Market participant identifier.
                36 attribution: [u8; 4],
            }

            /// §1.4.1 Order executed, in part or whole, at its display price.
            OrderExecuted = b'E', 31 {
                /// Reference number of the resting order.
                11 order_reference: u64,
                /// Shares executed by this message.
                19 executed_shares: u32,
                /// Match number of the day, for a later broken-trade message.
                23 match_number: u64,
            }

            /// §1.4.2 Order executed with price: at a price other than its display price.
            OrderExecutedWithPrice = b'C', 36 {
                /// Reference number of the resting order.
                11 order_reference: u64,
                /// Shares executed by this message.
                19 executed_shares: u32,
                /// Match number of the day, for a later broken-trade message.
                23 match_number: u64,
                /// `Y` if the execution is to be shown as a trade, `N` if a later message (a cross) will.
                31 printable: u8,
                /// Execution price, four decimals.
                32 execution_price: Price4,
            }

            /// §1.4.3 Order cancel: shares taken off an order that stays in the book.
            OrderCancel = b'X', 23 {
                /// Reference number of the order.
                11 order_reference: u64,
                /// Shares taken off.
                19 cancelled_shares: u32,
            }

            /// §1.4.4 Order delete: all remaining shares are gone.
            OrderDelete = b'D', 19 {
                /// Reference number of the order.
                11 order_reference: u64,
            }

            /// §1.4.5 Order replace: the original order is gone, a new one with the same side, symbol and attribution
            /// stands at the end of its price level.
            OrderReplace = b'U', 35 {
                /// Reference number of the order that is gone.
                11 original_order_reference: u64,
                /// Reference number of the new order.
                19 new_order_reference: u64,
                /// Displayed shares of the new order.
                27 shares: u32,
                /// Display price of the new order, four decimals.
                31 price: Price4,
            }

            /// §1.5.1 Trade (non-cross): an execution against a non-displayed order.
            Trade = b'P', 44 {
                /// Reference number of the resting order; 0 since December 2010.
                11 order_reference: u64,
                /// Side of the resting order; always `B` since July 2014.
                19 buy_sell: u8,
                /// Shares executed.
                20 shares: u32,
                /// Symbol, right-padded with spaces.
                24 stock: Symbol,
                /// Execution price, four decimals.
                32 price: Price4,
                /// Match number of the day, for a later broken-trade message.
                36 match_number: u64,
            }

            /// §1.5.2 Cross trade: the bulk print of a cross; zero shares where nothing crossed.
            CrossTrade = b'Q', 40 {
                /// Shares matched in the cross.
                11 shares: u64,
                /// Symbol, right-padded with spaces.
                19 stock: Symbol,
                /// Cross price, four decimals; 0 where nothing crossed.
                27 cross_price: Price4,
                /// Match number of the day, for a later broken-trade message.
                31 match_number: u64,
                /// `O` opening, `C` closing, `H` IPO or halted, `I` intraday and post-close.
                39 cross_type: u8,
            }

            /// §1.5.3 Broken trade: an earlier execution is void; the book is unaffected.
            BrokenTrade = b'B', 19 {
                /// Match number of the broken execution.
                11 match_number: u64,
            }

            /// §1.6 Net order imbalance indicator (NOII): what a coming cross would do now.
            NetOrderImbalance = b'I', 50 {
                /// Shares that pair at the current reference price.
                11 paired_shares: u64,
                /// Shares that do not pair.
                19 imbalance_shares: u64,
                /// `B` buy, `S` sell, `N` none, `O` too few orders, `P` paused.
                27 imbalance_direction: u8,
                /// Symbol, right-padded with spaces.
                28 stock: Symbol,
                /// Clearing price of cross orders only, four decimals; 0 if there is none.
                36 far_price: Price4,
                /// Clearing price of cross and continuous orders, four decimals; 0 if there is none.
                40 near_price: Price4,
                /// Price at which the imbalance is calculated, four decimals.
                44 reference_price: Price4,
                /// `O` opening, `C` closing, `H` IPO or halted, `A` extended trading close.
                48 cross_type: u8,
                /// How far the near price is from the nearer of reference and market, appendix of the specification.
                49 price_variation: u8,
            }

            /// §1.7 Retail price improvement indicator (BX): retail interest at the inside.
            RetailInterest = b'N', 20 {
                /// Symbol, right-padded with spaces.
                11 stock: Symbol,
                /// `B` buy side, `S` sell side, `A` both, `N` none.
                19 interest_flag: u8,
            }

            /// §1.8 Direct listing with capital raise: price discovery before the cross of such a listing.
            DirectListingPriceDiscovery = b'O', 48 {
                /// Symbol, right-padded with spaces.
                11 stock: Symbol,
                /// Whether the security may be released: `Y`, `N`.
                19 open_eligibility: u8,
                /// 20 % below the registration statement's lower price, four decimals.
                20 minimum_price: Price4,
                /// 80 % above the registration statement's highest price, four decimals.
                24 maximum_price: Price4,
                /// Current reference price, four decimals.
                28 near_execution_price: Price4,
                /// When the near execution price was set, nanoseconds since midnight.
                32 near_execution_time: u64,
                /// Lower auction collar, 10 % below the near execution price, four decimals.
                40 lower_collar: Price4,
                /// Upper auction collar, 10 % above the near execution price, four decimals.
                44 upper_collar: Price4,
            }
        }
    };
}

pub(super) use for_each_message;
