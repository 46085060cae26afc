//! Order records.

use std::ffi::c_char;

use client::MboMsg;

use super::{gateway_record_header, mirrors};

/// An order message, fill or trade: DBN's `MboMsg`. 56 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_mbo {
    /// The common header.
    pub hd: gateway_record_header,
    /// The order ID assigned at the venue.
    pub order_id: u64,
    /// The order price in units of 1e-9.
    pub price: i64,
    /// The order quantity.
    pub size: u32,
    /// A bit field indicating event end, message characteristics, and data quality.
    pub flags: u8,
    /// The id of the channel that the record comes from.
    pub channel_id: u8,
    /// The event action. `'A'`dd, `'C'`ancel, `'M'`odify, clea`'R'` book, `'T'`rade, `'F'`ill or `'N'`one.
    pub action: c_char,
    /// The side that initiates the event. `'A'`sk for a sell order (or sell aggressor in a
    /// trade), `'B'`id for a buy order (or buy aggressor in a trade), `'N'`one where no side is specified.
    pub side: c_char,
    /// The time at which the gateway received the packet, in nanoseconds since the Unix epoch.
    pub ts_recv: u64,
    /// The matching-engine-sending timestamp expressed as the number of nanoseconds before `ts_recv`.
    pub ts_in_delta: i32,
    /// The message sequence number assigned at the venue.
    pub sequence: u32,
}

mirrors!(
    gateway_mbo = MboMsg {
        hd,
        order_id,
        price,
        size,
        flags,
        channel_id,
        action,
        side,
        ts_recv,
        ts_in_delta,
        sequence
    }
);
