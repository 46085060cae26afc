//! Trades.

use gateway_client::dbn::v3;

use super::prelude::*;

record! {
    /// A trade: DBN's trade record.
    class TradeMsg of v3::TradeMsg, rtype::MBP_0;
    fields {
        price: i64,
        size: u32,
        action: Char,
        side: Char,
        flags: FlagSet,
        depth: u8,
        ts_recv: u64,
        ts_in_delta: i32,
        sequence: u32,
    }
    prices { price as pretty_price }
    hidden {}
}
