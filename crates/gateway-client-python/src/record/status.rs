//! Trading statuses.

use gateway_client::dbn::v3;

use super::prelude::*;

record! {
    /// A trading status: DBN's status record.
    class StatusMsg of v3::StatusMsg, rtype::STATUS;
    fields {
        ts_recv: u64,
        action: u16,
        reason: u16,
        trading_event: u16,
        is_trading: Char,
        is_quoting: Char,
        is_short_sell_restricted: Char,
    }
    prices {}
    hidden { _reserved as "_reserved" }
}
