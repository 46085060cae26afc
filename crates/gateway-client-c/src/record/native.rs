//! The exchange's own messages.

use client::NativeHeader;

use super::mirrors;

/// What stands in front of a message as the exchange sent it; `gateway_native_message` gives the message. 16 bytes;
/// never part of a `.dbn` file.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_native {
    /// Length of the record, header and padding included, in 32-bit words.
    pub length: u8,
    /// `GATEWAY_RECORD_NATIVE`.
    pub rtype: u8,
    /// Exact length of the message behind the header, in bytes.
    pub message_length: u16,
    /// Instrument where the message names one, else 0.
    pub instrument_id: u32,
    /// When the gateway received the packet; nanoseconds since the Unix epoch.
    pub ts_recv: u64,
}

mirrors!(
    gateway_native = NativeHeader {
        length,
        rtype,
        message_length,
        instrument_id,
        ts_recv,
    }
);
