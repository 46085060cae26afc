//! Auction imbalances.

use gateway_client::dbn::v3;

use super::prelude::*;

record! {
    /// An auction imbalance: DBN's imbalance record.
    class ImbalanceMsg of v3::ImbalanceMsg, rtype::IMBALANCE;
    fields {
        ts_recv: u64,
        ref_price: i64,
        auction_time: u64,
        cont_book_clr_price: i64,
        auct_interest_clr_price: i64,
        ssr_filling_price: i64,
        ind_match_price: i64,
        upper_collar: i64,
        lower_collar: i64,
        paired_qty: u32,
        total_imbalance_qty: u32,
        market_imbalance_qty: u32,
        unpaired_qty: u32,
        auction_type: Char,
        side: Char,
        auction_status: u8,
        freeze_status: u8,
        num_extensions: u8,
        unpaired_side: Char,
        significant_imbalance: Char,
    }
    prices {
        ref_price as pretty_ref_price,
        cont_book_clr_price as pretty_cont_book_clr_price,
        auct_interest_clr_price as pretty_auct_interest_clr_price,
        ssr_filling_price as pretty_ssr_filling_price,
        ind_match_price as pretty_ind_match_price,
        upper_collar as pretty_upper_collar,
        lower_collar as pretty_lower_collar,
    }
    hidden { _reserved as "_reserved" }
}
