//! Records that strategies receive.
//!
//! The normalised record is DBN v3, imported by that name. What DBN lacks is here: control records (gap, reset,
//! session start and end) and native records (the exchange's own bytes). Their record types lie outside DBN's range,
//! and they are never written into a `.dbn` file.

pub use dbn::v3;

/// Record type of a [`ControlRecord`].
pub const RTYPE_CONTROL: u8 = 0xF0;
/// Record type of a native record, see [`NativeHeader`].
pub const RTYPE_NATIVE: u8 = 0xF1;

/// What a [`ControlRecord`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum ControlKind {
    /// Messages `sequence .. sequence + count` are lost for good.
    Gap = 1,
    /// The transport's sequence restarted within the session; `sequence` is the next one expected.
    Reset = 2,
    /// A session begins (or the first packet of a running one was seen); `sequence` is its first delivered message.
    SessionStart = 3,
    /// The venue ended the session; `sequence` is the one after its last message.
    SessionEnd = 4,
}

/// A record about a channel rather than about an instrument. 56 bytes, one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ControlRecord {
    /// Length of the record in 32-bit words, as in a DBN header: 14.
    pub length: u8,
    /// [`RTYPE_CONTROL`].
    pub rtype: u8,
    /// DBN publisher of the channel.
    pub publisher_id: u16,
    /// Always 0: a control record concerns the channel.
    pub instrument_id: u32,
    /// The venue's time where it is known, else that of `ts_recv`; nanoseconds since the Unix epoch.
    pub ts_event: u64,
    /// A [`ControlKind`] as its number.
    pub kind: u16,
    /// The channel's id.
    pub channel_id: u8,
    /// Reserved, 0.
    pub reserved: [u8; 5],
    /// First sequence concerned, full 64 bits.
    pub sequence: u64,
    /// How many messages are concerned (`Gap`), else 0.
    pub count: u64,
    /// When the gateway knew; nanoseconds since the Unix epoch.
    pub ts_recv: u64,
    /// The first eight bytes of the session's name, as the wire has them.
    pub session: [u8; 8],
}

/// The 16 bytes in front of the exchange's bytes in a native record.
///
/// With it the longest order message of ITCH 5.0 (40 bytes) still fits one 56-byte slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct NativeHeader {
    /// Length of the record, header and padding included, in 32-bit words.
    pub length: u8,
    /// [`RTYPE_NATIVE`].
    pub rtype: u8,
    /// Exact length of the message behind the header, in bytes.
    pub message_length: u16,
    /// Instrument where the message names one, else 0.
    pub instrument_id: u32,
    /// When the gateway received the packet; nanoseconds since the Unix epoch.
    pub ts_recv: u64,
}

const _: () = assert!(size_of::<ControlRecord>() == 56 && align_of::<ControlRecord>() == 8);
const _: () = assert!(size_of::<NativeHeader>() == 16);
const _: () = assert!(size_of::<v3::MboMsg>() == 56);
