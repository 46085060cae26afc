//! Status records.

use std::ffi::c_char;

use client::StatusMsg;

use super::{gateway_record_header, mirrors};

/// A trading status: DBN's `StatusMsg`. 40 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_trading_status {
    /// The common header.
    pub hd: gateway_record_header,
    /// The time at which the gateway received the packet, in nanoseconds since the Unix epoch.
    pub ts_recv: u64,
    /// The type of status change.
    pub action: u16,
    /// Additional details about the cause of the status change.
    pub reason: u16,
    /// Further information about the status change and its effect on trading.
    pub trading_event: u16,
    /// The best-efforts state of trading in the instrument, either `Y`, `N` or `~`.
    pub is_trading: c_char,
    /// The best-efforts state of quoting in the instrument, either `Y`, `N` or `~`.
    pub is_quoting: c_char,
    /// The best-efforts state of short sell restrictions for the instrument (if applicable), either `Y`, `N` or `~`.
    pub is_short_sell_restricted: c_char,
    /// Reserved.
    pub _reserved: [u8; 7],
}

mirrors!(
    gateway_trading_status = StatusMsg {
        hd,
        ts_recv,
        action,
        reason,
        trading_event,
        is_trading,
        is_quoting,
        is_short_sell_restricted,
        _reserved
    }
);
