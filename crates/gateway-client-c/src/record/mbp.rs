//! Records of a conflated queue: best prices, ten levels.

use std::ffi::c_char;

use client::{Mbp1Msg, Mbp10Msg};

use super::{gateway_record_header, mirrors};
use crate::book::gateway_level;

/// Best bid and ask of an instrument's book: DBN's `Mbp1Msg`. 80 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_mbp1 {
    /// The common header.
    pub hd: gateway_record_header,
    /// `UNDEF_PRICE` (`INT64_MAX`): the record tells of no single event.
    pub price: i64,
    /// 0, likewise.
    pub size: u32,
    /// `'N'`, likewise.
    pub action: c_char,
    /// `'N'`, likewise.
    pub side: c_char,
    /// A bit field; bit 2 (`F_MAYBE_BAD_BOOK`) says that the book cannot be trusted.
    pub flags: u8,
    /// 0: the best level.
    pub depth: u8,
    /// The time at which the gateway received what changed the book last, in nanoseconds since the Unix epoch.
    pub ts_recv: u64,
    /// The matching-engine-sending timestamp expressed as the number of nanoseconds before `ts_recv`.
    pub ts_in_delta: i32,
    /// The message sequence number of that, assigned at the venue.
    pub sequence: u32,
    /// The best level.
    pub levels: [gateway_level; 1],
}

/// The ten best levels of an instrument's book: DBN's `Mbp10Msg`. 368 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_mbp10 {
    /// The common header.
    pub hd: gateway_record_header,
    /// `UNDEF_PRICE` (`INT64_MAX`): the record tells of no single event.
    pub price: i64,
    /// 0, likewise.
    pub size: u32,
    /// `'N'`, likewise.
    pub action: c_char,
    /// `'N'`, likewise.
    pub side: c_char,
    /// A bit field; bit 2 (`F_MAYBE_BAD_BOOK`) says that the book cannot be trusted.
    pub flags: u8,
    /// 0.
    pub depth: u8,
    /// The time at which the gateway received what changed the book last, in nanoseconds since the Unix epoch.
    pub ts_recv: u64,
    /// The matching-engine-sending timestamp expressed as the number of nanoseconds before `ts_recv`.
    pub ts_in_delta: i32,
    /// The message sequence number of that, assigned at the venue.
    pub sequence: u32,
    /// Best first; `INT64_MAX` as a price where there is no such level.
    pub levels: [gateway_level; 10],
}

mirrors!(
    gateway_mbp1 = Mbp1Msg {
        hd,
        price,
        size,
        action,
        side,
        flags,
        depth,
        ts_recv,
        ts_in_delta,
        sequence,
        levels
    }
);

mirrors!(
    gateway_mbp10 = Mbp10Msg {
        hd,
        price,
        size,
        action,
        side,
        flags,
        depth,
        ts_recv,
        ts_in_delta,
        sequence,
        levels
    }
);
