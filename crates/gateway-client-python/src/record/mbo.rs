//! Order records.

use gateway_client::dbn::v3::MboMsg;

use super::prelude::*;

record! {
    /// An order message, fill or trade: DBN's MBO record.
    class MBOMsg of MboMsg, rtype::MBO;
    fields {
        order_id: u64,
        price: i64,
        size: u32,
        flags: FlagSet,
        channel_id: u8,
        action: Char,
        side: Char,
        ts_recv: u64,
        ts_in_delta: i32,
        sequence: u32,
    }
    prices { price as pretty_price }
    hidden {}
}
