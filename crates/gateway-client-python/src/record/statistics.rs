//! Statistics of the venue.

use gateway_client::dbn::v3;

use super::prelude::*;

record! {
    /// A statistic of the venue: DBN's statistics record.
    class StatMsg of v3::StatMsg, rtype::STATISTICS;
    fields {
        ts_recv: u64,
        ts_ref: u64,
        price: i64,
        quantity: i64,
        sequence: u32,
        ts_in_delta: i32,
        stat_type: u16,
        channel_id: u16,
        update_action: u8,
        stat_flags: u8,
    }
    prices { price as pretty_price }
    hidden { _reserved as "_reserved" }
}
