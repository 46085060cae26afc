//! Books in records: best prices, ten levels.

use gateway_client::dbn::v3;

use super::prelude::*;

record! {
    /// The best prices of an instrument's book: DBN's MBP-1 record.
    class MBP1Msg of v3::Mbp1Msg, rtype::MBP_1;
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
        levels: Levels<1>,
    }
    prices { price as pretty_price }
    hidden {}
}

record! {
    /// The ten best levels of an instrument's book: DBN's MBP-10 record.
    class MBP10Msg of v3::Mbp10Msg, rtype::MBP_10;
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
        levels: Levels<10>,
    }
    prices { price as pretty_price }
    hidden {}
}
