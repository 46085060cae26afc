//! Statistics of the venue.

use client::StatMsg;

use super::{gateway_record_header, mirrors};

/// A statistic of the venue, such as a settlement price or open interest: DBN's `StatMsg`. 80 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_statistics {
    /// The common header.
    pub hd: gateway_record_header,
    /// The time at which the gateway received the packet, in nanoseconds since the Unix epoch.
    pub ts_recv: u64,
    /// The time that the statistic is about, in nanoseconds since the Unix epoch; `UINT64_MAX` when unused.
    pub ts_ref: u64,
    /// The value of a price statistic, in units of 1e-9; `INT64_MAX` when unused.
    pub price: i64,
    /// The value of any other statistic; `INT64_MAX` when unused.
    pub quantity: i64,
    /// The message sequence number assigned at the venue.
    pub sequence: u32,
    /// The matching-engine-sending timestamp expressed as the number of nanoseconds before `ts_recv`.
    pub ts_in_delta: i32,
    /// What it is a statistic of: DBN's `StatType`.
    pub stat_type: u16,
    /// The channel's number.
    pub channel_id: u16,
    /// 1: newly added; 2: deleted.
    pub update_action: u8,
    /// More about some types of statistics.
    pub stat_flags: u8,
    /// Reserved.
    pub _reserved: [u8; 18],
}

mirrors!(
    gateway_statistics = StatMsg {
        hd,
        ts_recv,
        ts_ref,
        price,
        quantity,
        sequence,
        ts_in_delta,
        stat_type,
        channel_id,
        update_action,
        stat_flags,
        _reserved
    }
);
