//! The layout of every message, as the specification tabulates it: the one place that knows offsets.
//!
//! [`for_each_message`] hands the list to a macro. Each message starts with the same 9 bytes: type (1), tracking number (2),
//! timestamp (6). Names of messages are the specification's.

macro_rules! for_each_message {
    ($emit:ident) => {
        $emit! {
            /// "System Event Message": a market or feed event of the whole venue.
            SystemEvent = b'S', 10 {
                /// `O` start of messages, `S` start of system hours, `Q` start of market hours, `M` end of market
                /// hours, `E` end of system hours, `C` end of messages.
                9 event_code: u8,
            }

            /// "Stock Directory": sent for each active symbol before the day starts, and again on a change.
            StockDirectory = b'R', 37 {
                /// Symbol, right-padded with spaces.
                9 stock: Symbol,
                /// Listing market or tier: `Q` `G` `S` Nasdaq, `N` NYSE, `A` NYSE American, `P` Arca, `Z` BATS,
                /// `V` IEX, space unknown.
                17 market_category: u8,
                /// `N` normal, `D` deficient, `E` delinquent, `Q` bankrupt, `S` suspended and their combinations.
                18 financial_status: u8,
                /// Shares that make a round lot.
                19 round_lot_size: u32,
                /// `Y` if only round lots are accepted, else `N`.
                23 round_lots_only: u8,
                /// Security class, appendix of the specification.
                24 issue_classification: u8,
                /// Security sub-type, appendix of the specification.
                25 issue_sub_type: [u8; 2],
                /// `P` live, `T` test.
                27 authenticity: u8,
                /// Short-sale threshold list: `Y`, `N`, space not available.
                28 short_sale_threshold: u8,
                /// Set up for IPO release: `Y`, `N`, space not available.
                29 ipo_flag: u8,
                /// Limit-up/limit-down tier: `1`, `2`, space not applicable.
                30 luld_reference_price_tier: u8,
                /// Exchange-traded product: `Y`, `N`, space not available.
                31 etp_flag: u8,
                /// Leverage of an exchange-traded product, whole multiples.
                32 etp_leverage_factor: u32,
                /// Inverse exchange-traded product: `Y`, `N`.
                36 inverse_indicator: u8,
            }

            /// "Stock Trading Action": the trading state of a security at this venue.
            StockTradingAction = b'H', 23 {
                /// Symbol, right-padded with spaces.
                9 stock: Symbol,
                /// Listing market: `Q` Nasdaq, `N` NYSE, `A` NYSE American, `P` Arca, `Z` BATS, `V` IEX.
                17 security_class: u8,
                /// `H` halted, `P` paused, `Q` quotation only, `T` trading.
                18 trading_state: u8,
                /// Reason code, right-padded with spaces; appendix of the specification.
                19 reason: [u8; 4],
            }

            /// "Reg SHO Short Sale Price Test Restricted Indicator".
            RegShoRestriction = b'Y', 18 {
                /// Symbol, right-padded with spaces.
                9 stock: Symbol,
                /// `0` no test in place, `1` in effect since a price drop today, `2` remains in effect.
                17 reg_sho_action: u8,
            }

            /// "MWCB Decline Level Message": the day's decline levels of the market-wide circuit breaker.
            MwcbDeclineLevel = b'V', 33 {
                /// Level 1, S&P 500 points with eight decimals.
                9 level_1: Price8,
                /// Level 2, S&P 500 points with eight decimals.
                17 level_2: Price8,
                /// Level 3, S&P 500 points with eight decimals.
                25 level_3: Price8,
            }

            /// "MWCB Status Message": a level of the market-wide circuit breaker was breached.
            MwcbStatus = b'W', 10 {
                /// `1`, `2` or `3`.
                9 breached_level: u8,
            }

            /// "IPO Quoting Period Update": the expected release of an IPO for quotation (Nasdaq only).
            QuotingPeriodUpdate = b'K', 26 {
                /// Symbol, right-padded with spaces.
                9 stock: Symbol,
                /// Expected release, whole seconds since midnight.
                17 release_time: u32,
                /// `A` anticipated, `C` cancelled or postponed.
                21 release_qualifier: u8,
                /// IPO price, four decimals.
                22 ipo_price: Price4,
            }

            /// "Operational Halt": a service interruption of one market centre for one security.
            OperationalHalt = b'h', 19 {
                /// Symbol, right-padded with spaces.
                9 stock: Symbol,
                /// The market centre: `Q` Nasdaq, `B` BX, `X` PSX.
                17 market_code: u8,
                /// `H` halted, `T` trading resumed.
                18 halt_action: u8,
            }

            /// "Quotation Message": the venue's best bid and offer of a security.
            Quotation = b'Q', 34 {
                /// Symbol, right-padded with spaces.
                9 stock: Symbol,
                /// Listing market: `Q` Nasdaq, `N` NYSE, `A` NYSE American, `P` Arca, `Z` BATS, `V` IEX.
                17 security_class: u8,
                /// Best bid, four decimals; 0 where there is none.
                18 bid_price: Price4,
                /// Shares at the best bid.
                22 bid_size: u32,
                /// Best offer, four decimals; 0 where there is none.
                26 ask_price: Price4,
                /// Shares at the best offer.
                30 ask_size: u32,
            }

            /// "NextShares Quotation Message": the best bid and offer of a fund that trades at a distance from its value.
            NextSharesQuotation = b'A', 42 {
                /// Symbol, right-padded with spaces.
                9 stock: Symbol,
                /// Listing market, as in a quotation.
                17 security_class: u8,
                /// Best bid as a proxy price, four decimals.
                18 bid_proxy_price: Price4,
                /// Shares at the best bid.
                22 bid_size: u32,
                /// The best bid's distance from the value, signed, four decimals, as the wire has its bits.
                26 bid_amount: u32,
                /// Best offer as a proxy price, four decimals.
                30 ask_proxy_price: Price4,
                /// Shares at the best offer.
                34 ask_size: u32,
                /// The best offer's distance from the value, signed, four decimals, as the wire has its bits.
                38 ask_amount: u32,
            }

            /// "Retail Price Improvement Indicator (RPII)": retail interest at the inside (BX only).
            RetailInterest = b'N', 18 {
                /// Symbol, right-padded with spaces.
                9 stock: Symbol,
                /// `B` buy side, `S` sell side, `A` both, `N` none.
                17 interest_flag: u8,
            }
        }
    };
}

pub(super) use for_each_message;
