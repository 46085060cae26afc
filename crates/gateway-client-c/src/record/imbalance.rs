//! Imbalance records.

use std::ffi::c_char;

use client::ImbalanceMsg;

use super::{gateway_record_header, mirrors};

/// An auction imbalance: DBN's `ImbalanceMsg`. 112 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_imbalance {
    /// The common header.
    pub hd: gateway_record_header,
    /// The time at which the gateway received the packet, in nanoseconds since the Unix epoch.
    pub ts_recv: u64,
    /// The price at which the imbalance shares are calculated, in units of 1e-9. Will be `UNDEF_PRICE` when unused.
    pub ref_price: i64,
    /// Projected auction timestamp in nanoseconds since the Unix epoch. Will be `UNDEF_TIMESTAMP` when unused.
    pub auction_time: u64,
    /// The hypothetical auction-clearing price for both cross and continuous orders in units of 1e-9. Will be
    /// `UNDEF_PRICE` when unused.
    pub cont_book_clr_price: i64,
    /// The hypothetical auction-clearing price for cross orders only in units of 1e-9. Will be `UNDEF_PRICE` when
    /// unused.
    pub auct_interest_clr_price: i64,
    /// The price at which sell short interest will be filed if a sell short restriction is in effect, in units of
    /// 1e-9. Will be `UNDEF_PRICE` when unused.
    pub ssr_filling_price: i64,
    /// The price at which the highest number of shares would trade, subject to auction collars, in units of 1e-9.
    /// Will be `UNDEF_PRICE` when unused.
    pub ind_match_price: i64,
    /// Upper limit of the auction collar, in units of 1e-9. Will be `UNDEF_PRICE` when unused.
    pub upper_collar: i64,
    /// Lower limit of the auction collar, in units of 1e-9. Will be `UNDEF_PRICE` when unused.
    pub lower_collar: i64,
    /// The quantity of shares that are eligible to be matched at `ref_price`. Will be `UNDEF_ORDER_SIZE` when unused.
    pub paired_qty: u32,
    /// The quantity of shares that are not paired at `ref_price`. Will be `UNDEF_ORDER_SIZE` when not used.
    pub total_imbalance_qty: u32,
    /// The total market order imbalance quantity at the `ref_price`. Will be `UNDEF_ORDER_SIZE` when unused.
    pub market_imbalance_qty: u32,
    /// During the Closing Auction, the number of unpaired shares priced at or better than the `ref_price`. Will be
    /// `UNDEF_ORDER_SIZE` when unused.
    pub unpaired_qty: u32,
    /// Venue-specific character code indicating the auction type. Will be `~` when unused.  Refer to the `venue-
    /// specific documentation`.
    pub auction_type: c_char,
    /// The market side of the `total_imbalance_qty`. Can be Ask, Bid, or None.
    pub side: c_char,
    /// Venue-specific status code.  Refer to the `venue-specific documentation`.
    pub auction_status: u8,
    /// Venue-specific status code.  Refer to the `venue-specific documentation`.
    pub freeze_status: u8,
    /// The number of times the halt period has been extended.
    pub num_extensions: u8,
    /// The side of the `unpaired_qty`. Can be Ask, Bid, or None. Will be None when unused or not applicable.
    pub unpaired_side: c_char,
    /// Venue-specific character code. For Nasdaq, contains the raw Price Variation Indicator.  Refer to the `venue-
    /// specific documentation`.
    pub significant_imbalance: c_char,
    /// Reserved.
    pub _reserved: [u8; 1],
}

mirrors!(
    gateway_imbalance = ImbalanceMsg {
        hd,
        ts_recv,
        ref_price,
        auction_time,
        cont_book_clr_price,
        auct_interest_clr_price,
        ssr_filling_price,
        ind_match_price,
        upper_collar,
        lower_collar,
        paired_qty,
        total_imbalance_qty,
        market_imbalance_qty,
        unpaired_qty,
        auction_type,
        side,
        auction_status,
        freeze_status,
        num_extensions,
        unpaired_side,
        significant_imbalance,
        _reserved
    }
);
