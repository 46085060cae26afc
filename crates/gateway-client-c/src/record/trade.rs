//! Trades.

use std::ffi::c_char;

use client::TradeMsg;

use super::{gateway_record_header, mirrors};

/// A trade, of a venue that publishes no orders: DBN's `TradeMsg`. 48 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_trade {
    /// The common header.
    pub hd: gateway_record_header,
    /// The price, in units of 1e-9.
    pub price: i64,
    /// The quantity.
    pub size: u32,
    /// Always `'T'`.
    pub action: c_char,
    /// The side that initiated the trade: `'A'` sell, `'B'` buy, `'N'` where none is specified.
    pub side: c_char,
    /// A bit field of event end, message characteristics and data quality: the `F_` flags of DBN.
    pub flags: u8,
    /// The book level where the trade occurred.
    pub depth: u8,
    /// The time at which the gateway received the packet, in nanoseconds since the Unix epoch.
    pub ts_recv: u64,
    /// The matching-engine-sending timestamp expressed as the number of nanoseconds before `ts_recv`.
    pub ts_in_delta: i32,
    /// The message sequence number assigned at the venue.
    pub sequence: u32,
}

mirrors!(
    gateway_trade = TradeMsg {
        hd,
        price,
        size,
        action,
        side,
        flags,
        depth,
        ts_recv,
        ts_in_delta,
        sequence
    }
);
