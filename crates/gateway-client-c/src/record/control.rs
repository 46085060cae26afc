//! Records about a channel.

use client::{ControlKind, ControlRecord};

use super::mirrors;

/// What a `gateway_control` tells.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum gateway_control_kind {
    /// Messages `sequence` to `sequence + count - 1` are lost for good, for every reader.
    GATEWAY_CONTROL_GAP = 1,
    /// The transport's sequence restarted within the session; `sequence` is the next one expected.
    GATEWAY_CONTROL_RESET = 2,
    /// A session begins; `sequence` is its first delivered message.
    GATEWAY_CONTROL_SESSION_START = 3,
    /// The venue ended the session; `sequence` is the one after its last message.
    GATEWAY_CONTROL_SESSION_END = 4,
    /// Messages `sequence` to `sequence + count - 1` are missing and asked for; what follows them waits.
    GATEWAY_CONTROL_RECOVERING = 5,
    /// Nothing is waited for any longer; the stream goes on at `sequence`.
    GATEWAY_CONTROL_RECOVERED = 6,
    /// A snapshot begins, valid before message `sequence`: Clear records, then what there is. Nothing up to its end
    /// happened now.
    GATEWAY_CONTROL_SNAPSHOT_BEGIN = 7,
    /// The snapshot is complete and valid before message `sequence`; its last `count` messages had been delivered before.
    GATEWAY_CONTROL_SNAPSHOT_END = 8,
    /// No line brought anything for longer than the venue is ever silent.
    GATEWAY_CONTROL_STALE = 9,
    /// A line brought something again.
    GATEWAY_CONTROL_LIVE = 10,
}

const _: () = {
    use gateway_control_kind as kind;
    assert!(kind::GATEWAY_CONTROL_GAP as u16 == ControlKind::Gap as u16);
    assert!(kind::GATEWAY_CONTROL_RESET as u16 == ControlKind::Reset as u16);
    assert!(kind::GATEWAY_CONTROL_SESSION_START as u16 == ControlKind::SessionStart as u16);
    assert!(kind::GATEWAY_CONTROL_SESSION_END as u16 == ControlKind::SessionEnd as u16);
    assert!(kind::GATEWAY_CONTROL_RECOVERING as u16 == ControlKind::Recovering as u16);
    assert!(kind::GATEWAY_CONTROL_RECOVERED as u16 == ControlKind::Recovered as u16);
    assert!(kind::GATEWAY_CONTROL_SNAPSHOT_BEGIN as u16 == ControlKind::SnapshotBegin as u16);
    assert!(kind::GATEWAY_CONTROL_SNAPSHOT_END as u16 == ControlKind::SnapshotEnd as u16);
    assert!(kind::GATEWAY_CONTROL_STALE as u16 == ControlKind::Stale as u16);
    assert!(kind::GATEWAY_CONTROL_LIVE as u16 == ControlKind::Live as u16);
};

/// Something about a channel rather than about an instrument. 56 bytes; never part of a `.dbn` file.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_control {
    /// Length of the record in 32-bit words.
    pub length: u8,
    /// `GATEWAY_RECORD_CONTROL`.
    pub rtype: u8,
    /// DBN's number of the venue and its dataset.
    pub publisher_id: u16,
    /// 0: it concerns the channel. Another number: this instrument alone, where a feed recovers instrument by instrument
    /// (MDP 3.0).
    pub instrument_id: u32,
    /// The venue's time where it is known, else that of `ts_recv`; nanoseconds since the Unix epoch.
    pub ts_event: u64,
    /// A `gateway_control_kind`; later gateways may have more.
    pub kind: u16,
    /// The channel's id.
    pub channel_id: u8,
    /// Reserved.
    pub reserved: [u8; 5],
    /// First sequence concerned, full 64 bits.
    pub sequence: u64,
    /// How many messages are concerned (gap, recovering, snapshot begin and end), else 0.
    pub count: u64,
    /// When the gateway knew; nanoseconds since the Unix epoch.
    pub ts_recv: u64,
    /// The first eight bytes of the session's name, as the wire has them: not terminated.
    pub session: [u8; 8],
}

mirrors!(
    gateway_control = ControlRecord {
        length,
        rtype,
        publisher_id,
        instrument_id,
        ts_event,
        kind,
        channel_id,
        reserved,
        sequence,
        count,
        ts_recv,
        session,
    }
);
